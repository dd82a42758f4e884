#!/usr/bin/env python3
"""purge.py SURVEY: what survey purge takes out is in no file any more, and the rest is as if it had never been there.

Every file of the directory is searched, the report's packed data and the names of files included.
"""
import base64
import fcntl
import gzip
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

SURVEY = sys.argv[1]
RESULTS = ["fingerprints.json", "all-key-fingerprints.json", "collisions.json", "clusters.json", "clustersizes.csv",
           "dodgy.json", "dogies.json", "verdicts.ndjson", "survey.db"]


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


def fp(word):
    return hashlib.sha256(word.encode()).hexdigest()


def ssh_fp(word):
    return "SHA256:" + base64.b64encode(bytes.fromhex(fp(word))).decode().rstrip("=")


def record(ip, *keys, name=None, country="IE", asn=64500):
    """keys: of ports 22 and 25; name: in the banner and the certificate."""
    r = {"ip": ip, "writer": "survey", "time": "2026-06-01T10:00:00Z", "location": {"country_code": country},
         "autonomous_system": {"asn": asn, "name": "Test Net"}}
    if keys:
        r["p22"] = {"data": {"ssh": {"status": "success", "result": {"key_exchange": {"server_host_key": {
            "algorithm": "ssh-ed25519", "fingerprint_sha256": fp(keys[0])}}}}}}
    if len(keys) > 1:
        cert = {"subject_dn": f"CN={name}", "issuer_dn": f"CN=ca of {name}", "fingerprint_sha256": fp("cert" + keys[1]),
                "subject_key_info": {"fingerprint_sha256": fp(keys[1]), "key_algorithm": {"name": "RSA"}},
                "extensions": {"subject_alt_name": {"dns_names": [name, f"www.{name}", f"*.{name}"]}}}
        r["p25"] = {"data": {"smtp": {"status": "success", "result": {"banner": f"220 {name.upper()} ESMTP", "tls": {
            "handshake_log": {"server_certificates": {"certificate": {"parsed": cert}}}}}}}}
    return json.dumps(r) + "\n"


GONE = ["192.0.2.7", "2001:db8::7", "192.0.2.99"]  # the last one was found and never grabbed
RECORDS = {
    "192.0.2.1": record("192.0.2.1", "k1", "t1", name="mx1.example.ie"),
    "192.0.2.7": record("192.0.2.7", "k1", "t7", name="gone.example.ie"),
    "192.0.2.2": record("192.0.2.2", "k2", "t1", name="mx1.example.ie"),
    "2001:db8::7": record("2001:db8::7", "k7", "t1", name="mx1.example.ie"),
    "192.0.2.3": record("192.0.2.3", "k7b", "t3", name="mx3.example.ie"),
    "192.0.2.8": record("192.0.2.8"),
    "192.0.2.70": record("192.0.2.70", "k3", "t4", name="abroad.example.org", country="GB"),
}
# Traces of those that go, in the spellings that files have; what others have, too, stays.
TRACES = [*GONE, "2001:0db8", "gone.example.ie", "GONE.EXAMPLE.IE", "7.2.0.192.in-addr.arpa", "ptr-of-gone.example.net",
          fp("t7"), fp("k7"), ssh_fp("k7"), fp("certt7")]
STAY = ["192.0.2.1", "192.0.2.70", "mx1.example.ie", fp("k1"), fp("t1")]
TORN = '{"ip":"192.0.2.7","p22":{"data"\n'


def answer(name, kind, *answers, **more):
    return json.dumps({"name": name, "type": kind, "outcome": "noerror", "answers": answers, "at": "2026-06-01T10:00:00Z", "ms": 3} | more) + "\n"


DNS = [answer("mx1.example.ie", "A", "192.0.2.1", "192.0.2.7", "192.0.2.2"), answer("gone.example.ie", "A", "192.0.2.7"),
       answer("7.2.0.192.in-addr.arpa", "PTR", "ptr-of-gone.example.net"), answer("www.mx1.example.ie", "A", "192.0.2.7"),
       answer("mx3.example.ie", "A", "192.0.2.3", cname=["ptr-of-gone.example.net"]),
       answer("1.2.0.192.in-addr.arpa", "PTR", "mx1.example.ie", "gone.example.ie"),
       answer("ptr-of-gone.example.net", "A", "192.0.2.7"), answer("www.gone.example.ie", "A", "192.0.2.7")]
DNS_LEFT = [answer("mx1.example.ie", "A", "192.0.2.1", "192.0.2.2"), answer("www.mx1.example.ie", "A", outcome="nodata"),
            answer("mx3.example.ie", "A", "192.0.2.3"), answer("1.2.0.192.in-addr.arpa", "PTR", "mx1.example.ie")]


def make(folder, packed=False, full=True):
    folder.mkdir()
    text = "".join(RECORDS.values()) + (TORN if full else "")
    if packed:
        (folder / "records.fresh.gz").write_bytes(gzip.compress(text.encode()))
    else:
        (folder / "records.fresh").write_text(text)
    (folder / "dns.ndjson").write_text("".join(DNS))
    status = 3 if full else 0
    survey("analyze", folder, "--country", "IE", status=status)
    if not full:
        return folder
    (folder / "scan").mkdir()
    hits = [*RECORDS, "192.0.2.99"]
    for name in ("zmap.ips", "scan/shard-000.ips"):
        (folder / name).write_text("".join(f"{ip}\n" for ip in hits))
    (folder / "out-of-country.ips").write_text("192.0.2.70\n192.0.2.99\n")
    (folder / "survey.log").write_text("started\n192.0.2.7:25 is slow\nhost [2001:DB8:0::7] did not answer\nmx1.example.ie is slow\n"
                                       f"gone.example.ie. has no address\nkey {ssh_fp('k7')}\n192.0.2.70 is abroad\n")
    (folder / "cidrs.v4").write_text("192.0.2.0/24\n")
    (folder / "notes.txt").write_text("mine\n")
    survey("graph", folder, "-f", "svg")
    survey("report", folder)
    survey("report", folder, "--anonymise", "-o", folder.parent / f"{folder.name}-copy")
    return folder


def texts(path):
    """A file's bytes, and what is packed in them."""
    data = path.read_bytes()
    yield data
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    for blob in re.findall(rb"[A-Za-z0-9+/]{24,}={0,2}", data) if path.suffix == ".html" else ():
        try:
            raw = base64.b64decode(blob)
        except ValueError:
            continue
        for bits in (15, 31, -15):
            try:
                yield zlib.decompressobj(bits).decompress(raw)
                break
            except zlib.error:
                pass


def search(folder, words):
    """word -> files that hold it."""
    found = {}
    for path in sorted(p for p in folder.rglob("*")):
        if not path.is_file():
            blobs = []
        else:
            blobs = list(texts(path))
        for word in words:
            for blob in [*blobs, str(path.relative_to(folder)).encode()]:
                # 192.0.2.7 is not in 192.0.2.70
                if re.search(rb"(?<![0-9a-zA-Z.])" + re.escape(word.encode()) + rb"(?![0-9])", blob):
                    found.setdefault(word, []).append(path.relative_to(folder).as_posix())
                    break
    return found


def digests(folder):
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def accepted(folder):
    for args in (["stats", folder], ["status", folder], ["find", folder, "192.0.2.1"], ["cluster", folder, "--all"], ["compare", folder, folder],
                 ["export", folder, "--csv", folder.parent / f"{folder.name}-csv"], ["graph", folder, "-f", "svg"], ["report", folder],
                 ["weak", folder]):
        survey(*args)


def test_host(tmp):
    folder = make(tmp / "run")
    before = search(folder, TRACES + STAY)
    for word in TRACES:
        if word not in before and word != "2001:0db8":
            sys.exit(f"{word} is in no file before: the test shows nothing")
    for place in ("records.fresh", "records.bad", "dns.ndjson", "zmap.ips", "scan/shard-000.ips", "survey.log", "survey.db", "report/index.html",
                  "anonymise.map"):
        equal(f"{place} holds the host before", any(place in v for k, v in before.items() if k in TRACES), True)
    said = survey("purge", folder, "--host", "192.0.2.7,2001:db8::7", "--host", "192.0.2.99/32", "--why", "asked for it")
    equal("traces", search(folder, TRACES), {})
    equal("what others have is there", sorted(search(folder, STAY)), sorted(STAY))
    equal("the directory that is gone is not named", (".purge-" in said, f"({folder}/weak.json)" in said), (False, True))
    has("the copy and the notes are named", said, "run-copy", "1 file that survey did not make stays as it was")
    equal("notes", (folder / "notes.txt").read_text(), "mine\n")
    run = json.loads((folder / "run.json").read_text())
    equal("run.json", [(p["what"], p["why"]) for p in run["purged"]], [("hosts", "asked for it")])
    equal("figures", (run["analysis"]["hosts"], run["analysis"]["lines"]), (5, 5))
    equal("pictures and report are there", [(folder / n).exists() for n in ("report/index.html", "graphs", "weak.json")], [True] * 3)
    equal("log", (folder / "survey.log").read_text(), "started\nmx1.example.ie is slow\n192.0.2.70 is abroad\n")
    # As if it had never been asked.
    other = tmp / "never"
    other.mkdir()
    (other / "records.fresh").write_text("".join(v for k, v in RECORDS.items() if k not in GONE))
    (other / "dns.ndjson").write_text("".join(DNS_LEFT))
    survey("analyze", other, "--country", "IE")
    survey("analyze", folder, "--country", "IE")
    (folder / "run.json").unlink()  # tells when
    (other / "run.json").unlink()
    for name in RESULTS[:-1] + ["weak.json", "records.fresh"]:
        equal(f"{name} after an analysis", (folder / name).read_bytes(), (other / name).read_bytes())
    again = make(tmp / "again", packed=True)
    survey("purge", again, "--host", "192.0.2.7,2001:db8::7,192.0.2.99")
    equal("traces in packed records", search(again, TRACES), {})
    for name in RESULTS[:-1] + ["weak.json"]:
        equal(f"{name} of the purge itself", (again / name).read_bytes(), (other / name).read_bytes())
    has("nobody", survey("purge", again, "--host", "203.0.113.1"), "holds nothing")
    equal("nothing is noted then", len(json.loads((again / "run.json").read_text())["purged"]), 1)
    accepted(again)
    equal("no other directory is left", [p.name for p in tmp.iterdir() if "purge-" in p.name], [])


def test_notes(tmp):
    """Whom notify told, when clusters go, fall apart and get other numbers; and whom recheck asked."""
    folder = tmp / "run"
    folder.mkdir()
    # Cluster 4 is held together by 192.0.2.7.
    hosts = [(1, 64501, "a"), (2, 64501, "a"), (3, 64502, "b"), (4, 64502, "b"), (5, 64777, "c"), (6, 64502, "c"), (7, 64504, "d", "e"),
             (8, 64503, "d"), (9, 64503, "d"), (10, 64502, "x10", "e"), (11, 64505, "x11", "e")]
    (folder / "records.fresh").write_text("".join(record(f"192.0.2.{i}", *keys, asn=asn, name="mx.example.ie") for i, asn, *keys in hosts))
    survey("analyze", folder, "--country", "XX")
    told, asked = folder / "notified.ndjson", folder / "rechecked.ndjson"
    (tmp / "nets").write_text("192.0.2.0/24\n")
    survey("notify", folder, "-o", tmp / "told")
    survey("notify", folder, "-o", tmp / "told.nets", "--cidr", tmp / "nets")
    survey("report", folder)

    def clusters():
        return {n["constituency"]: n["clusters"] for n in map(json.loads, told.read_text().splitlines()[:-1])}

    with told.open("a") as f:
        f.write("not a note\n")
    equal("told before", clusters(), {"AS64501": [1], "AS64502": [2, 3, 4], "AS64503": [4], "AS64504": [4], "AS64505": [4], "AS64777": [3],
                                      "networks": [1, 2, 3, 4]})
    day = json.loads(told.read_text().splitlines()[0])["at"][:10]
    lines = ['{"at":"2026-06-20T09:00:00Z","hosts":["192.0.2.1","192.0.2.3","192.0.2.70"]}', '{"at":"2026-06-21T09:00:00Z","hosts":["192.0.2.1"]}',
             '{"at":"2026-06-22T09:00:00Z","hosts":["192.0.2.4"]}', '{"hosts":[]}', 'cut off ["192.0.2.3"']
    asked.write_text("\n".join(lines) + "\n")
    survey("purge", folder, "--host", "192.0.2.1,192.0.2.5,192.0.2.7")
    equal("asked", asked.read_text().splitlines(), [lines[0].replace('"192.0.2.1",', ""), *lines[2:]])
    # Of an AS, the part in which it has hosts; who was told of nothing but hosts that are gone never was.
    equal("told", clusters(), {"AS64501": [], "AS64502": [1, 3], "AS64503": [2], "AS64505": [3], "networks": [1, 2, 3]})
    equal("what is no note stays", told.read_text().splitlines()[-1], "not a note")
    page = (folder / "report/index.html").read_text()
    rows = {n: row for n, row in re.findall(r'<a href="#c=(\d)">\d</a></td>(.*?)</tr>', page[page.index('id="t-repair"'):])}
    for n, who in (("1", ["AS64502"]), ("2", ["AS64503"]), ("3", ["AS64502", "AS64505"])):
        equal(f"the report on cluster {n}", sorted(re.findall(rf"(AS\d+|networks), {day}", rows[n])), [*who, "networks"])
    # Nothing but a note, or an answer, tells of them.
    (folder / "dns.ndjson").write_text(answer("mx.example.ie", "A", "192.0.2.3", "192.0.2.71"))
    for i in (70, 71):
        survey("purge", folder, "--host", f"192.0.2.{i}")
        equal(f"traces of 192.0.2.{i}", search(folder, [f"192.0.2.{i}"]), {})


def test_records(tmp):
    folder = make(tmp / "run")
    survey("purge", folder, "--records")
    equal("records", [p.name for p in folder.glob("records*")], [])
    equal("what only records had", search(folder, ["autonomous_system", "server_host_key"]), {})
    equal("the study stays", sorted(search(folder, STAY)), sorted(STAY))
    equal("dodgy.json names who and why", [(h["ip"], h["reason"]) for h in json.loads((folder / "dodgy.json").read_text()).values()],
          [("192.0.2.8", "no-key"), ("192.0.2.70", "wrong-country")])
    accepted(folder)


def test_names(tmp):
    folder = make(tmp / "run")
    survey("purge", folder, "--names")
    equal("names", search(folder, ["mx1.example.ie", "gone.example.ie", "MX1.EXAMPLE.IE", "ca of mx1.example.ie", "ptr-of-gone.example.net",
                                   "in-addr.arpa", "abroad.example.org"]), {})
    equal("hosts and keys stay", sorted(search(folder, ["192.0.2.7", "192.0.2.1", fp("k1"), fp("t7")])),
          sorted(["192.0.2.7", "192.0.2.1", fp("k1"), fp("t7")]))
    equal("no DNS answers", (folder / "dns.ndjson").exists(), False)
    accepted(folder)


def test_age(tmp):
    for name, day in (("old", 1), ("new", None)):
        folder = make(tmp / name, full=False)
        run = json.loads((folder / "run.json").read_text())
        run["created"] = run["ended"] = "2020-01-01T00:00:00Z" if day else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        (folder / "run.json").write_text(json.dumps(run))
    said = survey("purge", tmp, "--records", "--older-than", 30)
    has("the younger one", said, "new", "stays as it is")
    equal("records", [(tmp / n / "records.fresh").exists() for n in ("old", "new")], [False, True])


def test_merge(tmp):
    a = make(tmp / "a", full=False)
    b = tmp / "b"
    b.mkdir()
    (b / "records.fresh").write_text(record("192.0.2.77", "k9"))
    survey("analyze", b, "--country", "XX")
    survey("merge", "-o", tmp / "m", a, b, "--no-records")
    said = survey("purge", tmp / "m", "--host", "192.0.2.7", status=3)
    has("who holds it still", said, str(a.resolve()), "still holds it")
    if str(b.resolve()) + "," in said:
        sys.exit(f"{b} never held it: {said}")
    equal("traces", search(tmp / "m", ["192.0.2.7", "gone.example.ie"]), {})
    has("a run names its merges", survey("purge", a, "--host", "192.0.2.7"), str((tmp / "m").resolve()))
    survey("purge", tmp / "m", "--host", "192.0.2.8", status=3)
    survey("stats", tmp / "m")


def test_refusals(tmp):
    folder = make(tmp / "run")
    was = digests(folder)
    for args in (["--records", "--names"], [], ["--host", "192.0.2.7", "--older-than", 3], ["--host", "nobody"]):
        survey("purge", folder, *args, status=2)
    has("a copy", survey("purge", tmp / "run-copy", "--names", status=2), "anonymised copy")
    survey("purge", folder / "survey.db", "--names", status=2)
    with open(folder / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        has("while it runs", survey("purge", folder, "--host", "192.0.2.7", status=2), "writes there")
    # A link in a file's place is not followed.
    (tmp / "secret").write_text("192.0.2.200\n")
    (folder / "zmap.ips").unlink()
    os.symlink(tmp / "secret", folder / "zmap.ips")
    survey("purge", folder, "--host", "192.0.2.7")
    equal("it is gone, and what it leads to is not", ((folder / "zmap.ips").is_symlink(), (tmp / "secret").read_text()), (False, "192.0.2.200\n"))
    # No room: as it was.
    folder = make(tmp / "full")
    was = digests(folder)
    limit = "ulimit -f 8; trap '' XFSZ; exec \"$@\""
    r = subprocess.run(["bash", "-c", limit, "-", SURVEY, "purge", folder, "--host", "192.0.2.7"], capture_output=True, text=True)
    equal("a write that fails", (r.returncode, digests(folder)), (1, was))
    equal("nothing is left", [p.name for p in tmp.iterdir() if "purge-" in p.name], [])


def test_kill(tmp):
    """Whenever it is killed: all of it is there, or nothing of the host; the next one cleans up."""
    original = make(tmp / "original")
    shutil.copytree(original, tmp / "run")
    was = digests(tmp / "run")
    start = time.monotonic()
    survey("purge", tmp / "run", "--host", "192.0.2.7")
    whole = time.monotonic() - start
    for part in (0.3, 0.7, 0.95):
        shutil.rmtree(tmp / "run")
        shutil.copytree(original, tmp / "run")
        with subprocess.Popen([SURVEY, "purge", tmp / "run", "--host", "192.0.2.7"], stderr=subprocess.DEVNULL) as p:
            try:
                p.wait(whole * part)
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGKILL)
        found = search(tmp / "run", ["192.0.2.7", "gone.example.ie"])
        if found:
            now = digests(tmp / "run")
            equal(f"before, when killed after {part}", {k: v for k, v in now.items() if k != "lock"}, {k: v for k, v in was.items() if k != "lock"})
        survey("purge", tmp / "run", "--host", "192.0.2.7,192.0.2.2")
        equal("after", search(tmp / "run", ["192.0.2.7", "gone.example.ie", "192.0.2.2"]), {})
        equal("nothing is left beside it", [q.name for q in tmp.iterdir() if "purge-" in q.name], [])


with tempfile.TemporaryDirectory() as top:
    for test in (test_host, test_notes, test_records, test_names, test_age, test_merge, test_refusals, test_kill):
        place = pathlib.Path(top) / test.__name__
        place.mkdir()
        test(place)
