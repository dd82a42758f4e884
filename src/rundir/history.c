/* Where a directory's data came from, where it went, and what was taken out of it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/log.h"
#include "survey/mem.h"

#include "runjson.h"

void
history_fini(struct manifest *m)
{
	for (size_t i = 0; i < m->nparts; i++) {
		free(m->parts[i].path);
		free(m->parts[i].name);
	}
	for (size_t i = 0; i < m->nderived; i++) {
		free(m->derived[i].what);
		free(m->derived[i].path);
	}
	for (size_t i = 0; i < m->npurges; i++) {
		free(m->purges[i].what);
		free(m->purges[i].why);
	}
	free(m->parts);
	free(m->derived);
	free(m->purges);
	m->parts = NULL;
	m->derived = NULL;
	m->purges = NULL;
	m->nparts = m->nderived = m->npurges = 0;
}

static char *
copy_of(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

void
manifest_add_part(struct manifest *m, const struct manifest_part *part)
{
	struct manifest_part *to;

	m->parts = xreallocarray(m->parts, m->nparts + 1, sizeof(*m->parts));
	to = &m->parts[m->nparts++];
	*to = *part;
	to->path = copy_of(part->path);
	to->name = copy_of(part->name);
}

void
manifest_add_derived(struct manifest *m, const char *what, const char *path, int64_t at)
{
	if (what == NULL || path == NULL) /* of a run.json that somebody else wrote */
		return;
	for (size_t i = 0; i < m->nderived; i++) {
		if (strcmp(m->derived[i].what, what) == 0 &&
		    strcmp(m->derived[i].path, path) == 0) {
			m->derived[i].at = at;
			return;
		}
	}
	m->derived = xreallocarray(m->derived, m->nderived + 1, sizeof(*m->derived));
	m->derived[m->nderived++] = (struct manifest_derived){ xstrdup(what), xstrdup(path), at };
}

void
manifest_add_purge(struct manifest *m, int64_t at, const char *what, const char *why)
{
	m->purges = xreallocarray(m->purges, m->npurges + 1, sizeof(*m->purges));
	m->purges[m->npurges++] = (struct manifest_purge){ at, xstrdup(what), copy_of(why) };
}

static void
put_parts(struct jsonw *w, const struct manifest *m)
{
	jsonw_key(w, "merged");
	jsonw_array(w);
	for (size_t i = 0; i < m->nparts; i++) {
		const struct manifest_part *p = &m->parts[i];

		jsonw_object(w);
		jsonw_member_string(w, "path", p->path);
		jsonw_member_string(w, "name", p->name);
		put_time(w, "began", p->began);
		put_time(w, "ended", p->ended);
		if (p->shards > 0) {
			jsonw_member_uint(w, "seed", p->seed);
			jsonw_member_uint(w, "shard", p->shard);
			jsonw_member_uint(w, "shards", p->shards);
		}
		jsonw_member_uint(w, "hosts", p->hosts);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_key(w, "merged_records");
	jsonw_bool(w, m->parts_records);
}

void
history_put(struct jsonw *w, const struct manifest *m)
{
	if (m->nparts > 0)
		put_parts(w, m);
	if (m->nderived > 0) {
		jsonw_key(w, "derived");
		jsonw_array(w);
		for (size_t i = 0; i < m->nderived; i++) {
			jsonw_object(w);
			jsonw_member_string(w, "what", m->derived[i].what);
			jsonw_member_string(w, "path", m->derived[i].path);
			put_time(w, "at", m->derived[i].at);
			jsonw_end_object(w);
		}
		jsonw_end_array(w);
	}
	if (m->npurges > 0) {
		jsonw_key(w, "purged");
		jsonw_array(w);
		for (size_t i = 0; i < m->npurges; i++) {
			jsonw_object(w);
			put_time(w, "at", m->purges[i].at);
			jsonw_member_string(w, "what", m->purges[i].what);
			jsonw_member_string(w, "why", m->purges[i].why);
			jsonw_end_object(w);
		}
		jsonw_end_array(w);
	}
}

static void
get_parts(json_object *root, struct manifest *m)
{
	size_t n;
	json_object *list = get_array(root, "merged", &n);

	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(list, i);
		const char *path = get_text(o, "path"), *name = get_text(o, "name");

		if (path == NULL)
			continue;
		m->parts = xreallocarray(m->parts, m->nparts + 1, sizeof(*m->parts));
		m->parts[m->nparts++] = (struct manifest_part){ .path = xstrdup(path),
			.name = copy_of(name),
			.began = get_time(o, "began"),
			.ended = get_time(o, "ended"),
			.seed = get_uint(o, "seed"),
			.shard = (unsigned)get_uint(o, "shard"),
			.shards = (unsigned)get_uint(o, "shards"),
			.hosts = get_uint(o, "hosts") };
	}
	m->parts_records = json_object_get_boolean(json_object_object_get(root, "merged_records"));
}

void
history_get(json_object *root, struct manifest *m)
{
	json_object *list;
	size_t n;

	get_parts(root, m);
	list = get_array(root, "derived", &n);
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(list, i);

		if (get_text(o, "what") != NULL && get_text(o, "path") != NULL)
			manifest_add_derived(
			    m, get_text(o, "what"), get_text(o, "path"), get_time(o, "at"));
	}
	list = get_array(root, "purged", &n);
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(list, i);

		if (get_text(o, "what") != NULL)
			manifest_add_purge(
			    m, get_time(o, "at"), get_text(o, "what"), get_text(o, "why"));
	}
}

void
rundir_note_derived(const char *dir, const char *what, const char *path)
{
	char *absolute = realpath(path, NULL);
	struct manifest m;
	struct outfile out;

	if (absolute == NULL || manifest_read(&m, dir) == -1) {
		free(absolute);
		return;
	}
	manifest_add_derived(&m, what, absolute, (int64_t)time(NULL));
	if (manifest_prepare(&m, dir, &out) == -1 || outfile_commit(&out) == -1)
		log_debug("%s: a %s at %s is not noted in run.json: %m", dir, what, path);
	manifest_fini(&m);
	free(absolute);
}
