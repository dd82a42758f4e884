/* Who owns a name: its registrable domain (Public Suffix List). */
/* Layer: model */
#ifndef SURVEY_DOMAIN_H
#define SURVEY_DOMAIN_H

#include "survey/name.h"

/*
 * The registrable domain of a host name, of a wildcard name without its "*.".
 * normal is room for it; what is returned lies there.  NULL: the name is none to look
 * up, or is itself a public suffix.
 */
const char *domain_of_name(const char *name, char normal[NAME_SIZE]);

#endif
