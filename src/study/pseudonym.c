#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "survey/buf.h"
#include "survey/file.h"
#include "survey/hex.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/pseudonym.h"

#define KEY_FILE "anonymise.key"
#define KEY_MAX 4096 /* bytes of the file */

_Static_assert(PSEUDONYM_KEY == crypto_auth_hmacsha256_KEYBYTES, "the key of HMAC-SHA-256");
_Static_assert(PSEUDONYM_BYTES <= IP_ALIAS_MAX, "a pseudonym fits an address");

void
pseudonym_hash(const unsigned char key[PSEUDONYM_KEY], const char *kind, const void *data,
    size_t len, unsigned char out[32])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, PSEUDONYM_KEY);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)kind, strlen(kind) + 1);
	crypto_auth_hmacsha256_update(&state, data, len);
	crypto_auth_hmacsha256_final(&state, out);
}

void
pseudonym_text(const unsigned char key[PSEUDONYM_KEY], const char *kind, const char *prefix,
    const char *text, struct buf *out)
{
	unsigned char sum[32];

	pseudonym_hash(key, kind, text, strlen(text), sum);
	buf_adds(out, prefix);
	hex_add(out, sum, PSEUDONYM_BYTES);
}

struct ip
pseudonym_address(const unsigned char key[PSEUDONYM_KEY], const struct ip *ip)
{
	struct ip alias = { .family = IP_ALIAS };
	unsigned char sum[32];
	char text[IP_STRLEN];

	ip_format(ip, text);
	pseudonym_hash(key, "ip", text, strlen(text), sum);
	memcpy(alias.a, sum, PSEUDONYM_BYTES);
	alias.a[15] = PSEUDONYM_BYTES;
	return alias;
}

/*
 * Why is a key not ours?  Who knows it can undo every copy made with it, so
 * it has to be of our making, or, for root, of the directory owner's.  NULL: it
 * is; the caller frees.
 */
static char *
distrust(int fd, const struct stat *dir)
{
	bool root = geteuid() == 0;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return xasprintf("%m");
	if (!S_ISREG(st.st_mode))
		return xstrdup("it is no file");
	if (st.st_uid != geteuid() && !(root && st.st_uid == dir->st_uid))
		return xasprintf("it belongs to user %u", (unsigned)st.st_uid);
	if ((st.st_mode & 077) != 0)
		return xasprintf(
		    "others have rights to it (mode %04o)", (unsigned)(st.st_mode & 07777));
	return NULL;
}

/* A new key, kept as path; in a directory of all, another user's file of that name stays. */
static int
new_key(const char *path, bool keep, unsigned char key[PSEUDONYM_KEY])
{
	struct buf b;
	int rc = 0;

	randombytes_buf(key, PSEUDONYM_KEY);
	if (!keep)
		return 0;
	buf_init(&b);
	hex_add(&b, key, PSEUDONYM_KEY);
	buf_addc(&b, '\n');
	if ((rc = file_write(path, b.data, b.len)) == -1)
		log_error("cannot write %s: %s", path, strerror(errno));
	sodium_memzero(b.data, b.len);
	buf_fini(&b);
	return rc;
}

static int
parse_key(int fd, const char *path, unsigned char key[PSEUDONYM_KEY])
{
	size_t len;
	char *text = file_read_fd(fd, KEY_MAX, &len);
	int rc = -1;

	if (text == NULL)
		log_error("cannot read %s: %s", path, strerror(errno));
	else if (len < 2 * PSEUDONYM_KEY || !hex_parse(text, 2 * PSEUDONYM_KEY, key, PSEUDONYM_KEY))
		log_error("%s is no key of %d hex digits; remove it for a new one", path,
		    2 * PSEUDONYM_KEY);
	else
		rc = 0;
	if (text != NULL)
		sodium_memzero(text, len);
	free(text);
	return rc;
}

/* What stands at path is not to be trusted. */
static int
replace_key(
    const char *path, const struct stat *dir, const char *why, unsigned char key[PSEUDONYM_KEY])
{
	struct stat st;
	bool ours = (dir->st_mode & S_IWOTH) == 0 ||
		    (lstat(path, &st) == 0 && st.st_uid == geteuid());

	log_warn(ours ? "%s is not used: %s; a new key takes its place, so pseudonyms differ from "
			"those of earlier copies"
		      : "%s is not used: %s; the pseudonyms of this copy are for this copy alone",
	    path, why);
	return new_key(path, ours, key);
}

int
pseudonym_key(const char *dir, unsigned char key[PSEUDONYM_KEY])
{
	char *path = path_join(dir, KEY_FILE), *why = NULL;
	struct stat sb = { .st_mode = 0 };
	int fd, rc;

	(void)stat(dir, &sb);
	if ((fd = file_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)) == -1 && errno == ELOOP)
		why = xstrdup("it is a link");
	else if (fd != -1)
		why = distrust(fd, &sb);
	if (why != NULL) {
		rc = replace_key(path, &sb, why, key);
	} else if (fd != -1) {
		rc = parse_key(fd, path, key);
	} else if (errno == ENOENT) {
		rc = new_key(path, true, key);
	} else {
		log_error("cannot read %s: %s", path, strerror(errno));
		rc = -1;
	}
	if (fd != -1)
		close(fd);
	free(why);
	free(path);
	return rc;
}
