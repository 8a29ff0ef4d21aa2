/* SPDX-License-Identifier: Apache-2.0 */
/* create - POST /allocations: passed on, or kept until it can be. */
#include "answer.h"
#include "kept.h"

static json_t *create_shown(struct gantry_message *m, const struct request *r)
{
	struct gantry_writer *w = gantry_writer(m);
	const char *shown;
	size_t len;

	request_show(w, NULL, r, gantry_now_ms(m));
	shown = gantry_written(w, &len);
	return json_loadb(shown, len, 0, NULL);
}

/* The request, and how it is shown: by itself, and among its order's. */
static int create_put(struct gantry_message *m, const struct request *r,
		      struct gantry_error *err)
{
	json_t *shown = create_shown(m, r);
	json_t *value = json_pack("{s:s, s:s, s:s, s:s%, s:o}", "order", r->order_id,
				  "key", r->key, "correlation", r->correlation_id,
				  "body", r->body, r->body_len, "data", shown);
	int done = gantry_record_put(m, KEPT_WAITING, r->id, value, err);

	if (done == 0)
		done = gantry_record_put(m, kept_order_space(m, r->order_id), r->id,
					 shown, err);
	json_decref(value);
	return done;
}

static enum gantry_verdict create_full(struct gantry_error *err, const char *of)
{
	gantry_fail(err, "As many requests%s wait for the inventory side as may", of);
	return gantry_retry(err, "OVERLOADED");
}

static enum gantry_verdict create_accepted(struct gantry_message *m,
					   const struct request *r,
					   struct gantry_error *err)
{
	const char *place = gantry_format(m, "/allocations/%s", r->id), *text;
	struct gantry_writer *w = gantry_writer(m);
	size_t len;

	gantry_write_object(w, NULL);
	gantry_write_bool(w, "success", true);
	request_show(w, "data", r, gantry_now_ms(m));
	gantry_write_end(w);
	text = gantry_written(w, &len);
	if (gantry_reply_header(m, "Location", place, err) < 0 ||
	    gantry_reply_text(m, 202, text, len, err) < 0)
		return GANTRY_FAILED;
	return GANTRY_DONE;
}

static enum gantry_verdict create_keep(const struct optimistic *o,
				       struct gantry_message *m,
				       const struct request *r, struct line *line,
				       struct gantry_error *err)
{
	const char *key = kept_line_key(m, r->order_id, r->order_item_id);
	int64_t share = kept_share(o, r->order_id);
	const struct line_place *place;
	const json_t *count;
	int64_t waiting;

	if (kept_get(m, KEPT_SHARE, kept_share_key(m, share), &count, err) < 0)
		return GANTRY_FAILED;
	waiting = json_integer_value(count);
	if (waiting >= kept_share_size(o))
		return create_full(err, "");
	place = line_join(line, &(const struct line_place){
			.id = r->id, .order = r->order_id, .item = r->order_item_id,
			.share = share, .since_ms = gantry_now_ms(m) });
	if (place == NULL)
		return create_full(err, " of this order item");
	if (create_put(m, r, err) < 0 ||
	    kept_put_share(m, share, waiting + 1, err) < 0 ||
	    kept_put_turn(m, key, place, err) < 0 ||
	    kept_put_line(m, key, line, err) < 0)
		return GANTRY_FAILED;
	return create_accepted(m, r, err);
}

/*
 * What waits of the order item is before us. Who sends two at once gets them in
 * any order, also here.
 */
static enum gantry_verdict create_handle(void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	const struct optimistic *o = self;
	const struct gantry_answer *answer;
	enum gantry_verdict verdict;
	struct request r;
	struct line line;

	verdict = request_read(o, m, &r, err);
	if (verdict != GANTRY_NEXT)
		return verdict;
	if (kept_line(m, kept_line_key(m, r.order_id, r.order_item_id), &line, err) < 0)
		return GANTRY_FAILED;
	if (line_has_item(&line, r.order_id, r.order_item_id))
		return create_keep(o, m, &r, &line, err);
	answer = request_send(o, m, &r, NULL);
	if (gantry_asking(m))
		return GANTRY_FAILED;
	if (answer_judge(answer) != ANSWER_AWAY)
		return answer_pass(o, m, answer, err);
	if (answer != NULL)
		gantry_log(m, GANTRY_LOG_WARNING, "%s answers %d to an allocation, which waits now",
			   o->inventory_service, answer->status);
	return create_keep(o, m, &r, &line, err);
}

const struct gantry_handler create_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "create",
	.summary = "Allocate, or accept that it is done later",
	.handle = create_handle,
	.operation = GANTRY_JSON({
		"tags": ["Allocations"],
		"x-passes-on": true,
		"responses": {"202": {
			"description": "It is kept, and made as soon as the inventory side is there",
			"headers": {"Location": {"description": "Where to look for it",
				"required": true, "schema": {"type": "string"}}},
			"content": {"application/json": {"schema": {
				"type": "object", "required": ["success", "data"],
				"properties": {"success": {"const": true},
					"data": {"type": "object",
						"required": ["id", "status"],
						"properties": {
							"id": {"type": "string"},
							"status": {"const": "OPTIMISTIC"}},
						"additionalProperties": true}}}}}}}
	}),
};
