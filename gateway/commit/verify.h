/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - the invariants that concern the committer's own tables: I3 for
 * idempotency keys, I4 to I6 (DESIGN.md 5). Those of stock are in
 * stock/verify.h.
 */
#ifndef COMMIT_VERIFY_H
#define COMMIT_VERIFY_H

#include "gateway/stock/query.h"

/*
 * Tell found of each row that breaks an invariant. Reads everything, page by
 * page; needs some 32 bytes of memory for each event that waits. 0, or -1 with
 * err if the storage could not be read. Main thread.
 */
int commit_verify(const struct query_store *store,
		  void (*found)(void *ctx, const char *invariant, const char *row,
				const char *what),
		  void *ctx, struct gantry_error *err);

/* The same for I6: an inbox row is "dead" as long as its letter is open. */
int verify_dead_letters(const struct query_store *store,
			void (*found)(void *ctx, const char *invariant,
				      const char *row, const char *what),
			void *ctx, struct gantry_error *err);

/* The same for I3: the rows that a row names by their refs are there. */
int verify_references(const struct query_store *store,
		      void (*found)(void *ctx, const char *invariant,
				    const char *row, const char *what),
		      void *ctx, struct gantry_error *err);

#endif
