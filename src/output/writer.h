/* What the writers of the result files share. */
#ifndef OUTPUT_WRITER_H
#define OUTPUT_WRITER_H

#include "survey/buf.h"
#include "survey/explain.h"
#include "survey/file.h"
#include "survey/jsonw.h"
#include "survey/output.h"
#include "survey/pairs.h"

/* Keys of objects stand in the order of their bytes: p110, p143, p22, … and 0, 1, 10, 11, …, 2. */
struct byte_order {
	uint8_t ports[NPORTS];
	uint8_t sans[HOST_SANS_MAX];
};

void byte_order_init(struct byte_order *o);

/* One host on its way through the writers. */
struct output_host {
	const struct study_host *h;
	uint32_t i; /* its number */
	const struct byte_order *order;
	const char *analysis; /* JSON of its `analysis`; only of hosts that take part */
	size_t analysis_len;
};

/* An output file in the making. */
struct writer {
	const struct study *st;
	const struct output_options *o;
	const char *dir;
	const struct output_kind *kind;
	struct explainer *explainer; /* of all writers */
	struct outfile out;
	struct jsonw w;
	void *state; /* the kind's own */
	uint64_t n; /* hosts written */
	off_t early; /* bytes that the kernel was told to write */
	unsigned since;
};

/* A kind of output: begin, every host in order, end.  Any of them may be NULL. */
struct output_kind {
	const char *file;
	bool in_copy; /* an anonymised copy has it */
	int (*begin)(struct writer *o, char **error);
	int (*host)(struct writer *o, const struct output_host *h, char **error);
	int (*end)(struct writer *o, char **error);
	void (*abort)(struct writer *o); /* free the state; after end() too */
};

extern const struct output_kind output_fingerprints, output_all_keys, output_collisions,
    output_dodgy, output_dogies, output_sizes, output_clusters, output_verdicts, output_db;

/* The members of `analysis`: per-port facts and the nameset. */
void analysis_write(struct jsonw *w, const struct study *st, const struct output_host *h);

/* How far a host object goes beyond the clustering. */
enum host_form { FORM_BEFORE, FORM_AFTER, FORM_PAIRS };

/*
 * One host object, without pairs.  Its braces stand on lines of their own: the
 * studies' scripts cut hosts out of a file by such lines.
 */
void host_write(
    struct jsonw *w, const struct study *st, const struct output_host *h, enum host_form form);
/* The same in two parts: the caller writes the object of its pairs between them. */
void host_begin(
    struct jsonw *w, const struct study *st, const struct output_host *h, enum host_form form);
void host_end(struct jsonw *w, const struct study *st, const struct output_host *h, bool truncated);

/* An array of such objects: brackets and commas on lines of their own, too. */
int array_begin(struct writer *o, char **error);
void array_next(struct writer *o);
int array_end(struct writer *o, char **error);

/* The AS name as the files show it: in lower case if it came with the record. */
const char *host_as_name(const struct study *st, const struct study_host *h, struct buf *scratch);
/* Its cluster's number in the files, 0 for a host that shares with nobody. */
uint32_t host_cluster_id(const struct study *st, const struct study_host *h);

#endif
