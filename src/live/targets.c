#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/command.h"
#include "survey/file.h"
#include "survey/georanges.h"
#include "survey/iplist.h"
#include "survey/log.h"
#include "survey/mem.h"

#include "live.h"

static int
read_list(struct ipset *set, const char *path)
{
	struct refusals bad = { 0 };
	char *error = NULL;
	int rc = iplist_read_set(set, path, &bad, &error);

	refusals_log(&bad, log_error);
	if (rc == -1)
		log_error("%s", error);
	refusals_fini(&bad);
	free(error);
	return rc == 0 ? 0 : EXIT_USAGE;
}

static int
read_cidrs(struct ipset *set, const struct config_list *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++) {
		struct cidr c;

		if (!cidr_parse(l->v[i], strlen(l->v[i]), &c)) {
			log_error("%s: \"%s\" is no address and no network as in 192.0.2.0/24", key,
			    l->v[i]);
			return EXIT_USAGE;
		}
		ipset_add_cidr(set, &c);
	}
	return 0;
}

int
targets_read_opt_out(struct survey *s)
{
	struct ipset fresh;

	if (s->c->scan.opt_out_file[0] == '\0')
		return 0;
	ipset_init(&fresh);
	if (read_list(&fresh, s->c->scan.opt_out_file) != 0) {
		ipset_fini(&fresh);
		return -1;
	}
	ipset_normalise(&fresh);
	ipset_fini(&s->opt_out);
	s->opt_out = fresh;
	return 0;
}

int
targets_read_lists(struct survey *s)
{
	const struct config *c = s->c;
	struct ipset reserved, lab;
	int rc;

	for (size_t i = 0; i < c->scan.block_files.n; i++) {
		if ((rc = read_list(&s->block, c->scan.block_files.v[i])) != 0)
			return rc;
	}
	if (targets_read_opt_out(s) == -1)
		return EXIT_USAGE;
	if ((rc = read_cidrs(&s->allow, &c->run.targets, "run.targets")) != 0)
		return rc;
	for (size_t i = 0; i < c->run.target_files.n; i++) {
		if ((rc = read_list(&s->allow, c->run.target_files.v[i])) != 0)
			return rc;
	}
	ipset_init(&reserved);
	ipset_init(&lab);
	ipset_add_reserved(&reserved);
	ipset_normalise(&reserved);
	rc = read_cidrs(&lab, &c->run.allow_reserved, "run.allow_reserved");
	if (rc == 0) {
		ipset_normalise(&lab);
		ipset_subtract(&reserved, &lab);
		ipset_add_set(&s->block, &reserved);
		ipset_normalise(&s->block);
	}
	ipset_fini(&reserved);
	ipset_fini(&lab);
	return rc;
}

static struct geo_source
database_source(const struct survey *s)
{
	return (struct geo_source){
		.country_mmdb = s->country_mmdb, .asn_mmdb = s->asn_mmdb, .csv_dir = s->csv_dir
	};
}

static int
add_database_ranges(struct survey *s)
{
	const struct config *c = s->c;
	const struct geo_source src = database_source(s);
	struct geo_query q = { .countries = (const char *const *)c->run.countries.v,
		.ncountries = s->any_country ? 0 : c->run.countries.n,
		.v4 = true,
		.v6 = true };
	struct geo_stats stats = { .networks = 0 };
	char *error = NULL;
	int rc = 0;

	if (s->any_country && c->run.nasns == 0)
		return 0; /* any country: the targets are those listed */
	q.asns = c->run.asn;
	q.nasns = c->run.nasns;
	if (geo_list(&src, &q, &s->allow, &stats, &error) == -1) {
		log_error("%s", error);
		rc = EXIT_USAGE;
	} else if (q.ncountries > 0 && stats.matched == 0) {
		log_error("the databases have no network of run.countries; are the codes right?");
		rc = EXIT_USAGE;
	}
	if (stats.bad > 0) {
		log_warn("%llu rows of the databases could not be read, the first: %s",
		    (unsigned long long)stats.bad, stats.first_bad);
		s->incomplete = true;
	}
	free(stats.first_bad);
	free(error);
	return rc;
}

static int
write_cidrs(const struct ipset *set, const char *path, int family)
{
	struct outfile o;

	if (outfile_open(&o, path) == -1)
		goto fail;
	if (ipset_write(set, family, o.f) == -1) {
		outfile_abort(&o);
		goto fail;
	}
	if (outfile_commit(&o) == 0)
		return 0;
fail:
	log_error("%s: %s", path, strerror(errno));
	return EXIT_FAILED;
}

/*
 * zmap's permutation depends on its lists: those of an unfinished scan must
 * stay, or its shards would no longer be disjoint.  What has been blocked
 * since is left out by the feeder.
 */
static int
write_lists(struct survey *s)
{
	char *v6 = path_join(s->dir.path, "cidrs.v6");
	struct ipset refuse;
	int rc = 0;

	ipset_init(&refuse);
	ipset_add_set(&refuse, &s->block);
	ipset_add_set(&refuse, &s->opt_out);
	ipset_normalise(&refuse);
	if (!s->dir.resumed || access(s->allow_file, F_OK) == -1 ||
	    access(s->block_file, F_OK) == -1) {
		rc = write_cidrs(&refuse, s->block_file, 4);
		if (rc == 0)
			rc = write_cidrs(&s->allow, v6, 6);
		if (rc == 0)
			rc = write_cidrs(&s->allow, s->allow_file, 4);
	}
	if (rc == 0)
		rc = write_cidrs(&refuse, s->block_all_file, 0);
	ipset_fini(&refuse);
	free(v6);
	return rc;
}

int
targets_make(struct survey *s)
{
	const struct geo_source src = database_source(s);
	struct geo_stats stats = { 0 };
	char *error;
	int rc;

	s->geo = NULL;
	if (src.country_mmdb != NULL || src.asn_mmdb != NULL || src.csv_dir != NULL) {
		s->geo = geo_source_open(&src, &stats, &error);
		free(stats.first_bad);
		if (s->geo == NULL) {
			log_error("%s", error);
			free(error);
			return EXIT_USAGE;
		}
	}
	for (int i = 0; s->geo != NULL && i < GEO_NKINDS; i++) {
		if (geo_db_path(s->geo, (enum geo_kind)i) == NULL)
			continue;
		manifest_set(&s->m.databases[i].path, geo_db_path(s->geo, (enum geo_kind)i));
		manifest_set(&s->m.databases[i].type, geo_db_type(s->geo, (enum geo_kind)i));
		s->m.databases[i].built = geo_db_built(s->geo, (enum geo_kind)i);
	}
	if (s->c->scan.mode == SCAN_ZMAP && (rc = add_database_ranges(s)) != 0)
		return rc;
	ipset_normalise(&s->allow);
	ipset_subtract(&s->allow, &s->block);
	ipset_subtract(&s->allow, &s->opt_out);
	s->m.counts.targets_v4 = (uint64_t)ipset_count(&s->allow, 4);
	s->m.counts.targets_v6 = ipset_count(&s->allow, 6);
	if (s->c->scan.mode == SCAN_ZMAP) {
		if (s->m.counts.targets_v4 == 0) {
			log_error(
			    "no IPv4 address is left to scan; see run.countries, run.targets and "
			    "run.asns, and what scan.block_files takes away");
			return EXIT_USAGE;
		}
		if (s->m.counts.targets_v6 > 0)
			log_info("IPv6 ranges are written to cidrs.v6 and not scanned: zmap has no "
				 "IPv6");
	}
	return write_lists(s);
}

static bool
in_country(const struct survey *s, const struct ip *ip)
{
	struct geo_info info;

	if (s->any_country)
		return true;
	if (s->geo == NULL || !geo_db_lookup(s->geo, ip, &info))
		return false;
	for (size_t i = 0; i < s->c->run.countries.n; i++) {
		if (strcmp(s->c->run.countries.v[i], info.country) == 0)
			return true;
	}
	return false;
}

enum target_verdict
target_check(const struct survey *s, const struct ip *ip)
{
	if (ipset_contains(&s->block, ip))
		return TARGET_BLOCKED;
	if (ipset_contains(&s->opt_out, ip))
		return TARGET_OPTED_OUT;
	if (s->c->scan.mode == SCAN_ZMAP && !ipset_contains(&s->allow, ip))
		return TARGET_NOT_ALLOWED;
	return in_country(s, ip) ? TARGET_OK : TARGET_ABROAD;
}
