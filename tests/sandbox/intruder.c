/*
 * Loaded into survey with LD_PRELOAD: what a parser that was taken over would
 * try, from within a function that runs when hostile bytes have been read.
 *
 * INTRUDER_LOG: file that gets a line for each call, opened at the start.
 * INTRUDER_PORT: of 127.0.0.1, where somebody listens.
 * INTRUDER_SECRET: a file that survey has no business with.
 *
 * Where connect() is refused, execve() is tried, too; if it may, it ends the
 * process and the line is missing.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

static int log_fd = -1;

__attribute__((constructor)) static void
start(void)
{
	const char *path = getenv("INTRUDER_LOG");

	if (path != NULL)
		log_fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static int
result(int rc)
{
	if (rc == -1)
		return errno;
	close(rc);
	return 0;
}

static int
try_connect(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((unsigned short)atoi(getenv("INTRUDER_PORT"))),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), rc;

	if (fd == -1)
		return errno;
	rc = connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ? errno : 0;
	close(fd);
	return rc;
}

static void
intrude(const char *where)
{
	int saved = errno, n, connected, shadow, secret;
	char *argv[] = { "true", NULL }, *env[] = { NULL }, line[256];

	if (log_fd == -1)
		return;
	connected = try_connect();
	shadow = result(open("/etc/shadow", O_RDONLY));
	secret = result(open(getenv("INTRUDER_SECRET"), O_RDONLY));
	n = snprintf(line, sizeof(line), "%s connect=%d shadow=%d secret=%d", where, connected,
	    shadow, secret);
	if (connected != 0) {
		execve("/bin/true", argv, env);
		n += snprintf(line + n, sizeof(line) - (size_t)n, " execve=%d", errno);
	}
	line[n++] = '\n';
	if (write(log_fd, line, (size_t)n) != n)
		_exit(99);
	errno = saved;
}

static void *
next(const char *name)
{
	void *fn = dlsym(RTLD_NEXT, name);

	if (fn == NULL)
		abort();
	return fn;
}

/* Results get their names, in all commands that write. */
int
renameat(int fd, const char *from, int to_fd, const char *to)
{
	int (*real)(int, const char *, int, const char *);

	*(void **)&real = next("renameat");
	intrude("renameat");
	return real(fd, from, to_fd, to);
}

/* A copy takes its place. */
int
renameat2(int fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	int (*real)(int, const char *, int, const char *, unsigned);

	*(void **)&real = next("renameat2");
	intrude("renameat2");
	return real(fd, from, to_fd, to, flags);
}

/* A drawing worker begins. */
void *
gvContext(void)
{
	void *(*real)(void);

	*(void **)&real = next("gvContext");
	intrude("gvContext");
	return real();
}

/* A survey.db is opened, in commands that only read, too. */
int
sqlite3_open_v2(const char *file, void **db, int flags, const char *vfs)
{
	int (*real)(const char *, void **, int, const char *);

	*(void **)&real = next("sqlite3_open_v2");
	intrude("sqlite3_open_v2");
	return real(file, db, flags, vfs);
}

/* survey status looks whether a run is held. */
int
flock(int fd, int operation)
{
	int (*real)(int, int);

	*(void **)&real = next("flock");
	intrude("flock");
	return real(fd, operation);
}
