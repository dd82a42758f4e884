/* Layer: base.  Programs that we start: where they are and what they are told. */
#ifndef SURVEY_TOOL_H
#define SURVEY_TOOL_H

/*
 * Absolute path of the program that name, a path or a name in $PATH or
 * /usr/sbin, stands for; the caller frees it.  Entries of $PATH that are empty
 * or relative are passed over: what they mean changes with the directory.
 *
 * A process that root has started refuses a program that others than root can
 * change or replace.  Returns NULL then, and when there is none, with the
 * reason in *why (the caller frees it) unless why is NULL.
 */
char *tool_find(const char *name, char **why);

/*
 * The environment of a tool: $PATH, language, time zone and where root
 * certificates are, and that Go shall take short RSA keys; nothing else of ours,
 * for that may hold secrets.  Ends with NULL; tool_environment_free() it.
 */
char **tool_environment(void);
void tool_environment_free(char **env);

#endif
