/* Input: a database file, looked into by address and walked as a whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "survey/escape.h"
#include "survey/georanges.h"
#include "tempinput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
const char *__lsan_default_suppressions(void);

/* libmaxminddb 1.7.1 loses some of a damaged file's metadata when it refuses to open it. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb";
}

static void
look_up(const struct geo_db *db)
{
	static const char *const asked[] = { "5.10.0.1", "5.20.0.1", "223.255.255.1", "0.0.0.0",
		"2a00:1::1", "2001:db8::1", "::", "ffff::" };

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct geo_info info;
		struct ip ip;

		if (!ip_parse(asked[i], strlen(asked[i]), &ip))
			abort();
		geo_db_lookup(db, &ip, &info);
		if (strlen(info.country) == 1 || !utf8_valid(info.as_name, strlen(info.as_name)))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint32_t asns[] = { 64501 };
	char path[40], *error = NULL;
	struct geo_source src = { .database = path };
	struct geo_query q = { .v4 = true, .v6 = true };
	struct geo_stats stats = { 0 };
	struct geo_db *db;
	struct ipset set;
	int fd;

	if (len == 0)
		return 0;
	fd = tempinput(data, len, path);
	db = geo_source_open(&src, &stats, &error);
	if (db != NULL)
		look_up(db);
	geo_db_close(db);
	free(error);
	for (q.nasns = 0; q.nasns < 2; q.nasns++) {
		ipset_init(&set);
		q.asns = asns;
		error = NULL;
		geo_list(&src, &q, &set, &stats, &error);
		free(error);
		ipset_fini(&set);
	}
	free(stats.first_bad);
	close(fd);
	return 0;
}
