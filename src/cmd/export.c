#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/query.h"

#include "commands.h"
#include "confine.h"
#include "queries.h"

enum { STUDIES, CSV, TABLE, GRAPHML, CLUSTER, ASN, NO_SANDBOX };

static const struct command_option options[] = {
	[STUDIES] = { "studies", 0, "DIR",
	    "files and layouts in which the published studies' scripts run", ARG_NEW_DIRECTORY },
	[CSV] = { "csv", 0, "DIR", "tables for pandas, R, DuckDB; - prints one (--table)",
	    ARG_NEW_DIRECTORY },
	[TABLE] = { "table", 't', "NAME", "of --csv only this table", ARG_WORD, export_tables },
	[GRAPHML] = { "graphml", 0, "FILE", "hosts and keys as a graph; - is standard output",
	    ARG_NEW_FILE },
	[CLUSTER] = { "cluster", 'c', "N[,N…]", "only hosts of these clusters; may be repeated",
	    ARG_CLUSTERS },
	[ASN] = { "asn", 0, "N[,N…]", "only hosts of these ASes; may be repeated", ARG_TEXT },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_export(int argc, char **argv);

const struct command command_export = {
	.name = "export",
	.summary = "Write a study in formats that other programs expect",
	.detail =
	    "One of --studies, --csv and --graphml.  Tables have a header, ISO times and full\n"
	    "fingerprints; an empty cell is unknown, and a cell that a spreadsheet would take\n"
	    "for a formula begins with an apostrophe.",
	.operands = { { "RUNDIR|FILE", ARG_STUDY, 1, 1 } },
	.options = options,
	.run = cmd_export,
};

struct numbers {
	uint32_t *v;
	size_t n, cap;
	bool asn;
};

static int
add_number(const char *item, void *arg)
{
	struct numbers *l = arg;
	uint32_t asn = 0;
	long long n = 0;

	if (l->asn ? command_asn(&command_export, "asn", item, &asn) == -1
		   : command_number(&command_export, "cluster", item, 1, UINT32_MAX - 1, &n) == -1)
		return -1;
	mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = l->asn ? asn : (uint32_t)n;
	return 0;
}

static bool
is_file(const char *path)
{
	return path != NULL && strcmp(path, "-") != 0;
}

/* What is written is made, or open, before anything is read.  Returns 0, or -1 after a message. */
static int
give_up_rights(
    const struct export_options *o, const char *graphml, struct outfile *out, bool no_sandbox)
{
	const char *dir = o->studies != NULL ? o->studies : is_file(o->csv) ? o->csv : NULL;
	const char *file = is_file(graphml) ? graphml : NULL;

	if (file != NULL && outfile_open_named(out, file) == -1) {
		log_error("export: cannot write %s: %s", file, strerror(errno));
		return -1;
	}
	if (dir != NULL && confine_make(dir) == -1)
		return -1;
	return confine(no_sandbox, (const char *const[]){ o->path, NULL },
	    (const char *const[]){ dir, NULL }, (const char *const[]){ file, NULL });
}

/* To the open file, or to standard output.  Returns 0, or -1 after a message. */
static int
write_out(const struct buf *b, const char *graphml, struct outfile *out)
{
	if (!is_file(graphml))
		return query_print("export", b);
	if (fwrite(b->data, 1, b->len, out->f) == b->len && outfile_commit(out) == 0)
		return 0;
	log_error("export: cannot write %s: %s", graphml, strerror(errno));
	return -1;
}

static int
cmd_export(int argc, char **argv)
{
	struct command_args a = { .command = &command_export, .argc = argc, .argv = argv };
	struct numbers clusters = { NULL, 0, 0, false }, asns = { NULL, 0, 0, true };
	struct export_options o = { .path = NULL };
	struct outfile file = { .f = NULL };
	const char *graphml = NULL;
	bool no_sandbox = false;
	struct buf out;
	int opt, rc = 0, status = EXIT_USAGE;

	while ((opt = command_next(&a)) >= 0 && rc == 0) {
		if (opt == STUDIES)
			o.studies = a.value;
		else if (opt == CSV)
			o.csv = a.value;
		else if (opt == TABLE)
			o.table = export_tables[a.choice];
		else if (opt == GRAPHML)
			graphml = a.value;
		else if (opt == NO_SANDBOX)
			no_sandbox = true;
		else
			rc = command_each(a.value, add_number, opt == CLUSTER ? &clusters : &asns);
	}
	buf_init(&out);
	if (rc == -1)
		goto out;
	if (opt != COMMAND_END) {
		status = command_ended(opt);
		goto out;
	}
	if ((o.studies != NULL) + (o.csv != NULL) + (graphml != NULL) != 1) {
		log_error(
		    "export: one of --studies, --csv and --graphml; see survey export --help");
		goto out;
	}
	if (o.csv != NULL && strcmp(o.csv, "-") == 0 && o.table == NULL) {
		log_error("export: --csv - prints one table: name it with --table");
		goto out;
	}
	o.path = argv[a.at];
	o.clusters = clusters.v;
	o.nclusters = clusters.n;
	o.asns = asns.v;
	o.nasns = asns.n;
	o.graphml = graphml != NULL;
	status = EXIT_FAILED;
	if (give_up_rights(&o, graphml, &file, no_sandbox) == -1)
		goto out;
	status = query_export(&o, &out);
	if ((status == EXIT_COMPLETE || status == EXIT_INCOMPLETE) &&
	    write_out(&out, graphml, &file) == -1)
		status = EXIT_FAILED;
out:
	outfile_abort(&file);
	free(clusters.v);
	free(asns.v);
	buf_fini(&out);
	return status;
}
