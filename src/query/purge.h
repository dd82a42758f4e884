/* A purge on its way; shared by the files that do its parts. */
#ifndef QUERY_PURGE_H
#define QUERY_PURGE_H

#include "survey/purge.h"
#include "survey/raw_lines.h"
#include "survey/rundir.h"
#include "survey/study.h"

#include "traces.h"

struct purge {
	const struct purge_options *o;
	const char *dir, *made; /* as in o */
	bool installed;
	struct manifest m;
	struct study *before, *after;
	uint32_t *host_of; /* by host of after: its number in before */
	struct traces traces;
	struct raw_lines raw; /* for dodgy.json */
	bool no_dodgy;
	char *bad; /* name of a file that could not be made anew; NULL: none */

	uint64_t *gone; /* numbers of record lines that went, ascending */
	size_t ngone, cap_gone;
	uint64_t refused_gone; /* of these, lines that were no records */
	uint64_t kept_lines;
	uint64_t lines_gone; /* of all files */
	uint64_t lines_changed; /* that stayed without what went */
	uint64_t hosts_gone;
	uint64_t foreign; /* files that survey did not make, left as they are */
	bool had_weak, had_graphs, had_report;
	bool had_told, had_asked; /* notes that purge_notes() makes anew */
	unsigned formats; /* of pictures: enum graph_format */
	struct outfile run_json;
	struct outfile *files[1];
};

/* purge_study.c: who goes, and by what each is known. */
void purge_find(struct purge *p);
/* The study without them. */
void purge_study(struct purge *p);
/* The number of a record when those that went had never been there. */
uint64_t purge_renumber(const struct purge *p, uint64_t record);

/*
 * purge_files.c: everything that is not made anew from the study, without what goes.  Returns
 * 0, or -1 with errno set and p->bad.
 */
int purge_files(struct purge *p);

/* What becomes of a line. */
enum purge_line { PURGE_STAYS, PURGE_CHANGED, PURGE_GOES };
/* Gets a line, ended by a NUL byte; with PURGE_CHANGED, to holds what takes its place. */
typedef enum purge_line (*purge_line_fn)(const char *line, size_t len, struct buf *to, void *arg);
/* Make a text of the directory anew, line by line.  Returns 0, or -1 with errno set. */
int purge_lines(struct purge *p, const char *name, purge_line_fn edit, void *arg);

/*
 * purge_notes.c: whom notify told and recheck asked, once the study is without who goes.  Returns 0,
 * or -1 with errno set.
 */
int purge_notes(struct purge *p);

#endif
