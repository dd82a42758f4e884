/*
 * The schema of survey.db; docs/database.md explains it.  Plain rowid tables only:
 * DuckDB's scanner reads no others.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

static const char store_tables[] =
    "CREATE TABLE runs ("
    "  id INTEGER PRIMARY KEY, name TEXT, program TEXT, source TEXT, countries TEXT,"
    "  began TEXT, ended TEXT, scan_date TEXT, config_sha256 TEXT, seed INTEGER,"
    "  shard INTEGER, shards INTEGER, tools TEXT, pairs_up_to INTEGER, lines INTEGER NOT NULL,"
    "  refused INTEGER NOT NULL, hosts INTEGER NOT NULL, hosts_in INTEGER NOT NULL,"
    "  clusters INTEGER NOT NULL);"
    "CREATE TABLE hosts ("
    "  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, ip TEXT NOT NULL,"
    "  ip_record INTEGER NOT NULL, country TEXT, asn INTEGER, as_name TEXT,"
    "  as_own INTEGER NOT NULL, writer TEXT, time TEXT, out TEXT,"
    "  cluster INTEGER REFERENCES clusters, csize INTEGER, nrcs INTEGER, verdict TEXT NOT NULL,"
    "  rdns TEXT, ptr INTEGER REFERENCES dns);"
    "CREATE TABLE keys ("
    "  id INTEGER PRIMARY KEY, fp TEXT, ssh_fp TEXT, kind TEXT NOT NULL, hosts INTEGER NOT NULL,"
    "  public_key TEXT NOT NULL, type TEXT, bits INTEGER, curve TEXT,"
    "  modulus BLOB, exponent BLOB, point BLOB);"
    "CREATE TABLE certs ("
    "  id INTEGER PRIMARY KEY, sha256 TEXT, key INTEGER NOT NULL REFERENCES keys, serial TEXT,"
    "  subject TEXT, issuer TEXT, not_before TEXT, not_after TEXT, self_signed INTEGER);"
    "CREATE TABLE host_ports ("
    "  host INTEGER NOT NULL REFERENCES hosts, port INTEGER NOT NULL, grab TEXT NOT NULL,"
    "  key INTEGER REFERENCES keys, cert INTEGER REFERENCES certs, version TEXT,"
    "  cipher_suite INTEGER, key_type TEXT, key_bits INTEGER, curve TEXT,"
    "  browser_trusted INTEGER, timely INTEGER, software TEXT, kex TEXT, time TEXT);"
    "CREATE TABLE outcomes ("
    "  host INTEGER NOT NULL REFERENCES hosts, port INTEGER NOT NULL, outcome TEXT NOT NULL);"
    "CREATE TABLE names ("
    "  host INTEGER NOT NULL REFERENCES hosts, key TEXT NOT NULL, name TEXT NOT NULL,"
    "  verdict TEXT, address TEXT, answer INTEGER REFERENCES dns, reversed TEXT);"
    "CREATE TABLE dns ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, outcome TEXT NOT NULL,"
    "  answers TEXT, at TEXT, ms INTEGER);"
    "CREATE TABLE clusters ("
    "  id INTEGER PRIMARY KEY, size INTEGER NOT NULL, keys INTEGER NOT NULL,"
    "  shared_keys INTEGER NOT NULL, ases INTEGER NOT NULL);"
    "CREATE TABLE cluster_keys ("
    "  cluster INTEGER NOT NULL REFERENCES clusters, key INTEGER NOT NULL REFERENCES keys,"
    "  hosts INTEGER NOT NULL);";

/* What people ask.  None of them shows a host that takes no part. */
static const char store_views[] =
    "CREATE VIEW cluster_hosts AS"
    " SELECT h.cluster, c.size, h.id AS host, h.ip, h.asn, h.as_name, h.country, h.rdns,"
    "  h.verdict, h.nrcs"
    " FROM hosts h JOIN clusters c ON c.id = h.cluster WHERE h.out IS NULL;"
    "CREATE VIEW shared_keys AS"
    " SELECT k.id AS key, k.fp, k.ssh_fp, k.kind, k.type, k.bits, k.hosts, u.cluster, u.ases,"
    "  u.as_names"
    " FROM keys k JOIN ("
    "  SELECT key, min(cluster) AS cluster, count(DISTINCT asn) AS ases,"
    "   group_concat(DISTINCT as_name) AS as_names"
    "  FROM (SELECT DISTINCT p.key AS key, h.cluster AS cluster, h.asn AS asn, h.as_name AS as_name"
    "   FROM host_ports p JOIN hosts h ON h.id = p.host"
    "   WHERE h.out IS NULL AND p.key IS NOT NULL) AS shown"
    "  GROUP BY key) AS u ON u.key = k.id"
    " WHERE k.hosts > 1;"
    "CREATE VIEW name_checks AS"
    " SELECT h.id AS host, h.ip, h.cluster, n.key AS source, n.name, n.verdict, n.address"
    " FROM names n JOIN hosts h ON h.id = n.host WHERE h.out IS NULL;"
    "CREATE VIEW port_facts AS"
    " SELECT h.id AS host, h.ip, h.asn, h.as_name, h.cluster, p.port, p.grab, k.id AS key, k.fp,"
    "  k.ssh_fp, k.kind, k.hosts AS key_hosts, p.version, p.cipher_suite, p.key_type, p.key_bits,"
    "  p.curve, p.browser_trusted, p.timely, p.software, p.kex, p.time, c.sha256 AS cert_sha256,"
    "  c.serial, c.subject, c.issuer, c.not_before, c.not_after, c.self_signed"
    " FROM host_ports p JOIN hosts h ON h.id = p.host JOIN keys k ON k.id = p.key"
    "  LEFT JOIN certs c ON c.id = p.cert"
    " WHERE h.out IS NULL;";

/* Made after the rows: a sorted build is faster than upkeep. */
static const char store_indices[] = "CREATE INDEX hosts_ip ON hosts (ip);"
				    "CREATE INDEX hosts_asn ON hosts (asn);"
				    "CREATE INDEX hosts_cluster ON hosts (cluster);"
				    "CREATE INDEX keys_fp ON keys (fp);"

				    "CREATE INDEX certs_sha256 ON certs (sha256);"
				    "CREATE INDEX certs_serial ON certs (serial);"
				    "CREATE INDEX host_ports_host ON host_ports (host);"
				    "CREATE INDEX host_ports_key ON host_ports (key);"
				    "CREATE INDEX outcomes_host ON outcomes (host);"
				    "CREATE INDEX names_host ON names (host);"

				    "CREATE INDEX names_reversed ON names (reversed);"

				    "CREATE INDEX cluster_keys_cluster ON cluster_keys (cluster);"
				    "CREATE INDEX cluster_keys_key ON cluster_keys (key);";

#endif
