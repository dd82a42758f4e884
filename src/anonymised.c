#include <stdlib.h>
#include <string.h>

#include "survey/anonymise.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "anonymised.h"

int
anonymised_keep_as(struct anonymised *a, const struct command *c, const char *list)
{
	for (;;) {
		size_t len = strcspn(list, ",");
		char *number = xstrndup(list, len);
		const char *digits = strncmp(number, "AS", 2) == 0 ? number + 2 : number;
		long long n;
		int rc = command_number(c, "keep-as", digits, 1, UINT32_MAX, &n);

		free(number);
		if (rc == -1)
			return -1;
		mem_grow(&a->keep_as, &a->cap, a->n + 1, sizeof(*a->keep_as));
		a->keep_as[a->n++] = (uint32_t)n;
		if (list[len] == '\0')
			return 0;
		list += len + 1;
	}
}

int
anonymised_check(const struct anonymised *a, const struct command *c, const char *output)
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
	return 0;
}

int
anonymised_copy(const struct anonymised *a, const char *path, const char *output)
{
	struct anonymise_options o = {
		.path = path, .output = output, .keep_as = a->keep_as, .nkeep_as = a->n
	};

	return anonymise_rundir(&o);
}

void
anonymised_fini(struct anonymised *a)
{
	free(a->keep_as);
}
