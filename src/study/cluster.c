/* Pure: which hosts hang together by equal keys. */
#include <stdlib.h>
#include <string.h>

#include "survey/unionfind.h"

#include "build.h"

static bool
takes_part(const struct study *st, uint32_t host)
{
	return st->hosts[host].out == OUT_NONE;
}

/*
 * The uses of keys by hosts that take part, by key, host and port.  Grabs lie
 * by host and port, so that counting them out by key keeps that order.
 */
static void
list_uses(struct study *st)
{
	uint32_t *start = xcalloc((size_t)st->nkeys + 1, sizeof(*start));
	struct study_use *sorted;
	uint32_t n = 0, out = 0, *at;

	for (uint32_t i = 0; i < st->ngrabs; i++) {
		if (!takes_part(st, st->grabs[i].host))
			continue;
		start[st->grabs[i].key + 1]++;
		n++;
	}
	for (uint32_t k = 1; k <= st->nkeys; k++)
		start[k] += start[k - 1];
	at = xcalloc((size_t)st->nkeys + 1, sizeof(*at));
	memcpy(at, start, ((size_t)st->nkeys + 1) * sizeof(*at));
	sorted = xcalloc((size_t)n + 1, sizeof(*sorted));
	for (uint32_t i = 0; i < st->ngrabs; i++) {
		const struct study_grab *g = &st->grabs[i];

		if (takes_part(st, g->host))
			sorted[at[g->key]++] = (struct study_use){ g->key, g->host, g->port };
	}
	for (uint32_t k = 0; k < st->nkeys; k++) { /* each once */
		struct study_key *key = &st->keys[k];
		uint32_t first = out;

		key->nhosts = 0;
		key->ssh = key->tls = false;
		for (uint32_t i = start[k]; i < start[k + 1]; i++) {
			struct study_use u = sorted[i];

			if (out > first && sorted[out - 1].host == u.host &&
			    sorted[out - 1].port == u.port)
				continue;
			key->nhosts += out == first || sorted[out - 1].host != u.host;
			if (port_table[u.port].kind == KEY_SSH_HOST)
				key->ssh = true;
			else
				key->tls = true;
			sorted[out++] = u;
		}
		key->uses = (struct study_span){ first, out - first };
	}
	st->uses = sorted;
	st->nuses = out;
	free(at);
	free(start);
}

/*
 * Number the components of two and more hosts, others that are left out included, by
 * their first hosts.
 */
static void
number_clusters(struct study *st, uint32_t (*joins)[2], size_t njoins)
{
	uint32_t *parent = unionfind_new(st->nhosts), *at;
	uint32_t *count = xcalloc((size_t)st->nhosts + 1, sizeof(*count));
	bool *more = xcalloc((size_t)st->nhosts + 1, sizeof(*more)); /* there are others */

	for (uint32_t i = 1; i < st->nuses; i++) {
		if (st->uses[i].key == st->uses[i - 1].key)
			unionfind_join(parent, st->uses[i - 1].host, st->uses[i].host);
	}
	for (size_t i = 0; i < njoins; i++) {
		if (takes_part(st, joins[i][0]) && takes_part(st, joins[i][1]))
			unionfind_join(parent, joins[i][0], joins[i][1]);
	}
	for (uint32_t i = 0; i < st->nhosts; i++)
		count[unionfind_root(parent, i)]++;
	for (uint32_t i = 0; i < st->nothers; i++)
		more[unionfind_root(parent, st->others[i].host)] = takes_part(
		    st, st->others[i].host);
	for (uint32_t i = 0; i < st->nhosts; i++)
		st->nclusters += parent[i] == i && (count[i] > 1 || more[i]);
	st->clusters = xcalloc((size_t)st->nclusters + 1, sizeof(*st->clusters));
	st->nclusters = 0;
	for (uint32_t i = 0; i < st->nhosts; i++) {
		uint32_t root = unionfind_root(parent, i);

		st->hosts[i].cluster = STUDY_NONE;
		if (count[root] < 2 && !more[root])
			continue;
		if (root == i) {
			st->clusters[st->nclusters].id = st->nclusters + 1;
			st->clusters[st->nclusters].hosts.at = st->nmembers;
			st->nmembers += count[root];
			st->hosts[i].cluster = st->nclusters++;
		} else {
			st->hosts[i].cluster = st->hosts[root].cluster;
		}
	}
	st->members = xcalloc((size_t)st->nmembers + 1, sizeof(*st->members));
	st->place = xcalloc((size_t)st->nhosts + 1, sizeof(*st->place));
	at = count;
	for (uint32_t i = 0; i < st->nhosts; i++) {
		struct study_cluster *c;

		st->place[i] = STUDY_NONE;
		if (st->hosts[i].cluster == STUDY_NONE)
			continue;
		c = &st->clusters[st->hosts[i].cluster];
		st->place[i] = c->hosts.at + c->hosts.n++;
		st->members[st->place[i]] = i;
	}
	free(at);
	free(more);
	free(parent);
}

static int
by_cluster_number(const void *pa, const void *pb)
{
	const struct study_others *a = pa, *b = pb;

	return a->cluster < b->cluster ? -1 : a->cluster > b->cluster;
}

/* By cluster, one of each; their clusters and keys know of them. */
static void
order_others(struct study *st)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < st->nothers; i++)
		st->others[i].cluster = st->hosts[st->others[i].host].cluster;
	if (st->nothers > 0)
		qsort(st->others, st->nothers, sizeof(*st->others), by_cluster_number);
	for (uint32_t i = 0; i < st->nothers && st->others[i].cluster != STUDY_NONE; i++) {
		if (n == 0 || st->others[n - 1].cluster != st->others[i].cluster)
			st->others[n++] = st->others[i];
	}
	st->nothers = n;
	for (uint32_t i = 0; i < n; i++) {
		const struct study_others *o = &st->others[i];

		st->clusters[o->cluster].nothers = o->hosts;
		for (uint32_t k = o->keys.at; k < o->keys.at + o->keys.n; k++)
			st->keys[st->others_keys[k].key].of_others = true;
	}
}

static int
by_sharing(const void *pa, const void *pb, void *arg)
{
	const struct study *st = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	const struct study_key *x = &st->keys[a], *y = &st->keys[b];

	if (study_key_shared(x) != study_key_shared(y))
		return study_key_shared(x) ? -1 : 1;
	if (x->nhosts != y->nhosts)
		return x->nhosts > y->nhosts ? -1 : 1;
	/* First hosts, then first appearance, which is what numbers tell. */
	if (st->uses[x->uses.at].host != st->uses[y->uses.at].host)
		return st->uses[x->uses.at].host < st->uses[y->uses.at].host ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void
list_keys(struct study *st)
{
	uint32_t *last = xcalloc((size_t)st->nkeys + 1, sizeof(*last)), n = 0;

	st->cluster_keys = xcalloc((size_t)st->nuses + 1, sizeof(*st->cluster_keys));
	for (uint32_t i = 0; i < st->nclusters; i++) {
		struct study_cluster *c = &st->clusters[i];

		c->keys.at = n;
		for (uint32_t k = 0; k < c->hosts.n; k++) {
			const struct study_host *h = &st->hosts[study_member(st, c, k)];

			for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++) {
				uint32_t key = st->grabs[g].key;

				if (last[key] == i + 1)
					continue;
				last[key] = i + 1;
				st->cluster_keys[n++] = key;
				c->nshared += study_key_shared(&st->keys[key]);
			}
		}
		c->keys.n = n - c->keys.at;
		qsort_r(st->cluster_keys + c->keys.at, c->keys.n, sizeof(*st->cluster_keys),
		    by_sharing, st);
	}
	st->ncluster_keys = n;
	free(last);
}

static void
count_ases(struct study *st)
{
	uint32_t *last = xcalloc((size_t)st->nases + 1, sizeof(*last));

	for (uint32_t i = 0; i < st->nases; i++)
		st->ases[i].nhosts = st->ases[i].nclustered = 0;
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (!takes_part(st, i))
			continue;
		st->ases[st->hosts[i].as].nhosts++;
		st->ases[st->hosts[i].as].nclustered += st->hosts[i].cluster != STUDY_NONE;
	}
	for (uint32_t i = 0; i < st->nclusters; i++) {
		struct study_cluster *c = &st->clusters[i];

		for (uint32_t k = 0; k < c->hosts.n; k++) {
			uint32_t as = st->hosts[study_member(st, c, k)].as;
			bool known = study_as_known(st, as);

			c->nin_no_as += !known;
			c->nases += known && last[as] != i + 1;
			last[as] = i + 1;
		}
	}
	/* A copy keeps whole ASes: those of others are others. */
	for (uint32_t i = 0; i < st->nothers; i++) {
		const struct study_others *o = &st->others[i];
		struct study_cluster *c = &st->clusters[o->cluster];

		c->nases += o->ases;
		c->nin_no_as += o->ases == 0 ? o->hosts : 0;
	}
	free(last);
}

void
study_cluster(struct study *st, uint32_t (*joins)[2], size_t njoins)
{
	list_uses(st);
	number_clusters(st, joins, njoins);
	order_others(st);
	list_keys(st);
	count_ases(st);
}

static int
by_id(const void *pa, const void *pb, void *arg)
{
	const struct study *st = arg;
	uint32_t a = st->clusters[*(const uint32_t *)pa].id;
	uint32_t b = st->clusters[*(const uint32_t *)pb].id;

	return a < b ? -1 : a > b;
}

/* Clusters in order of their ids, and with them what lies by cluster. */
static void
order_clusters(struct study *st)
{
	struct study_cluster *clusters = xcalloc((size_t)st->nclusters + 1, sizeof(*clusters));
	uint32_t *members = xcalloc((size_t)st->nmembers + 1, sizeof(*members));
	uint32_t *keys = xcalloc((size_t)st->ncluster_keys + 1, sizeof(*keys));
	uint32_t *order = xcalloc((size_t)st->nclusters + 1, sizeof(*order));
	uint32_t nmembers = 0, nkeys = 0;

	for (uint32_t i = 0; i < st->nclusters; i++)
		order[i] = i;
	qsort_r(order, st->nclusters, sizeof(*order), by_id, st);
	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *from = &st->clusters[order[i]];
		struct study_cluster *c = &clusters[i];

		*c = *from;
		c->hosts.at = nmembers;
		c->keys.at = nkeys;
		for (uint32_t k = 0; k < c->hosts.n; k++) {
			uint32_t host = study_member(st, from, k);

			st->hosts[host].cluster = i;
			st->place[host] = nmembers;
			members[nmembers++] = host;
		}
		for (uint32_t k = 0; k < c->keys.n; k++)
			keys[nkeys++] = study_cluster_key(st, from, k);
	}
	free(st->clusters);
	free(st->members);
	free(st->cluster_keys);
	st->clusters = clusters;
	st->members = members;
	st->cluster_keys = keys;
	order_others(st);
	free(order);
}

void
study_cluster_ids(struct study *st, const uint32_t *ids)
{
	bool ascending = true;

	for (uint32_t i = 0; i < st->nclusters; i++) {
		st->clusters[i].id = ids[i];
		ascending &= i == 0 || ids[i - 1] < ids[i];
	}
	if (!ascending)
		order_clusters(st);
}
