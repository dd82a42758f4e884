#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/config.h"
#include "survey/file.h"
#include "survey/ip.h"
#include "survey/rfc3339.h"
#include "survey/rundir.h"

#include "absent.h"

/* Does a list of addresses, prefixes and ranges hold ip?  The line's number, from 1; 0: no; -1: it cannot be read. */
static long
line_with(const char *path, const struct ip *ip, char text[static 128])
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	long number = 0, found = 0;

	if (f == NULL)
		return -1;
	while (found == 0 && getline(&line, &cap, f) != -1) {
		char *start = line, *dash;
		struct cidr c;
		struct ip lo, hi;
		size_t len;

		number++;
		start[strcspn(start, "#;\r\n")] = '\0';
		start += strspn(start, " \t");
		len = strlen(start);
		while (len > 0 && (start[len - 1] == ' ' || start[len - 1] == '\t'))
			start[--len] = '\0';
		if (len == 0)
			continue;
		if (cidr_parse(start, len, &c)) {
			lo = c.ip;
			hi = cidr_last(&c);
		} else if ((dash = strchr(start, '-')) == NULL ||
			   !ip_parse(start, (size_t)(dash - start), &lo) ||
			   !ip_parse(dash + 1, strlen(dash + 1), &hi)) {
			continue;
		}
		if (lo.family == ip->family && ip_cmp(&lo, ip) <= 0 && ip_cmp(ip, &hi) <= 0) {
			found = number;
			snprintf(text, 128, "%s", start);
		}
	}
	free(line);
	fclose(f);
	return found;
}

static long
line_in(const char *dir, const char *name, const struct ip *ip, char text[static 128])
{
	char *path = path_join(dir, name);
	long line = line_with(path, ip, text);

	free(path);
	return line;
}

/* The block lists and the opt-out file that the run's config names, as they are now. */
static bool
is_blocked(const char *dir, const struct ip *ip, struct buf *out)
{
	char *path = path_join(dir, "survey.conf"), text[128];
	struct config *c = access(path, R_OK) == 0 ? config_read(path) : NULL;
	bool blocked = false;
	long line;

	free(path);
	if (c == NULL)
		return false;
	for (size_t i = 0; i < c->scan.block_files.n && !blocked; i++) {
		if ((line = line_with(c->scan.block_files.v[i], ip, text)) > 0) {
			buf_printf(out, "blocked by line %ld of %s (%s)", line,
			    c->scan.block_files.v[i], text);
			blocked = true;
		}
	}
	if (!blocked && c->scan.opt_out_file[0] != '\0' &&
	    (line = line_with(c->scan.opt_out_file, ip, text)) > 0) {
		buf_printf(
		    out, "opted out by line %ld of %s (%s)", line, c->scan.opt_out_file, text);
		blocked = true;
	}
	config_free(c);
	return blocked;
}

/* When packets left, and from where: for whoever asks "did you probe me?". */
static void
scan_times(const char *dir, struct buf *out)
{
	struct manifest m;
	int64_t began = 0, ended = 0;
	char a[TIME_SIZE], b[TIME_SIZE];

	if (manifest_read(&m, dir) == -1)
		return;
	for (size_t i = 0; i < m.nattempts; i++) {
		if (began == 0 || m.attempts[i].started < began)
			began = m.attempts[i].started;
		if (m.attempts[i].ended > ended)
			ended = m.attempts[i].ended;
	}
	if (began != 0) {
		buf_printf(out, "; the scan ran from %s", time_format(began, a));
		if (ended != 0)
			buf_printf(out, " to %s", time_format(ended, b));
		if (m.source_ip != NULL)
			buf_printf(out, ", from %s", m.source_ip);
	}
	manifest_fini(&m);
}

void
absent_reason(const char *dir, const struct ip *ip, struct buf *out)
{
	char text[128];
	long in;

	if (ip->family != 4 && ip->family != 6) {
		buf_adds(out, "no such pseudonym in this study");
		return;
	}
	if (line_in(dir, "out-of-country.ips", ip, text) > 0) {
		buf_adds(out, "answered on port 25, but lies outside the countries of this survey: "
			      "not asked further");
		return;
	}
	if (is_blocked(dir, ip, out)) {
		buf_adds(out, ": never asked");
		return;
	}
	if (line_in(dir, "zmap.ips", ip, text) > 0) {
		buf_adds(out, "answered on port 25, but there is no record of it");
		return;
	}
	in = line_in(dir, ip->family == 4 ? "cidrs.v4" : "cidrs.v6", ip, text);
	if (in > 0) {
		buf_printf(out, "in the target ranges (%s), and silent on port 25", text);
		scan_times(dir, out);
	} else if (in == 0) {
		buf_adds(out, "not in the target ranges: never asked");
		scan_times(dir, out);
	} else {
		buf_adds(out, "not in this study; this directory does not tell which ranges were "
			      "asked");
	}
}
