/* Taking up hosts, keys, certificates and names; finish.c makes the study of them. */
#include <errno.h>
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

/* Room for a text of len bytes; none that is there moves until it is used up. */
static void
texts_room(struct study_builder *b, size_t len)
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
	texts_room(b, len);
	if (st->ntexts / STUDY_TEXT_STEP >= STUDY_NONE)
		return STUDY_NO_TEXT; /* 32 GiB of texts */
	number = (uint32_t)(st->ntexts / STUDY_TEXT_STEP);
	memcpy(st->texts + st->ntexts, s, len);
	memset(st->texts + st->ntexts + len, 0, STUDY_TEXT_STEP);
	st->ntexts += (len + STUDY_TEXT_STEP) / STUDY_TEXT_STEP * STUDY_TEXT_STEP;
	hashtab_put(&b->texts, h, number);
	return number;
}

/* The number of a text that may be one of ours already. */
static uint32_t
text_of(struct study_builder *b, const char *s)
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
	r->name = text_of(b, f->name);
	r->program = text_of(b, f->program);
	r->source = text_of(b, f->source);
	r->countries = text_of(b, f->countries);
	r->config_sha256 = text_of(b, f->config_sha256);
	r->tools = text_of(b, f->tools);
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
new_key(struct study_builder *b, uint8_t kind)
{
	struct study *st = b->st;

	mem_grow(&st->keys, &b->cap_keys, (size_t)st->nkeys + 1, sizeof(*st->keys));
	st->keys[st->nkeys] = (struct study_key){ .kind = kind, .public_key = PUBLIC_ABSENT };
	return st->nkeys++;
}

uint32_t
study_builder_key(struct study_builder *b, const uint8_t fp[KEY_LEN], uint8_t kind)
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
study_builder_unnamed_key(struct study_builder *b, uint8_t kind)
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

/* A public key is decoded until one grab of the key has shown one that hashes right. */
static void
take_public(struct study_builder *b, uint32_t key, const struct host_grab *g)
{
	struct study_key *k = &b->st->keys[key];
	struct public_key p;
	enum public_result r;

	if (k->public_key == PUBLIC_OK || g->public_key == NULL)
		return;
	r = public_key_decode(g->public_key, (enum key_kind)g->kind, g->fp, &b->scratch, &p);
	if (r == PUBLIC_ABSENT)
		return;
	k->public_key = (uint8_t)r;
	if (r != PUBLIC_OK)
		return;
	k->type = (uint8_t)p.type;
	k->bits = p.bits;
	k->curve = p.curve != NULL ? study_builder_text(b, p.curve, strlen(p.curve))
				   : STUDY_NO_TEXT;
	if (b->spool != -1)
		(void)spool_put(b, key, &p); /* a full disk is told at the finish */
	else
		k->public_key = PUBLIC_OK;
}

static uint32_t
take_cert(struct study_builder *b, uint32_t key, const struct host_grab *g)
{
	struct study_cert c;

	if (g->kind == KEY_SSH_HOST ||
	    (g->cert == NULL && g->serial == NULL && g->subject == NULL && g->issuer == NULL &&
		g->not_before == TIME_UNKNOWN && g->not_after == TIME_UNKNOWN &&
		g->self_signed == FACT_UNKNOWN))
		return STUDY_NONE;
	memset(&c, 0, sizeof(c));
	c = (struct study_cert){ .has_sha256 = g->cert != NULL,
		.self_signed = g->self_signed,
		.key = key,
		.serial = text_of(b, g->serial),
		.subject = text_of(b, g->subject),
		.issuer = text_of(b, g->issuer),
		.not_before = g->not_before,
		.not_after = g->not_after };
	if (g->cert != NULL)
		memcpy(c.sha256, g->cert, sizeof(c.sha256));
	return study_builder_cert(b, &c);
}

/* A line's grab; one that was taken up before and comes back from a merge is as it was. */
static struct study_grab
take_grab(struct study_builder *b, uint32_t host, const struct host_grab *g)
{
	uint32_t key = study_builder_key(b, g->fp, g->kind);

	take_public(b, key, g);
	return (struct study_grab){ .host = host,
		.key = key,
		.cert = take_cert(b, key, g),
		.grab = text_of(b, g->grab),
		.alg = text_of(b, g->alg),
		.curve = text_of(b, g->curve),
		.version = text_of(b, g->version),
		.software = text_of(b, g->software),
		.kex = text_of(b, g->kex),
		.bits = g->key_bits,
		.cipher = g->cipher_suite,
		.at = g->at,
		.port = g->port,
		.kind = g->kind,
		.trusted = g->trusted,
		.timely = FACT_UNKNOWN,
		.sha1_only = g->sha1_only };
}

/* Arrays of ours move while a merge is taken up: what it points to must not. */
static const uint8_t *
digest_copy(struct arena *a, const uint8_t *digest)
{
	return memcpy(arena_alloc(a, KEY_LEN), digest, KEY_LEN);
}

static struct host_grab
show_grab(const struct study *st, const struct study_grab *g, struct arena *a)
{
	const struct study_cert *c = g->cert != STUDY_NONE ? &st->certs[g->cert] : NULL;

	return (struct host_grab){ .port = g->port,
		.kind = g->kind,
		.trusted = g->trusted,
		.sha1_only = g->sha1_only,
		.self_signed = c != NULL ? c->self_signed : FACT_UNKNOWN,
		.cipher_suite = g->cipher,
		.key_bits = g->bits,
		.fp = digest_copy(a, st->keys[g->key].fp),
		.grab = study_text_or_empty(st, g->grab),
		.alg = study_text(st, g->alg),
		.curve = study_text(st, g->curve),
		.version = study_text(st, g->version),
		.software = study_text(st, g->software),
		.kex = study_text(st, g->kex),
		.issuer = c != NULL ? study_text(st, c->issuer) : NULL,
		.subject = c != NULL ? study_text(st, c->subject) : NULL,
		.serial = c != NULL ? study_text(st, c->serial) : NULL,
		.cert = c != NULL && c->has_sha256 ? digest_copy(a, c->sha256) : NULL,
		.not_before = c != NULL ? c->not_before : TIME_UNKNOWN,
		.not_after = c != NULL ? c->not_after : TIME_UNKNOWN,
		.at = g->at };
}

/* The host without its grabs and names. */
static struct host
show_plain(const struct study *st, const struct study_host *sh)
{
	struct host h = { .ip = sh->ip,
		.out = sh->out,
		.own_as = sh->as_own,
		.asn = sh->as != STUDY_NONE ? st->ases[sh->as].asn : 0,
		.record = sh->record,
		.time = sh->time,
		.as_name = study_text(st, sh->as_name),
		.writer = study_text(st, sh->writer) };

	memcpy(h.country, sh->country, sizeof(h.country));
	memcpy(h.outcome, sh->outcome, sizeof(h.outcome));
	return h;
}

static void
show_name(const struct study *st, const struct study_name *from, struct host *h, struct arena *a)
{
	struct host_name n = { study_text_or_empty(st, from->text), from->source, from->port,
		from->san };

	host_put_name(h, &n, a);
}

void
study_show_host(const struct study *st, uint32_t host, struct arena *a, struct host *out)
{
	const struct study_host *sh = &st->hosts[host];

	*out = show_plain(st, sh);
	out->own_country = sh->country[0] != '\0';
	for (int port = 0; port < NPORTS; port++) {
		if (sh->outcome[port] != OUTCOME_NOT_ASKED)
			out->seen |= (uint16_t)(1U << port);
	}
	for (uint32_t i = sh->grabs.at; i < sh->grabs.at + sh->grabs.n; i++) {
		struct host_grab g = show_grab(st, &st->grabs[i], a);

		host_put_grab(out, &g, a);
	}
	for (uint32_t i = sh->names.at; i < sh->names.at + sh->names.n; i++) {
		if (st->names[i].source != NAME_RDNS)
			show_name(st, &st->names[i], out, a);
	}
}

/* The host as host.h has it, in the scratch arena. */
static struct host
show_host(struct study_builder *b, uint32_t host)
{
	const struct study *st = b->st;
	const struct draft *d = &b->drafts[host];
	struct host h = show_plain(st, &st->hosts[host]);

	h.own_country = d->own_country;
	h.seen = d->seen;
	for (uint32_t i = d->grabs.first; i != STUDY_NONE; i = b->grab_next[i]) {
		struct host_grab g = show_grab(st, &st->grabs[i], &b->scratch);

		host_put_grab(&h, &g, &b->scratch);
	}
	for (uint32_t i = d->names.first; i != STUDY_NONE; i = b->name_next[i])
		show_name(st, &st->names[i], &h, &b->scratch);
	return h;
}

static size_t
text_room(const char *s)
{
	return s == NULL ? 0 : strlen(s) + 2 * STUDY_TEXT_STEP;
}

/* What a line's texts may take, so that none of ours moves while both are merged. */
static size_t
line_room(const struct host *line)
{
	size_t n = text_room(line->as_name) + text_room(line->writer);

	for (uint32_t i = 0; i < line->ngrabs; i++) {
		const struct host_grab *g = &line->grabs[i];

		n += text_room(g->grab) + text_room(g->alg) + text_room(g->curve) +
		     text_room(g->version) + text_room(g->software) + text_room(g->kex) +
		     text_room(g->issuer) + text_room(g->subject) + text_room(g->serial) + 64;
	}
	for (uint32_t i = 0; i < line->nnames; i++)
		n += text_room(line->names[i].text);
	return n;
}

/* Put down what a host shows, in place of what it showed before. */
static void
keep_host(struct study_builder *b, uint32_t host, const struct host *h)
{
	struct draft *d = &b->drafts[host];
	struct study_host *sh = &b->st->hosts[host];

	if (d->grabs.first != STUDY_NONE || d->names.first != STUDY_NONE)
		b->in_order = false; /* the old ones lie in between */
	d->grabs = d->names = (struct list){ STUDY_NONE, STUDY_NONE };
	d->seen = h->seen;
	d->own_country = h->own_country;
	d->judged = false;
	memcpy(sh->country, h->country, sizeof(sh->country));
	memcpy(sh->outcome, h->outcome, sizeof(sh->outcome));
	sh->as_own = h->own_as;
	sh->as_name = text_of(b, h->as_name);
	sh->writer = text_of(b, h->writer);
	sh->time = h->time;
	for (uint32_t i = 0; i < h->ngrabs; i++) {
		struct study_grab g = take_grab(b, host, &h->grabs[i]);

		study_builder_grab(b, &g);
	}
	for (uint32_t i = 0; i < h->nnames; i++) {
		struct study_name n = { .text = text_of(b, h->names[i].text),
			.answer = STUDY_NONE,
			.san = h->names[i].san,
			.source = h->names[i].source,
			.port = h->names[i].port,
			.verdict = NAME_NOT_LOOKED_UP };

		study_builder_name(b, host, &n);
	}
	sh->as = h->asn != 0 || (h->as_name != NULL && *h->as_name != '\0')
		     ? study_builder_as_text(b, h->asn, sh->as_name)
		     : STUDY_NONE;
}

uint32_t
study_builder_line(struct study_builder *b, const struct host *line, uint64_t number, bool *is_new)
{
	uint32_t host = study_builder_find(b, &line->ip);

	arena_reset(&b->scratch);
	texts_room(b, line_room(line));
	*is_new = host == STUDY_NONE;
	if (*is_new) {
		host = study_builder_address(b, &line->ip);
		b->st->hosts[host].record = number;
		keep_host(b, host, line);
	} else {
		struct host h = show_host(b, host);

		host_merge(&h, line, &b->scratch, &b->merged);
		keep_host(b, host, &h);
	}
	return host;
}

void
study_builder_replace(
    struct study_builder *b, uint32_t host, const struct host *line, uint64_t number)
{
	arena_reset(&b->scratch);
	texts_room(b, line_room(line));
	b->st->hosts[host].record = number;
	b->st->hosts[host].run = b->st->nruns - 1;
	keep_host(b, host, line);
}

int
study_builder_public(struct study_builder *b, const struct study *st, uint32_t key)
{
	const struct study_key *from = &st->keys[key];
	uint32_t number = study_builder_key(b, from->fp, from->kind);
	struct study_key *to = &b->st->keys[number];
	struct public_key p;
	struct buf bytes;
	int rc;

	if (to->public_key == PUBLIC_OK || from->public_key == PUBLIC_ABSENT)
		return 0;
	to->public_key = from->public_key;
	if (from->public_key != PUBLIC_OK)
		return 0;
	buf_init(&bytes);
	rc = st->public_get != NULL ? st->public_get(st, key, &p, &bytes) : -1;
	if (rc == 0) {
		to->type = from->type;
		to->bits = from->bits;
		to->curve = text_of(b, study_text(st, from->curve));
		(void)spool_put(b, number, &p); /* a full disk is told at the finish */
	}
	buf_fini(&bytes);
	return rc;
}

const struct host *
study_builder_merged(struct study_builder *b, uint32_t host)
{
	arena_reset(&b->scratch);
	b->merged_host = show_host(b, host);
	return &b->merged_host;
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
	h->as_name = text_of(b, as_name);
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
