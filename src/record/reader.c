/*
 * Several threads, the caller's among them, take turns at the file: the one
 * whose turn it is cuts a batch of whole lines off it, lets the next one in and
 * parses what it has just read, which is then still near its processor.  The
 * batches stand in a ring, from which the caller's thread takes them in order;
 * it reads when the next of them is not parsed yet.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "survey/mem.h"
#include "survey/record.h"
#include "survey/source.h"

#include "form.h"

#define BATCH_BYTES ((size_t)256 << 10)
#define KEEP_BYTES ((size_t)2 << 20) /* a batch grown past this for a long line shrinks again */
#define LONG_PREFIX ((size_t)1024) /* bytes kept of a line over the limit */
#define THREADS_MAX 64

struct line {
	size_t at, len;
	uint64_t number, offset;
	enum record_refusal refusal;
	struct host host;
};

struct batch {
	char *text; /* cap bytes, of which SIMD_PADDING follow the last line */
	size_t cap;
	struct line *lines;
	size_t nlines, lines_cap;
	struct arena arena;
	struct record_counts counts;
	bool parsed;
};

struct spent {
	uint64_t cut_ns, parse_ns; /* CPU time */
};

/* Where in a text of elements the cutting is; an element begins where the uncut text does. */
struct text_state {
	size_t depth; /* of open objects and arrays within an element */
	bool array; /* in an array: elements are separated by commas, until its bracket */
	bool element, scalar; /* in an element; in one without brackets */
	bool quoted, escaped; /* in a string of it; after a backslash */
};

struct reader {
	const struct record_options *o;
	size_t max_line;
	struct source *source;
	struct batch *ring;
	unsigned nring;

	pthread_mutex_t lock;
	pthread_cond_t turn, parsed; /* to cut, with room in the ring; what the caller waits for */
	uint64_t filled, handed_over; /* batches, ever */
	bool end; /* no batch will follow those filled */
	bool stop; /* the caller wants no more */
	bool cutting; /* it is a thread's turn */
	struct spent spent; /* of all threads but the caller's */

	/* of the thread whose turn it is */
	char *error;
	char *rest; /* text after the last line of the batch before */
	size_t rest_len, rest_cap;
	uint64_t number, offset;
	bool skipping; /* inside a line over the limit, of which a prefix is kept already */
	bool eof;
	bool told; /* form is known */
	enum record_form form;
	struct text_state text; /* unless the form is lines */
};

static bool
is_stopped(const struct record_options *o)
{
	return o->stop != NULL && *o->stop != 0;
}

static uint64_t
thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void
batch_room(struct batch *b, size_t len)
{
	if (b->cap >= len + SIMD_PADDING)
		return;
	b->cap = (len > BATCH_BYTES ? len + len / 2 : len) + SIMD_PADDING;
	b->text = xreallocarray(b->text, b->cap, 1);
}

static void
batch_reset(struct batch *b)
{
	if (b->cap > KEEP_BYTES) {
		free(b->text);
		b->text = NULL;
		b->cap = 0;
	}
	b->nlines = 0;
	arena_reset(&b->arena);
	memset(&b->counts, 0, sizeof(b->counts));
	b->parsed = false;
}

static bool
is_blank(const char *s, size_t len)
{
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t' || s[len - 1] == '\r'))
		len--;
	return len == 0;
}

/* What is kept of n bytes. */
static size_t
prefix(size_t n, bool too_long)
{
	return too_long && n > LONG_PREFIX ? LONG_PREFIX : n;
}

/* The line b->text[at..at+len), len without its newline; taken is what it took up in the file. */
static void
add_line(struct reader *r, struct batch *b, size_t at, size_t len, size_t taken, bool too_long)
{
	struct line *l;
	uint64_t offset = r->offset;

	r->offset += taken;
	b->counts.bytes += taken;
	if (len >= 3 && memcmp(b->text + at, "\xef\xbb\xbf", 3) == 0) {
		at += 3;
		len -= 3;
	}
	if (len > 0 && b->text[at + len - 1] == '\r')
		len--;
	/* Of a line over the limit this is the beginning. */
	if (!too_long && is_blank(b->text + at, len)) {
		b->counts.blank++;
		r->number++;
		return;
	}
	b->counts.lines++;
	mem_grow(&b->lines, &b->lines_cap, b->nlines + 1, sizeof(*b->lines));
	l = &b->lines[b->nlines++];
	memset(l, 0, sizeof(*l));
	l->at = at;
	l->len = len;
	l->number = r->number++;
	l->offset = offset;
	l->refusal = too_long ? (enum record_refusal)SIMD_TOO_LONG : REFUSED_NO;
}

/* A line of which nothing is left to be read. */
static void
add_torn(struct reader *r, struct batch *b, size_t at)
{
	b->counts.lines++;
	mem_grow(&b->lines, &b->lines_cap, b->nlines + 1, sizeof(*b->lines));
	b->lines[b->nlines++] = (struct line){ .at = at,
		.number = r->number++,
		.offset = r->offset,
		.refusal = (enum record_refusal)SIMD_TRUNCATED };
}

/*
 * Cut whole lines off b->text[*start..len).  In the middle of a line that is
 * over the limit everything up to its newline is dropped.
 */
static void
cut_lines(struct reader *r, struct batch *b, size_t *start, size_t scanned, size_t len)
{
	const char *nl;

	/* b->text[*start..scanned) is known to hold no newline. */
	while (scanned < len && (nl = memchr(b->text + scanned, '\n', len - scanned)) != NULL) {
		size_t n = (size_t)(nl - (b->text + *start));

		if (r->skipping) {
			r->offset += n + 1;
			b->counts.bytes += n + 1;
			r->skipping = false;
		} else if (n > r->max_line + 1) {
			add_line(r, b, *start, prefix(n, true), n + 1, true);
		} else {
			add_line(r, b, *start, n, n + 1, false);
		}
		*start += n + 1;
		scanned = *start;
	}
	if (r->skipping) {
		r->offset += len - *start;
		b->counts.bytes += len - *start;
		*start = len;
	} else if (len - *start > r->max_line + 1) {
		size_t n = len - *start;

		add_line(r, b, *start, prefix(n, true), n, true);
		r->skipping = true;
		*start = len;
	}
}

/* Pass over n bytes that belong to no element. */
static void
pass_over(struct reader *r, struct batch *b, size_t *start, size_t n)
{
	*start += n;
	r->offset += n;
	b->counts.bytes += n;
}

/* An element ends before b->text[end]. */
static void
end_element(struct reader *r, struct batch *b, size_t *start, size_t end)
{
	size_t n = end - *start;

	r->text = (struct text_state){ .array = r->text.array };
	if (r->skipping) {
		r->skipping = false;
		pass_over(r, b, start, n);
		return;
	}
	/* A line of its own, as for all that follows: in JSON only white space can be here. */
	for (size_t i = *start; i < end; i++) {
		if (b->text[i] == '\n' || b->text[i] == '\r')
			b->text[i] = ' ';
	}
	add_line(r, b, *start, prefix(n, n > r->max_line), n, n > r->max_line);
	*start = end;
}

/* One byte between elements.  Returns whether an element begins with it. */
static bool
between_elements(struct text_state *t, char c)
{
	if (strchr(" \t\r\n", c) != NULL && c != '\0')
		return false;
	if (t->array && (c == ',' || c == ']')) {
		t->array = c == ',';
		return false;
	}
	if (!t->array && c == '[') {
		t->array = true;
		return false;
	}
	t->element = true;
	t->scalar = c != '{' && c != '[';
	t->depth = t->scalar ? 0 : 1;
	t->quoted = c == '"';
	return true;
}

/* One byte of an element.  Returns 1 when the element ends with it, -1 when it ended before it. */
static int
within_element(struct text_state *t, char c)
{
	if (t->quoted) {
		if (t->escaped)
			t->escaped = false;
		else if (c == '\\')
			t->escaped = true;
		else if (c == '"')
			t->quoted = false;
		return 0;
	}
	if (c == '"') {
		t->quoted = true;
	} else if (t->scalar) {
		if ((c != '\0' && strchr(" \t\r\n", c) != NULL) ||
		    (t->array && (c == ',' || c == ']')) || c == '{' || c == '[')
			return -1;
	} else if (c == '{' || c == '[') {
		t->depth++;
	} else if ((c == '}' || c == ']') && --t->depth == 0) {
		return 1;
	}
	return 0;
}

/*
 * The same for texts that are not one a line: the elements of an array, or objects one after
 * the other.  Brackets and quotes tell where each ends; whether it is JSON, the parser does.
 */
static void
cut_texts(struct reader *r, struct batch *b, size_t *start, size_t scanned, size_t len)
{
	struct text_state *t = &r->text;

	for (size_t i = scanned; i < len;) {
		int ends;

		if (!t->element) {
			if (r->offset == 0 && len - i >= 3 &&
			    memcmp(b->text + i, "\xef\xbb\xbf", 3) == 0) {
				pass_over(r, b, start, 3);
				i += 3;
				continue;
			}
			if (!between_elements(t, b->text[i]))
				pass_over(r, b, start, 1);
			i++;
			continue;
		}
		ends = within_element(t, b->text[i]);
		i += ends >= 0;
		if (ends != 0)
			end_element(r, b, start, i);
	}
	if (r->skipping) {
		pass_over(r, b, start, len - *start);
	} else if (len - *start > r->max_line) {
		add_line(r, b, *start, prefix(len - *start, true), len - *start, true);
		r->skipping = true;
		*start = len;
	}
}

/* False: there are no records in this file. */
static bool
tell_form(struct reader *r, struct batch *b, size_t len)
{
	const char *what;

	r->told = true;
	r->form = form_tell(b->text, len, &what);
	b->counts.form = r->form;
	if (r->form != RECORD_OTHER)
		return true;
	free(r->error); /* of a file that is damaged, too */
	r->error = xasprintf("%s is %s", source_name(r->source), what);
	return false;
}

static void
cut(struct reader *r, struct batch *b, size_t *start, size_t scanned, size_t len)
{
	if (r->form == RECORD_LINES)
		cut_lines(r, b, start, scanned, len);
	else
		cut_texts(r, b, start, scanned, len);
}

/* After the last byte of the file: what was begun ends here. */
static void
end_text(struct reader *r, struct batch *b, size_t *start, size_t len)
{
	bool within = r->text.element;

	if (*start < len) {
		add_line(r, b, *start, len - *start, len - *start, false);
		*start = len;
	} else if (source_is_torn(r->source)) {
		add_torn(r, b, len);
	}
	if (r->form != RECORD_LINES && r->text.array && !within)
		r->error = xasprintf("%s: the array ends without its bracket, so records may be "
				     "missing; those before that were read",
		    source_name(r->source));
}

/* Fill b with whole lines: BATCH_BYTES of text, more only for one long line. */
static void
fill_batch(struct reader *r, struct batch *b)
{
	size_t start = 0, len = r->rest_len, scanned = len;

	batch_room(b, len > BATCH_BYTES ? len : BATCH_BYTES);
	if (len > 0)
		memcpy(b->text, r->rest, len); /* known to hold no whole line */
	r->rest_len = 0;
	while (!r->eof && (len < BATCH_BYTES || b->nlines == 0)) {
		size_t want = len < BATCH_BYTES ? BATCH_BYTES - len : BATCH_BYTES;
		long n;

		if (b->nlines == 0 && start > 0) { /* blank or dropped so far */
			memmove(b->text, b->text + start, len - start);
			len -= start;
			scanned -= start;
			start = 0;
		}
		batch_room(b, len + want);
		n = is_stopped(r->o) ? 0 : source_read(r->source, b->text + len, want, &r->error);
		if (n <= 0)
			r->eof = true;
		else
			len += (size_t)n;
		/* A pipe may hand over its first bytes one by one. */
		if (!r->told && !r->eof && len < FORM_BYTES)
			continue;
		if (!r->told && !tell_form(r, b, len)) {
			r->eof = true;
			break;
		}
		cut(r, b, &start, scanned, len);
		scanned = len;
	}
	if (r->eof && r->error == NULL)
		end_text(r, b, &start, len);
	if (start < len && !r->eof) {
		r->rest_len = len - start;
		if (r->rest_cap < r->rest_len || r->rest_cap > KEEP_BYTES) {
			free(r->rest);
			r->rest_cap = r->rest_len + BATCH_BYTES;
			r->rest = xmalloc(r->rest_cap);
		}
		memcpy(r->rest, b->text + start, r->rest_len);
	}
	memset(b->text + len, 0, SIMD_PADDING);
}

static bool
has_room(const struct reader *r)
{
	return r->filled - r->handed_over < r->nring;
}

/*
 * The next batch, filled.  NULL when none will follow, or when there is no room
 * for it and the caller, who alone makes room, may not wait.
 */
static struct batch *
cut_batch(struct reader *r, bool wait)
{
	struct batch *b = NULL;

	pthread_mutex_lock(&r->lock);
	while (!r->stop && !r->end && (r->cutting || (wait && !has_room(r))))
		pthread_cond_wait(&r->turn, &r->lock);
	if (!r->stop && !r->end && has_room(r)) {
		b = &r->ring[r->filled % r->nring];
		r->cutting = true;
	}
	pthread_mutex_unlock(&r->lock);
	if (b == NULL)
		return NULL;
	batch_reset(b);
	fill_batch(r, b);
	pthread_mutex_lock(&r->lock);
	r->filled++;
	r->end = r->eof;
	r->cutting = false;
	pthread_cond_broadcast(&r->turn);
	pthread_mutex_unlock(&r->lock);
	return b;
}

static void
parse_batch(struct simd_parser *p, const struct record_options *o, struct batch *b)
{
	for (size_t i = 0; i < b->nlines; i++) {
		struct line *l = &b->lines[i];

		if (l->refusal == REFUSED_NO)
			l->refusal = record_extract(
			    p, o, b->text + l->at, l->len, &b->arena, &l->host, &b->counts);
		if (l->refusal != REFUSED_NO)
			b->counts.refused[l->refusal]++;
	}
}

/* Cut and parse a batch.  Returns false when there are no more. */
static bool
read_batch(struct reader *r, struct simd_parser *p, bool wait, struct spent *spent)
{
	uint64_t start = thread_cpu_ns(), cut;
	struct batch *b;

	b = cut_batch(r, wait);
	cut = thread_cpu_ns();
	spent->cut_ns += cut - start;
	if (b == NULL)
		return false;
	parse_batch(p, r->o, b);
	spent->parse_ns += thread_cpu_ns() - cut;
	pthread_mutex_lock(&r->lock);
	b->parsed = true;
	pthread_cond_signal(&r->parsed);
	pthread_mutex_unlock(&r->lock);
	return true;
}

static void *
read_thread(void *arg)
{
	struct reader *r = arg;
	struct simd_parser *p = simd_parser_new(r->max_line);
	struct spent spent = { 0, 0 };

	while (read_batch(r, p, true, &spent))
		;
	pthread_mutex_lock(&r->lock);
	r->spent.cut_ns += spent.cut_ns;
	r->spent.parse_ns += spent.parse_ns;
	pthread_mutex_unlock(&r->lock);
	simd_parser_free(p);
	return NULL;
}

/* The next batch in order, or NULL after the last one. */
static struct batch *
next_batch(struct reader *r, struct simd_parser *p, struct spent *spent)
{
	struct batch *b;
	bool parsed, last, room;

	for (;;) {
		pthread_mutex_lock(&r->lock);
		b = &r->ring[r->handed_over % r->nring];
		parsed = r->handed_over < r->filled && b->parsed;
		last = r->end && r->handed_over == r->filled;
		room = !r->end && has_room(r);
		if (!parsed && !last && !room)
			pthread_cond_wait(&r->parsed, &r->lock);
		pthread_mutex_unlock(&r->lock);
		if (parsed || last)
			return parsed ? b : NULL;
		if (room)
			(void)read_batch(r, p, false, spent);
	}
}

static void
give_back(struct reader *r, struct batch *b)
{
	pthread_mutex_lock(&r->lock);
	b->parsed = false;
	r->handed_over++;
	pthread_cond_broadcast(&r->turn);
	pthread_mutex_unlock(&r->lock);
}

static int
hand_over(const struct reader *r, const struct batch *b, record_fn fn, void *arg)
{
	for (size_t i = 0; i < b->nlines; i++) {
		const struct line *l = &b->lines[i];
		struct record_line line = { l->number, l->offset, b->text + l->at, l->len,
			l->refusal, l->refusal == REFUSED_NO ? &l->host : NULL };
		int rc = is_stopped(r->o) ? RECORD_STOPPED : fn(&line, arg);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static unsigned
thread_count(const struct record_options *o)
{
	long n = o->threads > 0 ? (long)o->threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

int
record_read(const char *path, const struct record_options *o, record_fn fn, void *arg,
    struct record_counts *counts, char **error)
{
	struct reader r = { .o = o, .max_line = o->max_line > 0 ? o->max_line : RECORD_MAX_LINE };
	unsigned nthreads = thread_count(o), started = 0;
	struct spent own = { 0, 0 };
	pthread_t thread[THREADS_MAX];
	struct simd_parser *p;
	struct batch *b;
	int rc = 0;

	*error = NULL;
	if ((r.source = source_open(path, o->stop, error)) == NULL)
		return -1;
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.turn, NULL);
	pthread_cond_init(&r.parsed, NULL);
	r.nring = nthreads + 2;
	r.ring = xcalloc(r.nring, sizeof(*r.ring));
	p = simd_parser_new(r.max_line);
	/* If a thread cannot be started, the others do its work. */
	while (
	    started + 1 < nthreads && pthread_create(&thread[started], NULL, read_thread, &r) == 0)
		started++;
	while (rc == 0 && (b = next_batch(&r, p, &own)) != NULL) {
		rc = hand_over(&r, b, fn, arg);
		record_counts_add(counts, &b->counts);
		give_back(&r, b);
	}
	pthread_mutex_lock(&r.lock);
	r.stop = true;
	pthread_cond_broadcast(&r.turn);
	pthread_mutex_unlock(&r.lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	simd_parser_free(p);
	counts->read_cpu_ns += own.cut_ns + r.spent.cut_ns;
	counts->parse_cpu_ns += own.parse_ns + r.spent.parse_ns;
	counts->own_cpu_ns += own.cut_ns + own.parse_ns;
	if (rc == 0 && is_stopped(o)) {
		rc = RECORD_STOPPED;
	} else if (rc == 0 && r.error != NULL) {
		*error = r.error;
		r.error = NULL;
		rc = r.form == RECORD_OTHER ? RECORD_NO_RECORDS : -1;
	}
	for (unsigned i = 0; i < r.nring; i++) {
		free(r.ring[i].text);
		free(r.ring[i].lines);
		arena_fini(&r.ring[i].arena);
	}
	free(r.ring);
	free(r.rest);
	free(r.error);
	source_close(r.source);
	pthread_cond_destroy(&r.turn);
	pthread_cond_destroy(&r.parsed);
	pthread_mutex_destroy(&r.lock);
	return rc;
}
