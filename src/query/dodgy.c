#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rundir.h"
#include "survey/study.h"

#include "dodgy.h"

/* The lines of an entry: `  "0": {` begins it, a line that is two blanks and a brace ends it. */
struct entry {
	struct buf record; /* without what dodgy.json adds */
	struct buf *more; /* the host's other records */
	size_t nmore, cap_more;
	size_t last_reason, last_country; /* where lines of record begin; SIZE_MAX: none */
};

static bool
is_line(const char *line, size_t len, const char *text)
{
	size_t n = strlen(text);

	if (len > 0 && line[len - 1] == ',')
		len--;
	return len == n && memcmp(line, text, n) == 0;
}

static bool
begins(const char *line, size_t len, const char *text)
{
	return len >= strlen(text) && memcmp(line, text, strlen(text)) == 0;
}

/* Take the line that begins at `at` out of a record. */
static void
drop_line(struct buf *b, size_t at)
{
	char *start = b->data + at, *end = memchr(start, '\n', b->len - at);
	size_t n = end != NULL ? (size_t)(end - start) + 1 : b->len - at;

	memmove(start, start + n, b->len - at - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

/* A record is an object again: no comma before its closing brace. */
static void
close_record(struct buf *b)
{
	while (b->len > 0 && (b->data[b->len - 1] == '\n' || b->data[b->len - 1] == ','))
		b->len--;
	buf_adds(b, "\n}");
}

static void
entry_clear(struct entry *e)
{
	buf_clear(&e->record);
	e->nmore = 0;
	e->last_reason = e->last_country = SIZE_MAX;
}

static struct buf *
next_more(struct entry *e)
{
	size_t had = e->cap_more;

	mem_grow(&e->more, &e->cap_more, e->nmore + 1, sizeof(*e->more));
	for (size_t i = had; i < e->cap_more; i++)
		buf_init(&e->more[i]);
	buf_clear(&e->more[e->nmore]);
	return &e->more[e->nmore++];
}

/*
 * One line of an entry; *in is the record of "more_records" that is open, *list whether the
 * array is.  Members have their keys in order and stand one a line, so ours are single lines but for that array.
 */
static void
entry_line(struct entry *e, const char *line, size_t len, bool *list, struct buf **in)
{
	if (*list) {
		if (*in == NULL && is_line(line, len, "    ]")) {
			*list = false;
			return;
		}
		if (*in == NULL)
			*in = next_more(e);
		buf_add(*in, line, is_line(line, len, "      }") ? strlen("      }") : len);
		buf_addc(*in, '\n');
		if (is_line(line, len, "      }"))
			*in = NULL;
		return;
	}
	if (is_line(line, len, "    \"more_records\": [")) {
		*list = true;
		return;
	}
	if (begins(line, len, "    \"reason\": "))
		e->last_reason = e->record.len;
	if (begins(line, len, "    \"wrong_country\": "))
		e->last_country = e->record.len;
	buf_add(&e->record, line, len);
	buf_addc(&e->record, '\n');
}

/* Without our own members; "wrong_country" stands behind "reason". */
static void
entry_strip(struct entry *e)
{
	static const char abroad[] = "    \"reason\": \"wrong-country\"";

	if (e->last_reason != SIZE_MAX) {
		if (e->last_country != SIZE_MAX &&
		    strncmp(e->record.data + e->last_reason, abroad, strlen(abroad)) == 0)
			drop_line(&e->record, e->last_country);
		drop_line(&e->record, e->last_reason);
	}
	close_record(&e->record);
}

static int
entry_put(struct raw_lines *raw, struct entry *e, uint32_t host)
{
	entry_strip(e);
	if (host == STUDY_NONE)
		return 0;
	if (raw_lines_put(raw, host, e->record.data, e->record.len) == -1)
		return -1;
	for (size_t i = 0; i < e->nmore; i++) {
		if (raw_lines_put(raw, host, e->more[i].data, e->more[i].len) == -1)
			return -1;
	}
	return 0;
}

static int
read_entries(struct raw_lines *raw, FILE *f, const uint32_t *hosts, size_t n)
{
	struct entry e = { .nmore = 0 };
	struct buf *in = NULL;
	bool inside = false, list = false;
	size_t at = 0, cap = 0;
	char *line = NULL;
	ssize_t got;
	int rc = 0;

	buf_init(&e.record);
	while (rc == 0 && (got = getline(&line, &cap, f)) != -1) {
		size_t len = (size_t)got - (got > 0 && line[got - 1] == '\n');

		if (!inside) {
			if (begins(line, len, "  \"") && line[len - 1] == '{') {
				entry_clear(&e);
				buf_adds(&e.record, "{\n");
				inside = true;
				list = false;
				in = NULL;
			}
		} else if (is_line(line, len, "  }")) {
			inside = false;
			if (at == n) {
				errno = EINVAL;
				rc = -1;
			} else {
				rc = entry_put(raw, &e, hosts[at++]);
			}
		} else {
			entry_line(&e, line, len, &list, &in);
		}
	}
	if (rc == 0 && (inside || at != n)) {
		errno = EINVAL;
		rc = -1;
	}
	free(line);
	buf_fini(&e.record);
	for (size_t i = 0; i < e.cap_more; i++)
		buf_fini(&e.more[i]);
	free(e.more);
	return rc;
}

int
dodgy_entries(struct raw_lines *raw, const char *dir, const uint32_t *hosts, size_t n)
{
	char *path = path_join(dir, "dodgy.json");
	FILE *f = fopen(path, "re");
	int rc = f != NULL ? read_entries(raw, f, hosts, n) : -1, saved = errno;

	if (f != NULL)
		fclose(f);
	free(path);
	errno = saved;
	return rc;
}

int
dodgy_write_results(const struct study *st, const char *dir, struct output_options *o, bool without)
{
	const char *names[OUTPUT_COSTS_MAX + 1];
	char *error = NULL;
	size_t n = 0;
	int rc;

	for (const struct rundir_file *f = rundir_files; f->name != NULL; f++) {
		if (f->maker == MADE_BY_ANALYZE && n < OUTPUT_COSTS_MAX &&
		    !(without && strcmp(f->name, "dodgy.json") == 0))
			names[n++] = f->name;
	}
	names[n] = NULL;
	o->only = names;
	rc = output_write(st, dir, o, &error);
	o->only = NULL;
	if (rc != 0 && error == NULL)
		return EXIT_STOPPED;
	if (rc != 0)
		log_error("%s", error);
	free(error);
	return rc == 0 ? EXIT_COMPLETE : EXIT_FAILED;
}
