#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "survey/command.h"
#include "survey/identity.h"
#include "survey/log.h"
#include "survey/mem.h"

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
identity_take(const struct identity *id)
{
	if (!id->drop)
		return 0;
	if (initgroups(id->name, id->gid) == -1 || setresgid(id->gid, id->gid, id->gid) == -1 ||
	    setresuid(id->uid, id->uid, id->uid) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || setuid(0) != -1) {
		log_error("cannot become %s: %s", id->name, strerror(errno));
		return EXIT_FAILED;
	}
	/* Ours again for debuggers and /proc/self, as for any process of that user. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return 0;
}

int
identity_assume(const struct identity *id)
{
	if (id->drop && (setegid(id->gid) == -1 || seteuid(id->uid) == -1)) {
		log_error("cannot become %s: %s", id->name, strerror(errno));
		return EXIT_USAGE;
	}
	return 0;
}

void
identity_resume(const struct identity *id)
{
	if (id->drop && (seteuid(0) == -1 || setegid(0) == -1))
		abort(); /* half a change of identity must not go on */
}
