/*
 * Connected UDP sockets to one resolver.  Packets leave in runs, a run by one
 * socket, so that the answers to them come together, too.
 */
/* Layer: dns */
#ifndef DNS_UDP_H
#define DNS_UDP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <uv.h>

#include "rng.h"
#include "survey/outside.h"

#define UDP_SOCKETS 8 /* more ports to guess, more buffer */
#define UDP_RUN 32 /* packets */

/*
 * A packet that came to a socket, valid during the call.  Or none (NULL) and
 * why: UV_ECONNREFUSED, or UV_EMSGSIZE for one that was cut short.
 */
typedef void (*udp_fn)(unsigned socket, const uint8_t *msg, size_t len, int error, void *arg);

struct udp {
	unsigned rcvbuf; /* bytes that the kernel granted each socket */
	uint64_t sent; /* packets */
	/* private */
	struct udp_socket {
		uv_udp_t h;
		struct udp *u;
		int fd;
	} sockets[UDP_SOCKETS];
	unsigned nopen;
	uint8_t order[UDP_SOCKETS]; /* of the runs */
	struct rng *rng;
	char *datagrams;
	udp_fn fn;
	void *arg;
	void (*gone)(void *arg); /* not NULL: it is closing */
	void *gone_arg;
};

/*
 * Sockets to ip and port (outside.h).  rcvbuf is asked of the kernel for each socket.  The loop does not wait for
 * packets alone.  Returns 0 or a libuv error; udp_close() is due either way.
 */
int udp_open(struct udp *u, uv_loop_t *loop, const struct outside *outside, const struct ip *ip,
    uint16_t port, unsigned rcvbuf, struct rng *rng, udp_fn fn, void *arg);

/* The socket by which the next packets go, and in *left how many go by it. */
unsigned udp_turn(struct udp *u, unsigned *left);

/*
 * Send n packets, at most what udp_turn() left.  Returns how many the kernel
 * took; when fewer, *error (an errno) tells why the next has to wait.  A packet
 * that it refuses for any other reason than these counts as taken: EAGAIN,
 * ENOBUFS, and ECONNREFUSED, which the packets before have met.
 */
unsigned udp_send(struct udp *u, struct iovec *packets, unsigned n, int *error);

/* gone() comes once, at once if no socket is open; u must last until then. */
void udp_close(struct udp *u, void (*gone)(void *arg), void *arg);

#endif
