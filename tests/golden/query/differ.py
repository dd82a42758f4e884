#!/usr/bin/env python3
"""compare tells what two runs differ in beside their hosts, and counts no rekeying that is the tool's doing.

usage: differ.py SURVEY
"""
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

SURVEY = sys.argv[1]
CONF = """run {
	countries = {"IE"}
}
grab {
	ports = {%s}
	all_ssh_host_keys = %s
	tls13 = %s
}
"""


def survey(*args):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, check=False)
    if r.returncode != 0:
        sys.exit(f"survey {args}: status {r.returncode}: {r.stderr}{r.stdout}")
    return r.stdout


def fp(word):
    return hashlib.sha256(word.encode()).hexdigest()


def ssh(word, algorithm):
    return {"data": {"ssh": {"status": "success", "result": {"key_exchange": {"server_host_key": {
        "algorithm": algorithm, "fingerprint_sha256": fp(word)}}}}}}


# Two hosts of a cloned image and one alone, by an RSA key and by an Ed25519 one.
RSA = {"198.18.0.1": {"p22": ssh("image rsa", "ssh-rsa")}, "198.18.0.2": {"p22": ssh("image rsa", "ssh-rsa")},
       "198.18.0.3": {"p22": ssh("own rsa", "ssh-rsa")}}
ED = {"198.18.0.1": {"p22": ssh("image ed", "ssh-ed25519")}, "198.18.0.2": {"p22": ssh("image ed", "ssh-ed25519")},
      "198.18.0.3": {"p22": ssh("own ed", "ssh-ed25519")}}


def make(folder, hosts, versions=(("survey", "2026.6"), ("zgrab2", "0.1.7")), built=("2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z"),
         ports='"22", "25"', all_keys="false", tls13="false", digest="1" * 64, country="IE", state="complete", created="2026-07-01T00:00:00Z"):
    folder.mkdir()
    with open(folder / "records.fresh", "w") as f:
        for ip, told in hosts.items():
            f.write(json.dumps({"ip": ip, "writer": "survey", "location": {"country_code": "IE"}, **told}) + "\n")
    (folder / "survey.conf").write_text(CONF % (ports, all_keys, tls13))
    (folder / "run.json").write_text(json.dumps({
        "name": "r", "config_sha256": digest, "versions": dict(versions), "created": created,
        "databases": [{"path": "/c.mmdb", "type": "c", "built": built[0]}, {"path": "/a.mmdb", "type": "a", "built": built[1]}],
        "state": state, "scan": {"seed": 1}}))
    survey("analyze", folder, "--country", country)
    return folder


def compare(a, b):
    return json.loads(survey("compare", a, b, "-f", "json"))


def equal(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r} instead of {want!r}")


def notes(what, c, *wanted):
    """Just these notes, in the order in which they come."""
    if len(c["notes"]) != len(wanted) or not all(w in n for w, n in zip(wanted, c["notes"])):
        sys.exit(f"{what}: notes {c['notes']}, not {wanted}")


BY_TYPE = "keys are compared by type"
NO_REKEYING = "2 new keys are of types that were not seen on their hosts before: no rekeying"


def changes(what, c, hosts, rekeyed, clusters):
    equal(f"{what}: changed", c["hosts"]["changed"], hosts)
    equal(f"{what}: rekeyed", c["hosts"]["rekeyed"], rekeyed)
    equal(f"{what}: repaired", c["hosts"]["repaired"], [])
    equal(f"{what}: clusters", [x["change"] for x in c["clusters"]], clusters)


def test_key_types(tmp):
    a = make(tmp / "a", RSA)
    # One tool, one config: who shows another type of key has another key.
    c = compare(a, make(tmp / "same", ED))
    notes("the same tools", c)
    changes("the same tools", c, list(RSA), ["198.18.0.1", "198.18.0.2"], ["rekeyed"])
    # zgrab2 of 2025 puts Ed25519 first: the hosts have done nothing, and are one cluster still.
    c = compare(a, make(tmp / "tool", ED, versions=(("survey", "2026.6"), ("zgrab2", "0.2.0"))))
    notes("another zgrab2", c, 'versions of tools differ: "zgrab2 0.1.7", then "zgrab2 0.2.0"', BY_TYPE, NO_REKEYING)
    changes("another zgrab2", c, [], [], ["same"])
    equal("of another type", c["keys"]["new_of_other_type"], 2)
    # So does another config.
    c = compare(a, make(tmp / "config", ED, all_keys="true", digest="2" * 64))
    notes("all_ssh_host_keys", c, "grab.all_ssh_host_keys was off, then on: other types of keys are seen", BY_TYPE, NO_REKEYING)
    changes("all_ssh_host_keys", c, [], [], ["same"])
    # A key of the same type that is another one is a change, whatever the tool.
    moved = {ip: {"p22": ssh(f"new {ip}", "ssh-rsa")} for ip in RSA}
    c = compare(a, make(tmp / "moved", moved, versions=(("survey", "2026.6"), ("zgrab2", "0.2.0"))))
    notes("new keys, another zgrab2", c, "versions of tools differ", BY_TYPE)
    equal("new keys, another zgrab2: changed", c["hosts"]["changed"], list(RSA))
    equal("new keys, another zgrab2: repaired", c["hosts"]["repaired"], ["198.18.0.1", "198.18.0.2"])


def test_other_differences(tmp):
    a = make(tmp / "a", RSA)
    c = compare(a, make(tmp / "ports", RSA, ports='"22", "25", "443"', digest="2" * 64))
    notes("ports", c, "port 443 was asked in the second run only", BY_TYPE)
    c = compare(a, make(tmp / "tls13", RSA, tls13="true", digest="2" * 64))
    notes("tls13", c, "grab.tls13 was off, then on", BY_TYPE)
    c = compare(a, make(tmp / "databases", RSA, built=("2026-07-01T00:00:00Z", "2026-06-01T00:00:00Z")))
    notes("country databases", c, "country databases differ: built 2026-06-01T00:00:00Z, then 2026-07-01T00:00:00Z; hosts may have come or gone")
    c = compare(a, make(tmp / "as databases", RSA, built=("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z")))
    notes("AS databases", c, "AS databases differ")
    c = compare(a, make(tmp / "countries", RSA, country="IE,GB"))
    notes("countries", c, 'countries differ: "IE", then "IE,GB"')
    # A hostile version is quoted and stays on its line.
    c = compare(a, make(tmp / "hostile", RSA, versions=(("survey", "2026.6"), ("zgrab2", "\x1b[31m\nkey 00 new"))))
    notes("hostile", c, "versions of tools differ", BY_TYPE)
    if "\x1b" in c["notes"][0]:
        sys.exit(f"an escape in {c['notes'][0]!r}")
    text = survey("compare", a, tmp / "hostile")
    if "\x1b" in text or "\nkey 00" in text:
        sys.exit(f"a version breaks the text: {text!r}")
    # Directories that tell nothing of config and tools: what was seen is said, nothing is guessed.
    for name in ("x", "y"):
        shutil.copytree(a, tmp / name)
        for left in ("run.json", "survey.conf"):
            (tmp / name / left).unlink()
    certificate = {"parsed": {"subject_key_info": {"fingerprint_sha256": fp("tls")}}}
    tls = {"tls": {"handshake_log": {"server_certificates": {"certificate": certificate}}}}
    record = {"ip": "198.18.0.1", "writer": "survey", "location": {"country_code": "IE"},
              "p25": {"data": {"smtp": {"status": "success", "result": tls}}}}
    (tmp / "y/records.fresh").write_text(json.dumps(record) + "\n")
    for name in ("x", "y"):
        survey("analyze", tmp / name, "--country", "IE")
        (tmp / name / "run.json").unlink()
    notes("nothing is told", compare(tmp / "x", tmp / "y"), "port 22 showed keys in the first run only",
          "port 25 showed keys in the second run only", BY_TYPE)


def test_groups(tmp):
    """What becomes of clusters where hosts leave one for another; the lab and check.py have the other changes."""
    def cluster(*keys_of_hosts, net):
        return {f"198.18.{net}.{i}": {f"p{p}": ssh(k, "ssh-ed25519") if p == 22 else tls(k) for p, k in keys.items()}
                for i, keys in enumerate(keys_of_hosts, 1)}

    def tls(word):
        certificate = {"parsed": {"subject_key_info": {"fingerprint_sha256": fp(word)}}}
        return {"data": {"smtp": {"status": "success", "result": {"tls": {"handshake_log": {"server_certificates": {"certificate": certificate}}}}}}}
    # Two clusters of two keys each: afterwards the first keys of both are one cluster, and the second ones another.
    one = cluster({22: "a", 25: "b"}, {22: "a"}, {25: "b"}, net=1)
    two = cluster({22: "c", 25: "d"}, {22: "c"}, {25: "d"}, net=2)
    regrouped = {"198.18.1.1": {"p22": ssh("a", "ssh-ed25519"), "p25": tls("e")}, "198.18.2.1": {"p22": ssh("c", "ssh-ed25519"), "p25": tls("e")},
                 "198.18.1.3": {"p25": tls("b"), "p22": ssh("f", "ssh-ed25519")}, "198.18.2.3": {"p25": tls("d"), "p22": ssh("f", "ssh-ed25519")},
                 "198.18.1.4": {"p25": tls("b")}, "198.18.2.4": {"p25": tls("d")}}
    came = cluster({22: "new"}, {22: "new"}, net=5)
    went = cluster({22: "gone"}, {22: "gone"}, net=6)
    alone = {ip: {"p22": ssh(f"own {ip}", "ssh-ed25519")} for ip in (*came, *went)}
    a = make(tmp / "a", {**one, **two, **{ip: alone[ip] for ip in came}, **went})
    b = make(tmp / "b", {**one, **two, **regrouped, **came, **{ip: alone[ip] for ip in went}})
    c = compare(a, b)
    notes("the same tools", c)
    got = sorted((x["change"], len(x["a"]), len(x["b"])) for x in c["clusters"])
    equal("clusters", got, [("gone", 1, 0), ("new", 0, 1), ("regrouped", 2, 2)])
    equal("repaired", sorted(c["hosts"]["repaired"]), sorted(went))


def test_unfinished(tmp):
    """Of a directory of runs those that are finished are compared, in order of time; what an incomplete one lacks is no change."""
    runs = tmp / "runs"
    runs.mkdir()
    for name, month, state in (("z", "05", "complete"), ("b", "06", "incomplete"), ("a", "07", "complete"), ("c", "08", "running"), ("d", "09", "failed")):
        make(runs / name, RSA, state=state, created=f"2026-{month}-01T00:00:00Z")
    (runs / "latest").symlink_to("d")
    (runs / "notes.txt").write_text("no run")
    r = subprocess.run([SURVEY, "compare", runs, "-f", "json"], capture_output=True, text=True, check=False)
    equal("status", (r.returncode, sorted(x.split("/")[-1] for x in r.stderr.splitlines())),
          (0, ["c is not finished, and left out", "d is not finished, and left out"]))
    pairs = json.loads(r.stdout)
    equal("pairs", [(p["a"]["path"].split("/")[-1], p["b"]["path"].split("/")[-1]) for p in pairs], [("z", "b"), ("b", "a")])
    for p in pairs:
        notes("an incomplete run", p, "b is not complete: hosts that it lacks may look new or gone by that alone")
    # One that is named is taken, and said.
    notes("a named one", compare(runs / "a", runs / "c"), "c is not complete")
    told = json.loads(survey("find", runs, "198.18.0.1", "-f", "json"))
    equal("since", [q["hosts"][0]["in_a_cluster_since"] for q in told], ["2026-05-01T00:00:00Z"] * 3)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        for test in (test_key_types, test_other_differences, test_groups, test_unfinished):
            folder = pathlib.Path(tmp).resolve() / test.__name__
            folder.mkdir()
            test(folder)
    print("what is the tool's doing is told as such")


if __name__ == "__main__":
    main()
