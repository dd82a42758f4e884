#include <stdlib.h>

#include "survey/run.h"
#include "survey/tool.h"

#include "survey.h"

void
survey_print_tools(FILE *out)
{
	static const struct {
		const char *name, *option; /* no option: it is asked another way */
	} tools[] = {
		{ "zmap", "--version" },
		{ "zgrab2", NULL },
		{ "unbound", "-V" },
		{ "stubby", "-V" },
	};
	uv_loop_t loop;

	if (uv_loop_init(&loop) != 0)
		return;
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		char *path = tool_find(tools[i].name), *version = NULL;

		if (path != NULL)
			version = tools[i].option != NULL
				      ? tool_version(&loop, path, tools[i].option)
				      : zgrab2_version(path);
		if (path == NULL)
			fprintf(out, "%s is not installed\n", tools[i].name);
		else
			fprintf(out, "%s %s (%s)\n", tools[i].name,
			    version != NULL ? version : "of unknown version", path);
		free(version);
		free(path);
	}
	uv_loop_close(&loop);
}
