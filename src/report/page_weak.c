/* The section of weak keys. */
#include <stdlib.h>
#include <string.h>

#include "survey/finding.h"
#include "survey/hex.h"
#include "survey/publickey.h"
#include "survey/text.h"

#include "page.h"

#define WEAK_MAX 500 /* findings that are listed; weak.json has all */
#define WEAK_PLACES 6 /* hosts of a key that are named */

bool
page_has_weak(const struct page *p)
{
	return p->study->findings != NULL && p->study->findings->nfindings > 0;
}

/* The first hosts and ports that show a key, and its cluster. */
static void
put_places(const struct study *st, const struct study_key *k, struct buf *b)
{
	uint32_t cluster = STUDY_NONE;
	char ip[IP_STRLEN];

	buf_adds(b, "<td class=\"mono\">");
	for (uint32_t i = 0; i < k->uses.n && i < WEAK_PLACES; i++) {
		const struct study_use *u = &st->uses[k->uses.at + i];

		cluster = st->hosts[u->host].cluster;
		buf_printf(b, "<span class=\"name\">%s %s</span>",
		    ip_format(&st->hosts[u->host].ip, ip), port_table[u->port].name);
	}
	if (k->uses.n > WEAK_PLACES) {
		buf_adds(b, "<span class=\"soft\">and ");
		text_count(b, k->uses.n - WEAK_PLACES);
		buf_adds(b, " more</span>");
	}
	buf_adds(b, "</td><td class=\"n\" data-head=\"cluster\">");
	if (cluster != STUDY_NONE)
		buf_printf(b, "<a href=\"#c=%u\">%u</a>", st->clusters[cluster].id,
		    st->clusters[cluster].id);
	buf_adds(b, "</td>");
}

static void
put_finding(const struct study *st, size_t number, struct buf *b)
{
	const struct finding *f = &st->findings->findings[number];
	const struct finding_kind_def *kind = &finding_kinds[f->kind];
	const struct study_key *k = &st->keys[f->key];
	struct buf evidence;

	buf_printf(b, "<tr%s><th scope=\"row\">%s</th><td>%s</td><td>",
	    kind->severity <= FINDING_HIGH ? " class=\"alarm\"" : "",
	    finding_severity_name((enum finding_severity)kind->severity), kind->name);
	buf_adds(b, k->kind == KEY_SSH_HOST ? "SSH" : "TLS");
	if (k->public_key == PUBLIC_OK)
		buf_printf(b, " %s", public_type_name((enum public_type)k->type));
	if (k->bits > 0)
		buf_printf(b, " %u", k->bits);
	buf_adds(b, " <span class=\"fp name mono\">");
	hex_add(b, k->fp, KEY_LEN);
	buf_adds(b, "</span></td>");
	put_places(st, k, b);
	buf_adds(b, "<td><span class=\"name\">");
	buf_init(&evidence);
	study_evidence(st, number, &evidence);
	page_text(b, evidence.data, 900);
	buf_fini(&evidence);
	buf_adds(b, "</span></td></tr>\n");
}

/* What was not looked for is as good as unknown: it is said beside what was found. */
static void
put_unchecked(const struct findings *all, struct buf *b)
{
	bool first = true;

	for (int i = 0; i < NCHECKS; i++) {
		const struct finding_checked *c = &all->checks[i];

		if (c->made)
			continue;
		buf_printf(b, "%s%s", first ? "<p class=\"note\">Not checked: " : "; ",
		    finding_check_name((enum finding_check)i));
		if (c->why != NULL) {
			buf_adds(b, " (");
			page_text(b, c->why, 200);
			buf_adds(b, ")");
		}
		first = false;
	}
	if (!first)
		buf_adds(b, ".</p>\n");
}

void
page_weak(const struct page *p, struct buf *b)
{
	const struct findings *all = p->study->findings;
	size_t shown;

	if (!page_has_weak(p))
		return;
	shown = all->nfindings < WEAK_MAX ? all->nfindings : WEAK_MAX;
	buf_adds(b,
	    "<section id=\"weak\">\n<h2>Weak keys</h2>\n<p>Whoever shows a key with a "
	    "critical finding can be "
	    "impersonated, or listened to, by others than those who share it.</p>\n"
	    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Weak keys\">"
	    "<table class=\"fold stack\" id=\"t-weak-keys\" data-rows=\"12\"><thead><tr><th "
	    "scope=\"col\">severity</th>"
	    "<th scope=\"col\">finding</th><th scope=\"col\">key</th>"
	    "<th scope=\"col\">where</th><th scope=\"col\" class=\"n\">cluster</th>"
	    "<th scope=\"col\">evidence</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < shown; i++)
		put_finding(p->study, i, b);
	buf_adds(b, "</tbody></table></div>\n");
	if (shown < all->nfindings) {
		buf_adds(b, "<p class=\"note\">");
		text_counted(b, all->nfindings - shown, "more finding is", "more findings are");
		buf_printf(b, " in %s.</p>\n", FINDINGS_FILE);
	}
	put_unchecked(all, b);
	buf_adds(b, "</section>\n");
}
