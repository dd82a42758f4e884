/* What is not made anew from the study: records, answers, lists and logs, line by line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/beneath.h"
#include "survey/buf.h"
#include "survey/dnsfile.h"
#include "survey/file.h"
#include "survey/graph.h"
#include "survey/lines.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/pack.h"
#include "survey/record.h"

#include "purge.h"

#define LINE_MAX_BYTES ((size_t)1 << 30)

/* A file of ours for reading; a link that somebody put in its place leads nowhere. */
static int
open_ours(const struct purge *p, const char *name)
{
	int dir = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	int saved;

	if (dir == -1)
		return -1;
	fd = beneath_open(dir, name, O_RDONLY, 0);
	saved = errno;
	close(dir);
	errno = saved;
	return fd;
}

static int
open_made(const struct purge *p, const char *name, struct outfile *out)
{
	char *path = path_join(p->made, name);
	int rc = outfile_open(out, path);

	free(path);
	return rc;
}

/* A file as it is; its blocks are shared where the file system can do that. */
static int
keep_file(struct purge *p, const char *name)
{
	int from = open_ours(p, name), rc = -1, saved;
	struct outfile out;

	if (from == -1)
		return -1;
	if (open_made(p, name, &out) == 0) {
		rc = file_append(from, fileno(out.f));
		if (rc != -1)
			rc = outfile_commit(&out);
		else
			outfile_abort(&out);
	}
	saved = errno;
	close(from);
	errno = saved;
	return rc;
}

int
purge_lines(struct purge *p, const char *name, purge_line_fn edit, void *arg)
{
	int fd = open_ours(p, name), error = 0;
	enum purge_line what;
	enum lines_got got;
	struct lines lines;
	struct outfile out;
	struct buf to;
	char *line;
	size_t len;

	if (fd == -1)
		return -1;
	if (open_made(p, name, &out) == -1) {
		close(fd);
		return -1;
	}
	lines_init(&lines, LINE_MAX_BYTES);
	buf_init(&to);
	while (error == 0 && (got = lines_read(&lines, fd, &line, &len)) != LINES_END) {
		if (got == LINES_ERROR) {
			error = errno;
			break;
		}
		buf_clear(&to);
		what = got == LINES_TOO_LONG ? PURGE_GOES : edit(line, len, &to, arg);
		p->lines_gone += what == PURGE_GOES;
		p->lines_changed += what == PURGE_CHANGED;
		if (what == PURGE_GOES)
			continue;
		(void)fwrite(what == PURGE_CHANGED ? to.data : line, 1,
		    what == PURGE_CHANGED ? to.len : len, out.f);
		if (putc('\n', out.f) == EOF || ferror(out.f))
			error = errno;
	}
	buf_fini(&to);
	lines_fini(&lines);
	close(fd);
	if (error == 0)
		return outfile_commit(&out);
	outfile_abort(&out);
	errno = error;
	return -1;
}

static enum purge_line
line_of_nobody(const char *line, size_t len, struct buf *to, void *arg)
{
	const struct purge *p = arg;

	(void)to;
	return traces_in(&p->traces, line, len) ? PURGE_GOES : PURGE_STAYS;
}

/* The lines of a text that speak of nobody who goes. */
static int
filter_lines(struct purge *p, const char *name)
{
	return purge_lines(p, name, line_of_nobody, p);
}

struct filtering {
	struct purge *p;
	struct packer *out;
	uint64_t next; /* number of the line that would follow */
};

static void
note_gone(struct purge *p, uint64_t number)
{
	mem_grow(&p->gone, &p->cap_gone, p->ngone + 1, sizeof(*p->gone));
	p->gone[p->ngone++] = number;
}

static int
filter_record(const struct record_line *line, void *arg)
{
	struct filtering *f = arg;
	struct purge *p = f->p;
	bool whole = line->refusal != (enum record_refusal)SIMD_TOO_LONG;
	bool goes;

	if (p->o->stop != NULL && *p->o->stop) {
		errno = EINTR;
		return -1;
	}
	for (; f->next < line->number; f->next++)
		note_gone(p, f->next); /* blank lines */
	f->next = line->number + 1;
	goes = line->host != NULL ? traces_has_address(&p->traces, &line->host->ip)
				  : !whole || traces_in(&p->traces, line->text, line->len);
	if (goes) {
		note_gone(p, line->number);
		p->refused_gone += line->host == NULL;
		p->lines_gone++;
		return 0;
	}
	p->kept_lines++;
	return packer_write(f->out, line->text, line->len) == -1 ? -1
								 : packer_write(f->out, "\n", 1);
}

/* Records of hosts that go; a line that is no record goes when it speaks of them. */
static int
filter_records(struct purge *p, const char *name)
{
	struct record_options o = { .max_line = LINE_MAX_BYTES };
	struct filtering f = { .p = p };
	struct record_counts counts = { 0 };
	struct outfile out;
	char *path, *error = NULL;
	int fd = open_ours(p, name), rc = -1, saved;

	if (fd == -1)
		return -1;
	if (open_made(p, name, &out) == 0) {
		/* What was checked is what is read. */
		path = xasprintf("/proc/self/fd/%d", fd);
		f.out = packer_open(fileno(out.f), pack_kind_of(name));
		errno = 0;
		rc = f.out != NULL ? record_read(path, &o, filter_record, &f, &counts, &error) : -1;
		if (rc == RECORD_NO_RECORDS && counts.lines == 0 && error != NULL) {
			struct stat st;

			/* An empty file has none, and nothing to take out. */
			rc = fstat(fd, &st) == 0 && st.st_size == 0 ? 0 : rc;
		}
		saved = errno;
		if (packer_close(f.out) == -1 && rc == 0) {
			rc = -1;
			saved = errno;
		}
		if (error != NULL && rc != 0)
			log_error("%s", error);
		errno = saved != 0 ? saved : EINVAL;
		if (rc == 0)
			rc = outfile_commit(&out);
		else
			outfile_abort(&out);
		free(path);
		free(error);
	}
	saved = errno;
	close(fd);
	errno = saved;
	return rc == 0 ? 0 : -1;
}

/* What of a list of names, or of records as text, stays, in place; the array belongs to the table of answers. */
static size_t
keep_texts(const struct purge *p, const char *const *from, size_t n, const char **to)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!traces_in(&p->traces, from[i], strlen(from[i])))
			to[kept++] = from[i];
	}
	return kept;
}

/* A question about somebody who goes; "_25._tcp.mx.example.ie" is one about mx.example.ie. */
static bool
asks_of(const struct purge *p, const char *name)
{
	const char *dot;

	while (*name == '_' && (dot = strchr(name, '.')) != NULL)
		name = dot + 1;
	return traces_has(&p->traces, name, strlen(name));
}

static void
filter_answer(struct purge *p, const struct answer *from, struct answers *kept)
{
	const char **names = xcalloc(from->nnames + from->ncnames + 1, sizeof(*names));
	struct ip *addrs = xcalloc(from->naddrs + 1, sizeof(*addrs));
	struct answer a = *from;

	a.naddrs = 0;
	for (size_t i = 0; i < from->naddrs; i++) {
		if (!traces_has_address(&p->traces, &from->addrs[i]))
			addrs[a.naddrs++] = from->addrs[i];
	}
	a.addrs = addrs;
	a.names = names;
	a.nnames = keep_texts(p, from->names, from->nnames, names);
	a.cnames = names + a.nnames;
	a.ncnames = keep_texts(p, from->cnames, from->ncnames, names + a.nnames);
	if (a.outcome == DNS_NOERROR && a.naddrs + a.nnames == 0 && from->naddrs + from->nnames > 0)
		a.outcome = DNS_NODATA; /* as in the study */
	if (a.ede_text != NULL && traces_in(&p->traces, a.ede_text, strlen(a.ede_text)))
		a.ede_text = NULL;
	p->lines_changed += a.naddrs < from->naddrs || a.nnames < from->nnames ||
			    a.ncnames < from->ncnames || a.ede_text != from->ede_text;
	answers_put(kept, &a);
	free(names);
	free(addrs);
}

/* Answers about names that go, and what leads to them in those about others. */
static int
filter_answers(struct purge *p, const char *name)
{
	struct answers *all = answers_new(), *kept = answers_new();
	const struct answer **sorted;
	struct dnsfile_counts counts;
	char *from, *to = path_join(p->made, name);
	int fd = open_ours(p, name), rc = -1;

	if (fd != -1) {
		from = xasprintf("/proc/self/fd/%d", fd);
		rc = dnsfile_read(from, DNSFILE_ALL, all, &counts);
		free(from);
		close(fd);
	}
	if (rc == 0) {
		sorted = answers_sorted(all);
		for (size_t i = 0; i < answers_count(all); i++) {
			if (asks_of(p, sorted[i]->name))
				p->lines_gone++;
			else
				filter_answer(p, sorted[i], kept);
		}
		free(sorted);
		rc = dnsfile_compact(to, kept);
	}
	answers_free(all);
	answers_free(kept);
	free(to);
	return rc;
}

static bool
begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* Which pictures there were. */
static void
note_picture(struct purge *p, const char *path)
{
	const char *dot = strrchr(path, '.');

	p->had_graphs = true;
	if (dot != NULL)
		p->formats |= graph_format(dot + 1);
}

/* One file of ours that tells of hosts. */
static int
personal_file(struct purge *p, const char *path)
{
	if (begins(path, "records.")) {
		if (p->o->records || p->o->names) {
			p->lines_gone++;
			return 0;
		}
		return strcmp(path, "records.bad") == 0 ? filter_lines(p, path)
							: filter_records(p, path);
	}
	if (strcmp(path, "anonymise.key") == 0 || p->o->records)
		return keep_file(p, path);
	if (p->o->hosts != NULL && strcmp(path, NOTIFIED_FILE) == 0) {
		p->had_told = true;
		return 0;
	}
	if (p->o->hosts != NULL && strcmp(path, RECHECKED_FILE) == 0) {
		p->had_asked = true;
		return 0;
	}
	if (strcmp(path, DOMAINS_FILE) == 0 && p->o->names)
		return 0; /* without their answers they tell nothing */
	if (strcmp(path, "dns.ndjson") != 0)
		return filter_lines(p, path);
	return p->o->names ? 0 : filter_answers(p, path);
}

static int
take_file(const char *path, const struct rundir_file *file, const struct stat *st, void *arg)
{
	struct purge *p = arg;
	bool remade = file != NULL && file->remade && file->maker != MADE_BY_RUN;
	char *above, *to;
	int rc = 0;

	if (file != NULL &&
	    (outfile_is_temporary(path, file->name) || strcmp(file->name, RUNDIR_LOCK) == 0))
		return 0; /* of a writer that was killed; ours, and nobody needs it in the new one yet */
	if (!S_ISREG(st->st_mode)) {
		log_warn("%s/%s is no file: it is left out", p->dir, path);
		return 0;
	}
	if (file != NULL && file->maker == MADE_BY_WEAK)
		p->had_weak = true;
	if (file != NULL && file->maker == MADE_BY_GRAPH)
		note_picture(p, path);
	if (file != NULL && file->maker == MADE_BY_REPORT)
		p->had_report = true;
	/* What a copy was made of is told by another line for each host. */
	if ((remade && file->maker != MADE_BY_ANONYMISE) ||
	    (file != NULL && strcmp(file->name, "run.json") == 0) ||
	    (remade && p->o->hosts != NULL))
		return 0;
	to = path_join(p->made, path);
	above = path_dir(to);
	rc = file_mkdirs(above, 0700);
	free(above);
	free(to);
	p->foreign += file == NULL;
	if (rc == 0 && file != NULL && file->personal && !remade)
		rc = personal_file(p, path);
	else if (rc == 0)
		rc = keep_file(p, path);
	if (rc == -1)
		p->bad = xstrdup(path);
	return rc;
}

int
purge_files(struct purge *p)
{
	int rc = rundir_walk(p->dir, take_file, p);

	return rc == 0 ? 0 : -1;
}
