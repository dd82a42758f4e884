/*
 * The config of a survey.
 *
 * One table in config.c names every key with its section, type, default and
 * bounds; parser, --dump-config, the manual's test and the example config's
 * test all read it.
 */
/* Layer: model */
#ifndef SURVEY_CONFIG_H
#define SURVEY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "survey/digest.h"
#include "survey/port.h"

/* The root's keys, of the package dns-root-data: the default of dns.trust_anchors. */
#define CONFIG_ROOT_KEY "/usr/share/dns/root.key"

enum scan_mode { SCAN_ZMAP, SCAN_LIST };
enum dns_mode { DNS_MANAGED, DNS_UNBOUND_DOT, DNS_UNBOUND, DNS_ADDRESS, DNS_SYSTEM };

struct config_list {
	char **v;
	size_t n;
};

struct config_upstream {
	char *address; /* address or address#port of a DoT resolver */
	char *hostname; /* name that its certificate must carry */
	char *pin; /* base64 of the SHA-256 of its SPKI, or "" */
	char *ca_file; /* PEM file to trust instead of the system's, or "" */
};

/* Published studies of a country took 150 packets and 10 hosts a second. */
enum { FAST_PPS = 10000, FAST_HOSTS = 200 };

/* More listeners of one's own tell nothing new. */
enum { CANARIES_MAX = 16 };

/* zmap 2.x knows no more shards; so many machines, too. */
enum { SHARDS_MAX = 254 };

struct config {
	char *path; /* of the file, absolute */
	char *text; /* what stands in it */
	int *lines; /* where each key was set; see config_line() */
	struct {
		char *name, *directory, *user, *metrics_file;
		struct config_list countries, targets, target_files, asns, allow_reserved;
		uint32_t *asn; /* run.asns as numbers */
		size_t nasns;
		long max_age_days;
		bool sandbox, compress;
	} run;
	struct {
		char *country_mmdb, *asn_mmdb, *csv;
	} geo;
	struct {
		int mode; /* enum scan_mode */
		char *list;
		long port, rate_pps, probes, shards, cooldown_s, seed;
		char *interface, *source_ip, *gateway_mac, *quiet_hours, *zmap;
		struct config_list block_files;
		char *opt_out_file;
		struct config_list canaries;
		long canary_interval_s, least_hits;
		int quiet_from_min,
		    quiet_to_min; /* of quiet_hours, after midnight, local time; -1 is none */
	} scan;
	struct {
		double rate_hosts, rate_per_24, rate_per_as;
		long in_flight, http_max_size, restarts;
		struct config_list ports; /* as written; see port */
		bool port[NPORTS]; /* by row of port_table: is it looked at? */
		struct config_list timeouts;
		long timeout_ms[NPORTS];
		char *user_agent, *ehlo, *zgrab2;
		bool all_ssh_host_keys, tls13, ehlo_override, drop_secrets, second_pass;
	} grab;
	struct {
		int mode; /* enum dns_mode */
		char *address, *root_hints, *unbound, *stubby;
		long window, rcvbuf, timeout_ms, tries;
		bool validate;
		struct config_list trust_anchors;
		struct config_upstream *upstreams;
		size_t nupstreams;
	} dns;
	struct {
		long pairs_up_to, max_line, threads;
	} analysis;
	struct {
		bool enable;
		char *memory; /* as written; see memory_bytes */
		uint64_t memory_bytes; /* 0: half of the machine's */
		struct config_list blocklists; /* "PATH" or "NAME=PATH", PATH absolute */
		struct config_list primes;
	} weak;
	struct {
		long full_up_to, workers, timeout_s, memory_mb;
		struct config_list formats;
	} graph;
	struct {
		char *title;
	} report;
	struct {
		char *smtp_probe;
	} doctor;
};

/*
 * Read a config file.  Paths in it are relative to its directory.  Returns
 * NULL after one message for each thing that is wrong, with file:line, the
 * key and what was expected.  Every value of a config that was read fits its
 * key by itself; whether they fit together is config_check()'s question.
 */
struct config *config_read(const char *path);
/* The same for len bytes of text (and a NUL) that stand for the file at path. */
struct config *config_parse(const char *text, size_t len, const char *path);
/*
 * Does the config as a whole describe a survey that may run?  Returns the
 * number of faults, after a message for each.  Touches no file.
 */
size_t config_check(const struct config *c);
/* Line at which a key is set; 0 when it has its default. */
int config_line(const struct config *c, const char *section, const char *name);
/* Log what is wrong with the value of a key, with file, line (if it is set) and name before it. */
void config_fault(const struct config *c, const char *section, const char *name, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
/*
 * SHA-256 of the values, defaults among them, that say what is surveyed and how: the same on all
 * machines that share a survey.  Left out are paths, programs, scan.interface, scan.source_ip and
 * scan.gateway_mac.
 */
void config_digest(const struct config *c, char digest[static DIGEST_SIZE]);
/*
 * A name in grab.user_agent that stands for somebody's own, as research.example
 * does: of a domain that RFC 2606 reserves.  Returns it, or NULL; *len is its length.
 */
const char *config_placeholder(const struct config *c, size_t *len);
/* Is scan.rate_pps or grab.rate_hosts far above what a study of a country needs? */
bool config_is_fast(const struct config *c);
/* True when the countries are just XX: any. */
bool config_any_country(const struct config *c);
void config_free(struct config *c);
/* All keys, one a line: section.key, type, default (tab-separated). */
void config_dump(FILE *out);

#endif
