/* The parts of a managed resolver: what managed.c, managed_files.c and managed_watch.c share. */
#ifndef DNS_MANAGED_PARTS_H
#define DNS_MANAGED_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "confgen.h"
#include "managed.h"
#include "survey/buf.h"
#include "survey/child.h"
#include "survey/name.h"
#include "survey/outside.h"

#define MANAGED_GRACE_MS 2000 /* that a resolver gets to end */

enum { STUBBY, UNBOUND, NKIDS };

struct kid {
	struct managed *m;
	const char *name;
	enum outside_tool tool;
	char *conf; /* path */
	struct child *child;
	uv_timer_t timer; /* back-off */
	uint64_t started_ms;
	unsigned restarts;
	char *refusal; /* the line in which it refused a certificate */
};

struct managed {
	uv_loop_t *loop;
	struct dns_settings settings;
	struct dns_engine_config cfg;
	struct confgen gen;
	struct ipset refused; /* gen's */
	char *dir, *ca_file, *anchor, *root_hints, *unbound_conf;
	char **argv[OUTSIDE_NTOOLS]; /* of our tools */
	bool apparmor; /* the kernel has it */
	resolver_ready_fn ready;
	resolver_failed_fn failed;
	void *arg;

	struct kid kids[NKIDS];
	struct child *check;
	struct buf complaints;
	unsigned checks, moves;

	struct dns_engine *probe; /* asks `probed` whether it is ready, later whether it hangs */
	int probed;
	char probe_name[NAME_SIZE];
	enum dns_type probe_type;
	uv_timer_t timer; /* next question of the probe */
	uint64_t deadline_ms, asked_ms;
	char why[128]; /* the last answer that did not count */
	bool bogus; /* it was refused by DNSSEC */

	bool up, stopping, told;
	unsigned nopen; /* timers, children, the probe: what could still call back */
	void (*closed)(void *arg);
	void *closed_arg;
};

/* managed.c: a timer, a child or the probe can no longer call back; the last one frees m. */
void managed_gone(struct managed *m);
/* Tell the owner, once, that it cannot go on; a message was logged. */
void managed_fail(struct managed *m);
/* The resolver that was asked answers: start the next, or be ready. */
void managed_start_next(struct managed *m);
/*
 * Of what a child wrote, the line that matters most: the last about a
 * certificate, else about a fault, else the last.  The caller frees it.
 */
char *managed_last_words(const char *text);

/* managed_files.c: find the tools, make the directory and all files but Unbound's; needs no loop.  0, or -1 after a message. */
int managed_prepare(struct managed *m, const char *dir);
/* Make Unbound's config, which is written when it is checked, and Stubby's file anew. */
int managed_make_confs(struct managed *m);
/* A file of the resolvers' user.  Returns 0, or -1 after a message. */
int managed_write(const char *path, const char *text, size_t len);

/* managed_watch.c: choose what is asked; ask until a resolver answers, then whether it still does. */
void managed_choose_probe(struct managed *m);
void managed_probe(struct managed *m, int kid);
void managed_watch(struct managed *m);
void managed_close_probe(struct managed *m);

#endif
