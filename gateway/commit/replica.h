/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica - the number of this replica in the refs that it mints: held by a
 * lease, so that no two that live have the same (DESIGN.md 5).
 *
 * A unit mints only while the lease runs by the storage's clock. Whoever was
 * cut off for longer keeps his number if nobody took it, else he takes another.
 */
#ifndef COMMIT_REPLICA_H
#define COMMIT_REPLICA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <gantry/storage.h>

#define REPLICA_NUMBERS 256
#define REPLICA_LEASE_MS 30000

struct replica {
	bool leased;			/* false: the number is not watched over */
	_Atomic unsigned number;
	_Atomic int64_t epoch, until_ms;	/* by the storage's clock */
};

/*
 * Take the lowest number that is free, for the replica with this name. The
 * storage is prepared; nobody else uses its lane 0 meanwhile. 0, or -1 with
 * err and replica_out as it was.
 */
int replica_take(const struct gantry_storage *storage, void *storage_self,
		 const char *name, struct replica *replica_out,
		 struct gantry_error *err);

#endif
