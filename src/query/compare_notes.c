/* What differs between two runs beside the hosts, and may look like a change of theirs. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "survey/config.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"
#include "survey/text.h"

#include "compare.h"

#define QUOTED 120 /* characters of a text */

static void
quote(struct buf *out, const char *s)
{
	buf_addc(out, '"');
	text_plain(out, s, strlen(s), QUOTED);
	buf_addc(out, '"');
}

static void
note_texts(struct buf *out, const char *what, const char *a, const char *b)
{
	if (strcmp(a, b) == 0)
		return;
	buf_printf(out, "%s differ: ", what);
	quote(out, a);
	buf_adds(out, ", then ");
	quote(out, b);
	buf_addc(out, '\n');
}

/* What survey.db tells of the last run of each study. */
static void
note_runs(struct comparison *c)
{
	static const struct {
		const char *what;
		size_t at;
	} texts[] = { { "versions of tools", offsetof(struct study_run, tools) },
		{ "countries", offsetof(struct study_run, countries) },
		{ "versions of survey", offsetof(struct study_run, program) } };
	const struct study *a = c->m.a, *b = c->m.b;
	const struct study_run *x, *y;

	if (a->nruns == 0 || b->nruns == 0)
		return;
	x = &a->runs[a->nruns - 1];
	y = &b->runs[b->nruns - 1];
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint32_t s, t;

		memcpy(&s, (const char *)x + texts[i].at, sizeof(s));
		memcpy(&t, (const char *)y + texts[i].at, sizeof(t));
		note_texts(
		    &c->notes, texts[i].what, study_text_or_empty(a, s), study_text_or_empty(b, t));
	}
}

/* The config that the run used, or NULL. */
static struct config *
config_of(const struct query_run *r)
{
	struct config *c;

	(void)rundir_own_config(r->path, &c);
	return c;
}

static void
note_switch(struct buf *out, const char *key, bool a, bool b)
{
	if (a != b)
		buf_printf(out, "%s was %s, then %s: other types of keys are seen\n", key,
		    a ? "on" : "off", b ? "on" : "off");
}

/* Ports by what was asked for, where the configs tell, else by what was seen. */
static void
note_ports(struct comparison *c, const struct config *x, const struct config *y)
{
	const struct study *st[2] = { c->m.a, c->m.b };
	uint64_t seen[2][NPORTS] = { { 0 } };

	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < st[side]->ngrabs; i++)
			seen[side][st[side]->grabs[i].port]++;
	}
	for (int row = 0; row < NPORTS; row++) {
		bool told = x != NULL && y != NULL;
		bool a = told ? x->grab.port[row] : seen[0][row] > 0;
		bool b = told ? y->grab.port[row] : seen[1][row] > 0;

		if (a != b)
			buf_printf(&c->notes, "port %u %s in the %s run only\n",
			    port_table[row].port, told ? "was asked" : "showed keys",
			    a ? "first" : "second");
	}
}

static void
note_configs(struct comparison *c)
{
	struct config *x = config_of(c->run_a), *y = config_of(c->run_b);

	note_ports(c, x, y);
	if (x != NULL && y != NULL) {
		note_switch(&c->notes, "grab.all_ssh_host_keys", x->grab.all_ssh_host_keys,
		    y->grab.all_ssh_host_keys);
		note_switch(&c->notes, "grab.tls13", x->grab.tls13, y->grab.tls13);
	}
	if (x != NULL)
		config_free(x);
	if (y != NULL)
		config_free(y);
}

/* By when they were built: paths say nothing. */
static void
note_databases(struct comparison *c)
{
	static const char *const what[] = { "country databases", "AS databases" };
	struct manifest x, y;
	char a[TIME_SIZE], b[TIME_SIZE];

	if (manifest_read(&x, c->run_a->path) == -1)
		return;
	if (manifest_read(&y, c->run_b->path) == 0) {
		for (int i = 0; i < 2; i++) {
			int64_t s = x.databases[i].built, t = y.databases[i].built;

			if (s != t && s != 0 && t != 0)
				buf_printf(&c->notes,
				    "%s differ: built %s, then %s; hosts may have come or gone by "
				    "that alone\n",
				    what[i], time_format(s, a), time_format(t, b));
		}
		manifest_fini(&y);
	}
	manifest_fini(&x);
}

/* What a run has not seen is not gone. */
static void
note_state(struct buf *out, const struct query_run *r)
{
	struct manifest m;

	if (manifest_read(&m, r->path) == -1)
		return;
	if (m.has_scan &&
	    (m.state == RUN_INCOMPLETE || m.found.incomplete || !manifest_is_finished(&m)))
		buf_printf(out,
		    "%s is not complete: hosts that it lacks may look new or gone by that alone\n",
		    r->name);
	manifest_fini(&m);
}

/* What a study does not tell is neither new nor gone. */
static void
note_scope(struct comparison *c)
{
	if (!c->m.knows_new)
		buf_printf(&c->notes,
		    "%s tells only hosts in clusters: which hosts and keys are new is not known\n",
		    c->run_a->name);
	if (!c->m.knows_gone)
		buf_printf(&c->notes,
		    "%s tells only hosts in clusters: which hosts and keys are gone, and which "
		    "hosts are repaired, is not known\n",
		    c->run_b->name);
	if (c->m.a->copy == STUDY_OF_OWNER)
		buf_adds(&c->notes,
		    "these are copies for the owner of some hosts: what only one of them was made "
		    "for looks new or gone\n");
}

void
compare_notes(struct comparison *c)
{
	note_scope(c);
	note_state(&c->notes, c->run_a);
	note_state(&c->notes, c->run_b);
	note_runs(c);
	note_configs(c);
	note_databases(c);
	if (!c->m.same_tools)
		buf_adds(&c->notes,
		    "keys are compared by type: the two runs were not made by the same tools with "
		    "the same config, or do not tell\n");
	if (c->m.new_of_other_type > 0)
		buf_printf(&c->notes,
		    c->m.new_of_other_type == 1
			? "%llu new key is of a type that was not seen on its hosts before: no "
			  "rekeying\n"
			: "%llu new keys are of types that were not seen on their hosts before: no "
			  "rekeying\n",
		    (unsigned long long)c->m.new_of_other_type);
}
