/* What the commands that put questions to a study share. */
#ifndef CMD_QUERIES_H
#define CMD_QUERIES_H

#include "survey/query.h"

struct buf;

#define QUERY_FORMAT_OPTION                                                               \
	{                                                                                 \
		"format", 'f', "text|json|csv", "how to print (default: text)", ARG_WORD, \
		    print_format_words                                                    \
	}

/* An answer to standard output.  Returns 0, or -1 after a message. */
int query_print(const char *command, const struct buf *out);

#endif
