/* Members of the objects that letters are filled with. */
#ifndef QUERY_NOTIFY_JSON_H
#define QUERY_NOTIFY_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "survey/buf.h"

void letter_put(json_object *o, const char *name, json_object *v); /* v becomes o's */
void letter_text(json_object *o, const char *name, const char *s); /* NULL and "" are no text */
void letter_buf(json_object *o, const char *name, const struct buf *b);
void letter_flag(json_object *o, const char *name, bool yes);
void letter_count(json_object *o, const char *name, uint64_t n); /* and name_is_one */
void letter_day(json_object *o, const char *name, int64_t t); /* TIME_UNKNOWN is null */

#endif
