/* Rows of survey.db, each handed to the builder of a study. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/publickey.h"
#include "survey/study_builder.h"

#include "rows.h"

static void
ids_add(struct ids *ids, int64_t id)
{
	mem_grow(&ids->v, &ids->cap, ids->n + 1, sizeof(*ids->v));
	ids->v[ids->n++] = id;
}

static uint32_t
ids_find(const struct ids *ids, int64_t id)
{
	size_t lo = 0, hi = ids->n;

	if (id >= 1 && (uint64_t)id <= ids->n && ids->v[id - 1] == id)
		return (uint32_t)(id - 1);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ids->v[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ids->n && ids->v[lo] == id ? (uint32_t)lo : STUDY_NONE;
}

static const char *
column_text(sqlite3_stmt *s, int c, size_t *len)
{
	const char *t = (const char *)sqlite3_column_text(s, c);

	*len = t != NULL ? (size_t)sqlite3_column_bytes(s, c) : 0;
	return t != NULL ? t : "";
}

static uint32_t
text_number(struct reading *r, sqlite3_stmt *s, int c)
{
	size_t len;
	const char *t = column_text(s, c, &len);

	return study_builder_text(r->b, t, len);
}

static int64_t
column_time(sqlite3_stmt *s, int c)
{
	size_t len;
	const char *t = column_text(s, c, &len);

	return len > 0 ? time_parse(t, len) : TIME_UNKNOWN;
}

static uint8_t
column_fact(sqlite3_stmt *s, int c)
{
	if (sqlite3_column_type(s, c) == SQLITE_NULL)
		return FACT_UNKNOWN;
	return sqlite3_column_int(s, c) != 0 ? FACT_YES : FACT_NO;
}

static int32_t
column_known(sqlite3_stmt *s, int c)
{
	sqlite3_int64 v = sqlite3_column_int64(s, c);

	return sqlite3_column_type(s, c) == SQLITE_NULL || v < 0 || v > INT32_MAX ? -1 : (int32_t)v;
}

static uint32_t
column_u32(sqlite3_stmt *s, int c)
{
	sqlite3_int64 v = sqlite3_column_int64(s, c);

	return v < 0 || v > UINT32_MAX ? 0 : (uint32_t)v;
}

int
each_row(struct reading *r, const char *sql, void (*each)(struct reading *, sqlite3_stmt *))
{
	sqlite3_stmt *s = NULL;
	int rc;

	if (sqlite3_prepare_v2(r->db, sql, -1, &s, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_bind_parameter_count(s) > 0)
		sqlite3_bind_int64(s, 1, r->cluster);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW)
		each(r, s);
	sqlite3_finalize(s);
	return rc == SQLITE_DONE ? 0 : -1;
}

void
read_run(struct reading *r, sqlite3_stmt *s)
{
	struct study_run_facts f;
	const char **texts[] = { &f.name, &f.program, &f.source, &f.countries, &f.config_sha256,
		&f.tools };

	study_run_facts_init(&f);
	for (int i = 0; i < 6; i++)
		*texts[i] = (const char *)sqlite3_column_text(s, i);
	f.began = column_time(s, 6);
	f.ended = column_time(s, 7);
	f.scan_date = column_time(s, 8);
	f.seed = (uint64_t)sqlite3_column_int64(s, 9);
	f.shard = column_u32(s, 10);
	f.shards = column_u32(s, 11);
	f.pairs_up_to = column_u32(s, 12);
	f.lines = (uint64_t)sqlite3_column_int64(s, 13);
	f.refused = (uint64_t)sqlite3_column_int64(s, 14);
	study_builder_run(r->b, &f);
}

void
read_answer(struct reading *r, sqlite3_stmt *s)
{
	struct study_answer a = { .at = column_time(s, 4), .ms = column_u32(s, 5) };
	struct ip *addresses = NULL;
	uint32_t *targets = NULL;
	size_t len, cap_addresses = 0, cap_targets = 0;
	const char *t;
	int type, outcome;

	t = column_text(s, 2, &len);
	type = dns_type_from(t, len);
	t = column_text(s, 3, &len);
	outcome = dns_outcome_from(t, len);
	a.name = text_number(r, s, 1);
	if (type == -1 || outcome == -1 || a.name == STUDY_NO_TEXT) {
		r->bad++;
		type = DNS_A; /* its number is taken all the same */
		outcome = DNS_TIMEOUT;
	}
	a.type = (uint8_t)type;
	a.outcome = (uint8_t)outcome;
	t = column_text(s, 6, &len);
	for (size_t at = 0; at < len;) {
		const char *end = memchr(t + at, '\n', len - at);
		size_t n = end != NULL ? (size_t)(end - t) - at : len - at;
		struct ip ip;

		if (!dns_type_has_addresses((enum dns_type)type)) {
			mem_grow(&targets, &cap_targets, a.targets.n + 1, sizeof(*targets));
			targets[a.targets.n++] = study_builder_text(r->b, t + at, n);
		} else if (ip_parse_any(t + at, n, &ip)) {
			mem_grow(&addresses, &cap_addresses, a.addresses.n + 1, sizeof(*addresses));
			addresses[a.addresses.n++] = ip;
		} else {
			r->bad++;
		}
		at += n + 1;
	}
	study_builder_answer(r->b, &a, addresses, targets);
	ids_add(&r->answers, sqlite3_column_int64(s, 0));
	free(addresses);
	free(targets);
}

static int
word_of(const char *const *words, int n, const char *t, size_t len)
{
	for (int i = 0; i < n; i++) {
		if (strlen(words[i]) == len && memcmp(words[i], t, len) == 0)
			return i;
	}
	return -1;
}

/* Hosts of one cluster belong together, whatever their keys say. */
static void
join_cluster(struct reading *r, int64_t id, uint32_t host)
{
	uint32_t at;

	if (id <= 0 || id > UINT32_MAX || (at = ids_find(&r->clusters, id)) == STUDY_NONE)
		return;
	if (r->first_host[at] == 0)
		r->first_host[at] = host + 1;
	else
		study_builder_join(r->b, r->first_host[at] - 1, host);
}

void
read_host(struct reading *r, sqlite3_stmt *s)
{
	struct study_host *h;
	struct ip ip;
	size_t len;
	const char *t = column_text(s, 1, &len);
	uint32_t number = STUDY_NONE, as_name;
	int v;

	ids_add(&r->hosts, sqlite3_column_int64(s, 0));
	mem_grow(&r->host_number, &r->cap_hosts, r->hosts.n, sizeof(*r->host_number));
	if (ip_parse_any(t, len, &ip) && study_builder_find(r->b, &ip) == STUDY_NONE)
		number = study_builder_address(r->b, &ip);
	else
		r->bad++;
	r->host_number[r->hosts.n - 1] = number;
	if (number == STUDY_NONE)
		return;
	as_name = text_number(r, s, 5);
	h = study_builder_host(r->b, number);
	h->record = (uint64_t)sqlite3_column_int64(s, 2);
	t = column_text(s, 3, &len);
	if (len == 2)
		memcpy(h->country, t, 2);
	h->as_own = sqlite3_column_int(s, 6) != 0;
	h->writer = text_number(r, s, 7);
	h->time = column_time(s, 8);
	t = column_text(s, 9, &len);
	if (len > 0) {
		v = word_of(host_out_words, HOST_NOUTS, t, len);
		h->out = (uint8_t)(v > 0 ? v : OUT_NO_KEY);
	}
	t = column_text(s, 11, &len);
	v = word_of(host_verdict_words, HOST_NVERDICTS, t, len);
	h->verdict = (uint8_t)(v >= 0 ? v : HOST_NONE);
	h->rdns = text_number(r, s, 12);
	h->ptr = ids_find(&r->answers, sqlite3_column_int64(s, 13));
	h->as_name = as_name;
	if (sqlite3_column_type(s, 4) != SQLITE_NULL || as_name != STUDY_NO_TEXT) {
		t = column_text(s, 5, &len);
		h->as = study_builder_as(r->b, column_u32(s, 4), t, len);
	}
	if (sqlite3_column_int64(s, 14) > 0)
		h->run = column_u32(s, 14) - 1;
	join_cluster(r, sqlite3_column_int64(s, 10), number);
}

void
read_key(struct reading *r, sqlite3_stmt *s)
{
	struct study_key *k;
	uint8_t fp[KEY_LEN], kind;
	size_t len;
	const char *t = column_text(s, 2, &len);
	uint32_t number, curve;
	int v;

	kind = len == 3 && memcmp(t, "ssh", 3) == 0 ? KEY_SSH_HOST : KEY_TLS_SPKI;
	curve = text_number(r, s, 6);
	t = column_text(s, 1, &len);
	if (hex_parse(t, len, fp, KEY_LEN)) {
		number = study_builder_key(r->b, fp, kind);
	} else {
		r->bad += len > 0;
		number = study_builder_unnamed_key(r->b, kind);
	}
	k = study_builder_key_facts(r->b, number);
	t = column_text(s, 3, &len);
	v = word_of(public_result_words, NPUBLIC_RESULTS, t, len);
	k->public_key = (uint8_t)(v >= 0 ? v : PUBLIC_ABSENT);
	t = column_text(s, 4, &len);
	v = word_of(public_type_words, NPUBLIC_TYPES, t, len);
	k->type = (uint8_t)(v >= 0 ? v : PUBLIC_UNKNOWN);
	k->bits = column_u32(s, 5);
	k->curve = curve;
	k->public_at = (uint64_t)sqlite3_column_int64(s, 0);
	ids_add(&r->keys, sqlite3_column_int64(s, 0));
	mem_grow(&r->key_number, &r->cap_keys, r->keys.n, sizeof(*r->key_number));
	r->key_number[r->keys.n - 1] = number;
}

void
read_cert(struct reading *r, sqlite3_stmt *s)
{
	struct study_cert c;
	size_t len;
	const char *t;
	uint32_t key = ids_find(&r->keys, sqlite3_column_int64(s, 2)), number = STUDY_NONE;

	memset(&c, 0, sizeof(c));
	if (key != STUDY_NONE) {
		t = column_text(s, 1, &len);
		c.has_sha256 = hex_parse(t, len, c.sha256, sizeof(c.sha256));
		if (!c.has_sha256) /* certificates are compared as a whole */
			memset(c.sha256, 0, sizeof(c.sha256));
		c.key = r->key_number[key];
		c.serial = text_number(r, s, 3);
		c.subject = text_number(r, s, 4);
		c.issuer = text_number(r, s, 5);
		c.not_before = column_time(s, 6);
		c.not_after = column_time(s, 7);
		c.self_signed = column_fact(s, 8);
		number = study_builder_cert(r->b, &c);
	}
	ids_add(&r->certs, sqlite3_column_int64(s, 0));
	mem_grow(&r->cert_number, &r->cap_certs, r->certs.n, sizeof(*r->cert_number));
	r->cert_number[r->certs.n - 1] = number;
}

static uint32_t
host_of(struct reading *r, sqlite3_stmt *s, int c)
{
	uint32_t at = ids_find(&r->hosts, sqlite3_column_int64(s, c));

	return at == STUDY_NONE ? STUDY_NONE : r->host_number[at];
}

/* host, port, grab, key; then, with facts, the rest. */
void
read_grab(struct reading *r, sqlite3_stmt *s)
{
	uint32_t host = host_of(r, s, 0), key, cert;
	int row = port_index(column_u32(s, 1));
	struct study_grab g;

	key = ids_find(&r->keys, sqlite3_column_int64(s, 3));
	if (host == STUDY_NONE || row == -1 || key == STUDY_NONE) {
		r->bad++;
		return;
	}
	g = study_grab_plain(host, (uint8_t)row, r->key_number[key]);
	g.grab = text_number(r, s, 2);
	if ((r->parts & STUDY_FACTS) != 0) {
		cert = ids_find(&r->certs, sqlite3_column_int64(s, 4));
		g.cert = cert != STUDY_NONE ? r->cert_number[cert] : STUDY_NONE;
		g.version = text_number(r, s, 5);
		g.cipher = column_known(s, 6);
		g.alg = text_number(r, s, 7);
		g.bits = column_known(s, 8);
		g.curve = text_number(r, s, 9);
		g.trusted = column_fact(s, 10);
		g.timely = column_fact(s, 11);
		g.software = text_number(r, s, 12);
		g.kex = text_number(r, s, 13);
		g.sha1_only = column_fact(s, 14);
		g.at = column_time(s, 15);
	}
	study_builder_grab(r->b, &g);
}

void
read_outcome(struct reading *r, sqlite3_stmt *s)
{
	uint32_t host = host_of(r, s, 0);
	int row = port_index(column_u32(s, 1)), outcome;
	size_t len;
	const char *t = column_text(s, 2, &len);

	outcome = port_outcome_from(t, len);
	if (host == STUDY_NONE || row == -1 || outcome == -1)
		r->bad++;
	else
		study_builder_host(r->b, host)->outcome[row] = (uint8_t)outcome;
}

void
read_name_text(struct reading *r, sqlite3_stmt *s)
{
	ids_add(&r->name_texts, sqlite3_column_int64(s, 0));
	mem_grow(&r->name_number, &r->cap_names, r->name_texts.n, sizeof(*r->name_number));
	r->name_number[r->name_texts.n - 1] = text_number(r, s, 1);
}

void
read_name(struct reading *r, sqlite3_stmt *s)
{
	uint32_t host = host_of(r, s, 0), at;
	struct study_name n = { .verdict = NAME_NOT_LOOKED_UP };
	size_t len;
	const char *t, *end;

	at = ids_find(&r->name_texts, sqlite3_column_int64(s, 1));
	if (host == STUDY_NONE || at == STUDY_NONE) {
		r->bad++;
		return;
	}
	n.text = r->name_number[at];
	t = column_text(s, 3, &len);
	for (int v = 0; v < NAME_NVERDICTS; v++) {
		const char *word = study_name_verdict((uint8_t)v);

		if (strlen(word) == len && memcmp(word, t, len) == 0)
			n.verdict = (uint8_t)v;
	}
	n.answer = ids_find(&r->answers, sqlite3_column_int64(s, 4));
	t = column_text(s, 2, &len);
	end = t + len;
	do {
		const char *blank = memchr(t, ' ', (size_t)(end - t));

		len = (size_t)((blank != NULL ? blank : end) - t);
		if (study_name_key_parse(t, len, &n))
			study_builder_name(r->b, host, &n);
		else
			r->bad++;
		t += len + 1;
	} while (t <= end);
}

void
read_cluster(struct reading *r, sqlite3_stmt *s)
{
	ids_add(&r->clusters, sqlite3_column_int64(s, 0));
	mem_grow(&r->first_host, &r->cap_clusters, r->clusters.n, sizeof(*r->first_host));
	r->first_host[r->clusters.n - 1] = 0;
}

/* The cluster at that place of clusters, when hosts of it were read; else STUDY_NONE. */
static uint32_t
cluster_read(const struct reading *r, sqlite3_stmt *s)
{
	uint32_t at = ids_find(&r->clusters, sqlite3_column_int64(s, 0));

	return at != STUDY_NONE && r->first_host[at] != 0 ? at : STUDY_NONE;
}

/* Rows of others and of others_keys come together: those of one cluster follow each other. */
void
read_others(struct reading *r, sqlite3_stmt *s)
{
	uint32_t at = cluster_read(r, s), key;
	int row;

	if (at == STUDY_NONE)
		return;
	if (at != r->others) {
		study_builder_others(
		    r->b, r->first_host[at] - 1, column_u32(s, 1), column_u32(s, 2));
		r->others = at;
	}
	if (sqlite3_column_type(s, 3) == SQLITE_NULL)
		return;
	key = ids_find(&r->keys, sqlite3_column_int64(s, 3));
	row = port_index(column_u32(s, 4));
	if (key == STUDY_NONE || row == -1)
		r->bad++;
	else
		study_builder_others_key(r->b, r->key_number[key], (uint8_t)row);
}
