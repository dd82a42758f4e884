#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"
#include "survey/text.h"

#include "confine.h"
#include "commands.h"

enum { JSON, NO_SANDBOX };

static const struct command_option options[] = {
	[JSON] = { "json", 0, NULL, "print run.json" },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_status(int argc, char **argv);

const struct command command_status = {
	.name = "status",
	.summary = "Show how far a running, stopped or finished survey is",
	.detail = "While a survey runs its figures are renewed every ten seconds.",
	.operands = { { "RUNDIR", ARG_RUNDIR, 1, 1 } },
	.options = options,
	.run = cmd_status,
};

static void
print_safe(const char *label, const char *text)
{
	struct buf b;

	buf_init(&b);
	escape_terminal(&b, text, strlen(text));
	printf("%-12s %s\n", label, b.data);
	buf_fini(&b);
}

static void
print_stage(const struct manifest *m, int i)
{
	const struct stage_record *r = &m->stages[i];
	double wall = r->wall_s;
	char took[32];

	if (r->state == STAGE_RUNNING && r->started != 0)
		wall = (double)(m->updated - r->started);
	printf("  %-9s %-11s", survey_stage_names[i], stage_state_name[r->state]);
	if (r->started != 0)
		printf(" %8s", text_duration(wall, took, sizeof(took)));
	if (r->state >= STAGE_DONE)
		printf("  %.1f s CPU, %ld MB", r->cpu_s, r->maxrss_kb / 1024);
	printf("\n");
}

static void
print_ports(const struct manifest_counts *n)
{
	for (int row = 0; row < NPORTS; row++) {
		uint64_t sum = 0;

		for (int end = 0; end < GRAB_NENDS; end++)
			sum += n->ports[row][end];
		if (sum == 0)
			continue;
		printf("  port %-4u", port_table[row].port);
		for (int end = 0; end < GRAB_NENDS; end++)
			printf(
			    " %s %llu", grab_end_name[end], (unsigned long long)n->ports[row][end]);
		printf("\n");
	}
}

struct files {
	uint64_t n, bytes, personal, foreign, open;
	char example[128]; /* of those that others can read */
};

static int
count_file(const char *path, const struct rundir_file *file, const struct stat *st, void *arg)
{
	struct files *f = arg;

	f->n++;
	f->bytes += (uint64_t)st->st_size;
	f->foreign += file == NULL;
	f->personal += file != NULL && file->personal;
	if (file != NULL && file->personal && S_ISREG(st->st_mode) &&
	    (st->st_mode & S_IROTH) != 0 && f->open++ == 0)
		snprintf(f->example, sizeof(f->example), "%s", path);
	return 0;
}

/* What lies there, and how much of it is about people. */
static void
print_files(const char *directory)
{
	struct files f = { .n = 0 };
	struct stat st;

	if (rundir_walk(directory, count_file, &f) == -1)
		return;
	printf("%-12s %llu, %.1f MB; %llu with personal data", "files", (unsigned long long)f.n,
	    (double)f.bytes / 1e6, (unsigned long long)f.personal);
	if (f.foreign > 0)
		printf("; %llu that survey did not make", (unsigned long long)f.foreign);
	printf("\n");
	if (f.open > 0 && stat(directory, &st) == 0 && (st.st_mode & S_IXOTH) != 0)
		log_warn("%s: everybody on this machine can read %llu %s with personal data, "
			 "such as %s; chmod -R o= mends it",
		    directory, (unsigned long long)f.open, text_noun(f.open, "file", "files"),
		    f.example);
}

/* Does it wait for its canaries? */
static bool
is_paused(const struct manifest *m, bool locked)
{
	return m->state == RUN_RUNNING && locked && m->canaries.paused_since != 0;
}

static void
print_canaries(const struct manifest_canaries *c)
{
	char when[TIME_SIZE];

	if (c->configured == 0)
		return;
	printf("%-12s %u of %u answer", "canaries", c->answering, c->configured);
	if (c->asked != 0)
		printf(", asked %s", time_format(c->asked, when));
	printf("; paused %llu %s\n", (unsigned long long)c->pauses,
	    text_noun(c->pauses, "time", "times"));
}

/* Of the scan while it goes on, then of the hosts. */
static void
print_progress(const struct manifest *m, bool locked)
{
	const struct manifest_progress *p = &m->progress;
	bool scanning = m->stages[STAGE_SCAN].state != STAGE_DONE;
	char left[32];

	if (p->percent <= 0)
		return;
	printf("%-12s %.1f %% of the %s", "progress", p->percent, scanning ? "scan" : "hosts");
	if (m->state == RUN_RUNNING && locked && m->stages[STAGE_GRAB].state == STAGE_RUNNING)
		printf("; %.1f packets and %.1f hosts a second", p->scan_rate, p->grab_rate);
	if (m->state == RUN_RUNNING && locked && p->left_s > 0)
		printf("; %s left", text_duration(p->left_s, left, sizeof(left)));
	printf("\n");
}

static void
print_manifest(const struct manifest *m, const char *directory, bool locked)
{
	const struct manifest_counts *n = &m->counts;
	size_t done = 0;
	char when[TIME_SIZE];

	print_safe("run", directory);
	if (m->nsessions == 0) { /* of analyze -o, or anonymised */
		printf("%-12s %s, %s; no survey runs in this directory\n", "results",
		    run_state_name[m->state], time_format(m->created, when));
		return;
	}
	print_safe("config", m->config_path != NULL ? m->config_path : "");
	printf("%-12s %s\n", "state",
	    m->state == RUN_RUNNING && !locked ? "interrupted; survey run continues it"
	    : is_paused(m, locked)	       ? "paused"
					       : run_state_name[m->state]);
	if (m->state_text != NULL)
		print_safe("", m->state_text);
	printf("%-12s %s", "started", time_format(m->created, when));
	printf(", last seen %s\n", time_format(m->updated, when));
	print_progress(m, locked);
	for (size_t i = 0; i < m->nshards; i++)
		done += m->shards[i].state == SHARD_DONE;
	for (int i = 0; i < NSTAGES; i++)
		print_stage(m, i);
	printf("%-12s %zu of %zu done, %llu of %llu %s probed\n", "shards", done, m->nshards,
	    (unsigned long long)n->probed, (unsigned long long)n->targets_v4,
	    text_noun(n->targets_v4, "address", "addresses"));
	print_canaries(&m->canaries);
	printf("%-12s %llu %s, %llu out of country, %llu opted out\n", "scan",
	    (unsigned long long)n->hits, text_noun(n->hits, "hit", "hits"),
	    (unsigned long long)n->out_of_country, (unsigned long long)n->opted_out);
	printf("%-12s %llu %s, %llu waiting, %llu given up\n", "grab",
	    (unsigned long long)n->records, text_noun(n->records, "record", "records"),
	    (unsigned long long)n->queued, (unsigned long long)n->given_up);
	printf("%-12s %llu of %llu answered, %llu failed\n", "dns",
	    (unsigned long long)n->dns_answered, (unsigned long long)n->dns_asked,
	    (unsigned long long)n->dns_failed);
	print_ports(n);
}

static int
print_json(const char *directory)
{
	char *path = path_join(directory, "run.json");
	size_t len;
	char *text = file_read(path, 64 << 20, &len);

	free(path);
	if (text == NULL)
		return EXIT_FAILED;
	fwrite(text, 1, len, stdout);
	free(text);
	return EXIT_COMPLETE;
}

static int
print_status(const char *directory, bool json)
{
	struct manifest m;
	bool locked, paused;

	if (manifest_read(&m, directory) == -1) {
		log_error("%s/run.json: %s", directory,
		    errno == EINVAL ? "not a manifest of survey" : strerror(errno));
		return EXIT_USAGE;
	}
	if (json) {
		manifest_fini(&m);
		return print_json(directory);
	}
	locked = rundir_is_locked(directory);
	print_manifest(&m, directory, locked);
	print_files(directory);
	paused = is_paused(&m, locked);
	manifest_fini(&m);
	return paused ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}

static int
cmd_status(int argc, char **argv)
{
	struct command_args a = { .command = &command_status, .argc = argc, .argv = argv };
	bool json = false, no_sandbox = false;
	int opt;

	while ((opt = command_next(&a)) >= 0) {
		json = json || opt == JSON;
		no_sandbox = no_sandbox || opt == NO_SANDBOX;
	}
	if (opt != COMMAND_END)
		return command_ended(opt);
	if (confine(no_sandbox, (const char *const *)argv + a.at, NULL, NULL) == -1)
		return EXIT_FAILED;
	return print_status(argv[a.at], json);
}
