/* Pure. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "confgen.h"
#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "templates.h"

#define DOT_PORT 853
#define MARK_KNOWN "# if known"

struct word {
	const char *name; /* with its @@ */
	const char *text;
};

/* A template with its words filled in.  A line that holds nothing but an empty word is left out. */
static char *
fill(const unsigned char *template, size_t size, const struct word *words, size_t n)
{
	char *text = xstrndup((const char *)template, size);
	struct buf out;

	buf_init(&out);
	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n"), start = out.len;
		bool empty = false;

		for (size_t i = 0; i < len;) {
			size_t k = 0;

			while (
			    k < n && strncmp(line + i, words[k].name, strlen(words[k].name)) != 0)
				k++;
			if (k == n || line[0] == '#') {
				buf_addc(&out, line[i++]);
				continue;
			}
			empty = words[k].text[0] == '\0';
			buf_adds(&out, words[k].text);
			i += strlen(words[k].name);
		}
		if (empty && strspn(out.data + start, " \t") == out.len - start) {
			out.len = start;
			out.data[start] = '\0';
		} else {
			buf_addc(&out, '\n');
		}
		line += len + (line[len] == '\n');
	}
	free(text);
	return buf_steal(&out);
}

/* What may stand between double quotes in either syntax. */
static bool
is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == '"' || *s == '\\' || *s == 0x7f)
			return false;
	return true;
}

/* 43 characters and a "=": 32 bytes. */
static bool
is_pin(const char *s)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return strspn(s, digits) == 43 && strcmp(s + 43, "=") == 0;
}

static char *
upstream_problem(const struct dns_settings *s, const struct config_upstream *u)
{
	char name[NAME_SIZE];
	struct ip ip;
	uint16_t port;

	if (!resolver_parse_address(u->address, DOT_PORT, &ip, &port))
		return xasprintf(
		    "dns.upstream: \"%s\" is no address; expected one like 192.0.2.1#853",
		    u->address);
	if (u->hostname[0] == '\0' && u->pin[0] == '\0')
		return xasprintf(
		    "dns.upstream %s: without hostname or pin it could be anyone; give "
		    "the name of its certificate",
		    u->address);
	if (u->hostname[0] != '\0' &&
	    name_canonical(u->hostname, strlen(u->hostname), name) != NAME_OK)
		return xasprintf(
		    "dns.upstream %s: \"%s\" is no host name", u->address, u->hostname);
	if (u->pin[0] != '\0' && !is_pin(u->pin))
		return xasprintf(
		    "dns.upstream %s: pin is not the base64 of a SHA-256 (44 characters)",
		    u->address);
	if (u->pin[0] != '\0' && s->mode != DNS_MANAGED)
		return xasprintf(
		    "dns.upstream %s: only Stubby checks a pin; set dns.mode to managed "
		    "or take the pin out",
		    u->address);
	return NULL;
}

char *
confgen_problem(const struct confgen *g)
{
	const struct dns_settings *s = g->settings;
	char *problem;

	if (!is_plain(g->dir))
		return xasprintf("%s: quotes, backslashes and control characters cannot be in the "
				 "name of a resolver's directory",
		    g->dir);
	if (s->mode == DNS_UNBOUND)
		return NULL;
	if (s->nupstreams == 0)
		return xasprintf(
		    "dns: this mode needs a DNS-over-TLS resolver to ask: add a section "
		    "dns.upstream, or set dns.mode to unbound");
	for (size_t i = 0; i < s->nupstreams; i++)
		if ((problem = upstream_problem(s, &s->upstreams[i])) != NULL)
			return problem;
	return NULL;
}

static void
add_forward_zone(struct buf *b, const struct confgen *g)
{
	const struct dns_settings *s = g->settings;
	char text[IP_STRLEN];
	struct ip ip;
	uint16_t port;

	if (s->mode == DNS_UNBOUND)
		return;
	buf_adds(b, "\nforward-zone:\n\tname: \".\"\n");
	if (s->mode == DNS_MANAGED) {
		buf_printf(b, "\tforward-addr: 127.0.0.1@%u\n", g->stubby_port);
		return;
	}
	buf_adds(b, "\tforward-tls-upstream: yes\n");
	for (size_t i = 0; i < s->nupstreams; i++) {
		resolver_parse_address(s->upstreams[i].address, DOT_PORT, &ip, &port);
		buf_printf(b, "\tforward-addr: %s@%u#%s\n", ip_format(&ip, text), port,
		    s->upstreams[i].hostname);
	}
}

static char *
option(const char *name, const char *value)
{
	return value == NULL ? xstrdup("") : xasprintf("%s: \"%s\"", name, value);
}

static int
add_refused(const struct cidr *c, void *arg)
{
	char text[IP_STRLEN + 4];
	struct buf *b = arg;

	buf_printf(b, "%sdo-not-query-address: %s", b->len > 0 ? "\n\t" : "", cidr_format(c, text));
	return 0;
}

void
confgen_hints(const char *text, struct ipset *set)
{
	bool is_address = false;

	for (const char *p = text; *p != '\0';) {
		size_t n = strcspn(p, " \t\r\n;");
		struct ip ip;

		if (is_address && ip_parse(p, n, &ip))
			ipset_add_range(set, &ip, &ip);
		if (n > 0)
			is_address = (n == 1 && (p[0] == 'A' || p[0] == 'a')) ||
				     (n == 4 && strncasecmp(p, "AAAA", 4) == 0);
		p += n;
		p += *p == ';' ? strcspn(p, "\n") : *p != '\0';
	}
	ipset_normalise(set);
}

char *
confgen_unbound(const struct confgen *g)
{
	const struct dns_settings *s = g->settings;
	bool recursive = s->mode == DNS_UNBOUND;
	char *anchor = option("trust-anchor-file", s->validate ? g->anchor : NULL);
	char *hints = option("root-hints", recursive ? g->root_hints : NULL);
	char *bundle = option("tls-cert-bundle", s->mode == DNS_UNBOUND_DOT ? g->ca_file : NULL);
	char *port = xasprintf("%u", g->unbound_port), *conf;
	struct buf forward, refused;

	buf_init(&forward);
	buf_init(&refused);
	add_forward_zone(&forward, g);
	if (recursive && g->refused != NULL)
		(void)ipset_each_cidr(g->refused, add_refused, &refused);
	{
		const struct word words[] = {
			{ "@DIR@", g->dir },
			{ "@PORT@", port },
			{ "@MODULES@", s->validate ? "validator iterator" : "iterator" },
			{ "@ANCHOR@", anchor },
			{ "@NOT_LOCAL@", g->needs_localhost ? "no" : "yes" },
			{ "@REFUSED@", refused.data },
			{ "@ROOT_HINTS@", hints },
			{ "@CA_BUNDLE@", bundle },
			/*
			 * A dead zone then fails in 5 s instead of 29.  A forwarder that is
			 * slow with one name must not be taken for dead, though.
			 */
			{ "@RETRIES@", recursive ? "outbound-msg-retry: 2 # if known\n"
						   "\tinfra-cache-max-rtt: 2000 # if known"
						 : "infra-keep-probing: yes # if known\n"
						   "\toutgoing-num-tcp: 64" },
			{ "@FORWARD@", forward.data },
		};

		conf = fill(template_unbound, template_unbound_len, words,
		    sizeof(words) / sizeof(words[0]));
	}
	buf_fini(&forward);
	buf_fini(&refused);
	free(anchor);
	free(hints);
	free(bundle);
	free(port);
	return conf;
}

char *
confgen_stubby(const struct confgen *g)
{
	const struct dns_settings *s = g->settings;
	char *port = xasprintf("%u", g->stubby_port), *conf;
	struct buf list;

	buf_init(&list);
	for (size_t i = 0; i < s->nupstreams; i++) {
		const struct config_upstream *u = &s->upstreams[i];
		char text[IP_STRLEN];
		struct ip ip;
		uint16_t tls_port;

		resolver_parse_address(u->address, DOT_PORT, &ip, &tls_port);
		buf_printf(&list, "  - address_data: %s\n    tls_port: %u\n", ip_format(&ip, text),
		    tls_port);
		if (u->hostname[0] != '\0')
			buf_printf(&list, "    tls_auth_name: \"%s\"\n", u->hostname);
		if (u->pin[0] != '\0')
			buf_printf(&list,
			    "    tls_pubkey_pinset:\n      - digest: \"sha256\"\n"
			    "        value: %s\n",
			    u->pin);
	}
	{
		const struct word words[] = {
			{ "@DIR@", g->dir },
			{ "@PORT@", port },
			{ "@CA_FILE@", g->ca_file },
			{ "@UPSTREAMS@", list.data },
		};

		conf = fill(
		    template_stubby, template_stubby_len, words, sizeof(words) / sizeof(words[0]));
	}
	buf_fini(&list);
	free(port);
	return conf;
}

/* Line number n (from 1) of conf, and its length; NULL past the end. */
static char *
find_line(char *conf, unsigned long n, size_t *len)
{
	while (--n > 0 && conf != NULL)
		if ((conf = strchr(conf, '\n')) != NULL)
			conf++;
	if (conf != NULL)
		*len = strcspn(conf, "\n");
	return conf;
}

/* Complaints look like "FILE:LINE: error: unknown keyword 'x'"; lines keep their numbers. */
size_t
confgen_drop_unknown(char *conf, const char *complaints)
{
	size_t dropped = 0, len;

	for (const char *p = complaints; (p = strstr(p, ": error: ")) != NULL; p++) {
		const char *start = p;
		unsigned long n;
		char *line, *mark;

		while (start > complaints && start[-1] >= '0' && start[-1] <= '9')
			start--;
		n = strtoul(start, NULL, 10);
		if (n == 0 || (line = find_line(conf, n, &len)) == NULL)
			continue;
		mark = strstr(line, MARK_KNOWN);
		if (mark == NULL || mark >= line + len || line[0] == '#')
			continue;
		memset(line, ' ', len);
		line[0] = '#'; /* later complaints about the same line find it gone */
		dropped++;
	}
	return dropped;
}
