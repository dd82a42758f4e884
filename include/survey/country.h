/* Layer: base.  ISO 3166-1 country codes. */
#ifndef SURVEY_COUNTRY_H
#define SURVEY_COUNTRY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A country code of len bytes, of either case, in upper case into cc.
 *
 * cc may be text itself.  Two letters, or a letter and a digit: the databases' A1, A2 and O1 (anonymous
 * proxies, satellites, others) are codes like any other.  Returns false, with
 * an empty cc, for anything else.
 */
bool country_code(const char *text, size_t len, char cc[static 3]);

/* Short English name of a country code; NULL when ISO 3166-1 has no such code. */
const char *country_name(const char *code);

#endif
