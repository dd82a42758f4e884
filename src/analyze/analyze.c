#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "survey/analyze.h"
#include "survey/argv.h"
#include "survey/command.h"
#include "survey/config.h"
#include "survey/dnsfile.h"
#include "survey/file.h"
#include "survey/georanges.h"
#include "survey/log.h"
#include "survey/mailfile.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/sandbox.h"
#include "survey/text.h"

#include "analysis.h"

/* Set by the first SIGINT or SIGTERM; the second one ends the program. */
static volatile sig_atomic_t stop_wanted;

static void
on_signal(int number)
{
	(void)number;
	stop_wanted = 1;
}

static void
catch_signals(struct sigaction before[2])
{
	struct sigaction stop = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &stop, before != NULL ? &before[0] : NULL);
	sigaction(SIGTERM, &stop, before != NULL ? &before[1] : NULL);
}

static int
stopped(const struct analysis *a)
{
	log_warn("stopped; earlier results in %s are as they were", a->dir);
	return EXIT_STOPPED;
}

void
analyze_defaults(struct analyze_options *o)
{
	memset(o, 0, sizeof(*o));
	o->scan_date = TIME_UNKNOWN;
	o->pairs_up_to = 2000;
	o->max_line = RECORD_MAX_LINE;
}

static bool
is_readable(const char *path)
{
	return access(path, R_OK) == 0;
}

/* dir/name when it is there, else NULL; the caller frees. */
static char *
existing(const char *dir, const char *name)
{
	char *path = path_join(dir, name);

	if (is_readable(path))
		return path;
	free(path);
	return NULL;
}

static int
find_input(struct analysis *a)
{
	const struct analyze_options *o = a->o;
	char *dir;

	if (strcmp(o->input, "-") == 0) {
		if (o->output == NULL) {
			log_error(
			    "analyze: records from standard input need -o DIR for the results");
			return EXIT_USAGE;
		}
		a->records = xstrdup("-");
	} else if (file_is_dir(o->input)) {
		a->rundir = o->input;
		if ((a->records = rundir_records(o->input)) == NULL) {
			log_error("%s: no records.fresh in this directory, so there is nothing to "
				  "analyse",
			    o->input);
			return EXIT_USAGE;
		}
	} else if (!is_readable(o->input)) {
		log_error("%s: %s", o->input, strerror(errno));
		return EXIT_USAGE;
	} else {
		a->records = xstrdup(o->input);
	}
	if (o->output != NULL)
		a->dir = xstrdup(o->output);
	else
		a->dir = a->rundir != NULL ? xstrdup(a->rundir)
					   : xasprintf("%s.survey", path_last(a->records));
	if (o->dns_file != NULL) {
		a->dns_file = xstrdup(o->dns_file);
		if (!is_readable(a->dns_file)) {
			log_error("--dns-file %s: %s", a->dns_file, strerror(errno));
			return EXIT_USAGE;
		}
	} else if (strcmp(a->records, "-") != 0) {
		dir = path_dir(a->records);
		a->dns_file = existing(dir, "dns.ndjson");
		free(dir);
	}
	return 0;
}

static int
open_output(struct analysis *a)
{
	char *path;

	if (file_mkdirs(a->dir, 0700) != 0) {
		log_error("%s: cannot be made: %s", a->dir, strerror(errno));
		return EXIT_USAGE;
	}
	if (a->o->locked)
		return 0;
	path = path_join(a->dir, "lock");
	a->lock = file_open(path, O_RDWR | O_CREAT, 0600);
	if (a->lock == -1) {
		log_error("%s: %s", path, strerror(errno));
		free(path);
		return EXIT_USAGE;
	}
	free(path);
	if (flock(a->lock, LOCK_EX | LOCK_NB) != 0) {
		log_error(
		    "%s: a running survey or analysis writes there; wait for it, or name another "
		    "directory with -o",
		    a->dir);
		return EXIT_USAGE;
	}
	return 0;
}

/* --country, else what the run was for: its config, or the analysis that made the directory. */
static int
find_countries(struct analysis *a)
{
	const struct analyze_options *o = a->o;
	struct config *c = NULL;
	int rc = 1;

	for (size_t i = 0; i < o->ncountries; i++)
		analysis_add_country(a, o->countries[i]);
	if (o->ncountries == 0 && a->rundir != NULL)
		rc = rundir_own_config(a->rundir, &c);
	if (rc == -1) {
		log_error("%s/survey.conf: not understood, so the run's countries are unknown; "
			  "name them with --country (XX for any)",
		    a->rundir);
		return EXIT_USAGE;
	}
	if (rc == 0) {
		for (size_t i = 0; i < c->run.countries.n; i++)
			analysis_add_country(a, c->run.countries.v[i]);
		config_free(c);
	} else if (o->ncountries == 0 && a->rundir != NULL) {
		analysis_recall_countries(a);
	}
	return 0;
}

static int
open_geo(struct analysis *a)
{
	struct geo_source src = { .database = a->o->mmdb };
	struct geo_stats stats = { 0 };
	char *error = NULL, *dir = NULL;
	int rc = 0;

	if (src.database == NULL && a->rundir != NULL) {
		dir = path_join(a->rundir, "geo");
		src.database = file_is_dir(dir) ? dir : NULL;
	}
	if (src.database != NULL && (a->geo = geo_source_open(&src, &stats, &error)) == NULL &&
	    dir == NULL) { /* records of a run have their own country and AS */
		log_error("--mmdb %s", error);
		rc = EXIT_USAGE;
	}
	if (a->geo != NULL && a->o->mmdb != NULL && !a->any_country && a->ncountries > 0 &&
	    geo_db_path(a->geo, GEO_COUNTRY) == NULL)
		log_warn("--mmdb %s has AS numbers and no countries: hosts whose records name no "
			 "country are left out",
		    a->o->mmdb);
	if (stats.bad > 0)
		log_warn("%llu %s of the databases could not be read, the first: %s",
		    (unsigned long long)stats.bad, text_noun(stats.bad, "row", "rows"),
		    stats.first_bad);
	free(stats.first_bad);
	free(error);
	free(dir);
	return rc;
}

/* The caller's, or our own. */
static const volatile sig_atomic_t *
stop_flag(const struct analysis *a)
{
	return a->o->stop != NULL ? a->o->stop : &stop_wanted;
}

static int
read_records(struct analysis *a)
{
	struct record_options o = {
		.max_line = a->o->max_line,
		.threads = a->o->threads,
		.port = a->o->port,
		.stop = stop_flag(a),
	};
	struct record_reading *in = &a->in;
	char *error = NULL;
	int rc;

	in->source = path_last(a->records);
	in->countries = (const char *const *)a->countries;
	in->ncountries = a->any_country ? 0 : a->ncountries;
	in->geo = a->geo;
	if (record_reading_open(in, a->dir) != 0) {
		log_error("%s: %s", a->dir, in->error);
		return EXIT_FAILED;
	}
	rc = record_reading_run(in, a->records, &o, &error);
	if (rc == RECORD_STOPPED)
		return stopped(a);
	if (rc == RECORD_NO_RECORDS && in->error == NULL) {
		log_error("%s", error);
		free(error);
		return EXIT_USAGE;
	}
	if (in->error == NULL && rc != 0 && in->counts.lines > 0) {
		/* The lines that were read are good; nobody can read the rest. */
		log_error("%s", error);
		a->incomplete = true;
		rc = 0;
	}
	if (rc == 0)
		rc = record_reading_end(in);
	if (rc != 0) {
		if (in->error != NULL)
			log_error("%s: %s", a->dir, in->error);
		else
			log_error("%s", error);
		free(error);
		return EXIT_FAILED;
	}
	free(error);
	return 0;
}

/* In a thread of its own, beside the records: it touches a->answers and what is here. */
struct answers_reader {
	struct analysis *a;
	struct dnsfile_counts counts;
	struct cost cost;
	int error; /* errno, or 0 */
};

static void *
read_answers(void *arg)
{
	struct answers_reader *r = arg;
	struct cost_watch watch;
	unsigned want = DNSFILE_OF_HOSTS;

	r->a->answers = answers_new();
	if (r->a->dns_file == NULL || r->a->o->dns == ANALYZE_DNS_REFRESH)
		return NULL;
	if (r->a->o->dns == ANALYZE_DNS_FILL)
		want |= DNSFILE_KNOWN;
	cost_start(&watch);
	if (dnsfile_read(r->a->dns_file, want, r->a->answers, &r->counts) != 0)
		r->error = errno;
	cost_stop(&watch, &r->cost, r->counts.lines);
	r->cost.peak_kb = cost_peak_kb();
	return NULL;
}

static int
read_both(struct analysis *a)
{
	struct answers_reader answers = { .a = a, .cost.name = "reading dns.ndjson" };
	pthread_t thread;
	bool beside = pthread_create(&thread, NULL, read_answers, &answers) == 0;
	int rc;

	if (!beside)
		read_answers(&answers);
	rc = read_records(a);
	if (beside)
		pthread_join(thread, NULL);
	if (answers.error != 0) {
		log_error("%s: %s", a->dns_file, strerror(answers.error));
		return rc != 0 ? rc : EXIT_FAILED;
	}
	if (answers.counts.bad > 0)
		log_warn("%s: %llu %s no answer; the names in them count as not asked", a->dns_file,
		    (unsigned long long)answers.counts.bad,
		    text_noun(answers.counts.bad, "line holds", "lines hold"));
	analysis_cost_reading(a);
	*analysis_cost(a, answers.cost.name) = answers.cost;
	return rc;
}

/* Of everything read one study: names judged, hosts clustered. */
static int
build(struct analysis *a)
{
	struct study_builder *b = a->in.builder;
	char *countries = analysis_countries_text(a);
	struct study_run_facts f;
	struct cost_watch watch;

	study_run_facts_init(&f);
	f.program = "survey " SURVEY_VERSION;
	f.source = a->in.source;
	f.countries = countries;
	f.scan_date = a->o->scan_date;
	f.pairs_up_to = a->o->pairs_up_to;
	f.lines = a->in.counts.lines;
	for (int i = 0; i < RECORD_NREFUSALS; i++)
		f.refused += a->in.counts.refused[i];
	analysis_run_facts(a, &f);
	study_builder_set_run(b, &f);
	free(countries);
	cost_start_process(&watch);
	a->in.builder = NULL; /* it becomes the study */
	if ((a->study = study_builder_finish(b, a->answers)) == NULL) {
		log_error("%s: public keys put aside for survey.db: %s", a->dir, strerror(errno));
		return EXIT_FAILED;
	}
	answers_free(a->answers); /* the study has its own */
	a->answers = NULL;
	cost_stop_process(&watch, analysis_cost(a, "clustering"), a->study->nuses);
	return 0;
}

/* What appears together with the results: records.bad and, of a run that is not ours, run.json. */
static int
complete(void *arg, struct outfile *const **more, size_t *n, char **error)
{
	struct analysis *a = arg;

	analysis_summarise(a);
	a->files[0] = &a->in.bad.out;
	*n = 1;
	if (!a->o->locked) {
		if (analysis_run_json(a, &a->run_json) != 0) {
			*error = xasprintf("%s/run.json: %s", a->dir, strerror(errno));
			return -1;
		}
		a->files[(*n)++] = &a->run_json;
	}
	*more = a->files;
	return 0;
}

/* Mail domains of a run that survey impact has asked about, and TLSA records, whoever asked. */
static int
take_domains(struct analysis *a)
{
	if (a->rundir == NULL)
		return 0;
	return mailfile_open(a->rundir, a->dns_file, &a->study->mail) == 0 ? 0 : EXIT_FAILED;
}

static int
write_outputs(struct analysis *a)
{
	struct output_options o = {
		.lines = &a->in.raw.shown, .stop = stop_flag(a), .whole = complete, .arg = a
	};
	char *error = NULL;
	int rc;

	o.costs = a->output_costs;
	o.ncosts = &a->noutput_costs;
	rc = output_write(a->study, a->dir, &o, &error);
	if (rc != 0 && error == NULL)
		rc = stopped(a);
	else if (rc != 0)
		log_error("%s", error);
	free(error);
	return rc == 0 || rc == EXIT_STOPPED ? rc : EXIT_FAILED;
}

static void
add_paths(struct argv *to, const char *const *paths)
{
	for (; paths != NULL && *paths != NULL; paths++)
		argv_add(to, *paths, NULL);
}

/* From here on only what the analysis needs. */
static int
give_up_rights(struct analysis *a)
{
	static const struct sandbox_paths nothing;
	const struct analyze_options *o = a->o;
	const struct sandbox_paths *more = o->more != NULL ? o->more : &nothing;
	const char *const all[] = { a->rundir, a->records, a->dns_file, o->mmdb };
	struct argv read = { .n = 0 }, write = { .n = 0 };
	struct sandbox_paths paths = { .replace = more->replace };
	int rc;

	if (!o->sandbox)
		return 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		argv_add(&read, all[i], NULL);
	add_paths(&read, more->read);
	argv_add(&write, a->dir, NULL);
	add_paths(&write, more->write);
	paths.read = (const char *const *)read.v;
	paths.write = (const char *const *)write.v;
	if (a->resolver != NULL)
		rc = resolver_confine(a->resolver, &paths, &a->outside, &a->sandbox);
	else
		rc = sandbox_confine(SANDBOX_OFFLINE, &paths, &a->sandbox);
	argv_free(read.v);
	argv_free(write.v);
	return rc == 0 ? 0 : EXIT_FAILED;
}

static int
analyse(struct analysis *a)
{
	int rc;

	if ((rc = find_input(a)) != 0 || (rc = open_output(a)) != 0 ||
	    (rc = analysis_make_resolver(a)) != 0 || (rc = give_up_rights(a)) != 0 ||
	    (rc = find_countries(a)) != 0 || (rc = open_geo(a)) != 0)
		return rc;
	if ((rc = read_both(a)) != 0)
		return rc;
	if (a->o->dns == ANALYZE_DNS_CACHED) {
		/* Rows that tell that nothing was asked. */
		analysis_cost(a, "forward DNS");
		analysis_cost(a, "reverse DNS");
	} else if ((rc = analysis_resolve(a)) != 0) {
		return rc;
	} else if (a->o->stop == NULL) {
		catch_signals(NULL); /* libuv has put the default back */
	}
	if ((rc = build(a)) != 0 || (rc = take_domains(a)) != 0 || (rc = write_outputs(a)) != 0)
		return rc;
	output_clean(a->dir);
	analysis_report(a);
	return a->incomplete ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}

int
analyze_rundir(const struct analyze_options *o, char **output, char **summary)
{
	struct analysis a = { .o = o, .lock = -1, .in.raw.fd = -1, .outside.broker.fd = -1 };
	int rc;

	struct sigaction before[2];

	stop_wanted = 0;
	if (o->stop == NULL)
		catch_signals(before);
	cost_start_process(&a.whole);
	rc = analyse(&a);
	if (o->stop == NULL) {
		sigaction(SIGINT, &before[0], NULL);
		sigaction(SIGTERM, &before[1], NULL);
	}
	if (output != NULL) {
		*output = a.dir;
		a.dir = NULL;
	}
	if (summary != NULL) {
		*summary = a.summary;
		a.summary = NULL;
	}
	resolver_free(a.resolver);
	outside_stop(&a.outside);
	study_free(a.study);
	answers_free(a.answers);
	record_reading_close(&a.in);
	outfile_abort(&a.run_json);
	geo_db_close(a.geo);
	for (size_t i = 0; i < a.ncountries; i++)
		free(a.countries[i]);
	free(a.countries);
	free(a.records);
	free(a.dir);
	free(a.dns_file);
	manifest_fini(&a.run);
	free(a.tools);
	free(a.dns_summary);
	free(a.summary);
	if (a.lock != -1)
		close(a.lock);
	return rc;
}
