/* Pure: what the tables of figures are counted with. */
#include <stdlib.h>
#include <string.h>

#include "survey/hashtab.h"
#include "survey/mem.h"
#include "survey/port.h"

#include "stats.h"
#include "stats_tables.h"

#define LABELS_MAX 100

const char *const stats_columns[] = { "all", "in clusters", "outside", "share in clusters", NULL };

bool
stats_has_outside(const struct study *st)
{
	return (st->parts & STUDY_OTHERS) != 0;
}

bool
stats_next_port(const struct study *st, uint32_t *grab)
{
	for (; *grab < st->ngrabs; ++*grab) {
		if (study_first_of_port(st, *grab) &&
		    st->hosts[st->grabs[*grab].host].out == OUT_NONE)
			return true;
	}
	return false;
}

bool
stats_is_ssh(const struct study_grab *g)
{
	return port_table[g->port].kind == KEY_SSH_HOST;
}

uint32_t
stats_rsa_bits(const struct study *st, const struct study_grab *g)
{
	const char *alg = study_text(st, g->alg);

	/* Of TLS keys only those of RSA have a length in records. */
	if (g->bits <= 0 || (stats_is_ssh(g) && alg != NULL && strcmp(alg, "ssh-rsa") != 0))
		return 0;
	return (uint32_t)g->bits;
}

const char *
stats_algorithm(const struct study *st, const struct study_grab *g)
{
	return !stats_is_ssh(g) && g->curve != STUDY_NO_TEXT ? study_text(st, g->curve)
							     : study_text(st, g->alg);
}

const struct study_cert *
stats_cert(const struct study *st, const struct study_grab *g)
{
	return g->cert != STUDY_NONE ? &st->certs[g->cert] : NULL;
}

void
split_count(struct split *s, const struct study *st, uint32_t host)
{
	if (st->hosts[host].cluster != STUDY_NONE)
		s->in++;
	else
		s->out++;
}

void
split_row(
    struct table *t, const struct study *st, const char *label, const struct split *s, bool alarm)
{
	struct row *r = table_row(t, "%s", label);

	r->alarm = alarm;
	row_count(r, 1, s->in);
	if (!stats_has_outside(st))
		return;
	row_count(r, 0, s->in + s->out);
	row_count(r, 2, s->out);
	row_share(r, 3, s->in, s->in + s->out);
}

struct label {
	char *text;
	struct split n;
	uint32_t number; /* by first appearance */
	bool alarm;
};

void
tally_init(struct tally *t)
{
	*t = (struct tally){ .n = 0 };
	hashtab_init(&t->index);
}

void
tally(struct tally *t, const struct study *st, const char *label, uint32_t host, bool alarm)
{
	uint32_t hash = hashtab_hash(&t->index, label, strlen(label)), i;
	size_t at;

	for (i = hashtab_first(&t->index, hash, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&t->index, hash, &at)) {
		if (strcmp(t->v[i].text, label) == 0)
			break;
	}
	if (i == HASHTAB_NONE) {
		i = (uint32_t)t->n;
		mem_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v));
		t->v[t->n++] =
		    (struct label){ .text = xstrdup(label), .number = i, .alarm = alarm };
		hashtab_put(&t->index, hash, i);
	}
	split_count(&t->v[i].n, st, host);
}

static int
by_count(const void *pa, const void *pb)
{
	const struct label *a = pa, *b = pb;
	uint64_t x = a->n.in + a->n.out, y = b->n.in + b->n.out;

	if (x != y)
		return x > y ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

void
tally_rows(struct tally *t, struct table *to, const struct study *st, bool all)
{
	size_t shown = all || t->n <= LABELS_MAX ? t->n : LABELS_MAX - 1;
	struct split others = { 0, 0 };

	if (t->n > 1)
		qsort(t->v, t->n, sizeof(*t->v), by_count);
	for (size_t i = 0; i < t->n; i++) {
		if (i < shown) {
			split_row(to, st, t->v[i].text, &t->v[i].n, t->v[i].alarm);
		} else {
			others.in += t->v[i].n.in;
			others.out += t->v[i].n.out;
		}
		free(t->v[i].text);
	}
	if (shown < t->n)
		split_row(to, st, "others", &others, false);
	else
		to->counts = true;
	free(t->v);
	hashtab_fini(&t->index);
}

bool
stats_port_is_reused(const struct study *st, uint32_t grab)
{
	const struct study_grab *g = &st->grabs[grab];
	const struct study_host *h = &st->hosts[g->host];

	for (uint32_t i = grab; i < h->grabs.at + h->grabs.n && st->grabs[i].port == g->port; i++) {
		if (study_key_shared(&st->keys[st->grabs[i].key]))
			return true;
	}
	return false;
}

struct wildcards
stats_wildcards(const struct study *st, const struct study_grab *g)
{
	const struct study_host *h = &st->hosts[g->host];
	struct wildcards w = { false, false };
	bool dn = false, star = false;

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];
		const char *text = study_text_or_empty(st, n->text);

		if (n->port != g->port || (n->source != NAME_DN && n->source != NAME_SAN))
			continue;
		dn |= n->source == NAME_DN;
		star |= strchr(text, '*') != NULL;
		w.ours |= strncmp(text, "*.", 2) == 0;
	}
	w.studies = dn && star && g->trusted == FACT_YES;
	return w;
}

void
stats_count_key_ports(struct key_ports *p, const struct study *st, const struct study_key *k)
{
	*p = (struct key_ports){ .hosts = { 0 } };
	for (uint32_t i = 0; i < k->uses.n; i++) { /* by host, then port: each pair stands once */
		const struct study_use *u = &st->uses[k->uses.at + i];

		p->hosts[u->port]++;
		p->only_host[u->port] = u->host;
	}
}
