#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/log.h"

static struct {
	enum log_level level;
	FILE *file;
	void (*sink)(const char *, void *);
	void *sink_arg;
} state = { .level = LOG_INFO };

static const char *const level_name[] = { "error", "warning", "info", "debug" };

void
log_init(enum log_level level, FILE *file)
{
	state.level = level;
	state.file = file;
}

void
log_set_sink(void (*sink)(const char *line, void *arg), void *arg)
{
	state.sink = sink;
	state.sink_arg = arg;
}

static void
log_line(enum log_level level, const char *fmt, va_list ap)
{
	struct buf raw, line;

	buf_init(&raw);
	buf_init(&line);
	buf_vprintf(&raw, fmt, ap);
	buf_printf(&line, "survey: %s%s", level <= LOG_WARN ? level_name[level] : "",
	    level <= LOG_WARN ? ": " : "");
	escape_terminal(&line, raw.data, raw.len);
	if (level <= state.level) {
		if (state.sink != NULL)
			state.sink(line.data, state.sink_arg);
		else
			fprintf(stderr, "%s\n", line.data);
	}
	if (state.file != NULL) {
		char stamp[32];
		time_t now = time(NULL);
		struct tm tm;

		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
		buf_clear(&line);
		escape_terminal(&line, raw.data, raw.len);
		fprintf(state.file, "%s %s: %s\n", stamp, level_name[level], line.data);
		fflush(state.file);
	}
	buf_fini(&raw);
	buf_fini(&line);
}

#define LOG_FUNCTION(name, level)         \
	void name(const char *fmt, ...)   \
	{                                 \
		va_list ap;               \
                                          \
		va_start(ap, fmt);        \
		log_line(level, fmt, ap); \
		va_end(ap);               \
	}

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)
