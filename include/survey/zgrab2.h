/* What ZGrab2 is told. */
/* Layer: grab */
#ifndef SURVEY_ZGRAB2_H
#define SURVEY_ZGRAB2_H

#include "survey/config.h"
#include "survey/ip.h"

struct buf;

/* zgrab2's ini for a config: a module with a trigger of its own for each port and each kind of retry. */
void grab_ini(const struct config *c, struct buf *out);
/* What zgrab2 says in EHLO: grab.ehlo, else the source address as a literal; the caller frees. */
char *grab_smtp_name(const struct config *c, const struct ip *source);

#endif
