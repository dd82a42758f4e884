/* The files that are plain lists of hosts. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/name.h"
#include "survey/order.h"
#include "survey/pretty.h"

#include "writer.h"

int
array_begin(struct writer *o, char **error)
{
	(void)error;
	buf_adds(&o->w.out, "[\n");
	return 0;
}

void
array_next(struct writer *o)
{
	if (o->n++ > 0)
		buf_adds(&o->w.out, ",\n");
	o->w.comma = false;
}

int
array_end(struct writer *o, char **error)
{
	(void)error;
	buf_adds(&o->w.out, "]\n");
	return jsonw_flush(&o->w);
}

/* One member a line: scripts look for "p25": and addresses line by line. */
static int
fingerprints_host(struct writer *o, const struct output_host *h, char **error)
{
	struct jsonw w;

	(void)error;
	if (h->h->out != OUT_NONE)
		return 0;
	array_next(o);
	jsonw_init(&w, NULL);
	host_write(&w, o->st, h, FORM_BEFORE);
	json_pretty(&o->w.out, w.out.data, w.out.len, 0);
	jsonw_newline(&o->w);
	jsonw_fini(&w);
	return 0;
}

static int
all_keys_host(struct writer *o, const struct output_host *h, char **error)
{
	(void)error;
	if (h->h->out != OUT_NONE)
		return 0;
	array_next(o);
	host_write(&o->w, o->st, h, FORM_AFTER);
	return 0;
}

static int
dogies_host(struct writer *o, const struct output_host *h, char **error)
{
	(void)error;
	if (h->h->out != OUT_NONE || h->h->verdict != HOST_BAD)
		return 0;
	array_next(o);
	host_write(&o->w, o->st, h, FORM_AFTER);
	return 0;
}

const struct output_kind output_fingerprints = { .file = "fingerprints.json",
	.begin = array_begin,
	.host = fingerprints_host,
	.end = array_end };
const struct output_kind output_all_keys = { .file = "all-key-fingerprints.json",
	.in_copy = true,
	.begin = array_begin,
	.host = all_keys_host,
	.end = array_end };
const struct output_kind output_dogies = {
	.file = "dogies.json", .begin = array_begin, .host = dogies_host, .end = array_end
};

/* All addresses that the answer which decided has. */
static void
write_addresses(struct jsonw *w, const struct study *st, const struct study_name *n)
{
	char ip[IP_STRLEN];

	JSONW_KEY(w, "addresses");
	jsonw_array(w);
	if (n->answer != STUDY_NONE) {
		const struct study_span *a = &st->answers[n->answer].addresses;

		for (uint32_t k = a->at; k < a->at + a->n; k++)
			jsonw_string(w, ip_format(&st->addresses[k], ip));
	}
	jsonw_end_array(w);
}

/* The members behind a name's key, and the comma before them. */
static void
write_verdict(struct jsonw *w, const struct study *st, const struct study_name *n)
{
	const char *text = study_text_or_empty(st, n->text);
	char normal[NAME_SIZE];

	w->comma = true;
	JSONW_KEY(w, "name");
	jsonw_string(w, name_normalise(text, strlen(text), normal) == NAME_OK ? normal : text);
	JSONW_KEY(w, "verdict");
	jsonw_string(w, study_name_verdict(n->verdict));
	write_addresses(w, st, n);
}

void
output_verdict_line(struct jsonw *w, const struct study *st, uint32_t host)
{
	const struct study_host *h = &st->hosts[host];
	const struct study_name *told = NULL; /* of which rest tells */
	char ip[IP_STRLEN], key[HOST_KEY_SIZE];
	struct jsonw rest;

	jsonw_init(&rest, NULL);
	jsonw_object(w);
	JSONW_KEY(w, "ip");
	jsonw_string(w, ip_format(&h->ip, ip));
	JSONW_KEY(w, "ip_record");
	jsonw_uint(w, h->record);
	JSONW_KEY(w, "verdict");
	jsonw_string(w, host_verdict_name((enum host_verdict)h->verdict));
	JSONW_KEY(w, "names");
	jsonw_array(w);
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];

		if (n->verdict == NAME_NOT_LOOKED_UP)
			continue;
		/* Ports mostly give the name that the one before gave. */
		if (told == NULL || told->text != n->text || told->verdict != n->verdict ||
		    told->answer != n->answer) {
			buf_clear(&rest.out);
			write_verdict(&rest, st, n);
			told = n;
		}
		jsonw_object(w);
		JSONW_KEY(w, "key");
		jsonw_string(w, study_name_key(n, key));
		jsonw_part(w, rest.out.data, rest.out.len);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
	jsonw_newline(w);
	jsonw_fini(&rest);
}

static int
verdicts_host(struct writer *o, const struct output_host *h, char **error)
{
	(void)error;
	o->n++;
	output_verdict_line(&o->w, o->st, h->i);
	return 0;
}

const struct output_kind output_verdicts = {
	.file = "verdicts.ndjson", .in_copy = true, .host = verdicts_host
};

/* The layout, with its space after the comma, is what the studies' spreadsheets read. */
static int
sizes_end(struct writer *o, char **error)
{
	const struct study *st = o->st;
	uint32_t *sorted = xcalloc((size_t)st->nclusters + 1, sizeof(*sorted)), alone = 0;
	struct buf *b = &o->w.out;

	(void)error;
	for (uint32_t i = 0; i < st->nhosts; i++)
		alone += st->hosts[i].out == OUT_NONE && st->hosts[i].cluster == STUDY_NONE;
	buf_printf(b, "clusternum,size\n0, %u\n", alone);
	for (uint32_t k = 0; k < st->nclusters; k++) {
		sorted[k] = st->clusters[k].hosts.n;
		buf_printf(b, "%u, %u\n", st->clusters[k].id, sorted[k]);
	}
	o->n = st->nclusters;
	qsort(sorted, st->nclusters, sizeof(*sorted), order_u32);
	buf_printf(b, "\n\nclustersize,#clusters,collider\n%u,1,n\n", alone);
	for (uint32_t k = 0; k < st->nclusters;) {
		uint32_t from = k;

		while (k < st->nclusters && sorted[k] == sorted[from])
			k++;
		buf_printf(b, "%u,%u,y\n", sorted[from], k - from);
	}
	free(sorted);
	return 0;
}

const struct output_kind output_sizes = {
	.file = "clustersizes.csv", .in_copy = true, .end = sizes_end
};
