/* SPDX-License-Identifier: Apache-2.0 */
/*
 * problems - all that is wrong with a configuration, told in one go and in
 * the order in which one reads the files.
 *
 * For the main thread. A zeroed struct is an empty list.
 */
#ifndef CONFIG_PROBLEMS_H
#define CONFIG_PROBLEMS_H

#include <stdio.h>

#include "gateway/base/arena.h"
#include "gateway/config/node.h"

/* More are counted, not kept. */
#define PROBLEMS_MAX 200

struct problem {
	unsigned order, line, column, number;
	const char *text;		/* "gantry.yaml:14:7: ..." */
};

struct problems {
	struct arena arena;
	struct problem *items;
	unsigned n;			/* also of those not kept */
};

void problems_fini(struct problems *p);

/* at may be NULL if there is no place. Returns -1. */
int problems_add(struct problems *p, const struct node *at, const char *format,
		 ...) __attribute__((format(printf, 3, 4)));
/* About a file as a whole, or a place in it (line 0: none). Returns -1. */
int problems_add_at(struct problems *p, const struct node_file *file,
		    const unsigned place[2], const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The list in reading order; *n_out: how many are kept. */
const struct problem *problems_sorted(struct problems *p, unsigned *n_out);
/* One line each, and how many more there were. */
void problems_print(struct problems *p, FILE *out);

#endif
