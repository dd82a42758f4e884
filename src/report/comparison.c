/* The page of `survey compare -o`: figures, and what became of each cluster, before and after. */
#include <stdlib.h>
#include <string.h>

#include "survey/base64.h"
#include "survey/file.h"
#include "survey/hex.h"
#include "survey/match.h"
#include "survey/mem.h"
#include "survey/picture.h"
#include "survey/report.h"
#include "survey/text.h"

#include "page.h"

#define PICTURES_MAX ((size_t)96 << 20) /* bytes of all of them as they stand in the page */
#define PICTURE_MAX ((size_t)4 << 20)
#define LISTED 40 /* hosts or keys of a change */
#define NAME_CHARS 80

static void
put_count(struct table *t, const char *label, uint64_t n)
{
	row_count(table_row(t, "%s", label), 0, n);
}

static void
count_if(struct row *r, size_t column, bool known, uint64_t n)
{
	if (known)
		row_count(r, column, n);
}

static void
put_table(const struct table *t, struct buf *b)
{
	buf_adds(b, "<h3>");
	page_text(b, t->title, NAME_CHARS);
	buf_adds(b, "</h3>\n");
	table_html(t, b);
}

static void
put_hosts(const struct report_comparison *c, struct buf *b)
{
	static const char *const columns[] = { "hosts", NULL };
	const struct match *m = c->m;
	struct tables ts;
	struct table *t;
	size_t n = m->gone_hosts.n;

	tables_init(&ts);
	t = tables_add(&ts, "hosts", "Hosts that take part", "host", columns);
	count_if(table_row(t, "new"), 0, m->knows_new, m->new_hosts.n);
	put_count(t, "kept", m->kept);
	put_count(t, "of these: changed a key", m->changed.n);
	put_count(t, "of these: has new keys instead of shared ones", m->rekeyed.n);
	count_if(table_row(t, "of these: repaired, shares no key any more"), 0, m->knows_gone,
	    m->repaired.n);
	count_if(table_row(t, "gone"), 0, m->knows_gone, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t count = match_count_reason(c->gone_why, n, i);

		if (count > 0)
			row_count(table_row(t, "of these: %s", c->gone_why[i]), 0, count);
	}
	put_table(t, b);
	tables_fini(&ts);
}

static void
put_keys(const struct match *m, struct buf *b)
{
	static const char *const columns[] = { "new", "gone", "kept", "on more hosts",
		"on fewer hosts", "moved", NULL };
	struct tables ts;
	struct table *t;
	struct row *r;

	tables_init(&ts);
	t = tables_add(&ts, "keys", "Keys", "port", columns);
	for (int row = 0; row < NPORTS; row++) {
		const struct match_port *p = &m->ports[row];

		if (p->new_keys + p->gone + p->kept == 0)
			continue;
		r = table_row(t, "%u", port_table[row].port);
		count_if(r, 0, m->knows_new, p->new_keys);
		count_if(r, 1, m->knows_gone, p->gone);
		row_count(r, 2, p->kept);
		row_count(r, 3, p->spread);
		row_count(r, 4, p->shrunk);
		row_count(r, 5, p->moved);
	}
	r = table_row(t, "any port");
	count_if(r, 0, m->knows_new, m->new_keys.n);
	count_if(r, 1, m->knows_gone, m->gone_keys.n);
	row_count(r, 2, m->kept_keys);
	row_count(r, 3, m->spread.n);
	row_count(r, 4, m->shrunk.n);
	row_count(r, 5, m->moved.n);
	put_table(t, b);
	tables_fini(&ts);
}

static void
put_changes(const struct match *m, struct buf *b)
{
	static const char *const columns[] = { "clusters", NULL };
	uint64_t count[MATCH_NCHANGES] = { 0 };
	struct tables ts;
	struct table *t;

	for (size_t i = 0; i < m->ngroups; i++)
		count[m->groups[i].change]++;
	tables_init(&ts);
	t = tables_add(&ts, "changes", "Clusters", "change", columns);
	for (int i = 0; i < MATCH_NCHANGES; i++)
		put_count(t, match_change_names[i], count[i]);
	put_table(t, b);
	tables_fini(&ts);
}

static void
put_notes(const char *notes, struct buf *b)
{
	if (notes == NULL || notes[0] == '\0')
		return;
	buf_adds(b, "<h3>What else differs between the runs</h3>\n<ul>\n");
	for (const char *line = notes, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		char *note = xstrndup(line, (size_t)(end - line));

		buf_adds(b, "<li>");
		page_text(b, note, 400);
		buf_adds(b, "</li>\n");
		free(note);
	}
	buf_adds(b, "</ul>\n");
}

/* In a page on a dark ground so is the picture; its classes are those of picture.h. */
static const char dark[] =
    "<style>@media screen and (prefers-color-scheme: dark) {"
    ".page { fill: #1c2024 } .ink { fill: #e6e8ea } .soft { fill: #a3acb4 } "
    ".rule { stroke: #4a525a } .halo { stroke: #1c2024 } "
    ".key { fill: #e6e8ea; stroke: #e6e8ea } .in-weak { fill: #ff8f86 }}</style>";

static void
put_svg(const char *svg, size_t len, struct buf *b)
{
	const char *tag = strstr(svg, "<svg"), *end = tag != NULL ? strchr(tag, '>') : NULL;
	size_t at = end != NULL ? (size_t)(end + 1 - svg) : 0;
	struct buf whole;

	buf_init(&whole);
	buf_add(&whole, svg, at);
	if (at > 0)
		buf_adds(&whole, dark);
	buf_add(&whole, svg + at, len - at);
	base64_encode(b, (const uint8_t *)whole.data, whole.len);
	buf_fini(&whole);
}

/* The picture of a cluster as it was drawn for this study. */
static void
put_picture(const char *graphs, const struct study *st, uint32_t cluster, const char *run,
    size_t *room, struct buf *b)
{
	uint32_t id = st->clusters[cluster].id;
	char *path = xasprintf("%s/cluster-%u.svg", graphs, id);
	uint32_t nhosts = st->clusters[cluster].hosts.n;
	size_t len = 0;
	char *svg = file_read(path, PICTURE_MAX, &len);

	buf_adds(b, "<figure class=\"card\">");
	if (svg != NULL && len <= *room &&
	    picture_svg_is(svg, len, study_cluster_digest(st, cluster))) {
		*room -= len;
		buf_printf(b,
		    "<img alt=\"Cluster %u, %u %s\" loading=\"lazy\" "
		    "src=\"data:image/svg+xml;base64,",
		    id, nhosts, text_noun(nhosts, "host", "hosts"));
		put_svg(svg, len, b);
		buf_adds(b, "\">");
	} else {
		buf_adds(b, "<p class=\"missing\">There is no picture of it here.</p>");
	}
	buf_adds(b, "<figcaption>");
	page_text(b, run, NAME_CHARS);
	buf_printf(b, ": cluster %u, %u %s</figcaption></figure>\n", id, nhosts,
	    text_noun(nhosts, "host", "hosts"));
	free(svg);
	free(path);
}

static void
list_hosts(const char *what, const struct study *st, const struct match_list *l, struct buf *b)
{
	char ip[IP_STRLEN];

	if (l->n == 0)
		return;
	buf_printf(b, "<dt>%zu %s %s</dt><dd class=\"mono\">", l->n,
	    text_noun(l->n, "host", "hosts"), what);
	for (size_t i = 0; i < l->n && i < LISTED; i++)
		buf_printf(b, "%s%s", i > 0 ? ", " : "", ip_format(&st->hosts[l->v[i]].ip, ip));
	buf_adds(b, l->n > LISTED ? " …</dd>\n" : "</dd>\n");
}

static void
list_keys(const char *what, const struct study *st, const struct match_list *l, struct buf *b)
{
	if (l->n == 0)
		return;
	buf_printf(b, "<dt>%zu shared %s %s</dt><dd class=\"mono fp\">", l->n,
	    text_noun(l->n, "key", "keys"), what);
	for (size_t i = 0; i < l->n && i < LISTED; i++) {
		buf_adds(b, i > 0 ? ", " : "");
		if (st->keys[l->v[i]].named)
			hex_add(b, st->keys[l->v[i]].fp, KEY_LEN);
		else
			buf_adds(b, "not named");
	}
	buf_adds(b, l->n > LISTED ? " …</dd>\n" : "</dd>\n");
}

/* Old pictures stand to the left, new ones to the right, however many there are. */
static void
put_side(const char *graphs, const struct study *st, const struct match_list *l, const char *run,
    size_t *room, struct buf *b)
{
	buf_adds(b, "<div class=\"pictures\">\n");
	for (size_t i = 0; i < l->n && i < LISTED; i++)
		put_picture(graphs, st, l->v[i], run, room, b);
	if (l->n == 0) {
		buf_adds(b, "<p class=\"none\">");
		page_text(b, run, NAME_CHARS);
		buf_adds(b, ": no such cluster</p>\n");
	} else if (l->n > LISTED) {
		buf_printf(b, "<p class=\"none\">and %zu more</p>\n", l->n - LISTED);
	}
	buf_adds(b, "</div>\n");
}

static void
put_ids(const struct study *st, const struct match_list *l, struct buf *b)
{
	if (l->n == 0)
		buf_adds(b, "–");
	for (size_t i = 0; i < l->n && i < LISTED; i++)
		buf_printf(b, "%s%u", i > 0 ? ", " : "", st->clusters[l->v[i]].id);
	if (l->n > LISTED)
		buf_adds(b, " …");
}

static void
put_group(
    const struct report_comparison *c, const struct match_group *g, size_t *room, struct buf *b)
{
	const struct match *m = c->m;

	buf_printf(b, "<h3>%s: ", match_change_names[g->change]);
	put_ids(m->a, &g->a, b);
	buf_adds(b, " → ");
	put_ids(m->b, &g->b, b);
	buf_adds(b, "</h3>\n<dl class=\"facts\">");
	list_hosts("more", m->b, &g->added, b);
	list_hosts("fewer", m->a, &g->removed, b);
	list_hosts("with new keys instead of shared ones", m->a, &g->rekeyed, b);
	list_keys("new", m->b, &g->new_keys, b);
	list_keys("gone", m->a, &g->gone_keys, b);
	buf_adds(b, "</dl>\n<div class=\"sides\">\n");
	put_side(c->graphs_a, m->a, &g->a, c->name_a, room, b);
	put_side(c->graphs_b, m->b, &g->b, c->name_b, room, b);
	buf_adds(b, "</div>\n");
}

static void
put_comparison(const struct report_comparison *c, size_t number, size_t *room, struct buf *b)
{
	size_t changed = 0;

	buf_printf(b, "<section class=\"pair\" id=\"pair-%zu\">\n<h2>", number);
	page_text(b, c->name_a, NAME_CHARS);
	buf_adds(b, " → ");
	page_text(b, c->name_b, NAME_CHARS);
	buf_adds(b, "</h2>\n");
	put_hosts(c, b);
	put_keys(c->m, b);
	put_changes(c->m, b);
	put_notes(c->notes, b);
	for (size_t i = 0; i < c->m->ngroups; i++) {
		if (c->m->groups[i].change == MATCH_SAME)
			continue;
		changed++;
		put_group(c, &c->m->groups[i], room, b);
	}
	if (changed == 0)
		buf_adds(b, "<p>No cluster changed.</p>\n");
	buf_adds(b, "</section>\n");
}

void
report_comparisons(const struct report_comparison *c, size_t n, struct buf *b)
{
	size_t room = PICTURES_MAX / 4 * 3; /* base64 makes four bytes of three */

	page_head("What changed", false, b);
	buf_adds(b, "<header class=\"top\"><strong>survey</strong><nav aria-label=\"sections\">");
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "<a href=\"#pair-%zu\">", i + 1);
		page_text(b, c[i].name_a, NAME_CHARS);
		buf_adds(b, " → ");
		page_text(b, c[i].name_b, NAME_CHARS);
		buf_adds(b, "</a>");
	}
	buf_adds(b,
	    "</nav></header>\n<main>\n<h1>What changed</h1>\n<p class=\"sub\">Hosts are matched by "
	    "address, keys by fingerprint, clusters by a shared key that both runs have, else by "
	    "half of the smaller one's hosts. An AS has one colour in all pictures.</p>\n");
	for (size_t i = 0; i < n; i++)
		put_comparison(&c[i], i + 1, &room, b);
	buf_adds(b, "</main>\n</body>\n</html>\n");
}
