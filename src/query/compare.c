/*
 * survey compare: what changed between runs, matched by address and by key,
 * never by number.
 *
 * Clusters of two runs are linked by a shared key that both have, else by
 * half of the smaller one's hosts.  What hangs together by such links is one change.
 * Time and memory are linear in hosts, keys and uses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/escape.h"
#include "survey/file.h"
#include "survey/hashtab.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/query.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"
#include "survey/study.h"
#include "survey/unionfind.h"

#include "match.h"

#define SHOWN 10 /* of a list in the text */

enum change {
	CHANGE_SAME,
	CHANGE_GROWN,
	CHANGE_SHRUNK,
	CHANGE_REKEYED,
	CHANGE_MERGED,
	CHANGE_SPLIT,
	CHANGE_REGROUPED,
	CHANGE_NEW,
	CHANGE_GONE,
	NCHANGES
};

static const char *const change_names[NCHANGES] = { "same", "grown", "shrunk", "rekeyed", "merged",
	"split", "regrouped", "new", "gone" };

struct list {
	uint32_t *v;
	size_t n, cap;
};

static void
list_add(struct list *l, uint32_t i)
{
	mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = i;
}

/* What became of clusters that hang together. */
struct group {
	struct list a, b; /* clusters of each run */
	enum change change;
	struct list added, removed; /* hosts of b that were in no cluster of a, and the reverse */
	struct list repaired; /* hosts of a that are still there and show none of its shared keys */
	struct list new_keys,
	    gone_keys; /* shared keys of b and of a that the other run has not shared there */
};

struct comparison {
	const struct study *a, *b;
	const struct query_run *run_a, *run_b;
	struct match m;
	struct list new_hosts, gone_hosts, changed, repaired; /* new: of b; others: of a */
	uint64_t kept;
	struct list new_keys, gone_keys, spread, shrunk, moved; /* new: of b; others: of a */
	uint64_t kept_keys;
	struct group *groups;
	size_t ngroups;
	struct buf notes; /* lines: what else differs between the runs */
};

static bool
takes_part(const struct study_host *h)
{
	return h->out == OUT_NONE;
}

/*
 * Did a host that both runs have change a key?  By port and type of key: where both
 * runs saw keys of a type and none of them is the same.
 */
static bool
has_changed(const struct comparison *c, uint32_t ha, uint32_t hb)
{
	const struct study_span *ga = &c->a->hosts[ha].grabs, *gb = &c->b->hosts[hb].grabs;

	for (uint32_t i = ga->at; i < ga->at + ga->n; i++) {
		const struct study_grab *x = &c->a->grabs[i];
		bool seen = false, same = false;

		for (uint32_t k = gb->at; k < gb->at + gb->n; k++) {
			const struct study_grab *y = &c->b->grabs[k];

			if (!match_same_type(c->a, x, c->b, y))
				continue;
			seen = true;
			same = same || c->m.key_b[x->key] == y->key;
		}
		if (seen && !same)
			return true;
	}
	return false;
}

/* Was it in a cluster, and shows none of the keys that it shared any more, but a new one of their type? */
static bool
is_repaired(const struct comparison *c, uint32_t ha, uint32_t hb)
{
	const struct study_span *ga = &c->a->hosts[ha].grabs, *gb = &c->b->hosts[hb].grabs;
	bool any = false;

	for (uint32_t i = ga->at; i < ga->at + ga->n; i++) {
		const struct study_grab *x = &c->a->grabs[i];
		bool replaced = false;

		if (c->a->keys[x->key].nhosts < 2)
			continue;
		for (uint32_t k = gb->at; k < gb->at + gb->n; k++) {
			if (c->b->grabs[k].key == c->m.key_b[x->key])
				return false;
			replaced = replaced || match_same_type(c->a, x, c->b, &c->b->grabs[k]);
		}
		if (!replaced)
			return false; /* not shown any more is not changed */
		any = true;
	}
	return any;
}

static void
compare_hosts(struct comparison *c)
{
	for (uint32_t i = 0; i < c->b->nhosts; i++) {
		uint32_t before = c->m.host_a[i];

		if (takes_part(&c->b->hosts[i]) &&
		    (before == STUDY_NONE || !takes_part(&c->a->hosts[before])))
			list_add(&c->new_hosts, i);
	}
	for (uint32_t i = 0; i < c->a->nhosts; i++) {
		uint32_t now = c->m.host_b[i];

		if (!takes_part(&c->a->hosts[i]))
			continue;
		if (now == STUDY_NONE || !takes_part(&c->b->hosts[now])) {
			list_add(&c->gone_hosts, i);
			continue;
		}
		c->kept++;
		if (has_changed(c, i, now))
			list_add(&c->changed, i);
		if (c->a->hosts[i].cluster != STUDY_NONE && is_repaired(c, i, now))
			list_add(&c->repaired, i);
	}
}

/* How many hosts of a key of a still show it in b. */
static uint32_t
common_hosts(const struct comparison *c, uint32_t ka, uint32_t kb)
{
	const struct study_span *ua = &c->a->keys[ka].uses, *ub = &c->b->keys[kb].uses;
	uint32_t n = 0;

	/* Hosts of b ascend; look for those of a by their numbers in b. */
	for (uint32_t i = ua->at; i < ua->at + ua->n; i++) {
		uint32_t host = c->a->uses[i].host, want = c->m.host_b[host], lo = ub->at,
			 hi = ub->at + ub->n;

		if ((i > ua->at && c->a->uses[i - 1].host == host) || want == STUDY_NONE)
			continue;
		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (c->b->uses[mid].host < want)
				lo = mid + 1;
			else
				hi = mid;
		}
		n += lo < ub->at + ub->n && c->b->uses[lo].host == want;
	}
	return n;
}

static void
compare_keys(struct comparison *c)
{
	for (uint32_t i = 0; i < c->b->nkeys; i++) {
		if (c->b->keys[i].uses.n > 0 && c->b->keys[i].named &&
		    (c->m.key_a[i] == STUDY_NONE || c->a->keys[c->m.key_a[i]].uses.n == 0))
			list_add(&c->new_keys, i);
	}
	for (uint32_t i = 0; i < c->a->nkeys; i++) {
		const struct study_key *k = &c->a->keys[i];
		uint32_t now = c->m.key_b[i], common;

		if (k->uses.n == 0 || !k->named)
			continue;
		if (now == STUDY_NONE || c->b->keys[now].uses.n == 0) {
			list_add(&c->gone_keys, i);
			continue;
		}
		c->kept_keys++;
		common = common_hosts(c, i, now);
		if (common == 0)
			list_add(&c->moved, i);
		else if (c->b->keys[now].nhosts > k->nhosts)
			list_add(&c->spread, i);
		else if (c->b->keys[now].nhosts < k->nhosts)
			list_add(&c->shrunk, i);
	}
}

/* A pair of clusters, of a and of b, that have so many hosts in common. */
struct overlap {
	uint32_t a, b, hosts;
};

static int
by_pair(const void *pa, const void *pb)
{
	const struct overlap *x = pa, *y = pb;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return x->b < y->b ? -1 : x->b > y->b;
}

/*
 * Clusters as numbers: those of a, then those of b.  by_key gets true for each cluster
 * that a key links to one of the other run.
 */
static uint32_t *
link_clusters(const struct comparison *c, bool *by_key)
{
	uint32_t na = c->a->nclusters, nb = c->b->nclusters, *parent = unionfind_new(na + nb);
	struct overlap *o = NULL;
	size_t n = 0, cap = 0;

	for (uint32_t i = 0; i < c->a->nkeys; i++) {
		uint32_t now = c->m.key_b[i], x, y;

		if (now == STUDY_NONE || c->a->keys[i].nhosts < 2 || c->b->keys[now].nhosts < 2)
			continue;
		x = c->a->hosts[c->a->uses[c->a->keys[i].uses.at].host].cluster;
		y = c->b->hosts[c->b->uses[c->b->keys[now].uses.at].host].cluster;
		if (x == STUDY_NONE || y == STUDY_NONE)
			continue;
		unionfind_join(parent, x, na + y);
		by_key[x] = by_key[na + y] = true;
	}
	for (uint32_t i = 0; i < c->a->nhosts; i++) {
		uint32_t x = c->a->hosts[i].cluster, y;

		if (x == STUDY_NONE || c->m.host_b[i] == STUDY_NONE ||
		    (y = c->b->hosts[c->m.host_b[i]].cluster) == STUDY_NONE)
			continue;
		mem_grow(&o, &cap, n + 1, sizeof(*o));
		o[n++] = (struct overlap){ x, y, 1 };
	}
	if (n > 0)
		qsort(o, n, sizeof(*o), by_pair);
	for (size_t i = 0, k; i < n; i = k) {
		uint32_t less = c->a->clusters[o[i].a].hosts.n;

		for (k = i; k < n && o[k].a == o[i].a && o[k].b == o[i].b; k++)
			;
		if (c->b->clusters[o[i].b].hosts.n < less)
			less = c->b->clusters[o[i].b].hosts.n;
		if (!(by_key[o[i].a] && by_key[na + o[i].b]) && 2 * (k - i) >= less)
			unionfind_join(parent, o[i].a, na + o[i].b);
	}
	free(o);
	return parent;
}

static bool
in_groups_clusters(const struct list *clusters, uint32_t cluster)
{
	for (size_t i = 0; i < clusters->n; i++) {
		if (clusters->v[i] == cluster)
			return true;
	}
	return false;
}

/* Hosts and shared keys of one side's clusters that the other side's have not. */
static void
list_differences(const struct comparison *c, struct group *g)
{
	for (size_t i = 0; i < g->b.n; i++) {
		const struct study_cluster *k = &c->b->clusters[g->b.v[i]];

		for (uint32_t m = 0; m < k->hosts.n; m++) {
			uint32_t host = study_member(c->b, k, m), before = c->m.host_a[host];

			if (before == STUDY_NONE ||
			    !in_groups_clusters(&g->a, c->a->hosts[before].cluster))
				list_add(&g->added, host);
		}
		for (uint32_t s = 0; s < k->nshared; s++) {
			uint32_t key = study_cluster_key(c->b, k, s);

			if (c->m.key_a[key] == STUDY_NONE || c->a->keys[c->m.key_a[key]].nhosts < 2)
				list_add(&g->new_keys, key);
		}
	}
	for (size_t i = 0; i < g->a.n; i++) {
		const struct study_cluster *k = &c->a->clusters[g->a.v[i]];

		for (uint32_t m = 0; m < k->hosts.n; m++) {
			uint32_t host = study_member(c->a, k, m), now = c->m.host_b[host];

			if (now == STUDY_NONE ||
			    !in_groups_clusters(&g->b, c->b->hosts[now].cluster))
				list_add(&g->removed, host);
			if (now != STUDY_NONE && takes_part(&c->b->hosts[now]) &&
			    is_repaired(c, host, now))
				list_add(&g->repaired, host);
		}
		for (uint32_t s = 0; s < k->nshared; s++) {
			uint32_t key = study_cluster_key(c->a, k, s);

			if (c->m.key_b[key] == STUDY_NONE || c->b->keys[c->m.key_b[key]].nhosts < 2)
				list_add(&g->gone_keys, key);
		}
	}
}

static enum change
change_of(const struct comparison *c, const struct group *g, bool by_key)
{
	uint32_t na, nb;

	if (g->a.n == 0)
		return CHANGE_NEW;
	if (g->b.n == 0)
		return CHANGE_GONE;
	if (g->a.n > 1 && g->b.n > 1)
		return CHANGE_REGROUPED;
	if (g->a.n > 1)
		return CHANGE_MERGED;
	if (g->b.n > 1)
		return CHANGE_SPLIT;
	if (!by_key)
		return CHANGE_REKEYED;
	na = c->a->clusters[g->a.v[0]].hosts.n;
	nb = c->b->clusters[g->b.v[0]].hosts.n;
	if (g->added.n == 0 && g->removed.n == 0)
		return CHANGE_SAME;
	return nb > na || (nb == na && g->removed.n == 0) ? CHANGE_GROWN
	       : nb < na				  ? CHANGE_SHRUNK
							  : CHANGE_REGROUPED;
}

static void
compare_clusters(struct comparison *c)
{
	uint32_t na = c->a->nclusters, nb = c->b->nclusters;
	bool *by_key = xcalloc((size_t)na + nb + 1, sizeof(*by_key));
	uint32_t *parent = link_clusters(c, by_key);
	uint32_t *number = xcalloc(
	    (size_t)na + nb + 1, sizeof(*number)); /* of the group, plus one */

	c->groups = xcalloc((size_t)na + nb + 1, sizeof(*c->groups));
	for (uint32_t i = 0; i < na + nb; i++) {
		uint32_t root = unionfind_root(parent, i);
		struct group *g;

		if (number[root] == 0)
			number[root] = (uint32_t)++c->ngroups;
		g = &c->groups[number[root] - 1];
		if (i < na)
			list_add(&g->a, i);
		else
			list_add(&g->b, i - na);
	}
	for (size_t i = 0; i < c->ngroups; i++) {
		struct group *g = &c->groups[i];

		list_differences(c, g);
		g->change = change_of(c, g, g->a.n > 0 && by_key[g->a.v[0]]);
	}
	free(number);
	free(parent);
	free(by_key);
}

/* What else differs between the runs, and may make changes that are none of the hosts'. */
static void
note_differences(struct comparison *c)
{
	const struct study_run *x = &c->a->runs[c->a->nruns - 1], *y = &c->b->runs[c->b->nruns - 1];
	static const struct {
		const char *what;
		size_t at;
	} texts[] = { { "tools", offsetof(struct study_run, tools) },
		{ "config", offsetof(struct study_run, config_sha256) },
		{ "countries", offsetof(struct study_run, countries) },
		{ "program", offsetof(struct study_run, program) } };
	uint64_t asked[2][NPORTS] = { { 0 } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *s = study_text_or_empty(
		    c->a, *(const uint32_t *)(const void *)((const char *)x + texts[i].at));
		const char *t = study_text_or_empty(
		    c->b, *(const uint32_t *)(const void *)((const char *)y + texts[i].at));

		if (strcmp(s, t) != 0)
			buf_printf(&c->notes, "%s differ: \"%.80s\", then \"%.80s\"\n",
			    texts[i].what, s, t);
	}
	for (int side = 0; side < 2; side++) {
		const struct study *st = side == 0 ? c->a : c->b;

		for (uint32_t i = 0; i < st->ngrabs; i++)
			asked[side][st->grabs[i].port]++;
	}
	for (int row = 0; row < NPORTS; row++) {
		if ((asked[0][row] == 0) != (asked[1][row] == 0))
			buf_printf(&c->notes, "port %u showed keys in one of the runs only\n",
			    port_table[row].port);
	}
}

static void
compare(struct comparison *c)
{
	buf_init(&c->notes);
	match_init(&c->m, c->a, c->b);
	compare_hosts(c);
	compare_keys(c);
	compare_clusters(c);
	note_differences(c);
}

static void
comparison_fini(struct comparison *c)
{
	struct list *lists[] = { &c->new_hosts, &c->gone_hosts, &c->changed, &c->repaired,
		&c->new_keys, &c->gone_keys, &c->spread, &c->shrunk, &c->moved };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		free(lists[i]->v);
	for (size_t i = 0; i < c->ngroups; i++) {
		struct group *g = &c->groups[i];

		free(g->a.v);
		free(g->b.v);
		free(g->added.v);
		free(g->removed.v);
		free(g->repaired.v);
		free(g->new_keys.v);
		free(g->gone_keys.v);
	}
	free(c->groups);
	match_fini(&c->m);
	buf_fini(&c->notes);
}

static bool
is_change(const struct comparison *c)
{
	if (c->new_hosts.n + c->gone_hosts.n + c->changed.n + c->new_keys.n + c->gone_keys.n +
		c->spread.n + c->shrunk.n + c->moved.n >
	    0)
		return true;
	for (size_t i = 0; i < c->ngroups; i++) {
		if (c->groups[i].change != CHANGE_SAME)
			return true;
	}
	return false;
}

/* Why a host of a takes no part in b. */
static const char *
gone_reason(const struct comparison *c, uint32_t host)
{
	uint32_t now = c->m.host_b[host];

	return now == STUDY_NONE ? "silent or not asked"
				 : host_out_name((enum host_out)c->b->hosts[now].out);
}

/* --- JSON ---------------------------------------------------------------- */

static void
json_hosts(struct jsonw *w, const char *key, const struct study *st, const struct list *l)
{
	char ip[IP_STRLEN];

	jsonw_key(w, key);
	jsonw_array(w);
	for (size_t i = 0; i < l->n; i++)
		jsonw_string(w, ip_format(&st->hosts[l->v[i]].ip, ip));
	jsonw_end_array(w);
}

static void
json_keys(struct jsonw *w, const char *key, const struct study *st, const struct list *l)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (size_t i = 0; i < l->n; i++)
		jsonw_hex(w, st->keys[l->v[i]].fp, KEY_LEN);
	jsonw_end_array(w);
}

static void
json_ids(struct jsonw *w, const char *key, const struct study *st, const struct list *l)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (size_t i = 0; i < l->n; i++)
		jsonw_uint(w, st->clusters[l->v[i]].id);
	jsonw_end_array(w);
}

static void
json_run(struct jsonw *w, const char *key, const struct query_run *r, const struct study *st)
{
	char time[TIME_SIZE];
	uint64_t hosts = 0;

	for (uint32_t i = 0; i < st->nhosts; i++)
		hosts += takes_part(&st->hosts[i]);
	jsonw_key(w, key);
	jsonw_object(w);
	jsonw_key(w, "path");
	jsonw_string(w, r->path);
	jsonw_key(w, "began");
	if (r->began != TIME_UNKNOWN)
		jsonw_string(w, time_format(r->began, time));
	else
		jsonw_null(w);
	jsonw_key(w, "hosts");
	jsonw_uint(w, hosts);
	jsonw_key(w, "clusters");
	jsonw_uint(w, st->nclusters);
	jsonw_end_object(w);
}

static void
json_comparison(struct jsonw *w, const struct comparison *c)
{
	char ip[IP_STRLEN];

	jsonw_object(w);
	json_run(w, "a", c->run_a, c->a);
	json_run(w, "b", c->run_b, c->b);
	jsonw_key(w, "hosts");
	jsonw_object(w);
	json_hosts(w, "new", c->b, &c->new_hosts);
	json_hosts(w, "gone", c->a, &c->gone_hosts);
	jsonw_key(w, "gone_reasons");
	jsonw_object(w);
	for (size_t i = 0; i < c->gone_hosts.n; i++) {
		jsonw_key(w, ip_format(&c->a->hosts[c->gone_hosts.v[i]].ip, ip));
		jsonw_string(w, gone_reason(c, c->gone_hosts.v[i]));
	}
	jsonw_end_object(w);
	jsonw_key(w, "kept");
	jsonw_uint(w, c->kept);
	json_hosts(w, "changed", c->a, &c->changed);
	json_hosts(w, "repaired", c->a, &c->repaired);
	jsonw_end_object(w);
	jsonw_key(w, "keys");
	jsonw_object(w);
	json_keys(w, "new", c->b, &c->new_keys);
	json_keys(w, "gone", c->a, &c->gone_keys);
	jsonw_key(w, "kept");
	jsonw_uint(w, c->kept_keys);
	json_keys(w, "spread", c->a, &c->spread);
	json_keys(w, "shrunk", c->a, &c->shrunk);
	json_keys(w, "moved", c->a, &c->moved);
	jsonw_end_object(w);
	jsonw_key(w, "clusters");
	jsonw_array(w);
	for (size_t i = 0; i < c->ngroups; i++) {
		const struct group *g = &c->groups[i];

		jsonw_object(w);
		json_ids(w, "a", c->a, &g->a);
		json_ids(w, "b", c->b, &g->b);
		jsonw_key(w, "change");
		jsonw_string(w, change_names[g->change]);
		if (g->change != CHANGE_SAME) {
			json_hosts(w, "added", c->b, &g->added);
			json_hosts(w, "removed", c->a, &g->removed);
			json_hosts(w, "repaired", c->a, &g->repaired);
			json_keys(w, "new_keys", c->b, &g->new_keys);
			json_keys(w, "gone_keys", c->a, &g->gone_keys);
		}
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_key(w, "notes");
	jsonw_array(w);
	for (const char *line = c->notes.data, *end; (end = strchr(line, '\n')) != NULL;
	     line = end + 1)
		jsonw_stringn(w, line, (size_t)(end - line));
	jsonw_end_array(w);
	jsonw_end_object(w);
}

/* --- text and CSV ---------------------------------------------------------- */

static void
text_hosts(struct buf *out, const char *what, const struct study *st, const struct list *l)
{
	char ip[IP_STRLEN];

	buf_printf(out, "  %-10s %8zu", what, l->n);
	for (size_t i = 0; i < l->n && i < SHOWN; i++)
		buf_printf(
		    out, "%s%s", i == 0 ? "  " : ", ", ip_format(&st->hosts[l->v[i]].ip, ip));
	buf_adds(out, l->n > SHOWN ? ", …\n" : "\n");
}

static void
text_keys(struct buf *out, const char *what, const struct study *st, const struct list *l)
{
	buf_printf(out, "  %-10s %8zu", what, l->n);
	for (size_t i = 0; i < l->n && i < 3; i++) {
		buf_adds(out, i == 0 ? "  " : ", ");
		for (size_t k = 0; k < 8; k++)
			buf_printf(out, "%02x", st->keys[l->v[i]].fp[k]);
	}
	buf_adds(out, l->n > 3 ? ", …\n" : "\n");
}

static void
text_ids(struct buf *out, const struct study *st, const struct list *l)
{
	if (l->n == 0)
		buf_adds(out, "–");
	for (size_t i = 0; i < l->n && i < SHOWN; i++)
		buf_printf(out, "%s%u (%u)", i > 0 ? ", " : "", st->clusters[l->v[i]].id,
		    st->clusters[l->v[i]].hosts.n);
	if (l->n > SHOWN)
		buf_adds(out, ", …");
}

static void
text_group(struct buf *out, const struct comparison *c, const struct group *g)
{
	buf_printf(out, "  %-10s ", change_names[g->change]);
	text_ids(out, c->a, &g->a);
	buf_adds(out, " → ");
	text_ids(out, c->b, &g->b);
	buf_printf(out,
	    ": %zu hosts more, %zu fewer, %zu repaired, %zu shared keys new, %zu gone\n",
	    g->added.n, g->removed.n, g->repaired.n, g->new_keys.n, g->gone_keys.n);
}

static void
text_comparison(struct buf *out, const struct comparison *c, bool quiet)
{
	uint64_t count[NCHANGES] = { 0 };

	if (!quiet) {
		buf_printf(out, "%s → %s\n", c->run_a->name, c->run_b->name);
		buf_adds(out, "hosts that take part\n");
		text_hosts(out, "new", c->b, &c->new_hosts);
		text_hosts(out, "gone", c->a, &c->gone_hosts);
		buf_printf(out, "  %-10s %8llu\n", "kept", (unsigned long long)c->kept);
		text_hosts(out, "changed", c->a, &c->changed);
		text_hosts(out, "repaired", c->a, &c->repaired);
		buf_adds(out, "keys\n");
		text_keys(out, "new", c->b, &c->new_keys);
		text_keys(out, "gone", c->a, &c->gone_keys);
		buf_printf(out, "  %-10s %8llu\n", "kept", (unsigned long long)c->kept_keys);
		text_keys(out, "spread", c->a, &c->spread);
		text_keys(out, "shrunk", c->a, &c->shrunk);
		text_keys(out, "moved", c->a, &c->moved);
		for (size_t i = 0; i < c->ngroups; i++)
			count[c->groups[i].change]++;
		buf_adds(out, "clusters\n");
		for (int i = 0; i < NCHANGES; i++)
			buf_printf(
			    out, "  %-10s %8llu\n", change_names[i], (unsigned long long)count[i]);
	}
	for (size_t i = 0; i < c->ngroups; i++) {
		if (c->groups[i].change != CHANGE_SAME)
			text_group(out, c, &c->groups[i]);
	}
	if (!quiet && c->notes.len > 0)
		buf_printf(out, "mind: %s", c->notes.data);
}

static const struct print_column change_columns[] = { { "a" }, { "b" }, { "what" }, { "change" },
	{ "name" }, { "more" }, { NULL } };

static void
csv_head(struct print *p, const struct comparison *c, const char *what, const char *change)
{
	print_string(p, c->run_a->name);
	print_string(p, c->run_b->name);
	print_string(p, what);
	print_string(p, change);
}

static void
csv_host(struct print *p, const struct comparison *c, const char *change, const struct study *st,
    const struct list *l)
{
	char ip[IP_STRLEN];

	for (size_t i = 0; i < l->n; i++) {
		csv_head(p, c, "host", change);
		print_string(p, ip_format(&st->hosts[l->v[i]].ip, ip));
		if (l == &c->gone_hosts)
			print_string(p, gone_reason(c, l->v[i]));
		print_row(p);
	}
}

static void
csv_key(struct print *p, const struct comparison *c, const char *change, const struct study *st,
    const struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		csv_head(p, c, "key", change);
		print_hex(p, st->keys[l->v[i]].fp, KEY_LEN);
		print_row(p);
	}
}

static void
csv_ids(struct print *p, const struct study *st, const struct list *l)
{
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < l->n; i++)
		buf_printf(&b, "%s%u", i > 0 ? " " : "", st->clusters[l->v[i]].id);
	print_text(p, b.data, b.len);
	buf_fini(&b);
}

static void
csv_comparison(struct print *p, const struct comparison *c)
{
	csv_host(p, c, "new", c->b, &c->new_hosts);
	csv_host(p, c, "gone", c->a, &c->gone_hosts);
	csv_host(p, c, "changed", c->a, &c->changed);
	csv_host(p, c, "repaired", c->a, &c->repaired);
	csv_key(p, c, "new", c->b, &c->new_keys);
	csv_key(p, c, "gone", c->a, &c->gone_keys);
	csv_key(p, c, "spread", c->a, &c->spread);
	csv_key(p, c, "shrunk", c->a, &c->shrunk);
	csv_key(p, c, "moved", c->a, &c->moved);
	for (size_t i = 0; i < c->ngroups; i++) {
		csv_head(p, c, "cluster", change_names[c->groups[i].change]);
		csv_ids(p, c->a, &c->groups[i].a);
		csv_ids(p, c->b, &c->groups[i].b);
		print_row(p);
	}
}

/* --- countries side by side -------------------------------------------------- */

/* A key that hosts of several runs show. */
struct across {
	const struct compare_options *o;
	struct study **studies;
	struct hashtab table;
	struct {
		const uint8_t *fp;
		struct list runs, keys; /* in step */
	} * keys;
	size_t nkeys, cap;
};

static void
across_add(struct across *x, uint32_t run)
{
	const struct study *st = x->studies[run];

	for (uint32_t i = 0; i < st->nkeys; i++) {
		const uint8_t *fp = st->keys[i].fp;
		uint32_t h, k;
		size_t at;

		if (st->keys[i].uses.n == 0 || !st->keys[i].named)
			continue;
		h = hashtab_hash(&x->table, fp, KEY_LEN);
		for (k = hashtab_first(&x->table, h, &at); k != HASHTAB_NONE;
		     k = hashtab_next(&x->table, h, &at)) {
			if (memcmp(x->keys[k].fp, fp, KEY_LEN) == 0)
				break;
		}
		if (k == HASHTAB_NONE) {
			mem_grow(&x->keys, &x->cap, x->nkeys + 1, sizeof(*x->keys));
			memset(&x->keys[x->nkeys], 0, sizeof(x->keys[0]));
			x->keys[x->nkeys].fp = fp;
			k = (uint32_t)x->nkeys++;
			hashtab_put(&x->table, h, k);
		}
		list_add(&x->keys[k].runs, run);
		list_add(&x->keys[k].keys, i);
	}
}

static void
across_json(const struct across *x, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_key(w, "runs");
	jsonw_array(w);
	for (size_t i = 0; i < x->o->runs->n; i++)
		jsonw_string(w, x->o->runs->v[i].path);
	jsonw_end_array(w);
	jsonw_key(w, "keys");
	jsonw_array(w);
	for (size_t i = 0; i < x->nkeys; i++) {
		if (x->keys[i].runs.n < 2)
			continue;
		jsonw_object(w);
		jsonw_key(w, "fp");
		jsonw_hex(w, x->keys[i].fp, KEY_LEN);
		jsonw_key(w, "runs");
		jsonw_array(w);
		for (size_t r = 0; r < x->keys[i].runs.n; r++) {
			uint32_t run = x->keys[i].runs.v[r], key = x->keys[i].keys.v[r];
			const struct study *st = x->studies[run];
			uint32_t c = st->hosts[st->uses[st->keys[key].uses.at].host].cluster;

			jsonw_object(w);
			jsonw_key(w, "run");
			jsonw_string(w, x->o->runs->v[run].path);
			jsonw_key(w, "hosts");
			jsonw_uint(w, st->keys[key].nhosts);
			jsonw_key(w, "cluster");
			if (c != STUDY_NONE)
				jsonw_uint(w, st->clusters[c].id);
			else
				jsonw_null(w);
			jsonw_end_object(w);
		}
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
	jsonw_newline(w);
}

/* As text and as CSV. */
static void
across_rows(const struct across *x, struct print *p)
{
	static const struct print_column columns[] = { { "key", NULL, 2 * KEY_LEN }, { "run" },
		{ "hosts" }, { "cluster" }, { NULL } };

	print_table(p, NULL, columns);
	for (size_t i = 0; i < x->nkeys; i++) {
		for (size_t r = 0; x->keys[i].runs.n > 1 && r < x->keys[i].runs.n; r++) {
			uint32_t run = x->keys[i].runs.v[r], key = x->keys[i].keys.v[r];
			const struct study *st = x->studies[run];
			uint32_t c = st->hosts[st->uses[st->keys[key].uses.at].host].cluster;

			print_hex(p, x->keys[i].fp, KEY_LEN);
			print_string(p, x->o->runs->v[run].name);
			print_uint(p, st->keys[key].nhosts);
			if (c != STUDY_NONE)
				print_uint(p, st->clusters[c].id);
			print_row(p);
		}
	}
	print_table_end(p);
}

static void
compare_across(const struct compare_options *o, struct study **studies, struct buf *out)
{
	struct across x = { .o = o, .studies = studies };
	struct print p;
	struct jsonw w;

	hashtab_init(&x.table);
	for (uint32_t i = 0; i < o->runs->n; i++)
		across_add(&x, i);
	if (o->format == PRINT_JSON) {
		jsonw_init(&w, NULL);
		across_json(&x, &w);
		buf_add(out, w.out.data, w.out.len);
		jsonw_fini(&w);
	} else {
		print_init(&p, o->format, out, o->colour);
		across_rows(&x, &p);
		print_fini(&p);
	}
	for (size_t i = 0; i < x.nkeys; i++) {
		free(x.keys[i].runs.v);
		free(x.keys[i].keys.v);
	}
	free(x.keys);
	hashtab_fini(&x.table);
}

/* --- all of it ---------------------------------------------------------------- */

static int
save(const char *dir, const char *name, const struct buf *b)
{
	char *path = path_join(dir, name);
	int rc = file_write(path, b->data, b->len);

	if (rc == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	free(path);
	return rc;
}

static int
compare_pairs(const struct compare_options *o, struct study **studies, struct buf *out)
{
	struct buf rows;
	struct print csv;
	struct jsonw w;
	bool changed = false;
	int rc = 0;

	buf_init(&rows);
	print_init(&csv, PRINT_CSV, &rows, false);
	print_table(&csv, NULL, change_columns);
	jsonw_init(&w, NULL);
	if (o->runs->n > 2)
		jsonw_array(&w);
	for (size_t i = 0; i + 1 < o->runs->n; i++) {
		struct comparison c = { .a = studies[i],
			.b = studies[i + 1],
			.run_a = &o->runs->v[i],
			.run_b = &o->runs->v[i + 1] };

		compare(&c);
		changed = changed || is_change(&c);
		if (o->format == PRINT_TEXT)
			text_comparison(out, &c, o->quiet);
		if (o->format == PRINT_JSON || o->output != NULL)
			json_comparison(&w, &c);
		if (o->format == PRINT_CSV || o->output != NULL)
			csv_comparison(&csv, &c);
		comparison_fini(&c);
	}
	if (o->runs->n > 2)
		jsonw_end_array(&w);
	jsonw_newline(&w);
	print_fini(&csv);
	if (o->format == PRINT_JSON)
		buf_add(out, w.out.data, w.out.len);
	if (o->format == PRINT_CSV)
		buf_add(out, rows.data, rows.len);
	if (o->output != NULL) {
		if (file_mkdirs(o->output, 0700) == -1) {
			log_error("cannot make %s: %s", o->output, strerror(errno));
			rc = EXIT_FAILED;
		} else if (save(o->output, "compare.json", &w.out) == -1 ||
			   save(o->output, "compare.csv", &rows) == -1) {
			rc = EXIT_FAILED;
		}
	}
	jsonw_fini(&w);
	buf_fini(&rows);
	return rc != 0 ? rc : o->changed && changed ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}

int
query_compare(const struct compare_options *o, struct buf *out)
{
	struct study **studies = xcalloc(o->runs->n + 1, sizeof(*studies));
	int rc = 0;

	for (size_t i = 0; i < o->runs->n && rc == 0; i++) {
		studies[i] = study_open(
		    o->runs->v[i].path, STUDY_CLUSTERED | STUDY_OTHERS | STUDY_FACTS, 0);
		rc = studies[i] != NULL ? 0 : EXIT_FAILED;
	}
	if (rc == 0 && o->across)
		compare_across(o, studies, out);
	else if (rc == 0)
		rc = compare_pairs(o, studies, out);
	for (size_t i = 0; i < o->runs->n; i++)
		study_free(studies[i]);
	free(studies);
	return rc;
}
