/* clusters.json: one cluster a line, with every key of its hosts and where it stands. */
#include <stdlib.h>

#include "survey/mem.h"

#include "writer.h"

static void
write_hosts(struct jsonw *w, const struct output_study *s, uint32_t k)
{
	char ip[IP_STRLEN];

	jsonw_key(w, "hosts");
	jsonw_array(w);
	for (uint32_t i = s->clusters->first[k]; i < s->clusters->first[k + 1]; i++) {
		const struct host *h = &s->set->hosts[s->clusters->members[i]];

		jsonw_object(w);
		jsonw_key(w, "ip");
		jsonw_string(w, ip_format(&h->ip, ip));
		jsonw_key(w, "ip_record");
		jsonw_uint(w, h->record);
		jsonw_key(w, "asn");
		jsonw_uint(w, h->asn);
		jsonw_key(w, "as");
		jsonw_string(w, h->as_name != NULL ? h->as_name : "");
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
write_key(struct jsonw *w, const struct output_study *s, uint32_t key)
{
	const struct clusters *c = s->clusters;
	char ip[IP_STRLEN];

	jsonw_object(w);
	jsonw_key(w, "fp");
	jsonw_hex(w, s->set->keys[key], KEY_LEN);
	jsonw_key(w, "kind");
	jsonw_string(w, s->set->key_kinds[key] == KEY_SSH_HOST ? "ssh" : "tls");
	jsonw_key(w, "at");
	jsonw_array(w);
	for (uint32_t i = c->use_first[key]; i < c->use_first[key + 1]; i++) {
		jsonw_array(w);
		jsonw_string(w, ip_format(&s->set->hosts[c->uses[i].host].ip, ip));
		jsonw_string(w, port_table[c->uses[i].port].name);
		jsonw_end_array(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
}

static int
clusters_end(struct writer *o, char **error)
{
	const struct output_study *s = o->s;
	const struct clusters *c = s->clusters;
	uint32_t *seen = xcalloc((size_t)c->nkeys + 1, sizeof(*seen));
	struct jsonw *w = &o->w;

	(void)error;
	jsonw_array(w);
	for (uint32_t k = 1; k <= c->n; k++) {
		buf_adds(&w->out, k == 1 ? "\n" : ",\n");
		w->comma = false;
		jsonw_object(w);
		jsonw_key(w, "id");
		jsonw_uint(w, k);
		jsonw_key(w, "size");
		jsonw_uint(w, c->size[k]);
		write_hosts(w, s, k);
		jsonw_key(w, "keys");
		jsonw_array(w);
		for (uint32_t i = c->first[k]; i < c->first[k + 1]; i++) {
			const struct host *h = &s->set->hosts[c->members[i]];

			for (uint32_t g = 0; g < h->ngrabs; g++) {
				if (seen[h->grabs[g].key]++ == 0)
					write_key(w, s, h->grabs[g].key);
			}
		}
		jsonw_end_array(w);
		jsonw_end_object(w);
		o->n++;
	}
	buf_adds(&w->out, "\n");
	jsonw_end_array(w);
	jsonw_newline(w);
	free(seen);
	return 0;
}

const struct output_kind output_clusters = { .file = "clusters.json", .end = clusters_end };
