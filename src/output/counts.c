/* What a study holds, counted. */
#include <string.h>

#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/output.h"
#include "survey/text.h"

void
output_count(const struct study *st, struct output_counts *c)
{
	memset(c, 0, sizeof(*c));
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];

		c->hosts[h->out]++;
		if (h->out != OUT_NONE)
			continue;
		c->verdicts[h->verdict]++;
		for (uint32_t k = h->names.at; k < h->names.at + h->names.n; k++) {
			if (st->names[k].verdict < NAME_NVERDICTS)
				c->names[st->names[k].verdict]++;
			else
				c->not_looked_up += st->names[k].source != NAME_RDNS;
		}
	}
	for (uint32_t k = 0; k < st->nkeys; k++) {
		c->keys += st->keys[k].uses.n > 0;
		c->public_keys[st->keys[k].public_key]++;
	}
	for (uint32_t k = 0; k < st->nclusters; k++) {
		if (st->clusters[k].hosts.n > c->largest)
			c->largest = st->clusters[k].hosts.n;
	}
}

void
output_counts_json(struct jsonw *w, const struct study *st, const struct output_counts *c)
{
	jsonw_member_uint(w, "hosts", st->nhosts);
	jsonw_member_uint(w, "hosts_in", c->hosts[OUT_NONE]);
	jsonw_key(w, "hosts_out");
	jsonw_object(w);
	for (int out = OUT_NO_KEY; out < HOST_NOUTS; out++)
		jsonw_member_uint(w, host_out_name((enum host_out)out), c->hosts[out]);
	jsonw_end_object(w);
	jsonw_member_uint(w, "keys", c->keys);
	jsonw_key(w, "public_keys");
	jsonw_object(w);
	for (int r = 0; r < NPUBLIC_RESULTS; r++)
		jsonw_member_uint(w, public_result_name((enum public_result)r), c->public_keys[r]);
	jsonw_end_object(w);
	jsonw_member_uint(w, "certs", st->ncerts);
	jsonw_member_uint(w, "clusters", st->nclusters);
	jsonw_member_uint(w, "hosts_in_clusters", st->nmembers);
	jsonw_member_uint(w, "largest_cluster", c->largest);
	jsonw_key(w, "verdicts");
	jsonw_object(w);
	for (int v = 0; v < HOST_NVERDICTS; v++)
		jsonw_member_uint(w, host_verdict_name((enum host_verdict)v), c->verdicts[v]);
	jsonw_end_object(w);
	jsonw_key(w, "names");
	jsonw_object(w);
	for (int v = 0; v < NAME_NVERDICTS; v++)
		jsonw_member_uint(w, name_verdict_name((enum name_verdict)v), c->names[v]);
	jsonw_member_uint(w, "not_looked_up", c->not_looked_up);
	jsonw_end_object(w);
}

void
output_counts_log(const struct study *st, const struct output_counts *c)
{
	log_info("%u %s: %llu %s part, %llu without a key, %llu outside the country, %llu of "
		 "unknown country",
	    st->nhosts, text_noun(st->nhosts, "host", "hosts"),
	    (unsigned long long)c->hosts[OUT_NONE], text_noun(c->hosts[OUT_NONE], "takes", "take"),
	    (unsigned long long)c->hosts[OUT_NO_KEY],
	    (unsigned long long)c->hosts[OUT_WRONG_COUNTRY],
	    (unsigned long long)c->hosts[OUT_NO_COUNTRY]);
	log_info("%llu %s; %u %s with %u %s; names: %llu %s good, %llu bad, %llu unknown, "
		 "%llu without one",
	    (unsigned long long)c->keys, text_noun(c->keys, "key", "keys"), st->nclusters,
	    text_noun(st->nclusters, "cluster", "clusters"), st->nmembers,
	    text_noun(st->nmembers, "host", "hosts"), (unsigned long long)c->verdicts[HOST_GOOD],
	    text_noun(c->verdicts[HOST_GOOD], "host", "hosts"),
	    (unsigned long long)c->verdicts[HOST_BAD],
	    (unsigned long long)c->verdicts[HOST_UNKNOWN],
	    (unsigned long long)c->verdicts[HOST_NONE]);
}
