#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/tool.h"
#include "survey/trust.h"

/* Of root's tools, and where $PATH is not set. */
#define SYSTEM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool
is_program(const char *path)
{
	struct stat st;

	/* Directories have the bit too. */
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 && stat(path, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

static bool
started_by_root(void)
{
	return getuid() == 0 || geteuid() == 0;
}

/* path, made absolute, if it is a program that we may start; else NULL with the reason in *why. */
static char *
accept_program(const char *path, char **why)
{
	char *reason, *here, *full;
	int fd;

	errno = EACCES; /* where it is no regular file */
	if (!is_program(path)) {
		*why = xasprintf(
		    "%s cannot be executed: %m; install-deps.sh installs such tools", path);
		return NULL;
	}
	if (started_by_root()) {
		if ((fd = trust_open(path, 0, TRUST_LINKS, NULL, NULL, &reason)) == -1) {
			*why = xasprintf("root does not start %s: %s", path, reason);
			free(reason);
			return NULL;
		}
		close(fd);
	}
	if (path[0] == '/')
		return xstrdup(path);
	if ((here = getcwd(NULL, 0)) == NULL) {
		*why = xasprintf("the working directory: %m");
		return NULL;
	}
	full = path_join(here, path);
	free(here);
	return full;
}

/* The first program of that name in the absolute entries of list; the caller frees it. */
static char *
search(const char *list, const char *name)
{
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ":");
		char *full = xasprintf("%.*s/%s", (int)n, p, name);

		if (p[0] == '/' && is_program(full))
			return full;
		free(full);
		p += n;
		if (*p == '\0')
			return NULL;
	}
}

char *
tool_find(const char *name, char **why)
{
	const char *list = getenv("PATH");
	char *found, *path, *reason = NULL;

	if (strchr(name, '/') != NULL)
		found = xstrdup(name);
	else if ((found = search(list != NULL ? list : SYSTEM_PATH, name)) == NULL)
		/* zmap lies in sbin, which an ordinary user's PATH may lack */
		found = search("/usr/sbin", name);
	if (found == NULL) {
		reason = xasprintf(
		    "%s is not installed (not in $PATH); install-deps.sh installs it", name);
		path = NULL;
	} else {
		path = accept_program(found, &reason);
	}
	free(found);
	if (why != NULL)
		*why = reason;
	else
		free(reason);
	return path;
}

/* What else a tool may know. */
static const char *const passed_on[] = {
	"LANG",
	"LC_ALL",
	"LC_CTYPE",
	"LC_MESSAGES",
	"TZ",
	"SSL_CERT_FILE", /* Go's crypto/x509, OpenSSL */
	"SSL_CERT_DIR",
#if defined(__SANITIZE_ADDRESS__)
	"ASAN_OPTIONS", /* the guard is this program */
	"LSAN_OPTIONS",
	"UBSAN_OPTIONS",
#endif
};

/*
 * For ZGrab2.  Since Go 1.24 its TLS breaks off when it sees an RSA key of less than 1,024
 * bits (https://go.dev/doc/godebug): such keys would never be in a record.
 */
#define GO_SETTINGS "GODEBUG=rsa1024min=0"

#define NPASSED_ON (sizeof(passed_on) / sizeof(passed_on[0]))

/* $PATH without its empty and relative entries. */
static char *
absolute_path(const char *list)
{
	struct buf b;

	buf_init(&b);
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ":");

		if (p[0] == '/')
			buf_printf(&b, "%s%.*s", b.len > 0 ? ":" : "", (int)n, p);
		p += n;
		if (*p == '\0')
			return buf_steal(&b);
	}
}

char **
tool_environment(void)
{
	const char *list = started_by_root() ? NULL : getenv("PATH"), *value;
	char **env = xcalloc(NPASSED_ON + 3, sizeof(*env)), *path;
	size_t n = 0;

	path = absolute_path(list != NULL ? list : SYSTEM_PATH);
	env[n++] = xasprintf("PATH=%s", path);
	env[n++] = xstrdup(GO_SETTINGS);
	free(path);
	for (size_t i = 0; i < NPASSED_ON; i++) {
		if ((value = getenv(passed_on[i])) != NULL)
			env[n++] = xasprintf("%s=%s", passed_on[i], value);
	}
	return env;
}

void
tool_environment_free(char **env)
{
	for (size_t i = 0; env != NULL && env[i] != NULL; i++)
		free(env[i]);
	free(env);
}
