#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/child.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/tool.h"
#include "survey/weak.h"

#include "live.h"

int
preflight_identity(struct survey *s)
{
	return identity_find(&s->id, s->c->run.user);
}

bool
tool_has_net_raw(const char *path)
{
	struct vfs_cap_data cap;
	ssize_t n = getxattr(path, "security.capability", &cap, sizeof(cap));

	return n >= (ssize_t)XATTR_CAPS_SZ_1 && (cap.magic_etc & VFS_CAP_FLAGS_EFFECTIVE) != 0 &&
	       (cap.data[0].permitted & (1u << CAP_NET_RAW)) != 0;
}

static bool
readable(const char *path)
{
	return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
}

static int
check_tool(const char *key, const char *name, char **path)
{
	char *why;

	if ((*path = tool_find(name, &why)) != NULL)
		return 0;
	log_error("%s: %s", key, why);
	free(why);
	return EXIT_USAGE;
}

static int
check_dns_tools(struct survey *s)
{
	const struct config *c = s->c;
	int rc = 0;

	if (c->dns.mode != DNS_ADDRESS && c->dns.mode != DNS_SYSTEM)
		rc |= check_tool("dns.unbound", c->dns.unbound, &s->unbound);
	if (c->dns.mode == DNS_MANAGED)
		rc |= check_tool("dns.stubby", c->dns.stubby, &s->stubby);
	return rc;
}

static int
check_file(const char *key, const char *path, const char *cure)
{
	if (path[0] == '\0' || readable(path))
		return 0;
	log_error("%s: %s: %s; %s", key, path, strerror(errno), cure);
	return EXIT_USAGE;
}

/* What resolvers of ours are made with; run.user reads it. */
static int
check_dns_files(const struct config *c)
{
	static const char where[] = "see survey.conf(5), section dns";
	int rc = 0;

	if (c->dns.mode == DNS_ADDRESS || c->dns.mode == DNS_SYSTEM)
		return 0;
	if (c->dns.mode == DNS_UNBOUND)
		rc |= check_file("dns.root_hints", c->dns.root_hints, where);
	for (size_t i = 0; c->dns.mode != DNS_UNBOUND && i < c->dns.nupstreams; i++)
		rc |= check_file("dns.upstream.ca_file", c->dns.upstreams[i].ca_file, where);
	for (size_t i = 0; c->dns.validate && i < c->dns.trust_anchors.n; i++)
		rc |= check_file("dns.trust_anchors", c->dns.trust_anchors.v[i], where);
	return rc;
}

static int
check_geo(const struct survey *s)
{
	static const char where[] = "survey doctor tells where databases come from";
	const struct config *c = s->c;
	int rc;

	rc = check_file("geo.country_mmdb", c->geo.country_mmdb, where);
	rc |= check_file("geo.asn_mmdb", c->geo.asn_mmdb, where);
	rc |= check_file(
	    "geo.csv", c->geo.csv, "a folder with CSV files of networks, or such a file");
	return rc;
}

static int
check_lists(const struct config *c)
{
	int rc = 0;

	for (size_t i = 0; i < c->scan.block_files.n; i++)
		rc |= check_file("scan.block_files", c->scan.block_files.v[i],
		    "the block list must be there, even if it has only comments");
	for (size_t i = 0; i < c->run.target_files.n; i++)
		rc |= check_file(
		    "run.target_files", c->run.target_files.v[i], "see survey.conf(5)");
	return rc;
}

/* An address that leaves by the way that the targets do. */
static struct ip
sample_target(const struct config *c)
{
	struct ip ip = ip_from_v4(0xc0000201); /* TEST-NET-1: the default route */
	struct cidr cidr;

	for (size_t i = 0; i < c->run.targets.n; i++) {
		if (cidr_parse(c->run.targets.v[i], strlen(c->run.targets.v[i]), &cidr) &&
		    cidr.ip.family == 4)
			return cidr.ip;
	}
	return ip;
}

static int
check_scan(struct survey *s)
{
	const struct config *c = s->c;
	struct ip target = sample_target(c);
	char *error;
	int rc;

	rc = check_tool("scan.zmap", c->scan.zmap, &s->zmap);
	if (rc == 0 && geteuid() != 0 && !tool_has_net_raw(s->zmap)) {
		log_error("%s may not send raw packets; as root: setcap cap_net_raw=ep %s, or run "
			  "survey as root with run.user set",
		    s->zmap, s->zmap);
		rc = EXIT_USAGE;
	}
	if (gateway_find(&target, c->scan.interface, c->scan.gateway_mac, &s->gateway, &error) ==
	    -1) {
		log_error("%s", error);
		free(error);
		return EXIT_USAGE;
	}
	return rc;
}

/* With an address that is another's, ZMap would forge senders, and ZGrab2 reach nobody. */
static int
check_source(struct survey *s)
{
	const struct config *c = s->c;

	s->source = s->gateway.source;
	if (c->scan.source_ip[0] == '\0')
		return 0;
	if (ip_parse(c->scan.source_ip, strlen(c->scan.source_ip), &s->source) &&
	    outside_is_own(&s->source))
		return 0;
	config_fault(c, "scan", "source_ip",
	    "%s is no address of this machine (%s); `ip addr` shows which are", c->scan.source_ip,
	    strerror(errno));
	return EXIT_USAGE;
}

/* Its folder is written to as run.user. */
int
preflight_metrics(const struct config *c)
{
	const char *path = c->run.metrics_file;
	char *dir = path_dir(path);
	int rc = 0;

	if (path[0] != '\0' && faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == -1) {
		log_error("run.metrics_file: %s: %s; run.user must be able to write there; a "
			  "folder of its own is best",
		    dir, strerror(errno));
		rc = EXIT_USAGE;
	}
	free(dir);
	return rc;
}

/* A run does not begin that would be incomplete at its end. */
int
preflight_weak(const struct config *c)
{
	static const char cure[] = "run.user must be able to read it, or take it out of the config";
	int rc = 0;

	for (size_t i = 0; i < c->weak.blocklists.n; i++)
		rc |= check_file("weak.blocklists", weak_list_path(c->weak.blocklists.v[i]), cure);
	for (size_t i = 0; i < c->weak.primes.n; i++)
		rc |= check_file("weak.primes", c->weak.primes.v[i], cure);
	return rc;
}

/* Files and tools are looked at with the eyes of the user that will use them. */
static int
check_as_user(struct survey *s)
{
	int rc;

	if ((rc = identity_assume(&s->id)) != 0)
		return rc;
	rc = check_geo(s);
	if (s->c->scan.mode == SCAN_LIST && s->o->nhosts == 0 && strcmp(s->c->scan.list, "-") != 0)
		rc |= check_file("scan.list", s->c->scan.list,
		    "it holds one address a line, and is read as run.user");
	rc |= check_file("scan.opt_out_file", s->c->scan.opt_out_file,
	    s->id.drop ? "run.user reads it again when SIGHUP comes, so chmod o+r it (an empty "
			 "file will do)"
		       : "an empty file will do");
	rc |= preflight_metrics(s->c);
	if (s->until >= STAGE_WEAK && s->c->weak.enable && !s->o->no_weak)
		rc |= preflight_weak(s->c);
	if (s->until >= STAGE_GRAB)
		rc |= check_tool("grab.zgrab2", s->c->grab.zgrab2, &s->zgrab2);
	if (survey_resolves(s))
		rc |= check_dns_tools(s) | check_dns_files(s->c);
	identity_resume(&s->id);
	return rc;
}

/* Machines that share a survey share its permutation, or their parts overlap. */
static int
check_shard(const struct survey *s)
{
	const struct config *c = s->c;

	if (s->o->machines == 1)
		return 0;
	if (c->scan.mode != SCAN_ZMAP) {
		log_error("--shard divides a scan; a list is divided by giving each machine its "
			  "part of it");
		return EXIT_USAGE;
	}
	if (c->scan.seed == 0) {
		log_error("--shard needs scan.seed, the same number on every machine: with "
			  "different ones they would probe the same addresses");
		return EXIT_USAGE;
	}
	if ((unsigned long)c->scan.shards * s->o->machines > SHARDS_MAX) {
		log_error(
		    "scan.shards %ld on %u machines make %lu parts, and ZMap cuts a scan into %d "
		    "at most: set scan.shards to %u at most, or to 0, and survey chooses",
		    c->scan.shards, s->o->machines, (unsigned long)c->scan.shards * s->o->machines,
		    SHARDS_MAX, SHARDS_MAX / s->o->machines);
		return EXIT_USAGE;
	}
	return 0;
}

int
preflight_check(struct survey *s)
{
	int rc;

	if (config_check(s->c) > 0)
		return EXIT_USAGE;
	s->any_country = config_any_country(s->c);
	rc = check_as_user(s);
	rc |= check_lists(s->c);
	rc |= check_shard(s);
	if (survey_scans(s) && s->until >= STAGE_SCAN)
		rc |= check_scan(s);
	if (s->until >= STAGE_SCAN)
		rc |= check_source(s);
	return rc != 0 ? EXIT_USAGE : 0;
}
