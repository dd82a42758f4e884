#!/usr/bin/env python3
"""survey impact beside the same client's plain A questions: mail.py SURVEY [--domains N] [--pairs N] [--signed] [--dir DIR]

N domains on NSD behind a warm Unbound that validates nothing, each with an MX host of its own: five
questions a domain (MX, TXT, A, AAAA, TLSA).  Reach: unsigned and warm at most 1.2 times the time that
`survey dns` takes for A of as many names, and less than 500 MB scaled to 500,000 domains.  With --signed the zone is, Unbound
validates, and figures are printed only.  Prints a line a run, then the ratios of time and of the CPU of client and
Unbound; exit status 1 when one is out of reach.  Root, in a namespace of its own.
"""
import argparse
import collections
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import world as w

RECORD = {"ip": "192.0.2.1", "writer": "survey", "p22": {"data": {"ssh": {"status": "success", "result": {"key_exchange": {
    "server_host_key": {"algorithm": "ssh-ed25519", "fingerprint_sha256": "ab" * 32}}}}}}}


class MailWorld(w.World):
    """firm0.ie.lab … with mx.firm0.ie.lab; one in five has a TLSA record."""

    def __init__(self, directory, domains, signed):
        super().__init__(directory, names=8, addresses=0)
        self.domains = [f"firm{i}.ie.lab" for i in range(domains)]
        self.cache_mb = max(self.cache_mb, domains // 250)  # all answers have room
        self.signed, self.anchor = signed, None

    def write_zones(self):
        super().write_zones()
        with (self.dir / "lab.zone").open("a", encoding="utf-8") as f:
            f.write("*.plain.ie.lab. 3600 A 45.0.0.1\n")
            for i, d in enumerate(self.domains):
                f.write(f"{d}. 3600 MX 10 mx.{d}.\nmx.{d}. 3600 A 45.{i >> 16}.{i >> 8 & 255}.{i & 255}\n")
                if i % 5 == 0:  # TLSA of the others: no such name
                    f.write(f"_25._tcp.mx.{d}. 3600 TLSA 3 1 1 {'ab' * 32}\n")
        if self.signed:
            self.sign()

    def sign(self):
        """Each name below has a proof of its own: no opt-out."""
        key = subprocess.run([w.need("ldns-keygen"), "-k", "-a", "ECDSAP256SHA256", "lab"], cwd=self.dir, check=True,
                             stdout=subprocess.PIPE, text=True).stdout.strip()
        subprocess.run([w.need("ldns-signzone"), "-f", "signed.zone", "lab.zone", key], cwd=self.dir, check=True)
        shutil.move(self.dir / "signed.zone", self.dir / "lab.zone")
        self.anchor = self.dir / f"{key}.key"


def cpu_of(p):
    """CPU seconds of a process so far."""
    fields = pathlib.Path(f"/proc/{p.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(world, what, *argv):
    """Seconds, CPU seconds of the client and of Unbound a question, MB and the number of questions of a call."""
    theirs = cpu_of(world.unbound)
    stats, rss = world.dir / "stats.json", world.dir / "rss"
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    p = world.run("/usr/bin/time", "-f", "%M", "-o", rss, *argv, "--resolver", "{}#{}".format(*w.RESOLVER), "--stats", stats,
                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if p.returncode != 0:
        sys.exit(f"{what}: exit {p.returncode}\n{p.stderr}")
    s, mb = json.loads(stats.read_text()), int(rss.read_text().split()[-1]) / 1024
    n, seconds = s["questions"], max(s["seconds"], 0.001)  # first to last answer
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    theirs = cpu_of(world.unbound) - theirs
    print(f"{what:12} {wall:7.2f} s  {n:8d} questions  {n / seconds:8.0f} q/s  {cpu:6.2f} s CPU, Unbound {theirs:6.2f} s  {mb:6.1f} MB  "
          f"retries {s['retries']} timed out {s['timed_out_tries']}", flush=True)
    return seconds / n, cpu / n, theirs / n, mb, n


def check(made, o, plain, mail):
    """Nothing is asked twice, everything once; of a signed zone all answers are proved."""
    asked, unproved = collections.Counter(), 0
    with (made / "dns.ndjson").open(encoding="utf-8") as f:
        for a in map(json.loads, f):
            asked[a["name"], a["type"]] += 1
            unproved += not a.get("ad", False)
    problems = []
    if max(asked.values()) > 1 or mail != 5 * o.domains or plain != mail:
        problems.append(f"{mail} questions for {o.domains} domains, one of them asked {max(asked.values())} times")
    if unproved and o.signed:
        problems.append(f"{unproved} answers are not proved")
    return problems


def main():
    a = argparse.ArgumentParser()
    a.add_argument("survey")
    a.add_argument("--domains", type=int, default=50000)
    a.add_argument("--pairs", type=int, default=3)
    a.add_argument("--signed", action="store_true")
    a.add_argument("--dir")
    o = a.parse_args()
    top = pathlib.Path(o.dir or tempfile.mkdtemp(prefix="survey-bench-"))
    survey, problems, ratios, peak = str(pathlib.Path(o.survey).resolve()), [], [], 0
    base = top / "base"
    base.mkdir(parents=True)
    (base / "records.fresh").write_text(json.dumps(RECORD) + "\n", encoding="utf-8")
    subprocess.run([survey, "analyze", base, "--country", "XX"], check=True, stderr=subprocess.DEVNULL)
    try:
        with MailWorld(top / "world", o.domains, o.signed) as world:
            names, hosts = top / "domains", top / "hosts"
            names.write_text("".join(d + "\n" for d in world.domains), encoding="utf-8")
            hosts.write_text("".join(f"mx.{d}\n" for d in world.domains) + "".join(f"n{i}.plain.ie.lab\n" for i in range(4 * o.domains)),
                             encoding="utf-8")
            world.unbound = world.start_unbound(validate=o.signed, anchor=world.anchor)
            few, made = top / "few", top / "run"
            few.write_text("".join(d + "\n" for d in world.domains[:100]), encoding="utf-8")
            shutil.copytree(base, made)
            fixed = run(world, "100", survey, "impact", made, "--domains", few)[3]  # what the program itself takes
            for i in range(o.pairs + 1):
                what = ("filling" if i == 0 else "warm")
                made = top / f"run{i}"
                shutil.copytree(base, made)
                plain = run(world, f"{what} A", survey, "dns", "--type", "A", hosts, "-o", top / "a.ndjson")
                mail = run(world, f"{what} mail", survey, "impact", made, "--domains", names)
                problems += check(made, o, plain[4], mail[4])
                shutil.rmtree(made)
                peak = max(peak, mail[3])
                if i > 0:
                    ratios.append([m / p for m, p in zip(mail[:3], plain[:3])])
    finally:
        shutil.rmtree(top, ignore_errors=True)
    scaled = fixed + (peak - fixed) * 500000 / o.domains
    if not ratios:
        return 1
    ratio, ours, theirs = (statistics.median(r) for r in zip(*ratios))
    print(f"{'signed' if o.signed else 'unsigned'}, warm: {ratio:.2f} times the time of a plain A question (reach: 1.2), "
          f"{ours:.2f} times the client's CPU, survey.db and all, {theirs:.2f} times Unbound's (medians of {o.pairs}); "
          f"{peak:.0f} MB for {o.domains} domains, which is {scaled:.0f} MB for 500,000 (reach: 500)")
    if ratio > 1.2 and not o.signed:
        problems.append("slower than reach")
    if scaled >= 500 and not o.signed:
        problems.append("more memory than reach")
    for p in problems:
        print(f"PROBLEM: {p}")
    return 1 if problems else 0


sys.exit(main())
