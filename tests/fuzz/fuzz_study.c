/*
 * Input: which files it is (1 byte) and the text of it.  A second text, the
 * hosts or verdicts, follows a NUL byte.  Whatever is read is drawn at every
 * level, counted, transformed and put into a page.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/mem.h"
#include "survey/pseudonym.h"
#include "survey/transform.h"

#include "graph/drawing.h"
#include "graph/page.h"
#include "report/page_data.h"
#include "report/stats.h"
#include "store/gather.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_markup(const struct buf *b)
{
	if (!utf8_valid(b->data, b->len) || strstr(b->data, "<script") != NULL)
		abort();
	for (size_t i = 0; i < b->len; i++) {
		if ((unsigned char)b->data[i] < 0x20 && b->data[i] != '\n')
			abort();
	}
}

static void
draw(const struct study *st)
{
	struct draw_colours colours;

	draw_colours_init(&colours, st);
	for (uint32_t c = 0; c < st->nclusters && c < 3; c++) {
		for (int level = 0; level < NDRAW_LEVELS; level++) {
			struct picture p;
			struct drawing d;
			struct buf b;

			if (level == DRAW_CLASSIC && st->clusters[c].hosts.n > 60)
				continue;
			buf_init(&b);
			drawing_init(&d, st, &colours, c, (enum draw_level)level);
			page_init(&p, &d, st);
			picture_svg(&p, &b);
			check_markup(&b);
			buf_clear(&b);
			drawing_dot(&d, st, &b);
			if (!utf8_valid(b.data, b.len))
				abort();
			picture_fini(&p);
			drawing_fini(&d);
			buf_fini(&b);
		}
	}
	draw_colours_fini(&colours);
}

static void
count(const struct study *st)
{
	static const uint64_t no = RUNINFO_UNKNOWN;
	struct runinfo run = { .targets = no,
		.probed = no,
		.hits = no,
		.out_of_country = no,
		.records = no,
		.no_key = no,
		.wrong_country = no,
		.no_country = no };
	struct tables ts;
	uint8_t *flags;
	struct buf b;

	buf_init(&b);
	tables_init(&ts);
	stats_tables(&ts, st, &run, false);
	for (size_t i = 0; i < ts.n; i++) {
		table_html(&ts.v[i], &b);
		check_markup(&b);
	}
	buf_clear(&b);
	tables_text(&ts, &b);
	tables_json(&ts, &b);
	tables_latex(&ts, &b);
	tables_csv(&ts, &b);
	flags = xcalloc((size_t)st->nclusters + 1, 1);
	page_data(st, flags, &b);
	free(flags);
	if (!utf8_valid(b.data, b.len))
		abort();
	tables_fini(&ts);
	buf_fini(&b);
}

static bool
has_others(const struct study *st, uint32_t cluster)
{
	for (uint32_t i = 0; i < st->nothers; i++) {
		if (st->others[i].cluster == cluster)
			return true;
	}
	return false;
}

/* Clusters, hosts and keys say the same of each other. */
static void
check(const struct study *st)
{
	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];

		if (c->hosts.n < (has_others(st, i) ? 1 : 2) || (i > 0 && c->id <= c[-1].id))
			abort();
		for (uint32_t k = 0; k < c->hosts.n; k++) {
			uint32_t h = study_member(st, c, k);

			if (st->hosts[h].cluster != i || st->place[h] != c->hosts.at + k)
				abort();
		}
		for (uint32_t k = 0; k < c->keys.n; k++) {
			const struct study_key *key = &st->keys[study_cluster_key(st, c, k)];

			if (key->uses.n == 0 || study_key_shared(key) != (k < c->nshared))
				abort();
			for (uint32_t u = key->uses.at; u < key->uses.at + key->uses.n; u++) {
				if (st->hosts[st->uses[u].host].cluster != i)
					abort();
			}
		}
	}
}

/* Every third host, with what is left out of its cluster, as a copy for an owner has it. */
static bool
keep_third(void *arg, const struct study *st, uint32_t host)
{
	(void)arg;
	return st->hosts[host].out == OUT_NONE && host % 3 == 0;
}

static void
leave_out(const struct study *st)
{
	static const struct study_map map = { .keep = keep_third, .whole_clusters = true };
	struct study *copy = study_transform(st, &map, NULL), *drawn;

	check(copy);
	for (uint32_t i = 0; i < copy->nothers; i++) {
		const struct study_others *o = &copy->others[i];

		if (copy->hosts[o->host].cluster != o->cluster || o->hosts == 0)
			abort();
	}
	if ((drawn = study_stand_ins(copy)) == NULL ||
	    drawn->nhosts != copy->nhosts + copy->nothers)
		abort();
	check(drawn);
	for (uint32_t i = 0; i < copy->nothers; i++) {
		if (study_stands_for(drawn, copy->nhosts + i)->cluster !=
		    drawn->hosts[copy->nhosts + i].cluster)
			abort();
	}
	draw(drawn);
	study_free(drawn);
	study_free(copy);
}

static struct ip
map_address(void *arg, const struct study *st, uint32_t host, const struct ip *ip)
{
	(void)st;
	(void)host;
	return ip->family == IP_ALIAS ? *ip : pseudonym_address(arg, ip);
}

static void
map_text(void *arg, enum study_text_kind kind, const char *text, struct buf *out)
{
	if (kind == TEXT_NAME || kind == TEXT_QUESTION)
		pseudonym_text(arg, "name", "name-", text, out);
}

static void
map_fingerprint(void *arg, const struct study *st, uint32_t key, uint8_t out[KEY_LEN])
{
	pseudonym_hash(arg, "key", st->keys[key].fp, KEY_LEN, out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static unsigned char key[PSEUDONYM_KEY] = { 1, 2, 3 };
	static const struct study_map map = { .arg = key,
		.address = map_address,
		.text = map_text,
		.fingerprint = map_fingerprint,
		.by_address = true };
	const char *text = (const char *)data + 1, *second;
	struct study *st, *copy;
	struct gather *im;
	size_t n, rest;

	if (len == 0)
		return 0;
	n = len - 1;
	second = n > 0 ? memchr(text, '\0', n) : NULL;
	rest = second != NULL ? n - (size_t)(second + 1 - text) : 0;
	n = second != NULL ? (size_t)(second - text) : n;
	im = gather_new();
	if (data[0] & 1)
		gather_clusters(im, text, n);
	else
		gather_collisions(im, text, n);
	if (second != NULL && (data[0] & 2) != 0)
		gather_hosts(im, second + 1, rest);
	else if (second != NULL)
		gather_verdicts(im, second + 1, rest);
	st = gather_finish(im);
	gather_free(im);
	check(st);
	draw(st);
	count(st);
	copy = study_transform(st, &map, NULL);
	check(copy);
	if (copy->nhosts != st->nhosts || copy->nuses != st->nuses ||
	    copy->nclusters != st->nclusters)
		abort();
	draw(copy);
	study_free(copy);
	leave_out(st);
	study_free(st);
	return 0;
}
