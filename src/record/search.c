#include <string.h>

#include "key.h"
#include "search.h"

#define SEARCH_MAX 100000 /* values looked at for a key that no row finds */
#define DER_TEXT_MIN 200 /* characters: no certificate is shorter */

static bool
is_one_of(struct simd_text key, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (key.len == strlen(names[i]) && memcmp(key.s, names[i], key.len) == 0)
			return true;
	}
	return false;
}

static bool
is_fingerprint(struct simd_node n)
{
	uint8_t fp[KEY_LEN];

	return fact_parse_fingerprint(simd_string(n), fp);
}

/* A key by its fingerprint or in its own words. */
static bool
is_key(struct simd_text name, struct simd_node v)
{
	static const char *const names[] = { "subject_key_info", "server_host_key", "public_key" };
	struct key_object k;

	if (!is_one_of(name, names, 3))
		return false;
	k = key_open(v);
	return is_fingerprint(k.fingerprint) || simd_type(k.rsa) == SIMD_OBJECT ||
	       simd_type(k.ec) == SIMD_OBJECT || simd_type(k.ed25519) == SIMD_OBJECT ||
	       simd_string(k.raw).len > 0;
}

/* A certificate in DER, by a member that each has, or by its digest. */
static bool
is_certificate(struct simd_text name, struct simd_node v)
{
	static const char *const names[] = { "certificate", "leaf", "cert", "parsed",
		"certificates" };
	struct simd_text raw;

	if (!is_one_of(name, names, 5))
		return false;
	raw = simd_string(simd_get(v, "raw"));
	return (raw.s != NULL && raw.len >= DER_TEXT_MIN && memcmp(raw.s, "MI", 2) == 0) ||
	       simd_string(simd_get(v, "issuer_dn")).s != NULL ||
	       is_fingerprint(simd_get(v, "leaf_fp_sha_256"));
}

struct search {
	char *path; /* RECORD_EXAMPLE_MAX bytes: where the walk is */
	char certificate[RECORD_EXAMPLE_MAX]; /* path to the first one; "" none yet */
	size_t budget;
};

/* Walks n until there is a key.  Depth is bounded by the parser, the number of values by the budget. */
static bool
walk(struct search *s, struct simd_node n, size_t at)
{
	struct simd_iter it = simd_iterate(n);
	struct simd_text key;
	struct simd_node v;

	while (simd_next(&it, &key, &v) && s->budget > 0) {
		enum simd_type type = simd_type(v);
		size_t n_here = at;

		s->budget--;
		if (type != SIMD_OBJECT && type != SIMD_ARRAY)
			continue;
		if (key.s != NULL && key.len + 1 < RECORD_EXAMPLE_MAX - at) {
			s->path[n_here++] = '.';
			memcpy(s->path + n_here, key.s, key.len);
			n_here += key.len;
		}
		s->path[n_here] = '\0';
		if (key.s != NULL && is_key(key, v))
			return true;
		if (key.s != NULL && s->certificate[0] == '\0' && is_certificate(key, v))
			memcpy(s->certificate, s->path, n_here + 1);
		if (walk(s, v, n_here))
			return true;
	}
	return false;
}

bool
search_key(struct simd_node n, char path[static RECORD_EXAMPLE_MAX])
{
	struct search s;

	s.path = path;
	s.certificate[0] = '\0';
	s.budget = SEARCH_MAX;
	if (walk(&s, n, strlen(path)))
		return true;
	if (s.certificate[0] == '\0')
		return false;
	memcpy(path, s.certificate, strlen(s.certificate) + 1);
	return true;
}
