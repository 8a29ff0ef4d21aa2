/* SPDX-License-Identifier: Apache-2.0 */
/* outbox - the events that wait to be published: how many, and the oldest. */
#include <inttypes.h>

#include "gateway/admin/private.h"
#include "gateway/base/clock.h"
#include "gateway/commit/schema.h"
#include "gateway/observe/status.h"

struct outbox_page {
	json_t *events;
	int64_t last;
};

static json_t *outbox_text(const struct gantry_value *value)
{
	return value->kind == GANTRY_NULL ? json_null() :
		json_stringn(value->is.text, value->len);
}

/* Without its body, which may tell of people. */
static int outbox_row(void *context, size_t key, const struct gantry_value *v)
{
	struct outbox_page *page = context;
	char at[CLOCK_TEXT], ref[24];

	(void)key;
	page->last = v[OUTBOX_REF].is.number;
	snprintf(ref, sizeof(ref), "%" PRId64, page->last);
	clock_format(v[OUTBOX_CREATED_AT].is.number, at);
	json_array_append_new(page->events, json_pack(
		"{ss so so so so so so so so ss so}", "ref", ref,
		"eventId", outbox_text(&v[OUTBOX_EVENT_ID]),
		"type", outbox_text(&v[OUTBOX_TYPE]),
		"aggregateId", outbox_text(&v[OUTBOX_AGGREGATE_ID]),
		"exchange", outbox_text(&v[OUTBOX_EXCHANGE]),
		"routingKey", outbox_text(&v[OUTBOX_ROUTING_KEY]),
		"traceparent", outbox_text(&v[OUTBOX_TRACEPARENT]),
		"tracestate", outbox_text(&v[OUTBOX_TRACESTATE]),
		"owner", outbox_text(&v[OUTBOX_OWNER]), "createdAt", at,
		"cause", outbox_text(&v[OUTBOX_CAUSE])));
	return 0;
}

static void outbox_answer(struct admin *admin, struct gantry_message *m,
			  struct outbox_page *page, bool more)
{
	struct committer_outbox o = committer_outbox(admin_options(admin)->status->committer);
	char text[CLOCK_TEXT];
	json_t *tree;

	tree = json_pack("{sI sb sb sI so}", "rows", (json_int_t)o.rows, "warn", o.warn,
			 "full", o.full, "dropped", (json_int_t)o.dropped, "events",
			 page->events);
	if (o.rows > 0 && o.oldest_ms > 0) {
		clock_format(o.oldest_ms, text);
		json_object_set_new(tree, "oldestAt", json_string(text));
	}
	tree = json_pack("{sb so}", "success", 1, "data", tree);
	if (more) {
		snprintf(text, sizeof(text), "%" PRId64, page->last);
		json_object_set_new(tree, "next", json_string(text));
	}
	admin_answer(m, tree);
}

void look_outbox(struct admin *admin, struct admin_job *job)
{
	const struct query_store *store = &admin_options(admin)->store;
	struct gantry_message *m = job->m;
	struct outbox_page page = { .last = 0 };
	struct gantry_sink sink = { outbox_row, &page };
	int64_t after = 0;
	struct gantry_value from;
	struct gantry_range range = { .size = sizeof(range), .table = COMMIT_OUTBOX,
				      .index = GANTRY_BY_REF, .from = &from,
				      .n_from = 1, .from_after = true };

	range.limit = look_limit(m);
	if (range.limit == 0 || !look_ref(m, "after", &after))
		return;
	from = (struct gantry_value){ .kind = GANTRY_INT64, .is.number = after };
	page.events = json_array();
	if (store->storage->scan(store->self, &range, &sink, &m->error) != GANTRY_STORED) {
		json_decref(page.events);
		admin_refuse(m);
		return;
	}
	outbox_answer(admin, m, &page, json_array_size(page.events) == range.limit);
}
