/* SPDX-License-Identifier: Apache-2.0 */
/* change - PUT /allocations/{id}/confirm, cancel and fulfill: passed on. */
#include "answer.h"
#include "look.h"

static enum gantry_verdict change(const struct optimistic *o, struct gantry_message *m,
				  const char *what, struct gantry_error *err)
{
	const struct gantry_answer *answer;
	const json_t *waiting;
	const char *id, *body;
	enum gantry_verdict verdict = look_up(m, &id, &waiting, err);
	size_t len;

	if (verdict != GANTRY_NEXT)
		return verdict;
	if (waiting != NULL)
		return answer_waits(m, err);
	body = gantry_body(m, &len);
	answer = gantry_call(m, &GANTRY_REQUEST(
		.upstream = o->inventory_service, .method = "PUT",
		.path = gantry_format(m, "/allocations/%s/%s", gantry_escape(m, id), what),
		.body = len > 0 ? body : NULL, .body_len = len), err);
	if (gantry_asking(m))
		return GANTRY_FAILED;
	return answer != NULL ? answer_pass(o, m, answer, err) : answer_away(err);
}

static enum gantry_verdict change_confirm(void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	return change(self, m, "confirm", err);
}

static enum gantry_verdict change_cancel(void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	return change(self, m, "cancel", err);
}

static enum gantry_verdict change_fulfill(void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	return change(self, m, "fulfill", err);
}

const struct gantry_handler change_confirm_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "confirm",
	.summary = "Confirm an allocation",
	.handle = change_confirm,
	.operation = OPTIMISTIC_PASSES_ON,
};

const struct gantry_handler change_cancel_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "cancel",
	.summary = "Cancel an allocation",
	.handle = change_cancel,
	.operation = OPTIMISTIC_PASSES_ON,
};

const struct gantry_handler change_fulfill_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "fulfill",
	.summary = "Mark an allocation as fulfilled",
	.handle = change_fulfill,
	.operation = OPTIMISTIC_PASSES_ON,
};
