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
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

SURVEY = sys.argv[1]
STUDY = pathlib.Path(__file__).parents[1] / "analyze/study-a"


def survey(*args, status=0, text=None):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, input=text)
    if r.returncode != status:
        sys.exit(f"survey {args}: status {r.returncode} instead of {status}: {r.stderr}{r.stdout}")
    return r.stdout


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


def tls(word, cn="mx.example.ie"):
    cert = {"subject_dn": f"CN={cn}", "issuer_dn": "CN=ca", "serial_number": "12345678901", "fingerprint_sha256": fp(f"c{word}"),
            "subject_key_info": {"fingerprint_sha256": fp(word), "key_algorithm": {"name": "RSA"}},
            "extensions": {"subject_alt_name": {"dns_names": [cn]}}}
    return {"data": {"smtp": {"status": "success", "result": {"banner": f"220 {cn} ESMTP", "tls": {"handshake_log": {
        "server_certificates": {"certificate": {"parsed": cert}}}}}}}}


def run(folder, hosts):
    """hosts: {ip: {port: (kind, word)}}; every host in an AS of its own third byte."""
    folder.mkdir()
    with open(folder / "records.fresh", "w") as f:
        for ip, ports in hosts.items():
            record = {"ip": ip, "writer": "survey", "autonomous_system": {"asn": 64500 + int(ip.split(".")[2]), "name": f"Net {ip.split('.')[2]}"},
                      "location": {"country_code": "IE"}}
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
    plan = ask("cluster", r, 1, "--repair")["repair"]
    equal("one operator changes each shared key", (plan["keys"], plan["operators"], plan["least"]), (3, 1, 0))
    rows = list(csv.DictReader(io.StringIO(survey("cluster", r, 1, "--repair", "-f", "csv"))))
    equal("rows of the plan", sorted((x["key"], x["ip"]) for x in rows),
          sorted([(fp("k1"), "192.0.2.1"), (fp("k1"), "192.0.2.2")] +
                 [(fp(k), f"192.0.2.{i}") for k in ("k2", "k3") for i in (2, 3)]))
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
    host = ask("find", r, "192.0.2.1")[0]["hosts"][0]
    equal("host", (host["cluster"], host["csize"], host["asn"], host["partners"]),
          (1, 2, 64502, [{"asn": 64502, "as_name": "Net 2", "hosts": 1}]))
    equal("ports", [(p["port"], p["key"], p["key_hosts"]) for p in host["ports"]], [(22, fp("k1"), 2), (25, fp("t1"), 1)])
    rows = list(csv.DictReader(io.StringIO(survey("find", r, "192.0.2.0/24", "-f", "csv"))))
    equal("a row a host and port", [(x["ip"], x["port"]) for x in rows],
          [("192.0.2.1", "22"), ("192.0.2.1", "25"), ("192.0.2.2", "22"), ("192.0.2.2", "25")])
    equal("queries from a file", len(json.loads(survey("find", r, "-i", "-", "-f", "json", text="# two\n192.0.2.1\n\nAS64507\n"))), 2)
    survey("find", r, status=2)
    survey("find", tmp / "nowhere", "192.0.2.1", status=2)
    (r / "cidrs.v4").write_text("192.0.0.0/21\n")
    (r / "out-of-country.ips").write_text("198.51.100.7\n")
    for ip, word in (("192.0.3.3", "silent"), ("203.0.113.1", "not in the target ranges"), ("198.51.100.7", "outside the countries")):
        text = ask("find", r, ip, status=1)[0]["absent"]
        if word not in text:
            sys.exit(f"{ip}: {text!r} lacks {word!r}")


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
    equal("lines of clusters", sum(x.startswith("cluster ") for x in lines), 5)
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
    survey("export", tmp / "a", "--csv", tmp / "csv")
    for name in sorted(p.stem for p in (tmp / "csv").glob("*.csv")):
        equal(f"{name} to the directory and to the standard output", list(csv.DictReader(open(tmp / "csv" / f"{name}.csv", newline=""))),
              table(name))
    # What the studies' scripts expect: one file a cluster, read a host a line; records that give the same study again.
    survey("export", tmp / "a", "--studies", tmp / "studies")
    for c in clusters:
        got = {h["ip"] for h in json.load(open(tmp / f"studies/cluster{c['id']}.json"))}
        equal(f"cluster{c['id']}.json", got, {h["ip"] for h in c["hosts"]})
    survey("analyze", tmp / "studies/records.fresh", "-o", tmp / "again", "--country", "XX")
    again = json.load(open(tmp / "again/clusters.json"))
    equal("clusters of the exported records", sorted(sorted(h["ip"] for h in c["hosts"]) for c in again),
          sorted(sorted(h["ip"] for h in c["hosts"]) for c in clusters))
    survey("export", tmp / "a", "--graphml", tmp / "g.graphml")
    space = "{http://graphml.graphdrawing.org/xmlns}"
    graph = ElementTree.parse(tmp / "g.graphml").getroot().find(f"{space}graph")
    nodes = {n.get("id") for n in graph.findall(f"{space}node")}
    if not all(e.get("source") in nodes and e.get("target") in nodes for e in graph.findall(f"{space}edge")):
        sys.exit("an edge of a node that is not there")
    # A cell that a spreadsheet would run.
    evil = run(tmp / "evil", {"192.0.2.1": {"p25": tls("e", "=cmd|'/c calc'!A1")}, "192.0.2.2": {"p25": tls("e", "mx")}})
    for name in (p.stem for p in (tmp / "csv").glob("*.csv")):
        for row in csv.reader(io.StringIO(survey("export", evil, "--csv", "-", "--table", name))):
            if any(cell[:1] in "=+-@" and cell[:1] for cell in row):
                sys.exit(f"{name}: {row}")
    survey("export", tmp / "a", status=2)
    survey("export", tmp / "a", "--csv", "-", status=2)
    survey("export", tmp / "a", "--csv", "-", "--graphml", "-", status=2)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        for test in (test_find, test_cluster, test_study, test_compare, test_export):
            (tmp / test.__name__).mkdir()
            test(tmp / test.__name__)
    print("find, cluster, compare and export tell what is so")


if __name__ == "__main__":
    main()
