#include <string.h>

#include "survey/mem.h"
#include "survey/rfc3339.h"

#include "result.h"

static bool
equals(struct simd_text t, const char *word)
{
	return t.s != NULL && t.len == strlen(word) && memcmp(t.s, word, t.len) == 0;
}

/*
 * ZGrab2 picks any of its local addresses, also for a host of the other family.
 * The status says that there was no connection, so no server has a say in the text.
 */
static bool
is_undialed(struct simd_node object)
{
	static const char end[] = ": no suitable address found";
	struct simd_text error = simd_string(simd_get(object, "error"));
	size_t len = sizeof(end) - 1;

	return equals(simd_string(simd_get(object, "status")), "connection-timeout") &&
	       error.s != NULL && error.len >= len &&
	       memcmp(error.s + error.len - len, end, len) == 0;
}

enum grab_end
result_end(struct simd_node object)
{
	struct simd_text status = simd_string(simd_get(object, "status"));
	struct simd_text error = simd_string(simd_get(object, "error"));

	return grab_end_from(status.s, status.len, error.s, error.len);
}

bool
end_is_retried(enum grab_end end)
{
	return end == GRAB_TIMEOUT || end == GRAB_TLS_FAILED;
}

static uint32_t
module_of(const struct modules *t, int row, enum module_kind kind, const char *family)
{
	for (int i = 0; i < t->n; i++) {
		const struct module *m = &t->m[i];

		if (m->row == row && m->kind == kind &&
		    (family == NULL || strcmp(strrchr(m->tag, '-') + 1, family) == 0))
			return UINT32_C(1) << i;
	}
	return 0;
}

/* The families that the server offers, without the one whose key we have. */
static uint32_t
other_ssh_keys(const struct modules *t, int row, struct simd_node object)
{
	struct simd_node kex = simd_path(object, "result.server_key_exchange.host_key_algorithms");
	struct simd_text have = simd_string(
	    simd_path(object, "result.key_exchange.server_host_key.algorithm"));
	struct simd_iter it = simd_iterate(kex);
	struct simd_node alg;
	uint32_t follow = 0;

	while (simd_next(&it, NULL, &alg)) {
		struct simd_text name = simd_string(alg);
		const char *family = name.s != NULL ? ssh_family(name.s, name.len) : NULL;

		if (family != NULL)
			follow |= module_of(t, row, MODULE_SSH_KEYS, family);
	}
	if (have.s != NULL && ssh_family(have.s, have.len) != NULL)
		follow &= ~module_of(t, row, MODULE_SSH_KEYS, ssh_family(have.s, have.len));
	return follow;
}

static uint32_t
follow_ups(
    const struct modules *t, const struct module *m, enum grab_end end, struct simd_node object)
{
	if (m->kind != MODULE_BASE)
		return 0;
	if (port_table[m->row].kind == KEY_SSH_HOST)
		return other_ssh_keys(t, m->row, object);
	return end == GRAB_TLS_FAILED ? module_of(t, m->row, MODULE_TLS13, NULL) : 0;
}

const char *
result_read(
    struct result *r, const struct modules *t, struct simd_parser *p, const char *line, size_t len)
{
	struct simd_node root, object;
	struct simd_text ip, tag;
	struct simd_iter it;
	struct slice data, key;
	struct slice_iter members;
	enum simd_error error;

	if ((error = simd_parse_copy(p, line, len, &root)) != SIMD_OK)
		return simd_error_name(error);
	ip = simd_string(simd_get(root, "ip"));
	if (ip.s == NULL || !ip_parse(ip.s, ip.len, &r->ip))
		return "no-address";
	it = simd_iterate(simd_get(root, "data"));
	if (!it.object || !simd_next(&it, &tag, &object) || simd_type(object) != SIMD_OBJECT)
		return "no-data";
	if ((r->module = modules_find(t, tag.s, tag.len)) == -1)
		return "unknown-module";
	data = slice_get(line, len, "data");
	members = slice_members(data.s, data.len);
	if (data.s == NULL || !slice_next(&members, &key, &r->json))
		return "no-data";
	r->end = result_end(object);
	r->undialed = is_undialed(object);
	r->follow = follow_ups(t, &t->m[r->module], r->end, object);
	return NULL;
}

static void
read_port(struct grab_seen *seen, int row, struct simd_node port)
{
	struct simd_iter it = simd_iterate(simd_get(port, "data"));
	struct simd_node object;
	struct simd_text key;
	bool fine = false;

	seen->ports |= UINT32_C(1) << row;
	seen->end[row] = GRAB_GIVEN_UP;
	while (simd_next(&it, &key, &object)) {
		enum grab_end end = result_end(object);

		if (equals(key, port_table[row].module))
			seen->end[row] = (uint8_t)end;
		fine = fine || end == GRAB_SUCCESS;
	}
	if (!fine && end_is_retried((enum grab_end)seen->end[row]))
		seen->retry |= UINT32_C(1) << row;
}

bool
grab_read_record(struct simd_parser *p, const char *line, size_t len, struct grab_seen *seen)
{
	struct simd_node root, port;
	struct simd_text ip, key, when;
	struct simd_iter it;
	int64_t pass;

	memset(seen, 0, sizeof(*seen));
	if (simd_parse_copy(p, line, len, &root) != SIMD_OK)
		return false;
	ip = simd_string(simd_get(root, "ip"));
	if (ip.s == NULL || !ip_parse(ip.s, ip.len, &seen->ip))
		return false;
	seen->second = simd_int(simd_get(root, "pass"), &pass) && pass == 2;
	when = simd_string(simd_get(root, "time"));
	seen->time = when.s != NULL ? time_parse(when.s, when.len) : TIME_UNKNOWN;
	it = simd_iterate(root);
	while (simd_next(&it, &key, &port)) {
		int row = port_index_by_name(key.s, key.len);

		if (row != -1)
			read_port(seen, row, port);
	}
	return true;
}
