#!/usr/bin/env python3
"""Batch GCD and the other checks of weak keys, on generated moduli of 2,048 bits.

usage: run.py BENCH_WEAK N [N...]

For each number of moduli: every planted weak key must be found and none
invented.  Up to 100,000 moduli the usual way, remainders modulo N², runs with the same GMP
in the same rounds.  Other work on the machine slows neighbours in time alike, so ratios count,
and CPU seconds by two for two idle cores.  A million moduli run once in memory, once
with 4 GB.  Exit status 1 when a bound does not hold.
"""
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

# Seconds and megabytes that are wanted, by number of moduli.
WANTED = {20000: (4, 300), 100000: (22, 1500), 1000000: (300, None)}
ROUNDS = {20000: 3, 100000: 1}
ON_DISK = {1000000: ("4G", 900)}
RATIO, OTHERS = 2.0, 2.0
failed = []


def bound(what, value, unit, limit, at_least=False):
    good = value >= limit if at_least else value < limit
    print(f"  {what:52}{value:9.2f} {unit:3} {'>=' if at_least else '<'} {limit:g}  {'ok' if good else 'OUT OF REACH'}",
          flush=True)
    if not good:
        failed.append(what)


class Run:
    def __init__(self, bench, way, path, *more):
        done = subprocess.run([bench, way, path, *more], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{way}: {done.stderr}")
        words = [float(w) for w in done.stdout.split()]
        self.n, self.found, self.missed, self.invented, self.wall, self.cpu = words[:6]
        self.others_wall, self.others_cpu, self.peak, self.file = words[6:]
        print(f"  {' '.join([way, *more]):14}{self.wall:9.2f} s {self.cpu:9.2f} CPU s {self.peak / 1000:9.0f} MB"
              f"{self.file / 1e6:9.0f} MB in a file; found {self.found:.0f}, missed {self.missed:.0f}, "
              f"invented {self.invented:.0f}", flush=True)
        if self.missed or self.invented or not self.found:
            sys.exit("not exactly the planted keys were found")


def measure(bench, n, path):
    seconds, megabytes = WANTED.get(n, (math.inf, None))
    ours, theirs = [], []
    for _ in range(ROUNDS.get(n, 1)):
        ours.append(Run(bench, "test", path))
        if n <= 100000:
            theirs.append(Run(bench, "squares", path))
    cpu = statistics.median(r.cpu for r in ours)
    bound("batch GCD, wall", min(r.wall for r in ours), "s", seconds)
    bound("batch GCD, CPU seconds by two cores", cpu / 2, "s", seconds)
    if megabytes is not None:
        bound("peak memory", max(r.peak for r in ours) / 1000, "MB", megabytes)
    if theirs:
        bound("time of remainders modulo N² / ours", statistics.median(t.wall / o.wall for t, o in zip(theirs, ours)),
              "x", RATIO, at_least=True)
        print(f"  CPU of remainders modulo N² / ours: {statistics.median(t.cpu / o.cpu for t, o in zip(theirs, ours)):.2f}")
        print(f"  memory of remainders modulo N² / ours: {theirs[0].peak / ours[0].peak:.1f}")
    if n == 20000:
        bound("all other checks, CPU", statistics.median(r.others_cpu for r in ours), "s", OTHERS)
    if n in ON_DISK:
        memory, limit = ON_DISK[n]
        bound(f"with {memory}, wall", Run(bench, "test", path, memory).wall, "s", limit)
    return cpu


def main():
    bench, sizes = sys.argv[1], [int(n) for n in sys.argv[2:]]
    last = None
    with tempfile.TemporaryDirectory(dir="/var/tmp") as tmp:
        for n in sizes:
            path = str(pathlib.Path(tmp) / f"{n}.moduli")
            subprocess.run([bench, "make", path, str(n)], check=True)
            print(f"{n:,} moduli of 2,048 bits", flush=True)
            cpu = measure(bench, n, path)
            if last is not None:
                growth = math.log(cpu / last[1]) / math.log(n / last[0])
                print(f"  CPU grows with n^{growth:.2f} from {last[0]:,}", flush=True)
            last = n, cpu
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
