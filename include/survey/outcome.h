/* How the question to one port of one host ended. */
/* Layer: model */
#ifndef SURVEY_OUTCOME_H
#define SURVEY_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

/* How a grab of zgrab2 ended; run.json counts these. */
enum grab_end {
	GRAB_SUCCESS,
	GRAB_REFUSED,
	GRAB_TIMEOUT,
	GRAB_TLS_FAILED,
	GRAB_OTHER,
	GRAB_GIVEN_UP
};
#define GRAB_NENDS 6
extern const char *const grab_end_name[GRAB_NENDS];

/*
 * The end that zgrab2's status and error text tell of; either may be NULL.
 * zgrab2 1.0.0 calls refused, filtered and slow ports all "connection-timeout":
 * its error text tells them apart.
 */
enum grab_end grab_end_from(
    const char *status, size_t status_len, const char *error, size_t error_len);

/* What a study knows of a port of a host. */
enum port_outcome {
	OUTCOME_NOT_ASKED, /* the records do not speak of it */
	OUTCOME_KEY, /* it showed a key */
	OUTCOME_OPEN, /* a server answered, without a key */
	OUTCOME_REFUSED,
	OUTCOME_TIMEOUT,
	OUTCOME_TLS_FAILED,
	OUTCOME_OTHER,
	OUTCOME_GIVEN_UP, /* zgrab2 never answered */
	NOUTCOMES
};

/* What stands in a record of ours in place of a port that zgrab2 never answered for. */
#define OUTCOME_GIVEN_UP_TEXT "zgrab2 gave no answer"

/* The same of a grab without a key. */
enum port_outcome port_outcome_of(enum grab_end end);
/* "key", "tls-failed", … */
const char *port_outcome_name(enum port_outcome outcome);
/* The reverse; -1 when s is none. */
int port_outcome_from(const char *s, size_t len);

#endif
