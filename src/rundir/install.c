/* A finished directory in the place of another one, as a whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "survey/file.h"
#include "survey/rundir.h"

bool
rundir_is_free(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool empty = d != NULL || errno == ENOENT;

	while (d != NULL && empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (d != NULL)
		closedir(d);
	return empty;
}

int
rundir_install(const char *made, const char *dir, bool (*may_replace)(const char *dir))
{
	if (renameat2(AT_FDCWD, made, AT_FDCWD, dir, RENAME_NOREPLACE) == 0)
		return file_sync_dir(dir);
	if (errno == EEXIST && rename(made, dir) == 0)
		return file_sync_dir(dir); /* it was empty */
	if (!may_replace(dir) || renameat2(AT_FDCWD, made, AT_FDCWD, dir, RENAME_EXCHANGE) == -1)
		return -1;
	/* What stood there lies under the other name now. */
	return file_sync_dir(dir) == -1 ? -1 : file_remove_tree(made);
}
