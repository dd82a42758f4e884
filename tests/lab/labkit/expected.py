"""What a survey of the lab must find, worked out from the truth table (expected.json)."""

import ipaddress
import re

from labkit import bulk as bulk_hosts
from labkit import keys

_LABEL = re.compile(r"^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$", re.IGNORECASE)
_BOGON_SUFFIXES = (".internal", ".local", ".localdomain", ".arpa")


def looked_up(name):
    """Is this a name that a survey asks for?"""
    if "." not in name or len(name) > 253 or name.lower().endswith(_BOGON_SUFFIXES):
        return False
    return all(_LABEL.match(label) for label in name.split("."))


def resolve(table, name, depth=0):
    """Addresses of a name, or None where no answer can be had."""
    value = table.names.get(name, [])
    if name.endswith(f".broken.{table.domain}"):
        return None
    if isinstance(value, str):
        return None if value == "dead" or depth > 10 else \
            resolve(table, table.absolute(value), depth + 1)
    return value


def name_verdict(table, name, ip):
    addresses = resolve(table, name)
    if addresses is None:
        return "unknown"
    if not addresses:
        return "nxdomain"
    return "good" if ip in addresses else "bad"


def by_address(ip):
    """To sort by: IPv4 first, then by number."""
    return ":" in ip, int(ipaddress.ip_address(ip))


def clusters(members):
    """members: {host: set of keys}.  The groups of two or more hosts linked by equal keys."""
    parent = {h: h for h in members}

    def find(h):
        while parent[h] != h:
            parent[h] = parent[parent[h]]
            h = parent[h]
        return h

    first = {}
    for host, fingerprints in members.items():
        for fp in sorted(fingerprints):
            parent[find(first.setdefault(fp, host))] = find(host)
    groups = {}
    for host in members:
        groups.setdefault(find(host), []).append(host)
    out = [sorted(g, key=by_address) for g in groups.values() if len(g) > 1]
    return sorted(out, key=lambda g: (-len(g), by_address(g[0])))


class Expectation:
    """Derives expected.json; options say what the survey's configuration can see.

    tls13: it retries without an upper TLS version; ehlo: it says EHLO to banners without
    ESMTP; patience_s: how long it waits for a greeting; smtps: it grabs 465 and 995.  The
    defaults are those of config/lab.conf.
    """

    def __init__(self, table, key_cache, files, tls13=False, ehlo=True, patience_s=15, smtps=False):
        self.table, self.cache, self.files = table, key_cache, files
        self.tls13, self.ehlo, self.patience_s, self.smtps = tls13, ehlo, patience_s, smtps

    def shown(self, host, port):
        """Does the survey see this port's certificate?"""
        if host.ports[port] is None or (port in (465, 995) and not self.smtps):
            return False
        if port == 25 and (host.synack_only or host.greeting_s >= self.patience_s):
            return False
        return not ((host.versions == "tls13" and not self.tls13)
                    or (host.banner == "noesmtp" and not self.ehlo))

    def keys(self, host):
        """Port -> fingerprints that the port has; of several ssh keys any may be seen."""
        out = {}
        if host.ssh:
            kinds = self.table.ssh_kinds.get(host.ssh, self.table.ssh_default)
            out["p22"] = [self.cache.ssh_sha256(host.ssh, kind) for kind in kinds]
        for port, cert in sorted(host.ports.items()):
            if self.shown(host, port):
                out[f"p{port}"] = [keys.spki_sha256(self.files[cert.id][0])]
        return out

    def names(self, host):
        """Key of the name (rdns, banner, pNdn, pNsanK) -> name, looked up or not."""
        out = {}
        if host.ptr:
            confirmed = [p for p in host.ptr if host.ip in (resolve(self.table, p) or [])]
            out["rdns"] = min(confirmed or host.ptr)
        if (25 in host.ports and host.banner != "reject" and not host.synack_only
                and host.greeting_s < self.patience_s):
            out["banner"] = host.name
        for port, cert in sorted(host.ports.items()):
            if self.shown(host, port):
                out[f"p{port}dn"] = cert.cn
                out.update({f"p{port}san{i}": s for i, s in enumerate(cert.sans)})
        return out

    def host(self, host):
        names = {key: [name, name_verdict(self.table, name, host.ip)]
                 for key, name in self.names(host).items() if looked_up(name)}
        verdicts = {v for _, v in names.values()}
        verdict = ("good" if "good" in verdicts else "unknown" if "unknown" in verdicts
                   else "bad" if verdicts else "none")
        net = self.table.network_of(host.ip)
        return {"verdict": verdict, "names": names, "keys": self.keys(host),
                "country": self.table.country_of(host.ip), "asn": net and net.asn,
                "as": net and net.as_name}

    def scan(self):
        """What a scan of the country and the extra targets on port 25 must find."""
        table = self.table
        ranges = [str(n.net) for n in table.networks
                  if (n.country or n.registered) == table.country and n.net.version == 4]
        ranges += table.extra_targets
        targets = [ipaddress.ip_network(r) for r in ranges]
        found = [h.ip for h in table.hosts if not h.is_v6 and 25 in h.ports
                 and any(ipaddress.ip_address(h.ip) in n for n in targets)]
        return {"ranges": ranges, **self.survey(found)}

    def survey(self, found):
        """What must become of these addresses of hosts."""
        table = self.table
        by_ip = {h.ip: h for h in table.hosts}
        hits = sorted((ip for ip in found if not table.is_blocked(ip)),
                      key=by_address)
        inside = [ip for ip in hits if table.country_of(ip) == table.country]
        hosts = {ip: self.host(by_ip[ip]) for ip in inside}
        members = {ip: {fp for port in h["keys"].values() for fp in port}
                   for ip, h in hosts.items() if h["keys"]}
        return {
            "country": table.country, "blocked": table.blocked, "hits": hits,
            "out_of_country": [ip for ip in hits if ip not in hosts],
            "clusters": clusters(members),
            "dodgy": [ip for ip in inside if ip not in members],
            "dogies": [ip for ip in members if hosts[ip]["verdict"] == "bad"],
            "hosts": hosts,
        }


def bulk(domain, files):
    """Expectation of a survey of the bulk hosts: hosts, ports and clusters."""
    tls = [keys.spki_sha256(files[f"bulk{i}"][0]) for i in range(bulk_hosts.KEYS)]
    hosts = bulk_hosts.hosts(domain)
    members = {h.ip: {tls[h.key]} | ({f"ssh-{h.ssh}"} if h.ssh is not None else set())
               for h in hosts}
    return {"hosts": {h.ip: {"ports": sorted([*h.ports, *([22] if h.ssh is not None else [])]),
                             "key": tls[h.key]} for h in hosts},
            "clusters": clusters(members)}
