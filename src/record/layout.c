/* Pure. */
#include <stddef.h>

#include "layout.h"

const struct layout_ssh layout_ssh[NLAYOUTS] = {
	[LAYOUT_RAW] = { "key_exchange.server_host_key", "algorithm", "server_id.version",
	    "server_id.software", "algorithm_selection.dh_kex_algorithm" },
	[LAYOUT_V1] = { "key_exchange.server_host_key", "algorithm", "server_id.version",
	    "server_id.software", "algorithm_selection.dh_kex_algorithm" },
	[LAYOUT_CENSYS] = { "server_host_key", "key_algorithm", "banner.version", "banner.software",
	    "selected.kex_algorithm" },
};

const struct layout_tls layout_tls[NLAYOUTS] = {
	[LAYOUT_RAW] = { "server_certificates.certificate.parsed",
	    "server_certificates.validation.browser_trusted", "server_hello.cipher_suite.value",
	    "server_hello.version.name" },
	[LAYOUT_V1] = { "server_certificates.certificate.parsed",
	    "server_certificates.validation.browser_trusted", "server_hello.cipher_suite.value",
	    "server_hello.version.name" },
	[LAYOUT_CENSYS] = { "certificate.parsed", "validation.browser_trusted", "cipher_suite.id",
	    "version" },
};

const struct layout_row layout_rows[] = {
	{ LAYOUT_RAW, 22, "result", NULL },
	{ LAYOUT_RAW, 25, "result.tls.handshake_log", "result.banner" },
	{ LAYOUT_RAW, 110, "result.tls.handshake_log", NULL },
	{ LAYOUT_RAW, 143, "result.tls.handshake_log", NULL },
	{ LAYOUT_RAW, 443, "result.response.request.tls_log.handshake_log", NULL },
	{ LAYOUT_RAW, 587, "result.tls.handshake_log", NULL },
	{ LAYOUT_RAW, 993, "result.tls.handshake_log", NULL },
	{ LAYOUT_RAW, 465, "result.tls.handshake_log", NULL },
	{ LAYOUT_RAW, 995, "result.tls.handshake_log", NULL },
	{ LAYOUT_RAW, 0, "result.handshake_log", NULL }, /* zgrab2's tls module */

	{ LAYOUT_V1, 22, "xssh", NULL },
	{ LAYOUT_V1, 25, "tls", "banner" },
	{ LAYOUT_V1, 110, "tls", NULL },
	{ LAYOUT_V1, 143, "tls", NULL },
	{ LAYOUT_V1, 443, "http.response.request.tls_handshake", NULL },
	{ LAYOUT_V1, 587, "tls", NULL },
	{ LAYOUT_V1, 993, "tls", NULL },
	{ LAYOUT_V1, 465, "tls", NULL },
	{ LAYOUT_V1, 995, "tls", NULL },

	{ LAYOUT_CENSYS, 22, "ssh.v2", NULL },
	{ LAYOUT_CENSYS, 25, "smtp.starttls.tls", "smtp.starttls.banner" },
	{ LAYOUT_CENSYS, 110, "pop3.starttls.tls", NULL },
	{ LAYOUT_CENSYS, 143, "imap.starttls.tls", NULL },
	{ LAYOUT_CENSYS, 443, "https.tls", NULL },
	{ LAYOUT_CENSYS, 993, "imaps.tls.tls", NULL },
};

const unsigned layout_nrows = sizeof(layout_rows) / sizeof(layout_rows[0]);
