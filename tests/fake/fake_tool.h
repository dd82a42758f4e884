/* Tools get an environment of their own, so a fake is told how to behave by a script around it. */
#ifndef FAKE_TOOL_H
#define FAKE_TOOL_H

#include <stdlib.h>
#include <sys/stat.h>

#include "survey/file.h"
#include "survey/mem.h"

/* dir/NAME, which starts FAKE_DIR/bin/NAME with $FAKE and $FAKE_STATE; the caller frees the path. */
static inline char *
fake_tool(const char *dir, const char *name, const char *fake, const char *state)
{
	char *path = path_join(dir, name);
	char *text = xasprintf("#!/bin/sh\nexport FAKE=%s FAKE_STATE=%s\nexec " FAKE_DIR
			       "/bin/%s \"$@\"\n",
	    fake, state, name);

	if (file_write(path, text, strlen(text)) == -1 || chmod(path, 0700) == -1)
		abort();
	free(text);
	return path;
}

#endif
