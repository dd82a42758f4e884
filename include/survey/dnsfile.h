/* Layer: dns.  dns.ndjson, one answer a line. */
#ifndef SURVEY_DNSFILE_H
#define SURVEY_DNSFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/answers.h"

struct jsonw;

struct dnsfile_counts {
	uint64_t lines; /* lines with an answer */
	uint64_t bad; /* lines that are none; a torn last line counts */
};

/* What is wanted of it; both may be. */
enum dnsfile_want {
	DNSFILE_ALL = 0,
	DNSFILE_KNOWN = 1, /* leave out servfail, refused and timeout: they are to be asked again */
	DNSFILE_OF_HOSTS = 2, /* leave out what tells of mail domains: dns_type_of_hosts() */
};

/*
 * Read dns.ndjson into t; the last line of a question wins.  Lines that are
 * no answer are counted and skipped.  Returns 0, or -1 with errno set.
 */
int dnsfile_read(const char *path, unsigned want, struct answers *t, struct dnsfile_counts *counts);

/*
 * The same, but each answer is shown and not kept: it is valid during the call.  A question may
 * come several times, and its last answer counts.  Lines without the text `with` are passed over
 * unread and uncounted; NULL: none.
 */
int dnsfile_each(const char *path, const char *with, void (*fn)(const struct answer *a, void *arg),
    void *arg, struct dnsfile_counts *counts);

/* One line without its newline, any bytes.  Returns false when it is no answer. */
bool dnsfile_parse(const char *line, size_t len, unsigned want, struct answers *t);

/* One answer as a line with its newline. */
void dnsfile_line(struct jsonw *w, const struct answer *a);

/* Write all of t as path, sorted, each question once; atomically.  Returns 0, or -1 with errno set. */
int dnsfile_compact(const char *path, const struct answers *t);

/*
 * Appending.  dnsfile_open() creates the file (mode 0600) if need be and cuts
 * off a last line that a crash left without its end.  dnsfile_append() only
 * collects; dnsfile_flush() hands the lines to the kernel, and whoever wants
 * them on the disk calls fdatasync on dnsfile_fd().  -1 and NULL come with
 * errno set; after an error the lines that were not written are kept.
 */
struct dnsfile *dnsfile_open(const char *path);
void dnsfile_append(struct dnsfile *f, const struct answer *a);
size_t dnsfile_pending(const struct dnsfile *f); /* bytes collected */
int dnsfile_flush(struct dnsfile *f);
int dnsfile_fd(const struct dnsfile *f);
/* Flush, fsync, close, free.  Returns 0, or -1 with errno set; f is gone in either case. */
int dnsfile_close(struct dnsfile *f);

#endif
