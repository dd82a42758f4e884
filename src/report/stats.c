/* Pure: counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/explain.h"
#include "survey/finding.h"
#include "survey/hashtab.h"
#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/port.h"
#include "survey/rfc3339.h"
#include "survey/text.h"

#include "stats.h"
#include "suites.h"

#define TOP_ROWS 20
#define LABELS_MAX 100
#define AS_NAME_CHARS 200
#define SUITES_MAX 80
#define WILDCARD "with a wildcard name"
#define WILDCARD_STUDIES "with a wildcard name, trusted by browsers (as the studies count)"

/* Things are counted in a cluster and outside; outside is unknown when only clusters were read. */
struct split {
	uint64_t in, out;
};

static const char *const split_columns[] = { "all", "in clusters", "outside", "share in clusters",
	NULL };

static bool
has_outside(const struct study *st)
{
	return (st->parts & STUDY_OTHERS) != 0;
}

/* The grabs that ports are shown by, of hosts that take part: one after the other from grab 0 on. */
static bool
next_port(const struct study *st, uint32_t *grab)
{
	for (; *grab < st->ngrabs; ++*grab) {
		if (study_first_of_port(st, *grab) &&
		    st->hosts[st->grabs[*grab].host].out == OUT_NONE)
			return true;
	}
	return false;
}

static bool
is_ssh(const struct study_grab *g)
{
	return port_table[g->port].kind == KEY_SSH_HOST;
}

uint32_t
stats_rsa_bits(const struct study *st, const struct study_grab *g)
{
	const char *alg = study_text(st, g->alg);

	/* Of TLS keys only those of RSA have a length in records. */
	if (g->bits <= 0 || (is_ssh(g) && alg != NULL && strcmp(alg, "ssh-rsa") != 0))
		return 0;
	return (uint32_t)g->bits;
}

const char *
stats_algorithm(const struct study *st, const struct study_grab *g)
{
	return !is_ssh(g) && g->curve != STUDY_NO_TEXT ? study_text(st, g->curve)
						       : study_text(st, g->alg);
}

const struct study_cert *
stats_cert(const struct study *st, const struct study_grab *g)
{
	return g->cert != STUDY_NONE ? &st->certs[g->cert] : NULL;
}

static void
count_split(struct split *s, const struct study *st, uint32_t host)
{
	if (st->hosts[host].cluster != STUDY_NONE)
		s->in++;
	else
		s->out++;
}

static void
split_row(
    struct table *t, const struct study *st, const char *label, const struct split *s, bool alarm)
{
	struct row *r = table_row(t, "%s", label);

	r->alarm = alarm;
	row_count(r, 1, s->in);
	if (!has_outside(st))
		return;
	row_count(r, 0, s->in + s->out);
	row_count(r, 2, s->out);
	row_share(r, 3, s->in, s->in + s->out);
}

struct label {
	char *text;
	struct split n;
	uint32_t number; /* by first appearance */
	bool alarm;
};

/* Counts by label. */
struct tally {
	struct label *v;
	size_t n, cap;
	struct hashtab index;
};

static void
tally_init(struct tally *t)
{
	*t = (struct tally){ .n = 0 };
	hashtab_init(&t->index);
}

static void
tally(struct tally *t, const struct study *st, const char *label, uint32_t host, bool alarm)
{
	uint32_t hash = hashtab_hash(&t->index, label, strlen(label)), i;
	size_t at;

	for (i = hashtab_first(&t->index, hash, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&t->index, hash, &at)) {
		if (strcmp(t->v[i].text, label) == 0)
			break;
	}
	if (i == HASHTAB_NONE) {
		i = (uint32_t)t->n;
		mem_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v));
		t->v[t->n++] =
		    (struct label){ .text = xstrdup(label), .number = i, .alarm = alarm };
		hashtab_put(&t->index, hash, i);
	}
	count_split(&t->v[i].n, st, host);
}

static int
by_count(const void *pa, const void *pb)
{
	const struct label *a = pa, *b = pb;
	uint64_t x = a->n.in + a->n.out, y = b->n.in + b->n.out;

	if (x != y)
		return x > y ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* Largest first.  Hosts choose the labels, but unless all are wanted not how many are shown. */
static void
tally_rows(struct tally *t, struct table *to, const struct study *st, bool all)
{
	size_t shown = all || t->n <= LABELS_MAX ? t->n : LABELS_MAX - 1;
	struct split others = { 0, 0 };

	if (t->n > 1)
		qsort(t->v, t->n, sizeof(*t->v), by_count);
	for (size_t i = 0; i < t->n; i++) {
		if (i < shown) {
			split_row(to, st, t->v[i].text, &t->v[i].n, t->v[i].alarm);
		} else {
			others.in += t->v[i].n.in;
			others.out += t->v[i].n.out;
		}
		free(t->v[i].text);
	}
	if (shown < t->n)
		split_row(to, st, "others", &others, false);
	else
		to->counts = true;
	free(t->v);
	hashtab_fini(&t->index);
}

static void
maybe_count(struct table *t, const char *label, uint64_t n)
{
	struct row *r = table_row(t, "%s", label);

	if (n != RUNINFO_UNKNOWN)
		row_count(r, 0, n);
}

/* Of hosts that take part. */
struct totals {
	uint64_t hosts, host_ports, keys;
	uint64_t reused; /* host/ports with a key that another host shows, too */
};

/* Does the port of this grab show a key that another host shows, too? */
static bool
port_is_reused(const struct study *st, uint32_t grab)
{
	const struct study_grab *g = &st->grabs[grab];
	const struct study_host *h = &st->hosts[g->host];

	for (uint32_t i = grab; i < h->grabs.at + h->grabs.n && st->grabs[i].port == g->port; i++) {
		if (st->keys[st->grabs[i].key].nhosts > 1)
			return true;
	}
	return false;
}

static struct totals
count_totals(const struct study *st)
{
	struct totals n = { .hosts = 0 };

	for (uint32_t i = 0; i < st->nhosts; i++)
		n.hosts += st->hosts[i].out == OUT_NONE;
	for (uint32_t i = 0; i < st->nkeys; i++)
		n.keys += st->keys[i].nhosts > 0;
	for (uint32_t i = 0; next_port(st, &i); i++) {
		n.host_ports++;
		n.reused += port_is_reused(st, i);
	}
	return n;
}

static void
overview(struct tables *ts, const struct study *st, const struct runinfo *run)
{
	static const char *const columns[] = { "value", NULL };
	struct table *t = tables_add(ts, "overview", "Overview", "figure", columns);
	uint64_t clustered = 0, shared = 0, largest = 0, multi = 0;
	struct totals all = count_totals(st);

	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];

		clustered += c->hosts.n;
		if (c->hosts.n > largest)
			largest = c->hosts.n;
		multi += c->nases > 1;
	}
	for (uint32_t i = 0; i < st->nkeys; i++)
		shared += st->keys[i].nhosts > 1;
	maybe_count(t, "addresses to probe", run->targets);
	maybe_count(t, "addresses probed", run->probed);
	maybe_count(t, "listeners on port 25", run->hits);
	maybe_count(t, "listeners in the country",
	    run->hits != RUNINFO_UNKNOWN && run->out_of_country != RUNINFO_UNKNOWN &&
		    run->hits >= run->out_of_country
		? run->hits - run->out_of_country
		: RUNINFO_UNKNOWN);
	maybe_count(t, "hosts grabbed", run->records);
	maybe_count(t, "hosts without a key", run->no_key);
	maybe_count(t, "hosts left out: another country", run->wrong_country);
	maybe_count(t, "hosts left out: country not known", run->no_country);
	maybe_count(t, "hosts with keys", has_outside(st) ? all.hosts : RUNINFO_UNKNOWN);
	maybe_count(t, "host/ports with keys", has_outside(st) ? all.host_ports : RUNINFO_UNKNOWN);
	maybe_count(t, "distinct keys", has_outside(st) ? all.keys : RUNINFO_UNKNOWN);
	maybe_count(t, "keys on two or more hosts", shared);
	maybe_count(t, "host/ports with such a key", all.reused);
	if (has_outside(st))
		row_share(table_row(t, "share of host/ports with such a key"), 0, all.reused,
		    all.host_ports);
	else
		table_row(t, "share of host/ports with such a key");
	maybe_count(t, "clusters", st->nclusters);
	maybe_count(t, "clusters over two or more ASes", multi);
	maybe_count(t, "hosts in clusters", clustered);
	if (has_outside(st))
		row_share(table_row(t, "share of hosts in clusters"), 0, clustered, all.hosts);
	else
		table_row(t, "share of hosts in clusters");
	maybe_count(t, "hosts in the largest cluster", largest);
}

/* On how many hosts a key stands on each port. */
struct key_ports {
	uint32_t hosts[NPORTS];
	uint32_t only_host[NPORTS]; /* a host of it: the only one where hosts is 1 */
};

static void
count_key_ports(struct key_ports *p, const struct study *st, const struct study_key *k)
{
	*p = (struct key_ports){ .hosts = { 0 } };
	for (uint32_t i = 0; i < k->uses.n; i++) { /* by host, then port: each pair stands once */
		const struct study_use *u = &st->uses[k->uses.at + i];

		p->hosts[u->port]++;
		p->only_host[u->port] = u->host;
	}
}

static void
ports(struct tables *ts, const struct study *st, const struct runinfo *run)
{
	static const char *const columns[] = { "hosts with a key", "distinct keys", "shared keys",
		"hosts with a shared key", "in clusters", "outside", "hosts asked", "answered",
		NULL };
	struct table *t = tables_add(ts, "ports", "Ports", "port", columns);
	uint64_t n[NPORTS][6] = { { 0 } }, other_mail = 0;

	t->counts = true;
	for (uint32_t i = 0; i < st->nkeys; i++) {
		struct key_ports p;

		count_key_ports(&p, st, &st->keys[i]);
		for (int row = 0; row < NPORTS; row++) {
			n[row][1] += p.hosts[row] > 0;
			n[row][2] += p.hosts[row] > 0 && st->keys[i].nhosts > 1;
		}
	}
	for (uint32_t i = 0; next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];

		n[g->port][0]++;
		n[g->port][3] += port_is_reused(st, i);
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
			if (has_outside(st) || (c >= 2 && c <= 4))
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

static void
versions(struct tables *ts, const struct study *st, bool all)
{
	struct table *t = tables_add(ts, "versions", "SSH and TLS versions, host/ports with a key",
	    "port and version", split_columns);

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
	for (uint32_t i = 0; next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];
		const char *version = study_text(st, g->version);
		char label[96];

		snprintf(label, sizeof(label), "%u %s%s", port_table[g->port].port,
		    is_ssh(g) && version != NULL ? "SSH-" : "",
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

static void
software(struct tables *ts, const struct study *st, bool all)
{
	struct table *t = tables_add(
	    ts, "software", "Servers as they name themselves, host/ports", "server", split_columns);
	struct tally by_name;
	bool any = false;

	tally_init(&by_name);
	for (uint32_t i = 0; next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];
		const char *name = study_text_or_empty(st, g->software);
		struct buf b;

		if (name[0] == '\0')
			continue;
		buf_init(&b);
		buf_adds(&b, is_ssh(g) ? "SSH " : "web ");
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

static void
key_types(struct tables *ts, const struct study *st, bool all)
{
	struct table *t = tables_add(
	    ts, "keytypes", "Key types and lengths, host/ports with a key", "key", split_columns);
	struct tally types[2];
	bool complete;

	if ((st->parts & STUDY_FACTS) == 0) {
		t->note = "This directory does not tell key types.";
		return;
	}
	tally_init(&types[0]);
	tally_init(&types[1]);
	for (uint32_t i = 0; next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];
		const char *kind = is_ssh(g) ? "SSH" : "TLS", *alg = stats_algorithm(st, g);
		uint32_t bits = stats_rsa_bits(st, g);
		char label[96];

		if (bits > 0)
			snprintf(label, sizeof(label), "%s RSA %u", kind, bits);
		else
			snprintf(
			    label, sizeof(label), "%s %s", kind, alg != NULL ? alg : "unknown");
		tally(&types[!is_ssh(g)], st, label, g->host, bits > 0 && bits < 2048);
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

static void
suites(struct tables *ts, const struct study *st, bool all)
{
	static const char *const columns[] = { "weakness", "host/ports", "with a shared key",
		NULL };
	struct table *t = tables_add(
	    ts, "suites", "TLS cipher suites, the weak ones marked", "suite", columns);
	struct suite_use *use = xcalloc(UINT16_MAX + 1, sizeof(*use)), weak = { 0, 0, 0 };
	uint32_t n = 0;

	for (uint32_t i = 0; next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];

		/* 0 is no suite to be agreed upon (RFC 5246, A.5). */
		if (is_ssh(g) || g->cipher <= 0 || g->cipher > UINT16_MAX)
			continue;
		use[g->cipher].suite = (uint32_t)g->cipher;
		use[g->cipher].n++;
		use[g->cipher].shared += port_is_reused(st, i);
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

/* Wildcard names of the certificate of a port, as we and as the studies' scripts count them. */
struct wildcards {
	bool ours; /* a name begins with "*." */
	bool studies; /* browsers trust it, it has a DN, and a "*" is in its DN's or a SAN's name */
};

static struct wildcards
find_wildcards(const struct study *st, const struct study_grab *g)
{
	const struct study_host *h = &st->hosts[g->host];
	struct wildcards w = { false, false };
	bool dn = false, star = false;

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];
		const char *text = study_text_or_empty(st, n->text);

		if (n->port != g->port || (n->source != NAME_DN && n->source != NAME_SAN))
			continue;
		dn |= n->source == NAME_DN;
		star |= strchr(text, '*') != NULL;
		w.ours |= strncmp(text, "*.", 2) == 0;
	}
	w.studies = dn && star && g->trusted == FACT_YES;
	return w;
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

static void
certificates(struct tables *ts, const struct study *st)
{
	struct table *t = tables_add(ts, "certificates", "Certificates, host/ports with a TLS key",
	    "certificate", split_columns);
	struct split all = { 0, 0 }, expired = all, self = all, untrusted = all, trusted = all,
		     wild = all, studies = all, no_trust = all, no_time = all, no_self = all;

	if ((st->parts & STUDY_FACTS) == 0) {
		t->note = "This directory does not tell what certificates say.";
		return;
	}
	for (uint32_t i = 0; next_port(st, &i); i++) {
		const struct study_grab *g = &st->grabs[i];
		const struct study_cert *cert = stats_cert(st, g);
		uint8_t self_signed = cert != NULL ? cert->self_signed : FACT_UNKNOWN;
		struct wildcards w;

		if (is_ssh(g))
			continue;
		count_split(&all, st, g->host);
		if (g->timely != FACT_YES)
			count_split(g->timely == FACT_NO ? &expired : &no_time, st, g->host);
		if (self_signed != FACT_NO)
			count_split(self_signed == FACT_YES ? &self : &no_self, st, g->host);
		count_split(g->trusted == FACT_YES  ? &trusted
			    : g->trusted == FACT_NO ? &untrusted
						    : &no_trust,
		    st, g->host);
		w = find_wildcards(st, g);
		if (w.ours)
			count_split(&wild, st, g->host);
		if (w.studies)
			count_split(&studies, st, g->host);
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

static void
names(struct tables *ts, const struct study *st)
{
	static const char *const labels[HOST_NVERDICTS] = {
		[HOST_GOOD] = "a name leads back to the host",
		[HOST_BAD] = "its names lead elsewhere or nowhere",
		[HOST_UNKNOWN] = "unknown (no answer)",
		[HOST_NONE] = "no name",
	};
	struct table *t = tables_add(
	    ts, "names", "Hosts by what their names say", "names", split_columns);
	struct split n[HOST_NVERDICTS] = { { 0, 0 } };

	if ((st->parts & STUDY_NAMES) == 0) {
		t->note = "This directory has no verdicts on names.";
		return;
	}
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (st->hosts[i].out == OUT_NONE)
			count_split(&n[st->hosts[i].verdict], st, i);
	}
	for (int v = 0; v < HOST_NVERDICTS; v++)
		split_row(t, st, labels[v], &n[v], false);
}

static int
by_number(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return a < b ? -1 : a > b;
}

static void
sizes(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "clusters", "hosts", "share of clustered hosts",
		NULL };
	struct table *t = tables_add(ts, "sizes", "Cluster sizes", "hosts in the cluster", columns);
	uint32_t *size = xcalloc((size_t)st->nclusters + 1, sizeof(*size));
	uint64_t all = 0;

	t->counts = true;
	for (uint32_t i = 0; i < st->nclusters; i++)
		all += size[i] = st->clusters[i].hosts.n;
	qsort(size, st->nclusters, sizeof(*size), by_number);
	for (uint32_t i = 0, k; i < st->nclusters; i = k) {
		struct row *r = table_row(t, "%u", size[i]);

		for (k = i; k < st->nclusters && size[k] == size[i]; k++)
			;
		row_count(r, 0, k - i);
		row_count(r, 1, (uint64_t)(k - i) * size[i]);
		row_share(r, 2, (uint64_t)(k - i) * size[i], all);
	}
	free(size);
}

static void
one_host(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "hosts", "keys", NULL };
	struct table *t = tables_add(ts, "ports-of-one-host",
	    "Keys used on several ports of one host", "ports of the host that show the key",
	    columns);
	uint64_t hosts[NPORTS + 1] = { 0 }, keys[NPORTS + 1] = { 0 };
	uint8_t *of_host = xcalloc((size_t)st->nhosts + 1, sizeof(*of_host));

	t->counts = true;
	for (uint32_t i = 0; i < st->nkeys; i++) {
		const struct study_use *u = &st->uses[st->keys[i].uses.at];
		const struct study_use *end = u + st->keys[i].uses.n, *next;
		uint8_t most = 0, n;

		for (; u < end; u = next) {
			for (n = 0, next = u; next < end && next->host == u->host; next++)
				n++;
			if (n > most)
				most = n;
			if (n > of_host[u->host])
				of_host[u->host] = n;
		}
		keys[most]++;
	}
	for (uint32_t i = 0; i < st->nhosts; i++)
		hosts[of_host[i]]++;
	free(of_host);
	for (uint32_t i = 1; i <= NPORTS; i++) {
		struct row *r;

		if (hosts[i] + keys[i] == 0)
			continue;
		r = table_row(t, "%u", i);
		if (has_outside(st)) {
			row_count(r, 0, hosts[i]);
			row_count(r, 1, keys[i]);
		}
	}
}

/* Pairs of ports, each in one order, have a bit each in a host's mask; one more is for SSH = TLS. */
#define ALARM_PAIR (NPORTS * (NPORTS + 1) / 2)
_Static_assert(ALARM_PAIR < 64, "a bit for each pair of ports");

static unsigned
pair_number(int a, int b)
{
	return (unsigned)(a < b ? b * (b + 1) / 2 + a : a * (a + 1) / 2 + b);
}

/* The pairs of ports on which a key links two hosts; counts it in keys. */
static uint64_t
pairs_of_key(const struct study *st, const struct study_key *k, uint64_t keys[NPORTS][NPORTS])
{
	struct key_ports p;
	uint64_t pairs = 0;

	if (k->nhosts < 2)
		return 0;
	count_key_ports(&p, st, k);
	for (int a = 0; a < NPORTS; a++) {
		for (int b = a; b < NPORTS; b++) {
			bool one_host = p.hosts[a] == 1 && p.hosts[b] == 1 &&
					p.only_host[a] == p.only_host[b];

			if (p.hosts[a] == 0 || p.hosts[b] == 0 || one_host)
				continue;
			keys[a][b]++;
			pairs |= UINT64_C(1) << pair_number(a, b);
		}
	}
	return pairs;
}

/* Those of the pairs that this port is one of. */
static uint64_t
pairs_with(uint64_t pairs, int row)
{
	uint64_t mask = 0;

	for (int other = 0; other < NPORTS; other++)
		mask |= UINT64_C(1) << pair_number(row, other);
	return pairs & mask;
}

/*
 * Keys that one host shows on one port and another host on another: counted
 * per key, so that a certificate on 2,000 hosts weighs one, not two million
 * pairs; and the hosts that show such a key on either port, each once.
 */
static void
port_by_port(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "shared keys", "hosts", NULL };
	struct table *t = tables_add(
	    ts, "port-pairs", "Keys shared across hosts, by pair of ports", "ports", columns);
	uint64_t keys[NPORTS][NPORTS] = { { 0 } }, hosts[ALARM_PAIR + 1] = { 0 }, alarm_keys = 0;
	uint64_t *mask = xcalloc((size_t)st->nhosts + 1, sizeof(*mask));
	struct row *r;

	t->counts = true;
	for (uint32_t i = 0; i < st->nkeys; i++) {
		const struct study_key *k = &st->keys[i];
		uint64_t pairs = pairs_of_key(st, k, keys);
		bool alarm = k->ssh && k->tls;

		alarm_keys += alarm;
		for (uint32_t u = k->uses.at; u < k->uses.at + k->uses.n; u++) {
			mask[st->uses[u].host] |= pairs_with(pairs, st->uses[u].port);
			if (alarm)
				mask[st->uses[u].host] |= UINT64_C(1) << ALARM_PAIR;
		}
	}
	for (uint32_t i = 0; i < st->nhosts; i++) {
		for (size_t bit = 0; bit <= ALARM_PAIR; bit++)
			hosts[bit] += mask[i] >> bit & 1;
	}
	free(mask);
	for (int a = 0; a < NPORTS; a++) {
		for (int b = a; b < NPORTS; b++) {
			if (keys[a][b] == 0)
				continue;
			r = table_row(t, "%u = %u", port_table[a].port, port_table[b].port);
			r->alarm = (port_table[a].kind == KEY_SSH_HOST) !=
				   (port_table[b].kind == KEY_SSH_HOST);
			row_count(r, 0, keys[a][b]);
			row_count(r, 1, hosts[pair_number(a, b)]);
		}
	}
	r = table_row(t, "SSH = TLS (one key for both, on any host)");
	r->alarm = alarm_keys > 0;
	row_count(r, 0, alarm_keys);
	row_count(r, 1, hosts[ALARM_PAIR]);
	t->note =
	    "Counted per key, never per pair of hosts; each host once. A key that serves SSH and "
	    "TLS is an alarm: whoever holds it for one speaks for the other.";
}

static int
by_as_hosts(const void *pa, const void *pb, void *arg)
{
	const struct study *st = arg;
	const struct study_as *a = &st->ases[*(const uint32_t *)pa];
	const struct study_as *b = &st->ases[*(const uint32_t *)pb];

	if (a->nclustered != b->nclustered)
		return a->nclustered > b->nclustered ? -1 : 1;
	if (a->nhosts != b->nhosts)
		return a->nhosts > b->nhosts ? -1 : 1;
	return by_number(pa, pb);
}

/* The numbers 0 to n in that order; the caller frees. */
static uint32_t *
ordered(const struct study *st, uint32_t n, int (*compare)(const void *, const void *, void *))
{
	uint32_t *order = xcalloc((size_t)n + 1, sizeof(*order));

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), compare, (void *)(uintptr_t)st);
	return order;
}

static void
as_label(struct buf *b, const struct study *st, const struct study_as *as)
{
	const char *name = study_text_or_empty(st, as->name);

	if (as->asn != 0)
		buf_printf(b, name[0] != '\0' ? "AS%u " : "AS%u", as->asn);
	text_plain(b, name, strlen(name), AS_NAME_CHARS);
	if (b->len == 0)
		buf_adds(b, "AS unknown");
}

static void
top_ases(struct tables *ts, const struct study *st, bool all)
{
	struct table *t = tables_add(
	    ts, "ases", "ASes with most hosts in clusters", "AS", split_columns);
	uint32_t *order = ordered(st, st->nases, by_as_hosts);
	struct buf b;

	buf_init(&b);
	t->counts = all || st->nases <= TOP_ROWS;
	for (uint32_t i = 0; i < st->nases && (all || i < TOP_ROWS); i++) {
		const struct study_as *as = &st->ases[order[i]];
		struct split n = { as->nclustered, as->nhosts - as->nclustered };

		if (as->nhosts == 0)
			break;
		buf_clear(&b);
		as_label(&b, st, as);
		split_row(t, st, b.data, &n, false);
	}
	buf_fini(&b);
	free(order);
}

static int
by_cluster_hosts(const void *pa, const void *pb, void *arg)
{
	const struct study *st = arg;
	uint32_t a = st->clusters[*(const uint32_t *)pa].hosts.n;
	uint32_t b = st->clusters[*(const uint32_t *)pb].hosts.n;

	return a != b ? (a > b ? -1 : 1) : by_number(pa, pb);
}

static void
say_why(struct row *r, const struct study *st, uint32_t cluster)
{
	struct explanation v[NWHYS];
	bool smelly;
	unsigned n = explain_cluster(st, cluster, v, &smelly);

	row_text(r, 10, "%s", why_word(v[0].what));
	row_text(r, 11, "%s", smelly ? "no" : "can be");
	explanations_fini(v, n);
}

/* What the certificates and keys of a cluster's hosts come to, port by port. */
struct cluster_counts {
	uint64_t ports, tls, no_trust, trusted, wild, studies;
	uint64_t most_hosts, most_ports; /* of the key on most hosts, and of that on most ports */
};

static struct cluster_counts
count_cluster(const struct study *st, const struct study_cluster *c)
{
	struct cluster_counts n = { 0 };

	for (uint32_t h = 0; h < c->hosts.n; h++) {
		struct study_span grabs = st->hosts[study_member(st, c, h)].grabs;

		for (uint32_t k = grabs.at; k < grabs.at + grabs.n; k++) {
			const struct study_grab *g = &st->grabs[k];
			struct wildcards w;

			if (!study_first_of_port(st, k))
				continue;
			n.ports++;
			if (is_ssh(g))
				continue;
			n.tls++;
			n.trusted += g->trusted == FACT_YES;
			n.no_trust += g->trusted == FACT_UNKNOWN;
			w = find_wildcards(st, g);
			n.wild += w.ours;
			n.studies += w.studies;
		}
	}
	for (uint32_t k = 0; k < c->keys.n; k++) {
		const struct study_key *key = &st->keys[study_cluster_key(st, c, k)];

		if (key->nhosts > n.most_hosts)
			n.most_hosts = key->nhosts;
		if (key->uses.n > n.most_ports)
			n.most_ports = key->uses.n;
	}
	return n;
}

static uint32_t
count_ases(const struct study *st, const uint32_t *clusters, size_t n)
{
	bool *seen = xcalloc((size_t)st->nases + 1, sizeof(*seen));
	uint32_t ases = 0;

	for (size_t i = 0; i < n; i++) {
		const struct study_cluster *c = &st->clusters[clusters[i]];

		for (uint32_t h = 0; h < c->hosts.n; h++) {
			uint32_t as = st->hosts[study_member(st, c, h)].as;

			ases += !seen[as];
			seen[as] = true;
		}
	}
	free(seen);
	return ases;
}

static void
add_counts(struct cluster_counts *sum, const struct cluster_counts *n)
{
	sum->ports += n->ports;
	sum->tls += n->tls;
	sum->no_trust += n->no_trust;
	sum->trusted += n->trusted;
	sum->wild += n->wild;
	sum->studies += n->studies;
	if (n->most_hosts > sum->most_hosts)
		sum->most_hosts = n->most_hosts;
	if (n->most_ports > sum->most_ports)
		sum->most_ports = n->most_ports;
}

void
stats_cluster_row(struct row *r, const struct study *st, const uint32_t *clusters, size_t n)
{
	struct cluster_counts sum = { 0 };
	uint64_t hosts = 0, shared = 0, keys = 0;
	uint32_t largest = clusters[0];
	bool trust;

	for (size_t i = 0; i < n; i++) {
		const struct study_cluster *c = &st->clusters[clusters[i]];
		struct cluster_counts counts = count_cluster(st, c);

		add_counts(&sum, &counts);
		hosts += c->hosts.n;
		shared += c->nshared;
		keys += c->keys.n;
		if (c->hosts.n > st->clusters[largest].hosts.n)
			largest = clusters[i];
	}
	row_count(r, 0, hosts);
	row_count(r, 1, n == 1 ? st->clusters[largest].nases : count_ases(st, clusters, n));
	row_count(r, 2, shared);
	row_count(r, 3, keys);
	row_count(r, 4, sum.ports);
	row_count(r, 5, sum.most_hosts);
	row_count(r, 6, sum.most_ports);
	if ((st->parts & STUDY_FACTS) == 0)
		return;
	trust = sum.no_trust < sum.tls || sum.tls == 0;
	if (trust)
		row_count(r, 7, sum.trusted);
	if ((st->parts & STUDY_NAMES) != 0)
		row_count(r, 8, sum.wild);
	if ((st->parts & STUDY_NAMES) != 0 && trust)
		row_count(r, 9, sum.studies);
	say_why(r, st, largest);
}

static void
top_clusters(struct tables *ts, const struct study *st, bool all)
{
	static const char *const columns[] = { "hosts", "ASes", "shared keys", "keys", "host/ports",
		"hosts of the most-used key", "host/ports of the most-used key",
		"trusted certificates", "wildcard certificates",
		"wildcard certificates, trusted (as the studies count)", "it may be",
		"one host by the studies' test", NULL };
	struct table *t = tables_add(ts, "clusters", "The largest clusters", "cluster", columns);
	uint32_t *order = ordered(st, st->nclusters, by_cluster_hosts);

	for (uint32_t i = 0; i < st->nclusters && (all || i < TOP_ROWS); i++)
		stats_cluster_row(table_row(t, "%u", st->clusters[order[i]].id), st, &order[i], 1);
	free(order);
}

/* Of equally many hosts: by cluster, those of none last. */
static int
by_key_hosts(const void *pa, const void *pb, void *arg)
{
	const struct study *st = arg;
	const struct study_key *a = &st->keys[*(const uint32_t *)pa];
	const struct study_key *b = &st->keys[*(const uint32_t *)pb];
	uint32_t x, y;

	if (a->nhosts != b->nhosts)
		return a->nhosts > b->nhosts ? -1 : 1;
	if (a->nhosts == 0)
		return by_number(pa, pb);
	x = st->hosts[st->uses[a->uses.at].host].cluster;
	y = st->hosts[st->uses[b->uses.at].host].cluster;
	return x != y ? (x < y ? -1 : 1) : by_number(pa, pb);
}

/* Number of ASes whose hosts show the key, and in *most the one with most of them. */
static uint32_t
key_owners(const struct study *st, const struct study_key *k, uint32_t *hosts, uint32_t *most)
{
	uint32_t last = STUDY_NONE, n = 0;

	*most = STUDY_NONE;
	for (uint32_t i = k->uses.at; i < k->uses.at + k->uses.n; i++) {
		uint32_t as = st->hosts[st->uses[i].host].as;

		if (st->uses[i].host == last)
			continue;
		last = st->uses[i].host;
		n += hosts[as]++ == 0;
		if (*most == STUDY_NONE || hosts[as] > hosts[*most])
			*most = as;
	}
	for (uint32_t i = k->uses.at; i < k->uses.at + k->uses.n; i++)
		hosts[st->hosts[st->uses[i].host].as] = 0;
	return n;
}

static void
key_row(struct table *t, const struct study *st, const struct study_key *k, uint32_t *hosts)
{
	uint32_t cluster, most, nases = key_owners(st, k, hosts, &most);
	struct key_ports p;
	struct buf b;
	struct row *r;

	buf_init(&b);
	hex_add(&b, k->fp, KEY_LEN);
	r = table_row(t, "%s", k->named ? b.data : "not named in the file");
	row_text(r, 0, "%s", k->ssh && k->tls ? "SSH and TLS" : k->ssh ? "SSH" : "TLS");
	row_count(r, 1, k->nhosts);
	row_count(r, 2, k->uses.n);
	count_key_ports(&p, st, k);
	buf_clear(&b);
	for (int row = 0; row < NPORTS; row++) {
		if (p.hosts[row] > 0)
			buf_printf(&b, "%s%u", b.len > 0 ? " " : "", port_table[row].port);
	}
	row_text(r, 3, "%s", b.data);
	r->alarm = k->ssh && k->tls;
	if ((cluster = st->hosts[st->uses[k->uses.at].host].cluster) != STUDY_NONE)
		row_count(r, 4, st->clusters[cluster].id);
	row_count(r, 5, nases);
	buf_clear(&b);
	as_label(&b, st, &st->ases[most]);
	row_text(r, 6, "%s", b.data);
	buf_fini(&b);
}

static void
top_keys(struct tables *ts, const struct study *st, bool all)
{
	static const char *const columns[] = { "kind", "hosts", "host/ports", "ports", "cluster",
		"ASes", "AS with most of its hosts", NULL };
	struct table *t = tables_add(ts, "keys", "The most re-used keys", "key", columns);
	uint32_t *order = ordered(st, st->nkeys, by_key_hosts);
	uint32_t *hosts = xcalloc((size_t)st->nases + 1, sizeof(*hosts));

	for (uint32_t i = 0; i < st->nkeys && (all || i < TOP_ROWS); i++) {
		if (st->keys[order[i]].nhosts < 2)
			break;
		key_row(t, st, &st->keys[order[i]], hosts);
	}
	free(hosts);
	free(order);
}

static const char nobody_looked[] =
    "Nobody has looked for weak keys here, or this is a copy, which has none: survey weak does.";

/* Count a key's hosts, each once for the same mark. */
static void
count_hosts(const struct study *st, uint32_t key, uint32_t *marks, uint32_t mark, struct split *n)
{
	const struct study_span *uses = &st->keys[key].uses;

	for (uint32_t u = uses->at; u < uses->at + uses->n; u++) {
		uint32_t host = st->uses[u].host;

		if (marks[host] == mark)
			continue;
		marks[host] = mark;
		count_split(n, st, host);
	}
}

static void
weak_row(struct table *t, const char *label, int severity, uint64_t keys, const struct split *hosts)
{
	struct row *r = table_row(t, "%s", label);

	row_text(r, 0, "%s",
	    severity >= 0 ? finding_severity_name((enum finding_severity)severity) : "any");
	r->alarm = severity == FINDING_CRITICAL || severity == FINDING_HIGH;
	row_count(r, 1, keys);
	row_count(r, 2, hosts->in + hosts->out);
	row_count(r, 3, hosts->in);
}

/* Findings come by severity and kind. */
static void
weak_keys(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "severity", "keys", "hosts", "hosts in clusters",
		NULL };
	struct table *t = tables_add(
	    ts, "weak", "Weak keys, by what is wrong with them", "finding", columns);
	const struct findings *all = st->findings;
	struct finding_index x;
	struct split any = { 0, 0 };
	uint32_t *marks, nweak = 0;

	if (all == NULL) {
		t->note = nobody_looked;
		return;
	}
	t->counts = true;
	marks = xcalloc((size_t)st->nhosts + 1, sizeof(*marks));
	for (size_t i = 0, next; i < all->nfindings; i = next) {
		uint8_t kind = all->findings[i].kind;
		struct split hosts = { 0, 0 };

		for (next = i; next < all->nfindings && all->findings[next].kind == kind; next++)
			count_hosts(st, all->findings[next].key, marks, kind + 1U, &hosts);
		weak_row(
		    t, finding_kinds[kind].name, finding_kinds[kind].severity, next - i, &hosts);
	}
	finding_index_init(&x, all, st->nkeys);
	for (uint32_t key = 0; key < st->nkeys; key++) {
		if (x.first[key] == 0)
			continue;
		nweak++;
		count_hosts(st, key, marks, FINDING_NKINDS + 1U, &any);
	}
	finding_index_fini(&x);
	weak_row(t, "any of these", -1, nweak, &any);
	free(marks);
	t->note = "A key may have several findings. What was not looked for is in the table of "
		  "checks.";
}

static void
weak_checks(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "state", "keys", "why", NULL };
	struct table *t = tables_add(
	    ts, "weak-checks", "What keys were checked for", "check", columns);

	if (st->findings == NULL) {
		t->note = nobody_looked;
		return;
	}
	for (int i = 0; i < NCHECKS; i++) {
		const struct finding_checked *c = &st->findings->checks[i];
		struct row *r = table_row(t, "%s", finding_check_name((enum finding_check)i));

		row_text(r, 0, "%s", c->made ? "checked" : "not checked");
		if (c->made)
			row_count(r, 1, c->keys);
		row_text(r, 2, "%s", c->why != NULL ? c->why : "in full");
	}
}

/* A list of texts, each once, in order of the runs that a study is merged of. */
static void
add_once(struct buf *b, const char *s)
{
	if (s == NULL || *s == '\0' || (b->len > 0 && strstr(b->data, s) != NULL))
		return;
	buf_printf(b, b->len > 0 ? ", %s" : "%s", s);
}

static int64_t
first_grab(const struct study *st)
{
	int64_t first = TIME_UNKNOWN;

	for (uint32_t i = 0; i < st->nhosts; i++) {
		int64_t at = st->hosts[i].time;

		if (at != TIME_UNKNOWN && (first == TIME_UNKNOWN || at < first))
			first = at;
	}
	for (uint32_t i = 0; i < st->ngrabs; i++) {
		int64_t at = st->grabs[i].at;

		if (at != TIME_UNKNOWN && (first == TIME_UNKNOWN || at < first))
			first = at;
	}
	return first;
}

/* What the values are of: as the study tells, else as run.json does. */
static void
take_run(struct tables *ts, const struct study *st, const struct runinfo *run)
{
	struct buf name, date, countries, versions;
	char when[TIME_SIZE];
	int64_t at;

	buf_init(&name);
	buf_init(&date);
	buf_init(&countries);
	buf_init(&versions);
	for (size_t i = 0; i < run->nversions; i++)
		buf_printf(&versions, "%s%s %s", versions.len > 0 ? ", " : "",
		    run->versions[i].name, run->versions[i].value);
	for (uint32_t i = 0; i < st->nruns; i++) {
		const struct study_run *r = &st->runs[i];

		at = r->began != TIME_UNKNOWN ? r->began : r->scan_date;
		add_once(&countries, study_text(st, r->countries));
		add_once(&name, study_text(st, r->name));
		if (at != TIME_UNKNOWN)
			add_once(&date, time_format(at, when));
		if (run->nversions == 0) {
			add_once(&versions, study_text(st, r->program));
			add_once(&versions, study_text(st, r->tools));
		}
	}
	/* run.json of an analysis alone is called by its file, and of the day when it was made. */
	if (runinfo_tells_scan(run)) {
		if (name.len == 0)
			add_once(&name, run->name);
		if (date.len == 0)
			add_once(&date, run->created);
	}
	if (date.len == 0 && (at = first_grab(st)) != TIME_UNKNOWN)
		add_once(&date, time_format(at, when));
	tables_run(ts, &(struct table_run){ .name = name.len > 0 ? name.data : NULL,
			   .date = date.len > 0 ? date.data : NULL,
			   .countries = countries.len > 0 ? countries.data : NULL,
			   .versions = versions.len > 0 ? versions.data : NULL });
	buf_fini(&name);
	buf_fini(&date);
	buf_fini(&countries);
	buf_fini(&versions);
}

void
stats_tables(struct tables *ts, const struct study *st, const struct runinfo *run, bool all)
{
	take_run(ts, st, run);
	overview(ts, st, run);
	ports(ts, st, run);
	versions(ts, st, all);
	software(ts, st, all);
	key_types(ts, st, all);
	suites(ts, st, all);
	certificates(ts, st);
	names(ts, st);
	sizes(ts, st);
	one_host(ts, st);
	port_by_port(ts, st);
	top_ases(ts, st, all);
	top_clusters(ts, st, all);
	top_keys(ts, st, all);
	weak_keys(ts, st);
	weak_checks(ts, st);
}
