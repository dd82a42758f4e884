/* survey cluster: a cluster explained, and what repairs it. */
#include <stdlib.h>

#include "survey/buf.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "cluster.h"

static void
one_cluster(struct asking *k, uint32_t cluster)
{
	struct facts f;

	facts_find(k, cluster, &f);
	if (k->o->format == PRINT_JSON)
		cluster_json(k, &f);
	else if (k->o->format == PRINT_TEXT)
		cluster_text(k, &f);
	else if (k->o->repair)
		plan_csv(k, &f);
	else
		cluster_csv(k, &f);
	facts_fini(&f);
}

static int
by_domains(const void *pa, const void *pb, void *arg)
{
	const struct impact *x = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	if (x->of_cluster[a] != x->of_cluster[b])
		return x->of_cluster[a] > x->of_cluster[b] ? -1 : 1;
	return (a > b) - (a < b);
}

/* Numbers of the wanted clusters; all of them with the most domains first, where that is known; false after a message about one that is not there. */
static bool
choose(const struct asking *k, uint32_t **v, size_t *n)
{
	const struct cluster_options *o = k->o;

	*n = o->ids == NULL ? k->st->nclusters : o->nids;
	*v = xcalloc(*n + 1, sizeof(**v));
	for (size_t i = 0; i < *n; i++) {
		(*v)[i] = o->ids == NULL ? (uint32_t)i : study_find_cluster(k->st, o->ids[i]);
		if ((*v)[i] != STUDY_NONE)
			continue;
		log_error("%s has no cluster %u", o->path, o->ids[i]);
		return false;
	}
	if (o->ids == NULL && impact_has_domains(k->impact) && *n > 1)
		qsort_r(*v, *n, sizeof(**v), by_domains, k->impact);
	return true;
}

static void
print_chosen(struct asking *k, const uint32_t *v, size_t n)
{
	bool array = n != 1 || k->o->ids == NULL;

	if (k->o->format == PRINT_JSON && array)
		jsonw_array(&k->w);
	if (k->o->format == PRINT_CSV)
		print_table(&k->csv, NULL, k->o->repair ? plan_columns : cluster_columns);
	for (size_t i = 0; i < n; i++)
		one_cluster(k, v[i]);
	if (k->o->format != PRINT_JSON)
		return;
	if (array)
		jsonw_end_array(&k->w);
	jsonw_newline(&k->w);
	buf_add(k->out, k->w.out.data, k->w.out.len);
}

int
query_cluster(const struct cluster_options *o, struct buf *out)
{
	struct asking k = { .o = o, .out = out };
	/* One cluster alone is all that needs to be read for it. */
	uint32_t only = o->ids != NULL && o->nids == 1 ? o->ids[0] : 0;
	struct study *st = study_open(o->path,
	    STUDY_CLUSTERED | STUDY_FACTS | STUDY_NAMES | STUDY_FINDINGS | STUDY_MAIL, only);
	uint32_t *v = NULL;
	size_t n = 0;
	int rc = 0;

	if (st == NULL)
		return 1;
	k.st = st;
	k.as_met = xcalloc((size_t)st->nases + 1, sizeof(*k.as_met));
	k.cert_met = xcalloc((size_t)st->ncerts + 1, sizeof(*k.cert_met));
	finding_index_init(&k.weak, st->findings, st->nkeys);
	strpool_init(&k.texts);
	k.impact = impact_new(st);
	jsonw_init(&k.w, NULL);
	print_init(&k.csv, PRINT_CSV, out, false);
	if (choose(&k, &v, &n))
		print_chosen(&k, v, n);
	else
		rc = 2;
	free(v);
	free(k.as_met);
	free(k.cert_met);
	jsonw_fini(&k.w);
	print_fini(&k.csv);
	impact_free(k.impact);
	strpool_fini(&k.texts);
	finding_index_fini(&k.weak);
	study_free(st);
	return rc;
}
