/*
 * A copy of a study in which nothing names a host: the study is transformed,
 * then written by the same writers as any other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/anonymise.h"
#include "survey/buf.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/newdir.h"
#include "survey/output.h"
#include "survey/pseudonym.h"
#include "survey/rundir.h"
#include "survey/text.h"

#include "kept.h"
#include "mask.h"

#define MARKER "ANONYMISED"
#define MARKER_TEXT                                                                                \
	"An anonymised copy, made by survey: hosts, networks and keys of others are pseudonyms.\n" \
	"This file marks the directory: a later copy may replace it as a whole.\n"
#define MAP_FILE "anonymise.map"

static int
save(const char *dir, const char *name, const void *data, size_t len)
{
	char *path = path_join(dir, name);
	int rc = file_write(path, data, len);

	if (rc == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	free(path);
	return rc;
}

static void
map_line(struct buf *b, const char *kind, const char *copy, const char *original)
{
	buf_printf(b, "%s\t%s\t", kind, copy);
	for (const char *c = original; *c != '\0'; c++)
		buf_addc(b, *c == '\t' || *c == '\n' || *c == '\r' ? ' ' : *c);
	buf_addc(b, '\n');
}

/* Which host and cluster of the copy is which of the run: for the run's own directory. */
static int
write_map(
    const char *dir, const struct study *st, const struct study *copy, const uint32_t *host_of)
{
	char to[IP_STRLEN], from[IP_STRLEN];
	struct buf b;
	int rc;

	buf_init(&b);
	buf_adds(&b, "kind\tcopy\toriginal\n");
	for (uint32_t i = 0; i < copy->nhosts; i++)
		map_line(&b, "host", ip_format(&copy->hosts[i].ip, to),
		    ip_format(&st->hosts[host_of[i]].ip, from));
	for (uint32_t i = 0; i < copy->nclusters; i++) {
		uint32_t first = host_of[study_member(copy, &copy->clusters[i], 0)];

		snprintf(to, sizeof(to), "%u", copy->clusters[i].id);
		snprintf(from, sizeof(from), "%u", st->clusters[st->hosts[first].cluster].id);
		map_line(&b, "cluster", to, from);
	}
	rc = save(dir, MAP_FILE, b.data, b.len);
	buf_fini(&b);
	return rc;
}

/* What run.json tells of scan and versions; nothing of networks, paths and names. */
static int
write_run(const char *dir, const char *from)
{
	struct manifest m;
	struct outfile out;
	int rc;

	if (manifest_read(&m, from) == -1)
		manifest_init_results(&m);
	manifest_anonymise(&m);
	if ((rc = manifest_prepare(&m, dir, &out)) == 0)
		rc = outfile_commit(&out);
	if (rc == -1)
		log_error("cannot write %s/run.json: %s", dir, strerror(errno));
	manifest_fini(&m);
	return rc;
}

static int
write_copy(const struct study *copy, const char *dir, const char *from, const char *words)
{
	struct output_options o = { .copy = true };
	char *error = NULL, *text = xasprintf("%s%s%s", MARKER_TEXT, words != NULL ? words : "",
				words != NULL ? "\n" : "");
	int rc = write_run(dir, from);

	if (rc == 0)
		rc = save(dir, MARKER, text, strlen(text));
	free(text);
	if (rc == 0 && (rc = output_write(copy, dir, &o, &error)) == -1)
		log_error("%s", error);
	free(error);
	return rc;
}

/* What the owner of the kept hosts gets to know of others, in words; also into the copy. */
static void
tell_trust(const struct study *copy, struct buf *out)
{
	uint32_t others = 0;

	for (uint32_t i = 0; i < copy->nhosts; i++)
		others += copy->hosts[i].ip.family == IP_ALIAS;
	buf_printf(out,
	    "--trust: beside the kept hosts the copy has %u %s of others under pseudonyms: "
	    "which of them share keys with kept hosts and with each other, on SSH, mail or web, "
	    "of what kind the keys are, which of them are of one network, and whether their "
	    "names lead to them. Who looks for the keys of the kept hosts in public scan data "
	    "finds the addresses of those that show them, and names in shared certificates "
	    "lead to them by DNS. Give it only to those who may know these addresses.",
	    others, text_noun(others, "host", "hosts"));
}

int
anonymise_begin(const char *output, char **made)
{
	struct newdir d;
	int rc = newdir_make(&d, output, MARKER, "no anonymised copy");

	*made = d.made;
	d.made = NULL;
	newdir_fini(&d);
	return rc;
}

int
anonymise_rundir(const struct anonymise_options *o)
{
	unsigned char key[PSEUDONYM_KEY];
	struct study *st = NULL, *copy = NULL;
	struct kept kept = { o->keep_as, o->nkeep_as };
	uint32_t *host_of = NULL, missing;
	struct newdir target;
	const char *made = o->made;
	struct buf words;
	char *dir = NULL;
	int rc = -1;

	buf_init(&words);
	if (newdir_resume(&target, o->output, made, MARKER) == -1 ||
	    (st = study_open(o->path, STUDY_ALL, 0)) == NULL)
		goto out;
	dir = path_folder(o->path);
	if ((missing = kept_missing(&kept, st)) != 0) {
		log_error("--keep-as: no host of AS%u takes part in %s", missing, o->path);
		rc = ANONYMISE_USAGE;
		goto out;
	}
	if (pseudonym_key(dir, key) == -1)
		goto out;
	copy = mask_study(st, &kept, o->trust, key, &host_of);
	if (o->trust)
		tell_trust(copy, &words);
	if (write_copy(copy, made, dir, words.data) == -1)
		goto out;
	if (kept.n > 0 && kept_write_others(&kept, st, made) == -1) {
		log_error("cannot write %s/others.json: %s", made, strerror(errno));
		goto out;
	}
	if ((kept.n == 0 || o->trust) && write_map(dir, st, copy, host_of) == -1)
		goto out;
	if ((rc = newdir_commit(&target)) == 0)
		rundir_note_derived(dir, "copy", o->output);
	if (rc == 0 && o->trust)
		log_warn("%s", words.data);
out:
	buf_fini(&words);
	newdir_fini(&target);
	free(host_of);
	study_free(copy);
	study_free(st);
	free(dir);
	return rc;
}
