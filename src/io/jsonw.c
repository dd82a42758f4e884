#include <errno.h>
#include <math.h>
#include <string.h>

#include "survey/escape.h"
#include "survey/hex.h"
#include "survey/jsonw.h"

#define FLUSH_AT ((size_t)1 << 17)

void
jsonw_init(struct jsonw *w, FILE *f)
{
	w->f = f;
	w->comma = false;
	w->error = 0;
	buf_init(&w->out);
}

void
jsonw_fini(struct jsonw *w)
{
	buf_fini(&w->out);
}

static void
put(struct jsonw *w, const char *text, size_t len)
{
	errno = 0;
	if (w->error == 0 && len > 0 && fwrite(text, 1, len, w->f) != len)
		w->error = errno != 0 ? errno : EIO;
}

int
jsonw_flush(struct jsonw *w)
{
	if (w->f != NULL) {
		put(w, w->out.data, w->out.len);
		buf_clear(&w->out);
	}
	if (w->error != 0) {
		errno = w->error;
		return -1;
	}
	return 0;
}

/* A comma where one is due; what follows is a value or a key. */
static void
separate(struct jsonw *w)
{
	if (w->comma)
		buf_addc(&w->out, ',');
	w->comma = true;
	if (w->f != NULL && w->out.len >= FLUSH_AT)
		jsonw_flush(w);
}

static void
begin(struct jsonw *w, char c)
{
	separate(w);
	buf_addc(&w->out, c);
	w->comma = false;
}

static void
end(struct jsonw *w, char c)
{
	buf_addc(&w->out, c);
	w->comma = true;
}

void
jsonw_object(struct jsonw *w)
{
	begin(w, '{');
}

void
jsonw_end_object(struct jsonw *w)
{
	end(w, '}');
}

void
jsonw_array(struct jsonw *w)
{
	begin(w, '[');
}

void
jsonw_end_array(struct jsonw *w)
{
	end(w, ']');
}

#define ONES (UINT64_MAX / 255) /* a byte 1 eight times */

/* Not 0 in the bytes' highest bits if one of eight is no ASCII, a control, a quote or a backslash. */
static inline uint64_t
special(uint64_t v)
{
	uint64_t quote = v ^ ONES * '"', backslash = v ^ ONES * '\\';

	return v | (v + ONES) | ((v - ONES * 0x20) & ~v) | ((quote - ONES) & ~quote) |
	       ((backslash - ONES) & ~backslash);
}

/* Do all characters stand for themselves in a string? */
static bool
is_plain(const char *s, size_t len)
{
	uint64_t v = ONES * 'x', found = 0;

	for (size_t n = 0; len - n >= sizeof(v); n += sizeof(v)) {
		memcpy(&v, s + n, sizeof(v));
		found |= special(v);
	}
	/* The last eight, some of them for the second time. */
	if (len >= sizeof(v))
		memcpy(&v, s + len - sizeof(v), sizeof(v));
	else
		memcpy(&v, s, len);
	return ((found | special(v)) & ONES << 7) == 0;
}

static void
add_string(struct buf *b, const char *s, size_t len)
{
	buf_reserve(b, len + 2);
	buf_addc(b, '"');
	if (is_plain(s, len))
		buf_add(b, s, len);
	else
		escape_json(b, s, len);
	buf_addc(b, '"');
}

void
jsonw_key(struct jsonw *w, const char *key)
{
	separate(w);
	add_string(&w->out, key, strlen(key));
	buf_addc(&w->out, ':');
	w->comma = false;
}

void
jsonw_made_key(struct jsonw *w, const char *text, size_t len)
{
	separate(w);
	buf_add(&w->out, text, len);
	w->comma = false;
}

void
jsonw_string(struct jsonw *w, const char *s)
{
	jsonw_stringn(w, s, strlen(s));
}

void
jsonw_stringn(struct jsonw *w, const char *s, size_t len)
{
	separate(w);
	add_string(&w->out, s, len);
}

static void
add_number(struct jsonw *w, bool negative, uint64_t v)
{
	char digits[21];
	size_t n = sizeof(digits);

	separate(w);
	do
		digits[--n] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	if (negative)
		digits[--n] = '-';
	buf_add(&w->out, digits + n, sizeof(digits) - n);
}

void
jsonw_int(struct jsonw *w, int64_t v)
{
	add_number(w, v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void
jsonw_uint(struct jsonw *w, uint64_t v)
{
	add_number(w, false, v);
}

void
jsonw_double(struct jsonw *w, double v, int decimals)
{
	if (!isfinite(v)) {
		jsonw_null(w);
		return;
	}
	separate(w);
	buf_printf(&w->out, "%.*f", decimals, v);
}

void
jsonw_bool(struct jsonw *w, bool v)
{
	separate(w);
	buf_adds(&w->out, v ? "true" : "false");
}

void
jsonw_null(struct jsonw *w)
{
	separate(w);
	buf_adds(&w->out, "null");
}

void
jsonw_hex(struct jsonw *w, const uint8_t *p, size_t len)
{
	separate(w);
	buf_addc(&w->out, '"');
	hex_add(&w->out, p, len);
	buf_addc(&w->out, '"');
}

void
jsonw_member_string(struct jsonw *w, const char *key, const char *s)
{
	jsonw_key(w, key);
	if (s != NULL)
		jsonw_string(w, s);
	else
		jsonw_null(w);
}

void
jsonw_member_uint(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_key(w, key);
	jsonw_uint(w, v);
}

void
jsonw_member_known(struct jsonw *w, const char *key, bool known, uint64_t v)
{
	jsonw_key(w, key);
	if (known)
		jsonw_uint(w, v);
	else
		jsonw_null(w);
}

void
jsonw_raw(struct jsonw *w, const char *json, size_t len)
{
	separate(w);
	buf_add(&w->out, json, len);
}

void
jsonw_part(struct jsonw *w, const char *json, size_t len)
{
	if (w->f == NULL || len < FLUSH_AT) {
		buf_add(&w->out, json, len);
		return;
	}
	jsonw_flush(w);
	put(w, json, len);
}

void
jsonw_newline(struct jsonw *w)
{
	buf_addc(&w->out, '\n');
	w->comma = false;
	if (w->f != NULL && w->out.len >= FLUSH_AT)
		jsonw_flush(w);
}
