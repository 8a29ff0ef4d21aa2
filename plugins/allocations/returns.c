/* SPDX-License-Identifier: Apache-2.0 */
/* returns - GET /returns?orderId= and POST /returns/{id}/receive (D12, D18). */
#include "allocations.h"
#include "describe.h"
#include "read.h"
#include "render.h"
#include "validate.h"

#include <string.h>

static enum gantry_verdict returns_list(void *self, struct gantry_message *m,
					struct gantry_error *err)
{
	const char *order_id = gantry_query(m, "orderId");

	(void)self;
	if (order_id == NULL)
		gantry_problem(err, "orderId", "is required");
	else if (!gantry_is_text(order_id, strlen(order_id), GANTRY_MAX_ID))
		gantry_problem(err, "orderId",
			       "must be text of 1 to %d bytes without control characters",
			       GANTRY_MAX_ID);
	if (gantry_problems(err) > 0)
		return validate_reject(err);
	return read_all(m, "returns-of-order", order_id, err);
}

static void returns_item(struct gantry_message *m, const json_t *item,
			 struct gantry_command *command, struct gantry_error *err)
{
	const char *place = gantry_format(m, "items[%lld]",
					  (long long)command->position - 1);

	if (!json_is_object(item)) {
		gantry_problem(err, place, "must be an object");
		return;
	}
	place = gantry_format(m, "%s.", place);
	command->order_item_id = gantry_member_text(item, place, "orderItemId",
						    GANTRY_MAX_ID, 0, err);
	command->quantity = gantry_member_integer(item, place, "quantity", 1,
						  ALLOCATIONS_MAX_QUANTITY, err);
}

/* No items: all that is expected came back in good order. */
static enum gantry_verdict returns_receive(void *self, struct gantry_message *m,
					   struct gantry_error *err)
{
	struct gantry_command *commands;
	const json_t *body = NULL, *items = NULL;
	const char *id = validate_param(m, "id", err);
	size_t n;

	(void)self;
	if (validate_optional_body(m, &body, err) == 0 && body != NULL)
		items = gantry_member_list(body, "", "items", ALLOCATIONS_MAX_ITEMS,
					   GANTRY_OPTIONAL, err);
	if (items != NULL && json_array_size(items) == 0)
		gantry_problem(err, "items", "must not be empty");
	n = items == NULL ? 1 : json_array_size(items);
	commands = gantry_alloc(m, (n + 1) * sizeof(*commands));
	for (size_t i = 0; i < n; i++) {
		commands[i] = GANTRY_COMMAND(.kind = GANTRY_RETURN_RECEIVE,
			.return_id = id, .if_refused = GANTRY_IF_REFUSED_REJECT);
		if (items == NULL)
			break;
		commands[i].position = (int64_t)i + 1;
		returns_item(m, json_array_get(items, i), &commands[i], err);
	}
	if (gantry_problems(err) > 0)
		return validate_reject(err);
	for (size_t i = 0; i < n; i++)
		if (gantry_command(m, &commands[i], err) < 0)
			return GANTRY_FAILED;
	return GANTRY_DONE;
}

static enum gantry_verdict returns_receive_settle(const void *self,
						  struct gantry_message *m,
						  struct gantry_error *err)
{
	int first = gantry_first_step(m), n = gantry_steps(m);
	struct gantry_writer *w = render_begin(m);

	(void)self;
	gantry_write_array(w, "data");
	for (int i = 0; i < n; i++) {
		const struct gantry_outcome *outcome = gantry_outcome(m, first + i);

		for (size_t j = 0; j < outcome->n_returns; j++)
			render_return(w, NULL, outcome->returns[j]);
	}
	gantry_write_end(w);
	return render_end(m, w, 200, err);
}

const struct gantry_handler returns_list_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "returns_of_order",
	.summary = "Show the returns of an order",
	.handle = returns_list,
	.operation = describe_returns,
};

const struct gantry_handler returns_receive_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "return_receive",
	.summary = "Take back into stock what came in good order",
	.handle = returns_receive,
	.settle = returns_receive_settle,
	.operation = describe_receive,
};
