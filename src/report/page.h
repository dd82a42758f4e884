/* The pieces of the report's page. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "survey/buf.h"
#include "survey/match.h"
#include "survey/study.h"

#include "runinfo.h"
#include "table.h"

/* page.css, and texts.js, picture.js and page.js in one, as they were when the program was built. */
extern const unsigned char page_css[], page_js[];
extern const size_t page_css_len, page_js_len;

/* text deflated (zlib) and in base64: safe inside any element. */
void page_pack(const char *text, size_t len, struct buf *out);

/* 'sha256-…' of a text, for the page's Content-Security-Policy. */
void page_hash(const unsigned char *text, size_t len, struct buf *out);

struct page_chart {
	const char *id;
	const char *svg; /* without an XML declaration */
};

struct page {
	const char *title;
	const char *graphs; /* directory of the pictures */
	const struct study *study;
	const struct runinfo *run;
	const struct tables *tables;
	const struct page_chart *charts;
	size_t ncharts;
	const uint8_t *flags; /* by cluster, HEADLINE_… */
	const char *dir; /* of the run, for whom was told; or NULL */
	const struct match *since; /* from an earlier run, or NULL */
	const char *since_name;
};

#define HEADLINE_TRUSTED 1 /* the key of a trusted certificate is held in another AS, too */
#define HEADLINE_WEAK 2 /* has a critical or high finding */
#define HEADLINE_NEW 4 /* was none in the run before */

/* What is marked of each cluster; to be freed.  since: the changes from an earlier run, or NULL. */
uint8_t *headline_flags(const struct study *, const struct match *since);
/* "Shared keys of mail hosts in Ireland, 1 July 2026" */
void headline_title(const struct study *, const struct runinfo *, struct buf *out);
/* What is lacking, and the findings as sentences with links. */
void headline_html(const struct page *, struct buf *out);

bool page_has_weak(const struct page *);
void page_weak(const struct page *, struct buf *out);

/* What to repair first, with impact, plan and who was told. */
void page_repair(const struct page *, struct buf *out);

void page_html(const struct page *, struct buf *out);
/* Everything before the content of the body.  script: the page has page.js. */
void page_head(const char *title, bool script, struct buf *out);
/* Remote text, cut to max characters and escaped. */
void page_text(struct buf *out, const char *s, size_t max);

#endif
