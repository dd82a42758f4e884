#!/usr/bin/env python3
"""Signed zones and the Unbound that survey itself starts: test_signed.py SURVEY [CASE...]

A root of the lab's own, signed, with zones below it that are signed, broken in three ways, signed without a DS
record, and plain, on NSD, in a network namespace of its own that has no interface but loopback.  What
`survey dns` and `survey impact` say of them, through an Unbound that they start, is what DNSSEC proves: no less
and above all no more.
"""
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench" / "dns"))
import dotworld  # noqa: E402
import world as w  # noqa: E402

SURVEY = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else None
NOBODY = 65534
PIN = "ab" * 32
SOA = "@ 300 SOA ns.lab. x.lab. 1 3600 900 86400 300\n@ 300 NS ns.lab.\n"
MAIL = f"@ 300 MX 10 mx\nmx 300 A 45.0.0.1\n_25._tcp.mx 300 TLSA 3 1 1 {PIN}\n"
RECORD = {"ip": "45.0.0.1", "writer": "survey", "p22": {"data": {"ssh": {"status": "success", "result": {"key_exchange": {
    "server_host_key": {"algorithm": "ssh-ed25519", "fingerprint_sha256": "cd" * 32}}}}}}}

# Zones below lab and beside it: is there a DS record, is it signed, and what does it hold?
ZONES = {
    "good.lab": (True, True, MAIL + "away 300 MX 10 mx.plain.lab.\nisle 300 MX 10 mx.island.lab.\npinned 300 MX 10 mx.forged.lab.\n"
                 "old 300 MX 10 mx.expired.lab.\nhalf 300 MX 10 mx\nhalf 300 MX 20 mx.plain.lab.\nvia 300 MX 10 relay\nrelay 300 A 45.0.0.1\n"
                 "_25._tcp.relay 300 CNAME _25._tcp.mx.plain.lab.\nnone 300 MX 10 bare\nbare 300 A 45.0.0.1\n"),
    "forged.lab": (True, True, MAIL),  # a record is changed once it is signed
    "expired.lab": (True, True, MAIL),  # the signatures were good last year
    "stripped.lab": (True, False, MAIL),  # a DS record, and no signature
    "island.lab": (False, True, MAIL),  # signatures, and no DS record
    "plain.lab": (False, False, MAIL + "mx2 300 MX 10 mx.good.lab.\n"),
    "firm.corp": (False, True, MAIL),  # signed within a company: the root knows of no key
}

# What impact and survey.db say: domain -> outcome of MX, dnssec, route, dane.
DOMAINS = {
    "good.lab": ("noerror", 1, "mx", "yes"),
    "half.good.lab": ("noerror", 1, "mx", "partial"),
    "none.good.lab": ("noerror", 1, "mx", "no"),
    "away.good.lab": ("noerror", 1, "mx", "unproved"),
    "isle.good.lab": ("noerror", 1, "mx", "unproved"),
    "via.good.lab": ("noerror", 1, "mx", "unproved"),
    "pinned.good.lab": ("noerror", 1, "mx", "unknown"),
    "old.good.lab": ("noerror", 1, "mx", "unknown"),
    "gone.good.lab": ("nxdomain", 1, "nxdomain", "no"),
    "forged.lab": ("servfail", 0, "unknown", "unknown"),
    "expired.lab": ("servfail", 0, "unknown", "unknown"),
    "stripped.lab": ("servfail", 0, "unknown", "unknown"),
    "island.lab": ("noerror", 0, "mx", "unproved"),
    "plain.lab": ("noerror", 0, "mx", "unproved"),
    "mx2.plain.lab": ("noerror", 0, "mx", "unproved"),
    "firm.corp": ("noerror", 0, "mx", "unproved"),
}
# Host -> outcome of TLSA, dnssec, dane, records.
HOSTS = {
    "mx.good.lab": ("noerror", 1, "yes", 1),
    "bare.good.lab": ("nxdomain", 1, "no", 0),
    "relay.good.lab": ("noerror", 0, "unproved", 1),
    "mx.forged.lab": ("servfail", 0, "unknown", 0),
    "mx.expired.lab": ("servfail", 0, "unknown", 0),
    "mx.island.lab": ("noerror", 0, "unproved", 1),
    "mx.plain.lab": ("noerror", 0, "unproved", 1),
    "mx.firm.corp": ("noerror", 0, "unproved", 1),
}


def skip(why):
    print("skipped:", why)
    sys.exit(77)


class Lab(dotworld.DotWorld):
    """NSD with the zones, and a resolver that speaks TLS and passes all on as it is."""

    def __init__(self, directory):
        super().__init__(directory, names=8, addresses=0)

    def write_zones(self):
        super().write_zones()  # its zone of addresses
        below, self.keys = {"lab": "", ".": ""}, {}
        for zone, (has_ds, signed, text) in ZONES.items():
            key = self.keys[zone] = self.make_zone(zone, SOA + text, signed or has_ds, sign=signed, expired=zone.startswith("expired"))
            parent = "lab" if zone.endswith(".lab") else "."
            below[parent] += f"{zone}. 300 NS ns.lab.\n" + (self.ds(key) if has_ds else "")
        self.forge("forged.lab")
        lab = self.make_zone("lab", SOA + f"ns 300 A {w.NSD}\n" + below["lab"])
        self.root = self.make_zone(".", SOA + f"ns.lab. 300 A {w.NSD}\nlab. 300 NS ns.lab.\n{self.ds(lab)}{below['.']}")
        self.other = self.keygen(".")
        (self.dir / "root.hints").write_text(f". 3600 NS ns.lab.\nns.lab. 3600 A {w.NSD}\n")

    def tool(self, *argv):
        return subprocess.run([w.need(argv[0]), *argv[1:]], cwd=self.dir, check=True, stdout=subprocess.PIPE, text=True).stdout

    def keygen(self, zone):
        return self.tool("ldns-keygen", "-k", "-a", "ECDSAP256SHA256", zone).strip()

    def ds(self, key):
        return self.tool("ldns-key2ds", "-n", "-f", "-2", f"{key}.key")

    @staticmethod
    def file_of(zone):
        return f"{'root' if zone == '.' else zone}.zone"

    def make_zone(self, zone, text, has_key=True, sign=True, expired=False):
        """The key's base name, if there is one."""
        name = self.file_of(zone)
        (self.dir / name).write_text(f"$ORIGIN {zone.rstrip('.')}.\n{text}")
        key = self.keygen(zone) if has_key else None
        if sign:
            when = ["-i", "20240101", "-e", "20240201"] if expired else []
            self.tool("ldns-signzone", *when, "-f", f"{name}.signed", name, key)
            shutil.move(self.dir / f"{name}.signed", self.dir / name)
        return key

    def forge(self, zone):
        """Other MX and TLSA records below the signatures of those that were there; the address stays."""
        path = self.dir / self.file_of(zone)
        text, n = re.subn(r"(?m)(\sMX\s+)10(\s)", r"\g<1>11\2", path.read_text())
        text, m = re.subn(f"(?i){PIN}", "ef" * 32, text)
        assert n == m == 1, text
        path.write_text(text)

    def start_nsd(self):
        conf = self.dir / "nsd.conf"
        super_zones = "".join(f'zone:\n  name: "{z}"\n  zonefile: "{self.file_of(z)}"\n' for z in (".", "lab", *ZONES))
        conf.write_text(f"""server:
  ip-address: {w.NSD}@53
  username: ""
  chroot: ""
  zonesdir: "{self.dir}"
  zonelistfile: "{self.dir}/nsd-zone.list"
  xfrdfile: "{self.dir}/nsd-xfrd.state"
  xfrdir: "{self.dir}"
  pidfile: ""
  logfile: "{self.dir}/nsd.log"
  database: ""
  rrl-ratelimit: 0
remote-control:
  control-enable: no
{super_zones}""")
        self.spawn("nsd", "-d", "-c", conf)
        self.wait_for(w.NSD, 53, "ns.lab")

    def unbound_conf(self, **kw):
        """Of the upstream: from the lab's root, and without an opinion of signatures."""
        stubs = super().unbound_conf(**kw).index("stub-zone:")
        return super().unbound_conf(**kw)[:stubs].replace("server:\n", f'server:\n  root-hints: "{self.dir}/root.hints"\n', 1)

    def settings(self, mode, *anchors, extra=""):
        listed = ", ".join(f'"{a}.key"' for a in anchors)
        path = self.config(mode, validate="true",
                           extra=f'root_hints = "root.hints"\n trust_anchors = {{{listed}}}\n {extra}')
        path.chmod(0o644)
        return path

    def survey(self, *argv, status=0):
        p = self.run(SURVEY, *argv, check=False, capture_output=True, text=True, timeout=240)
        assert p.returncode == status, f"survey {argv}: exit {p.returncode}, not {status}\n{p.stdout}{p.stderr}"
        return p

    def ask(self, config, *names):
        """{(name, type): (outcome, ad, number of answers, extended error)} of MX and TLSA; and the totals."""
        questions, stats = self.dir / "questions", self.dir / "stats"
        questions.write_text("".join(f"{n}\n" for n in names))
        out = self.survey("dns", "-c", config, "-d", self.dir, "--stats", stats, "--type", "MX,TLSA", questions).stdout
        have = {(a["name"], a["type"]): (a["outcome"], a.get("ad", False), len(a["answers"]), a.get("ede"))
                for a in map(json.loads, out.splitlines())}
        return have, json.loads(stats.read_text())


def check_dns(lab, config):
    bad = ["forged.lab", "expired.lab", "stripped.lab"]
    good = ["good.lab", "gone.good.lab", "island.lab", "plain.lab", "firm.corp"]
    hosts = [f"_25._tcp.mx.{z}" for z in ("good.lab", "forged.lab", "expired.lab", "stripped.lab", "island.lab", "plain.lab")]
    have, stats = lab.ask(config, *good, *bad, *hosts, "_25._tcp.relay.good.lab")
    for z in ("good.lab", "island.lab", "plain.lab"):
        proved = z == "good.lab"
        assert have[z, "MX"][:3] == ("noerror", proved, 1), (z, have[z, "MX"])
        assert have[f"_25._tcp.mx.{z}", "TLSA"][:3] == ("noerror", proved, 1), (z, have)
        assert have[z, "TLSA"][:3] == ("nodata", proved, 0), (z, have)
    assert have["gone.good.lab", "MX"][:3] == ("nxdomain", True, 0), have
    assert have["firm.corp", "MX"][:3] == ("noerror", False, 1), have
    assert have["_25._tcp.relay.good.lab", "TLSA"][:3] == ("noerror", False, 1), have  # the end of the alias is not proved
    for z in bad:
        for question in ((z, "MX"), (f"_25._tcp.mx.{z}", "TLSA")):
            outcome, proved, n, ede = have[question]
            assert (outcome, proved, n) == ("servfail", False, 0) and ede in (6, 7, 9, 10, 12), (question, have[question])
    failed = sum(outcome == "servfail" for outcome, *_ in have.values())
    assert stats["bogus"] == stats["servfail"] == failed, (stats, failed)
    # Of what was not changed in forged.lab a proof remains.
    assert {name.split(".")[-2] for (name, _), (_, proved, *_) in have.items() if proved} == {"good", "forged"}, have


def case_dns(lab):
    """From the root, as root: resolvers are nobody; what they read lies in their own directory."""
    check_dns(lab, lab.settings("unbound", lab.root))
    files = {f.name: f.stat() for f in (lab.dir / "resolver").iterdir()}
    assert {"anchors.key", "root.hints", "unbound.conf"} <= set(files), files
    assert all(s.st_uid == NOBODY and s.st_mode & 0o777 == 0o600 for s in files.values()), files
    anchors = (lab.dir / "resolver/anchors.key").read_text()
    assert len(anchors.splitlines()) == 1 and "DNSKEY" in anchors, anchors


def case_forwarded(lab):
    """The same through resolvers that others run, which say nothing of signatures: ours validates."""
    for mode in ("unbound-dot", "managed"):
        check_dns(lab, lab.settings(mode, lab.root))


def case_own_anchor(lab):
    """A zone that the root knows no key of is proved once its own is trusted; anchors add up."""
    have, _ = lab.ask(lab.settings("unbound", lab.root, extra=f'trust_anchors += {{"{lab.keys["firm.corp"]}.key"}}'),
                      "firm.corp", "good.lab", "island.lab", "forged.lab", "_25._tcp.mx.firm.corp")
    assert have["firm.corp", "MX"][:3] == have["_25._tcp.mx.firm.corp", "TLSA"][:3] == have["good.lab", "MX"][:3] == ("noerror", True, 1), have
    assert have["island.lab", "MX"][:3] == ("noerror", False, 1) and have["forged.lab", "MX"][0] == "servfail", have
    # Of the company's zone alone; and nothing at all is validated where validate = false.
    have, _ = lab.ask(lab.settings("unbound", lab.keys["firm.corp"]), "firm.corp", "good.lab", "forged.lab")
    assert have["firm.corp", "MX"][:3] == ("noerror", True, 1), have
    assert have["good.lab", "MX"][:3] == have["forged.lab", "MX"][:3] == ("noerror", False, 1), have
    config = lab.settings("unbound", lab.other)
    config.write_text(config.read_text().replace("validate = true", "validate = false"))
    have, _ = lab.ask(config, "firm.corp", "good.lab", "forged.lab")
    assert {have[z, "MX"][:3] for z in ("firm.corp", "good.lab", "forged.lab")} == {("noerror", False, 1)}, have


def case_impact(lab):
    """The mail domains of a run, in answers and in survey.db; an analysis has the same again."""
    run, names = lab.dir / "run", lab.dir / "domains"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    (run / "records.fresh").write_text(json.dumps(RECORD) + "\n")
    names.write_text("".join(f"{d}\n" for d in DOMAINS))
    names.chmod(0o644)
    lab.tool("chown", "-R", f"{NOBODY}:{NOBODY}", str(run))
    config = lab.settings("unbound", lab.root)
    for f in (config, lab.dir / "root.hints", lab.dir / f"{lab.root}.key"):
        f.chmod(0o644)  # root becomes the owner of the run before it reads them
    lab.survey("analyze", run, "--country", "XX")
    told = json.loads(lab.survey("impact", run, "--domains", names, "-c", config, "-f", "json").stdout)
    states = [dane for _, _, _, dane in DOMAINS.values()]
    assert told["dane"] == {s: states.count(s) for s in ("no", "yes", "partial", "unproved", "unknown")}, told["dane"]
    assert told["routes"]["unknown"] == 3, told["routes"]
    check_database(run)
    lab.survey("analyze", run, "--dns", "cached")
    check_database(run)
    bogus = [a for a in map(json.loads, (run / "dns.ndjson").read_text().splitlines()) if a["outcome"] == "servfail"]
    assert bogus and all(not a.get("ad") and a["answers"] == [] and a["ede"] in (6, 7, 9, 10, 12) for a in bogus), bogus
    # What was refused is asked again, what is known is not.
    again = re.search(r"dns: (\d+) questions", lab.survey("impact", run, "-c", config).stderr)
    assert again and int(again[1]) == len(bogus), (again, bogus)
    check_database(run)


def check_database(run):
    with sqlite3.connect(f"file:{run}/survey.db?mode=ro&immutable=1", uri=True) as db:
        domains = {name: row for name, *row in db.execute("SELECT name, outcome, dnssec, route, dane FROM domains")}
        hosts = {name: row for name, *row in db.execute(
            "SELECT name, tlsa_outcome, dnssec, dane, (SELECT count(*) FROM tlsa t WHERE t.mx = m.id) FROM mx_hosts m")}
    for want, have in ((DOMAINS, domains), (HOSTS, hosts)):
        wrong = {k: (have.get(k), v) for k, v in want.items() if have.get(k) != list(v)}
        assert not wrong and set(have) == set(want), f"is, should be: {wrong}; {set(have) ^ set(want)}"


def case_refused(lab):
    """An anchor that is none, cannot be read or is of another root is named, and nothing is asked."""
    rows = [("", "no DS or DNSKEY record is in it"), ("; nothing\n\n$TTL 5\n", "no DS or DNSKEY record is in it"),
            ("\n. 5 IN A 45.0.0.1\n", "line 2 is neither a DS nor a DNSKEY record"),
            (". 5 CH DS 4711 15 2 " + PIN, "line 1 is neither"),
            ('trusted-keys { "." 257 3 8 "AwEAAa"; };\n', "line 1 is no record of a zone file"),
            ("\0\0\0\0\n", "it is no text"), (None, "No such file or directory")]
    for text, said in rows:
        (lab.dir / "odd.key").unlink(missing_ok=True)
        if text is not None:
            (lab.dir / "odd.key").write_text(text)
        config = lab.settings("unbound", lab.root, "odd")
        err = lab.survey("dns", "-c", config, lab.dir / "root.hints", status=2).stderr
        assert f"dns.trust_anchors: {lab.dir}/odd.key: " in err and said in err, (text, err)
    config = lab.settings("unbound")
    assert "dns.trust_anchors: no file" in lab.survey("dns", "-c", config, lab.dir / "root.hints", status=2).stderr
    # Names relative to an $ORIGIN, several lines a record: as zone files are.  It reaches into no other file.
    key = (lab.dir / f"{lab.keys['good.lab']}.key").read_text().split()
    (lab.dir / "odd.key").write_text(f"$ORIGIN lab.\ngood 300 IN DNSKEY {' '.join(key[3:6])} (\n  {key[6]} ) ; its key\n")
    (lab.dir / "second.key").write_text((lab.dir / f"{lab.keys['island.lab']}.key").read_text())
    have, _ = lab.ask(lab.settings("unbound", "odd", "second"), "good.lab", "island.lab", "firm.corp")
    assert [have[z, "MX"][1] for z in ("good.lab", "island.lab", "firm.corp")] == [True, True, False], have


def case_doctor(lab):
    """It says of each zone with an anchor whether the anchor fits, and of a file what is wrong with it."""
    def doctor(*anchors):
        config = lab.settings("unbound", *anchors)
        config.write_text(config.read_text().replace("run { name = x }", "run { name = x\n user = nobody }"))
        return lab.survey("doctor", config, status=2).stdout  # there is more that a run needs

    good, own = doctor(lab.root, lab.keys["firm.corp"]), f"{lab.dir}/{lab.keys['firm.corp']}.key"
    assert re.search(rf"(?m)^ok +DNSSEC +the root is proved by {lab.dir}/{re.escape(lab.root)}.key$", good), good
    assert re.search(rf"(?m)^ok +DNSSEC +firm.corp is proved by {re.escape(own)}$", good), good
    # A key that the zone had once.
    old = lab.keygen("firm.corp")
    bad = doctor(lab.root, old)
    assert re.search(r"(?m)^ok +DNSSEC +the root ", bad), bad
    assert re.search(rf"(?m)^fail +DNSSEC +firm.corp is not proved by {lab.dir}/{re.escape(old)}.key", bad), bad
    (lab.dir / "odd.key").write_text("not a key\n")
    bad = doctor(lab.root, "odd")
    assert re.search(rf"(?m)^fail +resolver +.*dns.trust_anchors: {lab.dir}/odd.key: line 1 ", bad), bad
    (lab.dir / "odd.key").chmod(0o666)
    bad = doctor(lab.root, "odd")
    assert re.search(rf"(?m)^warn +trust +{lab.dir}/odd.key: ", bad), bad


def case_other_root(lab):
    """The key of another root, and Debian's, which is the default: all is bogus, so it does not start, and says what it may be."""
    questions = lab.dir / "questions"
    questions.write_text("good.lab\n")
    other = lab.settings("unbound", lab.other)
    default = lab.dir / "default.conf"
    default.write_text(re.sub(r"trust_anchors = .*", "", other.read_text()))
    # They wait a while for something better: side by side, each with a directory of its own.
    running = [subprocess.Popen(["ip", "netns", "exec", lab.ns, SURVEY, "dns", "-c", c, questions], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True) for c in (other, default)]
    for p in running:
        out, err = p.communicate(timeout=240)
        assert p.returncode == 1 and out == "" and "are dns.trust_anchors and the clock right?" in err, (p.returncode, out, err)


def main():
    if os.geteuid() != 0:
        skip("network namespaces need root")
    for tool in ("ip", "nft", "nsd", "unbound", "stubby", "openssl", "setpriv", "ldns-keygen", "ldns-signzone", "ldns-key2ds"):
        if not (shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")):
            skip(f"{tool} is missing")
    cases = {n[5:]: f for n, f in globals().items() if n.startswith("case_")}
    with tempfile.TemporaryDirectory(prefix="survey-signed") as tmp:
        os.chmod(tmp, 0o711)  # resolvers become nobody
        with Lab(tmp) as lab:
            for name in sys.argv[2:] or cases:
                shutil.rmtree(pathlib.Path(tmp) / "resolver", ignore_errors=True)
                start = time.monotonic()
                cases[name](lab)
                print(f"{name}: ok, {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
