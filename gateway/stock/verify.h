/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - what must hold in a store, whatever happened to it (DESIGN.md 5):
 * I1, I2, and the live keys of I3, with what belongs to them: the shape of an
 * allocation's row and the order's count (D5).
 *
 * Works on a store that is in use. An order is looked at in one snapshot with
 * all its allocations. The sums of I1 span snapshots, so they count only for
 * items whose counters did not move meanwhile; the others are summed again.
 */
#ifndef STOCK_VERIFY_H
#define STOCK_VERIFY_H

#include "gateway/stock/query.h"

/*
 * Called for each violation: the invariant ("I1"), the row ("item inv_1") and
 * what is wrong with it. Texts live until it returns. The committer's own
 * checks (I4) report in the same form.
 */
typedef void stock_verify_found(void *ctx, const char *invariant,
				const char *row, const char *what);

/*
 * 0: all was looked at, found was called for what is wrong. -1 with err: the
 * store could not be read, or items moved in every one of 8 rounds. Any
 * thread; memory for two numbers an item.
 */
int stock_verify(const struct query_store *store, stock_verify_found *found,
		 void *ctx, struct gantry_error *err);

#endif
