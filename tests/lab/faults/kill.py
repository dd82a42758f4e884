"""kill.py SURVEY VICTIM: kill -9 at random moments, then on until complete.

VICTIM is survey, zmap or zgrab2; packed is survey, too, while it packs its records.  Whatever dies, every reachable host ends up
in records.fresh exactly once, nothing is torn, and no process is left.
"""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time

from surveyor import (SURVEY, TARGETS, Run, Wire, check_complete, fail, kill_all, need, rounds, seeded, tools,
                      wait_for)

AFTER_S = 1.0  # nothing may leave later than this after the death of survey


def interrupted(run, rnd, wire):
    """One start of survey, killed after a while; True when it finished before."""
    p = run.start()
    try:
        p.wait(rnd.uniform(0.05, 3.5))
        need(p.returncode == 0, f"survey ended with {p.returncode}\n{run.output()[-3000:]}")
        return True
    except subprocess.TimeoutExpired:
        pass
    p.kill()
    killed = time.time()
    p.wait()
    wait_for(lambda: not tools(), "children of a killed survey to go", limit=AFTER_S)
    time.sleep(AFTER_S)
    late = [s for s in wire.syns() if s[0] > killed + AFTER_S]
    if late:
        fail(f"packets {late[0][0] - killed:.2f} s after the death of survey: {late[:3]}")
    return False


def kill_survey(rnd):
    left = rounds()
    while left > 0:
        with Run() as run, Wire() as wire:
            while left > 0 and not interrupted(run, rnd, wire):
                left -= 1
            run.finish()
            check_complete(run)


def analyzed(directory, *args):
    out = subprocess.run([SURVEY, *args], capture_output=True, text=True, check=False)
    need(out.returncode == 0, f"survey {args}: status {out.returncode}\n{out.stderr}")
    return {ip: host["fprints"] for ip, host in
            ((h["ip"], h) for h in json.loads((directory / "all-key-fingerprints.json").read_text()))}


def kill_packing(rnd):
    """What a killed survey had packed can be read at once; continued, it is as a run that nobody stopped."""
    killed = 0
    with Run() as plain:
        plain.finish(until="analyze")
        want = analyzed(plain.dir, "analyze", str(plain.dir))
    need(want, "no host has a key: this shows nothing")
    while killed < rounds(2):
        with Run(run={"compress": True}, grab={"rate_hosts": 20}) as run:
            p = run.start()
            wait_for(lambda: p.poll() is not None or list(run.top.glob("runs/latest/records.fresh.zst")) and
                     len(run.records_so_far()) > 2, "records")
            time.sleep(rnd.uniform(0, 0.5))
            p.kill()
            p.wait()
            wait_for(lambda: not tools(), "children of a killed survey to go")
            there = {r["ip"] for r in run.records_so_far()}
            need(there, "nothing is on the disk")
            out = run.top / "out"
            analyzed(out, "analyze", str(run.dir), "-o", str(out), "--dns", "cached")
            with contextlib.closing(sqlite3.connect(out / "survey.db")) as db:
                read = {ip for ip, in db.execute("SELECT ip FROM hosts")}
            need(there <= read, f"not read: {there - read}")
            if len(read) == len(TARGETS):
                continue  # too late
            killed += 1
            run.finish(until="analyze")
            check_complete(run)
            need([r["ip"] for r in run.records()][:len(read)] == [r["ip"] for r in run.records() if r["ip"] in read],
                 "what was there is gone, or was asked again")
            got = analyzed(run.dir, "analyze", str(run.dir))
            need(got == want, f"other hosts or keys: {set(got) ^ set(want)}")
            need(not list(run.dir.glob("records.fresh")), "records in two files")
            one = next(iter(got))
            # The folder of the runs is root's, this run is not, and stays so.
            analyzed(run.dir, "purge", str(run.dir), "--host", one)
            owners = {f.owner() for f in (run.dir, *run.dir.rglob("*"))}
            need(owners == {"nobody"} and oct(run.dir.stat().st_mode & 0o777) == "0o700", f"purged: {owners}")
            merged = analyzed(run.top / "merged", "merge", "-o", str(run.top / "merged"), str(run.dir))
            need(merged.keys() == got.keys() - {one}, f"after purge and merge: {set(merged) ^ set(got)}")


def kill_tool(rnd, name):
    left = rounds()
    while left > 0:
        with Run(grab={"rate_hosts": 20, "restarts": 50}) as run:
            p, some = run.start(), min(left, 4)  # each death doubles the wait before the next start
            left -= some
            while some > 0 and p.poll() is None:
                time.sleep(rnd.uniform(0.02, 0.8))
                victims = tools(name)
                if victims:
                    kill_all([rnd.choice(victims)])
                    some -= 1
            left += some
            try:
                rc = p.wait(120)
            except subprocess.TimeoutExpired:
                fail("survey hangs")
            need(rc == 0, f"survey ended with {rc}\n{run.output()[-3000:]}")
            check_complete(run)
            need(not tools(), f"left behind: {tools()}")


def main():
    rnd, victim = seeded(), sys.argv[2]
    if victim == "survey":
        kill_survey(rnd)
    elif victim == "packed":
        kill_packing(rnd)
    else:
        kill_tool(rnd, victim)
    print(f"kill -{signal.SIGKILL.value} of {victim}: nothing lost, nothing twice")


main()
