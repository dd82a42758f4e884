#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "dns/address.h"
#include "dns/confgen.h"
#include "dns/refused.h"

static struct config_upstream up[2];
static struct dns_settings settings;
static struct confgen gen;

static int
setup(void **state)
{
	(void)state;
	up[0] = (struct config_upstream){ "192.0.2.1", "dot.firm.ie", "", "" };
	up[1] = (struct config_upstream){ "2001:db8::1#8853", "dot2.firm.ie", "", "" };
	dns_settings_default(&settings);
	settings.mode = DNS_MANAGED;
	settings.upstreams = up;
	settings.nupstreams = 2;
	gen = (struct confgen){ .settings = &settings,
		.dir = "/run/x/resolver",
		.unbound_port = 5301,
		.stubby_port = 5302,
		.ca_file = "/run/x/resolver/ca.pem",
		.anchor = "/run/x/resolver/root.key" };
	return 0;
}

static void
has(const char *text, const char *piece)
{
	if (strstr(text, piece) == NULL)
		fail_msg("\"%s\" is missing in\n%s", piece, text);
}

static void
has_not(const char *text, const char *piece)
{
	if (strstr(text, piece) != NULL)
		fail_msg("\"%s\" is there in\n%s", piece, text);
}

/* No word of a template is left, but in its comments. */
static void
no_words_left(const char *text)
{
	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		if (line[0] != '#')
			for (size_t i = 0; i + 2 < len; i++)
				assert_false(line[i] == '@' && line[i + 1] >= 'A' &&
					     line[i + 1] <= 'Z' && line[i + 2] >= 'A');
		line += len + (line[len] == '\n');
	}
}

static void
test_managed(void **state)
{
	char *text;

	(void)state;
	gen.needs_localhost = true;
	text = confgen_unbound(&gen);
	no_words_left(text);
	has(text, "\n\tport: 5301\n");
	has(text, "\n\tdo-not-query-localhost: no\n");
	has(text, "\n\tso-reuseport: no\n");
	has(text, "\n\tforward-addr: 127.0.0.1@5302\n");
	has(text, "\n\tmodule-config: \"validator iterator\"\n");
	has(text, "\n\ttrust-anchor-file: \"/run/x/resolver/root.key\"\n");
	has_not(text, "192.0.2.1");
	has_not(text, "tls-cert-bundle");
	has_not(text, "infra-cache-max-rtt");
	free(text);
	text = confgen_stubby(&gen);
	no_words_left(text);
	has(text, "\n  - 127.0.0.1@5302\n");
	has(text, "\ntls_authentication: GETDNS_AUTHENTICATION_REQUIRED\n");
	has(text, "\ntls_ca_file: \"/run/x/resolver/ca.pem\"\n");
	has(text, "\n  - address_data: 192.0.2.1\n    tls_port: 853\n"
		  "    tls_auth_name: \"dot.firm.ie\"\n");
	has(text, "\n  - address_data: 2001:db8::1\n    tls_port: 8853\n");
	has_not(text, "pinset");
	free(text);
}

static void
test_unbound_dot(void **state)
{
	char *text;

	(void)state;
	settings.mode = DNS_UNBOUND_DOT;
	settings.validate = false;
	text = confgen_unbound(&gen);
	no_words_left(text);
	has(text, "\n\tforward-tls-upstream: yes\n\tforward-addr: 192.0.2.1@853#dot.firm.ie\n"
		  "\tforward-addr: 2001:db8::1@8853#dot2.firm.ie\n");
	has(text, "\n\ttls-cert-bundle: \"/run/x/resolver/ca.pem\"\n");
	has(text, "\n\tmodule-config: \"iterator\"\n");
	has_not(text, "trust-anchor");
	free(text);
}

static void
test_recursive(void **state)
{
	char *text;

	(void)state;
	settings.mode = DNS_UNBOUND;
	gen.root_hints = "/run/x/resolver/root.hints";
	text = confgen_unbound(&gen);
	no_words_left(text);
	has(text, "\n\troot-hints: \"/run/x/resolver/root.hints\"\n");
	has(text, "\n\tinfra-cache-max-rtt: 2000");
	has_not(text, "forward-zone");
	has(text, "\n\tdo-not-query-localhost: yes\n");
	has_not(text, "do-not-query-address");
	free(text);
}

static void
add(struct ipset *set, const char *network)
{
	struct cidr c;

	assert_true(cidr_parse(network, strlen(network), &c));
	ipset_add_cidr(set, &c);
}

/* Of name servers at these addresses nothing is asked; a resolver that only forwards has none. */
static void
test_refused(void **state)
{
	struct ipset refused;
	char *text;

	(void)state;
	ipset_init(&refused);
	add(&refused, "192.0.2.0/24");
	add(&refused, "10.0.0.7/32");
	add(&refused, "2001:db8::/32");
	ipset_normalise(&refused);
	gen.refused = &refused;
	settings.mode = DNS_UNBOUND;
	text = confgen_unbound(&gen);
	no_words_left(text);
	has(text, "\n\tdo-not-query-address: 10.0.0.7/32\n\tdo-not-query-address: 192.0.2.0/24\n"
		  "\tdo-not-query-address: 2001:db8::/32\n");
	has(text, "\n\tdo-not-query-localhost: yes\n");
	free(text);
	settings.mode = DNS_UNBOUND_DOT;
	text = confgen_unbound(&gen);
	has_not(text, "do-not-query-address");
	free(text);
	ipset_fini(&refused);
}

static void
test_hints(void **state)
{
	static const char text[] = "; the lab's\n.\t3600\tNS\tns.lab. ; 192.0.2.9\n"
				   "ns.lab. 3600 A 192.0.2.1\nns.lab. 3600 IN aaaa 2001:db8::1\n"
				   "ns.lab. TXT 192.0.2.8\nA 192.0.2.2;x\nns.lab. A";
	static const char *const in[] = { "192.0.2.1", "192.0.2.2", "2001:db8::1" };
	struct ipset set;
	struct ip ip;

	(void)state;
	ipset_init(&set);
	confgen_hints(text, &set);
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		assert_true(ip_parse(in[i], strlen(in[i]), &ip));
		assert_true(ipset_contains(&set, &ip));
	}
	assert_true(ipset_count(&set, 4) == 2 && ipset_count(&set, 6) == 1);
	ipset_fini(&set);
}

/* What the config says, and what that leaves of loopback. */
static void
test_refused_find(void **state)
{
	static const struct {
		enum dns_mode mode;
		const char *allow, *upstream;
		bool localhost, refuses_lab, refuses_local;
	} rows[] = {
		{ DNS_UNBOUND, NULL, NULL, false, true, true },
		{ DNS_UNBOUND, "198.18.0.0/15", NULL, false, false, true },
		{ DNS_UNBOUND, "127.0.0.2/32", NULL, true, true, true },
		{ DNS_MANAGED, NULL, "192.0.2.1", true, false, false },
		{ DNS_UNBOUND_DOT, NULL, "192.0.2.1", false, false, false },
		{ DNS_UNBOUND_DOT, NULL, "127.0.0.3#8853", true, false, false },
		{ DNS_UNBOUND_DOT, NULL, "::1", true, false, false },
	};
	struct ip lab, local;

	(void)state;
	assert_true(ip_parse("198.18.0.1", 10, &lab) && ip_parse("127.0.0.1", 9, &local));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *allow[] = { (char *)(uintptr_t)rows[i].allow };
		struct config_list list = { .v = allow, .n = rows[i].allow != NULL };
		struct config_upstream one = { (char *)(uintptr_t)rows[i].upstream, "", "", "" };
		struct ipset set;
		bool localhost;

		settings.mode = rows[i].mode;
		settings.allow_reserved = &list;
		settings.upstreams = &one;
		settings.nupstreams = rows[i].upstream != NULL;
		ipset_init(&set);
		assert_int_equal(refused_find(&settings, NULL, &set, &localhost), 0);
		assert_int_equal(localhost, rows[i].localhost);
		assert_int_equal(ipset_contains(&set, &lab), rows[i].refuses_lab);
		assert_int_equal(ipset_contains(&set, &local), rows[i].refuses_local);
		ipset_fini(&set);
	}
}

static void
test_pin(void **state)
{
	char *text;

	(void)state;
	up[0].pin = "62lKu9HsDVbyiPenApnc4sfmSYTHOVfFgL3pyB+cBL4=";
	up[0].hostname = "";
	assert_null(confgen_problem(&gen));
	text = confgen_stubby(&gen);
	has(text, "      - digest: \"sha256\"\n"
		  "        value: 62lKu9HsDVbyiPenApnc4sfmSYTHOVfFgL3pyB+cBL4=\n");
	free(text);
}

static void
check_problem(const char *words)
{
	char *problem = confgen_problem(&gen);

	if (problem == NULL)
		fail_msg("no problem seen, but %s", words);
	has(problem, words);
	free(problem);
}

static void
test_problems(void **state)
{
	(void)state;
	assert_null(confgen_problem(&gen));
	up[1].address = "dot.firm.ie";
	check_problem("is no address");
	up[1].address = "192.0.2.2#0";
	check_problem("is no address");
	setup(NULL);
	up[0].hostname = "";
	check_problem("could be anyone");
	up[0].hostname = "a b\"";
	check_problem("is no host name");
	setup(NULL);
	up[0].pin = "short";
	check_problem("44 characters");
	up[0].pin = "62lKu9HsDVbyiPenApnc4sfmSYTHOVfFgL3pyB+cBL4=";
	settings.mode = DNS_UNBOUND_DOT;
	check_problem("only Stubby");
	setup(NULL);
	settings.nupstreams = 0;
	check_problem("dns.upstream");
	settings.mode = DNS_UNBOUND;
	assert_null(confgen_problem(&gen));
	gen.dir = "/tmp/a\"b";
	check_problem("quotes");
}

static void
test_unknown_options(void **state)
{
	char conf[] = "server:\n\tede: yes # if known\n\tport: 53\n\twait-limit: 0 # if known\n";
	const char *first = "a.conf:2: error: unknown keyword 'ede'\na.conf:2: error: stray ':'\n"
			    "a.conf:4: error: unknown keyword 'wait-limit'\n"
			    "read a.conf failed: 3 errors in configuration file\n";

	(void)state;
	assert_int_equal(confgen_drop_unknown(conf, "a.conf:3: error: syntax error\n"), 0);
	assert_int_equal(confgen_drop_unknown(conf, "a.conf:99: error: syntax error\n"), 0);
	assert_int_equal(confgen_drop_unknown(conf, ": error: \nnothing of use"), 0);
	assert_int_equal(confgen_drop_unknown(conf, first), 2);
	has_not(conf, "ede");
	has_not(conf, "wait-limit");
	has(conf, "server:\n#");
	has(conf, "\n\tport: 53\n#");
	assert_int_equal(confgen_drop_unknown(conf, first), 0);
}

static void
test_addresses(void **state)
{
	static const struct {
		const char *text;
		unsigned port; /* 0: refused */
	} rows[] = {
		{ "192.0.2.1", 53 },
		{ "192.0.2.1#5353", 5353 },
		{ "2001:db8::1#65535", 65535 },
		{ "::1", 53 },
		{ "192.0.2.1#", 0 },
		{ "192.0.2.1#0", 0 },
		{ "192.0.2.1#65536", 0 },
		{ "192.0.2.1#-1", 0 },
		{ "192.0.2.1#53x", 0 },
		{ "192.0.2.1:53", 0 },
		{ "localhost", 0 },
		{ "", 0 },
		{ "#53", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip ip;
		uint16_t port;
		bool ok = resolver_parse_address(rows[i].text, 53, &ip, &port);

		if (ok != (rows[i].port != 0) || (ok && port != rows[i].port))
			fail_msg("%s: %d, port %u", rows[i].text, ok, port);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_managed, setup),
		cmocka_unit_test_setup(test_unbound_dot, setup),
		cmocka_unit_test_setup(test_recursive, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_hints, setup),
		cmocka_unit_test_setup(test_refused_find, setup),
		cmocka_unit_test_setup(test_pin, setup),
		cmocka_unit_test_setup(test_problems, setup),
		cmocka_unit_test(test_unknown_options),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
