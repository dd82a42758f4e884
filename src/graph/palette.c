/* Pure: colours and dashes. */
#include "survey/picture.h"

#include "palette.h"

/* The first half, for the largest ASes, are as far from each other as they can be. */
#define NAS_DISTINCT (NAS_COLOURS / 2)
static const uint32_t as_colours[NAS_COLOURS] = {
	0x88ccee,
	0xcc6677,
	0xddcc77,
	0x117733,
	0x332288,
	0xaa4499,
	0x44aa99,
	0x999933,
	0xe69f00,
	0x661100,
	0x6699cc,
	0x882255,
};

static const struct line_style class_styles[NPAIR_CLASSES] = {
	[PAIR_SSH] = { 0x0077bb, 2.2, { 9, 3.5 }, "SSH" },
	[PAIR_MAIL] = { 0xdd6611, 1.5, { 0 }, "mail" },
	[PAIR_WEB] = { 0x009988, 2.0, { 2, 2.5 }, "web" },
	[PAIR_MAIL_WEB] = { 0x3a8fd6, 1.6, { 8, 2.5, 2, 2.5 }, "mail – web" },
	[PAIR_SSH_MAIL] = { 0xaa3377, 2.2, { 9, 2.5, 2, 2.5, 2, 2.5 }, "SSH – mail" },
	[PAIR_SSH_WEB] = { 0xcc0022, 2.2, { 4, 2 }, "SSH – web" },
};

/* Pairs of one port with itself: the common case, one clear colour each. */
static const struct {
	uint16_t port;
	struct line_style style;
} same_port[] = {
	{ 22, { 0x0077bb, 2.2, { 9, 3.5 }, NULL } },
	{ 25, { 0xdd6611, 1.7, { 0 }, NULL } },
	{ 110, { 0x7a3b00, 1.7, { 7, 2.5 }, NULL } },
	{ 143, { 0xd9a300, 1.7, { 4, 2 }, NULL } },
	{ 443, { 0x009988, 2.0, { 2, 2.5 }, NULL } },
	{ 465, { 0xb8860b, 1.7, { 10, 2, 4, 2 }, NULL } },
	{ 587, { 0xc2185b, 1.7, { 8, 2.5, 2, 2.5 }, NULL } },
	{ 993, { 0x6a51a3, 1.7, { 5, 2, 1.5, 2 }, NULL } },
	{ 995, { 0x54278f, 1.7, { 3, 1.5 }, NULL } },
};

/*
 * Pairs of different ports within a class: shades near the class's hue, by the
 * mail ports among them.  Those of two mail ports are as far from each other
 * and from all other lines as shades between red and olive can be; the pairs
 * of the study's ports come first.
 */
#define NSHADES 7
static const uint32_t mail_shades[NSHADES * (NSHADES - 1) / 2] = {
	0xd9a28c,
	0x95bc15,
	0x516020,
	0xa6b86b,
	0xfb7d6a,
	0x563d29,
	0xa95d51,
	0xed9c5e,
	0xa98d51,
	0xf43e06,
	0x7c7a03,
	0x972311,
	0xbbb33e,
	0x73580d,
	0xf49106,
	0xad6d25,
	0x8d6744,
	0xe95a3a,
	0x789711,
	0xc87f5b,
	0xad5225,
};
static const uint32_t mail_web_shades[NSHADES] = {
	0x3a8fd6,
	0x1f4e9c,
	0x2cb5c9,
	0x7a6fe0,
	0x0b7fab,
	0x5f9ea0,
	0x86a8f0,
};
static const uint32_t ssh_mail_shades[NSHADES] = {
	0xaa3377,
	0x6a1f9a,
	0xd05fb0,
	0x93003a,
	0xb07cd9,
	0x7d3c98,
	0xe07bd0,
};

enum port_group
palette_group(unsigned port)
{
	if (port == 22)
		return GROUP_SSH;
	return port == 443 || port == 80 || port == 8443 ? GROUP_WEB : GROUP_MAIL;
}

enum pair_class
palette_class_of(enum port_group a, enum port_group b)
{
	static const enum pair_class of[NGROUPS][NGROUPS] = {
		[GROUP_SSH] = { PAIR_SSH, PAIR_SSH_MAIL, PAIR_SSH_WEB },
		[GROUP_MAIL] = { PAIR_SSH_MAIL, PAIR_MAIL, PAIR_MAIL_WEB },
		[GROUP_WEB] = { PAIR_SSH_WEB, PAIR_MAIL_WEB, PAIR_WEB },
	};

	return of[a][b];
}

enum pair_class
palette_class(unsigned port_a, unsigned port_b)
{
	return palette_class_of(palette_group(port_a), palette_group(port_b));
}

const struct line_style *
palette_class_style(enum pair_class c)
{
	return &class_styles[c];
}

/* Scale a colour's channels towards white (f > 0) or black (f < 0). */
static uint32_t
shade(uint32_t rgb, double f)
{
	uint32_t out = 0;

	for (int s = 16; s >= 0; s -= 8) {
		double c = (double)((rgb >> s) & 0xff);

		c = f > 0 ? c + (255 - c) * f : c * (1 + f);
		out |= (uint32_t)(c + 0.5) << s;
	}
	return out;
}

/* Place of a mail port among its like. */
static unsigned
mail_rank(unsigned port)
{
	static const uint16_t mail[NSHADES] = { 25, 110, 143, 587, 993, 465, 995 };
	unsigned i = 0;

	while (i < NSHADES - 1 && mail[i] != port)
		i++;
	return i;
}

struct line_style
palette_pair_style(unsigned a, unsigned b)
{
	struct line_style s;
	unsigned lo = a < b ? a : b, hi = a < b ? b : a, n;

	for (size_t i = 0; a == b && i < sizeof(same_port) / sizeof(same_port[0]); i++) {
		if (same_port[i].port == a)
			return same_port[i].style;
	}
	s = *palette_class_style(palette_class(lo, hi));
	s.width = 1.7;
	s.name = NULL;
	switch (palette_class(lo, hi)) {
	case PAIR_MAIL:
		lo = mail_rank(lo);
		hi = mail_rank(hi);
		n = lo < hi ? hi * (hi - 1) / 2 + lo : lo * (lo - 1) / 2 + hi;
		s.rgb = mail_shades[n % (sizeof(mail_shades) / sizeof(mail_shades[0]))];
		break;
	case PAIR_MAIL_WEB:
		n = mail_rank(palette_group(lo) == GROUP_MAIL ? lo : hi);
		s.rgb = mail_web_shades[n];
		break;
	case PAIR_SSH_MAIL:
		n = mail_rank(hi);
		s.rgb = ssh_mail_shades[n];
		break;
	default:
		return s;
	}
	s.dash[0] = 3 + 1.5 * (n % 5);
	s.dash[1] = 2.5;
	s.dash[2] = 1 + n % 2;
	s.dash[3] = 2.5;
	return s;
}

void
palette_assign(const uint32_t *asn, size_t n, int *slot)
{
	bool taken[NAS_COLOURS] = { false };
	unsigned given = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned first = given < NAS_DISTINCT ? 0 : NAS_DISTINCT, want;

		slot[i] = -1;
		if (asn[i] == 0 || given == NAS_COLOURS)
			continue;
		want = (unsigned)((asn[i] * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % NAS_DISTINCT;
		while (taken[first + want])
			want = (want + 1) % NAS_DISTINCT;
		taken[first + want] = true;
		slot[i] = (int)(first + want);
		given++;
	}
}

struct as_style
palette_as(int slot)
{
	return (struct as_style){ as_colours[slot], shade(as_colours[slot], -0.45), 1, { 0 } };
}

struct as_style
palette_grey(unsigned i)
{
	static const uint32_t greys[] = { 0xe8e8e8, 0xbdbdbd };
	static const struct {
		double width;
		double dash[6];
	} outlines[] = { { 1, { 0 } }, { 2.4, { 0 } }, { 1.4, { 3, 2 } }, { 1.8, { 1, 1.8 } },
		{ 2.4, { 6, 2 } }, { 1.4, { 5, 1.5, 1, 1.5 } } };

	i %= NAS_GREYS;
	struct as_style s = { greys[i % 2], 0x555555, outlines[i / 2].width, { 0 } };
	for (size_t k = 0; k < 6; k++)
		s.dash[k] = outlines[i / 2].dash[k];
	return s;
}

struct as_style
palette_first(void)
{
	return (struct as_style){ 0xf3c9a5, 0x9a6233, 1, { 0 } };
}

struct as_style
palette_mixed(void)
{
	return (struct as_style){ 0xffffff, 0x666666, 1.6, { 0 } };
}

struct as_style
palette_key(bool weak)
{
	uint32_t rgb = weak ? PICTURE_WEAK : PICTURE_KEY;

	return (struct as_style){ rgb, rgb, 1, { 0 } };
}

struct as_style
palette_others(void)
{
	return (struct as_style){ 0xe4e4e4, 0x444444, 1.6, { 1.5, 2 } };
}

uint32_t
palette_ink(uint32_t rgb)
{
	double y = 0.299 * ((rgb >> 16) & 0xff) + 0.587 * ((rgb >> 8) & 0xff) +
		   0.114 * (rgb & 0xff);

	return y > 140 ? 0x111111 : 0xffffff;
}
