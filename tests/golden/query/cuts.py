#!/usr/bin/env python3
"""What survey cluster says holds clusters together, against networkx.

usage: cuts.py SURVEY

Cut hosts and cut keys of study-a, and of random graphs of hosts and keys, are computed by
networkx's articulation_points() from clusters.json, and into what each splits its cluster by
connected_components(): neither shares a line with the program.
"""
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import networkx

SURVEY = sys.argv[1]
STUDY = pathlib.Path(__file__).parents[1] / "analyze/study-a"


def survey(*args):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True)
    if r.returncode != 0:
        sys.exit(f"survey {args}: status {r.returncode}: {r.stderr[-2000:]}")
    return r.stdout


def graph_of(cluster):
    """Hosts and the keys that two or more of them show."""
    g = networkx.Graph()
    g.add_nodes_from(h["ip"] for h in cluster["hosts"])
    for k in cluster["keys"]:
        hosts = {ip for ip, _ in k["at"]}
        if len(hosts) > 1:
            g.add_edges_from((ip, k["fp"]) for ip in hosts)
    return g


def parts(g, vertex, hosts):
    """Sizes, in hosts, of what is left of a cluster without a vertex; the largest first."""
    left = g.copy()
    left.remove_node(vertex)
    return sorted((len(hosts & c) for c in networkx.connected_components(left)), reverse=True)


def check(folder):
    clusters = {c["id"]: c for c in json.load(open(folder / "clusters.json"))}
    told = {c["id"]: c for c in json.loads(survey("cluster", folder, "--all", "-f", "json"))}
    ncuts = 0
    if sorted(told) != sorted(clusters):
        sys.exit(f"clusters {sorted(told)} instead of {sorted(clusters)}")
    for i, c in clusters.items():
        g, hosts = graph_of(c), {h["ip"] for h in c["hosts"]}
        want = {v: parts(g, v, hosts) for v in networkx.articulation_points(g)}
        got = {x.get("host") or x["key"]: x["parts"] for x in told[i]["cuts"]}
        if got != want:
            sys.exit(f"cluster {i} of {folder}: {got} instead of {want}")
        if sorted(told[i]["cut_hosts"] + told[i]["cut_keys"]) != sorted(want):
            sys.exit(f"cluster {i} of {folder}: cut hosts and keys")
        ncuts += len(want)
    return len(clusters), ncuts


def write_random(folder, seed):
    """Hosts with up to four keys each, of few enough that clusters are large and hang together by little."""
    rng = random.Random(seed)
    folder.mkdir()
    with open(folder / "records.fresh", "w") as f:
        for n in range(400):
            record = {"ip": f"198.18.{n // 250}.{n % 250 + 1}", "writer": "survey"}
            for port, module in rng.sample([("p22", "ssh"), ("p25", "smtp"), ("p143", "imap"), ("p993", "imap")], rng.randint(1, 4)):
                fp = hashlib.sha256(str(rng.randrange(600)).encode()).hexdigest()
                if module == "ssh":
                    result = {"key_exchange": {"server_host_key": {"algorithm": "ssh-ed25519", "fingerprint_sha256": fp}}}
                else:
                    result = {"tls": {"handshake_log": {"server_certificates": {"certificate": {"parsed": {
                        "subject_key_info": {"fingerprint_sha256": fp}}}}}}}
                record[port] = {"data": {module: {"status": "success", "result": result}}}
            f.write(json.dumps(record) + "\n")
    survey("analyze", folder, "--country", "XX")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        survey("analyze", STUDY / "records.fresh.gz", "-o", tmp / "study-a", "--country", "IE", "-m", STUDY / "mmdb")
        told = [check(tmp / "study-a")]
        for seed in range(4):
            write_random(tmp / str(seed), seed)
            told.append(check(tmp / str(seed)))
    clusters, ncuts = map(sum, zip(*told))
    if ncuts < 100:
        sys.exit(f"only {ncuts} cuts: this tests nothing")
    print(f"{clusters} clusters, {ncuts} cuts, as networkx has them")


if __name__ == "__main__":
    main()
