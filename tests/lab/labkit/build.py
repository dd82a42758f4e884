"""Making a lab's files, and bringing its network and servers up."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from labkit import bulk as bulk_hosts
from labkit import dns, expected, geo, keys, servers
from labkit import table as t
from labkit.sandbox import ENDING, MOUNT, LabError, in_netns, join_netns

_LAB = Path(__file__).resolve().parent.parent
_TOP = _LAB.parent.parent
_TABLE = _LAB / "hosts.json"
_READY_S = 60

DOT_CERT = t.Cert("dot", "kdot", "ec256", t.DOT_NAME, (t.DOT_NAME,), (t.DOT_IP,), True, (-30, 335))
BAD_DOT_CERT = t.Cert("baddot", "kbaddot", "ec256", t.DOT_NAME, (t.DOT_NAME,), (t.BAD_DOT_IP,),
                      False, (-30, 335))


def load():
    return t.Table(_TABLE)


def _write(path, text):
    Path(path).write_text(text, encoding="utf-8")


def _certificates(table):
    cache = keys.KeyCache(keys.cache_dir() / "keys")
    with cache.locked():
        authority = keys.Authority(cache)
        return cache, authority, {cert.id: authority.issue(cert) for cert in
                                  [*table.certs.values(), DOT_CERT, BAD_DOT_CERT]}


def expectation(**options):
    """The expectation of a survey with these options (see expected.Expectation)."""
    table = load()
    cache, _, files = _certificates(table)
    return expected.Expectation(table, cache, files, **options)


def prepare():
    """In the keeper, wlayout the lab's directory is at MOUNT: everything a lab is made of."""
    table, layout = load(), servers.Layout(MOUNT)
    layout.prepare()
    cache, authority, files = _certificates(table)
    with cache.locked():
        ssh = {name: ([cache.file(name, kind, ssh=True) for kind in kinds], ips)
               for name, (kinds, ips) in table.ssh_sets().items()}
    shutil.copy(authority.ca_file, MOUNT / "ca.pem")
    (MOUNT / "ca.pem").chmod(0o644)
    geo.write_mmdbs(table, MOUNT / "mmdb", MOUNT / "mmdb-flat")
    geo.write_csvs(table, MOUNT / "csv")
    _write(MOUNT / "block.txt", "# networks that a survey of the lab must never touch\n"
           + "".join(f"{b}\n" for b in table.blocked))
    _write(layout.etc / "resolv.conf", f"nameserver {t.DOT_IP}\n")
    daemons = _daemons(layout, table, files, ssh)
    _write(layout.etc / "daemons.json", json.dumps(daemons))
    _write(MOUNT / "expected.json",
           json.dumps(expected.Expectation(table, cache, files).scan(), indent=1) + "\n")


def _daemons(layout, table, files, ssh):
    """Configurations of the servers; [(name, command)]."""
    out = [(f"sshd-{name}", servers.sshd(layout, name, ips, key_files,
                                         name in table.ssh_modern_only))
           for name, (key_files, ips) in ssh.items()]
    real = [h for h in table.hosts if h.server == "real"]
    out.append(("nginx", servers.nginx_hosts(
        layout, [h for h in table.hosts if h.server == "nginx"], files)))
    out.append(("postfix", servers.postfix(layout, table.domain, real, files)))
    out.append(("dovecot", servers.dovecot(layout, [h for h in real if 143 in h.ports], files)))
    out.append(("apache", servers.apache(layout, [h for h in real if 443 in h.ports], files)))
    out += dns.write(layout, table, files, bulk_hosts.hosts(table.domain))
    return out


def _sysctl(name, value):
    try:
        Path("/proc/sys", name).write_text(value, encoding="ascii")
    except OSError as e:
        print(f"sysctl {name}: {e}", flush=True)


def _run(argv, text=None):
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip()}")


def _network(table, tgt):
    """A veth pair; all lab addresses are local to the target's side of it."""
    pair = f"address {t.SCAN_MAC} type veth peer name {t.TGT_IF} address {t.TGT_MAC}"
    v6 = [h.ip for h in table.hosts if h.is_v6] if os.path.exists("/proc/net/if_inet6") else []
    _sysctl("net/ipv4/ip_local_port_range", "1024 65000")
    _sysctl("net/ipv6/conf/all/disable_ipv6", "0")
    _sysctl("net/ipv6/conf/default/disable_ipv6", "0")
    _run(["ip", "-batch", "-"], f"""link set lo up
link add {t.SCAN_IF} {pair} netns {os.path.basename(tgt)}
addr add {t.SCAN_FIRST_IP4}/24 dev {t.SCAN_IF}
addr add {t.SCAN_IP4}/24 dev {t.SCAN_IF}
""" + (f"addr add {t.SCAN_IP6}/64 dev {t.SCAN_IF} nodad\n" if v6 else "")
         + f"link set {t.SCAN_IF} up\n")
    with in_netns(tgt):
        _sysctl("net/ipv4/ip_forward", "0")
        _sysctl("net/core/somaxconn", "16384")
        _sysctl("net/ipv4/tcp_max_syn_backlog", "16384")
        _sysctl("net/ipv6/conf/all/disable_ipv6", "0")
        _sysctl("net/ipv6/conf/default/disable_ipv6", "0")
        _run(["ip", "-batch", "-"], f"""link set lo up
addr add {t.TGT_IP4}/24 dev {t.TGT_IF}
link set {t.TGT_IF} up
route add local {t.LAB_NET4} dev lo
""" + (f"addr add {t.TGT_IP6}/64 dev {t.TGT_IF} nodad\n" if v6 else "")
             + "".join(f"addr add {a}/128 dev lo nodad\n" for a in v6))
        mute = "".join(f"ip daddr {h.ip} tcp flags & (syn | ack) != syn drop\n"
                       for h in table.hosts if h.synack_only)
        _run(["nft", "-f", "-"], f"""table ip lab {{
 chain in {{ type filter hook input priority 0; policy accept;
  ip daddr {{ {", ".join(table.silent)} }} drop
  {mute}
 }}
}}
""")
    _run(["ip", "-batch", "-"], f"route add default via {t.TGT_IP4} src {t.SCAN_IP4}\n"
         + (f"route add default via {t.TGT_IP6}\n" if v6 else ""))


class Daemons:
    """Servers in the target's network, as children of this process."""

    def __init__(self, tgt, log):
        self.tgt, self.log = tgt, log
        self.running = []

    def start(self, name, argv):
        def prepare():
            join_netns(self.tgt)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

        # An end that comes between the fork and the note of it would leave the server behind.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            with open(self.log / f"{name}.out", "ab") as out:
                child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                         start_new_session=True, preexec_fn=prepare)
            self.running.append((name, child))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def kill(self):
        for _, child in self.running:
            os.killpg(child.pid, signal.SIGKILL)

    def wait_listening(self, wanted):
        """Until every (address or None for any, port) listens; LabError when one cannot."""
        end = time.monotonic() + _READY_S
        with in_netns(self.tgt):
            while missing := wanted - _listening():
                for name, child in self.running:
                    if child.poll() is not None:
                        raise LabError(f"{name} ended with status {child.returncode}: "
                                       + self._last_words(name))
                if time.monotonic() > end:
                    raise LabError(f"not listening after {_READY_S} s: {sorted(missing)[:8]}")
                time.sleep(0.05)

    def _last_words(self, name):
        out = b""
        for log in (self.log / f"{name}.out", self.log / f"{name.split('-')[0]}.log"):
            if log.exists():
                out += log.read_bytes()[-1500:]
        return out.decode(errors="replace").strip()


def _listening():
    """{(IPv4 address or "0.0.0.0", port)} of TCP listeners in this network namespace."""
    out = set()
    for line in Path("/proc/thread-self/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] != "0A":
            continue
        address, port = fields[1].split(":")
        octets = reversed(bytes.fromhex(address))
        out.add((".".join(map(str, octets)), int(port, 16)))
    return out


def _wait_routed(wanted):
    """Until each IPv6 address has a route, which may be ready a little later.  Sends nothing."""
    end = time.monotonic() + _READY_S
    for ip in wanted:
        while True:
            try:
                with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                    probe.connect((ip, 9))
                break
            except OSError as e:
                if time.monotonic() > end:
                    raise LabError(f"{ip} has no route: {e}") from e
                time.sleep(0.05)


def bring_up(tgt):
    """In the lab's init: network, servers; returns when all of them listen."""
    table, layout = load(), servers.Layout(MOUNT)
    _network(table, tgt)
    daemons = Daemons(tgt, layout.log)
    for name, argv in json.loads((layout.etc / "daemons.json").read_text(encoding="utf-8")):
        daemons.start(name, argv)
    wanted = {(h.ip, p) for h in table.hosts if not h.is_v6 for p in h.ports}
    wanted |= {(ip, 22) for _, ips in table.ssh_sets().values() for ip in ips if ":" not in ip}
    wanted |= {(t.NSD_IP, 53), (t.DOT_IP, 853), (t.BAD_DOT_IP, 853)}
    daemons.wait_listening(wanted)
    if os.path.exists("/proc/net/if_inet6"):
        _wait_routed([h.ip for h in table.hosts if h.is_v6])


def bulk(tgt):
    """For `lab bulk`, among the lab's servers: the bulk hosts join.  Returns when they listen."""
    table, layout = load(), servers.Layout(MOUNT)
    certs = bulk_hosts.certs(table.domain)
    cache = keys.KeyCache(keys.cache_dir() / "keys")
    with cache.locked():
        authority = keys.Authority(cache)
        files = {cert.id: authority.issue(cert) for cert in certs}
        ssh = [[cache.file(f"sbulk{i}", kind, ssh=True) for kind in table.ssh_default]
               for i in range(bulk_hosts.SSH_SETS)]
    _write(MOUNT / "bulk-expected.json",
           json.dumps(expected.bulk(table.domain, files), indent=1) + "\n")
    _write(MOUNT / "bulk.conf", _bulk_conf())
    daemons = Daemons(tgt, layout.log)
    try:
        for name, argv in bulk_hosts.write(layout, table.domain, files, ssh):
            daemons.start(name, argv)
        daemons.wait_listening({("0.0.0.0", port) for port in bulk_hosts.listeners()})
        with in_netns(tgt):
            _run(["nft", "-f", str(layout.etc / "bulk.nft")])
    except BaseException:
        daemons.kill()
        raise


def bulk_is_up(tgt):
    with in_netns(tgt):
        return subprocess.run(["nft", "list", "map", "ip", "bulk", "host"], check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def _bulk_conf():
    """config/lab.conf, but for the country of the bulk hosts, and fast."""
    text = (_TOP / "config" / "lab.conf").read_text(encoding="utf-8")
    for old, new in (('name = "lab"', 'name = "bulk"'), ('"../runs"', f'"{_TOP}/runs"'),
                     ('countries = {"IE"}', f'countries = {{"{bulk_hosts.COUNTRY}"}}'),
                     ('targets = {"198.18.40.0/24"}', "targets = {}"),
                     ("rate_pps = 1000", "rate_pps = 10000"),
                     ("rate_hosts = 50", "rate_hosts = 1000")):
        if old not in text:
            raise LabError(f"config/lab.conf has no {old}")
        text = text.replace(old, new)
    return text
