/* A picture as PNG and PDF, through cairo. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <cairo-pdf.h>
#include <cairo.h>
#include <fontconfig/fontconfig.h>

#include "survey/file.h"

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
	cairo_set_source_rgb(cr, 1, 1, 1);
	cairo_paint(cr);
	for (size_t i = 0; i < s->n; i++)
		paint_shape(cr, &s->shapes[i]);
}

static cairo_status_t
to_file(void *arg, const unsigned char *data, unsigned int len)
{
	struct outfile *o = arg;

	return fwrite(data, 1, len, o->f) == len ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

/* Commit o when cairo was content, else say which kind of failure it was. */
static int
finish(struct outfile *o, cairo_status_t status)
{
	if (status == CAIRO_STATUS_SUCCESS)
		return outfile_commit(o);
	if (status != CAIRO_STATUS_WRITE_ERROR)
		errno = status == CAIRO_STATUS_NO_MEMORY ? ENOMEM : EINVAL;
	outfile_abort(o);
	return -1;
}

int
picture_png(const struct picture *s, const char *path)
{
	double scale = fmin(PRINT_SCALE, sqrt(MAX_PIXELS / (s->width * s->height)));
	cairo_surface_t *surface;
	cairo_status_t status;
	struct outfile o;
	cairo_t *cr;

	scale = fmin(scale, fmin(MAX_SIDE / s->width, MAX_SIDE / s->height));
	if (outfile_open(&o, path) == -1)
		return -1;
	surface = cairo_image_surface_create(
	    CAIRO_FORMAT_RGB24, (int)ceil(s->width * scale), (int)ceil(s->height * scale));
	cr = cairo_create(surface);
	cairo_scale(cr, scale, scale);
	paint(cr, s);
	status = cairo_status(cr);
	if (status == CAIRO_STATUS_SUCCESS)
		status = cairo_surface_write_to_png_stream(surface, to_file, &o);
	cairo_destroy(cr);
	cairo_surface_destroy(surface);
	return finish(&o, status);
}

int
picture_pdf(const struct picture *s, const char *path)
{
	cairo_surface_t *surface;
	cairo_status_t status;
	struct outfile o;
	cairo_t *cr;

	if (outfile_open(&o, path) == -1)
		return -1;
	surface = cairo_pdf_surface_create_for_stream(to_file, &o, s->width, s->height);
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
	return finish(&o, status);
}

void
picture_release_fonts(void)
{
	cairo_debug_reset_static_data(); /* lets go of the fonts, which FcFini() wants */
	FcFini();
}
