/* Input: a kind (1 byte: list of fingerprints, or of primes) and a file of it. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"

#include "weak/lists.h"
#include "weak/primes.h"
#include "tempinput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Whatever is in the list is found there. */
static void
check_list(const char *path)
{
	struct fp_lists lists;
	struct finding_list *info;
	uint8_t hash[32], part;

	fp_lists_open(&lists, &path, 1);
	for (size_t i = 0; i < lists.lists[0].n; i++) {
		memset(hash, 0, sizeof(hash));
		if (lists.lists[0].rows != NULL)
			memcpy(hash, lists.lists[0].rows + i * LIST_ROW, LIST_ROW - 1);
		else
			memcpy(hash, lists.lists[0].fps[i], sizeof(hash));
		if (!fp_list_has(&lists.lists[0], hash, hash, &part))
			abort();
	}
	info = fp_lists_close(&lists);
	if (info->error != NULL && info->rows != 0)
		abort();
	free(info->name);
	free(info->note);
	free(info->error);
	free(info);
}

static void
check_primes(const char *path)
{
	char *fault;
	size_t used;
	mpz_t product;

	mpz_init_set_ui(product, 1);
	used = known_primes_read(&path, 1, product, &fault);
	if (used + (fault != NULL) != 1 || (used == 0 && mpz_cmp_ui(product, 1) != 0) ||
	    (used == 1 && mpz_cmp_ui(product, 1) < 0))
		abort();
	free(fault);
	mpz_clear(product);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[40];
	int fd;

	if (len < 1)
		return 0;
	fd = tempinput(data + 1, len - 1, path);
	if (data[0] % 2 == 0)
		check_list(path);
	else
		check_primes(path);
	close(fd);
	return 0;
}
