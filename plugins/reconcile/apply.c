/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply - what a plan proposes, under the conditions that it says. Each command
 * goes its own way: one whose rows moved is refused and told, the others are done.
 */
#include <string.h>

#include <gantry/member.h>
#include <gantry/write.h>

#include "describe.h"
#include "drift.h"
#include "runs.h"

#define APPLY_MAX 500		/* drifts in one request */

static enum gantry_verdict apply_reject(struct gantry_error *err)
{
	gantry_fail(err, "The plan is not valid");
	return gantry_reject(err, "VALIDATION_ERROR");
}

static bool apply_stage(const struct reconcile *r, struct gantry_message *m,
			const json_t *drift, size_t i, struct gantry_error *err)
{
	const char *place = gantry_format(m, "drifts[%zu]", i);
	struct gantry_command command;

	if (!json_is_object(drift)) {
		gantry_problem(err, place, "must be an object");
		return true;
	}
	place = gantry_format(m, "%s.", place);
	if (json_object_get(drift, "command") == NULL) {
		gantry_problem(err, gantry_format(m, "%scommand", place), "is required");
		return true;
	}
	if (!drift_command(drift, place, m, &command, err) || gantry_problems(err) > 0)
		return true;
	if (command.kind == GANTRY_ALLOCATE && command.expires_at_ms == 0 &&
	    command.allocation_id == NULL)
		command.expires_at_ms = (gantry_now_ms(m) + r->ttl + 999) / 1000 * 1000;
	return gantry_command(m, &command, err) >= 0;
}

/* The last message of an apply: {"run": {what became of it}}. */
static enum gantry_verdict apply_keep(struct gantry_message *m, const json_t *run,
				      struct gantry_error *err)
{
	static const char *const counts[] = { "applied", "stood", "moved", "refused" };
	struct gantry_writer *w = gantry_writer(m);
	const char *text;
	size_t len;

	gantry_write_object(w, NULL);
	gantry_write_text(w, "id", gantry_mint(m, "rec_"));
	gantry_write_text(w, "kind", "apply");
	gantry_write_time(w, "finishedAt", gantry_now_ms(m));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		gantry_write_int(w, counts[i], gantry_member_integer(
			run, "run.", counts[i], 0, INT64_C(1) << 53, err));
	gantry_write_end(w);
	if (gantry_problems(err) > 0)
		return apply_reject(err);
	text = gantry_written(w, &len);
	if (runs_keep(m, text, len, err) < 0)
		return GANTRY_FAILED;
	return gantry_reply_text(m, 200, "{\"success\":true,\"data\":[]}", 26, err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict apply_handle(void *self, struct gantry_message *m,
					struct gantry_error *err)
{
	const json_t *body = gantry_json(m, err), *drifts, *run;
	size_t n;

	if (!json_is_object(body)) {
		gantry_problem(err, "body", "must be an object");
		return apply_reject(err);
	}
	run = gantry_member_object(body, "", "run", GANTRY_OPTIONAL, err);
	if (run != NULL)
		return apply_keep(m, run, err);
	drifts = gantry_member_list(body, "", "drifts", APPLY_MAX, 0, err);
	n = json_array_size(drifts);
	for (size_t i = 0; i < n; i++)
		if (!apply_stage(self, m, json_array_get(drifts, i), i, err))
			return GANTRY_FAILED;
	if (gantry_problems(err) > 0)
		return apply_reject(err);
	return n > 0 ? GANTRY_DONE : apply_reject(err);
}

static const char *apply_result(const struct gantry_outcome *outcome)
{
	if (outcome->result != GANTRY_REFUSED)
		return outcome->result == GANTRY_APPLIED ? "applied" : "stood";
	return strcmp(outcome->code, "PRECONDITION_FAILED") == 0 ? "moved" : "refused";
}

/* One result for each drift, in their order. */
static enum gantry_verdict apply_settle(const void *self, struct gantry_message *m,
					struct gantry_error *err)
{
	int first = gantry_first_step(m), n = gantry_steps(m);
	struct gantry_writer *w = gantry_writer(m);
	const char *text;
	size_t len;

	(void)self;
	if (n == 0)
		return GANTRY_DONE;	/* handle has answered */
	gantry_write_object(w, NULL);
	gantry_write_bool(w, "success", true);
	gantry_write_array(w, "data");
	for (int i = 0; i < n; i++) {
		const struct gantry_outcome *outcome = gantry_outcome(m, first + i);

		gantry_write_object(w, NULL);
		gantry_write_text(w, "result", apply_result(outcome));
		if (outcome->error != NULL)
			gantry_write_raw(w, "error", outcome->error, strlen(outcome->error));
		gantry_write_end(w);
	}
	gantry_write_end(w);
	gantry_write_end(w);
	text = gantry_written(w, &len);
	return gantry_reply_text(m, 200, text, len, err) < 0 ? GANTRY_FAILED :
							       GANTRY_DONE;
}

const struct gantry_handler apply_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "apply",
	.summary = "Do what a plan proposes, where nothing has moved",
	.handle = apply_handle,
	.settle = apply_settle,
	.operation = describe_apply,
	.events = describe_mended,
};
