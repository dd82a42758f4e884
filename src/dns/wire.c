/* Pure. */
#include <ldns/ldns.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "survey/escape.h"
#include "survey/hex.h"
#include "survey/mem.h"
#include "survey/order.h"
#include "wire.h"

#define HEADER 12
#define NAME_OCTETS 255
#define LABEL_MAX 63
#define EDE_OPTION 15 /* RFC 8914 */

static const uint16_t wire_types[DNS_NTYPES] = {
	[DNS_A] = 1, [DNS_AAAA] = 28, [DNS_PTR] = 12, [DNS_MX] = 15, [DNS_TLSA] = 52, [DNS_TXT] = 16
};

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

uint16_t
wire_id(const uint8_t *msg)
{
	return (uint16_t)get16(msg);
}

/* Text without escapes to wire form.  Returns its length, or 0 when it is no name. */
static size_t
name_to_wire(const char *name, uint8_t out[NAME_OCTETS])
{
	size_t n = 0;

	if (name[0] == '\0')
		return 0;
	for (;;) {
		size_t label = strcspn(name, ".");

		/* The label, its length, and the root's. */
		if (label == 0 || label > LABEL_MAX || n + label + 2 > NAME_OCTETS)
			return 0;
		out[n++] = (uint8_t)label;
		memcpy(out + n, name, label);
		n += label;
		name += label;
		if (*name == '\0')
			break;
		name++;
	}
	out[n++] = 0;
	return n;
}

size_t
wire_query(uint8_t out[WIRE_QUERY_MAX], uint16_t id, const char *name, enum dns_type type)
{
	static const uint8_t head[HEADER] = { 0, 0, 0x01 /* RD */, 0x20 /* AD */, 0, 1, 0, 0, 0, 0,
		0, 1 };
	static const uint8_t opt[11] = { 0, 0, 41, WIRE_UDP_PAYLOAD >> 8, WIRE_UDP_PAYLOAD & 255 };
	size_t n = name_to_wire(name, out + HEADER);
	uint8_t *p = out + HEADER + n;

	if (n == 0)
		return 0;
	memcpy(out, head, sizeof(head));
	put16(out, id);
	put16(p, wire_types[type]);
	put16(p + 2, 1); /* IN */
	memcpy(p + 4, opt, sizeof(opt));
	return HEADER + n + 4 + sizeof(opt);
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* Length octets are below 64, so lowering all octets changes none of them. */
static bool
same_name(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	if (alen != blen)
		return false;
	for (size_t i = 0; i < alen; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

void
wire_result_init(struct wire_result *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->text);
}

void
wire_result_fini(struct wire_result *r)
{
	free(r->addrs);
	free(r->names);
	free(r->at);
	buf_fini(&r->text);
}

static void
clear(struct wire_result *r)
{
	buf_clear(&r->text);
	r->naddrs = r->nnames = r->ncnames = 0;
	r->ede = DNS_EDE_NONE;
	r->has_ede_text = false;
}

/* An uncompressed name that ldns has checked, in lower case, odd octets as \DDD.  Returns where. */
static size_t
add_name(struct buf *text, const uint8_t *name, size_t len)
{
	size_t start = text->len;

	for (size_t i = 0; i < len && name[i] != 0;) {
		size_t end = i + 1 + name[i];

		if (i > 0)
			buf_addc(text, '.');
		for (i++; i < end && i < len; i++) {
			uint8_t c = lower(name[i]);

			if (c == '.' || c == '\\')
				buf_printf(text, "\\%c", c);
			else if (c <= ' ' || c >= 0x7f)
				buf_printf(text, "\\%03u", c);
			else
				buf_addc(text, (char)c);
		}
	}
	buf_addc(text, '\0');
	return start;
}

/* The field of a record's data, or NULL. */
static const uint8_t *
field(const ldns_rr *rr, size_t at, size_t *len)
{
	const ldns_rdf *rdf = ldns_rr_rd_count(rr) > at ? ldns_rr_rdf(rr, at) : NULL;

	*len = rdf == NULL ? 0 : ldns_rdf_size(rdf);
	return rdf == NULL ? NULL : ldns_rdf_data(rdf);
}

/* ::ffff:192.0.2.1 becomes 192.0.2.1, as everywhere else. */
static void
add_addr(struct wire_result *r, const uint8_t *data, size_t len)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	struct ip ip = { .family = 4 };

	if (len == 16 && memcmp(data, mapped, sizeof(mapped)) == 0) {
		data += sizeof(mapped);
		len = 4;
	}
	if (len == 16)
		ip.family = 6;
	memcpy(ip.a, data, len);
	mem_grow(&r->addrs, &r->addrs_cap, r->naddrs + 1, sizeof(*r->addrs));
	r->addrs[r->naddrs++] = ip;
}

/* What is put at the end of r->text next is one more text. */
static void
begin_text(struct wire_result *r)
{
	mem_grow(&r->at, &r->at_cap, r->nnames + 1, sizeof(*r->at));
	r->at[r->nnames++] = r->text.len;
}

static bool
add_ptr(struct wire_result *r, const ldns_rr *rr)
{
	size_t len;
	const uint8_t *data = field(rr, 0, &len);

	if (data == NULL)
		return false;
	if (len <= 1) /* the root is nobody's name */
		return true;
	begin_text(r);
	add_name(&r->text, data, len);
	return true;
}

/* "10 mx.example.ie"; the root, which says that there is no mail (RFC 7505), is ".". */
static bool
add_mx(struct wire_result *r, const ldns_rr *rr)
{
	size_t plen, len;
	const uint8_t *preference = field(rr, 0, &plen), *name = field(rr, 1, &len);

	if (preference == NULL || plen != 2 || name == NULL)
		return false;
	begin_text(r);
	buf_printf(&r->text, "%u ", get16(preference));
	if (len <= 1)
		buf_addc(&r->text, '.');
	add_name(&r->text, name, len);
	return true;
}

/* "3 1 1 8d02…" */
static bool
add_tlsa(struct wire_result *r, const ldns_rr *rr)
{
	const uint8_t *data;
	size_t len;

	if (ldns_rr_rd_count(rr) != 4)
		return false;
	begin_text(r);
	for (size_t i = 0; i < 3; i++) {
		if ((data = field(rr, i, &len)) == NULL || len != 1)
			return false;
		buf_printf(&r->text, "%u ", data[0]);
	}
	if ((data = field(rr, 3, &len)) == NULL)
		return false;
	hex_add(&r->text, data, len);
	buf_addc(&r->text, '\0');
	return true;
}

/* The strings of the record, joined (RFC 7208, 3.3), each with its length before it on the wire. */
static bool
add_txt(struct wire_result *r, const ldns_rr *rr)
{
	begin_text(r);
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		size_t len;
		const uint8_t *data = field(rr, i, &len);

		if (data == NULL || len == 0 || data[0] != len - 1)
			return false;
		for (size_t k = 1; k < len; k++) {
			if (data[k] == '\\')
				buf_adds(&r->text, "\\\\");
			else if (data[k] < ' ' || data[k] >= 0x7f)
				buf_printf(&r->text, "\\%03u", data[k]);
			else
				buf_addc(&r->text, (char)data[k]);
		}
	}
	buf_addc(&r->text, '\0');
	return true;
}

static bool
add_record(struct wire_result *r, const ldns_rr *rr, enum dns_type type)
{
	static bool (*const texts[DNS_NTYPES])(struct wire_result *, const ldns_rr *) = {
		[DNS_PTR] = add_ptr,
		[DNS_MX] = add_mx,
		[DNS_TLSA] = add_tlsa,
		[DNS_TXT] = add_txt,
	};
	const uint8_t *data;
	size_t len;

	if (texts[type] != NULL)
		return texts[type](r, rr);
	data = field(rr, 0, &len);
	if (data == NULL || len != (type == DNS_A ? 4 : 16))
		return false;
	add_addr(r, data, len);
	return true;
}

static bool
is_record(const ldns_rr *rr, uint16_t type, const uint8_t *owner, size_t len)
{
	const ldns_rdf *o = ldns_rr_owner(rr);

	return ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
	       (uint16_t)ldns_rr_get_type(rr) == type && o != NULL &&
	       same_name(ldns_rdf_data(o), ldns_rdf_size(o), owner, len);
}

/* Records of the type at owner.  Returns false when one of them is broken. */
static bool
take_answers(struct wire_result *r, const ldns_rr_list *list, enum dns_type type,
    const uint8_t *owner, size_t len, bool *found)
{
	*found = false;
	for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(list, i);

		if (!is_record(rr, wire_types[type], owner, len))
			continue;
		if (!add_record(r, rr, type))
			return false;
		*found = true;
	}
	return true;
}

/* Follow the chain from name.  Returns false on a loop, a chain too long, or a broken record. */
static bool
follow(struct wire_result *r, const ldns_rr_list *list, enum dns_type type, const uint8_t *name,
    size_t len)
{
	for (;;) {
		const ldns_rr *cname = NULL;
		bool found;

		if (!take_answers(r, list, type, name, len, &found))
			return false;
		if (found)
			return true;
		for (size_t i = 0; i < ldns_rr_list_rr_count(list) && cname == NULL; i++)
			if (is_record(ldns_rr_list_rr(list, i), LDNS_RR_TYPE_CNAME, name, len))
				cname = ldns_rr_list_rr(list, i);
		if (cname == NULL)
			return true;
		if (r->ncnames == WIRE_CNAME_MAX || (name = field(cname, 0, &len)) == NULL)
			return false;
		r->cnames_at[r->ncnames++] = add_name(&r->text, name, len);
	}
}

static void
read_ede(struct wire_result *r, const uint8_t *data, size_t len)
{
	while (len >= 4) {
		unsigned code = get16(data), size = get16(data + 2);

		data += 4;
		len -= 4;
		if (size > len)
			return;
		if (code == EDE_OPTION && size >= 2) {
			const char *text = (const char *)data + 2;
			size_t n = strnlen(text, size - 2);

			r->ede = (int)get16(data);
			if (n == 0 || n > WIRE_EDE_TEXT_MAX || !utf8_valid(text, n))
				return;
			r->ede_at = r->text.len;
			buf_add(&r->text, text, n);
			buf_addc(&r->text, '\0');
			r->has_ede_text = true;
			return;
		}
		data += size;
		len -= size;
	}
}

/* Offsets become pointers, and lists sorted sets. */
static void
settle(struct wire_result *r)
{
	size_t k = 0;

	if (r->naddrs > 1)
		qsort(r->addrs, r->naddrs, sizeof(*r->addrs), order_ip);
	for (size_t i = 0; i < r->naddrs; i++)
		if (k == 0 || ip_cmp(&r->addrs[i], &r->addrs[k - 1]) != 0)
			r->addrs[k++] = r->addrs[i];
	r->naddrs = k;
	mem_grow(&r->names, &r->names_cap, r->nnames, sizeof(*r->names));
	for (size_t i = 0; i < r->nnames; i++)
		r->names[i] = r->text.data + r->at[i];
	if (r->nnames > 1)
		qsort(r->names, r->nnames, sizeof(*r->names), order_text);
	k = 0;
	for (size_t i = 0; i < r->nnames; i++)
		if (k == 0 || strcmp(r->names[i], r->names[k - 1]) != 0)
			r->names[k++] = r->names[i];
	r->nnames = k;
	for (size_t i = 0; i < r->ncnames; i++)
		r->cnames[i] = r->text.data + r->cnames_at[i];
}

static enum dns_outcome
outcome_of(const struct wire_result *r)
{
	switch (r->rcode) {
	case LDNS_RCODE_NOERROR:
		return r->naddrs + r->nnames > 0 ? DNS_NOERROR : DNS_NODATA;
	case LDNS_RCODE_NXDOMAIN:
		return DNS_NXDOMAIN;
	case LDNS_RCODE_REFUSED:
		return DNS_REFUSED;
	default:
		return DNS_SERVFAIL;
	}
}

static enum wire_status
read_packet(struct wire_result *r, const ldns_pkt *pkt, const uint8_t *qname, size_t qlen,
    enum dns_type type)
{
	const ldns_rdf *options = ldns_pkt_edns_data(pkt);

	r->rcode = (int)ldns_pkt_get_rcode(pkt);
	if (ldns_pkt_edns(pkt))
		r->rcode |= ldns_pkt_edns_extended_rcode(pkt) << 4;
	if (options != NULL)
		read_ede(r, ldns_rdf_data(options), ldns_rdf_size(options));
	if (!follow(r, ldns_pkt_answer(pkt), type, qname, qlen))
		return WIRE_MALFORMED;
	if (r->rcode != LDNS_RCODE_NOERROR)
		r->naddrs = r->nnames = 0;
	settle(r);
	r->outcome = outcome_of(r);
	r->ad = ldns_pkt_ad(pkt);
	return WIRE_ANSWER;
}

enum wire_status
wire_parse(struct wire_result *r, const uint8_t *msg, size_t len, uint16_t id, const char *name,
    enum dns_type type)
{
	uint8_t qname[NAME_OCTETS];
	size_t qlen = name_to_wire(name, qname);
	enum wire_status status;
	ldns_pkt *pkt = NULL;

	if (len < HEADER)
		return WIRE_SHORT;
	if (get16(msg) != id)
		return WIRE_WRONG_ID;
	if ((msg[2] & 0x80) == 0 || (msg[2] & 0x78) != 0) /* QR, and opcode QUERY */
		return WIRE_NOT_RESPONSE;
	/* The question of an honest answer is ours, octet for octet but for case: no pointers. */
	if (get16(msg + 4) != 1 || len < HEADER + qlen + 4 ||
	    !same_name(msg + HEADER, qlen, qname, qlen) ||
	    get16(msg + HEADER + qlen) != wire_types[type] || get16(msg + HEADER + qlen + 2) != 1)
		return WIRE_WRONG_QUESTION;
	if ((msg[2] & 0x02) != 0)
		return WIRE_TRUNCATED;
	if (len > WIRE_MESSAGE_MAX || ldns_wire2pkt(&pkt, msg, len) != LDNS_STATUS_OK)
		return WIRE_MALFORMED;
	clear(r);
	status = read_packet(r, pkt, qname, qlen, type);
	ldns_pkt_free(pkt);
	return status;
}

void
wire_result_answer(const struct wire_result *r, struct answer *a)
{
	a->outcome = r->outcome;
	a->ede = r->ede;
	a->ad = r->ad;
	a->ede_text = r->has_ede_text ? r->text.data + r->ede_at : NULL;
	a->addrs = r->addrs;
	a->naddrs = r->naddrs;
	a->names = r->names;
	a->nnames = r->nnames;
	a->cnames = r->cnames;
	a->ncnames = r->ncnames;
}
