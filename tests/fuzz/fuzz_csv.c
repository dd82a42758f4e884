/* Input: a kind (1 byte: CSV of networks, or list of addresses) and a text of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "survey/georanges.h"
#include "survey/iplist.h"
#include "survey/csvline.h"
#include "tempinput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(const struct ipset *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->r[i].lo.family != s->r[i].hi.family || ip_cmp(&s->r[i].lo, &s->r[i].hi) > 0)
			abort();
		if (i > 0 && ip_cmp(&s->r[i - 1].hi, &s->r[i].lo) >= 0)
			abort();
	}
}

static void
split(const uint8_t *data, size_t len)
{
	char *line = malloc(len + 1), *field[8];
	int n;

	memcpy(line, data, len);
	line[len] = '\0';
	n = csvline_split(line, field, 8);
	for (int i = 0; i < n; i++) {
		if (field[i] < line || field[i] + strlen(field[i]) > line + len)
			abort();
	}
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[40], *error = NULL;
	struct geo_source src = { .legacy_file = path };
	const uint32_t asns[] = { 64501 };
	struct geo_query q = { .asns = asns, .v4 = true, .v6 = true };
	struct geo_stats stats = { 0 };
	struct refusals bad = { 0 };
	struct ipset set;
	int fd;

	if (len < 1)
		return 0;
	split(data + 1, len - 1);
	ipset_init(&set);
	fd = tempinput(data + 1, len - 1, path);
	if (data[0] % 2 == 0) {
		for (q.nasns = 0; q.nasns < 2; q.nasns++) {
			free(error);
			geo_list(&src, &q, &set, &stats, &error);
		}
		ipset_normalise(&set);
	} else {
		iplist_read_set(&set, path, &bad, &error);
	}
	check(&set);
	close(fd);
	free(error);
	free(stats.first_bad);
	refusals_fini(&bad);
	ipset_fini(&set);
	return 0;
}
