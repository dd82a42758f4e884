/* survey impact: its tables. */
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "impact_print.h"

#define ROWS_SHOWN 20 /* of a table in the text */

struct ranking {
	const uint32_t *domains; /* by number */
	uint32_t *v; /* numbers with a domain, the most first */
	uint32_t n;
};

static int
by_domains(const void *pa, const void *pb, void *arg)
{
	const uint32_t *domains = arg, a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	if (domains[a] != domains[b])
		return domains[a] > domains[b] ? -1 : 1;
	return (a > b) - (a < b);
}

static void
rank(struct ranking *r, uint32_t *domains, uint32_t n)
{
	*r = (struct ranking){ .domains = domains };
	r->v = xcalloc((size_t)n + 1, sizeof(*r->v));
	for (uint32_t i = 0; i < n; i++)
		if (domains[i] > 0)
			r->v[r->n++] = i;
	if (r->n > 1)
		qsort_r(r->v, r->n, sizeof(*r->v), by_domains, domains);
}

/* Rows of a ranking in this format. */
static uint32_t
rows(const struct print *p, uint32_t n)
{
	return p->format == PRINT_TEXT && n > ROWS_SHOWN ? ROWS_SHOWN : n;
}

static void
tell_more(struct print *p, uint32_t n)
{
	if (n > rows(p, n))
		print_line(p, "and %u more (-f json lists all)", n - rows(p, n));
}

static void
tell_clusters(struct print *p, struct impact *x)
{
	static const struct print_column columns[] = { { "cluster" }, { "domains" }, { "hosts" },
		{ "shared_keys", "shared keys", 0 }, { "ases", "ASes", 0 }, { NULL } };
	const struct study *st = x->st;
	struct ranking r;

	rank(&r, x->of_cluster, st->nclusters);
	print_heading(p, "Clusters by the domains whose mail goes to their hosts");
	print_table(p, "clusters", columns);
	for (uint32_t i = 0; i < rows(p, r.n); i++) {
		const struct study_cluster *c = &st->clusters[r.v[i]];

		print_uint(p, c->id);
		print_uint(p, x->of_cluster[r.v[i]]);
		print_uint(p, c->hosts.n);
		print_uint(p, c->nshared);
		print_known(p, c->nases);
		print_row(p);
	}
	print_table_end(p);
	tell_more(p, r.n);
	free(r.v);
}

static void
tell_keys(struct print *p, struct impact *x)
{
	static const struct print_column columns[] = { { "domains" }, { "hosts" },
		{ "fp", "key", 2 * KEY_LEN }, { "kind", "of", 0 }, { "cluster" }, { "pinned" },
		{ NULL } };
	const struct study *st = x->st;
	struct ranking r;

	rank(&r, x->of_key, st->nkeys);
	print_heading(p, "Keys by the domains whose mail goes to hosts that show them");
	print_table(p, "keys", columns);
	for (uint32_t i = 0; i < rows(p, r.n); i++) {
		const struct study_key *k = &st->keys[r.v[i]];
		const struct study_host *h = &st->hosts[st->uses[k->uses.at].host];

		print_uint(p, x->of_key[r.v[i]]);
		print_uint(p, k->nhosts);
		if (k->named)
			print_hex(p, k->fp, KEY_LEN);
		else
			print_none(p);
		print_string(p, k->ssh && k->tls ? "ssh+tls" : k->ssh ? "ssh" : "tls");
		if (h->cluster != STUDY_NONE)
			print_uint(p, st->clusters[h->cluster].id);
		else
			print_none(p);
		if (x->pinned[r.v[i]])
			print_style(p, k->nhosts > 1 ? PRINT_WARN : PRINT_PLAIN);
		print_bool(p, x->pinned[r.v[i]]);
		print_row(p);
	}
	print_table_end(p);
	tell_more(p, r.n);
	free(r.v);
}

/* MX hosts whose TLSA records pin no key that was seen at some address of theirs. */
static void
tell_mismatches(struct print *p, const struct impact *x)
{
	static const struct print_column columns[] = { { "mx", "MX host", 0 }, { "domains" },
		{ "dane" }, { "mail" }, { NULL } };
	uint32_t n = 0;

	if (x->mismatch_hosts > 0)
		print_heading(p, "TLSA records that pin no key seen on port 25 of some address");
	print_table(p, "tlsa_mismatch", columns);
	for (uint32_t i = 0; i < x->m->nhosts; i++) {
		bool proved = mail_host_dane(x->m, i) == DANE_YES;

		if (x->tlsa[i] != TLSA_MISMATCH || x->m->hosts[i].domains == 0 ||
		    n++ >= rows(p, x->mismatch_hosts))
			continue;
		print_string(p, mail_text(x->m, x->m->hosts[i].name));
		print_uint(p, x->m->hosts[i].domains);
		print_string(p, mail_dane_name(mail_host_dane(x->m, i)));
		print_style(p, proved ? PRINT_ALARM : PRINT_WARN);
		print_string(p, proved ? "refused by senders that use DANE" : "unprotected");
		print_row(p);
	}
	print_table_end(p);
	tell_more(p, x->mismatch_hosts);
}

/* ---- totals ---- */

static void
json_words(
    struct jsonw *w, const char *member, const uint32_t *counts, int n, const char *(*name)(int i))
{
	jsonw_key(w, member);
	jsonw_object(w);
	for (int i = 0; i < n; i++)
		jsonw_member_uint(w, name(i), counts[i]);
	jsonw_end_object(w);
}

static const char *
route_name(int i)
{
	return mail_route_name((enum mail_route)i);
}

static const char *
dane_name(int i)
{
	return mail_dane_name((enum mail_dane)i);
}

static const char *
sts_name(int i)
{
	return mail_sts_name((enum mail_sts)i);
}

static void
json_totals(struct jsonw *w, const struct impact *x, const struct mail_counts *c)
{
	jsonw_member_uint(w, "domains", x->m->ndomains);
	jsonw_member_uint(w, "domains_in_study", x->in_study);
	json_words(w, "routes", c->routes, MAIL_NROUTES, route_name);
	json_words(w, "dane", c->dane, DANE_NSTATES, dane_name);
	json_words(w, "mta_sts", c->sts, STS_NSTATES, sts_name);
	jsonw_member_uint(w, "internationalised", c->idn);
	jsonw_member_uint(w, "mx_to_itself", c->self);
	jsonw_member_uint(w, "mx_that_is_no_host", c->odd);
	jsonw_member_uint(w, "most_mx", c->many);
	jsonw_member_uint(w, "mx_hosts", c->hosts);
	jsonw_member_uint(w, "mx_aliases", c->cnames);
	jsonw_member_uint(w, "mx_without_address", c->without_address);
	jsonw_member_uint(w, "mx_address_unknown", c->address_unknown);
	jsonw_member_uint(w, "tlsa_mismatch_hosts", x->mismatch_hosts);
	jsonw_member_uint(w, "tlsa_mismatch_domains", x->mismatch_domains);
}

/* "12 with MX records"; what is 0 is left out. */
static void
add_counted(struct buf *b, uint32_t n, const char *one, const char *many)
{
	if (n == 0)
		return;
	buf_adds(b, b->len > 0 ? ", " : "");
	text_counted(b, n, one, many);
}

static void
add_count(struct buf *b, uint32_t n, const char *what)
{
	add_counted(b, n, what, what);
}

static void
text_field(struct print *p, const char *label, struct buf *b)
{
	print_field(p, label, "%s", b->len > 0 ? b->data : "none");
	buf_clear(b);
}

static void
text_totals(struct print *p, const struct impact *x, const struct mail_counts *c)
{
	struct buf b;

	buf_init(&b);
	text_count(&b, x->m->ndomains);
	add_count(&b, c->idn, "internationalised");
	text_field(p, "domains", &b);
	add_count(&b, c->routes[MAIL_MX], "to MX hosts");
	add_counted(&b, c->routes[MAIL_IMPLICIT], "to its own address (no MX record)",
	    "to their own address (no MX record)");
	add_counted(&b, c->routes[MAIL_NULL], "takes none", "take none");
	add_count(&b, c->routes[MAIL_UNUSABLE], "with MX records that name no host");
	add_counted(&b, c->routes[MAIL_NXDOMAIN], "does not exist", "do not exist");
	add_count(&b, c->routes[MAIL_UNKNOWN], "unknown");
	text_field(p, "their mail", &b);
	add_counted(&b, c->self, "domain names itself", "domains name themselves");
	add_counted(&b, c->odd, "domain has an MX record that names no host",
	    "domains have an MX record that names no host");
	if (c->many > 1)
		buf_printf(&b, "%sat most %u for a domain", b.len > 0 ? ", " : "", c->many);
	text_field(p, "MX records", &b);
	add_count(&b, c->hosts, "in all");
	add_counted(&b, c->cnames, "is an alias (CNAME)", "are aliases (CNAME)");
	add_count(&b, c->without_address, "without an address");
	add_count(&b, c->address_unknown, "whose address is unknown");
	text_field(p, "MX hosts", &b);
	add_count(&b, c->dane[DANE_YES], "at all hosts");
	add_count(&b, c->dane[DANE_PARTIAL], "at some hosts");
	add_count(&b, c->dane[DANE_UNPROVED], "with records that DNSSEC does not prove");
	add_count(&b, c->dane[DANE_UNKNOWN], "unknown");
	text_field(p, "DANE", &b);
	add_counted(&b, c->sts[STS_YES], "domain", "domains");
	add_count(&b, c->sts[STS_UNKNOWN], "unknown");
	text_field(p, "MTA-STS", &b);
	impact_text(&b, x->in_study);
	text_field(p, "in this study", &b);
	if (x->mismatch_hosts > 0) {
		text_counted(&b, x->mismatch_hosts, "MX host pins", "MX hosts pin");
		buf_adds(&b, " no key that was seen: ");
		impact_text(&b, x->mismatch_domains);
		text_field(p, "TLSA", &b);
	}
	buf_fini(&b);
}

void
impact_print(struct impact *x, enum print_format format, bool colour, struct buf *out)
{
	struct mail_counts c;
	struct print p;

	mail_count(x->m, &c);
	print_init(&p, format, out, colour);
	if (format == PRINT_JSON) {
		jsonw_object(&p.json);
		json_totals(&p.json, x, &c);
	} else if (format == PRINT_TEXT) {
		text_totals(&p, x, &c);
	}
	/* A CSV is one table: that of the keys, which names the clusters. */
	if (format != PRINT_CSV)
		tell_clusters(&p, x);
	tell_keys(&p, x);
	if (format != PRINT_CSV)
		tell_mismatches(&p, x);
	if (format == PRINT_JSON)
		jsonw_end_object(&p.json);
	print_fini(&p);
}
