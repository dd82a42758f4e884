"""The truth table (hosts.json) as objects; everything else in the lab is derived from it."""

import ipaddress
import json
from dataclasses import dataclass, field
from pathlib import Path

# Fixed addresses of the lab's own machinery.  They are the same in every lab because
# each lab has network namespaces of its own.
SCAN_IF = "scan0"
TGT_IF = "tgt0"
SCAN_IP4 = "198.19.0.2"
SCAN_FIRST_IP4 = "198.19.0.3"  # the interface's first, which the route does not prefer
TGT_IP4 = "198.19.0.1"
SCAN_IP6 = "fd5a:9c3e:71d2:ffff::2"
TGT_IP6 = "fd5a:9c3e:71d2:ffff::1"
SCAN_MAC = "02:00:00:00:19:02"
TGT_MAC = "02:00:00:00:19:01"
LAB_NET4 = "198.18.0.0/16"
ULA = "fd5a:9c3e:71d2::/48"

NSD_IP = "198.18.100.53"
DOT_IP = "198.18.100.85"
DOT_NAME = "dot.lab.example"
BAD_DOT_IP = "198.18.100.86"  # shows a certificate that nobody trusts
DEAD_IP = "198.18.60.53"  # name server of the dead zone; nothing answers there

IMPLICIT_TLS = {443, 465, 993, 995}


@dataclass(frozen=True)
class Cert:
    id: str
    key: str
    kind: str
    cn: str
    sans: tuple
    ip_sans: tuple
    by_ca: bool
    days: tuple


@dataclass(frozen=True)
class Network:
    net: ipaddress.IPv4Network | ipaddress.IPv6Network
    country: str | None
    registered: str
    asn: int | None
    as_name: str | None


@dataclass
class Host:
    ip: str
    name: str
    ptr: list
    server: str = "nginx"
    ssh: str | None = None
    ports: dict = field(default_factory=dict)  # port number -> Cert or None
    banner: str | None = None
    versions: str | None = None
    greeting_s: int = 0
    synack_only: bool = False

    @property
    def is_v6(self):
        return ":" in self.ip


class Table:
    """hosts.json, read and checked."""

    def __init__(self, path):
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
        self.domain = raw["domain"]
        if not DOT_NAME.endswith("." + self.domain):
            raise ValueError(f"{path}: {DOT_NAME} is not in the domain {self.domain}")
        self.country = raw["country"]
        self.extra_targets = raw["extra_targets"]
        self.blocked = raw["blocked"]
        self.silent = raw["silent"]
        self.ssh_default = raw["ssh_default"]
        self.ssh_kinds = raw["ssh"]
        self.ssh_modern_only = raw["ssh_modern_only"]
        self.networks = [self._network(n) for n in raw["networks"]]
        self.certs = {i: self._cert(i, c) for i, c in raw["certs"].items()}
        self.hosts = []
        # name -> list of addresses, or a str: a CNAME's target, "servfail" or "dead"
        self.names = {}
        for row in raw["hosts"]:
            self._add_host(row)
        for name, value in raw["names"].items():
            self._add_name(self.absolute(name), value)
        if len({h.ip for h in self.hosts}) != len(self.hosts):
            raise ValueError(f"{path}: an address stands there twice")

    def absolute(self, name):
        return name[:-1] if name.endswith(".") else f"{name}.{self.domain}"

    def _network(self, row):
        country = row.get("country")
        return Network(ipaddress.ip_network(row["net"]), country, row.get("registered", country),
                       row.get("asn"), row.get("as"))

    def _cert(self, ident, row):
        return Cert(ident, row.get("key", "k" + ident), row.get("kind", "rsa2048"),
                    self.absolute(row["cn"]),
                    tuple(self.absolute(s) for s in row.get("sans", ())),
                    tuple(row.get("ip_sans", ())), row.get("ca", False),
                    tuple(row.get("days", (-30, 335))))

    def _add_host(self, row):
        ip, name = row["ip"], self.absolute(row["name"])
        ptr = row.get("ptr", [row["name"]])
        if not isinstance(ptr, list):
            ptr = [] if ptr is None else [ptr]
        host = Host(ip, name, [self.absolute(p) for p in ptr], row.get("server", "nginx"),
                    row.get("ssh"), {}, row.get("banner"), row.get("versions"),
                    row.get("greeting_s", 0), row.get("synack_only", False))
        for cert, ports in row.get("tls", {}).items():
            host.ports.update({p: self.certs[cert] for p in ports})
        host.ports.update({p: None for p in row.get("plain", ())})
        self.hosts.append(host)
        if row.get("a", [ip]):
            self._add_name(name, row.get("a", [ip]))

    def _add_name(self, name, value):
        if not isinstance(value, list):
            self.names[name] = value
            return
        have = self.names.setdefault(name, [])
        have.extend(a for a in value if a not in have)

    def ssh_sets(self):
        """Key set -> (key kinds, addresses of the hosts that share it)."""
        sets = {}
        for h in self.hosts:
            if h.ssh:
                kinds = self.ssh_kinds.get(h.ssh, self.ssh_default)
                sets.setdefault(h.ssh, (kinds, []))[1].append(h.ip)
        return sets

    def network_of(self, ip):
        addr = ipaddress.ip_address(ip)
        for n in self.networks:
            if addr.version == n.net.version and addr in n.net:
                return n
        return None

    def country_of(self, ip):
        n = self.network_of(ip)
        return n and (n.country or n.registered)

    def is_blocked(self, ip):
        addr = ipaddress.ip_address(ip)
        return any(addr in ipaddress.ip_network(b) for b in self.blocked)
