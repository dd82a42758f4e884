/* What is refused unless one means it, or only a laboratory hears it. */
#include "survey/command.h"
#include "survey/log.h"

#include "live.h"

bool
survey_is_lab(const struct survey *s)
{
	struct ipset range, reserved;
	bool lab;

	/* Whom a list names is not known yet. */
	if (s->c->scan.mode != SCAN_ZMAP)
		return s->c->run.allow_reserved.n > 0;
	ipset_init(&range);
	ipset_init(&reserved);
	ipset_add_set(&range, &s->allow);
	ipset_add_reserved(&reserved);
	ipset_normalise(&range);
	ipset_normalise(&reserved);
	ipset_subtract(&range, &reserved);
	lab = s->allow.n > 0 && range.n == 0;
	ipset_fini(&range);
	ipset_fini(&reserved);
	return lab;
}

int
limits_check(const struct survey *s)
{
	const struct config *c = s->c;
	const char *name;
	size_t len;
	int rc = 0;

	if (survey_is_lab(s))
		return 0;
	if ((name = config_placeholder(c, &len)) != NULL) {
		log_error(
		    "grab.user_agent: %.*s is nobody's site; whoever is asked must find out who "
		    "asks and where to complain: name a page of yours",
		    (int)len, name);
		rc = EXIT_USAGE;
	}
	if (config_is_fast(c) && !s->o->yes_fast) {
		log_error(
		    "scan.rate_pps = %ld, grab.rate_hosts = %g: studies of whole countries took "
		    "150 and 10; give --yes-fast if you mean to exceed %d or %d",
		    c->scan.rate_pps, c->grab.rate_hosts, FAST_PPS, FAST_HOSTS);
		rc = EXIT_USAGE;
	}
	return rc;
}
