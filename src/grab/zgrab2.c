/* Pure: zgrab2's command line. */
#include <string.h>

#include "survey/argv.h"
#include "survey/zgrab2.h"

#include "modules.h"

#define MAX_SENDERS 1000

char **
zgrab2_argv(const struct zgrab2_params *p, const struct zgrab2_request *r)
{
	char text[2][IP_STRLEN];
	struct argv a = { .n = 0 };

	argv_add(&a, p->zgrab2, "multiple", "-c", p->ini_file, "-b", p->block_file, "--flush",
	    "--senders", NULL);
	argv_printf(&a, "%u", p->senders);
	argv_add(&a, "--metadata-file", "", "--status-updates-file", "", NULL);
	if (r->nlocal == 1)
		argv_add(&a, "--local-addr", ip_format(&r->local[0], text[0]), NULL);
	if (r->nlocal == 2) {
		argv_add(&a, "--local-addr", NULL);
		argv_printf(&a, "%s,%s", ip_format(&r->local[0], text[0]),
		    ip_format(&r->local[1], text[1]));
	}
	return a.v;
}

char **
zgrab2_request_build(const void *req, size_t len, void *arg)
{
	struct zgrab2_request r;

	if (len != sizeof(r))
		return NULL;
	memcpy(&r, req, sizeof(r));
	if (r.nlocal > 2)
		return NULL;
	for (uint32_t i = 0; i < r.nlocal; i++) {
		if (r.local[i].family != 4 && r.local[i].family != 6)
			return NULL;
	}
	return zgrab2_argv(arg, &r);
}

unsigned
zgrab2_senders(const struct config *c)
{
	struct modules m;
	long n;

	modules_init(&m, c);
	n = c->grab.in_flight * m.n;
	return (unsigned)(n < MAX_SENDERS ? n : MAX_SENDERS);
}
