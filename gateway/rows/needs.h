/* SPDX-License-Identifier: Apache-2.0 */
/*
 * needs - which rows a unit must lock and read before it can decide.
 *
 * Every message adds its keys; the same key twice counts once. Tables are
 * locked in the schema's order. One thread.
 */
#ifndef ROWS_NEEDS_H
#define ROWS_NEEDS_H

#include <gantry/storage.h>

#include "gateway/base/arena.h"

struct needs_list;

struct needs {
	const struct gantry_schema *schema;
	struct arena arena;		/* keys and their values */
	struct needs_list *locks;	/* one for each table */
	struct needs_list *reads;
	struct needs_seen *seen;
};

void needs_init(struct needs *needs, const struct gantry_schema *schema);
void needs_fini(struct needs *needs);
void needs_reset(struct needs *needs);

/*
 * Keys are copied with their values (texts are not: they live as long as the
 * messages). n values, at most 4.
 */
void needs_lock(struct needs *needs, const struct gantry_key *key);
void needs_read(struct needs *needs, const struct gantry_key *key);

/*
 * For gantry_storage.load; live until needs_reset(), and until the next key
 * is added. A key that is locked is not read again; one that was read before
 * it was locked stands in both, and its rows come twice.
 */
const struct gantry_key_set *const *needs_locks(struct needs *needs, size_t *n_out);
const struct gantry_key *const *needs_reads(struct needs *needs, size_t *n_out);
/* All keys, locked ones first, in the order of their sink numbers. */
const struct gantry_key *const *needs_keys(struct needs *needs, size_t *n_out);

#endif
