#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/argv.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/picture.h"
#include "survey/sandbox.h"

#include "confine.h"

int
confine_make(const char *dir)
{
	if (file_mkdirs(dir, 0700) == 0)
		return 0;
	log_error("%s: %s", dir, strerror(errno));
	return -1;
}

/* What place() makes of each path; argv_free() it. */
static char **
places_of(const char *const *paths, char *(*place)(const char *path))
{
	struct argv a = { .n = 0 };

	for (; paths != NULL && *paths != NULL; paths++) {
		char *p = place(*paths);

		argv_add(&a, p, NULL);
		free(p);
	}
	return a.v;
}

int
confine(bool off, const char *const *read, const char *const *write, const char *const *output)
{
	char **places, **names;
	int rc;

	if (off)
		return 0;
	places = places_of(write, sandbox_place);
	names = places_of(output, path_dir);
	rc = sandbox_confine(SANDBOX_OFFLINE,
	    &(struct sandbox_paths){
		read, (const char *const *)places, (const char *const *)names },
	    NULL);
	argv_free(places);
	argv_free(names);
	return rc;
}

int
confine_drawing(bool off, const char *path, const char *also, const char *output, const char *made)
{
	char *place = path_folder(path), *pictures = path_join(place, "graphs");
	const char *const read[] = { path, pictures, also, NULL };
	const char *const target[] = { made != NULL ? output : NULL, NULL };
	const char *write[4] = { NULL };
	size_t n = 0;
	int rc = 0;

	if (made != NULL) {
		write[n++] = made;
		write[n++] = place; /* the key of the pseudonyms */
		if (access(output, F_OK) == 0)
			write[n++] = output; /* the copy of earlier, which goes */
	} else {
		write[n++] = output != NULL ? output : place;
		rc = output != NULL && !off ? confine_make(output) : 0;
	}
	picture_load_fonts(); /* in a sandbox fontconfig cannot keep what it finds */
	if (rc == 0)
		rc = confine(off, read, write, target);
	free(pictures);
	free(place);
	return rc;
}
