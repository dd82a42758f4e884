#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/query.h"

#include "confine.h"
#include "commands.h"
#include "queries.h"

enum { ALL, REPAIR, BY, FORMAT, NO_SANDBOX };

static const char *const operators[] = { "as", "domain", NULL };

static const struct command_option options[] = {
	[ALL] = { "all", 'a', NULL, "every cluster" },
	[REPAIR] = { "repair", 0, NULL, "who has to change which key on which hosts" },
	[BY] = { "by", 0, "as|domain", "what an operator is in the plan (default: as)", ARG_WORD,
	    operators },
	[FORMAT] = QUERY_FORMAT_OPTION,
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_cluster(int argc, char **argv);

const struct command command_cluster = {
	.name = "cluster",
	.summary = "Explain clusters: what links them, what they may be, what repairs them",
	.detail =
	    "Tells of each cluster its ASes, countries, domains, shared keys and certificates,\n"
	    "the hosts and keys whose change splits it, and what it may be, with the evidence\n"
	    "for and against.",
	.operands = { { "RUNDIR|FILE", ARG_STUDY, 1, 1 }, { "N", ARG_CLUSTERS, 0, 0 } },
	.options = options,
	.run = cmd_cluster,
};

struct ids {
	uint32_t *v;
	size_t n, cap;
};

static int
add_id(const char *item, void *arg)
{
	struct ids *ids = arg;
	long long n;

	if (command_number(&command_cluster, "N", item, 1, UINT32_MAX - 1, &n) == -1)
		return -1;
	mem_grow(&ids->v, &ids->cap, ids->n + 1, sizeof(*ids->v));
	ids->v[ids->n++] = (uint32_t)n;
	return 0;
}

static int
cmd_cluster(int argc, char **argv)
{
	struct command_args a = { .command = &command_cluster, .argc = argc, .argv = argv };
	struct cluster_options o = { .format = PRINT_TEXT, .colour = print_colour(stdout) };
	struct ids ids = { NULL, 0, 0 };
	struct buf out;
	bool all = false, no_sandbox = false;
	int opt, status = EXIT_USAGE;

	while ((opt = command_next(&a)) >= 0) {
		if (opt == ALL)
			all = true;
		else if (opt == REPAIR)
			o.repair = true;
		else if (opt == BY)
			o.by_domain = a.choice == 1;
		else if (opt == NO_SANDBOX)
			no_sandbox = true;
		else
			o.format = (enum print_format)a.choice;
	}
	if (opt != COMMAND_END)
		return command_ended(opt);
	buf_init(&out);
	for (int i = a.at + 1; i < argc; i++) {
		if (command_each(argv[i], add_id, &ids) == -1)
			goto out;
	}
	if (ids.n == 0 && !all) {
		log_error("cluster: which one?  Its number, or --all; see survey cluster --help");
		goto out;
	}
	o.path = argv[a.at];
	if (confine(no_sandbox, (const char *const[]){ o.path, NULL }, NULL, NULL) == -1)
		goto out;
	o.ids = all ? NULL : ids.v;
	o.nids = ids.n;
	status = query_cluster(&o, &out);
	if (query_print("cluster", &out) == -1)
		status = EXIT_FAILED;
out:
	free(ids.v);
	buf_fini(&out);
	return status;
}
