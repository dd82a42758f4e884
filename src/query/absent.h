/* Why an address has no row in a study: what its run directory tells. */
#ifndef QUERY_ABSENT_H
#define QUERY_ABSENT_H

#include <stdbool.h>

#include "survey/ip.h"

struct buf;
struct jsonw;

enum absence {
	ABSENT_UNTOLD, /* the directory has no list of what was asked */
	ABSENT_NO_PSEUDONYM, /* a pseudonym that the copy does not hold */
	ABSENT_OUT_OF_COUNTRY, /* it answered, and lies outside the countries */
	ABSENT_BLOCKED,
	ABSENT_OPTED_OUT,
	ABSENT_RESERVED, /* a special-purpose address */
	ABSENT_NO_RECORD, /* it answered, and no record tells more */
	ABSENT_SILENT, /* in the target ranges, all of which were asked */
	ABSENT_UNSURE, /* in the target ranges, of which not all were asked, or nobody knows */
	ABSENT_NOT_ASKED, /* outside the target ranges */
	ABSENT_LEFT_OUT, /* the study tells some hosts only; absences_reason() does not know of it */
	NABSENCES
};

/* "silent", "blocked", …: for files and tables. */
const char *absence_name(enum absence why);
/* Does it follow from the study alone, which lacks the address, and from no list of what was asked? */
bool absence_is_of_record(enum absence why);

struct absences;

/*
 * What dir tells, read when it is first asked for.  many: so many addresses are
 * looked up that its lists are worth being kept in memory.
 */
struct absences *absences_open(const char *dir, bool many);
void absences_free(struct absences *a);

enum absence absences_why(struct absences *a, const struct ip *ip);
/*
 * The same as a sentence: with the line that blocks it, or with the times at which
 * packets left, shard by shard.  In which shard an address was asked cannot be told: ZMap's
 * order is a permutation of all of them.
 */
enum absence absences_reason(struct absences *a, const struct ip *ip, struct buf *out);
/* An array of { shard, from, to, source }. */
void absences_scans(struct absences *a, struct jsonw *w);

#endif
