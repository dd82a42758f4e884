"""Country and AS databases of the lab: MMDB in two schemas, and CSV that says the same."""

import csv
from pathlib import Path

from labkit import mmdb

_EUROPE = ("EU", 6255148, "Europe")
_AMERICA = ("NA", 6255149, "North America")
# ISO code: (geoname id, name, continent, in the European Union)
_COUNTRIES = {
    "FI": (660013, "Finland", _EUROPE, True),
    "GB": (2635167, "United Kingdom", _EUROPE, False),
    "IE": (2963597, "Ireland", _EUROPE, True),
    "SE": (2661886, "Sweden", _EUROPE, True),
    "US": (6252001, "United States", _AMERICA, False),
}


def _country(code):
    ident, name, _, in_eu = _COUNTRIES[code]
    out = {"geoname_id": ident, "iso_code": code, "names": {"en": name}}
    if in_eu:
        out["is_in_european_union"] = True
    return out


def _country_record(net):
    if net.country is None:
        return {"registered_country": _country(net.registered)}
    code, ident, name = _COUNTRIES[net.country][2]
    return {"continent": {"code": code, "geoname_id": ident, "names": {"en": name}},
            "country": _country(net.country), "registered_country": _country(net.registered)}


def write_country(networks, path):
    country = mmdb.Writer("GeoLite2-Country", "Lab countries")
    for net in networks:
        country.insert(net.net, _country_record(net))
    country.write(path)


def write_mmdbs(table, path, flat_path):
    path, flat_path = Path(path), Path(flat_path)
    path.mkdir(parents=True, exist_ok=True)
    flat_path.mkdir(parents=True, exist_ok=True)
    asn = mmdb.Writer("GeoLite2-ASN", "Lab autonomous systems")
    flat = mmdb.Writer("geo-whois-asn-country", "Lab countries, flat schema")
    for net in table.networks:
        flat.insert(net.net, {"country_code": net.country or net.registered})
        if net.asn:
            asn.insert(net.net, {"autonomous_system_number": net.asn,
                                 "autonomous_system_organization": net.as_name})
    write_country(table.networks, path / "GeoLite2-Country.mmdb")
    asn.write(path / "GeoLite2-ASN.mmdb")
    flat.write(flat_path / "geo-whois-asn-country.mmdb")


def _csv(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(header.split(","))
        out.writerows(rows)


def write_csvs(table, path):
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    for version in (4, 6):
        nets = [n for n in table.networks if n.net.version == version]
        _csv(path / f"GeoLite2-Country-Blocks-IPv{version}.csv",
             "network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,"
             "is_anonymous_proxy,is_satellite_provider,is_anycast",
             ([n.net, _COUNTRIES[n.country][0] if n.country else "",
               _COUNTRIES[n.registered][0], "", 0, 0, ""] for n in nets))
        _csv(path / f"GeoLite2-ASN-Blocks-IPv{version}.csv",
             "network,autonomous_system_number,autonomous_system_organization",
             ([n.net, n.asn, n.as_name] for n in nets if n.asn))
    rows = [[ident, "en", cont[0], cont[2], code, name, int(in_eu)]
            for code, (ident, name, cont, in_eu) in _COUNTRIES.items()]
    rows.append([_EUROPE[1], "en", "EU", "Europe", "", "", 0])
    _csv(path / "GeoLite2-Country-Locations-en.csv",
         "geoname_id,locale_code,continent_code,continent_name,country_iso_code,country_name,"
         "is_in_european_union", rows)
