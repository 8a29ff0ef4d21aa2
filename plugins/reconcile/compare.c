/* SPDX-License-Identifier: Apache-2.0 */
/* compare - see compare.h. */
#include "compare.h"

#include <string.h>

#define COMPARE_REASON "RECONCILED"

struct compare {
	const struct compare_service *service;
	const struct compare_held *held;
	const struct compare_options *options;
	compare_found *found;
	void *ctx;
};

static const char *const compare_statuses[] = {
	[COMPARE_UNKNOWN] = "unknown", [COMPARE_CREATED] = "CREATED",
	[COMPARE_CONFIRMED] = "CONFIRMED", [COMPARE_CANCELLED] = "CANCELLED",
};

static const char *compare_state(char state)
{
	return state == 'O' ? "OPEN" : state == 'C' ? "CONFIRMED" : "CANCELLED";
}

static const char *compare_allocation_status(char status)
{
	return status == 'P' ? "PENDING" : status == 'C' ? "CONFIRMED" :
	       status == 'F' ? "FULFILLED" : "CANCELLED";
}

static bool compare_is_open(const struct compare_allocation *a)
{
	return a->status == 'P' || a->status == 'C';
}

/* Its time is over, and the sweep has not come by for the time of grace. */
static bool compare_is_over(const struct compare *c, const struct compare_allocation *a)
{
	return a->status == 'P' && a->expires_ms != 0 &&
	       a->expires_ms + c->options->grace_ms <= c->options->now_ms;
}

/* Whether it counts for its item of the order. */
static bool compare_counts(const struct compare *c, const struct compare_allocation *a)
{
	return a->status != 'X' && !compare_is_over(c, a);
}

static bool compare_is_of(const struct compare_allocation *a,
			  const struct compare_line *line)
{
	return strcmp(a->order_item_id, line->order_item_id) == 0;
}

static void compare_tell(const struct compare *c, struct drift *drift)
{
	drift->order_id = c->held->order_id;
	if (drift->command.kind != 0) {
		drift->command.size = sizeof(drift->command);
		drift->command.order_id = drift->order_id;
		drift->command.order_item_id = drift->order_item_id;
		drift->command.allocation_id = drift->allocation_id;
		drift->command.item_id = drift->item_id;
	}
	c->found(c->ctx, drift);
}

static bool compare_is_settled(const struct compare *c)
{
	int64_t since = c->options->now_ms - c->options->grace_ms;

	if (c->service->changed_ms > since)
		return false;
	if (c->held->is_there && c->held->changed_ms > since)
		return false;
	for (size_t i = 0; i < c->held->n_allocations; i++)
		if (c->held->allocations[i].changed_ms > since)
			return false;
	return true;
}

/* Confirm or cancel it as a whole, if nothing of it has moved. */
static struct gantry_command compare_whole(const struct compare *c,
					   enum gantry_command_kind kind)
{
	struct gantry_command command = { .kind = kind,
					  .if_version = c->held->version };

	for (size_t i = 0; i < c->held->n_allocations; i++)
		if (c->held->allocations[i].status != 'X')
			command.if_allocations += c->held->allocations[i].version;
	if (kind == GANTRY_ORDER_CANCEL)
		command.reason = COMPARE_REASON;
	return command;
}

static size_t compare_count(const struct compare *c,
			    bool (*is)(const struct compare_allocation *))
{
	size_t n = 0;

	for (size_t i = 0; i < c->held->n_allocations; i++)
		n += is(&c->held->allocations[i]);
	return n;
}

static bool compare_is_fulfilled(const struct compare_allocation *a)
{
	return a->status == 'F';
}

/* The order should hold nothing: it was cancelled, or nobody knows it. */
static void compare_over(const struct compare *c, enum drift_class class,
			 const char *why)
{
	bool open = compare_count(c, compare_is_open) > 0;
	bool gone = compare_count(c, compare_is_fulfilled) > 0;
	struct drift drift = {
		.class = class, .said = compare_statuses[c->service->status],
		.held = compare_state(c->held->state), .why = why,
		.command = compare_whole(c, GANTRY_ORDER_CANCEL),
	};

	if (c->held->state == 'X' && !open)
		return;
	if (class == DRIFT_ORPHAN && !open && gone) {
		drift.why = "it was fulfilled, and the Order Service does not know it";
		drift.command.kind = 0;
	}
	/* cancelled orders that hold something are no work of the rules */
	if (c->held->state == 'X')
		drift.command.kind = 0;
	compare_tell(c, &drift);
}

/* What its time has run out for, or no item of the order wants. */
static void compare_surplus(const struct compare *c, const struct compare_allocation *a)
{
	struct drift drift = {
		.class = DRIFT_EXPIRED, .order_item_id = a->order_item_id,
		.allocation_id = a->id, .item_id = a->item_id,
		.held = compare_allocation_status(a->status), .said = "expired",
		.why = "its time is over, and it holds stock",
		.command = { .kind = GANTRY_EXPIRE, .if_version = a->version },
	};
	size_t i = 0;

	if (a->status == 'X')
		return;
	if (compare_is_over(c, a)) {
		compare_tell(c, &drift);
		return;
	}
	while (i < c->service->n_lines && !compare_is_of(a, &c->service->lines[i]))
		i++;
	if (i < c->service->n_lines)
		return;
	drift.class = DRIFT_ORPHAN;
	drift.said = "unknown";
	drift.why = "the order has no such item";
	drift.command.kind = compare_is_open(a) ? GANTRY_CANCEL : 0;
	drift.command.reason = COMPARE_REASON;
	compare_tell(c, &drift);
}

/* All lines and allocations of one item of the order. */
struct compare_sum {
	const struct compare_line *line;
	size_t n_lines, n_live, n_ever;
	bool said, twice;		/* quantity; an inventory item in two lines */
	int64_t wanted, held;
	const struct compare_allocation *live;	/* the last one */
};

static void compare_sum_lines(const struct compare *c, struct compare_sum *s)
{
	const struct compare_line *lines = c->service->lines;

	for (size_t i = 0; i < c->service->n_lines; i++) {
		if (strcmp(lines[i].order_item_id, s->line->order_item_id) != 0)
			continue;
		s->n_lines++;
		s->said &= lines[i].quantity > 0;
		s->wanted += lines[i].quantity;
		s->twice |= &lines[i] != s->line && lines[i].item_id != NULL &&
			    s->line->item_id != NULL &&
			    strcmp(lines[i].item_id, s->line->item_id) == 0;
	}
}

static struct compare_sum compare_sum(const struct compare *c,
				      const struct compare_line *line)
{
	struct compare_sum s = { .line = line, .said = true };

	compare_sum_lines(c, &s);
	for (size_t i = 0; i < c->held->n_allocations; i++) {
		const struct compare_allocation *a = &c->held->allocations[i];

		if (!compare_is_of(a, line))
			continue;
		s.n_ever++;
		if (!compare_counts(c, a))
			continue;
		s.n_live++;
		s.held += a->quantity;
		s.live = a;
	}
	return s;
}

/* Not the first line of its item of the order. */
static bool compare_is_repeated(const struct compare *c, size_t line)
{
	const struct compare_line *lines = c->service->lines;

	for (size_t i = 0; i < line; i++)
		if (strcmp(lines[i].order_item_id, lines[line].order_item_id) == 0)
			return true;
	return false;
}

static void compare_quantity(const struct compare *c, const struct compare_sum *s)
{
	struct drift drift = {
		.class = DRIFT_QUANTITY, .order_item_id = s->line->order_item_id,
		.said_n = s->wanted, .held_n = s->held,
		.why = "another quantity is held",
	};

	if (s->n_live == 1) {
		drift.allocation_id = s->live->id;
		drift.item_id = s->live->item_id;
	}
	if (s->n_live == 1 && s->n_lines == 1 && compare_is_open(s->live))
		drift.command = (struct gantry_command){
			.kind = GANTRY_ALLOCATE, .quantity = s->wanted,
			.expires_at_ms = s->live->expires_ms,
			.if_version = s->live->version, .reason = COMPARE_REASON,
			.no_shortage_event = true,
		};
	else
		drift.why = "another quantity is held, in part fulfilled or of several "
			    "inventory items";
	compare_tell(c, &drift);
}

static void compare_verify(const struct compare *c, const struct compare_line *line)
{
	for (size_t i = 0; i < c->held->n_allocations; i++) {
		const struct compare_allocation *a = &c->held->allocations[i];
		struct drift drift = {
			.class = DRIFT_UNVERIFIED, .order_item_id = a->order_item_id,
			.allocation_id = a->id, .item_id = a->item_id,
			.said = compare_statuses[c->service->status],
			.held = compare_allocation_status(a->status),
			.why = "allocated unverified; the Order Service knows it",
			.command = { .kind = GANTRY_VERIFY, .if_version = a->version },
		};

		if (a->unverified && compare_counts(c, a) && compare_is_of(a, line))
			compare_tell(c, &drift);
	}
}

static void compare_lines(const struct compare *c)
{
	for (size_t i = 0; i < c->service->n_lines; i++) {
		struct compare_sum s = compare_sum(c, &c->service->lines[i]);

		if (s.n_live == 0 || compare_is_repeated(c, i))
			continue;
		if (s.said && s.wanted != s.held)
			compare_quantity(c, &s);
		else
			compare_verify(c, s.line);
	}
}

/* Something that counts waits for a confirmation that has come. */
static bool compare_waits(const struct compare *c)
{
	for (size_t i = 0; i < c->service->n_lines; i++)
		for (size_t k = 0; k < c->held->n_allocations; k++)
			if (c->held->allocations[k].status == 'P' &&
			    compare_counts(c, &c->held->allocations[k]) &&
			    compare_is_of(&c->held->allocations[k], &c->service->lines[i]))
				return true;
	return false;
}

static void compare_order_status(const struct compare *c)
{
	struct drift drift = {
		.class = DRIFT_STATUS, .said = compare_statuses[c->service->status],
		.held = c->held->is_there ? compare_state(c->held->state) : "unknown",
		.why = "the order was confirmed",
		.command = compare_whole(c, GANTRY_ORDER_CONFIRM),
	};

	if (c->service->status == COMPARE_CONFIRMED) {
		if (c->held->state == 'C' && !compare_waits(c))
			return;
		if (c->held->state == 'C')
			drift.why = "the order was confirmed, and an allocation of it waits";
	} else if (c->held->is_there && c->held->state == 'C') {
		drift.why = "it is confirmed here, but not at the Order Service";
		drift.command.kind = 0;
	} else {
		return;
	}
	compare_tell(c, &drift);
}

static bool compare_is_wanted(const struct compare *c, const struct compare_sum *s)
{
	if (s->n_live > 0)
		return false;
	/* what has expired once is not held again without being asked for */
	return c->service->status == COMPARE_CONFIRMED ||
	       (c->service->wants_stock && s->n_ever == 0);
}

static void compare_missing(const struct compare *c)
{
	for (size_t i = 0; i < c->service->n_lines; i++) {
		const struct compare_line *line = &c->service->lines[i];
		struct compare_sum s = compare_sum(c, line);
		struct drift drift = {
			.class = DRIFT_MISSING, .order_item_id = line->order_item_id,
			.item_id = line->item_id, .said_n = line->quantity,
			.why = "nothing is held for this item of the order",
		};

		if (!compare_is_wanted(c, &s))
			continue;
		if (line->item_id != NULL && line->quantity > 0 && !s.twice)
			drift.command = (struct gantry_command){
				.kind = GANTRY_ALLOCATE, .quantity = line->quantity,
				.warehouse_id = line->warehouse_id, .by_event = true,
				.if_version = c->held->version,
				.no_shortage_event = true,
			};
		compare_tell(c, &drift);
	}
}

/* It has no row, and should have one. */
static bool compare_open(const struct compare *c)
{
	struct drift drift = {
		.class = DRIFT_MISSING, .said = compare_statuses[c->service->status],
		.held = "unknown", .why = "the order is not known here",
		.command = { .kind = GANTRY_ORDER_OPEN },
	};

	if (c->service->status != COMPARE_CONFIRMED && !c->service->wants_stock)
		return false;
	compare_tell(c, &drift);
	return true;
}

static void compare_live(const struct compare *c)
{
	struct drift shut = {
		.class = DRIFT_STATUS, .said = compare_statuses[c->service->status],
		.held = compare_state(c->held->state),
		.why = "it is cancelled here, which is final",
	};

	if (c->held->is_there && c->held->state == 'X') {
		compare_tell(c, &shut);
		return;
	}
	if (!c->held->is_there && !compare_open(c))
		return;
	for (size_t i = 0; i < c->held->n_allocations; i++)
		compare_surplus(c, &c->held->allocations[i]);
	compare_lines(c);
	compare_order_status(c);
	compare_missing(c);
}

bool compare_order(const struct compare_service *service,
		   const struct compare_held *held,
		   const struct compare_options *options, compare_found *found,
		   void *ctx)
{
	struct compare c = { service, held, options, found, ctx };

	if (!compare_is_settled(&c))
		return false;
	if (service->status == COMPARE_CREATED || service->status == COMPARE_CONFIRMED)
		compare_live(&c);
	else if (held->is_there && service->status == COMPARE_UNKNOWN)
		compare_over(&c, DRIFT_ORPHAN, "the Order Service does not know the order");
	else if (held->is_there)
		compare_over(&c, DRIFT_STATUS, "the order was cancelled");
	return true;
}

void compare_item(const struct compare_item *item, compare_found *found, void *ctx)
{
	struct drift drift = {
		.class = DRIFT_COUNTERS, .item_id = item->id, .said_n = item->sum,
		.held_n = item->reserved, .why = "reserved is not what is held",
		.command = { .size = sizeof(drift.command), .kind = GANTRY_ITEM_RECOUNT,
			     .item_id = item->id, .quantity = item->sum,
			     .if_version = item->version },
	};

	if (item->sum == item->reserved)
		return;
	if (item->sum > item->available) {
		drift.why = "more is held than is on hand";
		drift.command.kind = 0;
	}
	found(ctx, &drift);
}
