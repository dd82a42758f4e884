/*
 * What the survey itself may still do once strangers' bytes come in: it reads
 * and writes the run directory, and asks a process outside for tools and
 * sockets.  What tools are told is made before, where it can no longer be
 * changed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "survey/argv.h"
#include "survey/buf.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/memfile.h"
#include "survey/picture.h"
#include "survey/weakkeys.h"

#include "live.h"

/* A file of the run directory, for whoever wants to know what zgrab2 was told, and zgrab2's own in memory. */
static int
make_file(const char *path, const char *name, const char *text, size_t len, int *fd)
{
	if (file_write(path, text, len) == 0 && (*fd = memfile_new(name, text, len)) != -1)
		return 0;
	log_error("%s: %s", path, strerror(errno));
	return EXIT_FAILED;
}

static int
make_ini(struct survey *s)
{
	struct buf ini;
	int rc;

	buf_init(&ini);
	grab_ini(s->c, &ini);
	rc = make_file(s->ini_file, "zgrab2.ini", ini.data, ini.len, &s->zgrab2_fds[0]);
	buf_fini(&ini);
	return rc;
}

static int
make_block_list(struct survey *s)
{
	struct ipset refuse;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int rc = EXIT_FAILED;

	ipset_init(&refuse);
	ipset_add_set(&refuse, &s->block);
	ipset_add_set(&refuse, &s->opt_out);
	ipset_normalise(&refuse);
	if (f == NULL || ipset_write(&refuse, 0, f) == -1 || fclose(f) != 0)
		log_error("%s: %s", s->block_all_file, strerror(errno));
	else
		rc = make_file(s->block_all_file, "block", text, len, &s->zgrab2_fds[1]);
	ipset_fini(&refuse);
	free(text);
	return rc;
}

static int
make_resolver(struct survey *s)
{
	struct ipset refuse; /* name servers that are not asked either */
	struct dns_settings settings;
	char *dir = path_join(s->dir.path, "resolver");

	dns_settings_from(&settings, s->c);
	if (s->unbound != NULL)
		settings.unbound = s->unbound;
	if (s->stubby != NULL)
		settings.stubby = s->stubby;
	settings.usage = &s->dns_usage;
	ipset_init(&refuse);
	ipset_add_set(&refuse, &s->block);
	ipset_add_set(&refuse, &s->opt_out);
	ipset_normalise(&refuse);
	settings.refuse = &refuse;
	s->resolver = resolver_new(&settings, dir);
	ipset_fini(&refuse);
	free(dir);
	return s->resolver != NULL ? 0 : EXIT_FAILED;
}

int
rights_prepare(struct survey *s)
{
	int rc = survey_resolves(s) ? make_resolver(s) : 0;

	if (rc == 0 && s->until >= STAGE_GRAB)
		rc = make_ini(s);
	if (rc == 0)
		rc = make_block_list(s);
	s->zgrab2_params = (struct zgrab2_params){ .zgrab2 = s->zgrab2,
		.ini_file = "/proc/self/fd/4",
		.block_file = "/proc/self/fd/5",
		.senders = zgrab2_senders(s->c) };
	return rc;
}
_Static_assert(GUARD_TOOL_FD == 4, "the files that zgrab2 is told to read");

/* The tools that this run needs, and how they are started. */
static void
add_tools(struct survey *s, struct outside_options *o)
{
	struct ip from = survey_source(s);

	if (s->zmap != NULL && s->broker.fd == -1)
		o->tools[OUTSIDE_ZMAP] = (struct guard_tool){ .build = zmap_request_build,
			.arg = &s->zmap_params,
			.fds = s->lists.fd,
			.nfds = NLISTS };
	if (s->zgrab2 != NULL)
		o->tools[OUTSIDE_ZGRAB2] = (struct guard_tool){ .build = zgrab2_request_build,
			.arg = &s->zgrab2_params,
			.fds = s->zgrab2_fds,
			.nfds = 2,
			.no_new_privs = true };
	if (s->resolver != NULL)
		resolver_outside(s->resolver, o);
	for (unsigned i = 0; i < s->ncanaries; i++)
		outside_allow_from(
		    o, &s->canaries[i], (uint16_t)s->c->scan.port, SOCK_STREAM, &from);
}

/* The folder of a file: what takes the file's place is read, too. */
static void
add_folder(struct argv *read, const char *path)
{
	char *dir = path_dir(path);

	argv_add(read, dir, NULL);
	free(dir);
}

/* What is read outside the run directory from here on. */
static void
add_reads(const struct config *c, struct argv *read)
{
	struct weak_request weak = { .path = NULL };
	char *opt_outs = realpath(c->scan.opt_out_file, NULL);

	if (c->scan.list[0] != '\0')
		argv_add(read, c->scan.list, NULL);
	if (c->scan.opt_out_file[0] != '\0')
		add_folder(read, c->scan.opt_out_file);
	if (opt_outs != NULL)
		add_folder(read, opt_outs); /* it may be a link into another one */
	weak_configure(&weak, c);
	weak_reads(&weak, read);
	free(opt_outs);
}

int
rights_give_up(struct survey *s)
{
	const struct config *c = s->c;
	char *metrics = c->run.metrics_file[0] != '\0' ? path_dir(c->run.metrics_file) : NULL;
	const char *const write[] = { s->dir.path, metrics, NULL };
	struct sandbox_paths paths = { .write = write };
	struct outside_options o = { .scratch = NULL };
	struct argv read = { .n = 0 };
	char text[SANDBOX_TEXT];
	int rc = EXIT_FAILED;

	manifest_set(&s->m.sandbox, "none");
	if (s->o->no_sandbox || !c->run.sandbox) {
		log_info("no sandbox, as asked for");
		free(metrics);
		return 0;
	}
	add_tools(s, &o);
	if (s->until >= STAGE_GRAPH)
		picture_load_fonts(); /* in a sandbox fontconfig cannot keep what it finds */
	add_reads(c, &read);
	paths.read = (const char *const *)read.v;
	if (outside_start(&s->outside_sandbox, &o) == -1) {
		log_error("sandbox: the process that starts tools cannot be started: %s",
		    strerror(errno));
	} else {
		s->outside = &s->outside_sandbox;
		if (sandbox_confine(SANDBOX_ONLINE, &paths, &s->sandbox) == 0)
			rc = 0;
	}
	if (rc == 0)
		manifest_set(&s->m.sandbox, sandbox_text(&s->sandbox, text));
	argv_free(read.v);
	free(metrics);
	return rc;
}
