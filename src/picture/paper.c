/* A picture as PNG and PDF, through cairo. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cairo-pdf.h>
#include <cairo.h>
#include <png.h>

#include "survey/buf.h"
#include "survey/picture.h"
#include "survey/text.h"

#define PRINT_SCALE (200.0 / 72) /* 200 dots an inch */
#define MAX_SIDE 7000.0 /* pixels */
#define MAX_PIXELS 16.0e6
#define PNG_CHUNK ((size_t)256 << 10) /* packed bytes of one IDAT */

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
png_to_buf(png_structp png, png_bytep data, size_t len)
{
	buf_add(png_get_io_ptr(png), data, len);
}

static void
png_no_flush(png_structp png)
{
	(void)png;
}

_Noreturn static void
png_failed(png_structp png, png_const_charp why)
{
	(void)why;
	png_longjmp(png, 1);
}

static void
png_warned(png_structp png, png_const_charp what)
{
	(void)png;
	(void)what;
}

static void
put_png(png_structp png, png_infop info, cairo_surface_t *surface, struct buf *out)
{
	int width = cairo_image_surface_get_width(surface);
	int height = cairo_image_surface_get_height(surface);
	int stride = cairo_image_surface_get_stride(surface);
	const unsigned char *pixels = cairo_image_surface_get_data(surface);
	png_uint_32 per_metre = (png_uint_32)(PRINT_SCALE * 72 / 0.0254 + 0.5);

	png_set_write_fn(png, out, png_to_buf, png_no_flush);
	png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB,
	    PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_pHYs(png, info, per_metre, per_metre, PNG_RESOLUTION_METER);
	png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP);
	png_set_compression_level(png, 3);
	png_set_compression_buffer_size(png, PNG_CHUNK);
	png_write_info(png, info);
	/* cairo's pixels are numbers of 32 bits, 0x00rrggbb. */
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
		png_set_bgr(png);
		png_set_filler(png, 0, PNG_FILLER_AFTER);
	} else {
		png_set_filler(png, 0, PNG_FILLER_BEFORE);
	}
	for (int y = 0; y < height; y++)
		png_write_row(png, pixels + (size_t)y * (size_t)stride);
	png_write_end(png, info);
}

/*
 * Write the surface as PNG.  cairo's own writer tries every filter and packs
 * hard, which takes several times as long as the drawing and gains little on
 * flat colours: a drawing's rows are mostly like the row above.
 */
static int
write_png(cairo_surface_t *surface, struct buf *out)
{
	png_structp png = png_create_write_struct(
	    PNG_LIBPNG_VER_STRING, NULL, png_failed, png_warned);
	png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
	volatile int rc = -1;

	if (info != NULL && setjmp(png_jmpbuf(png)) == 0) {
		put_png(png, info, surface, out);
		rc = 0;
	}
	png_destroy_write_struct(&png, &info);
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
	struct buf title;
	cairo_t *cr;

	buf_init(&title);
	text_plain(&title, s->title, strlen(s->title), SIZE_MAX);
	surface = cairo_pdf_surface_create_for_stream(to_buf, out, s->width, s->height);
	cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, title.data);
	buf_fini(&title);
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
