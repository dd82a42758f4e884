/*
 * Pure: a picture as SVG 1.1, every text escaped.
 *
 * Looks are presentation attributes, so a page that embeds the picture needs
 * no inline styles; classes let its style sheet recolour page and text.
 */
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"

#include "survey/picture.h"

static void
number(struct buf *b, double v)
{
	size_t start = b->len;

	buf_printf(b, "%.1f", v);
	if (b->len > start + 2 && strcmp(b->data + b->len - 2, ".0") == 0) {
		b->len -= 2;
		b->data[b->len] = '\0';
	}
}

static void
attr(struct buf *b, const char *name, double v)
{
	buf_printf(b, " %s=\"", name);
	number(b, v);
	buf_addc(b, '"');
}

static void
colour(struct buf *b, const char *name, uint32_t rgb)
{
	if (rgb == NO_COLOUR)
		buf_printf(b, " %s=\"none\"", name);
	else
		buf_printf(b, " %s=\"#%06x\"", name, rgb);
}

/* A style sheet may know what some colours mean, and show them as it fits its ground. */
static void
fill(struct buf *b, uint32_t rgb)
{
	static const struct {
		uint32_t rgb;
		const char *name;
	} classes[] = { { PICTURE_KEY, "key" }, { PICTURE_WEAK, "in-weak" },
		{ PICTURE_WEAK_OUT, "out-weak" }, { PICTURE_IN, "in" }, { PICTURE_OUT, "out" } };

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (classes[i].rgb == rgb)
			buf_printf(b, " class=\"%s\"", classes[i].name);
	}
	colour(b, "fill", rgb);
}

static void
stroke(struct buf *b, const struct shape *p)
{
	if (p->stroke == NO_COLOUR)
		return;
	colour(b, "stroke", p->stroke);
	attr(b, "stroke-width", p->width);
	if (p->dash[0] > 0) {
		buf_adds(b, " stroke-dasharray=\"");
		for (size_t i = 0; i < 6 && p->dash[i] > 0; i++) {
			if (i > 0)
				buf_addc(b, ' ');
			number(b, p->dash[i]);
		}
		buf_addc(b, '"');
	}
	if (p->opacity < 1)
		buf_printf(b, " stroke-opacity=\"%.2f\"", p->opacity);
}

static void
escaped(struct buf *b, const char *s)
{
	escape_xml(b, s, strlen(s));
}

static void
put_text(struct buf *b, const struct shape *p)
{
	static const char *const anchors[] = { "start", "middle", "end" };

	buf_adds(b, "<text");
	if (p->fill == PICTURE_INK || p->fill == PICTURE_SOFT)
		buf_printf(b, " class=\"%s%s\"", p->fill == PICTURE_INK ? "ink" : "soft",
		    p->halo ? " halo" : "");
	attr(b, "x", p->x);
	attr(b, "y", p->y);
	attr(b, "font-size", p->r);
	colour(b, "fill", p->fill);
	if (p->anchor != ANCHOR_START)
		buf_printf(b, " text-anchor=\"%s\"", anchors[p->anchor]);
	if (p->bold)
		buf_adds(b, " font-weight=\"bold\"");
	if (p->halo)
		buf_adds(b, " stroke=\"#fff\" stroke-width=\"3\" stroke-linejoin=\"round\" "
			    "paint-order=\"stroke\"");
	buf_addc(b, '>');
	escaped(b, p->text);
	buf_adds(b, "</text>\n");
}

static void
put_shape(struct buf *b, const struct shape *p)
{
	switch (p->kind) {
	case SHAPE_LINE:
		buf_adds(b, p->stroke == PICTURE_RULE ? "<line class=\"rule\"" : "<line");
		attr(b, "x1", p->x);
		attr(b, "y1", p->y);
		attr(b, "x2", p->x2);
		attr(b, "y2", p->y2);
		break;
	case SHAPE_CURVE:
		buf_adds(b, "<path fill=\"none\" d=\"M");
		number(b, p->x);
		buf_addc(b, ' ');
		number(b, p->y);
		buf_addc(b, 'Q');
		number(b, p->qx);
		buf_addc(b, ' ');
		number(b, p->qy);
		buf_addc(b, ' ');
		number(b, p->x2);
		buf_addc(b, ' ');
		number(b, p->y2);
		buf_addc(b, '"');
		break;
	case SHAPE_CIRCLE:
		buf_adds(b, "<circle");
		attr(b, "cx", p->x);
		attr(b, "cy", p->y);
		attr(b, "r", p->r);
		fill(b, p->fill);
		break;
	case SHAPE_DIAMOND:
		buf_adds(b, "<path d=\"M");
		number(b, p->x);
		buf_addc(b, ' ');
		number(b, p->y - p->r);
		buf_addc(b, 'l');
		number(b, p->r);
		buf_addc(b, ' ');
		number(b, p->r);
		buf_addc(b, ' ');
		number(b, -p->r);
		buf_addc(b, ' ');
		number(b, p->r);
		buf_addc(b, ' ');
		number(b, -p->r);
		buf_addc(b, ' ');
		number(b, -p->r);
		buf_adds(b, "z\"");
		fill(b, p->fill);
		break;
	case SHAPE_RECT:
		buf_adds(b, "<rect");
		attr(b, "x", p->x);
		attr(b, "y", p->y);
		attr(b, "width", p->x2);
		attr(b, "height", p->y2);
		fill(b, p->fill);
		break;
	case SHAPE_TEXT:
		put_text(b, p);
		return;
	}
	stroke(b, p);
	buf_adds(b, "/>\n");
}

static void
put_digest(struct buf *b, uint64_t digest)
{
	buf_printf(b, " data-digest=\"%016llx\"", (unsigned long long)digest);
}

bool
picture_svg_is(const char *svg, size_t len, uint64_t digest)
{
	const char *end = memchr(svg, '\n', len); /* of the declaration */
	struct buf b;
	bool is;

	if (end != NULL)
		end = memchr(end + 1, '>', len - (size_t)(end + 1 - svg));
	if (end == NULL)
		return false;
	buf_init(&b);
	put_digest(&b, digest);
	is = memmem(svg, (size_t)(end - svg), b.data, b.len) != NULL;
	buf_fini(&b);
	return is;
}

void
picture_svg(const struct picture *s, struct buf *b)
{
	buf_adds(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg "
		    "xmlns=\"http://www.w3.org/2000/svg\"");
	attr(b, "width", s->width);
	attr(b, "height", s->height);
	buf_adds(b, " viewBox=\"0 0 ");
	number(b, s->width);
	buf_addc(b, ' ');
	number(b, s->height);
	buf_addc(b, '"');
	if (s->digest != 0)
		put_digest(b, s->digest);
	buf_adds(b, " role=\"img\">\n<title>");
	escaped(b, s->title);
	buf_adds(b, "</title>\n<desc>");
	escaped(b, s->desc);
	/* On a group: validators of HTML do not know the attribute on svg. */
	buf_adds(b, "</desc>\n<g font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', "
		    "sans-serif\">\n<rect class=\"page\" width=\"100%\" height=\"100%\" "
		    "fill=\"#ffffff\"/>\n");
	for (size_t i = 0; i < s->n;) {
		const struct shape *first = &s->shapes[i];

		if (first->group == 0) {
			put_shape(b, first);
			i++;
			continue;
		}
		if (first->href != NULL) {
			buf_adds(b, "<a href=\"");
			escaped(b, first->href);
			buf_adds(b, "\">");
		}
		buf_adds(b, "<g>");
		if (first->tip != NULL) {
			buf_adds(b, "<title>");
			escaped(b, first->tip);
			buf_adds(b, "</title>");
		}
		for (; i < s->n && s->shapes[i].group == first->group; i++)
			put_shape(b, &s->shapes[i]);
		buf_adds(b, first->href != NULL ? "</g></a>\n" : "</g>\n");
	}
	buf_adds(b, "</g>\n</svg>\n");
}
