#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "dns/anchors.h"

#define DIGEST "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"
#define DS "DS 4711 13 2 " DIGEST
#define KEY                \
	"DNSKEY 257 3 13 " \
	"mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="

static void
test_taken(void **state)
{
	static const struct {
		const char *text;
		const char *first, *second; /* what its lines begin with; NULL: none */
		size_t lines;
	} rows[] = {
		{ ". IN " DS, ".\t3600\tIN\tDS\t4711 13 2 ", NULL, 1 },
		{ "lab. " DS "\n. 5 IN " KEY "\n", "lab.\t3600\tIN\tDS\t",
		    ".\t5\tIN\tDNSKEY\t257 3 13 ", 2 },
		{ "; a comment\n\n$TTL 7\n$ORIGIN corp.example.\n@ IN " DS " ; another\n  IN " DS
		  "\nlow IN " DS "\n",
		    "corp.example.\t7\tIN\tDS\t", "corp.example.\t7\tIN\tDS\t", 3 },
		{ "lab. IN DS 4711 13 2 (\n\tABABABABABABABABABABABABABABABAB\n\t"
		  "ABABABABABABABABABABABABABABABAB )\n",
		    "lab.\t3600\tIN\tDS\t", NULL, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;
		char *wrong, *second;
		size_t lines = 0;

		buf_init(&out);
		wrong = anchors_take(rows[i].text, strlen(rows[i].text), &out);
		if (wrong != NULL)
			fail_msg("row %zu: %s", i, wrong);
		for (size_t k = 0; k < out.len; k++)
			lines += out.data[k] == '\n';
		assert_int_equal(lines, rows[i].lines);
		assert_memory_equal(out.data, rows[i].first, strlen(rows[i].first));
		second = strchr(out.data, '\n') + 1;
		if (rows[i].second != NULL)
			assert_memory_equal(second, rows[i].second, strlen(rows[i].second));
		/* Every name is whole, so that what was written reads alike anywhere. */
		assert_null(strstr(out.data, "low\t"));
		buf_fini(&out);
	}
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "no DS or DNSKEY record is in it" },
		{ "\n\n; nothing\n$TTL 5\n", "no DS or DNSKEY record is in it" },
		{ "\n\nlab. IN A 192.0.2.1\n", "line 3 is neither a DS nor a DNSKEY record" },
		{ "lab. IN " DS "\n\n\nlab. IN NS ns.lab.\n\n\n",
		    "line 4 is neither a DS nor a DNSKEY record" },
		{ "lab. CH " DS, "line 1 is neither a DS nor a DNSKEY record" },
		{ "lab. IN DS 4711 13 2 xyz\n", "line 1 is no record of a zone file" },
		{ "-----BEGIN PUBLIC KEY-----\n", "line 1 is no record of a zone file" },
		{ "$INCLUDE /etc/passwd\nlab. IN " DS "\n", "line 1 is no record of a zone file" },
		{ "lab. IN DS 4711 13 2 (\n", "line 1 is no record of a zone file" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;
		char *wrong;

		buf_init(&out);
		wrong = anchors_take(rows[i].text, strlen(rows[i].text), &out);
		if (wrong == NULL || strncmp(wrong, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("row %zu: \"%s\", not \"%s\"", i, wrong != NULL ? wrong : "taken",
			    rows[i].why);
		free(wrong);
		buf_fini(&out);
	}
}

/* No byte of a good file, changed or cut off, is more than refused. */
static void
test_damaged(void **state)
{
	static const char good[] = "$ORIGIN lab.\n@ IN " DS "\ncorp IN " KEY "\n";
	static const char odd[] = { '\0', '\n', '(', ')', '"', '\\', ';', '$', '\xff', ' ' };
	char text[sizeof(good)];
	struct buf out;

	(void)state;
	buf_init(&out);
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		free(anchors_take(good, i, &out));
		for (size_t k = 0; k < sizeof(odd); k++) {
			memcpy(text, good, sizeof(good));
			text[i] = odd[k];
			free(anchors_take(text, sizeof(good) - 1, &out));
		}
	}
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
