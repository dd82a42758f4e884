/*
 * Pure: guesses, said as guesses.
 *
 * The published study asks of each cluster whether it can be one host with
 * several addresses; it cannot when some of its addresses show no SSH, when
 * they lie in several ASes or when they show different SSH host keys.
 */
#include <string.h>

#include "survey/buf.h"
#include "survey/explain.h"
#include "survey/study.h"

struct traits {
	uint32_t nhosts, nas;
	uint32_t with_ssh, without_ssh;
	uint32_t ssh_keys; /* distinct keys on port 22 */
	uint32_t ssh_shared; /* hosts of the most used one */
	uint32_t tls_shared; /* hosts of the most used TLS key */
	uint32_t tls_ports, self_signed;
	uint32_t wildcards; /* hosts with a wildcard name */
	uint32_t cross; /* keys that serve SSH and TLS */
};

static bool
has_wildcard(const struct study *st, const struct study_host *h)
{
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		if (strncmp(study_text_or_empty(st, st->names[i].text), "*.", 2) == 0)
			return true;
	}
	return false;
}

/* What a host's ports show, each counted once. */
static void
add_ports(struct traits *t, const struct study *st, const struct study_host *h)
{
	bool ssh = false;

	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		const struct study_grab *g = &st->grabs[i];

		if (!study_first_of_port(st, i))
			continue;
		if (port_table[g->port].kind == KEY_SSH_HOST) {
			ssh = true;
			continue;
		}
		t->tls_ports++;
		t->self_signed += g->cert != STUDY_NONE &&
				  st->certs[g->cert].self_signed == FACT_YES;
	}
	t->with_ssh += ssh;
	t->without_ssh += !ssh;
}

static struct traits
find_traits(const struct study *st, const struct study_cluster *c)
{
	struct traits t = { .nhosts = c->hosts.n, .nas = c->nases };

	for (uint32_t i = 0; i < c->keys.n; i++) {
		const struct study_key *k = &st->keys[study_cluster_key(st, c, i)];

		t.ssh_keys += k->ssh;
		t.cross += k->ssh && k->tls;
		if (k->ssh && k->nhosts > t.ssh_shared)
			t.ssh_shared = k->nhosts;
		if (k->tls && k->nhosts > t.tls_shared)
			t.tls_shared = k->nhosts;
	}
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		const struct study_host *h = &st->hosts[study_member(st, c, i)];

		add_ports(&t, st, h);
		t.wildcards += has_wildcard(st, h);
	}
	return t;
}

const char *
why_name(enum why_kind kind)
{
	static const char *const names[NWHYS] = {
		[WHY_MULTIHOMED] = "one host, several addresses?",
		[WHY_CLONED] = "cloned image?",
		[WHY_HOSTING] = "hosting platform?",
		[WHY_VENDOR] = "default or vendor key?",
		[WHY_SERVICE] = "one service on several hosts?",
		[WHY_MIXED] = "several causes?",
	};

	return names[kind];
}

static void
say_multihomed(const struct traits *t, struct buf *out)
{
	if (t->with_ssh == t->nhosts && t->ssh_keys == 1 && t->nas == 1) {
		buf_adds(out,
		    "It can be one host with several addresses: every address shows the same "
		    "SSH host key and all lie in one AS. ");
		return;
	}
	buf_adds(out, "It is not simply one host with several addresses: ");
	if (t->nas > 1)
		buf_printf(out, "they lie in %u ASes; ", t->nas);
	if (t->without_ssh > 0 && t->with_ssh > 0)
		buf_printf(out, "%u of them show%s no SSH; ", t->without_ssh,
		    t->without_ssh == 1 ? "s" : "");
	if (t->with_ssh == 0)
		buf_adds(out, "none shows SSH, so nothing ties them to one machine; ");
	if (t->ssh_keys > 1)
		buf_printf(out, "they show %u different SSH host keys; ", t->ssh_keys);
	out->len -= 2; /* the last "; " */
	buf_adds(out, ". ");
}

enum why_kind
why_cluster(const struct study *st, uint32_t cluster, struct buf *out)
{
	struct traits t = find_traits(st, &st->clusters[cluster]);

	say_multihomed(&t, out);
	if (t.cross > 0)
		buf_printf(out, "Alarm: %u of its keys serve%s both SSH and TLS. ", t.cross,
		    t.cross == 1 ? "s" : "");
	if (t.with_ssh == t.nhosts && t.ssh_keys == 1 && t.nas == 1)
		return WHY_MULTIHOMED;
	if (t.ssh_shared * 2 > t.nhosts && t.ssh_shared > 1) {
		buf_printf(out,
		    "%u of %u hosts show one SSH host key: machines cloned from an image "
		    "that carried it do so. ",
		    t.ssh_shared, t.nhosts);
		return WHY_CLONED;
	}
	if (t.tls_ports > 0 && t.self_signed * 5 > t.tls_ports * 4 && t.nas > 1 &&
	    t.tls_shared * 2 > t.nhosts) {
		buf_printf(out,
		    "One self-signed certificate's key on %u hosts in %u ASes: the default key "
		    "of a product or a mail appliance does so. ",
		    t.tls_shared, t.nas);
		return WHY_VENDOR;
	}
	if (t.tls_shared * 2 > t.nhosts && t.nhosts > 5) {
		buf_printf(out,
		    "One TLS key on %u of %u hosts%s: a hosting company that gives all its "
		    "servers one certificate does so. ",
		    t.tls_shared, t.nhosts, t.wildcards > 0 ? ", with wildcard names" : "");
		return WHY_HOSTING;
	}
	if (t.tls_shared * 2 > t.nhosts) {
		if (t.nas == 1)
			buf_printf(out,
			    "One TLS key on %u of %u hosts of one AS: the front ends of one "
			    "service do so. ",
			    t.tls_shared, t.nhosts);
		else
			buf_printf(out,
			    "One TLS key on %u of %u hosts in %u ASes: a service with servers "
			    "in several networks does so, or a key that was copied. ",
			    t.tls_shared, t.nhosts, t.nas);
		return WHY_SERVICE;
	}
	buf_printf(out, "No single key explains it: the most used one stands on %u of %u hosts. ",
	    t.ssh_shared > t.tls_shared ? t.ssh_shared : t.tls_shared, t.nhosts);
	return WHY_MIXED;
}
