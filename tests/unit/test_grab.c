/* What zgrab2 is told and what it says: ini, input lines, results, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "grab/modules.h"
#include "grab/result.h"
#include "grab/secrets.h"
#include "survey/argv.h"
#include "survey/buf.h"
#include "survey/grab.h"

static struct config
study_config(void)
{
	struct config c;

	memset(&c, 0, sizeof(c));
	for (int row = 0; row < NPORTS; row++) {
		c.grab.port[row] = row < NPORTS_STUDY;
		c.grab.timeout_ms[row] = 5000;
	}
	c.grab.timeout_ms[port_index(25)] = 15000;
	c.grab.http_max_size = 16;
	c.grab.user_agent = "survey/1.0 (+https://example.org/\"scan\")";
	c.grab.ehlo = "";
	c.grab.ehlo_override = true;
	return c;
}

static void
test_ini(void **state)
{
	struct config c = study_config();
	struct buf b;

	(void)state;
	buf_init(&b);
	grab_ini(&c, &b);
	assert_non_null(strstr(b.data,
	    "[smtp]\nname=\"p25\"\ntrigger=\"p25\"\nport=25\nconnect-timeout=\"5000ms\"\n"
	    "target-timeout=\"15000ms\"\nmax-version=771\nsend-ehlo-override=true\n"));
	assert_non_null(strstr(b.data, "rsa-sha2-512,rsa-sha2-256,ssh-rsa"));
	assert_non_null(strstr(b.data,
	    "max-size=16\nuser-agent=\"survey/1.0 (+https://example.org/\\\"scan\\\")\"\n"));
	assert_non_null(strstr(b.data, "port=993\nconnect-timeout=\"5000ms\"\n"
				       "target-timeout=\"5000ms\"\nmax-version=771\nimaps=true\n"));
	/* A redirect leads to another host, whose key is not this one's. */
	assert_non_null(strstr(b.data, "use-https=true\nmax-redirects=0\n"));
	assert_null(strstr(b.data, "smtps"));
	assert_null(strstr(b.data, "tls13"));
	buf_fini(&b);
}

static void
test_modules(void **state)
{
	struct config c = study_config();
	struct modules t;

	(void)state;
	modules_init(&t, &c);
	assert_int_equal(t.n, 7);
	c.grab.tls13 = c.grab.all_ssh_host_keys = true;
	c.grab.port[port_index(465)] = c.grab.port[port_index(995)] = true;
	modules_init(&t, &c);
	assert_int_equal(t.n, 9 + 4 + 8);
	assert_string_equal(t.m[modules_find(&t, "p443-tls13", 10)].key, "http-tls13");
	assert_string_equal(t.m[modules_find(&t, "p22-ed25519", 11)].key, "ssh-ed25519");
	assert_int_equal(modules_find(&t, "p4", 2), -1);
	assert_string_equal(ssh_family("rsa-sha2-256", 12), "rsa");
	assert_null(ssh_family("rsa-sha2", 8));
}

static void
test_lines(void **state)
{
	struct config c = study_config();
	struct ip ip = ip_from_v4(0xc6120a0b), six;
	struct modules t;
	struct buf b;
	char *name = grab_smtp_name(&c, &ip);

	(void)state;
	assert_string_equal(name, "[198.18.10.11]");
	modules_init(&t, &c);
	buf_init(&b);
	modules_line(&t.m[modules_find(&t, "p25", 3)], &ip, name, &b);
	modules_line(&t.m[modules_find(&t, "p443", 4)], &ip, name, &b);
	assert_true(ip_parse("fd00::1", 7, &six));
	modules_line(&t.m[modules_find(&t, "p443", 4)], &six, name, &b);
	assert_string_equal(b.data, "198.18.10.11,[198.18.10.11],p25\n"
				    "198.18.10.11,198.18.10.11,p443\n"
				    "fd00::1,,p443\n");
	free(name);
	name = grab_smtp_name(&c, &six);
	assert_string_equal(name, "[IPv6:fd00::1]");
	free(name);
	/* A stray quote in its input ends zgrab2, a comma or newline makes another host of it. */
	c.grab.ehlo = "scan\",\n.example.org";
	name = grab_smtp_name(&c, &ip);
	assert_string_equal(name, "scan---.example.org");
	free(name);
	buf_fini(&b);
}

static const char *
read_one(const char *line, const struct config *c, struct result *r)
{
	struct simd_parser *p = simd_parser_new(1 << 20);
	struct modules t;
	const char *reason;

	modules_init(&t, c);
	reason = result_read(r, &t, p, line, strlen(line));
	simd_parser_free(p);
	return reason;
}

static void
test_undialed(void **state)
{
	static const struct {
		const char *status, *error;
		bool undialed;
	} rows[] = {
		{ "connection-timeout", "dial tcp: address 198.19.0.2:0: no suitable address found",
		    true },
		{ "connection-timeout", "dial tcp 198.18.1.1:25: i/o timeout", false },
		/* What a server may have said. */
		{ "protocol-error", "it said: no suitable address found", false },
		{ "connection-timeout", ": no suitable address found, it said", false },
		{ "success", ": no suitable address found", false },
	};
	struct config c = study_config();
	struct result r;
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line),
		    "{\"ip\":\"198.18.1.1\",\"data\":{\"p25\":{\"status\":\"%s\",\"error\":\"%s\"}}"
		    "}",
		    rows[i].status, rows[i].error);
		assert_null(read_one(line, &c, &r));
		assert_int_equal(r.undialed, rows[i].undialed);
	}
}

static void
test_results(void **state)
{
	static const struct {
		const char *line;
		enum grab_end end;
	} rows[] = {
		{ "{\"ip\":\"198.18.1.1\",\"data\":{\"p25\":{\"status\":\"success\",\"protocol\":"
		  "\"smtp\"}}}",
		    GRAB_SUCCESS },
		{ "{\"ip\":\"198.18.1.1\",\"data\":{\"p443\":{\"status\":\"connection-timeout\","
		  "\"error\":"
		  "\"unable to dial target with TLS Dialer: dial tcp 198.18.1.1:443: connect: "
		  "connection refused\"}}}",
		    GRAB_REFUSED },
		{ "{\"ip\":\"198.18.1.1\",\"data\":{\"p22\":{\"status\":\"connection-timeout\","
		  "\"error\":"
		  "\"ctx deadline exceeded: dial tcp 198.18.1.1:22: i/o timeout\"}}}",
		    GRAB_TIMEOUT },
		{ "{\"ip\":\"198.18.1.1\",\"data\":{\"p993\":{\"status\":\"unknown-error\","
		  "\"error\":"
		  "\"could not successfully complete tls handshake: remote error: tls: protocol "
		  "version "
		  "not supported\"}}}",
		    GRAB_TLS_FAILED },
		{ "{\"ip\":\"198.18.1.1\",\"data\":{\"p25\":{\"status\":\"application-error\","
		  "\"error\":"
		  "\"SMTP error code 554\",\"result\":{\"banner\":\"554 no\"}}}}",
		    GRAB_OTHER },
	};
	struct config c = study_config();
	struct result r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(read_one(rows[i].line, &c, &r));
		assert_int_equal(r.end, rows[i].end);
		assert_int_equal(r.json.s[0], '{');
		assert_int_equal(r.json.s[r.json.len - 1], '}');
		assert_int_equal(ip_to_v4(&r.ip), 0xc6120101);
		assert_int_equal(r.follow, 0);
	}
}

/* zgrab2 since 2026 prints giant exponents as numbers; what went through jq is rounded. */
static void
test_numbers(void **state)
{
	static const char *const numbers[] = { "18446744073709552000", "1e999",
		"340282366920938463463374607431768211457", "-9223372036854775809" };
	struct config c = study_config();
	struct simd_parser *p = simd_parser_new(1 << 20);
	struct grab_seen seen;
	struct result r;
	char line[512], object[256];

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(object, sizeof(object),
		    "{\"status\":\"success\",\"result\":{\"rsa_public_key\":{\"exponent\":%s}}}",
		    numbers[i]);
		snprintf(
		    line, sizeof(line), "{\"ip\":\"198.18.1.1\",\"data\":{\"p25\":%s}}", object);
		assert_null(read_one(line, &c, &r));
		assert_int_equal(r.end, GRAB_SUCCESS);
		/* What goes into the record is what zgrab2 wrote, digit by digit. */
		assert_int_equal(r.json.len, strlen(object));
		assert_memory_equal(r.json.s, object, r.json.len);
		snprintf(line, sizeof(line),
		    "{\"ip\":\"198.18.1.1\",\"p25\":{\"data\":{\"smtp\":%s}}}", object);
		assert_true(grab_read_record(p, line, strlen(line), &seen));
		assert_int_equal(seen.end[port_index(25)], GRAB_SUCCESS);
	}
	simd_parser_free(p);
	/* What is no number stays refused. */
	assert_non_null(read_one(
	    "{\"ip\":\"198.18.1.1\",\"data\":{\"p25\":{\"status\":\"success\",\"x\":01e9999}}}", &c,
	    &r));
}

static void
test_garbage(void **state)
{
	static const char *const lines[] = { "time=\"2026\" level=fatal", "{}", "[]", "null",
		"{\"ip\":\"300.1.1.1\",\"data\":{\"p25\":{}}}", "{\"ip\":\"198.18.1.1\"}",
		"{\"ip\":\"198.18.1.1\",\"data\":{\"p26\":{}}}",
		"{\"ip\":\"198.18.1.1\",\"data\":{\"p25\":null}}",
		"{\"ip\":\"198.18.1.1\",\"data\":[{\"p25\":{}}]}",
		"{\"ip\":\"198.18.1.1\",\"data\":{\"p25\":{\"status\":\"succ" };
	struct config c = study_config();
	struct result r;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_non_null(read_one(lines[i], &c, &r));
}

/* Newer ZGrab2 prints RSA exponents of any length as numbers: such a host must not hide. */
static void
test_giant_numbers(void **state)
{
	static const char line[] =
	    "{\"ip\":\"198.18.1.1\",\"data\":{\"p25\":{\"status\":\"success\",\"x\":"
	    "7777777777777777777777777777777777777777777777777777777777}}}";
	static const char record[] =
	    "{\"ip\":\"198.18.1.1\",\"p25\":{\"data\":{\"smtp\":{\"status\":\"success\","
	    "\"x\":7777777777777777777777777777777777777777777777777777777777}}}}";
	struct simd_parser *p = simd_parser_new(1 << 20);
	struct config c = study_config();
	struct grab_seen seen;
	struct result r;

	(void)state;
	assert_null(read_one(line, &c, &r));
	assert_int_equal(r.end, GRAB_SUCCESS);
	/* What goes into the record is what ZGrab2 said. */
	assert_int_equal(r.json.len, strlen("{\"status\":\"success\",\"x\":}") + 58);
	assert_memory_equal(r.json.s + r.json.len - 6, "77777}", 6);
	assert_true(grab_read_record(p, record, strlen(record), &seen));
	assert_int_equal(seen.end[port_index(25)], GRAB_SUCCESS);
	simd_parser_free(p);
}

/* What the first look could not see is asked for, and nothing else. */
static void
test_follow_ups(void **state)
{
	struct config c = study_config();
	struct modules t;
	struct result r;

	(void)state;
	c.grab.tls13 = c.grab.all_ssh_host_keys = true;
	modules_init(&t, &c);
	assert_null(
	    read_one("{\"ip\":\"198.18.1.1\",\"data\":{\"p22\":{\"status\":\"success\",\"result\":{"
		     "\"server_key_exchange\":{\"host_key_algorithms\":[\"rsa-sha2-512\","
		     "\"rsa-sha2-256\",\"ecdsa-sha2-nistp256\",\"ssh-ed25519\",\"sk-new\"]},"
		     "\"key_exchange\":{\"server_host_key\":{\"algorithm\":"
		     "\"ecdsa-sha2-nistp256\"}}}}}}",
		&c, &r));
	assert_int_equal(r.follow, UINT32_C(1) << modules_find(&t, "p22-rsa", 7) |
				       UINT32_C(1) << modules_find(&t, "p22-ed25519", 11));
	assert_null(
	    read_one("{\"ip\":\"198.18.1.1\",\"data\":{\"p443\":{\"status\":\"unknown-error\","
		     "\"error\":\"tls handshake: remote error: tls: protocol version\"}}}",
		&c, &r));
	assert_int_equal(r.follow, UINT32_C(1) << modules_find(&t, "p443-tls13", 10));
	assert_null(read_one("{\"ip\":\"198.18.1.1\",\"data\":{\"p443-tls13\":{\"status\":\"x\","
			     "\"error\":\"tls handshake\"}}}",
	    &c, &r));
	assert_int_equal(r.follow, 0);
}

static void
test_secrets(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "{\"a\":1}", "{\"a\":1}" },
		{ "{\"key_material\":{\"x\":[1,{\"y\":\"}\"}]}}", "{}" },
		{ "{\"a\": 1, \"key_material\": {\"x\": 1}, \"b\": 2}", "{\"a\": 1,  \"b\": 2}" },
		{ "{\"a\":1,\"client_private\":\"q\\\"}\"}", "{\"a\":1}" },
		{ "{\"client_private\":null,\"key_material\":3}", "{}" },
		{ "[{\"key_material\":1},{\"k\":\"key_material\"}]",
		    "[{},{\"k\":\"key_material\"}]" },
		{ "{\"a\":\"key_material\\\":1\"}", "{\"a\":\"key_material\\\":1\"}" },
		{ "{\"a\":{\"b\":1,\"key_material\":{}} }", "{\"a\":{\"b\":1} }" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b;

		buf_init(&b);
		secrets_drop(rows[i].in, strlen(rows[i].in), &b);
		assert_string_equal(b.data, rows[i].want);
		buf_fini(&b);
	}
	/* Cut anywhere, it stays within bounds. */
	for (size_t len = 0; len <= strlen(rows[2].in); len++) {
		char *cut = malloc(len + 1);
		struct buf b;

		memcpy(cut, rows[2].in, len);
		buf_init(&b);
		secrets_drop(cut, len, &b);
		assert_true(b.len <= len);
		buf_fini(&b);
		free(cut);
	}
}

static void
test_read_record(void **state)
{
	struct simd_parser *p = simd_parser_new(1 << 20);
	struct grab_seen seen;
	static const char line[] =
	    "{\"ip\":\"198.18.1.1\",\"writer\":\"survey\",\"version\":1,"
	    "\"time\":\"2026-06-15T12:00:01Z\","
	    "\"p22\":{\"data\":{\"ssh\":{\"status\":\"success\"}}},"
	    "\"p25\":{\"data\":{\"smtp\":{\"status\":\"x\",\"error\":\"i/o timeout\"}}},"
	    "\"p443\":{\"data\":{\"http\":{\"status\":\"x\",\"error\":\"tls handshake\"},"
	    "\"http-tls13\":{\"status\":\"success\"}}},\"p110\":\"zgrab2 gave no answer\"}";

	(void)state;
	assert_true(grab_read_record(p, line, strlen(line), &seen));
	assert_int_equal(seen.time, 1781524801);
	assert_int_equal(seen.ports, 1 << port_index(22) | 1 << port_index(25) |
					 1 << port_index(443) | 1 << port_index(110));
	assert_int_equal(seen.retry, 1 << port_index(25));
	assert_int_equal(seen.end[port_index(110)], GRAB_GIVEN_UP);
	assert_int_equal(seen.end[port_index(443)], GRAB_TLS_FAILED);
	assert_false(seen.second);
	assert_false(grab_read_record(p, line, strlen(line) - 1, &seen));
	simd_parser_free(p);
}

static void
join(char **argv, struct buf *b)
{
	buf_clear(b);
	for (size_t i = 0; argv != NULL && argv[i] != NULL; i++)
		buf_printf(b, "[%s]", argv[i]);
	argv_free(argv);
}

/* What a request may choose is the addresses to send from, nothing else. */
static void
test_command_line(void **state)
{
	struct zgrab2_params p = { "/bin/zgrab2", "ini", "block", 70 };
	struct zgrab2_request r;
	struct buf b;

	(void)state;
	buf_init(&b);
	memset(&r, 0, sizeof(r));
	join(zgrab2_request_build(&r, sizeof(r), &p), &b);
	assert_string_equal(b.data, "[/bin/zgrab2][multiple][-c][ini][-b][block][--flush]"
				    "[--senders][70][--metadata-file][][--status-updates-file][]");
	r.nlocal = 2;
	r.local[0] = ip_from_v4(0xc6120001);
	r.local[1] = (struct ip){ .family = 6, .a = { 0xfd, 0x53, [15] = 1 } };
	join(zgrab2_request_build(&r, sizeof(r), &p), &b);
	assert_non_null(strstr(b.data, "[--local-addr][198.18.0.1,fd53::1]"));
	r.nlocal = 1;
	join(zgrab2_request_build(&r, sizeof(r), &p), &b);
	assert_non_null(strstr(b.data, "[--local-addr][198.18.0.1]"));
	assert_null(zgrab2_request_build(&r, sizeof(r) - 1, &p));
	r.local[0].family = 5;
	assert_null(zgrab2_request_build(&r, sizeof(r), &p));
	r.nlocal = 3;
	assert_null(zgrab2_request_build(&r, sizeof(r), &p));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_ini),
		cmocka_unit_test(test_modules),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_undialed),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_giant_numbers),
		cmocka_unit_test(test_follow_ups),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_read_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
