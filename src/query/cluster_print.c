/* A cluster as text and CSV. */
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/hex.h"
#include "survey/text.h"

#include "cluster.h"

static void
key_text(struct buf *out, const struct study *st, uint32_t key)
{
	if (st->keys[key].named)
		hex_add(out, st->keys[key].fp, KEY_LEN);
	else
		buf_adds(out, "a key that the file does not name");
}

/* " WEAK: roca (critical)", in red where there are colours; nothing for a key without findings. */
static void
weak_text(struct asking *k, uint32_t key)
{
	struct buf b;

	buf_init(&b);
	if (study_weakness(k->st, &k->weak, key, &b) != -1) {
		buf_addc(k->out, ' ');
		print_styled(k->out, k->o->colour, PRINT_ALARM, "WEAK:");
		buf_printf(k->out, " %s", b.data);
	}
	buf_fini(&b);
}

/* A heading behind an empty line. */
static void
heading(struct asking *k, const char *text)
{
	buf_addc(k->out, '\n');
	print_styled(k->out, k->o->colour, PRINT_BOLD, text);
}

/* The weak keys of a cluster's hosts, shared or not. */
static uint32_t
count_weak(const struct asking *k, const struct study_cluster *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->keys.n; i++)
		n += k->weak.first[study_cluster_key(k->st, c, i)] != 0;
	return n;
}

/* --- text ------------------------------------------------------------------ */

static void
text_as(struct buf *out, const struct study *st, uint32_t as)
{
	const char *name = study_text_or_empty(st, st->ases[as].name);

	if (st->ases[as].asn != 0)
		buf_printf(out, "AS%u ", st->ases[as].asn);
	else if (name[0] == '\0')
		buf_adds(out, "AS unknown");
	text_plain(out, name, strlen(name), 60);
}

static void
text_list(struct buf *out, const char *head, const struct tallies *t)
{
	if (t->n == 0)
		return;
	buf_printf(out, "%s", head);
	for (size_t i = 0; i < t->n && i < NAMES_SHOWN; i++) {
		const char *s = t->v[i].text != NULL && t->v[i].text[0] != '\0' ? t->v[i].text
										: "unknown";

		buf_adds(out, i > 0 ? ", " : "");
		text_plain(out, s, strlen(s), 60);
		buf_printf(out, " (%u)", t->v[i].hosts);
	}
	if (t->n > NAMES_SHOWN)
		buf_printf(out, " and %zu more", t->n - NAMES_SHOWN);
	buf_adds(out, "\n");
}

static void
text_ports(struct buf *out, unsigned ports)
{
	bool first = true;

	for (int row = 0; row < NPORTS; row++) {
		if (!(ports >> row & 1))
			continue;
		buf_printf(out, "%s%u", first ? "" : ",", port_table[row].port);
		first = false;
	}
}

static void
text_cuts(struct buf *out, const struct study *st, const struct facts *f)
{
	char ip[IP_STRLEN];
	uint32_t shown = 0;

	if (f->cuts.n == 0) {
		buf_adds(out, "no single host or key holds it together\n");
		return;
	}
	for (uint32_t i = 0; i < f->cuts.n && shown < NAMES_SHOWN; i++, shown++) {
		const struct cut *c = &f->cuts.v[i];

		buf_adds(out, c->is_key ? "without key " : "without host ");
		if (c->is_key)
			key_text(out, st, c->number);
		else
			buf_adds(out, ip_format(&st->hosts[c->number].ip, ip));
		buf_printf(out, " it falls into %u parts:", c->parts.n);
		for (uint32_t p = 0; p < c->parts.n && p < NAMES_SHOWN; p++)
			buf_printf(out, " %u", f->cuts.parts[c->parts.at + p]);
		buf_adds(out, c->parts.n > NAMES_SHOWN ? " …\n" : "\n");
	}
	if (f->cuts.n > shown)
		buf_printf(out, "and %u more %s it\n", f->cuts.n - shown,
		    text_noun(
			f->cuts.n - shown, "host or key that splits", "hosts and keys that split"));
}

static void
text_task(struct asking *k, const struct plan *p, const struct task *t)
{
	const struct study *st = k->st;
	struct buf *out = k->out;
	char ip[IP_STRLEN];

	buf_adds(out, "  change key ");
	key_text(out, st, t->key);
	buf_adds(out, " (port ");
	text_ports(out, ports_of_key(st, t->key));
	if (p->of_key[t->place] > 0) {
		buf_adds(out, ", ");
		text_known(
		    out, p->of_key[t->place], p->more_of_key[t->place], "operator", "operators");
		buf_adds(out, " in all");
	}
	buf_printf(out, "%s) on %u %s:",
	    p->pinned[t->place] ? "; a TLSA record pins it, which changes first" : "", t->n,
	    text_noun(t->n, "host", "hosts"));
	for (uint32_t h = 0; h < t->n && h < NAMES_SHOWN; h++)
		buf_printf(out, " %s", ip_format(&st->hosts[t->hosts[h]].ip, ip));
	if (t->n > NAMES_SHOWN)
		buf_printf(out, " and %u more (-f json lists all)", t->n - NAMES_SHOWN);
	buf_adds(out, "\n");
}

/* copy: hosts are left out, of which nobody knows here when they share nothing any more. */
static void
text_holder(struct buf *out, const struct plan *p, uint32_t holder, bool copy)
{
	const struct holder *o = &p->holders[holder];

	text_plain(out, o->name, strlen(o->name), 70);
	buf_printf(out, ": %u %s, %u %s; ", o->hosts, text_noun(o->hosts, "host", "hosts"),
	    o->domains, text_noun(o->domains, "domain", "domains"));
	if (holder == p->nobody)
		buf_adds(out, "how many operators these are is not known\n");
	else if (copy)
		buf_printf(out, "alone it frees these and %u of others here\n", o->freed);
	else
		buf_printf(out, "alone it frees these and %u of others, %u %s on sharing\n",
		    o->freed, o->left, text_noun(o->left, "goes", "go"));
}

static void
text_plan(struct asking *k, const struct facts *f)
{
	struct buf *out = k->out;
	struct plan p;

	plan_make(k, f->c, &p);
	heading(k, "Repair");
	buf_printf(out, ": %u shared %s held by ", p.keys, text_noun(p.keys, "key", "keys"));
	text_known(out, plan_operators(&p), p.more, "operator", "operators");
	buf_printf(out,
	    ", %zu %s.  Whoever holds a shared key knows the others' secret, so all of them "
	    "replace it",
	    p.n, text_noun(p.n, "change", "changes"));
	if (!p.more)
		buf_printf(out,
		    "; were one to keep each key, %u would do, and that one would have to be "
		    "trusted not to use it",
		    p.least);
	else if (f->c->nothers > 0)
		buf_adds(out, ", those too that are not in this copy");
	buf_adds(out, ".\n");
	for (size_t i = 0; i < p.n; i++) {
		const struct task *t = &p.v[i];

		if (i == 0 || t[-1].holder != t->holder ||
		    p.pinned[t[-1].place] != p.pinned[t->place])
			text_holder(out, &p, t->holder, f->c->nothers > 0);
		text_task(k, &p, t);
	}
	plan_fini(&p);
}

static void
text_bridges(struct asking *k, const struct facts *f)
{
	const struct study *st = k->st;
	struct buf *out = k->out;

	if (f->nbridges == 0)
		return;
	heading(k, "Bridges between ASes");
	buf_addc(out, '\n');
	for (size_t i = 0; i < f->nbridges && i < NAMES_SHOWN; i++) {
		const struct tallies *ases = &f->bridges[i].ases;

		buf_adds(out, "  ");
		key_text(out, st, f->bridges[i].key);
		buf_adds(out, ":");
		for (size_t a = 0; a < ases->n && a < NAMES_SHOWN; a++) {
			buf_adds(out, a > 0 ? ", " : " ");
			text_as(out, st, ases->v[a].number);
			buf_printf(out, " (%u)", ases->v[a].hosts);
		}
		if (ases->n > NAMES_SHOWN)
			buf_printf(out, " and %zu more", ases->n - NAMES_SHOWN);
		buf_adds(out, "\n");
	}
	if (f->nbridges > NAMES_SHOWN)
		buf_printf(out, "  and %zu more keys\n", f->nbridges - NAMES_SHOWN);
}

static void
text_keys(struct asking *k, const struct study_cluster *c)
{
	const struct study *st = k->st;
	struct buf *out = k->out;

	heading(k, "Shared keys");
	buf_addc(out, '\n');
	for (uint32_t i = 0; i < c->nshared && i < 2 * NAMES_SHOWN; i++) {
		uint32_t key = study_cluster_key(st, c, i);
		uint32_t certs = count_certs(k, key), ases = count_ases(k, key);

		buf_adds(out, "  ");
		key_text(out, st, key);
		buf_printf(out, " %s, port ", key_kind(&st->keys[key]));
		text_ports(out, ports_of_key(st, key));
		buf_printf(out, ": %u %s%s, ", st->keys[key].nhosts,
		    text_noun(st->keys[key].nhosts, "host", "hosts"),
		    st->keys[key].of_others ? " and others" : "");
		text_known(out, ases, c->nin_no_as > 0 || st->keys[key].of_others, "AS", "ASes");
		if (certs > 0)
			buf_printf(out, ", %s%u %s", certs > 1 ? "under " : "", certs,
			    text_noun(certs, "certificate", "certificates"));
		if (impact_pins(k->impact, key))
			buf_adds(out, ", pinned by a TLSA record");
		if (impact_has_domains(k->impact) && k->impact->of_key[key] > 0) {
			buf_adds(out, ", ");
			impact_text(out, k->impact->of_key[key]);
		}
		weak_text(k, key);
		buf_adds(out, "\n");
	}
	if (c->nshared > 2 * NAMES_SHOWN)
		buf_printf(out, "  and %u more\n", c->nshared - 2 * NAMES_SHOWN);
}

/* Weak keys that one host has; the shared ones are told where they are listed. */
static void
text_weak(struct asking *k, const struct study_cluster *c)
{
	const struct study *st = k->st;
	uint32_t shown = 0, left = 0;
	char ip[IP_STRLEN];

	for (uint32_t i = c->nshared; i < c->keys.n; i++) {
		uint32_t key = study_cluster_key(st, c, i);

		if (k->weak.first[key] == 0)
			continue;
		if (shown == 2 * NAMES_SHOWN) {
			left++;
			continue;
		}
		if (shown++ == 0) {
			heading(k, "Other weak keys");
			buf_addc(k->out, '\n');
		}
		buf_adds(k->out, "  ");
		key_text(k->out, st, key);
		buf_printf(k->out, " on %s, port ",
		    ip_format(&st->hosts[st->uses[st->keys[key].uses.at].host].ip, ip));
		text_ports(k->out, ports_of_key(st, key));
		weak_text(k, key);
		buf_adds(k->out, "\n");
	}
	if (left > 0)
		buf_printf(k->out, "  and %u more\n", left);
}

static void
text_certs(struct buf *out, const struct facts *f)
{
	if (f->certs.n == 1 && f->certs.v[0].hosts == f->c->hosts.n)
		buf_adds(out, "certificates: one, on every host");
	else
		buf_printf(out, "certificates: %zu, the most used one on %u %s", f->certs.n,
		    f->certs.n > 0 ? f->certs.v[0].hosts : 0,
		    text_noun(f->certs.n > 0 ? f->certs.v[0].hosts : 0, "host", "hosts"));
	buf_printf(out, "; %u %s with one that browsers trust, %u with a wildcard name\n",
	    f->trusted, text_noun(f->trusted, "host", "hosts"), f->wildcards);
	text_list(out, "wildcard names: ", &f->wildcard_names);
}

static void
text_may_be(struct asking *k, const struct facts *f)
{
	struct buf *out = k->out;

	heading(k, "What it may be");
	buf_addc(out, '\n');
	for (unsigned i = 0; i < f->nmay_be; i++) {
		buf_printf(out, "%s  %s\n", why_name(f->may_be[i].what), f->may_be[i].pro);
		if (f->may_be[i].contra[0] != '\0')
			buf_printf(out, "  against it: %s\n", f->may_be[i].contra);
	}
	buf_printf(out, "the studies' own test: %s\n",
	    f->smelly ? "not one host with several addresses"
		      : "it can be one host with several addresses");
}

/* Hosts where TLSA records pin another key than those that were seen. */
static void
text_mismatch(struct asking *k, const struct study_cluster *c)
{
	uint32_t mx, n = cluster_mismatches(k, c, &mx);
	const char *name;

	if (n == 0)
		return;
	name = mail_text(k->impact->m, k->impact->m->hosts[mx].name);
	buf_printf(k->out,
	    "mind: at %u of its hosts TLSA records pin no key that was seen on port "
	    "25, those of ",
	    n);
	text_plain(k->out, name, strlen(name), 90);
	buf_adds(k->out, " among them: mail there is refused, or travels without protection\n");
}

/* What hangs on it, and what a new key must not forget. */
static void
text_impact(struct asking *k, const struct facts *f)
{
	const struct impact *x = k->impact;
	const struct study_cluster *c = f->c;
	uint32_t pinned = 0;

	for (uint32_t i = 0; i < c->nshared; i++)
		pinned += impact_pins(k->impact, study_cluster_key(k->st, c, i));
	if (impact_has_domains(x)) {
		buf_adds(k->out, "it takes the ");
		impact_text(k->out, x->of_cluster[f->number]);
		buf_adds(k->out, "\n");
	}
	if (pinned > 0)
		buf_printf(k->out,
		    "mind: %u shared %s pinned by TLSA records: publish the record of the new "
		    "key first, or mail to all domains behind the old one is refused\n",
		    pinned, text_noun(pinned, "key is", "keys are"));
	text_mismatch(k, c);
}

void
cluster_text(struct asking *k, const struct facts *f)
{
	const struct study *st = k->st;
	const struct study_cluster *c = f->c;
	struct buf *out = k->out;
	char ip[IP_STRLEN], title[24];

	snprintf(title, sizeof(title), "Cluster %u", c->id);
	print_styled(out, k->o->colour, PRINT_BOLD, title);
	buf_printf(out, ": %u %s", c->hosts.n, text_noun(c->hosts.n, "host", "hosts"));
	if (c->nothers > 0)
		buf_printf(out, " and %u %s not in this copy", c->nothers,
		    text_noun(c->nothers, "that is", "that are"));
	buf_printf(out, ", %u shared %s, ", c->nshared, text_noun(c->nshared, "key", "keys"));
	text_known(out, c->nases, c->nin_no_as > 0, "AS", "ASes");
	buf_addc(out, '\n');
	buf_adds(out, "hosts:");
	for (uint32_t i = 0; i < c->hosts.n && i < NAMES_SHOWN; i++)
		buf_printf(out, "%s %s", i > 0 ? "," : "",
		    ip_format(&st->hosts[study_member(st, c, i)].ip, ip));
	if (c->hosts.n > NAMES_SHOWN)
		buf_printf(out, " and %u more (-f json lists all)", c->hosts.n - NAMES_SHOWN);
	buf_adds(out, "\n");
	for (size_t i = 0; i < f->ases.n && i < NAMES_SHOWN; i++) {
		buf_adds(out, "  ");
		text_as(out, st, f->ases.v[i].number);
		buf_printf(out, ": %u %s\n", f->ases.v[i].hosts,
		    text_noun(f->ases.v[i].hosts, "host", "hosts"));
	}
	if (f->ases.n > NAMES_SHOWN)
		buf_printf(out, "  and %zu more %s\n", f->ases.n - NAMES_SHOWN,
		    text_noun(f->ases.n - NAMES_SHOWN, "AS", "ASes"));
	text_impact(k, f);
	text_list(out, "countries: ", &f->countries);
	text_list(out, "domains of its names: ", &f->domains);
	text_certs(out, f);
	buf_printf(out, "of all pairs of hosts %.1f %% share a key; %s shares with %u %s",
	    100 * f->density, ip_format(&st->hosts[f->hub].ip, ip), st->hosts[f->hub].nrcs,
	    text_noun(st->hosts[f->hub].nrcs, "other", "others"));
	if (f->knows_across)
		buf_printf(out, "; %.0f %% of the hosts share a key with another AS",
		    100.0 * f->across / c->hosts.n);
	buf_adds(out, c->nothers > 0 ? " (of the hosts in this copy)\n" : "\n");
	text_keys(k, c);
	text_weak(k, c);
	text_bridges(k, f);
	heading(k, "What holds it together");
	buf_addc(out, '\n');
	text_cuts(out, st, f);
	text_may_be(k, f);
	if (k->o->repair)
		text_plan(k, f);
	buf_adds(out, "\n");
}

/* --- CSV ------------------------------------------------------------------- */

const struct print_column cluster_columns[] = { { "cluster" }, { "size" }, { "shared_keys" },
	{ "ases" }, { "countries" }, { "certificates" }, { "hosts_with_trusted_certificate" },
	{ "hosts_with_wildcard_name" }, { "density" }, { "share_across_ases" }, { "cut_hosts" },
	{ "cut_keys" }, { "may_be" }, { "smelly" }, { "weak_keys" }, { "mail_domains" }, { NULL } };

void
cluster_csv(struct asking *k, const struct facts *f)
{
	const struct study_cluster *c = f->c;
	struct print *p = &k->csv;
	uint32_t hosts = 0;

	for (uint32_t i = 0; i < f->cuts.n; i++)
		hosts += !f->cuts.v[i].is_key;
	print_uint(p, c->id);
	print_uint(p, c->hosts.n);
	print_uint(p, c->nshared);
	print_known(p, c->nases);
	print_uint(p, f->countries.n);
	print_uint(p, f->certs.n);
	print_uint(p, f->trusted);
	print_uint(p, f->wildcards);
	print_double(p, f->density, 4);
	if (f->knows_across)
		print_double(p, (double)f->across / c->hosts.n, 4);
	else
		print_none(p);
	print_uint(p, hosts);
	print_uint(p, f->cuts.n - hosts);
	print_string(p, why_word(f->may_be[0].what));
	print_uint(p, f->smelly);
	if (k->st->findings != NULL)
		print_uint(p, count_weak(k, c));
	else
		print_none(p);
	if (impact_has_domains(k->impact))
		print_uint(p, k->impact->of_cluster[f->number]);
	else
		print_none(p);
	print_row(p);
}

const struct print_column plan_columns[] = { { "cluster" }, { "operator" }, { "key" }, { "pinned" },
	{ "ip" }, { NULL } };

/* A row a host that a task is about. */
void
plan_csv(struct asking *k, const struct facts *f)
{
	const struct study *st = k->st;
	struct print *out = &k->csv;
	struct plan p;
	char ip[IP_STRLEN];

	plan_make(k, f->c, &p);
	for (size_t i = 0; i < p.n; i++) {
		const struct task *t = &p.v[i];

		for (uint32_t h = 0; h < t->n; h++) {
			print_uint(out, f->c->id);
			print_string(out, p.holders[t->holder].name);
			if (st->keys[t->key].named)
				print_hex(out, st->keys[t->key].fp, KEY_LEN);
			else
				print_none(out);
			print_uint(out, p.pinned[t->place]);
			print_string(out, ip_format(&st->hosts[t->hosts[h]].ip, ip));
			print_row(out);
		}
	}
	plan_fini(&p);
}
