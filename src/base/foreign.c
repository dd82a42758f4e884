#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/foreign.h"
#include "survey/mem.h"
#include "survey/trust.h"

static struct place {
	char *path; /* without a slash at its end */
	struct foreign f;
} * places;
static size_t nplaces;
static bool has_ours;
static uid_t ours;

void
foreign_ours(uid_t uid)
{
	has_ours = true;
	ours = uid;
}

static bool
is_ours(const struct stat *st)
{
	uid_t own = has_ours ? ours : geteuid();

	return (st->st_uid == 0 || st->st_uid == own) && !trust_others_write(st);
}

static void
add(const char *path, const struct foreign *f)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	places = xreallocarray(places, nplaces + 1, sizeof(*places));
	places[nplaces++] = (struct place){ .path = xstrndup(path, len), .f = *f };
}

int
foreign_add(const char *dir, bool pin)
{
	struct foreign f = { .fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) };
	struct stat st;
	char *real;

	if (f.fd == -1)
		return -1;
	if (fstat(f.fd, &st) == -1 || (!pin && is_ours(&st))) {
		close(f.fd);
		return 0;
	}
	f.uid = st.st_uid;
	f.gid = st.st_gid;
	add(dir, &f);
	/* As those call it who resolve its name first. */
	if ((real = realpath(dir, NULL)) != NULL && strcmp(real, places[nplaces - 1].path) != 0)
		add(real, &f);
	free(real);
	return 0;
}

/* What of path is below dir, or NULL. */
static const char *
below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strcmp(dir, ".") == 0 && path[0] != '/' && path[0] != '.')
		return path; /* a name alone is in the working directory */
	if (strncmp(path, dir, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return NULL;
	return path + len + strspn(path + len, "/");
}

bool
foreign_find(const char *path, struct foreign *f)
{
	for (size_t i = 0; i < nplaces; i++) {
		const char *rest = below(path, places[i].path);

		if (rest == NULL)
			continue;
		*f = places[i].f;
		f->rest = rest[0] != '\0' ? rest : ".";
		return true;
	}
	return false;
}
