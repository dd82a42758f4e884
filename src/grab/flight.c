#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"

#include "flight.h"

void
flights_init(struct flights *fs)
{
	memset(fs, 0, sizeof(*fs));
	fs->again_tail = &fs->again;
}

static size_t
bucket_of(const struct ip *ip)
{
	unsigned h = ip->family;

	for (int i = 0; i < 16; i++)
		h = h * 31 + ip->a[i];
	return h % FLIGHT_BUCKETS;
}

struct flight *
flights_find(const struct flights *fs, const struct ip *ip)
{
	struct flight *f = fs->bucket[bucket_of(ip)];

	while (f != NULL && ip_cmp(&f->ip, ip) != 0)
		f = f->next;
	return f;
}

struct flight *
flights_add(struct flights *fs, const struct ip *ip)
{
	struct flight *f = xcalloc(1, sizeof(*f)), **bucket = &fs->bucket[bucket_of(ip)];

	f->ip = *ip;
	for (int i = 0; i < MAX_MODULES; i++)
		buf_init(&f->part[i]);
	f->next = *bucket;
	*bucket = f;
	fs->n++;
	return f;
}

void
flights_drop(struct flights *fs, struct flight *f)
{
	struct flight **at = &fs->bucket[bucket_of(&f->ip)];

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	for (int i = 0; i < MAX_MODULES; i++)
		buf_fini(&f->part[i]);
	free(f);
	fs->n--;
}

void
flights_wait(struct flights *fs, struct flight *f)
{
	f->waiting = true;
	f->next_waiting = NULL;
	*fs->again_tail = f;
	fs->again_tail = &f->next_waiting;
	fs->nagain++;
}

struct flight *
flights_next(struct flights *fs)
{
	struct flight *f = fs->again;

	if (f == NULL)
		return NULL;
	if ((fs->again = f->next_waiting) == NULL)
		fs->again_tail = &fs->again;
	fs->nagain--;
	f->waiting = false;
	return f;
}

void
flights_suspect(struct flights *fs, struct flight *f)
{
	f->waiting = true;
	f->next_waiting = fs->suspects;
	fs->suspects = f;
	fs->nsuspects++;
}

struct flight *
flights_next_suspect(struct flights *fs)
{
	struct flight *f = fs->suspects;

	if (f == NULL)
		return NULL;
	fs->suspects = f->next_waiting;
	fs->nsuspects--;
	f->waiting = false;
	return f;
}

void
flights_drop_waiting(struct flights *fs)
{
	struct flight *f;

	while ((f = flights_next(fs)) != NULL || (f = flights_next_suspect(fs)) != NULL)
		flights_drop(fs, f);
}

uint64_t
flights_in_air(const struct flights *fs)
{
	return fs->n - fs->nagain - fs->nsuspects;
}

const struct flight *
flights_lone(const struct flights *fs)
{
	if (flights_in_air(fs) != 1)
		return NULL;
	for (size_t i = 0; i < FLIGHT_BUCKETS; i++) {
		for (const struct flight *f = fs->bucket[i]; f != NULL; f = f->next) {
			if (!f->waiting)
				return f;
		}
	}
	return NULL;
}

int64_t
flights_oldest(const struct flights *fs)
{
	int64_t oldest = 0;

	for (size_t i = 0; i < FLIGHT_BUCKETS; i++) {
		for (const struct flight *f = fs->bucket[i]; f != NULL; f = f->next) {
			if (oldest == 0 || f->time < oldest)
				oldest = f->time;
		}
	}
	return oldest;
}

void
flights_each_in_air(struct flights *fs, void (*fn)(struct flight *, void *arg), void *arg)
{
	struct flight *f, *next;

	for (size_t i = 0; i < FLIGHT_BUCKETS; i++) {
		for (f = fs->bucket[i]; f != NULL; f = next) {
			next = f->next;
			if (!f->waiting)
				fn(f, arg);
		}
	}
}

void
flights_fini(struct flights *fs)
{
	for (size_t i = 0; i < FLIGHT_BUCKETS; i++) {
		while (fs->bucket[i] != NULL)
			flights_drop(fs, fs->bucket[i]);
	}
}
