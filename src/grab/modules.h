#ifndef GRAB_MODULES_H
#define GRAB_MODULES_H

#include "survey/config.h"
#include "survey/ip.h"

struct buf;

enum module_kind { MODULE_BASE, MODULE_SSH_KEYS, MODULE_TLS13 };

/* One section of the ini: something that can be asked of a port. */
struct module {
	char tag[24]; /* zgrab2's name and trigger for it: "p22", "p22-rsa" */
	char key[24]; /* its member of pNN.data: "ssh", "ssh-rsa" */
	int row; /* of port_table */
	enum module_kind kind;
	const char *algorithms; /* MODULE_SSH_KEYS */
};

#define MAX_MODULES 24
_Static_assert(MAX_MODULES <= 32, "sets of modules are 32-bit masks");

struct modules {
	struct module m[MAX_MODULES];
	int n;
};

/* The base modules of all configured ports come first, in the order of port_table. */
void modules_init(struct modules *t, const struct config *c);
int modules_find(const struct modules *t, const char *tag, size_t len); /* -1: none */
/* The line that makes zgrab2 ask ip; smtp_name goes into EHLO. */
void modules_line(
    const struct module *m, const struct ip *ip, const char *smtp_name, struct buf *out);
/* Family ("rsa") of an SSH host key algorithm; NULL when it is none that is asked for. */
const char *ssh_family(const char *algorithm, size_t len);

#endif
