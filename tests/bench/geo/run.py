#!/usr/bin/env python3
"""One country out of a full database: time and peak memory of survey geo.

usage: run.py SURVEY [MMDB]

Without MMDB the free database of the npm package
@ip-location-db/geo-whois-asn-country-mmdb (about 1 M networks) is fetched with
`npm pack` into a temporary folder.  Prints a line a query; exit 1 when one
misses the bounds of the design (1 s, 50 MB), 77 when there is no database.
"""
import os
import pathlib
import resource
import subprocess
import sys
import tarfile
import tempfile
import time

PACKAGE = '@ip-location-db/geo-whois-asn-country-mmdb'
SECONDS, MEGABYTES = 1.0, 50
ROUNDS = 5


def fetch(tmp):
    try:
        p = subprocess.run(['npm', 'pack', '--silent', PACKAGE], cwd=tmp, capture_output=True,
                           text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as e:
        print(f'skipped: npm: {e}')
        sys.exit(77)
    if p.returncode != 0:
        print(f'skipped: npm pack {PACKAGE}: {p.stderr.strip()}')
        sys.exit(77)
    with tarfile.open(pathlib.Path(tmp) / p.stdout.split()[-1]) as t:
        member = 'package/geo-whois-asn-country.mmdb'
        data = t.extractfile(member).read()
    path = pathlib.Path(tmp) / 'geo-whois-asn-country.mmdb'
    path.write_bytes(data)
    return path


def measure(argv):
    """Wall time, peak RSS in MB and output lines of one run."""
    start = time.monotonic()
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    out = p.stdout.read()
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        sys.exit(f'{argv}: exit status {p.returncode}')
    return time.monotonic() - start, usage.ru_maxrss / 1024, out.count('\n')


def main():
    missed = False
    with tempfile.TemporaryDirectory() as tmp:
        mmdb = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else fetch(tmp)
        for what, args in (('IE', ['-c', 'IE']), ('IE, IPv4', ['-c', 'IE', '-4']),
                           ('US', ['-c', 'US']), ('all countries', [])):
            runs = sorted(measure([sys.argv[1], 'geo', '--mmdb', str(mmdb), *args])
                          for _ in range(ROUNDS))
            seconds, memory, lines = runs[ROUNDS // 2]
            print(f'geo {what}: {lines} prefixes, {seconds:.3f} s, {memory:.1f} MB '
                  f'(median of {ROUNDS})')
            # The bounds are for one country; the whole world is printed for the record.
            if args and (seconds >= SECONDS or memory >= MEGABYTES):
                missed = True
    print('missed the bound' if missed else f'within {SECONDS:g} s and {MEGABYTES} MB a country')
    return 1 if missed else 0


if __name__ == '__main__':
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
