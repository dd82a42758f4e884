/* Feeds each file of a folder to a fuzz target; in the place of libFuzzer's main(). */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "survey/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
main(int argc, char **argv)
{
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	if (argc != 2 || (dir = opendir(argv[1])) == NULL) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir)) != NULL) {
		char *path, *data;
		size_t len;

		if (entry->d_name[0] == '.')
			continue;
		path = path_join(argv[1], entry->d_name);
		if ((data = file_read(path, 64 << 20, &len)) == NULL) {
			perror(path);
			return 1;
		}
		LLVMFuzzerTestOneInput((const uint8_t *)data, len);
		free(data);
		free(path);
		n++;
	}
	closedir(dir);
	printf("%zu inputs\n", n);
	return n > 0 ? 0 : 1;
}
