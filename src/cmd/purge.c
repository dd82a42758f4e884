#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "survey/argv.h"
#include "survey/config.h"
#include "survey/file.h"
#include "survey/ip.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/picture.h"
#include "survey/purge.h"
#include "survey/query.h"
#include "survey/rundir.h"
#include "survey/signals.h"
#include "survey/store.h"
#include "survey/text.h"
#include "survey/weakkeys.h"

#include "commands.h"
#include "confine.h"

#define DAY_S 86400

enum { RECORDS, NAMES, HOST, OLDER_THAN, WHY, NO_SANDBOX };

static const struct command_option options[] = {
	[RECORDS] = { "records", 0, NULL, "what hosts said, line by line; the study stays" },
	[NAMES] = { "names", 0, NULL, "names of hosts and DNS answers, and with them the records" },
	[HOST] = { "host", 0, "ADDR|CIDR[,…]",
	    "these addresses, as if they had never been asked; may be repeated" },
	[OLDER_THAN] = { "older-than", 0, "DAYS",
	    "only of runs that ended more days ago; with --records or --names" },
	[WHY] = { "why", 0, "TEXT", "a reason, for run.json; name nobody in it" },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_purge(int argc, char **argv);

const struct command command_purge = {
	.name = "purge",
	.summary = "Take personal data out of a run's directory",
	.detail =
	    "Takes it out of every file there, makes results, pictures and report anew, and puts\n"
	    "the new directory in the place of the old one as a whole.  run.json notes what was\n"
	    "taken out, when and why, never whose it was.  A directory of runs stands for all\n"
	    "finished runs in it.",
	.operands = { { "RUNDIR", ARG_DIRECTORY, 1, 0 } },
	.options = options,
	.writes = WRITES_ANEW,
	.run = cmd_purge,
};

struct request {
	struct purge_options o;
	struct ipset hosts;
	long long days;
	bool has_days, no_sandbox;
};

static int
add_host(const char *item, void *arg)
{
	struct request *r = arg;
	struct ip_range range;
	const char *why = ip_range_parse(item, strlen(item), &range);

	if (why != NULL) {
		log_error("purge: --host %s: %s", item, why);
		return -1;
	}
	ipset_add_range(&r->hosts, &range.lo, &range.hi);
	return 0;
}

static int
take_option(struct request *r, int option, const struct command_args *a)
{
	switch (option) {
	case RECORDS:
		r->o.records = true;
		return 0;
	case NAMES:
		r->o.names = true;
		return 0;
	case HOST:
		return command_each(a->value, add_host, r);
	case OLDER_THAN:
		r->has_days = true;
		return command_number(&command_purge, "older-than", a->value, 0, 36500, &r->days);
	case WHY:
		r->o.why = a->value;
		return 0;
	case NO_SANDBOX:
		r->no_sandbox = true;
		return 0;
	default:
		return -1;
	}
}

static bool
has_ended_before(const char *path, int64_t date)
{
	struct manifest m;
	int64_t ended = 0;

	if (manifest_read(&m, path) == 0) {
		ended = m.ended != 0 ? m.ended : m.created;
		manifest_fini(&m);
	}
	return ended != 0 && ended < date;
}

/* One of the two statuses, the worse one. */
static int
worse(int a, int b)
{
	static const int order[] = { EXIT_COMPLETE, EXIT_INCOMPLETE, EXIT_USAGE, EXIT_FAILED,
		EXIT_STOPPED };
	size_t at[2] = { 0, 0 };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (order[i] == a)
			at[0] = i;
		if (order[i] == b)
			at[1] = i;
	}
	return at[0] > at[1] ? a : b;
}

/* A run that is to be purged, and what takes its place. */
struct target {
	char *path, *made;
	int lock;
	struct config *config; /* of its weak section; or NULL */
	struct weak_request weak;
	uint32_t number;
	int owner; /* a socket to who gives the new directory its owner */
};

/*
 * Forked before rights are given up: gives the new directory of each number that it gets the owner and
 * mode of the old one, and answers 0 or an errno, until the other end is closed.
 */
static void
own_each(int fd, const struct target *targets, size_t n)
{
	uint32_t number;

	while (read(fd, &number, sizeof(number)) == (ssize_t)sizeof(number) && number < n) {
		int error = purge_own(targets[number].path, targets[number].made) == 0 ? 0 : errno;

		if (write(fd, &error, sizeof(error)) != (ssize_t)sizeof(error))
			break;
	}
}

/* Returns the socket, or -1 with errno set. */
static int
start_owner(const struct target *targets, size_t n, pid_t *pid)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		return -1;
	*pid = fork();
	if (*pid == 0) {
		close(fds[0]);
		own_each(fds[1], targets, n);
		_exit(0);
	}
	close(fds[1]);
	if (*pid == -1) {
		close(fds[0]);
		return -1;
	}
	return fds[0];
}

static int
own(void *arg)
{
	const struct target *t = arg;
	int error;

	if (write(t->owner, &t->number, sizeof(t->number)) != (ssize_t)sizeof(t->number) ||
	    read(t->owner, &error, sizeof(error)) != (ssize_t)sizeof(error)) {
		errno = EPIPE;
		return -1;
	}
	errno = error;
	return error == 0 ? 0 : -1;
}

/* Returns 0, or -1 after a message. */
static int
begin(struct target *t, const char *path)
{
	t->lock = -1;
	if ((t->path = realpath(path, NULL)) == NULL) {
		log_error("%s: %m", path);
		return -1;
	}
	if (purge_begin(t->path, &t->made, &t->lock) == -1)
		return -1;
	t->weak.path = t->path;
	t->weak.command = "purge";
	if ((t->config = weak_run_config(t->path)) != NULL)
		weak_configure(&t->weak, t->config);
	return 0;
}

/* The studies of runs that were merged into it: do they hold it still? */
static void
add_sources(const char *path, struct argv *read)
{
	struct manifest m;

	if (manifest_read(&m, path) == -1)
		return;
	for (size_t i = 0; i < m.nparts; i++) {
		char *db = path_join(m.parts[i].path, STORE_FILE);

		argv_add(read, db, NULL);
		free(db);
	}
	manifest_fini(&m);
}

static int
give_up_rights(const struct request *r, const struct target *targets, size_t n)
{
	struct argv read = { .n = 0 }, write = { .n = 0 }, output = { .n = 0 };
	int rc;

	for (size_t i = 0; i < n; i++) {
		if (targets[i].made == NULL)
			continue;
		weak_reads(&targets[i].weak, &read);
		add_sources(targets[i].path, &read);
		argv_add(&write, targets[i].path, targets[i].made, NULL);
		argv_add(&output, targets[i].path, NULL);
	}
	picture_load_fonts();
	rc = confine(r->no_sandbox, (const char *const *)read.v, (const char *const *)write.v,
	    (const char *const *)output.v);
	argv_free(read.v);
	argv_free(write.v);
	argv_free(output.v);
	return rc;
}

static int
purge_all(struct request *r, const struct query_runs *runs)
{
	int64_t date = (int64_t)time(NULL) - r->days * DAY_S;
	struct target *t = xcalloc(runs->n + 1, sizeof(*t));
	int status = EXIT_COMPLETE, owner;
	pid_t pid = -1;

	for (size_t i = 0; i < runs->n; i++) {
		if (r->has_days && !has_ended_before(runs->v[i].path, date)) {
			log_info("%s: not known to have ended more than %lld %s ago; it stays as "
				 "it is",
			    runs->v[i].path, r->days,
			    text_noun((unsigned long long)r->days, "day", "days"));
			t[i].lock = -1;
		} else if (begin(&t[i], runs->v[i].path) == -1) {
			status = EXIT_USAGE;
		}
	}
	if ((owner = start_owner(t, runs->n, &pid)) == -1) {
		log_error("purge: %m");
		status = EXIT_FAILED;
	} else if (give_up_rights(r, t, runs->n) == -1) {
		status = EXIT_FAILED;
	}
	for (size_t i = 0; i < runs->n; i++) {
		if (t[i].made != NULL && status != EXIT_STOPPED && status != EXIT_FAILED) {
			r->o.path = t[i].path;
			r->o.made = t[i].made;
			r->o.weak = &t[i].weak;
			r->o.own = own;
			r->o.own_arg = &t[i];
			t[i].number = (uint32_t)i;
			t[i].owner = owner;
			status = worse(status, query_purge(&r->o));
		} else if (t[i].made != NULL) {
			(void)rmdir(t[i].made);
		}
		if (t[i].lock != -1)
			close(t[i].lock);
		config_free(t[i].config);
		free(t[i].path);
		free(t[i].made);
	}
	free(t);
	if (owner != -1)
		close(owner);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return status;
}

static int
run(struct request *r, char **paths, size_t n)
{
	struct query_runs runs = { NULL, 0, 0 };
	int status = EXIT_USAGE;

	if (r->o.records + r->o.names + (r->hosts.n > 0) != 1) {
		log_error("purge: say what is to go: --records, --names or --host");
		return EXIT_USAGE;
	}
	if (r->has_days && r->hosts.n > 0) {
		log_error("purge: --older-than goes with --records or --names");
		return EXIT_USAGE;
	}
	ipset_normalise(&r->hosts);
	if (r->hosts.n > 0)
		r->o.hosts = &r->hosts;
	for (size_t i = 0; i < n; i++) {
		if (query_runs_add(&runs, paths[i]) == -1)
			goto out;
	}
	signals_catch();
	status = purge_all(r, &runs);
out:
	query_runs_fini(&runs);
	return status;
}

static int
cmd_purge(int argc, char **argv)
{
	struct command_args a = { .command = &command_purge, .argc = argc, .argv = argv };
	struct request r = { .o = { .stop = signals_stop() } };
	int option, status = EXIT_USAGE;

	ipset_init(&r.hosts);
	while ((option = command_next(&a)) >= 0) {
		if (take_option(&r, option, &a) == -1)
			goto out;
	}
	status = option == COMMAND_END ? run(&r, argv + a.at, (size_t)(argc - a.at))
				       : command_ended(option);
out:
	ipset_fini(&r.hosts);
	return status;
}
