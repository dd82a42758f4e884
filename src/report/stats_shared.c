/* Pure: tables of what is shared: clusters, pairs of ports, ASes, keys. */
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/explain.h"
#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/order.h"
#include "survey/port.h"
#include "survey/text.h"

#include "stats.h"
#include "stats_tables.h"

#define TOP_ROWS 20
#define AS_NAME_CHARS 200

void
stats_sizes(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "clusters", "hosts", "share of clustered hosts",
		NULL };
	struct table *t = tables_add(ts, "sizes", "Cluster sizes", "hosts in the cluster", columns);
	uint32_t *size = xcalloc((size_t)st->nclusters + 1, sizeof(*size));
	uint64_t all = 0;

	t->counts = true;
	for (uint32_t i = 0; i < st->nclusters; i++)
		all += size[i] = st->clusters[i].hosts.n;
	qsort(size, st->nclusters, sizeof(*size), order_u32);
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

void
stats_one_host(struct tables *ts, const struct study *st)
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
		if (stats_has_outside(st)) {
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
	stats_count_key_ports(&p, st, k);
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
void
stats_port_by_port(struct tables *ts, const struct study *st)
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
	return order_u32(pa, pb);
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

void
stats_top_ases(struct tables *ts, const struct study *st, bool all)
{
	struct table *t = tables_add(
	    ts, "ases", "ASes with most hosts in clusters", "AS", stats_columns);
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

	return a != b ? (a > b ? -1 : 1) : order_u32(pa, pb);
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
			if (stats_is_ssh(g))
				continue;
			n.tls++;
			n.trusted += g->trusted == FACT_YES;
			n.no_trust += g->trusted == FACT_UNKNOWN;
			w = stats_wildcards(st, g);
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

			ases += study_as_known(st, as) && !seen[as];
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
	uint32_t largest = clusters[0], ases;
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
	ases = n == 1 ? st->clusters[largest].nases : count_ases(st, clusters, n);
	if (ases > 0)
		row_count(r, 1, ases);
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

void
stats_top_clusters(struct tables *ts, const struct study *st, bool all)
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
		return order_u32(pa, pb);
	x = st->hosts[st->uses[a->uses.at].host].cluster;
	y = st->hosts[st->uses[b->uses.at].host].cluster;
	return x != y ? (x < y ? -1 : 1) : order_u32(pa, pb);
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
		n += hosts[as]++ == 0 && study_as_known(st, as);
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
	stats_count_key_ports(&p, st, k);
	buf_clear(&b);
	for (int row = 0; row < NPORTS; row++) {
		if (p.hosts[row] > 0)
			buf_printf(&b, "%s%u", b.len > 0 ? " " : "", port_table[row].port);
	}
	row_text(r, 3, "%s", b.data);
	r->alarm = k->ssh && k->tls;
	if ((cluster = st->hosts[st->uses[k->uses.at].host].cluster) != STUDY_NONE)
		row_count(r, 4, st->clusters[cluster].id);
	if (nases > 0)
		row_count(r, 5, nases);
	buf_clear(&b);
	as_label(&b, st, &st->ases[most]);
	row_text(r, 6, "%s", b.data);
	buf_fini(&b);
}

void
stats_top_keys(struct tables *ts, const struct study *st, bool all)
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
