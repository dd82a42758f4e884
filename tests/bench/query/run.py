#!/usr/bin/env python3
"""What questions to large studies cost.

usage: run.py SURVEY find|compare|merge [HOSTS [FOLDER]]

find     an address, a fingerprint, a name, a network and a pattern on a survey.db of
         1,000,000 hosts: each at most 50 ms of CPU, and beside it what Python's sqlite3 takes
         to open the file and look up the address
compare  two runs of 1,000,000 hosts each, 5 % of them other ones: at most 60 s, and
         beside it what Python takes to read the addresses of both

merge    eight runs of 125,000 hosts each into one, without their records: at most 30 s, and beside it
         what Python takes to read the addresses and keys of all

FOLDER keeps the databases for the next time (default: a temporary one).
Exit 1 when a bound is missed.
"""
import hashlib
import ipaddress
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

FIRST = int(ipaddress.ip_address("16.0.0.0"))
missed = []


def bound(what, value, limit, unit):
    ok = value <= limit
    print(f"{what}: {value:.3f} {unit}, at most {limit} {unit} wanted: {'ok' if ok else 'MISSED'}")
    if not ok:
        missed.append(what)


def fp(word):
    return hashlib.sha256(str(word).encode()).hexdigest()


def template(survey, folder):
    """A survey.db of one host, for its tables and indices."""
    folder.mkdir(parents=True)
    (folder / "records.fresh").write_text(json.dumps({"ip": "192.0.2.1", "writer": "survey", "p22": {"data": {"ssh": {
        "status": "success", "result": {"key_exchange": {"server_host_key": {
            "algorithm": "ssh-ed25519", "fingerprint_sha256": fp(0)}}}}}}}) + "\n")
    subprocess.run([survey, "analyze", folder, "--country", "XX"], check=True, capture_output=True)
    return folder / "survey.db"


def rows(db, table, values):
    """values: rows as {column: value}; the columns of the first row are those of all."""
    values = iter(values)
    first = next(values)
    names = list(first)
    sql = f"INSERT INTO {table} ({','.join(names)}) VALUES ({','.join('?' * len(names))})"
    db.execute(sql, [first[n] for n in names])
    db.executemany(sql, ([v[n] for n in names] for v in values))


def generate(survey, folder, hosts, offset, begin=0):
    """hosts hosts; every tenth shares its SSH key with nine others; those from offset on are other ones than in a run
    with offset 0.  begin: of the numbers from which addresses, keys and names are made."""
    path = folder / "survey.db"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as tmp:
        made = template(survey, pathlib.Path(tmp) / "t")
        for name in ("run.json", "survey.db"):
            (folder / name).write_bytes((made.parent / name).read_bytes())
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;")
    indices = [r[0] for r in db.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")]
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall():
        db.execute(f"DROP INDEX {name}")
    for table in ("hosts", "keys", "host_ports", "host_names", "name_texts", "clusters", "cluster_keys", "outcomes", "certs", "not_checked"):
        db.execute(f"DELETE FROM {table}")
    number = lambda i: begin + (i if i >= offset else hosts + i)  # hosts below offset are new ones
    shared = lambda i: number(i) // 100 if i % 100 < 10 else None

    def keys():
        for i in range(hosts):
            if shared(i) is not None and i % 100 > 0:
                continue
            word = f"s{shared(i)}" if shared(i) is not None else f"k{number(i)}"
            yield {"id": i + 1, "fp": fp(word), "kind": "ssh", "hosts": 10 if shared(i) is not None else 1, "public_key": "none"}
    rows(db, "hosts", ({"id": i + 1, "run": 1, "ip": str(ipaddress.ip_address(FIRST + 3 * number(i))), "ip_record": i, "country": "IE",
                        "asn": 64500 + i % 97, "as_name": f"Net {i % 97}", "as_own": 0, "cluster": i // 100 + 1 if shared(i) is not None else None,
                        "csize": 10 if shared(i) is not None else 1, "nrcs": 9 if shared(i) is not None else 0, "verdict": "good"}
                       for i in range(hosts)))
    rows(db, "keys", keys())
    rows(db, "host_ports", ({"host": i + 1, "port": 22, "grab": "", "key": i - i % 100 + 1 if shared(i) is not None else i + 1,
                             "key_type": "ssh-ed25519"} for i in range(hosts)))
    rows(db, "host_names", ({"host": i + 1, "name": i + 1, "sources": "rdns", "verdict": "good"} for i in range(hosts)))
    rows(db, "name_texts", ({"id": i + 1, "name": f"mx{number(i)}.example.ie", "reversed": f"mx{number(i)}.example.ie"[::-1]}
                            for i in range(hosts)))
    rows(db, "clusters", ({"id": i + 1, "size": 10, "keys": 1, "shared_keys": 1, "ases": 10, "may_be": "service", "evidence_for": "",
                           "evidence_against": "", "smelly": 1} for i in range(hosts // 100)))
    rows(db, "cluster_keys", ({"cluster": i + 1, "key": 100 * i + 1, "hosts": 10} for i in range(hosts // 100)))
    for sql in indices:
        db.execute(sql)
    db.commit()
    db.close()
    print(f"{path}: {hosts} hosts, {path.stat().st_size / 1e6:.0f} MB")
    return path


def seconds(*args):
    """CPU and wall seconds, and what was printed."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen([*map(str, args)], stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        if child.returncode not in (0, 1, 3):
            sys.exit(f"{args}: status {child.returncode}")
        out.seek(0)
        return usage.ru_utime + usage.ru_stime, wall, out.read()


def median(*args, n=5):
    took = [seconds(*args)[:2] for _ in range(n)]
    return [statistics.median(t[i] for t in took) for i in (0, 1)]


def find(survey, folder, hosts):
    path = generate(survey, folder / "find", hosts, 0)
    ip = str(ipaddress.ip_address(FIRST + 3 * (hosts // 2)))
    reference, wall = median(sys.executable, "-c", "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("
                             "'SELECT * FROM hosts WHERE ip = ?', (sys.argv[2],)).fetchall())", path, ip)
    print(f"Python's sqlite3, one address: {1000 * reference:.0f} ms of CPU, {1000 * wall:.0f} ms")
    network = str(ipaddress.ip_network(f"{ip}/24", strict=False))
    for what, query in (("an address", ip), ("a fingerprint", fp("s5")), ("the beginning of one", fp("s5")[:12]),
                        ("a name", f"mx{hosts // 3}.example.ie"), ("a network", network), ("a pattern", "*1234.example.ie"),
                        ("a cluster", "cluster:7"), ("an address that is not there", "16.0.0.1")):
        took, wall = median(survey, "find", path, query)
        found = len(json.loads(seconds(survey, "find", path, query, "-f", "json")[2])[0]["hosts"])
        print(f"{what}, {found} hosts: {took / reference:.2f} x Python's look-up, {1000 * wall:.0f} ms on the clock")
        bound(what, 1000 * took, 50, "ms")


def read_all(paths):
    """Seconds that Python takes to read addresses and keys."""
    start = time.monotonic()
    for path in paths:
        sum(1 for _ in sqlite3.connect(path).execute("SELECT h.ip, k.fp FROM hosts h JOIN host_ports p ON p.host = h.id JOIN keys k ON k.id = p.key"))
    return time.monotonic() - start


def merge(survey, folder, hosts):
    parts = [generate(survey, folder / f"part{i}", hosts // 8, 0, i * (hosts // 8)) for i in range(8)]
    reference = read_all(parts)
    cpu, wall, _ = seconds(survey, "merge", "--no-records", "-o", folder / "merged", *(p.parent for p in parts))
    with sqlite3.connect(folder / "merged/survey.db") as db:
        got = db.execute("SELECT (SELECT count(*) FROM hosts), (SELECT count(*) FROM clusters)").fetchone()
    if got != (hosts, hosts // 100):
        sys.exit(f"merged are {got[0]} hosts and {got[1]} clusters")
    print(f"{wall / reference:.2f} x the time that Python takes to read addresses and keys ({reference:.1f} s); {cpu:.1f} CPU s")
    bound(f"eight runs of {hosts // 8} hosts", wall, 30, "s")


def compare(survey, folder, hosts):
    a = generate(survey, folder / "a", hosts, 0)
    b = generate(survey, folder / "b", hosts, hosts // 20)
    reference = read_all((a, b))
    took, wall, text = seconds(survey, "compare", a, b)
    print(text.split("\ncluster ")[0])
    print(f"{wall / reference:.2f} x the time that Python takes to read addresses and keys ({reference:.1f} s)")
    bound(f"two runs of {hosts} hosts", wall, 60, "s")


def main():
    survey, what = sys.argv[1:3]
    hosts = int(sys.argv[3]) if len(sys.argv) > 3 else 1000000
    with tempfile.TemporaryDirectory() as tmp:
        {"find": find, "compare": compare, "merge": merge}[what](survey, pathlib.Path(sys.argv[4] if len(sys.argv) > 4 else tmp), hosts)
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
