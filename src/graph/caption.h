/* Where the captions of nodes stand. */
#ifndef GRAPH_CAPTION_H
#define GRAPH_CAPTION_H

#include "survey/picture.h"

#include "drawing.h"

#define CAPTION_SIZE 8.5

struct caption_box { /* points; y grows upwards */
	double x0, y0, x1, y1;
};

/* Choose cx and cy of all nodes with a caption so that it covers little; what it does cover is a cost. */
double caption_aim(struct drawing *);
/* Where a caption's text begins (anchor) and its baseline. */
void caption_place(const struct draw_node *, double *x, double *y, enum text_anchor *);
struct caption_box caption_box(const struct draw_node *);

#endif
