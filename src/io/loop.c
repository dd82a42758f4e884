#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "survey/log.h"
#include "survey/loop.h"

/* Two pipes, epoll and an event; libuv aborts where it cannot have the first of the pipes. */
#define LOOP_FILES 8

int
loop_open(uv_loop_t *loop)
{
	int fds[LOOP_FILES], n = 0, rc = 0;

	while (n < LOOP_FILES && (fds[n] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) != -1)
		n++;
	if (n < LOOP_FILES)
		rc = uv_translate_sys_error(errno);
	while (n > 0)
		close(fds[--n]);
	if (rc == 0)
		rc = uv_loop_init(loop);
	if (rc != 0)
		log_error("no event loop: %s", uv_strerror(rc));
	return rc == 0 ? 0 : -1;
}
