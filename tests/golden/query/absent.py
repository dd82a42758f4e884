#!/usr/bin/env python3
"""find tells of an address without a row why it has none, and never more than the directory knows.

usage: absent.py SURVEY

A run directory is laid out as `survey run` leaves it, in each of the states in which that may be.
tests/lab/faults/asked.py asks the same of a real run.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SURVEY = sys.argv[1]
FROM, TO = "2026-07-01T10:00:00Z", "2026-07-01T11:00:00Z"
WINDOW = f"shard 0 from {FROM} to {TO} (source 13.0.113.9)"


def survey(*args, status=0, text=None):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, input=text, check=False)
    if r.returncode != status:
        sys.exit(f"survey {args}: status {r.returncode} instead of {status}: {r.stderr}{r.stdout}")
    return r.stdout


def analyze(run, hosts):
    """hosts: {ip: has it a key?}"""
    run.mkdir()
    key = {"algorithm": "ssh-ed25519", "fingerprint_sha256": hashlib.sha256(b"k").hexdigest()}
    shown = {True: {"status": "success", "result": {"key_exchange": {"server_host_key": key}}}, False: {"status": "connection-timeout"}}
    with open(run / "records.fresh", "w") as f:
        for ip, has_key in hosts.items():
            f.write(json.dumps({"ip": ip, "writer": "survey", "p22": {"data": {"ssh": shown[has_key]}}}) + "\n")
    survey("analyze", run, "--country", "XX")
    return run


def make(tmp):
    run = analyze(tmp / "run", {"11.0.2.1": True, "11.0.2.2": False})
    lists = {"block": ["# never", "", "12.0.100.0/25 # a customer", "11.0.2.66"], "opt-out": ["11.0.2.77", "11.0.2.78"]}
    for name, lines in lists.items():
        (tmp / name).write_text("\n".join(lines) + "\n")
    # A copy of tmp/the.conf, to which its paths are relative.
    (run / "survey.conf").write_text('run {\n\tcountries = {"IE"}\n}\nscan {\n\tblock_files = {"block"}\n\topt_out_file = "opt-out"\n}\n')
    m = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**m, "config_path": str(tmp / "the.conf")}))
    (run / "scan").mkdir()
    # 11.0.2.67 was blocked then, 11.0.2.79 and 11.0.2.78 came onto their lists later.
    (run / "scan/block.v4").write_text("10.0.0.0/8\n11.0.2.66/31\n11.0.2.77\n12.0.100.0/25\n")
    (run / "cidrs.v4").write_text("11.0.2.0-11.0.2.65\n11.0.2.68-11.0.2.76\n11.0.2.78-11.0.2.255\n")
    (run / "cidrs.v6").write_text("2001:db8:1::/48\n")
    (run / "zmap.ips").write_text("11.0.2.1\n11.0.2.2\n11.0.2.9\n11.0.2.77\n13.0.113.5\n")
    (run / "out-of-country.ips").write_text("13.0.113.5\n")
    with open(tmp / "block", "a") as f:
        f.write("11.0.2.79\n")
    return run


def scan(run, shards=("done",), machines=1, sessions=1, grab="done"):
    """run.json as survey run leaves it."""
    m = json.loads((run / "run.json").read_text())
    m["scan"] = {"seed": 1, "machine": 0, "machines": machines, "shards_total": len(shards) * machines,
                 "shards": [{"number": i, "state": s, "attempts": 1} for i, s in enumerate(shards)],
                 "attempts": [{"shard": i, "started": FROM, "ended": TO, "sent": 9, "source_ip": "13.0.113.9"} for i in range(len(shards))]}
    m["sessions"] = [{"started": FROM, "ended": TO}] * sessions
    m.setdefault("stages", {})["grab"] = {"state": grab}
    (run / "run.json").write_text(json.dumps(m))


def absent(run, ip, many=False):
    queries = [ip] * (9 if many else 1)
    told = json.loads(survey("find", run, "-i", "-", "-f", "json", status=1, text="\n".join(queries) + "\n"))
    text = survey("find", run, ip, status=1)
    if text.strip() != f"{ip}: {told[0]['absent']}":
        sys.exit(f"text and JSON of {ip}: {text!r}, {told[0]['absent']!r}")
    return told[0]


def check(run, wants):
    for ip, reason, *words in wants:
        for many in (False, True):
            told = absent(run, ip, many)
            if told["reason"] != reason or told["hosts"] != []:
                sys.exit(f"{ip}: {told} instead of {reason!r}")
            for word in words:
                if (word[1:] in told["absent"]) if word[0] == "!" else (word not in told["absent"]):
                    sys.exit(f"{ip}: {told['absent']!r}, with {word!r}")


def check_planted(tmp, run):
    """Another user's directory leads root to nothing of root's, also where root reads it beside his own."""
    if os.geteuid() != 0:
        return
    tmp.chmod(0o755)
    secret, theirs = tmp / "secret", tmp / "theirs"
    secret.write_text("BEANS = 1\n")
    secret.chmod(0o600)
    shutil.copytree(run, theirs)
    for name in ("survey.conf", "cidrs.v4", "zmap.ips", "out-of-country.ips", "run.json", "scan/block.v4"):
        for plant in (lambda p: p.symlink_to(secret), os.mkfifo):
            at = theirs / name
            kept = at.read_bytes()
            at.unlink()
            plant(at)
            for path in (theirs, *theirs.rglob("*")):
                os.chown(path, 65534, 65534, follow_symlinks=False)
            for args in (("find", run, theirs, "--", "11.0.2.3"), ("compare", run, theirs), ("--complete", "2", "find", str(theirs) + "/")):
                r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, check=False, timeout=120)
                if r.returncode not in (0, 1) or "BEANS" in r.stderr + r.stdout:
                    sys.exit(f"{args}, {name} is planted: status {r.returncode}: {r.stderr}{r.stdout}")
            at.unlink()
            at.write_bytes(kept)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp).resolve()
        run = make(tmp)
        block, opt_out = tmp / "block", tmp / "opt-out"
        # Surveyed without a key: it has a row.
        host = json.loads(survey("find", run, "11.0.2.2", "-f", "json"))[0]["hosts"][0]
        if host["out"] is None or list(host["outcomes"]) != ["22"] or host["ports"]:
            sys.exit(f"surveyed without a key: {host}")
        if "takes no part: no-key" not in survey("find", run, "11.0.2.2"):
            sys.exit(survey("find", run, "11.0.2.2"))
        # What holds whatever the run was.
        always = [("13.0.113.5", "out of country", "answered on port 25", "outside the countries"),
                  ("11.0.2.9", "no record", "answered on port 25, but there is no record"),
                  ("11.0.2.77", "opted out", "answered on port 25; opted out by line 1 of", f"{opt_out} (11.0.2.77)", "not asked further"),
                  ("12.0.100.7", "blocked", f"blocked by line 3 of {block} (12.0.100.0/25 # a customer), as that file is now", "!answered"),
                  ("11.0.2.66", "blocked", f"line 4 of {block} (11.0.2.66)"),
                  ("11.0.2.67", "blocked", "blocked when the scan ran; none of the block lists names it now"),
                  ("10.1.2.3", "special-purpose address", "10.0.0.0/8"),
                  ("13.0.113.1", "not surveyed", "not in the target ranges: never asked"),
                  ("2001:db8:1::9", "not surveyed", "IPv6 is not scanned: never asked"),
                  ("2001:db8:2::9", "not surveyed", "not in the target ranges")]
        check(run, always)
        check(run, [("11.0.2.3", "silent, or not asked", "whether it was asked is not told here", "when packets left is not told here")])
        scan(run)
        check_planted(tmp, run)
        check(run, always)
        check(run, [("11.0.2.3", "silent", "in the target ranges, and silent on port 25", WINDOW),
                    ("13.0.113.1", "not surveyed", WINDOW), ("13.0.113.5", "out of country", WINDOW),
                    ("12.0.100.7", "blocked", "never asked"), ("11.0.2.67", "blocked", "never asked"),
                    # They were asked: what blocks them came later.
                    ("11.0.2.79", "silent", f"later blocked by line 5 of {block}", WINDOW, "!never asked"),
                    ("11.0.2.78", "silent", f"later opted out by line 2 of {opt_out}", WINDOW, "!never asked")])
        # compare says the same of hosts that are gone.
        gone = {"11.0.2.2": "no-key", "11.0.2.3": "silent", "11.0.2.9": "no record", "11.0.2.77": "opted out", "12.0.100.7": "blocked",
                "13.0.113.5": "out of country", "13.0.113.1": "not surveyed"}
        before = analyze(tmp / "before", dict.fromkeys(["11.0.2.1", *gone], True))
        told = json.loads(survey("compare", before, run, "-f", "json"))["hosts"]
        if told["gone_reasons"] != gone or sorted(told["gone"]) != sorted(gone):
            sys.exit(f"why hosts are gone: {told}")
        text = survey("compare", before, run)
        for reason in gone.values():
            if f"    {reason}: 1\n" not in text:
                sys.exit(f"{reason} is not told: {text}")
        told = absent(run, "11.0.2.3")["scans"]
        if told != [{"shard": 0, "from": FROM, "to": TO, "source": "13.0.113.9"}]:
            sys.exit(f"the windows of the scan: {told}")
        scan(run, shards=["done"] * 15)
        check(run, [("11.0.2.3", "silent", "and in 3 more, the last from", "in which of the 15 shards an address was asked cannot be told")])
        scan(run, shards=["done", "started"])
        check(run, [("11.0.2.3", "silent, or not asked", "the scan was not finished", WINDOW)])
        scan(run, machines=3)
        check(run, [("11.0.2.3", "silent, or not asked", "another one of the 3 machines")])
        scan(run, sessions=2)
        check(run, [("12.0.100.7", "blocked", "not asked in the run's last session", "!never asked")])
        # The hosts came from a list.
        scan(run, shards=[])
        check(run, [("11.0.2.3", "not surveyed", "not among the hosts that this run was given: never asked")])
        # Less and less is there to tell.
        (run / "scan/block.v4").unlink()
        check(run, [("12.0.100.7", "blocked", "line 3 of", "which lists the run had is not told here", "!never asked")])
        for name in ("cidrs.v4", "cidrs.v6", "survey.conf"):
            (run / name).unlink()
        check(run, [(ip, "not in the records", "does not tell which ranges were asked") for ip in ("12.0.100.7", "11.0.2.3")])
    print("of an address without a row find tells what is known, and no more")


if __name__ == "__main__":
    main()
