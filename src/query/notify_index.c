/* survey notify: what is said of all constituencies, and noted in the run directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/finding.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/print.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"
#include "survey/text.h"

#include "notify.h"

static const struct print_column index_columns[] = { { "constituency" }, { "folder" }, { "asn" },
	{ "as_name" }, { "contact" }, { "hosts" }, { "rows" }, { "keys" }, { "clusters" },
	{ "critical" }, { "high" }, { "medium" }, { "low" }, { "new" }, { "changed" }, { "open" },
	{ "repaired" }, { "silent" }, { "mail_domains" }, { NULL } };

static void
put_as(struct print *p, const struct notifying *x, const struct constituency *c)
{
	const struct study *st = x->n.st;
	const char *name = "";
	struct buf b;

	if (c->kind != BY_AS || c->asn == 0) {
		print_none(p);
		print_none(p);
		return;
	}
	print_uint(p, c->asn);
	if (c->nhosts > 0)
		name = study_text_or_empty(st, st->ases[st->hosts[c->hosts[0]].as].name);
	buf_init(&b);
	text_plain(&b, name, strlen(name), 200);
	print_text(p, b.data, b.len);
	buf_fini(&b);
}

uint32_t
notify_domains(struct notifying *x, const struct constituency *c)
{
	if (x->impact == NULL)
		return 0;
	impact_begin(x->impact);
	return impact_add_hosts(x->impact, c->hosts, c->nhosts);
}

int
notify_index(struct notifying *x)
{
	struct print p;
	struct buf b;
	int rc;

	buf_init(&b);
	print_init(&p, PRINT_CSV, &b, false);
	print_table(&p, NULL, index_columns);
	for (size_t i = 0; i < x->nv; i++) {
		const struct constituency *c = &x->v[i];

		if (c->nhosts + c->repaired.n + c->silent.n == 0)
			continue;
		print_string(&p, c->name);
		print_string(&p, c->nhosts > 0 ? c->folder : NULL);
		put_as(&p, x, c);
		print_string(&p, c->mails);
		print_uint(&p, c->nhosts);
		print_uint(&p, c->rows);
		print_uint(&p, c->nkeys);
		print_uint(&p, c->nclusters);
		for (int s = 0; s < FINDING_NSEVERITIES; s++)
			print_uint(&p, c->severities[s]);
		for (int s = 0; s < NOTICE_NSTATUS; s++) {
			if (x->n.before != NULL)
				print_uint(&p, c->statuses[s]);
			else
				print_none(&p);
		}
		print_uint(&p, c->repaired.n);
		print_uint(&p, c->silent.n);
		if (impact_has_domains(x->impact))
			print_uint(&p, notify_domains(x, c));
		else
			print_none(&p);
		print_row(&p);
	}
	print_table_end(&p);
	print_fini(&p);
	rc = newdir_write(x->o->out, "index.csv", b.data, b.len);
	buf_fini(&b);
	return rc;
}

/* What `survey recheck --since-notify` reads: who was told of which hosts. */
int
notify_marker(const struct notifying *x, int64_t now)
{
	char time[TIME_SIZE], ip[IP_STRLEN];
	struct jsonw w;
	int rc;

	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_member_string(&w, "writer", "survey");
	jsonw_member_uint(&w, "version", 1);
	jsonw_member_string(&w, "at", time_format(now, time));
	jsonw_member_string(&w, "run", x->run);
	jsonw_key(&w, "constituencies");
	jsonw_array(&w);
	for (size_t i = 0; i < x->nv; i++) {
		const struct constituency *c = &x->v[i];

		if (c->nhosts == 0)
			continue;
		jsonw_object(&w);
		jsonw_member_string(&w, "name", c->name);
		jsonw_member_string(&w, "folder", c->folder);
		jsonw_key(&w, "hosts");
		jsonw_array(&w);
		for (size_t h = 0; h < c->nhosts; h++)
			jsonw_string(&w, ip_format(&x->n.st->hosts[c->hosts[h]].ip, ip));
		jsonw_end_array(&w);
		jsonw_end_object(&w);
	}
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	jsonw_newline(&w);
	rc = newdir_write(x->o->out, NOTIFY_MARKER, w.out.data, w.out.len);
	jsonw_fini(&w);
	return rc;
}

/* ---- who was told when ---- */

int
notify_open_notes(const char *dir)
{
	char *path = path_join(dir, NOTIFIED_FILE);
	int fd = file_open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);

	free(path);
	if (fd == -1)
		log_error(
		    "%s/%s: %s; --draft leaves it alone", dir, NOTIFIED_FILE, strerror(errno));
	return fd;
}

/* A line for each constituency; mail addresses, which name people, are not in it. */
int
notify_note(struct notifying *x, int fd, int64_t now)
{
	char time[TIME_SIZE];
	struct jsonw w;
	int rc;

	jsonw_init(&w, NULL);
	for (size_t i = 0; i < x->nv; i++) {
		struct constituency *c = &x->v[i];

		if (c->nhosts == 0)
			continue;
		jsonw_object(&w);
		jsonw_member_string(&w, "at", time_format(now, time));
		jsonw_member_string(&w, "constituency", c->name);
		jsonw_key(&w, "contact");
		jsonw_bool(&w, c->mails != NULL);
		jsonw_member_uint(&w, "hosts", c->nhosts);
		jsonw_member_uint(&w, "rows", c->rows);
		jsonw_member_uint(&w, "keys", c->nkeys);
		jsonw_key(&w, "clusters");
		jsonw_array(&w);
		view_of(&x->view, c);
		for (uint32_t k = 0; k < x->view.nclusters; k++)
			jsonw_uint(&w, x->n.st->clusters[x->view.clusters[k]].id);
		jsonw_end_array(&w);
		jsonw_end_object(&w);
		jsonw_newline(&w);
	}
	rc = file_write_fd(fd, w.out.data, w.out.len);
	if (rc == 0)
		rc = fsync(fd);
	if (rc == -1)
		log_error("%s/%s: %s", x->o->path, NOTIFIED_FILE, strerror(errno));
	jsonw_fini(&w);
	return rc;
}
