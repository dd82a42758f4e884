#!/usr/bin/env python3
"""survey geo on the committed databases: output and exit status, byte for byte.

usage: check.py SURVEY [--update]     (--update rewrites expected/ from what SURVEY prints)
"""
import csv
import ipaddress
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MMDB, CSV, IPDB, LISTS = HERE / 'mmdb', HERE / 'csv', HERE / 'ipdb', HERE / 'lists'
TMP = pathlib.Path(tempfile.mkdtemp())
EMPTY = TMP / 'empty'

EMPTY.mkdir()

(TMP / 'block').write_text('# a block list\n5.10.0.128/25 ; half of it\n\n2a00:2::/32\n'
                           '198.17.0.0-198.17.255.254\n5.10.16.2\n')
(TMP / 'mapped').write_text('::ffff:0:0/96\n::ffff:5.10.0.128/121\n2a00:2::/32\n::ffff:198.17.0.0/113\n'
                            '::ffff:198.17.128.0-::ffff:198.17.255.254\n::ffff:5.10.16.2\n')
(TMP / 'badblock').write_text('5.10.0.0/23\n5.10.0.1/23\nmail.example\n')
(TMP / 'badrows').mkdir()
for f in CSV.iterdir():
    (TMP / 'badrows' / f.name).write_text(f.read_text())
with open(TMP / 'badrows' / 'GeoLite2-Country-Blocks-IPv4.csv', 'a') as f:
    f.write('5.99.0.0/16,2963597\n5.99.0.1/16,2963597,,,0,0,\n"5.99.0.0/16,1,2\n' + 'x' * 9000 + '\n'
            '5.100.0.0/16,2963597,2963597,,0,0,\n')

# name of the expected file, exit status, arguments
CASES = [
    ('ie', 0, ['--mmdb', MMDB, '--country', 'IE']),
    ('ie', 0, ['--csv', CSV, '--country', 'ie']),
    ('ie', 0, ['--mmdb', IPDB, '--country', 'IE']),
    ('ie', 0, ['--mmdb', MMDB / 'GeoLite2-Country.mmdb', '-c', 'IE']),
    ('ie-v4', 0, ['--mmdb', MMDB, '--country', 'IE', '-4']),
    ('ie-v4', 0, ['--mmdb', HERE / 'v4only', '--country', 'IE']),
    ('ie-v4', 0, ['--legacy', TMP / 'legacy.csv', '--country', 'IE']),
    ('ie-v6', 0, ['--mmdb', MMDB, '--country', 'IE', '-6']),
    ('ie', 0, ['--mmdb', MMDB, 'ie']),
    ('ie-gb', 0, ['--mmdb', MMDB, 'gb', 'IE']),
    ('gb-asn', 0, ['--mmdb', MMDB, 'GB', '4200000001']),
    ('ie-gb', 0, ['--mmdb', MMDB, '--country', 'IE,GB']),
    ('ie-gb', 0, ['--csv', CSV, '--country', 'GB', 'IE']),
    ('all', 0, ['--mmdb', MMDB]),
    ('all', 0, ['--csv', CSV, '--country', 'XX']),
    ('asn', 0, ['--mmdb', MMDB, '--asn', '64501', '--asn', 'AS64510']),
    ('asn', 0, ['--csv', CSV, '--asn', '64501', '64510']),
    ('gb-asn', 0, ['--mmdb', MMDB, '--country', 'GB', '--asn', '4200000001']),
    ('ie-lab', 0, ['--mmdb', MMDB, '-c', 'IE', '--allow-reserved', '198.18.0.0/15', '-4']),
    ('ie-block', 0, ['--mmdb', MMDB, '-c', 'IE', '--block', TMP / 'block']),
    ('ie-block', 0, ['--csv', CSV, '-c', 'IE', '-b', TMP / 'block']),
    ('ie-block', 0, ['--mmdb', MMDB, '-c', 'IE', '-b', TMP / 'mapped']),
    ('ie', 0, ['--mmdb', MMDB, '-c', 'IE', '-b', LISTS / 'block-mapped.conf']),
    ('ie', 0, ['--mmdb', MMDB, '-c', 'IE', '-b', LISTS / 'list-bom.txt']),
    ('badrows', 3, ['--csv', TMP / 'badrows', '-c', 'IE', '-4']),
    ('nothing', 2, ['--mmdb', MMDB, '-c', 'IE', '--block', TMP / 'badblock']),
    ('nothing', 2, ['--mmdb', MMDB, '-c', 'Ireland']),
    ('nothing', 2, ['--mmdb', MMDB, '--asn', '0']),
    ('nothing', 2, ['--mmdb', MMDB, '--csv', CSV]),
    ('nothing', 2, ['--legacy', TMP / 'legacy.csv', '--asn', '1']),
    ('nothing', 2, ['--mmdb', EMPTY]),
    ('nothing', 2, []),
    ('nothing', 2, ['--mmdb', MMDB, 'Ireland']),
    ('nothing', 2, ['--mmdb', MMDB, '--no-such-option']),
    ('nothing', 1, ['--mmdb', MMDB, '-c', 'FR']),
    ('nothing', 1, ['--mmdb', MMDB, '-c', 'FR', '--write-legacy', TMP / 'none']),
    ('nothing', 1, ['--mmdb', IPDB, '--asn', '64501']),
    ('nothing', 1, ['--csv', EMPTY, '-c', 'IE']),
    ('nothing', 2, ['--mmdb', MMDB, '-c', 'IE', '-o', TMP / 'absent' / 'list']),
    *(('nothing', 2, [option, TMP / 'absent', '-c', 'IE']) for option in ('--mmdb', '--csv', '--legacy')),
]


def run(survey, args):
    return subprocess.run([survey, 'geo', *map(str, args)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)


def check_legacy(survey):
    """The legacy file holds, address by address, what the table of the fixtures says."""
    p = run(survey, ['--mmdb', MMDB, '--write-legacy', TMP / 'legacy.csv'])
    bad = [] if (p.returncode, p.stdout) == (0, '') else [f'--write-legacy: {p}']
    want = {}
    for net, cc, reg in fixture_table():
        if ':' not in net and (cc or reg):
            n = ipaddress.ip_network(net)
            want[int(n[0])] = (int(n[-1]), cc or reg)
    rows = list(csv.reader(open(TMP / 'legacy.csv', encoding='utf-8')))
    got = [(int(r[2]), int(r[3]), r[4]) for r in rows]
    if got != sorted(got):
        bad.append('legacy: rows are not sorted')
    for lo, (hi, cc) in want.items():
        if not any(a <= lo and hi <= b and c == cc for a, b, c in got):
            bad.append(f'legacy: {ipaddress.ip_address(lo)} is not in a row of {cc}')
    if sum(b - a + 1 for a, b, _ in got) != sum(hi - lo + 1 for lo, (hi, _) in want.items()):
        bad.append('legacy: the rows hold too many or too few addresses')
    for r in rows:
        if (str(ipaddress.ip_address(int(r[2]))), str(ipaddress.ip_address(int(r[3])))) != tuple(r[:2]):
            bad.append(f'legacy: addresses and numbers differ: {r}')
    if rows[0][4:] != ['IE', 'Ireland'] or rows[1][4:] != ['GB', 'United Kingdom']:
        bad.append(f'legacy: names: {rows[:2]}')
    # A database without names: the code's short English name stands in.
    run(survey, ['--mmdb', IPDB, '--write-legacy', TMP / 'legacy2.csv'])
    if (TMP / 'legacy2.csv').read_bytes() != (TMP / 'legacy.csv').read_bytes():
        bad.append('legacy: the file of the database without names differs')
    return bad


def fixture_table():
    text = (HERE / 'mkfixtures.py').read_text()
    start = text.index('COUNTRY = [')
    scope = {}
    exec(text[start:text.index(']\n', start) + 2], scope)
    return scope['COUNTRY']


def main():
    survey, update = sys.argv[1], '--update' in sys.argv
    bad = check_legacy(survey)
    for name, status, args in CASES:
        p = run(survey, args)
        path = HERE / 'expected' / f'{name}.txt'
        if update:
            path.write_text(p.stdout)
        if p.returncode != status:
            bad.append(f'{name} {args}: status {p.returncode}, not {status}: {p.stderr}')
        if p.stdout != path.read_text():
            bad.append(f'{name} {args}: the output differs from {path.name}:\n{p.stdout}')
        if status != 0 and not p.stderr:
            bad.append(f'{name} {args}: no message')
    # -o writes the same bytes, and only whole files.
    p = run(survey, ['--mmdb', MMDB, '-c', 'IE', '-o', TMP / 'list'])
    if p.stdout or (TMP / 'list').read_text() != (HERE / 'expected' / 'ie.txt').read_text():
        bad.append('-o: the file differs from the printed list')
    if 'IPv4 prefixes with' not in p.stderr or 'IPv6 prefixes with' not in p.stderr:
        bad.append(f'-o: no totals: {p.stderr}')
    if sorted(f.name for f in TMP.iterdir()) != \
            ['badblock', 'badrows', 'block', 'empty', 'legacy.csv', 'legacy2.csv', 'list', 'mapped']:
        bad.append(f'files left behind: {sorted(TMP.iterdir())}')
    shutil.rmtree(TMP)
    print('\n'.join(bad) or f'{len(CASES)} cases hold')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
