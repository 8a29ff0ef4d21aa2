/* SPDX-License-Identifier: Apache-2.0 */
/* change - PUT /allocations/{id}/confirm, /cancel and /fulfill (D3, D11). */
#include "allocations.h"
#include "describe.h"
#include "render.h"
#include "validate.h"

static enum gantry_verdict change_stage(struct gantry_message *m,
					enum gantry_command_kind kind,
					const char *reason,
					struct gantry_error *err)
{
	struct gantry_command command =
		GANTRY_COMMAND(.kind = kind, .reason = reason,
			       .if_refused = GANTRY_IF_REFUSED_REJECT);

	command.allocation_id = validate_param(m, "id", err);
	if (gantry_problems(err) > 0)
		return validate_reject(err);
	return gantry_command(m, &command, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict change_confirm(void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	(void)self;
	return change_stage(m, GANTRY_CONFIRM, NULL, err);
}

static enum gantry_verdict change_cancel(void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	const json_t *body;
	const char *reason = NULL;

	(void)self;
	if (validate_optional_body(m, &body, err) == 0 && body != NULL)
		reason = gantry_member_text(body, "", "reason",
					    ALLOCATIONS_MAX_REASON,
					    GANTRY_OPTIONAL, err);
	return change_stage(m, GANTRY_CANCEL, reason, err);
}

static enum gantry_verdict change_fulfill(void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	(void)self;
	return change_stage(m, GANTRY_FULFILL, NULL, err);
}

static enum gantry_verdict change_settle(const void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	(void)self;
	return render_one_allocation(m, 200, err);
}

const struct gantry_handler change_confirm_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "confirm",
	.summary = "Confirm a pending allocation",
	.handle = change_confirm,
	.settle = change_settle,
	.operation = describe_confirm,
	.events = describe_confirm_events,
};

const struct gantry_handler change_cancel_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "cancel",
	.summary = "Cancel an allocation and give its stock back",
	.handle = change_cancel,
	.settle = change_settle,
	.operation = describe_cancel,
	.events = describe_cancel_events,
};

const struct gantry_handler change_fulfill_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "fulfill",
	.summary = "Mark a confirmed allocation as shipped",
	.handle = change_fulfill,
	.settle = change_settle,
	.operation = describe_fulfill,
	.events = describe_fulfill_events,
};
