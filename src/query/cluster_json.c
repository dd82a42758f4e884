/* A cluster as JSON. */
#include "survey/explain_json.h"
#include "survey/jsonw.h"

#include "cluster.h"

static void
json_key_name(struct jsonw *w, const char *member, const struct study_key *k)
{
	jsonw_key(w, member);
	if (k->named)
		jsonw_hex(w, k->fp, KEY_LEN);
	else
		jsonw_null(w);
}

static void
json_ports(struct jsonw *w, unsigned ports)
{
	jsonw_key(w, "ports");
	jsonw_array(w);
	for (int row = 0; row < NPORTS; row++) {
		if (ports >> row & 1)
			jsonw_uint(w, port_table[row].port);
	}
	jsonw_end_array(w);
}

/* What is wrong with a key; an empty list where nothing is, or nobody has looked. */
static void
json_weak(struct asking *k, uint32_t key)
{
	struct jsonw *w = &k->w;

	jsonw_key(w, "weak");
	jsonw_array(w);
	for (size_t i = k->weak.first[key]; i != 0; i = k->weak.next[i - 1]) {
		const struct finding_kind_def *kind =
		    &finding_kinds[k->st->findings->findings[i - 1].kind];

		jsonw_object(w);
		jsonw_member_string(w, "kind", kind->name);
		jsonw_member_string(
		    w, "severity", finding_severity_name((enum finding_severity)kind->severity));
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

/* Weak keys of the cluster's hosts, the shared ones among them. */
static void
json_weak_keys(struct asking *k, const struct study_cluster *c)
{
	struct jsonw *w = &k->w;

	jsonw_key(w, "weak_keys");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->keys.n; i++) {
		uint32_t key = study_cluster_key(k->st, c, i);

		if (k->weak.first[key] == 0)
			continue;
		jsonw_object(w);
		jsonw_key(w, "fp");
		jsonw_hex(w, k->st->keys[key].fp, KEY_LEN);
		jsonw_member_uint(w, "hosts", k->st->keys[key].nhosts);
		json_ports(w, ports_of_key(k->st, key));
		json_weak(k, key);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

/* Null where nobody has asked about mail domains. */
static void
json_domains(struct asking *k, const uint32_t *domains, uint32_t number)
{
	jsonw_member_known(
	    &k->w, "mail_domains", domains != NULL, domains != NULL ? domains[number] : 0);
}

static void
json_keys(struct asking *k, const struct study_cluster *c)
{
	const struct study *st = k->st;
	struct jsonw *w = &k->w;
	char ip[IP_STRLEN];

	jsonw_key(w, "keys");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->nshared; i++) {
		uint32_t key = study_cluster_key(st, c, i);
		const struct study_key *sk = &st->keys[key];

		jsonw_object(w);
		json_key_name(w, "fp", sk);
		jsonw_member_string(w, "kind", key_kind(sk));
		jsonw_member_uint(w, "hosts", sk->nhosts);
		jsonw_member_uint(w, "ases", count_ases(k, key));
		jsonw_member_uint(w, "certificates", count_certs(k, key));
		jsonw_key(w, "pinned");
		jsonw_bool(w, impact_pins(k->impact, key));
		json_domains(k, impact_has_domains(k->impact) ? k->impact->of_key : NULL, key);
		json_ports(w, ports_of_key(st, key));
		json_weak(k, key);
		jsonw_key(w, "at");
		jsonw_array(w);
		for (uint32_t u = sk->uses.at; u < sk->uses.at + sk->uses.n; u++) {
			jsonw_array(w);
			jsonw_string(w, ip_format(&st->hosts[st->uses[u].host].ip, ip));
			jsonw_uint(w, port_table[st->uses[u].port].port);
			jsonw_end_array(w);
		}
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
json_ases(struct jsonw *w, const struct study *st, const struct tallies *t)
{
	jsonw_key(w, "ases");
	jsonw_array(w);
	for (size_t i = 0; i < t->n; i++) {
		const struct study_as *as = &st->ases[t->v[i].number];

		jsonw_object(w);
		jsonw_member_uint(w, "asn", as->asn);
		jsonw_member_string(w, "as_name", study_text(st, as->name));
		jsonw_member_uint(w, "hosts", t->v[i].hosts);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
json_bridges(struct jsonw *w, const struct study *st, const struct facts *f)
{
	jsonw_key(w, "bridges");
	jsonw_array(w);
	for (size_t i = 0; i < f->nbridges; i++) {
		jsonw_object(w);
		json_key_name(w, "key", &st->keys[f->bridges[i].key]);
		json_ases(w, st, &f->bridges[i].ases);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
json_cuts(struct asking *k, const struct facts *f)
{
	const struct study *st = k->st;
	struct jsonw *w = &k->w;
	char ip[IP_STRLEN];

	jsonw_key(w, "cut_hosts");
	jsonw_array(w);
	for (uint32_t i = 0; i < f->cuts.n; i++) {
		if (!f->cuts.v[i].is_key)
			jsonw_string(w, ip_format(&st->hosts[f->cuts.v[i].number].ip, ip));
	}
	jsonw_end_array(w);
	jsonw_key(w, "cut_keys");
	jsonw_array(w);
	for (uint32_t i = 0; i < f->cuts.n; i++) {
		if (f->cuts.v[i].is_key)
			jsonw_hex(w, st->keys[f->cuts.v[i].number].fp, KEY_LEN);
	}
	jsonw_end_array(w);
	jsonw_key(w, "cuts");
	jsonw_array(w);
	for (uint32_t i = 0; i < f->cuts.n; i++) {
		const struct cut *c = &f->cuts.v[i];

		jsonw_object(w);
		if (c->is_key) {
			jsonw_key(w, "key");
			jsonw_hex(w, st->keys[c->number].fp, KEY_LEN);
		} else {
			jsonw_member_string(w, "host", ip_format(&st->hosts[c->number].ip, ip));
		}
		jsonw_key(w, "parts");
		jsonw_array(w);
		for (uint32_t p = c->parts.at; p < c->parts.at + c->parts.n; p++)
			jsonw_uint(w, f->cuts.parts[p]);
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

/* copy: hosts are left out, of which nobody knows here when they share nothing any more. */
static void
json_holders(struct jsonw *w, const struct plan *p, bool copy)
{
	jsonw_key(w, "alone");
	jsonw_array(w);
	for (uint32_t i = 0; i < p->nholders; i++) {
		const struct holder *o = &p->holders[i];

		jsonw_object(w);
		jsonw_member_string(w, "operator", o->name);
		jsonw_member_uint(w, "hosts", o->hosts);
		jsonw_member_uint(w, "domains", o->domains);
		jsonw_member_known(w, "others_freed", i != p->nobody, o->freed);
		jsonw_member_known(w, "still_sharing", i != p->nobody && !copy, o->left);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void
json_plan(struct asking *k, const struct facts *f)
{
	const struct study *st = k->st;
	struct jsonw *w = &k->w;
	struct plan p;
	char ip[IP_STRLEN];

	plan_make(k, f->c, &p);
	jsonw_key(w, "repair");
	jsonw_object(w);
	jsonw_member_uint(w, "keys", p.keys);
	jsonw_member_uint(w, "operators", plan_operators(&p));
	jsonw_key(w, "more_operators");
	jsonw_bool(w, p.more);
	jsonw_member_uint(w, "changes", p.n);
	jsonw_member_known(w, "least", !p.more, p.least);
	jsonw_key(w, "tasks");
	jsonw_array(w);
	for (size_t i = 0; i < p.n; i++) {
		const struct task *t = &p.v[i];

		jsonw_object(w);
		jsonw_member_string(w, "operator", p.holders[t->holder].name);
		json_key_name(w, "key", &st->keys[t->key]);
		jsonw_key(w, "pinned");
		jsonw_bool(w, p.pinned[t->place]);
		jsonw_member_uint(w, "operators_of_key", p.of_key[t->place]);
		jsonw_key(w, "more_operators_of_key");
		jsonw_bool(w, p.more_of_key[t->place]);
		json_ports(w, ports_of_key(st, t->key));
		jsonw_key(w, "hosts");
		jsonw_array(w);
		for (uint32_t h = 0; h < t->n; h++)
			jsonw_string(w, ip_format(&st->hosts[t->hosts[h]].ip, ip));
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	json_holders(w, &p, f->c->nothers > 0);
	jsonw_end_object(w);
	plan_fini(&p);
}

static void
json_tallies(struct jsonw *w, const char *key, const struct tallies *t)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (size_t i = 0; i < t->n; i++) {
		jsonw_object(w);
		jsonw_member_string(w, "name", t->v[i].text);
		jsonw_member_uint(w, "hosts", t->v[i].hosts);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

void
cluster_json(struct asking *k, const struct facts *f)
{
	const struct study *st = k->st;
	const struct study_cluster *c = f->c;
	struct jsonw *w = &k->w;
	char ip[IP_STRLEN];
	uint32_t mx;

	jsonw_object(w);
	jsonw_member_uint(w, "id", c->id);
	jsonw_member_uint(w, "size", c->hosts.n);
	jsonw_member_uint(w, "hosts_not_in_copy", c->nothers);
	jsonw_member_uint(w, "shared_keys", c->nshared);
	json_domains(k, impact_has_domains(k->impact) ? k->impact->of_cluster : NULL, f->number);
	jsonw_member_known(w, "hosts_with_tlsa_mismatch", k->impact != NULL,
	    k->impact != NULL ? cluster_mismatches(k, c, &mx) : 0);
	jsonw_key(w, "hosts");
	jsonw_array(w);
	for (uint32_t i = 0; i < c->hosts.n; i++)
		jsonw_string(w, ip_format(&st->hosts[study_member(st, c, i)].ip, ip));
	jsonw_end_array(w);
	json_ases(w, st, &f->ases);
	json_tallies(w, "countries", &f->countries);
	json_tallies(w, "domains", &f->domains);
	jsonw_member_uint(w, "certificates", f->certs.n);
	jsonw_member_uint(
	    w, "hosts_of_most_used_certificate", f->certs.n > 0 ? f->certs.v[0].hosts : 0);
	jsonw_member_uint(w, "hosts_with_certificate", f->with_cert);
	jsonw_member_uint(w, "hosts_with_trusted_certificate", f->trusted);
	jsonw_member_uint(w, "hosts_with_wildcard_name", f->wildcards);
	json_tallies(w, "wildcard_names", &f->wildcard_names);
	jsonw_member_uint(w, "keys_over_several_ases", f->nbridges);
	json_bridges(w, st, f);
	jsonw_key(w, "density");
	jsonw_double(w, f->density, 4);
	jsonw_key(w, "share_across_ases");
	if (f->knows_across)
		jsonw_double(w, (double)f->across / c->hosts.n, 4);
	else
		jsonw_null(w);
	jsonw_key(w, "hub");
	jsonw_object(w);
	jsonw_member_string(w, "ip", ip_format(&st->hosts[f->hub].ip, ip));
	jsonw_member_uint(w, "partners", st->hosts[f->hub].nrcs);
	jsonw_end_object(w);
	json_cuts(k, f);
	explain_members(w, f->may_be, f->nmay_be, f->smelly);
	json_keys(k, c);
	json_weak_keys(k, c);
	if (k->o->repair)
		json_plan(k, f);
	jsonw_end_object(w);
}
