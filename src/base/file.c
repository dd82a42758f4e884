#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/beneath.h"
#include "survey/file.h"
#include "survey/foreign.h"
#include "survey/mem.h"

/* Between a file's name and six random characters: no other program makes such names, no user types them. */
#define TEMPORARY ".survey-tmp-"
#define OUTFILE_BUFFER (1 << 16)
#define COPY_SIZE ((size_t)1 << 20) /* bytes of a step */

/*
 * A device, a pipe, or a name of an open file, which may be either: nothing may
 * take its place.  What another user has put there is none.
 */
static bool
is_stream(const char *path)
{
	struct foreign f;
	struct stat st;

	if (foreign_find(path, &f) || lstat(path, &st) == -1 ||
	    (S_ISLNK(st.st_mode) && st.st_uid != 0 && st.st_uid != geteuid()) ||
	    stat(path, &st) == -1)
		return false;
	return !S_ISREG(st.st_mode) || strncmp(path, "/dev/std", 8) == 0 ||
	       strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/proc/", 6) == 0;
}

/* Close fd, keep errno. */
static void
close_quietly(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* What root has just made in a directory of another user is that user's. */
static int
give(int fd, const struct foreign *f)
{
	return geteuid() == 0 ? fchown(fd, f->uid, f->gid) : 0;
}

static int
open_foreign(const struct foreign *f, int flags, mode_t mode)
{
	int fd;

	if ((flags & O_CREAT) == 0)
		return beneath_open(f->fd, f->rest, flags, mode);
	/* Only what was not there before is given away. */
	if ((fd = beneath_open(f->fd, f->rest, flags | O_EXCL, mode)) == -1)
		return errno == EEXIST && (flags & O_EXCL) == 0
			   ? beneath_open(f->fd, f->rest, flags & ~O_CREAT, 0)
			   : -1;
	if (give(fd, f) == 0)
		return fd;
	close_quietly(fd);
	return -1;
}

int
file_open(const char *path, int flags, mode_t mode)
{
	struct foreign f;

	return foreign_find(path, &f) ? open_foreign(&f, flags, mode)
				      : open(path, flags | O_CLOEXEC, mode);
}

FILE *
file_fopen(const char *path, const char *mode)
{
	int flags = mode[0] == 'r'   ? O_RDONLY
		    : mode[0] == 'a' ? O_WRONLY | O_CREAT | O_APPEND
				     : O_WRONLY | O_CREAT | O_TRUNC;
	int fd = file_open(path, flags, 0666);
	FILE *f = fd != -1 ? fdopen(fd, mode) : NULL;

	if (f == NULL && fd != -1)
		close_quietly(fd);
	return f;
}

int
file_open_dir(const char *path, int flags)
{
	return file_open(path, flags | O_DIRECTORY, 0);
}

DIR *
file_opendir(const char *path)
{
	int fd = file_open_dir(path, O_RDONLY);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;

	if (d == NULL && fd != -1)
		close_quietly(fd);
	return d;
}

/*
 * A new temporary file for o, locked for as long as it is open: outfile_sweep()
 * leaves it alone.  Returns a descriptor, or -1 with errno set.
 */
static int
make_temporary(struct outfile *o)
{
	char *dir = path_dir(o->path), *name = NULL;
	struct foreign f;
	struct stat st;
	int fd = -1;

	if ((o->dir = file_open_dir(dir, O_PATH)) == -1)
		goto out;
	while ((fd = beneath_temporary(o->dir, path_last(o->path), &name)) != -1) {
		o->tmp = xasprintf("%.*s%s", (int)(path_last(o->path) - o->path), o->path, name);
		free(name);
		if (foreign_find(o->path, &f) && give(fd, &f) == -1) {
			close_quietly(fd);
			fd = -1;
			break;
		}
		/* A sweep may be taking it before the lock is ours; some file systems have no locks. */
		if (flock(fd, LOCK_EX | LOCK_NB) == -1 ? errno != EWOULDBLOCK
						       : fstat(fd, &st) == -1 || st.st_nlink > 0)
			break;
		close(fd);
		free(o->tmp);
		o->tmp = NULL;
	}
out:
	free(dir);
	return fd;
}

static int
open_at(struct outfile *o, const char *path, bool stream)
{
	int fd, saved;

	*o = (struct outfile){ .path = xstrdup(path), .dir = -1 };
	fd = stream ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : make_temporary(o);
	if (fd != -1 && (o->f = fdopen(fd, "w")) != NULL) {
		/* One of our own: glibc ignores the size where there is none. */
		o->buffer = xmalloc(OUTFILE_BUFFER);
		setvbuf(o->f, o->buffer, _IOFBF, OUTFILE_BUFFER);
		return 0;
	}
	saved = errno;
	if (fd != -1)
		close(fd);
	outfile_abort(o);
	errno = saved;
	return -1;
}

int
outfile_open(struct outfile *o, const char *path)
{
	return open_at(o, path, false);
}

int
outfile_open_named(struct outfile *o, const char *path)
{
	return open_at(o, path, is_stream(path));
}

/*
 * On the disk, and still under its temporary name.  That file stays open, and so
 * locked, until it has its own: a sweep would take it.
 */
static int
finish(struct outfile *o)
{
	FILE *f = o->f;

	if (fflush(f) != 0 || ferror(f))
		return -1;
	if (o->tmp != NULL)
		return fsync(fileno(f));
	o->f = NULL;
	return fclose(f);
}

/* fsync a directory; one that is -1 is that of a device or a pipe. */
static int
sync_dir(int dir)
{
	int fd, rc;

	if (dir == -1)
		return 0;
	if ((fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	rc = fsync(fd);
	close_quietly(fd);
	/* Some file systems cannot sync a directory; the rename is as safe there as it gets. */
	return rc == -1 && errno == EINVAL ? 0 : rc;
}

int
outfile_commit_all(struct outfile *const *o, size_t n)
{
	int *old = xcalloc(n + 1, sizeof(*old)), rc = 0, saved = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = finish(o[i]);
	if (rc != 0)
		saved = errno;
	/* Held open, or each rename would take the time that freeing the old file's blocks takes. */
	for (size_t i = 0; i < n; i++)
		old[i] = rc == 0 && o[i]->tmp != NULL ? openat(o[i]->dir, path_last(o[i]->path),
							    O_PATH | O_NOFOLLOW | O_CLOEXEC)
						      : -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (o[i]->tmp != NULL && (rc = renameat(o[i]->dir, path_last(o[i]->tmp), o[i]->dir,
					      path_last(o[i]->path))) == 0) {
			free(o[i]->tmp);
			o[i]->tmp = NULL;
		}
	}
	if (rc == 0 && n > 0)
		rc = sync_dir(o[0]->dir);
	if (rc != 0 && saved == 0)
		saved = errno;
	for (size_t i = 0; i < n; i++) {
		if (old[i] != -1)
			close(old[i]);
		outfile_abort(o[i]);
	}
	free(old);
	if (rc == 0)
		return 0;
	errno = saved != 0 ? saved : EIO;
	return -1;
}

int
outfile_commit(struct outfile *o)
{
	return outfile_commit_all(&o, 1);
}

void
outfile_abort(struct outfile *o)
{
	if (o->f != NULL)
		fclose(o->f);
	if (o->tmp != NULL)
		unlinkat(o->dir, path_last(o->tmp), 0);
	if (o->path != NULL && o->dir != -1)
		close(o->dir);
	free(o->buffer);
	free(o->tmp);
	free(o->path);
	o->f = NULL;
	o->buffer = NULL;
	o->path = o->tmp = NULL;
}

char *
outfile_temporary(const char *of, const char random[static OUTFILE_RANDOM + 1])
{
	return xasprintf("%s" TEMPORARY "%s", of, random);
}

bool
outfile_is_temporary(const char *name, const char *of)
{
	size_t len = strlen(of), mark = strlen(TEMPORARY);

	return strncmp(name, of, len) == 0 && strncmp(name + len, TEMPORARY, mark) == 0 &&
	       strlen(name) == len + mark + OUTFILE_RANDOM;
}

void
outfile_sweep_at(int dir, const char *name, const char *of)
{
	struct stat st;
	int fd;

	if (!outfile_is_temporary(name, of) ||
	    (fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(dir, name, 0);
	close(fd);
}

void
outfile_sweep(const char *path)
{
	char *dir = path_dir(path);
	struct dirent *e;
	DIR *d = file_opendir(dir);

	while (d != NULL && (e = readdir(d)) != NULL)
		outfile_sweep_at(dirfd(d), e->d_name, path_last(path));
	if (d != NULL)
		closedir(d);
	free(dir);
}

int
file_unnamed(const char *dir)
{
	int at = file_open_dir(dir, O_PATH), fd;
	char *name;

	if (at == -1)
		return -1;
	fd = openat(at, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		/* A file system without such files: one that has its name for an instant. */
		if ((fd = beneath_temporary(at, ".unnamed", &name)) != -1) {
			unlinkat(at, name, 0);
			free(name);
		}
	}
	close_quietly(at);
	return fd;
}

char *
file_read_fd(int fd, size_t max, size_t *len)
{
	char *data = NULL;
	size_t cap = 0, used = 0;
	int error = 0;
	ssize_t n = 1;

	while (n != 0 && error == 0) {
		mem_grow(&data, &cap, used + (1 << 14) + 1, 1);
		n = read(fd, data + used, cap - used - 1);
		if (n == -1)
			error = errno != EINTR ? errno : 0;
		else
			used += (size_t)n;
		if (used > max)
			error = EFBIG;
	}
	if (error != 0) {
		free(data);
		errno = error;
		return NULL;
	}
	data[used] = '\0';
	if (len != NULL)
		*len = used;
	return data;
}

char *
file_read(const char *path, size_t max, size_t *len)
{
	int fd = file_open(path, O_RDONLY, 0), saved;
	char *data;

	if (fd == -1)
		return NULL;
	data = file_read_fd(fd, max, len);
	saved = errno;
	close(fd);
	errno = saved;
	return data;
}

int
file_write_fd(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
write_whole(struct outfile *o, const void *data, size_t len)
{
	int saved;

	if (fwrite(data, 1, len, o->f) == len)
		return outfile_commit(o);
	saved = errno;
	outfile_abort(o);
	errno = saved;
	return -1;
}

int
file_write(const char *path, const void *data, size_t len)
{
	struct outfile o;

	return outfile_open(&o, path) == 0 ? write_whole(&o, data, len) : -1;
}

int
file_write_named(const char *path, const void *data, size_t len)
{
	struct outfile o;

	return outfile_open_named(&o, path) == 0 ? write_whole(&o, data, len) : -1;
}

/* Copy by read() and write() from an offset on, for whatever the kernel does not copy itself. */
static int
copy_rest(int from, int to, off_t at)
{
	char *buf = xmalloc(COPY_SIZE);
	int rc = 0;
	ssize_t n;

	while (rc == 0 && (n = pread(from, buf, COPY_SIZE, at)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		rc = n == -1 ? -1 : file_write_fd(to, buf, (size_t)n);
		at += n;
	}
	free(buf);
	return rc;
}

int
file_copy(int from, int to)
{
	struct stat st;
	struct timespec times[2];
	off_t at = 0;

	if (fstat(from, &st) == -1)
		return -1;
	if (ioctl(to, FICLONE, from) == -1) {
		while (copy_file_range(from, &at, to, NULL, COPY_SIZE, 0) > 0)
			;
		/* Not over file systems that differ, say; what the kernel has copied counts. */
		if (copy_rest(from, to, at) == -1)
			return -1;
	}
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	return futimens(to, times);
}

/* One directory of a path; one that root makes in another user's is that user's. */
static int
make_directory(const char *path, mode_t mode)
{
	char *parent = path_dir(path);
	int at = file_open_dir(parent, O_PATH), fd = -1, rc;
	struct foreign f;

	free(parent);
	if (at == -1)
		return -1;
	rc = mkdirat(at, path_last(path), mode);
	if ((rc == 0 || errno == EEXIST) && foreign_find(path, &f)) {
		/* What is there must be a directory, and no link to one. */
		fd = file_open_dir(path, O_RDONLY);
		rc = fd == -1 ? -1 : rc == 0 ? give(fd, &f) : 0;
	} else if (rc == -1 && errno == EEXIST) {
		rc = 0;
	}
	if (fd != -1)
		close_quietly(fd);
	close_quietly(at);
	return rc;
}

int
file_append(int from, int to)
{
	struct stat st;
	off_t at = 0;
	char last = '\n';

	if (fstat(from, &st) == -1 || lseek(to, 0, SEEK_END) == -1)
		return -1;
	while (copy_file_range(from, &at, to, NULL, COPY_SIZE, 0) > 0)
		;
	if (copy_rest(from, to, at) == -1)
		return -1;
	if (st.st_size > 0 && pread(from, &last, 1, st.st_size - 1) == -1)
		return -1;
	return last == '\n' ? 0 : 1;
}

int
file_mkdirs(const char *path, mode_t mode)
{
	char *copy = xstrdup(path);
	int rc = 0;

	for (char *p = copy + 1; rc == 0 && copy[0] != '\0'; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (p[-1] != '/') /* two slashes, or one at the end */
			rc = make_directory(copy, mode);
		*p = c;
		if (c == '\0')
			break;
	}
	free(copy);
	return rc;
}

/* What is called name in the directory at, unless it is on another file system than dev. */
static int
remove_at(int at, const char *name, dev_t dev)
{
	const struct dirent *e;
	struct stat st;
	DIR *d = NULL;
	int fd, rc = 0;

	if (unlinkat(at, name, 0) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close_quietly(fd);
		return -1;
	}
	if (st.st_dev != dev) {
		errno = EXDEV;
		rc = -1;
	}
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = remove_at(dirfd(d), e->d_name, dev);
	}
	closedir(d);
	return rc == 0 ? unlinkat(at, name, AT_REMOVEDIR) : -1;
}

int
file_remove_tree_at(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? remove_at(at, name, st.st_dev)
								: -1;
}

int
file_remove_tree(const char *path)
{
	char *dir = path_dir(path);
	int at = file_open_dir(dir, O_PATH), rc = -1, saved;

	if (at != -1) {
		rc = file_remove_tree_at(at, path_last(path));
		saved = errno;
		close(at);
		errno = saved;
	}
	free(dir);
	return rc;
}

int
file_sync_dir(const char *path)
{
	char *dir = path_dir(path);
	int at = file_open_dir(dir, O_PATH), rc = at != -1 ? sync_dir(at) : -1;

	free(dir);
	if (at != -1)
		close_quietly(at);
	return rc;
}

char *
path_join(const char *a, const char *b)
{
	if (a == NULL || a[0] == '\0' || b[0] == '/')
		return xstrdup(b);
	return xasprintf("%s%s%s", a, a[strlen(a) - 1] == '/' ? "" : "/", b);
}

char *
path_dir(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup(".");
	if (slash == path)
		return xstrdup("/");
	return xstrndup(path, (size_t)(slash - path));
}

const char *
path_last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

bool
file_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool
file_is_in(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

char *
path_folder(const char *path)
{
	return file_is_dir(path) ? xstrdup(path) : path_dir(path);
}

char *
path_existing(const char *path)
{
	char *p = xstrdup(path);

	while (access(p, F_OK) == -1 && errno == ENOENT && strcmp(p, "/") != 0 &&
	       strcmp(p, ".") != 0) {
		char *up = path_dir(p);

		free(p);
		p = up;
	}
	return p;
}
