/*
 * A picture as shapes on a page, and its forms SVG, PNG and PDF.
 *
 * Points, origin top left.  Every text is escaped by the writers.
 */
/* Layer: picture */
#ifndef SURVEY_PICTURE_H
#define SURVEY_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum shape_kind { SHAPE_CURVE, SHAPE_LINE, SHAPE_CIRCLE, SHAPE_DIAMOND, SHAPE_RECT, SHAPE_TEXT };
enum text_anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };

#define NO_COLOUR UINT32_MAX

/* What texts and rules are drawn in; an SVG that a page embeds is recoloured by these. */
#define PICTURE_INK 0x1a1a1a
#define PICTURE_SOFT 0x5a5a5a
#define PICTURE_RULE 0xcccccc
#define PICTURE_KEY 0x222222
#define PICTURE_IN 0x33668c /* in clusters, and outside of them */
#define PICTURE_OUT 0xa9c8dd
#define PICTURE_WEAK_OUT 0xefb8b4
#define PICTURE_WEAK 0xc1121f /* keys that are weak, and what shows them */

struct shape {
	enum shape_kind kind;
	double x, y; /* start, centre, top left of a rectangle, or baseline */
	double x2, y2; /* end of a line or curve; size of a rectangle */
	double qx, qy; /* control point of a curve */
	double r; /* radius; size of a text */
	uint32_t fill, stroke;
	double width, opacity; /* of the stroke */
	double dash[6];
	enum text_anchor anchor;
	bool bold;
	bool halo; /* a white rim, so that text stays readable on lines */
	char *text;
	/* A group: shapes that follow each other with the same number share tooltip and link. */
	uint32_t group; /* 0: none */
	const char *tip; /* of the group's first shape; borrowed */
	char *href; /* of the group's first shape; owned */
};

struct picture {
	double width, height;
	struct shape *shapes;
	size_t n, cap;
	char *title; /* owned */
	char *desc;
	uint64_t digest; /* of what it shows, for an SVG to be recognised by; 0: none */
};

/* A new shape without colours; valid until the next is added. */
struct shape *picture_add(struct picture *, enum shape_kind, double x, double y);
struct shape *picture_text(
    struct picture *, double x, double y, double size, uint32_t rgb, const char *text);
struct shape *picture_line(
    struct picture *, double x, double y, double x2, double y2, uint32_t rgb, double width);
struct shape *picture_rect(struct picture *, double x, double y, double w, double h, uint32_t rgb);
void picture_fini(struct picture *);

/* An upper estimate of a text's width in a sans-serif face of that size. */
double picture_text_width(const char *s, double size);
/* Shorten a text to what fits into room, with an ellipsis. */
void picture_text_cut(struct buf *, double size, double room);

void picture_svg(const struct picture *, struct buf *out);
/* Was the SVG made of a picture with this digest? */
bool picture_svg_is(const char *svg, size_t len, uint64_t digest);
/* Appended to out.  Return 0, or -1 with errno set when cairo cannot draw it. */
int picture_png(const struct picture *, struct buf *out);
int picture_pdf(const struct picture *, struct buf *out);
/*
 * Find the fonts that these two draw with.  They do it themselves; a process
 * that forks others which draw does it before, once for all of them.
 */
void picture_load_fonts(void);
/* Give back the fonts; they are found again when needed. */
void picture_release_fonts(void);

#endif
