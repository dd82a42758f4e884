/* Pure. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "survey/domain.h"
#include "survey/hashtab.h"
#include "survey/mem.h"
#include "survey/order.h"
#include "survey/study.h"

#include "traits.h"

/* Words by which products and their makers name themselves in certificates and banners. */
static const char *const vendor_words[] = { "localhost", "default", "plesk", "parallels", "cpanel",
	"webmin", "directadmin", "synology", "qnap", "fortinet", "fortimail", "sonicwall",
	"barracuda", "sophos", "watchguard", "mikrotik", "ubiquiti", "zimbra", "kerio", "exchange",
	"icewarp", "mdaemon", "axigen", "hikvision", "draytek", "zyxel", "tp-link", "snakeoil",
	"example", "dovecot", "imap.example", "internet widgits", "somecity", "vmware", "vmd",
	"ispconfig", "vestacp", "hestia" };

static const char *const filter_words[] = { "spam", "filter", "relay", "mailgate", "mx-gw",
	"antispam", "antivirus", "barracuda", "mimecast", "proofpoint", "messagelabs", "mxlogic",
	"ironport", "fireeye", "spamtitan", "mailcleaner", "smarthost", "gateway" };

/* At most 64 words, found by their first letters. */
struct words {
	const char *const *v;
	uint64_t first[UCHAR_MAX + 1]; /* bit k: word k begins with this byte */
};

_Static_assert(sizeof(vendor_words) / sizeof(vendor_words[0]) <= 64, "a bit for each word");

static void
words_init(struct words *w, const char *const *v, size_t n)
{
	memset(w, 0, sizeof(*w));
	w->v = v;
	for (size_t k = 0; k < n; k++)
		w->first[(unsigned char)v[k][0]] |= 1ULL << k;
}

#define WORDS_INIT(w, v) words_init(w, v, sizeof(v) / sizeof((v)[0]))

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool
begins_with(const char *text, const char *word)
{
	while (*word != '\0' && lower(*text) == (unsigned char)*word) {
		text++;
		word++;
	}
	return *word == '\0';
}

/* The first word of the list that the text has in it; NULL: none, or no text. */
static const char *
word_in(const struct words *w, const char *text)
{
	uint64_t wanted = UINT64_MAX;
	const char *found = NULL;

	for (; text != NULL && *text != '\0'; text++) {
		uint64_t bits = w->first[lower(*text)] & wanted;

		for (; bits != 0; bits &= bits - 1) {
			int k = __builtin_ctzll(bits);

			if (!begins_with(text, w->v[k]))
				continue;
			found = w->v[k];
			wanted = (1ULL << k) - 1; /* only what stands before it in the list */
			break;
		}
	}
	return found;
}

/*
 * The vendor that a server's own words speak of.  Dovecot and Exchange make a key of their own on
 * each machine; only a certificate of theirs may be one that was shipped.
 */
static const char *
vendor_of_server(const struct words *vendors, const char *software)
{
	const char *word = word_in(vendors, software);

	return word != NULL && (strcmp(word, "dovecot") == 0 || strcmp(word, "exchange") == 0)
		   ? NULL
		   : word;
}

/* The registrable domains of names, each once. */
struct domains {
	char *v[DOMAINS_MAX];
	uint32_t n;
	struct hashtab
	    texts; /* names that were looked at: a certificate's stand on all its hosts */
};

/* Was this name, a text of the study, looked at before? */
static bool
seen_before(struct hashtab *texts, uint32_t text)
{
	uint32_t h = hashtab_hash(texts, &text, sizeof(text)), i;
	size_t at;

	for (i = hashtab_first(texts, h, &at); i != HASHTAB_NONE; i = hashtab_next(texts, h, &at)) {
		if (i == text)
			return true;
	}
	hashtab_put(texts, h, text);
	return false;
}

static void
add_domain(struct domains *d, const struct study *st, uint32_t text)
{
	char normal[NAME_SIZE];
	const char *domain;

	if (d->n == DOMAINS_MAX || text == STUDY_NO_TEXT || seen_before(&d->texts, text) ||
	    (domain = domain_of_name(study_text(st, text), normal)) == NULL)
		return;
	for (uint32_t i = 0; i < d->n; i++) {
		if (strcmp(d->v[i], domain) == 0)
			return;
	}
	d->v[d->n++] = xstrdup(domain);
}

/* The number that stands most often among n, and how often; *distinct gets how many differ. */
static uint32_t
most_frequent(uint32_t *v, uint32_t n, uint32_t *count, uint32_t *distinct)
{
	uint32_t best = STUDY_NONE;

	*count = *distinct = 0;
	if (n > 0)
		qsort(v, n, sizeof(*v), order_u32);
	for (uint32_t i = 0, k; i < n; i = k) {
		for (k = i; k < n && v[k] == v[i]; k++)
			;
		++*distinct;
		if (k - i > *count) {
			*count = k - i;
			best = v[i];
		}
	}
	return best;
}

/* Distinct TLS keys on the hosts that show one key. */
static uint32_t
tls_keys_beside(const struct study *st, uint32_t key)
{
	const struct study_key *k = &st->keys[key];
	uint32_t *v = NULL, n = 0, most, distinct;
	size_t cap = 0;

	for (uint32_t i = k->uses.at; i < k->uses.at + k->uses.n; i++) {
		const struct study_host *h = &st->hosts[st->uses[i].host];

		if (i > k->uses.at && st->uses[i].host == st->uses[i - 1].host)
			continue;
		for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++) {
			if (st->grabs[g].kind == KEY_SSH_HOST)
				continue;
			mem_grow(&v, &cap, (size_t)n + 1, sizeof(*v));
			v[n++] = st->grabs[g].key;
		}
	}
	most_frequent(v, n, &most, &distinct);
	free(v);
	return distinct;
}

static bool
same_set(const struct study *st, const struct study_host *a, const struct study_host *b)
{
	if (a->grabs.n != b->grabs.n)
		return false;
	for (uint32_t i = 0; i < a->grabs.n; i++) {
		const struct study_grab *x = &st->grabs[a->grabs.at + i],
					*y = &st->grabs[b->grabs.at + i];

		if (x->key != y->key || x->port != y->port)
			return false;
	}
	return true;
}

static bool
same_net(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->a, b->a, a->family == 4 ? 3 : 8) == 0;
}

/* What is collected while the hosts of a cluster are looked at. */
struct finder {
	const struct study *st;
	struct words vendors, filters;
	struct domains domains;
	uint32_t *certs, ncerts; /* of all hosts, each once a host */
	size_t cap;
};

/* What one host adds. */
static void
add_host(struct traits *t, struct finder *f, const struct study_host *h)
{
	const struct study *st = f->st;
	const char *vendor = NULL, *filter = NULL;
	bool ssh = false, wild = false, good = false;
	uint32_t before = f->ncerts;

	for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++) {
		const struct study_grab *grab = &st->grabs[g];
		const struct study_cert *c = grab->cert != STUDY_NONE ? &st->certs[grab->cert]
								      : NULL;
		bool seen = false;

		ssh = ssh || grab->kind == KEY_SSH_HOST;
		if (vendor == NULL)
			vendor = vendor_of_server(&f->vendors, study_text(st, grab->software));
		if (grab->kind == KEY_SSH_HOST || !study_first_of_port(st, g))
			continue;
		t->tls_ports++;
		t->trusted += grab->trusted == FACT_YES;
		if (c == NULL)
			continue;
		t->self_signed += c->self_signed == FACT_YES;
		if (vendor == NULL)
			vendor = word_in(&f->vendors, study_text(st, c->subject));
		if (vendor == NULL)
			vendor = word_in(&f->vendors, study_text(st, c->issuer));
		for (uint32_t i = before; i < f->ncerts; i++)
			seen = seen || f->certs[i] == grab->cert;
		if (seen)
			continue;
		mem_grow(&f->certs, &f->cap, (size_t)f->ncerts + 1, sizeof(*f->certs));
		f->certs[f->ncerts++] = grab->cert;
	}
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];
		const char *text = study_text_or_empty(st, n->text);

		good = good || n->verdict == NAME_GOOD;
		wild = wild || strncmp(text, "*.", 2) == 0;
		if (filter == NULL && (n->source == NAME_BANNER || n->source == NAME_RDNS))
			filter = word_in(&f->filters, text);
		if (n->source != NAME_RDNS)
			add_domain(&f->domains, st, n->text);
	}
	t->with_ssh += ssh;
	t->without_ssh += !ssh;
	t->good += good;
	t->wildcards += wild;
	t->vendor += vendor != NULL;
	t->filter += filter != NULL;
	t->vendor_word = t->vendor_word != NULL ? t->vendor_word : vendor;
	t->filter_word = t->filter_word != NULL ? t->filter_word : filter;
}

struct traits
find_traits(const struct study *st, const struct study_cluster *c)
{
	struct traits t = { .nhosts = c->hosts.n,
		.nases = c->nases,
		.in_one_as = c->nases == 1 && c->nin_no_as == 0,
		.some_no_as = c->nin_no_as > 0,
		.nothers = c->nothers,
		.ssh_top = STUDY_NONE,
		.tls_top = STUDY_NONE,
		.same_keys = true,
		.same_net = true };
	const struct study_host *first = &st->hosts[study_member(st, c, 0)];
	struct finder f = { .st = st };

	WORDS_INIT(&f.vendors, vendor_words);
	WORDS_INIT(&f.filters, filter_words);
	hashtab_init(&f.domains.texts);
	for (uint32_t i = 0; i < c->keys.n; i++) {
		uint32_t key = study_cluster_key(st, c, i);
		const struct study_key *k = &st->keys[key];

		t.ssh_keys += k->ssh;
		t.tls_keys += k->tls;
		if (k->ssh && k->nhosts > t.ssh_shared) {
			t.ssh_shared = k->nhosts;
			t.ssh_top = key;
		}
		if (k->tls && k->nhosts > t.tls_shared) {
			t.tls_shared = k->nhosts;
			t.tls_top = key;
		}
	}
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		const struct study_host *h = &st->hosts[study_member(st, c, i)];

		t.same_keys = t.same_keys && same_set(st, first, h);
		t.same_net = t.same_net && same_net(&first->ip, &h->ip);
		add_host(&t, &f, h);
	}
	t.domains = f.domains.n;
	most_frequent(f.certs, f.ncerts, &t.cert_hosts, &t.certs);
	if (t.ssh_top != STUDY_NONE && t.ssh_shared > 1)
		t.tls_of_cloned = tls_keys_beside(st, t.ssh_top);
	free(f.certs);
	for (uint32_t i = 0; i < f.domains.n; i++)
		free(f.domains.v[i]);
	hashtab_fini(&f.domains.texts);
	return t;
}
