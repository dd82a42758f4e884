#!/usr/bin/env python3
"""What a taken-over parser can do in each command: nothing that it should not.

usage: intrude.py SURVEY INTRUDER [lab]

intruder.so makes survey itself call connect(), open("/etc/shadow"), open() of
somebody else's file and execve() when it has read what others wrote.  With
--no-sandbox that works, or the test would show nothing; without it each fails.
With "lab", inside the lab, the same for a whole run.
"""
import errno
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

SURVEY, INTRUDER = (os.path.abspath(a) for a in sys.argv[1:3])
FP = '%064x'
CLUSTERS = [{'id': 1, 'size': 6, 'hosts': [
    {'ip': f'192.0.2.{k}', 'ip_record': k, 'asn': 64500 + k, 'as': f'AS {k}'} for k in range(6)],
    'keys': [{'fp': FP % 1, 'kind': 'tls', 'at': [[f'192.0.2.{k}', 'p25'] for k in range(6)]},
             {'fp': FP % 2, 'kind': 'ssh', 'at': [[f'192.0.2.{k}', 'p22'] for k in range(4)]}]}]
RECORD = {'ip': '192.0.2.1', 'writer': 'survey', 'version': 1, 'time': '2026-01-01T00:00:00Z'}
REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS}
# Files are Landlock's part; a kernel without it has the filter of system calls alone.
FORBIDDEN = ['connect', 'execve']
failed = []


class Trial:
    """A place to work in, a listener and a secret that is in no command's way."""

    def __init__(self, top):
        self.top = pathlib.Path(top)
        self.top.chmod(0o755)
        self.log = self.top / 'log'
        self.log.touch()
        self.log.chmod(0o666)
        self.secret = self.top / 'private/secret'
        self.secret.parent.mkdir()
        self.secret.write_text('secret')
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=4000)

    def run(self, *args, status=(0, 3), timeout=300):
        """Run survey with the intruder; what it wrote down, a dictionary a call."""
        env = {**os.environ, 'LD_PRELOAD': INTRUDER, 'INTRUDER_LOG': str(self.log),
               'INTRUDER_PORT': str(self.listener.getsockname()[1]),
               'INTRUDER_SECRET': str(self.secret),
               'ASAN_OPTIONS': 'verify_asan_link_order=0:' + os.environ.get('ASAN_OPTIONS', '')}
        self.log.write_text('')
        p = subprocess.run([SURVEY, *map(str, args)], env=env, capture_output=True, text=True,
                           cwd=self.top, timeout=timeout, check=False)
        if status and p.returncode not in status:
            sys.exit(f'survey {args}: status {p.returncode}\n{p.stderr}')
        lines = []
        for line in self.log.read_text().splitlines():
            where, *rest = line.split()
            lines.append({'where': where, **{k: int(v) for k, v in (r.split('=') for r in rest)}})
        return lines

    def check(self, what, wanted, *args):
        """Each of the wanted functions is reached, and nothing comes of it; without a sandbox it does."""
        free = self.run(*args, '--no-sandbox')
        held = self.run(*args)
        for where in wanted:
            last = [c for c in free if c['where'] == where][-1:]
            if not last or last[0]['connect'] != 0 or last[0]['secret'] != 0:
                failed.append(f'{what}: {where} shows nothing without a sandbox: {last}')
            # Before the sandbox there may be calls, too: what was made ready.
            last = [c for c in held if c['where'] == where][-1:]
            if not last:
                failed.append(f'{what}: {where} was not reached in the sandbox: {held}')
            for name in FORBIDDEN:
                if last and last[0].get(name) not in REFUSED:
                    failed.append(f'{what}: {name} in {where} gave {last[0].get(name)}')


def commands(t):
    run = t.top / 'run'
    run.mkdir()
    (run / 'clusters.json').write_text(json.dumps(CLUSTERS))
    records = t.top / 'records.fresh'
    records.write_text(json.dumps(RECORD) + '\n')
    names = t.top / 'names'
    names.write_text('a.example\n')
    (t.top / 'GeoIPCountryWhois.csv').write_text('"192.0.2.0","192.0.2.255","3221225984","3221226239","IE","Ireland"\n')
    nobody = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)    # a resolver that says nothing
    nobody.bind(('127.0.0.1', 0))
    resolver = f'127.0.0.1#{nobody.getsockname()[1]}'
    ask = ('--resolver', resolver, '--timeout', 100, '--tries', 1)

    t.check('graph', ['gvContext', 'renameat'], 'graph', run)
    t.check('graph -o', ['gvContext', 'renameat'], 'graph', run, '-o', t.top / 'pictures')
    t.check('report', ['renameat'], 'report', run)
    t.check('stats', ['renameat'], 'stats', run, '-o', t.top / 'stats.txt')
    t.check('analyze', ['renameat'], 'analyze', records, '-o', t.top / 'results')
    # Beside the files that these make lies what is none of their business.
    t.check('geo', ['renameat'], 'geo', '--legacy', t.top / 'GeoIPCountryWhois.csv', '-o', t.top / 'networks')
    t.check('geo --write-legacy', ['renameat'], 'geo', '--legacy', t.top / 'GeoIPCountryWhois.csv',
            '--write-legacy', t.top / 'legacy.csv')
    t.check('weak', ['renameat'], 'weak', t.top / 'results')
    t.check('export --csv', ['renameat'], 'export', run, '--csv', t.top / 'tables')
    t.check('export --graphml', ['renameat'], 'export', run, '--graphml', t.top / 'graph.xml')
    t.check('export --studies', ['renameat'], 'export', run, '--studies', t.top / 'studies')
    t.check('find', ['sqlite3_open_v2'], 'find', t.top / 'results', '192.0.2.1')
    t.check('cluster', ['sqlite3_open_v2'], 'cluster', t.top / 'results', '--all')
    t.check('compare', ['renameat'], 'compare', run, run, '-o', t.top / 'changes')
    for verb in ('report', 'graph'):
        copy = t.top / f'{verb}-copy'
        t.check(f'{verb} --anonymise', ['renameat', 'renameat2', 'gvContext'], verb, run, '--anonymise', '-o', copy)
        t.check(f'{verb} --anonymise', ['renameat2'], verb, run, '--anonymise', '-o', copy)
    t.check('analyze --anonymise', ['renameat', 'renameat2'], 'analyze', records, '--anonymise', '-o', t.top / 'copy')
    t.check('notify', ['renameat2'], 'notify', t.top / 'results', '-o', t.top / 'letters')
    t.check('dns', ['renameat'], 'dns', names, '-o', t.top / 'answers', *ask)
    t.check('impact', ['renameat'], 'impact', t.top / 'results', '--domains', names, *ask)
    t.check('status', ['flock'], 'status', t.top / 'results')


def survey(t):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'lab/faults'))
    import surveyor    # pylint: disable=import-outside-toplevel,import-error
    with surveyor.Run() as r:
        free = t.run('run', r.conf, '--until', 'grab', '--no-sandbox')
        held = t.run('run', r.conf, '--new')
        in_force = r.manifest()['sandbox']
    if not free or free[-1]['connect'] != 0:
        failed.append(f'a run without a sandbox: {free[-1:]}')
    begun = next((i for i, c in enumerate(held) if c['connect'] != 0), len(held))
    if len(held) - begun < 10:
        failed.append(f'of {len(held)} calls only {len(held) - begun} were in the sandbox')
    for call in held[begun:]:
        if any(call.get(name) not in REFUSED for name in FORBIDDEN):
            failed.append(f'in a run: {call}')
    probed = subprocess.run([SURVEY, '--version'], capture_output=True, text=True, check=True).stdout
    if f'sandbox: {in_force}' not in probed.splitlines():
        failed.append(f'run.json says that this was in force: {in_force}')


def main():
    version = subprocess.run([SURVEY, '--version'], capture_output=True, text=True, check=True).stdout
    if 'sandbox: Landlock (ABI' in version:
        FORBIDDEN.extend(['shadow', 'secret'])
    else:
        print('this kernel has no Landlock: files are not looked at')
    with tempfile.TemporaryDirectory() as top:
        t = Trial(top)
        if sys.argv[3:] == ['lab']:
            survey(t)
        else:
            commands(t)
    print('\n'.join(failed) or 'the sandboxes hold')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
