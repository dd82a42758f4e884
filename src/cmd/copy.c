#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/anonymise.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "copy.h"

struct keep {
	struct copy_request *a;
	const struct command *c;
};

static int
keep_one(const char *text, void *arg)
{
	struct keep *k = arg;
	struct copy_request *a = k->a;

	mem_grow(&a->keep_as, &a->cap, a->n + 1, sizeof(*a->keep_as));
	if (command_asn(k->c, "keep-as", text, &a->keep_as[a->n]) == -1)
		return -1;
	a->n++;
	return 0;
}

int
copy_keep_as(struct copy_request *a, const struct command *c, const char *list)
{
	struct keep k = { a, c };

	return command_each(list, keep_one, &k);
}

int
copy_check(const struct copy_request *a, const struct command *c, const char *output)
{
	if (a->wanted && output == NULL) {
		log_error(
		    "%s: --anonymise needs -o DIR, a new directory for what it writes", c->name);
		return -1;
	}
	if (!a->wanted && a->n > 0) {
		log_error(
		    "%s: --keep-as says what --anonymise keeps; it is nothing without it", c->name);
		return -1;
	}
	if (a->trust && a->n == 0) {
		log_error(
		    "%s: --trust adds to what --keep-as keeps; it is nothing without it", c->name);
		return -1;
	}
	return 0;
}

int
copy_begin(struct copy_request *a, const char *output)
{
	return a->wanted ? anonymise_begin(output, &a->made) : 0;
}

int
copy_copy(struct copy_request *a, const char *path, const char *output)
{
	struct anonymise_options o = { .path = path,
		.output = output,
		.made = a->made,
		.keep_as = a->keep_as,
		.nkeep_as = a->n,
		.trust = a->trust };
	int rc = anonymise_rundir(&o);

	free(a->made);
	a->made = NULL;
	return rc == 0 ? 0 : rc == ANONYMISE_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

void
copy_fini(struct copy_request *a)
{
	if (a->made != NULL)
		(void)rmdir(a->made); /* nothing has come of it */
	free(a->made);
	free(a->keep_as);
}
