/*
 * Texts with gaps: letters that the user may write anew.
 *
 * {{name}} is a field, {{#name}}…{{/name}} a part that stands there once for each
 * entry of a list, or when name is true, a number but 0, or a text; {{^name}}…{{/name}}
 * stands there when it is not; {{! … }} is a remark.  A line with nothing but one of the
 * latter three is left out.  Names are looked for in the innermost part first.  (The
 * syntax is that of mustache(5), without partials and without unescaped fields.)
 *
 * What is put into the gaps comes from outside: it can neither end a line nor be markup.
 */
/* Layer: io */
#ifndef SURVEY_TEMPLATE_H
#define SURVEY_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct json_object;
struct template;

enum template_form {
	TEMPLATE_MAIL, /* header lines, a blank line, a text whose paragraphs are wrapped at 72 columns */
	TEMPLATE_HTML,
};

/*
 * names: those that exist, ends with NULL.  Returns NULL with a sentence in *error (the
 * caller frees it) about a gap that is not closed, or has another name.
 */
struct template *template_new(
    const char *text, size_t len, enum template_form form, const char *const *names, char **error);
void template_free(struct template *t);

/* Does that name stand in it? */
bool template_uses(const struct template *t, const char *name);

/* Append the text with its gaps filled. */
void template_render(const struct template *t, struct json_object *data, struct buf *out);

#endif
