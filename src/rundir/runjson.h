/* What the files that read and write run.json share. */
#ifndef RUNDIR_RUNJSON_H
#define RUNDIR_RUNJSON_H

#include <json-c/json.h>
#include <string.h>

#include "survey/jsonw.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"

/* The counts by name: the member of struct manifest_counts, a uint64_t, at that offset. */
#define NCOUNTS 18

extern const struct count_row {
	const char *name;
	size_t at;
} count_rows[NCOUNTS];

/* Frees what it holds and leaves it empty. */
void found_fini(struct manifest_analysis *a);

/* A member's value; NULL or 0 where it is missing or something else. */
static inline const char *
get_text(json_object *o, const char *key)
{
	json_object *v = json_object_object_get(o, key);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

static inline int64_t
get_time(json_object *o, const char *key)
{
	const char *s = get_text(o, key);
	int64_t t = s != NULL ? time_parse(s, strlen(s)) : TIME_UNKNOWN;

	return t == TIME_UNKNOWN ? 0 : t;
}

static inline uint64_t
get_uint(json_object *o, const char *key)
{
	int64_t v = json_object_get_int64(json_object_object_get(o, key));

	return v > 0 ? (uint64_t)v : 0;
}

static inline json_object *
get_array(json_object *o, const char *key, size_t *n)
{
	json_object *v = json_object_object_get(o, key);

	*n = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;
	return v;
}

/* A time that is missing is null. */
static inline void
put_time(struct jsonw *w, const char *key, int64_t t)
{
	char text[TIME_SIZE];

	jsonw_member_string(w, key, t != 0 ? time_format(t, text) : NULL);
}

/* Members that tell where data came from and where it went. */
void history_put(struct jsonw *w, const struct manifest *m);
void history_get(json_object *root, struct manifest *m);
void history_fini(struct manifest *m);

#endif
