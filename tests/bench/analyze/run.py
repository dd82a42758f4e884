#!/usr/bin/env python3
"""What an analysis costs.

usage: run.py SURVEY study|large|cluster [FOLDER]

study    the 18,268-host study, DNS cached, all outputs, all pairs, against the
         time that Python's json.loads alone takes for the records; with the results
         on the disk of FOLDER, which has 700 MB to write, and in memory (/dev/shm)
large    100,000 and 1,000,000 hosts, slim records, pairs up to 100 hosts: time against
         json.loads of the same records, memory, and how both grow
cluster  one key on 100,000 hosts

FOLDER keeps the records for the next time (default: a temporary one).  Every
result is compared with the generator's truth.  Exit 1 when a bound is missed.
"""
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
DATE = "2026-07-01T00:00:00Z"
LOADS = """
import json, sys, time
cpu, wall = time.process_time(), time.monotonic()
with open(sys.argv[1], "rb") as f:
    for line in f:
        json.loads(line)
print(time.process_time() - cpu, time.monotonic() - wall)
"""
missed = []


def bound(what, value, limit, unit=""):
    ok = value <= limit
    print(f"{what}: {value:.2f}{unit}, at most {limit}{unit} wanted: {'ok' if ok else 'MISSED'}")
    if not ok:
        missed.append(what)


def generate(folder, *args):
    if not (folder / "truth.json").exists():
        subprocess.run([sys.executable, HERE / "gen_records.py", "--out", folder, *map(str, args)], check=True)
    return json.loads((folder / "truth.json").read_text())


def loads(records):
    words = subprocess.run([sys.executable, "-c", LOADS, records], check=True, capture_output=True, text=True).stdout
    return tuple(map(float, words.split()))


def analyze(survey, records, out, *args):
    """Wall and CPU seconds, peak memory in MB, cost table.  The folder is new: to replace results takes longer."""
    shutil.rmtree(out, ignore_errors=True)
    start = time.monotonic()
    child = subprocess.Popen([survey, "analyze", records, "-o", out, "--scan-date", DATE, "--no-weak",
                              *map(str, args)], stderr=subprocess.PIPE, text=True)
    text = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(text)
    costs = {c["part"]: c for c in json.loads((out / "run.json").read_text())["analysis"]["costs"]}
    return wall, usage.ru_utime, usage.ru_stime, usage.ru_maxrss / 1024, costs


def check(out, truth):
    with open(out / "clusters.json") as f:
        clusters = sorted(sorted(h["ip"] for h in json.loads(line.rstrip(",\n"))["hosts"])
                          for line in f if line.startswith("{"))
    if clusters != truth["clusters"]:
        sys.exit("clusters differ from the truth")
    print(f"{truth['with_keys']} hosts with keys, {truth['keys']} keys, {len(clusters)} clusters as they should be, "
          f"the largest of {truth['largest']}")


def table(costs):
    print(f"  {'part':28}{'calls':>10}{'wall s':>9}{'CPU s':>9}{'MB':>9}{'peak MB':>9}")
    for name, c in costs.items():
        print(f"  {name:28}{c['calls']:10}{c['wall_s']:9.3f}{c['cpu_s']:9.3f}{c['bytes'] / 1e6:9.1f}{c['peak_kb'] / 1024:9.1f}")


def study(survey, folder):
    truth = generate(folder / "study", "--hosts", 18268)
    records = folder / "study/records.fresh"
    base, runs = [], {}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        places = {"on the disk": folder / "study.out", "in memory": pathlib.Path(memory) / "out"}
        for _ in range(5):
            base.append(loads(records))
            for place, out in places.items():
                runs.setdefault(place, []).append(analyze(survey, records, out, "--country", "IE"))
                if place == "in memory":
                    shutil.rmtree(out)
    out = folder / "study.out"
    check(out, truth)
    table(runs["on the disk"][-1][4])
    with open(out / "collisions.json") as f:
        pairs = sum(line.count('"str_colls"') for line in f)
    print(f"{pairs} pair entries; records {records.stat().st_size / 1e6:.0f} MB; results "
          f"{sum(p.stat().st_size for p in out.iterdir()) / 1e6:.0f} MB")
    cpu, wall = (statistics.median(b[i] for b in base) for i in (0, 1))
    print(f"json.loads: {cpu:.2f} CPU s, {wall:.2f} s (medians of 5, one after the other)")
    for place, rounds in runs.items():
        took, used = statistics.median(r[0] for r in rounds), statistics.median(r[1] + r[2] for r in rounds)
        print(f"analysis with its results {place}: {used:.2f} CPU s, {took:.2f} s")
        bound(f"time, results {place}", took / wall, 0.65, " x json.loads")
        bound(f"CPU time, results {place}", used / cpu, 1.0, " x json.loads")
    print(f"to write and sync as many bytes takes {sync_time(folder, sum(p.stat().st_size for p in out.iterdir())):.2f} s here")
    bound("peak memory", max(r[3] for rounds in runs.values() for r in rounds), 200, " MB")


def sync_time(folder, size):
    """What the disk needs by itself."""
    piece, path = bytes(1 << 17), folder / "written"
    start = time.monotonic()
    with open(path, "wb", buffering=0) as f:
        for _ in range(size // len(piece)):
            f.write(piece)
        os.fsync(f.fileno())
    took = time.monotonic() - start
    path.unlink()
    return took


def large(survey, folder):
    figures = []
    for hosts in (100000, 1000000):
        truth = generate(folder / str(hosts), "--hosts", hosts, "--profile", "slim")
        (folder / str(hosts) / "dns.ndjson").unlink(missing_ok=True)  # clustering is what grows here
        records = folder / str(hosts) / "records.fresh"
        base = loads(records)[1]
        # The median of three where it is short: how the costs grow is told from it.
        rounds = sorted((analyze(survey, records, folder / f"{hosts}.out", "--country", "IE", "--pairs-up-to", 100)
                         for _ in range(3 if hosts == 100000 else 1)), key=lambda r: r[1])
        wall, user, system, peak, costs = rounds[len(rounds) // 2]
        check(folder / f"{hosts}.out", truth)
        table(costs)
        print(f"{hosts} hosts: {wall:.1f} s, {user + system:.1f} CPU s, survey.db {costs['survey.db']['cpu_s']:.1f} of them; "
              f"json.loads {base:.1f} s; {peak:.0f} MB")
        figures.append((wall / base, user, peak))
    bound("time of 1,000,000 hosts, survey.db included", figures[1][0], 2.0, " x json.loads")
    bound("memory of 1,000,000 hosts", figures[1][2], 1300, " MB")
    # Wall clock and system time are the disk's at this size: growth is that of our own work.
    bound("growth exponent of time (user CPU)", math.log10(figures[1][1] / figures[0][1]), 1.05)
    bound("growth exponent of memory", math.log10(figures[1][2] / figures[0][2]), 1.05)


def cluster(survey, folder):
    n, one = 100000, folder / "cluster.fresh"
    key = '{"ip":"10.%d.%d.%d","p22":{"data":{"xssh":{"key_exchange":{"server_host_key":{"algorithm":"ssh-ed25519",' \
          '"fingerprint_sha256":"' + "5e" * 32 + '"}}}}}}\n'
    with open(one, "w") as f:
        f.writelines(key % (i >> 16, i >> 8 & 255, i & 255) for i in range(n))
    wall, user, system, peak, costs = analyze(survey, one, folder / "cluster.out")
    table(costs)
    print(f"one cluster of {n}: {wall:.2f} s, {user + system:.2f} CPU s, {peak:.0f} MB; "
          f"{costs['clusters.json']['bytes'] / n:.0f} bytes a host in clusters.json, "
          f"{costs['collisions.json']['bytes'] / n:.0f} in collisions.json")
    bound("bytes a host in collisions.json", costs["collisions.json"]["bytes"] / n, 5000)


def main():
    survey, what = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else tmp)
        folder.mkdir(parents=True, exist_ok=True)
        {"study": study, "large": large, "cluster": cluster}[what](survey, folder)
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
