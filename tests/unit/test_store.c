/* A study on disk is the study: what is written, opened and written again is equal byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "survey/answers.h"
#include "survey/file.h"
#include "survey/mem.h"
#include "survey/output.h"
#include "survey/publickey.h"
#include "survey/record.h"
#include "survey/store.h"
#include "survey/study_builder.h"
#include "survey/transform.h"

static const char *const files[] = { "clusters.json", "collisions.json",
	"all-key-fingerprints.json", "fingerprints.json", "dogies.json", "verdicts.ndjson",
	"clustersizes.csv", "survey.db" };

struct reading {
	struct study_builder *b;
};

static int
take(const struct record_line *line, void *arg)
{
	struct reading *r = arg;
	bool is_new;
	uint32_t host;

	assert_int_equal(line->refusal, REFUSED_NO);
	host = study_builder_line(r->b, line->host, line->number, &is_new);
	study_builder_out(r->b, host,
	    !study_builder_has_key(r->b, host) ? OUT_NO_KEY
	    : host % 40 == 3		       ? OUT_WRONG_COUNTRY
					       : OUT_NONE);
	return 0;
}

/* Answers of every kind for the names of the study. */
static struct answers *
some_answers(void)
{
	static const char *const names[] = { "notls2.lab.example", "border.lab.example" };
	struct answers *t = answers_new();
	struct ip ips[2] = { ip_from_v4(0xc612142a), ip_from_v4(0xc6121501) };
	struct answer a = { .name = "42.20.18.198.in-addr.arpa",
		.type = DNS_PTR,
		.outcome = DNS_NOERROR,
		.at = 1781524800,
		.ms = 3,
		.ede = DNS_EDE_NONE,
		.names = names,
		.nnames = 2 };

	answers_put(t, &a);
	for (int i = 0; i < 2; i++) {
		a = (struct answer){ .name = names[i],
			.type = DNS_A,
			.outcome = DNS_NOERROR,
			.at = 1781524801,
			.ms = 9,
			.ede = DNS_EDE_NONE,
			.addrs = ips,
			.naddrs = 2 };
		answers_put(t, &a);
	}
	return t;
}

static struct study *
read_study(const char *dir)
{
	struct reading r = { study_builder_new() };
	struct record_counts counts;
	struct record_options o = { .threads = 1 };
	struct answers *answers = some_answers();
	struct study_run_facts f;
	struct study *st;
	char *error = NULL;

	study_builder_spool(r.b, file_unnamed(dir));
	assert_int_equal(record_read(TEST_DIR "/../golden/analyze/samples/zgrab2-lab-46.ndjson.gz",
			     &o, take, &r, &counts, &error),
	    0);
	study_run_facts_init(&f);
	f.program = "survey";
	f.source = "records.ndjson";
	f.countries = "IE";
	f.scan_date = 1782864000;
	f.pairs_up_to = 3;
	f.lines = counts.lines;
	study_builder_set_run(r.b, &f);
	st = study_builder_finish(r.b, answers);
	answers_free(answers);
	assert_non_null(st);
	return st;
}

static void
write_study(const struct study *st, const char *dir)
{
	struct output_options o = { 0 };
	char *error = NULL;

	assert_int_equal(file_mkdirs(dir, 0700), 0);
	assert_int_equal(output_write(st, dir, &o, &error), 0);
	assert_null(error);
}

static void
assert_same(const char *a, const char *b)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *pa = path_join(a, files[i]), *pb = path_join(b, files[i]);
		size_t na, nb;
		char *ta = file_read(pa, 1 << 24, &na), *tb = file_read(pb, 1 << 24, &nb);

		assert_non_null(ta);
		assert_non_null(tb);
		if (na != nb || memcmp(ta, tb, na) != 0)
			fail_msg("%s differs", files[i]);
		free(ta);
		free(tb);
		free(pa);
		free(pb);
	}
}

static void
test_round(void **state)
{
	char dir[] = "/tmp/test_store.XXXXXX";
	static const struct study_map identity;
	struct study *st, *opened, *same;
	char *a, *b, *c, *d;

	(void)state;
	assert_non_null(mkdtemp(dir));
	a = path_join(dir, "a");
	b = path_join(dir, "b");
	c = path_join(dir, "c");
	d = path_join(dir, "d");
	st = read_study(dir);
	assert_true(st->nclusters >= 2 && st->ncerts > 0 && st->nanswers == 3);
	write_study(st, a);
	opened = study_open(a, STUDY_ALL, 0);
	assert_non_null(opened);
	assert_int_equal(opened->bad, 0);
	write_study(opened, b);
	assert_same(a, b);
	same = study_transform(st, &identity, NULL);
	write_study(same, c);
	assert_same(a, c);
	study_free(same);
	same = study_transform(opened, &identity, NULL);
	write_study(same, d);
	assert_same(a, d);
	study_free(same);
	study_free(opened);
	study_free(st);
	assert_int_equal(file_remove_tree(dir), 0);
	free(a);
	free(b);
	free(c);
	free(d);
}

static bool
keep_some(void *arg, const struct study *st, uint32_t host)
{
	(void)arg;
	return st->hosts[host].out == OUT_NONE && host % 3 == 0;
}

/* What a copy for an owner says of the others is on disk, too, and passes a transformation. */
static void
test_left_out(void **state)
{
	static const struct study_map some = { .keep = keep_some, .whole_clusters = true },
				      identity;
	char dir[] = "/tmp/test_store.XXXXXX";
	struct study *st, *kept, *opened, *same;
	uint32_t hosts = 0, others = 0, alone = 0;
	char *a, *b, *c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	a = path_join(dir, "a");
	b = path_join(dir, "b");
	c = path_join(dir, "c");
	st = read_study(dir);
	kept = study_transform(st, &some, NULL);
	write_study(kept, a);
	opened = study_open(a, STUDY_ALL, 0);
	assert_non_null(opened);
	assert_int_equal(opened->bad, 0);
	write_study(opened, b);
	assert_same(a, b);
	same = study_transform(opened, &identity, NULL);
	write_study(same, c);
	assert_same(a, c);
	/* Each cluster has all its hosts: those that are there and those that are counted. */
	for (uint32_t i = 0; i < st->nclusters; i++) {
		uint32_t n = 0;

		for (uint32_t k = 0; k < st->clusters[i].hosts.n; k++)
			n += study_member(st, &st->clusters[i], k) % 3 == 0;
		hosts += n > 0 ? st->clusters[i].hosts.n : 0;
	}
	for (uint32_t i = 0; i < opened->nothers; i++)
		others += opened->others[i].hosts;
	for (uint32_t i = 0; i < opened->nclusters; i++)
		alone += opened->clusters[i].hosts.n == 1;
	assert_true(opened->nothers > 0 && opened->nothers_keys > 0 && alone > 0);
	assert_int_equal(opened->nmembers + others, hosts);
	study_free(same);
	study_free(opened);
	study_free(kept);
	study_free(st);
	assert_int_equal(file_remove_tree(dir), 0);
	free(a);
	free(b);
	free(c);
}

/* A part has the same hosts, keys and numbers of clusters as the whole. */
static void
test_parts(void **state)
{
	char dir[] = "/tmp/test_store.XXXXXX";
	struct study *st, *part;

	(void)state;
	assert_non_null(mkdtemp(dir));
	st = read_study(dir);
	write_study(st, dir);
	part = study_open(dir, STUDY_CLUSTERED, 0);
	assert_int_equal(part->nclusters, st->nclusters);
	assert_int_equal(part->nhosts, st->nmembers);
	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *x = &st->clusters[i], *y = &part->clusters[i];
		struct study *one = study_open(dir, STUDY_ALL & ~(unsigned)STUDY_OTHERS, x->id);

		assert_int_equal(x->id, y->id);
		assert_int_equal(x->hosts.n, y->hosts.n);
		assert_int_equal(x->nshared, y->nshared);
		assert_int_equal(one->nclusters, 1);
		assert_int_equal(one->clusters[0].id, x->id);
		assert_int_equal(one->nhosts, x->hosts.n);
		for (uint32_t k = 0; k < x->hosts.n; k++) {
			const struct study_host *h = &st->hosts[study_member(st, x, k)];

			assert_int_equal(
			    ip_cmp(&h->ip, &part->hosts[study_member(part, y, k)].ip), 0);
			assert_int_equal(ip_cmp(&h->ip, &one->hosts[k].ip), 0);
			assert_int_equal(h->nrcs, one->hosts[k].nrcs);
			assert_int_equal(h->names.n, one->hosts[k].names.n);
		}
		assert_true(study_cluster_digest(st, i) == study_cluster_digest(one, 0));
		study_free(one);
	}
	study_free(part);
	study_free(st);
	assert_int_equal(file_remove_tree(dir), 0);
}

static int64_t
number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int64_t n = -1;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	if (sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* Public keys: those that hash to their fingerprints, and only those. */
static void
test_public(void **state)
{
	char dir[] = "/tmp/test_store.XXXXXX", *error;
	struct study *st;
	sqlite3 *db;

	(void)state;
	assert_non_null(mkdtemp(dir));
	st = read_study(dir);
	write_study(st, dir);
	assert_non_null(db = store_open(dir, &error));
	assert_true(number(db, "SELECT count(*) FROM keys WHERE public_key = 'ok'") > 5);
	assert_int_equal(
	    number(db, "SELECT count(*) FROM keys WHERE public_key <> 'ok' AND "
		       "(modulus IS NOT NULL OR point IS NOT NULL OR bits IS NOT NULL)"),
	    0);
	assert_int_equal(number(db, "SELECT count(*) FROM keys WHERE public_key = 'ok' AND "
				    "type = 'rsa' AND (modulus IS NULL OR exponent IS NULL)"),
	    0);
	assert_int_equal(number(db, "SELECT count(*) FROM keys WHERE kind = 'ssh' AND "
				    "ssh_fp NOT LIKE 'SHA256:%'"),
	    0);
	assert_int_equal(number(db, "SELECT count(*) FROM hosts WHERE out IS NOT NULL AND "
				    "(cluster IS NOT NULL OR csize IS NOT NULL)"),
	    0);
	assert_int_equal(number(db, "SELECT count(*) FROM cluster_hosts"), (int)st->nmembers);
	sqlite3_close(db);
	study_free(st);
	assert_int_equal(file_remove_tree(dir), 0);
}

static int
get_nothing(const struct study *st, uint32_t key, struct public_key *k, struct buf *scratch)
{
	(void)st;
	(void)key;
	(void)k;
	(void)scratch;
	return -1;
}

/* Public keys lie on a disk, which may fail: SQLite knows nothing of that. */
static void
test_public_gone(void **state)
{
	char dir[] = "/tmp/test_store.XXXXXX", *error;
	struct output_options o = { 0 };
	struct study *st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	st = read_study(dir);
	st->public_get = get_nothing;
	assert_int_equal(output_write(st, dir, &o, &error), -1);
	assert_non_null(strstr(error, "survey.db: a public key cannot be read again"));
	free(error);
	study_free(st);
	assert_int_equal(file_remove_tree(dir), 0);
}

static void
put_name(struct study_builder *b, uint32_t host, const char *key, const char *text)
{
	struct study_name n = { .answer = STUDY_NONE, .verdict = NAME_NOT_LOOKED_UP };

	assert_true(study_name_key_parse(key, strlen(key), &n));
	n.text = study_builder_text(b, text, strlen(text));
	study_builder_name(b, host, &n);
}

/* The names' texts and sources, as "name: source source; ". */
static char *
names_in(const char *dir)
{
	char *path = path_join(dir, "survey.db"), *said;
	sqlite3 *db;
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(
		db, "SELECT group_concat(name || ': ' || sources, '; ') FROM names", -1, &s, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	said = xstrdup((const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	sqlite3_close(db);
	free(path);
	return said;
}

/* On disk a host's name is one row with its sources; in memory names are in the order of the ports. */
static void
test_names(void **state)
{
	static const char *const keys[] = { "rdns", "p25dn", "p25san0", "p25san10", "p443dn" };
	char dir[] = "/tmp/test_store.XXXXXX", *path, *said, key[HOST_KEY_SIZE];
	struct study_builder *b = study_builder_new();
	struct study *st;
	struct ip ip = ip_from_v4(0xc6121401);
	uint32_t host = study_builder_address(b, &ip);
	sqlite3 *db;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = path_join(dir, "survey.db");
	put_name(b, host, "p443dn", "a.example");
	put_name(b, host, "p25san10", "b.example");
	put_name(b, host, "p25san0", "c.example");
	put_name(b, host, "rdns", "b.example");
	put_name(b, host, "p25dn", "a.example");
	st = study_builder_finish(b, NULL);
	write_study(st, dir);
	study_free(st);
	said = names_in(dir);
	assert_string_equal(
	    said, "b.example: rdns p25san10; a.example: p25dn p443dn; c.example: p25san0");
	free(said);
	st = study_open(dir, STUDY_ALL, 0);
	assert_int_equal(st->hosts[0].names.n, 5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(study_name_key(&st->names[i], key), keys[i]);
	study_free(st);

	/* What is no source is counted; the others stay. */
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
			     "UPDATE host_names SET sources = 'p25dn  p26dn p25san0 ' WHERE "
			     "sources = 'p25san0'; UPDATE host_names SET sources = '' WHERE "
			     "sources = 'p25dn p443dn'",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	st = study_open(dir, STUDY_ALL, 0);
	assert_int_equal(st->hosts[0].names.n, 4);
	assert_int_equal(st->bad, 4);
	study_free(st);
	free(path);
	assert_int_equal(file_remove_tree(dir), 0);
}

/* What is no survey.db of this schema is told from one. */
static void
test_others(void **state)
{
	char dir[] = "/tmp/test_store.XXXXXX", *path, *error;
	sqlite3 *db;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = path_join(dir, "survey.db");
	assert_false(store_is_there(dir));
	assert_null(store_open(dir, &error));
	free(error);
	assert_int_equal(file_write(path, "no database", 11), 0);
	assert_false(store_is_there(dir));
	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "CREATE TABLE hosts (ip); PRAGMA user_version = 3", NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	assert_null(store_open(path, &error));
	assert_non_null(strstr(error, "newer"));
	free(error);
	free(path);
	assert_int_equal(file_remove_tree(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_public),
		cmocka_unit_test(test_public_gone),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
