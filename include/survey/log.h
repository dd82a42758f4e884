/*
 * Messages to the operator.
 *
 * Every message is one line.  Control characters, invalid UTF-8 and bidi
 * marks in it are shown as \xNN, so text from a remote host can be passed as
 * an argument without harm to the terminal or the log.
 */
/* Layer: base */
#ifndef SURVEY_LOG_H
#define SURVEY_LOG_H

#include <stdio.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Messages up to level go to stderr, and all of them with a time stamp to file (borrowed, may be NULL). */
void log_init(enum log_level level, FILE *file);

/*
 * Called with each line for the terminal instead of writing it to stderr; a
 * live progress display uses it to keep its block intact.  NULL restores stderr.
 */
void log_set_sink(void (*sink)(const char *line, void *arg), void *arg);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
