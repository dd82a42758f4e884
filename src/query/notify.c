/*
 * survey notify: who is to be told of what.
 *
 * What a folder holds is its owner's: addresses, names and keys that its own hosts show.
 * Of others it has numbers, since a name or a key in clear would lead to them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"
#include "survey/template.h"
#include "survey/text.h"

#include "notify.h"

/* Of an AS its own address; else that of all hosts, if they have the same. */
static void
choose_mails(struct notifying *x, struct constituency *c)
{
	const char *all = c->kind == BY_AS ? contacts_of_as(&x->contacts, c->asn) : NULL;

	for (size_t i = 0; all == NULL && i < c->nhosts; i++) {
		const char *mails = notify_mails(x, c->hosts[i]);

		if (mails == NULL)
			return;
		if (c->mails == NULL)
			c->mails = xstrdup(mails);
		if (strcmp(c->mails, mails) != 0) {
			free(c->mails);
			c->mails = NULL;
			return;
		}
	}
	if (all != NULL)
		c->mails = xstrdup(all);
}

static void
count(struct notifying *x, struct constituency *c)
{
	for (size_t i = 0; i < c->nhosts; i++) {
		struct study_span rows = x->n.of_host[c->hosts[i]];

		for (uint32_t r = rows.at; r < rows.at + rows.n; r++) {
			c->rows++;
			c->severities[x->n.v[r].severity]++;
			c->statuses[x->n.v[r].status]++;
		}
	}
	c->nkeys = x->view.nkeys;
	c->nclusters = x->view.nclusters;
}

static int
write_folder(struct notifying *x, struct constituency *c)
{
	if (c->nhosts == 0)
		return 0; /* all is repaired: a line in the index tells it */
	view_of(&x->view, c);
	choose_mails(x, c);
	count(x, c);
	if (newdir_mkdir(x->o->out, c->folder) == -1 || notify_events(x) == -1 ||
	    notify_pictures(x) == -1)
		return -1;
	return notify_letters(x);
}

static int
write_all(struct notifying *x, int64_t now)
{
	struct buf b;
	int rc = 0;

	for (size_t i = 0; i < x->nv && rc == 0; i++)
		rc = write_folder(x, &x->v[i]);
	if (rc == 0)
		rc = notify_index(x);
	if (rc == 0)
		rc = notify_marker(x, now);
	if (rc == 0 && !x->o->shadowserver) {
		buf_init(&b);
		notify_intelmq_config(&b);
		rc = newdir_write(x->o->out, "intelmq.yaml", b.data, b.len);
		buf_fini(&b);
	}
	return rc;
}

int
notify_begin(struct newdir *d, const char *output)
{
	return newdir_make(d, output, NOTIFY_MARKER, "none that survey notify has made");
}

bool
query_is_mail(const char *s)
{
	return contacts_is_mail(s);
}

/* ---- all of it ---- */

/* When the first and the last of the hosts that take part were grabbed. */
static void
find_times(const struct study *st, int64_t *first, int64_t *last)
{
	*first = *last = TIME_UNKNOWN;
	for (uint32_t i = 0; i < st->nhosts; i++) {
		int64_t t = st->hosts[i].time;

		if (t == TIME_UNKNOWN || st->hosts[i].out != OUT_NONE)
			continue;
		*first = *first == TIME_UNKNOWN || t < *first ? t : *first;
		*last = *last == TIME_UNKNOWN || t > *last ? t : *last;
	}
}

static int
read_contacts(struct notifying *x)
{
	if (x->o->contacts == NULL)
		return 0;
	if (contacts_read(&x->contacts, x->o->contacts) == -1) {
		log_error("%s: %s", x->o->contacts, strerror(errno));
		return EXIT_USAGE;
	}
	refusals_log(&x->contacts.bad, log_warn);
	return 0;
}

/* An AS without any host is a slip; one whose keys concern nobody has nothing to be told. */
static bool
lacks_as(const struct notifying *x)
{
	bool lacking = false;

	for (size_t i = 0; i < x->o->nasns; i++) {
		if (study_has_as(x->n.st, x->o->asns[i]) ||
		    (x->n.before != NULL && study_has_as(x->n.before, x->o->asns[i])))
			continue;
		log_warn("no host is in AS%u", x->o->asns[i]);
		lacking = true;
	}
	return lacking;
}

static void
tell(const struct notifying *x)
{
	size_t told = 0, without = 0;
	uint64_t rows = 0, hosts = 0;

	for (size_t i = 0; i < x->nv; i++) {
		told += x->v[i].nhosts > 0;
		without += x->v[i].nhosts > 0 && x->v[i].mails == NULL;
		rows += x->v[i].rows;
		hosts += x->v[i].nhosts;
	}
	log_info("%s: %zu %s with %llu %s and %llu %s; %zu without a contact", x->o->out->path,
	    told, text_noun(told, "constituency", "constituencies"), (unsigned long long)hosts,
	    text_noun(hosts, "host", "hosts"), (unsigned long long)rows,
	    text_noun(rows, "row", "rows"), without);
	if (x->nleft_alone > 0)
		log_info("%zu %s in no letter", x->nleft_alone,
		    text_noun(x->nleft_alone, "host has opted out and is",
			"hosts have opted out and are"));
}

static int
notify(struct notifying *x)
{
	int64_t now = time(NULL), unused;
	int notes = -1, rc;
	bool lacking;

	find_times(x->n.st, &x->began, &x->ended);
	x->since = TIME_UNKNOWN;
	if (x->n.before != NULL)
		find_times(x->n.before, &unused, &x->since);
	if ((rc = notify_constituencies(x)) != 0)
		return rc;
	rc = EXIT_FAILED;
	lacking = lacks_as(x);
	if (!x->o->draft && (notes = notify_open_notes(x->o->path)) == -1)
		return rc;
	if (write_all(x, now) == 0 && newdir_commit(x->o->out) == 0 &&
	    (x->o->draft || notify_note(x, notes, now) == 0)) {
		if (!x->o->draft)
			rundir_note_derived(x->o->path, "notify", x->o->out->path);
		tell(x);
		rc = x->contacts.bad.n > 0 || lacking ? EXIT_INCOMPLETE : EXIT_COMPLETE;
	}
	if (notes != -1)
		close(notes);
	return rc;
}

static struct study *
open_study(const struct notify_options *o, const char *path)
{
	unsigned parts = STUDY_CLUSTERED | STUDY_OTHERS | STUDY_FACTS | STUDY_FINDINGS;

	if (path == o->path)
		parts |= STUDY_MAIL;

	if (o->ndomains > 0 || o->contacts != NULL)
		parts |= STUDY_NAMES;
	return study_open(path, parts, 0);
}

int
query_notify(const struct notify_options *o)
{
	struct notifying x = { .o = o };
	struct query_runs runs = { NULL, 0, 0 };
	struct study *st = NULL, *before = NULL;
	int rc;

	contacts_init(&x.contacts);
	hashtab_init(&x.by_as);
	ipset_init(&x.networks);
	ipset_init(&x.opt_outs);
	rc = notify_templates(&x);
	if (rc == 0)
		rc = read_contacts(&x);
	if (rc == 0 && query_runs_add(&runs, o->path) == -1)
		rc = EXIT_USAGE;
	if (rc == 0 && ((st = open_study(o, o->path)) == NULL ||
			   (o->since != NULL && (before = open_study(o, o->since)) == NULL)))
		rc = EXIT_FAILED;
	if (rc == 0) {
		x.run = runs.v[0].name;
		notices_find(&x.n, st, before);
		x.impact = impact_new(st);
		view_init(&x.view, &x.n);
		rc = notify(&x);
		view_fini(&x.view);
		notices_fini(&x.n);
		impact_free(x.impact);
	}
	notify_free_constituencies(&x);
	contacts_fini(&x.contacts);
	hashtab_fini(&x.by_as);
	ipset_fini(&x.networks);
	ipset_fini(&x.opt_outs);
	template_free(x.text);
	template_free(x.html);
	notify_words_fini(&x.words);
	free(x.key_place);
	query_runs_fini(&runs);
	study_free(st);
	study_free(before);
	return rc;
}
