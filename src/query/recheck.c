/* survey recheck: who is asked again, and what has become of their keys. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "survey/beneath.h"
#include "survey/buf.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/order.h"
#include "survey/record.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"

#include "notify.h"

#define DAY_S 86400
#define RECORDS "records.fresh" /* of a run that may go on: not packed */
#define MARKER_MAX (64 << 20) /* bytes of a notify.json */
#define PARTS (STUDY_CLUSTERED | STUDY_OTHERS | STUDY_FACTS | STUDY_OUTCOMES | STUDY_FINDINGS)

enum state { STATE_GONE, STATE_REPLACED, STATE_STILL, STATE_SILENT, STATE_REFUSED, NSTATES };

static const char *const state_words[NSTATES] = { "gone", "replaced", "still there", "silent",
	"not asked" };

/* ---- who is asked ---- */

static void
put(struct recheck_hosts *h, const struct ip *ip)
{
	mem_grow(&h->v, &h->cap, h->n + 1, sizeof(*h->v));
	h->v[h->n++] = *ip;
}

static bool
has(const struct recheck_hosts *h, const struct ip *ip)
{
	return h->n > 0 && bsearch(ip, h->v, h->n, sizeof(*h->v), order_ip) != NULL;
}

/* In order, each once. */
static void
sort(struct recheck_hosts *h)
{
	size_t n = 0;

	if (h->n > 1)
		qsort(h->v, h->n, sizeof(*h->v), order_ip);
	for (size_t i = 0; i < h->n; i++) {
		if (n == 0 || ip_cmp(&h->v[n - 1], &h->v[i]) != 0)
			h->v[n++] = h->v[i];
	}
	h->n = n;
}

static void
put_addresses(struct recheck_hosts *h, json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(list, i);
		const char *s = json_object_is_type(o, json_type_string) ? json_object_get_string(o)
									 : "";
		struct ip ip;

		if (ip_parse(s, strlen(s), &ip))
			put(h, &ip);
	}
}

/* Those of whom notify has told. */
static int
read_told(const char *dir, struct recheck_hosts *told)
{
	char *path = path_join(dir, NOTIFY_MARKER);
	char *text = file_read(path, MARKER_MAX, NULL);
	json_object *root = text != NULL ? json_tokener_parse(text) : NULL;
	json_object *list = json_object_object_get(root, "constituencies");
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	int rc = root != NULL ? 0 : -1;

	if (rc == -1)
		log_error("%s: %s", path,
		    text == NULL ? strerror(errno) : "it is not what survey notify writes");
	for (size_t i = 0; i < n; i++)
		put_addresses(
		    told, json_object_object_get(json_object_array_get_idx(list, i), "hosts"));
	sort(told);
	json_object_put(root);
	free(text);
	free(path);
	return rc;
}

/* Hosts that were asked within a day.  Lines that cannot be read tell of nobody. */
static void
read_recent(const char *dir, struct recheck_hosts *recent)
{
	char *path = path_join(dir, RECHECKED_FILE), *line = NULL;
	FILE *f = fopen(path, "re");
	int64_t now = time(NULL);
	size_t cap = 0;

	while (f != NULL && getline(&line, &cap, f) != -1) {
		json_object *o = json_tokener_parse(line), *at = json_object_object_get(o, "at");
		const char *s = json_object_is_type(at, json_type_string)
				    ? json_object_get_string(at)
				    : "";
		int64_t t = time_parse(s, strlen(s));

		if (t != TIME_UNKNOWN && t > now - DAY_S)
			put_addresses(recent, json_object_object_get(o, "hosts"));
		json_object_put(o);
	}
	sort(recent);
	free(line);
	free(path);
	if (f != NULL)
		fclose(f);
}

struct asked {
	struct recheck_hosts *hosts;
	int64_t since;
};

static int
take_asked(const struct record_line *line, void *arg)
{
	const struct asked *a = arg;

	if (line->host != NULL &&
	    (line->host->time == TIME_UNKNOWN || line->host->time >= a->since))
		put(a->hosts, &line->host->ip);
	return 0;
}

/* Whom a run in the directory has asked since a time: they have a record.  Returns 0, or -1 after a message. */
static int
read_asked(const char *dir, int64_t since, struct recheck_hosts *hosts)
{
	int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1, rc = 0;
	struct asked a = { .hosts = hosts, .since = since };
	struct record_options o = { .threads = 1 };
	struct record_counts counts = { 0 };
	char *path, *error = NULL;

	if (at != -1)
		fd = beneath_open(at, RECORDS, O_RDONLY, 0);
	if (fd != -1) {
		path = xasprintf("/proc/self/fd/%d", fd);
		rc = record_read(path, &o, take_asked, &a, &counts, &error);
		rc = rc == RECORD_NO_RECORDS ? 0 : rc; /* nobody has answered yet */
		if (rc != 0)
			log_error(
			    "%s/%s: %s", dir, RECORDS, error != NULL ? error : strerror(errno));
		free(path);
		free(error);
		close(fd);
	} else if (errno != ENOENT) {
		log_error("%s/%s: %s", dir, RECORDS, strerror(errno));
		rc = -1;
	}
	if (at != -1)
		close(at);
	sort(hosts);
	return rc == 0 ? 0 : -1;
}

/* Those whom the recheck has asked that goes on there. */
static int
read_own(const char *dir, struct recheck_hosts *own)
{
	struct manifest m;
	bool goes_on;

	if (dir == NULL || manifest_read(&m, dir) == -1)
		return 0;
	goes_on = m.state != RUN_COMPLETE && m.state != RUN_INCOMPLETE;
	manifest_fini(&m);
	return goes_on ? read_asked(dir, INT64_MIN, own) : 0;
}

static bool
lists(const uint32_t *v, size_t n, uint32_t number)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i] == number)
			return true;
	}
	return false;
}

static bool
is_wanted(const struct recheck_options *o, const struct study *st, uint32_t host,
    const struct recheck_hosts *told)
{
	const struct study_host *h = &st->hosts[host];

	if (o->nclusters > 0)
		return h->cluster != STUDY_NONE &&
		       lists(o->clusters, o->nclusters, st->clusters[h->cluster].id);
	if (o->nasns > 0)
		return lists(o->asns, o->nasns, st->ases[h->as].asn);
	return has(told, &h->ip);
}

static int
check_clusters(const struct recheck_options *o, const struct study *st)
{
	for (size_t i = 0; i < o->nclusters; i++) {
		if (study_find_cluster(st, o->clusters[i]) != STUDY_NONE)
			continue;
		log_error(
		    "%s has no cluster %u; there are %u", o->path, o->clusters[i], st->nclusters);
		return EXIT_USAGE;
	}
	return 0;
}

int
recheck_choose(const struct recheck_options *o, struct recheck_hosts *hosts)
{
	struct recheck_hosts told = { .n = 0 }, recent = { .n = 0 }, own = { .n = 0 };
	struct study *st = NULL;
	struct notices n;
	int rc;

	*hosts = (struct recheck_hosts){ .n = 0 };
	if (o->notify != NULL && read_told(o->notify, &told) == -1)
		return EXIT_USAGE;
	if ((st = study_open(o->path, PARTS, 0)) == NULL) {
		free(told.v);
		return EXIT_FAILED;
	}
	rc = check_clusters(o, st);
	if (rc == 0 && !o->again) {
		read_recent(o->path, &recent);
		rc = read_own(o->result, &own) == 0 ? 0 : EXIT_FAILED;
	}
	if (rc == 0) {
		notices_find(&n, st, NULL);
		for (uint32_t i = 0; i < st->nhosts; i++) {
			if (n.of_host[i].n == 0 || !is_wanted(o, st, i, &told))
				continue;
			if (has(&recent, &st->hosts[i].ip) && !has(&own, &st->hosts[i].ip))
				hosts->recent++;
			else
				put(hosts, &st->hosts[i].ip);
		}
		notices_fini(&n);
		sort(hosts);
	}
	study_free(st);
	free(told.v);
	free(recent.v);
	free(own.v);
	return rc;
}

static int
append_note(const struct recheck_options *o, const struct recheck_hosts *hosts)
{
	int at = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1, rc = -1;
	char text[TIME_SIZE], ip[IP_STRLEN];
	struct jsonw w;

	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_member_string(&w, "at", time_format(time(NULL), text));
	jsonw_key(&w, "hosts");
	jsonw_array(&w);
	for (size_t i = 0; i < hosts->n; i++)
		jsonw_string(&w, ip_format(&hosts->v[i], ip));
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	jsonw_newline(&w);
	if (at != -1)
		fd = beneath_open(at, RECHECKED_FILE, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd != -1 && (rc = file_write_fd(fd, w.out.data, w.out.len)) == 0)
		rc = fsync(fd);
	if (rc == -1)
		log_error("%s/%s: %s", o->path, RECHECKED_FILE, strerror(errno));
	if (fd != -1)
		close(fd);
	if (at != -1)
		close(at);
	jsonw_fini(&w);
	return rc;
}

int
recheck_note(const struct recheck_options *o, int64_t since)
{
	struct recheck_hosts asked = { .n = 0 };
	int rc = read_asked(o->result, since, &asked);

	if (asked.n > 0) {
		rc = append_note(o, &asked) == 0 ? rc : -1;
		rundir_note_derived(o->path, "recheck", o->result);
	}
	free(asked.v);
	return rc;
}

/* ---- what has become of their keys ---- */

/* What was there and what is there. */
struct rechecking {
	const struct study *was, *now;
	struct match m; /* was is a, now is b */
	struct notices n; /* of was */
	uint64_t count[NSTATES]; /* keys on ports */
	struct print p;
};

/* *by: the grab that shows another key of that type instead, with STATE_REPLACED. */
static enum state
state_of(const struct rechecking *r, const struct study_grab *g, uint32_t *by)
{
	uint32_t host = r->m.host_b[g->host];
	const struct study_host *h;
	bool answers = false;

	*by = STUDY_NONE;
	if (host == STUDY_NONE)
		return STATE_REFUSED;
	h = &r->now->hosts[host];
	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		const struct study_grab *x = &r->now->grabs[i];

		if (x->port != g->port)
			continue;
		if (x->key == r->m.key_b[g->key])
			return STATE_STILL;
		answers = true;
		if (*by == STUDY_NONE && match_same_type(r->was, g, r->now, x))
			*by = i;
	}
	if (*by != STUDY_NONE)
		return STATE_REPLACED;
	/* A port that does not answer may show the key tomorrow. */
	return answers || h->outcome[g->port] == OUTCOME_OPEN ||
		       h->outcome[g->port] == OUTCOME_REFUSED
		   ? STATE_GONE
		   : STATE_SILENT;
}

static const struct print_column columns[] = { { "ip" }, { "port" }, { "service" },
	{ "key", NULL, 2 * KEY_LEN }, { "state" }, { "replaced_by", "replaced by", 2 * KEY_LEN },
	{ "hosts_with_new_key", "hosts with it" }, { NULL } };

static void
tell_key(struct rechecking *r, const struct notice *row, const struct notice_key *k)
{
	uint32_t by;
	enum state state = state_of(r, &r->was->grabs[k->grab], &by);
	struct print *p = &r->p;
	char ip[IP_STRLEN];

	r->count[state]++;
	print_string(p, ip_format(&r->was->hosts[row->host].ip, ip));
	print_uint(p, port_table[row->port].port);
	print_string(p, notify_application(row->port));
	print_hex(p, r->was->keys[k->key].fp, KEY_LEN);
	print_style(p, state == STATE_GONE || state == STATE_REPLACED ? PRINT_GOOD : PRINT_ALARM);
	print_string(p, state_words[state]);
	if (by != STUDY_NONE) {
		const struct study_key *key = &r->now->keys[r->now->grabs[by].key];

		print_hex(p, key->fp, KEY_LEN);
		print_uint(p, key->nhosts);
	}
	print_row(p);
}

static void
tell_counts(struct rechecking *r, const struct recheck_hosts *hosts)
{
	if (r->p.format == PRINT_JSON) {
		jsonw_key(&r->p.json, "counts");
		jsonw_object(&r->p.json);
		for (int i = 0; i < NSTATES; i++)
			jsonw_member_uint(&r->p.json, state_words[i], r->count[i]);
		jsonw_end_object(&r->p.json);
		jsonw_member_uint(&r->p.json, "asked_within_a_day", hosts->recent);
		return;
	}
	print_line(&r->p, "%llu gone, %llu replaced, %llu still there, %llu silent, %llu not asked",
	    (unsigned long long)r->count[STATE_GONE], (unsigned long long)r->count[STATE_REPLACED],
	    (unsigned long long)r->count[STATE_STILL], (unsigned long long)r->count[STATE_SILENT],
	    (unsigned long long)r->count[STATE_REFUSED]);
	if (hosts->recent > 0)
		print_line(&r->p, "%u more hosts were asked within a day (--again)", hosts->recent);
}

int
recheck_tell(const struct recheck_options *o, const struct recheck_hosts *hosts, const char *now,
    struct buf *out)
{
	struct study *was = study_open(o->path, PARTS, 0), *is = NULL;
	struct rechecking r = { .was = was };
	bool open;

	if (was == NULL || (is = study_open(now, PARTS, 0)) == NULL) {
		study_free(was);
		return EXIT_FAILED;
	}
	r.now = is;
	match_init(&r.m, was, is);
	notices_find(&r.n, was, NULL);
	print_init(&r.p, o->format, out, o->colour);
	if (o->format == PRINT_JSON)
		jsonw_object(&r.p.json);
	print_table(&r.p, "keys", columns);
	for (uint32_t i = 0; i < r.n.n; i++) {
		const struct notice *row = &r.n.v[i];

		if (!has(hosts, &was->hosts[row->host].ip))
			continue;
		for (uint32_t k = row->keys.at; k < row->keys.at + row->keys.n; k++)
			tell_key(&r, row, &r.n.keys[k]);
	}
	print_table_end(&r.p);
	tell_counts(&r, hosts);
	if (o->format == PRINT_JSON)
		jsonw_end_object(&r.p.json);
	print_fini(&r.p);
	open = r.count[STATE_STILL] + r.count[STATE_SILENT] + r.count[STATE_REFUSED] > 0 ||
	       hosts->recent > 0;
	notices_fini(&r.n);
	match_fini(&r.m);
	study_free(was);
	study_free(is);
	return open ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}
