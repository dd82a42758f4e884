#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "survey/child.h"
#include "survey/guard.h"
#include "survey/mem.h"
#include "survey/tool.h"

#define READ_SIZE (256 * 1024)
#define PIPE_SIZE (1024 * 1024)
#define TAIL_SIZE 2048
/* After the guard is gone, how long EOFs are waited for: only a lost tool out of reach keeps them back. */
#define ORPHAN_EOF_MS 3000

struct child {
	uv_loop_t *loop;
	child_data_fn on_stdout;
	child_data_fn on_stderr;
	child_exit_fn on_exit;
	void *arg;

	uv_process_t process; /* the guard; unused with a broker */
	uv_pipe_t lifeline;
	uv_pipe_t in;
	uv_pipe_t out;
	uv_pipe_t err;
	uv_timer_t timer;
	int nopen; /* handles whose close callback is to come */
	bool in_open;
	bool in_closing;

	int pid;
	bool ended; /* the guard's "end" or "err" line came */
	struct child_status status;
	uint64_t started_ns;
	char line[256]; /* of the life-line */
	size_t line_len;
	char tail[TAIL_SIZE + 1];
	size_t tail_len;
	char read_buf[READ_SIZE];
};

struct write_req {
	uv_write_t req;
	char data[];
};

static void
on_closed(uv_handle_t *h)
{
	struct child *c = h->data;

	if (--c->nopen > 0)
		return;
	if (!c->ended)
		c->status.lost = true;
	c->status.wall_s = (double)(uv_hrtime() - c->started_ns) / 1e9;
	c->on_exit(c, &c->status, c->arg);
	free(c);
}

static void
close_handle(void *handle)
{
	uv_handle_t *h = handle;

	if (h->data != NULL && !uv_is_closing(h))
		uv_close(h, on_closed);
}

/* The timer outlives the others, and stdin means nothing without the tool. */
static void
close_rest(struct child *c)
{
	bool busy = false;

	if (c->lifeline.data == NULL || uv_is_closing((uv_handle_t *)&c->lifeline)) {
		c->in_open = false;
		close_handle(&c->in);
	}
	if (c->process.data != NULL && !uv_is_closing((uv_handle_t *)&c->process))
		busy = true;
	if (c->lifeline.data != NULL && !uv_is_closing((uv_handle_t *)&c->lifeline))
		busy = true;
	if (c->out.data != NULL && !uv_is_closing((uv_handle_t *)&c->out))
		busy = true;
	if (c->err.data != NULL && !uv_is_closing((uv_handle_t *)&c->err))
		busy = true;
	if (!busy)
		close_handle(&c->timer);
}

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct child *c = h->data;

	(void)suggested;
	*buf = uv_buf_init(c->read_buf, sizeof(c->read_buf));
}

static void
on_out(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct child *c = s->data;

	if (n > 0) {
		c->on_stdout(c, buf->base, (size_t)n, c->arg);
	} else if (n < 0) {
		close_handle(&c->out);
		close_rest(c);
	}
}

static void
tail_add(struct child *c, const char *buf, size_t len)
{
	if (len > TAIL_SIZE) {
		buf += len - TAIL_SIZE;
		len = TAIL_SIZE;
	}
	if (c->tail_len + len > TAIL_SIZE) {
		size_t drop = c->tail_len + len - TAIL_SIZE;

		memmove(c->tail, c->tail + drop, c->tail_len - drop);
		c->tail_len -= drop;
	}
	memcpy(c->tail + c->tail_len, buf, len);
	c->tail_len += len;
	c->tail[c->tail_len] = '\0';
}

static void
on_err(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct child *c = s->data;

	if (n > 0) {
		tail_add(c, buf->base, (size_t)n);
		if (c->on_stderr != NULL)
			c->on_stderr(c, buf->base, (size_t)n, c->arg);
	} else if (n < 0) {
		close_handle(&c->err);
		close_rest(c);
	}
}

static void
guard_line(struct child *c, const char *line)
{
	long long utime, stime;

	if (sscanf(line, "pid %d", &c->pid) == 1)
		return;
	if (sscanf(line, "err %d", &c->status.exec_errno) == 1) {
		c->status.code = 127;
		c->ended = true;
		return;
	}
	if (sscanf(line, "end %d %d %lld %lld %ld", &c->status.code, &c->status.signal, &utime,
		&stime, &c->status.maxrss_kb) == 5) {
		c->status.user_s = (double)utime / 1e6;
		c->status.sys_s = (double)stime / 1e6;
		if (c->status.exec_errno != 0)
			c->status.code = 127;
		c->ended = true;
	}
}

/* EOFs that only a tool out of our reach can hold back are not waited for. */
static void
on_orphan(uv_timer_t *t)
{
	struct child *c = t->data;

	close_handle(&c->out);
	close_handle(&c->err);
	close_handle(&c->process);
	close_rest(c);
}

static void
on_lifeline(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct child *c = s->data;

	if (n < 0) {
		if (!c->ended && c->pid > 0)
			kill(-c->pid, SIGKILL);
		uv_timer_start(&c->timer, on_orphan, ORPHAN_EOF_MS, 0);
		close_handle(&c->lifeline);
		close_rest(c);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		char ch = buf->base[i];

		if (ch == '\n') {
			c->line[c->line_len] = '\0';
			c->line_len = 0;
			guard_line(c, c->line);
		} else if (c->line_len < sizeof(c->line) - 1) {
			c->line[c->line_len++] = ch;
		}
	}
}

static void
on_guard_exit(uv_process_t *p, int64_t status, int sig)
{
	struct child *c = p->data;

	(void)status;
	(void)sig;
	close_handle(&c->process);
	close_rest(c);
}

static void
on_stop_timer(uv_timer_t *t)
{
	struct child *c = t->data;

	child_kill(c, SIGKILL);
}

/* The ends of the pipes between us and the guard: [0] ours, [1] the guard's; -1 when unused. */
struct ends {
	int lifeline[2];
	int in[2];
	int out[2];
	int err[2];
};

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
ends_close(struct ends *e, int side)
{
	close_fd(&e->lifeline[side]);
	close_fd(&e->in[side]);
	close_fd(&e->out[side]);
	close_fd(&e->err[side]);
}

static int
open_pipe(int fds[2], bool we_write)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) == -1)
		return -1;
	/* Best effort: zmap loses packets while its stdout blocks. */
	(void)fcntl(p[0], F_SETPIPE_SZ, PIPE_SIZE);
	fds[0] = we_write ? p[1] : p[0];
	fds[1] = we_write ? p[0] : p[1];
	return 0;
}

static int
ends_open(struct ends *e, const struct child_opts *o)
{
	*e = (struct ends){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, e->lifeline) == -1)
		return -1;
	if (o->want_stdin && open_pipe(e->in, true) == -1)
		return -1;
	if (o->on_stdout != NULL && open_pipe(e->out, false) == -1)
		return -1;
	return open_pipe(e->err, false);
}

static int
attach(struct child *c, uv_pipe_t *p, int *fd)
{
	int rc;

	if (*fd == -1)
		return 0;
	uv_pipe_init(c->loop, p, 0);
	p->data = c;
	c->nopen++;
	if ((rc = uv_pipe_open(p, *fd)) == 0)
		*fd = -1; /* the handle owns it now */
	return rc;
}

static uv_stdio_container_t
stdio_fd(int fd)
{
	uv_stdio_container_t s = { .flags = UV_IGNORE };

	if (fd != -1) {
		s.flags = UV_INHERIT_FD;
		s.data.fd = fd;
	}
	return s;
}

static int
spawn_guard(struct child *c, const struct child_opts *o, const struct ends *e)
{
	uv_process_options_t po;
	uv_stdio_container_t stdio[GUARD_TOOL_FD + GUARD_FDS_MAX];
	char **built = o->env == NULL ? tool_environment() : NULL;
	const char **argv;
	char count[8];
	size_t n = 0, nfds = o->nfds < GUARD_FDS_MAX ? o->nfds : GUARD_FDS_MAX;
	int rc;

	snprintf(count, sizeof(count), "%zu", nfds);
	while (o->argv[n] != NULL)
		n++;
	argv = xcalloc(n + 6, sizeof(*argv));
	argv[0] = "survey";
	argv[1] = GUARD_ARG;
	argv[2] = o->no_new_privs ? "n" : "-";
	argv[3] = count;
	argv[4] = "--";
	memcpy(argv + 5, o->argv, n * sizeof(*argv));

	stdio[0] = stdio_fd(e->in[1]);
	stdio[1] = stdio_fd(e->out[1]);
	stdio[2] = stdio_fd(e->err[1]);
	stdio[GUARD_LIFELINE] = stdio_fd(e->lifeline[1]);
	for (size_t i = 0; i < nfds; i++)
		stdio[GUARD_TOOL_FD + i] = stdio_fd(o->fds[i]);
	memset(&po, 0, sizeof(po));
	po.file = "/proc/self/exe";
	po.args = (char **)(uintptr_t)argv;
	po.env = built != NULL ? built : (char **)(uintptr_t)o->env;
	po.cwd = o->cwd;
	po.flags = UV_PROCESS_DETACHED; /* the terminal's Ctrl-C is for survey alone */
	po.stdio = stdio;
	po.stdio_count = GUARD_TOOL_FD + (int)nfds;
	po.exit_cb = on_guard_exit;
	c->process.data = c;
	c->nopen++; /* a failed uv_spawn still needs uv_close */
	rc = uv_spawn(c->loop, &c->process, &po);
	tool_environment_free(built);
	free(argv);
	return rc;
}

static int
ask_broker(const struct child_opts *o, const struct ends *e)
{
	int null = -1, rc = 0;
	int fds[4] = { e->lifeline[1], e->in[1], e->out[1], e->err[1] };

	if (fds[2] == -1) {
		if ((null = open("/dev/null", O_WRONLY | O_CLOEXEC)) == -1)
			return UV_EMFILE;
		fds[2] = null;
	}
	if (guard_broker_run(o->broker, o->tool, o->req, o->req_len, fds) == -1)
		rc = uv_translate_sys_error(errno);
	if (null != -1)
		close(null);
	return rc;
}

static void
drop_result(struct child *c, const struct child_status *st, void *arg)
{
	(void)c;
	(void)st;
	(void)arg;
}

struct child *
child_spawn(uv_loop_t *loop, const struct child_opts *o)
{
	struct child *c;
	struct ends e;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	if (ends_open(&e, o) == -1) {
		rc = errno;
		ends_close(&e, 0);
		ends_close(&e, 1);
		errno = rc;
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	c->loop = loop;
	c->on_stdout = o->on_stdout;
	c->on_stderr = o->on_stderr;
	c->on_exit = o->on_exit;
	c->arg = o->arg;
	c->started_ns = uv_hrtime();
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	c->nopen = 1;

	rc = o->broker != NULL ? ask_broker(o, &e) : spawn_guard(c, o, &e);
	ends_close(&e, 1);
	if (rc == 0)
		rc = attach(c, &c->lifeline, &e.lifeline[0]);
	if (rc == 0)
		rc = attach(c, &c->in, &e.in[0]);
	if (rc == 0)
		rc = attach(c, &c->out, &e.out[0]);
	if (rc == 0)
		rc = attach(c, &c->err, &e.err[0]);
	if (rc != 0) {
		ends_close(&e, 0);
		c->on_exit = drop_result;
		close_handle(&c->process);
		close_handle(&c->lifeline);
		close_handle(&c->in);
		close_handle(&c->out);
		close_handle(&c->err);
		close_handle(&c->timer);
		errno = -rc;
		return NULL;
	}
	c->in_open = c->in.data != NULL;
	uv_read_start((uv_stream_t *)&c->lifeline, on_alloc, on_lifeline);
	uv_read_start((uv_stream_t *)&c->err, on_alloc, on_err);
	if (c->out.data != NULL)
		uv_read_start((uv_stream_t *)&c->out, on_alloc, on_out);
	return c;
}

static void
on_written(uv_write_t *req, int status)
{
	/* A failed write means that the tool is going: its exit says the rest. */
	(void)status;
	free(req);
}

void
child_write(struct child *c, const void *buf, size_t len)
{
	struct write_req *w;
	uv_buf_t b;

	if (!c->in_open || c->in_closing || len == 0)
		return;
	w = xmalloc(sizeof(*w) + len);
	memcpy(w->data, buf, len);
	b = uv_buf_init(w->data, (unsigned int)len);
	if (uv_write(&w->req, (uv_stream_t *)&c->in, &b, 1, on_written) != 0)
		free(w);
}

static void
on_shutdown(uv_shutdown_t *req, int status)
{
	struct child *c = req->data;

	(void)status;
	free(req);
	c->in_open = false;
	close_handle(&c->in);
	close_rest(c);
}

void
child_close_stdin(struct child *c)
{
	uv_shutdown_t *req;

	if (!c->in_open || c->in_closing)
		return;
	c->in_closing = true;
	req = xmalloc(sizeof(*req));
	req->data = c;
	if (uv_shutdown(req, (uv_stream_t *)&c->in, on_shutdown) != 0) {
		free(req);
		c->in_open = false;
		close_handle(&c->in);
	}
}

void
child_kill(struct child *c, int sig)
{
	char byte = (char)sig;
	uv_buf_t b = uv_buf_init(&byte, 1);

	if (c->ended || uv_is_closing((uv_handle_t *)&c->lifeline))
		return;
	/* One byte on an empty socket: it fits, or the guard is gone. */
	(void)uv_try_write((uv_stream_t *)&c->lifeline, &b, 1);
}

void
child_stop(struct child *c, uint64_t grace_ms)
{
	child_kill(c, SIGTERM);
	if (!uv_is_closing((uv_handle_t *)&c->timer) && !uv_is_closing((uv_handle_t *)&c->lifeline))
		uv_timer_start(&c->timer, on_stop_timer, grace_ms, 0);
}

int
child_pid(const struct child *c)
{
	return c->pid;
}

const char *
child_stderr(const struct child *c)
{
	return c->tail;
}

const char *
child_status_text(const struct child_status *st, char *buf, size_t size)
{
	if (st->exec_errno != 0)
		snprintf(buf, size, "could not be started: %s", strerror(st->exec_errno));
	else if (st->lost)
		snprintf(buf, size, "lost: its guard was killed");
	else if (st->signal != 0)
		snprintf(buf, size, "killed by signal %d (%s)", st->signal, strsignal(st->signal));
	else
		snprintf(buf, size, "exit status %d", st->code);
	return buf;
}

bool
child_status_ok(const struct child_status *st)
{
	return !st->lost && st->exec_errno == 0 && st->signal == 0 && st->code == 0;
}
