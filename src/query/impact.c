/* survey impact: how many domains' mail hangs on each key and cluster. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/domainlist.h"
#include "survey/file.h"
#include "survey/impact.h"
#include "survey/log.h"
#include "survey/mailask.h"
#include "survey/mailfile.h"
#include "survey/query.h"
#include "survey/rundir.h"
#include "survey/signals.h"
#include "survey/store.h"
#include "survey/text.h"

#include "impact_print.h"

static void
add_domain(const char *name, void *arg)
{
	mail_add_domain(arg, name);
}

/* The list that was given becomes the directory's.  Returns 0, or an exit_status after a message. */
static int
take_list(const struct impact_options *o, struct mail *m, uint64_t *refused)
{
	struct refusals bad = { .n = 0 };
	int rc = domainlist_read(o->list, o->shown, add_domain, m, &bad);

	if (rc == -1)
		log_error("%s: %s", o->shown, strerror(errno));
	refusals_log(&bad, log_warn);
	*refused = bad.n;
	refusals_fini(&bad);
	if (rc == -1)
		return EXIT_FAILED;
	if (m->ndomains == 0) {
		log_error("%s names no domain", o->shown);
		return EXIT_USAGE;
	}
	return mailfile_write(m, o->path) == 0 ? 0 : EXIT_FAILED;
}

static int
find_domains(const struct impact_options *o, struct mail *m, uint64_t *refused)
{
	int rc;

	if (o->list != -1)
		rc = take_list(o, m, refused);
	else if ((rc = mailfile_domains(m, o->path)) == 1)
		log_error(
		    "impact: --domains FILE is needed: %s has no list of domains yet", o->path);
	if (rc == 1)
		return EXIT_USAGE;
	if (rc == -1)
		return EXIT_FAILED;
	for (int pass = 0; pass < MAILFILE_NPASSES && rc == 0; pass++)
		rc = mailfile_pass(m, o->path, (enum mailfile_pass)pass);
	return rc == -1 ? EXIT_FAILED : rc;
}

/* survey.db anew, with these domains.  Returns 0, or an exit_status after a message. */
static int
write_store(const struct impact_options *o, const struct study *st)
{
	char *path = path_join(o->path, STORE_FILE), *error = NULL;
	struct outfile out;
	int rc = -1;

	if (outfile_open(&out, path) == 0) {
		if (store_write(st, NULL, &out, signals_stop(), &error) == 0)
			rc = outfile_commit(&out);
		else
			outfile_abort(&out);
	}
	if (rc == -1 && *signals_stop() != 0)
		rc = EXIT_STOPPED;
	else if (rc == -1)
		log_error("%s", error != NULL ? error : strerror(errno));
	free(error);
	free(path);
	return rc == -1 ? EXIT_FAILED : rc;
}

static int
ask(const struct impact_options *o, struct mail *m)
{
	char *file = path_join(o->path, "dns.ndjson");
	const struct mailask_options a = {
		.resolver = o->resolver, .outside = o->outside, .file = file, .stats = o->stats
	};
	int rc = mailask(m, &a);

	if (rc == EXIT_STOPPED)
		log_warn("stopped; the answers so far are in %s, and the same command goes on from "
			 "there",
		    file);
	else if (rc == EXIT_INCOMPLETE)
		log_warn("not all questions could be asked; the same command asks them again");
	free(file);
	return rc;
}

static int
finish(const struct impact_options *o, struct mail *m, struct buf *out)
{
	struct study *st = study_open(o->path, STUDY_ALL, 0);
	struct impact *x;
	int rc;

	if (st == NULL) {
		mail_free(m);
		return EXIT_FAILED;
	}
	mail_free(st->mail);
	st->mail = m;
	if ((rc = write_store(o, st)) == 0) {
		x = impact_new(st);
		impact_print(x, o->format, o->colour, out);
		impact_free(x);
	}
	study_free(st);
	return rc;
}

int
query_impact(const struct impact_options *o, struct buf *out)
{
	struct mail *m = mail_new();
	int lock = -1, rc = EXIT_USAGE, asked = EXIT_COMPLETE, written;
	uint64_t refused = 0;

	if (!store_is_there(o->path))
		log_error("impact: %s has no survey.db of this version; `survey analyze %s` makes "
			  "one",
		    o->path, o->path);
	else if ((lock = rundir_lock(o->path)) == -1 && errno == EWOULDBLOCK)
		log_error(
		    "impact: a running survey or analysis writes to %s; wait for it", o->path);
	else if (lock == -1)
		log_error("%s/%s: %s", o->path, RUNDIR_LOCK, strerror(errno));
	else
		rc = find_domains(o, m, &refused);
	if (rc != 0) {
		resolver_free(o->resolver);
		mail_free(m);
	} else if ((asked = ask(o, m)) == EXIT_COMPLETE || asked == EXIT_INCOMPLETE) {
		signals_catch(); /* the loop has put the default back */
		written = finish(o, m, out);
		rc = written != 0 ? written : refused > 0 ? EXIT_INCOMPLETE : asked;
	} else {
		mail_free(m);
		rc = asked;
	}
	if (lock != -1)
		close(lock);
	return rc;
}
