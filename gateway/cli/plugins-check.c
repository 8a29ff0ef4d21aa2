/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugins-check - see plugins-check.h.
 *
 * What looks into the plugin runs in a child, since loading runs its code: the
 * child says line by line what it finds, the parent how the child ended.
 */
#include "gateway/cli/plugins-check.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/cli/trial.h"
#include "gateway/spec/spec.h"

#define CHECK_MAX_MAN (1 << 20)
/* The child's last line: what it loaded has not ended it before. */
#define CHECK_OVER "over\n"

struct checking {
	const struct plugins_check_options *options;
	const char *path;
	FILE *out;		/* to the parent */
};

struct checked {
	struct common_table table;
	json_t *json;		/* or NULL: the table */
	unsigned n, failed;
	bool over;		/* the child came to its end */
};

/* why: printf, or NULL: it holds. */
GANTRY_PRINTF(3, 4)
static void check_say(struct checking *c, const char *what, const char *why, ...)
{
	va_list args;

	fprintf(c->out, "%s\t%s\t", why == NULL ? "ok" : "FAILED", what);
	if (why != NULL) {
		va_start(args, why);
		vfprintf(c->out, why, args);
		va_end(args);
	}
	fputc('\n', c->out);
}

/* Who may change a folder on the way may put another file there. */
static void check_folders(struct checking *c)
{
	char *path AUTO_FREE = memory_text(c->path);
	char *slash;
	struct stat st;

	while ((slash = strrchr(path, '/')) != NULL && slash != path) {
		*slash = '\0';
		if (stat(path, &st) < 0) {
			check_say(c, "path", "%s: %s", path, strerror(errno));
			return;
		}
		if (st.st_uid != 0 && st.st_uid != geteuid()) {
			check_say(c, "path", "%s belongs to user %u", path, st.st_uid);
			return;
		}
		if (st.st_mode & (S_IWGRP | S_IWOTH) && !(st.st_mode & S_ISVTX)) {
			check_say(c, "path", "%s: others may write there (mode %04o); "
				  "chmod go-w it", path, st.st_mode & 07777);
			return;
		}
	}
	check_say(c, "path", NULL);
}

static bool check_is_text(const char *text)
{
	return text != NULL && *text != '\0' && strchr(text, '\n') == NULL;
}

static void check_summaries(struct checking *c, const struct gantry_plugin *p)
{
	bool all = check_is_text(p->summary) && check_is_text(p->version);

	if (!all)
		check_say(c, "texts", "version and summary must be one line each");
	for (size_t i = 0; p->options[i] != NULL; i++)
		if (!check_is_text(p->options[i]->summary)) {
			check_say(c, "texts", "option %s: has no summary of one line",
				  p->options[i]->name);
			all = false;
		}
	for (size_t i = 0; p->handlers != NULL && p->handlers[i] != NULL; i++)
		if (!check_is_text(p->handlers[i]->summary)) {
			check_say(c, "texts", "handler %s: has no summary of one line",
				  p->handlers[i]->name);
			all = false;
		}
	if (all)
		check_say(c, "texts", NULL);
}

static bool check_is_part(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Whether the page has the name as a word. */
static bool check_names(const char *page, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = page; (at = strstr(at, name)) != NULL; at += n)
		if ((at == page || !check_is_part(at[-1])) && !check_is_part(at[n]))
			return true;
	return false;
}

/* Whether the page has it as what is explained, before any "(text, required)". */
static bool check_has_item(const char *page, const char *name)
{
	const char *before = "", *next;

	for (const char *at = page; *at != '\0'; before = at, at = next) {
		size_t len = strcspn(at, "\n");
		char *line AUTO_FREE = memory_text_n(at, len);

		next = at + len + (at[len] == '\n');
		line[strcspn(line, "(")] = '\0';
		if ((strncmp(before, ".TP", 3) == 0 || strncmp(before, ".TQ", 3) == 0 ||
		     strncmp(at, ".It ", 4) == 0 || strncmp(at, ".IP ", 4) == 0 ||
		     strncmp(next, ".RS", 3) == 0) && check_names(line, name))
			return true;
	}
	return false;
}

/* The words alone: "half\-open" without its backslash, "\fBkey\fR" without fonts. */
static void check_plain(char *text)
{
	char *to = text, *from = text;

	while (*from != '\0') {
		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		from++;
		if (*from != 'f')
			continue;
		from++;
		if (*from == '[')
			from += strcspn(from, "]\n");
		else if (*from == '(')
			from += strnlen(from, 2);
		from += *from != '\0';
	}
	*to = '\0';
}

/* gzip's output of a file, as packages install their pages; -1: errno. */
static int check_unpack(int packed, pid_t *gzip_out)
{
	int ends[2];

	if (pipe(ends) < 0)
		return -1;
	*gzip_out = fork();
	if (*gzip_out == 0) {
		dup2(packed, STDIN_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execlp("gzip", "gzip", "-dc", NULL);
		_exit(127);
	}
	close(ends[1]);
	return ends[0];
}

/* The page; NULL with why it cannot be read. */
static char *check_read(const char *path, const char **why_out)
{
	size_t len = strlen(path), n;
	bool is_packed = len > 3 && strcmp(path + len - 3, ".gz") == 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC), status = 0;
	int from = fd >= 0 && is_packed ? -1 : fd;
	pid_t gzip = -1;
	FILE *in;
	char *text;

	if (fd >= 0 && is_packed) {
		from = check_unpack(fd, &gzip);
		close(fd);
	}
	if (from < 0) {
		*why_out = strerror(errno);
		return NULL;
	}
	in = fdopen(from, "r");
	text = memory_new(CHECK_MAX_MAN);
	n = fread(text, 1, CHECK_MAX_MAN - 1, in);
	fclose(in);
	if (gzip > 0)
		waitpid(gzip, &status, 0);
	if (is_packed && (gzip < 0 || status != 0)) {
		*why_out = "gzip cannot unpack it";
		free(text);
		return NULL;
	}
	text[n] = '\0';
	check_plain(text);
	return text;
}

/* Beside the plugin, or where it is installed; NULL: nowhere. */
static char *check_man_path(const struct checking *c, const char *name)
{
	int folder = (int)(strrchr(c->path, '/') - c->path);
	char *paths[] = {
		memory_format("%.*s/gantry-%s.7", folder, c->path, name),
		memory_format("%.*s/gantry-%s.7.gz", folder, c->path, name),
		memory_format(MANDIR "/man7/gantry-%s.7", name),
		memory_format(MANDIR "/man7/gantry-%s.7.gz", name),
	};
	char *found = c->options->man != NULL ? memory_text(c->options->man) : NULL;

	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		if (found == NULL && access(paths[i], F_OK) == 0)
			found = paths[i];
		else
			free(paths[i]);
	}
	return found;
}

static void check_page(struct checking *c, const struct gantry_plugin *p,
		       const char *path, const char *page)
{
	bool all = true;

	for (size_t i = 0; p->options[i] != NULL; i++)
		if (!check_has_item(page, p->options[i]->name)) {
			check_say(c, "man page", "%s has no item for the option %s: "
				  "\".It Cm %s\", or \".TP\" and \".B %s\" below it", path,
				  p->options[i]->name, p->options[i]->name,
				  p->options[i]->name);
			all = false;
		}
	for (size_t i = 0; p->handlers != NULL && p->handlers[i] != NULL; i++)
		if (!check_names(page, p->handlers[i]->name)) {
			check_say(c, "man page", "%s does not name the handler %s", path,
				  p->handlers[i]->name);
			all = false;
		}
	if (all)
		check_say(c, "man page", NULL);
}

static void check_man(struct checking *c, const struct gantry_plugin *p)
{
	char *path AUTO_FREE = check_man_path(c, p->name);
	char *page AUTO_FREE = NULL;
	const char *why = NULL;

	if (path == NULL) {
		check_say(c, "man page", "there is no gantry-%s.7 beside the plugin; write "
			  "one, or name it by --man", p->name);
		return;
	}
	page = check_read(path, &why);
	if (page == NULL)
		check_say(c, "man page", "%s: %s", path, why);
	else
		check_page(c, p, path, page);
}

/* For "gantry spec": said or not, but not said wrongly. */
static void check_descriptions(struct checking *c, const struct gantry_plugin *p)
{
	struct gantry_error err = ERROR_INIT;

	if (spec_check(p, &err) < 0)
		check_say(c, "descriptions", "%s", err.message);
	else
		check_say(c, "descriptions", NULL);
	error_fini(&err);
}

/* In the child. The loader looks at file, symbols and descriptor. */
static void check_child(struct checking *c, struct plugins *plugins)
{
	struct gantry_error err = ERROR_INIT;
	const struct gantry_plugin *p;

	alarm(TRIAL_SECONDS);
	check_folders(c);
	fflush(c->out);
	p = plugins_load(plugins, c->path, &err);
	if (p == NULL) {
		check_say(c, "load", "%s", err.message);
	} else {
		check_say(c, "load", NULL);
		check_summaries(c, p);
		check_descriptions(c, p);
		check_man(c, p);
	}
	fputs(CHECK_OVER, c->out);
	fclose(c->out);
	error_fini(&err);
}

static void checked_add(struct checked *k, const char *result, const char *what,
			const char *why)
{
	k->n++;
	k->failed += strcmp(result, "ok") != 0;
	if (k->json != NULL) {
		json_array_append_new(k->json, *why == '\0' ?
			json_pack("{ss, ss}", "check", what, "result", result) :
			json_pack("{ss, ss, ss}", "check", what, "result", result,
				  "why", why));
		return;
	}
	common_cell(&k->table, result);
	common_cell(&k->table, what);
	common_cell(&k->table, why);
}

static void checked_read(struct checked *k, int fd)
{
	FILE *in = fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, in) > 0) {
		char *what = strchr(line, '\t');
		char *why = what != NULL ? strchr(what + 1, '\t') : NULL;

		k->over |= strcmp(line, CHECK_OVER) == 0;
		if (why == NULL)
			continue;
		*what = *why = '\0';
		why[strcspn(why + 1, "\n") + 1] = '\0';
		checked_add(k, line, what + 1, why + 1);
	}
	free(line);
	fclose(in);
}

static void checked_end(struct checked *k, int status)
{
	char why[TRIAL_WHY];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && k->over)
		return;
	trial_why(status, why);
	checked_add(k, "FAILED", "load", why);
}

static int check_in_child(struct checking *c, struct plugins *plugins, struct checked *k)
{
	int ends[2], status = 0;
	pid_t child;

	if (pipe(ends) < 0 || (child = fork()) < 0) {
		fprintf(stderr, "gantry: no process for the check: %s\n", strerror(errno));
		return COMMON_FAILED;
	}
	if (child == 0) {
		close(ends[0]);
		c->out = fdopen(ends[1], "w");
		check_child(c, plugins);
		_exit(0);
	}
	close(ends[1]);
	checked_read(k, ends[0]);
	waitpid(child, &status, 0);
	checked_end(k, status);
	return k->failed > 0 ? COMMON_FAILED : COMMON_OK;
}

/* A file, or the short name of one that is installed. NULL with errno. */
static char *check_path(const struct plugins *plugins, const char *plugin)
{
	size_t n = strlen(plugin);
	char *path AUTO_FREE = NULL;

	if (strchr(plugin, '/') != NULL || (n > 3 && strcmp(plugin + n - 3, ".so") == 0))
		return realpath(plugin, NULL);
	path = memory_format("%s/%s.so", plugins_folder(plugins), plugin);
	return realpath(path, NULL);
}

int plugins_check_run(struct plugins *plugins, const struct plugins_check_options *o)
{
	char *path AUTO_FREE = check_path(plugins, o->plugin);
	struct checking c = { .options = o, .path = path };
	struct checked k = { .table = { .columns = 3 } };
	int status;

	if (path == NULL) {
		fprintf(stderr, "gantry: %s: %s; a file, or the name of a plugin in %s\n",
			o->plugin, strerror(errno), plugins_folder(plugins));
		return COMMON_FAILED;
	}
	if (o->json)
		k.json = json_array();
	status = check_in_child(&c, plugins, &k);
	if (o->json) {
		common_print_json(json_pack("{ss, sb, so}", "plugin", path, "holds",
					    status == COMMON_OK, "checks", k.json));
	} else {
		common_print(&k.table, stdout);
		printf("%s: %u of %u checks failed\n", path, k.failed, k.n);
	}
	common_table_fini(&k.table);
	return status;
}
