/* Lines of records taken up as hosts: a further line of a host is merged with what it showed before. */
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/publickey.h"

#include "build.h"

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
		.serial = build_text(b, g->serial),
		.subject = build_text(b, g->subject),
		.issuer = build_text(b, g->issuer),
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
		.grab = build_text(b, g->grab),
		.alg = build_text(b, g->alg),
		.curve = build_text(b, g->curve),
		.version = build_text(b, g->version),
		.software = build_text(b, g->software),
		.kex = build_text(b, g->kex),
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

static bool
same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Put down what a host shows, in place of what it showed before. */
static void
keep_host(struct study_builder *b, uint32_t host, const struct host *h)
{
	struct draft *d = &b->drafts[host];
	struct study_host *sh = &b->st->hosts[host];
	const char *before = NULL;
	uint32_t text = STUDY_NO_TEXT;

	if (d->grabs.first != STUDY_NONE || d->names.first != STUDY_NONE)
		b->in_order = false; /* the old ones lie in between */
	d->grabs = d->names = (struct list){ STUDY_NONE, STUDY_NONE };
	d->seen = h->seen;
	d->own_country = h->own_country;
	d->judged = false;
	memcpy(sh->country, h->country, sizeof(sh->country));
	memcpy(sh->outcome, h->outcome, sizeof(sh->outcome));
	sh->as_own = h->own_as;
	sh->as_name = build_text(b, h->as_name);
	sh->writer = build_text(b, h->writer);
	sh->time = h->time;
	for (uint32_t i = 0; i < h->ngrabs; i++) {
		struct study_grab g = take_grab(b, host, &h->grabs[i]);

		study_builder_grab(b, &g);
	}
	for (uint32_t i = 0; i < h->nnames; i++) {
		const char *name = h->names[i].text; /* mostly that before */
		struct study_name n = { .text = same_text(name, before) ? text
									: build_text(b, name),
			.answer = STUDY_NONE,
			.san = h->names[i].san,
			.source = h->names[i].source,
			.port = h->names[i].port,
			.verdict = NAME_NOT_LOOKED_UP };

		study_builder_name(b, host, &n);
		before = name;
		text = n.text;
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
	build_texts_room(b, line_room(line));
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
	build_texts_room(b, line_room(line));
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
		to->curve = build_text(b, study_text(st, from->curve));
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
