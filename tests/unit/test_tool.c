/* Which programs are found, which root refuses to start, and what a tool is told. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/file.h"
#include "survey/tool.h"
#include "survey/trust.h"

#define NOBODY 65534

static char dir[] = "/tmp/test_tool.XXXXXX";

static char *
in_dir(const char *name)
{
	static char path[2][128];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void
make_program(const char *name)
{
	assert_int_equal(file_write(in_dir(name), "#!/bin/sh\n", 10), 0);
	assert_int_equal(chmod(in_dir(name), 0755), 0);
}

static void
found(const char *name, const char *want)
{
	char *why, *got = tool_find(name, &why);

	if (got == NULL || strcmp(got, want) != 0)
		fail_msg("%s: %s", name, got != NULL ? got : why);
	assert_null(why);
	free(got);
}

static void
refused(const char *name, const char *said)
{
	char *why, *got = tool_find(name, &why);

	assert_null(got);
	if (strstr(why, said) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, said);
	free(why);
}

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_tool.XXXXXX");
	if (mkdtemp(dir) == NULL || mkdir(in_dir("bin"), 0755) == -1)
		return -1;
	make_program("bin/zmap");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return chdir("/") == 0 ? file_remove_tree(dir) : -1;
}

/* Entries of PATH that mean another place in another directory are passed over. */
static void
test_search(void **state)
{
	char path[200];

	(void)state;
	assert_int_equal(chdir(dir), 0);
	setenv("PATH", "bin::.:./bin", 1);
	make_program("onlyhere");
	refused("onlyhere", "not in $PATH");
	snprintf(path, sizeof(path), "bin:%s/absent:%s/bin:/bin", dir, dir);
	setenv("PATH", path, 1);
	found("zmap", in_dir("bin/zmap"));
	found("bin/zmap", in_dir("bin/zmap")); /* one that is named is */
	assert_int_equal(chdir("/"), 0);
	found(in_dir("bin/zmap"), in_dir("bin/zmap"));
	refused("/nonexistent/zmap", "No such file");
	refused(dir, "cannot be executed");
	assert_int_equal(chmod(in_dir("bin/zmap"), 0644), 0);
	refused(in_dir("bin/zmap"), "cannot be executed");
}

/* What somebody else could change, root does not start. */
static void
test_replaceable(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	setenv("PATH", "/bin", 1);
	assert_int_equal(chmod(in_dir("bin/zmap"), 0757), 0);
	refused(in_dir("bin/zmap"), "others can write to");
	assert_int_equal(chmod(in_dir("bin/zmap"), 0755), 0);
	assert_int_equal(chown(in_dir("bin/zmap"), NOBODY, 0), 0);
	refused(in_dir("bin/zmap"), "belongs to nobody");
	assert_int_equal(chown(in_dir("bin/zmap"), 0, 0), 0);
	assert_int_equal(chmod(in_dir("bin"), 0777), 0);
	refused(in_dir("bin/zmap"), "others can write to");
	assert_int_equal(chmod(in_dir("bin"), 01777), 0); /* as /tmp */
	found(in_dir("bin/zmap"), in_dir("bin/zmap"));
	assert_int_equal(chown(in_dir("bin"), NOBODY, NOBODY), 0);
	refused(in_dir("bin/zmap"), "belongs to nobody");
	assert_int_equal(chown(in_dir("bin"), 0, 0), 0);
	assert_int_equal(symlink("bin/zmap", in_dir("link")), 0);
	found(in_dir("link"), in_dir("link"));
	assert_int_equal(lchown(in_dir("link"), NOBODY, NOBODY), 0);
	refused(in_dir("link"), "belongs to nobody");
	/* Nor what it was told where to find by way of such a link. */
	assert_int_equal(symlink("/bin", in_dir("way")), 0);
	found(in_dir("way/sh"), in_dir("way/sh"));
	assert_int_equal(lchown(in_dir("way"), NOBODY, NOBODY), 0);
	refused(in_dir("way/sh"), "belongs to nobody");
}

static int
make(int parent, const char *name, void *arg)
{
	++*(int *)arg;
	return mkdirat(parent, name, 0755);
}

static void
walk_fails(const char *path, unsigned flags, int error, const char *said)
{
	char *why;

	assert_int_equal(trust_open(path, geteuid(), flags, NULL, NULL, &why), -1);
	assert_int_equal(errno, error);
	if (strstr(why, said) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, said);
	free(why);
}

static void
test_walk(void **state)
{
	int made = 0, fd;
	struct stat st;
	char *why;

	(void)state;
	walk_fails(in_dir("bin/absent"), 0, ENOENT, "bin/absent: No such file");
	walk_fails(in_dir("bin/zmap/x"), 0, ENOTDIR, "bin/zmap/x: Not a directory");
	assert_int_equal(symlink("bin", in_dir("link")), 0);
	walk_fails(in_dir("link/zmap"), 0, ELOOP, "is a link");
	assert_int_equal(symlink("loop", in_dir("loop")), 0);
	walk_fails(in_dir("loop"), TRUST_LINKS, ELOOP, "too many links");
	fd = trust_open(in_dir("link/../bin/./zmap"), geteuid(), TRUST_LINKS, NULL, NULL, &why);
	assert_true(fd > 2);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	close(fd);
	fd = trust_open(in_dir("a/b//c/"), geteuid(), 0, make, &made, &why);
	assert_true(fd > 2);
	assert_int_equal(made, 3);
	close(fd);
	assert_int_equal(chdir(in_dir("a")), 0);
	fd = trust_open("b/c", geteuid(), 0, make, &made, &why);
	assert_true(fd > 2);
	assert_int_equal(made, 3);
	close(fd);
}

static void
test_environment(void **state)
{
	char **env;

	(void)state;
	setenv("SECRET", "of root's", 1);
	setenv("LD_PRELOAD_NOT", "x", 1);
	setenv("TZ", "UTC", 1);
	setenv("SSL_CERT_FILE", "/ca.pem", 1);
	setenv("PATH", "bin::/usr/bin:.:/bin:", 1);
	env = tool_environment();
	assert_string_equal(env[0],
	    geteuid() == 0 ? "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
			   : "PATH=/usr/bin:/bin");
	for (size_t i = 1; env[i] != NULL; i++) {
		assert_null(strstr(env[i], "SECRET"));
		assert_null(strstr(env[i], "PRELOAD"));
		if (strncmp(env[i], "TZ=", 3) == 0)
			setenv("TZ", "seen", 1);
		if (strcmp(env[i], "SSL_CERT_FILE=/ca.pem") == 0)
			setenv("SSL_CERT_FILE", "seen", 1);
	}
	assert_string_equal(getenv("TZ"), "seen");
	assert_string_equal(getenv("SSL_CERT_FILE"), "seen");
	tool_environment_free(env);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_search, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaceable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
