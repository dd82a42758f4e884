/* Pure: tables of weak keys. */
#include <stdlib.h>

#include "survey/finding.h"
#include "survey/mem.h"

#include "stats_tables.h"

static const char nobody_looked[] =
    "Nobody has looked for weak keys here, or this is a copy, which has none: survey weak does.";

/* Count a key's hosts, each once for the same mark. */
static void
count_hosts(const struct study *st, uint32_t key, uint32_t *marks, uint32_t mark, struct split *n)
{
	const struct study_span *uses = &st->keys[key].uses;

	for (uint32_t u = uses->at; u < uses->at + uses->n; u++) {
		uint32_t host = st->uses[u].host;

		if (marks[host] == mark)
			continue;
		marks[host] = mark;
		split_count(n, st, host);
	}
}

static void
weak_row(struct table *t, const char *label, int severity, uint64_t keys, const struct split *hosts)
{
	struct row *r = table_row(t, "%s", label);

	row_text(r, 0, "%s",
	    severity >= 0 ? finding_severity_name((enum finding_severity)severity) : "any");
	r->alarm = severity == FINDING_CRITICAL || severity == FINDING_HIGH;
	row_count(r, 1, keys);
	row_count(r, 2, hosts->in + hosts->out);
	row_count(r, 3, hosts->in);
}

/* Findings come by severity and kind. */
void
stats_weak_keys(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "severity", "keys", "hosts", "hosts in clusters",
		NULL };
	struct table *t = tables_add(
	    ts, "weak", "Weak keys, by what is wrong with them", "finding", columns);
	const struct findings *all = st->findings;
	struct finding_index x;
	struct split any = { 0, 0 };
	uint32_t *marks, nweak = 0;

	if (all == NULL) {
		t->note = nobody_looked;
		return;
	}
	t->counts = true;
	marks = xcalloc((size_t)st->nhosts + 1, sizeof(*marks));
	for (size_t i = 0, next; i < all->nfindings; i = next) {
		uint8_t kind = all->findings[i].kind;
		struct split hosts = { 0, 0 };

		for (next = i; next < all->nfindings && all->findings[next].kind == kind; next++)
			count_hosts(st, all->findings[next].key, marks, kind + 1U, &hosts);
		weak_row(
		    t, finding_kinds[kind].name, finding_kinds[kind].severity, next - i, &hosts);
	}
	finding_index_init(&x, all, st->nkeys);
	for (uint32_t key = 0; key < st->nkeys; key++) {
		if (x.first[key] == 0)
			continue;
		nweak++;
		count_hosts(st, key, marks, FINDING_NKINDS + 1U, &any);
	}
	finding_index_fini(&x);
	weak_row(t, "any of these", -1, nweak, &any);
	free(marks);
	t->note = "A key may have several findings. What was not looked for is in the table of "
		  "checks.";
}

void
stats_weak_checks(struct tables *ts, const struct study *st)
{
	static const char *const columns[] = { "state", "keys", "why", NULL };
	struct table *t = tables_add(
	    ts, "weak-checks", "What keys were checked for", "check", columns);

	if (st->findings == NULL) {
		t->note = nobody_looked;
		return;
	}
	for (int i = 0; i < NCHECKS; i++) {
		const struct finding_checked *c = &st->findings->checks[i];
		struct row *r = table_row(t, "%s", finding_check_name((enum finding_check)i));

		row_text(r, 0, "%s", c->made ? "checked" : "not checked");
		if (c->made)
			row_count(r, 1, c->keys);
		row_text(r, 2, "%s", c->why != NULL ? c->why : "in full");
	}
}
