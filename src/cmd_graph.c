#include <stdlib.h>
#include <string.h>

#include "survey/graph.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "commands.h"

enum { CLUSTER, FORMAT, OUTPUT, FULL_UP_TO, WORKERS, TIMEOUT, MEMORY };

static const struct command_option options[] = {
	[CLUSTER] = { "cluster", 'c', "N[,N…]", "only these clusters; may be repeated" },
	[FORMAT] = { "format", 'f', "LIST", "of svg,png,pdf,dot (default: svg,png)" },
	[OUTPUT] = { "output", 'o', "DIR", "make graphs/ in this directory, not in RUNDIR" },
	[FULL_UP_TO] = { "full-up-to", 0, "N",
	    "hosts up to which each host is a node (default: 40)" },
	[WORKERS] = { "workers", 'j', "N", "processes that draw (default: one a core)" },
	[TIMEOUT] = { "timeout", 0, "S",
	    "seconds for one picture before a simpler one (default: 60)" },
	[MEMORY] = { "memory", 0, "MB", "memory of one process (default: 1024)" },
	{ NULL, 0, NULL, NULL },
};

static int cmd_graph(int argc, char **argv);

const struct command command_graph = {
	"graph",
	"RUNDIR|FILE",
	"Draw the clusters of a run",
	"Draws graphs/cluster-N.svg and .png and graphs/legend.svg in RUNDIR from its\n"
	"clusters.json, or from a collisions.json alone.  Small clusters show each host,\n"
	"large ones hosts with the same keys as one node and shared keys as diamonds.",
	options,
	cmd_graph,
};

struct request {
	struct graph_options o;
	uint32_t *clusters;
	size_t cap;
};

static int
add_clusters(struct request *r, const char *list)
{
	char *copy = xstrdup(list), *save = NULL;
	int rc = 0;

	for (char *s = strtok_r(copy, ",", &save); s != NULL && rc == 0;
	     s = strtok_r(NULL, ",", &save)) {
		long long n;

		if ((rc = command_number(&command_graph, "cluster", s, 1, UINT32_MAX - 1, &n)) ==
		    -1)
			break;
		mem_grow(&r->clusters, &r->cap, r->o.nclusters + 1, sizeof(*r->clusters));
		r->clusters[r->o.nclusters++] = (uint32_t)n;
	}
	free(copy);
	return rc;
}

static int
add_formats(struct request *r, const char *list)
{
	char *copy = xstrdup(list), *save = NULL;
	int rc = 0;

	for (char *s = strtok_r(copy, ",", &save); s != NULL; s = strtok_r(NULL, ",", &save)) {
		unsigned bit = graph_format(s);

		if (bit == 0) {
			log_error("graph: \"%s\" is no format: svg, png, pdf or dot", s);
			rc = -1;
		}
		r->o.formats |= bit;
	}
	free(copy);
	return rc;
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
			rc = add_clusters(r, a->value);
			break;
		case FORMAT:
			rc = add_formats(r, a->value);
			break;
		case OUTPUT:
			r->o.output = a->value;
			break;
		case FULL_UP_TO:
			rc = command_number(&command_graph, "full-up-to", a->value, 2, 1000, &n);
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
		}
		if (rc == -1)
			return COMMAND_ERROR;
	}
	if (opt == COMMAND_END && a->argc - a->at != 1) {
		log_error("graph: one run directory or collisions.json is needed; see survey graph "
			  "--help");
		return COMMAND_ERROR;
	}
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
		free(r.clusters);
		return opt == COMMAND_HELP ? EXIT_COMPLETE : EXIT_USAGE;
	}
	r.o.path = argv[a.at];
	r.o.clusters = r.clusters;
	if (graph_rundir(&r.o, &result) == 0) {
		log_info("%zu clusters drawn, %zu of them simplified, %zu failed", result.drawn,
		    result.simplified, result.failed);
		status = result.failed > 0 ? EXIT_INCOMPLETE : EXIT_COMPLETE;
	}
	free(r.clusters);
	return status;
}
