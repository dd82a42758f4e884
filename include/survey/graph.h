/*
 * Pictures of the clusters of a run.
 *
 * Opens a study and writes graphs/cluster-<id>.{svg,png,pdf,dot} and
 * graphs/legend.svg.
 */
/* Layer: graph */
#ifndef SURVEY_GRAPH_H
#define SURVEY_GRAPH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bit i is the format of graph_format_words[i]. */
enum graph_format {
	GRAPH_SVG = 1 << 0,
	GRAPH_PNG = 1 << 1,
	GRAPH_PDF = 1 << 2,
	GRAPH_DOT = 1 << 3,
};

struct study;

/* How a cluster is drawn, from what shows most to what joins most. */
enum graph_form {
	GRAPH_PAIRS, /* a line for each pair of hosts */
	GRAPH_KEYS, /* each key with its hosts around it */
	GRAPH_GROUPS, /* hosts that look alike are one node */
};

struct graph_options {
	const char *path; /* whatever study_open() takes */
	const char *output; /* directory that gets graphs/, NULL: path, or beside the file */
	unsigned formats; /* of enum graph_format; 0: SVG and PNG */
	uint32_t full_up_to; /* lines of a picture in which each host is a node; 0: 60 */
	unsigned workers; /* processes; 0: one a core */
	unsigned timeout_s; /* for one attempt at one cluster; 0: 60 */
	unsigned memory_mb; /* for one process; 0: 1024 */
	const uint32_t *clusters; /* only these numbers; NULL: all */
	size_t nclusters;
	const enum graph_form
	    *forms; /* of each of clusters: this one or a later one; may be NULL */
	/* AS numbers in whose order colours are given; NULL: by the study's own hosts in clusters. */
	const uint32_t *asns;
	size_t nasns;
	bool no_sandbox; /* workers may do what the caller may; else SANDBOX_DRAW binds them */
	const volatile sig_atomic_t *stop; /* not 0: stop drawing; may be NULL */
};

struct graph_result {
	size_t drawn; /* clusters */
	size_t simplified; /* of these: drawn more simply than asked, after a failure */
	size_t failed;
	size_t unknown; /* asked for, and there is no such cluster */
};

extern const char *const graph_format_words[]; /* ends with NULL */
/* The format's bit for one of these words; 0 for anything else. */
unsigned graph_format(const char *name);

/* The first form that has at most full_up_to lines; full_up_to as in the options.  Pure. */
enum graph_form graph_form(const struct study *, uint32_t cluster, uint32_t full_up_to);

/*
 * Draw.  Returns 0, or -1 after a message when nothing could be done, or
 * without one when *stop asked for it; a cluster that failed is counted.
 * Starts processes by fork(): call it where no other thread holds a lock that
 * drawing needs.
 */
int graph_rundir(const struct graph_options *o, struct graph_result *result);

#endif
