/* Pure. */
#include <libpsl.h>
#include <string.h>

#include "survey/domain.h"

const char *
domain_of_name(const char *name, char normal[NAME_SIZE])
{
	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	if (name_normalise(name, strlen(name), normal) != NAME_OK)
		return NULL;
	return psl_registrable_domain(psl_builtin(), normal);
}
