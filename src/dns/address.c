/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "address.h"

bool
resolver_parse_address(const char *text, uint16_t default_port, struct ip *ip, uint16_t *port)
{
	const char *hash = strchr(text, '#');
	unsigned long n;
	char *end;

	*port = default_port;
	if (!ip_parse(text, hash != NULL ? (size_t)(hash - text) : strlen(text), ip))
		return false;
	if (hash == NULL)
		return true;
	if (hash[1] < '0' || hash[1] > '9')
		return false;
	n = strtoul(hash + 1, &end, 10);
	*port = (uint16_t)n;
	return *end == '\0' && n >= 1 && n <= UINT16_MAX;
}
