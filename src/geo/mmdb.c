#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "geo/walk.h"
#include "io/geofile.h"

/* A data record is shared by many networks, so each is decoded once: offset -> facts. */
struct fact {
	uint32_t offset;
	bool used;
	char country[3];
	uint32_t asn;
	char name[64];
};

struct tree {
	const struct geo_walk *w;
	const MMDB_s *db;
	const struct geo_schema *schema;
	unsigned bits; /* 32 or 128 */
	uint64_t visits; /* nodes that may still be read */
	struct fact *fact;
	size_t nfact, capfact; /* capfact is a power of two */
};

/* Where MaxMind's files lead into the IPv4 tree again (RFC 4291, 6052, 4380, 3056). */
static const struct {
	uint8_t prefix[16];
	uint8_t len;
} aliases[] = {
	{ { [10] = 0xff, [11] = 0xff }, 96 },
	{ { 0x00, 0x64, 0xff, 0x9b }, 96 },
	{ { 0x20, 0x01 }, 32 },
	{ { 0x20, 0x02 }, 16 },
};

static struct fact *
fact_slot(struct fact *table, size_t cap, uint32_t offset)
{
	size_t i = (offset * UINT32_C(2654435761)) & (cap - 1);

	while (table[i].used && table[i].offset != offset)
		i = (i + 1) & (cap - 1);
	return &table[i];
}

static void
fact_grow(struct tree *t)
{
	size_t cap = t->capfact == 0 ? 256 : t->capfact * 2;
	struct fact *table = xcalloc(cap, sizeof(*table));

	for (size_t i = 0; i < t->capfact; i++) {
		if (t->fact[i].used)
			*fact_slot(table, cap, t->fact[i].offset) = t->fact[i];
	}
	free(t->fact);
	t->fact = table;
	t->capfact = cap;
}

static const struct fact *
fact_get(struct tree *t, const MMDB_entry_s *entry)
{
	const struct geo_schema *s = t->schema;
	struct fact *f;

	if (t->nfact >= t->capfact / 2)
		fact_grow(t);
	f = fact_slot(t->fact, t->capfact, entry->offset);
	if (f->used)
		return f;
	f->used = true;
	f->offset = entry->offset;
	t->nfact++;
	if (t->w->kind == GEO_ASN)
		geo_entry_asn(s, entry, &f->asn);
	else if (geo_entry_country(s, entry, f->country) == GEO_GOOD)
		geo_entry_name(s, GEO_COUNTRY, entry, f->name, sizeof(f->name));
	return f;
}

static struct ip
address(const uint8_t *at, uint8_t family)
{
	struct ip ip = { .family = family };

	memcpy(ip.a, at, family == 4 ? 4 : 16);
	return ip;
}

static void
emit(struct tree *t, const uint8_t *at, uint8_t family, unsigned len, const struct fact *f)
{
	struct geo_net net = { .asn = f->asn, .name = f->name[0] != '\0' ? f->name : NULL };
	struct cidr c = { .ip = address(at, family), .len = (uint8_t)len };

	memcpy(net.country, f->country, sizeof(net.country));
	net.lo = c.ip;
	net.hi = cidr_last(&c);
	t->w->stats->networks++;
	t->w->fn(&net, t->w->arg);
}

/* A data record at the network of len bits that starts at at[]. */
static void
leaf(struct tree *t, const uint8_t at[16], unsigned len, const MMDB_entry_s *entry)
{
	static const uint8_t zero[16];
	const struct fact *f = fact_get(t, entry);

	if (t->bits == 32) {
		if (t->w->v4)
			emit(t, at, 4, len, f);
		return;
	}
	if (memcmp(at, zero, 12) == 0) {
		/* ::/96 is IPv4; a shorter prefix of it holds all of IPv4. */
		if (t->w->v4)
			emit(t, at + 12, 4, len > 96 ? len - 96 : 0, f);
		if (len >= 96)
			return;
	}
	if (t->w->v6)
		emit(t, at, 6, len, f);
}

/* Does the tree lead from the prefix of len bits to what is not wanted, or to IPv4 a second time? */
static bool
skip(const struct tree *t, const uint8_t at[16], unsigned len, uint8_t type, uint64_t record)
{
	static const uint8_t zero[16];
	bool v4side = memcmp(at, zero, 12) == 0;

	if (t->bits == 32 || len > 96)
		return false;
	if (v4side && len == 96)
		return !t->w->v4;
	if (!v4side && !t->w->v6)
		return true;
	if (type == MMDB_RECORD_TYPE_SEARCH_NODE && record == t->db->ipv4_start_node.node_value)
		return true;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (len == aliases[i].len && memcmp(at, aliases[i].prefix, 16) == 0)
			return true;
	}
	return false;
}

/*
 * Depth first, left before right, so that networks come in order.  The tree
 * of a damaged file may have loops or shared nodes: depth and the number of
 * nodes read are bounded.
 */
static int
walk(struct tree *t, const char *path, char **error)
{
	struct {
		uint32_t number;
		int side; /* the next one; 2 when both are done */
		MMDB_search_node_s node;
	} stack[128], *s = stack;
	uint8_t at[16] = { 0 }; /* bits below the current depth are zero */
	unsigned depth = 0;

	s->number = 0;
	s->side = 0;
	if (MMDB_read_node(t->db, 0, &s->node) != MMDB_SUCCESS)
		goto damaged;
	for (;;) {
		bool right = s->side == 1;
		uint64_t record = right ? s->node.right_record : s->node.left_record;
		uint8_t type = right ? s->node.right_record_type : s->node.left_record_type;
		uint8_t mask = (uint8_t)(0x80 >> depth % 8);

		if (s->side == 2) {
			at[depth / 8] &= (uint8_t)~mask;
			if (depth == 0)
				return 0;
			s = &stack[--depth];
			continue;
		}
		s->side++;
		if (right)
			at[depth / 8] |= mask;
		if (type == MMDB_RECORD_TYPE_EMPTY || skip(t, at, depth + 1, type, record))
			continue;
		if (type == MMDB_RECORD_TYPE_DATA) {
			leaf(t, at, depth + 1,
			    right ? &s->node.right_record_entry : &s->node.left_record_entry);
			continue;
		}
		if (type != MMDB_RECORD_TYPE_SEARCH_NODE || depth + 1 == t->bits ||
		    t->visits-- == 0)
			goto damaged;
		s = &stack[++depth];
		s->number = (uint32_t)record;
		s->side = 0;
		if (MMDB_read_node(t->db, s->number, &s->node) != MMDB_SUCCESS)
			goto damaged;
	}
damaged:
	*error = xasprintf(
	    "%s: the search tree is damaged at node %u; fetch the database again", path, s->number);
	return -1;
}

int
geo_walk_mmdb(const struct geo_walk *w, const char *path, char **error)
{
	struct geo_file file;
	struct tree t = { .w = w };
	int rc;

	if (geo_file_open(&file, path, error) == -1)
		return -1;
	if (geo_file_need(&file, w->kind, error) == -1) {
		geo_file_close(&file);
		return -1;
	}
	t.db = &file.mmdb;
	t.schema = file.schema;
	t.bits = file.mmdb.metadata.ip_version == 4 ? 32 : 128;
	t.visits = UINT64_C(16) * file.mmdb.metadata.node_count + 1024;
	rc = walk(&t, path, error);
	free(t.fact);
	geo_file_close(&file);
	return rc;
}
