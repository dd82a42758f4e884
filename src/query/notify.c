/*
 * survey notify: who is to be told of what.
 *
 * What a folder holds is its owner's: addresses, names and keys that its own hosts show.
 * Of others it has numbers, since a name or a key in clear would lead to them.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "survey/base64.h"
#include "survey/buf.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/finding.h"
#include "survey/hex.h"
#include "survey/iplist.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/optout.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"
#include "survey/template.h"
#include "survey/text.h"

#include "notify.h"

#define MARKER "notify.json"
#define FOLDER_MAX 60 /* characters of a domain in the name of its folder */

/* ---- small facts ---- */

static const struct {
	uint16_t port;
	const char *application, *service;
} services[] = { { 22, "ssh", "SSH" }, { 25, "smtp", "SMTP" }, { 110, "pop3", "POP3" },
	{ 143, "imap", "IMAP" }, { 443, "https", "HTTPS" }, { 587, "submission", "submission" },
	{ 993, "imaps", "IMAPS" }, { 465, "smtps", "SMTPS" }, { 995, "pop3s", "POP3S" } };

const char *
notify_application(uint8_t port)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if (services[i].port == port_table[port].port)
			return services[i].application;
	}
	return "tls";
}

const char *
notify_service(uint8_t port)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if (services[i].port == port_table[port].port)
			return services[i].service;
	}
	return "TLS";
}

const char *
notify_name(const struct study *st, uint32_t host, char out[static NAME_SIZE])
{
	const char *name = study_text_or_empty(st, st->hosts[host].rdns);

	if (name_normalise(name, strlen(name), out) != NAME_OK)
		out[0] = '\0';
	return out;
}

void
notify_key_type(const struct study *st, const struct study_grab *g, struct buf *out)
{
	const char *alg = study_text_or_empty(st, g->alg),
		   *curve = study_text_or_empty(st, g->curve);

	if (alg[0] == '\0')
		buf_adds(out, g->kind == KEY_SSH_HOST ? "SSH" : "TLS");
	text_plain(out, alg, strlen(alg), 40);
	if (curve[0] != '\0') {
		buf_addc(out, ' ');
		text_plain(out, curve, strlen(curve), 20);
	} else if (g->bits > 0) {
		buf_printf(out, " %d", g->bits);
	}
}

void
notify_fingerprint(const struct study *st, const struct study_grab *g, struct buf *out)
{
	const uint8_t *fp = st->keys[g->key].fp;

	if (g->kind == KEY_SSH_HOST)
		base64_fingerprint(out, fp);
	else
		hex_add(out, fp, KEY_LEN);
}

/* Names that lead back to the host: others may be anybody's. */
static const char *
mails_by_name(const struct notifying *x, uint32_t host)
{
	const struct study *st = x->n.st;
	const struct study_host *h = &st->hosts[host];

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const char *mails = st->names[i].verdict == NAME_GOOD
					? contacts_of_domain(&x->contacts,
					      study_text_or_empty(st, st->names[i].text))
					: NULL;

		if (mails != NULL)
			return mails;
	}
	return NULL;
}

/* The narrowest that is known: a network, a domain, an AS. */
const char *
notify_mails(const struct notifying *x, uint32_t host)
{
	const struct study_host *h = &x->n.st->hosts[host];
	const char *mails = contacts_of_ip(&x->contacts, &h->ip);

	if (mails == NULL)
		mails = mails_by_name(x, host);
	return mails != NULL ? mails : contacts_of_as(&x->contacts, x->n.st->ases[h->as].asn);
}

/* ---- constituencies ---- */

/* What a name of a directory may be made of, whoever chose the pattern. */
static char *
folder_of(const struct notifying *x, const char *pattern)
{
	char safe[FOLDER_MAX + 1], *folder;
	bool taken = true;
	size_t n = 0;

	for (const char *s = pattern; *s != '\0' && n < FOLDER_MAX; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '-' ||
			     (*s == '.' && n > 0);

		safe[n++] = plain ? *s : '_';
	}
	safe[n] = '\0';
	folder = xasprintf("domain-%s", safe);
	for (unsigned number = 2; taken; number++) {
		taken = false;
		for (size_t i = 0; i < x->nv && !taken; i++)
			taken = strcmp(x->v[i].folder, folder) == 0;
		if (!taken)
			break;
		free(folder);
		folder = xasprintf("domain-%s-%u", safe, number);
	}
	return folder;
}

static struct constituency *
add(struct notifying *x, enum constituency_kind kind, char *name, char *folder)
{
	mem_grow(&x->v, &x->cap, x->nv + 1, sizeof(*x->v));
	x->v[x->nv] = (struct constituency){ .kind = kind, .name = name, .folder = folder };
	return &x->v[x->nv++];
}

static bool
is_wanted_as(const struct notify_options *o, uint32_t asn)
{
	bool wanted = o->nasns == 0;

	for (size_t i = 0; i < o->nasns && !wanted; i++)
		wanted = o->asns[i] == asn;
	return wanted;
}

static struct constituency *
of_as(struct notifying *x, uint32_t asn)
{
	uint32_t h = hashtab_hash(&x->by_as, &asn, sizeof(asn)), i;
	struct constituency *c;
	size_t at;

	for (i = hashtab_first(&x->by_as, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&x->by_as, h, &at)) {
		if (x->v[i].asn == asn)
			return &x->v[i];
	}
	if (!is_wanted_as(x->o, asn))
		return NULL;
	hashtab_put(&x->by_as, h, (uint32_t)x->nv);
	c = asn != 0 ? add(x, BY_AS, xasprintf("AS%u", asn), xasprintf("AS%u", asn))
		     : add(x, BY_AS, xstrdup("no-as"), xstrdup("no-as"));
	c->asn = asn;
	return c;
}

/* "example.ie" is that domain and all below it; what has a wildcard is a pattern. */
static bool
has_name(const struct study *st, const struct study_host *h, const char *pattern)
{
	char name[NAME_SIZE];

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const char *s = study_text_or_empty(st, st->names[i].text);

		if (st->names[i].verdict != NAME_GOOD ||
		    name_canonical(s, strlen(s), name) != NAME_OK)
			continue;
		if (strpbrk(pattern, "*?[") != NULL ? fnmatch(pattern, name, 0) == 0
						    : name_is_below(name, pattern))
			return true;
	}
	return false;
}

/* Call fn with each constituency that a host is in; asn: its AS, as the later of two runs has it. */
static void
each_constituency(struct notifying *x, const struct study *st, uint32_t host, uint32_t asn,
    void (*fn)(struct constituency *, const struct study *, uint32_t host))
{
	const struct study_host *h = &st->hosts[host];
	struct constituency *c;

	if (x->o->networks == NULL && x->o->ndomains == 0) {
		if ((c = of_as(x, asn)) != NULL)
			fn(c, st, host);
		return;
	}
	for (size_t i = 0; i < x->nv; i++) {
		c = &x->v[i];
		if (c->kind == BY_NETWORKS ? ipset_contains(&x->networks, &h->ip)
					   : has_name(st, h, c->name))
			fn(c, st, host);
	}
}

static void
put_host(struct constituency *c, const struct study *st, uint32_t host)
{
	(void)st;
	mem_grow(&c->hosts, &c->cap, c->nhosts + 1, sizeof(*c->hosts));
	c->hosts[c->nhosts++] = host;
}

static void
put_address(struct address_list *l, const struct ip *ip)
{
	mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = *ip;
}

static void
put_repaired(struct constituency *c, const struct study *st, uint32_t host)
{
	put_address(&c->repaired, &st->hosts[host].ip);
}

static void
put_silent(struct constituency *c, const struct study *st, uint32_t host)
{
	put_address(&c->silent, &st->hosts[host].ip);
}

static int
by_number(const void *pa, const void *pb)
{
	const struct constituency *a = pa, *b = pb;

	/* Those of unknown ASes are last. */
	return a->asn - 1 < b->asn - 1 ? -1 : a->asn != b->asn;
}

/* Who has asked to be left alone gets no letter either. */
static bool
leaves_alone(struct notifying *x, const struct ip *ip)
{
	bool found = ipset_contains(&x->opt_outs, ip);

	x->nleft_alone += found;
	return found;
}

static int
read_opt_outs(struct notifying *x)
{
	char *error;

	if (x->o->opt_outs == NULL || optout_read(x->o->opt_outs, &x->opt_outs, &error) == 0)
		return 0;
	log_error("%s", error);
	free(error);
	return EXIT_USAGE;
}

static int
find_constituencies(struct notifying *x)
{
	const struct notices *n = &x->n;
	struct refusals bad = { 0 };
	char *error = NULL;
	int rc = 0;

	if (x->o->networks != NULL) {
		rc = iplist_read_set(&x->networks, x->o->networks, &bad, &error);
		refusals_log(&bad, log_error);
		refusals_fini(&bad);
		if (rc == -1) {
			log_error("%s", error);
			free(error);
			return EXIT_USAGE;
		}
		add(x, BY_NETWORKS, xstrdup("networks"), xstrdup("networks"));
	}
	for (size_t i = 0; i < x->o->ndomains; i++) {
		char *pattern = xstrdup(x->o->domains[i]);

		for (char *c = pattern; *c != '\0'; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
		add(x, BY_DOMAIN, pattern, folder_of(x, pattern));
	}
	for (uint32_t i = 0; i < n->st->nhosts; i++) {
		if (n->of_host[i].n > 0 && !leaves_alone(x, &n->st->hosts[i].ip))
			each_constituency(
			    x, n->st, i, n->st->ases[n->st->hosts[i].as].asn, put_host);
	}
	for (uint32_t i = 0; n->before != NULL && i < n->before->nhosts; i++) {
		uint32_t now = n->m.host_b[i];
		uint32_t asn = now != STUDY_NONE ? n->st->ases[n->st->hosts[now].as].asn
						 : n->before->ases[n->before->hosts[i].as].asn;

		if (n->aftermath[i] != AFTER_OPEN && !leaves_alone(x, &n->before->hosts[i].ip))
			each_constituency(x, n->before, i, asn,
			    n->aftermath[i] == AFTER_REPAIRED ? put_repaired : put_silent);
	}
	if (x->o->networks == NULL && x->o->ndomains == 0 && x->nv > 1)
		qsort(x->v, x->nv, sizeof(*x->v), by_number);
	return 0;
}

/* ---- one of them ---- */

/* Of an AS its own address; else that of all hosts, if they have the same. */
static void
choose_mails(struct notifying *x, struct constituency *c)
{
	const char *all = c->kind == BY_AS ? contacts_of_as(&x->contacts, c->asn) : NULL;

	for (size_t i = 0; all == NULL && i < c->nhosts; i++) {
		const char *mails = notify_mails(x, c->hosts[i]);

		if (mails == NULL)
			return;
		if (c->mails == NULL)
			c->mails = xstrdup(mails);
		if (strcmp(c->mails, mails) != 0) {
			free(c->mails);
			c->mails = NULL;
			return;
		}
	}
	if (all != NULL)
		c->mails = xstrdup(all);
}

static void
count(struct notifying *x, struct constituency *c)
{
	for (size_t i = 0; i < c->nhosts; i++) {
		struct study_span rows = x->n.of_host[c->hosts[i]];

		for (uint32_t r = rows.at; r < rows.at + rows.n; r++) {
			c->rows++;
			c->severities[x->n.v[r].severity]++;
			c->statuses[x->n.v[r].status]++;
		}
	}
	c->nkeys = x->view.nkeys;
	c->nclusters = x->view.nclusters;
}

static int
write_folder(struct notifying *x, struct constituency *c)
{
	if (c->nhosts == 0)
		return 0; /* all is repaired: a line in the index tells it */
	view_of(&x->view, c);
	choose_mails(x, c);
	count(x, c);
	if (newdir_mkdir(x->o->out, c->folder) == -1 || notify_events(x) == -1 ||
	    notify_pictures(x) == -1)
		return -1;
	return notify_letters(x);
}

/* ---- what is said of all ---- */

static const struct print_column index_columns[] = { { "constituency" }, { "folder" }, { "asn" },
	{ "as_name" }, { "contact" }, { "hosts" }, { "rows" }, { "keys" }, { "clusters" },
	{ "critical" }, { "high" }, { "medium" }, { "low" }, { "new" }, { "changed" }, { "open" },
	{ "repaired" }, { "silent" }, { "mail_domains" }, { NULL } };

static void
put_as(struct print *p, const struct notifying *x, const struct constituency *c)
{
	const struct study *st = x->n.st;
	const char *name = "";
	struct buf b;

	if (c->kind != BY_AS || c->asn == 0) {
		print_none(p);
		print_none(p);
		return;
	}
	print_uint(p, c->asn);
	if (c->nhosts > 0)
		name = study_text_or_empty(st, st->ases[st->hosts[c->hosts[0]].as].name);
	buf_init(&b);
	text_plain(&b, name, strlen(name), 200);
	print_text(p, b.data, b.len);
	buf_fini(&b);
}

uint32_t
notify_domains(struct notifying *x, const struct constituency *c)
{
	if (x->impact == NULL)
		return 0;
	impact_begin(x->impact);
	return impact_add_hosts(x->impact, c->hosts, c->nhosts);
}

static int
write_index(struct notifying *x)
{
	struct print p;
	struct buf b;
	int rc;

	buf_init(&b);
	print_init(&p, PRINT_CSV, &b, false);
	print_table(&p, NULL, index_columns);
	for (size_t i = 0; i < x->nv; i++) {
		const struct constituency *c = &x->v[i];

		if (c->nhosts + c->repaired.n + c->silent.n == 0)
			continue;
		print_string(&p, c->name);
		print_string(&p, c->nhosts > 0 ? c->folder : NULL);
		put_as(&p, x, c);
		print_string(&p, c->mails);
		print_uint(&p, c->nhosts);
		print_uint(&p, c->rows);
		print_uint(&p, c->nkeys);
		print_uint(&p, c->nclusters);
		for (int s = 0; s < FINDING_NSEVERITIES; s++)
			print_uint(&p, c->severities[s]);
		for (int s = 0; s < NOTICE_NSTATUS; s++) {
			if (x->n.before != NULL)
				print_uint(&p, c->statuses[s]);
			else
				print_none(&p);
		}
		print_uint(&p, c->repaired.n);
		print_uint(&p, c->silent.n);
		if (impact_has_domains(x->impact))
			print_uint(&p, notify_domains(x, c));
		else
			print_none(&p);
		print_row(&p);
	}
	print_table_end(&p);
	print_fini(&p);
	rc = newdir_write(x->o->out, "index.csv", b.data, b.len);
	buf_fini(&b);
	return rc;
}

/* What `survey recheck --since-notify` reads: who was told of which hosts. */
static int
write_marker(const struct notifying *x, int64_t now)
{
	char time[TIME_SIZE], ip[IP_STRLEN];
	struct jsonw w;
	int rc;

	jsonw_init(&w, NULL);
	jsonw_object(&w);
	jsonw_member_string(&w, "writer", "survey");
	jsonw_member_uint(&w, "version", 1);
	jsonw_member_string(&w, "at", time_format(now, time));
	jsonw_member_string(&w, "run", x->run);
	jsonw_key(&w, "constituencies");
	jsonw_array(&w);
	for (size_t i = 0; i < x->nv; i++) {
		const struct constituency *c = &x->v[i];

		if (c->nhosts == 0)
			continue;
		jsonw_object(&w);
		jsonw_member_string(&w, "name", c->name);
		jsonw_member_string(&w, "folder", c->folder);
		jsonw_key(&w, "hosts");
		jsonw_array(&w);
		for (size_t h = 0; h < c->nhosts; h++)
			jsonw_string(&w, ip_format(&x->n.st->hosts[c->hosts[h]].ip, ip));
		jsonw_end_array(&w);
		jsonw_end_object(&w);
	}
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	jsonw_newline(&w);
	rc = newdir_write(x->o->out, MARKER, w.out.data, w.out.len);
	jsonw_fini(&w);
	return rc;
}

static int
write_all(struct notifying *x, int64_t now)
{
	struct buf b;
	int rc = 0;

	for (size_t i = 0; i < x->nv && rc == 0; i++)
		rc = write_folder(x, &x->v[i]);
	if (rc == 0)
		rc = write_index(x);
	if (rc == 0)
		rc = write_marker(x, now);
	if (rc == 0 && !x->o->shadowserver) {
		buf_init(&b);
		notify_intelmq_config(&b);
		rc = newdir_write(x->o->out, "intelmq.yaml", b.data, b.len);
		buf_fini(&b);
	}
	return rc;
}

/* ---- who was told when ---- */

static int
open_notes(const char *dir)
{
	char *path = path_join(dir, NOTIFIED_FILE);
	int fd = file_open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);

	free(path);
	if (fd == -1)
		log_error(
		    "%s/%s: %s; --draft leaves it alone", dir, NOTIFIED_FILE, strerror(errno));
	return fd;
}

/* A line for each constituency; mail addresses, which name people, are not in it. */
static int
note(struct notifying *x, int fd, int64_t now)
{
	char time[TIME_SIZE];
	struct jsonw w;
	int rc;

	jsonw_init(&w, NULL);
	for (size_t i = 0; i < x->nv; i++) {
		struct constituency *c = &x->v[i];

		if (c->nhosts == 0)
			continue;
		jsonw_object(&w);
		jsonw_member_string(&w, "at", time_format(now, time));
		jsonw_member_string(&w, "constituency", c->name);
		jsonw_key(&w, "contact");
		jsonw_bool(&w, c->mails != NULL);
		jsonw_member_uint(&w, "hosts", c->nhosts);
		jsonw_member_uint(&w, "rows", c->rows);
		jsonw_member_uint(&w, "keys", c->nkeys);
		jsonw_key(&w, "clusters");
		jsonw_array(&w);
		view_of(&x->view, c);
		for (uint32_t k = 0; k < x->view.nclusters; k++)
			jsonw_uint(&w, x->n.st->clusters[x->view.clusters[k]].id);
		jsonw_end_array(&w);
		jsonw_end_object(&w);
		jsonw_newline(&w);
	}
	rc = file_write_fd(fd, w.out.data, w.out.len);
	if (rc == 0)
		rc = fsync(fd);
	if (rc == -1)
		log_error("%s/%s: %s", x->o->path, NOTIFIED_FILE, strerror(errno));
	jsonw_fini(&w);
	return rc;
}

int
notify_begin(struct newdir *d, const char *output)
{
	return newdir_make(d, output, MARKER, "none that survey notify has made");
}

bool
query_is_mail(const char *s)
{
	return contacts_is_mail(s);
}

/* ---- all of it ---- */

/* When the first and the last of the hosts that take part were grabbed. */
static void
find_times(const struct study *st, int64_t *first, int64_t *last)
{
	*first = *last = TIME_UNKNOWN;
	for (uint32_t i = 0; i < st->nhosts; i++) {
		int64_t t = st->hosts[i].time;

		if (t == TIME_UNKNOWN || st->hosts[i].out != OUT_NONE)
			continue;
		*first = *first == TIME_UNKNOWN || t < *first ? t : *first;
		*last = *last == TIME_UNKNOWN || t > *last ? t : *last;
	}
}

static int
read_contacts(struct notifying *x)
{
	if (x->o->contacts == NULL)
		return 0;
	if (contacts_read(&x->contacts, x->o->contacts) == -1) {
		log_error("%s: %s", x->o->contacts, strerror(errno));
		return EXIT_USAGE;
	}
	refusals_log(&x->contacts.bad, log_warn);
	return 0;
}

static void
tell(const struct notifying *x)
{
	size_t told = 0, without = 0;
	uint64_t rows = 0, hosts = 0;

	for (size_t i = 0; i < x->nv; i++) {
		told += x->v[i].nhosts > 0;
		without += x->v[i].nhosts > 0 && x->v[i].mails == NULL;
		rows += x->v[i].rows;
		hosts += x->v[i].nhosts;
	}
	log_info("%s: %zu constituencies with %llu hosts and %llu rows; %zu without a contact",
	    x->o->out->path, told, (unsigned long long)hosts, (unsigned long long)rows, without);
	if (x->nleft_alone > 0)
		log_info("%zu hosts have opted out and are in no letter", x->nleft_alone);
}

static int
notify(struct notifying *x)
{
	int64_t now = time(NULL), unused;
	int notes = -1, rc;

	find_times(x->n.st, &x->began, &x->ended);
	x->since = TIME_UNKNOWN;
	if (x->n.before != NULL)
		find_times(x->n.before, &unused, &x->since);
	if ((rc = read_opt_outs(x)) != 0 || (rc = find_constituencies(x)) != 0)
		return rc;
	rc = EXIT_FAILED;
	if (!x->o->draft && (notes = open_notes(x->o->path)) == -1)
		return rc;
	if (write_all(x, now) == 0 && newdir_commit(x->o->out) == 0 &&
	    (x->o->draft || note(x, notes, now) == 0)) {
		if (!x->o->draft)
			rundir_note_derived(x->o->path, "notify", x->o->out->path);
		tell(x);
		rc = x->contacts.bad.n > 0 ? EXIT_INCOMPLETE : EXIT_COMPLETE;
	}
	if (notes != -1)
		close(notes);
	return rc;
}

static void
free_constituencies(struct notifying *x)
{
	for (size_t i = 0; i < x->nv; i++) {
		free(x->v[i].name);
		free(x->v[i].folder);
		free(x->v[i].hosts);
		free(x->v[i].repaired.v);
		free(x->v[i].silent.v);
		free(x->v[i].mails);
	}
	free(x->v);
}

static struct study *
open_study(const struct notify_options *o, const char *path)
{
	unsigned parts = STUDY_CLUSTERED | STUDY_OTHERS | STUDY_FACTS | STUDY_FINDINGS;

	if (path == o->path)
		parts |= STUDY_MAIL;

	if (o->ndomains > 0 || o->contacts != NULL)
		parts |= STUDY_NAMES;
	return study_open(path, parts, 0);
}

int
query_notify(const struct notify_options *o)
{
	struct notifying x = { .o = o };
	struct query_runs runs = { NULL, 0, 0 };
	struct study *st = NULL, *before = NULL;
	int rc;

	contacts_init(&x.contacts);
	hashtab_init(&x.by_as);
	ipset_init(&x.networks);
	ipset_init(&x.opt_outs);
	rc = notify_templates(&x);
	if (rc == 0)
		rc = read_contacts(&x);
	if (rc == 0 && query_runs_add(&runs, o->path) == -1)
		rc = EXIT_USAGE;
	if (rc == 0 && ((st = open_study(o, o->path)) == NULL ||
			   (o->since != NULL && (before = open_study(o, o->since)) == NULL)))
		rc = EXIT_FAILED;
	if (rc == 0) {
		x.run = runs.v[0].name;
		notices_find(&x.n, st, before);
		x.impact = impact_new(st);
		view_init(&x.view, &x.n);
		rc = notify(&x);
		view_fini(&x.view);
		notices_fini(&x.n);
		impact_free(x.impact);
	}
	free_constituencies(&x);
	contacts_fini(&x.contacts);
	hashtab_fini(&x.by_as);
	ipset_fini(&x.networks);
	ipset_fini(&x.opt_outs);
	template_free(x.text);
	template_free(x.html);
	notify_words_fini(&x.words);
	query_runs_fini(&runs);
	study_free(st);
	study_free(before);
	return rc;
}
