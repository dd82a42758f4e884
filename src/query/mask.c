#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/order.h"
#include "survey/port.h"
#include "survey/transform.h"

#include "alike.h"
#include "mask.h"

struct mask {
	unsigned char key[PSEUDONYM_KEY];
	bool *kept; /* by host: it is shown as it is */
	bool *shown; /* by host */
	bool *clear; /* by key: a kept host shows it */
	struct ip *addresses; /* of kept hosts, sorted */
	size_t naddresses;
	bool now; /* the host whose parts are mapped now is a kept one */
};

static bool
mask_keep(void *arg, const struct study *st, uint32_t host)
{
	const struct mask *m = arg;

	(void)st;
	return m->shown[host];
}

static bool
mask_named(void *arg, const struct study *st, uint32_t host)
{
	const struct mask *m = arg;

	(void)st;
	return m->kept[host];
}

static void
mask_begin(void *arg, const struct study *st, uint32_t host)
{
	struct mask *m = arg;

	(void)st;
	m->now = m->kept[host];
}

/* The row of port_table that stands for SSH, mail or web. */
static uint8_t
port_kind(uint8_t port)
{
	if (port_table[port].kind == KEY_SSH_HOST || port_table[port].port == 443)
		return port;
	return (uint8_t)port_index(25);
}

static bool
is_shared(const struct study *st, const struct study_grab *g)
{
	return st->keys[g->key].nhosts > 1;
}

/*
 * Of SSH, mail and web each: every key that other hosts show, too; where there is none, one.
 * How many keys of its own a host has would single it out.
 */
static bool
mask_shows(void *arg, const struct study *st, uint32_t grab)
{
	const struct mask *m = arg;
	const struct study_grab *g = &st->grabs[grab];
	const struct study_span *all = &st->hosts[g->host].grabs;

	if (m->kept[g->host])
		return true;
	for (uint32_t i = all->at; i < all->at + all->n; i++) {
		const struct study_grab *other = &st->grabs[i];

		if (i == grab || port_kind(other->port) != port_kind(g->port))
			continue;
		if (is_shared(st, g) ? i < grab && other->key == g->key
				     : i < grab || is_shared(st, other))
			return false;
	}
	return true;
}

/* In answers only addresses of kept hosts stand: those that names have instead are others'. */
static struct ip
mask_address(void *arg, const struct study *st, uint32_t host, const struct ip *ip)
{
	const struct mask *m = arg;

	(void)st;
	if (host == STUDY_NONE) {
		bool ours = m->naddresses > 0 && bsearch(ip, m->addresses, m->naddresses,
						     sizeof(*m->addresses), order_ip) != NULL;

		return ours ? *ip : (struct ip){ .family = 0 };
	}
	return m->kept[host] || ip->family == IP_ALIAS ? *ip : pseudonym_address(m->key, ip);
}

/* A word and the family that stands for it; what is in no table is "other". */
struct family {
	const char *word, *family;
};

static const struct family algorithms[] = { { "ssh-rsa", "RSA" }, { "rsa-sha2-256", "RSA" },
	{ "rsa-sha2-512", "RSA" }, { "RSA", "RSA" }, { "ecdsa-sha2-nistp256", "ECDSA" },
	{ "ecdsa-sha2-nistp384", "ECDSA" }, { "ecdsa-sha2-nistp521", "ECDSA" },
	{ "ECDSA", "ECDSA" }, { "ssh-ed25519", "EdDSA" }, { "ssh-ed448", "EdDSA" },
	{ "Ed25519", "EdDSA" }, { "Ed448", "EdDSA" }, { "EdDSA", "EdDSA" }, { "ssh-dss", "DSA" },
	{ "DSA", "DSA" }, { NULL, "other" } };

static const struct family versions[] = { { "TLSv1.2", "TLSv1.2+" }, { "TLSv1.3", "TLSv1.2+" },
	{ "TLSv1.2+", "TLSv1.2+" }, { "2.0", "2.0" }, { "1.99", "2.0" },
	{ "TLSv1.0", "deprecated" }, { "TLSv1.1", "deprecated" }, { "SSLv2", "deprecated" },
	{ "SSLv3", "deprecated" }, { "1.5", "deprecated" }, { "1.3", "deprecated" },
	{ "deprecated", "deprecated" }, { NULL, "other" } };

static const char *
family_of(const struct family *f, const char *word)
{
	while (f->word != NULL && strcmp(f->word, word) != 0)
		f++;
	return f->family;
}

static void
mask_text(void *arg, enum study_text_kind kind, const char *s, struct buf *out)
{
	const struct mask *m = arg;

	if (kind == TEXT_RUN) /* names of people and places */
		return;
	if (m->now)
		buf_adds(out, s);
	else if (kind == TEXT_ALG)
		buf_adds(out, family_of(algorithms, s));
	else if (kind == TEXT_VERSION)
		buf_adds(out, family_of(versions, s));
	else if (kind == TEXT_WRITER)
		buf_adds(out, "survey");
	/* Curves, software, names of grabs and all else: nothing. */
}

/* An AS is its number; two spellings of its name have one pseudonym. */
static void
mask_as(void *arg, const struct study *st, uint32_t host, uint32_t *asn, const char *name,
    struct buf *out)
{
	const struct mask *m = arg;
	const struct study_as *as = &st->ases[st->hosts[host].as];
	char number[16];

	if (m->now) {
		if (name != NULL)
			buf_adds(out, name);
		return;
	}
	snprintf(number, sizeof(number), "%u", *asn);
	if (as->nhosts < MASK_SMALL_AS && st->nases > 1)
		buf_adds(out, "small networks");
	else if (*asn != 0)
		pseudonym_text(m->key, "asn", "network-", number, out);
	else if (name != NULL)
		pseudonym_text(m->key, "as", "network-", name, out);
	*asn = 0;
}

static void
mask_fingerprint(void *arg, const struct study *st, uint32_t key, uint8_t out[KEY_LEN])
{
	const struct mask *m = arg;

	if (m->clear[key])
		memcpy(out, st->keys[key].fp, KEY_LEN);
	else
		pseudonym_hash(m->key, "key", st->keys[key].fp, KEY_LEN, out);
}

static void
mask_host(void *arg, struct study_host *h)
{
	const struct mask *m = arg;
	bool key[NPORTS] = { false };

	if (m->now)
		return;
	for (uint8_t port = 0; port < NPORTS; port++)
		key[port_kind(port)] |= h->outcome[port] == OUTCOME_KEY;
	for (int port = 0; port < NPORTS; port++)
		h->outcome[port] = key[port] ? OUTCOME_KEY : OUTCOME_NOT_ASKED;
	memset(h->country, 0, sizeof(h->country));
	h->as_own = false;
	h->time = TIME_UNKNOWN;
}

static void
mask_grab(void *arg, struct study_grab *g)
{
	const struct mask *m = arg;

	if (m->now)
		return;
	g->port = port_kind(g->port);
	g->cert = STUDY_NONE;
	g->bits = -1;
	g->cipher = -1;
	g->timely = FACT_UNKNOWN;
	g->at = TIME_UNKNOWN;
	g->sha1_only = FACT_UNKNOWN; /* what a server's software is set to */
}

/* A certificate that a kept host shows, too, is taken over with that host. */
static void
mask_cert(void *arg, struct study_cert *c)
{
	const struct mask *m = arg;

	if (m->now)
		return;
	memset(c->sha256, 0, sizeof(c->sha256));
	c->has_sha256 = false;
	c->self_signed = FACT_UNKNOWN;
	c->not_before = c->not_after = TIME_UNKNOWN;
}

static void
mask_run(void *arg, struct study_run_facts *f)
{
	int64_t scan_date = f->scan_date;
	uint32_t pairs_up_to = f->pairs_up_to;

	(void)arg;
	study_run_facts_init(f);
	f->program = "survey " SURVEY_VERSION;
	f->scan_date = scan_date;
	f->pairs_up_to = pairs_up_to;
}

/*
 * The same host has the same pseudonym in all copies of one run for everybody, and another
 * one in the copy of each owner: two owners cannot put their copies together.
 */
static void
choose_key(struct mask *m, const struct kept *kept, const unsigned char key[PSEUDONYM_KEY])
{
	memcpy(m->key, key, sizeof(m->key));
	if (kept->n > 0)
		pseudonym_hash(key, "copy for", kept->asns, kept->n * sizeof(*kept->asns), m->key);
}

static void
choose_hosts(struct mask *m, const struct study *st, const struct kept *kept, bool trust)
{
	bool *with_kept = xcalloc((size_t)st->nclusters + 1, sizeof(*with_kept));

	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];

		if (!(m->kept[i] = kept_host(kept, st, i)))
			continue;
		m->addresses[m->naddresses++] = h->ip;
		if (h->cluster != STUDY_NONE)
			with_kept[h->cluster] = true;
		for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++)
			m->clear[st->grabs[g].key] = true;
	}
	if (m->naddresses > 0)
		qsort(m->addresses, m->naddresses, sizeof(*m->addresses), order_ip);
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];

		m->shown[i] = m->kept[i] || (kept->n == 0 && h->out == OUT_NONE) ||
			      (trust && h->cluster != STUDY_NONE && with_kept[h->cluster]);
	}
	free(with_kept);
}

struct study *
mask_study(const struct study *st, const struct kept *kept, bool trust,
    const unsigned char key[PSEUDONYM_KEY], uint32_t **host_of)
{
	struct mask m = { .now = true };
	struct study_map map = { .arg = &m,
		.keep = mask_keep,
		.shows = mask_shows,
		.named = mask_named,
		.begin = mask_begin,
		.address = mask_address,
		.text = mask_text,
		.as = mask_as,
		.fingerprint = mask_fingerprint,
		.host = mask_host,
		.grab = mask_grab,
		.cert = mask_cert,
		.run = mask_run,
		.by_address = true,
		.no_public = true,
		.used_answers = true,
		.whole_clusters = kept->n > 0 };
	struct study *made;

	m.kept = xcalloc((size_t)st->nhosts + 1, sizeof(*m.kept));
	m.shown = xcalloc((size_t)st->nhosts + 1, sizeof(*m.shown));
	m.clear = xcalloc((size_t)st->nkeys + 1, sizeof(*m.clear));
	m.addresses = xcalloc((size_t)st->nhosts + 1, sizeof(*m.addresses));
	choose_key(&m, kept, key);
	choose_hosts(&m, st, kept, trust);
	made = study_transform(st, &map, host_of);
	alike_hosts(made);
	free(m.kept);
	free(m.shown);
	free(m.clear);
	free(m.addresses);
	return made;
}
