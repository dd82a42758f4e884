#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/argv.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/newdir.h"

#include "heir.h"

#define MARKER ".survey-report" /* in directories that we made, and may replace */
#define FILE_MAX (UINT64_C(1) << 28)

static const char unwritten[] = "it cannot be written: see above";
static const char broken[] = "it was not finished";

static bool
read_all(int fd, void *data, size_t len)
{
	char *at = data;

	while (len > 0) {
		ssize_t n = read(fd, at, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/*
 * A name of one component that hides nothing and leads nowhere.  Who sends it has read what
 * hostile hosts sent.
 */
static bool
is_plain(const char *name, size_t len)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return len > 0 && name[0] != '.' && strspn(name, allowed) >= len;
}

/* The length of the folder of a file's name; 0: it is not a name that we take. */
static size_t
folder_of(const char *name)
{
	size_t len = strcspn(name, "/");

	return name[len] == '/' && is_plain(name, len) &&
		       is_plain(name + len + 1, strlen(name + len + 1))
		   ? len
		   : 0;
}

/* Returns why a file could not be taken over, or NULL. */
static const char *
take_file(int fd, const struct heir_message *m, const struct newdir *d, uint64_t *left)
{
	size_t len = folder_of(m->name);
	char folder[HEIR_NAME], *path;
	bool there;
	void *data;
	int rc = 0;

	if (len == 0 || m->size > FILE_MAX || m->size > *left)
		return "a file has a wrong name or is too large";
	*left -= m->size;
	memcpy(folder, m->name, len);
	folder[len] = '\0';
	path = path_join(d->made, folder);
	there = access(path, F_OK) == 0;
	free(path);
	if (!there && newdir_mkdir(d, folder) == -1)
		return unwritten;
	data = xmalloc(m->size + 1);
	if (!read_all(fd, data, m->size)) {
		free(data);
		return broken;
	}
	rc = newdir_write(d, m->name, data, m->size);
	free(data);
	return rc == -1 ? unwritten : NULL;
}

static const char *
take_files(int fd, const struct newdir *d)
{
	uint64_t left = HEIR_MAX;
	struct heir_message m;
	const char *why = NULL;

	while (why == NULL) {
		if (!read_all(fd, &m, sizeof(m)) || memchr(m.name, '\0', sizeof(m.name)) == NULL)
			return broken;
		if (m.name[0] == '\0')
			return NULL;
		why = take_file(fd, &m, d, &left);
	}
	return why;
}

/* Copy all into a new directory of home.  Returns the path of the page, or NULL and why. */
static char *
take_copy(int fd, const char *home, const char *run, const char **why)
{
	char *name = xasprintf("survey-%s", run), *path = path_join(home, name), *page = NULL;
	struct newdir d;

	*why = NULL;
	if (!is_plain(name, strlen(name)))
		*why = "the run has no plain name";
	else if (access(home, X_OK) == -1)
		*why = "that user's home cannot be entered";
	else if (newdir_make(&d, path, MARKER, "no report that survey copied there") == -1)
		*why = unwritten;
	if (*why == NULL) {
		if (newdir_write(&d, MARKER, "", 0) == 0 && (*why = take_files(fd, &d)) == NULL &&
		    newdir_commit(&d) == 0)
			page = path_join(path, "report/index.html");
		else if (*why == NULL)
			*why = unwritten;
		newdir_fini(&d);
	}
	free(path);
	free(name);
	return page;
}

static void
answer(int fd, char kind, const char *text)
{
	char *line = xasprintf("%c%s\n", kind, text);

	(void)file_write_fd(fd, line, strlen(line));
	free(line);
}

bool
heir_has_display(void)
{
	static const char *const names[] = { "DISPLAY", "WAYLAND_DISPLAY" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return true;
	}
	return false;
}

static void
add_variable(struct argv *env, const char *name, const char *value)
{
	char *text = xasprintf("%s=%s", name, value);

	argv_add(env, text, NULL);
	free(text);
}

/* What the session of that user has, as far as sudo has left it or it is the same everywhere. */
static char **
environment_of(const char *home, const char *user)
{
	static const char *const kept[] = { "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "LANG",
		"LC_ALL", "TERM" };
	char *runtime = xasprintf("/run/user/%u", (unsigned)geteuid());
	struct argv env = { .n = 0 };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = getenv(kept[i]);

		if (value != NULL)
			add_variable(&env, kept[i], value);
	}
	add_variable(&env, "PATH", "/usr/local/bin:/usr/bin:/bin");
	add_variable(&env, "HOME", home);
	add_variable(&env, "USER", user);
	add_variable(&env, "LOGNAME", user);
	if (access(runtime, X_OK) == 0)
		add_variable(&env, "XDG_RUNTIME_DIR", runtime);
	free(runtime);
	return env.v;
}

/* Become the browser, or say why not. */
static void
browse(int fd, const char *page, const char *home, const char *user)
{
	char name[] = "xdg-open", *copy = xstrdup(page), *argv[] = { name, copy, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = STDIN_FILENO; i <= STDERR_FILENO && null != -1; i++)
		dup2(null, i);
	setsid();
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (home == NULL) {
		execvp(name, argv);
	} else {
		char **env = environment_of(home, user);

		execvpe(name, argv, env);
	}
	answer(fd, '-', strerror(errno));
}

void
heir_work(int fd, const char *home, const char *user)
{
	const char *why = NULL;
	struct heir_message m;
	char *page;

	signal(SIGINT, SIG_IGN); /* our parent ends, and then we remove what we began */
	if (!read_all(fd, &m, sizeof(m)) || memchr(m.name, '\0', sizeof(m.name)) == NULL)
		_exit(0); /* there is nothing to show */
	page = home != NULL ? take_copy(fd, home, m.name, &why) : xstrdup(m.name);
	if (page == NULL) {
		answer(fd, '-', why);
		_exit(1);
	}
	answer(fd, '=', page);
	if (heir_has_display())
		browse(fd, page, home, user);
	_exit(0);
}
