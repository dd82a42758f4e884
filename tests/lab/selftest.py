#!/usr/bin/python3
"""selftest.py [SURVEY]: the lab is what it says it is, and leaves nothing behind."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from labkit import bulk  # noqa: E402
from labkit.cli import missing  # noqa: E402
from labkit.sandbox import Lab  # noqa: E402

LAB = str(HERE / "lab")
MARK = f"LAB_SELFTEST={os.getpid()}"
PATIENCE_S = 60


def fail(text):
    print(f"FAILED: {text}", flush=True)
    sys.exit(1)


def need(condition, text):
    if not condition:
        fail(text)


def environment(lab_dir):
    name, _, value = MARK.partition("=")
    return {**os.environ, "LAB_DIR": str(lab_dir), name: value}


def lab(lab_dir, *args, **more):
    return subprocess.run([LAB, *args], env=environment(lab_dir), stdout=subprocess.PIPE, text=True,
                          timeout=300, check=False, **more)


def start(lab_dir, *args, **more):
    return subprocess.Popen([LAB, *args], env=environment(lab_dir), start_new_session=True,
                            stdout=subprocess.DEVNULL, **more)


def marked():
    """Processes that this test started, directly or not, by their environment."""
    out = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if MARK.encode() in environ.split(b"\0") and int(pid) != os.getpid():
            out.append(int(pid))
    return out


def gone(lab_dir, when):
    """Waits until neither process nor file of a lab is left."""
    end = time.monotonic() + PATIENCE_S
    while left := set(marked()) | set(Lab(lab_dir).processes()):
        if time.monotonic() > end:
            fail(f"{when}: processes left: {sorted(left)}")
        time.sleep(0.05)
    while lab_dir.exists():
        if time.monotonic() > end:
            fail(f"{when}: files left: {sorted(lab_dir.iterdir())}")
        time.sleep(0.05)


def parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def namespaces():
    """Those of labs: others on this machine come and go."""
    out = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    return {name for name in out.split() if name.startswith(("scan-", "tgt-"))}


def test_rows_and_two_labs(tmp, survey):
    first, second = tmp / "first", tmp / "second"
    both = [start(d, "up") for d in (first, second)]
    need([p.wait() for p in both] == [0, 0], "two labs at once do not start")
    names = [lab(d, "exec", "sh", "-c", "echo $LAB_SCAN_NS; ip netns list").stdout.split()[0]
             for d in (first, second)]
    need(names[0] != names[1] and names[0].startswith("scan-"), f"namespaces are named {names}")
    need(lab(first, "up").returncode == 0, "`up` of a lab that is up fails")
    checks = subprocess.run([LAB, "exec", str(HERE / "clients.py")], env=environment(first),
                            check=False)
    need(checks.returncode == 0, "the lab is not as its truth table says")
    if survey:
        ranges = [lab(first, "exec", survey, "geo", "--country", "IE", "--allow-reserved",
                      "198.18.0.0/15", "-4", *source)
                  for source in (("--mmdb", f"{first}/mmdb"), ("--mmdb", f"{first}/mmdb-flat"),
                                 ("--csv", f"{first}/csv"))]
        need(len({(r.returncode, r.stdout) for r in ranges}) == 1 and "198.18.42.0/24\n" in
             ranges[0].stdout, f"databases differ: {[r.stdout for r in ranges]}")
    # A command that outlives its shell, and results: `down` ends the one and keeps the other.
    need(lab(first, "exec", "sh", "-c", "sleep 1000 >/dev/null & mkdir -p $LAB_DIR/runs/x")
         .returncode == 0, "`exec` fails")
    need(lab(first, "exec", "sh", "-c", "exit 7").returncode == 7, "`exec` loses exit statuses")
    need(lab(first, "down").returncode == 0, "`down` fails")
    need(sorted(p.name for p in first.iterdir()) == ["runs"], "`down` leaves more than results")
    need(not Lab(first).processes(), "`down` leaves processes")
    need([lab(first, c).returncode for c in ("down", "up", "down")] == [0, 0, 0],
         "no lab can be where results are")
    need(lab(first, "status").returncode == 1, "`status` of no lab")
    need(lab(second, "exec", "true").returncode == 0, "the second lab went down with the first")
    need(lab(second, "down").returncode == 0 and lab(second, "down").returncode == 0,
         "`down` twice fails")
    gone(second, "after `down`")


def test_refusals(tmp):
    full = tmp / "full"
    full.mkdir()
    (full / "letter").write_text("dear", encoding="ascii")
    need(lab(full, "up", stderr=subprocess.DEVNULL).returncode == 1, "`up` in a used directory")
    need(lab(full, "down", stderr=subprocess.DEVNULL).returncode == 1, "`down` of a used directory")
    need((full / "letter").exists(), "`down` removed what is not a lab's")
    need(lab(tmp / "none", "exec", "true", stderr=subprocess.DEVNULL).returncode == 1,
         "`exec` without a lab")


def test_interrupted_up(tmp, rnd):
    """Whatever ends `up`, and whenever: nothing is left."""
    for n, sig in enumerate([signal.SIGINT, signal.SIGTERM, signal.SIGKILL] * 2):
        where, after = tmp / f"cut{n}", rnd.uniform(0.05, 2.5)
        up = start(where, "up", stderr=subprocess.DEVNULL)
        time.sleep(after)
        if up.poll() is None:
            os.killpg(up.pid, sig)
        up.wait()
        if up.returncode == 0:
            need(lab(where, "down").returncode == 0, "`down` fails")
        gone(where, f"`up` met {sig.name} after {after:.2f} s")


def test_bulk(tmp, rnd):
    """Cut short, then brought up: every bulk host, and no other, has the ports it should."""
    where = tmp / "bulk"
    need(lab(where, "up").returncode == 0, "`up` fails")
    here = Lab(where)
    before = set(here.processes())
    servers = before - {here.state()["init"]}  # which start and end workers as they like

    def strays():
        return {pid for pid in set(here.processes()) - before if parent(pid) not in servers}

    cut = start(where, "bulk", stderr=subprocess.DEVNULL)
    time.sleep(rnd.uniform(0.2, 3))
    if cut.poll() is None:
        os.killpg(cut.pid, signal.SIGINT)
    if cut.wait() != 0:
        end = time.monotonic() + PATIENCE_S
        while left := strays():
            need(time.monotonic() < end, f"an interrupted `bulk` leaves {sorted(left)}")
            time.sleep(0.05)
    need([lab(where, "bulk").returncode for _ in range(2)] == [0, 0], "`bulk` fails")
    hits = lab(where, "exec", "sh", "-c", "zmap -C /dev/null -p 443 -i $LAB_IF -q -r 4000 -c 4 -P 2"
               f" -G $LAB_GATEWAY_MAC -b $LAB_BLOCK {bulk.HOST_NET}", stderr=subprocess.DEVNULL)
    hosts = json.loads((where / "bulk-expected.json").read_text(encoding="utf-8"))["hosts"]
    want = {ip for ip, h in hosts.items() if 443 in h["ports"]}
    need(set(hits.stdout.split()) == want, f"{len(hits.stdout.split())} bulk hosts have port 443,"
         f" not {len(want)}")
    need(lab(where, "down").returncode == 0, "`down` fails")
    gone(where, "`down` after `bulk`")


def test_run(tmp):
    where = tmp / "run"
    need(lab(where, "run", "sh", "-c", "ip -br addr show $LAB_IF | grep -q 198.19.0.2 && exit 9")
         .returncode == 9, "`run` loses exit statuses")
    gone(where, "after `run`")
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        run = start(where, "run", "sh", "-c", "touch $LAB_DIR/runs-here; sleep 1000 & wait")
        end = time.monotonic() + PATIENCE_S
        while not (where / "runs-here").exists():
            need(time.monotonic() < end and run.poll() is None, "`run` does not run its command")
            time.sleep(0.05)
        os.kill(run.pid, sig)
        need(run.wait() != 0, f"`run` succeeds although it met {sig.name}")
        gone(where, f"`run` met {sig.name}")


def main():
    why_not = missing()
    if why_not:
        print(f"skipped: {why_not}")
        return 77
    seed = int(os.environ.get("SEED", time.time_ns() % 1000000))
    print(f"SEED={seed}", flush=True)
    before = namespaces()
    # Beside the system's other temporary files, as a build directory's path may be too long
    # for the servers' sockets or closed to their users.
    tmp = Path(tempfile.mkdtemp(prefix="survey-lab-selftest-", dir="/var/tmp"))
    tmp.chmod(0o755)
    try:
        test_refusals(tmp)
        test_rows_and_two_labs(tmp, sys.argv[1] if len(sys.argv) > 1 else None)
        test_interrupted_up(tmp, random.Random(seed))
        test_bulk(tmp, random.Random(seed + 1))
        test_run(tmp)
        need(namespaces() == before, "network namespaces are left")
    finally:
        for lab_dir in tmp.iterdir():
            if (lab_dir / "state.json").exists():
                lab(lab_dir, "down")
        shutil.rmtree(tmp)
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
