#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "survey/answers.h"
#include "survey/buf.h"
#include "survey/command.h"
#include "survey/dns.h"
#include "survey/dnsfile.h"
#include "survey/file.h"
#include "survey/ip.h"
#include "survey/iplist.h"
#include "survey/jsonw.h"
#include "survey/lines.h"
#include "survey/log.h"
#include "survey/loop.h"
#include "survey/lookup.h"
#include "survey/mem.h"
#include "survey/name.h"
#include "survey/sandbox.h"
#include "survey/text.h"

/* Questions on their way before no more input is read, and when reading goes on. */
#define PENDING_HIGH 6000
#define PENDING_LOW 5000
#define NSIGNALS 3

struct lookup {
	const struct lookup_options *o;
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
	uv_fs_t read; /* of a file */
	uv_poll_t poll; /* of a pipe, socket or terminal, on which a read could block for ever */
	uv_signal_t signals[NSIGNALS];
	int fd;
	bool is_file, reading, eof, stopped, failed, closing, gave_up;
	bool asking; /* an answer that comes at once must not ask on */
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
	if (l->o->types == 0) {
		dns_ask(l->dns, name, name_is_below(name, "arpa") ? DNS_PTR : DNS_A);
		return NULL;
	}
	for (int t = 0; t < DNS_NTYPES; t++) {
		if ((l->o->types & 1UL << t) != 0 &&
		    (t != DNS_PTR || name_is_below(name, "arpa"))) {
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

	if (l->o->types != 0 && (l->o->types & 1UL << DNS_PTR) == 0)
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
		refusals_add(&l->refused, l->o->input, l->lines.number, shown, n, e.why);
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
			refusals_add(
			    &l->refused, l->o->input, l->lines.number, NULL, 0, "too long");
	}
	l->asking = false;
	if (got == LINES_END)
		l->eof = true;
}

static void
report(struct lookup *l)
{
	struct jsonw w;

	dns_summary_log(l->dns);
	if (l->o->stats == NULL)
		return;
	jsonw_init(&w, NULL);
	dns_summary_json(l->dns, &w);
	jsonw_newline(&w);
	if (file_write_named(l->o->stats, w.out.data, w.out.len) == -1) {
		log_error("%s: %m", l->o->stats);
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
		log_error("dns: %s: %s", l->o->input, uv_strerror((int)n));
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
	if (l->out.error != 0) {
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
	if (jsonw_flush(&l->out) == -1 || fflush(l->file) != 0)
		finish(l);
	else
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

static int
status_of(struct lookup *l)
{
	refusals_log(&l->refused, log_warn);
	if (l->refused.n > 0)
		log_warn("dns: %llu %s not asked", (unsigned long long)l->refused.n,
		    text_noun(l->refused.n, "line", "lines"));
	if (l->failed)
		return EXIT_FAILED;
	if (l->stopped)
		return EXIT_STOPPED;
	return l->refused.n > 0 || l->gave_up ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}

/* Returns 0, or an exit status after a message. */
static int
open_files(struct lookup *l)
{
	if (strcmp(l->o->input, "-") != 0 &&
	    (l->fd = open(l->o->input, O_RDONLY | O_CLOEXEC)) == -1) {
		log_error("%s: %m", l->o->input);
		return EXIT_USAGE;
	}
	if (l->o->output == NULL) {
		l->file = stdout;
		return 0;
	}
	if (outfile_open_named(&l->outfile, l->o->output) == -1) {
		log_error("%s: %m", l->o->output);
		return EXIT_USAGE;
	}
	l->file = l->outfile.f;
	return 0;
}

/* What was answered is written in any case; the final name comes only with a whole list. */
static void
close_files(struct lookup *l)
{
	if (l->outfile.f == NULL) {
		int rc;

		jsonw_flush(&l->out);
		rc = command_flush("dns", l->out.error);
		l->stopped |= rc == 1; /* nobody reads them any more: a user's way to end it */
		l->failed |= rc == -1;
		return;
	}
	if (jsonw_flush(&l->out) == -1) {
		log_error("%s: %m", l->o->output);
		l->failed = true;
	}
	if (l->failed || l->stopped)
		outfile_abort(&l->outfile);
	else if (outfile_commit(&l->outfile) == -1) {
		log_error("%s: %m", l->o->output);
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

/* The resolver, and the process outside if there is a sandbox; NULL after a message. */
static struct resolver *
make_resolver(const struct lookup_options *o, struct outside *outside)
{
	char *dir = o->dir != NULL ? path_join(o->dir, "resolver") : NULL;
	char *out = o->output != NULL ? path_dir(o->output) : NULL;
	char *stats = o->stats != NULL ? sandbox_place(o->stats) : NULL;
	const char *const write[] = { stats, NULL }, *const replace[] = { out, NULL };
	const struct sandbox_paths paths = { .write = write, .replace = replace };
	struct resolver *r = resolver_new(o->settings, dir);

	/* What is read, and what is written, is open. */
	if (r != NULL && !o->no_sandbox && resolver_confine(r, &paths, outside, NULL) == -1) {
		resolver_free(r);
		r = NULL;
	}
	free(dir);
	free(out);
	free(stats);
	return r;
}

static int
run(struct lookup *l)
{
	struct outside outside = { { .fd = -1 } };
	struct dns_options options = {
		.answers = l->answers,
		.impatient = true,
		.on_answer = on_answer,
		.on_idle = on_idle,
		.on_failed = on_failed,
		.arg = l,
	};
	const struct dns_settings *s = l->o->settings;
	int rc = EXIT_USAGE;

	/* One of our own is started again; nobody else's is waited for. */
	if (s->mode == DNS_ADDRESS || s->mode == DNS_SYSTEM)
		options.closed_ms = (uint64_t)s->timeout_ms * s->tries;
	if ((options.resolver = make_resolver(l->o, &outside)) == NULL)
		return EXIT_USAGE;
	if (outside.broker.fd != -1)
		options.outside = &outside;
	if (loop_open(&l->loop) == -1) {
		resolver_free(options.resolver);
		outside_stop(&outside);
		return EXIT_FAILED;
	}
	if ((l->dns = dns_new(&l->loop, &options)) != NULL) {
		catch_signals(l);
		open_input(l);
		read_more(l);
		uv_run(&l->loop, UV_RUN_DEFAULT);
		rc = EXIT_COMPLETE;
	}
	uv_run(&l->loop, UV_RUN_DEFAULT);
	uv_loop_close(&l->loop);
	outside_stop(&outside);
	return rc;
}

int
lookup(const struct lookup_options *o)
{
	struct lookup *l = xcalloc(1, sizeof(*l));
	int rc;

	l->o = o;
	if ((rc = open_files(l)) != EXIT_COMPLETE)
		goto out;
	l->answers = answers_new();
	jsonw_init(&l->out, l->file);
	lines_init(&l->lines, IPLIST_LINE_MAX);
	l->list = iplist_new(IPLIST_NAMES);
	if ((rc = run(l)) == EXIT_COMPLETE) {
		close_files(l);
		rc = status_of(l);
	} else if (l->outfile.f != NULL) {
		outfile_abort(&l->outfile);
	}
	lines_fini(&l->lines);
	iplist_free(l->list);
	refusals_fini(&l->refused);
	jsonw_fini(&l->out);
	answers_free(l->answers);
out:
	if (l->fd > 0)
		close(l->fd);
	free(l);
	return rc;
}
