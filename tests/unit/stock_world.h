/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stock_world - a store over plain arrays and a unit of one message around
 * stock_decide(), for the tests of the stock rules. Each run loads no more
 * than stock_needs() asks for, so a key that is missing there shows.
 */
#ifndef TESTS_STOCK_WORLD_H
#define TESTS_STOCK_WORLD_H

#include "gateway/stock/decide.h"
#include "gateway/stock/schema.h"

struct world_table {
	struct gantry_value **rows;
	size_t n, room;
};

struct world {
	struct world_table tables[STOCK_TABLES];
	struct rowset rows;
	struct needs needs;
	struct arena arena;
	int64_t now_ms;
	int64_t last_ref;
	int last_id;
	bool loaded;		/* a unit is open: world_decide() only */
};

extern const struct gantry_schema world_schema;
/* Over a struct world as self. */
extern const struct gantry_storage world_storage;

void world_init(struct world *w);
void world_fini(struct world *w);

/*
 * A unit: load, decide each, store. Outcomes live until the next begin. Marks
 * between messages are the test's.
 */
void world_begin(struct world *w, const struct gantry_command *commands, size_t n);
const struct stock_decision *world_decide(struct world *w,
					  const struct gantry_command *command);
void world_commit(struct world *w);
/* All three for one command. */
const struct stock_decision *world_run(struct world *w,
				       const struct gantry_command *command);

/* "APPLIED alloc_1:PENDING | AllocationCreated alloc_1", in the arena. */
const char *world_summary(struct world *w, const struct stock_decision *d);

/* The stored row by its unique first index, or NULL. */
const struct gantry_value *world_row(const struct world *w, unsigned table,
				     const char *id);
const char *world_text(struct world *w, const struct gantry_value *value);

/* What most tests begin with, and look at in the end. */
void world_item(struct world *w, const char *id, int64_t available);
/* From PENDING to a status; "PENDING" and "due" leave it as it is. */
void world_bring(struct world *w, const char *id, const char *status);
void world_check_counts(const struct world *w, const char *item,
			int64_t reserved, int64_t available);
void world_check_order(struct world *w, const char *id, const char *state,
		       int64_t live);

#define RUN(w, ...) world_run((w), &GANTRY_COMMAND(__VA_ARGS__))
#define SUMMARY(w, ...) world_summary((w), RUN(w, __VA_ARGS__))
#define ALLOCATE(order_, item_, quantity_, ...) \
	.kind = GANTRY_ALLOCATE, .order_id = order_, .order_item_id = "line1", \
	.item_id = item_, .quantity = quantity_, ##__VA_ARGS__
#define ERROR_OF(w, ...) RUN(w, __VA_ARGS__)->outcome.error

#endif
