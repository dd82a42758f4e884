#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/answers.h"
#include "survey/dnsfile.h"
#include "survey/file.h"
#include "survey/jsonw.h"

#define LINE_A                                                                                \
	"{\"name\":\"mx1.firm.ie\",\"type\":\"A\",\"outcome\":\"noerror\","                   \
	"\"answers\":[\"192.0.2.1\",\"192.0.2.10\"],\"cname\":[\"a.firm.ie\",\"b.firm.ie\"]," \
	"\"at\":\"2026-06-15T12:00:00Z\",\"ms\":3}\n"
#define LINE_PTR                                                                         \
	"{\"name\":\"1.2.0.192.in-addr.arpa\",\"type\":\"PTR\",\"outcome\":\"noerror\"," \
	"\"answers\":[\"mx1.firm.ie\"],\"at\":\"2026-06-15T12:00:01Z\",\"ms\":0}\n"
#define LINE_FAIL                                                                               \
	"{\"name\":\"dead.firm.ie\",\"type\":\"AAAA\",\"outcome\":\"servfail\",\"answers\":[]," \
	"\"at\":\"2026-06-15T12:00:02Z\",\"ms\":5012,\"ede\":22,"                               \
	"\"ede_text\":\"no reachable authority \\u00fc\"}\n"

#define LINE_MX                                                          \
	"{\"name\":\"firm.ie\",\"type\":\"MX\",\"outcome\":\"noerror\"," \
	"\"answers\":[\"10 mx1.firm.ie\",\"20 mx2.firm.ie\"],\"ad\":true,\"ms\":1}\n"
#define LINE_TLSA                                                                       \
	"{\"name\":\"_25._tcp.mx1.firm.ie\",\"type\":\"TLSA\",\"outcome\":\"noerror\"," \
	"\"answers\":[\"3 1 1 8d02\"],\"cname\":[\"_dane.firm.ie\"],\"ad\":true,\"ms\":1}\n"
#define LINE_TXT                                                                   \
	"{\"name\":\"_mta-sts.firm.ie\",\"type\":\"TXT\",\"outcome\":\"noerror\"," \
	"\"answers\":[\"v=STSv1; id=\\\\\\\\\\\\010\"],\"ms\":1}\n"

static bool
parse(struct answers *t, const char *line)
{
	size_t n = strlen(line);

	return dnsfile_parse(line, n > 0 && line[n - 1] == '\n' ? n - 1 : n, DNSFILE_ALL, t);
}

static char *
scratch(void)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/tmp/survey-dnsfile-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return path_join(dir, "dns.ndjson");
}

static void
scratch_done(char *path)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
	free(path);
}

static void
test_round_trip(void **state)
{
	static const struct {
		const char *name, *line;
		enum dns_type type;
	} rows[] = {
		{ "mx1.firm.ie", LINE_A, DNS_A },
		{ "1.2.0.192.in-addr.arpa", LINE_PTR, DNS_PTR },
		{ "dead.firm.ie", LINE_FAIL, DNS_AAAA },
		{ "firm.ie", LINE_MX, DNS_MX },
		{ "_25._tcp.mx1.firm.ie", LINE_TLSA, DNS_TLSA },
		{ "_mta-sts.firm.ie", LINE_TXT, DNS_TXT },
	};
	struct answers *t = answers_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jsonw w;

		assert_true(parse(t, rows[i].line));
		jsonw_init(&w, NULL);
		dnsfile_line(&w, answers_get(t, rows[i].name, rows[i].type));
		if (i == 2) /* the escape is read, the letter is written */
			assert_non_null(strstr(w.out.data, "authority \xc3\xbc\"}\n"));
		else
			assert_string_equal(w.out.data, rows[i].line);
		jsonw_fini(&w);
	}
	answers_free(t);
}

static void
test_normal_form(void **state)
{
	struct answers *t = answers_new();
	const struct answer *a;

	(void)state;
	assert_true(parse(t,
	    "{\"type\":\"A\",\"name\":\"MX1.Firm.ie.\",\"outcome\":\"noerror\","
	    "\"answers\":[\"192.0.2.9\",\"192.0.2.1\",\"192.0.2.9\"],\"extra\":{\"x\":[1]},"
	    "\"at\":\"2026-06-15T12:00:00.25Z\"}"));
	a = answers_get(t, "mx1.firm.ie", DNS_A);
	assert_non_null(a);
	assert_int_equal(a->naddrs, 2);
	assert_int_equal(ip_to_v4(&a->addrs[0]), 0xc0000201);
	assert_int_equal(a->at, 1781524800);
	assert_int_equal(a->ede, DNS_EDE_NONE);
	assert_null(answers_get(t, "mx1.firm.ie", DNS_AAAA));
	answers_free(t);
}

static void
test_bad_lines(void **state)
{
	static const char *const lines[] = {
		"",
		"{",
		"[]",
		"null",
		"{\"name\":\"a.ie\",\"type\":\"A\",\"outcome\":\"noerror\"",
		"{\"name\":\"a.ie\",\"type\":\"A\",\"outcome\":\"noerror\",\"answers\":[]} x",
		"{\"name\":\"a.ie\",\"type\":\"NS\",\"outcome\":\"noerror\",\"answers\":[]}",
		"{\"name\":\"a.ie\",\"type\":\"A\",\"outcome\":\"great\",\"answers\":[]}",
		"{\"name\":7,\"type\":\"A\",\"outcome\":\"noerror\",\"answers\":[]}",
		"{\"name\":\"a,b.ie\",\"type\":\"A\",\"outcome\":\"noerror\",\"answers\":[]}",
		"{\"name\":\"a\\u0000.ie\",\"type\":\"A\",\"outcome\":\"nodata\",\"answers\":[]}",
		"{\"name\":\"a.ie\",\"type\":\"A\",\"outcome\":\"noerror\",\"answers\":[\"x\"]}",
		"{\"name\":\"a.ie\",\"type\":\"A\",\"outcome\":\"noerror\",\"answers\":[1]}",
		"{\"name\":\"\xff.ie\",\"type\":\"A\",\"outcome\":\"nodata\",\"answers\":[]}",
	};
	struct answers *t = answers_new();

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (parse(t, lines[i]))
			fail_msg("taken: %s", lines[i]);
	assert_int_equal(answers_count(t), 0);
	answers_free(t);
}

/* Nesting has a bound, whatever member it is in. */
static void
test_deep(void **state)
{
	enum { DEPTH = 5000 };
	static const char head[] =
	    "{\"name\":\"a.ie\",\"type\":\"A\",\"outcome\":\"nodata\",\"x\":";
	struct answers *t = answers_new();
	char *line = calloc(sizeof(head) + 2 * DEPTH + 2, 1);
	size_t n = sizeof(head) - 1;

	(void)state;
	assert_non_null(line);
	memcpy(line, head, n);
	memset(line + n, '[', DEPTH);
	memset(line + n + DEPTH, ']', DEPTH);
	line[n + 2 * DEPTH] = '}';
	assert_false(parse(t, line));
	free(line);
	answers_free(t);
}

/* No cut of a line may be taken for an answer, or read outside of it. */
static void
test_torn(void **state)
{
	struct answers *t = answers_new();
	size_t len = strlen(LINE_FAIL) - 1;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		char *piece = malloc(cut + 1);

		memcpy(piece, LINE_FAIL, cut);
		assert_false(dnsfile_parse(piece, cut, DNSFILE_ALL, t));
		free(piece);
	}
	answers_free(t);
}

static void
test_last_wins(void **state)
{
	struct answers *t = answers_new();
	char *path = scratch();
	struct dnsfile_counts counts;
	const char *text = LINE_FAIL LINE_A "\n"
					    "rubbish\n"
					    "{\"name\":\"mx1.firm.ie\",\"type\":\"A\","
					    "\"outcome\":\"nxdomain\",\"answers\":[]}\n" LINE_PTR
					    "{\"name\":\"torn.firm.ie\",\"type\":\"A\"";

	(void)state;
	assert_int_equal(file_write(path, text, strlen(text)), 0);
	assert_int_equal(dnsfile_read(path, DNSFILE_ALL, t, &counts), 0);
	assert_int_equal(counts.lines, 4);
	assert_int_equal(counts.bad, 2);
	assert_int_equal(answers_count(t), 3);
	assert_int_equal(answers_get(t, "mx1.firm.ie", DNS_A)->outcome, DNS_NXDOMAIN);
	answers_free(t);
	t = answers_new();
	assert_int_equal(dnsfile_read(path, DNSFILE_KNOWN, t, &counts), 0);
	assert_int_equal(answers_count(t), 2);
	assert_null(answers_get(t, "dead.firm.ie", DNS_AAAA));
	answers_free(t);
	/* What tells of mail domains is no matter of hosts. */
	t = answers_new();
	text = LINE_MX LINE_A LINE_FAIL LINE_TXT LINE_TLSA;
	assert_int_equal(file_write(path, text, strlen(text)), 0);
	assert_int_equal(dnsfile_read(path, DNSFILE_OF_HOSTS, t, &counts), 0);
	assert_int_equal(counts.lines, 5);
	assert_int_equal(answers_count(t), 2);
	assert_int_equal(dnsfile_read(path, DNSFILE_KNOWN, t, &counts), 0);
	assert_int_equal(answers_count(t), 5);
	assert_true(answers_get(t, "firm.ie", DNS_MX)->ad);
	answers_free(t);
	/* A file from an editor that puts no newline at the end. */
	t = answers_new();
	assert_int_equal(file_write(path, LINE_PTR LINE_A, strlen(LINE_PTR LINE_A) - 1), 0);
	assert_int_equal(dnsfile_read(path, DNSFILE_ALL, t, &counts), 0);
	assert_int_equal(counts.lines, 2);
	assert_int_equal(counts.bad, 0);
	assert_non_null(answers_get(t, "mx1.firm.ie", DNS_A));
	answers_free(t);
	scratch_done(path);
	t = answers_new();
	assert_int_equal(dnsfile_read("/nonexistent/dns.ndjson", DNSFILE_ALL, t, &counts), -1);
	assert_int_equal(errno, ENOENT);
	answers_free(t);
}

static void
test_append_after_crash(void **state)
{
	char *path = scratch(), *text;
	struct answers *t = answers_new();
	const struct answer *a;
	struct dnsfile *f;
	struct stat st;
	size_t len;

	(void)state;
	assert_true(parse(t, LINE_PTR));
	a = answers_get(t, "1.2.0.192.in-addr.arpa", DNS_PTR);
	/* Every length that a crash can leave behind. */
	for (size_t cut = 0; cut <= strlen(LINE_A LINE_PTR); cut++) {
		size_t whole = cut < strlen(LINE_A)	       ? 0
			       : cut < strlen(LINE_A LINE_PTR) ? strlen(LINE_A)
							       : cut;

		assert_int_equal(file_write(path, LINE_A LINE_PTR, cut), 0);
		f = dnsfile_open(path);
		assert_non_null(f);
		dnsfile_append(f, a);
		assert_int_equal(dnsfile_pending(f), strlen(LINE_PTR));
		assert_int_equal(dnsfile_close(f), 0);
		text = file_read(path, 1 << 20, &len);
		assert_int_equal(len, whole + strlen(LINE_PTR));
		assert_memory_equal(text, LINE_A LINE_PTR, whole);
		assert_string_equal(text + whole, LINE_PTR);
		free(text);
	}
	unlink(path);
	f = dnsfile_open(path);
	assert_non_null(f);
	assert_int_equal(fstat(dnsfile_fd(f), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(dnsfile_flush(f), 0);
	assert_int_equal(dnsfile_close(f), 0);
	answers_free(t);
	scratch_done(path);
}

static void
test_compact(void **state)
{
	char *path = scratch(), *text;
	struct answers *t = answers_new();
	size_t len;

	(void)state;
	assert_true(parse(t, LINE_A) && parse(t, LINE_FAIL) && parse(t, LINE_PTR));
	assert_true(parse(t, LINE_A));
	assert_int_equal(dnsfile_compact(path, t), 0);
	text = file_read(path, 1 << 20, &len);
	assert_non_null(text);
	assert_ptr_equal(strstr(text, "1.2.0.192.in-addr.arpa"), text + strlen("{\"name\":\""));
	assert_non_null(strstr(text, LINE_PTR "{\"name\":\"dead.firm.ie\""));
	assert_string_equal(text + len - strlen(LINE_A), LINE_A);
	free(text);
	answers_free(t);
	scratch_done(path);
}

static void
test_table_grows(void **state)
{
	struct answers *t = answers_new();
	char name[32];

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 20000; i++) {
			struct answer a = { .name = name,
				.type = (enum dns_type)(i % 2),
				.outcome = DNS_NXDOMAIN,
				.ms = i + round };

			snprintf(name, sizeof(name), "h%u.firm.ie", i / 2);
			answers_put(t, &a);
		}
	}
	assert_int_equal(answers_count(t), 20000);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "h%u.firm.ie", i / 2);
		assert_int_equal(answers_get(t, name, (enum dns_type)(i % 2))->ms, i + 1);
	}
	assert_null(answers_get(t, "h1.firm.ie", DNS_PTR));
	assert_null(answers_get(t, "h10000.firm.ie", DNS_A));
	answers_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_normal_form),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_last_wins),
		cmocka_unit_test(test_append_after_crash),
		cmocka_unit_test(test_compact),
		cmocka_unit_test(test_table_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
