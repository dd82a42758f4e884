#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "query/traces.h"
#include "survey/pack.h"
#include "survey/record.h"

static void
test_words(void **state)
{
	static const struct {
		const char *text;
		bool found;
	} cases[] = {
		{ "192.0.2.7", true },
		{ "host 192.0.2.7.", true },
		{ "192.0.2.7:25 is slow", true },
		{ "[2001:DB8:0::7]:25", true },
		{ "2001:db8::70", false },
		{ "192.0.2.70", false },
		{ "1192.0.2.7", false },
		{ "{\"ip\":\"192.0.2.7\"}", true },
		{ "a\\n192.0.2.7", true },
		{ "\\u0022192.0.2.7", true },
		{ "220 MX.Example.IE. ESMTP", true },
		{ "smtp.mx.example.ie", false },
		{ "mx.example.ie:25", true },
		{ "*.wild.example.ie", true },
		{ "SHA256:AbCdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", true },
		{ "SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", false },
		{ "", false },
		{ "...:::", false },
	};
	struct ipset set;
	struct ip_range r;
	struct traces t;

	(void)state;
	ipset_init(&set);
	assert_null(ip_range_parse("192.0.2.7", 9, &r));
	ipset_add_range(&set, &r.lo, &r.hi);
	assert_null(ip_range_parse("2001:db8::7", 11, &r));
	ipset_add_range(&set, &r.lo, &r.hi);
	ipset_normalise(&set);
	traces_init(&t, &set);
	traces_add(&t, "mx.example.ie");
	traces_add(&t, "*.wild.example.ie");
	traces_add(&t, "SHA256:AbCdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ");
	traces_add(&t, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (traces_in(&t, cases[i].text, strlen(cases[i].text)) != cases[i].found)
			fail_msg("%s", cases[i].text);
	}
	traces_fini(&t);
	ipset_fini(&set);
}

static int
count(const struct record_line *line, void *arg)
{
	(void)line;
	(*(unsigned *)arg)++;
	return 0;
}

/* What is packed is read again by who reads records. */
static void
test_pack(void **state)
{
	static const char *const names[] = { "x", "x.gz", "x.zst" };
	static const char line[] = "{\"ip\":\"192.0.2.7\",\"p25\":null}\n";

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[] = "/tmp/test_traces.XXXXXX", *error = NULL;
		struct record_options o = { .threads = 1 };
		struct record_counts counts = { 0 };
		int fd = mkstemp(path);
		unsigned n = 0;
		struct packer *p = packer_open(fd, pack_kind_of(names[i]));

		assert_int_not_equal(fd, -1);
		assert_non_null(p);
		for (unsigned k = 0; k < 20000; k++)
			assert_int_equal(packer_write(p, line, sizeof(line) - 1), 0);
		assert_int_equal(packer_close(p), 0);
		close(fd);
		assert_int_equal(record_read(path, &o, count, &n, &counts, &error), 0);
		assert_int_equal(n, 20000);
		unlink(path);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_pack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
