/* Layer: base.  Where programs are. */
#ifndef SURVEY_TOOL_H
#define SURVEY_TOOL_H

/*
 * Path of the executable that name (a path, or a name in $PATH or /usr/sbin)
 * stands for; the caller frees it.  NULL with errno set when there is none.
 */
char *tool_find(const char *name);

#endif
