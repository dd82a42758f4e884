#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/log.h"
#include "survey/mem.h"
#include "survey/newdir.h"
#include "survey/query.h"
#include "survey/rundir.h"

#include "commands.h"
#include "confine.h"

enum {
	OUTPUT,
	ASN,
	CIDR,
	DOMAIN,
	SINCE,
	CONTACTS,
	LANG,
	TEMPLATES,
	REPLY_TO,
	OPT_OUT,
	SHADOWSERVER,
	DRAFT,
	NO_SANDBOX
};

static const struct command_option options[] = {
	[OUTPUT] = { "output", 'o', "DIR", "a new directory, with a folder for each constituency",
	    ARG_NEW_DIRECTORY },
	[ASN] = { "asn", 0, "N[,N…]", "only these ASes; may be repeated" },
	[CIDR] = { "cidr", 0, "FILE", "the hosts in the networks of this list, as one constituency",
	    ARG_FILE },
	[DOMAIN] = { "domain", 0, "GLOB",
	    "the hosts of this domain or pattern, as one; may be repeated" },
	[SINCE] = { "since", 0, "RUN",
	    "say apart what is new since this run, and what is open still", ARG_STUDY },
	[CONTACTS] = { "contacts", 0, "FILE", "mail addresses: CSV of AS|network|domain,address",
	    ARG_INPUT },
	[LANG] = { "lang", 0, "LANG", "language of the letters (default: en)" },
	[TEMPLATES] = { "templates", 0, "DIR", "letters of your own: letter.LANG.txt and .html",
	    ARG_DIRECTORY },
	[REPLY_TO] = { "reply-to", 0, "ADDRESS", "whom the owners may ask; stands in the letters" },
	[OPT_OUT] = { "opt-out", 0, "TEXT",
	    "an address or URL for those who want to be left alone" },
	[SHADOWSERVER] = { "shadowserver", 0, NULL,
	    "events with the columns of Shadowserver's reports, not of IntelMQ" },
	[DRAFT] = { "draft", 0, NULL, "do not note in RUNDIR that they were told" },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_notify(int argc, char **argv);

const struct command command_notify = {
	.name = "notify",
	.summary = "Write letters, tables and pictures for the owners of shared and weak keys",
	.detail =
	    "Makes a folder for each AS: events.csv for IntelMQ, letter.txt and letter.html, and "
	    "a\n"
	    "picture of each cluster.  A folder tells its owner's hosts and, of others, how many\n"
	    "have the same keys.  index.csv lists the folders.  Nothing is sent.",
	.operands = { { "RUNDIR", ARG_OWN_RUN, 1, 1 } },
	.options = options,
	.run = cmd_notify,
};

struct request {
	struct notify_options o;
	uint32_t *asns;
	const char **domains;
	size_t cap_asns, cap_domains;
	const char *output;
	char *opt_outs;
	bool no_sandbox;
};

static int
add_asn(const char *item, void *arg)
{
	struct request *r = arg;
	uint32_t asn;

	if (command_asn(&command_notify, "asn", item, &asn) == -1)
		return -1;
	mem_grow(&r->asns, &r->cap_asns, r->o.nasns + 1, sizeof(*r->asns));
	r->asns[r->o.nasns++] = asn;
	return 0;
}

static int
take_option(struct request *r, int option, const char *value)
{
	switch (option) {
	case OUTPUT:
		r->output = value;
		break;
	case ASN:
		return command_each(value, add_asn, r);
	case CIDR:
		r->o.networks = value;
		break;
	case DOMAIN:
		mem_grow(&r->domains, &r->cap_domains, r->o.ndomains + 1, sizeof(*r->domains));
		r->domains[r->o.ndomains++] = value;
		break;
	case SINCE:
		r->o.since = value;
		break;
	case CONTACTS:
		r->o.contacts = value;
		break;
	case LANG:
		r->o.lang = value;
		break;
	case TEMPLATES:
		r->o.templates = value;
		break;
	case REPLY_TO:
		r->o.reply_to = value;
		break;
	case OPT_OUT:
		r->o.opt_out = value;
		break;
	case SHADOWSERVER:
		r->o.shadowserver = true;
		break;
	case DRAFT:
		r->o.draft = true;
		break;
	case NO_SANDBOX:
		r->no_sandbox = true;
		break;
	}
	return 0;
}

static int
check(const struct request *r)
{
	int ways = (r->o.nasns > 0) + (r->o.networks != NULL) + (r->o.ndomains > 0);

	if (r->output == NULL)
		log_error("notify: -o DIR is needed; see survey notify --help");
	else if (ways > 1)
		log_error("notify: --asn, --cidr and --domain exclude each other");
	else if (r->o.reply_to != NULL && !query_is_mail(r->o.reply_to))
		log_error("notify: --reply-to %s: a mail address is needed, as in abuse@example.ie",
		    r->o.reply_to);
	else
		return 0;
	return -1;
}

/* The run's directory gets its note, the output its name. */
static int
give_up_rights(const struct request *r, const struct newdir *out)
{
	const char *const files[] = { r->o.path, r->o.since, r->o.networks, r->o.contacts,
		r->o.opt_outs, r->o.templates != NULL ? r->o.templates : SURVEY_DATADIR };
	const char *read[sizeof(files) / sizeof(files[0]) + 1] = { NULL };
	const char *write[4] = { out->made, NULL };
	size_t n = 0, w = 1;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i] != NULL)
			read[n++] = files[i];
	}
	if (!r->o.draft)
		write[w++] = r->o.path;
	if (access(out->path, F_OK) == 0)
		write[w++] = out->path; /* of an earlier call, which goes */
	return confine(r->no_sandbox, read, write, (const char *const[]){ out->path, NULL });
}

static int
run(struct request *r)
{
	struct newdir out;
	int rc = EXIT_FAILED;

	r->opt_outs = rundir_opt_outs(r->o.path, "nobody is left out for having opted out");
	r->o.opt_outs = r->opt_outs;
	if (notify_begin(&out, r->output) == 0 && give_up_rights(r, &out) == 0) {
		r->o.out = &out;
		rc = query_notify(&r->o);
	}
	r->o.out = NULL;
	newdir_fini(&out);
	return rc;
}

static int
cmd_notify(int argc, char **argv)
{
	struct command_args a = { .command = &command_notify, .argc = argc, .argv = argv };
	struct request r = { .o = { .lang = "en" } };
	int option, rc = EXIT_USAGE;

	while ((option = command_next(&a)) >= 0) {
		if (take_option(&r, option, a.value) == -1)
			goto out;
	}
	rc = command_ended(option);
	if (option != COMMAND_END)
		goto out;
	r.o.path = argv[a.at];
	r.o.asns = r.asns;
	r.o.domains = r.domains;
	rc = check(&r) == 0 ? run(&r) : EXIT_USAGE;
out:
	free(r.asns);
	free(r.domains);
	free(r.opt_outs);
	return rc;
}
