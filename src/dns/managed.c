#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "managed_parts.h"
#include "survey/argv.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/outside.h"

#define CHECKS_MAX 4
#define COMPLAINTS_MAX (16 << 20)
#define STEADY_MS 60000 /* a child that lived so long may start its back-off afresh */
#define RESTARTS 7 /* in 32 s; nobody is given up as silent before a minute */
#define MOVES 4 /* to another port, as the one that was free is taken */

void
managed_free(struct managed *m)
{
	for (int i = 0; i < OUTSIDE_NTOOLS; i++)
		argv_free(m->argv[i]);
	for (int i = 0; i < NKIDS; i++) {
		free(m->kids[i].conf);
		free(m->kids[i].refusal);
	}
	free(m->dir);
	free(m->ca_file);
	free(m->anchor);
	free(m->root_hints);
	ipset_fini(&m->refused);
	free(m->unbound_conf);
	buf_fini(&m->complaints);
	free(m);
}

void
managed_gone(struct managed *m)
{
	void (*closed)(void *) = m->closed;
	void *arg = m->closed_arg;

	if (--m->nopen > 0 || !m->stopping)
		return;
	managed_free(m);
	if (closed != NULL)
		closed(arg);
}

void
managed_fail(struct managed *m)
{
	if (m->told || m->stopping)
		return;
	m->told = true;
	uv_timer_stop(&m->timer);
	m->failed(m->arg);
}

/* ---- what children say ---- */

/* How Stubby and Unbound (OpenSSL) say that a server is not the one it should be. */
static const char *const refused_certificate[] = { "Verify failed", "certificate verify failed",
	"hostname mismatch" };
static const char *const faults[] = { "ertificate", "ermission denied", "error", "ail", "fatal",
	"annot", "could not", "in use" };

static bool
has_any(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(text, words[i]) != NULL)
			return true;
	return false;
}

#define HAS_ANY(text, words) has_any(text, words, sizeof(words) / sizeof((words)[0]))

/*
 * Of what a child wrote, the line that matters most: the last about a
 * certificate, else about a fault, else the last.  The caller frees it.
 */
char *
managed_last_words(const char *text)
{
	char *best = xstrdup("it said nothing");
	int best_rank = 0;

	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n");
		char *copy = xstrndup(line, len);
		int rank = len == 0				? -1
			   : HAS_ANY(copy, refused_certificate) ? 2
			   : HAS_ANY(copy, faults)		? 1
								: 0;

		if (rank >= best_rank) {
			free(best);
			best = copy;
			best_rank = rank;
		} else {
			free(copy);
		}
		line += len + (line[len] == '\n');
	}
	return best;
}

/* Advice where a security module may be what stands in the way. */
static const char *
apparmor_advice(const struct managed *m, const char *said)
{
	if (!m->apparmor || strstr(said, "ermission denied") == NULL)
		return "";
	return "; AppArmor's profile of /usr/sbin/unbound seems to forbid its directory: run "
	       "install-deps.sh, which adds a rule to /etc/apparmor.d/local/usr.sbin.unbound";
}

static void
tell_end(const struct kid *k, const struct child_status *st, const char *after)
{
	char *words = managed_last_words(child_stderr(k->child));
	char text[96];

	log_error("dns: %s: %s: %s%s%s", k->name, child_status_text(st, text, sizeof(text)), words,
	    k->child != NULL ? apparmor_advice(k->m, child_stderr(k->child)) : "", after);
	free(words);
}

/* ---- children ---- */

static void on_kid_exit(struct child *c, const struct child_status *st, void *arg);
static int move_kid(struct kid *k);

static struct child *
spawn(struct managed *m, const char *name, enum outside_tool tool, child_exit_fn on_exit,
    child_data_fn on_stderr, void *arg)
{
	struct child_opts o = {
		.argv = (const char *const *)m->argv[tool],
		.cwd = m->dir,
		.no_new_privs = true,
		.broker = m->cfg.outside != NULL ? &m->cfg.outside->broker : NULL,
		.tool = tool,
		.on_stderr = on_stderr,
		.on_exit = on_exit,
		.arg = arg,
	};
	struct child *c;

	if ((c = child_spawn(m->loop, &o)) == NULL)
		log_error("dns: cannot start %s: %m", name);
	else
		m->nopen++;
	return c;
}

/* What it keeps repeating later would push this line out of the tail that is kept. */
static void
on_kid_stderr(struct child *c, const char *text, size_t len, void *arg)
{
	struct kid *k = arg;
	char *copy = xstrndup(text, len);

	(void)c;
	if (HAS_ANY(copy, refused_certificate)) {
		free(k->refusal);
		k->refusal = managed_last_words(copy);
	}
	free(copy);
}

static int
start_kid(struct kid *k)
{
	k->started_ms = uv_now(k->m->loop);
	k->child = spawn(k->m, k->name, k->tool, on_kid_exit, on_kid_stderr, k);
	return k->child == NULL ? -1 : 0;
}

static void
on_backoff(uv_timer_t *t)
{
	struct kid *k = t->data;

	if (!k->m->stopping && start_kid(k) == -1)
		managed_fail(k->m);
}

static void
add_usage(struct dns_usage *u, const struct child_status *st)
{
	if (u == NULL)
		return;
	u->cpu_s += st->user_s + st->sys_s;
	if (st->maxrss_kb > u->maxrss_kb)
		u->maxrss_kb = st->maxrss_kb;
}

static void
on_kid_exit(struct child *c, const struct child_status *st, void *arg)
{
	struct kid *k = arg;
	struct managed *m = k->m;

	(void)c;
	add_usage(m->settings.usage, st);
	if (m->stopping || m->told) {
		k->child = NULL;
		managed_gone(m);
		return;
	}
	if (!m->up && strstr(child_stderr(k->child), "ddress already in use") != NULL &&
	    m->moves++ < MOVES) {
		k->child = NULL;
		if (move_kid(k) == -1)
			managed_fail(m);
		managed_gone(m);
		return;
	}
	if (!m->up) {
		tell_end(k, st, "");
		k->child = NULL;
		managed_fail(m);
		managed_gone(m);
		return;
	}
	if (uv_now(m->loop) - k->started_ms >= STEADY_MS)
		k->restarts = 0;
	if (k->restarts == RESTARTS) {
		tell_end(k, st, "; it does not stay up");
		k->child = NULL;
		managed_fail(m);
		managed_gone(m);
		return;
	}
	tell_end(k, st, "; starting it again");
	k->child = NULL;
	uv_timer_start(&k->timer, on_backoff, (uint64_t)250 << k->restarts, 0);
	k->restarts++;
	managed_gone(m);
}

/* ---- one after the other ---- */

/* Stubby answers: start Unbound.  Unbound answers: all is well. */
void
managed_start_next(struct managed *m)
{
	if (m->kids[UNBOUND].child == NULL) {
		if (start_kid(&m->kids[UNBOUND]) == -1)
			managed_fail(m);
		else
			managed_probe(m, UNBOUND);
		return;
	}
	m->up = true;
	managed_watch(m);
	m->ready(&m->cfg, m->arg);
}

static void
start_first(struct managed *m)
{
	if (m->settings.mode != DNS_MANAGED || m->kids[STUBBY].child != NULL) {
		managed_start_next(m);
		return;
	}
	if (start_kid(&m->kids[STUBBY]) == -1)
		managed_fail(m);
	else
		managed_probe(m, STUBBY);
}

/* ---- the check of Unbound's config ---- */

static int start_check(struct managed *m);

static void
on_check_stderr(struct child *c, const char *text, size_t len, void *arg)
{
	struct managed *m = arg;

	(void)c;
	if (m->complaints.len < COMPLAINTS_MAX)
		buf_add(&m->complaints, text, len);
}

static void
on_check_exit(struct child *c, const struct child_status *st, void *arg)
{
	struct managed *m = arg;

	(void)c;
	m->check = NULL;
	if (m->stopping) {
		managed_gone(m);
		return;
	}
	if (child_status_ok(st)) {
		start_first(m);
	} else if (confgen_drop_unknown(m->unbound_conf, m->complaints.data) == 0 ||
		   start_check(m) == -1) {
		char *words = managed_last_words(m->complaints.data);
		char text[96];

		log_error("dns: unbound-checkconf refuses %s: %s (%s)%s", m->kids[UNBOUND].conf,
		    words, child_status_text(st, text, sizeof(text)),
		    apparmor_advice(m, m->complaints.data));
		free(words);
		managed_fail(m);
	}
	managed_gone(m);
}

static int
start_check(struct managed *m)
{
	const char *path = m->kids[UNBOUND].conf;

	if (m->checks++ == CHECKS_MAX ||
	    managed_write(path, m->unbound_conf, strlen(m->unbound_conf)) == -1)
		return -1;
	buf_clear(&m->complaints);
	m->check = spawn(
	    m, "unbound-checkconf", OUTSIDE_CHECKCONF, on_check_exit, on_check_stderr, m);
	return m->check == NULL ? -1 : 0;
}

/* Somebody took the port after it was chosen. */
static int
move_kid(struct kid *k)
{
	struct managed *m = k->m;
	uint16_t *port = k == &m->kids[STUBBY] ? &m->gen.stubby_port : &m->gen.unbound_port;

	log_warn("dns: port %u was taken before %s had it; trying another", *port, k->name);
	if ((*port = outside_free_port(m->cfg.outside)) == 0) {
		log_error("dns: no free port on 127.0.0.1: %m");
		return -1;
	}
	m->cfg.port = m->gen.unbound_port;
	uv_timer_stop(&m->timer);
	managed_close_probe(m);
	m->checks = 0;
	return managed_make_confs(m) == -1 ? -1 : start_check(m);
}

/* ---- start and stop ---- */

static void
on_timer_closed(uv_handle_t *h)
{
	managed_gone(h->data);
}

static void
on_kid_timer_closed(uv_handle_t *h)
{
	managed_gone(((struct kid *)h->data)->m);
}

struct managed *
managed_new(
    const struct dns_settings *settings, const struct dns_engine_config *cfg, const char *dir)
{
	static const char *const names[NKIDS] = { [STUBBY] = "stubby", [UNBOUND] = "unbound" };
	struct managed *m = xcalloc(1, sizeof(*m));

	m->settings = *settings;
	m->cfg = *cfg;
	buf_init(&m->complaints);
	for (int i = 0; i < NKIDS; i++) {
		m->kids[i].m = m;
		m->kids[i].name = names[i];
		m->kids[i].tool = i == STUBBY ? OUTSIDE_STUBBY : OUTSIDE_UNBOUND;
	}
	if (managed_prepare(m, dir) == 0)
		return m;
	managed_free(m);
	return NULL;
}

void
managed_outside(const struct managed *m, struct outside_options *o)
{
	static const enum outside_tool tools[] = { OUTSIDE_UNBOUND, OUTSIDE_STUBBY,
		OUTSIDE_CHECKCONF };

	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		if (m->argv[tools[i]] != NULL)
			o->tools[tools[i]] = (struct guard_tool){ .build = guard_fixed_argv,
				.arg = m->argv[tools[i]],
				.cwd = m->dir,
				.no_new_privs = true };
	}
	outside_allow(o, &m->cfg.ip, 0, 0); /* their ports may change */
}

int
managed_start(struct managed *m, uv_loop_t *loop, const struct outside *outside,
    resolver_ready_fn ready, resolver_failed_fn failed, void *arg)
{
	m->loop = loop;
	m->cfg.outside = outside;
	m->ready = ready;
	m->failed = failed;
	m->arg = arg;
	uv_timer_init(loop, &m->timer);
	m->timer.data = m;
	for (int i = 0; i < NKIDS; i++) {
		uv_timer_init(loop, &m->kids[i].timer);
		m->kids[i].timer.data = &m->kids[i];
	}
	m->nopen = 1 + NKIDS;
	return start_check(m);
}

const char *
managed_dir(const struct managed *m)
{
	return m->dir;
}

void
managed_stop(struct managed *m, void (*closed)(void *arg), void *arg)
{
	m->stopping = true;
	m->closed = closed;
	m->closed_arg = arg;
	managed_close_probe(m);
	if (m->check != NULL)
		child_stop(m->check, MANAGED_GRACE_MS);
	for (int i = 0; i < NKIDS; i++) {
		if (m->kids[i].child != NULL)
			child_stop(m->kids[i].child, MANAGED_GRACE_MS);
		uv_close((uv_handle_t *)&m->kids[i].timer, on_kid_timer_closed);
	}
	uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}
