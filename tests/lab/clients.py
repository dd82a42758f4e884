#!/usr/bin/python3
"""Run inside a lab: real clients look whether every row of the truth table is as it says.

Prints what differs; exit status 1 if anything does.
"""

import base64
import hashlib
import ipaddress
import json
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from labkit import build  # noqa: E402
from labkit import table as t  # noqa: E402

PORTS = (22, 25, 110, 143, 443, 465, 587, 993, 995)
STARTTLS = {25: "smtp", 587: "smtp", 110: "pop3", 143: "imap"}
PEM = re.compile(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def output(*argv, stdin=b"", timeout=30):
    return subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=timeout, check=False).stdout


def s_client(ip, port, *more):
    """SPKI fingerprint that openssl s_client meets, or None."""
    where = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    args = ["-connect", where, "-cipher", "ALL:@SECLEVEL=0", *more]
    if port in STARTTLS:
        args += ["-starttls", STARTTLS[port], "-name", "[198.19.0.2]"]
    found = PEM.search(output("openssl", "s_client", *args))
    if not found:
        return None
    key = x509.load_pem_x509_certificate(found.group()).public_key()
    return hashlib.sha256(key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def state_of(ip, port):
    """open, refused or silent."""
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as s:
        s.settimeout(3)
        try:
            s.connect((ip, port))
        except ConnectionRefusedError:
            return "refused"
        except (TimeoutError, OSError):
            return "silent"
        return "open"


def check_ports(host):
    want = {p: "open" for p in host.ports}
    if host.ssh:
        want[22] = "open"
    for port in PORTS:
        # Of a host that says nothing after its SYN-ACK only the open port is worth waiting for.
        if host.synack_only and port not in want:
            continue
        have = state_of(host.ip, port)
        if have != want.get(port, "refused"):
            yield f"{host.ip} port {port} is {have}"


def check_tls(host, port, fingerprint):
    """The port shows this key, where it is meant to in the versions it is meant to."""
    if fingerprint is None:
        if s_client(host.ip, port) is not None:
            yield f"{host.ip} port {port} has TLS"
        return
    versions = {"old": (["-tls1"], ["-tls1_2"]), "tls13": (["-tls1_3"], ["-tls1_2"])}
    good, refused = versions.get(host.versions, ([], None))
    have = s_client(host.ip, port, *good)
    if have != fingerprint:
        yield f"{host.ip} port {port} shows key {have}, not {fingerprint}"
    if refused and s_client(host.ip, port, *refused) is not None:
        yield f"{host.ip} port {port} speaks {refused[0]}"


def check_ssh(host, fingerprints):
    have = set()
    for line in output("ssh-keyscan", "-T", "20", host.ip).splitlines():
        words = line.split()
        if len(words) == 3 and not line.startswith(b"#"):
            have.add(hashlib.sha256(base64.b64decode(words[2])).hexdigest())
    if have != set(fingerprints):
        yield f"{host.ip} shows ssh keys {sorted(have)}, not {sorted(fingerprints)}"


def dig(server, name, kind, *more):
    """(status, sorted data of the records of this type)."""
    text = output("dig", f"@{server}", "+tries=2", "+time=20", *more, name, kind).decode()
    status = re.search(r"status: ([A-Z]+)", text)
    records = re.findall(rf"^\S+\s+\d+\s+IN\s+{kind}\s+(\S+)$", text, re.MULTILINE)
    return status.group(1) if status else None, sorted(r.rstrip(".") for r in records)


def check_names(table, host):
    """PTR of the host, and A or AAAA of its name, over TLS as surveys ask."""
    tls = ("+tls", f"+tls-ca={os.environ['LAB_CA']}", f"+tls-hostname={t.DOT_NAME}")
    reverse = ipaddress.ip_address(host.ip).reverse_pointer
    want = ("NOERROR" if host.ptr else "NXDOMAIN", sorted(host.ptr))
    have = dig(t.DOT_IP, reverse, "PTR", *tls)
    if have != want:
        yield f"{host.ip} has PTR {have}, not {want}"
    if "." not in host.name:
        return
    value = table.names.get(host.name, [])
    if isinstance(value, str) and value != "servfail":
        value = table.names[table.absolute(value)]
    want = ("SERVFAIL", []) if value == "servfail" else \
        ("NOERROR" if value else "NXDOMAIN", sorted(value))
    have = dig(t.DOT_IP, host.name, "AAAA" if host.is_v6 else "A", *tls)
    if have != want:
        yield f"{host.name} has {have}, not {want}"


def check_rest(table, expected):
    silent = str(next(ipaddress.ip_network(table.silent[0]).hosts()))
    if state_of(silent, 25) != "silent":
        yield f"{silent} answers"
    if dig(t.NSD_IP, ".", "NS") != ("NOERROR", [f"ns.{table.domain}"]):
        yield "there is no root zone"
    if output("openssl", "s_client", "-connect", f"{t.BAD_DOT_IP}:853", "-CAfile",
              os.environ["LAB_CA"], "-verify_return_error").find(b"self-signed") == -1:
        yield f"{t.BAD_DOT_IP} shows a certificate that is trusted"
    hits = output("zmap", "-C", "/dev/null", "-p", "25", "-i", os.environ["LAB_IF"],
                  "-G", os.environ["LAB_GATEWAY_MAC"], "-b", os.environ["LAB_BLOCK"], "-r", "500",
                  "-c", "3", "-P", "2", "-q", *expected["ranges"])
    found = set(re.findall(r"^(\d+\.\d+\.\d+\.\d+)$", hits.decode(), re.MULTILINE))
    if found != set(expected["hits"]):
        yield f"zmap finds too many or too few: {sorted(found ^ set(expected['hits']))}"
    sizes = [len(c) for c in expected["clusters"]]
    if sizes != [9, 4, 2, 2] or expected["out_of_country"] != ["198.18.40.21"]:
        yield f"expected.json has clusters of {sizes}, abroad {expected['out_of_country']}"


def main():
    table = build.load()
    expected = json.loads(Path(os.environ["LAB_EXPECTED"]).read_text(encoding="utf-8"))
    # What the ports show to a client that knows every version and waits long enough.
    truth = build.expectation(tls13=True, patience_s=60, smtps=True)
    hosts = [h for h in table.hosts if not h.is_v6 or os.path.exists("/proc/net/if_inet6")]
    jobs = []

    def listed(check, *args):
        return list(check(*args))

    with ThreadPoolExecutor(8) as pool:
        # Slow greetings first, so that the others are looked at meanwhile.
        for h in sorted(hosts, key=lambda h: -h.greeting_s):
            keys = truth.keys(h)
            jobs += [pool.submit(listed, check_tls, h, p,
                                 keys.get(f"p{p}", [None])[0])
                     for p in h.ports if not h.synack_only and h.greeting_s < 60]
            if h.ssh:
                jobs.append(pool.submit(listed, check_ssh, h, keys["p22"]))
            jobs.append(pool.submit(listed, check_ports, h))
            jobs.append(pool.submit(listed, check_names, table, h))
        jobs.append(pool.submit(listed, check_rest, table, expected))
        wrong = [line for job in jobs for line in job.result()]
    for line in wrong:
        print(line)
    print(f"{len(jobs)} checks of {len(hosts)} hosts, {len(wrong)} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
