#include <string.h>

#include "survey/ndjson.h"

void
ndjson_init(struct ndjson *nd, size_t max_line, ndjson_line_fn on_line, void *arg)
{
	memset(nd, 0, sizeof(*nd));
	buf_init(&nd->partial);
	nd->max_line = max_line;
	nd->on_line = on_line;
	nd->arg = arg;
}

void
ndjson_fini(struct ndjson *nd)
{
	buf_fini(&nd->partial);
}

/* The piece that ends a line: given on as it lies when nothing of the line came before. */
static int
end_line(struct ndjson *nd, const char *piece, size_t len)
{
	int rc;

	if (nd->skipping || nd->partial.len + len > nd->max_line) {
		nd->toolong++;
		nd->skipping = 0;
		buf_clear(&nd->partial);
		return 0;
	}
	if (nd->partial.len == 0)
		return nd->on_line(piece, len, nd->arg);
	buf_add(&nd->partial, piece, len);
	rc = nd->on_line(nd->partial.data, nd->partial.len, nd->arg);
	buf_clear(&nd->partial);
	return rc;
}

int
ndjson_feed(struct ndjson *nd, const char *buf, size_t len)
{
	while (len > 0) {
		const char *nl = memchr(buf, '\n', len);
		size_t n = nl != NULL ? (size_t)(nl - buf) : len;
		int rc;

		if (nl == NULL) {
			if (nd->skipping || nd->partial.len + n > nd->max_line) {
				nd->skipping = 1;
				buf_clear(&nd->partial);
			} else {
				buf_add(&nd->partial, buf, n);
			}
			return 0;
		}
		if ((rc = end_line(nd, buf, n)) != 0)
			return rc;
		buf += n + 1;
		len -= n + 1;
	}
	return 0;
}

size_t
ndjson_torn(struct ndjson *nd)
{
	size_t n = nd->partial.len;

	if (nd->skipping)
		nd->toolong++;
	nd->skipping = 0;
	buf_clear(&nd->partial);
	return n;
}
