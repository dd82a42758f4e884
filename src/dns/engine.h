/*
 * Asks one resolver many questions at once.
 *
 * Every question gets exactly one outcome.  How many are on their way at a
 * time follows from the receive buffer that the kernel granted and from what
 * gets lost; a question that a resolver works on for long (a dead zone) makes
 * room for others after a second.  A resolver that refuses packets is probed
 * until it is back, and the questions it owes are asked again.
 */
/* Layer: dns */
#ifndef DNS_ENGINE_H
#define DNS_ENGINE_H

#include <stdint.h>
#include <uv.h>

#include "latency.h"
#include "survey/answers.h"
#include "survey/outside.h"
#include "wire.h"

struct dns_engine;

struct dns_engine_config {
	const struct outside *outside; /* opens the sockets; NULL: we do */
	struct ip ip;
	uint16_t port;
	unsigned window; /* questions of the last second on their way; 0: from the buffers */
	unsigned outstanding; /* questions on their way, old ones included */
	unsigned rcvbuf; /* bytes asked of the kernel for each socket */
	unsigned timeout_ms; /* of the first try; later ones wait longer */
	unsigned tries; /* of a question that is not answered */
	unsigned failures; /* times that SERVFAIL or REFUSED is asked again */
	unsigned failure_ms; /* wait before that */
	/*
	 * A failure that took the resolver this long is not asked again: it has
	 * tried every server itself.  0: always asked again.
	 */
	unsigned final_ms;
	/*
	 * Give all up after so long without any answer; then, until there is one,
	 * what is asked later after timeout_ms.  0: never.
	 */
	uint64_t silence_ms;
	uint64_t closed_ms; /* the same while the resolver's port is closed; 0: silence_ms, too */
};

/* Sensible values for everything but ip and port. */
void dns_engine_defaults(struct dns_engine_config *c);

struct dns_engine_stats {
	uint64_t questions; /* with an outcome */
	uint64_t outcomes[DNS_NOUTCOMES];
	uint64_t bogus; /* of the SERVFAILs: refused by DNSSEC validation */
	uint64_t sent; /* UDP packets */
	uint64_t retries; /* of those, not the first of their question */
	uint64_t timeouts; /* tries without an answer */
	uint64_t tcp; /* tries over TCP */
	uint64_t given_up; /* times that a silent resolver was given up */
	uint64_t given_up_ms; /* after so long, the last time */
	uint64_t down; /* times that the resolver was found not to listen */
	uint64_t rejected[WIRE_NSTATUS]; /* packets that were no answer */
	struct latency latency;
	unsigned window; /* now */
	unsigned window_max;
	unsigned rcvbuf; /* granted, each socket */
};

/* The outcome.  a is valid during the call only; new questions may be asked in it. */
typedef void (*dns_answer_fn)(const struct answer *a, void *arg);

/* Returns NULL with errno set when a socket cannot be made or connected. */
struct dns_engine *dns_engine_new(uv_loop_t *loop, const struct dns_engine_config *c);

/*
 * Close everything and free the engine; questions without an outcome are
 * dropped without a call.  closed() may be NULL; it comes from the loop.
 */
void dns_engine_free(struct dns_engine *e, void (*closed)(void *arg), void *arg);

/*
 * Ask for name, spelled as name_normalise(), name_canonical() or
 * name_reverse() spell it; copied.  fn comes from the loop, never from within
 * this call.  The loop stays alive while a question has no outcome.
 */
void dns_engine_ask(
    struct dns_engine *e, const char *name, enum dns_type type, dns_answer_fn fn, void *arg);

/* Is it a failure that a validator names (RFC 8914)?  Unbound before 1.17 names none. */
bool dns_is_bogus(enum dns_outcome outcome, int ede);
/* Change dns_engine_config.silence_ms. */
void dns_engine_set_silence(struct dns_engine *e, uint64_t silence_ms);
/* Send nothing for a while: what is asked waits, what is on its way is still answered. */
void dns_engine_hold(struct dns_engine *e, bool hold);
const struct dns_engine_stats *dns_engine_stats(struct dns_engine *e);

#endif
