/* What the commands that put questions to a study share. */
#ifndef CMD_QUERIES_H
#define CMD_QUERIES_H

#include <stdbool.h>

#include "survey/query.h"

struct buf;

#define QUERY_FORMAT_OPTION                                                               \
	{                                                                                 \
		"format", 'f', "text|json|csv", "how to print (default: text)", ARG_WORD, \
		    print_format_words                                                    \
	}

/* An answer to standard output.  Returns 0, or -1 after a message. */
int query_print(const char *command, const struct buf *out);

/*
 * confine() to runs, or directories of runs, and to the lists that their configs name: it is
 * told which line of one kept an address out.  output: a directory that is written, or NULL.
 */
int query_confine(const char *const *runs, unsigned nruns, const char *output, bool no_sandbox);

#endif
