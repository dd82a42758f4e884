#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "survey/command.h"
#include "survey/country.h"
#include "survey/log.h"
#include "survey/mem.h"

#define HELP_VALUE 10000

static size_t
count_options(const struct command *c)
{
	size_t n = 0;

	while (c->options != NULL && c->options[n].name != NULL)
		n++;
	return n;
}

int
command_next(struct command_args *a)
{
	const struct command *c = a->command;
	size_t n = count_options(c), k = 0;
	struct option *longs = xcalloc(n + 2, sizeof(*longs));
	char *shorts = xcalloc(2 * n + 4, 1);
	int got;

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
	a->value = optarg;
	if (got == -1)
		return COMMAND_END;
	if (got == HELP_VALUE || got == 'h') {
		command_help(c, stdout);
		return COMMAND_HELP;
	}
	if (got > HELP_VALUE)
		return got - HELP_VALUE - 1;
	for (size_t i = 0; got != '?' && got != ':' && i < n; i++) {
		if (c->options[i].letter == got)
			return (int)i;
	}
	if (got == ':')
		log_error("%s: %s wants an argument; see survey %s --help", c->name,
		    a->argv[optind - 1], c->name);
	else
		log_error("%s: unknown option %s; see survey %s --help", c->name,
		    a->argv[optind - 1], c->name);
	return COMMAND_ERROR;
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
command_help(const struct command *c, FILE *out)
{
	fprintf(out, "usage: survey %s %s%s\n\n%s.\n", c->name,
	    count_options(c) > 0 ? "[options] " : "", c->arguments, c->summary);
	if (c->detail != NULL)
		fprintf(out, "\n%s\n", c->detail);
	fprintf(out, "\noptions:\n");
	for (size_t i = 0; i < count_options(c); i++) {
		const struct command_option *o = &c->options[i];
		char left[64];

		snprintf(left, sizeof(left), "%c%c%s --%s %s", o->letter != 0 ? '-' : ' ',
		    o->letter != 0 ? o->letter : ' ', o->letter != 0 ? "," : " ", o->name,
		    o->arg != NULL ? o->arg : "");
		help_line(out, left, o->help);
	}
	help_line(out, "-h, --help", "this text");
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
	log_error("%s: --%s wants a number from %lld to %lld, not \"%s\"", c->name, option, min,
	    max, text);
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
