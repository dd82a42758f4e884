/*
 * A picture of each cluster for one constituency: its hosts, their shared keys, and of
 * others nothing but how many have these keys, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/picture.h"
#include "survey/text.h"

#include "notify.h"

#define HOSTS_MAX 30 /* that are drawn; of more only the number */
#define KEYS_MAX 20
#define ROW 24.0
#define MARGIN 20.0
#define TOP 78.0
#define HOST_X 285.0 /* of their dots; what stands left of them is their address */
#define KEY_X 420.0
#define OTHER_X 570.0
#define WIDTH 760.0
#define OWN_RGB 0x0072b2
#define OTHER_RGB 0xe0e0e0
#define KEY_RGB 0x222222

/* A cluster's part that is the constituency's own. */
struct part {
	uint32_t cluster;
	const uint32_t *hosts; /* in it, the constituency's */
	uint32_t nhosts;
	uint32_t keys[KEYS_MAX], nkeys; /* shared ones of theirs */
	bool more_keys; /* than are drawn */
	unsigned ports[KEYS_MAX]; /* rows of port_table on which own hosts show the key, as bits */
	bool edge[HOSTS_MAX][KEYS_MAX];
};

static void
take_key(struct part *p, const struct notices *n, uint32_t host, const struct notice_key *k)
{
	uint32_t i;

	if (n->st->keys[k->key].nhosts < 2)
		return; /* weak, and nobody else's */
	for (i = 0; i < p->nkeys && p->keys[i] != k->key; i++)
		;
	if (i == p->nkeys && p->nkeys < KEYS_MAX) {
		p->keys[i] = k->key;
		p->ports[i] = 0;
		p->nkeys++;
	}
	if (i == p->nkeys) {
		p->more_keys = true;
		return;
	}
	p->ports[i] |= 1U << n->st->grabs[k->grab].port;
	if (host < HOSTS_MAX)
		p->edge[host][i] = true;
}

static void
find_part(struct part *p, struct view *v)
{
	const struct notices *n = v->n;

	p->nkeys = 0;
	memset(p->edge, 0, sizeof(p->edge));
	for (uint32_t i = 0; i < p->nhosts; i++) {
		struct study_span rows = n->of_host[p->hosts[i]];

		for (uint32_t r = rows.at; r < rows.at + rows.n; r++) {
			const struct notice *row = &n->v[r];

			for (uint32_t k = row->keys.at; k < row->keys.at + row->keys.n; k++)
				take_key(p, n, i, &n->keys[k]);
		}
	}
}

static double
place(uint32_t i, uint32_t n, double height)
{
	return TOP + height * (i + 0.5) / n;
}

/* A word with its number, as a text of the picture. */
static struct shape *
word(struct picture *s, double x, double y, double size, uint32_t rgb, const struct notify_words *w,
    unsigned number, uint32_t n)
{
	struct shape *t;
	struct buf b;

	buf_init(&b);
	notify_word_add(w, number, n, &b);
	t = picture_text(s, x, y, size, rgb, b.data);
	buf_fini(&b);
	return t;
}

static void
line(struct picture *s, double x, double y, double x2, double y2)
{
	struct shape *l = picture_line(s, x, y, x2, y2, 0x888888, 1);

	l->opacity = 0.8;
}

static void
host_text(struct picture *s, const struct study *st, uint32_t host, double y)
{
	char ip[IP_STRLEN], name[254];
	struct buf b;

	buf_init(&b);
	buf_adds(&b, ip_format(&st->hosts[host].ip, ip));
	if (notify_name(st, host, name)[0] != '\0' && b.len < 16)
		buf_printf(&b, "  %s", name);
	picture_text_cut(&b, 10, HOST_X - MARGIN - 14);
	picture_text(s, HOST_X - 12, y + 3.5, 10, PICTURE_INK, b.data)->anchor = ANCHOR_END;
	buf_fini(&b);
}

static void
key_text(struct picture *s, const struct part *p, uint32_t i, const struct study *st, double y)
{
	bool first = true;
	struct shape *t;
	struct buf b;

	buf_init(&b);
	hex_add(&b, st->keys[p->keys[i]].fp, 4);
	buf_adds(&b, "\xe2\x80\xa6 ");
	for (uint8_t row = 0; row < NPORTS; row++) {
		if ((p->ports[i] >> row & 1) == 0)
			continue;
		buf_printf(&b, "%s%u", first ? "" : ", ", port_table[row].port);
		first = false;
	}
	picture_text_cut(&b, 8.5, OTHER_X - KEY_X - 10);
	t = picture_text(s, KEY_X, y - 9, 8.5, PICTURE_SOFT, b.data);
	t->anchor = ANCHOR_MIDDLE;
	t->halo = true;
	buf_fini(&b);
}

static void
draw_hosts(struct picture *s, const struct part *p, const struct study *st, double height)
{
	uint32_t shown = p->nhosts < HOSTS_MAX ? p->nhosts : HOSTS_MAX;

	for (uint32_t i = 0; i < shown; i++) {
		double y = place(i, shown, height);
		struct shape *c = picture_add(s, SHAPE_CIRCLE, HOST_X, y);

		c->r = 5;
		c->fill = OWN_RGB;
		host_text(s, st, p->hosts[i], y);
	}
}

static void
draw_keys(struct picture *s, const struct part *p, struct notifying *x, double height)
{
	struct view *v = &x->view;
	uint32_t shown = p->nhosts < HOSTS_MAX ? p->nhosts : HOSTS_MAX;

	for (uint32_t i = 0; i < p->nkeys; i++) {
		double y = place(i, p->nkeys, height);
		struct share share = view_key(v, p->keys[i]);
		struct shape *d;

		for (uint32_t h = 0; h < shown; h++) {
			if (p->edge[h][i])
				line(s, HOST_X, place(h, shown, height), KEY_X, y);
		}
		if (share.other_hosts > 0) {
			line(s, KEY_X, y, OTHER_X, y);
			d = picture_add(s, SHAPE_CIRCLE, OTHER_X, y);
			d->r = 9;
			d->fill = OTHER_RGB;
			d->stroke = 0x888888;
			d->width = 1;
			word(s, OTHER_X + 15, y - 0.5, 10, PICTURE_INK, &x->words,
			    share.other_hosts == 1 ? WORD_OTHER_HOST : WORD_OTHER_HOSTS,
			    share.other_hosts);
			if (share.other_operators > 0)
				word(s, OTHER_X + 15, y + 10.5, 8.5, PICTURE_SOFT, &x->words,
				    share.other_operators == 1 ? WORD_OTHER_NETWORK
							       : WORD_OTHER_NETWORKS,
				    share.other_operators);
		}
		d = picture_add(s, SHAPE_DIAMOND, KEY_X, y);
		d->r = 6;
		d->fill = KEY_RGB;
		key_text(s, p, i, v->n->st, y);
	}
}

static void
draw_head(struct picture *s, const struct part *p, struct notifying *x)
{
	struct share share = view_cluster(&x->view, p->cluster);
	const struct notify_words *w = &x->words;
	struct buf b;

	buf_init(&b);
	notify_word_add(w, WORD_CLUSTER, x->n.st->clusters[p->cluster].id, &b);
	s->title = xstrdup(b.data);
	buf_clear(&b);
	notify_word_add(w, WORD_OF_YOUR_HOSTS, share.own_hosts, &b);
	buf_adds(&b, ", ");
	notify_word_add(w, WORD_OF_OTHER_OPERATORS, share.other_hosts, &b);
	s->desc = xstrdup(b.data);
	buf_fini(&b);
	picture_text(s, MARGIN, MARGIN + 14, 16, PICTURE_INK, s->title)->bold = true;
	picture_text(s, MARGIN, MARGIN + 30, 10.5, PICTURE_SOFT, s->desc);
	word(s, HOST_X + 5, TOP - 12, 9, PICTURE_SOFT, w, WORD_YOUR_HOSTS, 0)->anchor = ANCHOR_END;
	word(s, KEY_X, TOP - 12, 9, PICTURE_SOFT, w, WORD_SHARED_KEYS, 0)->anchor = ANCHOR_MIDDLE;
	word(s, OTHER_X - 9, TOP - 12, 9, PICTURE_SOFT, w, WORD_OTHERS, 0);
}

/* What is not drawn is told by its number. */
static void
draw_foot(struct picture *s, const struct part *p, const struct notify_words *w, double y)
{
	struct buf b;

	buf_init(&b);
	if (p->nhosts > HOSTS_MAX)
		notify_word_add(w, WORD_HOSTS_NOT_DRAWN, p->nhosts - HOSTS_MAX, &b);
	if (p->nhosts > HOSTS_MAX && p->more_keys)
		buf_addc(&b, ' ');
	if (p->more_keys)
		notify_word_add(w, WORD_KEYS_DRAWN, KEYS_MAX, &b);
	if (b.len > 0)
		picture_text(s, MARGIN, y, 8.5, PICTURE_SOFT, b.data);
	buf_fini(&b);
}

static int
draw(struct notifying *x, const struct part *p)
{
	uint32_t hosts = p->nhosts < HOSTS_MAX ? p->nhosts : HOSTS_MAX;
	uint32_t rows = hosts > p->nkeys ? hosts : p->nkeys;
	double height = ROW * (rows > 2 ? rows : 2);
	struct picture s = { .width = WIDTH, .height = TOP + height + 2 * MARGIN };
	char *name = xasprintf(
	    "%s/cluster-%u.svg", x->view.c->folder, x->n.st->clusters[p->cluster].id);
	struct buf b;
	int rc;

	draw_head(&s, p, x);
	draw_keys(&s, p, x, height);
	draw_hosts(&s, p, x->n.st, height);
	draw_foot(&s, p, &x->words, TOP + height + MARGIN);
	buf_init(&b);
	picture_svg(&s, &b);
	rc = newdir_write(x->o->out, name, b.data, b.len);
	buf_fini(&b);
	picture_fini(&s);
	free(name);
	return rc;
}

/* Hosts of the constituency by cluster; those that are in none are last. */
static int
by_cluster(const void *pa, const void *pb, void *arg)
{
	const struct study *st = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	uint32_t ca = st->hosts[a].cluster, cb = st->hosts[b].cluster;

	if (ca != cb)
		return ca < cb ? -1 : 1;
	return a < b ? -1 : a > b;
}

int
notify_pictures(struct notifying *x)
{
	const struct constituency *c = x->view.c;
	const struct study *st = x->n.st;
	uint32_t *hosts = xcalloc(c->nhosts + 1, sizeof(*hosts));
	int rc = 0;

	memcpy(hosts, c->hosts, c->nhosts * sizeof(*hosts));
	qsort_r(hosts, c->nhosts, sizeof(*hosts), by_cluster, (void *)(uintptr_t)st);
	for (size_t i = 0, end; i < c->nhosts && rc == 0; i = end) {
		struct part p = { .cluster = st->hosts[hosts[i]].cluster, .hosts = &hosts[i] };

		for (end = i; end < c->nhosts && st->hosts[hosts[end]].cluster == p.cluster; end++)
			;
		if (p.cluster == STUDY_NONE)
			break;
		p.nhosts = (uint32_t)(end - i);
		find_part(&p, &x->view);
		rc = draw(x, &p);
	}
	free(hosts);
	return rc;
}
