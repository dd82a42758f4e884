#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/lines.h"
#include "survey/simd.h"

int
simd_each_line(const char *path, size_t max_line, const char *having,
    void (*fn)(struct simd_node root, void *arg), void *arg)
{
	int fd = file_open(path, O_RDONLY | O_NONBLOCK, 0), error = 0;
	struct simd_parser *parser;
	struct simd_node root;
	enum lines_got got;
	struct lines lines;
	char *line;
	size_t len;

	if (fd == -1)
		return -1;
	parser = simd_parser_new(max_line);
	lines_init(&lines, max_line);
	while ((got = lines_read(&lines, fd, &line, &len)) != LINES_END && got != LINES_ERROR) {
		if (got == LINES_LINE &&
		    (having == NULL || memmem(line, len, having, strlen(having)) != NULL) &&
		    simd_parse_copy(parser, line, len, &root) == SIMD_OK)
			fn(root, arg);
	}
	if (got == LINES_ERROR)
		error = errno;
	lines_fini(&lines);
	simd_parser_free(parser);
	close(fd);
	errno = error;
	return error == 0 ? 0 : -1;
}
