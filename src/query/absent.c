#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/config.h"
#include "survey/file.h"
#include "survey/iplist.h"
#include "survey/jsonw.h"
#include "survey/lines.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"

#include "absent.h"

#define SCANS_TOLD 12 /* shards whose times a sentence names */
#define LIST_MAX ((size_t)4 << 30) /* bytes of a list that is searched as text */

/* A file of addresses, prefixes and ranges. */
struct list {
	char *path; /* NULL: there is none */
	struct ipset set; /* once read */
	bool read, missing;
};

struct absences {
	char *dir;
	bool many;
	struct list out_of_country, hits, targets[2], blocked;
	struct list *blocks; /* those that the run's config names */
	size_t nblocks;
	struct list opt_out;
	struct manifest m;
	bool has_manifest;
};

static const char *const absence_names[NABSENCES] = {
	[ABSENT_UNTOLD] = "not in the records",
	[ABSENT_NO_PSEUDONYM] = "no such pseudonym",
	[ABSENT_OUT_OF_COUNTRY] = "out of country",
	[ABSENT_BLOCKED] = "blocked",
	[ABSENT_OPTED_OUT] = "opted out",
	[ABSENT_RESERVED] = "special-purpose address",
	[ABSENT_NO_RECORD] = "no record",
	[ABSENT_SILENT] = "silent",
	[ABSENT_UNSURE] = "silent, or not asked",
	[ABSENT_NOT_ASKED] = "not surveyed",
	[ABSENT_LEFT_OUT] = "not told",
};

const char *
absence_name(enum absence why)
{
	return absence_names[why];
}

bool
absence_is_of_record(enum absence why)
{
	return why == ABSENT_UNTOLD || why == ABSENT_NO_PSEUDONYM || why == ABSENT_NO_RECORD;
}

/* A regular file, and not what somebody put there instead. */
static int
open_list(const char *path)
{
	int fd = file_open(path, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;

	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/*
 * Each range of a list with the number of its line and its text, until fn returns true.
 * False when it cannot be read.
 */
static bool
each_range(const char *path,
    bool (*fn)(const struct ip_range *r, unsigned long line, const char *text, void *arg),
    void *arg)
{
	int fd = open_list(path);
	struct iplist_entry e;
	struct iplist *parser;
	struct lines lines;
	bool stop = false;
	char *line;
	size_t len;

	if (fd == -1)
		return false;
	parser = iplist_new(IPLIST_BLOCK);
	lines_init(&lines, IPLIST_LINE_MAX);
	for (enum lines_got got;
	     !stop && (got = lines_read(&lines, fd, &line, &len)) != LINES_END;) {
		char *text;

		if (got == LINES_ERROR)
			break;
		if (got == LINES_TOO_LONG)
			continue;
		text = xstrndup(line, len < 80 ? len : 80);
		iplist_line(parser, line, len, &e);
		if (e.kind == IPLIST_RANGE)
			stop = fn(&e.range, lines.number, text, arg);
		free(text);
	}
	lines_fini(&lines);
	iplist_free(parser);
	close(fd);
	return true;
}

static bool
keep_range(const struct ip_range *r, unsigned long line, const char *text, void *arg)
{
	(void)line;
	(void)text;
	ipset_add_range(arg, &r->lo, &r->hi);
	return false;
}

static bool
in_list(struct list *l, const struct ip *ip)
{
	if (l->path == NULL)
		return false;
	if (!l->read) {
		l->read = true;
		l->missing = !each_range(l->path, keep_range, &l->set);
		ipset_normalise(&l->set);
	}
	return ipset_contains(&l->set, ip);
}

/* A list of our own, an address a line: for one look-up the text is searched. */
static bool
is_line_of(struct absences *a, struct list *l, const struct ip *ip)
{
	char text[IP_STRLEN], *all, *at;
	size_t size, len;
	bool found = false;
	int fd;

	if (a->many)
		return in_list(l, ip);
	if ((fd = open_list(l->path)) == -1)
		return false;
	all = file_read_fd(fd, LIST_MAX, &size);
	close(fd);
	len = strlen(ip_format(ip, text));
	for (at = all; all != NULL && !found && (at = strstr(at, text)) != NULL; at += len)
		found = (at == all || at[-1] == '\n') && (at[len] == '\n' || at[len] == '\0');
	free(all);
	return found;
}

struct searched {
	const struct ip *ip;
	unsigned long line;
	char *text;
};

static bool
holds(const struct ip_range *r, unsigned long line, const char *text, void *arg)
{
	struct searched *s = arg;

	if (r->lo.family != s->ip->family || ip_cmp(&r->lo, s->ip) > 0 || ip_cmp(s->ip, &r->hi) > 0)
		return false;
	s->line = line;
	s->text = xstrdup(text);
	return true;
}

/* By which line of a list: the file may be another one than when the run read it. */
static void
say_line(const char *what, const struct list *l, const struct ip *ip, struct buf *out)
{
	struct searched s = { .ip = ip };

	each_range(l->path, holds, &s);
	buf_printf(out, "%s by line %lu of %s (%s), as that file is now", what, s.line, l->path,
	    s.text != NULL ? s.text : "");
	free(s.text);
}

static void
list_init(struct list *l, const char *dir, const char *name)
{
	*l = (struct list){ .path = path_join(dir, name) };
	ipset_init(&l->set);
}

static void
list_fini(struct list *l)
{
	free(l->path);
	ipset_fini(&l->set);
}

/* The block lists and the opt-out file that the run's config names. */
static void
read_config(struct absences *a)
{
	struct config *c;

	if (rundir_own_config(a->dir, &c) != 0)
		return;
	a->blocks = xcalloc(c->scan.block_files.n + 1, sizeof(*a->blocks));
	for (; a->nblocks < c->scan.block_files.n; a->nblocks++)
		list_init(&a->blocks[a->nblocks], "", c->scan.block_files.v[a->nblocks]);
	if (c->scan.opt_out_file[0] != '\0')
		list_init(&a->opt_out, "", c->scan.opt_out_file);
	config_free(c);
}

struct absences *
absences_open(const char *dir, bool many)
{
	struct absences *a = xcalloc(1, sizeof(*a));

	a->dir = xstrdup(dir);
	a->many = many;
	list_init(&a->out_of_country, dir, "out-of-country.ips");
	list_init(&a->hits, dir, "zmap.ips");
	list_init(&a->targets[0], dir, "cidrs.v4");
	list_init(&a->targets[1], dir, "cidrs.v6");
	list_init(&a->blocked, dir, "scan/block.v4");
	a->has_manifest = manifest_read(&a->m, dir) == 0;
	read_config(a);
	return a;
}

void
absences_free(struct absences *a)
{
	if (a == NULL)
		return;
	list_fini(&a->out_of_country);
	list_fini(&a->hits);
	list_fini(&a->targets[0]);
	list_fini(&a->targets[1]);
	list_fini(&a->blocked);
	for (size_t i = 0; i < a->nblocks; i++)
		list_fini(&a->blocks[i]);
	list_fini(&a->opt_out);
	if (a->has_manifest)
		manifest_fini(&a->m);
	free(a->blocks);
	free(a->dir);
	free(a);
}

/* The list of the config that holds it, or NULL. */
static const struct list *
blocking_list(struct absences *a, const struct ip *ip)
{
	for (size_t i = 0; i < a->nblocks; i++) {
		if (in_list(&a->blocks[i], ip))
			return &a->blocks[i];
	}
	return NULL;
}

/* Did the shards of this directory ask all of the target ranges? */
static bool
scan_is_whole(const struct absences *a)
{
	bool whole = a->has_manifest && a->m.nshards > 0 && a->m.machines <= 1;

	for (size_t i = 0; whole && i < a->m.nshards; i++)
		whole = a->m.shards[i].state == SHARD_DONE;
	return whole;
}

/* Were the hosts of the run given to it, instead of being found by a scan? */
static bool
hosts_were_given(const struct absences *a)
{
	return a->has_manifest && a->m.has_scan && a->m.nshards == 0 &&
	       a->m.stages[STAGE_GRAB].state == STAGE_DONE;
}

/* What became of an address. */
struct lookup {
	enum absence why;
	const struct list
	    *list; /* of the config, and as it is now: it holds the address; or NULL */
	bool answered; /* on port 25 */
	bool in_ranges;
};

static void
find_list_of_config(struct absences *a, const struct ip *ip, struct lookup *l)
{
	if ((l->list = blocking_list(a, ip)) != NULL) {
		l->why = ABSENT_BLOCKED;
	} else if (in_list(&a->opt_out, ip)) {
		l->list = &a->opt_out;
		l->why = ABSENT_OPTED_OUT;
	}
}

static struct lookup
look_up(struct absences *a, const struct ip *ip)
{
	struct lookup l = { .why = ABSENT_NO_RECORD };

	if (ip->family != 4 && ip->family != 6) {
		l.why = ABSENT_NO_PSEUDONYM;
		return l;
	}
	if (is_line_of(a, &a->out_of_country, ip)) {
		l.why = ABSENT_OUT_OF_COUNTRY;
		return l;
	}
	find_list_of_config(a, ip, &l);
	if ((l.answered = is_line_of(a, &a->hits, ip)))
		return l;
	/* What was blocked is no part of these ranges: if a list has it now, it came later. */
	if ((l.in_ranges = in_list(&a->targets[ip->family == 6], ip)))
		l.why = ip->family == 6 || hosts_were_given(a) ? ABSENT_NOT_ASKED
			: scan_is_whole(a)		       ? ABSENT_SILENT
							       : ABSENT_UNSURE;
	else if (l.list == NULL && in_list(&a->blocked, ip))
		l.why = ip_special_find(ip) != NULL ? ABSENT_RESERVED : ABSENT_BLOCKED;
	else if (l.list == NULL) {
		/* A scan of one family has no list of the other one. */
		(void)in_list(&a->targets[ip->family == 4], ip);
		l.why = a->targets[0].missing && a->targets[1].missing ? ABSENT_UNTOLD
								       : ABSENT_NOT_ASKED;
	}
	return l;
}

enum absence
absences_why(struct absences *a, const struct ip *ip)
{
	return look_up(a, ip).why;
}

/* When packets left, and from where: for whoever asks "did you probe me?". */
static void
say_scans(const struct absences *a, struct buf *out)
{
	char from[TIME_SIZE], to[TIME_SIZE], ip[IP_STRLEN];
	size_t n = a->has_manifest ? a->m.nattempts : 0;

	if (n == 0) {
		buf_adds(out, "; when packets left is not told here");
		return;
	}
	buf_adds(out, "; packets left in these times:");
	for (size_t i = 0; i < n && i < SCANS_TOLD; i++) {
		const struct manifest_attempt *t = &a->m.attempts[i];

		buf_printf(out, "%s shard %u from %s to %s", i > 0 ? "," : "", t->shard,
		    time_format(t->started, from),
		    t->ended != 0 ? time_format(t->ended, to) : "an end that is not told");
		if (t->source.family != 0)
			buf_printf(out, " (source %s)", ip_format(&t->source, ip));
	}
	if (n > SCANS_TOLD)
		buf_printf(out, " and in %zu more, the last from %s", n - SCANS_TOLD,
		    time_format(a->m.attempts[n - 1].started, from));
	if (a->m.shards_total > 1)
		buf_printf(out, "; in which of the %u shards an address was asked cannot be told",
		    a->m.shards_total);
}

/* Blocked or opted out, now or when the run read its lists. */
static void
say_blocked(struct absences *a, const struct ip *ip, const struct lookup *l, struct buf *out)
{
	if (l->answered)
		buf_adds(out, "answered on port 25; ");
	if (l->list != NULL)
		say_line(l->why == ABSENT_BLOCKED ? "blocked" : "opted out", l->list, ip, out);
	else
		buf_adds(out, "blocked when the scan ran; none of the block lists names it now");
	if (l->answered) {
		buf_adds(out, ": not asked further");
		say_scans(a, out);
	} else if (!in_list(&a->blocked, ip)) {
		buf_adds(out, "; which lists the run had is not told here");
	} else {
		buf_adds(out, a->m.nsessions > 1
				  ? ": not asked in the run's last session, and which "
				    "lists earlier ones had is not told"
				  : ": never asked");
	}
}

/* In the target ranges, and why that may mean nothing. */
static void
say_unsure(const struct absences *a, struct buf *out)
{
	buf_adds(out, "in the target ranges; ");
	if (!a->has_manifest || !a->m.has_scan)
		buf_adds(out, "whether it was asked is not told here");
	else if (a->m.machines > 1)
		buf_printf(out,
		    "silent on port 25, or asked by another one of the %u machines of this survey",
		    a->m.machines);
	else
		buf_adds(out, "the scan was not finished: silent on port 25, or not asked");
}

static void
say_not_asked(
    const struct absences *a, const struct ip *ip, const struct lookup *l, struct buf *out)
{
	if (!l->in_ranges)
		buf_adds(out, "not in the target ranges: never asked");
	else if (hosts_were_given(a))
		buf_adds(out, "in the target ranges, but not among the hosts that this run was "
			      "given: never asked");
	else
		buf_printf(
		    out, "in the target ranges, but IPv%d is not scanned: never asked", ip->family);
}

/* Whoever got onto a list after the run was asked before. */
static void
say_since(const struct absences *a, const struct ip *ip, const struct lookup *l, struct buf *out)
{
	if (l->list == NULL)
		return;
	buf_adds(out, "; later ");
	say_line(l->list == &a->opt_out ? "opted out" : "blocked", l->list, ip, out);
}

enum absence
absences_reason(struct absences *a, const struct ip *ip, struct buf *out)
{
	const struct lookup l = look_up(a, ip);
	const struct ip_special *special;

	switch (l.why) {
	case ABSENT_NO_PSEUDONYM:
		buf_adds(out, "no such pseudonym in this study");
		break;
	case ABSENT_OUT_OF_COUNTRY:
		buf_adds(out, "answered on port 25, but lies outside the countries of this survey: "
			      "not asked further");
		say_scans(a, out);
		break;
	case ABSENT_BLOCKED:
	case ABSENT_OPTED_OUT:
		say_blocked(a, ip, &l, out);
		break;
	case ABSENT_RESERVED:
		special = ip_special_find(ip);
		buf_printf(out, "a special-purpose address (%s: %s, %s): never asked",
		    special->network, special->purpose, special->source);
		break;
	case ABSENT_NO_RECORD:
		buf_adds(out, "answered on port 25, but there is no record of it");
		say_scans(a, out);
		break;
	case ABSENT_SILENT:
		buf_adds(out, "in the target ranges, and silent on port 25");
		say_since(a, ip, &l, out);
		say_scans(a, out);
		break;
	case ABSENT_UNSURE:
		say_unsure(a, out);
		say_since(a, ip, &l, out);
		say_scans(a, out);
		break;
	case ABSENT_NOT_ASKED:
		say_not_asked(a, ip, &l, out);
		say_scans(a, out);
		break;
	case ABSENT_UNTOLD:
	case ABSENT_LEFT_OUT:
	case NABSENCES:
		buf_adds(out, "not in this study; this directory does not tell which ranges were "
			      "asked");
		break;
	}
	return l.why;
}

void
absences_scans(struct absences *a, struct jsonw *w)
{
	char time[TIME_SIZE], ip[IP_STRLEN];

	jsonw_array(w);
	for (size_t i = 0; a->has_manifest && i < a->m.nattempts; i++) {
		const struct manifest_attempt *t = &a->m.attempts[i];

		jsonw_object(w);
		jsonw_member_uint(w, "shard", t->shard);
		jsonw_member_string(w, "from", time_format(t->started, time));
		jsonw_member_string(w, "to", t->ended != 0 ? time_format(t->ended, time) : NULL);
		jsonw_member_string(
		    w, "source", t->source.family != 0 ? ip_format(&t->source, ip) : NULL);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}
