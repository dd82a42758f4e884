#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/base64.h"
#include "survey/file.h"
#include "survey/mem.h"

#include "lists.h"

#define LOOK 4096 /* bytes that tell text from rows */
#define PREFIX "SHA256:"
#define HASH_BYTES (LIST_ROW - 1)

/* ---- text ---- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
parse_base64(const char *s, size_t len, uint8_t *fp)
{
	uint8_t bytes[BASE64_ROOM(44)];
	size_t n;

	if (len > 44 || !base64_decode(s, len, bytes, &n) || n != KEY_LEN)
		return false;
	memcpy(fp, bytes, KEY_LEN);
	return true;
}

static bool
parse_hex(const char *s, size_t len, uint8_t *fp)
{
	size_t step = len == 3 * KEY_LEN - 1 ? 3 : 2; /* with colons */

	if (len != 2 * KEY_LEN && step == 2)
		return false;
	for (size_t i = 0; i < KEY_LEN; i++) {
		int high = hex_digit(s[i * step]), low = hex_digit(s[i * step + 1]);

		if (high == -1 || low == -1 ||
		    (step == 3 && i + 1 < KEY_LEN && s[i * 3 + 2] != ':'))
			return false;
		fp[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

int
fp_parse_line(const char *line, size_t len, uint8_t fp[static KEY_LEN])
{
	size_t n = 0;

	while (len > 0 && is_blank(line[0])) {
		line++;
		len--;
	}
	if (len == 0 || line[0] == '#')
		return 0;
	while (n < len && !is_blank(line[n]) && line[n] != ',' && line[n] != '#')
		n++;
	if (n > strlen(PREFIX) && memcmp(line, PREFIX, strlen(PREFIX)) == 0)
		return parse_base64(line + strlen(PREFIX), n - strlen(PREFIX), fp) ? 1 : -1;
	return parse_hex(line, n, fp) ? 1 : -1;
}

/* "# name: TEXT" */
static void
take_header(const char *line, size_t len, const char *word, char **to)
{
	size_t n = strlen(word);

	if (len <= n || memcmp(line, word, n) != 0)
		return;
	while (n < len && is_blank(line[n]))
		n++;
	while (len > n && is_blank(line[len - 1]))
		len--;
	if (len > n && *to == NULL)
		*to = xstrndup(line + n, len - n);
}

static int
by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, KEY_LEN);
}

void
fp_list_sort(struct fp_list *l)
{
	if (l->n > 1)
		qsort(l->fps, l->n, KEY_LEN, by_bytes);
}

static void
read_text(struct fp_list *l, struct finding_list *info, const char *text, size_t len)
{
	const char *end = text + len;
	size_t cap = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline != NULL ? newline : end) - text);
		uint8_t fp[KEY_LEN];
		int kind = fp_parse_line(text, n, fp);

		if (kind == 1) {
			mem_grow(&l->fps, &cap, l->n + 1, KEY_LEN);
			memcpy(l->fps[l->n++], fp, KEY_LEN);
		} else if (kind == -1) {
			info->bad++;
		} else {
			take_header(text, n, "# name:", &info->name);
			take_header(text, n, "# note:", &info->note);
		}
		text += n + 1;
	}
	fp_list_sort(l);
}

/* ---- rows ---- */

static const char *
check_rows(const struct fp_list *l)
{
	for (size_t i = 1; i < l->n; i++) {
		const uint8_t *row = l->rows + i * LIST_ROW;

		if (memcmp(row - LIST_ROW, row, HASH_BYTES) > 0)
			return "its rows are not sorted";
	}
	return NULL;
}

/* Names of the parts, from {"blocklists": [{"id": 1, "name": "…"}]}; without them they have numbers. */
static void
read_part_names(struct finding_list *info, const char *path)
{
	char *dir = path_dir(path), *meta = path_join(dir, WEAK_LIST_NAMES), *text;
	struct json_object *o = NULL, *lists, *id, *name;
	size_t len;

	if ((text = file_read(meta, 16 << 20, &len)) != NULL)
		o = json_tokener_parse(text);
	if (json_object_object_get_ex(o, "blocklists", &lists) &&
	    json_object_is_type(lists, json_type_array)) {
		info->parts = xcalloc(256, sizeof(*info->parts));
		for (size_t i = 0; i < json_object_array_length(lists); i++) {
			struct json_object *list = json_object_array_get_idx(lists, i);
			int number;

			if (!json_object_object_get_ex(list, "id", &id) ||
			    !json_object_object_get_ex(list, "name", &name) ||
			    !json_object_is_type(name, json_type_string))
				continue;
			number = json_object_get_int(id);
			if (number >= 0 && number < 256 && info->parts[number] == NULL)
				info->parts[number] = xstrdup(json_object_get_string(name));
		}
	}
	json_object_put(o);
	free(text);
	free(meta);
	free(dir);
}

/* ---- files ---- */

static bool
is_text(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len && i < LOOK; i++) {
		if (data[i] < 0x20 ? !isspace(data[i]) : data[i] == 0x7f)
			return false;
		if (data[i] >= 0x80 && i < 4) /* UTF-8 may stand in notes, not at the start */
			return false;
	}
	return true;
}

static char *
read_list(struct fp_list *l, struct finding_list *info, const char *path)
{
	struct stat st;
	const char *fault;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *error = NULL;

	if (fd == -1 || fstat(fd, &st) == -1) {
		error = xasprintf("%s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		error = xasprintf("%s: not a file", path);
	} else if (st.st_size > 0) {
		l->map_len = (size_t)st.st_size;
		l->map = mmap(NULL, l->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (l->map == MAP_FAILED) {
			error = xasprintf("%s: %s", path, strerror(errno));
			l->map = NULL;
		} else if (is_text(l->map, l->map_len)) {
			read_text(l, info, l->map, l->map_len);
		} else if (l->map_len % LIST_ROW != 0) {
			error = xasprintf("%s: neither a list of fingerprints nor whole rows of %d "
					  "bytes",
			    path, LIST_ROW);
		} else {
			l->rows = l->map;
			l->n = l->map_len / LIST_ROW;
			if ((fault = check_rows(l)) != NULL)
				error = xasprintf("%s: %s", path, fault);
			else
				read_part_names(info, path);
		}
	}
	if (fd != -1)
		close(fd);
	if (error != NULL)
		l->n = 0;
	info->rows = l->n;
	return error;
}

const char *
weak_list_path(const char *spec)
{
	const char *equals = strchr(spec, '='), *slash = strchr(spec, '/');

	return equals != NULL && (slash == NULL || equals < slash) ? equals + 1 : spec;
}

void
fp_lists_open(struct fp_lists *l, const char *const *specs, size_t n)
{
	if (n > FINDING_MAX_LISTS)
		n = FINDING_MAX_LISTS;
	l->n = n;
	l->lists = xcalloc(n + 1, sizeof(*l->lists));
	l->info = xcalloc(n + 1, sizeof(*l->info));
	for (size_t i = 0; i < n; i++) {
		const char *path = weak_list_path(specs[i]), *slash = strrchr(path, '/');

		if (path != specs[i])
			l->info[i].name = xstrndup(specs[i], (size_t)(path - specs[i]) - 1);
		l->info[i].error = read_list(&l->lists[i], &l->info[i], path);
		if (l->info[i].name == NULL)
			l->info[i].name = xstrdup(slash != NULL ? slash + 1 : path);
	}
}

struct finding_list *
fp_lists_close(struct fp_lists *l)
{
	struct finding_list *info = l->info;

	for (size_t i = 0; i < l->n; i++) {
		if (l->lists[i].map != NULL)
			munmap(l->lists[i].map, l->lists[i].map_len);
		free(l->lists[i].fps);
	}
	free(l->lists);
	*l = (struct fp_lists){ NULL, NULL, 0 };
	return info;
}

bool
fp_list_has(const struct fp_list *l, const uint8_t fp[static KEY_LEN],
    const uint8_t number[static 32], uint8_t *part)
{
	size_t low = 0, high = l->n;

	*part = 0;
	if (l->fps != NULL)
		return bsearch(fp, l->fps, l->n, KEY_LEN, by_bytes) != NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const uint8_t *row = l->rows + middle * LIST_ROW;
		int c = memcmp(number, row, HASH_BYTES);

		if (c == 0) {
			*part = row[HASH_BYTES];
			return true;
		}
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}
