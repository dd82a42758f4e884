/* Steps through a JSON text that nobody has checked: they stay within its bounds. */
/* Layer: base */
#ifndef SURVEY_JSONTEXT_H
#define SURVEY_JSONTEXT_H

#include <stddef.h>

/* The first byte from s[at] on that is no white space, or len. */
size_t jsontext_skip_blanks(const char *s, size_t len, size_t at);
/* Just past the value at s[at], or at the comma or bracket that ends a number or a word; or len. */
size_t jsontext_skip_value(const char *s, size_t len, size_t at);
/* Just past the string whose opening quote is at s[at], or len. */
size_t jsontext_skip_string(const char *s, size_t len, size_t at);

#endif
