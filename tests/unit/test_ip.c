#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/ip.h"

static struct ip
addr(const char *s)
{
	struct ip ip;

	assert_true(ip_parse(s, strlen(s), &ip));
	return ip;
}

static void
test_parse(void **state)
{
	static const char *const bad[] = { "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "300.1.1.1", "::g",
		"1.2.3.4 ", "fe80::1%eth0", "1.2.3.4/24" };
	char text[IP_STRLEN];
	struct ip ip;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ip_parse(bad[i], strlen(bad[i]), &ip));
	assert_false(ip_parse("1.2.3.4\0x", 9, &ip));
	ip = addr("::ffff:198.18.0.1");
	assert_string_equal(ip_format(&ip, text), "198.18.0.1");
	ip = addr("FD00:0:0::1");
	assert_string_equal(ip_format(&ip, text), "fd00::1");
}

static int
collect(const struct cidr *c, void *arg)
{
	char text[IP_STRLEN + 4];

	buf_printf(arg, "%s ", cidr_format(c, text));
	return 0;
}

/* Sets over 0.0.0.0/24 against a bitmap. */
static void
test_sets_against_bitmap(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 500; round++) {
		struct ipset a, b;
		bool in_a[256] = { false }, in_b[256] = { false };
		int op = rand() % 3;

		ipset_init(&a);
		ipset_init(&b);
		for (int k = 0; k < 12; k++) {
			uint32_t lo = (uint32_t)(rand() % 256), hi = lo + (uint32_t)(rand() % 20);
			struct ip l, h;

			if (hi > 255)
				hi = 255;
			l = ip_from_v4(lo);
			h = ip_from_v4(hi);
			ipset_add_range(k % 2 ? &a : &b, &l, &h);
			for (uint32_t i = lo; i <= hi; i++)
				(k % 2 ? in_a : in_b)[i] = true;
		}
		ipset_normalise(&a);
		ipset_normalise(&b);
		if (op == 0) {
			ipset_subtract(&a, &b);
		} else if (op == 1) {
			ipset_intersect(&a, &b);
		} else {
			ipset_add_set(&a, &b);
			ipset_normalise(&a);
		}
		for (uint32_t i = 0; i < 256; i++) {
			struct ip ip = ip_from_v4(i);
			bool want = op == 0   ? in_a[i] && !in_b[i]
				    : op == 1 ? in_a[i] && in_b[i]
					      : in_a[i] || in_b[i];

			assert_int_equal(ipset_contains(&a, &ip), want);
		}
		ipset_fini(&a);
		ipset_fini(&b);
	}
}

static void
test_each_cidr(void **state)
{
	struct ipset s;
	struct buf out;
	struct ip lo = addr("198.18.0.1"), hi = addr("198.18.1.0");

	(void)state;
	ipset_init(&s);
	buf_init(&out);
	ipset_add_range(&s, &lo, &hi);
	lo = addr("0.0.0.0");
	hi = addr("255.255.255.255");
	ipset_each_cidr(&s, collect, &out);
	assert_string_equal(out.data, "198.18.0.1/32 198.18.0.2/31 198.18.0.4/30 198.18.0.8/29 "
				      "198.18.0.16/28 198.18.0.32/27 198.18.0.64/26 "
				      "198.18.0.128/25 198.18.1.0/32 ");
	buf_clear(&out);
	ipset_add_range(&s, &lo, &hi);
	ipset_normalise(&s);
	assert_int_equal(s.n, 1);
	ipset_each_cidr(&s, collect, &out);
	assert_string_equal(out.data, "0.0.0.0/0 ");
	assert_true(ipset_count(&s, 4) == 4294967296.0);
	ipset_fini(&s);
	buf_fini(&out);
}

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint32_t
roll(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % n);
}

/* Address i of a small world that spans a carry in IPv4 and IPv6 and both ends of each family. */
static struct ip
world(uint32_t i)
{
	static const char *const base[] = { "0.0.0.0", "198.18.255.240", "255.255.255.224",
		"::", "2a00::ffff:ffff:fff0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffe0" };
	struct ip ip = addr(base[i / 32]);

	for (uint32_t k = 0; k < i % 32; k++)
		assert_true(ip_next(&ip));
	return ip;
}

#define WORLD (6 * 32)

static void
check_form(const struct ipset *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct ip after = s->r[i].hi;

		assert_int_equal(s->r[i].lo.family, s->r[i].hi.family);
		assert_true(ip_cmp(&s->r[i].lo, &s->r[i].hi) <= 0);
		if (i + 1 < s->n && ip_next(&after))
			assert_true(ip_cmp(&after, &s->r[i + 1].lo) < 0);
	}
}

static int
mark_cidr(const struct cidr *c, void *arg)
{
	bool *in = arg;
	struct ip last = cidr_last(c);

	for (uint32_t i = 0; i < WORLD; i++) {
		struct ip ip = world(i);

		if (ip_cmp(&ip, &c->ip) >= 0 && ip_cmp(&ip, &last) <= 0) {
			assert_false(in[i]); /* prefixes do not overlap */
			in[i] = true;
		}
	}
	return 0;
}

/* The set algebra over both families against a bitmap; every result is in normal form. */
static void
test_world_against_bitmap(void **state)
{
	(void)state;
	for (int round = 0; round < 600; round++) {
		struct ipset s[2];
		bool in[2][WORLD] = { { false } }, cidrs[WORLD] = { false };
		uint32_t op = roll(3);

		for (int k = 0; k < 2; k++) {
			ipset_init(&s[k]);
			for (uint32_t n = roll(14); n > 0; n--) {
				uint32_t block = roll(6) * 32, lo = roll(32);
				uint32_t hi = lo + roll(32 - lo);
				struct ip l = world(block + lo), h = world(block + hi);

				ipset_add_range(&s[k], &l, &h);
				for (uint32_t i = lo; i <= hi; i++)
					in[k][block + i] = true;
			}
			ipset_normalise(&s[k]);
			check_form(&s[k]);
		}
		if (op == 0) {
			ipset_subtract(&s[0], &s[1]);
		} else if (op == 1) {
			ipset_intersect(&s[0], &s[1]);
		} else {
			ipset_add_set(&s[0], &s[1]);
			ipset_normalise(&s[0]);
		}
		check_form(&s[0]);
		ipset_each_cidr(&s[0], mark_cidr, cidrs);
		for (uint32_t i = 0; i < WORLD; i++) {
			struct ip ip = world(i);
			bool want = op == 0   ? in[0][i] && !in[1][i]
				    : op == 1 ? in[0][i] && in[1][i]
					      : in[0][i] || in[1][i];

			assert_int_equal(ipset_contains(&s[0], &ip), want);
			assert_int_equal(cidrs[i], want);
		}
		ipset_fini(&s[0]);
		ipset_fini(&s[1]);
	}
}

/* In order or shuffled, whole or in pieces: the same set. */
static void
test_order_means_nothing(void **state)
{
	struct ipset whole, pieces;
	struct ip lo = addr("5.0.0.0"), hi = addr("5.0.3.255");

	(void)state;
	ipset_init(&whole);
	ipset_init(&pieces);
	ipset_add_range(&whole, &lo, &hi);
	for (uint32_t i = 0; i < 1024; i++) {
		struct ip ip = ip_from_v4(ip_to_v4(&lo) + (i * 5 + 3) % 1024);

		ipset_add_range(&pieces, &ip, &ip);
	}
	ipset_normalise(&pieces);
	assert_int_equal(pieces.n, 1);
	assert_int_equal(ip_cmp(&pieces.r[0].lo, &lo), 0);
	assert_int_equal(ip_cmp(&pieces.r[0].hi, &hi), 0);
	ipset_fini(&whole);
	ipset_fini(&pieces);
}

static void
test_empty_sets(void **state)
{
	struct ipset a, b;
	struct ip ip = addr("1.1.1.1");

	(void)state;
	ipset_init(&a);
	ipset_init(&b);
	ipset_normalise(&a);
	ipset_subtract(&a, &b);
	ipset_intersect(&a, &b);
	ipset_add_set(&a, &b);
	assert_int_equal(a.n, 0);
	assert_false(ipset_contains(&a, &ip));
	assert_true(ipset_count(&a, 6) == 0.0);
	ipset_fini(&a);
	ipset_fini(&b);
}

static void
test_special_table(void **state)
{
	struct ipset s;
	struct ip ip;

	(void)state;
	ipset_init(&s);
	ipset_add_reserved(&s);
	check_form(&s);
	for (size_t i = 0; i < ip_special_count; i++) {
		const struct ip_special *row = &ip_special_table[i];
		struct cidr c;

		assert_true(cidr_parse(row->network, strlen(row->network), &c));
		assert_true(ipset_contains(&s, &c.ip));
		assert_non_null(strstr(row->source, "RFC "));
	}
	/* Of IPv6 only 2000::/3 can be left. */
	ip = addr("1fff:ffff::");
	assert_true(ipset_contains(&s, &ip));
	ip = addr("4000::");
	assert_true(ipset_contains(&s, &ip));
	ip = addr("2001:db8::1");
	assert_string_equal(ip_special_find(&ip)->source, "RFC 3849");
	ip = addr("198.18.0.1");
	assert_string_equal(ip_special_find(&ip)->purpose, "benchmarking");
	ip = addr("255.255.255.255");
	assert_string_equal(ip_special_find(&ip)->purpose, "limited broadcast");
	ip = addr("193.1.1.1");
	assert_null(ip_special_find(&ip));
	ipset_fini(&s);
}

/* A part of ::ffff:0:0/96 is IPv4; the whole is the special range, and no 0.0.0.0/0. */
static void
test_mapped(void **state)
{
	static const struct {
		const char *text, *lo, *hi;
		int family;
	} good[] = {
		{ "::ffff:0:0/96", "::ffff:0.0.0.0", "::ffff:255.255.255.255", 6 },
		{ "::ffff:0:0-::ffff:ffff:ffff", "::ffff:0.0.0.0", "::ffff:255.255.255.255", 6 },
		{ "::ffff:0:0/97", "0.0.0.0", "127.255.255.255", 4 },
		{ "::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255", 4 },
		{ "::ffff:192.0.2.7/128", "192.0.2.7", "192.0.2.7", 4 },
		{ "::FFFF:c000:207", "192.0.2.7", "192.0.2.7", 4 },
		{ "::ffff:10.0.0.1 - ::ffff:10.0.0.9", "10.0.0.1", "10.0.0.9", 4 },
		{ "::ffff:0.0.0.1-::ffff:255.255.255.255", "0.0.0.1", "255.255.255.255", 4 },
		{ "::/8", "::", "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6 },
		{ "::ffff:0:0:0/96", "::ffff:0:0:0", "::ffff:0:ffff:ffff", 6 }, /* RFC 2765 */
	};
	static const char *const bad[] = { "::ffff:0:0/95", "::ffff:10.0.0.1/104",
		"::ffff:1.2.3.4/129", "::-::ffff:10.0.0.1", "::ffff:10.0.0.1-2001:db8::1",
		"10.0.0.1-::ffff:10.0.0.9", "::ffff:10.0.0.9-::ffff:10.0.0.1" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[IP_STRLEN];
		struct ip_range r;

		assert_null(ip_range_parse(good[i].text, strlen(good[i].text), &r));
		assert_int_equal(r.lo.family, good[i].family);
		assert_int_equal(r.hi.family, good[i].family);
		assert_string_equal(ip_format(&r.lo, text), good[i].lo);
		assert_string_equal(ip_format(&r.hi, text), good[i].hi);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ip_range r;

		assert_non_null(ip_range_parse(bad[i], strlen(bad[i]), &r));
	}
}

static void
test_range_size(void **state)
{
	static const struct {
		const char *text;
		uint64_t n;
	} cases[] = {
		{ "192.0.2.7", 1 },
		{ "192.0.2.0/24", 256 },
		{ "0.0.0.0/0", UINT64_C(1) << 32 },
		{ "10.0.0.250-10.0.1.3", 10 },
		{ "2001:db8::/64", UINT64_MAX },
		{ "2001:db8::/65", UINT64_C(1) << 63 },
		{ "2001:db8::/63", UINT64_MAX },
		{ "2001:db8::ffff-2001:db8::1:0", 2 },
		{ "::/0", UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_range r;

		assert_null(ip_range_parse(cases[i].text, strlen(cases[i].text), &r));
		assert_true(ip_range_size(&r) == cases[i].n);
	}
}

static void
test_cidr_parse(void **state)
{
	static const char *const good[] = { "0.0.0.0/0", "::/0", "1.2.3.4/32", "1.2.3.4",
		"2001:db8::/32", "::1/128", "128.0.0.0/1" };
	static const char *const bad[] = { "", "/", "/8", "1.2.3.0/", "1.2.3.0/24 ", "1.2.3.0/33",
		"1.2.3.0/0024", "::/129", "1.2.3.4/31x", "1.2.3.0/-1", "1.2.3.0/+24", "1.2.3.1/24",
		"2001:db8::1/32", "1.2.3/24", "1.2.3.0/24/24" };
	char text[IP_STRLEN + 4];
	struct cidr c, again;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(cidr_parse(good[i], strlen(good[i]), &c));
		cidr_format(&c, text);
		assert_true(cidr_parse(text, strlen(text), &again));
		assert_int_equal(c.len, again.len);
		assert_int_equal(ip_cmp(&c.ip, &again.ip), 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cidr_parse(bad[i], strlen(bad[i]), &c));
}

/* Formatting then parsing gives the address back, whatever its bytes. */
static void
test_round_trip(void **state)
{
	char text[IP_STRLEN];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct ip ip = { .family = i % 2 ? 4 : 6 }, back;

		for (int k = 0; k < (ip.family == 4 ? 4 : 16); k++)
			ip.a[k] = roll(3) == 0 ? 0 : (uint8_t)roll(256);
		ip_format(&ip, text);
		assert_true(ip_parse(text, strlen(text), &back));
		assert_int_equal(ip_cmp(&ip, &back), 0);
	}
}

static void
test_reserved(void **state)
{
	static const char *const in[] = { "127.0.0.1", "10.1.2.3", "198.19.255.255", "224.0.0.1",
		"255.255.255.255", "::1", "fd00::1", "2001:db8::1", "2002::1", "fe80::1" };
	static const char *const out[] = { "8.8.8.8", "198.20.0.0", "172.32.0.0", "2a00:1450::1",
		"2600::1" };
	struct ipset s;
	struct ip ip;

	(void)state;
	ipset_init(&s);
	ipset_add_reserved(&s);
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		ip = addr(in[i]);
		assert_true(ipset_contains(&s, &ip));
	}
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		ip = addr(out[i]);
		assert_false(ipset_contains(&s, &ip));
	}
	ipset_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_sets_against_bitmap),
		cmocka_unit_test(test_each_cidr),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_world_against_bitmap),
		cmocka_unit_test(test_order_means_nothing),
		cmocka_unit_test(test_empty_sets),
		cmocka_unit_test(test_special_table),
		cmocka_unit_test(test_mapped),
		cmocka_unit_test(test_range_size),
		cmocka_unit_test(test_cidr_parse),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
