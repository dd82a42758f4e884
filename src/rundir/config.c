/* The config of a run, as its directory has it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/config.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/rundir.h"

#define CONFIG_MAX ((size_t)1 << 20)

int
rundir_own_config(const char *dir, struct config **c)
{
	char *path = path_join(dir, "survey.conf"), *text;
	struct manifest m;
	size_t len;
	int rc = 1;

	*c = NULL;
	manifest_init(&m);
	if ((text = file_read(path, CONFIG_MAX, &len)) != NULL) {
		(void)manifest_read(&m, dir);
		*c = config_parse(text, len, m.config_path != NULL ? m.config_path : path);
		rc = *c != NULL ? 0 : -1;
	} else if (errno != ENOENT && errno != ENOTDIR) {
		log_error("%s: %s", path, strerror(errno));
		rc = -1;
	}
	manifest_fini(&m);
	free(text);
	free(path);
	return rc;
}

char *
rundir_opt_outs(const char *dir, const char *otherwise)
{
	struct config *c;
	char *path = NULL;

	if (rundir_own_config(dir, &c) != 0)
		return NULL;
	if (c->scan.opt_out_file[0] == '\0')
		;
	else if (access(c->scan.opt_out_file, R_OK) == 0)
		path = xstrdup(c->scan.opt_out_file);
	else
		log_warn("%s: %s; %s", c->scan.opt_out_file, strerror(errno), otherwise);
	config_free(c);
	return path;
}
