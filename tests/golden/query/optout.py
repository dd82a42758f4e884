#!/usr/bin/env python3
"""survey optout: the list, its log, and what is refused: optout.py SURVEY"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SURVEY = os.path.abspath(sys.argv[1])


def optout(*args, status=0):
    p = subprocess.run([SURVEY, 'optout', *map(str, args)], capture_output=True, text=True,
                       check=False)
    assert p.returncode == status, f'{args}: status {p.returncode}\n{p.stdout}{p.stderr}'
    return p.stdout + p.stderr


def main():
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        listed, log = top / 'opt-out.conf', top / 'opt-out.conf.log'
        where = '--file', listed
        # A list that is not there is no list of nobody; nor is one that a config does not name.
        for action in (('check', '192.0.2.1'), ('list',)):
            assert 'opt-out.conf: No such file' in optout(*where, *action, status=2)
        assert 'nodir: No such file' in optout('--file', top / 'nodir/x', 'add', '192.0.2.1', status=2)
        (top / 'none.conf').write_text('')
        assert 'sets no scan.opt_out_file' in optout('-c', top / 'none.conf', 'add', '192.0.2.1', status=2)
        listed.touch()
        assert 'not opted out' in optout(*where, 'check', '192.0.2.1', status=1)
        listed.unlink()

        said = optout(*where, '--who', 'A. \x1b[31mNother', '--proof', 'mail from the WHOIS contact',
                      'add', '192.0.2.0/25', '198.51.100.7-198.51.100.8')
        assert 'added; surveys that run and whose scan.opt_out_file this is' in said and 'survey purge --host 192.0.2.0/25 --host' in said, said
        assert oct(listed.stat().st_mode & 0o777) == '0o644'
        assert oct(log.stat().st_mode & 0o777) == '0o600'
        request = json.loads(log.read_text())
        assert request['add'] == ['192.0.2.0/25', '198.51.100.7/32', '198.51.100.8/32'], request
        assert request['proof'] == 'mail from the WHOIS contact' and request['by'], request
        assert 'Nother' not in listed.read_text(), 'who asked is nobody else\'s affair'

        # What stands there stays there, without a newline at its end, too; and so does its mode.
        listed.write_text(listed.read_text() + '# by hand\n203.0.113.5')
        listed.chmod(0o640)
        assert 'the log does not say' in optout(*where, 'add', '2001:db8::/48', '203.0.113.4/31')
        text = listed.read_text()
        assert '# by hand\n203.0.113.5\n' in text and '203.0.113.4' in text, text
        assert oct(listed.stat().st_mode & 0o777) == '0o640'
        assert 'it was there already' in optout(*where, 'add', '192.0.2.77')
        assert listed.read_text() == text and len(log.read_text().splitlines()) == 3

        optout(*where, 'check', '192.0.2.127', '198.51.100.7', '2001:db8::1')
        said = optout(*where, 'check', '192.0.2.0/24', '192.0.2.128', status=1)
        assert 'in part' in said and '192.0.2.128: not opted out' in said, said
        rows = [line.split('\t') for line in optout(*where, 'list').splitlines()]
        assert [r[0] for r in rows] == ['192.0.2.0/25', '198.51.100.7/32', '198.51.100.8/32',
                                        '203.0.113.4/31', '2001:db8::/48'], rows
        assert rows[0][2] == r'A. \x1b[31mNother' and len(rows[0][1]) == 20, rows

        # Half of it is not done, and nobody is left alone by a slip.
        for bad in ('0.0.0.0/0', '10.0.0.0/7', '192.0.2.1/24', 'mail.example', ''):
            optout(*where, 'add', '192.0.2.200', bad, status=2)
        optout(*where, 'add', status=2)
        optout(*where, 'list', '192.0.2.1', status=2)
        optout(*where, 'check', '192.0.2.200', status=1)

        # A list that is not understood is not added to; one in others' hands is not written.
        listed.write_text('nonsense\n')
        optout(*where, 'add', '192.0.2.200', status=1)
        assert listed.read_text() == 'nonsense\n'
        listed.write_text('')
        top.chmod(0o777)
        assert 'decides whom' in optout(*where, 'add', '192.0.2.200', status=1)
        assert listed.read_text() == ''
        top.chmod(0o700)

        # By a config: its list, and its runs that may hold the host.
        run = top / 'runs/ie-20260101-000000'
        run.mkdir(parents=True)
        (run / 'run.json').write_text('{}')
        (top / 'survey.conf').write_text('scan { opt_out_file = "opt-out.conf" }\n')
        said = optout('-c', top / 'survey.conf', 'add', '192.0.2.200')
        assert f'survey purge --host 192.0.2.200 {run}\n' in said, said
        optout(*where, 'check', '192.0.2.200')
    print('the list is kept')


main()
