/* Who is to go, by what each is known, and the study without them. */
#include <stdlib.h>
#include <string.h>

#include "survey/base64.h"
#include "survey/buf.h"
#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/transform.h"

#include "purge.h"

static bool
goes(const struct purge *p, uint32_t host)
{
	return p->o->hosts != NULL && ipset_contains(p->o->hosts, &p->before->hosts[host].ip);
}

/* As it stands in a file of ours, and as it is looked up. */
static void
add_name(struct traces *t, const char *text)
{
	char normal[NAME_SIZE];

	if (text == NULL || *text == '\0')
		return;
	traces_add(t, text);
	if (name_normalise(text, strlen(text), normal) == NAME_OK)
		traces_add(t, normal);
}

static void
add_answer(const struct study *st, struct traces *t, uint32_t answer)
{
	if (answer == STUDY_NONE)
		return;
	for (uint32_t i = 0; i < st->answers[answer].targets.n; i++)
		add_name(t, study_text(st, st->targets[st->answers[answer].targets.at + i]));
	add_name(t, study_text(st, st->answers[answer].name));
}

/* With all names that its address leads to, or only those that count. */
static void
add_names(const struct study *st, struct traces *t, uint32_t host, bool all)
{
	const struct study_host *h = &st->hosts[host];
	char reverse[NAME_SIZE];

	name_reverse(&h->ip, reverse);
	add_name(t, reverse);
	add_name(t, study_text(st, h->rdns));
	if (all)
		add_answer(st, t, h->ptr);
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++)
		add_name(t, study_text(st, st->names[i].text));
}

static void
add_fingerprint(struct traces *t, const uint8_t fp[32])
{
	char hex[65];
	struct buf b;

	hex_format(fp, 32, hex);
	traces_add(t, hex);
	buf_init(&b);
	base64_fingerprint(&b, fp);
	traces_add(t, b.data);
	buf_fini(&b);
}

/* Keys and certificates that nobody shows who stays. */
static void
add_keys(struct purge *p)
{
	const struct study *st = p->before;
	bool *key_stays = xcalloc((size_t)st->nkeys + 1, sizeof(*key_stays));
	bool *cert_stays = xcalloc((size_t)st->ncerts + 1, sizeof(*cert_stays));

	for (uint32_t i = 0; i < st->ngrabs; i++) {
		const struct study_grab *g = &st->grabs[i];

		if (goes(p, g->host))
			continue;
		key_stays[g->key] = true;
		if (g->cert != STUDY_NONE)
			cert_stays[g->cert] = true;
	}
	for (uint32_t k = 0; k < st->nkeys; k++) {
		if (!key_stays[k] && st->keys[k].named)
			add_fingerprint(&p->traces, st->keys[k].fp);
	}
	for (uint32_t c = 0; c < st->ncerts; c++) {
		if (!cert_stays[c] && st->certs[c].has_sha256)
			add_fingerprint(&p->traces, st->certs[c].sha256);
	}
	free(key_stays);
	free(cert_stays);
}

void
purge_find(struct purge *p)
{
	const struct study *st = p->before;
	struct traces stay, go;

	p->traces.addresses = p->o->hosts;
	if (p->o->records)
		return;
	traces_init(&stay, NULL);
	traces_init(&go, NULL);
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (p->o->names || goes(p, i))
			add_names(st, &go, i, true);
		else
			add_names(st, &stay, i, false);
		p->hosts_gone += goes(p, i);
	}
	for (size_t i = 0; i < go.n; i++) {
		if (!traces_has(&stay, go.words[i], strlen(go.words[i])))
			traces_add(&p->traces, go.words[i]);
	}
	traces_fini(&stay);
	traces_fini(&go);
	if (p->o->hosts != NULL)
		add_keys(p);
}

uint64_t
purge_renumber(const struct purge *p, uint64_t record)
{
	size_t lo = 0, hi = p->ngone;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->gone[mid] < record)
			lo = mid + 1;
		else
			hi = mid;
	}
	return record - lo;
}

static bool
keep_host(void *arg, const struct study *st, uint32_t host)
{
	(void)st;
	return !goes(arg, host);
}

static bool
keep_names(void *arg, const struct study *st, uint32_t host)
{
	const struct purge *p = arg;

	(void)st;
	(void)host;
	return !p->o->names;
}

static struct ip
keep_address(void *arg, const struct study *st, uint32_t host, const struct ip *ip)
{
	const struct purge *p = arg;

	(void)st;
	(void)host;
	return traces_has_address(&p->traces, ip) ? (struct ip){ .family = 0 } : *ip;
}

static bool
keep_answer(void *arg, const struct study *st, uint32_t answer)
{
	const struct purge *p = arg;
	const char *name = study_text(st, st->answers[answer].name);

	return !p->o->names && name != NULL && !traces_has(&p->traces, name, strlen(name));
}

/* Only what DNS said of others can still hold a name that goes. */
static void
keep_text(void *arg, enum study_text_kind kind, const char *s, struct buf *out)
{
	const struct purge *p = arg;

	if (kind != TEXT_NAME || p->o->hosts == NULL || !traces_has(&p->traces, s, strlen(s)))
		buf_adds(out, s);
}

static void
map_host(void *arg, struct study_host *h)
{
	const struct purge *p = arg;

	h->record = purge_renumber(p, h->record);
	if (p->o->names)
		h->verdict = HOST_NONE; /* that of a host without names */
}

/* Subject and issuer are names. */
static void
map_cert(void *arg, struct study_cert *c)
{
	const struct purge *p = arg;

	if (p->o->names)
		c->subject = c->issuer = STUDY_NO_TEXT;
}

static void
map_run(void *arg, struct study_run_facts *f)
{
	const struct purge *p = arg;

	if (p->before->nruns != 1)
		return;
	f->lines -= p->ngone < f->lines ? p->ngone : f->lines;
	f->refused -= p->refused_gone < f->refused ? p->refused_gone : f->refused;
}

void
purge_study(struct purge *p)
{
	struct study_map map = { .arg = p,
		.keep = keep_host,
		.address = keep_address,
		.answer = keep_answer,
		.text = keep_text,
		.host = map_host,
		.cert = map_cert,
		.run = map_run,
		.named = keep_names };

	p->after = study_transform(p->before, &map, &p->host_of);
}
