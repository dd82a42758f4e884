/*
 * A record in the layout of FreshGrab.py from what the study knows of a host.  A port's further
 * keys stand beside as ZGrab2 has them, as in freshgrab_line.c.
 */
#include <stdlib.h>
#include <string.h>

#include "survey/escape.h"
#include "survey/jsonw.h"
#include "survey/mem.h"
#include "survey/rfc3339.h"

#include "freshgrab.h"

const struct study_grab *
freshgrab_shown(const struct study *st, const struct study_host *h, int row)
{
	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		if (st->grabs[i].port == row)
			return &st->grabs[i];
	}
	return NULL;
}

/* Address, writer and where the host is: the scripts would ask databases of their own. */
void
freshgrab_head(const struct study *st, const struct study_host *h, struct buf *out)
{
	const struct study_as *as = &st->ases[h->as];
	char ip[IP_STRLEN];

	buf_printf(out, "\"ip\":\"%s\",\"writer\":\"FreshGrab.py\"", ip_format(&h->ip, ip));
	if (as->asn != 0 || h->as_name != STUDY_NO_TEXT) {
		const char *name = study_text_or_empty(st, h->as_name);

		buf_printf(out, ",\"autonomous_system\":{\"asn\":%u,\"name\":\"", as->asn);
		escape_json(out, name, strlen(name));
		buf_adds(out, "\"}");
	}
	if (h->country[0] != '\0') {
		buf_adds(out, ",\"location\":{\"country_code\":\"");
		escape_json(out, h->country, strlen(h->country));
		buf_adds(out, "\"}");
	}
}

static void
put_text(struct jsonw *w, const char *key, const char *s)
{
	if (s != NULL)
		jsonw_member_string(w, key, s);
}

/* Objects in objects, for keys that end with NULL. */
static void
open_path(struct jsonw *w, const char *const *keys)
{
	for (; *keys != NULL; keys++) {
		jsonw_key(w, *keys);
		jsonw_object(w);
	}
}

static void
close_path(struct jsonw *w, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		jsonw_end_object(w);
}

static void
put_length(struct jsonw *w, int32_t bits)
{
	static const char *const rsa[] = { "rsa_public_key", NULL };

	if (bits < 0)
		return;
	open_path(w, rsa);
	jsonw_key(w, "length");
	jsonw_int(w, bits);
	close_path(w, rsa);
}

static void
put_ssh(struct jsonw *w, const struct study *st, const struct study_grab *g)
{
	static const char *const key[] = { "key_exchange", "server_host_key", NULL };
	static const char *const kex[] = { "algorithm_selection", NULL };
	static const char *const id[] = { "server_id", NULL };

	if (g->version != STUDY_NO_TEXT || g->software != STUDY_NO_TEXT) {
		open_path(w, id);
		put_text(w, "version", study_text(st, g->version));
		put_text(w, "software", study_text(st, g->software));
		close_path(w, id);
	}
	if (g->kex != STUDY_NO_TEXT) {
		open_path(w, kex);
		put_text(w, "dh_kex_algorithm", study_text(st, g->kex));
		close_path(w, kex);
	}
	open_path(w, key);
	put_text(w, "algorithm", g->alg != STUDY_NO_TEXT ? study_text(st, g->alg) : "unknown");
	jsonw_key(w, "fingerprint_sha256");
	jsonw_hex(w, st->keys[g->key].fp, KEY_LEN);
	put_length(w, g->bits);
	close_path(w, key);
}

/* DN and SANs of a port, as the certificate gave them. */
static void
put_names(struct jsonw *w, const struct study *st, const struct study_host *h, uint8_t port)
{
	static const char *const names[] = { "extensions", "subject_alt_name", NULL };
	bool sans = false;

	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];
		const char *text = study_text_or_empty(st, n->text);

		if (n->port != port)
			continue;
		if (n->source == NAME_DN) {
			char *dn = xasprintf("%s%s", text[0] != '\0' ? "CN=" : "", text);

			put_text(w, "subject_dn", dn);
			free(dn);
		} else if (n->source == NAME_SAN) {
			if (!sans) {
				open_path(w, names);
				jsonw_key(w, "dns_names");
				jsonw_array(w);
			}
			sans = true;
			jsonw_string(w, text);
		}
	}
	if (sans) {
		jsonw_end_array(w);
		close_path(w, names);
	}
}

static void
put_hello(struct jsonw *w, const struct study *st, const struct study_grab *g)
{
	static const char *const hello[] = { "server_hello", NULL };
	static const char *const suite[] = { "cipher_suite", NULL };
	static const char *const version[] = { "version", NULL };

	if (g->cipher < 0 && g->version == STUDY_NO_TEXT)
		return;
	open_path(w, hello);
	if (g->cipher >= 0) {
		open_path(w, suite);
		jsonw_key(w, "value");
		jsonw_int(w, g->cipher);
		close_path(w, suite);
	}
	if (g->version != STUDY_NO_TEXT) {
		open_path(w, version);
		put_text(w, "name", study_text(st, g->version));
		close_path(w, version);
	}
	close_path(w, hello);
}

static void
put_subject_key(struct jsonw *w, const struct study *st, const struct study_grab *g)
{
	static const char *const key[] = { "subject_key_info", NULL };
	static const char *const algorithm[] = { "key_algorithm", NULL };
	static const char *const ec[] = { "ecdsa_public_key", NULL };

	open_path(w, key);
	jsonw_key(w, "fingerprint_sha256");
	jsonw_hex(w, st->keys[g->key].fp, KEY_LEN);
	if (g->alg != STUDY_NO_TEXT) {
		open_path(w, algorithm);
		put_text(w, "name", study_text(st, g->alg));
		close_path(w, algorithm);
	}
	put_length(w, g->bits);
	if (g->curve != STUDY_NO_TEXT) {
		open_path(w, ec);
		put_text(w, "curve", study_text(st, g->curve));
		close_path(w, ec);
	}
	close_path(w, key);
}

static void
put_certificate(struct jsonw *w, const struct study *st, const struct study_cert *c)
{
	static const char *const signature[] = { "signature", NULL };
	static const char *const validity[] = { "validity", NULL };
	char time[TIME_SIZE];

	put_text(w, "issuer_dn", study_text(st, c->issuer));
	put_text(w, "serial_number", study_text(st, c->serial));
	if (c->has_sha256) {
		jsonw_key(w, "fingerprint_sha256");
		jsonw_hex(w, c->sha256, sizeof(c->sha256));
	}
	if (c->self_signed != FACT_UNKNOWN) {
		open_path(w, signature);
		jsonw_key(w, "self_signed");
		jsonw_bool(w, c->self_signed == FACT_YES);
		close_path(w, signature);
	}
	if (c->not_before == TIME_UNKNOWN && c->not_after == TIME_UNKNOWN)
		return;
	open_path(w, validity);
	if (c->not_before != TIME_UNKNOWN)
		put_text(w, "start", time_format(c->not_before, time));
	if (c->not_after != TIME_UNKNOWN)
		put_text(w, "end", time_format(c->not_after, time));
	close_path(w, validity);
}

/* A handshake; the names are those of the grab that its port is shown by. */
static void
put_handshake(struct jsonw *w, const struct study *st, const struct study_host *h,
    const struct study_grab *g, bool names)
{
	static const char *const parsed[] = { "certificate", "parsed", NULL };
	static const char *const chain[] = { "server_certificates", NULL };
	static const char *const validation[] = { "validation", NULL };

	put_hello(w, st, g);
	open_path(w, chain);
	if (g->trusted != FACT_UNKNOWN) {
		open_path(w, validation);
		jsonw_key(w, "browser_trusted");
		jsonw_bool(w, g->trusted == FACT_YES);
		close_path(w, validation);
	}
	open_path(w, parsed);
	if (names)
		put_names(w, st, h, g->port);
	put_subject_key(w, st, g);
	if (g->cert != STUDY_NONE)
		put_certificate(w, st, &st->certs[g->cert]);
	close_path(w, parsed);
	close_path(w, chain);
}

/* What a port is shown by, where the scripts look for it. */
static void
put_main(
    struct jsonw *w, const struct study *st, const struct study_host *h, const struct study_grab *g)
{
	static const char *const ssh[] = { "xssh", NULL }, *const mail[] = { "tls", NULL },
				 *const web[] = { "http", "response", "request", "tls_handshake",
					 NULL };
	const char *const *path = g->kind == KEY_SSH_HOST	    ? ssh
				  : port_table[g->port].port == 443 ? web
								    : mail;

	open_path(w, path);
	if (g->kind == KEY_SSH_HOST)
		put_ssh(w, st, g);
	else
		put_handshake(w, st, h, g, true);
	close_path(w, path);
}

/* One more key of the port, as ZGrab2 has it. */
static void
put_further(
    struct jsonw *w, const struct study *st, const struct study_host *h, const struct study_grab *g)
{
	static const char *const ssh[] = { "result", NULL },
				 *const mail[] = { "result", "tls", "handshake_log", NULL },
				 *const web[] = { "result", "response", "request", "tls_log",
					 "handshake_log", NULL };
	const char *const *path = g->kind == KEY_SSH_HOST	    ? ssh
				  : port_table[g->port].port == 443 ? web
								    : mail;
	char *name = xasprintf(
	    "%s-%s", port_table[g->port].module, study_text_or_empty(st, g->grab));
	char time[TIME_SIZE];

	jsonw_key(w, name);
	jsonw_object(w);
	put_text(w, "status", "success");
	if (g->at != TIME_UNKNOWN)
		put_text(w, "timestamp", time_format(g->at, time));
	open_path(w, path);
	if (g->kind == KEY_SSH_HOST)
		put_ssh(w, st, g);
	else
		put_handshake(w, st, h, g, false);
	close_path(w, path);
	jsonw_end_object(w);
	free(name);
}

static void
put_banner(struct jsonw *w, const struct study *st, const struct study_host *h, uint8_t port)
{
	for (uint32_t i = h->names.at; i < h->names.at + h->names.n; i++) {
		const struct study_name *n = &st->names[i];
		char *banner;

		if (n->source != NAME_BANNER || n->port != port)
			continue;
		banner = xasprintf("220 %s", study_text_or_empty(st, n->text));
		put_text(w, "banner", banner);
		free(banner);
	}
}

static void
put_port(struct jsonw *w, const struct study *st, const struct study_host *h, uint8_t port)
{
	const struct study_grab *g = freshgrab_shown(st, h, port);
	char time[TIME_SIZE];

	jsonw_key(w, port_table[port].name);
	jsonw_object(w);
	if (g != NULL && g->at != TIME_UNKNOWN)
		put_text(w, "timestamp", time_format(g->at, time));
	jsonw_key(w, "data");
	jsonw_object(w);
	put_banner(w, st, h, port);
	for (uint32_t i = h->grabs.at; i < h->grabs.at + h->grabs.n; i++) {
		const struct study_grab *other = &st->grabs[i];

		if (other->port != port || !st->keys[other->key].named)
			continue;
		if (other == g)
			put_main(w, st, h, g);
		else if (other->grab != STUDY_NO_TEXT)
			put_further(w, st, h, other);
	}
	jsonw_end_object(w);
	if (g == NULL)
		put_text(w, "error", port_outcome_name((enum port_outcome)h->outcome[port]));
	jsonw_end_object(w);
}

void
freshgrab_study(const struct study *st, const struct study_host *h, struct buf *out)
{
	char time[TIME_SIZE];
	struct jsonw w;

	buf_addc(out, '{');
	freshgrab_head(st, h, out);
	if (h->time != TIME_UNKNOWN)
		buf_printf(out, ",\"time\":\"%s\"", time_format(h->time, time));
	jsonw_init(&w, NULL);
	for (uint8_t port = 0; port < NPORTS; port++) {
		if (h->outcome[port] != OUTCOME_NOT_ASKED || freshgrab_shown(st, h, port) != NULL)
			put_port(&w, st, h, port);
	}
	if (w.out.len > 0) {
		buf_addc(out, ',');
		buf_add(out, w.out.data, w.out.len);
	}
	buf_addc(out, '}');
	jsonw_fini(&w);
}
