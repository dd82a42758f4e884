/* Tidy tables for pandas, R and DuckDB: RFC 4180, UTF-8, a header, empty is unknown. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/base64.h"
#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/file.h"
#include "survey/hex.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/publickey.h"
#include "survey/rfc3339.h"

#include "export.h"

/* One row on its way; cells come in order. */
struct row {
	struct buf *out;
	bool first;
};

static void
next(struct row *r)
{
	if (!r->first)
		buf_addc(r->out, ',');
	r->first = false;
}

static void
text(struct row *r, const char *s)
{
	next(r);
	if (s != NULL && *s != '\0')
		escape_csv(r->out, s, strlen(s));
}

static void
number(struct row *r, int64_t n)
{
	next(r);
	if (n >= 0)
		buf_printf(r->out, "%lld", (long long)n);
}

static void
fact(struct row *r, uint8_t f)
{
	number(r, f == FACT_UNKNOWN ? -1 : f == FACT_YES);
}

static void
moment(struct row *r, int64_t t)
{
	char b[TIME_SIZE];

	next(r);
	if (t != TIME_UNKNOWN)
		buf_adds(r->out, time_format(t, b));
}

static void
hex(struct row *r, const uint8_t *p, bool known)
{
	next(r);
	if (known)
		hex_add(r->out, p, KEY_LEN);
}

static void
ssh_print(struct row *r, const struct study_key *k)
{
	next(r);
	if (k->kind == KEY_SSH_HOST && k->named)
		base64_fingerprint(r->out, k->fp);
}

static void
end(struct row *r)
{
	buf_addc(r->out, '\n');
	r->first = true;
}

static void
hosts(const struct exporting *x, struct row *r)
{
	const struct study *st = x->st;
	char ip[IP_STRLEN];

	buf_adds(r->out, "host,run,ip,ip_record,country,asn,as_name,writer,time,out,cluster,csize,"
			 "nrcs,verdict,rdns\n");
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];
		bool in = h->out == OUT_NONE;

		if (!x->host[i])
			continue;
		number(r, (int64_t)i + 1);
		number(r, (int64_t)h->run + 1);
		text(r, ip_format(&h->ip, ip));
		number(r, (int64_t)h->record);
		text(r, h->country);
		number(r, st->ases[h->as].asn != 0 ? (int64_t)st->ases[h->as].asn : -1);
		text(r, study_text(st, h->as_name));
		text(r, study_text(st, h->writer));
		moment(r, h->time);
		text(r, in ? NULL : host_out_name((enum host_out)h->out));
		number(r, h->cluster != STUDY_NONE ? (int64_t)st->clusters[h->cluster].id : -1);
		number(r, !in			     ? -1
			  : h->cluster != STUDY_NONE ? (int64_t)st->clusters[h->cluster].hosts.n
						     : 1);
		number(r, in ? (int64_t)h->nrcs : -1);
		text(r, host_verdict_name((enum host_verdict)h->verdict));
		text(r, study_text(st, h->rdns));
		end(r);
	}
}

static void
host_ports(const struct exporting *x, struct row *r)
{
	const struct study *st = x->st;
	char ip[IP_STRLEN];

	buf_adds(r->out, "host,ip,port,grab,outcome,key,fp,cert,version,cipher_suite,key_type,"
			 "key_bits,curve,browser_trusted,timely,software,kex,time\n");
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];

		for (uint32_t k = h->grabs.at; k < h->grabs.at + h->grabs.n && x->host[i]; k++) {
			const struct study_grab *g = &st->grabs[k];

			number(r, (int64_t)i + 1);
			text(r, ip_format(&h->ip, ip));
			number(r, port_table[g->port].port);
			text(r, study_text(st, g->grab));
			text(r, port_outcome_name(OUTCOME_KEY));
			number(r, (int64_t)g->key + 1);
			hex(r, st->keys[g->key].fp, st->keys[g->key].named);
			number(r, g->cert != STUDY_NONE ? (int64_t)g->cert + 1 : -1);
			text(r, study_text(st, g->version));
			number(r, g->cipher);
			text(r, study_text(st, g->alg));
			number(r, g->bits);
			text(r, study_text(st, g->curve));
			fact(r, g->trusted);
			fact(r, g->kind == KEY_SSH_HOST ? FACT_UNKNOWN : g->timely);
			text(r, study_text(st, g->software));
			text(r, study_text(st, g->kex));
			moment(r, g->at);
			end(r);
		}
		for (int port = 0; port < NPORTS && x->host[i]; port++) {
			if (h->outcome[port] == OUTCOME_NOT_ASKED ||
			    h->outcome[port] == OUTCOME_KEY)
				continue;
			number(r, (int64_t)i + 1);
			text(r, ip_format(&h->ip, ip));
			number(r, port_table[port].port);
			text(r, NULL);
			text(r, port_outcome_name((enum port_outcome)h->outcome[port]));
			buf_adds(r->out, ",,,,,,,,,,,,,");
			end(r);
		}
	}
}

static void
keys(const struct exporting *x, struct row *r)
{
	const struct study *st = x->st;

	buf_adds(r->out, "key,fp,ssh_fp,kind,type,bits,curve,hosts\n");
	for (uint32_t i = 0; i < st->nkeys; i++) {
		const struct study_key *k = &st->keys[i];
		bool known = k->public_key == PUBLIC_OK;

		if (!x->key[i])
			continue;
		number(r, (int64_t)i + 1);
		hex(r, k->fp, k->named);
		ssh_print(r, k);
		text(r, k->kind == KEY_SSH_HOST ? "ssh" : "tls");
		text(r, known ? public_type_name((enum public_type)k->type) : NULL);
		number(r, k->bits > 0 ? (int64_t)k->bits : -1);
		text(r, study_text(st, k->curve));
		number(r, k->nhosts);
		end(r);
	}
}

static void
certs(const struct exporting *x, struct row *r)
{
	const struct study *st = x->st;

	buf_adds(
	    r->out, "cert,sha256,key,serial,subject,issuer,not_before,not_after,self_signed\n");
	for (uint32_t i = 0; i < st->ncerts; i++) {
		const struct study_cert *c = &st->certs[i];

		if (!x->cert[i])
			continue;
		number(r, (int64_t)i + 1);
		hex(r, c->sha256, c->has_sha256);
		number(r, (int64_t)c->key + 1);
		text(r, study_text(st, c->serial));
		text(r, study_text(st, c->subject));
		text(r, study_text(st, c->issuer));
		moment(r, c->not_before);
		moment(r, c->not_after);
		fact(r, c->self_signed);
		end(r);
	}
}

static void
names(const struct exporting *x, struct row *r)
{
	const struct study *st = x->st;
	char key[HOST_KEY_SIZE], ip[IP_STRLEN];

	buf_adds(r->out, "host,ip,source,name,verdict,address\n");
	for (uint32_t i = 0; i < st->nhosts; i++) {
		const struct study_host *h = &st->hosts[i];

		for (uint32_t k = h->names.at; k < h->names.at + h->names.n && x->host[i]; k++) {
			const struct study_name *n = &st->names[k];
			const struct ip *other = study_name_address(st, n);

			number(r, (int64_t)i + 1);
			text(r, ip_format(&h->ip, ip));
			text(r, study_name_key(n, key));
			text(r, study_text(st, n->text));
			text(
			    r, n->verdict < NAME_NVERDICTS ? study_name_verdict(n->verdict) : NULL);
			if (other != NULL)
				text(r, ip_format(other, ip));
			else
				text(r, n->verdict == NAME_GOOD ? ip : NULL);
			end(r);
		}
	}
}

static bool
has_wanted(const struct exporting *x, const struct study_cluster *c)
{
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		if (x->host[study_member(x->st, c, i)])
			return true;
	}
	return false;
}

static void
clusters(const struct exporting *x, struct row *r)
{
	const struct study *st = x->st;

	buf_adds(r->out, "cluster,size,keys,shared_keys,ases\n");
	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];

		if (!has_wanted(x, c))
			continue;
		number(r, c->id);
		number(r, c->hosts.n);
		number(r, c->keys.n);
		number(r, c->nshared);
		number(r, c->nases > 0 ? (int64_t)c->nases : -1);
		end(r);
	}
}

static void
cluster_hosts(const struct exporting *x, struct row *r)
{
	const struct study *st = x->st;
	char ip[IP_STRLEN];

	buf_adds(r->out, "cluster,host,ip\n");
	for (uint32_t i = 0; i < st->nmembers; i++) {
		uint32_t host = st->members[i];

		if (!x->host[host])
			continue;
		number(r, st->clusters[st->hosts[host].cluster].id);
		number(r, (int64_t)host + 1);
		text(r, ip_format(&st->hosts[host].ip, ip));
		end(r);
	}
}

static void
cluster_keys(const struct exporting *x, struct row *r)
{
	const struct study *st = x->st;

	buf_adds(r->out, "cluster,key,fp,hosts\n");
	for (uint32_t i = 0; i < st->nclusters; i++) {
		const struct study_cluster *c = &st->clusters[i];

		for (uint32_t k = 0; k < c->keys.n && has_wanted(x, c); k++) {
			uint32_t key = study_cluster_key(st, c, k);

			if (!x->key[key])
				continue;
			number(r, c->id);
			number(r, (int64_t)key + 1);
			hex(r, st->keys[key].fp, st->keys[key].named);
			number(r, st->keys[key].nhosts);
			end(r);
		}
	}
}

const char *const export_tables[] = { "hosts", "host_ports", "keys", "certs", "names", "clusters",
	"cluster_hosts", "cluster_keys", NULL };

static void (*const writers[])(const struct exporting *, struct row *) = { hosts, host_ports, keys,
	certs, names, clusters, cluster_hosts, cluster_keys };

static void
write_table(const struct exporting *x, size_t i, struct buf *out)
{
	struct row r = { out, true };

	writers[i](x, &r);
}

static int
table_file(const struct exporting *x, size_t i)
{
	char *name = xasprintf("%s.csv", export_tables[i]), *path = path_join(x->o->csv, name);
	struct buf b;
	int rc;

	buf_init(&b);
	write_table(x, i, &b);
	if ((rc = file_write(path, b.data, b.len)) == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	buf_fini(&b);
	free(path);
	free(name);
	return rc;
}

int
export_csv(const struct exporting *x, struct buf *out)
{
	bool print = strcmp(x->o->csv, "-") == 0;
	int rc = 0;

	if (!print && file_mkdirs(x->o->csv, 0700) == -1) {
		log_error("cannot make %s: %s", x->o->csv, strerror(errno));
		return -1;
	}
	for (size_t i = 0; export_tables[i] != NULL && rc == 0; i++) {
		if (x->o->table != NULL && strcmp(export_tables[i], x->o->table) != 0)
			continue;
		if (print)
			write_table(x, i, out);
		else
			rc = table_file(x, i);
	}
	return rc;
}
