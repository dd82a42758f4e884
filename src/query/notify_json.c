/* Members of the objects that letters are filled with. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/rfc3339.h"

#include "notify_json.h"

void
letter_put(json_object *o, const char *name, json_object *v)
{
	json_object_object_add(o, name, v);
}

void
letter_text(json_object *o, const char *name, const char *s)
{
	letter_put(o, name, s != NULL && s[0] != '\0' ? json_object_new_string(s) : NULL);
}

void
letter_count(json_object *o, const char *name, uint64_t n)
{
	char *one = xasprintf("%s_is_one", name);

	letter_put(o, name, json_object_new_int64((int64_t)n));
	letter_put(o, one, json_object_new_boolean(n == 1));
	free(one);
}

void
letter_flag(json_object *o, const char *name, bool yes)
{
	letter_put(o, name, json_object_new_boolean(yes));
}

void
letter_day(json_object *o, const char *name, int64_t t)
{
	char text[TIME_SIZE];

	if (t == TIME_UNKNOWN) {
		letter_put(o, name, NULL);
		return;
	}
	time_format(t, text);
	text[strcspn(text, "T")] = '\0';
	letter_text(o, name, text);
}

void
letter_buf(json_object *o, const char *name, const struct buf *b)
{
	letter_put(o, name, json_object_new_string_len(b->data, (int)b->len));
}
