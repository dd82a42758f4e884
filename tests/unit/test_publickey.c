#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "survey/base64.h"
#include "survey/buf.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/publickey.h"
#include "survey/record.h"

#define KEYS TEST_DIR "/publickey/keys.ndjson"
#define SAMPLES TEST_DIR "/../golden/analyze/samples/"

static void
put_hex(struct buf *b, const char *name, struct octets o)
{
	if (o.len == 0)
		return;
	buf_printf(b, " %s=", name);
	for (size_t i = 0; i < o.len; i++)
		buf_printf(b, "%02x", o.data[i]);
}

/* What was made of a key, in the order of the members of `expect`. */
static char *
describe(enum public_result result, const struct public_key *k)
{
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "result=%s", public_result_name(result));
	if (result == PUBLIC_OK) {
		buf_printf(&b, " type=%s bits=%u", public_type_name(k->type), k->bits);
		if (k->curve != NULL)
			buf_printf(&b, " curve=%s", k->curve);
		put_hex(&b, "modulus", k->modulus);
		put_hex(&b, "exponent", k->exponent);
		put_hex(&b, "point", k->point);
		put_hex(&b, "generator", k->generator);
	}
	return buf_steal(&b);
}

static char *
expected(struct simd_node expect)
{
	struct simd_iter it = simd_iterate(expect);
	struct simd_text key;
	struct simd_node v;
	struct buf b;
	int64_t n;

	buf_init(&b);
	while (simd_next(&it, &key, &v)) {
		buf_printf(&b, "%s%.*s=", b.len > 0 ? " " : "", (int)key.len, key.s);
		if (simd_int(v, &n))
			buf_printf(&b, "%lld", (long long)n);
		else
			buf_add(&b, simd_string(v).s, simd_string(v).len);
	}
	return buf_steal(&b);
}

/* Each form of a key that records have, and what only looks like one. */
static void
test_forms(void **state)
{
	struct simd_parser *p = simd_parser_new(1 << 20);
	struct arena a;
	char *text, *line, *next;
	size_t len, n = 0;

	(void)state;
	arena_init(&a);
	text = file_read(KEYS, 1 << 20, &len);
	assert_non_null(text);
	text = xreallocarray(text, len + SIMD_PADDING, 1);
	for (line = text; (next = strchr(line, '\n')) != NULL; line = next + 1, n++) {
		struct record_counts counts = { 0 };
		struct public_key key;
		struct simd_node root;
		struct host h;
		char *want, *got;

		assert_int_equal(simd_parse(p, line, (size_t)(next - line), &root), SIMD_OK);
		want = expected(simd_get(root, "expect"));
		assert_int_equal(
		    record_extract(p, NULL, line, (size_t)(next - line), &a, &h, &counts),
		    REFUSED_NO);
		assert_int_equal(h.ngrabs, 1);
		got = describe(public_key_decode(h.grabs[0].public_key,
				   (enum key_kind)h.grabs[0].kind, h.grabs[0].fp, &a, &key),
		    &key);
		if (strcmp(got, want) != 0)
			fail_msg("%.80s:\n got %s\nwant %s", line, got, want);
		free(got);
		free(want);
	}
	assert_in_range(n, 80, 1000);
	free(text);
	arena_fini(&a);
	simd_parser_free(p);
}

/* Part of a key, whatever is cut off, is none. */
static void
test_prefixes(void **state)
{
	struct simd_parser *p = simd_parser_new(1 << 20);
	struct arena a;
	char *text, *line, *next;
	size_t len;

	(void)state;
	arena_init(&a);
	text = file_read(KEYS, 1 << 20, &len);
	assert_non_null(text);
	text = xreallocarray(text, len + SIMD_PADDING, 1);
	for (line = text; (next = strchr(line, '\n')) != NULL; line = next + 1) {
		struct record_counts counts = { 0 };
		struct public_key key;
		struct host h;
		char *raw;

		assert_int_equal(
		    record_extract(p, NULL, line, (size_t)(next - line), &a, &h, &counts),
		    REFUSED_NO);
		if (h.grabs[0].public_key == NULL || h.grabs[0].public_key->raw == NULL)
			continue;
		raw = xstrdup(h.grabs[0].public_key->raw);
		for (size_t n = strlen(raw); n-- > 0;) {
			struct host_public cut = { .raw = raw };
			enum public_result result;

			raw[n] = '\0';
			result = public_key_decode(
			    &cut, (enum key_kind)h.grabs[0].kind, h.grabs[0].fp, &a, &key);
			/* Of a certificate the key is enough; of a key nothing less than all. */
			if (h.grabs[0].kind == KEY_SSH_HOST && n % 4 == 0)
				assert_int_not_equal(result, PUBLIC_OK);
		}
		free(raw);
		arena_reset(&a);
	}
	free(text);
	arena_fini(&a);
	simd_parser_free(p);
}

struct tally {
	struct arena a;
	unsigned result[NPUBLIC_RESULTS], type[NPUBLIC_TYPES], certificates, serials;
};

static int
tally_line(const struct record_line *line, void *arg)
{
	struct tally *t = arg;

	for (uint32_t i = 0; line->host != NULL && i < line->host->ngrabs; i++) {
		const struct host_grab *g = &line->host->grabs[i];
		struct public_key key;
		enum public_result result = public_key_decode(
		    g->public_key, (enum key_kind)g->kind, g->fp, &t->a, &key);

		t->result[result]++;
		if (result == PUBLIC_OK)
			t->type[key.type]++;
		if (g->cert != NULL) {
			t->serials += g->serial != NULL && g->kind == KEY_TLS_SPKI;
			t->certificates++;
		}
	}
	return 0;
}

static struct tally
tally_file(const char *path)
{
	struct record_options o = { .threads = 1 };
	struct record_counts counts = { 0 };
	struct tally t = { .certificates = 0 };
	char *error;

	arena_init(&t.a);
	if (record_read(path, &o, tally_line, &t, &counts, &error) != 0) {
		fprintf(stderr, "%s\n", error);
		abort();
	}
	arena_fini(&t.a);
	return t;
}

/* What real servers showed: every key that ZGrab2 describes is the key that it hashed. */
static void
test_real_records(void **state)
{
	struct tally t = tally_file(SAMPLES "zgrab2-lab-46.ndjson.gz");

	(void)state;
	assert_int_equal(t.result[PUBLIC_MISMATCH] + t.result[PUBLIC_MALFORMED], 0);
	assert_int_equal(t.result[PUBLIC_ABSENT], 0);
	assert_int_equal(t.type[PUBLIC_ED25519], 2); /* SSH; and TLS, told by its certificate */
	assert_in_range(t.type[PUBLIC_EC], 10, 100);
	assert_in_range(t.type[PUBLIC_RSA], 50, 500);
	assert_int_equal(t.type[PUBLIC_UNKNOWN], 0);
	assert_in_range(t.certificates, 50, 500);
	assert_int_equal(t.serials, t.certificates);
	/* The numbers of this study's keys are made up. */
	t = tally_file(TEST_DIR "/../golden/analyze/study-a/records.fresh.gz");
	assert_int_equal(t.result[PUBLIC_OK], 0);
	assert_in_range(t.result[PUBLIC_MISMATCH], 500, 2000);
}

static void
test_base64(void **state)
{
	static const struct {
		const char *text, *bytes; /* NULL: refused */
	} cases[] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "Zg", "f" },
		{ "Zm8", "fo" },
		{ "Zh==", NULL },
		{ "Z", NULL },
		{ "Z===", NULL },
		{ "====", NULL },
		{ "Zg=", NULL },
		{ "Zm9v=", NULL },
		{ "Zm9vZ", NULL },
		{ "Zm 9v", NULL },
		{ "Zm9-", NULL },
		{ "Zg==Zg==", NULL },
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t out[BASE64_ROOM(16)];
		size_t n;
		bool ok = base64_decode(cases[i].text, strlen(cases[i].text), out, &n);

		assert_int_equal(ok, cases[i].bytes != NULL);
		if (ok) {
			assert_int_equal(n, strlen(cases[i].bytes));
			assert_memory_equal(out, cases[i].bytes, n);
		}
	}
	buf_init(&b);
	for (size_t i = 0; i < 5; i++) { /* RFC 4648, 10 */
		buf_clear(&b);
		base64_encode(&b, cases[i].bytes, strlen(cases[i].bytes));
		assert_string_equal(b.data, cases[i].text);
	}
	buf_fini(&b);
}

/* All keys of a file: the figures, and whether each is the one of its fingerprint. */
static int
check_file(const char *path)
{
	struct tally t = tally_file(path);

	printf("%u ok, %u absent, %u of another fingerprint, %u malformed\n", t.result[PUBLIC_OK],
	    t.result[PUBLIC_ABSENT], t.result[PUBLIC_MISMATCH], t.result[PUBLIC_MALFORMED]);
	return t.result[PUBLIC_OK] == 0 || t.result[PUBLIC_ABSENT] > 0 ||
	       t.result[PUBLIC_MISMATCH] > 0 || t.result[PUBLIC_MALFORMED] > 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_real_records),
	};

	if (argc > 1)
		return check_file(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
