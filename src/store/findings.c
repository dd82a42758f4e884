#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/finding.h"
#include "survey/mem.h"
#include "survey/order.h"

#include "findings.h"
#include "insert.h"

/* ---- writing ---- */

static void
put_findings(struct insert *r, const struct study *st)
{
	const struct findings *all = st->findings;
	struct buf evidence;

	buf_init(&evidence);
	insert_begin(r, "findings", 7);
	for (size_t i = 0; i < all->nfindings && !r->failed; i++) {
		const struct finding *f = &all->findings[i];
		const struct finding_kind_def *kind = &finding_kinds[f->kind];

		buf_clear(&evidence);
		study_evidence(st, i, &evidence);
		insert_id(r);
		insert_number(r, f->key);
		insert_text(r, kind->name);
		insert_text(r, finding_severity_name(kind->severity));
		insert_copy(r, evidence.data);
		if (f->kind == FINDING_LISTED)
			insert_int(r, f->list + 1);
		if (f->kind == FINDING_LISTED && f->part != 0)
			insert_int(r, f->part);
		insert_row(r);
	}
	insert_end(r);
	insert_begin(r, "finding_groups", 2);
	for (size_t i = 0; i < all->nfindings; i++) {
		const struct finding *f = &all->findings[i];

		for (size_t g = 0; g < f->nrefs && !r->failed; g++) {
			insert_int(r, (int64_t)i + 1);
			insert_number(r, all->refs[f->refs_at + g]);
			insert_row(r);
		}
	}
	insert_end(r);
	buf_fini(&evidence);
}

static void
put_keys(struct insert *r, const struct findings *all)
{
	insert_begin(r, "common_keys", 2);
	for (size_t g = 0; g < all->ngroups; g++) {
		for (size_t i = 0; i < all->groups[g].n && !r->failed; i++) {
			insert_int(r, (int64_t)g + 1);
			insert_number(r, all->members[all->groups[g].at + i]);
			insert_row(r);
		}
	}
	insert_end(r);
	insert_begin(r, "not_checked", 2);
	for (size_t i = 0; i < all->nskipped && !r->failed; i++) {
		insert_number(r, all->skipped[i].key);
		insert_text(r, finding_skip_name(all->skipped[i].reason));
		insert_row(r);
	}
	insert_end(r);
}

static void
put_checks(struct insert *r, const struct findings *all)
{
	insert_begin(r, "checks", 4);
	for (int i = 0; i < NCHECKS && !r->failed; i++) {
		insert_text(r, finding_check_name((enum finding_check)i));
		insert_int(r, all->checks[i].made);
		insert_int(r, all->checks[i].keys);
		insert_text(r, all->checks[i].why);
		insert_row(r);
	}
	insert_end(r);
}

static void
put_lists(struct insert *r, const struct findings *all)
{
	insert_begin(r, "key_lists", 6);
	for (size_t i = 0; i < all->nlists && !r->failed; i++) {
		const struct finding_list *l = &all->lists[i];

		insert_id(r);
		insert_text(r, l->name);
		insert_text(r, l->note);
		insert_int(r, (int64_t)l->rows);
		insert_int(r, (int64_t)l->bad);
		insert_text(r, l->error);
		insert_row(r);
	}
	insert_end(r);
	insert_begin(r, "key_list_parts", 3);
	for (size_t i = 0; i < all->nlists; i++) {
		const struct finding_list *l = &all->lists[i];

		for (int p = 0; l->parts != NULL && p < FINDING_PARTS && !r->failed; p++) {
			if (l->parts[p] == NULL)
				continue;
			insert_int(r, (int64_t)i + 1);
			insert_int(r, p);
			insert_text(r, l->parts[p]);
			insert_row(r);
		}
	}
	insert_end(r);
}

void
findings_write(struct insert *r, const struct study *st)
{
	const struct findings *all = st->findings;

	if (all == NULL)
		return;
	put_findings(r, st);
	put_keys(r, all);
	put_checks(r, all);
	put_lists(r, all);
}

/* ---- reading ---- */

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return NULL;
	return s;
}

struct key_id {
	uint64_t id;
	uint32_t key;
};

struct reading {
	sqlite3 *db;
	struct study *st;
	struct findings *all;
	struct key_id *ids; /* by id */
	size_t findings_cap, groups_cap, members_cap, skipped_cap, lists_cap;
	int64_t common; /* of the last group */
	int64_t *commons; /* by group: its number in the database, ascending */
	size_t commons_cap, refs_cap;
	int64_t *ids_of; /* by finding, ascending */
	size_t ids_cap, at; /* at: where the last reference's finding was */
};

static int
by_id(const void *a, const void *b)
{
	const struct key_id *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static uint32_t
key_of(const struct reading *r, sqlite3_stmt *s, int column)
{
	struct key_id wanted = { (uint64_t)sqlite3_column_int64(s, column), 0 };
	const struct key_id *found = bsearch(&wanted, r->ids, r->st->nkeys, sizeof(*r->ids), by_id);

	return found != NULL ? found->key : STUDY_NONE;
}

static char *
column_copy(sqlite3_stmt *s, int column)
{
	const char *t = (const char *)sqlite3_column_text(s, column);

	return t != NULL ? xstrdup(t) : NULL;
}

static int
each(struct reading *r, const char *sql, void (*row)(struct reading *, sqlite3_stmt *))
{
	sqlite3_stmt *s = prepare(r->db, sql);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW)
		row(r, s);
	sqlite3_finalize(s);
	return rc == SQLITE_DONE ? 0 : -1;
}

static void
read_check(struct reading *r, sqlite3_stmt *s)
{
	const char *name = (const char *)sqlite3_column_text(s, 0);

	for (int i = 0; i < NCHECKS && name != NULL; i++) {
		struct finding_checked *c = &r->all->checks[i];

		if (strcmp(name, finding_check_name((enum finding_check)i)) != 0)
			continue;
		free(c->why);
		*c = (struct finding_checked){ sqlite3_column_int(s, 1) != 0,
			(uint32_t)sqlite3_column_int64(s, 2), column_copy(s, 3) };
		return;
	}
	r->st->bad++;
}

static void
read_list(struct reading *r, sqlite3_stmt *s)
{
	struct findings *all = r->all;
	char *name = column_copy(s, 1);

	if (all->nlists == FINDING_MAX_LISTS || name == NULL ||
	    sqlite3_column_int64(s, 0) != (sqlite3_int64)all->nlists + 1) {
		free(name);
		r->st->bad++;
		return;
	}
	mem_grow(&all->lists, &r->lists_cap, all->nlists + 1, sizeof(*all->lists));
	all->lists[all->nlists++] = (struct finding_list){ .name = name,
		.note = column_copy(s, 2),
		.rows = (size_t)sqlite3_column_int64(s, 3),
		.bad = (uint64_t)sqlite3_column_int64(s, 4),
		.error = column_copy(s, 5) };
}

static void
read_part(struct reading *r, sqlite3_stmt *s)
{
	sqlite3_int64 list = sqlite3_column_int64(s, 0), part = sqlite3_column_int64(s, 1);
	struct finding_list *l;

	if (list < 1 || (uint64_t)list > r->all->nlists || part < 0 || part >= FINDING_PARTS) {
		r->st->bad++;
		return;
	}
	l = &r->all->lists[list - 1];
	if (l->parts == NULL)
		l->parts = xcalloc(FINDING_PARTS, sizeof(*l->parts));
	free(l->parts[part]);
	l->parts[part] = column_copy(s, 2);
}

/* Groups come in order, each whole. */
static void
read_member(struct reading *r, sqlite3_stmt *s)
{
	struct findings *all = r->all;
	int64_t common = sqlite3_column_int64(s, 0);
	uint32_t key = key_of(r, s, 1);

	if (common != r->common || all->ngroups == 0) {
		mem_grow(&r->commons, &r->commons_cap, all->ngroups + 1, sizeof(*r->commons));
		mem_grow(&all->groups, &r->groups_cap, all->ngroups + 1, sizeof(*all->groups));
		r->commons[all->ngroups] = r->common = common;
		all->groups[all->ngroups++] = (struct finding_group){ all->nmembers, 0 };
	}
	if (key == STUDY_NONE)
		return;
	mem_grow(&all->members, &r->members_cap, all->nmembers + 1, sizeof(*all->members));
	all->members[all->nmembers++] = key;
	all->groups[all->ngroups - 1].n++;
}

static void
read_finding(struct reading *r, sqlite3_stmt *s)
{
	struct findings *all = r->all;
	const char *name = (const char *)sqlite3_column_text(s, 1);
	int kind = name != NULL ? finding_kind_from(name, strlen(name)) : -1;
	struct finding f = { .key = key_of(r, s, 0), .kind = (uint8_t)kind };
	sqlite3_int64 list = sqlite3_column_int64(s, 2);

	if (kind == -1 || (kind == FINDING_LISTED && (list < 1 || (uint64_t)list > all->nlists))) {
		r->st->bad++;
		return;
	}
	if (f.key == STUDY_NONE)
		return;
	if (kind == FINDING_LISTED) {
		f.list = (uint8_t)(list - 1);
		f.part = (uint8_t)sqlite3_column_int(s, 3);
	}
	mem_grow(&all->findings, &r->findings_cap, all->nfindings + 1, sizeof(*all->findings));
	mem_grow(&r->ids_of, &r->ids_cap, all->nfindings + 1, sizeof(*r->ids_of));
	r->ids_of[all->nfindings] = sqlite3_column_int64(s, 4);
	all->findings[all->nfindings++] = f;
}

/* References come by finding, as the findings did. */
static void
read_reference(struct reading *r, sqlite3_stmt *s)
{
	struct findings *all = r->all;
	int64_t finding = sqlite3_column_int64(s, 0), common = sqlite3_column_int64(s, 1);
	const int64_t *found = bsearch(
	    &common, r->commons, all->ngroups, sizeof(*r->commons), order_i64);
	struct finding *f;

	while (r->at < all->nfindings && r->ids_of[r->at] < finding)
		r->at++;
	if (r->at == all->nfindings || r->ids_of[r->at] != finding || found == NULL)
		return;
	f = &all->findings[r->at];
	if (f->nrefs++ == 0)
		f->refs_at = all->nrefs;
	mem_grow(&all->refs, &r->refs_cap, all->nrefs + 1, sizeof(*all->refs));
	all->refs[all->nrefs++] = (uint32_t)(found - r->commons);
}

static void
read_skipped(struct reading *r, sqlite3_stmt *s)
{
	struct findings *all = r->all;
	const char *reason = (const char *)sqlite3_column_text(s, 1);
	uint32_t key = key_of(r, s, 0);
	int found = -1;

	for (int i = 0; i < FINDING_NSKIPS && reason != NULL; i++) {
		if (strcmp(finding_skip_name((enum finding_skip)i), reason) == 0)
			found = i;
	}
	if (found == -1) {
		r->st->bad++;
		return;
	}
	if (key == STUDY_NONE)
		return;
	mem_grow(&all->skipped, &r->skipped_cap, all->nskipped + 1, sizeof(*all->skipped));
	all->skipped[all->nskipped++] = (struct finding_skipped){ key, (uint8_t)found };
}

static const struct {
	const char *sql;
	void (*row)(struct reading *, sqlite3_stmt *);
} tables[] = {
	{ "SELECT name, made, keys, why FROM checks ORDER BY rowid", read_check },
	{ "SELECT id, name, note, rows, bad, error FROM key_lists ORDER BY id", read_list },
	{ "SELECT list, part, name FROM key_list_parts ORDER BY rowid", read_part },
	{ "SELECT common, key FROM common_keys ORDER BY common, rowid", read_member },
	{ "SELECT key, kind, list, part, id FROM findings ORDER BY id", read_finding },
	{ "SELECT finding, common FROM finding_groups ORDER BY finding, rowid", read_reference },
	{ "SELECT key, reason FROM not_checked ORDER BY rowid", read_skipped },
};

/* 1, 0, or -1: SQLite could not. */
static int
has_checks(sqlite3 *db)
{
	sqlite3_stmt *s = prepare(db, "SELECT count(*) > 0 FROM checks");
	int rc = -1;

	if (s != NULL && sqlite3_step(s) == SQLITE_ROW)
		rc = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return rc;
}

int
findings_read(sqlite3 *db, struct study *st)
{
	struct reading r = { .db = db, .st = st };
	int rc = has_checks(db);

	if (rc != 1)
		return rc;
	st->findings = r.all = xcalloc(1, sizeof(*r.all));
	r.ids = xcalloc((size_t)st->nkeys + 1, sizeof(*r.ids));
	for (uint32_t i = 0; i < st->nkeys; i++)
		r.ids[i] = (struct key_id){ st->keys[i].public_at, i };
	qsort(r.ids, st->nkeys, sizeof(*r.ids), by_id);
	rc = 0;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && rc == 0; i++)
		rc = each(&r, tables[i].sql, tables[i].row);
	free(r.ids);
	free(r.commons);
	free(r.ids_of);
	return rc;
}
