#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "survey/beneath.h"
#include "survey/command.h"
#include "survey/diff.h"
#include "survey/file.h"
#include "survey/isolate.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/signals.h"
#include "survey/text.h"
#include "survey/trust.h"

#include "choose.h"

#define CONFIG_MAX (4 << 20)
enum { LOCK_TRIES = 20, LOCK_STEP_MS = 50 };
#define STAMP_LEN 15 /* 20260615-120000 */
#define LOOK_AT 100 /* directories whose run.json one child looks at */
#define LOOK_CPU_S 60

void
rundir_init(struct rundir *d)
{
	*d = (struct rundir){ .fd = -1, .parent = -1, .lock = -1, .choice = -1 };
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/*
 * NAME, or NAME-shard-I-of-N where several machines share a survey and may share run.directory.
 * The caller frees it.
 */
static char *
run_prefix(const struct config *c, const struct run_options *o)
{
	return o->machines > 1
		   ? xasprintf("%s-shard-%u-of-%u", c->run.name, o->machine, o->machines)
		   : xstrdup(c->run.name);
}

/* ---- what lies in the directories ---- */

/* What a run.json says of its run. */
struct glance {
	uint32_t at; /* which of the directories */
	int32_t error; /* 0, ENOENT: there is none, EINVAL: it is no manifest, … */
	bool complete;
	bool
	    began; /* something has been sent: an attempt that ended before is not worth continuing */
	bool same_config;
	bool is_sample; /* complete, of a config with the same values, and hosts were found */
	int64_t created;
	uint64_t targets, probed, hits;
};

/* What the child answers: the run that was looked for, and the newest sample. */
enum { FOUND, SAMPLE, NGLANCES };

struct look {
	const char *config_path; /* of the run that is looked for; NULL: any */
	const char *digest; /* of the config; NULL: no sample is looked for */
	const int *dirs;
	size_t n;
	size_t ahead; /* of the first ones: their names are of a time that is still to come */
	int files[LOOK_AT]; /* run.json of each, or -1 */
	int errors[LOOK_AT];
};

static int
open_manifests(void *arg)
{
	struct look *l = arg;

	for (size_t i = 0; i < l->n; i++) {
		l->files[i] = beneath_open(l->dirs[i], "run.json", O_RDONLY, 0);
		l->errors[i] = errno;
	}
	return 0;
}

static struct glance
glance_at(const struct look *l, size_t i)
{
	struct glance g = { .at = (uint32_t)i, .error = l->errors[i] };
	struct manifest m;
	char *text;

	if (l->files[i] == -1)
		return g;
	g.error = 0;
	if ((text = file_read_fd(l->files[i], MANIFEST_MAX, NULL)) == NULL ||
	    manifest_parse(&m, text) == -1) {
		g.error = errno;
		return g;
	}
	g.complete = m.state == RUN_COMPLETE;
	g.began = m.stages[STAGE_SCAN].started != 0;
	g.created = m.created;
	g.same_config = m.config_path != NULL && l->config_path != NULL &&
			strcmp(m.config_path, l->config_path) == 0;
	g.targets = m.counts.targets_v4;
	g.probed = m.counts.probed;
	g.hits = m.counts.hits;
	g.is_sample = manifest_is_finished(&m) && g.same_config && g.probed > 0 && g.hits > 0 &&
		      l->digest != NULL && m.config_digest != NULL &&
		      strcmp(m.config_digest, l->digest) == 0;
	return g;
}

/*
 * The first run of that config, or the first of all, and from there the first sample.  A complete
 * one of a clock that was ahead would stand before all that follow, for years: it is passed over.
 */
static int
find_run(int out, void *arg)
{
	const struct look *l = arg;
	bool found = false;
	int rc = 0;

	for (size_t i = 0; i < l->n && rc == 0; i++) {
		struct glance g = glance_at(l, i);

		if (!found && !(i < l->ahead && g.complete) &&
		    (l->config_path == NULL || (g.error == 0 && g.same_config))) {
			found = true;
			rc = file_write_fd(out, &g, sizeof(g));
		}
		if (rc == 0 && found && l->digest == NULL)
			return 0;
		if (rc == 0 && found && g.is_sample)
			return file_write_fd(out, &g, sizeof(g));
	}
	return rc;
}

/*
 * Look at directories as run.user, who owns them.  Returns 1, 0 when there is no
 * such run, or -1 with *status, an exit_status, after a message.
 */
static int
look_at(struct look *l, const struct identity *id, struct glance g[static NGLANCES], int *status)
{
	const struct isolate_options o = { .id = id,
		.profile = SANDBOX_PARSE,
		.cpu_s = LOOK_CPU_S,
		.max = NGLANCES * sizeof(*g),
		.stop = signals_stop(),
		.open = open_manifests };
	struct buf answer;
	char *why;
	int rc;

	buf_init(&answer);
	if ((rc = isolate(find_run, l, &o, &answer, &why)) == -1) {
		*status = *signals_stop() != 0 ? EXIT_STOPPED : EXIT_FAILED;
		if (*status != EXIT_STOPPED)
			log_error("run.json cannot be looked at: %s", why);
		free(why);
	} else if (answer.len == sizeof(*g) || answer.len == NGLANCES * sizeof(*g)) {
		memcpy(g, answer.data, answer.len);
		rc = g[FOUND].at < l->n ? 1 : 0;
		g[SAMPLE].is_sample = g[SAMPLE].is_sample && g[SAMPLE].at < l->n;
	}
	buf_fini(&answer);
	return rc;
}

/* A moment, in UTC, as names of runs have it. */
static void
format_stamp(time_t at, char stamp[static STAMP_LEN + 1])
{
	struct tm tm;

	strftime(stamp, STAMP_LEN + 1, "%Y%m%d-%H%M%S", gmtime_r(&at, &tm));
}

static bool
is_run_name(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && name[n] == '-' &&
	       strlen(name + n + 1) >= STAMP_LEN &&
	       strspn(name + n + 1, "0123456789-") == strlen(name + n + 1);
}

static int
newest_first(const void *a, const void *b)
{
	return strcmp(*(char *const *)b, *(char *const *)a);
}

/* Names of runs in a directory, the newest first; the caller frees them. */
static char **
run_names(int parent, const char *prefix, size_t *n)
{
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *de;
	char **names = NULL;
	size_t cap = 0;

	*n = 0;
	while (dir != NULL && (de = readdir(dir)) != NULL) {
		if (!is_run_name(de->d_name, prefix))
			continue;
		mem_grow(&names, &cap, *n + 1, sizeof(*names));
		names[(*n)++] = xstrdup(de->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	else if (fd != -1)
		close(fd);
	if (*n > 0)
		qsort(names, *n, sizeof(*names), newest_first);
	return names;
}

/* How many of the names, the newest first, are of a time after now? */
static size_t
count_ahead(char *const *names, size_t n, const char *prefix)
{
	char now[STAMP_LEN + 1];
	size_t ahead = 0;

	format_stamp(time(NULL), now);
	while (ahead < n && strncmp(names[ahead] + strlen(prefix) + 1, now, STAMP_LEN) > 0)
		ahead++;
	return ahead;
}

/*
 * Is a directory that has no run.json one for a run: empty, or left by one that
 * died before it had a manifest?
 */
static bool
is_free(int at)
{
	static const char *const early[] = { "scan", "geo", "lock", "survey.conf", "survey.log",
		"lists.sha256", "run.json" };
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *de;
	bool ours = dir != NULL;

	while (ours && (de = readdir(dir)) != NULL) {
		ours = strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0;
		for (size_t i = 0; !ours && i < sizeof(early) / sizeof(early[0]); i++)
			ours = strcmp(de->d_name, early[i]) == 0 ||
			       outfile_is_temporary(de->d_name, early[i]);
	}
	if (dir != NULL)
		closedir(dir);
	else if (fd != -1)
		close(fd);
	return ours;
}

/*
 * The newest run, finished or not, of this config in d->parent: its name, which
 * the caller frees, or NULL when there is none.  *rc is an exit_status after a
 * message.  *unused, which the caller frees as well, is what a run that failed
 * at its very beginning has left, or NULL.  d->earlier is set.
 */
static char *
newest_run(struct rundir *d, const struct config *c, const char *prefix, const struct identity *id,
    struct glance *found_run, char **unused, int *rc)
{
	struct glance g[NGLANCES] = { { 0 }, { 0 } };
	char digest[DIGEST_SIZE];
	size_t n;
	char **names = run_names(d->parent, prefix, &n), *found = NULL;
	size_t ahead = count_ahead(names, n, prefix);
	int dirs[LOOK_AT], got = 0;
	struct stat st;

	config_digest(c, digest);
	for (size_t at = 0; at < n && got == 0; at += LOOK_AT) {
		size_t batch = n - at < LOOK_AT ? n - at : LOOK_AT;
		struct look l = { .config_path = c->path,
			.digest = digest,
			.dirs = dirs,
			.n = batch,
			.ahead = ahead > at ? ahead - at : 0 };

		for (size_t i = 0; i < batch; i++)
			dirs[i] = openat(d->parent, names[at + i],
			    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (at == 0 && fstat(dirs[0], &st) == 0 && st.st_uid == id->uid &&
		    fstatat(dirs[0], "run.json", &st, AT_SYMLINK_NOFOLLOW) == -1 &&
		    errno == ENOENT && is_free(dirs[0]))
			*unused = xstrdup(names[0]);
		if ((got = look_at(&l, id, g, rc)) == 1) {
			found = xstrdup(names[at + g[FOUND].at]);
			*found_run = g[FOUND];
		}
		if (got == 1 && g[SAMPLE].is_sample)
			d->earlier = (struct manifest_earlier){ xstrdup(names[at + g[SAMPLE].at]),
				g[SAMPLE].targets, g[SAMPLE].probed, g[SAMPLE].hits };
		for (size_t i = 0; i < batch; i++)
			close_fd(&dirs[i]);
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return found;
}

/* ---- the ways there ---- */

/* What others decide is refused where it would be root who follows them. */
static unsigned
trust_flags(const struct identity *id)
{
	return id->drop ? 0 : TRUST_LINKS | TRUST_ANYBODY;
}

/* A folder of run.user's is changed by run.user, others by us. */
static bool
as_user(int parent, const struct identity *id)
{
	struct stat st;

	return id->drop && fstat(parent, &st) == 0 && st.st_uid == id->uid;
}

static int
make_as(int parent, const char *name, mode_t mode, const struct identity *id)
{
	bool user = as_user(parent, id);
	int rc, saved;

	if (user && identity_assume(id) != 0) {
		errno = EPERM;
		return -1;
	}
	rc = mkdirat(parent, name, mode);
	saved = errno;
	if (user)
		identity_resume(id);
	errno = saved;
	return rc;
}

/* A trust_make_fn: arg is the struct identity. */
static int
make_folder(int parent, const char *name, void *arg)
{
	return make_as(parent, name, 0755, arg);
}

/*
 * A directory that root has made, or that was empty, becomes run.user's.
 * Through a descriptor: a name would give away whatever it has come to mean.
 */
static int
give(int fd, const struct identity *id)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (id->drop && st.st_uid != id->uid) {
		if (st.st_uid != 0) {
			errno = EPERM;
			return -1;
		}
		if (fchown(fd, id->uid, id->gid) == -1)
			return -1;
	}
	return fchmod(fd, 0700);
}

/* The directory called name in d->parent becomes d->fd.  Returns 0, or -1 with errno set. */
static int
make_run(struct rundir *d, const char *name, const struct identity *id)
{
	if (make_as(d->parent, name, 0700, id) == -1)
		return -1;
	d->fd = openat(d->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return d->fd == -1 || give(d->fd, id) == -1 ? -1 : 0;
}

/* Is an existing run's directory that of whom we will be?  Returns 0, or an exit_status after a message. */
static int
check_owner(const struct rundir *d, const struct identity *id)
{
	struct stat st;

	if (!id->drop || (fstat(d->fd, &st) == 0 && st.st_uid == id->uid))
		return 0;
	log_error("%s does not belong to %s (run.user): chown -R it, or start a new run", d->path,
	    id->name);
	return EXIT_USAGE;
}

static int
open_run(struct rundir *d, const char *name, const struct identity *id)
{
	d->fd = openat(d->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->fd != -1)
		return check_owner(d, id);
	log_error("%s: %s", d->path, strerror(errno));
	return EXIT_USAGE;
}

/* The directory above path, "." and ".." at its end understood; the caller frees it and *name. */
static char *
split(const char *path, char **name)
{
	char *copy = xstrdup(path), *dir;
	size_t len = strlen(copy);

	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	dir = path_dir(copy);
	*name = xstrdup(path_last(copy));
	free(copy);
	return dir;
}

/* ---- --dir ---- */

static int
find_named(struct rundir *d, const char *path, const struct identity *id)
{
	char *why;
	int fd = trust_open(path, id->uid, trust_flags(id), NULL, NULL, &why), got;
	struct glance glances[NGLANCES] = { { 0 }, { 0 } }, g;
	struct look l = { .dirs = &fd, .n = 1 };
	int status = EXIT_FAILED;

	d->path = xstrdup(path);
	if (fd == -1 && errno == ENOENT) {
		free(why);
		return 0; /* it will be made */
	}
	if (fd == -1) {
		log_error("--dir: %s", why);
		free(why);
		return EXIT_USAGE;
	}
	d->fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd == -1) {
		log_error("%s: %s", path, strerror(errno));
		close(fd);
		return EXIT_USAGE;
	}
	got = look_at(&l, id, glances, &status);
	close(fd);
	g = glances[FOUND];
	if (got != 1)
		return status;
	d->resumed = g.error == 0 && g.began;
	if (g.error == 0)
		return check_owner(d, id);
	/* Root's own directory need not be open to run.user. */
	if (g.error != ENOENT && !(id->drop && g.error == EACCES && is_free(d->fd))) {
		log_error("%s/run.json: %s", path,
		    g.error == EINVAL ? "not a manifest of survey" : strerror(g.error));
		return EXIT_USAGE;
	}
	if (is_free(d->fd))
		return 0;
	log_error("%s holds something other than a run; --dir wants the directory of a run, an "
		  "empty one, or one that does not exist yet",
	    path);
	return EXIT_USAGE;
}

static int
make_named(struct rundir *d, const struct identity *id)
{
	char *name, *above = split(d->path, &name), *why = NULL;
	int rc = -1;

	if (d->fd != -1) {
		if ((rc = give(d->fd, id)) == -1)
			log_error("%s: %s", d->path, strerror(errno));
	} else {
		d->parent = trust_open(
		    above, id->uid, trust_flags(id), make_folder, (void *)(uintptr_t)id, &why);
		if (d->parent == -1)
			log_error("--dir: %s", why);
		else if ((rc = make_run(d, name, id)) == -1)
			log_error("%s: %s", d->path, strerror(errno));
	}
	free(why);
	free(above);
	free(name);
	return rc == 0 ? 0 : EXIT_USAGE;
}

/* ---- run.directory ---- */

/* Two that start at the same moment must not both find that there is no run yet. */
static int
hold_choice(struct rundir *d, const struct config *c, const struct identity *id)
{
	char *why;

	d->parent = trust_open(
	    c->run.directory, id->uid, trust_flags(id), make_folder, (void *)(uintptr_t)id, &why);
	if (d->parent == -1) {
		log_error("run.directory: %s; set it to a place that can be written, and by "
			  "nobody else",
		    why);
		free(why);
		return EXIT_USAGE;
	}
	d->choice = openat(d->parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (d->choice != -1 && flock(d->choice, LOCK_EX) == -1 && errno == EINTR) {
		if (*signals_stop() != 0)
			return EXIT_STOPPED;
	}
	return 0;
}

static int
find_newest(struct rundir *d, const struct config *c, const struct run_options *o,
    const struct identity *id)
{
	char *name, *unused = NULL, *prefix;
	struct glance g = { 0 };
	int rc;

	if ((rc = hold_choice(d, c, id)) != 0)
		return rc;
	prefix = run_prefix(c, o);
	name = newest_run(d, c, prefix, id, &g, &unused, &rc);
	if (o->start_new) {
		free(name);
		name = NULL;
	}
	if (rc == 0 && name != NULL && !g.complete &&
	    time(NULL) - g.created <= (int64_t)c->run.max_age_days * 86400) {
		d->path = path_join(c->run.directory, name);
		d->resumed = g.began;
		rc = open_run(d, name, id);
	} else if (rc == 0 && name != NULL && !g.complete) {
		log_warn("%s/%s is unfinished and older than %ld %s (run.max_age_days): not "
			 "continued; a new run starts",
		    c->run.directory, name, c->run.max_age_days,
		    text_noun((unsigned long long)c->run.max_age_days, "day", "days"));
	}
	if (rc == 0 && d->path == NULL && unused != NULL) {
		d->path = path_join(c->run.directory, unused);
		rc = open_run(d, unused, id);
	}
	free(unused);
	free(name);
	if (rc == 0 && d->path == NULL)
		d->path = path_join(c->run.directory, prefix); /* what rundir_make() adds to */
	free(prefix);
	return rc;
}

static int
make_newest(struct rundir *d, const struct identity *id)
{
	char *prefix = d->path, *base = strrchr(prefix, '/');
	char stamp[STAMP_LEN + 1];
	int rc = -1;

	if (d->fd != -1)
		return 0;
	base = base != NULL ? base + 1 : prefix;
	format_stamp(time(NULL), stamp);
	for (int i = 1; i < 1000 && rc == -1; i++) {
		char *name = i == 1 ? xasprintf("%s-%s", base, stamp)
				    : xasprintf("%s-%s-%03d", base, stamp, i);

		rc = make_run(d, name, id);
		d->path = xasprintf("%.*s%s", (int)(base - prefix), prefix, name);
		free(name);
		if (rc == 0 || errno != EEXIST)
			break;
		free(d->path);
	}
	free(prefix);
	if (rc == 0)
		return 0;
	log_error(
	    "%s: %s; set run.directory to a place that can be written", d->path, strerror(errno));
	return EXIT_USAGE;
}

int
rundir_find(struct rundir *d, const struct config *c, const struct run_options *o,
    const struct identity *id)
{
	return o->directory != NULL ? find_named(d, o->directory, id) : find_newest(d, c, o, id);
}

int
rundir_make(struct rundir *d, const struct run_options *o, const struct identity *id)
{
	int rc = o->directory != NULL ? make_named(d, id) : make_newest(d, id);
	char *absolute;

	if (rc == 0 && (absolute = realpath(d->path, NULL)) != NULL) {
		free(d->path);
		d->path = absolute;
	}
	if (rc == 0)
		d->shown = xstrdup(d->path);
	return rc;
}

void
rundir_latest(const struct rundir *d, const struct config *c, const struct run_options *o,
    const struct identity *id)
{
	const char *base = strrchr(d->path, '/') + 1;
	char *link = o->machines > 1 ? xasprintf("latest-%u-of-%u", o->machine, o->machines)
				     : xstrdup("latest");
	char *tmp = outfile_temporary(link, "000000"), *why;
	struct stat at, st;
	bool user;
	int dir = trust_open(c->run.directory, id->uid, trust_flags(id), NULL, NULL, &why);

	free(why);
	/* A run in a directory of its own (--dir) is nobody's latest. */
	if (dir == -1 || fstatat(dir, base, &at, AT_SYMLINK_NOFOLLOW) == -1 ||
	    fstat(d->fd, &st) == -1 || at.st_ino != st.st_ino || at.st_dev != st.st_dev)
		goto out;
	if (fstatat(dir, link, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode)) {
		log_warn("%s/%s is not a link that survey made: it stays as it is",
		    c->run.directory, link);
		goto out;
	}
	user = as_user(dir, id);
	if (user && identity_assume(id) != 0)
		goto out;
	unlinkat(dir, tmp, 0);
	if (symlinkat(base, dir, tmp) == -1 || renameat(dir, tmp, dir, link) == -1)
		log_warn("%s/%s: %s", c->run.directory, link, strerror(errno));
	if (user)
		identity_resume(id);
out:
	if (dir != -1)
		close(dir);
	free(tmp);
	free(link);
}

void
rundir_chosen(struct rundir *d)
{
	if (d->choice == -1)
		return;
	(void)flock(d->choice, LOCK_UN); /* zmap's guard has inherited the descriptor */
	close_fd(&d->choice);
}

int
run_directory_lock(struct rundir *d)
{
	char pid[32];
	ssize_t n;
	int held, error;

	if ((d->lock = beneath_open(d->fd, RUNDIR_LOCK, O_RDWR | O_CREAT, 0600)) == -1) {
		error = errno;
		log_error("%s/" RUNDIR_LOCK ": %s", d->shown, strerror(error));
		return error == EACCES || error == EROFS ? EXIT_USAGE : EXIT_FAILED;
	}
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

int
rundir_config(struct rundir *d, const struct config *c, bool force, char digest[static DIGEST_SIZE])
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
	config_digest(c, digest);
	free(then);
	free(copy);
	return rc;
}

void
rundir_fini(struct rundir *d)
{
	rundir_chosen(d);
	close_fd(&d->lock);
	close_fd(&d->fd);
	close_fd(&d->parent);
	free(d->path);
	free(d->shown);
	free(d->earlier.run);
	rundir_init(d);
}
