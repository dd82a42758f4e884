/* Pure. */
#include <ldns/ldns.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anchors.h"
#include "survey/mem.h"

/* What stands in a zone file and is no record. */
static bool
is_directive(ldns_status status)
{
	return status == LDNS_STATUS_SYNTAX_EMPTY || status == LDNS_STATUS_SYNTAX_TTL ||
	       status == LDNS_STATUS_SYNTAX_ORIGIN;
}

/* The number of the line that was read last; line feeds behind it were read, too. */
static size_t
line_at(FILE *f, const struct buf *text)
{
	long at = ftell(f);
	size_t n = 1;

	while (at > 0 && text->data[at - 1] == '\n')
		at--;
	for (long i = 0; i < at; i++)
		n += text->data[i] == '\n';
	return n;
}

/* NULL, or what is wrong with it. */
static const char *
add_record(const ldns_rr *rr, struct buf *out)
{
	ldns_rr_type type = ldns_rr_get_type(rr);
	char *text;

	if ((type != LDNS_RR_TYPE_DS && type != LDNS_RR_TYPE_DNSKEY) ||
	    ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return "is neither a DS nor a DNSKEY record";
	if ((text = ldns_rr2str(rr)) == NULL)
		return "has no text";
	buf_adds(out, text); /* it ends with a line feed */
	LDNS_FREE(text);
	return NULL;
}

char *
anchors_take(const char *text, size_t len, struct buf *out)
{
	ldns_rdf *origin = NULL, *before = NULL;
	uint32_t ttl = LDNS_DEFAULT_TTL;
	char *wrong = NULL;
	struct buf lines;
	size_t n = 0;
	FILE *f;

	if (memchr(text, '\0', len) != NULL)
		return xstrdup("it is no text");
	buf_init(&lines);
	buf_add(&lines, text, len);
	buf_addc(&lines, '\n');
	f = fmemopen(lines.data, lines.len, "r");
	while (f != NULL && wrong == NULL && !feof(f)) {
		ldns_rr *rr = NULL;
		ldns_status status = ldns_rr_new_frm_fp_l(&rr, f, &ttl, &origin, &before, NULL);
		const char *fault;

		if (status == LDNS_STATUS_OK) {
			if ((fault = add_record(rr, out)) != NULL)
				wrong = xasprintf("line %zu %s", line_at(f, &lines), fault);
			n++;
		} else if (!is_directive(status)) {
			wrong = xasprintf("line %zu is no record of a zone file: %s",
			    line_at(f, &lines), ldns_get_errorstr_by_id(status));
		}
		ldns_rr_free(rr);
	}
	if (f != NULL)
		fclose(f);
	ldns_rdf_deep_free(origin);
	ldns_rdf_deep_free(before);
	buf_fini(&lines);
	if (wrong == NULL && n == 0)
		wrong = xstrdup("no DS or DNSKEY record is in it");
	return wrong;
}
