#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include <ldns/ldns.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "pseudonym.h"

#define BLOCK 64 /* bytes, of SHA-256 */
#define KEY_FILE "anonymise.key"

void
pseudonym_hash(const unsigned char key[PSEUDONYM_KEY], const char *kind, const char *text,
    unsigned char out[32])
{
	unsigned char inner[BLOCK], outer[BLOCK];
	ldns_sha256_CTX ctx;

	memset(inner, 0x36, BLOCK);
	memset(outer, 0x5c, BLOCK);
	for (size_t i = 0; i < PSEUDONYM_KEY; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	ldns_sha256_init(&ctx);
	ldns_sha256_update(&ctx, inner, BLOCK);
	ldns_sha256_update(&ctx, (const uint8_t *)kind, strlen(kind) + 1);
	ldns_sha256_update(&ctx, (const uint8_t *)text, strlen(text));
	ldns_sha256_final(out, &ctx);
	ldns_sha256_init(&ctx);
	ldns_sha256_update(&ctx, outer, BLOCK);
	ldns_sha256_update(&ctx, out, 32);
	ldns_sha256_final(out, &ctx);
}

static void
hex(const unsigned char *p, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", p[i]);
}

static int
parse_key(const char *text, size_t len, unsigned char key[PSEUDONYM_KEY])
{
	if (len < 2 * PSEUDONYM_KEY)
		return -1;
	for (size_t i = 0; i < PSEUDONYM_KEY; i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return -1;
		key[i] = (unsigned char)byte;
	}
	return 0;
}

int
pseudonym_key(const char *dir, unsigned char key[PSEUDONYM_KEY])
{
	char *path = path_join(dir, KEY_FILE), *text;
	struct buf b;
	size_t len;
	int rc = -1;

	buf_init(&b);
	if ((text = file_read(path, 4096, &len)) != NULL) {
		if ((rc = parse_key(text, len, key)) == -1)
			log_error("%s is no key of %d hex digits; remove it for a new one", path,
			    2 * PSEUDONYM_KEY);
	} else if (errno != ENOENT) {
		log_error("cannot read %s: %s", path, strerror(errno));
	} else if (getrandom(key, PSEUDONYM_KEY, 0) != PSEUDONYM_KEY) {
		log_error("no random numbers for %s: %s", path, strerror(errno));
	} else {
		hex(key, PSEUDONYM_KEY, &b);
		buf_addc(&b, '\n');
		if ((rc = file_write(path, b.data, b.len)) == -1)
			log_error("cannot write %s: %s", path, strerror(errno));
	}
	buf_fini(&b);
	free(text);
	free(path);
	return rc;
}

struct renaming {
	struct study *st;
	const unsigned char *key;
	const uint32_t *keep_as;
	size_t nkeep_as;
	bool *kept; /* of each AS */
};

static const char *
renamed(struct renaming *r, const char *kind, const char *prefix, const char *text, size_t bytes)
{
	unsigned char sum[32];
	const char *name;
	struct buf b;

	pseudonym_hash(r->key, kind, text, sum);
	buf_init(&b);
	buf_adds(&b, prefix);
	hex(sum, bytes, &b);
	name = study_text(r->st, b.data, b.len);
	buf_fini(&b);
	return name;
}

static bool
host_is_kept(const struct renaming *r, uint32_t host)
{
	return r->kept[r->st->hosts[host].as];
}

/* A key that another AS shows, too, would find that AS's host again. */
static void
rename_keys(struct renaming *r)
{
	for (uint32_t i = 0; i < r->st->nkeys; i++) {
		struct study_key *k = &r->st->keys[i];
		bool keep = true;

		for (uint32_t u = k->use0; u < k->use0 + k->nuse; u++)
			keep &= host_is_kept(r, r->st->uses[u].host);
		if (!keep && k->fp[0] != '\0')
			k->fp = renamed(r, "key", "", k->fp, 32);
	}
}

struct spoken { /* a name and whether a kept host says it */
	const char *name;
	bool kept;
};

static int
by_name(const void *pa, const void *pb)
{
	const struct spoken *a = pa, *b = pb;
	int c = strcasecmp(a->name, b->name);

	return c != 0 ? c : (int)a->kept - (int)b->kept;
}

/* All names of the hosts, those of hosts that are not kept before the same ones of kept hosts. */
static struct spoken *
list_names(const struct renaming *r)
{
	struct spoken *s = xcalloc((size_t)r->st->nnames + 1, sizeof(*s));

	for (uint32_t h = 0; h < r->st->nhosts; h++) {
		for (uint32_t i = 0; i < r->st->hosts[h].nnames; i++) {
			uint32_t n = r->st->hosts[h].name0 + i;

			s[n] = (struct spoken){ r->st->names[n].name, host_is_kept(r, h) };
		}
	}
	qsort(s, r->st->nnames, sizeof(*s), by_name);
	return s;
}

static bool
said_by_others(const struct renaming *r, const struct spoken *s, const char *name)
{
	size_t lo = 0, hi = r->st->nnames;

	while (lo < hi) { /* the first of that name */
		size_t mid = lo + (hi - lo) / 2;

		if (strcasecmp(s[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->st->nnames && strcasecmp(s[lo].name, name) == 0 && !s[lo].kept;
}

static bool
is_ip_of_kept(const struct renaming *r, const char *ip)
{
	uint32_t h = study_find_host(r->st, ip, strlen(ip));

	return h != STUDY_NONE && host_is_kept(r, h);
}

/* Lower case: the same name in another spelling has the same pseudonym. */
static const char *
rename_name(struct renaming *r, const char *name)
{
	bool wild = strncmp(name, "*.", 2) == 0;
	char *lower = xstrdup(wild ? name + 2 : name);
	const char *now;

	for (char *c = lower; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	now = renamed(r, "name", wild ? "*.name-" : "name-", lower, 6);
	free(lower);
	return now;
}

static void
rename_names(struct renaming *r)
{
	struct spoken *spoken = list_names(r);

	for (uint32_t h = 0; h < r->st->nhosts; h++) {
		for (uint32_t i = 0; i < r->st->hosts[h].nnames; i++) {
			struct study_name *n = &r->st->names[r->st->hosts[h].name0 + i];
			bool keep = host_is_kept(r, h) && !said_by_others(r, spoken, n->name);

			if (n->address != NULL && !is_ip_of_kept(r, n->address))
				n->address = renamed(r, "ip", "host-", n->address, 6);
			if (!keep)
				n->name = rename_name(r, n->name);
		}
	}
	free(spoken);
}

/* Names of keys that a program chose, not a person. */
static const char *
known_algorithm(const char *alg)
{
	static const char *const known[] = { "ssh-rsa", "ssh-dss", "ssh-ed25519", "ssh-ed448",
		"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-256",
		"rsa-sha2-512", "P-224", "P-256", "P-384", "P-521", "RSA", "DSA", "ECDSA",
		"Ed25519", "Ed448" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(alg, known[i]) == 0)
			return known[i];
	}
	return "other";
}

static const char *
known_version(const char *version)
{
	static const char *const known[] = { "SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2",
		"TLSv1.3", "2.0", "1.99", "1.5" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(version, known[i]) == 0)
			return known[i];
	}
	return "other";
}

static void
rename_ases(struct renaming *r)
{
	for (uint32_t i = 0; i < r->st->nases; i++) {
		struct study_as *as = &r->st->ases[i];
		unsigned char sum[32];
		char text[16];

		if (r->kept[i] || (as->asn == 0 && as->name[0] == '\0'))
			continue;
		/* One AS may stand there under two names: the pseudonym is its number's. */
		if (as->asn != 0) {
			snprintf(text, sizeof(text), "%u", as->asn);
			as->name = renamed(r, "as", "network-", text, 4);
			pseudonym_hash(r->key, "asn", text, sum);
			as->asn = 4200000000U + /* RFC 6996: private use */
				  (((uint32_t)sum[0] << 16 | (uint32_t)sum[1] << 8 | sum[2]) %
				      94967294U);
		} else {
			as->name = renamed(r, "as", "network-", as->name, 4);
		}
	}
}

void
pseudonym_study(struct study *st, const unsigned char key[PSEUDONYM_KEY], const uint32_t *keep_as,
    size_t nkeep_as)
{
	struct renaming r = { .st = st, .key = key, .keep_as = keep_as, .nkeep_as = nkeep_as };

	r.kept = xcalloc((size_t)st->nases + 1, sizeof(*r.kept));
	for (uint32_t i = 0; i < st->nases; i++) {
		for (size_t k = 0; k < nkeep_as; k++)
			r.kept[i] |= st->ases[i].asn == keep_as[k] && keep_as[k] != 0;
	}
	rename_keys(&r);
	rename_names(&r); /* while addresses still find their hosts */
	for (uint32_t i = 0; i < st->nports; i++) {
		st->ports[i].software = NULL;
		if (st->ports[i].alg != NULL)
			st->ports[i].alg = known_algorithm(st->ports[i].alg);
		if (st->ports[i].version != NULL)
			st->ports[i].version = known_version(st->ports[i].version);
	}
	for (uint32_t i = 0; i < st->nhosts; i++) {
		if (!host_is_kept(&r, i))
			st->hosts[i].ip = renamed(&r, "ip", "host-", st->hosts[i].ip, 6);
		st->hosts[i].record = i; /* the line in the records would find the host there */
	}
	rename_ases(&r);
	free(r.kept);
}
