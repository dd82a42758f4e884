"""The lab's own DNS: a root and all zones on NSD, and Unbound as the DNS-over-TLS upstream.

Zones that are broken on purpose: `broken` (NSD has no data for it: SERVFAIL) and `dead`
(delegated to an address that answers nothing: a timeout in the end).
"""

import ipaddress
import shutil

from labkit import table as t

_SOA = "SOA ns.{0}. hostmaster.{0}. 1 3600 600 86400 300"
REVERSE4 = "18.198.in-addr.arpa"


def _label_text(name):
    """A name in zone file syntax: special characters escaped."""
    return "".join(c if c.isalnum() or c in "-_.*" else f"\\{ord(c):03d}" for c in name)


def _address_record(name, address):
    kind = "AAAA" if ":" in address else "A"
    return f"{_label_text(name)}. {kind} {address}"


def _zone(origin, domain, records):
    return "\n".join([f"$ORIGIN {origin}.", "$TTL 300", f"@ {_SOA.format(domain)}",
                      f"@ NS ns.{domain}.", *records]) + "\n"


def reverse_name(ip):
    return ipaddress.ip_address(ip).reverse_pointer


def _forward_records(table):
    domain = table.domain
    out = [f"ns.{domain}. A {t.NSD_IP}", f"{t.DOT_NAME}. A {t.DOT_IP}",
           f"broken.{domain}. NS ns.{domain}.", f"ns.dead.{domain}. A {t.DEAD_IP}",
           f"dead.{domain}. NS ns.dead.{domain}."]
    for name, value in table.names.items():
        if isinstance(value, list):
            out += [_address_record(name, a) for a in value]
        elif value not in ("servfail", "dead"):
            out.append(f"{_label_text(name)}. CNAME {_label_text(table.absolute(value))}.")
    return out


def write(layout, table, files, bulk):
    """Zones and configurations; returns [(daemon's name, command)]."""
    etc, domain = layout.etc / "dns", table.domain
    ula = ipaddress.ip_network(t.ULA)
    reverse6 = ".".join(ula.network_address.reverse_pointer.split(".")[32 - ula.prefixlen // 4:])
    forward, reverse = _forward_records(table), []
    for h in table.hosts:
        reverse += [(h.ip, p) for p in h.ptr]
    for h in bulk:
        forward += [_address_record(h.name, h.a)] if h.a else []
        reverse += [(h.ip, h.name)] if h.ptr else []
    ptrs = [f"{reverse_name(ip)}. PTR {_label_text(name)}." for ip, name in reverse]
    zones = {
        ".": "\n".join(["$ORIGIN .", "$TTL 300", f". {_SOA.format(domain)}", f". NS ns.{domain}.",
                        f"ns.{domain}. A {t.NSD_IP}",
                        *(f"{z}. NS ns.{domain}." for z in (domain, REVERSE4, reverse6))]) + "\n",
        domain: _zone(domain, domain, forward),
        REVERSE4: _zone(REVERSE4, domain, [p for p in ptrs if ".ip6.arpa." not in p]),
        reverse6: _zone(reverse6, domain, [p for p in ptrs if ".ip6.arpa." in p]),
        f"broken.{domain}": None,
    }
    for origin, text in zones.items():
        if text is not None:
            (etc / _zone_file(origin)).write_text(text, encoding="utf-8")
    (etc / "root.hints").write_text(
        f". 3600000 NS ns.{domain}.\nns.{domain}. 3600000 A {t.NSD_IP}\n", encoding="utf-8")
    return [("nsd", _nsd(layout, zones)),
            ("unbound-dot", _unbound(layout, "unbound-dot", t.DOT_IP, files["dot"], True)),
            ("unbound-baddot", _unbound(layout, "unbound-baddot", t.BAD_DOT_IP, files["baddot"],
                                        False))]


def _zone_file(origin):
    return "root.zone" if origin == "." else f"{origin}.zone"


def _nsd(layout, zones):
    path = layout.etc / "dns" / "nsd.conf"
    stanzas = "".join(f'zone:\n  name: "{z}"\n  zonefile: "{_zone_file(z)}"\n' for z in zones)
    path.write_text(f"""server:
  ip-address: {t.NSD_IP}@53
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{layout.etc}/dns"
  database: ""
  zonelistfile: "{layout.run}/nsd-zone.list"
  xfrdfile: "{layout.run}/nsd-xfrd.state"
  xfrdir: "{layout.run}"
  pidfile: "{layout.run}/nsd.pid"
  logfile: "{layout.log}/nsd.log"
remote-control:
  control-enable: no
{stanzas}""", encoding="utf-8")
    return ["nsd", "-d", "-c", str(path)]


def _unbound(layout, name, address, files, plain):
    """The resolver that surveys ask over TLS; plain: also on port 53.

    It runs from a copy: Debian's AppArmor profile for /usr/sbin/unbound allows no reading
    in the lab's directory.
    """
    binary = layout.run / "unbound"
    if not binary.exists():
        shutil.copy(shutil.which("unbound"), binary)
    path = layout.etc / "dns" / f"{name}.conf"
    path.write_text(f"""server:
  chroot: ""
  username: ""
  directory: "{layout.run}"
  pidfile: "{layout.run}/{name}.pid"
  logfile: "{layout.log}/{name}.log"
  use-syslog: no
  num-threads: 1
  interface: {address}@853
{f"  interface: {address}@53" if plain else ""}
  tls-service-pem: "{files[0]}"
  tls-service-key: "{files[1]}"
  tls-port: 853
  access-control: 198.19.0.0/24 allow
  root-hints: "{layout.etc}/dns/root.hints"
  module-config: "iterator"
  qname-minimisation: no
  outgoing-range: 4096
  num-queries-per-thread: 4096
  incoming-num-tcp: 200
  so-rcvbuf: 0
  do-ip6: no
  local-zone: "d.f.ip6.arpa." nodefault
remote-control:
  control-enable: no
""", encoding="utf-8")
    return [str(binary), "-d", "-c", str(path)]
