#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "survey/hex.h"
#include "survey/impact.h"
#include "survey/mem.h"

#include "insert.h"
#include "maildb.h"

/* ---- writing ---- */

struct writing {
	struct insert *r;
	const struct mail *m;
	const struct impact *x;
	uint32_t *id; /* by MX host, from 1; 0: no domain names it */
	uint32_t *hosts; /* in the order of their ids */
	uint32_t nhosts;
};

static void
put_outcome(struct insert *r, uint8_t outcome)
{
	insert_text(
	    r, outcome != MAIL_NOT_ASKED ? dns_outcome_name((enum dns_outcome)outcome) : NULL);
}

static void
number_host(struct writing *w, uint32_t host)
{
	if (w->id[host] != 0)
		return;
	w->hosts[w->nhosts++] = host;
	w->id[host] = w->nhosts;
}

static int
by_name(const void *pa, const void *pb, void *arg)
{
	const struct mail *m = arg;

	return strcmp(mail_text(m, m->hosts[*(const uint32_t *)pa].name),
	    mail_text(m, m->hosts[*(const uint32_t *)pb].name));
}

/*
 * Ids by the first domain that names a host, then by the names of those that have TLSA records only:
 * the order in which answers came shows nowhere.
 */
static void
number_hosts(struct writing *w)
{
	const struct mail *m = w->m;
	uint32_t named;

	w->id = xcalloc((size_t)m->nhosts + 1, sizeof(*w->id));
	w->hosts = xcalloc((size_t)m->nhosts + 1, sizeof(*w->hosts));
	for (uint32_t d = 0; d < m->ndomains; d++) {
		const struct mail_span *s = &m->domains[d].mx;

		for (uint32_t i = s->at; i < s->at + s->n; i++)
			number_host(w, m->mx[i].host);
	}
	named = w->nhosts;
	for (uint32_t i = 0; i < m->nhosts; i++)
		if (m->hosts[i].tlsa.n > 0)
			number_host(w, i);
	if (w->nhosts - named > 1)
		qsort_r(w->hosts + named, w->nhosts - named, sizeof(*w->hosts), by_name,
		    (void *)(uintptr_t)m);
	for (uint32_t i = named; i < w->nhosts; i++)
		w->id[w->hosts[i]] = i + 1;
}

static void
put_domains(struct writing *w)
{
	const struct mail *m = w->m;

	insert_begin(w->r, "domains", 10);
	for (uint32_t i = 0; i < m->ndomains && !w->r->failed; i++) {
		const struct mail_domain *d = &m->domains[i];

		insert_id(w->r);
		insert_text(w->r, mail_text(m, d->name));
		insert_text(w->r, mail_route_name((enum mail_route)d->route));
		put_outcome(w->r, d->outcome);
		insert_int(w->r, d->ad);
		insert_int(w->r, d->self);
		insert_int(w->r, d->odd);
		insert_text(w->r, mail_sts_name((enum mail_sts)d->sts));
		put_outcome(w->r, d->sts_outcome);
		insert_text(w->r, mail_dane_name(mail_domain_dane(m, i)));
		insert_row(w->r);
	}
	insert_end(w->r);
	insert_begin(w->r, "domain_mx", 3);
	for (uint32_t i = 0; i < m->ndomains; i++) {
		const struct mail_span *s = &m->domains[i].mx;

		for (uint32_t k = s->at; k < s->at + s->n && !w->r->failed; k++) {
			insert_number(w->r, i);
			insert_int(w->r, w->id[m->mx[k].host]);
			insert_int(w->r, m->mx[k].preference);
			insert_row(w->r);
		}
	}
	insert_end(w->r);
}

static void
put_hosts(struct writing *w)
{
	const struct mail *m = w->m;

	insert_begin(w->r, "mx_hosts", 9);
	for (uint32_t i = 0; i < w->nhosts && !w->r->failed; i++) {
		const struct mail_host *h = &m->hosts[w->hosts[i]];

		insert_id(w->r);
		insert_text(w->r, mail_text(m, h->name));
		put_outcome(w->r, h->outcome[0]);
		put_outcome(w->r, h->outcome[1]);
		insert_int(w->r, h->cname);
		put_outcome(w->r, h->tlsa_outcome);
		insert_int(w->r, h->tlsa_ad);
		insert_text(w->r, mail_dane_name(mail_host_dane(m, w->hosts[i])));
		insert_text(w->r, impact_tlsa_name((enum impact_tlsa)w->x->tlsa[w->hosts[i]]));
		insert_row(w->r);
	}
	insert_end(w->r);
	insert_begin(w->r, "mx_addresses", 2);
	for (uint32_t i = 0; i < w->nhosts; i++) {
		const struct mail_span *s = &m->hosts[w->hosts[i]].addresses;

		for (uint32_t k = s->at; k < s->at + s->n && !w->r->failed; k++) {
			insert_number(w->r, i);
			insert_address(w->r, &m->addresses[k]);
			insert_row(w->r);
		}
	}
	insert_end(w->r);
}

static void
put_tlsa(struct writing *w)
{
	const struct mail *m = w->m;

	insert_begin(w->r, "tlsa", 6);
	for (uint32_t i = 0; i < w->nhosts; i++) {
		const struct mail_span *s = &m->hosts[w->hosts[i]].tlsa;

		for (uint32_t k = s->at; k < s->at + s->n && !w->r->failed; k++) {
			const struct mail_tlsa *t = &m->tlsa[k];

			insert_number(w->r, i);
			insert_int(w->r, t->usage);
			insert_int(w->r, t->selector);
			insert_int(w->r, t->matching);
			insert_hex(w->r, m->blob + t->data, t->len);
			insert_number(w->r, w->x->record_key[k]);
			insert_row(w->r);
		}
	}
	insert_end(w->r);
}

void
maildb_write(struct insert *r, const struct study *st)
{
	struct impact *x = impact_new(st);
	struct writing w = { .r = r, .m = st->mail, .x = x };

	if (x == NULL)
		return;
	number_hosts(&w);
	put_domains(&w);
	put_hosts(&w);
	put_tlsa(&w);
	free(w.id);
	free(w.hosts);
	impact_free(x);
}

/* ---- reading ---- */

struct reading {
	sqlite3 *db;
	struct study *st;
	struct mail *m;
};

/* The number of a row's domain or host, 0 and up; false when there is no such one. */
static bool
number_of(struct reading *r, sqlite3_stmt *s, int column, uint32_t n, uint32_t *number)
{
	sqlite3_int64 id = sqlite3_column_int64(s, column);

	if (id < 1 || id > (sqlite3_int64)n) {
		r->st->bad++;
		return false;
	}
	*number = (uint32_t)(id - 1);
	return true;
}

static uint8_t
outcome_of(sqlite3_stmt *s, int column)
{
	const char *t = (const char *)sqlite3_column_text(s, column);
	int outcome = t != NULL ? dns_outcome_from(t, strlen(t)) : -1;

	return outcome == -1 ? MAIL_NOT_ASKED : (uint8_t)outcome;
}

static void
read_domain(struct reading *r, sqlite3_stmt *s)
{
	const char *name = (const char *)sqlite3_column_text(s, 1);
	const char *route = (const char *)sqlite3_column_text(s, 2);
	const char *sts = (const char *)sqlite3_column_text(s, 7);
	int kind = route != NULL ? mail_route_from(route) : -1;
	struct mail_domain *d;
	uint32_t i;

	if (name == NULL || kind == -1 || sqlite3_column_int64(s, 0) != r->m->ndomains + 1 ||
	    (i = mail_add_domain(r->m, name)) + 1 != r->m->ndomains) {
		r->st->bad++;
		return;
	}
	d = &r->m->domains[i];
	d->route = (uint8_t)kind;
	d->outcome = outcome_of(s, 3);
	d->ad = sqlite3_column_int(s, 4) != 0;
	d->self = sqlite3_column_int(s, 5) != 0;
	d->odd = sqlite3_column_int(s, 6) != 0;
	for (int k = 0; k < STS_NSTATES && sts != NULL; k++)
		if (strcmp(sts, mail_sts_name((enum mail_sts)k)) == 0)
			d->sts = (uint8_t)k;
	d->sts_outcome = outcome_of(s, 8);
}

static void
read_host(struct reading *r, sqlite3_stmt *s)
{
	const char *name = (const char *)sqlite3_column_text(s, 1);
	struct mail_host *h;
	uint32_t i;

	if (name == NULL || sqlite3_column_int64(s, 0) != r->m->nhosts + 1 ||
	    (i = mail_add_host(r->m, name)) + 1 != r->m->nhosts) {
		r->st->bad++;
		return;
	}
	h = &r->m->hosts[i];
	h->outcome[0] = outcome_of(s, 2);
	h->outcome[1] = outcome_of(s, 3);
	h->cname = sqlite3_column_int(s, 4) != 0;
	h->tlsa_outcome = outcome_of(s, 5);
	h->tlsa_ad = sqlite3_column_int(s, 6) != 0;
}

static void
read_mx(struct reading *r, sqlite3_stmt *s)
{
	uint32_t domain, host;

	if (number_of(r, s, 0, r->m->ndomains, &domain) && number_of(r, s, 1, r->m->nhosts, &host))
		mail_add_mx(r->m, domain, host, (uint16_t)sqlite3_column_int(s, 2));
}

static void
read_address(struct reading *r, sqlite3_stmt *s)
{
	const char *text = (const char *)sqlite3_column_text(s, 1);
	struct ip ip;
	uint32_t host;

	if (!number_of(r, s, 0, r->m->nhosts, &host))
		return;
	if (text != NULL && ip_parse(text, strlen(text), &ip))
		mail_add_address(r->m, host, &ip);
	else
		r->st->bad++;
}

static void
read_tlsa(struct reading *r, sqlite3_stmt *s)
{
	const char *hex = (const char *)sqlite3_column_text(s, 4);
	size_t n = hex != NULL ? strlen(hex) : 0;
	uint8_t *data = xmalloc(n / 2 + 1);
	struct mail_tlsa t = { .usage = (uint8_t)sqlite3_column_int(s, 1),
		.selector = (uint8_t)sqlite3_column_int(s, 2),
		.matching = (uint8_t)sqlite3_column_int(s, 3) };
	uint32_t host;

	if (number_of(r, s, 0, r->m->nhosts, &host)) {
		if (hex != NULL && hex_parse(hex, n, data, n / 2))
			mail_add_tlsa(r->m, host, &t, data, n / 2);
		else
			r->st->bad++;
	}
	free(data);
}

/* The rows of a domain or host stand together: it is as put_domains() and put_hosts() wrote them. */
static const struct {
	const char *sql;
	void (*row)(struct reading *, sqlite3_stmt *);
} tables[] = {
	{ "SELECT id, name, route, outcome, dnssec, self, odd, mta_sts, mta_sts_outcome FROM "
	  "domains"
	  " ORDER BY id",
	    read_domain },
	{ "SELECT id, name, a, aaaa, alias, tlsa_outcome, dnssec FROM mx_hosts ORDER BY id",
	    read_host },
	{ "SELECT domain, mx, preference FROM domain_mx ORDER BY domain, rowid", read_mx },
	{ "SELECT mx, ip FROM mx_addresses ORDER BY mx, rowid", read_address },
	{ "SELECT mx, usage, selector, matching, data FROM tlsa ORDER BY mx, rowid", read_tlsa },
};

int
maildb_read(sqlite3 *db, struct study *st)
{
	struct reading r = { .db = db, .st = st };
	sqlite3_stmt *s = NULL;
	int rc = SQLITE_DONE;

	if (sqlite3_prepare_v2(db, "SELECT 1 FROM domains UNION ALL SELECT 1 FROM tlsa LIMIT 1", -1,
		&s, NULL) != SQLITE_OK)
		return -1;
	rc = sqlite3_step(s);
	sqlite3_finalize(s);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 0 : -1;
	st->mail = r.m = mail_new();
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (sqlite3_prepare_v2(db, tables[i].sql, -1, &s, NULL) != SQLITE_OK)
			return -1;
		while ((rc = sqlite3_step(s)) == SQLITE_ROW)
			tables[i].row(&r, s);
		sqlite3_finalize(s);
		if (rc != SQLITE_DONE)
			return -1;
	}
	return 0;
}
