#include <string.h>

#include "survey/answers.h"
#include "survey/config.h"
#include "survey/lookup.h"

#include "confine.h"
#include "commands.h"

enum {
	RESOLVER,
	MODE,
	CONFIG,
	TYPE,
	OUTPUT,
	DIRECTORY,
	WINDOW,
	RCVBUF,
	TIMEOUT,
	TRIES,
	STATS,
	NO_SANDBOX
};

static const struct command_option options[] = {
	[RESOLVER] = { "resolver", 'r', "ADDR#PORT", "ask this resolver (default port 53)" },
	[MODE] = { "mode", 'm', "MODE",
	    "managed, unbound-dot, unbound, address or system (default)", ARG_WORD,
	    dns_mode_words },
	[CONFIG] = { "config", 'c', "CONF", "take the dns section of this config", ARG_CONF },
	[TYPE] = { "type", 't', "TYPE[,TYPE…]",
	    "A, AAAA, PTR, MX, TLSA, TXT (default: A of a name, PTR of an address)", ARG_WORDS,
	    dns_type_words },
	[OUTPUT] = { "output", 'o', "FILE", "write the answers here (default: standard output)",
	    ARG_NEW_FILE },
	[DIRECTORY] = { "dir", 'd', "DIR", "keep the files of resolvers in DIR/resolver",
	    ARG_NEW_DIRECTORY },
	[WINDOW] = { "window", 'w', "N", "questions at a time (default: what the buffers hold)" },
	[RCVBUF] = { "rcvbuf", 0, "BYTES", "receive buffer to ask the kernel for" },
	[TIMEOUT] = { "timeout", 0, "MS", "wait of the first try, 5000" },
	[TRIES] = { "tries", 0, "N", "tries of a question that is not answered, 4" },
	[STATS] = { "stats", 0, "FILE", "write totals as JSON here", ARG_NEW_FILE },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_dns(int argc, char **argv);

const struct command command_dns = {
	.name = "dns",
	.summary = "Look up many names or addresses at once",
	.detail =
	    "Reads a name, an address, a prefix or a range a line and writes an answer a line\n"
	    "(dns.ndjson), in the order in which they come.  Each question is asked once.  Lines\n"
	    "that are not asked are named and make the exit status 3.",
	.operands = { { "FILE|-", ARG_INPUT, 1, 1 } },
	.options = options,
	.run = cmd_dns,
};

struct request {
	struct lookup_options o;
	struct dns_settings settings;
	struct config *config;
};

static int
read_number(const char *option, const char *text, long long min, long long max, unsigned *value)
{
	long long n;

	if (command_number(&command_dns, option, text, min, max, &n) == -1)
		return -1;
	*value = (unsigned)n;
	return 0;
}

/* --config first, whatever its place: the other options change what it says. */
static int
read_config(struct request *r, int argc, char **argv)
{
	struct command_args a = { .command = &command_dns, .argc = argc, .argv = argv };
	int option;

	dns_settings_default(&r->settings);
	while ((option = command_next(&a)) >= 0) {
		if (option != CONFIG)
			continue;
		config_free(r->config);
		if ((r->config = config_read(a.value)) == NULL)
			return EXIT_USAGE;
		dns_settings_from(&r->settings, r->config);
	}
	if (option == COMMAND_HELP)
		return -1;
	return option == COMMAND_ERROR ? EXIT_USAGE : EXIT_COMPLETE;
}

static int
read_option(struct request *r, int option, const struct command_args *a)
{
	struct dns_settings *s = &r->settings;
	const char *value = a->value;

	switch (option) {
	case RESOLVER:
		s->mode = DNS_ADDRESS;
		s->address = value;
		return 0;
	case MODE:
		s->mode = (enum dns_mode)a->choice;
		return 0;
	case TYPE:
		r->o.types |= a->choice;
		return 0;
	case OUTPUT:
		r->o.output = strcmp(value, "-") == 0 ? NULL : value;
		return 0;
	case DIRECTORY:
		r->o.dir = value;
		return 0;
	case STATS:
		r->o.stats = value;
		return 0;
	case NO_SANDBOX:
		r->o.no_sandbox = true;
		return 0;
	case WINDOW:
		return read_number("window", value, 1, 100000, &s->window);
	case RCVBUF:
		return read_number("rcvbuf", value, 4096, 1 << 30, &s->rcvbuf);
	case TIMEOUT:
		return read_number("timeout", value, 100, 60000, &s->timeout_ms);
	case TRIES:
		return read_number("tries", value, 1, 20, &s->tries);
	default:
		return 0;
	}
}

/* Returns EXIT_COMPLETE, another status after a message, or -1 when the help was printed. */
static int
read_request(struct request *r, int argc, char **argv)
{
	struct command_args a = { .command = &command_dns, .argc = argc, .argv = argv };
	int option, rc;

	if ((rc = read_config(r, argc, argv)) != EXIT_COMPLETE)
		return rc;
	while ((option = command_next(&a)) >= 0)
		if (read_option(r, option, &a) == -1)
			return EXIT_USAGE;
	r->o.input = a.argv[a.at];
	return EXIT_COMPLETE;
}

static int
cmd_dns(int argc, char **argv)
{
	struct request r = { .config = NULL };
	int rc = read_request(&r, argc, argv);

	if (rc == EXIT_COMPLETE) {
		r.o.settings = &r.settings;
		rc = lookup(&r.o);
	}
	config_free(r.config);
	return rc == -1 ? EXIT_COMPLETE : rc;
}
