#include <string.h>

#include "survey/port.h"

const struct port_def port_table[NPORTS] = {
	{ 22, "p22", "ssh", TLS_NONE, KEY_SSH_HOST },
	{ 25, "p25", "smtp", TLS_STARTTLS, KEY_TLS_SPKI },
	{ 110, "p110", "pop3", TLS_STARTTLS, KEY_TLS_SPKI },
	{ 143, "p143", "imap", TLS_STARTTLS, KEY_TLS_SPKI },
	{ 443, "p443", "http", TLS_IMPLICIT, KEY_TLS_SPKI },
	{ 587, "p587", "smtp", TLS_STARTTLS, KEY_TLS_SPKI },
	{ 993, "p993", "imap", TLS_IMPLICIT, KEY_TLS_SPKI },
	{ 465, "p465", "smtp", TLS_IMPLICIT, KEY_TLS_SPKI },
	{ 995, "p995", "pop3", TLS_IMPLICIT, KEY_TLS_SPKI },
};

_Static_assert(NPORTS_STUDY <= 8, "port masks have 8 bits a side");

int
port_index(unsigned port)
{
	for (int i = 0; i < NPORTS; i++) {
		if (port_table[i].port == port)
			return i;
	}
	return -1;
}

int
port_index_by_name(const char *name, size_t len)
{
	for (int i = 0; i < NPORTS; i++) {
		if (strlen(port_table[i].name) == len && memcmp(port_table[i].name, name, len) == 0)
			return i;
	}
	return -1;
}
