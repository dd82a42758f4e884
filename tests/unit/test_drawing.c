#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "survey/buf.h"
#include "survey/study_builder.h"

#include "graph/caption.h"
#include "graph/drawing.h"
#include "graph/layout.h"
#include "graph/page.h"

#define HOSTILE "</text><script>x</script> \"'&]]> \\N\\G <b> \x1b[31m \xe2\x80\xae\xff"

/* Of the cluster that its keys put it into. */
static uint32_t
add_free_host(struct study_builder *b, uint32_t n, uint32_t asn, const char *as)
{
	struct ip ip = ip_from_v4(0xc6120000 + n); /* 198.18.0.0 and on */
	uint32_t h = study_builder_address(b, &ip);

	study_builder_host(b, h)->record = n;
	study_builder_host(b, h)->as = study_builder_as(b, asn, as, strlen(as));
	return h;
}

/* Of the first cluster, with or without keys. */
static uint32_t
add_host(struct study_builder *b, uint32_t n, uint32_t asn, const char *as)
{
	uint32_t h = add_free_host(b, n, asn, as);

	study_builder_join(b, 0, h);
	return h;
}

static void
add_key(struct study_builder *b, uint32_t host, unsigned port, const char *prefix, uint32_t n)
{
	uint8_t row = (uint8_t)port_index(port), fp[KEY_LEN] = { 0 };
	struct study_grab g = { .host = host,
		.cert = STUDY_NONE,
		.bits = -1,
		.cipher = -1,
		.at = TIME_UNKNOWN,
		.port = row,
		.kind = (uint8_t)port_table[row].kind,
		.trusted = FACT_UNKNOWN,
		.timely = FACT_UNKNOWN };

	snprintf((char *)fp, sizeof(fp), "%s%u", prefix, n);
	g.key = study_builder_key(b, fp, g.kind);
	study_builder_grab(b, &g);
}

static struct study *
finish(struct study_builder *b)
{
	return study_builder_finish(b, NULL);
}

/* Every host and every shared key is in exactly one node, and the drawing hangs together. */
static void
check(const struct drawing *d, const struct study *st)
{
	uint32_t hosts = 0, keys = 0, *parent = calloc(d->nnodes + 1, sizeof(*parent));
	size_t parts = d->nnodes;

	for (uint32_t i = 0; i < d->nnodes; i++) {
		parent[i] = i;
		if (d->nodes[i].kind != NODE_KEY)
			hosts += d->nodes[i].nhosts;
		keys += d->nodes[i].nkeys;
	}
	assert_int_equal(hosts, st->clusters[0].hosts.n);
	if (d->level != DRAW_CLASSIC)
		assert_int_equal(keys, st->clusters[0].nshared);
	for (size_t i = 0; i < d->nedges; i++) {
		uint32_t a = d->edges[i].a, b = d->edges[i].b;

		assert_true(a < d->nnodes && b < d->nnodes && a != b);
		assert_true(d->edges[i].lane < d->edges[i].nlanes);
		while (parent[a] != a)
			a = parent[a];
		while (parent[b] != b)
			b = parent[b];
		parent[a] = b;
		parts -= a != b;
	}
	assert_int_equal(parts, 1);
	free(parent);
}

static size_t
draw(struct study *st, enum draw_level level, struct buf *svg, struct buf *dot)
{
	struct draw_colours colours;
	struct picture p;
	struct drawing d;
	size_t n;

	draw_colours_init(&colours, st);
	drawing_init(&d, st, &colours, 0, level);
	check(&d, st);
	n = d.nnodes;
	page_init(&p, &d, st);
	if (svg != NULL) {
		picture_svg(&p, svg);
		drawing_dot(&d, st, dot);
	}
	picture_fini(&p);
	drawing_fini(&d);
	draw_colours_fini(&colours);
	return n;
}

static struct study *
platform(uint32_t nhosts, uint32_t nkeys, uint32_t nases)
{
	struct study_builder *b = study_builder_new();
	struct study *st;
	uint32_t seed = 7;

	for (uint32_t i = 0; i < nhosts; i++) {
		uint32_t h = add_host(b, i, 64512 + i % nases, "Some Hosting Ltd");

		seed = seed * 1664525 + 1013904223;
		add_key(b, h, 25, "k", i < nkeys ? i : (seed >> 8) % nkeys);
		if (i > 0 && i < nkeys) /* what joins the parts */
			add_key(b, h, 443, "k", (seed >> 16) % i);
		if (i % 3 == 0)
			add_key(b, h, 22, "s", i % 7);
		add_key(b, h, 993, "own", i);
	}
	st = finish(b);
	return st;
}

static void
test_sizes(void **state)
{
	static const uint32_t sizes[] = { 2, 3, 9, 10, 11, 40, 41, 163, 1991 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct study *st = platform(sizes[i], sizes[i] / 3 + 1, sizes[i] / 5 + 1);

		if (sizes[i] <= 41)
			assert_int_equal(draw(st, DRAW_CLASSIC, NULL, NULL), sizes[i]);
		assert_true(draw(st, DRAW_COLLAPSED, NULL, NULL) <= 260);
		assert_true(draw(st, DRAW_COARSE, NULL, NULL) <= 130);
		assert_true(draw(st, DRAW_SUMMARY, NULL, NULL) <= 14);
		study_free(st);
	}
}

/* A thousand hosts of one AS with one key on one port are one node. */
static void
test_alike_hosts_are_one_node(void **state)
{
	struct study_builder *b = study_builder_new();
	struct study *st;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		add_key(b, add_host(b, i, 64500, "A"), 25, "k", 1);
	st = finish(b);
	assert_int_equal(draw(st, DRAW_COLLAPSED, NULL, NULL), 2);
	study_free(st);
}

/* Different ASes, ports and keys are told apart; keys of one host only are not. */
static void
test_what_is_told_apart(void **state)
{
	struct study_builder *b = study_builder_new();
	struct study *st;

	(void)state;
	for (uint32_t i = 0; i < 60; i++) {
		uint32_t h = add_host(b, i, 64500 + i % 2, i % 2 ? "B" : "A");

		add_key(b, h, i % 4 < 2 ? 25 : 443, "k", 1);
		add_key(b, h, 993, "own", i);
	}
	st = finish(b);
	assert_int_equal(draw(st, DRAW_COLLAPSED, NULL, NULL), 4 + 1);
	study_free(st);
}

static void
test_equal_ports_are_drawn_and_the_rest_is_told(void **state)
{
	struct draw_colours colours;
	struct study_builder *b = study_builder_new();
	struct study *st;
	struct drawing d;
	uint32_t x = add_host(b, 1, 64500, "A"), y = add_host(b, 2, 64500, "A");

	(void)state;
	add_key(b, x, 25, "k", 1);
	add_key(b, x, 143, "k", 1);
	add_key(b, y, 25, "k", 1);
	add_key(b, y, 143, "k", 1);
	add_key(b, y, 993, "k", 1);
	st = finish(b);
	draw_colours_init(&colours, st);
	drawing_init(&d, st, &colours, 0, DRAW_CLASSIC);
	assert_int_equal(d.nedges, 3); /* 25 = 25, 143 = 143, and one to 993 */
	assert_non_null(
	    strstr(d.edges[0].tip, "25 = 25, 25 = 143, 25 = 993, 143 = 25, 143 = 143, 143 = 993"));
	assert_true(d.note.len > 0);
	drawing_fini(&d);
	draw_colours_fini(&colours);
	study_free(st);
}

static void
test_hostile_texts(void **state)
{
	struct study_builder *b = study_builder_new();
	struct study *st;
	struct buf svg, dot;

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		uint32_t h = add_host(b, i, 64500, HOSTILE);
		struct study_name n = { .text = study_builder_text(b, HOSTILE, strlen(HOSTILE)),
			.answer = STUDY_NONE,
			.source = NAME_RDNS,
			.verdict = NAME_BAD };

		study_builder_name(b, h, &n);
		add_key(b, h, 25, HOSTILE, 1);
	}
	st = finish(b);
	for (int level = 0; level < NDRAW_LEVELS; level++) {
		buf_init(&svg);
		buf_init(&dot);
		draw(st, (enum draw_level)level, &svg, &dot);
		assert_null(strstr(svg.data, "<script"));
		assert_non_null(strstr(svg.data, "&lt;script&gt;"));
		for (const struct buf *p = &svg; p != NULL; p = p == &svg ? &dot : NULL) {
			assert_null(strstr(p->data, "\x1b"));
			assert_null(strstr(p->data, "\xe2\x80\xae"));
			assert_null(strstr(p->data, "\xff"));
		}
		assert_null(strstr(dot.data, " \\N\\G")); /* each backslash is doubled in DOT */
		assert_null(strstr(dot.data, "script> \"")); /* and each quote has one */
		buf_fini(&svg);
		buf_fini(&dot);
	}
	study_free(st);
}

static void
test_text_width_is_no_underestimate(void **state)
{
	(void)state;
	assert_true(picture_text_width("iiii", 10) < picture_text_width("MMMM", 10));
	assert_true(picture_text_width("mail", 10) > 15);
	assert_true(picture_text_width("\xff\xff", 10) > 0);
	assert_true(picture_text_width("", 10) < 0.001);
}

static void
test_texts_are_cut_to_width(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	buf_adds(&b, "AS64500 Boyne Hosting Ltd");
	picture_text_cut(&b, 9.5, 200);
	assert_string_equal(b.data, "AS64500 Boyne Hosting Ltd");
	for (double room = 20; room < 120; room += 7) {
		buf_clear(&b);
		buf_adds(&b,
		    "AS64500 \xd0\x9e\xd0\xbf\xd0\xb5\xd1\x80\xd0\xb0\xd1\x82\xd0\xbe\xd1\x80 "
		    "WWW <<<<");
		picture_text_cut(&b, 9.5, room);
		assert_true(picture_text_width(b.data, 9.5) <= room);
		assert_string_equal(b.data + b.len - 3, "\xe2\x80\xa6");
		assert_true(b.len < 4 || ((unsigned char)b.data[b.len - 4] & 0xc0) != 0xc0);
	}
	buf_fini(&b);
}

static bool
same_look(const struct as_style *a, const struct as_style *b)
{
	return a->rgb == b->rgb && a->outline_width == b->outline_width && a->dash[0] == b->dash[0];
}

/* Each AS of the legend looks different, and what is not there looks like "others". */
static void
test_legend_explains_every_look(void **state)
{
	(void)state;
	for (uint32_t nases = 1; nases <= 40; nases += 3) {
		for (uint32_t first = 0; first <= 64512;
		     first += 64512) { /* without numbers: greys */
			struct study_builder *b = study_builder_new();
			struct study *st;
			struct draw_colours colours;
			struct as_style mixed = palette_mixed();
			struct drawing d;

			for (uint32_t i = 0; i < 40; i++) {
				char name[16];
				uint32_t h;

				snprintf(name, sizeof(name), "as %u", i % nases);
				h = add_host(b, i, first > 0 ? first + i % nases : 0, name);
				add_key(b, h, 25, "key", 1);
			}
			st = finish(b);
			draw_colours_init(&colours, st);
			drawing_init(&d, st, &colours, 0, DRAW_CLASSIC);
			assert_int_equal(d.nases + d.other_ases, nases);
			for (size_t i = 0; i < d.nases; i++) {
				assert_false(same_look(&d.ases[i].style, &mixed));
				for (size_t k = 0; k < i; k++)
					assert_false(same_look(&d.ases[i].style, &d.ases[k].style));
			}
			for (size_t i = 0; i < d.nnodes; i++) {
				bool there = d.other_ases > 0 &&
					     same_look(&d.nodes[i].style, &mixed);

				for (size_t k = 0; k < d.nases; k++)
					there |= same_look(&d.nodes[i].style, &d.ases[k].style);
				assert_true(there);
			}
			drawing_fini(&d);
			draw_colours_fini(&colours);
			study_free(st);
		}
	}
}

/* A host that holds two parts together is not lost in a circle of hosts. */
static void
test_only_what_has_no_bridge_is_a_circle(void **state)
{
	(void)state;
	for (int bridge = 0; bridge < 2; bridge++) {
		struct study_builder *b = study_builder_new();
		struct study *st;
		struct draw_colours colours;
		struct drawing d;

		for (uint32_t i = 0; i < 9; i++) {
			uint32_t h = add_host(b, i, 64512, "A");

			if (!bridge || i < 7)
				add_key(b, h, 25, "key", 1);
			if (bridge && i >= 6)
				add_key(b, h, 443, "key", 2);
		}
		st = finish(b);
		draw_colours_init(&colours, st);
		drawing_init(&d, st, &colours, 0, DRAW_CLASSIC);
		assert_int_equal(d.circle, !bridge);
		drawing_fini(&d);
		draw_colours_fini(&colours);
		study_free(st);
	}
}

/* Seven hosts with one key, three with another, the bridge a different host each time. */
static void
test_small_pictures_hide_no_host(void **state)
{
	struct layout *l = layout_new();

	(void)state;
	for (uint32_t bridge = 0; bridge < 9; bridge++) {
		struct study_builder *b = study_builder_new();
		struct study *st;
		struct draw_colours colours;
		struct drawing d;

		for (uint32_t i = 0; i < 9; i++) {
			uint32_t h = add_host(b, i, 64512, "A"), place = (i + 9 - bridge) % 9;

			if (place < 7)
				add_key(b, h, 25, "key", 1);
			if (place == 0 || place >= 7)
				add_key(b, h, 443, "key", 2);
		}
		st = finish(b);
		draw_colours_init(&colours, st);
		drawing_init(&d, st, &colours, 0, DRAW_CLASSIC);
		assert_int_equal(layout_place(l, &d), 0);
		for (size_t i = 0; i < d.nedges; i++) {
			const struct draw_node *a = &d.nodes[d.edges[i].a];
			const struct draw_node *z = &d.nodes[d.edges[i].b];
			double dx = z->x - a->x, dy = z->y - a->y, len = hypot(dx, dy);

			for (size_t k = 0; k < d.nnodes; k++) {
				double x = d.nodes[k].x - a->x, y = d.nodes[k].y - a->y;
				double along = (x * dx + y * dy) / len;

				if (&d.nodes[k] != a && &d.nodes[k] != z && along > 0 &&
				    along < len)
					assert_true(fabs(x * dy - y * dx) / len >= d.nodes[k].r);
			}
		}
		drawing_fini(&d);
		draw_colours_fini(&colours);
		study_free(st);
	}
	layout_free(l);
}

/* One key on hosts of many ASes: nothing stands in the way of a line. */
static void
test_star_is_one_circle(void **state)
{
	struct study_builder *b = study_builder_new();
	struct study *st;
	struct draw_colours colours;
	struct drawing d;
	struct layout *l = layout_new();
	double r = 0;

	(void)state;
	for (uint32_t i = 0; i < 200; i++)
		add_key(b, add_host(b, i, 64512 + i * i % 47, "A"), 25, "key", 1);
	st = finish(b);
	draw_colours_init(&colours, st);
	drawing_init(&d, st, &colours, 0, DRAW_COLLAPSED);
	assert_true(d.nnodes > 20);
	assert_int_equal(layout_place(l, &d), 0);
	for (size_t i = 0; i < d.nnodes; i++) {
		const struct draw_node *n = &d.nodes[i];

		if (n->kind == NODE_KEY)
			continue;
		if (r == 0)
			r = hypot(n->x, n->y);
		assert_true(fabs(hypot(n->x, n->y) - r) < 0.01);
		for (size_t k = 0; k < i; k++)
			assert_true(
			    hypot(n->x - d.nodes[k].x, n->y - d.nodes[k].y) > n->r + d.nodes[k].r);
	}
	layout_free(l);
	drawing_fini(&d);
	draw_colours_fini(&colours);
	study_free(st);
}

static void
test_captions_keep_clear(void **state)
{
	struct study_builder *b = study_builder_new();
	struct study *st;
	struct draw_colours colours;
	struct drawing d;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		add_key(b, add_host(b, i, 64512, "A"), 25, "key", 1);
	st = finish(b);
	draw_colours_init(&colours, st);
	drawing_init(&d, st, &colours, 0, DRAW_CLASSIC);
	for (int turn = 0; turn < 24;
	     turn++) { /* the third node stands where the first's caption would */
		struct caption_box box[3];

		d.nodes[0].x = d.nodes[0].y = 0;
		d.nodes[1].x = 200 * cos(turn * M_PI / 12);
		d.nodes[1].y = 200 * sin(turn * M_PI / 12);
		d.nodes[2].x = -40 * cos(turn * M_PI / 12);
		d.nodes[2].y = -40 * sin(turn * M_PI / 12);
		caption_aim(&d);
		for (size_t i = 0; i < 3; i++) {
			box[i] = caption_box(&d.nodes[i]);
			for (size_t k = 0; k < 3; k++) {
				double x = fmin(fmax(d.nodes[k].x, box[i].x0), box[i].x1);
				double y = fmin(fmax(d.nodes[k].y, box[i].y0), box[i].y1);

				assert_true(i == k || hypot(x - d.nodes[k].x, y - d.nodes[k].y) >
							  d.nodes[k].r);
			}
		}
	}
	drawing_fini(&d);
	draw_colours_fini(&colours);
	study_free(st);
}

/* A lump of keys alone is a diamond with the number of keys, not a circle with no hosts. */
static void
test_no_circle_says_nought(void **state)
{
	struct study_builder *b = study_builder_new();
	struct study *st;
	struct draw_colours colours;
	struct drawing d;
	bool lump = false;

	(void)state;
	/* 40 hosts in a ring, each with a key in common with each of the next three: too many keys. */
	for (uint32_t i = 0; i < 40; i++) {
		static const unsigned own[] = { 25, 110, 143 }, others[] = { 443, 587, 993 };
		uint32_t h = add_host(b, i, 64512 + i % 12, "A");

		for (uint32_t k = 0; k < 3; k++) {
			add_key(b, h, own[k], "key", 3 * i + k);
			add_key(b, h, others[k], "key", 3 * ((i + 39 - k) % 40) + k);
		}
	}
	st = finish(b);
	draw_colours_init(&colours, st);
	drawing_init(&d, st, &colours, 0, DRAW_COLLAPSED);
	for (size_t i = 0; i < d.nnodes; i++) {
		const struct draw_node *n = &d.nodes[i];

		assert_string_not_equal(n->label, "0");
		if (n->kind != NODE_REST)
			continue;
		/* One alone is drawn as what it is. */
		assert_true(n->nhosts + n->nkeys > 1);
		lump |= draw_node_is_key(n);
	}
	assert_true(lump);
	drawing_fini(&d);
	draw_colours_fini(&colours);
	study_free(st);
}

/*
 * Two stars and a chain, laid out again and again with the heap in another
 * state: the same to the last digit, whatever addresses Graphviz gets.
 */
static void
test_places_do_not_depend_on_addresses(void **state)
{
	struct study_builder *b = study_builder_new();
	struct draw_colours colours;
	struct drawing d;
	struct study *st;
	struct layout *l = layout_new();
	double *first;
	void *holes[200];

	(void)state;
	for (uint32_t i = 0; i < 60; i++) {
		uint32_t h = add_host(b, i, 64512 + i % 30, "A");

		add_key(b, h, 25, "key", i < 30 ? 1 : 2);
		if (i >= 25 && i < 40)
			add_key(b, h, 443, "chain", i / 2);
		if (i >= 25 && i < 40)
			add_key(b, h, 993, "chain", (i + 1) / 2);
	}
	st = finish(b);
	draw_colours_init(&colours, st);
	drawing_init(&d, st, &colours, 0, DRAW_COLLAPSED);
	assert_true(d.nnodes > 30 && d.nnodes < 90);
	first = calloc(2 * d.nnodes, sizeof(*first));
	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < 200; i++)
			holes[i] = malloc(24 + (i * 7919 + round * 104729) % 3000);
		for (size_t i = round % 3; i < 200; i += 3) {
			free(holes[i]);
			holes[i] = NULL;
		}
		assert_int_equal(layout_place(l, &d), 0);
		for (size_t i = 0; i < d.nnodes; i++) {
			if (round > 0) {
				assert_true(first[2 * i] == d.nodes[i].x);
				assert_true(first[2 * i + 1] == d.nodes[i].y);
			}
			first[2 * i] = d.nodes[i].x;
			first[2 * i + 1] = d.nodes[i].y;
		}
		for (size_t i = 0; i < 200; i++)
			free(holes[i]);
	}
	free(first);
	layout_free(l);
	drawing_fini(&d);
	draw_colours_fini(&colours);
	study_free(st);
}

/* Hosts of which an old file says that they share something, but not what. */
static void
test_a_drawing_without_lines(void **state)
{
	struct study_builder *b = study_builder_new();
	struct draw_colours colours;
	struct study *st;
	struct layout *l = layout_new();

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		add_host(b, i, 64512 + i, "A");
	st = finish(b);
	assert_int_equal(st->nclusters, 1);
	draw_colours_init(&colours, st);
	for (int level = 0; level < NDRAW_LEVELS; level++) {
		struct picture p;
		struct drawing d;

		drawing_init(&d, st, &colours, 0, (enum draw_level)level);
		assert_int_equal(layout_place(l, &d), 0);
		if (level != DRAW_SUMMARY)
			assert_int_equal(d.nedges, 0);
		for (size_t i = 0; i < d.nnodes; i++) {
			for (size_t k = 0; k < i; k++)
				assert_true(hypot(d.nodes[i].x - d.nodes[k].x,
						d.nodes[i].y - d.nodes[k].y) > d.nodes[i].r);
		}
		page_init(&p, &d, st);
		picture_fini(&p);
		drawing_fini(&d);
	}
	layout_free(l);
	draw_colours_fini(&colours);
	study_free(st);
}

/* A clique with one key, or as many links in a chain. */
static struct study *
linked(uint32_t nhosts, bool chain)
{
	struct study_builder *b = study_builder_new();

	for (uint32_t i = 0; i < nhosts; i++) {
		uint32_t h = add_host(b, i, 64500, "A");

		if (!chain)
			add_key(b, h, 25, "k", 0);
		if (chain && i > 0)
			add_key(b, h, 25, "k", i);
		if (chain && i < nhosts - 1)
			add_key(b, h, 443, "k", i + 1);
	}
	return finish(b);
}

/* What must be read decides, not how many hosts there are. */
static void
test_lines_decide_which_picture(void **state)
{
	static const struct {
		uint32_t nhosts;
		bool chain;
		enum draw_level level;
	} rows[] = {
		{ 2, false, DRAW_CLASSIC },
		{ 11, false, DRAW_CLASSIC },
		{ 12, false, DRAW_KEYS },
		{ 60, false, DRAW_KEYS },
		{ 61, false, DRAW_COLLAPSED },
		{ 1991, false, DRAW_COLLAPSED },
		{ 12, true, DRAW_CLASSIC },
		{ 61, true, DRAW_CLASSIC },
		{ 62, true, DRAW_COLLAPSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct study *st = linked(rows[i].nhosts, rows[i].chain);

		assert_int_equal(draw_level_for(st, 0, 60), rows[i].level);
		study_free(st);
	}
}

/* Keys of the same hosts are one node, with a line to each host. */
static void
test_keys_with_their_hosts_around(void **state)
{
	struct study_builder *b = study_builder_new();
	struct draw_colours colours;
	struct study *st;
	struct drawing d;

	(void)state;
	for (uint32_t i = 0; i < 38; i++) {
		uint32_t h = add_host(b, i, 64500, "A");

		add_key(b, h, 22, "ssh", 0);
		add_key(b, h, 25, "tls", 0);
		if (i < 5)
			add_key(b, h, 993, "tls", 0);
		add_key(b, h, 443, "own", i);
	}
	st = finish(b);
	assert_int_equal(draw_level_for(st, 0, 60), DRAW_KEYS);
	draw_colours_init(&colours, st);
	drawing_init(&d, st, &colours, 0, DRAW_KEYS);
	check(&d, st);
	assert_int_equal(d.nnodes, 38 + 1);
	assert_int_equal(d.nedges, 2 * 38); /* SSH and mail */
	assert_string_equal(d.nodes[38].caption, "k1 k2");
	assert_string_equal(d.nodes[37].label, "38");
	drawing_fini(&d);
	draw_colours_fini(&colours);
	study_free(st);
}

/* Nodes of one AS and key differ by ports: these stand beside them. */
static void
test_twins_say_how_they_differ(void **state)
{
	struct study_builder *b = study_builder_new();
	struct draw_colours colours;
	struct study *st;
	struct drawing d;

	(void)state;
	for (uint32_t i = 0; i < 90; i++) {
		uint32_t h = add_host(b, i, i < 60 ? 64500 : 64501, i < 60 ? "A" : "B");

		add_key(b, h, 25, "k", 0);
		if (i < 30)
			add_key(b, h, 993, "k", 0);
	}
	st = finish(b);
	draw_colours_init(&colours, st);
	drawing_init(&d, st, &colours, 0, DRAW_COLLAPSED);
	check(&d, st);
	assert_int_equal(d.nnodes, 3 + 1);
	for (size_t i = 0; i < d.nnodes; i++) {
		const struct draw_node *n = &d.nodes[i];

		if (n->kind == NODE_KEY)
			assert_string_equal(n->caption, "k1");
		else if (n->as == d.ases[1].as)
			assert_null(n->caption);
		else
			assert_string_equal(n->caption, n->ref == 0 ? "25 993" : "25");
	}
	drawing_fini(&d);
	draw_colours_fini(&colours);
	study_free(st);
}

/* Fourteen ASes have a picture each and one together: none is grey alone, and greys are named. */
static void
test_greys_are_named(void **state)
{
	struct study_builder *b = study_builder_new();
	struct draw_colours colours;
	struct study *st;
	struct drawing d;
	uint32_t n = 0;

	(void)state;
	for (uint32_t as = 0; as < 12; as++) {
		for (uint32_t i = 0; i < 9; i++)
			add_key(b, add_free_host(b, n++, 64500 + as, "coloured"), 25, "k", as);
	}
	for (uint32_t i = 0; i < 3; i++)
		add_key(b, add_free_host(b, n++, 64600, "alone"), 25, "alone", 0);
	for (uint32_t i = 0; i < 4; i++)
		add_key(b, add_free_host(b, n++, 64610 + i, "together"), 25, "together", 0);
	st = finish(b);
	draw_colours_init(&colours, st);
	for (uint32_t i = 0; i < st->nclusters; i++) {
		drawing_init(&d, st, &colours, i, DRAW_CLASSIC);
		for (size_t k = 0; k < d.nases; k++)
			assert_int_equal(d.ases[k].grey, d.nases > 1 && k > 0);
		for (size_t k = 0; k < d.nnodes; k++)
			assert_int_equal(strncmp(d.nodes[k].caption, "AS", 2) == 0,
			    d.nases > 1 && d.nodes[k].as != d.ases[0].as);
		drawing_fini(&d);
	}
	draw_colours_fini(&colours);
	study_free(st);
}

/* A note on pairs of ports stands only where a line would look unlike those that are there. */
static void
test_note_on_pairs_of_ports(void **state)
{
	(void)state;
	for (int web = 0; web <= 1; web++) {
		for (uint32_t nhosts = 2; nhosts <= 11; nhosts += 9) {
			struct study_builder *b = study_builder_new();
			struct draw_colours colours;
			struct study *st;
			struct drawing d;

			for (uint32_t i = 0; i < nhosts; i++) {
				uint32_t h = add_host(b, i, 64500, "A");

				add_key(b, h, 25, "k", 0);
				add_key(b, h, web ? 443 : 993, "k", 0);
			}
			st = finish(b);
			draw_colours_init(&colours, st);
			drawing_init(&d, st, &colours, 0, DRAW_CLASSIC);
			assert_int_equal(d.note.len > 0, web || nhosts == 2);
			drawing_fini(&d);
			draw_colours_fini(&colours);
			study_free(st);
		}
	}
}

/* Red: the key in a picture of keys, a mark on hosts elsewhere. */
static void
test_weak_keys_are_marked(void **state)
{
	struct study *st = linked(20, false);
	struct draw_colours colours;
	struct drawing d;
	bool weak[1] = { true };

	(void)state;
	draw_colours_init(&colours, st);
	assert_null(colours.weak);
	colours.weak = weak;
	for (int level = DRAW_CLASSIC; level <= DRAW_KEYS; level++) {
		drawing_init(&d, st, &colours, 0, (enum draw_level)level);
		for (size_t i = 0; i < d.nnodes; i++)
			assert_int_equal(
			    d.nodes[i].weak, level == DRAW_CLASSIC || d.nodes[i].kind == NODE_KEY);
		drawing_fini(&d);
	}
	colours.weak = NULL;
	draw_colours_fini(&colours);
	study_free(st);
}

/* Of hosts that are one node, it is told how many show a weak key of their own. */
static void
test_weak_hosts_of_a_group_are_counted(void **state)
{
	struct study_builder *b = study_builder_new();
	bool weak[4] = { false };
	struct draw_colours colours;
	struct study *st;
	struct drawing d;
	int marked = 0, own = 0;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t h = add_host(b, i, 64500, "A");

		add_key(b, h, 25, "shared", 0);
		add_key(b, h, 443, "own", i);
	}
	st = finish(b);
	assert_int_equal(st->nkeys, 4);
	for (uint32_t i = 0; i < st->nkeys; i++)
		weak[i] = st->keys[i].nhosts == 1 && own++ < 2;
	draw_colours_init(&colours, st);
	colours.weak = weak;
	drawing_init(&d, st, &colours, 0, DRAW_COLLAPSED);
	for (size_t i = 0; i < d.nnodes; i++) {
		if (d.nodes[i].kind != NODE_GROUP)
			continue;
		assert_true(d.nodes[i].weak);
		assert_non_null(
		    strstr(d.nodes[i].tip, "\n2 of them show a weak key of their own\n"));
		marked++;
	}
	assert_int_equal(marked, 1);
	drawing_fini(&d);
	colours.weak = NULL;
	draw_colours_fini(&colours);
	study_free(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_alike_hosts_are_one_node),
		cmocka_unit_test(test_what_is_told_apart),
		cmocka_unit_test(test_equal_ports_are_drawn_and_the_rest_is_told),
		cmocka_unit_test(test_hostile_texts),
		cmocka_unit_test(test_text_width_is_no_underestimate),
		cmocka_unit_test(test_texts_are_cut_to_width),
		cmocka_unit_test(test_legend_explains_every_look),
		cmocka_unit_test(test_only_what_has_no_bridge_is_a_circle),
		cmocka_unit_test(test_small_pictures_hide_no_host),
		cmocka_unit_test(test_star_is_one_circle),
		cmocka_unit_test(test_captions_keep_clear),
		cmocka_unit_test(test_no_circle_says_nought),
		cmocka_unit_test(test_places_do_not_depend_on_addresses),
		cmocka_unit_test(test_a_drawing_without_lines),
		cmocka_unit_test(test_lines_decide_which_picture),
		cmocka_unit_test(test_keys_with_their_hosts_around),
		cmocka_unit_test(test_twins_say_how_they_differ),
		cmocka_unit_test(test_greys_are_named),
		cmocka_unit_test(test_note_on_pairs_of_ports),
		cmocka_unit_test(test_weak_keys_are_marked),
		cmocka_unit_test(test_weak_hosts_of_a_group_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
