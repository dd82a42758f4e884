/* Pure. */
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/hashtab.h"
#include "survey/impact.h"
#include "survey/iptab.h"
#include "survey/mem.h"
#include "survey/text.h"

#define SMTP_PORT 25

static const char *const tlsa_names[IMPACT_NTLSA] = {
	[TLSA_NONE] = "none",
	[TLSA_MATCHES] = "matches",
	[TLSA_MISMATCH] = "mismatch",
	[TLSA_UNKNOWN] = "unknown",
};

const char *
impact_tlsa_name(enum impact_tlsa t)
{
	return tlsa_names[t];
}

void
impact_text(struct buf *out, uint32_t domains)
{
	buf_adds(out, "mail of ");
	text_counted(out, domains, "domain", "domains");
}

/* ---- who names whom ---- */

/* Counts in at[1..n] become starts in at[0..n]. */
static void
starts(uint32_t *at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		at[i + 1] += at[i];
}

static void
index_domains(struct impact *x)
{
	const struct mail *m = x->m;
	uint32_t *next;

	x->domains_at = xcalloc((size_t)m->nhosts + 2, sizeof(*x->domains_at));
	for (uint32_t d = 0; d < m->ndomains; d++)
		for (uint32_t i = 0; i < m->domains[d].mx.n; i++)
			x->domains_at[m->mx[m->domains[d].mx.at + i].host + 1]++;
	starts(x->domains_at, m->nhosts);
	x->domains = xcalloc((size_t)x->domains_at[m->nhosts] + 1, sizeof(*x->domains));
	next = xcalloc((size_t)m->nhosts + 1, sizeof(*next));
	memcpy(next, x->domains_at, m->nhosts * sizeof(*next));
	for (uint32_t d = 0; d < m->ndomains; d++)
		for (uint32_t i = 0; i < m->domains[d].mx.n; i++)
			x->domains[next[m->mx[m->domains[d].mx.at + i].host]++] = d;
	free(next);
}

/* The study's host of that address that takes part, or STUDY_NONE. */
static uint32_t
host_of(const struct study *st, const struct iptab *t, const uint32_t *of, const struct ip *ip)
{
	uint32_t i = iptab_find(t, ip);

	return i == IPTAB_NONE || st->hosts[of[i]].out != OUT_NONE ? STUDY_NONE : of[i];
}

static void
index_addresses(struct impact *x)
{
	const struct study *st = x->st;
	const struct mail *m = x->m;
	uint32_t *of = xcalloc((size_t)st->nhosts + 1, sizeof(*of)), *next, h;
	struct iptab t;
	bool is_new;

	iptab_init(&t);
	for (uint32_t i = 0; i < st->nhosts; i++) {
		uint32_t n = iptab_add(&t, &st->hosts[i].ip, &is_new);

		if (is_new)
			of[n] = i;
	}
	x->mx_at = xcalloc((size_t)st->nhosts + 2, sizeof(*x->mx_at));
	for (int pass = 0; pass < 2; pass++) {
		next = pass == 0 ? x->mx_at + 1 : xcalloc((size_t)st->nhosts + 1, sizeof(*next));
		if (pass == 1)
			memcpy(next, x->mx_at, st->nhosts * sizeof(*next));
		for (uint32_t i = 0; i < m->nhosts; i++) {
			const struct mail_span *a = &m->hosts[i].addresses;

			if (m->hosts[i].domains == 0 && m->hosts[i].tlsa.n == 0)
				continue;
			for (uint32_t k = a->at; k < a->at + a->n; k++) {
				if ((h = host_of(st, &t, of, &m->addresses[k])) == STUDY_NONE)
					continue;
				if (pass == 0)
					next[h]++;
				else
					x->mx[next[h]++] = i;
			}
		}
		if (pass == 0) {
			starts(x->mx_at, st->nhosts);
			x->mx = xcalloc((size_t)x->mx_at[st->nhosts] + 1, sizeof(*x->mx));
		} else {
			free(next);
		}
	}
	iptab_fini(&t);
	free(of);
}

/* ---- counting ---- */

/* The domains of an MX host that this count has not met yet. */
static uint32_t
meet_mx(struct impact *x, uint32_t mx)
{
	uint32_t n = 0;

	if (x->mx_met[mx] == x->count)
		return 0;
	x->mx_met[mx] = x->count;
	for (uint32_t i = x->domains_at[mx]; i < x->domains_at[mx + 1]; i++) {
		n += x->domain_met[x->domains[i]] != x->count;
		x->domain_met[x->domains[i]] = x->count;
	}
	return n;
}

static uint32_t
meet_host(struct impact *x, uint32_t host)
{
	uint32_t n = 0;

	for (uint32_t i = x->mx_at[host]; i < x->mx_at[host + 1]; i++)
		n += meet_mx(x, x->mx[i]);
	return n;
}

void
impact_begin(struct impact *x)
{
	x->count++;
}

uint32_t
impact_add_hosts(struct impact *x, const uint32_t *hosts, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += meet_host(x, hosts[i]);
	return sum;
}

static uint32_t
count_hosts(struct impact *x, const uint32_t *hosts, size_t n)
{
	impact_begin(x);
	return impact_add_hosts(x, hosts, n);
}

static void
count_all(struct impact *x)
{
	const struct study *st = x->st;

	x->of_host = xcalloc((size_t)st->nhosts + 1, sizeof(*x->of_host));
	x->of_key = xcalloc((size_t)st->nkeys + 1, sizeof(*x->of_key));
	x->of_cluster = xcalloc((size_t)st->nclusters + 1, sizeof(*x->of_cluster));
	for (uint32_t h = 0; h < st->nhosts; h++)
		if (x->mx_at[h] < x->mx_at[h + 1])
			x->of_host[h] = count_hosts(x, &h, 1);
	for (uint32_t k = 0; k < st->nkeys; k++) {
		const struct study_span *u = &st->keys[k].uses;

		x->count++;
		for (uint32_t i = u->at; i < u->at + u->n; i++)
			x->of_key[k] += meet_host(x, st->uses[i].host);
	}
	for (uint32_t c = 0; c < st->nclusters; c++)
		x->of_cluster[c] = count_hosts(
		    x, st->members + st->clusters[c].hosts.at, st->clusters[c].hosts.n);
	x->count++;
	for (uint32_t h = 0; h < st->nhosts; h++)
		x->in_study += meet_host(x, h);
}

/* ---- TLSA ---- */

/* Does the record pin a certificate or key itself, as a digest that we have, too (RFC 7672, 3.1)? */
static bool
is_judged(const struct mail_tlsa *t)
{
	return t->usage == 3 && t->selector <= 1 && (t->matching == 0 || t->matching == 1) &&
	       (t->matching == 0 || t->len == 32);
}

static void
digest_of(const struct mail *m, const struct mail_tlsa *t, uint8_t digest[static KEY_LEN])
{
	if (t->matching == 0)
		SHA256(m->blob + t->data, t->len, digest);
	else
		memcpy(digest, m->blob + t->data, KEY_LEN);
}

/* TLSA_MATCHES: it pins a key that the host showed on port 25; TLSA_MISMATCH: one that it did not. */
static enum impact_tlsa
judge_record(const struct study *st, const struct mail *m, const struct mail_tlsa *t, uint32_t host)
{
	const struct study_host *h = &st->hosts[host];
	enum impact_tlsa result = TLSA_UNKNOWN;
	uint8_t digest[KEY_LEN];

	if (t->usage != 2 && t->usage != 3)
		return TLSA_NONE;
	if (!is_judged(t))
		return TLSA_UNKNOWN;
	digest_of(m, t, digest);
	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		const struct study_grab *g = &st->grabs[i];
		const struct study_cert *c = g->cert != STUDY_NONE ? &st->certs[g->cert] : NULL;

		if (port_table[g->port].port != SMTP_PORT || !st->keys[g->key].named)
			continue;
		if (t->selector == 0 && (c == NULL || !c->has_sha256))
			return TLSA_UNKNOWN; /* another grab may have matched: no warning then */
		if (memcmp(t->selector == 1 ? st->keys[g->key].fp : c->sha256, digest, KEY_LEN) ==
		    0)
			return TLSA_MATCHES;
		result = TLSA_MISMATCH;
	}
	return result;
}

/* The records of an MX host, and one of its addresses. */
static enum impact_tlsa
judge_host(const struct impact *x, uint32_t mx, uint32_t host)
{
	const struct mail_span *s = &x->m->hosts[mx].tlsa;
	uint32_t n[IMPACT_NTLSA] = { 0 };

	for (uint32_t i = s->at; i < s->at + s->n; i++)
		n[judge_record(x->st, x->m, &x->m->tlsa[i], host)]++;
	return n[TLSA_MATCHES] > 0    ? TLSA_MATCHES
	       : n[TLSA_UNKNOWN] > 0  ? TLSA_UNKNOWN
	       : n[TLSA_MISMATCH] > 0 ? TLSA_MISMATCH
				      : TLSA_NONE;
}

/* One address where nothing matches is enough: mail that goes there is refused. */
static void
judge_all(struct impact *x)
{
	const struct mail *m = x->m;
	bool *mismatch = xcalloc((size_t)m->nhosts + 1, sizeof(*mismatch));

	x->tlsa = xcalloc((size_t)m->nhosts + 1, sizeof(*x->tlsa));
	for (uint32_t i = 0; i < m->nhosts; i++)
		x->tlsa[i] = m->hosts[i].tlsa.n > 0 ? TLSA_UNKNOWN : TLSA_NONE;
	for (uint32_t h = 0; h < x->st->nhosts; h++) {
		for (uint32_t i = x->mx_at[h]; i < x->mx_at[h + 1]; i++) {
			uint32_t mx = x->mx[i];
			enum impact_tlsa t;

			if (m->hosts[mx].tlsa.n == 0)
				continue;
			t = judge_host(x, mx, h);
			mismatch[mx] |= t == TLSA_MISMATCH;
			if (t != TLSA_UNKNOWN)
				x->tlsa[mx] = (uint8_t)t;
		}
	}
	x->count++;
	for (uint32_t i = 0; i < m->nhosts; i++) {
		if (!mismatch[i])
			continue;
		x->tlsa[i] = TLSA_MISMATCH;
		x->mismatch_hosts += m->hosts[i].domains > 0;
		x->mismatch_domains += meet_mx(x, i);
	}
	free(mismatch);
}

uint32_t
impact_mismatch(const struct impact *x, uint32_t host)
{
	if (x == NULL)
		return MAIL_NONE;
	for (uint32_t i = x->mx_at[host]; i < x->mx_at[host + 1]; i++) {
		uint32_t mx = x->mx[i];

		/* Another address of it may be the one that does not match. */
		if (x->tlsa[mx] == TLSA_MISMATCH && judge_host(x, mx, host) == TLSA_MISMATCH)
			return mx;
	}
	return MAIL_NONE;
}

/* ---- which keys are pinned ---- */

/* TLS keys, or certificates, by digest; each digest is there once. */
struct digests {
	const struct study *st;
	const uint8_t *(*of)(const struct study *st, uint32_t i);
	struct hashtab numbers;
};

static const uint8_t *
key_digest(const struct study *st, uint32_t i)
{
	return st->keys[i].named && st->keys[i].tls ? st->keys[i].fp : NULL;
}

static const uint8_t *
cert_digest(const struct study *st, uint32_t i)
{
	return st->certs[i].has_sha256 ? st->certs[i].sha256 : NULL;
}

static uint32_t
find_digest(const struct digests *d, const uint8_t *digest)
{
	uint32_t h = hashtab_hash(&d->numbers, digest, KEY_LEN), i;
	size_t at;

	for (i = hashtab_first(&d->numbers, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&d->numbers, h, &at)) {
		if (memcmp(d->of(d->st, i), digest, KEY_LEN) == 0)
			return i;
	}
	return STUDY_NONE;
}

static void
digests_init(struct digests *d, const struct study *st, uint32_t n,
    const uint8_t *(*of)(const struct study *st, uint32_t i))
{
	*d = (struct digests){ .st = st, .of = of };
	hashtab_init(&d->numbers);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *digest = of(st, i);

		if (digest != NULL && find_digest(d, digest) == STUDY_NONE)
			hashtab_put(&d->numbers, hashtab_hash(&d->numbers, digest, KEY_LEN), i);
	}
}

/* Records that later answers have replaced belong to no host any more. */
static void
mark_pinned(struct impact *x)
{
	for (uint32_t h = 0; h < x->m->nhosts; h++) {
		const struct mail_span *s = &x->m->hosts[h].tlsa;

		for (uint32_t r = s->at; r < s->at + s->n; r++)
			if (x->record_key[r] != STUDY_NONE)
				x->pinned[x->record_key[r]] = true;
	}
}

/* A digest is proof enough: the record may be of a host whose address nobody has asked for. */
static void
find_pinned(struct impact *x)
{
	const struct study *st = x->st;
	const struct mail *m = x->m;
	struct digests keys, certs;
	uint8_t digest[KEY_LEN];
	uint32_t i;

	x->record_key = xcalloc((size_t)m->ntlsa + 1, sizeof(*x->record_key));
	x->pinned = xcalloc((size_t)st->nkeys + 1, sizeof(*x->pinned));
	for (uint32_t r = 0; r < m->ntlsa; r++)
		x->record_key[r] = STUDY_NONE;
	if (m->ntlsa == 0)
		return;
	digests_init(&keys, st, st->nkeys, key_digest);
	digests_init(&certs, st, st->ncerts, cert_digest);
	for (uint32_t r = 0; r < m->ntlsa; r++) {
		if (!is_judged(&m->tlsa[r]))
			continue;
		digest_of(m, &m->tlsa[r], digest);
		if (m->tlsa[r].selector == 1)
			x->record_key[r] = find_digest(&keys, digest);
		else if ((i = find_digest(&certs, digest)) != STUDY_NONE)
			x->record_key[r] = st->certs[i].key;
	}
	mark_pinned(x);
	hashtab_fini(&keys.numbers);
	hashtab_fini(&certs.numbers);
}

struct impact *
impact_new(const struct study *st)
{
	struct impact *x;

	if (st->mail == NULL)
		return NULL;
	x = xcalloc(1, sizeof(*x));
	x->st = st;
	x->m = st->mail;
	x->mx_met = xcalloc((size_t)x->m->nhosts + 1, sizeof(*x->mx_met));
	x->domain_met = xcalloc((size_t)x->m->ndomains + 1, sizeof(*x->domain_met));
	index_domains(x);
	index_addresses(x);
	count_all(x);
	judge_all(x);
	find_pinned(x);
	return x;
}

void
impact_free(struct impact *x)
{
	if (x == NULL)
		return;
	free(x->of_host);
	free(x->of_key);
	free(x->of_cluster);
	free(x->pinned);
	free(x->tlsa);
	free(x->record_key);
	free(x->mx_at);
	free(x->mx);
	free(x->domains_at);
	free(x->domains);
	free(x->mx_met);
	free(x->domain_met);
	free(x);
}
