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
	    "server_certificates.certificate.raw", "server_certificates.validation.browser_trusted",
	    "server_hello.cipher_suite.value", "server_hello.version.name" },
	[LAYOUT_V1] = { "server_certificates.certificate.parsed",
	    "server_certificates.certificate.raw", "server_certificates.validation.browser_trusted",
	    "server_hello.cipher_suite.value", "server_hello.version.name" },
	[LAYOUT_CENSYS] = { "certificate.parsed", "certificate.raw", "validation.browser_trusted",
	    "cipher_suite.id", "version" },
};

static const struct layout_row raw[] = {
	{ 22, "result", NULL },
	{ 25, "result.tls.handshake_log", "result.banner" },
	{ 110, "result.tls.handshake_log", NULL },
	{ 143, "result.tls.handshake_log", NULL },
	{ 443, "result.response.request.tls_log.handshake_log", NULL },
	{ 587, "result.tls.handshake_log", NULL },
	{ 993, "result.tls.handshake_log", NULL },
	{ 465, "result.tls.handshake_log", NULL },
	{ 995, "result.tls.handshake_log", NULL },
	{ 0, "result.handshake_log", NULL }, /* zgrab2's tls module */
	{ 0, NULL, NULL },
};

static const struct layout_row v1[] = {
	{ 22, "xssh", NULL },
	{ 25, "tls", "banner" },
	{ 110, "tls", NULL },
	{ 143, "tls", NULL },
	{ 443, "http.response.request.tls_handshake", NULL },
	{ 587, "tls", NULL },
	{ 993, "tls", NULL },
	{ 465, "tls", NULL },
	{ 995, "tls", NULL },
	{ 0, NULL, NULL },
};

static const struct layout_row censys[] = {
	{ 22, "ssh.v2", NULL },
	{ 25, "smtp.starttls.tls", "smtp.starttls.banner" },
	{ 110, "pop3.starttls.tls", NULL },
	{ 143, "imap.starttls.tls", NULL },
	{ 443, "https.tls", NULL },
	{ 993, "imaps.tls.tls", NULL },
	{ 0, NULL, NULL },
};

const struct layout_row *const layout_rows[NLAYOUTS] = {
	[LAYOUT_RAW] = raw,
	[LAYOUT_V1] = v1,
	[LAYOUT_CENSYS] = censys,
};
