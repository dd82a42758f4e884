/* survey.db as one of the result files. */
#include "survey/store.h"

#include "writer.h"

static int
db_begin(struct writer *o, char **error)
{
	/* The empty file under the temporary name becomes the database. */
	return store_write(o->st, o->explainer, &o->out, o->o->stop, error);
}

const struct output_kind output_db = { .file = STORE_FILE, .in_copy = true, .begin = db_begin };
