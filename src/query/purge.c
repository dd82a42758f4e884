/* Personal data out of a directory: made anew beside it, then exchanged. */
#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "survey/command.h"
#include "survey/file.h"
#include "survey/graph.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mailfile.h"
#include "survey/mem.h"
#include "survey/output.h"
#include "survey/report.h"
#include "survey/store.h"
#include "survey/text.h"
#include "survey/weakkeys.h"

#include "dodgy.h"
#include "purge.h"

static const char *
what_goes(const struct purge_options *o)
{
	return o->records ? "records" : o->names ? "names" : "hosts";
}

/* ---- before ---- */

/* What a purge that was killed has left: what it was making, or what it had replaced. */
static void
sweep(const char *dir)
{
	char *above = path_dir(dir), *prefix = xasprintf("%s.purge-", strrchr(dir, '/') + 1);
	DIR *d = opendir(above);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char *path = path_join(above, e->d_name);
		struct stat st;

		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0 &&
		    strlen(e->d_name) == strlen(prefix) + OUTFILE_RANDOM && lstat(path, &st) == 0 &&
		    S_ISDIR(st.st_mode)) {
			log_warn("removed %s, which a purge that did not finish had left", path);
			(void)file_remove_tree(path);
		}
		free(path);
	}
	if (d != NULL)
		closedir(d);
	free(prefix);
	free(above);
}

/* The lock, or -1 after a message. */
static int
hold(const char *path)
{
	struct stat st;
	int lock;

	if (stat(path, &st) == -1 || !S_ISDIR(st.st_mode)) {
		log_error("%s: a run's directory is needed, not a file of it", path);
		return -1;
	}
	if ((lock = rundir_lock(path)) != -1)
		return lock;
	if (errno == EWOULDBLOCK)
		log_error(
		    "%s: a running survey or analysis writes there; stop it, or wait for it", path);
	else
		log_error("%s/lock: %s", path, strerror(errno));
	return -1;
}

int
purge_begin(const char *path, char **made, int *lock)
{
	if ((*lock = hold(path)) == -1)
		return -1;
	sweep(path);
	*made = xasprintf("%s.purge-XXXXXX", path);
	if (mkdtemp(*made) != NULL)
		return 0;
	log_error("cannot make %s: %s", *made, strerror(errno));
	free(*made);
	*made = NULL;
	close(*lock);
	*lock = -1;
	return -1;
}

static int
open_directory(struct purge *p)
{
	if (file_is_in(p->dir, "ANONYMISED")) {
		log_error("%s is an anonymised copy: make it anew from the purged run", p->dir);
		return EXIT_USAGE;
	}
	if (!store_is_there(p->dir)) {
		log_error("%s has no survey.db of this version, which tells what belongs to whom; "
			  "survey analyze makes it",
		    p->dir);
		return EXIT_USAGE;
	}
	if (manifest_read(&p->m, p->dir) == -1 && errno != ENOENT) {
		log_error("%s/run.json: %s", p->dir, strerror(errno));
		return EXIT_USAGE;
	}
	return 0;
}

/* ---- what is made ---- */

/* The records that dodgy.json shows, of hosts that stay. */
static int
take_dodgy(struct purge *p)
{
	const struct study *st = p->before;
	uint32_t *now = xcalloc((size_t)st->nhosts + 1, sizeof(*now));
	uint32_t *hosts = xcalloc((size_t)st->nhosts + 1, sizeof(*hosts));
	size_t n = 0;
	int rc;

	for (uint32_t i = 0; i < p->after->nhosts; i++)
		now[p->host_of[i]] = i + 1;
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (st->hosts[i].out != OUT_NONE)
			hosts[n++] = now[i] != 0 ? now[i] - 1 : STUDY_NONE;
	}
	p->no_dodgy = !file_is_in(p->dir, "dodgy.json");
	rc = raw_lines_open(&p->raw, p->made);
	if (rc == 0 && !p->no_dodgy && p->o->hosts != NULL)
		rc = dodgy_entries(&p->raw, p->dir, hosts, n);
	if (rc == 0)
		rc = raw_lines_end(&p->raw, p->after->nhosts);
	if (rc == -1)
		log_error("%s/dodgy.json: %s", p->dir,
		    errno == EINVAL ? "does not fit survey.db; survey analyze makes both anew"
				    : strerror(errno));
	free(now);
	free(hosts);
	return rc;
}

/* The `analysis` object with the figures of what is left. */
static void
renew_analysis(struct purge *p)
{
	json_object *had = p->m.analysis != NULL ? json_tokener_parse(p->m.analysis) : NULL, *now;
	struct output_counts counts;
	struct jsonw w;

	if (!json_object_is_type(had, json_type_object)) {
		json_object_put(had);
		return;
	}
	jsonw_init(&w, NULL);
	jsonw_object(&w);
	output_count(p->after, &counts);
	output_counts_json(&w, p->after, &counts);
	if (p->ngone > 0) {
		jsonw_member_uint(&w, "lines", p->kept_lines);
		jsonw_member_uint(&w, "blank_lines", 0);
	}
	jsonw_end_object(&w);
	now = json_tokener_parse(w.out.data);
	json_object_object_foreach(now, key, value)
	    json_object_object_add(had, key, json_object_get(value));
	manifest_set(&p->m.analysis, json_object_to_json_string_ext(had,
					 JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(now);
	json_object_put(had);
	jsonw_fini(&w);
}

static int
complete(void *arg, struct outfile *const **more, size_t *n, char **error)
{
	struct purge *p = arg;

	manifest_add_purge(&p->m, (int64_t)time(NULL), what_goes(p->o), p->o->why);
	renew_analysis(p);
	if (manifest_prepare(&p->m, p->made, &p->run_json) == -1) {
		*error = xasprintf("%s/run.json: %s", p->made, strerror(errno));
		return -1;
	}
	p->files[0] = &p->run_json;
	*more = p->files;
	*n = 1;
	return 0;
}

static int
write_results(struct purge *p)
{
	struct output_options o = {
		.lines = &p->raw.shown, .stop = p->o->stop, .whole = complete, .arg = p
	};

	return dodgy_write_results(p->after, p->made, &o, p->no_dodgy);
}

/* Weak keys, pictures and report, where there were any. */
static int
make_derived(struct purge *p)
{
	struct weak_request weak = *p->o->weak;
	struct graph_options graph = { .path = p->made, .formats = p->formats, .stop = p->o->stop };
	struct report_options report = { .path = p->made };
	struct graph_result drawn;
	int rc = 0;

	if (p->had_weak) {
		weak.path = p->made;
		weak.name = p->dir;
		weak.locked = true;
		weak.stop = p->o->stop;
		rc = weak_rundir(&weak);
		if (rc == EXIT_STOPPED || rc == EXIT_FAILED)
			return rc;
	}
	if (p->had_graphs && graph_rundir(&graph, &drawn) == -1)
		return p->o->stop != NULL && *p->o->stop ? EXIT_STOPPED : EXIT_FAILED;
	if (p->had_report && report_rundir(&report) == -1)
		return EXIT_FAILED;
	return 0;
}

/* ---- after ---- */

static bool
holds_hosts(const char *dir, const struct ipset *hosts)
{
	char *error = NULL;
	sqlite3 *db = store_open(dir, &error);
	sqlite3_stmt *s = NULL;
	bool found = db == NULL; /* who cannot be asked may hold them */

	if (db != NULL && sqlite3_prepare_v2(db, "SELECT ip FROM hosts", -1, &s, NULL) != SQLITE_OK)
		found = true;
	while (!found && s != NULL && sqlite3_step(s) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(s, 0);
		struct ip ip;

		found = text != NULL && ip_parse(text, strlen(text), &ip) &&
			ipset_contains(hosts, &ip);
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
	free(error);
	return found;
}

/* The runs that were merged into this one have their own data still. */
static bool
name_sources(const struct purge *p)
{
	bool any = false;

	for (size_t i = 0; i < p->m.nparts; i++) {
		const char *path = p->m.parts[i].path;

		if (access(path, F_OK) == -1 ||
		    (p->o->hosts != NULL && !holds_hosts(path, p->o->hosts)))
			continue;
		log_warn("%s, which was merged into this, still holds it: purge it, too", path);
		any = true;
	}
	return any;
}

static void
name_derived(const struct purge *p)
{
	for (size_t i = 0; i < p->m.nderived; i++) {
		const struct manifest_derived *d = &p->m.derived[i];

		if (access(d->path, F_OK) == 0)
			log_warn("%s (a %s of this run) was made before and may hold it: make it "
				 "anew, or remove it",
			    d->path, d->what);
	}
}

static bool
always(const char *dir)
{
	(void)dir;
	return true;
}

static int
make(struct purge *p)
{
	int rc;

	if (purge_files(p) == -1) {
		if (p->o->stop != NULL && *p->o->stop)
			return EXIT_STOPPED;
		log_error("%s/%s: %s", p->dir, p->bad != NULL ? p->bad : "", strerror(errno));
		return EXIT_FAILED;
	}
	purge_study(p);
	if (purge_notes(p) == -1) {
		log_error("%s: the notes of notify and recheck: %s", p->dir, strerror(errno));
		return EXIT_FAILED;
	}
	if (mailfile_open(p->made, NULL, &p->after->mail) == -1)
		return EXIT_FAILED;
	if (take_dodgy(p) == -1)
		return EXIT_FAILED;
	if ((rc = write_results(p)) != 0 || (rc = make_derived(p)) != 0)
		return rc;
	if (p->o->own(p->o->own_arg) == -1) {
		log_error("%s: cannot be made like %s: %s", p->made, p->dir, strerror(errno));
		return EXIT_FAILED;
	}
	return 0;
}

static int
purge(struct purge *p)
{
	int rc = open_directory(p);

	if (rc != 0)
		return rc;
	if ((p->before = study_open(p->dir, STUDY_ALL, 0)) == NULL)
		return EXIT_FAILED;
	purge_find(p);
	if ((rc = make(p)) != 0)
		return rc;
	if (p->o->hosts != NULL && p->hosts_gone + p->lines_gone + p->lines_changed == 0) {
		log_info("%s holds nothing of these addresses: it stays as it is", p->dir);
	} else {
		if (rundir_install(p->made, p->dir, always) == -1) {
			log_error("cannot put the purged directory in the place of %s: %s", p->dir,
			    strerror(errno));
			return EXIT_FAILED;
		}
		p->installed = true;
		if (p->o->hosts != NULL)
			log_info("%s: %llu %s and %llu %s of files are gone", p->dir,
			    (unsigned long long)p->hosts_gone,
			    text_noun(p->hosts_gone, "host", "hosts"),
			    (unsigned long long)p->lines_gone,
			    text_noun(p->lines_gone, "line", "lines"));
		else
			log_info("%s: its %s are gone", p->dir, what_goes(p->o));
	}
	if (p->foreign > 0)
		log_warn("%s: %llu %s", p->dir, (unsigned long long)p->foreign,
		    text_noun(p->foreign, "file that survey did not make stays as it was",
			"files that survey did not make stay as they were"));
	name_derived(p);
	return name_sources(p) ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}

int
query_purge(const struct purge_options *o)
{
	struct purge p = { .o = o, .dir = o->path, .made = o->made, .raw.fd = -1 };
	int rc;

	manifest_init_results(&p.m);
	buf_init(&p.raw.waiting);
	traces_init(&p.traces, NULL);
	rc = purge(&p);
	if (rc == EXIT_STOPPED)
		log_warn("stopped; %s is as it was", o->path);
	outfile_abort(&p.run_json);
	if (!p.installed)
		(void)file_remove_tree(p.made);
	raw_lines_close(&p.raw);
	traces_fini(&p.traces);
	study_free(p.after);
	study_free(p.before);
	manifest_fini(&p.m);
	free(p.host_of);
	free(p.gone);
	free(p.bad);
	return rc;
}
