#include <stdio.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/report.h"

#include <errno.h>

#include "commands.h"

enum { FORMAT, TABLE, OUTPUT };

static const struct command_option options[] = {
	[FORMAT] = { "format", 'f', "text|json|csv|latex", "how to print (default: text)" },
	[TABLE] = { "table", 't', "ID", "only this table, as overview or sizes" },
	[OUTPUT] = { "output", 'o', "FILE", "write here (default: standard output)" },
	{ NULL, 0, NULL, NULL },
};

static int cmd_stats(int argc, char **argv);

const struct command command_stats = {
	"stats",
	"RUNDIR|FILE...",
	"Print the figures of runs",
	"Counts hosts, keys, clusters, ports, versions, key types, cipher suites,\n"
	"certificates and names of a run directory or of a collisions.json.  Several runs\n"
	"stand side by side.  What a directory does not tell is a dash.",
	options,
	cmd_stats,
};

static int
read_format(const char *name, enum stats_format *format)
{
	static const char *const names[] = {
		[STATS_TEXT] = "text",
		[STATS_JSON] = "json",
		[STATS_CSV] = "csv",
		[STATS_LATEX] = "latex",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*format = (enum stats_format)i;
			return 0;
		}
	}
	log_error("stats: \"%s\" is no format: text, json, csv or latex", name);
	return -1;
}

static int
write_out(const char *path, const struct buf *b)
{
	if (path == NULL) {
		if (fwrite(b->data, 1, b->len, stdout) == b->len && fflush(stdout) == 0)
			return EXIT_COMPLETE;
		log_error("stats: standard output: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (file_write_named(path, b->data, b->len) == 0)
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
	struct buf b;
	int opt, status = EXIT_FAILED;

	while ((opt = command_next(&a)) >= 0) {
		if (opt == FORMAT && read_format(a.value, &format) == -1)
			return EXIT_USAGE;
		if (opt == TABLE)
			table = a.value;
		if (opt == OUTPUT)
			output = a.value;
	}
	if (opt != COMMAND_END)
		return opt == COMMAND_HELP ? EXIT_COMPLETE : EXIT_USAGE;
	if (a.at == argc) {
		log_error(
		    "stats: a run directory or collisions.json is needed; see survey stats --help");
		return EXIT_USAGE;
	}
	buf_init(&b);
	if (stats_runs(
		(const char *const *)argv + a.at, (size_t)(argc - a.at), format, table, &b) == 0)
		status = write_out(output, &b);
	buf_fini(&b);
	return status;
}
