/* Input: a config file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "survey/config.h"
#include "survey/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
count(const char *line, void *arg)
{
	(void)line;
	++*(size_t *)arg;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t messages = 0;
	char *text = malloc(len + 1);
	struct config *c;

	memcpy(text, data, len);
	text[len] = '\0';
	log_set_sink(count, &messages);
	c = config_parse(text, len, "/nonexistent/survey.conf");
	/* Either it is a config or it was said why not. */
	if ((c == NULL) != (messages > 0))
		abort();
	if (c != NULL)
		config_check(c);
	config_free(c);
	free(text);
	return 0;
}
