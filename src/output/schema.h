/* The schema of survey.db; docs/survey-db.md explains it. */
#ifndef OUTPUT_SCHEMA_H
#define OUTPUT_SCHEMA_H

static const char db_schema[] =
    "CREATE TABLE runs ("
    "  id INTEGER PRIMARY KEY, program TEXT NOT NULL, source TEXT, countries TEXT, scan_date TEXT,"
    "  lines INTEGER NOT NULL, refused INTEGER NOT NULL, hosts INTEGER NOT NULL,"
    "  hosts_in INTEGER NOT NULL, clusters INTEGER NOT NULL);"
    "CREATE TABLE hosts ("
    "  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, ip TEXT NOT NULL,"
    "  ip_record INTEGER NOT NULL, country TEXT, asn INTEGER, as_name TEXT, writer TEXT, time TEXT,"
    "  out TEXT, cluster INTEGER REFERENCES clusters, csize INTEGER, nrcs INTEGER,"
    "  verdict TEXT NOT NULL, rdns TEXT);"
    "CREATE TABLE keys (id INTEGER PRIMARY KEY, fp TEXT NOT NULL, kind TEXT NOT NULL, hosts "
    "INTEGER NOT NULL);"
    "CREATE TABLE host_ports ("
    "  host INTEGER NOT NULL REFERENCES hosts, port INTEGER NOT NULL, grab TEXT NOT NULL,"
    "  key INTEGER REFERENCES keys, version TEXT, cipher_suite INTEGER, key_type TEXT, key_bits "
    "INTEGER,"
    "  curve TEXT, browser_trusted INTEGER, self_signed INTEGER, timely INTEGER, not_before TEXT,"
    "  not_after TEXT, issuer TEXT, software TEXT, kex TEXT, time TEXT,"
    "  PRIMARY KEY (host, port, grab)) WITHOUT ROWID;"
    "CREATE TABLE names ("
    "  host INTEGER NOT NULL REFERENCES hosts, key TEXT NOT NULL, name TEXT NOT NULL, verdict TEXT,"
    "  PRIMARY KEY (host, key)) WITHOUT ROWID;"
    "CREATE TABLE dns ("
    "  name TEXT NOT NULL, type TEXT NOT NULL, outcome TEXT NOT NULL, answers TEXT, at TEXT, ms "
    "INTEGER,"
    "  PRIMARY KEY (name, type)) WITHOUT ROWID;"
    "CREATE TABLE clusters ("
    "  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, size INTEGER NOT NULL,"
    "  keys INTEGER NOT NULL, shared_keys INTEGER NOT NULL, ases INTEGER NOT NULL);"
    "CREATE TABLE cluster_keys ("
    "  cluster INTEGER NOT NULL REFERENCES clusters, key INTEGER NOT NULL REFERENCES keys,"
    "  hosts INTEGER NOT NULL, PRIMARY KEY (cluster, key)) WITHOUT ROWID;";

/* Made after the rows: a sorted build is faster than upkeep. */
static const char db_indices[] = "CREATE INDEX hosts_ip ON hosts (ip);"
				 "CREATE INDEX hosts_asn ON hosts (asn);"
				 "CREATE INDEX hosts_cluster ON hosts (cluster);"
				 "CREATE INDEX host_ports_key ON host_ports (key);"
				 "CREATE INDEX keys_fp ON keys (fp);"
				 "CREATE INDEX names_name ON names (name);";

#endif
