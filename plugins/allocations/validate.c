/* SPDX-License-Identifier: Apache-2.0 */
/* validate - see validate.h. */
#include "validate.h"

#include <stdlib.h>
#include <string.h>

const json_t *validate_body(struct gantry_message *m, struct gantry_error *err)
{
	const json_t *body = gantry_json(m, err);

	if (body != NULL && !json_is_object(body))
		gantry_problem(err, "", "must be an object");
	return json_is_object(body) ? body : NULL;
}

int validate_optional_body(struct gantry_message *m, const json_t **body_out,
			   struct gantry_error *err)
{
	size_t len;

	*body_out = NULL;
	gantry_body(m, &len);
	if (len == 0)
		return 0;
	*body_out = validate_body(m, err);
	return *body_out == NULL ? -1 : 0;
}

const char *validate_param(struct gantry_message *m, const char *name,
			   struct gantry_error *err)
{
	const char *id = gantry_param(m, name);

	if (id != NULL && gantry_is_text(id, strlen(id), GANTRY_MAX_ID))
		return id;
	gantry_problem(err, name,
		       "must be text of 1 to %d bytes without control characters",
		       GANTRY_MAX_ID);
	return NULL;
}

/* Whole seconds, since that is what the answer shows (D8). */
static int64_t validate_expires(const struct allocations *a, struct gantry_message *m,
				const json_t *object, const char *place,
				struct gantry_error *err)
{
	size_t before = gantry_problems(err);
	int64_t now = gantry_now_ms(m);
	int64_t ms = gantry_member_time(object, place, "expiresAt", err);
	const char *field;

	if (gantry_problems(err) > before)
		return 0;
	if (!json_is_string(json_object_get(object, "expiresAt")))
		return (now + a->ttl + 999) / 1000 * 1000;
	ms = ms / 1000 * 1000;
	field = gantry_format(m, "%sexpiresAt", place);
	if (ms <= now)
		gantry_problem(err, field, "must lie in the future");
	else if (ms > now + a->max_ttl)
		gantry_problem(err, field, "must lie at most %lld seconds ahead",
			       (long long)(a->max_ttl / 1000));
	return ms;
}

void validate_allocation(const struct allocations *a, struct gantry_message *m,
			 const json_t *object, const char *place,
			 struct gantry_command *command,
			 struct gantry_error *err)
{
	command->kind = GANTRY_ALLOCATE;
	command->no_shortage_event =
		a->insufficient_stock_events == ALLOCATIONS_SHORTAGES_EVENTS;
	command->order_item_id = gantry_member_text(object, place, "orderItemId",
						    GANTRY_MAX_ID, 0, err);
	command->item_id = gantry_member_text(object, place, "inventoryItemId",
					      GANTRY_MAX_ID, 0, err);
	command->quantity = gantry_member_integer(object, place, "quantity", 1,
						  ALLOCATIONS_MAX_QUANTITY, err);
	command->warehouse_id = gantry_member_text(object, place, "warehouseId",
						   GANTRY_MAX_ID,
						   GANTRY_OPTIONAL, err);
	command->expires_at_ms = validate_expires(a, m, object, place, err);
}

static int64_t validate_limit(const char *text)
{
	char *end;
	long limit;

	if (*text < '0' || *text > '9')
		return 0;
	limit = strtol(text, &end, 10);
	return *end == '\0' && limit <= ALLOCATIONS_MAX_PAGE ? limit : 0;
}

int validate_page(struct gantry_message *m, struct gantry_query *query,
		  struct gantry_error *err)
{
	const char *limit = gantry_query(m, "limit");
	size_t before = gantry_problems(err);

	query->after = gantry_query(m, "after");
	query->limit = limit == NULL ? 100 : validate_limit(limit);
	if (query->limit == 0)
		gantry_problem(err, "limit", "must be a whole number from 1 to %d",
			       ALLOCATIONS_MAX_PAGE);
	if (query->after != NULL &&
	    !gantry_is_text(query->after, strlen(query->after), GANTRY_MAX_ID))
		gantry_problem(err, "after", "must be what \"next\" said");
	return gantry_problems(err) > before ? -1 : 0;
}

enum gantry_verdict validate_reject(struct gantry_error *err)
{
	/* the message is the code's own, or says where the JSON is wrong */
	return gantry_reject(err, "VALIDATION_ERROR");
}
