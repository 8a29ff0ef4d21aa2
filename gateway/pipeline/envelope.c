/* SPDX-License-Identifier: Apache-2.0 */
/* envelope - see envelope.h. The table is D9's. */
#include "gateway/pipeline/envelope.h"

#include <string.h>

#include "gateway/base/exposition.h"
#include "gateway/base/memory.h"
#include "gateway/base/writer.h"

static const struct envelope_code envelope_codes[] = {
	{ "VALIDATION_ERROR", 400, false, "The request is not valid" },
	{ "UNAUTHENTICATED", 401, false, "A valid token is needed" },
	{ "FORBIDDEN", 403, false, "The token has no role that may do this" },
	{ "ALLOCATION_NOT_FOUND", 404, false, "There is no such allocation" },
	{ "INVENTORY_ITEM_NOT_FOUND", 404, false, "There is no such inventory item" },
	{ "ORDER_NOT_FOUND", 404, false, "There is no such order" },
	{ "RETURN_NOT_FOUND", 404, false, "There is no such return" },
	{ "DEAD_LETTER_NOT_FOUND", 404, false, "There is no such dead letter" },
	{ "BREAKER_NOT_FOUND", 404, false, "There is no such breaker" },
	{ "ROUTE_NOT_FOUND", 404, false, "There is nothing at this path" },
	{ "METHOD_NOT_ALLOWED", 405, false, "This path has no such method" },
	{ "REQUEST_TIMEOUT", 408, false, "The request took too long to arrive" },
	{ "INSUFFICIENT_STOCK", 409, false, "Not enough inventory available" },
	{ "INVALID_STATE_TRANSITION", 409, false, "The status does not allow this" },
	{ "ALLOCATION_EXPIRED", 409, false, "The allocation has expired" },
	{ "ALLOCATION_EXISTS", 409, false, "The order item holds an allocation with another quantity" },
	{ "ORDER_TOO_LARGE", 409, false, "The order has too many allocations" },
	{ "ORDER_CANCELLED", 409, false, "The order is cancelled" },
	{ "ORDER_NOT_FULFILLED", 409, false, "Nothing of the order is fulfilled" },
	{ "ORDER_UNKNOWN", 409, false, "The order is not known" },
	{ "RETURN_EXISTS", 409, false, "There is a return with this id" },
	{ "RETURN_EXCEEDS_FULFILLED", 409, false, "More would come back than was fulfilled" },
	{ "RETURN_EXCEEDS_EXPECTED", 409, false, "More came back than was expected" },
	{ "QUANTITY_TOO_LARGE", 409, false, "The stock would grow beyond what can be counted" },
	{ "ITEM_EXISTS", 409, false, "There is an inventory item with this id" },
	{ "ADJUSTMENT_BELOW_RESERVED", 409, false, "The stock would fall below what is reserved" },
	{ "PRECONDITION_FAILED", 409, false, "The row has moved" },
	{ "RETRY_FAILED", 409, false, "It failed again" },
	{ "ALLOCATION_OPTIMISTIC", 409, true, "The allocation waits for the inventory side" },
	{ "IDEMPOTENCY_IN_PROGRESS", 409, true, "A request with this key is being handled" },
	{ "PAYLOAD_TOO_LARGE", 413, false, "The body is too large" },
	{ "UNSUPPORTED_MEDIA_TYPE", 415, false, "The body must be application/json" },
	{ "WAREHOUSE_MISMATCH", 422, false, "The item lies in another warehouse" },
	{ "RELOAD_REFUSED", 422, false, "The configuration is refused" },
	{ "IDEMPOTENCY_KEY_REUSED", 422, false, "The key was used with another request" },
	{ "RATE_LIMITED", 429, true, "Too many requests" },
	{ "HEADERS_TOO_LARGE", 431, false, "The head of the request is too large" },
	{ "INTERNAL_ERROR", 500, false, "Something is wrong inside" },
	{ "UPSTREAM_UNREACHABLE", 502, true, "The service behind cannot be reached now" },
	{ "UPSTREAM_BAD_ANSWER", 502, true, "The answer of the service behind cannot be passed on" },
	{ "UPSTREAM_TIMEOUT", 504, true, "The service behind did not answer in time" },
	{ "STORAGE_UNAVAILABLE", 503, true, "The storage cannot be used now" },
	{ "ORDER_SERVICE_UNAVAILABLE", 503, true, "The Order Service cannot be reached now" },
	{ "INVENTORY_SERVICE_UNAVAILABLE", 503, true, "The Inventory Service cannot be reached now" },
	{ "CIRCUIT_OPEN", 503, true, "The way there is closed for now" },
	{ "OVERLOADED", 503, true, "Too much to do at the moment" },
};

static const struct envelope_code envelope_own = {
	NULL, 422, false, "The message was rejected",
};

const struct envelope_code *envelope_code(const char *code)
{
	for (size_t i = 0; i < ARRAY_LENGTH(envelope_codes); i++)
		if (*envelope_codes[i].code == *code &&
		    strcmp(envelope_codes[i].code, code) == 0)
			return &envelope_codes[i];
	return &envelope_own;
}

int envelope_status(const char *code)
{
	return envelope_code(code)->status;
}

static const char *envelope_write(struct arena *arena, const struct envelope_code *row,
				  const char *message, const char *details,
				  const char *correlation_id, size_t *len_out)
{
	struct writer w;

	writer_init(&w, arena, 512);
	writer_object(&w, NULL);
	writer_bool(&w, "success", false);
	writer_object(&w, "error");
	writer_text(&w, "code", row->code);
	writer_text(&w, "message", message != NULL && *message != '\0' ?
					   message : row->text);
	if (details != NULL)
		writer_raw(&w, "details", details, strlen(details));
	writer_bool(&w, "retryable", row->retryable);
	if (correlation_id != NULL)
		writer_text(&w, "correlationId", correlation_id);
	writer_end(&w);
	writer_end(&w);
	return writer_done(&w, len_out);
}

const char *envelope_text(struct arena *arena, const char *code,
			  const char *message, const char *details,
			  const char *correlation_id, size_t *len_out)
{
	struct envelope_code row = *envelope_code(code);

	row.code = code;
	return envelope_write(arena, &row, message, details, correlation_id, len_out);
}

static const char *envelope_dependency(enum gantry_dependency dependency)
{
	switch (dependency) {
	case GANTRY_DEPENDS_ON_STORAGE:
		return "STORAGE_UNAVAILABLE";
	case GANTRY_DEPENDS_ON_UPSTREAM:
		return "ORDER_SERVICE_UNAVAILABLE";
	default:
		return "OVERLOADED";
	}
}

char *envelope_summary(struct arena *arena, const struct gantry_error *err)
{
	const char *details = error_details(err);
	json_t *list = details != NULL ? json_loads(details, 0, NULL) : NULL;
	char *text = arena_text(arena, err->message);
	const json_t *problem;
	size_t i;

	json_array_foreach(list, i, problem) {
		const char *field, *what;

		field = json_string_value(json_object_get(problem, "field"));
		what = json_string_value(json_object_get(problem, "problem"));
		if (field == NULL || what == NULL)
			continue;
		text = arena_format(arena, "%s%s%s%s%s", text, *text == '\0' ? "" :
				    i == 0 ? ": " : "; ",
				    field, *field != '\0' ? " " : "", what);
	}
	json_decref(list);
	return text;
}

const char *envelope_cause(const struct gantry_error *err, enum gantry_verdict verdict)
{
	return err->code != NULL ? err->code :
	       verdict == GANTRY_REJECTED ? "VALIDATION_ERROR" : "INTERNAL_ERROR";
}

static void envelope_headers(struct gantry_message *m, int status)
{
	int64_t wait_s = (m->error.wait_ms + 999) / 1000;
	struct message_pair *retry;
	char wait[EXPOSITION_DECIMAL];
	size_t len;

	m->answer.headers = NULL;
	m->answer.n_headers = 0;
	if (status == 429 || status == 503) {
		retry = arena_alloc(&m->arena, sizeof(*retry));
		len = exposition_decimal(wait, wait_s > 1 ? (uint64_t)wait_s : 1, 0);
		*retry = (struct message_pair){ "Retry-After",
			arena_text_n(&m->arena, wait, len) };
		m->answer.headers = retry;
		m->answer.n_headers = 1;
	}
}

/* What failed may be tried again, whatever its code says of a rejection. */
static struct envelope_code envelope_row(const char *code, enum gantry_verdict verdict)
{
	struct envelope_code row = *envelope_code(code);

	row.code = code;
	if (verdict == GANTRY_FAILED && row.status < 500) {
		row.status = 503;
		row.retryable = true;
	}
	return row;
}

void envelope_fail(struct gantry_message *m, enum gantry_verdict verdict)
{
	const char *code = m->error.code;
	struct envelope_code row;

	if (code == NULL)
		code = verdict == GANTRY_REJECTED ?
			"VALIDATION_ERROR" : envelope_dependency(m->error.dependency);
	row = envelope_row(code, verdict);
	m->answer = (struct message_answer){ .verdict = verdict,
					     .status = row.status };
	m->answer.text = envelope_write(&m->arena, &row, m->error.message,
					error_details(&m->error),
					m->correlation_id, &m->answer.len);
	envelope_headers(m, m->answer.status);
}

void envelope_outcome(struct gantry_message *m, const char *outcome)
{
	struct writer w;

	writer_init(&w, &m->arena, 256);
	writer_object(&w, NULL);
	writer_bool(&w, "success", true);
	writer_object(&w, "data");
	writer_text(&w, "eventId", m->id);
	writer_text(&w, "outcome", outcome);
	writer_end(&w);
	writer_end(&w);
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE,
					     .status = 200,
					     .outcome = outcome };
	m->answer.text = writer_done(&w, &m->answer.len);
}
