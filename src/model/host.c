/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/host.h"
#include "survey/mem.h"

const char *
host_name_key(const struct host_name *n, char key[static HOST_KEY_SIZE])
{
	char *to = key;

	if (n->source == NAME_BANNER)
		return "banner";
	/* By hand: it is done for every name of every host, several times. */
	to = stpcpy(to, port_table[n->port].name);
	if (n->source == NAME_DN) {
		stpcpy(to, "dn");
		return key;
	}
	to = stpcpy(to, "san");
	for (unsigned unit = n->san >= 1000 ? 10000
			     : n->san >= 10 ? 100
					    : 1;
	     unit > 0; unit /= 10) {
		if (n->san >= unit || unit == 1)
			*to++ = (char)('0' + n->san / unit % 10);
	}
	*to = '\0';
	return key;
}

const char *const host_out_words[HOST_NOUTS] = { "", "no-key", "wrong-country", "no-country" };

const char *
host_out_name(enum host_out out)
{
	return host_out_words[out];
}

static int
grab_cmp(const struct host_grab *a, const struct host_grab *b)
{
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return strcmp(a->grab, b->grab); /* "" sorts first */
}

/* Room for one more element after n, from the arena or the heap. */
static void *
room(struct arena *a, void *old, size_t n, size_t size)
{
	void *p;

	if (a == NULL)
		return xreallocarray(old, n + 1, size);
	/* Powers of two: a line's arrays grow one by one. */
	if ((n & (n - 1)) != 0 && n != 0)
		return old;
	p = arena_alloc(a, (n == 0 ? 1 : 2 * n) * size);
	if (n > 0)
		memcpy(p, old, n * size);
	return p;
}

bool
host_put_grab(struct host *h, const struct host_grab *g, struct arena *a)
{
	uint32_t at = h->ngrabs;

	while (at > 0 && grab_cmp(&h->grabs[at - 1], g) > 0)
		at--;
	if (at > 0 && grab_cmp(&h->grabs[at - 1], g) == 0) {
		h->grabs[at - 1] = *g;
		return true;
	}
	h->grabs = room(a, h->grabs, h->ngrabs, sizeof(*g));
	memmove(&h->grabs[at + 1], &h->grabs[at], (h->ngrabs - at) * sizeof(*g));
	h->grabs[at] = *g;
	h->ngrabs++;
	return false;
}

static uint32_t
rank(const struct host_name *n)
{
	return host_name_rank(n->port, n->source, n->san);
}

void
host_put_name(struct host *h, const struct host_name *n, struct arena *a)
{
	uint32_t at = h->nnames;

	while (at > 0 && rank(&h->names[at - 1]) > rank(n))
		at--;
	if (at > 0 && rank(&h->names[at - 1]) == rank(n)) {
		h->names[at - 1] = *n;
		return;
	}
	h->names = room(a, h->names, h->nnames, sizeof(*n));
	memmove(&h->names[at + 1], &h->names[at], (h->nnames - at) * sizeof(*n));
	h->names[at] = *n;
	h->nnames++;
}

/* What a port showed: 2 a key, 1 a server, 0 nothing. */
static int
outcome_rank(enum port_outcome outcome)
{
	return outcome == OUTCOME_KEY ? 2 : outcome == OUTCOME_OPEN;
}

void
host_put_outcome(struct host *h, uint8_t port, bool plain, enum port_outcome outcome)
{
	enum port_outcome had = (enum port_outcome)h->outcome[port];

	if (outcome_rank(outcome) > outcome_rank(had) || had == OUTCOME_NOT_ASKED ||
	    (plain && outcome_rank(had) == 0))
		h->outcome[port] = (uint8_t)outcome;
}

void
host_drop_names(struct host *h, uint8_t port, bool banner)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->nnames; i++) {
		const struct host_name *name = &h->names[i];

		if (name->port != port || (name->source == NAME_BANNER) != banner)
			h->names[n++] = *name;
	}
	h->nnames = n;
}

static bool
has_names(const struct host *h, uint8_t port, bool banner)
{
	for (uint32_t i = 0; i < h->nnames; i++) {
		if (h->names[i].port == port && (h->names[i].source == NAME_BANNER) == banner)
			return true;
	}
	return false;
}

static const struct host_grab *
first_grab(const struct host *h, uint8_t port)
{
	for (uint32_t i = 0; i < h->ngrabs; i++) {
		if (h->grabs[i].port == port)
			return &h->grabs[i];
	}
	return NULL;
}

/* Does a host's certificate names of a port give way to those of a later line? */
static bool
names_give_way(const struct host *h, const struct host *later, uint8_t port)
{
	const struct host_grab *mine = first_grab(h, port), *theirs = first_grab(later, port);

	if (mine == NULL)
		return true;
	return theirs != NULL && strcmp(theirs->grab, mine->grab) <= 0;
}

/* Of two plain grabs the later one counts, unless only the earlier one shows a key. */
static void
merge_outcome(struct host *h, const struct host *later, uint8_t port)
{
	enum port_outcome outcome = (enum port_outcome)later->outcome[port];
	bool plain = (later->seen & 1U << port) != 0;

	if (outcome == OUTCOME_NOT_ASKED)
		return;
	if (plain && (h->seen & 1U << port) != 0 && h->outcome[port] != OUTCOME_KEY)
		h->outcome[port] = (uint8_t)outcome;
	else
		host_put_outcome(h, port, plain, outcome);
}

void
host_merge(struct host *h, const struct host *later, struct arena *a, struct merge_counts *counts)
{
	bool gives_way[NPORTS];

	for (uint8_t port = 0; port < NPORTS; port++) {
		bool again = (h->seen & later->seen & 1U << port) != 0;

		counts->repeated += again;
		gives_way[port] = names_give_way(h, later, port);
		/* What the later one lacks is not to be made up from the earlier one. */
		if (gives_way[port] && (again || has_names(later, port, true)))
			host_drop_names(h, port, true);
		if (gives_way[port] &&
		    (again || first_grab(later, port) != NULL || has_names(later, port, false)))
			host_drop_names(h, port, false);
	}
	for (uint32_t i = 0; i < later->nnames; i++) {
		if (gives_way[later->names[i].port])
			host_put_name(h, &later->names[i], a);
	}
	for (uint32_t i = 0; i < later->ngrabs; i++) {
		if (h->ngrabs < HOST_GRABS_MAX)
			host_put_grab(h, &later->grabs[i], a);
		else
			counts->over++;
	}
	for (uint8_t port = 0; port < NPORTS; port++)
		merge_outcome(h, later, port);
	h->seen |= later->seen;
	if (!h->own_country && later->own_country) {
		h->own_country = true;
		memcpy(h->country, later->country, sizeof(h->country));
	}
	if (!h->own_as && later->own_as) {
		h->own_as = true;
		h->asn = later->asn;
		h->as_name = later->as_name;
	}
	if (h->writer == NULL)
		h->writer = later->writer;
	if (h->time == TIME_UNKNOWN || (later->time != TIME_UNKNOWN && later->time > h->time))
		h->time = later->time;
}
