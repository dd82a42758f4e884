#!/usr/bin/env python3
"""Databases of every maker: geo, analyze and doctor find the same facts in them, or say why not.

usage: databases.py SURVEY

The first rows of DATABASES are samples of what the makers distribute, the rest their
neighbours: one thing is different in each.  A fact is (country, AS number, AS name).
"""
import ipaddress
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / 'lab'))
sys.dont_write_bytecode = True

from labkit.mmdb import U16, Writer  # noqa: E402

SURVEY = sys.argv[1]
TMP = pathlib.Path(tempfile.mkdtemp())
NOTHING = (None, None, None)
IE = {'geoname_id': 2963597, 'iso_code': 'IE', 'is_in_european_union': True, 'names': {'en': 'Ireland'}}
EU = {'code': 'EU', 'geoname_id': 6255148, 'names': {'en': 'Europe'}}


def one(record):
    return [('62.0.0.0/16', record)]


# file, database_type, networks with records, facts by address
DATABASES = [
    ('ipinfo_country_asn', 'ipinfo country_asn.mmdb', [
        ('9.9.9.0/24', {'country': 'US', 'country_name': 'United States', 'continent': 'NA',
                        'asn': 'AS19281', 'as_name': 'Quad9', 'as_domain': 'quad9.net'}),
        ('62.0.0.0/16', {'country': 'IE', 'country_name': 'Ireland', 'continent': 'EU',
                         'asn': 'AS64500', 'as_name': 'Test'})],
     {'9.9.9.9': ('US', 19281, 'Quad9'), '62.0.0.1': ('IE', 64500, 'Test'), '9.9.8.1': NOTHING}),
    ('ipinfo_lite', 'ipinfo ipinfo_lite.mmdb', [
        ('9.9.9.0/24', {'country_code': 'US', 'country': 'United States', 'asn': 'AS19281',
                        'as_name': 'Quad9'}),
        ('62.0.0.0/16', {'country_code': 'IE', 'country': 'Ireland', 'asn': 'AS64500', 'as_name': 'Test'})],
     {'9.9.9.9': ('US', 19281, 'Quad9'), '62.0.0.1': ('IE', 64500, 'Test')}),
    ('ip-to-country', 'ip-to-country', one({'country_code': 'IE', 'country_name': 'Ireland'}),
     {'62.0.0.1': ('IE', None, None)}),
    ('ip-to-asn', 'ip-to-asn', one({'asn': '64500', 'name': 'TEST', 'org': 'Test Ltd'}),
     {'62.0.0.1': (None, 64500, 'Test Ltd')}),
    ('ipinfo_asn', 'ipinfo asn.mmdb', one({'asn': 'AS64500', 'name': 'Test Ltd', 'domain': 'site.test'}),
     {'62.0.0.1': (None, 64500, 'Test Ltd')}),
    ('dbip-country-lite', 'DBIP-Country-Lite', [
        ('62.0.0.0/16', {'continent': EU, 'country': IE}),
        ('62.1.0.0/16', {'continent': {'code': 'EU'}, 'country': {'iso_code': 'ZZ', 'names': {'en': '?'}}})],
     {'62.0.0.1': ('IE', None, None), '62.1.0.1': NOTHING}),
    ('dbip-asn-lite', 'DBIP-ASN-Lite (compat=GeoLite2-ASN)', one(
        {'autonomous_system_number': 64500, 'autonomous_system_organization': 'Test Ltd'}),
     {'62.0.0.1': (None, 64500, 'Test Ltd')}),
    ('geolite-odd', 'GeoLite2-Country', [
        ('62.0.0.0/24', {'registered_country': IE}),
        ('62.0.1.0/24', {'continent': EU, 'registered_country': {'iso_code': 'DE'}}),
        ('62.0.2.0/24', {'continent': EU}),
        ('62.0.3.0/24', {'country': IE, 'registered_country': {'iso_code': 'US'},
                         'traits': {'is_anycast': True}}),
        ('62.0.4.0/24', {'country': {'iso_code': 'AE'}, 'registered_country': {'iso_code': 'AE'},
                         'represented_country': {'iso_code': 'US', 'type': 'military'}}),
        ('62.0.5.0/24', {'country': {'names': {'en': 'Nowhere'}}, 'registered_country': IE}),
        ('62.0.6.0/24', {'country': {'iso_code': ''}, 'registered_country': IE}),
        ('62.0.7.0/24', {'country': {'iso_code': 'EU'}}), ('62.0.8.0/24', {'country': {'iso_code': 'AP'}}),
        ('62.0.9.0/24', {'country': {'iso_code': 'A1'}}), ('62.0.10.0/24', {'country': {'iso_code': 'UK'}})],
     {f'62.0.{i}.1': (cc, None, None) for i, cc in enumerate(
         ('IE', 'DE', None, 'IE', 'AE', 'IE', 'IE', 'EU', 'AP', 'A1', 'UK'))}),

    # The AS of such a list may be registered elsewhere: that is no place of the address.
    ('ip-to-asn-abroad', 'ip-to-asn', one({'asn': 64500, 'country_code': 'US', 'name': 'TEST',
                                           'org': 'Test Ltd', 'domain': 'site.test'}),
     {'62.0.0.1': (None, 64500, 'Test Ltd')}),
    ('asn-abroad', 'whatever', one({'asn': 'as64500', 'country': 'US', 'name': 'Test'}),
     {'62.0.0.1': (None, 64500, 'Test')}),
    ('lite-lower', 'LITE', one({'country_code': 'ie', 'country': 'Ireland', 'asn': 'AS0', 'as_name': ''}),
     {'62.0.0.1': ('IE', None, None)}),
    ('lite-empty', 'x', [
        *one({'country_code': 'IE', 'country': 'Ireland', 'asn': 'AS64500', 'as_name': 'T\u00e9st'}),
        ('62.1.0.0/16', {'country_code': 'IE', 'country': 'Ireland', 'asn': '', 'as_name': ''})],
     {'62.0.0.1': ('IE', 64500, 'T\u00e9st'), '62.1.0.1': ('IE', None, None)}),
    ('numbers', 'ASN', [('62.0.0.0/24', {'autonomous_system_number': U16(500)}),
                        ('62.0.1.0/24', {'autonomous_system_number': '4200000001'}),
                        ('62.0.2.0/24', {'autonomous_system_number': 0}),
                        ('2a00:1::/32', {'autonomous_system_number': 4200000001})],
     {'62.0.0.1': (None, 500, None), '62.0.1.1': (None, 4200000001, None), '62.0.2.1': NOTHING,
      '2a00:1::1': (None, 4200000001, None)}),
    ('enterprise', 'GeoIP2-Enterprise', one({'country': IE, 'traits': {
        'autonomous_system_number': 64500, 'autonomous_system_organization': 'Test'}}),
     {'62.0.0.1': ('IE', 64500, 'Test')}),
    ('ip-location-db', 'country ipvAll', [('62.0.0.0/16', {'country_code': 'IE'}),
                                          ('2a00:1::/32', {'country_code': 'GB'})],
     {'62.0.0.1': ('IE', None, None), '2a00:1::1': ('GB', None, None)}),
]

ASN4 = '62.0.0.0,62.0.255.255,64500,"Test, Ltd"\n62.1.0.0,62.1.0.255,64501,Other\n'
ASN_FACTS = {'62.0.0.1': (None, 64500, 'Test, Ltd'), '62.1.0.1': (None, 64501, 'Other'), '62.1.1.0': NOTHING}
LEGACY = ''.join(f'"62.0.{i}.0","62.0.{i}.255","{1040187392 + 256 * i}","{1040187647 + 256 * i}","{cc}","{name}"\n'
                 for i, (cc, name) in enumerate((('IE', 'Ireland'), ('A1', 'Anonymous Proxy'),
                                                 ('A2', 'Satellite Provider'), ('EU', 'Europe'),
                                                 ('AP', 'Asia/Pacific Region'), ('O1', 'Other Country'))))

# file, text, facts by address
CSVS = [
    ('country', '62.0.0.0,62.0.255.255,IE\n2a00:1::,2a00:1:ffff:ffff:ffff:ffff:ffff:ffff,GB\n',
     {'62.0.0.1': ('IE', None, None), '2a00:1::1': ('GB', None, None), '62.1.0.0': NOTHING}),
    ('asn', ASN4, ASN_FACTS),
    ('asn-crlf', '\ufeff' + ASN4.replace('\n', '\r\n'), ASN_FACTS),
    ('asn-unsorted', ''.join(reversed(ASN4.splitlines(True))), ASN_FACTS),
    ('country-num', '1040187392,1040252927,IE\n'
     '55827575902194629176224234125318422528,55827575981422791690488571718862372863,GB\n',
     {'62.0.0.1': ('IE', None, None), '62.0.255.255': ('IE', None, None), '62.1.0.0': NOTHING,
      '2a00:1::1': ('GB', None, None), '2a00:1:ffff:ffff:ffff:ffff:ffff:ffff': ('GB', None, None),
      '2a00:2::': NOTHING}),
    ('asn-num', '1040187392,1040252927,64500,Test\n', {'62.0.0.1': (None, 64500, 'Test')}),
    ('legacy', LEGACY, {f'62.0.{i}.1': (cc, None, None)
                        for i, cc in enumerate(('IE', 'A1', 'A2', 'EU', 'AP', 'O1'))}),
    # A continent is no country: AS, NA, SA, AF are codes of countries, too.
    ('dbip-city-lite', '0.0.0.0,0.255.255.255,ZZ,ZZ,,,0,0\n62.0.0.0,62.0.0.255,EU,IE,Leinster,Dublin,53,-6\n'
     '62.0.1.0,62.0.1.255,AS,CN,Fujian,Wenquan,26,119\n',
     {'62.0.0.1': ('IE', None, None), '62.0.1.1': ('CN', None, None), '0.0.0.1': NOTHING}),
    ('ip-location-db-city', '62.0.0.0,62.0.0.255,IE,Leinster,,Dublin,,53,-6,\n'
     '62.0.1.0,62.0.1.255,AS,,,Pago,,1,1,\n',
     {'62.0.0.1': ('IE', None, None), '62.0.1.1': ('AS', None, None)}),
    ('ip2location', '"0","16777215","-","-"\n"1040187392","1040252927","IE","Ireland"\n',
     {'62.0.0.1': ('IE', None, None), '0.0.0.1': NOTHING}),
    ('ip2location-v6', '"0","281470681743359","-","-"\n"281471721930752","281471721996287","IE","Ireland"\n'
     '"55827575902194629176224234125318422528","55827575981422791690488571718862372863","GB","United Kingdom"\n',
     {'62.0.0.1': ('IE', None, None), '2a00:1::1': ('GB', None, None), '::1': NOTHING}),
    ('ip2location-asn', '"1040187392","1040252927","62.0.0.0/16","64500","Test"\n',
     {'62.0.0.1': (None, 64500, 'Test')}),
    ('ipinfo_lite', 'network,country,country_code,continent,continent_code,asn,as_name,as_domain\n'
     '62.0.0.0/16,Ireland,IE,Europe,EU,AS64500,"Test, Ltd",site.test\n62.1.0.0/16,Ireland,IE,Europe,EU,,,\n',
     {'62.0.0.1': ('IE', 64500, 'Test, Ltd'), '62.1.0.1': ('IE', None, None)}),
    ('ipinfo_country_asn', 'start_ip,end_ip,country,country_name,continent,continent_name,asn,as_name,as_domain\n'
     '62.0.0.0,62.0.255.255,IE,Ireland,EU,Europe,AS64500,Test,\n', {'62.0.0.1': ('IE', 64500, 'Test')}),
    ('iplocate-country', 'network,continent_code,country_code,country_name\n62.0.0.0/16,EU,IE,Ireland\n',
     {'62.0.0.1': ('IE', None, None)}),
    ('iplocate-asn', 'network,asn,country_code,name,org,domain\n62.0.0.0/16,64500,US,TEST,Test Ltd,site.test\n',
     {'62.0.0.1': (None, 64500, 'Test Ltd')}),
    ('studies', 'network,geoname_id,country_iso_code,country_name\n62.0.0.0/16,1,IE,Ireland\n62.1.0.0/16,,,\n',
     {'62.0.0.1': ('IE', None, None), '62.1.0.1': NOTHING}),
]

# A folder of files and what is found in it.
BLOCKS = ('network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,'
          'is_anonymous_proxy,is_satellite_provider,postal_code,latitude,longitude,accuracy_radius,is_anycast\n')
CITIES = ('geoname_id,locale_code,continent_code,continent_name,country_iso_code,country_name,'
          'subdivision_1_iso_code,city_name\n')
CITY = {'GeoLite2-City-Blocks-IPv4.csv': BLOCKS + '62.0.0.0/24,11,1,,0,0,D02,53,-6,5,\n62.0.1.0/24,,2,,0,0,,,,,\n',
        'GeoLite2-City-Blocks-IPv6.csv': BLOCKS + '2a00:1::/32,12,1,,0,0,,,,,\n',
        'GeoLite2-City-Locations-de.csv': CITIES + '11,de,EU,Europa,IE,Irland,L,Dublin\n'
        '12,de,EU,Europa,GB,"Vereinigtes K\u00f6nigreich",,\n2,de,EU,Europa,DE,Deutschland,,\n'}
CITY_FACTS = {'62.0.0.1': ('IE', None, None), '62.0.1.1': ('DE', None, None), '2a00:1::1': ('GB', None, None)}
FOLDERS = [
    ('city', CITY, CITY_FACTS),
    ('city-archive', {'GeoLite2-City-CSV_20260601/' + f: t for f, t in CITY.items()}, CITY_FACTS),
    # The newer one of two, and the country's files rather than the cities'.
    ('archives', {**{'GeoLite2-City-CSV_20260601/' + f: t for f, t in CITY.items()}, **{
        f'GeoLite2-Country-CSV_{day}/GeoLite2-Country-{f}.csv': text for day, cc in
        (('20260115', 'FR'), ('20260201', 'IE')) for f, text in
        (('Blocks-IPv4', 'network,geoname_id,registered_country_geoname_id\n62.0.0.0/16,7,7\n'),
         ('Locations-en', f'geoname_id,country_iso_code,country_name\n7,{cc},x\n'))}},
     {'62.0.0.1': ('IE', None, None), '62.0.1.1': ('IE', None, None), '2a00:1::1': NOTHING}),
    # Two families in two files; numbers say the same again, and other countries are in a newer month's file.
    ('pairs', {'asn-ipv4.csv': ASN4, 'asn-ipv6.csv': '2a00:1::,2a00:1::ffff,64502,Six\n',
               'asn-ipv4-num.csv': '1040187392,1040252927,1,Wrong\n',
               'dbip-country-lite-2026-05.csv': '62.0.0.0,62.0.255.255,FR\n',
               'dbip-country-lite-2026-06.csv': '62.0.0.0,62.0.255.255,IE\n', 'README.csv': 'hello\n'},
     {'62.0.0.1': ('IE', 64500, 'Test, Ltd'), '2a00:1::1': (None, 64502, 'Six')}),
]

# What is refused, as what, and what is said.
REFUSED = [
    ('names.mmdb', ('Country', one({'country': 'Ireland', 'continent': {'code': 'EU'}})), 'country',
     'has neither country codes nor AS numbers; its records hold country, continent{code}'),
    ('no-numbers.mmdb', ('GeoLite2-ASN', one({'autonomous_system_organization': 'Test'})), 'asn',
     'has neither country codes nor AS numbers; its records hold autonomous_system_organization'),
    ('handles.mmdb', ('ASN', one({'asn': 'TEST-AS', 'name': 'Test'})), 'asn', 'has neither country codes nor AS numbers; its records hold asn, name'),
    ('country.mmdb', ('GeoLite2-Country', one({'country': IE})), 'asn',
     'has no AS numbers but country codes; its records hold country{geoname_id, iso_code'),
    ('asn.mmdb', ('GeoLite2-ASN', one({'autonomous_system_number': 1})), 'country',
     'has no country codes but AS numbers; its records hold autonomous_system_number'),
    ('escape.mmdb', ('x', one({'a\x1b[31mb': 1, 'c\u202ed': {'e\n': 2}})), 'country', 'its records hold a\ufffd[31mb, c'),
    ('many.mmdb', ('x', one({f'm{i}': i for i in range(200)})), 'asn', 'm19, \u2026'),
    ('rarely.mmdb', ('x', [(f'62.0.{i}.0/24', {'country_code': 'IE'} if i == 0 else {'x': 1})
                           for i in range(256)]), 'country', 'has neither country codes nor AS numbers; its records hold'),
    ('country.csv', '62.0.0.0,62.0.255.255,Ireland\n', 'country', 'no database that is known'),
    ('asn.csv', ASN4, 'country', 'has no country codes but AS numbers; its first row is 62.0.0.0, 62.0.255.255, 64500'),
    ('cc.csv', '62.0.0.0,62.0.255.255,IE\n', 'asn', 'has no AS numbers but country codes'),
    ('page.csv', '<!DOCTYPE html>\n<html>\n', 'country', 'it begins "<!DOCTYPE html>"'),
    ('headed.csv', 'network,who\n62.0.0.0/16,me\n', 'country', 'its columns are network, who'),
    ('places.csv', CITIES + '11,de,EU,Europa,IE,Irland,L,Dublin\n', 'country', 'it names places'),
    ('lonely.csv', BLOCKS + '62.0.0.0/24,11,1,,0,0,D02,53,-6,5,\n', 'country', 'no Locations file beside it'),
    ('empty.csv', '', 'country', 'the file is empty'),
]

# Damaged on purpose: what geo makes of each, and its exit status.
HOSTILE = {'all': (0, ''), 'v4only': (0, ''), 'cc': (2, 'has neither country codes nor AS numbers; its records hold country{iso_code}'),
           'dagbomb': (1, 'the search tree is damaged at node'), 'dagbomb4': (1, 'the search tree is damaged at node'),
           'loop': (2, 'its search tree is empty or damaged'), 'ptrloop': (2, 'has neither country codes')}

FINGERPRINT = '559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd'
bad = []


def survey(*args):
    return subprocess.run([SURVEY, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120)


def write_mmdb(path, kind, networks):
    writer = Writer(kind, 'made for a test')
    for net, record in networks:
        writer.insert(net, record)
    writer.write(path)


def listed(path, *query):
    """The networks that geo prints."""
    p = survey('geo', '-m', path, '--allow-reserved', '0.0.0.0/0', '--allow-reserved', '::/0', *query)
    if p.returncode not in (0, 1):
        bad.append(f'{path.name} {query}: {p}')
    return [ipaddress.ip_network(n) for n in p.stdout.split()]


def check_geo(path, facts):
    for what, at in (('-c', 0), ('-a', 1)):
        for value in {f[at] for f in facts.values()} - {None}:
            nets = listed(path, what, value)
            for ip, fact in facts.items():
                if any(ipaddress.ip_address(ip) in n for n in nets) != (fact[at] == value):
                    bad.append(f'{path.name}: geo {what} {value} is wrong about {ip}: {nets}')


def check_analyze(path, facts):
    records, out = TMP / 'records', TMP / 'out'
    key = {'algorithm': 'ssh-ed25519', 'fingerprint_sha256': FINGERPRINT}
    records.write_text(''.join(json.dumps({'ip': ip, 'p22': {'data': {'ssh': {'status': 'success', 'result': {
        'key_exchange': {'server_host_key': key}}}}}}) + '\n' for ip in facts))
    p = survey('analyze', records, '-m', path, '-c', 'XX', '-o', out)
    if p.returncode != 0:
        bad.append(f'{path.name}: analyze: {p.stderr}')
        return
    got = {row[0]: row[1:] for row in sqlite3.connect(out / 'survey.db').execute(
        'SELECT ip, country, asn, as_name FROM hosts')}
    for ip, fact in facts.items():
        if got.get(ip) != fact:
            bad.append(f'{path.name}: analyze has {got.get(ip)} for {ip}, not {fact}')
    shutil.rmtree(out)


def doctor(**geo):
    """The doctor's lines about databases."""
    conf = TMP / 'survey.conf'
    keys = ''.join(f'\t{k} = "{v}"\n' for k, v in geo.items())
    conf.write_text(f'run {{ countries = {{"IE"}} }}\ngeo {{\n{keys}}}\nscan {{ mode = list list = "{conf}" }}\n')
    return [line for line in survey('doctor', conf).stdout.splitlines()
            if line[6:].startswith(('databases', 'country', 'AS database'))]


def check_doctor(path, facts):
    """What geo and analyze take is right for a run as well."""
    for key, what, at in (('country_mmdb', 'country database', 0), ('asn_mmdb', 'AS database', 1)):
        lines = doctor(**{key: path})
        fits = any(f[at] is not None for f in facts.values())
        said = [line for line in lines if f'{what}' in line and str(path) in line and not line.startswith('fail')]
        if fits != bool(said) or fits == any(line.startswith('fail  databases') for line in lines):
            bad.append(f'{path.name}: doctor, {key}: {lines}')


def check_all(path, facts):
    check_geo(path, facts)
    check_analyze(path, facts)
    if path.is_file():
        check_doctor(path, facts)


def main():
    for name, kind, networks, facts in DATABASES:
        path = TMP / f'{name}.mmdb'
        write_mmdb(path, kind, networks)
        check_all(path, facts)
    for name, text, facts in CSVS:
        path = TMP / f'{name}.csv'
        path.write_text(text, newline='')
        check_all(path, facts)
    for name, files, facts in FOLDERS:
        folder = TMP / name
        for f, text in files.items():
            (folder / f).parent.mkdir(parents=True, exist_ok=True)
            (folder / f).write_text(text)
        check_all(folder, facts)
        if any(f[0] for f in facts.values()) and not any(
                line.startswith('ok    country  ') for line in doctor(csv=folder)):
            bad.append(f'{name}: doctor, geo.csv: {doctor(csv=folder)}')
    # Rows with codes that are no letters come back from the legacy file as they went in.
    p = survey('geo', '--legacy', TMP / 'legacy.csv', '--write-legacy', TMP / 'again.csv')
    if p.returncode != 0 or (TMP / 'again.csv').read_text() != LEGACY:
        bad.append(f'legacy: {p} {(TMP / "again.csv").read_text()}')
    refused = TMP / 'refused'
    refused.mkdir()
    for name, what, kind, text in REFUSED:
        (refused / name).parent.mkdir(exist_ok=True)
        if isinstance(what, str):
            (refused / name).write_text(what)
        else:
            write_mmdb(refused / name, *what)
        lines = doctor(**{f'{kind}_mmdb': refused / name})
        p = survey('geo', '-m', refused / name, *(('-c', 'IE') if kind == 'country' else ('-a', '1')))
        for where, said in (('doctor', '\n'.join(l for l in lines if l.startswith('fail'))), ('geo', p.stderr)):
            if text not in said or str(refused / name) not in said:
                bad.append(f'{name}: {where} says {said!r}, not {text!r}')
        if p.returncode not in (1, 2) or p.stdout:
            bad.append(f'{name}: geo: {p}')
    for name, (status, text) in HOSTILE.items():
        p = survey('geo', '-m', HERE / 'hostile' / f'{name}.mmdb')
        if p.returncode != status or text not in p.stderr or '\x1b' in p.stderr:
            bad.append(f'{name}: {p}')
    shutil.rmtree(TMP)
    print('\n'.join(bad) or f'{len(DATABASES) + len(CSVS) + len(FOLDERS)} databases are read, '
          f'{len(REFUSED) + len(HOSTILE)} looked through')
    return 1 if bad else 0


if __name__ == '__main__':
    os.environ['TZ'] = 'UTC'
    sys.exit(main())
