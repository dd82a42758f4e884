/*
 * Reads collisions.json and all-key-fingerprints.json, ours and those of
 * earlier studies.
 *
 * A collisions file that stands alone is enough for a study.  Its clusters
 * are rebuilt from the pairs (rcs), because the numbers in old files split
 * some clusters; hosts whose list of pairs was cut are joined by number too.
 */
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/port.h"

#include "study_read.h"

struct pairs {
	uint32_t *parent; /* of each host of the study: union-find */
	size_t n, cap;
	uint32_t *by_number; /* clusternum of truncated hosts: host + 1 */
	size_t cap_numbers;
	uint32_t *print; /* host × row of port: key + 1 of fprints */
	uint32_t *unnamed; /* host × row of port: union-find of links by other keys */
};

static bool
is_text(struct simd_text t, const char *s)
{
	return t.s != NULL && t.len == strlen(s) && memcmp(t.s, s, t.len) == 0;
}

static bool
ends_with(struct simd_text t, const char *s)
{
	size_t n = strlen(s);

	return t.len >= n && memcmp(t.s + t.len - n, s, n) == 0;
}

static uint8_t
tri(struct simd_node object, const char *key)
{
	bool b;

	if (!simd_bool(simd_get(object, key), &b))
		return STUDY_ABSENT;
	return b ? STUDY_YES : STUDY_NO;
}

static const char *
keep(struct study *st, struct simd_node object, const char *key)
{
	struct simd_text t = simd_string(simd_get(object, key));

	return t.s != NULL ? study_text(st, t.s, t.len) : NULL;
}

static void
read_port(struct study *st, uint32_t host, uint16_t port, struct simd_node a)
{
	struct simd_iter it = simd_iterate(a);
	struct study_port *p;
	struct simd_node node;
	uint64_t n;

	if (!simd_next(&it, NULL, &node))
		return; /* {}: no key there */
	p = study_add_port(st, host, port);
	if (simd_uint(simd_get(a, "cipher_suite"), &n) && n <= UINT16_MAX)
		p->cipher = (uint16_t)n;
	if (simd_uint(simd_get(a, "rsalen"), &n) && n <= UINT32_MAX)
		p->bits = (uint32_t)n;
	if ((p->alg = keep(st, a, "alg")) == NULL && (p->alg = keep(st, a, "ecdsacurve")) == NULL)
		p->alg = keep(st, a, "spkialg");
	p->trusted = tri(a, "browser_trusted");
	p->self_signed = tri(a, "self_signed");
	p->timely = tri(a, "timely");
	st->found.facts = true;
}

static bool
listed(struct simd_node list, struct simd_text name)
{
	struct simd_iter it = simd_iterate(list);
	struct simd_node n;

	while (simd_next(&it, NULL, &n)) {
		struct simd_text t = simd_string(n);

		if (t.s != NULL && t.len == name.len && memcmp(t.s, name.s, t.len) == 0)
			return true;
	}
	return false;
}

static bool
is_name_key(struct simd_text key)
{
	if (is_text(key, "allbad") || is_text(key, "besty") || is_text(key, "unknown"))
		return false;
	return !ends_with(key, "-ip") && !ends_with(key, "-seen") && !ends_with(key, "_seen");
}

static void
read_names(struct study *st, uint32_t host, struct simd_node nameset)
{
	struct simd_node good = simd_get(nameset, "besty"), unknown = simd_get(nameset, "unknown");
	struct simd_iter it = simd_iterate(nameset);
	struct study_host *h = &st->hosts[host];
	struct simd_text key;
	struct simd_node value;
	struct buf k;
	bool any[STUDY_NVERDICTS] = { false };

	if (h->has_verdict)
		return; /* another file gave the same names */
	buf_init(&k);
	while (simd_next(&it, &key, &value)) {
		struct simd_text name = simd_string(value), ip;
		struct study_name *sn;

		if (name.s == NULL || name.len == 0 || !is_name_key(key))
			continue;
		buf_clear(&k);
		buf_add(&k, key.s, key.len);
		sn = study_add_name(st, host);
		sn->key = study_text(st, key.s, key.len);
		sn->name = study_text(st, name.s, name.len);
		buf_adds(&k, "-ip");
		ip = simd_string(simd_get(nameset, k.data));
		sn->address = NULL;
		if (listed(good, key)) {
			sn->verdict = STUDY_GOOD;
		} else if (ip.s != NULL) {
			sn->verdict = STUDY_BAD;
			sn->address = study_text(st, ip.s, ip.len);
		} else {
			sn->verdict = listed(unknown, key) ? STUDY_UNKNOWN : STUDY_NXDOMAIN;
		}
		any[sn->verdict] = true;
	}
	buf_fini(&k);
	if (any[STUDY_GOOD])
		h->verdict = STUDY_GOOD;
	else if (any[STUDY_UNKNOWN])
		h->verdict = STUDY_UNKNOWN;
	else
		h->verdict = any[STUDY_BAD] || any[STUDY_NXDOMAIN] ? STUDY_BAD : STUDY_NO_NAME;
	h->has_verdict = simd_type(nameset) == SIMD_OBJECT;
}

/* The host of an entry with its AS, keys, facts and names; STUDY_NONE when it has no address. */
static uint32_t
read_entry(struct study *st, struct simd_node e)
{
	struct simd_text ip = simd_string(simd_get(e, "ip"));
	struct simd_text as = simd_string(simd_get(e, "asn"));
	struct simd_node analysis = simd_get(e, "analysis"), node;
	struct simd_iter it = simd_iterate(simd_get(e, "fprints"));
	struct simd_text key;
	uint64_t n;
	uint32_t host;
	int row;

	if (ip.s == NULL || ip.len == 0) {
		st->bad++;
		return STUDY_NONE;
	}
	host = study_host(st, ip.s, ip.len);
	if (simd_uint(simd_get(e, "ip_record"), &n) && n < UINT32_MAX)
		st->hosts[host].record = (uint32_t)n;
	if (st->hosts[host].as == STUDY_NONE) { /* clusters.json has the name as delivered */
		if (!simd_uint(simd_get(e, "asndec"), &n) || n > UINT32_MAX)
			n = 0;
		st->hosts[host].as = study_as(
		    st, (uint32_t)n, as.s != NULL ? as.s : "", as.s != NULL ? as.len : 0);
	}
	while (simd_next(&it, &key, &node)) {
		struct simd_text fp = simd_string(node);

		if (fp.s != NULL && fp.len > 0 && (row = port_index_by_name(key.s, key.len)) != -1)
			study_use(st, host, port_table[row].port, fp.s, fp.len);
	}
	if (!st->hosts[host].has_verdict)
		it = simd_iterate(analysis);
	while (simd_next(&it, &key, &node)) {
		if ((row = port_index_by_name(key.s, key.len)) != -1)
			read_port(st, host, port_table[row].port, node);
	}
	read_names(st, host, simd_get(analysis, "nameset"));
	return host;
}

static void
read_host_entry(struct study *st, struct simd_node e, void *arg)
{
	(void)arg;
	read_entry(st, e);
}

void
study_read_hosts(struct study *st, const char *text, size_t len)
{
	study_elements(st, text, len, read_host_entry, NULL);
	st->found.all_keys = true;
}

static void
pairs_room(struct pairs *p, uint32_t host)
{
	mem_grow(&p->parent, &p->cap, (size_t)host + 1, sizeof(*p->parent));
	for (; p->n <= host; p->n++)
		p->parent[p->n] = (uint32_t)p->n;
}

static uint32_t
root_of(uint32_t *parent, uint32_t i)
{
	while (parent[i] != i)
		i = parent[i] = parent[parent[i]];
	return i;
}

static void
join(uint32_t *parent, uint32_t a, uint32_t b)
{
	a = root_of(parent, a);
	b = root_of(parent, b);
	if (a < b)
		parent[b] = a;
	else
		parent[a] = b;
}

static void
read_pairs(struct study *st, struct simd_node e, void *arg)
{
	struct pairs *p = arg;
	struct simd_iter it = simd_iterate(simd_get(e, "rcs"));
	struct simd_node partner;
	struct simd_text record;
	uint32_t host = read_entry(st, e);
	uint64_t number;
	bool truncated = false;

	if (host == STUDY_NONE)
		return;
	pairs_room(p, host);
	while (simd_next(&it, &record, &partner)) {
		struct simd_text ip = simd_string(simd_get(partner, "ip"));
		uint32_t other;

		if (ip.s == NULL || ip.len == 0) {
			st->bad++;
			continue;
		}
		other = study_host(st, ip.s, ip.len);
		pairs_room(p, other);
		join(p->parent, host, other);
	}
	simd_bool(simd_get(e, "rcs_truncated"), &truncated);
	if (!truncated || !simd_uint(simd_get(e, "clusternum"), &number) || number == 0 ||
	    number >= UINT32_MAX / 4)
		return;
	if (number >= p->cap_numbers) {
		size_t had = p->cap_numbers;

		mem_grow(&p->by_number, &p->cap_numbers, (size_t)number + 1, sizeof(*p->by_number));
		memset(p->by_number + had, 0, (p->cap_numbers - had) * sizeof(*p->by_number));
	}
	if (p->by_number[number] != 0)
		join(p->parent, host, p->by_number[number] - 1);
	else
		p->by_number[number] = host + 1;
}

/* "p25==p110;p25==p25;": the next pair, as rows of the port table; false at the end. */
static bool
next_collision(struct simd_text *t, int *local, int *remote)
{
	const char *end = memchr(t->s, ';', t->len), *eq;
	size_t len = end != NULL ? (size_t)(end - t->s) : t->len;

	if (len == 0)
		return false;
	*local = *remote = -1;
	if ((eq = memmem(t->s, len, "==", 2)) != NULL) {
		*local = port_index_by_name(t->s, (size_t)(eq - t->s));
		*remote = port_index_by_name(eq + 2, len - (size_t)(eq + 2 - t->s));
	}
	t->s += len + (end != NULL);
	t->len -= len + (end != NULL);
	return true;
}

/*
 * fprints names one key a port; a link through another key of a port shows
 * only in the pairs.  Such a link becomes a key without a fingerprint.
 */
static void
find_unnamed(struct study *st, struct simd_node e, void *arg)
{
	struct pairs *p = arg;
	struct simd_text ip = simd_string(simd_get(e, "ip"));
	struct simd_iter it = simd_iterate(simd_get(e, "rcs"));
	struct simd_node partner;
	uint32_t host;

	if (ip.s == NULL || (host = study_find_host(st, ip.s, ip.len)) == STUDY_NONE)
		return;
	while (simd_next(&it, NULL, &partner)) {
		struct simd_text other_ip = simd_string(simd_get(partner, "ip"));
		struct simd_text colls = simd_string(simd_get(partner, "str_colls"));
		uint32_t other;
		int local, remote;

		if (other_ip.s == NULL || colls.s == NULL ||
		    (other = study_find_host(st, other_ip.s, other_ip.len)) == STUDY_NONE)
			continue;
		while (next_collision(&colls, &local, &remote)) {
			if (local == -1 || remote == -1) {
				st->bad++;
				continue;
			}
			uint32_t a = host * NPORTS + (uint32_t)local;
			uint32_t b = other * NPORTS + (uint32_t)remote;

			if (p->print[a] == 0 || p->print[a] != p->print[b])
				join(p->unnamed, a, b);
		}
	}
}

static void
add_unnamed(struct study *st, struct pairs *p, const char *text, size_t len)
{
	size_t n = (size_t)st->nhosts * NPORTS;
	uint32_t *count = xcalloc(n + 1, sizeof(*count));
	struct buf fp;

	p->print = xcalloc(n + 1, sizeof(*p->print));
	p->unnamed = xcalloc(n + 1, sizeof(*p->unnamed));
	for (uint32_t i = 0; i < st->nuses; i++) {
		const struct study_use *u = &st->uses[i];

		p->print[u->host * NPORTS + (uint32_t)port_index(u->port)] = u->key + 1;
	}
	for (uint32_t i = 0; i < n; i++)
		p->unnamed[i] = i;
	study_elements(st, text, len, find_unnamed, p);
	for (uint32_t i = 0; i < n; i++)
		count[root_of(p->unnamed, i)]++;
	buf_init(&fp);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t r = root_of(p->unnamed, i);

		if (count[r] < 2)
			continue;
		buf_clear(&fp);
		buf_printf(&fp, "%c%u", STUDY_UNNAMED, r);
		study_use(st, i / NPORTS, port_table[i % NPORTS].port, fp.data, fp.len);
	}
	buf_fini(&fp);
	free(count);
	free(p->print);
	free(p->unnamed);
}

struct component {
	uint32_t root, low;
};

static int
by_low(const void *pa, const void *pb)
{
	const struct component *a = pa, *b = pb;

	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return a->root < b->root ? -1 : a->root > b->root;
}

/* Number the components of two or more hosts by their lowest record. */
static void
number_clusters(struct study *st, struct pairs *p)
{
	struct component *c = xcalloc((size_t)st->nhosts + 1, sizeof(*c));
	uint32_t *size = xcalloc((size_t)st->nhosts + 1, sizeof(*size));
	uint32_t *low = xcalloc((size_t)st->nhosts + 1, sizeof(*low));
	uint32_t n = 0;

	for (uint32_t i = 0; i < st->nhosts; i++) {
		uint32_t r = root_of(p->parent, i);

		if (size[r]++ == 0 || st->hosts[i].record < low[r])
			low[r] = st->hosts[i].record;
	}
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (p->parent[i] == i && size[i] > 1)
			c[n++] = (struct component){ i, low[i] };
		size[i] = 0; /* from here on: the cluster's number */
	}
	qsort(c, n, sizeof(*c), by_low);
	for (uint32_t i = 0; i < n; i++)
		size[c[i].root] = i + 1;
	for (uint32_t i = 0; i < st->nhosts; i++)
		study_cluster(st, size[root_of(p->parent, i)], i);
	free(c);
	free(size);
	free(low);
}

void
study_read_collisions(struct study *st, const char *text, size_t len)
{
	struct pairs p = { 0 };

	study_elements(st, text, len, read_pairs, &p);
	if (st->nhosts > 0)
		pairs_room(&p, st->nhosts - 1);
	number_clusters(st, &p);
	add_unnamed(st, &p, text, len);
	st->found.collisions = true;
	free(p.parent);
	free(p.by_number);
}
