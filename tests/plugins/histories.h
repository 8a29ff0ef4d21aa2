/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histories - random histories through engine and committer on another storage
 * than "memory", compared with that one.
 */
#ifndef TESTS_HISTORIES_H
#define TESTS_HISTORIES_H

#include "tests/plugins/store.h"

/* Makes an empty store for one history, and takes it away. */
struct histories {
	void (*make)(void *ctx, struct store *store_out);
	void (*remove)(void *ctx, struct store *store);
	void *ctx;
};

/* Histories of the seeds from first on; the first that differs ends the test. */
void histories_run(const struct histories *storages, uint64_t first, unsigned n);

#endif
