/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files - the page itself: what lies in page/ is in the program, as it is there.
 * It holds nothing that anybody may not see.
 */
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/memory.h"

struct files_file {
	const char *name;		/* "main.js" */
	const unsigned char *bytes;
	size_t len;
};

/* static const struct files_file files_list[], by scripts/embed */
#include "gateway/admin/page.inc"

#define FILES_AT "/admin/"

static const char *files_type(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".svg", "image/svg+xml" },
	};
	const char *dot = strrchr(name, '.');

	for (unsigned i = 0; dot != NULL && i < ARRAY_LENGTH(types); i++)
		if (strcmp(dot, types[i].ending) == 0)
			return types[i].type;
	return "application/octet-stream";
}

static bool files_send(struct gantry_message *m, const struct files_file *file)
{
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE, .status = 200,
					     .text = (const char *)file->bytes,
					     .len = file->len };
	admin_header(m, "Content-Type", files_type(file->name));
	m->home->answer(m);
	return true;
}

static bool files_redirect(struct gantry_message *m)
{
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE, .status = 308,
					     .text = "" };
	admin_header(m, "Location", FILES_AT);
	m->home->answer(m);
	return true;
}

static const struct files_file *files_find(const char *name)
{
	if (*name == '\0')
		name = "index.html";
	for (size_t i = 0; i < ARRAY_LENGTH(files_list); i++)
		if (strcmp(name, files_list[i].name) == 0)
			return &files_list[i];
	return NULL;
}

bool files_handle(struct gantry_message *m)
{
	bool bare = strcmp(m->path, "/admin") == 0;
	const struct files_file *file = NULL;

	if (strncmp(m->path, FILES_AT, strlen(FILES_AT)) == 0)
		file = files_find(m->path + strlen(FILES_AT));
	if (!bare && file == NULL)
		return false;
	if (strcmp(m->method, "GET") != 0 && strcmp(m->method, "HEAD") != 0) {
		admin_wrong_method(m, "GET, HEAD");
		return true;
	}
	return bare ? files_redirect(m) : files_send(m, file);
}
