"""fault.py SURVEY CASE: hanging tools, full disks, strange targets and clocks, wrong set-ups."""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from labkit.mmdb import Writer  # noqa: E402
from surveyor import (EXPECTED, FAST, LAB, SURVEY, TARGETS, Run, Wire, check_complete, in_tgt,
                      kill_all, need, skip, tools, wait_for)

HERE = Path(__file__).resolve().parent


def status(pid, key):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return line.split(":", 1)[1].split()
    return []


def records_now(run):
    try:
        return (run.dir / "records.fresh").read_bytes().count(b"\n")
    except OSError:
        return 0


def stopped_zgrab2():
    """SIGSTOP: zmap is drained all the same, zgrab2 is killed and started again."""
    with Run() as run:
        p = run.start()
        pid = wait_for(lambda: tools("zgrab2"), "zgrab2")[0]
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: all(s["state"] == "done" for s in run.manifest()["scan"]["shards"]),
                 "the scan to end while zgrab2 is stopped")
        spooled = {ip for f in (run.dir / "scan").glob("shard-*.ips") for ip in f.read_text().split()}
        hits = set((run.dir / "zmap.ips").read_text().split())
        need(spooled == hits == set(EXPECTED["hits"]), "hits were lost while zgrab2 was stopped")
        need(p.wait(120) == 0, f"exit status {p.returncode}\n{run.output()[-3000:]}")
        need("zgrab2 has been silent" in run.output(), "the watchdog is silent")
        check_complete(run)


def stopped_zmap():
    with Run(scan={"rate_pps": 100, "shards": 2}) as run:
        p = run.start()
        pid = wait_for(lambda: tools("zmap"), "zmap")[0]
        time.sleep(2)
        os.kill(pid, signal.SIGSTOP)
        need(p.wait(150) == 0, f"exit status {p.returncode}\n{run.output()[-3000:]}")
        need("no progress any more" in run.output() or "sends nothing" in run.output(),
             "the watchdog is silent")
        check_complete(run)


def disk_full():
    """Whichever file has no room: it stops cleanly, says what to do, and goes on when there is some."""
    # run.json, a shard's hits, records.fresh, survey.db, a picture: each is the first to hit a limit
    for size in (20, 48, 400, 1300, 1700):
        with Run(grab={"rate_hosts": 1000}, scan={"shards": 1, "rate_pps": 5000}) as run:
            small = run.top / "small"
            small.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k,mode=755", "small",
                            str(small)], check=True)
            try:
                run.settings["run"]["directory"] = str(small)
                run.write(run.settings)
                text = run.finish(status=1, until="report")
                need("free some space" in text, f"{size} kB: not said:\n{text[-2000:]}")
                need("No space left on device" in text,
                     f"{size} kB: the cause is not said:\n{text[-2000:]}")
                need(not tools(), f"left behind: {tools()}")
                subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
                run.finish(until="report")
                check_complete(run)
                made = [d.name for d in small.iterdir() if not d.is_symlink()]
                need(len(made) == 1, f"made: {made}")
            finally:
                subprocess.run(["umount", str(small)], check=True)


def read_only():
    with Run() as run:
        run.settings["run"]["directory"] = "/proc/no-such-place"
        run.write(run.settings)
        text = run.finish(status=2)
        need("run.directory" in text, f"not said:\n{text}")


def two_runs():
    with Run(grab={"rate_hosts": 10}) as run:
        p = run.start()
        wait_for(lambda: records_now(run) > 2, "some records")
        text = run.finish(status=2)
        need("is being run already" in text and str(p.pid) in text, f"not said:\n{text[-2000:]}")
        out = subprocess.run([SURVEY, "status", str(run.dir)], capture_output=True, text=True,
                             check=False)
        need(out.returncode == 0 and "running" in out.stdout, f"status says {out.stdout}")
        need(p.wait(120) == 0, f"the first run ended with {p.returncode}")
        check_complete(run)


def trickling():
    """A host that sends a byte a second for ever, and one that floods, cost their time and no more."""
    slow, flood = "198.18.30.200", "198.18.30.201"

    def serve(address, talk):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, 25))
        s.listen(50)
        while True:
            c, _ = s.accept()
            threading.Thread(target=talk, args=(c,), daemon=True).start()

    def dribble(c):
        try:
            for ch in "220 slow.lab.example ESMTP " + "x" * 10000:
                c.sendall(ch.encode())
                time.sleep(0.3)
        except OSError:
            pass

    def pour(c):
        try:
            while True:
                c.sendall(b"220-" + b"y" * 65536)
        except OSError:
            pass

    def both():
        threading.Thread(target=serve, args=(flood, pour), daemon=True).start()
        serve(slow, dribble)

    server = in_tgt(both)
    try:
        with Run() as run:
            run.finish()
            check_complete(run, TARGETS + [slow, flood])
            rows = {r["ip"]: r["p25"]["data"]["smtp"] for r in run.records()}
            need(rows[slow]["status"] != "success", f"the slow host: {rows[slow]}")
            need(run.manifest()["counts"]["given_up"] == 0, "a host was given up")
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)


def opt_out(by_signal=True):
    """A network that asks to be left alone while we run is left alone from then on."""
    with Run(grab={"rate_hosts": 4, "in_flight": 4}) as run, Wire() as wire:
        listed = named = run.top / "opt-out"
        if by_signal:  # a list that others keep is often a link into their folder
            listed, named = run.top / "real/opt-out", run.top / "link/opt-out"
            for f in (listed, named):
                f.parent.mkdir(mode=0o755)
            named.symlink_to("../real/opt-out")
        listed.write_text("# nobody yet\n")
        listed.chmod(0o644)
        run.settings["scan"]["opt_out_file"] = str(named)
        run.write(run.settings)
        p = run.start()
        wait_for(lambda: records_now(run) >= 4, "some records")
        if by_signal:  # as editors do it
            listed.with_suffix(".new").write_text("198.18.20.0/24 # by mail\n")
            listed.with_suffix(".new").chmod(0o644)
            listed.with_suffix(".new").rename(listed)
            p.send_signal(signal.SIGHUP)
        else:
            subprocess.run([SURVEY, "optout", "-c", str(run.conf), "--who", "them", "--proof", "mail",
                            "add", "198.18.20.0/24"], check=True)
            wait_for(lambda: "read again: 1 range" in run.output(), "the list to be read")
        said = time.time()
        need(p.wait(120) == 0, f"exit status {p.returncode}\n{run.output()[-2000:]}")
        late = [(round(t - said, 2), dst, port) for t, dst, port in wire.syns()
                if dst.startswith("198.18.20.") and port != 25 and t > said + 1.5]
        need(not late, f"asked after the opt-out: {late[:5]}")
        got = {r["ip"] for r in run.records()}
        need(run.manifest()["counts"]["opted_out"] > 0, "none was left out: the test shows nothing")
        need({ip for ip in TARGETS if not ip.startswith("198.18.20.")} <= got, "others were left out")


def opt_out_told():
    """survey optout need not know which surveys run."""
    opt_out(by_signal=False)


def clock_jump():
    """Two days forward, then back a month, while it runs: nothing is lost, nothing hangs."""
    library = next((str(f) for f in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
    if library is None:
        skip("libfaketime is not installed")
    with Run(grab={"rate_hosts": 10}) as run:
        rc = run.top / "faketime"
        rc.write_text("+0")
        rc.chmod(0o644)
        env = {**os.environ, "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(rc),
               "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
               "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        p = run.start("--no-sandbox", env=env)  # in it the file that tells libfaketime the time cannot be read
        for jump, records in (("+2d", 5), ("-30d", 15), ("+0", 25)):
            wait_for(lambda n=records: records_now(run) >= n or p.poll() is not None, "records")
            rc.write_text(jump)
        need(p.wait(120) == 0, f"exit status {p.returncode}\n{run.output()[-3000:]}")
        check_complete(run)
        years = {r["time"][:7] for r in run.records()}
        need(len(years) > 1, f"the clock did not jump: {years}")


def root_way():
    """As root: only zmap and its guard stay root; survey and zgrab2 lose everything."""
    with Run(scan={"rate_pps": 100}) as run:
        p = run.start()
        zgrab2 = wait_for(lambda: tools("zgrab2"), "zgrab2")[0]
        nobody = "65534"
        for pid in (p.pid, zgrab2):
            need(set(status(pid, "Uid")) == {nobody}, f"{pid} runs as {status(pid, 'Uid')}")
            need(status(pid, "NoNewPrivs") == ["1"], f"{pid} may gain privileges")
            need(int(status(pid, "CapPrm")[0], 16) == 0, f"{pid} has capabilities")
        need(p.wait(120) == 0, f"exit status {p.returncode}\n{run.output()[-2000:]}")
        check_complete(run)
        modes = {oct(f.stat().st_mode & 0o777) for f in run.dir.rglob("*") if f.is_file()}
        need(modes == {"0o600"}, f"modes of files: {modes}")
        need(oct(run.dir.stat().st_mode & 0o777) == "0o700", "mode of the directory")
        need({f.owner() for f in run.dir.rglob("*")} == {"nobody"}, "owners of files")


def lost_guard():
    """kill -9 of zmap's guard: zmap goes with it, though survey may not kill it, and is started again."""
    with Run(scan={"rate_pps": 100, "shards": 1}, run={"user": "daemon"}) as run, Wire() as wire:
        p = run.start()
        zmap = wait_for(lambda: tools("zmap"), "zmap")[0]
        wait_for(wire.syns, "a packet")
        need(status(zmap, "Uid") != status(p.pid, "Uid"), "zmap has survey's user: this shows nothing")
        os.kill(int(status(zmap, "PPid")[0]), signal.SIGKILL)
        killed = time.time()
        wait_for(lambda: zmap not in tools("zmap"), "zmap to go", limit=1)
        need(p.wait(120) == 0, f"exit status {p.returncode}\n{run.output()[-2000:]}")
        need("its guard was killed" in run.output(), "not said")
        check_complete(run)
        late = [t - killed for t, dst, _ in wire.syns()  # zgrab2 asks hits only
                if dst not in EXPECTED["hits"] and killed + 0.3 < t < killed + 0.9]
        need(not late, f"packets of a zmap without guard: {late}")


def planted_link():
    """Links that run.user has put into the run directory lead root nowhere."""
    with Run() as run:
        victim = run.top / "victim"
        victim.mkdir(mode=0o755)
        (victim / "kept").write_text("root's")
        run.finish(until="scan")
        for name in ("scan", "geo"):
            shutil.rmtree(run.dir / name)
            (run.dir / name).symlink_to(victim)
            os.chown(run.dir / name, 65534, 65534, follow_symlinks=False)
        run.finish(until="scan", status=1)
        for f in (victim, victim / "kept"):
            need(f.owner() == "root", f"{f} was given to {f.owner()}")
        need([f.name for f in victim.iterdir()] == ["kept"], f"made there: {list(victim.iterdir())}")
        need(oct(victim.stat().st_mode & 0o777) == "0o755", "mode of the directory")


def user_way():
    """As an ordinary user with a file capability on zmap."""
    with Run() as run:
        zmap = run.top / "zmap"
        zmap.write_bytes(Path("/usr/sbin/zmap").read_bytes())
        zmap.chmod(0o755)
        run.settings["scan"]["zmap"] = str(zmap)
        run.settings["run"]["user"] = ""
        (run.top / "runs").mkdir()
        os.chown(run.top / "runs", 65534, 65534)
        run.write(run.settings)
        become = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                  "--inh-caps=-all", "--bounding-set", "+all"]
        text = run.finish(status=2, prefix=become)
        need(f"setcap cap_net_raw=ep {zmap}" in text, f"the cure is not said:\n{text}")
        need(not list((run.top / "runs").iterdir()), "a directory was made for nothing")
        subprocess.run(["setcap", "cap_net_raw=ep", str(zmap)], check=True)
        p = run.start(prefix=become)
        zgrab2 = wait_for(lambda: tools("zgrab2"), "zgrab2")[0]
        need(status(zgrab2, "NoNewPrivs") == ["1"], "zgrab2 may gain privileges")
        need(p.wait(120) == 0, f"exit status {p.returncode}\n{run.output()[-2000:]}")
        check_complete(run)


def target_files():
    """Networks and addresses that files name are probed, the block list aside, and nobody else."""
    with Run() as run, Wire() as wire:
        first, second = run.top / "first", run.top / "second"
        first.write_text("# a network and a range\n198.18.10.0/26\n198.18.20.41-198.18.20.43\n")
        second.write_text("198.18.30.11\n198.18.10.0/28\n")
        for f in (first, second):
            f.chmod(0o644)
        run.settings["run"].update(countries=["XX"], targets=[], target_files=[str(first), str(second)])
        run.settings["geo"] = {}
        run.write(run.settings)
        run.finish()
        blocked = "198.18.10.61"
        named = {f"198.18.10.{i}" for i in range(64)} | {"198.18.30.11"} | \
            {f"198.18.20.{i}" for i in (41, 42, 43)}
        need(blocked in (LAB / "block.txt").read_text(), "the lab blocks another address")
        named.remove(blocked)
        probed = {dst for _, dst, port in wire.syns() if port == 25}
        need(probed == named, f"not asked {sorted(named - probed)}, too many {sorted(probed - named)}")
        want = sorted(ip for ip in EXPECTED["hits"] if ip in named)
        need(sorted(r["ip"] for r in run.records()) == want, "records")
        need(run.manifest()["counts"]["targets_v4"] == len(named), f"{run.manifest()['counts']}")
    for bad, said in (("198.18.10.1 or so/8\n", "1 line is refused"), ("", "no IPv4 address is left")):
        with Run(geo={}) as run:
            listed = run.top / "listed"
            listed.write_text(bad)
            listed.chmod(0o644)
            run.settings["run"].update(countries=["XX"], targets=[], target_files=[str(listed)])
            run.write(run.settings)
            text = run.finish(status=2)
            need(said in text, f"not said: {said}\n{text}")


def preflight():
    """What is missing is said, once, with its cure; nothing is sent and nothing is made."""
    names = ("--until", "dns")
    cases = [
        ({"grab": {"zgrab2": "/nonexistent/zgrab2"}}, "grab.zgrab2"),
        ({"scan": {"zmap": "/nonexistent/zmap"}}, "scan.zmap"),
        ({"scan": {"block_files": []}}, "scan.block_files"),
        ({"scan": {"block_files": ["/nonexistent/block"]}}, "/nonexistent/block"),
        ({"scan": {"interface": "nosuch0"}}, "interface nosuch0 does not exist"),
        # ZMap would send with it all the same, and forge its sender.
        ({"scan": {"source_ip": "203.0.113.77"}}, "scan.source_ip: 203.0.113.77 is no address of this machine"),
        ({"scan": {"source_ip": "203.0.113.77", "mode": "list", "list": str(LAB / "expected.json")}},
         "scan.source_ip: 203.0.113.77 is no address of this machine"),
        ({"geo": {"country_mmdb": "/nonexistent/c.mmdb"}}, "/nonexistent/c.mmdb"),
        ({"run": {"countries": []}}, "run.countries"),
        ({"run": {"metrics_file": "/nonexistent/survey.prom"}}, "run.metrics_file: /nonexistent: No such file"),
        ({"weak": {"blocklists": ["known=/nonexistent/list"]}}, "weak.blocklists: /nonexistent/list: No such file",
         "--until", "report"),
        ({"weak": {"primes": ["/etc/shadow"]}}, "weak.primes: /etc/shadow: Permission", "--until", "report"),
        ({"run": {"user": ""}}, "run.user"),
        ({"run": {"user": "no-such-user"}}, "no-such-user"),
        ({"run": {"user": "root"}}, "run.user"),
        ({"dns": {"mode": "unbound", "root_hints": "/nonexistent/hints"}}, "dns.root_hints: /nonexistent/hints",
         *names),
        ({"dns": {"mode": "unbound", "trust_anchors": ["/etc/shadow"]}}, "dns.trust_anchors: /etc/shadow: Permission",
         *names),
        ({"dns": {"mode": "unbound", "trust_anchors": []}}, "dns.trust_anchors: no file", *names),
        ({"dns": {"mode": "unbound-dot", "upstream x": {"address": "198.18.100.85", "hostname": "dot.lab.example",
                                                        "ca_file": "/nonexistent/ca"}}},
         "dns.upstream.ca_file: /nonexistent/ca", *names),
        ({"scan": {"seed": 0}}, "--shard needs scan.seed", "--shard", "0/2"),
        ({"scan": {"mode": "list", "list": str(LAB / "expected.json")}}, "--shard divides a scan",
         "--shard", "0/2"),
        ({"scan": {"mode": "list", "list": "/etc/shadow"}}, "scan.list: /etc/shadow"),
    ]
    for changes, said, *args in cases:
        with Run(**changes) as run, Wire() as wire:
            text = run.finish(*args, status=2)
            need(said in text, f"{changes}: {said!r} is not said:\n{text}")
            need(text.count(said) <= 2, f"{changes}: said more than once:\n{text}")
            need(not wire.syns(), f"{changes}: packets were sent")
            runs = run.top / "runs"
            need(not runs.exists() or not list(runs.iterdir()), f"{changes}: a directory was made")


def limits():
    """A contact that is nobody's, and rates that are a slip, are for labs alone."""
    public = {"run": {"countries": ["XX"], "targets": ["192.1.2.0/30"]}, "geo": {}}
    for grab, said in (({}, "lab.example is nobody's site"),
                       ({"user_agent": "us (+https://survey.example.ie/)", "rate_hosts": 500},
                        "give --yes-fast")):
        with Run(**public, grab=grab) as run, Wire() as wire:
            need(said in run.finish(status=2), f"not said: {said}\n{run.output()}")
            need(not wire.syns(), f"{grab}: packets were sent")


def other_directory():
    """--dir takes no directory that holds other things; a config may be root's alone."""
    with Run() as run:
        run.conf.chmod(0o600)
        other = run.top / "other"
        other.mkdir(mode=0o755)
        (other / "kept").write_text("somebody's")
        text = run.finish("--dir", str(other), until="geo", status=2)
        need("holds something other" in text, f"not said:\n{text}")
        need(other.owner() == "root" and other.stat().st_mode & 0o777 == 0o755, "it was taken")
        (other / "kept").rename(other / "survey.conf")  # as a run leaves it that died early
        run.finish("--dir", str(other), until="geo")
        run.finish("--dir", str(run.top / "made"), until="geo")
        need((run.top / "made").owner() == "nobody", "the new directory's owner")


def listed():
    """scan.mode = list: the same checks, no zmap, no privileges, and IPv6."""
    table = json.loads((HERE.parent / "hosts.json").read_text())
    six = sorted(ip for ip in json.dumps(table).split('"') if ip.startswith("fd5a:") and "/" not in ip)
    chosen = TARGETS[:5] + EXPECTED["out_of_country"] + ["198.18.10.61", "198.18.20.21"]
    # zgrab2 needs an address of each family once it is given one.
    with Run(scan={"mode": "list", "source_ip": "198.19.0.2"}) as run, Wire() as wire:
        optout, listing = run.top / "opt-out", run.top / "list"
        optout.write_text("198.18.20.21\n")
        listing.write_text("# a list\n" + "\n".join(chosen + six[:1] + chosen[:2]) + "\n")
        for f in (optout, listing):
            f.chmod(0o644)
        run.settings["scan"].update(list=str(listing), opt_out_file=str(optout),
                                    zmap="/nonexistent/zmap")
        run.settings["run"]["user"] = ""
        (run.top / "runs").mkdir()
        os.chown(run.top / "runs", 65534, 65534)
        run.write(run.settings)
        run.finish(prefix=["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                           "--no-new-privs"])
        got = sorted(r["ip"] for r in run.records())
        need(got == sorted(TARGETS[:5] + six[:1]), f"grabbed: {got}")
        abroad = (run.dir / "out-of-country.ips").read_text().split()
        need(sorted(abroad) == sorted(EXPECTED["out_of_country"]), f"out of country: {abroad}")
        asked = {dst for _, dst, _ in wire.syns()}
        need(asked == set(TARGETS[:5]), f"packets to {sorted(asked)}")
        if six:
            row = next(r for r in run.records() if r["ip"] == six[0])
            fine = [p for p in ("p22", "p25", "p443") for d in row[p]["data"].values()
                    if d["status"] == "success"]
            need(fine, f"nothing was got over IPv6: {json.dumps(row)[:600]}")
        for r in run.records():
            need("no suitable address" not in json.dumps(r), f"a port was never dialed: {json.dumps(r)[:600]}")


def lists():
    """Lists and block lists in the forms in which people have them; what is refused is named."""
    def grab(name, text, status=0, block=""):
        listing, blocked = run.top / name, run.top / "block"
        listing.write_text(text, newline="")
        blocked.write_text(block or "# nothing\n")
        run.settings["scan"].update(list=str(listing), block_files=[str(blocked)])
        run.write(run.settings)
        said = run.finish("--new", status=status)
        return sorted(r["ip"] for r in run.records()), said

    with Run(scan={"mode": "list", "source_ip": "198.19.0.2"}) as run:
        mixed = ("\ufeff# by hand\r\n198.18.10.11\r\n\r\n198.18.10.12/31 ; two\r\n"
                 "198.18.10.14 - 198.18.10.15\r\n198.18.10.21 mx.example\r\n198.18.0.0/8\r\n"
                 "10.0.0.0/8\r\n::/0\r\nmx.example\r\n198.18.10.11")
        got, said = grab("mixed", mixed, status=3, block="::ffff:0:0/96\n::ffff:198.18.10.15/128\n")
        need(got == [f"198.18.10.{n}" for n in (11, 12, 13, 14, 21)], f"grabbed: {got}")
        for text in ('mixed:7: "198.18.0.0/8": bits are set', 'mixed:8: "10.0.0.0/8": the prefixes',
                     'mixed:9: "::/0": the prefixes', 'mixed:10: "mx.example": no address'):
            need(text in said, f"not said: {text}\n{said[-3000:]}")

        # What real ZMap writes, hosts that refused included.
        for kind in ("csv", "json"):
            for _ in range(5):  # seen once: ZMap 2.1.1 aborts
                zmap = subprocess.run(
                    ["zmap", "-C", "/dev/null", "-p", "993", "-i", "scan0", "-G", gateway_mac(), "-B", "10M",
                     "-c", "1", "-b", "/dev/null", "-q", "-O", kind, "-f", "*", "198.18.10.0/27"],
                    env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}, capture_output=True,
                    text=True, check=False)
                if zmap.returncode == 0:
                    break
            need(zmap.returncode == 0, f"zmap ended with {zmap.returncode}: {zmap.stderr}")
            out = zmap.stdout
            answered = {re.search(r"198\.18\.10\.\d+", row)[0]
                        for row in out.splitlines() if "synack" in row}
            need("rst" in out and answered, f"zmap printed:\n{out}")
            got, said = grab("zmap." + kind, out)
            need(got == sorted(answered & set(TARGETS)), f"grabbed: {got} of\n{out}")
            need("lines say that the port is closed" in said, said[-2000:])

        got, said = grab("masscan", "#masscan\nopen tcp 25 198.18.10.11 1690000000\n"
                         "closed tcp 25 198.18.10.12 1690000000\n# end\n")
        need(got == ["198.18.10.11"], f"grabbed: {got}")
        got, said = grab("json", '[\n{ "ip": "198.18.10.11", "ports": [ {"status": "open"} ] }\n,\n'
                         '{"saddr": "198.18.10.12"},\n]\n')
        need(got == ["198.18.10.11", "198.18.10.12"], f"grabbed: {got}")

        # Half a block list is none: nothing is sent.
        got = run.settings["scan"]
        bad = "198.18.10.11\n" + "198.18.10.12 255.255.255.255\n" * 23
        with Wire() as wire:
            (run.top / "bad").write_text(bad)
            got.update(block_files=[str(run.top / "bad")])
            run.write(run.settings)
            said = run.finish("--new", status=2)
            need(not wire.syns(), f"packets: {wire.syns()}")
        need(said.count("255.255.255.255\": more behind") == 20 and "and 3 more lines" in said and
             "23 lines are refused" in said, said[-4000:])


def databases():
    """A run takes the databases that geo takes, and looks at them before it trusts them."""
    def grab(status=0, **geo):
        run.settings["geo"] = geo
        run.write(run.settings)
        said = run.finish("--new", status=status)
        if status == 0:
            need(sorted(r["ip"] for r in run.records()) == TARGETS[:3], "not all were grabbed")
            systems = {(r["autonomous_system"]["asn"], r["autonomous_system"]["name"]) for r in run.records()}
            return systems, {r["location"]["country_code"] for r in run.records()}
        return said

    with Run(scan={"mode": "list", "source_ip": "198.19.0.2"}) as run:
        listing, folder = run.top / "list", run.top / "csv"
        listing.write_text("".join(f"{ip}\n" for ip in TARGETS[:3]))
        run.settings["scan"]["list"] = str(listing)
        lite, ases = Writer("ipinfo lite", "test"), Writer("ip-to-asn", "test")
        lite.insert("198.18.0.0/15", {"country_code": "IE", "country": "Ireland", "asn": "AS64500",
                                      "as_name": "Lite"})
        ases.insert("198.18.0.0/15", {"asn": "64501", "org": "Own", "country_code": "US"})
        for writer, name in ((lite, "lite.mmdb"), (ases, "asn.mmdb")):
            writer.write(run.top / name)
            (run.top / name).chmod(0o644)
        folder.mkdir()
        (run.top / "empty").mkdir()
        (folder / "asn-ipv4.csv").write_text('198.18.0.0,198.19.255.255,64502,"Rows, Ltd"\n')
        (folder / "asn-ipv6.csv").write_text("2001:db8::,2001:db8::ffff,64503,Six\n")
        (folder / "dbip-country.csv").write_text("198.18.0.0,198.19.255.255,IE\n")
        only_ases = run.top / "only-ases"
        shutil.copytree(folder, only_ases, ignore=shutil.ignore_patterns("*country*"))
        country = str(LAB / "mmdb/GeoLite2-Country.mmdb")
        for want, geo in (
                ({(64500, "Lite")}, {"country_mmdb": str(run.top / "lite.mmdb"),
                                     "asn_mmdb": str(run.top / "lite.mmdb")}),
                ({(64501, "Own")}, {"country_mmdb": country, "asn_mmdb": str(run.top / "asn.mmdb")}),
                ({(64502, "Rows, Ltd")}, {"country_mmdb": country, "csv": str(folder)}),
                ({(64502, "Rows, Ltd")}, {"csv": str(folder)}),
                ({(64502, "Rows, Ltd")}, {"country_mmdb": str(folder / "dbip-country.csv"),
                                          "asn_mmdb": str(folder / "asn-ipv4.csv")})):
            got = grab(**geo)
            need(got == (want, {"IE"}), f"{geo}: {got}")
        for said, geo in (
                ("no country codes but AS numbers; its records hold asn, org, country_code",
                 {"country_mmdb": str(run.top / "asn.mmdb")}),
                ("no AS numbers but country codes; its records hold continent{",
                 {"country_mmdb": country, "asn_mmdb": country}),
                ("no AS numbers but country codes; its first row is 198.18.0.0",
                 {"country_mmdb": country, "asn_mmdb": str(folder / "dbip-country.csv")}),
                # Else every host would count as abroad.
                ("none, and run.countries needs it", {"csv": str(only_ases)}),
                ("none, and run.countries needs it", {"csv": str(only_ases), "asn_mmdb": str(run.top / "lite.mmdb")}),
                ("empty: no CSV file in it", {"csv": str(run.top / "empty")})):
            text = grab(status=2, **geo)
            need(said in text, f"{geo}: not said: {said}\n{text[-2000:]}")


def gateway_mac():
    """Of the lab's router, as survey finds it out."""
    out = subprocess.run(["ip", "-4", "-j", "neigh", "show", "dev", "scan0"], capture_output=True,
                         text=True, check=True).stdout
    return next(n["lladdr"] for n in json.loads(out) if "lladdr" in n)


def terminal():
    """On a terminal of 80 columns every figure is seen, and the block leaves nothing behind."""
    with Run(grab={"rate_hosts": 20}, scan={"shards": 1, "cooldown_s": 3}) as run:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        p = subprocess.Popen([SURVEY, "run", str(run.conf), "--until", "grab"],
                             stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                             env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        seen = b""
        while chunk := read_or_eof(ours):
            seen += chunk
        os.close(ours)
        need(p.wait(30) == 0, f"exit status {p.returncode}")
        text = seen.decode()
        need("993=" in text and " errors" in text and " hits" in text, f"seen:\n{text[-2000:]}")
        need("hits, waiting for late answers" in text and " left" in text, f"seen:\n{text[-2000:]}")
        for block in text.split("\x1b[J")[:-1]:
            lines = block.split("\r\n")
            live = [line for line in lines if line.startswith(("scan ", "grab ", "     "))]
            need(all(len(line) < 80 for line in live), f"too long for the terminal: {live}")
            up = block.rsplit("\r\x1b[", 1)
            need(len(up) == 2 and int(up[1].rstrip("A")) == len(live), f"lines and {up[1:]}: {live}")


def read_or_eof(fd):
    try:
        return os.read(fd, 65536)
    except OSError:  # EIO: the other end has closed
        return b""


def signalled_early(run, sig):
    """A survey that has had a signal while it read its list, which is a pipe; its list ends after that."""
    opted_out = run.top / "opt-out"
    opted_out.write_text("# nobody\n")
    opted_out.chmod(0o644)
    run.settings["scan"].update(mode="list", list="-", opt_out_file=str(opted_out), source_ip="198.19.0.2")
    run.write(run.settings)
    read, write = os.pipe()
    p = subprocess.Popen([SURVEY, "run", str(run.conf), "--until", "grab"], stdin=read, stdout=run.log,
                         stderr=run.log)
    os.write(write, "".join(f"{ip}\n" for ip in TARGETS).encode())
    wait_for(lambda: struct.unpack("i", fcntl.ioctl(read, termios.FIONREAD, bytes(4)))[0] == 0 or
             p.poll() is not None, "the list to be read")
    os.close(read)
    p.send_signal(sig)
    os.close(write)
    return p


def quiet():
    """Within quiet hours nothing is sent, be the hosts found or listed, nor after an early signal to end."""
    with Run() as run, Wire() as wire:
        seen, tool = run.top / "seen", run.top / "zgrab2"
        seen.mkdir()
        seen.chmod(0o777)
        tool.write_text(f'#!/bin/sh\n[ "$1" != multiple ] || : >{seen}/started\nexec {shutil.which("zgrab2")} "$@"\n')
        tool.chmod(0o755)
        run.settings["grab"]["zgrab2"] = str(tool)
        need(signalled_early(run, signal.SIGTERM).wait(30) == 130, run.output()[-2000:])
        need((run.dir / "zmap.ips").read_text().split() == TARGETS, "it had not read the list: this shows nothing")
        need(not list(seen.iterdir()) and not wire.syns(), "zgrab2 was started after SIGTERM")
    now = time.time()
    hours = time.strftime("%H:%M", time.localtime(now - 120)) + "-" + \
        time.strftime("%H:%M", time.localtime(now + 600))
    for mode in ("zmap", "list", "early"):
        with Run(scan={"quiet_hours": hours, "mode": mode if mode == "zmap" else "list"}) as run, Wire() as wire:
            listing = run.top / "list"
            listing.write_text("".join(f"{ip}\n" for ip in TARGETS))
            listing.chmod(0o644)
            if mode == "list":
                run.settings["scan"]["list"] = str(listing)
                run.write(run.settings)
            p = run.start() if mode != "early" else signalled_early(run, signal.SIGHUP)
            wait_for(lambda: (run.top / "runs/latest/zmap.ips").exists(), "the run")
            time.sleep(4)
            need(mode != "early" or "read again" in run.output(), "SIGHUP was not seen: this shows nothing")
            p.send_signal(signal.SIGINT)
            need(p.wait(30) == 130, f"exit status {p.returncode}")
            need(not wire.syns(), f"sent in quiet hours, {mode}: {wire.syns()[:3]}")
    with Run(scan={"mode": "list", "source_ip": "198.19.0.2"}) as run:  # nor is a name asked
        listing = run.top / "list"
        listing.write_text("".join(f"{ip}\n" for ip in TARGETS[:6]))
        listing.chmod(0o644)
        run.settings["scan"]["list"] = str(listing)
        run.write(run.settings)
        run.finish()
        run.settings["scan"]["quiet_hours"] = hours
        run.write(run.settings)
        with Wire() as wire:
            p = run.start("--force", until="dns")
            wait_for(lambda: p.poll() is not None or run.manifest()["counts"]["dns_asked"] > 0, "names to wait")
            time.sleep(2)
            need(p.poll() is None, f"it ended with {p.returncode} in quiet hours\n{run.output()[-2000:]}")
            p.send_signal(signal.SIGINT)
            need(p.wait(30) == 130, f"exit status {p.returncode}")
            sent = [(dst, port) for _, out, _, dst, port, _ in wire.packets if out]
            need(not sent, f"sent in quiet hours: {sent[:3]}")
            del run.settings["scan"]["quiet_hours"]
            run.write(run.settings)
            run.finish("--force", until="dns")
            counts = run.manifest()["counts"]
            need(counts["dns_answered"] == counts["dns_asked"] > 0, f"{counts}")
    with Run(scan={"quiet_hours": "00:05-24:00", "cooldown_s": 600}) as run, Wire() as wire:
        text = run.finish(status=2)  # five minutes a day
        need("leaves 5m" in text and "takes 10m" in text and "1407 addresses" in text, f"not said:\n{text}")
        need(not wire.syns(), "packets were sent")


def per_network():
    """No /24 is asked faster than its limit, while others go on."""
    limit = 2.0
    with Run(grab={"rate_hosts": 50, "rate_per_24": limit}) as run, Wire() as wire:
        run.finish()
        check_complete(run)
        first = {}
        for t, dst, port in wire.syns():
            if port == 443:  # once for each host that is grabbed
                first.setdefault(dst, t)
        nets = {}
        for dst, t in first.items():
            nets.setdefault(dst.rsplit(".", 1)[0], []).append(t)
        for net, times in nets.items():
            times.sort()
            for a, b in zip(times, times[4:]):  # zgrab2 has its own delays: four steps together
                need(b - a > 4 / limit * 0.9, f"{net}: five hosts within {b - a:.3f} s")
        need(any(len(t) > 8 for t in nets.values()), "no network with several hosts")


CASES = {f.__name__: f for f in (
    stopped_zgrab2, stopped_zmap, disk_full, read_only, two_runs, trickling, opt_out, opt_out_told, clock_jump,
    root_way, lost_guard, planted_link, user_way, target_files, preflight, limits,
    other_directory,
    listed, lists, databases, terminal, quiet, per_network)}

CASES[sys.argv[2]]()
print("as it should be")
