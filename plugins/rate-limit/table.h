/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - the buckets of all senders, by their names, in bounded memory.
 *
 * When there is no room, the sender of its neighbours that has used the least
 * is forgotten: it gains what it had used, nobody else loses. A message that
 * comes again, since what it read has moved, gets the answer that it had.
 * Any thread; a lock is held for as long as it takes to look.
 */
#ifndef RATE_LIMIT_TABLE_H
#define RATE_LIMIT_TABLE_H

#include <stddef.h>

#include "bucket.h"

#define TABLE_NAME_MAX 255	/* the rest of a name does not count */

struct table;

/* Room for senders, at least. NULL if there is no memory. */
struct table *table_new(const struct bucket_rule *rule, size_t senders);
void table_free(struct table **table);

/* For this message of the sender, once. */
void table_take(struct table *table, const char *sender, const char *message,
		int64_t now_ms, struct bucket_answer *answer);

#endif
