#!/usr/bin/env python3
"""Write the small geo databases that the unit and golden tests read.

Needs mmdb_writer 0.2.7 and netaddr (PyPI): other writers refuse or drop
reserved networks.  The results are committed; run this again only to change
them.  One table of networks feeds the MMDBs and the CSVs, so both must give
the same list.

MaxMind's own files also reach the IPv4 tree through ::ffff:0:0/96, 2001::/32
and 2002::/16.  mmdb_writer does not build such aliases, so they are patched
into the tree afterwards (alias()).
"""
import csv
import os
import sys

from mmdb_writer import MMDBWriter
from netaddr import IPSet

HERE = os.path.dirname(os.path.abspath(__file__))
EPOCH = 1767225600              # 2026-01-01: the files must not depend on today

NAMES = {
    'IE': (2963597, 'Ireland'),
    'GB': (2635167, 'United Kingdom'),
    'US': (6252001, 'United States'),
    'DE': (2921044, 'Germany'),
}

# network, country or '', registered country or ''
COUNTRY = [
    ('5.10.0.0/24', 'IE', 'IE'),
    ('5.10.1.0/24', 'IE', 'GB'),        # merges with the one before
    ('5.10.2.0/23', 'GB', 'GB'),
    ('5.10.4.0/22', 'IE', 'IE'),
    ('5.10.8.0/21', '', 'IE'),          # registered only: counts as IE
    ('5.10.16.1/32', 'IE', 'IE'),
    ('5.10.16.2/31', 'IE', 'IE'),
    ('5.20.0.0/16', 'US', 'US'),
    ('5.30.0.0/16', '', ''),            # in the tree, no country at all
    ('10.1.0.0/16', 'IE', 'IE'),        # reserved: RFC 1918
    ('100.128.0.0/9', 'DE', 'DE'),
    ('198.17.0.0/16', 'IE', 'IE'),      # next to a reserved range
    ('198.18.0.0/16', 'IE', 'IE'),      # reserved: RFC 2544
    ('223.255.255.0/24', 'IE', 'IE'),   # last before multicast
    ('2a00:1::/32', 'IE', 'IE'),
    ('2a00:2::/31', 'IE', 'IE'),
    ('2a00:8::/29', 'GB', 'IE'),
    ('2a01:0:0:8000::/49', '', 'IE'),
    ('2001:db8::/32', 'IE', 'IE'),      # reserved: RFC 3849
]
ASN = [
    ('5.10.0.0/23', 64501, 'Example Alpha Ltd'),
    ('5.10.2.0/23', 64502, 'Beta "Quoted", Inc.'),
    ('5.10.4.0/22', 64501, 'Example Alpha Ltd'),
    ('5.20.0.0/16', 4200000001, 'Gamma \u2013 Telecom'),
    ('198.18.0.0/16', 64510, 'Bench'),
    ('2a00:1::/32', 64501, 'Example Alpha Ltd'),
]


def country(iso):
    geoname, name = NAMES[iso]
    return {'geoname_id': geoname, 'iso_code': iso, 'names': {'en': name}}


def maxmind(cc, reg):
    r = {'continent': {'code': 'EU', 'geoname_id': 6255148}}
    if cc:
        r['country'] = country(cc)
    if reg:
        r['registered_country'] = country(reg)
    return r


def save(w, path):
    w.to_db_file(path)
    # mmdb_writer stamps the present second into build_epoch (uint64).
    b = bytearray(open(path, 'rb').read())
    at = b.rindex(b'build_epoch') + len(b'build_epoch')
    n, kind = b[at] & 0x1f, b[at + 1]
    assert b[at] >> 5 == 0 and kind == 2 and n == 4, 'build_epoch is not a 4-byte uint64'
    b[at + 2:at + 6] = EPOCH.to_bytes(4, 'big')
    open(path, 'wb').write(b)


def build(path, rows, kind, ip_version=6, v4only=False):
    w = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type=kind,
                   languages=['en'], description={'en': 'survey test fixture'}, int_type='u32')
    for net, rec in rows:
        if not v4only or ':' not in net:
            w.insert_network(IPSet([net]), rec)
    save(w, path)


def alias(path):
    """Point ::ffff:0:0/96, 2001::/32 and 2002::/16 at the IPv4 tree (24-bit records)."""
    b = bytearray(open(path, 'rb').read())

    def rec(node, bit):
        return int.from_bytes(b[node * 6 + bit * 3:node * 6 + bit * 3 + 3], 'big')

    def put(node, bit, value):
        b[node * 6 + bit * 3:node * 6 + bit * 3 + 3] = value.to_bytes(3, 'big')

    v4 = 0
    for _ in range(96):
        v4 = rec(v4, 0)
    # Each alias prefix holds a marker record: follow its bits, redirect the last.
    for prefix, bits in ((0xffff << 32, 96), (0x20010000 << 96, 32), (0x2002 << 112, 16)):
        node = 0
        for i in range(bits - 1):
            node = rec(node, prefix >> (127 - i) & 1)
        put(node, prefix >> (128 - bits) & 1, v4)
    open(path, 'wb').write(b)


def write_csv():
    def writer(name, header):
        f = open(os.path.join(HERE, 'csv', name), 'w', encoding='utf-8')
        w = csv.writer(f, lineterminator='\n')
        w.writerow(header.split(','))
        return w

    for fam in ('4', '6'):
        w = writer(f'GeoLite2-Country-Blocks-IPv{fam}.csv',
                   'network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,'
                   'is_anonymous_proxy,is_satellite_provider,is_anycast')
        for net, cc, reg in COUNTRY:
            if (':' in net) == (fam == '6'):
                w.writerow([net, NAMES[cc][0] if cc else '', NAMES[reg][0] if reg else '', '', 0, 0, ''])
        w = writer(f'GeoLite2-ASN-Blocks-IPv{fam}.csv',
                   'network,autonomous_system_number,autonomous_system_organization')
        for net, asn, org in ASN:
            if (':' in net) == (fam == '6'):
                w.writerow([net, asn, org])
    w = writer('GeoLite2-Country-Locations-en.csv',
               'geoname_id,locale_code,continent_code,continent_name,country_iso_code,country_name,'
               'is_in_european_union')
    for cc, (geoname, name) in NAMES.items():
        w.writerow([geoname, 'en', 'EU', 'Europe', cc, name, int(cc in ('IE', 'DE'))])
    w.writerow([6255148, 'en', 'EU', 'Europe', '', '', 0])


def main():
    os.makedirs(os.path.join(HERE, 'mmdb'), exist_ok=True)
    os.makedirs(os.path.join(HERE, 'csv'), exist_ok=True)
    m = os.path.join(HERE, 'mmdb')
    rows = [(net, maxmind(cc, reg)) for net, cc, reg in COUNTRY]
    marks = [(n, {'alias': n}) for n in ('::ffff:0:0/96', '2002::/16')]
    # 2001::/32 lies beside 2001:db8::/32, so it needs a marker of its own too.
    marks.append(('2001::/32', {'alias': '2001::/32'}))
    build(os.path.join(m, 'GeoLite2-Country.mmdb'), rows + marks, 'GeoLite2-Country')
    alias(os.path.join(m, 'GeoLite2-Country.mmdb'))
    build(os.path.join(m, 'GeoLite2-ASN.mmdb'),
          [(n, {'autonomous_system_number': a, 'autonomous_system_organization': o}) for n, a, o in ASN],
          'GeoLite2-ASN')
    flat = [(net, {'country_code': cc or reg}) for net, cc, reg in COUNTRY if cc or reg]
    os.makedirs(os.path.join(HERE, 'ipdb'), exist_ok=True)
    build(os.path.join(HERE, 'ipdb', 'geo-whois-asn-country.mmdb'), flat, 'country ipvAll')
    os.makedirs(os.path.join(HERE, 'v4only'), exist_ok=True)
    build(os.path.join(HERE, 'v4only', 'GeoLite2-Country.mmdb'), rows, 'GeoLite2-Country', 4, True)
    write_csv()


if __name__ == '__main__':
    sys.exit(main())
