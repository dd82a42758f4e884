#!/usr/bin/env python3
"""survey stats, graph and report on a published study's collisions.json alone,
and on a directory that survey analyze made of the same records.

usage: check.py SURVEY
"""
import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

STUDY = pathlib.Path(__file__).resolve().parents[1] / "analyze/study-a"


def survey(*args):
    p = subprocess.run([sys.argv[1], *map(str, args)], capture_output=True, timeout=120, check=False)
    if p.returncode != 0:
        sys.exit(f"survey {args}: status {p.returncode}\n{p.stderr.decode()}")
    return p.stdout


def table(name, *paths):
    rows = json.loads(survey("stats", "-f", "json", "-t", name, *paths))["tables"][0]["rows"]
    return {r["label"]: r["cells"] for r in rows}


def check(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got}, not {want}")


def port_pairs(run):
    """What the table of port pairs must say, from clusters.json: {ports: [keys, hosts]}."""
    keys, hosts = collections.Counter(), collections.defaultdict(set)
    for cluster in json.loads((run / "clusters.json").read_text()):
        for key in cluster["keys"]:
            at = [(ip, int(port[1:])) for ip, port in key["at"]]
            linked = {(min(p, q), max(p, q)) for a, p in at for b, q in at if a != b}
            for pair in linked:
                keys[pair] += 1
                hosts[pair] |= {ip for ip, port in at if port in pair}
    return {f"{p} = {q}": [n, len(hosts[p, q])] for (p, q), n in keys.items()}


def main():
    truth = json.loads(gzip.decompress((STUDY / "truth.json.gz").read_bytes()))
    sizes = collections.Counter(len(c) for c in truth["clusters"])
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        lone, run, drawn = tmp / "collisions.json", tmp / "run", tmp / "drawn"
        lone.write_bytes(gzip.decompress((STUDY / "collisions.json.gz").read_bytes()))
        survey("analyze", STUDY / "records.fresh.gz", "-o", run, "--country", "IE", "--mmdb",
               STUDY / "mmdb", "--scan-date", "2026-07-01T00:00:00Z")

        # The old file's pairs give the true clusters, whatever its numbers say.
        for path in (lone, run):
            got = {int(k): v[0] for k, v in table("sizes", path).items()}
            check(f"cluster sizes of {path.name}", got, dict(sizes))
        whole, part = table("overview", run), table("overview", lone)
        check("hosts", whole["hosts with keys"], [truth["good"]])
        check("host/ports", whole["host/ports with keys"], [truth["hostports"]])
        check("keys", whole["distinct keys"], [truth["distinct_keys"]])
        check("clustered", whole["hosts in clusters"], [truth["clustered_records"]])
        for label in ("clusters", "hosts in clusters", "keys on two or more hosts",
                      "host/ports with such a key", "hosts in the largest cluster"):
            check(label, part[label], whole[label])
        # What a collisions.json cannot tell is missing, not nought.
        for label in ("hosts with keys", "addresses probed", "share of hosts in clusters",
                      "addresses to probe", "listeners on port 25", "listeners in the country",
                      "hosts grabbed", "hosts without a key", "hosts left out: another country",
                      "hosts left out: country not known", "host/ports with keys", "distinct keys"):
            check(label, part[label], [None])
        both = table("overview", run, lone)
        check("side by side", both["clusters"], [truth["true_clusters"]] * 2)
        pairs = table("port-pairs", run)
        check("port pairs", table("port-pairs", lone), pairs)
        check("both keys", pairs.pop("SSH = TLS (one key for both, on any host)"), [0, 0])
        check("port pairs counted anew", pairs, port_pairs(run))
        # Runs of one name are told apart by the folders they are in.
        for folder in ("spring", "autumn"):
            (tmp / folder).mkdir()
            (tmp / folder / "run").symlink_to(run)
        names = json.loads(survey("stats", "-f", "json", "-t", "overview", tmp / "spring/run", tmp / "autumn/run/"))
        check("names of runs", names["tables"][0]["columns"], ["spring/run value", "autumn/run value"])
        names = json.loads(survey("stats", "-f", "json", "-t", "overview", run, run))
        check("one run twice", names["tables"][0]["columns"], ["run 1 value", "run 2 value"])
        untold = json.loads(survey("stats", "-f", "json", "-t", "versions", lone))["tables"][0]
        check("what is missing", (untold["rows"], "does not tell" in untold["note"]), ([], True))
        check("key types in clusters", {k: v[1] for k, v in table("keytypes", lone).items()},
              {k: v[1] for k, v in table("keytypes", run).items() if v[1]})

        survey("graph", lone, "-o", drawn, "-f", "svg")
        check("pictures", len(list((drawn / "graphs").glob("cluster-*.svg"))), truth["true_clusters"])
        survey("report", lone, "-o", drawn)
        page = (drawn / "report/index.html").read_text()
        check("pictures in the page", page.count('id="picture-'), truth["true_clusters"])

        # Pictures of another analysis are not taken for those of this one.
        clusters = json.loads((run / "clusters.json").read_text())
        survey("graph", run, "-f", "svg")
        (tmp / "other").mkdir()
        for name in ("graphs", "all-key-fingerprints.json"):
            (tmp / "other" / name).symlink_to(run / name)
        clusters[3]["hosts"][0]["asn"] += 1
        (tmp / "other/clusters.json").write_text(json.dumps(clusters))
        survey("report", tmp / "other")
        page = (tmp / "other/report/index.html").read_text()
        check("pictures of these clusters", page.count('id="picture-'), len(clusters) - 1)
        check("the other one", f'id="picture-{clusters[3]["id"]}"' in page, False)

        # The same input gives the same bytes.
        survey("graph", run, "-f", "svg,pdf,dot")
        survey("report", run)
        first = {p: p.read_bytes() for d in ("graphs", "report") for p in (run / d).iterdir()}
        survey("graph", run, "-f", "svg,pdf,dot", "-j", 1)
        survey("report", run)
        for p, data in first.items():
            check(f"{p.name} made again", p.read_bytes() == data, True)
            check(f"mode of {p.name}", oct(p.stat().st_mode & 0o777), "0o600")
    print("as it ought to be")


if __name__ == "__main__":
    main()
