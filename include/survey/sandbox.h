/*
 * What a process that reads hostile bytes may still do.
 *
 * Landlock (landlock(7)) says which files can be reached, a seccomp filter
 * (libseccomp) which system calls exist.  sandbox.c has the table of profiles.
 * Neither can be taken back, and both hold for all threads and children that
 * come later, so what needs more (starting a tool, opening a socket) is done
 * before, or by a process that was forked before (guard.h).
 */
/* Layer: io */
#ifndef SURVEY_SANDBOX_H
#define SURVEY_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum sandbox_profile {
	/* Results from files that are there: files, threads, workers; no network, no programs. */
	SANDBOX_OFFLINE,
	/* As SANDBOX_OFFLINE; its sockets and children come from a process outside. */
	SANDBOX_ONLINE,
	/* A drawing worker: reads fonts and Graphviz's plugins, writes to its pipe. */
	SANDBOX_DRAW,
	/* Opens files to read that it was told of, and nothing else. */
	SANDBOX_READ,
	/* From one open descriptor to another: opens no file at all. */
	SANDBOX_PARSE,
	NSANDBOX_PROFILES
};

/*
 * Files and directories, with all below them, on top of those that the profile
 * names itself.  Arrays end with NULL and may be NULL; paths that do not exist
 * are passed over.  What is written may be read, too.
 */
struct sandbox_paths {
	const char *const *read;
	const char *const *write;
	/*
	 * Directories in which what is there already, open files and directories of write, gets its
	 * name; nothing else in them can be read or written.
	 */
	const char *const *replace;
};

/* What is in force. */
struct sandbox_state {
	const char *profile; /* its name; NULL: no sandbox */
	int landlock; /* ABI version of the kernel; 0: it has no Landlock, or forbids it to us */
	bool filter; /* of system calls */
};

#define SANDBOX_TEXT 96 /* bytes that sandbox_text() writes at most */

/*
 * Enter a profile, for good.  To be called while the process has one thread.
 * SQLITE_TMPDIR tells SQLite to keep temporary files in the first of paths->write;
 * it is not set when that is no directory (survey/store.h sorts in memory then).
 * A kernel that lacks a part is no error: *state tells what is in force.  A
 * process may enter a second, narrower profile later.
 * Returns 0, or -1 with errno set: EBUSY when there are other threads.
 */
int sandbox_enter(
    enum sandbox_profile profile, const struct sandbox_paths *paths, struct sandbox_state *state);

/*
 * What has to be writable so that a file can be made or replaced: its
 * directory; or, of a directory, device or pipe, itself.  The caller frees.
 */
char *sandbox_place(const char *path);

/*
 * sandbox_enter() with a message for whoever started us: an error, or a note that
 * the kernel lacks a part.  state may be NULL.  Returns 0, or -1 after it.
 */
int sandbox_confine(
    enum sandbox_profile profile, const struct sandbox_paths *paths, struct sandbox_state *state);

/*
 * What this kernel would put in force; asks it and changes nothing.
 * state->profile is NULL.
 */
void sandbox_probe(struct sandbox_state *state);

/* "Landlock (ABI 7) and a system call filter", …; returns buf. */
const char *sandbox_text(const struct sandbox_state *state, char buf[static SANDBOX_TEXT]);

#endif
