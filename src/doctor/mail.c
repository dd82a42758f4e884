/* Can mail servers be reached from here? */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "survey/mem.h"

#include "doctor.h"

#define PROBE_TIMEOUT_MS 10000

/* Connect and read the greeting; returns a text for the line, "" when there is none. */
static int
greeting(const struct addrinfo *ai, char *line, size_t size)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err = 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(err);
	ssize_t n;

	line[0] = '\0';
	if (fd == -1)
		return -1;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == -1 && errno != EINPROGRESS)
		goto fail;
	if (poll(&p, 1, PROBE_TIMEOUT_MS) != 1) {
		errno = ETIMEDOUT;
		goto fail;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1 || err != 0) {
		errno = err;
		goto fail;
	}
	p.events = POLLIN;
	if (poll(&p, 1, PROBE_TIMEOUT_MS) == 1 && (n = recv(fd, line, size - 1, 0)) > 0) {
		line[n] = '\0';
		line[strcspn(line, "\r\n")] = '\0';
	}
	close(fd);
	return 0;
fail:
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* Ask one for its greeting and say what came of it.  Returns whether anything answered. */
static bool
ask(struct doctor *d, const char *what, const char *host, const char *port, const char *key)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	bool mail = strcmp(port, "25") == 0 || strcmp(what, "port 25") == 0, answered = false;
	char line[200];
	int rc;

	if ((rc = getaddrinfo(host, port, &hints, &list)) != 0) {
		doctor_say(d, FINDING_FAIL, what, key, "%s: %s", host, gai_strerror(rc));
		return false;
	}
	if (greeting(list, line, sizeof(line)) == -1) {
		doctor_say(d, FINDING_FAIL, what,
		    "many providers block it: ask yours, or scan from elsewhere",
		    "outgoing: %s port %s: %m", host, port);
	} else if (mail && strncmp(line, "220", 3) != 0) {
		answered = line[0] != '\0';
		doctor_say(d, FINDING_WARN, what, "does something on the way intercept it?",
		    "outgoing: %s answers \"%s\"", host, line);
	} else {
		answered = line[0] != '\0';
		doctor_say(d, answered ? FINDING_OK : FINDING_WARN, what,
		    "a canary must greet whoever connects", "outgoing: %s says \"%s\"", host, line);
	}
	freeaddrinfo(list);
	return answered;
}

static void
ask_probe(struct doctor *d, const char *probe)
{
	size_t len = strcspn(probe, "#");
	char *host = xstrndup(probe, len);

	ask(d, "port 25", host, probe[len] == '#' ? probe + len + 1 : "25",
	    "see doctor.smtp_probe");
	free(host);
}

void
doctor_mail(struct doctor *d)
{
	const struct config *c = d->c;
	char port[16];

	snprintf(port, sizeof(port), "%ld", c->scan.port);
	if (c->doctor.smtp_probe[0] != '\0')
		ask_probe(d, c->doctor.smtp_probe);
	for (size_t i = 0; i < c->scan.canaries.n; i++)
		ask(d, "canary", c->scan.canaries.v[i], port, "see scan.canaries");
	if (c->doctor.smtp_probe[0] == '\0' && c->scan.canaries.n == 0)
		doctor_say(d, FINDING_WARN, "port 25",
		    "set scan.canaries to listeners of your own, which a run watches, too; or "
		    "doctor.smtp_probe",
		    "outgoing: not checked");
}
