/* Why an address has no row in a study: what its run directory tells. */
#ifndef QUERY_ABSENT_H
#define QUERY_ABSENT_H

struct buf;
struct ip;

/*
 * Append a sentence: out of the country; blocked or opted out, and by which line;
 * in the target ranges and silent; not in the ranges, with the times of the scan.
 * What the directory does not tell is said.
 */
void absent_reason(const char *dir, const struct ip *ip, struct buf *out);

#endif
