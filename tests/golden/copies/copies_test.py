#!/usr/bin/env python3
"""What copies that are given away hold: for anybody, for the owner of an AS, and with --trust.

usage: copies_test.py SURVEY

Each copy is searched, file by file, packed parts and database pages included, for every
address, name, AS and key that must not be in it, in each spelling.
"""
import base64
import hashlib
import json
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "web"))
import packed  # noqa: E402

SURVEY = sys.argv[1]
GENERATOR = pathlib.Path(__file__).parents[2] / "bench/analyze/gen_records.py"
SAID = "2026-06-15T12:00:00Z"


def survey(*args, status=0):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True)
    if r.returncode != status:
        sys.exit(f"survey {args}: status {r.returncode} instead of {status}: {r.stderr}{r.stdout}")
    return r.stderr


def equal(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r} instead of {want!r}")


def fp(word):
    return hashlib.sha256(word.encode()).hexdigest()


def ssh(word):
    return {"data": {"ssh": {"status": "success", "result": {"server_id": {"version": "2.0", "software": f"Soft_{word}"},
            "key_exchange": {"server_host_key": {"algorithm": "ssh-ed25519", "fingerprint_sha256": fp(word)}}}}}}


def tls(word, *names):
    cert = {"subject_dn": f"CN={names[0]}", "issuer_dn": f"CN=ca of {word}", "serial_number": str(int(fp("s" + word)[:15], 16)),
            "fingerprint_sha256": fp("c" + word), "validity": {"start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"},
            "subject_key_info": {"fingerprint_sha256": fp(word), "key_algorithm": {"name": "RSA"}, "rsa_public_key": {"length": 2048}},
            "signature": {"self_signed": True}, "extensions": {"subject_alt_name": {"dns_names": list(names)}}}
    return {"data": {"smtp": {"status": "success", "result": {"banner": f"220 {names[0]} ESMTP", "tls": {"handshake_log": {
        "server_hello": {"version": {"name": "TLSv1.2"}, "cipher_suite": {"value": 49199}},
        "server_certificates": {"certificate": {"parsed": cert}, "validation": {"browser_trusted": False}}}}}}}}


# AS 64502 is kept.  b and c hang on it by one key each, d by c's; its second cluster is its own;
# 64505 has a cluster that nobody else is in; e shares with nobody.
HOSTS = {
    "192.0.2.1": {"p22": ssh("shared"), "p25": tls("own", "mx1.kept.example", "elsewhere.kept.example")},
    "192.0.2.2": {"p587": tls("two", "mx2.kept.example")},
    "192.0.3.1": {"p22": ssh("shared"), "p143": tls("b own", "mx.other.example"), "p993": tls("b own", "mx.other.example")},
    "192.0.4.1": {"p25": tls("two", "mx2.kept.example"), "p443": {"data": {"http": {"status": "connection-timeout", "error": "connect: connection refused"}}}},
    "192.0.4.2": {"p25": tls("chain", "mx.third.example")},
    "192.0.3.2": {"p22": ssh("shared"), "p25": tls("chain", "mx.third.example")},
    "192.0.2.7": {"p22": ssh("image")}, "192.0.2.8": {"p22": ssh("image")},
    "192.0.2.9": {"p22": ssh("lonely")},
    "192.0.5.1": {"p25": tls("far", "mx.far.example")}, "192.0.5.2": {"p25": tls("far", "mx.far.example")},
    "192.0.5.3": {"p25": tls("far", "mx.far.example")}, "192.0.6.1": {"p25": tls("e", "mx.lone.example")},
}
DNS = {"mx1.kept.example": "192.0.2.1", "mx2.kept.example": "192.0.4.1", "elsewhere.kept.example": "192.0.5.2",
       "mx.other.example": "192.0.3.1", "mx.third.example": "192.0.4.2", "mx.far.example": "192.0.5.1", "mx.lone.example": "192.0.6.1"}
KEPT_KEYS = ("shared", "own", "two", "image", "lonely")
OTHER_KEYS = ("b own", "chain", "far", "e")
OTHER_NAMES = ("mx.other.example", "mx.third.example", "mx.far.example", "mx.lone.example")


def a_run(folder):
    folder.mkdir()
    with open(folder / "records.fresh", "w") as f:
        for ip, ports in HOSTS.items():
            net = ip.split(".")[2]
            record = {"ip": ip, "writer": "survey", "time": SAID, "autonomous_system": {"asn": 64500 + int(net), "name": f"Secret Net {net}"},
                      "location": {"country_code": "IE"}, **ports}
            f.write(json.dumps(record) + "\n")
    with open(folder / "dns.ndjson", "w") as f:
        for name, ip in DNS.items():
            f.write(json.dumps({"name": name, "type": "A", "outcome": "noerror", "answers": [ip], "at": SAID, "ms": 3}) + "\n")
    survey("analyze", folder, "--country", "XX", "--scan-date", SAID, "--no-weak")
    return folder


def spellings(key):
    """A fingerprint as it may stand in a file: whole, in part, raw, as OpenSSH prints it."""
    raw = bytes.fromhex(key)
    return [key.encode(), key[:16].encode(), key[:32].encode(), raw, base64.b64encode(raw).rstrip(b"=")]


def contents(folder):
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield path, data
        if path.suffix == ".html":
            for _, block in packed.blocks(data.decode()):
                yield path, block
        for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, re.S) if path.suffix == ".pdf" else ():
            try:
                yield path, zlib.decompress(stream)
            except zlib.error:
                pass


def holds(data, lower, word):
    """Is the word in it?  192.0.2.1 is not where 192.0.2.11 is; bytes of a key need no bounds."""
    if not word.isascii() or len(word) > 40:
        return word in data or word.lower() in lower
    return word.lower() in lower and re.search(rb"(?<![0-9a-z.-])" + re.escape(word.lower()) + rb"(?![0-9a-z.-]*[0-9a-z])", lower)


def search(folder, words):
    for path, data in contents(folder):
        lower = data.lower()
        for word in words:
            if holds(data, lower, word):
                sys.exit(f"{path} holds {word!r}")


def others_secrets(keys=OTHER_KEYS):
    words = [ip.encode() for ip in HOSTS if not ip.startswith("192.0.2.")]
    words += [n.encode() for n in OTHER_NAMES] + [f"Secret Net {n}".encode() for n in (3, 4, 5, 6)]
    words += [f"{64500 + n}".encode() for n in (3, 4, 5, 6)] + [f"ca of {k}".encode() for k in keys]
    return words + [s for k in keys for s in spellings(fp(k)) + spellings(fp("c" + k))]


def query(folder, sql):
    db = sqlite3.connect(f"file:{folder}/survey.db?mode=ro", uri=True)
    rows = db.execute(sql).fetchall()
    db.close()
    return rows


def hosts_of(folder):
    return {h["ip"]: h for h in json.loads((folder / "all-key-fingerprints.json").read_text())}


OTHERS = {"others": [{"kept": ["192.0.2.1"], "hosts": 3, "ases": 2, "ports": [22]},
                     {"kept": ["192.0.2.2"], "hosts": 1, "ases": 1, "ports": [25]},
                     {"kept": ["192.0.2.7", "192.0.2.8"], "hosts": 0, "ases": 0, "ports": []}], "sizes": [3]}


def test_keep_as(tmp):
    """The owner's hosts in full; of others counts, in a row a cluster and in a node of its picture."""
    run = a_run(tmp / "run")
    for command in ("graph", "report", "analyze"):
        copy = tmp / command
        survey(command, run, "--anonymise", "--keep-as", 64502, "-o", copy, *{"graph": ["-f", "svg,dot"], "report": [], "analyze": ["--country", "XX", "--no-weak"]}[command])
        equal("others.json", json.loads((copy / "others.json").read_text()), OTHERS)
        hosts = hosts_of(copy)
        equal("kept hosts", sorted(hosts), [f"192.0.2.{i}" for i in (1, 2, 7, 8, 9)])
        equal("a shared key is the owner's own", hosts["192.0.2.1"]["fprints"], {"p22": fp("shared"), "p25": fp("own")})
        equal("its names", hosts["192.0.2.1"]["analysis"]["nameset"]["p25dn"], "mx1.kept.example")
        equal("its facts", hosts["192.0.2.1"]["analysis"]["p25"]["cipher_suite"], 49199)
        search(copy, others_secrets())
        rows = query(copy, "SELECT h.ip, o.hosts, o.ases, o.ports FROM others o JOIN hosts h ON h.cluster = o.cluster ORDER BY h.ip")
        equal("rows of others", rows, [("192.0.2.1", 3, 2, "22"), ("192.0.2.2", 1, 1, "25")])
        keys = query(copy, "SELECT k.fp, o.port FROM others_keys o JOIN keys k ON k.id = o.key ORDER BY o.port")
        equal("keys that others show, too", keys, [(fp("shared"), 22), (fp("two"), 25)])
        # What the owner has to do about keys that others hold, too.
        c = subprocess.run([SURVEY, "cluster", copy, str(hosts["192.0.2.1"]["clusternum"]), "--repair", "-f", "json"], capture_output=True, check=True)
        c = json.loads(c.stdout)
        equal("a cluster of others", (c["size"], c["hosts_not_in_copy"], c["shared_keys"], c["smelly"]), (1, 3, 1, True))
        equal("its repair", (c["repair"]["keys"], c["repair"]["more_operators"], [t["hosts"] for t in c["repair"]["tasks"]]), (1, True, [["192.0.2.1"]]))
        equal("not one machine", "multi-homed" in [x["what"] for x in c["may_be"]], False)
        equal("who is alone", (hosts["192.0.2.9"]["clusternum"], hosts["192.0.2.1"]["clusternum"] > 0), (0, True))
        if command == "analyze":  # without pictures
            continue
        for ip, n, ases in (("192.0.2.1", "3 other hosts", "2 ASes"), ("192.0.2.2", "1 other host", "1 AS")):
            svg = (copy / f"graphs/cluster-{hosts[ip]['clusternum']}.svg").read_text()
            if f"{n} in {ases}, which this copy does not name" not in svg or "others" not in svg:
                sys.exit(f"{ip}: its picture has no node of others")
        svg = (copy / f"graphs/cluster-{hosts['192.0.2.7']['clusternum']}.svg").read_text()
        equal("no others, no node", "does not name" in svg, False)
    # A copy opens as what it is: drawn again, from its survey.db, it has the same pictures.
    before = {p.name: p.read_bytes() for p in (tmp / "report/graphs").glob("*.svg")}
    survey("graph", tmp / "report", "-f", "svg")
    equal("pictures", {p.name: p.read_bytes() for p in (tmp / "report/graphs").glob("*.svg")}, before)
    if "stale" in survey("report", tmp / "report"):
        sys.exit("the report does not take the copy's own pictures")
    survey("stats", tmp / "report")
    # A copy of the copy has the same row of others.
    survey("graph", tmp / "graph", "--anonymise", "--keep-as", 64502, "-o", tmp / "twice", "-f", "dot", "-c", 1)
    equal("others of a copy of the copy", query(tmp / "twice", "SELECT hosts, ases, ports FROM others ORDER BY hosts"), [(1, 1, "25"), (3, 2, "22")])
    survey("graph", run, "--anonymise", "--keep-as", 64999, "-o", tmp / "none", "-f", "dot", status=2)
    equal("a copy of nobody", (tmp / "none").exists(), False)


def test_trust(tmp):
    """Pseudonymous rows of the others in kept clusters, and nothing else; said in words."""
    run, copy = a_run(tmp / "run"), tmp / "copy"
    said = survey("graph", run, "--anonymise", "--keep-as", 64502, "--trust", "-o", copy, "-f", "svg")
    for words in ("4 hosts of others under pseudonyms", "public scan data", "DNS"):
        if words not in said.replace("\n", " ") or words not in (copy / "ANONYMISED").read_text():
            sys.exit(f"--trust does not say {words!r}: {said}")
    hosts = hosts_of(copy)
    others = {ip: h for ip, h in hosts.items() if ip.startswith("host-")}
    equal("kept hosts", sorted(set(hosts) - set(others)), [f"192.0.2.{i}" for i in (1, 2, 7, 8, 9)])
    equal("others", len(others), 4)
    equal("clusters", sorted(h["csize"] for h in hosts.values()), [1, 2, 2, 2, 2, 4, 4, 4, 4])
    equal("they show the kept keys as they are",
          sorted(v for h in others.values() for v in h["fprints"].values() if v in (fp("shared"), fp("two"))), sorted([fp("shared")] * 2 + [fp("two")]))
    equal("names of others", query(copy, "SELECT count(*) FROM names n JOIN hosts h ON h.id = n.host WHERE h.ip LIKE 'host-%'"), [(0,)])
    equal("facts of others", query(copy, "SELECT DISTINCT p.port, cipher_suite, key_bits, cert, software, p.time FROM host_ports p JOIN hosts h ON h.id = p.host "
                                   "WHERE h.ip LIKE 'host-%' ORDER BY 1"), [(22, None, None, None, None, None), (25, None, None, None, None, None)])
    equal("their ASes", {h["asn"] for h in others.values()}, {"small networks"})
    search(copy, others_secrets())
    equal("others.json", json.loads((copy / "others.json").read_text()), OTHERS)
    equal("no row of those that are there", query(copy, "SELECT count(*) FROM others"), [(0,)])
    # Two owners' copies, and the one for everybody, cannot be put together.
    survey("graph", run, "--anonymise", "--keep-as", 64504, "--trust", "-o", tmp / "second", "-f", "dot", "-c", 1)
    survey("graph", run, "--anonymise", "-o", tmp / "plain", "-f", "dot", "-c", 1)
    seen = [{ip for ip in hosts_of(d) if ip.startswith("host-")} for d in (copy, tmp / "second", tmp / "plain")]
    equal("common pseudonyms", [len(seen[0] & seen[1]), len(seen[0] & seen[2]), len(seen[1] & seen[2])], [0, 0, 0])
    survey("graph", run, "--anonymise", "--trust", "-o", tmp / "no", status=2)
    survey("graph", run, "--trust", "-o", tmp / "no", status=2)


def test_plain(tmp):
    """Coarse rows in the order of pseudonyms; nothing of any host in clear."""
    run, copy = a_run(tmp / "run"), tmp / "copy"
    survey("report", run, "--anonymise", "-o", copy)
    secrets = others_secrets(OTHER_KEYS + KEPT_KEYS) + [ip.encode() for ip in HOSTS] + [n.encode() for n in DNS] + [b"Secret Net 2", b"64502", b"Soft_"]
    search(copy, secrets)
    ips = [ip for (ip,) in query(copy, "SELECT ip FROM hosts ORDER BY id")]
    equal("hosts", (len(ips), ips), (len(HOSTS), sorted(ips)))
    firsts = [ip for (ip,) in query(copy, "SELECT min(ip) FROM hosts WHERE cluster IS NOT NULL GROUP BY cluster ORDER BY cluster")]
    equal("clusters follow them", firsts, sorted(firsts))
    equal("ports", query(copy, "SELECT DISTINCT port FROM host_ports ORDER BY port"), [(22,), (25,)])
    # Of these few hosts none looks like four others: their facts are unknown.
    facts = "SELECT DISTINCT version, cipher_suite, key_type, key_bits, curve, browser_trusted, cert, timely, software, kex, time FROM host_ports"
    equal("facts", query(copy, facts), [(None,) * 11])
    equal("verdicts", query(copy, "SELECT DISTINCT verdict FROM hosts"), [("unknown",)])
    equal("names, certificates, answers", [query(copy, f"SELECT count(*) FROM {t}")[0][0] for t in ("names", "certs", "dns")], [0, 0, 0])
    equal("outcomes", query(copy, "SELECT DISTINCT port, outcome FROM outcomes ORDER BY port"), [(22, "key"), (25, "key")])
    for h in hosts_of(copy).values():
        bad = h["analysis"]["nameset"]["allbad"]
        want = query(copy, f"SELECT verdict FROM hosts WHERE ip = '{h['ip']}'")[0][0] in ("bad", "none")
        equal(f"allbad of {h['ip']}", bad, want)
    sizes = lambda d: sorted(c["size"] for c in json.loads((d / "clusters.json").read_text()))
    equal("sizes", sizes(copy), sizes(run))
    pairs = lambda d: sorted(h["nrcs"] for h in hosts_of(d).values())
    equal("partners", pairs(copy), pairs(run))


def test_alike(tmp):
    """Facts are told where five hosts look the same, and where they are not told the hosts are five, too."""
    def version(name, port):
        port["data"]["smtp"]["result"]["tls"]["handshake_log"]["server_hello"]["version"]["name"] = name
        return port
    run, n = tmp / "run", 0
    run.mkdir()
    with open(run / "records.fresh", "w") as f:
        # In the small network one host is like nobody: it would be known by its silence, so the others are silent, too.
        for net, looks in ((2, [("TLSv1.2", 26), ("TLSv1.3", 21), ("TLSv1.0", 7), ("TLSv1.1", 2), ("SSLv3", 1)]), (3, [("TLSv1.2", 12), ("TLSv1.0", 1)])):
            for name, count in looks:
                for _ in range(count):
                    n += 1
                    f.write(json.dumps({"ip": f"192.0.{net}.{n}", "writer": "survey", "location": {"country_code": "IE"},
                                        "autonomous_system": {"asn": 64500 + net, "name": f"N{net}"}, "p25": version(name, tls(f"k{n}", "mx.kept.example"))}) + "\n")
    survey("analyze", run, "--country", "XX", "--scan-date", SAID, "--no-weak")
    survey("graph", run, "--anonymise", "-o", tmp / "copy", "-f", "dot")
    got = query(tmp / "copy", "SELECT CASE WHEN as_name LIKE 'network-%' THEN 'network' ELSE as_name END AS a, version, count(*) FROM hosts h "
                "JOIN host_ports p ON p.host = h.id GROUP BY a, version ORDER BY a, version")
    equal("57 hosts of one network, 13 of a small one", got,
          [("network", "TLSv1.2+", 47), ("network", "deprecated", 10), ("small networks", None, 13)])


def test_study(tmp):
    """A generated study: every address, name and key that the kept hosts have not, in no file."""
    subprocess.run([sys.executable, GENERATOR, "--out", tmp / "records", "--hosts", "250", "--seed", "7"], check=True, stdout=subprocess.DEVNULL)
    survey("analyze", tmp / "records/records.fresh", "-o", tmp / "run", "--country", "IE", "--scan-date", SAID, "--no-weak")
    run = tmp / "run"
    (asn,), = query(run, "SELECT h.asn FROM hosts h JOIN hosts o ON o.cluster = h.cluster AND o.asn <> h.asn WHERE h.out IS NULL AND o.out IS NULL "
                    "GROUP BY h.asn ORDER BY count(*) DESC LIMIT 1")
    kept = f"h.asn = {asn} AND h.out IS NULL"
    texts = []
    for sql in ("SELECT ip FROM hosts h", "SELECT DISTINCT name FROM names n JOIN hosts h ON h.id = n.host",
                "SELECT DISTINCT fp FROM host_ports p JOIN keys k ON k.id = p.key JOIN hosts h ON h.id = p.host",
                "SELECT DISTINCT sha256 FROM host_ports p JOIN certs c ON c.id = p.cert JOIN hosts h ON h.id = p.host"):
        mine = {t for (t,) in query(run, f"{sql} WHERE {kept}")}
        texts += [t for (t,) in query(run, sql) if t is not None and t not in mine]
    if len(texts) < 500:
        sys.exit(f"only {len(texts)} secrets")
    for name, more in (("kept", ()), ("trust", ("--trust",))):
        survey("graph", run, "--anonymise", "--keep-as", asn, *more, "-o", tmp / name, "-f", "dot")
        search(tmp / name, [w for t in texts for w in ([t.encode(), bytes.fromhex(t)] if len(t) == 64 else [t.encode()])])
    equal("hosts", query(tmp / "kept", "SELECT count(*) FROM hosts"), query(run, f"SELECT count(*) FROM hosts h WHERE {kept}"))
    told = query(tmp / "kept", "SELECT sum(hosts) FROM others")
    equal("others", told, query(run, f"SELECT count(*) FROM hosts o WHERE o.out IS NULL AND o.asn <> {asn} AND o.cluster IN (SELECT h.cluster FROM hosts h WHERE {kept})"))
    equal("others with --trust", query(tmp / "trust", "SELECT count(*) FROM hosts WHERE ip LIKE 'host-%'"), told)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        for test in (test_keep_as, test_trust, test_plain, test_alike, test_study):
            (pathlib.Path(tmp) / test.__name__).mkdir()
            test(pathlib.Path(tmp) / test.__name__)
    print("copies hold what they must and nothing of others")


if __name__ == "__main__":
    main()
