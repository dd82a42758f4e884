/* The host object of fingerprints.json, all-key-fingerprints.json, collisions.json and dogies.json. */
#include <stdlib.h>
#include <string.h>

#include "writer.h"

static int
by_port_name(const void *a, const void *b)
{
	return strcmp(port_table[*(const uint8_t *)a].name, port_table[*(const uint8_t *)b].name);
}

static int
by_digits(const void *pa, const void *pb)
{
	uint8_t a = *(const uint8_t *)pa, b = *(const uint8_t *)pb;
	uint8_t first_a = a >= 10 ? a / 10 : a, first_b = b >= 10 ? b / 10 : b;

	if (first_a != first_b)
		return first_a < first_b ? -1 : 1;
	return a < b ? -1 : a > b;
}

void
byte_order_init(struct byte_order *o)
{
	for (uint8_t i = 0; i < NPORTS; i++)
		o->ports[i] = i;
	for (uint8_t i = 0; i < HOST_SANS_MAX; i++)
		o->sans[i] = i;
	qsort(o->ports, NPORTS, 1, by_port_name);
	qsort(o->sans, HOST_SANS_MAX, 1, by_digits);
}

static void
write_fact(struct jsonw *w, const char *key, uint8_t f)
{
	if (f == FACT_UNKNOWN)
		return;
	jsonw_key(w, key);
	jsonw_bool(w, f == FACT_YES);
}

static void
write_text(struct jsonw *w, const char *key, const char *text)
{
	jsonw_key(w, key);
	jsonw_string(w, text);
}

static void
write_ssh(struct jsonw *w, const struct study *st, const struct study_grab *g)
{
	const char *alg = study_text(st, g->alg);

	if (alg != NULL && strcmp(alg, "ssh-rsa") != 0) {
		write_text(w, "alg", alg);
	} else if (g->bits >= 0) {
		JSONW_KEY(w, "rsalen");
		jsonw_int(w, g->bits);
	}
}

static void
write_tls(struct jsonw *w, const struct study *st, const struct study_grab *g)
{
	const char *curve = study_text(st, g->curve), *alg = study_text(st, g->alg);
	bool rsa = g->bits >= 0;

	write_fact(w, "browser_trusted", g->trusted);
	if (g->cipher >= 0) {
		JSONW_KEY(w, "cipher_suite");
		jsonw_int(w, g->cipher);
	}
	if (!rsa && curve != NULL)
		write_text(w, "ecdsacurve", curve);
	if (rsa) {
		JSONW_KEY(w, "rsalen");
		jsonw_int(w, g->bits);
	}
	write_fact(w, "self_signed",
	    g->cert != STUDY_NONE ? st->certs[g->cert].self_signed : FACT_UNKNOWN);
	if (!rsa && curve == NULL && alg != NULL)
		write_text(w, "spkialg", alg);
	write_fact(w, "timely", g->timely);
}

static const struct study_grab *
shown_grab(const struct study *st, const struct study_host *h, uint8_t port)
{
	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		if (st->grabs[i].port == port)
			return &st->grabs[i];
	}
	return NULL;
}

/* "p25dn", "p25dn-ip", "p25dn-seen", as far as they are known. */
static void
write_name(struct jsonw *w, const struct study *st, const struct study_name *n)
{
	char key[HOST_KEY_SIZE], longer[HOST_KEY_SIZE + 8], ip[IP_STRLEN], time[TIME_SIZE];
	const char *name = study_name_key(n, key);
	const struct ip *other = study_name_address(st, n);
	char *end = stpcpy(longer, name);

	write_text(w, name, study_text_or_empty(st, n->text));
	if (n->answer == STUDY_NONE)
		return;
	if (other != NULL) {
		memcpy(end, "-ip", sizeof("-ip"));
		write_text(w, longer, ip_format(other, ip));
	}
	if (st->answers[n->answer].at == TIME_UNKNOWN)
		return;
	memcpy(end, "-seen", sizeof("-seen"));
	write_text(w, longer, time_format(st->answers[n->answer].at, time));
}

static void
write_names_of_port(struct jsonw *w, const struct study *st, const struct study_host *h,
    uint8_t port, const struct byte_order *order)
{
	const struct study_name *at[HOST_SANS_MAX] = { NULL };
	bool sans = false;

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];

		if (n->port != port)
			continue;
		if (n->source == NAME_DN) {
			write_name(w, st, n);
		} else if (n->source == NAME_SAN && n->san < HOST_SANS_MAX) {
			at[n->san] = n;
			sans = true;
		}
	}
	for (int i = 0; sans && i < HOST_SANS_MAX; i++) {
		if (at[order->sans[i]] != NULL)
			write_name(w, st, at[order->sans[i]]);
	}
}

static void
write_keys_of(struct jsonw *w, const char *key, const struct study *st, const struct study_host *h,
    enum name_verdict which)
{
	char name[HOST_KEY_SIZE];

	jsonw_key(w, key);
	jsonw_array(w);
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		if (st->names[i].verdict == which)
			jsonw_string(w, study_name_key(&st->names[i], name));
	}
	jsonw_end_array(w);
}

static const struct study_name *
first_name(const struct study *st, const struct study_host *h, uint8_t source)
{
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		if (st->names[i].source == source)
			return &st->names[i];
	}
	return NULL;
}

static void
write_nameset(struct jsonw *w, const struct study *st, const struct output_host *oh)
{
	const struct study_host *h = oh->h;
	const struct study_name *n;
	char time[TIME_SIZE];

	jsonw_object(w);
	JSONW_KEY(w, "allbad");
	jsonw_bool(w, study_all_bad(st, h));
	if ((n = first_name(st, h, NAME_BANNER)) != NULL)
		write_name(w, st, n);
	write_keys_of(w, "besty", st, h, NAME_GOOD);
	for (int i = 0; i < NPORTS; i++)
		write_names_of_port(w, st, h, oh->order->ports[i], oh->order);
	if ((n = first_name(st, h, NAME_RDNS)) != NULL) {
		write_name(w, st, n);
		if (h->ptr != STUDY_NONE && st->answers[h->ptr].at != TIME_UNKNOWN)
			write_text(w, "rdns_seen", time_format(st->answers[h->ptr].at, time));
	}
	write_keys_of(w, "unknown", st, h, NAME_UNKNOWN);
	jsonw_end_object(w);
}

void
analysis_write(struct jsonw *w, const struct study *st, const struct output_host *oh)
{
	jsonw_object(w);
	JSONW_KEY(w, "nameset");
	write_nameset(w, st, oh);
	for (int i = 0; i < NPORTS; i++) {
		uint8_t port = oh->order->ports[i];
		const struct study_grab *g = shown_grab(st, oh->h, port);

		if (port >= NPORTS_STUDY)
			continue;
		jsonw_key(w, port_table[port].name);
		jsonw_object(w);
		if (g != NULL && g->kind == KEY_SSH_HOST)
			write_ssh(w, st, g);
		else if (g != NULL)
			write_tls(w, st, g);
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
}

const char *
host_as_name(const struct study *st, const struct study_host *h, struct buf *scratch)
{
	if (!h->as_own)
		return study_text_or_empty(st, h->as_name);
	buf_clear(scratch);
	buf_adds(scratch, study_text_or_empty(st, h->as_name));
	for (size_t i = 0; i < scratch->len; i++) {
		if (scratch->data[i] >= 'A' && scratch->data[i] <= 'Z')
			scratch->data[i] = (char)(scratch->data[i] - 'A' + 'a');
	}
	return scratch->data;
}

uint32_t
host_cluster_id(const struct study *st, const struct study_host *h)
{
	return h->cluster == STUDY_NONE ? 0 : st->clusters[h->cluster].id;
}

static void
write_fprints(struct jsonw *w, const struct study *st, const struct study_host *h,
    const struct byte_order *order)
{
	jsonw_object(w);
	for (int i = 0; i < NPORTS; i++) {
		const struct study_grab *g = shown_grab(st, h, order->ports[i]);

		if (g == NULL || order->ports[i] >= NPORTS_STUDY || !st->keys[g->key].named)
			continue;
		jsonw_key(w, port_table[order->ports[i]].name);
		jsonw_hex(w, st->keys[g->key].fp, KEY_LEN);
	}
	jsonw_end_object(w);
}

void
host_begin(
    struct jsonw *w, const struct study *st, const struct output_host *oh, enum host_form form)
{
	const struct study_host *h = oh->h;
	char ip[IP_STRLEN];
	struct buf scratch;

	buf_init(&scratch);
	jsonw_object(w);
	buf_addc(&w->out, '\n');
	JSONW_KEY(w, "analysis");
	jsonw_raw(w, oh->analysis, oh->analysis_len);
	write_text(w, "asn", host_as_name(st, h, &scratch));
	JSONW_KEY(w, "asndec");
	jsonw_uint(w, st->ases[h->as].asn);
	JSONW_KEY(w, "clusternum");
	jsonw_uint(w, form == FORM_BEFORE ? 0 : host_cluster_id(st, h));
	JSONW_KEY(w, "csize");
	jsonw_uint(w,
	    form == FORM_BEFORE || h->cluster == STUDY_NONE ? 1 : st->clusters[h->cluster].hosts.n);
	JSONW_KEY(w, "fprints");
	write_fprints(w, st, h, oh->order);
	write_text(w, "ip", ip_format(&h->ip, ip));
	JSONW_KEY(w, "ip_record");
	jsonw_uint(w, h->record);
	JSONW_KEY(w, "nrcs");
	jsonw_uint(w, form == FORM_BEFORE ? 0 : h->nrcs);
	JSONW_KEY(w, "rcs");
	buf_fini(&scratch);
}

void
host_end(struct jsonw *w, const struct study *st, const struct output_host *oh, bool truncated)
{
	const char *writer = study_text(st, oh->h->writer);

	if (truncated) {
		JSONW_KEY(w, "rcs_truncated");
		jsonw_bool(w, true);
	}
	write_text(w, "writer", writer != NULL ? writer : "unknown");
	buf_addc(&w->out, '\n');
	jsonw_end_object(w);
	jsonw_newline(w);
}

void
host_write(
    struct jsonw *w, const struct study *st, const struct output_host *oh, enum host_form form)
{
	host_begin(w, st, oh, form);
	jsonw_raw(w, "{}", 2);
	host_end(w, st, oh, false);
}
