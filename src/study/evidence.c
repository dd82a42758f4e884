/* Pure: what speaks for a finding. */
#include "survey/buf.h"
#include "survey/finding.h"
#include "survey/hex.h"
#include "survey/study.h"

#define PARTNERS 8 /* that are named */

static void
put_list(const struct findings *all, const struct finding *f, struct buf *out)
{
	const struct finding_list *l = &all->lists[f->list];

	buf_printf(out, " The list is %s", l->name);
	if (l->parts != NULL && l->parts[f->part] != NULL)
		buf_printf(out, ", %s", l->parts[f->part]);
	else if (f->part != 0)
		buf_printf(out, ", part %u", f->part);
	if (l->note != NULL)
		buf_printf(out, " (%s)", l->note);
	buf_addc(out, '.');
}

void
study_evidence(const struct study *st, size_t number, struct buf *out)
{
	const struct findings *all = st->findings;
	const struct finding *f = &all->findings[number];
	size_t partners = 0, named = 0;

	buf_adds(out, finding_kinds[f->kind].evidence);
	if (f->kind == FINDING_LISTED)
		put_list(all, f, out);
	for (size_t i = 0; i < f->nrefs; i++) {
		const struct finding_group *g = &all->groups[all->refs[f->refs_at + i]];

		partners += g->n - 1;
		for (size_t j = 0; j < g->n && named < PARTNERS; j++) {
			uint32_t key = all->members[g->at + j];

			if (key == f->key)
				continue;
			buf_adds(out, named++ == 0 ? " Partners: " : ", ");
			hex_add(out, st->keys[key].fp, KEY_LEN);
		}
	}
	if (partners > named)
		buf_printf(out, " and %zu more", partners - named);
	if (named > 0)
		buf_addc(out, '.');
}

int
study_weakness(const struct study *st, const struct finding_index *x, uint32_t key, struct buf *out)
{
	int worst = -1;

	for (size_t i = x->first[key]; i != 0; i = x->next[i - 1]) {
		const struct finding_kind_def *kind =
		    &finding_kinds[st->findings->findings[i - 1].kind];

		buf_printf(out, "%s%s (%s)", worst == -1 ? "" : ", ", kind->name,
		    finding_severity_name((enum finding_severity)kind->severity));
		if (worst == -1)
			worst = kind->severity;
	}
	return worst;
}
