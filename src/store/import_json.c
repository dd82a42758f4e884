/*
 * Reads clusters.json, collisions.json, all-key-fingerprints.json and
 * verdicts.ndjson, ours and those of earlier studies.
 *
 * A collisions.json that stands alone is enough for a study.  Its clusters
 * are rebuilt from the pairs (rcs), because the numbers in old files split
 * some clusters; hosts whose list of pairs was cut are joined by number too.
 */
#include <stdlib.h>
#include <string.h>

#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/simd.h"
#include "survey/unionfind.h"

#include "gather.h"

#define MAX_ELEMENT ((size_t)1 << 31) /* bytes of one object of a file */

/*
 * Call each() with every object of the JSON array in text, or of lines, whatever the white
 * space between them; a trailing comma, as old files have it, does not
 * matter.  What is no object or does not parse is counted as bad, and im->torn tells that
 * the text ends within the array or one of its objects.  One object is in memory at a time.
 */
static void
each_object(struct gather *im, const char *text, size_t len, bool array,
    void (*each)(struct gather *, struct simd_node))
{
	struct simd_parser *p = simd_parser_new(MAX_ELEMENT);
	struct simd_node node;
	size_t start = 0, depth = 0;
	bool open = array; /* within the array, or before it */

	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '"': /* to the closing quote; escapes count in pairs */
			for (i++; i < len && text[i] != '"'; i++) {
				if (text[i] == '\\')
					i++;
			}
			break;
		case '[':
		case ']':
			if (depth == 0)
				open = text[i] == '[';
			break;
		case '{':
			if (depth++ == 0)
				start = i;
			break;
		case '}':
			if (depth == 0 || --depth > 0)
				break;
			if (simd_parse_copy(p, text + start, i + 1 - start, &node) == SIMD_OK)
				each(im, node);
			else
				im->bad++;
			break;
		default:
			break;
		}
	}
	im->bad += depth > 0;
	im->torn |= depth > 0 || open;
	simd_parser_free(p);
}

static bool
get_u32(struct simd_node object, const char *key, uint32_t *v)
{
	uint64_t n;

	if (!simd_uint(simd_get(object, key), &n) || n > UINT32_MAX)
		return false;
	*v = (uint32_t)n;
	return true;
}

static bool
text_is(struct simd_text t, const char *s)
{
	return t.s != NULL && t.len == strlen(s) && memcmp(t.s, s, t.len) == 0;
}

static uint32_t
get_text(struct gather *im, struct simd_node object, const char *key)
{
	struct simd_text t = simd_string(simd_get(object, key));

	return t.s != NULL ? study_builder_text(im->b, t.s, t.len) : STUDY_NO_TEXT;
}

static uint8_t
get_fact(struct simd_node object, const char *key)
{
	bool b;

	if (!simd_bool(simd_get(object, key), &b))
		return FACT_UNKNOWN;
	return b ? FACT_YES : FACT_NO;
}

/* The host of that address text, STUDY_NONE when it is none or not known. */
static uint32_t
known(const struct gather *im, struct simd_text ip)
{
	return ip.s != NULL ? gather_known_host(im, ip.s, ip.len) : STUDY_NONE;
}

/* The same, made when new. */
static uint32_t
taken(struct gather *im, struct simd_text ip)
{
	return gather_host(im, ip.s != NULL ? ip.s : "", ip.len);
}

static void
read_as(struct gather *im, uint32_t host, struct simd_node e, const char *number, const char *name)
{
	struct simd_text t = simd_string(simd_get(e, name));
	uint32_t asn = 0;

	get_u32(e, number, &asn);
	if (asn != 0 || t.len > 0)
		gather_as(im, host, asn, t.s != NULL ? t.s : "", t.len);
}

/* ["198.18.10.11","p25"] */
static void
read_use(struct gather *im, struct simd_node at, uint32_t key)
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
	if (port.s == NULL || (row = port_index_by_name(port.s, port.len)) == -1 ||
	    (host = known(im, ip)) == STUDY_NONE)
		im->bad++;
	else
		gather_use(im, host, row, key);
}

/*
 * A text that is no fingerprint is not compared with any other: the entry
 * itself says which hosts have that key.  Without a text it says nothing.
 */
static void
read_key(struct gather *im, struct simd_node key)
{
	struct simd_text fp = simd_string(simd_get(key, "fp"));
	struct simd_iter it = simd_iterate(simd_get(key, "at"));
	enum key_kind kind = text_is(simd_string(simd_get(key, "kind")), "ssh") ? KEY_SSH_HOST
										: KEY_TLS_SPKI;
	uint8_t bytes[KEY_LEN];
	struct simd_node node;
	uint32_t number;

	if (fp.s == NULL || fp.len == 0) {
		im->bad++;
		return;
	}
	if (hex_parse(fp.s, fp.len, bytes, KEY_LEN)) {
		number = study_builder_key(im->b, bytes, kind);
	} else {
		number = study_builder_unnamed_key(im->b, kind);
		im->odd_keys++;
	}
	while (simd_next(&it, NULL, &node))
		read_use(im, node, number);
}

static void
read_cluster(struct gather *im, struct simd_node c)
{
	uint32_t id, first = STUDY_NONE;
	struct simd_node node;
	struct simd_iter it;

	if (!get_u32(c, "id", &id) || id == 0) {
		im->bad++;
		return;
	}
	it = simd_iterate(simd_get(c, "hosts"));
	while (simd_next(&it, NULL, &node)) {
		uint32_t host = taken(im, simd_string(simd_get(node, "ip")));

		if (host == STUDY_NONE)
			continue;
		simd_uint(simd_get(node, "ip_record"), &im->hosts[host].record);
		read_as(im, host, node, "asn", "as");
		if (im->hosts[host].id == 0 || id < im->hosts[host].id)
			im->hosts[host].id = id;
		if (first == STUDY_NONE)
			first = host;
		else
			gather_join(im, first, host);
	}
	it = simd_iterate(simd_get(c, "keys"));
	while (simd_next(&it, NULL, &node))
		read_key(im, node);
}

void
gather_clusters(struct gather *im, const char *text, size_t len)
{
	each_object(im, text, len, true, read_cluster);
}

static bool
is_listed(struct simd_node list, struct simd_text name)
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

/* The member "KEY-ip" or "KEY-seen". */
static struct simd_text
beside(struct simd_node nameset, struct simd_text key, const char *what)
{
	char longer[HOST_KEY_SIZE + 8];

	if (key.len >= HOST_KEY_SIZE)
		return (struct simd_text){ NULL, 0 };
	memcpy(longer, key.s, key.len);
	memcpy(longer + key.len, what, strlen(what) + 1);
	return simd_string(simd_get(nameset, longer));
}

/* A copy's names are pseudonyms, which tell nothing of what could be looked up. */
static bool
could_be_asked(const struct gather *im, uint32_t host, struct simd_text name)
{
	char normal[NAME_SIZE];

	return im->hosts[host].ip.family == IP_ALIAS ||
	       name_normalise(name.s, name.len, normal) == NAME_OK;
}

/* The verdict that a nameset implies on one of its names. */
static uint8_t
implied_verdict(const struct gather *im, uint32_t host, struct simd_node nameset,
    struct simd_text key, struct simd_text name, bool has_address)
{
	if (is_listed(simd_get(nameset, "besty"), key))
		return NAME_GOOD;
	if (has_address)
		return NAME_BAD;
	if (is_listed(simd_get(nameset, "unknown"), key))
		return NAME_UNKNOWN;
	return could_be_asked(im, host, name) ? NAME_NXDOMAIN : NAME_NOT_LOOKED_UP;
}

static void
read_nameset(struct gather *im, uint32_t host, struct simd_node nameset)
{
	struct host_entry *h = &im->hosts[host];
	struct simd_iter it = simd_iterate(nameset);
	bool any[NAME_NVERDICTS + 1] = { false };
	struct simd_text key;
	struct simd_node value;

	if (h->has_verdict || simd_type(nameset) != SIMD_OBJECT)
		return; /* another file gave the same names */
	while (simd_next(&it, &key, &value)) {
		struct simd_text name = simd_string(value), ip, seen;
		struct study_name n = { .answer = STUDY_NONE };
		struct name_entry *e;
		struct ip address;

		if (name.s == NULL || !study_name_key_parse(key.s, key.len, &n))
			continue; /* no name, or the earlier program's own invention */
		n.text = study_builder_text(im->b, name.s, name.len);
		ip = beside(nameset, key, "-ip");
		if (ip.s == NULL || !ip_parse_any(ip.s, ip.len, &address))
			address.family = 0;
		n.verdict = n.text == STUDY_NO_TEXT ? NAME_NOT_LOOKED_UP
						    : implied_verdict(im, host, nameset, key, name,
							  address.family != 0);
		any[n.verdict] = true;
		if ((e = gather_name(im, host, &n)) == NULL)
			break;
		e->address = address;
		seen = beside(nameset, key, "-seen");
		if (seen.s != NULL)
			e->seen = time_parse(seen.s, seen.len);
	}
	if (any[NAME_GOOD])
		h->verdict = HOST_GOOD;
	else if (any[NAME_UNKNOWN])
		h->verdict = HOST_UNKNOWN;
	else
		h->verdict = any[NAME_BAD] || any[NAME_NXDOMAIN] ? HOST_BAD : HOST_NONE;
	h->has_verdict = true;
	im->any_names = true;
}

static uint8_t
name_verdict_of(struct simd_text t)
{
	for (unsigned v = 0; v < NAME_NVERDICTS; v++) {
		if (text_is(t, study_name_verdict((uint8_t)v)))
			return (uint8_t)v;
	}
	return NAME_UNKNOWN;
}

/* {"key":"p25dn","name":"…","verdict":"bad","addresses":["192.0.2.1"]} */
static void
read_judged_name(struct gather *im, uint32_t host, struct simd_node o)
{
	struct simd_text key = simd_string(simd_get(o, "key"));
	struct simd_text name = simd_string(simd_get(o, "name"));
	struct simd_iter it = simd_iterate(simd_get(o, "addresses"));
	struct study_name n = { .answer = STUDY_NONE };
	struct simd_text first = { NULL, 0 };
	struct name_entry *e;
	struct simd_node node;
	struct ip address;

	if (key.s == NULL || name.s == NULL || !study_name_key_parse(key.s, key.len, &n))
		return;
	if ((e = gather_find_name(im, host, &n)) == NULL) {
		n.text = study_builder_text(im->b, name.s, name.len);
		if ((e = gather_name(im, host, &n)) == NULL)
			return;
	}
	e->name.verdict = name_verdict_of(simd_string(simd_get(o, "verdict")));
	if (simd_next(&it, NULL, &node))
		first = simd_string(node);
	if (first.s != NULL && ip_parse_any(first.s, first.len, &address))
		e->address = address;
}

/* The names that could be looked up are in the line, all of them. */
static void
read_verdict(struct gather *im, struct simd_node v)
{
	struct simd_text word = simd_string(simd_get(v, "verdict"));
	uint32_t host = known(im, simd_string(simd_get(v, "ip")));
	struct simd_iter it;
	struct simd_node n;

	if (host == STUDY_NONE)
		return; /* it takes no part */
	im->hosts[host].verdict = HOST_UNKNOWN;
	for (int i = 0; i < HOST_NVERDICTS; i++) {
		if (text_is(word, host_verdict_name((enum host_verdict)i)))
			im->hosts[host].verdict = (uint8_t)i;
	}
	for (uint32_t i = im->hosts[host].first_name; i != STUDY_NONE; i = im->names[i].next)
		im->names[i].name.verdict = NAME_NOT_LOOKED_UP;
	it = simd_iterate(simd_get(v, "names"));
	while (simd_next(&it, NULL, &n))
		read_judged_name(im, host, n);
	im->hosts[host].has_verdict = true;
	im->any_names = true;
}

/* One object a line; as a sequence of objects it reads like an array's inside. */
void
gather_verdicts(struct gather *im, const char *text, size_t len)
{
	each_object(im, text, len, false, read_verdict);
}

/* analysis.pNN */
static void
read_port(struct gather *im, uint32_t host, int row, struct simd_node a)
{
	struct simd_iter it = simd_iterate(a);
	struct simd_node node;
	struct facts *f;
	uint64_t n;

	if (!simd_next(&it, NULL, &node))
		return; /* {}: no key there */
	f = gather_facts(im, host, row);
	if (simd_uint(simd_get(a, "cipher_suite"), &n) && n <= UINT16_MAX)
		f->cipher = (int32_t)n;
	if (simd_uint(simd_get(a, "rsalen"), &n) && n <= INT32_MAX)
		f->bits = (int32_t)n;
	f->curve = get_text(im, a, "ecdsacurve");
	if ((f->alg = get_text(im, a, "alg")) == STUDY_NO_TEXT)
		f->alg = get_text(im, a, "spkialg");
	f->trusted = get_fact(a, "browser_trusted");
	f->self_signed = get_fact(a, "self_signed");
	f->timely = get_fact(a, "timely");
	im->any_facts = true;
}

static void
read_fingerprint(struct gather *im, uint32_t host, int row, struct simd_text fp)
{
	struct slot *s = gather_slot(im, host, row);
	uint8_t bytes[KEY_LEN];

	if (hex_parse(fp.s, fp.len, bytes, KEY_LEN)) {
		s->key = study_builder_key(im->b, bytes, port_table[row].kind);
	} else if (!s->odd) {
		s->odd = true;
		im->odd_keys++;
	}
}

/* The host of an entry with its AS, keys, facts and names; STUDY_NONE when it has no address. */
static uint32_t
take_entry(struct gather *im, struct simd_node e)
{
	uint32_t host = taken(im, simd_string(simd_get(e, "ip")));
	struct simd_iter it = simd_iterate(simd_get(e, "fprints"));
	struct simd_node analysis = simd_get(e, "analysis"), node;
	struct simd_text key;
	int row;

	if (host == STUDY_NONE)
		return STUDY_NONE;
	simd_uint(simd_get(e, "ip_record"), &im->hosts[host].record);
	im->hosts[host].writer = get_text(im, e, "writer");
	read_as(im, host, e, "asndec", "asn");
	while (simd_next(&it, &key, &node)) {
		struct simd_text fp = simd_string(node);

		/* No text is no key: nothing links hosts by it. */
		if (fp.s != NULL && fp.len > 0 && (row = port_index_by_name(key.s, key.len)) != -1)
			read_fingerprint(im, host, row, fp);
	}
	it = simd_iterate(analysis);
	while (simd_next(&it, &key, &node)) {
		if ((row = port_index_by_name(key.s, key.len)) != -1)
			read_port(im, host, row, node);
	}
	read_nameset(im, host, simd_get(analysis, "nameset"));
	return host;
}

static void
read_entry(struct gather *im, struct simd_node e)
{
	take_entry(im, e);
}

void
gather_hosts(struct gather *im, const char *text, size_t len)
{
	each_object(im, text, len, true, read_entry);
}

/* Hosts of one number whose pairs were cut are in one cluster. */
static void
join_by_number(struct gather *im, uint64_t number, uint32_t host)
{
	uint32_t hash = hashtab_hash(&im->numbers, &number, sizeof(number));
	size_t at;

	for (uint32_t i = hashtab_first(&im->numbers, hash, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&im->numbers, hash, &at)) {
		if (im->cut[i].number == number) {
			gather_join(im, im->cut[i].host, host);
			return;
		}
	}
	mem_grow(&im->cut, &im->cap_cut, (size_t)im->ncut + 1, sizeof(*im->cut));
	im->cut[im->ncut].number = number;
	im->cut[im->ncut].host = host;
	hashtab_put(&im->numbers, hash, im->ncut++);
}

static void
read_pairs(struct gather *im, struct simd_node e)
{
	struct simd_iter it = simd_iterate(simd_get(e, "rcs"));
	uint32_t host = take_entry(im, e);
	struct simd_node partner;
	uint64_t number;
	bool cut = false;

	if (host == STUDY_NONE)
		return;
	while (simd_next(&it, NULL, &partner)) {
		uint32_t other = taken(im, simd_string(simd_get(partner, "ip")));

		if (other != STUDY_NONE)
			gather_join(im, host, other);
		im->any_pairs = true;
	}
	im->any_clusters |= simd_uint(simd_get(e, "clusternum"), &number) && number != 0;
	simd_bool(simd_get(e, "rcs_truncated"), &cut);
	if (cut && simd_uint(simd_get(e, "clusternum"), &number) && number != 0)
		join_by_number(im, number, host);
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
 * fprints names one key a port; a link through another key of a port, or
 * through one that has no fingerprint, shows only in the pairs.
 */
static void
find_links(struct gather *im, struct simd_node e)
{
	uint32_t host = known(im, simd_string(simd_get(e, "ip")));
	struct simd_iter it = simd_iterate(simd_get(e, "rcs"));
	struct simd_node partner;

	if (host == STUDY_NONE)
		return;
	while (simd_next(&it, NULL, &partner)) {
		uint32_t other = known(im, simd_string(simd_get(partner, "ip")));
		struct simd_text colls = simd_string(simd_get(partner, "str_colls"));
		int local, remote;

		if (other == STUDY_NONE || colls.s == NULL)
			continue;
		while (next_collision(&colls, &local, &remote)) {
			uint32_t a = host * NPORTS + (uint32_t)local;
			uint32_t b = other * NPORTS + (uint32_t)remote;

			if (local == -1 || remote == -1)
				im->bad++;
			else if (im->slots[a].key == STUDY_NONE ||
				 im->slots[a].key != im->slots[b].key)
				unionfind_join(im->links, a, b);
		}
	}
}

/* Slots that are linked show one key without a fingerprint. */
static void
take_links(struct gather *im)
{
	uint32_t n = im->nhosts * NPORTS;
	uint32_t *count = xcalloc((size_t)n + 1, sizeof(*count));
	uint32_t *key = xcalloc((size_t)n + 1, sizeof(*key));

	for (uint32_t i = 0; i < n; i++)
		count[unionfind_root(im->links, i)]++;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t root = unionfind_root(im->links, i);

		if (count[root] < 2)
			continue;
		if (root == i)
			key[i] = study_builder_unnamed_key(im->b, port_table[i % NPORTS].kind);
		gather_use(im, i / NPORTS, (int)(i % NPORTS), key[root]);
	}
	free(count);
	free(key);
}

void
gather_collisions(struct gather *im, const char *text, size_t len)
{
	each_object(im, text, len, true, read_pairs);
	if (im->nhosts > UINT32_MAX / NPORTS)
		return; /* a file of terabytes */
	im->links = unionfind_new(im->nhosts * NPORTS);
	each_object(im, text, len, true, find_links);
	take_links(im);
	free(im->links);
	im->links = NULL;
}
