#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "survey/mem.h"

#include "pool.h"

#define CHUNK (64 << 10)

/* Before the bytes of a part, or instead of any: the result of the job. */
struct head {
	uint32_t part; /* POOL_PARTS: the job is done */
	uint32_t len; /* of the bytes that follow; of a result 0, or 1 for a failure */
};

struct pool_out {
	int fd;
};

struct worker {
	pid_t pid; /* -1: none */
	int fd; /* jobs out, results in */
	bool busy;
	struct pool_job job;
	int64_t deadline_ms;
	unsigned char head[sizeof(struct head)];
	size_t have; /* bytes of head */
	uint32_t part, left; /* of the part whose bytes come now */
	uint64_t bytes; /* of this job */
};

struct pool {
	const struct pool_options *o;
	struct worker *workers;
	struct pool_job *again; /* jobs that come back in another shape */
	size_t nagain, cap_again;
	rlim_t memory; /* of a worker, in bytes */
	bool stop; /* the owner wants no more */
	unsigned char chunk[CHUNK];
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Address space in use, in bytes; 0 when the kernel does not tell. */
static unsigned long long
in_use(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return (unsigned long long)pages * (unsigned long)sysconf(_SC_PAGESIZE);
}

static int
send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
pool_put(struct pool_out *out, uint32_t part, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		struct head h = { part, len < CHUNK ? (uint32_t)len : CHUNK };

		if (send_all(out->fd, &h, sizeof(h)) == -1 || send_all(out->fd, p, h.len) == -1)
			return -1;
		p += h.len;
		len -= h.len;
	}
	return 0;
}

/* Runs in the child and does not return. */
static void
serve(const struct pool *p, int fd, pid_t parent)
{
	struct rlimit memory = { p->memory, p->memory }, core = { 0, 0 };
	const struct pool_options *o = p->o;
	struct pool_out out = { fd };
	struct pool_job job;
	void *state;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGINT, SIG_IGN); /* the parent decides; it closes our socket */
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_CORE, &core);
	if (o->memory_mb > 0)
		setrlimit(RLIMIT_AS, &memory);
	if ((state = o->start(o->arg)) == NULL)
		_exit(1);
	while (recv(fd, &job, sizeof(job), MSG_WAITALL) == (ssize_t)sizeof(job)) {
		struct head h = { POOL_PARTS, o->work(state, &job, &out) != 0 };

		if (send_all(fd, &h, sizeof(h)) == -1)
			break;
	}
	_exit(0);
}

static int
worker_start(struct pool *p, struct worker *w)
{
	pid_t parent = getpid();
	int fds[2];

	w->pid = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		return -1;
	fflush(NULL); /* or the child writes our buffered output again */
	if ((w->pid = fork()) == -1) {
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	if (w->pid == 0) {
		close(fds[0]);
		for (unsigned i = 0; i < p->o->workers; i++) {
			if (p->workers[i].pid > 0)
				close(p->workers[i].fd);
		}
		serve(p, fds[1], parent);
	}
	close(fds[1]);
	w->fd = fds[0];
	w->busy = false;
	return 0;
}

static void
worker_stop(struct worker *w, bool now)
{
	if (w->pid <= 0)
		return;
	close(w->fd);
	if (now)
		kill(w->pid, SIGKILL);
	while (waitpid(w->pid, NULL, 0) == -1 && errno == EINTR)
		;
	w->pid = -1;
	w->busy = false;
}

/* Tell the owner; a job that is to be tried in another shape is queued. */
static void
finish(struct pool *p, const struct worker *w, struct pool_job job, int rc)
{
	int again = p->o->done(p->o->arg, (unsigned)(w - p->workers), &job, rc);

	if (again == -1)
		p->stop = true;
	if (again != 1)
		return;
	mem_grow(&p->again, &p->cap_again, p->nagain + 1, sizeof(*p->again));
	p->again[p->nagain++] = job;
}

static int
give(struct pool *p, struct worker *w, struct pool_job job)
{
	if (w->pid == -1 && worker_start(p, w) == -1)
		return -1;
	w->job = job;
	w->busy = true;
	w->have = w->left = 0;
	w->bytes = 0;
	w->deadline_ms = now_ms() + (int64_t)p->o->timeout_s * 1000;
	if (send_all(w->fd, &job, sizeof(job)) == -1) {
		worker_stop(w, true); /* it died while idle: the job counts as failed once */
		finish(p, w, job, -1);
	}
	return 0;
}

/* What has become of a job. */
enum { GOES_ON, DONE, FAILED, BROKEN };

/* The worker's head of a part, or its word that the job is over. */
static int
read_head(struct worker *w)
{
	struct head h;

	memcpy(&h, w->head, sizeof(h));
	w->have = 0;
	if (h.part == POOL_PARTS && h.len <= 1)
		return h.len == 0 ? DONE : FAILED;
	if (h.part >= POOL_PARTS || h.len == 0)
		return BROKEN;
	w->part = h.part;
	w->left = h.len;
	return GOES_ON;
}

/* Take the len bytes in p->chunk, which came from w.  *error: take()'s. */
static int
take_bytes(struct pool *p, struct worker *w, size_t len, int *error)
{
	const struct pool_options *o = p->o;
	const unsigned char *data = p->chunk;
	int state = GOES_ON;

	while (len > 0 && state == GOES_ON) {
		size_t want = w->left > 0 ? w->left : sizeof(w->head) - w->have;
		size_t n = len < want ? len : want;

		if (w->left > 0) {
			w->bytes += n;
			w->left -= (uint32_t)n;
			if (w->bytes > o->most_bytes ||
			    (*error = o->take(o->arg, (unsigned)(w - p->workers), &w->job, w->part,
				 data, n)) != 0)
				state = BROKEN;
		} else {
			memcpy(w->head + w->have, data, n);
			w->have += n;
			if (w->have == sizeof(w->head))
				state = read_head(w);
		}
		data += n;
		len -= n;
	}
	return len > 0 ? BROKEN : state; /* after its word a worker waits */
}

/* The job is over; a worker that broke the rules, or its neck, is ended with it. */
static void
end_job(struct pool *p, struct worker *w, int state, int error)
{
	if (state == BROKEN)
		worker_stop(w, true);
	w->busy = false;
	finish(p, w, w->job, state == DONE ? 0 : error > 0 ? error : -1);
}

/* Read what a worker has sent. */
static void
reap(struct pool *p, struct worker *w)
{
	ssize_t n = recv(w->fd, p->chunk, sizeof(p->chunk), MSG_DONTWAIT);
	int error = 0, state;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	state = n > 0 ? take_bytes(p, w, (size_t)n, &error) : BROKEN;
	if (state != GOES_ON)
		end_job(p, w, state, error);
}

static int
wait_for_results(struct pool *p)
{
	struct pollfd fds[64];
	struct worker *who[64];
	/* A signal just before poll() does not end it: look at the stop flag now and then. */
	int64_t now = now_ms(),
		first = now + (p->o->stop != NULL || p->o->idle != NULL ? 500 : 60000);
	nfds_t n = 0;

	for (unsigned i = 0; i < p->o->workers && n < 64; i++) {
		struct worker *w = &p->workers[i];

		if (!w->busy)
			continue;
		who[n] = w;
		fds[n++] = (struct pollfd){ .fd = w->fd, .events = POLLIN };
		if (w->deadline_ms < first)
			first = w->deadline_ms;
	}
	if (n == 0)
		return 0;
	if (poll(fds, n, first > now ? (int)(first - now) + 1 : 0) == -1 && errno != EINTR)
		return -1;
	now = now_ms();
	for (nfds_t i = 0; i < n; i++) {
		if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			reap(p, who[i]);
		if (who[i]->busy && who[i]->deadline_ms <= now)
			end_job(p, who[i], BROKEN, 0);
	}
	if (p->o->idle != NULL)
		p->o->idle(p->o->arg);
	return 0;
}

int
pool_run(const struct pool_options *o, const struct pool_job *jobs, size_t n)
{
	struct pool p = { .o = o };
	size_t next = 0;
	unsigned busy;
	int rc = -1, saved;

	p.memory = (rlim_t)in_use() + (rlim_t)o->memory_mb * 1024 * 1024;
	p.workers = xcalloc(o->workers, sizeof(*p.workers));
	for (unsigned i = 0; i < o->workers; i++)
		p.workers[i].pid = -1;
	for (unsigned i = 0; i < o->workers && i < n; i++) {
		if (worker_start(&p, &p.workers[i]) == -1)
			goto out;
	}
	do {
		busy = 0;
		for (unsigned i = 0; i < o->workers; i++) {
			struct worker *w = &p.workers[i];

			if (!w->busy && p.nagain > 0) {
				if (give(&p, w, p.again[--p.nagain]) == -1)
					goto out;
			} else if (!w->busy && next < n) {
				if (give(&p, w, jobs[next++]) == -1)
					goto out;
			}
			busy += w->busy;
		}
		if (busy > 0 && wait_for_results(&p) == -1)
			goto out;
		if (p.stop || (o->stop != NULL && *o->stop != 0)) {
			errno = ECANCELED;
			goto out;
		}
	} while (busy > 0 || p.nagain > 0 || next < n);
	rc = 0;
out:
	saved = errno;
	for (unsigned i = 0; i < o->workers; i++)
		worker_stop(&p.workers[i], rc != 0);
	free(p.workers);
	free(p.again);
	errno = saved;
	return rc;
}
