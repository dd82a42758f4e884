#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/escape.h"
#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/print.h"
#include "survey/text.h"

#define MAX_CHARS 60 /* of a cell */
#define SAMPLE_ROWS 1000 /* that decide about the width of columns */
#define LABEL_WIDTH 14

const char *const print_format_words[] = {
	[PRINT_TEXT] = "text",
	[PRINT_JSON] = "json",
	[PRINT_CSV] = "csv",
	NULL,
};

/* ECMA-48 SGR. */
static const char *const codes[] = {
	[PRINT_PLAIN] = "",
	[PRINT_BOLD] = "\033[1m",
	[PRINT_DIM] = "\033[2m",
	[PRINT_GOOD] = "\033[32m",
	[PRINT_WARN] = "\033[33m",
	[PRINT_ALARM] = "\033[1;31m",
};
static const char code_end[] = "\033[0m";

bool
print_colour(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(f)) && (no == NULL || no[0] == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

void
print_styled(struct buf *out, bool colour, enum print_style style, const char *text)
{
	buf_printf(out, "%s%s%s", colour ? codes[style] : "", text, colour ? code_end : "");
}

void
print_init(struct print *p, enum print_format format, struct buf *out, bool colour)
{
	memset(p, 0, sizeof(*p));
	p->format = format;
	p->out = out;
	p->colour = format == PRINT_TEXT && colour;
	jsonw_init(&p->json, NULL);
	buf_init(&p->cells_text);
	buf_init(&p->cell_text);
}

void
print_fini(struct print *p)
{
	if (p->format == PRINT_JSON) {
		jsonw_newline(&p->json);
		buf_add(p->out, p->json.out.data, p->json.out.len);
	}
	jsonw_fini(&p->json);
	buf_fini(&p->cells_text);
	buf_fini(&p->cell_text);
	free(p->cells);
	free(p->widths);
}

static void
begin_style(struct print *p, enum print_style style)
{
	if (p->colour)
		buf_adds(p->out, codes[style]);
}

static void
end_style(struct print *p, enum print_style style)
{
	if (p->colour && style != PRINT_PLAIN)
		buf_adds(p->out, code_end);
}

/* ---- tables as text ---- */

/* One row of nothing but titles or cells; the last column is not padded. */
static void
put_cells(struct print *p, const struct print_cell *cells)
{
	for (size_t c = 0; c < p->ncolumns; c++) {
		size_t width = p->widths[c], own = cells[c].width;

		if (c > 0)
			text_pad(p->out, 2);
		if (cells[c].right && own < width)
			text_pad(p->out, width - own);
		begin_style(p, cells[c].style);
		buf_add(p->out, p->cells_text.data + cells[c].at, cells[c].len);
		end_style(p, cells[c].style);
		if (!cells[c].right && own < width && c + 1 < p->ncolumns)
			text_pad(p->out, width - own);
	}
	buf_addc(p->out, '\n');
}

static void
add_cell(struct print *p, const char *s, bool right)
{
	size_t len = strlen(s);
	struct print_cell *cell;

	mem_grow(&p->cells, &p->cap_cells, p->ncells + 1, sizeof(*p->cells));
	cell = &p->cells[p->ncells++];
	*cell = (struct print_cell){ .at = p->cells_text.len,
		.len = len,
		.width = text_width(s),
		.style = p->style,
		.right = right };
	buf_add(&p->cells_text, s, len);
}

/* Settle the widths by the rows at hand, which begin with the titles, and write them. */
static void
put_sample(struct print *p)
{
	p->widths = xcalloc(p->ncolumns + 1, sizeof(*p->widths));
	for (size_t i = 0; i < p->ncells; i++) {
		size_t *width = &p->widths[i % p->ncolumns];

		if (p->cells[i].width > *width)
			*width = p->cells[i].width;
	}
	/* A title stands over its column. */
	for (size_t c = 0; c < p->ncolumns && p->ncells > p->ncolumns; c++)
		p->cells[c].right = p->cells[p->ncolumns + c].right;
	for (size_t i = 0; i < p->ncells; i += p->ncolumns)
		put_cells(p, &p->cells[i]);
	p->ncells = 0;
	buf_clear(&p->cells_text);
}

static void
text_row(struct print *p)
{
	if (p->widths != NULL) {
		put_cells(p, p->cells);
		p->ncells = 0;
		buf_clear(&p->cells_text);
	} else if (p->ncells >= (SAMPLE_ROWS + 1) * p->ncolumns) {
		put_sample(p);
	}
}

/* ---- tables ---- */

void
print_table(struct print *p, const char *name, const struct print_column *columns)
{
	p->columns = columns;
	p->cell = 0;
	for (p->ncolumns = 0; columns[p->ncolumns].name != NULL;)
		p->ncolumns++;
	switch (p->format) {
	case PRINT_TEXT:
		for (size_t c = 0; c < p->ncolumns; c++) {
			const char *title = columns[c].title != NULL ? columns[c].title
								     : columns[c].name;

			p->style = PRINT_BOLD;
			add_cell(p, title, false);
		}
		p->style = PRINT_PLAIN;
		break;
	case PRINT_JSON:
		if (name != NULL)
			jsonw_key(&p->json, name);
		jsonw_array(&p->json);
		break;
	case PRINT_CSV:
		for (size_t c = 0; c < p->ncolumns; c++)
			buf_printf(p->out, "%s%s", c > 0 ? "," : "", columns[c].name);
		buf_addc(p->out, '\n');
		break;
	}
}

/* The next cell: what stands before it. */
static void
next_cell(struct print *p)
{
	if (p->cell >= p->ncolumns)
		abort();
	if (p->format == PRINT_JSON) {
		if (p->cell == 0)
			jsonw_object(&p->json);
		jsonw_key(&p->json, p->columns[p->cell].name);
	} else if (p->format == PRINT_CSV && p->cell > 0) {
		buf_addc(p->out, ',');
	}
	p->cell++;
}

/* Texts that need no quotes, and no look at what they hold. */
static bool
is_bare(const char *s, size_t len)
{
	static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789.:_/*";

	if (len > 0 && s[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\0' || (s[i] != '-' && strchr(bare, s[i]) == NULL))
			return false;
	}
	return true;
}

void
print_text(struct print *p, const char *s, size_t len)
{
	unsigned max;

	next_cell(p);
	switch (p->format) {
	case PRINT_TEXT:
		max = p->columns[p->cell - 1].max;
		buf_clear(&p->cell_text);
		text_plain(&p->cell_text, s, len, max != 0 ? max : MAX_CHARS);
		add_cell(p, p->cell_text.data, false);
		break;
	case PRINT_JSON:
		jsonw_stringn(&p->json, s, len);
		break;
	case PRINT_CSV:
		if (is_bare(s, len))
			buf_add(p->out, s, len);
		else
			escape_csv(p->out, s, len);
		break;
	}
	p->style = PRINT_PLAIN;
}

void
print_string(struct print *p, const char *s)
{
	if (s != NULL)
		print_text(p, s, strlen(s));
	else
		print_none(p);
}

void
print_hex(struct print *p, const uint8_t *bytes, size_t len)
{
	struct buf digits;

	buf_init(&digits);
	hex_add(&digits, bytes, len);
	print_text(p, digits.data, digits.len);
	buf_fini(&digits);
}

/* Digits that stand as they are in every format. */
static void
add_number(struct print *p, const char *digits)
{
	next_cell(p);
	if (p->format == PRINT_TEXT)
		add_cell(p, digits, true);
	else if (p->format == PRINT_JSON)
		jsonw_raw(&p->json, digits, strlen(digits));
	else
		buf_adds(p->out, digits);
	p->style = PRINT_PLAIN;
}

void
print_uint(struct print *p, uint64_t n)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, n);
	add_number(p, digits);
}

void
print_known(struct print *p, uint64_t n)
{
	if (n > 0)
		print_uint(p, n);
	else
		print_none(p);
}

void
print_double(struct print *p, double v, int decimals)
{
	char digits[400];

	snprintf(digits, sizeof(digits), "%.*f", decimals, v);
	add_number(p, digits);
}

void
print_bool(struct print *p, bool yes)
{
	const char *word = p->format == PRINT_TEXT ? (yes ? "yes" : "no") : yes ? "true" : "false";

	next_cell(p);
	if (p->format == PRINT_TEXT)
		add_cell(p, word, false);
	else if (p->format == PRINT_JSON)
		jsonw_bool(&p->json, yes);
	else
		buf_adds(p->out, word);
	p->style = PRINT_PLAIN;
}

void
print_none(struct print *p)
{
	next_cell(p);
	if (p->format == PRINT_TEXT)
		add_cell(p, "\xe2\x80\x93", false);
	else if (p->format == PRINT_JSON)
		jsonw_null(&p->json);
	p->style = PRINT_PLAIN;
}

void
print_row(struct print *p)
{
	while (p->cell < p->ncolumns)
		print_none(p);
	p->cell = 0;
	switch (p->format) {
	case PRINT_TEXT:
		text_row(p);
		break;
	case PRINT_JSON:
		jsonw_end_object(&p->json);
		break;
	case PRINT_CSV:
		buf_addc(p->out, '\n');
		break;
	}
}

void
print_table_end(struct print *p)
{
	if (p->format == PRINT_JSON)
		jsonw_end_array(&p->json);
	if (p->format == PRINT_TEXT && p->widths == NULL)
		put_sample(p);
	free(p->widths);
	p->widths = NULL;
	p->ncells = 0;
	buf_clear(&p->cells_text);
	p->columns = NULL;
	p->ncolumns = 0;
}

void
print_style(struct print *p, enum print_style style)
{
	p->style = style;
}

/* ---- sentences ---- */

static void
add_harmless(struct buf *out, const char *fmt, va_list ap)
{
	struct buf raw;

	buf_init(&raw);
	buf_vprintf(&raw, fmt, ap);
	escape_terminal(out, raw.data, raw.len);
	buf_fini(&raw);
}

void
print_heading(struct print *p, const char *fmt, ...)
{
	va_list ap;

	if (p->format != PRINT_TEXT)
		return;
	begin_style(p, PRINT_BOLD);
	va_start(ap, fmt);
	add_harmless(p->out, fmt, ap);
	va_end(ap);
	end_style(p, PRINT_BOLD);
	buf_addc(p->out, '\n');
}

void
print_line(struct print *p, const char *fmt, ...)
{
	va_list ap;

	if (p->format != PRINT_TEXT)
		return;
	begin_style(p, p->style);
	va_start(ap, fmt);
	add_harmless(p->out, fmt, ap);
	va_end(ap);
	end_style(p, p->style);
	p->style = PRINT_PLAIN;
	buf_addc(p->out, '\n');
}

void
print_field(struct print *p, const char *label, const char *fmt, ...)
{
	size_t width = text_width(label);
	va_list ap;

	if (p->format != PRINT_TEXT)
		return;
	begin_style(p, PRINT_DIM);
	buf_adds(p->out, label);
	end_style(p, PRINT_DIM);
	text_pad(p->out, width < LABEL_WIDTH ? LABEL_WIDTH - width : 1);
	begin_style(p, p->style);
	va_start(ap, fmt);
	add_harmless(p->out, fmt, ap);
	va_end(ap);
	end_style(p, p->style);
	p->style = PRINT_PLAIN;
	buf_addc(p->out, '\n');
}
