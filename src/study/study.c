/* Pure: looking things up in a finished study. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/finding.h"
#include "survey/mail.h"
#include "survey/study.h"

void
study_free(struct study *st)
{
	if (st == NULL)
		return;
	if (st->public_close != NULL)
		st->public_close(st);
	free(st->runs);
	free(st->hosts);
	free(st->grabs);
	free(st->keys);
	free(st->certs);
	free(st->names);
	free(st->ases);
	free(st->clusters);
	free(st->answers);
	free(st->uses);
	free(st->members);
	free(st->place);
	free(st->cluster_keys);
	free(st->others);
	free(st->others_keys);
	free(st->addresses);
	free(st->targets);
	free(st->texts);
	if (st->findings != NULL)
		findings_fini(st->findings);
	free(st->findings);
	mail_free(st->mail);
	free(st);
}

uint32_t
study_find_cluster(const struct study *st, uint32_t id)
{
	uint32_t lo = 0, hi = st->nclusters;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (st->clusters[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < st->nclusters && st->clusters[lo].id == id ? lo : STUDY_NONE;
}

bool
study_has_as(const struct study *st, uint32_t asn)
{
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (st->ases[st->hosts[i].as].asn == asn)
			return true;
	}
	return false;
}

const char *
study_name_key(const struct study_name *n, char key[static HOST_KEY_SIZE])
{
	struct host_name name = { .source = n->source, .port = n->port, .san = n->san };

	if (n->source == NAME_RDNS) {
		memcpy(key, "rdns", sizeof("rdns"));
		return key;
	}
	return host_name_key(&name, key);
}

static bool
is_word(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(s, word, len) == 0;
}

bool
study_name_key_parse(const char *key, size_t len, struct study_name *n)
{
	size_t port = 1, san = 0;
	int row;

	n->port = 0;
	n->san = 0;
	if (is_word(key, len, "rdns")) {
		n->source = NAME_RDNS;
		return true;
	}
	if (is_word(key, len, "banner")) {
		n->source = NAME_BANNER;
		n->port = (uint8_t)port_index(25);
		return true;
	}
	while (port < len && key[port] >= '0' && key[port] <= '9')
		port++;
	if (len < 2 || (row = port_index_by_name(key, port)) == -1)
		return false;
	n->port = (uint8_t)row;
	key += port;
	len -= port;
	if (is_word(key, len, "dn")) {
		n->source = NAME_DN;
		return true;
	}
	if (len < 4 || len > 7 || memcmp(key, "san", 3) != 0)
		return false;
	for (size_t i = 3; i < len; i++) {
		if (key[i] < '0' || key[i] > '9')
			return false;
		san = san * 10 + (size_t)(key[i] - '0');
	}
	n->source = NAME_SAN;
	n->san = (uint16_t)san;
	return true;
}

const struct ip *
study_name_address(const struct study *st, const struct study_name *n)
{
	const struct study_answer *a;

	if (n->verdict != NAME_BAD || n->answer == STUDY_NONE)
		return NULL;
	a = &st->answers[n->answer];
	return a->addresses.n > 0 ? &st->addresses[a->addresses.at] : NULL;
}

bool
study_all_bad(const struct study *st, const struct study_host *h)
{
	/* A copy has the verdict and no names. */
	if (h->names.n == 0 && (h->verdict == HOST_GOOD || h->verdict == HOST_UNKNOWN))
		return false;
	for (uint32_t i = 0; i < h->names.n; i++) {
		const struct study_name *n = &st->names[h->names.at + i];

		if (n->verdict == NAME_UNKNOWN || n->verdict == NAME_GOOD)
			return false;
		if (study_name_address(st, n) != NULL)
			return false;
	}
	return true;
}

const char *
study_name_verdict(uint8_t verdict)
{
	return verdict < NAME_NVERDICTS ? name_verdict_name((enum name_verdict)verdict) : "none";
}

static uint64_t
digest_bytes(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

uint64_t
study_cluster_digest(const struct study *st, uint32_t cluster)
{
	const struct study_cluster *c = &st->clusters[cluster];
	uint64_t h = c->id;

	for (uint32_t i = 0; i < c->hosts.n; i++) {
		const struct study_host *host = &st->hosts[study_member(st, c, i)];

		h = digest_bytes(h + st->ases[host->as].asn, &host->ip, sizeof(host->ip));
		for (uint32_t g = 0; g < host->grabs.n; g++) {
			const struct study_grab *grab = &st->grabs[host->grabs.at + g];

			h = digest_bytes(h + grab->port, st->keys[grab->key].fp, KEY_LEN);
		}
	}
	return h;
}
