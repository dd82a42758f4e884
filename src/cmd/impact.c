#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/config.h"
#include "survey/dns.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/query.h"
#include "survey/rundir.h"
#include "survey/sandbox.h"

#include "commands.h"
#include "confine.h"
#include "queries.h"

enum { DOMAINS, RESOLVER, MODE, CONFIG, TIMEOUT, TRIES, STATS, FORMAT, NO_SANDBOX };

static const struct command_option options[] = {
	[DOMAINS] = { "domains", 0, "FILE|-",
	    "a list of domains or a zone file (default: those of an earlier call)", ARG_INPUT },
	[RESOLVER] = { "resolver", 'r', "ADDR#PORT", "ask this resolver (default port 53)" },
	[MODE] = { "mode", 'm', "MODE",
	    "managed, unbound-dot, unbound, address or system (default: the run's)", ARG_WORD,
	    dns_mode_words },
	[CONFIG] = { "config", 'c', "CONF", "take the dns section of this config, not of the run's",
	    ARG_CONF },
	[TIMEOUT] = { "timeout", 0, "MS", "wait of the first try (default: the run's, 5000)" },
	[TRIES] = { "tries", 0, "N",
	    "tries of a question that is not answered (default: the run's, 4)" },
	[STATS] = { "stats", 0, "FILE", "write totals of the questions as JSON here",
	    ARG_NEW_FILE },
	[FORMAT] = QUERY_FORMAT_OPTION,
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_impact(int argc, char **argv);

const struct command command_impact = {
	.name = "impact",
	.summary = "Tell how many domains' mail hangs on each key and cluster",
	.detail =
	    "Asks for MX, addresses, TLSA and MTA-STS of many domains, each question once, and\n"
	    "ranks clusters and keys by the domains whose mail goes there.  The list and the\n"
	    "answers stay in the run directory; find, cluster, compare, notify and the report "
	    "tell\n"
	    "of them from then on.  A call that was broken off goes on when it is made again.",
	.operands = { { "RUNDIR", ARG_OWN_RUN, 1, 1 } },
	.options = options,
	.writes = WRITES_IN_PLACE,
	.run = cmd_impact,
};

struct request {
	struct impact_options o;
	struct config *config;
	struct outside outside;
	const char *domains, *config_path, *address;
	int mode; /* -1: not named */
	unsigned timeout_ms, tries; /* 0: not named */
	bool no_sandbox;
};

static int
take_number(const char *option, const char *text, long long min, long long max, unsigned *value)
{
	long long n;

	if (command_number(&command_impact, option, text, min, max, &n) == -1)
		return -1;
	*value = (unsigned)n;
	return 0;
}

static int
take_option(struct request *r, int option, const struct command_args *a)
{
	switch (option) {
	case DOMAINS:
		r->domains = a->value;
		break;
	case RESOLVER:
		r->address = a->value;
		r->mode = DNS_ADDRESS;
		break;
	case MODE:
		r->mode = (int)a->choice;
		break;
	case CONFIG:
		r->config_path = a->value;
		break;
	case TIMEOUT:
		return take_number("timeout", a->value, 100, 60000, &r->timeout_ms);
	case TRIES:
		return take_number("tries", a->value, 1, 20, &r->tries);
	case STATS:
		r->o.stats = a->value;
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

/* The resolver, as options, the config or the run's own say; NULL after a message. */
static struct resolver *
make_resolver(struct request *r)
{
	char *dir = path_join(r->o.path, "resolver");
	struct dns_settings s;
	struct resolver *made;

	dns_settings_default(&s);
	if (r->config != NULL)
		dns_settings_from(&s, r->config);
	if (r->mode != -1)
		s.mode = (enum dns_mode)r->mode;
	if (r->address != NULL)
		s.address = r->address;
	if (r->timeout_ms != 0)
		s.timeout_ms = r->timeout_ms;
	if (r->tries != 0)
		s.tries = r->tries;
	made = resolver_new(&s, dir);
	free(dir);
	return made;
}

static int
give_up_rights(struct request *r)
{
	char *stats = r->o.stats != NULL ? sandbox_place(r->o.stats) : NULL;
	const char *const write[] = { r->o.path, stats, NULL };
	const struct sandbox_paths paths = { .write = write };
	int rc = r->no_sandbox ? 0 : resolver_confine(r->o.resolver, &paths, &r->outside, NULL);

	free(stats);
	return rc;
}

static int
run(struct request *r)
{
	struct buf out;
	int rc = EXIT_USAGE;

	if (r->domains != NULL && strcmp(r->domains, "-") == 0)
		r->o.list = STDIN_FILENO;
	else if (r->domains != NULL && (r->o.list = open(r->domains, O_RDONLY | O_CLOEXEC)) == -1) {
		log_error("%s: %s", r->domains, strerror(errno));
		return EXIT_USAGE;
	}
	r->o.shown = r->domains;
	buf_init(&out);
	if ((r->o.resolver = make_resolver(r)) == NULL)
		goto end;
	if (give_up_rights(r) == -1) {
		resolver_free(r->o.resolver);
		rc = EXIT_FAILED;
		goto end;
	}
	if (r->outside.broker.fd != -1)
		r->o.outside = &r->outside;
	rc = query_impact(&r->o, &out);
	if (query_print("impact", &out) == -1)
		rc = EXIT_FAILED;
	outside_stop(&r->outside);
end:
	buf_fini(&out);
	if (r->o.list > STDIN_FILENO)
		close(r->o.list);
	return rc;
}

static int
cmd_impact(int argc, char **argv)
{
	struct command_args a = { .command = &command_impact, .argc = argc, .argv = argv };
	struct request r = { .o = { .list = -1, .colour = print_colour(stdout) },
		.outside = { { .fd = -1 } },
		.mode = -1 };
	int option, rc;

	while ((option = command_next(&a)) >= 0)
		if (take_option(&r, option, &a) == -1)
			return EXIT_USAGE;
	rc = command_ended(option);
	if (option != COMMAND_END)
		return rc;
	r.o.path = argv[a.at];
	if (r.config_path != NULL)
		r.config = config_read(r.config_path);
	else if (rundir_own_config(r.o.path, &r.config) == -1)
		log_warn(
		    "%s: its config cannot be used, so the section dns has its defaults", r.o.path);
	rc = r.config_path != NULL && r.config == NULL ? EXIT_USAGE : run(&r);
	config_free(r.config);
	return rc;
}
