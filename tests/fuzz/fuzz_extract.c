/*
 * Record lines, separated by newlines: each is extracted, and what comes of it
 * is taken up by a study.  Whatever the input, what the model promises must
 * hold for line and study alike.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "survey/escape.h"
#include "survey/mem.h"
#include "survey/record.h"
#include "survey/study_builder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void
check_text(const char *s)
{
	size_t len = s != NULL ? strlen(s) : 0;

	CHECK(len <= HOST_NAME_BYTES);
	CHECK(len == 0 || utf8_valid(s, len));
	for (size_t i = 0; i < len; i++)
		CHECK((unsigned char)s[i] >= 0x20 && s[i] != 0x7f);
}

static void
check_host(const struct host *h)
{
	char key[HOST_KEY_SIZE], time[TIME_SIZE];

	CHECK(h->ip.family == 4 || h->ip.family == 6);
	CHECK(strlen(h->country) == 0 || strlen(h->country) == 2);
	CHECK(h->ngrabs <= HOST_GRABS_MAX);
	check_text(h->as_name);
	check_text(h->writer);
	for (uint32_t i = 0; i < h->ngrabs; i++) {
		const struct host_grab *g = &h->grabs[i];

		CHECK(g->port < NPORTS && g->fp != NULL && g->trusted <= FACT_UNKNOWN);
		CHECK(i == 0 || g[-1].port < g->port ||
		      (g[-1].port == g->port && strcmp(g[-1].grab, g->grab) < 0));
		CHECK(h->outcome[g->port] == OUTCOME_KEY);
		check_text(g->alg);
		check_text(g->curve);
		check_text(g->version);
		check_text(g->software);
		check_text(g->kex);
		check_text(g->issuer);
		check_text(g->subject);
		check_text(g->serial);
		CHECK(g->not_before == TIME_UNKNOWN || time_format(g->not_before, time)[0] != '\0');
	}
	for (uint32_t i = 0; i < h->nnames; i++) {
		const struct host_name *n = &h->names[i];

		CHECK(n->port < NPORTS && n->san < HOST_SANS_MAX);
		CHECK(host_name_key(n, key)[0] != '\0');
		check_text(n->text);
		CHECK(i == 0 || n[-1].port <= n->port);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct simd_parser *p = simd_parser_new(1 << 20);
	struct record_counts counts = { 0 };
	struct arena a;
	struct study_builder *b = study_builder_new();
	struct study *st;
	size_t number = 0;

	arena_init(&a);
	for (size_t at = 0, end; at < len; at = end + 1) {
		const uint8_t *nl = memchr(data + at, '\n', len - at);
		struct host h;
		char *line;
		uint32_t i;
		bool is_new;

		end = nl != NULL ? (size_t)(nl - data) : len;
		line = xcalloc(end - at + SIMD_PADDING, 1);
		memcpy(line, data + at, end - at);
		if (record_extract(p, NULL, line, end - at, &a, &h, &counts) == REFUSED_NO) {
			check_host(&h);
			i = study_builder_line(b, &h, number, &is_new);
			check_host(study_builder_merged(b, i));
		}
		free(line);
		number++;
	}
	CHECK(study_builder_nhosts(b) <= number);
	st = study_builder_finish(b, NULL);
	for (uint32_t i = 0; i < st->nhosts; i++)
		CHECK(i == 0 || st->hosts[i - 1].record < st->hosts[i].record);
	for (uint32_t i = 0; i < st->ngrabs; i++)
		CHECK(st->grabs[i].key < st->nkeys &&
		      (st->grabs[i].cert == STUDY_NONE || st->grabs[i].cert < st->ncerts));
	study_free(st);
	arena_fini(&a);
	simd_parser_free(p);
	return 0;
}
