#!/usr/bin/env python3
"""survey notify on small runs with known content: notify_test.py SURVEY CASE

What a folder must hold, and what it must not, is worked out here from the
records, not taken from the program.
"""
import csv
import hashlib
import html
import html.parser
import io
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from email import policy
from email.parser import BytesParser
from xml.etree import ElementTree

SURVEY, CASE = sys.argv[1:3]
SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tests"))
import made_weak  # noqa: E402
EVENT_COLUMNS = ("time.source,source.ip,source.port,protocol.transport,protocol.application,source.asn,source.as_name,"
                 "source.geolocation.cc,source.reverse_dns,source.abuse_contact,classification.taxonomy,"
                 "classification.type,classification.identifier,severity,event_description.text,feed.code,extra")
NASTY = ['=cmd|"/C calc"!A1', 'x\r\nBcc: evil@example.net', "x\nSubject: evil", '"><script>alert(1)</script>', "../../../etc/passwd",
         "a,b\"c';--", "\u202egnp.exe", "{{opt_out}}", "\x1b[31mred", "</pre><img src=http://evil.example/x>", "é\u0000ü"]


def survey(*args, status=0):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, check=False)
    if r.returncode != status:
        sys.exit(f"survey {args}: status {r.returncode} instead of {status}: {r.stderr}{r.stdout}")
    return r.stderr


def equal(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r} instead of {want!r}")


def check(condition, what):
    if not condition:
        sys.exit(what)


def fp(word):
    return hashlib.sha256(str(word).encode()).hexdigest()


def ssh(word, software="OpenSSH_9.2p1"):
    return {"data": {"ssh": {"status": "success", "result": {
        "server_id": {"raw": f"SSH-2.0-{software}", "version": "2.0", "software": software},
        "key_exchange": {"server_host_key": {"algorithm": "ssh-ed25519", "fingerprint_sha256": fp(word)}}}}}}


def tls(word, cn="mx.example.ie", banner=None):
    cert = {"subject_dn": f"CN={cn}", "issuer_dn": "CN=ca", "serial_number": "12345678901", "fingerprint_sha256": fp(f"c{word}"),
            "subject_key_info": {"fingerprint_sha256": fp(word), "key_algorithm": {"name": "RSA"}},
            "extensions": {"subject_alt_name": {"dns_names": [cn]}}}
    return {"data": {"smtp": {"status": "success", "result": {"banner": banner or f"220 {cn} ESMTP", "tls": {"handshake_log": {
        "server_certificates": {"certificate": {"parsed": cert}}}}}}}}


class Host:
    """One host; its PTR name, if it has one, leads back to it."""

    def __init__(self, ip, asn, as_name="Net Ltd", ptr=None, day=15, **ports):
        self.ip, self.asn, self.as_name, self.ptr, self.day, self.ports = ip, asn, as_name, ptr, day, ports

    def record(self):
        r = {"ip": self.ip, "writer": "survey", "location": {"country_code": "IE"}}
        if self.day:
            r["time"] = f"2026-06-{self.day}T12:00:00Z"
        if self.asn:
            r["autonomous_system"] = {"asn": self.asn, "name": self.as_name}
        return {**r, **self.ports}

    def answers(self):
        if self.ptr is None:
            return []
        import ipaddress  # noqa: PLC0415
        at = {"outcome": "noerror", "at": "2026-06-15T12:00:00Z", "ms": 1}
        kind = "AAAA" if ":" in self.ip else "A"
        return [{"name": ipaddress.ip_address(self.ip).reverse_pointer, "type": "PTR", "answers": [self.ptr], **at},
                {"name": self.ptr, "type": kind, "answers": [self.ip], **at}]


def run(folder, hosts):
    folder.mkdir()
    with open(folder / "records.fresh", "w", encoding="utf-8") as f:
        f.writelines(json.dumps(h.record()) + "\n" for h in hosts)
    with open(folder / "dns.ndjson", "w", encoding="utf-8") as f:
        f.writelines(json.dumps(a) + "\n" for h in hosts for a in h.answers())
    survey("analyze", folder, "--country", "XX", "--dns", "cached")
    return folder


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def extra(row):
    return json.loads(row["extra"])


def mail(path):
    """The letter as a mail program reads it."""
    return BytesParser(policy=policy.default).parsebytes(path.read_bytes())


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.open = set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources |= {v for k, v in attrs if k in ("src", "href")}
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        check(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open}")
        self.open.pop()


def three_networks():
    """Cluster 1: a key on four hosts of three ASes, one of them unknown; cluster 2: within one AS."""
    return [Host("192.0.2.1", 64501, ptr="one.example.ie", p22=ssh("s1"), p25=tls("own1")),
            Host("192.0.2.2", 64501, ptr="two.example.ie", p22=ssh("s1"), p25=tls("t2")),
            Host("192.0.2.3", 64502, "Other Ltd", ptr="three.example.net", p22=ssh("s1"), p25=tls("t2")),
            Host("2001:db8::4", 0, p22=ssh("s1")),
            Host("192.0.2.5", 64503, "Third Ltd", p25=tls("t5"), p587=tls("t5")),
            Host("192.0.2.6", 64503, "Third Ltd", p25=tls("t5")),
            Host("192.0.2.7", 64504, "Quiet Ltd", p25=tls("own7"))]


def test_folders(tmp):
    r, out = run(tmp / "run", three_networks()), tmp / "out"
    survey("notify", r, "-o", out)
    equal("folders", sorted(p.name for p in out.iterdir() if p.is_dir()), ["AS64501", "AS64502", "AS64503", "no-as"])
    for path in [out, *out.rglob("*")]:
        equal(f"mode of {path}", stat.S_IMODE(path.stat().st_mode), 0o700 if path.is_dir() else 0o600)
    events = rows(out / "AS64501/events.csv")
    equal("columns", (out / "AS64501/events.csv").read_text(encoding="utf-8").splitlines()[0], EVENT_COLUMNS)
    equal("hosts and ports", [(e["source.ip"], e["source.port"]) for e in events],
          [("192.0.2.1", "22"), ("192.0.2.2", "22"), ("192.0.2.2", "25")])
    first = events[0]
    equal("a row", {k: first[k] for k in EVENT_COLUMNS.split(",") if k not in ("extra", "event_description.text")},
          {"time.source": "2026-06-15T12:00:00Z", "source.ip": "192.0.2.1", "source.port": "22", "protocol.transport": "tcp",
           "protocol.application": "ssh", "source.asn": "64501", "source.as_name": "Net Ltd", "source.geolocation.cc": "IE",
           "source.reverse_dns": "one.example.ie", "source.abuse_contact": "", "classification.taxonomy": "vulnerable",
           "classification.type": "weak-crypto", "classification.identifier": "shared-key", "severity": "high",
           "feed.code": "survey"})
    e = extra(first)
    equal("extra", {k: e[k] for k in ("fingerprint", "key_kind", "hosts_with_key", "other_hosts", "other_operators",
                                      "cluster", "cluster_size")},
          {"fingerprint": fp("s1"), "key_kind": "ssh", "hosts_with_key": 4, "other_hosts": 2, "other_operators": 2,
           "cluster": 1, "cluster_size": 4})
    check("status" not in e, "a status without --since")
    unknown = rows(out / "no-as/events.csv")
    equal("an unknown AS", [(e["source.ip"], e["source.asn"], extra(e)["other_operators"]) for e in unknown], [("2001:db8::4", "", 2)])
    equal("within one AS", {(e["source.ip"], e["source.port"], e["severity"], extra(e)["other_hosts"])
                            for e in rows(out / "AS64503/events.csv")},
          {("192.0.2.5", "25", "medium", 0), ("192.0.2.5", "587", "medium", 0), ("192.0.2.6", "25", "medium", 0)})
    index = rows(out / "index.csv")
    equal("index", [(i["constituency"], i["folder"], i["asn"], i["hosts"], i["rows"], i["keys"], i["clusters"], i["high"], i["medium"])
                    for i in index],
          [("AS64501", "AS64501", "64501", "2", "3", "2", "1", "3", "0"), ("AS64502", "AS64502", "64502", "1", "2", "2", "1", "2", "0"),
           ("AS64503", "AS64503", "64503", "2", "3", "1", "1", "0", "3"), ("no-as", "no-as", "", "1", "1", "1", "1", "1", "0")])
    marker = json.loads((out / "notify.json").read_text(encoding="utf-8"))
    equal("notify.json", {c["name"]: c["hosts"] for c in marker["constituencies"]},
          {"AS64501": ["192.0.2.1", "192.0.2.2"], "AS64502": ["192.0.2.3"], "AS64503": ["192.0.2.5", "192.0.2.6"],
           "no-as": ["2001:db8::4"]})
    notes = [json.loads(line) for line in (r / "notified.ndjson").read_text(encoding="utf-8").splitlines()]
    equal("notes", [(n["constituency"], n["contact"], n["hosts"], n["rows"], n["keys"], n["clusters"]) for n in notes],
          [("AS64501", False, 2, 3, 2, [1]), ("AS64502", False, 1, 2, 2, [1]), ("AS64503", False, 2, 3, 1, [2]),
           ("no-as", False, 1, 1, 1, [1])])
    # A directory of ours is replaced as a whole; a draft leaves no note.
    (out / "AS64501/extra").write_text("old", encoding="utf-8")
    survey("notify", r, "-o", out, "--asn", "AS64502,64504", "--draft")
    check("no host is in AS1\n" in survey("notify", r, "-o", tmp / "slip", "--asn", "AS64502,1", "--draft", status=3), "an AS that is not there")
    equal("only an AS", sorted(p.name for p in out.iterdir() if p.is_dir()), ["AS64502"])
    equal("notes after a draft", len((r / "notified.ndjson").read_text(encoding="utf-8").splitlines()), 4)
    # Other constituencies.
    (tmp / "nets").write_text("192.0.2.0/30\n2001:db8::/32\n", encoding="utf-8")
    survey("notify", r, "-o", out, "--cidr", tmp / "nets", "--draft")
    equal("networks", {(e["source.ip"], e["source.port"], extra(e)["other_hosts"], extra(e)["other_operators"])
                       for e in rows(out / "networks/events.csv")},
          {("192.0.2.1", "22", 0, 0), ("192.0.2.2", "22", 0, 0), ("192.0.2.2", "25", 0, 0), ("192.0.2.3", "22", 0, 0),
           ("192.0.2.3", "25", 0, 0), ("2001:db8::4", "22", 0, 0)})
    m = mail(out / "networks/letter.txt")
    check(m["Subject"].endswith(" of your networks") and m.get_content().startswith("Dear operators,"), f"a letter to networks: {m}")
    survey("notify", r, "-o", out, "--domain", "example.ie", "--domain", "*.example.net", "--draft")
    equal("domains", {p.name: sorted({e["source.ip"] for e in rows(p / "events.csv")}) for p in out.iterdir() if p.is_dir()},
          {"domain-example.ie": ["192.0.2.1", "192.0.2.2"], "domain-_.example.net": ["192.0.2.3"]})
    # Shadowserver's columns, families apart.
    survey("notify", r, "-o", out, "--shadowserver", "--draft")
    equal("IPv4", [(e["ip"], e["port"], e["protocol"], e["asn"], e["geo"], e["hostname"], e["public_key_sha256"])
                   for e in rows(out / "AS64502/events.csv")],
          [("192.0.2.3", "22", "tcp", "64502", "IE", "three.example.net", fp("s1")),
           ("192.0.2.3", "25", "tcp", "64502", "IE", "three.example.net", fp("t2"))])
    equal("IPv6", ([e["ip"] for e in rows(out / "no-as/events6.csv")], rows(out / "no-as/events.csv"), rows(out / "AS64502/events6.csv")),
          (["2001:db8::4"], [], []))
    check((out / "AS64502/events.csv").read_text(encoding="utf-8").startswith("timestamp,severity,ip,protocol,port,hostname,tag,asn,geo,"),
          "Shadowserver's columns")


def test_opt_outs(tmp):
    """Who has asked to be left alone gets no letter; the others' are as they were."""
    r, listed = run(tmp / "opted", three_networks()), tmp / "opt-out"
    listed.write_text("192.0.2.1 # asked\n", encoding="utf-8")
    (r / "survey.conf").write_text(f'scan {{ opt_out_file = "{listed}" }}\n', encoding="utf-8")
    said = survey("notify", r, "-o", tmp / "opted-out")
    events = rows(tmp / "opted-out/AS64501/events.csv")
    equal("hosts", {e["source.ip"] for e in events}, {"192.0.2.2"})
    check("1 host has opted out" in said, f"not said: {said}")
    # They are their operator's as before: to the others of its hosts they are no other operator's.
    listed.write_text("192.0.2.5\n", encoding="utf-8")
    survey("notify", r, "-o", tmp / "opted-out")
    equal("a key of hosts of one AS, of which one has opted out", [(e["source.ip"], e["severity"], extra(e)["hosts_with_key"], extra(e)["other_hosts"],
          extra(e)["other_operators"]) for e in rows(tmp / "opted-out/AS64503/events.csv")], [("192.0.2.6", "medium", 2, 0, 0)])
    text = " ".join(mail(tmp / "opted-out/AS64503/letter.txt").get_content().split())
    check("other operator" not in text and "192.0.2.5" not in text and "on 2 of your hosts" in text, f"letter: {text}")
    listed.unlink()
    said = survey("notify", r, "-o", tmp / "opted-out")
    check("nobody is left out" in said, f"not said: {said}")


def test_since(tmp):
    a = run(tmp / "a", [Host("192.0.2.1", 64501, p22=ssh("k"), p25=tls("own")),  # stays
                        Host("192.0.2.2", 64501, p22=ssh("k")),  # repaired
                        Host("192.0.2.3", 64501, p22=ssh("k")),  # silent
                        Host("192.0.2.4", 64501, p22=ssh("k2")), Host("192.0.2.5", 64502, p22=ssh("k2")),  # other shared key
                        Host("192.0.2.6", 64503, p22=ssh("k3")), Host("192.0.2.7", 64503, p22=ssh("k3"))])  # all is repaired
    b = run(tmp / "b", [Host("192.0.2.1", 64501, day=20, p22=ssh("k"), p25=tls("now shared")),
                        Host("192.0.2.2", 64501, day=20, p22=ssh("fresh")),
                        Host("192.0.2.4", 64501, day=20, p22=ssh("k4")), Host("192.0.2.5", 64502, day=20, p22=ssh("k4")),
                        Host("192.0.2.6", 64503, day=20, p22=ssh("fresh6")), Host("192.0.2.7", 64503, day=20, p22=ssh("fresh7")),
                        Host("192.0.2.8", 64502, day=20, p22=ssh("k"), p25=tls("now shared"))])
    out = tmp / "out"
    survey("notify", b, "-o", out, "--since", a)
    have = {(e["source.ip"], e["source.port"]): (extra(e)["status"], extra(e)["first_seen"][:10], extra(e)["last_seen"][:10])
            for p in out.glob("AS*/events.csv") for e in rows(p)}
    equal("status", have, {("192.0.2.1", "22"): ("open", "2026-06-15", "2026-06-20"),
                           ("192.0.2.1", "25"): ("new", "2026-06-20", "2026-06-20"),
                           ("192.0.2.4", "22"): ("changed", "2026-06-20", "2026-06-20"),
                           ("192.0.2.5", "22"): ("changed", "2026-06-20", "2026-06-20"),
                           ("192.0.2.8", "22"): ("new", "2026-06-20", "2026-06-20"),
                           ("192.0.2.8", "25"): ("new", "2026-06-20", "2026-06-20")})
    equal("index", [(i["constituency"], i["folder"], i["new"], i["changed"], i["open"], i["repaired"], i["silent"]) for i in rows(out / "index.csv")],
          [("AS64501", "AS64501", "1", "1", "1", "1", "1"), ("AS64502", "AS64502", "2", "1", "0", "0", "0"),
           ("AS64503", "", "0", "0", "0", "2", "0")])
    text = mail(out / "AS64501/letter.txt").get_content()
    for heading, ip in (("New since then:", "192.0.2.1"), ("With another key than then", "192.0.2.4"), ("Still as they were:", "192.0.2.1")):
        part = text.split(heading, 1)[1]
        check(ip in part.split("\n\n", 2)[1], f"{heading!r} is not followed by {ip}: {part[:200]}")
    text = " ".join(text.split())
    check("Thank you: 1 of your hosts that had such keys then has keys of its own now. "
          "1 host that had such keys then did not answer this time." in text, f"repaired and silent hosts: {text}")
    page = (out / "AS64501/letter.html").read_text(encoding="utf-8")
    check("<code>192.0.2.2</code>" in page and "<code>192.0.2.3</code>" in page, "repaired and silent hosts of the page")
    survey("notify", b, "-o", out, "--since", tmp / "nothing", status=2)


def test_hostile(tmp):
    """Nothing that a host, its AS or its PTR record says breaks out of CSV, mail, HTML, SVG or a path."""
    hosts = [Host(f"192.0.2.{i}", 64500 + i, as_name=evil, p22=ssh("k", software=evil.replace("\0", "")), p25=tls("t", cn=evil))
             for i, evil in enumerate(NASTY, 1)]
    hosts += [Host(f"192.0.2.{100 + i}", 64600 + i, ptr=evil, p22=ssh("k")) for i, evil in enumerate(NASTY, 1)]
    r, out = run(tmp / "run", hosts), tmp / "out"
    survey("notify", r, "-o", out, "--reply-to", "abuse@example.ie", "--opt-out", "x\r\nBcc: evil@example.net<script>")
    equal("folders", sorted(p.name for p in out.iterdir() if p.is_dir()), sorted({f"AS{h.asn}" for h in hosts}))
    equal("what else is there", sorted(p.name for p in tmp.iterdir()), ["out", "run"])
    names = re.compile(r"events\.csv|letter\.txt|letter\.html|cluster-1\.svg|index\.csv|intelmq\.yaml|notify\.json")
    for path in (p for p in out.rglob("*") if p.is_file()):
        check(names.fullmatch(path.name), f"a file {path}")
    for folder in (p for p in out.iterdir() if p.is_dir()):
        for row in rows(folder / "events.csv"):
            equal("columns of a row", list(row), EVENT_COLUMNS.split(","))
            for cell in row.values():
                check(cell[:1] not in list("=+-@\t\r"), f"a formula: {cell!r}")
                check(not re.search(r"[\x00-\x1f\x7f\u202e]", cell), f"control characters: {cell!r}")
            check(re.fullmatch(r"([a-z0-9-]+\.)+[a-z0-9-]+|", row["source.reverse_dns"]), row["source.reverse_dns"])
            json.loads(row["extra"])
        m = mail(folder / "letter.txt")
        equal(f"header lines of {folder.name}", sorted(k.lower() for k in m.keys()),
              ["content-transfer-encoding", "content-type", "mime-version", "reply-to", "subject"])
        check(not m.defects, f"{folder}: {m.defects}")
        check(not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", m.get_content()), f"control characters in {folder}/letter.txt")
        check("\nBcc:" not in (folder / "letter.txt").read_text(encoding="utf-8"), "a header line of somebody else's")
        page = (folder / "letter.html").read_text(encoding="utf-8")
        p = Page(page)
        check(not p.open, f"open tags in {folder}/letter.html: {p.open}")
        check("script" not in p.tags and p.sources <= {"cluster-1.svg"}, f"{folder}/letter.html has {p.tags} {p.sources}")
        ElementTree.parse(folder / "cluster-1.svg")
    # Names of folders are made from patterns that a person types, and a careless one.
    survey("notify", r, "-o", out, "--domain", "../../x", "--domain", "..", "--domain", "a/b?", "--draft")
    equal("what is there now", sorted(p.name for p in tmp.iterdir()), ["out", "run"])


def random_study(seed):
    rng = random.Random(seed)
    hosts, number = [], itertools.count()
    for i in range(160):
        asn = rng.choice([0, *range(64500, 64512)])
        ip = f"198.51.{rng.randrange(100, 104)}.{i}" if i % 5 else f"2001:db8:{i + 1:x}::{i + 4096:x}"
        ports = {}
        for port in ("p22", "p25", "p143", "p443", "p587", "p993"):
            if rng.random() < 0.6:
                word = f"k{rng.randrange(60)}" if rng.random() < 0.4 else f"own{next(number)}"
                ports[port] = ssh(word) if port == "p22" else tls(word, f"cert{i}.example.ie") if port in ("p25", "p587") else None
        hosts.append(Host(ip, asn, f"Network number {asn}", ptr=f"host-number-{i}.net{asn}.example.ie",
                          **{p: v for p, v in ports.items() if v}))
    return hosts


def fingerprints(host):
    found = set(re.findall(r'"fingerprint_sha256": "([0-9a-f]{64})"', json.dumps(host.ports)))
    return {f for f in found} | {f[:n] for f in found for n in (16, 32)}


def base64_of(fingerprint):
    import base64  # noqa: PLC0415
    return base64.b64encode(bytes.fromhex(fingerprint)).decode().rstrip("=")


def leaks(folder, own, others):
    """What the files of a folder tell of others: addresses, names, networks, fingerprints."""
    mine = {f for h in own for f in fingerprints(h)}
    bad = []
    text = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir()}
    for h in others:
        secrets = {h.ip, h.ptr} | ({f"AS{h.asn}", h.as_name} if h.asn and h.asn not in {o.asn for o in own} else set())
        for f in fingerprints(h) - mine:
            secrets |= {f, base64_of(f)} if len(f) == 64 else {f}
        for name, content in text.items():
            for s in secrets:
                if s in content and re.search(rf"(?<![0-9A-Za-z.:]){re.escape(s)}(?![0-9A-Za-z:]|\.[0-9A-Za-z])", content):
                    bad.append((name, s))
    return bad


def test_private(tmp):
    for seed in (1,):
        hosts = random_study(seed)
        r, out = run(tmp / f"run{seed}", hosts), tmp / f"out{seed}"
        survey("notify", r, "-o", out)
        folders = [p for p in out.iterdir() if p.is_dir()]
        check(len(folders) > 10, f"only {len(folders)} folders")
        for folder in folders:
            asn = int(folder.name[2:]) if folder.name != "no-as" else 0
            own = [h for h in hosts if h.asn == asn]
            equal(f"what {folder} tells of others", leaks(folder, own, [h for h in hosts if h.asn != asn]), [])
            # The search finds what is there: the folder names its own hosts.
            check(len(leaks(folder, [], own)) > 10, f"{folder} tells nothing of its own hosts")
        (tmp / "nets").write_text("198.51.100.0/24\n", encoding="utf-8")
        survey("notify", r, "-o", out, "--cidr", tmp / "nets")
        own = [h for h in hosts if h.ip.startswith("198.51.100.")]
        equal("networks", leaks(out / "networks", own, [h for h in hosts if h not in own]), [])
        # What is counted: rows are exactly the ports with keys that two hosts have.
        users = {}
        for h in hosts:
            for port, value in h.ports.items():
                word = re.findall(r'"fingerprint_sha256": "([0-9a-f]{64})"', json.dumps(value))
                key = word[-1] if port == "p22" else next(w for w in word if json.dumps(value).index(w) > json.dumps(value).index("subject_key_info"))
                users.setdefault(key, set()).add((h.ip, port[1:]))
        shared = {k: v for k, v in users.items() if len({ip for ip, _ in v}) > 1}
        survey("notify", r, "-o", out)
        have = {(e["source.ip"], e["source.port"]): extra(e) for p in out.glob("*/events.csv") for e in rows(p)}
        equal("rows", set(have), {use for uses in shared.values() for use in uses})
        by_ip = {h.ip: h for h in hosts}
        for (ip, port), e in have.items():
            holders = {by_ip[i] for i, _ in users[e["fingerprint"]]}
            others = [h for h in holders if h.asn != by_ip[ip].asn]
            equal(f"others with the key of {ip}:{port}", (e["hosts_with_key"], e["other_hosts"], e["other_operators"]),
                  (len(holders), len(others), len({h.asn for h in others})))


NUMBERS = ("n_hosts", "n_hosts_sharing", "n_hosts_sharing_with_others", "n_hosts_weak")
# By language, for one host and for several: who shares, who shares with others, and who has one weak key.
SENTENCES = {
    "en": (("1 host in your network uses SSH or TLS keys that other machines use, too.", "{} hosts in your network use SSH or TLS keys that other machines use, too."),
           ("1 of these hosts shares a key with machines of other operators.", "{} of these hosts share a key with machines of other operators."),
           "Machines of other operators are among them.", "1 key on {} of your hosts is weak.",
           "It is broken: others can pose as the machine without having been on it."),
    "de": (("1 Host in Ihrem Netz verwendet SSH- oder TLS-Schlüssel, die auch auf anderen Rechnern liegen.",
            "{} Hosts in Ihrem Netz verwenden SSH- oder TLS-Schlüssel, die auch auf anderen Rechnern liegen."),
           ("1 dieser Hosts hat einen Schlüssel mit Rechnern anderer Betreiber gemeinsam.",
            "{} dieser Hosts haben einen Schlüssel mit Rechnern anderer Betreiber gemeinsam."),
           "Darunter sind Rechner anderer Betreiber.", "1 Schlüssel auf {} Ihrer Hosts ist schwach.",
           "Er ist gebrochen: Andere können sich als der Rechner ausgeben, ohne je auf ihm gewesen zu sein."),
    "fr": (("1 machine de votre réseau utilise des clés SSH ou TLS que d’autres machines utilisent aussi.",
            "{} machines de votre réseau utilisent des clés SSH ou TLS que d’autres machines utilisent aussi."),
           ("1 de ces machines a une clé en commun avec des machines d’autres exploitants.",
            "{} de ces machines ont une clé en commun avec des machines d’autres exploitants."),
           "Des machines d’autres exploitants en font partie.", "1 clé sur {} de vos machines est faible.",
           "Elle est cassée : d’autres peuvent se faire passer pour la machine sans jamais y avoir accédé.")}


def test_numbers(tmp):
    """Whom a letter accuses of what: its numbers of hosts are counted here from the records."""
    def weak(asn):      # a key that anybody can sign for
        key = made_weak.ssh(made_weak.prime(f"p{asn}", 1024) * made_weak.prime("q", 1024), 1)
        return {"data": {"ssh": {"status": "success", "result": {"key_exchange": {"server_host_key": key}}}}}

    hosts = [Host(f"192.0.2.{i}", 64501, p22=ssh("in")) for i in range(1, 5)]       # within the AS
    hosts += [Host("192.0.2.5", 64501, p22=ssh("in"), p25=tls("out")), Host("192.0.2.6", 64502, p25=tls("out"))]
    hosts += [Host("192.0.2.7", 64501, p22=weak(64501)), Host("192.0.2.8", 64501, p25=tls("alone"))]
    hosts += [Host(f"192.0.3.{i}", 64503, p22=weak(64503), p25=tls("out")) for i in (1, 2)]
    hosts += [Host(f"192.0.4.{i}", 64504, p22=ssh("all")) for i in (1, 2)]
    sha1 = made_weak.ssh(made_weak.prime("p65505", 1024) * made_weak.prime("q65505", 1024), 65537)     # its private key is nobody's but its owner's
    hosts.append(Host("192.0.5.1", 64505, p22={"data": {"ssh": {"status": "success", "result": {
        "server_key_exchange": {"host_key_algorithms": ["ssh-rsa"]}, "key_exchange": {"server_host_key": sha1}}}}}))
    r, out, t = run(tmp / "run", hosts), tmp / "out", tmp / "templates"
    t.mkdir()
    fields = " ".join(f"{{{{{n}}}}}" for n in NUMBERS)
    (t / "letter.ga.txt").write_text(f"Subject: x\n\n{fields}\n", encoding="utf-8")
    (t / "letter.ga.html").write_text(fields, encoding="utf-8")
    holders = {}
    for h in hosts:
        for port in h.ports:
            holders.setdefault(json.dumps(h.ports[port]), set()).add(h)
    shows = {h: [holders[json.dumps(v)] for v in h.ports.values()] for h in hosts}
    want = {}
    for asn in {h.asn for h in hosts}:
        own = [h for h in hosts if h.asn == asn]
        sharing = {h for h in own for k in shows[h] if len(k) > 1}
        bad = {h for h in own if asn == 64505 or asn in (64501, 64503) and h.ports.get("p22") == weak(asn)}
        want[f"AS{asn}"] = (len(sharing | bad), len(sharing), len({h for h in own for k in shows[h] if {x.asn for x in k} != {asn}}), len(bad))
    equal("what is counted", want, {"AS64501": (6, 5, 1, 1), "AS64502": (1, 1, 1, 0), "AS64503": (2, 2, 2, 2), "AS64504": (2, 2, 0, 0), "AS64505": (1, 0, 0, 1)})
    survey("notify", r, "-o", out, "--lang", "ga", "--templates", t, "--draft")
    for ending in ("txt", "html"):
        equal(f"numbers of letter.{ending}", {p.parent.name: tuple(map(int, p.read_text(encoding="utf-8").split()[-4:])) for p in out.glob(f"*/letter.{ending}")}, want)
    for lang, (uses, share, among, weak_keys, broken) in SENTENCES.items():
        survey("notify", r, "-o", out, "--lang", lang, "--draft")
        every = {w.format(n) for n in range(1, 7) for w in (*uses, *share, among, weak_keys, broken)}
        for folder, (_, sharing, others, bad) in want.items():
            said = ({uses[sharing > 1].format(sharing)} if sharing else set()) | ({weak_keys.format(bad)} if bad else set())
            if bad and folder != "AS64505":
                said.add(broken)
            if others:
                said.add(share[others > 1].format(others) if sharing > 1 else among)
            for ending in ("txt", "html"):
                text = " ".join(re.sub("<[^>]*>", "", (out / folder / f"letter.{ending}").read_text(encoding="utf-8")).split())
                equal(f"{lang} {folder}/letter.{ending}", {sentence for sentence in every if sentence in text}, said)
                equal(f"{lang} {folder}/letter.{ending}: a server to be updated", "rsa-sha2-256" in text, folder == "AS64505")


def documented_fields():
    text = (SOURCE / "docs/formats.md").read_text(encoding="utf-8").split("### Letters", 1)[1].split("\n#", 1)[0]
    return {name for line in text.splitlines() if line.startswith("| `") for name in re.findall(r"`([a-z]\w*)`", line)} - {"true"}


def test_letters(tmp):
    r, out = run(tmp / "run", three_networks()), tmp / "out"
    survey("notify", r, "-o", out, "--reply-to", "abuse@example.ie", "--opt-out", "https://example.ie/no")
    for folder in (p for p in out.iterdir() if p.is_dir()):
        raw = (folder / "letter.txt").read_text(encoding="utf-8")
        wide = [line for line in raw.splitlines() if len(line) > 72 and not re.fullmatch(r" +[0-9a-f]{64}", line)]
        check(not wide, f"{folder}/letter.txt has lines of more than 72 columns: {wide}")
        check("{{" not in raw and "{{" not in (folder / "letter.html").read_text(encoding="utf-8"), "a gap was left")
    text = mail(out / "AS64501/letter.txt").get_content()
    ours = base64_of(fp("s1"))
    for s in ("192.0.2.1: 22", "one.example.ie", f"SHA256:{ours}", "also on 2 hosts of 2 other operators", fp("t2"), "ssh-keygen -A",
              "ssh_deletekeys", "smtpd_tls_chain_files", "TLSA", "abuse@example.ie", "https://example.ie/no", "from 2026-06-15 to 2026-06-15"):
        check(s in text, f"letter.txt lacks {s!r}: {text}")
    check("nginx" not in text, "steps for what was not seen")
    check("also on" not in mail(out / "AS64503/letter.txt").get_content(), "others where there are none")
    svg = (out / "AS64501/cluster-1.svg").read_text(encoding="utf-8")
    check("192.0.2.1" in svg and "2 other hosts" in svg and "of 2 other networks" in svg and fp("s1")[:8] in svg, f"picture: {svg}")
    # The other languages: no gap, no wide line, and header lines that mail can carry.
    for lang, words in (("de", "neue Schlüssel"), ("fr", "nouvelles clés")):
        survey("notify", r, "-o", tmp / lang, "--lang", lang, "--reply-to", "abuse@example.ie", "--draft")
        for folder in (p for p in (tmp / lang).iterdir() if p.is_dir()):
            raw, page = ((folder / f).read_text(encoding="utf-8") for f in ("letter.txt", "letter.html"))
            wide = [line for line in raw.splitlines() if len(line) > 72 and not re.fullmatch(r" +[0-9a-f]{64}", line)]
            check(not wide and "{{" not in raw + page, f"{folder}: {wide} {raw}")
            check(words in raw and words in page and f'lang="{lang}"' in page, f"{folder} is not in {lang}")
            check("?" not in raw.split("\n\n")[0], f"header lines of {folder}: {raw[:300]}")
        ours = (tmp / lang / "AS64501/letter.txt").read_text(encoding="utf-8")
        check([line for line in ours.splitlines() if line.startswith("    ") and "/etc" in line] ==
              [line for line in (out / "AS64501/letter.txt").read_text(encoding="utf-8").splitlines() if line.startswith("    ") and "/etc" in line],
              f"the commands of {lang} are those of en")
    # Records that do not say when.
    undated = run(tmp / "undated", [Host(f"192.0.2.{i}", 64501, day=None, p22=ssh("s1")) for i in (1, 2)])
    survey("notify", undated, "-o", tmp / "undated.out", "--draft")
    text = mail(tmp / "undated.out/AS64501/letter.txt").get_content()
    check("seen from outside: we connect" in " ".join(text.split()), f"days that are not known: {text}")
    # Letters of one's own.
    t = tmp / "templates"
    t.mkdir()
    every = "".join(f"{{{{#{n}}}}}{{{{{n}}}}}{{{{/{n}}}}}{{{{^{n}}}}}-{{{{/{n}}}}}" for n in sorted(documented_fields()))
    (t / "letter.ga.txt").write_text("Subject: {{network}}\n\nA Chara,\n\n{{#sections}}{{#host_list}}{{address}} {{/host_list}}{{/sections}}\n" + every, encoding="utf-8")
    (t / "letter.ga.html").write_text("<p>{{network}} " + every, encoding="utf-8")
    survey("notify", r, "-o", out, "--lang", "ga", "--templates", t, "--draft")
    check("A Chara,\n\n192.0.2.1 192.0.2.2" in (out / "AS64501/letter.txt").read_text(encoding="utf-8"), "a letter of one's own")
    # A fault in a letter: nothing is written, the line is told.
    before = sorted(p.stat().st_mtime_ns for p in out.rglob("*"))
    for text, fault in (("a\n{{nothing}}\n", 'line 2: there is no field "nothing"'), ("{{#ssh}}", "line 1: {{#ssh}} is not ended"),
                        ("{{/ssh}}", "line 1: {{/ssh}} ends no part"), ("\n\n{{ssh", 'line 3: "{{" without "}}"'),
                        ("{{#ssh}}{{#tls}}{{/ssh}}{{/tls}}", "line 1: {{/ssh}} ends no part")):
        (t / "letter.ga.txt").write_text(text, encoding="utf-8")
        said = survey("notify", r, "-o", out, "--lang", "ga", "--templates", t, status=2)
        check(fault in said, f"{text!r}: {said}")
    equal("files after a fault", sorted(p.stat().st_mtime_ns for p in out.rglob("*")), before)
    survey("notify", r, "-o", out, "--lang", "../x", status=2)
    survey("notify", r, "-o", out, "--lang", "xx", status=2)


# What only the step of a program says, in every language.
STEPS = {"postfix": "postfix reload", "exim": "Debian-exim", "dovecot": "doveadm reload", "other": "confSERVER_KEY",
         "nginx": "nginx -t", "apache": "apachectl", "openssh": "ssh-keygen -A", "dropbear": "systemctl restart dropbear"}
SETTINGS = {"postfix": "smtpd_tls_chain_files", "exim": "tls_privatekey", "dovecot": "ssl_server_key_file"}
GREETINGS = {"postfix": "220 mx.example.ie ESMTP Postfix (Debian/GNU)\r\n", "exim": "220 mx.example.ie ESMTP Exim 4.96 Mon, 15 Jun\r\n",
             "dovecot": "* OK [CAPABILITY IMAP4rev1 ID] Dovecot (Debian) ready.\r\n", "sendmail": "220 mx.example.ie ESMTP Sendmail 8.17.1/8; Mon\r\n",
             "none": "220 postfix.example.ie ESMTP\r\n", "hostile": "220 mx.example.ie ESMTP exim.example.ie\r\nPostfix {{opt_out}}\r\n"}


def web(word, server=None):
    cert = tls(word)["data"]["smtp"]["result"]["tls"]
    headers = {} if server is None else {"headers": {"server": [server]}}
    return {"data": {"http": {"status": "success", "result": {"response": {"status_code": 200, **headers, "request": {"tls_log": cert}}}}}}


def test_steps(tmp):
    """The steps of a letter are those of what its own hosts run, and no others."""
    of = {name: tls(f"k-{name}", banner=text) for name, text in GREETINGS.items()}

    def pair(asn, **ports):
        return [Host(f"192.0.{asn - 64500}.{i}", asn, **ports) for i in (1, 2)]

    cases = {64501: (pair(64501, p25=of["postfix"], p143=of["dovecot"]), {"postfix", "dovecot"}),
             64502: (pair(64502, p587=of["exim"], p25=tls("own")), {"exim", "other"}),
             64503: (pair(64503, p465=of["exim"]), {"exim"}),
             64504: (pair(64504, p25=of["postfix"]) + [Host("192.0.4.3", 64504, p25=of["none"]), Host("192.0.4.4", 64504, p25=of["none"])],
                     {"postfix", "other"}),
             64505: (pair(64505, p25=of["sendmail"]), {"other"}),
             64506: (pair(64506, p25=of["hostile"]), {"other"}),
             64507: (pair(64507, p22=ssh("s", "dropbear_2022.83"), p443=web("w7", "nginx/1.22.1")), {"dropbear", "nginx"}),
             64508: (pair(64508, p22=ssh("s8"), p443=web("w8", "Apache/2.4.62 (Debian)")), {"openssh", "apache"}),
             64509: (pair(64509, p443=web("w9")), {"nginx", "apache"}),
             64510: (pair(64510, p25=tls("many", banner=GREETINGS["postfix"]), p993=tls("many", banner=GREETINGS["dovecot"])),
                     {"postfix", "dovecot"}),
             64511: (pair(64511, p25=of["postfix"], p443=web("w11", "nginx/1.22.1")), {"postfix", "nginx"})}
    hosts = [h for v, _ in cases.values() for h in v]
    # A host of the first network runs Exim, too, with a key that nobody else has.
    hosts.append(Host("192.0.1.3", 64501, p25=tls("alone", banner=GREETINGS["exim"]), p143=of["dovecot"]))
    r, commands = run(tmp / "run", hosts), {}
    for lang in ("en", "de", "fr"):
        out = tmp / lang
        survey("notify", r, "-o", out, "--lang", lang, "--draft")
        for asn, (_, want) in cases.items():
            raw = (out / f"AS{asn}/letter.txt").read_text(encoding="utf-8")
            page = (out / f"AS{asn}/letter.html").read_text(encoding="utf-8")
            for what, text in (("letter.txt", raw), ("letter.html", page)):
                equal(f"{lang} AS{asn} {what}", {name for name, mark in STEPS.items() if mark in text}, want)
                if "other" not in want:     # that step names the settings of all
                    equal(f"settings, {lang} AS{asn} {what}", {name for name, mark in SETTINGS.items() if mark in text}, want & set(SETTINGS))
            Page(page)
            wide = [line for line in raw.splitlines() if len(line) > 72 and not re.fullmatch(r" +[0-9a-f]{64}", line)]
            check(not wide and "opt_out" not in raw + page, f"{lang} AS{asn}: {wide}")
            # What is seen from outside is asked from outside, on the ports that the letter may tell of.
            for where in (raw, html.unescape(page)):
                equal(f"checks of {lang} AS{asn}", {p: len(re.findall(rf"HOST:{p}\b", where)) for p in (25, 443, 465, 995)} | {
                    "ssh": where.count("ssh-keyscan HOST")}, {p: int(f"p{p}" == "p443" and asn in (64507, 64508, 64509, 64511) or
                                                                     p != 443 and asn not in (64507, 64508, 64509)) for p in (25, 443, 465, 995)} |
                      {"ssh": int(asn in (64507, 64508))})
                check("ssh_host_ed25519_key.pub" not in where, f"{lang} AS{asn} looks at a file of the host")
            lines = [line[4:] for line in raw.split("\n- ", 1)[1].splitlines() if line.startswith("    ")]
            equal(f"commands of {lang} AS{asn}", lines, commands.setdefault(asn, lines))
            # What one may copy is the same in both.
            blocks = [html.unescape(b) for b in re.findall(r"<pre>(.*?)</pre>", page, re.S)]
            equal(f"commands of {lang} AS{asn} as HTML", [line for b in blocks for line in b.splitlines()], [line for line in lines if line])
        # A key stands there once, and so does each of its hosts.
        raw, page = ((out / f"AS64510/letter.{end}").read_text(encoding="utf-8") for end in ("txt", "html"))
        equal(f"keys of AS64510, {lang}", (len(re.findall(r"192\.0\.10\.[12]: 25 993$", raw, re.M)), raw.count(fp("many")),
                                               len(re.findall(r"<code>192\.0\.10\.[12]</code> ?: 25 993", page)), page.count(fp("many"))),
              (2, 1, 2, 1))
    new_dropbear_keys(tmp / "dropbear", commands[64507])


def new_dropbear_keys(place, commands):
    """The letter's own commands, with Dropbear's program and another directory; a running Dropbear reads its keys for each connection."""
    if shutil.which("dropbearkey") is None:
        return check("lab" not in os.environ.get("SURVEY_REQUIRE", ""), "no dropbearkey")
    start = commands.index("rm /etc/dropbear/dropbear_*_host_key")
    steps = commands[start:commands.index("systemctl restart dropbear")]
    check(len(steps) > 1, f"nothing makes new keys before the restart: {commands}")
    place.mkdir()
    for kind in ("rsa", "ecdsa", "ed25519"):
        (place / f"dropbear_{kind}_host_key").write_bytes(b"old")
    subprocess.run(["sh", "-e"], input="\n".join(steps).replace("/etc/dropbear", str(place)), text=True, check=True, capture_output=True)
    for kind in ("rsa", "ecdsa", "ed25519"):
        subprocess.run(["dropbearkey", "-y", "-f", place / f"dropbear_{kind}_host_key"], check=True, stdout=subprocess.DEVNULL)


def test_large(tmp):
    """A letter tells 20 keys, the worst first, and 20 hosts of each, and how many more there are."""
    every = {f"p{port}": tls("most") for port in (25, 110, 143, 587, 993)} | {"p443": web("most")}
    hosts = [Host(f"2001:db8:1111:2222:3333:4444:5555:{0x1000 + i:x}", 64501, ptr=f"mail{i}.example.ie", **every) for i in range(41)]
    for i in range(30):
        hosts += [Host(f"192.0.2.{2 * i + k}", 64501, p22=ssh(f"few{i}")) for k in (0, 1)]
    hosts += [Host("198.51.100.1", 64501, p22=ssh("two")), Host("198.51.100.2", 64502, p22=ssh("two"))]
    r = run(tmp / "run", hosts)
    for lang, more in (("en", ("and 21 more", "12 more keys")), ("de", ("und 21 weitere", "12 weitere Schlüssel")), ("fr", ("et 21 autres", "12 autres clés"))):
        out = tmp / lang
        survey("notify", r, "-o", out, "--lang", lang, "--draft")
        raw, page = ((out / f"AS64501/letter.{end}").read_text(encoding="utf-8") for end in ("txt", "html"))
        listed = raw.split("\n\n    openssl genpkey")[0].split("\n")
        ours = [line for line in listed if re.match(r"    (SHA256:|[0-9a-f]{64})", line)]
        equal(f"keys in {lang}", ours[:2], [f"    SHA256:{base64_of(fp('two'))}", f"    {fp('most')}"])
        equal(f"numbers in {lang}", (len(ours), len(set(ours)), sum("2001:db8:" in line for line in listed), page.count("<code>2001:db8:")), (20, 20, 20, 20))
        check("      2001:db8:1111:2222:3333:4444:5555:1000: 25 110 143 443 587 993" in listed, f"a host with its ports: {raw[:2000]}")
        wide = [line for line in raw.splitlines() if len(line) > 72]
        check(not wide and all(m in raw and m in page for m in more), f"{lang}: {wide} {raw[:3000]}")
        equal("rows", len(rows(out / "AS64501/events.csv")), 41 * 6 + 61)
        Page(page)


def words(lang):
    lines = (SOURCE / f"config/notify/words.{lang}").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def kinds():
    """The kinds of findings with their English texts, as the program has them."""
    source = (SOURCE / "src/model/finding.c").read_text(encoding="utf-8")
    found = re.findall(r'= \{ "([a-z0-9-]+)", FINDING_\w+,((?:\s*"[^"]*")+) \}', source)
    return {name: "".join(re.findall('"([^"]*)"', text)) for name, text in found}


def documented_words():
    text = (SOURCE / "docs/formats.md").read_text(encoding="utf-8").split("### Words of a language", 1)[1].split("\n#", 1)[0]
    return {name for line in text.splitlines() if line.startswith("| `") for name in re.findall(r"`([a-z-]+)`", line.split("|")[1])}


def weak_network():
    """A key that anybody can sign for, on two hosts here and on one elsewhere."""
    key = made_weak.ssh(made_weak.prime("p", 1024) * made_weak.prime("q", 1024), 1)
    shown = {"data": {"ssh": {"status": "success", "result": {"key_exchange": {"server_host_key": key}}}}}
    return [Host("192.0.2.1", 64501, p22=shown), Host("192.0.2.2", 64501, p22=shown), Host("192.0.2.3", 64502, p22=shown),
            Host("192.0.2.4", 0, p22=shown)]


def test_languages(tmp):
    """Severities, findings and pictures are in the letter's language, and what a program reads is not."""
    english = kinds()
    check(len(english) > 20, f"kinds of findings: {sorted(english)}")
    source = (SOURCE / "src/query/notify_words.c").read_text(encoding="utf-8")
    numbered = set(re.findall(r'"([a-z-]+)", "[^"]*\{\{n\}\}', source))
    r, out = run(tmp / "run", weak_network()), tmp / "out"
    for lang in ("en", "de", "fr"):
        said = words(lang) if lang != "en" else {"critical": "critical", "your-hosts": "your hosts", "other-hosts": "{{n}} other hosts", **english}
        if lang != "en":
            equal(f"words of {lang}", set(said), documented_words() | {"critical", "high", "medium", "low"} | set(english))
            equal(f"numbers in {lang}", {name for name, text in said.items() if "{{n}}" in text}, numbered)
        survey("notify", r, "-o", out, "--lang", lang, "--draft")
        folder = out / "AS64501"
        text, page, svg = (" ".join((folder / f).read_text(encoding="utf-8").split()) for f in ("letter.txt", "letter.html", "cluster-1.svg"))
        for where in (text, page):
            check(said["exponent-one"] in where and said["critical"] in where, f"{lang}: {where}")
            check(lang == "en" or not any(e in where for e in english.values()), f"English in {lang}: {where}")
        check('class="critical"' in page and 'lang="en"' not in page.replace('<html lang="en">', ""), f"{lang}: {page}")
        check("exponent-one: " in text.replace(" :", ":"), f"what a kind means: {text}")
        check(said["your-hosts"] in svg and said["other-hosts"].replace("{{n}}", "2") in svg, f"picture in {lang}: {svg}")
        check(lang == "en" or "hosts" not in re.sub(r"Hosts|<[^>]*>", "", svg), f"English in {lang}: {svg}")
        equal(f"events with {lang}", [(e["severity"], e["classification.identifier"]) for e in rows(folder / "events.csv")],
              [("critical", "exponent-one")] * 2)
        wide = [line for line in (folder / "letter.txt").read_text(encoding="utf-8").splitlines() if len(line) > 72]
        check(not wide, f"wide lines in {lang}: {wide}")
    # Words of one's own, and what is wrong with them.
    t = tmp / "templates"
    t.mkdir()
    for ending in ("txt", "html"):
        (t / f"letter.ga.{ending}").write_text("Subject: x\n\n{{network}} {{#weak_list}}{{text}}{{/weak_list}}"
                                               "{{#sections}}{{#host_list}}{{#port_list}}{{severity}} {{severity_text}}{{/port_list}}{{/host_list}}{{/sections}}\n",
                                               encoding="utf-8")
    survey("notify", r, "-o", out, "--lang", "ga", "--templates", t, "--draft")
    check(english["exponent-one"] in " ".join((out / "AS64501/letter.txt").read_text(encoding="utf-8").split()), "without words it is English")
    (t / "words.ga").write_text("# focail\r\n\ncritical: <b>an-olc\x1b & \r\nunknown-network:   líonra\ncluster: Braisle\nothers:\n", encoding="utf-8")
    survey("notify", r, "-o", out, "--lang", "ga", "--templates", t, "--draft")
    check("critical &lt;b&gt;an-olc" in (out / "AS64501/letter.html").read_text(encoding="utf-8"), "a word is no markup")
    check("\x1b" not in (out / "AS64501/letter.txt").read_text(encoding="utf-8"), "a word is text")
    check("líonra" in (out / "no-as/letter.html").read_text(encoding="utf-8"), "a word of one's own")
    svg = (out / "AS64501/cluster-1.svg").read_text(encoding="utf-8")
    check(">Braisle<" in svg and "others with these keys" in svg, f"a picture with words of one's own: {svg}")
    before = sorted(p.stat().st_mtime_ns for p in out.rglob("*"))
    for text, fault in (("critical: x\nterrible: y\n", 'line 2: there is no word "terrible"'), ("nothing\n", 'line 1: there is no word "nothing"'),
                        ("critical\n", 'line 1: there is no word "critical"'), ("low: a\0b\n", "line 1: it holds a NUL byte")):
        (t / "words.ga").write_text(text, encoding="utf-8")
        check(fault in survey("notify", r, "-o", out, "--lang", "ga", "--templates", t, status=2), f"{text!r}")
    equal("files after a fault", sorted(p.stat().st_mtime_ns for p in out.rglob("*")), before)


def test_contacts(tmp):
    r, out, file = run(tmp / "run", three_networks()), tmp / "out", tmp / "contacts.csv"
    file.write_text("what,mail\nAS64501,noc@one.example\n64501,abuse@one.example\n192.0.2.2/32,two@one.example\n"
                    "192.0.2.0/24,wide@example.ie\nexample.net, \"hostmaster@example.net\"\n", encoding="utf-8")
    survey("notify", r, "-o", out, "--contacts", file)
    equal("contacts", {e["source.ip"]: e["source.abuse_contact"] for p in out.glob("*/events.csv") for e in rows(p)},
          {"192.0.2.1": "wide@example.ie", "192.0.2.2": "two@one.example", "192.0.2.3": "wide@example.ie", "2001:db8::4": "",
           "192.0.2.5": "wide@example.ie", "192.0.2.6": "wide@example.ie"})
    equal("letters", {p.parent.name: mail(p)["To"] for p in out.glob("*/letter.txt")},
          {"AS64501": "noc@one.example, abuse@one.example", "AS64502": "wide@example.ie", "AS64503": "wide@example.ie", "no-as": None})
    check("example" not in (r / "notified.ndjson").read_text(encoding="utf-8"), "addresses of people among the notes")
    file.write_text("\ufeffexample.net,hostmaster@example.net\r\n", encoding="utf-8", newline="")
    survey("notify", r, "-o", out, "--contacts", file, "--draft")
    equal("by domain", {e["source.ip"] for p in out.glob("*/events.csv") for e in rows(p) if e["source.abuse_contact"]}, {"192.0.2.3"})
    # Lines that cannot be used.
    bad = ['AS1,"x@example.ie\rBcc: y@example.ie"', "AS1,x@example.ie\nBcc: y@example.ie", "AS1,a@example.ie b@example.ie", "AS1,Name <a@example.ie>",
           "AS1,a@b", "AS1,@example.ie", "AS0,a@example.ie", "192.0.2.1/24,a@example.ie", "AS1,192.0.2.0/24,a@example.ie", "a@example.ie",
           "AS1,a@example.ie,b@example.ie", '"AS1,a@example.ie', "AS1,a..b@example.ie", "AS1,a@exam ple.ie", "AS1,é@example.ie", "x y,a@example.ie"]
    for line in bad:
        file.write_text(f"AS64502,good@example.ie\n{line}\n", encoding="utf-8")
        said = survey("notify", r, "-o", out, "--contacts", file, "--draft", status=3)
        check("contacts.csv:2:" in said or "contacts.csv:3:" in said, f"{line!r}: {said}")
        equal(f"after {line!r}", {p.parent.name: mail(p)["To"] for p in out.glob("AS64502/letter.txt")}, {"AS64502": "good@example.ie"})
        check("Bcc" not in "".join(p.read_text(encoding="utf-8") for p in out.rglob("*.txt")), f"{line!r} gives a header line")


def test_refusals(tmp):
    r, out = run(tmp / "run", three_networks()), tmp / "out"
    survey("notify", r, status=2)
    survey("notify", r, "-o", out, "--asn", "x", status=2)
    survey("notify", r, "-o", out, "--asn", "64501", "--domain", "example.ie", status=2)
    survey("notify", r, "-o", out, "--reply-to", "x\nBcc: y@example.ie", status=2)
    survey("notify", r / "survey.db", "-o", out, status=2)
    survey("notify", r / "collisions.json", "-o", out, status=2)
    survey("analyze", r, "--country", "XX", "--anonymise", "-o", tmp / "copy")
    survey("notify", tmp / "copy", "-o", out, status=2)
    check(not out.exists(), "something was written")
    out.mkdir()
    (out / "mine").write_text("mine", encoding="utf-8")
    survey("notify", r, "-o", out, status=1)
    equal("a directory of somebody else's", [p.name for p in out.iterdir()], ["mine"])
    check(not (r / "notified.ndjson").exists() or not (r / "notified.ndjson").read_text(encoding="utf-8"), "a note of what failed")
    equal("what is left", sorted(p.name for p in tmp.iterdir()), ["copy", "out", "run"])
    os.unlink(out / "mine")
    survey("notify", r, "-o", str(out) + "/")
    check((out / "AS64501").is_dir(), "an empty directory may be taken")


class IntelMQ:
    """IntelMQ's own parser: one for all files, since each takes seconds to end."""

    def __init__(self, config):
        from intelmq.bots.parsers.generic.parser_csv import GenericCsvParserBot  # noqa: PLC0415
        from intelmq.lib.bot import BotLibSettings  # noqa: PLC0415

        settings = {k: v for k, v in config["parameters"].items() if k != "destination_queues"}
        self.bot = GenericCsvParserBot("survey-parser", settings=BotLibSettings | settings)

    def events(self, path):
        """What it makes of a file, of which it refuses no line."""
        from intelmq.lib.message import Report  # noqa: PLC0415
        import base64  # noqa: PLC0415

        report = Report({"feed.name": "survey", "raw": base64.b64encode(path.read_bytes()).decode()},
                        harmonization=self.bot.harmonization)
        queues = self.bot.process_message(report)
        equal(f"what IntelMQ refuses of {path}", queues.get("error", []), [])
        return list(queues["output"])


def test_intelmq(tmp):
    from ruamel.yaml import YAML  # noqa: PLC0415
    os.environ.setdefault("INTELMQ_ROOT_DIR", str(tmp / "intelmq"))
    hosts = three_networks() + random_study(3)
    hosts += [Host(f"203.0.113.{i}", 64700 + i, as_name=evil, ptr=evil, p22=ssh("evil", software=evil.replace("\0", "")))
              for i, evil in enumerate(NASTY, 1)]
    r, out = run(tmp / "run", hosts), tmp / "out"
    (tmp / "contacts").write_text("AS64501,Noc@One.Example.ie\n", encoding="utf-8")
    survey("notify", r, "-o", out, "--contacts", tmp / "contacts")
    config = YAML(typ="safe").load((out / "intelmq.yaml").read_text(encoding="utf-8"))["survey-parser"]
    equal("module", config["module"], "intelmq.bots.parsers.generic.parser_csv")
    total, parser = 0, IntelMQ(config)
    for path in sorted(out.glob("*/events.csv")):
        want, got = rows(path), parser.events(path)
        equal(f"events of {path}", len(got), len(want))
        for w, g in zip(want, got):
            for name in ("source.ip", "source.reverse_dns", "classification.taxonomy", "classification.type", "classification.identifier",
                         "severity", "feed.code", "protocol.transport", "protocol.application", "source.as_name", "event_description.text"):
                equal(f"{path} {w['source.ip']} {name}", g.get(name, ""), w[name])
            equal("asn", str(g.get("source.asn", "")), w["source.asn"])
            equal("time", g["time.source"], w["time.source"].replace("Z", "+00:00"))
            equal("fingerprint", g["extra.fingerprint"], extra(w)["fingerprint"])
        total += len(got)
    check(total > 100, f"only {total} rows")
    print(f"{total} rows, none refused")


with tempfile.TemporaryDirectory() as directory:
    globals()[f"test_{CASE}"](pathlib.Path(directory))
