/* The section that says what to repair first: what hangs on each cluster, how, and who was told. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/explain.h"
#include "survey/file.h"
#include "survey/impact.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rundir.h"
#include "survey/simd.h"
#include "survey/strpool.h"
#include "survey/text.h"

#include "page.h"

#define CLUSTERS_MAX 500 /* that are listed; survey cluster --all tells of all */
#define NAMED 3 /* operators, and those who were told, of a cluster */
#define LINE_MAX_BYTES (16u << 20)
#define DAY 10 /* bytes of "2026-06-20" */

/* Who was told of a cluster, and the last day. */
struct told {
	const char *name; /* of the pool */
	char day[DAY + 1];
};

struct told_list {
	struct told *v;
	size_t n, cap;
};

struct repair {
	const struct page *p;
	const struct study *st;
	struct impact *impact; /* NULL: neither mail domains nor TLSA records are known */
	struct strpool names;
	struct told_list *told; /* by cluster */
	/* By AS, of the cluster and key at hand: see count_tasks(). */
	uint32_t *hosts, *keys, *met_cluster, *met_key;
};

/* ---- who was told ---- */

static void
add_told(struct repair *r, uint32_t cluster, const char *name, const char *day)
{
	struct told_list *l = &r->told[cluster];
	size_t i = 0;

	while (i < l->n && l->v[i].name != name)
		i++;
	if (i == l->n) {
		mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v));
		l->v[l->n++].name = name;
	}
	memcpy(l->v[i].day, day, DAY);
	l->v[i].day[DAY] = '\0';
}

static void
read_line(struct simd_node root, void *arg)
{
	struct repair *r = arg;
	struct simd_node value;
	struct simd_text at, name;
	struct simd_iter it;
	int64_t id;

	at = simd_string(simd_get(root, "at"));
	name = simd_string(simd_get(root, "constituency"));
	if (at.s == NULL || at.len < DAY || name.s == NULL ||
	    memchr(name.s, '\0', name.len) != NULL)
		return;
	it = simd_iterate(simd_get(root, "clusters"));
	while (simd_next(&it, NULL, &value)) {
		uint32_t cluster;

		if (!simd_int(value, &id) || id < 1 || id >= STUDY_NONE)
			continue;
		cluster = study_find_cluster(r->st, (uint32_t)id);
		if (cluster != STUDY_NONE)
			add_told(r, cluster, strpool_put(&r->names, name.s, name.len), at.s);
	}
}

/* What survey notify has noted in the run's directory; without it nobody was told. */
static void
read_told(struct repair *r)
{
	char *path = path_join(r->p->dir, NOTIFIED_FILE);

	if (simd_each_line(path, LINE_MAX_BYTES, NULL, read_line, r) == -1 && errno != ENOENT &&
	    errno != ENOTDIR)
		log_warn("%s: %s", path, strerror(errno));
	free(path);
}

/* ---- a row ---- */

struct tasks {
	uint32_t changes; /* of a key by an operator, on all of its hosts */
	uint32_t pinned; /* shared keys that TLSA records pin */
	uint32_t operators[NAMED]; /* ASes with the most hosts */
	uint32_t noperators;
	uint32_t nall; /* ASes, the unknown one included */
};

/* Each AS that has hosts with a shared key replaces it on all of them. */
static void
count_tasks(struct repair *r, uint32_t number, struct tasks *t)
{
	const struct study *st = r->st;
	const struct study_cluster *c = &st->clusters[number];

	*t = (struct tasks){ .changes = 0 };
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		uint32_t as = st->hosts[study_member(st, c, i)].as;

		if (r->met_cluster[as] != number + 1) {
			r->hosts[as] = r->keys[as] = 0;
			t->nall++;
		}
		r->met_cluster[as] = number + 1;
		r->hosts[as]++;
	}
	for (uint32_t k = 0; k < c->nshared; k++) {
		uint32_t key = study_cluster_key(st, c, k);
		struct study_span u = st->keys[key].uses;

		t->pinned += impact_pins(r->impact, key);
		for (uint32_t i = u.at; i < u.at + u.n; i++) {
			uint32_t as = st->hosts[st->uses[i].host].as;

			if (r->met_key[as] == key + 1)
				continue;
			r->met_key[as] = key + 1;
			r->keys[as]++;
			t->changes++;
		}
	}
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		uint32_t as = st->hosts[study_member(st, c, i)].as, at = 0;

		while (at < t->noperators && t->operators[at] != as &&
		       r->hosts[t->operators[at]] >= r->hosts[as])
			at++;
		if (at == NAMED || (at < t->noperators && t->operators[at] == as))
			continue;
		if (t->noperators < NAMED)
			t->noperators++;
		memmove(t->operators + at + 1, t->operators + at,
		    (t->noperators - at - 1) * sizeof(*t->operators));
		t->operators[at] = as;
	}
}

static void
put_operator(const struct study *st, uint32_t as, struct buf *b)
{
	const char *name = study_text_or_empty(st, st->ases[as].name);

	if (st->ases[as].asn != 0)
		buf_printf(b, "AS%u ", st->ases[as].asn);
	else if (name[0] == '\0')
		buf_adds(b, "AS unknown");
	page_text(b, name, 60);
}

static void
put_plan(struct repair *r, uint32_t number, struct buf *b)
{
	const struct study_cluster *c = &r->st->clusters[number];
	struct tasks t;

	count_tasks(r, number, &t);
	text_counted(b, t.changes, "change", "changes");
	buf_adds(b, ": ");
	text_counted(b, c->nshared, "shared key", "shared keys");
	buf_adds(b, " held by ");
	text_known(b, c->nases, c->nin_no_as > 0, "operator", "operators");
	if (t.pinned > 0) {
		buf_adds(b, "; <span class=\"weak\">");
		text_counted(b, t.pinned, "key", "keys");
		buf_printf(b, " %s pinned by TLSA records</span>, which change first",
		    text_noun(t.pinned, "is", "are"));
	}
	for (uint32_t i = 0; i < t.noperators; i++) {
		buf_adds(b, "<br>");
		put_operator(r->st, t.operators[i], b);
		buf_adds(b, ": ");
		text_counted(b, r->keys[t.operators[i]], "key", "keys");
		buf_adds(b, " on ");
		text_counted(b, r->hosts[t.operators[i]], "host", "hosts");
	}
	if (t.nall > t.noperators) {
		buf_adds(b, "<br>and ");
		text_counted(b, t.nall - t.noperators, "more operator", "more operators");
	}
	if (c->nothers > 0) {
		buf_adds(b, "<br>and those of ");
		text_counted(b, c->nothers, "host that is not", "hosts that are not");
		buf_adds(b, " in this copy");
	}
}

static void
put_told(const struct repair *r, uint32_t number, struct buf *b)
{
	const struct told_list *l = &r->told[number];

	if (l->n == 0)
		buf_adds(b, "nobody");
	for (size_t i = 0; i < l->n && i < NAMED; i++) {
		buf_adds(b, i > 0 ? "<br>" : "");
		page_text(b, l->v[i].name, 40);
		buf_adds(b, ", ");
		page_text(b, l->v[i].day, DAY);
	}
	if (l->n > NAMED)
		buf_printf(b, "<br>and %zu more", l->n - NAMED);
}

static void
put_row(struct repair *r, uint32_t number, struct buf *b)
{
	const struct study_cluster *c = &r->st->clusters[number];
	struct buf why;

	buf_printf(b, "<tr><td class=\"n\" data-head=\"cluster\"><a href=\"#c=%u\">%u</a></td>",
	    c->id, c->id);
	if (impact_has_domains(r->impact)) {
		buf_adds(b, "<td class=\"n\" data-head=\"mail domains\">");
		text_count(b, r->impact->of_cluster[number]);
		buf_adds(b, "</td>");
	}
	buf_adds(b, "<td class=\"n\" data-head=\"hosts\">");
	text_count(b, c->hosts.n);
	buf_adds(b, "</td><td data-head=\"it may be\">");
	buf_init(&why);
	buf_printf(b, "<b>%s</b> ", why_name(why_cluster(r->st, number, &why)));
	page_text(b, why.len > 0 ? why.data : "", 600);
	buf_fini(&why);
	buf_adds(b, "</td><td data-head=\"repair\">");
	put_plan(r, number, b);
	buf_adds(b, "</td><td data-head=\"who was told\">");
	put_told(r, number, b);
	buf_adds(b, "</td></tr>\n");
}

/* ---- the section ---- */

static int
by_impact(const void *pa, const void *pb, void *arg)
{
	const struct repair *r = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	const struct study_cluster *x = &r->st->clusters[a], *y = &r->st->clusters[b];

	if (impact_has_domains(r->impact) && r->impact->of_cluster[a] != r->impact->of_cluster[b])
		return r->impact->of_cluster[a] > r->impact->of_cluster[b] ? -1 : 1;
	if (x->hosts.n != y->hosts.n)
		return x->hosts.n > y->hosts.n ? -1 : 1;
	return (a > b) - (a < b);
}

static void
put_impact(const struct impact *x, struct buf *b)
{
	if (!impact_has_domains(x)) {
		buf_adds(b, "<p class=\"note\">How much mail hangs on each cluster is not known: "
			    "survey impact asks.</p>\n");
		return;
	}
	buf_adds(b, "<p>Of ");
	text_counted(b, x->m->ndomains, "mail domain", "mail domains");
	buf_adds(b, " that were asked about, hosts of this study take the ");
	impact_text(b, x->in_study);
	buf_adds(b, ".");
	if (x->mismatch_hosts > 0) {
		buf_adds(b, " The TLSA records of <span class=\"weak\">");
		text_counted(b, x->mismatch_hosts, "MX host", "MX hosts");
		buf_adds(b,
		    "</span> pin no key that was seen there, or at one of several addresses: "
		    "the ");
		impact_text(b, x->mismatch_domains);
		buf_adds(b, " is refused there by senders that use DANE, or travels unprotected.");
	}
	buf_adds(b, "</p>\n");
}

static void
put_table(struct repair *r, const uint32_t *order, uint32_t n, struct buf *b)
{
	buf_adds(b, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
		    "aria-label=\"What to repair first\">"
		    "<table class=\"fold stack\" id=\"t-repair\" data-rows=\"12\"><thead><tr>"
		    "<th scope=\"col\" class=\"n\">cluster</th>");
	if (impact_has_domains(r->impact))
		buf_adds(b, "<th scope=\"col\" class=\"n\">mail domains</th>");
	buf_adds(b, "<th scope=\"col\" class=\"n\">hosts</th>"
		    "<th scope=\"col\">it may be</th>"
		    "<th scope=\"col\">repair</th>"
		    "<th scope=\"col\">who was told</th></tr></thead><tbody>\n");
	for (uint32_t i = 0; i < n; i++)
		put_row(r, order[i], b);
	buf_adds(b, "</tbody></table></div>\n");
}

static void
repair_init(struct repair *r, const struct page *p)
{
	const struct study *st = p->study;

	*r = (struct repair){ .p = p, .st = st, .impact = impact_new(st) };
	strpool_init(&r->names);
	r->told = xcalloc((size_t)st->nclusters + 1, sizeof(*r->told));
	r->hosts = xcalloc((size_t)st->nases + 1, sizeof(*r->hosts));
	r->keys = xcalloc((size_t)st->nases + 1, sizeof(*r->keys));
	r->met_cluster = xcalloc((size_t)st->nases + 1, sizeof(*r->met_cluster));
	r->met_key = xcalloc((size_t)st->nases + 1, sizeof(*r->met_key));
	if (p->dir != NULL)
		read_told(r);
}

static void
repair_fini(struct repair *r)
{
	for (uint32_t i = 0; i < r->st->nclusters; i++)
		free(r->told[i].v);
	free(r->told);
	free(r->hosts);
	free(r->keys);
	free(r->met_cluster);
	free(r->met_key);
	strpool_fini(&r->names);
	impact_free(r->impact);
}

void
page_repair(const struct page *p, struct buf *b)
{
	const struct study *st = p->study;
	uint32_t *order = xcalloc((size_t)st->nclusters + 1, sizeof(*order)), shown;
	struct repair r;

	repair_init(&r, p);
	for (uint32_t i = 0; i < st->nclusters; i++)
		order[i] = i;
	if (st->nclusters > 1)
		qsort_r(order, st->nclusters, sizeof(*order), by_impact, &r);
	shown = st->nclusters < CLUSTERS_MAX ? st->nclusters : CLUSTERS_MAX;
	buf_adds(b, "<section id=\"repair\">\n<h2>What to repair first</h2>\n"
		    "<p class=\"what\">Whoever holds a shared key knows the secret of all others "
		    "that hold it, so each of them makes a new one on every host. "
		    "<code>survey cluster RUNDIR N --repair</code> lists the hosts of each change, "
		    "<code>survey notify</code> writes to the owners.</p>\n");
	put_impact(r.impact, b);
	if (shown > 0)
		put_table(&r, order, shown, b);
	else
		buf_adds(b, "<p class=\"missing\">There is no cluster.</p>\n");
	if (shown < st->nclusters)
		buf_printf(b, "<p class=\"note\">%u more: survey cluster RUNDIR --all.</p>\n",
		    st->nclusters - shown);
	buf_adds(b, "</section>\n");
	repair_fini(&r);
	free(order);
}
