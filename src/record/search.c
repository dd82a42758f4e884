#include <string.h>

#include "facts.h"
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

/* A key by its fingerprint, or a certificate in DER, which begins with a long sequence. */
static bool
is_key(struct simd_text name, struct simd_node v)
{
	static const char *const keys[] = { "subject_key_info", "server_host_key", "public_key" };
	static const char *const certificates[] = { "certificate", "leaf", "cert" };
	uint8_t fp[KEY_LEN];
	struct simd_text raw;

	if (is_one_of(name, keys, 3))
		return fact_parse_fingerprint(simd_string(simd_get(v, "fingerprint_sha256")), fp) ||
		       fact_parse_fingerprint(simd_string(simd_get(v, "fingerprint")), fp);
	if (!is_one_of(name, certificates, 3))
		return false;
	raw = simd_string(simd_get(v, "raw"));
	return raw.s != NULL && raw.len >= DER_TEXT_MIN && memcmp(raw.s, "MI", 2) == 0;
}

/* Depth is bounded by the parser, the number of values by the budget. */
static bool
search(struct simd_node n, char *path, size_t at, size_t *budget)
{
	struct simd_iter it = simd_iterate(n);
	struct simd_text key;
	struct simd_node v;

	while (simd_next(&it, &key, &v) && *budget > 0) {
		size_t n_here = at;

		(*budget)--;
		if (simd_type(v) != SIMD_OBJECT && simd_type(v) != SIMD_ARRAY)
			continue;
		if (key.s != NULL && key.len + 1 < RECORD_EXAMPLE_MAX - at) {
			path[n_here++] = '.';
			memcpy(path + n_here, key.s, key.len);
			n_here += key.len;
		}
		path[n_here] = '\0';
		if ((key.s != NULL && is_key(key, v)) || search(v, path, n_here, budget))
			return true;
	}
	return false;
}

bool
search_key(struct simd_node n, char path[static RECORD_EXAMPLE_MAX])
{
	size_t budget = SEARCH_MAX;

	return search(n, path, strlen(path), &budget);
}
