#!/usr/bin/env python3
"""impact.py SURVEY: mail domains whose answers are all there, hostile ones among them, and what
becomes of them in find, cluster, compare, notify, a merge, a purge and a copy.

The resolver says nothing: whoever asked it anything would not end within the limits.
"""
import contextlib
import csv
import hashlib
import json
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile

SURVEY = sys.argv[1]
TABLES = ("domains", "mx_hosts", "domain_mx", "mx_addresses", "tlsa")
MUTE = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
MUTE.bind(("127.0.0.1", 0))
ASK = ("--resolver", f"127.0.0.1#{MUTE.getsockname()[1]}", "--timeout", 100, "--tries", 1)


def survey(*args, status=0):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, check=False, timeout=120)
    if r.returncode != status:
        sys.exit(f"survey {args}: status {r.returncode} instead of {status}: {r.stderr}{r.stdout}")
    return r.stdout + (r.stderr if status == 2 else "")


def equal(what, got, want):
    if got != want:
        sys.exit(f"{what}: {str(got)[:1500]!r} instead of {str(want)[:1500]!r}")


def check(condition, what):
    if not condition:
        sys.exit(what)


def fp(word):
    return hashlib.sha256(word.encode()).hexdigest()


def record(ip, ssh, tls):
    cert = {"fingerprint_sha256": fp("cert" + tls), "subject_key_info": {"fingerprint_sha256": fp(tls), "key_algorithm": {"name": "RSA"}}}
    return json.dumps({"ip": ip, "writer": "survey", "time": "2026-06-01T10:00:00Z", "autonomous_system": {"asn": 64500, "name": "Test Net"},
                       "p22": {"data": {"ssh": {"status": "success", "result": {"key_exchange": {"server_host_key": {
                           "algorithm": "ssh-ed25519", "fingerprint_sha256": fp(ssh)}}}}}},
                       "p25": {"data": {"smtp": {"status": "success", "result": {"tls": {"handshake_log": {
                           "server_certificates": {"certificate": {"parsed": cert}}}}}}}}}) + "\n"


def answer(name, kind, *answers, outcome=None, **more):
    return json.dumps({"name": name, "type": kind, "outcome": outcome or ("noerror" if answers else "nodata"),
                       "answers": list(answers), **more}) + "\n"


def host(name, *addresses, tlsa=(), cname=None, ad=False):
    """All questions about an MX host, answered."""
    return (answer(name, "A", *addresses, **({"cname": [cname]} if cname else {})) + answer(name, "AAAA") +
            answer(f"_25._tcp.{name}", "TLSA", *tlsa, **({"ad": True} if ad else {})))


def domain(name, *mx, sts=(), ad=False, **more):
    return answer(name, "MX", *mx, **({"ad": True} if ad else {}), **more) + answer(f"_mta-sts.{name}", "TXT", *sts)


ANSWERS = "".join((
    domain("a.example.ie", "10 mx.example.ie", ad=True, sts=["v=STSv1; id=1"]),
    domain("b.example.ie", "10 mx.example.ie", "20 mx2.example.ie", "30 m\\010x.example.ie", ad=True),
    domain("c.example.ie", "10 192.0.2.1", "10 \u202e.ie", "mx.example.ie", "70000 mx.example.ie", "10 "),
    domain("d.example.ie", "0 ."),
    domain("e.example.ie", "10 other.example.ie", "10 mx.example.ie"),  # an earlier answer
    domain("e.example.ie", "10 third.example.ie"),
    domain("f.example.ie"),
    answer("g.example.ie", "MX", outcome="nxdomain"),
    host("f.example.ie", "192.0.2.3"),
    host("mx.example.ie", "192.0.2.1", "192.0.2.2", tlsa=["3 1 1 " + fp("shared")], ad=True),
    host("mx2.example.ie", "192.0.2.3", tlsa=["3 0 1 " + fp("nobody's"), "1 1 1 " + fp("own"), "x", "3 1 1 abc"], ad=True),
    host("third.example.ie", "198.51.100.9", tlsa=["2 1 1 " + fp("issuer"), "3 1 2 " + "ab" * 64]),
    "not an answer\n\n{\"name\":\"a.example.ie\",\"type\":\"MX\",\"outcome\":\"noerror\",\"answers\":[1]}\n\x00\n",
    '{"name":"a.example.ie","type":"TXT","outcome":"noerror","answers":["' + "x" * 70000 + '"]}\n'))
DOMAINS = "".join(f"{c}.example.ie\n" for c in "abcdefg")


def make(directory, hosts, answers, domains=None):
    directory.mkdir()
    (directory / "records.fresh").write_text("".join(record(ip, *keys) for ip, keys in hosts.items()), encoding="utf-8")
    survey("analyze", directory, "--country", "XX")
    (directory / "dns.ndjson").write_text(answers, encoding="utf-8")
    if domains is not None:
        (directory.parent / "list").write_text(domains, encoding="utf-8")
        survey("impact", directory, "--domains", directory.parent / "list", *ASK)
    return directory


def tables(directory):
    with sqlite3.connect(f"file:{directory}/survey.db?mode=ro&immutable=1", uri=True) as db:
        return {t: db.execute(f"SELECT * FROM {t} ORDER BY rowid").fetchall() for t in TABLES}


HOSTS = {"192.0.2.1": ("s1", "shared"), "192.0.2.2": ("s2", "shared"), "192.0.2.3": ("s3", "own")}


def one_run(tmp):
    run = make(tmp / "run", HOSTS, ANSWERS, DOMAINS)
    before = (run / "dns.ndjson").read_bytes()
    r = json.loads(survey("impact", run, *ASK, "-f", "json"))
    equal("nothing is asked", (run / "dns.ndjson").read_bytes(), before)
    equal("routes", r["routes"], {"mx": 3, "implicit": 1, "null": 1, "unusable": 1, "nxdomain": 1, "unknown": 0})
    equal("dane", r["dane"], {"no": 4, "yes": 2, "partial": 0, "unproved": 1, "unknown": 0})
    equal("shapes", (r["domains_in_study"], r["mx_that_is_no_host"], r["mx_hosts"], r["mta_sts"]["yes"]), (3, 2, 4, 1))
    equal("keys", {k["fp"]: (k["domains"], k["pinned"]) for k in r["keys"]},
          {fp("shared"): (2, True), fp("s1"): (2, False), fp("s2"): (2, False), fp("own"): (2, False), fp("s3"): (2, False)})
    equal("mismatch", r["tlsa_mismatch"], [{"mx": "mx2.example.ie", "domains": 1, "dane": "yes", "mail": "refused by senders that use DANE"}])
    first = tables(run)
    survey("analyze", run, "--country", "XX", "--dns", "cached")
    equal("tables of an analysis", tables(run), first)
    check("mail of 2 domains" in survey("find", run, "192.0.2.3"), "find")
    check("mx2.example.ie pin no key" in survey("find", run, "192.0.2.3"), "find: a record without a key")
    c = json.loads(survey("cluster", run, "1", "--repair", "-f", "json"))
    equal("cluster", (c["mail_domains"], c["keys"][0]["pinned"], c["keys"][0]["mail_domains"]), (2, True, 2))
    equal("no mismatch", c["hosts_with_tlsa_mismatch"], 0)
    check("publish the record of the new key first" in survey("cluster", run, "1"), "cluster warns")
    survey("notify", run, "-o", tmp / "told", "--draft")
    text = " ".join((tmp / "told/AS64500/letter.txt").read_text(encoding="utf-8").split())
    check("The mail of 2 domains goes to the hosts of this letter." in text and "a TLSA record (DANE) pins this key" in text, f"letter: {text}")
    check('""mail_domains"":2,' in (tmp / "told/AS64500/events.csv").read_text(encoding="utf-8"), "events.csv")
    check((tmp / "told/index.csv").read_text(encoding="utf-8").splitlines()[1].endswith(",2"), "index.csv")
    # The report: what hangs on a cluster, its repair, and who was told when.
    survey("notify", run, "-o", tmp / "told")
    day = json.loads((run / "notified.ndjson").read_text(encoding="utf-8"))["at"][:10]
    with (run / "notified.ndjson").open("a", encoding="utf-8") as f:
        f.write('{"at":"x"}\nnothing\n{"at":"2026-01-01T00:00:00Z","constituency":"<b>AS1","clusters":[1,99,"x",-1]}\n')
    survey("report", run)
    page = (run / "report/index.html").read_text(encoding="utf-8")
    section = page[page.index('<section id="repair">'):]
    section = section[:section.index("</section>")]
    for words in ("Of 7 mail domains that were asked about, hosts of this study take the mail of 3 domains.", "1 MX host</span> pin no key",
                  '<a href="#c=1">1</a></td><td class="n" data-head="mail domains">2</td><td class="n" data-head="hosts">2</td>', "1 change: 1 shared key held by 1 operator",
                  "1 key is pinned by TLSA records</span>", "AS64500 Test Net: 1 key on 2 hosts", f"AS64500, {day}<br>&lt;b&gt;AS1, 2026-01-01"):
        check(words in section, f"the report lacks {words!r}: {section}")
    (run / "notified.ndjson").unlink()
    # Not for copies, single files, or without a list; a list that says nothing leaves all as it was.
    survey("analyze", run, "--country", "XX", "--dns", "cached", "--anonymise", "-o", tmp / "copy")
    for f in (tmp / "copy").rglob("*"):
        check(f.is_dir() or not re.search(rb"example\.ie", f.read_bytes()), f"{f} names a domain")
    equal("tables of a copy", tables(tmp / "copy"), {t: [] for t in TABLES})
    survey("impact", tmp / "copy", "--domains", tmp / "list", *ASK, status=2)
    survey("impact", run / "survey.db", "--domains", tmp / "list", *ASK, status=2)
    (tmp / "empty").write_text("# nobody\n", encoding="utf-8")
    survey("impact", run, "--domains", tmp / "empty", *ASK, status=2)
    survey("impact", make(tmp / "bare", HOSTS, ""), *ASK, status=2)
    equal("after refusals", (tables(run), (run / "domains.txt").read_text(encoding="utf-8")), (first, DOMAINS))
    return run


def pinned(tmp):
    """TLSA records that are in dns.ndjson without a list of domains: of a key, of a certificate, and such as pin nothing."""
    answers = (answer("_25._tcp.mx.example.ie", "TLSA", "3 1 1 " + "00" * 32) + answer("_25._tcp.mx.example.ie", "TLSA", "3 1 1 " + fp("shared")) +
               host("mx2.example.ie", "192.0.2.3", tlsa=["3 0 1 " + fp("certown"), "2 1 1 " + fp("s1"), "3 1 2 " + fp("shared") * 2]) +
               answer("_25._tcp.gone.example.ie", "TLSA", "3 1 1 " + fp("s2")) + answer("_25._tcp.gone.example.ie", "TLSA") +
               answer("_443._tcp.mx.example.ie", "TLSA", "3 1 1 " + fp("s3")) + answer("_25._tcp.nodot", "TLSA", "3 1 1 " + fp("own")) +
               '{"name":"_25._tcp.x.example.ie","type":"TLSA","answers":[1]}\n')
    run = make(tmp / "pinned", HOSTS, answers)
    survey("analyze", run, "--country", "XX", "--dns", "cached")
    with sqlite3.connect(f"file:{run}/survey.db?mode=ro&immutable=1", uri=True) as db:
        have = db.execute("SELECT m.name, t.usage, t.data, k.fp FROM tlsa t JOIN mx_hosts m ON m.id = t.mx LEFT JOIN keys k ON k.id = t.key").fetchall()
        equal("domains without a list", db.execute("SELECT count(*) FROM domains").fetchall(), [(0,)])
    equal("records", sorted(have, key=str), sorted([("mx.example.ie", 3, fp("shared"), fp("shared")), ("mx2.example.ie", 3, fp("certown"), fp("own")),
                                                    ("mx2.example.ie", 2, fp("s1"), None), ("mx2.example.ie", 3, fp("shared") * 2, None)], key=str))
    c = json.loads(survey("cluster", run, "1", "--repair", "-f", "json"))
    equal("cluster", (c["keys"][0]["fp"], c["keys"][0]["pinned"], c["keys"][0]["mail_domains"], c["mail_domains"], c["repair"]["tasks"][0]["pinned"]),
          (fp("shared"), True, None, None, True))
    text = survey("cluster", run, "1")
    check("publish the record of the new key first" in text and "takes the mail of" not in text, f"cluster warns: {text}")
    check("(2 hosts) RSA, pinned by a TLSA record" in survey("find", run, "192.0.2.1"), survey("find", run, "192.0.2.1"))
    equal("find", [p["pinned"] for p in json.loads(survey("find", run, "192.0.2.1", "-f", "json"))[0]["hosts"][0]["ports"]], [False, True])
    survey("notify", run, "-o", tmp / "pinned.told", "--draft")
    check("a TLSA record (DANE) pins this key" in (tmp / "pinned.told/AS64500/letter.txt").read_text(encoding="utf-8"), "the letter warns")
    check((tmp / "pinned.told/index.csv").read_text(encoding="utf-8").splitlines()[1].endswith(","), "index.csv counts domains that nobody knows")
    survey("report", run)
    page = (run / "report/index.html").read_text(encoding="utf-8")
    check("1 key is pinned by TLSA records</span>" in page and "is not known: survey impact asks" in page, "the report warns")
    other = make(tmp / "unpinned", {"192.0.2.9": ("s9", "new")}, "")
    survey("merge", "-o", tmp / "pinned.merged", run, other)
    equal("tables of a merge", tables(tmp / "pinned.merged")["mx_hosts"], tables(run)["mx_hosts"])
    # The list comes later: a host without a domain stays, and is no loss of mail.
    (tmp / "later.list").write_text("f.example.ie\n", encoding="utf-8")
    with (run / "dns.ndjson").open("a", encoding="utf-8") as f:
        f.write(domain("f.example.ie") + host("f.example.ie", "192.0.2.3"))
    r = json.loads(survey("impact", run, "--domains", tmp / "later.list", *ASK, "-f", "json"))
    equal("domains", (r["domains"], r["mx_hosts"], r["tlsa_mismatch"]), (1, 1, []))
    equal("hosts of a domain first", [row[1] for row in tables(run)["mx_hosts"]], ["f.example.ie", "mx.example.ie", "mx2.example.ie"])


def compared(tmp, run):
    later = make(tmp / "later", {"192.0.2.1": ("s1", "shared"), "192.0.2.2": ("s2", "new"), "192.0.2.3": ("s3", "new")}, ANSWERS, DOMAINS)
    groups = json.loads(survey("compare", run, later, "-f", "json"))["clusters"]
    equal("compare", sorted((g["mail_domains_a"], g["mail_domains_b"]) for g in groups), [(0, 3), (2, 0)] if len(groups) == 2 else [(2, 3)])
    check("mail of 3 domains" in survey("compare", run, later), "compare as text")
    # 192.0.2.2 has another key than mx.example.ie's record, and 192.0.2.3 than mx2's.
    c = json.loads(survey("cluster", later, "1", "-f", "json"))
    equal("mismatch in a cluster", c["hosts_with_tlsa_mismatch"], 2)
    text = survey("cluster", later, "1")
    check("mind: at 2 of its hosts TLSA records pin no key that was seen on port 25, those of mx" in text, f"cluster warns of a mismatch: {text}")
    survey("notify", later, "-o", tmp / "later.told", "--draft")
    check("the TLSA records (DANE) of this host match no key that we saw" in (tmp / "later.told/AS64500/letter.txt").read_text(encoding="utf-8"),
          "the letter warns of a mismatch")
    check('""tlsa_mismatch"":true' in (tmp / "later.told/AS64500/events.csv").read_text(encoding="utf-8"), "events.csv tells a mismatch")


def one_address(tmp):
    """An MX host with two addresses, whose record pins the key, or the certificate, of the first: only the second is warned of."""
    for word, record_ in (("key", "3 1 1 " + fp("shared")), ("certificate", "3 0 1 " + fp("certshared"))):
        half = make(tmp / word, {"192.0.2.1": ("s1", "shared"), "192.0.2.2": ("s2", "new"), "192.0.2.3": ("s3", "shared"), "192.0.2.4": ("s4", "new")},
                    domain("a.example.ie", "10 mx.example.ie") + host("mx.example.ie", "192.0.2.1", "192.0.2.2", tlsa=[record_]), "a.example.ie\n")
        equal(f"{word}: find", ["pin no key" in survey("find", half, f"192.0.2.{i}") for i in (1, 2, 3)], [False, True, False])
        equal(f"{word}: clusters", [json.loads(survey("cluster", half, n, "-f", "json"))["hosts_with_tlsa_mismatch"] for n in (1, 2)], [0, 1])
        survey("notify", half, "-o", tmp / f"{word}.told", "--draft")
        rows = list(csv.DictReader((tmp / f"{word}.told/AS64500/events.csv").open(encoding="utf-8")))
        equal(f"{word}: rows", {r["source.ip"][-1]: (json.loads(r["extra"]).get("tlsa"), json.loads(r["extra"]).get("tlsa_mismatch")) for r in rows},
              {"1": (True, None), "2": (None, True), "3": (True, None), "4": (None, None)})
        letter = (tmp / f"{word}.told/AS64500/letter.txt").read_text(encoding="utf-8")
        check(re.search(r"192\.0\.2\.2: 25\n +the TLSA records", letter) and letter.count("match no key that we saw") == 1, f"{word}: {letter}")
        equal(f"{word}: the MX host", [m["mx"] for m in json.loads(survey("impact", half, *ASK, "-f", "json"))["tlsa_mismatch"]], ["mx.example.ie"])


def merged(tmp, run):
    other = make(tmp / "other", {"192.0.2.9": ("s9", "shared")}, domain("h.example.ie", "10 mx9.example.ie") + host("mx9.example.ie", "192.0.2.9"),
                 "h.example.ie\n")
    survey("merge", "-o", tmp / "merged", run, other)
    both = tables(tmp / "merged")
    equal("domains of both", [r[1] for r in both["domains"]], [f"{c}.example.ie" for c in "abcdefgh"])
    survey("analyze", tmp / "merged", "--country", "XX", "--dns", "cached")
    equal("tables of an analysis of both", tables(tmp / "merged"), both)
    c = json.loads(survey("cluster", tmp / "merged", "1", "-f", "json"))
    equal("cluster of both", c["mail_domains"], 3)


def foreign(tmp, run):
    """What somebody else has made of a survey.db: no view of it is run, and what replaced a table is not read."""
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT "
    told = [survey("find", run, "192.0.2.1", "-f", f) for f in ("text", "json")]
    for n, (sql, read) in enumerate((
            ("DROP VIEW names; DROP VIEW host_domains; ALTER TABLE hosts ADD COLUMN note TEXT; CREATE TABLE mine (x); CREATE INDEX i ON hosts (note)", True),
            (f"DROP VIEW host_domains; CREATE VIEW host_domains AS {endless} x AS host, x AS domain, 'mismatch' AS tlsa, x AS mx_name FROM c", True),
            (f"DROP TABLE name_texts; CREATE VIEW name_texts AS {endless} x AS id, 'n' || x AS name, NULL AS reversed FROM c", False),
            ("CREATE TABLE t AS SELECT * FROM name_texts; DROP TABLE name_texts; CREATE TABLE name_texts (id INTEGER PRIMARY KEY, "
             "name TEXT AS (printf('%.*c', 400000000, 'x')), reversed TEXT); INSERT INTO name_texts (id) SELECT id FROM t", False),
            ("DROP TABLE tlsa", False))):
        place = tmp / f"foreign{n}"
        place.mkdir()
        shutil.copy(run / "survey.db", place)
        with contextlib.closing(sqlite3.connect(place / "survey.db")) as db:
            db.executescript(sql)
        for form, want in zip(("text", "json"), told):
            r = subprocess.run([SURVEY, "find", place, "192.0.2.1", "-f", form], capture_output=True, text=True, check=False, timeout=120)
            if read:
                equal(f"{sql}: find", (r.stdout.replace(str(place), str(run)), r.stderr), (want, ""))
            else:
                check(r.returncode == 1 and "192.0.2.1" not in r.stdout and "no survey.db of this version" in r.stderr, f"{sql}: {r}")


def purged(tmp, run):
    survey("purge", run, "--host", "192.0.2.1,192.0.2.3")
    with sqlite3.connect(f"file:{run}/survey.db?mode=ro&immutable=1", uri=True) as db:
        equal("addresses that stay", db.execute("SELECT ip FROM mx_addresses ORDER BY ip").fetchall(), [("192.0.2.2",), ("198.51.100.9",)])
    text = (run / "dns.ndjson").read_text(encoding="utf-8")
    check("192.0.2.1\"" not in text and "192.0.2.3" not in text, "an address of who went in dns.ndjson")
    check(fp("own") not in text and fp("shared") in text, "TLSA records of keys that went, and of those that stay")
    first = tables(run)
    survey("analyze", run, "--country", "XX", "--dns", "cached")
    equal("tables of an analysis afterwards", tables(run), first)
    survey("purge", run, "--names")
    check(not (run / "domains.txt").exists() and tables(run)["domains"] == [], "names went, domains did not")


with tempfile.TemporaryDirectory() as t:
    top = pathlib.Path(t)
    made = one_run(top)
    pinned(top)
    compared(top, made)
    one_address(top)
    merged(top, made)
    foreign(top, made)
    purged(top, made)
