"""survey impact in the lab: impact.py SURVEY

Real mail hosts, some with one key; zones of mail domains on NSD, one of them signed, and an Unbound
that validates.  Every shape of MX is counted as what it is, each question is asked once, what was
broken off or killed goes on, an analysis has the same tables again, and cluster, find and notify tell of it.
"""

import collections
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
from pathlib import Path

from surveyor import LAB, SURVEY, Run, need, skip, wait_for

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
NSD, RESOLVER, HOLDING = "127.0.0.2", "127.0.0.1#5301", "127.0.0.1#5302"
KEY_A, KEY_C, OWN = "198.18.10.11", "198.18.30.12", "198.18.20.21"
HOSTS = [KEY_A, "198.18.10.12", "198.18.20.11", "198.18.30.11", KEY_C, "198.18.30.13", OWN, "198.18.20.22"]
SOA = "@ 300 SOA ns hostmaster 1 3600 600 86400 300\n@ 300 NS ns\nns 300 A 127.0.0.2\n"
TABLES = ("domains", "mx_hosts", "domain_mx", "mx_addresses", "tlsa")

UNSIGNED = SOA + f"""
mx1 300 A {KEY_A}
mx2 300 A {KEY_C}
mx2 300 A {OWN}
many 300 A {KEY_C}
empty 300 TXT "no address"
cname 300 CNAME mx1
unproved 300 A {OWN}
_25._tcp.unproved 300 TLSA 3 1 1 {'00' * 32}
a1 300 MX 10 mx1
a2 300 MX 10 mx1
a3 300 MX 10 mx1
both 300 MX 10 mx1
both 300 MX 20 mx2
xn--bcher-kva 300 MX 10 mx1
null 300 MX 0 .
null 300 A {KEY_A}
rootand 300 MX 0 .
rootand 300 MX 5 mx1
own 300 A {OWN}
self 300 MX 10 self
self 300 A {KEY_C}
address 300 MX 10 198.18.10.11.
alias 300 MX 10 cname
noaddress 300 MX 10 empty
gone 300 MX 10 nothing.mail.example.
u1 300 MX 10 unproved
_mta-sts.a1 300 TXT "v=STSv1; id=2026"
_mta-sts.a2 300 TXT "v=STSv1; id=1"
_mta-sts.a2 300 TXT "v=STSv1; id=2"
_mta-sts.a3 300 TXT "v=spf1 -all"
broken 300 NS ns
""" + "".join(f"hundred 300 MX 10 m{i}.many\nm{i}.many 300 A {KEY_C}\n" for i in range(100))

SIGNED = SOA + f"""
mx 300 A {KEY_A}
bad 300 A {KEY_C}
d1 300 MX 10 mx
d2 300 MX 10 mx
half 300 MX 10 mx
half 300 MX 20 mx1.mail.example.
wrong 300 MX 10 bad
_25._tcp.mx 300 TLSA 3 1 1 %s
_25._tcp.bad 300 TLSA 3 1 1 {'ab' * 32}
"""


def survey(*args, status=0, stdin=None):
    p = subprocess.run([*NOBODY, SURVEY, *map(str, args)], capture_output=True, text=True, check=False, timeout=120, input=stdin)
    need(p.returncode == status, f"survey {args}: status {p.returncode}, not {status}\n{p.stderr}{p.stdout}")
    return p.stdout, p.stderr


def rows(run, sql, *values):
    with sqlite3.connect(f"file:{run}/survey.db?mode=ro&immutable=1", uri=True) as db:
        return db.execute(sql, values).fetchall()


class Names:
    """NSD with the zones, Unbound with a trust anchor for the signed one; on loopback."""

    def __init__(self, top, pinned):
        self.dir, self.children = top / "names", []
        self.dir.mkdir()
        (self.dir / "mail.zone").write_text("$ORIGIN mail.example.\n" + UNSIGNED, encoding="utf-8")
        self.sign(pinned)
        (self.dir / "nsd.conf").write_text(f"""server:
  ip-address: {NSD}
  username: ""
  chroot: ""
  zonesdir: "{self.dir}"
  database: ""
  zonelistfile: "{self.dir}/zone.list"
  xfrdfile: "{self.dir}/xfrd.state"
  xfrdir: "{self.dir}"
  pidfile: ""
  logfile: "{self.dir}/nsd.log"
remote-control:
  control-enable: no
zone:
  name: "mail.example"
  zonefile: "mail.zone"
zone:
  name: "broken.mail.example"
  zonefile: "none"
zone:
  name: "signed.example"
  zonefile: "signed.zone.signed"
""", encoding="utf-8")
        (self.dir / "unbound.conf").write_text(f"""server:
  chroot: ""
  username: ""
  directory: "{self.dir}"
  pidfile: ""
  logfile: "{self.dir}/unbound.log"
  use-syslog: no
  interface: 127.0.0.1@5301
  module-config: "validator iterator"
  trust-anchor-file: "{self.dir}/anchor"
  do-not-query-localhost: no
  do-ip6: no
  qname-minimisation: no
  outbound-msg-retry: 1
remote-control:
  control-enable: no
stub-zone:
  name: "mail.example."
  stub-addr: {NSD}
stub-zone:
  name: "signed.example."
  stub-addr: {NSD}
""", encoding="utf-8")
        # A copy: AppArmor's profile of the program itself allows no reading here.
        shutil.copy(shutil.which("unbound", path=os.environ["PATH"] + ":/usr/sbin"), self.dir / "unbound")

    def sign(self, pinned):
        zone = self.dir / "signed.zone"
        zone.write_text("$ORIGIN signed.example.\n" + SIGNED % pinned, encoding="utf-8")
        key = subprocess.run(["ldns-keygen", "-k", "-a", "ECDSAP256SHA256", "signed.example"], cwd=self.dir, check=True,
                             capture_output=True, text=True).stdout.strip()
        subprocess.run(["ldns-signzone", zone.name, key], cwd=self.dir, check=True)
        shutil.copy(self.dir / f"{key}.key", self.dir / "anchor")

    def __enter__(self):
        for argv in (["nsd", "-d", "-c", "nsd.conf"], ["./unbound", "-d", "-c", "unbound.conf"]):
            env = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
            self.children.append(subprocess.Popen(argv, cwd=self.dir, env=env, stderr=subprocess.DEVNULL))
        wait_for(lambda: "status: NOERROR" in subprocess.run(
            ["dig", "@127.0.0.1", "-p", "5301", "mx1.mail.example", "+tries=1", "+time=1"], capture_output=True, text=True,
            check=False).stdout, "Unbound's first answer")
        return self

    def __exit__(self, *_):
        for p in self.children:
            p.send_signal(signal.SIGTERM)
            p.wait()


class Relay:
    """A way to Unbound that takes as many questions as it is told, and answers no further ones."""

    def __init__(self, questions):
        self.left, self.sockets = questions, [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        self.near, self.far = self.sockets
        self.near.bind(("127.0.0.1", 5302))
        self.far.connect(("127.0.0.1", 5301))
        for s in self.sockets:
            s.settimeout(0.2)
        self.ended = False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ended:
            try:
                question, client = self.near.recvfrom(4096)
                if self.left > 0:
                    self.left -= 1
                    self.far.send(question)
                    answer = self.far.recv(4096)
                    if not answer[2] & 2:  # a truncated one would lead to TCP, where nobody listens
                        self.near.sendto(answer, client)
            except OSError:
                continue  # nothing came

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join()
        for s in self.sockets:
            s.close()


def main():
    if lacking := [t for t in ("dig", "ldns-keygen", "ldns-signzone") if shutil.which(t) is None]:
        skip(f"not installed: {' '.join(lacking)}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with Run() as run:
        hosts = run.top / "list"
        hosts.write_text("\n".join(HOSTS) + "\n", encoding="utf-8")
        hosts.chmod(0o644)
        run.settings["grab"].update(ports=["22", "25", "443"], timeouts=["*=10s"])
        run.settings["scan"] = {"mode": "list", "list": str(hosts), "block_files": run.settings["scan"]["block_files"]}
        run.write(run.settings)
        run.finish(until="analyze")
        fp, = rows(run.dir, "SELECT k.fp FROM port_facts k WHERE ip = ? AND port = 25", KEY_A)[0]
        with Names(run.top, fp):
            check(run, fp)


def check_killed(directory, before, stats):
    """Killed twice while it asks, once early and once late; what it had written is not asked again."""
    names, whole = stats / "names", stats / "whole"
    names.write_text((directory / "domains.txt").read_text(encoding="utf-8"), encoding="utf-8")
    names.chmod(0o644)
    subprocess.run(["cp", "-a", before, whole], check=True)
    want, _ = survey("impact", whole, "--domains", names, "--resolver", RESOLVER, "-f", "json")
    total = sum(questions_of(whole).values())
    killed = before
    had = sum(questions_of(killed).values())
    for answers in (20, 100):
        with Relay(answers):
            p = subprocess.Popen([*NOBODY, SURVEY, "impact", killed, "--domains", names, "--resolver", HOLDING, "--timeout", "60000"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(lambda had=had: p.poll() is not None or (killed / "dns.ndjson").read_text(encoding="utf-8").count("\n") > had,
                     "the first answers in dns.ndjson")
            need(p.poll() is None, f"survey ended by itself: {p.returncode}")
            p.send_signal(signal.SIGKILL)
            p.wait()
        with (killed / "dns.ndjson").open("a", encoding="utf-8") as f:
            f.write('{"name":"a1.mail.exam')  # as when the write itself was cut off
        asked = collections.Counter(questions_of_text((killed / "dns.ndjson").read_text(encoding="utf-8") + "\n"))
        had = sum(asked.values())
        need(had < total and max(asked.values()) == 1, f"{had} of {total} questions at the kill, {asked.most_common(2)}")
    have, _ = survey("impact", killed, "--domains", names, "--resolver", RESOLVER, "--stats", stats / "killed", "-f", "json")
    asked = questions_of(killed)
    need(max(asked.values()) == 1 and asked == questions_of(whole), f"asked twice, or never: {asked.most_common(3)}")
    again = json.loads((stats / "killed").read_text(encoding="utf-8"))["questions"]
    need(again == total - had, f"{again} questions after the kill, not {total} less {had}")
    need(have == want and dump(killed) == dump(whole), f"after a kill: {have}\nwithout one: {want}")


def check_dns(top):
    """The client alone: the three types, and what DNSSEC proves."""
    questions = top / "questions"
    questions.write_text("d1.signed.example\n_25._tcp.mx.signed.example\na1.mail.example\n", encoding="utf-8")
    questions.chmod(0o644)
    text, _ = survey("dns", "--resolver", RESOLVER, "--type", "MX,TLSA,TXT", questions)
    have = {(a["name"], a["type"]): (a["outcome"], a.get("ad", False), len(a["answers"])) for a in map(json.loads, text.splitlines())}
    need(len(have) == 9, f"three questions a name: {have}")
    need(have["d1.signed.example", "MX"] == ("noerror", True, 1), f"signed MX: {have}")
    need(have["_25._tcp.mx.signed.example", "TLSA"] == ("noerror", True, 1), f"signed TLSA: {have}")
    need(have["d1.signed.example", "TXT"] == ("nodata", True, 0), f"DNSSEC proves that there is none: {have}")
    need(have["a1.mail.example", "MX"] == ("noerror", False, 1), f"unsigned MX: {have}")


def questions_of(run):
    lines = [json.loads(x) for x in (run / "dns.ndjson").read_text(encoding="utf-8").splitlines()]
    return collections.Counter((x["name"], x["type"]) for x in lines)


def check(run, fp):
    check_dns(run.top)
    directory, stats = run.dir, run.top / "out"
    stats.mkdir()
    os.chown(stats, 65534, 65534)
    subprocess.run(["cp", "-a", directory, stats / "before"], check=True)
    survey("impact", directory, status=2)
    (run.top / "names/list").write_text(
        "# a list\nown.mail.example\nd1.signed.example\nD2.signed.example.\nhalf.signed.example\nwrong.signed.example\nnowhere.mail.example\n"
        "b\u00fccher.mail.example\nno_dot\n10.1.2.3\n*.mail.example\n", encoding="utf-8")
    run.top.joinpath("names").chmod(0o755)
    for f in ("list", "mail.zone"):
        (run.top / "names" / f).chmod(0o644)
    both = (run.top / "names/list").read_text(encoding="utf-8")
    # A zone file: delegations and domains with MX; the list is joined to it through a pipe.
    text, told = survey("impact", directory, "--domains", run.top / "names/mail.zone", "--resolver", RESOLVER, "-f", "json")
    names = (directory / "domains.txt").read_text(encoding="utf-8").splitlines()
    need("hundred.mail.example" in names and "broken.mail.example" in names and "ns.mail.example" not in names and len(set(names)) == len(names),
         f"domains of a zone file: {names}\n{told}")
    first = json.loads(text)
    need((first["routes"]["unknown"], first["dane"]["unknown"]) == (1, 1), f"a name without an answer is unknown: {first}")
    joined = both + "".join(f"{n}\n" for n in names if not n.startswith("broken"))
    text, told = survey("impact", directory, "--domains", "-", "--resolver", RESOLVER, "--stats", stats / "2", "-f", "json", status=3, stdin=joined)
    need("no_dot" in told and "wildcard" in told and "10.1.2.3" in told, f"refused lines: {told}")
    check_result(directory, json.loads(text), fp)
    check_documented(directory)
    again = json.loads((stats / "2").read_text(encoding="utf-8"))
    asked = questions_of(directory)
    need(max(asked.values()) == 1, f"asked twice: {asked.most_common(3)}")
    need(again["questions"] < 40, f"questions of the second call: {again}")
    check_killed(directory, stats / "before", stats)
    check_resume(directory, stats, asked)
    check_tools(run, directory, stats, fp)


def check_result(directory, r, fp):
    want = {"mx": 16, "implicit": 2, "null": 1, "unusable": 1, "nxdomain": 1, "unknown": 0}
    need(r["routes"] == want and r["domains"] == sum(want.values()), f"routes {r['routes']} of {r['domains']}")
    need((r["mx_to_itself"], r["mx_that_is_no_host"], r["most_mx"], r["internationalised"]) == (1, 2, 100, 1), f"shapes {r}")
    need((r["mx_aliases"], r["mx_without_address"]) == (1, 3), f"MX hosts {r}")
    need(r["mta_sts"]["yes"] == 1, f"MTA-STS {r['mta_sts']}")
    need(r["dane"] == {"no": 16, "yes": 3, "partial": 1, "unproved": 1, "unknown": 0}, f"DANE {r['dane']}")
    mx1 = ["a1", "a2", "a3", "both", "xn--bcher-kva", "rootand", "alias"]
    key = next(k for k in r["keys"] if k["fp"] == fp)
    need(key["pinned"] and key["domains"] == len(mx1) + 3, f"the shared key: {key}")
    need(r["clusters"][0]["domains"] >= r["clusters"][-1]["domains"] > 0, f"ranked: {r['clusters']}")
    cluster, = rows(directory, "SELECT cluster FROM hosts WHERE ip = ?", KEY_A)[0]
    of = {c["cluster"]: c["domains"] for c in r["clusters"]}
    # The cluster has key C, too: those at mx2, self, hundred and wrong.
    need(of[cluster] == len(mx1) + 3 + 3, f"domains by cluster {of}")
    bad = {m["mx"]: (m["domains"], m["dane"], m["mail"]) for m in r["tlsa_mismatch"]}
    need(bad == {"bad.signed.example": (1, "yes", "refused by senders that use DANE"),
                 "unproved.mail.example": (1, "unproved", "unprotected")}, f"TLSA without a key: {bad}")
    need(rows(directory, "SELECT count(*) FROM tlsa t JOIN keys k ON k.id = t.key WHERE k.fp = ?", fp) == [(1,)], "tlsa.key")
    need(rows(directory, "SELECT count(*) FROM domain_mx x JOIN domains d ON d.id = x.domain WHERE d.name = 'hundred.mail.example'") == [(100,)],
         "100 MX")
    need(rows(directory, "SELECT count(DISTINCT domain) FROM host_domains WHERE ip = ?", KEY_A) == [(len(mx1) + 3,)], "host_domains")


def check_documented(directory):
    """The queries of docs/database.md that tell of mail domains."""
    doc = (Path(__file__).resolve().parents[3] / "docs/database.md").read_text(encoding="utf-8")
    queries = [q for q in re.findall(r"```sql\n(.*?)```", doc, re.S) if "host_domains" in q]
    need(queries and all(rows(directory, q) for q in queries), f"documented queries: {queries}")


def dump(directory):
    return {t: rows(directory, f"SELECT * FROM {t} ORDER BY rowid") for t in TABLES}


def check_resume(directory, stats, asked):
    """Half of the answers are lost, as when the power goes: only these are asked."""
    before, answers = dump(directory), directory / "dns.ndjson"
    text = answers.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = "".join(text[:len(text) // 2]) + text[len(text) // 2][:20]
    answers.write_text(kept, encoding="utf-8")
    had = set(questions_of_text(kept))
    survey("impact", directory, "--resolver", RESOLVER, "--stats", stats / "3")
    count = json.loads((stats / "3").read_text(encoding="utf-8"))["questions"]
    asked = {q for q in asked if "broken" not in q[0]}
    need({q for q in questions_of(directory) if "broken" not in q[0]} == asked, "the same questions in the end")
    need(count <= len(asked - had) + 4, f"{count} questions for {len(asked - had)} that were lost")
    need(dump(directory) == before, "the same tables")
    survey("analyze", directory, "--dns", "cached")
    need(dump(directory) == before, "an analysis has the same tables")
    # A file that was broken off in between, and one that lacks the domains.
    shutil.move(directory / "domains.txt", directory / "domains.kept")
    survey("analyze", directory, "--dns", "cached")
    need(dump(directory)["domains"] == [], "no list, no domains")
    shutil.move(directory / "domains.kept", directory / "domains.txt")
    survey("analyze", directory, "--dns", "cached")


def questions_of_text(text):
    return [(x["name"], x["type"]) for x in map(json.loads, text.splitlines()[:-1])]


def check_tools(run, directory, stats, fp):
    cluster, = rows(directory, "SELECT cluster FROM hosts WHERE ip = ?", KEY_A)[0]
    text, _ = survey("cluster", directory, cluster, "--repair")
    need("mail of 13 domains" in text and "pinned by a TLSA record" in text, f"cluster: {text}")
    told = json.loads(survey("cluster", directory, cluster, "--repair", "-f", "json")[0])
    need(told["mail_domains"] == 13 and told["repair"]["tasks"][0]["pinned"] and told["repair"]["tasks"][0]["key"] == fp, f"repair: {told}")
    text, _ = survey("find", directory, KEY_A)
    need("mail of 10 domains" in text, f"find: {text}")


if __name__ == "__main__":
    main()
    print(f"as it should be: {LAB}")
