/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-handler-show - one message and all that came of it as a tree, and the
 * tree on standard output. Empty lists are left out.
 */
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/cli/run-handler.h"
#include "gateway/commit/schema.h"
#include "gateway/pipeline/ask.h"
#include "gateway/pipeline/envelope.h"

static void show_text(json_t *tree, const char *name, const char *text)
{
	if (text != NULL)
		json_object_set_new(tree, name, json_string(text));
}

static void show_number(json_t *tree, const char *name, int64_t number)
{
	if (number != 0)
		json_object_set_new(tree, name, json_integer(number));
}

/* JSON as a tree, what is none as a text. */
static void show_json(json_t *tree, const char *name, const char *text, size_t len)
{
	json_t *value = json_loadb(text, len, JSON_DECODE_ANY, NULL);

	json_object_set_new(tree, name, value != NULL ? value : json_stringn(text, len));
}

static void show_list(json_t *tree, const char *name, json_t *list)
{
	if (json_array_size(list) > 0)
		json_object_set(tree, name, list);
	json_decref(list);
}

static json_t *show_ask(const struct message_ask *ask)
{
	json_t *tree = json_object();

	if (ask->kind == ASK_RECORD) {
		AUTO_FREE char *key = memory_text(ask->record);

		/* instance, space and key, with a sign between that is not shown */
		for (char *c = key; *c != '\0'; c++)
			*c = *c == '\x1f' ? '/' : *c;
		show_text(tree, "record", key);
		json_object_set_new(tree, "value", ask->value != NULL ?
				    json_incref(ask->value) : json_null());
	} else if (ask->kind == ASK_CALL) {
		const struct gantry_request *r = &ask->call->request;

		json_object_set_new(tree, "call", json_sprintf("%s %s", r->method, r->path));
		show_text(tree, "upstream", r->upstream);
	} else {
		show_text(tree, "query", ask->query.name);
		show_text(tree, "key", ask->query.key);
		show_text(tree, "after", ask->query.after);
		show_number(tree, "limit", ask->query.limit);
		json_object_set_new(tree, "rows",
				    json_integer((json_int_t)json_array_size(ask->rows)));
	}
	if (ask->error != NULL)
		show_text(tree, "error", ask->error->message);
	return tree;
}

static json_t *show_asks(const struct gantry_message *m)
{
	json_t *list = json_array();

	for (const struct message_ask *ask = m->asks; ask != NULL; ask = ask->next)
		json_array_append_new(list, show_ask(ask));
	return list;
}

static const char *show_kind(enum gantry_command_kind kind)
{
	static const char *const names[] = {
		[GANTRY_ALLOCATE] = "allocate", [GANTRY_CONFIRM] = "confirm",
		[GANTRY_CANCEL] = "cancel", [GANTRY_FULFILL] = "fulfill",
		[GANTRY_EXPIRE] = "expire", [GANTRY_ORDER_OPEN] = "open order",
		[GANTRY_ORDER_CONFIRM] = "confirm order",
		[GANTRY_ORDER_CANCEL] = "cancel order",
		[GANTRY_ITEM_CREATE] = "create item",
		[GANTRY_ITEM_ADJUST] = "adjust item",
		[GANTRY_RETURN_EXPECT] = "expect return",
		[GANTRY_RETURN_RECEIVE] = "receive return",
		[GANTRY_VERIFY] = "verify",
		[GANTRY_ITEM_RECOUNT] = "recount item",
	};

	return (size_t)kind < ARRAY_LENGTH(names) && names[kind] != NULL ? names[kind] :
									  "unknown";
}

static void show_command(json_t *tree, const struct gantry_command *c)
{
	char time[CLOCK_TEXT];

	show_text(tree, "command", show_kind(c->kind));
	show_text(tree, "orderId", c->order_id);
	show_text(tree, "orderItemId", c->order_item_id);
	show_text(tree, "inventoryItemId", c->item_id);
	show_text(tree, "allocationId", c->allocation_id);
	show_text(tree, "returnId", c->return_id);
	show_text(tree, "warehouseId", c->warehouse_id);
	show_text(tree, "sku", c->sku);
	show_text(tree, "productId", c->product_id);
	show_text(tree, "reason", c->reason);
	show_number(tree, "quantity", c->quantity);
	show_number(tree, "ifVersion", c->if_version);
	show_number(tree, "ifAllocations", c->if_allocations);
	if (c->expires_at_ms > 0 && c->expires_at_ms <= CLOCK_MAX_MS) {
		clock_format(c->expires_at_ms, time);
		show_text(tree, "expiresAt", time);
	}
	show_text(tree, "ifRefused", c->if_refused == GANTRY_IF_REFUSED_REJECT ?
				     "reject" : "go on");
}

static void show_event(json_t *tree, const struct gantry_event *e)
{
	show_text(tree, "publish", e->type);
	show_text(tree, "exchange", e->exchange);
	show_text(tree, "routingKey", e->routing_key);
	show_text(tree, "aggregateType", e->aggregate_type);
	show_text(tree, "aggregateId", e->aggregate_id);
	show_json(tree, "payload", e->payload_text, e->payload_len);
	if (e->even_if_rejected)
		json_object_set_new(tree, "evenIfRejected", json_true());
}

static void show_record(json_t *tree, const struct effect_record *record)
{
	AUTO_FREE char *key = memory_format("%s/%s/%s", record->instance, record->space,
					    record->key);

	show_text(tree, record->value != NULL ? "record" : "remove", key);
	if (record->value != NULL)
		show_json(tree, "value", record->value, record->value_len);
}

/* Replies and their headers are shown as the answer that they became. */
static json_t *show_effects(const struct gantry_message *m)
{
	json_t *list = json_array(), *tree;
	struct effect e;
	size_t cursor = 0;

	while (effects_next(&m->effects, &cursor, &e)) {
		tree = json_object();
		if (e.kind == EFFECT_COMMAND)
			show_command(tree, &e.as.command);
		else if (e.kind == EFFECT_EVENT)
			show_event(tree, &e.as.event);
		else if (e.kind == EFFECT_RECORD)
			show_record(tree, &e.as.record);
		else if (e.kind == EFFECT_AGAIN)
			json_object_set_new(tree, "again", json_true());
		if (json_object_size(tree) > 0)
			json_array_append(list, tree);
		json_decref(tree);
	}
	return list;
}

static json_t *show_outcomes(const struct gantry_message *m)
{
	static const char *const names[] = { [GANTRY_REFUSED] = "refused",
					     [GANTRY_APPLIED] = "applied",
					     [GANTRY_STOOD] = "stood" };
	json_t *list = json_array(), *tree;

	for (unsigned i = 0; i < m->n_outcomes; i++) {
		const struct gantry_outcome *o = m->outcomes[i];

		tree = json_object();
		show_text(tree, "result", names[o->result]);
		show_text(tree, "code", o->code);
		show_number(tree, "requested", o->requested);
		if (o->requested != 0)
			json_object_set_new(tree, "available",
					    json_integer(o->available));
		for (size_t k = 0; k < o->n_allocations && k < 1; k++) {
			show_text(tree, "allocationId", o->allocations[k]->id);
			show_text(tree, "status", o->allocations[k]->status);
		}
		json_array_append_new(list, tree);
	}
	return list;
}

void run_handler_change(json_t *changes, const struct gantry_change *change)
{
	static const char *const kinds[] = { [GANTRY_GONE] = "gone",
					     [GANTRY_CHANGED] = "changed",
					     [GANTRY_NEW] = "new" };
	const struct gantry_table *table = commit_schema.tables[change->table];
	json_t *tree;

	/* old rows that any unit takes along */
	if (change->kind == GANTRY_GONE && change->table != COMMIT_RECORDS)
		return;
	tree = json_pack("{ss ss}", "table", table->name, "row", kinds[change->kind]);
	for (unsigned i = 2; i < table->n_columns && change->kind != GANTRY_GONE; i++) {
		const struct gantry_value *v = &change->values[i];

		if (change->kind == GANTRY_CHANGED && !(change->mask >> i & 1))
			continue;
		if (v->kind == GANTRY_INT64)
			json_object_set_new(tree, table->columns[i]->name,
					    json_integer(v->is.number));
		else if (v->kind == GANTRY_STRING)
			show_json(tree, table->columns[i]->name, v->is.text, v->len);
	}
	json_array_append_new(changes, tree);
}

static json_t *show_reply(const struct gantry_message *m)
{
	const struct message_answer *a = &m->answer;
	json_t *tree = json_object();

	show_number(tree, "status", a->status);
	for (unsigned i = 0; i < a->n_headers; i++)
		show_text(tree, a->headers[i].name, a->headers[i].value);
	show_json(tree, "body", a->text, a->len);
	return tree;
}

json_t *run_handler_tree(const struct gantry_message *m, const json_t *changes)
{
	static const char *const verdicts[] = { [GANTRY_FAILED] = "FAILED",
						[GANTRY_REJECTED] = "REJECTED",
						[GANTRY_NEXT] = "NEXT",
						[GANTRY_DONE] = "DONE" };
	const struct route_step *step = &m->route->steps[m->step];
	json_t *tree = json_object();

	show_text(tree, "message", m->id);
	json_object_set_new(tree, "handler", json_sprintf("%s.%s", step->instance->name,
							  step->handler->name));
	show_text(tree, "verdict", verdicts[m->answer.verdict]);
	show_text(tree, "outcome", m->answer.outcome);
	if (m->answer.verdict != GANTRY_DONE) {
		struct arena arena = { 0 };

		show_text(tree, "code", envelope_cause(&m->error, m->answer.verdict));
		show_text(tree, "error", envelope_summary(&arena, &m->error));
		arena_fini(&arena);
	}
	show_list(tree, "asks", show_asks(m));
	show_list(tree, "effects", show_effects(m));
	show_list(tree, "outcomes", show_outcomes(m));
	show_list(tree, "stores", json_incref((json_t *)(uintptr_t)changes));
	json_object_set_new(tree, "reply", show_reply(m));
	return tree;
}

static void show_line(const char *name, const json_t *value)
{
	AUTO_FREE char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	printf("  %-8s  %s\n", name, text);
}

static void show_lines(const json_t *tree, const char *list, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(tree, list), i, item)
		show_line(name, item);
}

void run_handler_print(const json_t *tree, bool json)
{
	static const char *const texts[] = { "outcome", "code", "error" };

	if (json) {
		json_dumpf(tree, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	printf("%s: %s by %s\n", json_string_value(json_object_get(tree, "message")),
	       json_string_value(json_object_get(tree, "verdict")),
	       json_string_value(json_object_get(tree, "handler")));
	for (unsigned i = 0; i < ARRAY_LENGTH(texts); i++) {
		const json_t *text = json_object_get(tree, texts[i]);

		if (text != NULL)
			printf("  %-8s  %s\n", texts[i], json_string_value(text));
	}
	show_lines(tree, "asks", "asks");
	show_lines(tree, "effects", "effect");
	show_lines(tree, "outcomes", "decided");
	show_lines(tree, "stores", "stores");
	show_line("reply", json_object_get(tree, "reply"));
}
