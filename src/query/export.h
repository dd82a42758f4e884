/* What the exports share. */
#ifndef QUERY_EXPORT_H
#define QUERY_EXPORT_H

#include "survey/output.h"
#include "survey/query.h"
#include "survey/study.h"

struct exporting {
	const struct export_options *o;
	const struct study *st;
	bool *host, *key, *cert; /* by number: is it wanted? */
};

#define EXPORT_REFUSED 1 /* what was asked for cannot be */

/* Each returns 0, or -1 or EXPORT_REFUSED after a message. */
int export_csv(const struct exporting *x, struct buf *out);
int export_graphml(const struct exporting *x, struct buf *out);
int export_studies(const struct exporting *x);

/* A records.fresh that was written; lines and first as struct output_lines has them. */
struct exported_records {
	char *path;
	struct output_line *lines; /* NULL: it was left out */
	uint32_t *first;
};
int export_records(const struct exporting *x, const char *dir, struct exported_records *r);
void exported_records_fini(struct exported_records *r);

#endif
