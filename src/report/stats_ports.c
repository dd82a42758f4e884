/* Pure: tables of host/ports: answers, versions, servers, keys, suites, certificates, names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/port.h"
#include "survey/text.h"

#include "stats.h"
#include "stats_tables.h"
#include "suites.h"

#define SUITES_MAX 80
#define WILDCARD "with a wildcard name"
#define WILDCARD_STUDIES "with a wildcard name, trusted by browsers (as the studies count)"

void
stats_ports(struct tables *ts, const struct study *st, const struct runinfo *run)
{
	static const char *const columns[] = { "hosts with a key", "distinct keys", "shared keys",
		"hosts with a shared key", "in clusters", "outside", "hosts asked", "answered",
		NULL };
	struct table *t = tables_add(ts, "ports", "Ports", "port", columns);
	uint64_t n[NPORTS][6] = { { 0 } }, other_mail = 0;

	t->counts = true;
	for (uint32_t i = 0; i < st->nkeys; i++) {
		struct key_ports p;

		stats_count_key_ports(&p, st, &st->keys[i]);
		for (int row = 0; row < NPORTS; row++) {
			n[row][1] += p.hosts[row] > 0;
			n[row][2] += p.hosts[row] > 0 && study_key_shared(&st->keys[i]);
		}
	}
	for (uint32_t i = 0; stats_next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];

		n[g->port][0]++;
		n[g->port][3] += stats_port_is_reused(st, i);
		n[g->port][st->hosts[g->host].cluster != STUDY_NONE ? 4 : 5]++;
	}
	for (int row = 0; row < NPORTS; row++) {
		struct row *r;

		if (port_table[row].tls != TLS_NONE && port_table[row].port != 25 &&
		    port_table[row].port != 443)
			other_mail += n[row][0];
		if (n[row][0] == 0 && row >= NPORTS_STUDY)
			continue;
		r = table_row(t, "%u", port_table[row].port);
		for (size_t c = 0; c < 6; c++) {
			if (stats_has_outside(st) || (c >= 2 && c <= 4))
				row_count(r, c, n[row][c]);
		}
		if (run->asked[row] != RUNINFO_UNKNOWN)
			row_count(r, 6, run->asked[row]);
		if (run->answered[row] != RUNINFO_UNKNOWN)
			row_count(r, 7, run->answered[row]);
	}
	if (run->anonymised && other_mail == 0)
		t->note = "This anonymised copy shows all mail ports as 25.";
}

/* RFC 6176, RFC 7568, RFC 8996; SSH before 2.0. */
static bool
is_deprecated(const char *version)
{
	static const char *const old[] = { "SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "1.5", "1.3",
		"deprecated" }; /* as copies have it */

	for (size_t i = 0; version != NULL && i < sizeof(old) / sizeof(old[0]); i++) {
		if (strcmp(version, old[i]) == 0)
			return true;
	}
	return false;
}

void
stats_versions(struct tables *ts, const struct study *st, bool all)
{
	struct table *t = tables_add(ts, "versions", "SSH and TLS versions, host/ports with a key",
	    "port and version", stats_columns);

	struct tally by_version[NPORTS];
	bool any = false, complete = true;

	for (uint32_t i = 0; i < st->ngrabs && !any; i++)
		any = st->grabs[i].version != STUDY_NO_TEXT;
	if (!any) {
		t->note = "This directory does not tell protocol versions (survey.db does).";
		return;
	}
	for (int row = 0; row < NPORTS; row++)
		tally_init(&by_version[row]);
	for (uint32_t i = 0; stats_next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];
		const char *version = study_text(st, g->version);
		char label[96];

		snprintf(label, sizeof(label), "%u %s%s", port_table[g->port].port,
		    stats_is_ssh(g) && version != NULL ? "SSH-" : "",
		    version != NULL ? version : "unknown");
		tally(&by_version[g->port], st, label, g->host, is_deprecated(version));
	}
	for (int row = 0; row < NPORTS; row++) {
		t->counts = false;
		tally_rows(&by_version[row], t, st, all);
		complete &= t->counts;
	}
	t->counts = complete;
}

void
stats_software(struct tables *ts, const struct study *st, bool all)
{
	struct table *t = tables_add(
	    ts, "software", "Servers as they name themselves, host/ports", "server", stats_columns);
	struct tally by_name;
	bool any = false;

	tally_init(&by_name);
	for (uint32_t i = 0; stats_next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];
		const char *name = study_text_or_empty(st, g->software);
		struct buf b;

		if (name[0] == '\0')
			continue;
		buf_init(&b);
		buf_adds(&b, stats_is_ssh(g)		       ? "SSH "
			     : port_table[g->port].port == 443 ? "web "
							       : "mail ");
		text_plain(&b, name, strlen(name), 40);
		tally(&by_name, st, b.data, g->host, false);
		buf_fini(&b);
		any = true;
	}
	tally_rows(&by_name, t, st, all);
	if (!any) {
		t->note = "This directory does not tell the names of servers.";
		t->counts = false;
	}
}

void
stats_key_types(struct tables *ts, const struct study *st, bool all)
{
	struct table *t = tables_add(
	    ts, "keytypes", "Key types and lengths, host/ports with a key", "key", stats_columns);
	struct tally types[2];
	bool complete;

	if ((st->parts & STUDY_FACTS) == 0) {
		t->note = "This directory does not tell key types.";
		return;
	}
	tally_init(&types[0]);
	tally_init(&types[1]);
	for (uint32_t i = 0; stats_next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];
		const char *kind = stats_is_ssh(g) ? "SSH" : "TLS", *alg = stats_algorithm(st, g);
		uint32_t bits = stats_rsa_bits(st, g);
		char label[96];

		if (bits > 0)
			snprintf(label, sizeof(label), "%s RSA %u", kind, bits);
		else
			snprintf(
			    label, sizeof(label), "%s %s", kind, alg != NULL ? alg : "unknown");
		tally(&types[!stats_is_ssh(g)], st, label, g->host, bits > 0 && bits < 2048);
	}
	tally_rows(&types[0], t, st, all);
	complete = t->counts;
	t->counts = false;
	tally_rows(&types[1], t, st, all);
	t->counts &= complete;
}

struct suite_use {
	uint32_t suite, n, shared;
};

static int
by_suite_use(const void *pa, const void *pb)
{
	const struct suite_use *a = pa, *b = pb;

	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	return a->suite < b->suite ? -1 : a->suite > b->suite;
}

static void
suite_row(struct table *t, const struct suite_use *use, struct suite_use *weak)
{
	const char *name = suite_name((uint16_t)use->suite);
	const char *weakness = suite_weakness((uint16_t)use->suite);
	struct row *r = name != NULL ? table_row(t, "TLS_%s", name)
				     : table_row(t, "0x%04X", use->suite);

	if (name != NULL || weakness != NULL)
		row_text(r, 0, "%s", weakness != NULL ? weakness : "none");
	r->alarm = weakness != NULL && strcmp(weakness, "no forward secrecy") != 0;
	row_count(r, 1, use->n);
	row_count(r, 2, use->shared);
	if (r->alarm) {
		weak->n += use->n;
		weak->shared += use->shared;
	}
}

void
stats_suites(struct tables *ts, const struct study *st, bool all)
{
	static const char *const columns[] = { "weakness", "host/ports", "with a shared key",
		NULL };
	struct table *t = tables_add(
	    ts, "suites", "TLS cipher suites, the weak ones marked", "suite", columns);
	struct suite_use *use = xcalloc(UINT16_MAX + 1, sizeof(*use)), weak = { 0, 0, 0 };
	uint32_t n = 0;

	for (uint32_t i = 0; stats_next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];

		/* 0 is no suite to be agreed upon (RFC 5246, A.5). */
		if (stats_is_ssh(g) || g->cipher <= 0 || g->cipher > UINT16_MAX)
			continue;
		use[g->cipher].suite = (uint32_t)g->cipher;
		use[g->cipher].n++;
		use[g->cipher].shared += stats_port_is_reused(st, i);
	}
	qsort(use, UINT16_MAX + 1, sizeof(*use), by_suite_use);
	for (; n <= UINT16_MAX && use[n].n > 0 && (all || n < SUITES_MAX); n++)
		suite_row(t, &use[n], &weak);
	if (n > 0) {
		struct row *r = table_row(t, "all broken or weak ciphers");

		row_text(r, 0, "any");
		row_count(r, 1, weak.n);
		row_count(r, 2, weak.shared);
		t->counts = n > UINT16_MAX || use[n].n == 0;
	} else {
		t->note = "This directory does not tell cipher suites.";
	}
	free(use);
}

/* A row of a fact that every certificate has or has not, and is known of some. */
static void
fact_row(struct table *t, const struct study *st, const char *label, const struct split *n,
    const struct split *unknown, const struct split *all)
{
	if (unknown->in + unknown->out < all->in + all->out || all->in + all->out == 0)
		split_row(t, st, label, n, false);
	else
		table_row(t, "%s", label);
}

void
stats_certificates(struct tables *ts, const struct study *st)
{
	struct table *t = tables_add(ts, "certificates", "Certificates, host/ports with a TLS key",
	    "certificate", stats_columns);
	struct split all = { 0, 0 }, expired = all, self = all, untrusted = all, trusted = all,
		     wild = all, studies = all, no_trust = all, no_time = all, no_self = all;

	if ((st->parts & STUDY_FACTS) == 0) {
		t->note = "This directory does not tell what certificates say.";
		return;
	}
	for (uint32_t i = 0; stats_next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];
		const struct study_cert *cert = stats_cert(st, g);
		uint8_t self_signed = cert != NULL ? cert->self_signed : FACT_UNKNOWN;
		struct wildcards w;

		if (stats_is_ssh(g))
			continue;
		split_count(&all, st, g->host);
		if (g->timely != FACT_YES)
			split_count(g->timely == FACT_NO ? &expired : &no_time, st, g->host);
		if (self_signed != FACT_NO)
			split_count(self_signed == FACT_YES ? &self : &no_self, st, g->host);
		split_count(g->trusted == FACT_YES  ? &trusted
			    : g->trusted == FACT_NO ? &untrusted
						    : &no_trust,
		    st, g->host);
		w = stats_wildcards(st, g);
		if (w.ours)
			split_count(&wild, st, g->host);
		if (w.studies)
			split_count(&studies, st, g->host);
	}
	split_row(t, st, "all", &all, false);
	fact_row(t, st, "trusted by browsers", &trusted, &no_trust, &all);
	fact_row(t, st, "not trusted", &untrusted, &no_trust, &all);
	split_row(t, st, "trust not known", &no_trust, false);
	fact_row(t, st, "self-signed", &self, &no_self, &all);
	split_row(t, st, "self-signed or not: not known", &no_self, false);
	fact_row(t, st, "expired or not yet valid", &expired, &no_time, &all);
	split_row(t, st, "validity on the day not known", &no_time, false);
	if ((st->parts & STUDY_NAMES) == 0) {
		table_row(t, WILDCARD);
		table_row(t, WILDCARD_STUDIES);
		return;
	}
	split_row(t, st, WILDCARD, &wild, false);
	fact_row(t, st, WILDCARD_STUDIES, &studies, &no_trust, &all);
}

void
stats_names(struct tables *ts, const struct study *st)
{
	static const char *const labels[HOST_NVERDICTS] = {
		[HOST_GOOD] = "a name leads back to the host",
		[HOST_BAD] = "its names lead elsewhere or nowhere",
		[HOST_UNKNOWN] = "unknown (no answer)",
		[HOST_NONE] = "no name",
	};
	struct table *t = tables_add(
	    ts, "names", "Hosts by what their names say", "names", stats_columns);
	struct split n[HOST_NVERDICTS] = { { 0, 0 } };

	if ((st->parts & STUDY_NAMES) == 0) {
		t->note = "This directory has no verdicts on names.";
		return;
	}
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (st->hosts[i].out == OUT_NONE)
			split_count(&n[st->hosts[i].verdict], st, i);
	}
	for (int v = 0; v < HOST_NVERDICTS; v++)
		split_row(t, st, labels[v], &n[v], false);
}
