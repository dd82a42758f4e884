/*
 * A picture as shapes on a page, ready for any format: what SVG, PNG and PDF
 * have in common.  Points, origin top left.
 */
#ifndef GRAPH_SCENE_H
#define GRAPH_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drawing.h"

enum shape_kind { SHAPE_CURVE, SHAPE_LINE, SHAPE_CIRCLE, SHAPE_DIAMOND, SHAPE_TEXT };
enum text_anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };

#define NO_COLOUR UINT32_MAX

struct shape {
	enum shape_kind kind;
	double x, y; /* start, centre, or baseline */
	double x2, y2; /* end of a line or curve */
	double qx, qy; /* control point of a curve */
	double r; /* radius; size of a text */
	uint32_t fill, stroke;
	double width, opacity;
	double dash[6];
	enum text_anchor anchor;
	bool bold;
	bool halo; /* a white rim, so that text stays readable on lines */
	char *text;
	/* A group: shapes that follow each other with the same number share tooltip and link. */
	uint32_t group; /* 0: none */
	const char *tip; /* of the group's first shape; borrowed from the drawing */
	char *href;
};

struct scene {
	double width, height;
	struct shape *shapes;
	size_t n, cap;
	char *title;
	char *desc;
};

/* The drawing must outlive the scene. */
void scene_init(struct scene *, const struct drawing *, const struct study *);
/* The legend by itself: all line styles and the colours of the largest ASes. */
void scene_legend(struct scene *, const struct study *, const struct draw_colours *);
void scene_fini(struct scene *);

/* An upper estimate of a text's width in a sans-serif face of that size. */
double scene_text_width(const char *s, double size);

/* Writers.  Each returns 0, or -1 with errno set. */
struct buf;
void scene_svg(const struct scene *, struct buf *out);
int scene_png(const struct scene *, const char *path);
int scene_pdf(const struct scene *, const char *path);
void drawing_dot(const struct drawing *, const struct study *, struct buf *out);

#endif
