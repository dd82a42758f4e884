#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/report.h"

#include <errno.h>

#include "confine.h"
#include "commands.h"

enum { FORMAT, TABLE, OUTPUT, ALL, NO_SANDBOX };

static const char *const formats[] = {
	[STATS_TEXT] = "text",
	[STATS_JSON] = "json",
	[STATS_CSV] = "csv",
	[STATS_LATEX] = "latex",
	NULL,
};

static const struct command_option options[] = {
	[FORMAT] = { "format", 'f', "text|json|csv|latex", "how to print (default: text)", ARG_WORD,
	    formats },
	[TABLE] = { "table", 't', "ID", "only this table, as overview or sizes", ARG_WORD,
	    stats_table_ids },
	[OUTPUT] = { "output", 'o', "FILE", "write here (default: standard output)", ARG_NEW_FILE },
	[ALL] = { "all", 'a', NULL, "every row of each table, not only the largest" },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_stats(int argc, char **argv);

const struct command command_stats = {
	.name = "stats",
	.summary = "Print the figures of runs",
	.detail =
	    "Counts hosts, keys, clusters, ports, versions, key types, cipher suites,\n"
	    "certificates and names of a run directory or of a collisions.json.  Several runs\n"
	    "stand side by side.  What a directory does not tell is a dash.",
	.operands = { { "RUNDIR|FILE", ARG_STUDY, 1, 0 } },
	.options = options,
	.run = cmd_stats,
};

/* To the open file o, or to standard output when path is NULL. */
static int
write_out(struct outfile *o, const char *path, const struct buf *b)
{
	if (path == NULL) {
		bool whole = fwrite(b->data, 1, b->len, stdout) == b->len;

		return command_flush("stats", whole ? 0 : errno) == -1 ? EXIT_FAILED
								       : EXIT_COMPLETE;
	}
	if (fwrite(b->data, 1, b->len, o->f) == b->len && outfile_commit(o) == 0)
		return EXIT_COMPLETE;
	log_error("stats: cannot write %s: %s", path, strerror(errno));
	return EXIT_FAILED;
}

static int
cmd_stats(int argc, char **argv)
{
	struct command_args a = { .command = &command_stats, .argc = argc, .argv = argv };
	enum stats_format format = STATS_TEXT;
	const char *table = NULL, *output = NULL;
	struct outfile out = { .f = NULL };
	bool no_sandbox = false, all = false;
	struct buf b;
	int opt, status = EXIT_FAILED;

	while ((opt = command_next(&a)) >= 0) {
		if (opt == FORMAT)
			format = (enum stats_format)a.choice;
		if (opt == TABLE)
			table = stats_table_ids[a.choice];
		all |= opt == ALL;
		if (opt == OUTPUT)
			output = strcmp(a.value, "-") == 0 ? NULL : a.value;
		if (opt == NO_SANDBOX)
			no_sandbox = true;
	}
	if (opt != COMMAND_END)
		return command_ended(opt);
	if (output != NULL && outfile_open_named(&out, output) == -1) {
		log_error("stats: cannot write %s: %s", output, strerror(errno));
		return EXIT_FAILED;
	}
	buf_init(&b);
	/* argv ends with NULL, too. */
	if (confine(no_sandbox, (const char *const *)argv + a.at, NULL,
		(const char *const[]){ output, NULL }) == -1)
		goto out;
	if (stats_runs((const char *const *)argv + a.at, (size_t)(argc - a.at), format, table, all,
		&b) == 0)
		status = write_out(&out, output, &b);
out:
	outfile_abort(&out);
	buf_fini(&b);
	return status;
}
