/*
 * survey find: what is known of an address, a network, a name, a key, a
 * certificate, an AS, a cluster.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "absent.h"
#include "find.h"

#define LISTS_FROM 8 /* queries for which the lists of a run directory are kept in memory */

static void
tell_host(struct finding *f, size_t run, const struct find_query *q, int64_t host)
{
	if (f->o->format == PRINT_JSON)
		find_json_host(f, run, host);
	else if (f->o->format == PRINT_CSV)
		find_csv_host(f, run, q->text, host);
	else
		find_text_host(f, run, host);
}

/* Why an address has no row: the truth about it, as far as the run directory tells it. */
static void
tell_why(struct finding *f, size_t run, const struct find_query *q, struct buf *why)
{
	const char *lacks = f->runs[run].lacks;
	struct absences **a = &f->runs[run].absent;
	enum absence reason;

	if (q->kind != FIND_ADDRESS) {
		buf_printf(why, "not in this study%s%s", lacks != NULL ? ": " : "",
		    lacks != NULL ? lacks : "");
		return;
	}
	if (*a == NULL)
		*a = absences_open(f->o->runs->v[run].path, f->o->nqueries >= LISTS_FROM);
	reason = absences_reason(*a, &q->ip, why);
	if (lacks != NULL && absence_is_of_record(reason)) {
		reason = ABSENT_LEFT_OUT;
		buf_clear(why);
		buf_adds(why, lacks);
	}
	if (f->o->format != PRINT_JSON)
		return;
	jsonw_member_string(&f->w, "reason", absence_name(reason));
	jsonw_key(&f->w, "scans");
	absences_scans(*a, &f->w);
}

static void
tell_absent(struct finding *f, size_t run, const struct find_query *q)
{
	struct buf why;

	buf_init(&why);
	tell_why(f, run, q, &why);
	if (f->o->format == PRINT_JSON) {
		jsonw_member_string(&f->w, "absent", why.data);
	} else if (f->o->format == PRINT_TEXT) {
		text_plain(f->out, q->text, strlen(q->text), 100);
		buf_printf(f->out, ": %s\n", why.data);
	}
	buf_fini(&why);
}

static void
one_run(struct finding *f, size_t run, const struct find_query *q, const struct find_hosts *hosts)
{
	if (f->o->format == PRINT_JSON) {
		jsonw_object(&f->w);
		jsonw_member_string(&f->w, "query", q->text);
		jsonw_member_string(&f->w, "kind", find_kind_name(q->kind));
		jsonw_member_string(&f->w, "run", f->o->runs->v[run].path);
		jsonw_key(&f->w, "hosts");
		jsonw_array(&f->w);
	} else if (f->o->format == PRINT_TEXT && f->o->runs->n > 1) {
		buf_printf(f->out, "-- %s\n", f->o->runs->v[run].name);
	}
	for (size_t i = 0; i < hosts->n; i++)
		tell_host(f, run, q, hosts->v[i]);
	if (f->o->format == PRINT_JSON)
		jsonw_end_array(&f->w);
	if (hosts->n == 0)
		tell_absent(f, run, q);
	if (f->o->format == PRINT_JSON)
		jsonw_end_object(&f->w);
}

static int
one_query(struct finding *f, const char *text)
{
	struct find_hosts hosts = { NULL, 0, 0 };
	struct find_query q, second;
	bool any = false;
	int rc = 0;

	find_understand(&q, text);
	second = q;
	second.kind = q.second;
	for (size_t run = 0; run < f->o->runs->n; run++) {
		bool first;

		if ((rc = find_list(f->runs[run].db, &q, &hosts)) == -1)
			break;
		first = hosts.n > 0 || !q.has_second;
		if (!first && (rc = find_list(f->runs[run].db, &second, &hosts)) == -1)
			break;
		any = any || hosts.n > 0;
		one_run(f, run, first || hosts.n == 0 ? &q : &second, &hosts);
	}
	f->nfound += any;
	free(q.value);
	free(hosts.v);
	return rc;
}

static void
finding_run_fini(struct finding_run *r)
{
	for (int i = 0; i < NTELL_STATEMENTS; i++)
		sqlite3_finalize(r->statements[i]);
	sqlite3_close(r->db);
	absences_free(r->absent);
}

int
query_find(const struct find_options *o, struct buf *out)
{
	struct finding f = { .o = o, .out = out };
	int rc = 0;

	f.runs = xcalloc(o->runs->n + 1, sizeof(*f.runs));
	for (size_t i = 0; i < o->runs->n && rc == 0; i++) {
		if ((f.runs[i].db = query_open(o->runs->v[i].path, &f.runs[i].lacks)) == NULL)
			rc = -1;
	}
	jsonw_init(&f.w, NULL);
	print_init(&f.csv, PRINT_CSV, out, false);
	if (o->format == PRINT_CSV)
		print_table(&f.csv, NULL, find_columns);
	if (o->format == PRINT_JSON)
		jsonw_array(&f.w);
	for (size_t i = 0; i < o->nqueries && rc == 0; i++)
		rc = one_query(&f, o->queries[i]);
	if (o->format == PRINT_JSON) {
		jsonw_end_array(&f.w);
		jsonw_newline(&f.w);
		buf_add(out, f.w.out.data, f.w.out.len);
	}
	jsonw_fini(&f.w);
	print_fini(&f.csv);
	for (size_t i = 0; i < o->runs->n; i++)
		finding_run_fini(&f.runs[i]);
	free(f.runs);
	return rc == 0 && f.nfound > 0 ? 0 : 1;
}
