/* The page of a cluster's picture: title, drawing, legend, notes. */
#ifndef GRAPH_PAGE_H
#define GRAPH_PAGE_H

#include "survey/picture.h"

#include "drawing.h"

/* The drawing must outlive the picture. */
void page_init(struct picture *, const struct drawing *, const struct study *);
/* The legend by itself: all line styles and the colours of the largest ASes. */
void page_legend(struct picture *, const struct study *, const struct draw_colours *);

void drawing_dot(const struct drawing *, const struct study *, struct buf *out);

#endif
