/* What the commands that put questions to a study share. */
#ifndef CMD_QUERIES_H
#define CMD_QUERIES_H

#include <stdbool.h>

#include "survey/query.h"

struct buf;

#define QUERY_FORMAT_OPTION                                                               \
	{                                                                                 \
		"format", 'f', "text|json|csv", "how to print (default: text)", ARG_WORD, \
		    query_formats                                                         \
	}

/* A terminal that wants colours: NO_COLOR is not set. */
bool query_colour(void);
/* An answer to standard output.  Returns 0, or -1 after a message. */
int query_print(const char *command, const struct buf *out);

#endif
