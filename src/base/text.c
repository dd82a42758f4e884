#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <strings.h>
#include <string.h>
#include <stdlib.h>

#include "survey/buf.h"
#include "survey/escape.h"
#include "survey/text.h"

void
text_plain(struct buf *out, const char *s, size_t len, size_t max)
{
	size_t n, chars = 0;
	uint32_t cp = 0;

	for (size_t i = 0; i < len; i += n, chars++) {
		n = utf8_decode(s + i, len - i, &cp);
		if (chars + 1 >= max && i + (n == 0 ? 1 : n) < len) {
			buf_adds(out, "\xe2\x80\xa6");
			return;
		}
		if (n == 0 || !utf8_shown(cp))
			buf_adds(out, "\xef\xbf\xbd");
		else
			buf_add(out, s + i, n);
		if (n == 0)
			n = 1;
	}
}

size_t
text_width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void
text_pad(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_addc(out, ' ');
}

void
text_count(struct buf *out, unsigned long long n)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%llu", n);

	for (int i = 0; i < len; i++) {
		buf_addc(out, digits[i]);
		if (i + 1 < len && (len - i - 1) % 3 == 0)
			buf_addc(out, ',');
	}
}

void
text_counted(struct buf *out, unsigned long long n, const char *one, const char *many)
{
	text_count(out, n);
	buf_printf(out, " %s", text_noun(n, one, many));
}

void
text_known(struct buf *out, unsigned long long n, bool more, const char *one, const char *many)
{
	if (n == 0 && more) {
		buf_printf(out, "unknown %s", many);
		return;
	}
	if (more)
		buf_adds(out, "at least ");
	text_counted(out, n, one, many);
}

const char *
text_noun(unsigned long long n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

bool
text_parse_bytes(const char *s, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(s, "0123456789");
	const char *unit;
	uint64_t n;

	if (digits == 0 || digits > 15)
		return false;
	n = strtoull(s, NULL, 10);
	s += digits;
	if (*s != '\0') {
		unit = strchr(units, toupper((unsigned char)*s));
		if (unit == NULL ||
		    (s[1] != '\0' && strcasecmp(s + 1, "B") != 0 && strcasecmp(s + 1, "iB") != 0))
			return false;
		for (const char *u = units; u <= unit; u++) {
			if (n > UINT64_MAX / 1024)
				return false;
			n *= 1024;
		}
	}
	*bytes = n;
	return n > 0;
}

const char *
text_duration(double seconds, char *buf, size_t size)
{
	uint64_t s = seconds > 0 ? (uint64_t)(seconds + 0.5) : 0;

	if (s >= 86400)
		snprintf(buf, size, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		snprintf(buf, size, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		snprintf(buf, size, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else
		snprintf(buf, size, "%" PRIu64 "s", s);
	return buf;
}
