#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/command.h"

#include "queries.h"

bool
query_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) == 1 && (no == NULL || no[0] == '\0');
}

int
query_print(const char *command, const struct buf *out)
{
	bool whole = fwrite(out->data, 1, out->len, stdout) == out->len;

	return command_flush(command, whole ? 0 : errno) == -1 ? -1 : 0;
}
