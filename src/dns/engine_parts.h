/* The inside of an engine: what engine.c, engine_lists.c, engine_away.c and engine_tcp.c share. */
#ifndef DNS_ENGINE_PARTS_H
#define DNS_ENGINE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "engine.h"
#include "rng.h"
#include "tcp.h"
#include "udp.h"
#include "window.h"

#define MAX_IDS 4 /* tries of a question whose late answers still count */
#define NID_LISTS 8192
#define TICK_MS 25
#define NBUCKETS 1024 /* of the timer wheel: 25 s a turn */

struct question;

/* What an answer of this number at this socket belongs to. */
struct id {
	LIST_ENTRY(id) link;
	struct question *q; /* NULL: free */
	unsigned socket;
	uint16_t n;
};

LIST_HEAD(id_list, id);

enum state { ST_READY, ST_UDP, ST_WAIT, ST_TCP_WAIT, ST_TCP };

struct question {
	TAILQ_ENTRY(question) link; /* ready, tcp_wait, or a bucket */
	TAILQ_ENTRY(question) fresh_link;
	dns_answer_fn fn;
	void *arg;
	uint64_t first_ms, sent_ms, round_ms; /* first and last try, first since the last failure */
	uint64_t tick; /* of its bucket */
	int64_t at;
	struct dns_engine *e;
	struct dns_tcp *tcp; /* ST_TCP */
	uint16_t tcp_id;
	enum state state;
	enum dns_type type;
	bool fresh;
	uint8_t tries, failures;
	uint8_t nids; /* taken so far */
	struct id ids[MAX_IDS]; /* the last of them, in turn */
	char name[];
};

TAILQ_HEAD(question_list, question);

struct dns_engine {
	uv_loop_t *loop;
	struct dns_engine_config cfg;
	uv_timer_t timer;
	uv_prepare_t prepare;
	uv_idle_t idle; /* active while a burst is left to send */
	unsigned nhandles; /* and whatever else has to be gone before e */
	bool closing, held; /* held: nothing is sent for a while */
	void (*closed)(void *arg);
	void *closed_arg;

	struct question_list ready, tcp_wait, fresh;
	struct question_list buckets[NBUCKETS];
	uint64_t tick; /* number of the bucket that was looked at last */
	size_t pending, outstanding, nfresh, ntcp;

	struct id_list ids[NID_LISTS]; /* hash table, by number */
	struct window window;
	struct udp udp;
	struct rng rng;

	bool down, dead; /* its port is closed; given up, and nothing heard since */
	uint64_t probe_ms, probe_wait_ms, probed_ms; /* next, its back-off, last (0: none) */
	uint64_t heard_ms; /* last answer, or when there began to be something to wait for */

	struct wire_result result;
	struct dns_engine_stats stats;
};

/* --- engine.c --- */

/* Tell the outcome; q is gone then.  r: the answer, or NULL. */
void engine_finish(struct dns_engine *e, struct question *q, const struct wire_result *r,
    enum dns_outcome outcome);
/* A try has come to nothing: once more, or a timeout. */
void engine_fail_or_retry(struct dns_engine *e, struct question *q);
/* An answer is there; a failure that may pass is asked again. */
void engine_take_answer(struct dns_engine *e, struct question *q, const struct wire_result *r);
/* How long this try waits, in ms; later ones wait longer. */
uint64_t engine_timeout(struct dns_engine *e, const struct question *q);
/* One of nhandles is closed; arg: the engine, which goes with the last. */
void engine_handle_gone(void *arg);

/* --- engine_lists.c --- */

void engine_bucket_add(struct dns_engine *e, struct question *q, uint64_t deadline_ms);
struct id *engine_find_id(struct dns_engine *e, unsigned socket, uint16_t n);
void engine_forget_ids(struct question *q);
void engine_leave_fresh(struct dns_engine *e, struct question *q);
/* Take q out of whatever list it is in. */
void engine_detach(struct dns_engine *e, struct question *q);
void engine_make_ready(struct dns_engine *e, struct question *q);
/* A free id of a socket, by chance, for the next try.  Returns it. */
uint16_t engine_take_id(struct dns_engine *e, struct question *q, unsigned socket);
void engine_drop_last_id(struct question *q);

/* --- engine_away.c --- */

void engine_go_down(struct dns_engine *e);
void engine_go_up(struct dns_engine *e);
void engine_heard(struct dns_engine *e);
/* Nothing has been heard for too long: all questions time out. */
void engine_give_up(struct dns_engine *e);
/* How long a silence may last, in ms. */
uint64_t engine_patience(const struct dns_engine *e);

/* --- engine_tcp.c --- */

void engine_pump_tcp(struct dns_engine *e);
void engine_ask_over_tcp(struct dns_engine *e, struct question *q);

#endif
