/* A spool that packs its lines: whatever is cut off it, whole lines stay, and it goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zstd.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/frames.h"
#include "survey/mem.h"
#include "survey/source.h"
#include "survey/spool.h"

static int
setup(void **state)
{
	char dir[] = "/tmp/survey-spool-XXXXXX";

	assert_non_null(mkdtemp(dir));
	*state = path_join(dir, "records.zst");
	return 0;
}

static int
teardown(void **state)
{
	char *dir = path_dir(*state);

	file_remove_tree(dir);
	free(dir);
	free(*state);
	return 0;
}

/* Not file_write(): that waits for the disk, thousands of times. */
static void
put_file(const char *path, const void *data, size_t len)
{
	int fd;

	unlink(path); /* ext4 waits for a file that was emptied and written again, too */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(file_write_fd(fd, data, len), 0);
	close(fd);
}

/* What a reader of records gets; *torn: it says that a line is missing. */
static char *
text_of(const char *path, size_t *len, bool *torn, char **error)
{
	struct source *s = source_open(path, NULL, error);
	char piece[4096];
	struct buf b;
	long n = -1;

	buf_init(&b);
	while (s != NULL && (n = source_read(s, piece, sizeof(piece), error)) > 0)
		buf_add(&b, piece, (size_t)n);
	*torn = s != NULL && source_is_torn(s);
	source_close(s);
	*len = b.len;
	if (n == -1) {
		buf_fini(&b);
		return NULL;
	}
	return buf_steal(&b);
}

static void
assert_text(const char *path, const void *want, size_t len)
{
	char *error = NULL, *got;
	size_t n;
	bool torn;

	got = text_of(path, &n, &torn, &error);
	if (got == NULL)
		fail_msg("%s", error);
	assert_int_equal(n, len);
	assert_memory_equal(got, want, len);
	assert_false(torn);
	free(got);
}

/* A line of about len bytes that packs to about half; the caller frees. */
static char *
line(uint32_t seed, size_t len)
{
	char *s = xmalloc(len + 1);

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		s[i] = (char)('a' + (seed >> 16) % 16);
	}
	s[len - 1] = '\n';
	s[len] = '\0';
	return s;
}

/* Lines of these lengths, in sessions of some each; returns their text. */
static char *
write_lines(const char *path, const size_t *len, size_t n, size_t session, size_t *total)
{
	struct spool s = { .fd = -1 };
	struct buf all;

	buf_init(&all);
	for (size_t i = 0; i < n; i++) {
		char *text = line((uint32_t)i + 1, len[i]);

		if (i % session == 0) {
			spool_close(&s);
			assert_int_equal(spool_open(&s, path, NULL), 0);
			assert_int_equal(s.cut, 0);
		}
		assert_int_equal(spool_write(&s, text, len[i]), 0);
		buf_add(&all, text, len[i]);
		free(text);
	}
	spool_close(&s);
	*total = all.len;
	return buf_steal(&all);
}

/* Cut off at any place, as by a crash: readers get what is there, the next session goes on. */
static void
test_torn(void **state)
{
	/* The third one is several blocks. */
	static const size_t len[] = { 40, 3000, 300000, 1, 700, 41 };
	const char *path = *state;
	size_t total, size, step = 1;
	char *text = write_lines(path, len, sizeof(len) / sizeof(len[0]), 4, &total);
	char *file = file_read(path, 1 << 20, &size);

	assert_text(path, text, total);
	assert_true(size < total);
	for (size_t cut = 0; cut < size; cut += step) {
		char *error = NULL, *got;
		struct spool s;
		struct buf torn;
		size_t n, kept;
		bool said;

		/* Every byte near the ends of blocks and frames, some in the middle of the long line. */
		step = cut > 200 && cut + 600 < size ? 491 : 1;
		put_file(path, file, cut);
		got = text_of(path, &n, &said, &error);
		/* Too short for the magic number is no zstd. */
		if (got == NULL)
			fail_msg("cut at %zu: %s", cut, error);
		if (cut >= 4) {
			assert_true(n <= total);
			assert_memory_equal(got, text, n);
		}
		free(got);
		buf_init(&torn);
		assert_int_equal(spool_open(&s, path, &torn), 0);
		kept = 0;
		for (const char *p = text; p != NULL && (size_t)(p - text) <= n && cut >= 4;
		     p = memchr(p, '\n', total - (size_t)(p - text)), p = p ? p + 1 : p)
			kept = (size_t)(p - text);
		/* What was said to be missing was cut off, and only that. */
		if (cut >= 4) {
			if ((said || n > kept) != (s.cut > 0))
				fail_msg("cut at %zu of %zu: said %d, %zu of %zu, cut %zu", cut,
				    size, said, n, kept, (size_t)s.cut);
			assert_true(
			    torn.len <=
			    n - kept); /* a reader sees some of a block that is not packed */
			assert_memory_equal(torn.data, text + kept, torn.len);
		}
		assert_int_equal(spool_write(&s, "new\n", 4), 0);
		assert_int_equal(spool_write(&s, "newer\n", 6), 0);
		spool_close(&s);
		got = text_of(path, &n, &said, &error);
		if (got == NULL)
			fail_msg("cut at %zu, continued: %s", cut, error);
		assert_int_equal(n, kept + 10);
		assert_memory_equal(got, text, kept);
		assert_string_equal(got + kept, "new\nnewer\n");
		assert_false(said);
		free(got);
		buf_fini(&torn);
	}
	free(file);
	free(text);
}

/* What a killed session has written is all there, with its frame open: nothing is kept back. */
static void
test_open(void **state)
{
	struct spool s, next;

	assert_int_equal(spool_open(&s, *state, NULL), 0);
	assert_int_equal(spool_write(&s, "one\n", 4), 0);
	assert_text(*state, "one\n", 4);
	assert_int_equal(spool_write(&s, "two\n", 4), 0);
	assert_text(*state, "one\ntwo\n", 8);
	assert_int_equal(spool_open(&next, *state, NULL), 0);
	assert_int_equal(next.cut, 0);
	assert_int_equal(spool_write(&next, "three\n", 6), 0);
	spool_close(&next);
	assert_text(*state, "one\ntwo\nthree\n", 14);
	close(s.fd); /* it was killed */
	s.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	spool_close(&s);
}

/* A full disk leaves whole lines, be it in a frame or before one. */
static void
test_full(void **state)
{
	struct rlimit old, limit;
	char *big = line(7, 5000);

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (int before = 0; before < 2; before++) {
		struct spool s;
		char want[32];

		unlink(*state);
		assert_int_equal(spool_open(&s, *state, NULL), 0);
		if (before > 0)
			assert_int_equal(spool_write(&s, "kept\n", 5), 0);
		for (int again = 0; again < 2; again++) {
			limit = old;
			limit.rlim_cur = 200;
			assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
			assert_int_equal(spool_write(&s, big, 5000), -1);
			assert_int_equal(errno, EFBIG);
			assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
			assert_int_equal(lseek(s.fd, 0, SEEK_END), s.size);
		}
		assert_text(*state, "kept\n", before > 0 ? 5 : 0);
		assert_int_equal(spool_write(&s, "more\n", 5), 0);
		spool_close(&s);
		snprintf(want, sizeof(want), "%smore\n", before > 0 ? "kept\n" : "");
		assert_text(*state, want, strlen(want));
	}
	free(big);
}

/* Frames end every few megabytes; what others have packed is gone on with. */
static void
test_frames(void **state)
{
	static char zst[1000];
	static const size_t len[] = { 5 << 20, 5 << 20, 9 << 20, 100 };
	const char *path = *state;
	struct frames_end e;
	size_t total, n, nframes = 0;
	char *text = write_lines(path, len, 4, 4, &total);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum frames_piece got;
	struct frames f;
	struct spool s;

	assert_text(path, text, total);
	assert_int_equal(frames_find_end(fd, &e), 0);
	frames_init(&f, fd, 0, e.whole);
	while ((got = frames_next(&f)) > FRAMES_CUT)
		nframes += got == FRAMES_HEADER;
	assert_int_equal(got, FRAMES_END);
	assert_int_equal(nframes, 3);
	close(fd);
	free(text);

	n = ZSTD_compress(zst, sizeof(zst), "theirs\n", 7, 19);
	assert_false(ZSTD_isError(n));
	put_file(path, zst, n);
	assert_int_equal(spool_open(&s, path, NULL), 0);
	assert_int_equal(s.cut, 0);
	assert_int_equal(spool_write(&s, "ours\n", 5), 0);
	spool_close(&s);
	assert_text(path, "theirs\nours\n", 12);

	/* Without its last newline, which an empty frame and one that is skipped do not hide. */
	for (size_t i = 0; i < 2; i++) {
		struct frames_lines l;

		n = ZSTD_compress(zst, sizeof(zst), "theirs\n", 6 + i, 19);
		n += ZSTD_compress(zst + n, sizeof(zst) - n, "", 0, 19);
		memcpy(zst + n, "\x50\x2a\x4d\x18\1\0\0\0x", 9);
		put_file(path, zst, n + 9);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(frames_find_lines(fd, &l, NULL), 0);
		assert_int_equal(l.keep, n + 9);
		assert_int_equal(l.unended, i == 0);
		close(fd);
	}
}

/* What is damaged otherwise, or is not ours, is refused and stays as it is. */
static void
test_damaged(void **state)
{
	static const size_t len[] = { 400, 3000, 700 };
	static char zst[1000];
	const char *path = *state;
	size_t total, size;
	char *text = write_lines(path, len, 3, 1, &total), *error = NULL;
	char *file = file_read(path, 1 << 20, &size), *got;
	struct spool s;
	size_t n;
	bool torn;

	/* Another magic number in the middle. */
	for (size_t i = 4; i < size; i++) {
		if (memcmp(file + i, "\x28\xb5\x2f\xfd", 4) == 0) {
			file[i] = 0;
			break;
		}
	}
	put_file(path, file, size);
	assert_int_equal(spool_open(&s, path, NULL), -1);
	assert_int_equal(errno, EBADMSG);
	free(file);
	file = file_read(path, 1 << 20, &n);
	assert_int_equal(n, size);
	/* A frame that tells its size was cut off: no survey wrote that. */
	n = ZSTD_compress(zst, sizeof(zst), text, total < 4000 ? 400 : 900, 3);
	assert_false(ZSTD_isError(n));
	put_file(path, zst, n - 2);
	assert_int_equal(spool_open(&s, path, NULL), -1);
	assert_int_equal(errno, EBADMSG);
	got = text_of(path, &n, &torn, &error);
	assert_null(got);
	assert_non_null(strstr(error, "ends too early"));
	free(error);
	free(file);
	free(text);
}

/* Any byte may be any other: no crash, no hang, and never a line that nobody wrote. */
static void
test_hostile(void **state)
{
	static const size_t len[] = { 60, 300, 50, 200 };
	const char *path = *state;
	size_t total, size;
	char *text = write_lines(path, len, 4, 3, &total);
	char *file = file_read(path, 1 << 20, &size);
	uint32_t seed = 1;

	for (int i = 0; i < 800; i++) {
		size_t at = (seed = seed * 1103515245 + 12345) >> 8, n;
		char kept, *error = NULL, *got;
		struct spool s;
		bool torn;

		at %= size;
		kept = file[at];
		file[at] = (char)(seed >> 3);
		put_file(path, file, size - (seed >> 20) % 3);
		got = text_of(path, &n, &torn, &error);
		free(error);
		error = NULL;
		free(got);
		if (spool_open(&s, path, NULL) == 0) {
			assert_int_equal(spool_write(&s, "new\n", 4), 0);
			spool_close(&s);
		}
		file[at] = kept;
	}
	free(file);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
