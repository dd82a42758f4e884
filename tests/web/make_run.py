#!/usr/bin/env python3
"""Make the files of a run directory, without a run, for the tests and benchmarks
of pictures, report and statistics.

Everything comes from a seeded generator: the same arguments give the same
bytes.  Addresses are of 198.18.0.0/15 and fd53::/16.  --shape makes a single
cluster of a known form; without it the sizes follow a power law as real
studies' do.  --hostile puts texts into names and AS names that would do harm
if they reached a page, a picture or a table unescaped.
"""
import argparse
import hashlib
import json
import pathlib
import random

PORTS = ["p22", "p25", "p110", "p143", "p443", "p587", "p993"]
TLS_PORTS = PORTS[1:]
HOSTILE = [
    "</script><script>document.title='run'</script>",
    "<img src=x onerror=\"document.title='run'\">",
    "]]><x/>",
    "\"onmouseover=\"document.title='run'",
    "'; document.title='run'; '",
    "\u202egpj.exe\u202c",
    "\x1b[2J\x1b[31mred",
    "=HYPERLINK(\"http://198.18.0.1/\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\\N\\G\\L <b>bold</b>",
    "<<table><tr><td>html label</td></tr></table>>",
    "${7*7}{{7*7}}",
    "javascript:document.title='run'",
    "nul\x00byte.example.ie",
    "\\input{/etc/passwd} $x_1^2$ & % # ~",
    "w" * 65536,
]


def address(i):
    return f"198.{18 + (i >> 16)}.{i >> 8 & 255}.{i & 255}"


def fingerprint(rng):
    return hashlib.sha256(rng.randbytes(16)).hexdigest()


class Run:
    def __init__(self, args):
        self.args = args
        self.rng = random.Random(args.seed)
        words = "Boyne Liffey Shannon Corrib Lagan Slaney Nore Barrow Erne Moy Suir Lee".split()
        kinds = "Hosting Telecom Broadband Networks Cloud Datacentres Internet Mail".split()
        self.ases = [(64512 + i, f"{words[i % 12]} {kinds[i // 12 % 8]} Ltd") for i in range(600)]
        if args.hostile:
            for i, text in enumerate(HOSTILE):
                self.ases[i] = (64512 + i, text)
        self.hosts = []
        self.clusters = []

    def new_host(self, as_bias=None):
        i = len(self.hosts)
        rank = as_bias if as_bias is not None else min(int(self.rng.paretovariate(0.7)) - 1, 599)
        asn, name = self.ases[rank]
        host = {"ip": address(i), "ip_record": i, "asn": asn, "as": name, "ports": {}}
        self.hosts.append(host)
        return host

    def own_keys(self, host):
        """Keys that nobody shares, on the ports that have none yet."""
        rng = self.rng
        if "p22" not in host["ports"] and rng.random() < 0.7:
            host["ports"]["p22"] = fingerprint(rng)
        if rng.random() < 0.8:
            fp = fingerprint(rng)
            for p in rng.sample(TLS_PORTS, rng.randint(1, 6)):
                host["ports"].setdefault(p, fp)
        if not host["ports"]:
            host["ports"]["p25"] = fingerprint(rng)

    def cluster(self, size, shape=None):
        rng = self.rng
        shape = shape or rng.choices(["clone", "cert", "both", "hosting", "chain"], [3, 4, 2, 4, 1])[0]
        if size < 3 and shape in ("hosting", "chain"):
            shape = "cert"
        bias = None if rng.random() < 0.3 else min(int(rng.paretovariate(0.7)) - 1, 599)
        hosts = [self.new_host(None if rng.random() < 0.15 else bias) for _ in range(size)]
        if shape in ("clone", "both"):
            fp = fingerprint(rng)
            for h in hosts:
                h["ports"]["p22"] = fp
        if shape in ("cert", "both"):
            fp, ports = fingerprint(rng), rng.sample(TLS_PORTS, rng.randint(1, 6))
            for h in hosts:
                mine = [p for p in ports if rng.random() < 0.9] or ports[:1]
                for p in mine:
                    h["ports"][p] = fp
        if shape == "hosting":
            # A few certificates of the platform, some images with one host key, and
            # links between the parts so that the cluster holds together.
            nkeys = max(2, int(size ** 0.55))
            keys = [fingerprint(rng) for _ in range(nkeys)]
            for n, h in enumerate(hosts):
                k = n if n < nkeys else min(int(rng.paretovariate(0.9)) - 1, nkeys - 1)
                for p in rng.sample(TLS_PORTS, rng.randint(1, 5)):
                    h["ports"][p] = keys[k]
                if 0 < n < nkeys:
                    h["ports"][rng.choice(TLS_PORTS[:2])] = keys[rng.randrange(n)]
                    h["ports"]["p993"] = keys[n]
                if rng.random() < 0.2:
                    h["ports"]["p22"] = keys[-1]
        if shape == "chain":
            links = [fingerprint(rng) for _ in range(size - 1)]
            for n, h in enumerate(hosts):
                if n > 0:
                    h["ports"]["p25"] = links[n - 1]
                if n < size - 1:
                    h["ports"]["p443" if n % 2 else "p993"] = links[n]
        if shape == "ssh-is-tls":
            fp = fingerprint(rng)
            for n, h in enumerate(hosts):
                h["ports"]["p22" if n % 2 else "p443"] = fp
                h["ports"]["p25"] = fp
        for h in hosts:
            self.own_keys(h)

    def fill(self):
        args = self.args
        if args.shape:
            self.cluster(args.largest, args.shape)
            return
        sizes = [args.largest]
        clustered = int(args.hosts * args.share)
        left = max(clustered - args.largest, 2 * (args.clusters - 1))
        for i in range(args.clusters - 1):
            rest = args.clusters - 2 - i
            most = max(2, min(left - 2 * rest, args.largest // 3))
            sizes.append(min(1 + max(1, int(self.rng.paretovariate(0.95))), most))
            left -= sizes[-1]
        self.rng.shuffle(sizes)
        for size in sizes:
            self.cluster(size)
        while len(self.hosts) < args.hosts:
            self.own_keys(self.new_host())

    def group(self):
        """Connected components, numbered by lowest record: what survey would find."""
        parent = list(range(len(self.hosts)))

        def root(i):
            while parent[i] != i:
                parent[i] = parent[parent[i]]
                i = parent[i]
            return i

        first = {}
        for i, h in enumerate(self.hosts):
            for fp in h["ports"].values():
                a, b = root(first.setdefault(fp, i)), root(i)
                parent[max(a, b)] = min(a, b)
        members = {}
        for i in range(len(self.hosts)):
            members.setdefault(root(i), []).append(i)
        self.clusters = [m for m in members.values() if len(m) > 1]
        for number, m in enumerate(self.clusters, 1):
            for i in m:
                self.hosts[i]["cluster"] = number
                self.hosts[i]["csize"] = len(m)

    def names(self, h):
        rng, n = self.rng, h["ip_record"]
        base = f"mx{n}.example{n % 97}.ie"
        names = [("rdns", f"static-{n}.isp{n % 31}.ie", rng.choice(["good", "bad"])),
                 ("banner", base, rng.choice(["good", "good", "bad", "nxdomain", "unknown"]))]
        for p in h["ports"]:
            if p != "p22" and rng.random() < 0.5:
                names.append((p + "dn", f"www.example{n % 97}.ie", rng.choice(["bad", "nxdomain"])))
                for s in range(rng.randint(0, 3)):
                    names.append((f"{p}san{s}", f"alt{s}.example{n % 97}.ie", "nxdomain"))
        if self.args.hostile:
            names.append(("p25dn" if "p25" in h["ports"] else "rdns2",
                          HOSTILE[n % len(HOSTILE)].replace("\x00", ""), "nxdomain"))
        return names

    def facts(self, h):
        rng, facts = self.rng, {p: {} for p in PORTS}
        for p in h["ports"]:
            if p == "p22":
                facts[p] = rng.choice([{"rsalen": 2048}, {"rsalen": 3072}, {"alg": "ssh-ed25519"},
                                       {"alg": "ecdsa-sha2-nistp256"}, {"rsalen": 1024}])
            else:
                f = rng.choice([{"rsalen": 2048}, {"rsalen": 4096}, {"ecdsacurve": "P-256"}, {"rsalen": 1024}])
                self_signed = rng.random() < 0.4
                facts[p] = {**f, "cipher_suite": rng.choice([4865, 49199, 49200, 157, 5, 10]),
                            "browser_trusted": not self_signed and rng.random() < 0.6,
                            "self_signed": self_signed, "timely": rng.random() < 0.85}
        return facts

    def write(self, out):
        out.mkdir(parents=True, exist_ok=True)
        self.group()
        with open(out / "clusters.json", "w") as f:
            f.write("[\n")
            for number, m in enumerate(self.clusters, 1):
                keys = {}
                for i in m:
                    for p, fp in self.hosts[i]["ports"].items():
                        keys.setdefault(fp, []).append([self.hosts[i]["ip"], p])
                doc = {"id": number, "size": len(m),
                       "hosts": [{k: self.hosts[i][k] for k in ("ip", "ip_record", "asn", "as")} for i in m],
                       "keys": [{"fp": fp, "kind": "ssh" if at[0][1] == "p22" else "tls", "at": at}
                                for fp, at in keys.items()]}
                f.write(json.dumps(doc, separators=(",", ":")))
                f.write(",\n" if number < len(self.clusters) else "\n")
            f.write("]\n")
        with open(out / "all-key-fingerprints.json", "w") as f, open(out / "verdicts.ndjson", "w") as v:
            f.write("[\n")
            for n, h in enumerate(self.hosts):
                names = self.names(h)
                nameset = {k: name for k, name, _ in names}
                nameset["besty"] = [k for k, _, verdict in names if verdict == "good"]
                nameset["unknown"] = [k for k, _, verdict in names if verdict == "unknown"]
                nameset["allbad"] = all(verdict == "nxdomain" for _, _, verdict in names)
                for k, _, verdict in names:
                    if verdict == "bad":
                        nameset[k + "-ip"] = "198.19.255.1"
                doc = {"ip": h["ip"], "ip_record": h["ip_record"], "writer": "survey", "asn": h["as"],
                       "asndec": h["asn"], "clusternum": h.get("cluster", 0), "csize": h.get("csize", 1),
                       "nrcs": 0, "fprints": h["ports"], "rcs": {},
                       "analysis": {**self.facts(h), "nameset": nameset}}
                f.write(json.dumps(doc, separators=(",", ":")))
                f.write(",\n" if n + 1 < len(self.hosts) else "\n")
                found = [x for _, _, x in names]
                verdict = next((x for x in ("good", "unknown", "bad") if x in found), "bad")
                v.write(json.dumps({"ip": h["ip"], "ip_record": h["ip_record"], "verdict": verdict,
                                    "names": [{"key": k, "name": name, "verdict": x, "addresses": []}
                                              for k, name, x in names]}) + "\n")
            f.write("]\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("output", type=pathlib.Path)
    p.add_argument("--hosts", type=int, default=18268)
    p.add_argument("--clusters", type=int, default=1437)
    p.add_argument("--largest", type=int, default=1991)
    p.add_argument("--share", type=float, default=0.53, help="of hosts in clusters")
    p.add_argument("--shape", choices=["clone", "cert", "both", "hosting", "chain", "ssh-is-tls"])
    p.add_argument("--hostile", action="store_true")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    run = Run(args)
    run.fill()
    run.write(args.output)
    print(f"{len(run.hosts)} hosts, {len(run.clusters)} clusters, "
          f"largest {max(map(len, run.clusters), default=0)}")


if __name__ == "__main__":
    main()
