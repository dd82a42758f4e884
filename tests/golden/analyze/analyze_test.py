#!/usr/bin/env python3
"""analyze_test.py SURVEY SOURCE CASE: survey analyze on known records.

Every case makes its files in a folder of its own and compares what the program
wrote with the truth, with an old program's results, or with a plain
computation of the same thing here.
"""
import copy
import fcntl
import gzip
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
import studies_reader  # noqa: E402

SURVEY, SOURCE, CASE = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]), sys.argv[3]
STUDY = HERE / "study-a"
DATE = "2026-07-01T00:00:00Z"
PORTS = ["p22", "p25", "p110", "p143", "p443", "p587", "p993"]
OUTPUTS = ["fingerprints.json", "all-key-fingerprints.json", "collisions.json", "clusters.json",
           "clustersizes.csv", "dodgy.json", "dogies.json", "verdicts.ndjson", "survey.db", "records.bad"]


def fail(*words):
    sys.exit("FAILED: " + " ".join(map(str, words)))


def equal(what, got, want):
    if got != want:
        fail(f"{what}: {str(got)[:600]} instead of {str(want)[:600]}")


def survey(*args, status=0, stdin=None):
    done = subprocess.run([SURVEY, *map(str, args)], input=stdin, capture_output=True, timeout=300)
    text = done.stderr.decode()
    if done.returncode != status:
        fail(f"survey {' '.join(map(str, args))}: status {done.returncode}, not {status}:\n{text}")
    if re.search(r"Sanitizer|runtime error", text):
        fail(text)
    return text


def load(path):
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rt", encoding="utf-8") as f:
        return json.load(f)


def by_ip(path):
    return {h["ip"]: h for h in load(path) if h}


def study_records(folder):
    """The study's records and its DNS table as dns.ndjson beside them."""
    records = folder / "records.fresh"
    records.write_bytes(gzip.open(STUDY / "records.fresh.gz").read())
    with open(folder / "dns.ndjson", "wb") as f:
        subprocess.run([sys.executable, HERE / "dns_from_study.py", records, STUDY / "dns.json.gz"],
                       check=True, stdout=f)
    return records


def study(folder, *more):
    return survey("analyze", folder / "records.fresh", "--mmdb", STUDY / "mmdb", "--country", "IE",
                  "--scan-date", DATE, *more)


def digests(folder, names=OUTPUTS):
    return {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}


def partition(hosts):
    clusters = {}
    for h in hosts:
        clusters.setdefault(h["clusternum"], set()).add(h["ip"])
    return {frozenset(c) for c in clusters.values()}


# ---- the complete study ----

def old_partition(hosts):
    """The old program's clusters, closed over its own pairs: on a merge it left members behind."""
    parent = {ip: ip for ip in hosts}

    def find(x):
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x
    for h in hosts.values():
        for r in h["rcs"].values():
            parent[find(h["ip"])] = find(r["ip"])
    clusters = {}
    for ip in hosts:
        clusters.setdefault(find(ip), set()).add(ip)
    return {frozenset(c) for c in clusters.values()}


def nameset(h, several):
    """What both programs must say of a host's names.

    Left out: names of several addresses (the old program looked at the first
    only, so its answer is chance) and those past the 100th SAN, which it invents.
    """
    names = h["analysis"]["nameset"]
    skip = {k for k, v in names.items() if isinstance(v, str)
            and (v.lower().rstrip(".") in several or re.match(r"(p\d+)?san[1-9]\d\d+$", k))}
    plain = {k: v for k, v in names.items() if isinstance(v, str) and not k.endswith(("-seen", "-ip"))
             and k not in skip and v != ""}
    return {"names": plain, "besty": sorted(k for k in names["besty"] if k not in skip),
            "ips": {k: v for k, v in names.items() if k.endswith("-ip") and k[:-3] not in skip},
            "allbad": None if skip else names["allbad"]}


def compare_hosts(what, ours, old, several, fields):
    equal(f"{what}: hosts", sorted(ours), sorted(old))
    for ip, o in old.items():
        h = ours[ip]
        for field in fields:
            equal(f"{what} {ip} {field}", h[field], o[field])
        for port in PORTS:
            equal(f"{what} {ip} {port}", h["analysis"][port], o["analysis"][port])
        mine, theirs = nameset(h, several), nameset(o, several)
        if None in (mine["allbad"], theirs["allbad"]):
            mine["allbad"] = theirs["allbad"] = None
        equal(f"{what} {ip} names", mine, theirs)


def case_study_a(tmp):
    study_records(tmp)
    study(tmp, "-o", tmp / "out")
    several = {n.lower().rstrip(".") for n, a in load(STUDY / "dns.json.gz")["a"].items() if len(a) > 1}
    truth = {frozenset(c) for c in load(STUDY / "truth.json.gz")["clusters"]}
    ours, old = by_ip(tmp / "out/collisions.json"), by_ip(STUDY / "collisions.json.gz")
    equal("partition and truth", partition(ours.values()), truth)
    equal("partition and the old program's, repaired", old_partition(old), truth)
    fields = ["ip_record", "writer", "asn", "asndec", "csize", "nrcs", "fprints", "rcs"]
    compare_hosts("collisions", ours, old, several, fields)
    before = by_ip(tmp / "out/fingerprints.json")
    compare_hosts("fingerprints", before, by_ip(STUDY / "fingerprints.json.gz"), several,
                  fields + ["clusternum"])
    after = by_ip(tmp / "out/all-key-fingerprints.json")
    for ip, h in after.items():
        c = ours.get(ip, {"clusternum": 0, "csize": 1, "nrcs": 0})
        for field in ("clusternum", "csize", "nrcs"):
            equal(f"all keys {ip} {field}", h[field], c[field])
        equal(f"all keys {ip} rcs", h["rcs"], {})
    check_order(tmp / "out")
    check_clusters(tmp / "out", after)
    check_verdicts(tmp / "out", after)
    summary = load(tmp / "out/run.json")["analysis"]
    equal("hosts", (summary["hosts"], summary["hosts_in"], summary["hosts_out"]["no-key"],
                    summary["hosts_out"]["wrong-country"]), (391, 300, 90, 1))
    if "a system call filter" not in summary["sandbox"]:
        fail("run.json does not say what held the analysis:", summary["sandbox"])
    shown = {fp for c in before.values() for fp in c["fprints"].values()}
    equal("keys", summary["keys"], len(shown))
    status = subprocess.run([SURVEY, "status", tmp / "out"], capture_output=True, text=True, check=True)
    if "no survey runs in this directory" not in status.stdout:
        fail("survey status takes an analysis for a survey")
    parts = {c["part"] for c in summary["costs"]}
    for part in ("parsing", "mmdb look-ups", "forward DNS", "reverse DNS", "clustering", "collisions.json", "survey.db"):
        if part not in parts:
            fail("no cost of", part)
    check_digests(tmp / "out", "study-a")


def check_order(out):
    """Arrays are in order of the input, keys of objects in order of their bytes."""
    def sorted_keys(pairs):
        keys = [k for k, _ in pairs]
        equal("keys", keys, sorted(keys))
        return dict(pairs)
    for name in ("fingerprints.json", "all-key-fingerprints.json", "collisions.json", "dogies.json"):
        with open(out / name) as f:
            hosts = json.load(f, object_pairs_hook=sorted_keys)
        records = [h["ip_record"] for h in hosts]
        equal(name, records, sorted(records))


def check_clusters(out, hosts):
    lowest = []
    for c in load(out / "clusters.json"):
        ips = [h["ip"] for h in c["hosts"]]
        equal("size", c["size"], len(ips))
        equal("members", set(ips), {h["ip"] for h in hosts.values() if h["clusternum"] == c["id"]})
        lowest.append(min(h["ip_record"] for h in c["hosts"]))
        at = {(ip, port): k["fp"] for k in c["keys"] for ip, port in k["at"]}
        for ip in ips:
            for port, fp in hosts[ip]["fprints"].items():
                equal("key in clusters.json", at.get((ip, port)), fp)
    equal("numbers by lowest record", lowest, sorted(lowest))
    sizes, histogram = (out / "clustersizes.csv").read_text().split("\n\n\n")
    rows = [tuple(map(int, line.split(","))) for line in sizes.splitlines()[1:]]
    clusters = {}
    for h in hosts.values():
        clusters[h["clusternum"]] = clusters.get(h["clusternum"], 0) + 1
    equal("sizes", dict(rows), clusters)
    counted = {}
    for number, size in rows[1:]:
        counted[size] = counted.get(size, 0) + 1
    rows = [line.split(",") for line in histogram.splitlines()[1:]]
    equal("histogram", {int(s): int(n) for s, n, c in rows if c == "y"}, counted)
    equal("alone", rows[0], [str(clusters[0]), "1", "n"])


def check_verdicts(out, hosts):
    dogies = {h["ip"] for h in load(out / "dogies.json")}
    verdicts = {}
    for line in open(out / "verdicts.ndjson"):
        v = json.loads(line)
        verdicts[v["ip"]] = v
        kinds = {n["verdict"] for n in v["names"]}
        want = ("good" if "good" in kinds else "unknown" if "unknown" in kinds else "bad" if kinds else "none")
        equal(f"verdict of {v['ip']}", v["verdict"], want)
    for ip, h in hosts.items():
        names = h["analysis"]["nameset"]
        v = verdicts[ip]
        equal(f"{ip} besty", names["besty"], [n["key"] for n in v["names"] if n["verdict"] == "good"])
        equal(f"{ip} unknown", names["unknown"], [n["key"] for n in v["names"] if n["verdict"] == "unknown"])
        resolved = any(n["addresses"] for n in v["names"])
        equal(f"{ip} allbad", names["allbad"], not resolved and not names["unknown"])
        equal(f"{ip} in dogies.json", ip in dogies, v["verdict"] == "bad")


def check_digests(out, name):
    """Byte for byte what was found right before; survey.db is left out, SQLite's version is in it."""
    studies_reader.check_results(out)
    path = HERE / f"{name}.sha256"
    names = [n for n in OUTPUTS if n != "survey.db"]
    got = "".join(f"{d}  {n}\n" for n, d in digests(out, names).items())
    if not path.exists():
        fail(f"{path} is missing; it would be\n{got}")
    equal(f"bytes of {name}", got, path.read_text())


def case_same_bytes(tmp):
    study_records(tmp)
    want = None
    for threads in (1, 2, 5, 2):
        study(tmp, "-o", tmp / f"out{threads}", "--threads", threads)
        got = digests(tmp / f"out{threads}")
        equal(f"bytes with {threads} threads", got, want or got)
        want = got


def case_packed(tmp):
    """gzip, several gzip members, zstd where there is a tool, standard input."""
    plain = study_records(tmp).read_bytes()
    study(tmp, "-o", tmp / "want")
    want = digests(tmp / "want")
    lines = plain.splitlines(keepends=True)
    packed = {"records.gz": gzip.compress(plain),
              "members.gz": b"".join(gzip.compress(b"".join(lines[i::1][:50])) for i in range(0, len(lines), 50))}
    options = ["--mmdb", STUDY / "mmdb", "--country", "IE", "--scan-date", DATE, "--dns-file", tmp / "dns.ndjson"]
    try:
        packed["records.zst"] = subprocess.run(["zstd", "-c"], input=plain, capture_output=True, check=True).stdout
        # As pzstd writes: frames that are to be skipped, the first of all one of them.
        packed["pzstd.zst"] = b"\x50\x2a\x4d\x18\x04\0\0\0skip" + packed["records.zst"] + b"\x5f\x2a\x4d\x18\0\0\0\0"
    except FileNotFoundError:
        print("no zstd tool: zstd is read in the unit tests only")
    for name, data in packed.items():
        (tmp / name).write_bytes(data)
        survey("analyze", tmp / name, *options, "-o", tmp / "out")
        got = digests(tmp / "out")
        got.pop("survey.db"), want.pop("survey.db", None)  # names its source
        equal(name, got, want)
    survey("analyze", "-", *options, "-o", tmp / "stdin", stdin=packed["records.gz"])
    got = digests(tmp / "stdin", list(want))
    equal("standard input", got, want)
    (tmp / "cut.gz").write_bytes(packed["records.gz"][:-2000])
    text = survey("analyze", tmp / "cut.gz", *options, "-o", tmp / "cut", status=3)
    if "ends too early" not in text or not load(tmp / "cut/fingerprints.json"):
        fail("a cut gzip file:", text)


# ---- layouts ----

PATHS = {"tls": ["result.tls.handshake_log", "result.response.request.tls_log.handshake_log", "tls",
                 "http.response.request.tls_handshake", "smtp.starttls.tls", "pop3.starttls.tls",
                 "imap.starttls.tls", "https.tls", "imaps.tls.tls"],
         "ssh": ["result.key_exchange.server_host_key", "xssh.key_exchange.server_host_key",
                 "ssh.v2.server_host_key"]}


def dig(value, path):
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def plain_keys(lines):
    """ip -> {port: fingerprint}, by trying every path on every grab: no table, no layout."""
    hosts = {}
    for line in lines:
        r = json.loads(line)
        keys = hosts.setdefault(r["ip"], {})
        grabs = [(p, r["data"][p]) for p in r.get("data", {})]
        for p in PORTS:
            if isinstance(r.get(p), dict):
                grabs += [(p, g) for g in (r[p].get("data"), r[p]) if isinstance(g, dict)]
                grabs += [(p, g) for g in (r[p].get("data") or {}).values() if isinstance(g, dict)]
        for port, grab in grabs:
            for path in PATHS["ssh" if port == "p22" else "tls"]:
                place = dig(grab, path)
                key = dig(place, "fingerprint_sha256") if port == "p22" else (
                    dig(place, "server_certificates.certificate.parsed.subject_key_info.fingerprint_sha256")
                    or dig(place, "certificate.parsed.subject_key_info.fingerprint_sha256"))
                if key:
                    keys[port] = key
    return {ip: k for ip, k in hosts.items() if k}


def components(keys):
    byfp = {}
    for ip, ports in keys.items():
        for fp in ports.values():
            byfp.setdefault(fp, set()).add(ip)
    clusters = []
    for members in byfp.values():
        touching = [c for c in clusters if c & members]
        clusters = [c for c in clusters if not c & members] + [set(members).union(*touching)]
    return {frozenset(c) for c in clusters if len(c) > 1}


def case_layouts(tmp):
    expected = {"zgrab2-seven-lines": (8, None), "zgrab2-lab-46": (46, None), "censys-2017-12": (12, None)}
    for name, (lines, _) in expected.items():
        text = gzip.open(HERE / f"samples/{name}.ndjson.gz").read().decode()
        (tmp / name).write_text(text)
        survey("analyze", tmp / name, "-o", tmp / f"{name}.out")
        hosts = by_ip(tmp / f"{name}.out/all-key-fingerprints.json")
        keys = plain_keys(text.splitlines())
        equal(f"{name}: hosts with keys", sorted(hosts), sorted(keys))
        for ip, h in hosts.items():
            equal(f"{name} {ip}", h["fprints"], keys[ip])
        equal(f"{name}: clusters", partition([h for h in hosts.values() if h["clusternum"]]) , components(keys))
        equal(f"{name}: all hosts", load(tmp / f"{name}.out/run.json")["analysis"]["hosts"], lines)
        check_digests(tmp / f"{name}.out", name)
    # The layouts of one file may be mixed, and one study in two layouts gives the same clusters.
    both = b"".join((tmp / n).read_bytes() for n in expected)
    (tmp / "mixed").write_bytes(both)
    survey("analyze", tmp / "mixed", "-o", tmp / "mixed.out")
    equal("mixed", by_ip(tmp / "mixed.out/all-key-fingerprints.json").keys(),
          plain_keys(both.decode().splitlines()).keys())


# ---- odd input ----

def fp(n):
    return hashlib.sha256(str(n).encode()).hexdigest()


def ssh(n, **more):
    return {"status": "success", "protocol": "ssh", "port": 22, "timestamp": "2026-06-15T12:00:00Z", "result": {
        "key_exchange": {"server_host_key": {"algorithm": "ssh-rsa", "rsa_public_key": {"length": 2048},
                                             "fingerprint_sha256": fp(n), **more}}}}


def leaf(n, sans=None, **more):
    parsed = {"subject_dn": f"CN=host{n}.example.ie", "issuer_dn": "CN=ca",
              "validity": {"start": "2026-04-10T09:04:13Z", "end": "2027-04-09T09:04:12Z"},
              "subject_key_info": {"key_algorithm": {"name": "RSA"}, "rsa_public_key": {"length": 2048},
                                   "fingerprint_sha256": fp(n)}, "signature": {"self_signed": True}, **more}
    if sans is not None:
        parsed["extensions"] = {"subject_alt_name": {"dns_names": sans}}
    return parsed


def mail(n, sans=None, **more):
    return {"status": "success", "protocol": "smtp", "port": 25, "timestamp": "2026-06-15T12:00:00Z", "result": {
        "banner": f"220 mx{n}.example.ie ESMTP", "tls": {"handshake_log": {
            "server_hello": {"version": {"name": "TLSv1.2"}, "cipher_suite": {"value": 49199}},
            "server_certificates": {"certificate": {"parsed": leaf(n, sans, **more)},
                                    "validation": {"browser_trusted": False}}}}}}


def record(ip, *, p22=None, p25=None, **more):
    r = {"ip": ip, "writer": "survey", "version": 1, "time": "2026-06-15T12:00:00Z",
         "location": {"country_code": "IE"}, "autonomous_system": {"asn": 64500, "name": "Some Net"}}
    if p22 is not None:
        r["p22"] = {"data": {"ssh": p22}}
    if p25 is not None:
        r["p25"] = {"data": {"smtp": p25}}
    return {**r, **more}


def text(*records):
    return b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in records)


# Three hosts, of which the first two share a key: what must always come out.
BASE = [record("192.0.2.1", p22=ssh("a"), p25=mail("x")), record("192.0.2.2", p22=ssh("a")),
        record("192.0.2.3", p25=mail("y"))]


def analyze(tmp, data, *more, status=0):
    (tmp / "in").write_bytes(data)
    words = survey("analyze", tmp / "in", "-o", tmp / "out", *more, status=status)
    return words, by_ip(tmp / "out/all-key-fingerprints.json"), load(tmp / "out/run.json")["analysis"]


def check_base(hosts, what):
    equal(f"{what}: clusters", {h["clusternum"] and frozenset((h["ip"],)) for h in hosts.values()} - {0},
          {frozenset(("192.0.2.1",)), frozenset(("192.0.2.2",))})
    if "192.0.2.3" not in hosts:
        fail(what, "cost another host")


def case_bad_lines(tmp):
    good = json.dumps(record("192.0.2.9", p22=ssh("b"))).encode()
    bad = {
        "truncated": good[:len(good) // 2],
        "not-utf8": good.replace(b"ssh-rsa", b"ssh-\xff\xfe"),
        "bad-string": good.replace(b"ssh-rsa", b"ssh-\x00"),
        "bad-string ": good.replace(b"ssh-rsa", b"\\ud800"),
        "bad-string  ": good.replace(b"ssh-rsa", b"x\\udc00y"),
        "bad-number": good.replace(b"2048", b"0123456789012345678901234567890"),
        "not-object": b"null",
        "not-object ": b"[" + good + b"]",
        "not-object  ": b'"text"',
        "no-ip": good.replace(b'"ip"', b'"address"'),
        "bad-ip": good.replace(b'"192.0.2.9"', b"3221225993"),
        "bad-ip ": good.replace(b"192.0.2.9", b"192.0.2.999"),
        "bad-ip  ": good.replace(b'"192.0.2.9"', b"null"),
        "too-deep": good[:-1] + b',"x":' + b"[" * 1100 + b"]" * 1100 + b"}",
        "too-long": good[:-1] + b',"x":"' + b"x" * 40000 + b'"}',
        "syntax": good + good,
        "syntax ": good.replace(b":", b" ", 1),
    }
    for name, line in bad.items():
        reason = name.strip()
        # A file that begins with an array is one: its elements are read.
        for where in range(line.startswith(b"["), len(BASE) + 1):
            lines = BASE[:where] + [line] + BASE[where:]
            data = text(*lines)
            if where == len(BASE):
                data = data[:-1]
            words, hosts, summary = analyze(tmp, data, "--max-line", 30000, status=3)
            check_base(hosts, reason)
            if "192.0.2.9" in hosts:
                fail(reason, "was used")
            equal(reason, summary["refused"], {reason: 1})
            equal("incomplete", summary["incomplete"], True)
            if "1 of 4 lines could not be read" not in words or "records.bad" not in words:
                fail("no clear sentence:", words)
            kept = [json.loads(x) for x in (tmp / "out/records.bad").read_text().splitlines()]
            equal("kept", [(k["reason"], k["line"], k["offset"], k["source"]) for k in kept],
                  [(reason, where, len(text(*BASE[:where])), "in")])
    # All at once, in a run directory that is analysed again: no line is kept twice.
    data = text(*bad.values(), *BASE)
    run = tmp / "run"
    run.mkdir()
    (run / "records.fresh").write_bytes(data)
    (run / "records.bad").write_text('{"source":"zgrab2","reason":"garbage"}\n')
    for _ in range(2):
        survey("analyze", run, "--max-line", 30000, status=3)
        equal("records.bad", len((run / "records.bad").read_text().splitlines()), len(bad) + 1)
    check_base(by_ip(run / "all-key-fingerprints.json"), "all at once")
    # These cost nothing.
    data = (b"\xef\xbb\xbf" + text(*BASE).replace(b"\n", b"\r\n\r\n   \n")).rstrip(b"\n ")
    words, hosts, summary = analyze(tmp, data)
    check_base(hosts, "blank lines, BOM, CRLF")
    equal("lines", (summary["lines"], summary["refused"]), (3, {}))
    equal("numbers of lines", [h["ip_record"] for h in hosts.values()], [0, 3, 6])


def case_odd_parts(tmp):
    """What is bad in a record is left out and counted; the record is used."""
    def host(**more):
        return record("192.0.2.9", **more)
    cases = [
        ("san-not-text", 3, host(p25=mail("n", ["a.example.ie", 5, None, {"x": 1}, "b.example.ie"])),
         {"p25san0": "a.example.ie", "p25san4": "b.example.ie"}),
        ("sans-not-a-list", 1, host(p25=mail("n", "a.example.ie")), {"p25dn": "hostn.example.ie"}),
        ("sans-over-100", 4900, host(p25=mail("n", [f"n{i}.example.ie" for i in range(5000)])),
         {"p25san99": "n99.example.ie"}),
        ("name-unusable", 1, host(p25=mail("n", ["x" * 65536, "b.example.ie"])), {"p25san1": "b.example.ie"}),
        ("name-unusable", 2, host(p25=mail("n", ["a\u0000.example.ie", "a\n.example.ie", "b.example.ie"])),
         {"p25san2": "b.example.ie"}),
        (None, 0, host(p25=mail("n", ["a,b.example.ie", "c.example.ie"])),
         {"p25san0": "a,b.example.ie", "p25san1": "c.example.ie"}),
        ("bad-fingerprint", 1, host(p22=ssh("n"), p25=mail("n", subject_key_info={"fingerprint_sha256": "00ff"})),
         {"p25dn": "hostn.example.ie"}),
        ("bad-fingerprint", 1, host(p22=ssh("n"), p25=mail("n", subject_key_info={"fingerprint_sha256": None})), {}),
        ("bad-fingerprint", 1, host(p22=ssh("n"), p25=mail("n", subject_key_info={"fingerprint_sha256": ""})), {}),
        ("bad-date", 2, host(p25=mail("n", validity={"start": "2026-13-41T00:00:00Z", "end": 5})), {}),
        ("bad-port-number", 1, {"ip": "192.0.2.9", "location": {"country_code": "IE"},
                                "data": {"p22": {**ssh("n"), "port": "22"}}}, {}),
        ("bad-fact", 1, host(p22=ssh("n", rsa_public_key={"length": "2048"})), {}),
        ("ssh-key-without-algorithm", 1, host(p22=ssh("m", algorithm=""), p25=mail("n")), {}),
        (None, 0, host(p22=None, p25=mail("n"), p110="error: no answer", p143=None, p993=[1], writer=7), {}),
    ]
    for note, count, odd, names in cases:
        words, hosts, summary = analyze(tmp, text(*BASE, odd))
        check_base(hosts, note)
        h = hosts["192.0.2.9"]
        equal(f"{note}: cluster", h["clusternum"], 0)
        if note is not None:
            equal(note, summary["left_out"].get(note), count)
        for key, name in names.items():
            equal(f"{note}: {key}", h["analysis"]["nameset"].get(key), name)
        if max(map(len, json.dumps(h["analysis"]["nameset"]).split('"'))) > 1024:
            fail(note, "a huge name came through")
    # Null and empty fingerprints are no key that two hosts share.
    for none in (None, "", "00ff", "z" * 64, 7):
        pair = [record(f"192.0.2.{i}", p22=ssh(i), p25=mail(i, subject_key_info={"fingerprint_sha256": none}))
                for i in (8, 9)]
        _, hosts, _ = analyze(tmp, text(*BASE, *pair))
        equal(f"cluster by {none!r}", {hosts[r["ip"]]["clusternum"] for r in pair}, {0})
    # Upper case is the same key.
    upper = copy.deepcopy(BASE[1])
    upper["p22"]["data"]["ssh"]["result"]["key_exchange"]["server_host_key"]["fingerprint_sha256"] = fp("a").upper()
    _, hosts, _ = analyze(tmp, text(BASE[0], upper, BASE[2]))
    check_base(hosts, "upper case")
    # The same port twice: the later that shows a key.
    line = json.dumps(record("192.0.2.9", p22=ssh("old")))
    line = line[:-1] + ',"p22":' + json.dumps({"data": {"ssh": ssh("new")}}) + ',"p22":{"data":{"ssh":{"status":"unknown-error"}}}}'
    again = record("192.0.2.9", p25=mail("n"))
    _, hosts, summary = analyze(tmp, text(*BASE, line.encode(), again))
    equal("port twice", hosts["192.0.2.9"]["fprints"], {"p22": fp("new"), "p25": fp("n")})
    equal("port twice, counted", summary["left_out"]["port-repeated"], 2)
    equal("merged", (summary["lines"], summary["hosts"], hosts["192.0.2.9"]["ip_record"]), (5, 4, 3))
    # Each fact stands alone; without a scan date `timely` is left out.
    bare = {"ip": "192.0.2.9", "location": {"country_code": "IE"}, "p25": {"data": {"tls": {"server_certificates": {
        "certificate": {"parsed": leaf("n", signature=None)}}}}}}
    _, hosts, _ = analyze(tmp, text(*BASE, bare))
    equal("facts", hosts["192.0.2.9"]["analysis"]["p25"], {"rsalen": 2048})
    bare["p25"]["timestamp"] = "2027-04-09T09:04:11Z"  # FreshGrab.py's lines have it beside `data`
    _, hosts, _ = analyze(tmp, text(*BASE, bare))
    equal("timely then", hosts["192.0.2.9"]["analysis"]["p25"], {"rsalen": 2048, "timely": True})
    _, hosts, _ = analyze(tmp, text(*BASE, bare), "--scan-date", "2027-04-09T09:04:12Z")
    equal("not timely", hosts["192.0.2.9"]["analysis"]["p25"], {"rsalen": 2048, "timely": False})


def case_dodgy(tmp):
    """Who takes no part, and why; with the record as it came."""
    odd = [record("192.0.2.9", p25={"status": "connection-timeout"}),
           record("192.0.2.10", p22=ssh("a"), location={"country_code": "GB"}),
           record("2001:db8::9", p22=ssh("a")), record("198.51.100.9", p22=ssh("a"))]
    del odd[2]["location"], odd[3]["location"]
    later = record("192.0.2.9", p443={"data": {"http": {"status": "connection-timeout"}}})
    _, hosts, _ = analyze(tmp, text(*BASE, *odd, later), "--country", "IE", "--mmdb", STUDY / "mmdb")
    check_base(hosts, "dodgy")
    dodgy = load(tmp / "out/dodgy.json")
    equal("reasons", [(k, d["ip"], d["reason"], d.get("wrong_country")) for k, d in dodgy.items()],
          [("0", "192.0.2.9", "no-key", None), ("1", "192.0.2.10", "wrong-country", "GB"),
           ("2", "2001:db8::9", "no-country", None), ("3", "198.51.100.9", "no-country", None)])
    equal("the record", {k: v for k, v in dodgy["1"].items() if k not in ("wrong_country", "reason")}, odd[1])
    equal("more records", dodgy["0"]["more_records"], [later])
    # XX is any country; and several may be named.
    _, hosts, _ = analyze(tmp, text(*BASE, *odd), "--country", "XX")
    equal("any country", len(hosts), 6)
    _, hosts, _ = analyze(tmp, text(*BASE, *odd), "--country", "IE,GB")
    equal("two countries", sorted(hosts), ["192.0.2.1", "192.0.2.10", "192.0.2.2", "192.0.2.3"])
    # The country comes from the record, else from the database; so does the AS.
    lines = [record("20.5.202.253", p22=ssh("q")), record("20.5.202.254", p22=ssh("q"))]
    del lines[0]["location"], lines[0]["autonomous_system"]
    _, hosts, _ = analyze(tmp, text(*lines), "--country", "IE", "--mmdb", STUDY / "mmdb")
    equal("AS of the database", (hosts["20.5.202.253"]["asn"], hosts["20.5.202.253"]["asndec"]), ("Legal Boyne Ltd", 64517))
    equal("AS of the record", (hosts["20.5.202.254"]["asn"], hosts["20.5.202.254"]["asndec"]), ("some net", 64500))
    pairs = by_ip(tmp / "out/collisions.json")
    # Nor does what the database said of a first line stand against a later line of the host.
    split = [{"ip": "20.5.202.253", "data": {"p22": ssh("q")}},
             {"ip": "20.5.202.253", "data": {"p25": mail("q")}, "location": {"country_code": "GB"}}]
    for lines in (split, split[::-1]):
        analyze(tmp, text(*lines), "--country", "IE", "--mmdb", STUDY / "mmdb")
        equal("country of a later line", [d["wrong_country"] for d in load(tmp / "out/dodgy.json").values()], ["GB"])
    equal("AS of partners", pairs["20.5.202.253"]["rcs"]["1"]["asn"], "some net")


def case_unknown_layout(tmp):
    """A layout that no row of the table knows must not give an empty study in silence."""
    def strange(i):
        grab = mail(i)
        grab["result"] = {"tls_v2": {"log": grab["result"]["tls"]["handshake_log"]}}
        return record(f"192.0.3.{i}", p25=grab)
    words, hosts, summary = analyze(tmp, text(*BASE, strange(1)), status=3)
    check_base(hosts, "unknown layout")
    equal("counted", summary["unknown_layout"], {"p25": {"count": 1, "of": 3,
          "example": "p25.result.tls_v2.log.server_certificates.certificate.parsed.subject_key_info"}})
    if "does not know the layout" not in words or "result.tls_v2.log" not in words:
        fail("no clear sentence:", words)
    # Nor one whose certificates and host keys are where they were, with something else in them.
    moved, renamed = strange(2), record("192.0.3.3", p22=ssh(3))
    cert = mail(2)
    parsed = cert["result"]["tls"]["handshake_log"]["server_certificates"]["certificate"]["parsed"]
    parsed["tbs"] = {"subject_key_info": parsed.pop("subject_key_info")}
    moved["p25"] = {"data": {"smtp": cert}}
    key = renamed["p22"]["data"]["ssh"]["result"]["key_exchange"]["server_host_key"]
    key["type"] = key.pop("algorithm")
    _, _, summary = analyze(tmp, text(*BASE, moved, renamed), status=3)
    equal("examples", {p: (u["count"], u["example"]) for p, u in summary["unknown_layout"].items()},
          {"p22": (1, "p22.result.key_exchange.server_host_key"), "p25": (
              1, "p25.result.tls.handshake_log.server_certificates.certificate.parsed.tbs.subject_key_info")})
    many = [record(f"192.0.2.{i}", p25=mail(i)) for i in range(10, 110)]
    words, hosts, summary = analyze(tmp, text(*BASE, *many, strange(1)))
    equal("up to 1 % is only counted", summary["unknown_layout"]["p25"]["count"], 1)
    analyze(tmp, text({"ip": "192.0.2.1", "results": [{"smtp": {"server_host_key": {"fingerprint_sha256": fp(1)}}}]}),
            status=3)


def case_several_keys(tmp):
    """All keys of all ports cluster; the old outputs show one a port, of seven ports."""
    def sub(port):
        return {"data": {"smtp": {**mail(port), "port": 465}}}
    a = record("192.0.2.11", p22=ssh("k1"), p465=sub("submission"))
    a["p22"]["data"]["ssh-rsa"] = ssh("k2")
    a["p22"]["data"]["ssh-ed25519"] = ssh("k3")
    b = record("192.0.2.12", p22=ssh("k4"))
    b["p22"]["data"]["ssh-rsa"] = ssh("k2")
    c = record("192.0.2.13", p22=ssh("k5"), p465=sub("submission"))
    _, hosts, _ = analyze(tmp, text(*BASE, a, b, c))
    equal("one cluster", {hosts[r["ip"]]["clusternum"] for r in (a, b, c)}, {2})
    equal("shown", hosts["192.0.2.11"]["fprints"], {"p22": fp("k1")})
    pairs = by_ip(tmp / "out/collisions.json")
    equal("pairs use all keys", pairs["192.0.2.11"]["rcs"], {"4": {
        "ip": "192.0.2.12", "ports": "0x0000000000000001", "str_colls": "p22==p22;"}})
    equal("linked by another port only", (pairs["192.0.2.13"]["rcs"], pairs["192.0.2.13"]["nrcs"]), ({}, 0))
    cluster = load(tmp / "out/clusters.json")[1]
    equal("keys", {k["fp"] for k in cluster["keys"]}, {fp(k) for k in ("k1", "k2", "k3", "k4", "k5", "submission")})
    equal("at", [k["at"] for k in cluster["keys"] if k["fp"] == fp("submission")],
          [[["192.0.2.11", "p465"], ["192.0.2.13", "p465"]]])
    # One certificate names a port, that of the key shown, wherever the port and its grabs stand in the line.
    def web(n, sans):
        return {"status": "success", "port": 443, "result": {"response": {"request": {
            "tls_log": {"handshake_log": mail(n, sans)["result"]["tls"]["handshake_log"]}}}}}
    plain, more = web("plain", ["a.example.ie"]), web("more", ["b.example.ie", "c.example.ie"])
    none = web("none", [f"n{i}.example.ie" for i in range(5)])
    none["result"]["response"]["request"]["tls_log"]["handshake_log"]["server_certificates"]["certificate"][
        "parsed"]["subject_key_info"]["fingerprint_sha256"] = ""
    for grabs, want in (({"http": plain, "http-tls13": more}, "plain"), ({"http-tls13": more, "http": plain}, "plain"),
                        ({"http": none, "http-tls13": more}, "more"), ({"http-tls13": more, "http": none}, "more")):
        for before in ({}, {"p993": {"data": {"imap": mail("y", ["y.example.ie"])}}}):
            _, hosts, _ = analyze(tmp, text(*BASE, {"ip": "192.0.2.9", **before, "p443": {"data": grabs}}))
            names = {k: v for k, v in hosts["192.0.2.9"]["analysis"]["nameset"].items() if k.startswith("p443")}
            equal(f"names of {list(grabs)} after {list(before)}", names,
                  {"p443dn": "hostplain.example.ie", "p443san0": "a.example.ie"} if want == "plain" else
                  {"p443dn": "hostmore.example.ie", "p443san0": "b.example.ie", "p443san1": "c.example.ie"})
            equal("key", hosts["192.0.2.9"]["fprints"]["p443"], fp(want))
    # The same in two lines: the later one's certificate has fewer names, or none.
    for sans, dn, want in ((["d.example.ie"], "CN=e.example.ie", {"p443dn": "e.example.ie", "p443san0": "d.example.ie"}),
                           (None, None, {"p443dn": ""}), (None, 5, {"p443dn": ""})):
        later = web("later", sans)
        later["result"]["response"]["request"]["tls_log"]["handshake_log"]["server_certificates"]["certificate"][
            "parsed"]["subject_dn"] = dn
        lines = [{"ip": "192.0.2.9", "p443": {"data": {"http": g}}} for g in (more, later, {"status": "io-timeout"})]
        _, hosts, _ = analyze(tmp, text(*BASE, *lines))
        names = {k: v for k, v in hosts["192.0.2.9"]["analysis"]["nameset"].items() if k.startswith("p443")}
        equal("names of the later line", (names, hosts["192.0.2.9"]["fprints"]), (want, {"p443": fp("later")}))


# ---- survey.db ----

def case_database(tmp):
    study_records(tmp)
    study(tmp, "-o", tmp / "out")
    db = sqlite3.connect(f"file:{tmp}/out/survey.db?mode=ro", uri=True)
    equal("integrity", db.execute("PRAGMA integrity_check").fetchone(), ("ok",))
    equal("foreign keys", db.execute("PRAGMA foreign_key_check").fetchall(), [])
    doc = (SOURCE / "docs/database.md").read_text()
    queries = re.findall(r"```sql\n(.*?)```", doc, re.S)
    if len(queries) < 5:
        fail("docs/database.md has no five queries")
    for q in queries:
        rows = db.execute(q).fetchall()
        # Mail domains are asked about by survey impact, whose test asks this one.
        if bool(rows) == ("host_domains" in q):
            fail(f"{len(rows)} rows for", q)
    schema = {r[0]: {c[1] for c in db.execute(f"PRAGMA table_info({r[0]})")}
              for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, columns in schema.items():
        section = doc.split(f"### {table}\n", 1)
        if len(section) < 2:
            fail("docs/database.md does not describe table", table)
        described = set(re.findall(r"^\| `(\w+)`", section[1].split("\n### ")[0].split("\n## ")[0], re.M))
        equal(f"columns of {table} in docs/database.md", described, columns)
    hosts = by_ip(tmp / "out/all-key-fingerprints.json")
    got = {r[0]: r[1:] for r in db.execute(
        "SELECT ip, ip_record, asn, coalesce(cluster, 0), csize, nrcs FROM hosts WHERE out IS NULL")}
    equal("hosts", got, {ip: (h["ip_record"], h["asndec"], h["clusternum"], h["csize"], h["nrcs"])
                         for ip, h in hosts.items()})
    got = {}
    for ip, port, print_ in db.execute(
            "SELECT ip, port, fp FROM hosts JOIN host_ports ON host = hosts.id JOIN keys ON key = keys.id "
            "WHERE out IS NULL AND grab = ''"):
        got.setdefault(ip, {})[f"p{port}"] = print_
    equal("keys", got, {ip: h["fprints"] for ip, h in hosts.items()})
    got = {(ip, source) for ip, sources in db.execute(
        "SELECT ip, sources FROM names JOIN hosts ON host = hosts.id WHERE names.verdict = 'good' AND out IS NULL")
           for source in sources.split(" ")}
    equal("good names", got, {(ip, k) for ip, h in hosts.items() for k in h["analysis"]["nameset"]["besty"]})
    equal("texts of names", db.execute("SELECT count(*), count(DISTINCT name), count(DISTINCT id) FROM name_texts").fetchone(),
          db.execute("SELECT count(DISTINCT name), count(DISTINCT name), max(name) FROM host_names").fetchone())
    equal("clusters", db.execute("SELECT id, size FROM clusters ORDER BY id").fetchall(),
          [(c["id"], c["size"]) for c in load(tmp / "out/clusters.json")])
    equal("shared keys", dict(db.execute("SELECT id, shared_keys FROM clusters")),
          {c["id"]: sum(len({ip for ip, _ in k["at"]}) > 1 for k in c["keys"]) for c in load(tmp / "out/clusters.json")})
    equal("dns", db.execute("SELECT count(*) FROM dns").fetchone()[0],
          len((tmp / "dns.ndjson").read_text().splitlines()))


# ---- size ----

def case_large_cluster(tmp):
    """One key on 100,000 hosts: bytes a host must not grow with the cluster."""
    def size_of(n):
        line = json.dumps({"ip": "@", "p22": {"data": {"xssh": {"key_exchange": {"server_host_key": {
            "algorithm": "ssh-ed25519", "fingerprint_sha256": fp("shared")}}}}}})
        with open(tmp / "in", "w") as f:
            for i in range(n):
                f.write(line.replace("@", f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}") + "\n")
        survey("analyze", tmp / "in", "-o", tmp / "out")
        return {k: (tmp / "out" / k).stat().st_size / n for k in ("collisions.json", "clusters.json")}
    small, large = size_of(5000), size_of(100000)
    for name in small:
        if large[name] > small[name] * 1.2:
            fail(f"{name}: {small[name]} bytes a host at 5,000 hosts, {large[name]} at 100,000")
    hosts = load(tmp / "out/collisions.json")
    equal("hosts", len(hosts), 100000)
    for h in (hosts[0], hosts[7], hosts[99999]):
        partners = sorted(map(int, h["rcs"]))
        equal("partners", partners, [i for i in range(17) if i != h["ip_record"]][:16])
        equal("counts", (h["nrcs"], h["csize"], h["rcs_truncated"]), (99999, 100000, True))
        equal("keys of rcs", list(h["rcs"]), sorted(h["rcs"]))
    cluster = load(tmp / "out/clusters.json")
    equal("clusters.json", (len(cluster), cluster[0]["size"], len(cluster[0]["keys"][0]["at"])), (1, 100000, 100000))


def case_large_elsewhere(tmp):
    """A key that half of the hosts show on a port without a column, and the other half, later, on one that has."""
    def cpu_of(n):
        key, own = ({"data": {"tls": {"server_certificates": {"certificate": {"parsed": {
            "subject_key_info": {"fingerprint_sha256": fp(k)}}}}}}} for k in ("shared", "@own"))
        own = json.dumps(own).replace(fp("@own"), "@own")
        with open(tmp / "in", "w") as f:
            for i in range(n):
                f.write('{"ip":"10.%d.%d.%d","%s":%s,"p110":%s}\n' % (
                    i >> 16, i >> 8 & 255, i & 255, "p465" if i < n // 2 else "p25", json.dumps(key),
                    own.replace("@own", fp(i // 2))))
        survey("analyze", tmp / "in", "-o", tmp / "out")
        hosts = load(tmp / "out/collisions.json")
        for h in (hosts[0], hosts[n // 2 - 1], hosts[n // 2], hosts[n - 1]):
            i = h["ip_record"]
            others = {i ^ 1} if i < n // 2 else {i ^ 1} | set(range(n // 2, n)) - {i}
            equal("partners", sorted(map(int, h["rcs"])), sorted(others)[:16])
            equal("number of partners", h["nrcs"], len(others))
        costs = load(tmp / "out/run.json")["analysis"]["costs"]
        return next(c["cpu_s"] for c in costs if c["part"] == "collisions.json")
    small, large = cpu_of(20000), cpu_of(100000)
    if large > small * 11:
        fail(f"collisions.json: {small} s of 20,000 hosts, {large} s of 100,000")


# ---- nobody listens ----

def case_unheard(tmp):
    """Messages and output into a pipe that nobody reads any more, or onto a full disk."""
    (tmp / "in").write_bytes(text(*BASE, b"no record"))

    def run(*args, out=None, err=None):
        """With streams that are named "gone" (a pipe without a reader) or are a path."""
        ends = []
        for name in (out, err):
            if name == "gone":
                reader, end = os.pipe()
                os.close(reader)
                ends.append(end)
            else:
                ends.append(os.open(name, os.O_WRONLY) if name else subprocess.PIPE)
        # Python ignores SIGPIPE and would have its children do so, too.
        done = subprocess.run([SURVEY, *map(str, args)], stdout=ends[0], stderr=ends[1], restore_signals=True)
        for end in ends:
            if end != subprocess.PIPE:
                os.close(end)
        return done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode()

    status, _, said = run("analyze", tmp / "in", "-o", tmp / "heard")
    equal("status", status, 3)
    lines = said.splitlines()
    if any("CPU s" in line for line in lines) or len(lines) > 5:
        fail(f"more than the headline: {said}")
    status, _, _ = run("analyze", tmp / "in", "-o", tmp / "unheard", err="gone")
    equal("status unheard", status, 3)
    equal("files", sorted(p.name for p in (tmp / "unheard").iterdir()), sorted(p.name for p in (tmp / "heard").iterdir()))
    told = survey("analyze", tmp / "in", "-o", tmp / "costs", "--costs", status=3)
    for word in ("CPU s", "clustering", "survey.db"):
        if word not in told:
            fail(f"--costs does not tell {word}: {told}")
    for args in (("stats", tmp / "heard"), ("status", tmp / "heard"), ("geo", "--mmdb", STUDY / "mmdb"),
                 ("help",), ("analyze", "--help"), ("--version",)):
        equal(f"{args} | true", run(*args, out="gone")[::2], (0, ""))
        status, _, said = run(*args, out="/dev/full")
        equal(f"{args} >/dev/full", (status, said.count("standard output: ")), (1, 1))


# ---- the disk is full ----

def case_full_disk(tmp):
    """Whichever file has no room: one message that names it, and earlier results are as they were."""
    if os.geteuid() != 0:
        print("skipped: only root can mount a small disk")
        sys.exit(77)
    if "FULL_DISK_IN_OWN_MOUNTS" not in os.environ:
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv],
                              env=os.environ | {"FULL_DISK_IN_OWN_MOUNTS": "1"})
        sys.exit(done.returncode)
    disk = tmp / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "small", disk], check=True)
    try:
        fill_disk(disk)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill_disk(disk):
    run = disk / "out"
    analyze = ("analyze", STUDY / "records.fresh.gz", "-o", run, "--country", "IE", "-m", STUDY / "mmdb", "--no-weak")
    survey(*analyze)

    def files():
        return {p.name: p.read_bytes() for p in run.iterdir() if p.name != "run.json"}
    before = files()
    used = sum(map(len, before.values())) // 1024
    named = set()
    for command, rooms in ((analyze, (100, used // 4, used // 2, used * 3 // 4)), (("weak", run), (100, 1000))):
        for room in rooms:
            subprocess.run(["mount", "-o", f"remount,size={used + room}k", disk], check=True)
            said = survey(*command, status=1)
            errors = [x for x in said.splitlines() if "error:" in x]
            if len(errors) != 1 or not re.fullmatch(rf"survey: error: {run}(/[a-z.-]+)?: No space left on device", errors[0]):
                fail(f"{command[0]} with {room} kB: {said}")
            named.add(errors[0].split(": ")[2])
            equal(f"{command[0]} with {room} kB: results", files() == before, True)
    if str(run / "survey.db") not in named:
        fail("the database always fitted", named)


# ---- what lies in the directory ----

def case_status(tmp):
    """survey status counts the files of a directory and says when others can read personal data."""
    (tmp / "in").write_bytes(text(*BASE))
    run = tmp / "out"
    survey("analyze", tmp / "in", "-o", run)

    def status():
        done = subprocess.run([SURVEY, "status", run], capture_output=True, text=True, check=True)
        return done.stdout, done.stderr
    out, warned = status()
    n = len(list(run.iterdir()))
    if f"files        {n}, " not in out or "did not make" in out or warned:
        fail(out, warned)
    (run / "notes").mkdir()
    (run / "notes/mine.txt").write_text("x")
    (run / "clusters.json").chmod(0o644)
    (run / "run.json").chmod(0o644)
    out, warned = status()
    if f"files        {n + 1}, " not in out or "; 1 that survey did not make" not in out or warned:
        fail(out, warned)  # nobody else gets into the directory
    run.chmod(0o755)
    _, warned = status()
    if "can read 1 file with personal data, such as clusters.json" not in warned:
        fail(warned)


# ---- arguments ----

def case_arguments(tmp):
    (tmp / "in").write_bytes(text(*BASE))
    for args, words in (((), "is missing; usage: "), (("-",), "-o DIR"), ((tmp / "absent",), "is not there"),
                        ((tmp,), "no records.fresh"), ((tmp / "in", "--country", "Ireland"), "country code"),
                        ((tmp / "in", "--scan-date", "yesterday"), "2026-07-01"),
                        ((tmp / "in", "--dns", "maybe"), "cached, fill and refresh"),
                        ((tmp / "in", "--dns-file", tmp / "absent"), "is not there"),
                        ((tmp / "in", "--mmdb", tmp / "absent"), "absent"),
                        ((tmp / "in", "--pairs-up-to", "1"), "pairs-up-to"),
                        ((tmp / "in", "-o", "/proc/nowhere"), "cannot be made"), ((tmp / "in", tmp / "in"), "one argument too many")):
        got = survey("analyze", *args, status=2)
        if words not in got:
            fail(f"{args}: {got}")
    # Results of a lone file go beside where one stands; names without dns.ndjson are unknown, not bad.
    subprocess.run([SURVEY, "analyze", "in"], cwd=tmp, check=True, capture_output=True)
    hosts = by_ip(tmp / "in.survey/all-key-fingerprints.json")
    names = hosts["192.0.2.1"]["analysis"]["nameset"]
    equal("not asked", (names["unknown"], names["allbad"], names["besty"]), (["banner", "p25dn"], False, []))
    equal("no bad host", load(tmp / "in.survey/dogies.json"), [])
    equal("mode", (tmp / "in.survey").stat().st_mode & 0o777, 0o700)
    for f in (tmp / "in.survey").iterdir():
        equal(f"mode of {f.name}", f.stat().st_mode & 0o777, 0o600)
    # A run directory is analysed in place, with the countries it had; a file beside its dns.ndjson.
    run = tmp / "run"
    survey("analyze", tmp / "in", "-o", run, "--country", "GB")
    (run / "records.fresh").write_bytes(text(*BASE))
    (run / "dns.ndjson").write_text('{"name":"mxx.example.ie","type":"A","outcome":"noerror","answers":["192.0.2.1"],'
                                    '"cname":[],"at":"2026-06-15T12:00:00Z","ms":3}\nnot json\n')
    survey("analyze", run)
    equal("countries kept", load(run / "all-key-fingerprints.json"), [])
    words = survey("analyze", run, "--country", "XX")
    equal("answer used", by_ip(run / "all-key-fingerprints.json")["192.0.2.1"]["analysis"]["nameset"]["besty"], ["banner"])
    if "1 line holds no answer" not in words:
        fail("a bad line of dns.ndjson goes unnoticed")
    # With the run's own config its countries count, and --country still wins.
    (run / "survey.conf").write_text((SOURCE / "config/lab.conf").read_text().replace('"IE"', '"GB"'))
    (run / "run.json").unlink()
    survey("analyze", run)
    equal("countries of the config", load(run / "all-key-fingerprints.json"), [])
    survey("analyze", run, "--country", "IE")
    equal("hosts", len(load(run / "all-key-fingerprints.json")), 3)
    # Elsewhere the results still tell of the run, but are no unfinished run themselves.
    (run / "run.json").write_text('{"state":"stopped","config_sha256":"00","counts":{"hits":7}}')
    survey("analyze", run, "-o", tmp / "elsewhere", "--country", "XX")
    told = load(tmp / "elsewhere/run.json")
    equal("of the run", (told["state"], told["counts"], told["analysis"]["hosts"]), ("complete", {"hits": 7}, 3))
    survey("analyze", run)
    equal("state of the run", load(run / "run.json")["state"], "stopped")
    # The results of an analysis are a run directory for the others.
    for command in ("stats", "report", "graph"):
        survey(command, tmp / "in.survey")
    # Someone else writes there.
    with open(run / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if "wait for it" not in survey("analyze", run, status=2):
            fail("two at once")
    # An empty file is an empty study.
    (tmp / "empty").write_bytes(b"")
    survey("analyze", tmp / "empty", "-o", tmp / "none")
    equal("empty", [load(tmp / "none" / n) for n in ("collisions.json", "clusters.json", "dodgy.json")], [[], [], {}])


def case_failures(tmp):
    """Exit status 1 leaves the earlier results as they were, and nothing half made."""
    study_records(tmp)
    study(tmp, "-o", tmp / "out")
    want, files = digests(tmp / "out"), sorted(p.name for p in (tmp / "out").iterdir())
    (tmp / "other").write_bytes((tmp / "records.fresh").read_bytes() + b"null\n" * 3)

    def limit(size):
        def apply():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return apply
    for size in (0, 1000, 50000, 300000, 700000, 800000, 1000000):
        done = subprocess.run([SURVEY, "analyze", tmp / "other", "-o", tmp / "out", "--country", "XX"],
                              capture_output=True, preexec_fn=limit(size), timeout=300)
        equal(f"status with files of {size} bytes at most", done.returncode, 1)
        if b"File too large" not in done.stderr and b"SQLite" not in done.stderr:
            fail("no reason:", done.stderr)
        equal("results", digests(tmp / "out"), want)
        equal("files", sorted(p.name for p in (tmp / "out").iterdir()), files)


def case_stopped(tmp):
    """Ctrl-C and kill: earlier results stay, and what a killed analysis left is swept up by the next."""
    study_records(tmp)
    study(tmp, "-o", tmp / "out")
    want, files = digests(tmp / "out"), sorted(p.name for p in (tmp / "out").iterdir())
    lines = (tmp / "records.fresh").read_bytes()
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        child = subprocess.Popen([SURVEY, "analyze", "-", "-o", tmp / "out"], stdin=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        child.stdin.write(lines)
        child.stdin.flush()
        while not list((tmp / "out").glob("records.bad.*")):
            time.sleep(0.01)
        child.send_signal(number)
        time.sleep(0.05)
        try:
            child.stdin.write(lines * 3)
            child.stdin.close()
        except BrokenPipeError:
            pass
        words = child.stderr.read().decode()
        equal("status", child.wait(timeout=60), status)
        equal("results", digests(tmp / "out"), want)
        if status == 130:
            equal("files", sorted(p.name for p in (tmp / "out").iterdir()), files)
            if "stopped" not in words:
                fail("no word of it:", words)
    # Input without end in which no line is a record, and a pipe in which nothing comes.
    for endless in ("yes ''", "cat /dev/zero", "yes '  [' | tr -d '\\n'", "yes null", "sleep 600"):
        with subprocess.Popen(["sh", "-c", f"exec 2>&-; {endless}"], stdout=subprocess.PIPE,
                              start_new_session=True) as source:
            child = subprocess.Popen([SURVEY, "analyze", "-", "-o", tmp / "out"], stdin=source.stdout,
                                     stderr=subprocess.PIPE)
            while not list((tmp / "out").glob("records.bad.*")):
                time.sleep(0.01)
            time.sleep(0.5)
            child.send_signal(signal.SIGTERM)
            equal(endless, child.wait(timeout=60), 130)
            os.killpg(source.pid, signal.SIGKILL)
        equal("results", digests(tmp / "out"), want)
    (tmp / "out/collisions.json.survey-tmp-aB3xYz").write_text("half")
    for own in ("survey.db.backup", "clusters.json.before"):  # the user's
        (tmp / "out" / own).write_text("mine")
    study(tmp, "-o", tmp / "out")
    equal("swept", sorted(p.name for p in (tmp / "out").iterdir()),
          sorted([*files, "survey.db.backup", "clusters.json.before"]))


# ---- asking a resolver ----

def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_unbound(tmp, data):
    """A real Unbound on a loopback port that knows data and nothing else."""
    port = free_port()
    lines = "".join(f"    local-data: '{d}'\n" for d in data)
    (tmp / "unbound.conf").write_text(
        f'server:\n    interface: 127.0.0.1@{port}\n    do-daemonize: no\n    username: ""\n    chroot: ""\n'
        f'    directory: "{tmp}"\n    pidfile: ""\n    use-syslog: no\n    logfile: "{tmp}/unbound.log"\n'
        f'    module-config: "iterator"\n    local-zone: "." static\n'
        f'    local-zone: "2.0.192.in-addr.arpa." static\n    do-not-query-address: 0.0.0.0/0\n'
        f'    do-not-query-address: ::/0\n{lines}remote-control:\n    control-enable: no\n')
    child = subprocess.Popen(["unbound", "-d", "-c", tmp / "unbound.conf"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    query = bytes.fromhex("47110100000100000000000002" "6d78" "00" "0001" "0001")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.1)
        for _ in range(100):
            try:
                s.sendto(query, ("127.0.0.1", port))
                s.recv(512)
                return child, port
            except OSError:
                if child.poll() is not None:
                    fail("unbound:", (tmp / "unbound.log").read_text())
    fail("unbound does not answer")


def case_dns(tmp):
    if shutil.which("unbound") is None:
        print("no Unbound here")
        sys.exit(77)
    child, port = start_unbound(tmp, ["mxx.example.ie. A 192.0.2.1", "mxx.example.ie. A 192.0.2.77",
                                      "hostx.example.ie. A 192.0.2.80", "hosty.example.ie. AAAA 2001:db8::1",
                                      "1.2.0.192.in-addr.arpa. PTR rdns.example.ie.",
                                      "rdns.example.ie. A 192.0.2.1"])
    try:
        (tmp / "in").write_bytes(text(*BASE))
        (tmp / "dns.ndjson").write_text('{"name":"mxy.example.ie","type":"A","outcome":"noerror","answers":["192.0.2.3"],'
                                        '"cname":[],"at":"2026-06-15T12:00:00Z","ms":3}\n'
                                        '{"name":"hosty.example.ie","type":"A","outcome":"servfail","answers":[],'
                                        '"cname":[],"at":"2026-06-15T12:00:00Z","ms":3}\n')
        out = tmp / "out"
        survey("analyze", tmp / "in", "-o", out, "--dns", "fill", "--resolver", f"127.0.0.1#{port}")
        names = {ip: h["analysis"]["nameset"] for ip, h in by_ip(out / "all-key-fingerprints.json").items()}
        n = names["192.0.2.1"]
        equal("good", (n["besty"], n["rdns"], n["p25dn-ip"], n["unknown"], n["allbad"]),
              (["rdns", "banner"], "rdns.example.ie", "192.0.2.80", [], False))
        n = names["192.0.2.3"]  # mxy is answered by the file, hosty is asked again
        equal("known and asked again", (n["besty"], n["banner-seen"], n["p25dn-ip"]),
              (["banner"], "2026-06-15T12:00:00Z", "2001:db8::1"))
        asked = load(out / "run.json")["analysis"]
        forward, reverse = [next(c["calls"] for c in asked["costs"] if c["part"] == p)
                            for p in ("forward DNS", "reverse DNS")]
        equal("asked", (forward, reverse), (5, 3))
        # All again, by a config's word: what the resolver does not know is no longer true.
        (tmp / "conf").write_text(f'run {{ name = x }}\ndns {{ mode = address address = "127.0.0.1#{port}" }}\n')
        again = tmp / "again"
        again.mkdir()
        (again / "dns.ndjson").write_bytes((out / "dns.ndjson").read_bytes() + (
            b'{"name":"elsewhere.ie","type":"A","outcome":"nxdomain","answers":[]}\n'))
        survey("analyze", tmp / "in", "-o", again, "--dns", "refresh", "--config", tmp / "conf")
        n = by_ip(again / "all-key-fingerprints.json")["192.0.2.3"]["analysis"]["nameset"]
        equal("refreshed", n["besty"], [])
        found = [json.loads(line) for line in (again / "dns.ndjson").open()]
        equal("each once", len({(a["name"], a["type"]) for a in found}), len(found))
        equal("outcomes", {a["name"]: a["outcome"] for a in found if a["name"] in ("mxy.example.ie", "elsewhere.ie")},
              {"mxy.example.ie": "nxdomain", "elsewhere.ie": "nxdomain"})
    finally:
        child.terminate()
        child.wait()
    want = digests(out, [n for n in OUTPUTS if n != "survey.db"])
    # All is answered: nothing is asked, and the resolver is not missed.
    survey("analyze", tmp / "in", "-o", out, "--dns", "fill", "--dns-file", out / "dns.ndjson",
           "--resolver", f"127.0.0.1#{port}")
    equal("filled", digests(out, list(want)), want)
    survey("analyze", tmp / "in", "-o", out, "--dns-file", out / "dns.ndjson")
    equal("cached", digests(out, list(want)), want)
    for options, message in ((("fill", "--resolver", "localhost"), "localhost"),
                             (("fill", "--mode", "sideways"), "none of managed"),
                             (("fill", "--mode", "managed"), "dns.upstream"),
                             (("fill", "--config", tmp / "none"), "none"),
                             (("cached", "--resolver", "127.0.0.1"), "nobody is asked")):
        said = survey("analyze", tmp / "in", "--dns", *options, status=2)
        if message not in said:
            fail(options, "should say", message, "and says", said)


def main():
    with tempfile.TemporaryDirectory(prefix="survey-analyze-") as tmp:
        globals()[f"case_{CASE}"](pathlib.Path(tmp))
    print("ok")


if __name__ == "__main__":
    main()
