/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "traces.h"

#define SSH_FP "SHA256:"
#define SSH_FP_LEN (sizeof(SSH_FP) - 1 + 43) /* base64 of 32 bytes, without its end */
#define WORD_MAX 512

void
traces_init(struct traces *t, const struct ipset *addresses)
{
	*t = (struct traces){ .addresses = addresses };
	hashtab_init(&t->numbers);
	arena_init(&t->text);
}

void
traces_fini(struct traces *t)
{
	hashtab_fini(&t->numbers);
	arena_fini(&t->text);
	free(t->words);
}

/* In lower case, but for a fingerprint in base64; without dots at its ends.  False: too long to be any. */
static bool
spell(const char *word, size_t len, char out[static WORD_MAX])
{
	bool ssh = len == SSH_FP_LEN && memcmp(word, SSH_FP, strlen(SSH_FP)) == 0;

	while (len > 0 && word[len - 1] == '.')
		len--;
	while (len > 0 && (*word == '.' || *word == '*')) {
		word++;
		len--;
	}
	if (len == 0 || len >= WORD_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(!ssh && word[i] >= 'A' && word[i] <= 'Z' ? word[i] - 'A' + 'a'
									 : word[i]);
	out[len] = '\0';
	return true;
}

bool
traces_has(const struct traces *t, const char *word, size_t len)
{
	char text[WORD_MAX];
	uint32_t h, i;
	size_t at;

	if (!spell(word, len, text))
		return false;
	h = hashtab_hash(&t->numbers, text, strlen(text));
	for (i = hashtab_first(&t->numbers, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&t->numbers, h, &at)) {
		if (strcmp(t->words[i], text) == 0)
			return true;
	}
	return false;
}

void
traces_add(struct traces *t, const char *word)
{
	char text[WORD_MAX];
	size_t len;

	if (!spell(word, strlen(word), text) || traces_has(t, text, strlen(text)))
		return;
	len = strlen(text);
	mem_grow(&t->words, &t->cap, t->n + 1, sizeof(*t->words));
	t->words[t->n] = arena_strndup(&t->text, text, len);
	hashtab_put(&t->numbers, hashtab_hash(&t->numbers, text, len), (uint32_t)t->n++);
}

bool
traces_has_address(const struct traces *t, const struct ip *ip)
{
	return t->addresses != NULL && ipset_contains(t->addresses, ip);
}

/* One address or one word, with what punctuation may stand at its ends. */
static bool
is_trace(const struct traces *t, const char *s, size_t len)
{
	struct ip ip;

	while (len > 0 && (s[len - 1] == '.' || s[len - 1] == '-'))
		len--;
	while (len > 0 && (*s == '.' || *s == '-')) {
		s++;
		len--;
	}
	return len > 0 &&
	       ((ip_parse(s, len, &ip) && traces_has_address(t, &ip)) || traces_has(t, s, len));
}

static bool
is_word_byte(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '.' || c == '-' || c == '_' || c == ':' || c >= 0x80;
}

/* A run of such bytes: as a whole (IPv6), or cut at its colons ("192.0.2.1:25"). */
static bool
in_run(const struct traces *t, const char *s, size_t len)
{
	size_t trimmed = len;

	while (trimmed > 0 && s[trimmed - 1] == ':')
		trimmed--;
	if (is_trace(t, s, len) || is_trace(t, s, trimmed))
		return true;
	for (size_t at = 0, n; at < len && memchr(s, ':', len) != NULL; at += n + 1) {
		const char *colon = memchr(s + at, ':', len - at);

		n = colon != NULL ? (size_t)(colon - s) - at : len - at;
		if (is_trace(t, s + at, n))
			return true;
	}
	return false;
}

bool
traces_in(const struct traces *t, const char *text, size_t len)
{
	for (size_t at = 0, n; at < len; at += n) {
		if (len - at >= SSH_FP_LEN && memcmp(text + at, SSH_FP, strlen(SSH_FP)) == 0 &&
		    traces_has(t, text + at, SSH_FP_LEN))
			return true;
		for (n = 0; at + n < len && is_word_byte((unsigned char)text[at + n]); n++)
			;
		if (n > 0 && in_run(t, text + at, n))
			return true;
		/* Behind the letter of an escape of JSON, as in "\\n192.0.2.1" and "\\u0022192.0.2.1". */
		if (n > 1 && at > 0 && text[at - 1] == '\\' &&
		    (in_run(t, text + at + 1, n - 1) || (n > 5 && in_run(t, text + at + 5, n - 5))))
			return true;
		n += n == 0;
	}
	return false;
}
