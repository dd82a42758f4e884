#!/usr/bin/env python3
"""Turn an old study's DNS table into dns.ndjson.

    dns_from_study.py RECORDS DNS.json > dns.ndjson

DNS.json is {"timestamp": T, "ptr": {address: name}, "a": {name: [address, …]}}
and holds only what had an answer: a name or address that RECORDS has and the
table lacks did not exist then, and is written as NXDOMAIN.
"""
import gzip
import ipaddress
import json
import sys


def lines(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as f:
        yield from f


def strings(value):
    """Every string of a document: a superset of the names in it."""
    if isinstance(value, dict):
        for v in value.values():
            yield from strings(v)
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)
    elif isinstance(value, str):
        yield value


def words(text):
    """Host names that a text may stand for: itself, a DN's CN, a greeting's second word."""
    yield text
    if "CN=" in text:
        yield text.split("CN=", 1)[1].split(",", 1)[0]
    if text[:4] in ("220 ", "220-") and text[4:].split():
        yield text[4:].split()[0]


def canonical(name):
    name = name.rstrip(".").lower()
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or any(not 0 < len(x) < 64 for x in labels):
        return None
    return name if all(c.isalnum() or c in "-_." for c in name) and name.isascii() else None


def main(records, table):
    with (gzip.open if table.endswith(".gz") else open)(table, "rt") as f:
        dns = json.load(f)
    at, known, ptr = dns["timestamp"], dns["a"], dns["ptr"]
    addresses, names = set(ptr), {k.lower() for k in known} | {v.lower() for v in ptr.values()}
    for line in lines(records):
        record = json.loads(line)
        addresses.add(record["ip"].strip())
        for text in strings(record):
            if len(text) < 2048:
                names.update(filter(None, map(canonical, words(text))))

    def out(name, kind, answers):
        print(json.dumps({"name": name, "type": kind, "outcome": "noerror" if answers else "nxdomain",
                          "answers": answers, "cname": [], "at": at, "ms": 0}, separators=(",", ":")))

    answers = {k.lower(): v for k, v in known.items()}
    for name in sorted(names):
        out(name, "A", answers.get(name, []))
    for address in sorted(addresses):
        name = ipaddress.ip_address(address).reverse_pointer
        out(name, "PTR", [ptr[address]] if address in ptr else [])


if __name__ == "__main__":
    main(*sys.argv[1:])
