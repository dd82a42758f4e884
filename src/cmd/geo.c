#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/argv.h"
#include "survey/buf.h"
#include "survey/country.h"
#include "survey/file.h"
#include "survey/georanges.h"
#include "survey/iplist.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/text.h"

#include "commands.h"
#include "confine.h"

enum { COUNTRY, ASN, MMDB, CSV, LEGACY, V4, V6, BLOCK, ALLOW, OUT, WRITE_LEGACY, NO_SANDBOX };

static const struct command_option options[] = {
	[COUNTRY] = { "country", 'c', "CC[,CC…]", "networks of a country, two letters; XX is any",
	    ARG_COUNTRIES },
	[ASN] = { "asn", 'a', "N[,N…]", "networks of an AS" },
	[MMDB] = { "mmdb", 'm', "DIR", "folder with databases (*.mmdb, *.csv), or one such file",
	    ARG_PATH },
	[CSV] = { "csv", 0, "DIR", "folder with CSV files of networks, or one such file",
	    ARG_PATH },
	[LEGACY] = { "legacy", 0, "FILE", "GeoIPCountryWhois.csv", ARG_FILE },
	[V4] = { "ipv4", '4', NULL, "IPv4 only" },
	[V6] = { "ipv6", '6', NULL, "IPv6 only" },
	[BLOCK] = { "block", 'b', "FILE", "take these addresses, prefixes and ranges out",
	    ARG_FILE },
	[ALLOW] = { "allow-reserved", 0, "CIDR", "leave this reserved range in (laboratories)" },
	[OUT] = { "output", 'o', "FILE", "write the list here (default: standard output)",
	    ARG_NEW_FILE },
	[WRITE_LEGACY] = { "write-legacy", 0, "FILE",
	    "write GeoIPCountryWhois.csv; without -o no list is printed", ARG_NEW_FILE },
	[NO_SANDBOX] = NO_SANDBOX_OPTION,
	{ NULL },
};

static int cmd_geo(int argc, char **argv);

const struct command command_geo = {
	.name = "geo",
	.summary = "Print the networks of countries or ASes, merged and sorted",
	.detail = "IPv4 comes before IPv6.  Special-purpose ranges of the IANA registries and the\n"
		  "block list are taken out.  Without --country and --asn the networks of all\n"
		  "countries are listed.  Options may be repeated.",
	.usage = "(--mmdb DIR | --csv DIR | --legacy FILE)",
	.operands = { { "CC|N", ARG_COUNTRIES, 0, 0 } },
	.options = options,
	.run = cmd_geo,
};

struct request {
	struct geo_source src;
	struct geo_query q;
	char **countries;
	size_t ncountries, ccap;
	uint32_t *asns;
	size_t acap;
	struct argv blocks; /* paths */
	struct ipset block, allow;
	const char *list_path, *legacy_path; /* NULL: standard output; not written */
	struct outfile list, legacy; /* open when there is a path */
	bool any, listed, no_sandbox;
};

static int
add_country(const char *text, void *arg)
{
	struct request *r = arg;
	char cc[3];

	if (command_country(&command_geo, text, cc) == -1)
		return -1;
	if (strcmp(cc, "XX") == 0) {
		r->any = true;
		return 0;
	}
	if (country_name(cc) == NULL)
		log_warn("geo: %s is no ISO 3166 country code%s", cc,
		    strcmp(cc, "UK") == 0 ? "; the United Kingdom is GB" : "");
	mem_grow(&r->countries, &r->ccap, r->ncountries + 1, sizeof(*r->countries));
	r->countries[r->ncountries++] = xstrdup(cc);
	return 0;
}

static int
add_asn(const char *text, void *arg)
{
	struct request *r = arg;

	mem_grow(&r->asns, &r->acap, r->q.nasns + 1, sizeof(*r->asns));
	if (command_asn(&command_geo, "asn", text, &r->asns[r->q.nasns]) == -1)
		return -1;
	r->q.nasns++;
	return 0;
}

static int
add_file(struct ipset *s, const char *path)
{
	struct refusals bad = { 0 };
	char *error = NULL;
	int rc = iplist_read_set(s, path, &bad, &error);

	refusals_log(&bad, log_error);
	if (rc == -1)
		log_error("geo: %s", error);
	refusals_fini(&bad);
	free(error);
	return rc;
}

static int
add_allow(struct request *r, const char *text)
{
	struct cidr c;

	if (!cidr_parse(text, strlen(text), &c)) {
		log_error(
		    "geo: --allow-reserved wants a prefix as in 198.18.0.0/15, not \"%s\"", text);
		return -1;
	}
	ipset_add_cidr(&r->allow, &c);
	return 0;
}

/* Look before anything is listed: what is no database is a mistake of whoever called. */
static int
look_at_database(struct request *r)
{
	char *error;

	if (r->src.database == NULL || geo_source_look(&r->src, &error) == 0)
		return 0;
	log_error("geo: %s", error);
	free(error);
	return -1;
}

static int
check_path(const char *path)
{
	if (access(path, F_OK) == 0)
		return 0;
	log_error("geo: %s: %m", path);
	return -1;
}

static int
read_option(struct request *r, int option, const char *value)
{
	switch (option) {
	case COUNTRY:
		return command_each(value, add_country, r);
	case ASN:
		return command_each(value, add_asn, r);
	case MMDB:
		r->src.database = value;
		return 0;
	case CSV:
		r->src.csv_dir = value;
		return check_path(value);
	case LEGACY:
		r->src.legacy_file = value;
		return check_path(value);
	case V4:
		r->q.v4 = true;
		return 0;
	case V6:
		r->q.v6 = true;
		return 0;
	case BLOCK:
		argv_add(&r->blocks, value, NULL);
		return 0;
	case ALLOW:
		return add_allow(r, value);
	case OUT:
		r->list_path = strcmp(value, "-") == 0 ? NULL : value;
		r->listed = true;
		return 0;
	case WRITE_LEGACY:
		r->legacy_path = value;
		return 0;
	case NO_SANDBOX:
		r->no_sandbox = true;
		return 0;
	default:
		return -1;
	}
}

/* "survey geo -m DIR ie gb", "--country IE GB", "--asn 64500 64501": codes and numbers without an option. */
static int
read_operand(struct request *r, const char *text)
{
	return text[0] >= '0' && text[0] <= '9' ? add_asn(text, r) : add_country(text, r);
}

static int
check_request(struct request *r)
{
	int sources = (r->src.database != NULL) + (r->src.csv_dir != NULL) +
		      (r->src.legacy_file != NULL);

	if (sources != 1) {
		log_error("geo: give one of --mmdb, --csv and --legacy; see survey geo --help");
		return -1;
	}
	if (r->src.legacy_file != NULL && r->q.nasns > 0) {
		log_error("geo: --legacy has countries only; --asn wants --mmdb or --csv");
		return -1;
	}
	if (r->any && r->q.nasns > 0) {
		log_error("geo: --country XX and --asn do not go together");
		return -1;
	}
	if (!r->q.v4 && !r->q.v6)
		r->q.v4 = r->q.v6 = true;
	r->q.countries = (const char *const *)r->countries;
	r->q.ncountries = r->any ? 0 : r->ncountries;
	r->q.asns = r->asns;
	ipset_normalise(&r->allow);
	return 0;
}

static int
count_prefix(const struct cidr *c, void *arg)
{
	size_t *n = arg;

	n[c->ip.family == 6]++;
	return 0;
}

/* What a file now holds; a list that is printed speaks for itself. */
static void
say_totals(const struct ipset *s, const char *path)
{
	size_t n[2] = { 0, 0 };
	struct buf v4;

	ipset_each_cidr(s, count_prefix, n);
	buf_init(&v4);
	text_count(&v4, (unsigned long long)ipset_count(s, 4));
	log_info("%s: %zu %s with %s addresses, %zu %s with %.3g", path, n[0],
	    text_noun(n[0], "IPv4 prefix", "IPv4 prefixes"), v4.data, n[1],
	    text_noun(n[1], "IPv6 prefix", "IPv6 prefixes"), ipset_count(s, 6));
	buf_fini(&v4);
}

static int
write_list(const struct ipset *s, const char *path, struct outfile *o)
{
	if (path == NULL) {
		int error = ipset_write(s, 0, stdout) == -1 ? errno : 0;

		return command_flush("geo", error) == -1 ? -1 : 0;
	}
	if (ipset_write(s, 0, o->f) == -1 || outfile_commit(o) == -1) {
		log_error("geo: %s: %m", path);
		return -1;
	}
	say_totals(s, path);
	return 0;
}

static int
open_output(const char *path, struct outfile *o)
{
	if (path == NULL || outfile_open_named(o, path) == 0)
		return 0;
	log_error("geo: %s: %m", path);
	return -1;
}

/* What is written is open before anything is read. */
static int
give_up_rights(const struct request *r)
{
	const char *const sources[] = { r->src.database, r->src.csv_dir, r->src.legacy_file };
	const char *outputs[3] = { NULL };
	struct argv read = { .n = 0 };
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (sources[i] != NULL)
			argv_add(&read, sources[i], NULL);
	}
	for (size_t i = 0; i < r->blocks.n; i++)
		argv_add(&read, r->blocks.v[i], NULL);
	if (r->list_path != NULL)
		outputs[n++] = r->list_path;
	if (r->legacy_path != NULL)
		outputs[n++] = r->legacy_path;
	rc = confine(r->no_sandbox, (const char *const *)read.v, NULL, outputs);
	argv_free(read.v);
	return rc;
}

static int
read_block_lists(struct request *r)
{
	for (size_t i = 0; i < r->blocks.n; i++) {
		if (add_file(&r->block, r->blocks.v[i]) == -1)
			return -1;
	}
	return 0;
}

static int
make_list(struct request *r, struct geo_stats *stats, char **error)
{
	struct ipset s;
	int rc;

	ipset_init(&s);
	rc = geo_list(&r->src, &r->q, &s, stats, error);
	if (rc == 0 && stats->matched == 0) {
		*error = xstrdup("the database has no such network");
		rc = -1;
	}
	if (rc == 0) {
		geo_take_reserved(&s, &r->allow);
		ipset_subtract(&s, &r->block);
		if (s.n == 0)
			log_warn("geo: nothing is left after reserved ranges and block list");
		rc = write_list(&s, r->list_path, &r->list);
	}
	ipset_fini(&s);
	return rc;
}

static int
cmd_geo(int argc, char **argv)
{
	struct command_args args = { .command = &command_geo, .argc = argc, .argv = argv };
	struct geo_stats stats = { 0 };
	struct request r = { 0 };
	char *error = NULL;
	int option, status = EXIT_USAGE, rc = 0;

	while ((option = command_next(&args)) >= 0) {
		if (read_option(&r, option, args.value) == -1)
			goto out;
	}
	if (option != COMMAND_END) {
		status = command_ended(option);
		goto out;
	}
	for (int i = args.at; i < argc; i++) {
		if (read_operand(&r, argv[i]) == -1)
			goto out;
	}
	if (check_request(&r) == -1)
		goto out;
	if (open_output(r.list_path, &r.list) == -1 ||
	    open_output(r.legacy_path, &r.legacy) == -1 || give_up_rights(&r) != 0) {
		status = EXIT_FAILED;
		goto out;
	}
	if (look_at_database(&r) == -1 || read_block_lists(&r) == -1)
		goto out;
	if (r.legacy_path != NULL)
		rc = geo_write_legacy(&r.src, &r.q, &r.legacy, &stats, &error);
	if (rc == 0 && (r.legacy_path == NULL || r.listed))
		rc = make_list(&r, &stats, &error);
	if (error != NULL)
		log_error("geo: %s", error);
	if (stats.bad > 0)
		log_warn("geo: %llu %s could not be read, the first: %s",
		    (unsigned long long)stats.bad, text_noun(stats.bad, "row", "rows"),
		    stats.first_bad);
	status = rc != 0 ? EXIT_FAILED : stats.bad > 0 ? EXIT_INCOMPLETE : EXIT_COMPLETE;
out:
	for (size_t i = 0; i < r.ncountries; i++)
		free(r.countries[i]);
	free(r.countries);
	free(r.asns);
	argv_free(r.blocks.v);
	outfile_abort(&r.list);
	outfile_abort(&r.legacy);
	ipset_fini(&r.block);
	ipset_fini(&r.allow);
	free(stats.first_bad);
	free(error);
	return status;
}
