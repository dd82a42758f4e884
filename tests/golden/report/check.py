#!/usr/bin/env python3
"""survey stats, graph and report on a published study's collisions.json alone,
and on a directory that survey analyze made of the same records.

usage: check.py SURVEY
"""
import collections
import fcntl
import gzip
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

STUDY = pathlib.Path(__file__).resolve().parents[1] / "analyze/study-a"


def run_survey(*args):
    p = subprocess.run([sys.argv[1], *map(str, args)], capture_output=True, timeout=120, check=False)
    if p.returncode != 0:
        sys.exit(f"survey {args}: status {p.returncode}\n{p.stderr.decode()}")
    return p


def survey(*args):
    return run_survey(*args).stdout


def said(*args):
    return run_survey(*args).stderr.decode()


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


def facts(run):
    """What the report of a run says of it: {name: value}."""
    survey("report", run)
    return dict(re.findall(r"<dt>([^<]*)</dt><dd>(?:<span[^>]*>)?([^<]*)", (run / "report/index.html").read_text()))


def end_of_run(run):
    """"running" in run.json is true of who holds the lock."""
    kept = (run / "run.json").read_bytes()
    manifest = {"writer": "survey", "version": 1, "name": "r", "state": "running",
                "created": "2026-01-02T03:04:05Z", "ended": None, "counts": {"probed": 5},
                "stages": {"scan": {"state": "done", "wall_s": 1.5}}}
    (run / "run.json").write_text(json.dumps(manifest))
    check("a run that was killed", facts(run)["state"], "broken off")
    with open(run / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        check("a running run", facts(run)["state"], "still running when this report was written")
        going = manifest | {"sessions": [{"started": "2026-01-02T03:04:05Z"}],
                            "scan": {"shards": [], "progress": {"percent": 40.5, "left_s": 7260.0}},
                            "stages": {"scan": {"state": "running"}}}
        (run / "run.json").write_text(json.dumps(going))
        if not re.search(r"progress +40\.5 % of the scan; 2h01m left", survey("status", run).decode()):
            sys.exit(f"status does not say how far it is: {survey('status', run).decode()}")
    manifest.update(state="complete", ended="2026-01-02T04:04:05Z")
    (run / "run.json").write_text(json.dumps(manifest))
    ended = facts(run)
    check("a run that has ended", (ended["state"], ended["ended"]), ("complete", "2026-01-02T04:04:05Z"))
    # Why a run is not what it should be comes before all else, and is text, whoever wrote it.
    why = "nothing was found: none of 7 addresses answered on port 25; \u202e<img src=x onerror=alert(1)>\n&"
    shown = "nothing was found: none of 7 addresses answered on port 25; \ufffd&lt;img src=x onerror=alert(1)&gt;\ufffd&amp;"
    for state, begins in (("incomplete", "<b>Not complete:</b> "), ("stopped", "<b>Not complete:</b> "),
                          ("complete", "<b>Note:</b> ")):
        (run / "run.json").write_text(json.dumps(manifest | {"state": state, "state_text": why}))
        facts(run)
        page = (run / "report/index.html").read_text()
        main = page[page.index("<main"):]
        at = main.index("<p class=\"alert")
        if not main[at:].startswith('<p class="alert" role="note">' + begins + "nothing was found"):
            sys.exit(f"{state}: the page begins with {main[:600]}")
        check("it is said once, before the findings", (page.count(begins), at < main.index('id="findings"')), (1, True))
        check("remote text is escaped", ("<img src=x" in page, shown in page, "\u202e" in page), (False, True, False))
        check("its state is said", "The state of this run: " + state in main, state != "complete")
    (run / "run.json").write_bytes(kept)
    (run / "lock").unlink()


def old_files(tmp, run):
    """A directory without a survey.db of this schema, and files that are hostile."""
    old = tmp / "old"
    old.mkdir()
    for name in ("clusters.json", "all-key-fingerprints.json", "verdicts.ndjson"):
        (old / name).write_bytes((run / name).read_bytes())
    for name in [t["id"] for t in json.loads(survey("stats", "-f", "json", run))["tables"]]:
        got, want = table(name, old), table(name, run)
        if name in ("versions", "software", "weak", "weak-checks"):
            check(f"{name} of files that do not tell them", got, {})
        elif name == "overview":    # what run.json tells is not there
            check(f"{name} of older files", {k: v for k, v in got.items() if v != [None]},
                  {k: v for k, v in want.items() if got[k] != [None]})
        else:
            check(f"{name} of older files", got, want)

    # Versions come from an earlier survey.db, and who has the records learns how to have it anew.
    with sqlite3.connect(run / "survey.db") as db:
        rows = db.execute("SELECT h.ip, p.port, p.grab, k.fp, p.version, p.software FROM host_ports p "
                          "JOIN hosts h ON h.id = p.host JOIN keys k ON k.id = p.key").fetchall()
    with sqlite3.connect(old / "survey.db") as db:
        db.executescript("PRAGMA user_version = 1; CREATE TABLE hosts (id INTEGER PRIMARY KEY, ip TEXT);"
                         "CREATE TABLE host_ports (host INTEGER, port INTEGER, grab TEXT, key TEXT,"
                         " version TEXT, software TEXT);")
        ids = {ip: i for i, ip in enumerate(dict.fromkeys(r[0] for r in rows), 1)}
        db.executemany("INSERT INTO hosts VALUES (?, ?)", [(i, ip) for ip, i in ids.items()])
        db.executemany("INSERT INTO host_ports VALUES (?, ?, ?, ?, ?, ?)",
                       [(ids[r[0]], *r[1:]) for r in rows])
    for name in ("versions", "software"):
        check(f"{name} of an earlier survey.db", table(name, old), table(name, run))
    check("nothing to say without records", said("stats", old), "")
    (old / "records.fresh").write_text("{}\n")
    if f"survey analyze {old}" not in said("stats", old):
        sys.exit("the command that makes survey.db is not named")

    # A database from before names stood once each is no better.
    shutil.copy(run / "survey.db", old)
    with sqlite3.connect(old / "survey.db") as db:
        db.executescript("DROP VIEW names; DROP VIEW name_checks; DROP TABLE name_texts")
    check("software of an early survey.db", table("software", old), table("software", run))
    if f"survey analyze {old}" not in said("stats", old):
        sys.exit("the command that makes an early survey.db anew is not named")

    # A number is a name: 158 bytes are no reason to take gigabytes.
    big = tmp / "big.json"
    big.write_text(json.dumps([{"ip": "192.0.2.1", "ip_record": 0, "clusternum": 1073741822, "rcs_truncated": True,
                                "fprints": {"p22": "aa"}, "rcs": {"1": {"ip": "192.0.2.2", "str_colls": "p22==p22;"}}}]))
    pid = os.posix_spawn(sys.argv[1], [sys.argv[1], "stats", str(big), "-o", str(tmp / "big.txt")], os.environ)
    _, status, used = os.wait4(pid, 0)
    check("a large cluster number", (status, used.ru_maxrss < 400_000), (0, True))
    check("the cluster of it", table("sizes", big), {"2": [1, 2, 1]})


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
        # What a certificate is stands in several rows: those that the chart does not show have no sum.
        survey("report", run, "-o", tmp / "charts")
        said = re.findall(r">([^<]*further rows?[^<]*)<", (tmp / "charts/report/certificates.svg").read_text())
        check("rows that a chart does not show", [re.sub(r"\d+", "N", words) for words in said], ["N further rows"])
        (tmp / "other").mkdir()
        shutil.copytree(run / "graphs", tmp / "other/graphs")
        shutil.copy(run / "all-key-fingerprints.json", tmp / "other")
        clusters[3]["hosts"][0]["asn"] += 1
        (tmp / "other/clusters.json").write_text(json.dumps(clusters))
        survey("report", tmp / "other")
        page = (tmp / "other/report/index.html").read_text()
        check("pictures of these clusters", page.count('id="picture-'), len(clusters) - 1)
        check("the other one", f'id="picture-{clusters[3]["id"]}"' in page, False)

        end_of_run(run)
        old_files(tmp, run)

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
