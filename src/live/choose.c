#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ldns/sha2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/diff.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "choose.h"

#define CONFIG_MAX (4 << 20)
enum { LOCK_TRIES = 20, LOCK_STEP_MS = 50 };
#define STAMP_LEN 15 /* 20260615-120000 */

static bool
is_run_name(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && name[n] == '-' &&
	       strlen(name + n + 1) >= STAMP_LEN &&
	       strspn(name + n + 1, "0123456789-") == strlen(name + n + 1);
}

/* The name of the newest run, finished or not, of this config; NULL when there is none. */
static char *
newest_run(const struct config *c, struct manifest *m)
{
	DIR *dir = opendir(c->run.directory);
	struct dirent *de;
	char *best = NULL;

	while (dir != NULL && (de = readdir(dir)) != NULL) {
		struct manifest one;
		char *path;

		if (!is_run_name(de->d_name, c->run.name) ||
		    (best != NULL && strcmp(de->d_name, best) < 0))
			continue;
		path = path_join(c->run.directory, de->d_name);
		if (manifest_read(&one, path) == 0) {
			if (one.config_path != NULL && strcmp(one.config_path, c->path) == 0) {
				free(best);
				best = xstrdup(de->d_name);
				manifest_fini(m);
				*m = one;
			} else {
				manifest_fini(&one);
			}
		}
		free(path);
	}
	if (dir != NULL)
		closedir(dir);
	return best;
}

static bool
finished(const struct manifest *m)
{
	return m->state == RUN_COMPLETE;
}

/*
 * Has anything been sent?  An attempt that ended before, on a wrong country
 * or a damaged database say, is not worth continuing: its directory is used
 * again, with the config and the databases of now.
 */
static bool
began(const struct manifest *m)
{
	return m->stages[STAGE_SCAN].started != 0;
}

/*
 * Make a directory that we have just made run.user's.  Through a descriptor
 * and never through a link: what lies above may be that user's already, and
 * chown() by name would give away whatever the name has come to mean.
 */
static int
give_directory(const char *path, uid_t uid, gid_t gid)
{
	int fd, rc, saved;

	if (geteuid() != 0)
		return 0;
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return -1;
	rc = fchown(fd, uid, gid) == -1 || fchmod(fd, 0700) == -1 ? -1 : 0;
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

static int
make_directory(struct rundir *d, const struct config *c, uid_t uid, gid_t gid)
{
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	for (int i = 1; i < 1000; i++) {
		char *name = i == 1 ? xasprintf("%s-%s", c->run.name, stamp)
				    : xasprintf("%s-%s-%03d", c->run.name, stamp, i);

		d->path = path_join(c->run.directory, name);
		free(name);
		if (mkdir(d->path, 0700) == 0) {
			if (give_directory(d->path, uid, gid) == -1)
				break;
			return 0;
		}
		if (errno != EEXIST)
			break;
		free(d->path);
	}
	log_error(
	    "%s: %s; set run.directory to a place that can be written", d->path, strerror(errno));
	return EXIT_USAGE;
}

/*
 * Is a directory that has no run.json one for a run: not there, empty, or
 * left by one that died before it had a manifest?
 */
static bool
is_free(const char *path)
{
	static const char *const early[] = { ".", "..", "scan", "geo", "lock", "survey.conf",
		"survey.log", "run.json" };
	DIR *dir = opendir(path);
	const struct dirent *de;
	bool ours = true;

	if (dir == NULL)
		return errno == ENOENT;
	while (ours && (de = readdir(dir)) != NULL) {
		ours = false;
		for (size_t i = 0; !ours && i < sizeof(early) / sizeof(early[0]); i++) {
			ours = strcmp(de->d_name, early[i]) == 0 ||
			       outfile_is_temporary(de->d_name, early[i]);
		}
	}
	closedir(dir);
	return ours;
}

static int
use_directory(struct rundir *d, const char *path, uid_t uid, gid_t gid)
{
	struct manifest m;

	d->path = xstrdup(path);
	if (manifest_read(&m, path) == 0) {
		d->resumed = began(&m);
		manifest_fini(&m);
		return 0;
	}
	if (errno != ENOENT) {
		log_error("%s/run.json: %s", path,
		    errno == EINVAL ? "not a manifest of survey" : strerror(errno));
		return EXIT_USAGE;
	}
	if (!is_free(path)) {
		log_error("%s holds other things than a run; --dir names a run's directory, or one "
			  "that is empty or will be made",
		    path);
		return EXIT_USAGE;
	}
	if (file_mkdirs(path, 0700) == -1 || (geteuid() != 0 && chmod(path, 0700) == -1) ||
	    give_directory(path, uid, gid) == -1) {
		log_error("%s: %s", path, strerror(errno));
		return EXIT_USAGE;
	}
	return 0;
}

/* Two that start at the same moment must not both find that there is no run yet. */
static int
hold_choice(struct rundir *d, const struct config *c)
{
	if (file_mkdirs(c->run.directory, 0755) == -1) {
		log_error("%s: %s; set run.directory to a place that can be written",
		    c->run.directory, strerror(errno));
		return EXIT_USAGE;
	}
	d->choice = open(c->run.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (d->choice != -1 && flock(d->choice, LOCK_EX) == -1 && errno == EINTR)
		;
	return 0;
}

void
rundir_chosen(struct rundir *d)
{
	if (d->choice == -1)
		return;
	(void)flock(d->choice, LOCK_UN); /* zmap's guard has inherited the descriptor */
	close(d->choice);
	d->choice = -1;
}

int
rundir_choose(
    struct rundir *d, const struct config *c, const struct run_options *o, uid_t uid, gid_t gid)
{
	struct manifest m;
	char *name, *absolute;
	int rc;

	*d = (struct rundir){ .lock = -1, .choice = -1 };
	manifest_init(&m);
	if (o->directory != NULL) {
		rc = use_directory(d, o->directory, uid, gid);
	} else if ((rc = hold_choice(d, c)) == 0) {
		name = o->start_new ? NULL : newest_run(c, &m);
		if (name != NULL && !finished(&m) &&
		    time(NULL) - m.created <= (int64_t)c->run.max_age_days * 86400) {
			d->path = path_join(c->run.directory, name);
			d->resumed = began(&m);
			rc = 0;
		} else {
			if (name != NULL && !finished(&m))
				log_warn("%s/%s is unfinished and older than %ld days "
					 "(run.max_age_days): not continued; a new run starts",
				    c->run.directory, name, c->run.max_age_days);
			rc = make_directory(d, c, uid, gid);
		}
		free(name);
	}
	manifest_fini(&m);
	if (rc == 0 && (absolute = realpath(d->path, NULL)) != NULL) {
		free(d->path);
		d->path = absolute;
	}
	if (rc == 0)
		d->shown = xstrdup(d->path);
	return rc;
}

int
run_directory_lock(struct rundir *d)
{
	char *path = path_join(d->path, "lock");
	char pid[32];
	ssize_t n;
	int held;

	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock == -1) {
		log_error("%s: %s", path, strerror(errno));
		free(path);
		return errno == EACCES || errno == EROFS ? EXIT_USAGE : EXIT_FAILED;
	}
	free(path);
	/* One that was killed a moment ago still ends, and survey status looks for an instant. */
	for (int i = 0; (held = flock(d->lock, LOCK_EX | LOCK_NB)) == -1 && i < LOCK_TRIES; i++)
		poll(NULL, 0, LOCK_STEP_MS);
	if (held == -1) {
		n = pread(d->lock, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		log_error(
		    "%s is being run already, by process %s; survey status shows how far it is",
		    d->path, pid[0] != '\0' ? pid : "unknown");
		return EXIT_USAGE;
	}
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(d->lock, 0) == -1 || pwrite(d->lock, pid, (size_t)n, 0) != n)
		log_debug("lock: %m"); /* the lock holds, only its text is missing */
	return 0;
}

static void
digest_of(const char *text, size_t len, char digest[65])
{
	unsigned char sum[LDNS_SHA256_DIGEST_LENGTH];

	ldns_sha256((unsigned char *)(uintptr_t)text, (unsigned int)len, sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(digest + 2 * i, 3, "%02x", sum[i]);
}

int
rundir_config(struct rundir *d, const struct config *c, bool force, char digest[65])
{
	char *copy = path_join(d->path, "survey.conf"), *then = NULL, *diff;
	const char *now = c->text;
	size_t now_len = strlen(now), then_len;
	int rc = 0;

	if (d->resumed)
		then = file_read(copy, CONFIG_MAX, &then_len);
	if (then != NULL && strcmp(then, now) != 0) {
		diff = diff_lines(then, now);
		if (!force) {
			log_error(
			    "%s has changed since this run began; --force goes on with the new "
			    "one, --new starts afresh:",
			    c->path);
			fputs(diff, stderr);
			rc = EXIT_USAGE;
		} else {
			log_warn("%s has changed since this run began; going on with the new one",
			    c->path);
		}
		free(diff);
	}
	if (rc == 0 && (then == NULL || strcmp(then, now) != 0) &&
	    file_write(copy, now, now_len) == -1) {
		log_error("%s: %s", copy, strerror(errno));
		rc = EXIT_FAILED;
	}
	digest_of(now, now_len, digest);
	free(then);
	free(copy);
	return rc;
}

int
rundir_keep(const struct rundir *d, int source, const char *copy)
{
	struct outfile out;
	char *dir;
	int rc, saved;

	if (d->resumed && access(copy, F_OK) == 0)
		return 0; /* the run's own since its beginning */
	dir = path_dir(copy);
	rc = mkdir(dir, 0700) == -1 && errno != EEXIST ? -1 : 0;
	free(dir);
	if (rc == -1 || outfile_open(&out, copy) == -1)
		return -1;
	if (file_copy(source, fileno(out.f)) == 0)
		return outfile_commit(&out);
	saved = errno;
	outfile_abort(&out);
	errno = saved;
	return -1;
}

void
rundir_latest(const struct rundir *d, const struct config *c)
{
	char *base = strrchr(d->path, '/') + 1;
	char *parent = path_dir(d->path), *want = realpath(c->run.directory, NULL);
	char *link_path = path_join(c->run.directory, "latest");
	char *tmp = xasprintf("%s.%d", link_path, (int)getpid());

	/* A run in a directory of its own (--dir) is nobody's latest. */
	if (want != NULL && strcmp(parent, want) == 0) {
		unlink(tmp);
		if (symlink(base, tmp) == -1 || rename(tmp, link_path) == -1)
			log_warn("%s: %s", link_path, strerror(errno));
	}
	free(tmp);
	free(link_path);
	free(want);
	free(parent);
}

void
rundir_fini(struct rundir *d)
{
	rundir_chosen(d);
	if (d->lock != -1)
		close(d->lock);
	free(d->path);
	free(d->shown);
	*d = (struct rundir){ .lock = -1, .choice = -1 };
}
