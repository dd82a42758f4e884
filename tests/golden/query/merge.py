#!/usr/bin/env python3
"""merge.py SURVEY: what survey merge makes of parts is what survey analyze makes of the whole.

The study's records are cut into parts, with hosts that stand in several of them, lines that are none
and answers that differ; each part is a run directory of its own.
"""
import contextlib
import fcntl
import gzip
import json
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

SURVEY = sys.argv[1]
HERE = pathlib.Path(__file__).resolve().parent
STUDY = HERE.parent / "analyze/study-a"
FILES = ["fingerprints.json", "all-key-fingerprints.json", "collisions.json", "clusters.json", "clustersizes.csv",
         "dodgy.json", "dogies.json", "verdicts.ndjson", "records.bad", "records.fresh", "dns.ndjson", "zmap.ips"]
TABLES = ["hosts", "keys", "certs", "host_ports", "outcomes", "names", "dns", "clusters", "cluster_keys"]


def survey(*args, status=0):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True)
    if r.returncode != status:
        sys.exit(f"survey {args}: status {r.returncode} instead of {status}: {r.stderr}{r.stdout}")
    return r.stderr


def equal(what, got, want):
    if got != want:
        sys.exit(f"{what}: {str(got)[:400]!r} instead of {str(want)[:400]!r}")


def has(what, text, *words):
    for word in words:
        if word not in text:
            sys.exit(f"{what}: {word!r} is not in {text!r}")


def tables(folder):
    """Rows of survey.db without the numbers of runs; weak keys are another command's."""
    with contextlib.closing(sqlite3.connect(folder / "survey.db")) as db:
        rows = {}
        for table in TABLES:
            columns = [c[1] for c in db.execute(f"PRAGMA table_info({table})") if (table, c[1]) != ("hosts", "run")]
            rows[table] = db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY rowid").fetchall()
        return rows


def same(got, want, without=()):
    for name in FILES:
        if name in without:
            equal(f"{name} is left out", (got / name).exists(), False)
        else:
            equal(f"{got}: {name}", (got / name).read_bytes(), (want / name).read_bytes())
    here, there = tables(got), tables(want)
    for table in TABLES:
        equal(f"{got}: rows of {table}", here[table], there[table])


def answers(records):
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"".join(x for x in records.splitlines(keepends=True) if x.strip() and b"{torn" not in x))
        f.flush()
        return subprocess.run([sys.executable, STUDY.parent / "dns_from_study.py", f.name, STUDY / "dns.json.gz"],
                              check=True, capture_output=True).stdout


def packed(text, torn=None):
    """As run.compress packs lines, though in blocks that are no shorter; torn: killed in the middle of that line."""
    def block(data, last=0):
        return (len(data) << 3 | last).to_bytes(3, "little") + data
    begin = b"\x28\xb5\x2f\xfd\x00\x58"
    lines = text.splitlines(keepends=True)
    out, left = b"", lines
    while len(left) > 200:
        out += begin + b"".join(map(block, left[:200])) + block(b"", 1)
        left = left[200:]
    out += begin + b"".join(map(block, left))
    return out + (block(b"", 1) if torn is None else block(torn)[:3 + len(torn) // 2])


def make(folder, records, dns, shard=None, shards=1, seed=7, day=1, name="records.fresh", **more):
    """A run directory, analysed.  shard: it is one of a scan's."""
    folder.mkdir()
    (folder / name).write_bytes(records)
    (folder / "dns.ndjson").write_bytes(dns)
    (folder / "zmap.ips").write_text(f"198.51.100.{shard or 0}\n")
    if shard is not None:
        (folder / "survey.conf").write_text('run { name = "t"\n countries = { "IE" } }\n')
        (folder / "cidrs.v4").write_text("192.0.2.0/24\n")
        run = {"writer": "survey", "version": 1, "name": "t", "state": "complete", "config_sha256": "c0" * 32,
               "created": f"2026-06-{day:02}T00:00:00Z", "ended": f"2026-06-{day:02}T09:00:00Z", "versions": {"zmap": "2.1.1"},
               "scan": {"seed": seed, "machine": shard, "machines": shards, "shards_total": shards, "lists_sha256": "11" * 32,
                        "shards": [{"number": shard, "state": "done"}]}}
        run["scan"].update(more.pop("scan", {}))
        run.update(more)
        (folder / "run.json").write_text(json.dumps(run))
    status = more.pop("status", 3 if b"{torn" in records else 0)
    survey("analyze", folder, "--country", "IE", "-m", STUDY / "mmdb", "--no-weak", status=status)
    return folder


def parts():
    """Three shards, with what merging must get right."""
    lines = gzip.open(STUDY / "records.fresh.gz").read().splitlines(keepends=True)
    cut = [lines[:300], lines[300:301] + lines[301:700], lines[700:]]
    records = [json.loads(x) for x in lines]
    keyless = [x for x, r in zip(lines, records) if not any(k in json.dumps(r) for k in ("fingerprint_sha256",))]
    twice = next(x for x, r in zip(lines, records) if "p22" in r and "p25" in r and x in cut[0] and x not in keyless)
    # A port of a host of the first shard again in the third; a host without a key in both; blank and torn lines.
    again = json.loads(twice)
    again["p22"] = next(r["p22"] for r in reversed(records) if "fingerprint_sha256" in json.dumps(r.get("p22")))
    again.pop("p25", None)
    cut[0].insert(5, b"\n")
    cut[0].append(b"{torn\n")
    cut[1].append(b'{torn, too')  # without its newline
    cut[2].append(json.dumps(again).encode() + b"\n")
    cut[2].insert(7, b"{torn as well\n")
    if keyless:
        cut[0].append(keyless[-1])
    return [b"".join(c) for c in cut]


def test_shards(tmp):
    cut = parts()
    dns = [answers(c) for c in cut]
    # The same question in two shards, asked later in the second one, and in a third one asked earlier.
    name = json.loads(dns[1].splitlines()[0])
    dns[0] += json.dumps(name | {"outcome": "nxdomain", "answers": [], "at": "2026-06-01T00:00:00Z"}).encode() + b"\n"
    runs = [make(tmp / f"s{i}", cut[i], dns[i], shard=i, shards=3) for i in range(3)]
    whole = make(tmp / "whole", b"".join(c if c.endswith(b"\n") else c + b"\n" for c in cut), b"".join(dns))
    (whole / "zmap.ips").write_text("198.51.100.0\n198.51.100.1\n198.51.100.2\n")
    survey("merge", "-o", tmp / "all", *runs, status=3)  # lines that could not be read
    same(tmp / "all", whole)
    run = json.loads((tmp / "all/run.json").read_text())
    equal("state", (run["state"], len(run["merged"]), run["merged_records"]), ("incomplete", 3, True))
    for member in ("hosts", "hosts_in", "hosts_out", "keys", "clusters", "verdicts", "names", "refused", "lines", "blank_lines", "public_keys"):
        equal(member, run["analysis"][member], json.loads((whole / "run.json").read_text())["analysis"][member])
    equal("what they have in common", (tmp / "all/cidrs.v4").read_text(), "192.0.2.0/24\n")
    equal("runs stay visible", sqlite3.connect(tmp / "all/survey.db").execute("SELECT shard, shards FROM runs").fetchall(),
          [(0, 3), (1, 3), (2, 3)])
    # Again in its place; in two steps; and analysed from its records.
    survey("merge", "-o", tmp / "all", *runs, "--no-records", status=3)
    same(tmp / "all", whole, ("records.fresh", "dns.ndjson", "zmap.ips", "records.bad"))
    survey("merge", "-o", tmp / "two", *runs[:2], "--partial", status=3)
    survey("merge", "-o", tmp / "three", tmp / "two", runs[2], status=3)
    same(tmp / "three", whole)
    survey("analyze", tmp / "three", "-m", STUDY / "mmdb", "--no-weak", status=3)
    same(tmp / "three", whole)
    equal("the run knows of its merges", {d["what"] for d in json.loads((runs[0] / "run.json").read_text())["derived"]}, {"merge"})
    survey("stats", tmp / "all")
    for args in (("find", tmp / "all", "AS64500"), ("status", tmp / "all"), ("compare", runs[0], tmp / "all")):
        r = subprocess.run([SURVEY, *map(str, args)], capture_output=True)
        equal(f"survey {args[0]}", r.returncode in (0, 1), True)


def test_packed(tmp):
    """Records that the run has packed, others, and those of a run that was killed, are joined."""
    cut = parts()
    dns = [answers(c) for c in cut]
    whole = make(tmp / "whole", b"".join(c if c.endswith(b"\n") else c + b"\n" for c in cut), b"".join(dns))
    (whole / "zmap.ips").write_text("198.51.100.0\n198.51.100.1\n198.51.100.2\n")
    zst = "records.fresh.zst"
    torn = cut[1].splitlines(keepends=True)
    kinds = {"all": [(packed(cut[0]), zst), (packed(b"".join(torn[:-1]), torn=torn[-1]), zst), (packed(cut[2]), zst)],
             "mixed": [(packed(cut[0]), zst), (cut[1], "records.fresh"), (gzip.compress(cut[2]), "records.fresh.gz")],
             "other": [(cut[0], "records.fresh"), (gzip.compress(cut[1]), "records.fresh.gz"), (cut[2], "records.fresh")],
             # By other packers: the second part lacks its last newline there, too.
             "gzip": [(gzip.compress(c), "records.fresh.gz") for c in cut],
             "zstd": [(subprocess.run(["zstd", "-qc"], input=c, stdout=subprocess.PIPE, check=True).stdout, zst) for c in cut]}
    for kind, files in kinds.items():
        runs = [make(tmp / f"{kind}{i}", text, dns[i], shard=i, shards=3, name=name, status=3)
                for i, (text, name) in enumerate(files)]
        out = tmp / kind
        survey("merge", "-o", out, *runs, status=3)
        for step in range(2):  # the result as it is, and made again from its records
            for name in FILES:
                if name not in ("records.fresh", "records.bad"):
                    equal(f"{kind}, {step}: {name}", (out / name).read_bytes(), (whole / name).read_bytes())
            bad = [[json.loads(x) for x in (d / "records.bad").read_text().splitlines()] for d in (out, whole)]
            equal(f"{kind}, {step}: lines that could not be read", *[[x["reason"] for x in b] for b in bad])
            places = [(x["line"], x["offset"]) for x in bad[0]]
            equal(f"{kind}, {step}: where they stand", places, found if step else places)
            found = places
            name = "records.fresh.gz" if kind == "gzip" else zst
            equal("what is there", sorted(p.name for p in out.glob("records.fresh*")), [name])
            if kind in ("gzip", "zstd"):
                text = subprocess.run([kind, "-dc"], stdin=(out / name).open(), capture_output=True, check=True).stdout
                equal(f"{kind}: the records", text, b"".join(c if c.endswith(b"\n") else c + b"\n" for c in cut))
            survey("analyze", out, "-m", STUDY / "mmdb", "--no-weak", status=3)
        # Without somebody's record, and then without all.
        who = json.loads(cut[0].splitlines()[3])["ip"]
        survey("purge", out, "--host", who, status=3)
        equal("one line less", keys_of(out, who), [])
        survey("analyze", out, "-m", STUDY / "mmdb", "--no-weak", status=3)
        equal("it stays away", keys_of(out, who), [])
        survey("purge", out, "--records", status=3)
        equal("no records", list(out.glob("records.fresh*")), [])


def record(ip, word, at="2026-06-01T10:00:00Z", **more):
    fp = (word.encode().hex() * 64)[:64]
    return json.dumps({"ip": ip, "writer": "survey", "time": at, "location": {"country_code": "IE"}, "p22": {"data": {"ssh": {
        "status": "success", "result": {"key_exchange": {"server_host_key": {"algorithm": "ssh-ed25519", "fingerprint_sha256": fp}}}}}}} | more
        ).encode() + b"\n"


def keys_of(folder, ip):
    with contextlib.closing(sqlite3.connect(folder / "survey.db")) as db:
        return sorted(x[0][:8] for x in db.execute("SELECT k.fp FROM host_ports p JOIN keys k ON k.id = p.key "
                                                   "JOIN hosts h ON h.id = p.host WHERE h.ip = ?", (ip,)))


def test_scans(tmp):
    """Of different scans the later one has the host as a whole, whatever the order of the arguments."""
    old = make(tmp / "old", record("192.0.2.1", "a") + record("192.0.2.2", "x"), b"", shard=0, day=1, seed=1)
    new = make(tmp / "new", record("192.0.2.1", "b"), b"", shard=0, day=9, seed=2)
    for n, runs in enumerate(((old, new), (new, old))):
        survey("merge", "-o", tmp / f"m{n}", *runs)
        equal("the later scan's key", keys_of(tmp / f"m{n}", "192.0.2.1"), ["62626262"])
        equal("a host of one scan", keys_of(tmp / f"m{n}", "192.0.2.2"), ["78787878"])
    # The answer of the later question counts, and goes on counting when the result is analysed.
    question = {"name": "mx.example.ie", "type": "A", "outcome": "noerror", "ms": 1}
    later = json.dumps(question | {"answers": ["192.0.2.7"], "at": "2026-06-09T00:00:00Z"}).encode() + b"\n"
    earlier = json.dumps(question | {"answers": ["192.0.2.8"], "at": "2026-06-01T00:00:00Z"}).encode() + b"\n"
    host = record("192.0.2.7", "d", p25={"data": {"smtp": {"status": "success", "result": {"banner": "220 mx.example.ie ESMTP"}}}})
    a, b = make(tmp / "a", host, later, shard=0, seed=3), make(tmp / "b", record("192.0.2.9", "e"), earlier, shard=0, seed=4)
    survey("merge", "-o", tmp / "answers", a, b)
    for step in range(2):
        with contextlib.closing(sqlite3.connect(tmp / "answers/survey.db")) as db:
            equal("verdict", db.execute("SELECT verdict FROM hosts WHERE ip = '192.0.2.7'").fetchone(), ("good",))
        survey("analyze", tmp / "answers", "--no-weak")


def test_refusals(tmp):
    one = [make(tmp / f"r{i}", record(f"192.0.2.{i}", "k" + str(i)), b"", shard=i, shards=3) for i in range(3)]
    other = make(tmp / "other", record("192.0.2.9", "o"), b"", shard=2, shards=3, seed=99)
    again = make(tmp / "again", record("192.0.2.8", "p"), b"", shard=1, shards=3)
    config = make(tmp / "config", record("192.0.2.7", "q"), b"", shard=2, shards=3, config_sha256="d1" * 32)
    ranges = make(tmp / "ranges", record("192.0.2.6", "r"), b"", shard=2, shards=3, scan={"lists_sha256": "22" * 32})
    zmap = make(tmp / "zmap", record("192.0.2.5", "s"), b"", shard=2, shards=3, versions={"zmap": "4.3.4"})
    stopped = make(tmp / "stopped", record("192.0.2.4", "t"), b"", shard=2, shards=3, state="stopped")
    out = tmp / "out"
    for runs, words in ((one[:2], ["shard 2 of 3 is missing"]), ([*one[:2], other], ["shard 2 of 3 is missing", "seed 99"]),
                        ([*one, again], ["are both shard 1 of 3"]), ([*one[:2], config], ["another config"]),
                        ([*one[:2], ranges], ["other ranges"]), ([*one[:2], zmap], ["4.3.4", "2.1.1"]),
                        ([*one[:2], stopped], ["not finished (stopped)"])):
        has("refused", survey("merge", "-o", out, *runs, status=2), *words, "--partial")
        equal("nothing is made", out.exists(), False)
        has("with --partial", survey("merge", "-o", out, *runs, "--partial", status=3), *words)
        run = json.loads((out / "run.json").read_text())
        equal("state", run["state"], "incomplete")
        has("run.json says why", run["state_text"], *words)
        shutil.rmtree(out)
    survey("merge", "-o", out, *one)
    # What a run says of itself, its merge and the report of that say, too.
    filtered = make(tmp / "filtered", record("192.0.2.3", "v"), b"", shard=2, shards=3, state="incomplete",
                    state_text="too little was found: 3 of 9 <b> addresses answered")
    survey("merge", "-o", tmp / "told", *one[:2], filtered, status=3)
    has("run.json says why", json.loads((tmp / "told/run.json").read_text())["state_text"],
        f"{filtered} is incomplete: too little was found: 3 of 9 <b> addresses answered")
    survey("report", tmp / "told")
    has("the report says why", (tmp / "told/report/index.html").read_text(),
        "<b>Not complete:</b> ", "is incomplete: too little was found: 3 of 9 &lt;b&gt; addresses answered")
    # Ended with its analysis, as survey run --until analyze leaves it.
    stages = {s: {"state": "done"} for s in ("geo", "scan", "grab", "dns", "analyze")}
    ended = make(tmp / "ended", record("192.0.2.3", "u"), b"", shard=2, shards=3, state="stopped", stages=stages)
    survey("merge", "-o", tmp / "until", *one[:2], ended)
    has("twice", survey("merge", "-o", tmp / "x", one[0], one[0], status=2), "given twice")
    has("a file", survey("merge", "-o", tmp / "x", one[0] / "survey.db", status=2), "directory")
    has("no results", survey("merge", "-o", tmp / "x", tmp, status=2), "survey analyze")
    has("in a run's place", survey("merge", "-o", one[0], *one, status=2), "is one of the runs")
    (tmp / "full").mkdir()
    (tmp / "full/notes").write_text("mine")
    has("in a place that is taken", survey("merge", "-o", tmp / "full", *one, status=2), "not empty")
    equal("it is as it was", [p.name for p in (tmp / "full").iterdir()], ["notes"])
    survey("report", one[0], "--anonymise", "-o", tmp / "copy")
    has("a copy", survey("merge", "-o", tmp / "x", tmp / "copy", one[1], status=2), "anonymised copy")
    with open(one[1] / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        has("while it runs", survey("merge", "-o", tmp / "x", *one, status=2), "writes there")
    equal("nothing is left", sorted(p.name for p in tmp.iterdir() if "survey-" in p.name or p.name == "x"), [])


def test_damaged(tmp):
    """Packed records that are damaged are told of, and nothing stands behind them; the rest can be merged."""
    zstd = subprocess.run(["zstd", "-qc"], input=record("192.0.2.1", "d") * 9, stdout=subprocess.PIPE, check=True).stdout
    for pack, data, ending in (("zstd", zstd, ".zst"), ("gzip", gzip.compress(record("192.0.2.1", "d") * 9), ".gz")):
        runs = [make(tmp / f"{pack}{i}", data, b"", shard=i, shards=2, name="records.fresh" + ending) for i in range(2)]
        (runs[0] / ("records.fresh" + ending)).write_bytes(data[:-9])
        has(pack, survey("merge", "-o", tmp / pack, *runs, status=1), f"{runs[0]}/records.fresh{ending}: ", f"{pack} data")
        equal("nothing is made", (tmp / pack).exists(), False)
        survey("merge", "-o", tmp / pack, *runs, "--no-records")


def test_results(tmp):
    """Directories of analyze -o: no shards, no records."""
    for i in range(2):
        (tmp / f"f{i}").write_bytes(record(f"192.0.2.{i}", "same") + json.dumps({"ip": f"192.0.2.10{i}"}).encode() + b"\n")
        survey("analyze", tmp / f"f{i}", "-o", tmp / f"d{i}", "--country", "XX", "--no-weak")
    has("the sentence", survey("merge", "-o", tmp / "m", tmp / "d0", tmp / "d1"), "dodgy.json", "left out")
    (tmp / "all").write_bytes((tmp / "f0").read_bytes() + (tmp / "f1").read_bytes())
    survey("analyze", tmp / "all", "-o", tmp / "whole", "--country", "XX", "--no-weak")
    for name in FILES[:5] + FILES[6:8]:
        equal(name, (tmp / "m" / name).read_bytes(), (tmp / "whole" / name).read_bytes())
    equal("no dodgy.json, no records", [(tmp / "m" / n).exists() for n in ("dodgy.json", "records.fresh")], [False, False])


def test_opt_outs(tmp):
    """Who has asked to be left alone since is told of; the records that are joined stay as they are."""
    runs = [make(tmp / f"o{i}", record(f"192.0.2.{i}", f"o{i}"), b"", shard=i, shards=3) for i in range(3)]
    asked = tmp / "opt-out.conf"
    for run in runs:
        (run / "survey.conf").write_text(f'run {{ name = "t"\n countries = {{ "IE" }} }}\nscan {{ opt_out_file = "{asked}" }}\n')
    has("a list that is not there", survey("merge", "-o", tmp / "a", *runs), str(asked), "not looked up")
    asked.write_text("192.0.2.7\n")
    equal("nobody of these", "left alone" in survey("merge", "-o", tmp / "b", *runs), False)
    asked.write_text("192.0.2.0/31\n")
    has("two of these", survey("merge", "-o", tmp / "c", *runs), "2 of the hosts have asked to be left alone",
        f"survey purge {tmp}/c --host 192.0.2.0, and so on")
    survey("purge", tmp / "c", "--host", "192.0.2.0/31", status=3)
    equal("they are gone", "left alone" in survey("analyze", tmp / "c", "--no-weak"), False)


with tempfile.TemporaryDirectory() as folder:
    for test in (test_shards, test_packed, test_scans, test_refusals, test_damaged, test_results, test_opt_outs):
        place = pathlib.Path(folder) / test.__name__
        place.mkdir()
        test(place)
