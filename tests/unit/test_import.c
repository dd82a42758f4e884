#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "survey/mem.h"
#include "survey/study.h"
#include "survey/transform.h"

#include "store/gather.h"

/* Fingerprints. */
#define AA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BB "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CC "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

#define READ(im, reader, text) reader(im, text, strlen(text))

static struct study *
finish(struct gather *im)
{
	struct study *st = gather_finish(im);

	gather_free(im);
	return st;
}

static const char *
ip_of(const struct study *st, uint32_t host)
{
	static char text[IP_STRLEN];

	return ip_format(&st->hosts[host].ip, text);
}

static uint32_t
find(const struct study *st, const char *text)
{
	struct ip ip;

	assert_true(ip_parse_any(text, strlen(text), &ip));
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (ip_cmp(&st->hosts[i].ip, &ip) == 0)
			return i;
	}
	return STUDY_NONE;
}

static const struct study_host *
host(const struct study *st, const char *text)
{
	uint32_t i = find(st, text);

	assert_int_not_equal(i, STUDY_NONE);
	return &st->hosts[i];
}

/* Is the fingerprint this byte over and over? */
static bool
is_key(const struct study *st, uint32_t key, uint8_t byte)
{
	for (size_t i = 0; i < KEY_LEN; i++) {
		if (st->keys[key].fp[i] != byte)
			return false;
	}
	return st->keys[key].named;
}

/* What must hold of any study. */
static void
check(const struct study *st)
{
	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];

		assert_true(i == 0 || c->id > c[-1].id);
		assert_true(c->hosts.n > 1);
		for (uint32_t k = 0; k < c->hosts.n; k++) {
			uint32_t h = study_member(st, c, k);

			assert_int_equal(st->hosts[h].cluster, i);
			assert_int_equal(st->place[h], c->hosts.at + k);
			assert_true(k == 0 || h > study_member(st, c, k - 1));
		}
		for (uint32_t k = 0; k < c->keys.n; k++) {
			uint32_t key = study_cluster_key(st, c, k);
			const struct study_key *ck = &st->keys[key];

			assert_true(ck->uses.n > 0);
			assert_int_equal(ck->nhosts > 1, k < c->nshared);
			for (uint32_t u = ck->uses.at; u < ck->uses.at + ck->uses.n; u++) {
				assert_int_equal(st->uses[u].key, key);
				assert_int_equal(st->hosts[st->uses[u].host].cluster, i);
			}
		}
	}
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
	    "{\"fp\":\"" BB "\",\"kind\":\"tls\",\"at\":[[\"198.18.0.1\",\"p443\"]]},"
	    "{\"fp\":\"" AA "\",\"kind\":\"ssh\",\"at\":[[\"198.18.0.1\",\"p22\"],[\"198.18.0.9\","
	    "\"p22\"],"
	    "[\"198.18.0.9\",\"p25\"],[\"198.18.0.77\",\"p25\"],[\"198.18.0.9\",\"p9\"],[\"x\"]]}]}"
	    ",\n"
	    "{\"id\":0}, {\"no\":1}, {\"broken\": tru},\n"
	    "{\"id\":5,\"size\":2,\"hosts\":[{\"ip\":\"198.19.0.1\"},{\"ip\":\"198.19.0.2\","
	    "\"ip_record\":1},{}],"
	    "\"keys\":[{\"fp\":\"" CC
	    "\",\"at\":[[\"198.19.0.1\",\"p25\"],[\"198.19.0.2\",\"p25\"]]}]}\n,]\n";
	struct gather *im = gather_new();
	const struct study_cluster *c;
	const struct study_key *k;
	struct study *st;

	(void)state;
	READ(im, gather_clusters, text);
	st = finish(im);
	check(st);
	assert_int_equal(st->nclusters, 2);
	c = &st->clusters[0];
	assert_int_equal(c->id, 1); /* not by record: they are called so */
	assert_int_equal(st->clusters[1].id, 5);
	assert_int_equal(st->nhosts, 4);
	assert_string_equal(ip_of(st, 0), "198.19.0.1"); /* by record */
	assert_string_equal(ip_of(st, study_member(st, c, 0)), "198.18.0.1");
	assert_string_equal(ip_of(st, study_member(st, c, 1)), "198.18.0.9");
	assert_int_equal(c->keys.n, 2);
	assert_int_equal(c->nshared, 1);
	assert_true(is_key(st, study_cluster_key(st, c, 0), 0xaa)); /* shared keys come first */
	k = &st->keys[study_cluster_key(st, c, 0)];
	assert_int_equal(k->nhosts, 2);
	assert_int_equal(k->uses.n, 3);
	assert_true(k->ssh && k->tls);
	assert_int_equal(c->nases, 2);
	assert_int_equal(host(st, "198.18.0.9")->grabs.n, 2);
	assert_int_equal(st->grabs[host(st, "198.18.0.9")->grabs.at].port, 0);
	assert_string_equal(study_text(st, st->ases[host(st, "198.18.0.1")->as].name), "B } ] \" ");
	assert_int_equal(find(st, "198.18.0.9"), 3);
	assert_int_equal(find(st, "198.18.0.2"), STUDY_NONE);
	/* A host that is not in the cluster, an unknown port, half a use; id 0, no id, no JSON; no ip. */
	assert_int_equal(st->bad, 7);
	assert_int_equal(st->odd_keys, 0);
	study_free(st);
}

static void
test_torn_file(void **state)
{
	struct gather *im = gather_new();
	struct study *st;

	(void)state;
	READ(im, gather_clusters, "[{\"id\":1}, {\"note\":\"] }\"}\n]\n");
	assert_false(im->torn);
	READ(im, gather_verdicts, "{\"ip\":\"198.18.0.1\"}\n");
	READ(im, gather_verdicts, "");
	assert_false(im->torn);
	READ(im, gather_clusters, "[{\"id\":1},\n");
	assert_true(im->torn);
	im->torn = false;
	READ(im, gather_clusters, "");
	assert_true(im->torn);
	im->torn = false;
	READ(im, gather_clusters, "[{\"id\":1,\"hosts\":[{\"ip\":\"198.18.0.1\"}");
	assert_true(im->torn);
	st = finish(im);
	assert_int_equal(st->nclusters, 0);
	assert_int_equal(st->bad, 2); /* a cluster without an id, half a cluster */
	study_free(st);
}

/* Old numbers may split a component; the pairs decide. */
static void
test_collisions_by_pairs(void **state)
{
	static const char text[] =
	    "[{\"ip\":\"10.0.0.1\",\"ip_record\":4,\"asn\":\"X\",\"asndec\":1,\"clusternum\":1,"
	    "\"fprints\":{\"p22\":\"" AA
	    "\"},\"rcs\":{\"9\":{\"ip\":\"10.0.0.2\",\"str_colls\":\"p22=="
	    "p22;\"}},"
	    "\"analysis\":{\"p22\":{\"rsalen\":2048},\"nameset\":{\"besty\":[\"rdns\"],\"rdns\":"
	    "\"a.ie\","
	    "\"p25dn\":\"b.ie\",\"p25dn-ip\":\"10.9.9.9\",\"rdns-seen\":\"2026\",\"allbad\":false,"
	    "\"banner\":\"c.ie\",\"unknown\":[\"banner\"],\"p443dn\":\"d.ie\"}}},"
	    "{\"ip\":\"10.0.0.2\",\"ip_record\":9,\"clusternum\":2,\"fprints\":{\"p22\":\"" AA "\","
	    "\"p25\":\"" BB "\"},"
	    "\"rcs\":{\"4\":{\"ip\":\"10.0.0.1\",\"str_colls\":\"p22==p22;\"},"
	    "\"11\":{\"ip\":\"10.0.0.3\",\"str_colls\":\"p25==p443;\"}}},"
	    "{\"ip\":\"10.0.0.3\",\"ip_record\":11,\"clusternum\":3,\"fprints\":{\"p443\":\"" CC
	    "\"},"
	    "\"rcs\":{\"9\":{\"ip\":\"10.0.0.2\",\"str_colls\":\"p443==p25;\"}}},"
	    "{\"ip\":\"10.0.0.8\",\"ip_record\":1,\"clusternum\":7,\"rcs_truncated\":true,\"rcs\":{"
	    "}},"
	    "{\"ip\":\"10.0.0.7\",\"ip_record\":0,\"clusternum\":7,\"rcs_truncated\":true,\"rcs\":{"
	    "}},"
	    "{\"ip\":\"10.0.0.6\",\"ip_record\":3,\"clusternum\":7,\"rcs\":{}},]";
	struct gather *im = gather_new();
	const struct study_host *h;
	struct study *st;

	(void)state;
	READ(im, gather_collisions, text);
	st = finish(im);
	check(st);
	assert_int_equal(st->nclusters, 2);
	assert_int_equal(
	    st->clusters[0].hosts.n, 2); /* truncated ones, joined by number; lowest record */
	assert_string_equal(ip_of(st, study_member(st, &st->clusters[0], 0)), "10.0.0.7");
	assert_int_equal(st->clusters[1].hosts.n, 3);
	assert_int_equal(st->clusters[1].nshared, 2);
	assert_int_equal(host(st, "10.0.0.6")->cluster, STUDY_NONE);
	h = host(st, "10.0.0.1");
	assert_int_equal(h->names.n, 4);
	assert_int_equal(h->verdict, HOST_GOOD);
	for (uint32_t i = 0; i < h->names.n; i++) {
		const struct study_name *n = &st->names[h->names.at + i];
		char scratch[HOST_KEY_SIZE];
		const char *key = study_name_key(n, scratch);
		uint8_t want = strcmp(key, "rdns") == 0	    ? NAME_GOOD
			       : strcmp(key, "p25dn") == 0  ? NAME_BAD
			       : strcmp(key, "banner") == 0 ? NAME_UNKNOWN
							    : NAME_NXDOMAIN;

		assert_int_equal(n->verdict, want);
		assert_int_equal(study_name_address(st, n) != NULL, want == NAME_BAD);
	}
	assert_int_equal(h->grabs.n, 1);
	assert_int_equal(st->grabs[h->grabs.at].bits, 2048);
	/* p25 = p443 is by no key that fprints shows: one key without a fingerprint, on those ports. */
	h = host(st, "10.0.0.3");
	assert_int_equal(h->grabs.n, 2);
	assert_int_equal(port_table[st->grabs[h->grabs.at].port].port, 443);
	assert_true(is_key(st, st->grabs[h->grabs.at].key, 0xcc));
	assert_false(st->keys[st->grabs[h->grabs.at + 1].key].named);
	assert_int_equal(st->odd_keys, 0);
	study_free(st);
}

/* A key that stands in two clusters makes them one; each use of it stands once. */
static void
test_keys_across_clusters(void **state)
{
	const struct study_map identity = { .arg = NULL };
	struct gather *im = gather_new();
	struct study *st, *copy;
	uint32_t key;

	(void)state;
	READ(im, gather_clusters,
	    "[{\"id\":4,\"hosts\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"10.0.0.2\"}],"
	    "\"keys\":[{\"fp\":\"" AA
	    "\",\"at\":[[\"10.0.0.1\",\"p25\"],[\"10.0.0.2\",\"p25\"]]}]},"
	    "{\"id\":2,\"hosts\":[{\"ip\":\"10.0.0.3\"},{\"ip\":\"10.0.0.4\"},{\"ip\":\"10.0.0.2\"}"
	    "],"
	    "\"keys\":[{\"fp\":\"" AA
	    "\",\"at\":[[\"10.0.0.3\",\"p25\"],[\"10.0.0.4\",\"p22\"],[\"10.0.0.4\",\"p25\"]]},"
	    "{\"fp\":\"" BB "\",\"at\":[[\"10.0.0.4\",\"p25\"],[\"10.0.0.2\",\"p25\"],"
	    "[\"10.0.0.2\",\"p25\"]]}]},"
	    "{\"id\":9,\"hosts\":[{\"ip\":\"10.0.1.1\"},{\"ip\":\"10.0.1.2\"}],\"keys\":[]}]");
	st = finish(im);
	check(st);
	assert_int_equal(st->nclusters, 2);
	assert_int_equal(st->clusters[0].id, 2); /* the lower one */
	assert_int_equal(st->clusters[0].hosts.n, 4);
	assert_int_equal(st->clusters[1].id, 9); /* no key tells why, but the file does */
	assert_int_equal(st->nkeys, 2);
	key = study_cluster_key(st, &st->clusters[0], 0);
	assert_true(is_key(st, key, 0xaa));
	assert_int_equal(st->keys[key].nhosts, 4);
	assert_int_equal(st->keys[key].uses.n, 5);
	assert_int_equal(host(st, "10.0.0.2")->grabs.n, 2);
	copy = study_transform(st, &identity, NULL); /* which has keys only, and what ties hosts */
	check(copy);
	assert_int_equal(copy->nclusters, 2);
	assert_int_equal(copy->clusters[1].hosts.n, 2);
	study_free(copy);
	study_free(st);
}

static void
test_a_nul_ends_a_text(void **state)
{
	struct gather *im = gather_new();
	struct study *st;

	(void)state;
	READ(im, gather_clusters,
	    "[{\"id\":1,\"hosts\":[{\"ip\":\"10.0.0.1\\u00002\",\"as\":\"x\\u0000y\"},"
	    "{\"ip\":\"10.0.0.1\",\"as\":\"x\\u0000y\"}],\"keys\":[]}]");
	st = finish(im);
	assert_int_equal(st->nhosts, 1);
	assert_int_equal(st->bad, 1); /* no address */
	assert_string_equal(study_text(st, st->ases[st->hosts[0].as].name), "x");
	study_free(st);
}

/* What is no fingerprint is a key, but links nobody unless pairs or entries say so. */
static void
test_odd_fingerprints(void **state)
{
	static const char alone[] =
	    "[{\"ip\":\"10.0.0.1\",\"fprints\":{\"p22\":\"aa\",\"p25\":null,\"p443\":\"\"}},"
	    "{\"ip\":\"10.0.0.2\",\"ip_record\":1,\"fprints\":{\"p22\":\"aa\",\"p25\":null,"
	    "\"p443\":\"\"}},"
	    "{\"ip\":\"10.0.0.3\",\"ip_record\":2,\"fprints\":{\"p25\":\"" AA "0\"}},"
	    "{\"ip\":\"10.0.0.4\",\"ip_record\":3,\"fprints\":{\"p25\":\"" AA "0\"},"
	    "\"rcs\":{\"9\":{\"ip\":\"10.0.0.5\",\"str_colls\":\"p25==p143;p25==p25;\"}}},"
	    "{\"ip\":\"10.0.0.5\",\"ip_record\":4,\"fprints\":{\"p25\":\"" AA
	    "0\",\"p143\":\"x\"}}]";
	static const char entry[] =
	    "[{\"id\":3,\"hosts\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"10.0.0.2\"}],\"keys\":["
	    "{\"fp\":\"unnamed-1\",\"kind\":\"ssh\",\"at\":[[\"10.0.0.1\",\"p22\"],"
	    "[\"10.0.0.2\",\"p22\"]]},"
	    "{\"fp\":\"unnamed-1\",\"at\":[[\"10.0.0.1\",\"p25\"]]},"
	    "{\"fp\":\"\",\"at\":[[\"10.0.0.1\",\"p443\"],[\"10.0.0.2\",\"p443\"]]},"
	    "{\"fp\":null,\"at\":[[\"10.0.0.1\",\"p443\"],[\"10.0.0.2\",\"p443\"]]}]}]";
	struct gather *im = gather_new();
	struct study *st;

	(void)state;
	READ(im, gather_collisions, alone);
	st = finish(im);
	check(st);
	assert_int_equal(st->nclusters, 1);
	assert_int_equal(st->clusters[0].hosts.n, 2);
	assert_int_equal(host(st, "10.0.0.5")->cluster, 0);
	assert_int_equal(st->odd_keys, 6);
	assert_int_equal(st->nkeys, 4); /* one each on 1, 2 and 3; one on both 4 and 5 */
	assert_int_equal(st->clusters[0].nshared, 1);
	assert_int_equal(st->keys[study_cluster_key(st, &st->clusters[0], 0)].uses.n, 3);
	for (uint32_t i = 0; i < st->nkeys; i++)
		assert_false(st->keys[i].named);
	study_free(st);

	im = gather_new();
	READ(im, gather_clusters, entry);
	/* The same hosts' fprints are those very keys, not more of them. */
	READ(im, gather_hosts,
	    "[{\"ip\":\"10.0.0.1\",\"fprints\":{\"p22\":\"unnamed-1\"}},"
	    "{\"ip\":\"10.0.0.2\",\"fprints\":{\"p22\":\"unnamed-1\"}}]");
	st = finish(im);
	check(st);
	assert_int_equal(st->nclusters, 1);
	assert_int_equal(st->clusters[0].nshared, 1);
	assert_int_equal(st->nkeys, 2);
	assert_int_equal(st->nuses, 3);
	assert_int_equal(st->bad, 2); /* keys without a text */
	study_free(st);
}

/* A number is a name, not a size. */
static void
test_a_large_cluster_number(void **state)
{
	static const char text[] =
	    "[{\"ip\":\"192.0.2.1\",\"clusternum\":1073741822,\"rcs_truncated\":true,\"rcs\":{}},"
	    "{\"ip\":\"192.0.2.2\",\"clusternum\":18446744073709551615,\"rcs_truncated\":true},"
	    "{\"ip\":\"192.0.2.3\",\"clusternum\":1073741822,\"rcs_truncated\":true}]";
	struct gather *im = gather_new();
	struct study *st;

	(void)state;
	READ(im, gather_collisions, text);
	assert_int_equal(im->ncut, 2);
	assert_true(im->cap_cut < 1000 && im->numbers.nslots < 10000);
	st = finish(im);
	check(st);
	assert_int_equal(st->nclusters, 1);
	assert_int_equal(st->clusters[0].hosts.n, 2);
	assert_int_equal(host(st, "192.0.2.2")->cluster, STUDY_NONE);
	study_free(st);
}

/* All keys of a port: first that of fprints with the facts, then the others. */
static void
test_several_keys_of_a_port(void **state)
{
	struct gather *im = gather_new();
	const struct study_grab *g;
	struct study *st;

	(void)state;
	READ(im, gather_clusters,
	    "[{\"id\":1,\"hosts\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"10.0.0.2\",\"ip_record\":1}],"
	    "\"keys\":["
	    "{\"fp\":\"" AA
	    "\",\"kind\":\"ssh\",\"at\":[[\"10.0.0.1\",\"p22\"],[\"10.0.0.2\",\"p22\"]]},"
	    "{\"fp\":\"" BB "\",\"kind\":\"ssh\",\"at\":[[\"10.0.0.1\",\"p22\"]]}]}]");
	READ(im, gather_hosts,
	    "[{\"ip\":\"10.0.0.1\",\"writer\":\"w\",\"fprints\":{\"p22\":\"" BB
	    "\"},\"analysis\":{\"p22\":{\"alg\":\"ssh-ed25519\"},\"p995\":{}}},"
	    "{\"ip\":\"10.0.0.3\",\"ip_record\":2,\"fprints\":{\"p995\":\"" CC
	    "\"},\"analysis\":{\"p995\":{\"self_signed\":true,\"browser_trusted\":false,"
	    "\"timely\":true,\"cipher_suite\":49199,\"ecdsacurve\":\"P-256\"}}}]");
	im->all_hosts = true;
	st = finish(im);
	check(st);
	g = &st->grabs[host(st, "10.0.0.1")->grabs.at];
	assert_int_equal(host(st, "10.0.0.1")->grabs.n, 2);
	assert_true(is_key(st, g[0].key, 0xbb));
	assert_string_equal(study_text(st, g[0].alg), "ssh-ed25519");
	assert_true(is_key(st, g[1].key, 0xaa));
	assert_int_equal(g[1].alg, STUDY_NO_TEXT);
	g = &st->grabs[host(st, "10.0.0.3")->grabs.at];
	assert_int_equal(port_table[g->port].port, 995);
	assert_int_equal(g->cipher, 49199);
	assert_int_equal(g->trusted, FACT_NO);
	assert_int_equal(g->timely, FACT_YES);
	assert_string_equal(study_text(st, g->curve), "P-256");
	assert_int_equal(st->certs[g->cert].self_signed, FACT_YES);
	assert_string_equal(study_text(st, host(st, "10.0.0.1")->writer), "w");
	assert_int_equal(st->parts, STUDY_CLUSTERED | STUDY_OTHERS | STUDY_FACTS);
	study_free(st);
}

/* verdicts.ndjson lists the names that were looked up; the others were not. */
static void
test_verdicts(void **state)
{
	static const char *const keys[] = { "rdns", "banner", "p25dn", "p25san2", "p443san0" };
	static const uint8_t verdicts[] = { NAME_NXDOMAIN, NAME_BAD, NAME_NOT_LOOKED_UP, NAME_GOOD,
		NAME_UNKNOWN };
	struct gather *im = gather_new();
	const struct study_host *h;
	struct study *st;

	(void)state;
	READ(im, gather_hosts,
	    "[{\"ip\":\"10.0.0.1\",\"fprints\":{\"p25\":\"" AA
	    "\"},\"analysis\":{\"nameset\":{\"p25san2\":\"z.ie\",\"p25dn\":\"Plesk\","
	    "\"banner\":\"b.ie\",\"banner-ip\":\"10.9.9.9\",\"rdns\":\"r.ie\",\"san3\":\"none\","
	    "\"besty\":[],\"unknown\":[]}}},"
	    "{\"ip\":\"10.0.0.2\",\"ip_record\":1,\"fprints\":{\"p25\":\"" BB "\"}}]");
	READ(im, gather_verdicts,
	    "{\"ip\":\"10.0.0.1\",\"verdict\":\"good\",\"names\":["
	    "{\"key\":\"p443san0\",\"name\":\"w.ie\",\"verdict\":\"unknown\",\"addresses\":[]},"
	    "{\"key\":\"rdns\",\"name\":\"r.ie\",\"verdict\":\"nxdomain\",\"addresses\":[]},"
	    "{\"key\":\"banner\",\"name\":\"b.ie\",\"verdict\":\"bad\",\"addresses\":[]},"
	    "{\"key\":\"p25san2\",\"name\":\"z.ie\",\"verdict\":\"good\",\"addresses\":"
	    "[\"10.0.0.1\"]}]}\n"
	    "{\"ip\":\"10.0.0.9\",\"verdict\":\"bad\",\"names\":[]}\n");
	st = finish(im);
	check(st);
	assert_int_equal(st->nhosts, 2);
	h = host(st, "10.0.0.1");
	assert_int_equal(h->verdict, HOST_GOOD);
	assert_int_equal(h->names.n, 5);
	for (uint32_t i = 0; i < 5; i++) {
		const struct study_name *n = &st->names[h->names.at + i];
		const struct ip *address = study_name_address(st, n);
		char key[HOST_KEY_SIZE], text[IP_STRLEN];

		assert_string_equal(study_name_key(n, key), keys[i]);
		assert_int_equal(n->verdict, verdicts[i]);
		assert_int_equal(address != NULL, n->verdict == NAME_BAD);
		if (address != NULL)
			assert_string_equal(ip_format(address, text), "10.9.9.9");
	}
	assert_string_equal(study_text(st, h->rdns), "r.ie");
	/* Of it nothing is told: that is not the same as no name. */
	assert_int_equal(host(st, "10.0.0.2")->verdict, HOST_UNKNOWN);
	assert_int_equal(st->bad, 0);
	study_free(st);
}

/* An older anonymised copy: pseudonyms in the place of addresses and names. */
static void
test_pseudonyms(void **state)
{
	struct gather *im = gather_new();
	const struct study_host *h;
	struct study *st;

	(void)state;
	READ(im, gather_clusters,
	    "[{\"id\":1,\"hosts\":[{\"ip\":\"host-0123456789ab\",\"asn\":4200000001,\"as\":"
	    "\"network-01020304\"},"
	    "{\"ip\":\"host-ffffffffffff\",\"ip_record\":1},{\"ip\":\"host-xyz\"}],"
	    "\"keys\":[{\"fp\":\"" AA
	    "\",\"at\":[[\"host-0123456789ab\",\"p25\"],[\"host-ffffffffffff\",\"p25\"]]}]}]");
	READ(im, gather_hosts,
	    "[{\"ip\":\"host-0123456789ab\",\"fprints\":{\"p25\":\"" AA
	    "\"},\"analysis\":{\"nameset\":{\"p25dn\":\"name-0123456789ab\",\"banner\":"
	    "\"*.name-0123456789ab\",\"banner-ip\":\"host-ffffffffffff\",\"besty\":[]}}}]");
	st = finish(im);
	check(st);
	assert_int_equal(st->bad, 1);
	assert_int_equal(st->nclusters, 1);
	h = host(st, "host-0123456789ab");
	assert_string_equal(ip_of(st, 0), "host-0123456789ab");
	assert_int_equal(h->verdict, HOST_BAD);
	assert_int_equal(st->names[h->names.at].verdict, NAME_BAD);
	assert_int_equal(st->names[h->names.at + 1].verdict, NAME_NXDOMAIN);
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
		cmocka_unit_test(test_odd_fingerprints),
		cmocka_unit_test(test_a_large_cluster_number),
		cmocka_unit_test(test_several_keys_of_a_port),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_pseudonyms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
