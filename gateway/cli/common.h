/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common - what the commands share: exit codes, the usual options, tables and
 * JSON on standard output.
 */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "gateway/base/arena.h"

enum { COMMON_OK = 0, COMMON_FAILED = 1, COMMON_USAGE = 2 };

/* The options that most commands know; defaults are those of the build. */
struct common_options {
	const char *config;	/* --config FILE */
	const char *presets;	/* --presets DIR */
	const char *plugins;	/* --plugins DIR */
	bool json;		/* --json */
	const char *with;	/* --with FILE, or NULL */
};

/*
 * Read the options that usage names; what getopt did not take begins at
 * optind. -1: go on, else the exit code to return. usage is printed for
 * --help, and to stderr for what is wrong.
 */
int common_parse(int argc, char **argv, const char *usage,
		 struct common_options *out);
/*
 * The same for a command with options of its own. known has both: those of
 * common_options by the letters c, w, p, d and j, which go there, and "help" by h.
 * take() gets the letter of any other, and optarg: -1, or the exit code.
 */
struct option;
struct common_command {
	const char *usage;
	const struct option *known;	/* as getopt_long() has them */
	int (*take)(int key, void *own);
	void *own;
};
int common_parse_own(int argc, char **argv, const struct common_command *command,
		     struct common_options *out);
/* Print usage to stderr; COMMON_USAGE. */
int common_usage(const char *usage);

/* Rows of texts, printed with their columns aligned. Zeroed: empty. */
struct common_table {
	struct arena arena;
	unsigned columns;
	const char **cells;
	unsigned n;		/* cells */
};

/* The next cell from the left; copied, NULL is "". */
void common_cell(struct common_table *table, const char *text);
void common_print(const struct common_table *table, FILE *out);
void common_table_fini(struct common_table *table);

/* Print a tree and a newline, and free it. */
void common_print_json(json_t *tree);

#endif
