#!/usr/bin/env python3
"""records_test.py SURVEY CASE: every layout of records, and what people do to them.

Each case analyses a file of records, as it was met (cases/) or made here beside it, and
compares every key with the port it was shown on, the clusters, names and AS numbers.
"""
import base64
import bz2
import copy
import gzip
import hashlib
import http.server
import json
import lzma
import pathlib
import shutil
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
import made_keys  # noqa: E402

SURVEY = str(pathlib.Path(sys.argv[1]).resolve())
AT = "2026-06-01T00:00:00Z"


def fail(*words):
    sys.exit("FAILED: " + " ".join(map(str, words)))


def equal(what, got, want):
    if got != want:
        fail(f"{what}:\n got {got}\nwant {want}")


class Result:
    def __init__(self, folder, words):
        self.words = words
        self.clusters = sorted(sorted(h["ip"] for h in c["hosts"]) for c in json.loads((folder / "clusters.json").read_text()))
        self.hosts = {h["ip"]: h for h in json.loads((folder / "all-key-fingerprints.json").read_text()) if h}
        self.summary = json.loads((folder / "run.json").read_text())["analysis"]
        self.dodgy = json.loads((folder / "dodgy.json").read_text())
        self.names = {}
        for line in (folder / "verdicts.ndjson").read_text().splitlines():
            v = json.loads(line)
            self.names[v["ip"]] = {n["key"]: n["name"] for n in v["names"]}
        with sqlite3.connect(folder / "survey.db") as db:
            self.keys = {}
            for ip, port, fp in db.execute("SELECT h.ip, p.port, k.fp FROM host_ports p JOIN hosts h ON h.id = p.host "
                                           "JOIN keys k ON k.id = p.key ORDER BY 1, 2, 3"):
                self.keys.setdefault(ip, {}).setdefault(f"p{port}", []).append(fp)

    def check(self, what, keys, clusters=(), names=None, asn=None):
        """keys: {address: {port: fingerprint, or several}}"""
        want = {ip: {p: sorted([fp] if isinstance(fp, str) else fp) for p, fp in ports.items()} for ip, ports in keys.items()}
        equal(f"{what}: keys", self.keys, want)
        equal(f"{what}: clusters", self.clusters, sorted(map(sorted, clusters)))
        for ip, expected in (names or {}).items():
            equal(f"{what}: names of {ip}", self.names[ip], expected)
        for ip, number in (asn or {}).items():
            equal(f"{what}: AS of {ip}", self.hosts[ip]["asndec"], number)


def analyze(data, *more, status=0, name="records.ndjson"):
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        (tmp / name).write_bytes(data)
        done = subprocess.run([SURVEY, "analyze", str(tmp / name), "-o", str(tmp / "out"), *more], capture_output=True, timeout=120)
        words = done.stderr.decode()
        if done.returncode != status or "Sanitizer" in words or "runtime error" in words:
            fail(f"status {done.returncode}, not {status}:\n{words}")
        return Result(tmp / "out", words) if status in (0, 3) else words


def case_file(name):
    return (HERE / "cases" / (name if "." in name else f"{name}.ndjson")).read_bytes()


def text(*records):
    return b"".join(json.dumps(r, separators=(",", ":")).encode() + b"\n" for r in records)


# ---- records made here ----

def ssh(key, **more):
    return {"status": "success", "protocol": "ssh", "timestamp": AT, "result": {
        "server_id": {"version": "2.0", "software": "OpenSSH_9.2"}, "key_exchange": {"server_host_key": key}}, **more}


def leaf(key, cn="mail.site.test", **more):
    return {"subject_dn": f"CN={cn}", "issuer_dn": "CN=Test CA", "validity": {"start": "2026-01-01T00:00:00Z", "end": AT},
            "subject_key_info": key, "signature": {"self_signed": False}, **more}


def log(certificate):
    return {"server_hello": {"version": {"name": "TLSv1.2"}, "cipher_suite": {"value": 49199}},
            "server_certificates": {"certificate": certificate, "validation": {"browser_trusted": False}}}


def mail(certificate, banner="220 mx.site.test ESMTP\r\n", **more):
    return {"status": "success", "protocol": "smtp", "timestamp": AT,
            "result": {"banner": banner, "tls": {"handshake_log": log(certificate)}}, **more}


def fp(key):
    return key["fingerprint_sha256"]


def rename(name, key):
    """A key under Censys Search 2's names."""
    rsa = key["rsa_public_key"]
    exponent = base64.b64encode(made_keys.octets(rsa["exponent"])).decode()
    return {"key_algorithm": "RSA", "rsa": {"modulus": rsa["modulus"], "exponent": exponent, "length": 256},
            "fingerprint": fp(key)}


K = {n: made_keys.tls_key(n) for n in ("a", "b", "c", "portal")}
S = {n: made_keys.ssh_key(n, "ed25519") for n in ("a", "b", "c")}

# Keys of the files in cases/.
ED = "559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd"
RSA = "df7e70e5021544f4834bbee64a9e3789febc4be81470df629cad6ddb03320a5c"
POP = "6b23c0d5f35d1b11f9b683f0b0a617355deb11277d91ae091d399c655b87940d"


# ---- cases ----

def case_top_port():
    """ZGrab2 before 1.0: the port is the line's."""
    r = analyze(case_file("topport"))
    r.check("met", {"198.51.100.1": {"p22": ED, "p587": RSA}, "198.51.100.2": {"p22": ED}},
            [["198.51.100.1", "198.51.100.2"]], {"198.51.100.1": {"p587dn": "mail.site.test"}})
    # The member's own port comes first, its name before that; a port that is none is none.
    r = analyze(text({"ip": "192.0.2.1", "port": 25, "data": {"smtp": mail({"parsed": leaf(K["a"])}, port=587)}},
                     {"ip": "192.0.2.2", "port": 25, "data": {"p143": mail({"parsed": leaf(K["a"])})}},
                     {"ip": "192.0.2.3", "port": "x", "data": {"p25": mail({"parsed": leaf(K["a"])}), "ssh-rsa": ssh(S["a"])}}))
    r.check("made", {"192.0.2.1": {"p587": fp(K["a"])}, "192.0.2.2": {"p143": fp(K["a"])},
                     "192.0.2.3": {"p22": fp(S["a"]), "p25": fp(K["a"])}}, [["192.0.2.1", "192.0.2.2", "192.0.2.3"]])
    equal("noted", r.summary["left_out"], {"bad-port-number": 1})


def case_single_module():
    """One module's output without any port: SSH's is known, others are the caller's to tell."""
    both = text({"ip": "192.0.2.1", "data": {"smtp": mail({"parsed": leaf(K["a"])})}},
                {"ip": "192.0.2.2", "data": {"ssh": ssh(S["a"])}})
    r = analyze(both, "--port", "587")
    r.check("told", {"192.0.2.1": {"p587": fp(K["a"])}, "192.0.2.2": {"p22": fp(S["a"])}})
    r = analyze(both, status=3)
    r.check("not told", {"192.0.2.2": {"p22": fp(S["a"])}})
    equal("counted", r.summary["unknown_layout"]["none"]["count"], 1)
    if "--port N" not in r.words:
        fail("what helps is not said:", r.words)
    r = analyze(text({"ip": "192.0.2.1", "data": {"smtp": mail({"parsed": leaf(K["a"])}, port=25)}}), "--port", "587")
    r.check("the record's own port", {"192.0.2.1": {"p25": fp(K["a"])}})
    words = analyze(both, "--port", "8443", status=2)
    if "22, 25, 110" not in words:
        fail("ports are not named:", words)


def case_free_names():
    """ZGrab2's `multiple` calls its modules as its user likes: each one's key is there, and links hosts."""
    def web(key):
        return {"status": "success", "result": {"response": {"request": {"tls_log": {"handshake_log": log({"parsed": leaf(K[key])})}}}}}

    def tls(key):
        return {"status": "success", "result": {"handshake_log": log({"parsed": leaf(K[key])})}}
    shared, mine = ["192.0.2.1", "192.0.2.2"], {"192.0.2.1": "b", "192.0.2.2": "c"}
    for first, second in (("ssh_ed25519", "ssh_rsa"), ("one", "two"), ("x-rsa", "y-rsa"), ("ssh", "ssh-rsa")):
        r = analyze(text(*({"ip": ip, "data": {first: ssh(S["a"], port=22), second: ssh(S[key], port=22)}} for ip, key in mine.items())))
        r.check(f"{first}, {second}", {ip: {"p22": [fp(S["a"]), fp(S[key])]} for ip, key in mine.items()}, [shared])
        equal(f"{first}, {second}: nothing is left out", r.summary["left_out"], {})
    for line in (lambda ip, key: {"ip": ip, "data": {"http": web("a") | {"port": 443}, "tls": tls(key) | {"port": 443}}},
                 lambda ip, key: {"ip": ip, "p443": {"data": {"http": web("a"), "tls": tls(key)}}},
                 lambda ip, key: {"ip": ip, "p443": {"data": {"http-tls13": tls(key), "tls-tls13": web("a")}}}):
        r = analyze(text(*(line(ip, key) for ip, key in mine.items())))
        r.check("two modules of a port", {ip: {"p443": [fp(K["a"]), fp(K[key])]} for ip, key in mine.items()}, [shared])
        equal("two modules of a port: nothing is left out", r.summary["left_out"], {})


def case_redirect():
    """A chain's first response is the host's; the last one is a portal's."""
    r = analyze(case_file("redirect"))
    r.check("met", {"198.51.100.1": {"p443": "cf3304be78bb796eee394f052f728c05ddcba40ab27c9ec380a08c15d1927dc9"},
                    "198.51.100.2": {"p443": "fda9f3aad969d9d1c81b1f5630485f0dd49b3bd2e9b5df4fcfd3701c16d6151a"}}, [],
            {"198.51.100.1": {"p443dn": "own1.site.test"}, "198.51.100.2": {"p443dn": "own2.site.test"}})

    def response(key, tls, cn):
        return {"request": {tls: {"handshake_log": log({"parsed": leaf(key, cn)})} if tls == "tls_log" else
                            log({"parsed": leaf(key, cn)})}}

    def http(tls, *keys):
        *chain, last = keys
        result = {"response": response(K[last], tls, f"{last}.site.test")} if last else {"response": {}}
        result["redirect_response_chain"] = [response(K[k], tls, f"{k}.site.test") if k else {"request": {}} for k in chain]
        return result
    # Several steps; the first one without TLS: then nothing is known of the host's key; the last one failed.
    lines = [{"ip": f"192.0.2.{i}", "data": {"http": {"status": "success", "port": 443, "result": http("tls_log", *keys)}}}
             for i, keys in enumerate((("a", "b", "portal"), (None, "portal"), ("portal",)), 1)]
    lines += [{"ip": f"192.0.2.{i}", "p443": {"data": {"http": http("tls_handshake", *keys)}}}
              for i, keys in enumerate((("a", "portal"), (None, "portal")), 11)]
    lines.append({"ip": "192.0.2.21", "data": {"http": {"status": "connection-timeout", "port": 443,
                                                        "result": http("tls_log", "b", None)}}})
    r = analyze(text(*lines))
    r.check("made", {"192.0.2.1": {"p443": fp(K["a"])}, "192.0.2.3": {"p443": fp(K["portal"])},
                     "192.0.2.11": {"p443": fp(K["a"])}, "192.0.2.21": {"p443": fp(K["b"])}},
            [["192.0.2.1", "192.0.2.11"]], {"192.0.2.1": {"p443dn": "a.site.test"}, "192.0.2.11": {"p443dn": "a.site.test"}})
    equal("no layout is unknown", r.summary["unknown_layout"], {})


def case_zgrab2_redirect():
    """What the real ZGrab2 writes when it follows a redirect, on this machine's loopback."""
    if not shutil.which("zgrab2") or not shutil.which("openssl"):
        print("skipped: no zgrab2 or openssl")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as tmp:
        servers, keys = [], []
        for i, address in enumerate(("127.0.0.1", "127.0.0.2")):
            pem = f"{tmp}/{i}.pem"
            subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", f"/CN=h{i}.site.test",
                            "-addext", f"subjectAltName=IP:{address}", "-keyout", pem, "-out", f"{pem}.crt"], check=True,
                           capture_output=True)
            spki = subprocess.run(["openssl", "pkey", "-in", pem, "-pubout", "-outform", "DER"], check=True, capture_output=True)
            keys.append(hashlib.sha256(spki.stdout).hexdigest())
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{pem}.crt", pem)
            servers.append(http.server.HTTPServer((address, servers[0].server_port if servers else 0), Answer))
            servers[-1].socket = context.wrap_socket(servers[-1].socket, server_side=True)
            threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        port = servers[0].server_port
        Answer.portal = f"https://127.0.0.2:{port}/portal"
        for follow, key in ((5, keys[0]), (0, keys[0])):
            done = subprocess.run(["zgrab2", "http", "-b", "", "--use-https", f"--max-redirects={follow}", f"--port={port}"],
                                  input=b"127.0.0.1\n", capture_output=True, timeout=60)
            chain = b"redirect_response_chain" in done.stdout
            equal(f"{follow} redirects are followed", chain, follow > 0)
            r = analyze(done.stdout.replace(b'"port":%d' % port, b'"port":443'))
            r.check(f"{follow} redirects", {"127.0.0.1": {"p443": key}}, [], {"127.0.0.1": {"p443dn": "h0.site.test"}})
        for server in servers:
            server.shutdown()


class Answer(http.server.BaseHTTPRequestHandler):
    portal = None

    def do_GET(self):
        self.send_response(200 if self.path == "/portal" else 302)
        if self.path != "/portal":
            self.send_header("Location", self.portal)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def case_numbers():
    """A number that nobody needs costs nothing, however large."""
    r = analyze(case_file("bigexp"))
    r.check("met", {f"198.51.100.{i}": ports for i, ports in enumerate(
        ({"p25": RSA}, {"p25": RSA}, {"p22": ED, "p25": RSA}, {"p22": ED}), 1)}, [[f"198.51.100.{i}" for i in (1, 2, 3, 4)]])
    numbers = ["18446744073709552000", "1e999", "-1.5E+400", "9" * 500, "-9223372036854775809", "0.1e-99999"]
    lines = [text({"ip": f"192.0.2.{i}", "x": "@", "data": {"p22": ssh(S["a"], version="@")}}).replace(b'"@"', n.encode())
             for i, n in enumerate(numbers, 1)]
    bad = [text({"ip": f"192.0.2.{i}", "x": "@", "data": {"p22": ssh(S["a"])}}).replace(b'"@"', n)
           for i, n in enumerate((b"0" + b"9" * 30, b"NaN", b"1e", b"+1e999", b"0x" + b"9" * 20), 100)]
    r = analyze(b"".join(lines + bad), status=3)
    r.check("made", {f"192.0.2.{i}": {"p22": fp(S["a"])} for i in range(1, len(numbers) + 1)},
            [[f"192.0.2.{i}" for i in range(1, len(numbers) + 1)]])
    equal("refused", sum(r.summary["refused"].values()), len(bad))
    # The key is told by its exponent, too: that of the digits as they stand.
    with tempfile.TemporaryDirectory() as tmp:
        giant = (1 << 2047) + 12345
        n = made_keys.modulus("giant", 2048)
        key = {"rsa_public_key": {"exponent": giant, "modulus": made_keys.b64(n), "length": 2048},
               "fingerprint_sha256": hashlib.sha256(made_keys.rsa_spki(n, giant)).hexdigest()}
        path = pathlib.Path(tmp) / "records.ndjson"
        path.write_bytes(text({"ip": "192.0.2.1", "data": {"p25": mail({"parsed": leaf(key)})}}))
        subprocess.run([sys.argv[3], str(path)], check=True)


def case_odd_values():
    """Values of every wrong kind cost themselves, or the line when it is no JSON."""
    ssh_key = "ab" * 32
    r = analyze(case_file("nums"), status=3)
    equal("hosts", sorted(r.keys), sorted([f"198.18.1.{i}" for i in (1, 2, *range(10, 27))]))
    equal("keys", {fp for k in r.keys.values() for fp in k["p22"]}, {ssh_key})
    equal("one cluster", [len(c) for c in r.clusters], [19])
    equal("refused", r.summary["refused"], {"bad-number": 2, "syntax": 2})
    equal("AS numbers", {ip[9:]: h["asndec"] for ip, h in r.hosts.items() if h["asndec"]} , {"1": 64500, "2": 64500, "20": 12})
    equal("bits", {h["analysis"]["p22"].get("rsalen") for h in r.hosts.values()}, {2048, 0, None})
    r = analyze(case_file("types"), status=3)
    r.check("types", {})
    equal("refused", r.summary["refused"], {"truncated": 3, "syntax": 6, "not-object": 5, "no-ip": 1})
    equal("hosts", (r.summary["hosts"], sorted(d["ip"] for d in r.dodgy.values())), (1, ["198.18.3.1"]))
    # Of members that stand twice the last one counts, as it does for other readers: here it is no address.
    r = analyze(case_file("dups"), status=3)
    equal("refused", r.summary["refused"], {"bad-ip": 3})
    twice = json.dumps({"ip": "192.0.2.1", "data": {"p22": ssh(S["a"])}})[:-1] + ', "ip": "192.0.2.2"}\n'
    r = analyze(twice.encode())
    r.check("twice", {"192.0.2.2": {"p22": fp(S["a"])}})
    # A file of several gzip members is one; a torn one is not whole.
    r = analyze(case_file("members.ndjson.gz"))
    equal("members", (sorted(r.keys), r.summary["lines"]), (["198.18.1.1", "198.18.1.2"], 6))
    words = analyze(case_file("trunc.zst"), status=1)
    if "ends too early" not in words:
        fail("not said:", words)


def case_certified():
    """An SSH host certificate's key is the one that it certifies."""
    plain = "3fd303399ecf5cae8131c8ad86a5a000e61872165bb1f52d5ebef75db35d720f"
    keys = {f"127.0.0.{i}": {"p22": plain} for i in (11, 12)}
    r = analyze(case_file("sshcert"))
    got = {ip: fps["p22"] for ip, fps in r.keys.items()}
    r.check("met", keys, [["127.0.0.11", "127.0.0.12"]])
    equal("one key", len({fp for fps in got.values() for fp in fps}), 1)
    # Plain and certified forms of a key are one key; a certificate that tells of none has none, not even its own hash.
    def certified(key, nonce):
        return {"certkey_public_key": {"nonce": nonce, "key": key, "signature_key": S["c"]}, "raw": "AAAA",
                "algorithm": "ssh-ed25519-cert-v01@openssh.com", "fingerprint_sha256": hashlib.sha256(nonce.encode()).hexdigest()}
    lonely = certified(S["b"], "x")
    del lonely["certkey_public_key"]["key"]
    bare = certified(S["b"], "y")
    del bare["certkey_public_key"]
    censys = certified({**{k: v for k, v in S["a"].items() if k != "algorithm"}, "key_algorithm": "ssh-ed25519"}, "z")
    censys["key_algorithm"] = censys.pop("algorithm")
    r = analyze(text({"ip": "192.0.2.1", "data": {"p22": ssh(S["a"])}},
                     {"ip": "192.0.2.2", "data": {"p22": ssh(certified(S["a"], "p"))}},
                     {"ip": "192.0.2.3", "data": {"p22": ssh(lonely)}}, {"ip": "192.0.2.4", "data": {"p22": ssh(lonely)}},
                     {"ip": "192.0.2.5", "data": {"p22": ssh(bare)}}, {"ip": "192.0.2.6", "data": {"p22": ssh(bare)}},
                     {"ip": "192.0.2.7", "p22": {"ssh": {"v2": {"server_host_key": censys}}}}))
    r.check("made", {f"192.0.2.{i}": {"p22": fp(S["a"])} for i in (1, 2, 7)}, [["192.0.2.1", "192.0.2.2", "192.0.2.7"]])
    equal("noted", r.summary["left_out"], {"ssh-certificate-without-key": 4})


def case_censys_2017():
    """Ports 465, 587 and 995 of Censys's lines."""
    r = analyze(case_file("censys1"))
    r.check("met", {"198.51.100.1": {"p22": ED, "p25": RSA, "p995": POP},
                    "198.51.100.2": {"p465": RSA, "p587": RSA, "p993": POP}}, [["198.51.100.1", "198.51.100.2"]],
            {"198.51.100.1": {"banner": "mx1.site.test", "p25dn": "mail.site.test", "p995dn": "mail.site.test"}},
            {"198.51.100.1": 64500, "198.51.100.2": 64500})
    tls = {"certificate": {"parsed": leaf(K["a"])}}
    r = analyze(text({"ip": "192.0.2.1", "p995": {"pop3s": {"tls": tls}}},
                     {"ip": "192.0.2.2", "p110": {"pop3": {"starttls": {"tls": tls}}}},
                     {"ip": "192.0.2.3", "p8443": {"https": {"tls": tls}}, "p22": {"ssh": {}}}))
    r.check("made", {"192.0.2.1": {"p995": fp(K["a"])}, "192.0.2.2": {"p110": fp(K["a"])}}, [["192.0.2.1", "192.0.2.2"]])
    equal("other ports", r.summary["other_ports"], {"8443": 1})


def service(port, key=None, **more):
    s = {"port": port, "transport_protocol": "TCP", "observed_at": AT, "banner": "220 not.this.one ESMTP", **more}
    if key:
        s["tls"] = {"version_selected": "TLSv1_3", "certificates": {"leaf_data": {
            "names": ["mx.site.test", "www.site.test"], "subject_dn": "C=IE, CN=mx.site.test", "issuer_dn": "CN=CA",
            "pubkey_bit_size": 2048, "fingerprint": "ab" * 32, "public_key": rename("", key), "signature": {"self_signed": True}}}}
    return s


def case_censys_search_2():
    """Hosts with a list of services, bare or as an answer of the interface wraps them."""
    one, two = {"p22": ED, "p25": RSA}, {"p25": RSA}
    r = analyze(case_file("censys2"))
    r.check("met", {"198.51.100.1": one, "198.51.100.2": one}, [["198.51.100.1", "198.51.100.2"]],
            {"198.51.100.1": {"banner": "mx1.site.test", "p25dn": "mx1.site.test", "p25san0": "mx1.site.test"}},
            {"198.51.100.1": 64500})
    equal("algorithm of the host key", r.hosts["198.51.100.1"]["analysis"]["p22"], {"alg": "ssh-ed25519"})
    equal("of the certificate's", r.hosts["198.51.100.1"]["analysis"]["p25"], {"rsalen": 2048, "self_signed": True})
    r = analyze(case_file("censys2_tls_only"))
    r.check("met, TLS only", {"198.51.100.1": two, "198.51.100.2": two}, [["198.51.100.1", "198.51.100.2"]],
            {"198.51.100.2": {"banner": "mx2.site.test", "p25dn": "mx1.site.test", "p25san0": "mx1.site.test"}})
    hosts = [{"ip": "192.0.2.1", "services": [service(443, K["a"]), service(443, K["b"], transport_protocol="QUIC"),
                                              service(8443, K["c"]), service(80), {"port": "x"}, 7, None]},
             {"ip": "192.0.2.2", "services": [service(587, K["a"]), service(53, transport_protocol="UDP")]},
             {"ip": "192.0.2.3", "services": "none"}]
    for wrap in (lambda h: h, lambda h: {"code": 200, "result": h}, lambda h: {"host": h}, lambda h: {"result": {"host": h}}):
        r = analyze(text(*map(wrap, hosts)))
        r.check("made", {"192.0.2.1": {"p443": fp(K["a"])}, "192.0.2.2": {"p587": fp(K["a"])}}, [["192.0.2.1", "192.0.2.2"]],
                {"192.0.2.1": {"p443dn": "mx.site.test", "p443san0": "mx.site.test", "p443san1": "www.site.test"}})
        equal("other ports", r.summary["other_ports"], {"8443": 1})
        if "8443 (1)" not in r.words:
            fail("the other port is not named:", r.words)


def platform_service(port, key=None, **more):
    """One of a host of the Censys Platform (API v3): the certificate stands beside `tls`, in ZGrab2's words but for the validity."""
    s = {"port": port, "protocol": "UNKNOWN", "transport_protocol": "tcp", "scan_time": AT, "ip": "203.0.113.9", **more}
    if key:
        s["tls"] = {"version_selected": "tlsv1_2", "cipher_selected": "TLS_X", "fingerprint_sha256": "cd" * 32}
        s["cert"] = {"fingerprint_sha256": "cd" * 32, "names": ["elsewhere.site.test"], "spki_fingerprint_sha256": "ef" * 32, "parsed": {
            "subject_dn": "C=IE, CN=mx.site.test", "issuer_dn": "CN=CA", "serial_number": "77", "signature": {"self_signed": True},
            "validity_period": {"not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z"},
            "extensions": {"subject_alt_name": {"dns_names": ["mx.site.test", "www.site.test"]}},
            "subject_key_info": {"fingerprint_sha256": fp(key), "key_algorithm": {"name": "RSA"},
                                 "rsa": {**key["rsa_public_key"], "length": 2048}}}}
    return s


def case_censys_platform():
    """Hosts of the Censys Platform, bare or as its interface wraps them."""
    sshd = {"protocol": "SSH", "ssh": {"endpoint_id": {"protocol_version": "2.0", "software_version": "OpenSSH_9.2"}, "server_host_key": {
        "ed25519_public_key": {"public_bytes": "AA=="}, "fingerprint_sha256": fp(S["a"])}}}
    hosts = [{"ip": "192.0.2.1", "services": [platform_service(25, K["a"], protocol="SMTP", banner="220 mx1.site.test ESMTP\r\n", smtp={"ehlo": "250 x"}),
                                              platform_service(22, **sshd), platform_service(443, K["b"], transport_protocol="quic"),
                                              platform_service(8443, K["c"]), platform_service(53, transport_protocol="udp"), 7],
              "autonomous_system": {"asn": 64500, "name": "TEST"}, "location": {"country_code": "IE"}},
             {"ip": "192.0.2.2", "services": [platform_service(993, K["a"]), platform_service(22, **sshd)]},
             {"ip": "192.0.2.3", "services": [platform_service(25, protocol="SMTP", banner="220 mx3.site.test ESMTP\r\n")]}]
    for wrap in (lambda h: h, lambda h: {"resource": h}, lambda h: {"result": {"resource": h, "extensions": {}}}):
        r = analyze(text(*map(wrap, hosts)), "--scan-date", AT)
        r.check("made", {"192.0.2.1": {"p22": fp(S["a"]), "p25": fp(K["a"])}, "192.0.2.2": {"p22": fp(S["a"]), "p993": fp(K["a"])}},
                [["192.0.2.1", "192.0.2.2"]], {"192.0.2.1": {"banner": "mx1.site.test", "p25dn": "mx.site.test", "p25san0": "mx.site.test",
                                                            "p25san1": "www.site.test"}}, {"192.0.2.1": 64500})
        equal("facts", r.hosts["192.0.2.1"]["analysis"]["p25"], {"rsalen": 2048, "self_signed": True, "timely": True})
        equal("other ports", r.summary["other_ports"], {"8443": 1})
        equal("no layout is unknown", r.summary["unknown_layout"], {})
    # A certificate that was not parsed has no key here, and none is made of its other digests.
    bare = platform_service(25, K["a"])
    del bare["cert"]["parsed"]
    r = analyze(text({"ip": "192.0.2.1", "services": [bare]}, {"ip": "192.0.2.2", "services": [bare]}))
    r.check("not parsed", {})


def case_der():
    """Certificates that are there in DER only."""
    made, keys = [], {}
    for line in (HERE.parents[1] / "unit/publickey/keys.ndjson").read_text().splitlines():
        r = json.loads(line)
        if not r["name"].startswith("certificate, ") or r["expect"]["result"] != "ok" or "members first" in r["name"]:
            continue
        certificate = copy.deepcopy(r["data"]["p25"]["result"]["tls"]["handshake_log"]["server_certificates"]["certificate"])
        key = fp(certificate.pop("parsed")["subject_key_info"])
        if len(made) % 2:
            certificate["parsed"] = {"subject_dn": "CN=not.this.one"}
        for port, form in ((25, lambda c: {"data": {"p25": mail(c)}}), (587, lambda c: {"p587": {"data": {"tls": log(c)}}}),
                           (993, lambda c: {"p993": {"imaps": {"tls": {"tls": {"certificate": c}}}}})):
            ip = f"192.0.2.{len(made) + 1}"
            made.append({"ip": ip, **form(certificate)})
            keys[ip] = {f"p{port}": key}
    names = {ip: {"p25dn": "mail.example.ie", "banner": "mx.site.test"} for ip, k in keys.items() if "p25" in k}
    bad = [{"ip": f"192.0.2.{200 + i}", "data": {"p25": mail({"raw": raw})}} for i, raw in enumerate(("AA==", "MII", "A" * 400, 7))]
    equal("kinds", len(made), 21)
    r = analyze(text(*made, *bad))
    r.check("made", keys, [[f"192.0.2.{i + k}" for k in range(3)] for i in range(1, 22, 3)], names)
    facts = r.hosts["192.0.2.4"]["analysis"]["p25"]
    equal("facts of a certificate", {k: facts[k] for k in ("rsalen", "self_signed")}, {"rsalen": 2048, "self_signed": True})
    equal("those that are none", r.summary["left_out"], {"bad-certificate": 3, "bad-fact": 1})


def case_as_numbers():
    """AS numbers as text, and banners with odd blanks."""
    r = analyze(case_file("asntext"))
    r.check("met", {f"198.51.100.{i}": {"p22": ED} for i in (1, 2)}, [["198.51.100.1", "198.51.100.2"]],
            asn={"198.51.100.1": 64500, "198.51.100.2": 64500})
    numbers = {"AS64501": 64501, "as4294967295": 4294967295, "4294967296": 0, "AS": 0, "": 0, "64 501": 0, "-1": 0, "AS-1": 0}
    r = analyze(text(*({"ip": f"192.0.2.{i}", "data": {"p22": ssh(S["a"])}, "autonomous_system": {"asn": a, "name": "x"}}
                       for i, a in enumerate(numbers, 1))))
    for i, (a, number) in enumerate(numbers.items(), 1):
        equal(f"AS {a!r}", r.hosts[f"192.0.2.{i}"]["asndec"] or 0, number)
    banners = {"220   mx.site.test ESMTP": "mx.site.test", "220\tmx.site.test\tESMTP": "mx.site.test", 
               "220-mx.site.test": "mx.site.test",
               "220 \r\n mx.site.test": "mx.site.test", " 220 mx.site.test": "mx.site.test", "220- mx.site.test": None,
               "2200 mx.site.test": None, "220": None, "220   ": None, "554 mx.site.test": None, "": None}
    r = analyze(text(*({"ip": f"192.0.2.{i}", "data": {"p25": mail({"parsed": leaf(K["a"])}, banner=b)}}
                       for i, b in enumerate(banners, 1))))
    for i, (b, name) in enumerate(banners.items(), 1):
        equal(f"banner {b!r}", r.names[f"192.0.2.{i}"].get("banner"), name)


def case_unknown():
    """A layout that is not known, or a port that is not looked at, is said."""
    odd = {"status": "success", "result": {"tls2": log({"parsed": leaf(K["a"])})}}
    der = json.loads(next(line for line in (HERE.parents[1] / "unit/publickey/keys.ndjson").read_text().splitlines()
                          if '"certificate, P-384"' in line))["data"]["p25"]["result"]["tls"]["handshake_log"]
    strange = [
        ({"data": {"p25": odd}}, "p25"), ({"data": {"p25": {**odd, "status": "unknown-error"}}}, "p25"),
        ({"services": [{"port": 993, "tls": {"leaf": {"public_key": rename("", K["a"])}}}]}, "p993"),
        ({"data": {"p993": {"status": "success", "result": {"x": [der]}}}}, "p993"),
        ({"p443": {"other": {"server_host_key": S["a"]}}}, "p443"),
        ({"data": {"imap": {"status": "success", "result": {"tls": {"handshake_log": log({"parsed": leaf(K["a"])})}}}}}, "none"),
        ({"services": [{"port": 25, "tls": {"certificates": {"leaf_fp_sha_256": "ab" * 32}}}]}, "p25"),
        ({"services": [{"port": 25, "tls": {"certificates": {"leaf_data": {"subject_dn": "CN=x", "public_key": {
            "rsa": {"modulus": "AA=="}}}}}}]}, "p25"),
        ({"data": {"p25": mail({"parsed": {k: v for k, v in leaf(K["a"]).items() if k != "subject_key_info"}})}}, "p25"),
        ({"data": {"p22": ssh({"algorithm": "ssh-rsa", "raw": "AAAA"})}}, "p22"),
        ({"ports": {"25": log({"parsed": leaf(K["a"])})}}, "none")]
    for record, port in strange:
        r = analyze(text({"ip": "192.0.2.1", **record}), status=3)
        r.check("made", {})
        equal(f"{record}", list(r.summary["unknown_layout"]), [port])
        if "src/" in r.words or "please report" not in r.words:
            fail("no clear sentence:", r.words)
    # One that is taken beside many that are not is no excuse.
    r = analyze(text({"ip": "192.0.2.1", "data": {"p25": odd}}, {"ip": "192.0.2.2", "data": {"p25": mail({"parsed": leaf(K["a"])})}}),
                status=3)
    r.check("one of two", {"192.0.2.2": {"p25": fp(K["a"])}})
    # Ports outside the table are said and complete.
    r = analyze(text({"ip": "192.0.2.1", "data": {"p22": ssh(S["a"]), "http": {"status": "success", "port": 8443, "result": {
                          "response": {"request": {"tls_log": {"handshake_log": log({"parsed": leaf(K["a"])})}}}}}}},
                     *({"ip": f"192.0.2.{i}", "data": {f"p{10000 + i}": mail({"parsed": leaf(K["a"])})}} for i in range(2, 30)),
                     {"ip": "192.0.2.99", "data": {"p80": {"status": "success", "result": {}}}}))
    r.check("made", {"192.0.2.1": {"p22": fp(S["a"])}})
    equal("other ports", (r.summary["other_ports"]["8443"], r.summary["other_ports"]["10002"], r.summary["other_ports"]["others"],
                          len(r.summary["other_ports"])), (1, 1, 13, 17))


def case_bad_lines():
    """Millions of bad lines in a few kB: records.bad is bounded, the rest is counted, and the next analysis works."""
    with tempfile.TemporaryDirectory() as tmp:
        run = pathlib.Path(tmp)
        (run / "records.fresh.gz").write_bytes(case_file("no_address.ndjson.gz"))
        for time in ("first", "second"):
            done = subprocess.run([SURVEY, "analyze", tmp, "--country", "XX", "--no-weak"], capture_output=True, timeout=300)
            equal(f"the {time} analysis", done.returncode, 3)
            summary = json.loads((run / "run.json").read_text())["analysis"]
            equal("refused", summary["refused"], {"no-ip": 3000000})
            kept = (run / "records.bad").read_bytes().count(b"\n")
            equal("kept and counted", kept + summary["bad_lines_not_kept"], 3000000)
            if not 60e6 < (run / "records.bad").stat().st_size < 65 << 20:
                fail("records.bad has", (run / "records.bad").stat().st_size, "bytes")


def sample(name):
    return gzip.decompress((HERE.parent / "analyze" / name).read_bytes())


def case_arrays():
    """An array of records, and records over several lines, are the same study."""
    lines = sample("samples/zgrab2-lab-46.ndjson.gz")
    records = [json.loads(line) for line in lines.splitlines()]
    want = analyze(lines)
    forms = {"compact": json.dumps(records), "pretty": json.dumps(records, indent=2), "a line each": "[\n%s\n]\n" % ",\n".join(
        map(json.dumps, records)), "objects": "\n".join(json.dumps(r, indent=1) for r in records),
        "BOM and CRLF": "\ufeff" + json.dumps(records, indent=1).replace("\n", "\r\n")}
    for form, data in forms.items():
        got = analyze(data.encode())
        equal(f"{form}: hosts", {ip: {**h, "rcs": None} for ip, h in got.hosts.items()},
              {ip: {**h, "rcs": None} for ip, h in want.hosts.items()})
        got.check(form, {ip: {p: fps for p, fps in k.items()} for ip, k in want.keys.items()}, want.clusters)
        sentence = "JSON over several lines" if form == "objects" else "is a JSON array"
        if sentence not in got.words:
            fail(f"{form}: not said:", got.words)
    # Elements that are no records cost themselves; those without a key are kept whole.
    keyless = {"ip": "192.0.2.9", "p25": {"data": {"smtp": {"status": "success", "result": {"banner": "220 x"}}}}}
    r = analyze(json.dumps([*records, 5, "x", None, [1], {}, keyless], indent=1).encode(), status=3)
    equal("refused", r.summary["refused"], {"not-object": 4, "no-ip": 1})
    equal("put aside", [{k: v for k, v in d.items() if k != "reason"} for d in r.dodgy.values() if d["ip"] == "192.0.2.9"], [keyless])
    # An array that was cut between elements is not whole, and says so.
    r = analyze(json.dumps(records).encode()[:-1] + b",", status=3)
    r.check("cut", want.keys, want.clusters)
    if "ends without its bracket" not in r.words:
        fail("not said:", r.words)


def case_not_records():
    """What is not records is told in one sentence, and with what to do."""
    study = sample("study-a/records.fresh.gz")
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        (tmp / "records").write_bytes(study + b"torn{\n")
        (tmp / "dns.ndjson").write_text("".join(
            json.dumps({"name": f"{n}.ie", "type": "A", "outcome": "nxdomain", "answers": [], "at": AT, "ms": 1}) + "\n" for n in "ab"))
        subprocess.run([SURVEY, "analyze", str(tmp / "records"), "-o", str(tmp / "out")], capture_output=True)
        found = sorted(p for p in (tmp / "out").iterdir() if p.is_file() and p.name not in ("lock", "survey.conf"))
        names = {p.name for p in found}
        for path in (*found, tmp / "dns.ndjson"):
            data = path.read_bytes()
            if len(data) < 10:
                continue
            words = analyze(data, status=2, name=path.name)
            if len(words.splitlines()) != 1 or path.name not in words or "syntax" in words:
                fail(f"{path.name}: not one sentence:", words)
        equal("results", {"collisions.json", "clusters.json", "dodgy.json", "verdicts.ndjson", "survey.db", "run.json", "records.bad",
                          "clustersizes.csv", "fingerprints.json", "all-key-fingerprints.json", "weak.json"} - names, set())
        # dodgy.json's records are records: what the sentence advises works.
        dodgy = json.loads((tmp / "out/dodgy.json").read_text())
        r = analyze(text(*dodgy.values()))
        equal("records of dodgy.json", r.summary["hosts"], len({d["ip"].strip() for d in dodgy.values()}))
    lines = sample("samples/zgrab2-lab-46.ndjson.gz").decode()
    for what, data, word in (
            ("UTF-16", lines.encode("utf-16"), "iconv -f UTF-16"), ("big-endian", lines.encode("utf-16-be"), "iconv -f UTF-16"),
            ("UTF-16 array", json.dumps([1]).encode("utf-16-le"), "iconv"), ("UTF-32", lines.encode("utf-32"), "iconv -f UTF-32"),
            ("xz", lzma.compress(lines.encode()), "xz -dc"), ("bzip2", bz2.compress(lines.encode()), "bzip2 -dc"),
            ("addresses", b"192.0.2.1\r\n192.0.2.2\r\n", "list of addresses"), ("page", b"<!DOCTYPE html><html></html>", "HTML"),
            ("ZMap", b'{"saddr":"192.0.2.1"}\n', "ZMap"), ("masscan", b'[\n{ "ip": "192.0.2.1", "timestamp": "1", "ports": [] },\n]', "masscan"),
            ("packed UTF-16", gzip.compress(lines.encode("utf-16")), "iconv")):
        words = analyze(data, status=2)
        if word not in words or len(words.splitlines()) != 1:
            fail(f"{what}:", words)
    # Standard input is looked at in the same way, even when it comes byte by byte.
    with tempfile.TemporaryDirectory() as tmp:
        p = subprocess.Popen([SURVEY, "analyze", "-", "-o", tmp], stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        for byte in b'{"saddr":"192.0.2.1"}\n':
            p.stdin.write(bytes([byte]))
        words = p.communicate()[1].decode()
    equal("standard input", (p.returncode, "standard input is a list of addresses that ZMap found" in words), (2, True))


if __name__ == "__main__":
    globals()[f"case_{sys.argv[2]}"]()
