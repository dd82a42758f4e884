#!/usr/bin/env python3
"""DNS benchmark: survey dns beside dnsperf (warm) and zdns (cold), interleaved.

usage: bench.py SURVEY [--dir DIR] [--zdns BINARY] [--pairs N] [--names N] [--addresses N]
                [--dead-servers N] [--only warm|cold|managed]

--dead-servers: name servers of each dead zone; Unbound gives one up after 5 s, two after 10 s.

Everything runs in a network namespace of its own (root needed).  Prints one
line a run, then the ratios; exit status 1 when one is out of reach or an
answer is lost or wrong.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import world as w

HERE = pathlib.Path(__file__).resolve().parent


def build_zdns(directory):
    """The version that go.sum pins."""
    out = directory / "zdns"
    subprocess.run(["go", "build", "-o", out, "github.com/zmap/zdns/v2"], cwd=HERE / "zdns",
                   check=True)
    return out


class Bench:
    def __init__(self, world, survey, zdns):
        self.w, self.survey, self.zdns = world, survey, zdns
        d = world.dir
        self.names = d / "questions.txt"
        self.names.write_text("".join(name + "\n" for name, _ in world.questions))
        self.perf = d / "dnsperf.txt"
        self.perf.write_text("".join(f"{n} {t}\n" for n, t in world.questions))
        self.problems = []

    def timed(self, *argv, **kw):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        p = self.w.run(*argv, check=False, **kw)
        wall = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return p, wall, cpu

    def run_survey(self, what, questions=None, strict=True):
        out, stats = self.w.dir / "survey.ndjson", self.w.dir / "survey-stats.json"
        p, wall, cpu = self.timed("/usr/bin/time", "-f", "%M", "-o", self.w.dir / "rss",
                                  self.survey, "dns", "--resolver",
                                  "{}#{}".format(*w.RESOLVER), "--stats", stats, "-o", out,
                                  questions or self.names, stderr=subprocess.DEVNULL)
        rss = int((self.w.dir / "rss").read_text().split()[-1])
        got = {}
        for line in out.open():
            a = json.loads(line)
            got.setdefault((a["name"], a["type"]), []).append(a)
        lost, wrong = self.check(got, questions is None)
        if strict and (lost or wrong or p.returncode != 0):
            self.problems.append(f"{what}: {lost} lost, {wrong} wrong, exit {p.returncode}")
        s = json.loads(stats.read_text())
        rate = len(got) / max(s["seconds"], 0.001)  # first to last answer, as dnsperf counts
        print(f"{what:14} survey  {wall:7.2f} s  {rate:8.0f} q/s  {cpu:6.2f} s CPU  "
              f"{rss / 1024:5.1f} MB  lost {lost} wrong {wrong}  retries {s['retries']} "
              f"tries timed out {s['timed_out_tries']} p99 {s['latency_ms']['p99']} ms",
              flush=True)
        return rate, wall, rss

    def check(self, got, everything):
        truth = self.w.truth
        lost = sum(q not in got or len(got[q]) != 1 for q in (truth if everything else got))
        wrong = 0
        for q, answers in got.items():
            outcome, expected = truth[q]
            a = answers[0]
            fine = a["outcome"] in ("servfail", "timeout") if outcome == "servfail" \
                else (a["outcome"], a["answers"]) == (outcome, expected)
            wrong += not fine
        return lost, wrong

    def run_dnsperf(self):
        p, wall, cpu = self.timed("dnsperf", "-s", w.RESOLVER[0], "-p", w.RESOLVER[1], "-d",
                                  self.live_perf, "-q", 100, "-n", 1, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        qps = float(re.search(r"Queries per second:\s+([\d.]+)", p.stdout).group(1))
        lost = int(re.search(r"Queries lost:\s+(\d+)", p.stdout).group(1))
        print(f"{'warm':14} dnsperf {wall:7.2f} s  {qps:8.0f} q/s  {cpu:6.2f} s CPU  lost {lost}",
              flush=True)
        return qps

    def run_zdns(self, threads):
        """One zdns for each type, side by side, as one cannot do both."""
        files = {}
        for name, qtype in self.w.questions:
            files.setdefault(qtype, []).append(name)
        parts = []
        for qtype, names in files.items():
            path = self.w.dir / f"zdns-{qtype}.txt"
            if qtype == "PTR":
                names = [".".join(reversed(n.split(".")[:4])) for n in names]
            path.write_text("".join(n + "\n" for n in names))
            parts.append(f"{self.zdns} {qtype} --name-servers={w.RESOLVER[0]}:{w.RESOLVER[1]} "
                         f"--local-addr=127.0.0.1 --threads={threads} --input-file={path} "
                         f"--output-file={self.w.dir}/zdns-{qtype}.out "
                         f"2>{self.w.dir}/zdns-{qtype}.err & ")
        _, wall, cpu = self.timed("sh", "-c", "".join(parts) + "wait")
        n = sum(1 for t in files for _ in open(f"{self.w.dir}/zdns-{t}.out"))
        good = sum('"status":"NOERROR"' in l or '"status":"NXDOMAIN"' in l
                   for t in files for l in open(f"{self.w.dir}/zdns-{t}.out"))
        print(f"{'cold':14} zdns -t {threads} {wall:7.2f} s  {n / wall:8.0f} q/s  {cpu:6.2f} s CPU  "
              f"answers {n}, noerror or nxdomain {good} of "
              f"{sum(v[0] != 'servfail' for v in self.w.truth.values())}", flush=True)
        return wall

    def warm(self, pairs):
        live = [q for q in self.w.questions if self.w.truth[q][0] != "servfail"]
        self.live_perf = self.w.dir / "live-dnsperf.txt"
        self.live_perf.write_text("".join(f"{n} {t}\n" for n, t in live))
        names = self.w.dir / "live.txt"
        names.write_text("".join(n + "\n" for n, _ in live))
        unbound = self.w.start_unbound()
        self.run_survey("filling", names)
        ratios = []
        for i in range(pairs):
            first = self.run_dnsperf() if i % 2 == 0 else None
            ours, _, rss = self.run_survey("warm", names)
            theirs = first or self.run_dnsperf()
            ratios.append(ours / theirs)
            if rss > 60 * 1024:
                self.problems.append(f"warm: {rss / 1024:.0f} MB, reach: under 60")
        self.w.stop(unbound)
        ratio = statistics.median(ratios)
        print(f"warm: {ratio:.2f} x dnsperf -q 100 (median of {pairs} pairs: "
              f"{' '.join(f'{r:.2f}' for r in ratios)}), reach 1.0")
        if ratio < 1:
            self.problems.append("warm: out of reach")

    def cold(self, pairs):
        """zdns as it comes (100 threads), which counts, and with 1,000, which is printed."""
        for validate in (False, True):
            ratios = {100: [], 1000: []}
            for i in range(pairs):
                walls = {}
                order = ["survey", 100, 1000]
                for who in order if i % 2 == 0 else reversed(order):
                    unbound = self.w.start_unbound(validate=validate)
                    walls[who] = self.run_survey("cold")[1] if who == "survey" \
                        else self.run_zdns(who)
                    self.w.stop(unbound)
                for threads, found in ratios.items():
                    found.append(walls["survey"] / walls[threads])
            for threads, found in ratios.items():
                print(f"cold, validate {'on' if validate else 'off'}: "
                      f"{statistics.median(found):.2f} x zdns --threads={threads} "
                      f"({' '.join(f'{r:.2f}' for r in found)})"
                      + (", reach 0.6" if threads == 100 else ""))
            if statistics.median(ratios[100]) > 0.6:
                self.problems.append("cold: out of reach")


def report(problems):
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def managed(survey, directory, pairs):
    """Rates of the two ways to a DNS-over-TLS upstream, both from an empty cache of their own."""
    import dotworld
    rates = {}
    problems = []
    with dotworld.DotWorld(directory / "dot", names=20000, addresses=8000) as lab:
        names = lab.live()
        (lab.dir / "live.txt").write_text("".join(n + "\n" for n in names))
        directory.chmod(0o711)  # resolvers become nobody
        lab.dir.chmod(0o711)
        for _ in range(pairs):
            for mode in ("managed", "unbound-dot"):
                out, stats = lab.dir / "out.ndjson", lab.dir / "stats.json"
                p = lab.run(survey, "dns", "-c", lab.config(mode), "-d", lab.dir,
                            "-o", out, "--stats", stats, lab.dir / "live.txt", check=False,
                            stderr=subprocess.DEVNULL)
                got = [json.loads(line) for line in out.open()]
                wrong = sum((a["outcome"], a["answers"]) != lab.truth[a["name"], a["type"]]
                            for a in got)
                s = json.loads(stats.read_text())
                rate = len(got) / s["seconds"]
                rates.setdefault(mode, []).append(rate)
                print(f"{mode:14} survey  {s['seconds']:7.2f} s  {rate:8.0f} q/s  "
                      f"lost {len(names) - len(got)} wrong {wrong}  retries {s['retries']}",
                      flush=True)
                if wrong or p.returncode or len(got) != len(names):
                    problems.append(f"{mode}: {wrong} wrong, {len(names) - len(got)} lost")
    ratio = statistics.median(rates["unbound-dot"]) / statistics.median(rates["managed"])
    print(f"unbound-dot: {ratio:.2f} x managed (medians of {pairs}), reach 1.8")
    if ratio < 1.8:
        problems.append("unbound-dot: out of reach")
    return problems


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("survey")
    p.add_argument("--dir")
    p.add_argument("--zdns")
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--names", type=int, default=43941)
    p.add_argument("--addresses", type=int, default=17647)
    p.add_argument("--dead-servers", type=int, default=1)
    p.add_argument("--only", choices=["warm", "cold", "managed"])
    args = p.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("bench.py makes a network namespace: run it as root")
    for tool in ("nsd", "unbound", "dnsperf", "nft"):
        w.need(tool)
    with tempfile.TemporaryDirectory(prefix="survey-dns-bench") as tmp:
        directory = pathlib.Path(args.dir or tmp)
        directory.mkdir(parents=True, exist_ok=True)
        survey = str(pathlib.Path(args.survey).resolve())
        problems = []
        if args.only in (None, "managed"):
            problems += managed(survey, directory, max(1, min(args.pairs, 3)))
        if args.only == "managed":
            return report(problems)
        zdns = args.zdns or (args.only != "warm" and build_zdns(directory))
        with w.World(directory, args.names, args.addresses,
                     dead_servers=args.dead_servers) as world:
            b = Bench(world, survey, zdns)
            if args.only != "cold":
                b.warm(args.pairs)
            if args.only != "warm":
                b.cold(max(1, min(args.pairs, 3)))
    return report(problems + b.problems)


if __name__ == "__main__":
    sys.exit(main())
