#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/domainlist.h"
#include "survey/mail.h"
#include "survey/mem.h"
#include "survey/refusals.h"

/* ---- lists of domains ---- */

static void
add_name(const char *name, void *arg)
{
	buf_printf(arg, "%s ", name);
}

/* The names that a text has, each with a blank; *bad: lines that were refused. */
static void
check_list(const char *text, size_t len, const char *names, uint64_t refused)
{
	struct refusals bad = { .n = 0 };
	FILE *f = tmpfile();
	struct buf got;

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(lseek(fileno(f), 0, SEEK_SET), 0);
	buf_init(&got);
	buf_adds(&got, "");
	assert_int_equal(domainlist_read(fileno(f), "list", add_name, &got, &bad), 0);
	assert_string_equal(got.len > 0 ? got.data : "", names);
	if (bad.n != refused)
		fail_msg("%llu lines refused, not %llu; the first: %s", (unsigned long long)bad.n,
		    (unsigned long long)refused, bad.n > 0 ? bad.told[0] : "");
	refusals_fini(&bad);
	buf_fini(&got);
	fclose(f);
}

#define CHECK(text, names, refused) check_list(text, sizeof(text) - 1, names, refused)

static void
test_list(void **state)
{
	(void)state;
	CHECK("", "", 0);
	CHECK("firm.ie\nFIRM2.ie.\r\n\n# firm3.ie\nb\xc3\xbc"
	      "cher.ie\n",
	    "firm.ie firm2.ie xn--bcher-kva.ie ", 0);
	CHECK("nodot\n*.firm.ie\n192.0.2.1\n10.0.0.0/8\na..ie\nfirm.local\n-a.ie\nok.ie", "ok.ie ",
	    7);
	CHECK("a\0b.ie\nok.ie\n", "ok.ie ", 1);
	CHECK("name,rank\nfirm.ie,1\n", "firm.ie ", 0);
}

static void
test_zone(void **state)
{
	(void)state;
	/* As transferred: whole names, every record a line. */
	CHECK("ie.\t3600\tin\tsoa\tns.ie. x.ie. 1 2 3 4 5\nie.\t3600\tin\tns\tns.ie.\n"
	      "firm.ie.\t3600\tin\tns\tns1.firm.ie.\nfirm.ie.\t3600\tin\tns\tns2.firm.ie.\n"
	      "firm.ie.\t3600\tin\tds\t1 8 2 AB\nns1.firm.ie. 3600 in a 192.0.2.1\n"
	      "FIRM2.ie. in ns x.\n",
	    "firm.ie firm2.ie ", 0);
	/* As written: origins, repeated owners, comments, parentheses, strings over lines. */
	CHECK("; a zone\n$ORIGIN ie.\n$TTL 1h\n@ IN SOA ns x ( 1 ; serial\n\t2 3\n 4 5 )\n"
	      "firm MX 10 mx ; (\n     MX 20 mx2\nmx A 192.0.2.1\n"
	      "t TXT \"( ; a\nstill MX text\" more\nother 300 IN MX 0 .\n$ORIGIN sub.ie.\n@ NS ns\n"
	      "deep\tNS\tns\nescaped\\046dot NS ns\nxn--bcher-kva 1h IN NS ns\n",
	    "firm.ie other.ie sub.ie deep.sub.ie xn--bcher-kva.sub.ie ", 1);
	/* Hostile ones: a bad line costs that line. */
	CHECK("$ORIGIN ie.\n$INCLUDE /etc/passwd\n$GENERATE 1-9 a$ NS x\n*.w NS x\na IN\n"
	      "_x..y NS z\n\0 NS x\nok NS x\n) NS x\nok2 NS x\n",
	    "ok.ie ok2.ie ", 6);
	CHECK("$TTL 5\nrelative NS x\n NS x\n@ NS x\n", "", 3);
	CHECK("a.ie. IN NS x (\nb.ie. NS x\n", "a.ie ", 0);
}

/* A name that is about as long as the origin leaves room for. */
static void
test_long_zone(void **state)
{
	char label[64], text[1024], names[256];

	(void)state;
	memset(label, 'a', 63);
	label[63] = '\0';
	snprintf(text, sizeof(text), "$ORIGIN %s.%s.%s.ie.\n%s NS x\n%s.%s NS x\nok NS x\n", label,
	    label, label, label, label, label);
	snprintf(names, sizeof(names), "ok.%s.%s.%s.ie ", label, label, label);
	check_list(text, strlen(text), names, 2);
}

/* ---- answers ---- */

static void
take_full(struct mail *m, const char *name, enum dns_type type, enum dns_outcome outcome, bool ad,
    const char *const *texts, size_t n)
{
	struct answer a = { .name = name,
		.type = type,
		.outcome = outcome,
		.ad = ad,
		.names = texts,
		.nnames = n };

	mail_take(m, &a);
}

#define TAKE(m, name, type, ad, ...)                                                              \
	do {                                                                                      \
		static const char *const texts[] = { __VA_ARGS__ };                               \
		take_full(m, name, type, DNS_NOERROR, ad, texts, sizeof(texts) / sizeof(*texts)); \
	} while (0)

static void
take_addresses(struct mail *m, const char *name, enum dns_type type, const char *text)
{
	struct ip ip;
	struct answer a = { .name = name, .type = type, .outcome = DNS_NODATA };

	if (text != NULL) {
		assert_true(ip_parse(text, strlen(text), &ip));
		a.addrs = &ip;
		a.naddrs = 1;
		a.outcome = DNS_NOERROR;
	}
	mail_take(m, &a);
}

static void
note(const char *name, enum dns_type type, void *arg)
{
	buf_printf(arg, "%s/%s ", name, dns_type_name(type));
}

static void
check_asks(const struct mail *m, uint32_t domain, bool again, const char *wanted)
{
	struct buf b;

	buf_init(&b);
	mail_ask_domain(m, domain, again, note, &b);
	assert_string_equal(b.len > 0 ? b.data : "", wanted);
	buf_fini(&b);
}

static void
check_host_asks(const struct mail *m, uint32_t host, bool again, const char *wanted)
{
	struct buf b;

	buf_init(&b);
	mail_ask_host(m, host, again, note, &b);
	assert_string_equal(b.len > 0 ? b.data : "", wanted);
	buf_fini(&b);
}

static void
test_routes(void **state)
{
	struct mail *m = mail_new();
	uint32_t d[9];

	(void)state;
	for (int i = 0; i < 9; i++) {
		char name[16];

		snprintf(name, sizeof(name), "d%d.ie", i);
		d[i] = mail_add_domain(m, name);
		assert_int_equal(mail_add_domain(m, name), d[i]);
	}
	TAKE(m, "d0.ie", DNS_MX, true, "20 b.ie", "10 a.ie", "30 a.ie");
	assert_int_equal(m->domains[d[0]].route, MAIL_MX);
	assert_int_equal(m->domains[d[0]].mx.n, 2);
	assert_string_equal(
	    mail_text(m, m->hosts[m->mx[m->domains[d[0]].mx.at].host].name), "a.ie");
	TAKE(m, "d1.ie", DNS_MX, false, "0 .");
	assert_int_equal(m->domains[d[1]].route, MAIL_NULL);
	assert_false(m->domains[d[1]].odd);
	TAKE(m, "d2.ie", DNS_MX, false, "0 .", "5 a.ie");
	assert_int_equal(m->domains[d[2]].route, MAIL_MX);
	assert_true(m->domains[d[2]].odd);
	TAKE(m, "d3.ie", DNS_MX, false, "10 192.0.2.1", "10 localhost", "x", "99999 a.ie", "10 ",
	    "10 a b.ie", "10 *.ie");
	assert_int_equal(m->domains[d[3]].route, MAIL_UNUSABLE);
	TAKE(m, "d4.ie", DNS_MX, false, "10 d4.ie");
	assert_true(m->domains[d[4]].self);
	take_full(m, "d5.ie", DNS_MX, DNS_NODATA, false, NULL, 0);
	assert_int_equal(m->domains[d[5]].route, MAIL_IMPLICIT);
	assert_string_equal(
	    mail_text(m, m->hosts[m->mx[m->domains[d[5]].mx.at].host].name), "d5.ie");
	take_full(m, "d6.ie", DNS_MX, DNS_NXDOMAIN, false, NULL, 0);
	assert_int_equal(m->domains[d[6]].route, MAIL_NXDOMAIN);
	take_full(m, "d7.ie", DNS_MX, DNS_SERVFAIL, false, NULL, 0);
	assert_int_equal(m->domains[d[7]].route, MAIL_UNKNOWN);
	/* What comes next, and what does not. */
	check_asks(m, d[0], false, "_mta-sts.d0.ie/TXT ");
	check_asks(m, d[1], false, "");
	check_asks(m, d[6], true, "");
	check_asks(m, d[7], false, "d7.ie/MX ");
	check_asks(m, d[7], true, "_mta-sts.d7.ie/TXT ");
	check_asks(m, d[8], false, "d8.ie/MX ");
	/* A later answer to the same question counts. */
	TAKE(m, "d0.ie", DNS_MX, false, "10 b.ie");
	assert_int_equal(m->domains[d[0]].mx.n, 1);
	assert_int_equal(m->hosts[mail_add_host(m, "a.ie")].domains, 1);
	TAKE(m, "unknown.ie", DNS_MX, false, "10 a.ie");
	assert_int_equal(m->ndomains, 9);
	mail_free(m);
}

static void
test_hosts(void **state)
{
	struct mail *m = mail_new();
	uint32_t d = mail_add_domain(m, "firm.ie"), a, b;
	struct mail_counts c;

	(void)state;
	TAKE(m, "firm.ie", DNS_MX, true, "10 a.ie", "20 b.ie");
	a = mail_add_host(m, "a.ie");
	b = mail_add_host(m, "b.ie");
	check_host_asks(m, a, false, "a.ie/A ");
	take_addresses(m, "a.ie", DNS_AAAA, "2001:db8::1");
	take_addresses(m, "a.ie", DNS_A, "192.0.2.1");
	assert_int_equal(m->hosts[a].addresses.n, 2);
	assert_int_equal(m->addresses[m->hosts[a].addresses.at].family, 4);
	check_host_asks(m, a, false, "_25._tcp.a.ie/TLSA ");
	take_full(m, "b.ie", DNS_A, DNS_NXDOMAIN, false, NULL, 0);
	check_host_asks(m, b, false, "");
	assert_int_equal(mail_domain_dane(m, d), DANE_UNKNOWN);
	TAKE(m, "_25._tcp.a.ie", DNS_TLSA, true, "3 1 1 ab", "256 1 1 ab", "3 1 1 abc", "3 1 1 zz",
	    "", "3 1 2 ", "3 1 1 a b c d");
	assert_int_equal(m->hosts[a].tlsa.n, 3);
	assert_int_equal(mail_domain_dane(m, d), DANE_PARTIAL);
	TAKE(m, "_25._tcp.b.ie", DNS_TLSA, true, "3 1 1 ab");
	assert_int_equal(mail_domain_dane(m, d), DANE_YES);
	TAKE(m, "firm.ie", DNS_MX, false, "10 a.ie", "20 b.ie");
	assert_int_equal(mail_domain_dane(m, d), DANE_UNPROVED);
	mail_count(m, &c);
	assert_int_equal(c.without_address, 1);
	assert_int_equal(c.hosts, 2);
	take_full(m, "_25._tcp.a.ie", DNS_TLSA, DNS_NODATA, false, NULL, 0);
	assert_int_equal(mail_host_dane(m, a), DANE_NO);
	mail_free(m);
}

/* Hosts that TLSA records are about, named by no domain. */
static void
test_tlsa_hosts(void **state)
{
	static const char *const text[] = { "3 1 1 ab" };
	static const char *const others[] = { "_443._tcp.a.ie", "_25._tcp.nodot", "_25._tcp.",
		"_25._tcp.192.0.2.1", "a.ie", "_25._tcp.a..ie" };
	struct answer a = { .type = DNS_TLSA, .names = text, .nnames = 1 };
	struct mail *m = mail_new();
	struct mail_counts c;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		a.name = others[i];
		mail_add_tlsa_host(m, &a);
	}
	a.name = "_25._tcp.a.ie";
	a.type = DNS_TXT;
	mail_add_tlsa_host(m, &a);
	a.type = DNS_TLSA;
	a.nnames = 0;
	mail_add_tlsa_host(m, &a);
	assert_int_equal(m->nhosts, 0);
	a.nnames = 1;
	mail_add_tlsa_host(m, &a);
	mail_add_tlsa_host(m, &a);
	assert_int_equal(m->nhosts, 1);
	assert_true(mail_is_empty(m));
	TAKE(m, "_25._tcp.a.ie", DNS_TLSA, false, "3 1 1 ab");
	assert_false(mail_is_empty(m));
	mail_count(m, &c);
	assert_int_equal(c.hosts, 0);
	take_full(m, "_25._tcp.a.ie", DNS_TLSA, DNS_NODATA, false, NULL, 0);
	assert_true(mail_is_empty(m));
	mail_add_domain(m, "firm.ie");
	assert_false(mail_is_empty(m));
	mail_free(m);
}

static void
test_sts(void **state)
{
	struct mail *m = mail_new();
	uint32_t d = mail_add_domain(m, "firm.ie");

	(void)state;
	TAKE(m, "_mta-sts.firm.ie", DNS_TXT, false, "v=STSv1; id=1", "v=spf1 -all");
	assert_int_equal(m->domains[d].sts, STS_YES);
	TAKE(m, "_mta-sts.firm.ie", DNS_TXT, false, "v=STSv1; id=1", "v=STSv1;id=2");
	assert_int_equal(m->domains[d].sts, STS_NO);
	TAKE(m, "_mta-sts.firm.ie", DNS_TXT, false, "v=STSv10; id=1");
	assert_int_equal(m->domains[d].sts, STS_NO);
	take_full(m, "_mta-sts.firm.ie", DNS_TXT, DNS_TIMEOUT, false, NULL, 0);
	assert_int_equal(m->domains[d].sts, STS_UNKNOWN);
	mail_free(m);
}

/* Below a name of 253 characters nothing can be asked. */
static void
test_longest(void **state)
{
	struct mail *m = mail_new();
	char name[254];
	uint32_t d;

	(void)state;
	memset(name, 'a', 253);
	name[60] = name[121] = name[182] = name[243] = '.';
	name[253] = '\0';
	d = mail_add_domain(m, name);
	take_full(m, name, DNS_MX, DNS_NODATA, false, NULL, 0);
	check_asks(m, d, true, "");
	take_addresses(m, name, DNS_A, NULL);
	take_addresses(m, name, DNS_AAAA, NULL);
	check_host_asks(m, 0, true, "");
	mail_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_zone),
		cmocka_unit_test(test_long_zone),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_tlsa_hosts),
		cmocka_unit_test(test_sts),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
