/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_files - a folder for one test with files in it, and what is wrong
 * with them as one text.
 */
#ifndef TESTS_CONFIG_FILES_H
#define TESTS_CONFIG_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "gateway/config/config.h"

struct files {
	char folder[64];
};

static inline void files_begin(struct files *f)
{
	snprintf(f->folder, sizeof(f->folder), "/tmp/gantry-test-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
}

static inline void files_end(struct files *f)
{
	char *command = memory_format("rm -rf '%s'", f->folder);

	assert_int_equal(system(command), 0);
	free(command);
}

/* Writes name (folders in it are made); the path, to be freed. */
static inline char *files_write(const struct files *f, const char *name,
				const char *text, size_t len)
{
	char *path = memory_format("%s/%s", f->folder, name);
	char *slash = strrchr(path, '/');
	FILE *file;

	*slash = '\0';
	mkdir(path, 0755);
	*slash = '/';
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	return path;
}

static inline void files_put(const struct files *f, const char *name,
			     const char *text)
{
	free(files_write(f, name, text, strlen(text)));
}

/* gantry.yaml of the folder, with presets from its presets/. */
static inline struct config *files_load(const struct files *f,
					struct problems *problems)
{
	char *path = memory_format("%s/gantry.yaml", f->folder);
	char *presets = memory_format("%s/presets", f->folder);
	struct config *config = config_load(path, presets, problems);

	free(path);
	free(presets);
	return config;
}

/* All problems, each with a newline; FOLDER stands for the folder. */
static inline char *files_problems(const struct files *f,
				   struct problems *problems)
{
	char *text = NULL, *at;
	size_t len = 0, n = strlen(f->folder);
	FILE *out = open_memstream(&text, &len);

	problems_print(problems, out);
	fclose(out);
	while ((at = strstr(text, f->folder)) != NULL) {
		memcpy(at, "FOLDER", 6);
		memmove(at + 6, at + n, strlen(at + n) + 1);
	}
	return text;
}

/* That a main file alone has exactly these problems. */
static inline void files_expect(const char *yaml, const char *expected)
{
	struct problems problems = { 0 };
	struct files f;
	struct config *config;
	char *text;

	files_begin(&f);
	files_put(&f, "gantry.yaml", yaml);
	config = files_load(&f, &problems);
	text = files_problems(&f, &problems);
	assert_string_equal(text, expected);
	free(text);
	problems_fini(&problems);
	config_free(&config);
	files_end(&f);
}

#endif
