/* weak.json: one weak key a line. */
#include <stdlib.h>
#include <string.h>

#include "survey/base64.h"
#include "survey/buf.h"
#include "survey/finding.h"
#include "survey/jsonw.h"
#include "survey/publickey.h"

#include "weak_json.h"

#define FORMAT 1

/* The next element of an array on a line of its own. */
static void
next_line(struct jsonw *w, bool first)
{
	buf_adds(&w->out, first ? "\n" : ",\n");
	w->comma = false;
}

/* As `ssh-keygen -lf` prints it. */
static void
put_base64(struct jsonw *w, const char *key, const struct study_key *k)
{
	struct buf b;

	buf_init(&b);
	base64_fingerprint(&b, k->fp);
	jsonw_member_string(w, key, b.data);
	buf_fini(&b);
}

static void
put_checks(struct jsonw *w, const struct findings *all)
{
	jsonw_key(w, "checks");
	jsonw_array(w);
	for (int i = 0; i < NCHECKS; i++) {
		const struct finding_checked *c = &all->checks[i];

		next_line(w, i == 0);
		jsonw_object(w);
		jsonw_member_string(w, "check", finding_check_name((enum finding_check)i));
		jsonw_member_string(w, "state", c->made ? "checked" : "not checked");
		jsonw_member_uint(w, "keys", c->keys);
		jsonw_member_string(w, "why", c->why);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_key(w, "lists");
	jsonw_array(w);
	for (size_t i = 0; i < all->nlists; i++) {
		const struct finding_list *l = &all->lists[i];

		next_line(w, i == 0);
		jsonw_object(w);
		jsonw_member_string(w, "name", l->name);
		jsonw_member_string(w, "note", l->note);
		jsonw_member_uint(w, "keys", l->rows);
		jsonw_member_uint(w, "bad_lines", l->bad);
		jsonw_member_string(w, "error", l->error);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
put_severities(struct jsonw *w, const struct findings *all)
{
	uint64_t count[FINDING_NSEVERITIES] = { 0 };

	for (size_t i = 0; i < all->nfindings; i++)
		count[finding_kinds[all->findings[i].kind].severity]++;
	jsonw_key(w, "findings");
	jsonw_object(w);
	for (int i = 0; i < FINDING_NSEVERITIES; i++)
		jsonw_member_uint(w, finding_severity_name((enum finding_severity)i), count[i]);
	jsonw_end_object(w);
}

/* Where it stands: hosts and ports, and the clusters of these hosts. */
static void
put_places(struct jsonw *w, const struct study *st, const struct study_key *k)
{
	uint32_t last = STUDY_NONE;
	char ip[IP_STRLEN];

	jsonw_member_uint(w, "hosts", k->nhosts);
	jsonw_key(w, "clusters");
	jsonw_array(w);
	/* All hosts of a key are in one cluster, or there is one host. */
	if (k->uses.n > 0)
		last = st->hosts[st->uses[k->uses.at].host].cluster;
	if (last != STUDY_NONE)
		jsonw_uint(w, st->clusters[last].id);
	jsonw_end_array(w);
	jsonw_key(w, "at");
	jsonw_array(w);
	for (uint32_t i = k->uses.at; i < k->uses.at + k->uses.n; i++) {
		const struct study_host *h = &st->hosts[st->uses[i].host];

		jsonw_array(w);
		jsonw_string(w, ip_format(&h->ip, ip));
		jsonw_string(w, port_table[st->uses[i].port].name);
		jsonw_uint(w, st->ases[h->as].asn);
		jsonw_end_array(w);
	}
	jsonw_end_array(w);
}

static void
put_finding(struct jsonw *w, const struct study *st, size_t number)
{
	const struct findings *all = st->findings;
	const struct finding *f = &all->findings[number];
	struct buf evidence;

	buf_init(&evidence);
	study_evidence(st, number, &evidence);
	jsonw_object(w);
	jsonw_member_string(w, "kind", finding_kinds[f->kind].name);
	jsonw_member_string(w, "severity", finding_severity_name(finding_kinds[f->kind].severity));
	jsonw_member_string(w, "evidence", evidence.data);
	if (f->kind == FINDING_LISTED)
		jsonw_member_string(w, "list", all->lists[f->list].name);
	if (f->nrefs > 0) {
		jsonw_key(w, "groups");
		jsonw_array(w);
		for (size_t i = 0; i < f->nrefs; i++)
			jsonw_uint(w, (uint64_t)all->refs[f->refs_at + i] + 1);
		jsonw_end_array(w);
	}
	jsonw_end_object(w);
	buf_fini(&evidence);
}

static void
put_keys(struct jsonw *w, const struct study *st)
{
	const struct findings *all = st->findings;
	struct finding_index x;
	bool first = true;

	finding_index_init(&x, all, st->nkeys);
	jsonw_key(w, "keys");
	jsonw_array(w);
	for (size_t i = 0; i < all->nfindings; i++) {
		uint32_t key = all->findings[i].key;
		const struct study_key *k = &st->keys[key];
		bool ok = k->public_key == PUBLIC_OK;

		if (x.first[key] != i + 1) /* its worst finding has brought it */
			continue;
		next_line(w, first);
		first = false;
		jsonw_object(w);
		jsonw_key(w, "fp");
		jsonw_hex(w, k->fp, sizeof(k->fp));
		jsonw_member_string(w, "kind", k->kind == KEY_SSH_HOST ? "ssh" : "tls");
		if (k->kind == KEY_SSH_HOST)
			put_base64(w, "ssh_fp", k);
		jsonw_member_string(
		    w, "type", ok ? public_type_name((enum public_type)k->type) : NULL);
		jsonw_member_uint(w, "bits", k->bits);
		jsonw_member_string(w, "curve", study_text(st, k->curve));
		put_places(w, st, k);
		jsonw_key(w, "findings");
		jsonw_array(w);
		for (size_t f = x.first[key]; f != 0; f = x.next[f - 1])
			put_finding(w, st, f - 1);
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	buf_adds(&w->out, "\n");
	jsonw_end_array(w);
	finding_index_fini(&x);
}

/* Every member of a group has a finding: its fingerprint is that of a weak key. */
static void
put_groups(struct jsonw *w, const struct study *st)
{
	const struct findings *all = st->findings;

	jsonw_key(w, "groups");
	jsonw_array(w);
	for (size_t i = 0; i < all->ngroups; i++) {
		const struct finding_group *g = &all->groups[i];

		next_line(w, i == 0);
		jsonw_object(w);
		jsonw_member_uint(w, "id", i + 1);
		jsonw_key(w, "keys");
		jsonw_array(w);
		for (size_t j = 0; j < g->n; j++)
			jsonw_hex(w, st->keys[all->members[g->at + j]].fp, KEY_LEN);
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

/* Named otherwise than in hexadecimal: these are not weak. */
static void
put_skipped(struct jsonw *w, const struct study *st)
{
	const struct findings *all = st->findings;

	jsonw_key(w, "not_checked");
	jsonw_array(w);
	for (size_t i = 0; i < all->nskipped; i++) {
		next_line(w, i == 0);
		jsonw_object(w);
		put_base64(w, "key", &st->keys[all->skipped[i].key]);
		jsonw_member_string(w, "reason", finding_skip_name(all->skipped[i].reason));
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

int
weak_json_write(const struct study *st, FILE *f)
{
	struct jsonw w;
	int rc;

	jsonw_init(&w, f);
	jsonw_object(&w);
	jsonw_member_uint(&w, "format", FORMAT);
	put_severities(&w, st->findings);
	put_checks(&w, st->findings);
	put_keys(&w, st);
	put_groups(&w, st);
	put_skipped(&w, st);
	jsonw_end_object(&w);
	jsonw_newline(&w);
	rc = jsonw_flush(&w);
	jsonw_fini(&w);
	return rc;
}
