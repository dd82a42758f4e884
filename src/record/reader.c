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

#include "source.h"

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
};

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
	if (is_blank(b->text + at, len)) {
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
			add_line(r, b, *start, n < LONG_PREFIX ? n : LONG_PREFIX, n + 1, true);
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

		add_line(r, b, *start, n < LONG_PREFIX ? n : LONG_PREFIX, n, true);
		r->skipping = true;
		*start = len;
	}
}

/* Fill b with whole lines: BATCH_BYTES of text, more only for one long line. */
static void
fill_batch(struct reader *r, struct batch *b)
{
	size_t start = 0, len = r->rest_len;

	batch_room(b, len > BATCH_BYTES ? len : BATCH_BYTES);
	if (len > 0)
		memcpy(b->text, r->rest, len); /* no newline in it */
	r->rest_len = 0;
	while (!r->eof && (len < BATCH_BYTES || b->nlines == 0)) {
		size_t want = len < BATCH_BYTES ? BATCH_BYTES - len : BATCH_BYTES;
		long n;

		if (b->nlines == 0 && start > 0) { /* blank or dropped so far */
			memmove(b->text, b->text + start, len - start);
			len -= start;
			start = 0;
		}
		batch_room(b, len + want);
		n = source_read(r->source, b->text + len, want, &r->error);
		if (n <= 0) {
			r->eof = true;
			break;
		}
		cut_lines(r, b, &start, len, len + (size_t)n);
		len += (size_t)n;
	}
	if (r->eof && start < len && r->error == NULL) {
		add_line(r, b, start, len - start, len - start, false);
		start = len;
	}
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

/* Cut and parse a batch.  Returns false when there was none to be had. */
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
hand_over(const struct batch *b, record_fn fn, void *arg)
{
	for (size_t i = 0; i < b->nlines; i++) {
		const struct line *l = &b->lines[i];
		struct record_line line = { l->number, l->offset, b->text + l->at, l->len,
			l->refusal, l->refusal == REFUSED_NO ? &l->host : NULL };
		int rc = fn(&line, arg);

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
	if ((r.source = source_open(path, error)) == NULL)
		return -1;
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.turn, NULL);
	pthread_cond_init(&r.parsed, NULL);
	r.nring = nthreads + 2;
	r.ring = xcalloc(r.nring, sizeof(*r.ring));
	p = simd_parser_new(r.max_line);
	/* Those that cannot be had are done without. */
	while (
	    started + 1 < nthreads && pthread_create(&thread[started], NULL, read_thread, &r) == 0)
		started++;
	while (rc == 0 && (b = next_batch(&r, p, &own)) != NULL) {
		rc = hand_over(b, fn, arg);
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
	if (rc == 0 && r.error != NULL) {
		*error = r.error;
		r.error = NULL;
		rc = -1;
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
