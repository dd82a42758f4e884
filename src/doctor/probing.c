/*
 * Who probes, for whoever wonders (RFC 9511): a file at a well-known place of the
 * scanning address's own site, in the form of security.txt (RFC 9116).
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/doctor.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/outside.h"
#include "survey/rfc3339.h"

#include "doctor.h"

#define PLACE "/.well-known/probing.txt"
#define VALID_DAYS 180
#define FETCH_S 10
#define FETCH_MAX (64 << 10) /* bytes of a page */

/* The first URL in the user agent, which has one: its start, and its length in *len. */
static const char *
contact_in(const char *agent, size_t *len)
{
	const char *p = strstr(agent, "http");

	while (p != NULL && strncmp(p, "http://", 7) != 0 && strncmp(p, "https://", 8) != 0)
		p = strstr(p + 1, "http");
	if (p != NULL)
		*len = strcspn(p, " ()<>;,");
	return p;
}

int
doctor_probing_txt(const char *config_path)
{
	struct config *c = config_read(config_path);
	const char *contact;
	char when[TIME_SIZE];
	struct buf b;
	size_t len, n;

	if (c == NULL)
		return EXIT_USAGE;
	if ((contact = contact_in(c->grab.user_agent, &len)) == NULL ||
	    config_placeholder(c, &n) != NULL) {
		log_error("grab.user_agent: name a page of yours, as in \"survey "
			  "(+https://survey.example.ie/)\"");
		config_free(c);
		return EXIT_USAGE;
	}
	buf_init(&b);
	if (c->grab.ehlo[0] != '\0' && c->grab.ehlo[0] != '[')
		buf_printf(&b, "Canonical: https://%s" PLACE "\n", c->grab.ehlo);
	buf_printf(&b, "Contact: %.*s\n", (int)len, contact);
	buf_printf(
	    &b, "Expires: %s\n", time_format(time(NULL) + (time_t)VALID_DAYS * 24 * 60 * 60, when));
	buf_adds(&b, "Preferred-Languages: en\n");
	buf_printf(&b,
	    "Description: A survey of the public keys of mail hosts. One TCP SYN to port %ld of "
	    "each "
	    "address, %ld a second in all; hosts that answer are asked once for their greeting and "
	    "their SSH or TLS keys on ports",
	    c->scan.port, c->scan.rate_pps);
	for (int row = 0, first = 1; row < NPORTS; row++) {
		if (!c->grab.port[row])
			continue;
		buf_printf(&b, "%s %u", first ? "" : ",", port_table[row].port);
		first = 0;
	}
	buf_adds(&b, ". Nobody logs in, nothing is changed. Write to be left alone.\n");
	fwrite(b.data, 1, b.len, stdout);
	buf_fini(&b);
	config_free(c);
	return command_flush("doctor", 0) == -1 ? EXIT_FAILED : EXIT_COMPLETE;
}

/* A connection that waits at most FETCH_S for each step; -1 with errno set. */
static int
connect_to(const struct ip *ip)
{
	const struct timeval limit = { .tv_sec = FETCH_S };
	int fd = outside_connect(NULL, SOCK_STREAM, ip, 443), flags;

	if (fd == -1)
		return -1;
	if ((flags = fcntl(fd, F_GETFL)) == -1 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Fetch the page from a site that proves its name.  False, and *why, which the caller frees, when it cannot be had. */
static bool
fetch(const struct ip *ip, const char *name, struct buf *page, char **why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *tls = ctx != NULL ? SSL_new(ctx) : NULL;
	int fd = connect_to(ip), n = 0;
	char part[4096], *request = xasprintf("GET " PLACE " HTTP/1.0\r\nHost: %s\r\n"
					      "User-Agent: survey\r\nConnection: close\r\n\r\n",
			     name);
	bool ok = false;

	*why = NULL;
	if (fd == -1 || tls == NULL) {
		*why = xstrdup(strerror(errno));
		goto out;
	}
	SSL_CTX_set_default_verify_paths(ctx);
	SSL_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_set_tlsext_host_name(tls, name);
	if (SSL_set1_host(tls, name) != 1 || SSL_set_fd(tls, fd) != 1 || SSL_connect(tls) != 1) {
		long verdict = SSL_get_verify_result(tls);
		const char *reason = ERR_reason_error_string(ERR_peek_error());

		*why = xstrdup(verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
			       : reason != NULL	    ? reason
						    : "no answer");
		goto out;
	}
	if (SSL_write(tls, request, (int)strlen(request)) > 0) {
		while (page->len < FETCH_MAX && (n = SSL_read(tls, part, sizeof(part))) > 0)
			buf_add(page, part, (size_t)n);
	}
	buf_adds(page, "");
	ok = page->len > 0;
	if (!ok)
		*why = xstrdup("no answer");
out:
	free(request);
	SSL_free(tls);
	SSL_CTX_free(ctx);
	if (fd != -1)
		close(fd);
	return ok;
}

/* The value of a field of the page's body, or NULL; *len is its length. */
static const char *
field(const char *body, const char *name, size_t *len)
{
	size_t n = strlen(name);

	for (const char *line = body; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');

		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			line += n + 1 + strspn(line + n + 1, " \t");
			*len = strcspn(line, "\r\n");
			return line;
		}
		line = end != NULL ? end + 1 : NULL;
	}
	return NULL;
}

/* What is wrong with the answer, or NULL. */
static const char *
fault_of(const char *answer, time_t now)
{
	const char *body = strstr(answer, "\r\n\r\n"), *expires;
	size_t len;
	int64_t t;

	if (strncmp(answer, "HTTP/", 5) != 0 || strlen(answer) < 12 ||
	    strncmp(answer + 8, " 200", 4) != 0 || body == NULL)
		return "the site does not have it";
	body += 4;
	if (field(body, "Contact", &len) == NULL || len == 0)
		return "it has no Contact";
	if ((expires = field(body, "Expires", &len)) == NULL)
		return "it has no Expires";
	if ((t = time_parse(expires, len)) == TIME_UNKNOWN || t < now)
		return "it has expired";
	return NULL;
}

void
doctor_probing(struct doctor *d, const char *name, const struct ip *ip)
{
	static const char mend[] = "survey doctor --probing-txt prints one for this config";
	size_t len = strlen(name);
	char *host = xstrndup(name, len > 0 && name[len - 1] == '.' ? len - 1 : len), *why;
	const char *fault;
	struct buf page;

	buf_init(&page);
	if (!fetch(ip, host, &page, &why))
		doctor_say(
		    d, FINDING_WARN, "probing.txt", mend, "https://%s" PLACE ": %s", host, why);
	else if ((fault = fault_of(page.data, time(NULL))) != NULL)
		doctor_say(
		    d, FINDING_WARN, "probing.txt", mend, "https://%s" PLACE ": %s", host, fault);
	else
		doctor_say(d, FINDING_OK, "probing.txt", NULL, "https://%s" PLACE, host);
	free(why);
	free(host);
	buf_fini(&page);
}
