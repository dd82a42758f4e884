/* Pure: rules about clusters, as a table. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "survey/buf.h"
#include "survey/domain.h"
#include "survey/explain.h"
#include "survey/mem.h"
#include "survey/study.h"
#include "survey/text.h"

#define DOMAINS_MANY 5 /* domains of customers that make a platform */
#define DOMAINS_MAX 64 /* that are counted */
#define LARGE 5 /* hosts: a service has no more without saying so */

/* What is counted of a cluster before the rules look at it. */
struct traits {
	uint32_t nhosts, nases;
	uint32_t with_ssh, without_ssh;
	uint32_t ssh_keys; /* distinct keys on SSH ports */
	uint32_t ssh_shared; /* hosts of the most used one */
	uint32_t ssh_top; /* that key, or STUDY_NONE */
	uint32_t tls_keys, tls_shared, tls_top;
	uint32_t tls_of_cloned; /* distinct TLS keys on the hosts of ssh_top */
	uint32_t tls_ports, trusted, self_signed;
	uint32_t certs; /* distinct certificates */
	uint32_t cert_hosts; /* hosts of the most used certificate */
	uint32_t good; /* hosts with a name that leads back to them */
	uint32_t
	    domains; /* registrable ones of the names of certificates and banners; at most DOMAINS_MAX */
	uint32_t wildcards; /* hosts with a wildcard name */
	uint32_t vendor, filter; /* hosts with such a word */
	const char *vendor_word, *filter_word; /* one of them */
	bool same_keys; /* every host shows the same set of keys on the same ports */
	bool same_net; /* all addresses within one /24 or /64 */
};

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

static const char *
word_in(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; text != NULL && i < n; i++) {
		if (strcasestr(text, words[i]) != NULL)
			return words[i];
	}
	return NULL;
}

#define WORD_IN(text, words) word_in(text, words, sizeof(words) / sizeof((words)[0]))

/*
 * The vendor that a server's own words speak of.  Dovecot and Exchange make a key of their own on
 * each machine; only a certificate of theirs may be one that was shipped.
 */
static const char *
vendor_of_server(const char *software)
{
	const char *word = WORD_IN(software, vendor_words);

	return word != NULL && (strcmp(word, "dovecot") == 0 || strcmp(word, "exchange") == 0)
		   ? NULL
		   : word;
}

/* The registrable domains of names, each once. */
struct domains {
	char *v[DOMAINS_MAX];
	uint32_t n;
};

static void
add_domain(struct domains *d, const char *name)
{
	char normal[NAME_SIZE];
	const char *domain;

	if (d->n == DOMAINS_MAX || (domain = domain_of_name(name, normal)) == NULL)
		return;
	for (uint32_t i = 0; i < d->n; i++) {
		if (strcmp(d->v[i], domain) == 0)
			return;
	}
	d->v[d->n++] = xstrdup(domain);
}

static int
by_number(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return a < b ? -1 : a > b;
}

/* The number that stands most often among n, and how often; *distinct gets how many differ. */
static uint32_t
most_frequent(uint32_t *v, uint32_t n, uint32_t *count, uint32_t *distinct)
{
	uint32_t best = STUDY_NONE;

	*count = *distinct = 0;
	if (n > 0)
		qsort(v, n, sizeof(*v), by_number);
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

/* What one host adds; certs gets its certificates, each once. */
static void
add_host(struct traits *t, const struct study *st, const struct study_host *h, struct domains *d,
    uint32_t **certs, size_t *cap, uint32_t *ncerts)
{
	const char *vendor = NULL, *filter = NULL;
	bool ssh = false, wild = false, good = false;
	uint32_t before = *ncerts;

	for (uint32_t g = h->grabs.at; g < h->grabs.at + h->grabs.n; g++) {
		const struct study_grab *grab = &st->grabs[g];
		const struct study_cert *c = grab->cert != STUDY_NONE ? &st->certs[grab->cert]
								      : NULL;
		bool seen = false;

		ssh = ssh || grab->kind == KEY_SSH_HOST;
		if (vendor == NULL)
			vendor = vendor_of_server(study_text(st, grab->software));
		if (grab->kind == KEY_SSH_HOST || !study_first_of_port(st, g))
			continue;
		t->tls_ports++;
		t->trusted += grab->trusted == FACT_YES;
		if (c == NULL)
			continue;
		t->self_signed += c->self_signed == FACT_YES;
		if (vendor == NULL)
			vendor = WORD_IN(study_text(st, c->subject), vendor_words);
		if (vendor == NULL)
			vendor = WORD_IN(study_text(st, c->issuer), vendor_words);
		for (uint32_t i = before; i < *ncerts; i++)
			seen = seen || (*certs)[i] == grab->cert;
		if (seen)
			continue;
		mem_grow(certs, cap, (size_t)*ncerts + 1, sizeof(**certs));
		(*certs)[(*ncerts)++] = grab->cert;
	}
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];
		const char *text = study_text_or_empty(st, n->text);

		good = good || n->verdict == NAME_GOOD;
		wild = wild || strncmp(text, "*.", 2) == 0;
		if (filter == NULL && (n->source == NAME_BANNER || n->source == NAME_RDNS))
			filter = WORD_IN(text, filter_words);
		if (n->source != NAME_RDNS)
			add_domain(d, text);
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

static struct traits
find_traits(const struct study *st, const struct study_cluster *c)
{
	struct traits t = { .nhosts = c->hosts.n,
		.nases = c->nases,
		.ssh_top = STUDY_NONE,
		.tls_top = STUDY_NONE,
		.same_keys = true,
		.same_net = true };
	const struct study_host *first = &st->hosts[study_member(st, c, 0)];
	struct domains d = { .n = 0 };
	uint32_t *certs = NULL, ncerts = 0;
	size_t cap = 0;

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
		add_host(&t, st, h, &d, &certs, &cap, &ncerts);
	}
	t.domains = d.n;
	most_frequent(certs, ncerts, &t.cert_hosts, &t.certs);
	if (t.ssh_top != STUDY_NONE && t.ssh_shared > 1)
		t.tls_of_cloned = tls_keys_beside(st, t.ssh_top);
	free(certs);
	for (uint32_t i = 0; i < d.n; i++)
		free(d.v[i]);
	return t;
}

/* A rule appends what speaks for and against it, and returns a score; 0: nothing speaks for it. */
typedef unsigned (*rule_fn)(const struct traits *t, struct buf *pro, struct buf *contra);

static void
say_several_ases(const struct traits *t, struct buf *contra)
{
	if (t->nases > 1)
		buf_printf(contra, "They lie in %u ASes. ", t->nases);
}

static unsigned
multihomed(const struct traits *t, struct buf *pro, struct buf *contra)
{
	unsigned score = 0;

	if (t->with_ssh == t->nhosts && t->ssh_keys == 1 && t->nases == 1) {
		score = 25;
		buf_adds(pro, "Every address shows the same SSH host key and all lie in one AS. ");
	}
	if (t->same_keys && t->nases == 1) {
		score += 30;
		buf_adds(pro, "Every address shows the same full set of keys on the same ports. ");
	}
	if (score > 0 && t->same_net) {
		score += 30;
		buf_adds(pro, "The addresses are neighbours. ");
	} else if (score > 0) {
		buf_adds(contra, "The addresses are not in one small network. ");
	}
	if (score > 0 && !t->same_keys)
		buf_printf(contra, "They show %u different TLS keys. ", t->tls_keys);
	if (t->without_ssh > 0 && t->with_ssh > 0)
		buf_printf(contra, "%u of them %s no SSH. ", t->without_ssh,
		    text_noun(t->without_ssh, "shows", "show"));
	if (t->with_ssh == 0)
		buf_adds(contra, "None shows SSH, so nothing ties them to one machine. ");
	if (t->ssh_keys > 1)
		buf_printf(contra, "They show %u different SSH host keys. ", t->ssh_keys);
	say_several_ases(t, contra);
	if (!t->same_keys && t->tls_keys > 1)
		score /= 2;
	return score;
}

static unsigned
cloned(const struct traits *t, struct buf *pro, struct buf *contra)
{
	unsigned score;

	if (t->ssh_shared < 2)
		return 0;
	score = 20 + 40 * t->ssh_shared / t->nhosts;
	buf_printf(pro,
	    "%u of %u hosts show one SSH host key: machines cloned from an image that carried it "
	    "do "
	    "so. ",
	    t->ssh_shared, t->nhosts);
	if (t->tls_of_cloned > 1) {
		score += 20;
		buf_printf(pro, "These hosts have %u different TLS keys. ", t->tls_of_cloned);
	}
	if (t->nases > 1) {
		score += 10;
		buf_printf(pro, "They lie in %u ASes, so it is not one machine. ", t->nases);
	}
	if (t->same_keys && t->nases == 1) {
		score = score > 30 ? score - 30 : 1;
		buf_adds(contra, "All keys are equal, not only the SSH host key. ");
	}
	return score;
}

static unsigned
hosting(const struct traits *t, struct buf *pro, struct buf *contra)
{
	unsigned score;

	if (t->tls_shared * 2 <= t->nhosts || t->nhosts <= LARGE)
		return 0;
	score = 30;
	buf_printf(pro,
	    "One TLS key on %u of %u hosts%s: a hosting company that gives all its servers one "
	    "certificate does so. ",
	    t->tls_shared, t->nhosts, t->wildcards > 0 ? ", with wildcard names" : "");
	if (t->domains >= DOMAINS_MANY) {
		score += 30;
		buf_printf(pro, "Its names are of %s%u domains. ",
		    t->domains == DOMAINS_MAX ? "at least " : "", t->domains);
	} else {
		buf_printf(contra, "Its names are of %u %s only. ", t->domains,
		    text_noun(t->domains, "domain", "domains"));
	}
	if (t->nases > 2) {
		score = score > 10 ? score - 10 : 1;
		say_several_ases(t, contra);
	}
	return score;
}

static unsigned
vendor(const struct traits *t, struct buf *pro, struct buf *contra)
{
	unsigned score = 0;

	if (t->tls_ports > 0 && t->self_signed * 5 > t->tls_ports * 4 && t->nases > 1 &&
	    t->tls_shared * 2 > t->nhosts) {
		score = 60;
		buf_printf(pro,
		    "One self-signed certificate's key on %u hosts in %u ASes: the default key of "
		    "a "
		    "product or a mail appliance does so. ",
		    t->tls_shared, t->nases);
	}
	if (t->vendor * 2 > t->nhosts && (score > 0 || t->nases > 1)) {
		score += 25;
		buf_printf(
		    pro, "%u hosts speak of \"%s\" or the like. ", t->vendor, t->vendor_word);
	}
	if (score > 0 && t->trusted > 0)
		buf_printf(contra, "%u of its certificates %s trusted by browsers. ", t->trusted,
		    text_noun(t->trusted, "is", "are"));
	return score;
}

static unsigned
service(const struct traits *t, struct buf *pro, struct buf *contra)
{
	unsigned score;

	if (t->tls_shared * 2 <= t->nhosts)
		return 0;
	score = 20;
	if (t->nases == 1)
		buf_printf(pro,
		    "One TLS key on %u of %u hosts of one AS: the front ends of one service do "
		    "so. ",
		    t->tls_shared, t->nhosts);
	else
		buf_printf(pro,
		    "One TLS key on %u of %u hosts in %u ASes: a service with servers in several "
		    "networks does so, or a key that was copied. ",
		    t->tls_shared, t->nhosts, t->nases);
	if (t->cert_hosts * 5 >= t->nhosts * 4 && t->cert_hosts > 1) {
		score += 20;
		buf_printf(pro, "%u of them show the same certificate. ", t->cert_hosts);
	}
	if (t->good * 2 > t->nhosts) {
		score += 15;
		buf_printf(pro, "The names of %u lead back to them. ", t->good);
	} else {
		buf_printf(contra, "The names of only %u lead back to them. ", t->good);
	}
	if (t->nhosts > 4 * LARGE)
		score = score > 15 ? score - 15 : 1;
	return score;
}

static unsigned
filter(const struct traits *t, struct buf *pro, struct buf *contra)
{
	if (t->filter * 2 <= t->nhosts)
		return 0;
	buf_printf(pro, "%u of %u hosts call themselves \"%s\" or the like. ", t->filter, t->nhosts,
	    t->filter_word);
	say_several_ases(t, contra);
	return 35 + 20 * t->filter / t->nhosts;
}

static unsigned
mixed(const struct traits *t, struct buf *pro, struct buf *contra)
{
	(void)contra;
	buf_printf(pro, "No single key explains it: the most used one stands on %u of %u hosts. ",
	    t->ssh_shared > t->tls_shared ? t->ssh_shared : t->tls_shared, t->nhosts);
	return 5;
}

static const struct {
	const char *name, *word;
	rule_fn rule;
} rules[NWHYS] = {
	[WHY_MULTIHOMED] = { "one host, several addresses?", "multi-homed", multihomed },
	[WHY_CLONED] = { "cloned image?", "cloned-image", cloned },
	[WHY_HOSTING] = { "hosting platform?", "hosting-platform", hosting },
	[WHY_VENDOR] = { "default or vendor key?", "vendor-key", vendor },
	[WHY_SERVICE] = { "one service on several hosts?", "service", service },
	[WHY_FILTER] = { "mail filter or relay?", "mail-filter", filter },
	[WHY_MIXED] = { "several causes?", "several-causes", mixed },
};

const char *
why_name(enum why_kind kind)
{
	return rules[kind].name;
}

const char *
why_word(enum why_kind kind)
{
	return rules[kind].word;
}

static int
by_score(const void *pa, const void *pb)
{
	const struct explanation *a = pa, *b = pb;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return (int)a->what - (int)b->what;
}

/* A sentence ends with a blank: not at the end of the text. */
static char *
sentences(struct buf *b)
{
	while (b->len > 0 && b->data[b->len - 1] == ' ')
		b->data[--b->len] = '\0';
	return buf_steal(b);
}

unsigned
explain_cluster(
    const struct study *st, uint32_t cluster, struct explanation out[NWHYS], bool *smelly)
{
	struct traits t = find_traits(st, &st->clusters[cluster]);
	unsigned n = 0;

	for (int i = 0; i < NWHYS; i++) {
		struct buf pro, contra;
		unsigned score;

		buf_init(&pro);
		buf_init(&contra);
		if (i == WHY_MIXED && n > 0)
			score = 0;
		else
			score = rules[i].rule(&t, &pro, &contra);
		if (score > 0)
			out[n++] = (struct explanation){ (enum why_kind)i,
				score > 100 ? 100 : score, sentences(&pro), sentences(&contra) };
		buf_fini(&pro);
		buf_fini(&contra);
	}
	qsort(out, n, sizeof(*out), by_score);
	if (smelly != NULL)
		*smelly = (t.with_ssh > 0 && t.without_ssh > 0) || t.nases > 1 || t.ssh_keys > 1;
	return n;
}

void
explanations_fini(struct explanation *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		free(v[i].pro);
		free(v[i].contra);
	}
}

enum why_kind
why_cluster(const struct study *st, uint32_t cluster, struct buf *out)
{
	struct explanation v[NWHYS];
	const struct study_cluster *c = &st->clusters[cluster];
	bool smelly;
	unsigned n = explain_cluster(st, cluster, v, &smelly), cross = 0;
	enum why_kind kind = v[0].what;

	for (uint32_t i = 0; i < c->keys.n; i++) {
		const struct study_key *k = &st->keys[study_cluster_key(st, c, i)];

		cross += k->ssh && k->tls;
	}
	buf_adds(out, v[0].pro);
	if (v[0].contra[0] != '\0')
		buf_printf(out, " Against it: %s", v[0].contra);
	buf_printf(out, " The studies' own test: it %s be one host with several addresses.",
	    smelly ? "cannot" : "can");
	if (cross > 0)
		buf_printf(out, " Alarm: %u of its keys %s both SSH and TLS.", cross,
		    text_noun(cross, "serves", "serve"));
	explanations_fini(v, n);
	return kind;
}
