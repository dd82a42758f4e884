/*
 * Input: type (1 byte), flags (2), record counts (6), and all that follows
 * the question.  Id and question are made to match, or nearly all inputs
 * would be refused at the door.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
use(const struct answer *a)
{
	size_t sum = 0;

	for (size_t i = 0; i < a->nnames; i++)
		sum += strlen(a->names[i]);
	for (size_t i = 0; i < a->ncnames; i++)
		sum += strlen(a->cnames[i]);
	for (size_t i = 1; i < a->naddrs; i++)
		if (ip_cmp(&a->addrs[i - 1], &a->addrs[i]) >= 0)
			abort();
	if (a->ede_text != NULL)
		sum += strlen(a->ede_text);
	if (sum > 16u * WIRE_MESSAGE_MAX || a->outcome >= DNS_NOUTCOMES)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char name[] = "www.firm.ie";
	uint8_t query[WIRE_QUERY_MAX], *msg;
	struct wire_result r;
	struct answer a = { 0 };
	enum dns_type type;
	size_t qlen;

	if (len < 9)
		return 0;
	type = (enum dns_type)(data[0] % DNS_NTYPES);
	qlen = wire_query(query, 0x4711, name, type) - 11; /* without the OPT record */
	msg = malloc(qlen + len - 9);
	memcpy(msg, query, qlen);
	memcpy(msg + 2, data + 1, 2);
	memcpy(msg + 6, data + 3, 6);
	memcpy(msg + qlen, data + 9, len - 9);
	wire_result_init(&r);
	if (wire_parse(&r, msg, qlen + len - 9, 0x4711, name, type) == WIRE_ANSWER) {
		wire_result_answer(&r, &a);
		use(&a);
	}
	/* The bytes alone, whatever they are. */
	wire_parse(&r, data, len, len >= 2 ? wire_id(data) : 0, name, type);
	wire_result_fini(&r);
	free(msg);
	return 0;
}
