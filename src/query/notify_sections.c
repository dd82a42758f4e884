/* What a letter tells of hosts and keys: by key, the worst first; for letters of one's own also by host. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/finding.h"
#include "survey/impact.h"
#include "survey/ip.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"

#include "notify.h"
#include "notify_json.h"

/* A letter is to be read: events.csv has the rest. */
#define KEYS_MAX 20 /* of a section */
#define HOSTS_MAX 20 /* of a key */
/* Of an address, its ports and its name in a line of a mail, which has ten more. */
#define COLUMNS_MAX 62

/* A key of the constituency in a section, and the last of its hosts that is being told. */
struct told_key {
	uint32_t key, nhosts, order;
	uint8_t severity; /* enum finding_severity; the worst of its ports */
	const struct notice_key *example;
	int64_t first, last; /* seen */
	uint32_t host; /* the last one, or STUDY_NONE */
	json_object *hosts, *open; /* those told; the last one of them, or NULL */
	struct buf ports; /* of open: "25 143" */
	unsigned nports;
	uint8_t port; /* the last one; a port may show a key in several grabs */
};

struct section {
	struct notifying *x;
	enum notice_status status;
	struct told_key *v;
	size_t n, cap;
};

static void
add_kind(const struct notifying *x, unsigned kind, json_object *list)
{
	json_object *o = json_object_new_object();

	letter_text(o, "kind", finding_kinds[kind].name);
	letter_text(o, "text", notify_word(&x->words, WORD_KIND + kind));
	json_object_array_add(list, o);
}

static json_object *
finding_list(const struct notifying *x, uint32_t first)
{
	json_object *list = json_object_new_array();

	for (uint32_t i = first; i != STUDY_NONE; i = x->n.next_finding[i])
		add_kind(x, x->n.st->findings->findings[i].kind, list);
	return list;
}

json_object *
notify_weak_list(const struct notifying *x)
{
	json_object *list = json_object_new_array();
	bool occurs[FINDING_NKINDS] = { false };

	for (uint32_t k = 0; k < x->view.nkeys; k++)
		for (uint32_t i = x->n.worst[x->view.keys[k]]; i != STUDY_NONE;
		     i = x->n.next_finding[i])
			occurs[x->n.st->findings->findings[i].kind] = true;
	for (unsigned kind = 0; kind < FINDING_NKINDS; kind++)
		if (occurs[kind])
			add_kind(x, kind, list);
	return list;
}

/* What is told of a key wherever it is. */
static json_object *
key_object(struct notifying *x, const struct notice_key *k, uint8_t severity)
{
	const struct study *st = x->n.st;
	const struct study_grab *g = &st->grabs[k->grab];
	struct share s = view_key(&x->view, k->key);
	json_object *o = json_object_new_object();
	struct buf b;

	buf_init(&b);
	letter_flag(o, "is_ssh", g->kind == KEY_SSH_HOST);
	notify_key_type(st, g, &b);
	letter_buf(o, "key_type", &b);
	buf_clear(&b);
	notify_fingerprint(st, g, &b);
	letter_buf(o, "fingerprint", &b);
	letter_text(o, "severity", finding_severity_name((enum finding_severity)severity));
	letter_text(o, "severity_text", notify_word(&x->words, WORD_SEVERITY + severity));
	letter_count(o, "n_own_hosts", s.own_hosts);
	letter_flag(o, "own_shared", s.own_hosts > 1);
	letter_count(o, "n_other_hosts", s.other_hosts);
	letter_count(o, "n_other_operators", s.other_operators);
	letter_flag(o, "pinned", impact_pins(x->impact, k->key));
	letter_put(
	    o, "finding_list", k->finding != STUDY_NONE ? finding_list(x, k->finding) : NULL);
	buf_fini(&b);
	return o;
}

static void
put_days(json_object *o, int64_t first, int64_t last)
{
	letter_day(o, "first_seen", first);
	letter_day(o, "last_seen", last);
}

static void
put_port(json_object *o, uint8_t port)
{
	letter_put(o, "port", json_object_new_int(port_table[port].port));
	letter_text(o, "service", notify_service(port));
}

static json_object *
host_object(const struct notifying *x, uint32_t host)
{
	const struct study *st = x->n.st;
	json_object *o = json_object_new_object();
	char text[IP_STRLEN], name[254];

	letter_text(o, "address", ip_format(&st->hosts[host].ip, text));
	letter_text(o, "name", notify_name(st, host, name));
	letter_count(o, "n_mail_domains", x->impact != NULL ? x->impact->of_host[host] : 0);
	return o;
}

/* ---- by key ---- */

static void
add_key(struct section *s, const struct notice *row, const struct notice_key *k)
{
	uint32_t *place = &s->x->key_place[k->key];
	struct told_key *t;

	if (*place == 0) {
		mem_grow(&s->v, &s->cap, s->n + 1, sizeof(*s->v));
		s->v[s->n] = (struct told_key){ .key = k->key,
			.order = (uint32_t)s->n,
			.severity = k->severity,
			.example = k,
			.first = k->first,
			.last = k->last,
			.host = STUDY_NONE };
		*place = (uint32_t)++s->n;
	}
	t = &s->v[*place - 1];
	t->nhosts += t->host != row->host;
	t->host = row->host;
	if (k->severity < t->severity)
		t->severity = k->severity;
	if (k->first != TIME_UNKNOWN && (t->first == TIME_UNKNOWN || k->first < t->first))
		t->first = k->first;
	if (k->last != TIME_UNKNOWN && (t->last == TIME_UNKNOWN || k->last > t->last))
		t->last = k->last;
}

/* The worst first, then those on most hosts. */
static int
by_weight(const void *pa, const void *pb)
{
	const struct told_key *a = pa, *b = pb;

	if (a->severity != b->severity)
		return a->severity < b->severity ? -1 : 1;
	if (a->nhosts != b->nhosts)
		return a->nhosts > b->nhosts ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* The host that is being told has all its ports. */
static void
end_host(struct told_key *t)
{
	json_object *name;

	if (t->open == NULL)
		return;
	letter_buf(t->open, "ports", &t->ports);
	letter_flag(t->open, "ports_is_one", t->nports == 1);
	name = json_object_object_get(t->open, "name");
	letter_flag(t->open, "name_fits",
	    name != NULL &&
		strlen(json_object_get_string(json_object_object_get(t->open, "address"))) +
			t->ports.len + (size_t)json_object_get_string_len(name) <=
		    COLUMNS_MAX);
	t->open = NULL;
}

static void
add_host(struct section *s, const struct notice *row, const struct notice_key *k)
{
	struct told_key *t = &s->v[s->x->key_place[k->key] - 1];

	if (t->hosts == NULL)
		return; /* of the keys that are not told */
	if (t->host != row->host) {
		end_host(t);
		t->host = row->host;
		if (json_object_array_length(t->hosts) == HOSTS_MAX)
			return;
		t->open = host_object(s->x, row->host);
		put_port(t->open, row->port);
		letter_flag(t->open, "tlsa_mismatch", false);
		json_object_array_add(t->hosts, t->open);
		buf_clear(&t->ports);
		t->nports = 0;
	} else if (t->open == NULL || t->port == row->port) {
		return;
	}
	buf_printf(&t->ports, "%s%u", t->nports++ > 0 ? " " : "", port_table[row->port].port);
	t->port = row->port;
	if (notify_mismatch(s->x, row))
		letter_flag(t->open, "tlsa_mismatch", true);
}

/* All keys of a status that hosts of the constituency have. */
static void
each_key(struct section *s,
    void (*fn)(struct section *, const struct notice *, const struct notice_key *))
{
	const struct notices *n = &s->x->n;
	const struct constituency *c = s->x->view.c;

	for (size_t i = 0; i < c->nhosts; i++) {
		struct study_span rows = n->of_host[c->hosts[i]];

		for (uint32_t r = rows.at; r < rows.at + rows.n; r++) {
			struct study_span keys = n->v[r].keys;

			for (uint32_t k = keys.at; k < keys.at + keys.n; k++)
				if (n->keys[k].status == s->status)
					fn(s, &n->v[r], &n->keys[k]);
		}
	}
}

static json_object *
key_list(struct section *s)
{
	json_object *list = json_object_new_array();
	size_t shown = s->n < KEYS_MAX ? s->n : KEYS_MAX;

	qsort(s->v, s->n, sizeof(*s->v), by_weight);
	for (size_t i = 0; i < s->n; i++) {
		s->x->key_place[s->v[i].key] = (uint32_t)i + 1;
		s->v[i].host = STUDY_NONE;
		if (i < shown)
			s->v[i].hosts = json_object_new_array();
		buf_init(&s->v[i].ports);
	}
	each_key(s, add_host);
	for (size_t i = 0; i < shown; i++) {
		struct told_key *t = &s->v[i];
		json_object *o = key_object(s->x, t->example, t->severity);

		end_host(t);
		put_days(o, t->first, t->last);
		letter_count(o, "n_more_hosts", t->nhosts - json_object_array_length(t->hosts));
		letter_put(o, "place_list", t->hosts);
		json_object_array_add(list, o);
	}
	return list;
}

static void
section_fini(struct section *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->x->key_place[s->v[i].key] = 0;
		buf_fini(&s->v[i].ports);
	}
	free(s->v);
}

/* ---- by host ---- */

static json_object *
port_list(struct notifying *x, uint32_t host, enum notice_status status)
{
	json_object *list = json_object_new_array();
	struct study_span rows = x->n.of_host[host];

	for (uint32_t r = rows.at; r < rows.at + rows.n; r++) {
		const struct notice *row = &x->n.v[r];

		for (uint32_t i = row->keys.at; i < row->keys.at + row->keys.n; i++) {
			const struct notice_key *k = &x->n.keys[i];
			json_object *o;

			if (k->status != status)
				continue;
			o = key_object(x, k, k->severity);
			put_port(o, row->port);
			put_days(o, k->first, k->last);
			letter_flag(o, "tlsa_mismatch", notify_mismatch(x, row));
			json_object_array_add(list, o);
		}
	}
	return list;
}

static json_object *
host_list(struct notifying *x, enum notice_status status)
{
	const struct constituency *c = x->view.c;
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < c->nhosts; i++) {
		json_object *ports = port_list(x, c->hosts[i], status), *o;

		if (json_object_array_length(ports) == 0) {
			json_object_put(ports);
			continue;
		}
		o = host_object(x, c->hosts[i]);
		letter_put(o, "port_list", ports);
		json_object_array_add(list, o);
	}
	return list;
}

json_object *
notify_sections(struct notifying *x, bool by_host)
{
	json_object *list = json_object_new_array();

	if (x->key_place == NULL)
		x->key_place = xcalloc((size_t)x->n.st->nkeys + 1, sizeof(*x->key_place));
	for (int status = 0; status < NOTICE_NSTATUS; status++) {
		struct section s = { .x = x, .status = (enum notice_status)status };
		json_object *o;

		each_key(&s, add_key);
		if (s.n == 0)
			continue;
		o = json_object_new_object();
		for (int k = 0; k < NOTICE_NSTATUS; k++)
			letter_flag(o, notice_status_words[k], x->n.before != NULL && k == status);
		letter_put(o, "key_list", key_list(&s));
		letter_count(o, "n_more_keys", s.n > KEYS_MAX ? s.n - KEYS_MAX : 0);
		if (by_host)
			letter_put(o, "host_list", host_list(x, s.status));
		json_object_array_add(list, o);
		section_fini(&s);
	}
	return list;
}
