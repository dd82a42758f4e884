#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/config.h"
#include "survey/file.h"
#include "survey/log.h"

static struct buf messages;

static void
sink(const char *line, void *arg)
{
	buf_printf(arg, "%s\n", line);
}

static struct config *
read_text(const char *text)
{
	char path[] = "/tmp/survey-config-XXXXXX";
	struct config *c;
	int fd = mkstemp(path);

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	buf_clear(&messages);
	c = config_read(path);
	unlink(path);
	return c;
}

static void
test_values(void **state)
{
	struct config *c = read_text(
	    "# a comment\n"
	    "run { name = lab countries = {\"IE\", \"lu\"} directory = runs asns = {as64501} }\n"
	    "grab { ports = {22, 25} timeouts = {\"25=7s\", \"*=2.5s\"} rate_hosts = 0.5 }\n"
	    "scan { quiet_hours = \"22:00-06:30\" block_files = {a, \"/b\"} zmap = bin/zmap }\n"
	    "run { user = nobody }\n"
	    "dns { mode = unbound-dot upstream one { address = 192.0.2.1 hostname = d.example.ie "
	    "}\n"
	    "      upstream two { address = \"2001:db8::1#8853\" ca_file = x.pem } }\n");

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->run.name, "lab");
	assert_string_equal(c->run.user, "nobody"); /* a section may be opened again */
	assert_string_equal(c->run.directory, "/tmp/runs");
	assert_int_equal(c->run.countries.n, 2);
	assert_string_equal(c->run.countries.v[1], "LU");
	assert_int_equal(c->run.asn[0], 64501);
	assert_false(config_any_country(c));
	assert_int_equal(c->dns.mode, DNS_UNBOUND_DOT);
	assert_int_equal(c->dns.nupstreams, 2);
	assert_string_equal(c->dns.upstreams[0].address, "192.0.2.1");
	assert_string_equal(c->dns.upstreams[1].ca_file, "/tmp/x.pem");
	assert_string_equal(c->dns.upstreams[0].ca_file, "");
	assert_true(c->grab.port[port_index(22)] && !c->grab.port[port_index(443)]);
	assert_int_equal(c->grab.timeout_ms[port_index(22)], 2500);
	assert_int_equal(c->grab.timeout_ms[port_index(25)], 7000);
	assert_true(c->grab.rate_hosts == 0.5);
	assert_string_equal(c->scan.zmap, "/tmp/bin/zmap");
	assert_string_equal(c->grab.zgrab2, "zgrab2"); /* in $PATH */
	assert_string_equal(c->scan.block_files.v[0], "/tmp/a");
	assert_string_equal(c->scan.block_files.v[1], "/b");
	assert_int_equal(c->scan.quiet_from_min, 22 * 60);
	assert_int_equal(c->scan.quiet_to_min, 6 * 60 + 30);
	assert_int_equal(config_line(c, "scan", "quiet_hours"), 4);
	assert_int_equal(config_line(c, "scan", "rate_pps"), 0);
	assert_int_equal(config_line(c, "scan", "nothing"), 0);
	config_free(c);
}

static void
test_defaults(void **state)
{
	struct config *c = read_text("");

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->scan.rate_pps, 150);
	assert_true(c->grab.rate_hosts == 10.0);
	assert_int_equal(c->scan.mode, SCAN_ZMAP);
	assert_int_equal(c->dns.mode, DNS_MANAGED);
	assert_int_equal(c->grab.timeout_ms[port_index(25)], 15000);
	assert_int_equal(c->grab.timeout_ms[port_index(443)], 5000);
	for (int i = 0; i < NPORTS_STUDY; i++)
		assert_true(c->grab.port[i]);
	assert_int_equal(c->scan.quiet_from_min, -1);
	assert_int_equal(c->dns.trust_anchors.n, 1);
	assert_string_equal(c->dns.trust_anchors.v[0], CONFIG_ROOT_KEY);
	assert_true(config_check(c) > 0);
	config_free(c);
	c = read_text("dns { trust_anchors += {\"corp.key\"} }");
	assert_non_null(c);
	assert_int_equal(c->dns.trust_anchors.n, 2);
	assert_string_equal(c->dns.trust_anchors.v[0], CONFIG_ROOT_KEY);
	assert_string_equal(c->dns.trust_anchors.v[1], "/tmp/corp.key");
	config_free(c);
	c = read_text("\n\n# only a comment");
	assert_non_null(c);
	config_free(c);
	c = read_text("/**/ /* a \" b' */ scan { list = '/a /* b' } // '");
	assert_non_null(c);
	assert_string_equal(c->scan.list, "/a /* b");
	config_free(c);
}

/* The digest is of what is surveyed, not of the text nor of the machine. */
static void
test_digest(void **state)
{
	static const char *const same[] = { "", "# a comment\n", "run { name = \"survey\" }",
		("scan { interface = \"eth1\" source_ip = \"192.0.2.7\" gateway_mac = "
		 "\"02:00:00:00:00:01\" zmap = \"/opt/zmap\" block_files = {\"/a\", \"/b\"} }"),
		"run { directory = \"/elsewhere\" } weak { blocklists = {\"/c\"} }",
		"dns { unbound = \"/opt/unbound\" }" };
	static const char *const other[] = { "run { name = \"x\" }", "scan { seed = 3 }",
		"run { countries = {\"IE\"} }", "run { countries = {\"IE\", \"LU\"} }",
		"grab { rate_hosts = 10.5 }", "grab { tls13 = true }", "dns { mode = \"unbound\" }",
		"dns { upstream \"a\" { address = \"192.0.2.8\" } }",
		"dns { upstream \"a\" { address = \"192.0.2.9\" } }" };
	char digest[sizeof(other) / sizeof(other[0]) + 1][DIGEST_SIZE], again[DIGEST_SIZE];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_non_null(c = read_text(same[i]));
		config_digest(c, i == 0 ? digest[0] : again);
		if (i > 0)
			assert_string_equal(again, digest[0]);
		config_free(c);
	}
	for (size_t i = 1; i <= sizeof(other) / sizeof(other[0]); i++) {
		assert_non_null(c = read_text(other[i - 1]));
		config_digest(c, digest[i]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(digest[i], digest[k]);
		config_free(c);
	}
}

static void
test_errors(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "run {\n nmae = x\n}\n",
		    ":2: unknown key \"nmae\" in section run; did you mean name?" },
		{ "run {\n rate_pps = 1\n}\n",
		    ":2: unknown key \"rate_pps\" in section run; it belongs in section scan" },
		{ "run { zzzzzzzzzzzz = 1 }\n", ":1: unknown key \"zzzzzzzzzzzz\" in section run" },
		{ "\nsacn { }\n", ":2: unknown section \"sacn\"; did you mean scan?" },
		{ "dns { upstream a {\n adress = 1.1.1.1 } }\n",
		    ":2: unknown key \"adress\" in section upstream; did you mean address?" },
		{ "scan {\n rate_pps = 0\n}\n",
		    ":2: scan.rate_pps: 0: expected a number from 1 to 10000000" },
		{ "scan { rate_pps = many }\n",
		    ":1: scan.rate_pps: \"many\": expected a number from 1 to 10000000" },
		{ "scan { port = 0x19 }\n", ":1: scan.port: \"0x19\": expected a number" },
		{ "scan {\n block_files = {a,\n \"\"}\n}\n",
		    ":3: scan.block_files: \"\": expected a path" },
		{ "run { target_files = {\"\"} }\n",
		    ":1: run.target_files: \"\": expected a path" },
		{ "weak { primes = {\"\"} }\n", ":1: weak.primes: \"\": expected a path" },
		{ "dns { trust_anchors = {\"\"} }\n", ":1: dns.trust_anchors: \"\": expected" },
		{ "run { directory = \"\" }\n", ":1: run.directory: \"\": expected a path" },
		{ "scan { rate_pps = 99999999999999999999 }\n", ":1: " },
		{ "grab { rate_hosts = nan }\n", ":1: grab.rate_hosts: nan: expected a number" },
		{ "grab { tls13 = maybe }\n", ":1: " },
		{ "dns { mode = stuby }\n",
		    ":1: dns.mode: \"stuby\" is none of managed|unbound-dot" },
		{ "grab {\n ports = {22,\n 23}\n}\n",
		    ":3: grab.ports: \"23\": expected one of 22 25" },
		{ "grab { timeouts = {\"25=7\"} }\n", "grab.timeouts: \"25=7\": expected" },
		{ "grab { timeouts = {\"*=0s\"} }\n", "grab.timeouts: " },
		{ "run { name = \"a/b\" }\n", "run.name: \"a/b\": expected up to 64" },
		{ "run { name = \"..\" }\n", "run.name: " },
		{ "run { countries = {\"i\"} }\n", "expected two letters" },
		{ "run { countries = {\"1e\"} }\n", "expected two letters" },
		{ "run { countries = {\"uk\"} }\n", "expected GB" },
		{ "run { countries = {\"UK\"} }\n", "expected GB" },
		{ "run { countries = {\"IRL\"} }\n", "run.countries" },
		{ "run { targets = {\"198.18.0.1/24\"} }\n", "no bits set to the right" },
		{ "run { asns = {\"AS0\"} }\n", "expected an AS number" },
		{ "run { asns = {\"4294967296\"} }\n", "expected an AS number" },
		{ "run { allow_reserved = {\"lab\"} }\n", "run.allow_reserved" },
		{ "scan { interface = \"eth0/../x\" }\n", "scan.interface" },
		{ "scan { source_ip = \"::1\" }\n", "expected an IPv4 address" },
		{ "scan { gateway_mac = \"02:00:5e:10:00\" }\n", "scan.gateway_mac" },
		{ "scan { quiet_hours = \"22-6\" }\n", "scan.quiet_hours" },
		{ "scan { quiet_hours = \"22:60-06:00\" }\n", "scan.quiet_hours" },
		{ "scan { quiet_hours = \"00:00-24:00\" }\n", "scan.quiet_hours" },
		{ "scan { zmap = \"--help\" }\n", "scan.zmap" },
		{ "grab { user_agent = \"survey\" }\n", "expected a contact URL" },
		{ "grab { user_agent = \"a \\\"b\\\" https://x.example\" }\n", "without quotes" },
		{ "grab { ehlo = \"localhost\" }\n", "grab.ehlo" },
		{ "grab { ehlo = \"a b.example\" }\n", "grab.ehlo" },
		{ "grab { ehlo = \"[::1]\" }\n", "address literal" },
		{ "dns { address = \"127.0.0.1#0\" }\n", "dns.address" },
		{ "dns { address = \"resolver.example\" }\n", "dns.address" },
		{ "dns { upstream a {\n\n pin = abc } }\n", ":3: upstream.pin: \"abc\": expected" },
		{ "graph { formats = {svg, gif} }\n", "expected one of svg png pdf dot" },
		{ "doctor { smtp_probe = \"a b\" }\n", "doctor.smtp_probe" },
		{ "run { name = a\n name = b }\n",
		    ":2: run.name: set a second time; line 1 has it too" },
		{ "run { name = a }\nrun { name = b }\n", ":2: run.name: set a second time" },
		{ "dns { upstream a { } upstream a { } }\n", ":1: " },
		{ "run {\n name = \"unterminated }\n", ":2: the string that begins here" },
		{ "run { }\n'", ":2: the string that begins here" },
		{ "run { name = \"a\\\"", ":1: the string that begins here" },
		{ "run { }\n/* and so on\n", ":2: the comment that begins here" },
		{ "run { } /*/", ":1: the comment that begins here" },
		{ "/* a */\n/**", ":2: the comment that begins here" },
		{ "run { name = x\n", ":1: the brace of this line is not closed" },
		{ "run { }\ndns { upstream a {\n address = 1.1.1.1\n}", ":2: the brace" },
		{ "run }\n", ":1: " },
		{ "run = x\n", ":1: " },
		{ "# a\n# b\n// c\n/* d\n e */ run { # f\n nmae = x }\n", ":6: unknown key" },
		{ "dns { address = \"1.1.1.1#53\" } # fine\nrun { name = 'a#b' }\n",
		    ":2: run.name: \"a#b\"" },
		{ "dns {\n address = 1.1.1.1#53\n}\n", ":2: a value with # in it needs quotes" },
		{ "run { name = \"a\nb\" }\nx { }\n", ":2: run.name" },
		{ "run {\n name = a\\b }\n", ":2: a backslash outside quotes" },
		{ "include(\"/etc/passwd\")\n", ":1: unknown section \"include\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *c = read_text(cases[i].text);

		if (c != NULL || strstr(messages.data, cases[i].message) == NULL)
			fail_msg("%s\n gave: %s\n wanted: %s", cases[i].text, messages.data,
			    cases[i].message);
		assert_non_null(strstr(messages.data, "/tmp/survey-config-"));
	}
	/* The last element of a list is told once. */
	assert_null(read_text("run { countries = {IE, 1e} }"));
	assert_null(strchr(strchr(messages.data, '\n') + 1, '\n'));
	/* All wrong values are told, not only the first. */
	assert_null(read_text("scan { rate_pps = 0\n port = 0 }\ndns { mode = x }\n"));
	assert_non_null(strstr(messages.data, ":1: scan.rate_pps"));
	assert_non_null(strstr(messages.data, ":2: scan.port"));
	assert_non_null(strstr(messages.data, ":3: dns.mode"));
}

/* A text that is no number is none of a key's values, an empty one included. */
static void
test_numbers(void **state)
{
	char *dump = NULL, *rest, *row;
	size_t len, n = 0;
	FILE *f = open_memstream(&dump, &len);
	struct config *c;

	(void)state;
	assert_non_null(f);
	config_dump(f);
	fclose(f);
	for (rest = dump; (row = strsep(&rest, "\n")) != NULL && row[0] != '\0';) {
		char *name = strsep(&row, "\t"), *key = strchr(name, '.') + 1, text[2][128];

		if (strcmp(strsep(&row, "\t"), "number") != 0)
			continue;
		snprintf(text[0], sizeof(text[0]), "%.*s { %s = \"\" }", (int)(key - name) - 1,
		    name, key);
		snprintf(text[1], sizeof(text[1]), ":1: %s: \"\": expected a number from ", name);
		if (read_text(text[0]) != NULL || strstr(messages.data, text[1]) == NULL)
			fail_msg("%s\n gave: %s\n wanted: %s", text[0], messages.data, text[1]);
		n++;
	}
	assert_true(n > 20);
	free(dump);
	/* Zeros before a number make it no octal one. */
	c = read_text("scan { port = 025 } grab { rate_hosts = 010.5 }");
	assert_non_null(c);
	assert_int_equal(c->scan.port, 25);
	assert_true(c->grab.rate_hosts > 10.4 && c->grab.rate_hosts < 10.6);
	config_free(c);
}

static void
test_good_values(void **state)
{
	static const char *const cases[] = {
		"grab { ehlo = \"scan.example.ie\" }",
		"grab { ehlo = \"[192.0.2.1]\" }",
		"grab { ehlo = \"[IPv6:2001:db8::1]\" }",
		"grab { user_agent = \"survey (+https://survey.example.ie/)\" }",
		"scan { gateway_mac = \"02:00:5E:10:00:01\" source_ip = 192.0.2.9 interface = eth0 "
		"}",
		"run { targets = {\"192.0.2.0/24\", \"2001:db8::/32\", \"192.0.2.1\"} asns = {AS1, "
		"4294967295} }",
		"dns { address = \"::1#5300\" }",
		"dns { upstream \"a b\" { pin = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\" } "
		"}",
		"doctor { smtp_probe = \"mail.example.ie#2525\" }",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *c = read_text(cases[i]);

		if (c == NULL)
			fail_msg("%s gave %s", cases[i], messages.data);
		config_free(c);
	}
}

#define WHOLE                                                              \
	"geo { country_mmdb = c.mmdb }\n"                                  \
	"grab { user_agent = \"survey (+https://survey.example.ie/)\" }\n" \
	"dns { upstream a { address = 192.0.2.1 hostname = dot.example.ie } }\n"

static void
test_check(void **state)
{
	static const struct {
		const char *text, *message;
		size_t faults;
	} cases[] = {
		{ WHOLE "run { countries = {IE} }\nscan { block_files = {b} }", "", 0 },
		{ WHOLE
		    "run { countries = {IE} }\nscan { mode = list list = \"-\" block_files = {b} }",
		    "", 0 },
		{ WHOLE "run { countries = {XX} targets = {\"192.0.2.0/24\"} }\nscan { block_files "
			"= {b} }",
		    "", 0 },
		{ WHOLE "run { countries = {IE} }", "scan.block_files: no block list, no scan", 1 },
		{ WHOLE "scan { block_files = {b} }", "run.countries: no country", 1 },
		{ WHOLE "run { countries = {XX} }\nscan { block_files = {b} }",
		    ":4: run.countries: XX alone", 1 },
		{ WHOLE "run { countries = {IE, XX} }\nscan { block_files = {b} }",
		    "XX is any country and stands alone", 1 },
		{ WHOLE "run { countries = {IE} }\nscan { mode = list block_files = {b} }",
		    "scan.list: not set", 1 },
		{ WHOLE "run { countries = {IE} asns = {1} }\nscan { block_files = {b} }",
		    "geo.asn_mmdb: not set", 1 },
		{ WHOLE "run { countries = {IE} }\nscan { block_files = {b} }\ngrab { ports = {} }",
		    "grab.ports: no port", 1 },
		{ WHOLE
		    "run { countries = {IE} }\nscan { block_files = {b} }\ndns { mode = address }",
		    "dns.address: not set", 1 },
		{ WHOLE "run { countries = {IE} }\nscan { block_files = {b} }\n"
			"dns { upstream b { address = 192.0.2.2 } }",
		    "192.0.2.2 has neither hostname nor pin", 1 },
		{ "run { countries = {IE} }", "grab.user_agent: not set", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *c = read_text(cases[i].text);

		if (c == NULL)
			fail_msg("%s gave %s", cases[i].text, messages.data);
		assert_int_equal(config_check(c), cases[i].faults);
		if (strstr(messages.data, cases[i].message) == NULL)
			fail_msg("%s gave %s", cases[i].text, messages.data);
		config_free(c);
	}
}

/* Any bytes, and any damage to a good file, end in a config or in a message. */
static void
test_garbage(void **state)
{
	static const char good[] = WHOLE "run { countries = {IE, GB} name = \"a b\" }\n"
					 "scan { block_files = {b}\n# comment\n rate_pps = 10 }\n";
	static const char pieces[] = "{}=\"'\\\n#/*,()+$";
	uint64_t seed = 42;
	char text[sizeof(good)];

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t len = sizeof(good) - 1;
		struct config *c;

		memcpy(text, good, sizeof(good));
		for (int k = 0; k <= round % 6; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			text[seed % len] = (seed >> 32) % 3 == 0
					       ? (char)(seed >> 48)
					       : pieces[(seed >> 40) % (sizeof(pieces) - 1)];
		}
		if (round % 5 == 0)
			len = (seed >> 20) % len;
		text[len] = '\0';
		buf_clear(&messages);
		if ((c = config_parse(text, len, "/tmp/x/survey.conf")) == NULL)
			assert_int_not_equal(messages.len, 0);
		config_free(c);
	}
	assert_null(config_parse("run\0{}", 6, "/x"));
	assert_null(config_read("/tmp"));
	assert_null(config_read("/tmp/survey-config-absent"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_good_values),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_garbage),
	};

	buf_init(&messages);
	log_set_sink(sink, &messages);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
