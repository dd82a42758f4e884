/* Layer: model.  The ports that a survey looks at. */
#ifndef SURVEY_PORT_H
#define SURVEY_PORT_H

#include <stddef.h>
#include <stdint.h>

enum key_kind { KEY_SSH_HOST, KEY_TLS_SPKI };

/* How TLS starts on a port. */
enum port_tls { TLS_NONE, TLS_STARTTLS, TLS_IMPLICIT };

struct port_def {
	uint16_t port;
	const char *name; /* "p22": its name in records and outputs */
	const char *module; /* zgrab2's module */
	enum port_tls tls;
	enum key_kind kind;
};

#define NPORTS 9
#define NPORTS_STUDY 7 /* the first rows: the columns of the `ports` masks and of analysis.pNN */

/* Row order is the bit order of the masks and the order of all reports. */
extern const struct port_def port_table[NPORTS];

/* Row of a port number, or of a name such as "p443"; -1 when it is in no row. */
int port_index(unsigned port);
int port_index_by_name(const char *name, size_t len);

#endif
