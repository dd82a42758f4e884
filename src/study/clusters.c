/* Reads clusters.json and verdicts.ndjson. */
#include <string.h>

#include "survey/port.h"

#include "study_read.h"

static bool
get_u32(struct simd_node object, const char *key, uint32_t *v)
{
	uint64_t n;

	if (!simd_uint(simd_get(object, key), &n) || n > UINT32_MAX)
		return false;
	*v = (uint32_t)n;
	return true;
}

static void
read_host(struct study *st, struct simd_node h, uint32_t id)
{
	struct simd_text ip = simd_string(simd_get(h, "ip"));
	struct simd_text as = simd_string(simd_get(h, "as"));
	uint32_t i, record = 0, asn = 0;

	if (ip.s == NULL || ip.len == 0) {
		st->bad++;
		return;
	}
	get_u32(h, "ip_record", &record);
	get_u32(h, "asn", &asn);
	i = study_host(st, ip.s, ip.len);
	st->hosts[i].record = record;
	st->hosts[i].as = study_as(st, asn, as.s != NULL ? as.s : "", as.s != NULL ? as.len : 0);
	study_cluster(st, id, i);
}

/* ["198.18.10.11","p25"] */
static void
read_use(struct study *st, struct simd_node at, struct simd_text fp)
{
	struct simd_iter it = simd_iterate(at);
	struct simd_node node;
	struct simd_text ip = { NULL, 0 }, port = { NULL, 0 };
	uint32_t host;
	int row;

	if (simd_next(&it, NULL, &node))
		ip = simd_string(node);
	if (simd_next(&it, NULL, &node))
		port = simd_string(node);
	if (ip.s == NULL || port.s == NULL || (row = port_index_by_name(port.s, port.len)) == -1 ||
	    (host = study_find_host(st, ip.s, ip.len)) == STUDY_NONE) {
		st->bad++;
		return;
	}
	study_use(st, host, port_table[row].port, fp.s, fp.len);
}

static void
read_cluster(struct study *st, struct simd_node c, void *arg)
{
	struct simd_node node, key;
	struct simd_iter keys, it;
	uint32_t id;

	(void)arg;
	if (!get_u32(c, "id", &id) || id == 0) {
		st->bad++;
		return;
	}
	it = simd_iterate(simd_get(c, "hosts"));
	while (simd_next(&it, NULL, &node))
		read_host(st, node, id);
	keys = simd_iterate(simd_get(c, "keys"));
	while (simd_next(&keys, NULL, &key)) {
		struct simd_text fp = simd_string(simd_get(key, "fp"));

		if (fp.s == NULL) {
			st->bad++;
			continue;
		}
		it = simd_iterate(simd_get(key, "at"));
		while (simd_next(&it, NULL, &node))
			read_use(st, node, fp);
	}
}

void
study_read_clusters(struct study *st, const char *text, size_t len)
{
	study_elements(st, text, len, read_cluster, NULL);
	st->found.clusters = true;
}

static enum study_verdict
verdict_of(struct simd_text t)
{
	for (int v = 0; v < STUDY_NVERDICTS; v++) {
		const char *name = study_verdict_name((enum study_verdict)v);

		if (t.s != NULL && t.len == strlen(name) && memcmp(t.s, name, t.len) == 0)
			return (enum study_verdict)v;
	}
	return STUDY_UNKNOWN;
}

static void
read_name(struct study *st, uint32_t host, struct simd_node n)
{
	struct simd_text key = simd_string(simd_get(n, "key"));
	struct simd_text name = simd_string(simd_get(n, "name"));
	struct simd_iter it = simd_iterate(simd_get(n, "addresses"));
	struct simd_text address = { NULL, 0 };
	struct simd_node first;
	struct study_name *sn;

	if (key.s == NULL || name.s == NULL)
		return;
	if (simd_next(&it, NULL, &first))
		address = simd_string(first);
	sn = study_add_name(st, host);
	sn->key = study_text(st, key.s, key.len);
	sn->name = study_text(st, name.s, name.len);
	sn->address = address.s != NULL ? study_text(st, address.s, address.len) : NULL;
	sn->verdict = (uint8_t)verdict_of(simd_string(simd_get(n, "verdict")));
}

struct verdict_reader {
	bool names;
};

static void
read_verdict(struct study *st, struct simd_node v, void *arg)
{
	const struct verdict_reader *r = arg;
	struct simd_text ip = simd_string(simd_get(v, "ip"));
	struct simd_iter it;
	struct simd_node n;
	uint32_t host;

	if (ip.s == NULL || (host = study_find_host(st, ip.s, ip.len)) == STUDY_NONE)
		return;
	st->hosts[host].verdict = (uint8_t)verdict_of(simd_string(simd_get(v, "verdict")));
	st->hosts[host].has_verdict = true;
	if (!r->names)
		return;
	it = simd_iterate(simd_get(v, "names"));
	while (simd_next(&it, NULL, &n))
		read_name(st, host, n);
}

/* One object a line; as a sequence of objects it reads like an array's inside. */
void
study_read_verdicts(struct study *st, const char *text, size_t len, bool names)
{
	struct verdict_reader r = { names };

	study_elements(st, text, len, read_verdict, &r);
	st->found.verdicts = true;
}
