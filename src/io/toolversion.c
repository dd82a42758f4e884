#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/buf.h"
#include "survey/child.h"
#include "survey/loop.h"
#include "survey/mem.h"
#include "survey/tool.h"
#include "survey/toolversion.h"

#define ANSWER_MS 5000
#define ANSWER_SIZE 4096

/* zmap 4.x reads its config file before anything else and does not know 2.x's options in it. */
static const struct {
	const char *name, *args[3]; /* no args: it is not run */
} tools[] = {
	{ "zmap", { "-C", "/dev/null", "--version" } },
	{ "zgrab2", { NULL } },
	{ "unbound", { "-V" } },
	{ "stubby", { "-V" } },
};

#define NTOOLS (sizeof(tools) / sizeof(tools[0]))

struct asked {
	struct buf text;
	struct child *child;
	uv_timer_t timer;
};

static void
on_output(struct child *c, const char *text, size_t len, void *arg)
{
	struct asked *a = arg;

	(void)c;
	if (a->text.len < ANSWER_SIZE)
		buf_add(&a->text, text, len < ANSWER_SIZE ? len : ANSWER_SIZE);
}

static void
on_exit_seen(struct child *c, const struct child_status *st, void *arg)
{
	struct asked *a = arg;

	(void)c;
	(void)st;
	uv_close((uv_handle_t *)&a->timer, NULL);
}

static void
on_silence(uv_timer_t *t)
{
	child_kill(((struct asked *)t->data)->child, SIGKILL);
}

/* The first word that looks like 1.17.1; times and dates have colons and dashes. */
static char *
find_version(const char *text)
{
	for (const char *p = text; *p != '\0';) {
		size_t n = strcspn(p, " \t\n");
		const char *v = n > 0 && p[0] == 'v' ? p + 1 : p;
		size_t len = n - (size_t)(v - p), digits = strspn(v, "0123456789");

		if (digits > 0 && digits + 1 < len && v[digits] == '.' && strcspn(v, ":-") >= len)
			return xstrndup(v, len);
		p += n + (p[n] != '\0');
	}
	return NULL;
}

/* zgrab2 does not tell its version; the Go toolchain's note inside it does. */
static char *
noted_version(const char *path)
{
	static const char label[] = "\tgithub.com/zmap/zgrab2\tv";
	char *version = NULL;
	struct stat st;
	void *map;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > 0 &&
	    (map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) != MAP_FAILED) {
		const char *end = (const char *)map + st.st_size;
		const char *p = memmem(map, (size_t)st.st_size, label, sizeof(label) - 1);
		size_t n = 0;

		if (p != NULL) {
			p += sizeof(label) - 1;
			while (p + n < end && n < 32 && p[n] > ' ' && p[n] < 0x7f)
				n++;
			version = xstrndup(p, n);
		}
		munmap(map, (size_t)st.st_size);
	}
	close(fd);
	return version;
}

static char *
told_version(uv_loop_t *loop, const char *path, const char *const args[3])
{
	const char *const argv[] = { path, args[0], args[1], args[2], NULL };
	struct asked a;
	struct child_opts co = { .argv = argv,
		.on_stdout = on_output,
		.on_stderr = on_output,
		.on_exit = on_exit_seen,
		.arg = &a };
	char *version = NULL;

	buf_init(&a.text);
	if ((a.child = child_spawn(loop, &co)) != NULL) {
		uv_timer_init(loop, &a.timer);
		a.timer.data = &a;
		uv_timer_start(&a.timer, on_silence, ANSWER_MS, 0);
		uv_run(loop, UV_RUN_DEFAULT);
		version = find_version(a.text.data);
	}
	buf_fini(&a.text);
	return version;
}

char *
tool_version(uv_loop_t *loop, const char *name, const char *path)
{
	for (size_t i = 0; i < NTOOLS; i++) {
		if (strcmp(tools[i].name, name) == 0)
			return tools[i].args[0] == NULL ? noted_version(path)
							: told_version(loop, path, tools[i].args);
	}
	return NULL;
}

void
tools_print(FILE *out)
{
	uv_loop_t loop;

	if (loop_open(&loop) == -1)
		return;
	for (size_t i = 0; i < NTOOLS; i++) {
		char *why, *path = tool_find(tools[i].name, &why);
		char *version = path != NULL ? tool_version(&loop, tools[i].name, path) : NULL;

		if (path == NULL)
			fprintf(out, "%s\n", why);
		else
			fprintf(out, "%s %s (%s)\n", tools[i].name,
			    version != NULL ? version : "of unknown version", path);
		free(version);
		free(path);
		free(why);
	}
	uv_loop_close(&loop);
}
