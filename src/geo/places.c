#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "geo/places.h"
#include "geo/rows.h"
#include "io/geofile.h"

static int
place_cmp(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static bool
parse_id(const char *s, uint32_t *id)
{
	uint64_t n = 0;

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || (n = n * 10 + (uint64_t)(*s - '0')) > UINT32_MAX)
			return false;
	}
	*id = (uint32_t)n;
	return true;
}

static void
add_place(struct places *p, struct rows *r, int id, int cc, int name)
{
	struct place place = { .id = 0 };

	if (r->nfields <= id || r->nfields <= cc || !parse_id(r->field[id], &place.id)) {
		rows_bad(r, "no geoname_id");
		return;
	}
	/* A continent has no country: networks of it fall back to where they are registered. */
	if (geo_country_form(r->field[cc], strlen(r->field[cc]), place.country) != GEO_GOOD)
		return;
	if (name != -1 && name < r->nfields)
		geo_name_copy(
		    r->field[name], strlen(r->field[name]), place.name, sizeof(place.name));
	mem_grow(&p->row, &p->cap, p->n + 1, sizeof(*p->row));
	p->row[p->n++] = place;
}

int
places_read(struct places *p, const char *path, struct geo_stats *stats, char **error)
{
	struct rows r;
	int id = -1, cc = -1, name;

	memset(p, 0, sizeof(*p));
	if (rows_open(&r, path, stats, error) == -1)
		return -1;
	if (!rows_next(&r) || (id = rows_column(&r, "geoname_id")) == -1 ||
	    (cc = rows_column(&r, "country_iso_code")) == -1) {
		*error = xasprintf("%s: no header with geoname_id and country_iso_code", path);
		return rows_close(&r, -1, error);
	}
	name = rows_column(&r, "country_name");
	while (rows_next(&r))
		add_place(p, &r, id, cc, name);
	if (p->n > 0)
		qsort(p->row, p->n, sizeof(*p->row), place_cmp);
	return rows_close(&r, 0, error);
}

void
places_fini(struct places *p)
{
	free(p->row);
	memset(p, 0, sizeof(*p));
}

const struct place *
places_find(const struct places *p, const char *id)
{
	struct place key;

	if (p->n == 0 || !parse_id(id, &key.id))
		return NULL;
	return bsearch(&key, p->row, p->n, sizeof(*p->row), place_cmp);
}
