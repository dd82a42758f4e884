#include <cstdlib>
#include <cstring>
#include <new>

#include <simdjson.h>

#include "survey/simd.h"

/* A parser grown past this for one long line gives its memory back. */
#define KEEP_CAPACITY ((size_t)4 << 20)
/* Numbers of fewer characters than this fit 64 bits, or a double. */
#define NUMBER_LONG 5

using simdjson::dom::element;

static_assert(SIMD_PADDING >= simdjson::SIMDJSON_PADDING, "callers pad for simdjson");
static_assert(sizeof(element) == sizeof(struct simd_node), "nodes are elements by value");
static_assert(std::is_trivially_copyable<element>::value, "nodes are elements by value");

/* Room for a text and SIMD_PADDING. */
struct simd_text_buffer {
	char *data;
	size_t cap;
};

struct simd_parser {
	simdjson::dom::parser dom;
	size_t max_len;
	struct simd_text_buffer copy; /* of a text without padding */
	struct simd_text_buffer quoted; /* of a text with numbers that the parser refuses */
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

static void
text_room(struct simd_text_buffer *b, size_t len)
{
	if (b->cap >= len + SIMD_PADDING)
		return;
	std::free(b->data);
	b->cap = len + len / 2 + SIMD_PADDING;
	b->data = static_cast<char *>(std::calloc(1, b->cap));
	if (b->data == nullptr)
		std::abort();
}

static const struct simd_node none = { nullptr, 0 };

/* A text grows when numbers are put in quotes: by two bytes for NUMBER_LONG or more. */
static size_t
parser_limit(size_t max_len)
{
	return max_len + max_len / NUMBER_LONG * 2 + 2;
}

struct simd_parser *
simd_parser_new(size_t max_len)
{
	simd_parser *p = new (std::nothrow)
	    simd_parser{ simdjson::dom::parser(parser_limit(max_len)), max_len, {}, {} };

	if (p == nullptr)
		std::abort();
	return p;
}

void
simd_parser_free(struct simd_parser *p)
{
	if (p == nullptr)
		return;
	std::free(p->copy.data);
	std::free(p->quoted.data);
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
	case simdjson::TAPE_ERROR:
		return SIMD_SYNTAX;
	default:
		/* Later versions of simdjson have an error of their own for long integers. */
		return std::string_view(simdjson::error_message(e)).find("integer") !=
			       std::string_view::npos
			   ? SIMD_BAD_NUMBER
			   : SIMD_SYNTAX;
	}
}

static size_t
digits(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= '0' && s[n] <= '9')
		n++;
	return n;
}

/*
 * How long the number at s is, by RFC 8259, 6; 0: it is none.  *refused gets whether it
 * may be one that the parser does not take: past 64 bits, or past a double.
 */
static size_t
number_length(const char *s, size_t len, bool *refused)
{
	size_t at = len > 0 && s[0] == '-', whole = digits(s + at, len - at), n;
	bool integer = true;

	*refused = false;
	if (whole == 0 || (whole > 1 && s[at] == '0'))
		return 0;
	at += whole;
	if (at < len && s[at] == '.') {
		if ((n = digits(s + at + 1, len - at - 1)) == 0)
			return 0;
		at += 1 + n;
		integer = false;
	}
	if (at < len && (s[at] | 0x20) == 'e') {
		at++;
		at += at < len && (s[at] == '-' || s[at] == '+');
		if ((n = digits(s + at, len - at)) == 0)
			return 0;
		at += n;
		integer = false;
		*refused = n >= 3;
	}
	/* 19 digits and more may be past 2^63, 309 past the largest double. */
	*refused = *refused || whole >= (integer ? 19 : 300);
	return at;
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '.' || c == '-' || c == '+';
}

/* Does what follows end a value of an array or object?  A number before a colon is no key. */
static bool
ends_value(const char *s, size_t len)
{
	while (len > 0 && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')) {
		s++;
		len--;
	}
	return len == 0 || *s == ',' || *s == ']' || *s == '}';
}

/*
 * Copy the text with each number that the parser may refuse as a string of the same
 * characters; false: there is none.  A wrong text stays one: nothing but whole numbers is quoted.
 */
static bool
quote_numbers(const char *buf, size_t len, struct simd_text_buffer *out, size_t *out_len)
{
	bool quoted = false, inside = false, refused;
	char *to;

	text_room(out, parser_limit(len));
	to = out->data;
	for (size_t i = 0; i < len;) {
		size_t n = 1;

		if (inside) {
			if (buf[i] == '\\' && i + 1 < len)
				n = 2;
			inside = buf[i] != '"';
		} else if (buf[i] == '"') {
			inside = true;
		} else if (buf[i] == '-' || (buf[i] >= '0' && buf[i] <= '9')) {
			n = number_length(buf + i, len - i, &refused);
			if (n > 0 && refused && ends_value(buf + i + n, len - i - n)) {
				*to++ = '"';
				std::memcpy(to, buf + i, n);
				to += n;
				*to++ = '"';
				i += n;
				quoted = true;
				continue;
			}
			/* Whatever it is, it is taken as it stands and as a whole. */
			for (n = 1; i + n < len && is_word(buf[i + n]); n++)
				;
		}
		std::memcpy(to, buf + i, n);
		to += n;
		i += n;
	}
	*out_len = static_cast<size_t>(to - out->data);
	std::memset(to, 0, SIMD_PADDING);
	return quoted;
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
		simdjson::dom::parser fresh(parser_limit(p->max_len));

		p->dom = std::move(fresh);
	}
	err = p->dom.parse(buf, len, false).get(e);
	if (to_error(err) == SIMD_BAD_NUMBER && quote_numbers(buf, len, &p->quoted, &len)) {
		buf = p->quoted.data;
		err = p->dom.parse(buf, len, false).get(e);
	}
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
	text_room(&p->copy, len);
	if (len > 0)
		std::memcpy(p->copy.data, buf, len);
	return simd_parse(p, p->copy.data, len, root);
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

struct simd_node
simd_at(struct simd_node n, const struct simd_key *path)
{
	for (; n.doc != nullptr && path->s != nullptr; path++)
		n = member(n, std::string_view(path->s, path->len));
	return n;
}

void
simd_get_all(struct simd_node n, const struct simd_key *key, size_t nkeys, struct simd_node *value)
{
	simdjson::dom::object o;
	size_t missing = nkeys;

	for (size_t i = 0; i < nkeys; i++)
		value[i] = none;
	if (n.doc == nullptr || to_element(n).get_object().get(o) != simdjson::SUCCESS)
		return;
	for (auto it = o.begin(); missing > 0 && it != o.end(); ++it) {
		std::string_view found = it.key();

		for (size_t i = 0; i < nkeys; i++) {
			if (found.size() == key[i].len && found[0] == key[i].s[0] &&
			    value[i].doc == nullptr &&
			    std::memcmp(found.data(), key[i].s, key[i].len) == 0) {
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
