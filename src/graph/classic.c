/* Pure: the classic picture, a node a host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/port.h"

#include "drawing.h"

#define EXACT_UP_TO 10 /* hosts: each pair of ports has a colour of its own */
#define CAPTION_UP_TO 12 /* hosts: addresses stand beside the nodes */

/* One key seen on two ports of two hosts. */
struct link {
	uint32_t a, b; /* hosts, a < b, from 0 in the cluster */
	uint16_t pa, pb; /* port numbers */
	bool drawn;
};

struct links {
	struct link *v;
	size_t n, cap;
};

static int
by_hosts_and_ports(const void *px, const void *py)
{
	const struct link *x = px, *y = py;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	if (x->b != y->b)
		return x->b < y->b ? -1 : 1;
	if (x->pa != y->pa)
		return (int)x->pa - (int)y->pa;
	if (x->pb != y->pb)
		return (int)x->pb - (int)y->pb;
	return (int)y->drawn - (int)x->drawn;
}

static bool
has_port(const struct study_use *u, uint32_t n, uint8_t port)
{
	for (uint32_t i = 0; i < n; i++) {
		if (u[i].port == port)
			return true;
	}
	return false;
}

/* The first port of u that the others do not show, or the first of all. */
static uint8_t
odd_port(const struct study_use *u, uint32_t n, const struct study_use *other, uint32_t nother)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!has_port(other, nother, u[i].port))
			return u[i].port;
	}
	return u[0].port;
}

/*
 * All pairs of ports of two hosts that one key links.  Drawn are those of
 * equal ports, and one for each port that the other host does not show the
 * key on; the rest follows from these, and tooltip and table name it.
 */
static void
link_hosts(struct links *l, uint32_t a, const struct study_use *ua, uint32_t na, uint32_t b,
    const struct study_use *ub, uint32_t nb)
{
	uint8_t to_b = odd_port(ub, nb, ua, na), to_a = odd_port(ua, na, ub, nb);

	for (uint32_t i = 0; i < na; i++) {
		for (uint32_t j = 0; j < nb; j++) {
			uint8_t pa = ua[i].port, pb = ub[j].port;
			bool drawn = pa == pb || (pb == to_b && !has_port(ub, nb, pa)) ||
				     (pa == to_a && !has_port(ua, na, pb));

			mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v));
			l->v[l->n++] = (struct link){ a, b, port_table[pa].port,
				port_table[pb].port, drawn };
		}
	}
}

static void
collect_links(struct links *l, const struct study *st, const struct study_cluster *c)
{
	for (uint32_t k = 0; k < c->nshared; k++) {
		const struct study_key *key = &st->keys[study_cluster_key(st, c, k)];
		const struct study_use *u = &st->uses[key->uses.at], *end = u + key->uses.n, *a, *b,
				       *an, *bn;

		for (a = u; a < end; a = an) {
			for (an = a; an < end && an->host == a->host; an++)
				;
			for (b = an; b < end; b = bn) {
				for (bn = b; bn < end && bn->host == b->host; bn++)
					;
				link_hosts(l, st->place[a->host] - c->hosts.at, a,
				    (uint32_t)(an - a), st->place[b->host] - c->hosts.at, b,
				    (uint32_t)(bn - b));
			}
		}
	}
	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_hosts_and_ports);
}

static const char *
service(unsigned port)
{
	static const struct {
		unsigned port;
		const char *name;
	} names[] = {
		{ 22, "SSH" },
		{ 25, "SMTP" },
		{ 110, "POP3" },
		{ 143, "IMAP" },
		{ 443, "HTTPS" },
		{ 465, "SMTPS" },
		{ 587, "submission" },
		{ 993, "IMAPS" },
		{ 995, "POP3S" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].port == port)
			return names[i].name;
	}
	return "port";
}

static bool
same_style(const struct line_style *a, const struct line_style *b)
{
	return a->rgb == b->rgb && a->dash[0] == b->dash[0] && a->dash[1] == b->dash[1] &&
	       a->dash[2] == b->dash[2];
}

/* A row of the legend, once for each style. */
static void
legend_line(struct drawing *d, const struct line_style *s, const char *text)
{
	for (size_t i = 0; i < d->nlines; i++) {
		if (same_style(&d->lines[i].style, s) && strcmp(d->lines[i].text, text) == 0)
			return;
	}
	mem_grow(&d->lines, &d->cap_lines, d->nlines + 1, sizeof(*d->lines));
	d->lines[d->nlines++] = (struct draw_line){ *s, xstrdup(text) };
}

struct look {
	struct line_style style;
	unsigned order;
	char text[64];
};

static struct look
look_of(const struct link *l, bool exact)
{
	struct look k = { .order = 0 };
	unsigned lo = l->pa < l->pb ? l->pa : l->pb, hi = l->pa < l->pb ? l->pb : l->pa;

	if (!exact) {
		enum pair_class c = palette_class(lo, hi);

		k.style = *palette_class_style(c);
		k.order = (unsigned)c;
		snprintf(k.text, sizeof(k.text), "%s", k.style.name);
	} else if (lo == hi) {
		k.style = palette_pair_style(lo, hi);
		k.order = lo;
		snprintf(k.text, sizeof(k.text), "%s %u", service(lo), lo);
	} else {
		k.style = palette_pair_style(lo, hi);
		k.order = 0x10000 + lo * 1024 + hi;
		snprintf(k.text, sizeof(k.text), "%s %u = %s %u", service(lo), lo, service(hi), hi);
	}
	return k;
}

static int
by_order(const void *pa, const void *pb)
{
	const struct look *a = pa, *b = pb;

	return a->order < b->order ? -1 : a->order > b->order;
}

static void
add_end(struct buf *tip, const struct study *st, uint32_t host)
{
	if (study_stands_for(st, host) != NULL)
		buf_adds(tip, "others");
	else
		drawing_ip(tip, st, host);
}

/* The edges between two hosts: links l[0..n), all of the same two.  Returns whether a link looks like none of them. */
static bool
draw_pair(struct drawing *d, const struct study *st, const struct study_cluster *c,
    const struct link *l, size_t n, bool exact)
{
	struct look looks[NPORTS * NPORTS];
	struct buf tip;
	size_t nlooks = 0;
	bool implied = false;

	for (size_t i = 0; i < n; i++) {
		struct look k = look_of(&l[i], exact);
		size_t at = 0;

		if (!l[i].drawn)
			continue;
		while (at < nlooks && looks[at].order != k.order)
			at++;
		if (at == nlooks && nlooks < sizeof(looks) / sizeof(looks[0]))
			looks[nlooks++] = k;
	}
	qsort(looks, nlooks, sizeof(*looks), by_order);
	for (size_t i = 0; i < n && !implied; i++) {
		unsigned order = look_of(&l[i], exact).order;
		size_t at = 0;

		while (at < nlooks && looks[at].order != order)
			at++;
		implied = at == nlooks;
	}
	buf_init(&tip);
	add_end(&tip, st, study_member(st, c, l->a));
	buf_adds(&tip, " – ");
	add_end(&tip, st, study_member(st, c, l->b));
	buf_adds(&tip, "\nsame key on ports: ");
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && l[i].pa == l[i - 1].pa && l[i].pb == l[i - 1].pb)
			continue;
		buf_printf(&tip, "%s%u = %u", i > 0 ? ", " : "", l[i].pa, l[i].pb);
	}
	for (size_t i = 0; i < nlooks; i++) {
		struct draw_edge *e = drawing_edge(d, l->a, l->b);

		e->style = looks[i].style;
		e->lane = (uint32_t)i;
		e->nlanes = (uint32_t)nlooks;
		e->tip = xstrdup(tip.data);
	}
	buf_fini(&tip);
	return implied;
}

/* Rows in the order of ports, not of discovery. */
static void
draw_legend(struct drawing *d, const struct links *l, bool exact)
{
	struct look *looks = xcalloc(l->n + 1, sizeof(*looks));
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].drawn)
			looks[n++] = look_of(&l->v[i], exact);
	}
	qsort(looks, n, sizeof(*looks), by_order);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || looks[i].order != looks[i - 1].order)
			legend_line(d, &looks[i].style, looks[i].text);
	}
	free(looks);
}

void
drawing_classic(struct drawing *d, const struct study *st, uint32_t cluster)
{
	const struct study_cluster *c = &st->clusters[cluster];
	uint32_t nhosts = c->hosts.n, *partners = xcalloc((size_t)nhosts + 1, sizeof(*partners));
	bool exact = nhosts <= EXACT_UP_TO, implied = false;
	struct links l = { 0 };

	for (uint32_t i = 0; i < nhosts; i++) {
		struct draw_node *n = drawing_node(d, NODE_HOST);
		struct buf tip;

		n->ref = study_member(st, c, i);
		n->nhosts = 1;
		n->as = st->hosts[n->ref].as;
		n->style = drawing_as_style(d, n->as);
		n->r = nhosts <= CAPTION_UP_TO ? 13 : 10;
		if (drawing_others(st, n))
			continue;
		n->weak = drawing_is_weak(d, st, n->ref, false);
		snprintf(n->label, sizeof(n->label), "%u", i + 1);
		buf_init(&tip);
		if (nhosts <= CAPTION_UP_TO) {
			drawing_ip(&tip, st, n->ref);
			n->caption = xstrdup(tip.data);
			buf_clear(&tip);
		}
		drawing_name_grey(d, st, n);
		drawing_host_tip(&tip, st, n->ref);
		n->tip = buf_steal(&tip);
		buf_fini(&tip);
	}
	collect_links(&l, st, c);
	for (size_t i = 0, j; i < l.n; i = j) {
		for (j = i; j < l.n && l.v[j].a == l.v[i].a && l.v[j].b == l.v[i].b; j++)
			;
		implied |= draw_pair(d, st, c, &l.v[i], j - i, exact);
		partners[l.v[i].a]++;
		partners[l.v[i].b]++;
	}
	draw_legend(d, &l, exact);
	d->circle = nhosts > 2;
	for (uint32_t i = 0; i < nhosts; i++)
		d->circle &= 2 * partners[i] >= nhosts;
	free(partners);
	if (implied)
		drawing_note(d,
		    "Where two hosts show one key on the same several ports, only the lines "
		    "between equal ports are drawn; the key links each of these ports to "
		    "each of the others, too.");
	free(l.v);
}
