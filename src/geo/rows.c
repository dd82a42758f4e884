#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/csvline.h"
#include "geo/rows.h"

#define MAX_LINE (16 << 10)

int
rows_open(struct rows *r, const char *path, struct geo_stats *stats, char **error)
{
	memset(r, 0, sizeof(*r));
	r->path = path;
	r->stats = stats;
	lines_init(&r->lines, MAX_LINE);
	if ((r->fd = file_open(path, O_RDONLY, 0)) == -1) {
		*error = xasprintf("%s: %m", path);
		return -1;
	}
	return 0;
}

void
rows_seek(struct rows *r, long offset)
{
	char *line;
	size_t len;

	lines_fini(&r->lines);
	lines_init(&r->lines, MAX_LINE);
	if (lseek(r->fd, offset, SEEK_SET) != -1)
		(void)lines_read(&r->lines, r->fd, &line, &len);
}

void
rows_bad(struct rows *r, const char *why)
{
	if (r->stats == NULL)
		return;
	r->stats->bad++;
	if (r->stats->first_bad == NULL)
		r->stats->first_bad = xasprintf("%s:%lu: %s", r->path, r->lines.number, why);
}

bool
rows_next(struct rows *r)
{
	enum lines_got got;
	char *line;
	size_t len;

	while ((got = lines_read(&r->lines, r->fd, &line, &len)) != LINES_END) {
		if (got == LINES_ERROR && errno == EINTR)
			continue;
		if (got == LINES_ERROR) {
			r->error = errno;
			return false;
		}
		if (got == LINES_TOO_LONG || memchr(line, '\0', len) != NULL) {
			rows_bad(r, "line too long or with a NUL byte");
			continue;
		}
		if (strspn(line, " \t\r") == len)
			continue;
		r->nfields = csvline_split(line, r->field, ROWS_FIELDS);
		if (r->nfields > 0)
			return true;
		rows_bad(r, "unbalanced quotes");
	}
	return false;
}

int
rows_column(const struct rows *r, const char *name)
{
	for (int i = 0; i < r->nfields; i++) {
		if (strcasecmp(r->field[i] + strspn(r->field[i], " "), name) == 0)
			return i;
	}
	return -1;
}

int
rows_close(struct rows *r, int rc, char **error)
{
	if (rc == 0 && r->error != 0) {
		errno = r->error;
		*error = xasprintf("%s: %m", r->path);
		rc = -1;
	}
	lines_fini(&r->lines);
	close(r->fd);
	return rc;
}
