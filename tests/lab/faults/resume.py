"""resume.py SURVEY CASE: what was begun is finished, and nothing is done twice."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from surveyor import (EXPECTED, SURVEY, TARGETS, Run, Wire, check_complete, in_tgt, need, seeded,
                      tools, wait_for)


def until_records(run, p, n):
    """Wait until n records are there (or survey has ended)."""
    def there():
        if p.poll() is not None:
            return True
        try:
            return (run.dir / "records.fresh").read_bytes().count(b"\n") >= n
        except OSError:
            return False
    wait_for(there, f"{n} records")
    need(p.poll() is None, f"survey ended early ({p.returncode})\n{run.output()[-3000:]}")


def interrupt(run, n=8):
    """A run that was stopped by Ctrl-C after n records."""
    p = run.start()
    until_records(run, p, n)
    p.send_signal(signal.SIGINT)
    return p


def stopped():
    """Ctrl-C: a bounded drain, whole files, and the command to continue."""
    with Run(grab={"rate_hosts": 10}) as run:
        p = interrupt(run)
        need(p.wait(40) == 130, f"exit status {p.returncode} after SIGINT")
        need(f"to continue: survey run {run.conf}" in run.output(), "how to continue is not said")
        need(run.manifest()["state"] == "stopped", "run.json does not say stopped")
        need(run.manifest()["sessions"][-1]["exit_status"] == 130, "run.json lacks the exit status")
        before = len(run.records())
        need(0 < before < len(TARGETS), f"{before} records after the stop")
        need(not tools(), f"left behind: {tools()}")
        first = run.dir
        run.finish()
        need(run.dir == first and "continuing" in run.output(), "the run was not continued")
        check_complete(run)


def twice_stopped():
    """A second Ctrl-C ends it now, whatever hangs."""
    with Run(grab={"timeouts": ["*=60s"]}, scan={"rate_pps": 5000}) as run:
        p = run.start()
        until_records(run, p, 30)  # what is left is slow to answer
        time.sleep(1)
        p.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        start = time.monotonic()
        p.send_signal(signal.SIGTERM)
        need(p.wait(30) == 130, f"exit status {p.returncode}")
        need(time.monotonic() - start < 10, "the second signal did not end it")
        need(not tools(), f"left behind: {tools()}")
        run.records()


def torn(compress=False):
    """A last line without its end: put aside, said, and its host asked again."""
    with Run(run={"compress": compress}) as run:
        run.finish()
        path = run.dir / ("records.fresh.zst" if compress else "records.fresh")
        torn_ip = run.records()[-1]["ip"]
        path.write_bytes(path.read_bytes()[:-100])
        if compress:  # as it is, it has a line less, and says so
            out = subprocess.run([SURVEY, "analyze", str(path), "-o", str(run.top / "out"), "--country", "XX"],
                                 capture_output=True, text=True, check=False)
            found = json.loads((run.top / "out/run.json").read_text())["analysis"]
            need((out.returncode, found["refused"]) == (3, {"truncated": 1}), f"{out.returncode}: {found}\n{out.stderr}")
        run_json = run.manifest()
        run_json["state"] = "running"
        (run.dir / "run.json").write_text(json.dumps(run_json))
        run.finish()
        check_complete(run)
        bad = [json.loads(line) for line in (run.dir / "records.bad").read_text().splitlines()]
        need([b["reason"] for b in bad] == ["torn"], f"records.bad: {bad}")
        need(compress or torn_ip in bad[0]["text"], "the torn line's text is not kept")
        need(run.manifest()["counts"]["torn"] == 1, "run.json does not count it")
        need([f.name for f in run.dir.glob("records.fresh*")] == [path.name], "records in two files")


def torn_packed():
    """Packed records as well; and they go on as they began, whatever the config says now."""
    torn(compress=True)
    with Run(run={"compress": True}, grab={"rate_hosts": 10}) as run:
        p = run.start()
        wait_for(lambda: p.poll() is not None or
                 list(run.top.glob("runs/latest/records.fresh.zst")) and len(run.records_so_far()) > 4, "records")
        p.send_signal(signal.SIGINT)
        need(p.wait(40) == 130, f"exit status {p.returncode}")
        run.settings["run"]["compress"] = False
        run.write(run.settings)
        run.finish("--force")
        need("go on as they began, in records.fresh.zst" in run.output(), "not said")
        check_complete(run)
        packed = run.dir / "records.fresh.zst"
        (run.dir / "records.fresh.gz").write_bytes(b"")
        packed.unlink()
        run_json = run.manifest() | {"state": "stopped"}
        (run.dir / "run.json").write_text(json.dumps(run_json))
        need("gunzip it" in run.finish("--force", status=1), "records.fresh.gz: not said")


def shards():
    """Finished shards are not probed again; each address is probed by one shard."""
    with Run(scan={"shards": 6, "rate_pps": 300}) as run, Wire() as wire:
        p = run.start()
        wait_for(lambda: p.poll() is not None or (run.dir / "run.json").exists() and
                 sum(s["state"] == "done" for s in run.manifest()["scan"]["shards"]) >= 2,
                 "two shards")
        p.kill()
        p.wait()
        wait_for(lambda: not tools(), "the children to go", limit=1)
        scan = run.manifest()["scan"]
        done = [s for s in scan["shards"] if s["state"] == "done"]
        started = max(s["attempts"] for s in run.manifest()["scan"]["shards"])
        need(started == 1, "a shard was started twice")
        # A line that was cut off is no host, though it reads like one.
        half = next(ip for ip in (f"198.18.10.{n}" for n in range(1, 10)) if ip not in EXPECTED["hits"])
        with (run.dir / f"scan/shard-{done[0]['number']:03d}.ips").open("a") as f:
            f.write(half)
        cut = time.time()
        run.settings["scan"]["rate_pps"] = 500
        run.write(run.settings)
        run.finish("--force")
        check_complete(run)
        after = run.manifest()["scan"]["shards"]
        # Who complains of a packet is answered with what was true when it left.
        need({s["rate_pps"] for s in after if s["number"] in {d["number"] for d in done}} == {300},
             f"rates of shards of the first session: {after}")
        attempts = run.manifest()["scan"]["attempts"]
        need(attempts[:len(done)] == scan["attempts"][:len(done)], f"the past has changed: {attempts}")
        cut_off = [a for a in attempts if a["ended"] is None]
        need(len(cut_off) <= 1 and len(attempts) == len(after) + len(cut_off),
             f"attempts: {attempts}")
        need(run.manifest()["sessions"][0]["last_seen"], "when the first session was last seen")
        need(all(s["attempts"] == 1 for s in after if s["number"] in {d["number"] for d in done}),
             f"a finished shard was repeated: {after}")
        need(all(s["state"] == "done" for s in after), "not all shards are done")
        found = {ip for d in done
                 for ip in (run.dir / f"scan/shard-{d['number']:03d}.ips").read_text().split()}
        probed = {dst for t, dst, port in wire.syns() if t > cut and port == 25}
        # zgrab2 asks hosts of the first shards too: a host that was not probed again
        # has been seen at most once after the cut.
        again = [ip for ip in found if sum(t > cut and dst == ip and port == 25
                                          for t, dst, port in wire.syns()) > 1]
        need(not again, f"probed again after the cut: {sorted(again)}")
        need(probed, "nothing was left to probe: the test shows nothing")


def machines():
    """Two machines of one survey: together all, nothing twice."""
    with Run() as run:
        hits, runs = [], Path(run.settings["run"]["directory"])
        for i, name in enumerate(("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX")):
            env = {**os.environ, name: str(i)}
            run.finish("--shard", "auto/2", until="scan", env=env)
            at = (runs / f"latest-{i}-of-2").resolve()
            need(at.name.startswith(f"fault-shard-{i}-of-2-"), f"the directory is {at.name}")
            hits.append(set((at / "zmap.ips").read_text().split()))
            # Submitted again it is the same run, which knows that it is done.
            run.finish("--shard", f"{i}/2", until="scan")
            need((runs / f"latest-{i}-of-2").resolve() == at, "not the same directory again")
        digests = {json.loads((p / "run.json").read_text())["config_sha256"] for p in runs.glob("latest-*")}
        need(len(digests) == 1, f"digests of the config: {digests}")
        for index in ("2", "x", ""):
            run.finish("--shard", "auto/2", until="scan", status=2,
                       env={**os.environ, "SLURM_ARRAY_TASK_ID": index})
        run.finish("--shard", "auto/2", until="scan", status=2)
        run.finish("--shard", "0/100", until="scan", status=2)  # four shards on each are too many
        need(not hits[0] & hits[1], f"found by both: {hits[0] & hits[1]}")
        need(hits[0] | hits[1] == set(EXPECTED["hits"]), "together they miss some")
        need(hits[0] and hits[1], "one machine did it all")


def config():
    """A changed config is refused with a diff, unless --force; --new starts afresh."""
    with Run(grab={"rate_hosts": 10}) as run:
        interrupt(run, 3).wait(40)
        first = run.dir
        run.settings["grab"]["rate_hosts"] = 40
        run.write(run.settings)
        text = run.finish(status=2)
        need("-\trate_hosts = 10" in text and "+\trate_hosts = 40" in text, "no diff is shown")
        # Shards that are done would count as done for a port that nobody was asked for.
        kept = (run.dir / "survey.conf").read_text()
        run.settings["scan"]["port"] = 443
        run.write(run.settings)
        text = run.finish("--force", status=2)
        need("began with scan.port = 25; 443 needs a run of its own: --new" in text, f"not said:\n{text[-2000:]}")
        need((run.dir / "survey.conf").read_text() == kept, "the run has the config that it refused")
        del run.settings["scan"]["port"]
        run.write(run.settings)
        run.finish("--force")
        need(run.dir == first, "--force did not continue the run")
        check_complete(run)
        run.finish("--new", until="scan")
        need(run.dir != first, "--new did not start afresh")


def old():
    """An unfinished run older than run.max_age_days is reported, not continued."""
    with Run(grab={"rate_hosts": 10}) as run:
        interrupt(run, 3).wait(40)
        first, manifest = run.dir, run.manifest()
        manifest["created"] = "2020-01-01T00:00:00Z"
        (run.dir / "run.json").write_text(json.dumps(manifest))
        text = run.finish(until="scan")
        need(run.dir != first and "older than 14 days" in text, "the old run was not reported")


def database():
    """A monthly update of the databases changes nothing under a run."""
    with Run(grab={"rate_hosts": 10}) as run:
        mine = run.top / "Country.mmdb"
        mine.write_bytes(open(run.settings["geo"]["country_mmdb"], "rb").read())
        mine.chmod(0o644)
        run.settings["geo"]["country_mmdb"] = str(mine)
        run.write(run.settings)
        interrupt(run, 3).wait(40)
        fresh = run.top / "fresh"
        fresh.write_bytes(b"not a database at all")
        os.rename(fresh, mine)
        run.finish()
        check_complete(run)
    # Cut short in place while it is being asked: a mapped file would end the run by SIGBUS.
    with Run(grab={"rate_hosts": 10}) as run:
        mine = run.top / "Country.mmdb"
        mine.write_bytes(open(run.settings["geo"]["country_mmdb"], "rb").read())
        os.chown(mine, *[pwd.getpwnam("nobody").pw_uid] * 2)  # whoever owns a file may link to it
        run.settings["geo"]["country_mmdb"] = str(mine)
        run.write(run.settings)
        p = run.start()
        wait_for(lambda: p.poll() is not None or
                 (run.top / "runs/latest/records.fresh").exists(), "the grab")
        os.truncate(mine, 0)
        need(p.wait(120) == 0, f"exit status {p.returncode}\n{run.output()[-2000:]}")
        check_complete(run)
    with Run(grab={"rate_hosts": 10}, geo={"country_mmdb": "", "asn_mmdb": ""}) as run:
        mine = run.top / "csv"
        shutil.copytree("/run/survey-lab/csv", mine)
        for f in (mine, *mine.iterdir()):
            f.chmod(0o755)
        run.settings["geo"]["csv"] = str(mine)
        run.write(run.settings)
        interrupt(run, 3).wait(40)
        for f in mine.iterdir():
            f.unlink()
            f.write_text("no database at all\n")
        run.finish()
        check_complete(run)


def unbegun():
    """What ended before anything was sent is begun again with what has been mended since."""
    with Run() as run:
        good = run.settings["geo"]["country_mmdb"]
        mine = run.top / "Country.mmdb"
        mine.write_bytes(b"not a database at all")
        mine.chmod(0o644)
        run.settings["geo"]["country_mmdb"] = str(mine)
        run.settings["run"]["countries"] = ["QQ"]
        run.write(run.settings)
        need("fetch the database again" in run.finish(status=2), "no cure is named")
        first = run.dir
        mine.write_bytes(open(good, "rb").read())
        need("are the codes right?" in run.finish(status=2), "the fetched database is not used")
        run.settings["run"]["countries"] = ["IE"]
        run.write(run.settings)
        text = run.finish()
        need("continuing" not in text and "has changed" not in text, "a beginning was continued")
        need(run.dir == first, "a directory of nothing is left over")
        check_complete(run)
        need(len(run.manifest()["sessions"]) == 1, "run.json tells of what was no session")


def second_pass():
    """What timed out is asked once more; a name that only the second pass shows is not forgotten."""
    host, name = "198.18.30.210", "mx-late.lab.example"

    def server():
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, 25))
        s.listen(50)
        kept = []
        while True:
            kept.append(s.accept()[0])
            if len(kept) > 1:  # the first one is left without a word
                kept[-1].sendall(f"220 {name} ESMTP\r\n".encode())

    def asked():
        lines = (run.dir / "dns.ndjson").read_text().splitlines()
        return {json.loads(line)["name"] for line in lines}

    pid = in_tgt(server)
    try:
        with Run(grab={"second_pass": True}) as run:
            run.finish(until="dns")
            records = [r for r in run.records() if r["ip"] == host]
            need([r.get("pass") for r in records] == [None, 2], f"records: {records}")
            ends = [r["p25"]["data"]["smtp"]["status"] for r in records]
            need(ends[0] != "success" and ends[1] == "success", f"port 25: {ends}")
            need(name in json.dumps(records[1]) and name not in json.dumps(records[0]), "its greeting")
            counts = run.manifest()["counts"]
            need(counts["second_pass"] >= 1 and counts["records"] == len(TARGETS) + 1, f"counts: {counts}")
            need(name in asked(), "the name was not asked")
            before = run.records()
            state = run.manifest()
            state["state"] = "running"
            (run.dir / "run.json").write_text(json.dumps(state))
            (run.dir / "dns.ndjson").write_text("")
            with Wire() as wire:
                run.finish(until="dns")
                again = [dst for _, dst, port in wire.syns() if dst != "198.18.100.53"]
            need(not again, f"asked again: {again[:5]}")
            need(name in asked(), "a name that only the second pass shows was forgotten")
            need(run.records() == before, "records were added")
            need(run.manifest()["counts"]["second_pass"] == counts["second_pass"], "counts of the second pass")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def given_up():
    """A host that was given up by one session is not complete in the next one's eyes."""
    with Run() as run:
        run.finish()
        path = run.dir / "records.fresh"
        lines = path.read_text().splitlines()
        record = json.loads(lines[0])
        record["p22"] = "zgrab2 gave no answer"
        path.write_text("\n".join([json.dumps(record), *lines[1:]]) + "\n")
        run.finish(status=3)
        m = run.manifest()
        need(m["counts"]["given_up"] == 1 and m["state"] == "incomplete", f"run.json: {m['counts']}")
        need(len(run.records()) == len(TARGETS), "a host was asked again")


def together():
    """Two that start at the same moment make one run."""
    with Run() as run:
        both = [run.start(), run.start()]
        status = sorted(p.wait(120) for p in both)
        need(status == [0, 2], f"exit statuses {status}\n{run.output()[-2000:]}")
        need("is being run already" in run.output(), "not said")
        made = [d.name for d in (run.top / "runs").iterdir() if not d.is_symlink()]
        need(len(made) == 1, f"made: {made}")
        check_complete(run)


def computing():
    """Signals while nothing is sent any more: SIGHUP is no end, SIGINT a clean one."""
    def stage_runs(run, stage):
        try:
            return run.manifest()["stages"][stage]["state"] != "todo"
        except OSError:
            return False
    for stage in ("analyze", "graph", "report"):
        with Run(grab={"rate_hosts": 1000}, graph={"workers": 1}) as run:
            p = run.start(until="report")
            wait_for(lambda: p.poll() is not None or stage_runs(run, stage), stage)
            p.send_signal(signal.SIGHUP)
            p.send_signal(signal.SIGINT)
            need(p.wait(60) == 130, f"{stage}: exit status {p.returncode}\n{run.output()[-2000:]}")
            need(f"to continue: survey run {run.conf}" in run.output(), "how to continue is not said")
            need(run.manifest()["state"] == "stopped", f"run.json says {run.manifest()['state']}")
            run.finish(until="report")
            need(run.manifest()["state"] == "complete", f"run.json says {run.manifest()['state']}")
            page = (run.dir / "report/index.html").read_text()
            need("<dt>state</dt><dd>complete</dd>" in page and "<dt>ended</dt><dd>20" in page,
                 "the report does not say that the run is complete, and when it ended")
            need("<dt>report</dt>" not in page, "the report tells of its own stage, which goes on")


def piped():
    """A list on standard input that was broken off is asked for again, not forgotten."""
    with Run(scan={"mode": "list", "list": "-"}) as run:
        read, write = os.pipe()
        p = subprocess.Popen([SURVEY, "run", str(run.conf), "--until", "grab"], stdin=read,
                             stdout=run.log, stderr=run.log)
        os.close(read)
        os.write(write, "".join(f"{ip}\n" for ip in TARGETS[:3]).encode())
        wait_for(lambda: (run.top / "runs/latest/records.fresh").exists(), "the run")
        time.sleep(1)
        p.send_signal(signal.SIGINT)
        need(p.wait(10) == 130, f"exit status {p.returncode}: waiting for input is not broken off")
        os.close(write)
        text = run.finish(status=1)
        need("give it the whole list again" in text, f"not said:\n{text[-2000:]}")
        listing = run.top / "list"
        listing.write_text("".join(f"{ip}\n" for ip in TARGETS[:6]))
        p = subprocess.Popen([SURVEY, "run", str(run.conf), "--until", "grab"],
                             stdin=listing.open(), stdout=run.log, stderr=run.log)
        need(p.wait(60) == 0, f"exit status {p.returncode}\n{run.output()[-2000:]}")
        need(sorted(r["ip"] for r in run.records()) == TARGETS[:6], "not all of the list")
        run.finish()  # and now it is not needed any more


CASES = {f.__name__: f for f in (stopped, twice_stopped, torn, torn_packed, shards, machines, config, old,
                                 database, unbegun, given_up, together,
                                 computing, piped, second_pass)}

seeded()
CASES[sys.argv[2]]()
print("as it should be")
