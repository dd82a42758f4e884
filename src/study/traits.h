/* What is counted of a cluster before the rules of explain.c look at it. */
#ifndef STUDY_TRAITS_H
#define STUDY_TRAITS_H

#include <stdbool.h>
#include <stdint.h>

struct study;
struct study_cluster;

#define DOMAINS_MAX 64 /* that are counted */

struct traits {
	uint32_t nhosts;
	uint32_t nases; /* that are known */
	bool in_one_as; /* of every host an AS is known, and it is the same one */
	bool some_no_as; /* of some host no AS is known */
	uint32_t nothers; /* hosts that the study leaves out */
	uint32_t with_ssh, without_ssh;
	uint32_t ssh_keys; /* distinct keys on SSH ports */
	uint32_t ssh_shared; /* hosts of the most used one */
	uint32_t ssh_top; /* that key, or STUDY_NONE */
	uint32_t tls_keys, tls_shared, tls_top;
	uint32_t tls_of_cloned; /* distinct TLS keys on the hosts of ssh_top */
	uint32_t tls_ports, trusted, self_signed;
	uint32_t certs; /* distinct certificates */
	uint32_t cert_hosts; /* hosts of the most used certificate */
	uint32_t good; /* hosts with a name that leads back to them */
	uint32_t
	    domains; /* registrable ones of the names of certificates and banners; at most DOMAINS_MAX */
	uint32_t wildcards; /* hosts with a wildcard name */
	uint32_t vendor, filter; /* hosts with such a word */
	const char *vendor_word, *filter_word; /* one of them */
	bool same_keys; /* every host shows the same set of keys on the same ports */
	bool same_net; /* all addresses within one /24 or /64 */
};

struct traits find_traits(const struct study *st, const struct study_cluster *c);

#endif
