/* What a reader should know first: the title, what is lacking, and the findings as sentences. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "survey/country.h"
#include "survey/explain.h"
#include "survey/finding.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "page.h"

#define COUNTRIES_NAMED 3
#define WHY_CHARS 1000 /* of the sentence on the state of a run */

/* "1 July 2026" of 2026-07-01T…; nothing of anything else. */
static void
put_day(struct buf *b, const char *t)
{
	static const char *const months[] = { "January", "February", "March", "April", "May",
		"June", "July", "August", "September", "October", "November", "December" };
	long month, day;

	if (t == NULL || strlen(t) < 10 || t[4] != '-' || t[7] != '-')
		return;
	month = strtol(t + 5, NULL, 10);
	day = strtol(t + 8, NULL, 10);
	if (month >= 1 && month <= 12)
		buf_printf(b, ", %ld %s %.4s", day, months[month - 1], t);
}

/* " in Ireland and Malta", of codes with anything between them. */
static void
put_countries(struct buf *b, const char *codes)
{
	const char *names[COUNTRIES_NAMED];
	size_t n = 0;

	for (const char *p = codes; p != NULL && *p != '\0';) {
		size_t len = 0;
		char cc[3];

		while (isalnum((unsigned char)p[len]))
			len++;
		if (len > 0 &&
		    (!country_code(p, len, cc) || country_name(cc) == NULL || n == COUNTRIES_NAMED))
			return; /* XX, or more than a title should name */
		if (len > 0)
			names[n++] = country_name(cc);
		p += len > 0 ? len : 1;
	}
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s%s", i == 0 ? " in " : i + 1 < n ? ", " : " and ", names[i]);
}

void
headline_title(const struct study *st, const struct runinfo *run, struct buf *b)
{
	const char *codes = NULL;

	/* Of runs of several countries the title names none. */
	for (uint32_t i = 0; i < st->nruns; i++) {
		const char *these = study_text_or_empty(st, st->runs[i].countries);

		if (codes != NULL && strcmp(codes, these) != 0)
			these = "";
		codes = these;
	}
	buf_adds(b, "Shared keys of mail hosts");
	put_countries(b, codes);
	put_day(b, runinfo_tells_scan(run) ? run->created : run->scan_date);
}

uint8_t *
headline_flags(const struct study *st, const struct match *since)
{
	uint8_t *flags = xcalloc((size_t)st->nclusters + 1, sizeof(*flags));
	bool *trusted = xcalloc((size_t)st->nkeys + 1, sizeof(*trusted));

	for (uint32_t i = 0; i < st->ngrabs; i++) {
		const struct study_grab *g = &st->grabs[i];

		trusted[g->key] |= g->trusted == FACT_YES && st->hosts[g->host].out == OUT_NONE;
	}
	for (uint32_t i = 0; i < st->nkeys; i++) {
		const struct study_key *k = &st->keys[i];
		uint32_t cluster, first = STUDY_NONE;

		if (k->nhosts < 2 || !trusted[i])
			continue;
		cluster = st->hosts[st->uses[k->uses.at].host].cluster;
		for (uint32_t u = k->uses.at; u < k->uses.at + k->uses.n; u++) {
			uint32_t as = st->hosts[st->uses[u].host].as;

			if (cluster == STUDY_NONE || !study_as_known(st, as))
				continue;
			if (first == STUDY_NONE)
				first = as;
			if (as != first)
				flags[cluster] |= HEADLINE_TRUSTED;
		}
	}
	for (size_t i = 0; st->findings != NULL && i < st->findings->nfindings; i++) {
		const struct finding *f = &st->findings->findings[i];
		struct study_span uses = st->keys[f->key].uses;

		if (finding_kinds[f->kind].severity > FINDING_HIGH)
			continue;
		for (uint32_t u = uses.at; u < uses.at + uses.n; u++) {
			uint32_t cluster = st->hosts[st->uses[u].host].cluster;

			if (cluster != STUDY_NONE)
				flags[cluster] |= HEADLINE_WEAK;
		}
	}
	for (size_t i = 0; since != NULL && i < since->ngroups; i++) {
		const struct match_group *g = &since->groups[i];

		for (size_t k = 0; g->change == MATCH_NEW && k < g->b.n; k++)
			flags[g->b.v[k]] |= HEADLINE_NEW;
	}
	free(trusted);
	return flags;
}

static void
alert(struct buf *b, bool *open)
{
	buf_adds(b, *open ? " " : "<p class=\"alert\" role=\"note\">");
	*open = true;
}

/* Why the run is not what it should be, in its own words, and what that means. */
static void
put_state(const struct runinfo *r, bool *open, struct buf *b)
{
	bool complete = r->state != NULL && strcmp(r->state, "complete") == 0;

	if (!r->there || r->state == NULL || (complete && r->why == NULL))
		return;
	alert(b, open);
	buf_printf(
	    b, "<b>%s%s</b> ", complete ? "Note" : "Not complete", r->why != NULL ? ":" : ".");
	if (r->why != NULL) {
		page_text(b, r->why, WHY_CHARS);
		buf_adds(b, complete ? "." : ". ");
	}
	if (complete)
		return;
	buf_adds(b, "The state of this run: ");
	page_text(b, r->state, 80);
	buf_adds(b, ". What it counts are lower bounds.");
}

/* A reader must know what is lacking before he reads numbers. */
static void
put_lacking(const struct page *p, uint64_t nhosts, struct buf *b)
{
	const struct runinfo *r = p->run;
	bool open = false;

	put_state(r, &open, b);
	if (r->probed != RUNINFO_UNKNOWN && r->targets != RUNINFO_UNKNOWN &&
	    r->probed < r->targets) {
		alert(b, &open);
		text_count(b, r->probed);
		buf_adds(b, " of ");
		text_counted(b, r->targets, "address was probed.", "addresses were probed.");
	}
	if (r->given_up != RUNINFO_UNKNOWN && r->given_up > 0) {
		alert(b, &open);
		text_counted(b, r->given_up, "host was given up.", "hosts were given up.");
	}
	if (nhosts == 0) {
		alert(b, &open);
		buf_adds(b, "<b>Nothing was found:</b> no host showed a key.");
	}
	if (open)
		buf_adds(b, "</p>\n");
}

static void
begin(struct buf *b, const char *href)
{
	buf_printf(b, "<li><a href=\"%s\">", href);
}

static void
end(struct buf *b)
{
	buf_adds(b, "</a></li>\n");
}

static void
put_shares(const struct study *st, uint64_t nhosts, struct buf *b)
{
	begin(b, "#clusters");
	if (st->nclusters == 0) {
		buf_adds(b, "No two hosts share a key.");
	} else if ((st->parts & STUDY_OTHERS) == 0) {
		text_counted(b, st->nmembers, "host shares", "hosts share");
		buf_adds(b, " a key with another host.");
	} else {
		text_count(b, st->nmembers);
		buf_adds(b, " of ");
		text_counted(b, nhosts, "host with keys", "hosts with keys");
		buf_printf(b, " (%.0f %%) %s a key with another host.",
		    100.0 * st->nmembers / (double)(nhosts > 0 ? nhosts : 1),
		    text_noun(st->nmembers, "shares", "share"));
	}
	end(b);
}

static void
put_largest(const struct study *st, const enum why_kind *why, struct buf *b)
{
	uint32_t best = 0;
	const struct study_cluster *c;

	if (st->nclusters == 0)
		return;
	for (uint32_t i = 1; i < st->nclusters; i++) {
		if (st->clusters[i].hosts.n > st->clusters[best].hosts.n)
			best = i;
	}
	c = &st->clusters[best];
	buf_printf(b, "<li><a href=\"#c=%u\">", c->id);
	buf_adds(b, "The largest cluster has ");
	text_counted(b, c->hosts.n, "host", "hosts");
	buf_adds(b, " in ");
	text_known(b, c->nases, c->nin_no_as > 0, "AS", "ASes");
	buf_adds(b, " with ");
	text_counted(b, c->nshared, "shared key", "shared keys");
	buf_printf(b, ": %s", why_name(why[best]));
	end(b);
}

static void
put_providers(const struct study *st, struct buf *b)
{
	uint32_t n = 0, widest = 0;

	for (uint32_t i = 0; i < st->nclusters; i++) {
		n += st->clusters[i].nases > 1;
		if (st->clusters[i].nases > st->clusters[widest].nases)
			widest = i;
	}
	if (n == 0)
		return;
	begin(b, "#f=ases");
	text_counted(b, n, "cluster lies", "clusters lie");
	buf_printf(b, " in two or more ASes; cluster %u is in ", st->clusters[widest].id);
	text_count(b, st->clusters[widest].nases);
	buf_addc(b, '.');
	end(b);
}

static void
put_flagged(const struct page *p, struct buf *b)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->study->nclusters; i++)
		n += (p->flags[i] & HEADLINE_TRUSTED) != 0;
	if (n == 0)
		return;
	begin(b, "#f=trusted");
	buf_adds(b, "In ");
	text_counted(b, n, "cluster", "clusters");
	buf_adds(b, " the key of a certificate that browsers trust is also held in another AS.");
	end(b);
}

static void
put_ssh_and_tls(const struct study *st, struct buf *b)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < st->nkeys; i++)
		n += st->keys[i].ssh && st->keys[i].tls;
	if (n == 0)
		return;
	begin(b, "#t-port-pairs");
	text_counted(b, n, "key serves", "keys serve");
	buf_adds(b, " SSH and TLS.");
	end(b);
}

static void
put_weak(const struct findings *all, struct buf *b)
{
	uint64_t severe[2] = { 0, 0 }, listed = 0;

	if (all == NULL)
		return;
	for (size_t i = 0; i < all->nfindings; i++) {
		const struct finding *f = &all->findings[i];

		if (i > 0 && all->findings[i - 1].kind == f->kind &&
		    all->findings[i - 1].key == f->key)
			continue;
		if (finding_kinds[f->kind].severity <= FINDING_HIGH)
			severe[finding_kinds[f->kind].severity]++;
		listed += f->kind == FINDING_LISTED;
	}
	if (severe[0] + severe[1] > 0) {
		begin(b, "#weak");
		buf_adds(b, "<span class=\"weak\">Weak keys:</span> ");
		text_count(b, severe[0]);
		buf_adds(b, " critical and ");
		text_counted(b, severe[1], "high finding", "high findings");
		buf_adds(b, ": others than their owners may use such keys.");
		end(b);
	}
	if (listed > 0) {
		begin(b, "#weak");
		text_counted(b, listed, "key is", "keys are");
		buf_adds(b, " on a list of keys that others have, such as vendors' default keys.");
		end(b);
	}
}

static void
put_vendors(const struct study *st, const enum why_kind *why, struct buf *b)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < st->nclusters; i++)
		n += why[i] == WHY_VENDOR;
	if (n == 0)
		return;
	buf_printf(b, "<li><a href=\"#f=why-%d\">", WHY_VENDOR);
	text_counted(b, n, "cluster looks", "clusters look");
	buf_adds(b, " like a vendor's default key.");
	end(b);
}

/* What became of the clusters of an earlier run. */
static void
put_since(const struct page *p, struct buf *b)
{
	uint64_t count[MATCH_NCHANGES] = { 0 };
	const struct match *m = p->since;
	bool first = true;

	if (m == NULL)
		return;
	for (size_t i = 0; i < m->ngroups; i++)
		count[m->groups[i].change]++;
	begin(b, count[MATCH_NEW] > 0 ? "#f=new" : "#clusters");
	buf_adds(b, "Since ");
	page_text(b, p->since_name, 60);
	buf_adds(b, " clusters: ");
	for (int i = MATCH_SAME + 1; i < MATCH_NCHANGES; i++) {
		if (count[i] == 0)
			continue;
		buf_adds(b, first ? "" : ", ");
		text_count(b, count[i]);
		buf_printf(b, " %s", match_change_names[i]);
		first = false;
	}
	if (first)
		buf_adds(b, "none changed");
	if (m->knows_gone) {
		buf_adds(b, "; ");
		text_counted(b, m->repaired.n, "host shares", "hosts share");
		buf_adds(b, " no key any more");
	}
	buf_addc(b, '.');
	end(b);
}

void
headline_html(const struct page *p, struct buf *b)
{
	const struct study *st = p->study;
	enum why_kind *why = xcalloc((size_t)st->nclusters + 1, sizeof(*why));
	uint64_t nhosts = 0;
	struct buf text;

	for (uint32_t i = 0; i < st->nhosts; i++)
		nhosts += st->hosts[i].out == OUT_NONE;
	buf_init(&text);
	for (uint32_t i = 0; i < st->nclusters; i++) {
		buf_clear(&text);
		why[i] = why_cluster(st, i, &text);
	}
	buf_fini(&text);
	put_lacking(p, nhosts, b);
	buf_adds(b, "<section id=\"findings\" aria-label=\"Findings\">\n<ul class=\"findings\">\n");
	put_shares(st, nhosts, b);
	put_largest(st, why, b);
	put_providers(st, b);
	put_flagged(p, b);
	put_ssh_and_tls(st, b);
	put_weak(st->findings, b);
	put_vendors(st, why, b);
	put_since(p, b);
	buf_adds(b, "</ul>\n</section>\n");
	free(why);
}
