/* SPDX-License-Identifier: Apache-2.0 */
/* create - POST /allocations. */
#include "allocations.h"
#include "describe.h"
#include "order.h"
#include "render.h"
#include "validate.h"

static enum gantry_verdict create_handle(void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	struct gantry_command command =
		GANTRY_COMMAND(.if_refused = GANTRY_IF_REFUSED_REJECT);
	const json_t *body = validate_body(m, err);
	enum gantry_verdict verdict;
	struct order order;

	if (body == NULL)
		return validate_reject(err);
	command.order_id = gantry_member_text(body, "", "orderId", GANTRY_MAX_ID,
					      0, err);
	validate_allocation(self, m, body, "", &command, err);
	if (gantry_problems(err) > 0)
		return validate_reject(err);
	verdict = order_check(self, m, command.order_id, &order, err);
	if (verdict != GANTRY_NEXT)
		return verdict;
	order_check_item(&order, m, "", &command, err);
	if (gantry_problems(err) > 0)
		return validate_reject(err);
	return gantry_command(m, &command, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict create_settle(const void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	(void)self;
	return render_one_allocation(m, 201, err);
}

const struct gantry_handler create_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "create",
	.summary = "Allocate stock for one order item",
	.handle = create_handle,
	.settle = create_settle,
	.operation = describe_create,
	.events = describe_create_events,
};
