#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>
#include <zlib.h>

#include "survey/base64.h"
#include "survey/jsonw.h"
#include "survey/mem.h"
#include "survey/port.h"
#include "survey/text.h"

#include "page.h"
#include "suites.h"
#include "explain.h"

#define NAMES_MAX 12 /* of a host; the rest is counted */
#define NAME_MAX_CHARS 90
#define AS_NAME_CHARS 60
#define HOSTS_MAX 100000 /* more than so many, and hosts outside clusters are left out */

uint32_t
page_hosts(const struct study *st)
{
	uint32_t clustered = 0;

	for (uint32_t i = 0; i < st->nclusters; i++)
		clustered += st->clusters[i].nhosts;
	return st->nhosts <= HOSTS_MAX ? st->nhosts : clustered; /* these come first */
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
put_ases(struct jsonw *w, const struct study *st)
{
	jsonw_key(w, "ases");
	jsonw_array(w);
	for (uint32_t i = 0; i < st->nases; i++) {
		jsonw_array(w);
		jsonw_uint(w, st->ases[i].asn);
		put_text(w, st->ases[i].name, AS_NAME_CHARS);
		jsonw_end_array(w);
	}
	jsonw_end_array(w);
}

static uint32_t
largest_as(const struct study *st, const struct study_cluster *c, uint32_t *count)
{
	uint32_t best = st->hosts[c->host0].as;

	for (uint32_t i = c->host0; i < c->host0 + c->nhosts; i++) {
		uint32_t as = st->hosts[i].as;

		count[as]++;
		if (count[as] > count[best] || (count[as] == count[best] && as < best))
			best = as;
	}
	for (uint32_t i = c->host0; i < c->host0 + c->nhosts; i++)
		count[st->hosts[i].as] = 0;
	return best;
}

/* [id, first host, hosts, first key, keys, shared keys, ASes, why, text, largest AS, ports of shared keys] */
static void
put_clusters(struct jsonw *w, const struct study *st)
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
		jsonw_uint(w, c->host0);
		jsonw_uint(w, c->nhosts);
		jsonw_uint(w, c->key0);
		jsonw_uint(w, c->nkeys);
		jsonw_uint(w, c->nshared);
		jsonw_uint(w, c->nas);
		jsonw_uint(w, (uint64_t)why_cluster(st, i, &b));
		jsonw_stringn(w, b.data, b.len);
		jsonw_uint(w, largest_as(st, c, count));
		for (uint32_t k = 0; k < c->nshared; k++) {
			const struct study_key *key = &st->keys[c->key0 + k];

			for (uint32_t u = 0; u < key->nuse; u++) {
				int row = port_index(st->uses[key->use0 + u].port);

				if (row >= 0)
					ports |= 1U << row;
			}
		}
		jsonw_uint(w, ports);
		jsonw_end_array(w);
	}
	jsonw_end_array(w);
	buf_fini(&b);
	free(count);
}

/* [port, "RSA 2048", "TLSv1.2", "expired", …] */
static void
put_port(struct jsonw *w, const struct study_port *p)
{
	const char *weakness = p->port != 22 ? suite_weakness(p->cipher) : NULL;
	struct buf b;

	buf_init(&b);
	jsonw_array(w);
	jsonw_uint(w, p->port);
	if (p->bits > 0) {
		buf_printf(&b, "RSA %u", p->bits);
		jsonw_string(w, b.data);
	} else {
		put_text(w, p->alg != NULL ? p->alg : "", 40);
	}
	put_text(w, p->version != NULL ? p->version : "", 20);
	if (weakness != NULL)
		jsonw_string(w, weakness);
	if (p->timely == STUDY_NO)
		jsonw_string(w, "expired");
	if (p->self_signed == STUDY_YES)
		jsonw_string(w, "self-signed");
	if (p->trusted == STUDY_YES)
		jsonw_string(w, "trusted");
	if (p->software != NULL)
		put_text(w, p->software, 40);
	jsonw_end_array(w);
	buf_fini(&b);
}

static void
put_hosts(struct jsonw *w, const struct study *st, uint32_t nhosts)
{
	jsonw_key(w, "hosts");
	jsonw_object(w);
	jsonw_key(w, "ip");
	jsonw_array(w);
	for (uint32_t i = 0; i < nhosts; i++)
		put_text(w, st->hosts[i].ip, 64);
	jsonw_end_array(w);
	jsonw_key(w, "as");
	jsonw_array(w);
	for (uint32_t i = 0; i < nhosts; i++)
		jsonw_uint(w, st->hosts[i].as);
	jsonw_end_array(w);
	jsonw_key(w, "cluster");
	jsonw_array(w);
	for (uint32_t i = 0; i < nhosts; i++)
		jsonw_int(
		    w, st->hosts[i].cluster == STUDY_NONE ? -1 : (int64_t)st->hosts[i].cluster);
	jsonw_end_array(w);
	jsonw_key(w, "names");
	jsonw_array(w);
	for (uint32_t i = 0; i < nhosts; i++) {
		const struct study_host *h = &st->hosts[i];
		uint32_t shown = 0;

		jsonw_array(w);
		for (int pass = 0; pass < 2; pass++) { /* names that check out first */
			for (uint32_t k = 0; k < h->nnames && shown < NAMES_MAX; k++) {
				const struct study_name *n = &st->names[h->name0 + k];

				if ((n->verdict == STUDY_GOOD) != (pass == 0))
					continue;
				shown++;
				jsonw_array(w);
				put_text(w, n->key, 16);
				put_text(w, n->name, NAME_MAX_CHARS);
				jsonw_uint(w, n->verdict);
				if (n->address != NULL)
					put_text(w, n->address, 64);
				jsonw_end_array(w);
			}
		}
		jsonw_end_array(w);
	}
	jsonw_end_array(w);
	jsonw_key(w, "more");
	jsonw_array(w);
	for (uint32_t i = 0; i < nhosts; i++)
		jsonw_uint(
		    w, st->hosts[i].nnames > NAMES_MAX ? st->hosts[i].nnames - NAMES_MAX : 0);
	jsonw_end_array(w);
	jsonw_key(w, "facts");
	jsonw_array(w);
	for (uint32_t i = 0; i < nhosts; i++) {
		jsonw_array(w);
		for (uint32_t k = 0; k < st->hosts[i].nports; k++)
			put_port(w, &st->ports[st->hosts[i].port0 + k]);
		jsonw_end_array(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
}

void
page_data(const struct study *st, struct buf *out)
{
	uint32_t nhosts = page_hosts(st), nkeys = 0;
	struct jsonw w;

	for (uint32_t i = 0; i < st->nuses; i++) { /* keys of hosts in clusters come first, too */
		if (st->uses[i].host < nhosts && st->uses[i].key >= nkeys)
			nkeys = st->uses[i].key + 1;
	}
	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_key(&w, "ports");
	jsonw_array(&w);
	for (int i = 0; i < NPORTS; i++)
		jsonw_uint(&w, port_table[i].port);
	jsonw_end_array(&w);
	jsonw_key(&w, "verdicts");
	jsonw_array(&w);
	for (int i = 0; i < STUDY_NVERDICTS; i++)
		jsonw_string(&w, study_verdict_name((enum study_verdict)i));
	jsonw_end_array(&w);
	jsonw_key(&w, "whys");
	jsonw_array(&w);
	for (int i = 0; i < NWHYS; i++)
		jsonw_string(&w, why_name((enum why_kind)i));
	jsonw_end_array(&w);
	put_ases(&w, st);
	put_clusters(&w, st);
	jsonw_key(&w, "keys");
	jsonw_array(&w);
	for (uint32_t i = 0; i < nkeys; i++)
		put_text(&w, st->keys[i].fp, 64);
	jsonw_end_array(&w);
	jsonw_key(&w, "uses"); /* host, key, port, over and over */
	jsonw_array(&w);
	for (uint32_t i = 0; i < st->nuses; i++) {
		if (st->uses[i].host >= nhosts)
			continue;
		jsonw_uint(&w, st->uses[i].host);
		jsonw_uint(&w, st->uses[i].key);
		jsonw_uint(&w, st->uses[i].port);
	}
	jsonw_end_array(&w);
	put_hosts(&w, st, nhosts);
	jsonw_end_object(&w);
	buf_add(out, w.out.data, w.out.len);
	jsonw_fini(&w);
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
