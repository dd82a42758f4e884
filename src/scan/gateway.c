#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "survey/mem.h"
#include "survey/scan.h"

enum { WAIT_MS = 3000, STEP_MS = 50, PRIME_EVERY_MS = 500, DISCARD_PORT = 9 };

struct route_request {
	struct nlmsghdr nh;
	struct rtmsg rt;
	char attrs[64];
};

static void
add_attr(struct route_request *r, unsigned short type, const void *data, size_t len)
{
	struct rtattr *rta;

	rta = (struct rtattr *)(void *)((char *)r + NLMSG_ALIGN(r->nh.nlmsg_len));
	rta->rta_type = type;
	rta->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(rta), data, len);
	r->nh.nlmsg_len = (unsigned)(NLMSG_ALIGN(r->nh.nlmsg_len) + RTA_ALIGN(rta->rta_len));
}

/* Ask the kernel which way packets to target go (rtnetlink(7)).  Returns 0 or an errno. */
static int
get_route(const struct ip *target, unsigned ifindex, struct gateway *g)
{
	union {
		struct nlmsghdr nh;
		char buf[4096];
	} answer;
	struct route_request req;
	struct nlmsghdr *nh = &answer.nh;
	struct rtattr *rta;
	uint32_t out = 0;
	ssize_t n;
	int fd;

	memset(&req, 0, sizeof(req));
	req.nh.nlmsg_len = NLMSG_LENGTH(sizeof(req.rt));
	req.nh.nlmsg_type = RTM_GETROUTE;
	req.nh.nlmsg_flags = NLM_F_REQUEST;
	req.rt.rtm_family = AF_INET;
	req.rt.rtm_dst_len = 32;
	add_attr(&req, RTA_DST, target->a, 4);
	if (ifindex != 0)
		add_attr(&req, RTA_OIF, &ifindex, sizeof(ifindex));

	if ((fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) == -1)
		return errno;
	if (send(fd, &req, req.nh.nlmsg_len, 0) == -1 ||
	    (n = recv(fd, &answer, sizeof(answer), 0)) == -1) {
		int saved = errno;

		close(fd);
		return saved;
	}
	close(fd);
	if (!NLMSG_OK(nh, (size_t)n))
		return EPROTO;
	if (nh->nlmsg_type == NLMSG_ERROR)
		return -((struct nlmsgerr *)NLMSG_DATA(nh))->error;
	if (nh->nlmsg_type != RTM_NEWROUTE)
		return EPROTO;

	n = (ssize_t)RTM_PAYLOAD(nh);
	for (rta = RTM_RTA(NLMSG_DATA(nh)); RTA_OK(rta, n); rta = RTA_NEXT(rta, n)) {
		struct ip *to = rta->rta_type == RTA_GATEWAY   ? &g->address
				: rta->rta_type == RTA_PREFSRC ? &g->source
							       : NULL;

		if (to != NULL && RTA_PAYLOAD(rta) == 4) {
			memset(to, 0, sizeof(*to));
			to->family = 4;
			memcpy(to->a, RTA_DATA(rta), 4);
		} else if (rta->rta_type == RTA_OIF && RTA_PAYLOAD(rta) == sizeof(out)) {
			memcpy(&out, RTA_DATA(rta), sizeof(out));
		}
	}
	if (out == 0 || if_indextoname(out, g->interface) == NULL)
		return ENODEV;
	return 0;
}

static bool
find_neighbour(struct gateway *g)
{
	char line[256], want[IP_STRLEN], addr[64], mac[32], dev[32];
	unsigned flags;
	bool found = false;
	FILE *f;

	if ((f = fopen("/proc/net/arp", "re")) == NULL)
		return false;
	ip_format(&g->address, want);
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%63s 0x%*x 0x%x %31s %*s %31s", addr, &flags, mac, dev) != 4)
			continue;
		found = (flags & 0x2) != 0 && strcmp(addr, want) == 0 &&
			strcmp(dev, g->interface) == 0 && strlen(mac) == 17 &&
			strcmp(mac, "00:00:00:00:00:00") != 0;
	}
	fclose(f);
	if (found)
		memcpy(g->mac, mac, sizeof(g->mac));
	return found;
}

static void
prime_neighbour(const struct gateway *g)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(DISCARD_PORT) };
	int fd;

	memcpy(&sin.sin_addr, g->address.a, 4);
	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return;
	/* The answer does not matter: the kernel must ask for the MAC first. */
	(void)sendto(fd, "", 1, MSG_DONTWAIT, (const struct sockaddr *)&sin, sizeof(sin));
	close(fd);
}

static void
sleep_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

int
gateway_find(const struct ip *target, const char *interface, const char *mac, struct gateway *g,
    char **error)
{
	char text[IP_STRLEN];
	unsigned ifindex = 0;
	int rc;

	memset(g, 0, sizeof(*g));
	ip_format(target, text);
	if (interface[0] != '\0' && (ifindex = if_nametoindex(interface)) == 0) {
		*error = xasprintf("interface %s does not exist; set scan.interface to one of "
				   "those that `ip link` shows",
		    interface);
		return -1;
	}
	if ((rc = get_route(target, ifindex, g)) != 0) {
		*error = xasprintf("no route to %s%s%s: %s; add a route or set scan.interface",
		    text, ifindex != 0 ? " through " : "", interface, strerror(rc));
		return -1;
	}
	if (mac[0] != '\0') {
		snprintf(g->mac, sizeof(g->mac), "%s", mac);
		return 0;
	}
	if (g->address.family == 0) {
		*error = xasprintf("%s is reached through %s without a gateway, which zmap cannot "
				   "do; scan from behind a router or set scan.gateway_mac",
		    text, g->interface);
		return -1;
	}
	for (int waited = 0; !find_neighbour(g); waited += STEP_MS) {
		if (waited >= WAIT_MS) {
			*error = xasprintf("gateway %s on %s does not tell its MAC address; is "
					   "%s up? scan.gateway_mac sets it by hand",
			    ip_format(&g->address, text), g->interface, g->interface);
			return -1;
		}
		if (waited % PRIME_EVERY_MS == 0)
			prime_neighbour(g);
		sleep_ms(STEP_MS);
	}
	return 0;
}
