#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/argv.h"
#include "survey/buf.h"
#include "survey/lines.h"
#include "survey/log.h"
#include "survey/query.h"

#include "confine.h"
#include "commands.h"
#include "queries.h"

#define QUERY_MAX ((size_t)1 << 20) /* bytes */

enum { FORMAT, INPUT, NO_SANDBOX };

static const struct command_option options[] = {
	[FORMAT] = QUERY_FORMAT_OPTION,
	[INPUT] = { "input", 'i', "FILE", "read queries from here, one a line; - is standard input",
	    ARG_INPUT },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_find(int argc, char **argv);

const struct command command_find = {
	.name = "find",
	.summary = "Tell what is known of addresses, networks, names, keys, certificates, ASes",
	.detail =
	    "A query is an address, a prefix, AS64501, an AS name, a host name or a pattern as\n"
	    "*.example.ie, a fingerprint (SHA256:…, or 8 and more hex digits, with colons or\n"
	    "not), a certificate's SHA-256 or serial number, or cluster:N.  Leading directories\n"
	    "and databases are runs, -- ends them; a directory of runs stands for all of them.\n"
	    "An address that is in no row is told why, as far as the run directory knows.\n"
	    "Exit status 1: no query has a row.",
	.operands = { { "RUNDIR", ARG_STUDY, 1, 0 }, { "QUERY", ARG_TEXT, 0, 0 } },
	.options = options,
	.run = cmd_find,
};

/* One query a line; blank lines and comments mean nothing. */
static int
read_queries(struct argv *q, const char *path)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	enum lines_got got = LINES_ERROR;
	struct lines lines;
	char *line;
	size_t len;

	lines_init(&lines, QUERY_MAX);
	while (fd != -1 && (got = lines_read(&lines, fd, &line, &len)) != LINES_END) {
		if (got == LINES_TOO_LONG)
			errno = EMSGSIZE;
		if (got != LINES_LINE)
			break;
		while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
			line[--len] = '\0';
		if (len > 0 && line[0] != '#')
			argv_add(q, line + strspn(line, " \t"), NULL);
	}
	if (got != LINES_END)
		log_error("find: %s: %s", path, strerror(errno));
	lines_fini(&lines);
	if (fd != -1 && fd != STDIN_FILENO)
		close(fd);
	return got == LINES_END ? 0 : -1;
}

/* A variable that is not set would name every host, by a part of its AS's name. */
static bool
is_blank(const char *query)
{
	return query[strspn(query, " \t\r\n")] == '\0';
}

static int
cmd_find(int argc, char **argv)
{
	struct command_args a = { .command = &command_find, .argc = argc, .argv = argv };
	struct find_options o = { .format = PRINT_TEXT, .colour = print_colour(stdout) };
	struct query_runs runs = { NULL, 0, 0 };
	struct argv q = { NULL, 0, 0 };
	const char *input = NULL;
	bool no_sandbox = false;
	struct buf out;
	int opt, status = EXIT_USAGE;

	while ((opt = command_next(&a)) >= 0) {
		if (opt == FORMAT)
			o.format = (enum print_format)a.choice;
		else if (opt == INPUT)
			input = a.value;
		else
			no_sandbox = true;
	}
	if (opt != COMMAND_END)
		return command_ended(opt);
	buf_init(&out);
	for (unsigned i = 0; i < a.counts[1]; i++) {
		const char *query = argv[argc - (int)a.counts[1] + (int)i];

		if (is_blank(query)) {
			log_error("find: a query is empty");
			goto out;
		}
		argv_add(&q, query, NULL);
	}
	if ((input != NULL && read_queries(&q, input) == -1) ||
	    query_confine((const char *const *)argv + a.at, a.counts[0], NULL, no_sandbox) == -1)
		goto out;
	for (unsigned i = 0; i < a.counts[0]; i++) {
		if (query_runs_add(&runs, argv[a.at + (int)i]) == -1)
			goto out;
	}
	if (q.n == 0) {
		log_error("find: nothing to look for; see survey find --help");
		goto out;
	}
	query_runs_sort(&runs);
	o.runs = &runs;
	o.queries = (const char *const *)q.v;
	o.nqueries = q.n;
	status = query_find(&o, &out);
	if (query_print("find", &out) == -1)
		status = EXIT_FAILED;
out:
	argv_free(q.v);
	query_runs_fini(&runs);
	buf_fini(&out);
	return status;
}
