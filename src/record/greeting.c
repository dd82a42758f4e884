/* Pure. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "greeting.h"

#define LINE_BYTES 1024 /* of a line; RFC 5321 allows 512 */
#define LINES_MAX 8
#define VERSION_BYTES 24

enum protocol { SMTP = 1, IMAP = 2, POP3 = 4 };

/*
 * Default greetings, from the programs' own sources and configs, or from their manuals where
 * there is no source.  Programs that do not name themselves (qmail, Courier's and hMailServer's
 * SMTP, nginx as a mail proxy) cannot be told.
 */
static const struct program {
	const char *words; /* one space between; "*" is any word */
	uint8_t protocols;
	bool first; /* the text begins with it; else it follows the host's name */
	const char *name;
} programs[] = {
	{ "Postfix", SMTP, false, "Postfix" }, /* smtpd_banner */
	{ "Exim", SMTP, false, "Exim" }, /* smtp_banner */
	{ "Sendmail", SMTP, false, "Sendmail" }, /* SmtpGreetingMessage */
	{ "OpenSMTPD", SMTP, false, "OpenSMTPD" },
	{ "Haraka", SMTP, false, "Haraka" },
	{ "Stalwart ESMTP", SMTP, false, "Stalwart" },
	/* Exchange, and the SMTP service of Windows Server: the greeting is the same. */
	{ "Microsoft ESMTP MAIL Service", SMTP, false, "Microsoft ESMTP MAIL Service" },
	{ "The Microsoft Exchange IMAP4 service", IMAP, true, "Microsoft Exchange" },
	{ "The Microsoft Exchange POP3 service", POP3, true, "Microsoft Exchange" },
	{ "Dovecot ready", IMAP | POP3, true, "Dovecot" }, /* login_greeting */
	{ "Dovecot * ready", IMAP | POP3, true, "Dovecot" }, /* "(Debian)" */
	{ "Dovecot ready", SMTP, false, "Dovecot" }, /* its submission service */
	{ "Dovecot * ready", SMTP, false, "Dovecot" },
	{ "Courier-IMAP ready", IMAP, true, "Courier-IMAP" },
	{ "Cyrus IMAP", IMAP, false, "Cyrus" },
	{ "Cyrus IMAP4", IMAP, false, "Cyrus" }, /* up to 2.3 */
	{ "Cyrus POP3", POP3, false, "Cyrus" },
	{ "Zimbra IMAP4rev1", IMAP, false, "Zimbra" }, /* its SMTP is Postfix */
	{ "MDaemon", SMTP | IMAP | POP3, false, "MDaemon" },
	{ "MailEnable Service", SMTP, false, "MailEnable" },
	{ "Welcome to MailEnable", POP3, true, "MailEnable" },
	{ "Kerio Connect", SMTP, false, "Kerio Connect" },
	{ "Kerio Connect", IMAP | POP3, true, "Kerio Connect" },
	{ "Kerio MailServer", SMTP, false, "Kerio MailServer" },
	{ "IceWarp", SMTP, false, "IceWarp" },
	{ "Axigen ESMTP", SMTP, false, "Axigen" },
	{ "CommuniGate Pro", SMTP, false, "CommuniGate Pro" },
};

/* What may stand between the host's name and the program's. */
static const char *const protocol_words[] = { "ESMTP", "SMTP", "MSA", "IMAP4rev1", "IMAP4",
	"POP3" };

struct text {
	const char *s, *end;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct text
next_word(struct text *rest)
{
	struct text w;

	while (rest->s < rest->end && is_blank(*rest->s))
		rest->s++;
	w.s = rest->s;
	while (rest->s < rest->end && !is_blank(*rest->s))
		rest->s++;
	w.end = rest->s;
	return w;
}

static bool
word_is(struct text w, const char *s, size_t len)
{
	return (size_t)(w.end - w.s) == len && strncasecmp(w.s, s, len) == 0;
}

/*
 * Does the text go on with these words?  rest gets what follows them.  A word may end with a
 * mark, and the last one with "/" and a version.
 */
static bool
begins_with(struct text t, const char *words, struct text *rest)
{
	while (*words != '\0') {
		size_t len = strcspn(words, " ");
		bool last = words[len] == '\0';
		struct text w = next_word(&t);
		const char *end;

		if (w.s == w.end)
			return false;
		if (len != 1 || *words != '*') {
			if ((size_t)(w.end - w.s) < len || strncasecmp(w.s, words, len) != 0)
				return false;
			end = w.s + len;
			if (last && end < w.end && *end == '/')
				t.s = end + 1;
			else if (end < w.end &&
				 (memchr(".,;:", *end, 4) == NULL || end + 1 < w.end))
				return false;
		}
		words += len + !last;
	}
	*rest = t;
	return true;
}

/* "4.96", "(3.7.10)", "v2.4.17-Debian", ", Version: 10.30--": the digits with their dots. */
static void
find_version(struct text t, struct greeting *g)
{
	struct text at = t, w = next_word(&at);
	const char *s;
	size_t n = 0;

	if (word_is(w, "Version:", 8))
		w = next_word(&at);
	s = w.s;
	if (s < w.end && *s == '(')
		s++;
	if (s < w.end && *s == 'v')
		s++;
	while (s + n < w.end && (isdigit((unsigned char)s[n]) || (n > 0 && s[n] == '.')))
		n++;
	while (n > 0 && s[n - 1] == '.')
		n--;
	if (n <= VERSION_BYTES && memchr(s, '.', n) != NULL) {
		g->version = s;
		g->version_len = n;
	}
}

static bool
find_program(struct text t, enum protocol protocol, bool first, struct greeting *g)
{
	while (t.s < t.end && is_blank(*t.s))
		t.s++;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const struct program *p = &programs[i];
		struct text rest;

		/* Most rows end here. */
		if (t.s == t.end || ((p->words[0] ^ *t.s) & ~0x20) != 0)
			continue;
		if ((p->protocols & protocol) == 0 || p->first != first ||
		    !begins_with(t, p->words, &rest))
			continue;
		*g = (struct greeting){ p->name, NULL, 0 };
		find_version(rest, g);
		return true;
	}
	return false;
}

static bool
is_protocol(struct text w)
{
	for (size_t i = 0; i < sizeof(protocol_words) / sizeof(protocol_words[0]); i++) {
		if (word_is(w, protocol_words[i], strlen(protocol_words[i])))
			return true;
	}
	return false;
}

/* The program's name after that of the host. */
static bool
find_after_host(struct text t, enum protocol protocol, struct greeting *g)
{
	for (struct text next = t; is_protocol(next_word(&next));)
		t = next;
	return find_program(t, protocol, false, g);
}

/* The greeting's next line, without its end. */
static bool
next_line(struct text *rest, struct text *line)
{
	const char *end;

	if (rest->s == rest->end)
		return false;
	*line = *rest;
	for (size_t i = 0; i < 2; i++) {
		if ((end = memchr(line->s, "\n\r"[i], (size_t)(line->end - line->s))) != NULL)
			line->end = end;
	}
	rest->s = line->end;
	while (rest->s < rest->end && (*rest->s == '\r' || *rest->s == '\n'))
		rest->s++;
	if (line->end - line->s > LINE_BYTES)
		line->end = line->s; /* no greeting; and cut off, a word might become another */
	return true;
}

static bool
starts(struct text line, const char *s)
{
	size_t len = strlen(s);

	return (size_t)(line.end - line.s) >= len && memcmp(line.s, s, len) == 0;
}

/*
 * Of several lines the first that tells counts.  One that does not begin with the host's name
 * as the first does is a sentence.
 */
static bool
find_smtp(struct text line, struct text rest, struct greeting *g)
{
	struct text host = { NULL, NULL };

	for (int n = 0; n < LINES_MAX; n++) {
		struct text t = { line.s + 4, line.end }, w;

		if (!starts(line, "220 ") && !starts(line, "220-"))
			return false;
		w = next_word(&t);
		if (n == 0)
			host = w;
		if (word_is(w, host.s, (size_t)(host.end - host.s)) && find_after_host(t, SMTP, g))
			return true;
		if (!next_line(&rest, &line))
			return false;
	}
	return false;
}

static bool
find_mailbox(struct text t, enum protocol protocol, struct greeting *g)
{
	const char *bracket;

	if (t.s < t.end && *t.s == '[') { /* "[CAPABILITY IMAP4rev1 …]" */
		if ((bracket = memchr(t.s, ']', (size_t)(t.end - t.s))) == NULL)
			return false;
		t.s = bracket + 1;
	}
	if (find_program(t, protocol, true, g))
		return true;
	next_word(&t);
	return find_after_host(t, protocol, g);
}

bool
greeting_software(const char *s, size_t len, struct greeting *g)
{
	struct text rest = { s, s + len }, line;

	if (s == NULL || !next_line(&rest, &line))
		return false;
	if (starts(line, "220"))
		return find_smtp(line, rest, g);
	if (starts(line, "* OK "))
		return find_mailbox((struct text){ line.s + 5, line.end }, IMAP, g);
	if (starts(line, "+OK "))
		return find_mailbox((struct text){ line.s + 4, line.end }, POP3, g);
	return false;
}
