#include "survey/mem.h"
#include "geo/columns.h"
#include "geo/input.h"
#include "io/geofile.h"

/* Returns 0, or -1 with the reason in *error. */
static int
walk_file(const struct geo_walk *w, const struct geo_csv *c, const struct places *places,
    uint64_t *known, char **error)
{
	struct rows r;

	if (rows_open(&r, c->path, w->stats, error) == -1)
		return -1;
	if (c->col.header)
		rows_next(&r);
	while (rows_next(&r)) {
		struct geo_net net;
		const char *why = geo_columns_read(&c->col, &r, w->kind, places, &net);

		if (why != NULL) {
			rows_bad(&r, why);
			continue;
		}
		w->stats->networks++;
		*known += w->kind == GEO_COUNTRY ? net.country[0] != '\0' : net.asn != 0;
		if (net.lo.family == 4 ? w->v4 : w->v6)
			w->fn(&net, w->arg);
	}
	return rows_close(&r, 0, error);
}

int
geo_walk_csv(const struct geo_walk *w, const struct geo_input *in, char **error)
{
	uint64_t known = 0;
	int rc = 0;

	for (size_t i = 0; i < in->ncsv && rc == 0; i++) {
		/* One family may stand in a file of its own. */
		if (in->ncsv > 1 && !(w->v4 && in->csv[i].v4) && !(w->v6 && in->csv[i].v6))
			continue;
		rc = walk_file(w, &in->csv[i], &in->places, &known, error);
	}
	if (rc == 0 && known == 0) {
		*error = xasprintf("%s: no row has %s", in->path, geo_kind_name(w->kind));
		rc = -1;
	}
	return rc;
}
