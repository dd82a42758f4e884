#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/trust.h"

#define LINKS_MAX 40 /* as the kernel has it (path_resolution(7)) */

struct walk {
	uid_t user;
	unsigned flags;
	trust_make_fn make;
	void *arg;
	struct buf done; /* the part of the path that is open, for messages */
	char *rest; /* what is still to be walked */
	unsigned links;
	int fd;
	char *why;
};

static char *
user_name(uid_t uid)
{
	struct passwd *pw = getpwuid(uid);

	return pw != NULL ? xstrdup(pw->pw_name) : xasprintf("user %u", (unsigned)uid);
}

/* Set the reason and errno; returns -1. */
static int
refuse(struct walk *w, int error, char *why)
{
	free(w->why);
	w->why = why;
	errno = error;
	return -1;
}

bool
trust_others_write(const struct stat *st)
{
	mode_t others = S_IWOTH;

	if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0)
		return false;
	if (st->st_uid == 0 && st->st_gid != 0)
		others |= S_IWGRP; /* a user's own group is mostly himself */
	return (st->st_mode & others) != 0;
}

static int
check(struct walk *w, const struct stat *st)
{
	char *owner, *why;

	if ((w->flags & TRUST_ANYBODY) != 0 ||
	    ((w->flags & TRUST_FOLDERS) != 0 && !S_ISLNK(st->st_mode)))
		return 0;
	if (st->st_uid != 0 && st->st_uid != w->user) {
		owner = user_name(st->st_uid);
		why = xasprintf("%s belongs to %s, who could put something else in its place",
		    w->done.data, owner);
		free(owner);
		return refuse(w, EPERM, why);
	}
	if (!S_ISLNK(st->st_mode) && trust_others_write(st))
		return refuse(w, EPERM,
		    xasprintf("others can write to %s (mode %04o): chmod go-w it", w->done.data,
			(unsigned)(st->st_mode & 07777)));
	return 0;
}

/* Go on with what the link says instead of its name; fd is the link, parent its folder. */
static int
follow(struct walk *w, int fd, int *parent)
{
	char target[PATH_MAX], *rest;
	ssize_t n;

	if ((w->flags & TRUST_LINKS) == 0)
		return refuse(w, ELOOP,
		    xasprintf("%s is a link: name the place where it leads (realpath tells it)",
			w->done.data));
	if (++w->links > LINKS_MAX)
		return refuse(w, ELOOP, xasprintf("%s: too many links", w->done.data));
	if ((n = readlinkat(fd, "", target, sizeof(target) - 1)) == -1)
		return refuse(w, errno, xasprintf("%s: %m", w->done.data));
	target[n] = '\0';
	rest = xasprintf("%s/%s", target, w->rest);
	free(w->rest);
	w->rest = rest;
	if (target[0] == '/') {
		close(*parent);
		if ((*parent = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
			return refuse(w, errno, xasprintf("/: %m"));
		buf_clear(&w->done);
	} else {
		char *slash = strrchr(w->done.data, '/');

		w->done.len = slash != NULL ? (size_t)(slash - w->done.data) : 0;
		w->done.data[w->done.len] = '\0';
	}
	return 0;
}

static int
open_component(struct walk *w, int parent, const char *name)
{
	int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd != -1 || errno != ENOENT || w->make == NULL)
		return fd;
	if (w->make(parent, name, w->arg) == -1 && errno != EEXIST)
		return -1;
	return openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* One component: w->fd moves on to it.  Returns 0, or -1 with reason and errno. */
static int
step(struct walk *w, const char *name)
{
	struct stat st;
	int fd;

	buf_printf(&w->done, "/%s", name);
	if ((fd = open_component(w, w->fd, name)) == -1)
		return refuse(w, errno, xasprintf("%s: %m", w->done.data));
	if (fstat(fd, &st) == -1 || check(w, &st) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return w->why != NULL ? -1 : refuse(w, errno, xasprintf("%s: %m", w->done.data));
	}
	if (S_ISLNK(st.st_mode)) {
		int rc = follow(w, fd, &w->fd), saved = errno;

		close(fd);
		errno = saved;
		return rc;
	}
	close(w->fd);
	w->fd = fd;
	return 0;
}

static int
start(struct walk *w, const char *path)
{
	char *here = path[0] != '/' ? getcwd(NULL, 0) : NULL;
	struct stat st;

	if (path[0] != '/' && here == NULL)
		return refuse(w, errno, xasprintf("the working directory: %m"));
	w->rest = here != NULL ? xasprintf("%s/%s", here, path) : xstrdup(path);
	free(here);
	if ((w->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1 || fstat(w->fd, &st) == -1)
		return refuse(w, errno, xasprintf("/: %m"));
	buf_adds(&w->done, "/");
	if (check(w, &st) == -1)
		return -1;
	buf_clear(&w->done);
	return 0;
}

/* Take the first name off what is left; the caller frees it, NULL at the end. */
static char *
next_name(struct walk *w)
{
	char *p = w->rest + strspn(w->rest, "/"), *name, *rest;
	size_t len = strcspn(p, "/");

	if (len == 0)
		return NULL;
	name = xstrndup(p, len);
	rest = xstrdup(p + len);
	free(w->rest);
	w->rest = rest;
	return name;
}

int
trust_open(const char *path, uid_t user, unsigned flags, trust_make_fn make, void *arg, char **why)
{
	struct walk w = { .user = user, .flags = flags, .make = make, .arg = arg, .fd = -1 };
	int rc, saved;
	char *name;

	buf_init(&w.done);
	rc = start(&w, path);
	while (rc == 0 && (name = next_name(&w)) != NULL) {
		if (strcmp(name, ".") != 0)
			rc = step(&w, name);
		free(name);
	}
	saved = errno;
	if (rc == -1 && w.fd != -1)
		close(w.fd);
	*why = w.why;
	free(w.rest);
	buf_fini(&w.done);
	errno = saved;
	return rc == 0 ? w.fd : -1;
}
