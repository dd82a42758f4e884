/* Pure: tables and their plain forms. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/hashtab.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "table.h"

#define LABEL_MAX 80 /* characters of a label or text that are shown */

void
tables_init(struct tables *t)
{
	*t = (struct tables){ 0 };
}

void
table_clear(struct table *t)
{
	for (size_t r = 0; r < t->nrows; r++) {
		for (size_t c = 0; c < t->ncolumns; c++)
			free(t->rows[r].cells[c].text);
		free(t->rows[r].cells);
		free(t->rows[r].label);
	}
	t->nrows = 0;
}

static void
table_fini(struct table *t)
{
	table_clear(t);
	for (size_t c = 0; c < t->ncolumns; c++)
		free(t->columns[c]);
	free(t->rows);
	free(t->columns);
}

void
tables_fini(struct tables *t)
{
	for (size_t i = 0; i < t->n; i++)
		table_fini(&t->v[i]);
	for (size_t i = 0; i < t->nruns; i++) {
		free(t->runs[i].name);
		free(t->runs[i].date);
		free(t->runs[i].countries);
		free(t->runs[i].versions);
	}
	free(t->runs);
	free(t->v);
}

static char *
copy_text(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

void
tables_run(struct tables *t, const struct table_run *r)
{
	t->runs = xreallocarray(t->runs, t->nruns + 1, sizeof(*t->runs));
	t->runs[t->nruns++] = (struct table_run){ .name = copy_text(r->name),
		.date = copy_text(r->date),
		.countries = copy_text(r->countries),
		.versions = copy_text(r->versions) };
}

static void
add_column(struct table *t, char *name)
{
	mem_grow(&t->columns, &t->cap_columns, t->ncolumns + 1, sizeof(*t->columns));
	t->columns[t->ncolumns++] = name;
}

struct table *
tables_add(struct tables *ts, const char *id, const char *title, const char *corner,
    const char *const *columns)
{
	struct table *t;

	mem_grow(&ts->v, &ts->cap, ts->n + 1, sizeof(*ts->v));
	t = &ts->v[ts->n++];
	*t = (struct table){ .id = id, .title = title, .corner = corner };
	for (; columns != NULL && *columns != NULL; columns++)
		add_column(t, xstrdup(*columns));
	return t;
}

const struct table *
tables_find(const struct tables *ts, const char *id)
{
	for (size_t i = 0; i < ts->n; i++) {
		if (strcmp(ts->v[i].id, id) == 0)
			return &ts->v[i];
	}
	return NULL;
}

struct row *
table_row(struct table *t, const char *fmt, ...)
{
	struct buf b;
	va_list ap;
	struct row *r;

	mem_grow(&t->rows, &t->cap_rows, t->nrows + 1, sizeof(*t->rows));
	r = &t->rows[t->nrows++];
	buf_init(&b);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	*r = (struct row){ .label = buf_steal(&b),
		.cells = xcalloc(t->ncolumns + 1, sizeof(*r->cells)) };
	buf_fini(&b);
	return r;
}

void
row_count(struct row *r, size_t column, uint64_t n)
{
	r->cells[column].kind = CELL_COUNT;
	r->cells[column].count = n;
}

void
row_share(struct row *r, size_t column, uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return;
	r->cells[column].kind = CELL_SHARE;
	r->cells[column].share = (double)part / (double)whole;
}

void
row_text(struct row *r, size_t column, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	r->cells[column].kind = CELL_TEXT;
	free(r->cells[column].text);
	r->cells[column].text = buf_steal(&b);
	buf_fini(&b);
}

static void
copy_cell(struct cell *to, const struct cell *from)
{
	free(to->text); /* of another row of this label */
	*to = *from;
	if (from->text != NULL)
		to->text = xstrdup(from->text);
}

/* Rows of a table by their labels. */
static uint32_t
find_row(const struct hashtab *index, const struct table *t, const char *label, uint32_t *hash)
{
	size_t at;

	*hash = hashtab_hash(index, label, strlen(label));
	for (uint32_t i = hashtab_first(index, *hash, &at); i != HASHTAB_NONE;
	     i = hashtab_next(index, *hash, &at)) {
		if (strcmp(t->rows[i].label, label) == 0)
			return i;
	}
	return HASHTAB_NONE;
}

/* What a run does not list in a complete table is not unknown: it has none of it. */
static void
fill_counts(struct row *r, const struct table *from, size_t n, size_t run)
{
	for (size_t c = 0; c < from->ncolumns && from->nrows > 0; c++) {
		bool counted = false;

		for (size_t i = 0; i < n; i++)
			counted |= r->cells[c * n + i].kind == CELL_COUNT;
		/* a column that this run tells of at all */
		if (counted && from->rows[0].cells[c].kind == CELL_COUNT)
			row_count(r, c * n + run, 0);
	}
}

static void
merge_rows(struct table *t, struct hashtab *index, const struct table *from, size_t n, size_t run)
{
	for (size_t k = 0; k < from->nrows; k++) {
		uint32_t hash, row = find_row(index, t, from->rows[k].label, &hash);

		if (row == HASHTAB_NONE) {
			row = (uint32_t)t->nrows;
			table_row(t, "%s", from->rows[k].label);
			hashtab_put(index, hash, row);
		}
		t->rows[row].alarm |= from->rows[k].alarm;
		for (size_t c = 0; c < from->ncolumns; c++)
			copy_cell(&t->rows[row].cells[c * n + run], &from->rows[k].cells[c]);
	}
}

/* The rows of t that a run's complete table lacks. */
static void
fill_rows(struct table *t, const struct table *from, size_t n, size_t run)
{
	struct hashtab own;
	uint32_t hash;

	hashtab_init(&own);
	for (uint32_t k = 0; k < from->nrows; k++) {
		const char *label = from->rows[k].label;

		hashtab_put(&own, hashtab_hash(&own, label, strlen(label)), k);
	}
	for (size_t k = 0; k < t->nrows; k++) {
		if (find_row(&own, from, t->rows[k].label, &hash) == HASHTAB_NONE)
			fill_counts(&t->rows[k], from, n, run);
	}
	hashtab_fini(&own);
}

static void
merge_table(
    struct tables *out, const struct tables *runs, const char *const *names, size_t n, size_t at)
{
	const struct table *first = &runs[0].v[at];
	struct table *t = tables_add(out, first->id, first->title, first->corner, NULL);
	struct hashtab index;

	t->note = first->note;
	for (size_t i = 0; i < n && first->nrows == 0; i++) {
		const struct table *from = tables_find(&runs[i], first->id);

		if (from != NULL && from->nrows > 0) {
			t->note = from->note; /* one that tells, so nothing is missing in all */
			break;
		}
	}
	for (size_t c = 0; c < first->ncolumns; c++) {
		for (size_t i = 0; i < n; i++)
			add_column(t, xasprintf("%s %s", names[i], first->columns[c]));
	}
	hashtab_init(&index);
	for (size_t i = 0; i < n; i++) {
		const struct table *from = tables_find(&runs[i], first->id);

		if (from != NULL)
			merge_rows(t, &index, from, n, i);
	}
	for (size_t i = 0; i < n; i++) {
		const struct table *from = tables_find(&runs[i], first->id);

		if (from != NULL && from->counts)
			fill_rows(t, from, n, i);
	}
	hashtab_fini(&index);
}

void
tables_side_by_side(
    struct tables *out, const struct tables *runs, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct table_run unknown = { NULL, NULL, NULL, NULL };

		tables_run(out, runs[i].nruns > 0 ? &runs[i].runs[0] : &unknown);
	}
	for (size_t i = 0; i < runs[0].n; i++)
		merge_table(out, runs, names, n, i);
}

/* A cell as people read it. */
static void
cell_plain(const struct cell *c, struct buf *out)
{
	switch (c->kind) {
	case CELL_MISSING:
		buf_adds(out, "–");
		break;
	case CELL_COUNT:
		text_count(out, c->count);
		break;
	case CELL_SHARE:
		buf_printf(out, "%.1f %%", 100 * c->share);
		break;
	case CELL_TEXT:
		text_plain(out, c->text, strlen(c->text), LABEL_MAX);
		break;
	}
}

/* A cell as programs read it; nothing when missing. */
static void
cell_raw(const struct cell *c, struct buf *out)
{
	switch (c->kind) {
	case CELL_MISSING:
		break;
	case CELL_COUNT:
		buf_printf(out, "%llu", (unsigned long long)c->count);
		break;
	case CELL_SHARE:
		buf_printf(out, "%.6f", c->share);
		break;
	case CELL_TEXT:
		buf_adds(out, c->text);
		break;
	}
}

static void
plain_label(const char *label, struct buf *out)
{
	text_plain(out, label, strlen(label), LABEL_MAX);
}

static void
table_text(const struct table *t, struct buf *out)
{
	size_t *w = xcalloc(t->ncolumns + 1, sizeof(*w)), first = text_width(t->corner);
	struct buf b;

	buf_init(&b);
	for (size_t c = 0; c < t->ncolumns; c++)
		w[c] = text_width(t->columns[c]);
	for (size_t r = 0; r < t->nrows; r++) {
		buf_clear(&b);
		plain_label(t->rows[r].label, &b);
		if (text_width(b.data) > first)
			first = text_width(b.data);
		for (size_t c = 0; c < t->ncolumns; c++) {
			buf_clear(&b);
			cell_plain(&t->rows[r].cells[c], &b);
			if (text_width(b.data) > w[c])
				w[c] = text_width(b.data);
		}
	}
	buf_printf(out, "%s\n", t->title);
	for (const char *p = t->title; *p != '\0'; p++)
		buf_addc(out, '=');
	buf_printf(out, "\n%s", t->corner);
	text_pad(out, first - text_width(t->corner));
	for (size_t c = 0; c < t->ncolumns; c++) {
		text_pad(out, 2 + w[c] - text_width(t->columns[c]));
		plain_label(t->columns[c], out);
	}
	buf_adds(out, "\n");
	for (size_t r = 0; r < t->nrows; r++) {
		buf_clear(&b);
		plain_label(t->rows[r].label, &b);
		buf_adds(out, b.data);
		text_pad(out, first - text_width(b.data));
		for (size_t c = 0; c < t->ncolumns; c++) {
			buf_clear(&b);
			cell_plain(&t->rows[r].cells[c], &b);
			text_pad(out, 2 + w[c] - text_width(b.data));
			buf_adds(out, b.data);
		}
		buf_adds(out, t->rows[r].alarm ? "  !\n" : "\n");
	}
	if (t->note != NULL)
		buf_printf(out, "%s\n", t->note);
	buf_adds(out, "\n");
	buf_fini(&b);
	free(w);
}

void
tables_text(const struct tables *ts, struct buf *out)
{
	for (size_t i = 0; i < ts->n; i++)
		table_text(&ts->v[i], out);
}

static void
json_string(struct buf *out, const char *s)
{
	buf_addc(out, '"');
	escape_json(out, s, strlen(s));
	buf_addc(out, '"');
}

static void
json_run(struct buf *out, const struct table_run *r, bool comma)
{
	const struct {
		const char *key, *value;
	} members[] = { { "name", r->name }, { "date", r->date }, { "countries", r->countries },
		{ "versions", r->versions } };

	buf_adds(out, comma ? ",\n{" : "\n{");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		buf_printf(out, "%s\"%s\":", i > 0 ? "," : "", members[i].key);
		if (members[i].value != NULL)
			json_string(out, members[i].value);
		else
			buf_adds(out, "null");
	}
	buf_addc(out, '}');
}

void
tables_json(const struct tables *ts, struct buf *out)
{
	buf_adds(out, "{\"runs\":[");
	for (size_t i = 0; i < ts->nruns; i++)
		json_run(out, &ts->runs[i], i > 0);
	buf_adds(out, "],\n\"tables\":[");
	for (size_t i = 0; i < ts->n; i++) {
		const struct table *t = &ts->v[i];

		buf_adds(out, i > 0 ? ",\n{\"id\":" : "\n{\"id\":");
		json_string(out, t->id);
		buf_adds(out, ",\"title\":");
		json_string(out, t->title);
		buf_adds(out, ",\"columns\":[");
		for (size_t c = 0; c < t->ncolumns; c++) {
			if (c > 0)
				buf_addc(out, ',');
			json_string(out, t->columns[c]);
		}
		buf_adds(out, "],\"column_runs\":[");
		for (size_t c = 0; c < t->ncolumns && ts->nruns > 0; c++)
			buf_printf(out, c > 0 ? ",%zu" : "%zu", c % ts->nruns);
		buf_adds(out, "],\"rows\":[");
		for (size_t r = 0; r < t->nrows; r++) {
			buf_adds(out, r > 0 ? ",{\"label\":" : "{\"label\":");
			json_string(out, t->rows[r].label);
			buf_printf(
			    out, ",\"alarm\":%s,\"cells\":[", t->rows[r].alarm ? "true" : "false");
			for (size_t c = 0; c < t->ncolumns; c++) {
				const struct cell *x = &t->rows[r].cells[c];

				if (c > 0)
					buf_addc(out, ',');
				if (x->kind == CELL_TEXT)
					json_string(out, x->text);
				else if (x->kind == CELL_MISSING)
					buf_adds(out, "null");
				else
					cell_raw(x, out);
			}
			buf_adds(out, "]}");
		}
		buf_addc(out, ']');
		if (t->note != NULL) {
			buf_adds(out, ",\"note\":");
			json_string(out, t->note);
		}
		buf_addc(out, '}');
	}
	buf_adds(out, "\n]}\n");
}

static void
csv_text(struct buf *out, const char *s)
{
	escape_csv(out, s, strlen(s));
}

static void
csv_cell(struct buf *out, const struct cell *c)
{
	if (c->kind == CELL_TEXT)
		csv_text(out, c->text);
	else
		cell_raw(c, out);
}

/* ",run,date,countries,versions": nothing where it is unknown. */
static void
csv_run(struct buf *out, const struct table_run *r)
{
	const char *const v[] = { r->name, r->date, r->countries, r->versions };

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		buf_addc(out, ',');
		if (v[i] != NULL)
			csv_text(out, v[i]);
	}
}

void
tables_csv(const struct tables *ts, struct buf *out)
{
	static const struct table_run unknown = { NULL, NULL, NULL, NULL };

	buf_adds(out, "table,row,column,value,run,date,countries,versions\n");
	for (size_t i = 0; i < ts->n; i++) {
		const struct table *t = &ts->v[i];

		for (size_t r = 0; r < t->nrows; r++) {
			for (size_t c = 0; c < t->ncolumns; c++) {
				csv_text(out, t->id);
				buf_addc(out, ',');
				csv_text(out, t->rows[r].label);
				buf_addc(out, ',');
				csv_text(out, t->columns[c]);
				buf_addc(out, ',');
				csv_cell(out, &t->rows[r].cells[c]);
				csv_run(out, ts->nruns > 0 ? &ts->runs[c % ts->nruns] : &unknown);
				buf_addc(out, '\n');
			}
		}
		if (t->note != NULL) {
			csv_text(out, t->id);
			buf_adds(out, ",,note,");
			csv_text(out, t->note);
			csv_run(out, ts->nruns == 1 ? &ts->runs[0] : &unknown);
			buf_addc(out, '\n');
		}
	}
}

void
table_csv(const struct tables *ts, const struct table *t, struct buf *out)
{
	static const char *const facts[] = { "run", "date", "countries", "versions" };

	csv_text(out, t->corner);
	for (size_t c = 0; c < t->ncolumns; c++) {
		buf_addc(out, ',');
		csv_text(out, t->columns[c]);
	}
	for (size_t i = 0; i < ts->nruns; i++) {
		for (size_t f = 0; f < sizeof(facts) / sizeof(facts[0]); f++) {
			if (ts->nruns == 1)
				buf_printf(out, ",%s", facts[f]);
			else
				buf_printf(out, ",%s %zu", facts[f], i + 1);
		}
	}
	buf_addc(out, '\n');
	for (size_t r = 0; r < t->nrows; r++) {
		csv_text(out, t->rows[r].label);
		for (size_t c = 0; c < t->ncolumns; c++) {
			buf_addc(out, ',');
			csv_cell(out, &t->rows[r].cells[c]);
		}
		for (size_t i = 0; i < ts->nruns; i++)
			csv_run(out, &ts->runs[i]);
		buf_addc(out, '\n');
	}
}

static void
latex_text(struct buf *out, const char *s)
{
	struct buf b;

	buf_init(&b);
	text_plain(&b, s, strlen(s), LABEL_MAX);
	escape_latex(out, b.data, b.len);
	buf_fini(&b);
}

void
tables_latex(const struct tables *ts, struct buf *out)
{
	buf_adds(out, ESCAPE_LATEX_PREAMBLE);
	for (size_t i = 0; i < ts->n; i++) {
		const struct table *t = &ts->v[i];
		struct buf b;

		buf_init(&b);
		buf_adds(out, "\\begin{table}\n\\centering\n\\caption{");
		latex_text(out, t->title);
		buf_printf(out, "}\n\\label{tab:%s}\n\\begin{tabular}{l", t->id);
		for (size_t c = 0; c < t->ncolumns; c++)
			buf_addc(out, 'r');
		buf_adds(out, "}\n\\hline\n");
		latex_text(out, t->corner);
		for (size_t c = 0; c < t->ncolumns; c++) {
			buf_adds(out, " & ");
			latex_text(out, t->columns[c]);
		}
		buf_adds(out, " \\\\\n\\hline\n");
		for (size_t r = 0; r < t->nrows; r++) {
			latex_text(out, t->rows[r].label);
			for (size_t c = 0; c < t->ncolumns; c++) {
				buf_adds(out, " & ");
				buf_clear(&b);
				cell_plain(&t->rows[r].cells[c], &b);
				if (t->rows[r].cells[c].kind == CELL_MISSING)
					buf_adds(out, "--");
				else
					escape_latex(out, b.data, b.len);
			}
			buf_adds(out, " \\\\\n");
		}
		buf_adds(out, "\\hline\n\\end{tabular}\n");
		if (t->note != NULL) {
			buf_adds(out, "\n\\smallskip\\footnotesize ");
			escape_latex(out, t->note, strlen(t->note));
			buf_addc(out, '\n');
		}
		buf_adds(out, "\\end{table}\n\n");
		buf_fini(&b);
	}
}

static void
html_text(struct buf *out, const char *s, size_t max)
{
	struct buf b;

	buf_init(&b);
	text_plain(&b, s, strlen(s), max);
	escape_xml(out, b.data, b.len);
	buf_fini(&b);
}

/* Texts stand left, numbers right. */
static bool
is_text_column(const struct table *t, size_t column)
{
	for (size_t r = 0; r < t->nrows; r++) {
		if (t->rows[r].cells[column].kind == CELL_TEXT)
			return true;
	}
	return false;
}

void
table_html(const struct table *t, struct buf *out)
{
	struct buf b;

	buf_init(&b);
	buf_printf(
	    out, "<div class=\"scroll\"><table class=\"stat\" id=\"t-%s\">\n<caption>", t->id);
	html_text(out, t->title, LABEL_MAX);
	buf_adds(out, "</caption>\n<thead><tr><th scope=\"col\">");
	html_text(out, t->corner, LABEL_MAX);
	buf_adds(out, "</th>");
	for (size_t c = 0; c < t->ncolumns; c++) {
		buf_adds(out,
		    is_text_column(t, c) ? "<th scope=\"col\">" : "<th scope=\"col\" class=\"n\">");
		html_text(out, t->columns[c], LABEL_MAX);
		buf_adds(out, "</th>");
	}
	buf_adds(out, "</tr></thead>\n<tbody>\n");
	for (size_t r = 0; r < t->nrows; r++) {
		buf_adds(out, t->rows[r].alarm ? "<tr class=\"alarm\"><th scope=\"row\">"
					       : "<tr><th scope=\"row\">");
		html_text(out, t->rows[r].label, LABEL_MAX);
		buf_adds(out, "</th>");
		for (size_t c = 0; c < t->ncolumns; c++) {
			const struct cell *x = &t->rows[r].cells[c];

			buf_clear(&b);
			cell_plain(x, &b);
			buf_adds(out, x->kind == CELL_TEXT ? "<td>"
				      : x->kind == CELL_MISSING
					  ? "<td class=\"n none\" title=\"not in this directory\">"
					  : "<td class=\"n\">");
			escape_xml(out, b.data, b.len);
			buf_adds(out, "</td>");
		}
		buf_adds(out, "</tr>\n");
	}
	buf_adds(out, "</tbody></table></div>\n");
	if (t->note != NULL) {
		buf_adds(out, "<p class=\"note\">");
		html_text(out, t->note, SIZE_MAX);
		buf_adds(out, "</p>\n");
	}
	buf_fini(&b);
}
