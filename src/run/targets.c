#include <stdlib.h>
#include <string.h>

#include "survey/file.h"
#include "survey/geolist.h"
#include "survey/mem.h"
#include "run/targets.h"

static int
read_files(struct ipset *s, const struct config_list *files, char **error)
{
	for (size_t i = 0; i < files->n; i++) {
		if (ipset_read_file(s, files->v[i], error) == -1)
			return -1;
	}
	return 0;
}

/* The config has checked that these are prefixes. */
static void
add_prefixes(struct ipset *s, const struct config_list *prefixes)
{
	for (size_t i = 0; i < prefixes->n; i++) {
		struct cidr c;

		if (cidr_parse(prefixes->v[i], strlen(prefixes->v[i]), &c))
			ipset_add_cidr(s, &c);
	}
	ipset_normalise(s);
}

static const char *
path_or_null(const char *path)
{
	return path[0] != '\0' ? path : NULL;
}

static int
add_geo(struct targets *t, const struct config *c, char **error)
{
	const struct geo_source src = {
		.country_mmdb = path_or_null(c->geo.country_mmdb),
		.asn_mmdb = path_or_null(c->geo.asn_mmdb),
		.csv_dir = path_or_null(c->geo.csv),
	};
	bool any = config_any_country(c);
	struct geo_query q = {
		.countries = (const char *const *)c->run.countries.v,
		.ncountries = any ? 0 : c->run.countries.n,
		.nasns = c->run.asns.n,
		.v4 = true,
		.v6 = true,
	};
	struct geo_stats stats = { 0 };
	uint32_t *asns = xcalloc(q.nasns + 1, sizeof(*asns));
	int rc = 0;

	for (size_t i = 0; i < q.nasns; i++) {
		const char *s = c->run.asns.v[i];

		asns[i] = (uint32_t)strtoul(strncmp(s, "AS", 2) == 0 ? s + 2 : s, NULL, 10);
	}
	q.asns = asns;
	/* A query without either would be the networks of all countries. */
	if (q.ncountries > 0 || q.nasns > 0)
		rc = geo_list(&src, &q, &t->scan, &stats, error);
	if (rc == 0 && q.ncountries > 0 && stats.matched == 0) {
		*error = xasprintf("the database has no network of %s%s; is run.countries right?",
		    q.countries[0], q.ncountries > 1 ? " or the other countries" : "");
		rc = -1;
	}
	t->bad_rows = stats.bad;
	t->first_bad = stats.first_bad;
	free(asns);
	return rc;
}

static void
make_block(struct targets *t, const struct config *c)
{
	struct ipset allow;

	ipset_init(&allow);
	add_prefixes(&allow, &c->run.allow_reserved);
	ipset_add_reserved(&t->block);
	ipset_subtract(&t->block, &allow);
	ipset_fini(&allow);
}

int
targets_init(struct targets *t, const struct config *c, char **error)
{
	memset(t, 0, sizeof(*t));
	t->list_mode = c->scan.mode == SCAN_LIST;
	make_block(t, c);
	if (read_files(&t->block, &c->scan.block_files, error) == -1 ||
	    targets_reload(t, c, error) == -1)
		goto fail;
	if (t->list_mode)
		return 0;
	if (add_geo(t, c, error) == -1)
		goto fail;
	add_prefixes(&t->scan, &c->run.targets);
	if (read_files(&t->scan, &c->run.target_files, error) == -1)
		goto fail;
	ipset_subtract(&t->scan, &t->block);
	if (t->scan.n == 0) {
		*error = xstrdup("no target is left after reserved ranges and block lists");
		goto fail;
	}
	return 0;
fail:
	targets_fini(t);
	return -1;
}

void
targets_fini(struct targets *t)
{
	ipset_fini(&t->scan);
	ipset_fini(&t->block);
	ipset_fini(&t->opt_out);
	free(t->first_bad);
	t->first_bad = NULL;
}

int
targets_reload(struct targets *t, const struct config *c, char **error)
{
	struct ipset fresh;

	if (c->scan.opt_out_file[0] == '\0')
		return 0;
	ipset_init(&fresh);
	if (ipset_read_file(&fresh, c->scan.opt_out_file, error) == -1) {
		ipset_fini(&fresh);
		return -1;
	}
	ipset_fini(&t->opt_out);
	t->opt_out = fresh;
	return 0;
}

const char *
targets_refuse(const struct targets *t, const struct ip *ip)
{
	if (ipset_contains(&t->block, ip))
		return "blocked";
	if (ipset_contains(&t->opt_out, ip))
		return "opted out";
	if (!t->list_mode && !ipset_contains(&t->scan, ip))
		return "not a target";
	return NULL;
}

/* One family (0: both) of a set as a file of the run directory. */
static int
write_set(const struct ipset *s, int family, const char *dir, const char *name, char **error)
{
	char *path = path_join(dir, name);
	struct outfile o;
	int rc = outfile_open(&o, path);

	if (rc == 0 && (rc = ipset_write(s, family, o.f)) == -1) {
		*error = xasprintf("%s: %m", path);
		outfile_abort(&o);
	} else if (rc == -1 || (rc = outfile_commit(&o)) == -1) {
		*error = xasprintf("%s: %m", path);
	}
	free(path);
	return rc;
}

int
targets_write(const struct targets *t, const char *dir, char **error)
{
	struct ipset scan, block;
	int rc;

	ipset_init(&scan);
	ipset_init(&block);
	ipset_add_set(&scan, &t->scan);
	ipset_subtract(&scan, &t->opt_out);
	ipset_add_set(&block, &t->block);
	ipset_add_set(&block, &t->opt_out);
	ipset_normalise(&block);
	rc = write_set(&scan, 4, dir, "cidrs.v4", error);
	if (rc == 0)
		rc = write_set(&scan, 6, dir, "cidrs.v6", error);
	if (rc == 0)
		rc = write_set(&block, 0, dir, "block", error);
	ipset_fini(&scan);
	ipset_fini(&block);
	return rc;
}
