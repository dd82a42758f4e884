#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "survey/beneath.h"
#include "survey/buf.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/memfile.h"

#include "lists.h"

#define ATTRIBUTE "trusted.survey.lists"
#define RECORD "lists.sha256"
#define RECORD_MAX 4096 /* bytes: a line a digest, in the format of sha256sum(1) */

static const struct {
	const char *name; /* in the record */
	const char *shown;
} sources[NLIST_SOURCES] = {
	[LIST_DATABASE] = { "databases", "the networks of the databases" },
	[LIST_TARGETS] = { "targets", "run.targets or run.target_files" },
	[LIST_BLOCK] = { "block", "scan.block_files or run.allow_reserved" },
	[LIST_OPT_OUT] = { "opt-out", "scan.opt_out_file" },
};

void
lists_init(struct lists *l)
{
	memset(l, 0, sizeof(*l));
	for (int i = 0; i < NLISTS; i++)
		l->fd[i] = -1;
	for (int i = 0; i < NLIST_SOURCES; i++)
		digest_sha256("", 0, l->sources[i]);
}

void
lists_fini(struct lists *l)
{
	for (int i = 0; i < NLISTS; i++) {
		if (l->fd[i] != -1)
			close(l->fd[i]);
	}
	lists_init(l);
}

/* Its prefixes of a family (0: of both), one a line; the caller frees. */
static char *
text_of(const struct ipset *set, int family, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (f == NULL || ipset_write(set, family, f) == -1 || fclose(f) != 0)
		abort(); /* out of memory */
	return text;
}

void
lists_note(struct lists *l, enum list_source source, const struct ipset *set)
{
	size_t len;
	char *text = text_of(set, 0, &len);

	digest_sha256(text, len, l->sources[source]);
	free(text);
}

int
lists_seal(struct lists *l, const struct ipset *allowed, const struct ipset *blocked)
{
	const struct ipset *const sets[NLISTS] = { allowed, blocked };
	char digests[NLISTS][DIGEST_SIZE];
	int rc = 0;

	for (int i = 0; i < NLISTS && rc == 0; i++) {
		size_t len;
		char *text = text_of(sets[i], 4, &len);

		digest_sha256(text, len, digests[i]);
		rc = (l->fd[i] = memfile_new("zmap-list", text, len)) == -1 ? -1 : 0;
		free(text);
	}
	digest_sha256(digests, sizeof(digests), l->digest);
	return rc;
}

/* A file of ours that nobody else can write to; the caller frees its text. */
static char *
read_file(int dir)
{
	int fd = beneath_open(dir, RECORD, O_RDONLY, 0);
	char *text = NULL;
	struct stat st;

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && st.st_nlink == 1 &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		text = file_read_fd(fd, RECORD_MAX, NULL);
	close(fd);
	return text;
}

char *
lists_recorded(int dir)
{
	char text[RECORD_MAX + 1];
	ssize_t n = geteuid() == 0 ? fgetxattr(dir, ATTRIBUTE, text, RECORD_MAX) : -1;

	if (n == -1)
		return read_file(dir);
	text[n] = '\0';
	return xstrdup(text);
}

/* Does the record say that this digest is the one of name? */
static bool
records(const char *text, const char *digest, const char *name)
{
	char *line = xasprintf("%s  %s\n", digest, name);
	const char *at = strstr(text, line);
	bool found = at != NULL && (at == text || at[-1] == '\n');

	free(line);
	return found;
}

bool
lists_databases_recorded(const char *record, const struct databases *d)
{
	for (size_t i = 0; i < NDATABASES; i++) {
		if (d->fd[i] != -1 && !records(record, d->digest[i], database_names[i]))
			return false;
	}
	return true;
}

char *
lists_compare(const struct lists *l, const char *record)
{
	struct buf what;

	if (record == NULL)
		return xstrdup("there is no record of those that only we can have written");
	if (records(record, l->digest, "lists"))
		return NULL;
	buf_init(&what);
	for (int i = 0; i < NLIST_SOURCES; i++) {
		if (!records(record, l->sources[i], sources[i].name))
			buf_printf(
			    &what, "%s%s changed", what.len > 0 ? ", " : "", sources[i].shown);
	}
	if (what.len == 0)
		buf_adds(&what, "they are made in another way now");
	return buf_steal(&what);
}

int
lists_record(const struct lists *l, const struct databases *d, int dir)
{
	struct buf text;
	int rc = -1;

	buf_init(&text);
	buf_printf(&text, "%s  lists\n", l->digest);
	for (int i = 0; i < NLIST_SOURCES; i++)
		buf_printf(&text, "%s  %s\n", l->sources[i], sources[i].name);
	for (size_t i = 0; i < NDATABASES; i++) {
		if (d->fd[i] != -1)
			buf_printf(&text, "%s  %s\n", d->digest[i], database_names[i]);
	}
	if (geteuid() == 0)
		rc = fsetxattr(dir, ATTRIBUTE, text.data, text.len, 0);
	/* A container's root may not, and some file systems cannot. */
	if (rc == -1)
		rc = beneath_write(dir, RECORD, text.data, text.len, 0600);
	buf_fini(&text);
	return rc;
}
