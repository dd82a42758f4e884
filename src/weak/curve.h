/* Is a point one of its curve's? */
#ifndef WEAK_CURVE_H
#define WEAK_CURVE_H

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/weak.h"

enum point_result { POINT_GOOD, POINT_OFF_CURVE, POINT_SMALL_ORDER };

/* A short Weierstrass curve, y² = x³ + ax + b modulo p. */
struct curve {
	const char *name;
	unsigned bits;
	mpz_t p, a, b;
};

#define NCURVES 9

struct curve_tables {
	struct curve curves[NCURVES];
	/* Edwards25519: −x² + y² = 1 + dx²y² modulo 2^255 − 19, and the y of its points of order 8. */
	mpz_t p25519, d25519, y8, minus_y8;
};

void curve_tables_init(struct curve_tables *t);
void curve_tables_fini(struct curve_tables *t);

/* NULL: not known here. */
const struct curve *curve_find(const struct curve_tables *t, const char *name);

/*
 * A point as in SEC 1, 2.3.3: compressed, uncompressed or, one byte 0, the
 * point at infinity, which counts as off the curve, as does what is no point.
 */
enum point_result curve_check(const struct curve *c, struct octets point);

/* A key of Ed25519 (RFC 8032, 5.1.2); small order: 1, 2, 4 or 8. */
enum point_result curve_check_ed25519(const struct curve_tables *t, struct octets point);

/* The x coordinate of a point of c, big-endian without leading zeros; len 0: it has none. */
struct octets curve_point_x(const struct curve *c, struct octets point);

#endif
