/* Layer: base.  A line of CSV, taken apart. */
#ifndef SURVEY_CSVLINE_H
#define SURVEY_CSVLINE_H

#include <stddef.h>

/*
 * Split one CSV line (RFC 4180, no line break inside quotes) in place.
 *
 * The fields are NUL-terminated, unquoted and live in line; a trailing CR or
 * LF is cut off.  Blanks around a field are kept outside quotes, except those
 * before an opening quote, which the legacy GeoIP files have.
 *
 * Returns the number of fields, at most max (further ones are not split off),
 * or -1 when a quote is not closed or text follows a closing quote.
 */
int csvline_split(char *line, char **fields, int max);

#endif
