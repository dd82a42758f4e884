/*
 * The names of a data record's members, for a message about what was found.
 *
 * libmaxminddb has no way to ask for the keys of a map but to decode the whole
 * record, and in a hostile file maps that point at each other make that
 * exponential.  Here a value is passed over without following pointers, which
 * costs its bytes at most, and only two levels are looked at.
 *
 * Source: MaxMind DB File Format Specification 2.0, "Output Data Section".
 */

#include <string.h>

#include "survey/text.h"
#include "io/geoschema.h"

#define MAX_MEMBERS 20 /* of a map, that are named */
#define MAX_NAME 40
#define MAX_DEPTH 16

enum { EXTENDED = 0, POINTER = 1, STRING = 2, MAP = 7, ARRAY = 11, BOOLEAN = 14 };

/* A place in the data section. */
struct cursor {
	const uint8_t *data;
	size_t size, at;
};

/* What stands at a place: a type, its size, or where a pointer leads. */
struct value {
	unsigned type;
	size_t size;
};

static bool
number(struct cursor *c, unsigned bytes, size_t *n)
{
	if (c->size - c->at < bytes)
		return false;
	for (*n = 0; bytes > 0; bytes--)
		*n = *n << 8 | c->data[c->at++];
	return true;
}

/* Read the control bytes; the cursor then stands on the payload. */
static bool
head(struct cursor *c, struct value *v)
{
	static const size_t base[] = { 0, 2048, 526336, 0 };
	size_t control, more, bytes;

	if (!number(c, 1, &control))
		return false;
	v->type = (unsigned)control >> 5;
	if (v->type == POINTER) {
		bytes = (control >> 3 & 3) + 1;
		if (!number(c, (unsigned)bytes, &v->size))
			return false;
		if (bytes < 4)
			v->size |= (control & 7) << (8 * bytes);
		v->size += base[bytes - 1];
		return v->size < c->size;
	}
	if (v->type == EXTENDED) {
		if (!number(c, 1, &more))
			return false;
		v->type = (unsigned)more + 7;
	}
	v->size = control & 31;
	if (v->size < 29)
		return true;
	bytes = v->size - 28;
	if (!number(c, (unsigned)bytes, &more))
		return false;
	v->size = more + (bytes == 1 ? 29 : bytes == 2 ? 285 : 65821);
	return true;
}

/* As head(), at where a pointer leads.  A pointer to a pointer is not allowed. */
static bool
head_of(struct cursor *c, struct value *v)
{
	if (!head(c, v))
		return false;
	if (v->type != POINTER)
		return true;
	c->at = v->size;
	return head(c, v) && v->type != POINTER;
}

/* Go past a value, whatever it is. */
static bool
pass(struct cursor *c, unsigned depth)
{
	struct value v;

	if (depth == MAX_DEPTH || !head(c, &v))
		return false;
	switch (v.type) {
	case POINTER:
	case BOOLEAN:
		return true;
	case MAP:
	case ARRAY:
		for (size_t n = v.type == MAP ? v.size * 2 : v.size; n > 0; n--) {
			if (!pass(c, depth + 1))
				return false;
		}
		return true;
	default:
		if (c->size - c->at < v.size)
			return false;
		c->at += v.size;
		return true;
	}
}

/* The keys of the map at c, and with inner those of the maps in it. */
static void
keys(struct cursor c, bool inner, struct buf *out)
{
	struct value map, key, value;

	if (!head_of(&c, &map) || map.type != MAP)
		return;
	for (size_t i = 0; i < map.size; i++) {
		struct cursor text = c, at;

		if (!head_of(&text, &key) || key.type != STRING || text.size - text.at < key.size ||
		    !pass(&c, 0))
			return;
		if (i == MAX_MEMBERS) {
			buf_adds(out, ", \xe2\x80\xa6");
			return;
		}
		buf_adds(out, i > 0 ? ", " : "");
		text_plain(out, (const char *)text.data + text.at, key.size, MAX_NAME);
		at = c;
		if (inner && head_of(&at, &value) && value.type == MAP) {
			buf_addc(out, '{');
			keys(c, false, out);
			buf_addc(out, '}');
		}
		if (!pass(&c, 0))
			return;
	}
}

void
geo_entry_members(const MMDB_entry_s *entry, struct buf *out)
{
	struct cursor c = { entry->mmdb->data_section, entry->mmdb->data_section_size,
		entry->offset };

	if (c.at < c.size)
		keys(c, true, out);
}
