#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>
#include <zlib.h>

#include "survey/base64.h"
#include "survey/explain.h"
#include "survey/finding.h"
#include "survey/jsonw.h"
#include "survey/mem.h"
#include "survey/port.h"
#include "survey/text.h"

#include "page.h"
#include "page_data.h"
#include "stats.h"
#include "suites.h"

#define NAMES_MAX 12 /* of a host; the rest is counted */
#define NAME_MAX_CHARS 90
#define AS_NAME_CHARS 60
#define HOSTS_MAX 100000 /* more than so many, and hosts outside clusters are left out */

/*
 * What the page has, in its order: hosts and keys of a cluster stand together,
 * clusters by number, so that each is a range; then what is in no cluster.
 * Hosts that take no part are not in it.
 */
struct order {
	uint32_t *hosts, nhosts;
	uint32_t *keys, nkeys;
	uint32_t *place_of_host; /* by number in the study; STUDY_NONE: not on the page */
	uint32_t *place_of_as;
};

static bool
is_other(const struct study_host *h)
{
	return h->cluster == STUDY_NONE && h->out == OUT_NONE;
}

static void
order_hosts(struct order *o, const struct study *st)
{
	uint32_t others = 0;

	o->hosts = xcalloc((size_t)st->nhosts + 1, sizeof(*o->hosts));
	o->place_of_host = xcalloc((size_t)st->nhosts + 1, sizeof(*o->place_of_host));
	memcpy(o->hosts, st->members, st->nmembers * sizeof(*o->hosts));
	o->nhosts = st->nmembers;
	for (uint32_t i = 0; i < st->nhosts; i++)
		others += is_other(&st->hosts[i]) ? 1 : 0;
	for (uint32_t i = 0; i < st->nhosts && st->nmembers + others <= HOSTS_MAX; i++) {
		if (is_other(&st->hosts[i]))
			o->hosts[o->nhosts++] = i;
	}
	memset(o->place_of_host, 0xff, st->nhosts * sizeof(*o->place_of_host));
	for (uint32_t i = 0; i < o->nhosts; i++)
		o->place_of_host[o->hosts[i]] = i;
}

/* A key's hosts are all of one cluster, or it has one host. */
static void
order_keys(struct order *o, const struct study *st)
{
	o->keys = xcalloc((size_t)st->nkeys + 1, sizeof(*o->keys));
	memcpy(o->keys, st->cluster_keys, st->ncluster_keys * sizeof(*o->keys));
	o->nkeys = st->ncluster_keys;
	for (uint32_t i = 0; i < st->nkeys; i++) {
		const struct study_key *k = &st->keys[i];
		uint32_t host;

		if (k->uses.n == 0)
			continue;
		host = st->uses[k->uses.at].host;
		if (st->hosts[host].cluster == STUDY_NONE && o->place_of_host[host] != STUDY_NONE)
			o->keys[o->nkeys++] = i;
	}
}

static void
order_init(struct order *o, const struct study *st)
{
	uint32_t nases = 0;

	order_hosts(o, st);
	order_keys(o, st);
	o->place_of_as = xcalloc((size_t)st->nases + 1, sizeof(*o->place_of_as));
	for (uint32_t i = 0; i < st->nases; i++)
		o->place_of_as[i] = st->ases[i].nhosts > 0 ? nases++ : STUDY_NONE;
}

static void
order_fini(struct order *o)
{
	free(o->hosts);
	free(o->keys);
	free(o->place_of_host);
	free(o->place_of_as);
}

static void
put_text(struct jsonw *w, const char *s, size_t max)
{
	struct buf b;

	buf_init(&b);
	text_plain(&b, s, strlen(s), max);
	jsonw_stringn(w, b.data, b.len);
	buf_fini(&b);
}

static void
put_ip(struct jsonw *w, const struct ip *ip)
{
	char text[IP_STRLEN];

	jsonw_string(w, ip_format(ip, text));
}

static void
put_ases(struct jsonw *w, const struct study *st)
{
	jsonw_key(w, "ases");
	jsonw_array(w);
	for (uint32_t i = 0; i < st->nases; i++) {
		if (st->ases[i].nhosts == 0)
			continue;
		jsonw_array(w);
		jsonw_uint(w, st->ases[i].asn);
		put_text(w, study_text_or_empty(st, st->ases[i].name), AS_NAME_CHARS);
		jsonw_end_array(w);
	}
	jsonw_end_array(w);
}

/* count, by AS, is all zero and stays so. */
static uint32_t
largest_as(const struct study *st, const struct study_cluster *c, uint32_t *count)
{
	uint32_t best = st->hosts[study_member(st, c, 0)].as;

	for (uint32_t i = 0; i < c->hosts.n; i++) {
		uint32_t as = st->hosts[study_member(st, c, i)].as;

		count[as]++;
		if (count[as] > count[best] || (count[as] == count[best] && as < best))
			best = as;
	}
	for (uint32_t i = 0; i < c->hosts.n; i++)
		count[st->hosts[study_member(st, c, i)].as] = 0;
	return best;
}

/* [id, first host, hosts, first key, keys, shared keys, ASes, why, text, largest AS, ports of shared keys, flags] */
static void
put_clusters(struct jsonw *w, const struct study *st, const struct order *o, const uint8_t *flags)
{
	uint32_t *count = xcalloc((size_t)st->nases + 1, sizeof(*count));
	struct buf b;

	buf_init(&b);
	jsonw_key(w, "clusters");
	jsonw_array(w);
	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];
		unsigned ports = 0;

		buf_clear(&b);
		jsonw_array(w);
		jsonw_uint(w, c->id);
		jsonw_uint(w, c->hosts.at);
		jsonw_uint(w, c->hosts.n);
		jsonw_uint(w, c->keys.at);
		jsonw_uint(w, c->keys.n);
		jsonw_uint(w, c->nshared);
		jsonw_uint(w, c->nases);
		jsonw_uint(w, (uint64_t)why_cluster(st, i, &b));
		jsonw_stringn(w, b.data, b.len);
		jsonw_uint(w, o->place_of_as[largest_as(st, c, count)]);
		for (uint32_t k = 0; k < c->nshared; k++) {
			struct study_span uses = st->keys[study_cluster_key(st, c, k)].uses;

			for (uint32_t u = uses.at; u < uses.at + uses.n; u++)
				ports |= 1U << st->uses[u].port;
		}
		jsonw_uint(w, ports);
		jsonw_uint(w, flags[i]);
		jsonw_end_array(w);
	}
	jsonw_end_array(w);
	buf_fini(&b);
	free(count);
}

/* [port, "RSA 2048", "TLSv1.2", "expired", …] */
static void
put_port(struct jsonw *w, const struct study *st, const struct study_grab *g)
{
	bool tls = port_table[g->port].kind == KEY_TLS_SPKI;
	const char *weakness = tls && g->cipher > 0 && g->cipher <= UINT16_MAX
				   ? suite_weakness((uint16_t)g->cipher)
				   : NULL;
	const struct study_cert *cert = stats_cert(st, g);
	const char *alg = stats_algorithm(st, g);
	uint32_t bits = stats_rsa_bits(st, g);
	struct buf b;

	buf_init(&b);
	jsonw_array(w);
	jsonw_uint(w, port_table[g->port].port);
	if (bits > 0) {
		buf_printf(&b, "RSA %u", bits);
		jsonw_string(w, b.data);
	} else {
		put_text(w, alg != NULL ? alg : "", 40);
	}
	put_text(w, study_text_or_empty(st, g->version), 20);
	if (weakness != NULL)
		jsonw_string(w, weakness);
	if (g->timely == FACT_NO)
		jsonw_string(w, "expired");
	if (cert != NULL && cert->self_signed == FACT_YES)
		jsonw_string(w, "self-signed");
	if (g->trusted == FACT_YES)
		jsonw_string(w, "trusted");
	if (g->software != STUDY_NO_TEXT)
		put_text(w, study_text(st, g->software), 40);
	jsonw_end_array(w);
	buf_fini(&b);
}

static bool
has_text(const struct study *st, const struct study_name *n)
{
	return study_text_or_empty(st, n->text)[0] != '\0'; /* a DN may be without CN */
}

/* [key, name, verdict, address of a bad one] */
static void
put_name(struct jsonw *w, const struct study *st, const struct study_name *n)
{
	const struct ip *address = study_name_address(st, n);
	char key[HOST_KEY_SIZE];

	jsonw_array(w);
	jsonw_string(w, study_name_key(n, key));
	put_text(w, study_text(st, n->text), NAME_MAX_CHARS);
	jsonw_uint(w, n->verdict);
	if (address != NULL)
		put_ip(w, address);
	jsonw_end_array(w);
}

/* Names that check out first. */
static void
put_names(struct jsonw *w, const struct study *st, const struct study_host *h)
{
	uint32_t shown = 0;

	jsonw_array(w);
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = h->names.at; i < h->names.at + h->names.n && shown < NAMES_MAX;
		     i++) {
			const struct study_name *n = &st->names[i];

			if (!has_text(st, n) || (n->verdict == NAME_GOOD) != (pass == 0))
				continue;
			put_name(w, st, n);
			shown++;
		}
	}
	jsonw_end_array(w);
}

static uint32_t
names_left(const struct study *st, const struct study_host *h)
{
	uint32_t n = 0;

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++)
		n += has_text(st, &st->names[i]) ? 1 : 0;
	return n > NAMES_MAX ? n - NAMES_MAX : 0;
}

static void
put_facts(struct jsonw *w, const struct study *st, const struct study_host *h)
{
	jsonw_array(w);
	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		if ((st->parts & STUDY_FACTS) != 0 && study_first_of_port(st, i))
			put_port(w, st, &st->grabs[i]);
	}
	jsonw_end_array(w);
}

static void
put_hosts(struct jsonw *w, const struct study *st, const struct order *o)
{
	jsonw_key(w, "hosts");
	jsonw_object(w);
	jsonw_key(w, "ip");
	jsonw_array(w);
	for (uint32_t i = 0; i < o->nhosts; i++)
		put_ip(w, &st->hosts[o->hosts[i]].ip);
	jsonw_end_array(w);
	jsonw_key(w, "as");
	jsonw_array(w);
	for (uint32_t i = 0; i < o->nhosts; i++)
		jsonw_uint(w, o->place_of_as[st->hosts[o->hosts[i]].as]);
	jsonw_end_array(w);
	jsonw_key(w, "cluster");
	jsonw_array(w);
	for (uint32_t i = 0; i < o->nhosts; i++) {
		uint32_t cluster = st->hosts[o->hosts[i]].cluster;

		jsonw_int(w, cluster == STUDY_NONE ? -1 : (int64_t)cluster);
	}
	jsonw_end_array(w);
	jsonw_key(w, "names");
	jsonw_array(w);
	for (uint32_t i = 0; i < o->nhosts; i++)
		put_names(w, st, &st->hosts[o->hosts[i]]);
	jsonw_end_array(w);
	jsonw_key(w, "more");
	jsonw_array(w);
	for (uint32_t i = 0; i < o->nhosts; i++)
		jsonw_uint(w, names_left(st, &st->hosts[o->hosts[i]]));
	jsonw_end_array(w);
	jsonw_key(w, "facts");
	jsonw_array(w);
	for (uint32_t i = 0; i < o->nhosts; i++)
		put_facts(w, st, &st->hosts[o->hosts[i]]);
	jsonw_end_array(w);
	jsonw_end_object(w);
}

static void
put_keys(struct jsonw *w, const struct study *st, const struct order *o)
{
	jsonw_key(w, "keys");
	jsonw_array(w);
	for (uint32_t i = 0; i < o->nkeys; i++) {
		const struct study_key *k = &st->keys[o->keys[i]];

		if (k->named)
			jsonw_hex(w, k->fp, KEY_LEN);
		else
			jsonw_string(w, "");
	}
	jsonw_end_array(w);
	jsonw_key(w, "uses"); /* host, key, port, over and over */
	jsonw_array(w);
	for (uint32_t i = 0; i < o->nkeys; i++) {
		struct study_span uses = st->keys[o->keys[i]].uses;

		for (uint32_t u = uses.at; u < uses.at + uses.n; u++) {
			jsonw_uint(w, o->place_of_host[st->uses[u].host]);
			jsonw_uint(w, i);
			jsonw_uint(w, port_table[st->uses[u].port].port);
		}
	}
	jsonw_end_array(w);
}

/* {"key": [severity, "roca (critical), short (medium)"]}: keys by their place on the page. */
static void
put_weak(struct jsonw *w, const struct study *st, const struct order *o)
{
	struct finding_index x;
	struct buf b;

	finding_index_init(&x, st->findings, st->nkeys);
	buf_init(&b);
	jsonw_key(w, "weak");
	jsonw_object(w);
	for (uint32_t i = 0; i < o->nkeys; i++) {
		char place[16];
		int severity;

		buf_clear(&b);
		if ((severity = study_weakness(st, &x, o->keys[i], &b)) == -1)
			continue;
		snprintf(place, sizeof(place), "%u", i);
		jsonw_key(w, place);
		jsonw_array(w);
		jsonw_uint(w, (uint64_t)severity);
		jsonw_string(w, b.data);
		jsonw_end_array(w);
	}
	jsonw_end_object(w);
	buf_fini(&b);
	finding_index_fini(&x);
}

static void
put_words(struct jsonw *w)
{
	jsonw_key(w, "ports");
	jsonw_array(w);
	for (int i = 0; i < NPORTS; i++)
		jsonw_uint(w, port_table[i].port);
	jsonw_end_array(w);
	jsonw_key(w, "verdicts");
	jsonw_array(w);
	for (int i = 0; i <= NAME_NOT_LOOKED_UP; i++)
		jsonw_string(w, study_name_verdict((uint8_t)i));
	jsonw_end_array(w);
	jsonw_key(w, "whys");
	jsonw_array(w);
	for (int i = 0; i < NWHYS; i++)
		jsonw_string(w, why_name((enum why_kind)i));
	jsonw_end_array(w);
}

/* The addresses of hosts that take no part, by the reason: so that a search can tell them from others. */
static void
put_absent(struct jsonw *w, const struct study *st)
{
	static const char *const reasons[] = { [OUT_NO_KEY] = "no key",
		[OUT_WRONG_COUNTRY] = "another country",
		[OUT_NO_COUNTRY] = "country not known" };
	uint32_t n = 0;

	jsonw_key(w, "others");
	jsonw_bool(w, (st->parts & STUDY_OTHERS) != 0);
	jsonw_key(w, "absent");
	jsonw_object(w);
	for (size_t reason = 1; reason < sizeof(reasons) / sizeof(reasons[0]); reason++) {
		jsonw_key(w, reasons[reason]);
		jsonw_array(w);
		for (uint32_t i = 0; i < st->nhosts && n < HOSTS_MAX; i++) {
			if (st->hosts[i].out != reason)
				continue;
			put_ip(w, &st->hosts[i].ip);
			n++;
		}
		jsonw_end_array(w);
	}
	jsonw_end_object(w);
}

void
page_data(const struct study *st, const uint8_t *flags, struct buf *out)
{
	struct order o = { .nhosts = 0 };
	struct jsonw w;

	order_init(&o, st);
	jsonw_init(&w, NULL);
	jsonw_object(&w);
	put_words(&w);
	put_ases(&w, st);
	put_clusters(&w, st, &o, flags);
	put_keys(&w, st, &o);
	put_weak(&w, st, &o);
	put_hosts(&w, st, &o);
	put_absent(&w, st);
	jsonw_end_object(&w);
	buf_add(out, w.out.data, w.out.len);
	jsonw_fini(&w);
	order_fini(&o);
}

void
page_pack(const char *text, size_t len, struct buf *out)
{
	uLongf room = compressBound(len);
	unsigned char *z = xmalloc(room);

	if (compress2(z, &room, (const unsigned char *)text, len, 9) != Z_OK)
		abort(); /* the room is what zlib asked for: only memory can lack */
	base64_encode(out, z, room);
	free(z);
}

void
page_hash(const unsigned char *text, size_t len, struct buf *out)
{
	unsigned char sum[LDNS_SHA256_DIGEST_LENGTH];

	ldns_sha256((unsigned char *)(uintptr_t)text, (unsigned int)len, sum);
	buf_adds(out, "'sha256-");
	base64_encode(out, sum, sizeof(sum));
	buf_adds(out, "'");
}
