/*
 * bench_writer: the same million pair entries of collisions.json, made with
 * json-c's objects, with the streaming generator, and from texts that are made
 * once a host and once a mask, as src/output/collisions.c does.  Nothing is
 * written to disk.  Prints CPU seconds and MB/s of each way.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "survey/jsonw.h"
#include "survey/mem.h"

#define HOSTS 500
#define PARTNERS 2000

static const char mask[] = "0x000000004e4e4e00";
static const char colls[] = "p25==p25;p25==p110;p25==p143;p110==p25;p110==p110;p110==p143;";

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
pair_names(int i, char number[16], char ip[32])
{
	snprintf(number, 16, "%d", i * 7);
	snprintf(ip, 32, "198.18.%d.%d", i / 250, i % 250);
}

static size_t
with_objects(void)
{
	size_t bytes = 0;

	for (int h = 0; h < HOSTS; h++) {
		json_object *rcs = json_object_new_object();

		for (int i = 0; i < PARTNERS; i++) {
			json_object *pair = json_object_new_object();
			char number[16], ip[32];

			pair_names(i, number, ip);
			json_object_object_add(pair, "ip", json_object_new_string(ip));
			json_object_object_add(pair, "ports", json_object_new_string(mask));
			json_object_object_add(pair, "str_colls", json_object_new_string(colls));
			json_object_object_add(rcs, number, pair);
		}
		bytes += strlen(json_object_to_json_string_ext(rcs, JSON_C_TO_STRING_PLAIN));
		json_object_put(rcs);
	}
	return bytes;
}

static size_t
with_generator(void)
{
	struct jsonw w;
	size_t bytes = 0;

	jsonw_init(&w, NULL);
	for (int h = 0; h < HOSTS; h++) {
		buf_clear(&w.out);
		w.comma = false;
		jsonw_object(&w);
		for (int i = 0; i < PARTNERS; i++) {
			char number[16], ip[32];

			pair_names(i, number, ip);
			jsonw_key(&w, number);
			jsonw_object(&w);
			jsonw_key(&w, "ip");
			jsonw_string(&w, ip);
			jsonw_key(&w, "ports");
			jsonw_string(&w, mask);
			jsonw_key(&w, "str_colls");
			jsonw_string(&w, colls);
			jsonw_end_object(&w);
		}
		jsonw_end_object(&w);
		bytes += w.out.len;
	}
	jsonw_fini(&w);
	return bytes;
}

static size_t
with_texts(void)
{
	char **head = xcalloc(PARTNERS, sizeof(*head)), *tail;
	size_t *len = xcalloc(PARTNERS, sizeof(*len)), tail_len, bytes = 0;
	struct buf b;

	buf_init(&b);
	tail = xasprintf("\"ports\":\"%s\",\"str_colls\":\"%s\"}", mask, colls);
	tail_len = strlen(tail);
	for (int i = 0; i < PARTNERS; i++) {
		char number[16], ip[32];

		pair_names(i, number, ip);
		head[i] = xasprintf("%s\"%s\":{\"ip\":\"%s\",", i > 0 ? "," : "", number, ip);
		len[i] = strlen(head[i]);
	}
	for (int h = 0; h < HOSTS; h++) {
		buf_clear(&b);
		buf_addc(&b, '{');
		for (int i = 0; i < PARTNERS; i++) {
			buf_add(&b, head[i], len[i]);
			buf_add(&b, tail, tail_len);
		}
		buf_addc(&b, '}');
		bytes += b.len;
	}
	for (int i = 0; i < PARTNERS; i++)
		free(head[i]);
	free(head);
	free(len);
	free(tail);
	buf_fini(&b);
	return bytes;
}

int
main(void)
{
	static const struct {
		const char *name;
		size_t (*run)(void);
	} ways[] = { { "json-c objects", with_objects }, { "jsonw", with_generator },
		{ "texts made before", with_texts } };
	size_t want = 0;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		double start = cpu_seconds(), took;
		size_t bytes = ways[i].run();

		took = cpu_seconds() - start;
		if (want != 0 && bytes != want) {
			fprintf(stderr, "%s: %zu bytes, not %zu\n", ways[i].name, bytes, want);
			return 1;
		}
		want = bytes;
		printf("%-18s %6.3f CPU s %7.0f MB/s\n", ways[i].name, took,
		    (double)bytes / 1e6 / took);
	}
	return 0;
}
