"""survey compare and find on two surveys of the lab, between which three hosts got other keys: asked.py SURVEY

One host of a cloned image gets SSH host keys of its own, one of two hosts with one certificate another
one, and one that shared with nobody gets the certificate of a cluster.  A fourth has opted out.  compare tells
exactly this; find tells since when, and of an address without a row why.
"""

import csv
import io
import json
import os
import re
import subprocess

from keyed import (certificate, certificate_of, fingerprint, leave_sshd, listening, make_key, serve, show_certificates,
                   spki, stop)
from surveyor import EXPECTED, LAB, SURVEY, Run, need, wait_for

CLONE, LEAVES, JOINS, OPTED_OUT = "198.18.20.24", "198.18.31.21", "198.18.10.32", "198.18.10.33"
CLONES = [f"198.18.20.{i}" for i in (21, 22, 23)]
PARTNER = "198.18.30.21"  # of the one that leaves
JOINED = "198.18.30.12"  # one of the cluster that the third one joins
SLOW = ["198.18.10.47", "198.18.10.51", "198.18.10.52", "198.18.10.57"]  # they would only cost time
BLOCKED = "198.18.10.61"
ABROAD = "198.18.40.21"
WITHOUT_KEY = "198.18.20.41"
SILENT = "198.18.10.200"
ELSEWHERE = "198.18.128.1"


def survey(*args, status=0):
    p = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, check=False, timeout=120)
    need(p.returncode == status, f"survey {args}: status {p.returncode}, not {status}\n{p.stderr}{p.stdout}")
    return p.stdout


def ask(*args, status=0):
    return json.loads(survey(*args, "-f", "json", status=status))


def equal(what, got, want):
    need(got == want, f"{what}: {got!r} instead of {want!r}")


def old_keys(ip, port):
    return EXPECTED["hosts"][ip]["keys"][port]


def check_compare(first, second, runs, new_ssh, new_tls):
    ids = {run: {ip: c["id"] for c in json.loads((run / "clusters.json").read_text(encoding="utf-8")) for ip in
                 (h["ip"] for h in c["hosts"])} for run in (first, second)}
    c = ask("compare", first, second)
    hosts, keys = c["hosts"], c["keys"]
    for what, want in (("changed", [CLONE, LEAVES, JOINS]), ("rekeyed", [CLONE, LEAVES]), ("repaired", [CLONE, LEAVES]), ("new", []),
                       ("gone", [OPTED_OUT])):
        equal(what, sorted(hosts[what]), sorted(want))
    equal("why it is gone", hosts["gone_reasons"], {OPTED_OUT: "opted out"})
    equal("kept", hosts["kept"], sum(bool(h["keys"]) and ip not in SLOW for ip, h in EXPECTED["hosts"].items()) - 1)
    need(set(keys["new"]) <= new_ssh | {new_tls} and new_tls in keys["new"] and len(keys["new"]) == 2, f"new keys: {keys['new']}")
    equal("keys that are gone", sorted(keys["gone"]), sorted(old_keys(JOINS, "p443") + old_keys(OPTED_OUT, "p443")))
    equal("keys that spread", keys["spread"], old_keys(JOINED, "p25"))
    need(len(keys["shrunk"]) == 2 and set(keys["shrunk"]) <= set(old_keys(CLONE, "p22") + old_keys(LEAVES, "p25")),
         f"keys that shrank: {keys['shrunk']}")
    equal("moved, of another type", (keys["moved"], keys["new_of_other_type"]), ([], 0))
    got = {(tuple(x["a"]), tuple(x["b"])): x["change"] for x in c["clusters"] if x["change"] != "same"}
    a, b = ids[first], ids[second]
    equal("clusters", got, {((a[CLONE],), (b[CLONES[0]],)): "shrunk", ((a[LEAVES],), ()): "gone", ((a[JOINED],), (b[JOINS],)): "grown"})
    same = [x for x in c["clusters"] if x["change"] == "same"]
    equal("clusters that stay", len(same), len(set(a.values())) - 3)
    equal("one survey, one config: nothing to bear in mind", [n for n in c["notes"] if "opt" not in n], [])
    # A directory of runs is all of them, in order of time; from cron: a line a change.
    equal("a directory of runs", ask("compare", runs)["hosts"], hosts)
    lines = survey("compare", "--quiet", "--changed", runs, status=3).splitlines()
    equal("a line a change", sorted(x for x in lines if x.startswith("host ")),
          sorted([f"host {CLONE} repaired", f"host {LEAVES} repaired", f"host {JOINS} changed", f"host {OPTED_OUT} gone: opted out"]))
    equal("lines of keys", sorted(x for x in lines if x.startswith("key ")),
          sorted([f"key {keys['spread'][0]} on more hosts", *(f"key {k} on fewer hosts" for k in keys["shrunk"])]))
    equal("lines", len(lines), len(got) + 4 + 3)
    equal("nothing changed", survey("compare", "--quiet", "--changed", second, second), "")


def check_history(first, second, runs):
    began = {run: json.loads((run / "run.json").read_text(encoding="utf-8"))["created"] for run in (first, second)}
    need(began[first] < began[second], f"times of the runs: {began}")
    for ip, since in ((CLONES[0], [began[first]] * 2), (JOINS, [None, began[second]]), (CLONE, [began[first], None]),
                      (PARTNER, [began[first], None]), (JOINED, [began[first]] * 2)):
        told = ask("find", runs, ip)
        equal("runs", [os.path.basename(q["run"]) for q in told], [first.name, second.name])
        equal(f"{ip} is in a cluster since", [q["hosts"][0]["in_a_cluster_since"] for q in told], since)
    text = survey("find", runs, JOINS)
    need(f"in a cluster since {began[second][:10]} ({second.name})" in text, f"history of {JOINS}: {text}")
    rows = list(csv.DictReader(io.StringIO(survey("find", runs, CLONE, "-f", "csv"))))
    need({(r["run"], r["cluster"] != "") for r in rows} == {(first.name, True), (second.name, False)}, f"rows of {CLONE}: {rows}")


def check_absent(run, block, opt_out):
    """Who asks "did you probe me?" gets the truth."""
    manifest = json.loads((run / "run.json").read_text(encoding="utf-8"))
    windows = [(t["shard"], t["started"], t["ended"], t["source_ip"]) for t in manifest["scan"]["attempts"]]
    equal("shards", len(windows), 4)
    for ip, reason, words in (
            (BLOCKED, "blocked", f"line {block.read_text(encoding='utf-8').splitlines().index(BLOCKED) + 1} of {block} "),
            (OPTED_OUT, "opted out", f"line 3 of {opt_out} "), (ABROAD, "out of country", "outside the countries"),
            (SILENT, "silent", "silent on port 25"), (ELSEWHERE, "not surveyed", "not in the target ranges")):
        told = ask("find", run, ip, status=1)[0]
        need((told["reason"], words in told["absent"]) == (reason, True), f"{ip}: {told}")
        equal("the scan's windows", [(s["shard"], s["from"], s["to"], s["source"]) for s in told["scans"]], windows)
        if reason in ("silent", "not surveyed", "out of country"):
            need(re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["absent"]), f"{ip}: no time in {told['absent']}")
    host = ask("find", run, WITHOUT_KEY)[0]["hosts"][0]
    need(host["out"] is not None and not any(p["key"] for p in host["ports"]) and host["outcomes"], f"surveyed without a key: {host}")
    need("takes no part" in survey("find", run, WITHOUT_KEY), "surveyed without a key, as text")


def main():
    with Run(grab={"timeouts": ["*=20s"]}, dns={"timeout_ms": 1000, "tries": 2}) as run:
        clone_keys = [make_key(run.top, kind, kind) for kind in ("ed25519", "ecdsa", "rsa")]
        crt = certificate(run.top, "own.example.ie")
        block, opt_out = run.top / "block", run.top / "opt-out"
        block.write_text("# what no survey may touch\n\n" + (LAB / "block.txt").read_text(encoding="utf-8").replace("/32", "")
                         + "".join(f"{ip}\n" for ip in SLOW), encoding="utf-8")
        opt_out.write_text("# whoever wants out\n\n", encoding="utf-8")
        for path in (block, opt_out):
            path.chmod(0o644)
        run.settings["scan"] |= {"block_files": [str(block)], "opt_out_file": str(opt_out)}
        run.write(run.settings)
        run.finish(until="analyze")
        first = run.dir
        leave_sshd(CLONE, "sB")
        server = serve(run.top, CLONE, *clone_keys)
        try:
            wait_for(lambda: listening(CLONE), f"the new sshd of {CLONE}")
            show_certificates({LEAVES: crt, JOINS: certificate_of(JOINED)})
            with opt_out.open("a", encoding="utf-8") as f:
                f.write(f"{OPTED_OUT}\n")
            run.finish("--new", until="analyze")
        finally:
            stop(server)
        second = run.dir
        need(first != second, "one run directory")
        check_compare(first, second, run.top / "runs", {fingerprint(k) for k in clone_keys}, spki(crt[0]))
        check_history(first, second, run.top / "runs")
        check_absent(second, block, opt_out)


if __name__ == "__main__":
    main()
    print("compare and find tell exactly what was done")
