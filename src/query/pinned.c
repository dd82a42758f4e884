#include <stdlib.h>
#include <string.h>

#include "survey/file.h"
#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/simd.h"

#include "pinned.h"

#define LINE_MAX_BYTES (4u << 20)
#define MATCH_SHA256 '1'

static bool
has_digest(const struct pinned *p, const uint8_t *digest, uint8_t selector)
{
	uint32_t h = hashtab_hash(&p->table, digest, 32);
	size_t at;

	for (uint32_t i = hashtab_first(&p->table, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&p->table, h, &at)) {
		if (memcmp(p->v[i].digest, digest, 32) == 0 && p->v[i].selector == selector)
			return true;
	}
	return false;
}

/* "3 1 1 8d02…": usage, selector, matching type, digits that blanks may divide. */
static void
add_record(struct pinned *p, const char *text)
{
	char digits[64];
	uint8_t digest[32];
	size_t n = 0;

	if (strlen(text) < 6 || text[1] != ' ' || text[3] != ' ' || text[5] != ' ' ||
	    (text[2] != '0' && text[2] != '1') || text[4] != MATCH_SHA256)
		return;
	for (const char *c = text + 6; *c != '\0'; c++) {
		if (*c == ' ')
			continue;
		if (n == sizeof(digits))
			return;
		digits[n++] = *c;
	}
	if (!hex_parse(digits, n, digest, sizeof(digest)) ||
	    has_digest(p, digest, (uint8_t)(text[2] - '0')))
		return;
	mem_grow(&p->v, &p->cap, p->n + 1, sizeof(*p->v));
	memcpy(p->v[p->n].digest, digest, sizeof(digest));
	p->v[p->n].selector = (uint8_t)(text[2] - '0');
	hashtab_put(&p->table, hashtab_hash(&p->table, digest, sizeof(digest)), (uint32_t)p->n++);
}

static void
add_line(struct simd_node root, void *arg)
{
	struct pinned *p = arg;
	struct simd_node value;
	struct simd_text type;
	struct simd_iter it;

	type = simd_string(simd_get(root, "type"));
	if (type.s == NULL || strcmp(type.s, "TLSA") != 0)
		return;
	it = simd_iterate(simd_get(root, "answers"));
	while (simd_next(&it, NULL, &value)) {
		struct simd_text text = simd_string(value);

		if (text.s != NULL)
			add_record(p, text.s);
	}
}

void
pinned_init(struct pinned *p, const char *dir)
{
	char *path = path_join(dir, "dns.ndjson");

	*p = (struct pinned){ .n = 0 };
	hashtab_init(&p->table);
	/* Few lines are of this type: the others are not parsed. */
	(void)simd_each_line(path, LINE_MAX_BYTES, "\"TLSA\"", add_line, p);
	free(path);
}

void
pinned_fini(struct pinned *p)
{
	free(p->v);
	hashtab_fini(&p->table);
}

bool
pinned_has(const struct pinned *p, const struct study *st, uint32_t key)
{
	const struct study_key *k = &st->keys[key];

	if (p->n == 0 || !k->named || !k->tls)
		return false;
	if (has_digest(p, k->fp, 1))
		return true;
	for (uint32_t u = k->uses.at; u < k->uses.at + k->uses.n; u++) {
		const struct study_host *h = &st->hosts[st->uses[u].host];

		for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++) {
			uint32_t cert = st->grabs[g].cert;

			if (st->grabs[g].key == key && cert != STUDY_NONE &&
			    st->certs[cert].has_sha256 && has_digest(p, st->certs[cert].sha256, 0))
				return true;
		}
	}
	return false;
}
