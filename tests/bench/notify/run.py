#!/usr/bin/env python3
"""Benchmark of notify.

usage: run.py SURVEY [--hosts N]

Writes the notices of a run of the size of the published study (18,268 hosts) and compares
that with what there was before: an anonymised copy for each AS, of which one is made here.
Prints a line a figure; exit status 1 when one is out of reach.
"""
import argparse
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import time

GEN = pathlib.Path(__file__).resolve().parents[1] / "analyze/gen_records.py"
failed = []


def timed(*argv):
    """Wall and CPU seconds of a command, and its peak memory in MB."""
    start = time.monotonic()
    p = subprocess.Popen([str(a) for a in argv], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = p.stderr.read().decode()
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        sys.exit(f"{argv}: {said}")
    return time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def report(what, value, unit, limit):
    print(f"{what:52} {value:9.2f} {unit:3} < {limit:g}  {'ok' if value < limit else 'OUT OF REACH'}", flush=True)
    if value >= limit:
        failed.append(what)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("survey")
    p.add_argument("--hosts", type=int, default=18268)
    o = p.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        subprocess.run([sys.executable, GEN, "--hosts", str(o.hosts), "--out", tmp / "records"], check=True, stdout=subprocess.DEVNULL)
        timed(o.survey, "analyze", tmp / "records", "-o", tmp / "run", "--country", "XX", "--no-weak")
        wall, cpu, memory = timed(o.survey, "notify", tmp / "run", "-o", tmp / "out", "--draft")
        size = sum(f.stat().st_size for f in (tmp / "out").rglob("*") if f.is_file()) / 1e6
        with open(tmp / "out/index.csv", encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
        print(f"{len(rows)} constituencies, {sum(int(r['hosts']) for r in rows)} hosts, {sum(int(r['rows']) for r in rows)} rows")
        report("notices of all", wall, "s", 5)
        report("the same, CPU", cpu, "s", 5)
        report("memory", memory, "MB", 200)
        report("size of all folders", size, "MB", 50)
        asn = next(r["asn"] for r in rows if r["asn"])
        copy = timed(o.survey, "graph", tmp / "run", "--anonymise", "--keep-as", asn, "-f", "svg", "-o", tmp / "copy")[1]
        report("notices of all / a copy for each AS, CPU", cpu / (copy * len(rows)), "", 0.1)
    return 1 if failed else 0


sys.exit(main())
