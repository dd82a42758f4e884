/* One grab of one port: its key, facts and names. */
#ifndef RECORD_TAKE_H
#define RECORD_TAKE_H

#include <string.h>

#include "facts.h"
#include "layout.h"

/* A member that holds a grab, and what the grab is called. */
struct grab_member {
	struct simd_text name;
	const char *grab;
	uint8_t port; /* row of port_table */
};

/* What one line is turned into, and with what. */
struct extract {
	struct facts f;
	const struct record_options *o;
	struct host *h;
	struct simd_text ip;
	bool ip_seen;
	bool port_seen; /* a port that is known, or one that survey does not look at */
	unsigned port; /* of the whole line; 0: it names none */
	struct grab_member members[HOST_GRABS_MAX];
	size_t nmembers;
};

/* In the header, so that the length of a literal is known when it is compiled. */
static inline bool
text_is(struct simd_text t, const char *word)
{
	return t.len == strlen(word) && t.s != NULL && memcmp(t.s, word, t.len) == 0;
}

/* A grab that ended so and is called grab, into h; n is the object that the layout's paths start from. */
void take_grab(struct extract *x, struct host *h, enum layout layout, uint8_t port,
    const char *grab, struct simd_node n, enum port_outcome outcome, int64_t at);
/* What belongs to no port that is known: counted when it holds a key. */
void take_unplaced(struct extract *x, const char *name, struct simd_node n);
/* The same of a port that is not in the port table. */
void take_other_port(struct extract *x, unsigned port, struct simd_node n);

#endif
