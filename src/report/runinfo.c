#include <stdlib.h>
#include <string.h>

#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/simd.h"

#include "runinfo.h"

#define MAX_SIZE ((size_t)64 << 20)

static char *
text(struct simd_node o, const char *path)
{
	struct simd_text t = simd_string(simd_path(o, path));

	return t.s != NULL ? xstrndup(t.s, t.len) : NULL;
}

static uint64_t
count(struct simd_node counts, const char *key)
{
	uint64_t n;

	return simd_uint(simd_get(counts, key), &n) ? n : RUNINFO_UNKNOWN;
}

static void
add_pair(struct runinfo_pair **v, size_t *n, struct simd_text name, char *value)
{
	*v = xreallocarray(*v, *n + 1, sizeof(**v));
	(*v)[(*n)++] = (struct runinfo_pair){ xstrndup(name.s, name.len), value };
}

static void
read_pairs(struct runinfo *r, struct simd_node root)
{
	struct simd_iter it = simd_iterate(simd_get(root, "versions"));
	struct simd_text key;
	struct simd_node v;

	while (simd_next(&it, &key, &v)) {
		struct simd_text t = simd_string(v);

		if (t.s != NULL)
			add_pair(&r->versions, &r->nversions, key, xstrndup(t.s, t.len));
	}
	it = simd_iterate(simd_get(root, "stages"));
	while (simd_next(&it, &key, &v)) {
		char *state = text(v, "state");
		double s;

		if (state != NULL && simd_double(simd_get(v, "wall_s"), &s) && s > 0)
			add_pair(&r->stages, &r->nstages, key, xasprintf("%s in %.1f s", state, s));
		else if (state != NULL)
			add_pair(&r->stages, &r->nstages, key, xstrdup(state));
		free(state);
	}
}

/* Of each port: how many hosts were asked, and how many spoke its protocol ("success"). */
static void
read_ports(struct runinfo *r, struct simd_node ports)
{
	for (int row = 0; row < NPORTS; row++) {
		struct simd_node port = simd_get(ports, port_table[row].name), v;
		struct simd_iter it = simd_iterate(port);
		uint64_t n;

		r->asked[row] = r->answered[row] = RUNINFO_UNKNOWN;
		if (simd_type(port) != SIMD_OBJECT)
			continue;
		r->asked[row] = 0;
		while (simd_next(&it, NULL, &v)) {
			if (simd_uint(v, &n))
				r->asked[row] += n;
		}
		r->answered[row] = count(port, "success");
	}
}

/* What the last analysis of the records counted. */
static void
read_analysis(struct runinfo *r, struct simd_node a)
{
	struct simd_node out = simd_get(a, "hosts_out"), v;
	struct simd_iter it = simd_iterate(simd_get(a, "refused"));
	uint64_t n;

	if (simd_type(a) != SIMD_OBJECT)
		return;
	r->scan_date = text(a, "scan_date");
	r->dns = text(a, "dns");
	r->records = count(a, "hosts");
	r->no_key = count(out, "no-key");
	r->wrong_country = count(out, "wrong-country");
	r->no_country = count(out, "no-country");
	r->lines_refused = 0;
	while (simd_next(&it, NULL, &v)) {
		if (simd_uint(v, &n))
			r->lines_refused += n;
	}
}

/* Where the counts are that are not told until read. */
static const size_t counts_of[] = {
	offsetof(struct runinfo, targets),
	offsetof(struct runinfo, probed),
	offsetof(struct runinfo, hits),
	offsetof(struct runinfo, out_of_country),
	offsetof(struct runinfo, refused),
	offsetof(struct runinfo, opted_out),
	offsetof(struct runinfo, records),
	offsetof(struct runinfo, given_up),
	offsetof(struct runinfo, no_key),
	offsetof(struct runinfo, wrong_country),
	offsetof(struct runinfo, no_country),
	offsetof(struct runinfo, lines_refused),
};

void
runinfo_read(struct runinfo *r, const char *dir)
{
	char *path = path_join(dir, "run.json"), *data;
	struct simd_parser *p = simd_parser_new(MAX_SIZE);
	struct simd_node root, counts;
	size_t len;

	*r = (struct runinfo){ .there = false };
	for (size_t i = 0; i < sizeof(counts_of) / sizeof(counts_of[0]); i++)
		*(uint64_t *)(void *)((char *)r + counts_of[i]) = RUNINFO_UNKNOWN;
	read_ports(r, (struct simd_node){ NULL, 0 });
	data = file_read(path, MAX_SIZE, &len);
	if (data != NULL && simd_parse_copy(p, data, len, &root) == SIMD_OK) {
		r->there = true;
		simd_bool(simd_get(root, "anonymised"), &r->anonymised);
		r->name = text(root, "name");
		r->state = text(root, "state");
		r->created = text(root, "created");
		r->ended = text(root, "ended");
		counts = simd_get(root, "counts");
		r->targets = count(counts, "targets_v4");
		r->probed = count(counts, "probed");
		r->hits = count(counts, "hits");
		r->out_of_country = count(counts, "out_of_country");
		r->refused = count(counts, "refused");
		r->opted_out = count(counts, "opted_out");
		r->records = count(counts, "records");
		r->given_up = count(counts, "given_up");
		read_ports(r, simd_get(counts, "ports"));
		simd_double(simd_path(root, "scan.rate_pps"), &r->rate_pps);
		simd_double(simd_path(root, "scan.rate_hosts"), &r->rate_hosts);
		read_pairs(r, root);
		read_analysis(r, simd_get(root, "analysis"));
	} else if (data != NULL) {
		log_warn("%s is not understood: what was scanned stays unknown", path);
	}
	free(data);
	simd_parser_free(p);
	free(path);
}

bool
runinfo_tells_scan(const struct runinfo *r)
{
	return r->nstages > 0 || r->probed != RUNINFO_UNKNOWN || r->hits != RUNINFO_UNKNOWN ||
	       r->rate_pps > 0;
}

void
runinfo_drop_stage(struct runinfo *r, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nstages; i++) {
		if (strcmp(r->stages[i].name, name) != 0) {
			r->stages[n++] = r->stages[i];
			continue;
		}
		free(r->stages[i].name);
		free(r->stages[i].value);
	}
	r->nstages = n;
}

void
runinfo_fini(struct runinfo *r)
{
	for (size_t i = 0; i < r->nversions; i++) {
		free(r->versions[i].name);
		free(r->versions[i].value);
	}
	for (size_t i = 0; i < r->nstages; i++) {
		free(r->stages[i].name);
		free(r->stages[i].value);
	}
	free(r->versions);
	free(r->stages);
	free(r->name);
	free(r->state);
	free(r->created);
	free(r->ended);
	free(r->scan_date);
	free(r->dns);
}
