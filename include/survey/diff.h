/* Two short texts compared line by line. */
/* Layer: base */
#ifndef SURVEY_DIFF_H
#define SURVEY_DIFF_H

/* What was removed and added, line by line, with - and + before each; the caller frees. */
char *diff_lines(const char *before, const char *after);

#endif
