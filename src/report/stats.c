/* Pure: counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/port.h"
#include "survey/text.h"

#include "stats.h"
#include "suites.h"

#define TOP_ROWS 20
#define LABELS_MAX 100
#define SUITES_MAX 80

/* Things are counted in a cluster and outside; outside is unknown when only clusters were read. */
struct split {
	uint64_t in, out;
};

static const char *const split_columns[] = { "all", "in clusters", "outside", "share in clusters",
	NULL };

static bool
has_outside(const struct study *st)
{
	return st->found.all_keys;
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

/* Counts by label, in order of first appearance. */
struct tally {
	struct {
		char *label;
		struct split n;
		bool alarm;
	} * v;
	size_t n, cap;
};

static void
tally(struct tally *t, const struct study *st, const char *label, uint32_t host, bool alarm)
{
	size_t i = 0;

	while (i < t->n && strcmp(t->v[i].label, label) != 0)
		i++;
	if (i == t->n && i == LABELS_MAX) /* hosts choose the labels, but not how many */
		i = LABELS_MAX - 1;
	if (i == t->n) {
		if (i == LABELS_MAX - 1)
			label = "others";
		mem_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v));
		t->v[t->n].label = xstrdup(label);
		t->v[t->n].n = (struct split){ 0 };
		t->v[t->n++].alarm = alarm;
	}
	count_split(&t->v[i].n, st, host);
}

static void
tally_rows(struct tally *t, struct table *to, const struct study *st)
{
	for (size_t done = 0; done < t->n; done++) { /* largest first */
		size_t best = done;

		for (size_t i = done + 1; i < t->n; i++) {
			if (t->v[i].n.in + t->v[i].n.out > t->v[best].n.in + t->v[best].n.out)
				best = i;
		}
		split_row(to, st, t->v[best].label, &t->v[best].n, t->v[best].alarm);
		free(t->v[best].label);
		t->v[best] = t->v[done];
	}
	free(t->v);
}

static void
maybe_count(struct table *t, const char *label, uint64_t n)
{
	struct row *r = table_row(t, "%s", label);

	if (n != RUNINFO_UNKNOWN)
		row_count(r, 0, n);
}

static void
overview(struct tables *ts, const struct study *st, const struct runinfo *run)
{
	static const char *const columns[] = { "value", NULL };
	struct table *t = tables_add(ts, "overview", "Overview", "figure", columns);
	uint64_t clustered = 0, shared = 0, reused_uses = 0, largest = 0, multi = 0;

	for (uint32_t i = 0; i < st->nclusters; i++) {
		clustered += st->clusters[i].nhosts;
		if (st->clusters[i].nhosts > largest)
			largest = st->clusters[i].nhosts;
		multi += st->clusters[i].nas > 1;
	}
	for (uint32_t i = 0; i < st->nkeys; i++) {
		if (st->keys[i].nhosts < 2)
			continue;
		shared++;
		reused_uses += st->keys[i].nuse;
	}
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
	maybe_count(t, "hosts with keys", has_outside(st) ? st->nhosts : RUNINFO_UNKNOWN);
	maybe_count(t, "host/ports with keys", has_outside(st) ? st->nuses : RUNINFO_UNKNOWN);
	maybe_count(t, "distinct keys", has_outside(st) ? st->nkeys : RUNINFO_UNKNOWN);
	maybe_count(t, "keys on two or more hosts", shared);
	maybe_count(t, "host/ports with such a key", reused_uses);
	if (has_outside(st))
		row_share(
		    table_row(t, "share of host/ports with such a key"), 0, reused_uses, st->nuses);
	else
		table_row(t, "share of host/ports with such a key");
	maybe_count(t, "clusters", st->nclusters);
	maybe_count(t, "clusters over two or more ASes", multi);
	maybe_count(t, "hosts in clusters", clustered);
	if (has_outside(st))
		row_share(table_row(t, "share of hosts in clusters"), 0, clustered, st->nhosts);
	else
		table_row(t, "share of hosts in clusters");
	maybe_count(t, "hosts in the largest cluster", largest);
}

/* On how many hosts a key stands on each port, and on the same host's other ports. */
struct key_ports {
	uint32_t hosts[NPORTS];
	uint32_t only_host[NPORTS]; /* a host of it: the only one where hosts is 1 */
	uint32_t several; /* hosts that show it on two or more ports */
};

static void
count_key_ports(struct key_ports *p, const struct study *st, const struct study_key *k)
{
	*p = (struct key_ports){ .several = 0 };
	for (uint32_t i = 0; i < k->nuse; i++) { /* by host, then port: each pair stands once */
		const struct study_use *u = &st->uses[k->use0 + i];
		int row = port_index(u->port);

		if (i > 0 && u[-1].host == u->host && (i < 2 || u[-2].host != u->host))
			p->several++;
		if (row == -1)
			continue;
		p->hosts[row]++;
		p->only_host[row] = u->host;
	}
}

static void
ports(struct tables *ts, const struct study *st, const struct runinfo *run)
{
	static const char *const columns[] = { "hosts with a key", "distinct keys", "shared keys",
		"hosts with a shared key", "in clusters", "outside", "hosts asked", "answered",
		NULL };
	struct table *t = tables_add(ts, "ports", "Ports", "port", columns);
	uint64_t n[NPORTS][6] = { { 0 } };

	for (uint32_t i = 0; i < st->nkeys; i++) {
		struct key_ports p;

		count_key_ports(&p, st, &st->keys[i]);
		for (int row = 0; row < NPORTS; row++) {
			n[row][1] += p.hosts[row] > 0;
			n[row][2] += p.hosts[row] > 0 && st->keys[i].nhosts > 1;
		}
	}
	for (uint32_t i = 0; i < st->nhosts; i++) {
		bool any[NPORTS] = { false }, shared[NPORTS] = { false };

		for (uint32_t k = 0; k < st->hosts[i].nuse; k++) {
			const struct study_use *u = &st->uses[st->by_host[st->hosts[i].use0 + k]];
			int row = port_index(u->port);

			if (row == -1)
				continue;
			any[row] = true;
			shared[row] |= st->keys[u->key].nhosts > 1;
		}
		for (int row = 0; row < NPORTS; row++) {
			n[row][0] += any[row];
			n[row][3] += shared[row];
			n[row][st->hosts[i].cluster != STUDY_NONE ? 4 : 5] += any[row];
		}
	}
	for (int row = 0; row < NPORTS; row++) {
		struct row *r;

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
}

/* RFC 6176, RFC 7568, RFC 8996; SSH before 2.0. */
static bool
is_deprecated(const char *version)
{
	static const char *const old[] = { "SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "1.5", "1.3" };

	for (size_t i = 0; version != NULL && i < sizeof(old) / sizeof(old[0]); i++) {
		if (strcmp(version, old[i]) == 0)
			return true;
	}
	return false;
}

static void
versions(struct tables *ts, const struct study *st)
{
	struct table *t = tables_add(ts, "versions", "SSH and TLS versions, host/ports with a key",
	    "port and version", split_columns);

	if (!st->found.versions) {
		t->note = "This directory does not tell protocol versions (survey.db does).";
		return;
	}
	for (int row = 0; row < NPORTS; row++) {
		struct tally by_version = { 0 };

		for (uint32_t i = 0; i < st->nhosts; i++) {
			for (uint32_t k = 0; k < st->hosts[i].nports; k++) {
				const struct study_port *p = &st->ports[st->hosts[i].port0 + k];
				char label[96];

				if (p->port != port_table[row].port)
					continue;
				snprintf(label, sizeof(label), "%u %s%s", p->port,
				    p->port == 22 && p->version != NULL ? "SSH-" : "",
				    p->version != NULL ? p->version : "unknown");
				tally(&by_version, st, label, i, is_deprecated(p->version));
			}
		}
		tally_rows(&by_version, t, st);
	}
}

static void
software(struct tables *ts, const struct study *st)
{
	struct table *t = tables_add(
	    ts, "software", "Servers as they name themselves, host/ports", "server", split_columns);
	struct tally by_name = { 0 };
	bool any = false;

	for (uint32_t i = 0; i < st->nhosts; i++) {
		for (uint32_t k = 0; k < st->hosts[i].nports; k++) {
			const struct study_port *p = &st->ports[st->hosts[i].port0 + k];
			struct buf b;

			if (p->software == NULL || p->software[0] == '\0')
				continue;
			buf_init(&b);
			buf_adds(&b, p->port == 22 ? "SSH " : "web ");
			text_plain(&b, p->software, strlen(p->software), 40);
			tally(&by_name, st, b.data, i, false);
			buf_fini(&b);
			any = true;
		}
	}
	if (!any)
		t->note = "This directory does not tell the names of servers.";
	tally_rows(&by_name, t, st);
}

static void
key_types(struct tables *ts, const struct study *st)
{
	struct table *t = tables_add(
	    ts, "keytypes", "Key types and lengths, host/ports with a key", "key", split_columns);
	struct tally types[2] = { { 0 }, { 0 } };

	if (!st->found.facts)
		t->note = "This directory does not tell key types.";
	for (uint32_t i = 0; i < st->nhosts; i++) {
		for (uint32_t k = 0; k < st->hosts[i].nports; k++) {
			const struct study_port *p = &st->ports[st->hosts[i].port0 + k];
			const char *kind = p->port == 22 ? "SSH" : "TLS";
			char label[96];

			if (p->bits > 0)
				snprintf(label, sizeof(label), "%s RSA %u", kind, p->bits);
			else
				snprintf(label, sizeof(label), "%s %s", kind,
				    p->alg != NULL ? p->alg : "unknown");
			tally(&types[p->port != 22], st, label, i, p->bits > 0 && p->bits < 2048);
		}
	}
	tally_rows(&types[0], t, st);
	tally_rows(&types[1], t, st);
}

/* Does the port show a key that another host shows too? */
static bool
key_is_reused(const struct study *st, uint32_t host, uint16_t port)
{
	const struct study_host *h = &st->hosts[host];

	for (uint32_t k = 0; k < h->nuse; k++) {
		const struct study_use *u = &st->uses[st->by_host[h->use0 + k]];

		if (u->port == port && st->keys[u->key].nhosts > 1)
			return true;
	}
	return false;
}

static void
suites(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "weakness", "host/ports", "with a shared key",
		NULL };
	struct table *t = tables_add(
	    ts, "suites", "TLS cipher suites, the weak ones marked", "suite", columns);
	uint32_t(*n)[2] = xcalloc(UINT16_MAX + 1, sizeof(*n));
	uint64_t weak[2] = { 0, 0 };

	for (uint32_t i = 0; i < st->nhosts; i++) {
		for (uint32_t k = 0; k < st->hosts[i].nports; k++) {
			const struct study_port *p = &st->ports[st->hosts[i].port0 + k];

			if (p->cipher == 0 || p->port == 22)
				continue;
			n[p->cipher][0]++;
			n[p->cipher][1] += key_is_reused(st, i, p->port);
		}
	}
	for (;;) {
		uint32_t best = 0;
		const char *name, *weakness;
		struct row *r;

		for (uint32_t c = 1; c <= UINT16_MAX; c++) {
			if (n[c][0] > n[best][0])
				best = c;
		}
		if (n[best][0] == 0 || t->nrows == SUITES_MAX)
			break;
		name = suite_name((uint16_t)best);
		weakness = suite_weakness((uint16_t)best);
		r = name != NULL ? table_row(t, "TLS_%s", name) : table_row(t, "0x%04X", best);
		row_text(r, 0, "%s", weakness != NULL ? weakness : "");
		r->alarm = weakness != NULL && strcmp(weakness, "no forward secrecy") != 0;
		row_count(r, 1, n[best][0]);
		row_count(r, 2, n[best][1]);
		if (r->alarm) {
			weak[0] += n[best][0];
			weak[1] += n[best][1];
		}
		n[best][0] = 0;
	}
	if (t->nrows > 0) {
		struct row *r = table_row(t, "all broken or weak ciphers");

		row_count(r, 1, weak[0]);
		row_count(r, 2, weak[1]);
	} else {
		t->note = "This directory does not tell cipher suites.";
	}
	free(n);
}

static bool
has_wildcard(const struct study *st, const struct study_host *h, uint16_t port)
{
	for (uint32_t i = 0; i < h->nnames; i++) {
		const struct study_name *n = &st->names[h->name0 + i];

		if (n->key[0] == 'p' && strtoul(n->key + 1, NULL, 10) == port &&
		    strncmp(n->name, "*.", 2) == 0)
			return true;
	}
	return false;
}

static void
certificates(struct tables *ts, const struct study *st)
{
	struct table *t = tables_add(ts, "certificates", "Certificates, host/ports with a TLS key",
	    "certificate", split_columns);
	struct split all = { 0, 0 }, expired = all, self = all, untrusted = all, trusted = all,
		     wild = all;

	if (!st->found.facts) {
		t->note = "This directory does not tell what certificates say.";
		return;
	}
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];

		for (uint32_t k = 0; k < h->nports; k++) {
			const struct study_port *p = &st->ports[h->port0 + k];

			if (p->port == 22)
				continue;
			count_split(&all, st, i);
			if (p->timely == STUDY_NO)
				count_split(&expired, st, i);
			if (p->self_signed == STUDY_YES)
				count_split(&self, st, i);
			if (p->trusted == STUDY_YES)
				count_split(&trusted, st, i);
			if (p->trusted == STUDY_NO)
				count_split(&untrusted, st, i);
			if (has_wildcard(st, h, p->port))
				count_split(&wild, st, i);
		}
	}
	split_row(t, st, "all", &all, false);
	split_row(t, st, "trusted by browsers", &trusted, false);
	split_row(t, st, "not trusted", &untrusted, false);
	split_row(t, st, "self-signed", &self, false);
	split_row(t, st, "expired or not yet valid", &expired, false);
	split_row(t, st, "with a wildcard name", &wild, false);
}

static void
names(struct tables *ts, const struct study *st)
{
	static const char *const labels[STUDY_NVERDICTS] = {
		[STUDY_GOOD] = "a name leads back to the host",
		[STUDY_BAD] = "its names lead elsewhere or nowhere",
		[STUDY_UNKNOWN] = "unknown (no answer)",
		[STUDY_NO_NAME] = "no name",
	};
	struct table *t = tables_add(
	    ts, "names", "Hosts by what their names say", "names", split_columns);
	struct split n[STUDY_NVERDICTS] = { { 0, 0 } };
	bool any = false;

	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (!st->hosts[i].has_verdict)
			continue;
		count_split(&n[st->hosts[i].verdict], st, i);
		any = true;
	}
	if (!any) {
		t->note = "This directory has no verdicts on names.";
		return;
	}
	for (int v = 0; v < STUDY_NVERDICTS; v++) {
		if (labels[v] != NULL)
			split_row(t, st, labels[v], &n[v], false);
	}
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

	for (uint32_t i = 0; i < st->nclusters; i++)
		all += size[i] = st->clusters[i].nhosts;
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

	for (uint32_t i = 0; i < st->nkeys; i++) {
		const struct study_key *k = &st->keys[i];
		uint32_t most = 0;

		for (uint32_t u = k->use0, v; u < k->use0 + k->nuse; u = v) {
			for (v = u; v < k->use0 + k->nuse && st->uses[v].host == st->uses[u].host;
			     v++)
				;
			if (v - u > most)
				most = v - u;
		}
		keys[most <= NPORTS ? most : NPORTS]++;
	}
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];
		uint32_t most = 0;

		for (uint32_t a = 0; a < h->nuse; a++) {
			uint32_t same = 0;

			for (uint32_t b = 0; b < h->nuse; b++)
				same += st->uses[st->by_host[h->use0 + a]].key ==
					st->uses[st->by_host[h->use0 + b]].key;
			if (same > most)
				most = same;
		}
		hosts[most <= NPORTS ? most : NPORTS]++;
	}
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

	for (uint32_t i = 0; i < st->nkeys; i++) {
		const struct study_key *k = &st->keys[i];
		uint64_t pairs = pairs_of_key(st, k, keys);
		bool alarm = k->ssh && k->tls;

		alarm_keys += alarm;
		for (uint32_t u = k->use0; u < k->use0 + k->nuse; u++) {
			int row = port_index(st->uses[u].port);

			if (row != -1)
				mask[st->uses[u].host] |= pairs_with(pairs, row);
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

static const struct study *sorting;

static int
by_as_hosts(const void *pa, const void *pb)
{
	const struct study_as *a = &sorting->ases[*(const uint32_t *)pa];
	const struct study_as *b = &sorting->ases[*(const uint32_t *)pb];

	if (a->nclustered != b->nclustered)
		return a->nclustered > b->nclustered ? -1 : 1;
	if (a->nhosts != b->nhosts)
		return a->nhosts > b->nhosts ? -1 : 1;
	return by_number(pa, pb);
}

static void
top_ases(struct tables *ts, const struct study *st)
{
	struct table *t = tables_add(
	    ts, "ases", "ASes with most hosts in clusters", "AS", split_columns);
	uint32_t *order = xcalloc((size_t)st->nases + 1, sizeof(*order));
	struct buf b;

	buf_init(&b);
	for (uint32_t i = 0; i < st->nases; i++)
		order[i] = i;
	sorting = st;
	qsort(order, st->nases, sizeof(*order), by_as_hosts);
	for (uint32_t i = 0; i < st->nases && i < TOP_ROWS; i++) {
		const struct study_as *as = &st->ases[order[i]];
		struct split n = { as->nclustered, as->nhosts - as->nclustered };

		if (as->nhosts == 0)
			break;
		buf_clear(&b);
		if (as->asn != 0)
			buf_printf(&b, "AS%u ", as->asn);
		text_plain(&b, as->name, strlen(as->name), 48);
		split_row(t, st, b.len > 0 ? b.data : "AS unknown", &n, false);
	}
	buf_fini(&b);
	free(order);
}

static int
by_cluster_hosts(const void *pa, const void *pb)
{
	uint32_t a = sorting->clusters[*(const uint32_t *)pa].nhosts;
	uint32_t b = sorting->clusters[*(const uint32_t *)pb].nhosts;

	return a != b ? (a > b ? -1 : 1) : by_number(pa, pb);
}

static void
top_clusters(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "hosts", "ASes", "shared keys", "keys",
		"hosts of the most-used key", "trusted certificates", "wildcard certificates",
		NULL };
	struct table *t = tables_add(ts, "clusters", "The largest clusters", "cluster", columns);
	uint32_t *order = xcalloc((size_t)st->nclusters + 1, sizeof(*order));

	for (uint32_t i = 0; i < st->nclusters; i++)
		order[i] = i;
	sorting = st;
	qsort(order, st->nclusters, sizeof(*order), by_cluster_hosts);
	for (uint32_t i = 0; i < st->nclusters && i < TOP_ROWS; i++) {
		const struct study_cluster *c = &st->clusters[order[i]];
		struct row *r = table_row(t, "%u", c->id);
		uint64_t trusted = 0, wild = 0;

		for (uint32_t h = c->host0; h < c->host0 + c->nhosts; h++) {
			for (uint32_t k = 0; k < st->hosts[h].nports; k++) {
				const struct study_port *p = &st->ports[st->hosts[h].port0 + k];

				trusted += p->trusted == STUDY_YES;
				wild += p->port != 22 && has_wildcard(st, &st->hosts[h], p->port);
			}
		}
		row_count(r, 0, c->nhosts);
		row_count(r, 1, c->nas);
		row_count(r, 2, c->nshared);
		row_count(r, 3, c->nkeys);
		row_count(r, 4, c->nkeys > 0 ? st->keys[c->key0].nhosts : 0);
		if (st->found.facts) {
			row_count(r, 5, trusted);
			row_count(r, 6, wild);
		}
	}
	free(order);
}

static int
by_key_hosts(const void *pa, const void *pb)
{
	uint32_t a = sorting->keys[*(const uint32_t *)pa].nhosts;
	uint32_t b = sorting->keys[*(const uint32_t *)pb].nhosts;

	return a != b ? (a > b ? -1 : 1) : by_number(pa, pb);
}

static void
top_keys(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "hosts", "host/ports", "ports", "cluster", NULL };
	struct table *t = tables_add(ts, "keys", "The most re-used keys", "key", columns);
	uint32_t *order = xcalloc((size_t)st->nkeys + 1, sizeof(*order));

	for (uint32_t i = 0; i < st->nkeys; i++)
		order[i] = i;
	sorting = st;
	qsort(order, st->nkeys, sizeof(*order), by_key_hosts);
	for (uint32_t i = 0; i < st->nkeys && i < TOP_ROWS; i++) {
		const struct study_key *k = &st->keys[order[i]];
		struct key_ports p;
		struct buf b;
		struct row *r;

		if (k->nhosts < 2)
			break;
		r = table_row(t, "%.32s", k->fp[0] != '\0' ? k->fp : "not named in the file");
		row_count(r, 0, k->nhosts);
		row_count(r, 1, k->nuse);
		count_key_ports(&p, st, k);
		buf_init(&b);
		for (int row = 0; row < NPORTS; row++) {
			if (p.hosts[row] > 0)
				buf_printf(&b, "%s%u", b.len > 0 ? " " : "", port_table[row].port);
		}
		row_text(r, 2, "%s", b.data);
		buf_fini(&b);
		r->alarm = k->ssh && k->tls;
		if (st->hosts[st->uses[k->use0].host].cluster != STUDY_NONE)
			row_count(r, 3, st->clusters[st->hosts[st->uses[k->use0].host].cluster].id);
	}
	free(order);
}

void
stats_tables(struct tables *ts, const struct study *st, const struct runinfo *run)
{
	overview(ts, st, run);
	ports(ts, st, run);
	versions(ts, st);
	software(ts, st);
	key_types(ts, st);
	suites(ts, st);
	certificates(ts, st);
	names(ts, st);
	sizes(ts, st);
	one_host(ts, st);
	port_by_port(ts, st);
	top_ases(ts, st);
	top_clusters(ts, st);
	top_keys(ts, st);
}
