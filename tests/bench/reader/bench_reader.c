/*
 * bench_reader extract|simdjson|json-c FILE [THREADS]: read a plain record
 * file and do nothing with it.  Prints lines, bytes, CPU and wall seconds.
 *
 * extract is the program's own way, threads and all; simdjson and json-c
 * parse line by line in one thread, without looking at what they parsed.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/record.h"

struct result {
	uint64_t lines, bytes, bad;
};

static double
seconds(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
count_line(const struct record_line *l, void *arg)
{
	struct result *r = arg;

	r->bad += l->refusal != REFUSED_NO;
	return 0;
}

static int
extract(const char *path, unsigned threads, struct result *r)
{
	struct record_options o = { .threads = threads };
	struct record_counts counts = { 0 };
	char *error;

	if (record_read(path, &o, count_line, r, &counts, &error) != 0) {
		fprintf(stderr, "%s\n", error);
		free(error);
		return -1;
	}
	r->lines = counts.lines;
	r->bytes = counts.bytes;
	return 0;
}

static int
line_by_line(const char *path, bool simd, struct result *r)
{
	struct simd_parser *p = simd_parser_new(RECORD_MAX_LINE);
	struct json_tokener *tok = json_tokener_new();
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (f == NULL) {
		perror(path);
		return -1;
	}
	while ((n = getline(&line, &cap, f)) > 0) {
		r->lines++;
		r->bytes += (uint64_t)n;
		if (simd) {
			struct simd_node root;

			r->bad += simd_parse_copy(p, line, (size_t)n, &root) != SIMD_OK;
		} else {
			json_object *o;

			json_tokener_reset(tok);
			o = json_tokener_parse_ex(tok, line, (int)n);
			r->bad += o == NULL;
			json_object_put(o);
		}
	}
	fclose(f);
	free(line);
	json_tokener_free(tok);
	simd_parser_free(p);
	return 0;
}

int
main(int argc, char **argv)
{
	struct result r = { 0 };
	double cpu, wall;
	int rc;

	if (argc < 3) {
		fprintf(stderr, "usage: %s extract|simdjson|json-c FILE [THREADS]\n", argv[0]);
		return 2;
	}
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	wall = seconds(CLOCK_MONOTONIC);
	if (strcmp(argv[1], "extract") == 0)
		rc = extract(argv[2], argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0, &r);
	else
		rc = line_by_line(argv[2], strcmp(argv[1], "simdjson") == 0, &r);
	if (rc != 0 || r.bad > 0)
		return 1;
	printf("%llu %llu %.6f %.6f\n", (unsigned long long)r.lines, (unsigned long long)r.bytes,
	    seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, seconds(CLOCK_MONOTONIC) - wall);
	return 0;
}
