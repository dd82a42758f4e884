#!/usr/bin/env python3
"""survey doctor against small servers of its own on the loopback.

usage: doctor.py SURVEY FIXTURES

Scans from a list, so that neither zmap nor a route is asked for; what needs
those is in the lab's test.
"""
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

from fake_dns import A, PTR, FakeResolver, encode_name

ADDRESS = '127.83.85.82'        # nobody else listens there
SURVEY, FIXTURES = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
BAD = []


def resolver(sock):
    """Answer every question with a SOA-less NOERROR."""
    while True:
        query, peer = sock.recvfrom(4096)
        end = query.index(b'\0', 12) + 5
        sock.sendto(query[:2] + b'\x81\x80' + query[4:6] + b'\0\0\0\0\0\0' + query[12:end], peer)


def mail_server(sock, greeting):
    while True:
        peer, _ = sock.accept()
        peer.sendall(greeting)
        peer.close()


def listen(kind):
    s = socket.socket(socket.AF_INET, kind)
    s.bind(('127.0.0.1', 0))
    if kind == socket.SOCK_STREAM:
        s.listen(8)
    return s, s.getsockname()[1]


def serve(sock, fn, *args):
    threading.Thread(target=fn, args=(sock, *args), daemon=True).start()


def snapshot(directory):
    return sorted((str(p), p.stat().st_mtime_ns) for p in directory.rglob('*'))


def doctor(tmp, status, expected, args=(), **keys):
    """Run the doctor with the usual config, changed by section__key=value; lines must match."""
    conf = {'run__countries': '{IE}', 'run__directory': '"runs"', 'run__user': '"nobody"',
            'geo__country_mmdb': f'"{FIXTURES}/mmdb/GeoLite2-Country.mmdb"',
            'geo__asn_mmdb': f'"{FIXTURES}/mmdb/GeoLite2-ASN.mmdb"',
            'scan__mode': 'list', 'scan__list': '"hosts"', 'scan__block_files': '{"block"}',
            'grab__user_agent': '"survey (+https://survey.example.ie/)"',
            'grab__zgrab2': '"./zgrab2"', 'dns__mode': 'address', **keys}
    text = ''.join(f'{k.split("__")[0]} {{ {k.split("__")[1]} = {v} }}\n'
                   for k, v in conf.items() if v is not None)
    (tmp / 'survey.conf').write_text(text)
    before = snapshot(tmp)
    env = {**os.environ, 'TMPDIR': str(tmp)}
    p = subprocess.run([SURVEY, 'doctor', *args, 'survey.conf'], cwd=tmp, capture_output=True, text=True,
                       env=env, timeout=120)
    what = f'doctor {keys}: status {p.returncode}\n{p.stdout}{p.stderr}'
    if p.returncode != status:
        BAD.append(f'wanted status {status}: {what}')
    for line in expected:
        if re.search(line, p.stdout + p.stderr, re.M) is None:
            BAD.append(f'no line like "{line}": {what}')
    for line in p.stdout.splitlines()[:-2]:
        if not re.match(r'(ok|warn|fail) ', line):
            BAD.append(f'a line without a finding: {line!r}')
        if re.match(r'(warn|fail)', line) and ';' not in line and 'survey.conf:' not in line:
            BAD.append(f'not said how to mend it: {line!r}')
    if snapshot(tmp) != before:
        BAD.append(f'something was changed: {what}')


def site(certificate, pages):
    """An HTTPS server at ADDRESS that serves pages[0]."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix('.key'))
    s = socket.create_server((ADDRESS, 443))

    def talk():
        while True:
            try:
                peer = context.wrap_socket(s.accept()[0], server_side=True)
                asked = peer.recv(4096).decode()
                status = '200 OK' if asked.startswith('GET /.well-known/probing.txt ') else '404 No'
                peer.sendall(f'HTTP/1.1 {status}\r\nServer: x\r\n\r\n{pages[0]}'.encode())
                peer.close()
            except OSError:
                pass

    threading.Thread(target=talk, daemon=True).start()


def probing(tmp):
    """probing.txt is what RFC 9511 wants, and is found on the site of the scanning address."""
    conf = tmp / 'probing.conf'
    agent = 'grab { user_agent = "survey/1.0 (+https://scan.survey.ie/about)" %s }\n'
    conf.write_text(agent % 'ehlo = "scan.survey.ie"')
    p = subprocess.run([SURVEY, 'doctor', '--probing-txt', conf], capture_output=True, text=True,
                       check=False)
    fields = dict(line.split(': ', 1) for line in p.stdout.splitlines())
    if p.returncode != 0 or set(fields) != {'Canonical', 'Contact', 'Expires', 'Preferred-Languages',
                                            'Description'} \
            or fields['Canonical'] != 'https://scan.survey.ie/.well-known/probing.txt' \
            or fields['Contact'] != 'https://scan.survey.ie/about' or '25' not in fields['Description']:
        BAD.append(f'probing.txt: {p.stdout}{p.stderr}')
    for bad, status, said in (('survey (+https://research.example/)', 2, 'of yours'),
                              ('me; +http://survey.ie/a, +https://x.ie', 0, 'Contact: http://survey.ie/a\n')):
        conf.write_text(f'grab {{ user_agent = "{bad}" }}\n')
        q = subprocess.run([SURVEY, 'doctor', '--probing-txt', conf], capture_output=True, text=True,
                           check=False)
        if q.returncode != status or said not in q.stdout + q.stderr:
            BAD.append(f'probing.txt of {bad}: {q.stdout}{q.stderr}')
    conf.unlink()
    if os.geteuid() != 0:
        return  # no port 443
    certificate, pages = tmp / 'site.pem', [p.stdout]
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj',
                    '/CN=scan.survey.ie', '-addext', 'subjectAltName=DNS:scan.survey.ie', '-keyout',
                    certificate.with_suffix('.key'), '-out', certificate], check=True,
                   stderr=subprocess.DEVNULL)
    certificate.chmod(0o644)
    site(certificate, pages)
    names = {PTR: encode_name('scan.survey.ie'), A: socket.inet_aton(ADDRESS)}

    def answer(q, _nth, _tcp):
        return [q.reply([(q.type, names[q.type])] if q.type in names else [])]

    with FakeResolver(answer) as r:
        keys = {'dns__address': f'"127.0.0.1#{r.port}"', 'scan__source_ip': f'"{ADDRESS}"',
                'args': ['--check-probing-txt']}
        os.environ['SSL_CERT_FILE'] = str(certificate)
        doctor(tmp, 0, [r'^ok +probing\.txt +https://scan\.survey\.ie/\.well-known/probing\.txt$'], **keys)
        pages[0] = p.stdout.replace(fields['Expires'], '2020-01-01T00:00:00Z')
        doctor(tmp, 0, [r'^warn +probing\.txt .*has expired; survey doctor --probing-txt'], **keys)
        pages[0] = 'hello'
        doctor(tmp, 0, [r'^warn +probing\.txt .*no Contact'], **keys)
        del os.environ['SSL_CERT_FILE']
        doctor(tmp, 0, [r'^warn +probing\.txt .*self.signed certificate'], **keys)


def main():
    udp, dns_port = listen(socket.SOCK_DGRAM)
    serve(udp, resolver)
    mute, mute_port = listen(socket.SOCK_DGRAM)
    good, good_port = listen(socket.SOCK_STREAM)
    serve(good, mail_server, b'220 mail.example ESMTP \x1b[31mred\r\n')
    odd, odd_port = listen(socket.SOCK_STREAM)
    serve(odd, mail_server, b'HTTP/1.0 400 what?\r\n')
    closed, closed_port = listen(socket.SOCK_STREAM)
    closed.close()

    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        tmp.chmod(0o1777)       # started as root, the doctor becomes run.user on its way
        (tmp / 'hosts').write_text('5.10.0.1\n')
        (tmp / 'block').write_text('# nobody yet\n')
        (tmp / 'badblock').write_text('10.0.0.0/8\nmail.example\n')
        # The version is read out of the Go build notes inside the binary.
        (tmp / 'zgrab2').write_text('#!/bin/sh\nexit 1\n#\tgithub.com/zmap/zgrab2\tv1.0.0\n')
        (tmp / 'zgrab2').chmod(0o755)
        dns = {'dns__address': f'"127.0.0.1#{dns_port}"'}

        doctor(tmp, 0, [r'^ok +config', r'^ok +zgrab2 .*version 1\.0\.0',
                        r'^(ok|warn) +country database .*GeoLite2-Country of 2026-01-01',
                        r'^(ok|warn) +AS database .*GeoLite2-ASN',
                        r'^ok +country +IE has \d+ IPv4 addresses', r'^ok +block list',
                        r'^warn +opt-outs +none: .*; set scan\.opt_out_file',
                        r'^ok +run directory .*/runs will be made', r'^ok +disk space',
                        rf'^ok +resolver +127\.0\.0\.1#{dns_port} answers',
                        r'^warn +port 25 +outgoing: not checked'], **dns)
        doctor(tmp, 0, [r'^ok +port 25 .*220 mail\.example ESMTP \\x1b\[31mred'], **dns,
               doctor__smtp_probe=f'"127.0.0.1#{good_port}"')
        doctor(tmp, 0, [r'^warn +port 25 .*intercept'], **dns,
               doctor__smtp_probe=f'"127.0.0.1#{odd_port}"')
        doctor(tmp, 2, [r'^fail +port 25 .*Connection refused; many providers'], **dns,
               doctor__smtp_probe=f'"127.0.0.1#{closed_port}"')
        probing(tmp)
        doctor(tmp, 0, [r'^ok +opt-outs .*/block, 0 ranges'], **dns, scan__opt_out_file='"block"')
        doctor(tmp, 2, [r'^fail +opt-outs .*/nowhere: No such file.*; make it'], **dns, scan__opt_out_file='"nowhere"')
        # What a run refuses, or misses at its end.
        doctor(tmp, 2, [r'^fail +metrics +run\.metrics_file: .*/nowhere: No such file',
                        r'^fail +weak keys +weak\.blocklists: .*/nowhere: No such file',
                        r'^fail +weak keys +weak\.primes: .*/nowhere: No such file',
                        r'^fail +source address .*127\.255\.255\.255: Permission'], **dns,
               run__metrics_file='"nowhere/survey.prom"', weak__blocklists='{"x=nowhere"}',
               weak__primes='{"nowhere"}', scan__source_ip='"127.255.255.255"')
        doctor(tmp, 2, [r'^ok +metrics .*survey\.prom', r'^ok +weak keys +1 file',
                        r'^fail +lists +scan\.canaries: 127\.0\.0\.1 is in',
                        r'^fail +source address .*203\.0\.113\.77: Cannot assign'], **dns,
               run__metrics_file='"survey.prom"', weak__blocklists='{"block"}',
               scan__canaries='{"127.0.0.1", "127.0.0.2"}', scan__source_ip='"203.0.113.77"')
        if os.geteuid() == 0:
            (tmp / 'mine').write_text('')
            (tmp / 'mine').chmod(0o600)
            doctor(tmp, 2, [r'^fail +opt-outs .*nobody cannot read .*/mine',
                            r'^fail +metrics +run\.metrics_file: /root: Permission'], **dns,
                   scan__opt_out_file='"mine"', run__metrics_file='"/root/survey.prom"')
        doctor(tmp, 2, [r'^fail +contact +research\.example is nobody'], **dns,
               grab__user_agent='"survey/1.0 (+https://research.example/scan)"')
        doctor(tmp, 0, [r'^warn +rates +20000 packets and 10 hosts.*--yes-fast'], **dns,
               scan__rate_pps='20000')
        canary = {'run__allow_reserved': '{"127.0.0.0/8"}',
                  'scan__canaries': '{"127.0.0.1", "127.0.0.2"}'}
        doctor(tmp, 2, [r'^ok +canary .*127\.0\.0\.1 says "220', r'^fail +canary .*127\.0\.0\.2 port'],
               **dns, **canary, scan__port=str(good_port))
        doctor(tmp, 2, [r'^fail +resolver .*does not answer'],
               dns__address=f'"127.0.0.1#{mute_port}"')
        doctor(tmp, 2, [r'^fail +zgrab2 .*install-deps\.sh'], **dns, grab__zgrab2='"./absent"')
        (tmp / 'hangs').write_text('#!/bin/sh\nexec sleep 300\n')
        (tmp / 'hangs').chmod(0o755)
        doctor(tmp, 2, [r'^warn +unbound .*does not tell its version', r'^fail +resolver'],
               dns__mode='unbound', dns__unbound='"./hangs"')
        doctor(tmp, 2, [r'^fail +block list .*badblock:2: "mail\.example"'], **dns,
               scan__block_files='{"badblock"}')
        doctor(tmp, 2, [r'^fail +block list .*absent'], **dns, scan__block_files='{"absent"}')
        doctor(tmp, 2, [r'^fail +country .*no network of FR'], **dns, run__countries='{FR}')
        doctor(tmp, 2, [r'^fail +databases .*block: '], **dns, geo__country_mmdb='"block"')
        # Advice that helps: what is not there can be fetched, what is the wrong file cannot.
        doctor(tmp, 2, [r'^fail +databases .*absent: No such file.*geoipupdate .*--free-geo'], **dns,
               geo__country_mmdb='"absent"')
        doctor(tmp, 2, [r'^fail +databases .*GeoLite2-ASN.mmdb: .* no country codes but AS numbers; its '
                        r'records hold autonomous_system_number.*does the config name the right file'],
               **dns, geo__country_mmdb=f'"{FIXTURES}/mmdb/GeoLite2-ASN.mmdb"')
        for name, cure in (('dbip-country.mmdb', 'its version is fixed; geoipupdate .*db-ip.com'),
                           ('dbip-country-lite-2025-01.mmdb', 'db-ip.com has the one of this month$')):
            shutil.copy(FIXTURES / 'ipdb/geo-whois-asn-country.mmdb', tmp / name)
            doctor(tmp, 0, [rf'^warn +country database .*{name}, .* of 2026-01-01, \d+ days old; .*{cure}',
                            r'^warn +AS database +none.*set geo.asn_mmdb, or geo.csv .*--free-geo'], **dns,
                   geo__country_mmdb=f'"{name}"', geo__asn_mmdb='""')
        doctor(tmp, 0, [r'^warn +country database .*; geoipupdate fetches a newer one$'], **dns)
        doctor(tmp, 2, [r'^fail +scan\.list .*No such file'], **dns, scan__list='"absent"')
        # What others can change, and where they could put another directory.
        (tmp / 'open').mkdir()
        (tmp / 'open').chmod(0o777)
        (tmp / 'open/block').write_text('# nobody yet\n')
        (tmp / 'hosts').chmod(0o646)
        doctor(tmp, 0, [r'^warn +trust .*/hosts: others can write to .*/hosts \(mode 0646\)',
                        r'^warn +trust .*/open/block: others can write to .*/open \(mode 0777\)'], **dns,
               scan__block_files='{"open/block"}')
        (tmp / 'hosts').chmod(0o644)
        doctor(tmp, 2 if os.geteuid() == 0 else 0,
               [r'^(warn|fail) +run directory .*others can write to .*/open \(mode 0777\)', r'^(ok|warn) +trust '],
               **dns, run__directory='"open/runs"')
        doctor(tmp, 2, [r'grab\.user_agent: not set', r'^fail +config .*1 fault'], **dns,
               grab__user_agent=None)
        doctor(tmp, 2, [r'survey\.conf:\d+: unknown key "nmae".*did you mean name\?'], **dns,
               run__nmae='x')
    for sock in (udp, mute, good, odd):
        sock.close()
    print('\n'.join(BAD) or 'every finding is right')
    return 1 if BAD else 0


if __name__ == '__main__':
    sys.exit(main())
