/* A host's line in the layout of FreshGrab.py, the writer of the studies' records. */
#ifndef QUERY_FRESHGRAB_H
#define QUERY_FRESHGRAB_H

#include <stddef.h>

#include "survey/buf.h"
#include "survey/study.h"

enum freshgrab_form {
	FRESHGRAB_NEITHER, /* a line of another kind, or one that is ambiguous */
	FRESHGRAB_THEIRS, /* a layout that the scripts read already */
	FRESHGRAB_PORTS, /* pNN.data.MODULE, as survey writes it */
	FRESHGRAB_ZGRAB2 /* data.pNN */
};

/* The layout of a record's line, which is JSON. */
enum freshgrab_form freshgrab_form(const char *text, size_t len);

/* Each adds an object to out.  The line is one of PORTS or ZGRAB2; all of it is kept. */
void freshgrab_line(const struct study *st, const struct study_host *h, enum freshgrab_form form,
    const char *text, size_t len, struct buf *out);
void freshgrab_study(const struct study *st, const struct study_host *h, struct buf *out);

/* What both share: the members that begin the object, and the grab that a row of port_table is
 * shown by (NULL: none). */
void freshgrab_head(const struct study *st, const struct study_host *h, struct buf *out);
const struct study_grab *freshgrab_shown(
    const struct study *st, const struct study_host *h, int row);

#endif
