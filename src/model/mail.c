/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/hex.h"
#include "survey/mail.h"
#include "survey/mem.h"
#include "survey/name.h"

static const char *const route_names[MAIL_NROUTES] = {
	[MAIL_MX] = "mx",
	[MAIL_IMPLICIT] = "implicit",
	[MAIL_NULL] = "null",
	[MAIL_UNUSABLE] = "unusable",
	[MAIL_NXDOMAIN] = "nxdomain",
	[MAIL_UNKNOWN] = "unknown",
};

static const char *const dane_names[DANE_NSTATES] = {
	[DANE_NO] = "no",
	[DANE_YES] = "yes",
	[DANE_PARTIAL] = "partial",
	[DANE_UNPROVED] = "unproved",
	[DANE_UNKNOWN] = "unknown",
};

static const char *const sts_names[STS_NSTATES] = {
	[STS_NO] = "no",
	[STS_YES] = "yes",
	[STS_UNKNOWN] = "unknown",
};

const char *
mail_route_name(enum mail_route route)
{
	return route_names[route];
}

const char *
mail_dane_name(enum mail_dane dane)
{
	return dane_names[dane];
}

const char *
mail_sts_name(enum mail_sts sts)
{
	return sts_names[sts];
}

int
mail_route_from(const char *s)
{
	for (int i = 0; i < MAIL_NROUTES; i++)
		if (strcmp(route_names[i], s) == 0)
			return i;
	return -1;
}

struct mail *
mail_new(void)
{
	struct mail *m = xcalloc(1, sizeof(*m));

	hashtab_init(&m->domain_numbers);
	hashtab_init(&m->host_numbers);
	return m;
}

void
mail_free(struct mail *m)
{
	if (m == NULL)
		return;
	free(m->domains);
	free(m->hosts);
	free(m->mx);
	free(m->tlsa);
	free(m->addresses);
	free(m->texts);
	free(m->blob);
	hashtab_fini(&m->domain_numbers);
	hashtab_fini(&m->host_numbers);
	free(m);
}

static uint32_t
put_text(struct mail *m, const char *s)
{
	size_t len = strlen(s) + 1, at = m->texts_len;

	mem_grow(&m->texts, &m->texts_cap, at + len, 1);
	memcpy(m->texts + at, s, len);
	m->texts_len += len;
	return (uint32_t)at;
}

static uint32_t
find_domain(const struct mail *m, const char *name)
{
	uint32_t h = hashtab_hash(&m->domain_numbers, name, strlen(name));
	size_t at;
	uint32_t i = hashtab_first(&m->domain_numbers, h, &at);

	while (i != HASHTAB_NONE && strcmp(mail_text(m, m->domains[i].name), name) != 0)
		i = hashtab_next(&m->domain_numbers, h, &at);
	return i;
}

static uint32_t
find_host(const struct mail *m, const char *name)
{
	uint32_t h = hashtab_hash(&m->host_numbers, name, strlen(name));
	size_t at;
	uint32_t i = hashtab_first(&m->host_numbers, h, &at);

	while (i != HASHTAB_NONE && strcmp(mail_text(m, m->hosts[i].name), name) != 0)
		i = hashtab_next(&m->host_numbers, h, &at);
	return i;
}

uint32_t
mail_add_domain(struct mail *m, const char *name)
{
	uint32_t i = find_domain(m, name);

	if (i != HASHTAB_NONE)
		return i;
	mem_grow(&m->domains, &m->domains_cap, (size_t)m->ndomains + 1, sizeof(*m->domains));
	m->domains[m->ndomains] = (struct mail_domain){ .name = put_text(m, name),
		.route = MAIL_UNKNOWN,
		.outcome = MAIL_NOT_ASKED,
		.sts = STS_UNKNOWN,
		.sts_outcome = MAIL_NOT_ASKED };
	hashtab_put(
	    &m->domain_numbers, hashtab_hash(&m->domain_numbers, name, strlen(name)), m->ndomains);
	return m->ndomains++;
}

uint32_t
mail_add_host(struct mail *m, const char *name)
{
	uint32_t i = find_host(m, name);

	if (i != HASHTAB_NONE)
		return i;
	mem_grow(&m->hosts, &m->hosts_cap, (size_t)m->nhosts + 1, sizeof(*m->hosts));
	m->hosts[m->nhosts] = (struct mail_host){ .name = put_text(m, name),
		.outcome = { MAIL_NOT_ASKED, MAIL_NOT_ASKED },
		.tlsa_outcome = MAIL_NOT_ASKED };
	hashtab_put(
	    &m->host_numbers, hashtab_hash(&m->host_numbers, name, strlen(name)), m->nhosts);
	return m->nhosts++;
}

/* The spans of a domain and of a host grow while they are the last of their arrays. */
void
mail_add_mx(struct mail *m, uint32_t domain, uint32_t host, uint16_t preference)
{
	struct mail_span *s = &m->domains[domain].mx;

	for (uint32_t i = s->at; i < s->at + s->n; i++)
		if (m->mx[i].host == host)
			return; /* twice, with another preference: one place to send mail to */
	mem_grow(&m->mx, &m->mx_cap, (size_t)m->nmx + 1, sizeof(*m->mx));
	if (s->n == 0)
		s->at = m->nmx;
	m->mx[m->nmx++] = (struct mail_mx){ host, preference };
	s->n++;
	m->hosts[host].domains++;
}

void
mail_add_address(struct mail *m, uint32_t host, const struct ip *ip)
{
	struct mail_span *s = &m->hosts[host].addresses;

	mem_grow(
	    &m->addresses, &m->addresses_cap, (size_t)m->naddresses + 1, sizeof(*m->addresses));
	if (s->n == 0)
		s->at = m->naddresses;
	m->addresses[m->naddresses++] = *ip;
	s->n++;
}

void
mail_add_tlsa(
    struct mail *m, uint32_t host, const struct mail_tlsa *t, const uint8_t *data, size_t len)
{
	struct mail_span *s = &m->hosts[host].tlsa;

	mem_grow(&m->tlsa, &m->tlsa_cap, (size_t)m->ntlsa + 1, sizeof(*m->tlsa));
	mem_grow(&m->blob, &m->blob_cap, m->blob_len + len + 1, 1);
	if (s->n == 0)
		s->at = m->ntlsa;
	m->tlsa[m->ntlsa] = *t;
	m->tlsa[m->ntlsa].data = (uint32_t)m->blob_len;
	m->tlsa[m->ntlsa++].len = (uint32_t)len;
	if (len > 0)
		memcpy(m->blob + m->blob_len, data, len);
	m->blob_len += len;
	s->n++;
}

/* ---- answers ---- */

/* The number at *s, at most max, with a blank behind it; *s is then behind that. */
static bool
take_number(const char **s, unsigned max, unsigned *n)
{
	const char *p = *s;

	for (*n = 0; *p >= '0' && *p <= '9'; p++)
		if ((*n = *n * 10 + (unsigned)(*p - '0')) > max)
			return false;
	if (p == *s || *p != ' ')
		return false;
	*s = p + 1;
	return true;
}

static int
by_preference(const void *pa, const void *pb, void *arg)
{
	const struct mail *m = arg;
	const struct mail_mx *a = pa, *b = pb;

	if (a->preference != b->preference)
		return a->preference < b->preference ? -1 : 1;
	return strcmp(mail_text(m, m->hosts[a->host].name), mail_text(m, m->hosts[b->host].name));
}

static void
take_mx_record(struct mail *m, uint32_t domain, const char *text, uint32_t *roots)
{
	char name[NAME_SIZE];
	unsigned preference;
	uint32_t host;

	if (!take_number(&text, UINT16_MAX, &preference)) {
		m->domains[domain].odd = true;
		return;
	}
	if (strcmp(text, ".") == 0) {
		++*roots;
		return;
	}
	if (name_normalise(text, strlen(text), name) != NAME_OK) {
		m->domains[domain].odd = true;
		return;
	}
	host = mail_add_host(m, name);
	if (strcmp(name, mail_text(m, m->domains[domain].name)) == 0)
		m->domains[domain].self = true;
	mail_add_mx(m, domain, host, (uint16_t)preference);
}

static void
take_mx(struct mail *m, uint32_t domain, const struct answer *a)
{
	struct mail_domain *d = &m->domains[domain];
	uint32_t roots = 0;

	for (uint32_t i = d->mx.at; i < d->mx.at + d->mx.n; i++)
		m->hosts[m->mx[i].host].domains--;
	d->mx = (struct mail_span){ 0, 0 };
	d->outcome = (uint8_t)a->outcome;
	d->ad = a->ad;
	d->self = d->odd = false;
	d->route = a->outcome == DNS_NXDOMAIN ? MAIL_NXDOMAIN : MAIL_UNKNOWN;
	if (a->outcome == DNS_NODATA) {
		d->route = MAIL_IMPLICIT;
		mail_add_mx(m, domain, mail_add_host(m, a->name), 0);
	}
	if (a->outcome != DNS_NOERROR)
		return;
	for (size_t i = 0; i < a->nnames; i++)
		take_mx_record(m, domain, a->names[i], &roots);
	d->odd |= roots > 0 && a->nnames > 1;
	d->route = d->mx.n > 0 ? MAIL_MX : roots > 0 && a->nnames == 1 ? MAIL_NULL : MAIL_UNUSABLE;
	if (d->mx.n > 1)
		qsort_r(m->mx + d->mx.at, d->mx.n, sizeof(*m->mx), by_preference, m);
}

/* Exactly one record begins so, or there is no policy (RFC 8461, 3.1). */
static void
take_sts(struct mail_domain *d, const struct answer *a)
{
	static const char version[] = "v=STSv1";
	uint32_t n = 0;

	for (size_t i = 0; i < a->nnames; i++) {
		const char *s = a->names[i];

		n += strncmp(s, version, strlen(version)) == 0 &&
		     strchr("; \t", s[strlen(version)]) != NULL;
	}
	d->sts_outcome = (uint8_t)a->outcome;
	d->sts = !dns_outcome_known(a->outcome) ? STS_UNKNOWN : n == 1 ? STS_YES : STS_NO;
}

/* Those of the span that are of the family are a host's, too. */
static void
keep_addresses(struct mail *m, uint32_t host, struct mail_span was, int family)
{
	for (uint32_t i = was.at; i < was.at + was.n; i++) {
		struct ip ip = m->addresses[i];

		if (ip.family == family)
			mail_add_address(m, host, &ip);
	}
}

/* The addresses of the other family stay; IPv4 comes first. */
static void
take_addresses(struct mail *m, uint32_t host, const struct answer *a)
{
	struct mail_host *h = &m->hosts[host];
	struct mail_span was = h->addresses;
	int family = a->type == DNS_A ? 4 : 6;

	h->outcome[a->type == DNS_AAAA] = (uint8_t)a->outcome;
	if (a->outcome == DNS_NOERROR)
		h->cname = a->ncnames > 0;
	if (was.n == 0 && a->naddrs == 0)
		return;
	h->addresses.n = 0;
	if (family == 6)
		keep_addresses(m, host, was, 4);
	for (size_t i = 0; i < a->naddrs; i++)
		if (a->addrs[i].family == family)
			mail_add_address(m, host, &a->addrs[i]);
	if (family == 4)
		keep_addresses(m, host, was, 6);
}

/* "3 1 1 8d02…"; blanks may divide the digits. */
static void
take_tlsa_record(struct mail *m, uint32_t host, const char *text)
{
	unsigned usage, selector, matching;
	struct mail_tlsa t;
	uint8_t *data;
	size_t n = 0;
	int high = -1;

	if (!take_number(&text, 255, &usage) || !take_number(&text, 255, &selector) ||
	    !take_number(&text, 255, &matching))
		return;
	data = xmalloc(strlen(text) / 2 + 1);
	for (; *text != '\0'; text++) {
		int v = hex_value(*text);

		if (*text == ' ')
			continue;
		if (v == -1)
			break;
		if (high == -1) {
			high = v;
		} else {
			data[n++] = (uint8_t)(high << 4 | v);
			high = -1;
		}
	}
	t = (struct mail_tlsa){ .usage = (uint8_t)usage,
		.selector = (uint8_t)selector,
		.matching = (uint8_t)matching };
	if (*text == '\0' && high == -1)
		mail_add_tlsa(m, host, &t, data, n);
	free(data);
}

static void
take_tlsa(struct mail *m, uint32_t host, const struct answer *a)
{
	struct mail_host *h = &m->hosts[host];

	h->tlsa = (struct mail_span){ 0, 0 };
	h->tlsa_outcome = (uint8_t)a->outcome;
	h->tlsa_ad = a->ad;
	for (size_t i = 0; i < a->nnames; i++)
		take_tlsa_record(m, host, a->names[i]);
}

/* The name behind a prefix, or NULL. */
static const char *
behind(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

uint32_t
mail_take(struct mail *m, const struct answer *a)
{
	const char *name = a->name;
	uint32_t i = HASHTAB_NONE;

	switch (a->type) {
	case DNS_MX:
		if ((i = find_domain(m, name)) != HASHTAB_NONE)
			take_mx(m, i, a);
		break;
	case DNS_TXT:
		if ((name = behind(name, MAIL_STS_PREFIX)) != NULL &&
		    (i = find_domain(m, name)) != HASHTAB_NONE)
			take_sts(&m->domains[i], a);
		break;
	case DNS_A:
	case DNS_AAAA:
		if ((i = find_host(m, name)) != HASHTAB_NONE)
			take_addresses(m, i, a);
		break;
	case DNS_TLSA:
		if ((name = behind(name, MAIL_TLSA_PREFIX)) != NULL &&
		    (i = find_host(m, name)) != HASHTAB_NONE)
			take_tlsa(m, i, a);
		break;
	default:
		break;
	}
	return i == HASHTAB_NONE ? MAIL_NONE : i;
}

void
mail_add_tlsa_host(struct mail *m, const struct answer *a)
{
	char name[NAME_SIZE];
	const char *host;

	if (a->type == DNS_TLSA && a->nnames > 0 &&
	    (host = behind(a->name, MAIL_TLSA_PREFIX)) != NULL &&
	    name_normalise(host, strlen(host), name) == NAME_OK)
		mail_add_host(m, name);
}

bool
mail_is_empty(const struct mail *m)
{
	for (uint32_t i = 0; i < m->nhosts; i++)
		if (m->hosts[i].tlsa.n > 0)
			return false;
	return m->ndomains == 0;
}

/* ---- questions ---- */

static bool
is_known(uint8_t outcome)
{
	return outcome != MAIL_NOT_ASKED && dns_outcome_known((enum dns_outcome)outcome);
}

/* A name below a name that is nearly as long as names may be cannot be asked, and does not exist. */
static void
ask_below(const char *prefix, const char *name, enum dns_type type, mail_question_fn fn, void *arg)
{
	char below[NAME_SIZE];
	size_t p = strlen(prefix), n = strlen(name);

	if (p + n > NAME_MAX_TEXT)
		return;
	memcpy(below, prefix, p);
	memcpy(below + p, name, n + 1);
	fn(below, type, arg);
}

void
mail_ask_domain(const struct mail *m, uint32_t domain, bool again, mail_question_fn fn, void *arg)
{
	const struct mail_domain *d = &m->domains[domain];
	const char *name = mail_text(m, d->name);

	if (!again && !is_known(d->outcome))
		fn(name, DNS_MX, arg);
	else if (d->route != MAIL_NULL && d->route != MAIL_NXDOMAIN && !is_known(d->sts_outcome))
		ask_below(MAIL_STS_PREFIX, name, DNS_TXT, fn, arg);
}

void
mail_ask_host(const struct mail *m, uint32_t host, bool again, mail_question_fn fn, void *arg)
{
	const struct mail_host *h = &m->hosts[host];
	const char *name = mail_text(m, h->name);

	if (!again && !is_known(h->outcome[0])) {
		fn(name, DNS_A, arg);
		return;
	}
	if (h->outcome[0] == DNS_NXDOMAIN)
		return;
	if (!is_known(h->outcome[1]))
		fn(name, DNS_AAAA, arg);
	if (!is_known(h->tlsa_outcome))
		ask_below(MAIL_TLSA_PREFIX, name, DNS_TLSA, fn, arg);
}

/* ---- what follows from it ---- */

enum mail_dane
mail_host_dane(const struct mail *m, uint32_t host)
{
	const struct mail_host *h = &m->hosts[host];

	if (h->tlsa.n > 0)
		return h->tlsa_ad ? DANE_YES : DANE_UNPROVED;
	return h->outcome[0] == DNS_NXDOMAIN || is_known(h->tlsa_outcome) ? DANE_NO : DANE_UNKNOWN;
}

enum mail_dane
mail_domain_dane(const struct mail *m, uint32_t domain)
{
	const struct mail_domain *d = &m->domains[domain];
	uint32_t n[DANE_NSTATES] = { 0 };

	if (d->route != MAIL_MX && d->route != MAIL_IMPLICIT)
		return d->route == MAIL_UNKNOWN ? DANE_UNKNOWN : DANE_NO;
	for (uint32_t i = d->mx.at; i < d->mx.at + d->mx.n; i++)
		n[mail_host_dane(m, m->mx[i].host)]++;
	if (n[DANE_YES] > 0 && d->ad)
		return n[DANE_YES] == d->mx.n ? DANE_YES : DANE_PARTIAL;
	if (n[DANE_YES] + n[DANE_UNPROVED] > 0)
		return DANE_UNPROVED;
	return n[DANE_UNKNOWN] > 0 ? DANE_UNKNOWN : DANE_NO;
}

static bool
is_idn(const char *name)
{
	return strncmp(name, "xn--", 4) == 0 || strstr(name, ".xn--") != NULL;
}

void
mail_count(const struct mail *m, struct mail_counts *c)
{
	memset(c, 0, sizeof(*c));
	for (uint32_t i = 0; i < m->ndomains; i++) {
		const struct mail_domain *d = &m->domains[i];

		c->routes[d->route]++;
		c->dane[mail_domain_dane(m, i)]++;
		c->sts[d->sts]++;
		c->idn += is_idn(mail_text(m, d->name));
		c->self += d->self;
		c->odd += d->odd;
		if (d->mx.n > c->many)
			c->many = d->mx.n;
	}
	for (uint32_t i = 0; i < m->nhosts; i++) {
		const struct mail_host *h = &m->hosts[i];
		bool gone = h->outcome[0] == DNS_NXDOMAIN;

		if (h->domains == 0)
			continue;
		c->hosts++;
		c->cnames += h->cname;
		if (h->addresses.n > 0)
			continue;
		if (gone || (is_known(h->outcome[0]) && is_known(h->outcome[1])))
			c->without_address++;
		else
			c->address_unknown++;
	}
}
