/*
 * What a cluster's picture shows, before it has coordinates.
 *
 * A drawing is nodes and edges with their looks and tooltips.  Up to a limit
 * of lines every host is a node and every pair of ports that shows one key is
 * an edge (the classic picture); where that would be too many, shared keys
 * are nodes with their hosts around them; beyond that hosts that look alike
 * are one node.  The coarser a drawing the more it joins, and it says in its
 * notes what it joined.
 */
#ifndef GRAPH_DRAWING_H
#define GRAPH_DRAWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/buf.h"
#include "survey/study.h"

#include "palette.h"

enum draw_level {
	DRAW_CLASSIC, /* node = host */
	DRAW_KEYS, /* node = host, or keys of the same hosts */
	DRAW_COLLAPSED, /* node = alike hosts, or a shared key */
	DRAW_COARSE, /* the same with few nodes */
	DRAW_SUMMARY, /* ASes and the most used keys, placed without a layout program */
	NDRAW_LEVELS
};

enum draw_kind { NODE_HOST, NODE_GROUP, NODE_KEY, NODE_REST, NODE_OTHERS };

struct draw_node {
	enum draw_kind kind;
	uint32_t nhosts; /* in a group, rest or others; users of a key */
	uint32_t nkeys; /* in a key node or rest */
	uint32_t as; /* number in the study, STUDY_NONE: several */
	uint32_t ref; /* number of the host or key in the study, the first one of several */
	struct as_style style;
	bool weak; /* a weak key, or a host that shows one */
	char label[24];
	char *caption; /* text beside the node, or NULL */
	char *tip;
	double x, y, r; /* points; y grows upwards */
	double cx, cy; /* which way the caption goes */
	double away; /* how much farther from the node than next to it */
};

/* A diamond: a key, or a lump of keys alone. */
static inline bool
draw_node_is_key(const struct draw_node *n)
{
	return n->kind == NODE_KEY || (n->kind == NODE_REST && n->nhosts == 0);
}

struct draw_edge {
	uint32_t a, b; /* nodes */
	uint32_t lane, nlanes;
	struct line_style style;
	char *tip;
};

struct draw_as {
	uint32_t as;
	uint32_t nhosts; /* of this cluster */
	struct as_style style;
	bool grey;
};

struct draw_line { /* a row of the legend */
	struct line_style style;
	char *text;
};

struct drawing {
	enum draw_level level;
	uint32_t id, nhosts, nshared, nas;
	uint32_t
	    others; /* hosts of the cluster that are not in this copy; one node stands for them */
	bool unknown_as; /* of the largest AS of the cluster nothing is known */
	const bool *weak; /* as in draw_colours */
	struct draw_node *nodes;
	struct draw_edge *edges;
	struct draw_as *ases; /* the legend: by falling number of hosts */
	struct draw_line *lines;
	size_t nnodes, nedges, nases, nlines;
	size_t cap_nodes, cap_edges, cap_ases, cap_lines;
	uint32_t other_ases, other_hosts; /* beyond the legend */
	bool names_greys; /* more than one AS is grey: their nodes bear their numbers */
	bool
	    circle; /* every host has half of the others as partners: no host or key holds parts together */
	struct buf note; /* what was simplified, or empty */
};

/* Colours of the ASes of a run: slot of each AS of the study, -1 for a grey; and what is marked. */
struct draw_colours {
	int *slot;
	bool *weak; /* by key: has a finding that is critical or high; NULL: none has */
};

void draw_colours_init(struct draw_colours *, const struct study *);
/* The same where others say in which order ASes come: one colour an AS in several studies' pictures. */
void draw_colours_init_by(
    struct draw_colours *, const struct study *, const uint32_t *asns, size_t n);
void draw_colours_fini(struct draw_colours *);

/*
 * The picture for a cluster: the first of the classic one, that of keys, and the collapsed one
 * that has at most full_up_to lines (pairs of hosts, or hosts with a key; lines side by side count once).
 */
enum draw_level draw_level_for(const struct study *, uint32_t cluster, uint32_t full_up_to);
/* Lines of the picture of keys. */
uint64_t drawing_key_lines(const struct study *, uint32_t cluster);

void drawing_init(struct drawing *, const struct study *, const struct draw_colours *,
    uint32_t cluster, enum draw_level level);
void drawing_fini(struct drawing *);

/* Growing, shared by the builders. */
struct draw_node *drawing_node(struct drawing *, enum draw_kind);
struct draw_edge *drawing_edge(struct drawing *, uint32_t a, uint32_t b);
void drawing_note(struct drawing *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct as_style drawing_as_style(const struct drawing *, uint32_t as);
/* Looks and tooltip of a node whose host stands for others; returns false, and does nothing, with any other. */
bool drawing_others(const struct study *, struct draw_node *);

/* Does the host show a weak key; own_only: one that no other host shows? */
bool drawing_is_weak(const struct drawing *, const struct study *, uint32_t host, bool own_only);
/* Put the AS number beside the node, before what stands there, if the drawing names its greys. */
void drawing_name_grey(const struct drawing *, const struct study *, struct draw_node *);

void drawing_classic(struct drawing *, const struct study *, uint32_t cluster);
void drawing_keys(struct drawing *, const struct study *, uint32_t cluster);
void drawing_collapsed(struct drawing *, const struct study *, uint32_t cluster);
void drawing_summary(struct drawing *, const struct study *, uint32_t cluster);

/* Tooltip pieces. */
void drawing_as_name(struct buf *, const struct study *, uint32_t as, size_t max);
void drawing_ip(struct buf *, const struct study *, uint32_t host);
void drawing_host_tip(struct buf *, const struct study *, uint32_t host);
void drawing_key_name(struct buf *, const struct study *, uint32_t key);
/* "3 hosts": those that show the key. */
void drawing_key_users(struct buf *, const struct study *, uint32_t key);

#endif
