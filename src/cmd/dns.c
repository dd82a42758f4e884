#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "survey/answers.h"
#include "survey/buf.h"
#include "survey/config.h"
#include "survey/dns.h"
#include "survey/dnsfile.h"
#include "survey/file.h"
#include "survey/ip.h"
#include "survey/iplist.h"
#include "survey/jsonw.h"
#include "survey/lines.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/name.h"

#include "commands.h"

/* Questions on their way before no more input is read, and when reading goes on. */
#define PENDING_HIGH 6000
#define PENDING_LOW 5000
#define NSIGNALS 3

enum { RESOLVER, MODE, CONFIG, TYPE, OUTPUT, DIRECTORY, WINDOW, RCVBUF, TIMEOUT, TRIES, STATS };

static const struct command_option options[] = {
	[RESOLVER] = { "resolver", 'r', "ADDR#PORT", "ask this resolver (default port 53)" },
	[MODE] = { "mode", 'm', "MODE",
	    "managed, unbound-dot, unbound, address or system (default)", ARG_WORD,
	    dns_mode_words },
	[CONFIG] = { "config", 'c', "CONF", "take the dns section of this config", ARG_CONF },
	[TYPE] = { "type", 't', "A,AAAA,PTR",
	    "what to ask of each line (default: A of a name, PTR of an address)", ARG_WORDS,
	    dns_type_words },
	[OUTPUT] = { "output", 'o', "FILE", "write the answers here (default: standard output)",
	    ARG_NEW_FILE },
	[DIRECTORY] = { "dir", 'd', "DIR", "keep the files of resolvers in DIR/resolver",
	    ARG_NEW_DIRECTORY },
	[WINDOW] = { "window", 'w', "N", "questions at a time (default: what the buffers hold)" },
	[RCVBUF] = { "rcvbuf", 0, "BYTES", "receive buffer to ask the kernel for" },
	[TIMEOUT] = { "timeout", 0, "MS", "wait of the first try, 5000" },
	[TRIES] = { "tries", 0, "N", "tries of a question that is not answered, 4" },
	[STATS] = { "stats", 0, "FILE", "write totals as JSON here", ARG_NEW_FILE },
	{ NULL },
};

static int cmd_dns(int argc, char **argv);

const struct command command_dns = {
	.name = "dns",
	.summary = "Look up many names or addresses at once",
	.detail =
	    "Reads a name, an address, a prefix or a range a line and writes an answer a line\n"
	    "(dns.ndjson), in the order in which they come.  Each question is asked once.  Lines\n"
	    "that are not asked are named and make the exit status 3.",
	.operands = { { "FILE|-", ARG_INPUT, 1, 1 } },
	.options = options,
	.run = cmd_dns,
};

struct lookup {
	uv_loop_t loop;
	struct dns *dns;
	struct answers *answers;
	struct lines lines;
	struct iplist *list;
	struct refusals refused;
	struct ip at; /* the next address of a range, */
	uint64_t left; /* and how many are left of it */
	uint64_t expanded; /* addresses of all ranges */
	struct jsonw out;
	FILE *file; /* where out goes: stdout, or outfile's */
	struct outfile outfile;
	const char *input, *stats_path;
	uv_fs_t read; /* of a file */
	uv_poll_t poll; /* of a pipe, socket or terminal, on which a read could block for ever */
	uv_signal_t signals[NSIGNALS];
	int fd;
	bool is_file, reading, eof, stopped, failed, closing, gave_up;
	bool asking; /* an answer that comes at once must not ask on */
	unsigned long types; /* as in the request */
	char chunk[64 << 10];
};

/* Ask about a name; returns NULL, or why nothing is asked. */
static const char *
ask_name(struct lookup *l, const char *text)
{
	char name[NAME_SIZE];
	bool asked = false;

	if (name_canonical(text, strlen(text), name) != NAME_OK)
		return "no valid name";
	if (l->types == 0) {
		dns_ask(l->dns, name, name_is_below(name, "arpa") ? DNS_PTR : DNS_A);
		return NULL;
	}
	for (int t = 0; t < DNS_NTYPES; t++) {
		if ((l->types & 1UL << t) != 0 && (t != DNS_PTR || name_is_below(name, "arpa"))) {
			dns_ask(l->dns, name, (enum dns_type)t);
			asked = true;
		}
	}
	return asked ? NULL : "a name, and PTR is the only type";
}

/* A range becomes the addresses that are asked about next; returns NULL, or why not. */
static const char *
take_range(struct lookup *l, const struct ip_range *r)
{
	const char *why;

	if (l->types != 0 && (l->types & 1UL << DNS_PTR) == 0)
		return "an address, and PTR is not among the types";
	if ((why = iplist_expand(r, &l->expanded)) != NULL)
		return why;
	l->at = r->lo;
	l->left = ip_range_size(r);
	return NULL;
}

static void
take_line(struct lookup *l, char *line, size_t len)
{
	struct iplist_entry e;
	char shown[64]; /* parsing writes to the line */
	size_t n = len < sizeof(shown) ? len : sizeof(shown);

	memcpy(shown, line, n);
	iplist_line(l->list, line, len, &e);
	if (e.kind == IPLIST_NAME)
		e.why = ask_name(l, e.name);
	else if (e.kind == IPLIST_RANGE)
		e.why = take_range(l, &e.range);
	if (e.why != NULL)
		refusals_add(&l->refused, l->input, l->lines.number, shown, n, e.why);
}

/* Ask about what the text at hand holds, until enough questions are on their way. */
static void
ask_on(struct lookup *l)
{
	enum lines_got got = LINES_LINE;
	char name[NAME_SIZE], *line;
	size_t len;

	l->asking = true;
	while (dns_pending(l->dns) < PENDING_HIGH && (got == LINES_LINE || got == LINES_TOO_LONG)) {
		if (l->left > 0) {
			name_reverse(&l->at, name);
			ip_next(&l->at);
			l->left--;
			dns_ask(l->dns, name, DNS_PTR);
			continue;
		}
		got = lines_next(&l->lines, &line, &len);
		if (got == LINES_LINE)
			take_line(l, line, len);
		else if (got == LINES_TOO_LONG)
			refusals_add(&l->refused, l->input, l->lines.number, NULL, 0, "too long");
	}
	l->asking = false;
	if (got == LINES_END)
		l->eof = true;
}

static void
report(struct lookup *l)
{
	struct jsonw w;
	struct buf text;

	buf_init(&text);
	dns_summary_text(l->dns, &text);
	for (char *line = text.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		log_info("%.*s", (int)(end - line), line);
	buf_fini(&text);
	if (l->stats_path == NULL)
		return;
	jsonw_init(&w, NULL);
	dns_summary_json(l->dns, &w);
	jsonw_newline(&w);
	if (file_write_named(l->stats_path, w.out.data, w.out.len) == -1) {
		log_error("%s: %m", l->stats_path);
		l->failed = true;
	}
	jsonw_fini(&w);
}

static void
on_handle_closed(uv_handle_t *h)
{
	(void)h;
}

static void
finish(struct lookup *l)
{
	if (l->closing || l->reading)
		return;
	l->closing = true;
	report(l);
	l->gave_up = dns_gave_up(l->dns);
	dns_close(l->dns, NULL, NULL);
	if (!l->is_file)
		uv_close((uv_handle_t *)&l->poll, on_handle_closed);
	for (size_t i = 0; i < NSIGNALS; i++)
		uv_close((uv_handle_t *)&l->signals[i], on_handle_closed);
}

static void read_more(struct lookup *l);

/* n bytes of input are in chunk; 0 is its end, less an error of libuv's. */
static void
take_input(struct lookup *l, ssize_t n)
{
	if (n >= 0) {
		lines_feed(&l->lines, l->chunk, (size_t)n);
	} else {
		log_error("dns: %s: %s", l->input, uv_strerror((int)n));
		l->failed = true;
	}
	if (l->stopped || l->failed)
		finish(l);
	else
		read_more(l);
}

static void
on_read(uv_fs_t *req)
{
	struct lookup *l = req->data;
	ssize_t n = req->result;

	uv_fs_req_cleanup(req);
	l->reading = false;
	take_input(l, n);
}

static void
on_readable(uv_poll_t *h, int status, int events)
{
	struct lookup *l = h->data;
	ssize_t n;

	(void)events;
	uv_poll_stop(h);
	n = status < 0 ? status : read(l->fd, l->chunk, sizeof(l->chunk));
	if (n == -1 && status == 0)
		n = -errno;
	if (n == UV_EAGAIN || n == UV_EINTR)
		read_more(l);
	else
		take_input(l, n);
}

/* Files are read in libuv's threads; what epoll takes, when there is something to read. */
static void
open_input(struct lookup *l)
{
	int flags = fcntl(l->fd, F_GETFL);

	l->is_file = uv_poll_init(&l->loop, &l->poll, l->fd) != 0;
	l->poll.data = l;
	/* uv_poll_init() made it non-blocking, for others that have it open too. */
	if (!l->is_file)
		fcntl(l->fd, F_SETFL, flags);
}

static void
read_more(struct lookup *l)
{
	uv_buf_t buf = uv_buf_init(l->chunk, sizeof(l->chunk));

	if (l->reading || l->closing || l->asking)
		return;
	ask_on(l);
	if (l->eof && dns_pending(l->dns) == 0)
		finish(l);
	if (l->eof || l->closing || dns_pending(l->dns) >= PENDING_HIGH)
		return;
	if (!l->is_file) {
		if (!uv_is_active((uv_handle_t *)&l->poll))
			uv_poll_start(&l->poll, UV_READABLE, on_readable);
		return;
	}
	l->read.data = l;
	if (uv_fs_read(&l->loop, &l->read, l->fd, &buf, 1, -1, on_read) == 0)
		l->reading = true;
}

static void
on_answer(const struct answer *a, void *arg)
{
	struct lookup *l = arg;

	dnsfile_line(&l->out, a);
	if (l->out.error != 0 && !l->failed) {
		l->failed = true;
		finish(l);
	}
	if (dns_pending(l->dns) < PENDING_LOW)
		read_more(l);
}

static void
on_idle(void *arg)
{
	struct lookup *l = arg;

	/* Whoever reads along sees all that is known. */
	jsonw_flush(&l->out);
	fflush(l->file);
	read_more(l);
}

static void
on_failed(void *arg)
{
	struct lookup *l = arg;

	l->failed = true;
	finish(l);
}

static void
on_signal(uv_signal_t *h, int number)
{
	struct lookup *l = h->data;

	(void)number;
	l->stopped = true;
	finish(l);
}

struct request {
	struct dns_settings settings;
	struct config *config;
	const char *output, *dir, *stats, *input;
	unsigned long types; /* 1 << type of each that is asked; 0: what each line suggests */
};

static int
read_number(const char *option, const char *text, long long min, long long max, unsigned *value)
{
	long long n;

	if (command_number(&command_dns, option, text, min, max, &n) == -1)
		return -1;
	*value = (unsigned)n;
	return 0;
}

/* --config first, whatever its place: the other options change what it says. */
static int
read_config(struct request *r, int argc, char **argv)
{
	struct command_args a = { .command = &command_dns, .argc = argc, .argv = argv };
	int option;

	dns_settings_default(&r->settings);
	while ((option = command_next(&a)) >= 0) {
		if (option != CONFIG)
			continue;
		config_free(r->config);
		if ((r->config = config_read(a.value)) == NULL)
			return EXIT_USAGE;
		dns_settings_from(&r->settings, r->config);
	}
	if (option == COMMAND_HELP)
		return -1;
	return option == COMMAND_ERROR ? EXIT_USAGE : EXIT_COMPLETE;
}

static int
read_option(struct request *r, int option, const struct command_args *a)
{
	struct dns_settings *s = &r->settings;
	const char *value = a->value;

	switch (option) {
	case RESOLVER:
		s->mode = DNS_ADDRESS;
		s->address = value;
		return 0;
	case MODE:
		s->mode = (enum dns_mode)a->choice;
		return 0;
	case TYPE:
		r->types |= a->choice;
		return 0;
	case OUTPUT:
		r->output = value;
		return 0;
	case DIRECTORY:
		r->dir = value;
		return 0;
	case STATS:
		r->stats = value;
		return 0;
	case WINDOW:
		return read_number("window", value, 1, 100000, &s->window);
	case RCVBUF:
		return read_number("rcvbuf", value, 4096, 1 << 30, &s->rcvbuf);
	case TIMEOUT:
		return read_number("timeout", value, 100, 60000, &s->timeout_ms);
	case TRIES:
		return read_number("tries", value, 1, 20, &s->tries);
	default:
		return 0;
	}
}

/* Returns EXIT_COMPLETE, another status after a message, or -1 when the help was printed. */
static int
read_request(struct request *r, int argc, char **argv)
{
	struct command_args a = { .command = &command_dns, .argc = argc, .argv = argv };
	int option, rc;

	if ((rc = read_config(r, argc, argv)) != EXIT_COMPLETE)
		return rc;
	while ((option = command_next(&a)) >= 0)
		if (read_option(r, option, &a) == -1)
			return EXIT_USAGE;
	r->input = a.argv[a.at];
	return EXIT_COMPLETE;
}

static int
status_of(struct lookup *l)
{
	refusals_log(&l->refused, log_warn);
	if (l->refused.n > 0)
		log_warn("dns: %llu lines not asked", (unsigned long long)l->refused.n);
	if (l->failed)
		return EXIT_FAILED;
	if (l->stopped)
		return EXIT_STOPPED;
	return l->refused.n > 0 || l->gave_up ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}

/* Returns 0, or an exit status after a message. */
static int
lookup_open(struct lookup *l, const struct request *r)
{
	if (strcmp(r->input, "-") != 0 && (l->fd = open(r->input, O_RDONLY | O_CLOEXEC)) == -1) {
		log_error("%s: %m", r->input);
		return EXIT_USAGE;
	}
	if (r->output == NULL) {
		l->file = stdout;
		return 0;
	}
	if (outfile_open_named(&l->outfile, r->output) == -1) {
		log_error("%s: %m", r->output);
		return EXIT_USAGE;
	}
	l->file = l->outfile.f;
	return 0;
}

/* What was answered is written in any case; the final name comes only with a whole list. */
static void
lookup_close(struct lookup *l, const struct request *r)
{
	if (jsonw_flush(&l->out) == -1 || (l->outfile.f == NULL && fflush(stdout) != 0)) {
		log_error("dns: cannot write the answers: %m");
		l->failed = true;
	}
	if (l->outfile.f == NULL)
		return;
	if (l->failed || l->stopped)
		outfile_abort(&l->outfile);
	else if (outfile_commit(&l->outfile) == -1) {
		log_error("%s: %m", r->output);
		l->failed = true;
	}
}

/* A signal that was ignored stays so: nohup, and the background jobs of a script. */
static void
catch_signals(struct lookup *l)
{
	static const int numbers[NSIGNALS] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction before;

	for (size_t i = 0; i < NSIGNALS; i++) {
		uv_signal_init(&l->loop, &l->signals[i]);
		l->signals[i].data = l;
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			uv_signal_start(&l->signals[i], on_signal, numbers[i]);
	}
}

static int
lookup_run(struct lookup *l, const struct request *r)
{
	char *dir = r->dir == NULL ? NULL : path_join(r->dir, "resolver");
	struct dns_options o = {
		.settings = &r->settings,
		.dir = dir,
		.answers = l->answers,
		.impatient = true,
		.on_answer = on_answer,
		.on_idle = on_idle,
		.on_failed = on_failed,
		.arg = l,
	};
	int rc = EXIT_USAGE;

	if (uv_loop_init(&l->loop) != 0)
		abort();
	if ((l->dns = dns_new(&l->loop, &o)) != NULL) {
		catch_signals(l);
		open_input(l);
		read_more(l);
		uv_run(&l->loop, UV_RUN_DEFAULT);
		rc = EXIT_COMPLETE;
	}
	uv_run(&l->loop, UV_RUN_DEFAULT);
	uv_loop_close(&l->loop);
	free(dir);
	return rc;
}

static int
cmd_dns(int argc, char **argv)
{
	struct lookup *l = xcalloc(1, sizeof(*l));
	struct request r = { 0 };
	int rc = read_request(&r, argc, argv);

	if (rc != EXIT_COMPLETE)
		goto out;
	l->types = r.types;
	l->stats_path = r.stats;
	if ((rc = lookup_open(l, &r)) != EXIT_COMPLETE)
		goto out;
	l->answers = answers_new();
	jsonw_init(&l->out, l->file);
	lines_init(&l->lines, IPLIST_LINE_MAX);
	l->list = iplist_new(IPLIST_NAMES);
	l->input = r.input;
	if ((rc = lookup_run(l, &r)) == EXIT_COMPLETE) {
		lookup_close(l, &r);
		rc = status_of(l);
	} else if (l->outfile.f != NULL) {
		outfile_abort(&l->outfile);
	}
	lines_fini(&l->lines);
	iplist_free(l->list);
	refusals_fini(&l->refused);
	jsonw_fini(&l->out);
	answers_free(l->answers);
	if (l->fd > 0)
		close(l->fd);
out:
	config_free(r.config);
	free(l);
	return rc == -1 ? EXIT_COMPLETE : rc;
}
