#!/usr/bin/env python3
"""Record files of any size that look like a country's study.

    gen_records.py --hosts 18268 --out DIR [--seed 1] [--layout v1|raw] [--profile full|slim]

--hosts counts the hosts with keys; 30 % more have none, and 0.4 % more are in
another country.  Keys are as made_keys.py makes them: each hashes to its fingerprint.  Slim
records have them, too, and little else.  Written: records.fresh, dns.ndjson with an answer to every
question, truth.json with the clusters.  The same arguments give the same bytes.

The shape follows the published study of 18,268 hosts: 3 keyed ports a host, 53 %
of the hosts in 1,437 clusters, two the commonest size, 1,991 the largest.
Clusters come in four kinds: mirrors (every key on every host), a shared mail
certificate, a cloned SSH image, and chains whose groups hang together by single hosts.
"""
import argparse
import base64
import hashlib
import json
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import made_keys  # noqa: E402

MAIL = ["p25", "p110", "p143", "p587", "p993"]
PORTS = ["p22", "p25", "p110", "p143", "p443", "p587", "p993"]
MODULE = {"p22": "ssh", "p25": "smtp", "p110": "pop3", "p143": "imap", "p443": "http", "p587": "smtp", "p993": "imap"}
AT = "2026-06-15T12:00:00Z"
SUITES = [(49199, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), (49200, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
          (157, "TLS_RSA_WITH_AES_256_GCM_SHA384"), (53, "TLS_RSA_WITH_AES_256_CBC_SHA"), (5, "TLS_RSA_WITH_RC4_128_SHA")]
TLDS = ["ie", "com", "net", "org", "eu"]
PREFIXES = ["www", "mail", "smtp", "imap", "webmail", "autodiscover"]
STUDY, STUDY_CLUSTERS, STUDY_LARGEST, CLUSTERED = 18268, 1437, 1991, 0.53


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def noise(text, n):
    """n reproducible bytes in base64: keys, signatures, certificates that nobody looks into."""
    blocks = (hashlib.sha256(f"{text}.{i}".encode()).digest() for i in range(n // 32 + 1))
    return base64.b64encode(b"".join(blocks)[:n]).decode()


def cluster_sizes(rng, hosts):
    """A few large and many small: a power law under the largest, its slope found by bisection."""
    total = round(CLUSTERED * hosts)
    count = max(1, round(hosts * STUDY_CLUSTERS / STUDY))
    largest = max(2, min(round(hosts * STUDY_LARGEST / STUDY), total - 2 * (count - 1)))
    count, rest = count - 1, total - largest
    if count == 0:
        return [total]
    sizes, low, high = range(2, max(4, largest * 3 // 10)), 1.0, 9.0
    for _ in range(50):
        slope = (low + high) / 2
        weights = [s ** -slope for s in sizes]
        if sum(s * w for s, w in zip(sizes, weights)) / sum(weights) > rest / count:
            low = slope
        else:
            high = slope
    got = rng.choices(sizes, weights, k=count)
    missing = rest - sum(got)
    while missing:
        i, step = rng.randrange(count), 1 if missing > 0 else -1
        if got[i] + step >= 2:
            got[i] += step
            missing -= step
    return got + [largest]


class Host:
    __slots__ = ("keys", "domain", "asn", "abroad", "ip")

    def __init__(self, asn, domain, abroad=False):
        self.keys, self.asn, self.domain, self.abroad, self.ip = {}, asn, domain, abroad, None


class Study:
    def __init__(self, hosts, seed):
        self.rng = random.Random(f"{seed}.{hosts}")
        self.wanted, self.seed, self.nkeys = hosts, seed, 0
        self.nas = max(8, min(400, hosts // 60))
        self.weights = [(i + 1) ** -0.9 for i in range(self.nas)]
        self.hosts = []
        sizes = cluster_sizes(self.rng, hosts)
        for n, size in enumerate(sizes):
            self.cluster(size, n == len(sizes) - 1)
        while len(self.hosts) < hosts:
            self.own_keys(self.host(), self.ports())
        for _ in range(hosts * 3 // 10):
            self.host()
        for _ in range(max(1, hosts // 250)):
            self.own_keys(self.host(abroad=True), ["p22", "p25", "p443"])
        self.rng.shuffle(self.hosts)
        self.addresses()

    def domain(self):
        return f"firm{self.rng.randrange(10 ** 6)}.{self.rng.choice(TLDS)}"

    def host(self, asn=None, domain=None, abroad=False):
        if asn is None:
            asn = self.rng.choices(range(self.nas), self.weights)[0]
        self.hosts.append(Host(asn, domain or self.domain(), abroad))
        return self.hosts[-1]

    def key(self, port):
        self.nkeys += 1
        return ("S" if port == "p22" else "T") + str(self.nkeys)

    def ports(self):
        """Ports that show a key: about as often as in the study, at least one."""
        while True:
            chance = self.rng.random
            got = [p for p, often in (("p22", .50), ("p25", .52), ("p443", .55), ("p587", .25)) if chance() < often]
            x = chance()
            got += ["p110", "p143", "p993"] if x < .27 else ["p143", "p993"] if x < .37 else ["p993"] if x < .42 else []
            if got:
                return got

    def own_keys(self, host, ports):
        mail = self.key("p25")
        for port in ports:
            if port == "p22" or (port == "p443" and self.rng.random() < .16):
                host.keys[port] = self.key(port)
            else:
                host.keys[port] = mail

    def cluster(self, size, largest):
        rng, domain = self.rng, self.domain()
        home = rng.choices(range(self.nas), self.weights)[0]
        spread = rng.random() < .15
        kind = rng.random() if not largest else .5

        def member(named=True):
            away = spread and rng.random() < .3
            return self.host(None if away else home, domain if named else None)
        if kind < .30:
            first = member()
            self.own_keys(first, self.ports())
            for _ in range(size - 1):
                member().keys = dict(first.keys)
        elif kind < .65:
            shared, web = self.key("p25"), rng.random() < .5
            for _ in range(size):
                host, ports = member(), self.ports()
                for port in [p for p in ports if p in MAIL] or [rng.choice(MAIL)]:
                    host.keys[port] = shared
                if "p443" in ports:
                    host.keys["p443"] = shared if web else self.key("p443")
                if "p22" in ports:
                    host.keys["p22"] = self.key("p22")
        elif kind < .85 or size < 4:
            shared = self.key("p22")
            for _ in range(size):
                host = member(False)
                self.own_keys(host, [p for p in self.ports() if p != "p22"])
                host.keys["p22"] = shared
        else:
            self.chain(size, member)

    def chain(self, size, member):
        """Groups with a key each; one host of each group also shows the next group's key."""
        bridge = None
        while size > 0:
            port = self.rng.choice(PORTS)
            key = self.key(port)
            if bridge is not None:
                free = [p for p in PORTS if (p == "p22") == (port == "p22") and p not in bridge.keys]
                if not free:
                    port = next(p for p in PORTS if p not in bridge.keys)
                    key, free = self.key(port), [port]
                bridge.keys[free[0]] = key
            for _ in range(min(size, self.rng.randint(1, max(1, size // 3)))):
                bridge = member()
                bridge.keys[port] = key
                size -= 1

    def addresses(self):
        used = set()
        for h in self.hosts:
            while h.ip is None:
                first = 200 if h.abroad else 20 + h.asn // 250 + 4 * self.rng.randrange(1 + self.wanted // 40000)
                n = self.rng.randrange(1 << 16)
                ip = f"{first}.{h.asn % 250}.{n >> 8}.{n & 255}"
                if ip not in used:
                    used.add(ip)
                    h.ip = ip


class Writer:
    """Records of a study as text; DNS answers on the way."""

    def __init__(self, study, layout, full):
        self.study, self.raw, self.full = study, layout == "raw", full
        self.certs, self.names, self.answers = {}, {}, {}
        self.chain = self.certificate("intermediate", "R3", None, random.Random("chain"))[0] if full else None

    def resolve(self, name, rng, ip):
        """Half of the names lead to the host, some to several addresses, some nowhere."""
        if name in self.answers or name.startswith("*"):
            return
        x = rng.random()
        self.answers[name] = [ip] if x < .5 else [ip, "192.0.2.7"] if x < .55 else []

    def certificate(self, key, cn, sans, rng):
        x, self_signed, expired = rng.random(), rng.random() < .42, rng.random() < .22
        bits = 1024 if x > .94 else 4096 if x > .84 else 2048
        spki = made_keys.tls_key(key, "ec" if x < .08 else "rsa", bits, not self.full)
        subject, algorithm = f"CN={cn}", {"name": "SHA256-RSA", "oid": "1.2.840.113549.1.1.11"}
        parsed = {"version": 3, "serial_number": str(rng.getrandbits(100)), "signature_algorithm": algorithm,
                  "issuer_dn": subject if self_signed else "C=US, O=Example CA, CN=R3", "subject_dn": subject,
                  "subject": {"common_name": [cn]},
                  "validity": {"start": f"202{4 if expired else 6}-04-10T09:04:13Z",
                               "end": f"202{5 if expired else 7}-04-09T09:04:12Z", "length": 31449599},
                  "subject_key_info": spki, "signature": {"signature_algorithm": algorithm, "self_signed": self_signed,
                                                          "value": noise("s" + key, 256) if self.full else ""}}
        extensions = {"basic_constraints": {"is_ca": False}}
        if sans:
            extensions["subject_alt_name"] = {"dns_names": sans}
        if self.full:
            extensions.update(authority_key_id=digest("aki")[:40], subject_key_id=digest("ski" + key)[:40],
                              authority_info_access={"ocsp_urls": ["http://ocsp.ca.example"]},
                              signed_certificate_timestamps=[{"log_id": noise("log", 32), "signature": noise(key, 72)}] * 2)
            for kind in ("sha1", "sha256", "tbs", "tbs_noct", "spki_subject"):
                parsed[f"fingerprint_{kind}"] = digest(kind + key)
            parsed["names"] = sans or [cn]
        parsed["extensions"] = extensions
        raw = noise("der" + key, 1250 if self.full else 3)
        return json.dumps({"raw": raw, "parsed": parsed}, separators=(",", ":")), not self_signed and rng.random() < .8

    def names_of(self, key, host):
        if key not in self.names:
            rng, d = random.Random(f"names.{self.study.seed}.{key}"), host.domain
            x = rng.random()
            cn = f"mx{rng.randrange(40)}.{d}" if x < .45 else d if x < .7 else "*." + d if x < .8 else \
                "localhost.localdomain" if x < .84 else "EXCH01" if x < .88 else "www." + d
            y = rng.random()
            n = 0 if y < .3 else 1 if y < .55 else 2 if y < .75 else rng.randint(3, 12) if y < .93 else \
                rng.randint(13, 60) if y < .985 else rng.randint(100, 180)
            sans = [cn] + [f"{PREFIXES[i]}.{d}" if i < 6 else f"c{i}.other{rng.randrange(10 ** 5)}.{rng.choice(TLDS)}"
                           for i in range(n - 1)] if n else []
            self.names[key] = cn, sans
            for name in dict.fromkeys([cn, *sans]):
                self.resolve(name.lower(), rng, host.ip)
        return self.names[key]

    def handshake(self, host, port, rng):
        key = host.keys[port]
        cn, sans = self.names_of(key, host)
        if key not in self.certs:
            if len(self.certs) > 20000:
                self.certs.clear()
            self.certs[key] = self.certificate(key, cn, sans, random.Random("cert" + key))
        cert, trusted = self.certs[key]
        number, suite = SUITES[min(len(SUITES) - 1, int(rng.expovariate(1.4)))]
        name, version = rng.choices([("TLSv1.2", 771), ("TLSv1.0", 769), ("TLSv1.1", 770)], [17, 2, 1])[0]
        text = ('{"server_hello":{"version":{"name":"%s","value":%d},"random":"%s","session_id":"%s","cipher_suite":'
                '{"hex":"0x%04X","name":"%s","value":%d},"compression_method":0,"ticket":true},"server_certificates":'
                '{"certificate":%s%s,"validation":{"browser_trusted":%s}}' % (
                    name, version, noise(host.ip + port, 32), noise("id" + host.ip, 32), number, suite, number, cert,
                    f',"chain":[{self.chain}]' if self.chain else "", "true" if trusted else "false"))
        if self.full:
            text += ',"server_key_exchange":{"ecdh_params":{"curve_id":{"name":"secp256r1","id":23},"server_public":' \
                    '{"x":{"value":"%s","length":256}}},"signature":{"raw":"%s","type":"rsa","valid":true}},' \
                    '"key_material":{"master_secret":{"value":"%s","length":48}}' % (
                        noise("x", 32), noise("sig" + host.ip, 256), noise("ms", 48))
        return text + "}"

    def ssh(self, host, rng):
        key = host.keys["p22"]
        kind = random.Random("ssh" + key).random()
        public = made_keys.ssh_key(key, "rsa" if kind < .45 else "ec" if kind < .95 else "ed25519",
                                   1024 if kind < .05 else 2048, not self.full)
        offer = '"server_key_exchange":{"cookie":"%s","kex_algorithms":["curve25519-sha256","ecdh-sha2-nistp256",' \
                '"diffie-hellman-group14-sha1"],"host_key_algorithms":["ssh-rsa","rsa-sha2-512","ssh-ed25519"]},' % \
                noise(host.ip, 16) if self.full else ""
        return '{"server_id":{"raw":"SSH-2.0-OpenSSH_8.4","version":"2.0","software":"OpenSSH_8.4"},%s' \
               '"algorithm_selection":{"dh_kex_algorithm":"curve25519-sha256"},"key_exchange":{"server_host_key":' \
               '%s}}' % (offer, json.dumps(public, separators=(",", ":")))

    def result(self, host, port, rng):
        """What zgrab2 puts under "result", or the v1 lines under "data"."""
        if port == "p22":
            text = self.ssh(host, rng)
            return text if self.raw else f'{{"xssh":{text}}}'
        if port == "p443":
            body = "<html>" + "x" * (rng.randrange(200, 6000) if self.full else 0)
            log = self.handshake(host, port, rng)
            text = '{"response":{"status_code":200,"headers":{"server":["nginx"]},"body":"%s","request":{%s}}}' % (
                body, f'"tls_log":{{"handshake_log":{log}}}' if self.raw else f'"tls_handshake":{log}')
            return text if self.raw else f'{{"http":{text}}}'
        greeting = f'"banner":{json.dumps(self.banner(host, rng))},"starttls":"220 go ahead\\r\\n",' if port == "p25" else \
            '"banner":"* OK ready\\r\\n",'
        log = self.handshake(host, port, rng)
        return f'{{{greeting}"tls":{{"handshake_log":{log}}}}}' if self.raw else f'{{{greeting}"tls":{log}}}'

    def banner(self, host, rng):
        name = f"mx{rng.randrange(40)}.{host.domain}"
        self.resolve(name, rng, host.ip)
        return rng.choices([f"220 {name} ESMTP Postfix", f"220-{name} ESMTP Exim 4.94 \r\n220 no spam",
                            "220 localhost.localdomain ESMTP Sendmail", "220 ESMTP", "554 no", ""], [50, 25, 10, 5, 5, 5])[0]

    def record(self, host, rng):
        parts = []
        for port in PORTS:
            if port in host.keys:
                text = self.result(host, port, rng)
                status = "success", f'"result":{text}'
            else:
                text, status = "{}", ("connection-timeout", '"error":"dial tcp: i/o timeout"')
            if self.raw:
                text = '{"%s":{"status":"%s","protocol":"%s","port":%s,"timestamp":"%s",%s}}' % (
                    MODULE[port], status[0], MODULE[port], port[1:], AT, status[1])
            parts.append(f'"{port}":{{"ip":"{host.ip}","data":{text}}}')
        x = rng.random()
        if x < .8:
            self.ptr(host, f"mx{rng.randrange(40)}.{host.domain}" if x < .55 else
                     f"{host.ip.replace('.', '-')}.dyn.as{host.asn}.example.net", rng)
        return '{"ip":"%s","writer":"FreshGrab.py","autonomous_system":{"name":"Network %d Ltd","asn":%d},' \
               '"location":{"country_code":"%s"},%s}\n' % (
                   host.ip, host.asn, 64512 + host.asn, "GB" if host.abroad else "IE", ",".join(parts))

    def ptr(self, host, name, rng):
        self.answers.setdefault(name, [host.ip] if rng.random() < .85 else [])
        self.answers[host.ip] = name

    def write(self, out):
        with open(f"{out}/records.fresh", "w") as f:
            for i, host in enumerate(self.study.hosts):
                f.write(self.record(host, random.Random(f"{self.study.seed}.{i}")))
        with open(f"{out}/dns.ndjson", "w") as f:
            for name, found in sorted(self.answers.items()):
                if isinstance(found, list):
                    self.answer(f, name, "A", found)
            for host in self.study.hosts:
                reverse = ".".join(reversed(host.ip.split("."))) + ".in-addr.arpa"
                self.answer(f, reverse, "PTR", [self.answers[host.ip]] if host.ip in self.answers else [])

    @staticmethod
    def answer(f, name, kind, found):
        f.write('{"name":"%s","type":"%s","outcome":"%s","answers":%s,"cname":[],"at":"%s","ms":1}\n' % (
            name, kind, "noerror" if found else "nxdomain", json.dumps(found, separators=(",", ":")), AT))


def components(hosts):
    """Connected components of two or more hosts, by union-find over keys."""
    parent = list(range(len(hosts)))

    def find(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i
    first = {}
    for i, h in enumerate(hosts):
        for key in h.keys.values():
            parent[find(i)] = find(first.setdefault(key, i))
    members = {}
    for i, h in enumerate(hosts):
        members.setdefault(find(i), []).append(h.ip)
    return [sorted(m) for m in members.values() if len(m) > 1]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--hosts", type=int, required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--layout", choices=["v1", "raw"], default="v1")
    p.add_argument("--profile", choices=["full", "slim"], default="full")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    study = Study(a.hosts, a.seed)
    Writer(study, a.layout, a.profile == "full").write(a.out)
    home = [h for h in study.hosts if h.keys and not h.abroad]
    clusters = components(home)
    with open(f"{a.out}/truth.json", "w") as f:
        json.dump({"records": len(study.hosts), "with_keys": len(home),
                   "host_ports": sum(len(h.keys) for h in home), "keys": len({k for h in home for k in h.keys.values()}),
                   "largest": max(map(len, clusters), default=0), "clusters": sorted(clusters)}, f)


if __name__ == "__main__":
    main()
