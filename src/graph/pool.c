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

struct worker {
	pid_t pid; /* -1: none */
	int fd; /* jobs out, results in */
	bool busy;
	struct pool_job job;
	int64_t deadline_ms;
};

struct pool {
	const struct pool_options *o;
	struct worker *workers;
	struct pool_job *again; /* jobs that come back in another shape */
	size_t nagain, cap_again;
	bool stop; /* the owner wants no more */
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

/* Runs in the child and does not return. */
static void
serve(const struct pool_options *o, int fd, pid_t parent)
{
	rlim_t bytes = (rlim_t)in_use() + (rlim_t)o->memory_mb * 1024 * 1024;
	struct rlimit memory = { bytes, bytes }, core = { 0, 0 };
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
	state = o->start(o->arg);
	while (recv(fd, &job, sizeof(job), 0) == (ssize_t)sizeof(job)) {
		int rc = o->work(state, &job);

		if (send(fd, &rc, sizeof(rc), 0) != (ssize_t)sizeof(rc))
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
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
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
		serve(p->o, fds[1], parent);
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
finish(struct pool *p, struct pool_job job, int rc)
{
	int again = p->o->done(p->o->arg, &job, rc);

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
	w->deadline_ms = now_ms() + (int64_t)p->o->timeout_s * 1000;
	if (send(w->fd, &job, sizeof(job), MSG_NOSIGNAL) != (ssize_t)sizeof(job)) {
		worker_stop(w, true); /* it died while idle: the job counts as failed once */
		finish(p, job, -1);
	}
	return 0;
}

static void
reap(struct pool *p, struct worker *w)
{
	int rc;

	if (recv(w->fd, &rc, sizeof(rc), MSG_DONTWAIT) != (ssize_t)sizeof(rc)) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		rc = -1;
		worker_stop(w, true);
	}
	w->busy = false;
	finish(p, w->job, rc);
}

static int
wait_for_results(struct pool *p)
{
	struct pollfd fds[64];
	struct worker *who[64];
	/* A signal just before poll() does not end it: look at the stop flag now and then. */
	int64_t now = now_ms(), first = now + (p->o->stop != NULL ? 500 : 60000);
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
		if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
			errno = EPIPE;
			reap(p, who[i]);
		} else if (who[i]->deadline_ms <= now) {
			struct pool_job job = who[i]->job;

			worker_stop(who[i], true);
			finish(p, job, -1);
		}
	}
	return 0;
}

int
pool_run(const struct pool_options *o, const struct pool_job *jobs, size_t n)
{
	struct pool p = { .o = o };
	size_t next = 0;
	unsigned busy;
	int rc = -1, saved;

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
