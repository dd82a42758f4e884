/*
 * What survey notify says inside letters and pictures, in the language of the letters.
 *
 * English is built in; another language's words come from words.LANG, a line "name: text" each.
 * A word that is not there is said in English.
 */
#ifndef QUERY_NOTIFY_WORDS_H
#define QUERY_NOTIFY_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "survey/finding.h"

struct buf;

/* Those of the first group are here; a severity's and a kind of finding's number follow. */
enum notify_word {
	WORD_UNKNOWN_NETWORK,
	WORD_YOUR_NETWORKS,
	WORD_CLUSTER, /* from here on a number is put into {{n}}, where there is one */
	WORD_OF_YOUR_HOSTS,
	WORD_OF_OTHER_OPERATORS,
	WORD_YOUR_HOSTS,
	WORD_SHARED_KEYS,
	WORD_OTHERS,
	WORD_OTHER_HOST,
	WORD_OTHER_HOSTS,
	WORD_OTHER_NETWORK,
	WORD_OTHER_NETWORKS,
	WORD_HOSTS_NOT_DRAWN,
	WORD_KEYS_DRAWN,
	WORD_SEVERITY, /* plus enum finding_severity */
	WORD_KIND = WORD_SEVERITY + FINDING_NSEVERITIES, /* plus enum finding_kind */
	NOTIFY_NWORDS = WORD_KIND + FINDING_NKINDS
};

struct notify_words {
	char *texts[NOTIFY_NWORDS]; /* NULL: in English */
};

/* Take up a file's text.  Returns 0, or -1 with a sentence in *error (the caller frees it). */
int notify_words_read(struct notify_words *w, const char *text, size_t len, char **error);
void notify_words_fini(struct notify_words *w);

/* A word's text, as it stands there. */
const char *notify_word(const struct notify_words *w, unsigned word);
/* Append it with n in the place of {{n}}. */
void notify_word_add(const struct notify_words *w, unsigned word, uint32_t n, struct buf *out);

#endif
