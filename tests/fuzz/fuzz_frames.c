/* How a file of packed lines ends: any bytes may be one. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/frames.h"

#include "tempinput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct frames_lines l, again;
	struct frames_end e;
	struct buf torn;
	char path[40];
	off_t size = (off_t)len;
	int fd = tempinput(data, len, path);

	if (frames_find_end(fd, &e) == -1 || e.whole > e.block || e.block + e.rest != size)
		abort();
	buf_init(&torn);
	if (frames_find_lines(fd, &l, &torn) == 0) {
		if (l.keep < e.whole || l.keep > e.block || (l.open && l.keep == e.whole))
			abort();
		/* Cut there, and ended, it is whole. */
		if (ftruncate(fd, l.keep) == -1 || lseek(fd, 0, SEEK_END) != l.keep ||
		    (l.open && write(fd, FRAMES_LAST, FRAMES_LAST_LEN) != FRAMES_LAST_LEN))
			abort();
		size = l.keep + (l.open ? FRAMES_LAST_LEN : 0);
		if (frames_find_lines(fd, &again, NULL) == -1 || again.keep != size || again.open)
			abort();
	}
	buf_fini(&torn);
	close(fd);
	return 0;
}
