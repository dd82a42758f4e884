#!/usr/bin/env python3
"""survey graph in a directory that earlier runs have used.

usage: check.py SURVEY

Every cluster has its pictures, the same bytes each time; pictures of clusters
that are gone and what a killed worker left go, and nothing else does.
"""
import fcntl
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
FP = '%064x'
CLUSTERS = [{'id': i, 'size': 3, 'hosts': [
    {'ip': f'192.0.2.{i * 10 + k}', 'ip_record': i * 10 + k, 'asn': 64500 + k, 'as': f'AS <{k}> & "x"'}
    for k in range(3)],
    'keys': [{'fp': FP % i, 'kind': 'tls',
              'at': [[f'192.0.2.{i * 10 + k}', 'p25'] for k in range(3)]}]} for i in (1, 2)]
LEFT_OVER = ['cluster-3.svg', 'cluster-77.png', 'cluster-1.png.survey-tmp-Ab3dEf',
             'cluster-9.dot.survey-tmp-zzzzzz']
KEPT = ['cluster-x.svg', 'notes.txt', 'cluster-1.svg.orig', 'cluster-3.svg.bak', 'cluster-1.png.before',
        'cluster-.png']


# Too many pairs of hosts for the memory that it is given.
PLATFORM = [{'id': 1, 'size': 900, 'hosts': [
    {'ip': f'198.18.{i >> 8}.{i & 255}', 'ip_record': i, 'asn': 64500, 'as': 'A'} for i in range(900)],
    'keys': [{'fp': FP % p, 'kind': 'tls', 'at': [[f'198.18.{i >> 8}.{i & 255}', f'p{p}'] for i in range(900)]}
             for p in (25, 110, 143, 443)]}]


def graph(survey, *args, status=0, env=None):
    p = subprocess.run([survey, 'graph', *map(str, args)], capture_output=True, text=True,
                       timeout=120, check=False, env={**os.environ, **(env or {})})
    if p.returncode != status:
        sys.exit(f'survey graph {args}: status {p.returncode}, not {status}\n{p.stderr}')
    return p.stderr


def pictures(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def without_font_cache(survey):
    """Without a folder for fontconfig's cache nothing is said, the pictures are the same, and
    nothing is left; one that can be made is used."""
    bad = []
    with tempfile.TemporaryDirectory() as name:
        run, conf, tmp, cache = (pathlib.Path(name) / n for n in ('run', 'fonts.conf', 'tmp', 'a/b'))
        run.mkdir()
        tmp.mkdir()
        (run / 'clusters.json').write_text(json.dumps(CLUSTERS))
        made = []
        for caches in ('/dev/null/none', cache):
            conf.write_text(f'<fontconfig><dir>/usr/share/fonts</dir><cachedir>{caches}</cachedir></fontconfig>')
            said = graph(survey, run, '-f', 'png,pdf', '--workers', '4',
                         env={'FONTCONFIG_FILE': str(conf), 'TMPDIR': str(tmp)})
            if 'ontconfig' in said:
                bad.append(f'with a cache in {caches} it said {said!r}')
            if any(tmp.iterdir()):
                bad.append(f'left {list(tmp.iterdir())}')
            made.append(pictures(run / 'graphs'))
        if made[0] != made[1]:
            bad.append('pictures depend on the cache of fonts')
        if not cache.is_dir() or not any(cache.iterdir()):
            bad.append('a cache that could be made was not used')
    return bad


def chance(survey):
    """The same bytes in each of many runs: addresses of memory are other ones every time."""
    seen = set()
    with tempfile.TemporaryDirectory() as name:
        run = pathlib.Path(name)
        (run / 'clusters.json').write_bytes((HERE / 'many-ases.json').read_bytes())
        for _ in range(16):
            graph(survey, run, '-f', 'svg,dot', '-j', '1')
            seen.add(tuple(sorted(pictures(run / 'graphs').items())))
    if 'cluster-216.svg' not in dict(next(iter(seen))):
        return [f'a cluster of number 216 became {[n for n, _ in next(iter(seen))]}']
    return [f'{len(seen)} different pictures of one cluster'] if len(seen) > 1 else []


def numbers(survey):
    """A cluster's number costs nothing, however large: the file is 158 bytes."""
    bad = []
    for number in (1073741822, 4294967294):
        with tempfile.TemporaryDirectory() as name:
            alone = pathlib.Path(name) / 'collisions.json'
            alone.write_text(json.dumps([{'ip': '192.0.2.1', 'ip_record': 0, 'clusternum': number, 'rcs_truncated': True,
                                          'fprints': {'p22': 'aa'}, 'rcs': {'1': {'ip': '192.0.2.2', 'str_colls': 'p22==p22;'}}}]))
            p = subprocess.Popen([survey, 'graph', str(alone), '-f', 'svg', '-o', name], stderr=subprocess.PIPE)
            said = p.stderr.read()
            _, status, usage = os.wait4(p.pid, 0)
            p.returncode = os.waitstatus_to_exitcode(status)
            if p.returncode != 0 or len(list(pathlib.Path(name).glob('graphs/cluster-*.svg'))) != 1:
                bad.append(f'cluster {number}: status {p.returncode}, {said}')
            if usage.ru_maxrss > 1 << 20:    # in kB; it was 4.2 GB
                bad.append(f'cluster {number} took {usage.ru_maxrss >> 10} MB')
    return bad


def at_once(survey):
    """Several at work in one directory leave each other's files alone."""
    bad = []
    with tempfile.TemporaryDirectory() as name:
        run = pathlib.Path(name)
        (run / 'clusters.json').write_text(json.dumps(CLUSTERS))
        graph(survey, run)
        first = pictures(run / 'graphs')
        mine = run / 'graphs/cluster-2.svg.survey-tmp-abcdef'
        with open(mine, 'w') as f:    # as another graph writes it
            fcntl.flock(f, fcntl.LOCK_EX)
            many = [subprocess.Popen([survey, 'graph', str(run)], stderr=subprocess.DEVNULL) for _ in range(6)]
            if any([p.wait(120) for p in many]):
                bad.append('one of several at once failed')
            if not mine.exists():
                bad.append('what somebody else is writing was removed')
        mine.unlink(missing_ok=True)
        if pictures(run / 'graphs') != first:
            bad.append('several at once made something else than one')
    return bad


def order(survey):
    """What a worker has drawn before does not tell in a large picture."""
    with tempfile.TemporaryDirectory() as name:
        run, made = pathlib.Path(name), []
        hosts = [f'198.18.{i >> 8}.{i & 255}' for i in range(600)]
        # Two clusters with 120 keys each, so that their nodes are too many for neato.
        doc = [{'id': c + 1, 'size': 300,
                'hosts': [{'ip': ip, 'ip_record': 300 * c + i, 'asn': 64500 + i % 3, 'as': 'A'}
                          for i, ip in enumerate(hosts[300 * c:300 * c + 300])],
                'keys': [{'fp': FP % (1000 * c + k + 1), 'kind': 'tls',
                          'at': [[hosts[300 * c + (k + j * j) % 300], 'p25'] for j in range(3 + k % 5)]
                          + [[hosts[300 * c + (k * 7 + 50) % 300], 'p993']]} for k in range(300)]}
               for c in range(2)]
        (run / 'clusters.json').write_text(json.dumps(doc))
        for args in ([], ['-c', '1'], ['-c', '2']):
            graph(survey, run, '-f', 'svg', '-j', '1', *args)
            made.append(pictures(run / 'graphs'))
    return [f'{f} depends on what was drawn before it' for f in made[0] if any(m[f] != made[0][f] for m in made)]


def crowded():
    """163 hosts of five ASes with six keys, and 1,991 of one AS with two: groups that differ by ports alone."""
    mail = ['p25', 'p110', 'p143', 'p587', 'p993']
    ports = [['p25'], ['p25', 'p443'], ['p25', 'p587'], ['p25', 'p110', 'p143'], mail + ['p443'], ['p443'],
             ['p25', 'p143', 'p993'], ['p110', 'p143', 'p993'], ['p587'], ['p993'], ['p110', 'p993'], ['p143', 'p443']]

    def cluster(number, size, first, ases, keys):
        hosts = [f'198.{18 + (first + i >> 16)}.{first + i >> 8 & 255}.{first + i & 255}' for i in range(size)]
        return {'id': number, 'size': size,
                'hosts': [{'ip': ip, 'ip_record': first + i, 'asn': ases(i), 'as': 'A'} for i, ip in enumerate(hosts)],
                'keys': [{'fp': FP % (100 * number + k), 'kind': kind,
                          'at': [[hosts[i], p] for i in range(*span) for p in of(i)]}
                         for k, (kind, span, of) in enumerate(keys)]}
    return [cluster(1, 163, 0, lambda i: 64500 + min(i // 50, 4), [
        ('tls', (0, 118), lambda i: ports[i * i % 8]), ('ssh', (100, 140), lambda i: ['p22']),
        ('tls', (135, 150), lambda i: ['p25', 'p993']), ('ssh', (148, 163), lambda i: ['p22']),
        ('tls', (3, 163, 37), lambda i: ['p443']), ('tls', (5, 9), lambda i: ['p25'])]),
        cluster(2, 1991, 1000, lambda i: 64500, [
            ('tls', (0, 1991), lambda i: ports[min(i * 7919 % 97 // 5, 11)]), ('ssh', (900, 960), lambda i: ['p22'])])]


def captions(survey):
    """No caption of a crowded picture covers a circle, a diamond or another caption."""
    bad = []
    with tempfile.TemporaryDirectory() as name:
        run = pathlib.Path(name)
        (run / 'clusters.json').write_text(json.dumps(crowded()))
        graph(survey, run, '-f', 'svg')
        for path in sorted((run / 'graphs').glob('cluster-*.svg')):
            svg, boxes = path.read_text(), []
            circles = [tuple(map(float, c)) for c in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', svg)]
            for x, y, rest, text in re.findall(r'<text class="ink halo" x="([\d.-]+)" y="([\d.-]+)" font-size="8.5"([^>]*)>([^<]*)', svg):
                # Narrower than it is: what a font makes of it differs.
                width, x, y = 4.2 * len(text), float(x), float(y)
                left = x - (width / 2 if 'middle' in rest else width if '"end"' in rest else 0)
                boxes.append((left, y - 6, left + width, y, text))
            if len(boxes) < 15:
                bad.append(f'{path.name} has only {len(boxes)} captions')
            for k, (x0, y0, x1, y1, text) in enumerate(boxes):
                bad += [f'{path.name}: {text} is over a circle' for cx, cy, r in circles
                        if (cx - min(max(cx, x0), x1)) ** 2 + (cy - min(max(cy, y0), y1)) ** 2 < r * r]
                bad += [f'{path.name}: {text} is over {t}' for a0, b0, a1, b1, t in boxes[:k]
                        if a0 < x1 and x0 < a1 and b0 < y1 and y0 < b1]
    return bad


def main():
    survey, bad = sys.argv[1], []
    with tempfile.TemporaryDirectory() as name:
        run = pathlib.Path(name)
        (run / 'clusters.json').write_text(json.dumps(CLUSTERS))
        graph(survey, run)
        first = pictures(run / 'graphs')
        wanted = {f'cluster-{i}.{e}' for i in (1, 2) for e in ('svg', 'png')} | {'legend.svg'}
        if set(first) != wanted:
            bad.append(f'made {sorted(first)}, not {sorted(wanted)}')
        for f in LEFT_OVER + KEPT:
            (run / 'graphs' / f).write_text('old')
        graph(survey, run, '--cluster', '1')    # of the others nothing is known then
        there = set(pictures(run / 'graphs'))
        if not {'cluster-3.svg', 'cluster-77.png'} <= there:
            bad.append('drawing one cluster removed pictures of others')
        graph(survey, run)
        again = pictures(run / 'graphs')
        if set(again) != wanted | set(KEPT):
            bad.append(f'left {sorted(again)}, not {sorted(wanted | set(KEPT))}')
        bad += [f'{f} differs when drawn again' for f in first if again.get(f) != first[f]]
        if b'AS <' in first.get('cluster-1.svg', b''):
            bad.append('a name is in the SVG as it came')
        said = graph(survey, run, '-c', '1,1,7', status=3)
        if 'no cluster 7' not in said or 'no cluster 1' in said:
            bad.append(f'of cluster 7, which is not there, it said {said!r}')
        big = run / 'big'
        big.mkdir()
        (big / 'clusters.json').write_text(json.dumps(PLATFORM))
        said = graph(survey, big, '-f', 'svg', '--full-up-to', 500000, '--memory', 64)
        if '1 of them simplified' not in said:
            bad.append(f'a picture of 404,550 pairs with 64 MB: {said!r}')
        if 'Drawn more simply' not in (big / 'graphs/cluster-1.svg').read_text():
            bad.append('a picture does not say that it was simplified')
    bad += order(survey) + without_font_cache(survey) + chance(survey) + numbers(survey) + captions(survey) + at_once(survey)
    print('\n'.join(bad) or 'pictures are whole, the same, and alone')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
