/* clusters.json: one cluster a line, with every key of its hosts and where it stands. */
#include <stdlib.h>

#include "survey/explain_json.h"
#include "survey/mem.h"

#include "writer.h"

static void
write_hosts(struct jsonw *w, const struct study *st, const struct study_cluster *c)
{
	char ip[IP_STRLEN];

	JSONW_KEY(w, "hosts");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		const struct study_host *h = &st->hosts[study_member(st, c, i)];

		jsonw_object(w);
		JSONW_KEY(w, "ip");
		jsonw_string(w, ip_format(&h->ip, ip));
		JSONW_KEY(w, "ip_record");
		jsonw_uint(w, h->record);
		JSONW_KEY(w, "asn");
		jsonw_uint(w, st->ases[h->as].asn);
		JSONW_KEY(w, "as");
		jsonw_string(w, study_text_or_empty(st, h->as_name));
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
write_key(struct jsonw *w, const struct study *st, uint32_t key)
{
	const struct study_key *k = &st->keys[key];
	char ip[IP_STRLEN];

	jsonw_object(w);
	JSONW_KEY(w, "fp");
	if (k->named)
		jsonw_hex(w, k->fp, KEY_LEN);
	else
		jsonw_null(w);
	JSONW_KEY(w, "kind");
	jsonw_string(w, k->kind == KEY_SSH_HOST ? "ssh" : "tls");
	JSONW_KEY(w, "at");
	jsonw_array(w);
	for (uint32_t i = k->uses.at; i < k->uses.at + k->uses.n; i++) {
		jsonw_array(w);
		jsonw_string(w, ip_format(&st->hosts[st->uses[i].host].ip, ip));
		jsonw_string(w, port_table[st->uses[i].port].name);
		jsonw_end_array(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
}

static void
write_may_be(struct jsonw *w, struct explainer *e, uint32_t cluster)
{
	struct explanation v[NWHYS];
	bool smelly;
	unsigned n = explainer_cluster(e, cluster, v, &smelly);

	explain_members(w, v, n, smelly);
	explanations_fini(v, n);
}

static int
clusters_end(struct writer *o, char **error)
{
	const struct study *st = o->st;
	bool *seen = xcalloc((size_t)st->nkeys + 1, sizeof(*seen));
	struct jsonw *w = &o->w;

	(void)error;
	jsonw_array(w);
	for (uint32_t k = 0; k < st->nclusters; k++) {
		const struct study_cluster *c = &st->clusters[k];

		buf_adds(&w->out, k == 0 ? "\n" : ",\n");
		w->comma = false;
		jsonw_object(w);
		JSONW_KEY(w, "id");
		jsonw_uint(w, c->id);
		JSONW_KEY(w, "size");
		jsonw_uint(w, c->hosts.n);
		write_hosts(w, st, c);
		JSONW_KEY(w, "keys");
		jsonw_array(w);
		for (uint32_t i = 0; i < c->hosts.n; i++) {
			const struct study_host *h = &st->hosts[study_member(st, c, i)];

			for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++) {
				uint32_t key = st->grabs[g].key;

				if (!seen[key])
					write_key(w, st, key);
				seen[key] = true;
			}
		}
		jsonw_end_array(w);
		write_may_be(w, o->explainer, k);
		jsonw_end_object(w);
		o->n++;
	}
	buf_adds(&w->out, "\n");
	jsonw_end_array(w);
	jsonw_newline(w);
	free(seen);
	return 0;
}

const struct output_kind output_clusters = {
	.file = "clusters.json", .in_copy = true, .end = clusters_end
};
