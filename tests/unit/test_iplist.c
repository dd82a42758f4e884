#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/iplist.h"
#include "survey/lines.h"

static void
put_range(struct buf *out, const struct ip_range *r)
{
	char text[IP_STRLEN];

	buf_adds(out, ip_format(&r->lo, text));
	if (ip_cmp(&r->lo, &r->hi) != 0)
		buf_printf(out, "-%s", ip_format(&r->hi, text));
}

/* What each line of a list is: a range, =name, ? for a refusal, ! for a closed port. */
static char *
read_as(enum iplist_use use, const char *text)
{
	struct iplist *l = iplist_new(use);
	struct lines lines;
	struct buf out;
	char *line;
	size_t len;

	buf_init(&out);
	buf_adds(&out, "");
	lines_init(&lines, IPLIST_LINE_MAX);
	lines_feed(&lines, text, strlen(text));
	lines_feed(&lines, "", 0);
	while (lines_next(&lines, &line, &len) == LINES_LINE) {
		struct iplist_entry e;

		iplist_line(l, line, len, &e);
		if (e.kind == IPLIST_NOTHING)
			continue;
		if (out.len > 0)
			buf_addc(&out, ' ');
		if (e.kind == IPLIST_RANGE)
			put_range(&out, &e.range);
		else if (e.kind == IPLIST_NAME)
			buf_printf(&out, "=%s", e.name);
		else
			buf_printf(&out, "?%zu", strlen(e.why) > 0 ? lines.number : 0);
		if (e.closed)
			buf_addc(&out, '!');
	}
	lines_fini(&lines);
	iplist_free(l);
	return buf_steal(&out);
}

/* The same list as one to block, as one of targets, and as one of names. */
static void
test_forms(void **state)
{
	static const struct {
		const char *text, *block, *targets, *names;
	} cases[] = {
		{ "", "", "", "" },
		/* by hand, and as a Windows editor saves it */
		{ "\xef\xbb\xbf"
		  "198.18.10.11\r\n198.18.10.12\r\n",
		    "198.18.10.11 198.18.10.12", "198.18.10.11 198.18.10.12",
		    "198.18.10.11 198.18.10.12" },
		{ "# comment\n ; other\n\n \t\n 1.2.3.4 # a host\n5.0.0.0 - "
		  "5.0.0.9\n2a00::/16;SBL1\n",
		    "1.2.3.4 5.0.0.0-5.0.0.9 2a00::-2a00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "1.2.3.4 5.0.0.0-5.0.0.9 2a00::-2a00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "1.2.3.4 5.0.0.0-5.0.0.9 2a00::-2a00:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		/* what would block less than it says */
		{ "10.0.0.0 /8\n10.0.0.0 255.0.0.0\n10.0.0.0,10.0.0.9\n1.1.1.1 2.2.2.2\n",
		    "?1 ?2 ?3 ?4", "?1 ?2 ?3 ?4", "?1 ?2 ?3 ?4" },
		{ "10.1.2.3/8\n1.1.1.1/33\n5.0.0.9-5.0.0.1\n5.0.0.9-::1\n", "?1 ?2 ?3 ?4",
		    "?1 ?2 ?3 ?4", "?1 ?2 ?3 ?4" },
		/* columns without a header, and a hosts file */
		{ "1.2.3.4,25\n1.2.3.5\t25\n1.2.3.6 mx.example\n", "?1 ?2 ?3",
		    "1.2.3.4 1.2.3.5 1.2.3.6", "1.2.3.4 1.2.3.5 1.2.3.6" },
		/* ZMap's CSV */
		{ "saddr\n1.2.3.4\n1.2.3.5\n", "1.2.3.4 1.2.3.5", "1.2.3.4 1.2.3.5",
		    "1.2.3.4 1.2.3.5" },
		{ "daddr,saddr,success\n198.18.0.1,1.2.3.4,1\n198.18.0.1,1.2.3.5,0\n198.18.0.1\n",
		    "1.2.3.4 1.2.3.5! ?4", "1.2.3.4 1.2.3.5! ?4", "1.2.3.4 1.2.3.5! ?4" },
		{ "# by us\n\"IP\",\"note\"\n\"1.2.3.4\",\"a host\"\n", "1.2.3.4", "1.2.3.4",
		    "1.2.3.4" },
		{ "network,mask\n10.0.0.0,255.0.0.0\n", "?1 10.0.0.0", "?1 10.0.0.0",
		    "?1 10.0.0.0" },
		{ "start,end\n1.0.0.0,1.0.0.255\n", "?1 ?2", "?1 ?2", "=start,end ?2" },
		/* masscan -oL, -oJ, -oD */
		{ "#masscan\nopen tcp 25 1.2.3.4 1690000000\nclosed tcp 25 1.2.3.5 1690000000\n"
		  "banner tcp 25 1.2.3.6 1690000000 smtp 220 mx # ESMTP\n# end\n",
		    "1.2.3.4 1.2.3.5! 1.2.3.6", "1.2.3.4 1.2.3.5! 1.2.3.6",
		    "1.2.3.4 1.2.3.5! 1.2.3.6" },
		{ "[\n{ \"ip\": \"1.2.3.4\", \"ports\": [ {\"port\": 25, \"status\": \"open\"} ] "
		  "}\n,\n"
		  "{ \"ip\": \"1.2.3.5\", \"ports\": [ {\"port\": 25, \"status\": \"closed\"} ] "
		  "},\n"
		  "{finished: 1}\n]\n",
		    "1.2.3.4 1.2.3.5!", "1.2.3.4 1.2.3.5!", "1.2.3.4 1.2.3.5!" },
		{ "{\"ip\":\"1.2.3.4\",\"port\":25,\"data\":{\"status\":\"open\"}}\n"
		  "{\"ip\":\"1.2.3.5\",\"port\":25,\"data\":{\"status\":\"closed\"}}\n",
		    "1.2.3.4 1.2.3.5!", "1.2.3.4 1.2.3.5!", "1.2.3.4 1.2.3.5!" },
		/* ZMap's JSON, a record of ZGrab2, others */
		{ "{\"saddr\":\"1.2.3.4\",\"success\":1}\n{\"saddr\":\"1.2.3.5\",\"success\":0}\n"
		  "{\"ip\":\"2001:db8::1\",\"data\":{}}\n{\"ip\":7}\n{\"ip\":\"1.2.3.4\n{\"host\":"
		  "1}\n",
		    "1.2.3.4 1.2.3.5! 2001:db8::1 ?4 ?5 ?6",
		    "1.2.3.4 1.2.3.5! 2001:db8::1 ?4 ?5 ?6",
		    "1.2.3.4 1.2.3.5! 2001:db8::1 ?4 ?5 ?6" },
		{ "[{\"ip\":\"1.2.3.4\"},{\"ip\":\"1.2.3.5\"}]\n", "?1", "?1", "?1" },
		/* names */
		{ "mx1.example.ie\n-\n5-0.example\nopen.example\n{\"name\":\"mx2.example.ie\"}\n",
		    "?1 ?2 ?3 ?4 ?5", "?1 ?2 ?3 ?4 ?5",
		    "=mx1.example.ie =- =5-0.example =open.example =mx2.example.ie" },
		{ "id,domain\n7,mx.example\n8,1.2.3.4\n", "?1 ?2 ?3", "?1 ?2 ?3",
		    "=mx.example 1.2.3.4" },
		/* IPv4-mapped: ZGrab2's own list has the whole range */
		{ "\n# IPv4-mapped, IANA special registry\n::ffff:0:0/96\n::ffff:10.0.0.0/104\n",
		    "::ffff:0.0.0.0-::ffff:255.255.255.255 10.0.0.0-10.255.255.255",
		    "::ffff:0.0.0.0-::ffff:255.255.255.255 10.0.0.0-10.255.255.255",
		    "::ffff:0.0.0.0-::ffff:255.255.255.255 10.0.0.0-10.255.255.255" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *want[] = { cases[i].block, cases[i].targets, cases[i].names };

		for (int use = IPLIST_BLOCK; use <= IPLIST_NAMES; use++) {
			char *got = read_as((enum iplist_use)use, cases[i].text);

			if (strcmp(got, want[use]) != 0)
				fail_msg("use %d of\n%s\n gave: %s\n not:  %s", use, cases[i].text,
				    got, want[use]);
			free(got);
		}
	}
}

static void
write_text(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* What was told of the last refused list. */
static char told[4096];

static int
read_set(struct ipset *s, const char *path)
{
	struct refusals bad = { 0 };
	char *error;
	int rc = iplist_read_set(s, path, &bad, &error);

	assert_true((rc == 0) == (error == NULL));
	snprintf(told, sizeof(told), "%s", error != NULL ? error : "");
	for (size_t i = 0; i < bad.n && i < REFUSALS_TOLD; i++)
		snprintf(told + strlen(told), sizeof(told) - strlen(told), "\n%s", bad.told[i]);
	refusals_fini(&bad);
	free(error);
	return rc;
}

static void
test_read_set(void **state)
{
	static const char good[] = "\xef\xbb\xbf# comment\r\n 198.18.0.0/15 # lab\r\n\n"
				   "1.2.3.4;SBL1\n5.0.0.0 - 5.0.0.9\n2a00::/16\nfd00::1-fd00::f";
	static const char *const bad[][2] = {
		{ "10.1.2.3/8\n", ":1: \"10.1.2.3/8\": bits are set" },
		{ "1.1.1.1\n1.1.1.1/33\n", ":2: " },
		{ "mail.example\n", "no address" },
		{ "5.0.0.9-5.0.0.1\n", "ends before" },
		{ "5.0.0.9-::1\n", "one end of the range is IPv4" },
		{ "1.1.1.1 2.2.2.2\n", "more behind" },
		{ "a\nb\nc\nd\ne\n", "5 lines are refused" },
	};
	char path[] = "/tmp/test_iplist.XXXXXX", *text;
	const size_t long_len = IPLIST_LINE_MAX + 1;
	int fd = mkstemp(path);
	struct ipset s;
	struct ip ip;

	(void)state;
	assert_int_not_equal(fd, -1);
	close(fd);
	ipset_init(&s);
	write_text(path, good, sizeof(good) - 1);
	assert_int_equal(read_set(&s, path), 0);
	assert_int_equal(s.n, 5);
	assert_true(ip_parse("5.0.0.9", 7, &ip) && ipset_contains(&s, &ip));
	assert_true(ip_parse("fd00::10", 8, &ip) && !ipset_contains(&s, &ip));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_text(path, bad[i][0], strlen(bad[i][0]));
		assert_int_equal(read_set(&s, path), -1);
		assert_non_null(strstr(told, path));
		assert_non_null(strstr(told, bad[i][1]));
		assert_int_equal(s.n, 5); /* as it was */
	}
	write_text(path, "1.1.1.1\0\n", 9);
	assert_int_equal(read_set(&s, path), -1);
	assert_non_null(strstr(told, "a NUL byte"));
	text = malloc(long_len);
	memset(text, '1', long_len);
	write_text(path, text, long_len);
	free(text);
	assert_int_equal(read_set(&s, path), -1);
	assert_non_null(strstr(told, ":1: too long"));
	unlink(path);
	assert_int_equal(read_set(&s, path), -1);
	assert_non_null(strstr(told, "No such file"));
	/* A file that cannot be read to its end is no list, least of all an empty one. */
	assert_int_equal(read_set(&s, "/"), -1);
	assert_non_null(strstr(told, strerror(EISDIR)));
	assert_int_equal(s.n, 5);
	ipset_fini(&s);
}

static const char *
add(const struct ip_range *r, void *arg)
{
	if (ip_range_size(r) > 256)
		return "too many";
	put_range(arg, r);
	buf_addc(arg, ' ');
	return NULL;
}

static void
test_each(void **state)
{
	static const char text[] = "1.2.3.4\nx\n10.0.0.0/8\nclosed tcp 25 1.2.3.5 1\n1.2.3.0/24";
	char path[] = "/tmp/test_iplist.XXXXXX";
	struct refusals bad = { 0 };
	uint64_t closed;
	struct buf got;
	int fd = mkstemp(path);

	(void)state;
	assert_int_not_equal(fd, -1);
	close(fd);
	write_text(path, text, sizeof(text) - 1);
	buf_init(&got);
	assert_int_equal(iplist_each(path, add, &got, &bad, &closed), 0);
	assert_string_equal(got.data, "1.2.3.4 1.2.3.0-1.2.3.255 ");
	assert_int_equal(closed, 1);
	assert_int_equal(bad.n, 2);
	assert_non_null(strstr(bad.told[0], ":2: \"x\": no address"));
	assert_non_null(strstr(bad.told[1], ":3: \"10.0.0.0/8\": too many"));
	unlink(path);
	assert_int_equal(iplist_each(path, add, &got, &bad, &closed), -1);
	assert_int_equal(errno, ENOENT);
	refusals_fini(&bad);
	buf_fini(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_read_set),
		cmocka_unit_test(test_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
