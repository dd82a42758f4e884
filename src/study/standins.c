/* Pure: one host in place of those of a cluster that are not in the copy, for its pictures. */
#include <stdlib.h>

#include "survey/mem.h"
#include "survey/transform.h"

/* An address like no other: pseudonyms of hosts are longer. */
static struct ip
stand_in_address(uint32_t i)
{
	struct ip ip = { .family = IP_ALIAS };

	for (int k = 0; k < 4; k++)
		ip.a[k] = (uint8_t)(i >> (24 - 8 * k));
	ip.a[15] = 4;
	return ip;
}

static void
add_stand_in(struct study_builder *b, const struct study *st, uint32_t i, uint32_t as)
{
	const struct study_others *o = &st->others[i];
	struct ip ip = stand_in_address(i);
	uint32_t host = study_builder_address(b, &ip);
	struct study_host *h = study_builder_host(b, host);

	h->record = UINT64_MAX; /* after all others */
	h->as = as;
	study_builder_join(b, host, study_builder_find(b, &st->hosts[o->host].ip));
	for (uint32_t k = o->keys.at; k < o->keys.at + o->keys.n; k++) {
		const struct study_key *key = &st->keys[st->others_keys[k].key];
		struct study_grab g;

		if (!key->named)
			continue;
		g = study_grab_plain(
		    host, st->others_keys[k].port, study_builder_key(b, key->fp, key->kind));
		study_builder_grab(b, &g);
	}
}

struct study *
study_stand_ins(const struct study *st)
{
	static const struct study_map identity;
	struct study_builder *b = study_builder_new();
	struct study *made;
	uint32_t *ids, as;

	study_builder_parts(b, st->parts);
	study_builder_add_study(b, st, &identity);
	as = study_builder_as(b, 0, "others", sizeof("others") - 1);
	for (uint32_t i = 0; i < st->nothers; i++)
		add_stand_in(b, st, i, as);
	made = study_builder_finish(b, NULL);
	if (made->nclusters != st->nclusters || made->nothers != st->nothers) {
		study_free(
		    made); /* the file says that others of one cluster have keys of another */
		return NULL;
	}
	ids = xcalloc((size_t)st->nclusters + 1, sizeof(*ids));
	for (uint32_t i = 0; i < st->nclusters; i++)
		ids[i] = st->clusters[i].id;
	study_cluster_ids(made, ids);
	free(ids);
	made->nstand_ins = st->nothers;
	return made;
}
