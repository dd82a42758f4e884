/* What the exports share. */
#ifndef QUERY_EXPORT_H
#define QUERY_EXPORT_H

#include "survey/query.h"
#include "survey/study.h"

struct exporting {
	const struct export_options *o;
	const struct study *st;
	bool *host, *key, *cert; /* by number: is it wanted? */
};

/* Each returns 0, or -1 after a message. */
int export_csv(const struct exporting *x, struct buf *out);
int export_graphml(const struct exporting *x, struct buf *out);
int export_studies(const struct exporting *x);

#endif
