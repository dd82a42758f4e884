/* Splits a large JSON array into its objects. */
#include <string.h>

#include "study_read.h"

#define MAX_ELEMENT ((size_t)1 << 31)

void
study_elements(struct study *st, const char *text, size_t len,
    void (*each)(struct study *, struct simd_node, void *), void *arg)
{
	struct simd_parser *p = simd_parser_new(MAX_ELEMENT);
	struct simd_node node;
	size_t start = 0, depth = 0;

	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '"': /* to the closing quote; escapes count in pairs */
			for (i++; i < len && text[i] != '"'; i++) {
				if (text[i] == '\\')
					i++;
			}
			break;
		case '{':
			if (depth++ == 0)
				start = i;
			break;
		case '}':
			if (depth == 0 || --depth > 0)
				break;
			if (simd_parse_copy(p, text + start, i + 1 - start, &node) == SIMD_OK)
				each(st, node, arg);
			else
				st->bad++;
			break;
		default:
			break;
		}
	}
	st->bad += depth > 0; /* torn off */
	simd_parser_free(p);
}
