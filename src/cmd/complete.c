/*
 * Completion.  The scripts in config/completion call
 *
 *	survey --complete AT WORD...
 *
 * with the words typed so far (without the program), of which number AT,
 * counted from 1, is to be completed.  The first line of the answer says what
 * to do: ":words", choose among the lines that follow; ":list", the same, and
 * a comma may follow; ":paths", these are paths; ":files" and ":directories",
 * let the shell look.  Each further line is a word and, after a tab, what it
 * means.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "survey/country.h"
#include "survey/file.h"
#include "survey/foreign.h"
#include "survey/mem.h"
#include "survey/order.h"
#include "survey/store.h"
#include "survey/text.h"

#include "commands.h"

struct completion {
	const struct command *c;
	char **words;
	int nwords, at;
	const char *head; /* what stands before the value in its word, as "--format=" */
	size_t head_len;
	const char *value; /* typed so far */
};

static bool
starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static void
offer(const struct completion *k, const char *before, size_t len, const char *word,
    const char *meaning)
{
	printf("%.*s%.*s%s%s%s\n", (int)k->head_len, k->head, (int)len, before, word,
	    meaning != NULL ? "\t" : "", meaning != NULL ? meaning : "");
}

static void
offer_word(const struct completion *k, const char *word, const char *meaning)
{
	if (starts_with(word, k->value))
		offer(k, "", 0, word, meaning);
}

/* Does the list that is typed, up to its last comma, have the word already? */
static bool
is_listed(const char *list, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p < list + len; p += strcspn(p, ",") + 1) {
		if (strcspn(p, ",") == n && strncmp(p, word, n) == 0)
			return true;
	}
	return false;
}

/* The next item of a list. */
static void
offer_item(const struct completion *k, const char *word, const char *meaning)
{
	const char *comma = strrchr(k->value, ',');
	const char *item = comma != NULL ? comma + 1 : k->value;
	size_t before = (size_t)(item - k->value);

	if (starts_with(word, item) && !is_listed(k->value, before, word))
		offer(k, k->value, before, word, meaning);
}

static void
offer_countries(const struct completion *k)
{
	char code[3] = "";

	for (code[0] = 'A'; code[0] <= 'Z'; code[0]++) {
		for (code[1] = 'A'; code[1] <= 'Z'; code[1]++) {
			if (country_name(code) != NULL)
				offer_item(k, code, country_name(code));
		}
	}
	offer_item(k, "XX", "any country");
}

static void
offer_cluster(const struct completion *k, unsigned long long id, unsigned long long size)
{
	char number[32], meaning[32];

	snprintf(number, sizeof(number), "%llu", id);
	snprintf(meaning, sizeof(meaning), "%llu %s", size, text_noun(size, "host", "hosts"));
	offer_item(k, number, meaning);
}

/* The clusters of a directory, from its table of sizes.  Returns false when it has none. */
static bool
clusters_of_csv(const struct completion *k, const char *dir)
{
	char *path = path_join(dir, "clustersizes.csv"), *line = NULL;
	FILE *f = file_fopen(path, "re");
	unsigned long long id, size;
	size_t cap = 0;

	free(path);
	if (f == NULL)
		return false;
	while (getline(&line, &cap, f) > 0 && line[0] != '\n') {
		if (sscanf(line, "%llu,%llu", &id, &size) == 2 && id > 0)
			offer_cluster(k, id, size);
	}
	free(line);
	fclose(f);
	return true;
}

static bool
clusters_of_db(const struct completion *k, const char *path)
{
	sqlite3_stmt *st = NULL;
	char *error = NULL;
	sqlite3 *db = store_open(path, &error);
	bool ok = db != NULL && sqlite3_prepare_v2(db, "SELECT id, size FROM clusters ORDER BY id",
				    -1, &st, NULL) == SQLITE_OK;

	while (ok && sqlite3_step(st) == SQLITE_ROW)
		offer_cluster(k, (unsigned long long)sqlite3_column_int64(st, 0),
		    (unsigned long long)sqlite3_column_int64(st, 1));
	sqlite3_finalize(st);
	sqlite3_close(db);
	free(error);
	return ok;
}

/* Of the first word that is a study. */
static void
offer_clusters(const struct completion *k)
{
	for (int i = 2; i < k->nwords; i++) {
		const char *word = k->words[i];
		bool found;
		struct stat st;
		char *db;

		if (i == k->at || word[0] == '-' || stat(word, &st) == -1)
			continue;
		db = S_ISDIR(st.st_mode) ? xstrdup(word) : path_dir(word);
		(void)foreign_add(db, false);
		free(db);
		if (S_ISDIR(st.st_mode)) {
			db = path_join(word, "survey.db");
			found = clusters_of_csv(k, word) || clusters_of_db(k, db);
			free(db);
		} else {
			found = clusters_of_db(k, word);
		}
		if (found)
			return;
	}
}

/* Is name, in the directory at, a run's? */
static bool
is_rundir(int at, const char *name)
{
	char *manifest = path_join(name, "run.json");
	struct stat st;
	bool is = fstatat(at, manifest, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);

	free(manifest);
	return is;
}

static bool
is_study_file(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && (strcmp(dot, ".db") == 0 || (strcmp(dot, ".json") == 0 &&
							      strstr(name, "collisions") != NULL));
}

/* Would the name be more than a name on a terminal? */
static bool
is_plain(const char *name)
{
	for (const char *p = name; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	}
	return true;
}

/* Run directories, and files that hold a study, where the word points to; what to do when there are none. */
static void
offer_runs(const struct completion *k, bool files, const char *otherwise)
{
	const char *base = path_last(k->value);
	size_t before = (size_t)(base - k->value), n = 0, cap = 0;
	char *dir = path_dir(k->value), **found = NULL;
	struct dirent *e;
	DIR *d;

	(void)foreign_add(dir, false);
	d = file_opendir(dir);
	if (k->value[0] == '\0' && d != NULL && is_rundir(dirfd(d), ".")) {
		mem_grow(&found, &cap, n + 1, sizeof(*found));
		found[n++] = xstrdup(".");
	}
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!starts_with(e->d_name, base) || (e->d_name[0] == '.' && base[0] != '.') ||
		    strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    !is_plain(e->d_name))
			continue;
		if (is_rundir(dirfd(d), e->d_name) || (files && is_study_file(e->d_name))) {
			mem_grow(&found, &cap, n + 1, sizeof(*found));
			found[n++] = xstrdup(e->d_name);
		}
	}
	if (d != NULL)
		closedir(d);
	puts(n > 0 ? ":paths" : otherwise);
	if (n > 0)
		qsort(found, n, sizeof(*found), order_text);
	for (size_t i = 0; i < n; i++) {
		offer(k, k->value, before, found[i], NULL);
		free(found[i]);
	}
	free(found);
	free(dir);
}

static void
offer_argument(const struct completion *k, enum argument kind, const char *const *words)
{
	switch (kind) {
	case ARG_TEXT:
		puts(":words");
		return;
	case ARG_WORD:
		puts(":words");
		for (size_t i = 0; words[i] != NULL; i++)
			offer_word(k, words[i], NULL);
		return;
	case ARG_WORDS:
		puts(":list");
		for (size_t i = 0; words[i] != NULL; i++)
			offer_item(k, words[i], NULL);
		return;
	case ARG_COMMAND:
		puts(":words");
		for (size_t i = 0; commands[i] != NULL; i++)
			offer_word(k, commands[i]->name, commands[i]->summary);
		return;
	case ARG_COUNTRIES:
		puts(":list");
		offer_countries(k);
		return;
	case ARG_CLUSTERS:
		puts(":list");
		offer_clusters(k);
		return;
	case ARG_RUNDIR:
	case ARG_OWN_RUN:
		offer_runs(k, false, ":directories");
		return;
	case ARG_STUDY:
		offer_runs(k, true, ":files");
		return;
	case ARG_DIRECTORY:
	case ARG_NEW_DIRECTORY:
		puts(":directories");
		return;
	case ARG_CONF:
	case ARG_FILE:
	case ARG_PATH:
	case ARG_INPUT:
	case ARG_RECORDS:
	case ARG_NEW_FILE:
		puts(":files");
		return;
	}
}

static void
offer_options(const struct completion *k)
{
	char word[64];

	puts(":words");
	for (const struct command_option *o = k->c->options; o != NULL && o->name != NULL; o++) {
		snprintf(word, sizeof(word), "--%s", o->name);
		offer_word(k, word, o->help);
	}
	offer_word(k, "--help", "explain this command");
}

/* The option that a word names, of one that takes an argument; *attached is where that stands in the word, or NULL. */
static const struct command_option *
option_of(const struct command *c, const char *word, const char **attached)
{
	size_t len = strcspn(word, "=");

	*attached = NULL;
	if (word[0] != '-' || word[1] == '\0' || c->options == NULL)
		return NULL;
	if (word[1] == '-') {
		for (const struct command_option *o = c->options; o->name != NULL; o++) {
			if (o->arg != NULL && len > 2 && strncmp(o->name, word + 2, len - 2) == 0) {
				if (word[len] == '=')
					*attached = word + len + 1;
				return o;
			}
		}
		return NULL;
	}
	/* The first letter that takes an argument ends the letters. */
	for (const char *p = word + 1; *p != '\0'; p++) {
		for (const struct command_option *o = c->options; o->name != NULL; o++) {
			if (o->letter == *p && o->arg != NULL) {
				if (p[1] != '\0')
					*attached = p + 1;
				return o;
			}
		}
	}
	return NULL;
}

/* What the operand after n others may be. */
static void
offer_operand(const struct completion *k, unsigned n, const char *last)
{
	for (size_t i = 0; i < COMMAND_OPERANDS && k->c->operands[i].name != NULL; i++) {
		const struct command_operand *o = &k->c->operands[i];
		bool end = i + 1 == COMMAND_OPERANDS || o[1].name == NULL;
		struct stat st;

		/* "RUNDIR... QUERY...": a run may follow a run, then only queries do. */
		if (o->max == 0 && !end && n >= o->min && last != NULL && stat(last, &st) == -1) {
			n = 0;
			continue;
		}
		if (o->max == 0 || n < o->max) {
			offer_argument(k, o->kind, o->words);
			return;
		}
		n -= o->max;
	}
	puts(":words");
}

int
complete(int nwords, char **words, int at)
{
	struct completion k = { .words = words, .nwords = nwords, .at = at, .head = "" };
	const struct command_option *o;
	const char *attached, *last = NULL;
	bool only_operands = false;
	unsigned n = 0;

	if (at < 1 || at > nwords)
		return EXIT_USAGE;
	k.value = at < nwords ? words[at] : "";
	if (at == 1) {
		offer_argument(&k, ARG_COMMAND, NULL);
		if (k.value[0] == '-') {
			offer_word(&k, "--help", "explain survey");
			offer_word(&k, "--version", "versions of survey, its libraries and tools");
		}
		return EXIT_COMPLETE;
	}
	if ((k.c = command_named(words[1])) == NULL) {
		puts(":words");
		return EXIT_COMPLETE;
	}
	for (int i = 2; i < at; i++) {
		const char *word = words[i];

		if (!only_operands && strcmp(word, "--") == 0) {
			only_operands = true;
		} else if (!only_operands && (o = option_of(k.c, word, &attached)) != NULL) {
			if (attached != NULL)
				continue;
			if (i + 1 == at) {
				offer_argument(&k, o->kind, o->words);
				return EXIT_COMPLETE;
			}
			i++;
		} else if (only_operands || word[0] != '-' || word[1] == '\0') {
			last = word;
			n++;
		}
	}
	o = only_operands ? NULL : option_of(k.c, k.value, &attached);
	if (o != NULL && attached != NULL) {
		k.head = k.value;
		k.head_len = (size_t)(attached - k.value);
		k.value = attached;
		offer_argument(&k, o->kind, o->words);
	} else if (!only_operands && k.value[0] == '-') {
		offer_options(&k);
	} else {
		offer_operand(&k, n, last);
	}
	return EXIT_COMPLETE;
}
