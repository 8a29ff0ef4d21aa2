/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guards - the states of the breakers, and what an operator says to them.
 * Nothing of it is stored, so it works while the storage is away; who said what
 * stands in the log.
 */
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/log.h"
#include "gateway/base/parse.h"

#define GUARDS_MAX_HOLD_MS (INT64_C(30) * 86400 * 1000)

static json_t *guards_tree(struct guard *guard)
{
	struct gantry_breaker_status s;
	json_t *tree;

	guard_status(guard, &s);
	tree = json_pack("{ss ss sb sI sI sI sI}", "name", guard_name(guard), "state",
			 guard_state_name(s.state), "held", s.held, "calls",
			 (json_int_t)s.calls, "failures", (json_int_t)s.failures,
			 "opened", (json_int_t)s.opened, "refused",
			 (json_int_t)s.refused);
	if (s.until_ms > 0)
		json_object_set_new(tree, "endsInMs", json_integer(s.until_ms));
	return tree;
}

void guards_list(struct admin *admin, struct admin_job *job)
{
	struct breakers *breakers = job->m->graph->breakers;
	json_t *list = json_array();
	struct guard *guard;

	(void)admin;
	for (unsigned i = 0; (guard = breakers_at(breakers, i)) != NULL; i++)
		json_array_append_new(list, guards_tree(guard));
	admin_answer(job->m, json_pack("{sb so}", "success", 1, "data", list));
}

/* {"for": "5m"}, {} or nothing: 0, until the next order. -1 with m->error. */
static int guards_for(struct gantry_message *m, int64_t *for_ms_out)
{
	const json_t *body;
	const char *text;

	*for_ms_out = 0;
	if (m->body_len == 0)
		return 0;
	body = gantry_json(m, &m->error);
	text = json_string_value(json_object_get(body, "for"));
	if (json_is_object(body) && json_object_get(body, "for") == NULL)
		return 0;
	if (text != NULL && parse_duration(text, for_ms_out) && *for_ms_out > 0 &&
	    *for_ms_out <= GUARDS_MAX_HOLD_MS)
		return 0;
	if (body != NULL)
		gantry_problem(&m->error, "for", "must be a duration of 1ms to 30d");
	return error_set(&m->error, "VALIDATION_ERROR", "for: must be a duration of 1ms to 30d");
}

static void guards_order(struct admin *admin, struct admin_job *job,
			 enum gantry_breaker_order order, const char *verb)
{
	struct gantry_message *m = job->m;
	struct guard *guard = breakers_find(m->graph->breakers, job->name);
	int64_t for_ms;

	if (guard == NULL)
		error_set(&m->error, "BREAKER_NOT_FOUND", "There is no breaker \"%s\"",
			  job->name);
	if (guard == NULL || guards_for(m, &for_ms) < 0) {
		admin_refuse(m);
		return;
	}
	if (guard_order(guard, order, for_ms, &m->error) < 0) {
		error_set(&m->error, "INTERNAL_ERROR", "The breaker refuses");
		admin_refuse(m);
		return;
	}
	log_line(GANTRY_LOG_INFO, m->correlation_id, m->traceparent, "breaker %s: %s by %s",
		 guard_name(guard), verb, job->actor);
	admin_note(admin, job, "breaker", guard_name(guard), verb);
	admin_answer(m, json_pack("{sb so}", "success", 1, "data", guards_tree(guard)));
}

void guards_open(struct admin *admin, struct admin_job *job)
{
	guards_order(admin, job, GANTRY_BREAKER_HOLD_OPEN, "held open");
}

void guards_close(struct admin *admin, struct admin_job *job)
{
	guards_order(admin, job, GANTRY_BREAKER_HOLD_CLOSED, "held closed");
}

void guards_reset(struct admin *admin, struct admin_job *job)
{
	guards_order(admin, job, GANTRY_BREAKER_RESET, "reset");
}
