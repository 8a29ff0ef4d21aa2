/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dry - a storage that takes units and keeps nothing: what a unit reads comes
 * from another storage, opened for looking, or is not there; what it would
 * write is shown and forgotten. So the real engine and the real committer can
 * carry a message without effect.
 */
#ifndef COMMIT_DRY_H
#define COMMIT_DRY_H

#include "gateway/stock/query.h"

struct dry {
	struct gantry_storage storage;	/* its self is the dry itself */
	const struct query_store *from;	/* NULL: everything is empty */
	/*
	 * Each change of a unit that would be stored, on the committer's
	 * thread; a unit that is tried again shows its changes again.
	 */
	void (*change)(void *ctx, const struct gantry_change *change);
	void *ctx;
};

void dry_init(struct dry *dry, const struct query_store *from);

#endif
