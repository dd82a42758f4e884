/* A comparison as text, JSON and CSV. */
#include <stdlib.h>
#include <string.h>

#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"
#include "survey/text.h"

#include "compare.h"

#define SHOWN 10 /* of a list in the text */
#define KEYS_SHOWN 3
#define KEY_SHOWN 8 /* bytes */

/* A list, or NULL where it is not known. */
static const struct match_list *
if_known(bool known, const struct match_list *l)
{
	return known ? l : NULL;
}

/* --- JSON ---------------------------------------------------------------- */

static void
json_hosts(struct jsonw *w, const char *key, const struct study *st, const struct match_list *l)
{
	char ip[IP_STRLEN];

	jsonw_key(w, key);
	if (l == NULL) {
		jsonw_null(w);
		return;
	}
	jsonw_array(w);
	for (size_t i = 0; i < l->n; i++)
		jsonw_string(w, ip_format(&st->hosts[l->v[i]].ip, ip));
	jsonw_end_array(w);
}

static void
json_keys(struct jsonw *w, const char *key, const struct study *st, const struct match_list *l)
{
	jsonw_key(w, key);
	if (l == NULL) {
		jsonw_null(w);
		return;
	}
	jsonw_array(w);
	for (size_t i = 0; i < l->n; i++) {
		if (st->keys[l->v[i]].named)
			jsonw_hex(w, st->keys[l->v[i]].fp, KEY_LEN);
		else
			jsonw_null(w);
	}
	jsonw_end_array(w);
}

static void
json_ids(struct jsonw *w, const char *key, const struct study *st, const struct match_list *l)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (size_t i = 0; i < l->n; i++)
		jsonw_uint(w, st->clusters[l->v[i]].id);
	jsonw_end_array(w);
}

static void
json_run(struct jsonw *w, const char *key, const struct query_run *r, const struct study *st)
{
	char time[TIME_SIZE];
	uint64_t hosts = 0;

	for (uint32_t i = 0; i < st->nhosts; i++)
		hosts += match_takes_part(&st->hosts[i]);
	jsonw_key(w, key);
	jsonw_object(w);
	jsonw_member_string(w, "path", r->path);
	jsonw_member_string(
	    w, "began", r->began != TIME_UNKNOWN ? time_format(r->began, time) : NULL);
	jsonw_member_uint(w, "hosts", hosts);
	jsonw_member_uint(w, "clusters", st->nclusters);
	jsonw_end_object(w);
}

static void
json_all_hosts(struct jsonw *w, const struct comparison *c)
{
	const struct match *m = &c->m;
	char ip[IP_STRLEN];

	jsonw_key(w, "hosts");
	jsonw_object(w);
	json_hosts(w, "new", m->b, if_known(m->knows_new, &m->new_hosts));
	json_hosts(w, "gone", m->a, if_known(m->knows_gone, &m->gone_hosts));
	jsonw_key(w, "gone_reasons");
	jsonw_object(w);
	for (size_t i = 0; i < m->gone_hosts.n; i++)
		jsonw_member_string(
		    w, ip_format(&m->a->hosts[m->gone_hosts.v[i]].ip, ip), c->gone_why[i]);
	jsonw_end_object(w);
	jsonw_member_uint(w, "kept", m->kept);
	json_hosts(w, "changed", m->a, &m->changed);
	json_hosts(w, "rekeyed", m->a, &m->rekeyed);
	json_hosts(w, "repaired", m->a, if_known(m->knows_gone, &m->repaired));
	jsonw_end_object(w);
}

static void
json_all_keys(struct jsonw *w, const struct match *m)
{
	char port[8];

	jsonw_key(w, "keys");
	jsonw_object(w);
	json_keys(w, "new", m->b, if_known(m->knows_new, &m->new_keys));
	jsonw_member_known(w, "new_of_other_type", m->knows_new, m->new_of_other_type);
	json_keys(w, "gone", m->a, if_known(m->knows_gone, &m->gone_keys));
	jsonw_member_uint(w, "kept", m->kept_keys);
	json_keys(w, "spread", m->a, &m->spread);
	json_keys(w, "shrunk", m->a, &m->shrunk);
	json_keys(w, "moved", m->a, &m->moved);
	jsonw_key(w, "ports");
	jsonw_object(w);
	for (int row = 0; row < NPORTS; row++) {
		const struct match_port *p = &m->ports[row];

		if (p->new_keys + p->gone + p->kept == 0)
			continue;
		snprintf(port, sizeof(port), "%u", port_table[row].port);
		jsonw_key(w, port);
		jsonw_object(w);
		jsonw_member_known(w, "new", m->knows_new, p->new_keys);
		jsonw_member_known(w, "gone", m->knows_gone, p->gone);
		jsonw_member_uint(w, "kept", p->kept);
		jsonw_member_uint(w, "spread", p->spread);
		jsonw_member_uint(w, "shrunk", p->shrunk);
		jsonw_member_uint(w, "moved", p->moved);
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
	jsonw_end_object(w);
}

/* Of all these clusters, each domain once. */
static void
json_domains(struct jsonw *w, const char *key, struct impact *x, const struct study *st,
    const struct match_list *clusters)
{
	uint32_t n = 0;

	if (!impact_has_domains(x))
		return;
	impact_begin(x);
	for (size_t i = 0; i < clusters->n; i++) {
		const struct study_span *hosts = &st->clusters[clusters->v[i]].hosts;

		n += impact_add_hosts(x, st->members + hosts->at, hosts->n);
	}
	jsonw_member_uint(w, key, n);
}

void
compare_json(struct jsonw *w, const struct comparison *c)
{
	const struct match *m = &c->m;

	jsonw_object(w);
	json_run(w, "a", c->run_a, m->a);
	json_run(w, "b", c->run_b, m->b);
	json_all_hosts(w, c);
	json_all_keys(w, m);
	jsonw_key(w, "clusters");
	jsonw_array(w);
	for (size_t i = 0; i < m->ngroups; i++) {
		const struct match_group *g = &m->groups[i];

		jsonw_object(w);
		json_ids(w, "a", m->a, &g->a);
		json_ids(w, "b", m->b, &g->b);
		jsonw_member_string(w, "change", match_change_names[g->change]);
		json_domains(w, "mail_domains_a", c->impact_a, m->a, &g->a);
		json_domains(w, "mail_domains_b", c->impact_b, m->b, &g->b);
		if (g->change != MATCH_SAME) {
			json_hosts(w, "added", m->b, &g->added);
			json_hosts(w, "removed", m->a, &g->removed);
			json_hosts(w, "rekeyed", m->a, &g->rekeyed);
			json_keys(w, "new_keys", m->b, &g->new_keys);
			json_keys(w, "gone_keys", m->a, &g->gone_keys);
		}
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_key(w, "notes");
	jsonw_array(w);
	for (const char *line = c->notes.data, *end; (end = strchr(line, '\n')) != NULL;
	     line = end + 1)
		jsonw_stringn(w, line, (size_t)(end - line));
	jsonw_end_array(w);
	jsonw_end_object(w);
}

/* --- text ------------------------------------------------------------------ */

static void
text_unknown(struct buf *out, const char *what)
{
	buf_printf(out, "  %-10s        –\n", what);
}

static void
text_hosts(struct buf *out, const char *what, const struct study *st, const struct match_list *l)
{
	char ip[IP_STRLEN];

	if (l == NULL) {
		text_unknown(out, what);
		return;
	}
	buf_printf(out, "  %-10s %8zu", what, l->n);
	for (size_t i = 0; i < l->n && i < SHOWN; i++)
		buf_printf(
		    out, "%s%s", i == 0 ? "  " : ", ", ip_format(&st->hosts[l->v[i]].ip, ip));
	buf_adds(out, l->n > SHOWN ? ", …\n" : "\n");
}

static void
text_keys(struct buf *out, const char *what, const struct study *st, const struct match_list *l)
{
	if (l == NULL) {
		text_unknown(out, what);
		return;
	}
	buf_printf(out, "  %-10s %8zu", what, l->n);
	for (size_t i = 0; i < l->n && i < KEYS_SHOWN; i++) {
		buf_adds(out, i == 0 ? "  " : ", ");
		hex_add(out, st->keys[l->v[i]].fp, KEY_SHOWN);
	}
	buf_adds(out, l->n > KEYS_SHOWN ? ", …\n" : "\n");
}

static void
text_ids(
    struct buf *out, const struct study *st, const struct impact *x, const struct match_list *l)
{
	if (l->n == 0)
		buf_adds(out, "–");
	for (size_t i = 0; i < l->n && i < SHOWN; i++) {
		buf_printf(out, "%s%u (", i > 0 ? ", " : "", st->clusters[l->v[i]].id);
		text_counted(out, st->clusters[l->v[i]].hosts.n, "host", "hosts");
		if (x != NULL && x->of_cluster[l->v[i]] > 0) {
			buf_adds(out, ", ");
			impact_text(out, x->of_cluster[l->v[i]]);
		}
		buf_adds(out, ")");
	}
	if (l->n > SHOWN)
		buf_adds(out, ", …");
}

static void
text_group(struct buf *out, const struct comparison *c, const struct match_group *g)
{
	const struct {
		size_t n;
		const char *one, *many;
	} parts[] = { { g->added.n, "host more", "hosts more" },
		{ g->removed.n, "host fewer", "hosts fewer" },
		{ g->rekeyed.n, "host rekeyed", "hosts rekeyed" },
		{ g->new_keys.n, "shared key new", "shared keys new" },
		{ g->gone_keys.n, "shared key gone", "shared keys gone" } };
	const struct match *m = &c->m;
	bool first = true;

	buf_printf(out, "cluster %-10s ", match_change_names[g->change]);
	text_ids(out, m->a, c->impact_a, &g->a);
	buf_adds(out, " → ");
	text_ids(out, m->b, c->impact_b, &g->b);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].n == 0)
			continue;
		buf_printf(out, "%s %zu %s", first ? ":" : ",", parts[i].n,
		    text_noun(parts[i].n, parts[i].one, parts[i].many));
		first = false;
	}
	buf_addc(out, '\n');
}

static void
text_groups(struct buf *out, const struct comparison *c)
{
	const struct match *m = &c->m;

	for (size_t i = 0; i < m->ngroups; i++) {
		if (m->groups[i].change != MATCH_SAME)
			text_group(out, c, &m->groups[i]);
	}
}

/* How many hosts are gone for which reason. */
static void
text_reasons(struct buf *out, const struct comparison *c)
{
	size_t n = c->m.gone_hosts.n;

	for (size_t i = 0; i < n; i++) {
		uint64_t count = match_count_reason(c->gone_why, n, i);

		if (count > 0)
			buf_printf(
			    out, "    %s: %llu\n", c->gone_why[i], (unsigned long long)count);
	}
}

static void
text_ports(struct buf *out, const struct match *m)
{
	for (int row = 0; row < NPORTS; row++) {
		const struct match_port *p = &m->ports[row];

		if (p->new_keys + p->gone + p->spread + p->shrunk + p->moved == 0)
			continue;
		buf_printf(out,
		    "  port %-5u %llu new, %llu gone, %llu kept; of these %llu on more hosts, %llu "
		    "on fewer, %llu moved\n",
		    port_table[row].port, (unsigned long long)p->new_keys,
		    (unsigned long long)p->gone, (unsigned long long)p->kept,
		    (unsigned long long)p->spread, (unsigned long long)p->shrunk,
		    (unsigned long long)p->moved);
	}
}

static void
heading(struct buf *out, const char *text, bool colour)
{
	print_styled(out, colour, PRINT_BOLD, text);
	buf_addc(out, '\n');
}

static void
text_all(struct buf *out, const struct comparison *c, bool colour)
{
	const struct match *m = &c->m;
	uint64_t count[MATCH_NCHANGES] = { 0 };

	buf_printf(out, "%s → %s\n", c->run_a->name, c->run_b->name);
	heading(out, "hosts that take part", colour);
	text_hosts(out, "new", m->b, if_known(m->knows_new, &m->new_hosts));
	text_hosts(out, "gone", m->a, if_known(m->knows_gone, &m->gone_hosts));
	text_reasons(out, c);
	buf_printf(out, "  %-10s %8llu\n", "kept", (unsigned long long)m->kept);
	text_hosts(out, "changed", m->a, &m->changed);
	text_hosts(out, "rekeyed", m->a, &m->rekeyed);
	text_hosts(out, "repaired", m->a, if_known(m->knows_gone, &m->repaired));
	heading(out, "keys", colour);
	text_keys(out, "new", m->b, if_known(m->knows_new, &m->new_keys));
	text_keys(out, "gone", m->a, if_known(m->knows_gone, &m->gone_keys));
	buf_printf(out, "  %-10s %8llu\n", "kept", (unsigned long long)m->kept_keys);
	text_keys(out, "spread", m->a, &m->spread);
	text_keys(out, "shrunk", m->a, &m->shrunk);
	text_keys(out, "moved", m->a, &m->moved);
	text_ports(out, m);
	for (size_t i = 0; i < m->ngroups; i++)
		count[m->groups[i].change]++;
	heading(out, "clusters", colour);
	for (int i = 0; i < MATCH_NCHANGES; i++)
		buf_printf(
		    out, "  %-10s %8llu\n", match_change_names[i], (unsigned long long)count[i]);
	text_groups(out, c);
	for (const char *line = c->notes.data, *end; (end = strchr(line, '\n')) != NULL;
	     line = end + 1) {
		print_styled(out, colour, PRINT_WARN, "mind:");
		buf_printf(out, " %.*s\n", (int)(end - line), line);
	}
}

static void
line_per_host(struct buf *out, const struct study *st, const struct match_list *l, const char *what,
    const char *const *why)
{
	char ip[IP_STRLEN];

	for (size_t i = 0; i < l->n; i++)
		buf_printf(out, "host %s %s%s%s\n", ip_format(&st->hosts[l->v[i]].ip, ip), what,
		    why != NULL ? ": " : "", why != NULL ? why[i] : "");
}

static void
line_of_key(struct buf *out, const struct study *st, uint32_t key, const char *what)
{
	buf_adds(out, "key ");
	hex_add(out, st->keys[key].fp, KEY_LEN);
	buf_printf(out, " %s\n", what);
}

static void
line_per_key(struct buf *out, const struct study *st, const struct match_list *l, const char *what)
{
	for (size_t i = 0; i < l->n; i++)
		line_of_key(out, st, l->v[i], what);
}

/*
 * Keys that came or went on hosts of which no line tells a change: the others follow
 * from those lines.
 */
static void
line_per_other_key(struct buf *out, const struct study *st, const struct match_list *keys,
    const bool *told, const char *what)
{
	for (size_t i = 0; i < keys->n; i++) {
		const struct study_span *uses = &st->keys[keys->v[i]].uses;
		bool all = true;

		for (uint32_t u = uses->at; u < uses->at + uses->n; u++)
			all = all && told[st->uses[u].host];
		if (!all)
			line_of_key(out, st, keys->v[i], what);
	}
}

static void
text_lines(struct buf *out, const struct comparison *c)
{
	const struct match *m = &c->m;
	bool *told_a = xcalloc((size_t)m->a->nhosts + 1, sizeof(*told_a));
	bool *told_b = xcalloc((size_t)m->b->nhosts + 1, sizeof(*told_b));
	bool *repaired = xcalloc((size_t)m->a->nhosts + 1, sizeof(*repaired));
	char ip[IP_STRLEN];

	text_groups(out, c);
	for (size_t i = 0; i < m->repaired.n; i++)
		repaired[m->repaired.v[i]] = true;
	for (size_t i = 0; i < m->new_hosts.n; i++)
		told_b[m->new_hosts.v[i]] = true;
	for (size_t i = 0; i < m->gone_hosts.n; i++)
		told_a[m->gone_hosts.v[i]] = true;
	for (size_t i = 0; i < m->changed.n; i++) {
		uint32_t host = m->changed.v[i];

		told_a[host] = told_b[m->host_b[host]] = true;
		buf_printf(out, "host %s %s\n", ip_format(&m->a->hosts[host].ip, ip),
		    repaired[host] ? "repaired" : "changed");
	}
	line_per_host(out, m->b, &m->new_hosts, "new", NULL);
	line_per_host(out, m->a, &m->gone_hosts, "gone", c->gone_why);
	line_per_key(out, m->a, &m->spread, "on more hosts");
	line_per_key(out, m->a, &m->shrunk, "on fewer hosts");
	line_per_key(out, m->a, &m->moved, "moved to other hosts");
	line_per_other_key(out, m->b, &m->new_keys, told_b, "new");
	line_per_other_key(out, m->a, &m->gone_keys, told_a, "gone");
	free(told_a);
	free(told_b);
	free(repaired);
}

void
compare_text(struct buf *out, const struct comparison *c, const struct compare_options *o)
{
	if (o->quiet) /* for mail: never coloured */
		text_lines(out, c);
	else
		text_all(out, c, o->colour);
}

/* --- CSV ------------------------------------------------------------------- */

const struct print_column compare_columns[] = { { "a" }, { "b" }, { "what" }, { "change" },
	{ "name" }, { "more" }, { NULL } };

static void
csv_head(struct print *p, const struct comparison *c, const char *what, const char *change)
{
	print_string(p, c->run_a->name);
	print_string(p, c->run_b->name);
	print_string(p, what);
	print_string(p, change);
}

static void
csv_hosts(struct print *p, const struct comparison *c, const char *change, const struct study *st,
    const struct match_list *l)
{
	char ip[IP_STRLEN];

	for (size_t i = 0; i < l->n; i++) {
		csv_head(p, c, "host", change);
		print_string(p, ip_format(&st->hosts[l->v[i]].ip, ip));
		if (l == &c->m.gone_hosts)
			print_string(p, c->gone_why[i]);
		print_row(p);
	}
}

static void
csv_keys(struct print *p, const struct comparison *c, const char *change, const struct study *st,
    const struct match_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		csv_head(p, c, "key", change);
		print_hex(p, st->keys[l->v[i]].fp, KEY_LEN);
		print_row(p);
	}
}

static void
csv_ids(struct print *p, const struct study *st, const struct match_list *l)
{
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < l->n; i++)
		buf_printf(&b, "%s%u", i > 0 ? " " : "", st->clusters[l->v[i]].id);
	print_text(p, b.data, b.len);
	buf_fini(&b);
}

void
compare_csv(struct print *p, const struct comparison *c)
{
	const struct match *m = &c->m;

	csv_hosts(p, c, "new", m->b, &m->new_hosts);
	csv_hosts(p, c, "gone", m->a, &m->gone_hosts);
	csv_hosts(p, c, "changed", m->a, &m->changed);
	csv_hosts(p, c, "rekeyed", m->a, &m->rekeyed);
	csv_hosts(p, c, "repaired", m->a, &m->repaired);
	csv_keys(p, c, "new", m->b, &m->new_keys);
	csv_keys(p, c, "gone", m->a, &m->gone_keys);
	csv_keys(p, c, "spread", m->a, &m->spread);
	csv_keys(p, c, "shrunk", m->a, &m->shrunk);
	csv_keys(p, c, "moved", m->a, &m->moved);
	for (size_t i = 0; i < m->ngroups; i++) {
		csv_head(p, c, "cluster", match_change_names[m->groups[i].change]);
		csv_ids(p, m->a, &m->groups[i].a);
		csv_ids(p, m->b, &m->groups[i].b);
		print_row(p);
	}
}
