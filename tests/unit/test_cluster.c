#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "survey/mem.h"
#include "survey/pairs.h"
#include "survey/study_builder.h"

#define N 60
#define CLUSTER_OUT UINT32_MAX

struct key_use {
	uint32_t key, host;
	uint8_t port;
};

/* A study of hosts that show keys, and what is said of its pairs. */
struct clusters {
	struct study *st;
	struct pairs *p;
};

static uint32_t
of_host(const struct clusters *c, uint32_t host)
{
	const struct study_host *h = &c->st->hosts[host];

	if (h->out != OUT_NONE)
		return CLUSTER_OUT;
	return h->cluster == STUDY_NONE ? 0 : c->st->clusters[h->cluster].id;
}

/* uses come in order of hosts. */
static void
cluster_hosts(
    struct clusters *c, uint32_t nhosts, const bool *in, const struct key_use *uses, size_t nuses)
{
	struct study_builder *b = study_builder_new();

	for (uint32_t i = 0; i < nhosts; i++) {
		struct ip ip = ip_from_v4(0x0a000000 + i);
		uint32_t host = study_builder_address(b, &ip);

		study_builder_host(b, host)->record = i;
		study_builder_out(b, host, in[i] ? OUT_NONE : OUT_NO_KEY);
	}
	for (size_t i = 0; i < nuses; i++) {
		uint8_t fp[KEY_LEN] = { 0 };
		struct study_grab g = { .host = uses[i].host,
			.port = uses[i].port,
			.kind = (uint8_t)port_table[uses[i].port].kind,
			.cert = STUDY_NONE,
			.bits = -1,
			.cipher = -1,
			.at = TIME_UNKNOWN,
			.trusted = FACT_UNKNOWN,
			.timely = FACT_UNKNOWN };

		memcpy(fp, &uses[i].key, sizeof(uses[i].key));
		g.key = study_builder_key(b, fp, g.kind);
		study_builder_grab(b, &g);
	}
	c->st = study_builder_finish(b, NULL);
	assert_non_null(c->st);
	assert_int_equal(c->st->nhosts, nhosts);
	c->p = pairs_new(c->st);
}

static void
clusters_fini(struct clusters *c)
{
	pairs_free(c->p);
	study_free(c->st);
}

static void
test_known(void **state)
{
	/* 0-1 share key 0 across ports, 1-3 key 1, 4 shares with itself only, 5 nothing, 6-7 a key on port 465 */
	static const struct key_use uses[] = { { 0, 0, 1 }, { 2, 0, 0 }, { 0, 1, 4 }, { 1, 1, 1 },
		{ 0, 1, 4 }, { 1, 3, 1 }, { 3, 4, 1 }, { 3, 4, 2 }, { 4, 6, 7 }, { 4, 7, 7 } };
	static const bool in[] = { true, true, false, true, true, true, true, true };
	static const uint32_t expected[] = { 1, 1, CLUSTER_OUT, 1, 0, 0, 2, 2 };
	struct clusters c;
	uint32_t group[8];

	(void)state;
	cluster_hosts(&c, 8, in, uses, sizeof(uses) / sizeof(uses[0]));
	assert_int_equal(c.st->nclusters, 2);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(of_host(&c, i), expected[i]);
		group[i] = c.p->group_of[i];
	}
	assert_int_equal(c.st->clusters[0].hosts.n, 3);
	assert_int_equal(study_member(c.st, &c.st->clusters[1], 0), 6);
	assert_int_equal(c.st->nuses, 9); /* the repeat is gone */
	assert_int_equal(c.p->partners[group[0]], 1);
	assert_int_equal(c.p->partners[group[1]], 2);
	assert_int_equal(c.p->partners[group[3]], 1);
	assert_int_equal(c.st->hosts[1].nrcs, 2);
	assert_int_equal(c.st->hosts[4].nrcs, 0);
	assert_int_equal(group[4], GROUP_NONE);
	assert_int_equal(group[6], GROUP_NONE); /* linked through a port that has no column */
	/* host 0's p25 and host 1's p443: local row 1, remote row 4; and the transpose */
	assert_true(pairs_ports(c.p, group[0], group[1]) == 1ULL << (4 + 8 * 1));
	assert_true(pairs_ports(c.p, group[1], group[0]) == 1ULL << (1 + 8 * 4));
	assert_true(pairs_ports(c.p, group[0], group[3]) == 0);
	clusters_fini(&c);
	cluster_hosts(&c, 0, NULL, NULL, 0);
	assert_int_equal(c.st->nclusters, 0);
	clusters_fini(&c);
}

/* Against the definition, on random small graphs. */
static void
test_random(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		static uint64_t mask[N][N];
		static bool linked[N][N];
		struct key_use uses[N * 4];
		bool in[N];
		size_t nuses = 0;
		uint32_t nkeys = 5 + (uint32_t)round % 40;
		struct clusters c;

		memset(mask, 0, sizeof(mask));
		memset(linked, 0, sizeof(linked));
		for (uint32_t h = 0; h < N; h++) {
			in[h] = (seed = seed * 1664525 + 1013904223) >> 28 != 0;
			for (uint32_t k = 0; in[h] && k < (seed >> 20) % 5; k++) {
				seed = seed * 1664525 + 1013904223;
				uses[nuses++] = (struct key_use){ (seed >> 8) % nkeys, h,
					(uint8_t)((seed >> 24) % 9) };
			}
		}
		for (size_t i = 0; i < nuses; i++) {
			for (size_t j = 0; j < nuses; j++) {
				const struct key_use *a = &uses[i], *b = &uses[j];

				if (a->key != b->key || a->host == b->host)
					continue;
				linked[a->host][b->host] = true;
				if (a->port < 7 && b->port < 7)
					mask[a->host][b->host] |= 1ULL << (b->port + 8 * a->port);
			}
		}
		cluster_hosts(&c, N, in, uses, nuses);
		for (int k = 0; k < N; k++) /* transitive closure */
			for (int i = 0; i < N; i++)
				for (int j = 0; j < N; j++)
					linked[i][j] = linked[i][j] ||
						       (linked[i][k] && linked[k][j]);
		for (uint32_t i = 0; i < N; i++) {
			uint32_t partners = 0;

			for (uint32_t j = 0; j < N; j++) {
				if (i == j)
					continue;
				assert_int_equal(
				    linked[i][j], in[i] && of_host(&c, i) != 0 &&
						      of_host(&c, i) == of_host(&c, j));
				partners += mask[i][j] != 0;
				if (c.p->group_of[i] != GROUP_NONE &&
				    c.p->group_of[j] != GROUP_NONE)
					assert_true(pairs_ports(c.p, c.p->group_of[i],
							c.p->group_of[j]) == mask[i][j]);
				else
					assert_true(mask[i][j] == 0);
			}
			assert_int_equal(
			    c.p->group_of[i] == GROUP_NONE ? 0 : c.p->partners[c.p->group_of[i]],
			    partners);
		}
		clusters_fini(&c);
	}
}

/* One key on 100,000 hosts, one more that all of them share, and pairs beside: no step may be quadratic. */
static void
test_large(void **state)
{
	const uint32_t n = 100000;
	struct key_use *uses = xcalloc(n * 3, sizeof(*uses));
	bool *in = xcalloc(n, sizeof(*in));
	struct clusters c;

	(void)state;
	for (uint32_t h = 0; h < n; h++) {
		in[h] = true;
		uses[h * 3] = (struct key_use){ 0, h, 1 };
		uses[h * 3 + 1] = (struct key_use){ 1, h, 4 };
		uses[h * 3 + 2] = (struct key_use){ 2 + h / 2, h, 0 };
	}
	cluster_hosts(&c, n, in, uses, n * 3);
	assert_int_equal(c.st->nclusters, 1);
	assert_int_equal(c.st->clusters[0].hosts.n, n);
	assert_int_equal(c.p->ngroups, n / 2);
	for (uint32_t g = 0; g < c.p->ngroups; g++)
		assert_int_equal(c.p->partners[g], n - 1);
	clusters_fini(&c);
	free(uses);
	free(in);
}

#define WIDE_HOSTS 2000
#define WIDE_KEYS 40

/*
 * Partners of hosts that have a key with a neighbour and some of a few that many have,
 * against the definition.  few: as hosts are, with a key a port; else as a record may
 * claim, with so many keys a host that their sets cannot all be looked at.
 */
static void
check_wide(uint32_t seed, bool few)
{
	struct key_use *uses = xcalloc((size_t)WIDE_HOSTS * (WIDE_KEYS + 1), sizeof(*uses));
	uint64_t *has = xcalloc(
	    WIDE_HOSTS, sizeof(*has)); /* keys as bits, but for the neighbour's */
	bool in[WIDE_HOSTS];
	struct clusters c;
	size_t nuses = 0;

	for (uint32_t h = 0; h < WIDE_HOSTS; h++) {
		uint32_t nkeys = few ? 1 + h % 6 : WIDE_KEYS / 2;

		in[h] = true;
		for (uint32_t i = 0; i < nkeys; i++) {
			uint32_t k;

			seed = seed * 1664525 + 1013904223;
			k = (seed >> 8) % (few ? 9 : WIDE_KEYS);
			has[h] |= 1ULL << k;
			uses[nuses++] = (struct key_use){ k, h, (uint8_t)(1 + i % 6) };
		}
		uses[nuses++] = (struct key_use){ WIDE_KEYS + h / 3, h, 0 };
	}
	cluster_hosts(&c, WIDE_HOSTS, in, uses, nuses);
	for (uint32_t h = 0; h < WIDE_HOSTS; h++) {
		uint32_t partners = 0;

		for (uint32_t other = 0; other < WIDE_HOSTS; other++)
			partners += other != h &&
				    (other / 3 == h / 3 || (has[other] & has[h]) != 0);
		assert_int_equal(c.p->partners[c.p->group_of[h]], partners);
	}
	clusters_fini(&c);
	free(uses);
	free(has);
}

static void
test_wide(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed < 5; seed++)
		check_wide(seed, true);
	check_wide(1, false);
}

/* 100,000 hosts with a key of two each and any of six that most have. */
static void
test_wide_large(void **state)
{
	const uint32_t n = 100000;
	struct key_use *uses = xcalloc(n * 7, sizeof(*uses));
	bool *in = xcalloc(n, sizeof(*in));
	uint32_t seed = 1;
	size_t nuses = 0;
	clock_t start;
	struct clusters c;

	(void)state;
	for (uint32_t h = 0; h < n; h++) {
		in[h] = true;
		for (uint32_t k = 0; k < 6; k++) {
			seed = seed * 1664525 + 1013904223;
			if ((seed >> 16) % 3 != 0)
				uses[nuses++] = (struct key_use){ k, h, (uint8_t)(k + 1) };
		}
		uses[nuses++] = (struct key_use){ 6 + h / 2, h, 0 };
	}
	start = clock();
	cluster_hosts(&c, n, in, uses, nuses);
	/* Walking every list of every group takes minutes. */
	assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
	assert_true(c.p->ngroups > n / 2);
	clusters_fini(&c);
	free(uses);
	free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_wide_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
