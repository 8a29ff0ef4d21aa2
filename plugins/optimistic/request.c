/* SPDX-License-Identifier: Apache-2.0 */
/* request - see request.h. */
#include "request.h"

#include <string.h>

#define REQUEST_MAX_QUANTITY INT64_C(1000000000)
#define REQUEST_MAX_KEY 255

/* What the inventory side takes for a correlation id: printable ASCII. */
static bool request_is_plain(const char *text, size_t max)
{
	size_t len = text != NULL ? strlen(text) : 0;

	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return len > 0 && len <= max;
}

/* What concerns an order is correlated by it, if the caller said nothing (D14). */
static const char *request_correlation(struct gantry_message *m,
				       const struct request *r)
{
	const char *said = gantry_header(m, "X-Correlation-ID");

	if (request_is_plain(said, GANTRY_MAX_ID))
		return said;
	return request_is_plain(r->order_id, GANTRY_MAX_ID) ? r->order_id : r->id;
}

const char *request_key(struct gantry_message *m, const char *id,
			struct gantry_error *err)
{
	const char *said = gantry_header(m, "Idempotency-Key"), *key;

	if (said == NULL)
		return id;
	/* escaped, so that no two callers come to one key */
	key = gantry_format(m, "%s:%s", gantry_escape(m, gantry_subject(m)), said);
	if (strlen(key) <= REQUEST_MAX_KEY)
		return key;
	gantry_problem(err, "Idempotency-Key",
		       "must have at most %d bytes together with the name of the sender",
		       REQUEST_MAX_KEY);
	return NULL;
}

static void request_read_members(struct gantry_message *m, struct request *r,
				 const json_t *body, struct gantry_error *err)
{
	size_t before;

	r->order_id = gantry_member_text(body, "", "orderId", GANTRY_MAX_ID, 0, err);
	r->order_item_id = gantry_member_text(body, "", "orderItemId", GANTRY_MAX_ID, 0,
					      err);
	r->item_id = gantry_member_text(body, "", "inventoryItemId", GANTRY_MAX_ID, 0,
					err);
	r->quantity = gantry_member_integer(body, "", "quantity", 1,
					    REQUEST_MAX_QUANTITY, err);
	r->warehouse_id = gantry_member_text(body, "", "warehouseId", GANTRY_MAX_ID,
					     GANTRY_OPTIONAL, err);
	before = gantry_problems(err);
	r->expires_ms = gantry_member_time(body, "", "expiresAt", err) / 1000 * 1000;
	if (gantry_problems(err) == before && r->expires_ms <= gantry_now_ms(m) &&
	    json_is_string(json_object_get(body, "expiresAt")))
		gantry_problem(err, "expiresAt", "must lie in the future");
}

enum gantry_verdict request_read(const struct optimistic *o, struct gantry_message *m,
				 struct request *request, struct gantry_error *err)
{
	const json_t *body = gantry_json(m, err);

	*request = (struct request){ .id = gantry_mint(m, OPTIMISTIC_PREFIX) };
	request->body = gantry_body(m, &request->body_len);
	if (body == NULL)
		return gantry_reject(err, "VALIDATION_ERROR");
	if ((int64_t)request->body_len > o->max_body) {
		gantry_fail(err, "The body is larger than %lld bytes",
			    (long long)o->max_body);
		return gantry_reject(err, "PAYLOAD_TOO_LARGE");
	}
	request->key = request_key(m, request->id, err);
	if (json_is_object(body))
		request_read_members(m, request, body, err);
	else
		gantry_problem(err, "", "must be an object");
	if (gantry_problems(err) > 0)
		return gantry_reject(err, "VALIDATION_ERROR");
	request->correlation_id = request_correlation(m, request);
	return GANTRY_NEXT;
}

const struct gantry_answer *request_send(const struct optimistic *o,
					 struct gantry_message *m,
					 const struct request *request,
					 struct gantry_error *err)
{
	const char *const headers[] = {
		gantry_format(m, "Idempotency-Key: %s", request->key), NULL
	};

	return gantry_call(m, &GANTRY_REQUEST(
		.upstream = o->inventory_service, .method = "POST",
		.path = "/allocations", .headers = headers, .body = request->body,
		.body_len = request->body_len, .order_id = request->order_id,
		.correlation_id = request->correlation_id), err);
}

void request_show(struct gantry_writer *w, const char *name,
		  const struct request *request, int64_t since_ms)
{
	gantry_write_object(w, name);
	gantry_write_text(w, "id", request->id);
	gantry_write_text(w, "orderId", request->order_id);
	gantry_write_text(w, "orderItemId", request->order_item_id);
	gantry_write_text(w, "inventoryItemId", request->item_id);
	gantry_write_text(w, "warehouseId", request->warehouse_id);
	gantry_write_int(w, "quantity", request->quantity);
	gantry_write_text(w, "status", "OPTIMISTIC");
	gantry_write_time(w, "expiresAt", request->expires_ms);
	gantry_write_time(w, "createdAt", since_ms);
	gantry_write_time(w, "updatedAt", since_ms);
	gantry_write_end(w);
}
