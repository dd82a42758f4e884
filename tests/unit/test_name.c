#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "survey/ip.h"
#include "survey/name.h"

struct name_case {
	const char *in;
	enum name_class class;
	const char *out;
};

static const struct name_case cases[] = {
	{ "mx1.example.ie", NAME_OK, "mx1.example.ie" },
	{ "MX1.Example.IE.", NAME_OK, "mx1.example.ie" },
	{ "a_b.example.ie", NAME_OK, "a_b.example.ie" },
	{ "3com.example.ie", NAME_OK, "3com.example.ie" },
	{ "1-2-3-4.dyn.example.net", NAME_OK, "1-2-3-4.dyn.example.net" },
	{ "xn--bcher-kva.example.ie", NAME_OK, "xn--bcher-kva.example.ie" },
	{ "b\xc3\xbc"
	  "cher.example.ie",
	    NAME_OK, "xn--bcher-kva.example.ie" },
	{ "B\xc3\x9c"
	  "CHER.Example.ie.",
	    NAME_OK, "xn--bcher-kva.example.ie" },
	/* An ideographic full stop separates labels. */
	{ "b\xc3\xbc"
	  "cher\xe3\x80\x82ie",
	    NAME_OK, "xn--bcher-kva.ie" },
	{ "myexample.com", NAME_OK, "myexample.com" },
	{ "internal.example.ie", NAME_OK, "internal.example.ie" },
	{ "example.com.ie", NAME_OK, "example.com.ie" },
	{ "esmtp.example.ie", NAME_OK, "esmtp.example.ie" },
	{ "", NAME_EMPTY, "" },
	{ ".", NAME_EMPTY, "" },
	{ "ESMTP", NAME_NODOT, "" },
	{ "localhost", NAME_NODOT, "" },
	{ "localhost.", NAME_NODOT, "" },
	{ "*.example.ie", NAME_WILDCARD, "" },
	{ "www.*.ie", NAME_WILDCARD, "" },
	{ "*", NAME_WILDCARD, "" },
	{ "mail.corp.internal", NAME_LOCAL, "" },
	{ "MAIL.corp.INTERNAL.", NAME_LOCAL, "" },
	{ "exch01.firm.local", NAME_LOCAL, "" },
	{ "localhost.localdomain", NAME_LOCAL, "" },
	{ "4.3.2.1.in-addr.arpa", NAME_LOCAL, "" },
	{ "example.com", NAME_EXAMPLE, "" },
	{ "www.Example.com", NAME_EXAMPLE, "" },
	{ "192.0.2.1", NAME_ADDRESS, "" },
	{ "mail.example.42", NAME_ADDRESS, "" },
	{ "[192.0.2.1]", NAME_INVALID, "" },
	{ "2001:db8::1", NAME_INVALID, "" },
	{ "..", NAME_INVALID, "" },
	{ ".example.ie", NAME_INVALID, "" },
	{ "a..example.ie", NAME_INVALID, "" },
	{ "a.example.ie..", NAME_INVALID, "" },
	{ "-a.example.ie", NAME_INVALID, "" },
	{ "a-.example.ie", NAME_INVALID, "" },
	{ "a.example.ie-", NAME_INVALID, "" },
	{ "a,b.example.ie", NAME_INVALID, "" },
	{ "a b.example.ie", NAME_INVALID, "" },
	{ " a.example.ie", NAME_INVALID, "" },
	{ "a\tb.example.ie", NAME_INVALID, "" },
	{ "a\n.example.ie", NAME_INVALID, "" },
	{ "a\x7f.example.ie", NAME_INVALID, "" },
	{ "a\\.example.ie", NAME_INVALID, "" },
	{ "a\"b.example.ie", NAME_INVALID, "" },
	{ "a/b.example.ie", NAME_INVALID, "" },
	{ "a@example.ie", NAME_INVALID, "" },
	{ "\xff\xfe.example.ie", NAME_INVALID, "" },
	{ "\xed\xa0\x80.example.ie", NAME_INVALID, "" },
	{ "b\xc3\xbc cher.example.ie", NAME_INVALID, "" },
	{ "b\xc3\xbc*.example.ie", NAME_WILDCARD, "" },
	{ "\xe2\x80\xae.example.ie", NAME_INVALID, "" },
	{ "\xef\xbc\x91\xef\xbc\x92.\xef\xbc\x91", NAME_ADDRESS, "" },
	{ "b\xc3\xbc"
	  "cher.local",
	    NAME_LOCAL, "" },
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[NAME_SIZE] = "left over";
		enum name_class got = name_normalise(cases[i].in, strlen(cases[i].in), out);

		if (got != cases[i].class || strcmp(out, cases[i].out) != 0)
			fail_msg("\"%s\": %d \"%s\"", cases[i].in, (int)got, out);
	}
}

static void
test_embedded_nul(void **state)
{
	char out[NAME_SIZE];

	(void)state;
	assert_int_equal(name_normalise("mx.example.ie\0.evil", 19, out), NAME_INVALID);
	assert_int_equal(name_normalise("\0", 1, out), NAME_INVALID);
	assert_int_equal(name_normalise("b\xc3\xbc\0.example.ie", 15, out), NAME_INVALID);
	assert_int_equal(name_normalise("*\0", 2, out), NAME_WILDCARD);
}

static void
test_lengths(void **state)
{
	char in[300], out[NAME_SIZE];

	(void)state;
	/* Labels of 63, 63, 63 and 61 characters and three dots make 253. */
	memset(in, 'a', sizeof(in));
	in[63] = in[127] = in[191] = '.';
	assert_int_equal(name_normalise(in, 253, out), NAME_OK);
	assert_int_equal(strlen(out), 253);
	assert_int_equal(name_normalise(in, 254, out), NAME_INVALID);
	assert_string_equal(out, "");
	in[253] = '.';
	assert_int_equal(name_normalise(in, 254, out), NAME_OK);
	/* A label of 64. */
	memcpy(in + 64, ".ie", 3);
	in[63] = 'a';
	assert_int_equal(name_normalise(in, 67, out), NAME_INVALID);
	assert_int_equal(name_normalise(in + 1, 66, out), NAME_OK);
}

static void
test_huge(void **state)
{
	size_t len = 64 << 10;
	char *in = malloc(len), out[NAME_SIZE];

	(void)state;
	assert_non_null(in);
	memset(in, 'a', len);
	assert_int_equal(name_normalise(in, len, out), NAME_INVALID);
	memset(in, 0xc3, len);
	assert_int_equal(name_normalise(in, len, out), NAME_INVALID);
	for (size_t i = 0; i + 1 < len; i += 2)
		memcpy(in + i, "\xc3\xbc", 2);
	assert_int_equal(name_normalise(in, len, out), NAME_INVALID);
	/* Within the limit of the input, far above the one of the output. */
	assert_int_equal(name_normalise(in, 1000, out), NAME_INVALID);
	free(in);
}

static void
test_canonical(void **state)
{
	char out[NAME_SIZE];

	(void)state;
	assert_int_equal(name_canonical("Localhost.", 10, out), NAME_OK);
	assert_string_equal(out, "localhost");
	assert_int_equal(name_canonical("4.3.2.1.in-addr.arpa", 20, out), NAME_OK);
	assert_int_equal(name_canonical("a,b", 3, out), NAME_INVALID);
}

static void
test_reverse(void **state)
{
	static const char *const pairs[][2] = {
		{ "198.18.10.11", "11.10.18.198.in-addr.arpa" },
		{ "255.255.255.255", "255.255.255.255.in-addr.arpa" },
		{ "2001:db8::567:89ab",
		    "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char out[NAME_SIZE];
		struct ip ip;

		assert_true(ip_parse(pairs[i][0], strlen(pairs[i][0]), &ip));
		name_reverse(&ip, out);
		assert_string_equal(out, pairs[i][1]);
	}
}

static void
test_zone(void **state)
{
	static const char *const pairs[][2] = {
		{ "mx1.mail.firm.ie", "firm.ie" },
		{ "firm.ie", "firm.ie" },
		{ "ie", "ie" },
		{ "a.b.firm.co.uk", "firm.co.uk" },
		{ "co.uk", "co.uk" },
		{ "www.co.com", "co.com" },
		{ "4.3.2.1.in-addr.arpa", "2.1.in-addr.arpa" },
		{ "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
		    "8.b.d.0.1.0.0.2.ip6.arpa" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_string_equal(name_zone(pairs[i][0]), pairs[i][1]);
	assert_true(name_is_below("a.b", "b") && name_is_below("b", "b"));
	assert_false(name_is_below("ab", "b") || name_is_below("b", "a.b"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_embedded_nul),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_reverse),
		cmocka_unit_test(test_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
