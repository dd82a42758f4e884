#!/usr/bin/env python3
"""How many hosts of an anonymised copy a reader with a scan of his own can pick out.

usage: linkage.py SURVEY [FOLDER]
       linkage.py --directory DIR

For the lab's records and for a study of 18,268 hosts: the run, as if only addresses,
names and keys were pseudonyms, and the copy that --anonymise makes.  FOLDER keeps the
records for the next time (default: a temporary one).  Exit 1 when 5 % or more of the
hosts of the study's copy are unique.

The reader knows the AS of each host and so how many hosts it has, the host's cluster and so
its size, ASes and keys, and of each host everything that survey.db tells; not the pseudonyms
themselves.  A host is linkable when nobody else looks the same to him.  The columns:

sizes    he knows the sizes of AS and cluster, and the host's facts
keys     also on how many hosts each key of the host is, and with how many it shares one
cluster  also which cluster is which: hosts hide only among those of the same cluster
"""
import collections
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LAB = HERE.parents[1] / "golden/analyze/samples/zgrab2-lab-46.ndjson.gz"
LIMIT = 5.0
# What stands for something that a reader does not know, or is a number of the copy's own.
HIDDEN = {
    "hosts": {"id", "run", "ip", "ip_record", "asn", "as_name", "cluster", "csize", "nrcs", "rdns", "ptr", "time", "writer"},
    "host_ports": {"host", "key", "cert", "time"},
    "certs": {"id", "key", "sha256", "serial", "subject"},
    "names": {"host", "name", "reversed", "address", "answer"},
    "outcomes": {"host"},
}


def rows(db, table):
    cursor = db.execute(f"SELECT * FROM {table}")
    names = [c[0] for c in cursor.description]
    for row in cursor:
        yield dict(zip(names, row))


def told(table, row):
    return tuple((k, v) for k, v in row.items() if k not in HIDDEN[table])


def host_facts(db):
    """By host: a hashable value of all that the file tells of it."""
    facts, shown = collections.defaultdict(list), collections.defaultdict(list)
    certs = {c["id"]: told("certs", c) for c in rows(db, "certs")}
    for p in rows(db, "host_ports"):
        shown[p["host"]].append(p["key"])
        # Which of its ports show the same key is told by the key's place among the host's.
        place = shown[p["host"]].index(p["key"])
        facts[p["host"]].append(("port", place, told("host_ports", p), certs.get(p["cert"])))
    users = collections.Counter(n["name"] for n in rows(db, "names"))
    for n in rows(db, "names"):
        facts[n["host"]].append(("name", users[n["name"]], n["address"] is not None, told("names", n)))
    for o in rows(db, "outcomes"):
        facts[o["host"]].append(("outcome", told("outcomes", o)))
    return facts, shown


def unique(looks):
    counted = collections.Counter(looks)
    return sum(n for n in counted.values() if n == 1)


def measure(directory):
    db = sqlite3.connect(f"file:{directory}/survey.db?mode=ro", uri=True)
    facts, shown = host_facts(db)
    hosts = [h for h in rows(db, "hosts") if h["out"] is None]
    ases = collections.Counter((h["asn"], h["as_name"]) for h in hosts)
    key_hosts = dict(db.execute("SELECT id, hosts FROM keys"))
    clusters = {c["id"]: told_cluster for c in rows(db, "clusters")
                for told_cluster in [(c["size"], c["ases"], c["shared_keys"], c["keys"])]}
    sizes, keys, cluster = [], [], []
    for h in hosts:
        base = (ases[h["asn"], h["as_name"]], h["csize"], told("hosts", h), tuple(sorted(map(repr, facts[h["id"]]))))
        sharing = (h["nrcs"], tuple(sorted(key_hosts.get(k, 0) for k in shown[h["id"]])), clusters.get(h["cluster"]))
        sizes.append(base)
        keys.append((base, sharing))
        cluster.append((base, sharing, h["cluster"]))
    db.close()
    return len(hosts), [unique(x) for x in (sizes, keys, cluster)]


def show(what, directory):
    hosts, found = measure(directory)
    shares = [100 * n / hosts for n in found]
    print(f"{what:28}{hosts:8}" + "".join(f"{n:9} {s:5.1f} %" for n, s in zip(found, shares)))
    return shares[0]


def run(*args):
    subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    if sys.argv[1] == "--directory":
        show(sys.argv[2], sys.argv[2])
        return
    survey = sys.argv[1]
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tmp)
        if not (folder / "study/truth.json").exists():
            run(sys.executable, HERE.parent / "analyze/gen_records.py", "--out", folder / "study", "--hosts", 18268)
        print(f"{'unique hosts':28}{'hosts':>8}{'sizes':>17}{'keys':>17}{'cluster':>17}")
        for name, records, country in (("lab", LAB, "XX"), ("study", folder / "study/records.fresh", "IE")):
            out = pathlib.Path(tmp) / name
            run(survey, "analyze", records, "-o", out, "--country", country, "--no-weak")
            show(f"{name}, nothing coarsened", out)
            run(survey, "graph", out, "--anonymise", "-o", out / "copy", "-f", "dot", "-c", 1)
            share = show(f"{name}, --anonymise", out / "copy")
    print(f"study, --anonymise, sizes: {share:.2f} %, less than {LIMIT} % wanted: {'ok' if share < LIMIT else 'MISSED'}")
    sys.exit(share >= LIMIT)


if __name__ == "__main__":
    main()
