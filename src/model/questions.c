/* Pure. */
#include <string.h>

#include "survey/name.h"
#include "survey/questions.h"

size_t
questions_name(const struct answers *t, const char *name, int family, question_fn fn, void *arg)
{
	enum dns_type type = family == 6 ? DNS_AAAA : DNS_A;
	enum dns_type other = family == 6 ? DNS_A : DNS_AAAA;
	const struct answer *first = answers_get(t, name, type);
	const struct answer *second = answers_get(t, name, other);

	if (second != NULL && second->outcome == DNS_NXDOMAIN)
		return 0;
	if (first == NULL) {
		fn(name, type, arg);
		return 1;
	}
	if (first->outcome == DNS_NODATA && second == NULL) {
		fn(name, other, arg);
		return 1;
	}
	return 0;
}

static size_t
ptr_targets(
    const struct answers *t, const struct answer *ptr, int family, question_fn fn, void *arg)
{
	size_t asked = 0;

	for (size_t i = 0; i < ptr->nnames && i < QUESTIONS_PTR_MAX; i++) {
		char name[NAME_SIZE];

		if (name_normalise(ptr->names[i], strlen(ptr->names[i]), name) == NAME_OK)
			asked += questions_name(t, name, family, fn, arg);
	}
	return asked;
}

size_t
questions_host(const struct answers *t, const struct ip *ip, const struct name_ref *names, size_t n,
    question_fn fn, void *arg)
{
	char name[NAME_SIZE];
	const struct answer *ptr;
	size_t asked = 0;

	name_reverse(ip, name);
	if ((ptr = answers_get(t, name, DNS_PTR)) != NULL) {
		asked += ptr_targets(t, ptr, ip->family, fn, arg);
	} else {
		fn(name, DNS_PTR, arg);
		asked++;
	}
	for (size_t i = 0; i < n; i++)
		if (name_normalise(names[i].text, names[i].len, name) == NAME_OK)
			asked += questions_name(t, name, ip->family, fn, arg);
	return asked;
}

size_t
questions_after(const struct answers *t, const struct answer *a, question_fn fn, void *arg)
{
	if (a->type == DNS_PTR)
		return ptr_targets(t, a, name_is_below(a->name, "ip6.arpa") ? 6 : 4, fn, arg);
	return questions_name(t, a->name, a->type == DNS_AAAA ? 6 : 4, fn, arg);
}
