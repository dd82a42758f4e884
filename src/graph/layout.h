/* Where the nodes of a drawing stand. */
#ifndef GRAPH_LAYOUT_H
#define GRAPH_LAYOUT_H

#include "drawing.h"

struct layout; /* Graphviz's context: one per process, it is not for threads */

struct layout *layout_new(void);
void layout_free(struct layout *l);

/* Place d's nodes, in points.  Returns 0, or -1 when Graphviz fails. */
int layout_place(struct layout *l, struct drawing *d);

/* How long an edge ought to be, in points. */
double layout_edge_length(const struct drawing *d, const struct draw_edge *e);
/* Give placed nodes the room they need. */
void layout_separate(struct drawing *d);

#endif
