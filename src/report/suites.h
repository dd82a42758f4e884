/* Names of TLS cipher suites, and what is wrong with the weak ones. */
#ifndef REPORT_SUITES_H
#define REPORT_SUITES_H

#include <stdint.h>

/* IANA's name of the suite, or NULL when it is not in the table. */
const char *suite_name(uint16_t number);
/* "RC4", "3DES", "export", "NULL", "anonymous", "single DES", "no forward secrecy"; NULL when sound. */
const char *suite_weakness(uint16_t number);

#endif
