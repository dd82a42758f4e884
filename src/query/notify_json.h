/* A letter's data: members of its objects, and the parts that are made elsewhere. */
#ifndef QUERY_NOTIFY_JSON_H
#define QUERY_NOTIFY_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "survey/buf.h"

#include "notify.h"

void letter_put(json_object *o, const char *name, json_object *v); /* v becomes o's */
void letter_text(json_object *o, const char *name, const char *s); /* NULL and "" are no text */
void letter_buf(json_object *o, const char *name, const struct buf *b);
void letter_flag(json_object *o, const char *name, bool yes);
void letter_count(json_object *o, const char *name, uint64_t n); /* and name_is_one */
void letter_day(json_object *o, const char *name, int64_t t); /* TIME_UNKNOWN is null */

/* One section without --since, else one for each status that occurs; with by_host also by host. */
json_object *notify_sections(struct notifying *x, bool by_host);
/* The kinds of findings in the constituency's keys, each once, the worst first. */
json_object *notify_weak_list(const struct notifying *x);

#endif
