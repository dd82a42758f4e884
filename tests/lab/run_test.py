#!/usr/bin/python3
"""run_test.py SURVEY: `survey run config/lab.conf` finds what the lab's truth table says,
sends nothing that it must not send, and after an interruption goes on where it was."""

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from ipaddress import ip_address, ip_network
from pathlib import Path
from xml.etree import ElementTree

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from labkit import build, keys  # noqa: E402
from labkit import table as t  # noqa: E402
from labkit.capture import RST, TCP, UDP, Capture  # noqa: E402
from labkit.cli import missing  # noqa: E402
from labkit.expected import by_address  # noqa: E402

import studies_reader  # noqa: E402, isort: skip

LAB = str(HERE / "lab")
PORTS = (22, 25, 110, 143, 443, 587, 993)
DISCARD = 9
LISTED = "198.18.10.31"
ABROAD = "198.18.40.21"
RESULTS = ("clusters.json", "collisions.json", "fingerprints.json", "all-key-fingerprints.json",
           "dodgy.json", "dogies.json", "clustersizes.csv", "verdicts.ndjson")

problems = []


def check(condition, text):
    if not condition:
        problems.append(text)
        print(f"FAILED: {text}"[:500], flush=True)


class Useless(Exception):
    """Nothing further of this test can hold."""


def must(condition, text):
    check(condition, text)
    if not condition:
        raise Useless


def same(have, want, what):
    have, want = set(have), set(want)
    check(have == want, f"{what}: missing {sorted(want - have)}, too many {sorted(have - want)}")


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def ndjson(path):
    return [json.loads(line) for line in lines(path)]


# What the config has as defaults, for a machine on which eight tests run at once.
PATIENCE = '{"25=25s", "587=25s", "*=15s"}'


class Survey:
    """Runs of one config, with results in a directory of their own."""

    def __init__(self, binary, tmp, name, changes):
        self.binary, self.runs = binary, tmp / name
        text = (TOP / "config" / "lab.conf").read_text(encoding="utf-8")
        for old, new in {'"../runs"': f'"{self.runs}"', "grab {": f"grab {{\n\ttimeouts = {PATIENCE}",
                         **changes}.items():
            if old not in text:
                raise ValueError(f"config/lab.conf has no {old}")
            text = text.replace(old, new)
        self.conf = tmp / f"{name}.conf"
        self.conf.write_text(text, encoding="utf-8")
        self.log = tmp / f"{name}.log"

    def start(self):
        with open(self.log, "ab") as log:
            return subprocess.Popen([LAB, "exec", self.binary, "run", str(self.conf)], stdout=log,
                                    stderr=log, stdin=subprocess.DEVNULL)

    def run(self):
        return self.start().wait(timeout=300)

    def dirs(self):
        return sorted(p for p in self.runs.iterdir() if not p.is_symlink())

    @property
    def dir(self):
        return (self.runs / "latest").resolve()

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")


def check_directory(survey):
    check([d.name for d in survey.dirs()] == [survey.dir.name]
          and re.fullmatch(r"lab-\d{8}-\d{6}", survey.dir.name),
          f"run directories: {[d.name for d in survey.dirs()]}, latest is {survey.dir.name}")
    for path in [survey.dir, *survey.dir.rglob("*")]:
        info = path.lstat()
        mode = stat.S_IMODE(info.st_mode)
        if stat.S_ISDIR(info.st_mode):
            check(mode == 0o700, f"{path} has mode {mode:o}")
        elif stat.S_ISREG(info.st_mode):
            check(mode == 0o600, f"{path} has mode {mode:o}")


def check_hosts(run, expected, ports):
    inside = list(expected["hosts"])
    same(lines(run / "out-of-country.ips"), expected["out_of_country"], "out-of-country.ips")
    records = ndjson(run / "records.fresh")
    check(len(records) == len({r["ip"] for r in records}), "a host has two records")
    same([r["ip"] for r in records], inside, "records.fresh")
    for r in records:
        host = expected["hosts"].get(r["ip"], {})
        lacking = [p for p in ports if f"p{p}" not in r]
        check(not lacking, f"{r['ip']} has no entry of ports {lacking}")
        check(r["location"]["country_code"] == host.get("country"), f"country of {r['ip']}")
        check(r.get("autonomous_system", {}).get("asn") == host.get("asn"), f"AS of {r['ip']}")


def check_keys(run, expected, _ports):
    seen = {}
    for h in json.loads((run / "fingerprints.json").read_text(encoding="utf-8")):
        seen[h["ip"]] = h["fprints"]
    same(seen, [ip for ip, h in expected["hosts"].items() if h["keys"]], "hosts with keys")
    for ip, ports in seen.items():
        # The studies' own files know seven ports; check_clusters sees the others.
        want = {port: keys for port, keys in expected["hosts"].get(ip, {"keys": {}})["keys"].items()
                if int(port[1:]) in PORTS}
        same(ports, want, f"ports of {ip} with keys")
        for port, key in ports.items():
            check(key in want.get(port, []), f"{ip} {port} has key {key}")
    dodgy = json.loads((run / "dodgy.json").read_text(encoding="utf-8"))
    same([r["ip"] for r in dodgy.values()], expected["dodgy"], "dodgy.json")
    dogies = json.loads((run / "dogies.json").read_text(encoding="utf-8"))
    same([r["ip"] for r in dogies], expected["dogies"], "dogies.json")


def check_clusters(run, expected, _ports):
    clusters = json.loads((run / "clusters.json").read_text(encoding="utf-8"))
    have = sorted(sorted((h["ip"] for h in c["hosts"]), key=by_address) for c in clusters)
    check(have == sorted(expected["clusters"]), f"clusters are {have}")
    check([c["id"] for c in clusters] == list(range(1, len(clusters) + 1)),
          f"cluster ids are {[c['id'] for c in clusters]}")
    first = [min(h["ip_record"] for h in c["hosts"]) for c in clusters]
    check(first == sorted(first), f"clusters are not in order of their first records: {first}")
    at = {(ip, port, key["fp"]) for c in clusters for key in c["keys"] for ip, port in key["at"]}
    for ip, port, key in sorted(at):
        want = expected["hosts"].get(ip, {"keys": {}})["keys"].get(port, [])
        check(key in want, f"{ip} {port} has key {key} in clusters.json")
    for c in clusters:
        for suffix in ("svg", "png"):
            picture = run / "graphs" / f"cluster-{c['id']}.{suffix}"
            check(picture.exists() and picture.stat().st_size > 1000, f"no picture {picture}")
        if (run / "graphs" / f"cluster-{c['id']}.svg").exists():
            svg = ElementTree.parse(run / "graphs" / f"cluster-{c['id']}.svg")
            text = "".join(svg.getroot().itertext())
            for h in c["hosts"]:
                check(h["ip"] in text, f"the picture of cluster {c['id']} lacks {h['ip']}")


def check_names(run, expected, _ports):
    verdicts = {v["ip"]: v for v in ndjson(run / "verdicts.ndjson")}
    same(verdicts, expected["hosts"], "verdicts.ndjson")
    for ip, v in verdicts.items():
        want = expected["hosts"].get(ip, {"names": {}, "verdict": None})
        have = {n["key"]: [n["name"], n["verdict"]] for n in v["names"]}
        differ = {key: (have.get(key), want["names"].get(key)) for key in {*have, *want["names"]}
                  if have.get(key) != want["names"].get(key)}
        check(not differ, f"names of {ip}, (found, expected): {differ}")
        check(v["verdict"] == want["verdict"], f"{ip} is {v['verdict']}, not {want['verdict']}")
    # What a run that is continued asks again is only what failed before.
    questions = [(a["name"], a["type"]) for a in ndjson(run / "dns.ndjson")
                 if a["outcome"] in ("noerror", "nodata", "nxdomain")]
    check(len(questions) == len(set(questions)), "a question that has an answer was asked again")


def weak_keys(expected):
    """What is wrong with keys of the lab, by fingerprint; the second is on a list (write_list())."""
    found = {}
    for ip, port, kind in (("198.18.10.71", "p25", "shared-prime"), ("198.18.20.71", "p25", "shared-prime"),
                           ("198.18.30.71", "p25", "close-primes"), ("198.18.30.72", "p25", "factorable-length"),
                           ("198.18.10.42", "p25", "short"), ("198.18.10.42", "p22", "short"),
                           (LISTED, "p25", "listed")):
        found[expected["hosts"][ip]["keys"][port][0]] = {kind}
    return found


def write_list(path, expected):
    """A list with one key of the lab, among others, that anyone can read."""
    listed = expected["hosts"][LISTED]["keys"]["p25"][0]
    path.write_text(f"# name: the lab's\n# note: from a manual\n{'ab' * 32}\n{listed} a default key\n",
                    encoding="ascii")


def check_weak(run, expected, _ports):
    want = weak_keys(expected)
    doc = json.loads((run / "weak.json").read_text(encoding="utf-8"))
    have = {k["fp"]: {f["kind"] for f in k["findings"]} for k in doc["keys"]}
    check(have == want, f"weak keys are {have}, not {want}")
    places = {k["fp"]: {at[0] for at in k["at"]} for k in doc["keys"]}
    one, other = (expected["hosts"][ip]["keys"]["p25"][0] for ip in ("198.18.10.71", "198.18.20.71"))
    check(places.get(one) == {"198.18.10.71"}, f"the first key with a shared prime is on {places.get(one)}")
    groups = [set(g["keys"]) for g in doc["groups"]]
    check(groups == [{one, other}], f"the keys of a prime are {groups}")
    states = {c["check"]: c["state"] for c in doc["checks"]}
    check(states["lists"] == states["shared-primes"] == "checked", f"checks: {states}")
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    check(0 < page.find('id="weak"') < page.find('id="charts"'), "the report has no weak keys before the charts")
    for fp in want:
        check(fp in page, f"the report does not name the weak key {fp}")
    secret = keys.SHARED_PRIME.to_bytes(128, "big")
    forms = (secret, secret[::-1], secret.hex().encode(), str(keys.SHARED_PRIME).encode())
    for path in run.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        check(not any(form in data for form in forms), f"{path.name} has the shared prime")


def check_clones(run, expected, _ports):
    """With all_ssh_host_keys each key of the cloned machines' set shows."""
    clusters = json.loads((run / "clusters.json").read_text(encoding="utf-8"))
    shared_by_4 = {key["fp"] for c in clusters for key in c["keys"]
                   if len({ip for ip, _ in key["at"]}) == 4}
    same(shared_by_4, expected["hosts"]["198.18.20.21"]["keys"]["p22"], "ssh keys of the clones")


def check_layouts(survey, studies):
    """The studies' own reader finds every host, in the run and in an export for their scripts."""
    status = subprocess.run([survey.binary, "export", str(survey.dir), "--studies", str(studies)],
                            check=False).returncode
    must(status == 0, f"survey export: status {status}")
    for folder in (survey.dir, studies):
        try:
            check(len(studies_reader.check_results(folder)[2]) > 0, f"{folder}: no host in a cluster")
        except AssertionError as e:
            check(False, str(e))


def check_software(run, _expected, _ports):
    """Real servers say what they are; the lab's nginx says so on the web, and nothing on mail ports."""
    table = json.loads((HERE / "hosts.json").read_text(encoding="utf-8"))["hosts"]
    real = {h["ip"] for h in table if h.get("server") == "real"}
    quiet = {h["ip"] for h in table if h.get("banner") == "noesmtp"}
    names = {25: "Postfix", 587: "Postfix", 110: "Dovecot", 143: "Dovecot", 993: "Dovecot", 443: "Apache"}
    seen = {"nginx": set()}
    with contextlib.closing(sqlite3.connect(f"file:{run}/survey.db?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT h.ip, p.port, p.software FROM host_ports p JOIN hosts h ON h.id = p.host "
                          "WHERE p.key IS NOT NULL AND p.port <> 22").fetchall()
    for ip, port, software in rows:
        want = None if port == 25 and ip in quiet else names.get(port) if ip in real else "nginx" if port == 443 else None
        have = software if port != 443 or software is None else re.split("[/ ]", software)[0]
        check(have == want, f"software of {ip} port {port}: {software} instead of {want}")
        seen.setdefault(have, set()).add(port)
    same(seen, [None, "Postfix", "Dovecot", "Apache", "nginx"], "software")
    same(seen.get("Postfix", ()), [25, 587], "ports of Postfix")
    same(seen.get("Dovecot", ()), [110, 143, 993], "ports of Dovecot")


def check_results(run, expected, ports=PORTS, more=()):
    for part in (check_hosts, check_keys, check_clusters, check_names, check_software, *more):
        try:
            part(run, expected, ports)
        except (OSError, ValueError, LookupError) as e:
            check(False, f"{part.__name__}: {type(e).__name__}: {e}")


def check_packets(packets, expected):
    """Nothing left but what may leave."""
    ranges = [ip_network(n) for n in expected["ranges"]]
    blocked = [ip_network(n) for n in expected["blocked"]]
    inside = set(expected["hosts"])
    wrong, to_abroad, scanned, otherwise = {}, [], set(), set()
    for p in packets:
        if not p.leaves:
            continue
        if p.src == t.SCAN_FIRST_IP4 and p.dst != t.TGT_IP4:
            otherwise.add((p.dst, p.dport))
        if p.dst == ABROAD:
            to_abroad.append(p)
            continue
        dst = ip_address(p.dst)
        target = any(dst in n for n in ranges) and not any(dst in n for n in blocked)
        if p.is_zmaps and target and p.dport == 25:
            scanned.add(p.dst)
        elif p.proto == TCP and p.dst in inside and p.dport in PORTS:
            continue
        elif p.proto == TCP and (p.dst, p.dport) == (t.DOT_IP, 853):
            continue
        elif p.proto == UDP and (p.dst, p.dport) == (t.TGT_IP4, DISCARD):
            continue  # makes the kernel ask for the gateway's MAC address
        else:
            key = (p.dst, p.proto, p.dport)
            wrong[key] = wrong.get(key, 0) + 1
    check(not otherwise, f"not from the address that the route prefers: {len(otherwise)} packets")
    check(not wrong, f"packets left that must not, (to, protocol, port): count: {wrong}")
    check(len([p for p in to_abroad if p.is_zmaps]) == 1 and
          all(p.is_zmaps or p.flags & RST for p in to_abroad),
          f"more than a SYN and the kernel's RST went to {ABROAD}: {to_abroad}")
    allowed = sum(n.num_addresses for n in ranges) - sum(
        b.num_addresses for b in blocked if any(b.subnet_of(n) for n in ranges))
    check(len(scanned) == allowed - 1, f"{len(scanned)} of {allowed} addresses were scanned")


def test_whole_run(survey, tmp, expected):
    write_list(tmp / "known.list", expected)
    with Capture(tmp / "whole.pcap", [LAB, "exec"]) as capture:
        status = survey.run()
    must(status == 0, f"survey run: status {status}: {survey.said()[-3000:]}")
    check_directory(survey)
    stages = json.loads((survey.dir / "run.json").read_text(encoding="utf-8"))["stages"]
    for name, stage in stages.items():
        check(stage["state"] == "done" and stage["cpu_s"] > 0 and stage["maxrss_kb"] > 0,
              f"run.json does not tell what {name} cost: {stage}")
    check_packets(capture.packets(), expected)
    same(lines(survey.dir / "zmap.ips"), expected["hits"], "zmap.ips")
    check_results(survey.dir, expected, more=[check_weak])
    check_layouts(survey, tmp / "studies")
    # The analysis by itself says the same, without the lab, a config or root's help.
    again = tmp / "again"
    status = subprocess.run([survey.binary, "analyze", str(survey.dir), "-o", str(again)],
                            check=False).returncode
    check(status == 0, f"survey analyze: status {status}")
    for name in RESULTS:
        check((survey.dir / name).exists()
              and (again / name).read_bytes() == (survey.dir / name).read_bytes(),
              f"survey analyze gives another {name}")


def test_resume(survey, tmp, expected):
    """Interrupted in the midst of the grab, then continued: no complete host is grabbed again."""
    process = survey.start()
    end = time.monotonic() + 120
    records = survey.runs / "latest" / "records.fresh"
    while not records.exists() or len(records.read_bytes().splitlines()) < 12:
        must(process.poll() is None and time.monotonic() < end,
             f"the run gives no records: {survey.said()[-2000:]}")
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    status = process.wait(timeout=120)
    must(status == 130, f"interrupted: status {status}: {survey.said()[-2000:]}")
    done = {r["ip"] for r in ndjson(records)}
    check(12 <= len(done) < len(expected["hosts"]), f"{len(done)} hosts before the interruption")
    with Capture(tmp / "resume.pcap", [LAB, "exec"]) as capture:
        status = survey.run()
    must(status == 0, f"continued: status {status}: {survey.said()[-3000:]}")
    packets = list(capture.packets())
    again = {p.dst for p in packets if p.leaves and p.opens and not p.is_zmaps} & done
    check(not again, f"grabbed again: {sorted(again)}")
    check_directory(survey)
    check_results(survey.dir, expected)


def test_list(survey, tmp, _expected):
    """Addresses from a list, IPv6 among them; ports and versions that are optional."""
    truth = build.expectation(tls13=True, smtps=True)
    found = [h.ip for h in truth.table.hosts]
    expected = truth.survey(found)
    check([len(c) for c in expected["clusters"]] == [9, 4, 2, 2, 2],
          "the pair on port 465 is no cluster in the truth table")
    (tmp / "list.ips").write_text("".join(f"{ip}\n" for ip in found), encoding="ascii")
    with Capture(tmp / "list.pcap", [LAB, "exec"]) as capture:
        status = survey.run()
    must(status == 0, f"survey of a list: status {status}: {survey.said()[-3000:]}")
    touched = {p.dst for p in capture.packets() if p.leaves and p.opens} - {t.DOT_IP}
    same(touched, expected["hosts"], "hosts that were contacted")
    check_results(survey.dir, expected, (*PORTS, 465, 995), [check_clones])


def main():
    why_not = missing()
    binary = str(Path(sys.argv[1]).resolve())
    for tool in ("zmap", "zgrab2", "unbound", "stubby", "tcpdump"):
        if not why_not and not shutil.which(tool):
            why_not = f"{tool} is not installed"
    if why_not:
        print(f"skipped: {why_not}")
        return 77
    tmp = Path(tempfile.mkdtemp(prefix="survey-lab-run-", dir="/var/tmp"))
    tmp.chmod(0o755)
    os.environ["LAB_DIR"] = str(tmp / "lab")
    try:
        subprocess.run([LAB, "up"], check=True)
        expected = json.loads((tmp / "lab" / "expected.json").read_text(encoding="utf-8"))
        fast = "rate_hosts = 50"
        for test, survey in (
                (test_whole_run, Survey(binary, tmp, "whole", {
                    "scan {": f'weak {{\n\tblocklists = {{"mine={tmp}/known.list"}}\n}}\n\nscan {{'})),
                (test_resume, Survey(binary, tmp, "resumed", {fast: "rate_hosts = 8"})),
                (test_list, Survey(binary, tmp, "list", {
                    'interface = "scan0"': f'mode = "list"\n\tlist = "{tmp}/list.ips"',
                    fast: f"{fast}\n\tall_ssh_host_keys = true\n\ttls13 = true\n"
                          "\tports = {22, 25, 110, 143, 443, 465, 587, 993, 995}"}))):
            try:
                test(survey, tmp, expected)
            except Useless:
                pass
    finally:
        subprocess.run([LAB, "down"], check=False)
        if problems and os.environ.get("KEEP"):
            print(f"kept: {tmp}")
        else:
            shutil.rmtree(tmp)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
