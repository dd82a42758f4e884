#!/usr/bin/env python3
"""compare on runs of the size of a country, generated with known changes.

usage: generated.py SURVEY [HOSTS]

A first run of HOSTS hosts (18,268), and a second one in which 5 % of the hosts outside the
clusters that matter have gone and as many are new, three pairs of clusters have merged,
three have split, and two keys have moved to other hosts.  What compare says must be just that.
"""
import hashlib
import ipaddress
import json
import pathlib
import random
import subprocess
import sys
import tempfile

SURVEY = sys.argv[1]
HOSTS = int(sys.argv[2]) if len(sys.argv) > 2 else 18268
FIRST = int(ipaddress.ip_address("198.18.0.0"))


def fp(word):
    return hashlib.sha256(str(word).encode()).hexdigest()


def address(n):
    return str(ipaddress.ip_address(FIRST + n))


def survey(*args, status=0):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True)
    if r.returncode != status:
        sys.exit(f"survey {args}: status {r.returncode} instead of {status}: {r.stderr[-2000:]}")
    return r.stdout


def write(folder, hosts):
    """hosts: {ip: word of its SSH key}."""
    folder.mkdir()
    with open(folder / "records.fresh", "w") as f:
        for ip, word in hosts.items():
            f.write(json.dumps({"ip": ip, "writer": "survey", "p22": {"data": {"ssh": {"status": "success", "result": {
                "key_exchange": {"server_host_key": {"algorithm": "ssh-ed25519", "fingerprint_sha256": fp(word)}}}}}}}) + "\n")
    survey("analyze", folder, "--country", "XX", "--pairs-up-to", 10)
    return folder


def make(rng):
    """Both runs, and what is to be told of the second one."""
    first, at = {}, 0
    clusters = []  # lists of addresses
    while at < HOSTS // 2:
        size = rng.choice([2] * 8 + [3, 4, 6, 9, 20])
        clusters.append([address(at + i) for i in range(size)])
        first.update({ip: f"shared {len(clusters)}" for ip in clusters[-1]})
        at += size
    alone = [address(n) for n in range(at, HOSTS)]
    first.update({ip: f"own {ip}" for ip in alone})
    second, truth = dict(first), {"merged": [], "split": [], "grown": []}
    large = [c for c in clusters if len(c) >= 6]
    rng.shuffle(large)
    for i in range(3):
        a, b = large.pop(), large.pop()
        second.update({ip: second[a[0]] for ip in b})  # all of b now show a's key
        truth["merged"].append(sorted([a[0], b[0]]))
    for i in range(3):
        c = large.pop()
        second.update({ip: f"half {i}" for ip in c[: len(c) // 2]})
        truth["split"].append(c[0])
    # Two keys move to hosts that were not there; their old hosts have new ones.
    fresh = HOSTS
    moved = rng.sample(alone, 2)
    for ip in moved:
        second[address(fresh)] = first[ip]
        second[ip] = f"instead {ip}"
        fresh += 1
    left = [ip for ip in alone if ip not in moved]
    gone = rng.sample(left, HOSTS // 20)
    for ip in gone:
        del second[ip]
    for _ in gone:
        second[address(fresh)] = f"own {address(fresh)}"
        fresh += 1
    truth["new"] = sorted(set(second) - set(first))
    truth["gone"] = sorted(gone)
    truth["changed"] = sorted(ip for ip in first if ip in second and first[ip] != second[ip])
    truth["moved"] = sorted(fp(first[ip]) for ip in moved)
    truth["kept"] = len(set(first) & set(second))
    truth["clusters"] = len(clusters)
    return first, second, truth


def equal(what, got, want):
    if got != want:
        sys.exit(f"{what}: {str(got)[:300]} instead of {str(want)[:300]}")


def main():
    first, second, truth = make(random.Random(22))
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        a, b = write(tmp / "a", first), write(tmp / "b", second)
        c = json.loads(survey("compare", a, b, "-f", "json"))
        for what in ("new", "gone", "changed"):
            equal(what, sorted(c["hosts"][what]), truth[what])
        equal("kept", c["hosts"]["kept"], truth["kept"])
        equal("moved keys", sorted(c["keys"]["moved"]), truth["moved"])
        told = {}
        for g in c["clusters"]:
            told.setdefault(g["change"], []).append(g)
        members = {k["id"]: sorted(h["ip"] for h in k["hosts"]) for k in json.load(open(a / "clusters.json"))}
        equal("changes", {k: len(v) for k, v in told.items()}, {"same": truth["clusters"] - 9, "merged": 3, "split": 3})
        for what in ("merged", "split"):
            first_hosts = [sorted(min(members[i], key=ipaddress.ip_address) for i in g["a"]) for g in told[what]]
            equal(what, sorted(first_hosts), sorted(x if what == "merged" else [x] for x in truth[what]))
        survey("compare", a, b, "--changed", "--quiet", status=3)
        # The tables of stats go by the same matching: a cluster has one row, whatever its numbers.
        stats = json.loads(survey("stats", a, b, "-f", "json", "--table", "clusters", "--all"))
        rows = {r["label"] for r in stats["tables"][0]["rows"]}
        equal("rows of stats", rows, {" → ".join(", ".join(map(str, g[side])) for side in "ab") for g in c["clusters"]})
    print(f"{HOSTS} hosts: what changed is what was changed")


if __name__ == "__main__":
    main()
