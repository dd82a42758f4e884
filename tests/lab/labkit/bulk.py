"""Bulk: 3,000 more hosts in 198.18.128.0/18, and a /18 after it in which every address answers.

One nginx listens once per key and port on high ports; nftables sends each host's port to the
listener of its key, so 3,000 hosts cost about as many server blocks as there are keys.
"""

import ipaddress
import random
from dataclasses import dataclass

from labkit import servers
from labkit.table import Cert

COUNTRY = "FI"  # of the hosts, in hosts.json; the open addresses are in another
HOSTS = 3000
KEYS = 600
SSH_SETS = 64
HOST_NET = "198.18.128.0/18"
OPEN_NET = "198.18.192.0/18"
PORTS = (25, 110, 143, 443, 587, 993)
_SSH_BASE = 2200
_LISTEN_BASE = {25: 10000, 110: 11000, 143: 12000, 443: 13000, 587: 14000, 993: 15000}


@dataclass(frozen=True)
class BulkHost:
    ip: str
    name: str
    a: str | None
    ptr: bool
    key: int
    ports: tuple
    ssh: int | None


def hosts(domain):
    """The same list every time: re-use of keys falls off as in real studies."""
    rnd = random.Random(7)
    base = ipaddress.ip_network(HOST_NET).network_address
    out = []
    for i in range(HOSTS):
        ip = str(base + i)
        key = i if i < KEYS * 0.7 else int(KEYS * rnd.random() ** 3)
        ports = (25, *(p for p in PORTS[1:] if rnd.random() < 0.6))
        ssh = key // 4 if rnd.random() < 0.8 and key < 4 * SSH_SETS else None
        out.append(BulkHost(ip, f"h{i}.bulk.{domain}", "198.18.50.1" if i % 25 == 1 else ip,
                            i % 20 != 0, key, ports, ssh))
    return out


def certs(domain):
    return [Cert(f"bulk{i}", f"kbulk{i}", "ec256" if i % 8 else "rsa2048", f"bk{i}.bulk.{domain}",
                 (f"bk{i}.bulk.{domain}", f"mail.bk{i}.bulk.{domain}"), (), i % 3 != 0, (-30, 335))
            for i in range(KEYS)]


def write(layout, domain, files, ssh_keys):
    """Configurations of all bulk servers; returns [(daemon's name, command)]."""
    bulk = hosts(domain)
    used = sorted({(p, h.key) for h in bulk for p in h.ports} | {(p, 0) for p in PORTS})
    mail, http = [], []
    for port, key in used:
        block = servers.nginx_server(f"0.0.0.0:{_LISTEN_BASE[port] + key}", port,
                                     f"bk{key}.bulk.{domain}", files[f"bulk{key}"])
        (http if port == 443 else mail).append(block)
    daemons = [("nginx-bulk", servers.nginx(layout, "nginx-bulk", mail, http))]
    for i, key_files in enumerate(ssh_keys):
        listen = [f"0.0.0.0:{_SSH_BASE + i}"]
        daemons.append((f"sshd-bulk{i}", servers.sshd(layout, f"bulk{i}", listen, key_files)))
    (layout.etc / "bulk.nft").write_text(_nft(bulk), encoding="utf-8")
    return daemons


def listeners():
    """Ports that are open once everything runs, one of each daemon."""
    return [_LISTEN_BASE[25], *(_SSH_BASE + i for i in range(SSH_SETS))]


def _nft(bulk):
    pairs = [f"{h.ip} . {p} : {_LISTEN_BASE[p] + h.key}" for h in bulk for p in h.ports]
    pairs += [f"{h.ip} . 22 : {_SSH_BASE + h.ssh}" for h in bulk if h.ssh is not None]
    everywhere = ", ".join(f"{p} : {b}" for p, b in _LISTEN_BASE.items())
    ssh = ", ".join(f"{i} : {_SSH_BASE + i}" for i in range(8))
    low = f"{_SSH_BASE}-{_LISTEN_BASE[993] + KEYS}"
    return f"""table ip bulk {{
 map host {{ type ipv4_addr . inet_service : inet_service; elements = {{ {", ".join(pairs)} }} }}
 chain closed {{ type filter hook prerouting priority -150; policy accept;
  ip daddr {{ {HOST_NET}, {OPEN_NET} }} tcp dport {low} reject with tcp reset
 }}
 chain to_listener {{ type nat hook prerouting priority -100; policy accept;
  ip daddr {HOST_NET} meta l4proto tcp redirect to :ip daddr . tcp dport map @host
  ip daddr {OPEN_NET} tcp dport 22 redirect to :jhash ip daddr mod 8 map {{ {ssh} }}
  ip daddr {OPEN_NET} meta l4proto tcp redirect to :tcp dport map {{ {everywhere} }}
 }}
}}
"""
