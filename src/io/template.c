#include <ctype.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/mem.h"
#include "survey/template.h"
#include "survey/text.h"

#define DEPTH_MAX 16 /* of parts in parts */
#define COLUMNS 72
#define KEPT_INDENT 4 /* blanks before a line that is not wrapped */

enum token_kind { TOKEN_TEXT, TOKEN_FIELD, TOKEN_PART, TOKEN_NOT, TOKEN_END, TOKEN_REMARK };

struct token {
	enum token_kind kind;
	const char *text; /* of TOKEN_TEXT */
	size_t len;
	char *name;
	size_t end; /* of a part: the token that ends it */
	bool head; /* in a header line of a mail */
};

struct template
{
	enum template_form form;
	char *text;
	struct token *tokens;
	size_t n, cap;
};

static unsigned long
line_of(const char *text, const char *at)
{
	unsigned long line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

static struct token *
add(struct template *t, enum token_kind kind, const char *text, size_t len)
{
	mem_grow(&t->tokens, &t->cap, t->n + 1, sizeof(*t->tokens));
	t->tokens[t->n] = (struct token){ .kind = kind, .text = text, .len = len };
	return &t->tokens[t->n++];
}

static enum token_kind
kind_of(char c)
{
	return c == '#'	  ? TOKEN_PART
	       : c == '^' ? TOKEN_NOT
	       : c == '/' ? TOKEN_END
	       : c == '!' ? TOKEN_REMARK
			  : TOKEN_FIELD;
}

/* What stands between "{{" and "}}". */
static void
add_tag(struct template *t, const char *s, const char *end)
{
	enum token_kind kind = s < end ? kind_of(*s) : TOKEN_FIELD;
	struct token *k;

	if (kind != TOKEN_FIELD)
		s++;
	while (s < end && isspace((unsigned char)*s))
		s++;
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	k = add(t, kind, s, (size_t)(end - s));
	k->name = xstrndup(s, (size_t)(end - s));
}

static int
cut(struct template *t, char **error)
{
	const char *p = t->text, *open;

	while ((open = strstr(p, "{{")) != NULL) {
		const char *close = strstr(open, "}}"), *begin = open, *after;

		if (close == NULL) {
			*error = xasprintf(
			    "line %lu: \"{{\" without \"}}\"", line_of(t->text, open));
			return -1;
		}
		after = close + 2;
		/* Alone in its line, a tag that prints nothing takes the line with it. */
		if (kind_of(open[2]) != TOKEN_FIELD) {
			const char *e = after;

			while (begin > p && (begin[-1] == ' ' || begin[-1] == '\t'))
				begin--;
			while (*e == ' ' || *e == '\t' || *e == '\r')
				e++;
			if ((begin == t->text || begin[-1] == '\n') && (*e == '\n' || *e == '\0'))
				after = *e == '\n' ? e + 1 : e;
			else
				begin = open;
		}
		if (begin > p)
			add(t, TOKEN_TEXT, p, (size_t)(begin - p));
		add_tag(t, open + 2, close);
		p = after;
	}
	if (*p != '\0')
		add(t, TOKEN_TEXT, p, strlen(p));
	return 0;
}

static bool
is_known(const char *name, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

/* Do all parts end, and are all names known? */
static int
check(struct template *t, const char *const *names, char **error)
{
	size_t open[DEPTH_MAX], depth = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct token *k = &t->tokens[i];
		unsigned long line = line_of(t->text, k->text);

		if (k->kind == TOKEN_TEXT || k->kind == TOKEN_REMARK)
			continue;
		if (!is_known(k->name, names)) {
			*error = xasprintf("line %lu: there is no field \"%.60s\"", line, k->name);
			return -1;
		}
		if (k->kind == TOKEN_PART || k->kind == TOKEN_NOT) {
			if (depth == DEPTH_MAX) {
				*error = xasprintf(
				    "line %lu: more than %d parts in each other", line, DEPTH_MAX);
				return -1;
			}
			open[depth++] = i;
		} else if (k->kind == TOKEN_END) {
			if (depth == 0 || strcmp(t->tokens[open[depth - 1]].name, k->name) != 0) {
				*error = xasprintf("line %lu: {{/%.60s}} ends no part that is open",
				    line, k->name);
				return -1;
			}
			t->tokens[open[--depth]].end = i;
		}
	}
	if (depth == 0)
		return 0;
	*error = xasprintf("line %lu: {{#%.60s}} is not ended",
	    line_of(t->text, t->tokens[open[depth - 1]].text), t->tokens[open[depth - 1]].name);
	return -1;
}

/* Header lines end at the first blank line of the template itself. */
static void
mark_head(struct template *t)
{
	const char *end = strncmp(t->text, "\n", 1) == 0 ? t->text : strstr(t->text, "\n\n");

	for (size_t i = 0; i < t->n && t->form == TEMPLATE_MAIL; i++)
		t->tokens[i].head = end == NULL || t->tokens[i].text <= end;
}

struct template *
template_new(
    const char *text, size_t len, enum template_form form, const char *const *names, char **error)
{
	struct template *t = xcalloc(1, sizeof(*t));

	t->form = form;
	t->text = xstrndup(text, len);
	if (memchr(text, '\0', len) != NULL)
		*error = xstrdup("it holds a NUL byte");
	else if (cut(t, error) == 0 && check(t, names, error) == 0) {
		mark_head(t);
		return t;
	}
	template_free(t);
	return NULL;
}

void
template_free(struct template *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->tokens[i].name);
	free(t->tokens);
	free(t->text);
	free(t);
}

/* ---- filling ---- */

struct filling {
	const struct template *t;
	struct json_object *context[DEPTH_MAX + 1];
	size_t depth; /* contexts */
	struct buf *out;
};

static struct json_object *
look_up(const struct filling *f, const char *name)
{
	struct json_object *v;

	for (size_t i = f->depth; i-- > 0;) {
		if (json_object_is_type(f->context[i], json_type_object) &&
		    json_object_object_get_ex(f->context[i], name, &v))
			return v;
	}
	return NULL;
}

static bool
is_true(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_boolean:
		return json_object_get_boolean(v) != 0;
	case json_type_int:
		return json_object_get_int64(v) != 0;
	case json_type_string:
		return json_object_get_string_len(v) > 0;
	case json_type_array:
		return json_object_array_length(v) > 0;
	case json_type_object:
		return true;
	case json_type_null:
	case json_type_double:
		break;
	}
	return false;
}

/* In a header line nothing but printable ASCII: neither an end of the line nor an encoded word is made. */
static void
put_head(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_addc(out, s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '?');
}

static void
put_field(const struct filling *f, const struct token *k)
{
	struct json_object *v = look_up(f, k->name);
	const char *s = v != NULL ? json_object_get_string(v) : NULL;
	size_t len;

	if (s == NULL)
		return;
	len = json_object_is_type(v, json_type_string) ? (size_t)json_object_get_string_len(v)
						       : strlen(s);
	if (k->head)
		put_head(f->out, s, len);
	else if (f->t->form == TEMPLATE_HTML)
		escape_xml(f->out, s, len);
	else
		text_plain(f->out, s, len, SIZE_MAX);
}

static void
fill(struct filling *f, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct token *k = &f->t->tokens[i];
		struct json_object *v;
		size_t n;

		if (k->kind == TOKEN_TEXT)
			buf_add(f->out, k->text, k->len);
		else if (k->kind == TOKEN_FIELD)
			put_field(f, k);
		if (k->kind != TOKEN_PART && k->kind != TOKEN_NOT)
			continue;
		v = look_up(f, k->name);
		n = !is_true(v)				      ? 0
		    : json_object_is_type(v, json_type_array) ? json_object_array_length(v)
							      : 1;
		if (k->kind == TOKEN_NOT)
			n = n == 0;
		for (size_t e = 0; e < n; e++) {
			f->context[f->depth++] = k->kind == TOKEN_PART &&
							 json_object_is_type(v, json_type_array)
						     ? json_object_array_get_idx(v, e)
						     : v;
			fill(f, i + 1, k->end);
			f->depth--;
		}
		i = k->end;
	}
}

/* ---- lines of a mail ---- */

static size_t
indent_of(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] == ' ')
		n++;
	return n;
}

/* The width of "- " or "1. " at the beginning of a line, or 0. */
static size_t
bullet_of(const char *s, size_t len)
{
	size_t digits = 0;

	if (len > 2 && s[0] == '-' && s[1] == ' ')
		return 2;
	while (digits < len && isdigit((unsigned char)s[digits]))
		digits++;
	return digits > 0 && digits + 1 < len && s[digits] == '.' && s[digits + 1] == ' '
		   ? digits + 2
		   : 0;
}

/* A paragraph being wrapped. */
struct paragraph {
	struct buf *out;
	size_t indent; /* of its lines after the first */
	size_t column; /* columns that the last line has; 0: none is open */
};

static void
put_words(struct paragraph *p, const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		char *word;
		size_t width;

		i += indent_of(s + i, len - i);
		for (n = 0; i + n < len && s[i + n] != ' '; n++)
			;
		if (n == 0)
			break;
		word = xstrndup(s + i, n);
		width = text_width(word);
		free(word);
		if (p->column > p->indent && p->column + 1 + width > COLUMNS) {
			buf_addc(p->out, '\n');
			text_pad(p->out, p->indent);
			p->column = p->indent;
		} else if (p->column > p->indent) {
			buf_addc(p->out, ' ');
			p->column++;
		}
		buf_add(p->out, s + i, n);
		p->column += width;
	}
}

static void
end_paragraph(struct paragraph *p)
{
	if (p->column > 0)
		buf_addc(p->out, '\n');
	p->column = 0;
}

/* Paragraphs are wrapped anew; lines that are indented by KEPT_INDENT stay as they are. */
static void
wrap(const char *s, struct buf *out)
{
	struct paragraph p = { .out = out };

	while (*s != '\0') {
		size_t len = strcspn(s, "\n"), indent = indent_of(s, len);
		size_t bullet = bullet_of(s + indent, len - indent);

		if (indent == len || indent >= KEPT_INDENT) {
			end_paragraph(&p);
			if (indent < len)
				buf_add(out, s, len);
			buf_addc(out, '\n');
		} else {
			if (bullet > 0 || p.column == 0 || p.indent != indent) {
				end_paragraph(&p);
				text_pad(out, indent);
				buf_add(out, s + indent, bullet);
				p.indent = p.column = indent + bullet;
			}
			put_words(&p, s + indent + bullet, len - indent - bullet);
			p.column += p.column == 0; /* a line is open, however short */
		}
		s += len + (s[len] == '\n');
	}
	end_paragraph(&p);
}

bool
template_uses(const struct template *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct token *k = &t->tokens[i];

		if (k->kind != TOKEN_TEXT && k->kind != TOKEN_REMARK && strcmp(k->name, name) == 0)
			return true;
	}
	return false;
}

void
template_render(const struct template *t, struct json_object *data, struct buf *out)
{
	struct filling f = { .t = t, .context = { data }, .depth = 1, .out = out };
	struct buf text;
	const char *body;

	if (t->form != TEMPLATE_MAIL) {
		fill(&f, 0, t->n);
		return;
	}
	buf_init(&text);
	f.out = &text;
	fill(&f, 0, t->n);
	body = text.data[0] == '\n' ? text.data : strstr(text.data, "\n\n");
	body = body != NULL ? body + (body == text.data ? 1 : 2) : text.data + text.len;
	buf_add(out, text.data, (size_t)(body - text.data));
	wrap(body, out);
	buf_fini(&text);
}
