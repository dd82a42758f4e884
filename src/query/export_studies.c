/*
 * A directory in which the published studies' scripts run: their files in their
 * layouts, a file for each cluster, records as FreshGrab.py writes them, and graphs of pairs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/output.h"
#include "survey/pairs.h"
#include "survey/rfc3339.h"

#include "export.h"

#define DOT_HOSTS 500 /* of a cluster whose pairs are drawn one by one */

static const char *const their_files[] = { "fingerprints.json", "all-key-fingerprints.json",
	"collisions.json", "dodgy.json", "clustersizes.csv", NULL };

static int
failed(const char *path)
{
	log_error("cannot write %s: %s", path, strerror(errno));
	return -1;
}

/* The number after "clusternum": of a host's line.  A quote in a text is escaped, so the member stands there once. */
static unsigned long
cluster_of_line(const char *line)
{
	static const char member[] = ",\"clusternum\":";
	const char *at = strstr(line, member);

	return at != NULL ? strtoul(at + sizeof(member) - 1, NULL, 10) : 0;
}

/* Hosts of collisions.json, each into the file of its cluster: cut out line by line, as the scripts do. */
static int
split_clusters(const struct study *st, const char *dir, bool *begun)
{
	char *path = path_join(dir, "collisions.json"), *line = NULL;
	FILE *in = file_fopen(path, "re");
	size_t cap = 0;
	int rc = in != NULL ? 0 : failed(path);

	while (rc == 0 && getline(&line, &cap, in) != -1) {
		unsigned long id = line[0] == '"' ? cluster_of_line(line) : 0;
		uint32_t cluster = id != 0 && id <= UINT32_MAX
				       ? study_find_cluster(st, (uint32_t)id)
				       : STUDY_NONE;
		char *name, *to;
		FILE *f;

		if (cluster == STUDY_NONE)
			continue;
		name = xasprintf("cluster%lu.json", id);
		to = path_join(dir, name);
		f = file_fopen(to, begun[cluster] ? "ae" : "we");
		if (f == NULL ||
		    fprintf(f, begun[cluster] ? ",\n{\n%s}\n" : "[\n{\n%s}\n", line) < 0 ||
		    fclose(f) != 0)
			rc = failed(to);
		begun[cluster] = true;
		free(name);
		free(to);
	}
	free(line);
	if (in != NULL)
		fclose(in);
	free(path);
	return rc;
}

/* The bracket that ends each of them. */
static int
end_clusters(const struct study *st, const char *dir, const bool *begun)
{
	int rc = 0;

	for (uint32_t i = 0; i < st->nclusters && rc == 0; i++) {
		char *name = xasprintf("cluster%u.json", st->clusters[i].id);
		char *path = path_join(dir, name);
		FILE *f = begun[i] ? file_fopen(path, "ae") : NULL;

		if (begun[i] && f == NULL)
			rc = failed(path);
		if (f != NULL) {
			bool wrong = fputs("]\n", f) == EOF;

			if (fclose(f) != 0 || wrong)
				rc = failed(path);
		}
		free(name);
		free(path);
	}
	return rc;
}

static int
write_clusters(const struct study *st, const char *dir)
{
	bool *begun = xcalloc((size_t)st->nclusters + 1, sizeof(*begun));
	int rc = split_clusters(st, dir, begun) == -1 || end_clusters(st, dir, begun) == -1 ? -1
											    : 0;

	free(begun);
	return rc;
}

/* --- records ------------------------------------------------------------------ */

static void
member(struct jsonw *w, const char *key, const char *s)
{
	if (s == NULL)
		return;
	jsonw_key(w, key);
	jsonw_string(w, s);
}

static void
put_ssh(struct jsonw *w, const struct study *st, const struct study_grab *g)
{
	jsonw_key(w, "xssh");
	jsonw_object(w);
	jsonw_key(w, "key_exchange");
	jsonw_object(w);
	jsonw_key(w, "server_host_key");
	jsonw_object(w);
	member(w, "algorithm", study_text_or_empty(st, g->alg));
	jsonw_key(w, "fingerprint_sha256");
	jsonw_hex(w, st->keys[g->key].fp, KEY_LEN);
	if (g->bits >= 0) {
		jsonw_key(w, "rsa_public_key");
		jsonw_object(w);
		jsonw_key(w, "length");
		jsonw_int(w, g->bits);
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
	jsonw_end_object(w);
	jsonw_end_object(w);
}

/* DN and SANs of a port, as the certificate gave them. */
static void
put_names(struct jsonw *w, const struct study *st, const struct study_host *h, uint8_t port)
{
	bool sans = false;

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];

		if (n->port != port)
			continue;
		if (n->source == NAME_DN) {
			char *dn = xasprintf("CN=%s", study_text_or_empty(st, n->text));

			member(w, "subject_dn", dn);
			free(dn);
		} else if (n->source == NAME_SAN) {
			if (!sans) {
				jsonw_key(w, "extensions");
				jsonw_object(w);
				jsonw_key(w, "subject_alt_name");
				jsonw_object(w);
				jsonw_key(w, "dns_names");
				jsonw_array(w);
			}
			sans = true;
			jsonw_string(w, study_text_or_empty(st, n->text));
		}
	}
	if (sans) {
		jsonw_end_array(w);
		jsonw_end_object(w);
		jsonw_end_object(w);
	}
}

static void
put_tls(struct jsonw *w, const struct study *st, const struct study_host *h,
    const struct study_grab *g, bool https)
{
	const struct study_cert *c = g->cert != STUDY_NONE ? &st->certs[g->cert] : NULL;
	char time[TIME_SIZE];

	if (https) {
		jsonw_key(w, "http");
		jsonw_object(w);
		jsonw_key(w, "response");
		jsonw_object(w);
		jsonw_key(w, "request");
		jsonw_object(w);
	}
	jsonw_key(w, https ? "tls_handshake" : "tls");
	jsonw_object(w);
	if (g->cipher >= 0 || g->version != STUDY_NO_TEXT) {
		jsonw_key(w, "server_hello");
		jsonw_object(w);
		if (g->cipher >= 0) {
			jsonw_key(w, "cipher_suite");
			jsonw_object(w);
			jsonw_key(w, "value");
			jsonw_int(w, g->cipher);
			jsonw_end_object(w);
		}
		if (g->version != STUDY_NO_TEXT) {
			jsonw_key(w, "version");
			jsonw_object(w);
			member(w, "name", study_text(st, g->version));
			jsonw_end_object(w);
		}
		jsonw_end_object(w);
	}
	jsonw_key(w, "server_certificates");
	jsonw_object(w);
	if (g->trusted != FACT_UNKNOWN) {
		jsonw_key(w, "validation");
		jsonw_object(w);
		jsonw_key(w, "browser_trusted");
		jsonw_bool(w, g->trusted == FACT_YES);
		jsonw_end_object(w);
	}
	jsonw_key(w, "certificate");
	jsonw_object(w);
	jsonw_key(w, "parsed");
	jsonw_object(w);
	put_names(w, st, h, g->port);
	jsonw_key(w, "subject_key_info");
	jsonw_object(w);
	jsonw_key(w, "fingerprint_sha256");
	jsonw_hex(w, st->keys[g->key].fp, KEY_LEN);
	if (g->alg != STUDY_NO_TEXT) {
		jsonw_key(w, "key_algorithm");
		jsonw_object(w);
		member(w, "name", study_text(st, g->alg));
		jsonw_end_object(w);
	}
	if (g->bits >= 0) {
		jsonw_key(w, "rsa_public_key");
		jsonw_object(w);
		jsonw_key(w, "length");
		jsonw_int(w, g->bits);
		jsonw_end_object(w);
	}
	if (g->curve != STUDY_NO_TEXT) {
		jsonw_key(w, "ecdsa_public_key");
		jsonw_object(w);
		member(w, "curve", study_text(st, g->curve));
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
	if (c != NULL) {
		member(w, "issuer_dn", study_text(st, c->issuer));
		member(w, "serial_number", study_text(st, c->serial));
		if (c->self_signed != FACT_UNKNOWN) {
			jsonw_key(w, "signature");
			jsonw_object(w);
			jsonw_key(w, "self_signed");
			jsonw_bool(w, c->self_signed == FACT_YES);
			jsonw_end_object(w);
		}
		if (c->not_before != TIME_UNKNOWN && c->not_after != TIME_UNKNOWN) {
			jsonw_key(w, "validity");
			jsonw_object(w);
			member(w, "start", time_format(c->not_before, time));
			member(w, "end", time_format(c->not_after, time));
			jsonw_end_object(w);
		}
	}
	jsonw_end_object(w);
	jsonw_end_object(w);
	jsonw_end_object(w);
	jsonw_end_object(w);
	if (https) {
		jsonw_end_object(w);
		jsonw_end_object(w);
		jsonw_end_object(w);
	}
}

/* A host as FreshGrab.py writes it: one key a port. */
static void
put_record(struct jsonw *w, const struct study *st, const struct study_host *h)
{
	char ip[IP_STRLEN], time[TIME_SIZE];

	jsonw_object(w);
	member(w, "ip", ip_format(&h->ip, ip));
	member(w, "writer", "FreshGrab.py");
	if (st->ases[h->as].asn != 0 || h->as_name != STUDY_NO_TEXT) {
		jsonw_key(w, "autonomous_system");
		jsonw_object(w);
		member(w, "name", study_text_or_empty(st, h->as_name));
		jsonw_key(w, "asn");
		jsonw_uint(w, st->ases[h->as].asn);
		jsonw_end_object(w);
	}
	if (h->country[0] != '\0') {
		jsonw_key(w, "location");
		jsonw_object(w);
		member(w, "country_code", h->country);
		jsonw_end_object(w);
	}
	for (uint8_t row = 0; row < NPORTS_STUDY; row++) {
		const struct study_grab *g = NULL;

		if (h->outcome[row] == OUTCOME_NOT_ASKED)
			continue;
		for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n && g == NULL; i++) {
			if (st->grabs[i].port == row)
				g = &st->grabs[i];
		}
		jsonw_key(w, port_table[row].name);
		jsonw_object(w);
		if (g != NULL && g->at != TIME_UNKNOWN)
			member(w, "timestamp", time_format(g->at, time));
		jsonw_key(w, "data");
		jsonw_object(w);
		for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
			const struct study_name *n = &st->names[i];

			if (n->source == NAME_BANNER && n->port == row) {
				char *banner = xasprintf(
				    "220 %s ESMTP", study_text_or_empty(st, n->text));

				member(w, "banner", banner);
				free(banner);
			}
		}
		if (g != NULL && g->kind == KEY_SSH_HOST)
			put_ssh(w, st, g);
		else if (g != NULL)
			put_tls(w, st, h, g, port_table[row].port == 443);
		else
			member(w, "error", port_outcome_name((enum port_outcome)h->outcome[row]));
		jsonw_end_object(w);
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
	jsonw_newline(w);
}

static int
write_records(const struct exporting *x, const char *dir)
{
	char *path = path_join(dir, "records.fresh");
	struct outfile out;
	struct jsonw w;
	int rc = outfile_open(&out, path);

	if (rc == 0) {
		jsonw_init(&w, out.f);
		for (uint32_t i = 0; i < x->st->nhosts; i++) {
			if (x->host[i])
				put_record(&w, x->st, &x->st->hosts[i]);
		}
		rc = jsonw_flush(&w);
		jsonw_fini(&w);
		if (rc == 0)
			rc = outfile_commit(&out);
		else
			outfile_abort(&out);
	}
	if (rc != 0)
		rc = failed(path);
	free(path);
	return rc;
}

/* --- graphs ----------------------------------------------------------------------- */

/* Every pair of hosts that share a key is an edge, labelled with the ports, as the studies' graphs have it. */
static int
write_dot(const struct study *st, const struct pairs *p, uint32_t cluster, const char *dir)
{
	const struct study_cluster *c = &st->clusters[cluster];
	char *name = xasprintf("graph%u.dot", c->id), *path = path_join(dir, name);
	struct buf b;
	int rc;

	buf_init(&b);
	buf_printf(&b, "graph cluster%u {\n", c->id);
	for (uint32_t i = 0; i < c->hosts.n; i++) {
		uint32_t a = study_member(st, c, i);
		const struct study_host *h = &st->hosts[a];

		buf_printf(
		    &b, "\t%llu [asn=%u];\n", (unsigned long long)h->record, st->ases[h->as].asn);
		for (uint32_t k = i + 1; k < c->hosts.n; k++) {
			uint32_t other = study_member(st, c, k);
			uint64_t mask;

			if (p->group_of[a] == GROUP_NONE || p->group_of[other] == GROUP_NONE)
				continue;
			mask = pairs_ports(p, p->group_of[a], p->group_of[other]);
			if (mask != 0)
				buf_printf(&b, "\t%llu -- %llu [ports=\"0x%016llx\"];\n",
				    (unsigned long long)h->record,
				    (unsigned long long)st->hosts[other].record,
				    (unsigned long long)mask);
		}
	}
	buf_adds(&b, "}\n");
	if ((rc = file_write(path, b.data, b.len)) == -1)
		rc = failed(path);
	buf_fini(&b);
	free(path);
	free(name);
	return rc;
}

static int
write_graphs(const struct study *st, const char *dir)
{
	struct pairs *p = pairs_new(st);
	uint32_t left = 0;
	int rc = 0;

	for (uint32_t i = 0; i < st->nclusters && rc == 0; i++) {
		if (st->clusters[i].hosts.n <= DOT_HOSTS)
			rc = write_dot(st, p, i, dir);
		else
			left++;
	}
	pairs_free(p);
	if (left > 0)
		log_info(
		    "%u clusters of more than %d hosts have no graphN.dot: it would list every "
		    "pair; survey graph draws them",
		    left, DOT_HOSTS);
	return rc;
}

/* The list that zmap made, where the run has it. */
static int
copy_hits(const char *from, const char *dir)
{
	char *in = path_join(from, "zmap.ips"), *out = path_join(dir, "zmap.ips");
	size_t len;
	char *text = file_read(in, (size_t)1 << 30, &len);
	int rc = 0;

	if (text == NULL)
		log_info("%s has no zmap.ips: it is left out", from);
	else if (file_write(out, text, len) == -1)
		rc = failed(out);
	free(text);
	free(in);
	free(out);
	return rc;
}

int
export_studies(const struct exporting *x)
{
	const char *dir = x->o->studies;
	struct output_options o = { .only = their_files };
	char *error = NULL;

	if (file_mkdirs(dir, 0700) == -1)
		return failed(dir);
	if (x->o->nclusters > 0 || x->o->nasns > 0)
		log_info(
		    "--cluster and --asn restrict records.fresh; the other files are whole, as the "
		    "scripts count over them");
	if (output_write(x->st, dir, &o, &error) == -1) {
		log_error("%s", error);
		free(error);
		return -1;
	}
	if (write_clusters(x->st, dir) == -1 || write_records(x, dir) == -1 ||
	    write_graphs(x->st, dir) == -1)
		return -1;
	return copy_hits(x->o->path, dir);
}
