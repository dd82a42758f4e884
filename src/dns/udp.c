#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "survey/mem.h"
#include "udp.h"

#define DATAGRAM_MAX 65536 /* libuv cuts the buffer of recvmmsg into pieces of this size */
#define DATAGRAMS 20

static void
on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct udp_socket *s = h->data;

	(void)size;
	*buf = uv_buf_init(s->u->datagrams, DATAGRAMS * DATAGRAM_MAX);
}

static void
on_recv(uv_udp_t *h, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
	struct udp_socket *s = h->data;
	struct udp *u = s->u;
	unsigned number = (unsigned)(s - u->sockets);

	if (u->gone != NULL)
		return;
	if (n == UV_ECONNREFUSED) {
		u->fn(number, NULL, 0, UV_ECONNREFUSED, u->arg);
		return;
	}
	/* The end of a batch has no sender; neither has a socket that is empty. */
	if (n < 0 || from == NULL || (flags & UV_UDP_MMSG_FREE) != 0)
		return;
	if ((flags & UV_UDP_PARTIAL) != 0)
		u->fn(number, NULL, 0, UV_EMSGSIZE, u->arg);
	else
		u->fn(number, (const uint8_t *)buf->base, (size_t)n, 0, u->arg);
}

static int
open_socket(struct udp *u, struct udp_socket *s, uv_loop_t *loop, int fd, unsigned rcvbuf)
{
	int rc, size;

	if (fd == -1)
		return uv_translate_sys_error(errno);
	s->u = u;
	s->fd = fd;
	s->h.data = s;
	if ((rc = uv_udp_init_ex(loop, &s->h, AF_UNSPEC | UV_UDP_RECVMMSG)) != 0) {
		close(fd);
		return rc;
	}
	u->nopen++;
	if ((rc = uv_udp_open(&s->h, fd)) != 0) {
		close(fd);
		return rc;
	}
	size = (int)rcvbuf;
	uv_recv_buffer_size(
	    (uv_handle_t *)&s->h, &size); /* granted or not: what counts is read back */
	size = 0;
	if ((rc = uv_recv_buffer_size((uv_handle_t *)&s->h, &size)) != 0)
		return rc;
	u->rcvbuf = (unsigned)size;
	if ((rc = uv_udp_recv_start(&s->h, on_alloc, on_recv)) != 0)
		return rc;
	uv_unref((uv_handle_t *)&s->h);
	return 0;
}

int
udp_open(struct udp *u, uv_loop_t *loop, const struct outside *outside, const struct ip *ip,
    uint16_t port, unsigned rcvbuf, struct rng *rng, udp_fn fn, void *arg)
{
	int rc = 0;

	memset(u, 0, sizeof(*u));
	u->rng = rng;
	u->fn = fn;
	u->arg = arg;
	u->datagrams = xmalloc(DATAGRAMS * DATAGRAM_MAX);
	for (size_t i = 0; i < UDP_SOCKETS && rc == 0; i++)
		rc = open_socket(u, &u->sockets[i], loop,
		    outside_connect(outside, SOCK_DGRAM, ip, port), rcvbuf);
	return rc;
}

/* By chance, but each once in UDP_SOCKETS runs, for its buffer is bounded. */
static void
shuffle(struct udp *u)
{
	for (unsigned i = 0; i < UDP_SOCKETS; i++) {
		unsigned j = rng_u16(u->rng) % (i + 1);

		u->order[i] = u->order[j];
		u->order[j] = (uint8_t)i;
	}
}

/* The socket whose run it is. */
static unsigned
current(const struct udp *u)
{
	return u->order[u->sent / UDP_RUN % UDP_SOCKETS];
}

unsigned
udp_turn(struct udp *u, unsigned *left)
{
	if (u->sent % (UDP_RUN * UDP_SOCKETS) == 0)
		shuffle(u);
	*left = UDP_RUN - (unsigned)(u->sent % UDP_RUN);
	return current(u);
}

/* In as few calls as it takes: libuv 1.44 would need one for each packet. */
unsigned
udp_send(struct udp *u, struct iovec *packets, unsigned n, int *error)
{
	int fd = u->sockets[current(u)].fd;
	struct mmsghdr messages[UDP_RUN];
	unsigned sent = 0;

	memset(messages, 0, n * sizeof(messages[0]));
	for (unsigned i = 0; i < n; i++) {
		messages[i].msg_hdr.msg_iov = &packets[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	*error = 0;
	while (sent < n && *error == 0) {
		int rc = sendmmsg(fd, messages + sent, n - sent, 0);

		if (rc > 0)
			sent += (unsigned)rc;
		else if (errno == EAGAIN || errno == ENOBUFS || errno == ECONNREFUSED)
			*error = errno;
		else if (errno != EINTR)
			sent++;
	}
	u->sent += sent;
	return sent;
}

static void
all_closed(struct udp *u)
{
	free(u->datagrams);
	u->gone(u->gone_arg);
}

static void
on_closed(uv_handle_t *h)
{
	struct udp_socket *s = h->data;

	if (--s->u->nopen == 0)
		all_closed(s->u);
}

void
udp_close(struct udp *u, void (*gone)(void *arg), void *arg)
{
	u->gone = gone;
	u->gone_arg = arg;
	for (unsigned i = 0; i < u->nopen; i++)
		uv_close((uv_handle_t *)&u->sockets[i].h, on_closed);
	if (u->nopen == 0)
		all_closed(u);
}
