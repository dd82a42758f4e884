/*
 * bench_spool DIR FILE...: the lines of the files, written to DIR one by one as
 * a survey writes its records, plain and packed, in turns; then read again.
 * Prints the size, the CPU seconds of writing and of reading, and the ratios of both to the
 * plain ones of the same run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/mem.h"
#include "survey/source.h"
#include "survey/spool.h"

#define ROUNDS 5
#define PIECE ((size_t)256 << 10)

struct line {
	char *text;
	size_t len;
};

struct lines {
	struct line *v;
	size_t n, cap, bytes;
};

struct cost {
	double write_s, read_s;
	uint64_t size;
};

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
read_lines(struct lines *l, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (f == NULL)
		return -1;
	while ((n = getline(&line, &cap, f)) > 0) {
		mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v));
		l->v[l->n++] = (struct line){ xstrndup(line, (size_t)n), (size_t)n };
		l->bytes += (size_t)n;
	}
	free(line);
	fclose(f);
	return 0;
}

/* Write, then read, under this name; false after a message. */
static bool
try(const struct lines *l, const char *path, struct cost *best)
{
	char *piece = xmalloc(PIECE), *error = NULL;
	double start = cpu_seconds(), took;
	struct source *src;
	struct spool s;
	size_t got = 0;
	long n = 0;

	unlink(path);
	if (spool_open(&s, path, NULL) == -1) {
		perror(path);
		return false;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (spool_write(&s, l->v[i].text, l->v[i].len) == -1) {
			perror(path);
			return false;
		}
	}
	best->size = s.size;
	spool_close(&s);
	took = cpu_seconds() - start;
	if (best->write_s == 0 || took < best->write_s)
		best->write_s = took;
	start = cpu_seconds();
	src = source_open(path, NULL, &error);
	while (src != NULL && (n = source_read(src, piece, PIECE, &error)) > 0)
		got += (size_t)n;
	source_close(src);
	took = cpu_seconds() - start;
	if (best->read_s == 0 || took < best->read_s)
		best->read_s = took;
	unlink(path);
	free(piece);
	if (got != l->bytes)
		fprintf(stderr, "%s: %zu bytes read of %zu: %s\n", path, got, l->bytes,
		    error != NULL ? error : "");
	return got == l->bytes;
}

int
main(int argc, char **argv)
{
	static const char *const names[] = { "records.fresh", "records.fresh.zst" };
	struct lines l = { NULL, 0, 0, 0 };
	struct cost cost[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	for (int i = 2; i < argc; i++) {
		if (read_lines(&l, argv[i]) == -1) {
			perror(argv[i]);
			return 1;
		}
	}
	if (l.n == 0) {
		fprintf(stderr, "usage: bench_spool DIR FILE...\n");
		return 2;
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < 2; i++) {
			char *path = path_join(argv[1], names[i]);

			if (!try(&l, path, &cost[i]))
				return 1;
			free(path);
		}
	}
	printf("%zu lines, %.1f MB, least of %d rounds\n%-20s%10s%12s%12s\n", l.n,
	    (double)l.bytes / 1e6, ROUNDS, "", "MB", "write s/GB", "read s/GB");
	for (size_t i = 0; i < 2; i++)
		printf("%-20s%10.1f%12.2f%12.2f\n", names[i], (double)cost[i].size / 1e6,
		    cost[i].write_s / (double)l.bytes * 1e9,
		    cost[i].read_s / (double)l.bytes * 1e9);
	printf("packed: %.1f times smaller; CPU time %.1f times as long to write, %.1f to read\n",
	    (double)cost[0].size / (double)cost[1].size, cost[1].write_s / cost[0].write_s,
	    cost[1].read_s / cost[0].read_s);
	for (size_t i = 0; i < l.n; i++)
		free(l.v[i].text);
	free(l.v);
	/* Less than a fifth of the size is what it is for. */
	return (double)cost[0].size < 5 * (double)cost[1].size;
}
