/* survey export: which hosts, and in which format. */
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/escape.h"
#include "survey/hex.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "export.h"

static bool
is_wanted(const struct exporting *x, uint32_t host)
{
	const struct export_options *o = x->o;
	const struct study_host *h = &x->st->hosts[host];
	bool cluster = o->nclusters == 0, as = o->nasns == 0;

	for (size_t i = 0; i < o->nclusters && !cluster && h->cluster != STUDY_NONE; i++)
		cluster = x->st->clusters[h->cluster].id == o->clusters[i];
	for (size_t i = 0; i < o->nasns && !as; i++)
		as = x->st->ases[h->as].asn == o->asns[i];
	return cluster && as;
}

static void
choose(struct exporting *x)
{
	const struct study *st = x->st;

	x->host = xcalloc((size_t)st->nhosts + 1, sizeof(*x->host));
	x->key = xcalloc((size_t)st->nkeys + 1, sizeof(*x->key));
	x->cert = xcalloc((size_t)st->ncerts + 1, sizeof(*x->cert));
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_span *g = &st->hosts[i].grabs;

		x->host[i] = is_wanted(x, i);
		for (uint32_t k = g->at; k < g->at + g->n && x->host[i]; k++) {
			x->key[st->grabs[k].key] = true;
			if (st->grabs[k].cert != STUDY_NONE)
				x->cert[st->grabs[k].cert] = true;
		}
	}
}

/* Name what was asked for and is not there, or selects nothing.  Returns whether there is any. */
static bool
lacks(const struct exporting *x)
{
	const struct export_options *o = x->o;
	bool lacking = false, any = false;

	for (size_t i = 0; i < o->nclusters; i++) {
		if (study_find_cluster(x->st, o->clusters[i]) != STUDY_NONE)
			continue;
		log_warn("there is no cluster %u", o->clusters[i]);
		lacking = true;
	}
	for (size_t i = 0; i < o->nasns; i++) {
		if (study_has_as(x->st, o->asns[i]))
			continue;
		log_warn("no host is in AS%u", o->asns[i]);
		lacking = true;
	}
	for (uint32_t i = 0; i < x->st->nhosts && !any; i++)
		any = x->host[i];
	if (!any && !lacking && o->nclusters > 0) {
		log_warn("no host is in one of these clusters and in one of these ASes");
		lacking = true;
	}
	return lacking;
}

/* --- GraphML: hosts and keys, never pairs ------------------------------------ */

static void
xml_data(struct buf *out, const char *key, const char *s)
{
	if (s == NULL || *s == '\0')
		return;
	buf_printf(out, "<data key=\"%s\">", key);
	escape_xml(out, s, strlen(s));
	buf_adds(out, "</data>");
}

static void
graphml_host(struct buf *out, const struct study *st, uint32_t i)
{
	const struct study_host *h = &st->hosts[i];
	char ip[IP_STRLEN];

	buf_printf(out, "<node id=\"h%u\"><data key=\"kind\">host</data>", i + 1);
	xml_data(out, "label", ip_format(&h->ip, ip));
	if (st->ases[h->as].asn != 0)
		buf_printf(out, "<data key=\"asn\">%u</data>", st->ases[h->as].asn);
	xml_data(out, "as_name", study_text(st, h->as_name));
	xml_data(out, "country", h->country);
	xml_data(out, "rdns", study_text(st, h->rdns));
	xml_data(out, "verdict", host_verdict_name((enum host_verdict)h->verdict));
	if (h->cluster != STUDY_NONE)
		buf_printf(out, "<data key=\"cluster\">%u</data>", st->clusters[h->cluster].id);
	buf_adds(out, "</node>\n");
}

static void
graphml_key(struct buf *out, const struct study *st, uint32_t i)
{
	const struct study_key *k = &st->keys[i];

	buf_printf(
	    out, "<node id=\"k%u\"><data key=\"kind\">key</data><data key=\"label\">", i + 1);
	if (k->named)
		hex_add(out, k->fp, KEY_LEN);
	else
		buf_printf(out, "key %u", i + 1);
	buf_printf(out,
	    "</data><data key=\"protocol\">%s</data><data key=\"hosts\">%u</data></node>\n",
	    k->ssh && k->tls ? "ssh+tls"
	    : k->ssh	     ? "ssh"
			     : "tls",
	    k->nhosts);
}

int
export_graphml(const struct exporting *x, struct buf *out)
{
	static const struct {
		const char *id, *on, *type;
	} keys[] = { { "kind", "node", "string" }, { "label", "node", "string" },
		{ "asn", "node", "long" }, { "as_name", "node", "string" },
		{ "country", "node", "string" }, { "rdns", "node", "string" },
		{ "verdict", "node", "string" }, { "cluster", "node", "int" },
		{ "protocol", "node", "string" }, { "hosts", "node", "int" },
		{ "port", "edge", "int" } };
	const struct study *st = x->st;

	buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		buf_printf(out, "<key id=\"%s\" for=\"%s\" attr.name=\"%s\" attr.type=\"%s\"/>\n",
		    keys[i].id, keys[i].on, keys[i].id, keys[i].type);
	buf_adds(out, "<graph id=\"survey\" edgedefault=\"undirected\">\n");
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (x->host[i] && st->hosts[i].out == OUT_NONE)
			graphml_host(out, st, i);
	}
	for (uint32_t i = 0; i < st->nkeys; i++) {
		if (x->key[i] && st->keys[i].uses.n > 0)
			graphml_key(out, st, i);
	}
	for (uint32_t i = 0; i < st->nuses; i++) {
		const struct study_use *u = &st->uses[i];

		if (x->host[u->host])
			buf_printf(out,
			    "<edge source=\"h%u\" target=\"k%u\"><data "
			    "key=\"port\">%u</data></edge>\n",
			    u->host + 1, u->key + 1, port_table[u->port].port);
	}
	buf_adds(out, "</graph>\n</graphml>\n");
	return 0;
}

int
query_export(const struct export_options *o, struct buf *out)
{
	struct exporting x = { .o = o };
	struct study *st = study_open(o->path, STUDY_ALL, 0);
	bool lacking;
	int rc;

	if (st == NULL)
		return EXIT_FAILED;
	x.st = st;
	choose(&x);
	lacking = lacks(&x);
	rc = o->csv != NULL ? export_csv(&x, out)
	     : o->graphml   ? export_graphml(&x, out)
			    : export_studies(&x);
	free(x.host);
	free(x.key);
	free(x.cert);
	study_free(st);
	if (rc != 0)
		return rc == EXPORT_REFUSED ? EXIT_USAGE : EXIT_FAILED;
	return lacking ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}
