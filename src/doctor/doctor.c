#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "survey/argv.h"
#include "survey/buf.h"
#include "survey/command.h"
#include "survey/doctor.h"
#include "survey/escape.h"
#include "survey/file.h"
#include "survey/georanges.h"
#include "survey/iplist.h"
#include "survey/log.h"
#include "survey/loop.h"
#include "survey/mem.h"
#include "survey/outside.h"
#include "survey/sandbox.h"
#include "survey/scan.h"
#include "survey/text.h"
#include "survey/tool.h"
#include "survey/toolversion.h"
#include "survey/trust.h"

#include "doctor.h"

#define OLD_DATABASE_DAYS 45
#define MIN_FREE (512ull << 20)

void
doctor_say(struct doctor *d, enum finding finding, const char *what, const char *mend,
    const char *fmt, ...)
{
	static const char *const word[] = { "ok", "warn", "fail" };
	struct buf text, line;
	va_list ap;

	buf_init(&text);
	buf_init(&line);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (mend != NULL && finding != FINDING_OK)
		buf_printf(&text, "; %s", mend);
	escape_terminal(&line, text.data, text.len);
	printf("%-5s %-18s %s\n", word[finding], what, line.data);
	fflush(stdout);
	d->count[finding]++;
	buf_fini(&text);
	buf_fini(&line);
}

/* A tool of the config: its path (the caller frees) or NULL after a failure. */
static char *
say_tool(struct doctor *d, const char *key, const char *name)
{
	bool is_run = strcmp(key, "zgrab2") != 0;
	char *why, *path = tool_find(name, &why), *version;

	if (path == NULL) {
		doctor_say(d, FINDING_FAIL, key, "or let the config name its path", "%s", why);
		free(why);
		return NULL;
	}
	version = !is_run || d->may_run ? tool_version(&d->loop, key, path) : NULL;
	if (version == NULL && is_run && !d->may_run)
		doctor_say(d, FINDING_OK, key, NULL, "%s, not asked for its version as root", path);
	else if (version == NULL)
		doctor_say(d, FINDING_WARN, key, "is it the program that the config means?",
		    "%s does not tell its version", path);
	else
		doctor_say(d, FINDING_OK, key, NULL, "%s, version %s", path, version);
	free(version);
	return path;
}

static void
ignore_message(const char *line, void *arg)
{
	(void)line;
	(void)arg;
}

/* Find out whom a run would become.  check_privileges() reports a missing user. */
static void
identify(struct doctor *d)
{
	struct survey s = { .c = d->c };

	log_set_sink(ignore_message, NULL);
	d->identified = preflight_identity(&s) == 0;
	log_set_sink(NULL, NULL);
	d->id = s.id;
}

static void
check_privileges(struct doctor *d)
{
	const char *user = d->c->run.user;
	struct passwd *pw;

	if (!d->was_root)
		return;
	if (user[0] == '\0')
		doctor_say(d, FINDING_FAIL, "run.user",
		    "name the user to become, as in one made by adduser --system --group survey",
		    "not set, and survey runs as root");
	else if ((pw = getpwnam(user)) == NULL || pw->pw_uid == 0)
		doctor_say(d, FINDING_FAIL, "run.user", "adduser --system --group survey makes one",
		    "%s is %s", user, pw == NULL ? "no user" : "root itself");
	else
		doctor_say(d, FINDING_OK, "run.user", NULL,
		    "root sends raw packets; everything else runs as %s", user);
}

static void
check_zmap(struct doctor *d)
{
	char *zmap, *cure;

	if (d->c->scan.mode != SCAN_ZMAP || (zmap = say_tool(d, "zmap", d->c->scan.zmap)) == NULL)
		return;
	cure = xasprintf(
	    "as root: setcap cap_net_raw=ep %s, or run survey as root with run.user set", zmap);
	if (!d->was_root && tool_has_net_raw(zmap))
		doctor_say(d, FINDING_OK, "raw packets", NULL, "%s has the capability", zmap);
	else if (!d->was_root)
		doctor_say(d, FINDING_FAIL, "raw packets", cure, "%s may not send them", zmap);
	free(cure);
	free(zmap);
}

static void
check_tools(struct doctor *d)
{
	const struct config *c = d->c;

	free(say_tool(d, "zgrab2", c->grab.zgrab2));
	if (c->dns.mode != DNS_ADDRESS && c->dns.mode != DNS_SYSTEM)
		free(say_tool(d, "unbound", c->dns.unbound));
	if (c->dns.mode == DNS_MANAGED)
		free(say_tool(d, "stubby", c->dns.stubby));
}

/* scan.source_ip becomes d->source.  Returns false, after a finding, when it is another's. */
static bool
take_source(struct doctor *d)
{
	const char *mine = d->c->scan.source_ip;

	if (ip_parse(mine, strlen(mine), &d->source) && outside_is_own(&d->source))
		return true;
	doctor_say(d, FINDING_FAIL, "source address",
	    "`ip addr` shows the addresses of this machine", "scan.source_ip is %s: %m", mine);
	return false;
}

/* A list needs neither gateway nor interface of its own; its hosts see an address all the same. */
static void
check_source(struct doctor *d, const struct ip *target)
{
	bool chosen = d->c->scan.source_ip[0] != '\0';
	char text[IP_STRLEN];

	if (chosen && !take_source(d))
		return;
	if (!chosen && !outside_source(NULL, target, &d->source))
		doctor_say(
		    d, FINDING_WARN, "source address", "is there a default route?", "none: %m");
	else
		doctor_say(
		    d, FINDING_OK, "source address", NULL, "%s", ip_format(&d->source, text));
}

static void
check_network(struct doctor *d)
{
	const struct config *c = d->c;
	struct ip target = ip_from_v4(0xc0000201); /* TEST-NET-1 stands for the default route */
	char text[IP_STRLEN], *error;
	struct ifaddrs *list, *a;
	struct gateway g;
	bool up = false;

	if (c->scan.mode != SCAN_ZMAP) {
		check_source(d, &target);
		return;
	}
	if (c->run.targets.n > 0) {
		struct cidr cidr;

		if (cidr_parse(c->run.targets.v[0], strlen(c->run.targets.v[0]), &cidr) &&
		    cidr.ip.family == 4)
			target = cidr.ip;
	}
	if (gateway_find(&target, c->scan.interface, c->scan.gateway_mac, &g, &error) == -1) {
		doctor_say(d, FINDING_FAIL, "route", NULL, "%s", error);
		free(error);
		return;
	}
	d->source = g.source;
	if (c->scan.source_ip[0] != '\0')
		(void)take_source(d);
	if (getifaddrs(&list) == 0) {
		for (a = list; a != NULL; a = a->ifa_next)
			up |= strcmp(a->ifa_name, g.interface) == 0 && (a->ifa_flags & IFF_UP) != 0;
		freeifaddrs(list);
	}
	if (up)
		doctor_say(d, FINDING_OK, "interface", NULL, "%s, from %s", g.interface,
		    ip_format(&d->source, text));
	else
		doctor_say(d, FINDING_FAIL, "interface", "ip link set it up, or set scan.interface",
		    "%s is down", g.interface);
	if (g.address.family != 0)
		doctor_say(d, FINDING_OK, "gateway", NULL, "%s has MAC address %s",
		    ip_format(&g.address, text), g.mac);
	else
		doctor_say(d, FINDING_OK, "gateway", NULL, "MAC address %s, as configured", g.mac);
}

/* Where databases come from. */
#define GET_DATABASES                                                                           \
	"geoipupdate fetches GeoLite2 with a free MaxMind account; install-deps.sh --free-geo " \
	"puts dbip-country.mmdb, asn-ipv4.csv and asn-ipv6.csv into /var/lib/GeoIP"

/* How to get a newer one of what is there. */
static const char *
newer_database(const char *path, const char *type)
{
	static const char *const pinned[] = { "dbip-country.mmdb", "asn-ipv4.csv", "asn-ipv6.csv",
		"geo-whois-asn-country.mmdb" };
	const char *name = path_last(path);

	for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++) {
		if (strcmp(name, pinned[i]) == 0)
			return "install-deps.sh --free-geo brings this very one, its version is "
			       "fixed; "
			       "geoipupdate fetches GeoLite2, and db-ip.com has DB-IP Lite of this "
			       "month";
	}
	if (strncmp(type, "Geo", 3) == 0)
		return "geoipupdate fetches a newer one";
	if (strncasecmp(type, "DBIP", 4) == 0 || strncasecmp(name, "dbip", 4) == 0)
		return "db-ip.com has the one of this month";
	return "fetch a newer one from where it came";
}

static void
say_database(struct doctor *d, const struct geo_db *db, enum geo_kind kind, const char *key)
{
	const char *path = geo_db_path(db, kind), *type = geo_db_type(db, kind);
	time_t built = geo_db_built(db, kind), now = time(NULL);
	long days = (long)((now - built) / (24 * 60 * 60));
	char date[32] = "";
	struct tm tm;

	strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&built, &tm));
	doctor_say(d, days > OLD_DATABASE_DAYS ? FINDING_WARN : FINDING_OK, key,
	    newer_database(path, type), "%s, %s of %s, %ld %s old", path, type, date,
	    days < 0 ? 0 : days,
	    text_noun((unsigned long long)(days < 0 ? 0 : days), "day", "days"));
}

/* Each country has networks in the database. */
static void
check_countries(struct doctor *d, const struct geo_source *src)
{
	for (size_t i = 0; i < d->c->run.countries.n; i++) {
		const char *const cc = d->c->run.countries.v[i];
		struct geo_query q = { .countries = &cc, .ncountries = 1, .v4 = true, .v6 = true };
		struct geo_stats stats = { 0 };
		struct ipset s;
		char *error = NULL;

		ipset_init(&s);
		if (geo_list(src, &q, &s, &stats, &error) == -1)
			doctor_say(d, FINDING_FAIL, "country", NULL, "%s", error);
		else if (stats.matched == 0)
			doctor_say(d, FINDING_FAIL, "country", "is run.countries right?",
			    "the database has no network of %s", cc);
		else
			doctor_say(d, FINDING_OK, "country", NULL, "%s has %.0f IPv4 addresses", cc,
			    ipset_count(&s, 4));
		if (stats.bad > 0)
			doctor_say(d, FINDING_WARN, "country", "fetch the CSV files again",
			    "%llu %s could not be read, the first: %s",
			    (unsigned long long)stats.bad, text_noun(stats.bad, "row", "rows"),
			    stats.first_bad);
		free(stats.first_bad);
		free(error);
		ipset_fini(&s);
	}
}

/* What to do about a file of the config that could not be used. */
static const char *
mend_databases(const struct config *c)
{
	const char *const path[] = { c->geo.country_mmdb, c->geo.asn_mmdb, c->geo.csv };

	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		if (path[i][0] == '\0' || access(path[i], R_OK) == 0)
			continue;
		return errno == ENOENT ? GET_DATABASES : "it must be readable for run.user";
	}
	return "does the config name the right file?";
}

static void
check_databases(struct doctor *d)
{
	const struct config *c = d->c;
	const struct geo_source src = {
		.country_mmdb = c->geo.country_mmdb[0] != '\0' ? c->geo.country_mmdb : NULL,
		.asn_mmdb = c->geo.asn_mmdb[0] != '\0' ? c->geo.asn_mmdb : NULL,
		.csv_dir = c->geo.csv[0] != '\0' ? c->geo.csv : NULL,
	};
	struct geo_stats stats = { 0 };
	struct geo_db *db;
	char *error;

	if (src.country_mmdb == NULL && src.asn_mmdb == NULL && src.csv_dir == NULL) {
		doctor_say(d, FINDING_WARN, "databases", GET_DATABASES,
		    "none configured: AS numbers stay unknown");
		return;
	}
	if ((db = geo_source_open(&src, &stats, &error)) == NULL) {
		doctor_say(d, FINDING_FAIL, "databases", mend_databases(c), "%s", error);
		free(error);
		free(stats.first_bad);
		return;
	}
	if (geo_db_path(db, GEO_COUNTRY) != NULL)
		say_database(d, db, GEO_COUNTRY, "country database");
	else if (!config_any_country(c))
		doctor_say(d, FINDING_FAIL, "country database",
		    "set geo.country_mmdb; " GET_DATABASES, GEO_NO_COUNTRIES);
	if (geo_db_path(db, GEO_ASN) != NULL)
		say_database(d, db, GEO_ASN, "AS database");
	else
		doctor_say(d, FINDING_WARN, "AS database",
		    "set geo.asn_mmdb, or geo.csv to a folder with CSV files of "
		    "ASes; " GET_DATABASES,
		    "none: pictures will say \"AS unknown\"");
	if (!config_any_country(c) && geo_db_path(db, GEO_COUNTRY) != NULL)
		check_countries(d, &src);
	else if (stats.bad > 0)
		doctor_say(d, FINDING_WARN, "databases", "fetch the CSV files again",
		    "%llu %s could not be read, the first: %s", (unsigned long long)stats.bad,
		    text_noun(stats.bad, "row", "rows"), stats.first_bad);
	free(stats.first_bad);
	geo_db_close(db);
}

static void
say_list(struct doctor *d, const char *what, const char *path)
{
	struct refusals bad = { 0 };
	struct ipset s;
	char *error;

	ipset_init(&s);
	if (iplist_read_set(&s, path, &bad, &error) == -1) {
		doctor_say(d, FINDING_FAIL, what,
		    access(path, F_OK) == -1
			? "make it: one address, prefix or range a line, or none at first"
			: "one address, prefix or range a line; # starts a comment",
		    "%s%s%s", bad.n > 0 ? bad.told[0] : error, bad.n > 1 ? "; " : "",
		    bad.n > 1 ? error : "");
		free(error);
	} else {
		doctor_say(d, FINDING_OK, what, NULL, "%s, %zu %s", path, s.n,
		    text_noun(s.n, "range", "ranges"));
	}
	refusals_fini(&bad);
	ipset_fini(&s);
}

/* Can a file be read by the user that root will have become?  Sets errno when not. */
static bool
user_reads(const struct doctor *d, const char *path)
{
	bool readable;
	int saved;

	if (d->id.drop && identity_assume(&d->id) != 0)
		return false;
	readable = faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
	saved = errno;
	if (d->id.drop)
		identity_resume(&d->id);
	errno = saved;
	return readable;
}

/* SIGHUP has the opt-outs read again when root has become run.user. */
static void
check_rereading(struct doctor *d)
{
	const char *path = d->c->scan.opt_out_file;

	if (d->id.drop && !user_reads(d, path))
		doctor_say(d, FINDING_FAIL, "opt-outs", "make it readable for that user",
		    "%s cannot read %s, which a run reads again when it changes", d->id.name, path);
}

static const char *
count_addresses(const struct ip_range *r, void *arg)
{
	double *n = arg;

	*n += (double)ip_range_size(r);
	return NULL;
}

static void
check_scan_list(struct doctor *d, const char *path)
{
	struct refusals bad = { 0 };
	uint64_t closed;
	double n = 0;

	if (!user_reads(d, path) || iplist_each(path, count_addresses, &n, &bad, &closed) == -1)
		doctor_say(
		    d, FINDING_FAIL, "scan.list", "it holds one address a line", "%s: %m", path);
	else if (bad.n > 0)
		doctor_say(d, FINDING_WARN, "scan.list", NULL,
		    "%s, %.0f %s; %llu %s refused, the first: %s", path, n,
		    text_noun((unsigned long long)n, "address", "addresses"),
		    (unsigned long long)bad.n, text_noun(bad.n, "line is", "lines are"),
		    bad.told[0]);
	else
		doctor_say(d, FINDING_OK, "scan.list", NULL, "%s, %.0f %s", path, n,
		    text_noun((unsigned long long)n, "address", "addresses"));
	refusals_fini(&bad);
}

static void
check_lists(struct doctor *d)
{
	const struct config *c = d->c;

	for (size_t i = 0; i < c->scan.block_files.n; i++)
		say_list(d, "block list", c->scan.block_files.v[i]);
	if (c->scan.opt_out_file[0] != '\0') {
		say_list(d, "opt-outs", c->scan.opt_out_file);
		check_rereading(d);
	} else {
		doctor_say(d, FINDING_WARN, "opt-outs",
		    "set scan.opt_out_file, into which survey optout writes",
		    "none: a run reads no list of people who ask to be left alone");
	}
	for (size_t i = 0; i < c->run.target_files.n; i++)
		say_list(d, "targets", c->run.target_files.v[i]);
	if (c->scan.mode == SCAN_LIST && strcmp(c->scan.list, "-") != 0)
		check_scan_list(d, c->scan.list);
}

/*
 * Does anybody but root, and whom a run becomes, decide what lies at path?
 * Returns the sentence that says who (the caller frees), or NULL.
 */
static char *
decided_by_others(const struct doctor *d, const char *path, unsigned flags)
{
	char *why = NULL;
	int fd = trust_open(path, d->id.uid, flags, NULL, NULL, &why);

	if (fd != -1)
		close(fd);
	if (fd != -1 ||
	    (errno != EPERM && errno != ELOOP)) { /* what cannot be read is told elsewhere */
		free(why);
		return NULL;
	}
	return why;
}

/* What a run believes: config, lists, databases. */
static void
check_trust(struct doctor *d)
{
	const struct config *c = d->c;
	const struct config_list *const lists[] = { &c->scan.block_files, &c->run.target_files,
		&c->dns.trust_anchors };
	struct argv paths = { .n = 0 };
	size_t bad = 0;

	argv_add(&paths, c->path, NULL);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (size_t k = 0; k < lists[i]->n; k++)
			argv_add(&paths, lists[i]->v[k], NULL);
	}
	argv_add(&paths, c->scan.opt_out_file, c->geo.country_mmdb, c->geo.asn_mmdb, c->geo.csv,
	    c->dns.root_hints, NULL);
	if (c->scan.mode == SCAN_LIST && strcmp(c->scan.list, "-") != 0)
		argv_add(&paths, c->scan.list, NULL);
	for (size_t i = 0; i < paths.n; i++) {
		char *why = paths.v[i][0] != '\0' ? decided_by_others(d, paths.v[i], TRUST_LINKS)
						  : NULL;

		if (why != NULL)
			doctor_say(d, FINDING_WARN, "trust",
			    "who can change this file decides whom a run asks", "%s: %s",
			    paths.v[i], why);
		bad += why != NULL;
		free(why);
	}
	if (bad == 0)
		doctor_say(d, FINDING_OK, "trust", NULL,
		    "nobody but root and %s can change config, lists and databases",
		    d->id.name != NULL ? d->id.name : "you");
	argv_free(paths.v);
}

static void
check_directory(struct doctor *d)
{
	const char *wanted = d->c->run.directory;
	char *dir = path_existing(wanted);
	char *why = decided_by_others(d, dir, d->id.drop ? 0 : TRUST_LINKS);
	struct statvfs v;
	double bytes;

	/* Root makes it and gives it to run.user. */
	if (geteuid() != 0 && access(dir, W_OK | X_OK) == -1)
		doctor_say(d, FINDING_FAIL, "run directory",
		    "choose another run.directory, or make it yours", "%s: %m", dir);
	else if (why != NULL)
		doctor_say(d, d->id.drop ? FINDING_FAIL : FINDING_WARN, "run directory",
		    "choose another run.directory, or chown and chmod go-w the folder", "%s", why);
	else
		doctor_say(d, FINDING_OK, "run directory", NULL, "%s%s", wanted,
		    strcmp(dir, wanted) == 0 ? "" : " will be made");
	if (statvfs(dir, &v) == -1) {
		doctor_say(d, FINDING_FAIL, "disk space", NULL, "%s: %m", dir);
	} else {
		d->free_bytes = bytes = (double)v.f_bavail * (double)v.f_frsize;
		doctor_say(d, bytes < (double)MIN_FREE ? FINDING_FAIL : FINDING_OK, "disk space",
		    "make room, or choose another run.directory",
		    "%.1f GB free, enough for %.0f hosts or so", bytes / 1e9,
		    bytes / RECORD_BYTES(d->c));
	}
	free(why);
	free(dir);
}

/* Who asks preflight, and of what. */
struct asked {
	struct doctor *d;
	const char *what;
};

static void
say_refusal(const char *line, void *arg)
{
	const struct asked *a = arg;
	const char *text = strstr(line, "error: ");

	if (text != NULL)
		doctor_say(a->d, FINDING_FAIL, a->what, NULL, "%s", text + strlen("error: "));
}

/* Would a run refuse it? */
static bool
ask_preflight(struct doctor *d, const char *what, int (*check)(const struct config *))
{
	struct asked a = { d, what };
	int rc;

	log_set_sink(say_refusal, &a);
	rc = check(d->c);
	log_set_sink(NULL, NULL);
	return rc == 0;
}

/* What a run needs at its side and at its end. */
static void
check_later(struct doctor *d)
{
	const struct config *c = d->c;
	size_t n = c->weak.enable ? c->weak.blocklists.n + c->weak.primes.n : 0;

	if (c->run.metrics_file[0] != '\0' && ask_preflight(d, "metrics", preflight_metrics))
		doctor_say(d, FINDING_OK, "metrics", NULL, "%s", c->run.metrics_file);
	if (n > 0 && ask_preflight(d, "weak keys", preflight_weak))
		doctor_say(d, FINDING_OK, "weak keys", NULL, "%zu %s of known keys and primes", n,
		    text_noun(n, "file", "files"));
}

static void
check_rmem(struct doctor *d)
{
	static const char path[] = "/proc/sys/net/core/rmem_max";
	char *text = file_read(path, 64, NULL), *cure;
	long max;

	if (d->c->dns.mode == DNS_SYSTEM || text == NULL) {
		free(text);
		return;
	}
	max = strtol(text, NULL, 10);
	cure = xasprintf(
	    "as root: sysctl -w net.core.rmem_max=%ld, and the same line without "
	    "sysctl -w in /etc/sysctl.d/survey.conf for good; with less the resolver is "
	    "asked more slowly",
	    d->c->dns.rcvbuf);
	doctor_say(d, max < d->c->dns.rcvbuf ? FINDING_WARN : FINDING_OK, "rmem_max", cure,
	    "receive buffers of %ld bytes, %ld wanted", max, d->c->dns.rcvbuf);
	free(cure);
	free(text);
}

/* What keeps a survey to its own files once strangers' bytes come in. */
static void
check_sandbox(struct doctor *d)
{
	struct sandbox_state s;
	char text[SANDBOX_TEXT];

	sandbox_probe(&s);
	sandbox_text(&s, text);
	if (!d->c->run.sandbox)
		doctor_say(d, FINDING_WARN, "sandbox", "run.sandbox = true switches it on",
		    "off, though this kernel has %s", text);
	else
		doctor_say(d, s.landlock > 0 && s.filter ? FINDING_OK : FINDING_WARN, "sandbox",
		    "a kernel with Landlock that is started with it in lsm= has all of it", "%s",
		    text);
}

/* Is every fault of the config told, and how fast would it be? */
static bool
check_config(struct doctor *d)
{
	size_t faults = config_check(d->c);

	if (faults > 0)
		doctor_say(d, FINDING_FAIL, "config", "see the messages above and survey.conf(5)",
		    "%s: %zu %s", d->c->path, faults, text_noun(faults, "fault", "faults"));
	else
		doctor_say(d, FINDING_OK, "config", NULL, "%s", d->c->path);
	return faults == 0;
}

/* Become run.user for good: tools never run as root, and files are seen as a run will see them. */
static void
drop_privileges(struct doctor *d)
{
	struct survey s = { .c = d->c, .id = d->id };

	if (d->identified && identity_take(&s.id) == 0)
		d->may_run = true;
}

int
doctor(const char *config_path, bool check_probing)
{
	static void (*const checks[])(struct doctor *) = { check_privileges, check_network,
		check_lists, check_trust, check_directory, doctor_plan, drop_privileges, check_zmap,
		check_tools, check_databases, check_later, check_rmem, check_sandbox,
		doctor_resolvers, doctor_mail };
	struct config *c = config_read(config_path);
	struct doctor d = { .c = c, .was_root = geteuid() == 0, .check_probing = check_probing };

	if (c == NULL)
		return EXIT_USAGE;
	if (loop_open(&d.loop) == -1) {
		config_free(c);
		return EXIT_FAILED;
	}
	identify(&d);
	check_config(&d);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](&d);
	uv_loop_close(&d.loop);
	printf("\n%zu ok, %zu to look at, %zu that would stop a run\n", d.count[FINDING_OK],
	    d.count[FINDING_WARN], d.count[FINDING_FAIL]);
	free(d.id.name);
	config_free(c);
	return d.count[FINDING_FAIL] > 0 ? EXIT_USAGE : EXIT_COMPLETE;
}
