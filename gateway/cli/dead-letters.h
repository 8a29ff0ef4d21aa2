/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dead-letters - gantry dead-letters: what was given up, and what is to
 * become of it (D24).
 *
 * What looks reads the storage by itself, beside a daemon or not; what changes
 * something asks the daemon to do it, which is the only one that writes.
 */
#ifndef CLI_DEAD_LETTERS_H
#define CLI_DEAD_LETTERS_H

#include "gateway/cli/common.h"

struct dead_letters_options {
	struct common_options common;
	const char *cause, *queue;
	const char *after;
	const char *body, *reason;	/* file; text */
	int64_t limit;			/* of list */
	int64_t interval_us;		/* between two retries, 0: none */
	int64_t max_errors;
	bool group, all;
	char **refs;			/* what follows the command */
	int n_refs;
};

int dead_letters_main(int argc, char **argv);

/* dead-letters-look.c: exit statuses */
int dead_letters_list(const struct dead_letters_options *options);
int dead_letters_show(const struct dead_letters_options *options);
int dead_letters_export(const struct dead_letters_options *options);

/* dead-letters-change.c: exit statuses */
int dead_letters_retry(const struct dead_letters_options *options);
int dead_letters_edit(const struct dead_letters_options *options);
int dead_letters_discard(const struct dead_letters_options *options);

#endif
