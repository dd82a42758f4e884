/*
 * What zmap is told to scan and to leave out.
 *
 * Both lists are made in every session, while we may still do what root may,
 * and go to zmap in memory that nobody can change.  Of those with which the run
 * began digests are kept where only we can write: root in an attribute of the
 * run directory that none but root can set (trusted.*, xattr(7)), or where there
 * are no such attributes in a file of root's; a user in a file of his own.
 */
#ifndef LIVE_LISTS_H
#define LIVE_LISTS_H

#include <stdbool.h>
#include <stddef.h>

#include "survey/digest.h"
#include "survey/ip.h"

#include "databases.h"

enum list_source { LIST_DATABASE, LIST_TARGETS, LIST_BLOCK, LIST_OPT_OUT, NLIST_SOURCES };
enum { LIST_ALLOWED, LIST_BLOCKED, NLISTS };

struct lists {
	int fd[NLISTS]; /* what zmap reads; -1: not made */
	char digest[DIGEST_SIZE]; /* of both */
	char sources[NLIST_SOURCES][DIGEST_SIZE]; /* what they were made from */
};

void lists_init(struct lists *l);
void lists_fini(struct lists *l);

/* Keep in mind what a list is made from, to be able to say which one has changed. */
void lists_note(struct lists *l, enum list_source source, const struct ipset *set);
/* The IPv4 part of both sets, as zmap will read them.  Returns 0, or -1 with errno set. */
int lists_seal(struct lists *l, const struct ipset *allowed, const struct ipset *blocked);

/* What the run in dir (a descriptor) began with: digests, the caller frees them; NULL: not known. */
char *lists_recorded(int dir);
/* Are these the same databases? */
bool lists_databases_recorded(const char *record, const struct databases *d);
/* Are these the same lists?  Returns NULL, or what is different, as part of a sentence that the caller frees. */
char *lists_compare(const struct lists *l, const char *record);
/* From now on the run has these.  Returns 0, or -1 with errno set. */
int lists_record(const struct lists *l, const struct databases *d, int dir);

#endif
