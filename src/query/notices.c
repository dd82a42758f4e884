/* Which keys concern their owners, and how they stand to an earlier run. */
#include <stdlib.h>
#include <string.h>

#include "survey/finding.h"
#include "survey/mem.h"
#include "survey/order.h"

#include "notify.h"

const char *const notice_status_words[NOTICE_NSTATUS] = { "new", "changed", "open" };

/*
 * By key: its worst finding, or STUDY_NONE.  Findings come by falling severity; *next,
 * unless NULL, gets by finding the next one of the same key.
 */
static uint32_t *
worst_findings(const struct study *st, uint32_t **next)
{
	size_t n = st->findings != NULL ? st->findings->nfindings : 0;
	uint32_t *worst = xcalloc((size_t)st->nkeys + 1, sizeof(*worst));

	memset(worst, 0xff, st->nkeys * sizeof(*worst));
	if (next != NULL)
		*next = xcalloc(n + 1, sizeof(**next));
	for (size_t i = n; i-- > 0;) {
		uint32_t *first = &worst[st->findings->findings[i].key];

		if (next != NULL)
			(*next)[i] = *first;
		*first = (uint32_t)i;
	}
	return worst;
}

static bool
concerns(const struct study *st, const uint32_t *worst, uint32_t key)
{
	return st->keys[key].named && (st->keys[key].nhosts > 1 || worst[key] != STUDY_NONE);
}

/* ASes, unknown ones as one: stamps by AS number of the study, the last for all unknown. */
static uint32_t
count_as(const struct study *st, uint32_t host, uint32_t *stamp, uint32_t turn)
{
	uint32_t as = st->hosts[host].as, slot = st->ases[as].asn != 0 ? as : st->nases;

	if (stamp[slot] == turn)
		return 0;
	stamp[slot] = turn;
	return 1;
}

static void
count_operators(struct notices *n)
{
	const struct study *st = n->st;
	uint32_t *stamp = xcalloc((size_t)st->nases + 1, sizeof(*stamp)), turn = 0;

	n->operators = xcalloc((size_t)st->nkeys + 1, sizeof(*n->operators));
	n->cluster_operators = xcalloc((size_t)st->nclusters + 1, sizeof(*n->cluster_operators));
	for (uint32_t i = 0; i < st->nkeys; i++) {
		const struct study_span *u = &st->keys[i].uses;

		turn++;
		for (uint32_t k = u->at; k < u->at + u->n; k++)
			n->operators[i] += count_as(st, st->uses[k].host, stamp, turn);
	}
	for (uint32_t i = 0; i < st->nclusters; i++) {
		turn++;
		for (uint32_t k = 0; k < st->clusters[i].hosts.n; k++)
			n->cluster_operators[i] += count_as(
			    st, study_member(st, &st->clusters[i], k), stamp, turn);
	}
	free(stamp);
}

static int64_t
seen_at(const struct study *st, const struct study_grab *g)
{
	return g->at != TIME_UNKNOWN ? g->at : st->hosts[g->host].time;
}

/* Since when the key has been on the port, as far as both runs tell; and how the port stands to the earlier one. */
static void
look_back(const struct notices *n, const uint32_t *worst_before, struct notice_key *k)
{
	const struct study *a = n->before;
	const struct study_grab *g = &n->st->grabs[k->grab];
	uint32_t host = a != NULL ? n->m.host_a[g->host] : STUDY_NONE;
	struct study_span span;

	k->first = k->last = seen_at(n->st, g);
	k->status = a != NULL ? NOTICE_NEW : NOTICE_OPEN;
	if (host == STUDY_NONE || worst_before == NULL || a->hosts[host].out != OUT_NONE)
		return;
	span = a->hosts[host].grabs;
	for (uint32_t i = span.at; i < span.at + span.n; i++) {
		const struct study_grab *x = &a->grabs[i];

		if (x->port != g->port)
			continue;
		if (n->m.key_b[x->key] == k->key) {
			k->first = seen_at(a, x) != TIME_UNKNOWN ? seen_at(a, x) : k->first;
			/* Seen before, and nobody could know that it concerns them: new. */
			k->status = concerns(a, worst_before, x->key) ? NOTICE_OPEN : NOTICE_NEW;
			return;
		}
		if (match_same_type(a, x, n->st, g) && concerns(a, worst_before, x->key))
			k->status = NOTICE_CHANGED;
	}
}

/* What another operator can do with the key counts more than what one of the own hosts can. */
static uint8_t
severity_of(const struct notices *n, uint32_t key, uint32_t finding)
{
	uint8_t severity = FINDING_LOW;

	if (n->st->keys[key].nhosts > 1)
		severity = n->operators[key] > 1 ? FINDING_HIGH : FINDING_MEDIUM;
	if (finding != STUDY_NONE) {
		uint8_t weak = finding_kinds[n->st->findings->findings[finding].kind].severity;

		severity = weak < severity ? weak : severity;
	}
	return severity;
}

static void
add_key(struct notices *n, const struct notice_key *k, size_t *cap_keys, size_t *cap)
{
	const struct study_grab *g = &n->st->grabs[k->grab];
	struct notice *row = n->n > 0 ? &n->v[n->n - 1] : NULL;

	if (row == NULL || row->host != g->host || row->port != g->port) {
		mem_grow(&n->v, cap, (size_t)n->n + 1, sizeof(*n->v));
		row = &n->v[n->n];
		*row = (struct notice){ .host = g->host,
			.port = g->port,
			.main = n->nkeys,
			.keys.at = n->nkeys,
			.severity = k->severity,
			.status = k->status };
		if (n->of_host[g->host].n++ == 0)
			n->of_host[g->host].at = n->n;
		n->n++;
	}
	if (k->severity < row->severity) {
		row->severity = k->severity;
		row->main = n->nkeys;
	}
	if (k->status < row->status)
		row->status = k->status;
	row->keys.n++;
	mem_grow(&n->keys, cap_keys, (size_t)n->nkeys + 1, sizeof(*n->keys));
	n->keys[n->nkeys++] = *k;
}

/* Hosts of the earlier run whose keys concerned them, and how that ended. */
static void
find_aftermath(struct notices *n, const uint32_t *worst_before)
{
	const struct study *a = n->before;

	n->aftermath = xcalloc((size_t)a->nhosts + 1, sizeof(*n->aftermath));
	for (uint32_t i = 0; i < a->nhosts; i++) {
		uint32_t now = n->m.host_b[i];
		struct study_span ga = a->hosts[i].grabs, gb = { 0, 0 };
		bool any = false, still = false, unseen = false, again = false;

		if (a->hosts[i].out != OUT_NONE)
			continue;
		if (now != STUDY_NONE && n->st->hosts[now].out == OUT_NONE)
			gb = n->st->hosts[now].grabs;
		for (uint32_t x = ga.at; x < ga.at + ga.n; x++) {
			bool replaced = false;

			if (!concerns(a, worst_before, a->grabs[x].key))
				continue;
			any = true;
			for (uint32_t y = gb.at; y < gb.at + gb.n; y++) {
				const struct study_grab *g = &n->st->grabs[y];

				still = still || g->key == n->m.key_b[a->grabs[x].key];
				if (!match_same_type(a, &a->grabs[x], n->st, g))
					continue;
				replaced = true;
				again = again || concerns(n->st, n->worst, g->key);
			}
			unseen = unseen || !replaced;
		}
		if (any && !still && !again)
			n->aftermath[i] = unseen ? AFTER_SILENT : AFTER_REPAIRED;
	}
}

void
notices_find(struct notices *n, const struct study *st, const struct study *before)
{
	uint32_t *worst_before = NULL;
	size_t cap_keys = 0, cap = 0;

	*n = (struct notices){ .st = st, .before = before };
	n->worst = worst_findings(st, &n->next_finding);
	count_operators(n);
	n->of_host = xcalloc((size_t)st->nhosts + 1, sizeof(*n->of_host));
	if (before != NULL) {
		match_init(&n->m, before, st);
		worst_before = worst_findings(before, NULL);
		find_aftermath(n, worst_before);
	}
	for (uint32_t i = 0; i < st->ngrabs; i++) {
		uint32_t key = st->grabs[i].key;
		struct notice_key k = { .grab = i, .key = key };

		if (st->hosts[st->grabs[i].host].out != OUT_NONE || !concerns(st, n->worst, key) ||
		    study_key_again(st, i))
			continue;
		k.finding = n->worst[key];
		k.severity = severity_of(n, key, k.finding);
		look_back(n, worst_before, &k);
		add_key(n, &k, &cap_keys, &cap);
	}
	free(worst_before);
}

void
notices_fini(struct notices *n)
{
	if (n->before != NULL)
		match_fini(&n->m);
	free(n->v);
	free(n->keys);
	free(n->of_host);
	free(n->aftermath);
	free(n->worst);
	free(n->next_finding);
	free(n->operators);
	free(n->cluster_operators);
}

/* ---- a constituency ---- */

void
view_init(struct view *v, const struct notices *n)
{
	const struct study *st = n->st;

	*v = (struct view){ .n = n };
	v->own = xcalloc((size_t)st->nhosts + 1, sizeof(*v->own));
	v->own_of_key = xcalloc((size_t)st->nkeys + 1, sizeof(*v->own_of_key));
	v->others_of_key = xcalloc((size_t)st->nkeys + 1, sizeof(*v->others_of_key));
	v->last_host = xcalloc((size_t)st->nkeys + 1, sizeof(*v->last_host));
	v->own_of_cluster = xcalloc((size_t)st->nclusters + 1, sizeof(*v->own_of_cluster));
	v->stamp = xcalloc((size_t)st->nases + 1, sizeof(*v->stamp));
}

void
view_fini(struct view *v)
{
	free(v->own);
	free(v->keys);
	free(v->clusters);
	free(v->own_of_key);
	free(v->others_of_key);
	free(v->own_of_cluster);
	free(v->last_host);
	free(v->stamp);
}

/* Forget the one before: what was set for it, and nothing else is looked at. */
static void
leave(struct view *v)
{
	for (size_t i = 0; v->c != NULL && i < v->c->nhosts; i++)
		v->own[v->c->hosts[i]] = false;
	for (size_t i = 0; v->c != NULL && i < v->c->napart; i++)
		v->own[v->c->apart[i]] = false;
	for (uint32_t i = 0; i < v->nkeys; i++)
		v->own_of_key[v->keys[i]] = v->last_host[v->keys[i]] = 0;
	for (uint32_t i = 0; i < v->nclusters; i++)
		v->own_of_cluster[v->clusters[i]] = 0;
	v->nkeys = v->nclusters = 0;
}

static void
enter_host(struct view *v, uint32_t host)
{
	const struct notices *n = v->n;
	uint32_t cluster = n->st->hosts[host].cluster;

	v->own[host] = true;
	if (cluster != STUDY_NONE && v->own_of_cluster[cluster]++ == 0) {
		mem_grow(
		    &v->clusters, &v->cap_clusters, (size_t)v->nclusters + 1, sizeof(*v->clusters));
		v->clusters[v->nclusters++] = cluster;
	}
	for (uint32_t r = n->of_host[host].at; r < n->of_host[host].at + n->of_host[host].n; r++) {
		const struct notice *row = &n->v[r];

		for (uint32_t k = row->keys.at; k < row->keys.at + row->keys.n; k++) {
			uint32_t key = n->keys[k].key;

			if (v->last_host[key] == host + 1)
				continue; /* on another port of it, too */
			v->last_host[key] = host + 1;
			if (v->own_of_key[key]++ > 0)
				continue;
			mem_grow(&v->keys, &v->cap_keys, (size_t)v->nkeys + 1, sizeof(*v->keys));
			v->keys[v->nkeys++] = key;
		}
	}
}

/* A host that nobody is told of: it counts for keys and clusters that other own hosts have. */
static void
enter_apart(struct view *v, uint32_t host)
{
	const struct notices *n = v->n;
	uint32_t cluster = n->st->hosts[host].cluster;
	struct study_span rows = n->of_host[host];

	v->own[host] = true;
	if (cluster != STUDY_NONE && v->own_of_cluster[cluster] > 0)
		v->own_of_cluster[cluster]++;
	for (uint32_t r = rows.at; r < rows.at + rows.n; r++) {
		struct study_span keys = n->v[r].keys;

		for (uint32_t k = keys.at; k < keys.at + keys.n; k++) {
			uint32_t key = n->keys[k].key;

			if (v->own_of_key[key] == 0 || v->last_host[key] == host + 1)
				continue;
			v->last_host[key] = host + 1;
			v->own_of_key[key]++;
		}
	}
}

/*
 * Operators of a key's other hosts.  Where constituencies are ASes, they are counted by subtraction:
 * to walk over all hosts of a key for each of its ASes would be quadratic.  A few networks or
 * domains may, once a key.
 */
static uint32_t
count_others(struct view *v, uint32_t key)
{
	const struct study *st = v->n->st;
	const struct study_span *uses = &st->keys[key].uses;
	uint32_t n = 0;

	if (v->c->kind == BY_AS)
		return v->n->operators[key] - 1;
	v->stamped++;
	for (uint32_t u = uses->at; u < uses->at + uses->n; u++) {
		if (!v->own[st->uses[u].host])
			n += count_as(st, st->uses[u].host, v->stamp, v->stamped);
	}
	return n;
}

void
view_of(struct view *v, struct constituency *c)
{
	leave(v);
	v->c = c;
	for (size_t i = 0; i < c->nhosts; i++)
		enter_host(v, c->hosts[i]);
	for (size_t i = 0; i < c->napart; i++)
		enter_apart(v, c->apart[i]);
	for (uint32_t i = 0; i < v->nkeys; i++)
		v->others_of_key[v->keys[i]] = count_others(v, v->keys[i]);
	if (v->nclusters > 1)
		qsort(v->clusters, v->nclusters, sizeof(*v->clusters), order_u32);
}

struct share
view_key(const struct view *v, uint32_t key)
{
	return (struct share){ .own_hosts = v->own_of_key[key],
		.other_hosts = v->n->st->keys[key].nhosts - v->own_of_key[key],
		.other_operators = v->others_of_key[key] };
}

struct share
view_cluster(struct view *v, uint32_t cluster)
{
	const struct study *st = v->n->st;
	const struct study_cluster *c = &st->clusters[cluster];
	struct share s = { .own_hosts = v->own_of_cluster[cluster] };

	s.other_hosts = c->hosts.n - s.own_hosts;
	if (v->c->kind == BY_AS) {
		s.other_operators = v->n->cluster_operators[cluster] - 1;
		return s;
	}
	v->stamped++;
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		uint32_t host = study_member(st, c, i);

		if (!v->own[host])
			s.other_operators += count_as(st, host, v->stamp, v->stamped);
	}
	return s;
}
