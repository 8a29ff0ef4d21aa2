/* SPDX-License-Identifier: Apache-2.0 */
/* answer - see answer.h. */
#include "answer.h"

#include <string.h>

static bool answer_is_success(const struct gantry_answer *answer)
{
	return answer->status >= 200 && answer->status < 300 &&
	       json_is_true(json_object_get(answer->json, "success"));
}

static const json_t *answer_error(const struct gantry_answer *answer)
{
	return json_object_get(answer->json, "error");
}

const char *answer_code(const struct gantry_answer *answer)
{
	return json_string_value(json_object_get(answer_error(answer), "code"));
}

const char *answer_id(const struct gantry_answer *answer)
{
	const json_t *data = json_object_get(answer->json, "data");

	return json_string_value(json_object_get(data, "id"));
}

/* Statuses by which the interface says no to a request. */
static bool answer_is_no(const struct gantry_answer *answer)
{
	static const int statuses[] = { 400, 404, 409, 410, 413, 422, 0 };
	const char *code = answer_code(answer);
	unsigned i = 0;

	while (statuses[i] != 0 && statuses[i] != answer->status)
		i++;
	return statuses[i] != 0 && code != NULL && strcmp(code, "ROUTE_NOT_FOUND") != 0;
}

static bool answer_is_retryable(const struct gantry_answer *answer)
{
	return json_is_true(json_object_get(answer_error(answer), "retryable"));
}

enum answer_is answer_judge(const struct gantry_answer *answer)
{
	if (answer == NULL)
		return ANSWER_AWAY;
	if (answer_is_success(answer))
		return answer_id(answer) != NULL ? ANSWER_ALLOCATED : ANSWER_AWAY;
	return answer_is_no(answer) && !answer_is_retryable(answer) ? ANSWER_REFUSED :
								      ANSWER_AWAY;
}

/* A no that may be a yes later must not be kept for an Idempotency-Key. */
static bool answer_is_ours(const struct gantry_answer *answer, const char *method)
{
	if (answer_is_success(answer))
		return true;
	return answer_is_no(answer) &&
	       (strcmp(method, "POST") != 0 || !answer_is_retryable(answer));
}

enum gantry_verdict answer_pass(const struct optimistic *o, struct gantry_message *m,
				const struct gantry_answer *answer,
				struct gantry_error *err)
{
	const char *location = gantry_answer_header(answer, "Location");

	if (!answer_is_ours(answer, gantry_method(m))) {
		gantry_fail(err, "%s answers %d", o->inventory_service, answer->status);
		return answer_away(err);
	}
	if (location != NULL && gantry_reply_header(m, "Location", location, err) < 0)
		return GANTRY_FAILED;
	return gantry_reply_text(m, answer->status, answer->body, answer->body_len,
				 err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

enum gantry_verdict answer_away(struct gantry_error *err)
{
	return gantry_retry(err, "INVENTORY_SERVICE_UNAVAILABLE");
}

enum gantry_verdict answer_waits(struct gantry_message *m, struct gantry_error *err)
{
	if (gantry_header_always(m, "Retry-After", "1", err) < 0)
		return GANTRY_FAILED;
	return gantry_reject(err, "ALLOCATION_OPTIMISTIC");
}
