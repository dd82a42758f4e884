#ifndef GRAB_RESULT_H
#define GRAB_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/grab.h"
#include "survey/ip.h"
#include "survey/simd.h"
#include "survey/slice.h"

#include "modules.h"

/* One line of zgrab2 multiple: one module's answer. */
struct result {
	struct ip ip;
	int module; /* index in the table */
	struct slice json; /* zgrab2's object, in the line */
	enum grab_end end;
	bool undialed; /* the local address was of the other family: nothing was sent */
	uint32_t follow; /* modules to ask next, for what this one could not see */
};

/* NULL; or why the line is of no use. */
const char *result_read(
    struct result *r, const struct modules *t, struct simd_parser *p, const char *line, size_t len);

/* How a zgrab2 object {status, error, …} ended. */
enum grab_end result_end(struct simd_node object);
/* Worth another try later? */
bool end_is_retried(enum grab_end end);

#endif
