/* The files that are plain lists of hosts. */
#include <stdlib.h>

#include "survey/mem.h"

#include "writer.h"

/* A JSON array with one element a line. */
static int
array_begin(struct writer *o, char **error)
{
	(void)error;
	jsonw_array(&o->w);
	return 0;
}

static void
array_next(struct writer *o)
{
	buf_adds(&o->w.out, o->n++ == 0 ? "\n" : ",\n");
	o->w.comma = false;
}

static int
array_end(struct writer *o, char **error)
{
	(void)error;
	buf_adds(&o->w.out, "\n");
	jsonw_end_array(&o->w);
	jsonw_newline(&o->w);
	return 0;
}

static int
fingerprints_host(struct writer *o, const struct output_host *h, char **error)
{
	(void)error;
	if (h->cluster == CLUSTER_OUT)
		return 0;
	array_next(o);
	host_write(&o->w, o->s, h, FORM_BEFORE, NULL, false);
	return 0;
}

static int
all_keys_host(struct writer *o, const struct output_host *h, char **error)
{
	(void)error;
	if (h->cluster == CLUSTER_OUT)
		return 0;
	array_next(o);
	host_write(&o->w, o->s, h, FORM_AFTER, NULL, false);
	return 0;
}

static int
dogies_host(struct writer *o, const struct output_host *h, char **error)
{
	(void)error;
	if (h->cluster == CLUSTER_OUT || h->verdict->verdict != HOST_BAD)
		return 0;
	array_next(o);
	host_write(&o->w, o->s, h, FORM_AFTER, NULL, false);
	return 0;
}

const struct output_kind output_fingerprints = { .file = "fingerprints.json",
	.begin = array_begin,
	.host = fingerprints_host,
	.end = array_end };
const struct output_kind output_all_keys = { .file = "all-key-fingerprints.json",
	.begin = array_begin,
	.host = all_keys_host,
	.end = array_end };
const struct output_kind output_dogies = {
	.file = "dogies.json", .begin = array_begin, .host = dogies_host, .end = array_end
};

void
output_verdict_line(struct jsonw *w, const struct verdict *v, uint64_t ip_record)
{
	char ip[IP_STRLEN];

	jsonw_object(w);
	jsonw_key(w, "ip");
	jsonw_string(w, ip_format(&v->ip, ip));
	jsonw_key(w, "ip_record");
	jsonw_uint(w, ip_record);
	jsonw_key(w, "verdict");
	jsonw_string(w, host_verdict_name(v->verdict));
	jsonw_key(w, "names");
	jsonw_array(w);
	for (size_t i = 0; i < v->n; i++) {
		const struct verdict_name *n = &v->names[i];

		jsonw_object(w);
		jsonw_key(w, "key");
		jsonw_string(w, n->key);
		jsonw_key(w, "name");
		jsonw_string(w, n->name);
		jsonw_key(w, "verdict");
		jsonw_string(w, name_verdict_name(n->verdict));
		jsonw_key(w, "addresses");
		jsonw_array(w);
		for (size_t k = 0; n->answer != NULL && k < n->answer->naddrs; k++)
			jsonw_string(w, ip_format(&n->answer->addrs[k], ip));
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
	jsonw_newline(w);
}

static int
verdicts_host(struct writer *o, const struct output_host *h, char **error)
{
	(void)error;
	o->n++;
	output_verdict_line(&o->w, h->verdict, h->h->record);
	return 0;
}

const struct output_kind output_verdicts = { .file = "verdicts.ndjson", .host = verdicts_host };

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The layout, with its space after the comma, is what the studies' spreadsheets read. */
static int
sizes_end(struct writer *o, char **error)
{
	const struct clusters *c = o->s->clusters;
	uint32_t *sorted = xcalloc((size_t)c->n + 1, sizeof(*sorted));
	struct buf *b = &o->w.out;

	(void)error;
	buf_adds(b, "clusternum,size\n");
	for (uint32_t k = 0; k <= c->n; k++) {
		buf_printf(b, "%u, %u\n", k, c->size[k]);
		sorted[k] = k == 0 ? 0 : c->size[k];
	}
	o->n = c->n;
	qsort(sorted, (size_t)c->n + 1, sizeof(*sorted), by_number);
	buf_printf(b, "\n\nclustersize,#clusters,collider\n%u,1,n\n", c->size[0]);
	for (uint32_t k = 1; k <= c->n;) {
		uint32_t from = k;

		while (k <= c->n && sorted[k] == sorted[from])
			k++;
		buf_printf(b, "%u,%u,y\n", sorted[from], k - from);
	}
	free(sorted);
	return 0;
}

const struct output_kind output_sizes = { .file = "clustersizes.csv", .end = sizes_end };
