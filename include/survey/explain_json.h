/* Layer: study.  What a cluster may be, as members of a JSON object. */
#ifndef SURVEY_EXPLAIN_JSON_H
#define SURVEY_EXPLAIN_JSON_H

#include "survey/explain.h"

struct jsonw;

/* "may_be": [{what, for, against, score}, …], the likeliest first, and "smelly". */
void explain_members(struct jsonw *w, const struct explanation *v, unsigned n, bool smelly);

#endif
