/* A picture as PNG and PDF, through cairo. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cairo-pdf.h>
#include <cairo.h>
#include <zlib.h>

#include "survey/buf.h"
#include "survey/mem.h"

#include "survey/picture.h"

#define PRINT_SCALE (200.0 / 72) /* 200 dots an inch */
#define MAX_SIDE 7000.0 /* pixels */
#define MAX_PIXELS 16.0e6

static void
source(cairo_t *cr, uint32_t rgb, double opacity)
{
	cairo_set_source_rgba(cr, ((rgb >> 16) & 0xff) / 255.0, ((rgb >> 8) & 0xff) / 255.0,
	    (rgb & 0xff) / 255.0, opacity);
}

static void
paint_text(cairo_t *cr, const struct shape *p)
{
	cairo_text_extents_t size;
	double x = p->x;

	cairo_select_font_face(cr, "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif",
	    CAIRO_FONT_SLANT_NORMAL, p->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(cr, p->r);
	if (p->anchor != ANCHOR_START) {
		cairo_text_extents(cr, p->text, &size);
		x -= p->anchor == ANCHOR_MIDDLE ? size.x_advance / 2 : size.x_advance;
	}
	if (p->halo) {
		cairo_move_to(cr, x, p->y);
		cairo_text_path(cr, p->text);
		source(cr, 0xffffff, 1);
		cairo_set_line_width(cr, 3);
		cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
		cairo_stroke(cr);
	}
	cairo_move_to(cr, x, p->y);
	source(cr, p->fill, 1);
	cairo_show_text(cr, p->text);
}

static void
paint_shape(cairo_t *cr, const struct shape *p)
{
	int ndash = 0;

	cairo_new_path(cr);
	switch (p->kind) {
	case SHAPE_TEXT:
		paint_text(cr, p);
		return;
	case SHAPE_LINE:
		cairo_move_to(cr, p->x, p->y);
		cairo_line_to(cr, p->x2, p->y2);
		break;
	case SHAPE_CURVE: /* a quadratic curve as the cubic that equals it */
		cairo_move_to(cr, p->x, p->y);
		cairo_curve_to(cr, p->x + (p->qx - p->x) * 2 / 3, p->y + (p->qy - p->y) * 2 / 3,
		    p->x2 + (p->qx - p->x2) * 2 / 3, p->y2 + (p->qy - p->y2) * 2 / 3, p->x2, p->y2);
		break;
	case SHAPE_CIRCLE:
		cairo_arc(cr, p->x, p->y, p->r, 0, 2 * M_PI);
		break;
	case SHAPE_RECT:
		cairo_rectangle(cr, p->x, p->y, p->x2, p->y2);
		break;
	case SHAPE_DIAMOND:
		cairo_move_to(cr, p->x, p->y - p->r);
		cairo_line_to(cr, p->x + p->r, p->y);
		cairo_line_to(cr, p->x, p->y + p->r);
		cairo_line_to(cr, p->x - p->r, p->y);
		cairo_close_path(cr);
		break;
	}
	if (p->fill != NO_COLOUR) {
		source(cr, p->fill, 1);
		cairo_fill_preserve(cr);
	}
	if (p->stroke != NO_COLOUR) {
		while (ndash < 6 && p->dash[ndash] > 0)
			ndash++;
		cairo_set_dash(cr, p->dash, ndash, 0);
		cairo_set_line_width(cr, p->width);
		source(cr, p->stroke, p->opacity);
		cairo_stroke(cr);
	}
}

static void
paint(cairo_t *cr, const struct picture *s)
{
	picture_load_fonts();
	cairo_set_source_rgb(cr, 1, 1, 1);
	cairo_paint(cr);
	for (size_t i = 0; i < s->n; i++)
		paint_shape(cr, &s->shapes[i]);
}

static cairo_status_t
to_buf(void *arg, const unsigned char *data, unsigned int len)
{
	buf_add(arg, data, len);
	return CAIRO_STATUS_SUCCESS;
}

/* Was cairo content?  Else say which kind of failure it was. */
static int
finish(cairo_status_t status)
{
	if (status == CAIRO_STATUS_SUCCESS)
		return 0;
	errno = status == CAIRO_STATUS_NO_MEMORY ? ENOMEM : EINVAL;
	return -1;
}

static void
put32(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)(v >> 24);
	p[1] = (unsigned char)(v >> 16);
	p[2] = (unsigned char)(v >> 8);
	p[3] = (unsigned char)v;
}

static void
put_chunk(struct buf *out, const char *type, const unsigned char *data, size_t len)
{
	unsigned char head[8], tail[4];
	uLong crc = crc32(0, (const unsigned char *)type, 4);

	put32(head, (uint32_t)len);
	memcpy(head + 4, type, 4);
	if (len > 0)
		crc = crc32(crc, data, (uInt)len);
	put32(tail, (uint32_t)crc);
	buf_add(out, head, sizeof(head));
	buf_add(out, data, len);
	buf_add(out, tail, sizeof(tail));
}

/* Up filter (RFC 2083, 6.4): a drawing's rows are mostly like the row above. */
static void
filter_row(unsigned char *out, const uint32_t *row, const uint32_t *above, int width)
{
	*out++ = 2;
	for (int x = 0; x < width; x++) {
		uint32_t a = above != NULL ? above[x] : 0, v = row[x];

		*out++ = (unsigned char)((v >> 16) - (a >> 16));
		*out++ = (unsigned char)((v >> 8) - (a >> 8));
		*out++ = (unsigned char)(v - a);
	}
}

/*
 * Write the surface as PNG.  cairo's own writer tries every filter and packs
 * hard, which takes several times as long as the drawing and gains little on
 * flat colours.
 */
static int
write_png(cairo_surface_t *surface, struct buf *out)
{
	static const unsigned char magic[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
	int width = cairo_image_surface_get_width(surface);
	int height = cairo_image_surface_get_height(surface);
	int stride = cairo_image_surface_get_stride(surface);
	const unsigned char *pixels = cairo_image_surface_get_data(surface);
	size_t row = 3 * (size_t)width + 1;
	unsigned char head[13] = { 0 }, phys[9], *rows = xmalloc(row * (size_t)height), *packed;
	uLongf len = compressBound((uLong)(row * (size_t)height));
	uint32_t per_metre = (uint32_t)(PRINT_SCALE * 72 / 0.0254 + 0.5);
	int rc = -1;

	for (int y = 0; y < height; y++) {
		const unsigned char *line = pixels + (size_t)y * (size_t)stride;

		filter_row(rows + (size_t)y * row, (const uint32_t *)(const void *)line,
		    y > 0 ? (const uint32_t *)(const void *)(line - stride) : NULL, width);
	}
	packed = xmalloc(len);
	if (compress2(packed, &len, rows, (uLong)(row * (size_t)height), 3) == Z_OK) {
		put32(head, (uint32_t)width);
		put32(head + 4, (uint32_t)height);
		head[8] = 8; /* bits a channel */
		head[9] = 2; /* red, green, blue */
		put32(phys, per_metre);
		put32(phys + 4, per_metre);
		phys[8] = 1;
		buf_add(out, magic, sizeof(magic));
		put_chunk(out, "IHDR", head, sizeof(head));
		put_chunk(out, "pHYs", phys, sizeof(phys));
		put_chunk(out, "IDAT", packed, len);
		put_chunk(out, "IEND", NULL, 0);
		rc = 0;
	}
	free(rows);
	free(packed);
	return rc;
}

int
picture_png(const struct picture *s, struct buf *out)
{
	double scale = fmin(PRINT_SCALE, sqrt(MAX_PIXELS / (s->width * s->height)));
	cairo_surface_t *surface;
	cairo_status_t status;
	cairo_t *cr;

	scale = fmin(scale, fmin(MAX_SIDE / s->width, MAX_SIDE / s->height));
	surface = cairo_image_surface_create(
	    CAIRO_FORMAT_RGB24, (int)ceil(s->width * scale), (int)ceil(s->height * scale));
	cr = cairo_create(surface);
	cairo_scale(cr, scale, scale);
	paint(cr, s);
	status = cairo_status(cr);
	cairo_surface_flush(surface);
	if (status == CAIRO_STATUS_SUCCESS && write_png(surface, out) == -1)
		status = CAIRO_STATUS_NO_MEMORY;
	cairo_destroy(cr);
	cairo_surface_destroy(surface);
	return finish(status);
}

int
picture_pdf(const struct picture *s, struct buf *out)
{
	cairo_surface_t *surface;
	cairo_status_t status;
	cairo_t *cr;

	surface = cairo_pdf_surface_create_for_stream(to_buf, out, s->width, s->height);
	cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, s->title);
	/* No time of writing: the same input gives the same bytes. */
	cairo_pdf_surface_set_metadata(
	    surface, CAIRO_PDF_METADATA_CREATE_DATE, "1970-01-01T00:00:00Z");
	cr = cairo_create(surface);
	paint(cr, s);
	cairo_show_page(cr);
	status = cairo_status(cr);
	cairo_destroy(cr);
	cairo_surface_finish(surface);
	if (status == CAIRO_STATUS_SUCCESS)
		status = cairo_surface_status(surface);
	cairo_surface_destroy(surface);
	return finish(status);
}
