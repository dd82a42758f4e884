/*
 * A record file, plain or packed.  The first two bytes are the limit of a
 * line; the rest is the file.  Lines must come in order, and the text of those
 * that are whole must be what stands at their offset.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "survey/record.h"
#include "survey/simd.h"

#include "tempinput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct seen {
	const uint8_t *text; /* of a plain file, else NULL */
	size_t len;
	uint64_t next, offset, lines;
};

/* As it stands in the file, but for ends of line within an element and a BOM before it. */
static bool
is_there(const struct seen *s, const struct record_line *l)
{
	const uint8_t *at = s->text + l->offset;

	if (s->len - l->offset >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		return true;
	for (size_t i = 0; i < l->len; i++) {
		if (l->text[i] != (char)at[i] &&
		    (l->text[i] != ' ' || (at[i] != '\n' && at[i] != '\r')))
			return false;
	}
	return true;
}

static int
on_line(const struct record_line *l, void *arg)
{
	struct seen *s = arg;

	/* Of a torn line in a packed file there may be nothing to read. */
	if (l->number < s->next || l->offset < s->offset ||
	    (l->len == 0 &&
		(s->text != NULL || l->refusal != (enum record_refusal)SIMD_TRUNCATED)) ||
	    (l->refusal == REFUSED_NO) != (l->host != NULL))
		abort();
	if (s->text != NULL && (l->offset >= s->len || l->len > s->len - l->offset))
		abort();
	if (s->text != NULL && !is_there(s, l))
		abort();
	s->next = l->number + 1;
	s->offset = l->offset + 1;
	s->lines++;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct record_counts counts = { 0 };
	struct record_options o = { .threads = 1 };
	struct seen seen = { 0 };
	char path[40], *error = NULL;
	int fd, rc;

	if (len < 2)
		return 0;
	o.max_line = (size_t)(data[0] << 8 | data[1]) + 1;
	seen.len = len - 2;
	/* What may be gzip, zstd, or a frame of zstd to be skipped, is not looked at as text. */
	if (len <= 3 || (data[2] != 0x1f && data[2] != 0x28 && (data[2] & 0xf0) != 0x50))
		seen.text = data + 2;
	fd = tempinput(data + 2, len - 2, path);
	rc = record_read(path, &o, on_line, &seen, &counts, &error);
	if (rc != 0 && error == NULL)
		abort();
	if (rc == RECORD_NO_RECORDS)
		seen.text = NULL; /* not read to its end */
	if (seen.lines != counts.lines || (seen.text != NULL && counts.bytes != seen.len))
		abort();
	close(fd);
	free(error);
	return 0;
}
