/*
 * A process outside the sandbox, forked before it is entered: a broker
 * (guard.h) that starts the tools of a survey and opens sockets to addresses
 * that stand in its table.  Where there is none (NULL), the process itself does
 * what is asked.
 */
/* Layer: io */
#ifndef SURVEY_OUTSIDE_H
#define SURVEY_OUTSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/guard.h"
#include "survey/ip.h"

/* The tools by their numbers. */
enum outside_tool {
	OUTSIDE_ZMAP,
	OUTSIDE_ZGRAB2,
	OUTSIDE_UNBOUND,
	OUTSIDE_STUBBY,
	OUTSIDE_CHECKCONF, /* unbound-checkconf */
	OUTSIDE_NTOOLS
};

struct outside_address {
	struct ip ip;
	uint16_t port; /* 0: any */
	int type; /* SOCK_DGRAM or SOCK_STREAM; 0: either */
	struct ip source; /* the address to connect from; family 0: the kernel's choice */
};

#define OUTSIDE_ADDRESSES 40

struct outside_options {
	/* Those without build() are refused.  All is borrowed for the life of the process outside. */
	struct guard_tool tools[OUTSIDE_NTOOLS];
	struct outside_address addresses[OUTSIDE_ADDRESSES]; /* that may be connected to */
	size_t naddresses;
	const char *scratch; /* a directory to remove when it ends, or NULL */
};

struct outside {
	struct guard_broker broker;
};

/* Add an address to the table, while there is room. */
void outside_allow(struct outside_options *o, const struct ip *ip, uint16_t port, int type);
/* The same with an address to connect from. */
void outside_allow_from(struct outside_options *o, const struct ip *ip, uint16_t port, int type,
    const struct ip *source);

/* As guard_broker_start(). */
int outside_start(struct outside *o, const struct outside_options *options);
void outside_stop(struct outside *o);

/*
 * A socket of type (SOCK_DGRAM or SOCK_STREAM) that is connected to the
 * address, or, of a stream, about to be; it does not block and is closed on
 * exec.  Returns a descriptor, or -1 with errno set.
 */
int outside_connect(const struct outside *o, int type, const struct ip *ip, uint16_t port);

/* The same from an address of ours. */
int outside_connect_from(
    const struct outside *o, int type, const struct ip *ip, uint16_t port, const struct ip *source);

/* A port of 127.0.0.1 that neither UDP nor TCP uses; 0 with errno set when there is none. */
uint16_t outside_free_port(const struct outside *o);

/* The address from which the kernel would send to target.  False when there is no route. */
bool outside_source(const struct outside *o, const struct ip *target, struct ip *source);

/*
 * Is this one host's address and ours, one that bind(2) takes?  False with errno set when not.  Asked before
 * the sandbox is entered: ZMap does not ask, and forges the sender.
 */
bool outside_is_own(const struct ip *ip);

#endif
