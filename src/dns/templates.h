/* Layer: dns.  The templates of config/, built in; not NUL-terminated. */
#ifndef DNS_TEMPLATES_H
#define DNS_TEMPLATES_H

#include <stddef.h>

extern const unsigned char template_unbound[], template_stubby[];
extern const size_t template_unbound_len, template_stubby_len;

#endif
