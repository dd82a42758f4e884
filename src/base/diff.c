/* Pure: two short texts compared line by line. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/diff.h"
#include "survey/mem.h"

#define MAX_LINES 5000 /* the table below is quadratic */

struct lines {
	const char **s;
	size_t *len;
	size_t n;
};

static void
split(struct lines *l, const char *text)
{
	size_t cap = 0, cap_len = 0;

	*l = (struct lines){ .n = 0 };
	while (*text != '\0' && l->n < MAX_LINES) {
		size_t len = strcspn(text, "\n");

		mem_grow(&l->s, &cap, l->n + 1, sizeof(*l->s));
		mem_grow(&l->len, &cap_len, l->n + 1, sizeof(*l->len));
		l->s[l->n] = text;
		l->len[l->n++] = len;
		text += len + (text[len] == '\n');
	}
}

static bool
same(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
	return a->len[i] == b->len[j] && memcmp(a->s[i], b->s[j], a->len[i]) == 0;
}

static void
show(struct buf *out, char sign, const struct lines *l, size_t i)
{
	buf_addc(out, sign);
	buf_add(out, l->s[i], l->len[i]);
	buf_addc(out, '\n');
}

char *
diff_lines(const char *before, const char *after)
{
	struct lines a, b;
	size_t i = 0, j = 0, width;
	unsigned short *common; /* longest common subsequence of the tails from i and j */
	struct buf out;

	split(&a, before);
	split(&b, after);
	width = b.n + 1;
	common = xcalloc((a.n + 1) * width, sizeof(*common));
	for (size_t x = a.n; x-- > 0;) {
		for (size_t y = b.n; y-- > 0;) {
			unsigned short down = common[(x + 1) * width + y];
			unsigned short right = common[x * width + y + 1];

			common[x * width + y] =
			    same(&a, x, &b, y)
				? (unsigned short)(common[(x + 1) * width + y + 1] + 1)
				: (down > right ? down : right);
		}
	}
	buf_init(&out);
	while (i < a.n || j < b.n) {
		if (i < a.n && j < b.n && same(&a, i, &b, j)) {
			i++;
			j++;
		} else if (j == b.n ||
			   (i < a.n && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
			show(&out, '-', &a, i++);
		} else {
			show(&out, '+', &b, j++);
		}
	}
	free(common);
	free(a.s);
	free(a.len);
	free(b.s);
	free(b.len);
	return buf_steal(&out);
}
