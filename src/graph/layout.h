/* Where the nodes of a drawing stand. */
#ifndef GRAPH_LAYOUT_H
#define GRAPH_LAYOUT_H

#include "drawing.h"

struct layout; /* Graphviz's context: one per process, it is not for threads */

struct layout *layout_new(void);
void layout_free(struct layout *l);

/* Place d's nodes, in points.  Returns 0, or -1 when Graphviz fails. */
int layout_place(struct layout *l, struct drawing *d);

#endif
