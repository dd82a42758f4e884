#!/usr/bin/env python3
"""The record reader against Python's json.loads, simdjson and json-c alone.

usage: run.py BENCH_READER GEN_RECORDS [FILE]

Interleaved rounds over the same file; medians of CPU seconds, and of each
round's ratio, as other work on the machine slows neighbours in time alike.
Without FILE 18,268 hosts are generated, the size of a study.  Exit 1 when the
reader takes more than a fifth of what json.loads takes.
"""
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROUNDS, WANTED = 7, 5.0
LOADS = """
import json, sys, time
cpu, wall, n, size = time.process_time(), time.monotonic(), 0, 0
with open(sys.argv[1], "rb") as f:
    for line in f:
        json.loads(line)
        n += 1
        size += len(line)
print(n, size, time.process_time() - cpu, time.monotonic() - wall)
"""


def main():
    bench, gen = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as tmp:
        path = sys.argv[3] if len(sys.argv) > 3 else None
        if path is None:
            subprocess.run([sys.executable, gen, "--hosts", "18268", "--layout", "raw", "--out", tmp], check=True)
            path = pathlib.Path(tmp) / "records.fresh"
        ways = {"json.loads (Python)": [sys.executable, "-c", LOADS, path], "json-c": [bench, "json-c", path],
                "simdjson alone": [bench, "simdjson", path],
                "reader, one parsing thread": [bench, "extract", path, "1"],
                "reader, a thread a processor": [bench, "extract", path]}
        cpu, wall = {w: [] for w in ways}, {w: [] for w in ways}
        for _ in range(ROUNDS):
            for way, argv in ways.items():
                words = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
                lines, size = int(words[0]), int(words[1])
                cpu[way].append(float(words[2]))
                wall[way].append(float(words[3]))
    ratios = {w: [base / c for base, c in zip(cpu["json.loads (Python)"], cpu[w])] for w in ways}
    print(f"{lines} lines, {size / 1e6:.0f} MB, medians of {ROUNDS} rounds")
    print(f"{'':32}{'CPU s':>8}{'wall s':>8}{'MB/CPU s':>10}{'x json.loads':>14}")
    for way in ways:
        c, w = statistics.median(cpu[way]), statistics.median(wall[way])
        print(f"{way:32}{c:8.3f}{w:8.3f}{size / 1e6 / c:10.0f}{statistics.median(ratios[way]):14.1f}")
    all_ratios = ratios["reader, a thread a processor"]
    ratio = statistics.median(all_ratios)
    print(f"reader: {ratio:.2f} x json.loads in CPU seconds ({min(all_ratios):.2f} to {max(all_ratios):.2f}), "
          f"at least {WANTED} wanted")
    sys.exit(ratio < WANTED)


if __name__ == "__main__":
    main()
