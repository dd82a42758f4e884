/* survey notify: what is told of a host and of its keys. */
#include <string.h>

#include "survey/base64.h"
#include "survey/buf.h"
#include "survey/hex.h"
#include "survey/name.h"
#include "survey/text.h"

#include "notify.h"

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

bool
notify_mismatch(const struct notifying *x, const struct notice *row)
{
	return port_table[row->port].port == 25 &&
	       impact_mismatch(x->impact, row->host) != MAIL_NONE;
}
