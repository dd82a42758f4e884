/* JSON for people, and for scripts that look at lines. */
/* Layer: output */
#ifndef SURVEY_PRETTY_H
#define SURVEY_PRETTY_H

#include <stddef.h>

struct buf;

/*
 * Append a JSON text, which is valid, with one member or element a line,
 * indented by two blanks a level from the given one, members by the bytes of their keys.  Numbers and strings
 * stay as they are written.  An object's or array's own closing bracket
 * stands at the given level.
 */
void json_pretty(struct buf *out, const char *text, size_t len, unsigned level);

#endif
