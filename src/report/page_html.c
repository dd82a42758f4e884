#include <stdlib.h>
#include <string.h>

#include "survey/escape.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/picture.h"
#include "survey/text.h"

#include "page.h"
#include "page_data.h"

#define PICTURES_MAX ((size_t)96 << 20) /* bytes of all of them as they stand in the page */
#define PICTURE_MAX ((size_t)4 << 20) /* bytes of one picture that is taken into the page */

void
page_text(struct buf *b, const char *s, size_t max)
{
	struct buf plain;

	buf_init(&plain);
	text_plain(&plain, s, strlen(s), max);
	escape_xml(b, plain.data, plain.len);
	buf_fini(&plain);
}

/* 2026-07-01T06:00:00Z for people; anything else as it is. */
static void
put_time(struct buf *b, const char *t)
{
	struct buf text;

	buf_init(&text);
	if (strlen(t) == 20 && t[10] == 'T' && t[19] == 'Z')
		buf_printf(&text, "%.10s %.5s UTC", t, t + 11);
	else
		buf_adds(&text, t);
	page_text(b, text.data, 40);
	buf_fini(&text);
}

void
page_head(const char *title, bool script, struct buf *b)
{
	buf_adds(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		    "base-uri 'none'; form-action 'none'; img-src data:; script-src ");
	if (script)
		page_hash(page_js, page_js_len, b);
	else
		buf_adds(b, "'none'");
	buf_adds(b, "; style-src ");
	page_hash(page_css, page_css_len, b);
	buf_adds(b,
	    "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<meta name=\"referrer\" content=\"no-referrer\">\n"
	    "<meta name=\"robots\" content=\"noindex\">\n<link rel=\"icon\" "
	    "href=\"data:,\">\n<title>");
	page_text(b, title, 120);
	buf_adds(b, "</title>\n<style>");
	buf_add(b, (const char *)page_css, page_css_len);
	buf_adds(b, "</style>\n</head>\n<body>\n");
}

/* Which run, its state, and when. */
static void
put_run(const struct runinfo *r, struct buf *b)
{
	if (!r->there) {
		buf_adds(b, "Which run this is, and of when, is not known.");
		return;
	}
	if (r->name != NULL) {
		buf_adds(b, "Run <b>");
		page_text(b, r->name, 80);
		buf_adds(b, "</b>, ");
	}
	page_text(b, r->state, 80);
	if (r->created != NULL) {
		buf_adds(b, runinfo_tells_scan(r) ? ". Begun " : ". Records analysed ");
		put_time(b, r->created);
		if (r->ended != NULL) {
			buf_adds(b, ", ended ");
			put_time(b, r->ended);
		}
	}
	buf_adds(b, ".");
}

static void
put_head(const struct page *p, struct buf *b)
{
	page_head(p->title, true, b);
	buf_adds(b, "<a class=\"skip\" href=\"#clusters\">Skip to the "
		    "clusters</a>\n"
		    "<header class=\"top\"><strong>survey</strong><nav aria-label=\"sections\">"
		    "<a href=\"#findings\">Findings</a><a href=\"#clusters\">Clusters</a>"
		    "<a href=\"#repair\">Repair</a>");
	if (page_has_weak(p))
		buf_adds(b, "<a href=\"#weak\">Weak keys</a>");
	buf_adds(b, "<a href=\"#charts\">Charts</a><a href=\"#figures\">Figures</a><a "
		    "href=\"#method\">Method</a></nav>"
		    "<button type=\"button\" id=\"print\" hidden>Print all</button>"
		    "<button type=\"button\" id=\"theme\" aria-pressed=\"false\" "
		    "aria-label=\"dark colours\" "
		    "title=\"light or dark\" hidden>◐</button>"
		    "</header>\n<main>\n<h1>");
	page_text(b, p->title, 120);
	buf_adds(b, "</h1>\n<p class=\"sub\">");
	put_run(p->run, b);
	buf_adds(b, "</p>\n");
}

static const struct cell *
figure(const struct page *p, const char *label)
{
	const struct table *t = tables_find(p->tables, "overview");

	for (size_t i = 0; t != NULL && i < t->nrows; i++) {
		if (strcmp(t->rows[i].label, label) == 0)
			return &t->rows[i].cells[0];
	}
	return NULL;
}

static void
put_tile(
    const struct page *p, const char *label, const char *what, const char *published, struct buf *b)
{
	const struct cell *c = figure(p, label);

	buf_adds(b, "<div class=\"tile card\">");
	if (c == NULL || c->kind == CELL_MISSING) {
		buf_adds(b, "<b class=\"missing\" title=\"not in this directory\">–</b>");
	} else {
		buf_adds(b, "<b>");
		if (c->kind == CELL_SHARE)
			buf_printf(b, "%.0f %%", 100 * c->share);
		else
			text_count(b, c->count);
		buf_adds(b, "</b>");
	}
	buf_printf(b, "<span>%s</span><small>Ireland 2018: %s</small></div>\n", what, published);
}

/* Has a copy hosts as they are? */
static bool
keeps_hosts(const struct study *st)
{
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (st->hosts[i].ip.family != IP_ALIAS)
			return true;
	}
	return false;
}

static void
put_glance(const struct page *p, struct buf *b)
{
	buf_adds(b, "<section id=\"glance\" aria-label=\"At a glance\">\n<div class=\"tiles\">\n");
	put_tile(p, "hosts with keys", "hosts with SSH or TLS keys", "18,268", b);
	put_tile(p, "share of hosts in clusters", "of them share a key with another", "53 %", b);
	put_tile(p, "clusters", "clusters of such hosts", "1,437", b);
	put_tile(p, "hosts in the largest cluster", "hosts in the largest", "1,991", b);
	buf_adds(b,
	    "</div>\n<p class=\"note\">Beside each figure stands that of the published study of "
	    "Irish mail hosts: S. Farrell, <cite>Clusters of Re-used Keys</cite>, IACR ePrint "
	    "2018/299. Shares compare; numbers depend on the country's size.</p>\n");
	if (p->run->anonymised)
		buf_adds(
		    b, keeps_hosts(p->study)
			   ? "<p class=\"note\">This copy is for the owner of the hosts whose "
			     "addresses "
			     "it has. What else their clusters have is one node of a picture, or "
			     "rows of pseudonyms.</p>\n"
			   : "<p class=\"note\">This is an anonymised copy: addresses, ASes and "
			     "fingerprints are pseudonyms, the same for the same thing wherever it "
			     "appears. Names are left out, mail ports are one, and facts of a host "
			     "are told only where several hosts have them in common.</p>\n");
	if ((p->study->parts & STUDY_OTHERS) == 0)
		buf_adds(b,
		    "<p class=\"missing\">This directory has only hosts that are in clusters: how "
		    "many hosts were looked at, and what the others show, is not known.</p>\n");
	if (!p->run->there)
		buf_adds(b, "<p class=\"missing\">There is no run.json: what was scanned, when and "
			    "how fast "
			    "is not known.</p>\n");
	if (p->study->bad > 0)
		buf_printf(b,
		    "<p class=\"missing\">%llu %s not understood and left "
		    "out.</p>\n",
		    (unsigned long long)p->study->bad,
		    text_noun(
			p->study->bad, "entry of the files was", "entries of the files were"));
	buf_adds(b, "</section>\n");
}

static void
put_charts(const struct page *p, struct buf *b)
{
	buf_adds(b, "<section id=\"charts\">\n<h2>Charts</h2>\n");
	if (p->ncharts == 0)
		buf_adds(b, "<p class=\"missing\">There is nothing to draw.</p>\n");
	buf_adds(b, "<div class=\"charts\">\n");
	for (size_t i = 0; i < p->ncharts; i++) {
		buf_adds(b, "<figure class=\"card\">\n");
		buf_adds(b, p->charts[i].svg);
		buf_printf(b,
		    "<figcaption><a href=\"%s.svg\">SVG</a> <a href=\"%s.pdf\">PDF</a> "
		    "<a href=\"%s.csv\">CSV</a></figcaption></figure>\n",
		    p->charts[i].id, p->charts[i].id, p->charts[i].id);
	}
	buf_adds(b, "</div>\n</section>\n");
}

static void
put_check(struct buf *b, const char *id, const char *text)
{
	buf_printf(b, "<label><input type=\"checkbox\" id=\"%s\"> %s</label>", id, text);
}

static void
put_clusters(const struct page *p, struct buf *b)
{
	int least = p->study->nothers > 0 ? 1 : 2; /* a copy may have one host of a cluster */

	buf_adds(b,
	    "<section id=\"clusters\">\n<h2>Clusters</h2>\n"
	    "<p class=\"what\">A cluster is hosts linked by equal keys, on any port, directly or "
	    "through others. Choose one to see its picture, keys and hosts.</p>\n"
	    "<div class=\"tools\" role=\"search\"><input type=\"search\" id=\"q\" "
	    "autocomplete=\"off\" spellcheck=\"false\" aria-label=\"Search clusters\" "
	    "placeholder=\"Address, 192.0.2.0/24, *.example.ie, AS, SHA256:…, cluster number  ( / "
	    ")\"><details id=\"filters\"><summary>Filters</summary><div class=\"tools\">"
	    "<label>hosts at least ");
	buf_printf(b, "<input type=\"number\" id=\"least\" min=\"%d\" value=\"%d\"></label>", least,
	    least);
	buf_adds(b, "<label>shared on <select id=\"port\"><option value=\"\">any "
		    "port</option></select></label>"
		    "<label>it may be <select id=\"why\"><option "
		    "value=\"\">anything</option></select></label>");
	put_check(b, "f-ases", "two or more ASes");
	put_check(b, "f-trusted", "a trusted certificate’s key in another AS");
	put_check(b, "f-weak", "weak keys");
	if (p->since != NULL)
		put_check(b, "f-new", "new");
	buf_adds(b,
	    "</div></details></div>\n<p class=\"soft\" id=\"clusters-count\" role=\"status\">"
	    "Reading the list…</p>\n<div id=\"outside\"></div>\n"
	    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Clusters\"><table "
	    "id=\"clusters-table\"><thead></thead><tbody></tbody></table></div>\n"
	    "<p class=\"under\"><button type=\"button\" id=\"clusters-more\" class=\"more\" "
	    "hidden></button> <button type=\"button\" id=\"clusters-csv\" class=\"csv\" "
	    "hidden>CSV</button></p>\n"
	    "<div id=\"detail\" class=\"card\" hidden></div>\n"
	    "<noscript><p class=\"missing\">The list of all clusters needs scripts; the largest "
	    "stand among the figures.</p></noscript>\n</section>\n");
}

static void
put_figures(const struct page *p, struct buf *b)
{
	static const char *const open[] = { "overview", "ports", "port-pairs", "clusters" };

	buf_adds(b, "<section id=\"figures\">\n<h2>Figures</h2>\n"
		    "<p class=\"note\">The same tables as text, JSON, CSV and LaTeX: survey stats. "
		    "A dash is "
		    "what this directory does not tell.</p>\n<div class=\"grid\">\n");
	for (size_t i = 0; i < p->tables->n; i++) {
		const struct table *t = &p->tables->v[i];
		bool is_open = false;

		for (size_t k = 0; k < sizeof(open) / sizeof(open[0]); k++)
			is_open |= strcmp(open[k], t->id) == 0;
		buf_printf(b, "<details%s%s><summary>%s</summary>\n",
		    t->ncolumns > 4 ? " class=\"wide-table\"" : "", is_open ? " open" : "",
		    t->title);
		table_html(t, b);
		buf_adds(b, "</details>\n");
	}
	buf_adds(b, "</div>\n</section>\n");
}

static void
fact(struct buf *b, const char *name, const char *value)
{
	buf_adds(b, "<dt>");
	page_text(b, name, 60);
	buf_adds(b, "</dt><dd>");
	if (value != NULL)
		page_text(b, value, 200);
	else
		buf_adds(b, "<span class=\"missing\">not known</span>");
	buf_adds(b, "</dd>");
}

static void
fact_count(struct buf *b, const char *name, uint64_t n)
{
	struct buf v;

	if (n == RUNINFO_UNKNOWN) {
		fact(b, name, NULL);
		return;
	}
	buf_init(&v);
	text_count(&v, n);
	fact(b, name, v.data);
	buf_fini(&v);
}

static void
fact_rate(struct buf *b, const char *name, double rate, const char *unit)
{
	struct buf v;

	buf_init(&v);
	if (rate > 0)
		buf_printf(&v, "%g %s", rate, unit);
	fact(b, name, rate > 0 ? v.data : NULL);
	buf_fini(&v);
}

static void
fact_pairs(struct buf *b, const char *title, const struct runinfo_pair *v, size_t n)
{
	if (n == 0)
		return;
	buf_printf(b, "<h3>%s</h3>\n<dl class=\"facts\">", title);
	for (size_t i = 0; i < n; i++)
		fact(b, v[i].name, v[i].value);
	buf_adds(b, "</dl>\n");
}

/* What a survey did; a directory of analysed records does not tell. */
static void
put_scan(const struct runinfo *r, struct buf *b)
{
	buf_adds(b,
	    "<p>Addresses of the country are probed once with a SYN to port 25. Those that listen "
	    "are "
	    "asked once on each of the ports of the study, in the course of an ordinary handshake; "
	    "nothing is logged into, no mail is sent. Special-purpose ranges, the block list and "
	    "those who opted out are never probed.</p>\n<dl class=\"facts\">");
	fact(b, "run", r->name);
	fact(b, "state", r->state);
	fact(b, "begun", r->created);
	fact(b, "ended", r->ended);
	fact_count(b, "addresses to probe", r->targets);
	fact_count(b, "addresses probed", r->probed);
	fact_count(b, "listeners outside the country, never asked", r->out_of_country);
	fact_count(b, "refused by block list or range", r->refused);
	fact_count(b, "opted out", r->opted_out);
	fact_count(b, "hosts given up", r->given_up);
	fact_rate(b, "probes", r->rate_pps, "packets a second at most");
	fact_rate(b, "grabs", r->rate_hosts, "hosts a second at most");
}

static void
put_method(const struct page *p, struct buf *b)
{
	const struct runinfo *r = p->run;

	buf_adds(b, "<section id=\"method\">\n<h2>Method and politeness</h2>\n");
	if (!runinfo_tells_scan(r))
		buf_printf(b,
		    "<p class=\"missing\">%s how, when and how fast hosts were asked is not "
		    "known.</p>\n",
		    r->there ? "This directory holds an analysis of records:"
			     : "There is no run.json in this directory:");
	if (r->there) {
		if (runinfo_tells_scan(r)) {
			put_scan(r, b);
		} else {
			buf_adds(b, "<dl class=\"facts\">");
			fact(b, "records", r->name);
			fact(b, "analysed", r->created);
		}
		fact_count(b, "record lines refused", r->lines_refused);
		fact(b, "certificates judged by the date",
		    r->scan_date != NULL ? r->scan_date : "of each grab");
		fact(b, "answers of the DNS", r->dns);
		buf_adds(b, "</dl>\n");
		fact_pairs(b, "Stages", r->stages, r->nstages);
		fact_pairs(b, "Versions", r->versions, r->nversions);
	}
	buf_adds(b, "</section>\n");
}

/* The pictures of the clusters, as far as there are any: each a packed block that is unpacked when opened. */
static void
put_pictures(const struct page *p, struct buf *b)
{
	size_t start = b->len, others = 0;

	for (uint32_t i = 0; i < p->study->nclusters && b->len - start < PICTURES_MAX; i++) {
		uint32_t id = p->study->clusters[i].id;
		char *path = xasprintf("%s/cluster-%u.svg", p->graphs, id);
		size_t len;
		char *svg = file_read(path, PICTURE_MAX, &len);

		if (svg != NULL && !picture_svg_is(svg, len, study_cluster_digest(p->study, i))) {
			others++; /* of an earlier analysis */
		} else if (svg != NULL) {
			buf_printf(b, "<script type=\"text/plain\" id=\"picture-%u\">", id);
			page_pack(svg, len, b);
			buf_adds(b, "</script>\n");
		}
		free(svg);
		free(path);
	}
	if (others > 0)
		log_warn("%zu %s in %s %s not of these clusters and left out: `survey graph` draws "
			 "them anew",
		    others, text_noun(others, "picture", "pictures"), p->graphs,
		    text_noun(others, "is", "are"));
}

void
page_html(const struct page *p, struct buf *b)
{
	struct buf data;

	put_head(p, b);
	headline_html(p, b);
	put_glance(p, b);
	put_clusters(p, b);
	page_repair(p, b);
	page_weak(p, b);
	put_charts(p, b);
	put_figures(p, b);
	put_method(p, b);
	buf_adds(b, "</main>\n<script type=\"text/plain\" id=\"data\">");
	buf_init(&data);
	page_data(p->study, p->flags, &data);
	page_pack(data.data, data.len, b);
	buf_fini(&data);
	buf_adds(b, "</script>\n");
	put_pictures(p, b);
	buf_adds(b, "<script>");
	buf_add(b, (const char *)page_js, page_js_len);
	buf_adds(b, "</script>\n</body>\n</html>\n");
}
