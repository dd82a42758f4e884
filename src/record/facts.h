/*
 * Single facts out of a document: each of the type and size that it must
 * have, or missing.  What is there but wrong is counted.
 */
#ifndef RECORD_FACTS_H
#define RECORD_FACTS_H

#include "survey/record.h"

struct facts {
	struct arena *a; /* for copies */
	struct record_counts *counts;
};

/* A text without control characters, not empty, not longer than HOST_NAME_BYTES; else NULL. */
const char *fact_text(const struct facts *f, struct simd_node n);
uint8_t fact_bool(const struct facts *f, struct simd_node n); /* enum fact */
int32_t fact_number(const struct facts *f, struct simd_node n, int64_t max); /* 0 … max, or -1 */
/* A cipher suite's number, or its two bytes in hex as the censys layout has them; else -1. */
int32_t fact_cipher(const struct facts *f, struct simd_node n);
int64_t fact_time(const struct facts *f, struct simd_node n); /* or TIME_UNKNOWN */
/* KEY_LEN bytes, or NULL. */
const uint8_t *fact_fingerprint(const struct facts *f, struct simd_node n);
/* The same of a certificate, which may lack it. */
const uint8_t *fact_digest(const struct facts *f, struct simd_node n);
/* "TLSv1.2"; Censys writes TLSv1_2 or tlsv1_2, and ss_lv_3. */
const char *fact_version(const struct facts *f, struct simd_node n);
/* Base64 of a key or certificate, at most HOST_PUBLIC_TEXT bytes and not looked into; or NULL. */
const char *fact_base64(const struct facts *f, struct simd_node n);
/* Digits: of a text, or of an integer, which 64 bits hold; else NULL. */
const char *fact_digits(const struct facts *f, struct simd_node n);
/* The same for looking around: nothing is counted. */
bool fact_parse_fingerprint(struct simd_text t, uint8_t fp[static KEY_LEN]);

#endif
