#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "survey/outside.h"
#include "survey/sandbox.h"

static const struct ip loopback = { .family = 4, .a = { 127, 0, 0, 1 } };

/* A server of that type at a free port of 127.0.0.1. */
static int
serve(int type, uint16_t *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*port = ntohs(sin.sin_port);
	return fd;
}

/* What a process in the sandbox can reach through the one outside; an exit status. */
static int
ask(const struct outside *o, uint16_t udp, uint16_t tcp, uint16_t other)
{
	struct ip six = { .family = 6 }, source;
	struct pollfd p = { .events = POLLOUT };
	int fd;

	if ((fd = outside_connect(o, SOCK_DGRAM, &loopback, udp)) == -1 || send(fd, "x", 1, 0) != 1)
		return 1;
	if ((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 || fcntl(fd, F_GETFD) != FD_CLOEXEC)
		return 2;
	if ((p.fd = outside_connect(o, SOCK_STREAM, &loopback, tcp)) == -1 ||
	    poll(&p, 1, 5000) != 1 || send(p.fd, "x", 1, MSG_NOSIGNAL) != 1)
		return 3;
	/* Another port, the right port with the wrong type, another address, nonsense. */
	if (outside_connect(o, SOCK_STREAM, &loopback, other) != -1 || errno != EPERM ||
	    outside_connect(o, SOCK_DGRAM, &loopback, tcp) != -1 || errno != EPERM ||
	    outside_connect(o, SOCK_STREAM, &six, tcp) != -1 || errno != EPERM ||
	    outside_connect(o, SOCK_RAW, &loopback, tcp) != -1 || errno != EPERM ||
	    outside_connect(o, SOCK_STREAM, &(struct ip){ .family = 77 }, tcp) != -1 ||
	    outside_connect(o, SOCK_STREAM, &loopback, 0) != -1)
		return 4;
	if (outside_free_port(o) == 0)
		return 5;
	if (!outside_source(o, &loopback, &source) || ip_cmp(&source, &loopback) != 0)
		return 6;
	return 0;
}

static void
test_services(void **state)
{
	char dir[] = "/tmp/survey-outside-XXXXXX", file[64];
	struct sandbox_state in_force;
	struct outside o;
	uint16_t udp, tcp, other;
	int fds[3] = { serve(SOCK_DGRAM, &udp), serve(SOCK_STREAM, &tcp),
		serve(SOCK_STREAM, &other) };
	struct outside_options options = { .scratch = dir };
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/left", dir);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	outside_allow(&options, &loopback, udp, SOCK_DGRAM);
	outside_allow(&options, &loopback, tcp, SOCK_STREAM);
	assert_int_equal(outside_start(&o, &options), 0);
	if ((pid = fork()) == 0)
		_exit(sandbox_enter(SANDBOX_ONLINE, NULL, &in_force) == 0 ? ask(&o, udp, tcp, other)
									  : 99);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	outside_stop(&o);
	assert_int_equal(access(dir, F_OK), -1); /* it cleans up behind those who no longer can */
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void
test_gone(void **state)
{
	const struct outside_options options = { .scratch = NULL };
	struct outside o;

	(void)state;
	assert_int_equal(outside_start(&o, &options), 0);
	assert_int_equal(kill(o.broker.pid, SIGKILL), 0);
	assert_int_equal(waitpid(o.broker.pid, NULL, 0), o.broker.pid);
	assert_int_equal(outside_connect(&o, SOCK_STREAM, &loopback, 1), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(outside_free_port(&o), 0);
	close(o.broker.fd);
}

/* Without one, the process does it itself. */
static void
test_none(void **state)
{
	uint16_t port;
	int server = serve(SOCK_STREAM, &port),
	    fd = outside_connect(NULL, SOCK_STREAM, &loopback, port);

	(void)state;
	assert_true(fd != -1 && outside_free_port(NULL) != 0);
	close(fd);
	close(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
