/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/hashtab.h"
#include "survey/mem.h"

#include "match.h"

static void
match_hosts(struct match *m)
{
	struct hashtab t;

	hashtab_init(&t);
	m->host_b = xcalloc((size_t)m->a->nhosts + 1, sizeof(*m->host_b));
	m->host_a = xcalloc((size_t)m->b->nhosts + 1, sizeof(*m->host_a));
	for (uint32_t i = 0; i < m->a->nhosts; i++) {
		hashtab_put(&t, hashtab_hash(&t, &m->a->hosts[i].ip, sizeof(struct ip)), i);
		m->host_b[i] = STUDY_NONE;
	}
	for (uint32_t i = 0; i < m->b->nhosts; i++) {
		const struct ip *ip = &m->b->hosts[i].ip;
		uint32_t h = hashtab_hash(&t, ip, sizeof(*ip)), k;
		size_t at;

		for (k = hashtab_first(&t, h, &at); k != HASHTAB_NONE;
		     k = hashtab_next(&t, h, &at)) {
			if (ip_cmp(&m->a->hosts[k].ip, ip) == 0)
				break;
		}
		m->host_a[i] = k;
		if (k != STUDY_NONE)
			m->host_b[k] = i;
	}
	hashtab_fini(&t);
}

static void
match_keys(struct match *m)
{
	struct hashtab t;

	hashtab_init(&t);
	m->key_b = xcalloc((size_t)m->a->nkeys + 1, sizeof(*m->key_b));
	m->key_a = xcalloc((size_t)m->b->nkeys + 1, sizeof(*m->key_a));
	for (uint32_t i = 0; i < m->a->nkeys; i++) {
		m->key_b[i] = STUDY_NONE;
		if (m->a->keys[i].named)
			hashtab_put(&t, hashtab_hash(&t, m->a->keys[i].fp, KEY_LEN), i);
	}
	for (uint32_t i = 0; i < m->b->nkeys; i++) {
		const uint8_t *fp = m->b->keys[i].fp;
		uint32_t h = hashtab_hash(&t, fp, KEY_LEN), k;
		size_t at;

		m->key_a[i] = STUDY_NONE;
		if (!m->b->keys[i].named)
			continue;
		for (k = hashtab_first(&t, h, &at); k != HASHTAB_NONE;
		     k = hashtab_next(&t, h, &at)) {
			if (memcmp(m->a->keys[k].fp, fp, KEY_LEN) == 0)
				break;
		}
		m->key_a[i] = k;
		if (k != STUDY_NONE)
			m->key_b[k] = i;
	}
	hashtab_fini(&t);
}

void
match_init(struct match *m, const struct study *a, const struct study *b)
{
	*m = (struct match){ .a = a, .b = b };
	match_hosts(m);
	match_keys(m);
}

void
match_fini(struct match *m)
{
	free(m->host_a);
	free(m->host_b);
	free(m->key_a);
	free(m->key_b);
}

bool
match_same_type(const struct study *a, const struct study_grab *x, const struct study *b,
    const struct study_grab *y)
{
	const char *s = study_text_or_empty(a, x->alg), *t = study_text_or_empty(b, y->alg);

	return x->port == y->port && strcmp(s, t) == 0;
}
