/*
 * The fonts that cairo draws with, found by fontconfig.
 *
 * fontconfig keeps what it finds in a cache directory.  Where there is none
 * that can be written (a user without a home, a system without the package
 * that fills /var/cache/fontconfig) each process that draws would look through
 * all fonts and complain on standard error.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cairo.h>
#include <fontconfig/fontconfig.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/picture.h"

static bool loaded;

/* Can it be written, or else made: is the nearest folder above it, of those that are there, writable? */
static bool
usable(const char *dir)
{
	char *path = xstrdup(dir), *slash;
	bool ok;

	while (access(path, F_OK) == -1 && (slash = strrchr(path, '/')) != NULL && slash != path)
		*slash = '\0';
	ok = access(path, W_OK) == 0 && file_is_dir(path);
	free(path);
	return ok;
}

static bool
has_cache(FcConfig *config)
{
	FcStrList *dirs = FcConfigGetCacheDirs(config);
	const FcChar8 *dir;
	bool ok = false;

	while (!ok && (dir = FcStrListNext(dirs)) != NULL)
		ok = usable((const char *)dir);
	FcStrListDone(dirs);
	return ok;
}

/* A new directory as one more cache; NULL when that cannot be, and fontconfig will say so. */
static char *
add_cache(FcConfig *config)
{
	const char *tmp = getenv("TMPDIR");
	char *dir, *xml;

	dir = xasprintf("%s/survey-fonts-XXXXXX", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
	/* It goes into XML; nobody has a folder for temporary files that needs more. */
	if (strpbrk(dir, "<&") != NULL || mkdtemp(dir) == NULL) {
		free(dir);
		return NULL;
	}
	xml = xasprintf("<fontconfig><cachedir>%s</cachedir></fontconfig>", dir);
	FcConfigParseAndLoadFromMemory(config, (const FcChar8 *)xml, FcFalse);
	free(xml);
	return dir;
}

void
picture_load_fonts(void)
{
	FcConfig *config;
	char *dir = NULL;

	if (loaded)
		return;
	loaded = true;
	if ((config = FcInitLoadConfig()) == NULL)
		return; /* cairo will try, and draw no texts */
	if (!has_cache(config))
		dir = add_cache(config);
	if (FcConfigBuildFonts(config))
		FcConfigSetCurrent(config); /* has a reference of its own */
	FcConfigDestroy(config);
	if (dir != NULL) /* what was found is in memory */
		file_remove_tree(dir);
	free(dir);
}

void
picture_release_fonts(void)
{
	cairo_debug_reset_static_data(); /* lets go of the fonts, which FcFini() wants */
	FcFini();
	loaded = false;
}
