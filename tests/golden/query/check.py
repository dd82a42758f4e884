#!/usr/bin/env python3
"""find, cluster, compare and export on small runs with known content, and cluster on study-a.

usage: check.py SURVEY

What is expected is worked out here from the files, not taken from the program:
cut hosts and keys by taking each of them away in turn.
"""
import csv
import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import studies_reader  # noqa: E402

SURVEY = sys.argv[1]
STUDY = pathlib.Path(__file__).parents[1] / "analyze/study-a"


def run_survey(*args, status=0, text=None):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, input=text)
    if r.returncode != status:
        sys.exit(f"survey {args}: status {r.returncode} instead of {status}: {r.stderr}{r.stdout}")
    return r


def survey(*args, **more):
    return run_survey(*args, **more).stdout


def said(*args, **more):
    return run_survey(*args, **more).stderr


def ask(*args, status=0):
    return json.loads(survey(*args, "-f", "json", status=status))


def equal(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r} instead of {want!r}")


def fp(word):
    return hashlib.sha256(str(word).encode()).hexdigest()


def ssh(word, algorithm="ssh-ed25519"):
    return {"data": {"ssh": {"status": "success", "result": {"key_exchange": {"server_host_key": {
        "algorithm": algorithm, "fingerprint_sha256": fp(word)}}}}}}


def tls(word, cn="mx.example.ie", serial="12345678901"):
    cert = {"subject_dn": f"CN={cn}", "issuer_dn": "CN=ca", "serial_number": serial, "fingerprint_sha256": fp(f"c{word}"),
            "subject_key_info": {"fingerprint_sha256": fp(word), "key_algorithm": {"name": "RSA"}},
            "extensions": {"subject_alt_name": {"dns_names": [cn]}}}
    return {"data": {"smtp": {"status": "success", "result": {"banner": f"220 {cn} ESMTP", "tls": {"handshake_log": {
        "server_certificates": {"certificate": {"parsed": cert}}}}}}}}


def run(folder, hosts, ases=True):
    """hosts: {ip: {port: (kind, word)}}; every host in an AS of its own third byte, or in none that is known."""
    folder.mkdir()
    with open(folder / "records.fresh", "w") as f:
        for ip, ports in hosts.items():
            record = {"ip": ip, "writer": "survey", "autonomous_system": {"asn": 64500 + int(ip.split(".")[2]), "name": f"Net {ip.split('.')[2]}"},
                      "location": {"country_code": "IE"}}
            if not ases:
                del record["autonomous_system"]
            record.update(ports)
            f.write(json.dumps(record) + "\n")
    survey("analyze", folder, "--country", "XX")
    return folder



def find_fp(port):
    text = json.dumps(port)
    at = text.index('"fingerprint_sha256": "')
    if "server_host_key" not in text:
        at = text.index('"fingerprint_sha256": "', text.index("subject_key_info"))
    return text[at + 23:at + 87]


def components(vertices, edges):
    left, parts = set(vertices), []
    near = {}
    for a, b in edges:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    while left:
        todo, part = [left.pop()], set()
        while todo:
            v = todo.pop()
            part.add(v)
            for n in near.get(v, ()):
                if n in left:
                    left.remove(n)
                    todo.append(n)
        parts.append(part)
    return parts


def cuts(cluster):
    """Cut hosts and cut keys of an object of clusters.json, by trying all."""
    edges = {(ip, k["fp"]) for k in cluster["keys"] if len({ip for ip, _ in k["at"]}) > 1 for ip, _ in k["at"]}
    vertices = {v for e in edges for v in e}
    whole = len(components(vertices, edges))
    found = [v for v in vertices if len(components(vertices - {v}, {e for e in edges if v not in e})) > whole]
    hosts = {h["ip"] for h in cluster["hosts"]}
    return sorted(v for v in found if v in hosts), sorted(v for v in found if v not in hosts)


def test_cluster(tmp):
    # a - k1 - b - k2 - c, and k3 beside k2: b and k1 cut, k2 and k3 do not.
    r = run(tmp / "chain", {
        "192.0.2.1": {"p22": ssh("k1")},
        "192.0.2.2": {"p22": ssh("k1"), "p25": tls("k2"), "p587": tls("k3")},
        "192.0.2.3": {"p25": tls("k2"), "p587": tls("k3")},
        "192.0.2.9": {"p22": ssh("alone")}})
    c = ask("cluster", r, 1)
    equal("size", (c["id"], c["size"]), (1, 3))
    equal("cut hosts", c["cut_hosts"], ["192.0.2.2"])
    equal("cut keys", c["cut_keys"], [fp("k1")])
    equal("parts", {x.get("host") or x["key"]: x["parts"] for x in c["cuts"]}, {"192.0.2.2": [1, 1], fp("k1"): [2, 1]})
    survey("cluster", r, 7, status=2)
    survey("cluster", r, status=2)
    equal("what is no number", said("cluster", r, "abc", status=2), 'survey: error: cluster: N wants a number from 1 to 4294967294, not "abc"\n')
    equal("what is no number of an option", said("export", r, "--csv", "-", "-t", "keys", "-c", "abc", status=2),
          'survey: error: export: --cluster wants a number from 1 to 4294967294, not "abc"\n')
    plan = ask("cluster", r, 1, "--repair")["repair"]
    equal("one operator changes each shared key", (plan["keys"], plan["operators"], plan["least"]), (3, 1, 0))
    rows = list(csv.DictReader(io.StringIO(survey("cluster", r, 1, "--repair", "-f", "csv"))))
    equal("rows of the plan", sorted((x["key"], x["ip"]) for x in rows),
          sorted([(fp("k1"), "192.0.2.1"), (fp("k1"), "192.0.2.2")] +
                 [(fp(k), f"192.0.2.{i}") for k in ("k2", "k3") for i in (2, 3)]))
    check_plan(tmp)
    check_unknown_ases(tmp)
    # Equal SSH keys, different TLS keys: a cloned image, whatever the number of ASes.
    r = run(tmp / "image", {f"192.0.2.{i}": {"p22": ssh("image"), "p25": tls(f"own{i}")} for i in range(1, 5)})
    equal("cloned image", ask("cluster", r, 1)["may_be"][0]["what"], "cloned-image")
    # The same full set on neighbouring addresses of one AS: one machine.
    r = run(tmp / "one", {f"192.0.2.{i}": {"p22": ssh("one"), "p25": tls("one tls")} for i in range(1, 5)})
    equal("one host", ask("cluster", r, 1)["may_be"][0]["what"], "multi-homed")
    equal("the studies' test", ask("cluster", r, 1)["smelly"], False)
    # Five ASes with a key that a product ships.
    r = run(tmp / "vendor", {f"192.0.{i}.1": {"p25": tls("shipped", "localhost.localdomain")} for i in range(1, 6)})
    equal("several ASes", ask("cluster", r, 1)["smelly"], True)


def check_plan(tmp):
    """Who changes what, by AS and by domain: one provider's AS holds two customers, a third has a network of his own."""
    r = run(tmp / "plan", {
        "192.0.2.1": {"p22": ssh("k1"), "p25": tls("a", "mx1.alpha.ie")},
        "192.0.2.2": {"p22": ssh("k1"), "p25": tls("b", "mx2.alpha.ie")},
        "192.0.2.3": {"p22": ssh("k1"), "p25": tls("c", "mx.beta.ie")},
        "192.0.2.4": {"p22": ssh("k1")},
        "192.0.3.1": {"p22": ssh("k1"), "p25": tls("shared", "mx.gamma.ie"), "p587": tls("d", "mx.gamma.ie")},
        "192.0.3.2": {"p25": tls("shared", "mx.gamma.ie")}})
    plans = {by: ask("cluster", r, 1, "--repair", "--by", by)["repair"] for by in ("as", "domain")}
    for by, want in (("as", {"AS64502 Net 2": 4, "AS64503 Net 3": 2}), ("domain", {"alpha.ie": 2, "beta.ie": 1, "gamma.ie": 2, "no domain": 1})):
        p = plans[by]
        equal(f"holders by {by}", {h["operator"]: h["hosts"] for h in p["alone"]}, want)
        # Who has no domain may be several operators.
        known = len(want) - ("no domain" in want)
        equal(f"figures by {by}", (p["keys"], p["operators"], p["more_operators"], p["changes"], p["least"]),
              (2, known, known < len(want), len(want) + 1, None if known < len(want) else len(want) - 1))
        equal(f"operators of a key by {by}", {t["key"]: t["operators_of_key"] for t in p["tasks"]}, {fp("k1"): known, fp("shared"): 1})
        # The one with most hosts first, and each host of a key in just one task.
        counts = [want[t["operator"]] for t in p["tasks"]]
        equal(f"order by {by}", counts, sorted(counts, reverse=True))
        equal(f"hosts by {by}", sorted(ip for t in p["tasks"] if t["key"] == fp("k1") for ip in t["hosts"]),
              ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.3.1"])
    # The provider alone frees its own four: the others share a second key.  gamma.ie alone leaves three others and one without a name.
    alone = {h["operator"]: (h["domains"], h["others_freed"], h["still_sharing"]) for by in plans for h in plans[by]["alone"]}
    equal("what changing only one's own keys achieves", alone,
          {"AS64502 Net 2": (2, 0, 2), "AS64503 Net 3": (1, 0, 4), "alpha.ie": (1, 0, 4), "beta.ie": (1, 0, 5), "gamma.ie": (1, 0, 4),
           "no domain": (0, None, None)})
    rows = list(csv.DictReader(io.StringIO(survey("cluster", r, 1, "--repair", "--by", "domain", "-f", "csv"))))
    equal("rows by domain", sorted((x["operator"], x["key"], x["ip"]) for x in rows),
          sorted((t["operator"], t["key"], ip) for t in plans["domain"]["tasks"] for ip in t["hosts"]))
    text = survey("cluster", r, 1, "--repair", "--by", "domain")
    for words in ("2 shared keys held by at least 3 operators, 5 changes", "alpha.ie: 2 hosts, 1 domain;", "no domain: 1 host, 0 domains; how many"):
        if words not in text:
            sys.exit(f"the plan lacks {words!r}: {text}")
    text = survey("cluster", r, 1, "--repair")
    for words in ("2 shared keys held by 2 operators, 3 changes", "1 would do"):
        if words not in text:
            sys.exit(f"the plan by AS lacks {words!r}: {text}")


def check_unknown_ases(tmp):
    """Hosts whose ASes nobody knows are not in one AS, and not in several."""
    r = run(tmp / "no-as", {f"192.0.{i}.1": {"p22": ssh("k"), "p25": tls("t")} for i in range(1, 4)}, ases=False)
    c = ask("cluster", r, 1, "--repair")
    equal("what it may be", [x["what"] for x in c["may_be"] if "AS" in x["for"]], [])
    equal("across ASes", (c["share_across_ases"], c["keys_over_several_ases"], c["smelly"]), (None, 0, False))
    equal("operators", (c["repair"]["operators"], c["repair"]["more_operators"], c["repair"]["least"]), (0, True, None))
    text = survey("cluster", r, 1, "--repair")
    for words in ("unknown ASes", "held by unknown operators", "It is not known in which ASes they lie."):
        if words not in text:
            sys.exit(f"{words!r} is missing: {text}")
    equal("stats", [x["value"] for x in csv.DictReader(io.StringIO(survey("stats", r, "-t", "overview", "-f", "csv"))) if x["figure"].startswith("clusters over")], [""])
    rows = subprocess.run(["sqlite3", r / "survey.db", "SELECT ases IS NULL FROM clusters"], capture_output=True, text=True, check=True).stdout
    equal("survey.db", rows.split(), ["1"])


def check_verdict(folder, told):
    """What a cluster may be is the same wherever it is told."""
    rows = subprocess.run(["sqlite3", "-json", folder / "survey.db", "SELECT * FROM clusters"], capture_output=True, text=True, check=True).stdout
    db = {c["id"]: (c["may_be"], c["evidence_for"], c["evidence_against"], bool(c["smelly"])) for c in json.loads(rows)}
    files = {c["id"]: c for c in json.loads((folder / "clusters.json").read_text())}
    table = {int(c["cluster"]): c for c in csv.DictReader(io.StringIO(survey("stats", folder, "-t", "clusters", "-f", "csv", "--all")))}
    for i, c in told.items():
        first = c["may_be"][0]
        equal(f"may_be of {i} in survey.db", db[i], (first["what"], first["for"], first["against"], c["smelly"]))
        equal(f"may_be of {i} in clusters.json", (files[i]["may_be"], files[i]["smelly"]), (c["may_be"], c["smelly"]))
        row = table.get(i)
        equal(f"may_be of {i} in stats", row and (row["it may be"], row["one host by the studies' test"]), (first["what"], "no" if c["smelly"] else "can be"))
    if len({c["may_be"][0]["what"] for c in told.values()}) < 3:
        sys.exit("study-a has clusters of two kinds only: this tests little")


def test_study(tmp):
    survey("analyze", STUDY / "records.fresh.gz", "-o", tmp / "a", "--country", "IE", "-m", STUDY / "mmdb")
    with open(tmp / "a/clusters.json") as f:
        clusters = {c["id"]: c for c in json.load(f)}
    told = {c["id"]: c for c in ask("cluster", tmp / "a", "--all")}
    equal("clusters", sorted(told), sorted(clusters))
    for i, c in clusters.items():
        hosts, keys = cuts(c)
        equal(f"cut hosts of {i}", sorted(told[i]["cut_hosts"]), hosts)
        equal(f"cut keys of {i}", sorted(told[i]["cut_keys"]), keys)
        if not told[i]["may_be"] or not told[i]["may_be"][0]["for"]:
            sys.exit(f"cluster {i}: no evidence")
    check_verdict(tmp / "a", told)


def test_find(tmp):
    r = run(tmp / "find", {
        "192.0.2.1": {"p22": ssh("k1"), "p25": tls("t1", "mx1.example.ie")},
        "192.0.2.2": {"p22": ssh("k1"), "p25": tls("t2", "mx2.other.example.org")},
        "192.0.7.9": {"p25": tls("t3", "mail.example.ie")}})

    def found(query, status=0):
        return [h["ip"] for q in ask("find", r, query, status=status) for h in q["hosts"]]
    spelt = ":".join(fp("t2")[i:i + 2] for i in range(0, 64, 2)).upper()
    ssh_fp = subprocess.run(["sqlite3", r / "survey.db", f"SELECT ssh_fp FROM keys WHERE fp = '{fp('k1')}'"],
                            capture_output=True, text=True, check=True).stdout.strip()
    for query, want in (("192.0.2.1", [1]), ("192.0.2.0/24", [1, 2]), ("AS64507", [9]), ("as64502", [1, 2]),
                        ("net 7", [9]), ("MX1.example.ie", [1]), ("*.example.ie", [1, 9]), ("mx?.*", [1, 2]),
                        (fp("k1"), [1, 2]), (fp("k1")[:10], [1, 2]), (spelt, [2]), (ssh_fp, [1, 2]), (fp("ct3"), [9]),
                        ("12345678901", [1, 2, 9]), ("cluster:1", [1, 2])):
        equal(f"find {query}", sorted(int(ip.split(".")[3]) for ip in found(query)), want)
    for query in ("192.0.2.3", "*.nowhere.example", "AS1", "cluster:9", "feedfacefeedface"):
        equal(query, found(query, status=1), [])
    check_serials(tmp)
    host = ask("find", r, "192.0.2.1")[0]["hosts"][0]
    equal("host", (host["cluster"], host["csize"], host["asn"], host["partners"]),
          (1, 2, 64502, [{"asn": 64502, "as_name": "Net 2", "hosts": 1}]))
    equal("ports", [(p["port"], p["key"], p["key_hosts"]) for p in host["ports"]], [(22, fp("k1"), 2), (25, fp("t1"), 1)])
    equal("a name once", [line for line in survey("find", r, "192.0.2.1").splitlines() if line.startswith("    mx1")],
          ["    mx1.example.ie  unknown: banner p25dn p25san0"])
    rows = list(csv.DictReader(io.StringIO(survey("find", r, "192.0.2.0/24", "-f", "csv"))))
    equal("a row a host and port", [(x["ip"], x["port"]) for x in rows],
          [("192.0.2.1", "22"), ("192.0.2.1", "25"), ("192.0.2.2", "22"), ("192.0.2.2", "25")])
    equal("queries from a file", len(json.loads(survey("find", r, "-i", "-", "-f", "json", text="# two\n192.0.2.1\n\nAS64507\n"))), 2)
    survey("find", r, status=2)
    equal("after a byte order mark", [len(q["hosts"]) for q in json.loads(survey("find", r, "-i", "-", "-f", "json", text="\ufeff192.0.2.1\r\nAS64507"))], [1, 1])
    for query in ("", " ", "\t"):
        if "empty" not in said("find", r, "192.0.2.1", query, status=2):
            sys.exit(f"find {query!r} does not say what is wrong")
    # Behind "--" stand queries, whatever lies in the working directory.
    equal("behind --", [q["query"] for q in json.loads(survey("find", "-f", "json", r, "--", "192.0.2.1"))], ["192.0.2.1"])
    survey("find", tmp / "nowhere", "192.0.2.1", status=2)


def check_serials(tmp):
    """Serial numbers of every length: RFC 5280 has 20 bytes at most, whoever makes a certificate has not."""
    spelt = "CA:97:81:12:CA:1B:BD:CA"
    serials = [str(2 ** 256 - 1), "9" * 67, "9" * 100, "4660", str(int(spelt.replace(":", ""), 16))]
    r = run(tmp / "serials", {f"192.0.2.{i}": {"p25": tls(f"s{i}", serial=s)} for i, s in enumerate(serials, 1)})

    def found(query):
        out = survey("find", r, "-i", "-", "-f", "json", text=query + "\n")
        return [int(h["ip"].split(".")[3]) for q in json.loads(out) for h in q["hosts"]]
    for i, s in enumerate(serials, 1):
        equal(f"serial {s}", found(s), [i])
    equal("in hexadecimal", found("f" * 64), [1])
    for query in ("4660", "serial=1234", "serial=0x1234", "0x1234", "serial=4660", "SERIAL=12:34"):
        equal(query, found(query), [4])
    equal("bytes that are an address, too", (found(spelt), found(f"serial={spelt}"), found(spelt.replace(":", ""))), ([5], [5], [5]))
    # What is short is a serial number before it is a part of a name, and never the beginning of a fingerprint.
    equal("part of an AS's name", found("2"), [1, 2, 3, 4, 5])
    for query in ("0x4660", "1234", "serial=" + fp("s1")[:8], "0x" + fp("s1")[:4], "serial=99"):
        survey("find", r, query, status=1)
    equal("kinds", [ask("find", r, q, status=s)[0]["kind"] for q, s in (("4660", 0), ("2", 0), ("1234", 1), (spelt, 0), ("CA::1", 1))],
          ["serial", "as", "serial", "serial", "address"])
    for n in (64, 65, 66, 68, 80, 1000, 100000):
        survey("find", r, "-i", "-", text="9" * n + "\n", status=1)


def test_times(tmp):
    """The time of a run is that of its scan, not of its analysis."""
    def records(day, *more):
        folder = tmp / day
        with open(tmp / "records.ndjson", "w") as f:
            for i in (1, 2):
                grab = ssh("k")["data"] | {"time": day + "T10:00:00Z"}
                grab["ssh"]["timestamp"] = day + "T10:00:00Z"
                f.write(json.dumps({"ip": f"192.0.2.{i}", "data": grab}) + "\n")
        survey("analyze", tmp / "records.ndjson", "-o", folder, "--no-weak", *more)
        return folder
    (tmp / "runs").mkdir()
    new = records("2026-06-01").rename(tmp / "runs/new")
    old = records("2025-01-10").rename(tmp / "runs/old")
    dated = records("2026-06-02", "--scan-date", "2024-03-04T00:00:00Z").rename(tmp / "runs/dated")
    equal("order of a directory", [line for line in survey("compare", tmp / "runs").splitlines() if line.split()[1:2] == ["→"]],
          ["dated → old", "old → new"])
    began = {c[side]["path"].split("/")[-1]: c[side]["began"] for c in ask("compare", tmp / "runs") for side in "ab"}
    equal("began", {k: v[:10] for k, v in began.items()}, {"dated": "2024-03-04", "old": "2025-01-10", "new": "2026-06-01"})
    for given in ((tmp / "runs",), (new, old, dated)):
        since = [q["hosts"][0]["in_a_cluster_since"] for q in ask("find", *given, "192.0.2.1")]
        equal("in a cluster since", [s[:10] for s in since], ["2024-03-04"] * 3)
    equal("runs as they are given", ask("compare", new, old)["a"]["path"], str(new))


def test_compare(tmp):
    base = {f"192.0.2.{i}": {"p22": ssh("A")} for i in range(1, 5)}  # a cluster of four
    base |= {f"192.0.3.{i}": {"p22": ssh("B"), "p25": tls("B2")} for i in range(1, 3)}
    base |= {f"192.0.4.{i}": {"p22": ssh("C")} for i in range(1, 3)}
    base |= {f"192.0.5.{i}": {"p22": ssh("D")} for i in range(1, 3)}
    base |= {f"192.0.6.{i}": {"p22": ssh("E")} for i in range(1, 5)}
    base |= {f"192.0.8.{i}": {"p22": ssh("F")} for i in range(1, 3)}
    base |= {"192.0.9.1": {"p22": ssh("own")}, "192.0.9.2": {"p22": ssh("types")}}
    after = dict(base)
    after["192.0.2.4"] = {"p22": ssh("A new")}  # repaired: the cluster shrinks
    after["192.0.3.9"] = {"p22": ssh("B")}  # new host: grown
    after["192.0.4.1"] = {"p22": ssh("C"), "p25": tls("CD")}  # a key joins two clusters
    after["192.0.5.1"] = {"p22": ssh("D"), "p25": tls("CD")}
    for i in (3, 4):  # split
        after[f"192.0.6.{i}"] = {"p22": ssh("E new")}
    for i in (1, 2):  # rekeyed together: still shared
        after[f"192.0.8.{i}"] = {"p22": ssh("F new")}
    del after["192.0.9.1"]
    after["192.0.9.2"] = {"p22": ssh("another type", "ssh-rsa")}  # the tool asked for another type
    a, b = run(tmp / "a1", base), run(tmp / "b1", after)
    c = ask("compare", a, b)
    equal("new", c["hosts"]["new"], ["192.0.3.9"])
    equal("gone", c["hosts"]["gone"], ["192.0.9.1"])
    equal("changed", sorted(c["hosts"]["changed"]),
          ["192.0.2.4", "192.0.6.3", "192.0.6.4", "192.0.8.1", "192.0.8.2"])
    equal("rekeyed", sorted(c["hosts"]["rekeyed"]), ["192.0.2.4", "192.0.6.3", "192.0.6.4", "192.0.8.1", "192.0.8.2"])
    equal("repaired, that is rekeyed and sharing nothing", c["hosts"]["repaired"], ["192.0.2.4"])
    equal("of another type", c["keys"]["new_of_other_type"], 1)
    equal("keys of port 22", c["keys"]["ports"]["22"], {"new": 4, "gone": 3, "kept": 5, "spread": 1, "shrunk": 2, "moved": 0})
    ids = {side: {} for side in "ab"}
    for side, folder in (("a", a), ("b", b)):
        for k in json.load(open(folder / "clusters.json")):
            for h in k["hosts"]:
                ids[side][h["ip"]] = k["id"]
    got = {(tuple(x["a"]), tuple(x["b"])): x["change"] for x in c["clusters"]}
    one = lambda side, ip: ids[side][ip]
    want = {
        ((one("a", "192.0.2.1"),), (one("b", "192.0.2.1"),)): "shrunk",
        ((one("a", "192.0.3.1"),), (one("b", "192.0.3.1"),)): "grown",
        ((one("a", "192.0.4.1"), one("a", "192.0.5.1")), (one("b", "192.0.4.1"),)): "merged",
        ((one("a", "192.0.6.1"),), (one("b", "192.0.6.1"), one("b", "192.0.6.3"))): "split",
        ((one("a", "192.0.8.1"),), (one("b", "192.0.8.1"),)): "rekeyed"}
    equal("clusters", got, want)
    equal("keys", (sorted(c["keys"]["new"]), c["keys"]["spread"], c["keys"]["shrunk"]),
          (sorted(map(fp, ("A new", "CD", "E new", "F new", "another type"))), [fp("B")], sorted([fp("A"), fp("E")], key=c["keys"]["shrunk"].index)))
    survey("compare", a, b, "--changed", status=3)
    survey("compare", a, a, "--changed")
    equal("nothing changed", {x["change"] for x in ask("compare", a, a)["clusters"]}, {"same"})
    equal("three runs are two pairs", len(ask("compare", a, b, a)), 2)
    survey("compare", a, status=2)
    survey("compare", a, b, "-o", tmp / "out")
    equal("files", sorted(p.name for p in (tmp / "out").iterdir()),
          ["clusters.csv", "compare.json", "hosts.csv", "index.html", "keys.csv", "run-1", "run-2", "survey-compare.db"])
    equal("compare.json", json.load(open(tmp / "out/compare.json")), c)
    changes = {x["change"]: (x["clusters_a"], x["clusters_b"]) for x in csv.DictReader(open(tmp / "out/clusters.csv"))}
    equal("clusters.csv", changes, {v: tuple(" ".join(map(str, side)) for side in k) for k, v in got.items()})
    told = subprocess.run(["sqlite3", tmp / "out/survey-compare.db", "SELECT change, count(*) FROM hosts GROUP BY 1 ORDER BY 1"],
                          capture_output=True, text=True, check=True).stdout.split()
    equal("survey-compare.db", told, ["changed|5", "gone|1", "new|1", "rekeyed|5", "repaired|1"])
    page = (tmp / "out/index.html").read_text()
    pictures = sum(len(x["a"]) + len(x["b"]) for x in c["clusters"])
    equal("a picture of each changed cluster, before and after", page.count("<img "), pictures)
    if "no picture" in page or "<script" in page:
        sys.exit("the page lacks a picture, or has a script")
    # An AS has one colour before and after, also where it is another AS that has most hosts.
    colours = [{line.split('fill="')[1][:7] for p in sorted((tmp / f"out/run-{i}/graphs").glob("cluster-*.svg"))
                for line in p.read_text().split("<g") if "192.0.3.1" in line and 'fill="#' in line} for i in (1, 2)]
    if not colours[0] or colours[0] != colours[1]:
        sys.exit(f"the colours of an AS: {colours}")
    # For mail from a timer: a line a change, and nothing where nothing changed.
    lines = survey("compare", a, b, "--quiet", "--changed", status=3).splitlines()
    equal("lines of clusters", sorted(x.split(": ")[1] for x in lines if x.startswith("cluster ")),
          ["1 host fewer, 1 host rekeyed", "1 host more", "1 shared key new", "2 hosts rekeyed, 1 shared key new",
           "2 hosts rekeyed, 1 shared key new, 1 shared key gone"])
    equal("lines of hosts", sorted(x for x in lines if x.startswith("host ")),
          sorted(["host 192.0.2.4 repaired", "host 192.0.3.9 new", "host 192.0.9.1 gone: not in the records"] +
                 [f"host {ip} changed" for ip in ("192.0.6.3", "192.0.6.4", "192.0.8.1", "192.0.8.2")]))
    equal("no line", survey("compare", a, a, "--quiet", "--changed"), "")
    # A key that both countries show.
    x = run(tmp / "x", {"192.0.2.1": {"p22": ssh("both")}, "192.0.2.2": {"p22": ssh("x")}})
    y = run(tmp / "y", {"198.51.100.1": {"p22": ssh("both")}})
    across = ask("compare", "--across", x, y)
    equal("what a key joins", [(k["hosts"], k["keys"], [(p["cluster"], p["ip"]) for p in k["parts"]]) for k in across["clusters"]],
          [(2, 1, [(None, "192.0.2.1"), (None, "198.51.100.1")])])
    for option in ("--changed", "-q", "-o"):
        if "--across" not in said("compare", "--across", option, *([tmp / "no"] if option == "-o" else []), x, y, status=2):
            sys.exit(f"compare --across {option}")
    equal("nothing is made", (tmp / "no").exists(), False)
    equal("across", [(k["fp"], [r["hosts"] for r in k["runs"]]) for k in across["keys"]], [(fp("both"), [1, 1])])


def test_export(tmp):
    survey("analyze", STUDY / "records.fresh.gz", "-o", tmp / "a", "--country", "IE", "-m", STUDY / "mmdb")
    clusters = json.load(open(tmp / "a/clusters.json"))
    hosts = {h["ip"] for c in clusters for h in c["hosts"]}

    def table(name, *only):
        return list(csv.DictReader(io.StringIO(survey("export", tmp / "a", "--csv", "-", "--table", name, *only))))
    equal("hosts of clusters", {h["ip"] for h in table("hosts") if h["cluster"]}, hosts)
    equal("clusters", sorted(int(c["cluster"]) for c in table("clusters")), sorted(c["id"] for c in clusters))
    equal("hosts of one cluster", sorted(h["ip"] for h in table("hosts", "--cluster", 1)),
          sorted(h["ip"] for c in clusters if c["id"] == 1 for h in c["hosts"]))
    asn = table("hosts")[0]["asn"]
    equal("hosts of an AS", {h["asn"] for h in table("hosts", "--asn", asn)}, {asn})
    for one in {h["asn"] for c in clusters for h in c["hosts"]} - {None}:
        shown = {k["key"] for k in table("keys", "--asn", one)}
        equal("cluster keys that the AS does not show", {k["key"] for k in table("cluster_keys", "--asn", one)} - shown, set())
    # What is not there is named, whatever is written; the rest is.
    one, other = next((c["id"], h["asn"]) for c in clusters for h in table("hosts") if h["asn"] and h["asn"] not in {str(x["asn"]) for x in c["hosts"]})
    for only, faults in ((["-c", "999,1"], ["there is no cluster 999"]), (["--asn", "1"], ["no host is in AS1"]),
                         (["-c", "999", "--asn", f"{asn},1"], ["there is no cluster 999", "no host is in AS1"]),
                         (["-c", one, "--asn", other], ["no host is in one of these clusters and in one of these ASes"])):
        for to in (["--csv", "-", "-t", "hosts"], ["--graphml", "-"], ["--studies", tmp / f"lacking{only}"]):
            warnings = [line.split("warning: ")[1] for line in said("export", tmp / "a", *to, *only, status=3).splitlines() if "warning: " in line]
            equal(f"what {only} lacks, {to}", warnings, faults)
    equal("hosts of the cluster that is there", survey("export", tmp / "a", "--csv", "-", "-t", "hosts", "-c", "999,1", status=3),
          survey("export", tmp / "a", "--csv", "-", "-t", "hosts", "-c", 1))
    survey("export", tmp / "a", "--csv", tmp / "csv")
    for name in sorted(p.stem for p in (tmp / "csv").glob("*.csv")):
        equal(f"{name} to the directory and to the standard output", list(csv.DictReader(open(tmp / "csv" / f"{name}.csv", newline=""))),
              table(name))
    # What the studies' scripts expect, from the study alone.
    text = said("export", tmp / "a", "--studies", tmp / "studies")
    if "no records beside the study" not in text:
        sys.exit(f"what is missing is not told: {text}")
    check_studies(tmp / "a", tmp / "studies", clusters)
    same_again(tmp / "a", tmp / "studies", tmp / "again", "--country", "IE")
    # A second time the same, and never into a run or among files of other clusters.
    first = {p.name: p.read_bytes() for p in (tmp / "studies").iterdir()}
    survey("export", tmp / "a", "--studies", tmp / "studies")
    equal("a second export", {p.name: p.read_bytes() for p in (tmp / "studies").iterdir()}, first)
    survey("export", tmp / "a", "--studies", tmp / "a", status=2)
    survey("export", tmp / "a", "--studies", tmp / "studies", "--cluster", 2, status=2)
    check_places(tmp)
    # A part of it is a study of its own.
    survey("export", tmp / "a", "--studies", tmp / "two", "--cluster", "2,5")
    equal("files of two clusters", sorted(p.name for p in (tmp / "two").glob("cluster*.json")), ["cluster2.json", "cluster5.json"])
    mine = {h["ip"] for c in clusters if c["id"] in (2, 5) for h in c["hosts"]}
    everyone, _, sharing = studies_reader.check_results(tmp / "two")
    equal("hosts of two clusters", ({h["ip"] for h in everyone}, {h["ip"] for h in sharing}), (mine, mine))
    equal("records of two clusters", {json.loads(x)["ip"] for x in open(tmp / "two/records.fresh")}, mine)
    equal("clusters of two clusters", (tmp / "two/clustersizes.csv").read_text().split("\n\n")[0].splitlines()[1:],
          ["0, 0", *(f"{c['id']}, {c['size']}" for c in clusters if c["id"] in (2, 5))])
    asn = clusters[0]["hosts"][0]["asn"]
    survey("export", tmp / "a", "--studies", tmp / "as", "--asn", asn)
    for p in (tmp / "as").iterdir():
        for c in clusters:
            for h in c["hosts"]:
                if h["asn"] != asn and f'"{h["ip"]}"' in p.read_text():
                    sys.exit(f"{p.name} of AS{asn} names {h['ip']} of AS{h['asn']}")
    survey("export", tmp / "a", "--graphml", tmp / "g.graphml")
    space = "{http://graphml.graphdrawing.org/xmlns}"
    graph = ElementTree.parse(tmp / "g.graphml").getroot().find(f"{space}graph")
    nodes = {n.get("id") for n in graph.findall(f"{space}node")}
    if not all(e.get("source") in nodes and e.get("target") in nodes for e in graph.findall(f"{space}edge")):
        sys.exit("an edge of a node that is not there")
    # A cell that a spreadsheet would run, and one that looks as if it had been defused.
    evil = run(tmp / "evil", {"192.0.2.1": {"p25": tls("e", "=cmd|'/c calc'!A1")}, "192.0.2.2": {"p25": tls("e", "'=mx")},
                              "192.0.2.3": {"p25": tls("e", "-1+mx")}})
    cells = [r["name"] for r in csv.DictReader(io.StringIO(survey("export", evil, "--csv", "-", "--table", "names")))
             if r["source"] == "p25dn"]
    equal("cells restored", [c[1:] if c.startswith("'") else c for c in cells], ["=cmd|'/c calc'!A1", "'=mx", "-1+mx"])
    for name in (p.stem for p in (tmp / "csv").glob("*.csv")):
        for row in csv.reader(io.StringIO(survey("export", evil, "--csv", "-", "--table", name))):
            if any(cell[:1] in "=+-@" and cell[:1] for cell in row):
                sys.exit(f"{name}: {row}")
    survey("export", tmp / "a", status=2)
    survey("export", tmp / "a", "--csv", "-", status=2)
    survey("export", tmp / "a", "--csv", "-", "--graphml", "-", status=2)


def check_places(tmp):
    """Nothing that no export has made is written over: not an earlier program's study, not one file of it."""
    studies = tmp / "studies"
    exported = {p.name: p.read_bytes() for p in studies.iterdir()}

    def refused(study, where):
        before = {p.name: p.read_bytes() for p in where.iterdir()}
        text = said("export", study, "--studies", where, status=2)
        if "name a new directory" not in text:
            sys.exit(f"export into {sorted(before)}: {text}")
        equal(f"export into {sorted(before)}", {p.name: p.read_bytes() for p in where.iterdir()}, before)
    old = tmp / "old"
    old.mkdir()
    for name in ("collisions.json", "fingerprints.json", "all-key-fingerprints.json", "dodgy.json", "records.fresh"):
        (old / name).write_bytes(exported[name])
    refused(old, old)
    refused(tmp / "a", old)
    refused(old / "collisions.json", old)
    refused(studies, studies)
    refused(studies / "collisions.json", studies)
    (tmp / "link").symlink_to(studies)
    refused(studies, tmp / "link")
    for name in [n for n in exported if n != "EXPORTED"] + ["records.fresh.gz", "records.fresh.zst", "run.json", "survey.db", "dns.ndjson"]:
        if not name.startswith(("cluster", "graph")) or name in ("cluster1.json", "graph1.dot"):
            where = tmp / f"has {name}"
            where.mkdir()
            (where / name).write_text("precious")
            refused(tmp / "a", where)
    # What an export does not write may be there: the scripts themselves.
    where = tmp / "scripts"
    where.mkdir()
    (where / "clusters.py").write_text("pass")
    survey("export", tmp / "a", "--studies", where)
    equal("scripts", (where / "clusters.py").read_text(), "pass")


def check_studies(study, out, clusters):
    """Every file of an export by the rules of the studies' reader, and the pairs of their graphs."""
    studies_reader.check_results(out)
    hosts = {h["ip"]: h for h in json.load(open(study / "collisions.json"))}
    numbers = {int(p.stem[7:]) for p in out.glob("cluster*.json")}  # their glob: clusters.json would be one, too
    equal("files of clusters", numbers, {c["id"] for c in clusters})
    for c in clusters:
        path = out / f"cluster{c['id']}.json"
        found = studies_reader.check_array(path)
        equal(path.name, found, [hosts[h["ip"]] for h in c["hosts"]])
        studies_reader.check_members(path, found)
        dot = (out / f"graph{c['id']}.dot").read_text()
        nodes = re.findall(r'^\s+"(\S+)" \[color="#[0-9A-F]{6}" style=filled\]$', dot, re.M)
        edges = re.findall(r'^\s+"(\S+)" -- "(\S+)" \[color="(#[0-9A-F]{6})"\]$', dot, re.M)
        equal(f"nodes of {c['id']}", nodes, [h["ip"] for h in c["hosts"]])
        pairs = {frozenset((h["ip"], r["ip"])) for h in found for r in h["rcs"].values()}
        equal(f"pairs of {c['id']}", {frozenset(e[:2]) for e in edges}, pairs)
        equal(f"an edge once in {c['id']}", len({(frozenset(e[:2]), e[2]) for e in edges}), len(edges))
        subprocess.run(["dot", "-Tcanon", "-o", "/dev/null"], input=dot, text=True, check=True)
    sizes = (out / "clustersizes.csv").read_bytes()
    equal("clustersizes.csv", sizes, (study / "clustersizes.csv").read_bytes())


def same_again(study, out, again, *options):
    """The exported records give the same clusters, keys and names."""
    survey("analyze", out / "records.fresh", "-o", again, *options)

    def told(folder):
        def host(h):
            names = {k: v for k, v in h["analysis"]["nameset"].items() if not k.endswith("-seen")}
            return h["ip"], h["clusternum"], h["fprints"], names, h["asndec"], {k: v for k, v in h["analysis"].items() if k != "nameset"}
        with open(folder / "all-key-fingerprints.json") as f:
            hosts = [host(h) for h in json.load(f)]
        with open(folder / "clusters.json") as f:
            clusters = [(c["id"], [h["ip"] for h in c["hosts"]], c["keys"]) for c in json.load(f)]
        query = ("SELECT h.ip, p.port, k.fp FROM host_ports p JOIN hosts h ON h.id = p.host JOIN keys k ON k.id = p.key "
                 "WHERE h.out IS NULL ORDER BY 1, 2, 3")
        keys = subprocess.run(["sqlite3", folder / "survey.db", query], capture_output=True, text=True, check=True).stdout
        return hosts, clusters, keys
    for what, a, b in zip(("hosts", "clusters", "keys"), told(again), told(study)):
        equal(f"{what} of the exported records", a, b)


def zgrab(module, **result):
    return {module: {"status": "success", "protocol": module.split("-")[0], "timestamp": "2026-06-15T12:00:00Z", "result": result}}


def log(word, **more):
    return {"handshake_log": {"server_hello": {"version": {"name": "TLSv1.2"}, "cipher_suite": {"name": "TLS_RSA_WITH_RC4_128_SHA", "value": 5}},
                              "server_certificates": {"certificate": {"parsed": {
                                  "subject_dn": f"CN={word}.example.ie", "subject_key_info": {"fingerprint_sha256": fp(word)}, **more}}}}}


def host_key(word, **more):
    return {"key_exchange": {"server_host_key": {"algorithm": "ssh-rsa", "fingerprint_sha256": fp(word), **more}}}


def test_export_records(tmp):
    """What one key a port does not tell: further keys, ports 465 and 995, redirects, host certificates, many lines."""
    folder = tmp / "run"
    folder.mkdir()
    head = {"writer": "survey", "version": 1, "location": {"country_code": "IE"}}
    failed = {"status": "connection-timeout", "error": "dial tcp 192.0.2.3:443: connect: connection refused"}
    certified = {"certkey_public_key": {"key": {"algorithm": "ssh-ed25519", "fingerprint_sha256": fp("certified")}}}
    records = [
        # Only the second SSH key, and only port 465, link hosts.
        {"ip": "192.0.2.1", "p22": {"data": zgrab("ssh", **host_key("a1")) | zgrab("ssh-rsa", **host_key("rsa"))},
         "p25": {"data": zgrab("smtp", banner="220 mx.example.ie ESMTP Postfix", tls=log("m1"))}},
        {"ip": "192.0.2.2", "p22": {"data": zgrab("ssh", **host_key("a2")) | zgrab("ssh-rsa", **host_key("rsa"))},
         "p465": {"data": zgrab("smtp", tls=log("submissions"))}},
        {"ip": "192.0.2.3", "p465": {"data": zgrab("smtp", tls=log("submissions"))}, "p587": "grab given up",
         "p443": {"data": {"http": failed} | zgrab("http-tls13", response={"request": {"tls_log": log("web")}})}},
        # The first response is the host's own.
        {"ip": "192.0.2.4", "p443": {"data": zgrab(
            "http", response={"request": {"tls_log": log("portal")}, "status_code": 200},
            redirect_response_chain=[{"status_code": 301, "request": {"tls_log": log("own4")}}, {"request": {"tls_log": log("x")}}])}},
        {"ip": "192.0.2.5", "p443": {"data": zgrab("http", response={"request": {"tls_log": log("portal")}},
                                                   redirect_response_chain=[{"request": {"tls_log": log("web")}}])}},
        {"ip": "192.0.2.6", "p22": {"data": zgrab("ssh", **host_key("nonce 6", algorithm="ssh-ed25519-cert-v01@openssh.com", **certified))}},
        {"ip": "192.0.2.7", "p22": {"data": zgrab("ssh", **host_key("nonce 7", algorithm="ssh-ed25519-cert-v01@openssh.com", **certified))}},
        {"ip": "192.0.2.8", "p25": {"data": {"smtp": failed}}},  # takes no part
        {"ip": "192.0.2.9", "p22": {"data": zgrab("ssh", **host_key("a9"))}},
        {"ip": "192.0.2.9", "p25": {"data": zgrab("smtp", tls=log("m1"))}},  # a line of a second pass
        {"ip": "192.0.2.10", "data": {"p25": zgrab("p25", tls=log("m10"))["p25"], "p22": zgrab("p22", **host_key("a9"))["p22"]}},
        {"ip": "192.0.2.11", "writer": "FreshGrab.py", "duration": 3.5, "p22": {"data": {"xssh": host_key("a9")}}},
        # Modules of one port whose names tell nothing apart, and a line that is theirs, with a further key.
        {"ip": "192.0.2.12", "p443": {"data": zgrab("http", response={"request": {"tls_log": log("w12")}})
                                      | zgrab("tls", **log("submissions"))}},
        {"ip": "192.0.2.13", "data": {"one": zgrab("p22", **host_key("a13"))["p22"] | {"port": 22},
                                      "two": zgrab("p22", **host_key("rsa"))["p22"] | {"port": 22}}},
        {"ip": "192.0.2.14", "writer": "FreshGrab.py", "p22": {"data": {"xssh": host_key("a14")} | zgrab("ssh-rsa", **host_key("rsa"))}}]
    with open(folder / "records.fresh", "w") as f:
        f.writelines(json.dumps(head | r) + "\n" for r in records)
    (folder / "zmap.ips").write_text("".join(f"{ip}\n" for ip in dict.fromkeys(r["ip"] for r in records)) + "203.0.113.1\n")
    survey("analyze", folder, "--country", "IE")
    clusters = json.load(open(folder / "clusters.json"))
    text = said("export", folder, "--studies", tmp / "out")
    if "no records" in text or "3 hosts have several records" not in text:
        sys.exit(f"records of the run: {text}")
    check_studies(folder, tmp / "out", clusters)
    same_again(folder, tmp / "out", tmp / "again", "--country", "IE")
    got = {r["ip"]: r for r in map(json.loads, open(tmp / "out/records.fresh"))}
    equal("a host a line, in their order", list(got), [f"192.0.2.{i}" for i in range(1, 15)])
    equal("the scripts' writer", {r["writer"] for r in got.values()}, {"FreshGrab.py"})
    # Where the studies' scripts look.
    one = got["192.0.2.1"]
    equal("SSH", one["p22"]["data"]["xssh"]["key_exchange"]["server_host_key"]["fingerprint_sha256"], fp("a1"))
    equal("SMTP", (one["p25"]["data"]["banner"], one["p25"]["data"]["tls"]["server_hello"]["cipher_suite"]["name"], one["p25"]["timestamp"]),
          ("220 mx.example.ie ESMTP Postfix", "TLS_RSA_WITH_RC4_128_SHA", "2026-06-15T12:00:00Z"))

    def web(n):
        log = got[f"192.0.2.{n}"]["p443"]["data"]["http"]["response"]["request"]["tls_handshake"]
        return log["server_certificates"]["certificate"]["parsed"]["subject_key_info"]["fingerprint_sha256"]
    equal("HTTPS", [web(3), web(4), web(5)], [fp("web"), fp("own4"), fp("web")])
    equal("a host certificate's key", got["192.0.2.6"]["p22"]["data"]["xssh"]["key_exchange"]["server_host_key"]["fingerprint_sha256"], fp("certified"))
    equal("what is theirs stays", (got["192.0.2.11"]["duration"], got["192.0.2.3"]["p587"]), (3.5, "grab given up"))
    equal("and its further key", got["192.0.2.14"], head | records[-1])
    dodgy = studies_reader.check_dodgy(tmp / "out/dodgy.json")
    equal("who takes no part", [(d["ip"], d["reason"]) for d in dodgy.values()], [("192.0.2.8", "no-key")])
    equal("zmap's list", (tmp / "out/zmap.ips").read_text(), (folder / "zmap.ips").read_text())
    survey("export", folder, "--studies", tmp / "part", "--cluster", 1)
    equal("zmap's list of a cluster", (tmp / "part/zmap.ips").read_text().split(), [h["ip"] for h in clusters[0]["hosts"]])
    # The same without the records, and with others than those of the study.
    (folder / "records.fresh").rename(tmp / "aside")
    survey("export", folder, "--studies", tmp / "without")
    same_again(folder, tmp / "without", tmp / "without again", "--country", "IE")
    (folder / "records.fresh").write_text(json.dumps(head | records[1]) + "\n")
    if "not what survey.db was made of" not in said("export", folder, "--studies", tmp / "others"):
        sys.exit("records of another study are taken")
    equal("what the study knows", (tmp / "others/records.fresh").read_bytes(), (tmp / "without/records.fresh").read_bytes())
    (tmp / "aside").rename(folder / "records.fresh")
    # A copy has no addresses, a collisions.json that stands alone no more than its hosts.
    survey("graph", folder, "--anonymise", "-o", tmp / "copy", "-f", "svg")
    if "no addresses" not in said("export", tmp / "copy", "--studies", tmp / "of copy"):
        sys.exit("records of a copy")
    equal("no records of a copy", (tmp / "of copy/records.fresh").exists(), False)
    survey("export", folder / "collisions.json", "--studies", tmp / "of lone")


def test_wrong_files(tmp):
    """Who names a file that a command does not read is told what it is, and what reads it."""
    r = run(tmp / "run", {"192.0.2.1": {"p22": ssh("k")}, "192.0.2.2": {"p22": ssh("k")}, "192.0.2.3": {"p25": tls("t")},
                          "192.0.2.4": {"p25": "nothing"}})
    said_of = {"fingerprints.json": ["fingerprints.json", "hosts with their keys"],
               "all-key-fingerprints.json": ["all-key-fingerprints.json", "hosts with their keys"],
               "clusters.json": ["a clusters.json"], "verdicts.ndjson": ["a verdicts.ndjson"], "clustersizes.csv": ["a clustersizes.csv"],
               "dodgy.json": ["dodgy.json is", "survey analyze -"], "run.json": ["a run.json", "name its directory"],
               "weak.json": ["a weak.json"]}
    commands = [["analyze", "-o", tmp / "o"], ["graph", "-o", tmp / "g"], ["report", "-o", tmp / "r"], ["stats"], ["find", "192.0.2.1"],
                ["cluster", "--all"], ["export", "--csv", tmp / "c"]]
    for name, words in said_of.items():
        for command, *more in commands:
            if not (r / name).exists():
                sys.exit(f"{name} was not written")
            p = subprocess.run([SURVEY, command, r / name, *more], capture_output=True, text=True)
            if p.returncode == 0 or not all(w in p.stderr for w in words) or len(p.stderr.splitlines()) != 1:
                sys.exit(f"{command} {name}: status {p.returncode}: {p.stderr}")
    for command, *more in commands[1:]:
        p = subprocess.run([SURVEY, command, r / "records.fresh", *more], capture_output=True, text=True)
        if p.returncode == 0 or "survey analyze" not in p.stderr:
            sys.exit(f"{command} records.fresh: status {p.returncode}: {p.stderr}")
    survey("stats", r / "collisions.json")


def test_stats(tmp):
    """Every row with --all, whole fingerprints, the run of each value, 0 and unknown apart."""
    hosts = {}
    for i in range(1, 31):  # 30 clusters of two; the first has a wildcard that browsers trust
        for k in (1, 2):
            hosts[f"192.0.{i}.{k}"] = {"p22": ssh(f"k{i}"), "p25": tls(f"t{i}", "*.example.ie" if i < 3 else "mx.example.ie")}
            if i == 1:
                handshake = hosts[f"192.0.{i}.{k}"]["p25"]["data"]["smtp"]["result"]["tls"]["handshake_log"]
                handshake["server_certificates"]["validation"] = {"browser_trusted": True}
    r = run(tmp / "r", hosts)
    rows = {t: list(csv.DictReader(io.StringIO(survey("stats", r, "-t", t, "-f", "csv", "--all")))) for t in ("keys", "clusters", "ases", "sizes")}
    equal("every key", sorted(x["key"] for x in rows["keys"]), sorted(fp(f"{w}{i}") for w in "kt" for i in range(1, 31)))
    equal("kinds", {(x["kind"], x["ports"]) for x in rows["keys"]}, {("SSH", "22"), ("TLS", "25")})
    equal("owners", {x["AS with most of its hosts"] for x in rows["keys"]}, {f"AS{64500 + i} Net {i}" for i in range(1, 31)})
    equal("every cluster and AS", (len(rows["clusters"]), len(rows["ases"])), (30, 30))
    equal("without --all", len(list(csv.DictReader(io.StringIO(survey("stats", r, "-t", "keys", "-f", "csv"))))), 20)
    first = next(x for x in rows["clusters"] if x["cluster"] == "1")
    equal("the most-used key", (first["hosts of the most-used key"], first["host/ports of the most-used key"]), ("2", "2"))
    studies = "wildcard certificates, trusted (as the studies count)"
    equal("wildcards", [(x["wildcard certificates"], x["trusted certificates"], x[studies]) for x in rows["clusters"][:3]],
          [("2", "2", "2"), ("2", "", ""), ("0", "", "")])  # of the others nobody said whether they are trusted
    figures = json.loads(survey("stats", r, "-f", "json", "-t", "certificates"))
    cells = {x["label"]: x["cells"][0] for x in figures["tables"][0]["rows"]}
    equal("trust", [cells[k] for k in ("trusted by browsers", "not trusted", "trust not known", "self-signed", "self-signed or not: not known")],
          [2, 0, 58, None, 60])
    # The run stands beside each value, also where several stand side by side.
    version = survey("--version").split()[1]
    equal("of which run", {(x["run"], x["countries"], version in x["versions"]) for t in rows.values() for x in t}, {("r", "XX", True)})
    other = run(tmp / "s", {"192.0.1.1": {"p22": ssh("k1")}, "192.0.1.2": {"p22": ssh("k1")}, "192.0.1.3": {"p22": ssh("k1")}})
    both = json.loads(survey("stats", r, other, "-f", "json", "--all"))
    equal("names", [x["name"] for x in both["runs"]], ["r", "s"])
    sizes = next(t for t in both["tables"] if t["id"] == "sizes")
    equal("columns", (sizes["columns"][:2], sizes["column_runs"][:2]), (["r clusters", "s clusters"], [0, 1]))
    equal("what a run has none of is 0", {x["label"]: x["cells"][:2] for x in sizes["rows"]}, {"2": [30, 0], "3": [0, 1]})
    long = list(csv.DictReader(io.StringIO(survey("stats", r, other, "-f", "csv"))))
    equal("a line a cell", {(x["column"].split()[0], x["run"]) for x in long if x["table"] == "sizes"}, {("r", "r"), ("s", "s")})
    # What the report says of missing things is said in full.
    survey("report", r / "collisions.json", "-o", tmp / "page")
    page = (tmp / "page/report/index.html").read_text()
    for t in json.loads(survey("stats", r / "collisions.json", "-f", "json"))["tables"]:
        if "note" in t and ElementTree.fromstring(f"<x>{t['note']}</x>").text not in page.replace("&#39;", "'").replace("&apos;", "'"):
            sys.exit(f"the report cuts: {t['note']}")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        for test in (test_find, test_times, test_cluster, test_study, test_compare, test_export, test_export_records, test_wrong_files,
                     test_stats):
            (tmp / test.__name__).mkdir()
            test(tmp / test.__name__)
    print("find, cluster, compare and export tell what is so")


if __name__ == "__main__":
    main()
