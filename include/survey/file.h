/* Layer: base.  Files that appear whole or not at all. */
#ifndef SURVEY_FILE_H
#define SURVEY_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* A file under a temporary name beside its final one. */
struct outfile {
	FILE *f;
	char *buffer; /* of f */
	char *path;
	char *tmp; /* NULL: path is no regular file */
	int dir; /* the directory of path and tmp; -1 without tmp */
};

/*
 * open(2), close-on-exec.  In a directory of another user (foreign.h): regular
 * files only, by no link, and what root makes is that user's.
 */
int file_open(const char *path, int flags, mode_t mode);
/* The same as a stream; mode "r", "w" or "a", with "e".  NULL with errno set. */
FILE *file_fopen(const char *path, const char *mode);
/* The same for a directory: with O_PATH to open what is in it, with O_RDONLY to read it. */
int file_open_dir(const char *path, int flags);
DIR *file_opendir(const char *path);

/*
 * A file of ours, mode 0600.  Whatever stands at path is replaced, not opened:
 * a link or a pipe that somebody put there leads nowhere.  Returns 0, or -1
 * with errno set.
 */
int outfile_open(struct outfile *o, const char *path);
/*
 * The same for a path that the user named as output: a device or a pipe is written
 * as it stands, unless it is in a directory of another user (foreign.h).
 */
int outfile_open_named(struct outfile *o, const char *path);
/* Flush, fsync, rename to the final name.  Returns 0, or -1 with errno set and nothing left behind. */
int outfile_commit(struct outfile *o);
/*
 * The same for n files of one directory that belong together: all are on the
 * disk before the first is renamed, and nothing but renaming is done from then on.
 */
int outfile_commit_all(struct outfile *const *o, size_t n);
/* Remove the temporary file.  Harmless after a commit. */
void outfile_abort(struct outfile *o);

/*
 * Remove what writers of path that were killed have left: our own files, under
 * the names that outfile_open() makes, that no living writer holds.  Call it
 * after path was written.
 */
void outfile_sweep(const char *path);
/* The same for one name that stands in the directory dir, if it is a temporary name of the file called of. */
void outfile_sweep_at(int dir, const char *name, const char *of);
/* The temporary name of a file that these six characters make; the caller frees it. */
#define OUTFILE_RANDOM 6
char *outfile_temporary(const char *of, const char random[static OUTFILE_RANDOM + 1]);
/* Is name (without a directory) such a temporary name of the file called of? */
bool outfile_is_temporary(const char *name, const char *of);

/* A file without a name in dir, read and written, gone when it is closed; -1 with errno set. */
int file_unnamed(const char *dir);

/* The whole file in memory (NUL-terminated, the caller frees), or NULL with errno set; EFBIG over max. */
char *file_read(const char *path, size_t max, size_t *len);
/* The same for what is left of an open file. */
char *file_read_fd(int fd, size_t max, size_t *len);
/* Write all of it to an open file, pipe or device.  Returns 0, or -1 with errno set. */
int file_write_fd(int fd, const void *data, size_t len);
/* Write len bytes as path, atomically.  Returns 0, or -1 with errno set. */
int file_write(const char *path, const void *data, size_t len);
int file_write_named(const char *path, const void *data, size_t len); /* as outfile_open_named() */
/*
 * Copy a regular file from its beginning, with its modification time, to an
 * empty one: blocks are shared where the file system can do that.
 * Returns 0, or -1 with errno set.
 */
int file_copy(int from, int to);
/*
 * Add what a regular file holds to the end of another one, which is not open for appending; the
 * kernel copies it, and shares blocks, where it can.  Returns 0; 1 when its last
 * byte is no newline; -1 with errno set.
 */
int file_append(int from, int to);
/* Make path and its missing parents with mode.  Returns 0, or -1 with errno set. */
int file_mkdirs(const char *path, mode_t mode);
/*
 * Remove a directory and all in it, following no link and entering no other file system.
 * Returns 0, or -1 with errno set.
 */
int file_remove_tree(const char *path);
int file_remove_tree_at(int at, const char *name); /* of the one called name in a directory */
/* fsync the directory that holds path, so that a rename in it lasts. */
int file_sync_dir(const char *path);
/* a/b, or b when b is absolute or a is empty; the caller frees. */
char *path_join(const char *a, const char *b);
/* Is it a directory, or a link to one? */
bool file_is_dir(const char *path);
/* Is there anything of that name in dir? */
bool file_is_in(const char *dir, const char *name);
/* path when it is a directory, else the one that it is in; the caller frees. */
char *path_folder(const char *path);
/* path, or the nearest directory above it that is there; the caller frees. */
char *path_existing(const char *path);
/* Everything before the last slash, "." when there is none; the caller frees. */
char *path_dir(const char *path);
/* Everything after it: a part of path, "" when it ends with one. */
const char *path_last(const char *path);

#endif
