/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_side - a storage for tests of copying: filled with rows of every table,
 * and with calls that fail when they are told to.
 */
#ifndef TESTS_COPY_SIDE_H
#define TESTS_COPY_SIDE_H

#include "gateway/commit/copy.h"
#include "tests/plugins/store.h"

struct side {
	struct gantry_storage storage;	/* the inner one's, with some of ours */
	struct store store;
	const char *options[4];
	char option[128];
	void *inner;
	const struct gantry_storage *st;
	struct query_store q;		/* what copy is given */
	/* told, and counted */
	unsigned commits_left;		/* then AWAY; 0: no end */
	unsigned conflicts;		/* commits that conflict first */
	int64_t ahead_ms;		/* of its clock before ours */
	unsigned units;
	size_t rows, most_rows, most_bytes;
	void *unit;
};

/* path is NULL for a plugin that has none. */
void side_open(struct side *s, const char *plugin, const char *path);
void side_close(struct side *s);

/* n rows in each table, ref from first on; they refer to each other. */
void side_fill(struct side *s, int64_t first, unsigned n);
/* One change, committed. */
void side_change(struct side *s, const struct gantry_change *change);

#endif
