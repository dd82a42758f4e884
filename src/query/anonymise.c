/*
 * A copy of a study in which nothing names a host: the study is transformed,
 * then written by the same writers as any other.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/anonymise.h"
#include "survey/buf.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/output.h"
#include "survey/pseudonym.h"
#include "survey/publickey.h"
#include "survey/rundir.h"
#include "survey/transform.h"

#include "kept.h"

#define MARKER "ANONYMISED"
#define MARKER_TEXT                                                                             \
	"An anonymised copy, made by survey: hosts, networks, names and keys are pseudonyms.\n" \
	"This file marks the directory: a later copy may replace it as a whole.\n"
#define MAP_FILE "anonymise.map"

struct renaming {
	const struct study *st;
	unsigned char key[PSEUDONYM_KEY];
};

/* --keep-as: who is kept is kept as it is, everyone else is not there. */
static bool
keep_own(void *arg, const struct study *st, uint32_t host)
{
	return kept_host(arg, st, host);
}

/* Of the run nothing but the plain facts, as in every copy. */
static void
drop_run_text(void *arg, enum study_text_kind kind, const char *s, struct buf *out)
{
	(void)arg;
	if (kind != TEXT_RUN)
		buf_adds(out, s);
}

static struct ip
map_address(void *arg, const struct ip *ip)
{
	struct renaming *r = arg;

	return ip->family == IP_ALIAS ? *ip : pseudonym_address(r->key, ip);
}

/* Names of keys and protocols that a program chose, not a person. */
static bool
is_known_word(const char *word)
{
	static const char *const known[] = { "ssh-rsa", "ssh-dss", "ssh-ed25519", "ssh-ed448",
		"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-256",
		"rsa-sha2-512", "P-224", "P-256", "P-384", "P-521", "RSA", "DSA", "ECDSA",
		"Ed25519", "Ed448", "SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3",
		"2.0", "1.99", "1.5" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(word, known[i]) == 0)
			return true;
	}
	return false;
}

/* Lower case: the same name in another spelling has the same pseudonym. */
static void
rename_name(const struct renaming *r, const char *name, struct buf *out)
{
	bool wild = strncmp(name, "*.", 2) == 0;
	char *lower = xstrdup(wild ? name + 2 : name);

	for (char *c = lower; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	pseudonym_text(r->key, "name", wild ? "*.name-" : "name-", lower, out);
	free(lower);
}

static void
map_text(void *arg, enum study_text_kind kind, const char *s, struct buf *out)
{
	struct renaming *r = arg;

	switch (kind) {
	case TEXT_NAME:
	case TEXT_QUESTION:
		rename_name(r, s, out);
		break;
	case TEXT_ALG:
	case TEXT_VERSION:
		buf_adds(out, is_known_word(s) ? s : "other");
		break;
	case TEXT_GRAB:
		buf_adds(out, s);
		break;
	case TEXT_WRITER:
		buf_adds(out, "survey");
		break;
	case TEXT_RUN: /* names of people and places */
	case TEXT_SOFTWARE:
	case TEXT_KEX:
	case TEXT_CERT:
	case NTEXT_KINDS:
		break;
	}
}

static void
map_fingerprint(void *arg, const uint8_t in[KEY_LEN], uint8_t out[KEY_LEN])
{
	struct renaming *r = arg;

	pseudonym_hash(r->key, "key", in, KEY_LEN, out);
}

/* An AS is its number; two spellings of its name have one pseudonym. */
static void
map_as(void *arg, uint32_t *asn, const char *name, struct buf *out)
{
	struct renaming *r = arg;
	char number[16];

	snprintf(number, sizeof(number), "%u", *asn);
	if (*asn != 0)
		pseudonym_text(r->key, "asn", "network-", number, out);
	else if (name != NULL)
		pseudonym_text(r->key, "as", "network-", name, out);
	*asn = 0;
}

static void
map_host(void *arg, struct study_host *h)
{
	(void)arg;
	memset(h->country, 0, sizeof(h->country));
	h->as_own = false;
	h->time = TIME_UNKNOWN;
}

static void
map_grab(void *arg, struct study_grab *g)
{
	(void)arg;
	g->at = TIME_UNKNOWN;
}

static void
map_cert(void *arg, struct study_cert *c)
{
	(void)arg;
	memset(c->sha256, 0, sizeof(c->sha256));
	c->has_sha256 = false;
	c->not_before = c->not_after = TIME_UNKNOWN;
}

static void
map_run(void *arg, struct study_run_facts *f)
{
	int64_t scan_date = f->scan_date;
	uint32_t pairs_up_to = f->pairs_up_to;

	(void)arg;
	study_run_facts_init(f);
	f->program = "survey " SURVEY_VERSION;
	f->scan_date = scan_date;
	f->pairs_up_to = pairs_up_to;
}

/* Only those that take part. */
static bool
keep_host(void *arg, const struct study *st, uint32_t host)
{
	(void)arg;
	return st->hosts[host].out == OUT_NONE;
}

static int
save(const char *dir, const char *name, const void *data, size_t len)
{
	char *path = path_join(dir, name);
	int rc = file_write(path, data, len);

	if (rc == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	free(path);
	return rc;
}

static bool
has_marker(const char *dir)
{
	char *path = path_join(dir, MARKER);
	struct stat sb;
	bool there = lstat(path, &sb) == 0 && S_ISREG(sb.st_mode);

	free(path);
	return there;
}

static bool
is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool empty = d != NULL;

	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (d != NULL)
		closedir(d);
	return empty;
}

/* May a copy take this directory's place?  Only one that is not there, is empty, or is a copy. */
static int
check_target(const char *dir)
{
	struct stat sb;

	if (lstat(dir, &sb) == -1 && errno == ENOENT)
		return 0;
	if (S_ISDIR(sb.st_mode) && (is_empty(dir) || has_marker(dir)))
		return 0;
	log_error("%s is not empty and no anonymised copy: choose a new directory", dir);
	return -1;
}

/* Put the finished directory in DIR's place, as a whole. */
static int
install(const char *made, const char *dir)
{
	if (renameat2(AT_FDCWD, made, AT_FDCWD, dir, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST && rename(made, dir) == 0)
		return 0; /* it was empty */
	if (has_marker(dir) && renameat2(AT_FDCWD, made, AT_FDCWD, dir, RENAME_EXCHANGE) == 0)
		return file_remove_tree(made);
	return -1;
}

static void
map_line(struct buf *b, const char *kind, const char *copy, const char *original)
{
	buf_printf(b, "%s\t%s\t", kind, copy);
	for (const char *c = original; *c != '\0'; c++)
		buf_addc(b, *c == '\t' || *c == '\n' || *c == '\r' ? ' ' : *c);
	buf_addc(b, '\n');
}

/* Which host and cluster of the copy is which of the run: for the run's own directory. */
static int
write_map(
    const char *dir, const struct study *st, const struct study *copy, const uint32_t *host_of)
{
	char to[IP_STRLEN], from[IP_STRLEN];
	struct buf b;
	int rc;

	buf_init(&b);
	buf_adds(&b, "kind\tcopy\toriginal\n");
	for (uint32_t i = 0; i < copy->nhosts; i++)
		map_line(&b, "host", ip_format(&copy->hosts[i].ip, to),
		    ip_format(&st->hosts[host_of[i]].ip, from));
	for (uint32_t i = 0; i < copy->nclusters; i++) {
		uint32_t first = host_of[study_member(copy, &copy->clusters[i], 0)];

		snprintf(to, sizeof(to), "%u", copy->clusters[i].id);
		snprintf(from, sizeof(from), "%u", st->clusters[st->hosts[first].cluster].id);
		map_line(&b, "cluster", to, from);
	}
	rc = save(dir, MAP_FILE, b.data, b.len);
	buf_fini(&b);
	return rc;
}

/* What run.json tells of scan and versions; nothing of networks, paths and names. */
static int
write_run(const char *dir, const char *from)
{
	struct manifest m;
	struct outfile out;
	int rc;

	if (manifest_read(&m, from) == -1)
		manifest_init_results(&m);
	manifest_anonymise(&m);
	if ((rc = manifest_prepare(&m, dir, &out)) == 0)
		rc = outfile_commit(&out);
	if (rc == -1)
		log_error("cannot write %s/run.json: %s", dir, strerror(errno));
	manifest_fini(&m);
	return rc;
}

static int
write_copy(const struct study *copy, const char *dir, const char *from)
{
	struct output_options o = { .copy = true };
	char *error = NULL;
	int rc = write_run(dir, from);

	if (rc == 0)
		rc = save(dir, MARKER, MARKER_TEXT, strlen(MARKER_TEXT));
	if (rc == 0 && (rc = output_write(copy, dir, &o, &error)) == -1)
		log_error("%s", error);
	free(error);
	return rc;
}

static struct study *
keep_study(const struct study *st, const struct kept *kept, uint32_t **host_of)
{
	struct kept own = *kept;
	struct study_map map = { .arg = &own,
		.keep = keep_own,
		.text = drop_run_text,
		.run = map_run,
		.by_address = true,
		.no_public = true,
		.used_answers = true };

	return study_transform(st, &map, host_of);
}

static struct study *
anonymise_study(const struct study *st, const unsigned char key[PSEUDONYM_KEY], uint32_t **host_of)
{
	struct renaming r = { .st = st };
	struct study_map map = { .arg = &r,
		.keep = keep_host,
		.address = map_address,
		.text = map_text,
		.as = map_as,
		.fingerprint = map_fingerprint,
		.host = map_host,
		.grab = map_grab,
		.cert = map_cert,
		.run = map_run,
		.by_address = true,
		.no_public = true,
		.used_answers = true };
	struct study *copy;

	memcpy(r.key, key, sizeof(r.key));
	copy = study_transform(st, &map, host_of);
	for (uint32_t i = 0; i < copy->nanswers; i++)
		copy->answers[i].at = TIME_UNKNOWN;
	return copy;
}

int
anonymise_begin(const char *output, char **made)
{
	*made = NULL;
	if (check_target(output) == -1)
		return -1;
	*made = xasprintf("%s.survey-XXXXXX", output);
	if (mkdtemp(*made) != NULL)
		return 0;
	log_error("cannot make %s: %s", *made, strerror(errno));
	free(*made);
	*made = NULL;
	return -1;
}

int
anonymise_rundir(const struct anonymise_options *o)
{
	unsigned char key[PSEUDONYM_KEY];
	struct study *st, *copy = NULL;
	struct kept kept = { o->keep_as, o->nkeep_as };
	uint32_t *host_of = NULL, missing;
	const char *made = o->made;
	struct stat sb;
	char *dir;
	int rc = -1;

	if ((st = study_open(o->path, STUDY_ALL, 0)) == NULL)
		return -1;
	dir = stat(o->path, &sb) == 0 && S_ISDIR(sb.st_mode) ? xstrdup(o->path) : path_dir(o->path);
	if ((missing = kept_missing(&kept, st)) != 0) {
		log_error("--keep-as: no host of AS%u takes part in %s", missing, o->path);
		rc = ANONYMISE_USAGE;
		goto out;
	}
	if (pseudonym_key(dir, key) == -1)
		goto out;
	copy = kept.n > 0 ? keep_study(st, &kept, &host_of) : anonymise_study(st, key, &host_of);
	if (write_copy(copy, made, dir) == -1)
		goto out;
	if (kept.n > 0 && kept_write_others(&kept, st, made) == -1) {
		log_error("cannot write %s/others.json: %s", made, strerror(errno));
		goto out;
	}
	if (kept.n == 0 && write_map(dir, st, copy, host_of) == -1)
		goto out;
	if ((rc = install(made, o->output)) == -1)
		log_error("cannot put the copy in the place of %s: %s", o->output, strerror(errno));
out:
	if (rc != 0)
		(void)file_remove_tree(made);
	free(host_of);
	study_free(copy);
	study_free(st);
	free(dir);
	return rc;
}
