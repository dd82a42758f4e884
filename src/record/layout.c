#include <stddef.h>

#include "layout.h"

#define PATH0                     \
	(const struct simd_key[]) \
	{                         \
		{                 \
			NULL, 0   \
		}                 \
	}
#define PATH1(a)                  \
	(const struct simd_key[]) \
	{                         \
		SIMD_KEY(a),      \
		{                 \
			NULL, 0   \
		}                 \
	}
#define PATH2(a, b)                       \
	(const struct simd_key[])         \
	{                                 \
		SIMD_KEY(a), SIMD_KEY(b), \
		{                         \
			NULL, 0           \
		}                         \
	}
#define PATH3(a, b, c)                                 \
	(const struct simd_key[])                      \
	{                                              \
		SIMD_KEY(a), SIMD_KEY(b), SIMD_KEY(c), \
		{                                      \
			NULL, 0                        \
		}                                      \
	}

#define SERVER PATH2("headers", "server")
#define VALIDITY .validity = SIMD_KEY("validity"), .start = "start", .end = "end"
#define ZGRAB_TLS                                                                         \
	{                                                                                 \
		.leaf = PATH3("server_certificates", "certificate", "parsed"),            \
		.raw = PATH3("server_certificates", "certificate", "raw"),                \
		.key = SIMD_KEY("subject_key_info"), .sans = SIMD_KEY("extensions"),      \
		.digest = SIMD_KEY("fingerprint_sha256"), VALIDITY,                       \
		.trusted = PATH3("server_certificates", "validation", "browser_trusted"), \
		.cipher = PATH3("server_hello", "cipher_suite", "value"),                 \
		.version = PATH3("server_hello", "version", "name"),                      \
	}
#define ZGRAB_SSH                                                                   \
	{                                                                           \
		.key = PATH2("key_exchange", "server_host_key"), .algorithm = true, \
		.version = PATH2("server_id", "version"),                           \
		.software = PATH2("server_id", "software"),                         \
		.kex = PATH2("algorithm_selection", "dh_kex_algorithm"),            \
		.offered = PATH2("server_key_exchange", "host_key_algorithms"),     \
	}

#define SERVICE_SSH                                                          \
	{                                                                    \
		.key = PATH1("server_host_key"),                             \
		.version = PATH2("endpoint_id", "protocol_version"),         \
		.software = PATH2("endpoint_id", "software_version"),        \
		.kex = PATH2("algorithm_selection", "kex_algorithm"),        \
		.offered = PATH2("kex_init_message", "host_key_algorithms"), \
	}

const struct layout_ssh layout_ssh[NLAYOUTS] = {
	[LAYOUT_RAW] = ZGRAB_SSH,
	[LAYOUT_V1] = ZGRAB_SSH,
	[LAYOUT_CENSYS] = { .key = PATH1("server_host_key"),
	    .algorithm = true,
	    .version = PATH2("banner", "version"),
	    .software = PATH2("banner", "software"),
	    .kex = PATH2("selected", "kex_algorithm"),
	    .offered = PATH2("support", "host_key_algorithms") },
	[LAYOUT_SERVICES] = SERVICE_SSH,
	[LAYOUT_PLATFORM] = SERVICE_SSH,
};

const struct layout_tls layout_tls[NLAYOUTS] = {
	[LAYOUT_RAW] = ZGRAB_TLS,
	[LAYOUT_V1] = ZGRAB_TLS,
	[LAYOUT_CENSYS] = { .leaf = PATH2("certificate", "parsed"),
	    .raw = PATH2("certificate", "raw"),
	    .key = SIMD_KEY("subject_key_info"),
	    .sans = SIMD_KEY("extensions"),
	    .digest = SIMD_KEY("fingerprint_sha256"),
	    VALIDITY,
	    .trusted = PATH2("validation", "browser_trusted"),
	    .cipher = PATH2("cipher_suite", "id"),
	    .version = PATH1("version") },
	[LAYOUT_SERVICES] = { .leaf = PATH2("certificates", "leaf_data"),
	    .key = SIMD_KEY("public_key"),
	    .sans = SIMD_KEY("names"),
	    .digest = SIMD_KEY("fingerprint"),
	    VALIDITY,
	    .version = PATH1("version_selected") },
	[LAYOUT_PLATFORM] = { .leaf = PATH2("cert", "parsed"),
	    .key = SIMD_KEY("subject_key_info"),
	    .sans = SIMD_KEY("extensions"),
	    .digest = SIMD_KEY("fingerprint_sha256"),
	    .digest_at = PATH2("cert", "fingerprint_sha256"),
	    .validity = SIMD_KEY("validity_period"),
	    .start = "not_before",
	    .end = "not_after",
	    .version = PATH2("tls", "version_selected") },
};

/* zgrab2 1.0: a mail port's grab. */
#define RAW_MAIL(number)                                                         \
	{                                                                        \
		.port = number, .from = PATH3("result", "tls", "handshake_log"), \
		.banner = PATH2("result", "banner"),                             \
	}

static const struct layout_row raw[] = {
	{ .port = 22, .from = PATH1("result") },
	RAW_MAIL(25),
	RAW_MAIL(110),
	RAW_MAIL(143),
	{ .port = 443,
	    .from = PATH2("result", "response"),
	    .chain = PATH2("result", "redirect_response_chain"),
	    .root = PATH3("request", "tls_log", "handshake_log"),
	    .server = SERVER },
	RAW_MAIL(587),
	RAW_MAIL(993),
	RAW_MAIL(465),
	RAW_MAIL(995),
	{ .port = 0, .from = PATH2("result", "handshake_log") }, /* zgrab2's tls module */
	{ .from = NULL },
};

#define V1_MAIL(number)                                                          \
	{                                                                        \
		.port = number, .from = PATH1("tls"), .banner = PATH1("banner"), \
	}

static const struct layout_row v1[] = {
	{ .port = 22, .from = PATH1("xssh") },
	V1_MAIL(25),
	V1_MAIL(110),
	V1_MAIL(143),
	{ .port = 443,
	    .from = PATH2("http", "response"),
	    .chain = PATH2("http", "redirect_response_chain"),
	    .root = PATH2("request", "tls_handshake"),
	    .server = SERVER },
	V1_MAIL(587),
	V1_MAIL(993),
	V1_MAIL(465),
	V1_MAIL(995),
	{ .from = NULL },
};

static const struct layout_row censys[] = {
	{ .port = 22, .from = PATH2("ssh", "v2") },
	{ .port = 25,
	    .from = PATH3("smtp", "starttls", "tls"),
	    .banner = PATH3("smtp", "starttls", "banner") },
	{ .port = 110,
	    .from = PATH3("pop3", "starttls", "tls"),
	    .banner = PATH3("pop3", "starttls", "banner") },
	{ .port = 143,
	    .from = PATH3("imap", "starttls", "tls"),
	    .banner = PATH3("imap", "starttls", "banner") },
	{ .port = 443, .from = PATH2("https", "tls") },
	{ .port = 587,
	    .from = PATH3("smtp", "starttls", "tls"),
	    .banner = PATH3("smtp", "starttls", "banner") },
	{ .port = 993,
	    .from = PATH3("imaps", "tls", "tls"),
	    .banner = PATH3("imaps", "tls", "banner") },
	{ .port = 465,
	    .from = PATH3("smtp", "tls", "tls"),
	    .banner = PATH3("smtp", "tls", "banner") },
	{ .port = 995,
	    .from = PATH3("pop3s", "tls", "tls"),
	    .banner = PATH3("pop3s", "tls", "banner") },
	{ .port = 995, .from = PATH2("pop3s", "tls") },
	{ .from = NULL },
};

static const struct layout_row services[] = {
	{ .port = 22, .from = PATH1("ssh") },
	{ .port = 25, .from = PATH1("tls"), .banner = PATH2("smtp", "banner") },
	{ .port = 0, .from = PATH1("tls"), .banner = PATH1("banner") },
	{ .from = NULL },
};

static const struct layout_row platform[] = {
	{ .port = 22, .from = PATH1("ssh") },
	{ .port = 25, .from = PATH0, .banner = PATH1("banner") },
	{ .port = 0, .from = PATH0, .banner = PATH1("banner") },
	{ .from = NULL },
};

const struct layout_row *const layout_rows[NLAYOUTS] = {
	[LAYOUT_RAW] = raw,
	[LAYOUT_V1] = v1,
	[LAYOUT_CENSYS] = censys,
	[LAYOUT_SERVICES] = services,
	[LAYOUT_PLATFORM] = platform,
};
