/* Pure */

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "survey/buf.h"
#include "survey/config.h"
#include "survey/log.h"

void
config_fault(const struct config *c, const char *section, const char *name, const char *fmt, ...)
{
	int line = config_line(c, section, name);
	struct buf msg;
	va_list ap;

	buf_init(&msg);
	va_start(ap, fmt);
	buf_vprintf(&msg, fmt, ap);
	va_end(ap);
	if (line != 0)
		log_error("%s:%d: %s.%s: %s", c->path, line, section, name, msg.data);
	else
		log_error("%s: %s.%s: %s", c->path, section, name, msg.data);
	buf_fini(&msg);
}

bool
config_any_country(const struct config *c)
{
	return c->run.countries.n == 1 && strcmp(c->run.countries.v[0], "XX") == 0;
}

bool
config_is_fast(const struct config *c)
{
	return c->scan.rate_pps > FAST_PPS || c->grab.rate_hosts > FAST_HOSTS;
}

static bool
ends_in(const char *name, size_t len, const char *domain)
{
	size_t n = strlen(domain);

	return len >= n && strncasecmp(name + len - n, domain, n) == 0 &&
	       (len == n || name[len - n - 1] == '.');
}

const char *
config_placeholder(const struct config *c, size_t *len)
{
	static const char *const reserved[] = { "example", "example.com", "example.net",
		"example.org", "invalid", "test" };
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	const char *p = c->grab.user_agent;

	for (; *p != '\0'; p += *len + (p[*len] != '\0')) {
		size_t n = *len = strspn(p, letters);

		while (n > 0 && (p[n - 1] == '.' || p[n - 1] == '-'))
			n--;
		if (memchr(p, '.', n) == NULL)
			continue;
		for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
			if (ends_in(p, n, reserved[i])) {
				*len = n;
				return p;
			}
		}
	}
	return NULL;
}

static size_t
check_targets(const struct config *c)
{
	size_t extra = c->run.targets.n + c->run.target_files.n + c->run.asns.n;
	bool any = config_any_country(c), csv = c->geo.csv[0] != '\0';
	size_t faults = 0;

	if (c->run.countries.n == 0) {
		config_fault(c, "run", "countries",
		    "no country: name one as in {\"IE\"}, or {\"XX\"} to "
		    "take hosts of any country");
		faults++;
	}
	for (size_t i = 0; !any && i < c->run.countries.n; i++) {
		if (strcmp(c->run.countries.v[i], "XX") == 0) {
			config_fault(c, "run", "countries", "XX is any country and stands alone");
			faults++;
		}
	}
	if (any && extra == 0 && c->scan.mode == SCAN_ZMAP) {
		config_fault(c, "run", "countries",
		    "XX alone would be the whole Internet; say what to scan in targets, "
		    "target_files or asns");
		faults++;
	}
	if (!any && c->run.countries.n > 0 && c->geo.country_mmdb[0] == '\0' && !csv) {
		config_fault(
		    c, "geo", "country_mmdb", "not set, and the countries need it (or geo.csv)");
		faults++;
	}
	if (c->run.asns.n > 0 && c->geo.asn_mmdb[0] == '\0' && !csv) {
		config_fault(c, "geo", "asn_mmdb", "not set, and run.asns need it (or geo.csv)");
		faults++;
	}
	return faults;
}

static size_t
check_scan(const struct config *c)
{
	size_t faults = 0;

	if (c->scan.block_files.n == 0) {
		config_fault(c, "scan", "block_files",
		    "no block list, no scan: name a file of addresses that are never probed");
		faults++;
	}
	if (c->scan.canaries.n == 1 || c->scan.canaries.n > CANARIES_MAX) {
		config_fault(c, "scan", "canaries",
		    "%zu of them: name at least two, so that one that is down is no outage, and at "
		    "most %d",
		    c->scan.canaries.n, CANARIES_MAX);
		faults++;
	}
	if (c->scan.mode == SCAN_LIST && c->scan.list[0] == '\0') {
		config_fault(
		    c, "scan", "list", "not set, and mode = list reads its addresses from it");
		faults++;
	}
	return faults;
}

static size_t
check_grab(const struct config *c)
{
	size_t faults = 0;

	if (c->grab.user_agent[0] == '\0') {
		config_fault(c, "grab", "user_agent",
		    "not set: tell the hosts who asks, with a contact URL, as in "
		    "\"survey (+https://survey.example.ie/)\"");
		faults++;
	}
	if (c->grab.ports.n == 0) {
		config_fault(c, "grab", "ports", "no port to look at");
		faults++;
	}
	return faults;
}

static size_t
check_dns(const struct config *c)
{
	size_t faults = 0;

	if (c->dns.mode == DNS_ADDRESS && c->dns.address[0] == '\0') {
		config_fault(c, "dns", "address", "not set, and mode = address asks it");
		faults++;
	}
	if ((c->dns.mode == DNS_MANAGED || c->dns.mode == DNS_UNBOUND_DOT) &&
	    c->dns.nupstreams == 0) {
		config_fault(c, "dns", "mode",
		    "no upstream, and this mode forwards to one: add an upstream section with "
		    "address and hostname");
		faults++;
	}
	if (c->dns.validate && c->dns.trust_anchors.n == 0 && c->dns.mode != DNS_ADDRESS &&
	    c->dns.mode != DNS_SYSTEM) {
		config_fault(c, "dns", "trust_anchors",
		    "no file, so nothing could be validated: take the key out, or set validate = "
		    "false");
		faults++;
	}
	for (size_t i = 0; i < c->dns.nupstreams; i++) {
		const struct config_upstream *u = &c->dns.upstreams[i];

		if (u->address[0] == '\0') {
			config_fault(c, "dns", "upstream", "number %zu has no address", i + 1);
			faults++;
		}
		if (u->hostname[0] == '\0' && u->pin[0] == '\0') {
			config_fault(c, "dns", "upstream",
			    "%s has neither hostname nor pin, so it could not be authenticated",
			    u->address);
			faults++;
		}
	}
	return faults;
}

size_t
config_check(const struct config *c)
{
	return check_targets(c) + check_scan(c) + check_grab(c) + check_dns(c);
}
