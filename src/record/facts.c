#include <stdio.h>
#include <string.h>

#include "survey/mem.h"

#include "facts.h"

/* A copy of a string that is usable as a fact: printable, not too long; else NULL. */
const char *
fact_text(const struct facts *f, struct simd_node n)
{
	struct simd_text t = simd_string(n);

	if (t.s == NULL) {
		f->counts->note[NOTE_BAD_FACT] += simd_type(n) > SIMD_NULL;
		return NULL;
	}
	for (size_t i = 0; i < t.len; i++) {
		if ((unsigned char)t.s[i] < 0x20 || t.s[i] == 0x7f) {
			f->counts->note[NOTE_BAD_FACT]++;
			return NULL;
		}
	}
	if (t.len == 0)
		return NULL;
	if (t.len > HOST_NAME_BYTES) {
		f->counts->note[NOTE_BAD_FACT]++;
		return NULL;
	}
	return arena_strndup(f->a, t.s, t.len);
}

uint8_t
fact_bool(const struct facts *f, struct simd_node n)
{
	bool v;

	if (simd_bool(n, &v))
		return v ? FACT_YES : FACT_NO;
	f->counts->note[NOTE_BAD_FACT] += simd_type(n) > SIMD_NULL;
	return FACT_UNKNOWN;
}

int32_t
fact_number(const struct facts *f, struct simd_node n, int64_t max)
{
	int64_t v;

	if (simd_int(n, &v) && v >= 0 && v <= max)
		return (int32_t)v;
	f->counts->note[NOTE_BAD_FACT] += simd_type(n) > SIMD_NULL;
	return -1;
}

/* Value of a hex digit plus one; 0 for any other byte. */
static const uint8_t hex_digits[256] = { ['0'] = 1,
	2,
	3,
	4,
	5,
	6,
	7,
	8,
	9,
	10,
	['A'] = 11,
	12,
	13,
	14,
	15,
	16,
	['a'] = 11,
	12,
	13,
	14,
	15,
	16 };

static int
hex_digit(char c)
{
	return hex_digits[(unsigned char)c] - 1;
}

/* A cipher suite's number, or its two bytes in hex as the censys layout has them. */
int32_t
fact_cipher(const struct facts *f, struct simd_node n)
{
	struct simd_text t = simd_string(n);
	int32_t v = 0;

	if (t.s == NULL)
		return fact_number(f, n, 0xffff);
	if (t.len < 3 || t.len > 6 || t.s[0] != '0' || (t.s[1] | 0x20) != 'x')
		goto bad;
	for (size_t i = 2; i < t.len; i++) {
		if (hex_digit(t.s[i]) < 0)
			goto bad;
		v = v * 16 + hex_digit(t.s[i]);
	}
	return v;
bad:
	f->counts->note[NOTE_BAD_FACT]++;
	return -1;
}

int64_t
fact_time(const struct facts *f, struct simd_node n)
{
	struct simd_text t = simd_string(n);
	int64_t v = t.s != NULL ? time_parse(t.s, t.len) : TIME_UNKNOWN;

	f->counts->note[NOTE_BAD_DATE] += v == TIME_UNKNOWN && simd_type(n) > SIMD_NULL;
	return v;
}

bool
fact_parse_fingerprint(struct simd_text t, uint8_t fp[static KEY_LEN])
{
	if (t.s == NULL || t.len != 2 * KEY_LEN)
		return false;
	for (size_t i = 0; i < KEY_LEN; i++) {
		int hi = hex_digit(t.s[2 * i]), lo = hex_digit(t.s[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		fp[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static const uint8_t *
copy_digest(const struct facts *f, struct simd_node n, enum record_note note)
{
	uint8_t fp[KEY_LEN], *copy;

	if (!fact_parse_fingerprint(simd_string(n), fp)) {
		f->counts->note[note]++;
		return NULL;
	}
	copy = arena_alloc(f->a, KEY_LEN);
	memcpy(copy, fp, KEY_LEN);
	return copy;
}

const uint8_t *
fact_fingerprint(const struct facts *f, struct simd_node n)
{
	return copy_digest(f, n, NOTE_BAD_FINGERPRINT);
}

const uint8_t *
fact_digest(const struct facts *f, struct simd_node n)
{
	return simd_type(n) <= SIMD_NULL || simd_string(n).len == 0
		   ? NULL
		   : copy_digest(f, n, NOTE_BAD_FACT);
}

const char *
fact_digits(const struct facts *f, struct simd_node n)
{
	char digits[24];
	uint64_t v;
	int len;

	if (!simd_uint(n, &v))
		return fact_text(f, n);
	if (v == 65537) /* the exponent of almost every key */
		return "65537";
	len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
	return arena_strndup(f->a, digits, (size_t)len);
}

const char *
fact_base64(const struct facts *f, struct simd_node n)
{
	struct simd_text t = simd_string(n);

	if (t.s == NULL || t.len > HOST_PUBLIC_TEXT) {
		f->counts->note[NOTE_BAD_FACT] += simd_type(n) > SIMD_NULL;
		return NULL;
	}
	return t.len > 0 ? arena_strndup(f->a, t.s, t.len) : NULL;
}

const char *
fact_version(const struct facts *f, struct simd_node n)
{
	static const char *const odd[][2] = { { "ss_lv_2", "SSLv2" }, { "ss_lv_3", "SSLv3" } };
	const char *version = fact_text(f, n);
	char *dotted;

	if (version == NULL || strchr(version, '_') == NULL)
		return version;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (strcmp(version, odd[i][0]) == 0)
			return odd[i][1];
	}
	if (strncmp(version, "TLSv", 4) != 0 && strncmp(version, "tlsv", 4) != 0)
		return version;
	dotted = arena_strndup(f->a, version, strlen(version));
	memcpy(dotted, "TLSv", 4);
	for (char *c = dotted; (c = strchr(c, '_')) != NULL;)
		*c = '.';
	return dotted;
}
