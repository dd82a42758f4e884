#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/dnsfile.h"
#include "survey/domainlist.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mailfile.h"
#include "survey/mem.h"
#include "survey/rundir.h"

struct taking {
	struct mail *m;
	enum mailfile_pass pass;
};

static void
take(const struct answer *a, void *arg)
{
	const struct taking *t = arg;
	bool of_domain = a->type == DNS_MX || a->type == DNS_TXT;

	if (of_domain == (t->pass == MAILFILE_DOMAINS))
		mail_take(t->m, a);
	if (t->pass == MAILFILE_DOMAINS)
		mail_add_tlsa_host(t->m, a);
}

static int
read_answers(struct mail *m, const char *path, enum mailfile_pass pass)
{
	struct taking t = { m, pass };
	struct dnsfile_counts counts;
	const char *with = NULL;

	if (m->ndomains == 0) { /* there are only TLSA records to learn */
		if (pass == MAILFILE_HOSTS && m->nhosts == 0)
			return 0;
		with = pass == MAILFILE_DOMAINS ? "\"TLSA\"" : NULL;
	}
	if (dnsfile_each(path, with, take, &t, &counts) == 0 || errno == ENOENT)
		return 0;
	log_error("%s: %s", path, strerror(errno));
	return -1;
}

int
mailfile_pass(struct mail *m, const char *dir, enum mailfile_pass pass)
{
	char *path = path_join(dir, "dns.ndjson");
	int rc = read_answers(m, path, pass);

	free(path);
	return rc;
}

static void
add_domain(const char *name, void *arg)
{
	mail_add_domain(arg, name);
}

int
mailfile_domains(struct mail *m, const char *dir)
{
	char *path = path_join(dir, DOMAINS_FILE);
	struct refusals bad = { .n = 0 };
	int fd = file_open(path, O_RDONLY, 0), rc;

	if (fd == -1 && errno == ENOENT) {
		free(path);
		return 1;
	}
	rc = fd != -1 ? domainlist_read(fd, path, add_domain, m, &bad) : -1;
	if (rc == -1)
		log_error("%s: %s", path, strerror(errno));
	refusals_log(&bad, log_warn);
	refusals_fini(&bad);
	if (fd != -1)
		close(fd);
	free(path);
	return rc;
}

int
mailfile_open(const char *dir, const char *dns, struct mail **m)
{
	char *answers = dns != NULL ? xstrdup(dns) : path_join(dir, "dns.ndjson");
	int rc;

	*m = mail_new();
	rc = mailfile_domains(*m, dir);
	for (int pass = 0; pass < MAILFILE_NPASSES && rc != -1; pass++)
		rc = read_answers(*m, answers, (enum mailfile_pass)pass);
	if (rc == -1 || mail_is_empty(*m)) {
		mail_free(*m);
		*m = NULL;
	}
	free(answers);
	return rc;
}

int
mailfile_write(const struct mail *m, const char *dir)
{
	char *path = path_join(dir, DOMAINS_FILE);
	struct outfile out;
	int rc = outfile_open(&out, path);

	if (rc == 0) {
		for (uint32_t i = 0; i < m->ndomains; i++)
			fprintf(out.f, "%s\n", mail_text(m, m->domains[i].name));
		rc = ferror(out.f) ? -1 : 0;
		if (rc == 0)
			rc = outfile_commit(&out);
		else
			outfile_abort(&out);
	}
	if (rc == -1)
		log_error("%s: %s", path, strerror(errno));
	free(path);
	return rc;
}
