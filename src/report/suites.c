/* Pure.  Source: IANA, "TLS Cipher Suites"; RFC 7465 (RC4), RFC 9155 and NIST SP 800-131A (3DES). */
#include <stddef.h>
#include <string.h>

#include "suites.h"

static const struct {
	uint16_t number;
	const char *name;
} suites[] = {
	{ 0x0001, "RSA_WITH_NULL_MD5" },
	{ 0x0002, "RSA_WITH_NULL_SHA" },
	{ 0x0003, "RSA_EXPORT_WITH_RC4_40_MD5" },
	{ 0x0004, "RSA_WITH_RC4_128_MD5" },
	{ 0x0005, "RSA_WITH_RC4_128_SHA" },
	{ 0x0006, "RSA_EXPORT_WITH_RC2_CBC_40_MD5" },
	{ 0x0007, "RSA_WITH_IDEA_CBC_SHA" },
	{ 0x0008, "RSA_EXPORT_WITH_DES40_CBC_SHA" },
	{ 0x0009, "RSA_WITH_DES_CBC_SHA" },
	{ 0x000a, "RSA_WITH_3DES_EDE_CBC_SHA" },
	{ 0x0014, "DHE_RSA_EXPORT_WITH_DES40_CBC_SHA" },
	{ 0x0015, "DHE_RSA_WITH_DES_CBC_SHA" },
	{ 0x0016, "DHE_RSA_WITH_3DES_EDE_CBC_SHA" },
	{ 0x0018, "DH_anon_WITH_RC4_128_MD5" },
	{ 0x001b, "DH_anon_WITH_3DES_EDE_CBC_SHA" },
	{ 0x002f, "RSA_WITH_AES_128_CBC_SHA" },
	{ 0x0033, "DHE_RSA_WITH_AES_128_CBC_SHA" },
	{ 0x0034, "DH_anon_WITH_AES_128_CBC_SHA" },
	{ 0x0035, "RSA_WITH_AES_256_CBC_SHA" },
	{ 0x0039, "DHE_RSA_WITH_AES_256_CBC_SHA" },
	{ 0x003a, "DH_anon_WITH_AES_256_CBC_SHA" },
	{ 0x003b, "RSA_WITH_NULL_SHA256" },
	{ 0x003c, "RSA_WITH_AES_128_CBC_SHA256" },
	{ 0x003d, "RSA_WITH_AES_256_CBC_SHA256" },
	{ 0x0041, "RSA_WITH_CAMELLIA_128_CBC_SHA" },
	{ 0x0045, "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA" },
	{ 0x0067, "DHE_RSA_WITH_AES_128_CBC_SHA256" },
	{ 0x006b, "DHE_RSA_WITH_AES_256_CBC_SHA256" },
	{ 0x0084, "RSA_WITH_CAMELLIA_256_CBC_SHA" },
	{ 0x0088, "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA" },
	{ 0x009c, "RSA_WITH_AES_128_GCM_SHA256" },
	{ 0x009d, "RSA_WITH_AES_256_GCM_SHA384" },
	{ 0x009e, "DHE_RSA_WITH_AES_128_GCM_SHA256" },
	{ 0x009f, "DHE_RSA_WITH_AES_256_GCM_SHA384" },
	{ 0x1301, "AES_128_GCM_SHA256" },
	{ 0x1302, "AES_256_GCM_SHA384" },
	{ 0x1303, "CHACHA20_POLY1305_SHA256" },
	{ 0xc007, "ECDHE_ECDSA_WITH_RC4_128_SHA" },
	{ 0xc008, "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA" },
	{ 0xc009, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA" },
	{ 0xc00a, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA" },
	{ 0xc010, "ECDHE_RSA_WITH_NULL_SHA" },
	{ 0xc011, "ECDHE_RSA_WITH_RC4_128_SHA" },
	{ 0xc012, "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA" },
	{ 0xc013, "ECDHE_RSA_WITH_AES_128_CBC_SHA" },
	{ 0xc014, "ECDHE_RSA_WITH_AES_256_CBC_SHA" },
	{ 0xc018, "ECDH_anon_WITH_AES_128_CBC_SHA" },
	{ 0xc019, "ECDH_anon_WITH_AES_256_CBC_SHA" },
	{ 0xc023, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256" },
	{ 0xc024, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384" },
	{ 0xc027, "ECDHE_RSA_WITH_AES_128_CBC_SHA256" },
	{ 0xc028, "ECDHE_RSA_WITH_AES_256_CBC_SHA384" },
	{ 0xc02b, "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
	{ 0xc02c, "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" },
	{ 0xc02f, "ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
	{ 0xc030, "ECDHE_RSA_WITH_AES_256_GCM_SHA384" },
	{ 0xc076, "ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256" },
	{ 0xc077, "ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384" },
	{ 0xcca8, "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" },
	{ 0xcca9, "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" },
	{ 0xccaa, "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256" },
};

/* The first part of a name that tells a weakness, the worst first. */
static const struct {
	const char *part, *weakness;
} weaknesses[] = {
	{ "EXPORT", "export" },
	{ "_NULL_", "NULL" },
	{ "anon", "anonymous" },
	{ "RC4", "RC4" },
	{ "3DES", "3DES" },
	{ "DES", "single DES" },
	{ "IDEA", "64-bit block" },
};

const char *
suite_name(uint16_t number)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		if (suites[i].number == number)
			return suites[i].name;
	}
	return NULL;
}

const char *
suite_weakness(uint16_t number)
{
	const char *name = suite_name(number);

	if (name == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(weaknesses) / sizeof(weaknesses[0]); i++) {
		if (strstr(name, weaknesses[i].part) != NULL)
			return weaknesses[i].weakness;
	}
	return strncmp(name, "RSA_", 4) == 0 ? "no forward secrecy" : NULL;
}
