#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <json-c/json.h>

#include "survey/buf.h"
#include "survey/jsonw.h"

static void
test_document(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x0f, 0xff };
	struct jsonw w;

	(void)state;
	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_key(&w, "a\"b");
	jsonw_array(&w);
	jsonw_end_array(&w);
	jsonw_key(&w, "n");
	jsonw_array(&w);
	jsonw_int(&w, INT64_MIN);
	jsonw_uint(&w, UINT64_MAX);
	jsonw_uint(&w, 0);
	jsonw_double(&w, 1.25, 1);
	jsonw_double(&w, NAN, 1);
	jsonw_double(&w, INFINITY, 1);
	jsonw_bool(&w, true);
	jsonw_bool(&w, false);
	jsonw_null(&w);
	jsonw_hex(&w, bytes, sizeof(bytes));
	jsonw_hex(&w, bytes, 0);
	jsonw_raw(&w, "{\"x\":1}", 7);
	jsonw_end_array(&w);
	JSONW_KEY(&w, "o");
	jsonw_object(&w);
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	jsonw_newline(&w);
	jsonw_string(&w, "");
	jsonw_newline(&w);
	assert_int_equal(jsonw_flush(&w), 0);
	assert_string_equal(w.out.data,
	    "{\"a\\\"b\":[],\"n\":[-9223372036854775808,18446744073709551615,0,1.2,null,null,true,"
	    "false,null,\"000fff\",\"\",{\"x\":1}],\"o\":{}}\n\"\"\n");
	jsonw_fini(&w);
}

/* Any bytes become a string that another parser reads back, invalid ones as U+FFFD. */
static void
test_strings(void **state)
{
	uint64_t seed = 99;
	struct jsonw w;

	(void)state;
	jsonw_init(&w, NULL);
	for (int round = 0; round < 5000; round++) {
		char in[40];
		size_t len = (size_t)round % sizeof(in);
		bool ascii = round % 2 == 0;
		json_object *o;

		for (size_t i = 0; i < len; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			in[i] = (char)(ascii ? (seed >> 32) % 127 + 1 : seed >> 32);
		}
		buf_clear(&w.out);
		w.comma = false;
		jsonw_stringn(&w, in, len);
		o = json_tokener_parse(w.out.data);
		assert_true(json_object_is_type(o, json_type_string));
		if (ascii) {
			assert_int_equal(json_object_get_string_len(o), len);
			assert_memory_equal(json_object_get_string(o), in, len);
		}
		json_object_put(o);
	}
	jsonw_fini(&w);
}

/* Through a stream, in pieces or at once, the text is the same; the first error stays. */
static void
test_stream(void **state)
{
	static char large[1 << 18];
	char *text = NULL, wide[300];
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct jsonw w, plain;

	(void)state;
	memset(wide, 'w', sizeof(wide));
	jsonw_init(&w, f);
	jsonw_init(&plain, NULL);
	jsonw_array(&w);
	jsonw_array(&plain);
	for (int i = 0; i < 2000; i++) {
		jsonw_stringn(&w, wide, sizeof(wide));
		jsonw_stringn(&plain, wide, sizeof(wide));
		assert_true(w.out.len < (1 << 18)); /* it does not grow with the document */
	}
	/* Parts, short ones and such as are passed on without a copy. */
	memset(large, '7', sizeof(large));
	for (size_t part = 1; part <= sizeof(large); part *= 8) {
		jsonw_raw(&w, "[", 1);
		jsonw_raw(&plain, "[", 1);
		jsonw_part(&w, large, part);
		jsonw_part(&plain, large, part);
		jsonw_part(&w, "]", 1);
		jsonw_part(&plain, "]", 1);
	}
	jsonw_end_array(&w);
	jsonw_end_array(&plain);
	assert_int_equal(jsonw_flush(&w), 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(len, plain.out.len);
	assert_memory_equal(text, plain.out.data, len);
	free(text);
	jsonw_fini(&w);
	jsonw_fini(&plain);

	assert_non_null(f = fopen("/dev/full", "w"));
	setvbuf(f, NULL, _IONBF, 0);
	jsonw_init(&w, f);
	jsonw_string(&w, "x");
	assert_int_equal(jsonw_flush(&w), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(jsonw_flush(&w), -1); /* latched */
	assert_int_equal(errno, ENOSPC);
	jsonw_fini(&w);
	fclose(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
