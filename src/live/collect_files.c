#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/frames.h"
#include "survey/iplist.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/ndjson.h"
#include "survey/pack.h"
#include "survey/signals.h"
#include "survey/simd.h"
#include "survey/source.h"
#include "survey/text.h"

#include "collect.h"
#include "unheard.h"

#define READ_BYTES ((size_t)256 << 10)
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
	else if (c->resolve != NULL && !c->dns_done)
		resolve_stop(c->resolve);
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

/* Reading what earlier sessions have grabbed. */
struct known_records {
	struct collect *c;
	struct simd_parser *parser;
	uint32_t wanted; /* rows of ports */
	uint16_t *retry; /* by host: ports for the second pass */
	size_t retry_cap;
};

/* Of one line: which host it has, and how its ports ended. */
static int
known_record(const char *line, size_t len, void *arg)
{
	struct known_records *k = arg;
	struct collect *c = k->c;
	struct grab_seen seen;
	size_t old = k->retry_cap;
	bool is_new, gave_up = false;
	uint32_t id;

	if (!grab_read_record(k->parser, line, len, &seen))
		return 0; /* analyze reports it */
	if (!seen.second && (seen.ports & k->wanted) != k->wanted)
		return 0; /* not all that is configured now: asked again */
	if (unheard_at(&c->s->m.canaries, seen.time))
		return 0; /* perhaps nobody was reached: asked again */
	if (c->resolve != NULL)
		resolve_record(c->resolve, line, len);
	id = iptab_add(&c->hosts, &seen.ip, &is_new);
	mem_grow(&k->retry, &k->retry_cap, (size_t)id + 1, sizeof(*k->retry));
	if (k->retry_cap > old)
		memset(k->retry + old, 0, (k->retry_cap - old) * sizeof(*k->retry));
	if (seen.second) {
		c->before.second_pass++;
		for (int row = 0; row < NPORTS; row++)
			c->before.second_pass_gained += (seen.ports & (UINT32_C(1) << row)) != 0 &&
							seen.end[row] == GRAB_SUCCESS;
		*collect_known(c, id) |= KNOWN_SECOND;
		return 0;
	}
	*collect_known(c, id) |= KNOWN_RECORD;
	c->before.done++;
	for (int row = 0; row < NPORTS; row++) {
		if (seen.ports & (UINT32_C(1) << row)) {
			c->before.ports[row][seen.end[row]]++;
			gave_up = gave_up || seen.end[row] == GRAB_GIVEN_UP;
		}
	}
	c->before.given_up += gave_up;
	k->retry[id] = (uint16_t)seen.retry;
	return 0;
}

static int
read_records(struct collect *c)
{
	size_t max_line = (size_t)c->s->c->analysis.max_line;
	struct known_records k = { .c = c, .parser = simd_parser_new(max_line) };
	char *error = NULL, *text = xmalloc(READ_BYTES);
	struct source *src = source_open(c->records.path, NULL, &error);
	struct ndjson lines;
	long n = -1;

	for (int row = 0; row < NPORTS; row++)
		k.wanted |= c->s->c->grab.port[row] ? UINT32_C(1) << row : 0;
	ndjson_init(&lines, max_line, known_record, &k);
	while (src != NULL && (n = source_read(src, text, READ_BYTES, &error)) > 0)
		(void)ndjson_feed(&lines, text, (size_t)n);
	if (n == -1) /* Those that it does not show would be grabbed again. */
		log_error("%s", error);
	/* A torn line that somebody has packed by hand ends here, too. */
	else if (ndjson_torn(&lines) > 0 && spool_write(&c->records, "\n", 1) == -1)
		collect_disk_error(c, c->records.path, errno);
	queue_second_pass(c, k.retry, k.retry_cap < c->hosts.n ? k.retry_cap : c->hosts.n);
	ndjson_fini(&lines);
	source_close(src);
	simd_parser_free(k.parser);
	free(k.retry);
	free(error);
	free(text);
	return n == -1 ? -1 : 0;
}

static int
open_spool(struct collect *c, struct spool *sp, const char *name, struct buf *torn)
{
	char *path = path_join(c->s->dir.path, name);
	int rc = spool_open(sp, path, torn);

	if (rc == -1)
		log_error("%s: %s", path, frames_strerror(errno));
	free(path);
	return rc;
}

/* Records go on as they began: run.compress is for the first session.  The caller frees. */
static char *
records_name(const struct collect *c)
{
	const char *wanted = c->s->c->run.compress ? "records.fresh.zst" : "records.fresh";
	char *there = rundir_records(c->s->dir.path), *name;

	name = xstrdup(there != NULL ? path_last(there) : wanted);
	if (strcmp(name, wanted) != 0)
		log_info("the records of this run go on as they began, in %s", name);
	free(there);
	return name;
}

static int
open_records(struct collect *c)
{
	char *name = records_name(c);
	struct buf torn;
	int rc = -1;

	buf_init(&torn);
	if (pack_kind_of(name) == PACK_GZIP)
		log_error("%s/%s: nothing can be added to what gzip has packed; gunzip it, and "
			  "this run goes on",
		    c->s->dir.shown, name);
	else
		rc = open_spool(c, &c->records, name, &torn);
	if (rc == 0 && c->records.cut > 0) {
		c->s->m.counts.torn++;
		collect_put_bad(c, name, "torn", c->records.size, torn.data, torn.len);
	}
	buf_fini(&torn);
	free(name);
	return rc;
}

int
collect_open(struct collect *c)
{
	char *abroad = path_join(c->s->dir.path, "out-of-country.ips");

	unlink(abroad); /* made again from zmap.ips */
	free(abroad);
	if (open_spool(c, &c->bad, "records.bad", NULL) == 0 &&
	    open_spool(c, &c->hits, "zmap.ips", NULL) == 0 &&
	    open_spool(c, &c->abroad, "out-of-country.ips", NULL) == 0)
		return open_records(c);
	return -1;
}

/* What zmap's output was cut off at is no line: half an address may be another one. */
static int
cut_half_line(const char *path)
{
	struct spool sp;

	if (access(path, F_OK) == -1)
		return 0; /* spool_open() would make it */
	if (spool_open(&sp, path, NULL) == -1)
		return -1;
	spool_close(&sp);
	return 0;
}

/* Hits that were spooled by zmap's shards but did not reach zmap.ips. */
static int
recover_spooled_hits(struct collect *c)
{
	for (size_t i = 0; i < c->s->m.nshards; i++) {
		char *name = xasprintf("shard-%03u.ips", c->s->m.shards[i].number);
		char *path = path_join(c->s->scan_dir, name);
		int rc = cut_half_line(path);

		if (rc == 0)
			rc = each_address(c, path, collect_hit);
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
		log_info("%s: %llu %s that the port is closed; they are passed over", path,
		    (unsigned long long)closed, text_noun(closed, "line says", "lines say"));
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
