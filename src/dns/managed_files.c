/* The files, directory and programs of resolvers of ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "anchors.h"
#include "managed_parts.h"
#include "refused.h"
#include "survey/argv.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/outside.h"
#include "survey/tool.h"

#define SYSTEM_CAS "/etc/ssl/certs/ca-certificates.crt"
#define NOBODY 65534
#define FILE_MAX (16 << 20)
/* Past about 1,000 questions at a time Stubby loses answers. */
#define STUBBY_WINDOW 100
#define STUBBY_OUTSTANDING 450
#define DOT_WINDOW 400
#define DOT_OUTSTANDING 2000

int
managed_write(const char *path, const char *text, size_t len)
{
	struct outfile o;

	if (outfile_open(&o, path) == -1)
		goto fail;
	if (fwrite(text, 1, len, o.f) != len ||
	    (geteuid() == 0 && fchown(fileno(o.f), NOBODY, NOBODY) == -1)) {
		int saved = errno;

		outfile_abort(&o);
		errno = saved;
		goto fail;
	}
	if (outfile_commit(&o) == 0)
		return 0;
fail:
	log_error("%s: %m", path);
	return -1;
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
		rc = managed_write(*to, b.data, b.len);
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
		rc = managed_write(m->ca_file, b.data, b.len);
	buf_fini(&b);
	return rc;
}

/* Returns 0, or -1 after a message. */
static int
add_anchors(struct buf *b, const char *path)
{
	static const char advice[] =
	    "; it comes with the package dns-root-data; or set dns.validate = false";
	char *text, *wrong;
	size_t len;
	int rc = 0;

	if ((text = file_read(path, ANCHORS_MAX, &len)) == NULL) {
		log_error("dns.trust_anchors: %s: %m%s", path,
		    strcmp(path, CONFIG_ROOT_KEY) == 0 ? advice : "");
		return -1;
	}
	if ((wrong = anchors_take(text, len, b)) != NULL) {
		log_error("dns.trust_anchors: %s: %s", path, wrong);
		rc = -1;
	}
	free(text);
	free(wrong);
	return rc;
}

/* Each file has been read by us: an $ORIGIN of one does not reach into the next. */
static int
write_anchors(struct managed *m)
{
	static char root_key[] = CONFIG_ROOT_KEY, *one[] = { root_key };
	static const struct config_list roots = { .v = one, .n = 1 };
	const struct config_list *files = m->settings.trust_anchors;
	struct buf b;
	int rc = 0;

	if (files == NULL)
		files = &roots;
	if (files->n == 0) {
		log_error("dns.trust_anchors: no file, so nothing could be validated; set "
			  "dns.validate = false if nothing should be");
		return -1;
	}
	buf_init(&b);
	for (size_t i = 0; i < files->n && rc == 0; i++)
		rc = add_anchors(&b, files->v[i]);
	m->anchor = path_join(m->dir, "anchors.key");
	if (rc == 0)
		rc = managed_write(m->anchor, b.data, b.len);
	buf_fini(&b);
	return rc;
}

/* Unbound's is written when it is checked. */
int
managed_make_confs(struct managed *m)
{
	char *stubby;
	int rc;

	free(m->unbound_conf);
	m->unbound_conf = confgen_unbound(&m->gen);
	if (m->settings.mode != DNS_MANAGED)
		return 0;
	stubby = confgen_stubby(&m->gen);
	rc = managed_write(m->kids[STUBBY].conf, stubby, strlen(stubby));
	free(stubby);
	return rc;
}

static int
write_files(struct managed *m)
{
	const struct dns_settings *s = &m->settings;

	if (s->mode != DNS_UNBOUND && write_cas(m) == -1)
		return -1;
	if (s->validate && write_anchors(m) == -1)
		return -1;
	if (s->mode == DNS_UNBOUND && s->root_hints[0] != '\0' &&
	    copy_in(m, s->root_hints, "root.hints", " (dns.root_hints)", &m->root_hints) == -1)
		return -1;
	if (refused_find(s, m->root_hints, &m->refused, &m->gen.needs_localhost) == -1)
		return -1;
	m->gen.refused = &m->refused;
	m->gen.ca_file = m->ca_file;
	m->gen.anchor = m->anchor;
	m->gen.root_hints = m->root_hints;
	return managed_make_confs(m);
}

static char *
need_tool(const char *key, const char *name)
{
	char *why, *path = tool_find(name, &why);

	if (path == NULL)
		log_error("%s: %s", key, why);
	free(why);
	return path;
}

/* Paths of the programs, NULL where one is not needed. */
struct programs {
	char *unbound, *checker, *stubby;
	char *setpriv; /* only root can become someone else, and only root must */
};

static int
find_programs(const struct dns_settings *s, struct programs *p)
{
	char *dir, *beside;

	memset(p, 0, sizeof(*p));
	if ((p->unbound = need_tool("dns.unbound", s->unbound)) == NULL)
		return -1;
	dir = path_dir(p->unbound);
	beside = path_join(dir, "unbound-checkconf");
	p->checker = need_tool("dns.unbound", beside);
	free(beside);
	free(dir);
	if (p->checker == NULL ||
	    (s->mode == DNS_MANAGED && (p->stubby = need_tool("dns.stubby", s->stubby)) == NULL) ||
	    (geteuid() == 0 && (p->setpriv = need_tool("dns.unbound", "setpriv")) == NULL))
		return -1;
	return 0;
}

static void
free_programs(struct programs *p)
{
	free(p->unbound);
	free(p->checker);
	free(p->stubby);
	free(p->setpriv);
}

/* A command line that begins with the program, as nobody if we are root. */
static struct argv
begin_argv(const struct programs *p, const char *program)
{
	struct argv a = { .n = 0 };

	if (p->setpriv != NULL)
		argv_add(&a, p->setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", NULL);
	argv_add(&a, program, NULL);
	return a;
}

/* What is executed whenever a resolver starts. */
static void
make_argvs(struct managed *m, const struct programs *p)
{
	struct argv unbound = begin_argv(p, p->unbound), checker = begin_argv(p, p->checker),
		    stubby;

	argv_add(&unbound, "-d", "-p", "-c", m->kids[UNBOUND].conf, NULL);
	argv_add(&checker, m->kids[UNBOUND].conf, NULL);
	m->argv[OUTSIDE_UNBOUND] = unbound.v;
	m->argv[OUTSIDE_CHECKCONF] = checker.v;
	if (p->stubby == NULL)
		return;
	stubby = begin_argv(p, p->stubby);
	argv_add(&stubby, "-C", m->kids[STUBBY].conf, "-v", "4", NULL);
	m->argv[OUTSIDE_STUBBY] = stubby.v;
}

/* Is AppArmor what may keep a resolver from its directory? */
static bool
has_apparmor(void)
{
	char *enabled = file_read("/sys/module/apparmor/parameters/enabled", 16, NULL);
	bool on = enabled != NULL && enabled[0] == 'Y';

	free(enabled);
	return on;
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

int
managed_prepare(struct managed *m, const char *dir)
{
	struct programs p;
	char *problem;
	int rc;

	m->gen.settings = &m->settings;
	m->gen.dir = dir;
	if ((problem = confgen_problem(&m->gen)) != NULL) {
		log_error("%s", problem);
		free(problem);
		return -1;
	}
	if ((rc = find_programs(&m->settings, &p)) == 0 && (rc = make_dir(m, dir)) == 0) {
		m->kids[UNBOUND].conf = path_join(m->dir, "unbound.conf");
		m->kids[STUBBY].conf = path_join(m->dir, "stubby.yml");
		make_argvs(m, &p);
	}
	free_programs(&p);
	if (rc == -1)
		return -1;
	m->apparmor = has_apparmor();
	m->gen.dir = m->dir;
	m->gen.unbound_port = outside_free_port(NULL);
	m->gen.stubby_port = outside_free_port(NULL);
	if (m->gen.unbound_port == 0 || m->gen.stubby_port == 0) {
		log_error("dns: no free port on 127.0.0.1: %m");
		return -1;
	}
	managed_choose_probe(m);
	set_windows(m);
	return write_files(m);
}
