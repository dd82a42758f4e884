#include "survey/outcome.h"
#include "survey/port.h"
#include "survey/rfc3339.h"

#include "record_text.h"
#include "secrets.h"

static void
add_origin(struct jsonw *w, const struct geo_info *info)
{
	if (info->asn != 0) {
		jsonw_key(w, "autonomous_system");
		jsonw_object(w);
		jsonw_key(w, "asn");
		jsonw_uint(w, info->asn);
		jsonw_key(w, "name");
		jsonw_string(w, info->as_name);
		jsonw_end_object(w);
	}
	if (info->country[0] != '\0') {
		jsonw_key(w, "location");
		jsonw_object(w);
		jsonw_key(w, "country_code");
		jsonw_string(w, info->country);
		jsonw_end_object(w);
	}
}

static void
add_part(struct jsonw *w, const struct buf *part, bool drop_secrets)
{
	struct buf clean;

	if (!drop_secrets) {
		jsonw_raw(w, part->data, part->len);
		return;
	}
	buf_init(&clean);
	secrets_drop(part->data, part->len, &clean);
	jsonw_raw(w, clean.data, clean.len);
	buf_fini(&clean);
}

/* One port: all modules that answered. */
static void
add_port(struct jsonw *w, const struct flight *f, const struct modules *modules, int row,
    bool drop_secrets)
{
	bool open = false;

	jsonw_key(w, port_table[row].name);
	for (int i = 0; i < modules->n; i++) {
		const struct module *m = &modules->m[i];

		if (m->row != row || !(f->have & (UINT32_C(1) << i)))
			continue;
		if (!open) {
			jsonw_object(w);
			jsonw_key(w, "data");
			jsonw_object(w);
			open = true;
		}
		jsonw_key(w, m->key);
		add_part(w, &f->part[i], drop_secrets);
	}
	if (open) {
		jsonw_end_object(w);
		jsonw_end_object(w);
	} else {
		jsonw_string(w, OUTCOME_GIVEN_UP_TEXT);
	}
}

void
record_text(struct jsonw *w, const struct flight *f, const struct modules *modules,
    const struct geo_info *origin, bool drop_secrets)
{
	char ip[IP_STRLEN], when[TIME_SIZE];
	uint32_t rows = 0;

	for (int i = 0; i < modules->n; i++) {
		if (f->wanted & (UINT32_C(1) << i))
			rows |= UINT32_C(1) << modules->m[i].row;
	}
	jsonw_object(w);
	jsonw_key(w, "ip");
	jsonw_string(w, ip_format(&f->ip, ip));
	jsonw_key(w, "writer");
	jsonw_string(w, "survey");
	jsonw_key(w, "version");
	jsonw_int(w, 1);
	if (f->second) {
		jsonw_key(w, "pass");
		jsonw_int(w, 2);
	}
	jsonw_key(w, "time");
	jsonw_string(w, time_format(f->time, when));
	if (origin != NULL)
		add_origin(w, origin);
	for (int row = 0; row < NPORTS; row++) {
		if (rows & (UINT32_C(1) << row))
			add_port(w, f, modules, row, drop_secrets);
	}
	jsonw_end_object(w);
	jsonw_newline(w);
}
