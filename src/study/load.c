/* Finds the files of a study and reads them in the right order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "study_read.h"

#define MAX_FILE ((size_t)8 << 30)

/* The file's text, or NULL: it is not there (errno ENOENT, nothing said) or unreadable (said). */
static char *
read_in(const char *dir, const char *name, size_t *len)
{
	char *path = path_join(dir, name);
	char *text = file_read(path, MAX_FILE, len);
	int saved = errno;

	if (text == NULL && saved != ENOENT)
		log_error("cannot read %s: %s", path, strerror(saved));
	free(path);
	errno = saved;
	return text;
}

/* Keys that only pairs told of had a made-up text to keep them apart. */
static void
blank_unnamed(struct study *st)
{
	for (uint32_t k = 0; k < st->nkeys; k++) {
		if (st->keys[k].fp[0] == STUDY_UNNAMED)
			st->keys[k].fp = "";
	}
}

static int
load_dir(struct study *st, const char *dir, enum study_want want)
{
	char *clusters, *verdicts, *hosts, *text;
	size_t nclusters, nverdicts, nhosts, len;
	bool outside = false;
	int rc = -1;

	clusters = read_in(dir, "clusters.json", &nclusters);
	if (clusters == NULL && errno != ENOENT)
		return -1;
	verdicts = read_in(dir, "verdicts.ndjson", &nverdicts);
	hosts = want == STUDY_EVERYTHING ? read_in(dir, "all-key-fingerprints.json", &nhosts)
					 : NULL;
	outside = hosts != NULL;
	if (hosts == NULL && want == STUDY_EVERYTHING &&
	    clusters != NULL) /* facts of clustered hosts */
		hosts = read_in(dir, "collisions.json", &nhosts);
	if (clusters == NULL) {
		if ((text = read_in(dir, "collisions.json", &len)) == NULL) {
			if (errno == ENOENT)
				log_error("%s has neither clusters.json nor collisions.json: "
					  "`survey analyze` makes them from records.fresh",
				    dir);
			goto out;
		}
		study_read_collisions(st, text, len);
		free(text);
	} else {
		study_read_clusters(st, clusters, nclusters);
	}
	if (hosts != NULL) {
		/* Read the verdicts after the hosts are known and before names imply them. */
		study_read_hosts(st, hosts, nhosts);
		st->found.all_keys = outside;
		if (verdicts != NULL)
			study_read_verdicts(st, verdicts, nverdicts, false);
	} else if (verdicts != NULL) {
		study_read_verdicts(st, verdicts, nverdicts, clusters != NULL);
	}
	rc = 0;
out:
	free(clusters);
	free(verdicts);
	free(hosts);
	return rc;
}

struct study *
study_load(const char *path, enum study_want want)
{
	struct study *st;
	struct stat sb;
	char *text;
	size_t len;

	if (stat(path, &sb) == -1) {
		log_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	st = study_new();
	if (S_ISDIR(sb.st_mode)) {
		if (load_dir(st, path, want) == -1) {
			study_free(st);
			return NULL;
		}
	} else {
		if ((text = file_read(path, MAX_FILE, &len)) == NULL) {
			log_error("cannot read %s: %s", path, strerror(errno));
			study_free(st);
			return NULL;
		}
		study_read_collisions(st, text, len);
		free(text);
		if (st->nhosts == 0) {
			log_error("%s holds no host: it is no collisions.json", path);
			study_free(st);
			return NULL;
		}
	}
	study_finish(st);
	blank_unnamed(st);
	if (S_ISDIR(sb.st_mode) && want == STUDY_EVERYTHING) {
		char *db = path_join(path, "survey.db");

		study_read_db(st, db);
		free(db);
	}
	if (st->bad > 0)
		log_warn("%s: %llu entries were not understood and left out", path,
		    (unsigned long long)st->bad);
	return st;
}
