#include <confuse.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "survey/buf.h"
#include "survey/config.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"

enum type { STR, PATH, INT, REAL, BOOL, CHOICE, STRS, PATHS };

struct key {
	const char *section;
	const char *name;
	enum type type;
	size_t at; /* offset in struct config */
	const char *dflt;
	double min, max; /* INT and REAL */
	const char *choices; /* CHOICE: words in the order of its enum, separated by | */
};

#define AT(member) offsetof(struct config, member)
#define MANY 1e9

static const struct key keys[] = {
	{ "run", "name", STR, AT(run.name), "survey", 0, 0, NULL },
	{ "run", "directory", PATH, AT(run.directory), "runs", 0, 0, NULL },
	{ "run", "user", STR, AT(run.user), "", 0, 0, NULL },
	{ "run", "countries", STRS, AT(run.countries), "{}", 0, 0, NULL },
	{ "run", "targets", STRS, AT(run.targets), "{}", 0, 0, NULL },
	{ "run", "target_files", PATHS, AT(run.target_files), "{}", 0, 0, NULL },
	{ "run", "asns", STRS, AT(run.asns), "{}", 0, 0, NULL },
	{ "run", "allow_reserved", STRS, AT(run.allow_reserved), "{}", 0, 0, NULL },
	{ "run", "max_age_days", INT, AT(run.max_age_days), "14", 1, 3650, NULL },
	{ "geo", "country_mmdb", PATH, AT(geo.country_mmdb), "", 0, 0, NULL },
	{ "geo", "asn_mmdb", PATH, AT(geo.asn_mmdb), "", 0, 0, NULL },
	{ "geo", "csv", PATH, AT(geo.csv), "", 0, 0, NULL },
	{ "scan", "mode", CHOICE, AT(scan.mode), "zmap", 0, 0, "zmap|list" },
	{ "scan", "list", PATH, AT(scan.list), "", 0, 0, NULL },
	{ "scan", "port", INT, AT(scan.port), "25", 1, 65535, NULL },
	{ "scan", "rate_pps", INT, AT(scan.rate_pps), "150", 1, 10e6, NULL },
	{ "scan", "probes", INT, AT(scan.probes), "1", 1, 10, NULL },
	{ "scan", "shards", INT, AT(scan.shards), "0", 0, 65535, NULL },
	{ "scan", "cooldown_s", INT, AT(scan.cooldown_s), "8", 1, 600, NULL },
	{ "scan", "seed", INT, AT(scan.seed), "0", 0, MANY, NULL },
	{ "scan", "interface", STR, AT(scan.interface), "", 0, 0, NULL },
	{ "scan", "source_ip", STR, AT(scan.source_ip), "", 0, 0, NULL },
	{ "scan", "gateway_mac", STR, AT(scan.gateway_mac), "", 0, 0, NULL },
	{ "scan", "quiet_hours", STR, AT(scan.quiet_hours), "", 0, 0, NULL },
	{ "scan", "zmap", STR, AT(scan.zmap), "zmap", 0, 0, NULL },
	{ "scan", "block_files", PATHS, AT(scan.block_files), "{}", 0, 0, NULL },
	{ "scan", "opt_out_file", PATH, AT(scan.opt_out_file), "", 0, 0, NULL },
	{ "grab", "rate_hosts", REAL, AT(grab.rate_hosts), "10", 0.001, 1e5, NULL },
	{ "grab", "rate_per_24", REAL, AT(grab.rate_per_24), "0", 0, 1e5, NULL },
	{ "grab", "rate_per_as", REAL, AT(grab.rate_per_as), "0", 0, 1e5, NULL },
	{ "grab", "in_flight", INT, AT(grab.in_flight), "100", 1, 1000, NULL },
	{ "grab", "ports", STRS, AT(grab.ports), "{22, 25, 110, 143, 443, 587, 993}", 0, 0, NULL },
	{ "grab", "timeouts", STRS, AT(grab.timeouts), "{\"25=15s\", \"587=15s\", \"*=5s\"}", 0, 0,
	    NULL },
	{ "grab", "http_max_size", INT, AT(grab.http_max_size), "16", 1, 256 << 10, NULL },
	{ "grab", "restarts", INT, AT(grab.restarts), "5", 0, 1000, NULL },
	{ "grab", "user_agent", STR, AT(grab.user_agent), "", 0, 0, NULL },
	{ "grab", "ehlo", STR, AT(grab.ehlo), "", 0, 0, NULL },
	{ "grab", "zgrab2", STR, AT(grab.zgrab2), "zgrab2", 0, 0, NULL },
	{ "grab", "all_ssh_host_keys", BOOL, AT(grab.all_ssh_host_keys), "false", 0, 0, NULL },
	{ "grab", "tls13", BOOL, AT(grab.tls13), "false", 0, 0, NULL },
	{ "grab", "ehlo_override", BOOL, AT(grab.ehlo_override), "true", 0, 0, NULL },
	{ "grab", "drop_secrets", BOOL, AT(grab.drop_secrets), "false", 0, 0, NULL },
	{ "grab", "second_pass", BOOL, AT(grab.second_pass), "false", 0, 0, NULL },
	{ "dns", "mode", CHOICE, AT(dns.mode), "managed", 0, 0,
	    "managed|unbound-dot|unbound|address|system" },
	{ "dns", "address", STR, AT(dns.address), "", 0, 0, NULL },
	{ "dns", "root_hints", PATH, AT(dns.root_hints), "", 0, 0, NULL },
	{ "dns", "unbound", STR, AT(dns.unbound), "unbound", 0, 0, NULL },
	{ "dns", "stubby", STR, AT(dns.stubby), "stubby", 0, 0, NULL },
	{ "dns", "window", INT, AT(dns.window), "0", 0, 100000, NULL },
	{ "dns", "rcvbuf", INT, AT(dns.rcvbuf), "4194304", 4096, 1 << 30, NULL },
	{ "dns", "timeout_ms", INT, AT(dns.timeout_ms), "5000", 100, 60000, NULL },
	{ "dns", "tries", INT, AT(dns.tries), "4", 1, 20, NULL },
	{ "dns", "validate", BOOL, AT(dns.validate), "true", 0, 0, NULL },
	{ "analysis", "pairs_up_to", INT, AT(analysis.pairs_up_to), "2000", 2, 1e6, NULL },
	{ "analysis", "max_line", INT, AT(analysis.max_line), "16777216", 1024, 1 << 30, NULL },
	{ "analysis", "threads", INT, AT(analysis.threads), "0", 0, 256, NULL },
	{ "graph", "full_up_to", INT, AT(graph.full_up_to), "40", 2, 1000, NULL },
	{ "graph", "formats", STRS, AT(graph.formats), "{svg, png}", 0, 0, NULL },
	{ "graph", "workers", INT, AT(graph.workers), "0", 0, 64, NULL },
	{ "graph", "timeout_s", INT, AT(graph.timeout_s), "60", 1, 3600, NULL },
	{ "graph", "memory_mb", INT, AT(graph.memory_mb), "1024", 64, 1 << 20, NULL },
	{ "report", "title", STR, AT(report.title), "", 0, 0, NULL },
	{ "doctor", "smtp_probe", STR, AT(doctor.smtp_probe), "", 0, 0, NULL },
};

#define NKEYS (sizeof(keys) / sizeof(keys[0]))

static const char *const type_name[] = { "string", "path", "number", "number", "true|false",
	"choice", "list", "list of paths" };

/* libConfuse's error callback carries no pointer of ours: one parse at a time. */
static struct {
	size_t errors;
} parse;

static size_t
distance(const char *a, const char *b)
{
	size_t row[64], la = strlen(a), lb = strlen(b);

	if (la >= 63 || lb >= 63)
		return 63;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = up;
			row[j] = best;
		}
	}
	return row[lb];
}

static void
on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct buf msg;
	const char *near = NULL;

	buf_init(&msg);
	buf_vprintf(&msg, fmt, ap);
	if (strncmp(msg.data, "no such option '", 16) == 0) {
		char *name = xstrndup(msg.data + 16, strcspn(msg.data + 16, "'"));
		size_t best = 4, d;

		for (size_t i = 0; i < NKEYS; i++) {
			bool here = strcmp(cfg_name(cfg), keys[i].section) == 0;

			if (here && (d = distance(name, keys[i].name)) < best)
				best = d, near = keys[i].name;
			if (!here && (d = distance(name, keys[i].section)) < best)
				best = d, near = keys[i].section;
		}
		free(name);
	}
	log_error("%s:%d: %s%s%s%s", cfg->filename != NULL ? cfg->filename : "config", cfg->line,
	    msg.data, near != NULL ? "; did you mean " : "", near != NULL ? near : "",
	    near != NULL ? "?" : "");
	parse.errors++;
	buf_fini(&msg);
}

/* Report a value that is wrong; libConfuse knows no lines once it has parsed. */
static void
bad_value(const struct config *c, const char *section, const char *name, const char *fmt, ...)
{
	struct buf msg;
	va_list ap;

	buf_init(&msg);
	va_start(ap, fmt);
	buf_vprintf(&msg, fmt, ap);
	va_end(ap);
	log_error("%s: %s.%s: %s", c->path, section, name, msg.data);
	parse.errors++;
	buf_fini(&msg);
}

static char *
resolve(const char *dir, const char *path)
{
	return path[0] == '\0' || strcmp(path, "-") == 0 ? xstrdup(path) : path_join(dir, path);
}

static void
read_list(struct config_list *l, cfg_t *sec, const struct key *k, const char *dir)
{
	l->n = cfg_size(sec, k->name);
	l->v = xcalloc(l->n + 1, sizeof(*l->v));
	for (size_t i = 0; i < l->n; i++) {
		const char *s = cfg_getnstr(sec, k->name, (unsigned)i);

		l->v[i] = k->type == PATHS ? resolve(dir, s) : xstrdup(s);
	}
}

static int
choice_index(const char *choices, const char *word)
{
	int i = 0;

	for (const char *p = choices;; p++, i++) {
		size_t n = strcspn(p, "|");

		if (strlen(word) == n && strncmp(p, word, n) == 0)
			return i;
		p += n;
		if (*p == '\0')
			return -1;
	}
}

static void
read_key(struct config *c, cfg_t *sec, const struct key *k, const char *dir)
{
	void *at = (char *)c + k->at;
	double number;
	int index;

	switch (k->type) {
	case STR:
		*(char **)at = xstrdup(cfg_getstr(sec, k->name));
		break;
	case PATH:
		*(char **)at = resolve(dir, cfg_getstr(sec, k->name));
		break;
	case INT:
	case REAL:
		number = k->type == INT ? (double)cfg_getint(sec, k->name)
					: cfg_getfloat(sec, k->name);
		if (!(number >= k->min && number <= k->max))
			bad_value(c, k->section, k->name, "%g is not between %g and %g", number,
			    k->min, k->max);
		if (k->type == INT)
			*(long *)at = cfg_getint(sec, k->name);
		else
			*(double *)at = number;
		break;
	case BOOL:
		*(bool *)at = cfg_getbool(sec, k->name);
		break;
	case CHOICE:
		if ((index = choice_index(k->choices, cfg_getstr(sec, k->name))) == -1)
			bad_value(c, k->section, k->name, "\"%s\" is none of %s",
			    cfg_getstr(sec, k->name), k->choices);
		*(int *)at = index;
		break;
	case STRS:
	case PATHS:
		read_list(at, sec, k, dir);
		break;
	}
}

/* One cfg_opt_t array a section, made from the table. */
static cfg_opt_t *
section_opts(const char *section)
{
	cfg_opt_t *opts = xcalloc(NKEYS + 2, sizeof(*opts));
	static cfg_opt_t upstream[] = { CFG_STR("address", "", CFGF_NONE),
		CFG_STR("hostname", "", CFGF_NONE), CFG_STR("pin", "", CFGF_NONE),
		CFG_STR("ca_file", "", CFGF_NONE), CFG_END() };
	size_t n = 0;

	for (size_t i = 0; i < NKEYS; i++) {
		const struct key *k = &keys[i];
		cfg_opt_t opt = CFG_END();

		if (strcmp(k->section, section) != 0)
			continue;
		switch (k->type) {
		case STR:
		case PATH:
		case CHOICE:
			opt = (cfg_opt_t)CFG_STR(k->name, k->dflt, CFGF_NONE);
			break;
		case INT:
			opt = (cfg_opt_t)CFG_INT(k->name, strtol(k->dflt, NULL, 10), CFGF_NONE);
			break;
		case REAL:
			opt = (cfg_opt_t)CFG_FLOAT(k->name, strtod(k->dflt, NULL), CFGF_NONE);
			break;
		case BOOL:
			opt = (cfg_opt_t)CFG_BOOL(k->name,
			    strcmp(k->dflt, "true") == 0 ? cfg_true : cfg_false, CFGF_NONE);
			break;
		case STRS:
		case PATHS:
			opt = (cfg_opt_t)CFG_STR_LIST(k->name, (char *)k->dflt, CFGF_NONE);
			break;
		}
		opts[n++] = opt;
	}
	if (strcmp(section, "dns") == 0)
		opts[n++] = (cfg_opt_t)CFG_SEC("upstream", upstream, CFGF_MULTI | CFGF_TITLE);
	opts[n] = (cfg_opt_t)CFG_END();
	return opts;
}

static void
read_upstreams(struct config *c, cfg_t *dns, const char *dir)
{
	c->dns.nupstreams = cfg_size(dns, "upstream");
	c->dns.upstreams = xcalloc(c->dns.nupstreams + 1, sizeof(*c->dns.upstreams));
	for (size_t i = 0; i < c->dns.nupstreams; i++) {
		cfg_t *u = cfg_getnsec(dns, "upstream", (unsigned)i);
		struct config_upstream *to = &c->dns.upstreams[i];

		to->address = xstrdup(cfg_getstr(u, "address"));
		to->hostname = xstrdup(cfg_getstr(u, "hostname"));
		to->pin = xstrdup(cfg_getstr(u, "pin"));
		to->ca_file = resolve(dir, cfg_getstr(u, "ca_file"));
	}
}

static void
read_ports(struct config *c)
{
	for (size_t i = 0; i < c->grab.ports.n; i++) {
		char *end;
		unsigned long port = strtoul(c->grab.ports.v[i], &end, 10);
		int row = *end == '\0' && port <= 65535 ? port_index((unsigned)port) : -1;

		if (row == -1)
			bad_value(c, "grab", "ports",
			    "\"%s\" is none of 22 25 110 143 443 587 993 465 995",
			    c->grab.ports.v[i]);
		else
			c->grab.port[row] = true;
	}
	for (int row = 0; row < NPORTS; row++)
		c->grab.timeout_ms[row] = 5000;
	/* "*" first, then single ports, whatever their order in the file. */
	for (int single = 0; single <= 1; single++) {
		for (size_t i = 0; i < c->grab.timeouts.n; i++) {
			const char *s = c->grab.timeouts.v[i], *eq = strchr(s, '=');
			char *end;
			double value = eq != NULL ? strtod(eq + 1, &end) : -1;
			int row = eq != NULL ? port_index((unsigned)strtoul(s, NULL, 10)) : -1;

			if (eq == NULL || !(value > 0) || value > 600 || strcmp(end, "s") != 0 ||
			    (s[0] != '*' && row == -1)) {
				if (single == 0)
					bad_value(c, "grab", "timeouts",
					    "\"%s\" is not like \"25=15s\" or \"*=5s\"", s);
			} else if (single == 0 && s[0] == '*') {
				for (int k = 0; k < NPORTS; k++)
					c->grab.timeout_ms[k] = (long)(value * 1000);
			} else if (single == 1 && s[0] != '*') {
				c->grab.timeout_ms[row] = (long)(value * 1000);
			}
		}
	}
}

struct config *
config_read(const char *path)
{
	static const char *const sections[] = { "run", "geo", "scan", "grab", "dns", "analysis",
		"graph", "report", "doctor" };
	enum { NSECTIONS = sizeof(sections) / sizeof(sections[0]) };
	cfg_opt_t top[NSECTIONS + 1], *opts[NSECTIONS];
	struct config *c;
	char *absolute = realpath(path, NULL), *dir;
	cfg_t *cfg;
	int rc;

	if (absolute == NULL) {
		log_error("%s: %m", path);
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	c->path = absolute;
	dir = path_dir(absolute);
	parse.errors = 0;
	for (size_t i = 0; i < NSECTIONS; i++) {
		opts[i] = section_opts(sections[i]);
		top[i] = (cfg_opt_t)CFG_SEC(sections[i], opts[i], CFGF_NONE);
	}
	top[NSECTIONS] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(top, CFGF_NONE);
	cfg_set_error_function(cfg, on_error);
	rc = cfg_parse(cfg, path);
	if (rc == CFG_FILE_ERROR) {
		log_error("%s: %m", path);
		parse.errors++;
	} else if (rc != CFG_SUCCESS && parse.errors == 0) {
		log_error("%s: not understood", path);
		parse.errors++;
	}
	for (size_t i = 0; rc == CFG_SUCCESS && i < NKEYS; i++)
		read_key(c, cfg_getsec(cfg, keys[i].section), &keys[i], dir);
	if (rc == CFG_SUCCESS) {
		read_upstreams(c, cfg_getsec(cfg, "dns"), dir);
		read_ports(c);
	}
	cfg_free(cfg);
	for (size_t i = 0; i < NSECTIONS; i++)
		free(opts[i]);
	free(dir);
	if (parse.errors > 0) {
		config_free(c);
		return NULL;
	}
	return c;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < NKEYS; i++) {
		void *at = (char *)c + keys[i].at;

		switch (keys[i].type) {
		case STR:
		case PATH:
			free(*(char **)at);
			break;
		case STRS:
		case PATHS:
			for (size_t k = 0; k < ((struct config_list *)at)->n; k++)
				free(((struct config_list *)at)->v[k]);
			free(((struct config_list *)at)->v);
			break;
		default:
			break;
		}
	}
	for (size_t i = 0; i < c->dns.nupstreams; i++) {
		free(c->dns.upstreams[i].address);
		free(c->dns.upstreams[i].hostname);
		free(c->dns.upstreams[i].pin);
		free(c->dns.upstreams[i].ca_file);
	}
	free(c->dns.upstreams);
	free(c->path);
	free(c);
}

void
config_dump(FILE *out)
{
	for (size_t i = 0; i < NKEYS; i++)
		fprintf(out, "%s.%s\t%s\t%s\n", keys[i].section, keys[i].name,
		    keys[i].type == CHOICE ? keys[i].choices : type_name[keys[i].type],
		    keys[i].dflt);
	for (size_t i = 0; i < 4; i++) {
		static const char *const upstream[] = { "address", "hostname", "pin", "ca_file" };

		fprintf(out, "dns.upstream.%s\tstring\t\n", upstream[i]);
	}
}
