/* Finds the files of a study and reads them in the right order. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "study_read.h"

/* A file of results in the address space: written once and renamed, it never shrinks under us. */
struct mapped {
	const char *text;
	size_t len;
};

/* Returns 1, 0 when there is no such file, or -1 after a message. */
static int
map_file(struct mapped *m, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat sb;
	void *p;

	*m = (struct mapped){ "", 0 };
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || fstat(fd, &sb) == -1)
		goto fail;
	if (!S_ISREG(sb.st_mode)) {
		errno = EINVAL;
		goto fail;
	}
	if (sb.st_size > 0) {
		p = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			goto fail;
		*m = (struct mapped){ p, (size_t)sb.st_size };
		madvise(p, m->len, MADV_SEQUENTIAL);
	}
	close(fd);
	return 1;
fail:
	log_error("cannot read %s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static void
unmap(struct mapped *m)
{
	if (m->len > 0)
		munmap((void *)(uintptr_t)m->text, m->len);
}

/* Read a file of the directory with reader(), which gets arg; as map_file(). */
static int
read_file(struct study *st, const char *dir, const char *name,
    void (*reader)(struct study *, const char *, size_t))
{
	char *path = path_join(dir, name);
	struct mapped m;
	int rc = map_file(&m, path);

	if (rc == 1)
		reader(st, m.text, m.len);
	unmap(&m);
	free(path);
	return rc;
}

/* Verdicts with their names, for who has no names from elsewhere. */
static void
read_verdicts_and_names(struct study *st, const char *text, size_t len)
{
	study_read_verdicts(st, text, len, true);
}

static void
read_verdicts(struct study *st, const char *text, size_t len)
{
	study_read_verdicts(st, text, len, false);
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
	bool names = false; /* a file with names was read */
	int rc = read_file(st, dir, "clusters.json", study_read_clusters);

	if (rc == 0) {
		rc = read_file(st, dir, "collisions.json", study_read_collisions);
		names = rc == 1;
		if (rc == 0) {
			log_error("%s has neither clusters.json nor collisions.json: "
				  "`survey analyze` makes them from records.fresh",
			    dir);
			return -1;
		}
	}
	if (rc == 1 && want == STUDY_EVERYTHING) {
		rc = read_file(st, dir, "all-key-fingerprints.json", study_read_hosts);
		if (rc == 0 && st->found.clusters) {
			/* What it says of hosts in clusters, collisions.json says too. */
			rc = read_file(st, dir, "collisions.json", study_read_hosts);
			st->found.all_keys = false;
		}
		names |= rc == 1;
	}
	/* After the hosts are known, and over what their names alone would imply. */
	if (rc != -1)
		rc = read_file(
		    st, dir, "verdicts.ndjson", names ? read_verdicts : read_verdicts_and_names);
	return rc == -1 ? -1 : 0;
}

static int
load_file(struct study *st, const char *path)
{
	struct mapped m;
	int rc = map_file(&m, path);

	if (rc == 0)
		log_error("%s: %s", path, strerror(ENOENT));
	if (rc != 1)
		return -1;
	study_read_collisions(st, m.text, m.len);
	unmap(&m);
	if (st->nhosts > 0)
		return 0;
	log_error("%s holds no host: it is no collisions.json", path);
	return -1;
}

struct study *
study_load(const char *path, enum study_want want)
{
	struct study *st;
	struct stat sb;
	bool is_dir;

	if (stat(path, &sb) == -1) {
		log_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	is_dir = S_ISDIR(sb.st_mode);
	st = study_new();
	if ((is_dir ? load_dir(st, path, want) : load_file(st, path)) == -1) {
		study_free(st);
		return NULL;
	}
	study_finish(st);
	blank_unnamed(st);
	if (is_dir && want == STUDY_EVERYTHING) {
		char *db = path_join(path, "survey.db");

		study_read_db(st, db);
		free(db);
	}
	if (st->bad > 0)
		log_warn("%s: %llu entries were not understood and left out", path,
		    (unsigned long long)st->bad);
	return st;
}
