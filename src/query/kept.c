#include <stdlib.h>

#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/mem.h"
#include "survey/port.h"

#include "kept.h"

bool
kept_host(const struct kept *k, const struct study *st, uint32_t host)
{
	const struct study_host *h = &st->hosts[host];

	for (size_t i = 0; h->out == OUT_NONE && i < k->n; i++) {
		if (st->ases[h->as].asn == k->asns[i])
			return true;
	}
	return false;
}

uint32_t
kept_missing(const struct kept *k, const struct study *st)
{
	for (size_t i = 0; i < k->n; i++) {
		struct kept one = { &k->asns[i], 1 };
		bool found = false;

		for (uint32_t h = 0; h < st->nhosts && !found; h++)
			found = kept_host(&one, st, h);
		if (!found)
			return k->asns[i];
	}
	return 0;
}

/* Ports on which other hosts show keys that kept hosts of the cluster show, too, as bits. */
static uint32_t
ports_of_others(const struct kept *k, const struct study *st, const struct study_cluster *c)
{
	uint32_t ports = 0;

	for (uint32_t i = 0; i < c->keys.n; i++) {
		const struct study_key *key = &st->keys[study_cluster_key(st, c, i)];
		const struct study_use *u = &st->uses[key->uses.at];
		uint32_t of_others = 0;
		bool is_kept = false;

		for (uint32_t j = 0; j < key->uses.n; j++) {
			if (kept_host(k, st, u[j].host))
				is_kept = true;
			else
				of_others |= UINT32_C(1) << u[j].port;
		}
		if (is_kept)
			ports |= of_others;
	}
	return ports;
}

static void
write_row(struct jsonw *w, const struct kept *k, const struct study *st,
    const struct study_cluster *c, uint8_t *as_seen)
{
	char ip[IP_STRLEN];
	uint32_t hosts = 0, ases = 0, ports = ports_of_others(k, st, c);

	jsonw_object(w);
	jsonw_key(w, "kept");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		uint32_t host = study_member(st, c, i);

		if (kept_host(k, st, host)) {
			jsonw_string(w, ip_format(&st->hosts[host].ip, ip));
			continue;
		}
		hosts++;
		ases += study_as_known(st, st->hosts[host].as) && as_seen[st->hosts[host].as] == 0;
		as_seen[st->hosts[host].as] = 1;
	}
	for (uint32_t i = 0; i < c->hosts.n; i++)
		as_seen[st->hosts[study_member(st, c, i)].as] = 0;
	jsonw_end_array(w);
	jsonw_key(w, "hosts");
	jsonw_uint(w, hosts);
	jsonw_key(w, "ases");
	jsonw_uint(w, ases);
	jsonw_key(w, "ports");
	jsonw_array(w);
	for (size_t i = 0; i < NPORTS; i++) {
		if ((ports >> i & 1) != 0)
			jsonw_uint(w, port_table[i].port);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
}

static bool
has_kept(const struct kept *k, const struct study *st, const struct study_cluster *c)
{
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		if (kept_host(k, st, study_member(st, c, i)))
			return true;
	}
	return false;
}

static int
compare_sizes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x < y) - (x > y);
}

static void
write_others(struct jsonw *w, const struct kept *k, const struct study *st)
{
	uint8_t *as_seen = xcalloc(st->nases + 1, sizeof(*as_seen));
	uint32_t *sizes = xcalloc(st->nclusters + 1, sizeof(*sizes));
	size_t nsizes = 0;

	jsonw_object(w);
	jsonw_key(w, "others");
	jsonw_array(w);
	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];

		if (has_kept(k, st, c))
			write_row(w, k, st, c, as_seen);
		else
			sizes[nsizes++] = c->hosts.n;
	}
	jsonw_end_array(w);
	/* By size, not by number: numbers follow the addresses. */
	qsort(sizes, nsizes, sizeof(*sizes), compare_sizes);
	jsonw_key(w, "sizes");
	jsonw_array(w);
	for (size_t i = 0; i < nsizes; i++)
		jsonw_uint(w, sizes[i]);
	jsonw_end_array(w);
	jsonw_end_object(w);
	jsonw_newline(w);
	free(sizes);
	free(as_seen);
}

int
kept_write_others(const struct kept *k, const struct study *st, const char *dir)
{
	char *path = path_join(dir, "others.json");
	struct outfile out;
	struct jsonw w;
	int rc = outfile_open(&out, path);

	if (rc == 0) {
		jsonw_init(&w, out.f);
		write_others(&w, k, st);
		if ((rc = jsonw_flush(&w)) == 0)
			rc = outfile_commit(&out);
		else
			outfile_abort(&out);
		jsonw_fini(&w);
	}
	free(path);
	return rc;
}
