/* --anonymise, --keep-as and --trust, as graph, report and analyze have them. */
#ifndef CMD_COPY_H
#define CMD_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/command.h"

#define ANONYMISE_HELP "results and pictures without what names a host, in the new DIR of -o"
#define KEEP_AS_HELP "with --anonymise: hosts of these ASes as they are, of others only numbers"
#define TRUST_HELP "with --keep-as: pseudonyms of the other hosts in their clusters, too"

struct copy_request {
	bool wanted, trust;
	uint32_t *keep_as;
	size_t n, cap;
	char *made; /* the directory that will be the copy, or NULL */
};

/* Add the numbers of a --keep-as list.  Returns 0, or -1 after a message. */
int copy_keep_as(struct copy_request *, const struct command *, const char *list);
/* Are the options complete?  Returns 0, or -1 after a message. */
int copy_check(const struct copy_request *, const struct command *, const char *output);
/*
 * Make the directory that takes output's place in the end, if a copy is wanted: after
 * this the command may give up rights (confine_drawing()).  Returns 0, or -1 after a message.
 */
int copy_begin(struct copy_request *, const char *output);
/* Write the copy of path to output.  Returns 0, or after a message the exit status. */
int copy_copy(struct copy_request *, const char *path, const char *output);
void copy_fini(struct copy_request *);

#endif
