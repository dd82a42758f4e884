#!/usr/bin/env python3
"""Benchmark of pictures and report.

usage: run.py SURVEY [--pairs N] [--reference-s S] [--only-compare]

Draws a run of the size of the published study (18,268 hosts, 1,437 clusters,
the largest of 1,991) and compares the pictures of its clusters of 20 to 50
hosts with what `sfdp -Gsplines=true -Goverlap=false` takes for the same
clusters with every pair of hosts as an edge, layout and SVG, in the same run.
Prints a line a figure; exit status 1 when one is out of reach.
"""
import argparse
import itertools
import json
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

MAKE = pathlib.Path(__file__).resolve().parents[2] / "web/make_run.py"
failed = []


def timed(*argv, may_fail=False):
    """Wall and CPU seconds of a command, and the peak memory of its processes together, in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    p = subprocess.Popen([str(a) for a in argv], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0
    while p.poll() is None:
        peak = max(peak, memory(p.pid))
        time.sleep(0.02)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if p.returncode and may_fail:
        return None
    if p.returncode:
        sys.exit(f"{argv[0]} failed: {p.stderr.read().decode()}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


def memory(pid):
    """Memory of a process and its children, in MB; shared pages count once (proportional)."""
    total = 0
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for p in [pid, *children]:
            text = pathlib.Path(f"/proc/{p}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1)) / 1024
    except (OSError, AttributeError):
        pass
    return total


def report(what, value, unit, limit, at_least=False):
    good = value >= limit if at_least else value < limit
    print(f"{what:58} {value:9.2f} {unit:3} {'>=' if at_least else '<'} {limit:g}  {'ok' if good else 'OUT OF REACH'}",
          flush=True)
    if not good:
        failed.append(what)


def pair_form(cluster):
    """The cluster with every pair of hosts that share a key as one edge."""
    edges = set()
    for key in cluster["keys"]:
        edges |= set(itertools.combinations(sorted({ip for ip, _ in key["at"]}), 2))
    return "graph {\n" + "".join(f'"{a}" -- "{b}";\n' for a, b in sorted(edges)) + "}\n"


def compare(survey, tmp, clusters, pairs, budget):
    """CPU seconds for the same clusters: sfdp one by one, survey in one call, interleaved."""
    ratios = []
    for turn in range(pairs):
        theirs, drawn, crashed = 0.0, [], 0
        for c in clusters:
            dot, svg = tmp / "pairs.dot", tmp / "pairs.svg"
            dot.write_text(pair_form(c))
            reference = timed("sfdp", "-Gsplines=true", "-Goverlap=false", "-Tsvg", dot, "-o", svg,
                              may_fail=True)
            if reference is None:
                crashed += 1
                continue
            theirs += reference[1]
            drawn.append(c)
            if theirs > budget:
                break
        some = tmp / "some"
        some.mkdir(exist_ok=True)
        (some / "clusters.json").write_text(json.dumps(drawn))
        _, mine, _ = timed(survey, "graph", some, "-f", "svg", "--full-up-to", 1225, "--workers", 1)
        ratios.append(theirs / mine)
        print(f"{len(drawn)} clusters of 20 to 50 hosts, every host a node: sfdp {theirs:.2f} s, "
              f"survey {mine:.2f} s CPU" + (f"; sfdp crashed on {crashed} more" if crashed else ""))
    report("times faster than sfdp, splines=true, pair form", statistics.median(ratios), "x", 20, True)


def load(page):
    """Seconds until the page with all hosts can be used, in headless Chromium; median of 3."""
    try:
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException
    except ImportError:
        print("no selenium for Python: how fast the report opens was not measured")
        return
    options = webdriver.ChromeOptions()
    for a in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(a)
    try:
        driver = webdriver.Chrome(service=webdriver.ChromeService("/usr/bin/chromedriver")
                                  if hasattr(webdriver, "ChromeService")
                                  else webdriver.chrome.service.Service("/usr/bin/chromedriver"),
                                  options=options)
    except WebDriverException as e:
        print(f"no Chromium to drive, how fast the report opens was not measured: {e.msg}")
        return
    times = []
    for _ in range(3):
        driver.get("about:blank")
        driver.get(page.as_uri())
        driver.set_script_timeout(60)
        times.append(driver.execute_async_script("""
            const done = arguments[0];
            const look = () => document.documentElement.dataset.ready === 'yes'
                ? done(performance.now() / 1000) : setTimeout(look, 2);
            look();"""))
    driver.quit()
    report("the report is open, list and search ready", statistics.median(times), "s", 2)


def sizes(survey, tmp, run, clusters):
    """The numbers of a whole study."""
    wall, _, peak = timed(survey, "graph", run, "-f", "svg")
    report("all clusters of the study as SVG", wall, "s", 30)
    report("memory of all processes", peak, "MB", 400)
    wall, _, peak = timed(survey, "graph", run, "-f", "svg,png")
    report("all clusters as SVG and PNG", wall, "s", 120)
    report("memory of all processes", peak, "MB", 400)
    pictures = list((run / "graphs").glob("cluster-*.svg"))
    report("clusters drawn, of %d" % len(clusters), len(pictures), "", len(clusters), True)
    largest = max(clusters, key=lambda c: c["size"])
    wall, _, _ = timed(survey, "graph", run, "-f", "svg,png", "-c", largest["id"])
    report(f"the largest, {largest['size']} hosts", wall, "s", 5)
    wall, _, _ = timed(survey, "report", run)
    print(f"{'the report of the study':58} {wall:9.2f} s   "
          f"{(run / 'report/index.html').stat().st_size / 1e6:.1f} MB")
    load(run / "report/index.html")
    huge = tmp / "huge"
    subprocess.run([sys.executable, MAKE, huge, "--shape", "hosting", "--largest", "100000"], check=True)
    wall, _, peak = timed(survey, "graph", huge, "-f", "svg,png")
    report("one cluster of 100,000 hosts", wall, "s", 30)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("survey")
    p.add_argument("--pairs", type=int, default=1, help="interleaved pairs")
    p.add_argument("--reference-s", type=float, default=120, help="CPU seconds that sfdp may take in all")
    p.add_argument("--only-compare", action="store_true")
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        run = tmp / "run"
        subprocess.run([sys.executable, MAKE, run], check=True)
        clusters = json.loads((run / "clusters.json").read_text())
        if not args.only_compare:
            sizes(args.survey, tmp, run, clusters)
        some = sorted((c for c in clusters if 20 <= c["size"] <= 50), key=lambda c: c["id"])
        compare(args.survey, tmp, some, args.pairs, args.reference_s)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
