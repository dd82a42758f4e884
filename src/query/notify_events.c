/* events.csv: one row a port, with the columns of IntelMQ or of Shadowserver's reports. */
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/finding.h"
#include "survey/jsonw.h"
#include "survey/print.h"
#include "survey/rfc3339.h"
#include "survey/text.h"

#include "notify.h"

#define AS_NAME_CHARS 200

/* IntelMQ 3.5, "data format" of its documentation. */
static const struct print_column intelmq_columns[] = { { "time.source" }, { "source.ip" },
	{ "source.port" }, { "protocol.transport" }, { "protocol.application" }, { "source.asn" },
	{ "source.as_name" }, { "source.geolocation.cc" }, { "source.reverse_dns" },
	{ "source.abuse_contact" }, { "classification.taxonomy" }, { "classification.type" },
	{ "classification.identifier" }, { "severity" }, { "event_description.text" },
	{ "feed.code" }, { "extra" }, { NULL } };

/* What Shadowserver's reports of SSH and TLS services begin with, then what is ours. */
static const struct print_column shadowserver_columns[] = { { "timestamp" }, { "severity" },
	{ "ip" }, { "protocol" }, { "port" }, { "hostname" }, { "tag" }, { "asn" }, { "geo" },
	{ "region" }, { "city" }, { "naics" }, { "hostname_source" }, { "sector" },
	{ "public_key_sha256" }, { "public_key_type" }, { "hosts_with_key" }, { "other_operators" },
	{ "first_seen" }, { "last_seen" }, { "status" }, { "detail" }, { NULL } };

struct row {
	struct notifying *x;
	const struct notice *r;
	const struct notice_key *k; /* the worst key */
	const struct study_host *h;
	struct share share; /* of its key */
	struct print *p;
};

static const char *
text_time(int64_t t, char out[static TIME_SIZE])
{
	return t != TIME_UNKNOWN ? time_format(t, out) : NULL;
}

static bool
is_shared(const struct row *w)
{
	return w->share.own_hosts + w->share.other_hosts > 1;
}

/* "weak" kinds by their names, and "shared-key". */
static const char *
identifier(const struct row *w)
{
	const struct study *st = w->x->n.st;
	const struct finding_kind_def *f =
	    w->k->finding != STUDY_NONE ? &finding_kinds[st->findings->findings[w->k->finding].kind]
					: NULL;

	/* Of two that are equally bad the one that tells more. */
	return f != NULL && (f->severity <= w->k->severity || !is_shared(w)) ? f->name
									     : "shared-key";
}

static void
describe(const struct row *w, struct buf *b)
{
	const struct study *st = w->x->n.st;
	const struct study_grab *g = &st->grabs[w->k->grab];

	buf_printf(b, "The %s key ", g->kind == KEY_SSH_HOST ? "SSH host" : "TLS");
	notify_fingerprint(st, g, b);
	if (w->share.other_hosts > 0 && w->share.other_operators > 0)
		buf_printf(b, " is also on %u host%s of %u other operator%s.", w->share.other_hosts,
		    w->share.other_hosts == 1 ? "" : "s", w->share.other_operators,
		    w->share.other_operators == 1 ? "" : "s");
	else if (is_shared(w))
		buf_printf(b, " is on %u hosts.", w->share.own_hosts + w->share.other_hosts);
	else
		buf_adds(b, " is weak.");
	if (w->k->finding != STUDY_NONE)
		buf_printf(
		    b, " %s", finding_kinds[st->findings->findings[w->k->finding].kind].evidence);
}

static void
put_findings(struct jsonw *w, const struct notices *n, uint32_t first)
{
	jsonw_key(w, "weak");
	jsonw_array(w);
	for (uint32_t i = first; i != STUDY_NONE; i = n->next_finding[i])
		jsonw_string(w, finding_kinds[n->st->findings->findings[i].kind].name);
	jsonw_end_array(w);
}

static void
put_key(struct jsonw *w, const struct row *row, const struct notice_key *k)
{
	const struct study *st = row->x->n.st;
	const struct study_grab *g = &st->grabs[k->grab];
	struct share s = view_key(&row->x->view, k->key);
	char time[TIME_SIZE];
	struct buf b;

	buf_init(&b);
	jsonw_key(w, "fingerprint");
	jsonw_hex(w, st->keys[k->key].fp, KEY_LEN);
	jsonw_member_string(w, "key_kind", g->kind == KEY_SSH_HOST ? "ssh" : "tls");
	notify_key_type(st, g, &b);
	jsonw_member_string(w, "key_type", b.data);
	jsonw_member_uint(w, "hosts_with_key", st->keys[k->key].nhosts);
	jsonw_member_uint(w, "other_hosts", s.other_hosts);
	jsonw_member_uint(w, "other_operators", s.other_operators);
	jsonw_member_string(w, "first_seen", text_time(k->first, time));
	jsonw_member_string(w, "last_seen", text_time(k->last, time));
	if (impact_pins(row->x->impact, k->key)) {
		jsonw_key(w, "tlsa");
		jsonw_bool(w, true);
	}
	if (notify_mismatch(row->x, row->r)) {
		jsonw_key(w, "tlsa_mismatch");
		jsonw_bool(w, true);
	}
	if (k->finding != STUDY_NONE)
		put_findings(w, &row->x->n, k->finding);
	if (row->x->n.before != NULL)
		jsonw_member_string(w, "status", notice_status_words[k->status]);
	buf_fini(&b);
}

/* The worst key's facts, the cluster's, and the other keys of the port, if there are some. */
static void
put_extra(const struct row *row)
{
	const struct notices *n = &row->x->n;
	uint32_t cluster = row->h->cluster;
	struct jsonw w;

	jsonw_init(&w, NULL);
	jsonw_object(&w);
	put_key(&w, row, row->k);
	if (impact_has_domains(row->x->impact))
		jsonw_member_uint(
		    &w, "mail_domains", row->x->impact->of_host[row->h - row->x->n.st->hosts]);
	if (cluster != STUDY_NONE) {
		jsonw_member_uint(&w, "cluster", n->st->clusters[cluster].id);
		jsonw_member_uint(&w, "cluster_size", n->st->clusters[cluster].hosts.n);
	}
	if (row->r->keys.n > 1) {
		jsonw_key(&w, "more_keys");
		jsonw_array(&w);
		for (uint32_t i = row->r->keys.at; i < row->r->keys.at + row->r->keys.n; i++) {
			if (i == row->r->main)
				continue;
			jsonw_object(&w);
			put_key(&w, row, &n->keys[i]);
			jsonw_end_object(&w);
		}
		jsonw_end_array(&w);
	}
	jsonw_end_object(&w);
	print_text(row->p, w.out.data, w.out.len);
	jsonw_fini(&w);
}

static void
put_as_name(const struct row *w)
{
	const char *name = study_text_or_empty(w->x->n.st, w->x->n.st->ases[w->h->as].name);
	struct buf b;

	buf_init(&b);
	text_plain(&b, name, strlen(name), AS_NAME_CHARS);
	if (b.len > 0)
		print_text(w->p, b.data, b.len);
	else
		print_none(w->p);
	buf_fini(&b);
}

static void
put_asn(const struct row *w)
{
	uint32_t asn = w->x->n.st->ases[w->h->as].asn;

	if (asn != 0)
		print_uint(w->p, asn);
	else
		print_none(w->p);
}

static void
put_text(struct print *p, const char *s)
{
	print_string(p, s != NULL && s[0] != '\0' ? s : NULL);
}

static void
intelmq_row(const struct row *w)
{
	const struct study *st = w->x->n.st;
	char time[TIME_SIZE], ip[IP_STRLEN], name[254];
	struct buf b;

	print_string(w->p, text_time(w->k->last, time));
	print_string(w->p, ip_format(&w->h->ip, ip));
	print_uint(w->p, port_table[w->r->port].port);
	print_string(w->p, "tcp");
	print_string(w->p, notify_application(w->r->port));
	put_asn(w);
	put_as_name(w);
	put_text(w->p, w->h->country);
	put_text(w->p, notify_name(st, w->r->host, name));
	put_text(w->p, notify_mails(w->x, w->r->host));
	print_string(w->p, "vulnerable");
	print_string(w->p, "weak-crypto");
	print_string(w->p, identifier(w));
	print_string(w->p, finding_severity_name((enum finding_severity)w->k->severity));
	buf_init(&b);
	describe(w, &b);
	print_text(w->p, b.data, b.len);
	buf_fini(&b);
	print_string(w->p, "survey");
	put_extra(w);
	print_row(w->p);
}

static void
shadowserver_row(const struct row *w)
{
	const struct study *st = w->x->n.st;
	const struct study_grab *g = &st->grabs[w->k->grab];
	char time[TIME_SIZE], ip[IP_STRLEN], name[254];
	struct buf b;

	buf_init(&b);
	print_string(w->p, text_time(w->k->last, time));
	print_string(w->p, finding_severity_name((enum finding_severity)w->k->severity));
	print_string(w->p, ip_format(&w->h->ip, ip));
	print_string(w->p, "tcp");
	print_uint(w->p, port_table[w->r->port].port);
	notify_name(st, w->r->host, name);
	put_text(w->p, name);
	buf_printf(&b, "%s;%s", notify_application(w->r->port), identifier(w));
	print_text(w->p, b.data, b.len);
	put_asn(w);
	put_text(w->p, w->h->country);
	for (int i = 0; i < 3; i++)
		print_none(w->p); /* region, city, naics */
	put_text(w->p, name[0] != '\0' ? "ptr" : NULL);
	print_none(w->p);
	print_hex(w->p, st->keys[w->k->key].fp, KEY_LEN);
	buf_clear(&b);
	notify_key_type(st, g, &b);
	print_text(w->p, b.data, b.len);
	print_uint(w->p, st->keys[w->k->key].nhosts);
	print_uint(w->p, w->share.other_operators);
	print_string(w->p, text_time(w->k->first, time));
	print_string(w->p, text_time(w->k->last, time));
	put_text(w->p, w->x->n.before != NULL ? notice_status_words[w->k->status] : NULL);
	buf_clear(&b);
	describe(w, &b);
	print_text(w->p, b.data, b.len);
	print_row(w->p);
	buf_fini(&b);
}

/* The rows of a family of addresses, 0 for all. */
static int
write_rows(struct notifying *x, const char *file, int family)
{
	const struct constituency *c = x->view.c;
	bool shadow = x->o->shadowserver;
	char *name = path_join(c->folder, file);
	struct print p;
	struct buf b;
	int rc;

	buf_init(&b);
	print_init(&p, PRINT_CSV, &b, false);
	print_table(&p, NULL, shadow ? shadowserver_columns : intelmq_columns);
	for (size_t i = 0; i < c->nhosts; i++) {
		const struct study_host *h = &x->n.st->hosts[c->hosts[i]];
		struct study_span rows = x->n.of_host[c->hosts[i]];

		for (uint32_t r = rows.at; r < rows.at + rows.n; r++) {
			struct row w = { .x = x, .r = &x->n.v[r], .h = h, .p = &p };

			if (family != 0 && h->ip.family != family)
				continue;
			w.k = &x->n.keys[w.r->main];
			w.share = view_key(&x->view, w.k->key);
			if (shadow)
				shadowserver_row(&w);
			else
				intelmq_row(&w);
		}
	}
	print_table_end(&p);
	print_fini(&p);
	rc = newdir_write(x->o->out, name, b.data, b.len);
	buf_fini(&b);
	free(name);
	return rc;
}

int
notify_events(struct notifying *x)
{
	if (!x->o->shadowserver)
		return write_rows(x, "events.csv", 0);
	return write_rows(x, "events.csv", 4) == 0 ? write_rows(x, "events6.csv", 6) : -1;
}

void
notify_intelmq_config(struct buf *out)
{
	buf_adds(out,
	    "# A bot for IntelMQ's runtime.yaml that takes events.csv as it is.  Before it\n"
	    "# stands a file collector, behind it what IntelMQ has for looking up contacts.\n"
	    "survey-parser:\n"
	    "  bot_id: survey-parser\n"
	    "  description: Shared and weak keys that survey has found\n"
	    "  enabled: true\n"
	    "  group: Parser\n"
	    "  module: intelmq.bots.parsers.generic.parser_csv\n"
	    "  name: Generic CSV\n"
	    "  run_mode: continuous\n"
	    "  parameters:\n"
	    "    columns:\n");
	for (const struct print_column *c = intelmq_columns; c->name != NULL; c++)
		buf_printf(out, "      - %s\n", c->name);
	buf_adds(out, "    delimiter: ','\n"
		      "    skip_header: true\n"
		      "    time_format: null\n"
		      "    type: weak-crypto\n"
		      "    destination_queues:\n"
		      "      _default: []\n");
}
