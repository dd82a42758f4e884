#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "study/study_read.h"

#define READ(st, reader, text) reader(st, text, strlen(text))

static const char *
ip_of(const struct study *st, uint32_t host)
{
	return st->hosts[host].ip;
}

static void
test_clusters_json(void **state)
{
	static const char text[] =
	    "[\n"
	    "{\"id\":1,\"size\":2,\"hosts\":[{\"ip\":\"198.18.0.9\",\"ip_record\":7,\"asn\":64500,"
	    "\"as\":\"A\"},"
	    "{\"ip\":\"198.18.0.1\",\"ip_record\":2,\"asn\":64501,\"as\":\"B } ] \\\" "
	    "\"}],\"keys\":["
	    "{\"fp\":\"bb\",\"kind\":\"tls\",\"at\":[[\"198.18.0.1\",\"p443\"]]},"
	    "{\"fp\":\"aa\",\"kind\":\"ssh\",\"at\":[[\"198.18.0.1\",\"p22\"],[\"198.18.0.9\","
	    "\"p22\"],"
	    "[\"198.18.0.9\",\"p25\"],[\"198.18.0.77\",\"p25\"],[\"198.18.0.9\",\"p9\"],[\"x\"]]}]}"
	    ",\n"
	    "{\"id\":0}, {\"no\":1}, {\"broken\": tru},\n"
	    "{\"id\":5,\"size\":2,\"hosts\":[{\"ip\":\"a\"},{\"ip\":\"b\",\"ip_record\":1},{}],"
	    "\"keys\":[{\"fp\":\"cc\",\"at\":[[\"a\",\"p25\"],[\"b\",\"p25\"]]}]}\n,]\n";
	struct study *st = study_new();

	(void)state;
	READ(st, study_read_clusters, text);
	study_finish(st);
	assert_int_equal(st->nclusters, 2);
	assert_int_equal(st->clusters[0].id, 1);
	assert_int_equal(st->clusters[1].id, 5);
	assert_int_equal(st->nhosts, 4);
	assert_string_equal(ip_of(st, 0), "198.18.0.1"); /* by record within its cluster */
	assert_string_equal(ip_of(st, 1), "198.18.0.9");
	assert_int_equal(st->clusters[0].nkeys, 2);
	assert_int_equal(st->clusters[0].nshared, 1);
	assert_string_equal(st->keys[st->clusters[0].key0].fp, "aa"); /* shared keys come first */
	assert_int_equal(st->keys[0].nhosts, 2);
	assert_int_equal(st->keys[0].nuse, 3);
	assert_true(st->keys[0].ssh && st->keys[0].tls);
	assert_int_equal(st->clusters[0].nas, 2);
	assert_int_equal(st->hosts[1].nuse, 2);
	assert_int_equal(st->uses[st->by_host[st->hosts[1].use0]].port, 22);
	assert_string_equal(st->ases[st->hosts[0].as].name, "B } ] \" ");
	assert_int_equal(study_find_host(st, "198.18.0.9", 10), 1);
	assert_int_equal(study_find_host(st, "198.18.0.", 9), STUDY_NONE);
	/* A host that is not in the cluster, an unknown port, half a use; id 0, no id, no JSON; no ip. */
	assert_int_equal(st->bad, 7);
	study_free(st);
}

static void
test_torn_file(void **state)
{
	struct study *st = study_new();

	(void)state;
	READ(st, study_read_clusters, "[{\"id\":1,\"hosts\":[{\"ip\":\"a\"}");
	study_finish(st);
	assert_int_equal(st->nclusters, 0);
	assert_int_equal(st->bad, 1);
	study_free(st);
}

/* Old numbers may split a component; the pairs decide. */
static void
test_collisions_by_pairs(void **state)
{
	static const char text[] =
	    "[{\"ip\":\"10.0.0.1\",\"ip_record\":4,\"asn\":\"X\",\"asndec\":1,\"clusternum\":1,"
	    "\"fprints\":{\"p22\":\"k1\"},\"rcs\":{\"9\":{\"ip\":\"10.0.0.2\",\"str_colls\":\"p22=="
	    "p22;\"}},"
	    "\"analysis\":{\"p22\":{\"rsalen\":2048},\"nameset\":{\"besty\":[\"rdns\"],\"rdns\":"
	    "\"a.ie\","
	    "\"p25dn\":\"b.ie\",\"p25dn-ip\":\"10.9.9.9\",\"rdns-seen\":\"2026\",\"allbad\":false,"
	    "\"banner\":\"c.ie\",\"unknown\":[\"banner\"],\"p443dn\":\"d.ie\"}}},"
	    "{\"ip\":\"10.0.0.2\",\"ip_record\":9,\"clusternum\":2,\"fprints\":{\"p22\":\"k1\","
	    "\"p25\":\"k2\"},"
	    "\"rcs\":{\"4\":{\"ip\":\"10.0.0.1\",\"str_colls\":\"p22==p22;\"},"
	    "\"11\":{\"ip\":\"10.0.0.3\",\"str_colls\":\"p25==p443;\"}}},"
	    "{\"ip\":\"10.0.0.3\",\"ip_record\":11,\"clusternum\":3,\"fprints\":{\"p443\":\"k9\"},"
	    "\"rcs\":{\"9\":{\"ip\":\"10.0.0.2\",\"str_colls\":\"p443==p25;\"}}},"
	    "{\"ip\":\"10.0.0.8\",\"ip_record\":1,\"clusternum\":7,\"rcs_truncated\":true,\"rcs\":{"
	    "}},"
	    "{\"ip\":\"10.0.0.7\",\"ip_record\":0,\"clusternum\":7,\"rcs_truncated\":true,\"rcs\":{"
	    "}},"
	    "{\"ip\":\"10.0.0.6\",\"ip_record\":3,\"clusternum\":7,\"rcs\":{}},]";
	struct study *st = study_new();
	const struct study_host *h;

	(void)state;
	READ(st, study_read_collisions, text);
	study_finish(st);
	assert_int_equal(st->nclusters, 2);
	assert_int_equal(
	    st->clusters[0].nhosts, 2); /* truncated ones, joined by number; lowest record */
	assert_string_equal(ip_of(st, 0), "10.0.0.7");
	assert_int_equal(st->clusters[1].nhosts, 3);
	assert_int_equal(st->clusters[1].nshared, 2);
	h = &st->hosts[study_find_host(st, "10.0.0.6", 8)];
	assert_int_equal(h->cluster, STUDY_NONE);
	h = &st->hosts[study_find_host(st, "10.0.0.1", 8)];
	assert_int_equal(h->nnames, 4);
	assert_int_equal(h->verdict, STUDY_GOOD);
	for (uint32_t i = 0; i < h->nnames; i++) {
		const struct study_name *n = &st->names[h->name0 + i];
		enum study_verdict want = strcmp(n->key, "rdns") == 0	  ? STUDY_GOOD
					  : strcmp(n->key, "p25dn") == 0  ? STUDY_BAD
					  : strcmp(n->key, "banner") == 0 ? STUDY_UNKNOWN
									  : STUDY_NXDOMAIN;

		assert_int_equal(n->verdict, want);
	}
	assert_int_equal(h->nports, 1);
	assert_int_equal(st->ports[h->port0].bits, 2048);
	/* p25 = p443 is by no key that fprints shows: one key without a fingerprint, on those ports. */
	h = &st->hosts[study_find_host(st, "10.0.0.3", 8)];
	assert_int_equal(h->nuse, 2);
	assert_int_equal(st->uses[st->by_host[h->use0]].port, 443);
	study_free(st);
}

/* A key and a host that stand in two clusters: still each cluster's keys are its own hosts'. */
static void
test_keys_across_clusters(void **state)
{
	struct study *st = study_new();

	(void)state;
	READ(st, study_read_clusters,
	    "[{\"id\":1,\"hosts\":[{\"ip\":\"a\"},{\"ip\":\"b\"}],"
	    "\"keys\":[{\"fp\":\"aa\",\"at\":[[\"a\",\"p25\"],[\"b\",\"p25\"]]}]},"
	    "{\"id\":2,\"hosts\":[{\"ip\":\"c\"},{\"ip\":\"d\"},{\"ip\":\"b\"}],"
	    "\"keys\":[{\"fp\":\"aa\",\"at\":[[\"c\",\"p25\"],[\"d\",\"p22\"],[\"d\",\"p25\"]]},"
	    "{\"fp\":\"bb\",\"at\":[[\"d\",\"p25\"],[\"b\",\"p25\"]]}]}]");
	study_finish(st);
	assert_int_equal(st->nclusters, 2);
	assert_int_equal(st->nkeys, 3);
	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];

		assert_true(c->nkeys > 0);
		for (uint32_t k = c->key0; k < c->key0 + c->nkeys; k++) {
			const struct study_key *key = &st->keys[k];

			assert_true(key->nuse > 0);
			for (uint32_t u = key->use0; u < key->use0 + key->nuse; u++) {
				assert_int_equal(st->uses[u].key, k);
				assert_int_equal(st->hosts[st->uses[u].host].cluster, i);
			}
		}
	}
	assert_false(st->keys[st->clusters[0].key0].ssh);
	study_free(st);
}

static void
test_a_nul_ends_a_text(void **state)
{
	struct study *st = study_new();

	(void)state;
	READ(st, study_read_clusters,
	    "[{\"id\":1,\"hosts\":[{\"ip\":\"a\\u0000b\",\"as\":\"x\\u0000y\"},{\"ip\":\"a\","
	    "\"as\":\"x\"}],"
	    "\"keys\":[]}]");
	study_finish(st);
	assert_int_equal(st->nhosts, 1);
	assert_string_equal(st->ases[st->hosts[0].as].name, "x");
	study_free(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clusters_json),
		cmocka_unit_test(test_torn_file),
		cmocka_unit_test(test_collisions_by_pairs),
		cmocka_unit_test(test_keys_across_clusters),
		cmocka_unit_test(test_a_nul_ends_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
