/* survey find: what its files share. */
#ifndef QUERY_FIND_H
#define QUERY_FIND_H

#include <stddef.h>
#include <stdint.h>

#include "survey/ip.h"
#include "survey/jsonw.h"
#include "survey/print.h"
#include "survey/query.h"

struct absences;
struct sqlite3;

/* How a query is understood. */
enum find_kind {
	FIND_ADDRESS,
	FIND_NETWORK,
	FIND_AS,
	FIND_CLUSTER,
	FIND_FINGERPRINT, /* hex of a key, of a certificate, or a serial number as openssl prints it */
	FIND_SERIAL, /* digits: a serial number, or hex */
	FIND_ONLY_SERIAL, /* a serial number, no part of a fingerprint */
	FIND_NAME,
	FIND_GLOB,
	FIND_AS_NAME
};

struct find_query {
	const char *text;
	enum find_kind kind;
	bool has_second;
	enum find_kind second; /* what it means in a study in which nothing is of the first kind */
	struct ip ip;
	struct cidr cidr;
	long long number;
	char *value; /* what the statement looks for */
	unsigned base; /* of a serial number: 10, 16, or 0 for either */
};

void find_understand(struct find_query *q, const char *text);
/* "address", "network", …: for JSON. */
const char *find_kind_name(enum find_kind kind);

struct find_hosts {
	int64_t *v; /* hosts.id, ascending */
	size_t n, cap;
};

/* The hosts of a query.  Returns 0, or -1 after a message. */
int find_list(struct sqlite3 *db, const struct find_query *q, struct find_hosts *hosts);

/* What is told of a host is asked by these. */
enum tell_statement {
	TELL_HOST,
	TELL_PORTS,
	TELL_WEAK, /* findings of a key */
	TELL_NAMES,
	TELL_OUTCOMES,
	TELL_PARTNERS,
	TELL_CLUSTERED, /* takes an address */
	TELL_MAIL,
	TELL_TLSA,
	TELL_PINNED, /* takes a key */
	NTELL_STATEMENTS
};

struct finding_run {
	struct sqlite3 *db;
	struct sqlite3_stmt *statements[NTELL_STATEMENTS]; /* NULL until wanted */
	struct absences *absent; /* NULL until asked for */
	const char *lacks; /* which hosts it tells where it does not tell all, or NULL */
};

/* What is printed, and of what. */
struct finding {
	const struct find_options *o;
	struct buf *out;
	struct jsonw w;
	struct print csv;
	struct finding_run *runs; /* in step with o->runs */
	size_t nfound; /* queries with a row */
};

extern const struct print_column find_columns[];
void find_text_host(struct finding *f, size_t run, int64_t host);
void find_json_host(struct finding *f, size_t run, int64_t host);
/* A row a host and port; of a host that told nothing of any port one row without. */
void find_csv_host(struct finding *f, size_t run, const char *query, int64_t host);

#endif
