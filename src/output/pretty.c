/* Pure. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/pretty.h"

#define LEVEL_MAX 1024 /* as simdjson, which has read the text */
#define INDENT 2

/* A member of an object as it stands in the output: its key, ": " and its value. */
struct member {
	size_t at, len, key_len;
};

struct pretty {
	struct buf *out;
	struct member *v; /* of all objects that are open, the outermost first */
	size_t n, cap;
	struct buf unsorted; /* members that are being put in order */
};

static const char *add_value(struct pretty *w, const char *p, const char *end, unsigned level);

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

/* Behind the string whose opening quote is at p. */
static const char *
skip_string(const char *p, const char *end)
{
	const char *text = ++p;

	for (; (p = memchr(p, '"', (size_t)(end - p))) != NULL; p++) {
		const char *back = p;

		while (back > text && back[-1] == '\\')
			back--;
		if ((p - back) % 2 == 0)
			return p + 1;
	}
	return end;
}

/* Behind the string, number or word that begins at p. */
static const char *
skip_scalar(const char *p, const char *end)
{
	if (p < end && *p == '"')
		return skip_string(p, end);
	while (p < end && !is_blank(*p) && *p != ',' && *p != ':' && *p != '}' && *p != ']')
		p++;
	return p;
}

/* Behind the object or array that begins at p. */
static const char *
skip_container(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
			continue;
		}
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p++;
		if (depth == 0)
			break;
	}
	return p;
}

/* Copies the text between two places; returns the second. */
static const char *
add_as_it_is(struct buf *out, const char *from, const char *to)
{
	buf_add(out, from, (size_t)(to - from));
	return to;
}

static void
new_line(struct buf *out, unsigned level)
{
	size_t len = (size_t)level * INDENT;

	buf_reserve(out, len + 1);
	buf_addc(out, '\n');
	memset(out->data + out->len, ' ', len);
	out->len += len;
	out->data[out->len] = '\0';
}

static int
compare_keys(const char *text, const struct member *a, const struct member *b)
{
	int c = memcmp(
	    text + a->at, text + b->at, a->key_len < b->key_len ? a->key_len : b->key_len);

	return c != 0 ? c : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

/* Equal keys stay in order. */
static int
by_key(const void *pa, const void *pb, void *text)
{
	const struct member *a = pa, *b = pb;
	int c = compare_keys(text, a, b);

	return c != 0 ? c : (a->at > b->at) - (a->at < b->at);
}

/* Puts n members that stand at the end of the output in order. */
static void
sort_members(struct pretty *w, struct member *v, size_t n, unsigned level)
{
	size_t first = v[0].at;

	qsort_r(v, n, sizeof(*v), by_key, w->out->data);
	buf_clear(&w->unsorted);
	buf_add(&w->unsorted, w->out->data + first, w->out->len - first);
	w->out->len = first;
	for (size_t i = 0; i < n; i++) {
		if (i > 0) {
			buf_addc(w->out, ',');
			new_line(w->out, level);
		}
		buf_add(w->out, w->unsorted.data + v[i].at - first, v[i].len);
	}
}

/* The object's member at p; *sorted turns false if its key does not follow the one before. */
static const char *
add_member(
    struct pretty *w, const char *p, const char *end, unsigned level, bool first, bool *sorted)
{
	size_t number = w->n++;
	struct member *m;

	mem_grow(&w->v, &w->cap, w->n, sizeof(*w->v));
	m = &w->v[number];
	m->at = w->out->len;
	p = skip_blanks(add_as_it_is(w->out, p, skip_scalar(p, end)), end);
	m->key_len = w->out->len - m->at;
	if (!first && compare_keys(w->out->data, m - 1, m) > 0)
		*sorted = false;
	buf_add(w->out, ": ", 2);
	p = add_value(w, skip_blanks(p < end ? p + 1 : end, end), end, level);
	w->v[number].len = w->out->len - w->v[number].at;
	return p;
}

/* The object or array at p; what it contains stands at the level. */
static const char *
add_container(struct pretty *w, const char *p, const char *end, unsigned level)
{
	bool object = *p == '{', sorted = true;
	size_t n = 0, had = w->n;

	buf_addc(w->out, *p);
	for (p = skip_blanks(p + 1, end); p < end && *p != '}' && *p != ']'; n++) {
		if (n > 0)
			buf_addc(w->out, ',');
		new_line(w->out, level);
		p = object ? add_member(w, p, end, level, n == 0, &sorted)
			   : add_value(w, p, end, level);
		p = skip_blanks(p, end);
		if (p < end && *p != '}' && *p != ']')
			p = skip_blanks(p + 1, end);
	}
	if (!sorted)
		sort_members(w, &w->v[had], n, level);
	w->n = had;
	if (n > 0)
		new_line(w->out, level - 1);
	buf_addc(w->out, object ? '}' : ']');
	return p < end ? p + 1 : end;
}

static const char *
add_value(struct pretty *w, const char *p, const char *end, unsigned level)
{
	if (p == end || (*p != '{' && *p != '['))
		return add_as_it_is(w->out, p, skip_scalar(p, end));
	if (level > LEVEL_MAX)
		return add_as_it_is(w->out, p, skip_container(p, end));
	return add_container(w, p, end, level + 1);
}

void
json_pretty(struct buf *out, const char *text, size_t len, unsigned level)
{
	struct pretty w = { .out = out };

	buf_init(&w.unsorted);
	add_value(&w, skip_blanks(text, text + len), text + len, level);
	buf_fini(&w.unsorted);
	free(w.v);
}
