/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transition - confirm, cancel, fulfill and expire of one allocation (D3, D4),
 * and that its order was looked at after all (D27).
 */
#include "gateway/stock/work.h"

#include <string.h>

static void transition_refuse_unknown(struct work *w)
{
	struct writer *details = stock_outcome_refuse(
		w, "ALLOCATION_NOT_FOUND", "No allocation has this id");

	writer_text(details, "allocationId", w->command->allocation_id);
	stock_outcome_refused(w);
}

static void transition_refuse(struct work *w, const struct row *row,
			      const char *status)
{
	struct writer *details = stock_outcome_refuse(
		w, "INVALID_STATE_TRANSITION",
		arena_format(w->context->arena, "%s cannot become %s",
			     row_text(row, ALLOCATIONS_STATUS), status));

	writer_text(details, "allocationId", row_text(row, ALLOCATIONS_ID));
	writer_text(details, "currentStatus", row_text(row, ALLOCATIONS_STATUS));
	writer_text(details, "requestedStatus", status);
	stock_outcome_refused(w);
}

static void transition_refuse_expired(struct work *w, const struct row *row)
{
	struct writer *details = stock_outcome_refuse(
		w, "ALLOCATION_EXPIRED", "The allocation has expired");

	writer_text(details, "allocationId", row_text(row, ALLOCATIONS_ID));
	writer_time(details, "expiresAt", row_number(row, ALLOCATIONS_EXPIRES_AT));
	stock_outcome_refused(w);
}

/* Expired, whether or not the sweep has come by (D4). */
static bool transition_has_expired(const struct work *w, const struct row *row)
{
	if (stock_move_is_expired(row, w->context->now_ms))
		return true;
	return stock_find_is(row, ALLOCATIONS_REASON, REASON_EXPIRED) &&
	       !row_is_null(row, ALLOCATIONS_EXPIRES_AT) &&
	       row_number(row, ALLOCATIONS_EXPIRES_AT) <= w->context->now_ms;
}

static void transition_confirm(struct work *w, const struct whole *whole)
{
	const struct row *row = whole->allocation;

	if (transition_has_expired(w, row))
		transition_refuse_expired(w, row);
	else if (stock_find_is(row, ALLOCATIONS_STATUS, STATUS_PENDING))
		stock_move_confirm(w, whole);
	else
		transition_refuse(w, row, STATUS_CONFIRMED);
}

static void transition_cancel(struct work *w, const struct whole *whole)
{
	const struct row *row = whole->allocation;

	if (stock_find_is(row, ALLOCATIONS_STATUS, STATUS_FULFILLED))
		transition_refuse(w, row, STATUS_CANCELLED);
	else
		stock_move_cancel(w, whole, w->command->reason);
}

static void transition_fulfill(struct work *w, const struct whole *whole)
{
	const struct row *row = whole->allocation;

	if (stock_find_is(row, ALLOCATIONS_STATUS, STATUS_CONFIRMED))
		stock_move_fulfill(w, whole);
	else
		transition_refuse(w, row, STATUS_FULFILLED);
}

/* The status that a command is about; NULL: expire, which has none. */
static const char *transition_goal(enum gantry_command_kind kind)
{
	switch ((int)kind) {
	case GANTRY_CONFIRM:
		return STATUS_CONFIRMED;
	case GANTRY_CANCEL:
		return STATUS_CANCELLED;
	case GANTRY_FULFILL:
		return STATUS_FULFILLED;
	}
	return NULL;
}

/* Whether there is nothing to do: it is there already, or not due at all. */
static bool transition_stands(const struct work *w, const struct row *row)
{
	const char *goal = transition_goal(w->command->kind);

	if (w->command->kind == GANTRY_VERIFY)
		return row_is_null(row, ALLOCATIONS_UNVERIFIED);
	if (goal == NULL)
		return !stock_move_is_expired(row, w->context->now_ms);
	return stock_find_is(row, ALLOCATIONS_STATUS, goal);
}

static void transition_move(struct work *w, const struct whole *whole)
{
	stock_outcome_is(w, GANTRY_APPLIED);
	switch ((int)w->command->kind) {
	case GANTRY_CONFIRM:
		transition_confirm(w, whole);
		break;
	case GANTRY_CANCEL:
		transition_cancel(w, whole);
		break;
	case GANTRY_FULFILL:
		transition_fulfill(w, whole);
		break;
	case GANTRY_EXPIRE:
		stock_move_cancel(w, whole, REASON_EXPIRED);
		break;
	case GANTRY_VERIFY:
		row_set_null(w->context->rows, whole->allocation,
			     ALLOCATIONS_UNVERIFIED);
		break;
	}
}

void stock_transition(struct work *w)
{
	const struct rowset *rows = w->context->rows;
	struct row *row = stock_find_allocation(rows, w->command->allocation_id);
	struct whole whole;

	if (row == NULL) {
		transition_refuse_unknown(w);
		return;
	}
	if (!stock_find_whole(rows, row, &whole)) {
		stock_outcome_broken(w, "allocationId", w->command->allocation_id);
		return;
	}
	if (!stock_outcome_version_fits(w, row))
		return;
	if (transition_stands(w, row))
		stock_outcome_is(w, GANTRY_STOOD);
	else
		transition_move(w, &whole);
	if (w->decision->outcome.result != GANTRY_REFUSED)
		stock_outcome_allocation(w, &whole);
}
