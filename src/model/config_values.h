/* What single values of the config may be. */
#ifndef SURVEY_MODEL_CONFIG_VALUES_H
#define SURVEY_MODEL_CONFIG_VALUES_H

#include <stddef.h>

/* Each returns NULL when text fits, else what was expected. */
const char *value_run_name(const char *text);
const char *value_user(const char *text);
const char *value_country(const char *text);
const char *value_target(const char *text);
const char *value_asn(const char *text);
const char *value_prefix(const char *text);
const char *value_path(const char *text); /* empty: there is none */
const char *value_file(const char *text);
const char *value_program(const char *text);
const char *value_interface(const char *text);
const char *value_ipv4(const char *text);
const char *value_address(const char *text);
const char *value_mac(const char *text);
const char *value_hours(const char *text);
const char *value_port(const char *text);
const char *value_timeout(const char *text);
const char *value_user_agent(const char *text);
const char *value_ehlo(const char *text);
const char *value_resolver(const char *text);
const char *value_upstream(const char *text);
const char *value_hostname(const char *text);
const char *value_pin(const char *text);
const char *value_format(const char *text);
const char *value_line(const char *text);
const char *value_probe(const char *text);
const char *value_bytes(const char *text);
const char *value_blocklist(const char *text);

/* Of "NAME=PATH" the characters before PATH, of "PATH" 0. */
size_t value_list_name(const char *text);

/* "22:00-06:30" as minutes after midnight; -1 for both when text is empty. */
void value_read_hours(const char *text, int *from, int *to);

/* "25=15s" or "*=5s": the row of the port (-1 for *) and the time in ms. */
void value_read_timeout(const char *text, int *row, long *ms);

/*
 * Replace the comments of a config file by spaces.  libConfuse 3.3 reads
 * comments itself but counts their lines three times, so that every message
 * would name a wrong one.  It also takes address#port for a value and a
 * comment, and a file that ends inside a section for a whole one; these are
 * faults here: returns their number, after a message for each.
 */
size_t config_blank_comments(char *text, const char *path);

#endif
