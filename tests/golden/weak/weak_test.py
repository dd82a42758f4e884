#!/usr/bin/env python3
"""weak_test.py SURVEY CASE: survey weak, and what survey analyze does of it.

Records of hosts with keys that are weak in known ways, beside sound ones, are
analysed; exactly these findings must be in survey.db and weak.json, and no prime anywhere.
"""
import base64
import csv
import hashlib
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
import made_keys  # noqa: E402
import made_weak  # noqa: E402

SURVEY = str(pathlib.Path(sys.argv[1]).resolve())
AT = "2026-06-01T00:00:00Z"
HEX = re.compile(r"\b[0-9a-fA-F]{64}\b")
P256_G = made_keys.G[0].to_bytes(32, "big"), made_keys.G[1].to_bytes(32, "big")


# Where install-deps.sh --with-badkeys puts primes: with them that check is made.
HAS_LIST = any(pathlib.Path(p).exists() for p in ("/usr/local/share/survey/known-keys.txt", "/usr/share/survey/known-keys.txt"))
HAS_PRIMES = any(pathlib.Path(p).exists() for p in ("/usr/local/share/survey/primes", "/usr/share/survey/primes"))


def fail(*words):
    sys.exit("FAILED: " + " ".join(map(str, words)))


def equal(what, got, want):
    if got != want:
        fail(f"{what}:\n got {got}\nwant {want}")


def survey(*args, status=0):
    done = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, timeout=300)
    if done.returncode != status or "Sanitizer" in done.stderr or "runtime error" in done.stderr:
        fail(f"{args}: status {done.returncode}, not {status}:\n{done.stderr}")
    return done


# ---- records ----

def fp(key):
    return key["fingerprint_sha256"]


def ec_key(x, y):
    return {"key_algorithm": {"name": "ECDSA"}, "ecdsa_public_key": made_keys.ec_object(x, y, True),
            "fingerprint_sha256": hashlib.sha256(made_keys.ec_spki(x, y)).hexdigest()}


def ed25519_host_key(key):
    blob = made_keys.ssh_ed25519(key)
    return {"ed25519_public_key": {"public_bytes": made_keys.b64(key)}, "raw": made_keys.b64(blob),
            "algorithm": "ssh-ed25519", "fingerprint_sha256": hashlib.sha256(blob).hexdigest()}


def dss_host_key(text):
    p = made_weak.prime(text, 1024)
    blob = made_keys.string(b"ssh-dss") + b"".join(
        made_keys.string(b"\0" * (made_keys.octets(n)[0] >> 7) + made_keys.octets(n)) for n in (p, 97, 3, 5))
    return {"raw": made_keys.b64(blob), "algorithm": "ssh-dss", "fingerprint_sha256": hashlib.sha256(blob).hexdigest()}


class Records:
    def __init__(self):
        self.lines = []

    def host(self, ssh=None, tls=None, offered=None):
        ip = f"198.18.{len(self.lines) // 200}.{len(self.lines) % 200 + 1}"
        data = {}
        if ssh is not None:
            data["ssh"] = {"status": "success", "protocol": "ssh", "timestamp": AT, "result": {
                "server_id": {"version": "2.0"}, "key_exchange": {"server_host_key": ssh}}}
            if offered is not None:
                data["ssh"]["result"]["server_key_exchange"] = {"host_key_algorithms": offered}
        if tls is not None:
            certificate = {"parsed": {"subject_dn": "CN=mail.site.test", "subject_key_info": tls}}
            data["smtp"] = {"status": "success", "protocol": "smtp", "timestamp": AT, "result": {
                "banner": "220 mx ESMTP", "tls": {"handshake_log": {
                    "server_hello": {"version": {"name": "TLSv1.2"}}, "server_certificates": {"certificate": certificate}}}}}
        record = {"ip": ip}
        if "ssh" in data:
            record["p22"] = {"data": {"ssh": data["ssh"]}}
        if "smtp" in data:
            record["p25"] = {"data": {"smtp": data["smtp"]}}
        self.lines.append(json.dumps(record))
        return ip

    def write(self, path):
        path.write_text("".join(line + "\n" for line in self.lines))


class Planted:
    """A survey of keys, what is wrong with each, and every prime that nobody may see."""

    def __init__(self, folder):
        m, prime = made_weak, lambda text, bits=1024: made_weak.prime(text, bits)
        self.records, self.want, self.secrets = Records(), {}, set()
        self.file = folder / "records.ndjson"

        def rsa(p, q, kinds, tls=True, e=65537):
            key = (m.tls if tls else m.ssh)(p * q, e)
            if kinds - {"short", "same-key", "ssh-and-tls", "multiple", "listed", "sha1-only"}:
                self.secrets |= {p, q}
            self.want[fp(key)] = kinds
            return key

        for i in range(4):  # sound ones
            self.records.host(m.ssh(prime(f"s{i}") * prime(f"t{i}")), m.tls(prime(f"u{i}") * prime(f"v{i}")))
        # A pair, one as host key and one in a certificate; two hosts show the first.
        self.a = rsa(prime("shared"), prime("a"), {"shared-prime"}, tls=False)
        self.b = rsa(prime("shared"), prime("b"), {"shared-prime"})
        self.hosts_a = [self.records.host(self.a), self.records.host(self.a)]
        self.records.host(tls=self.b)
        # Three primes, three keys: no key has a prime of its own.
        for p, q in (("1", "2"), ("2", "3"), ("3", "1")):
            self.records.host(tls=rsa(prime(f"tri{p}"), prime(f"tri{q}"), {"shared-prime"}))
        # Alone.
        self.records.host(rsa(prime("512p", 256), prime("512q", 256), {"factorable-length"}, tls=False))
        p = prime("close")
        self.records.host(tls=rsa(p, m.following(p + 1000), {"close-primes"}))
        self.records.host(tls=rsa(prime("square"), prime("square"), {"square-modulus"}))
        self.records.host(tls=rsa(m.roca_prime("r1", 1024), m.roca_prime("r2", 1024), {"roca"}))
        n, e = m.small_private("wiener", 2048)
        key = m.tls(n, e)
        self.want[fp(key)] = {"small-private-exponent", "huge-exponent"}
        self.records.host(tls=key)
        key = m.tls(m.zero_blocks("zeros", 2048))
        self.want[fp(key)] = {"zero-blocks"}
        self.records.host(tls=key)
        self.records.host(tls=rsa(prime("e1p"), prime("e1q"), {"exponent-one"}, e=1))
        # A key of 1,024 bits as host key and in a certificate.
        both = prime("bothp", 512), prime("bothq", 512)
        self.records.host(rsa(*both, {"short", "ssh-and-tls"}, tls=False))
        self.records.host(tls=rsa(*both, {"short", "ssh-and-tls"}))
        # One modulus, and three times it.
        self.records.host(tls=rsa(prime("mulp"), prime("mulq"), {"multiple"}))
        key = m.tls(3 * prime("mulp") * prime("mulq"))
        self.want[fp(key)] = {"multiple", "small-factor"}
        self.records.host(tls=key)
        # Made of the moduli of others, who are not the worse for it.
        key = m.ssh(prime("u0") * prime("v0"), 1)
        self.want[fp(key)] = {"exponent-one"}
        self.records.host(key)
        for p, q in (("u1", "v1"), ("u2", "v2")):
            self.want[fp(m.tls(prime(p) * prime(q)))] = {"multiple"}
        self.records.host(tls=rsa(prime("u1") * prime("v1"), prime("u2") * prime("v2"), {"multiple"}))
        # Known by a prime, and by a list.
        self.known = prime("known")
        self.known_key = rsa(self.known, prime("k"), set())
        self.listed = rsa(prime("lp"), prime("lq"), set(), tls=False)
        self.by_number = rsa(prime("np"), prime("nq"), set())
        self.records.host(self.listed, self.known_key)
        self.records.host(tls=self.by_number)
        # Points.
        self.records.host(tls=ec_key(*P256_G))
        off = ec_key(P256_G[0], P256_G[1][:-1] + b"\0")
        order8 = ed25519_host_key(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"))
        dss = dss_host_key("dss")
        self.want.update({fp(off): {"off-curve"}, fp(order8): {"small-order"}, fp(dss): {"dsa", "off-group", "bad-group", "small-group"}})
        self.records.host(order8, off)
        self.records.host(dss)
        # One server that signs with SHA-1 only, and one that could.
        for i, kinds, offered in ((1, {"sha1-only"}, ["ssh-rsa"]), (2, set(), ["ssh-rsa", "rsa-sha2-512", "ssh-ed25519"])):
            self.records.host(rsa(prime(f"sha p{i}"), prime(f"sha q{i}"), kinds, tls=False), offered=offered)
        # Only a fingerprint; one that belongs to another key.
        self.absent = {"key_algorithm": {"name": "RSA"}, "fingerprint_sha256": "ab" * 32}
        self.mismatch = {**m.tls(prime("mm") * prime("mn")), "fingerprint_sha256": "cd" * 32}
        self.records.host(tls=self.absent)
        self.records.host(tls=self.mismatch)
        self.want = {k: v for k, v in self.want.items() if v}
        self.records.write(self.file)


def check_secrets(folder, planted):
    """No file has a prime, in hexadecimal, decimal, base64 or as bytes."""
    forms = set()
    for p in planted.secrets:
        data = made_keys.octets(p)
        forms |= {data, data[::-1], data.hex().encode(), str(p).encode()}
        forms |= {base64.b64encode(data[i:])[:100] for i in range(3)}
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            lower = data.lower()
            for form in forms:
                if form in data or form in lower:
                    fail(f"{path.name} has a prime")


def check_results(folder, want):
    """survey.db and weak.json say exactly this."""
    with sqlite3.connect(folder / "survey.db") as db:
        found, severities = {}, {}
        for key, kind, severity, evidence in db.execute(
                "SELECT k.fp, f.kind, f.severity, f.evidence FROM findings f JOIN keys k ON k.id = f.key"):
            found.setdefault(key, set()).add(kind)
            severities[kind] = severity
            if len(evidence) < 20 or set(HEX.findall(evidence)) - want.keys():
                fail(f"evidence of {kind}: {evidence}")
        equal("findings", found, want)
    doc = json.loads((folder / "weak.json").read_text())
    equal("keys of weak.json", {k["fp"]: {f["kind"] for f in k["findings"]} for k in doc["keys"]}, want)
    equal("severities", {f["kind"]: f["severity"] for k in doc["keys"] for f in k["findings"]}, severities)
    equal("hex of weak.json", set(HEX.findall((folder / "weak.json").read_text())), set(want))
    for severity in doc["findings"]:
        equal(severity, doc["findings"][severity],
              sum(f["severity"] == severity for k in doc["keys"] for f in k["findings"]))
    return doc


def case_findings(tmp):
    planted = Planted(tmp)
    out = tmp / "out"
    done = survey("analyze", planted.file, "-o", out)
    doc = check_results(out, planted.want)
    unmade = (set() if HAS_LIST else {"lists"}) | (set() if HAS_PRIMES else {"known-primes"})
    if not re.search("weak keys: [0-9]+ critical, .* not checked: " + ", ".join(sorted(unmade)) + "; 2 keys", done.stderr):
        fail("analyze says nothing of weak keys:", done.stderr)
    check_secrets(out, planted)

    checks = {c["check"]: c for c in doc["checks"]}
    equal("checks made", {n for n, c in checks.items() if c["state"] == "not checked"}, unmade)
    for name in unmade:
        equal(name, (checks[name]["keys"], bool(checks[name]["why"])), (0, True))
    reasons = {k["key"]: k["reason"] for k in doc["not_checked"]}
    for key, reason in ((planted.absent, "only its fingerprint is known"), (planted.mismatch, "not of its fingerprint")):
        name = "SHA256:" + base64.b64encode(bytes.fromhex(fp(key))).decode().rstrip("=")
        equal(name, reasons.pop(name), reason)
    equal("others not checked", reasons, {})

    # Places and partners.
    keys = {k["fp"]: k for k in doc["keys"]}
    a = keys[fp(planted.a)]
    equal("hosts of a", (a["kind"], a["hosts"], sorted(at[0] for at in a["at"]), {at[1] for at in a["at"]}),
          ("ssh", 2, planted.hosts_a, {"p22"}))
    equal("ssh_fp", a["ssh_fp"], "SHA256:" + base64.b64encode(bytes.fromhex(a["fp"])).decode().rstrip("="))
    equal("clusters of a", len(a["clusters"]), 1)
    groups = {g["id"]: g["keys"] for g in doc["groups"]}
    equal("group of a", [sorted(groups[g]) for g in a["findings"][0]["groups"]],
          [sorted([fp(planted.a), fp(planted.b)])])
    if fp(planted.b) not in a["findings"][0]["evidence"]:
        fail("the partner is not named:", a["findings"][0]["evidence"])
    with sqlite3.connect(out / "survey.db") as db:
        partners = db.execute("SELECT p.fp FROM finding_partners x JOIN keys k ON k.id = x.key JOIN keys p ON p.id = x.partner "
                              "WHERE k.fp = ?", (fp(planted.a),)).fetchall()
        equal("partners of a", partners, [(fp(planted.b),)])
        triangle = db.execute("SELECT count(*), count(DISTINCT partner) FROM finding_partners x JOIN findings f ON f.id = x.finding "
                              "WHERE f.kind = 'shared-prime' GROUP BY f.id HAVING count(*) = 2").fetchall()
        equal("triangle", triangle, [(2, 2)] * 3)
        equal("hosts of weak_hosts", {r[0] for r in db.execute("SELECT ip FROM weak_hosts WHERE kind = 'shared-prime' "
              "AND port = 22")}, set(planted.hosts_a))
    told_elsewhere(out, planted)
    # The finding joins no clusters: the only one is that of the two hosts with one key.
    equal("clusters", [c["size"] for c in json.loads((out / "clusters.json").read_text())], [2])


def told_elsewhere(out, planted):
    """stats, find, cluster and the report say what survey.db does."""
    counts = {}
    for kinds in planted.want.values():
        for kind in kinds:
            counts[kind] = counts.get(kind, 0) + 1
    tables = {t["id"]: t for t in json.loads(survey("stats", "-f", "json", out).stdout)["tables"]}
    rows = {r["label"]: r["cells"] for r in tables["weak"]["rows"]}
    equal("keys by finding", {k: v[1] for k, v in rows.items()}, {**counts, "any of these": len(planted.want)})
    equal("shared primes", rows["shared-prime"], ["critical", 5, 6, 2])
    checks = {r["label"]: r["cells"] for r in tables["weak-checks"]["rows"]}
    if not HAS_LIST:
        equal("lists", checks["lists"], ["not checked", None, "no list is configured"])
    if not HAS_PRIMES:
        equal("known primes", checks["known-primes"][:2], ["not checked", None])
    hosts = json.loads(survey("find", "-f", "json", out, planted.hosts_a[0]).stdout)
    for port in hosts[0]["hosts"][0]["ports"]:
        equal("find", [(f["kind"], f["severity"]) for f in port["weak"]], [("shared-prime", "critical")])
    text = survey("find", out, planted.hosts_a[0]).stdout
    if "WEAK: shared-prime (critical)" not in text or "\033" in text:
        fail("find:", text)
    rows = list(csv.DictReader(survey("find", "-f", "csv", out, planted.hosts_a[0]).stdout.splitlines()))
    equal("find as CSV", rows[0]["weak"], "shared-prime (critical)")
    cluster = json.loads(survey("cluster", out, "1", "-f", "json").stdout)
    equal("cluster", [[f["kind"] for f in k["weak"]] for k in cluster["keys"]], [["shared-prime"]])
    equal("weak keys of the cluster", [k["fp"] for k in cluster["weak_keys"]], [fp(planted.a)])
    if "WEAK: shared-prime (critical)" not in survey("cluster", out, "1").stdout:
        fail("cluster says nothing of weak keys")
    survey("report", out)
    page = (out / "report/index.html").read_text()
    if not 0 < page.find('id="weak"') < page.find('id="charts"'):
        fail("the report has no weak keys before the charts")
    equal("keys in the report", [k for k in planted.want if k not in page], [])
    check_secrets(out, planted)


def case_command(tmp):
    planted = Planted(tmp)
    out = tmp / "out"
    survey("analyze", planted.file, "-o", out, "--no-weak")
    if (out / "weak.json").exists():
        fail("--no-weak, and there is a weak.json")
    with sqlite3.connect(out / "survey.db") as db:
        equal("tables", [db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("findings", "checks")], [0, 0])
    done = survey("weak", out)
    check_results(out, planted.want)
    equal("lines", len(done.stdout.splitlines()), 1 + sum(map(len, planted.want.values())))
    first = (out / "survey.db").read_bytes(), (out / "weak.json").read_bytes()
    rows = json.loads(survey("weak", out, "-f", "json", "-j", 1, "--memory", "1K").stdout)
    equal("rows", {(r["fp"], r["kind"]) for r in rows}, {(k, kind) for k, kinds in planted.want.items() for kind in kinds})
    equal("the same again, in one thread and with a file", (out / "survey.db").read_bytes() == first[0]
          and (out / "weak.json").read_bytes() == first[1], True)
    equal("nothing left behind", [p.name for p in out.iterdir() if p.name.startswith(("weak.", ".")) and p.name != "weak.json"], [])

    # Primes, for the owner only, into a new file.
    primes = tmp / "primes"
    survey("weak", out, "--primes", primes)
    equal("mode", primes.stat().st_mode & 0o777, 0o600)
    factors = {}
    for line in primes.read_text().splitlines()[1:]:
        key, p, q = line.split()
        factors.setdefault(key, []).append((int(p, 16), int(q, 16)))
    for key in (planted.a, planted.b):
        n = int.from_bytes(base64.b64decode(key["rsa_public_key"]["modulus"]), "big")
        equal("factors", [p * q == n and {p, q} <= planted.secrets for p, q in factors[fp(key)]], [True])
    equal("factored keys are weak", set(factors) - set(planted.want), set())
    done = survey("weak", out, "--primes", primes, status=2)
    if "new file" not in done.stderr:
        fail(done.stderr)
    check_secrets(out, planted)

    # An analysis without weak keys forgets the earlier ones.
    survey("analyze", planted.file, "-o", out, "--no-weak")
    equal("weak.json", (out / "weak.json").exists(), False)
    # Copies have no findings, and cannot be tested.
    survey("weak", out)
    survey("report", out, "--anonymise", "-o", tmp / "copy")
    with sqlite3.connect(tmp / "copy/survey.db") as db:
        equal("findings of a copy", db.execute("SELECT (SELECT count(*) FROM findings) + (SELECT count(*) FROM checks)").fetchone(), (0,))
    if (tmp / "copy/weak.json").exists():
        fail("a copy has a weak.json")
    for path in (tmp / "copy", out / "collisions.json", out / "survey.db", tmp, tmp / "nowhere"):
        survey("weak", path, status=2)


def case_lists(tmp):
    planted = Planted(tmp)
    out = tmp / "out"
    numbers = made_keys.octets(int.from_bytes(base64.b64decode(planted.by_number["rsa_public_key"]["modulus"]), "big"))
    rows = sorted([hashlib.sha256(numbers).digest()[:15] + b"\7"] + [hashlib.sha256(b"%d" % i).digest()[:15] + b"\1" for i in range(500)])
    (tmp / "lists").mkdir()
    (tmp / "lists/blocklist.dat").write_bytes(b"".join(rows))
    (tmp / "lists/badkeysdata.json").write_text(json.dumps({"blocklists": [{"id": 7, "name": "vendor"}]}))
    name = base64.b64encode(bytes.fromhex(fp(planted.listed))).decode().rstrip("=")
    (tmp / "lists/text").write_text(f"# name: printers\n# note: firmware of 2019\nSHA256:{name}\nno fingerprint\n")
    (tmp / "lists/unsorted").write_bytes(b"".join(rows[::-1]))
    (tmp / "lists/torn").write_bytes(b"".join(rows)[:-1])
    (tmp / "lists/own.primes").write_text(f"survey-primes 1 1\n{planted.known:x}\n")
    planted.secrets.discard(planted.known)
    survey("analyze", planted.file, "-o", out, "--no-weak")
    want = {**planted.want, fp(planted.listed): {"listed"}, fp(planted.by_number): {"listed"},
            fp(planted.known_key): {"known-prime"}}
    survey("weak", out, "-b", tmp / "lists/blocklist.dat", "-b", f"text={tmp / 'lists/text'}",
           "--known-primes", tmp / "lists/own.primes")
    doc = check_results(out, want)
    equal("not checked", [c["check"] for c in doc["checks"] if c["state"] != "checked"], [])
    equal("lists", [(li["name"], li["note"], li["keys"], li["bad_lines"], li["error"]) for li in doc["lists"]],
          [("blocklist.dat", None, 501, 0, None), ("text", "firmware of 2019", 1, 1, None)])
    evidence = {k["fp"]: f["evidence"] for k in doc["keys"] for f in k["findings"] if f["kind"] == "listed"}
    if "blocklist.dat, vendor" not in evidence[fp(planted.by_number)] or "text (firmware" not in evidence[fp(planted.listed)]:
        fail(evidence)
    # Of lists that cannot be used all is said, and the rest is done.
    bad = [tmp / "lists" / n for n in ("unsorted", "torn", "nowhere")]
    done = survey("weak", out, *(x for b in bad for x in ("-b", b)), "-b", tmp / "lists/text", status=3)
    doc = check_results(out, {**planted.want, fp(planted.listed): {"listed"}})
    equal("errors", [bool(li["error"]) for li in doc["lists"]], [True, True, True, False])
    if "not sorted" not in done.stderr:
        fail(done.stderr)
    (tmp / "lists/own.primes").write_text(f"survey-primes 1 2\n{planted.known:x}\n")
    done = survey("weak", out, "--known-primes", tmp / "lists/own.primes", status=3)
    if "torn" not in done.stderr:
        fail(done.stderr)

    # The run's own config says which lists there are, with paths from where it stood.
    home = tmp / "home"
    home.mkdir()
    shutil.copytree(tmp / "lists", home / "lists")
    config = 'run { countries = {XX} }\nweak { blocklists = {"mine=lists/text"} %s }\n'
    shutil.copytree(out, tmp / "run")
    (tmp / "run/records.fresh").write_bytes(planted.file.read_bytes())
    doc = json.loads((tmp / "run/run.json").read_text())
    doc["config_path"] = str(home / "survey.conf")
    (tmp / "run/run.json").write_text(json.dumps(doc))
    (tmp / "run/survey.conf").write_text(config % "")
    survey("analyze", tmp / "run")
    check_results(tmp / "run", {**planted.want, fp(planted.listed): {"listed"}})
    (tmp / "run/survey.conf").write_text(config % "enable = no")
    survey("analyze", tmp / "run")
    equal("enable = no", (tmp / "run/weak.json").exists(), False)


def case_known_keys(tmp):
    """The list that comes with survey: all of it is understood, and a key on it is found."""
    shipped = pathlib.Path(__file__).resolve().parents[3] / "config/known-keys.txt"
    records, out = Records(), tmp / "out"
    listed = ed25519_host_key(bytes.fromhex("3eddfee14bb839516c17386553acc7e19b1cab8eacfb4b1c5bc7b2358fc0efbf"))
    for key in (listed, ed25519_host_key(b"\x58" + b"\x66" * 31)):
        records.host(ssh=key)
    records.write(tmp / "records")
    survey("analyze", tmp / "records", "-o", out, "--no-weak")
    survey("weak", out, "-b", shipped)
    doc = check_results(out, {fp(listed): {"listed"}})
    lines = [line for line in shipped.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    equal("the list", [(li["name"], li["keys"], li["bad_lines"], li["error"]) for li in doc["lists"]],
          [("public default keys", len(lines), 0, None)])
    equal("each key once", len({line.split()[0] for line in lines}), len(lines))


def case_bad_input(tmp):
    """What is no key: counted, named, in its reason; never a finding that is not one."""
    m, records, want, reasons = made_weak, Records(), {}, {}
    sound = m.prime("bad p", 1024) * m.prime("bad q", 1024)

    def name(key):
        return "SHA256:" + base64.b64encode(bytes.fromhex(fp(key))).decode().rstrip("=")

    def tls(key, reason=None, kinds=frozenset()):
        records.host(tls=key)
        if reason:
            reasons[name(key)] = reason
        if kinds:
            want[fp(key)] = set(kinds)

    tls(m.tls(1), "no number")
    tls(m.tls((1 << 1000000) - 1))
    zero = {**m.tls(sound), "fingerprint_sha256": "00" * 31 + "01"}
    zero["rsa_public_key"] = {**zero["rsa_public_key"], "modulus": made_keys.b64(b"\0\0")}
    tls(zero, "malformed")
    negative = m.ssh(sound)
    blob = made_keys.string(b"ssh-rsa") + made_keys.string(b"\1\0\1") + made_keys.string(made_keys.octets(sound))
    negative.update(raw=made_keys.b64(blob), fingerprint_sha256=hashlib.sha256(blob).hexdigest())
    del negative["rsa_public_key"]
    records.host(negative)
    reasons[name(negative)] = "malformed"
    padded = m.tls(m.prime("pad p", 1024) * m.prime("pad q", 1024))
    n = base64.b64decode(padded["rsa_public_key"]["modulus"])
    padded["rsa_public_key"] = {**padded["rsa_public_key"], "modulus": made_keys.b64(b"\0" * 40 + n)}
    tls(padded)
    megabytes = m.tls(m.prime("mb p", 1024) * m.prime("mb q", 1024))
    megabytes["rsa_public_key"]["exponent"] = 987654321
    tls(megabytes)
    records.lines[-1] = records.lines[-1].replace("987654321", "7" * 2000000)
    no_base64 = m.tls(m.prime("nb p", 1024) * m.prime("nb q", 1024))
    no_base64["rsa_public_key"]["modulus"] = "no base64 at all!"
    tls(no_base64, "malformed")
    off = ec_key(P256_G[0], b"\1" * 32)
    tls(off, kinds={"off-curve"})
    tls(m.tls(m.prime("ok p", 1024) * m.prime("ok q", 1024)))
    records.write(tmp / "records.ndjson")
    out = tmp / "out"
    survey("analyze", tmp / "records.ndjson", "-o", out)
    doc = check_results(out, want)
    told = {k["key"]: k["reason"] for k in doc["not_checked"]}
    equal("reasons", {k: told.get(k) for k in reasons}, reasons)
    # Those that are neither sound nor named above: only their fingerprint is left of them.
    others = {r for k, r in told.items() if k not in reasons}
    if not others <= {"only its fingerprint is known", "malformed", "not of its fingerprint"}:
        fail(told)
    check = next(c for c in doc["checks"] if c["check"] == "rsa")
    equal("RSA keys that were tested", check["keys"], 2)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        globals()[f"case_{sys.argv[2]}"](pathlib.Path(folder))
