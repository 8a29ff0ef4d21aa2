/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - one step of a pass: plan for whoever asks for it and carries the cursor,
 * run by the schedule, with the cursor in a record.
 */
#include <string.h>

#include <gantry/member.h>

#include "describe.h"
#include "pass.h"
#include "runs.h"

#define PLAN_GIVEN 20		/* ids in one request */

static int plan_step(struct pass *pass, struct gantry_error *err)
{
	if (pass_is_at(pass, "orders"))
		return orders_step(pass, err);
	if (pass_is_at(pass, "counters"))
		return counters_step(pass, err);
	return events_step(pass, err);
}

static enum gantry_verdict plan_reject(struct gantry_error *err)
{
	gantry_fail(err, "The request is not valid");
	return gantry_reject(err, "VALIDATION_ERROR");
}

/* {"cursor": of the answer before, "orders": ids of orders to look at, too} */
static bool plan_read(struct gantry_message *m, const json_t **cursor_out,
		      const json_t **ids_out, struct gantry_error *err)
{
	const json_t *body = gantry_json(m, err);

	if (body == NULL)
		return false;
	if (!json_is_object(body)) {
		gantry_problem(err, "body", "must be an object");
		return false;
	}
	*cursor_out = gantry_member_object(body, "", "cursor", GANTRY_OPTIONAL, err);
	*ids_out = gantry_member_list(body, "", "orders", PLAN_GIVEN, GANTRY_OPTIONAL, err);
	for (size_t i = 0; i < json_array_size(*ids_out); i++) {
		const json_t *id = json_array_get(*ids_out, i);

		if (!json_is_string(id) ||
		    !gantry_is_text(json_string_value(id), json_string_length(id),
				    GANTRY_MAX_ID))
			gantry_problem(err, gantry_format(m, "orders[%zu]", i),
				       "must be the id of an order");
	}
	return gantry_problems(err) == 0;
}

static enum gantry_verdict plan_answer(struct pass *pass, const char *drifts,
				       size_t len, struct gantry_error *err)
{
	struct gantry_writer *w = gantry_writer(pass->m);
	const char *text;

	gantry_write_object(w, NULL);
	gantry_write_bool(w, "success", true);
	gantry_write_object(w, "data");
	gantry_write_raw(w, "drifts", drifts, len);
	text = pass_cursor(pass, &len);
	gantry_write_bool(w, "done", pass_is_at(pass, "done"));
	gantry_write_raw(w, "cursor", text, len);
	gantry_write_end(w);
	gantry_write_end(w);
	text = gantry_written(w, &len);
	return gantry_reply_text(pass->m, 200, text, len, err) < 0 ? GANTRY_FAILED :
								     GANTRY_DONE;
}

static int plan_keep(struct pass *pass, const char *kind, struct gantry_error *err)
{
	size_t len;
	const char *text = pass_summary(pass, kind, &len);

	return runs_keep(pass->m, text, len, err);
}

static enum gantry_verdict plan_handle(void *self, struct gantry_message *m,
				       struct gantry_error *err)
{
	const json_t *cursor, *ids;
	const char *drifts;
	struct pass pass;
	size_t len;

	if (!plan_read(m, &cursor, &ids, err))
		return plan_reject(err);
	pass_begin(&pass, self, m, cursor, err);
	if (ids != NULL && pass.r->order_service == NULL) {
		gantry_problem(err, "orders", "there is no upstream to ask for them");
		return plan_reject(err);
	}
	if ((ids != NULL ? orders_given(&pass, ids, err) : plan_step(&pass, err)) < 0)
		return GANTRY_FAILED;
	drifts = pass_end(&pass, &len);
	if (pass_is_at(&pass, "done") && plan_keep(&pass, "plan", err) < 0)
		return GANTRY_FAILED;
	return plan_answer(&pass, drifts, len, err);
}

/* The cursor of the schedule; or its end, and the run is kept. */
static int run_keep(struct pass *pass, struct gantry_error *err)
{
	json_t *cursor;
	const char *text;
	size_t len;
	int result;

	if (pass_is_at(pass, "done")) {
		gantry_log(pass->m, GANTRY_LOG_INFO, "reconciliation %s: %lld orders, "
			   "%lld not judged, %lld compensations", pass->run,
			   (long long)pass->looked, (long long)pass->skipped,
			   (long long)pass->staged);
		result = gantry_record_put(pass->m, "pass", "cursor", NULL, err);
		return result < 0 ? -1 : plan_keep(pass, "schedule", err);
	}
	text = pass_cursor(pass, &len);
	cursor = json_loadb(text, len, 0, NULL);
	result = gantry_record_put(pass->m, "pass", "cursor", cursor, err);
	json_decref(cursor);
	return result < 0 ? -1 : gantry_again(pass->m, err);
}

static enum gantry_verdict run_handle(void *self, struct gantry_message *m,
				      struct gantry_error *err)
{
	const struct reconcile *r = self;
	const json_t *cursor = NULL;
	struct pass pass;
	size_t len;

	if (r->order_service == NULL)
		return GANTRY_DONE;	/* nothing to compare with */
	cursor = gantry_record_get(m, "pass", "cursor", err);
	if (gantry_asking(m))
		return GANTRY_FAILED;
	pass_begin(&pass, r, m, cursor, err);
	pass.applies = true;
	if (plan_step(&pass, err) < 0 || pass.failed)
		return GANTRY_FAILED;
	pass_end(&pass, &len);
	return run_keep(&pass, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

/* What was not to be, somebody should know of. */
static enum gantry_verdict run_settle(const void *self, struct gantry_message *m,
				      struct gantry_error *err)
{
	int first = gantry_first_step(m), n = gantry_steps(m);

	(void)self;
	(void)err;
	for (int i = 0; i < n; i++) {
		const struct gantry_outcome *outcome = gantry_outcome(m, first + i);

		if (outcome->result == GANTRY_REFUSED)
			gantry_log(m, GANTRY_LOG_WARNING,
				   "a compensation was refused: %s", outcome->error);
	}
	return GANTRY_DONE;
}

const struct gantry_handler plan_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "plan",
	.summary = "Look for drift, a page at a time, and propose what mends it",
	.handle = plan_handle,
	.operation = describe_plan,
};

const struct gantry_handler run_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "run",
	.summary = "By the schedule: look for drift, and mend what may be mended",
	.handle = run_handle,
	.settle = run_settle,
	.events = describe_mended,
};
