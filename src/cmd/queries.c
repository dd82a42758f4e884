#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "survey/argv.h"
#include "survey/buf.h"
#include "survey/command.h"
#include "survey/config.h"
#include "survey/file.h"
#include "survey/foreign.h"
#include "survey/rundir.h"

#include "confine.h"

#include "queries.h"

int
query_print(const char *command, const struct buf *out)
{
	bool whole = fwrite(out->data, 1, out->len, stdout) == out->len;

	return command_flush(command, whole ? 0 : errno) == -1 ? -1 : 0;
}

/*
 * The block lists and the opt-out file that a run's config names: which line it was is told.
 * Returns whether there is a config.
 */
static bool
add_lists(struct argv *paths, const char *dir)
{
	struct config *c;
	int rc = rundir_own_config(dir, &c);

	if (rc != 0)
		return rc == -1;
	for (size_t i = 0; i < c->scan.block_files.n; i++)
		argv_add(paths, c->scan.block_files.v[i], NULL);
	if (c->scan.opt_out_file[0] != '\0')
		argv_add(paths, c->scan.opt_out_file, NULL);
	config_free(c);
	return true;
}

/* Of a run, or of the runs in a directory. */
static void
add_runs_lists(struct argv *paths, const char *path)
{
	DIR *d = add_lists(paths, path) ? NULL : file_opendir(path);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char *run = path_join(path, e->d_name);
		struct stat sb;

		if (e->d_name[0] != '.' &&
		    fstatat(dirfd(d), e->d_name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(sb.st_mode)) {
			(void)foreign_add(run, false);
			(void)add_lists(paths, run);
		}
		free(run);
	}
	if (d != NULL)
		closedir(d);
}

int
query_confine(const char *const *runs, unsigned nruns, const char *output, bool no_sandbox)
{
	struct argv paths = { NULL, 0, 0 };
	int rc;

	for (unsigned i = 0; i < nruns; i++) {
		argv_add(&paths, runs[i], NULL);
		add_runs_lists(&paths, runs[i]);
	}
	rc = confine(
	    no_sandbox, (const char *const *)paths.v, (const char *const[]){ output, NULL }, NULL);
	argv_free(paths.v);
	return rc;
}
