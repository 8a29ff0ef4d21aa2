/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locks - a storage of several lanes over one that has one: row locks in
 * memory, units that run side by side, changes that are written at commit.
 * What waits too long for a lock is a conflict, and counted: with locks in
 * order there is none.
 */
#ifndef TESTS_LOCKS_H
#define TESTS_LOCKS_H

#include <gantry/storage.h>

#define LOCKS_LANES 8

struct locks;

struct locks *locks_new(const struct gantry_storage *inner, void *inner_self,
			unsigned lanes);
void locks_free(struct locks **locks);
/* Its self is the struct locks; prepared already. */
extern const struct gantry_storage locks_storage;
/* Waits for a lock that were given up. */
unsigned locks_timeouts(struct locks *locks);
/* Most units that were open at once. */
unsigned locks_most(struct locks *locks);

#endif
