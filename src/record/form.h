/* What a file is, told by its first bytes. */
#ifndef RECORD_FORM_H
#define RECORD_FORM_H

#include "survey/filekind.h"
#include "survey/record.h"

#define FORM_BYTES FILEKIND_BYTES

/*
 * The form of a text of which these are the first bytes.  RECORD_OTHER: no records are in
 * it, and *what gets what it is and what to do: a constant that continues "FILE is ".
 */
enum record_form form_tell(const char *text, size_t len, const char **what);

#endif
