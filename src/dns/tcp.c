#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "survey/mem.h"
#include "tcp.h"
#include "wire.h"

struct dns_tcp {
	uv_tcp_t h;
	uv_write_t write;
	dns_tcp_fn fn; /* NULL once it was called, or the connection cancelled */
	void *arg;
	void (*gone)(void *arg);
	void *gone_arg;
	uint8_t out[2 + WIRE_QUERY_MAX];
	size_t out_len;
	uint8_t *in; /* a length of two bytes, and so much of a message as came */
	size_t in_len;
	uint8_t chunk[4096];
};

static void
on_closed(uv_handle_t *h)
{
	struct dns_tcp *t = h->data;
	void (*gone)(void *) = t->gone;
	void *arg = t->gone_arg;

	/* A connection that failed at once has not told its owner yet. */
	if (t->fn != NULL)
		t->fn(NULL, 0, t->arg);
	free(t->in);
	free(t);
	gone(arg);
}

static void
finish(struct dns_tcp *t, const uint8_t *msg, size_t len)
{
	dns_tcp_fn fn = t->fn;

	t->fn = NULL;
	if (!uv_is_closing((uv_handle_t *)&t->h))
		uv_close((uv_handle_t *)&t->h, on_closed);
	if (fn != NULL)
		fn(msg, len, t->arg);
}

static void
on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct dns_tcp *t = h->data;

	(void)size;
	*buf = uv_buf_init((char *)t->chunk, sizeof(t->chunk));
}

static void
on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct dns_tcp *t = s->data;
	size_t room = 2 + WIRE_MESSAGE_MAX - t->in_len;

	if (n < 0) {
		finish(t, NULL, 0);
		return;
	}
	if (t->in == NULL)
		t->in = xmalloc(2 + WIRE_MESSAGE_MAX);
	if ((size_t)n > room)
		n = (ssize_t)room;
	memcpy(t->in + t->in_len, buf->base, (size_t)n);
	t->in_len += (size_t)n;
	if (t->in_len >= 2 && t->in_len >= 2 + (size_t)wire_id(t->in))
		finish(t, t->in + 2, wire_id(t->in));
}

/* The first sign that the connection stands. */
static void
on_written(uv_write_t *w, int status)
{
	struct dns_tcp *t = w->data;

	if (status != 0 || uv_read_start((uv_stream_t *)&t->h, on_alloc, on_read) != 0)
		finish(t, NULL, 0);
}

/* Returns 0, or -1 when it cannot be opened. */
static int
open_stream(struct dns_tcp *t, int fd)
{
	uv_buf_t buf = uv_buf_init((char *)t->out, (unsigned)t->out_len);

	if (fd == -1)
		return -1;
	if (uv_tcp_open(&t->h, fd) != 0) {
		close(fd);
		return -1;
	}
	/* The kernel takes it once it is connected. */
	return uv_write(&t->write, (uv_stream_t *)&t->h, &buf, 1, on_written) == 0 ? 0 : -1;
}

struct dns_tcp *
dns_tcp_ask(uv_loop_t *loop, const struct outside *outside, const struct ip *ip, uint16_t port,
    const uint8_t *query, size_t len, dns_tcp_fn fn, void *arg, void (*gone)(void *arg),
    void *gone_arg)
{
	struct dns_tcp *t = xcalloc(1, sizeof(*t));

	t->fn = fn;
	t->arg = arg;
	t->gone = gone;
	t->gone_arg = gone_arg;
	t->out[0] = (uint8_t)(len >> 8);
	t->out[1] = (uint8_t)len;
	memcpy(t->out + 2, query, len);
	t->out_len = len + 2;
	t->h.data = t->write.data = t;
	if (uv_tcp_init(loop, &t->h) != 0)
		abort(); /* it opens nothing here and cannot fail */
	if (open_stream(t, outside_connect(outside, SOCK_STREAM, ip, port)) == -1)
		uv_close((uv_handle_t *)&t->h, on_closed);
	return t;
}

void
dns_tcp_cancel(struct dns_tcp *t)
{
	t->fn = NULL;
	finish(t, NULL, 0);
}
