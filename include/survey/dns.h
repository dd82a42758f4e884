/*
 * Resolving while a survey runs: a resolver, started if need be; a client
 * that asks it; a file that the answers are appended to.
 */
/* Layer: dns */
#ifndef SURVEY_DNS_H
#define SURVEY_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "survey/answers.h"
#include "survey/dns_settings.h"
#include "survey/outside.h"
#include "survey/questions.h"

struct jsonw;
struct sandbox_paths;
struct sandbox_state;

/* The resolver to ask: one that exists, or programs of ours. */
struct resolver;

/*
 * Get it ready, without starting or asking anything: find its address, or the
 * programs, and make their files.  A process that enters a sandbox does this
 * before.  dir is where resolvers of our own keep their files; made if need be,
 * its last part has to be "resolver" (config/apparmor-unbound).  NULL: a
 * directory that goes when they go.  The strings of settings are borrowed.
 * Returns NULL after one message.
 */
struct resolver *resolver_new(const struct dns_settings *settings, const char *dir);
/* The directory that it must be able to write, or NULL. */
const char *resolver_dir(const struct resolver *r);
/* What a process outside has to do for it; what it adds to o is r's. */
void resolver_outside(const struct resolver *r, struct outside_options *o);
/*
 * Both of it for a command: start the process outside and enter
 * SANDBOX_ONLINE with these paths and, to write, resolver_dir().  paths->write
 * is no NULL; *state, which may be NULL, gets what is in force.  Returns 0, or -1 after
 * a message.
 */
int resolver_confine(const struct resolver *r, const struct sandbox_paths *paths,
    struct outside *outside, struct sandbox_state *state);
/* One that no dns_new() has taken; NULL is fine. */
void resolver_free(struct resolver *r);

struct dns_options {
	struct resolver *resolver; /* taken */
	const struct outside *outside; /* that starts and connects what it must; NULL: we do */
	const char *file; /* dns.ndjson to append to, or NULL */
	/*
	 * Borrowed; what it holds is not asked again.  NULL: answers are shown and not kept, and the
	 * caller sees to it that nothing is asked twice (dns_host() needs a table).
	 */
	struct answers *answers;
	bool impatient; /* as if dns_drain() had been called already */
	/* Then, how long a closed port of the resolver is waited for; 0: as long as silence. */
	uint64_t closed_ms;
	/* Each of these may be NULL. */
	/* a is the table's copy; without a table it is valid during the call. */
	void (*on_answer)(const struct answer *a, void *arg);
	void (*on_idle)(void *arg); /* nothing is left to be answered */
	/* There is no resolver, or the file cannot be written; the reason was logged. */
	void (*on_failed)(void *arg);
	void *arg;
};

struct dns;

/*
 * Open the file and start o->resolver.  Questions may be asked at once; they
 * wait until it is ready.  Returns NULL after one message.
 */
struct dns *dns_new(uv_loop_t *loop, const struct dns_options *o);

/* One question, unless it is answered or on its way already. */
void dns_ask(struct dns *d, const char *name, enum dns_type type);

/* All questions about a host, now and as answers give rise to them (questions.h). */
void dns_host(struct dns *d, const struct ip *ip, const struct name_ref *names, size_t n);

/* Questions without an answer. */
size_t dns_pending(const struct dns *d);

/*
 * Nothing but answers is waited for any more: from now on a resolver that says
 * nothing for a minute is given up, and what it owes counts as timed out.
 * Until then one that does not listen is waited for, however long.
 */
void dns_drain(struct dns *d);

/* Ask nothing for a while: questions wait, those on their way are still answered. */
void dns_hold(struct dns *d, bool hold);

/*
 * Stop resolver and client, sync and close the file, then free d and call
 * closed() from the loop.  Questions without an answer are dropped: the next
 * run asks them.
 */
void dns_close(struct dns *d, void (*closed)(void *arg), void *arg);

/* Totals so far: lines for the log, or one object for run.json. */
void dns_summary_log(const struct dns *d);
void dns_summary_json(const struct dns *d, struct jsonw *w);
/* True when the resolver was given up, or the file could not be written. */
bool dns_gave_up(const struct dns *d);

#endif
