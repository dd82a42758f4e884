#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "survey/buf.h"
#include "survey/mem.h"
#include "survey/record.h"
#include "survey/study_builder.h"

#define FP1 "00112233445566778899aabbccddeeff00112233445566778899aabbccddee01"
#define FP2 "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEE02"
#define SSH(fp)                                                                                   \
	"\"server_id\":{\"version\":\"2.0\",\"software\":\"OpenSSH_9.2\"},\"key_exchange\":{"     \
	"\"server_host_key\":"                                                                    \
	"{\"algorithm\":\"ssh-rsa\",\"rsa_public_key\":{\"length\":2048},\"fingerprint_sha256\":" \
	"\"" fp "\"}}"
#define LEAF(fp, more)                                                                          \
	"\"parsed\":{\"subject_dn\":\"C=IE, CN=mail.example.ie, O=x\",\"issuer_dn\":\"CN=ca\"," \
	"\"validity\":{\"start\":\"2026-04-10T09:04:13Z\",\"end\":\"2027-04-09T09:04:12Z\"},"   \
	"\"subject_key_info\":{\"key_algorithm\":{\"name\":\"RSA\"},\"rsa_public_key\":{"       \
	"\"length\":4096},"                                                                     \
	"\"fingerprint_sha256\":\"" fp "\"},\"signature\":{\"self_signed\":true}" more "}"
#define SANS(list) ",\"extensions\":{\"subject_alt_name\":{\"dns_names\":" list "}}"
#define HANDSHAKE(fp, more)                                                                        \
	"\"server_hello\":{\"version\":{\"name\":\"TLSv1.2\"},\"cipher_suite\":{\"value\":49199}}" \
	","                                                                                        \
	"\"server_certificates\":{\"certificate\":{" LEAF(                                         \
	    fp, more) "},\"validation\":{\"browser_trusted\":false}}"
#define RAW25(fp, more)                                                                         \
	"{\"status\":\"success\",\"protocol\":\"smtp\",\"timestamp\":\"2026-11-23T23:36:22Z\"," \
	"\"result\":"                                                                           \
	"{\"banner\":\"220 mx.example.ie ESMTP\",\"tls\":{\"handshake_log\":{" HANDSHAKE(       \
	    fp, more) "}}}}"

struct fixture {
	struct simd_parser *p;
	struct arena a;
	struct record_counts counts;
	struct host h;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->p = simd_parser_new(1 << 20);
	arena_init(&f->a);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	simd_parser_free(f->p);
	arena_fini(&f->a);
	free(f);
	return 0;
}

static enum record_refusal
extract(struct fixture *f, const char *line)
{
	struct buf b;
	enum record_refusal r;

	buf_init(&b);
	buf_adds(&b, line);
	buf_reserve(&b, SIMD_PADDING);
	r = record_extract(f->p, NULL, b.data, b.len, &f->a, &f->h, &f->counts);
	buf_fini(&b);
	return r;
}

/* "p25dn=mail.example.ie …" */
static char *
names_of(const struct host *h)
{
	char key[HOST_KEY_SIZE];
	struct buf b;

	buf_init(&b);
	for (uint32_t i = 0; i < h->nnames; i++)
		buf_printf(&b, "%s%s=%s", i > 0 ? " " : "", host_name_key(&h->names[i], key),
		    h->names[i].text);
	return buf_steal(&b);
}

static void
assert_names(const struct host *h, const char *expected)
{
	char *s = names_of(h);

	assert_string_equal(s, expected);
	free(s);
}

static void
test_layouts(void **state)
{
	static const char *const lines[] = {
		"{\"ip\":\"192.0.2.1\",\"p22\":{\"data\":{\"ssh\":{\"status\":\"success\","
		"\"result\":{" SSH(FP1) "}}}},"
					"\"p25\":{\"data\":{\"smtp\":" RAW25(
					    FP2, SANS("[\"a.example.ie\",\"b.example.ie\"]")) "}}}",
		"{\"ip\":\"192.0.2.1\",\"data\":{\"p22\":{\"status\":\"success\",\"result\":{" SSH(
		    FP1) "}},"
			 "\"p25\":" RAW25(FP2, SANS("[\"a.example.ie\",\"b.example.ie\"]")) "}}",
		"{\"ip\":\" "
		"192.0.2.1\\n\",\"writer\":\"FreshGrab.py\",\"p22\":{\"data\":{\"xssh\":{" SSH(
		    FP1) "}}},"
			 "\"p25\":{\"data\":{\"banner\":\"220-mx.example.ie "
			 "ESMTP\",\"tls\":{" HANDSHAKE(FP2,
			     SANS("[\"a.example.ie\",\"b.example.ie\"]")) "}}},\"p110\":\"error "
									  "text\",\"p143\":null}",
		"{\"ip\":\"192.0.2.1\",\"p22\":{\"ssh\":{\"v2\":{\"banner\":{\"version\":\"2.0\","
		"\"software\":\"OpenSSH_9.2\"},"
		"\"server_host_key\":{\"key_algorithm\":\"ssh-rsa\",\"rsa_public_key\":{\"length\":"
		"2048},"
		"\"fingerprint_sha256\":\"" FP1
		"\"}}}},\"p25\":{\"smtp\":{\"starttls\":{\"banner\":\"220 mx.example.ie x\","
		"\"tls\":{\"version\":\"TLSv1.2\",\"cipher_suite\":{\"id\":\"0xC02F\"},"
		"\"validation\":{\"browser_trusted\":false},"
		"\"certificate\":{" LEAF(FP2, SANS("[\"a.example.ie\",\"b.example.ie\"]")) "}}}}}}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct host_grab *g;

		assert_int_equal(extract(f, lines[i]), REFUSED_NO);
		assert_int_equal(ip_to_v4(&f->h.ip), 0xc0000201);
		assert_int_equal(f->h.ngrabs, 2);
		g = &f->h.grabs[0];
		assert_int_equal(port_table[g->port].port, 22);
		assert_int_equal(g->fp[31], 0x01);
		assert_string_equal(g->alg, "ssh-rsa");
		assert_int_equal(g->key_bits, 2048);
		assert_string_equal(g->version, "2.0");
		assert_string_equal(g->software, "OpenSSH_9.2");
		g = &f->h.grabs[1];
		assert_int_equal(port_table[g->port].port, 25);
		assert_int_equal(g->fp[31], 0x02);
		assert_int_equal(g->fp[10], 0xaa);
		assert_int_equal(g->cipher_suite, 49199);
		assert_int_equal(g->trusted, FACT_NO);
		assert_int_equal(g->self_signed, FACT_YES);
		assert_int_equal(g->key_bits, 4096);
		assert_string_equal(g->version, "TLSv1.2");
		assert_string_equal(g->issuer, "CN=ca");
		assert_int_equal(g->not_before, 1775811853);
		assert_names(&f->h, "banner=mx.example.ie p25dn=mail.example.ie "
				    "p25san0=a.example.ie p25san1=b.example.ie");
	}
	assert_int_equal(f->counts.note[NOTE_BAD_FACT], 0);
	assert_int_equal(f->counts.unknown_layout[0], 0);
}

#define GREETED(greeting) \
	"\"banner\":\"" greeting "\",\"tls\":{\"handshake_log\":{" HANDSHAKE(FP1, "") "}}"
#define OF_PORT(port, greeting)                   \
	"{\"ip\":\"192.0.2.1\",\"data\":{\"" port \
	"\":{\"status\":\"success\",\"result\":{" GREETED(greeting) "}}}}"
#define WEB(server, request)                                                                 \
	"\"response\":{\"status_code\":200,\"headers\":{" server "},\"request\":{\"" request \
	"\":{" HANDSHAKE(FP1, "") "}}}"

static void
test_software(void **state)
{
	static const struct {
		const char *line, *software;
	} v[] = {
		{ OF_PORT("p25", "220 mx.example.ie ESMTP Exim 4.96 Tue, 16 Jun\\r\\n"),
		    "Exim 4.96" },
		{ OF_PORT("p587", "220 mx.example.ie ESMTP Postfix (Debian/GNU)\\r\\n"),
		    "Postfix" },
		{ OF_PORT("p465", "220 mx.example.ie ESMTP Postfix\\r\\n"), "Postfix" },
		{ OF_PORT("p110", "+OK Dovecot (Debian) ready.\\r\\n"), "Dovecot" },
		{ OF_PORT("p995", "+OK Dovecot ready.\\r\\n"), "Dovecot" },
		{ OF_PORT("p143", "* OK [CAPABILITY ID] Dovecot ready.\\r\\n"), "Dovecot" },
		{ OF_PORT("p993", "* OK mx Cyrus IMAP 3.6.1-x server ready\\r\\n"), "Cyrus 3.6.1" },
		{ OF_PORT("p25", "220 postfix.example.ie ESMTP\\r\\n"), NULL },
		{ OF_PORT("p25", ""), NULL },
		{ "{\"ip\":\"192.0.2.1\",\"p143\":{\"data\":{\"imap\":{\"status\":\"success\","
		  "\"result\":{" GREETED("* OK Dovecot ready.") "}}}}}",
		    "Dovecot" },
		{ "{\"ip\":\"192.0.2.1\",\"writer\":\"FreshGrab.py\",\"p110\":{\"data\":{"
		  "\"banner\":\"+OK Dovecot ready.\",\"tls\":{" HANDSHAKE(FP1, "") "}}}}",
		    "Dovecot" },
		{ "{\"ip\":\"192.0.2.1\",\"p993\":{\"imaps\":{\"tls\":{\"banner\":"
		  "\"* OK Dovecot ready.\",\"tls\":{\"certificate\":{" LEAF(FP1, "") "}}}}}}",
		    "Dovecot" },
		{ "{\"ip\":\"192.0.2.1\",\"services\":[{\"port\":143,\"transport_protocol\":"
		  "\"TCP\","
		  "\"banner\":\"* OK Dovecot ready.\",\"tls\":{\"certificates\":{\"leaf_data\":{"
		  "\"public_key\":{\"fingerprint\":\"" FP1 "\"}}}}}]}",
		    "Dovecot" },
		{ "{\"ip\":\"192.0.2.1\",\"data\":{\"p443\":{\"status\":\"success\",\"result\":"
		  "{" WEB("\"server\":[\"nginx/1.22.1\",\"second\"]",
		      "tls_log\":{\"handshake_log") "}}}}}",
		    "nginx/1.22.1" },
		{ "{\"ip\":\"192.0.2.1\",\"data\":{\"p443\":{\"status\":\"success\",\"result\":"
		  "{" WEB("\"server\":[]", "tls_log\":{\"handshake_log") "}}}}}",
		    NULL },
		{ "{\"ip\":\"192.0.2.1\",\"p443\":{\"data\":{\"http\":{" WEB(
		      "\"server\":\"Apache/2.4.62 (Debian)\"", "tls_handshake") "}}}}",
		    "Apache/2.4.62 (Debian)" },
		/* The first response is this host's; the last is another's. */
		{ "{\"ip\":\"192.0.2.1\",\"data\":{\"p443\":{\"status\":\"success\",\"result\":{"
		  "\"redirect_response_chain\":[{\"headers\":{\"server\":[\"ours\"]},\"request\":{"
		  "\"tls_log\":{\"handshake_log\":{" HANDSHAKE(FP1, "") "}}}}]," WEB(
		      "\"server\":[\"theirs\"]", "x") "}}}}",
		    "ours" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_int_equal(extract(f, v[i].line), REFUSED_NO);
		assert_int_equal(f->h.ngrabs, 1);
		if (v[i].software == NULL)
			assert_null(f->h.grabs[0].software);
		else
			assert_string_equal(f->h.grabs[0].software, v[i].software);
	}
	assert_int_equal(f->counts.note[NOTE_BAD_FACT], 0);
	/* A header that is no text costs itself. */
	assert_int_equal(
	    extract(f, "{\"ip\":\"192.0.2.1\",\"data\":{\"p443\":{\"status\":\"success\","
		       "\"result\":{" WEB(
			   "\"server\":[\"a\\u001b[31m\"]", "tls_log\":{\"handshake_log") "}}}}}"),
	    REFUSED_NO);
	assert_int_equal(f->h.ngrabs, 1);
	assert_null(f->h.grabs[0].software);
	assert_int_equal(f->counts.note[NOTE_BAD_FACT], 1);
}

static void
test_refusals(void **state)
{
	static const struct {
		const char *line, *reason;
	} bad[] = {
		{ "null", "not-object" },
		{ "[{\"ip\":\"192.0.2.1\"}]", "not-object" },
		{ "{\"p22\":{}}", "no-ip" },
		{ "{\"ip\":7}", "bad-ip" },
		{ "{\"ip\":null}", "bad-ip" },
		{ "{\"ip\":\"192.0.2\"}", "bad-ip" },
		{ "{\"ip\":\"192.0.2.1", "truncated" },
		{ "{\"ip\":\"\\ud800\"}", "bad-string" },
		{ "{\"ip\":\"192.0.2.1\",\"x\":099999999999999999999}", "bad-number" },
		{ "{\"ip\":\"192.0.2.1\",\"x\":\"\xff\"}", "not-utf8" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(record_refusal_name(extract(f, bad[i].line)), bad[i].reason);
}

/* Parts that are bad cost themselves and nothing else. */
static void
test_bad_parts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
	    extract(f,
		"{\"ip\":\"2001:db8::1\",\"data\":{\"p25\":" RAW25(FP1,
		    SANS("[\"a.ie\",5,null,{\"x\":1},\"b\\u0007.ie\",\"c,d.ie\",\"e.ie\"]")) "}}"),
	    REFUSED_NO);
	assert_int_equal(f->h.ip.family, 6);
	assert_names(&f->h,
	    "banner=mx.example.ie p25dn=mail.example.ie p25san0=a.ie p25san5=c,d.ie p25san6=e.ie");
	assert_int_equal(f->counts.note[NOTE_SAN_NOT_TEXT], 3);
	assert_int_equal(f->counts.note[NOTE_NAME_UNUSABLE], 1);
	assert_int_equal(f->h.ngrabs, 1);

	assert_int_equal(extract(f, "{\"ip\":\"192.0.2.1\",\"data\":{\"p25\":" RAW25(
					FP1, SANS("\"a.ie\"")) "}}"),
	    REFUSED_NO);
	assert_int_equal(f->counts.note[NOTE_SANS_NOT_LIST], 1);
	assert_int_equal(f->h.ngrabs, 1);

	assert_int_equal(
	    extract(f, "{\"ip\":\"192.0.2.1\",\"data\":{\"p25\":" RAW25("0011", "") "}}"),
	    REFUSED_NO);
	assert_int_equal(f->counts.note[NOTE_BAD_FINGERPRINT], 1);
	assert_int_equal(f->h.ngrabs, 0);
	assert_names(&f->h, "banner=mx.example.ie p25dn=mail.example.ie");

	/* an ssh key needs its algorithm; a missing length does not matter */
	assert_int_equal(
	    extract(f, "{\"ip\":\"192.0.2.1\",\"data\":{\"p22\":{\"status\":\"success\",\"result\":"
		       "{\"key_exchange\":"
		       "{\"server_host_key\":{\"algorithm\":\"\",\"fingerprint_sha256\":\"" FP1
		       "\"}}}}}}"),
	    REFUSED_NO);
	assert_int_equal(f->h.ngrabs, 0);
	assert_int_equal(f->counts.note[NOTE_NO_ALGORITHM], 1);
	assert_int_equal(
	    extract(f,
		"{\"ip\":\"192.0.2.1\",\"data\":{\"p22\":{\"status\":\"success\",\"port\":\"22\","
		"\"result\":{\"key_exchange\":"
		"{\"server_host_key\":{\"algorithm\":\"ssh-rsa\",\"fingerprint_sha256\":\"" FP1
		"\"}}}}}}"),
	    REFUSED_NO);
	assert_int_equal(f->h.ngrabs, 1);
	assert_int_equal(f->h.grabs[0].key_bits, -1);
	assert_int_equal(f->counts.note[NOTE_BAD_PORT], 1);
	for (int i = 0; i <= NPORTS; i++)
		assert_int_equal(f->counts.unknown_layout[i], 0);
}

static void
test_several_grabs(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
	    extract(f,
		"{\"ip\":\"192.0.2.1\",\"p22\":{\"data\":{"
		"\"ssh-rsa\":{\"status\":\"success\",\"result\":{" SSH(
		    FP2) "}},"
			 "\"ssh\":{\"status\":\"success\",\"result\":{" SSH(
			     FP1) "}}}},"
				  "\"p25\":{\"data\":{\"smtp\":" RAW25(
				      FP1, "") "}},\"p25\":{\"data\":{\"smtp\":{\"status\":"
					       "\"success\",\"result\":{}}}},"
					       "\"p25\":{\"data\":{\"smtp\":" RAW25(FP2, "") "}}}"),
	    REFUSED_NO);
	assert_int_equal(f->h.ngrabs, 3);
	assert_string_equal(f->h.grabs[0].grab, "");
	assert_int_equal(f->h.grabs[0].fp[31], 0x01);
	assert_string_equal(f->h.grabs[1].grab, "rsa");
	assert_int_equal(f->h.grabs[1].fp[31], 0x02);
	assert_int_equal(f->h.grabs[2].fp[31], 0x02); /* the later that shows a key */
	assert_int_equal(f->counts.note[NOTE_PORT_REPEATED], 2);
}

#define GRAB(name, more, fp) \
	"\"" name "\":{\"status\":\"success\"," more "\"result\":{" SSH(fp) "}}"

/* "22 =01 22 ssh=02": each grab with its name and its key's last byte. */
static void
assert_grabs(const struct host *h, const char *expected)
{
	struct buf b;

	buf_init(&b);
	for (uint32_t i = 0; i < h->ngrabs; i++)
		buf_printf(&b, "%s%u %s=%02x", i > 0 ? ", " : "", port_table[h->grabs[i].port].port,
		    h->grabs[i].grab, h->grabs[i].fp[31]);
	buf_addc(&b, '\0');
	assert_string_equal(b.data, expected);
	buf_fini(&b);
}

/* ZGrab2's modules have any name: no grab gives way to one that is called otherwise. */
static void
test_free_names(void **state)
{
	static const struct {
		const char *members, *grabs;
		unsigned repeated;
	} v[] = {
		{ "\"data\":{" GRAB("ssh_ed25519", "\"port\":22,", FP1) "," GRAB(
		      "ssh_rsa", "\"port\":22,", FP2) "}",
		    "22 =01, 22 ssh_rsa=02", 0 },
		{ "\"p22\":{\"data\":{" GRAB("one", "", FP1) "," GRAB("two", "", FP2) "}}",
		    "22 =01, 22 two=02", 0 },
		{ "\"data\":{" GRAB("a-x", "\"port\":22,", FP1) "," GRAB(
		      "b-x", "\"port\":22,", FP2) "," GRAB("p22", "", FP2) "}",
		    "22 =02, 22 b-x=02, 22 x=01", 0 },
		/* All of a name may be what another one is called; a name may be no text to show. */
		{ "\"data\":{" GRAB("a-b", "\"port\":22,", FP1) "," GRAB("p22", "", FP1) "," GRAB(
		      "b", "\"port\":22,", FP2) "," GRAB("c d", "\"port\":22,", FP2) "," GRAB("e f",
		      "\"port\":22,", FP2) "}",
		    "22 =01, 22 b=01, 22 b-2=02, 22 other=02, 22 other-2=02", 0 },
		/* One name on two ports. */
		{ "\"data\":{" GRAB("s", "\"port\":22,", FP1) "},\"p25\":{\"data\":{\"s\":" RAW25(
		      FP2, "") "}}",
		    "22 =01, 25 =02", 0 },
		/* FreshGrab.py's key is the plain one, wherever it stands. */
		{ "\"p22\":{\"data\":{" GRAB("ssh", "", FP1) ",\"xssh\":{" SSH(FP2) "}," GRAB(
		      "ssh-rsa", "", FP1) "}}",
		    "22 =02, 22 rsa=01, 22 ssh=01", 0 },
		/* The same member again is the same grab. */
		{ "\"data\":{" GRAB("p22", "", FP1) "," GRAB("ssh-rsa", "", FP1) "," GRAB(
		      "p22", "", FP2) "," GRAB("ssh-rsa", "", FP2) "}",
		    "22 =02, 22 rsa=02", 2 },
		{ "\"p22\":{\"data\":{" GRAB("one", "", FP1) "," GRAB("two", "", FP1) "," GRAB(
		      "one", "", FP2) "}}",
		    "22 =02, 22 two=01", 1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *line = xasprintf("{\"ip\":\"192.0.2.1\",%s}", v[i].members);

		memset(&f->counts, 0, sizeof(f->counts));
		assert_int_equal(extract(f, line), REFUSED_NO);
		assert_grabs(&f->h, v[i].grabs);
		assert_int_equal(f->counts.note[NOTE_PORT_REPEATED], v[i].repeated);
		assert_int_equal(
		    f->counts.taken[0] + f->counts.taken[1], f->h.ngrabs + v[i].repeated);
		free(line);
	}
}

/* A line with more members than grabs are used: the others are counted. */
static void
test_many_names(void **state)
{
	struct fixture *f = *state;
	struct buf b;

	buf_init(&b);
	buf_adds(&b, "{\"ip\":\"192.0.2.1\",\"p22\":{\"data\":{");
	for (unsigned i = 0; i < HOST_GRABS_MAX + 5; i++)
		buf_printf(&b, "%s\"m%u\":{\"status\":\"success\",\"result\":{" SSH(FP1) "}}",
		    i > 0 ? "," : "", i);
	buf_adds(&b, "}}}");
	buf_addc(&b, '\0');
	assert_int_equal(extract(f, b.data), REFUSED_NO);
	assert_int_equal(f->h.ngrabs, HOST_GRABS_MAX);
	assert_int_equal(f->counts.note[NOTE_GRABS_OVER_MAX], 5);
	assert_int_equal(f->counts.note[NOTE_PORT_REPEATED], 0);
	buf_fini(&b);
}

static void
test_unknown_layout(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
	    extract(f, "{\"ip\":\"192.0.2.1\",\"data\":{\"p25\":{\"status\":\"success\",\"result\":"
		       "{\"tls2\":[{\"log\":{" HANDSHAKE(FP1, "") "}}]}}}}"),
	    REFUSED_NO);
	assert_int_equal(f->counts.unknown_layout[1], 1);
	assert_string_equal(f->counts.unknown_example[1],
	    "p25.result.tls2.log.server_certificates.certificate.parsed.subject_key_info");
	assert_true(record_layout_unknown(&f->counts, 1));
	assert_int_equal(f->h.ngrabs, 0);
	/* how the grab ended does not matter */
	assert_int_equal(
	    extract(f,
		"{\"ip\":\"192.0.2.1\",\"data\":{\"p143\":{\"status\":\"unknown-error\",\"result\":"
		"{\"tls2\":{" HANDSHAKE(FP1, "") "}}}}}"),
	    REFUSED_NO);
	assert_true(record_layout_unknown(&f->counts, 3));
	assert_false(record_layout_unknown(&f->counts, 4));
	assert_int_equal(
	    extract(f, "{\"ip\":\"192.0.2.1\",\"results\":{\"smtp\":{" HANDSHAKE(FP1, "") "}}}"),
	    REFUSED_NO);
	assert_int_equal(f->counts.unknown_layout[NPORTS], 1);
}

static void
test_merges_lines(void **state)
{
	struct fixture *f = *state;
	struct study_builder *b = study_builder_new();
	bool is_new;

	assert_int_equal(extract(f, "{\"ip\":\"192.0.2.1\",\"data\":{\"p25\":" RAW25(
					FP1, SANS("[\"old.ie\"]")) "}}"),
	    REFUSED_NO);
	assert_int_equal(study_builder_line(b, &f->h, 7, &is_new), 0);
	assert_true(is_new);
	assert_int_equal(
	    extract(f,
		"{\"ip\":\"192.0.2.1\",\"data\":{\"p22\":{\"status\":\"success\",\"result\":{" SSH(
		    FP1) "}}}}"),
	    REFUSED_NO);
	assert_int_equal(study_builder_line(b, &f->h, 8, &is_new), 0);
	assert_false(is_new);
	assert_int_equal(study_builder_merges(b).repeated, 0);
	assert_int_equal(
	    extract(
		f, "{\"ip\":\"192.0.2.1\",\"data\":{\"p25\":{\"status\":\"connection-timeout\"}}}"),
	    REFUSED_NO);
	study_builder_line(b, &f->h, 9, &is_new);
	assert_int_equal(study_builder_merges(b).repeated, 1);
	assert_int_equal(study_builder_merged(b, 0)->ngrabs, 2);
	assert_names(study_builder_merged(b, 0),
	    "banner=mx.example.ie p25dn=mail.example.ie p25san0=old.ie");
	assert_int_equal(
	    extract(f, "{\"ip\":\"192.0.2.1\",\"data\":{\"p25\":" RAW25(FP2, "") "}}"), REFUSED_NO);
	study_builder_line(b, &f->h, 10, &is_new);
	assert_int_equal(study_builder_merged(b, 0)->ngrabs, 2);
	assert_int_equal(study_builder_merged(b, 0)->grabs[1].fp[31], 2);
	assert_names(study_builder_merged(b, 0), "banner=mx.example.ie p25dn=mail.example.ie");
	assert_int_equal(study_builder_merged(b, 0)->record, 7);
	study_builder_free(b);
}

static void
assert_outcomes(const struct host *h, const char *expected)
{
	struct buf b;

	buf_init(&b);
	for (int i = 0; i < NPORTS; i++) {
		if (h->outcome[i] != OUTCOME_NOT_ASKED)
			buf_printf(&b, "%s%s=%s", b.len > 0 ? " " : "", port_table[i].name,
			    port_outcome_name((enum port_outcome)h->outcome[i]));
	}
	assert_string_equal(b.data, expected);
	buf_fini(&b);
}

#define ENDED(status, error) "{\"status\":\"" status "\",\"error\":\"" error "\"}"

/* How each port ended, in all layouts. */
static void
test_outcomes(void **state)
{
	static const struct {
		const char *line, *outcomes;
	} cases[] = {
		{ "{\"ip\":\"192.0.2.1\"}", "" },
		/* ZGrab2's own words; refused and silent ports have one status */
		{ "{\"ip\":\"192.0.2.1\",\"data\":{"
		  "\"p25\":" RAW25(FP1, "") ",\"p22\":" ENDED("connection-timeout",
		      "dial tcp 192.0.2.1:22: connect: connection "
		      "refused") ",\"p110\":" ENDED("connection-timeout",
		      "dial tcp 192.0.2.1:110: i/o timeout") ",\"p143\":" ENDED("success",
		      "") ",\"p443\":" ENDED("unknown-error",
		      "remote error: tls: handshake failure") ",\"p587\":" ENDED("application-"
										 "error",
		      "554 no") ",\"p993\":" ENDED("io-timeout", "") "}}",
		    "p22=refused p25=key p110=timeout p143=open p443=tls-failed p587=other "
		    "p993=timeout" },
		/* our own records, with a port that ZGrab2 never answered for */
		{ "{\"ip\":\"192.0.2.1\",\"p22\":\"zgrab2 gave no answer\",\"p25\":{\"data\":{"
		  "\"smtp\":" ENDED("connection-timeout",
		      "connection refused") "}},\"p110\":"
					    "null,\"p143\":\"dial tcp: i/o timeout\"}",
		    "p22=given-up p25=refused p110=other p143=timeout" },
		/* several grabs of a port: a key outdoes an answer, an answer a failure */
		{ "{\"ip\":\"192.0.2.1\",\"p22\":{\"data\":{\"ssh-rsa\":{\"status\":"
		  "\"success\",\"result\":{" SSH(FP1) "}},\"ssh\":" ENDED("connection-timeout",
		      "connection refused") "}},\"p443\":{\"data\":{\"http\":" ENDED("unknown-"
										     "error",
		      "tls: protocol version") ",\"http-tls13\":" ENDED("success",
		      "") "}},\"p25\":{\"data\":{\"smtp\":" ENDED("connection-timeout",
		      "connection refused") ",\"smtp-x\":" ENDED("io-timeout",
		      "") "}},\"p110\":{"
			  "\"data\":{\"pop3-x\":" ENDED("io-timeout", "") ",\"pop3\":" ENDED(
			      "connection-timeout", "connection refused") "}}}",
		    "p22=key p25=refused p110=refused p443=open" },
		/* FreshGrab.py */
		{ "{\"ip\":\"192.0.2.1\",\"p22\":{\"data\":{\"xssh\":{" SSH(
		      FP1) "}}},\"p25\":"
			   "{\"data\":{\"banner\":\"220 "
			   "x\"}},\"p110\":{\"data\":{}},\"p143\":{\"data\":{},"
			   "\"error\":\"connection refused\"}}",
		    "p22=key p25=open p110=other p143=refused" },
		/* Censys */
		{ "{\"ip\":\"192.0.2.1\",\"p25\":{\"smtp\":{\"starttls\":{\"banner\":\"220 "
		  "x\"}}},"
		  "\"p443\":{}}",
		    "p25=open p443=other" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(extract(f, cases[i].line), REFUSED_NO);
		assert_outcomes(&f->h, cases[i].outcomes);
	}
}

/* Of a port seen twice the later line counts, unless only the earlier one shows a key. */
static void
test_merges_outcomes(void **state)
{
	static const struct {
		const char *line, *outcomes;
	} steps[] = {
		{ "\"p25\":" ENDED("success", ""), "p25=open" },
		{ "\"p25\":" ENDED("connection-timeout", "connection refused"), "p25=refused" },
		{ "\"p22\":" ENDED("io-timeout", ""), "p22=timeout p25=refused" },
		{ "\"p22-rsa\":{\"status\":\"success\",\"result\":{" SSH(FP1) "}}",
		    "p22=key p25=refused" },
		{ "\"p22\":" ENDED("io-timeout", ""), "p22=key p25=refused" },
		{ "\"p25\":" RAW25(FP1, ""), "p22=key p25=key" },
		{ "\"p25\":" ENDED("success", ""), "p22=key p25=key" },
		{ "\"p110-x\":" ENDED("io-timeout", ""), "p22=key p25=key p110=timeout" },
		{ "\"p110\":" ENDED("connection-timeout", "connection refused"),
		    "p22=key p25=key p110=refused" },
		{ "\"p110-x\":" ENDED("io-timeout", ""), "p22=key p25=key p110=refused" },
	};
	struct fixture *f = *state;
	struct study_builder *b = study_builder_new();
	bool is_new;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct buf line;

		buf_init(&line);
		buf_printf(&line, "{\"ip\":\"192.0.2.1\",\"data\":{%s}}", steps[i].line);
		assert_int_equal(extract(f, line.data), REFUSED_NO);
		buf_fini(&line);
		study_builder_line(b, &f->h, i, &is_new);
		assert_outcomes(study_builder_merged(b, 0), steps[i].outcomes);
	}
	study_builder_free(b);
}

#define CERT                                                                                       \
	"\"parsed\":{\"serial_number\":\"12345678901234567890123\",\"subject_dn\":\"C=IE, CN=a\"," \
	"\"subject_key_info\":{\"rsa_public_key\":{\"modulus\":\"xyz\",\"exponent\":65537},"       \
	"\"fingerprint_sha256\":\"" FP1 "\"},\"fingerprint_sha256\":\"" FP2 "\"}"

/* What goes with a certificate; the key's members are the record's own, once for all its ports. */
static void
test_certificate_facts(void **state)
{
	struct fixture *f = *state;
	const struct host_grab *g;

	assert_int_equal(
	    extract(f, "{\"ip\":\"192.0.2.1\",\"p25\":{\"data\":{\"tls\":{\"server_certificates\":{"
		       "\"certificate\":{" CERT "}}}}},\"p110\":{\"data\":{\"tls\":{"
		       "\"server_certificates\":{\"certificate\":{" CERT "}}}}}}"),
	    REFUSED_NO);
	assert_int_equal(f->h.ngrabs, 2);
	for (int i = 0; i < 2; i++) {
		g = &f->h.grabs[i];
		assert_string_equal(g->serial, "12345678901234567890123");
		assert_string_equal(g->subject, "C=IE, CN=a");
		assert_int_equal(g->cert[31], 0x02);
		assert_string_equal(g->public_key->modulus, "xyz");
		assert_string_equal(g->public_key->exponent, "65537");
		assert_null(g->public_key->raw);
	}
	assert_ptr_equal(f->h.grabs[0].public_key, f->h.grabs[1].public_key);
	assert_int_equal(
	    extract(f, "{\"ip\":\"192.0.2.1\",\"p25\":{\"smtp\":{\"starttls\":{\"tls\":{"
		       "\"certificate\":{\"raw\":\"MII\",\"parsed\":{\"serial_number\":17,"
		       "\"subject_key_info\":{\"fingerprint_sha256\":\"" FP1 "\"},"
		       "\"fingerprint_sha256\":\"12\"}}}}}}}"),
	    REFUSED_NO);
	g = &f->h.grabs[0];
	assert_string_equal(g->serial, "17");
	assert_null(g->subject);
	assert_null(g->cert);
	assert_string_equal(g->public_key->raw, "MII");
	assert_int_equal(f->counts.note[NOTE_BAD_FACT], 1);
}

/* ---- reading ---- */

static int
note_line(const struct record_line *l, void *arg)
{
	struct buf *b = arg;
	char ip[IP_STRLEN];

	if (l->host != NULL)
		buf_printf(
		    b, "%d@%d:%s ", (int)l->number, (int)l->offset, ip_format(&l->host->ip, ip));
	else
		buf_printf(b, "%d@%d:%s[%zu] ", (int)l->number, (int)l->offset,
		    record_refusal_name(l->refusal), l->len);
	return 0;
}

static char *
temp_file(const char *data, size_t len)
{
	char path[] = "/tmp/survey-record-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd != -1);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
	return xstrdup(path);
}

static char *
read_all(const char *data, size_t len, size_t max_line, unsigned threads,
    struct record_counts *counts, char **error)
{
	struct record_options o = { .max_line = max_line, .threads = threads };
	char *path = temp_file(data, len);
	struct buf b;
	int rc;

	buf_init(&b);
	memset(counts, 0, sizeof(*counts));
	rc = record_read(path, &o, note_line, &b, counts, error);
	assert_int_equal(rc < 0, *error != NULL);
	unlink(path);
	free(path);
	return buf_steal(&b);
}

static void
test_reader(void **state)
{
	static const char text[] =
	    "\xef\xbb\xbf{\"ip\":\"192.0.2.1\"}\r\n\n  \r\n{\"ip\":\"192.0.2.2\"}\nnull\n"
	    "{\"ip\":\"192.0.2.3\",\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\":1}\n{\"ip\":\"192.0.2.4\"}"
	    "\n{\"ip\":\"192";
	struct record_counts counts;
	char *got, *error, gz[4096], zst[4096];
	z_stream z = { 0 };
	size_t n;

	(void)state;
	got = read_all(text, sizeof(text) - 1, 40, 2, &counts, &error);
	assert_string_equal(got,
	    "0@0:192.0.2.1 3@28:192.0.2.2 4@47:not-object[4] 5@52:too-long[55] "
	    "6@108:192.0.2.4 7@127:truncated[10] ");
	assert_int_equal(counts.blank, 2);
	assert_int_equal(counts.lines, 6);
	assert_int_equal(counts.refused[SIMD_TOO_LONG], 1);
	assert_int_equal(counts.bytes, sizeof(text) - 1);
	free(got);

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = 47;
	z.next_out = (Bytef *)gz;
	z.avail_out = sizeof(gz);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	n = z.total_out;
	deflateEnd(&z);
	memcpy(gz + n, gz, n); /* two members are one text */
	got = read_all(gz, 2 * n, 0, 1, &counts, &error);
	assert_string_equal(got, "0@0:192.0.2.1 3@28:192.0.2.2 4@47:192.0.2.1 7@75:192.0.2.2 ");
	free(got);
	got = read_all(gz, n + n - 9, 0, 1, &counts, &error);
	assert_non_null(error);
	assert_non_null(strstr(error, "gzip data ends too early"));
	free(error);
	free(got);

	n = ZSTD_compress(zst, sizeof(zst), text, 47, 3);
	assert_false(ZSTD_isError(n));
	got = read_all(zst, n, 0, 1, &counts, &error);
	assert_string_equal(got, "0@0:192.0.2.1 3@28:192.0.2.2 ");
	free(got);
	got = read_all(zst, n - 2, 0, 1, &counts, &error);
	assert_non_null(error);
	free(error);
	free(got);
}

/* Batches, ring and threads must not change what is read or its order. */
static void
test_reader_order(void **state)
{
	struct record_counts counts;
	struct buf in, want;
	char *error, *got;

	(void)state;
	buf_init(&in);
	buf_init(&want);
	for (unsigned i = 0; i < 3000; i++) {
		size_t at = in.len;

		buf_printf(&in, "{\"ip\":\"192.0.%u.%u\",\"x\":\"", i / 256, i % 256);
		for (unsigned k = i % 97 == 0 ? 400000 : i % 700; k > 0; k--)
			buf_addc(&in, 'x');
		buf_adds(&in, "\"}\n");
		buf_printf(&want, "%u@%zu:192.0.%u.%u ", i, at, i / 256, i % 256);
	}
	for (unsigned threads = 1; threads <= 5; threads += 2) {
		got = read_all(in.data, in.len, 0, threads, &counts, &error);
		assert_null(error);
		assert_string_equal(got, want.data);
		free(got);
	}
	buf_fini(&in);
	buf_fini(&want);
}

/* Records that are not one a line. */
static void
test_reader_forms(void **state)
{
	static const struct {
		const char *text, *got, *error; /* part of it, or NULL */
		enum record_form form;
	} cases[] = {
		{ "[{\"ip\":\"192.0.2.1\"},{\"ip\":\"192.0.2.2\"}]",
		    "0@1:192.0.2.1 1@20:192.0.2.2 ", NULL, RECORD_ARRAY },
		{ "\xef\xbb\xbf [\n  {\n    \"ip\": \"192.0.2.1\"\n  } "
		  ",\r\n\t{\"ip\":\"192.0.2.2\",\"x\":\"]}[{\\\"\"}\n]\n",
		    "0@8:192.0.2.1 1@40:192.0.2.2 ", NULL, RECORD_ARRAY },
		{ "[]", "", NULL, RECORD_ARRAY },
		{ "[[1,2],null,\"a,]\",5,{\"ip\":\"192.0.2.1\"},{}]",
		    "0@1:not-object[5] 1@7:not-object[4] 2@12:not-object[5] 3@18:not-object[1] "
		    "4@20:192.0.2.1 5@39:no-ip[2] ",
		    NULL, RECORD_ARRAY },
		{ "[{\"ip\":\"192.0.2.1\"},", "0@1:192.0.2.1 ", "array ends without its bracket",
		    RECORD_ARRAY },
		{ "[{\"ip\":\"192.0.2.1\"},{\"ip\":\"192.0.2", "0@1:192.0.2.1 1@20:truncated[14] ",
		    NULL, RECORD_ARRAY },
		{ "[{\"ip\":\"192.0.2.1\"}] {\"ip\":\"192.0.2.2\"}\n[{\"ip\":\"192.0.2.3\"}] x",
		    "0@1:192.0.2.1 1@21:192.0.2.2 2@41:192.0.2.3 3@61:syntax[1] ", NULL,
		    RECORD_ARRAY },
		{ "[{\"ip\":\"192.0.2.1\",},{\"ip\":\"192.0.2.2\"}]",
		    "0@1:syntax[19] 1@21:192.0.2.2 ", NULL, RECORD_ARRAY },
		{ "[{\"ip\":\"192.0.2.1\",\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\":"
		  "1},{\"ip\":\"192.0.2.2\"}]",
		    "0@1:too-long[75] 1@77:192.0.2.2 ", NULL, RECORD_ARRAY },
		{ "{\n \"ip\": \"192.0.2.1\"\n}\n{\n \"ip\": \"192.0.2.2\"\n}\n",
		    "0@0:192.0.2.1 1@23:192.0.2.2 ", NULL, RECORD_TEXTS },
		{ "{\"ip\": \"192.0.2.1\",\n \"x\": [\n1]}\n{\"ip\": \"192.0.2.2\",\n \"y\": 5}\n",
		    "0@0:192.0.2.1 1@32:192.0.2.2 ", NULL, RECORD_TEXTS },
		/* a torn line, and a whole one after it */
		{ "{\"ip\":\"192.0.2.1\",\"x\":{\n{\"ip\":\"192.0.2.2\"}\n",
		    "0@0:truncated[23] 1@24:192.0.2.2 ", NULL, RECORD_LINES },
		{ "{\"ip\":\"192.0.2.1\n{\"ip\":\"192.0.2.2\"}\n",
		    "0@0:truncated[16] 1@17:192.0.2.2 ", NULL, RECORD_LINES },
		{ "null\n[{\"ip\":\"192.0.2.1\"}]\n", "0@0:not-object[4] 1@5:not-object[20] ", NULL,
		    RECORD_LINES },
		/* members of other files' objects within a record */
		{ "{\"ip\":\"192.0.2.1\",\"fprints\":{},\"p25\":null}", "0@0:192.0.2.1 ", NULL,
		    RECORD_LINES },
		{ "{\"ip\":\"192.0.2.1\",\"x\":{\"fprints\":1}}", "0@0:192.0.2.1 ", NULL,
		    RECORD_LINES },
		/* no records */
		{ "[\n{\n\"ip\":\"192.0.2.1\",\"fprints\":{}}\n]", "", "an analysis has written",
		    RECORD_OTHER },
		{ "[\n{\"id\":1,\"size\":2,\"hosts\":[],\"keys\":[]}\n]", "",
		    "an analysis has written", RECORD_OTHER },
		{ "{\"ip\":\"192.0.2.1\",\"ip_record\":0,\"verdict\":\"good\"}\n", "",
		    "an analysis has written", RECORD_OTHER },
		{ "{\n\"0\": {\"ip\":\"192.0.2.1\"}\n}", "", "jq -c '.[]'", RECORD_OTHER },
		{ "{\"name\":\"a.ie\",\"type\":\"A\",\"outcome\":\"noerror\",\"answers\":[]}\n", "",
		    "--dns-file", RECORD_OTHER },
		{ "clusternum,size\n0, 141\n", "", "an analysis has written", RECORD_OTHER },
		{ "192.0.2.1\n192.0.2.2\n", "", "a list of addresses", RECORD_OTHER },
		{ "2001:db8::/32\n", "", "a list of addresses", RECORD_OTHER },
		{ "\n\n<html>", "", "HTML", RECORD_OTHER },
		{ "\xff\xfe{", "", "iconv", RECORD_OTHER },
		{ "BZh91AY", "", "bzip2 -dc", RECORD_OTHER },
		{ "PK\x03\x04", "", "unzip", RECORD_OTHER },
		{ "", "", NULL, RECORD_LINES },
		{ " \n", "", NULL, RECORD_LINES },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_counts counts;
		char *error = NULL, *got;

		got = read_all(cases[i].text, strlen(cases[i].text), 60, 1, &counts, &error);
		if (strcmp(got, cases[i].got) != 0)
			fail_msg("%s:\n got %s\nwant %s", cases[i].text, got, cases[i].got);
		assert_int_equal(counts.form, cases[i].form);
		assert_int_equal(error != NULL, cases[i].error != NULL);
		if (error != NULL && strstr(error, cases[i].error) == NULL)
			fail_msg("%s: %s", cases[i].text, error);
		if (cases[i].form != RECORD_OTHER)
			assert_int_equal(counts.bytes, strlen(cases[i].text));
		free(error);
		free(got);
	}
}

/* However an array is read, in pieces or by several threads, its elements are the same. */
static void
test_reader_array_order(void **state)
{
	static const char *const gaps[] = { ",", " , ", "\n,\n", ",\r\n\t" };
	struct record_counts counts;
	struct buf in, want;
	char *error, *got;

	(void)state;
	buf_init(&in);
	buf_init(&want);
	buf_adds(&in, "[ ");
	for (unsigned i = 0; i < 2000; i++) {
		buf_adds(&in, i > 0 ? gaps[i % 4] : "");
		buf_printf(&want, "%u@%zu:192.0.%u.%u ", i, in.len, i / 256, i % 256);
		buf_printf(&in, "{\"ip\":\n\"192.0.%u.%u\",\"x\":\"", i / 256, i % 256);
		for (unsigned k = i % 97 == 0 ? 400000 : i % 700; k > 0; k--)
			buf_adds(&in, k % 5 == 0 ? "\\\"" : k % 7 == 0 ? "}" : "[,");
		buf_adds(&in, "\"}");
	}
	buf_adds(&in, "\n]\n");
	for (unsigned threads = 1; threads <= 5; threads += 2) {
		got = read_all(in.data, in.len, 0, threads, &counts, &error);
		assert_null(error);
		assert_string_equal(got, want.data);
		assert_int_equal(counts.bytes, in.len);
		free(got);
	}
	buf_fini(&in);
	buf_fini(&want);
}

/* A line over the limit is refused, whatever its beginning looks like. */
static void
test_reader_long_blanks(void **state)
{
	struct record_counts counts;
	char *error, *got;
	struct buf in;

	(void)state;
	for (size_t blanks = 100; blanks < 1000000; blanks *= 10) {
		buf_init(&in);
		for (size_t i = 0; i < blanks; i++)
			buf_addc(&in, ' ');
		buf_adds(&in, "{\"ip\":\"192.0.2.1\"}\n{\"ip\":\"192.0.2.2\"}\n");
		got = read_all(in.data, in.len, 60, 1, &counts, &error);
		assert_null(error);
		assert_int_equal(counts.blank, 0);
		assert_int_equal(counts.refused[SIMD_TOO_LONG], 1);
		assert_non_null(strstr(got, ":192.0.2.2 "));
		free(got);
		buf_fini(&in);
	}
}

static int
stop_at_three(const struct record_line *l, void *arg)
{
	(void)arg;
	return l->number == 3 ? 42 : 0;
}

static void
test_reader_stops(void **state)
{
	struct record_options o = { .threads = 2 };
	struct record_counts counts = { 0 };
	struct buf in;
	char *path, *error;

	(void)state;
	buf_init(&in);
	for (int i = 0; i < 100000; i++)
		buf_adds(&in, "{\"ip\":\"192.0.2.1\"}\n");
	path = temp_file(in.data, in.len);
	assert_int_equal(record_read(path, &o, stop_at_three, NULL, &counts, &error), 42);
	assert_null(error);
	unlink(path);
	assert_int_equal(record_read(path, &o, stop_at_three, NULL, &counts, &error), -1);
	assert_non_null(strstr(error, "No such file"));
	free(error);
	free(path);
	buf_fini(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_layouts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_software, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_grabs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_layout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_merges_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outcomes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_merges_outcomes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_certificate_facts, setup, teardown),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_reader_order),
		cmocka_unit_test(test_reader_forms),
		cmocka_unit_test(test_reader_array_order),
		cmocka_unit_test(test_reader_long_blanks),
		cmocka_unit_test(test_reader_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
