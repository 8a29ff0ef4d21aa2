/* SPDX-License-Identifier: Apache-2.0 */
/* look - see look.h; GET of one, of an order's, and of all that wait. */
#include "look.h"

#include <string.h>

#include "answer.h"
#include "kept.h"

#define LOOK_MAX_PAGE 1000

static const char *look_param(struct gantry_message *m, const char *name,
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

static enum gantry_verdict look_refused(struct gantry_message *m, const json_t *ended,
					struct gantry_error *err)
{
	const char *text = json_string_value(json_object_get(ended, "answer"));
	json_int_t status = json_integer_value(json_object_get(ended, "status"));

	if (text == NULL) {
		gantry_fail(err, "what became of a request cannot be read");
		return GANTRY_FAILED;
	}
	return gantry_reply_text(m, (int)status, text, strlen(text), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

enum gantry_verdict look_up(struct gantry_message *m, const char **id_out,
			    const json_t **waiting_out, struct gantry_error *err)
{
	const char *id = look_param(m, "id", err);
	const json_t *ended;

	*waiting_out = NULL;
	*id_out = id;
	if (id == NULL)
		return gantry_reject(err, "VALIDATION_ERROR");
	if (strncmp(id, OPTIMISTIC_PREFIX, strlen(OPTIMISTIC_PREFIX)) != 0)
		return GANTRY_NEXT;
	/* asked for together, so seen together */
	*waiting_out = gantry_record_get(m, KEPT_WAITING, id, err);
	if (kept_get(m, KEPT_ENDED, id, &ended, err) < 0)
		return GANTRY_FAILED;
	if (*waiting_out != NULL)
		return GANTRY_NEXT;
	if (ended == NULL)
		return gantry_reject(err, "ALLOCATION_NOT_FOUND");
	*id_out = json_string_value(json_object_get(ended, "allocation"));
	return *id_out != NULL ? GANTRY_NEXT : look_refused(m, ended, err);
}

static const struct gantry_answer *look_ask(const struct optimistic *o,
					    struct gantry_message *m, const char *path,
					    const char *order_id,
					    struct gantry_error *err)
{
	return gantry_call(m, &GANTRY_REQUEST(.upstream = o->inventory_service,
					      .path = path, .order_id = order_id),
			   err);
}

static enum gantry_verdict look_end(struct gantry_message *m, struct gantry_writer *w,
				    struct gantry_error *err)
{
	const char *text;
	size_t len;

	gantry_write_end(w);
	text = gantry_written(w, &len);
	return gantry_reply_text(m, 200, text, len, err) < 0 ? GANTRY_FAILED :
							       GANTRY_DONE;
}

static struct gantry_writer *look_begin(struct gantry_message *m)
{
	struct gantry_writer *w = gantry_writer(m);

	gantry_write_object(w, NULL);
	gantry_write_bool(w, "success", true);
	return w;
}

static enum gantry_verdict look_get(void *self, struct gantry_message *m,
				    struct gantry_error *err)
{
	const struct gantry_answer *answer;
	const json_t *waiting;
	const char *id;
	enum gantry_verdict verdict = look_up(m, &id, &waiting, err);
	struct gantry_writer *w;

	if (verdict != GANTRY_NEXT)
		return verdict;
	if (waiting != NULL) {
		w = look_begin(m);
		gantry_write_json(w, "data", json_object_get(waiting, "data"));
		return look_end(m, w, err);
	}
	answer = look_ask(self, m, gantry_format(m, "/allocations/%s",
						 gantry_escape(m, id)), NULL, err);
	if (gantry_asking(m))
		return GANTRY_FAILED;
	return answer != NULL ? answer_pass(self, m, answer, err) : answer_away(err);
}

/* The query of a listing, passed on as it came. */
static const char *look_page(struct gantry_message *m)
{
	const char *limit = gantry_query(m, "limit"), *after = gantry_query(m, "after");
	const char *query = "";

	if (limit != NULL)
		query = gantry_format(m, "?limit=%s", gantry_escape(m, limit));
	if (after != NULL)
		query = gantry_format(m, "%s%safter=%s", query, *query ? "&" : "?",
				      gantry_escape(m, after));
	return query;
}

static bool look_is(const json_t *a, const json_t *b, const char *name)
{
	return json_equal(json_object_get(a, name), json_object_get(b, name));
}

/* It was made while we asked: then it is shown as what it has become. */
static bool look_is_there(const json_t *list, const json_t *shown)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		const char *status = json_string_value(json_object_get(one, "status"));

		if (status != NULL && strcmp(status, "CANCELLED") != 0 &&
		    look_is(one, shown, "orderItemId") &&
		    look_is(one, shown, "inventoryItemId"))
			return true;
	}
	return false;
}

static void look_write_list(struct gantry_writer *w, const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		gantry_write_json(w, NULL, one);
}

/* The inventory side's list, and what waits behind it. */
static enum gantry_verdict look_join(struct gantry_message *m, const json_t *list,
				     const json_t *waiting, struct gantry_error *err)
{
	struct gantry_writer *w = look_begin(m);
	const json_t *shown;
	size_t i;

	gantry_write_array(w, "data");
	look_write_list(w, list);
	json_array_foreach(waiting, i, shown)
		if (!look_is_there(list, shown))
			gantry_write_json(w, NULL, shown);
	gantry_write_end(w);
	return look_end(m, w, err);
}

/* A page that has another one behind it is passed on as it is. */
static enum gantry_verdict look_list_of(const struct optimistic *o,
					struct gantry_message *m,
					const struct gantry_answer *answer,
					const json_t *waiting, struct gantry_error *err)
{
	const json_t *list = json_object_get(answer->json, "data");

	if (answer->status != 200 || !json_is_array(list) ||
	    json_array_size(waiting) == 0 ||
	    json_object_get(answer->json, "next") != NULL)
		return answer_pass(o, m, answer, err);
	return look_join(m, list, waiting, err);
}

static enum gantry_verdict look_order(void *self, struct gantry_message *m,
				      struct gantry_error *err)
{
	const char *order_id = look_param(m, "orderId", err), *path;
	const struct gantry_answer *answer;
	enum gantry_verdict verdict;
	json_t *waiting = NULL;

	if (order_id == NULL)
		return gantry_reject(err, "VALIDATION_ERROR");
	path = gantry_format(m, "/allocations/by-order/%s%s", gantry_escape(m, order_id),
			     look_page(m));
	/* what waits is looked at first: what leaves there meanwhile is in the list */
	if (kept_of_order(m, order_id, &waiting, err) < 0)
		return GANTRY_FAILED;
	answer = look_ask(self, m, path, order_id, err);
	if (gantry_asking(m))
		verdict = GANTRY_FAILED;
	else if (answer == NULL)
		verdict = answer_away(err);
	else
		verdict = look_list_of(self, m, answer, waiting, err);
	json_decref(waiting);
	return verdict;
}

static int look_limits(struct gantry_message *m, struct gantry_query *query,
		       struct gantry_error *err)
{
	const char *limit = gantry_query(m, "limit");
	json_t *number = limit != NULL ? json_loads(limit, JSON_DECODE_ANY, NULL) : NULL;

	query->after = gantry_query(m, "after");
	query->limit = json_integer_value(number);
	if (limit != NULL && (query->limit < 1 || query->limit > LOOK_MAX_PAGE))
		gantry_problem(err, "limit", "must be a whole number from 1 to %d",
			       LOOK_MAX_PAGE);
	json_decref(number);
	if (query->after != NULL &&
	    !gantry_is_text(query->after, strlen(query->after), GANTRY_MAX_ID))
		gantry_problem(err, "after", "must be what \"next\" said");
	return gantry_problems(err) > 0 ? -1 : 0;
}

static enum gantry_verdict look_list(void *self, struct gantry_message *m,
				     struct gantry_error *err)
{
	struct gantry_query query = GANTRY_QUERY(.name = "records", .key = KEPT_WAITING);
	const struct gantry_page *page;
	struct gantry_writer *w;
	const json_t *row;
	size_t i;

	(void)self;
	if (look_limits(m, &query, err) < 0)
		return gantry_reject(err, "VALIDATION_ERROR");
	page = gantry_find(m, &query, err);
	if (page == NULL)
		return GANTRY_FAILED;
	w = look_begin(m);
	gantry_write_array(w, "data");
	json_array_foreach(page->rows, i, row)
		gantry_write_json(w, NULL, json_object_get(json_object_get(row, "value"),
							   "data"));
	gantry_write_end(w);
	if (page->after != NULL)
		gantry_write_text(w, "next", page->after);
	return look_end(m, w, err);
}

const struct gantry_handler look_get_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "get",
	.summary = "Show an allocation, or a request that waits",
	.handle = look_get,
	.operation = OPTIMISTIC_PASSES_ON,
};

const struct gantry_handler look_order_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "by_order",
	.summary = "Show all allocations of an order and what waits of it",
	.handle = look_order,
	.operation = OPTIMISTIC_PASSES_ON,
};

const struct gantry_handler look_list_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "waiting",
	.summary = "Show all requests that wait",
	.handle = look_list,
};
