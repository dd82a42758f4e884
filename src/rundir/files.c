/* What a run directory holds. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/rundir.h"

/* In the order of a survey; docs/formats.md tells the same, and a test compares them. */
const struct rundir_file rundir_files[] = {
	{ "run.json", MADE_BY_RUN },
	{ "lock", MADE_BY_RUN },
	{ "survey.conf", MADE_BY_RUN },
	{ "survey.log", MADE_BY_RUN, .personal = true },
	{ "geo/", MADE_BY_RUN },
	{ "lists.sha256", MADE_BY_RUN },
	{ "cidrs.v4", MADE_BY_RUN },
	{ "cidrs.v6", MADE_BY_RUN },
	{ "scan/", MADE_BY_RUN, .personal = true },
	{ "zmap.ips", MADE_BY_RUN, .personal = true },
	{ "out-of-country.ips", MADE_BY_RUN, .personal = true },
	{ "records.fresh", MADE_BY_RUN, .personal = true },
	{ "records.fresh.gz", MADE_BY_RUN, .personal = true },
	{ "records.fresh.zst", MADE_BY_RUN, .personal = true },
	{ "records.bad", MADE_BY_RUN, .personal = true },
	{ "resolver/", MADE_BY_RUN, .remade = true },
	{ "dns.ndjson", MADE_BY_RUN, .personal = true },
	{ "survey.db", MADE_BY_ANALYZE, .personal = true, .remade = true },
	{ "clusters.json", MADE_BY_ANALYZE, .personal = true, .remade = true },
	{ "clustersizes.csv", MADE_BY_ANALYZE, .remade = true },
	{ "collisions.json", MADE_BY_ANALYZE, .personal = true, .remade = true },
	{ "fingerprints.json", MADE_BY_ANALYZE, .personal = true, .remade = true },
	{ "all-key-fingerprints.json", MADE_BY_ANALYZE, .personal = true, .remade = true },
	{ "dodgy.json", MADE_BY_ANALYZE, .personal = true, .remade = true },
	{ "dogies.json", MADE_BY_ANALYZE, .personal = true, .remade = true },
	{ "verdicts.ndjson", MADE_BY_ANALYZE, .personal = true, .remade = true },
	{ "weak.json", MADE_BY_WEAK, .personal = true, .remade = true },
	{ "graphs/", MADE_BY_GRAPH, .personal = true, .remade = true },
	{ "report/", MADE_BY_REPORT, .personal = true, .remade = true },
	{ "anonymise.key", MADE_BY_ANONYMISE, .personal = true },
	{ "anonymise.map", MADE_BY_ANONYMISE, .personal = true, .remade = true },
	{ "others.json", MADE_BY_ANONYMISE, .personal = true },
	{ "ANONYMISED", MADE_BY_ANONYMISE },
	{ NOTIFIED_FILE, MADE_BY_NOTIFY, .personal = true },
	{ RECHECKED_FILE, MADE_BY_RECHECK, .personal = true },
	{ DOMAINS_FILE, MADE_BY_IMPACT, .personal = true },
	{ NULL },
};

const char *const rundir_maker_name[] = {
	[MADE_BY_RUN] = "run",
	[MADE_BY_ANALYZE] = "analyze",
	[MADE_BY_WEAK] = "weak",
	[MADE_BY_GRAPH] = "graph",
	[MADE_BY_REPORT] = "report",
	[MADE_BY_ANONYMISE] = "--anonymise",
	[MADE_BY_NOTIFY] = "notify",
	[MADE_BY_RECHECK] = "recheck",
	[MADE_BY_IMPACT] = "impact",
};

const struct rundir_file *
rundir_file_of(const char *path)
{
	char *top = xstrndup(path, strcspn(path, "/"));
	const struct rundir_file *f = rundir_files;

	for (; f->name != NULL; f++) {
		size_t len = strcspn(f->name, "/");
		bool below = path[strlen(top)] == '/';

		if (f->name[len] == '/' ? strlen(top) == len && memcmp(top, f->name, len) == 0
					: !below && (strcmp(top, f->name) == 0 ||
							outfile_is_temporary(top, f->name)))
			break;
	}
	free(top);
	return f->name != NULL ? f : NULL;
}

char *
rundir_records(const char *dir)
{
	static const char *const names[] = { "records.fresh", "records.fresh.gz",
		"records.fresh.zst" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = path_join(dir, names[i]);

		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* The directory open as fd, which is closed; below is its path within the run directory, with a slash, or "". */
static int
walk(int fd, const char *below, unsigned depth, rundir_fn fn, void *arg)
{
	DIR *d = fdopendir(fd);
	const struct dirent *e;
	int rc = 0;

	if (d == NULL) {
		close(fd);
		return -1;
	}
	while (rc == 0 && (e = readdir(d)) != NULL) {
		struct stat st;
		char *path;
		int sub = -1;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		path = xasprintf("%s%s%s", below, e->d_name, S_ISDIR(st.st_mode) ? "/" : "");
		if (!S_ISDIR(st.st_mode))
			rc = fn(path, rundir_file_of(path), &st, arg);
		else if (depth > 0)
			sub = openat(
			    dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub != -1 && walk(sub, path, depth - 1, fn, arg) > 0)
			rc = 1;
		free(path);
	}
	closedir(d);
	return rc;
}

int
rundir_walk(const char *dir, rundir_fn fn, void *arg)
{
	int fd = file_open_dir(dir, O_RDONLY);

	return fd == -1 ? -1 : walk(fd, "", RUNDIR_DEPTH, fn, arg);
}
