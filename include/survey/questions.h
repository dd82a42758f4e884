/*
 * Which questions a host needs: its PTR record, then an address of every
 * name it goes by.
 *
 * For an IPv4 host A is asked, and AAAA only when there is no A record; for
 * an IPv6 host the reverse.  NXDOMAIN for one type answers the other too.
 * The same rules serve a running survey, which asks as answers come in, and
 * an analysis, which asks what a file does not answer.
 */
/* Layer: model */
#ifndef SURVEY_QUESTIONS_H
#define SURVEY_QUESTIONS_H

#include <stddef.h>

#include "survey/answers.h"

/* A name as a host gave it, and where: "banner", "p25dn", "p443san7". */
struct name_ref {
	const char *key;
	const char *text;
	size_t len;
};

/* Of a host's PTR records, sorted, only this many are looked up. */
#define QUESTIONS_PTR_MAX 100

typedef void (*question_fn)(const char *name, enum dns_type type, void *arg);

/*
 * Call fn for each question of a host that can be asked now and that t does
 * not answer.  A question may be named more than once.  Returns the number of
 * calls; 0 when all of the host's questions have answers.
 */
size_t questions_host(const struct answers *t, const struct ip *ip, const struct name_ref *names,
    size_t n, question_fn fn, void *arg);

/* The same for one name, already normalised, of a host of family 4 or 6. */
size_t questions_name(
    const struct answers *t, const char *name, int family, question_fn fn, void *arg);

/* What the arrival of answer a, which t holds already, gives rise to. */
size_t questions_after(const struct answers *t, const struct answer *a, question_fn fn, void *arg);

#endif
