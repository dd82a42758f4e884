/* What `compare -o DIR` writes: tables, pictures of the clusters that changed, a page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/file.h"
#include "survey/graph.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/report.h"
#include "survey/text.h"

#include "compare.h"

static int
save(const char *dir, const char *name, const struct buf *b)
{
	char *path = path_join(dir, name);
	int rc = file_write(path, b->data, b->len);

	if (rc == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	free(path);
	return rc;
}

/* --- tables ------------------------------------------------------------------- */

static void
print_runs(struct print *p, const struct comparison *c)
{
	print_string(p, c->run_a->name);
	print_string(p, c->run_b->name);
}

static const struct print_column host_columns[] = { { "a" }, { "b" }, { "ip" }, { "change" },
	{ "reason" }, { "cluster_a" }, { "cluster_b" }, { NULL } };

static void
print_cluster(struct print *p, const struct study *st, uint32_t host)
{
	if (host != STUDY_NONE && st->hosts[host].cluster != STUDY_NONE)
		print_uint(p, st->clusters[st->hosts[host].cluster].id);
	else
		print_none(p);
}

static void
put_hosts(struct print *p, const struct comparison *c)
{
	const struct match *m = &c->m;
	const struct {
		const struct match_list *l;
		const char *change;
	} lists[] = { { &m->new_hosts, "new" }, { &m->gone_hosts, "gone" },
		{ &m->changed, "changed" }, { &m->rekeyed, "rekeyed" },
		{ &m->repaired, "repaired" } };
	char ip[IP_STRLEN];

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
		for (size_t i = 0; i < lists[k].l->n; i++) {
			uint32_t host = lists[k].l->v[i];
			bool of_b = lists[k].l == &m->new_hosts;
			uint32_t a = of_b ? m->host_a[host] : host;
			uint32_t b = of_b ? host : m->host_b[host];

			print_runs(p, c);
			print_string(p, ip_format(&(of_b ? m->b : m->a)->hosts[host].ip, ip));
			print_string(p, lists[k].change);
			print_string(p, lists[k].l == &m->gone_hosts ? c->gone_why[i] : NULL);
			print_cluster(p, m->a, a);
			print_cluster(p, m->b, b);
			print_row(p);
		}
	}
}

static const struct print_column key_columns[] = { { "a" }, { "b" }, { "key" }, { "kind" },
	{ "change" }, { "hosts_a" }, { "hosts_b" }, { NULL } };

static void
put_keys(struct print *p, const struct comparison *c)
{
	const struct match *m = &c->m;
	const struct {
		const struct match_list *l;
		const char *change;
	} lists[] = { { &m->new_keys, "new" }, { &m->gone_keys, "gone" }, { &m->spread, "spread" },
		{ &m->shrunk, "shrunk" }, { &m->moved, "moved" } };

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
		for (size_t i = 0; i < lists[k].l->n; i++) {
			uint32_t key = lists[k].l->v[i];
			bool of_b = lists[k].l == &m->new_keys;
			const struct study_key *sk = &(of_b ? m->b : m->a)->keys[key];
			uint32_t a = of_b ? m->key_a[key] : key, b = of_b ? key : m->key_b[key];

			print_runs(p, c);
			print_hex(p, sk->fp, KEY_LEN);
			print_string(p, sk->kind == KEY_SSH_HOST ? "ssh" : "tls");
			print_string(p, lists[k].change);
			print_uint(p, a != STUDY_NONE ? m->a->keys[a].nhosts : 0);
			print_uint(p, b != STUDY_NONE ? m->b->keys[b].nhosts : 0);
			print_row(p);
		}
	}
}

static const struct print_column cluster_columns[] = { { "a" }, { "b" }, { "change" },
	{ "clusters_a" }, { "clusters_b" }, { "hosts_a" }, { "hosts_b" }, { "added" },
	{ "removed" }, { "rekeyed" }, { "new_keys" }, { "gone_keys" }, { NULL } };

/* The ids of clusters in one cell; returns how many hosts they have. */
static uint64_t
print_ids(struct print *p, const struct study *st, const struct match_list *l)
{
	uint64_t hosts = 0;
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < l->n; i++) {
		buf_printf(&b, "%s%u", i > 0 ? " " : "", st->clusters[l->v[i]].id);
		hosts += st->clusters[l->v[i]].hosts.n;
	}
	print_text(p, b.data, b.len);
	buf_fini(&b);
	return hosts;
}

static void
put_clusters(struct print *p, const struct comparison *c)
{
	const struct match *m = &c->m;

	for (size_t i = 0; i < m->ngroups; i++) {
		const struct match_group *g = &m->groups[i];
		uint64_t a, b;

		print_runs(p, c);
		print_string(p, match_change_names[g->change]);
		a = print_ids(p, m->a, &g->a);
		b = print_ids(p, m->b, &g->b);
		print_uint(p, a);
		print_uint(p, b);
		print_uint(p, g->added.n);
		print_uint(p, g->removed.n);
		print_uint(p, g->rekeyed.n);
		print_uint(p, g->new_keys.n);
		print_uint(p, g->gone_keys.n);
		print_row(p);
	}
}

static const struct {
	const char *file;
	const struct print_column *columns;
	void (*put)(struct print *, const struct comparison *);
} csv_files[] = { { "hosts.csv", host_columns, put_hosts }, { "keys.csv", key_columns, put_keys },
	{ "clusters.csv", cluster_columns, put_clusters } };

static int
write_tables(const char *dir, const struct comparison *c, size_t n)
{
	int rc = 0;

	for (size_t k = 0; k < sizeof(csv_files) / sizeof(csv_files[0]) && rc == 0; k++) {
		struct print p;
		struct buf b;

		buf_init(&b);
		print_init(&p, PRINT_CSV, &b, false);
		print_table(&p, NULL, csv_files[k].columns);
		for (size_t i = 0; i < n; i++)
			csv_files[k].put(&p, &c[i]);
		print_table_end(&p);
		print_fini(&p);
		rc = save(dir, csv_files[k].file, &b);
		buf_fini(&b);
	}
	return rc;
}

/* --- pictures ------------------------------------------------------------------- */

struct as_count {
	uint32_t asn;
	uint64_t hosts;
};

static int
by_asn(const void *pa, const void *pb)
{
	const struct as_count *a = pa, *b = pb;

	return a->asn < b->asn ? -1 : a->asn > b->asn;
}

static int
by_hosts(const void *pa, const void *pb)
{
	const struct as_count *a = pa, *b = pb;

	if (a->hosts != b->hosts)
		return a->hosts > b->hosts ? -1 : 1;
	return by_asn(pa, pb);
}

/* The ASes of all runs, by their hosts in clusters: an AS has one colour in all pictures. */
static uint32_t *
rank_ases(struct study *const *studies, size_t nstudies, size_t *n)
{
	struct as_count *v = NULL;
	size_t cap = 0, all = 0;
	uint32_t *asns;

	for (size_t i = 0; i < nstudies; i++) {
		for (uint32_t k = 0; k < studies[i]->nases; k++) {
			const struct study_as *as = &studies[i]->ases[k];

			if (as->asn == 0 || as->nclustered == 0)
				continue;
			mem_grow(&v, &cap, all + 1, sizeof(*v));
			v[all++] = (struct as_count){ as->asn, as->nclustered };
		}
	}
	if (all > 0)
		qsort(v, all, sizeof(*v), by_asn);
	*n = 0;
	for (size_t i = 0; i < all; i++) {
		if (*n > 0 && v[*n - 1].asn == v[i].asn)
			v[*n - 1].hosts += v[i].hosts;
		else
			v[(*n)++] = v[i];
	}
	if (*n > 0)
		qsort(v, *n, sizeof(*v), by_hosts);
	asns = xcalloc(*n + 1, sizeof(*asns));
	for (size_t i = 0; i < *n; i++)
		asns[i] = v[i].asn;
	free(v);
	return asns;
}

/* All clusters of the group get the coarsest form among them; was there another one? */
static bool
raise_forms(const struct match_group *g, enum graph_form *a, enum graph_form *b)
{
	const struct {
		const struct match_list *l;
		enum graph_form *forms;
	} sides[] = { { &g->a, a }, { &g->b, b } };
	enum graph_form most = GRAPH_PAIRS;
	bool raised = false;

	for (size_t s = 0; s < 2; s++) {
		for (size_t i = 0; i < sides[s].l->n; i++) {
			if (sides[s].forms[sides[s].l->v[i]] > most)
				most = sides[s].forms[sides[s].l->v[i]];
		}
	}
	for (size_t s = 0; s < 2; s++) {
		for (size_t i = 0; i < sides[s].l->n; i++) {
			raised |= sides[s].forms[sides[s].l->v[i]] != most;
			sides[s].forms[sides[s].l->v[i]] = most;
		}
	}
	return raised;
}

/*
 * The form of each cluster's picture, by run and number: matched clusters have that of the one that
 * needs the coarsest, so that old and new can be set side by side.
 */
static enum graph_form **
choose_forms(struct study *const *studies, const struct comparison *c, size_t n)
{
	enum graph_form **forms = xcalloc(n + 1, sizeof(*forms));
	bool raised;

	for (size_t i = 0; i <= n; i++) {
		forms[i] = xcalloc((size_t)studies[i]->nclusters + 1, sizeof(*forms[i]));
		for (uint32_t k = 0; k < studies[i]->nclusters; k++)
			forms[i][k] = graph_form(studies[i], k, 0);
	}
	do {
		raised = false;
		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; k < c[i].m.ngroups; k++) {
				if (raise_forms(&c[i].m.groups[k], forms[i], forms[i + 1]))
					raised = true;
			}
		}
	} while (raised); /* each time one at least, and there are three forms */
	return forms;
}

/* The clusters of a run that changed towards the run before or after it, each once, and their forms, put to the front. */
static uint32_t *
changed_clusters(const struct study *st, const struct comparison *before,
    const struct comparison *after, enum graph_form *forms, size_t *n)
{
	uint32_t *ids = xcalloc((size_t)st->nclusters + 1, sizeof(*ids));

	*n = 0;
	for (uint32_t i = 0; i < st->nclusters; i++) {
		bool changed = false;

		if (before != NULL)
			changed = before->m.groups[before->m.group_b[i]].change != MATCH_SAME;
		if (after != NULL && !changed)
			changed = after->m.groups[after->m.group_a[i]].change != MATCH_SAME;
		if (!changed)
			continue;
		forms[*n] = forms[i];
		ids[(*n)++] = st->clusters[i].id;
	}
	return ids;
}

/* The directory of a run's pictures: below it graphs/ is made. */
static char *
picture_dir(const char *dir, size_t run)
{
	char *name = xasprintf("run-%zu", run + 1), *path = path_join(dir, name);

	free(name);
	return path;
}

static int
draw(const struct compare_options *o, struct study *const *studies, const struct comparison *c,
    size_t n)
{
	size_t nasns;
	uint32_t *asns = rank_ases(studies, n + 1, &nasns);
	enum graph_form **forms = choose_forms(studies, c, n);
	int rc = 0;

	for (size_t i = 0; i <= n && rc == 0; i++) {
		struct graph_result result = { 0 };
		size_t nids;
		uint32_t *ids = changed_clusters(
		    studies[i], i > 0 ? &c[i - 1] : NULL, i < n ? &c[i] : NULL, forms[i], &nids);
		char *dir = picture_dir(o->output, i);
		const struct graph_options g = { .path = o->runs->v[i].path,
			.output = dir,
			.formats = GRAPH_SVG,
			.clusters = ids,
			.nclusters = nids,
			.forms = forms[i],
			.asns = asns,
			.nasns = nasns };

		if (nids > 0)
			rc = graph_rundir(&g, &result);
		if (result.failed > 0)
			log_warn("%zu %s of %s could not be drawn", result.failed,
			    text_noun(result.failed, "picture", "pictures"), g.path);
		free(ids);
		free(dir);
	}
	for (size_t i = 0; i <= n; i++)
		free(forms[i]);
	free(forms);
	free(asns);
	return rc;
}

/* --- the page --------------------------------------------------------------------- */

static int
write_page(const struct compare_options *o, const struct comparison *c, size_t n)
{
	struct report_comparison *pairs = xcalloc(n, sizeof(*pairs));
	char **graphs = xcalloc(n + 1, sizeof(*graphs));
	struct buf page;
	int rc;

	for (size_t i = 0; i <= n; i++) {
		char *dir = picture_dir(o->output, i);

		graphs[i] = path_join(dir, "graphs");
		free(dir);
	}
	for (size_t i = 0; i < n; i++)
		pairs[i] = (struct report_comparison){ .m = &c[i].m,
			.name_a = c[i].run_a->name,
			.name_b = c[i].run_b->name,
			.graphs_a = graphs[i],
			.graphs_b = graphs[i + 1],
			.gone_why = c[i].gone_why,
			.notes = c[i].notes.data };
	buf_init(&page);
	report_comparisons(pairs, n, &page);
	rc = save(o->output, "index.html", &page);
	buf_fini(&page);
	for (size_t i = 0; i <= n; i++)
		free(graphs[i]);
	free(graphs);
	free(pairs);
	return rc;
}

int
compare_write(const struct compare_options *o, struct study *const *studies,
    const struct comparison *c, size_t n, const struct buf *json)
{
	if (file_mkdirs(o->output, 0700) == -1) {
		log_error("cannot make %s: %s", o->output, strerror(errno));
		return -1;
	}
	if (save(o->output, "compare.json", json) == -1 || write_tables(o->output, c, n) == -1 ||
	    compare_write_db(o->output, c, n) == -1 || draw(o, studies, c, n) == -1)
		return -1;
	return write_page(o, c, n);
}
