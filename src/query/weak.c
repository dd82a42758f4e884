#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/argv.h"
#include "survey/buf.h"
#include "survey/command.h"
#include "survey/config.h"
#include "survey/file.h"
#include "survey/finding.h"
#include "survey/hex.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/print.h"
#include "survey/publickey.h"
#include "survey/rundir.h"
#include "survey/store.h"
#include "survey/study.h"
#include "survey/text.h"
#include "survey/weak.h"
#include "survey/weakkeys.h"

#include "weak_json.h"

#define COPY_MARKER "ANONYMISED"
#define FACTORS_HEAD \
	"# fingerprint of a key, and two factors of its modulus: private keys follow from them\n"

/* Where the primes of badkeys are when install-deps.sh --with-badkeys has fetched them. */
static const char *const primes_places[] = { SURVEY_DATADIR "/primes",
	"/usr/local/share/survey/primes", "/usr/share/survey/primes" };

/* Where the list is that comes with us. */
static const char *const lists_places[] = { SURVEY_DATADIR "/known-keys.txt",
	"/usr/local/share/survey/known-keys.txt", "/usr/share/survey/known-keys.txt" };

struct weak_job {
	const struct weak_request *o;
	struct study *st;
	struct arena bytes; /* of the public keys */
	struct weak_key *keys;
	struct weak_costs costs;
	int factors; /* descriptor, or -1 */
	int factors_error; /* errno */
	uint64_t nfactors;
};

/* ---- what may be tested ---- */

static int
check_path(const struct weak_request *o)
{
	char *marker = path_join(o->path, COPY_MARKER);
	bool copy = access(marker, F_OK) == 0;
	struct stat sb;
	int rc = -1;

	free(marker);
	if (stat(o->path, &sb) == -1)
		log_error("%s: %s", o->path, strerror(errno));
	else if (!S_ISDIR(sb.st_mode))
		log_error(
		    "%s: %s is a file; name the directory of a run, whose results it can keep",
		    o->command, o->path);
	else if (copy)
		log_error(
		    "%s: %s is an anonymised copy, which has no public keys; name the run that "
		    "it was made from",
		    o->command, o->path);
	else if (!store_is_there(o->path))
		log_error("%s: %s has no survey.db of this version; `survey analyze %s` makes one",
		    o->command, o->path, o->path);
	else
		rc = 0;
	return rc;
}

static int
lock(const struct weak_request *o)
{
	int fd = rundir_lock(o->path);

	if (fd == -1 && errno == EWOULDBLOCK)
		log_error("%s: a running survey or analysis writes there; wait for it", o->path);
	else if (fd == -1)
		log_error("%s/%s: %s", o->path, RUNDIR_LOCK, strerror(errno));
	return fd;
}

static struct octets
keep(struct arena *a, struct octets o)
{
	uint8_t *copy;

	if (o.len == 0)
		return (struct octets){ NULL, 0 };
	copy = arena_alloc(a, o.len);
	memcpy(copy, o.data, o.len);
	return (struct octets){ copy, o.len };
}

/* Whether a server signs with SHA-1 only is known where one of them offered its algorithms. */
static void
load_signatures(struct weak_job *j)
{
	const struct study *st = j->st;

	for (uint32_t i = 0; i < st->nkeys; i++)
		j->keys[i].sha1_only = FACT_UNKNOWN;
	for (uint32_t i = 0; i < st->ngrabs; i++) {
		const struct study_grab *g = &st->grabs[i];
		const char *alg = study_text(st, g->alg);
		uint8_t fact = g->sha1_only;

		if (g->kind != KEY_SSH_HOST || g->key == STUDY_NONE)
			continue;
		if (alg != NULL && strcmp(alg, "ssh-rsa") != 0)
			fact = FACT_NO; /* no other key has a choice of digests */
		if (fact == FACT_YES ||
		    (fact == FACT_NO && j->keys[g->key].sha1_only == FACT_UNKNOWN))
			j->keys[g->key].sha1_only = fact;
	}
}

static int
load_keys(struct weak_job *j)
{
	const struct study *st = j->st;
	struct buf scratch;
	int rc = 0;

	buf_init(&scratch);
	j->keys = xcalloc((size_t)st->nkeys + 1, sizeof(*j->keys));
	load_signatures(j);
	for (uint32_t i = 0; i < st->nkeys && rc == 0; i++) {
		const struct study_key *from = &st->keys[i];
		struct weak_key *k = &j->keys[i];

		memcpy(k->fp, from->fp, KEY_LEN);
		k->kind = from->kind;
		k->result = from->public_key;
		if (from->public_key != PUBLIC_OK)
			continue;
		if (st->public_get == NULL || st->public_get(st, i, &k->key, &scratch) == -1) {
			log_error("%s/%s: a public key cannot be read: %s", j->o->path, STORE_FILE,
			    strerror(errno));
			rc = -1;
		}
		k->key.modulus = keep(&j->bytes, k->key.modulus);
		k->key.exponent = keep(&j->bytes, k->key.exponent);
		k->key.point = keep(&j->bytes, k->key.point);
		k->key.generator = keep(&j->bytes, k->key.generator);
	}
	buf_fini(&scratch);
	return rc;
}

/* ---- --primes FILE ---- */

static int
open_factors(struct weak_job *j)
{
	const char *path = j->o->factors;

	if (path == NULL)
		return 0;
	j->factors = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (j->factors == -1) {
		log_error("%s: %s%s", path, strerror(errno),
		    errno == EEXIST ? "; factors are written into a new file only" : "");
		return -1;
	}
	if (file_write_fd(j->factors, FACTORS_HEAD, strlen(FACTORS_HEAD)) == -1)
		j->factors_error = errno;
	return 0;
}

static void
take_factors(uint32_t key, const char *p, const char *q, void *arg)
{
	struct weak_job *j = arg;
	size_t size = 2 * KEY_LEN + strlen(p) + strlen(q) + 4;
	char *line = xmalloc(size);
	size_t len = 2 * KEY_LEN;

	hex_format(j->keys[key].fp, KEY_LEN, line);
	len += (size_t)snprintf(line + len, size - len, " %s %s\n", p, q);
	if (j->factors_error == 0 && file_write_fd(j->factors, line, len) == -1)
		j->factors_error = errno;
	j->nfactors++;
	explicit_bzero(line, size);
	free(line);
}

static int
close_factors(struct weak_job *j, int status)
{
	if (j->factors == -1)
		return status;
	if (j->factors_error == 0 && fsync(j->factors) == -1)
		j->factors_error = errno;
	close(j->factors);
	if (j->factors_error != 0) {
		log_error("%s: %s", j->o->factors, strerror(j->factors_error));
		status = EXIT_FAILED;
	}
	if (status != EXIT_COMPLETE && status != EXIT_INCOMPLETE)
		unlink(j->o->factors);
	else
		log_warn(
		    "%s has factors of %llu moduli, from which private keys follow; nobody else "
		    "may read it",
		    j->o->factors, (unsigned long long)j->nfactors);
	return status;
}

/* ---- results ---- */

static void
tell_stopped(const struct weak_request *o)
{
	log_warn("stopped; earlier results in %s are as they were", o->path);
}

/* survey.db and weak.json, both under temporary names, then both under their own. */
static int
commit(struct weak_job *j)
{
	const char *dir = j->o->path;
	char *db_path = path_join(dir, STORE_FILE), *json_path = path_join(dir, FINDINGS_FILE);
	struct outfile db = { .f = NULL }, json = { .f = NULL };
	struct outfile *const both[] = { &db, &json };
	char *error = NULL;
	int rc = -1;

	if (outfile_open(&db, db_path) == 0 && outfile_open(&json, json_path) == 0 &&
	    weak_json_write(j->st, json.f) == 0 &&
	    store_write(j->st, NULL, &db, j->o->stop, &error) == 0)
		rc = outfile_commit_all(both, 2);
	if (rc != 0 && error == NULL && j->o->stop != NULL && *j->o->stop != 0)
		tell_stopped(j->o);
	else if (rc != 0 && error == NULL)
		log_error("%s: %s", dir, strerror(errno));
	else if (rc != 0)
		log_error("%s", error);
	outfile_abort(&db);
	outfile_abort(&json);
	free(error);
	free(db_path);
	free(json_path);
	return rc;
}

static void
report_costs(const struct weak_costs *c)
{
	const struct cost *rows[] = { &c->plants, &c->single, &c->batch };

	for (size_t i = 0; i < 3; i++)
		log_info("%-28s %10llu %9.3f %9.3f", rows[i]->name,
		    (unsigned long long)rows[i]->calls, (double)rows[i]->wall_ns / 1e9,
		    (double)rows[i]->cpu_ns / 1e9);
	if (c->file_bytes > 0)
		log_info("batch GCD put %.1f MB aside in a file", (double)c->file_bytes / 1e6);
}

/* "; not checked: known-primes, lists; 3 keys could not be tested" */
static void
tell_unchecked(const struct findings *all, struct buf *b)
{
	const char *between = "; not checked: ";

	for (int i = 0; i < NCHECKS; i++) {
		if (all->checks[i].made)
			continue;
		buf_printf(b, "%s%s", between, finding_check_name((enum finding_check)i));
		between = ", ";
	}
	if (all->nskipped > 0)
		buf_printf(b, "; %zu %s could not be tested, or not in full", all->nskipped,
		    text_noun(all->nskipped, "key", "keys"));
}

/* Name the lists and primes that were asked for and could not be read.  Returns an exit_status. */
static int
report_faults(const struct weak_request *o, const struct findings *all)
{
	const char *primes = all->checks[CHECK_KNOWN_PRIMES].why;
	int status = EXIT_COMPLETE;

	for (size_t i = 0; i < all->nlists; i++) {
		const struct finding_list *l = &all->lists[i];

		if (l->bad > 0)
			log_warn("the list of known keys \"%s\": %llu %s", l->name,
			    (unsigned long long)l->bad,
			    text_noun(
				l->bad, "line is no fingerprint", "lines are no fingerprints"));
		if (l->error != NULL) {
			log_warn(
			    "the list of known keys \"%s\" is left out: %s", l->name, l->error);
			status = EXIT_INCOMPLETE;
		}
	}
	if (o->nprimes > 0 && primes != NULL) {
		log_warn("known primes: %s", primes);
		status = EXIT_INCOMPLETE;
	}
	return status;
}

/* Say in a line what was found, and what was not looked at.  Returns an exit_status. */
static int
report(const struct weak_job *j)
{
	const struct findings *all = j->st->findings;
	uint64_t count[FINDING_NSEVERITIES] = { 0 };
	const char *name = j->o->name != NULL ? j->o->name : j->o->path;
	struct buf b;

	for (size_t i = 0; i < all->nfindings; i++)
		count[finding_kinds[all->findings[i].kind].severity]++;
	buf_init(&b);
	buf_adds(&b, "weak keys:");
	for (int i = 0; i < FINDING_NSEVERITIES; i++)
		buf_printf(&b, "%s %llu %s", i > 0 ? "," : "", (unsigned long long)count[i],
		    finding_severity_name((enum finding_severity)i));
	buf_printf(&b, " %s", text_noun(all->nfindings, "finding", "findings"));
	tell_unchecked(all, &b);
	if (count[FINDING_CRITICAL] + count[FINDING_HIGH] > 0)
		log_warn("%s (%s/%s)", b.data, name, FINDINGS_FILE);
	else
		log_info("%s (%s/%s)", b.data, name, FINDINGS_FILE);
	buf_fini(&b);
	if (j->o->costs)
		report_costs(&j->costs);
	return report_faults(j->o, all);
}

static const struct print_column columns[] = { { "severity", NULL, 0 }, { "kind", NULL, 0 },
	{ "fp", "key", 64 }, { "key_kind", "of", 0 }, { "type", NULL, 0 }, { "bits", NULL, 0 },
	{ "hosts", NULL, 0 }, { "ip", "first host", 0 }, { "port", NULL, 0 }, { NULL } };

static void
put(struct print *p, const char *s)
{
	print_text(p, s, strlen(s));
}

static void
print_finding(struct print *p, const struct study *st, const struct finding *f)
{
	static const enum print_style styles[FINDING_NSEVERITIES] = { PRINT_ALARM, PRINT_ALARM,
		PRINT_WARN, PRINT_PLAIN };
	const struct finding_kind_def *kind = &finding_kinds[f->kind];
	const struct study_key *k = &st->keys[f->key];
	char fp[2 * KEY_LEN + 1], ip[IP_STRLEN];

	print_style(p, styles[kind->severity]);
	put(p, finding_severity_name(kind->severity));
	put(p, kind->name);
	hex_format(k->fp, KEY_LEN, fp);
	put(p, fp);
	put(p, k->kind == KEY_SSH_HOST ? "ssh" : "tls");
	if (k->public_key == PUBLIC_OK)
		put(p, public_type_name((enum public_type)k->type));
	else
		print_none(p);
	if (k->bits > 0)
		print_uint(p, k->bits);
	else
		print_none(p);
	print_uint(p, k->nhosts);
	if (k->uses.n > 0) {
		const struct study_use *u = &st->uses[k->uses.at];

		put(p, ip_format(&st->hosts[u->host].ip, ip));
		put(p, port_table[u->port].name);
	}
	print_row(p);
}

/* Returns 0, or -1 after a message. */
static int
print(const struct weak_job *j)
{
	const struct findings *all = j->st->findings;
	struct print p;
	struct buf b;
	int rc = 0;

	buf_init(&b);
	print_init(&p, (enum print_format)j->o->format, &b, j->o->colour);
	print_table(&p, NULL, columns);
	for (size_t i = 0; i < all->nfindings; i++)
		print_finding(&p, j->st, &all->findings[i]);
	print_table_end(&p);
	print_fini(&p);
	if (fwrite(b.data, 1, b.len, stdout) != b.len || fflush(stdout) != 0) {
		log_error("%s: standard output: %s", j->o->command, strerror(errno));
		rc = -1;
	}
	buf_fini(&b);
	return rc;
}

/* The list that comes with us, or NULL where it is not installed. */
static const char *
own_list(void)
{
	for (size_t i = 0; i < sizeof(lists_places) / sizeof(lists_places[0]); i++) {
		if (access(lists_places[i], R_OK) == 0)
			return lists_places[i];
	}
	return NULL;
}

static int
test(struct weak_job *j)
{
	const struct weak_request *o = j->o;
	const char *own = own_list();
	struct weak_options w = { .threads = o->threads,
		.memory = o->memory,
		.dir = o->path,
		.lists = o->nlists > 0 ? o->lists : &own,
		.nlists = o->nlists > 0 ? o->nlists : own != NULL,
		.primes = o->nprimes > 0 ? o->primes : primes_places,
		.nprimes = o->nprimes > 0 ? o->nprimes
					  : sizeof(primes_places) / sizeof(primes_places[0]),
		.stop = o->stop,
		.factors = j->factors != -1 ? take_factors : NULL,
		.arg = j };
	struct findings *found = xcalloc(1, sizeof(*found));
	enum weak_status status;
	char *error;

	status = weak_run(j->keys, j->st->nkeys, &w, found, &j->costs, &error);
	if (status != WEAK_DONE) {
		if (status == WEAK_STOPPED)
			tell_stopped(o);
		else
			log_error("weak keys: %s", error);
		free(error);
		free(found);
		return status == WEAK_STOPPED ? EXIT_STOPPED : EXIT_FAILED;
	}
	if (j->st->findings != NULL)
		findings_fini(j->st->findings);
	free(j->st->findings);
	j->st->findings = found;
	return 0;
}

static int
run(struct weak_job *j)
{
	int status;

	if ((j->st = study_open(j->o->path, STUDY_ALL, 0)) == NULL || load_keys(j) == -1)
		return EXIT_FAILED;
	if ((status = test(j)) == 0) {
		if (commit(j) == 0)
			status = report(j);
		else
			status = j->o->stop != NULL && *j->o->stop != 0 ? EXIT_STOPPED
									: EXIT_FAILED;
	}
	if (j->o->print && (status == EXIT_COMPLETE || status == EXIT_INCOMPLETE) && print(j) == -1)
		status = EXIT_FAILED;
	return status;
}

static int
lock_and_run(struct weak_job *j)
{
	const struct weak_request *o = j->o;
	int fd = -1, status;

	if (o->give_up != NULL && (status = o->give_up(o, o->arg)) != 0)
		return status;
	if (check_path(o) == -1 || (!o->locked && (fd = lock(o)) == -1))
		return EXIT_USAGE;
	status = run(j);
	if (fd != -1)
		close(fd);
	return status;
}

int
weak_rundir(const struct weak_request *o)
{
	struct weak_job j = { .o = o, .factors = -1 };
	int status;

	if (open_factors(&j) == -1)
		return EXIT_USAGE;
	arena_init(&j.bytes);
	status = close_factors(&j, lock_and_run(&j));
	study_free(j.st);
	free(j.keys);
	arena_fini(&j.bytes);
	return status;
}

void
weak_reads(const struct weak_request *o, struct argv *paths)
{
	for (size_t i = 0; i < o->nlists; i++) {
		const char *list = weak_list_path(o->lists[i]);
		char *dir = path_dir(list), *names = path_join(dir, WEAK_LIST_NAMES);

		argv_add(paths, list, names, NULL);
		free(dir);
		free(names);
	}
	for (size_t i = 0; i < o->nprimes; i++)
		argv_add(paths, o->primes[i], NULL);
	for (size_t i = 0; i < sizeof(primes_places) / sizeof(primes_places[0]); i++)
		argv_add(paths, primes_places[i], NULL);
	for (size_t i = 0; i < sizeof(lists_places) / sizeof(lists_places[0]); i++)
		argv_add(paths, lists_places[i], NULL);
}

void
weak_configure(struct weak_request *o, const struct config *c)
{
	if (o->memory == 0)
		o->memory = (size_t)c->weak.memory_bytes;
	if (o->nlists == 0) {
		o->lists = (const char *const *)c->weak.blocklists.v;
		o->nlists = c->weak.blocklists.n;
	}
	if (o->nprimes == 0) {
		o->primes = (const char *const *)c->weak.primes.v;
		o->nprimes = c->weak.primes.n;
	}
}

struct config *
weak_run_config(const char *dir)
{
	struct config *c;

	if (rundir_own_config(dir, &c) == -1)
		log_warn(
		    "%s: its config cannot be used, so the section weak has its defaults", dir);
	return c;
}
