#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/command.h"
#include "survey/file.h"
#include "survey/identity.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/trust.h"

#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_LOOKED_FOR 1 /* by a debugger of our own */
#else
#define LEAKS_ARE_LOOKED_FOR 0
#endif

int
identity_find(struct identity *id, const char *name)
{
	struct passwd *pw;

	*id = (struct identity){ .uid = geteuid(), .gid = getegid() };
	if (geteuid() != 0)
		return 0;
	if (name[0] == '\0') {
		log_error(
		    "running as root needs run.user, the user to become once zmap's guard has "
		    "started; adduser --system --group survey makes one");
		return EXIT_USAGE;
	}
	if ((pw = getpwnam(name)) == NULL || pw->pw_uid == 0) {
		log_error("run.user: %s is %s; adduser --system --group survey makes a user", name,
		    pw == NULL ? "no user" : "root itself");
		return EXIT_USAGE;
	}
	*id = (struct identity){
		.drop = true, .uid = pw->pw_uid, .gid = pw->pw_gid, .name = xstrdup(name)
	};
	return 0;
}

int
identity_of_directory(struct identity *id, const char *dir, bool writes)
{
	char *path = path_existing(dir), *why = NULL;
	struct passwd *pw;
	struct stat st;
	int fd = -1;

	*id = (struct identity){ .uid = geteuid(), .gid = getegid() };
	if (geteuid() == 0 && stat(path, &st) == 0) {
		if (writes)
			fd = trust_open(
			    path, st.st_uid, TRUST_LINKS | TRUST_FOLDERS, NULL, NULL, &why);
		pw = st.st_uid != 0 ? getpwuid(st.st_uid) : NULL;
		if (st.st_uid != 0)
			*id = (struct identity){ .drop = true,
				.uid = st.st_uid,
				.gid = pw != NULL ? pw->pw_gid : st.st_gid,
				.name = pw != NULL ? xstrdup(pw->pw_name) : NULL };
	}
	if (fd != -1)
		close(fd);
	if (why != NULL)
		log_error("root does not write into %s: %s", dir, why);
	free(path);
	if (why == NULL)
		return 0;
	free(why);
	return EXIT_USAGE;
}

int
identity_of_caller(struct identity *id)
{
	const char *text = getenv("SUDO_UID");
	char *end;
	unsigned long uid;
	struct passwd *pw;

	*id = (struct identity){ .uid = geteuid(), .gid = getegid() };
	if (text == NULL)
		return 0;
	errno = 0;
	uid = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || uid >= UINT32_MAX ||
	    (pw = getpwuid((uid_t)uid)) == NULL) {
		log_error("SUDO_UID is %s, which is no user", text);
		return EXIT_USAGE;
	}
	id->drop = geteuid() == 0 && uid != 0;
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	id->name = xstrdup(pw->pw_name);
	return 0;
}

static int
take_groups(const struct identity *id)
{
	return id->name != NULL ? initgroups(id->name, id->gid) : setgroups(1, &id->gid);
}

static const char *
name_of(const struct identity *id)
{
	return id->name != NULL ? id->name : "the directory's owner";
}

int
identity_become(const struct identity *id)
{
	if (!id->drop)
		return 0;
	if (take_groups(id) == -1 || setresgid(id->gid, id->gid, id->gid) == -1 ||
	    setresuid(id->uid, id->uid, id->uid) == -1 || setuid(0) != -1) {
		log_error("cannot become %s: %s", name_of(id), strerror(errno));
		return EXIT_FAILED;
	}
	return 0;
}

int
identity_take(const struct identity *id)
{
	if (!id->drop)
		return 0;
	if (identity_become(id) != 0)
		return EXIT_FAILED;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_error("cannot become %s: %s", name_of(id), strerror(errno));
		return EXIT_FAILED;
	}
	/*
	 * We may hold what that user's other processes must not have, the socket of zmap's
	 * guard above all: no debugger of theirs gets hold of us (ptrace(2)).
	 */
	prctl(PR_SET_DUMPABLE, LEAKS_ARE_LOOKED_FOR, 0, 0, 0);
	return 0;
}

/* Root's own groups while another identity is assumed: they would open what that user cannot. */
static gid_t own_groups[NGROUPS_MAX];
static int nown_groups;

int
identity_assume(const struct identity *id)
{
	if (!id->drop)
		return 0;
	if ((nown_groups = getgroups(NGROUPS_MAX, own_groups)) == -1 || take_groups(id) == -1 ||
	    setegid(id->gid) == -1 || seteuid(id->uid) == -1) {
		log_error("cannot become %s: %s", name_of(id), strerror(errno));
		return EXIT_USAGE;
	}
	return 0;
}

void
identity_resume(const struct identity *id)
{
	int saved = errno;

	if (id->drop && (seteuid(0) == -1 || setegid(0) == -1 ||
			    setgroups((size_t)nown_groups, own_groups) == -1))
		abort(); /* half a change of identity must not go on */
	errno = saved;
}
