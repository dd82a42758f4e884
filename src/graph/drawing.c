/* Pure: what all drawings have in common. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/finding.h"
#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/order.h"
#include "survey/port.h"
#include "survey/text.h"

#include "drawing.h"

#define TIP_NAMES 6 /* names in a tooltip */
#define TIP_NAME 60 /* characters of one */
#define LEGEND_AS NAS_COLOURS /* rows of the legend; beyond them all ASes look alike */

/* Largest first; equal ones by number, so that the order is the same in every run. */
static int
by_size(const void *pa, const void *pb, void *arg)
{
	const struct study *st = arg;
	const struct study_as *a = &st->ases[*(const uint32_t *)pa];
	const struct study_as *b = &st->ases[*(const uint32_t *)pb];

	if (a->nclustered != b->nclustered)
		return a->nclustered > b->nclustered ? -1 : 1;
	if (a->asn != b->asn)
		return a->asn < b->asn ? -1 : 1;
	return strcmp(study_text_or_empty(st, a->name), study_text_or_empty(st, b->name));
}

/* By key: is it marked?  NULL where none is. */
static bool *
weak_keys(const struct study *st)
{
	bool *weak = NULL;

	for (size_t i = 0; st->findings != NULL && i < st->findings->nfindings; i++) {
		const struct finding *f = &st->findings->findings[i];

		if (finding_kinds[f->kind].severity > FINDING_HIGH)
			continue;
		if (weak == NULL)
			weak = xcalloc((size_t)st->nkeys + 1, sizeof *weak);
		weak[f->key] = true;
	}
	return weak;
}

void
draw_colours_init(struct draw_colours *c, const struct study *st)
{
	uint32_t *order = xcalloc((size_t)st->nases + 1, sizeof *order);
	uint32_t *asn = xcalloc((size_t)st->nases + 1, sizeof *asn);
	int *slot = xcalloc((size_t)st->nases + 1, sizeof *slot);

	for (uint32_t i = 0; i < st->nases; i++)
		order[i] = i;
	qsort_r(order, st->nases, sizeof *order, by_size, (void *)(uintptr_t)st);
	for (uint32_t i = 0; i < st->nases; i++)
		asn[i] = st->ases[order[i]].nclustered > 0 ? st->ases[order[i]].asn : 0;
	palette_assign(asn, st->nases, slot);
	*c = (struct draw_colours){ .weak = weak_keys(st) };
	c->slot = xcalloc((size_t)st->nases + 1, sizeof *c->slot);
	for (uint32_t i = 0; i < st->nases; i++)
		c->slot[order[i]] = slot[i];
	free(order);
	free(asn);
	free(slot);
}

void
draw_colours_init_by(struct draw_colours *c, const struct study *st, const uint32_t *asns, size_t n)
{
	int *slot = xcalloc(n + 1, sizeof *slot);

	palette_assign(asns, n, slot);
	*c = (struct draw_colours){ .weak = weak_keys(st) };
	c->slot = xcalloc((size_t)st->nases + 1, sizeof *c->slot);
	for (uint32_t i = 0; i < st->nases; i++)
		c->slot[i] = -1;
	for (size_t k = 0, given = 0; k < n && given < NAS_COLOURS; k++) {
		if (slot[k] < 0)
			continue;
		given++;
		for (uint32_t i = 0; i < st->nases; i++) {
			if (st->ases[i].asn == asns[k])
				c->slot[i] = slot[k];
		}
	}
	free(slot);
}

void
draw_colours_fini(struct draw_colours *c)
{
	free(c->slot);
	free(c->weak);
}

struct draw_node *
drawing_node(struct drawing *d, enum draw_kind kind)
{
	mem_grow(&d->nodes, &d->cap_nodes, d->nnodes + 1, sizeof *d->nodes);

	struct draw_node *n = &d->nodes[d->nnodes++];
	*n = (struct draw_node){ .kind = kind, .as = STUDY_NONE, .ref = STUDY_NONE, .r = 9 };
	return n;
}

struct draw_edge *
drawing_edge(struct drawing *d, uint32_t a, uint32_t b)
{
	mem_grow(&d->edges, &d->cap_edges, d->nedges + 1, sizeof *d->edges);

	struct draw_edge *e = &d->edges[d->nedges++];
	*e = (struct draw_edge){ .a = a, .b = b, .nlanes = 1 };
	return e;
}

void
drawing_note(struct drawing *d, const char *fmt, ...)
{
	va_list ap;

	if (d->note.len > 0)
		buf_adds(&d->note, "\n");
	va_start(ap, fmt);
	buf_vprintf(&d->note, fmt, ap);
	va_end(ap);
}

struct as_style
drawing_as_style(const struct drawing *d, uint32_t as)
{
	for (size_t i = 0; i < d->nases; i++)
		if (d->ases[i].as == as)
			return d->ases[i].style;
	return palette_mixed();
}

bool
drawing_is_weak(const struct drawing *d, const struct study *st, uint32_t host, bool own_only)
{
	const struct study_host *h = &st->hosts[host];

	for (uint32_t i = h->grabs.at; d->weak != NULL && i < h->grabs.at + h->grabs.n; i++) {
		uint32_t key = st->grabs[i].key;

		if (d->weak[key] && (!own_only || st->keys[key].nhosts < 2))
			return true;
	}
	return false;
}

void
drawing_name_grey(const struct drawing *d, const struct study *st, struct draw_node *n)
{
	char *caption = n->caption;
	size_t i = 0;

	while (i < d->nases && d->ases[i].as != n->as)
		i++;
	if (!d->names_greys || i == d->nases || i >= LEGEND_AS || !d->ases[i].grey ||
	    st->ases[n->as].asn == 0)
		return;
	n->caption = caption != NULL ? xasprintf("AS%u  %s", st->ases[n->as].asn, caption)
				     : xasprintf("AS%u", st->ases[n->as].asn);
	free(caption);
}

bool
drawing_others(const struct study *st, struct draw_node *n)
{
	const struct study_others *o = study_stands_for(st, n->ref);
	struct buf b;

	if (o == NULL)
		return false;
	n->kind = NODE_OTHERS;
	n->nhosts = o->hosts;
	n->as = STUDY_NONE;
	n->ref = STUDY_NONE;
	n->r = 17;
	n->style = palette_others();
	buf_init(&b);
	text_count(&b, o->hosts);
	snprintf(n->label, sizeof(n->label), "%s", b.data);
	buf_fini(&b);
	n->tip = xasprintf("%u other %s in %u %s, which this copy does not name", o->hosts,
	    text_noun(o->hosts, "host", "hosts"), o->ases, text_noun(o->ases, "AS", "ASes"));
	return true;
}

void
drawing_as_name(struct buf *b, const struct study *st, uint32_t as, size_t max)
{
	const char *name = study_text_or_empty(st, st->ases[as].name);

	if (st->ases[as].asn == 0 && name[0] == '\0') {
		buf_adds(b, "AS unknown");
		return;
	}
	if (st->ases[as].asn != 0)
		buf_printf(b, "AS%u ", st->ases[as].asn);
	text_plain(b, name, strlen(name), max);
}

void
drawing_ip(struct buf *b, const struct study *st, uint32_t host)
{
	char ip[IP_STRLEN];

	buf_adds(b, ip_format(&st->hosts[host].ip, ip));
}

void
drawing_key_name(struct buf *b, const struct study *st, uint32_t key)
{
	if (st->keys[key].named)
		hex_add(b, st->keys[key].fp, KEY_LEN);
	else
		buf_adds(b, "a key that the file does not name");
}

void
drawing_key_users(struct buf *b, const struct study *st, uint32_t key)
{
	const struct study_key *k = &st->keys[key];
	bool others = k->uses.n > 0 &&
		      study_stands_for(st, st->uses[k->uses.at + k->uses.n - 1].host) != NULL;
	uint32_t n = k->nhosts - others;

	buf_printf(b, "%u %s%s", n, text_noun(n, "host", "hosts"), others ? " and on others" : "");
}

static void
add_names(struct buf *b, const struct study *st, const struct study_host *h)
{
	uint32_t shown = 0, n = 0;

	for (int pass = 0; pass < 2; pass++) { /* names that check out first */
		for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
			const struct study_name *name = &st->names[i];
			const char *text = study_text_or_empty(st, name->text);
			char key[HOST_KEY_SIZE];

			if (text[0] == '\0' || (name->verdict == NAME_GOOD) != (pass == 0))
				continue;
			if (n++ >= TIP_NAMES)
				continue;
			buf_printf(b, "\n%s: ", study_name_key(name, key));
			text_plain(b, text, strlen(text), TIP_NAME);
			buf_printf(b, " (%s)",
			    name->verdict == NAME_NOT_LOOKED_UP
				? "not looked up"
				: study_name_verdict(name->verdict));
			shown++;
		}
	}
	if (n > shown)
		buf_printf(b, "\nand %u more names", n - shown);
}

void
drawing_host_tip(struct buf *b, const struct study *st, uint32_t host)
{
	const struct study_host *h = &st->hosts[host];

	drawing_ip(b, st, host);
	buf_adds(b, "\n");
	drawing_as_name(b, st, h->as, 60);
	add_names(b, st, h);
	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		const struct study_grab *g = &st->grabs[i];
		const struct study_key *k = &st->keys[g->key];

		if (study_key_again(st, i))
			continue;
		buf_printf(b, "\nport %u: key ", port_table[g->port].port);
		if (k->named)
			hex_add(b, k->fp, 8);
		else
			buf_adds(b, "not named");
		if (k->nhosts > 1) {
			buf_adds(b, ", on ");
			drawing_key_users(b, st, g->key);
		}
	}
}

static int
by_count(const void *pa, const void *pb, void *arg)
{
	const struct draw_as *a = pa, *b = pb;
	const struct study *st = arg;

	if (a->nhosts != b->nhosts)
		return a->nhosts > b->nhosts ? -1 : 1;
	if (st->ases[a->as].asn != st->ases[b->as].asn)
		return st->ases[a->as].asn < st->ases[b->as].asn ? -1 : 1;
	return a->as < b->as ? -1 : a->as > b->as;
}

/* Count the cluster's ASes and settle how each looks in this picture. */
static void
collect_ases(struct drawing *d, const struct study *st, const struct draw_colours *colours,
    const struct study_cluster *c)
{
	uint32_t nhosts = 0, *as = xcalloc((size_t)c->hosts.n + 1, sizeof *as);
	unsigned grey = 0;
	bool first = false; /* the first one without a colour in the run has one here */

	for (uint32_t i = 0; i < c->hosts.n; i++) {
		const struct study_others *o = study_stands_for(st, study_member(st, c, i));

		if (o != NULL)
			d->others = o->hosts;
		else
			as[nhosts++] = st->hosts[study_member(st, c, i)].as;
	}
	qsort(as, nhosts, sizeof *as, order_u32);
	for (uint32_t i = 0, j; i < nhosts; i = j) {
		for (j = i; j < nhosts && as[j] == as[i]; j++)
			;
		mem_grow(&d->ases, &d->cap_ases, d->nases + 1, sizeof *d->ases);
		d->ases[d->nases++] = (struct draw_as){ .as = as[i], .nhosts = j - i };
	}
	free(as);
	d->nas = (uint32_t)d->nases;
	qsort_r(d->ases, d->nases, sizeof *d->ases, by_count, (void *)(uintptr_t)st);
	d->unknown_as = st->ases[d->ases[0].as].asn == 0 &&
			study_text_or_empty(st, st->ases[d->ases[0].as].name)[0] == '\0';
	for (size_t i = 0; i < d->nases; i++) {
		int slot = colours->slot[d->ases[i].as];

		if (i >= LEGEND_AS) {
			d->ases[i].style = palette_mixed();
		} else if (slot >= 0) {
			d->ases[i].style = palette_as(slot);
		} else if (!first) {
			d->ases[i].style = palette_first();
			first = true;
		} else {
			d->ases[i].style = palette_grey(grey++);
			d->ases[i].grey = true;
		}
	}
	d->names_greys = grey > 1;
	for (size_t i = LEGEND_AS; i < d->nases; i++) {
		d->other_ases++;
		d->other_hosts += d->ases[i].nhosts;
	}
}

void
drawing_init(struct drawing *d, const struct study *st, const struct draw_colours *colours,
    uint32_t cluster, enum draw_level level)
{
	const struct study_cluster *c = &st->clusters[cluster];

	*d = (struct drawing){
		.level = level, .id = c->id, .nhosts = c->hosts.n, .nshared = c->nshared
	};
	buf_init(&d->note);
	d->weak = colours->weak;
	collect_ases(d, st, colours, c);
	if (level == DRAW_CLASSIC)
		drawing_classic(d, st, cluster);
	else if (level == DRAW_KEYS)
		drawing_keys(d, st, cluster);
	else if (level == DRAW_SUMMARY)
		drawing_summary(d, st, cluster);
	else
		drawing_collapsed(d, st, cluster);
	if (d->nases > LEGEND_AS)
		d->nases = LEGEND_AS;
}

void
drawing_fini(struct drawing *d)
{
	for (size_t i = 0; i < d->nnodes; i++) {
		free(d->nodes[i].tip);
		free(d->nodes[i].caption);
	}
	for (size_t i = 0; i < d->nedges; i++)
		free(d->edges[i].tip);
	for (size_t i = 0; i < d->nlines; i++)
		free(d->lines[i].text);
	free(d->nodes);
	free(d->edges);
	free(d->ases);
	free(d->lines);
	buf_fini(&d->note);
}
