"""kill.py SURVEY VICTIM: kill -9 at random moments, then on until complete.

VICTIM is survey, zmap or zgrab2.  Whatever dies, every reachable host ends up
in records.fresh exactly once, nothing is torn, and no process is left.
"""

import signal
import subprocess
import sys
import time

from surveyor import (Run, Wire, check_complete, fail, kill_all, need, rounds, seeded, tools,
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
    else:
        kill_tool(rnd, victim)
    print(f"{rounds()} times kill -{signal.SIGKILL.value} of {victim}: nothing lost, nothing twice")


main()
