/*
 * What colours and dashes mean, the same in every picture.
 *
 * A node's fill is its AS, an edge's colour and dash are the pair of ports
 * that show the same key.  All colours come from sets that remain distinct
 * for colour-blind readers (Paul Tol's and CARTO's "safe" sets); dashes tell
 * edges apart on paper without colour.
 */
#ifndef GRAPH_PALETTE_H
#define GRAPH_PALETTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a port is for. */
enum port_group { GROUP_SSH, GROUP_MAIL, GROUP_WEB, NGROUPS };

/* A pair of port groups in either order. */
enum pair_class {
	PAIR_SSH,
	PAIR_MAIL,
	PAIR_WEB,
	PAIR_MAIL_WEB,
	PAIR_SSH_MAIL,
	PAIR_SSH_WEB,
	NPAIR_CLASSES
};

struct line_style {
	uint32_t rgb;
	double width;
	double dash[6]; /* 0-terminated; none: solid */
	const char *name;
};

#define NAS_COLOURS 12

/* How the ASes beyond the first twelve look: a grey and an outline. */
struct as_style {
	uint32_t rgb;
	uint32_t outline;
	double outline_width;
	double dash[6];
};
#define NAS_GREYS 12

enum port_group palette_group(unsigned port);
enum pair_class palette_class(unsigned port_a, unsigned port_b);
enum pair_class palette_class_of(enum port_group a, enum port_group b);
const struct line_style *palette_class_style(enum pair_class c);
/* The style of exactly this pair of ports, in either order. */
struct line_style palette_pair_style(unsigned port_a, unsigned port_b);

/*
 * Give the n ASes of a run, largest first, their colours: slot[i] becomes 0
 * to 11, or -1 for those that get a grey.  The six largest share the six
 * most distinct colours, the next six the others; within these each asks
 * first for the one that its number hashes to, so that an AS mostly keeps
 * its colour from one run to the next.
 */
void palette_assign(const uint32_t *asn, size_t n, int *slot);
struct as_style palette_as(int slot);
struct as_style palette_grey(unsigned i); /* i is taken modulo NAS_GREYS */
struct as_style palette_first(
    void); /* the largest AS of a picture among those that would be grey */
struct as_style palette_mixed(void); /* several ASes in one node */
struct as_style palette_key(bool weak);
struct as_style palette_others(void); /* hosts that a copy does not name */

/* Black or white, whichever reads better upon rgb. */
uint32_t palette_ink(uint32_t rgb);

#endif
