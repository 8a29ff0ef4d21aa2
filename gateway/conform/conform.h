/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conform - the conformance kit of gantry/storage.h: does a storage keep the
 * contract? It works through the contract alone, on a schema of its own, and
 * knows no plugin.
 *
 * The store should be empty or hold only what the kit left there before: rows
 * stay in it.
 */
#ifndef CONFORM_CONFORM_H
#define CONFORM_CONFORM_H

#include <stdio.h>

#include <gantry/storage.h>

struct conform_ops {
	const struct gantry_storage *storage;
	void *context;
	/* A new instance on the same store, not prepared; 0, or -1 with err. */
	int (*open)(void *context, void **self_out, struct gantry_error *err);
	void (*close)(void *context, void *self);
	bool keeps;	/* what was committed is there after close and open */
	bool checks;	/* CHECK expressions and references are enforced */
};

/*
 * Runs every check, one line each: "ok NAME" or "FAILED NAME: what was seen", or
 * "skipped NAME" where ops says that the storage does not promise that.
 * Returns how many failed. Starts and ends threads of its own. Main thread.
 */
int conform_run(const struct conform_ops *ops, FILE *report);

#endif
