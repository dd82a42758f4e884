/* Layer: io */
#ifndef SURVEY_LOOP_H
#define SURVEY_LOOP_H

#include <uv.h>

/* uv_loop_init(), and no abort where descriptors are scarce.  Returns 0, or -1 after a message. */
int loop_open(uv_loop_t *loop);

#endif
