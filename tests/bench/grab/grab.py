"""grab.py SURVEY: what survey costs on top of zgrab2, and against a process per port and host.

Interleaved pairs on the bulk hosts of the lab: `zgrab2 multiple` fed from a file, then survey
with the same ini, block list, senders and hosts.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "lab" / "faults"))

from surveyor import LAB, PORTS, SURVEY, Run  # noqa: E402

HOSTS = int(os.environ.get("HOSTS", 3000))
PAIRS = int(os.environ.get("PAIRS", 5))
SAMPLE = int(os.environ.get("SAMPLE", 10))
IN_FLIGHT = 20
MODULES = {"p22": ["ssh"], "p25": ["smtp"], "p110": ["pop3", "--starttls"],
           "p143": ["imap", "--starttls"], "p443": ["http", "--use-https"], "p587": ["smtp"],
           "p993": ["imap", "--imaps"]}
SMTP = "[198.19.0.2]"


def timed(argv, **more):
    """(seconds, CPU seconds) of a command and its children."""
    start = time.monotonic()
    p = subprocess.Popen(argv, **more)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        sys.exit(f"{argv[0]} ended with {p.returncode}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime


def line(ip, port):
    return f"{ip},{SMTP if port in ('p25', 'p587') else ip},{port}\n"


def reference(run, hosts, zgrab2):
    listing = run.top / "lines"
    listing.write_text("".join(line(ip, p) for ip in hosts for p in PORTS))
    scan = run.dir / "scan"
    with open(run.top / "zgrab2.log", "w") as log:
        return timed([zgrab2, "multiple", "-c", str(scan / "zgrab2.ini"), "-b", str(scan / "block"),
                      "--flush", "--senders", str(IN_FLIGHT * len(PORTS)), "-f", str(listing),
                      "-o", str(run.top / "out.json"), "-m", "", "-u", ""], stderr=log)


def survey(run):
    start = time.monotonic()
    run.finish("--new", limit=1800)
    wall = time.monotonic() - start
    m = run.manifest()
    done = m["counts"]["records"]
    if done != HOSTS:
        sys.exit(f"{done} of {HOSTS} hosts have a record")
    return wall, m["own_cpu_s"], m["stages"]["grab"]["cpu_s"]


def process_per_port(hosts, zgrab2):
    start = time.monotonic()
    for ip in hosts:
        for port in PORTS:
            subprocess.run([zgrab2, *MODULES[port], "-p", port[1:], "-b", "", "-m", "", "-u", "",
                            "--target-timeout", "5s"],
                           input=f"{ip},{SMTP if MODULES[port][0] == 'smtp' else ip}\n", text=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return len(hosts) / (time.monotonic() - start)


def spread(values):
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main():
    zgrab2 = shutil.which("zgrab2") or sys.exit("zgrab2 is not installed")
    hosts = [f"198.18.{128 + i // 256}.{i % 256}" for i in range(HOSTS)]
    with Run(scan={"mode": "list"},
             run={"countries": ["XX"], "targets": []},
             grab={"rate_hosts": 100000, "in_flight": IN_FLIGHT, "timeouts": ["*=15s"],
                   "http_max_size": 16}) as run:
        listing = run.top / "list"
        listing.write_text("\n".join(hosts) + "\n")
        listing.chmod(0o644)
        run.settings["scan"]["list"] = str(listing)
        run.write(run.settings)
        survey(run)  # warms the servers, and writes the ini
        slower, cost, rates = [], [], []
        for i in range(PAIRS):
            wall_ref, cpu_ref = reference(run, hosts, zgrab2)
            wall, own, cpu_tool = survey(run)
            slower.append(wall / wall_ref)
            cost.append(own / cpu_tool)
            rates.append(HOSTS / wall)
            print(f"pair {i + 1}: zgrab2 {wall_ref:.2f} s, {cpu_ref:.2f} s CPU; survey {wall:.2f} s, "
                  f"its zgrab2 {cpu_tool:.2f} s CPU, itself {own:.3f} s CPU", flush=True)
        old = process_per_port(hosts[:SAMPLE], zgrab2)
        print(f"hosts: {HOSTS}, in flight {IN_FLIGHT}")
        print(f"time, survey / zgrab2 from a file: {spread(slower)}   (reach: <= 1.05)")
        print(f"CPU, survey itself / its zgrab2: {spread(cost)}   (reach: <= 0.10)")
        print(f"hosts a second: {spread(rates)}")
        print(f"against a process per port and host ({old:.2f} hosts/s): "
              f"{statistics.median(rates) / old:.1f} x   (reach: >= 20)")
        print(f"survey's memory: {run.manifest()['own_maxrss_kb'] / 1024:.1f} MB")


main()
