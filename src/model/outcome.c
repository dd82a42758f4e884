/* Pure. */
#include <string.h>

#include "survey/outcome.h"

const char *const grab_end_name[GRAB_NENDS] = { "success", "refused", "timeout", "tls_failed",
	"other", "given_up" };

static const char *const outcome_names[NOUTCOMES] = {
	[OUTCOME_NOT_ASKED] = "not-asked",
	[OUTCOME_KEY] = "key",
	[OUTCOME_OPEN] = "open",
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_TIMEOUT] = "timeout",
	[OUTCOME_TLS_FAILED] = "tls-failed",
	[OUTCOME_OTHER] = "other",
	[OUTCOME_GIVEN_UP] = "given-up",
};

static bool
ends_with(const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	return s != NULL && len >= n && memcmp(s + len - n, word, n) == 0;
}

static bool
contains(const char *s, size_t len, const char *word)
{
	return s != NULL && memmem(s, len, word, strlen(word)) != NULL;
}

static bool
equals(const char *s, size_t len, const char *word)
{
	return s != NULL && len == strlen(word) && memcmp(s, word, len) == 0;
}

enum grab_end
grab_end_from(const char *status, size_t status_len, const char *error, size_t error_len)
{
	if (equals(status, status_len, "success"))
		return GRAB_SUCCESS;
	/* Where Go's errors say it: the cause comes last. */
	if (ends_with(error, error_len, "connection refused"))
		return GRAB_REFUSED;
	if (ends_with(error, error_len, "i/o timeout"))
		return GRAB_TIMEOUT;
	if (contains(error, error_len, "connection refused"))
		return GRAB_REFUSED;
	if (contains(error, error_len, "i/o timeout") ||
	    contains(error, error_len, "deadline exceeded") ||
	    equals(status, status_len, "io-timeout"))
		return GRAB_TIMEOUT;
	if (contains(error, error_len, "tls handshake") || contains(error, error_len, "tls:"))
		return GRAB_TLS_FAILED;
	return GRAB_OTHER;
}

enum port_outcome
port_outcome_of(enum grab_end end)
{
	static const enum port_outcome of[GRAB_NENDS] = {
		[GRAB_SUCCESS] = OUTCOME_OPEN,
		[GRAB_REFUSED] = OUTCOME_REFUSED,
		[GRAB_TIMEOUT] = OUTCOME_TIMEOUT,
		[GRAB_TLS_FAILED] = OUTCOME_TLS_FAILED,
		[GRAB_OTHER] = OUTCOME_OTHER,
		[GRAB_GIVEN_UP] = OUTCOME_GIVEN_UP,
	};

	return of[end];
}

const char *
port_outcome_name(enum port_outcome outcome)
{
	return outcome_names[outcome];
}

int
port_outcome_from(const char *s, size_t len)
{
	for (int i = 0; i < NOUTCOMES; i++) {
		if (equals(s, len, outcome_names[i]))
			return i;
	}
	return -1;
}
