#include <stdlib.h>
#include <string.h>

#include "survey/run.h"
#include "survey/tool.h"

#include "survey.h"

void
survey_print_tools(FILE *out)
{
	static const char *const tools[] = { "zmap", "zgrab2", "unbound", "stubby" };
	uv_loop_t loop;

	if (uv_loop_init(&loop) != 0)
		return;
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		char *path = tool_find(tools[i]), *version = NULL;

		if (path != NULL)
			version = strcmp(tools[i], "zgrab2") == 0
				      ? zgrab2_version(path)
				      : tool_version(&loop, tools[i], path);
		if (path == NULL)
			fprintf(out, "%s is not installed\n", tools[i]);
		else
			fprintf(out, "%s %s (%s)\n", tools[i],
			    version != NULL ? version : "of unknown version", path);
		free(version);
		free(path);
	}
	uv_loop_close(&loop);
}
