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
#include "survey/signals.h"
#include "survey/text.h"
#include "survey/trust.h"

#include "live.h"

/*
 * Does root read a file as run.user?  Yes, unless nobody else could have put
 * there what lies there: a link, say, to a file that is not theirs to read, of
 * which messages quote lines.
 */
static bool
reads_as_user(const struct survey *s, const char *path)
{
	char *why;
	int fd;

	if (!s->id.drop || geteuid() != 0)
		return false;
	if ((fd = trust_open(path, 0, TRUST_LINKS, NULL, NULL, &why)) != -1)
		close(fd);
	free(why);
	return fd == -1;
}

static int
read_list(const struct survey *s, struct ipset *set, const char *path, bool as_user, bool aloud)
{
	struct refusals bad = { 0 };
	char *error = NULL;
	bool stopped;
	int rc;

	if (as_user && (rc = identity_assume(&s->id)) != 0)
		return rc;
	rc = iplist_read_set(set, path, &bad, &error);
	if (as_user)
		identity_resume(&s->id);
	stopped = rc == -1 && *signals_stop() != 0; /* while a pipe was waited for */
	if (aloud)
		refusals_log(&bad, log_error);
	if (aloud && rc == -1 && !stopped)
		log_error("%s", error);
	refusals_fini(&bad);
	free(error);
	return rc == 0 ? 0 : stopped ? EXIT_STOPPED : EXIT_USAGE;
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
targets_read_opt_out(struct survey *s, bool aloud)
{
	struct ipset fresh;

	if (s->c->scan.opt_out_file[0] == '\0')
		return 0;
	ipset_init(&fresh);
	/* Before it is read: what is changed from now on will be seen. */
	if (stat(s->c->scan.opt_out_file, &s->opt_out_seen) == -1)
		memset(&s->opt_out_seen, 0, sizeof(s->opt_out_seen));
	/* As who will read it again, on SIGHUP. */
	if (read_list(s, &fresh, s->c->scan.opt_out_file, s->id.drop && geteuid() == 0, aloud) !=
	    0) {
		ipset_fini(&fresh);
		return -1;
	}
	ipset_normalise(&fresh);
	ipset_fini(&s->opt_out);
	s->opt_out = fresh;
	return 0;
}

/* Canaries are asked like anybody else: not when they are on a block list. */
static int
take_canaries(struct survey *s)
{
	const struct config_list *l = &s->c->scan.canaries;

	for (size_t i = 0; i < l->n && i < CANARIES_MAX && s->o->nhosts == 0; i++) {
		struct ip ip;

		if (!ip_parse(l->v[i], strlen(l->v[i]), &ip))
			continue; /* config_read() has seen to that */
		if (ipset_contains(&s->block, &ip) || ipset_contains(&s->opt_out, &ip)) {
			log_error(
			    "scan.canaries: %s is in scan.block_files, in the opt-outs, or in "
			    "a reserved range that run.allow_reserved does not name",
			    l->v[i]);
			return EXIT_USAGE;
		}
		s->canaries[s->ncanaries++] = ip;
	}
	return 0;
}

int
targets_read_lists(struct survey *s)
{
	const struct config *c = s->c;
	struct ipset reserved, lab;
	int rc;

	for (size_t i = 0; i < c->scan.block_files.n; i++) {
		const char *path = c->scan.block_files.v[i];

		if ((rc = read_list(s, &s->block, path, reads_as_user(s, path), true)) != 0)
			return rc;
	}
	if (targets_read_opt_out(s, true) == -1)
		return *signals_stop() != 0 ? EXIT_STOPPED : EXIT_USAGE;
	if ((rc = read_cidrs(&s->allow, &c->run.targets, "run.targets")) != 0)
		return rc;
	for (size_t i = 0; i < c->run.target_files.n; i++) {
		const char *path = c->run.target_files.v[i];

		if ((rc = read_list(s, &s->allow, path, reads_as_user(s, path), true)) != 0)
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
	return rc == 0 ? take_canaries(s) : rc;
}

/* What the databases have of run.countries and run.asns.  Returns 0, or an exit_status after a message. */
static int
add_database_ranges(struct survey *s, const struct databases *d, struct ipset *set)
{
	const struct config *c = s->c;
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
	if (databases_ranges(d, &q, set, &stats, signals_stop(), &error) == -1) {
		rc = *signals_stop() != 0 ? EXIT_STOPPED : EXIT_USAGE;
		if (rc != EXIT_STOPPED)
			log_error("%s", error);
	} else if (q.ncountries > 0 && stats.matched == 0) {
		log_error("the databases have no network of run.countries; are the codes right?");
		rc = EXIT_USAGE;
	}
	if (stats.bad > 0) {
		log_warn("%llu %s of the databases could not be read, the first: %s",
		    (unsigned long long)stats.bad, text_noun(stats.bad, "row", "rows"),
		    stats.first_bad);
		s->incomplete = true;
	}
	free(stats.first_bad);
	free(error);
	return rc;
}

/* A run that goes on has its own copies, should the config's be damaged. */
static int
find_database_ranges(struct survey *s, struct ipset *set)
{
	struct databases kept;
	char *record;
	int rc = add_database_ranges(s, &s->databases, set);

	if (rc != EXIT_USAGE || !s->dir.resumed)
		return rc;
	databases_init(&kept);
	record = lists_recorded(s->dir.fd);
	if (record != NULL && databases_take_kept(&kept, s->c, s->dir.fd) == 0 &&
	    lists_databases_recorded(record, &kept)) {
		free(record);
		log_warn("going on with the run's own copies of the databases");
		ipset_fini(set);
		ipset_init(set);
		databases_fini(&s->databases);
		s->databases = kept;
		return add_database_ranges(s, &s->databases, set);
	}
	free(record);
	databases_fini(&kept);
	return rc;
}

static int
seal_lists(struct survey *s)
{
	struct ipset refuse;
	int rc;

	ipset_init(&refuse);
	ipset_add_set(&refuse, &s->block);
	ipset_add_set(&refuse, &s->opt_out);
	ipset_normalise(&refuse);
	if ((rc = lists_seal(&s->lists, &s->allow, &refuse)) == -1)
		log_error("the target lists cannot be kept in memory: %s", strerror(errno));
	ipset_fini(&refuse);
	return rc == 0 ? 0 : EXIT_FAILED;
}

int
targets_make(struct survey *s)
{
	struct ipset found;
	char *error;
	int rc;

	if (databases_take(&s->databases, s->c, &s->id, &error) == -1) {
		log_error("%s", error);
		free(error);
		return EXIT_USAGE;
	}
	if (s->c->scan.mode != SCAN_ZMAP)
		return 0;
	ipset_normalise(&s->allow);
	lists_note(&s->lists, LIST_TARGETS, &s->allow);
	lists_note(&s->lists, LIST_BLOCK, &s->block);
	lists_note(&s->lists, LIST_OPT_OUT, &s->opt_out);
	ipset_init(&found);
	rc = find_database_ranges(s, &found);
	lists_note(&s->lists, LIST_DATABASE, &found);
	ipset_add_set(&s->allow, &found);
	ipset_fini(&found);
	if (rc != 0)
		return rc;
	ipset_normalise(&s->allow);
	s->targets_before = ipset_count(&s->allow, 4);
	ipset_subtract(&s->allow, &s->block);
	ipset_subtract(&s->allow, &s->opt_out);
	if (!survey_scans(s))
		return 0;
	if (ipset_count(&s->allow, 4) < 1) {
		log_error("no IPv4 address is left to scan; see run.countries, run.targets and "
			  "run.asns, and what scan.block_files takes away");
		return EXIT_USAGE;
	}
	return seal_lists(s);
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

/* For whoever wants to know: zmap and zgrab2 are told by what lies in memory (lists.h, rights.c). */
static int
write_lists(struct survey *s)
{
	char *v4 = path_join(s->dir.path, "cidrs.v4"), *v6 = path_join(s->dir.path, "cidrs.v6");
	char *block = path_join(s->scan_dir, "block.v4");
	struct ipset refuse;
	int rc;

	ipset_init(&refuse);
	ipset_add_set(&refuse, &s->block);
	ipset_add_set(&refuse, &s->opt_out);
	ipset_normalise(&refuse);
	rc = write_cidrs(&refuse, block, 4);
	if (rc == 0)
		rc = write_cidrs(&s->allow, v6, 6);
	if (rc == 0)
		rc = write_cidrs(&s->allow, v4, 4);
	ipset_fini(&refuse);
	free(v4);
	free(v6);
	free(block);
	return rc;
}

/* The run's own databases, to ask for single addresses.  Returns 0, or an exit_status after a message. */
static int
open_databases(struct survey *s)
{
	const struct geo_source src = {
		.country_mmdb = s->country_mmdb, .asn_mmdb = s->asn_mmdb, .csv_dir = s->csv_dir
	};
	struct geo_stats stats = { 0 };
	char *error;

	s->geo = NULL;
	if (src.country_mmdb == NULL && src.asn_mmdb == NULL && src.csv_dir == NULL)
		return 0;
	s->geo = geo_source_open(&src, &stats, &error);
	free(stats.first_bad);
	if (s->geo == NULL) {
		log_error("%s", error);
		free(error);
		return EXIT_USAGE;
	}
	/* Every host would count as abroad. */
	if (!s->any_country && geo_db_path(s->geo, GEO_COUNTRY) == NULL) {
		log_error("country database: " GEO_NO_COUNTRIES "; set geo.country_mmdb");
		return EXIT_USAGE;
	}
	for (int i = 0; i < GEO_NKINDS; i++) {
		if (geo_db_path(s->geo, (enum geo_kind)i) == NULL)
			continue;
		manifest_set(&s->m.databases[i].path, geo_db_path(s->geo, (enum geo_kind)i));
		manifest_set(&s->m.databases[i].type, geo_db_type(s->geo, (enum geo_kind)i));
		s->m.databases[i].built = geo_db_built(s->geo, (enum geo_kind)i);
	}
	return 0;
}

int
targets_write(struct survey *s)
{
	int rc;

	if ((rc = open_databases(s)) != 0)
		return rc;
	s->m.counts.targets_v4 = (uint64_t)ipset_count(&s->allow, 4);
	s->m.counts.targets_v6 = ipset_count(&s->allow, 6);
	if (survey_scans(s) && s->m.counts.targets_v6 > 0)
		log_info("IPv6 ranges are written to cidrs.v6 and not scanned: zmap has no IPv6");
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
