/* What ZGrab2 is told. */
/* Layer: grab */
#ifndef SURVEY_ZGRAB2_H
#define SURVEY_ZGRAB2_H

#include "survey/config.h"
#include "survey/ip.h"

struct buf;

/* What zgrab2 is told at every start.  Strings are borrowed. */
struct zgrab2_params {
	const char *zgrab2; /* path */
	const char *ini_file;
	const char *block_file;
	unsigned senders;
};

/* And what is only known later; the request that a broker gets. */
struct zgrab2_request {
	uint32_t nlocal;
	struct ip local[2]; /* addresses to send from, one a family; none: the system's choice */
};

/* The whole argv; argv_free() it (argv.h). */
char **zgrab2_argv(const struct zgrab2_params *p, const struct zgrab2_request *r);
/* For a guard_tool: arg is the struct zgrab2_params. */
char **zgrab2_request_build(const void *req, size_t len, void *arg);
/* zgrab2's senders for grab.in_flight hosts. */
unsigned zgrab2_senders(const struct config *c);

/* zgrab2's ini for a config: a module with a trigger of its own for each port and each kind of retry. */
void grab_ini(const struct config *c, struct buf *out);
/* What zgrab2 says in EHLO: grab.ehlo, else the source address as a literal; the caller frees. */
char *grab_smtp_name(const struct config *c, const struct ip *source);

#endif
