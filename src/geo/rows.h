/* The rows of a CSV file; one that cannot be read costs that row and is counted. */
#ifndef SURVEY_GEO_ROWS_H
#define SURVEY_GEO_ROWS_H

#include <stdbool.h>

#include "survey/georanges.h"
#include "survey/lines.h"

#define ROWS_FIELDS 32 /* further ones are not looked at */

struct rows {
	int fd;
	const char *path; /* borrowed */
	struct lines lines;
	struct geo_stats *stats; /* NULL: bad rows are passed over without a word */
	int error; /* errno of a read that failed */
	char *field[ROWS_FIELDS]; /* of the row just read; may be written to */
	int nfields;
};

/* Returns 0, or -1 with the reason in *error. */
int rows_open(struct rows *r, const char *path, struct geo_stats *stats, char **error);
/* Go on reading at an offset, within a row, which is then passed over. */
void rows_seek(struct rows *r, long offset);
/* The next row that is not blank, into field[]; false at the end, or when the file cannot be read on. */
bool rows_next(struct rows *r);
/* Where a named column stands in the row just read, a header; -1 when it does not.  Case does not matter. */
int rows_column(const struct rows *r, const char *name);
/* Count the row just read as one that is of no use. */
void rows_bad(struct rows *r, const char *why);
/* Returns rc, or -1 with the reason in *error where the file was not read to its end. */
int rows_close(struct rows *r, int rc, char **error);

#endif
