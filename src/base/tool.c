#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/tool.h"

static bool
is_program(const char *path)
{
	struct stat st;

	/* Directories have the bit too. */
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 && stat(path, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

char *
tool_find(const char *name)
{
	const char *path = getenv("PATH");
	char *full;

	if (strchr(name, '/') != NULL)
		return is_program(name) ? xstrdup(name) : NULL;
	if (path == NULL)
		path = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin";
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, ":");
		char *dir = xstrndup(p, n);

		full = path_join(dir, name);
		free(dir);
		if (n > 0 && is_program(full))
			return full;
		free(full);
		p += n;
		if (*p == '\0')
			break;
	}
	/* zmap lies in sbin, which an ordinary user's PATH may lack */
	full = path_join("/usr/sbin", name);
	if (is_program(full))
		return full;
	free(full);
	return NULL;
}
