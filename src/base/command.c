#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/country.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/nearest.h"

#define HELP_VALUE 10000
#define COPY_MARKER "ANONYMISED" /* rundir_files[] */

static size_t
count_options(const struct command *c)
{
	size_t n = 0;

	while (c->options != NULL && c->options[n].name != NULL)
		n++;
	return n;
}

/*
 * One sentence about a path that is not what it ought to be, or NULL; the
 * caller frees it.
 */
static char *
path_fault(enum argument kind, const char *path)
{
	bool is_new = kind == ARG_NEW_FILE, is_dir;
	char *dir = is_new ? path_dir(path) : NULL, *fault = NULL, *file;
	struct stat st;

	if (stat(is_new ? dir : path, &st) == -1) {
		if (errno != ENOENT && errno != ENOTDIR)
			fault = xasprintf("%s: %s", path, strerror(errno));
		else if (is_new)
			fault = xasprintf("%s: its directory is not there", path);
		else
			fault = xasprintf("%s is not there", path[0] != '\0' ? path : "\"\"");
		free(dir);
		return fault;
	}
	free(dir);
	is_dir = S_ISDIR(st.st_mode);
	if (!is_dir && (kind == ARG_DIRECTORY || kind == ARG_RUNDIR || kind == ARG_OWN_RUN))
		return xasprintf("%s is no directory", path);
	if (is_dir && (kind == ARG_CONF || kind == ARG_FILE || kind == ARG_INPUT))
		return xasprintf("%s is a directory; a file is wanted", path);
	if (kind == ARG_OWN_RUN) {
		file = path_join(path, COPY_MARKER);
		if (stat(file, &st) == 0)
			fault = xasprintf(
			    "%s is an anonymised copy; this needs the run that it was made of",
			    path);
		free(file);
	}
	if (fault == NULL && (kind == ARG_RUNDIR || kind == ARG_OWN_RUN)) {
		file = path_join(path, "run.json");
		if (stat(file, &st) == -1)
			fault = errno == ENOENT
				    ? xasprintf("%s is no run directory: it has no run.json", path)
				    : xasprintf("%s: %s", file, strerror(errno));
		free(file);
	}
	return fault;
}

int
command_word(const char *const *words, const char *word, size_t len)
{
	for (int i = 0; words[i] != NULL; i++) {
		if (strlen(words[i]) == len && strncasecmp(words[i], word, len) == 0)
			return i;
	}
	return -1;
}

/* "a, b and c". */
static void
list_words(struct buf *b, const char *const *words)
{
	for (size_t i = 0; words[i] != NULL; i++)
		buf_printf(b, "%s%s",
		    i == 0		   ? ""
		    : words[i + 1] == NULL ? " and "
					   : ", ",
		    words[i]);
}

static char *
word_fault(const char *const *words, const char *word, size_t len)
{
	char *text = xstrndup(word, len), *fault;
	struct nearest near;
	struct buf b;

	nearest_init(&near, text);
	for (size_t i = 0; words[i] != NULL; i++)
		nearest_try(&near, words[i]);
	if (near.word != NULL) {
		fault = xasprintf("there is no \"%s\"; did you mean %s?", text, near.word);
	} else {
		buf_init(&b);
		list_words(&b, words);
		fault = xasprintf("\"%s\" is none of %s", text, b.data);
		buf_fini(&b);
	}
	free(text);
	return fault;
}

/* Returns NULL, or what is wrong with an argument; the caller frees it. */
static char *
argument_fault(
    enum argument kind, const char *const *words, const char *text, unsigned long *choice)
{
	int word;

	*choice = 0;
	switch (kind) {
	case ARG_TEXT:
	case ARG_COMMAND:
	case ARG_COUNTRIES:
	case ARG_CLUSTERS:
	case ARG_NEW_DIRECTORY:
		return NULL;
	case ARG_WORD:
		if ((word = command_word(words, text, strlen(text))) == -1)
			return word_fault(words, text, strlen(text));
		*choice = (unsigned long)word;
		return NULL;
	case ARG_WORDS:
		for (const char *p = text;; p++) {
			size_t len = strcspn(p, ",");

			if ((word = command_word(words, p, len)) == -1)
				return word_fault(words, p, len);
			*choice |= 1UL << word;
			p += len;
			if (*p == '\0')
				return NULL;
		}
	case ARG_INPUT:
	case ARG_RECORDS:
		return strcmp(text, "-") == 0 ? NULL : path_fault(kind, text);
	case ARG_CONF:
	case ARG_FILE:
	case ARG_DIRECTORY:
	case ARG_PATH:
	case ARG_RUNDIR:
	case ARG_OWN_RUN:
	case ARG_STUDY:
	case ARG_NEW_FILE: /* "-" passes: the working directory is there */
		return path_fault(kind, text);
	}
	return NULL;
}

/* As --help and messages show them: "A B...", "[CC...]". */
static void
list_operands(struct buf *b, const struct command *c)
{
	if (c->usage != NULL)
		buf_printf(b, " %s", c->usage);
	for (size_t i = 0; i < COMMAND_OPERANDS && c->operands[i].name != NULL; i++) {
		const struct command_operand *o = &c->operands[i];

		for (unsigned k = 1; k < o->min; k++)
			buf_printf(b, " %s", o->name);
		buf_printf(b, o->min == 0 ? " [%s%s]" : " %s%s", o->name, o->max == 1 ? "" : "...");
	}
}

static bool
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/*
 * Which operands are of which kind: each kind takes what it may, but leaves
 * the next ones what they need.  Before others, any number of paths is those
 * that are there, up to "--" (dashed operands came after it).
 */
static void
share_operands(struct command_args *a, int dashed)
{
	const struct command_operand *o = a->command->operands;
	unsigned n = (unsigned)(a->argc - a->at), at = 0, needed = 0;

	for (size_t i = 0; i < COMMAND_OPERANDS && o[i].name != NULL; i++)
		needed += o[i].min;
	for (size_t i = 0; i < COMMAND_OPERANDS && o[i].name != NULL; i++) {
		bool last = i + 1 == COMMAND_OPERANDS || o[i + 1].name == NULL;
		unsigned left = n - at, most;

		needed -= o[i].min;
		most = left > needed + o[i].min ? left - needed : o[i].min;
		if (most > left)
			most = left;
		if (o[i].max != 0 && most > o[i].max)
			most = o[i].max;
		a->counts[i] = most;
		if (o[i].max == 0 && !last) {
			for (a->counts[i] = 0; a->counts[i] < most; a->counts[i]++) {
				int arg = a->at + (int)(at + a->counts[i]);

				if (arg >= a->argc - dashed ||
				    (a->counts[i] >= o[i].min && !is_there(a->argv[arg])))
					break;
			}
		}
		at += a->counts[i];
	}
}

/* Are there as many operands as the table asks for?  Returns false after a message. */
static bool
operands_suffice(const struct command_args *a)
{
	const struct command *c = a->command;
	unsigned used = 0;
	struct buf b;

	for (size_t i = 0; i < COMMAND_OPERANDS && c->operands[i].name != NULL; i++) {
		if (a->counts[i] < c->operands[i].min) {
			buf_init(&b);
			list_operands(&b, c);
			log_error("%s: %s is missing; usage: survey %s%s%s", c->name,
			    c->operands[i].name, c->name, c->options != NULL ? " [options]" : "",
			    b.data);
			buf_fini(&b);
			return false;
		}
		used += a->counts[i];
	}
	if (a->at + (int)used == a->argc)
		return true;
	log_error("%s: \"%s\" is one argument too many; see survey %s --help", c->name,
	    a->argv[a->at + (int)used], c->name);
	return false;
}

/* The operands after the options.  Returns COMMAND_END, or COMMAND_ERROR after a message. */
static int
check_operands(struct command_args *a, int dashed)
{
	const struct command *c = a->command;
	int at = a->at;

	share_operands(a, dashed);
	if (!operands_suffice(a))
		return COMMAND_ERROR;
	for (size_t i = 0; at < a->argc; i++) {
		const struct command_operand *o = &c->operands[i];

		for (unsigned k = 0; k < a->counts[i]; k++, at++) {
			char *fault = argument_fault(o->kind, o->words, a->argv[at], &a->choice);

			if (fault != NULL) {
				log_error("%s: %s", c->name, fault);
				free(fault);
				return COMMAND_ERROR;
			}
		}
	}
	return COMMAND_END;
}

/* What getopt_long() did not understand: '?', or ':' for a missing argument. */
static void
option_error(const struct command_args *a, int got)
{
	const struct command *c = a->command;
	const char *typed = a->argv[optind - 1];
	struct nearest near;
	char letter[3] = { '-', (char)optopt, '\0' };
	char *word;

	if (optopt > 0 && optopt < HELP_VALUE) { /* one letter, perhaps of several */
		log_error(got == ':' ? "%s: %s wants an argument; see survey %s --help"
				     : "%s: unknown option %s; see survey %s --help",
		    c->name, letter, c->name);
		return;
	}
	if (got == ':') {
		log_error(
		    "%s: %s wants an argument; see survey %s --help", c->name, typed, c->name);
		return;
	}
	if (optopt >= HELP_VALUE) {
		log_error("%s: %.*s takes no argument", c->name, (int)strcspn(typed, "="), typed);
		return;
	}
	word = xstrndup(typed + 2, strcspn(typed + 2, "="));
	nearest_init(&near, word);
	for (const struct command_option *o = c->options; o != NULL && o->name != NULL; o++)
		nearest_try(&near, o->name);
	if (near.word != NULL)
		log_error("%s: unknown option --%s; did you mean --%s?", c->name, word, near.word);
	else
		log_error("%s: unknown option --%s; see survey %s --help", c->name, word, c->name);
	free(word);
}

/* Option i was found, with its argument in optarg. */
static int
take_option(struct command_args *a, int i)
{
	const struct command_option *o = &a->command->options[i];
	char *fault;

	a->value = optarg;
	if (o->arg == NULL ||
	    (fault = argument_fault(o->kind, o->words, optarg, &a->choice)) == NULL)
		return i;
	log_error("%s: --%s: %s", a->command->name, o->name, fault);
	free(fault);
	return COMMAND_ERROR;
}

/* How many arguments stand behind the first "--"; an option's argument that is "--" makes no difference to most. */
static int
count_dashed(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			return argc - i - 1;
	}
	return 0;
}

int
command_next(struct command_args *a)
{
	const struct command *c = a->command;
	size_t n = count_options(c), k = 0;
	struct option *longs = xcalloc(n + 2, sizeof(*longs));
	char *shorts = xcalloc(2 * n + 4, 1);
	int got, dashed = count_dashed(a->argc, a->argv);

	shorts[k++] = ':'; /* getopt keeps quiet and tells a missing argument apart */
	shorts[k++] = 'h';
	for (size_t i = 0; i < n; i++) {
		const struct command_option *o = &c->options[i];

		longs[i].name = o->name;
		longs[i].has_arg = o->arg != NULL ? required_argument : no_argument;
		longs[i].val = HELP_VALUE + 1 + (int)i;
		if (o->letter != 0) {
			shorts[k++] = o->letter;
			if (o->arg != NULL)
				shorts[k++] = ':';
		}
	}
	longs[n].name = "help";
	longs[n].val = HELP_VALUE;
	if (a->at == 0)
		optind = 0; /* start afresh, glibc's way */
	opterr = 0;
	got = getopt_long(a->argc, a->argv, shorts, longs, NULL);
	free(longs);
	free(shorts);
	a->at = optind;
	a->value = NULL;
	if (got == -1)
		return check_operands(a, dashed);
	if (got == HELP_VALUE || got == 'h') {
		command_usage(c, stdout);
		return COMMAND_HELP;
	}
	if (got > HELP_VALUE)
		return take_option(a, got - HELP_VALUE - 1);
	for (size_t i = 0; got != '?' && got != ':' && i < n; i++) {
		if (c->options[i].letter == got)
			return take_option(a, (int)i);
	}
	option_error(a, got);
	return COMMAND_ERROR;
}

int
command_ended(int end)
{
	return end == COMMAND_HELP ? EXIT_COMPLETE : EXIT_USAGE;
}

int
command_flush(const char *command, int error)
{
	struct pollfd reader = { .fd = STDOUT_FILENO };

	if (fflush(stdout) != 0 && error == 0)
		error = errno;
	if (error == 0 && !ferror(stdout))
		return 0;
	/* A write that failed before, of somebody else's: a pipe tells whether it has a reader. */
	if (error == EPIPE || (poll(&reader, 1, 0) == 1 && (reader.revents & POLLERR) != 0))
		return 1;
	log_error("%s%sstandard output: %s", command != NULL ? command : "",
	    command != NULL ? ": " : "", error != 0 ? strerror(error) : "not all could be written");
	return -1;
}

/* One option of the help; an ellipsis has three bytes and one column. */
static void
help_line(FILE *out, const char *left, const char *help)
{
	int width = 28;

	for (const char *p = left; *p != '\0'; p++)
		width += ((unsigned char)*p & 0xc0) == 0x80;
	fprintf(out, "  %-*s %s\n", width, left, help);
}

void
command_usage(const struct command *c, FILE *out)
{
	struct buf b;

	buf_init(&b);
	list_operands(&b, c);
	fprintf(out, "usage: survey %s%s%s\n\n%s.\n", c->name,
	    count_options(c) > 0 ? " [options]" : "", b.data, c->summary);
	if (c->detail != NULL)
		fprintf(out, "\n%s\n", c->detail);
	fprintf(out, "\noptions:\n");
	for (size_t i = 0; i < count_options(c); i++) {
		const struct command_option *o = &c->options[i];

		buf_clear(&b);
		buf_printf(&b, "%c%c%s --%s %s", o->letter != 0 ? '-' : ' ',
		    o->letter != 0 ? o->letter : ' ', o->letter != 0 ? "," : " ", o->name,
		    o->arg != NULL ? o->arg : "");
		help_line(out, b.data, o->help);
	}
	help_line(out, "-h, --help", "this text");
	buf_fini(&b);
}

static bool
is_option(const struct command *c, const char *name)
{
	for (const struct command_option *o = c->options; o != NULL && o->name != NULL; o++) {
		if (strcmp(o->name, name) == 0)
			return true;
	}
	return false;
}

int
command_number(const struct command *c, const char *option, const char *text, long long min,
    long long max, long long *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && *value >= min && *value <= max)
		return 0;
	log_error("%s: %s%s wants a number from %lld to %lld, not \"%s\"", c->name,
	    is_option(c, option) ? "--" : "", option, min, max, text);
	return -1;
}

int
command_each(const char *list, int (*fn)(const char *item, void *arg), void *arg)
{
	for (;;) {
		size_t len = strcspn(list, ",");
		char *item = xstrndup(list, len);
		int rc = fn(item, arg);

		free(item);
		if (rc != 0 || list[len] == '\0')
			return rc;
		list += len + 1;
	}
}

int
command_country(const struct command *c, const char *text, char cc[static 3])
{
	if (country_code(text, strlen(text), cc))
		return 0;
	log_error(
	    "%s: \"%s\" is no country code: two letters as in IE, or XX for any", c->name, text);
	return -1;
}

int
command_asn(const struct command *c, const char *option, const char *text, uint32_t *asn)
{
	const char *digits = strncasecmp(text, "AS", 2) == 0 ? text + 2 : text;
	long long n;

	if (command_number(c, option, digits, 1, UINT32_MAX, &n) == -1)
		return -1;
	*asn = (uint32_t)n;
	return 0;
}
