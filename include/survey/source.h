/* Bytes of a record file, whatever it is packed in. */
/* Layer: record */
#ifndef SURVEY_SOURCE_H
#define SURVEY_SOURCE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct source;

/*
 * path or "-"; NULL with a message in *error that the caller frees.  Once *stop is not 0, a pipe
 * that is waited for counts as at its end; stop may be NULL.
 */
struct source *source_open(const char *path, const volatile sig_atomic_t *stop, char **error);
/* The path, or words for standard input. */
const char *source_name(const struct source *s);
void source_close(struct source *s);
/*
 * Up to cap bytes of text into buf.  Returns the number, 0 at the end, and -1
 * with a message in *error when the file cannot be read or unpacked further.
 */
long source_read(struct source *s, char *buf, size_t cap, char **error);
/*
 * After the end: a survey that packs its records (survey/spool.h) was killed while it wrote, so
 * some of the last line is in the file, and none of it could be unpacked.
 */
bool source_is_torn(const struct source *s);

#endif
