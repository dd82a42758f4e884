#!/usr/bin/env python3
"""badkeys_test.py SURVEY: survey weak and badkeys say the same of keys that both know.

The keys are weak in one way each, or sound, and of all lengths. badkeys reads them as moduli
and as SSH keys, and its products of primes and its block list are written by the rules that its
own code has; its shipped products are read by survey.
"""
import hashlib
import importlib.metadata
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import badkeys
import gmpy2
from badkeys.checks import checkrsa

import weak_test
from weak_test import equal, fail, fp, made_keys, made_weak, survey

VERSION = "0.0.21"
CHECKS = "fermat,roca,rsainvalid,rsapoly,sharedprimes,smalld,smallfactors".split(",")
# What each check of badkeys is called here.
KINDS = {"fermat": {"close-primes", "square-modulus"}, "roca": {"roca"}, "rsainvalid": {"exponent-one", "bad-exponent"},
         "rsapoly": {"zero-blocks"}, "sharedprimes": {"known-prime"}, "smalld": {"small-private-exponent"},
         "smallfactors": {"small-factor"}}
SHIPPED = pathlib.Path(badkeys.__file__).parent / "keydata"


def product_file(path, numbers):
    """A file of badkeys' keydata: gmpy2 writes it, as badkeys reads it with gmpy2."""
    product = gmpy2.mpz(1)
    for n in numbers:
        product *= n
    path.write_bytes(gmpy2.to_binary(product))


class Keys:
    def __init__(self):
        prime, m = made_weak.prime, made_weak
        self.rsa = []  # (modulus, exponent)
        self.known = {bits: [prime(f"known {bits} {i}", bits // 2) for i in range(20)]
                      for bits in (512, 768, 1024, 2048, 4096)}
        for bits in (512, 768, 1024, 1536, 2047, 2048, 3072, 4096):
            half = bits // 2
            for i in range(3):
                self.add(prime(f"p {bits} {i}", half) * prime(f"q {bits} {i}", bits - half))
            p = prime(f"close {bits}", half)
            self.add(p * m.following(p + 4))  # within the hundred rounds
            self.add(p * m.following(p + (1 << half // 2)))
            self.add(p * m.following(p + (1 << half - 8)))  # far beyond them
            self.add(prime(f"square {bits}", half) ** 2)
            self.add(m.roca_prime(f"r {bits}", half) * m.roca_prime(f"s {bits}", half))
            self.add(m.zero_blocks(f"z {bits}", bits))
            for small in (3, 65537, 2 * 3 * 5 * 7 * 11, 65539):
                self.add(small * prime(f"small {bits} {small}", bits - 20))
            self.add(2 * prime(f"even {bits}", bits - 2))
        for bits, known in self.known.items():
            self.add(known[7] * prime(f"with known {bits}", bits - bits // 2))
        for bits in (1024, 2048):
            self.add(*m.small_private(f"wiener {bits}", bits))
            sound = prime(f"e {bits}", bits // 2) * prime(f"f {bits}", bits // 2)
            for e in (1, 3, 17, 65539, (1 << 32) + 15, sound + 2):
                self.add(sound, e)

    def add(self, n, e=made_keys.E):
        self.rsa.append((n, e))


def theirs(keys, tmp):
    """What badkeys says: its command of moduli, its function where the exponent counts."""
    data = tmp / "badkeys/badkeys"
    shutil.copytree(pathlib.Path(badkeys.__file__).parent, data)
    for bits, known in keys.known.items():
        product_file(data / f"keydata/primes{bits}.dat", known)
    run = [sys.executable, "-c", "from badkeys.runcli import runcli; runcli()", "-c", ",".join(CHECKS), "-a", "-j"]
    path = tmp / "moduli"
    path.write_text("".join(f"{n:x}\n" for n, _ in keys.rsa))
    done = subprocess.run([*run, "-m", path], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": data.parent})
    lines = done.stdout.splitlines()
    if len(lines) != len(keys.rsa):
        fail("badkeys:", done.stderr)
    found = []
    for line, (n, e) in zip(lines, keys.rsa):
        results = set(json.loads(line)["results"])
        if e != made_keys.E:
            results = {c for c in results if c == "sharedprimes"} | set(checkrsa(n, e, set(CHECKS) - {"sharedprimes"}))
        found.append(results)
    return found


def ours(doc, keys):
    by_fp = {k["fp"]: {f["kind"] for f in k["findings"]} for k in doc["keys"]}
    return [by_fp.get(fp(made_weak.tls(n, e)), set()) for n, e in keys.rsa]


def compare_rsa(tmp):
    keys, records, out = Keys(), weak_test.Records(), tmp / "out"
    for n, e in keys.rsa:
        records.host(tls=made_weak.tls(n, e))
    records.write(tmp / "records.ndjson")
    (tmp / "primes").mkdir()
    for bits, known in keys.known.items():
        product_file(tmp / f"primes/primes{bits}.dat", known)
    survey("analyze", tmp / "records.ndjson", "-o", out, "--no-weak")
    survey("weak", out, "--known-primes", tmp / "primes")
    doc = json.loads((out / "weak.json").read_text())
    seen = set()
    for (n, e), they, we in zip(keys.rsa, theirs(keys, tmp), ours(doc, keys)):
        for check in CHECKS:
            if (check in they) != bool(we & KINDS[check]):
                fail(f"modulus of {n.bit_length()} bits, {n:x}, exponent {e:x}: badkeys {they}, survey {we}")
        seen |= they
    equal("checks of badkeys that found something", seen, set(CHECKS))
    return len(keys.rsa)


def shipped_products(tmp):
    """The products in badkeys' package: those that are short enough are moduli themselves."""
    records, out, products = weak_test.Records(), tmp / "shipped", {}
    for bits in (768, 4096):
        products[bits] = int(gmpy2.from_binary((SHIPPED / f"primes{bits}.dat").read_bytes()))
        records.host(tls=made_weak.tls(products[bits]))
    sound = made_weak.prime("sound p", 1024) * made_weak.prime("sound q", 1024)
    records.host(tls=made_weak.tls(sound))
    records.write(tmp / "shipped.ndjson")
    survey("analyze", tmp / "shipped.ndjson", "-o", out, "--no-weak")
    survey("weak", out, "--known-primes", SHIPPED)
    doc = json.loads((out / "weak.json").read_text())
    check = next(c for c in doc["checks"] if c["check"] == "known-primes")
    equal("known primes", (check["state"], check["keys"], check["why"]), ("checked", 3, None))
    equal("keys with known primes", {k["fp"] for k in doc["keys"] if any(f["kind"] == "known-prime" for f in k["findings"])},
          {fp(made_weak.tls(n)) for n in products.values()})


def block_list(tmp):
    """RSA, EC and Ed25519 keys, every other one on a list; one key begins with a zero byte."""
    ssh = [made_keys.ssh_key(f"{kind} {i}", kind) for kind in ("rsa", "ec", "ed25519") for i in range(8)]
    zero = b"\0" + made_keys.ed25519("zero")[1:]
    ssh.append(weak_test.ed25519_host_key(zero))
    numbers = [made_keys.modulus(f"rsa {i}", 2048) for i in range(8)] + [made_keys.point(f"ec {i}")[0] for i in range(8)]
    numbers += [made_keys.ed25519(f"ed25519 {i}") for i in range(8)] + [zero]
    rows = [hashlib.sha256(n.lstrip(b"\0")).digest()[:15] + bytes([1 + i % 3]) for i, n in enumerate(numbers) if i % 2 == 0]
    rows += [hashlib.sha256(b"%d" % i).digest()[:15] + b"\1" for i in range(1000)]
    cache = tmp / "cache/badkeys"
    cache.mkdir(parents=True)
    (cache / "blocklist.dat").write_bytes(b"".join(sorted(rows)))
    (cache / "badkeysdata.json").write_text(json.dumps({"blocklists": [{"id": str(i), "name": f"list {i}"} for i in (1, 2, 3)]}))
    (tmp / "ssh").write_text("".join(f"{k['algorithm']} {k['raw']}\n" for k in ssh))
    done = subprocess.run([sys.executable, "-c", "from badkeys.runcli import runcli; runcli()", "-c", "blocklist", "-a", "-j",
                           "--ssh-lines", tmp / "ssh"], capture_output=True, text=True,
                          env={**os.environ, "XDG_CACHE_HOME": tmp / "cache"})
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if len(lines) != len(ssh):
        fail("badkeys:", done.stderr)
    they = {fp(k): line["results"]["blocklist"]["subtest"] for k, line in zip(ssh, lines) if "blocklist" in line["results"]}
    equal("listed keys for badkeys", len(they), (len(ssh) + 1) // 2)
    records, out = weak_test.Records(), tmp / "listed"
    for key in ssh:
        records.host(key)
    records.write(tmp / "listed.ndjson")
    survey("analyze", tmp / "listed.ndjson", "-o", out, "--no-weak")
    survey("weak", out, "-b", cache / "blocklist.dat")
    doc = json.loads((out / "weak.json").read_text())
    evidence = {k["fp"]: f["evidence"] for k in doc["keys"] for f in k["findings"] if f["kind"] == "listed"}
    equal("listed keys", set(evidence), set(they))
    for key, subtest in they.items():
        if f"blocklist.dat, {subtest}" not in evidence[key]:
            fail(f"badkeys: {subtest}; survey: {evidence[key]}")


def main():
    if importlib.metadata.version("badkeys") != VERSION:
        fail("another version of badkeys")
    with tempfile.TemporaryDirectory() as folder:
        tmp = pathlib.Path(folder)
        n = compare_rsa(tmp)
        shipped_products(tmp)
        block_list(tmp)
    print(f"{n} RSA keys and 25 on and off a list: badkeys agrees")


if __name__ == "__main__":
    main()
