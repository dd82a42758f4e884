#!/usr/bin/env python3
"""survey impact beside the same client's plain A questions: mail.py SURVEY [--domains N] [--pairs N] [--dir DIR]

N domains on NSD behind a warm Unbound that validates nothing, each with an MX host of its own: five
questions a domain (MX, TXT, A, AAAA, TLSA).  Reach: unsigned and warm at least 0.8 times as many questions a second as
`survey dns` asks for A of the same hosts, and less than 500 MB scaled to 500,000 domains.  Prints a
line a run, then the ratio; exit status 1 when one is out of reach.  Root, in a namespace of its own.
"""
import argparse
import collections
import json
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

    def __init__(self, directory, domains):
        super().__init__(directory, names=8, addresses=0)
        self.domains = [f"firm{i}.ie.lab" for i in range(domains)]

    def write_zones(self):
        super().write_zones()
        with (self.dir / "lab.zone").open("a", encoding="utf-8") as f:
            for i, d in enumerate(self.domains):
                f.write(f"{d}. 3600 MX 10 mx.{d}.\nmx.{d}. 3600 A 45.{i >> 16}.{i >> 8 & 255}.{i & 255}\n")
                if i % 5 == 0:
                    f.write(f"_25._tcp.mx.{d}. 3600 TLSA 3 1 1 {'ab' * 32}\n")


def run(world, what, *argv):
    """Wall, MB and the questions' totals of a call."""
    stats, rss = world.dir / "stats.json", world.dir / "rss"
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    p = world.run("/usr/bin/time", "-f", "%M", "-o", rss, *argv, "--resolver", "{}#{}".format(*w.RESOLVER), "--stats", stats,
                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if p.returncode != 0:
        sys.exit(f"{what}: exit {p.returncode}\n{p.stderr}")
    s, mb = json.loads(stats.read_text()), int(rss.read_text().split()[-1]) / 1024
    rate = s["questions"] / max(s["seconds"], 0.001)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{what:10} {wall:7.2f} s  {s['questions']:8d} questions  {rate:8.0f} q/s  {cpu:6.2f} s CPU  {mb:6.1f} MB  "
          f"retries {s['retries']} timed out {s['timed_out_tries']}", flush=True)
    return rate, mb, s["questions"]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("survey")
    a.add_argument("--domains", type=int, default=50000)
    a.add_argument("--pairs", type=int, default=3)
    a.add_argument("--dir")
    o = a.parse_args()
    top = pathlib.Path(o.dir or tempfile.mkdtemp(prefix="survey-bench-"))
    survey, problems, ratios, peak = str(pathlib.Path(o.survey).resolve()), [], [], 0
    base = top / "base"
    base.mkdir(parents=True)
    (base / "records.fresh").write_text(json.dumps(RECORD) + "\n", encoding="utf-8")
    subprocess.run([survey, "analyze", base, "--country", "XX"], check=True, stderr=subprocess.DEVNULL)
    try:
        with MailWorld(top / "world", o.domains) as world:
            names, hosts = top / "domains", top / "hosts"
            names.write_text("".join(d + "\n" for d in world.domains), encoding="utf-8")
            hosts.write_text("".join(f"mx.{d}\n" for d in world.domains), encoding="utf-8")
            world.start_unbound()
            few, made = top / "few", top / "run"
            few.write_text("".join(d + "\n" for d in world.domains[:100]), encoding="utf-8")
            shutil.copytree(base, made)
            fixed = run(world, "100", survey, "impact", made, "--domains", few)[1]  # what the program itself takes
            for i in range(o.pairs + 1):
                what = ("filling" if i == 0 else "warm")
                made = top / f"run{i}"
                shutil.copytree(base, made)
                plain, _, n = run(world, f"{what} A", survey, "dns", "--type", "A", hosts, "-o", top / "a.ndjson")
                mail, mb, m = run(world, f"{what} mail", survey, "impact", made, "--domains", names)
                asked = collections.Counter((x["name"], x["type"]) for x in map(json.loads, (made / "dns.ndjson").open(encoding="utf-8")))
                if max(asked.values()) > 1 or m != 5 * o.domains or n != o.domains:
                    problems.append(f"{m} questions for {o.domains} domains, one of them asked {max(asked.values())} times")
                shutil.rmtree(made)
                peak = max(peak, mb)
                if i > 0:
                    ratios.append(mail / plain)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    ratio = statistics.median(ratios)
    scaled = fixed + (peak - fixed) * 500000 / o.domains
    print(f"warm: {ratio:.2f} times the questions a second of plain A (reach: 0.8); "
          f"{peak:.0f} MB for {o.domains} domains, which is {scaled:.0f} MB for 500,000 (reach: 500)")
    if ratio < 0.8:
        problems.append("slower than reach")
    if scaled >= 500:
        problems.append("more memory than reach")
    for p in problems:
        print(f"PROBLEM: {p}")
    return 1 if problems else 0


sys.exit(main())
