/*
 * records.fresh in the layout of FreshGrab.py: a host a line, made from the records of the run,
 * or where there are none from what the study knows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/iptab.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/record.h"
#include "survey/rundir.h"
#include "survey/text.h"

#include "export.h"
#include "freshgrab.h"

struct writing {
	const struct study *st;
	struct iptab hosts; /* numbers are those of the study */
	uint32_t *nlines; /* by host: of the file of records */
	bool *ours; /* by host: made from its line */
	bool other; /* the file is not that of the study */
	struct exported_records *r;
	struct outfile *out;
	struct buf line;
	uint64_t offset, from_study;
};

static int
write_line(struct writing *w, uint32_t host)
{
	buf_addc(&w->line, '\n');
	if (fwrite(w->line.data, 1, w->line.len, w->out->f) != w->line.len)
		return -1;
	w->r->lines[host] = (struct output_line){
		.next = 0, .len = (uint32_t)(w->line.len - 1), .offset = w->offset
	};
	w->r->first[host] = host + 1;
	w->offset += w->line.len;
	buf_clear(&w->line);
	return 0;
}

static int
count_line(const struct record_line *line, void *arg)
{
	struct writing *w = arg;
	uint32_t host;

	if (line->host == NULL || (host = iptab_find(&w->hosts, &line->host->ip)) == IPTAB_NONE)
		return 0;
	if (w->nlines[host]++ == 0) {
		w->other |= w->st->hosts[host].record != line->number;
		w->ours[host] = freshgrab_form(line->text, line->len) != FRESHGRAB_NEITHER;
	}
	return 0;
}

static int
convert(const struct record_line *line, void *arg)
{
	struct writing *w = arg;
	const struct study_host *h;
	enum freshgrab_form form;
	uint32_t host;

	if (line->host == NULL || (host = iptab_find(&w->hosts, &line->host->ip)) == IPTAB_NONE ||
	    w->st->hosts[host].record != line->number)
		return 0;
	h = &w->st->hosts[host];
	form = freshgrab_form(line->text, line->len);
	if (w->nlines[host] > 1 || !w->ours[host]) { /* its lines are merged in the study */
		freshgrab_study(w->st, h, &w->line);
		w->from_study++;
	} else if (form == FRESHGRAB_THEIRS) {
		buf_add(&w->line, line->text, line->len);
	} else {
		freshgrab_line(w->st, h, form, line->text, line->len, &w->line);
	}
	return write_line(w, host);
}

static int
read_run(struct writing *w, const char *path, record_fn fn)
{
	static const struct record_options o = { .max_line = 0 };
	struct record_counts counts = { 0 };
	char *error = NULL;
	int rc = record_read(path, &o, fn, w, &counts, &error);

	if (error != NULL)
		log_warn("%s: %s", path, error);
	free(error);
	return rc;
}

/* Are the records of the run those that the study was made of, each host's there? */
static bool
has_records(struct writing *w, const char *path)
{
	if (w->st->nruns > 1 || read_run(w, path, count_line) != 0)
		return false;
	for (uint32_t i = 0; i < w->st->nhosts; i++)
		w->other |= w->nlines[i] == 0;
	return !w->other;
}

static int
write_all(struct writing *w, const char *path)
{
	bool records = path != NULL && has_records(w, path);

	if (path != NULL && !records)
		log_warn("%s is not what survey.db was made of: records.fresh has what the study "
			 "knows of each host; `survey analyze` makes both agree",
		    path);
	if (records)
		return read_run(w, path, convert);
	for (uint32_t i = 0; i < w->st->nhosts; i++) {
		freshgrab_study(w->st, &w->st->hosts[i], &w->line);
		if (write_line(w, i) == -1)
			return -1;
	}
	if (path == NULL)
		log_info(
		    "there are no records beside the study: records.fresh has what it knows of "
		    "each host, without chains of certificates, names of cipher suites and "
		    "greetings in full");
	return 0;
}

static bool
tells_addresses(const struct study *st)
{
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (st->hosts[i].ip.family == IP_ALIAS)
			return false;
	}
	return true;
}

int
export_records(const struct exporting *x, const char *dir, struct exported_records *r)
{
	const struct study *st = x->st;
	struct writing w = { .st = st, .r = r };
	char *path, *from = rundir_records(x->o->path);
	struct outfile out;
	bool is_new;
	int rc;

	*r = (struct exported_records){ .path = path_join(dir, "records.fresh") };
	if (!tells_addresses(st)) {
		log_info("the hosts of a copy have no addresses: records.fresh is left out");
		free(from);
		return 0;
	}
	r->lines = xcalloc((size_t)st->nhosts + 1, sizeof(*r->lines));
	r->first = xcalloc((size_t)st->nhosts + 1, sizeof(*r->first));
	w.nlines = xcalloc((size_t)st->nhosts + 1, sizeof(*w.nlines));
	w.ours = xcalloc((size_t)st->nhosts + 1, sizeof(*w.ours));
	iptab_init(&w.hosts);
	buf_init(&w.line);
	for (uint32_t i = 0; i < st->nhosts; i++)
		iptab_add(&w.hosts, &st->hosts[i].ip, &is_new);
	path = r->path;
	w.out = &out;
	rc = outfile_open(&out, path);
	if (rc == 0) {
		rc = write_all(&w, from);
		if (rc == 0)
			rc = outfile_commit(&out);
		else
			outfile_abort(&out);
	}
	if (rc != 0)
		log_error("cannot write %s: %s", path, strerror(errno));
	else if (w.from_study > 0)
		log_info("%llu %s several records, or one of another kind: their lines are made "
			 "from the study",
		    (unsigned long long)w.from_study,
		    text_noun(w.from_study, "host has", "hosts have"));
	iptab_fini(&w.hosts);
	buf_fini(&w.line);
	free(w.nlines);
	free(w.ours);
	free(from);
	return rc == 0 ? 0 : -1;
}

void
exported_records_fini(struct exported_records *r)
{
	free(r->path);
	free(r->lines);
	free(r->first);
}
