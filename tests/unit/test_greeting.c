#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "survey/mem.h"

#include "record/greeting.h"

/* "Exim 4.96", "Postfix", or "-"; whatever lies behind the greeting must not matter. */
static void
is(const char *greeting, size_t len, const char *expected)
{
	char *copy = xmalloc(len + 1), said[128] = "-";
	struct greeting g;

	memcpy(copy, greeting, len); /* a byte too many is the sanitizer's */
	if (greeting_software(copy, len, &g))
		snprintf(said, sizeof(said), "%s%s%.*s", g.name, g.version != NULL ? " " : "",
		    (int)g.version_len, g.version != NULL ? g.version : "");
	if (strcmp(said, expected) != 0)
		fail_msg("\"%.*s\" is %s instead of %s", (int)len, greeting, said, expected);
	free(copy);
}

struct sample {
	const char *greeting, *expected;
};

static void
all_are(const struct sample *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		is(v[i].greeting, strlen(v[i].greeting), v[i].expected);
}

#define ALL_ARE(v) all_are(v, sizeof(v) / sizeof((v)[0]))

static void
test_defaults(void **state)
{
	static const struct sample v[] = {
		{ "220 mx.example.ie ESMTP Postfix\r\n", "Postfix" },
		{ "220 mx.example.ie ESMTP Postfix (Debian/GNU)\r\n", "Postfix" },
		{ "220 mx.example.ie ESMTP Postfix (Ubuntu)\r\n", "Postfix" },
		{ "220 mx.example.ie ESMTP Postfix (3.7.10)\r\n", "Postfix 3.7.10" },
		{ "220-mx.example.ie ESMTP Postfix\r\n220 mx.example.ie ESMTP Postfix\r\n",
		    "Postfix" },
		{ "220 mx.example.ie ESMTP Exim 4.96 Tue, 16 Jun 2026 12:00:00 +0000\r\n",
		    "Exim 4.96" },
		{ "220-mx.example.ie ESMTP Exim 4.96.2 #2 Tue, 16 Jun 2026 12:00:00 +0000 \r\n"
		  "220-We do not authorize the use of this system to transport unsolicited, \r\n"
		  "220 and/or bulk e-mail.\r\n",
		    "Exim 4.96.2" },
		{ "220 mx.example.ie ESMTP Sendmail 8.17.1.9/8.17.1.9/Debian-2; Tue, 16 Jun "
		  "2026\r\n",
		    "Sendmail 8.17.1.9" },
		{ "220 mx.example.ie ESMTP Sendmail; Thu, 26 Jan 2023 23:00:46 +0900\r\n",
		    "Sendmail" },
		{ "220 mx.example.ie ESMTP OpenSMTPD\r\n", "OpenSMTPD" },
		{ "220 mx.example.ie ESMTP Haraka 2.8.8 ready\r\n", "Haraka 2.8.8" },
		{ "220 mx.example.ie ESMTP Haraka/3.0.3 ready\r\n", "Haraka 3.0.3" },
		{ "220 mx.example.ie Stalwart ESMTP at your service\r\n", "Stalwart" },
		{ "220 mx.example.ie Microsoft ESMTP MAIL Service ready at Tue, 7 Mar 2023 "
		  "13:32\r\n",
		    "Microsoft ESMTP MAIL Service" },
		{ "220 mx.example.ie Microsoft ESMTP MAIL Service, Version: 10.0.17763.1697 ready "
		  "at\r\n",
		    "Microsoft ESMTP MAIL Service 10.0.17763.1697" },
		{ "* OK The Microsoft Exchange IMAP4 service is ready. [SABFADEAUAA=]\r\n",
		    "Microsoft Exchange" },
		{ "+OK The Microsoft Exchange POP3 service is ready.\r\n", "Microsoft Exchange" },
		{ "* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN] Dovecot (Debian) "
		  "ready.\r\n",
		    "Dovecot" },
		{ "* OK Dovecot ready.\r\n", "Dovecot" },
		{ "+OK Dovecot DA ready.\r\n", "Dovecot" },
		{ "+OK Dovecot ready. <4a.1.5f.Xy@mx.example.ie>\r\n", "Dovecot" },
		{ "220 mx.example.ie Dovecot (Debian) ready.\r\n", "Dovecot" },
		{ "* OK [CAPABILITY IMAP4rev1 UIDPLUS] Courier-IMAP ready. Copyright 1998-2019 "
		  "Double\r\n",
		    "Courier-IMAP" },
		{ "* OK [CAPABILITY IMAP4rev1 ID] mx.example.ie Cyrus IMAP 3.6.1-Debian-3.6.1-4 "
		  "server "
		  "ready\r\n",
		    "Cyrus 3.6.1" },
		{ "* OK mx Cyrus IMAP4 v2.2.13-Debian-2.2.13 server ready\r\n", "Cyrus 2.2.13" },
		{ "+OK mx.example.ie Cyrus POP3 v2.4.17 server ready <1.2@mx.example.ie>\r\n",
		    "Cyrus 2.4.17" },
		{ "* OK mx.example.ie Zimbra IMAP4rev1 server ready\r\n", "Zimbra" },
		{ "220 mx.example.ie ESMTP MDaemon 20.0.1; Tue, 16 Jun 2026\r\n",
		    "MDaemon 20.0.1" },
		{ "220 mx.example.ie ESMTP MSA MDaemon 20.0.1; Tue, 16 Jun 2026\r\n",
		    "MDaemon 20.0.1" },
		{ "* OK mx.example.ie IMAP4rev1 MDaemon 20.0.3 ready\r\n", "MDaemon 20.0.3" },
		{ "220 mx.example.ie ESMTP MailEnable Service, Version: 10.30-- ready at "
		  "03/01/26\r\n",
		    "MailEnable 10.30" },
		{ "+OK Welcome to MailEnable POP3 Server\r\n", "MailEnable" },
		{ "220 mx.example.ie Kerio Connect 9.2.1 ESMTP ready\r\n", "Kerio Connect 9.2.1" },
		{ "* OK Kerio Connect 8.0.2 IMAP4rev1 server ready\r\n", "Kerio Connect 8.0.2" },
		{ "220 mx.example.ie ESMTP IceWarp 11.4.6.0 x64; Tue, 22 May 2018\r\n",
		    "IceWarp 11.4.6.0" },
		{ "220 mx Axigen ESMTP ready\r\n", "Axigen" },
		{ "220 mx.example.ie ESMTP CommuniGate Pro 6.2.5\r\n", "CommuniGate Pro 6.2.5" },
		/* Case does not matter, the end of the line neither. */
		{ "220 mx.example.ie esmtp POSTFIX", "Postfix" },
		{ "220 mx.example.ie  ESMTP\tPostfix \n", "Postfix" },
	};

	(void)state;
	ALL_ARE(v);
}

static void
test_unknown(void **state)
{
	static const struct sample v[] = {
		/* A host's name is no program's. */
		{ "220 postfix.example.ie ESMTP\r\n", "-" },
		{ "220 Postfix ESMTP\r\n", "-" },
		{ "220 Postfix\r\n", "-" },
		{ "220-exim ESMTP\r\n220 exim ESMTP\r\n", "-" },
		{ "* OK dovecot.example.ie IMAP4rev1 ready\r\n", "-" },
		{ "* OK Dovecot IMAP4rev1 server ready\r\n", "-" },
		{ "* OK cyrus IMAP server ready\r\n", "-" },
		{ "+OK dovecot.ready POP3\r\n", "-" },
		/* Nor is a part of a word. */
		{ "220 mx.example.ie ESMTP Postfixed\r\n", "-" },
		{ "220 mx.example.ie ESMTP Postfix-like\r\n", "-" },
		{ "220 mx.example.ie ESMTP Postfix.example.ie\r\n", "-" },
		{ "220 mx.example.ie ESMTP Postfix..\r\n", "-" },
		{ "220 mx.example.ie ESMTP NoExim 4.96\r\n", "-" },
		/* What somebody writes there. */
		{ "220 mx.example.ie ESMTP this is not Postfix\r\n", "-" },
		{ "220 mx.example.ie ESMTP Postcow\r\n", "-" },
		{ "220 mx.example.ie ESMTP ready\r\n", "-" },
		{ "220-mx.example.ie ESMTP\r\n220-Welcome to Postfix\r\n220 Dear Exim 4.96\r\n",
		    "-" },
		{ "* OK IMAP4 ready\r\n", "-" },
		{ "* OK [CAPABILITY IMAP4rev1 Dovecot ready.\r\n", "-" },
		{ "* OK [Dovecot ready.]\r\n", "-" },
		{ "* BYE Dovecot ready.\r\n", "-" },
		{ "+OK POP3 ready\r\n", "-" },
		{ "+OK\r\n", "-" },
		{ "-ERR Dovecot ready.\r\n", "-" },
		/* A program's line in another protocol; other codes; nothing. */
		{ "+OK mx.example.ie ESMTP Postfix\r\n", "-" },
		{ "220 mx.example.ie Cyrus IMAP 3.6.1 server ready\r\n", "-" },
		{ "554 mx.example.ie ESMTP Postfix\r\n", "-" },
		{ "2200 mx.example.ie ESMTP Postfix\r\n", "-" },
		{ "220mx.example.ie ESMTP Postfix\r\n", "-" },
		{ "220\r\n", "-" },
		{ "220 \r\n", "-" },
		{ "220- \r\n220- Postfix\r\n", "-" },
		{ "\r\n220 mx.example.ie ESMTP Postfix\r\n", "-" },
		{ " 220 mx.example.ie ESMTP Postfix\r\n", "-" },
		{ "", "-" },
		/* The greeting of an EHLO, which is another answer. */
		{ "250-mx.example.ie\r\n250-STARTTLS\r\n250 Postfix\r\n", "-" },
	};
	struct greeting g;

	(void)state;
	ALL_ARE(v);
	assert_false(greeting_software(NULL, 0, &g));
}

static void
test_hostile(void **state)
{
	static const struct sample v[] = {
		/* A version is digits with dots, and no more of it than that. */
		{ "220 mx ESMTP Exim 4.96<script>\r\n", "Exim 4.96" },
		{ "220 mx ESMTP Exim <script>4.96\r\n", "Exim" },
		{ "220 mx ESMTP Exim 4\r\n", "Exim" },
		{ "220 mx ESMTP Exim ....\r\n", "Exim" },
		{ "220 mx ESMTP Exim 4..\r\n", "Exim" },
		{ "220 mx ESMTP Exim 2026\r\n", "Exim" },
		{ "220 mx ESMTP Exim 1.1111111111111111111111111111111111111111\r\n", "Exim" },
		{ "220 mx ESMTP Postfix (\r\n", "Postfix" },
		/* Lines end where they end. */
		{ "220 mx ESMTP\r\nPostfix\r\n", "-" },
		{ "220 mx ESMTP\rPostfix\r\n", "-" },
		{ "220 mx ESMTP\n220 nx ESMTP Postfix\r\n", "-" },
		{ "220 mx ESMTP Exim\r\n4.96\r\n", "Exim" },
		{ "220 mx\r\nBcc: evil@example.net\r\n220 mx ESMTP Postfix", "-" },
		{ "220 mx ESMTP\vPostfix\r\n", "-" },
		{ "220 mx ESMTP \x1b[31mPostfix\r\n", "-" },
		{ "220 mx ESMTP Postfix\x1b[31m\r\n", "-" },
		/* What is no UTF-8, and what only looks like a name. */
		{ "220 mx ESMTP \xff\xfePostfix\r\n", "-" },
		{ "220 \xff\xc0 ESMTP Postfix\r\n", "Postfix" },
		{ "220 mx ESMTP P\xd0\xbestfix\r\n", "-" },
		{ "220 mx ESMTP Exim 4.9\xd9\xa6\r\n", "Exim 4.9" },
		/* The name of the host is repeated where a program's line is. */
		{ "220-mx ESMTP\r\n220-nx ESMTP Exim 4.96\r\n220 mx ESMTP Postfix\r\n", "Postfix" },
		{ "220-mx\r\n220-mx\r\n220-mx\r\n220-mx\r\n220-mx\r\n220-mx\r\n220-mx\r\n220-mx\r\n"
		  "220 mx ESMTP Postfix\r\n",
		    "-" },
	};
	static const char nul[] = "220 mx ESMTP\0 Postfix\r\n",
			  after[] = "220 mx ESMTP Postfix\0\r\n";
	static const char start[] = "220 mx ESMTP ", end[] = "Postfix\r\n";
	size_t len = 1 << 20;
	char *s = xmalloc(len + sizeof(end));

	(void)state;
	ALL_ARE(v);
	is(nul, sizeof(nul) - 1, "-");
	is(after, sizeof(after) - 1, "-");
	/* A line that is too long is none, wherever it would be cut. */
	memset(s, ' ', len);
	memcpy(s, start, sizeof(start) - 1);
	for (size_t at = 1000; at < 1030; at++) {
		memcpy(s + at, end, sizeof(end) - 1);
		is(s, at + sizeof(end) - 1, at + 7 <= 1024 ? "Postfix" : "-");
		memcpy(s + at, "Postfixed", 9);
		is(s, at + 9, "-");
		memset(s + at, ' ', 9);
	}
	memcpy(s + len, end, sizeof(end));
	is(s, len + sizeof(end) - 1, "-");
	memset(s, 'x', len);
	is(s, len, "-");
	memcpy(s, "220-", 4);
	is(s, len, "-");
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
