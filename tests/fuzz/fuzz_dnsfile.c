/* Lines of dns.ndjson; what is taken up must come out again as it went in. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "survey/dnsfile.h"
#include "survey/jsonw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct buf
text_of(const struct answers *t)
{
	const struct answer **all = answers_sorted(t);
	struct jsonw w;

	jsonw_init(&w, NULL);
	for (size_t i = 0; i < answers_count(t); i++)
		dnsfile_line(&w, all[i]);
	free(all);
	return w.out;
}

static size_t
read_lines(struct answers *t, const char *data, size_t len)
{
	size_t taken = 0;

	for (size_t at = 0, end; at < len; at = end + 1) {
		const char *nl = memchr(data + at, '\n', len - at);

		end = nl != NULL ? (size_t)(nl - data) : len;
		taken += dnsfile_parse(data + at, end - at, DNSFILE_ALL, t);
	}
	return taken;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct answers *t = answers_new(), *again = answers_new();
	struct buf first, second;

	if (read_lines(t, (const char *)data, len) < answers_count(t))
		abort();
	first = text_of(t);
	if (read_lines(again, first.data, first.len) != answers_count(t))
		abort();
	second = text_of(again);
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	buf_fini(&first);
	buf_fini(&second);
	answers_free(t);
	answers_free(again);
	return 0;
}
