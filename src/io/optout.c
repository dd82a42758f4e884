#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/iplist.h"
#include "survey/jsonw.h"
#include "survey/mem.h"
#include "survey/optout.h"
#include "survey/rfc3339.h"
#include "survey/trust.h"

#define LIST_MAX (64 << 20) /* bytes */

static char *
log_path(const char *path)
{
	return xasprintf("%s.log", path);
}

int
optout_read(const char *path, struct ipset *s, char **error)
{
	struct refusals bad = { 0 };
	int rc;

	*error = NULL;
	if ((rc = iplist_read_set(s, path, &bad, error)) == -1 && bad.n > 0) {
		char *both = xasprintf("%s; the first: %s", *error, bad.told[0]);

		free(*error);
		*error = both;
	}
	refusals_fini(&bad);
	return rc;
}

/* The log, which is the lock, too.  Returns a descriptor, or -1 with *error. */
static int
open_log(const char *path, char **error)
{
	char *name = log_path(path), *dir = path_dir(path), *why = NULL;
	int fd = -1, at = trust_open(dir, geteuid(), TRUST_LINKS, NULL, NULL, &why);

	if (at == -1) {
		*error = xasprintf("%s; whoever can change the list decides whom surveys ask", why);
	} else {
		fd = openat(at, path_last(name),
		    O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd == -1 || fchmod(fd, 0600) == -1 || flock(fd, LOCK_EX) == -1) {
			*error = xasprintf("%s: %s", name, strerror(errno));
			if (fd != -1)
				close(fd);
			fd = -1;
		}
		close(at);
	}
	free(why);
	free(dir);
	free(name);
	return fd;
}

static int
add_line(const struct cidr *c, void *arg)
{
	struct buf *b = arg;
	char text[IP_STRLEN + 4];

	buf_printf(b, "%s\n", cidr_format(c, text));
	return 0;
}

static int
add_entry(const struct cidr *c, void *arg)
{
	char text[IP_STRLEN + 4];

	jsonw_string(arg, cidr_format(c, text));
	return 0;
}

/* The requests as one line of JSON, which ends up whole or not at all. */
static int
write_log(int fd, const struct ipset *asked, const struct optout_note *note)
{
	char when[TIME_SIZE];
	struct jsonw w;
	int rc;

	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_member_string(&w, "at", time_format(note->at, when));
	jsonw_key(&w, "add");
	jsonw_array(&w);
	ipset_each_cidr(asked, add_entry, &w);
	jsonw_end_array(&w);
	jsonw_member_string(&w, "who", note->who);
	jsonw_member_string(&w, "proof", note->proof);
	jsonw_member_string(&w, "by", note->by);
	jsonw_end_object(&w);
	jsonw_newline(&w);
	rc = file_write_fd(fd, w.out.data, w.out.len);
	jsonw_fini(&w);
	return rc == 0 ? fsync(fd) : -1;
}

/* The list with the new ranges behind what stands in it. */
static int
write_list(const char *path, const struct ipset *fresh, int64_t at)
{
	char when[TIME_SIZE], *before = file_read(path, LIST_MAX, NULL);
	struct outfile o;
	struct stat st;
	struct buf b;
	int rc = -1;

	if (before == NULL && errno != ENOENT)
		return -1;
	buf_init(&b);
	buf_adds(&b, before != NULL ? before : "");
	if (b.len > 0 && b.data[b.len - 1] != '\n')
		buf_adds(&b, "\n");
	buf_printf(&b, "# added %s\n", time_format(at, when));
	ipset_each_cidr(fresh, add_line, &b);
	if (outfile_open(&o, path) == 0) {
		if (fchmod(fileno(o.f), stat(path, &st) == 0 ? st.st_mode & 0777 : 0644) == 0 &&
		    fwrite(b.data, 1, b.len, o.f) == b.len)
			rc = outfile_commit(&o);
		else
			outfile_abort(&o);
	}
	buf_fini(&b);
	free(before);
	return rc;
}

int
optout_add(const char *path, const struct ip_range *r, size_t n, const struct optout_note *note,
    char **error)
{
	struct ipset have, asked, fresh;
	struct stat st;
	int fd, added = 0;

	if ((fd = open_log(path, error)) == -1)
		return -1;
	ipset_init(&have);
	ipset_init(&asked);
	ipset_init(&fresh);
	for (size_t i = 0; i < n; i++)
		ipset_add_range(&asked, &r[i].lo, &r[i].hi);
	ipset_normalise(&asked);
	if ((stat(path, &st) == 0 || errno != ENOENT) && optout_read(path, &have, error) == -1) {
		added = -1;
		goto out;
	}
	ipset_add_set(&fresh, &asked);
	ipset_normalise(&fresh);
	ipset_subtract(&fresh, &have);
	added = (int)fresh.n;
	/* First the list: a request that is not in force must not seem so. */
	if (added > 0 && write_list(path, &fresh, note->at) == -1) {
		*error = xasprintf("%s: %s", path, strerror(errno));
		added = -1;
	} else if (write_log(fd, &asked, note) == -1) {
		*error = xasprintf(
		    "%s.log: %s; the list itself is as asked", path, strerror(errno));
		added = -1;
	}
out:
	ipset_fini(&have);
	ipset_fini(&asked);
	ipset_fini(&fresh);
	close(fd);
	return added;
}

/* Does a request name the prefix?  Then its time, else 0. */
static int64_t
asked_in(json_object *o, const char *prefix, char **who)
{
	json_object *list = json_object_object_get(o, "add");
	const char *at = json_object_get_string(json_object_object_get(o, "at"));
	const char *name = json_object_get_string(json_object_object_get(o, "who"));

	if (at == NULL || !json_object_is_type(list, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *p = json_object_get_string(json_object_array_get_idx(list, i));

		if (p == NULL || strcmp(p, prefix) != 0)
			continue;
		free(*who);
		*who = name != NULL ? xstrdup(name) : NULL;
		return time_parse(at, strlen(at));
	}
	return 0;
}

int64_t
optout_asked(const char *path, const char *prefix, char **who)
{
	char *name = log_path(path), *text = file_read(name, LIST_MAX, NULL), *line, *rest = text;
	int64_t at = 0;

	*who = NULL;
	while (text != NULL && (line = strsep(&rest, "\n")) != NULL) {
		json_object *o = line[0] == '{' ? json_tokener_parse(line) : NULL;
		int64_t found = asked_in(o, prefix, who);

		if (found != 0)
			at = found;
		json_object_put(o);
	}
	free(text);
	free(name);
	return at;
}
