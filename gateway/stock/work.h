/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work - one decision in the making, and what the files of this folder share.
 *
 * The rule of all of them: look first, change last. A refusal changes no row.
 */
#ifndef STOCK_WORK_H
#define STOCK_WORK_H

#include "gateway/base/writer.h"
#include "gateway/stock/decide.h"
#include "gateway/stock/schema.h"

#define STOCK_MAX_LIVE 2000		/* allocations of an order (D5) */
#define STOCK_MAX_AVAILABLE INT64_C(9007199254740991)	/* what JSON keeps exact */
#define STOCK_ID_ROOM 64

#define STATUS_PENDING "PENDING"
#define STATUS_CONFIRMED "CONFIRMED"
#define STATUS_FULFILLED "FULFILLED"
#define STATUS_CANCELLED "CANCELLED"
#define STATE_OPEN "OPEN"
#define STATE_CONFIRMED "CONFIRMED"
#define STATE_CANCELLED "CANCELLED"
#define RETURN_EXPECTED "EXPECTED"
#define RETURN_RECEIVED "RECEIVED"
#define REASON_EXPIRED "EXPIRED"

/* Pointers that grow in the arena. */
struct work_list {
	const void **all;
	size_t n, room;
};

struct work {
	const struct stock_context *context;
	const struct gantry_command *command;
	struct stock_decision *decision;
	struct work_list events, allocations, returns;
	struct writer details;		/* between outcome's refuse and refused */
};

/* An allocation with the rows that its rules and events need. */
struct whole {
	struct row *allocation, *order, *item, *stock;
};

/* find.c: NULL or false, there is none. */
struct row *stock_find_order(const struct rowset *rows, const char *id);
struct row *stock_find_item(const struct rowset *rows, const char *id);
struct row *stock_find_allocation(const struct rowset *rows, const char *id);
struct row *stock_find_live(const struct rowset *rows, const struct row *order,
			    const char *order_item_id, const struct row *item);
bool stock_find_whole(const struct rowset *rows, struct row *allocation,
		      struct whole *whole_out);
/* Rows of an index whose first column is value, by ref; *n_out of them. */
struct row **stock_find_all(const struct work *w, unsigned table, unsigned index,
			    struct gantry_value value, size_t *n_out);
bool stock_find_is(const struct row *row, unsigned column, const char *text);

/* outcome.c */
/* Begin a refusal; the caller adds members to the details that it returns. */
struct writer *stock_outcome_refuse(struct work *w, const char *code,
				    const char *message);
void stock_outcome_refused(struct work *w);
/* The store breaks a reference: a refusal that says so. */
void stock_outcome_broken(struct work *w, const char *what, const char *id);
/* False: refused, it moved. */
bool stock_outcome_version_fits(struct work *w, const struct row *row);
void stock_outcome_is(struct work *w, enum gantry_result result);
void stock_outcome_allocation(struct work *w, const struct whole *whole);
void stock_outcome_item(struct work *w, const struct row *item,
			const struct row *stock);
void stock_outcome_return(struct work *w, const struct row *ret,
			  const struct whole *whole);
void stock_outcome_append(struct work *w, struct work_list *list, const void *p);

/* event.c */
struct counts {
	int64_t available, reserved;
};
struct counts stock_event_counts(const struct row *stock);
void stock_event_allocation(struct work *w, const struct whole *whole,
			    const char *status, struct counts before);
void stock_event_shortage(struct work *w, const struct row *item,
			  int64_t can_promise);

/* move.c: changes of one allocation with its counters and its event. */
bool stock_move_is_expired(const struct row *allocation, int64_t now_ms);
void stock_move_create(struct work *w, struct whole *whole);
void stock_move_confirm(struct work *w, const struct whole *whole);
void stock_move_cancel(struct work *w, const struct whole *whole,
		       const char *reason);
void stock_move_fulfill(struct work *w, const struct whole *whole);
struct row *stock_move_open_order(struct work *w, const char *state);

/* One for each family of commands. */
void stock_allocate(struct work *w);
void stock_transition(struct work *w);
void stock_order(struct work *w);
void stock_item(struct work *w);
void stock_return_expect(struct work *w);
void stock_return_receive(struct work *w);

#endif
