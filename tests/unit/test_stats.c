#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/study_builder.h"

#include "graph/drawing.h"
#include "report/page_data.h"
#include "report/stats.h"

static uint32_t
add_host(struct study_builder *b, uint32_t n, enum host_out out)
{
	struct ip ip = ip_from_v4(0xc6120000 + n);
	uint32_t h = study_builder_address(b, &ip);

	study_builder_host(b, h)->record = n;
	study_builder_host(b, h)->as = study_builder_as(b, 64500 + n, "A", 1);
	study_builder_out(b, h, out);
	return h;
}

static void
add_grab(struct study_builder *b, uint32_t host, unsigned port, const char *grab, uint8_t key,
    int32_t bits)
{
	uint8_t row = (uint8_t)port_index(port), fp[KEY_LEN];
	struct study_grab g = { .host = host,
		.cert = STUDY_NONE,
		.grab = study_builder_text(b, grab, strlen(grab)),
		.bits = bits,
		.cipher = port == 22 ? -1 : 0xc02f,
		.at = TIME_UNKNOWN,
		.port = row,
		.kind = (uint8_t)port_table[row].kind,
		.trusted = port == 22 ? FACT_UNKNOWN : FACT_YES,
		.timely = FACT_UNKNOWN };

	memset(fp, key, sizeof(fp));
	g.key = study_builder_key(b, fp, g.kind);
	study_builder_grab(b, &g);
}

/*
 * A host whose SSH port was asked three times and showed one key twice, its
 * neighbour, one alone, and one of another country with the same keys.
 */
static struct study *
make(void)
{
	struct study_builder *b = study_builder_new();
	uint32_t a = add_host(b, 0, OUT_NONE), out = add_host(b, 1, OUT_WRONG_COUNTRY);
	uint32_t c = add_host(b, 2, OUT_NONE), alone = add_host(b, 3, OUT_NONE);

	add_grab(b, a, 22, "", 1, -1);
	add_grab(b, a, 22, "ssh-ecdsa", 1, -1);
	add_grab(b, a, 22, "ssh-rsa", 2, 3072);
	add_grab(b, a, 995, "", 4, 2048);
	add_grab(b, out, 22, "", 1, -1);
	add_grab(b, out, 25, "", 5, 1024);
	add_grab(b, c, 22, "", 1, -1);
	add_grab(b, c, 995, "", 4, 2048);
	add_grab(b, c, 995, "tls13", 4, 2048);
	add_grab(b, c, 465, "", 4, 2048);
	add_grab(b, alone, 25, "", 6, 1024);
	return study_builder_finish(b, NULL);
}

static const struct cell *
cell(const struct tables *ts, const char *table, const char *row, size_t column)
{
	const struct table *t = tables_find(ts, table);

	assert_non_null(t);
	for (size_t i = 0; i < t->nrows; i++) {
		if (strcmp(t->rows[i].label, row) == 0)
			return &t->rows[i].cells[column];
	}
	return NULL;
}

static uint64_t
count(const struct tables *ts, const char *table, const char *row, size_t column)
{
	const struct cell *c = cell(ts, table, row, column);

	assert_non_null(c);
	assert_int_equal(c->kind, CELL_COUNT);
	return c->count;
}

#define REPEATED(b) b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b

/* Each host, port and key once, and nothing of who takes no part. */
static void
test_nothing_counts_twice(void **state)
{
	struct runinfo run;
	struct tables ts;
	struct study *st = make();

	(void)state;
	runinfo_read(&run, "/dev/null");
	tables_init(&ts);
	stats_tables(&ts, st, &run, false);
	assert_int_equal(count(&ts, "overview", "hosts with keys", 0), 3);
	assert_int_equal(count(&ts, "overview", "host/ports with keys", 0), 6);
	assert_int_equal(count(&ts, "overview", "distinct keys", 0), 4);
	assert_int_equal(count(&ts, "overview", "keys on two or more hosts", 0), 2);
	assert_int_equal(count(&ts, "overview", "host/ports with such a key", 0), 5);
	assert_int_equal(count(&ts, "overview", "hosts in clusters", 0), 2);
	assert_int_equal(count(&ts, "ports", "22", 0), 2); /* hosts, keys, shared keys */
	assert_int_equal(count(&ts, "ports", "22", 1), 2);
	assert_int_equal(count(&ts, "ports", "22", 2), 1);
	assert_int_equal(count(&ts, "ports", "995", 0), 2);
	assert_int_equal(count(&ts, "ports", "25", 0), 1);
	assert_int_equal(count(&ts, "ports-of-one-host", "2", 0), 1); /* hosts, keys */
	assert_int_equal(count(&ts, "ports-of-one-host", "2", 1), 1);
	assert_int_equal(count(&ts, "ports-of-one-host", "1", 0), 2);
	assert_int_equal(count(&ts, "ports-of-one-host", "1", 1), 3);
	/* Whole fingerprints; hosts, host/ports, cluster, ASes. */
	assert_int_equal(count(&ts, "keys", REPEATED("01"), 1), 2);
	assert_int_equal(count(&ts, "keys", REPEATED("01"), 2), 2);
	assert_int_equal(count(&ts, "keys", REPEATED("04"), 2), 3);
	assert_int_equal(count(&ts, "keys", REPEATED("04"), 5), 2);
	assert_string_equal(cell(&ts, "keys", REPEATED("01"), 0)->text, "SSH");
	assert_string_equal(cell(&ts, "keys", REPEATED("04"), 0)->text, "TLS");
	assert_string_equal(cell(&ts, "keys", REPEATED("04"), 6)->text, "AS64500 A");
	assert_int_equal(count(&ts, "clusters", "1", 5), 2); /* hosts, host/ports of a key */
	assert_int_equal(count(&ts, "clusters", "1", 6), 3);
	/* A port is shown by its first grab. */
	assert_int_equal(count(&ts, "keytypes", "SSH unknown", 0), 2);
	assert_null(cell(&ts, "keytypes", "SSH RSA 3072", 0));
	assert_int_equal(count(&ts, "keytypes", "TLS RSA 2048", 0), 3);
	assert_int_equal(count(&ts, "keytypes", "TLS RSA 1024", 0), 1);
	assert_int_equal(count(&ts, "certificates", "trusted by browsers", 0), 4);
	assert_int_equal(count(&ts, "suites", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 1), 4);
	assert_int_equal(count(&ts, "ases", "AS64500 A", 0), 1);
	assert_null(cell(&ts, "ases", "AS64501 A", 0));
	tables_fini(&ts);
	runinfo_fini(&run);
	study_free(st);
}

static void
test_the_page_has_who_takes_part(void **state)
{
	struct study *st = make();
	uint8_t flags[1] = { 6 };
	struct buf b;

	(void)state;
	buf_init(&b);
	page_data(st, flags, &b);
	assert_non_null(strstr(b.data, ",6]],\"keys\""));
	/* Of who takes no part only the address, and why. */
	assert_non_null(strstr(b.data, "\"another country\":[\"198.18.0.1\"]"));
	/* Those of the cluster first, then the one alone; 198.18.0.1 is not there, nor its AS and key. */
	assert_non_null(strstr(b.data, "\"ip\":[\"198.18.0.0\",\"198.18.0.2\",\"198.18.0.3\"]"));
	assert_non_null(strstr(b.data, "\"ases\":[[64500,\"A\"],[64502,\"A\"],[64503,\"A\"]]"));
	assert_non_null(strstr(b.data, "\"as\":[0,1,2]"));
	assert_non_null(strstr(b.data, "\"cluster\":[0,0,-1]"));
	assert_null(strstr(b.data, "0505050505"));
	/* Host, key, port: the shared keys, that of one host alone, that of the host alone. */
	assert_non_null(
	    strstr(b.data, "\"uses\":[0,0,22,1,0,22,0,1,995,1,1,465,1,1,995,0,2,22,2,3,25]"));
	buf_clear(&b);
	drawing_host_tip(&b, st, 0);
	assert_string_equal(b.data,
	    "198.18.0.0\nAS64500 A\nport 22: key 0101010101010101, on 2 hosts\n"
	    "port 22: key 0202020202020202\nport 995: key 0404040404040404, on 2 hosts");
	buf_fini(&b);
	study_free(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_counts_twice),
		cmocka_unit_test(test_the_page_has_who_takes_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
