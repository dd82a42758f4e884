#include <array>
#include <cstdlib>
#include <cstring>
#include <new>

#include <simdjson.h>

#include "survey/simd.h"

/* A parser grown past this for one long line gives its memory back. */
#define KEEP_CAPACITY ((size_t)4 << 20)

using simdjson::dom::element;

static_assert(SIMD_PADDING >= simdjson::SIMDJSON_PADDING, "callers pad for simdjson");
static_assert(sizeof(element) == sizeof(struct simd_node), "nodes are elements by value");
static_assert(std::is_trivially_copyable<element>::value, "nodes are elements by value");

struct simd_parser {
	simdjson::dom::parser dom;
	size_t max_len;
	char *copy;
	size_t copy_cap;
};

static element
to_element(struct simd_node n)
{
	element e;

	std::memcpy(static_cast<void *>(&e), &n, sizeof(e));
	return e;
}

static struct simd_node
to_node(const element &e)
{
	struct simd_node n;

	std::memcpy(&n, static_cast<const void *>(&e), sizeof(n));
	return n;
}

static const struct simd_node none = { nullptr, 0 };

struct simd_parser *
simd_parser_new(size_t max_len)
{
	simd_parser *p = new (std::nothrow)
	    simd_parser{ simdjson::dom::parser(max_len), max_len, nullptr, 0 };

	if (p == nullptr)
		std::abort();
	return p;
}

void
simd_parser_free(struct simd_parser *p)
{
	if (p == nullptr)
		return;
	std::free(p->copy);
	delete p;
}

static enum simd_error
to_error(simdjson::error_code e)
{
	switch (e) {
	case simdjson::SUCCESS:
		return SIMD_OK;
	case simdjson::EMPTY:
		return SIMD_EMPTY;
	case simdjson::CAPACITY:
		return SIMD_TOO_LONG;
	case simdjson::DEPTH_ERROR:
		return SIMD_TOO_DEEP;
	case simdjson::UTF8_ERROR:
		return SIMD_NOT_UTF8;
	case simdjson::NUMBER_ERROR:
		return SIMD_BAD_NUMBER;
	case simdjson::STRING_ERROR:
	case simdjson::UNESCAPED_CHARS:
		return SIMD_BAD_STRING;
	case simdjson::UNCLOSED_STRING:
		return SIMD_TRUNCATED;
	case simdjson::MEMALLOC:
		std::abort();
	default:
		return SIMD_SYNTAX;
	}
}

/* simdjson says TAPE_ERROR for every kind of bad structure; a text that just stops leaves an object or array open. */
static bool
stops_early(const char *buf, size_t len)
{
	size_t open = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = buf[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			open++;
		else if (!quoted && (c == '}' || c == ']') && open-- == 0)
			return false;
	}
	return open > 0;
}

enum simd_error
simd_parse(struct simd_parser *p, const char *buf, size_t len, struct simd_node *root)
{
	element e;
	simdjson::error_code err;

	*root = none;
	if (len > p->max_len)
		return SIMD_TOO_LONG;
	if (p->dom.capacity() > KEEP_CAPACITY && len < KEEP_CAPACITY / 4) {
		simdjson::dom::parser fresh(p->max_len);

		p->dom = std::move(fresh);
	}
	err = p->dom.parse(buf, len, false).get(e);
	if (err == simdjson::SUCCESS) {
		*root = to_node(e);
		return SIMD_OK;
	}
	if (err == simdjson::TAPE_ERROR && stops_early(buf, len))
		return SIMD_TRUNCATED;
	return to_error(err);
}

enum simd_error
simd_parse_copy(struct simd_parser *p, const char *buf, size_t len, struct simd_node *root)
{
	if (len > p->max_len) {
		*root = none;
		return SIMD_TOO_LONG;
	}
	if (p->copy_cap < len + SIMD_PADDING) {
		std::free(p->copy);
		p->copy_cap = len + len / 2 + SIMD_PADDING;
		p->copy = static_cast<char *>(std::calloc(1, p->copy_cap));
		if (p->copy == nullptr)
			std::abort();
	}
	if (len > 0)
		std::memcpy(p->copy, buf, len);
	return simd_parse(p, p->copy, len, root);
}

const char *
simd_error_name(enum simd_error e)
{
	static const char *const name[SIMD_NERRORS] = { "ok", "empty", "too-long", "too-deep",
		"not-utf8", "bad-number", "bad-string", "truncated", "syntax" };

	return name[e];
}

enum simd_type
simd_type(struct simd_node n)
{
	if (n.doc == nullptr)
		return SIMD_NONE;
	switch (to_element(n).type()) {
	case simdjson::dom::element_type::ARRAY:
		return SIMD_ARRAY;
	case simdjson::dom::element_type::OBJECT:
		return SIMD_OBJECT;
	case simdjson::dom::element_type::INT64:
		return SIMD_INT;
	case simdjson::dom::element_type::UINT64:
		return SIMD_UINT;
	case simdjson::dom::element_type::DOUBLE:
		return SIMD_DOUBLE;
	case simdjson::dom::element_type::STRING:
		return SIMD_STRING;
	case simdjson::dom::element_type::BOOL:
		return SIMD_BOOL;
	case simdjson::dom::element_type::NULL_VALUE:
		return SIMD_NULL;
	}
	return SIMD_NONE;
}

bool
simd_bool(struct simd_node n, bool *v)
{
	return simd_type(n) == SIMD_BOOL && to_element(n).get_bool().get(*v) == simdjson::SUCCESS;
}

bool
simd_int(struct simd_node n, int64_t *v)
{
	return n.doc != nullptr && to_element(n).get_int64().get(*v) == simdjson::SUCCESS;
}

bool
simd_uint(struct simd_node n, uint64_t *v)
{
	return n.doc != nullptr && to_element(n).get_uint64().get(*v) == simdjson::SUCCESS;
}

bool
simd_double(struct simd_node n, double *v)
{
	return n.doc != nullptr && to_element(n).get_double().get(*v) == simdjson::SUCCESS;
}

struct simd_text
simd_string(struct simd_node n)
{
	std::string_view sv;

	if (n.doc == nullptr || to_element(n).get_string().get(sv) != simdjson::SUCCESS)
		return { nullptr, 0 };
	return { sv.data(), sv.size() };
}

static struct simd_node
member(struct simd_node n, std::string_view key)
{
	simdjson::dom::object o;
	element e;

	if (n.doc == nullptr || to_element(n).get_object().get(o) != simdjson::SUCCESS ||
	    o.at_key(key).get(e) != simdjson::SUCCESS)
		return none;
	return to_node(e);
}

struct simd_node
simd_get(struct simd_node object, const char *key)
{
	return member(object, key);
}

struct simd_node
simd_path(struct simd_node object, const char *dotted)
{
	const char *dot;

	while (object.doc != nullptr && (dot = std::strchr(dotted, '.')) != nullptr) {
		object = member(
		    object, std::string_view(dotted, static_cast<size_t>(dot - dotted)));
		dotted = dot + 1;
	}
	return member(object, dotted);
}

void
simd_get_all(struct simd_node n, const char *const *key, size_t nkeys, struct simd_node *value)
{
	std::array<std::string_view, 64> wanted;
	simdjson::dom::object o;
	size_t missing = nkeys;

	for (size_t i = 0; i < nkeys; i++) {
		wanted[i] = key[i];
		value[i] = none;
	}
	if (n.doc == nullptr || to_element(n).get_object().get(o) != simdjson::SUCCESS)
		return;
	for (auto it = o.begin(); missing > 0 && it != o.end(); ++it) {
		std::string_view found = it.key();

		for (size_t i = 0; i < nkeys; i++) {
			if (value[i].doc == nullptr && found == wanted[i]) {
				value[i] = to_node(it.value());
				missing--;
				break;
			}
		}
	}
}

template <typename Iterator>
static size_t
position(const Iterator &it)
{
	struct simd_node n;

	static_assert(sizeof(it) == sizeof(n), "an iterator is a place on the tape");
	std::memcpy(static_cast<void *>(&n), &it, sizeof(n));
	return n.at;
}

/* The iterator that stands at a place on a document's tape. */
template <typename Iterator>
static Iterator
iterator_at(const void *doc, size_t at)
{
	struct simd_node n = { doc, at };
	Iterator it;

	static_assert(sizeof(it) == sizeof(n), "an iterator is a place on the tape");
	std::memcpy(static_cast<void *>(&it), &n, sizeof(it));
	return it;
}

struct simd_iter
simd_iterate(struct simd_node n)
{
	struct simd_iter it = { n.doc, 0, 0, false };
	simdjson::dom::object o;
	simdjson::dom::array a;

	if (n.doc == nullptr)
		return it;
	if (to_element(n).get_object().get(o) == simdjson::SUCCESS) {
		it.object = true;
		it.at = position(o.begin());
		it.end = position(o.end());
	} else if (to_element(n).get_array().get(a) == simdjson::SUCCESS) {
		it.at = position(a.begin());
		it.end = position(a.end());
	}
	return it;
}

bool
simd_next(struct simd_iter *it, struct simd_text *key, struct simd_node *value)
{
	if (it->at >= it->end)
		return false;
	if (it->object) {
		auto member = iterator_at<simdjson::dom::object::iterator>(it->doc, it->at);

		if (key != nullptr)
			*key = { member.key().data(), member.key().size() };
		*value = to_node(member.value());
		it->at = position(++member);
	} else {
		auto item = iterator_at<simdjson::dom::array::iterator>(it->doc, it->at);

		if (key != nullptr)
			*key = { nullptr, 0 };
		*value = to_node(*item);
		it->at = position(++item);
	}
	return true;
}
