#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/refusals.h"

#define MAX_TEXT 60 /* of a line */

void
refusals_fini(struct refusals *r)
{
	for (size_t i = 0; i < REFUSALS_TOLD; i++)
		free(r->told[i]);
	memset(r, 0, sizeof(*r));
}

void
refusals_add(struct refusals *r, const char *file, unsigned long line, const char *text, size_t len,
    const char *why)
{
	if (r->n++ >= REFUSALS_TOLD)
		return;
	if (text == NULL)
		r->told[r->n - 1] = xasprintf("%s:%lu: %s", file, line, why);
	else
		r->told[r->n - 1] = xasprintf("%s:%lu: \"%.*s%s\": %s", file, line,
		    (int)(len < MAX_TEXT ? len : MAX_TEXT), text,
		    len > MAX_TEXT ? "\xe2\x80\xa6" : "", why);
}

void
refusals_log(
    const struct refusals *r, void (*log)(const char *, ...) __attribute__((format(printf, 1, 2))))
{
	for (size_t i = 0; i < r->n && i < REFUSALS_TOLD; i++)
		log("%s", r->told[i]);
	if (r->n > REFUSALS_TOLD)
		log("and %llu more lines like these", (unsigned long long)(r->n - REFUSALS_TOLD));
}
