#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/config.h"
#include "survey/escape.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/optout.h"
#include "survey/rfc3339.h"

#include "commands.h"

#define DEFAULT_FILE "/etc/survey/opt-out.conf"

enum { ADD, LIST, CHECK };
enum { CONFIG, FILE_OPT, WHO, PROOF };

static const char *const actions[] = { [ADD] = "add", [LIST] = "list", [CHECK] = "check", NULL };

static const struct command_option options[] = {
	[CONFIG] = { "config", 'c', "CONF", "the list is scan.opt_out_file of this config",
	    ARG_CONF },
	[FILE_OPT] = { "file", 0, "FILE", "the list (default: " DEFAULT_FILE ")" },
	[WHO] = { "who", 0, "TEXT", "add: who asked, for the log" },
	[PROOF] = { "proof", 0, "TEXT", "add: how it is known that the addresses are theirs" },
	{ NULL },
};

static int cmd_optout(int argc, char **argv);

const struct command command_optout = {
	.name = "optout",
	.summary = "Keep the list of those who asked to be left alone",
	.detail =
	    "add writes addresses, prefixes or ranges into the list; surveys that run and whose\n"
	    "scan.opt_out_file it is see it within seconds.  Who asked, when, and the proof of\n"
	    "ownership go into a log of its own, FILE.log, which only its owner can read.  list "
	    "prints the list.  check says of each address\n"
	    "whether it is in it; exit status 1 when one is not.",
	.operands = { { "add|list|check", ARG_WORD, 1, 1, actions }, { "ADDR", ARG_TEXT, 0, 0 } },
	.options = options,
	.run = cmd_optout,
};

struct request {
	char *path; /* of the list */
	struct config *config; /* NULL: none was given */
	struct optout_note note;
	struct ip_range *ranges;
	char **texts; /* as they were typed */
	size_t n;
};

static int
read_ranges(struct request *r, char **argv, size_t n)
{
	r->ranges = xcalloc(n + 1, sizeof(*r->ranges));
	r->texts = argv;
	for (; r->n < n; r->n++) {
		const char *why = ip_range_parse(argv[r->n], strlen(argv[r->n]), &r->ranges[r->n]);

		if (why != NULL) {
			log_error("optout: %s: %s", argv[r->n], why);
			return EXIT_USAGE;
		}
		if (ip_range_size(&r->ranges[r->n]) > OPTOUT_MAX &&
		    r->ranges[r->n].lo.family == 4) {
			log_error("optout: %s: the network is too large for an opt-out: nobody "
				  "owns so many addresses",
			    argv[r->n]);
			return EXIT_USAGE;
		}
	}
	return 0;
}

/* What finished runs hold of it is another matter. */
static void
offer_purge(const struct request *r)
{
	const char *dir = r->config != NULL ? r->config->run.directory : NULL;
	DIR *d = dir != NULL ? opendir(dir) : NULL;
	const struct dirent *de;
	struct buf hosts;

	buf_init(&hosts);
	for (size_t i = 0; i < r->n; i++)
		buf_printf(&hosts, " --host %s", r->texts[i]);
	if (d == NULL)
		printf("What earlier runs hold of it stays there; to take it out:\n"
		       "  survey purge%s RUNDIR...\n",
		    hosts.data);
	else
		printf("What earlier runs hold of it stays there; to take it out:\n");
	while (d != NULL && (de = readdir(d)) != NULL) {
		char *path = path_join(dir, de->d_name), *run = path_join(path, "run.json");

		if (de->d_name[0] != '.' && de->d_type == DT_DIR && access(run, F_OK) == 0)
			printf("  survey purge%s %s\n", hosts.data, path);
		free(run);
		free(path);
	}
	if (d != NULL)
		closedir(d);
	buf_fini(&hosts);
}

static int
add(const struct request *r)
{
	char *error = NULL;
	int n = optout_add(r->path, r->ranges, r->n, &r->note, &error);

	if (n == -1) {
		log_error("optout: %s", error);
		free(error);
		return EXIT_FAILED;
	}
	printf("%s: %s\n", r->path,
	    n > 0 ? "added; surveys that run and whose scan.opt_out_file this is see it within "
		    "seconds"
		  : "it was there already");
	if (r->note.who == NULL || r->note.proof == NULL)
		log_warn("optout: the log does not say %s: give --who and --proof",
		    r->note.who == NULL ? "who asked" : "why the addresses are theirs");
	offer_purge(r);
	return EXIT_COMPLETE;
}

static int
print_prefix(const struct cidr *c, void *arg)
{
	const struct request *r = arg;
	char text[IP_STRLEN + 4], when[TIME_SIZE], *who;
	int64_t at = optout_asked(r->path, cidr_format(c, text), &who);
	struct buf b;

	buf_init(&b);
	if (who != NULL)
		escape_terminal(&b, who, strlen(who));
	printf("%s", text);
	if (at != 0)
		printf("\t%s\t%s", time_format(at, when), b.len > 0 ? b.data : "");
	printf("\n");
	buf_fini(&b);
	free(who);
	return 0;
}

static int
list(struct request *r, const struct ipset *s)
{
	ipset_each_cidr(s, print_prefix, r);
	return command_flush("optout", 0) == -1 ? EXIT_FAILED : EXIT_COMPLETE;
}

static int
check(const struct request *r, const struct ipset *s)
{
	int rc = EXIT_COMPLETE;

	for (size_t i = 0; i < r->n; i++) {
		struct ipset rest;
		bool any;

		ipset_init(&rest);
		ipset_add_range(&rest, &r->ranges[i].lo, &r->ranges[i].hi);
		ipset_normalise(&rest);
		ipset_intersect(&rest, s);
		any = rest.n > 0;
		ipset_fini(&rest);
		ipset_init(&rest);
		ipset_add_range(&rest, &r->ranges[i].lo, &r->ranges[i].hi);
		ipset_normalise(&rest);
		ipset_subtract(&rest, s);
		printf("%s: %s\n", r->texts[i],
		    rest.n == 0 ? "opted out"
		    : any	? "opted out in part"
				: "not opted out");
		if (rest.n > 0)
			rc = EXIT_FAILED;
		ipset_fini(&rest);
	}
	if (command_flush("optout", 0) == -1)
		rc = EXIT_FAILED;
	return rc;
}

static int
do_action(struct request *r, int action)
{
	char *error = NULL;
	struct ipset s;
	int rc;

	if (action == ADD)
		return add(r);
	ipset_init(&s);
	if (optout_read(r->path, &s, &error) == -1) {
		log_error("optout: %s", error);
		free(error);
		rc = EXIT_FAILED;
	} else {
		rc = action == LIST ? list(r, &s) : check(r, &s);
	}
	ipset_fini(&s);
	return rc;
}

/* The list, or for add, which makes it, its directory. */
static bool
is_there(const struct request *r, int action)
{
	char *path = action == ADD ? path_dir(r->path) : xstrdup(r->path);
	bool there = access(path, F_OK) == 0;

	if (!there)
		log_error("optout: %s: %s", path, strerror(errno));
	free(path);
	return there;
}

/* Who types, also behind sudo(8). */
static const char *
caller(void)
{
	const char *sudo = getenv("SUDO_USER");
	const struct passwd *pw = getpwuid(getuid());

	return geteuid() == 0 && sudo != NULL ? sudo : pw != NULL ? pw->pw_name : NULL;
}

static int
choose_file(struct request *r, const char *config, const char *file)
{
	if (config != NULL && (r->config = config_read(config)) == NULL)
		return EXIT_USAGE;
	if (file == NULL && r->config != NULL && r->config->scan.opt_out_file[0] == '\0') {
		log_error("optout: %s sets no scan.opt_out_file", config);
		return EXIT_USAGE;
	}
	r->path = xstrdup(file != NULL	      ? file
			  : r->config != NULL ? r->config->scan.opt_out_file
					      : DEFAULT_FILE);
	return 0;
}

static int
cmd_optout(int argc, char **argv)
{
	struct command_args a = { .command = &command_optout, .argc = argc, .argv = argv };
	const char *config = NULL, *file = NULL;
	struct request r = { .note = { .at = time(NULL), .by = caller() } };
	int opt, action, rc;

	while ((opt = command_next(&a)) >= 0) {
		if (opt == CONFIG)
			config = a.value;
		else if (opt == FILE_OPT)
			file = a.value;
		else if (opt == WHO)
			r.note.who = a.value;
		else if (opt == PROOF)
			r.note.proof = a.value;
	}
	if (opt != COMMAND_END)
		return command_ended(opt);
	action = command_word(actions, argv[a.at], strlen(argv[a.at]));
	if ((action == LIST) != (a.counts[1] == 0)) {
		log_error("optout %s: %s", actions[action],
		    action == LIST ? "it takes no addresses" : "which addresses?");
		return EXIT_USAGE;
	}
	rc = read_ranges(&r, argv + a.at + 1, a.counts[1]);
	if (rc == 0)
		rc = choose_file(&r, config, file);
	if (rc == 0)
		rc = is_there(&r, action) ? do_action(&r, action) : EXIT_USAGE;
	config_free(r.config);
	free(r.path);
	free(r.ranges);
	return rc;
}
