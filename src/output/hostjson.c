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

enum fact
grab_timely(const struct output_study *s, const struct host *h, const struct host_grab *g)
{
	int64_t date = s->scan_date;

	if (date == TIME_UNKNOWN)
		date = g->at != TIME_UNKNOWN ? g->at : h->time;
	if (date == TIME_UNKNOWN || g->not_before == TIME_UNKNOWN || g->not_after == TIME_UNKNOWN)
		return FACT_UNKNOWN;
	return g->not_before <= date && date < g->not_after ? FACT_YES : FACT_NO;
}

static void
write_fact(struct jsonw *w, const char *key, enum fact f)
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
write_ssh(struct jsonw *w, const struct host_grab *g)
{
	if (g->alg != NULL && strcmp(g->alg, "ssh-rsa") != 0) {
		write_text(w, "alg", g->alg);
	} else if (g->key_bits >= 0) {
		jsonw_key(w, "rsalen");
		jsonw_int(w, g->key_bits);
	}
}

static void
write_tls(
    struct jsonw *w, const struct output_study *s, const struct host *h, const struct host_grab *g)
{
	bool rsa = g->key_bits >= 0;

	write_fact(w, "browser_trusted", g->trusted);
	if (g->cipher_suite >= 0) {
		jsonw_key(w, "cipher_suite");
		jsonw_int(w, g->cipher_suite);
	}
	if (!rsa && g->curve != NULL)
		write_text(w, "ecdsacurve", g->curve);
	if (rsa) {
		jsonw_key(w, "rsalen");
		jsonw_int(w, g->key_bits);
	}
	write_fact(w, "self_signed", g->self_signed);
	if (!rsa && g->curve == NULL && g->alg != NULL)
		write_text(w, "spkialg", g->alg);
	write_fact(w, "timely", grab_timely(s, h, g));
}

static const struct host_grab *
shown_grab(const struct host *h, uint8_t port)
{
	for (uint32_t i = 0; i < h->ngrabs; i++) {
		if (h->grabs[i].port == port)
			return &h->grabs[i];
	}
	return NULL;
}

/* "p25dn", "p25dn-ip", "p25dn-seen", as far as they are known. */
static void
write_name(struct jsonw *w, const char *key, const char *text, const struct verdict_name *v)
{
	char longer[HOST_KEY_SIZE + 8], ip[IP_STRLEN], time[TIME_SIZE];

	write_text(w, key, text);
	if (v == NULL || v->answer == NULL)
		return;
	if (v->verdict == NAME_BAD && v->answer->naddrs > 0) {
		snprintf(longer, sizeof(longer), "%s-ip", key);
		write_text(w, longer, ip_format(&v->answer->addrs[0], ip));
	}
	snprintf(longer, sizeof(longer), "%s-seen", key);
	write_text(w, longer, time_format(v->answer->at, time));
}

static void
write_names_of_port(
    struct jsonw *w, const struct output_host *oh, uint8_t port, const struct byte_order *order)
{
	const struct host *h = oh->h;
	int64_t at[HOST_SANS_MAX];
	bool sans = false;

	for (int i = 0; i < HOST_SANS_MAX; i++)
		at[i] = -1;
	for (uint32_t i = 0; i < h->nnames; i++) {
		const struct host_name *n = &h->names[i];

		if (n->port != port)
			continue;
		if (n->source == NAME_DN) {
			write_name(w, oh->refs[i].key, n->text, oh->named[i]);
		} else if (n->source == NAME_SAN && n->san < HOST_SANS_MAX) {
			at[n->san] = i;
			sans = true;
		}
	}
	for (int i = 0; sans && i < HOST_SANS_MAX; i++) {
		int64_t k = at[order->sans[i]];

		if (k >= 0)
			write_name(w, oh->refs[k].key, h->names[k].text, oh->named[k]);
	}
}

static void
write_keys_of(struct jsonw *w, const char *key, const struct verdict *v, enum name_verdict which)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (size_t i = 0; i < v->n; i++) {
		if (v->names[i].verdict == which)
			jsonw_string(w, v->names[i].key);
	}
	jsonw_end_array(w);
}

static void
write_nameset(struct jsonw *w, const struct output_host *oh, const struct byte_order *order)
{
	const struct verdict *v = oh->verdict;
	const struct host *h = oh->h;
	char time[TIME_SIZE];

	jsonw_object(w);
	jsonw_key(w, "allbad");
	jsonw_bool(w, v->allbad);
	for (uint32_t i = 0; i < h->nnames; i++) {
		if (h->names[i].source == NAME_BANNER) {
			write_name(w, "banner", h->names[i].text, oh->named[i]);
			break;
		}
	}
	write_keys_of(w, "besty", v, NAME_GOOD);
	for (int i = 0; i < NPORTS; i++)
		write_names_of_port(w, oh, order->ports[i], order);
	if (v->rdns != NULL) {
		write_name(w, "rdns", v->rdns, oh->rdns);
		write_text(w, "rdns_seen", time_format(v->ptr->at, time));
	}
	write_keys_of(w, "unknown", v, NAME_UNKNOWN);
	jsonw_end_object(w);
}

void
analysis_write(struct jsonw *w, const struct output_study *s, const struct output_host *oh)
{
	jsonw_object(w);
	jsonw_key(w, "nameset");
	write_nameset(w, oh, oh->order);
	for (int i = 0; i < NPORTS; i++) {
		uint8_t port = oh->order->ports[i];
		const struct host_grab *g = shown_grab(oh->h, port);

		if (port >= NPORTS_STUDY)
			continue;
		jsonw_key(w, port_table[port].name);
		jsonw_object(w);
		if (g != NULL && g->kind == KEY_SSH_HOST)
			write_ssh(w, g);
		else if (g != NULL)
			write_tls(w, s, oh->h, g);
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
}

const char *
host_as_name(const struct host *h, struct buf *scratch)
{
	if (h->as_name == NULL)
		return "";
	if (!h->own_as)
		return h->as_name;
	buf_clear(scratch);
	buf_adds(scratch, h->as_name);
	for (size_t i = 0; i < scratch->len; i++) {
		if (scratch->data[i] >= 'A' && scratch->data[i] <= 'Z')
			scratch->data[i] = (char)(scratch->data[i] - 'A' + 'a');
	}
	return scratch->data;
}

uint32_t
host_cluster_size(const struct output_study *s, const struct output_host *h)
{
	return h->cluster == 0 || h->cluster == CLUSTER_OUT ? 1 : s->clusters->size[h->cluster];
}

uint32_t
host_partners(const struct output_study *s, uint32_t i)
{
	uint32_t group = s->clusters->group_of[i];

	return group == GROUP_NONE ? 0 : s->clusters->partners[group];
}

static void
write_fprints(struct jsonw *w, const struct host *h, const struct byte_order *order)
{
	jsonw_object(w);
	for (int i = 0; i < NPORTS; i++) {
		const struct host_grab *g = shown_grab(h, order->ports[i]);

		if (g == NULL || order->ports[i] >= NPORTS_STUDY)
			continue;
		jsonw_key(w, port_table[order->ports[i]].name);
		jsonw_hex(w, g->fp, KEY_LEN);
	}
	jsonw_end_object(w);
}

void
host_write(struct jsonw *w, const struct output_study *s, const struct output_host *oh,
    enum host_form form, const struct buf *rcs, bool truncated)
{
	const struct host *h = oh->h;
	char ip[IP_STRLEN];
	struct buf scratch;

	buf_init(&scratch);
	jsonw_object(w);
	jsonw_key(w, "analysis");
	jsonw_raw(w, oh->analysis, oh->analysis_len);
	write_text(w, "asn", host_as_name(h, &scratch));
	jsonw_key(w, "asndec");
	jsonw_uint(w, h->asn);
	jsonw_key(w, "clusternum");
	jsonw_uint(w, form == FORM_BEFORE ? 0 : oh->cluster);
	jsonw_key(w, "csize");
	jsonw_uint(w, form == FORM_BEFORE ? 1 : host_cluster_size(s, oh));
	jsonw_key(w, "fprints");
	write_fprints(w, h, oh->order);
	write_text(w, "ip", ip_format(&h->ip, ip));
	jsonw_key(w, "ip_record");
	jsonw_uint(w, h->record);
	jsonw_key(w, "nrcs");
	jsonw_uint(w, form == FORM_BEFORE ? 0 : host_partners(s, oh->i));
	jsonw_key(w, "rcs");
	jsonw_raw(w, rcs != NULL ? rcs->data : "{}", rcs != NULL ? rcs->len : 2);
	if (truncated) {
		jsonw_key(w, "rcs_truncated");
		jsonw_bool(w, true);
	}
	write_text(w, "writer", h->writer != NULL ? h->writer : "unknown");
	jsonw_end_object(w);
	buf_fini(&scratch);
}
