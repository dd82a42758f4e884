/* Pure: which questions a config asks, as zgrab2's ini and input lines. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/zgrab2.h"

#include "modules.h"

#define TLS12 771
#define CONNECT_MAX_MS 5000

/* The study's order, with the SHA-2 signatures without which a modern RSA-only server fails. */
static const char default_algorithms[] =
    "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
    "rsa-sha2-512,rsa-sha2-256,ssh-rsa,ssh-dss,ssh-ed25519";

static const struct {
	const char *family;
	const char *algorithms;
} families[] = {
	{ "rsa", "rsa-sha2-512,rsa-sha2-256,ssh-rsa" },
	{ "ecdsa", "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521" },
	{ "ed25519", "ssh-ed25519" },
	{ "dss", "ssh-dss" },
};

#define NFAMILIES (sizeof(families) / sizeof(families[0]))

const char *
ssh_family(const char *algorithm, size_t len)
{
	for (size_t i = 0; i < NFAMILIES; i++) {
		const char *p = families[i].algorithms;

		while (*p != '\0') {
			size_t n = strcspn(p, ",");

			if (n == len && memcmp(p, algorithm, n) == 0)
				return families[i].family;
			p += n + (p[n] == ',');
		}
	}
	return NULL;
}

static struct module *
add(struct modules *t, int row, enum module_kind kind, const char *suffix)
{
	const struct port_def *pd = &port_table[row];
	struct module *m;

	if (t->n == MAX_MODULES)
		abort();
	m = &t->m[t->n++];
	m->row = row;
	m->kind = kind;
	m->algorithms = NULL;
	snprintf(m->tag, sizeof(m->tag), "%s%s", pd->name, suffix);
	snprintf(m->key, sizeof(m->key), "%s%s", pd->module, suffix);
	return m;
}

void
modules_init(struct modules *t, const struct config *c)
{
	t->n = 0;
	for (int row = 0; row < NPORTS; row++) {
		if (c->grab.port[row])
			add(t, row, MODULE_BASE, "");
	}
	for (int row = 0; row < NPORTS; row++) {
		bool ssh = port_table[row].kind == KEY_SSH_HOST;

		if (!c->grab.port[row])
			continue;
		for (size_t i = 0; ssh && c->grab.all_ssh_host_keys && i < NFAMILIES; i++) {
			char suffix[16];

			snprintf(suffix, sizeof(suffix), "-%s", families[i].family);
			add(t, row, MODULE_SSH_KEYS, suffix)->algorithms = families[i].algorithms;
		}
		if (!ssh && c->grab.tls13)
			add(t, row, MODULE_TLS13, "-tls13");
	}
}

int
modules_find(const struct modules *t, const char *tag, size_t len)
{
	for (int i = 0; i < t->n; i++) {
		if (strlen(t->m[i].tag) == len && memcmp(t->m[i].tag, tag, len) == 0)
			return i;
	}
	return -1;
}

void
modules_line(const struct module *m, const struct ip *ip, const char *smtp_name, struct buf *out)
{
	const char *module = port_table[m->row].module;
	char text[IP_STRLEN];

	ip_format(ip, text);
	/*
	 * The second column is sent: as the EHLO argument, as Host and as SNI.
	 * An address literal suits SMTP and breaks HTTP; a bare address is the
	 * other way round.
	 */
	if (strcmp(module, "smtp") == 0)
		buf_printf(out, "%s,%s,%s\n", text, smtp_name, m->tag);
	else
		buf_printf(out, "%s,%s,%s\n", text, ip->family == 4 ? text : "", m->tag);
}

/* A value in go-flags' ini syntax: a Go string literal. */
static void
quoted(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s=\"", name);
	for (const char *p = value; *p != '\0'; p++) {
		unsigned char ch = (unsigned char)*p;

		if (ch == '"' || ch == '\\')
			buf_addc(out, '\\');
		if (ch < 0x20 || ch == 0x7f)
			buf_printf(out, "\\x%02x", ch);
		else
			buf_addc(out, *p);
	}
	buf_adds(out, "\"\n");
}

static void
module_ini(const struct module *m, const struct config *c, struct buf *out)
{
	const struct port_def *pd = &port_table[m->row];
	long timeout = c->grab.timeout_ms[m->row];
	bool smtp = strcmp(pd->module, "smtp") == 0;

	buf_printf(out, "[%s]\n", pd->module);
	quoted(out, "name", m->tag);
	quoted(out, "trigger", m->tag);
	buf_printf(out, "port=%u\n", pd->port);
	buf_printf(out, "connect-timeout=\"%ldms\"\n",
	    timeout < CONNECT_MAX_MS ? timeout : CONNECT_MAX_MS);
	buf_printf(out, "target-timeout=\"%ldms\"\n", timeout);
	if (pd->kind == KEY_SSH_HOST) {
		quoted(out, "host-key-algorithms",
		    m->algorithms != NULL ? m->algorithms : default_algorithms);
		return;
	}
	if (m->kind != MODULE_TLS13)
		buf_printf(out, "max-version=%d\n", TLS12);
	if (smtp && pd->tls == TLS_IMPLICIT)
		buf_adds(out, "smtps=true\n");
	if (smtp && c->grab.ehlo_override)
		buf_adds(out, "send-ehlo-override=true\n");
	if (strcmp(pd->module, "pop3") == 0)
		buf_adds(out, pd->tls == TLS_IMPLICIT ? "pop3s=true\n" : "starttls=true\n");
	if (strcmp(pd->module, "imap") == 0)
		buf_adds(out, pd->tls == TLS_IMPLICIT ? "imaps=true\n" : "starttls=true\n");
	if (strcmp(pd->module, "http") == 0) {
		/* What another host says is not this one's. */
		buf_adds(out, "use-https=true\nmax-redirects=0\n");
		buf_printf(out, "max-size=%ld\n", c->grab.http_max_size);
		if (c->grab.user_agent[0] != '\0')
			quoted(out, "user-agent", c->grab.user_agent);
	}
}

void
grab_ini(const struct config *c, struct buf *out)
{
	struct modules t;

	modules_init(&t, c);
	buf_adds(out, "[Application Options]\n");
	for (int i = 0; i < t.n; i++)
		module_ini(&t.m[i], c, out);
}

char *
grab_smtp_name(const struct config *c, const struct ip *source)
{
	char text[IP_STRLEN];
	char *name;

	if (c->grab.ehlo[0] == '\0')
		return xasprintf(
		    source->family == 6 ? "[IPv6:%s]" : "[%s]", ip_format(source, text));
	/* It goes into a CSV line, where a stray quote ends zgrab2. */
	name = xstrdup(c->grab.ehlo);
	for (char *p = name; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && strchr(".-:[]", *p) == NULL)
			*p = '-';
	}
	return name;
}
