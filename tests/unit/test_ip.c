#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
