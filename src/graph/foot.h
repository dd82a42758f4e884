/* The foot of a picture, and what it shares with the page above it. */
#ifndef GRAPH_FOOT_H
#define GRAPH_FOOT_H

#include "survey/picture.h"

#include "drawing.h"

#define MARGIN 20.0
#define AS_COLUMN 236.0
#define KEY_COLUMN 190.0

#define INK PICTURE_INK
#define INK_SOFT PICTURE_SOFT
#define RULE PICTURE_RULE

void page_dash(struct shape *, const double *dash);
/* The mark of a host that shows a weak key. */
struct shape *foot_weak_mark(struct picture *, double x, double y);
/* "1 host" or "1,234 hosts", appended; returns the text of all of it. */
const char *page_counted(struct buf *, unsigned long long n, const char *one, const char *many);
/* Draws it from that height on and returns where it ends. */
double page_foot(struct picture *, const struct drawing *, const struct study *, double top);

#endif
