/* Layer: base.  Time stamps as records and outputs write them. */
#ifndef SURVEY_RFC3339_H
#define SURVEY_RFC3339_H

#include <stddef.h>
#include <stdint.h>

#define TIME_UNKNOWN INT64_MIN
#define TIME_SIZE 32

/* RFC 3339 ("2026-06-15T12:00:00.5+01:00") to seconds since 1970, or TIME_UNKNOWN. */
int64_t time_parse(const char *s, size_t len);
/* The same in UTC: "2026-06-15T12:00:00Z"; "" for what has no such form. */
const char *time_format(int64_t t, char out[static TIME_SIZE]);

#endif
