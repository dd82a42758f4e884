#include <errno.h>
#include <stdio.h>
#include <stdbool.h>

#include "survey/buf.h"
#include "survey/command.h"

#include "queries.h"

int
query_print(const char *command, const struct buf *out)
{
	bool whole = fwrite(out->data, 1, out->len, stdout) == out->len;

	return command_flush(command, whole ? 0 : errno) == -1 ? -1 : 0;
}
