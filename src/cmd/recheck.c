/*
 * Who is asked, the asking, and what came of it are three processes: the first and the last
 * read results in a sandbox, the second is a run like any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/ip.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/query.h"
#include "survey/run.h"

#include "commands.h"
#include "confine.h"
#include "queries.h"

enum { CLUSTER, ASN, SINCE_NOTIFY, CONFIG, OUTPUT, AGAIN, FORMAT, NO_SANDBOX };

static const struct command_option options[] = {
	[CLUSTER] = { "cluster", 'c', "N[,N…]", "the hosts of these clusters; may be repeated",
	    ARG_CLUSTERS },
	[ASN] = { "asn", 0, "N[,N…]", "those of these ASes that have shared or weak keys" },
	[SINCE_NOTIFY] = { "since-notify", 0, "DIR", "those of whom survey notify has told in DIR",
	    ARG_DIRECTORY },
	[CONFIG] = { "config", 0, "CONF",
	    "a config: its ranges, block lists, opt-outs and rates are kept to", ARG_CONF },
	[OUTPUT] = { "output", 'o', "DIR", "the result (default: beside RUNDIR, with the time)",
	    ARG_NEW_DIRECTORY },
	[AGAIN] = { "again", 0, NULL, "also hosts that were asked within a day" },
	[FORMAT] = QUERY_FORMAT_OPTION,
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_recheck(int argc, char **argv);

const struct command command_recheck = {
	.name = "recheck",
	.summary = "Ask hosts again, and tell which shared and weak keys are gone",
	.detail =
	    "Grabs hosts of a run once more, under the rules of CONF, and tells for each of their\n"
	    "shared or weak keys: gone, replaced by which, still there, host silent.  Needs "
	    "neither\n"
	    "ZMap nor privileges.  The result is a run directory for survey compare.  Exit status\n"
	    "3: something is still open.",
	.operands = { { "RUNDIR", ARG_OWN_RUN, 1, 1 } },
	.options = options,
	.run = cmd_recheck,
};

struct request {
	struct recheck_options o;
	uint32_t *clusters, *asns;
	size_t cap_clusters, cap_asns;
	const char *config, *output;
	int64_t began;
	bool no_sandbox;
};

static int
add_cluster(const char *item, void *arg)
{
	struct request *r = arg;
	long long n;

	if (command_number(&command_recheck, "cluster", item, 1, UINT32_MAX - 1, &n) == -1)
		return -1;
	mem_grow(&r->clusters, &r->cap_clusters, r->o.nclusters + 1, sizeof(*r->clusters));
	r->clusters[r->o.nclusters++] = (uint32_t)n;
	return 0;
}

static int
add_asn(const char *item, void *arg)
{
	struct request *r = arg;

	mem_grow(&r->asns, &r->cap_asns, r->o.nasns + 1, sizeof(*r->asns));
	if (command_asn(&command_recheck, "asn", item, &r->asns[r->o.nasns]) == -1)
		return -1;
	r->o.nasns++;
	return 0;
}

static int
take_option(struct request *r, int option, const struct command_args *a)
{
	switch (option) {
	case CLUSTER:
		return command_each(a->value, add_cluster, r);
	case ASN:
		return command_each(a->value, add_asn, r);
	case SINCE_NOTIFY:
		r->o.notify = a->value;
		break;
	case CONFIG:
		r->config = a->value;
		break;
	case OUTPUT:
		r->output = a->value;
		break;
	case AGAIN:
		r->o.again = true;
		break;
	case FORMAT:
		r->o.format = (enum print_format)a->choice;
		break;
	case NO_SANDBOX:
		r->no_sandbox = true;
		break;
	}
	return 0;
}

static int
check(const struct request *r)
{
	int ways = (r->o.nclusters > 0) + (r->o.nasns > 0) + (r->o.notify != NULL);

	if (ways != 1)
		log_error("recheck: say which hosts: --cluster, --asn or --since-notify");
	else if (r->config == NULL)
		log_error(
		    "recheck: --config CONF is needed, for its block lists, opt-outs and rates");
	else if (geteuid() == 0)
		log_error("recheck: this needs no privileges; run it as the user to whom %s "
			  "belongs, with sudo -u or setpriv(1)",
		    r->o.path);
	else
		return 0;
	return -1;
}

/* ---- the three processes ---- */

/* At most max bytes more.  Returns their number, 0 at the end, -1 for an error. */
static ssize_t
read_some(int fd, struct buf *b, size_t max)
{
	char part[4096];
	ssize_t n;

	do
		n = read(fd, part, max < sizeof(part) ? max : sizeof(part));
	while (n == -1 && errno == EINTR);
	if (n > 0)
		buf_add(b, part, (size_t)n);
	return n;
}

static int
end_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) == -1) {
		if (errno != EINTR)
			return EXIT_FAILED;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

/* In a child: who is to be asked. */
static int
choose_in_child(const struct request *r, int out)
{
	const char *read[4] = { r->o.path };
	struct recheck_hosts hosts;
	size_t n = 1;
	int rc;

	if (r->o.notify != NULL)
		read[n++] = r->o.notify;
	if (r->o.result != NULL && access(r->o.result, F_OK) == 0)
		read[n++] = r->o.result;
	if (confine(r->no_sandbox, read, NULL, NULL) == -1)
		return EXIT_FAILED;
	if ((rc = recheck_choose(&r->o, &hosts)) != 0)
		return rc;
	rc = file_write_fd(out, &hosts.recent, sizeof(hosts.recent)) == 0 &&
		     file_write_fd(out, hosts.v, hosts.n * sizeof(*hosts.v)) == 0
		 ? 0
		 : EXIT_FAILED;
	free(hosts.v);
	return rc;
}

static int
choose(const struct request *r, struct recheck_hosts *hosts)
{
	int fds[2], rc;
	struct buf b;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) == -1 || (child = fork()) == -1) {
		log_error("recheck: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (child == 0) {
		close(fds[0]);
		_exit(choose_in_child(r, fds[1]));
	}
	close(fds[1]);
	buf_init(&b);
	while (read_some(fds[0], &b, SIZE_MAX) > 0)
		;
	close(fds[0]);
	rc = end_of(child);
	if (rc == 0 && (b.len < sizeof(hosts->recent) ||
			   (b.len - sizeof(hosts->recent)) % sizeof(*hosts->v) != 0))
		rc = EXIT_FAILED;
	if (rc == 0) {
		memcpy(&hosts->recent, b.data, sizeof(hosts->recent));
		hosts->n = (b.len - sizeof(hosts->recent)) / sizeof(*hosts->v);
		hosts->v = xcalloc(hosts->n + 1, sizeof(*hosts->v));
		memcpy(hosts->v, b.data + sizeof(hosts->recent), hosts->n * sizeof(*hosts->v));
	}
	buf_fini(&b);
	return rc;
}

/*
 * In a child that has waited for the run's exit status: the note, and what is told.  A run that was killed,
 * and told none, has asked hosts, too.
 */
static int
tell_in_child(const struct request *r, const struct recheck_hosts *hosts, int in)
{
	const char *const read[] = { r->o.path, r->output, NULL };
	const char *const write[] = { r->o.path, NULL };
	static const int for_the_run[] = { SIGINT, SIGTERM, SIGHUP };
	struct buf b, out;
	int rc = EXIT_FAILED, run = EXIT_FAILED;

	for (size_t i = 0; i < sizeof(for_the_run) / sizeof(for_the_run[0]); i++)
		signal(for_the_run[i], SIG_IGN);
	buf_init(&b);
	buf_init(&out);
	while (b.len < sizeof(run) && read_some(in, &b, sizeof(run) - b.len) > 0)
		;
	if (b.len == sizeof(run))
		memcpy(&run, b.data, sizeof(run));
	/* With EXIT_USAGE nothing was sent. */
	if (run == EXIT_USAGE || access(r->output, F_OK) == -1 ||
	    confine(r->no_sandbox, read, write, NULL) == -1 || recheck_note(&r->o, r->began) == -1)
		goto end;
	if (run == EXIT_COMPLETE || run == EXIT_INCOMPLETE) {
		rc = recheck_tell(&r->o, hosts, r->output, &out);
		if (query_print("recheck", &out) == -1)
			rc = EXIT_FAILED;
	}
end:
	buf_fini(&b);
	buf_fini(&out);
	return rc;
}

static int
ask(const struct request *r, const struct recheck_hosts *hosts)
{
	const struct run_options o = { .config_path = r->config,
		.directory = r->output,
		.until = "analyze",
		.no_weak = true,
		.no_sandbox = r->no_sandbox,
		.hosts = hosts->v,
		.nhosts = hosts->n,
		.machines = 1 };
	int fds[2], run, told;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) == -1 || (child = fork()) == -1) {
		log_error("recheck: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (child == 0) {
		close(fds[1]);
		_exit(tell_in_child(r, hosts, fds[0]));
	}
	close(fds[0]);
	run = survey_run(&o);
	(void)file_write_fd(fds[1], &run, sizeof(run));
	close(fds[1]);
	told = end_of(child);
	return run == EXIT_COMPLETE || run == EXIT_INCOMPLETE ? told : run;
}

/* "RUNDIR-recheck-20260615-120000", which no survey run takes for one of its own. */
static char *
default_output(const char *path)
{
	size_t len = strlen(path);
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	while (len > 1 && path[len - 1] == '/')
		len--;
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	return xasprintf("%.*s-recheck-%s", (int)len, path, stamp);
}

static int
run(struct request *r)
{
	struct recheck_hosts hosts = { .n = 0 };
	char *output = r->output != NULL ? xstrdup(r->output) : default_output(r->o.path);
	int rc;

	r->output = r->o.result = output;
	r->began = time(NULL);
	rc = choose(r, &hosts);
	if (rc == 0 && hosts.n == 0) {
		log_error(hosts.recent > 0 ? "recheck: all of these hosts were asked within a day; "
					     "--again asks them anyway"
					   : "recheck: no such host has a shared or weak key");
		rc = hosts.recent > 0 ? EXIT_INCOMPLETE : EXIT_USAGE;
	} else if (rc == 0) {
		rc = ask(r, &hosts);
	}
	free(hosts.v);
	free(output);
	return rc;
}

static int
cmd_recheck(int argc, char **argv)
{
	struct command_args a = { .command = &command_recheck, .argc = argc, .argv = argv };
	struct request r = { .o = { .format = PRINT_TEXT, .colour = print_colour(stdout) } };
	int option, rc = EXIT_USAGE;

	while ((option = command_next(&a)) >= 0) {
		if (take_option(&r, option, &a) == -1)
			goto out;
	}
	rc = command_ended(option);
	if (option != COMMAND_END)
		goto out;
	r.o.path = argv[a.at];
	r.o.clusters = r.clusters;
	r.o.asns = r.asns;
	rc = check(&r) == 0 ? run(&r) : EXIT_USAGE;
out:
	free(r.clusters);
	free(r.asns);
	return rc;
}
