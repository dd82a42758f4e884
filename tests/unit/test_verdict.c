#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/dnsfile.h"
#include "survey/jsonw.h"
#include "survey/name.h"
#include "survey/output.h"
#include "survey/study_builder.h"
#include "survey/questions.h"
#include "survey/verdict.h"

#define MAX_NAMES 8

/* A table of answers, a host and its names, in the words of a test. */
struct bench {
	struct answers *t;
	struct ip ip;
	struct name_ref refs[MAX_NAMES];
	size_t n;
	struct verdict v;
};

static void
bench_init(struct bench *b, const char *ip)
{
	memset(b, 0, sizeof(*b));
	b->t = answers_new();
	assert_true(ip_parse(ip, strlen(ip), &b->ip));
	verdict_init(&b->v);
}

static void
bench_fini(struct bench *b)
{
	verdict_fini(&b->v);
	answers_free(b->t);
}

static void
name(struct bench *b, const char *key, const char *text)
{
	assert_true(b->n < MAX_NAMES);
	b->refs[b->n++] = (struct name_ref){ key, text, strlen(text) };
}

/* Put "name TYPE outcome answer answer…" into the table. */
static void
answer(struct bench *b, const char *q, const char *type, const char *outcome, const char *answers)
{
	struct buf line;

	buf_init(&line);
	buf_printf(&line,
	    "{\"name\":\"%s\",\"type\":\"%s\",\"outcome\":\"%s\",\"answers\":[%s],"
	    "\"at\":\"2026-06-15T12:00:00Z\",\"ms\":3}",
	    q, type, outcome, answers);
	assert_true(dnsfile_parse(line.data, line.len, DNSFILE_ALL, b->t));
	buf_fini(&line);
}

static const struct verdict *
judge(struct bench *b)
{
	verdict_host(&b->v, b->t, &b->ip, b->refs, b->n);
	return &b->v;
}

static enum name_verdict
only(struct bench *b)
{
	judge(b);
	assert_int_equal(b->v.n, 1);
	return b->v.names[0].verdict;
}

static void
on_question(const char *q, enum dns_type type, void *arg)
{
	buf_printf(arg, "%s/%s ", q, dns_type_name(type));
}

static void
check_questions(struct bench *b, const char *expected)
{
	struct buf got;
	size_t n, spaces = 0;

	buf_init(&got);
	n = questions_host(b->t, &b->ip, b->refs, b->n, on_question, &got);
	assert_string_equal(got.data, expected);
	for (size_t i = 0; i < got.len; i++)
		spaces += got.data[i] == ' ';
	assert_int_equal(n, spaces);
	buf_fini(&got);
}

static void
test_any_address_makes_good(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "192.0.2.7");
	name(&b, "banner", "MX.firm.ie");
	answer(&b, "mx.firm.ie", "A", "noerror", "\"203.0.113.1\",\"192.0.2.7\",\"192.0.2.3\"");
	assert_int_equal(only(&b), NAME_GOOD);
	assert_int_equal(b.v.verdict, HOST_GOOD);
	assert_false(b.v.allbad);
	assert_string_equal(b.v.names[0].name, "mx.firm.ie");
	assert_int_equal(b.v.names[0].ref, 0);
	assert_int_equal(b.v.names[0].answer->at, 1781524800);
	bench_fini(&b);
}

static void
test_bad_gives_lowest_address(void **state)
{
	struct bench b;
	char text[IP_STRLEN];

	(void)state;
	bench_init(&b, "192.0.2.7");
	name(&b, "p25dn", "mx.firm.ie");
	answer(&b, "mx.firm.ie", "A", "noerror", "\"203.0.113.1\",\"192.0.2.30\",\"192.0.2.9\"");
	assert_int_equal(only(&b), NAME_BAD);
	assert_string_equal(ip_format(&b.v.names[0].answer->addrs[0], text), "192.0.2.9");
	assert_int_equal(b.v.verdict, HOST_BAD);
	assert_false(b.v.allbad); /* it resolves, if to another host */
	bench_fini(&b);
}

static void
test_outcomes_of_one_name(void **state)
{
	static const struct {
		const char *ip, *a, *aaaa;
		enum name_verdict verdict;
		bool allbad;
	} rows[] = {
		{ "192.0.2.7", NULL, NULL, NAME_UNKNOWN, false },
		{ "192.0.2.7", "nxdomain", NULL, NAME_NXDOMAIN, true },
		{ "192.0.2.7", "nodata", NULL, NAME_BAD, true },
		{ "192.0.2.7", "nodata", "nodata", NAME_BAD, true },
		{ "192.0.2.7", "nodata", "servfail", NAME_UNKNOWN, false },
		{ "192.0.2.7", "nodata", "nxdomain", NAME_NXDOMAIN, true },
		{ "192.0.2.7", "servfail", NULL, NAME_UNKNOWN, false },
		{ "192.0.2.7", "refused", NULL, NAME_UNKNOWN, false },
		{ "192.0.2.7", "timeout", NULL, NAME_UNKNOWN, false },
		{ "192.0.2.7", "timeout", "nxdomain", NAME_NXDOMAIN, true },
		{ "192.0.2.7", NULL, "nodata", NAME_UNKNOWN, false },
		{ "2001:db8::7", NULL, "nodata", NAME_BAD, true },
		{ "2001:db8::7", "timeout", "nodata", NAME_UNKNOWN, false },
		{ "2001:db8::7", NULL, "timeout", NAME_UNKNOWN, false },
		{ "2001:db8::7", "nxdomain", NULL, NAME_NXDOMAIN, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b;

		bench_init(&b, rows[i].ip);
		name(&b, "p25dn", "mx.firm.ie");
		if (rows[i].a != NULL)
			answer(&b, "mx.firm.ie", "A", rows[i].a, "");
		if (rows[i].aaaa != NULL)
			answer(&b, "mx.firm.ie", "AAAA", rows[i].aaaa, "");
		if (only(&b) != rows[i].verdict || b.v.allbad != rows[i].allbad)
			fail_msg("row %zu: %s, allbad %d", i,
			    name_verdict_name(b.v.names[0].verdict), b.v.allbad);
		assert_int_equal(
		    b.v.verdict, rows[i].verdict == NAME_UNKNOWN ? HOST_UNKNOWN : HOST_BAD);
		bench_fini(&b);
	}
}

static void
test_second_family(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "192.0.2.7");
	name(&b, "p25dn", "six.firm.ie");
	answer(&b, "six.firm.ie", "A", "nodata", "");
	answer(&b, "six.firm.ie", "AAAA", "noerror", "\"2001:db8::7\"");
	assert_int_equal(only(&b), NAME_BAD);
	assert_false(b.v.allbad);
	assert_int_equal(b.v.names[0].answer->naddrs, 1);
	/* The same answers, seen from the IPv6 host. */
	assert_true(ip_parse("2001:db8::7", 11, &b.ip));
	assert_int_equal(only(&b), NAME_GOOD);
	bench_fini(&b);
}

static void
test_host_order(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "192.0.2.7");
	assert_int_equal(judge(&b)->verdict, HOST_NONE);
	assert_true(b.v.allbad);
	name(&b, "banner", "localhost");
	assert_int_equal(judge(&b)->verdict, HOST_NONE);
	assert_int_equal(b.v.n, 0);
	name(&b, "p25dn", "gone.firm.ie");
	answer(&b, "gone.firm.ie", "A", "nxdomain", "");
	assert_int_equal(judge(&b)->verdict, HOST_BAD);
	name(&b, "p25san0", "slow.firm.ie");
	answer(&b, "slow.firm.ie", "A", "timeout", "");
	assert_int_equal(judge(&b)->verdict, HOST_UNKNOWN);
	assert_false(b.v.allbad);
	name(&b, "p25san1", "here.firm.ie");
	answer(&b, "here.firm.ie", "A", "noerror", "\"192.0.2.7\"");
	assert_int_equal(judge(&b)->verdict, HOST_GOOD);
	assert_int_equal(b.v.n, 3);
	bench_fini(&b);
}

static void
test_ptr(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "192.0.2.7");
	answer(&b, "7.2.0.192.in-addr.arpa", "PTR", "noerror",
	    "\"zz.firm.ie\",\"mm.firm.ie\",\"aa.firm.ie\"");
	answer(&b, "aa.firm.ie", "A", "nxdomain", "");
	answer(&b, "mm.firm.ie", "A", "noerror", "\"192.0.2.7\"");
	answer(&b, "zz.firm.ie", "A", "noerror", "\"192.0.2.7\"");
	judge(&b);
	assert_string_equal(b.v.rdns, "mm.firm.ie");
	assert_int_equal(b.v.n, 1);
	assert_true(b.v.names[0].ref == VERDICT_RDNS);
	assert_int_equal(b.v.names[0].verdict, NAME_GOOD);
	/* None leads back: the alphabetically first. */
	answer(&b, "mm.firm.ie", "A", "noerror", "\"192.0.2.8\"");
	answer(&b, "zz.firm.ie", "A", "timeout", "");
	judge(&b);
	assert_string_equal(b.v.rdns, "aa.firm.ie");
	assert_int_equal(b.v.names[0].verdict, NAME_NXDOMAIN);
	bench_fini(&b);
}

static void
test_failed_ptr_is_no_name(void **state)
{
	static const char *const outcomes[] = { "servfail", "refused", "timeout", "nodata",
		"nxdomain" };

	(void)state;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		struct bench b;

		bench_init(&b, "192.0.2.7");
		answer(&b, "7.2.0.192.in-addr.arpa", "PTR", outcomes[i], "");
		judge(&b);
		assert_null(b.v.rdns);
		assert_non_null(b.v.ptr);
		assert_int_equal(b.v.n, 0);
		assert_int_equal(b.v.verdict, HOST_NONE);
		assert_true(b.v.allbad);
		bench_fini(&b);
	}
}

static void
test_ptr_that_is_no_host_name(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "192.0.2.7");
	answer(&b, "7.2.0.192.in-addr.arpa", "PTR", "noerror", "\"localhost\"");
	judge(&b);
	assert_string_equal(b.v.rdns, "localhost");
	assert_int_equal(b.v.n, 0);
	assert_int_equal(b.v.verdict, HOST_NONE);
	bench_fini(&b);
}

static void
test_questions(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "192.0.2.7");
	name(&b, "banner", "mx.firm.ie");
	name(&b, "p25dn", "*.firm.ie");
	name(&b, "p25san0", "six.firm.ie");
	check_questions(&b, "7.2.0.192.in-addr.arpa/PTR mx.firm.ie/A six.firm.ie/A ");
	answer(&b, "7.2.0.192.in-addr.arpa", "PTR", "noerror", "\"p1.firm.ie\",\"p2.firm.ie\"");
	answer(&b, "mx.firm.ie", "A", "nodata", "");
	answer(&b, "six.firm.ie", "A", "servfail", "");
	check_questions(&b, "p1.firm.ie/A p2.firm.ie/A mx.firm.ie/AAAA ");
	answer(&b, "p1.firm.ie", "A", "nxdomain", "");
	answer(&b, "p2.firm.ie", "AAAA", "nxdomain", "");
	answer(&b, "mx.firm.ie", "AAAA", "noerror", "\"2001:db8::1\"");
	check_questions(&b, "");
	bench_fini(&b);
}

static void
test_questions_v6(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "2001:db8::7");
	name(&b, "banner", "mx.firm.ie");
	answer(&b, "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	    "PTR", "noerror", "\"p.firm.ie\"");
	check_questions(&b, "p.firm.ie/AAAA mx.firm.ie/AAAA ");
	answer(&b, "p.firm.ie", "AAAA", "nodata", "");
	answer(&b, "mx.firm.ie", "A", "nxdomain", "");
	check_questions(&b, "p.firm.ie/A ");
	bench_fini(&b);
}

static void
check_after(struct bench *b, const char *q, enum dns_type type, const char *expected)
{
	const struct answer *a = answers_get(b->t, q, type);
	struct buf got;

	assert_non_null(a);
	buf_init(&got);
	questions_after(b->t, a, on_question, &got);
	assert_string_equal(got.data, expected);
	buf_fini(&got);
}

static void
test_questions_after(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "192.0.2.7");
	answer(&b, "7.2.0.192.in-addr.arpa", "PTR", "noerror", "\"p.firm.ie\",\"bad,name\"");
	check_after(&b, "7.2.0.192.in-addr.arpa", DNS_PTR, "p.firm.ie/A ");
	answer(&b, "p.firm.ie", "A", "nodata", "");
	check_after(&b, "p.firm.ie", DNS_A, "p.firm.ie/AAAA ");
	answer(&b, "p.firm.ie", "AAAA", "nodata", "");
	check_after(&b, "p.firm.ie", DNS_A, "");
	check_after(&b, "p.firm.ie", DNS_AAAA, "");
	answer(&b, "7.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR", "noerror", "\"q.firm.ie\"");
	check_after(&b, "7.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", DNS_PTR, "q.firm.ie/AAAA ");
	answer(&b, "q.firm.ie", "AAAA", "timeout", "");
	check_after(&b, "q.firm.ie", DNS_AAAA, "");
	bench_fini(&b);
}

static void
test_line(void **state)
{
	struct study_builder *builder = study_builder_new();
	struct host_name slow = { "slow.firm.ie", NAME_BANNER, 1, 0 };
	struct host line = { .ip = ip_from_v4(0xc0000207), .time = TIME_UNKNOWN };
	struct study *st;
	struct bench b;
	struct jsonw w;
	bool is_new;

	(void)state;
	bench_init(&b, "192.0.2.7");
	answer(&b, "7.2.0.192.in-addr.arpa", "PTR", "noerror", "\"mx.firm.ie\"");
	answer(&b, "mx.firm.ie", "A", "noerror", "\"203.0.113.1\",\"192.0.2.7\"");
	line.names = &slow;
	line.nnames = 1;
	study_builder_line(builder, &line, 12, &is_new);
	st = study_builder_finish(builder, b.t);
	jsonw_init(&w, NULL);
	output_verdict_line(&w, st, 0);
	assert_string_equal(w.out.data,
	    "{\"ip\":\"192.0.2.7\",\"ip_record\":12,\"verdict\":\"good\",\"names\":["
	    "{\"key\":\"rdns\",\"name\":\"mx.firm.ie\",\"verdict\":\"good\","
	    "\"addresses\":[\"192.0.2.7\",\"203.0.113.1\"]},"
	    "{\"key\":\"banner\",\"name\":\"slow.firm.ie\",\"verdict\":\"unknown\","
	    "\"addresses\":[]}]}\n");
	study_free(st);
	jsonw_fini(&w);
	bench_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_address_makes_good),
		cmocka_unit_test(test_bad_gives_lowest_address),
		cmocka_unit_test(test_outcomes_of_one_name),
		cmocka_unit_test(test_second_family),
		cmocka_unit_test(test_host_order),
		cmocka_unit_test(test_ptr),
		cmocka_unit_test(test_failed_ptr_is_no_name),
		cmocka_unit_test(test_ptr_that_is_no_host_name),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_questions_v6),
		cmocka_unit_test(test_questions_after),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
