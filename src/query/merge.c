/* Several runs become one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "survey/command.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mailfile.h"
#include "survey/mem.h"
#include "survey/optout.h"
#include "survey/output.h"
#include "survey/rfc3339.h"

#include "dodgy.h"
#include "merge.h"

/* What a merge made may be made anew; nothing else may go. */
static bool
is_merge(const char *dir)
{
	struct manifest m;
	bool merged = false;

	if (manifest_read(&m, dir) == 0) {
		merged = m.nparts > 0;
		manifest_fini(&m);
	}
	if (!merged)
		log_error("%s is not empty and no merge: choose a new directory", dir);
	else if (rundir_is_locked(dir))
		log_error(
		    "%s: an analysis writes there; wait for it, or choose a new directory", dir);
	return merged && !rundir_is_locked(dir);
}

int
merge_begin(const char *output, char **made)
{
	char *above = path_dir(output);
	int rc = file_mkdirs(above, 0700);

	*made = rc == 0 ? xasprintf("%s.survey-XXXXXX", output) : NULL;
	if (rc == 0 && mkdtemp(*made) == NULL) {
		free(*made);
		*made = NULL;
		rc = -1;
	}
	if (rc == -1)
		log_error("%s: cannot be made: %s", output, strerror(errno));
	free(above);
	return rc;
}

/* Before the work is done: may the result stand there? */
static int
check_output(const struct merge *m)
{
	struct stat st;

	if (rundir_is_free(m->o->output))
		return 0;
	for (size_t i = 0; i < m->nsources && stat(m->o->output, &st) == 0; i++) {
		if (st.st_dev == m->sources[i].dev && st.st_ino == m->sources[i].ino) {
			log_error("%s is one of the runs: the result needs a directory of its own",
			    m->o->output);
			return EXIT_USAGE;
		}
	}
	return is_merge(m->o->output) ? 0 : EXIT_USAGE;
}

static void
put_refused(struct jsonw *w, const struct merge *m)
{
	struct manifest_reason *sum = NULL;
	size_t n = 0;

	for (size_t i = 0; i < m->nsources; i++) {
		const struct manifest_analysis *a = &m->sources[i].m.found;

		for (size_t k = 0; k < a->nrefused; k++) {
			size_t at = 0;

			while (at < n && strcmp(sum[at].name, a->refused[k].name) != 0)
				at++;
			if (at == n) {
				sum = xreallocarray(sum, n + 1, sizeof(*sum));
				sum[n++] = (struct manifest_reason){ a->refused[k].name, 0 };
			}
			sum[at].n += a->refused[k].n;
		}
	}
	jsonw_key(w, "refused");
	jsonw_object(w);
	for (size_t i = 0; i < n; i++)
		jsonw_member_uint(w, sum[i].name, sum[i].n);
	jsonw_end_object(w);
	free(sum);
}

/* The `analysis` object of run.json, as analyze would have it. */
static char *
summarise(const struct merge *m)
{
	struct output_counts counts;
	uint64_t lines = 0, blank = 0;
	char time_text[TIME_SIZE], *source;
	struct jsonw w;

	for (size_t i = 0; i < m->nsources; i++) {
		lines += m->sources[i].m.found.lines;
		blank += m->sources[i].m.found.blank_lines;
	}
	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_member_string(&w, "at", time_format((int64_t)time(NULL), time_text));
	source = xasprintf("a merge of %zu runs", m->nsources);
	jsonw_member_string(&w, "source", source);
	free(source);
	jsonw_member_string(&w, "dns", "cached");
	jsonw_key(&w, "countries");
	jsonw_array(&w);
	for (size_t i = 0; i < m->ncountries && !m->any_country; i++)
		jsonw_string(&w, m->countries[i]);
	if (m->any_country || m->ncountries == 0)
		jsonw_string(&w, "XX");
	jsonw_end_array(&w);
	jsonw_member_string(&w, "scan_date", NULL);
	jsonw_member_uint(&w, "pairs_up_to", m->study->runs[m->study->nruns - 1].pairs_up_to);
	jsonw_key(&w, "incomplete");
	jsonw_bool(&w, m->incomplete);
	jsonw_member_uint(&w, "lines", lines);
	jsonw_member_uint(&w, "blank_lines", blank);
	put_refused(&w, m);
	output_count(m->study, &counts);
	output_counts_json(&w, m->study, &counts);
	jsonw_end_object(&w);
	return buf_steal(&w.out);
}

static int
prepare_manifest(struct merge *m)
{
	struct outfile *out = &m->files[m->nfiles];
	struct manifest r;
	char *analysis = summarise(m);
	int rc, saved;

	manifest_init_results(&r);
	manifest_set(&r.name, m->sources[0].m.name);
	manifest_set(&r.version, SURVEY_VERSION);
	manifest_set(&r.analysis, analysis);
	if (m->why.len > 0)
		manifest_set(&r.state_text, m->why.data);
	if (merge_one_config(m))
		manifest_set(&r.config_digest, m->runs[0].config_sha256);
	r.state = m->incomplete ? RUN_INCOMPLETE : RUN_COMPLETE;
	r.parts_records = m->join;
	for (size_t i = 0; i < m->nsources; i++) {
		const struct merge_source *src = &m->sources[i];
		const struct merge_run *run = &m->runs[src->run0];
		int64_t began = src->m.created;

		if (began != 0 && (r.created == 0 || began < r.created))
			r.created = began;
		if (src->m.ended > r.ended)
			r.ended = src->m.ended;
		for (size_t k = 0; k < src->m.ntools; k++)
			manifest_add_tool(&r, src->m.tools[k].name, src->m.tools[k].version);
		manifest_add_part(&r, &(struct manifest_part){ .path = src->path,
					  .name = src->m.name,
					  .began = began,
					  .ended = src->m.ended,
					  .seed = run->seed,
					  .shard = run->shard,
					  .shards = src->nruns == 1 ? run->shards : 0,
					  .hosts = src->hosts });
	}
	rc = manifest_prepare(&r, m->made, out);
	saved = errno;
	if (rc == 0)
		m->file_list[m->nfiles++] = out;
	manifest_fini(&r);
	free(analysis);
	errno = saved;
	return rc;
}

/* What appears together with the results. */
static int
complete(void *arg, struct outfile *const **more, size_t *n, char **error)
{
	struct merge *m = arg;

	if (merge_files(m, error) == -1)
		return -1;
	if (prepare_manifest(m) == -1) {
		*error = xasprintf("%s/run.json: %s", m->made, strerror(errno));
		return -1;
	}
	*more = m->file_list;
	*n = m->nfiles;
	return 0;
}

/* Mail domains and TLSA records of all runs, with the answers of all: as if the joined files were read. */
static int
take_domains(struct merge *m)
{
	struct mail *mail = mail_new();
	int rc = 0;

	for (size_t i = 0; i < m->nsources && rc != -1; i++)
		rc = mailfile_domains(mail, m->sources[i].path);
	for (int pass = 0; pass < MAILFILE_NPASSES; pass++) {
		for (size_t i = 0; i < m->nsources && rc != -1; i++)
			rc = mailfile_pass(mail, m->sources[i].path, (enum mailfile_pass)pass);
	}
	if (rc != -1 && mail->ndomains > 0 && !m->o->no_records)
		rc = mailfile_write(mail, m->made);
	if (mail_is_empty(mail))
		mail_free(mail);
	else
		m->study->mail = mail;
	return rc == -1 ? EXIT_FAILED : 0;
}

static int
write_outputs(struct merge *m)
{
	struct output_options o = {
		.lines = &m->raw.shown, .stop = m->o->stop, .whole = complete, .arg = m
	};

	return dodgy_write_results(m->study, m->made, &o, m->no_dodgy);
}

static void
report(const struct merge *m)
{
	struct output_counts counts;

	output_count(m->study, &counts);
	output_counts_log(m->study, &counts);
	if (!m->join && !m->o->no_records)
		log_info("records stay where they are: not all runs have them");
	log_info("results of %zu runs are in %s; keys of several runs may share primes: survey "
		 "weak tests them",
	    m->nsources, m->o->output);
}

/* Some have asked to be left alone since: what to do is said, for records are not to change by being joined. */
static void
tell_opt_outs(const struct merge *m)
{
	struct ipset gone;
	uint32_t n = 0, first = 0;
	char ip[IP_STRLEN];

	ipset_init(&gone);
	for (size_t i = 0; m->o->opt_outs != NULL && m->o->opt_outs[i] != NULL; i++) {
		struct ipset list;
		char *error;

		ipset_init(&list);
		if (optout_read(m->o->opt_outs[i], &list, &error) == 0)
			ipset_add_set(&gone, &list);
		else
			log_warn("%s", error);
		free(error);
		ipset_fini(&list);
	}
	ipset_normalise(&gone);
	for (uint32_t i = m->study->nhosts; i-- > 0;) {
		if (ipset_contains(&gone, &m->study->hosts[i].ip)) {
			first = i;
			n++;
		}
	}
	if (n > 0)
		log_warn("%u of the hosts have asked to be left alone since: survey purge %s "
			 "--host %s%s",
		    n, m->o->output, ip_format(&m->study->hosts[first].ip, ip),
		    n > 1 ? ", and so on" : "");
	ipset_fini(&gone);
}

static int
merge(struct merge *m)
{
	int rc;

	if ((rc = merge_check(m)) != 0 || (rc = check_output(m)) != 0)
		return rc;
	if ((rc = merge_study(m)) != 0 || (rc = take_domains(m)) != 0 ||
	    (rc = write_outputs(m)) != 0)
		return rc;
	if (rundir_install(m->made, m->o->output, is_merge) == -1) {
		log_error(
		    "cannot put the result in the place of %s: %s", m->o->output, strerror(errno));
		return EXIT_FAILED;
	}
	m->installed = true;
	for (size_t i = 0; i < m->nsources; i++)
		rundir_note_derived(m->sources[i].path, "merge", m->o->output);
	report(m);
	tell_opt_outs(m);
	return m->incomplete ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}

static void
merge_fini(struct merge *m)
{
	for (size_t i = 0; i < m->nsources; i++) {
		free(m->sources[i].path);
		manifest_fini(&m->sources[i].m);
		if (m->sources[i].lock != -1)
			close(m->sources[i].lock);
	}
	for (uint32_t i = 0; i < m->nruns; i++) {
		char *texts[] = { m->runs[i].name, m->runs[i].config_sha256, m->runs[i].tools,
			m->runs[i].countries, m->runs[i].lists_sha256 };

		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
			free(texts[k]);
	}
	for (size_t i = 0; i < m->ncountries; i++)
		free(m->countries[i]);
	for (size_t i = 0; i < m->nfiles; i++)
		outfile_abort(&m->files[i]);
	study_builder_free(m->builder);
	study_free(m->study);
	answers_free(m->answers);
	raw_lines_close(&m->raw);
	buf_fini(&m->why);
	free(m->sources);
	free(m->runs);
	free(m->scan_when);
	free(m->countries);
	free(m->outdone);
	free(m->files);
	if (!m->installed)
		(void)file_remove_tree(m->made);
}

int
query_merge(const struct merge_options *o)
{
	struct merge m = { .o = o, .made = o->made, .raw.fd = -1 };
	int rc;

	m.sources = xcalloc(o->nruns + 1, sizeof(*m.sources));
	for (size_t i = 0; i < o->nruns; i++)
		m.sources[i].lock = -1;
	m.nsources = o->nruns;
	buf_init(&m.why);
	buf_init(&m.raw.waiting);
	rc = merge(&m);
	if (rc == EXIT_STOPPED)
		log_warn("stopped; nothing was made");
	merge_fini(&m);
	return rc;
}
