/* Pure: building a picture. */
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/mem.h"
#include "survey/picture.h"
#include "survey/text.h"

/* The greater of a letter's widths in Helvetica and DejaVu Sans, in thousandths, space to tilde. */
/* clang-format off */
static const uint16_t widths[95] = {
	318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337,
	636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 556,
	1015, 684, 686, 722, 770, 667, 611, 778, 752, 295, 500, 667, 557, 863, 748, 787,
	667, 787, 722, 667, 611, 732, 684, 989, 685, 667, 685, 390, 337, 390, 838, 556,
	500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612,
	635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
};
/* clang-format on */

/* Other scripts: near enough for a word of them. */
static double
letter_width(uint32_t cp)
{
	if (cp >= 32 && cp < 127)
		return widths[cp - 32];
	return cp < 0x1100 ? 800 : 1000;
}

double
picture_text_width(const char *s, double size)
{
	size_t len = strlen(s), n;
	double w = 0;
	uint32_t cp = 0;

	for (size_t i = 0; i < len; i += n) {
		if ((n = utf8_decode(s + i, len - i, &cp)) == 0)
			n = 1;
		w += letter_width(cp);
	}
	return w * size / 1000;
}

void
picture_text_cut(struct buf *b, double size, double room)
{
	double w = letter_width(0x2026) * size / 1000;
	size_t i = 0, n;
	uint32_t cp = 0;

	if (picture_text_width(b->data, size) <= room)
		return;
	for (; i < b->len; i += n) {
		if ((n = utf8_decode(b->data + i, b->len - i, &cp)) == 0)
			n = 1;
		w += letter_width(cp) * size / 1000;
		if (w > room)
			break;
	}
	while (i > 0 && b->data[i - 1] == ' ')
		i--;
	b->len = i;
	buf_adds(b, "\xe2\x80\xa6");
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

	struct buf plain;

	p->r = size;
	p->fill = rgb;
	buf_init(&plain);
	text_plain(
	    &plain, t, strlen(t), SIZE_MAX); /* cairo draws nothing of a text that it refuses */
	p->text = buf_steal(&plain);
	buf_fini(&plain);
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
