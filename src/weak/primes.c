#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "survey/file.h"
#include "survey/mem.h"

#include "nat.h"
#include "primes.h"

#define MAX_FILE ((size_t)256 << 20) /* bytes: 2^31 bits */
#define FIRST_LINE "survey-primes 1 "

static char *
take_text(mpz_t product, char *text)
{
	char *line = text + strlen(FIRST_LINE), *rest, *end;
	unsigned long count = strtoul(line, &end, 10), found = 0;
	char *fault = NULL;
	mpz_t *values = NULL;
	size_t cap = 0;

	if (end == line || *end != '\n')
		return xstrdup("its first line is not \"survey-primes 1 N\"");
	for (line = end + 1; line != NULL && fault == NULL; line = rest) {
		if ((rest = strchr(line, '\n')) != NULL)
			*rest++ = '\0';
		if (line[0] == '\0' || line[0] == '#')
			continue;
		mem_grow(&values, &cap, found + 1, sizeof(*values));
		mpz_init(values[found++]);
		if (line[strspn(line, "0123456789abcdefABCDEF")] != '\0' ||
		    mpz_set_str(values[found - 1], line, 16) == -1 ||
		    mpz_cmp_ui(values[found - 1], 1) <= 0)
			fault = xasprintf("its number %lu is none", found);
	}
	if (fault == NULL && found > 0)
		nat_product(product, (const mpz_t *)values, found);
	for (unsigned long i = 0; i < found; i++)
		mpz_clear(values[i]);
	free(values);
	if (fault == NULL && found != count)
		fault = xasprintf("it has %lu numbers, not %lu: it is torn", found, count);
	return fault;
}

/* What is wrong with the file, or NULL. */
static char *
take_file(mpz_t product, const char *path)
{
	char *text, *fault = NULL;
	size_t len;
	mpz_t value;

	if ((text = file_read(path, MAX_FILE, &len)) == NULL)
		return xstrdup(strerror(errno));
	mpz_init_set_ui(value, 1);
	if (strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) == 0 && strlen(text) == len) {
		fault = take_text(value, text);
	} else if (len > 2 && text[0] == 1 && text[1] == 1) {
		mpz_import(value, len - 2, -1, 1, 1, 0, text + 2);
		if (mpz_cmp_ui(value, 1) <= 0)
			fault = xstrdup("its product is no product");
	} else {
		fault = xstrdup("neither a list of primes nor one of badkeys' products");
	}
	if (fault == NULL)
		mpz_mul(product, product, value);
	mpz_clear(value);
	free(text);
	return fault;
}

static void
take(mpz_t product, const char *path, size_t *used, char **fault)
{
	char *mine = take_file(product, path);

	if (mine == NULL) {
		(*used)++;
		return;
	}
	if (*fault == NULL)
		*fault = xasprintf("%s: %s", path, mine);
	free(mine);
}

static int
is_wanted(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && dot != entry->d_name &&
	       (strcmp(dot, ".dat") == 0 || strcmp(dot, ".primes") == 0);
}

static void
take_folder(mpz_t product, const char *dir, size_t *used, char **fault)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_wanted, alphasort);

	if (n == -1) {
		if (*fault == NULL)
			*fault = xasprintf("%s: %s", dir, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		char *path = path_join(dir, entries[i]->d_name);

		take(product, path, used, fault);
		free(path);
		free(entries[i]);
	}
	free(entries);
}

size_t
known_primes_read(const char *const *paths, size_t n, mpz_t product, char **fault)
{
	size_t used = 0;
	struct stat st;

	*fault = NULL;
	for (size_t i = 0; i < n; i++) {
		if (stat(paths[i], &st) == -1) {
			if (errno != ENOENT && *fault == NULL)
				*fault = xasprintf("%s: %s", paths[i], strerror(errno));
			continue;
		}
		if (S_ISDIR(st.st_mode))
			take_folder(product, paths[i], &used, fault);
		else
			take(product, paths[i], &used, fault);
	}
	return used;
}
