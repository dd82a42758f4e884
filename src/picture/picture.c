/* Pure: building a picture. */
#include <stdlib.h>
#include <string.h>

#include "survey/escape.h"
#include "survey/mem.h"
#include "survey/picture.h"

/* Widths of Helvetica, in thousandths of the size, from space to tilde. */
/* clang-format off */
static const uint16_t helvetica[95] = {
	278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
	556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
	1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
	667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
	333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
	556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
};
/* clang-format on */

double
picture_text_width(const char *s, double size)
{
	size_t len = strlen(s), n;
	double w = 0;
	uint32_t cp = 0;

	for (size_t i = 0; i < len; i += n) {
		if ((n = utf8_decode(s + i, len - i, &cp)) == 0)
			n = 1;
		if (cp >= 32 && cp < 127)
			w += helvetica[cp - 32];
		else
			w += cp < 0x1100 ? 600 : 1000;
	}
	return w * size / 1000 *
	       1.14; /* DejaVu Sans, the widest usual stand-in, is that much wider */
}

struct shape *
picture_add(struct picture *s, enum shape_kind kind, double x, double y)
{
	mem_grow(&s->shapes, &s->cap, s->n + 1, sizeof(*s->shapes));
	s->shapes[s->n] = (struct shape){
		.kind = kind, .x = x, .y = y, .fill = NO_COLOUR, .stroke = NO_COLOUR, .opacity = 1
	};
	return &s->shapes[s->n++];
}

struct shape *
picture_text(struct picture *s, double x, double y, double size, uint32_t rgb, const char *t)
{
	struct shape *p = picture_add(s, SHAPE_TEXT, x, y);

	p->r = size;
	p->fill = rgb;
	p->text = xstrdup(t);
	return p;
}

struct shape *
picture_line(
    struct picture *s, double x, double y, double x2, double y2, uint32_t rgb, double width)
{
	struct shape *p = picture_add(s, SHAPE_LINE, x, y);

	p->x2 = x2;
	p->y2 = y2;
	p->stroke = rgb;
	p->width = width;
	return p;
}

struct shape *
picture_rect(struct picture *s, double x, double y, double w, double h, uint32_t rgb)
{
	struct shape *p = picture_add(s, SHAPE_RECT, x, y);

	p->x2 = w;
	p->y2 = h;
	p->fill = rgb;
	return p;
}

void
picture_fini(struct picture *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->shapes[i].text);
		free(s->shapes[i].href);
	}
	free(s->shapes);
	free(s->title);
	free(s->desc);
}
