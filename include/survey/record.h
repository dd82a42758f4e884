/*
 * Record files, in any of several layouts (src/record/layout.h), turned into hosts.
 */
/* Layer: record */
#ifndef SURVEY_RECORD_H
#define SURVEY_RECORD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/host.h"
#include "survey/simd.h"

struct arena;

/* Why a line is refused: enum simd_error, and after it these. */
enum record_refusal {
	REFUSED_NO = SIMD_OK,
	REFUSED_NOT_OBJECT = SIMD_NERRORS, /* null, an array, a bare string */
	REFUSED_NO_IP,
	REFUSED_BAD_IP, /* there, but no address as text */
	RECORD_NREFUSALS
};

/* What was left out of a line that was used. */
enum record_note {
	NOTE_SANS_NOT_LIST, /* dns_names that is no array */
	NOTE_SAN_NOT_TEXT,
	NOTE_SANS_OVER_MAX, /* names past the first HOST_SANS_MAX */
	NOTE_NAME_UNUSABLE, /* control characters, or over HOST_NAME_BYTES bytes */
	NOTE_BAD_FINGERPRINT, /* not 64 hex digits */
	NOTE_NO_ALGORITHM, /* an ssh key without one */
	NOTE_BAD_DATE,
	NOTE_BAD_FACT, /* a fact of the wrong type */
	NOTE_BAD_PORT, /* a port number that is no number */
	NOTE_GRABS_OVER_MAX,
	NOTE_PORT_REPEATED, /* the same port twice, in one line or several */
	NOTE_NO_CERTIFIED_KEY, /* an SSH host certificate whose key is not told */
	NOTE_BAD_CERTIFICATE, /* DER that is no certificate, and nothing else */
	RECORD_NNOTES
};

/* How the records stand in a file. */
enum record_form {
	RECORD_LINES, /* one a line */
	RECORD_ARRAY, /* one an element of a JSON array */
	RECORD_TEXTS, /* one after the other, each over several lines */
	RECORD_OTHER /* no records */
};

#define RECORD_EXAMPLE_MAX 256
#define RECORD_OTHER_MAX 16

/* A port that is not in the port table, on which a key was shown. */
struct record_other {
	uint16_t port;
	uint64_t n;
};

struct record_counts {
	enum record_form form;
	uint64_t lines; /* all that were not blank */
	uint64_t blank;
	uint64_t bytes; /* of the text, decompressed */
	uint64_t refused[RECORD_NREFUSALS];
	uint64_t note[RECORD_NNOTES];
	uint64_t success[NPORTS]; /* per row of port_table: grabs that a server answered */
	uint64_t taken[NPORTS]; /* those with a key that was taken */
	/* Those whose key stands where no layout looks; the last row is of keys of no known port. */
	uint64_t unknown_layout[NPORTS + 1];
	char unknown_example[NPORTS + 1][RECORD_EXAMPLE_MAX]; /* path to one such key */
	struct record_other other[RECORD_OTHER_MAX];
	size_t nother;
	uint64_t other_more; /* on further ports */
	uint64_t read_cpu_ns, parse_cpu_ns; /* of unpacking and cutting into lines; of parsing */
	uint64_t own_cpu_ns; /* of both, what the caller's thread did */
};

const char *record_refusal_name(enum record_refusal r);
const char *record_note_name(enum record_note n);
void record_counts_add(struct record_counts *sum, const struct record_counts *more);
/* n more keys on a port that is not in the port table. */
void record_other_add(struct record_counts *c, unsigned port, uint64_t n);
/* True when keys are missing: none of the port's was taken, or over 1 % of its answers hide one. */
bool record_layout_unknown(const struct record_counts *c, int row);

struct record_options {
	size_t max_line; /* bytes; 0: RECORD_MAX_LINE */
	unsigned threads; /* 0: one for each processor */
	unsigned port; /* of lines of one zgrab2 module that do not name it; 0: unknown */
	const volatile sig_atomic_t *stop; /* not 0: reading ends with RECORD_STOPPED; or NULL */
};

#define RECORD_MAX_LINE ((size_t)16 << 20)

/*
 * One line, of which len + SIMD_PADDING bytes are readable.  On REFUSED_NO *h
 * is filled; its texts and arrays are in a.  Of o, which may be NULL, only port counts.  counts gets what was left out
 * and, for any other result, nothing: the caller counts refusals.
 */
enum record_refusal record_extract(struct simd_parser *p, const struct record_options *o,
    const char *line, size_t len, struct arena *a, struct host *h, struct record_counts *counts);

/*
 * Reading a file.
 *
 * Lines are parsed by several threads and handed over in the order of the
 * file, always from the thread that called record_read().  Memory is bounded
 * by a few batches per thread, each of one long line or many short ones.
 */
struct record_line {
	uint64_t number; /* of the line or element, from 0; blank and refused ones count */
	uint64_t offset; /* of its first byte in the decompressed text */
	/* As it stands in the file, without the end of line; within an element these are blanks. */
	const char *text;
	size_t len;
	enum record_refusal refusal;
	const struct host *host; /* NULL when refused */
};

/* Returns 0 to go on; anything else stops the reading and is returned. The line lives only during the call. */
typedef int (*record_fn)(const struct record_line *line, void *arg);

#define RECORD_NO_RECORDS (-2)
#define RECORD_STOPPED (-3)

/*
 * Read path ("-" is standard input): plain, gzip or zstd, one record a line, an array of
 * records, or records over several lines, all of which its first bytes tell.  Returns 0, a
 * non-zero result of fn, or -1 with a message in *error (the caller frees it).  A compressed
 * file that is damaged, and an array that does not end, is an error after what stands before
 * that.  RECORD_NO_RECORDS: the file is something else, as *error says.
 * RECORD_STOPPED: *o->stop was set; input that never ends or never comes is left, too.
 */
int record_read(const char *path, const struct record_options *o, record_fn fn, void *arg,
    struct record_counts *counts, char **error);

#endif
