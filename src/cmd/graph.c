#include <stdlib.h>
#include <string.h>

#include "survey/graph.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "confine.h"
#include "copy.h"
#include "commands.h"

enum {
	CLUSTER,
	FORMAT,
	OUTPUT,
	FULL_UP_TO,
	WORKERS,
	TIMEOUT,
	MEMORY,
	ANONYMISE,
	KEEP_AS,
	TRUST,
	NO_SANDBOX
};

static const struct command_option options[] = {
	[CLUSTER] = { "cluster", 'c', "N[,N…]", "only these clusters; may be repeated",
	    ARG_CLUSTERS },
	[FORMAT] = { "format", 'f', "LIST", "of svg,png,pdf,dot (default: svg,png)", ARG_WORDS,
	    graph_format_words },
	[OUTPUT] = { "output", 'o', "DIR", "make graphs/ in this directory, not in RUNDIR",
	    ARG_NEW_DIRECTORY },
	[FULL_UP_TO] = { "full-up-to", 0, "N",
	    "lines up to which each host is a node (default: 60)" },
	[WORKERS] = { "workers", 'j', "N", "processes that draw (default: one a core)" },
	[TIMEOUT] = { "timeout", 0, "S",
	    "seconds for one picture before a simpler one (default: 60)" },
	[MEMORY] = { "memory", 0, "MB", "memory of one process (default: 1024)" },
	[ANONYMISE] = { "anonymise", 0, NULL, ANONYMISE_HELP },
	[KEEP_AS] = { "keep-as", 0, "N[,N…]", KEEP_AS_HELP },
	[TRUST] = { "trust", 0, NULL, TRUST_HELP },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_graph(int argc, char **argv);

const struct command command_graph = {
	.name = "graph",
	.summary = "Draw the clusters of a run",
	.detail = "Draws graphs/cluster-N.svg and .png and graphs/legend.svg in RUNDIR from its\n"
		  "survey.db, or from a collisions.json alone.  Small clusters show each host,\n"
		  "large ones hosts with the same keys as one node and shared keys as diamonds.",
	.operands = { { "RUNDIR|FILE", ARG_STUDY, 1, 1 } },
	.options = options,
	.writes = WRITES_UNLESS_ELSEWHERE,
	.run = cmd_graph,
};

struct request {
	struct graph_options o;
	struct copy_request anonymised;
	uint32_t *clusters;
	size_t cap;
};

static int
add_cluster(const char *item, void *arg)
{
	struct request *r = arg;
	long long n;

	if (command_number(&command_graph, "cluster", item, 1, UINT32_MAX - 1, &n) == -1)
		return -1;
	mem_grow(&r->clusters, &r->cap, r->o.nclusters + 1, sizeof(*r->clusters));
	r->clusters[r->o.nclusters++] = (uint32_t)n;
	return 0;
}

/* Returns COMMAND_END when the arguments are complete, else what ended the reading of them. */
static int
read_options(struct command_args *a, struct request *r)
{
	long long n;
	int opt;

	while ((opt = command_next(a)) >= 0) {
		int rc = 0;

		n = 0;
		switch (opt) {
		case CLUSTER:
			rc = command_each(a->value, add_cluster, r);
			break;
		case FORMAT:
			r->o.formats |= (unsigned)a->choice;
			break;
		case OUTPUT:
			r->o.output = a->value;
			break;
		case FULL_UP_TO:
			rc = command_number(&command_graph, "full-up-to", a->value, 1, 1000000, &n);
			r->o.full_up_to = (uint32_t)n;
			break;
		case WORKERS:
			rc = command_number(&command_graph, "workers", a->value, 1, 64, &n);
			r->o.workers = (unsigned)n;
			break;
		case TIMEOUT:
			rc = command_number(&command_graph, "timeout", a->value, 1, 3600, &n);
			r->o.timeout_s = (unsigned)n;
			break;
		case MEMORY:
			rc = command_number(&command_graph, "memory", a->value, 64, 1 << 20, &n);
			r->o.memory_mb = (unsigned)n;
			break;
		case ANONYMISE:
			r->anonymised.wanted = true;
			break;
		case TRUST:
			r->anonymised.trust = true;
			break;
		case KEEP_AS:
			rc = copy_keep_as(&r->anonymised, &command_graph, a->value);
			break;
		case NO_SANDBOX:
			r->o.no_sandbox = true;
			break;
		}
		if (rc == -1)
			return COMMAND_ERROR;
	}
	if (opt == COMMAND_END && copy_check(&r->anonymised, &command_graph, r->o.output) == -1)
		return COMMAND_ERROR;
	return opt;
}

static int
cmd_graph(int argc, char **argv)
{
	struct command_args a = { .command = &command_graph, .argc = argc, .argv = argv };
	struct graph_result result = { 0 };
	struct request r = { 0 };
	int opt = read_options(&a, &r), status = EXIT_FAILED;

	if (opt != COMMAND_END) {
		status = command_ended(opt);
		goto out;
	}
	r.o.path = argv[a.at];
	r.o.clusters = r.clusters;
	if (copy_begin(&r.anonymised, r.o.output) == -1 ||
	    confine_drawing(r.o.no_sandbox, r.o.path, NULL, r.o.output, r.anonymised.made) == -1)
		goto out;
	if (r.anonymised.wanted) {
		int failed = copy_copy(&r.anonymised, r.o.path, r.o.output);

		if (failed != 0) {
			status = failed;
			goto out;
		}
		r.o.path = r.o.output;
	}
	if (graph_rundir(&r.o, &result) == 0) {
		log_info("%zu %s drawn, %zu of them simplified, %zu failed", result.drawn,
		    text_noun(result.drawn, "cluster", "clusters"), result.simplified,
		    result.failed);
		status = result.failed + result.unknown > 0 ? EXIT_INCOMPLETE : EXIT_COMPLETE;
	}
out:
	copy_fini(&r.anonymised);
	free(r.clusters);
	return status;
}
