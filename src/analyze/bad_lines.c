#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/file.h"
#include "survey/jsonw.h"

#include "bad_lines.h"

#define TEXT_MAX ((size_t)4 << 10) /* bytes kept of a line */
#define BYTES_MAX ((uint64_t)64 << 20) /* of the file */
#define OURS "{\"stage\":\"analyze\","

/* Earlier lines of the survey, one at a time: no size of the file matters. */
static int
keep_earlier(struct bad_lines *b, const char *path)
{
	FILE *f = file_fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int rc = 0;

	if (f == NULL)
		return errno == ENOENT ? 0 : -1;
	errno = 0;
	while (rc == 0 && (len = getline(&line, &cap, f)) != -1) {
		if (strncmp(line, OURS, strlen(OURS)) == 0)
			continue;
		if (b->bytes + (uint64_t)len > BYTES_MAX) {
			b->over++;
			continue;
		}
		if (fwrite(line, 1, (size_t)len, b->out.f) != (size_t)len)
			rc = -1;
		b->bytes += (uint64_t)len;
	}
	if (rc == 0 && !feof(f))
		rc = -1;
	free(line);
	fclose(f);
	return rc;
}

int
bad_lines_open(struct bad_lines *b, const char *dir)
{
	char *path = path_join(dir, "records.bad");
	int rc = -1;

	*b = (struct bad_lines){ .open = false };
	if (outfile_open(&b->out, path) == 0) {
		b->open = true;
		rc = keep_earlier(b, path);
	}
	free(path);
	return rc;
}

int
bad_lines_put(struct bad_lines *b, const char *source, const struct record_line *line)
{
	struct jsonw w;
	int rc = 0;

	if (b->bytes > BYTES_MAX) {
		b->over++;
		return 0;
	}
	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_key(&w, "stage");
	jsonw_string(&w, "analyze");
	jsonw_key(&w, "source");
	jsonw_string(&w, source);
	jsonw_key(&w, "reason");
	jsonw_string(&w, record_refusal_name(line->refusal));
	jsonw_key(&w, "line");
	jsonw_uint(&w, line->number);
	jsonw_key(&w, "offset");
	jsonw_uint(&w, line->offset);
	jsonw_key(&w, "bytes");
	jsonw_uint(&w, line->len);
	jsonw_key(&w, "text");
	jsonw_stringn(&w, line->text, line->len < TEXT_MAX ? line->len : TEXT_MAX);
	jsonw_end_object(&w);
	jsonw_newline(&w);
	if (fwrite(w.out.data, 1, w.out.len, b->out.f) != w.out.len)
		rc = -1;
	b->bytes += w.out.len;
	jsonw_fini(&w);
	return rc;
}

int
bad_lines_end(struct bad_lines *b)
{
	return fflush(b->out.f) == 0 ? 0 : -1;
}

void
bad_lines_abort(struct bad_lines *b)
{
	if (b->open)
		outfile_abort(&b->out);
	b->open = false;
}
