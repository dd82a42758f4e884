#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/raw_lines.h"

#define FLUSH_AT ((size_t)1 << 20)

int
raw_lines_open(struct raw_lines *r, const char *dir)
{
	*r = (struct raw_lines){ .fd = -1 };
	buf_init(&r->waiting);
	r->fd = file_unnamed(dir);
	return r->fd == -1 ? -1 : 0;
}

void
raw_lines_close(struct raw_lines *r)
{
	buf_fini(&r->waiting);
	free(r->lines);
	free(r->first);
	free(r->last);
	if (r->fd != -1)
		close(r->fd);
	r->fd = -1;
}

static int
flush(struct raw_lines *r)
{
	if (file_write_fd(r->fd, r->waiting.data, r->waiting.len) == -1)
		return -1;
	r->at += r->waiting.len;
	buf_clear(&r->waiting);
	return 0;
}

/* Room in the arrays by host; mem_grow() does not clear. */
static void
host_room(struct raw_lines *r, uint32_t nhosts)
{
	size_t had = r->cap_first;

	mem_grow(&r->first, &r->cap_first, nhosts, sizeof(*r->first));
	mem_grow(&r->last, &r->cap_last, nhosts, sizeof(*r->last));
	if (r->cap_first > had) {
		memset(r->first + had, 0, (r->cap_first - had) * sizeof(*r->first));
		memset(r->last + had, 0, (r->cap_last - had) * sizeof(*r->last));
	}
}

int
raw_lines_put(struct raw_lines *r, uint32_t host, const char *text, size_t len)
{
	uint32_t number = (uint32_t)r->n + 1;

	host_room(r, host + 1);
	mem_grow(&r->lines, &r->cap, r->n + 1, sizeof(*r->lines));
	r->lines[r->n++] = (struct output_line){ 0, (uint32_t)len, r->at + r->waiting.len };
	if (r->last[host] != 0)
		r->lines[r->last[host] - 1].next = number;
	else
		r->first[host] = number;
	r->last[host] = number;
	buf_add(&r->waiting, text, len);
	return r->waiting.len >= FLUSH_AT ? flush(r) : 0;
}

void
raw_lines_forget(struct raw_lines *r, uint32_t host)
{
	host_room(r, host + 1);
	r->first[host] = r->last[host] = 0;
}

int
raw_lines_end(struct raw_lines *r, uint32_t nhosts)
{
	host_room(r, nhosts + 1);
	r->shown = (struct output_lines){ r->fd, r->lines, r->first };
	return flush(r);
}
