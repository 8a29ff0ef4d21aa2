/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lanes - a storage with several lanes and several instances, over one that has
 * one of each: what the checks of the conformance kit that need many units are
 * tested with, and broken in the ways in which locks break.
 *
 * A row is locked by table and ref; a unit collects its changes and applies
 * them in one unit of the inner storage. All instances are of one process.
 */
#ifndef TESTS_LANES_H
#define TESTS_LANES_H

#include <pthread.h>

#include "tests/plugins/broken.h"

struct lanes_unit;

struct lanes_row {
	unsigned table;
	int64_t ref;
	const struct lanes_unit *owner;
};

struct lanes_store {
	struct store inner;
	enum broken_fault fault;

	pthread_mutex_t lock;		/* guards what follows */
	pthread_cond_t freed;
	void *self;			/* the inner instance that serves */
	const struct gantry_schema *schema;
	unsigned serving;		/* instances on it */
	struct lanes_row *rows;		/* that are locked */
	size_t n_rows, room;

	pthread_mutex_t turn;		/* of the inner storage's only lane */
};

extern const struct gantry_storage lanes_storage;

void lanes_init(struct lanes_store *store, const char *plugin,
		const char *const *options);
void lanes_fini(struct lanes_store *store);
/* A conform_ops.open and .close; context is a struct lanes_store. */
int lanes_open(void *context, void **self_out, struct gantry_error *err);
void lanes_close(void *context, void *self);

#endif
