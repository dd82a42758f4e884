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
#include "survey/country.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/text.h"
#include "survey/nearest.h"
#include "model/config_values.h"

#define MAX_FILE (1 << 20)

enum type { STR, PATH, PROGRAM, INT, REAL, BOOL, CHOICE, STRS, PATHS };

struct key {
	const char *section;
	const char *name;
	enum type type;
	size_t at; /* offset in struct config, or in struct config_upstream */
	const char *dflt;
	double min, max; /* INT and REAL */
	const char *choices; /* CHOICE: words in the order of its enum, separated by | */
	const char *(*check)(const char *text); /* of a text, or of each element of a list */
	bool local; /* of this machine, as paths and programs are: says nothing of the survey */
};

#define AT(member) offsetof(struct config, member)
#define MANY 1e9

#define KEY(sec, key, kind, value, ...)                                                        \
	{                                                                                      \
		.section = #sec, .name = #key, .type = kind, .at = AT(sec.key), .dflt = value, \
		__VA_ARGS__                                                                    \
	}
#define FLAG(sec, key, value) KEY(sec, key, BOOL, value, .check = NULL)

/* clang-format off: a row a key */
static const struct key keys[] = {
	KEY(run, name, STR, "survey", .check = value_run_name),
	KEY(run, directory, PATH, "runs", .check = value_file),
	KEY(run, user, STR, "", .check = value_user),
	KEY(run, countries, STRS, "{}", .check = value_country),
	KEY(run, targets, STRS, "{}", .check = value_target),
	KEY(run, target_files, PATHS, "{}", .check = value_file),
	KEY(run, asns, STRS, "{}", .check = value_asn),
	KEY(run, allow_reserved, STRS, "{}", .check = value_prefix),
	KEY(run, max_age_days, INT, "14", .min = 1, .max = 3650),
	FLAG(run, sandbox, "true"),
	KEY(run, compress, BOOL, "false", .local = true),
	KEY(run, metrics_file, PATH, "", .check = value_path),

	KEY(geo, country_mmdb, PATH, "", .check = value_path),
	KEY(geo, asn_mmdb, PATH, "", .check = value_path),
	KEY(geo, csv, PATH, "", .check = value_path),

	KEY(scan, mode, CHOICE, "zmap", .choices = "zmap|list"),
	KEY(scan, list, PATH, "", .check = value_path),
	KEY(scan, port, INT, "25", .min = 1, .max = 65535),
	KEY(scan, rate_pps, INT, "150", .min = 1, .max = 10e6),
	KEY(scan, probes, INT, "1", .min = 1, .max = 10),
	KEY(scan, shards, INT, "0", .min = 0, .max = SHARDS_MAX),
	KEY(scan, cooldown_s, INT, "8", .min = 1, .max = 600),
	KEY(scan, seed, INT, "0", .min = 0, .max = MANY),
	KEY(scan, interface, STR, "", .check = value_interface, .local = true),
	KEY(scan, source_ip, STR, "", .check = value_ipv4, .local = true),
	KEY(scan, gateway_mac, STR, "", .check = value_mac, .local = true),
	KEY(scan, least_hits, INT, "0", .min = 0, .max = 1e6, .local = true),
	KEY(scan, quiet_hours, STR, "", .check = value_hours),
	KEY(scan, zmap, PROGRAM, "zmap", .check = value_program),
	KEY(scan, block_files, PATHS, "{}", .check = value_file),
	KEY(scan, opt_out_file, PATH, "", .check = value_path),
	KEY(scan, canaries, STRS, "{}", .check = value_address, .local = true),
	KEY(scan, canary_interval_s, INT, "300", .min = 1, .max = 3600, .local = true),

	KEY(grab, rate_hosts, REAL, "10", .min = 0.001, .max = 1e5),
	KEY(grab, rate_per_24, REAL, "0", .min = 0, .max = 1e5),
	KEY(grab, rate_per_as, REAL, "0", .min = 0, .max = 1e5),
	KEY(grab, in_flight, INT, "100", .min = 1, .max = 1000),
	KEY(grab, ports, STRS, "{22, 25, 110, 143, 443, 587, 993}", .check = value_port),
	KEY(grab, timeouts, STRS, "{\"25=15s\", \"587=15s\", \"*=5s\"}", .check = value_timeout),
	KEY(grab, http_max_size, INT, "16", .min = 1, .max = 256 << 10),
	KEY(grab, restarts, INT, "5", .min = 0, .max = 1000),
	KEY(grab, user_agent, STR, "", .check = value_user_agent),
	KEY(grab, ehlo, STR, "", .check = value_ehlo),
	KEY(grab, zgrab2, PROGRAM, "zgrab2", .check = value_program),
	FLAG(grab, all_ssh_host_keys, "false"),
	FLAG(grab, tls13, "false"),
	FLAG(grab, ehlo_override, "true"),
	FLAG(grab, drop_secrets, "false"),
	FLAG(grab, second_pass, "false"),

	KEY(dns, mode, CHOICE, "managed", .choices = "managed|unbound-dot|unbound|address|system"),
	KEY(dns, address, STR, "", .check = value_resolver),
	KEY(dns, root_hints, PATH, "", .check = value_path),
	KEY(dns, unbound, PROGRAM, "unbound", .check = value_program),
	KEY(dns, stubby, PROGRAM, "stubby", .check = value_program),
	KEY(dns, window, INT, "0", .min = 0, .max = 100000),
	KEY(dns, rcvbuf, INT, "4194304", .min = 4096, .max = 1 << 30),
	KEY(dns, timeout_ms, INT, "5000", .min = 100, .max = 60000),
	KEY(dns, tries, INT, "4", .min = 1, .max = 20),
	FLAG(dns, validate, "true"),
	KEY(dns, trust_anchors, PATHS, "{\"" CONFIG_ROOT_KEY "\"}", .check = value_file),

	KEY(analysis, pairs_up_to, INT, "2000", .min = 2, .max = 1e6),
	KEY(analysis, max_line, INT, "16777216", .min = 1024, .max = 1 << 30),
	KEY(analysis, threads, INT, "0", .min = 0, .max = 256),

	FLAG(weak, enable, "true"),
	KEY(weak, memory, STR, "", .check = value_bytes),
	KEY(weak, blocklists, STRS, "{}", .check = value_blocklist, .local = true),
	KEY(weak, primes, PATHS, "{}", .check = value_file),

	KEY(graph, full_up_to, INT, "60", .min = 1, .max = 1000000),
	KEY(graph, formats, STRS, "{svg, png}", .check = value_format),
	KEY(graph, workers, INT, "0", .min = 0, .max = 64),
	KEY(graph, timeout_s, INT, "60", .min = 1, .max = 3600),
	KEY(graph, memory_mb, INT, "1024", .min = 64, .max = 1 << 20),

	KEY(report, title, STR, "", .check = value_line),

	KEY(doctor, smtp_probe, STR, "", .check = value_probe),
};
/* clang-format on */

#define NKEYS (sizeof(keys) / sizeof(keys[0]))

#define UPSTREAM(key, kind, test)                                                      \
	{                                                                              \
		.section = "upstream", .name = #key, .type = kind,                     \
		.at = offsetof(struct config_upstream, key), .dflt = "", .check = test \
	}

/* dns { upstream NAME { ... } } */
static const struct key upstream_keys[] = {
	UPSTREAM(address, STR, value_upstream),
	UPSTREAM(hostname, STR, value_hostname),
	UPSTREAM(pin, STR, value_pin),
	UPSTREAM(ca_file, PATH, value_path),
};

#define NUPSTREAM_KEYS (sizeof(upstream_keys) / sizeof(upstream_keys[0]))

static const char *const sections[] = { "run", "geo", "scan", "grab", "dns", "analysis", "weak",
	"graph", "report", "doctor" };

#define NSECTIONS (sizeof(sections) / sizeof(sections[0]))

static const char *const type_name[] = { "string", "path", "program", "number", "number",
	"true|false", "choice", "list", "list of paths" };

/* libConfuse's callbacks carry no pointer of ours: one parse at a time. */
static struct {
	const char *path;
	size_t errors;
	int line[NKEYS]; /* where each key was set; 0 is nowhere */
	const struct key *told; /* the key of the last message, */
	char told_text[64]; /* and the value that it was about */
} parse;

static const struct key *
find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < NKEYS; i++) {
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	for (size_t i = 0; i < NUPSTREAM_KEYS; i++) {
		if (strcmp(section, "upstream") == 0 && strcmp(upstream_keys[i].name, name) == 0)
			return &upstream_keys[i];
	}
	return NULL;
}

/* Say that a name is unknown in a section ("root" is the file itself), and what may have been meant. */
static void
unknown_key(struct buf *msg, const char *section, const char *name)
{
	const char *elsewhere = NULL;
	struct nearest near;
	bool root = find_key(section, "name") == NULL && strcmp(section, "root") == 0;

	nearest_init(&near, name);
	for (size_t i = 0; root && i < NSECTIONS; i++)
		nearest_try(&near, sections[i]);
	for (size_t i = 0; i < NKEYS; i++) {
		if (strcmp(keys[i].section, section) == 0)
			nearest_try(&near, keys[i].name);
		else if (strcmp(keys[i].name, name) == 0)
			elsewhere = keys[i].section;
	}
	for (size_t i = 0; strcmp(section, "upstream") == 0 && i < NUPSTREAM_KEYS; i++)
		nearest_try(&near, upstream_keys[i].name);
	buf_printf(msg, "unknown %s \"%s\"%s%s", root ? "section" : "key", name,
	    root ? "" : " in section ", root ? "" : section);
	if (near.word != NULL)
		buf_printf(msg, "; did you mean %s?", near.word);
	else if (elsewhere != NULL)
		buf_printf(msg, "; it belongs in section %s", elsewhere);
}

/* Called by libConfuse for what it does not understand. */
static void
on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	static const char unknown[] = "no such option '";
	struct buf raw, msg;

	buf_init(&raw);
	buf_init(&msg);
	buf_vprintf(&raw, fmt, ap);
	if (strncmp(raw.data, unknown, sizeof(unknown) - 1) == 0) {
		const char *at = raw.data + sizeof(unknown) - 1;
		char *name = xstrndup(at, strcspn(at, "'"));

		unknown_key(&msg, cfg_name(cfg), name);
		free(name);
	} else {
		buf_adds(&msg, raw.data);
	}
	log_error("%s:%d: %s", parse.path, cfg->line, msg.data);
	parse.errors++;
	buf_fini(&raw);
	buf_fini(&msg);
}

static void __attribute__((format(printf, 3, 4)))
value_error(int line, const struct key *k, const char *fmt, ...)
{
	struct buf msg;
	va_list ap;

	buf_init(&msg);
	va_start(ap, fmt);
	buf_vprintf(&msg, fmt, ap);
	va_end(ap);
	log_error("%s:%d: %s.%s: %s", parse.path, line, k->section, k->name, msg.data);
	parse.errors++;
	buf_fini(&msg);
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
check_text(int line, const struct key *k, const char *text)
{
	const char *expected = NULL;

	if (k->type == CHOICE) {
		if (choice_index(k->choices, text) == -1)
			value_error(line, k, "\"%s\" is none of %s", text, k->choices);
		return;
	}
	if (k->check == NULL || (expected = k->check(text)) == NULL)
		return;
	/* libConfuse shows the last element of a list twice. */
	if (parse.told == k && strncmp(parse.told_text, text, sizeof(parse.told_text) - 1) == 0)
		return;
	parse.told = k;
	snprintf(parse.told_text, sizeof(parse.told_text), "%s", text);
	value_error(line, k, "\"%s\": expected %s", text, expected);
}

/*
 * Called by libConfuse when a key was set, or an element was added to its
 * list, the only time when it knows the line.  Returns 0 even for a wrong value, so that all are told at once.
 */
static int
on_value(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct key *k = find_key(cfg_name(cfg), opt->name);
	unsigned count = cfg_opt_size(opt);
	int line = cfg->line;
	double n;

	if (k == NULL)
		return 0;
	if (k >= keys && k < keys + NKEYS) {
		int *first = &parse.line[k - keys];

		if (*first != 0 && k->type != STRS && k->type != PATHS)
			value_error(line, k, "set a second time; line %d has it too", *first);
		*first = line;
	}
	switch (k->type) {
	case INT:
	case REAL:
		n = k->type == INT ? (double)cfg_opt_getnint(opt, 0) : cfg_opt_getnfloat(opt, 0);
		if (!(n >= k->min && n <= k->max))
			value_error(line, k, "%.10g: expected a number from %.10g to %.10g", n,
			    k->min, k->max);
		break;
	case BOOL:
		break;
	default:
		if (count > 0)
			check_text(line, k, cfg_opt_getnstr(opt, count - 1));
		break;
	}
	return 0;
}

/*
 * libConfuse's own takes an empty text for 0, and 025 for 21.  A fault is told here; what stays in
 * *result then is never used.
 */
static int
parse_number(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct key *k = find_key(cfg_name(cfg), opt->name);
	bool whole = k->type == INT;
	long n = 0;
	double x = 0;
	char *end;

	errno = 0;
	if (whole)
		n = strtol(value, &end, 10);
	else
		x = strtod(value, &end);
	if (end == value || *end != '\0' || errno != 0) {
		value_error(cfg->line, k, "\"%s\": expected a number from %.10g to %.10g", value,
		    k->min, k->max);
		n = (long)k->min;
		x = k->min;
	}
	if (whole)
		*(long *)result = n;
	else
		*(double *)result = x;
	return 0;
}

/* The libConfuse option of a row; it checks its value. */
static cfg_opt_t
make_opt(const struct key *k)
{
	cfg_opt_t opt = CFG_END();

	switch (k->type) {
	case STR:
	case PATH:
	case PROGRAM:
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
		opt = (cfg_opt_t)CFG_BOOL(
		    k->name, strcmp(k->dflt, "true") == 0 ? cfg_true : cfg_false, CFGF_NONE);
		break;
	case STRS:
	case PATHS:
		opt = (cfg_opt_t)CFG_STR_LIST(k->name, (char *)k->dflt, CFGF_NONE);
		break;
	}
	if (k->type == INT || k->type == REAL)
		opt.parsecb = parse_number;
	opt.validcb = on_value;
	return opt;
}

/* All sections of the table as libConfuse wants them. */
struct grammar {
	cfg_opt_t top[NSECTIONS + 1];
	cfg_opt_t section[NSECTIONS][NKEYS + 2];
	cfg_opt_t upstream[NUPSTREAM_KEYS + 1];
};

static void
make_grammar(struct grammar *g)
{
	for (size_t i = 0; i < NUPSTREAM_KEYS; i++)
		g->upstream[i] = make_opt(&upstream_keys[i]);
	g->upstream[NUPSTREAM_KEYS] = (cfg_opt_t)CFG_END();
	for (size_t s = 0; s < NSECTIONS; s++) {
		size_t n = 0;

		for (size_t i = 0; i < NKEYS; i++) {
			if (strcmp(keys[i].section, sections[s]) == 0)
				g->section[s][n++] = make_opt(&keys[i]);
		}
		if (strcmp(sections[s], "dns") == 0)
			g->section[s][n++] = (cfg_opt_t)CFG_SEC(
			    "upstream", g->upstream, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
		g->section[s][n] = (cfg_opt_t)CFG_END();
		g->top[s] = (cfg_opt_t)CFG_SEC(sections[s], g->section[s], CFGF_NONE);
	}
	g->top[NSECTIONS] = (cfg_opt_t)CFG_END();
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

/* Store a key's value, set or default, in the structure that starts at base. */
static void
read_key(void *base, cfg_t *sec, const struct key *k, const char *dir)
{
	void *at = (char *)base + k->at;
	const char *text;

	switch (k->type) {
	case STR:
		*(char **)at = xstrdup(cfg_getstr(sec, k->name));
		break;
	case PATH:
		*(char **)at = resolve(dir, cfg_getstr(sec, k->name));
		break;
	case PROGRAM:
		/* A mere name is looked up in $PATH. */
		text = cfg_getstr(sec, k->name);
		*(char **)at = strchr(text, '/') != NULL ? resolve(dir, text) : xstrdup(text);
		break;
	case INT:
		*(long *)at = cfg_getint(sec, k->name);
		break;
	case REAL:
		*(double *)at = cfg_getfloat(sec, k->name);
		break;
	case BOOL:
		*(bool *)at = cfg_getbool(sec, k->name);
		break;
	case CHOICE:
		*(int *)at = choice_index(k->choices, cfg_getstr(sec, k->name));
		break;
	case STRS:
	case PATHS:
		read_list(at, sec, k, dir);
		break;
	}
}

static void
free_key(void *base, const struct key *k)
{
	void *at = (char *)base + k->at;
	struct config_list *l = at;

	if (k->type == STR || k->type == PATH || k->type == PROGRAM)
		free(*(char **)at);
	if (k->type == STRS || k->type == PATHS) {
		for (size_t i = 0; i < l->n; i++)
			free(l->v[i]);
		free(l->v);
	}
}

static void
read_upstreams(struct config *c, cfg_t *dns, const char *dir)
{
	c->dns.nupstreams = cfg_size(dns, "upstream");
	c->dns.upstreams = xcalloc(c->dns.nupstreams + 1, sizeof(*c->dns.upstreams));
	for (size_t i = 0; i < c->dns.nupstreams; i++) {
		cfg_t *sec = cfg_getnsec(dns, "upstream", (unsigned)i);

		for (size_t k = 0; k < NUPSTREAM_KEYS; k++)
			read_key(&c->dns.upstreams[i], sec, &upstream_keys[k], dir);
	}
}

/* What follows from checked values. */
static void
derive(struct config *c, const char *dir)
{
	char *path;
	int row;
	long ms;

	for (size_t i = 0; i < c->run.countries.n; i++) {
		char *cc = c->run.countries.v[i];

		country_code(cc, strlen(cc), cc); /* in upper case */
	}
	c->run.nasns = c->run.asns.n;
	c->run.asn = xcalloc(c->run.nasns + 1, sizeof(*c->run.asn));
	for (size_t i = 0; i < c->run.nasns; i++) {
		const char *s = c->run.asns.v[i];

		c->run.asn[i] = (uint32_t)strtoul(
		    strncasecmp(s, "AS", 2) == 0 ? s + 2 : s, NULL, 10);
	}
	for (size_t i = 0; i < c->grab.ports.n; i++)
		c->grab.port[port_index((unsigned)strtoul(c->grab.ports.v[i], NULL, 10))] = true;
	for (row = 0; row < NPORTS; row++)
		c->grab.timeout_ms[row] = 5000;
	for (size_t i = 0; i < c->grab.timeouts.n; i++) {
		value_read_timeout(c->grab.timeouts.v[i], &row, &ms);
		for (int k = 0; row == -1 && k < NPORTS; k++)
			c->grab.timeout_ms[k] = ms;
	}
	/* Single ports after "*", whatever their order in the file. */
	for (size_t i = 0; i < c->grab.timeouts.n; i++) {
		value_read_timeout(c->grab.timeouts.v[i], &row, &ms);
		if (row != -1)
			c->grab.timeout_ms[row] = ms;
	}
	for (size_t i = 0; i < c->weak.blocklists.n; i++) {
		char **list = &c->weak.blocklists.v[i], *was = *list;
		size_t name = value_list_name(was);

		path = resolve(dir, was + name);
		*list = xasprintf("%.*s%s", (int)name, was, path);
		free(path);
		free(was);
	}
	if (c->weak.memory[0] != '\0')
		text_parse_bytes(c->weak.memory, &c->weak.memory_bytes);
	value_read_hours(c->scan.quiet_hours, &c->scan.quiet_from_min, &c->scan.quiet_to_min);
}

static struct config *
parse_text(char *text, const char *path, const char *dir)
{
	struct grammar *g = xcalloc(1, sizeof(*g));
	struct config *c = NULL;
	cfg_t *cfg;
	int rc;

	memset(&parse, 0, sizeof(parse));
	parse.path = path;
	make_grammar(g);
	cfg = cfg_init(g->top, CFGF_NONE);
	if (cfg == NULL) {
		log_error("%s: %m", path);
		free(g);
		return NULL;
	}
	cfg_set_error_function(cfg, on_error);
	parse.errors += config_blank_comments(text, path);
	rc = cfg_parse_buf(cfg, text);
	if (rc != CFG_SUCCESS && parse.errors == 0) {
		log_error("%s:%d: not understood", path, cfg->line);
		parse.errors++;
	}
	if (parse.errors == 0) {
		c = xcalloc(1, sizeof(*c));
		c->path = xstrdup(path);
		c->lines = xcalloc(NKEYS, sizeof(*c->lines));
		memcpy(c->lines, parse.line, sizeof(parse.line));
		for (size_t i = 0; i < NKEYS; i++)
			read_key(c, cfg_getsec(cfg, keys[i].section), &keys[i], dir);
		read_upstreams(c, cfg_getsec(cfg, "dns"), dir);
		derive(c, dir);
	}
	cfg_free(cfg);
	free(g);
	return c;
}

struct config *
config_parse(const char *text, size_t len, const char *path)
{
	struct config *c;
	char *dir, *copy;

	if (memchr(text, '\0', len) != NULL) {
		log_error("%s: a NUL byte in it; this is no config file", path);
		return NULL;
	}
	dir = path_dir(path);
	copy = xstrndup(text, len);
	if ((c = parse_text(copy, path, dir)) != NULL)
		c->text = xstrndup(text, len);
	free(copy);
	free(dir);
	return c;
}

struct config *
config_read(const char *path)
{
	char *absolute = realpath(path, NULL), *text;
	struct config *c = NULL;
	size_t len;

	if (absolute == NULL || (text = file_read(absolute, MAX_FILE, &len)) == NULL) {
		log_error("%s: %s", path,
		    errno == EFBIG ? "too large for a config file" : strerror(errno));
		free(absolute);
		return NULL;
	}
	c = config_parse(text, len, absolute);
	free(text);
	free(absolute);
	return c;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < NKEYS; i++)
		free_key(c, &keys[i]);
	for (size_t i = 0; i < c->dns.nupstreams; i++) {
		for (size_t k = 0; k < NUPSTREAM_KEYS; k++)
			free_key(&c->dns.upstreams[i], &upstream_keys[k]);
	}
	free(c->dns.upstreams);
	free(c->run.asn);
	free(c->lines);
	free(c->path);
	free(c->text);
	free(c);
}

int
config_line(const struct config *c, const char *section, const char *name)
{
	const struct key *k = find_key(section, name);

	return k >= keys && k < keys + NKEYS ? c->lines[k - keys] : 0;
}

static bool
is_local(const struct key *k)
{
	return k->local || k->type == PATH || k->type == PATHS || k->type == PROGRAM;
}

/* NAME = VALUE, texts in quotes; no value that was accepted has a line break. */
static void
put_setting(struct buf *out, const void *base, const struct key *k, const char *section)
{
	const char *at = (const char *)base + k->at;
	const struct config_list *list = (const void *)at;

	buf_printf(out, "%s.%s =", section, k->name);
	switch (k->type) {
	case INT:
		buf_printf(out, " %ld", *(const long *)at);
		break;
	case CHOICE:
		buf_printf(out, " %d", *(const int *)at);
		break;
	case REAL:
		buf_printf(out, " %.17g", *(const double *)at);
		break;
	case BOOL:
		buf_adds(out, *(const bool *)at ? " true" : " false");
		break;
	case STRS:
	case PATHS:
		for (size_t i = 0; i < list->n; i++)
			buf_printf(out, " \"%s\"", list->v[i]);
		break;
	case STR:
	case PATH:
	case PROGRAM:
		buf_printf(out, " \"%s\"", *(char *const *)at);
		break;
	}
	buf_addc(out, '\n');
}

void
config_digest(const struct config *c, char digest[static DIGEST_SIZE])
{
	struct buf all;

	buf_init(&all);
	for (size_t i = 0; i < NKEYS; i++) {
		if (!is_local(&keys[i]))
			put_setting(&all, c, &keys[i], keys[i].section);
	}
	for (size_t i = 0; i < c->dns.nupstreams; i++) {
		for (size_t k = 0; k < NUPSTREAM_KEYS; k++) {
			if (!is_local(&upstream_keys[k]))
				put_setting(
				    &all, &c->dns.upstreams[i], &upstream_keys[k], "dns.upstream");
		}
	}
	digest_sha256(all.data, all.len, digest);
	buf_fini(&all);
}

void
config_dump(FILE *out)
{
	for (size_t i = 0; i < NKEYS; i++)
		fprintf(out, "%s.%s\t%s\t%s\n", keys[i].section, keys[i].name,
		    keys[i].type == CHOICE ? keys[i].choices : type_name[keys[i].type],
		    keys[i].dflt);
	for (size_t i = 0; i < NUPSTREAM_KEYS; i++)
		fprintf(out, "dns.upstream.%s\t%s\t%s\n", upstream_keys[i].name,
		    type_name[upstream_keys[i].type], upstream_keys[i].dflt);
}
