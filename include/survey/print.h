/*
 * What query commands print: text for people, JSON and CSV for programs.
 *
 * A command opens a print, writes its tables, headings and sentences in order,
 * and closes it; the result is appended to a buffer.  Text has aligned
 * columns; what comes from outside is cut to size and made harmless; colour is
 * for terminals (print_colour()).  JSON is whatever the command writes to
 * json, tables included.  CSV has the quoting of RFC 4180, lines that end in
 * LF, and no cell that a spreadsheet takes for a formula; headings and
 * sentences are left out of it.
 *
 *	print_init(&p, format, &out, print_colour(stdout));
 *	print_table(&p, NULL, columns);
 *	print_string(&p, ip);
 *	print_uint(&p, asn);
 *	print_row(&p);			// … for each host
 *	print_table_end(&p);
 *	print_fini(&p);
 */
/* Layer: io */
#ifndef SURVEY_PRINT_H
#define SURVEY_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "survey/buf.h"
#include "survey/jsonw.h"

enum print_format { PRINT_TEXT, PRINT_JSON, PRINT_CSV };
/* What -f may be, by enum print_format; ends with NULL. */
extern const char *const print_format_words[];

/* How a cell of text looks on a terminal. */
enum print_style { PRINT_PLAIN, PRINT_BOLD, PRINT_DIM, PRINT_GOOD, PRINT_WARN, PRINT_ALARM };

struct print_column {
	const char *name; /* of the JSON member and of the CSV column: never changes */
	const char *title; /* of the text column; NULL: the name */
	unsigned max; /* characters of text that are shown; 0: 60 */
};

struct print_cell {
	size_t at, len; /* in cells_text */
	size_t width; /* columns on a terminal */
	enum print_style style;
	bool right; /* a number */
};

struct print {
	enum print_format format;
	bool colour;
	struct buf *out; /* borrowed */
	struct jsonw json; /* of use when the format is JSON */
	enum print_style style; /* of the next cell */

	/* The table at hand. */
	const struct print_column *columns; /* ends with a NULL name */
	size_t ncolumns, cell; /* cell: of the next value in its row */
	struct print_cell *cells; /* text: rows that wait for the widths of columns */
	size_t ncells, cap_cells;
	struct buf cells_text, cell_text;
	size_t *widths; /* by column, once they are known; else NULL */
};

/* Is f a terminal that wants colours?  NO_COLOR (no-color.org) and TERM=dumb do not. */
bool print_colour(FILE *f);
/* A text, as it stands, that looks so where colours are wanted: for output that is no table. */
void print_styled(struct buf *out, bool colour, enum print_style style, const char *text);

/* out is borrowed. */
void print_init(struct print *p, enum print_format format, struct buf *out, bool colour);
/* Append what is left, and free what p holds. */
void print_fini(struct print *p);

/*
 * A table.  JSON: the member name (NULL: a value of its own), an array with an
 * object a row.  Text: a line of titles and a line a row; columns are as wide
 * as the first thousand rows need, so that few rows wait.  columns is borrowed until print_table_end().
 */
void print_table(struct print *p, const char *name, const struct print_column *columns);
/* The cells of a row, in the order of the columns; what is missing at its end is as print_none(). */
void print_text(struct print *p, const char *s, size_t len);
void print_string(struct print *p, const char *s); /* NULL: as print_none() */
void print_hex(struct print *p, const uint8_t *bytes, size_t len);
void print_uint(struct print *p, uint64_t n);
void print_known(struct print *p, uint64_t n); /* 0: as print_none() */
void print_double(struct print *p, double v, int decimals);
void print_bool(struct print *p, bool yes);
void print_none(struct print *p); /* not known: a dash, null, nothing */
void print_row(struct print *p);
void print_table_end(struct print *p);

/* The style of the next cell; it holds for that cell only. */
void print_style(struct print *p, enum print_style style);

/* Text only.  The arguments may be remote text: one line each, made harmless as messages are. */
void print_heading(struct print *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void print_line(struct print *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A line "label  value" with the values of several below each other. */
void print_field(struct print *p, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
