#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "confgen.h"
#include "refused.h"
#include "survey/file.h"
#include "survey/iplist.h"
#include "survey/log.h"
#include "survey/mem.h"

#define HINTS_MAX ((size_t)1 << 20) /* bytes of a root hints file; the real one has 3,300 */

/* What do-not-query-localhost stands for (unbound.conf(5)). */
static void
add_loopback(struct ipset *set)
{
	static const char *const networks[] = { "127.0.0.0/8", "::1/128" };
	struct cidr c;

	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		if (cidr_parse(networks[i], strlen(networks[i]), &c))
			ipset_add_cidr(set, &c);
	}
	ipset_normalise(set);
}

/* Special-purpose ranges but for those that run.allow_reserved names. */
static int
add_reserved(struct ipset *set, const struct config_list *allow)
{
	struct ipset allowed;
	struct cidr c;
	int rc = 0;

	ipset_init(&allowed);
	for (size_t i = 0; allow != NULL && i < allow->n && rc == 0; i++) {
		if (cidr_parse(allow->v[i], strlen(allow->v[i]), &c)) {
			ipset_add_cidr(&allowed, &c);
		} else {
			log_error("run.allow_reserved: \"%s\" is no network", allow->v[i]);
			rc = -1;
		}
	}
	ipset_normalise(&allowed);
	ipset_add_reserved(set);
	ipset_normalise(set);
	ipset_subtract(set, &allowed);
	ipset_fini(&allowed);
	return rc;
}

static int
add_blocked(struct ipset *set, const struct config_list *files, const char *opt_out)
{
	struct refusals bad = { 0 };
	char *error = NULL;
	int rc = 0;

	for (size_t i = 0; files != NULL && i < files->n && rc == 0; i++)
		rc = iplist_read_set(set, files->v[i], &bad, &error);
	if (rc == 0 && opt_out != NULL && opt_out[0] != '\0')
		rc = iplist_read_set(set, opt_out, &bad, &error);
	refusals_log(&bad, log_error);
	refusals_fini(&bad);
	if (rc == -1)
		log_error("dns: %s", error);
	free(error);
	return rc;
}

/* Whoever gives root hints names the root's servers himself. */
static int
take_hints(struct ipset *set, const char *path)
{
	struct ipset servers;
	char *text;

	if (path == NULL)
		return 0;
	if ((text = file_read(path, HINTS_MAX, NULL)) == NULL) {
		log_error("%s: %m", path);
		return -1;
	}
	ipset_init(&servers);
	confgen_hints(text, &servers);
	ipset_subtract(set, &servers);
	ipset_fini(&servers);
	free(text);
	return 0;
}

static bool
forwards_to_loopback(const struct dns_settings *s)
{
	struct ipset loopback;
	bool found = s->mode == DNS_MANAGED; /* Stubby is there */
	struct ip ip;
	uint16_t port;

	ipset_init(&loopback);
	add_loopback(&loopback);
	for (size_t i = 0; i < s->nupstreams && !found; i++)
		found = resolver_parse_address(s->upstreams[i].address, 853, &ip, &port) &&
			ipset_contains(&loopback, &ip);
	ipset_fini(&loopback);
	return found;
}

/* Is any loopback address none of these? */
static bool
leaves_loopback(const struct ipset *set)
{
	struct ipset loopback;
	bool leaves;

	ipset_init(&loopback);
	add_loopback(&loopback);
	ipset_subtract(&loopback, set);
	leaves = loopback.n > 0;
	ipset_fini(&loopback);
	return leaves;
}

int
refused_find(
    const struct dns_settings *s, const char *root_hints, struct ipset *set, bool *needs_localhost)
{
	int rc = 0;

	if (s->mode != DNS_UNBOUND) {
		*needs_localhost = forwards_to_loopback(s);
		return 0;
	}
	if (s->refuse != NULL) {
		ipset_add_set(set, s->refuse);
	} else if ((rc = add_reserved(set, s->allow_reserved)) == 0) {
		rc = add_blocked(set, s->block_files, s->opt_out_file);
	}
	ipset_normalise(set);
	if (rc == 0)
		rc = take_hints(set, root_hints);
	*needs_localhost = leaves_loopback(set);
	return rc;
}
