/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order-events - the life of an order, as the Order Service tells it (D17 to
 * D20): each event becomes stock commands on the order's row.
 *
 * What a command means in the state that the order is in is decided by the
 * core; this plugin knows the events' form alone.
 */
#include <gantry/plugin.h>

#include <string.h>

#include "describe.h"
#include "envelope.h"
#include "lookup.h"

#define ORDER_EVENTS_MAX_QUANTITY INT64_C(1000000000)
#define ORDER_EVENTS_MAX_ITEMS 999	/* beside the order itself */
#define ORDER_EVENTS_MAX_REASON 256
#define DAY INT64_C(86400000)

struct order_events {
	int64_t ttl;			/* ms */
	bool auto_allocate;
	const char *order_service;	/* NULL: there is none */
};

/* Every command here is one by event that must not end the message. */
#define ORDER_EVENTS_COMMAND(...)                                        \
	GANTRY_COMMAND(.by_event = true,                                 \
		       .if_refused = GANTRY_IF_REFUSED_GO_ON, __VA_ARGS__)

static int order_events_stage(struct gantry_message *m,
			      const struct gantry_command *commands, size_t n,
			      struct gantry_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (gantry_command(m, &commands[i], err) < 0)
			return -1;
	return 0;
}

/* An item of payload.items, which is an object, or NULL with a problem. */
static const json_t *order_events_item(const json_t *items, size_t i,
				       const char *place,
				       struct gantry_error *err)
{
	const json_t *item = json_array_get(items, i);

	if (json_is_object(item))
		return item;
	gantry_problem(err, place, "must be an object");
	return NULL;
}

/* within: what stands before the name of the list in a problem */
static struct gantry_command
order_events_allocate(const struct order_events *o, struct gantry_message *m,
		      const char *within, const json_t *items, size_t i,
		      struct gantry_error *err)
{
	const char *place = gantry_format(m, "%sitems[%zu]", within, i);
	const json_t *item = order_events_item(items, i, place, err);
	struct gantry_command c = ORDER_EVENTS_COMMAND(
		.kind = GANTRY_ALLOCATE, .position = (int64_t)i + 1,
		.expires_at_ms = (gantry_now_ms(m) + o->ttl + 999) / 1000 * 1000);

	if (item == NULL)
		return c;
	place = gantry_format(m, "%s.", place);
	c.order_item_id = gantry_member_text(item, place, "orderItemId",
					     GANTRY_MAX_ID, 0, err);
	c.item_id = gantry_member_text(item, place, "inventoryItemId",
				       GANTRY_MAX_ID, 0, err);
	c.quantity = gantry_member_integer(item, place, "quantity", 1,
					   ORDER_EVENTS_MAX_QUANTITY, err);
	c.warehouse_id = gantry_member_text(item, place, "warehouseId",
					    GANTRY_MAX_ID, GANTRY_OPTIONAL, err);
	return c;
}

/* The items that are to be allocated, NULL: none. */
static const json_t *order_events_items(const struct order_events *o,
					const json_t *order, const char *within,
					struct gantry_error *err)
{
	bool wanted = gantry_member_bool(order, within, "requiresPreAllocation", err);

	if (!wanted || !o->auto_allocate)
		return NULL;
	return gantry_member_list(order, within, "items", ORDER_EVENTS_MAX_ITEMS,
				  GANTRY_OPTIONAL, err);
}

/* Note the order and allocate its items, as whoever has it says. */
static enum gantry_verdict order_events_open(const struct order_events *o,
					     struct gantry_message *m,
					     const char *order_id, const json_t *order,
					     const char *within, struct gantry_error *err)
{
	const json_t *items = order_events_items(o, order, within, err);
	size_t n = json_array_size(items);
	struct gantry_command *commands = gantry_alloc(m, (n + 1) * sizeof(*commands));

	commands[0] = ORDER_EVENTS_COMMAND(.kind = GANTRY_ORDER_OPEN,
					   .order_id = order_id);
	for (size_t i = 0; i < n; i++) {
		commands[i + 1] = order_events_allocate(o, m, within, items, i, err);
		commands[i + 1].order_id = order_id;
	}
	if (gantry_problems(err) > 0)
		return envelope_reject(err);
	return order_events_stage(m, commands, n + 1, err) < 0 ? GANTRY_FAILED :
								  GANTRY_DONE;
}

static enum gantry_verdict order_events_created(void *self, struct gantry_message *m,
						struct gantry_error *err)
{
	const json_t *payload = envelope_payload(m, "OrderCreated", err);
	const char *order_id;

	if (payload == NULL)
		return envelope_reject(err);
	order_id = gantry_member_text(payload, ENVELOPE_PAYLOAD, "orderId",
				      GANTRY_MAX_ID, 0, err);
	return order_events_open(self, m, order_id, payload, ENVELOPE_PAYLOAD, err);
}

/* Lack of stock has an event of its own (D16); what else is refused has none. */
static enum gantry_verdict order_events_created_settle(const void *self,
						       struct gantry_message *m,
						       struct gantry_error *err)
{
	int first = gantry_first_step(m), n = gantry_steps(m);

	(void)self;
	(void)err;
	for (int i = 0; i < n; i++) {
		const struct gantry_outcome *outcome = gantry_outcome(m, first + i);

		if (outcome->result == GANTRY_REFUSED &&
		    strcmp(outcome->code, "INSUFFICIENT_STOCK") != 0)
			gantry_log(m, GANTRY_LOG_WARNING,
				   "item %d of the order was not allocated: %s",
				   i, outcome->code);
	}
	return GANTRY_DONE;
}

/*
 * The order has no row: its OrderCreated is late or was never sent. The Order
 * Service says what it is, and it is opened as that says (D20).
 */
static enum gantry_verdict order_events_late(const struct order_events *o,
					     struct gantry_message *m,
					     const char *order_id,
					     struct gantry_error *err)
{
	enum gantry_verdict verdict;
	const json_t *order;
	const char *status;

	if (lookup_is_known(m, order_id, &verdict, err) != 0)
		return verdict;
	order = lookup_order(m, o->order_service, order_id, &verdict, err);
	if (order == NULL)
		return verdict;
	status = json_string_value(json_object_get(order, "status"));
	if (strcmp(status, "CANCELLED") != 0)
		return order_events_open(o, m, order_id, order, "order.", err);
	return order_events_stage(m, &ORDER_EVENTS_COMMAND(
		.kind = GANTRY_ORDER_CANCEL, .order_id = order_id), 1, err) < 0 ?
		GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict order_events_confirmed(void *self, struct gantry_message *m,
						  struct gantry_error *err)
{
	const struct order_events *o = self;
	const json_t *payload = envelope_payload(m, "OrderConfirmed", err);
	enum gantry_verdict verdict = GANTRY_DONE;
	const char *order_id;

	if (payload == NULL)
		return envelope_reject(err);
	order_id = gantry_member_text(payload, ENVELOPE_PAYLOAD, "orderId",
				      GANTRY_MAX_ID, 0, err);
	if (gantry_problems(err) > 0)
		return envelope_reject(err);
	/* the first time it may just have overtaken the one before it */
	if (o->order_service != NULL && gantry_attempts(m) != 0)
		verdict = order_events_late(o, m, order_id, err);
	if (verdict != GANTRY_DONE)
		return verdict;
	return order_events_stage(m, &ORDER_EVENTS_COMMAND(
		.kind = GANTRY_ORDER_CONFIRM, .order_id = order_id), 1, err) < 0 ?
		GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict order_events_cancelled(void *self, struct gantry_message *m,
						  struct gantry_error *err)
{
	const json_t *payload = envelope_payload(m, "OrderCancelled", err);
	struct gantry_command c = ORDER_EVENTS_COMMAND(.kind = GANTRY_ORDER_CANCEL);

	(void)self;
	if (payload == NULL)
		return envelope_reject(err);
	c.order_id = gantry_member_text(payload, ENVELOPE_PAYLOAD, "orderId",
					GANTRY_MAX_ID, 0, err);
	c.reason = gantry_member_text(payload, ENVELOPE_PAYLOAD, "reason",
				      ORDER_EVENTS_MAX_REASON, GANTRY_OPTIONAL, err);
	if (gantry_problems(err) > 0)
		return envelope_reject(err);
	return order_events_stage(m, &c, 1, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

/*
 * The event may have overtaken the one before it: what the order cannot do yet
 * is tried again, and a dead letter only when the retries are used up (D20).
 */
static enum gantry_verdict order_events_retry(const void *self,
					      struct gantry_message *m,
					      struct gantry_error *err)
{
	int first = gantry_first_step(m), n = gantry_steps(m);

	(void)self;
	for (int i = 0; i < n; i++) {
		const struct gantry_outcome *outcome = gantry_outcome(m, first + i);

		if (outcome->result == GANTRY_REFUSED &&
		    (strcmp(outcome->code, "ORDER_UNKNOWN") == 0 ||
		     strcmp(outcome->code, "ORDER_NOT_FULFILLED") == 0)) {
			gantry_fail(err, "the event came before what it rests on");
			return gantry_retry(err, outcome->code);
		}
	}
	return GANTRY_DONE;
}

static struct gantry_command order_events_expect(struct gantry_message *m,
						 const json_t *items, size_t i,
						 struct gantry_error *err)
{
	const char *place = gantry_format(m, "payload.items[%zu]", i);
	const json_t *item = order_events_item(items, i, place, err);
	struct gantry_command c = ORDER_EVENTS_COMMAND(
		.kind = GANTRY_RETURN_EXPECT, .position = (int64_t)i + 1);

	if (item == NULL)
		return c;
	place = gantry_format(m, "%s.", place);
	c.order_item_id = gantry_member_text(item, place, "orderItemId",
					     GANTRY_MAX_ID, 0, err);
	c.quantity = gantry_member_integer(item, place, "quantity", 1,
					   ORDER_EVENTS_MAX_QUANTITY, err);
	return c;
}

/* No items, or an empty list: all that is fulfilled comes back (D17). */
static enum gantry_verdict order_events_return(void *self, struct gantry_message *m,
					       struct gantry_error *err)
{
	const json_t *payload = envelope_payload(m, "OrderReturnInitiated", err);
	const char *order_id, *return_id;
	struct gantry_command *commands;
	const json_t *items;
	size_t n;

	(void)self;
	if (payload == NULL)
		return envelope_reject(err);
	order_id = gantry_member_text(payload, ENVELOPE_PAYLOAD, "orderId",
				      GANTRY_MAX_ID, 0, err);
	return_id = gantry_member_text(payload, ENVELOPE_PAYLOAD, "returnId",
				       GANTRY_MAX_ID, GANTRY_OPTIONAL, err);
	if (return_id == NULL)
		return_id = gantry_mint(m, "ret_");
	items = gantry_member_list(payload, ENVELOPE_PAYLOAD, "items",
				   ORDER_EVENTS_MAX_ITEMS, GANTRY_OPTIONAL, err);
	n = json_array_size(items);
	commands = gantry_alloc(m, (n + 1) * sizeof(*commands));
	commands[0] = ORDER_EVENTS_COMMAND(.kind = GANTRY_RETURN_EXPECT);
	for (size_t i = 0; i < n; i++)
		commands[i] = order_events_expect(m, items, i, err);
	n += n == 0;
	for (size_t i = 0; i < n; i++) {
		commands[i].order_id = order_id;
		commands[i].return_id = return_id;
	}
	if (gantry_problems(err) > 0)
		return envelope_reject(err);
	return order_events_stage(m, commands, n, err) < 0 ? GANTRY_FAILED :
							      GANTRY_DONE;
}

static const struct gantry_option *const options[] = {
	GANTRY_DURATION(struct order_events, ttl, .fallback = "24h", .min = 1000,
			.max = 3650 * DAY,
			.summary = "How long an allocation by event is held"),
	GANTRY_BOOLEAN(struct order_events, auto_allocate, .fallback = "true",
		       .summary = "Allocate for orders that ask for it"),
	GANTRY_TEXT(struct order_events, order_service,
		    .flags = GANTRY_OPTION_UPSTREAM, .fallback = "order-service",
		    .summary = "The upstream that is asked for unknown orders"),
	NULL
};

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "created",
		       .summary = "OrderCreated: note the order, allocate",
		       .handle = order_events_created,
		       .settle = order_events_created_settle,
		       .events = describe_created),
	GANTRY_HANDLER(.name = "confirmed",
		       .summary = "OrderConfirmed: confirm what is pending",
		       .handle = order_events_confirmed,
		       .settle = order_events_retry,
		       .events = describe_confirmed),
	GANTRY_HANDLER(.name = "cancelled",
		       .summary = "OrderCancelled: give the stock back",
		       .handle = order_events_cancelled,
		       .events = describe_cancelled),
	GANTRY_HANDLER(.name = "return_initiated",
		       .summary = "OrderReturnInitiated: expect what comes back",
		       .handle = order_events_return,
		       .settle = order_events_retry,
		       .events = describe_return_initiated),
	NULL
};

GANTRY_PLUGIN(.name = "order-events", .version = "1.0.0",
	      .summary = "Stock follows the life of an order",
	      .threads = GANTRY_INLINE,
	      .instance_size = sizeof(struct order_events), .options = options,
	      .handlers = handlers);
