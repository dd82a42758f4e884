/* Runs of different countries side by side: keys that stand in several of them, and what these join. */
#include <stdlib.h>
#include <string.h>

#include "survey/hashtab.h"
#include "survey/mem.h"
#include "survey/unionfind.h"

#include "compare.h"

/* A key and the runs whose hosts show it. */
struct across_key {
	const uint8_t *fp;
	struct match_list runs, keys; /* in step: the run, and the key's number in it */
};

struct across {
	const struct compare_options *o;
	struct study *const *studies;
	struct hashtab table;
	struct across_key *keys;
	size_t nkeys, cap;
	/*
	 * What keys join: clusters, and hosts that are in none.  Those of run r are the numbers
	 * from first[r] on: its clusters, then its hosts.
	 */
	uint32_t *first, *parent;
};

static void
add_keys(struct across *x, uint32_t run)
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
		match_list_add(&x->keys[k].runs, run);
		match_list_add(&x->keys[k].keys, i);
	}
}

/* Where the hosts of a key are: its cluster, or the one host. */
static uint32_t
place_of(const struct across *x, uint32_t run, uint32_t key)
{
	const struct study *st = x->studies[run];
	uint32_t host = st->uses[st->keys[key].uses.at].host, c = st->hosts[host].cluster;

	return x->first[run] + (c != STUDY_NONE ? c : st->nclusters + host);
}

static void
join(struct across *x)
{
	size_t n = x->o->runs->n;

	x->first = xcalloc(n + 1, sizeof(*x->first));
	for (size_t i = 0; i < n; i++)
		x->first[i + 1] = x->first[i] + x->studies[i]->nclusters + x->studies[i]->nhosts;
	x->parent = unionfind_new(x->first[n]);
	for (size_t i = 0; i < x->nkeys; i++) {
		const struct across_key *k = &x->keys[i];

		for (size_t r = 1; r < k->runs.n; r++)
			unionfind_join(x->parent, place_of(x, k->runs.v[0], k->keys.v[0]),
			    place_of(x, k->runs.v[r], k->keys.v[r]));
	}
}

/* Several countries' clusters and hosts that hang together by common keys. */
struct border {
	struct match_list places, runs; /* in step */
	uint64_t keys, hosts;
};

static size_t
list_borders(struct across *x, struct border **borders)
{
	uint32_t n = x->first[x->o->runs->n];
	uint32_t *number = xcalloc((size_t)n + 1, sizeof(*number)); /* of a root's, plus one */
	bool *seen = xcalloc((size_t)n + 1, sizeof(*seen));
	size_t found = 0, cap = 0;

	*borders = NULL;
	for (size_t i = 0; i < x->nkeys; i++) {
		const struct across_key *k = &x->keys[i];
		struct border *b;
		uint32_t root;

		if (k->runs.n < 2)
			continue;
		root = unionfind_root(x->parent, place_of(x, k->runs.v[0], k->keys.v[0]));
		if (number[root] == 0) {
			mem_grow(borders, &cap, found + 1, sizeof(**borders));
			(*borders)[found] = (struct border){ .keys = 0 };
			number[root] = (uint32_t)++found;
		}
		b = &(*borders)[number[root] - 1];
		b->keys++;
		for (size_t r = 0; r < k->runs.n; r++) {
			uint32_t run = k->runs.v[r], place = place_of(x, run, k->keys.v[r]);
			uint32_t of_run = place - x->first[run];
			const struct study *st = x->studies[run];

			if (seen[place])
				continue;
			seen[place] = true;
			match_list_add(&b->places, of_run);
			match_list_add(&b->runs, run);
			b->hosts += of_run < st->nclusters ? st->clusters[of_run].hosts.n : 1;
		}
	}
	free(number);
	free(seen);
	return found;
}

static void
free_borders(struct border *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(b[i].places.v);
		free(b[i].runs.v);
	}
	free(b);
}

/* The cluster of a key's hosts, or 0. */
static uint32_t
cluster_of(const struct study *st, uint32_t key)
{
	uint32_t c = st->hosts[st->uses[st->keys[key].uses.at].host].cluster;

	return c != STUDY_NONE ? st->clusters[c].id : 0;
}

static void
put_cluster(struct jsonw *w, uint32_t id)
{
	jsonw_member_known(w, "cluster", id != 0, id);
}

static void
json_keys(const struct across *x, struct jsonw *w)
{
	jsonw_key(w, "keys");
	jsonw_array(w);
	for (size_t i = 0; i < x->nkeys; i++) {
		const struct across_key *k = &x->keys[i];

		if (k->runs.n < 2)
			continue;
		jsonw_object(w);
		jsonw_key(w, "fp");
		jsonw_hex(w, k->fp, KEY_LEN);
		jsonw_key(w, "runs");
		jsonw_array(w);
		for (size_t r = 0; r < k->runs.n; r++) {
			const struct study *st = x->studies[k->runs.v[r]];

			jsonw_object(w);
			jsonw_member_string(w, "run", x->o->runs->v[k->runs.v[r]].path);
			jsonw_member_uint(w, "hosts", st->keys[k->keys.v[r]].nhosts);
			put_cluster(w, cluster_of(st, k->keys.v[r]));
			jsonw_end_object(w);
		}
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
json_borders(struct across *x, struct jsonw *w)
{
	struct border *b;
	size_t n = list_borders(x, &b);
	char ip[IP_STRLEN];

	jsonw_key(w, "clusters");
	jsonw_array(w);
	for (size_t i = 0; i < n; i++) {
		jsonw_object(w);
		jsonw_member_uint(w, "hosts", b[i].hosts);
		jsonw_member_uint(w, "keys", b[i].keys);
		jsonw_key(w, "parts");
		jsonw_array(w);
		for (size_t p = 0; p < b[i].places.n; p++) {
			const struct study *st = x->studies[b[i].runs.v[p]];
			uint32_t place = b[i].places.v[p];

			jsonw_object(w);
			jsonw_member_string(w, "run", x->o->runs->v[b[i].runs.v[p]].path);
			if (place < st->nclusters) {
				put_cluster(w, st->clusters[place].id);
				jsonw_member_uint(w, "hosts", st->clusters[place].hosts.n);
			} else {
				put_cluster(w, 0);
				jsonw_member_string(
				    w, "ip", ip_format(&st->hosts[place - st->nclusters].ip, ip));
				jsonw_member_uint(w, "hosts", 1);
			}
			jsonw_end_object(w);
		}
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	free_borders(b, n);
}

static void
across_json(struct across *x, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_key(w, "runs");
	jsonw_array(w);
	for (size_t i = 0; i < x->o->runs->n; i++)
		jsonw_string(w, x->o->runs->v[i].path);
	jsonw_end_array(w);
	json_keys(x, w);
	json_borders(x, w);
	jsonw_end_object(w);
	jsonw_newline(w);
}

/* As text and as CSV: a row a key and run, with the number of the cross-border cluster. */
static void
across_rows(struct across *x, struct print *p)
{
	static const struct print_column columns[] = { { "border" }, { "key", NULL, 2 * KEY_LEN },
		{ "run" }, { "hosts" }, { "cluster" }, { NULL } };
	uint32_t n = x->first[x->o->runs->n], borders = 0;
	uint32_t *number = xcalloc((size_t)n + 1, sizeof(*number));

	print_table(p, NULL, columns);
	for (size_t i = 0; i < x->nkeys; i++) {
		const struct across_key *k = &x->keys[i];
		uint32_t root;

		if (k->runs.n < 2)
			continue;
		root = unionfind_root(x->parent, place_of(x, k->runs.v[0], k->keys.v[0]));
		if (number[root] == 0)
			number[root] = ++borders;
		for (size_t r = 0; r < k->runs.n; r++) {
			const struct study *st = x->studies[k->runs.v[r]];
			uint32_t cluster = cluster_of(st, k->keys.v[r]);

			print_uint(p, number[root]);
			print_hex(p, k->fp, KEY_LEN);
			print_string(p, x->o->runs->v[k->runs.v[r]].name);
			print_uint(p, st->keys[k->keys.v[r]].nhosts);
			if (cluster != 0)
				print_uint(p, cluster);
			print_row(p);
		}
	}
	print_table_end(p);
	free(number);
}

void
compare_across(const struct compare_options *o, struct study *const *studies, struct buf *out)
{
	struct across x = { .o = o, .studies = studies };
	struct print p;
	struct jsonw w;

	hashtab_init(&x.table);
	for (uint32_t i = 0; i < o->runs->n; i++)
		add_keys(&x, i);
	join(&x);
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
	free(x.first);
	free(x.parent);
	hashtab_fini(&x.table);
}
