/*
 * Results belong to the user of the run, whom the caller of sudo is not.  So a child becomes the
 * caller at the very start; it gets the files through a socket, when this process has become the
 * user of the run and is in its sandbox, and writes where that caller may.
 */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/identity.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rundir.h"

#include "handover.h"
#include "heir.h"

#define ANSWER_MAX 16384

static struct {
	int fd; /* the child's socket */
	bool copies; /* into the home of */
	char *caller;
} heir = { -1, false, NULL };

/* Who is to see it.  Returns 0, or an exit_status after a message. */
static int
find_caller(struct identity *id)
{
	int rc = identity_of_caller(id);

	if (rc != 0)
		return rc;
	if (geteuid() == 0 && !id->drop) {
		log_error(
		    "report: --open shows the report to the user who called sudo, and root was not "
		    "called by sudo");
		return EXIT_USAGE;
	}
	if (!id->drop && id->uid != geteuid()) {
		log_error("report: --open writes into the home of %s, which only root may do here: "
			  "sudo survey report --open",
		    id->name);
		return EXIT_USAGE;
	}
	return 0;
}

static _Noreturn void
be_heir(int fd, const struct identity *id)
{
	struct passwd *pw = id->drop ? getpwuid(id->uid) : NULL;

	if (identity_become(id) != 0 || (id->drop && pw == NULL))
		_exit(1);
	heir_work(fd, pw != NULL ? pw->pw_dir : NULL, id->name);
}

int
handover_begin(void)
{
	struct identity id;
	int fds[2], rc = find_caller(&id);
	pid_t pid = -1;

	if (rc == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0) {
		if ((pid = fork()) == 0) {
			close(fds[0]);
			be_heir(fds[1], &id);
		}
		close(fds[1]);
		heir.fd = fds[0];
	}
	if (rc == 0 && pid == -1) {
		log_error("report: %s", strerror(errno));
		rc = EXIT_FAILED;
	}
	heir.copies = id.drop;
	heir.caller = id.name;
	return rc;
}

/* The head of a message; 0, or -1 with errno set. */
static int
send_head(const char *name, size_t size)
{
	struct heir_message m = { .size = size };
	size_t len = strlen(name);

	if (len >= sizeof(m.name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(m.name, name, len);
	return file_write_fd(heir.fd, &m, sizeof(m));
}

/* A file of the run directory arg, if it belongs to the report or is a picture of a cluster. */
static int
send_file(const char *path, const struct rundir_file *file, const struct stat *st, void *arg)
{
	char *whole, *text;
	size_t len;
	int rc = 0;

	if (file == NULL || !S_ISREG(st->st_mode) ||
	    (file->maker != MADE_BY_REPORT && file->maker != MADE_BY_GRAPH))
		return 0;
	whole = path_join(arg, path);
	if ((text = file_read(whole, (size_t)st->st_size + 1, &len)) != NULL) /* else it is gone */
		rc = send_head(path, len) == 0 && file_write_fd(heir.fd, text, len) == 0 ? 0 : 1;
	free(text);
	free(whole);
	return rc;
}

/* What the run is called, in characters that are plain anywhere. */
static char *
name_of_run(const char *real)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	char *name = xstrndup(path_last(real), HEIR_NAME / 2);

	for (char *c = name; *c != '\0'; c++) {
		if (strchr(plain, *c) == NULL)
			*c = '_';
	}
	return name;
}

/* What the child is to do.  -1: it does not listen. */
static int
send_request(const char *dir)
{
	char *page = path_join(dir, "report/index.html"),
	     *real = realpath(heir.copies ? dir : page, NULL);
	char *copy = xstrdup(dir), *name = heir.copies && real != NULL ? name_of_run(real) : NULL;
	int rc = -1;

	if (real != NULL)
		rc = send_head(name != NULL ? name : real, 0);
	if (rc == 0 && heir.copies)
		rc = rundir_walk(dir, send_file, copy) == 0 ? send_head("", 0) : -1;
	free(name);
	free(copy);
	free(real);
	free(page);
	return rc;
}

static void
read_answer(char *text)
{
	size_t len = 0;
	ssize_t n;

	while (len < ANSWER_MAX && ((n = read(heir.fd, text + len, ANSWER_MAX - len)) > 0 ||
				       (n == -1 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	text[len] = '\0';
}

/* The child's two lines in words.  Returns 0, or -1 after a message. */
static int
tell(char *text)
{
	char *second = strchr(text, '\n');

	if (text[0] != '=' || second == NULL) {
		if (second != NULL)
			*second = '\0';
		log_error("report: it cannot be copied for %s: %s",
		    heir.caller != NULL ? heir.caller : "who called",
		    text[0] == '-' ? text + 1 : "the process that was to take it has ended");
		return -1;
	}
	*second++ = '\0';
	if (heir.copies)
		log_info("%s has a copy of the report: %s", heir.caller, text + 1);
	if (!heir_has_display())
		log_info("there is no display here: open %s in a browser", text + 1);
	else if (second[0] == '-')
		log_warn("xdg-open cannot be started: open %s in a browser", text + 1);
	return 0;
}

int
handover_report(const char *dir)
{
	char *text = xmalloc(ANSWER_MAX + 1);
	int rc;

	(void)send_request(dir); /* where it fails, the answer tells why */
	read_answer(text);
	rc = tell(text);
	close(heir.fd);
	free(heir.caller);
	free(text);
	heir.fd = -1;
	heir.caller = NULL;
	return rc;
}
