/* Pure: zmap's command line and its progress lines. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "survey/argv.h"
#include "survey/zmap.h"

#define REQUEST_MAGIC 0x7a6d6170u
#define START_S 2 /* until the first packet, and the last second of a count */
#define WINDOW_SHARE 0.9 /* of the time between quiet hours, that a shard may take */

char **
zmap_argv(const struct zmap_params *p, unsigned shard)
{
	struct argv a = { .n = 0 };

	argv_add(&a, p->zmap, "-C", p->conf_file, "-p", NULL);
	argv_printf(&a, "%u", p->port);
	argv_add(&a, "-i", p->interface, "-G", p->gateway_mac, NULL);
	if (p->source_ip[0] != '\0')
		argv_add(&a, "-S", p->source_ip, NULL);
	/* The short names: 2.x and 4.x disagree on the long ones. */
	argv_add(&a, "-w", p->allow_file, "-b", p->block_file, "-r", NULL);
	argv_printf(&a, "%u", p->rate_pps);
	argv_add(&a, "-P", NULL);
	argv_printf(&a, "%u", p->probes);
	argv_add(&a, "-c", NULL);
	argv_printf(&a, "%u", p->cooldown_s);
	argv_add(&a, "-T", "1", NULL); /* a shard's addresses depend on the number of threads */
	argv_printf(&a, "--seed=%" PRIu64, p->seed);
	argv_printf(&a, "--shards=%u", p->shards);
	argv_printf(&a, "--shard=%u", shard);
	argv_add(&a, "--disable-syslog", NULL);
	return a.v;
}

char **
zmap_request_build(const void *req, size_t len, void *arg)
{
	const struct zmap_params *base = arg;
	struct zmap_params p = *base;
	struct zmap_request r;

	if (len != sizeof(r))
		return NULL;
	memcpy(&r, req, sizeof(r));
	if (r.magic != REQUEST_MAGIC || r.shards == 0 || r.shards > SHARDS_MAX ||
	    r.shard >= r.shards || r.seed == 0)
		return NULL;
	p.shards = r.shards;
	p.seed = r.seed;
	return zmap_argv(&p, r.shard);
}

struct zmap_request
zmap_request_make(const struct zmap_params *p, unsigned shard)
{
	return (struct zmap_request){
		.magic = REQUEST_MAGIC, .shard = shard, .shards = p->shards, .seed = p->seed
	};
}

double
zmap_window_seconds(const struct config *c)
{
	int from = c->scan.quiet_from_min, to = c->scan.quiet_to_min;

	if (from == -1)
		return INFINITY;
	return 60.0 * (24 * 60 - (to >= from ? to - from : to - from + 24 * 60));
}

/* All machines together keep to the rate, so each needs as long for its part as one would for all. */
static double
scan_seconds(const struct config *c, uint64_t targets)
{
	return (double)targets * (double)c->scan.probes / (double)c->scan.rate_pps;
}

double
zmap_shard_seconds(const struct config *c, uint64_t targets, unsigned shards)
{
	return scan_seconds(c, targets) / shards + (double)c->scan.cooldown_s + START_S;
}

unsigned
zmap_shards(const struct config *c, uint64_t targets, unsigned machines)
{
	unsigned most = SHARDS_MAX / machines, wanted = (unsigned)c->scan.shards;
	double seconds = scan_seconds(c, targets), window = zmap_window_seconds(c);

	if (wanted == 0)
		wanted = seconds / 600 < most ? (unsigned)(seconds / 600) + 1 : most;
	/* One that quiet hours break off begins anew after them: with room to spare it ends then. */
	while (wanted < most && zmap_shard_seconds(c, targets, wanted) > WINDOW_SHARE * window)
		wanted++;
	return wanted < most ? wanted : most;
}

/* The number after label; false when there is none. */
static bool
number_after(const char *line, const char *label, double *v)
{
	const char *p = strstr(line, label);
	char *end;

	if (p == NULL)
		return false;
	p += strlen(label);
	*v = strtod(p, &end);
	if (end == p || !(*v >= 0))
		return false;
	if (strncmp(end, " K", 2) == 0)
		*v *= 1e3;
	else if (strncmp(end, " M", 2) == 0)
		*v *= 1e6;
	return true;
}

/*
 * " 0:01 33%; send: 1024 done (8.56 Kp/s avg); recv: 42 41 p/s (41 p/s avg);
 * drops: 0 p/s (0 p/s avg); hitrate: 4.10%", also with "(2m left)" before
 * the first semicolon and the current rate instead of "done".
 */
bool
zmap_progress_parse(const char *line, size_t len, struct zmap_progress *p)
{
	char text[512];
	const char *percent, *send;
	double v, sent, recv;

	if (len >= sizeof(text) || memchr(line, '\0', len) != NULL)
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	send = strstr(text, "send: ");
	percent = strchr(text, '%');
	if (send == NULL || percent == NULL || percent > send ||
	    !number_after(text, "send: ", &sent) || !number_after(text, "recv: ", &recv))
		return false;
	while (percent > text && strchr("0123456789.", percent[-1]) != NULL)
		percent--;
	v = strtod(percent, NULL);
	p->percent = v >= 0 && v <= 100 ? v : 0;
	p->sent = (uint64_t)sent;
	p->received = (uint64_t)recv;
	p->sent_all = strstr(send, " done (") != NULL;
	p->drops_pps = number_after(text, "drops: ", &v) ? v : 0;
	return true;
}
