/*
 * survey compare: what changed from one run to the next.
 *
 * match.h says how hosts, keys and clusters are matched; here runs are opened,
 * paired, and given to what prints and writes.
 */
#include <stdlib.h>
#include <string.h>

#include "survey/command.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "absent.h"
#include "compare.h"

/* Why each host that is gone takes no part: its row in b says so, or b's directory. */
static void
find_reasons(struct comparison *c)
{
	const struct match *m = &c->m;
	struct absences *a = NULL;

	c->gone_why = xcalloc(m->gone_hosts.n + 1, sizeof(*c->gone_why));
	for (size_t i = 0; i < m->gone_hosts.n; i++) {
		uint32_t host = m->gone_hosts.v[i], now = m->host_b[host];

		if (now != STUDY_NONE) {
			c->gone_why[i] = host_out_name((enum host_out)m->b->hosts[now].out);
			continue;
		}
		if (a == NULL)
			a = absences_open(c->run_b->path, true);
		c->gone_why[i] = absence_name(absences_why(a, &m->a->hosts[host].ip));
	}
	absences_free(a);
}

void
comparison_init(struct comparison *c, const struct query_run *run_a, const struct study *a,
    const struct query_run *run_b, const struct study *b)
{
	*c = (struct comparison){ .run_a = run_a, .run_b = run_b };
	buf_init(&c->notes);
	match_studies(&c->m, a, b);
	c->impact_a = impact_new(a);
	c->impact_b = impact_new(b);
	find_reasons(c);
	compare_notes(c);
}

void
comparison_fini(struct comparison *c)
{
	match_fini(&c->m);
	free(c->gone_why);
	impact_free(c->impact_a);
	impact_free(c->impact_b);
	buf_fini(&c->notes);
}

static void
print_pairs(const struct compare_options *o, const struct comparison *c, size_t n,
    const struct buf *json, struct buf *out)
{
	struct print csv;

	if (o->format == PRINT_JSON) {
		buf_add(out, json->data, json->len);
		return;
	}
	print_init(&csv, PRINT_CSV, out, false);
	if (o->format == PRINT_CSV)
		print_table(&csv, NULL, compare_columns);
	for (size_t i = 0; i < n; i++) {
		if (o->format == PRINT_CSV)
			compare_csv(&csv, &c[i]);
		else
			compare_text(out, &c[i], o);
	}
	if (o->format == PRINT_CSV)
		print_table_end(&csv);
	print_fini(&csv);
}

/* One comparison is an object, several are an array. */
static void
make_json(struct jsonw *w, const struct comparison *c, size_t n)
{
	if (n > 1)
		jsonw_array(w);
	for (size_t i = 0; i < n; i++)
		compare_json(w, &c[i]);
	if (n > 1)
		jsonw_end_array(w);
	jsonw_newline(w);
}

static int
compare_pairs(const struct compare_options *o, struct study *const *studies, struct buf *out)
{
	size_t n = o->runs->n - 1;
	struct comparison *c = xcalloc(n, sizeof(*c));
	struct jsonw w;
	bool changed = false;
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		comparison_init(
		    &c[i], &o->runs->v[i], studies[i], &o->runs->v[i + 1], studies[i + 1]);
		changed = changed || match_is_change(&c[i].m);
	}
	jsonw_init(&w, NULL);
	if (o->format == PRINT_JSON || o->output != NULL)
		make_json(&w, c, n);
	print_pairs(o, c, n, &w.out, out);
	if (o->output != NULL && compare_write(o, studies, c, n, &w.out) == -1)
		rc = EXIT_FAILED;
	jsonw_fini(&w);
	for (size_t i = 0; i < n; i++)
		comparison_fini(&c[i]);
	free(c);
	return rc != 0 ? rc : o->changed && changed ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}

/*
 * Pseudonyms match nothing but pseudonyms, and an owner's copy lacks all other hosts; but
 * which of its keys stand elsewhere can be told.
 */
static bool
are_alike(const struct study *a, const struct study *b, bool across)
{
	return a->copy == b->copy ||
	       (across && a->copy != STUDY_ANONYMISED && b->copy != STUDY_ANONYMISED);
}

static int
check_copies(const struct compare_options *o, struct study *const *studies)
{
	static const char *const what[] = { [STUDY_NO_COPY] = "no copy",
		[STUDY_ANONYMISED] = "an anonymised copy",
		[STUDY_OF_OWNER] = "a copy for the owner of some hosts" };

	for (size_t i = 1; i < o->runs->n; i++) {
		if (are_alike(studies[0], studies[i], o->across))
			continue;
		log_error("compare: %s is %s, and %s is %s: compare what is alike",
		    o->runs->v[0].path, what[studies[0]->copy], o->runs->v[i].path,
		    what[studies[i]->copy]);
		return EXIT_USAGE;
	}
	return 0;
}

int
query_compare(const struct compare_options *o, struct buf *out)
{
	struct study **studies = xcalloc(o->runs->n + 1, sizeof(*studies));
	int rc = 0;

	for (size_t i = 0; i < o->runs->n && rc == 0; i++) {
		studies[i] = study_open(o->runs->v[i].path,
		    STUDY_CLUSTERED | STUDY_OTHERS | STUDY_FACTS | STUDY_MAIL, 0);
		rc = studies[i] != NULL ? 0 : EXIT_FAILED;
	}
	if (rc == 0)
		rc = check_copies(o, studies);
	if (rc == 0 && o->across)
		compare_across(o, studies, out);
	else if (rc == 0)
		rc = compare_pairs(o, studies, out);
	for (size_t i = 0; i < o->runs->n; i++)
		study_free(studies[i]);
	free(studies);
	return rc;
}
