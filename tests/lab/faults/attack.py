"""attack.py SURVEY CASE: run.user, who owns the run directory, against root; hostile places and tools."""

import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
LAB_SOURCE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(LAB_SOURCE))

from labkit import geo, table  # noqa: E402
from surveyor import (EXPECTED, LAB, SURVEY, TARGETS, Run, Wire, check_complete, need, tools, wait_for)  # noqa: E402

NOBODY = 65534
SECRET = "hunter2secret"
LACKING = "198.18.30.0/23"  # in a database of another month
ELSEWHERE = ipaddress.ip_network("198.18.200.0/24")  # not in run.countries, not in run.targets


def as_nobody(*argv, **more):
    return subprocess.run(["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY),
                           "--clear-groups", *map(str, argv)], check=True, **more)


def put_as_nobody(path, text):
    as_nobody("sh", "-c", 'rm -rf "$1"; cat >"$1"', "-", path, input=text.encode())


def shards(run, state):
    try:
        return sum(s["state"] == state for s in run.manifest()["scan"]["shards"])
    except OSError:
        return 0


def stop_in_scan(run, done=2, **more):
    """A run that was killed after some shards, before others."""
    p = run.start(**more)
    wait_for(lambda: p.poll() is not None or shards(run, "done") >= done, "shards")
    need(p.poll() is None, f"survey ended early ({p.returncode})\n{run.output()[-3000:]}")
    p.send_signal(signal.SIGINT)
    need(p.wait(60) == 130, f"exit status {p.returncode}\n{run.output()[-3000:]}")
    left = run.manifest()["scan"]["shards"]
    need(any(s["state"] != "done" for s in left), "the scan was over: this shows nothing")
    return run.manifest()


def probed(wire, network):
    return sorted({dst for _, dst, port in wire.syns()
                   if port == 25 and ipaddress.ip_address(dst) in ipaddress.ip_network(network)})


def lists_rewritten():
    """What run.user writes into his directory decides no packet of root's, and shows no file of root's."""
    with Run(scan={"rate_pps": 300, "shards": 6}) as run, Wire() as wire:
        before = stop_in_scan(run)
        secret = run.top / "secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        (run.dir / "scan").rename(run.dir / "scan.old")
        for path in (run.dir / "cidrs.v4", run.dir / "scan" / "block.v4"):
            as_nobody("mkdir", "-p", path.parent)
            put_as_nobody(path, f"{ELSEWHERE}\n")
        as_nobody("sh", "-c", 'cp "$0"/shard-* "$1"', run.dir / "scan.old", run.dir / "scan")
        said = run.output()
        run.finish(until="scan")
        need(not probed(wire, ELSEWHERE), f"root's zmap sent to {probed(wire, ELSEWHERE)[:5]}")
        after = run.manifest()["scan"]["shards"]
        repeated = [s for s in after if s["attempts"] > 1 and s["number"] in
                    {b["number"] for b in before["scan"]["shards"] if b["state"] == "done"}]
        need(not repeated, f"the lists are what they were, and yet: {repeated}")
        need("begin anew" not in run.output()[len(said):], "begun anew for nothing")
        need(set((run.dir / "zmap.ips").read_text().split()) == set(EXPECTED["hits"]), "hits are missing")
    with Run(scan={"rate_pps": 300, "shards": 6}) as run:
        stop_in_scan(run)
        secret = run.top / "secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        for path in (run.dir / "cidrs.v4", run.dir / "scan/block.v4"):
            as_nobody("ln", "-sfn", secret, path)
        run.finish(until="scan")
        shown = run.output() + (run.dir / "survey.log").read_text()
        need(SECRET not in shown, "a file of root's is shown")
        need(secret.read_text() == SECRET + "\n", "a file of root's was written")


def forged_record():
    """A record that root cannot have made is none: everything is scanned again, with root's lists."""
    with Run(scan={"rate_pps": 300, "shards": 6}) as run, Wire() as wire:
        stop_in_scan(run)
        real, own = run.dir, run.top / "own"
        own.mkdir()
        os.chown(own, NOBODY, NOBODY)
        as_nobody("cp", "-a", real, own / "copy")
        shutil.rmtree(real)
        (own / "copy").rename(real)
        put_as_nobody(real / "lists.sha256", "0" * 64 + "  lists\n")
        text = run.finish(until="scan")
        need("begin anew" in text and "only we can have written" in text, f"not said:\n{text[-2000:]}")
        after = run.manifest()["scan"]["shards"]
        need(all(s["state"] == "done" for s in after), f"shards: {after}")
        need(not probed(wire, ELSEWHERE), "elsewhere")
        need(set((run.dir / "zmap.ips").read_text().split()) == set(EXPECTED["hits"]), "hits are missing")


def change_lists(run, prefix=()):
    """Each thing that lists are made from changes between two sessions."""
    opt_out, block, country = (run.top / n for n in ("opt-out", "block", "country.mmdb"))
    opt_out.write_text("# nobody\n")
    shutil.copy(LAB / "block.txt", block)
    shutil.copy(run.settings["geo"]["country_mmdb"], country)
    run.settings["scan"].update(opt_out_file=str(opt_out), block_files=[str(block)])
    run.settings["geo"]["country_mmdb"] = str(country)
    for f in (opt_out, block, country):
        f.chmod(0o644)
    run.write(run.settings)
    stop_in_scan(run, prefix=prefix, until="scan")
    known = (run.dir / "zmap.ips").read_text().split()
    need(known, "nothing was found before: this shows nothing")

    def again(what, network):
        was = run.manifest()["scan"]
        said = run.output()
        with Wire() as wire:
            p = run.start(until="scan", prefix=prefix)
            wait_for(lambda: p.poll() is not None or "continuing" in run.output()[len(said):] and
                     shards(run, "done") >= 1, "a shard")
            p.send_signal(signal.SIGINT)
            need(p.wait(60) == 130, f"exit status {p.returncode}\n{run.output()[-3000:]}")
            asked = probed(wire, network)
        new = run.output()[len(said):]
        need("begin anew" in new and what in new, f"{what} is not said:\n{new}")
        need(f"the {len(known)} known hits stay" in new, f"hits: {new}")
        need(run.manifest()["scan"]["lists_sha256"] != was["lists_sha256"], "run.json: lists_sha256")
        need(not asked, f"asked after {what}: {asked[:5]}")
        need(set(known) <= set((run.dir / "zmap.ips").read_text().split()), "known hits are gone")

    taken = ["198.18.10.32/27", "198.18.20.32/27"]
    with opt_out.open("a") as f:
        f.write(taken[0] + "\n")
    again("scan.opt_out_file", taken[0])
    known = (run.dir / "zmap.ips").read_text().split()
    with block.open("a") as f:
        f.write(taken[1] + "\n")
    again("scan.block_files", taken[1])
    known = (run.dir / "zmap.ips").read_text().split()
    shutil.copy(LAB / "mmdb/smaller.mmdb", country.with_suffix(".new"))
    country.with_suffix(".new").chmod(0o644)
    country.with_suffix(".new").rename(country)
    again("the networks of the databases", LACKING)
    run.finish(until="scan", prefix=prefix)
    need(run.manifest()["scan"]["shards"], "no shards")
    need(all(s["state"] == "done" for s in run.manifest()["scan"]["shards"]), "not all shards are done")
    said = run.output()
    run.finish(until="grab", prefix=prefix)
    need("begin anew" not in run.output()[len(said):], "begun anew with the same lists")
    got = {r["ip"] for r in run.records()}
    gone = [ipaddress.ip_network(n) for n in (*taken, LACKING)]
    left = [ip for ip in TARGETS if not any(ipaddress.ip_address(ip) in n for n in gone)]
    need(sorted(got) == left, f"grabbed: {sorted(got ^ set(left))}")


def smaller_database():
    """The lab's country database without one of its networks."""
    networks = table.Table(LAB_SOURCE / "hosts.json").networks
    geo.write_country([n for n in networks if str(n.net) != LACKING], LAB / "mmdb/smaller.mmdb")


def lists_changed():
    """Other lists: all shards begin anew, known hits stay, and the log says why.  As root."""
    smaller_database()
    with Run(scan={"rate_pps": 300, "shards": 6}) as run:
        change_lists(run)


def lists_changed_user():
    """The same as a user with a file capability on zmap."""
    smaller_database()
    with Run(scan={"rate_pps": 300, "shards": 6}) as run:
        zmap = run.top / "zmap"
        shutil.copy("/usr/sbin/zmap", zmap)
        zmap.chmod(0o755)
        subprocess.run(["setcap", "cap_net_raw=ep", str(zmap)], check=True)
        run.settings["scan"]["zmap"] = str(zmap)
        run.settings["run"]["user"] = ""
        (run.top / "runs").mkdir()
        os.chown(run.top / "runs", NOBODY, NOBODY)
        change_lists(run, prefix=["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY),
                                  "--clear-groups", "--inh-caps=-all", "--bounding-set", "+all"])


def places():
    """run.directory and --dir lead where root, or run.user, says; nobody else, and by no link."""
    def refused(run, *args, said):
        text = run.output()
        run.finish(*args, until="geo", status=2)
        need(said in run.output()[len(text):], f"{said!r} is not said:\n{run.output()[-2000:]}")

    with Run() as run:
        theirs, ours = run.top / "theirs", run.top / "ours"
        for d in (theirs, ours):
            d.mkdir()
        os.chown(theirs, NOBODY, NOBODY)
        (ours / "empty").mkdir()
        (ours / "latest").write_text("root's")
        as_nobody("ln", "-s", ours, theirs / "way")
        for where in (theirs / "way", theirs / "way/deep"):
            run.settings["run"]["directory"] = str(where)
            run.write(run.settings)
            refused(run, said="theirs/way is a link")
        refused(run, "--dir", str(theirs / "way/empty"), said="theirs/way is a link")
        need((ours / "empty").owner() == "root", "root's own directory was given away")
        need((ours / "latest").read_text() == "root's", "root's own file was replaced")
        need(sorted(os.listdir(ours)) == ["empty", "latest"], f"made there: {os.listdir(ours)}")
        # Somebody else's folder above, and one into which anybody writes.
        os.chown(theirs, 1, 1)
        run.settings["run"]["directory"] = str(theirs / "runs")
        run.write(run.settings)
        refused(run, said="theirs belongs to daemon")
        os.chown(theirs, 0, 0)
        theirs.chmod(0o777)
        refused(run, said="others can write to")
        theirs.chmod(0o1777)  # as /tmp
        run.finish(until="geo")
        need((theirs / "runs").owner() == "root" and run.dir.owner() == "nobody", "owners in a sticky folder")
        # A file that is not a link of ours keeps the name "latest".
        run.settings["run"]["directory"] = str(ours)
        run.write(run.settings)
        run.finish(until="geo")
        need((ours / "latest").read_text() == "root's", "root's own file was replaced")
        need("is not a link that survey made" in run.output(), "not said")
        # run.user's own folder: what is made there is made by run.user.
        mine = run.top / "mine"
        mine.mkdir()
        os.chown(mine, NOBODY, NOBODY)
        run.settings["run"]["directory"] = str(mine / "a/b")
        run.write(run.settings)
        run.finish(until="geo")
        made = [mine / "a", mine / "a/b", run.dir, mine / "a/b/latest"]
        need(all(f.lstat().st_uid == NOBODY for f in made), f"owners: {[f.lstat().st_uid for f in made]}")


def path_entries():
    """Neither an empty nor a relative entry of PATH is looked at, nor a tool that others can change."""
    with Run() as run:
        run.finish(until="geo")
        trap = run.dir / "bin"
        as_nobody("mkdir", trap)
        for name in ("zmap", "zgrab2", "unbound"):
            put_as_nobody(trap / name, f"#!/bin/sh\nid >>{run.top}/trapped\nexec sleep 60\n")
            as_nobody("chmod", "0755", trap / name)
            put_as_nobody(run.dir / name, f"#!/bin/sh\nid >>{run.top}/trapped\nexec sleep 60\n")
            as_nobody("chmod", "0755", run.dir / name)
        (run.top / "trapped").touch()
        (run.top / "trapped").chmod(0o666)
        env = {**os.environ, "PATH": "bin::./bin:" + os.environ["PATH"] + ":."}
        run.finish(until="grab", env=env)
        need((run.top / "trapped").read_text() == "", f"ran: {(run.top / 'trapped').read_text()}")
        check_complete(run)
        for way in ("own", "folder", "link"):
            tool = run.top / way / "zmap"
            tool.parent.mkdir()
            tool.write_bytes(Path("/usr/sbin/zmap").read_bytes())
            tool.chmod(0o755)
            if way == "own":
                os.chown(tool, NOBODY, NOBODY)
            elif way == "folder":
                os.chown(tool.parent, NOBODY, NOBODY)
            else:
                tool.unlink()
                tool.symlink_to("/usr/sbin/zmap")
                os.chown(tool, NOBODY, NOBODY, follow_symlinks=False)
            run.settings["scan"]["zmap"] = str(tool)
            run.write(run.settings)
            said = run.output()
            run.finish("--new", until="scan", status=2)
            need("root does not start" in run.output()[len(said):], f"{way}: not said")


def secrets():
    """What root's environment holds, no tool is told."""
    with Run(scan={"rate_pps": 100, "shards": 1}) as run:
        p = run.start(env={**os.environ, "ROOTS_SECRET": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET})
        wait_for(lambda: tools("zmap") and tools("zgrab2"), "zmap and zgrab2")
        for pid in tools("zmap", "zgrab2"):
            env = Path(f"/proc/{pid}/environ").read_bytes().decode()
            need(SECRET not in env and "PATH=" in env, f"the environment of {pid}: {env}")
            need("SSL_CERT_FILE=" in env, "the lab's certificates are not passed on")
            open_files = {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
            need(not any("survey.log" in f or "run.json" in f or "/lock" in f for f in open_files),
                 f"open files of {pid}: {open_files}")
        p.send_signal(signal.SIGINT)
        p.send_signal(signal.SIGINT)
        p.wait(60)


def opt_out_unreadable():
    """An opt-out file is run.user's to read from the start; one that cannot be read again stops the grab."""
    with Run(grab={"rate_hosts": 4, "in_flight": 4}) as run:
        listed = run.top / "opt-out"
        listed.write_text("198.18.20.0/24\n")
        run.settings["scan"]["opt_out_file"] = str(listed)
        run.write(run.settings)
        for owner, group, mode in ((0, 0, 0o600), (0, 0, 0o640), (1, 1, 0o600)):
            os.chown(listed, owner, group)
            listed.chmod(mode)
            said = run.output()
            run.finish(status=2)
            need("scan.opt_out_file" in run.output()[len(said):], f"mode {mode:o} was accepted")
        os.chown(listed, 0, 0)
        listed.write_text("# nobody yet\n")
        listed.chmod(0o644)
        with Wire() as wire:
            p = run.start()
            wait_for(lambda: len(grabbed(run)) >= 4, "some records")
            listed.write_text("198.18.20.0/24\n")
            listed.chmod(0o600)
            p.send_signal(signal.SIGHUP)
            wait_for(lambda: "no host is asked any more" in run.output(), "the message")
            time.sleep(8)  # those in flight end, and some time passes in which others would be asked
            quiet = time.time()
            time.sleep(5)
            during = [dst for t, dst, port in wire.syns() if t > quiet and port != 25]
            need(p.poll() is None, "survey has ended")
            need(not during, f"asked while nobody knew who has opted out: {during[:5]}")
            before = len(grabbed(run))
            need(before < len(TARGETS) - 10, "nothing was left to ask: this shows nothing")
            need(run.output().count("no host is asked any more") == 1, "said more than once")
            listed.chmod(0o644)  # nobody need tell survey
            need(p.wait(120) == 0, f"exit status {p.returncode}\n{run.output()[-2000:]}")
            late = [dst for t, dst, port in wire.syns()
                    if t > quiet and port != 25 and dst.startswith("198.18.20.")]
        need("hosts are asked again" in run.output(), "not said")
        got = {r["ip"] for r in run.records()}
        need(not late, f"asked after the opt-out: {late[:5]}")
        need({ip for ip in TARGETS if not ip.startswith("198.18.20.")} <= got, "others were left out")


def grabbed(run):
    try:
        return (run.dir / "records.fresh").read_bytes().splitlines()
    except OSError:
        return []


def command(*args, limit=60, prefix=(), **more):
    """A survey command: its status, and what it says."""
    try:
        p = subprocess.run([*prefix, SURVEY, *map(str, args)], stdin=subprocess.DEVNULL, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit,
                           check=False, **more)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"FAILED: survey {' '.join(map(str, args))} hangs") from None
    return p.returncode, p.stdout


def foreign(top):
    """What in a directory of run.user's is not his."""
    return [str(p) for p in [top, *top.rglob("*")] if p.lstat().st_uid != NOBODY]


RESOLVER = "198.18.100.53"


def every_command(here, out):
    """By name; those that write in the directory first."""
    analyze = ("analyze", here, "--country", "IE", "--no-weak")
    return {"analyze": analyze, "refresh": (*analyze, "--dns", "refresh", "--config", out / "dns.conf"),
            "weak": ("weak", here), "graph": ("graph", here, "-c", "1", "-f", "svg"), "report": ("report", here),
            "stats": ("stats", here), "status": ("status", here), "find": ("find", here, "198.18.10.11"),
            "cluster": ("cluster", here, "1"), "compare": ("compare", here, here),
            "export": ("export", here, "--csv", out), "dns": ("dns", out / "names", "--config", out / "dns.conf",
                                                              "-o", here / "dns.ndjson")}


def commands():
    """In run.user's directory root's commands follow nothing, hang at nothing and leave nothing of root's."""
    with Run() as run:
        run.finish(until="dns")
        here, ours, out = run.dir, run.top / "ours", run.top / "out"
        secret = run.top / "secret"
        for d in (ours, out):
            d.mkdir()
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        (out / "names").write_text("mx1.example.ie\n")
        (out / "dns.conf").write_text('run { name = x }\ndns {\n mode = address\n address = "%s"\n'
                                      ' timeout_ms = 500\n tries = 1\n}\n' % RESOLVER)
        every = every_command(here, out)
        del every["dns"]  # replaces dns.ndjson
        for args in (*every.values(), ("report", run.top / "runs/latest")):
            rc, said = command(*args)
            need(rc in (0, 3), f"survey {args}: exit status {rc}\n{said}")
            need(not foreign(here), f"{args} left root's files: {foreign(here)}")
        need((out / "hosts.csv").owner() == "root", "results elsewhere are root's")
        # Elsewhere, as root, and without a trace in that directory.
        rc, said = command("analyze", here, "--country", "IE", "-o", out / "again")
        need(rc in (0, 3), f"analyze -o: exit status {rc}\n{said}")
        need((out / "again/clusters.json").owner() == "root", "results elsewhere are root's")
        need((out / "again/clusters.json").read_bytes() == (here / "clusters.json").read_bytes(), "results")
        rc, said = command("report", here, "--anonymise", "-o", out / "copy")
        need(rc == 0, f"report --anonymise: exit status {rc}\n{said}")
        need((here / "anonymise.key").exists() and not foreign(here), f"--anonymise left {foreign(here)}")
        run.finish(until="report")  # and the run goes on
        planted(run, every_command(here, out), ours, secret)
        # The way there is somebody else's.
        theirs = run.top / "theirs"
        theirs.mkdir()
        os.chown(theirs, NOBODY, NOBODY)
        shutil.copytree(out / "again", ours / "run")
        as_nobody("ln", "-s", ours / "run", theirs / "latest")
        before = sorted(os.listdir(ours / "run"))
        rc, said = command("report", theirs / "latest")
        need(rc == 2 and "root does not write into" in said, f"led into root's own directory: {rc}\n{said}")
        need(sorted(os.listdir(ours / "run")) == before, "made there")


def planted(run, every, ours, secret):
    """Links to root's files and directories, links to nothing, and pipes, under the names of a run directory."""
    here, good = run.dir, run.top / "good"
    subprocess.run(["cp", "-a", str(here), str(good)], check=True)
    users = {"lock": "analyze", "run.json": "status stats", "records.fresh": "analyze", "records.bad": "analyze",
             "dns.ndjson": "analyze refresh dns", "survey.db": "report find weak", "survey.db-journal": "stats",
             "anonymise.key": "", "report": "report", "graphs": "graph", "report/index.html": "report",
             "graphs/legend.svg": "graph", "weak.json": "weak"}
    for kind in ("pipe", "link", "dangling"):
        for name, some in users.items():
            if kind == "dangling" and name not in ("lock", "dns.ndjson"):
                continue
            for f in here.iterdir():
                shutil.rmtree(f) if f.is_dir() and not f.is_symlink() else f.unlink()
            subprocess.run(["cp", "-a", f"{good}/.", str(here)], check=True)
            at = here / name
            if at.is_dir():
                shutil.rmtree(at)
            as_nobody("rm", "-f", at)
            if kind == "pipe":
                as_nobody("mkfifo", at)
            else:
                to = ours if name in ("report", "graphs") else secret if kind == "link" else ours / "new"
                as_nobody("ln", "-s", to, at)
            calls = [every[c] for c in some.split()] or [("report", here, "--anonymise", "-o", run.top / "c" / kind)]
            for args in calls:
                rc, said = command(*args)  # whatever its status: it ends
                need(rc in (0, 1, 2, 3), f"{args}, {name} is a {kind}: {rc}\n{said}")
                left = sorted(os.listdir(ours))
                need(not left, f"{args[0]} followed {name} ({kind}) and made {left}")
                need(secret.read_text() == SECRET + "\n" and SECRET not in said, f"{args[0]} followed {name} ({kind})")
                need(not foreign(here), f"{args[0]}, {name} ({kind}): root's {foreign(here)}")


def commands_user():
    """One user's command in another one's directory follows no link of that one's."""
    as_daemon = ["setpriv", "--reuid", "1", "--regid", "1", "--clear-groups"]
    with Run() as run:
        run.finish(until="analyze")
        here, mine = run.dir, run.top / "mine"
        for f in [here, *here.rglob("*")]:
            os.chmod(f, 0o777 if f.is_dir() else 0o666)
        mine.mkdir()
        (mine / "diary").write_text("mine\n")
        for f in (mine, mine / "diary"):
            os.chown(f, 1, 1)
        rc, said = command("report", here, prefix=as_daemon)
        need(rc == 0, f"a directory that is shared: {rc}\n{said}")
        shutil.rmtree(here / "report")
        as_nobody("ln", "-s", mine, here / "report")
        as_nobody("rm", here / "dns.ndjson")
        as_nobody("ln", "-s", mine / "diary", here / "dns.ndjson")
        for args in (("report", here), ("analyze", here, "--country", "IE", "--no-weak", "--dns", "refresh",
                                        "--resolver", RESOLVER)):
            rc, said = command(*args, prefix=as_daemon)
            need(rc in (1, 2) and "symbolic link" in said, f"{args[0]}: exit status {rc}\n{said}")
            need(os.listdir(mine) == ["diary"] and (mine / "diary").read_text() == "mine\n",
                 f"{args[0]} followed a link: {os.listdir(mine)}")


CASES = {f.__name__: f for f in (
    lists_rewritten, forged_record, lists_changed, lists_changed_user, places, path_entries, secrets,
    opt_out_unreadable, commands, commands_user)}

CASES[sys.argv[2]]()
print("as it should be")
