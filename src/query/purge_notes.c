/* What notify and recheck have noted of a run, when hosts go: the lines tell of the rest, in the numbers that clusters have now. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/order.h"

#include "purge.h"

#define NO_AS "no-as" /* the constituency of hosts whose AS is not known */

/* A cluster of before, an AS with hosts there, and where these are now; each once, sorted. */
struct move {
	uint32_t was, asn, now; /* numbers of clusters as people see them */
};

struct notes {
	struct purge *p;
	struct move *moves;
	size_t nmoves;
};

static int
by_move(const void *pa, const void *pb)
{
	const struct move *a = pa, *b = pb;
	int c = order_u32(&a->was, &b->was);

	if (c == 0)
		c = order_u32(&a->asn, &b->asn);
	return c != 0 ? c : order_u32(&a->now, &b->now);
}

static void
find_moves(struct notes *n)
{
	const struct study *before = n->p->before, *after = n->p->after;
	size_t kept = 0;

	n->moves = xcalloc((size_t)after->nhosts + 1, sizeof(*n->moves));
	for (uint32_t i = 0; i < after->nhosts; i++) {
		const struct study_host *is = &after->hosts[i];
		const struct study_host *was = &before->hosts[n->p->host_of[i]];

		if (is->cluster == STUDY_NONE || was->cluster == STUDY_NONE)
			continue;
		n->moves[n->nmoves++] = (struct move){ .was = before->clusters[was->cluster].id,
			.asn = after->ases[is->as].asn,
			.now = after->clusters[is->cluster].id };
	}
	if (n->nmoves > 1)
		qsort(n->moves, n->nmoves, sizeof(*n->moves), by_move);
	for (size_t i = 0; i < n->nmoves; i++) {
		if (kept == 0 || by_move(&n->moves[kept - 1], &n->moves[i]) != 0)
			n->moves[kept++] = n->moves[i];
	}
	n->nmoves = kept;
}

/* The first move of a cluster, or where it would be. */
static size_t
first_move(const struct notes *n, uint32_t was)
{
	size_t lo = 0, hi = n->nmoves;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (n->moves[mid].was < was)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* "AS64500" and "no-as", whose number is 0; false: a network or a domain. */
static bool
as_of(const char *constituency, uint32_t *asn)
{
	unsigned long long number;
	char *end;

	*asn = 0;
	if (strcmp(constituency, NO_AS) == 0)
		return true;
	if (strncmp(constituency, "AS", 2) != 0 || constituency[2] < '1' || constituency[2] > '9')
		return false;
	number = strtoull(constituency + 2, &end, 10);
	*asn = (uint32_t)number;
	return *end == '\0' && number <= UINT32_MAX;
}

static bool
has_as(const struct study *st, uint32_t asn)
{
	for (uint32_t i = 0; i < st->nases; i++) {
		if (st->ases[i].asn == asn && st->ases[i].nhosts > 0)
			return true;
	}
	return false;
}

/*
 * Where the clusters of a line are now; of one that fell apart, for an AS, the parts with hosts of it.  What is
 * no number of a cluster goes.
 */
static json_object *
moved(const struct notes *n, json_object *clusters, bool is_as, uint32_t asn)
{
	json_object *list = json_object_new_array();
	size_t count = json_object_array_length(clusters), nnow = 0, cap = 0;
	uint32_t *now = NULL;

	for (size_t i = 0; i < count; i++) {
		int64_t id = json_object_get_int64(json_object_array_get_idx(clusters, i));
		uint32_t was = id > 0 && id < STUDY_NONE ? (uint32_t)id : STUDY_NONE;

		for (size_t m = first_move(n, was); m < n->nmoves && n->moves[m].was == was; m++) {
			if (is_as && n->moves[m].asn != asn)
				continue;
			mem_grow(&now, &cap, nnow + 1, sizeof(*now));
			now[nnow++] = n->moves[m].now;
		}
	}
	if (nnow > 1)
		qsort(now, nnow, sizeof(*now), order_u32);
	for (size_t i = 0; i < nnow; i++) {
		if (i == 0 || now[i] != now[i - 1])
			json_object_array_add(list, json_object_new_int64(now[i]));
	}
	free(now);
	return list;
}

/* Put list in the place of a member; true when that changes anything.  Takes ownership of list. */
static bool
replace(json_object *o, const char *member, json_object *list)
{
	if (json_object_equal(json_object_object_get(o, member), list)) {
		json_object_put(list);
		return false;
	}
	json_object_object_add(o, member, list);
	return true;
}

/* Who was told: not an AS all of whose hosts go. */
static enum purge_line
edit_told(const struct notes *n, json_object *o)
{
	json_object *who = json_object_object_get(o, "constituency");
	json_object *clusters = json_object_object_get(o, "clusters");
	uint32_t asn = 0;
	bool is_as = json_object_is_type(who, json_type_string) &&
		     as_of(json_object_get_string(who), &asn);

	if (is_as && has_as(n->p->before, asn) && !has_as(n->p->after, asn))
		return PURGE_GOES;
	if (!json_object_is_type(clusters, json_type_array))
		return PURGE_STAYS;
	return replace(o, "clusters", moved(n, clusters, is_as, asn)) ? PURGE_CHANGED : PURGE_STAYS;
}

/* Who was asked again. */
static enum purge_line
edit_asked(const struct notes *n, json_object *o)
{
	json_object *hosts = json_object_object_get(o, "hosts"), *list;
	size_t count;

	if (!json_object_is_type(hosts, json_type_array))
		return PURGE_STAYS;
	list = json_object_new_array();
	count = json_object_array_length(hosts);
	for (size_t i = 0; i < count; i++) {
		json_object *host = json_object_array_get_idx(hosts, i);
		const char *s = json_object_is_type(host, json_type_string)
				    ? json_object_get_string(host)
				    : "";
		struct ip ip;

		if (!ip_parse(s, strlen(s), &ip) || !traces_has_address(&n->p->traces, &ip))
			json_object_array_add(list, json_object_get(host));
	}
	if (count > 0 && json_object_array_length(list) == 0) {
		json_object_put(list);
		return PURGE_GOES;
	}
	return replace(o, "hosts", list) ? PURGE_CHANGED : PURGE_STAYS;
}

static enum purge_line
edit_line(const struct notes *n, const char *line, size_t len, struct buf *to,
    enum purge_line (*edit)(const struct notes *n, json_object *o))
{
	json_object *o = json_tokener_parse(line);
	enum purge_line what = PURGE_STAYS;
	const char *s = line;

	if (json_object_is_type(o, json_type_object))
		what = edit(n, o);
	if (what == PURGE_CHANGED) {
		s = json_object_to_json_string_length(
		    o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
		buf_add(to, s, len);
	}
	/* What else of it speaks of them. */
	if (traces_in(&n->p->traces, s, len))
		what = PURGE_GOES;
	json_object_put(o);
	return what;
}

static enum purge_line
told_line(const char *line, size_t len, struct buf *to, void *arg)
{
	return edit_line(arg, line, len, to, edit_told);
}

static enum purge_line
asked_line(const char *line, size_t len, struct buf *to, void *arg)
{
	return edit_line(arg, line, len, to, edit_asked);
}

int
purge_notes(struct purge *p)
{
	struct notes n = { .p = p };
	int rc = 0;

	if (p->had_told) {
		find_moves(&n);
		rc = purge_lines(p, NOTIFIED_FILE, told_line, &n);
	}
	if (rc == 0 && p->had_asked)
		rc = purge_lines(p, RECHECKED_FILE, asked_line, &n);
	free(n.moves);
	return rc;
}
