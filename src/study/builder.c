/* Taking up hosts, keys, certificates and names; finish.c makes the study of them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/publickey.h"

#include "build.h"

struct study_builder *
study_builder_new(void)
{
	struct study_builder *b = xcalloc(1, sizeof(*b));

	b->st = xcalloc(1, sizeof(*b->st));
	b->st->parts = STUDY_ALL;
	b->in_order = true;
	b->last_host = STUDY_NONE;
	b->spool = -1;
	hashtab_init(&b->texts);
	hashtab_init(&b->ips);
	hashtab_init(&b->keys);
	hashtab_init(&b->certs);
	hashtab_init(&b->ases);
	arena_init(&b->scratch);
	buf_init(&b->spooled);
	mem_grow(&b->st->texts, &b->cap_texts, STUDY_TEXT_STEP, 1);
	memset(b->st->texts, 0, STUDY_TEXT_STEP); /* text 0 is none */
	b->st->ntexts = STUDY_TEXT_STEP;
	return b;
}

void
build_drop_tables(struct study_builder *b)
{
	hashtab_fini(&b->texts);
	hashtab_fini(&b->ips);
	hashtab_fini(&b->keys);
	hashtab_fini(&b->certs);
	hashtab_fini(&b->ases);
}

void
study_builder_free(struct study_builder *b)
{
	if (b == NULL)
		return;
	study_free(b->st);
	build_drop_tables(b);
	arena_fini(&b->scratch);
	buf_fini(&b->spooled);
	free(b->drafts);
	free(b->grab_next);
	free(b->name_next);
	free(b->joins);
	if (b->spool != -1)
		close(b->spool);
	free(b);
}

void
study_builder_spool(struct study_builder *b, int fd)
{
	b->spool = fd;
}

void
study_builder_parts(struct study_builder *b, unsigned parts)
{
	b->st->parts = parts;
}

void
build_texts_room(struct study_builder *b, size_t len)
{
	mem_grow(&b->st->texts, &b->cap_texts, b->st->ntexts + len + 2 * STUDY_TEXT_STEP, 1);
}

uint32_t
study_builder_text(struct study_builder *b, const char *s, size_t len)
{
	struct study *st = b->st;
	const char *nul = len > 0 ? memchr(s, '\0', len) : NULL;
	uint32_t h, number;
	size_t at;

	if (nul != NULL)
		len = (size_t)(nul - s); /* nothing after a NUL byte counts */
	if (len == 0)
		return STUDY_NO_TEXT;
	h = hashtab_hash(&b->texts, s, len);
	for (number = hashtab_first(&b->texts, h, &at); number != HASHTAB_NONE;
	     number = hashtab_next(&b->texts, h, &at)) {
		const char *t = st->texts + (size_t)number * STUDY_TEXT_STEP;

		if (strncmp(t, s, len) == 0 && t[len] == '\0')
			return number;
	}
	build_texts_room(b, len);
	if (st->ntexts / STUDY_TEXT_STEP >= STUDY_NONE)
		return STUDY_NO_TEXT; /* 32 GiB of texts */
	number = (uint32_t)(st->ntexts / STUDY_TEXT_STEP);
	memcpy(st->texts + st->ntexts, s, len);
	memset(st->texts + st->ntexts + len, 0, STUDY_TEXT_STEP);
	st->ntexts += (len + STUDY_TEXT_STEP) / STUDY_TEXT_STEP * STUDY_TEXT_STEP;
	hashtab_put(&b->texts, h, number);
	return number;
}

uint32_t
build_text(struct study_builder *b, const char *s)
{
	const struct study *st = b->st;

	if (s == NULL || *s == '\0')
		return STUDY_NO_TEXT;
	if (s > st->texts && s < st->texts + st->ntexts)
		return (uint32_t)((size_t)(s - st->texts) / STUDY_TEXT_STEP);
	return study_builder_text(b, s, strlen(s));
}

void
study_run_facts_init(struct study_run_facts *f)
{
	*f = (struct study_run_facts){
		.began = TIME_UNKNOWN, .ended = TIME_UNKNOWN, .scan_date = TIME_UNKNOWN
	};
}

uint32_t
study_builder_run(struct study_builder *b, const struct study_run_facts *f)
{
	struct study *st = b->st;
	struct study_run *r;

	mem_grow(&st->runs, &b->cap_runs, (size_t)st->nruns + 1, sizeof(*st->runs));
	r = &st->runs[st->nruns];
	*r = (struct study_run){ .began = f->began,
		.ended = f->ended,
		.scan_date = f->scan_date,
		.seed = f->seed,
		.shard = f->shard,
		.shards = f->shards,
		.pairs_up_to = f->pairs_up_to,
		.lines = f->lines,
		.refused = f->refused };
	r->name = build_text(b, f->name);
	r->program = build_text(b, f->program);
	r->source = build_text(b, f->source);
	r->countries = build_text(b, f->countries);
	r->config_sha256 = build_text(b, f->config_sha256);
	r->tools = build_text(b, f->tools);
	return st->nruns++;
}

void
study_builder_set_run(struct study_builder *b, const struct study_run_facts *f)
{
	if (b->st->nruns > 0)
		b->st->nruns--;
	study_builder_run(b, f);
}

uint32_t
study_builder_find(const struct study_builder *b, const struct ip *ip)
{
	uint32_t h = hashtab_hash(&b->ips, ip, sizeof(*ip)), i;
	size_t at;

	for (i = hashtab_first(&b->ips, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&b->ips, h, &at)) {
		if (ip_cmp(&b->st->hosts[i].ip, ip) == 0)
			return i;
	}
	return STUDY_NONE;
}

uint32_t
study_builder_address(struct study_builder *b, const struct ip *ip)
{
	struct study *st = b->st;
	uint32_t i = study_builder_find(b, ip);

	if (i != STUDY_NONE)
		return i;
	if (st->nruns == 0) {
		struct study_run_facts f;

		study_run_facts_init(&f);
		study_builder_run(b, &f);
	}
	i = st->nhosts++;
	mem_grow(&st->hosts, &b->cap_hosts, st->nhosts, sizeof(*st->hosts));
	mem_grow(&b->drafts, &b->cap_drafts, st->nhosts, sizeof(*b->drafts));
	memset(&st->hosts[i], 0, sizeof(st->hosts[i]));
	st->hosts[i] = (struct study_host){ .ip = *ip,
		.verdict = HOST_NONE,
		.run = st->nruns - 1,
		.as = STUDY_NONE,
		.ptr = STUDY_NONE,
		.cluster = STUDY_NONE,
		.time = TIME_UNKNOWN };
	b->drafts[i] = (struct draft){ { STUDY_NONE, STUDY_NONE }, { STUDY_NONE, STUDY_NONE },
		.judged = true };
	hashtab_put(&b->ips, hashtab_hash(&b->ips, ip, sizeof(*ip)), i);
	return i;
}

struct study_host *
study_builder_host(struct study_builder *b, uint32_t host)
{
	return &b->st->hosts[host];
}

uint32_t
study_builder_as(struct study_builder *b, uint32_t asn, const char *name, size_t len)
{
	return study_builder_as_text(b, asn, study_builder_text(b, name, len));
}

uint32_t
study_builder_as_text(struct study_builder *b, uint32_t asn, uint32_t text)
{
	struct study *st = b->st;
	uint32_t h, i;
	/* Its number is an AS; the name, which two files may spell in two ways, only where it has none. */
	uint32_t id[2] = { asn, asn != 0 ? 0 : text };
	size_t at;

	h = hashtab_hash(&b->ases, id, sizeof(id));
	for (i = hashtab_first(&b->ases, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&b->ases, h, &at)) {
		if (st->ases[i].asn == asn && (asn != 0 || st->ases[i].name == text)) {
			if (st->ases[i].name == STUDY_NO_TEXT)
				st->ases[i].name = text;
			return i;
		}
	}
	mem_grow(&st->ases, &b->cap_ases, (size_t)st->nases + 1, sizeof(*st->ases));
	st->ases[st->nases] = (struct study_as){ .asn = asn, .name = text };
	hashtab_put(&b->ases, h, st->nases);
	return st->nases++;
}

static uint32_t
new_key(struct study_builder *b, enum key_kind kind)
{
	struct study *st = b->st;

	mem_grow(&st->keys, &b->cap_keys, (size_t)st->nkeys + 1, sizeof(*st->keys));
	st->keys[st->nkeys] = (struct study_key){ .kind = (uint8_t)kind,
		.public_key = PUBLIC_ABSENT };
	return st->nkeys++;
}

uint32_t
study_builder_key(struct study_builder *b, const uint8_t fp[KEY_LEN], enum key_kind kind)
{
	uint32_t h = hashtab_hash(&b->keys, fp, KEY_LEN), i;
	size_t at;

	for (i = hashtab_first(&b->keys, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&b->keys, h, &at)) {
		if (memcmp(b->st->keys[i].fp, fp, KEY_LEN) == 0)
			return i;
	}
	i = new_key(b, kind);
	memcpy(b->st->keys[i].fp, fp, KEY_LEN);
	b->st->keys[i].named = true;
	hashtab_put(&b->keys, h, i);
	return i;
}

uint32_t
study_builder_unnamed_key(struct study_builder *b, enum key_kind kind)
{
	return new_key(b, kind);
}

struct study_key *
study_builder_key_facts(struct study_builder *b, uint32_t key)
{
	return &b->st->keys[key];
}

static bool
same_cert(const struct study_cert *a, const struct study_cert *b)
{
	return a->has_sha256 == b->has_sha256 && memcmp(a->sha256, b->sha256, 32) == 0 &&
	       a->self_signed == b->self_signed && a->key == b->key && a->serial == b->serial &&
	       a->subject == b->subject && a->issuer == b->issuer &&
	       a->not_before == b->not_before && a->not_after == b->not_after;
}

/* Distinct as a whole: a digest that lies merges nothing. */
uint32_t
study_builder_cert(struct study_builder *b, const struct study_cert *c)
{
	struct study *st = b->st;
	struct {
		uint8_t sha256[32];
		uint32_t key, serial, subject, issuer;
		int64_t not_before, not_after;
	} id = { .key = c->key,
		.serial = c->serial,
		.subject = c->subject,
		.issuer = c->issuer,
		.not_before = c->not_before,
		.not_after = c->not_after };
	uint32_t h, i;
	size_t at;

	memcpy(id.sha256, c->sha256, 32);
	h = hashtab_hash(&b->certs, &id, sizeof(id));
	for (i = hashtab_first(&b->certs, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&b->certs, h, &at)) {
		if (same_cert(&st->certs[i], c))
			return i;
	}
	mem_grow(&st->certs, &b->cap_certs, (size_t)st->ncerts + 1, sizeof(*st->certs));
	st->certs[st->ncerts] = *c;
	hashtab_put(&b->certs, h, st->ncerts);
	return st->ncerts++;
}

static void
list_append(struct list *l, uint32_t *next, uint32_t i)
{
	next[i] = STUDY_NONE;
	if (l->last == STUDY_NONE)
		l->first = i;
	else
		next[l->last] = i;
	l->last = i;
}

/* Grabs and names that come host by host need not be moved at the end. */
static void
note_order(struct study_builder *b, uint32_t host)
{
	if (b->last_host != STUDY_NONE && host < b->last_host)
		b->in_order = false;
	b->last_host = host;
}

struct study_grab
study_grab_plain(uint32_t host, uint8_t port, uint32_t key)
{
	return (struct study_grab){ .host = host,
		.key = key,
		.cert = STUDY_NONE,
		.bits = -1,
		.cipher = -1,
		.at = TIME_UNKNOWN,
		.port = port,
		.kind = (uint8_t)port_table[port].kind,
		.trusted = FACT_UNKNOWN,
		.timely = FACT_UNKNOWN,
		.sha1_only = FACT_UNKNOWN };
}

void
study_builder_grab(struct study_builder *b, const struct study_grab *g)
{
	struct study *st = b->st;

	mem_grow(&st->grabs, &b->cap_grabs, (size_t)st->ngrabs + 1, sizeof(*st->grabs));
	mem_grow(&b->grab_next, &b->cap_grab_next, (size_t)st->ngrabs + 1, sizeof(*b->grab_next));
	note_order(b, g->host);
	st->grabs[st->ngrabs] = *g;
	list_append(&b->drafts[g->host].grabs, b->grab_next, st->ngrabs++);
}

void
study_builder_name(struct study_builder *b, uint32_t host, const struct study_name *n)
{
	struct study *st = b->st;

	mem_grow(&st->names, &b->cap_names, (size_t)st->nnames + 1, sizeof(*st->names));
	mem_grow(&b->name_next, &b->cap_name_next, (size_t)st->nnames + 1, sizeof(*b->name_next));
	note_order(b, host);
	st->names[st->nnames] = *n;
	list_append(&b->drafts[host].names, b->name_next, st->nnames++);
}

uint32_t
study_builder_answer(struct study_builder *b, const struct study_answer *a,
    const struct ip *addresses, const uint32_t *targets)
{
	struct study *st = b->st;
	struct study_answer *to;

	mem_grow(&st->answers, &b->cap_answers, (size_t)st->nanswers + 1, sizeof(*st->answers));
	to = &st->answers[st->nanswers];
	*to = *a;
	to->addresses.at = st->naddresses;
	to->targets.at = st->ntargets;
	mem_grow(&st->addresses, &b->cap_addresses, (size_t)st->naddresses + a->addresses.n,
	    sizeof(*st->addresses));
	if (a->addresses.n > 0)
		memcpy(
		    st->addresses + st->naddresses, addresses, a->addresses.n * sizeof(*addresses));
	mem_grow(&st->targets, &b->cap_targets, (size_t)st->ntargets + a->targets.n,
	    sizeof(*st->targets));
	if (a->targets.n > 0)
		memcpy(st->targets + st->ntargets, targets, a->targets.n * sizeof(*targets));
	st->naddresses += a->addresses.n;
	st->ntargets += a->targets.n;
	return st->nanswers++;
}

void
study_builder_join(struct study_builder *b, uint32_t host, uint32_t other)
{
	mem_grow(&b->joins, &b->cap_joins, b->njoins + 1, sizeof(*b->joins));
	b->joins[b->njoins][0] = host;
	b->joins[b->njoins++][1] = other;
}

void
study_builder_others(struct study_builder *b, uint32_t host, uint32_t hosts, uint32_t ases)
{
	struct study *st = b->st;

	mem_grow(&st->others, &b->cap_others, (size_t)st->nothers + 1, sizeof(*st->others));
	st->others[st->nothers++] = (struct study_others){ .host = host,
		.cluster = STUDY_NONE,
		.hosts = hosts,
		.ases = ases,
		.keys = { st->nothers_keys, 0 } };
}

void
study_builder_others_key(struct study_builder *b, uint32_t key, uint8_t port)
{
	struct study *st = b->st;

	mem_grow(&st->others_keys, &b->cap_others_keys, (size_t)st->nothers_keys + 1,
	    sizeof(*st->others_keys));
	st->others_keys[st->nothers_keys++] = (struct study_others_key){ key, port };
	st->others[st->nothers - 1].keys.n++;
}

void
study_builder_place(
    struct study_builder *b, uint32_t host, const char *country, uint32_t asn, const char *as_name)
{
	struct study_host *h = &b->st->hosts[host];

	if (country != NULL)
		memcpy(h->country, country, sizeof(h->country));
	if (h->as_own || (asn == 0 && (as_name == NULL || *as_name == '\0')))
		return;
	h->as_name = build_text(b, as_name);
	h->as = study_builder_as_text(b, asn, h->as_name);
}

void
study_builder_out(struct study_builder *b, uint32_t host, enum host_out out)
{
	b->st->hosts[host].out = (uint8_t)out;
}

const char *
study_builder_text_of(const struct study_builder *b, uint32_t text)
{
	return study_text(b->st, text);
}

uint32_t
study_builder_nruns(const struct study_builder *b)
{
	return b->st->nruns;
}

uint32_t
study_builder_nhosts(const struct study_builder *b)
{
	return b->st->nhosts;
}

bool
study_builder_has_key(const struct study_builder *b, uint32_t host)
{
	return b->drafts[host].grabs.first != STUDY_NONE;
}

struct merge_counts
study_builder_merges(const struct study_builder *b)
{
	return b->merged;
}
