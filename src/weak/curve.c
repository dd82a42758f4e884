/* Pure. */
#include <string.h>

#include "curve.h"

/* a = NULL: −3 modulo p.  SEC 2 (secp256k1), FIPS 186-4, D.1.2 (P-…), RFC 5639, 3 (brainpool…). */
static const struct {
	const char *name;
	unsigned bits;
	const char *p, *a, *b;
} parameters[NCURVES] = {
	{ "P-256", 256, "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", NULL,
	    "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b" },
	{ "P-384", 384,
	    "ffffffffffffffffffffffffffffffffffffffffffffffff"
	    "fffffffffffffffeffffffff0000000000000000ffffffff",
	    NULL,
	    "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe814112"
	    "0314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef" },
	{ "P-521", 521,
	    "1ff"
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    NULL,
	    "51"
	    "953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e1"
	    "56193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00" },
	{ "P-224", 224, "ffffffffffffffffffffffffffffffff000000000000000000000001", NULL,
	    "b4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4" },
	{ "P-192", 192, "fffffffffffffffffffffffffffffffeffffffffffffffff", NULL,
	    "64210519e59c80e70fa7e9ab72243049feb8deecc146b9b1" },
	{ "secp256k1", 256, "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f", "0",
	    "7" },
	{ "brainpoolP256r1", 256,
	    "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
	    "7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
	    "26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6" },
	{ "brainpoolP384r1", 384,
	    "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b4"
	    "12b1da197fb71123acd3a729901d1a71874700133107ec53",
	    "7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787"
	    "139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826",
	    "04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a6"
	    "2e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11" },
	{ "brainpoolP512r1", 512,
	    "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330871"
	    "7d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
	    "7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc"
	    "2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca",
	    "3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a7"
	    "2bf2c7b9e7c1ac4d77fc94cadc083e67984050b75ebae5dd2809bd638016f723" },
};

void
curve_tables_init(struct curve_tables *t)
{
	for (size_t i = 0; i < NCURVES; i++) {
		struct curve *c = &t->curves[i];

		c->name = parameters[i].name;
		c->bits = parameters[i].bits;
		mpz_init_set_str(c->p, parameters[i].p, 16);
		mpz_init_set_str(c->b, parameters[i].b, 16);
		if (parameters[i].a != NULL) {
			mpz_init_set_str(c->a, parameters[i].a, 16);
		} else {
			mpz_init(c->a);
			mpz_sub_ui(c->a, c->p, 3);
		}
	}
	mpz_init(t->p25519);
	mpz_setbit(t->p25519, 255);
	mpz_sub_ui(t->p25519, t->p25519, 19);
	/* d = −121665/121666 */
	mpz_init_set_ui(t->d25519, 121666);
	mpz_invert(t->d25519, t->d25519, t->p25519);
	mpz_mul_si(t->d25519, t->d25519, -121665);
	mpz_mod(t->d25519, t->d25519, t->p25519);
	mpz_init_set_str(
	    t->y8, "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16);
	mpz_init(t->minus_y8);
	mpz_sub(t->minus_y8, t->p25519, t->y8);
}

void
curve_tables_fini(struct curve_tables *t)
{
	for (size_t i = 0; i < NCURVES; i++)
		mpz_clears(t->curves[i].p, t->curves[i].a, t->curves[i].b, NULL);
	mpz_clears(t->p25519, t->d25519, t->y8, t->minus_y8, NULL);
}

const struct curve *
curve_find(const struct curve_tables *t, const char *name)
{
	for (size_t i = 0; name != NULL && i < NCURVES; i++) {
		if (strcmp(t->curves[i].name, name) == 0)
			return &t->curves[i];
	}
	return NULL;
}

static void
import(mpz_t to, const uint8_t *data, size_t len)
{
	mpz_import(to, len, 1, 1, 1, 0, data);
}

enum point_result
curve_check(const struct curve *c, struct octets point)
{
	size_t field = (c->bits + 7) / 8;
	enum point_result result = POINT_OFF_CURVE;
	mpz_t x, y, right;
	bool compressed;

	if (point.len == 0)
		return POINT_OFF_CURVE;
	compressed = point.data[0] == 2 || point.data[0] == 3;
	if (compressed ? point.len != field + 1 : point.data[0] != 4 || point.len != 2 * field + 1)
		return POINT_OFF_CURVE;
	mpz_inits(x, y, right, NULL);
	import(x, point.data + 1, field);
	if (!compressed)
		import(y, point.data + 1 + field, field);
	if (mpz_cmp(x, c->p) < 0 && mpz_cmp(y, c->p) < 0) {
		mpz_mul(right, x, x);
		mpz_add(right, right, c->a);
		mpz_mul(right, right, x);
		mpz_add(right, right, c->b);
		mpz_mod(right, right, c->p);
		mpz_mul(y, y, y);
		if (compressed ? mpz_jacobi(right, c->p) != -1
			       : mpz_congruent_p(y, right, c->p) != 0)
			result = POINT_GOOD;
	}
	mpz_clears(x, y, right, NULL);
	return result;
}

/* x² = (y² − 1) / (dy² + 1), a square exactly when (y² − 1)(dy² + 1) is one. */
static enum point_result
check_y(const struct curve_tables *t, const mpz_t y)
{
	enum point_result result = POINT_GOOD;
	mpz_t y2, right;

	mpz_inits(y2, right, NULL);
	mpz_mul(y2, y, y);
	mpz_mod(y2, y2, t->p25519);
	/* Order 4: y = 0; 1 and 2: 1 and −1; 8: the two in the table. */
	if (mpz_sgn(y2) == 0 || mpz_cmp_ui(y2, 1) == 0 || mpz_cmp(y, t->y8) == 0 ||
	    mpz_cmp(y, t->minus_y8) == 0) {
		result = POINT_SMALL_ORDER;
	} else {
		mpz_mul(right, y2, t->d25519);
		mpz_add_ui(right, right, 1);
		mpz_sub_ui(y2, y2, 1);
		mpz_mul(right, right, y2);
		mpz_mod(right, right, t->p25519);
		if (mpz_jacobi(right, t->p25519) == -1)
			result = POINT_OFF_CURVE;
	}
	mpz_clears(y2, right, NULL);
	return result;
}

enum point_result
curve_check_ed25519(const struct curve_tables *t, struct octets point)
{
	enum point_result result;
	mpz_t y;

	if (point.len != 32)
		return POINT_OFF_CURVE;
	mpz_init(y);
	mpz_import(y, 32, -1, 1, 1, 0, point.data);
	mpz_clrbit(y, 255); /* the sign of x */
	mpz_mod(y, y, t->p25519); /* some programs take what is not reduced, too */
	result = check_y(t, y);
	mpz_clear(y);
	return result;
}

struct octets
curve_point_x(const struct curve *c, struct octets point)
{
	size_t field = (c->bits + 7) / 8;
	struct octets x = { NULL, 0 };

	if (point.len < field + 1 || point.data[0] < 2 || point.data[0] > 4)
		return x;
	x = (struct octets){ point.data + 1, field };
	while (x.len > 0 && x.data[0] == 0) {
		x.data++;
		x.len--;
	}
	return x;
}
