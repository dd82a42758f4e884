/* Pure: times of a run after which no canary has answered. */
#include <string.h>

#include "unheard.h"

/* The one that goes on, or NULL. */
static struct manifest_span *
open_span(struct manifest_canaries *c)
{
	struct manifest_span *last = &c->unheard[c->nunheard > 0 ? c->nunheard - 1 : 0];

	return c->nunheard > 0 && last->to == 0 ? last : NULL;
}

void
unheard_since(struct manifest_canaries *c, int64_t from)
{
	struct manifest_span *last = open_span(c);

	if (last == NULL && c->nunheard == UNHEARD_MAX) { /* the first two become one */
		c->unheard[1].from = c->unheard[0].from;
		memmove(c->unheard, c->unheard + 1, --c->nunheard * sizeof(*c->unheard));
	}
	if (last == NULL)
		last = &c->unheard[c->nunheard++];
	*last = (struct manifest_span){ .from = from };
}

void
unheard_until(struct manifest_canaries *c, int64_t to)
{
	struct manifest_span *last = open_span(c);

	if (last != NULL)
		last->to = to > last->from ? to : last->from;
}

bool
unheard_at(const struct manifest_canaries *c, int64_t then)
{
	for (unsigned i = 0; i < c->nunheard; i++) {
		const struct manifest_span *s = &c->unheard[i];

		if (then >= s->from && (s->to == 0 || then <= s->to))
			return true;
	}
	return false;
}
