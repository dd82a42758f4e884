#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "survey/csvline.h"
#include "survey/lines.h"
#include "survey/mem.h"
#include "survey/name.h"

#include "contacts.h"

#define CELLS 16 /* of a line */
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define LOCAL_MAX 64 /* RFC 5321, 4.5.3.1 */
#define KEY_SIZE (NAME_SIZE + IP_STRLEN)

struct contact {
	char *key; /* "AS64500", "192.0.2.0/24", "example.ie" */
	char *mails;
};

void
contacts_init(struct contacts *c)
{
	memset(c, 0, sizeof(*c));
	hashtab_init(&c->table);
}

void
contacts_fini(struct contacts *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].key);
		free(c->v[i].mails);
	}
	free(c->v);
	hashtab_fini(&c->table);
	refusals_fini(&c->bad);
}

static struct contact *
find(const struct contacts *c, const char *key)
{
	uint32_t h = hashtab_hash(&c->table, key, strlen(key)), i;
	size_t at;

	for (i = hashtab_first(&c->table, h, &at); i != HASHTAB_NONE;
	     i = hashtab_next(&c->table, h, &at)) {
		if (strcmp(c->v[i].key, key) == 0)
			return &c->v[i];
	}
	return NULL;
}

/* Is one address in the list? */
static bool
lists(const char *mails, const char *mail)
{
	size_t len = strlen(mail);

	for (;;) {
		size_t n = strcspn(mails, ",");

		if (n == len && strncasecmp(mails, mail, n) == 0)
			return true;
		if (mails[n] == '\0')
			return false;
		mails += n + 1;
	}
}

static void
put(struct contacts *c, const char *key, const char *mail)
{
	struct contact *k = find(c, key);
	char *both;

	if (k == NULL) {
		mem_grow(&c->v, &c->cap, c->n + 1, sizeof(*c->v));
		c->v[c->n] = (struct contact){ xstrdup(key), xstrdup(mail) };
		hashtab_put(&c->table, hashtab_hash(&c->table, key, strlen(key)), (uint32_t)c->n++);
	} else if (!lists(k->mails, mail)) {
		both = xasprintf("%s,%s", k->mails, mail);
		free(k->mails);
		k->mails = both;
	}
}

bool
contacts_is_mail(const char *s)
{
	const char *at = strrchr(s, '@');
	char domain[NAME_SIZE];
	size_t local = at != NULL ? (size_t)(at - s) : 0;

	if (local == 0 || local > LOCAL_MAX || s[0] == '.' || at[-1] == '.')
		return false;
	for (size_t i = 0; i < local; i++) {
		if ((!isalnum((unsigned char)s[i]) &&
			strchr("!#$%&'*+-/=?^_`{|}~.", s[i]) == NULL) ||
		    (s[i] == '.' && s[i + 1] == '.'))
			return false;
	}
	return name_canonical(at + 1, strlen(at + 1), domain) == NAME_OK &&
	       strcasecmp(domain, at + 1) == 0 && strchr(domain, '.') != NULL;
}

/* "AS64500" and "64500"; 0: it is none. */
static uint32_t
as_number(const char *s)
{
	unsigned long long n;

	if (strncasecmp(s, "AS", 2) == 0)
		s += 2;
	if (*s == '\0' || strlen(s) > 10 || strspn(s, "0123456789") != strlen(s))
		return 0;
	n = strtoull(s, NULL, 10);
	return n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* The text that stands for whom a cell names.  Returns NULL, or why it names nobody. */
static const char *
understand(struct contacts *c, const char *cell, char key[KEY_SIZE])
{
	char name[NAME_SIZE];
	const char *digits;
	struct cidr cidr;

	if (as_number(cell) != 0) {
		snprintf(key, KEY_SIZE, "AS%u", as_number(cell));
		return NULL;
	}
	if (cidr_parse(cell, strlen(cell), &cidr)) {
		c->lens[cidr.ip.family == 6][cidr.len] = true;
		cidr_format(&cidr, key);
		return NULL;
	}
	digits = strncasecmp(cell, "AS", 2) == 0 ? cell + 2 : cell;
	if (strspn(digits, "0123456789") == strlen(digits))
		return "no AS number";
	if (strncmp(cell, "*.", 2) == 0)
		cell += 2;
	if (strchr(cell, '/') != NULL || name_canonical(cell, strlen(cell), name) != NAME_OK)
		return "neither an AS number nor a network nor a domain";
	c->domains = true;
	snprintf(key, KEY_SIZE, "%s", name);
	return NULL;
}

static char *
trim(char *s)
{
	size_t len;

	s += strspn(s, " \t");
	for (len = strlen(s); len > 0 && strchr(" \t\r\n", s[len - 1]) != NULL;)
		s[--len] = '\0';
	return s;
}

static const char *
take_line(struct contacts *c, char *line, unsigned long number)
{
	char *cells[CELLS], key[KEY_SIZE];
	const char *mail = NULL, *who = NULL, *why;
	bool several = false;
	int n = csvline_split(line, cells, CELLS);

	if (n == -1)
		return "a quote is not closed";
	for (int i = 0; i < n; i++) {
		char *cell = trim(cells[i]);

		if (cell[0] == '\0')
			continue;
		if (strchr(cell, '@') != NULL) {
			if (mail != NULL)
				return "more than one mail address; give each a line";
			mail = cell;
		} else if (who == NULL) {
			who = cell;
		} else if (mail == NULL) { /* what follows the address is a remark */
			several = true;
		}
	}
	if (mail == NULL)
		return number == 1 ? NULL : "no mail address"; /* the first may be a header */
	if (who == NULL)
		return "nobody whose mail address it is";
	if (several)
		return "more than one AS, network or domain; give each a line";
	if (!contacts_is_mail(mail))
		return "no plain mail address";
	if ((why = understand(c, who, key)) == NULL)
		put(c, key, mail);
	return why;
}

int
contacts_read(struct contacts *c, const char *path)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	enum lines_got got;
	struct lines lines;
	char *line, *copy;
	const char *why;
	size_t len;
	int saved;

	if (fd == -1)
		return -1;
	lines_init(&lines, LINE_MAX_BYTES);
	while ((got = lines_read(&lines, fd, &line, &len)) != LINES_END && got != LINES_ERROR) {
		if (got == LINES_TOO_LONG) {
			refusals_add(&c->bad, path, lines.number, "", 0, "it is too long");
			continue;
		}
		if ((strspn(line, " \t\r") == len) || line[0] == '#')
			continue;
		copy = xstrndup(line, strcspn(line, "\r"));
		why = strlen(line) != len ? "it holds a NUL byte"
					  : take_line(c, line, lines.number);
		if (why != NULL)
			refusals_add(&c->bad, path, lines.number, copy, strlen(copy), why);
		free(copy);
	}
	saved = errno;
	lines_fini(&lines);
	if (fd != STDIN_FILENO)
		close(fd);
	errno = saved;
	return got == LINES_END ? 0 : -1;
}

const char *
contacts_of_as(const struct contacts *c, uint32_t asn)
{
	const struct contact *k;
	char key[16];

	snprintf(key, sizeof(key), "AS%u", asn);
	k = asn != 0 ? find(c, key) : NULL;
	return k != NULL ? k->mails : NULL;
}

const char *
contacts_of_domain(const struct contacts *c, const char *name)
{
	char normal[NAME_SIZE];
	const char *at = normal;

	if (!c->domains || name_canonical(name, strlen(name), normal) != NAME_OK)
		return NULL;
	while (at != NULL) {
		const struct contact *k = find(c, at);

		if (k != NULL)
			return k->mails;
		if ((at = strchr(at, '.')) != NULL)
			at++;
	}
	return NULL;
}

const char *
contacts_of_ip(const struct contacts *c, const struct ip *ip)
{
	int most = ip->family == 6 ? 128 : 32;
	char key[KEY_SIZE];

	if (ip->family != 4 && ip->family != 6)
		return NULL;
	for (int len = most; len >= 0; len--) {
		struct cidr cidr = { .ip = *ip, .len = (uint8_t)len };
		const struct contact *k;

		if (!c->lens[ip->family == 6][len])
			continue;
		for (int bit = len; bit < most; bit++)
			cidr.ip.a[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
		cidr_format(&cidr, key);
		if ((k = find(c, key)) != NULL)
			return k->mails;
	}
	return NULL;
}
