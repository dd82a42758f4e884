#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/foreign.h"
#include "survey/identity.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/trust.h"

#include "places.h"

/* Paths of a command line. */
struct paths {
	char **v;
	size_t n, cap;
};

struct places {
	struct paths read, written; /* directories */
	struct paths inputs; /* files that are read beside them */
	bool elsewhere; /* a directory for the results was named */
	bool lone; /* what is read is no directory */
};

static void
add(struct paths *p, char *path)
{
	mem_grow(&p->v, &p->cap, p->n + 1, sizeof(*p->v));
	p->v[p->n++] = path;
}

static void
fini(struct paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i]);
	free(p->v);
}

/* Note where an argument leads, if it is of a kind that is read or written. */
static void
note(struct places *p, enum argument kind, const char *text)
{
	if (strcmp(text, "-") == 0) {
		p->lone = p->lone || kind == ARG_RECORDS;
		return;
	}
	switch (kind) {
	case ARG_DIRECTORY:
	case ARG_RECORDS:
	case ARG_RUNDIR:
	case ARG_OWN_RUN:
	case ARG_STUDY:
		add(&p->read, path_folder(text));
		p->lone = p->lone || (kind == ARG_RECORDS && !file_is_dir(text));
		break;
	case ARG_CONF:
	case ARG_FILE:
	case ARG_INPUT:
	case ARG_PATH:
		add(&p->inputs, xstrdup(text));
		break;
	case ARG_NEW_FILE:
		add(&p->written, path_dir(text));
		break;
	case ARG_NEW_DIRECTORY:
		add(&p->written, xstrdup(text));
		p->elsewhere = true;
		break;
	default:
		break;
	}
}

/* Arguments to read: getopt_long(3) brings options and "--" to the front, and the command reads again. */
static char **
copy_of(int argc, char **argv)
{
	char **copy = xcalloc((size_t)argc + 1, sizeof(*copy));

	memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	return copy;
}

/* The folder that holds a run, or which is one of runs. */
static char *
folder_of_runs(const char *path)
{
	char *resolved = realpath(path, NULL);
	char *manifest = path_join(resolved != NULL ? resolved : path, "run.json"), *folder;

	folder = access(manifest, F_OK) == 0 ? path_dir(resolved != NULL ? resolved : path)
					     : xstrdup(path);
	free(manifest);
	free(resolved);
	return folder;
}

/* Returns what command_next() does at the end. */
static int
collect(const struct command *c, int argc, char **argv, struct places *p)
{
	char **copy = copy_of(argc, argv);
	struct command_args a = { .command = c, .argc = argc, .argv = copy };
	size_t operands;
	int opt, at;

	while ((opt = command_next(&a)) >= 0) {
		if (c->options[opt].arg != NULL)
			note(p, c->options[opt].kind, a.value);
	}
	at = a.at;
	operands = p->read.n;
	for (size_t i = 0; opt == COMMAND_END && i < COMMAND_OPERANDS; i++) {
		for (unsigned k = 0; k < a.counts[i]; k++)
			note(p, c->operands[i].kind, copy[at++]);
	}
	free(copy);
	if (c->writes == WRITES_NOT || (c->writes == WRITES_UNLESS_ELSEWHERE && p->elsewhere))
		return opt;
	if (c->writes == WRITES_ANEW) {
		for (size_t i = operands; i < p->read.n; i++)
			add(&p->written, folder_of_runs(p->read.v[i]));
		return opt;
	}
	if (p->lone) /* FILE.survey in the working directory */
		add(&p->written, xstrdup("."));
	else if (p->read.n > 0)
		add(&p->written, xstrdup(p->read.v[operands < p->read.n ? operands : 0]));
	return opt;
}

/*
 * The one owner, other than root and ourselves, of directories into which is
 * written.  Returns 0, or an exit_status after a message.
 */
static int
find_writer(const struct paths *p, struct identity *id)
{
	const char *whose = NULL;
	int rc = 0;

	for (size_t i = 0; i < p->n && rc == 0; i++) {
		struct identity one;

		rc = identity_of_directory(&one, p->v[i], true);
		if (rc == 0 && one.drop && id->drop && one.uid != id->uid) {
			log_error("%s and %s belong to different users, and root writes only as "
				  "their owner: write to one of them, and copy",
			    whose, p->v[i]);
			rc = EXIT_USAGE;
		}
		if (rc == 0 && one.drop && !id->drop) {
			*id = one;
			whose = p->v[i];
		} else {
			free(one.name);
		}
	}
	return rc;
}

/* The owner of all directories that are read; ourselves when there are several. */
static void
find_reader(const struct paths *p, struct identity *id)
{
	for (size_t i = 0; i < p->n; i++) {
		struct identity one;

		(void)identity_of_directory(&one, p->v[i], false);
		if (i == 0) {
			*id = one;
			continue;
		}
		if (one.uid != id->uid)
			id->drop = false;
		free(one.name);
	}
}

/* Can the user that we have become get at it?  Else say why not. */
static int
check_reach(const struct identity *id, const struct paths *p, int how)
{
	for (size_t i = 0; i < p->n; i++) {
		if (access(p->v[i], how) == 0 || errno != EACCES)
			continue;
		log_error("root works as the owner of the directory, %s, who may not read %s",
		    id->name != NULL ? id->name : "a user without a name", p->v[i]);
		return EXIT_USAGE;
	}
	return 0;
}

static int
before(const struct command *c, int argc, char **argv)
{
	char **copy;
	int rc;

	if (c->before == NULL)
		return 0;
	copy = copy_of(argc, argv);
	rc = c->before(argc, copy);
	free(copy);
	return rc;
}

/*
 * Name other users' directories.  One of ours into which we write is pinned, too,
 * where others could put another in its place; one that is not there yet is
 * made by file_mkdirs() below the nearest that is.
 */
static void
name_places(const struct places *p)
{
	char *why = NULL;

	/* What cannot be opened is told when it is read. */
	for (size_t i = 0; i < p->read.n; i++)
		(void)foreign_add(p->read.v[i], false);
	for (size_t i = 0; i < p->written.n; i++) {
		int fd = trust_open(p->written.v[i], geteuid(), TRUST_LINKS, NULL, NULL, &why);

		(void)foreign_add(p->written.v[i], fd == -1);
		if (fd != -1)
			close(fd);
		free(why);
		why = NULL;
	}
}

int
places_enter(const struct command *c, int argc, char **argv)
{
	struct places p = { .elsewhere = false };
	struct identity id = { .drop = false };
	int rc = 0, end;

	if (c->operands[0].name == NULL || c->operands[0].kind == ARG_CONF)
		return 0;
	foreign_ours(geteuid());
	if ((end = collect(c, argc, argv, &p)) != COMMAND_END)
		rc = end == COMMAND_HELP ? PLACES_DONE : command_ended(end);
	else
		rc = before(c, argc, argv);
	if (rc == 0 && p.written.n > 0)
		rc = find_writer(&p.written, &id);
	else if (rc == 0)
		find_reader(&p.read, &id);
	if (rc == 0 && id.drop && (rc = identity_take(&id)) == 0) {
		rc = check_reach(&id, &p.read, R_OK | X_OK);
		if (rc == 0)
			rc = check_reach(&id, &p.inputs, R_OK);
		if (rc == 0 && p.written.n > 0)
			log_info("working as %s, whose directory it is",
			    id.name != NULL ? id.name : "its owner");
	}
	if (rc == 0)
		name_places(&p);
	free(id.name);
	fini(&p.read);
	fini(&p.written);
	fini(&p.inputs);
	return rc;
}
