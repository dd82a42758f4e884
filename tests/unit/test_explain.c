/* Each rule about what a cluster may be: what speaks for it, what against it, and when it is silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "survey/buf.h"
#include "survey/explain.h"
#include "survey/study_builder.h"

/* A host of the one cluster that each test makes; asn 0: nobody knows its AS. */
static uint32_t
add_host(struct study_builder *b, const char *address, uint32_t asn)
{
	struct ip ip;
	uint32_t h;

	assert_true(ip_parse(address, strlen(address), &ip));
	h = study_builder_address(b, &ip);
	study_builder_host(b, h)->record = study_builder_nhosts(b);
	study_builder_host(b, h)->as = study_builder_as(b, asn, "a network", asn != 0 ? 9 : 0);
	return h;
}

static uint32_t
text(struct study_builder *b, const char *s)
{
	return s != NULL ? study_builder_text(b, s, strlen(s)) : STUDY_NO_TEXT;
}

/* A certificate and whether browsers trust it. */
struct shown {
	const char *subject; /* NULL: no certificate was told */
	bool self_signed, trusted;
};

static void
add_key(struct study_builder *b, uint32_t host, unsigned port, const char *word,
    const struct shown *cert, const char *software)
{
	uint8_t row = (uint8_t)port_index(port), fp[KEY_LEN] = { 0 };
	struct study_grab g;

	snprintf((char *)fp, sizeof(fp), "%s", word);
	g = study_grab_plain(host, row, study_builder_key(b, fp, port_table[row].kind));
	g.software = text(b, software);
	if (cert != NULL && cert->subject != NULL) {
		struct study_cert c = { .key = g.key,
			.self_signed = cert->self_signed ? FACT_YES : FACT_NO,
			.subject = text(b, cert->subject),
			.issuer = text(b, cert->self_signed ? cert->subject : "CN=an authority"),
			.not_before = TIME_UNKNOWN,
			.not_after = TIME_UNKNOWN };

		g.cert = study_builder_cert(b, &c);
		g.trusted = cert->trusted ? FACT_YES : FACT_NO;
	}
	study_builder_grab(b, &g);
}

static void
add_name(struct study_builder *b, uint32_t host, const char *name, uint8_t source, uint8_t verdict)
{
	struct study_name n = { .text = text(b, name),
		.answer = STUDY_NONE,
		.source = source,
		.port = source == NAME_RDNS ? 0 : (uint8_t)port_index(25),
		.verdict = verdict };

	study_builder_name(b, host, &n);
}

/* The study of one cluster, explained. */
struct told {
	struct study *st;
	struct explanation v[NWHYS];
	unsigned n;
	bool smelly;
};

/* Asked for the first time and again, an explainer says the same. */
static void
check_explainer(const struct told *t)
{
	struct explainer *e = explainer_new(t->st);

	for (int i = 0; i < 2; i++) {
		struct explanation v[NWHYS];
		bool smelly;

		assert_int_equal(explainer_cluster(e, 0, v, &smelly), t->n);
		assert_int_equal(smelly, t->smelly);
		for (unsigned k = 0; k < t->n; k++) {
			assert_int_equal(v[k].what, t->v[k].what);
			assert_int_equal(v[k].score, t->v[k].score);
			assert_string_equal(v[k].pro, t->v[k].pro);
			assert_string_equal(v[k].contra, t->v[k].contra);
		}
		explanations_fini(v, t->n);
	}
	explainer_free(e);
}

static void
explain(struct told *t, struct study_builder *b)
{
	t->st = study_builder_finish(b, NULL);
	assert_int_equal(t->st->nclusters, 1);
	t->n = explain_cluster(t->st, 0, t->v, &t->smelly);
	assert_true(t->n >= 1);
	for (unsigned i = 0; i < t->n; i++) {
		assert_true(t->v[i].score >= 1 && t->v[i].score <= 100);
		assert_true(i == 0 || t->v[i].score <= t->v[i - 1].score);
		assert_true(t->v[i].pro[0] != '\0');
	}
	check_explainer(t);
}

static void
told_fini(struct told *t)
{
	explanations_fini(t->v, t->n);
	study_free(t->st);
}

static const struct explanation *
find(const struct told *t, enum why_kind what)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (t->v[i].what == what)
			return &t->v[i];
	}
	return NULL;
}

static void
holds(const char *where, const char *words)
{
	if (strstr(where, words) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", where, words);
}

/* The likeliest explanation, with words for it and, unless NULL, against it. */
static void
is_first(const struct told *t, enum why_kind what, const char *pro, const char *contra)
{
	if (t->v[0].what != what)
		fail_msg("%s instead of %s", why_word(t->v[0].what), why_word(what));
	holds(t->v[0].pro, pro);
	if (contra != NULL)
		holds(t->v[0].contra, contra);
	else
		assert_string_equal(t->v[0].contra, "");
}

static void
is_silent(const struct told *t, enum why_kind what)
{
	if (find(t, what) != NULL)
		fail_msg("%s: %s", why_word(what), find(t, what)->pro);
}

static const char *
address(unsigned net, unsigned host, char text[static 32])
{
	snprintf(text, 32, "198.18.%u.%u", net, host);
	return text;
}

static void
test_multihomed(void **state)
{
	struct study_builder *b = study_builder_new();
	struct told t;
	char ip[32];

	(void)state;
	for (unsigned i = 1; i <= 4; i++) {
		uint32_t h = add_host(b, address(0, i, ip), 64500);

		add_key(b, h, 22, "ssh", NULL, NULL);
		add_key(b, h, 25, "tls", NULL, NULL);
	}
	explain(&t, b);
	is_first(&t, WHY_MULTIHOMED, "The addresses are neighbours.", NULL);
	holds(t.v[0].pro, "same full set of keys");
	assert_false(t.smelly);
	told_fini(&t);
	/* Far from each other, and one shows no SSH: both are said. */
	b = study_builder_new();
	for (unsigned i = 1; i <= 3; i++) {
		uint32_t h = add_host(b, address(i, 1, ip), 64500);

		if (i < 3)
			add_key(b, h, 22, "ssh", NULL, NULL);
		add_key(b, h, 25, "tls", NULL, NULL);
		add_key(b, h, 143, "tls", NULL, NULL);
	}
	explain(&t, b);
	is_silent(&t, WHY_MULTIHOMED);
	assert_true(t.smelly);
	told_fini(&t);
	b = study_builder_new();
	for (unsigned i = 1; i <= 3; i++) {
		uint32_t h = add_host(b, address(i, 1, ip), 64500);

		add_key(b, h, 22, "ssh", NULL, NULL);
		add_key(b, h, 25, "tls", NULL, NULL);
	}
	explain(&t, b);
	is_first(&t, WHY_MULTIHOMED, "same SSH host key", "not in one small network");
	told_fini(&t);
}

/* 361 clusters of the studies: the SSH key says one host, 303 other keys say several. */
static void
test_cloned(void **state)
{
	static const char *const own[] = { "tls 0", "tls 1", "tls 2", "tls 3" };
	struct study_builder *b = study_builder_new();
	const struct explanation *e;
	struct told t;
	char ip[32];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t h = add_host(b, address(0, i + 1, ip), 64500);

		add_key(b, h, 22, "image", NULL, NULL);
		add_key(b, h, 25, own[i], NULL, NULL);
	}
	explain(&t, b);
	is_first(&t, WHY_CLONED, "4 of 4 hosts show one SSH host key", NULL);
	holds(t.v[0].pro, "These hosts have 4 different TLS keys.");
	e = find(&t, WHY_MULTIHOMED);
	assert_non_null(e);
	holds(e->contra, "4 different TLS keys");
	assert_true(e->score < t.v[0].score);
	told_fini(&t);
	/* Several ASes speak for it; equal keys within one AS against it. */
	b = study_builder_new();
	for (unsigned i = 0; i < 4; i++)
		add_key(b, add_host(b, address(i, 1, ip), 64500 + i), 22, "image", NULL, NULL);
	explain(&t, b);
	is_first(&t, WHY_CLONED, "They lie in 4 ASes, so it is not one machine.", NULL);
	is_silent(&t, WHY_MULTIHOMED);
	assert_true(t.smelly);
	told_fini(&t);
	b = study_builder_new();
	for (unsigned i = 0; i < 4; i++)
		add_key(b, add_host(b, address(0, i + 1, ip), 64500), 22, "image", NULL, NULL);
	explain(&t, b);
	is_first(&t, WHY_MULTIHOMED, "neighbours", NULL);
	e = find(&t, WHY_CLONED);
	assert_non_null(e);
	holds(e->contra, "All keys are equal, not only the SSH host key.");
	told_fini(&t);
}

/* One certificate on n hosts of as many ASes, with the names of so many customers. */
static struct study_builder *
platform(unsigned n, unsigned ases, unsigned customers)
{
	static const struct shown cert = { "CN=*.host.provider.net", false, true };
	struct study_builder *b = study_builder_new();
	char ip[32], name[64];

	for (unsigned i = 0; i < n; i++) {
		uint32_t h = add_host(b, address(i, 1, ip), 64500 + i % ases);

		add_key(b, h, 25, "platform", &cert, NULL);
		add_name(b, h, "*.host.provider.net", NAME_SAN, NAME_NXDOMAIN);
		for (unsigned k = 0; k < customers; k++) {
			snprintf(name, sizeof(name), "mail.customer%u.ie", k);
			add_name(b, h, name, NAME_SAN, NAME_NXDOMAIN);
		}
	}
	return b;
}

static void
test_hosting(void **state)
{
	const struct explanation *e;
	struct told t;

	(void)state;
	explain(&t, platform(8, 1, 6));
	is_first(&t, WHY_HOSTING, "One TLS key on 8 of 8 hosts, with wildcard names", NULL);
	holds(t.v[0].pro, "Its names are of 7 domains.");
	told_fini(&t);
	/* Names of one domain, and many ASes, speak against it. */
	explain(&t, platform(8, 4, 0));
	e = find(&t, WHY_HOSTING);
	assert_non_null(e);
	holds(e->contra, "Its names are of 1 domain only.");
	holds(e->contra, "They lie in 4 ASes.");
	assert_int_not_equal(t.v[0].what, WHY_HOSTING);
	told_fini(&t);
	explain(&t, platform(8, 1, 100));
	holds(t.v[0].pro, "at least 64 domains");
	told_fini(&t);
	/* A handful of hosts is no platform. */
	explain(&t, platform(5, 1, 6));
	is_silent(&t, WHY_HOSTING);
	told_fini(&t);
}

static struct study_builder *
appliance(unsigned ases, bool self_signed, bool trusted, const char *subject, const char *software)
{
	const struct shown cert = { subject, self_signed, trusted };
	struct study_builder *b = study_builder_new();
	char ip[32];

	for (unsigned i = 0; i < 5; i++)
		add_key(b, add_host(b, address(i, 1, ip), 64500 + i % ases), 25, "shipped", &cert,
		    software);
	return b;
}

static void
test_vendor(void **state)
{
	struct told t;

	(void)state;
	explain(&t, appliance(5, true, false, "CN=Plesk, O=Parallels", NULL));
	is_first(&t, WHY_VENDOR, "One self-signed certificate's key on 5 hosts in 5 ASes", NULL);
	holds(t.v[0].pro, "5 hosts speak of \"plesk\" or the like.");
	told_fini(&t);
	/* No vendor's word is needed; a word of the software is as good as one of the certificate. */
	explain(&t, appliance(5, true, false, "CN=mx", NULL));
	is_first(&t, WHY_VENDOR, "self-signed", NULL);
	assert_null(strstr(t.v[0].pro, "speak of"));
	told_fini(&t);
	explain(&t, appliance(5, true, false, "CN=mx", "MikroTik"));
	holds(find(&t, WHY_VENDOR)->pro, "\"mikrotik\"");
	told_fini(&t);
	/* A program that makes its keys itself says nothing of who shipped one. */
	explain(&t, appliance(5, true, false, "CN=mx", "Dovecot"));
	assert_null(strstr(find(&t, WHY_VENDOR)->pro, "speak of"));
	told_fini(&t);
	explain(&t, appliance(5, true, false, "CN=mx, OU=Dovecot mail server", "Postfix"));
	holds(find(&t, WHY_VENDOR)->pro, "\"dovecot\"");
	told_fini(&t);
	/* Browsers trust no default key. */
	explain(&t, appliance(5, true, true, "CN=localhost", NULL));
	holds(find(&t, WHY_VENDOR)->contra, "5 of its certificates are trusted by browsers.");
	told_fini(&t);
	/* Within one AS it is somebody's own key. */
	explain(&t, appliance(1, true, false, "CN=Plesk", NULL));
	is_silent(&t, WHY_VENDOR);
	told_fini(&t);
	explain(&t, appliance(5, false, false, "CN=mx.customer.ie", NULL));
	is_silent(&t, WHY_VENDOR);
	told_fini(&t);
}

/* Front ends: one certificate; the names of good of them lead back. */
static struct study_builder *
front_ends(unsigned n, unsigned good, unsigned ases)
{
	static const struct shown cert = { "CN=mx.customer.ie", false, true };
	struct study_builder *b = study_builder_new();
	char ip[32];

	for (unsigned i = 0; i < n; i++) {
		uint32_t h = add_host(b, address(0, i + 1, ip), 64500 + i % ases);

		add_key(b, h, 25, "service", &cert, NULL);
		if (i > 0) /* else they would be one host with several addresses */
			add_key(b, h, 443, i == 1 ? "web 1" : i == 2 ? "web 2" : "web", NULL, NULL);
		add_name(b, h, "mx.customer.ie", NAME_SAN, i < good ? NAME_GOOD : NAME_BAD);
	}
	return b;
}

static void
test_service(void **state)
{
	unsigned few;
	struct told t;

	(void)state;
	explain(&t, front_ends(4, 4, 1));
	is_first(&t, WHY_SERVICE, "One TLS key on 4 of 4 hosts of one AS", NULL);
	holds(t.v[0].pro, "4 of them show the same certificate.");
	holds(t.v[0].pro, "The names of 4 lead back to them.");
	few = t.v[0].score;
	told_fini(&t);
	explain(&t, front_ends(4, 1, 2));
	is_first(&t, WHY_SERVICE,
	    "a service with servers in several networks does so, or a key that was copied",
	    "The names of only 1 lead back to them.");
	told_fini(&t);
	/* The more hosts, the less it is one service. */
	explain(&t, front_ends(30, 30, 1));
	assert_true(find(&t, WHY_SERVICE)->score < few);
	told_fini(&t);
}

static void
test_filter(void **state)
{
	struct study_builder *b = study_builder_new();
	struct told t;
	char ip[32], name[64];

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		uint32_t h = add_host(b, address(i, 1, ip), 64500 + i % 2);

		add_key(b, h, 25, i < 3 ? "a" : "b", NULL, NULL);
		if (i == 2)
			add_key(b, h, 587, "b", NULL, NULL);
		snprintf(name, sizeof(name), "spamfilter%u.customer.ie", i);
		add_name(b, h, name, i % 2 == 0 ? NAME_BANNER : NAME_RDNS, NAME_BAD);
	}
	explain(&t, b);
	is_first(&t, WHY_FILTER, "6 of 6 hosts call themselves \"spam\" or the like.",
	    "They lie in 2 ASes.");
	told_fini(&t);
	/* What a certificate calls them is its owner's word, and half of them is not most. */
	b = study_builder_new();
	for (unsigned i = 0; i < 4; i++) {
		uint32_t h = add_host(b, address(0, i + 1, ip), 64500);

		add_key(b, h, 25, "k", NULL, NULL);
		add_name(b, h, "spamfilter.customer.ie", NAME_SAN, NAME_BAD);
		if (i < 2)
			add_name(b, h, "relay.customer.ie", NAME_BANNER, NAME_BAD);
	}
	explain(&t, b);
	is_silent(&t, WHY_FILTER);
	told_fini(&t);
}

/* A chain in which no key stands on most hosts. */
static void
test_mixed(void **state)
{
	static const char *const keys[] = { "k0", "k1", "k2", "k3", "k4" };
	struct study_builder *b = study_builder_new();
	struct told t;
	char ip[32];

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		uint32_t h = add_host(b, address(i, 1, ip), 64500);

		if (i > 0)
			add_key(b, h, 25, keys[i - 1], NULL, NULL);
		if (i < 5)
			add_key(b, h, 143, keys[i], NULL, NULL);
	}
	explain(&t, b);
	assert_int_equal(t.n, 1);
	is_first(&t, WHY_MIXED,
	    "No single key explains it: the most used one stands on 2 of 6 hosts.", NULL);
	told_fini(&t);
}

/* Of hosts whose ASes nobody knows, nothing is said that would need them. */
static void
test_unknown_ases(void **state)
{
	static const char *const apart[] = { "198.18.0.1", "203.0.113.9", "192.0.2.77" };
	struct study_builder *b = study_builder_new();
	struct told t;
	char ip[32];

	(void)state;
	for (int i = 0; i < 3; i++)
		add_key(b, add_host(b, apart[i], 0), 22, "ssh", NULL, NULL);
	explain(&t, b);
	assert_int_equal(t.st->clusters[0].nases, 0);
	is_silent(&t, WHY_MULTIHOMED);
	is_first(&t, WHY_CLONED, "3 of 3 hosts show one SSH host key",
	    "It is not known in which ASes they lie.");
	assert_false(t.smelly);
	told_fini(&t);
	/* A gap in the database of ASes makes no second AS; neighbours may be one machine. */
	b = study_builder_new();
	for (unsigned i = 0; i < 2; i++)
		add_key(b, add_host(b, address(0, i + 1, ip), i == 0 ? 64500 : 0), 22, "ssh", NULL,
		    NULL);
	explain(&t, b);
	assert_int_equal(t.st->clusters[0].nases, 1);
	assert_int_equal(t.st->clusters[0].nin_no_as, 1);
	is_first(&t, WHY_MULTIHOMED, "Every address shows the same SSH host key. ",
	    "It is not known in which ASes they lie.");
	assert_null(strstr(t.v[0].pro, "one AS"));
	assert_false(t.smelly);
	told_fini(&t);
	/* Two that are known are two, whatever the third is. */
	b = study_builder_new();
	for (unsigned i = 0; i < 3; i++)
		add_key(b, add_host(b, address(i, 1, ip), i < 2 ? 64500 + i : 0), 22, "ssh", NULL,
		    NULL);
	explain(&t, b);
	is_first(&t, WHY_CLONED, "They lie in at least 2 ASes, so it is not one machine.", NULL);
	assert_true(t.smelly);
	told_fini(&t);
}

/* What hosts that a copy leaves out show is not known: a host left of a cluster is not one machine. */
static void
test_others(void **state)
{
	struct study_builder *b = study_builder_new();
	uint32_t host = add_host(b, "192.0.2.1", 64500);
	uint8_t fp[KEY_LEN] = "ssh";
	struct told t;

	(void)state;
	add_key(b, host, 22, "ssh", NULL, NULL);
	study_builder_others(b, host, 11, 4);
	study_builder_others_key(
	    b, study_builder_key(b, fp, KEY_SSH_HOST), (uint8_t)port_index(22));
	explain(&t, b);
	assert_int_equal(t.st->clusters[0].nases, 5);
	assert_int_equal(t.st->clusters[0].nshared, 1);
	is_silent(&t, WHY_MULTIHOMED);
	is_first(&t, WHY_MIXED,
	    "11 more hosts of the cluster are not in this copy, so what ties them is not known.",
	    NULL);
	assert_true(t.smelly);
	told_fini(&t);
}

/* Every rule has a test above, and a name of its own. */
static void
test_words(void **state)
{
	static const char *const words[NWHYS] = { "multi-homed", "cloned-image", "hosting-platform",
		"vendor-key", "service", "mail-filter", "several-causes" };

	(void)state;
	for (int i = 0; i < NWHYS; i++) {
		assert_string_equal(why_word((enum why_kind)i), words[i]);
		holds(why_name((enum why_kind)i), "?"); /* never a statement */
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multihomed),
		cmocka_unit_test(test_cloned),
		cmocka_unit_test(test_hosting),
		cmocka_unit_test(test_vendor),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_unknown_ases),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
