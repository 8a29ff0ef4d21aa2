/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide - the inventory rules (D1 to D7, D12, D18, the table of D20), pure:
 * rows and a command in, changed rows and events out, or a refusal.
 *
 * No I/O, no clock, no randomness: all of that comes in by the context. The
 * rows must be loaded as stock_needs() says.
 */
#ifndef STOCK_DECIDE_H
#define STOCK_DECIDE_H

#include <gantry/effect.h>
#include <gantry/outcome.h>

#include "gateway/base/arena.h"
#include "gateway/rows/needs.h"
#include "gateway/rows/set.h"

struct stock_context {
	struct rowset *rows;
	struct arena *arena;	/* outcomes and payloads; lives as the unit */
	int64_t now_ms;		/* the storage's clock */
	/* New ids, with what they need. */
	int64_t (*ref)(void *minter);
	void (*id)(void *minter, const char *prefix, char *text, size_t room);
	void *minter;
};

/* An event that a decision publishes, envelope not yet around it (D15). */
struct stock_event {
	const char *exchange, *routing_key;
	const char *type;		/* AllocationCreated ... */
	const char *aggregate_type, *aggregate_id;
	const char *order_id;		/* default correlation (D14), or NULL */
	const char *payload;		/* JSON text */
	size_t payload_len;
	struct row *allocation;		/* whose LAST_EVENT the committer sets to
					   the outbox row; NULL: unordered */
};

struct stock_decision {
	struct gantry_outcome outcome;
	const char *message;		/* of a refusal */
	const char *details;		/* of a refusal: JSON object text or NULL */
	const struct stock_event *const *events;
	size_t n_events;		/* a refusal has at most its
					   InsufficientStock */
};

/*
 * Which rows a command must lock (orders, stock) and read (items,
 * allocations, returns). Command texts must outlive needs.
 */
void stock_needs(const struct gantry_command *command, struct needs *needs);

/* How much a command weighs against the 512 allocations of a unit, at least 1. */
unsigned stock_weight(const struct gantry_command *command);
/* The same once the rows are loaded: what an order command really touches. */
unsigned stock_loaded_weight(const struct gantry_command *command,
			     const struct rowset *rows);

/*
 * Decide one command. Rows change only if the outcome is APPLIED: a refusal
 * changes nothing, so an expired allocation in the way of one that is refused
 * (D5) is left to the sweep, its units counted as free. The decision lives in
 * the context's arena; texts of rows in it live as the rows, undone or not.
 * Cannot fail; INTERNAL_ERROR is refused when the store breaks a reference.
 */
const struct stock_decision *stock_decide(const struct stock_context *context,
					  const struct gantry_command *command);

#endif
