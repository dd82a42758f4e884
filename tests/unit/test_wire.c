#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "dns/wire.h"

#define ID 0x1234

/* A message under construction. */
struct msg {
	uint8_t b[WIRE_MESSAGE_MAX];
	size_t len;
};

static struct msg m;
static struct wire_result r;

static void
u8(unsigned v)
{
	assert_true(m.len < sizeof(m.b));
	m.b[m.len++] = (uint8_t)v;
}

static void
u16(unsigned v)
{
	u8(v >> 8);
	u8(v & 255);
}

static void
u32(unsigned v)
{
	u16(v >> 16);
	u16(v & 0xffff);
}

static void
bytes(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		u8(((const uint8_t *)p)[i]);
}

static void
dname(const char *s)
{
	while (*s != '\0') {
		size_t n = strcspn(s, ".");

		u8((unsigned)n);
		bytes(s, n);
		s += n + (s[n] == '.');
	}
	u8(0);
}

static size_t
dname_len(const char *s)
{
	return *s == '\0' ? 1 : strlen(s) + 2;
}

/* Header and question; counts are added by the record functions. */
static void
start(unsigned flags, const char *qname, unsigned type)
{
	m.len = 0;
	u16(ID);
	u16(flags);
	u16(1);
	u16(0);
	u16(0);
	u16(0);
	dname(qname);
	u16(type);
	u16(1);
}

static void
count(size_t at)
{
	unsigned n = ((unsigned)m.b[at] << 8 | m.b[at + 1]) + 1;

	m.b[at] = (uint8_t)(n >> 8);
	m.b[at + 1] = (uint8_t)n;
}

static void
record(const char *owner, unsigned type, unsigned rdlen)
{
	count(6);
	dname(owner);
	u16(type);
	u16(1);
	u32(300);
	u16(rdlen);
}

static void
rr_a(const char *owner, unsigned addr)
{
	record(owner, 1, 4);
	u32(addr);
}

static void
rr_name(const char *owner, unsigned type, const char *target)
{
	record(owner, type, (unsigned)dname_len(target));
	dname(target);
}

static void
opt(unsigned rcode_high, unsigned rdlen)
{
	count(10);
	u8(0);
	u16(41);
	u16(1232);
	u8(rcode_high);
	u8(0);
	u16(0);
	u16(rdlen);
}

static enum wire_status
parse(const char *name, enum dns_type type)
{
	/* A copy of the exact size, so that a sanitizer sees every read past its end. */
	uint8_t *copy = malloc(m.len + 1);
	enum wire_status status;

	memcpy(copy, m.b, m.len);
	copy = realloc(copy, m.len > 0 ? m.len : 1);
	status = wire_parse(&r, copy, m.len, ID, name, type);
	free(copy);
	return status;
}

static void
check_answer(enum dns_outcome outcome, size_t addrs, size_t names, size_t cnames)
{
	assert_int_equal(r.outcome, outcome);
	assert_int_equal(r.naddrs, addrs);
	assert_int_equal(r.nnames, names);
	assert_int_equal(r.ncnames, cnames);
}

static void
test_query(void **state)
{
	static const uint8_t expected[] = "\x12\x34\x01\x20\x00\x01\x00\x00\x00\x00\x00\x01"
					  "\x03mx1\x04"
					  "firm\x02ie\x00\x00\x1c\x00\x01"
					  "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
	uint8_t out[WIRE_QUERY_MAX];
	char name[256];

	(void)state;
	assert_int_equal(wire_query(out, ID, "mx1.firm.ie", DNS_AAAA), sizeof(expected) - 1);
	assert_memory_equal(out, expected, sizeof(expected) - 1);
	assert_int_equal(wire_id(out), ID);
	assert_int_equal(wire_query(out, ID, "", DNS_A), 0);
	assert_int_equal(wire_query(out, ID, "a..b", DNS_A), 0);
	assert_int_equal(wire_query(out, ID, "a.b.", DNS_A), 0);
	/* The longest name and the longest label, and one more. */
	memset(name, 'a', sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	assert_int_equal(wire_query(out, ID, name, DNS_A), WIRE_QUERY_MAX);
	name[253] = 'a';
	name[254] = '\0';
	assert_int_equal(wire_query(out, ID, name, DNS_A), 0);
	memset(name, 'a', 64);
	name[64] = '\0';
	assert_int_equal(wire_query(out, ID, name, DNS_A), 0);
}

static void
test_addresses(void **state)
{
	(void)state;
	start(0x8180, "MX1.Firm.ie", 1);
	rr_a("mx1.firm.IE", 0xc0000209);
	rr_a("mx1.firm.ie", 0xc0000201);
	rr_a("mx1.firm.ie", 0xc0000209);
	rr_a("other.firm.ie", 0xc0000202); /* nobody asked */
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 2, 0, 0);
	assert_int_equal(ip_to_v4(&r.addrs[0]), 0xc0000201);
	assert_int_equal(ip_to_v4(&r.addrs[1]), 0xc0000209);
	assert_int_equal(r.ede, DNS_EDE_NONE);
}

static void
test_aaaa(void **state)
{
	static const uint8_t six[16] = { 0x20, 1, 0xd, 0xb8, [15] = 7 };
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 };
	char text[IP_STRLEN];

	(void)state;
	start(0x8180, "mx1.firm.ie", 28);
	record("mx1.firm.ie", 28, 16);
	bytes(six, 16);
	record("mx1.firm.ie", 28, 16);
	bytes(mapped, 16);
	assert_int_equal(parse("mx1.firm.ie", DNS_AAAA), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 2, 0, 0);
	assert_string_equal(ip_format(&r.addrs[0], text), "192.0.2.1");
	assert_string_equal(ip_format(&r.addrs[1], text), "2001:db8::7");
}

static void
test_chain(void **state)
{
	(void)state;
	/* Out of order, and with compression. */
	start(0x8180, "www.firm.ie", 1);
	rr_a("c.firm.ie", 0xc0000201);
	rr_name("b.firm.ie", 5, "C.firm.ie");
	count(6);
	u16(0xc00c);
	u16(5);
	u16(1);
	u32(300);
	u16(4);
	u8(1);
	u8('b');
	u16(0xc000 | (12 + 4)); /* firm.ie of the question */
	assert_int_equal(parse("www.firm.ie", DNS_A), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 1, 0, 2);
	assert_string_equal(r.cnames[0], "b.firm.ie");
	assert_string_equal(r.cnames[1], "c.firm.ie");
	/* The chain ends in a name that does not exist, or has no address. */
	start(0x8183, "www.firm.ie", 1);
	rr_name("www.firm.ie", 5, "gone.firm.ie");
	assert_int_equal(parse("www.firm.ie", DNS_A), WIRE_ANSWER);
	check_answer(DNS_NXDOMAIN, 0, 0, 1);
	start(0x8180, "www.firm.ie", 1);
	rr_name("www.firm.ie", 5, "six.firm.ie");
	assert_int_equal(parse("www.firm.ie", DNS_A), WIRE_ANSWER);
	check_answer(DNS_NODATA, 0, 0, 1);
}

static void
test_chain_loops(void **state)
{
	char a[32], b[32];

	(void)state;
	start(0x8180, "a.firm.ie", 1);
	rr_name("a.firm.ie", 5, "b.firm.ie");
	rr_name("b.firm.ie", 5, "a.firm.ie");
	assert_int_equal(parse("a.firm.ie", DNS_A), WIRE_MALFORMED);
	for (unsigned links = WIRE_CNAME_MAX; links <= WIRE_CNAME_MAX + 1; links++) {
		start(0x8180, "h0.ie", 1);
		for (unsigned i = 0; i < links; i++) {
			snprintf(a, sizeof(a), "h%u.ie", i);
			snprintf(b, sizeof(b), "h%u.ie", i + 1);
			rr_name(a, 5, b);
		}
		rr_a(b, 0xc0000201);
		assert_int_equal(
		    parse("h0.ie", DNS_A), links == WIRE_CNAME_MAX ? WIRE_ANSWER : WIRE_MALFORMED);
	}
}

static void
test_ptr(void **state)
{
	(void)state;
	start(0x8180, "1.2.0.192.in-addr.arpa", 12);
	rr_name("1.2.0.192.in-addr.arpa", 5, "1.0-31.2.0.192.in-addr.arpa");
	rr_name("1.0-31.2.0.192.in-addr.arpa", 12, "MX2.firm.ie");
	rr_name("1.0-31.2.0.192.in-addr.arpa", 12, "mx1.firm.ie");
	rr_name("1.0-31.2.0.192.in-addr.arpa", 12, "mx2.FIRM.ie");
	rr_name("1.0-31.2.0.192.in-addr.arpa", 12, "");
	assert_int_equal(parse("1.2.0.192.in-addr.arpa", DNS_PTR), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 0, 2, 1);
	assert_string_equal(r.names[0], "mx1.firm.ie");
	assert_string_equal(r.names[1], "mx2.firm.ie");
}

static void
test_odd_octets(void **state)
{
	(void)state;
	start(0x8180, "1.2.0.192.in-addr.arpa", 12);
	record("1.2.0.192.in-addr.arpa", 12, 13);
	bytes("\x06"
	      "a.b\\\x00\n\x02"
	      "\xff\"\x01"
	      "c\x00",
	    13);
	assert_int_equal(parse("1.2.0.192.in-addr.arpa", DNS_PTR), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 0, 1, 0);
	assert_string_equal(r.names[0], "a\\.b\\\\\\000\\010.\\255\".c");
}

static void
test_outcomes(void **state)
{
	static const struct {
		unsigned rcode, high;
		enum dns_outcome outcome;
	} rows[] = {
		{ 0, 0, DNS_NODATA }, { 3, 0, DNS_NXDOMAIN }, { 2, 0, DNS_SERVFAIL },
		{ 5, 0, DNS_REFUSED }, { 1, 0, DNS_SERVFAIL }, { 4, 0, DNS_SERVFAIL },
		{ 0, 1, DNS_SERVFAIL }, /* BADVERS */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(0x8180 | rows[i].rcode, "mx1.firm.ie", 1);
		opt(rows[i].high, 0);
		assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_ANSWER);
		check_answer(rows[i].outcome, 0, 0, 0);
		assert_int_equal(r.rcode, rows[i].high << 4 | rows[i].rcode);
	}
}

static void
test_ede(void **state)
{
	struct answer a = { 0 };

	(void)state;
	start(0x8182, "mx1.firm.ie", 1);
	opt(0, 4 + 2 + 4 + 2 + 8 + 4 + 2);
	u16(10); /* a cookie first */
	u16(2);
	u16(0xabcd);
	u16(15);
	u16(10);
	u16(22);
	bytes("no \xc3\xbc ns", 8);
	u16(15);
	u16(2);
	u16(6);
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_ANSWER);
	wire_result_answer(&r, &a);
	assert_int_equal(a.outcome, DNS_SERVFAIL);
	assert_int_equal(a.ede, 22);
	assert_string_equal(a.ede_text, "no \xc3\xbc ns");
	/* The next message has none of it. */
	start(0x8182, "mx1.firm.ie", 1);
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_ANSWER);
	wire_result_answer(&r, &a);
	assert_int_equal(a.ede, DNS_EDE_NONE);
	assert_null(a.ede_text);
	/* A text that is not UTF-8 is dropped, the code stays; a length past the end is none. */
	start(0x8182, "mx1.firm.ie", 1);
	opt(0, 8);
	u16(15);
	u16(4);
	u16(9);
	u16(0xfffe);
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_ANSWER);
	wire_result_answer(&r, &a);
	assert_int_equal(a.ede, 9);
	assert_null(a.ede_text);
	start(0x8182, "mx1.firm.ie", 1);
	opt(0, 6);
	u16(15);
	u16(200);
	u16(9);
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_ANSWER);
	assert_int_equal(r.ede, DNS_EDE_NONE);
}

static void
good(void)
{
	start(0x8180, "mx1.firm.ie", 1);
	rr_a("mx1.firm.ie", 0xc0000201);
}

static void
test_not_ours(void **state)
{
	(void)state;
	good();
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_ANSWER);
	assert_int_equal(parse("mx2.firm.ie", DNS_A), WIRE_WRONG_QUESTION);
	assert_int_equal(parse("mx1.firm.i", DNS_A), WIRE_WRONG_QUESTION);
	assert_int_equal(parse("amx1.firm.ie", DNS_A), WIRE_WRONG_QUESTION);
	assert_int_equal(parse("mx1.firm.ie", DNS_AAAA), WIRE_WRONG_QUESTION);
	m.b[1] ^= 1;
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_WRONG_ID);
	good();
	m.b[2] &= 0x7f;
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_NOT_RESPONSE);
	good();
	m.b[2] |= 0x28;
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_NOT_RESPONSE);
	good();
	m.b[28] = 3; /* class CH */
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_WRONG_QUESTION);
	good();
	m.b[5] = 0;
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_WRONG_QUESTION);
	good();
	m.b[5] = 2;
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_WRONG_QUESTION);
	good();
	m.b[2] |= 2;
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_TRUNCATED);
}

static void
test_malformed(void **state)
{
	(void)state;
	/* A pointer to itself, and two that point at each other. */
	start(0x8180, "mx1.firm.ie", 1);
	count(6);
	u16(0xc000 | (unsigned)m.len);
	u16(1);
	u16(1);
	u32(300);
	u16(4);
	u32(0xc0000201);
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_MALFORMED);
	start(0x8180, "mx1.firm.ie", 1);
	count(6);
	u16(0xc000 | (unsigned)(m.len + 2));
	u16(0xc000 | (unsigned)(m.len - 2));
	u16(1);
	u32(300);
	u16(4);
	u32(0xc0000201);
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_MALFORMED);
	/* An address of 3 bytes, with another record behind it. */
	start(0x8180, "mx1.firm.ie", 1);
	record("mx1.firm.ie", 1, 3);
	bytes("\1\2\3", 3);
	rr_a("mx1.firm.ie", 0xc0000201);
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_MALFORMED);
	/* A CNAME in another class leads nowhere. */
	start(0x8180, "mx1.firm.ie", 1);
	rr_name("mx1.firm.ie", 5, "b.ie");
	m.b[m.len - (dname_len("b.ie") + 2 + 4 + 1)] = 3;
	rr_a("b.ie", 0xc0000201);
	assert_int_equal(parse("mx1.firm.ie", DNS_A), WIRE_ANSWER);
	check_answer(DNS_NODATA, 0, 0, 0);
}

static void
rr_mx(const char *owner, unsigned preference, const char *target)
{
	record(owner, 15, (unsigned)dname_len(target) + 2);
	u16(preference);
	dname(target);
}

static void
test_mx(void **state)
{
	(void)state;
	start(0x81a0, "firm.ie", 15);
	rr_mx("firm.ie", 20, "MX2.firm.ie");
	rr_mx("firm.ie", 10, "mx1.firm.ie");
	rr_mx("firm.ie", 20, "mx2.firm.ie");
	rr_mx("other.ie", 5, "not.ours.ie");
	assert_int_equal(parse("firm.ie", DNS_MX), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 0, 2, 0);
	assert_string_equal(r.names[0], "10 mx1.firm.ie");
	assert_string_equal(r.names[1], "20 mx2.firm.ie");
	assert_true(r.ad);
	/* Null MX: no mail, which is an answer. */
	start(0x8180, "firm.ie", 15);
	rr_mx("firm.ie", 0, "");
	assert_int_equal(parse("firm.ie", DNS_MX), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 0, 1, 0);
	assert_string_equal(r.names[0], "0 .");
	assert_false(r.ad);
	/* A chain, and labels that hold what is no part of a name. */
	start(0x8180, "firm.ie", 15);
	rr_name("firm.ie", 5, "b.ie");
	record("b.ie", 15, 2 + 6 + 4);
	u16(1);
	bytes("\5a.\\ \n\2ie", 10);
	assert_int_equal(parse("firm.ie", DNS_MX), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 0, 1, 1);
	assert_string_equal(r.names[0], "1 a\\.\\\\\\032\\010.ie");
	/* Nothing but a preference is no record. */
	start(0x8180, "firm.ie", 15);
	record("firm.ie", 15, 2);
	u16(1);
	assert_int_equal(parse("firm.ie", DNS_MX), WIRE_MALFORMED);
}

static void
test_hundred_mx(void **state)
{
	char name[32];

	(void)state;
	start(0x8180, "firm.ie", 15);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "mx%u.firm.ie", i);
		rr_mx("firm.ie", 10, name);
	}
	assert_int_equal(parse("firm.ie", DNS_MX), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 0, 100, 0);
}

static void
test_tlsa(void **state)
{
	(void)state;
	start(0x81a0, "_25._tcp.mx.firm.ie", 52);
	record("_25._tcp.mx.firm.ie", 52, 3 + 32);
	bytes("\3\1\1", 3);
	for (unsigned i = 0; i < 32; i++)
		u8(i * 8);
	record("_25._tcp.mx.firm.ie", 52, 3 + 1);
	bytes("\377\0\2\253", 4);
	assert_int_equal(parse("_25._tcp.mx.firm.ie", DNS_TLSA), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 0, 2, 0);
	assert_string_equal(r.names[0], "255 0 2 ab");
	assert_string_equal(
	    r.names[1], "3 1 1 0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8");
	assert_true(r.ad);
	start(0x8180, "_25._tcp.mx.firm.ie", 52);
	record("_25._tcp.mx.firm.ie", 52, 2);
	bytes("\3\1", 2);
	assert_int_equal(parse("_25._tcp.mx.firm.ie", DNS_TLSA), WIRE_MALFORMED);
}

static void
test_txt(void **state)
{
	(void)state;
	start(0x8180, "_mta-sts.firm.ie", 16);
	record("_mta-sts.firm.ie", 16, 1 + 8 + 1 + 0 + 1 + 5);
	bytes("\10v=STSv1;", 9);
	u8(0);
	bytes("\5id=\\\n", 6);
	record("_mta-sts.firm.ie", 16, 1);
	u8(0);
	assert_int_equal(parse("_mta-sts.firm.ie", DNS_TXT), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 0, 2, 0);
	assert_string_equal(r.names[0], "");
	assert_string_equal(r.names[1], "v=STSv1;id=\\\\\\010");
	/* A string that is longer than its record. */
	start(0x8180, "_mta-sts.firm.ie", 16);
	record("_mta-sts.firm.ie", 16, 3);
	bytes("\11ab", 3);
	assert_int_equal(parse("_mta-sts.firm.ie", DNS_TXT), WIRE_MALFORMED);
}

/* Cut anywhere, a message is no answer; with any byte changed, it breaks nothing. */
static void
test_cuts_and_flips(void **state)
{
	size_t len;

	(void)state;
	start(0x8180, "www.firm.ie", 12);
	rr_name("www.firm.ie", 5, "b.firm.ie");
	rr_name("b.firm.ie", 12, "mx1.firm.ie");
	opt(0, 6);
	u16(15);
	u16(2);
	u16(9);
	len = m.len;
	assert_int_equal(parse("www.firm.ie", DNS_PTR), WIRE_ANSWER);
	for (m.len = 0; m.len < len; m.len++)
		assert_int_not_equal(parse("www.firm.ie", DNS_PTR), WIRE_ANSWER);
	for (size_t at = 0; at < len; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			m.b[at] ^= (uint8_t)(1u << bit);
			if (parse("www.firm.ie", DNS_PTR) == WIRE_ANSWER)
				assert_true(r.outcome < DNS_NOUTCOMES);
			m.b[at] ^= (uint8_t)(1u << bit);
		}
	}
}

static void
test_two_thousand(void **state)
{
	(void)state;
	start(0x8180, "big.firm.ie", 1);
	for (unsigned i = 0; i < 2000; i++) {
		count(6);
		u16(0xc00c);
		u16(1);
		u16(1);
		u32(300);
		u16(4);
		u32(0xc6120000 + (i * 7919) % 65536);
	}
	assert_int_equal(parse("big.firm.ie", DNS_A), WIRE_ANSWER);
	check_answer(DNS_NOERROR, 2000, 0, 0);
	for (size_t i = 1; i < r.naddrs; i++)
		assert_true(ip_cmp(&r.addrs[i - 1], &r.addrs[i]) < 0);
}

static int
setup(void **state)
{
	(void)state;
	wire_result_init(&r);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	wire_result_fini(&r);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_aaaa),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_chain_loops),
		cmocka_unit_test(test_ptr),
		cmocka_unit_test(test_odd_octets),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_ede),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_mx),
		cmocka_unit_test(test_hundred_mx),
		cmocka_unit_test(test_tlsa),
		cmocka_unit_test(test_txt),
		cmocka_unit_test(test_cuts_and_flips),
		cmocka_unit_test(test_two_thousand),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
