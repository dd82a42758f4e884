/* Pure. */
#include <stdlib.h>
#include <string.h>

#include "survey/mem.h"
#include "survey/name.h"
#include "survey/verdict.h"

static const char *const name_words[NAME_NVERDICTS] = {
	[NAME_GOOD] = "good",
	[NAME_BAD] = "bad",
	[NAME_NXDOMAIN] = "nxdomain",
	[NAME_UNKNOWN] = "unknown",
};

const char *const host_verdict_words[HOST_NVERDICTS] = {
	[HOST_GOOD] = "good",
	[HOST_BAD] = "bad",
	[HOST_UNKNOWN] = "unknown",
	[HOST_NONE] = "none",
};

const char *
name_verdict_name(enum name_verdict verdict)
{
	return name_words[verdict];
}

const char *
host_verdict_name(enum host_verdict verdict)
{
	return host_verdict_words[verdict];
}

void
verdict_init(struct verdict *v)
{
	memset(v, 0, sizeof(*v));
}

void
verdict_fini(struct verdict *v)
{
	free(v->names);
	free(v->text);
	verdict_init(v);
}

static bool
has_outcome(const struct answer *a, enum dns_outcome outcome)
{
	return a != NULL && a->outcome == outcome;
}

/* The address type of the host's own family decides; the other only where the first has no record. */
static enum name_verdict
judge_name(
    const struct answers *t, const char *name, const struct ip *ip, const struct answer **decisive)
{
	const struct answer *first = answers_get(t, name, ip->family == 6 ? DNS_AAAA : DNS_A);
	const struct answer *second;

	*decisive = first;
	if (has_outcome(first, DNS_NOERROR)) {
		for (size_t i = 0; i < first->naddrs; i++)
			if (ip_cmp(&first->addrs[i], ip) == 0)
				return NAME_GOOD;
		return NAME_BAD;
	}
	if (has_outcome(first, DNS_NXDOMAIN))
		return NAME_NXDOMAIN;
	second = answers_get(t, name, ip->family == 6 ? DNS_A : DNS_AAAA);
	if (has_outcome(second, DNS_NXDOMAIN)) {
		*decisive = second;
		return NAME_NXDOMAIN;
	}
	if (!has_outcome(first, DNS_NODATA))
		return NAME_UNKNOWN;
	if (second == NULL)
		return NAME_BAD;
	*decisive = second;
	return dns_outcome_known(second->outcome) ? NAME_BAD : NAME_UNKNOWN;
}

/* Keeps the looked-up spelling as an offset into v->text until that has stopped moving. */
static void
add_name(struct verdict *v, const struct answers *t, size_t ref, const char *name, size_t *text_len)
{
	size_t len = strlen(name) + 1;
	struct verdict_name *vn;

	mem_grow(&v->names, &v->cap, v->n + 1, sizeof(*v->names));
	mem_grow(&v->text, &v->text_cap, *text_len + len, 1);
	memcpy(v->text + *text_len, name, len);
	*text_len += len;
	vn = &v->names[v->n++];
	vn->ref = ref;
	vn->verdict = judge_name(t, name, &v->ip, &vn->answer);
}

static void
judge_ptr(struct verdict *v, const struct answers *t, size_t *text_len)
{
	char reverse[NAME_SIZE], name[NAME_SIZE];
	size_t pick = 0;

	name_reverse(&v->ip, reverse);
	v->ptr = answers_get(t, reverse, DNS_PTR);
	v->rdns = NULL;
	if (!has_outcome(v->ptr, DNS_NOERROR) || v->ptr->nnames == 0)
		return;
	for (size_t i = 0; i < v->ptr->nnames && i < QUESTIONS_PTR_MAX; i++) {
		const char *target = v->ptr->names[i];
		const struct answer *a;

		if (name_normalise(target, strlen(target), name) == NAME_OK &&
		    judge_name(t, name, &v->ip, &a) == NAME_GOOD) {
			pick = i;
			break;
		}
	}
	v->rdns = v->ptr->names[pick];
	if (name_normalise(v->rdns, strlen(v->rdns), name) == NAME_OK)
		add_name(v, t, VERDICT_RDNS, name, text_len);
}

static void
judge_host(struct verdict *v)
{
	bool unknown = false, good = false, resolved = false;

	for (size_t i = 0; i < v->n; i++) {
		const struct verdict_name *vn = &v->names[i];

		good |= vn->verdict == NAME_GOOD;
		unknown |= vn->verdict == NAME_UNKNOWN;
		resolved |= vn->answer != NULL && vn->answer->naddrs > 0;
	}
	v->allbad = !resolved && !unknown;
	if (good)
		v->verdict = HOST_GOOD;
	else if (unknown)
		v->verdict = HOST_UNKNOWN;
	else
		v->verdict = v->n > 0 ? HOST_BAD : HOST_NONE;
}

void
verdict_host(struct verdict *v, const struct answers *t, const struct ip *ip,
    const struct name_ref *names, size_t n)
{
	char name[NAME_SIZE];
	size_t text_len = 0;
	const char *p;

	v->ip = *ip;
	v->n = 0;
	judge_ptr(v, t, &text_len);
	for (size_t i = 0; i < n; i++)
		if (name_normalise(names[i].text, names[i].len, name) == NAME_OK)
			add_name(v, t, i, name, &text_len);
	p = v->text;
	for (size_t i = 0; i < v->n; i++) {
		v->names[i].name = p;
		p += strlen(p) + 1;
	}
	judge_host(v);
}
