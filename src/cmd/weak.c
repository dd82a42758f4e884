#include <stdlib.h>

#include "survey/argv.h"
#include "survey/config.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/print.h"
#include "survey/signals.h"
#include "survey/text.h"
#include "survey/weakkeys.h"

#include "commands.h"
#include "confine.h"

enum { FORMAT, BLOCKLIST, KNOWN_PRIMES, CONFIG, MEMORY, THREADS, PRIMES, COSTS, NO_SANDBOX };

static const struct command_option options[] = {
	[FORMAT] = { "format", 'f', "text|json|csv", "how to print (default: text)", ARG_WORD,
	    print_format_words },
	[BLOCKLIST] = { "blocklist", 'b', "[NAME=]FILE",
	    "a list of known keys; may be repeated (default: the config's)" },
	[KNOWN_PRIMES] = { "known-primes", 0, "PATH",
	    "known primes, a file or a folder; may be repeated (default: the config's)", ARG_PATH },
	[CONFIG] = { "config", 0, "CONF", "take the weak section of this config, not of the run's",
	    ARG_CONF },
	[MEMORY] = { "memory", 'm', "BYTES",
	    "memory for batch GCD, as in 4G (default: half of the machine's)" },
	[THREADS] = { "threads", 'j', "N", "threads (default: one a processor)" },
	[PRIMES] = { "primes", 0, "FILE",
	    "write the factors that are found into a new file: private keys!", ARG_NEW_FILE },
	[COSTS] = { "costs", 0, NULL, "tell what each part has cost" },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_weak(int argc, char **argv);

const struct command command_weak = {
	.name = "weak",
	.summary = "Find keys that are already broken",
	.detail =
	    "Tests every public key of a run: RSA moduli for primes that they share or that are\n"
	    "known, each key by itself, and against lists of known ones.  The findings are in\n"
	    "survey.db and weak.json afterwards; survey run and survey analyze do the same.",
	.operands = { { "RUNDIR", ARG_DIRECTORY, 1, 1 } },
	.options = options,
	.writes = WRITES_IN_PLACE,
	.run = cmd_weak,
};

struct texts {
	const char **v;
	size_t n, cap;
};

struct request {
	struct weak_request o;
	struct texts lists, primes;
	const char *config_path;
	bool no_sandbox;
};

static void
add(struct texts *t, const char *text)
{
	mem_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v));
	t->v[t->n++] = text;
}

static int
take_option(struct request *r, int option, const struct command_args *a)
{
	long long n;
	uint64_t bytes;

	switch (option) {
	case FORMAT:
		r->o.format = (int)a->choice;
		return 0;
	case BLOCKLIST:
		add(&r->lists, a->value);
		return 0;
	case KNOWN_PRIMES:
		add(&r->primes, a->value);
		return 0;
	case CONFIG:
		r->config_path = a->value;
		return 0;
	case MEMORY:
		if (!text_parse_bytes(a->value, &bytes)) {
			log_error("weak: --memory %s: expected bytes, as in 512M or 4G", a->value);
			return -1;
		}
		r->o.memory = (size_t)bytes;
		return 0;
	case THREADS:
		if (command_number(&command_weak, "threads", a->value, 1, 256, &n) == -1)
			return -1;
		r->o.threads = (unsigned)n;
		return 0;
	case PRIMES:
		r->o.factors = a->value;
		return 0;
	case COSTS:
		r->o.costs = true;
		return 0;
	case NO_SANDBOX:
		r->no_sandbox = true;
		return 0;
	default:
		return -1;
	}
}

static int
give_up_rights(const struct weak_request *o, void *arg)
{
	const struct request *r = arg;
	struct argv read = { .n = 0 };
	int rc;

	weak_reads(o, &read);
	/* A file of primes that could not be written in full is removed. */
	rc = confine(r->no_sandbox, (const char *const *)read.v,
	    (const char *const[]){ o->path, NULL }, (const char *const[]){ o->factors, NULL });
	argv_free(read.v);
	return rc == 0 ? 0 : EXIT_FAILED;
}

static int
run(struct request *r)
{
	struct config *c;
	int rc;

	c = r->config_path != NULL ? config_read(r->config_path) : weak_run_config(r->o.path);
	if (r->config_path != NULL && c == NULL)
		return EXIT_USAGE;
	r->o.lists = r->lists.v;
	r->o.nlists = r->lists.n;
	r->o.primes = r->primes.v;
	r->o.nprimes = r->primes.n;
	if (c != NULL)
		weak_configure(&r->o, c);
	r->o.give_up = give_up_rights;
	r->o.arg = r;
	signals_catch();
	rc = weak_rundir(&r->o);
	config_free(c);
	return rc;
}

static int
cmd_weak(int argc, char **argv)
{
	struct command_args a = { .command = &command_weak, .argc = argc, .argv = argv };
	struct request r = { .o = { .command = "weak",
				 .print = true,
				 .colour = print_colour(stdout),
				 .stop = signals_stop() } };
	int option, rc = EXIT_USAGE;

	while ((option = command_next(&a)) >= 0) {
		if (take_option(&r, option, &a) == -1)
			goto out;
	}
	rc = command_ended(option);
	if (option == COMMAND_END) {
		r.o.path = argv[a.at];
		rc = run(&r);
	}
out:
	free(r.lists.v);
	free(r.primes.v);
	return rc;
}
