/*
 * Address blocks that no survey may aim at.
 *
 * Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries
 * (RFC 6890, RFC 8190), the multicast address space registries, and for IPv6
 * also the Address Space registry: of RFC 4291's space only 2000::/3 is
 * handed out as global unicast, so every other block is listed too.  Blocks
 * that the registries call globally reachable (AS112, AMT, anycast services)
 * stay in: they are infrastructure, not mail hosts.
 */

#include <string.h>

#include "survey/ip.h"

const struct ip_special ip_special_table[] = {
	{ "0.0.0.0/8", "this network", "RFC 791, section 3.2" },
	{ "10.0.0.0/8", "private use", "RFC 1918" },
	{ "100.64.0.0/10", "shared address space", "RFC 6598" },
	{ "127.0.0.0/8", "loopback", "RFC 1122, section 3.2.1.3" },
	{ "169.254.0.0/16", "link local", "RFC 3927" },
	{ "172.16.0.0/12", "private use", "RFC 1918" },
	{ "192.0.0.0/24", "IETF protocol assignments", "RFC 6890, section 2.1" },
	{ "192.0.2.0/24", "documentation TEST-NET-1", "RFC 5737" },
	{ "192.31.196.0/24", "AS112-v4", "RFC 7535" },
	{ "192.52.193.0/24", "AMT", "RFC 7450" },
	{ "192.88.99.0/24", "deprecated 6to4 relay anycast", "RFC 7526" },
	{ "192.168.0.0/16", "private use", "RFC 1918" },
	{ "192.175.48.0/24", "direct delegation AS112", "RFC 7534" },
	{ "198.18.0.0/15", "benchmarking", "RFC 2544" },
	{ "198.51.100.0/24", "documentation TEST-NET-2", "RFC 5737" },
	{ "203.0.113.0/24", "documentation TEST-NET-3", "RFC 5737" },
	{ "224.0.0.0/4", "multicast", "RFC 5771" },
	{ "240.0.0.0/4", "reserved", "RFC 1112, section 4" },
	{ "255.255.255.255/32", "limited broadcast", "RFC 919, section 7" },

	{ "::/128", "unspecified", "RFC 4291" },
	{ "::1/128", "loopback", "RFC 4291" },
	{ "::/8", "reserved by IETF, IPv4-compatible and -mapped", "RFC 4291" },
	{ "64:ff9b::/96", "IPv4-IPv6 translation", "RFC 6052" },
	{ "64:ff9b:1::/48", "local IPv4-IPv6 translation", "RFC 8215" },
	{ "100::/8", "reserved by IETF", "RFC 4291" },
	{ "100::/64", "discard only", "RFC 6666" },
	{ "100:0:0:1::/64", "dummy prefix", "RFC 9780" },
	{ "200::/7", "reserved by IETF, was OSI NSAP", "RFC 4048" },
	{ "400::/6", "reserved by IETF", "RFC 4291" },
	{ "800::/5", "reserved by IETF", "RFC 4291" },
	{ "1000::/4", "reserved by IETF", "RFC 4291" },
	{ "2001::/23", "IETF protocol assignments, Teredo, ORCHID", "RFC 2928" },
	{ "2001:db8::/32", "documentation", "RFC 3849" },
	{ "2002::/16", "6to4", "RFC 3056" },
	{ "2620:4f:8000::/48", "direct delegation AS112", "RFC 7534" },
	{ "3ffe::/16", "returned 6bone space", "RFC 3701" },
	{ "3fff::/20", "documentation", "RFC 9637" },
	{ "4000::/3", "reserved by IETF", "RFC 4291" },
	{ "5f00::/16", "segment routing SIDs", "RFC 9602" },
	{ "6000::/3", "reserved by IETF", "RFC 4291" },
	{ "8000::/3", "reserved by IETF", "RFC 4291" },
	{ "a000::/3", "reserved by IETF", "RFC 4291" },
	{ "c000::/3", "reserved by IETF", "RFC 4291" },
	{ "e000::/4", "reserved by IETF", "RFC 4291" },
	{ "f000::/5", "reserved by IETF", "RFC 4291" },
	{ "f800::/6", "reserved by IETF", "RFC 4291" },
	{ "fc00::/7", "unique local", "RFC 4193" },
	{ "fe00::/9", "reserved by IETF", "RFC 4291" },
	{ "fe80::/10", "link local", "RFC 4291" },
	{ "fec0::/10", "deprecated site local", "RFC 3879" },
	{ "ff00::/8", "multicast", "RFC 4291" },
};

const size_t ip_special_count = sizeof(ip_special_table) / sizeof(ip_special_table[0]);

void
ipset_add_reserved(struct ipset *s)
{
	for (size_t i = 0; i < ip_special_count; i++) {
		const char *text = ip_special_table[i].network;
		struct cidr c;

		/* The unit test parses every row. */
		if (cidr_parse(text, strlen(text), &c))
			ipset_add_cidr(s, &c);
	}
	ipset_normalise(s);
}

const struct ip_special *
ip_special_find(const struct ip *ip)
{
	const struct ip_special *best = NULL;
	int best_len = -1;

	for (size_t i = 0; i < ip_special_count; i++) {
		const char *text = ip_special_table[i].network;
		struct cidr c;
		struct ip last;

		if (!cidr_parse(text, strlen(text), &c) || c.len <= best_len)
			continue;
		last = cidr_last(&c);
		if (ip_cmp(ip, &c.ip) >= 0 && ip_cmp(ip, &last) <= 0) {
			best = &ip_special_table[i];
			best_len = c.len;
		}
	}
	return best;
}
