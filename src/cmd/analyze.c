#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/analyze.h"
#include "survey/argv.h"
#include "survey/buf.h"
#include "survey/config.h"
#include "survey/dns.h"
#include "survey/file.h"
#include "survey/graph.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/picture.h"
#include "survey/port.h"
#include "survey/rfc3339.h"
#include "survey/sandbox.h"
#include "survey/signals.h"
#include "survey/weakkeys.h"

#include "confine.h"
#include "copy.h"
#include "commands.h"

enum {
	OUT,
	DNS,
	DNS_FILE,
	RESOLVER,
	MODE,
	CONFIG,
	COUNTRY,
	MMDB,
	SCAN_DATE,
	PAIRS,
	PORT,
	MAX_LINE,
	THREADS,
	NO_WEAK,
	GRAPH,
	ANONYMISE,
	KEEP_AS,
	TRUST,
	COSTS,
	NO_SANDBOX
};

static const char *const dns_words[] = {
	[ANALYZE_DNS_CACHED] = "cached",
	[ANALYZE_DNS_FILL] = "fill",
	[ANALYZE_DNS_REFRESH] = "refresh",
	NULL,
};

static const struct command_option options[] = {
	[OUT] = { "output", 'o', "DIR", "directory for the results", ARG_NEW_DIRECTORY },
	[DNS] = { "dns", 'd', "cached|fill|refresh",
	    "names: only dns.ndjson (default), ask the rest, ask all", ARG_WORD, dns_words },
	[DNS_FILE] = { "dns-file", 0, "FILE",
	    "dns.ndjson to read (default: the one beside the records)", ARG_FILE },
	[RESOLVER] = { "resolver", 'r', "ADDR#PORT", "resolver to ask (default: the system's)" },
	[MODE] = { "mode", 0, "MODE", "ask in this dns.mode of survey.conf(5)", ARG_WORD,
	    dns_mode_words },
	[CONFIG] = { "config", 0, "CONF", "ask as the dns section of this config says", ARG_CONF },
	[COUNTRY] = { "country", 'c', "CC[,CC…]", "take only hosts of these countries; XX is any",
	    ARG_COUNTRIES },
	[MMDB] = { "mmdb", 'm', "DIR", "folder with databases (*.mmdb, *.csv), or one", ARG_PATH },
	[SCAN_DATE] = { "scan-date", 0, "RFC3339",
	    "judge certificates by this date, not the records' own" },
	[PAIRS] = { "pairs-up-to", 0, "N",
	    "list all pairs of clusters up to N hosts (default 2000)" },
	[PORT] = { "port", 'p', "N", "port of ZGrab2 lines of one module that do not name it" },
	[MAX_LINE] = { "max-line", 0, "BYTES", "refuse longer lines (default 16777216)" },
	[THREADS] = { "threads", 'j', "N", "parsing threads (default: one a processor)" },
	[NO_WEAK] = { "no-weak", 0, NULL, "do not look for weak keys" },
	[GRAPH] = { "graph", 'g', NULL, "draw the clusters too" },
	[ANONYMISE] = { "anonymise", 0, NULL, ANONYMISE_HELP },
	[KEEP_AS] = { "keep-as", 0, "N[,N…]", KEEP_AS_HELP },
	[TRUST] = { "trust", 0, NULL, TRUST_HELP },
	[COSTS] = { "costs", 0, NULL, "tell what each part of the analysis has cost" },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_analyze(int argc, char **argv);

const struct command command_analyze = {
	.name = "analyze",
	.summary = "Cluster existing records again and write all results",
	.detail =
	    "RUNDIR is the directory of a run, FILE a record file (plain, gzip or zstd; survey(1)\n"
	    "tells what is read), - is standard input.  Results of a FILE go to ./FILE.survey\n"
	    "unless -o names another directory.  Needs no config, no network and no privileges.",
	.operands = { { "RUNDIR|FILE|-", ARG_RECORDS, 1, 1 } },
	.options = options,
	.writes = WRITES_UNLESS_ELSEWHERE,
	.run = cmd_analyze,
};

struct request {
	struct analyze_options o;
	char **countries;
	size_t ccap;
	bool graph, no_weak;
	const char *config_path; /* how to ask, or NULL */
	enum dns_mode mode; /* if has_mode */
	bool has_mode;
	struct config *config;
	struct config *own_config; /* the run's, when none is named */
	struct weak_request weak;
	bool find_weak;
	struct dns_settings settings;
	struct copy_request anonymised;
};

static int
add_country(const char *text, void *arg)
{
	struct request *r = arg;
	char cc[3];

	if (command_country(&command_analyze, text, cc) == -1)
		return -1;
	mem_grow(&r->countries, &r->ccap, r->o.ncountries + 1, sizeof(*r->countries));
	r->countries[r->o.ncountries++] = xstrdup(cc);
	return 0;
}

static int
choose_port(struct request *r, const char *text)
{
	long long n;
	struct buf known;

	if (command_number(&command_analyze, "port", text, 1, 65535, &n) == -1)
		return -1;
	r->o.port = (unsigned)n;
	if (port_index(r->o.port) >= 0)
		return 0;
	buf_init(&known);
	for (int i = 0; i < NPORTS; i++)
		buf_printf(&known, "%s%u", i > 0 ? ", " : "", port_table[i].port);
	log_error("analyze: --port %lld: survey looks at the ports %s", n, known.data);
	buf_fini(&known);
	return -1;
}

static int
take_option(struct request *r, int option, const struct command_args *a)
{
	const char *value = a->value;
	long long n;

	switch (option) {
	case OUT:
		r->o.output = value;
		return 0;
	case DNS:
		r->o.dns = (enum analyze_dns)a->choice;
		return 0;
	case DNS_FILE:
		r->o.dns_file = value;
		return 0;
	case RESOLVER:
		r->o.resolver = value;
		return 0;
	case MODE:
		r->has_mode = true;
		r->mode = (enum dns_mode)a->choice;
		return 0;
	case CONFIG:
		r->config_path = value;
		return 0;
	case COUNTRY:
		return command_each(value, add_country, r);
	case MMDB:
		r->o.mmdb = value;
		return 0;
	case SCAN_DATE:
		if ((r->o.scan_date = time_parse(value, strlen(value))) != TIME_UNKNOWN)
			return 0;
		log_error("analyze: --scan-date %s: a date looks like 2026-07-01T00:00:00Z", value);
		return -1;
	case PAIRS:
		if (command_number(&command_analyze, "pairs-up-to", value, 2, 1000000, &n) == -1)
			return -1;
		r->o.pairs_up_to = (uint32_t)n;
		return 0;
	case PORT:
		return choose_port(r, value);
	case MAX_LINE:
		if (command_number(&command_analyze, "max-line", value, 1024, 1 << 30, &n) == -1)
			return -1;
		r->o.max_line = (size_t)n;
		return 0;
	case THREADS:
		if (command_number(&command_analyze, "threads", value, 1, 64, &n) == -1)
			return -1;
		r->o.threads = (unsigned)n;
		return 0;
	case NO_WEAK:
		r->no_weak = true;
		return 0;
	case GRAPH:
		r->graph = true;
		return 0;
	case COSTS:
		r->o.costs = true;
		return 0;
	case ANONYMISE:
		r->anonymised.wanted = true;
		return 0;
	case NO_SANDBOX:
		r->o.sandbox = false;
		return 0;
	case TRUST:
		r->anonymised.trust = true;
		return 0;
	case KEEP_AS:
		return copy_keep_as(&r->anonymised, &command_analyze, value);
	default:
		return -1;
	}
}

/* Whom to ask, of those options that say it. */
static int
choose_resolver(struct request *r)
{
	if (!r->has_mode && r->config_path == NULL && r->o.resolver == NULL)
		return 0;
	if (r->o.dns == ANALYZE_DNS_CACHED) {
		log_error("analyze: --resolver, --mode and --config say whom to ask, but nobody is "
			  "asked without --dns fill or --dns refresh");
		return -1;
	}
	dns_settings_default(&r->settings);
	if (r->config_path != NULL) {
		if ((r->config = config_read(r->config_path)) == NULL)
			return -1;
		dns_settings_from(&r->settings, r->config);
	}
	if (r->has_mode)
		r->settings.mode = r->mode;
	r->o.settings = &r->settings;
	return 0;
}

/* As the config given, or the run's own, says; what is read for it is added to read. */
static void
prepare_weak(struct request *r, struct argv *read)
{
	const struct config *c = r->config;

	r->weak = (struct weak_request){ .command = "analyze",
		.threads = r->o.threads,
		.costs = r->o.costs,
		.stop = signals_stop() };
	if (c == NULL)
		c = r->own_config = weak_run_config(r->o.input);
	if (c != NULL)
		weak_configure(&r->weak, c);
	r->find_weak = !r->no_weak && (c == NULL || c->weak.enable);
	if (r->find_weak)
		weak_reads(&r->weak, read);
}

/* Returns an exit_status. */
static int
find_weak(struct request *r, const char *dir)
{
	if (!r->find_weak)
		return EXIT_COMPLETE;
	signals_catch();
	r->weak.path = dir;
	return weak_rundir(&r->weak);
}

/* The analysis itself, with the rights that the rest will need.  copy: where one is to be made, or NULL. */
static int
analyze(struct request *r, const char *copy, char **dir)
{
	char *above = copy != NULL ? path_dir(copy) : NULL;
	const char *write[3] = { r->anonymised.made }, *const names[] = { above, NULL };
	struct argv read = { .n = 0 };
	struct sandbox_paths more = { .write = write, .replace = names };
	int rc;

	if (copy != NULL && access(copy, F_OK) == 0)
		write[1] = copy; /* the copy of earlier, which goes */
	prepare_weak(r, &read);
	more.read = (const char *const *)read.v;
	r->o.more = &more;
	if (r->graph)
		picture_load_fonts(); /* in a sandbox fontconfig cannot keep what it finds */
	rc = analyze_rundir(&r->o, dir, NULL);
	r->o.more = NULL;
	argv_free(read.v);
	free(above);
	return rc;
}

static int
run(struct request *r)
{
	struct graph_options graph = { 0 };
	struct graph_result drawn = { 0 };
	const char *copy = NULL;
	char *dir = NULL;
	int rc;

	r->o.countries = (const char *const *)r->countries;
	if (copy_begin(&r->anonymised, r->o.output) == -1)
		return EXIT_FAILED;
	if (r->anonymised.wanted) { /* -o names the copy; the results stay where they are private */
		copy = r->o.output;
		r->o.output = NULL;
	}
	rc = analyze(r, copy, &dir);
	if (rc == EXIT_COMPLETE || rc == EXIT_INCOMPLETE) {
		int weak = find_weak(r, dir);

		rc = weak != EXIT_COMPLETE ? weak : rc;
	}
	if (copy != NULL && (rc == EXIT_COMPLETE || rc == EXIT_INCOMPLETE)) {
		int failed = copy_copy(&r->anonymised, dir, copy);

		if (failed != 0)
			rc = failed;
		free(dir);
		dir = xstrdup(copy);
	}
	if (r->graph && (rc == EXIT_COMPLETE || rc == EXIT_INCOMPLETE)) {
		graph.path = dir;
		graph.no_sandbox = !r->o.sandbox;
		if (graph_rundir(&graph, &drawn) != 0)
			rc = EXIT_FAILED;
		else if (drawn.failed > 0)
			rc = EXIT_INCOMPLETE;
	}
	free(dir);
	return rc;
}

static int
cmd_analyze(int argc, char **argv)
{
	struct command_args args = { .command = &command_analyze, .argc = argc, .argv = argv };
	struct request r = { .graph = false };
	int option, rc = EXIT_USAGE;

	analyze_defaults(&r.o);
	r.o.sandbox = true;
	while ((option = command_next(&args)) >= 0) {
		if (take_option(&r, option, &args) == -1)
			goto out;
	}
	if (option != COMMAND_END) {
		rc = command_ended(option);
		goto out;
	}
	if (copy_check(&r.anonymised, &command_analyze, r.o.output) == -1)
		goto out;
	if (choose_resolver(&r) == -1)
		goto out;
	r.o.input = args.argv[args.at];
	if (r.anonymised.wanted && strcmp(r.o.input, "-") == 0) {
		log_error(
		    "analyze: --anonymise copies results that stay in a directory of their own; "
		    "put standard input into a file first");
		goto out;
	}
	rc = run(&r);
out:
	for (size_t i = 0; i < r.o.ncountries; i++)
		free(r.countries[i]);
	free(r.countries);
	config_free(r.config);
	config_free(r.own_config);
	copy_fini(&r.anonymised);
	return rc;
}
