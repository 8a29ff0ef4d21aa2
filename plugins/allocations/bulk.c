/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk - POST /allocations/bulk (D10): all or nothing, or as much as goes.
 *
 * The same order item and inventory item twice in a request is judged as two
 * requests would be (D5): the second stands, or is ALLOCATION_EXISTS.
 */
#include "allocations.h"
#include "describe.h"
#include "order.h"
#include "render.h"
#include "validate.h"

#include <string.h>

/* -1 with a problem if mode is neither. */
static int bulk_mode(const json_t *body, bool *partial_out,
		     struct gantry_error *err)
{
	const json_t *mode = json_object_get(body, "mode");
	const char *text = json_string_value(mode);

	*partial_out = text != NULL && strcmp(text, "partial") == 0;
	if (mode == NULL || json_is_null(mode) || *partial_out ||
	    (text != NULL && strcmp(text, "all_or_nothing") == 0))
		return 0;
	return gantry_problem(err, "mode", "must be all_or_nothing or partial");
}

static void bulk_item(const struct allocations *a, struct gantry_message *m,
		      const json_t *item, struct gantry_command *command,
		      struct gantry_error *err)
{
	const char *place = gantry_format(m, "items[%lld]",
					  (long long)command->position - 1);

	if (json_is_object(item))
		validate_allocation(a, m, item, gantry_format(m, "%s.", place),
				    command, err);
	else
		gantry_problem(err, place, "must be an object");
}

static const json_t *bulk_items(const json_t *body, struct gantry_error *err)
{
	const json_t *items = gantry_member_list(body, "", "items",
						 ALLOCATIONS_MAX_ITEMS, 0, err);

	if (items != NULL && json_array_size(items) == 0)
		gantry_problem(err, "items", "must not be empty");
	return items;
}

/* All of them are of one order, so it is asked for once. */
static enum gantry_verdict bulk_check(const struct allocations *a,
				      struct gantry_message *m,
				      struct gantry_command *commands, size_t n,
				      struct gantry_error *err)
{
	enum gantry_verdict verdict;
	struct order order;

	verdict = order_check(a, m, commands[0].order_id, &order, err);
	for (size_t i = 0; verdict == GANTRY_NEXT && i < n; i++)
		order_check_item(&order, m, gantry_format(m, "items[%zu].", i),
				 &commands[i], err);
	return verdict == GANTRY_NEXT && gantry_problems(err) > 0 ?
		       validate_reject(err) : verdict;
}

static enum gantry_verdict bulk_handle(void *self, struct gantry_message *m,
				       struct gantry_error *err)
{
	const json_t *body = validate_body(m, err), *items;
	struct gantry_command *commands;
	enum gantry_verdict verdict;
	const char *order_id;
	bool partial;
	size_t n;

	if (body == NULL)
		return validate_reject(err);
	order_id = gantry_member_text(body, "", "orderId", GANTRY_MAX_ID, 0, err);
	bulk_mode(body, &partial, err);
	items = bulk_items(body, err);
	n = json_array_size(items);
	commands = gantry_alloc(m, (n + 1) * sizeof(*commands));
	for (size_t i = 0; i < n; i++) {
		commands[i] = GANTRY_COMMAND(.order_id = order_id,
			.position = (int64_t)i + 1,
			.if_refused = partial ? GANTRY_IF_REFUSED_GO_ON :
						GANTRY_IF_REFUSED_REJECT);
		bulk_item(self, m, json_array_get(items, i), &commands[i], err);
	}
	if (gantry_problems(err) > 0)
		return validate_reject(err);
	verdict = bulk_check(self, m, commands, n, err);
	if (verdict != GANTRY_NEXT)
		return verdict;
	for (size_t i = 0; i < n; i++)
		if (gantry_command(m, &commands[i], err) < 0)
			return GANTRY_FAILED;
	return GANTRY_DONE;
}

struct bulk_count {
	int applied, refused;
};

static struct bulk_count bulk_allocations(const struct gantry_message *m,
					  struct gantry_writer *w)
{
	struct bulk_count count = { 0 };
	int first = gantry_first_step(m), n = gantry_steps(m);

	gantry_write_array(w, "allocations");
	for (int i = 0; i < n; i++) {
		const struct gantry_outcome *outcome = gantry_outcome(m, first + i);

		count.applied += outcome->result == GANTRY_APPLIED;
		count.refused += outcome->result == GANTRY_REFUSED;
		if (outcome->result != GANTRY_REFUSED)
			render_allocation(w, NULL, outcome->allocations[0]);
	}
	gantry_write_end(w);
	return count;
}

static void bulk_failure(struct gantry_writer *w, int index, const json_t *item,
			 const struct gantry_outcome *outcome)
{
	gantry_write_object(w, NULL);
	gantry_write_int(w, "index", index);
	gantry_write_text(w, "orderItemId",
			  json_string_value(json_object_get(item, "orderItemId")));
	gantry_write_text(w, "inventoryItemId",
			  json_string_value(json_object_get(item, "inventoryItemId")));
	gantry_write_raw(w, "error", outcome->error, strlen(outcome->error));
	gantry_write_end(w);
}

static void bulk_failures(const struct gantry_message *m, struct gantry_writer *w,
			  const json_t *items)
{
	int first = gantry_first_step(m), n = gantry_steps(m);

	gantry_write_array(w, "failures");
	for (int i = 0; i < n; i++) {
		const struct gantry_outcome *outcome = gantry_outcome(m, first + i);

		if (outcome->result == GANTRY_REFUSED)
			bulk_failure(w, i, json_array_get(items, (size_t)i), outcome);
	}
	gantry_write_end(w);
}

/* 207 if something failed, 201 if something is new, 200 if all stood. */
static enum gantry_verdict bulk_settle(const void *self, struct gantry_message *m,
				       struct gantry_error *err)
{
	const json_t *body = gantry_json(m, err);
	struct gantry_writer *w = render_begin(m);
	const char *order_id = json_string_value(json_object_get(body, "orderId"));
	struct bulk_count count;
	bool partial;
	int status;

	(void)self;
	bulk_mode(body, &partial, err);
	gantry_write_object(w, "data");
	gantry_write_text(w, "orderId", order_id);
	count = bulk_allocations(m, w);
	if (partial)
		bulk_failures(m, w, json_object_get(body, "items"));
	gantry_write_end(w);
	status = count.refused > 0 ? 207 : count.applied > 0 ? 201 : 200;
	if (status == 201 &&
	    render_location(m, "/allocations/by-order/", order_id, err) < 0)
		return GANTRY_FAILED;
	return render_end(m, w, status, err);
}

const struct gantry_handler bulk_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "create_bulk",
	.summary = "Allocate stock for up to 1,000 items of an order",
	.handle = bulk_handle,
	.settle = bulk_settle,
	.operation = describe_bulk,
	.events = describe_create_events,
};
