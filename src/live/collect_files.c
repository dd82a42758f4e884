#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/iplist.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/simd.h"
#include "survey/signals.h"

#include "collect.h"

#define BAD_TEXT 4096 /* of a line that could not be read, this much is kept */

uint8_t *
collect_known(struct collect *c, uint32_t id)
{
	size_t old = c->known_cap;

	mem_grow(&c->known, &c->known_cap, (size_t)id + 1, 1);
	if (c->known_cap > old)
		memset(c->known + old, 0, c->known_cap - old);
	return &c->known[id];
}

void
collect_disk_error(struct collect *c, const char *path, int error)
{
	if (c->error != 0)
		return;
	c->error = error;
	log_error("%s: %s; %s, then run survey again: it goes on from here", path, strerror(error),
	    error == ENOSPC || error == EDQUOT ? "free some space" : "mend that");
	if (c->scan != NULL && !c->scan_done)
		scan_stop(c->scan);
	if (c->grab != NULL && !c->grab_done)
		grab_stop(c->grab, 0);
}

static void
put(struct collect *c, struct spool *sp, const char *data, size_t len)
{
	if (c->error == 0 && spool_write(sp, data, len) == -1)
		collect_disk_error(c, sp->path, errno);
}

static void
put_address(struct collect *c, struct spool *sp, const struct ip *ip)
{
	char line[IP_STRLEN + 1];
	size_t len;

	len = strlen(ip_format(ip, line));
	line[len++] = '\n';
	put(c, sp, line, len);
}

void
collect_put_bad(struct collect *c, const char *source, const char *reason, uint64_t offset,
    const char *text, size_t len)
{
	struct jsonw w;

	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_key(&w, "source");
	jsonw_string(&w, source);
	jsonw_key(&w, "reason");
	jsonw_string(&w, reason);
	jsonw_key(&w, "offset");
	jsonw_uint(&w, offset);
	jsonw_key(&w, "bytes");
	jsonw_uint(&w, len);
	jsonw_key(&w, "text");
	jsonw_stringn(&w, text, len < BAD_TEXT ? len : BAD_TEXT);
	jsonw_end_object(&w);
	jsonw_newline(&w);
	put(c, &c->bad, w.out.data, w.out.len);
	jsonw_fini(&w);
}

/* An address that has been found: is it to be grabbed? */
static void
consider(struct collect *c, const struct ip *ip)
{
	struct manifest_counts *n = &c->s->m.counts;

	switch (target_check(c->s, ip)) {
	case TARGET_OK:
		if (c->do_grab)
			grab_add(c->grab, ip);
		break;
	case TARGET_ABROAD:
		n->out_of_country++;
		put_address(c, &c->abroad, ip);
		break;
	case TARGET_OPTED_OUT:
		c->opted_out++;
		break;
	case TARGET_BLOCKED:
	case TARGET_NOT_ALLOWED:
		n->refused++;
		break;
	}
}

/* One that was found before stands in zmap.ips; those abroad are written down afresh each time. */
static void
found(struct collect *c, const struct ip *ip, bool before)
{
	bool is_new;
	uint8_t *flags;

	if (survey_is_canary(c->s, ip))
		return;
	flags = collect_known(c, iptab_add(&c->hosts, ip, &is_new));

	if (*flags & KNOWN_HIT)
		return;
	*flags |= KNOWN_HIT;
	c->s->m.counts.hits++;
	if (!before)
		put_address(c, &c->hits, ip);
	if (!(*flags & KNOWN_RECORD) || target_check(c->s, ip) == TARGET_ABROAD)
		consider(c, ip);
}

void
collect_hit(const struct ip *ip, void *arg)
{
	found(arg, ip, false);
}

static void
known_hit(const struct ip *ip, void *arg)
{
	found(arg, ip, true);
}

/* What the addresses of a file are given to. */
struct taker {
	struct collect *c;
	void (*fn)(const struct ip *, void *);
	uint64_t expanded; /* addresses of prefixes and ranges */
};

static const char *
take_range(const struct ip_range *r, void *arg)
{
	struct taker *t = arg;
	const char *why = iplist_expand(r, &t->expanded);
	struct ip ip = r->lo;

	for (uint64_t n = why == NULL ? ip_range_size(r) : 0; n > 0; n--, ip_next(&ip))
		t->fn(&ip, t->c);
	return why;
}

/* Each address of a file of ours, which need not be there; lines that are none are passed over. */
static int
each_address(struct collect *c, const char *path, void (*fn)(const struct ip *, void *))
{
	struct taker t = { .c = c, .fn = fn };
	struct refusals bad = { 0 };
	uint64_t closed;
	int rc = iplist_each(path, take_range, &t, &bad, &closed), saved = errno;

	refusals_fini(&bad);
	errno = saved;
	return rc == -1 && saved == ENOENT ? 0 : rc;
}

/* The second pass is for those that did not have it yet. */
static void
queue_second_pass(struct collect *c, const uint16_t *retry, size_t n)
{
	for (size_t id = 0; id < n && c->s->c->grab.second_pass; id++) {
		if (retry[id] != 0 && !(*collect_known(c, (uint32_t)id) & KNOWN_SECOND))
			grab_add_second(c->grab, &c->hosts.ip[id], retry[id]);
	}
}

/* Which hosts records.fresh has, and how their ports ended. */
static int
read_records(struct collect *c)
{
	struct simd_parser *p = simd_parser_new((size_t)c->s->c->analysis.max_line);
	uint16_t *retry = NULL;
	size_t retry_cap = 0, old;
	FILE *f = fopen(c->records.path, "re");
	uint32_t wanted = 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;

	for (int row = 0; row < NPORTS; row++)
		wanted |= c->s->c->grab.port[row] ? UINT32_C(1) << row : 0;
	while (f != NULL && (n = getline(&line, &cap, f)) > 0) {
		struct grab_seen seen;
		uint32_t id;
		bool is_new, gave_up;

		if (!grab_read_record(p, line, (size_t)n, &seen))
			continue; /* analyze reports it */
		if (!seen.second && (seen.ports & wanted) != wanted)
			continue; /* not all that is configured now: asked again */
		if (c->resolve != NULL)
			resolve_record(c->resolve, line, (size_t)n);
		id = iptab_add(&c->hosts, &seen.ip, &is_new);
		old = retry_cap;
		mem_grow(&retry, &retry_cap, (size_t)id + 1, sizeof(*retry));
		if (retry_cap > old)
			memset(retry + old, 0, (retry_cap - old) * sizeof(*retry));
		if (seen.second) {
			c->before.second_pass++;
			for (int row = 0; row < NPORTS; row++)
				c->before.second_pass_gained += (seen.ports &
								    (UINT32_C(1) << row)) != 0 &&
								seen.end[row] == GRAB_SUCCESS;
			*collect_known(c, id) |= KNOWN_SECOND;
			continue;
		}
		*collect_known(c, id) |= KNOWN_RECORD;
		c->before.done++;
		gave_up = false;
		for (int row = 0; row < NPORTS; row++) {
			if (seen.ports & (UINT32_C(1) << row)) {
				c->before.ports[row][seen.end[row]]++;
				gave_up = gave_up || seen.end[row] == GRAB_GIVEN_UP;
			}
		}
		c->before.given_up += gave_up;
		retry[id] = (uint16_t)seen.retry;
	}
	if (f == NULL || !feof(f)) {
		/* Those that it does not show would be grabbed again. */
		log_error("%s: %s", c->records.path, strerror(errno));
		rc = -1;
	}
	queue_second_pass(c, retry, retry_cap < c->hosts.n ? retry_cap : c->hosts.n);
	free(retry);
	free(line);
	simd_parser_free(p);
	if (f != NULL)
		fclose(f);
	return rc;
}

static int
open_spool(struct collect *c, struct spool *sp, const char *name, struct buf *torn)
{
	char *path = path_join(c->s->dir.path, name);
	int rc = spool_open(sp, path, torn);

	if (rc == -1)
		log_error("%s: %s", path, strerror(errno));
	free(path);
	return rc;
}

int
collect_open(struct collect *c)
{
	char *abroad = path_join(c->s->dir.path, "out-of-country.ips");
	struct buf torn;
	int rc = -1;

	unlink(abroad); /* made again from zmap.ips */
	free(abroad);
	buf_init(&torn);
	if (open_spool(c, &c->bad, "records.bad", NULL) == 0 &&
	    open_spool(c, &c->hits, "zmap.ips", NULL) == 0 &&
	    open_spool(c, &c->abroad, "out-of-country.ips", NULL) == 0 &&
	    open_spool(c, &c->records, "records.fresh", &torn) == 0)
		rc = 0;
	if (rc == 0 && torn.len > 0) {
		c->s->m.counts.torn++;
		collect_put_bad(c, "records.fresh", "torn", c->records.size, torn.data, torn.len);
	}
	buf_fini(&torn);
	return rc;
}

/* Hits that were spooled by zmap's shards but did not reach zmap.ips. */
static int
recover_spooled_hits(struct collect *c)
{
	for (size_t i = 0; i < c->s->m.nshards; i++) {
		char *name = xasprintf("shard-%03u.ips", c->s->m.shards[i].number);
		char *path = path_join(c->s->scan_dir, name);
		int rc = each_address(c, path, collect_hit);

		if (rc == -1)
			log_error("%s: %s", path, strerror(errno));
		free(name);
		free(path);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static void
on_listed(const struct ip *ip, void *arg)
{
	struct collect *c = arg;

	c->nlisted++;
	collect_hit(ip, c);
}

/*
 * The list of addresses.  One on standard input comes once: a session that
 * has read it to its end leaves it in zmap.ips for those that follow.
 */
static int
read_list(struct collect *c)
{
	const char *path = c->s->c->scan.list;
	bool from_stdin = strcmp(path, "-") == 0;
	struct taker t = { .c = c, .fn = on_listed };
	struct refusals bad = { 0 };
	uint64_t closed;
	int rc;

	if (from_stdin && c->list_was_read)
		return 0;
	if ((rc = iplist_each(path, take_range, &t, &bad, &closed)) == -1 && *signals_stop() == 0)
		log_error("scan.list: %s: %s", path, strerror(errno));
	refusals_log(&bad, log_warn);
	if (bad.n > 0)
		c->s->incomplete = true;
	if (closed > 0)
		log_info("%s: %llu lines say that the port is closed; they are passed over", path,
		    (unsigned long long)closed);
	refusals_fini(&bad);
	if (rc == -1)
		return *signals_stop() != 0 ? 0 : -1; /* waiting for input was broken off */
	if (from_stdin && c->s->dir.resumed && *signals_stop() == 0 && c->nlisted == 0) {
		log_error("scan.list: the last session did not read standard input to its end; "
			  "give it the whole list again");
		return -1;
	}
	return 0;
}

int
collect_load(struct collect *c)
{
	struct manifest_counts *n = &c->s->m.counts;

	n->hits = n->out_of_country = n->refused = 0;
	if (c->grab != NULL && read_records(c) == -1)
		return -1;
	if (each_address(c, c->hits.path, known_hit) == -1) {
		log_error("%s: %s", c->hits.path, strerror(errno));
		return -1;
	}
	if (c->s->o->nhosts > 0) {
		for (size_t i = 0; i < c->s->o->nhosts; i++)
			collect_hit(&c->s->o->hosts[i], c);
		return 0;
	}
	if (c->s->c->scan.mode == SCAN_LIST)
		return read_list(c);
	return recover_spooled_hits(c);
}
