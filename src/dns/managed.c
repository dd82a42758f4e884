#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "address.h"
#include "confgen.h"
#include "managed.h"
#include "survey/buf.h"
#include "survey/child.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/tool.h"

#define SYSTEM_CAS "/etc/ssl/certs/ca-certificates.crt"
#define ROOT_KEY "/usr/share/dns/root.key" /* dns-root-data */
#define NOBODY 65534
#define FILE_MAX (16 << 20)
#define CHECKS_MAX 4
#define START_MS 45000 /* to the first answer */
#define REFUSED_MS 8000 /* and once a certificate was refused: another upstream may do */
#define PROBE_MS 700 /* between two questions about readiness */
#define WATCH_MS 20000 /* between two questions whether a resolver still answers */
#define HANGS_MS 15000 /* one that says nothing for so long hangs */
#define STEADY_MS 60000 /* a child that lived so long may start its back-off afresh */
#define RESTARTS 7 /* in 32 s; nobody is given up as silent before a minute */
#define MOVES 4 /* to another port, as the one that was free is taken */
#define GRACE_MS 2000
/* Past about 1,000 questions at a time Stubby loses answers. */
#define STUBBY_WINDOW 100
#define STUBBY_OUTSTANDING 450
#define DOT_WINDOW 400
#define DOT_OUTSTANDING 2000

enum { STUBBY, UNBOUND, NKIDS };

struct kid {
	struct managed *m;
	const char *name;
	char *program;
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
	char *dir, *ca_file, *anchor, *root_hints, *checker, *unbound_conf;
	char *setpriv; /* of root alone */
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

	bool up, stopping, told;
	unsigned nopen; /* timers, children, the probe: what could still call back */
	void (*closed)(void *arg);
	void *closed_arg;
};

static void
gone(struct managed *m)
{
	void (*closed)(void *) = m->closed;
	void *arg = m->closed_arg;

	if (--m->nopen > 0 || !m->stopping)
		return;
	for (int i = 0; i < NKIDS; i++) {
		free(m->kids[i].program);
		free(m->kids[i].conf);
		free(m->kids[i].refusal);
	}
	free(m->dir);
	free(m->ca_file);
	free(m->anchor);
	free(m->root_hints);
	free(m->checker);
	free(m->setpriv);
	free(m->unbound_conf);
	buf_fini(&m->complaints);
	free(m);
	if (closed != NULL)
		closed(arg);
}

static void
fail(struct managed *m)
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
static char *
last_words(const char *text)
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
apparmor_advice(const char *said)
{
	char *enabled = file_read("/sys/module/apparmor/parameters/enabled", 16, NULL);
	bool on = enabled != NULL && enabled[0] == 'Y';

	free(enabled);
	if (!on || strstr(said, "ermission denied") == NULL)
		return "";
	return "; AppArmor's profile of /usr/sbin/unbound seems to forbid its directory: run "
	       "install-deps.sh, which adds a rule to /etc/apparmor.d/local/usr.sbin.unbound";
}

static void
tell_end(const struct kid *k, const struct child_status *st, const char *after)
{
	char *words = last_words(child_stderr(k->child));
	char text[96];

	log_error("dns: %s: %s: %s%s%s", k->name, child_status_text(st, text, sizeof(text)), words,
	    k->child != NULL ? apparmor_advice(child_stderr(k->child)) : "", after);
	free(words);
}

/* ---- children ---- */

static void on_kid_exit(struct child *c, const struct child_status *st, void *arg);
static int move_kid(struct kid *k);

static struct child *
spawn(struct managed *m, const char *name, const char *const *argv, child_exit_fn on_exit,
    child_data_fn on_stderr, void *arg)
{
	const char *const as_nobody[] = { m->setpriv, "--reuid=65534", "--regid=65534",
		"--clear-groups" };
	const char *full[16];
	size_t n = 0;
	struct child_opts o = {
		.name = name,
		.argv = full,
		.cwd = m->dir,
		.no_new_privs = true,
		.on_stderr = on_stderr,
		.on_exit = on_exit,
		.arg = arg,
	};
	struct child *c;

	/* Only root can become someone else, and only root must. */
	if (geteuid() == 0)
		for (; n < sizeof(as_nobody) / sizeof(as_nobody[0]); n++)
			full[n] = as_nobody[n];
	do
		full[n++] = *argv;
	while (*argv++ != NULL);
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
		k->refusal = last_words(copy);
	}
	free(copy);
}

static int
start_kid(struct kid *k)
{
	const char *const stubby[] = { k->program, "-C", k->conf, "-v", "4", NULL };
	const char *const unbound[] = { k->program, "-d", "-p", "-c", k->conf, NULL };
	bool is_stubby = k == &k->m->kids[STUBBY];

	k->started_ms = uv_now(k->m->loop);
	k->child = spawn(
	    k->m, k->name, is_stubby ? stubby : unbound, on_kid_exit, on_kid_stderr, k);
	return k->child == NULL ? -1 : 0;
}

static void
on_backoff(uv_timer_t *t)
{
	struct kid *k = t->data;

	if (!k->m->stopping && start_kid(k) == -1)
		fail(k->m);
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
		gone(m);
		return;
	}
	if (!m->up && strstr(child_stderr(k->child), "ddress already in use") != NULL &&
	    m->moves++ < MOVES) {
		k->child = NULL;
		if (move_kid(k) == -1)
			fail(m);
		gone(m);
		return;
	}
	if (!m->up) {
		tell_end(k, st, "");
		k->child = NULL;
		fail(m);
		gone(m);
		return;
	}
	if (uv_now(m->loop) - k->started_ms >= STEADY_MS)
		k->restarts = 0;
	if (k->restarts == RESTARTS) {
		tell_end(k, st, "; it does not stay up");
		k->child = NULL;
		fail(m);
		gone(m);
		return;
	}
	tell_end(k, st, "; starting it again");
	k->child = NULL;
	uv_timer_start(&k->timer, on_backoff, (uint64_t)250 << k->restarts, 0);
	k->restarts++;
	gone(m);
}

/* ---- readiness ---- */

static void ask_probe(struct managed *m);
static void start_next(struct managed *m);

static void
on_probe_closed(void *arg)
{
	gone(arg);
}

static void
close_probe(struct managed *m)
{
	if (m->probe != NULL)
		dns_engine_free(m->probe, on_probe_closed, m);
	m->probe = NULL;
}

static void
on_probe_timer(uv_timer_t *t)
{
	ask_probe(t->data);
}

static void
give_up_start(struct managed *m)
{
	struct kid *front = &m->kids[m->probed];
	const char *said = front->child != NULL ? child_stderr(front->child) : "";
	char *words = last_words(said);

	if (front->refusal != NULL)
		log_error("dns: %s refuses the upstream, whose certificate is not the one that "
			  "dns.upstream asks for: %s",
		    front->name, front->refusal);
	else
		log_error("dns: no answer through %s: %s; it says: %s; %s", front->name, m->why,
		    words,
		    m->settings.mode == DNS_UNBOUND
			? "is there a way to the Internet's name servers (port 53)?"
			: "are the addresses of dns.upstream right, and may port 853 leave?");
	free(words);
	fail(m);
}

static void
on_probe_answer(const struct answer *a, void *arg)
{
	struct managed *m = arg;
	const struct kid *front = &m->kids[m->probed];

	if (m->stopping || m->told)
		return;
	if (dns_outcome_known(a->outcome)) {
		close_probe(m);
		start_next(m);
		return;
	}
	snprintf(m->why, sizeof(m->why), "%s for %s%s%.40s", dns_outcome_name(a->outcome), a->name,
	    a->ede_text != NULL ? ", " : "", a->ede_text != NULL ? a->ede_text : "");
	if (front->refusal != NULL && m->deadline_ms > uv_now(m->loop) + REFUSED_MS)
		m->deadline_ms = uv_now(m->loop) + REFUSED_MS;
	if (uv_now(m->loop) >= m->deadline_ms)
		give_up_start(m);
	else
		uv_timer_start(&m->timer, on_probe_timer, PROBE_MS, 0);
}

static void
ask_probe(struct managed *m)
{
	dns_engine_ask(m->probe, m->probe_name, m->probe_type, on_probe_answer, m);
}

/* Returns 0, or -1 after a message. */
static int
open_probe(struct managed *m, int kid, uint64_t silence_ms)
{
	struct dns_engine_config c;

	dns_engine_defaults(&c);
	ip_parse("127.0.0.1", 9, &c.ip);
	c.port = kid == STUBBY ? m->gen.stubby_port : m->gen.unbound_port;
	c.timeout_ms = 2000;
	c.tries = 3;
	c.failures = 0;
	c.silence_ms = silence_ms;
	m->probed = kid;
	m->asked_ms = uv_now(m->loop);
	if ((m->probe = dns_engine_new(m->loop, &c)) == NULL) {
		log_error("dns: cannot open sockets to %s: %m", m->kids[kid].name);
		return -1;
	}
	m->nopen++;
	return 0;
}

static void
probe(struct managed *m, int kid)
{
	m->deadline_ms = uv_now(m->loop) + START_MS;
	m->why[0] = '\0';
	if (open_probe(m, kid, 8000) == -1)
		fail(m);
	else
		ask_probe(m);
}

/* A name that the upstreams' operators, or the root, have. */
static void
choose_probe(struct managed *m)
{
	const struct config_upstream *u = m->settings.upstreams;
	struct ip ip;
	uint16_t port;

	m->probe_type = DNS_A;
	if (m->settings.mode == DNS_UNBOUND) {
		snprintf(m->probe_name, NAME_SIZE, "a.root-servers.net");
	} else if (name_canonical(u->hostname, strlen(u->hostname), m->probe_name) != NAME_OK) {
		resolver_parse_address(u->address, 853, &ip, &port);
		name_reverse(&ip, m->probe_name);
		m->probe_type = DNS_PTR;
	}
}

/* ---- the watch over those that are up ---- */

static void on_watch(uv_timer_t *t);

/* Any answer is one; a failure is the upstream's affair, which a new start does not mend. */
static void
on_watch_answer(const struct answer *a, void *arg)
{
	struct managed *m = arg;
	struct kid *k = &m->kids[m->probed];

	if (m->stopping || m->told)
		return;
	close_probe(m);
	if (a->outcome == DNS_TIMEOUT && k->child != NULL && k->started_ms < m->asked_ms) {
		log_warn("dns: %s runs, but answers no more; ending it", k->name);
		k->restarts = 0; /* it stayed up, for what that was worth */
		child_stop(k->child, GRACE_MS);
	}
	uv_timer_start(&m->timer, on_watch, WATCH_MS, 0);
}

static void
on_watch(uv_timer_t *t)
{
	struct managed *m = t->data;
	int kid = m->settings.mode == DNS_MANAGED && m->probed == UNBOUND ? STUBBY : UNBOUND;

	if (open_probe(m, kid, HANGS_MS) == 0)
		dns_engine_ask(m->probe, m->probe_name, m->probe_type, on_watch_answer, m);
	else
		uv_timer_start(&m->timer, on_watch, WATCH_MS, 0);
}

/* Stubby answers: start Unbound.  Unbound answers: all is well. */
static void
start_next(struct managed *m)
{
	if (m->kids[UNBOUND].child == NULL) {
		if (start_kid(&m->kids[UNBOUND]) == -1)
			fail(m);
		else
			probe(m, UNBOUND);
		return;
	}
	m->up = true;
	uv_timer_start(&m->timer, on_watch, WATCH_MS, 0);
	m->ready(&m->cfg, m->arg);
}

static void
start_first(struct managed *m)
{
	if (m->settings.mode != DNS_MANAGED || m->kids[STUBBY].child != NULL) {
		start_next(m);
		return;
	}
	if (start_kid(&m->kids[STUBBY]) == -1)
		fail(m);
	else
		probe(m, STUBBY);
}

/* ---- files ---- */

static int
write_file(const char *path, const char *text, size_t len)
{
	if (file_write(path, text, len) == -1 ||
	    (geteuid() == 0 && lchown(path, NOBODY, NOBODY) == -1)) {
		log_error("%s: %m", path);
		return -1;
	}
	return 0;
}

static int
append_file(struct buf *b, const char *path, const char *advice)
{
	size_t len;
	char *text = file_read(path, FILE_MAX, &len);

	if (text == NULL) {
		log_error("dns: %s: %m%s", path, advice);
		return -1;
	}
	buf_add(b, text, len);
	buf_addc(b, '\n');
	free(text);
	return 0;
}

/* Resolvers may read their own directory only (AppArmor): what they need goes there. */
static int
copy_in(struct managed *m, const char *from, const char *name, const char *advice, char **to)
{
	struct buf b;
	int rc;

	buf_init(&b);
	*to = path_join(m->dir, name);
	rc = append_file(&b, from, advice);
	if (rc == 0)
		rc = write_file(*to, b.data, b.len);
	buf_fini(&b);
	return rc;
}

/* Neither Unbound nor Stubby takes a file for each upstream: one file with all of them. */
static int
write_cas(struct managed *m)
{
	const struct dns_settings *s = &m->settings;
	bool system = false;
	struct buf b;
	int rc = 0;

	buf_init(&b);
	for (size_t i = 0; i < s->nupstreams && rc == 0; i++) {
		const char *file = s->upstreams[i].ca_file;
		size_t earlier = 0;

		system |= file[0] == '\0';
		while (earlier < i && strcmp(s->upstreams[earlier].ca_file, file) != 0)
			earlier++;
		if (file[0] != '\0' && earlier == i)
			rc = append_file(&b, file, " (ca_file of a dns.upstream)");
	}
	if (rc == 0 && system)
		rc = append_file(&b, SYSTEM_CAS, "; install the package ca-certificates");
	m->ca_file = path_join(m->dir, "ca.pem");
	if (rc == 0)
		rc = write_file(m->ca_file, b.data, b.len);
	buf_fini(&b);
	return rc;
}

/* A port of 127.0.0.1 that neither UDP nor TCP uses; 0 with errno set. */
static uint16_t
free_port(void)
{
	for (int i = 0; i < 64; i++) {
		struct sockaddr_in sin = { .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t len = sizeof(sin);
		int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool ok = udp != -1 && tcp != -1 && bind(udp, (struct sockaddr *)&sin, len) == 0 &&
			  getsockname(udp, (struct sockaddr *)&sin, &len) == 0 &&
			  bind(tcp, (struct sockaddr *)&sin, len) == 0;

		if (udp != -1)
			close(udp);
		if (tcp != -1)
			close(tcp);
		if (ok)
			return ntohs(sin.sin_port);
	}
	return 0;
}

/* Unbound's is written when it is checked. */
static int
make_confs(struct managed *m)
{
	char *stubby;
	int rc;

	free(m->unbound_conf);
	m->unbound_conf = confgen_unbound(&m->gen);
	if (m->settings.mode != DNS_MANAGED)
		return 0;
	stubby = confgen_stubby(&m->gen);
	rc = write_file(m->kids[STUBBY].conf, stubby, strlen(stubby));
	free(stubby);
	return rc;
}

static int
write_files(struct managed *m)
{
	const struct dns_settings *s = &m->settings;

	if (s->mode != DNS_UNBOUND && write_cas(m) == -1)
		return -1;
	if (s->validate &&
	    copy_in(m, ROOT_KEY, "root.key",
		"; DNSSEC needs the package dns-root-data, or set dns.validate = false",
		&m->anchor) == -1)
		return -1;
	if (s->mode == DNS_UNBOUND && s->root_hints[0] != '\0' &&
	    copy_in(m, s->root_hints, "root.hints", " (dns.root_hints)", &m->root_hints) == -1)
		return -1;
	m->gen.ca_file = m->ca_file;
	m->gen.anchor = m->anchor;
	m->gen.root_hints = m->root_hints;
	m->kids[UNBOUND].conf = path_join(m->dir, "unbound.conf");
	m->kids[STUBBY].conf = path_join(m->dir, "stubby.yml");
	return make_confs(m);
}

/* ---- the check of Unbound's config ---- */

static int start_check(struct managed *m);

static void
on_check_stderr(struct child *c, const char *text, size_t len, void *arg)
{
	struct managed *m = arg;

	(void)c;
	if (m->complaints.len < FILE_MAX)
		buf_add(&m->complaints, text, len);
}

static void
on_check_exit(struct child *c, const struct child_status *st, void *arg)
{
	struct managed *m = arg;

	(void)c;
	m->check = NULL;
	if (m->stopping) {
		gone(m);
		return;
	}
	if (child_status_ok(st)) {
		start_first(m);
	} else if (confgen_drop_unknown(m->unbound_conf, m->complaints.data) == 0 ||
		   start_check(m) == -1) {
		char *words = last_words(m->complaints.data);
		char text[96];

		log_error("dns: %s refuses %s: %s (%s)%s", m->checker, m->kids[UNBOUND].conf, words,
		    child_status_text(st, text, sizeof(text)), apparmor_advice(m->complaints.data));
		free(words);
		fail(m);
	}
	gone(m);
}

static int
start_check(struct managed *m)
{
	const char *path = m->kids[UNBOUND].conf;
	const char *const argv[] = { m->checker, path, NULL };

	if (m->checks++ == CHECKS_MAX ||
	    write_file(path, m->unbound_conf, strlen(m->unbound_conf)) == -1)
		return -1;
	buf_clear(&m->complaints);
	m->check = spawn(m, "unbound-checkconf", argv, on_check_exit, on_check_stderr, m);
	return m->check == NULL ? -1 : 0;
}

/* Somebody took the port after it was chosen. */
static int
move_kid(struct kid *k)
{
	struct managed *m = k->m;
	uint16_t *port = k == &m->kids[STUBBY] ? &m->gen.stubby_port : &m->gen.unbound_port;

	log_warn("dns: port %u was taken before %s had it; trying another", *port, k->name);
	if ((*port = free_port()) == 0) {
		log_error("dns: no free port on 127.0.0.1: %m");
		return -1;
	}
	m->cfg.port = m->gen.unbound_port;
	uv_timer_stop(&m->timer);
	close_probe(m);
	m->checks = 0;
	return make_confs(m) == -1 ? -1 : start_check(m);
}

/* ---- start and stop ---- */

static char *
need_tool(const char *key, const char *name)
{
	char *why, *path = tool_find(name, &why);

	if (path == NULL)
		log_error("%s: %s", key, why);
	free(why);
	return path;
}

static int
find_tools(struct managed *m)
{
	const struct dns_settings *s = &m->settings;
	struct kid *k = m->kids;
	char *dir, *beside;

	if ((k[UNBOUND].program = need_tool("dns.unbound", s->unbound)) == NULL)
		return -1;
	if (s->mode == DNS_MANAGED &&
	    (k[STUBBY].program = need_tool("dns.stubby", s->stubby)) == NULL)
		return -1;
	dir = path_dir(k[UNBOUND].program);
	beside = path_join(dir, "unbound-checkconf");
	m->checker = need_tool("dns.unbound", beside);
	free(beside);
	free(dir);
	if (geteuid() == 0 && (m->setpriv = need_tool("dns.unbound", "setpriv")) == NULL)
		return -1;
	return m->checker == NULL ? -1 : 0;
}

/* Resolvers that root starts run as nobody: may nobody pass all that leads to path? */
static int
check_way(const char *path)
{
	char *dir = path_dir(path);
	struct stat st;
	int rc = 0;

	if (strcmp(dir, "/") != 0)
		rc = check_way(dir);
	if (rc == 0 && (stat(dir, &st) == -1 || (st.st_mode & S_IXOTH) == 0)) {
		log_error("dns: resolvers that root starts run as nobody, who may not enter %s; "
			  "choose another directory, or chmod o+x this one",
		    dir);
		rc = -1;
	}
	free(dir);
	return rc;
}

static int
make_dir(struct managed *m, const char *dir)
{
	bool root = geteuid() == 0;
	char *parent = path_dir(dir);
	int rc = file_mkdirs(parent, root ? 0711 : 0700);

	free(parent);
	if (rc == 0)
		rc = file_mkdirs(dir, 0700);
	if (rc == 0 && root)
		rc = lchown(dir, NOBODY, NOBODY);
	if (rc == -1 || (m->dir = realpath(dir, NULL)) == NULL) {
		log_error("%s: %m", dir);
		return -1;
	}
	return root ? check_way(m->dir) : 0;
}

static void
set_windows(struct managed *m)
{
	struct dns_engine_config *c = &m->cfg;
	unsigned window = 0;

	ip_parse("127.0.0.1", 9, &c->ip);
	c->port = m->gen.unbound_port;
	switch (m->settings.mode) {
	case DNS_MANAGED:
		window = STUBBY_WINDOW;
		c->outstanding = STUBBY_OUTSTANDING;
		break;
	case DNS_UNBOUND_DOT:
		window = DOT_WINDOW;
		c->outstanding = DOT_OUTSTANDING;
		break;
	default:
		return;
	}
	/* An upstream may be away for a while: its failures are asked again, slow or not. */
	c->failures = 2;
	c->final_ms = 0;
	if (c->window == 0 || (m->settings.mode == DNS_MANAGED && c->window > c->outstanding))
		c->window = window;
}

static int
prepare(struct managed *m, const char *dir)
{
	char *problem;

	m->gen.settings = &m->settings;
	m->gen.dir = dir;
	if ((problem = confgen_problem(&m->gen)) != NULL) {
		log_error("%s", problem);
		free(problem);
		return -1;
	}
	if (find_tools(m) == -1 || make_dir(m, dir) == -1)
		return -1;
	m->gen.dir = m->dir;
	m->gen.unbound_port = free_port();
	m->gen.stubby_port = free_port();
	if (m->gen.unbound_port == 0 || m->gen.stubby_port == 0) {
		log_error("dns: no free port on 127.0.0.1: %m");
		return -1;
	}
	choose_probe(m);
	set_windows(m);
	return write_files(m);
}

static void
on_timer_closed(uv_handle_t *h)
{
	gone(h->data);
}

static void
on_kid_timer_closed(uv_handle_t *h)
{
	gone(((struct kid *)h->data)->m);
}

struct managed *
managed_start(uv_loop_t *loop, const struct dns_settings *settings,
    const struct dns_engine_config *cfg, const char *dir, resolver_ready_fn ready,
    resolver_failed_fn failed, void *arg)
{
	static const char *const names[NKIDS] = { [STUBBY] = "stubby", [UNBOUND] = "unbound" };
	struct managed *m = xcalloc(1, sizeof(*m));

	m->loop = loop;
	m->settings = *settings;
	m->cfg = *cfg;
	m->ready = ready;
	m->failed = failed;
	m->arg = arg;
	buf_init(&m->complaints);
	uv_timer_init(loop, &m->timer);
	m->timer.data = m;
	for (int i = 0; i < NKIDS; i++) {
		m->kids[i].m = m;
		m->kids[i].name = names[i];
		uv_timer_init(loop, &m->kids[i].timer);
		m->kids[i].timer.data = &m->kids[i];
	}
	m->nopen = 1 + NKIDS;
	if (prepare(m, dir) == -1 || start_check(m) == -1) {
		managed_stop(m, NULL, NULL);
		return NULL;
	}
	return m;
}

void
managed_stop(struct managed *m, void (*closed)(void *arg), void *arg)
{
	m->stopping = true;
	m->closed = closed;
	m->closed_arg = arg;
	close_probe(m);
	if (m->check != NULL)
		child_stop(m->check, GRACE_MS);
	for (int i = 0; i < NKIDS; i++) {
		if (m->kids[i].child != NULL)
			child_stop(m->kids[i].child, GRACE_MS);
		uv_close((uv_handle_t *)&m->kids[i].timer, on_kid_timer_closed);
	}
	uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}
