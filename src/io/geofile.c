/* MMDB files: opened, and looked at before anything in them is trusted. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/foreign.h"
#include "survey/mem.h"
#include "io/geofile.h"

#define SAMPLE 256 /* networks that are looked at */

const char *
geo_kind_name(enum geo_kind kind)
{
	return kind == GEO_COUNTRY ? "country codes" : "AS numbers";
}

const char *
geo_lacks(const bool has[static GEO_NKINDS], enum geo_kind kind)
{
	if (!has[GEO_COUNTRY] && !has[GEO_ASN])
		return "neither country codes nor AS numbers";
	return kind == GEO_ASN ? "no AS numbers but country codes"
			       : "no country codes but AS numbers";
}

/* Go down from a node by chance until data is found; what is empty is passed by. */
static bool
descend(const MMDB_s *db, uint32_t node, unsigned depth, uint64_t *seed, MMDB_entry_s *entry)
{
	unsigned bits = db->metadata.ip_version == 4 ? 32 : 128;

	for (; depth < bits; depth++) {
		MMDB_search_node_s n;
		bool right;

		if (MMDB_read_node(db, node, &n) != MMDB_SUCCESS)
			return false;
		*seed ^= *seed << 13;
		*seed ^= *seed >> 7;
		*seed ^= *seed << 17;
		right = (*seed & 1) != 0;
		if ((right ? n.right_record_type : n.left_record_type) == MMDB_RECORD_TYPE_EMPTY)
			right = !right;
		switch (right ? n.right_record_type : n.left_record_type) {
		case MMDB_RECORD_TYPE_DATA:
			*entry = right ? n.right_record_entry : n.left_record_entry;
			return true;
		case MMDB_RECORD_TYPE_SEARCH_NODE:
			node = (uint32_t)(right ? n.right_record : n.left_record);
			break;
		default:
			return false;
		}
	}
	return false;
}

/* Networks of both families, always the same ones of a file.  Returns their number. */
static size_t
sample(struct geo_file *f, MMDB_entry_s entry[static SAMPLE])
{
	const MMDB_s *db = &f->mmdb;
	bool both = db->metadata.ip_version == 6 &&
		    db->ipv4_start_node.node_value < db->metadata.node_count;
	uint64_t seed = UINT64_C(88172645463325252);
	size_t n = 0;

	for (size_t i = 0; i < SAMPLE; i++) {
		if (both && i % 2 == 1)
			n += descend(db, db->ipv4_start_node.node_value,
			    db->ipv4_start_node.netmask, &seed, &entry[n]);
		else
			n += descend(db, 0, 0, &seed, &entry[n]);
	}
	f->v4 = both || db->metadata.ip_version == 4;
	f->v6 = db->metadata.ip_version == 6;
	return n;
}

/* MMDB_open(); in another user's directory (foreign.h) it gets the file that file_open() allows. */
static int
map(const char *path, MMDB_s *mmdb)
{
	struct foreign f;
	char *opened;
	int fd, rc;

	if (!foreign_find(path, &f))
		return MMDB_open(path, MMDB_MODE_MMAP, mmdb);
	if ((fd = file_open(path, O_RDONLY, 0)) == -1)
		return MMDB_FILE_OPEN_ERROR;
	opened = xasprintf("/proc/self/fd/%d", fd);
	rc = MMDB_open(opened, MMDB_MODE_MMAP, mmdb);
	free(opened);
	close(fd);
	return rc;
}

int
geo_file_open(struct geo_file *f, const char *path, char **error)
{
	MMDB_entry_s entry[SAMPLE];
	struct stat st;
	int rc;

	memset(f, 0, sizeof(*f));
	/* The library maps whatever it is given, so a pipe or a directory must not reach it. */
	if (stat(path, &st) == -1) {
		*error = xasprintf("%s: %m", path);
		return -1;
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		*error = xasprintf("%s: %s", path,
		    S_ISREG(st.st_mode) ? "the file is empty" : "not a regular file");
		return -1;
	}
	rc = map(path, &f->mmdb);
	if (rc != MMDB_SUCCESS) {
		*error = rc == MMDB_IO_ERROR || rc == MMDB_FILE_OPEN_ERROR
			     ? xasprintf("%s: %m", path)
			     : xasprintf(
				   "%s: %s; fetch the database again", path, MMDB_strerror(rc));
		return -1;
	}
	f->opened = true;
	f->path = xstrdup(path);
	f->type = xstrdup(
	    f->mmdb.metadata.database_type != NULL ? f->mmdb.metadata.database_type : "");
	f->schema = geo_schema_choose(entry, sample(f, entry), f->has);
	return 0;
}

void
geo_file_close(struct geo_file *f)
{
	if (f->opened)
		MMDB_close(&f->mmdb);
	free(f->path);
	free(f->type);
	memset(f, 0, sizeof(*f));
}

/* The members of that record of the sample that has the most to tell; false when there is none. */
static bool
fullest_record(const struct geo_file *f, struct buf *members)
{
	MMDB_entry_s entry[SAMPLE];
	struct geo_file copy = *f;
	size_t n = sample(&copy, entry);
	struct buf one;

	buf_init(&one);
	for (size_t i = 0; i < n; i++) {
		buf_clear(&one);
		geo_entry_members(&entry[i], &one);
		if (one.len > members->len) {
			struct buf swap = *members;

			*members = one;
			one = swap;
		}
	}
	buf_fini(&one);
	return n > 0;
}

int
geo_file_need(const struct geo_file *f, enum geo_kind kind, char **error)
{
	struct buf members;

	if (f->has[kind])
		return 0;
	buf_init(&members);
	if (!fullest_record(f, &members))
		*error = xasprintf(
		    "%s: its search tree is empty or damaged; fetch the database again", f->path);
	else
		*error = xasprintf("%s: a database of type \"%s\", it has %s; its records hold %s",
		    f->path, f->type, geo_lacks(f->has, kind),
		    members.len > 0 ? members.data : "nothing that can be read");
	buf_fini(&members);
	return -1;
}
