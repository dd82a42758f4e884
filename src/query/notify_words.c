#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/mem.h"

#include "notify_words.h"

#define NUMBER "{{n}}"

/* Severities and kinds of findings have names and English texts of their own. */
static const struct {
	const char *name, *english;
} words[WORD_SEVERITY] = {
	[WORD_UNKNOWN_NETWORK] = { "unknown-network", "an unknown network" },
	[WORD_YOUR_NETWORKS] = { "your-networks", "your networks" },
	[WORD_CLUSTER] = { "cluster", "Cluster {{n}}" },
	[WORD_OF_YOUR_HOSTS] = { "of-your-hosts", "{{n}} of your hosts" },
	[WORD_OF_OTHER_OPERATORS] = { "of-other-operators", "{{n}} of other operators" },
	[WORD_YOUR_HOSTS] = { "your-hosts", "your hosts" },
	[WORD_SHARED_KEYS] = { "shared-keys", "shared keys" },
	[WORD_OTHERS] = { "others", "others with these keys" },
	[WORD_OTHER_HOST] = { "other-host", "{{n}} other host" },
	[WORD_OTHER_HOSTS] = { "other-hosts", "{{n}} other hosts" },
	[WORD_OTHER_NETWORK] = { "other-network", "of {{n}} other network" },
	[WORD_OTHER_NETWORKS] = { "other-networks", "of {{n}} other networks" },
	[WORD_HOSTS_NOT_DRAWN] = { "hosts-not-drawn", "{{n}} more of your hosts are not drawn." },
	[WORD_KEYS_DRAWN] = { "keys-drawn", "{{n}} of their shared keys are drawn." },
};

static const char *
name_of(unsigned word)
{
	if (word < WORD_SEVERITY)
		return words[word].name;
	if (word < WORD_KIND)
		return finding_severity_name((enum finding_severity)(word - WORD_SEVERITY));
	return finding_kinds[word - WORD_KIND].name;
}

const char *
notify_word(const struct notify_words *w, unsigned word)
{
	if (w->texts[word] != NULL)
		return w->texts[word];
	return word < WORD_SEVERITY ? words[word].english
	       : word < WORD_KIND   ? name_of(word)
				    : finding_kinds[word - WORD_KIND].evidence;
}

void
notify_word_add(const struct notify_words *w, unsigned word, uint32_t n, struct buf *out)
{
	const char *s = notify_word(w, word), *gap = strstr(s, NUMBER);

	if (gap == NULL) {
		buf_adds(out, s);
		return;
	}
	buf_add(out, s, (size_t)(gap - s));
	buf_printf(out, "%u%s", n, gap + strlen(NUMBER));
}

/* "name: text"; an empty line, and one that begins with "#", says nothing. */
static int
take_line(struct notify_words *w, const char *s, size_t len, char **error)
{
	const char *colon = memchr(s, ':', len), *text;
	unsigned word = 0;
	size_t n;

	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\r' || s[len - 1] == '\t'))
		len--;
	if (len == 0 || s[0] == '#')
		return 0;
	n = colon != NULL ? (size_t)(colon - s) : len;
	while (word < NOTIFY_NWORDS &&
	       (strlen(name_of(word)) != n || memcmp(name_of(word), s, n) != 0))
		word++;
	if (colon == NULL || word == NOTIFY_NWORDS) {
		*error = xasprintf("there is no word \"%.*s\"", (int)(n < 60 ? n : 60), s);
		return -1;
	}
	for (text = colon + 1; text < s + len && *text == ' '; text++)
		;
	free(w->texts[word]);
	w->texts[word] = text < s + len ? xstrndup(text, (size_t)(s + len - text)) : NULL;
	return 0;
}

int
notify_words_read(struct notify_words *w, const char *text, size_t len, char **error)
{
	unsigned long line = 1;
	char *why = NULL;

	for (size_t at = 0, n; at < len; at += n + 1, line++) {
		const char *end = memchr(text + at, '\n', len - at);

		n = end != NULL ? (size_t)(end - text) - at : len - at;
		if (memchr(text + at, '\0', n) != NULL)
			why = xstrdup("it holds a NUL byte");
		else
			take_line(w, text + at, n, &why);
		if (why == NULL)
			continue;
		*error = xasprintf("line %lu: %s", line, why);
		free(why);
		return -1;
	}
	return 0;
}

void
notify_words_fini(struct notify_words *w)
{
	for (size_t i = 0; i < NOTIFY_NWORDS; i++)
		free(w->texts[i]);
}
