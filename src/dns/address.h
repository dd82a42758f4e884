/* The address of a resolver as people write it. */
/* Layer: dns */
#ifndef DNS_ADDRESS_H
#define DNS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "survey/ip.h"

/*
 * "192.0.2.1", "192.0.2.1#5353", "2001:db8::1#53".  Returns false when text is
 * no such thing.
 */
bool resolver_parse_address(const char *text, uint16_t default_port, struct ip *ip, uint16_t *port);

#endif
