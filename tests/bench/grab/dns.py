"""dns.py SURVEY: what DNS at grab time costs: the bulk hosts of the lab with it and without.

Interleaved pairs, as fast as the machine goes; the default way to resolve: Unbound and
Stubby of survey's own, and from them DNS over TLS.
"""

import os
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "lab" / "faults"))

from surveyor import LAB, Run, fail  # noqa: E402

HOSTS = int(os.environ.get("HOSTS", 3000))
PAIRS = int(os.environ.get("PAIRS", 5))
RATES = [int(r) for r in os.environ.get("RATES", "100000").split()]
UPSTREAM = {"address": "198.18.100.85", "hostname": "dot.lab.example", "ca_file": str(LAB / "ca.pem")}


def survey(run, until):
    """Wall time, and the questions that DNS answered."""
    start = time.monotonic()
    run.finish("--new", until=until, limit=1800)
    wall = time.monotonic() - start
    m = run.manifest()
    if m["counts"]["records"] != HOSTS:
        fail(f"{m['counts']['records']} of {HOSTS} hosts have a record")
    return wall, m.get("dns", {})


def measure(rate, listing):
    with Run(run={"countries": ["XX"], "targets": []}, scan={"mode": "list", "list": str(listing)},
             grab={"rate_hosts": rate, "in_flight": 20, "timeouts": ["*=15s"]},
             dns={"mode": "managed", "address": "", "validate": False,
                  'upstream "lab"': UPSTREAM}) as run:
        ratios = []
        survey(run, "dns")  # warms the servers
        for i in range(PAIRS):
            if i % 2 == 0:
                without, _ = survey(run, "grab")
            wall, dns = survey(run, "dns")
            if i % 2 == 1:
                without, _ = survey(run, "grab")
            known = dns["noerror"] + dns["nodata"] + dns["nxdomain"]
            ratios.append(wall / without)
            print(f"pair {i + 1}: {without:.2f} s; with DNS {wall:.2f} s, {dns['questions']} "
                  f"questions, {known} answered, {dns['retries']} retries", flush=True)
    print(f"at most {rate} hosts/s: time with DNS / without: {statistics.median(ratios):.3f} "
          f"({min(ratios):.3f} to {max(ratios):.3f})   (reach: <= 1.05)", flush=True)


def main():
    with Run() as place:
        listing = place.top / "list"
        listing.write_text("".join(f"198.18.{128 + i // 256}.{i % 256}\n" for i in range(HOSTS)))
        listing.chmod(0o644)
        for rate in RATES:
            measure(rate, listing)


main()
