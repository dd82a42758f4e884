#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "survey/buf.h"
#include "survey/config.h"
#include "survey/file.h"
#include "survey/log.h"

static struct buf messages;

static void
sink(const char *line, void *arg)
{
	buf_printf(arg, "%s\n", line);
}

static struct config *
read_text(const char *text)
{
	char path[] = "/tmp/survey-config-XXXXXX";
	struct config *c;
	int fd = mkstemp(path);

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	buf_clear(&messages);
	c = config_read(path);
	unlink(path);
	return c;
}

static void
test_values(void **state)
{
	struct config *c = read_text(
	    "run { name = lab countries = {\"IE\"} directory = runs }\n"
	    "grab { ports = {22, 25} timeouts = {\"25=7s\", \"*=2s\"} }\n"
	    "dns { mode = unbound-dot upstream one { address = 192.0.2.1 } }\n");

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->run.name, "lab");
	assert_string_equal(c->run.directory, "/tmp/runs");
	assert_int_equal(c->dns.mode, DNS_UNBOUND_DOT);
	assert_string_equal(c->dns.upstreams[0].address, "192.0.2.1");
	assert_true(c->grab.port[port_index(22)] && !c->grab.port[port_index(443)]);
	assert_int_equal(c->grab.timeout_ms[port_index(22)], 2000);
	assert_int_equal(c->grab.timeout_ms[port_index(25)], 7000);
	config_free(c);
}

static void
test_errors(void **state)
{
	(void)state;
	assert_null(read_text("run {\n nmae = x\n}\n"));
	assert_non_null(strstr(messages.data, ":2: no such option 'nmae'; did you mean name?"));
	assert_null(read_text("scan { rate_pps = 0 }\n"));
	assert_non_null(strstr(messages.data, "scan.rate_pps: 0 is not between 1"));
	assert_null(read_text("dns { mode = stuby }\n"));
	assert_non_null(strstr(messages.data, "dns.mode: \"stuby\" is none of"));
	assert_null(read_text("grab { ports = {23} }\n"));
	assert_null(read_text("run { name = \"unterminated }\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors),
	};

	buf_init(&messages);
	log_set_sink(sink, &messages);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
