/* dodgy.json: the records that take no part, as they came, each with the reason. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/mem.h"
#include "survey/pretty.h"

#include "writer.h"

static int
read_line(const struct output_lines *s, const struct output_line *l, struct buf *b)
{
	size_t got = 0;

	buf_clear(b);
	buf_reserve(b, l->len);
	while (got < l->len) {
		ssize_t n = pread(s->fd, b->data + got, l->len - got, (off_t)(l->offset + got));

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		got += (size_t)n;
	}
	b->len = l->len;
	b->data[b->len] = '\0';
	return 0;
}

static int
dodgy_begin(struct writer *o, char **error)
{
	(void)error;
	o->state = xcalloc(1, sizeof(struct jsonw));
	jsonw_init(o->state, NULL);
	buf_adds(&o->w.out, "{");
	return 0;
}

/* The first record's own members, and after them ours: an object that stays open while more is added. */
static int
dodgy_host(struct writer *o, const struct output_host *oh, char **error)
{
	const struct study_host *h = oh->h;
	const struct output_lines *lines = o->o->lines;
	struct jsonw *w = o->state;
	uint32_t at = lines != NULL ? lines->first[oh->i] : 0;
	struct buf line;
	int rc = -1;

	if (h->out == OUT_NONE)
		return 0;
	buf_init(&line);
	buf_clear(&w->out);
	w->comma = false;
	jsonw_object(w);
	if (at == 0) {
		char ip[IP_STRLEN];

		jsonw_key(w, "ip");
		jsonw_string(w, ip_format(&h->ip, ip));
	}
	for (bool first = true; at != 0; first = false) {
		const struct output_line *l = &lines->lines[at - 1];
		size_t start = 0, end;

		if (read_line(lines, l, &line) != 0) {
			*error = xasprintf(
			    "%s: cannot read back a record: %s", o->dir, strerror(errno));
			goto out;
		}
		for (end = line.len; end > 0 && line.data[end - 1] != '}'; end--)
			;
		while (start < end && line.data[start] != '{')
			start++;
		if (first) {
			jsonw_raw(w, line.data + start + 1, end - start - 2);
		} else {
			if (at == lines->lines[lines->first[oh->i] - 1].next) {
				jsonw_key(w, "more_records");
				jsonw_array(w);
			}
			jsonw_raw(w, line.data + start, end - start);
		}
		at = l->next;
		if (!first && at == 0)
			jsonw_end_array(w);
	}
	if (h->out == OUT_WRONG_COUNTRY) {
		jsonw_key(w, "wrong_country");
		jsonw_string(w, h->country);
	}
	jsonw_key(w, "reason");
	jsonw_string(w, host_out_name((enum host_out)h->out));
	jsonw_end_object(w);
	if (o->n > 0)
		buf_addc(&o->w.out, ',');
	jsonw_newline(&o->w);
	buf_printf(&o->w.out, "  \"%llu\": ", (unsigned long long)o->n);
	o->n++;
	json_pretty(&o->w.out, w->out.data, w->out.len, 1);
	rc = 0;
out:
	buf_fini(&line);
	return rc;
}

static int
dodgy_end(struct writer *o, char **error)
{
	(void)error;
	buf_adds(&o->w.out, "\n}\n");
	return jsonw_flush(&o->w);
}

static void
dodgy_abort(struct writer *o)
{
	if (o->state == NULL)
		return;
	jsonw_fini(o->state);
	free(o->state);
	o->state = NULL;
}

const struct output_kind output_dodgy = { .file = "dodgy.json",
	.begin = dodgy_begin,
	.host = dodgy_host,
	.end = dodgy_end,
	.abort = dodgy_abort };
