"""slurm.py SURVEY: the jobs of config/slurm on a real Slurm of one node, in the lab.

An array of four: one task is requeued while it runs, one is stopped as before its time limit, one
is cancelled and submitted again by itself.  Merged they are the one run that nothing disturbed.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from surveyor import SURVEY, Run, need, skip, wait_for

JOBS = Path(__file__).resolve().parents[3] / "config" / "slurm"
N = 4
CONF = """ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={slurmd}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={top}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmctldPidFile={top}/slurmctld.pid
SlurmdPidFile={top}/slurmd.pid
SlurmdSpoolDir={top}/spool
StateSaveLocation={top}/state
SlurmctldLogFile={top}/slurmctld.log
SlurmdLogFile={top}/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
KillWait=40
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 CoresPerSocket=8 RealMemory=64000
PartitionName=all Nodes=ALL Default=YES State=UP
"""


class Slurm:
    """munged, slurmctld and slurmd with all of their files in one directory."""

    def __init__(self, top):
        self.top, self.daemons = top, []
        for name in ("spool", "state", "jobs"):
            (top / name).mkdir()
        (top / "munge.key").write_bytes(os.urandom(1024))
        (top / "munge.key").chmod(0o400)
        host = socket.gethostname().split(".")[0]
        self.conf = top / "slurm.conf"
        self.conf.write_text(CONF.format(top=top, host=host, port=6817, slurmd=6818), encoding="ascii")
        # There are no control groups in the lab: what would find out which kind there is gives up.
        (top / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n", encoding="ascii")
        self.env = {**os.environ, "SLURM_CONF": str(self.conf), "SURVEY": SURVEY}
        for name in [n for n in self.env if n.startswith(("SLURM_", "SBATCH_")) and n != "SLURM_CONF"]:
            del self.env[name]
        self.daemon("munged", "--foreground", "--force", f"--socket={top}/munge.socket",
                    f"--key-file={top}/munge.key", f"--pid-file={top}/munged.pid",
                    f"--log-file={top}/munged.log", f"--seed-file={top}/munged.seed")
        wait_for((top / "munge.socket").exists, "munged")
        self.daemon("slurmctld", "-D", "-f", str(self.conf))
        self.daemon("slurmd", "-D", "-f", str(self.conf))
        wait_for(lambda: self.ask("sinfo", "--noheader", "--format=%T") == "idle", "a node of Slurm")

    def daemon(self, *argv):
        with open(self.top / f"{argv[0]}.out", "ab") as out:
            self.daemons.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                                 env=self.env))

    def ask(self, *argv):
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, check=False,
                              timeout=60).stdout.strip()

    def do(self, *argv):
        p = subprocess.run(argv, env=self.env, capture_output=True, text=True, check=False, timeout=60)
        need(p.returncode == 0, f"{argv}: {p.stderr}")
        return p.stdout.strip()

    def submit(self, script, *options, **env):
        words = ",".join(f"{k}={v}" for k, v in env.items())
        return self.do("sbatch", "--parsable", f"--chdir={self.top}/jobs", f"--export=ALL,{words}",
                       *options, str(JOBS / script))

    def state(self, job):
        """Of a job or a task, in one word; "" when Slurm has none."""
        words = self.ask("scontrol", "--oneliner", "show", "job", job).split()
        return next((w.split("=")[1] for w in words if w.startswith("JobState=")), "")

    def end(self):
        for p in reversed(self.daemons):
            p.terminate()
        for p in reversed(self.daemons):
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()

    def said(self):
        return "".join(f"== {p.name}\n{p.read_text(errors='replace')[-3000:]}"
                       for p in sorted(self.top.glob("jobs/*.log")))


def results(directory):
    clusters = json.loads((directory / "clusters.json").read_text(encoding="utf-8"))
    verdicts = map(json.loads, (directory / "verdicts.ndjson").read_text(encoding="utf-8").splitlines())
    return (sorted(sorted(h["ip"] for h in c["hosts"]) for c in clusters),
            sorted((v["ip"], v["verdict"]) for v in verdicts))


def survey_of(runs, task):
    """The process of a task's survey while it grabs, or None."""
    run = (runs / f"latest-{task}-of-{N}").resolve()
    try:
        if (run / "records.fresh").stat().st_size > 0:
            return int((run / "lock").read_text())
    except (OSError, ValueError):
        pass
    return None


def check(slurm, run):
    runs = Path(run.settings["run"]["directory"])
    array = slurm.submit("survey.sbatch", f"--array=0-{N - 1}", CONF=run.conf, N=N)
    for task in range(3):
        wait_for(lambda t=task: survey_of(runs, t), f"records of task {task}", limit=120)
    slurm.do("scontrol", "requeue", f"{array}_0")
    slurm.do("scancel", f"{array}_1")
    os.kill(survey_of(runs, 2), signal.SIGSTOP)  # that it is still there when the signal comes
    pid = survey_of(runs, 2)
    slurm.do("scancel", "--batch", "--signal=TERM", f"{array}_2")
    os.kill(pid, signal.SIGCONT)
    for task in (0, 2):
        wait_for(lambda t=task: slurm.state(f"{array}_{t}") == "PENDING", f"task {task} to be queued again",
                 limit=120)
        # Slurm waits two minutes; at once is too early, since it has revoked the task's credential.
        slurm.do("scontrol", "update", f"JobId={array}_{task}", "StartTime=now+10")
    wait_for(lambda: slurm.state(f"{array}_1") == "CANCELLED", "task 1 to be cancelled")
    again = slurm.submit("survey.sbatch", "--array=1", CONF=run.conf, N=N)
    to = run.top / "whole"
    merge = slurm.submit("survey-merge.sbatch", f"--dependency=afterok:{again},afterany:{array}",
                         RUNS=runs, N=N, TO=to)
    wait_for(lambda: slurm.state(merge) in ("COMPLETED", "FAILED", "CANCELLED"), "the merge", limit=300)
    need(slurm.state(merge) == "COMPLETED", f"the merge is {slurm.state(merge)}\n{slurm.said()}")
    for task in (0, 2, 3):
        need(slurm.state(f"{array}_{task}") == "COMPLETED", f"task {task} is {slurm.state(f'{array}_{task}')}")
    need(slurm.state(f"{again}_1") == "COMPLETED", f"the task that was cancelled: {slurm.state(f'{again}_1')}")
    need(len(list(runs.glob("fault-shard-*"))) == N, "a task that was queued again began anew")
    return to


def main():
    for tool in ("sbatch", "slurmctld", "slurmd", "munged"):
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin"):
            skip(f"no {tool}")
    with Run(scan={"shards": 1}, grab={"rate_hosts": 8, "timeouts": ["*=10s"]}) as run:
        slurm = Slurm(run.top)
        try:
            merged = results(check(slurm, run))
        finally:
            slurm.end()
        run.settings["run"]["directory"] = str(run.top / "alone")
        run.settings["grab"]["rate_hosts"] = 40
        run.write(run.settings)
        run.finish(until="analyze")
        alone = results(run.dir)
        need(merged == alone, f"(merged, alone): {merged}\n{alone}")
        need(len(merged[0]) > 0, "no clusters to compare")
        need((run.top / "whole" / "report" / "index.html").exists(), "the merge has no report")


main()
print("as it should be")
