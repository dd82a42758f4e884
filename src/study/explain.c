/* Pure: rules about clusters, as a table. */
#include <pthread.h>
#include <stdlib.h>

#include "survey/buf.h"
#include "survey/explain.h"
#include "survey/mem.h"
#include "survey/study.h"
#include "survey/text.h"

#include "traits.h"

#define DOMAINS_MANY 5 /* domains of customers that make a platform */
#define LARGE 5 /* hosts: a service has no more without saying so */

/* A rule appends what speaks for and against it, and returns a score; 0: nothing speaks for it. */
typedef unsigned (*rule_fn)(const struct traits *t, struct buf *pro, struct buf *contra);

static void
say_several_ases(const struct traits *t, struct buf *contra)
{
	if (t->nases < 2)
		return;
	buf_adds(contra, "They lie in ");
	text_known(contra, t->nases, t->some_no_as, "AS", "ASes");
	buf_adds(contra, ". ");
}

/* What one machine or one operator would need, and nobody knows. */
static void
say_unknown(const struct traits *t, struct buf *contra)
{
	if (t->some_no_as && t->nases < 2)
		buf_adds(contra, "It is not known in which ASes they lie. ");
	if (t->nothers > 0)
		buf_printf(contra, "%u more %s of the cluster %s not in this copy. ", t->nothers,
		    text_noun(t->nothers, "host", "hosts"), text_noun(t->nothers, "is", "are"));
}

static unsigned
multihomed(const struct traits *t, struct buf *pro, struct buf *contra)
{
	/* One small network is in one AS, mostly. */
	bool together = t->nothers == 0 && (t->in_one_as || (t->nases < 2 && t->same_net));
	unsigned score = 0;

	if (t->with_ssh == t->nhosts && t->ssh_keys == 1 && together) {
		score = 25;
		buf_printf(pro, "Every address shows the same SSH host key%s. ",
		    t->in_one_as ? " and all lie in one AS" : "");
	}
	if (t->same_keys && together) {
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
		buf_adds(pro, "They lie in ");
		text_known(pro, t->nases, t->some_no_as, "AS", "ASes");
		buf_adds(pro, ", so it is not one machine. ");
	}
	if (t->same_keys && t->nases < 2 && t->nothers == 0) {
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
	    t->tls_shared * 2 > t->nhosts && t->nothers == 0) {
		score = 60;
		buf_printf(pro,
		    "One self-signed certificate's key on %u hosts in %s%u ASes: the default key "
		    "of a product or a mail appliance does so. ",
		    t->tls_shared, t->some_no_as ? "at least " : "", t->nases);
	}
	if (t->vendor * 2 > t->nhosts && (score > 0 || t->nases > 1)) {
		score += 25;
		buf_printf(pro, "%u %s of \"%s\" or the like. ", t->vendor,
		    text_noun(t->vendor, "host speaks", "hosts speak"), t->vendor_word);
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

	if (t->tls_shared * 2 <= t->nhosts || t->tls_shared < 2)
		return 0;
	score = 20;
	buf_printf(pro, "One TLS key on %u of %u hosts", t->tls_shared, t->nhosts);
	if (t->nases > 1) {
		if (t->nothers == 0) {
			buf_adds(pro, " in ");
			text_known(pro, t->nases, t->some_no_as, "AS", "ASes");
		}
		buf_adds(pro, ": a service with servers in several networks does so, or a key that "
			      "was copied. ");
	} else {
		buf_printf(pro, "%s: the front ends of one service do so. ",
		    t->in_one_as ? " of one AS" : "");
	}
	if (t->cert_hosts * 5 >= t->nhosts * 4 && t->cert_hosts > 1) {
		score += 20;
		buf_printf(pro, "%u of them show the same certificate. ", t->cert_hosts);
	}
	if (t->good * 2 > t->nhosts) {
		score += 15;
		buf_printf(pro, "The names of %u lead back to them. ", t->good);
	} else if (t->good > 0) {
		buf_printf(contra, "The names of only %u lead back to them. ", t->good);
	} else {
		buf_adds(contra, "No name was seen to lead back to its host. ");
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
	if (t->nothers > 0) {
		buf_printf(pro,
		    "%u more %s of the cluster %s not in this copy, so what ties them is not "
		    "known. ",
		    t->nothers, text_noun(t->nothers, "host", "hosts"),
		    text_noun(t->nothers, "is", "are"));
		return 5;
	}
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

/* All explanations of a cluster with these traits. */
static unsigned
explain(const struct traits *t, struct explanation out[NWHYS], bool *smelly)
{
	unsigned n = 0;

	for (int i = 0; i < NWHYS; i++) {
		struct buf pro, contra;
		unsigned score;

		buf_init(&pro);
		buf_init(&contra);
		if (i == WHY_MIXED && n > 0)
			score = 0;
		else
			score = rules[i].rule(t, &pro, &contra);
		if (score > 0 && i != WHY_MIXED)
			say_unknown(t, &contra);
		if (score > 0)
			out[n++] = (struct explanation){ (enum why_kind)i,
				score > 100 ? 100 : score, sentences(&pro), sentences(&contra) };
		buf_fini(&pro);
		buf_fini(&contra);
	}
	qsort(out, n, sizeof(*out), by_score);
	if (smelly != NULL)
		*smelly = (t->with_ssh > 0 && t->without_ssh > 0) || t->nases > 1 ||
			  t->ssh_keys > 1;
	return n;
}

unsigned
explain_cluster(
    const struct study *st, uint32_t cluster, struct explanation out[NWHYS], bool *smelly)
{
	struct traits t = find_traits(st, &st->clusters[cluster]);

	return explain(&t, out, smelly);
}

struct explainer {
	const struct study *st;
	pthread_mutex_t lock;
	struct traits *traits; /* of each cluster; nhosts is 0 before they are found */
};

struct explainer *
explainer_new(const struct study *st)
{
	struct explainer *e = xcalloc(1, sizeof(*e));

	e->st = st;
	pthread_mutex_init(&e->lock, NULL);
	e->traits = xcalloc((size_t)st->nclusters + 1, sizeof(*e->traits));
	return e;
}

void
explainer_free(struct explainer *e)
{
	pthread_mutex_destroy(&e->lock);
	free(e->traits);
	free(e);
}

unsigned
explainer_cluster(
    struct explainer *e, uint32_t cluster, struct explanation out[NWHYS], bool *smelly)
{
	struct traits *t = &e->traits[cluster];

	pthread_mutex_lock(&e->lock);
	if (t->nhosts == 0)
		*t = find_traits(e->st, &e->st->clusters[cluster]);
	pthread_mutex_unlock(&e->lock);
	return explain(t, out, smelly);
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
