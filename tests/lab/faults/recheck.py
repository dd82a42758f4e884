"""survey notify and recheck with real servers: recheck.py SURVEY

Five hosts have one SSH host key.  Two get keys of their own, one opts out; recheck tells exactly
that, to whoever may ask, once a day, and compare says the same of its directory.  A host that drops
all packets is silent, and open; root works as the owner of the run.
"""

import json
import os
import signal
import subprocess
import time

from keyed import fingerprint, listening, make_key, serve, stop
from surveyor import LAB, SURVEY, Run, in_tgt, need, wait_for

HOSTS = [f"198.18.20.{i}" for i in range(101, 106)]
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


def survey(*args, status=0):
    p = subprocess.run([*NOBODY, SURVEY, *map(str, args)], capture_output=True, text=True, check=False, timeout=120)
    need(p.returncode == status, f"survey {args}: status {p.returncode}, not {status}\n{p.stderr}{p.stdout}")
    return p.stdout, p.stderr


def main():
    with Run() as run:
        old, new = make_key(run.top, "old"), [make_key(run.top, f"new{i}") for i in range(2)]
        servers = {ip: serve(run.top, ip, old) for ip in HOSTS}
        try:
            check(run, old, new, servers)
        finally:
            for pid in servers.values():
                stop(pid)


def check(run, old, new, servers):
    for ip in HOSTS:
        wait_for(lambda ip=ip: listening(ip), f"sshd of {ip}")
    hosts, opt_out = run.top / "list", run.top / "opt-out"
    hosts.write_text("\n".join(HOSTS) + "\n", encoding="utf-8")
    opt_out.write_text("", encoding="utf-8")
    for f in (hosts, opt_out):
        f.chmod(0o644)
    run.settings["grab"]["ports"] = ["22"]
    scan = run.settings["scan"]
    run.settings["scan"] = {"mode": "list", "list": str(hosts), "block_files": scan["block_files"]}
    run.write(run.settings)
    run.finish(until="analyze")
    first = run.dir
    out = run.top / "out"
    out.mkdir()
    os.chown(out, 65534, 65534)
    survey("notify", first, "-o", out / "told")
    told = json.loads((out / "told/notify.json").read_text(encoding="utf-8"))["constituencies"]
    need(sorted(ip for c in told for ip in c["hosts"]) == sorted(HOSTS), f"told: {told}")

    for ip, key in zip(HOSTS[:2], new):
        stop(servers[ip])
        servers[ip] = serve(run.top, ip, key)
        wait_for(lambda ip=ip: listening(ip), f"the new sshd of {ip}")
    opt_out.write_text(HOSTS[4] + "\n", encoding="utf-8")
    run.settings["scan"] = {**scan, "opt_out_file": str(opt_out)}  # with zmap, which is not to run
    run.write(run.settings)
    conf = run.conf
    survey("recheck", first, "--config", conf, status=2)
    survey("recheck", first, "--config", conf, "--cluster", "99", status=2)
    began = time.time()
    text, _ = survey("recheck", first, "--config", conf, "--since-notify", out / "told", "-o", out / "again", "-f", "json", status=3)
    result = json.loads(text)
    have = {k["ip"]: (k["port"], k["key"], k["state"], k["replaced_by"]) for k in result["keys"]}
    was = fingerprint(old)
    want = {HOSTS[0]: (22, was, "replaced", fingerprint(new[0])), HOSTS[1]: (22, was, "replaced", fingerprint(new[1])),
            HOSTS[2]: (22, was, "still there", None), HOSTS[3]: (22, was, "still there", None),
            HOSTS[4]: (22, was, "not asked", None)}
    need(have == want, f"recheck tells {have}")
    counts = json.loads((out / "again/run.json").read_text(encoding="utf-8"))["counts"]
    need((counts["hits"], counts["opted_out"], counts["records"], counts["probed"]) == (5, 1, 4, 0), f"counts {counts}")
    # The result is a run directory.
    changed = json.loads(survey("compare", first, out / "again", "-f", "json")[0])["hosts"]["changed"]
    need(changed == 2 or sorted(changed) == sorted(HOSTS[:2]), f"compare: {changed}")
    text = survey("notify", out / "again", "-o", out / "told again", "--since", first, "--draft")[1]
    index = (out / "told again/index.csv").read_text(encoding="utf-8")
    need((out / "told again").is_dir() and index.count("\n") >= 2, f"notify --since: {index}")
    # Once a day, and with --again once more.
    text, _ = survey("recheck", first, "--config", conf, "--cluster", "1", "-o", out / "second", "-f", "json", status=3)
    result = json.loads(text)
    need(([(k["ip"], k["state"]) for k in result["keys"]], result["asked_within_a_day"]) == ([(HOSTS[4], "not asked")], 4),
         f"asked twice in {time.time() - began:.0f} s: {text}")
    for ip in HOSTS[2:4]:
        stop(servers[ip])
        servers[ip] = serve(run.top, ip, new[0])
        wait_for(lambda ip=ip: listening(ip), f"the new sshd of {ip}")
    opt_out.write_text("", encoding="utf-8")
    stop(servers[HOSTS[4]])
    servers[HOSTS[4]] = serve(run.top, HOSTS[4], new[1])
    wait_for(lambda: listening(HOSTS[4]), "the last new sshd")
    text, _ = survey("recheck", first, "--config", conf, "--cluster", "1", "-o", out / "third", "--again")
    need(text.count("replaced") >= 5 and "still there" in text, f"all are repaired: {text}")
    check_stopped(run, first, out)
    check_blocked(run, first, out)
    check_silent(first, conf, out)


def check_stopped(run, first, out):
    """Stopped by a signal to all of its processes, it notes whom it has asked and nobody else, and goes on in the same directory."""
    grab = run.settings["grab"]
    run.settings["grab"] = {**grab, "rate_hosts": 1}
    run.write(run.settings)
    notes = first / "rechecked.ndjson"
    for number in (signal.SIGINT, signal.SIGTERM):
        result, before = out / f"stopped-{number}", notes.read_text(encoding="utf-8")
        notes.write_text("", encoding="utf-8")      # as if the last one had been yesterday
        args = [SURVEY, "recheck", first, "--config", run.conf, "--cluster", "1", "-o", result]
        with subprocess.Popen([*NOBODY, *args], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True) as p:
            records = result / "records.fresh"
            wait_for(lambda f=records: f.exists() and f.stat().st_size > 0, "the first record")
            os.killpg(p.pid, number)
            said = p.communicate(timeout=120)[1]
        asked = {json.loads(line)["ip"] for line in records.read_text(encoding="utf-8").splitlines()}
        noted = [set(json.loads(line)["hosts"]) for line in notes.read_text(encoding="utf-8").splitlines()]
        need(noted == [asked] and asked, f"asked {asked}, noted {noted}\n{said}")
        need(p.returncode == 0 or f"the same recheck with -o {result}" in said, f"how it goes on: {said}")
        need(any(d["what"] == "recheck" and d["path"] == str(result.resolve())
                 for d in json.loads((first / "run.json").read_text(encoding="utf-8"))["derived"]), "purge would not name it")
        if p.returncode == 0:       # it was fast
            continue
        text, _ = survey(*args[1:], "-f", "json")
        need(sorted(k["ip"] for k in json.loads(text)["keys"]) == HOSTS, f"what the second session tells: {text}")
        again = [json.loads(line)["ip"] for line in records.read_text(encoding="utf-8").splitlines()]
        need(sorted(again) == HOSTS, f"each is asked once: {again}")
        noted = [set(json.loads(line)["hosts"]) for line in notes.read_text(encoding="utf-8").splitlines()]
        need(noted[0] == asked and noted[0] | noted[1] == set(HOSTS), f"noted: {noted}")      # seconds may meet
        notes.write_text(before, encoding="utf-8")
    run.settings["grab"] = grab
    run.write(run.settings)


def check_blocked(run, first, out):
    """What the config does not allow any more is refused and counted."""
    blocked = run.top / "blocked"
    blocked.write_text(HOSTS[0] + "\n", encoding="utf-8")
    blocked.chmod(0o644)
    scan = run.settings["scan"]
    run.settings["scan"] = {**scan, "block_files": [*scan["block_files"], str(blocked)]}
    run.write(run.settings)
    text, _ = survey("recheck", first, "--config", run.conf, "--cluster", "1", "-o", out / "blocked", "--again", "-f", "json", status=3)
    states = {k["ip"]: k["state"] for k in json.loads(text)["keys"]}
    need(states == {ip: "not asked" if ip == HOSTS[0] else "replaced" for ip in HOSTS}, f"with a blocked host: {states}")
    counts = json.loads((out / "blocked/run.json").read_text(encoding="utf-8"))["counts"]
    need((counts["hits"], counts["refused"], counts["records"]) == (5, 1, 4), f"counts {counts}")
    run.settings["scan"] = scan
    run.write(run.settings)


def check_silent(first, conf, out):
    """A host that drops all packets may show its key tomorrow: open.  Root works as the directory's owner."""
    drop = "add table ip quiet; add chain ip quiet in { type filter hook prerouting priority -300; }; " \
           f"add rule ip quiet in ip daddr {HOSTS[3]} drop"
    need(os.waitpid(in_tgt(lambda: os.execvp("nft", ["nft", drop])), 0)[1] == 0, "nft drops packets")
    p = subprocess.run([SURVEY, "recheck", first, "--config", conf, "--cluster", "1", "-o", out / "silent", "--again", "-f", "json"],
                       capture_output=True, text=True, check=False, timeout=120)
    need(p.returncode == 3, f"recheck as root: status {p.returncode}\n{p.stderr}{p.stdout}")
    states = {k["ip"]: k["state"] for k in json.loads(p.stdout)["keys"]}
    need(states == {ip: "silent" if ip == HOSTS[3] else "replaced" for ip in HOSTS}, f"with a silent host: {states}")
    owner = {(f.stat().st_uid, f.stat().st_gid) for f in (out / "silent").rglob("*")}
    need(owner == {(65534, 65534)}, f"root left files of {owner}")


if __name__ == "__main__":
    main()
    print(f"as it should be: {LAB}")
