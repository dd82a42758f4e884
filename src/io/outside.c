#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/outside.h"

#define DISCARD_PORT 9

/* The services by their numbers. */
enum { CONNECT, FREE_PORT, SOURCE, NSERVICES };

struct connect_request {
	struct ip ip, source;
	uint16_t port;
	int32_t type;
};

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t
to_sockaddr(const struct ip *ip, uint16_t port, union address *a)
{
	memset(a, 0, sizeof(*a));
	if (ip->family == 4) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		memcpy(&a->in.sin_addr, ip->a, 4);
		return sizeof(a->in);
	}
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = htons(port);
	memcpy(&a->in6.sin6_addr, ip->a, 16);
	return sizeof(a->in6);
}

static int
open_connected(int type, const struct ip *ip, uint16_t port, const struct ip *source)
{
	union address a, from;
	socklen_t len = to_sockaddr(ip, port, &a);
	int fd = socket(a.sa.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), saved, rc = 0;

	if (fd == -1)
		return -1;
	if (source != NULL && source->family == ip->family) {
		socklen_t n = to_sockaddr(source, 0, &from);

		rc = bind(fd, &from.sa, n);
	}
	if (rc == 0 && (connect(fd, &a.sa, len) == 0 || errno == EINPROGRESS))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static uint16_t
find_free_port(void)
{
	for (int i = 0; i < 64; i++) {
		struct sockaddr_in sin = { .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t len = sizeof(sin);
		int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool ok = udp != -1 && tcp != -1 && bind(udp, (struct sockaddr *)&sin, len) == 0 &&
			  getsockname(udp, (struct sockaddr *)&sin, &len) == 0 &&
			  bind(tcp, (struct sockaddr *)&sin, len) == 0;

		if (udp != -1)
			close(udp);
		if (tcp != -1)
			close(tcp);
		if (ok)
			return ntohs(sin.sin_port);
	}
	return 0;
}

/* Nothing is sent: connect() of a datagram socket only has the kernel choose. */
static int
find_source(const struct ip *target, struct ip *source)
{
	int fd = open_connected(SOCK_DGRAM, target, DISCARD_PORT, NULL), rc;
	union address a;
	socklen_t len = sizeof(a);

	if (fd == -1)
		return -1;
	if ((rc = getsockname(fd, &a.sa, &len)) == 0) {
		memset(source, 0, sizeof(*source));
		source->family = target->family;
		if (target->family == 4)
			memcpy(source->a, &a.in.sin_addr, 4);
		else
			memcpy(source->a, &a.in6.sin6_addr, 16);
	}
	close(fd);
	return rc;
}

bool
outside_is_own(const struct ip *ip)
{
	union address a, peer;
	socklen_t len = to_sockaddr(ip, 0, &a);
	int fd = socket(a.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), saved;
	bool own = fd != -1 && bind(fd, &a.sa, len) == 0;

	/* bind() takes these, too: all of ours, many, and with connect() a network's broadcast. */
	if (own && ip->family == 4 && (ip->a[0] == 0 || ip->a[0] >= 224)) {
		errno = EADDRNOTAVAIL;
		own = false;
	}
	to_sockaddr(ip, DISCARD_PORT, &peer);
	own = own && connect(fd, &peer.sa, len) == 0;
	saved = errno;
	if (fd != -1)
		close(fd);
	errno = saved;
	return own;
}

/* ---- in the process outside ---- */

static bool
is_ip(const struct ip *ip)
{
	return ip->family == 4 || ip->family == 6;
}

static bool
same_source(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && (a->family == 0 || ip_cmp(a, b) == 0);
}

static bool
may_connect(const struct outside_options *o, const struct connect_request *r)
{
	for (size_t i = 0; i < o->naddresses; i++) {
		const struct outside_address *a = &o->addresses[i];

		if ((a->type == 0 || a->type == r->type) && (a->port == 0 || a->port == r->port) &&
		    ip_cmp(&a->ip, &r->ip) == 0 && same_source(&a->source, &r->source))
			return true;
	}
	return false;
}

static ssize_t
serve_connect(const void *req, size_t len, void *arg, void *answer, size_t size, int *fd)
{
	struct connect_request r;

	(void)answer;
	(void)size;
	errno = EPERM;
	if (len != sizeof(r))
		return -1;
	memcpy(&r, req, sizeof(r));
	if (!is_ip(&r.ip) || r.port == 0 || (r.type != SOCK_DGRAM && r.type != SOCK_STREAM) ||
	    !may_connect(arg, &r))
		return -1;
	*fd = open_connected(r.type, &r.ip, r.port, &r.source);
	return *fd == -1 ? -1 : 0;
}

static ssize_t
serve_free_port(const void *req, size_t len, void *arg, void *answer, size_t size, int *fd)
{
	uint16_t port = find_free_port();

	(void)req;
	(void)len;
	(void)arg;
	(void)size;
	(void)fd;
	if (port == 0)
		return -1;
	memcpy(answer, &port, sizeof(port));
	return sizeof(port);
}

static ssize_t
serve_source(const void *req, size_t len, void *arg, void *answer, size_t size, int *fd)
{
	struct ip target, source;

	(void)arg;
	(void)size;
	(void)fd;
	errno = EPERM;
	if (len != sizeof(target))
		return -1;
	memcpy(&target, req, sizeof(target));
	if (!is_ip(&target) || find_source(&target, &source) == -1)
		return -1;
	memcpy(answer, &source, sizeof(source));
	return sizeof(source);
}

static void
at_end(void *arg)
{
	const struct outside_options *o = arg;

	if (o->scratch != NULL)
		(void)file_remove_tree(o->scratch);
}

static char **
refuse(const void *req, size_t len, void *arg)
{
	(void)req;
	(void)len;
	(void)arg;
	return NULL;
}

void
outside_allow(struct outside_options *o, const struct ip *ip, uint16_t port, int type)
{
	static const struct ip any = { .family = 0 };

	outside_allow_from(o, ip, port, type, &any);
}

void
outside_allow_from(struct outside_options *o, const struct ip *ip, uint16_t port, int type,
    const struct ip *source)
{
	if (o->naddresses < OUTSIDE_ADDRESSES)
		o->addresses[o->naddresses++] = (struct outside_address){ *ip, port, type,
			*source };
}

int
outside_start(struct outside *o, const struct outside_options *options)
{
	struct outside_options mine = *options;
	const struct guard_service services[NSERVICES] = {
		[CONNECT] = { serve_connect, &mine },
		[FREE_PORT] = { serve_free_port, NULL },
		[SOURCE] = { serve_source, NULL },
	};
	const struct guard_table t = { .tools = mine.tools,
		.ntools = OUTSIDE_NTOOLS,
		.services = services,
		.nservices = NSERVICES,
		.at_end = at_end,
		.arg = &mine };

	for (int i = 0; i < OUTSIDE_NTOOLS; i++) {
		if (mine.tools[i].build == NULL)
			mine.tools[i].build = refuse;
	}
	return guard_broker_start(&o->broker, &t);
}

void
outside_stop(struct outside *o)
{
	guard_broker_stop(&o->broker);
}

/* ---- in the process that asks ---- */

int
outside_connect(const struct outside *o, int type, const struct ip *ip, uint16_t port)
{
	static const struct ip any = { .family = 0 };

	return outside_connect_from(o, type, ip, port, &any);
}

int
outside_connect_from(
    const struct outside *o, int type, const struct ip *ip, uint16_t port, const struct ip *source)
{
	struct connect_request r;
	int fd;

	if (o == NULL)
		return open_connected(type, ip, port, source);
	memset(&r, 0, sizeof(r));
	r.ip = *ip;
	r.source = *source;
	r.port = port;
	r.type = type;
	if (guard_broker_call(&o->broker, CONNECT, &r, sizeof(r), NULL, 0, &fd) == -1)
		return -1;
	return fd;
}

uint16_t
outside_free_port(const struct outside *o)
{
	uint16_t port = 0;

	if (o == NULL)
		return find_free_port();
	if (guard_broker_call(&o->broker, FREE_PORT, NULL, 0, &port, sizeof(port), NULL) !=
	    sizeof(port))
		return 0;
	return port;
}

bool
outside_source(const struct outside *o, const struct ip *target, struct ip *source)
{
	if (o == NULL)
		return find_source(target, source) == 0;
	return guard_broker_call(&o->broker, SOURCE, target, sizeof(*target), source,
		   sizeof(*source), NULL) == sizeof(*source);
}
