/* SPDX-License-Identifier: Apache-2.0 */
/* headers - see headers.h. */
#include "gateway/source/amqp/headers.h"

#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/memory.h"

#define HEADERS_OURS "x-gantry-"
#define HEADERS_DEPTH 4

/* By the broker for its own purposes, or by which it routes. */
static const char *const headers_stripped[] = {
	"x-death", "x-first-death-queue", "x-first-death-reason",
	"x-first-death-exchange", "x-last-death-queue", "x-last-death-reason",
	"x-last-death-exchange", "x-delivery-count", "x-acquired-count", "CC", "BCC",
};

static bool headers_is(amqp_bytes_t key, const char *name)
{
	return key.len == strlen(name) && memcmp(key.bytes, name, key.len) == 0;
}

static bool headers_is_ours(amqp_bytes_t key)
{
	size_t n = sizeof(HEADERS_OURS) - 1;

	return key.len >= n && memcmp(key.bytes, HEADERS_OURS, n) == 0;
}

static bool headers_is_stripped(amqp_bytes_t key)
{
	for (size_t i = 0; i < ARRAY_LENGTH(headers_stripped); i++)
		if (headers_is(key, headers_stripped[i]))
			return true;
	return headers_is_ours(key);
}

static const amqp_field_value_t *headers_find(const amqp_table_t *table,
					      const char *key)
{
	for (int i = 0; i < table->num_entries; i++)
		if (headers_is(table->entries[i].key, key))
			return &table->entries[i].value;
	return NULL;
}

const char *headers_bytes_text(amqp_bytes_t bytes, struct arena *arena)
{
	if (bytes.len > 0 && memchr(bytes.bytes, '\0', bytes.len) != NULL)
		return NULL;
	return arena_text_n(arena, bytes.len > 0 ? bytes.bytes : "", bytes.len);
}

static bool headers_is_text(const amqp_field_value_t *value)
{
	return value != NULL && (value->kind == AMQP_FIELD_KIND_UTF8 ||
				 value->kind == AMQP_FIELD_KIND_BYTES);
}

const char *headers_text(const amqp_table_t *table, const char *key, struct arena *arena)
{
	const amqp_field_value_t *value = headers_find(table, key);

	return headers_is_text(value) ? headers_bytes_text(value->value.bytes, arena) :
					NULL;
}

static bool headers_integer(const amqp_field_value_t *value, int64_t *out)
{
	switch (value->kind) {
	case AMQP_FIELD_KIND_I8:
		*out = value->value.i8;
		return true;
	case AMQP_FIELD_KIND_U8:
		*out = value->value.u8;
		return true;
	case AMQP_FIELD_KIND_I16:
		*out = value->value.i16;
		return true;
	case AMQP_FIELD_KIND_U16:
		*out = value->value.u16;
		return true;
	case AMQP_FIELD_KIND_I32:
		*out = value->value.i32;
		return true;
	case AMQP_FIELD_KIND_U32:
		*out = value->value.u32;
		return true;
	case AMQP_FIELD_KIND_I64:
		*out = value->value.i64;
		return true;
	case AMQP_FIELD_KIND_U64:
	case AMQP_FIELD_KIND_TIMESTAMP:
		*out = (int64_t)value->value.u64;
		return true;
	default:
		return false;
	}
}

int64_t headers_number(const amqp_table_t *table, const char *key, int64_t most)
{
	const amqp_field_value_t *value = headers_find(table, key);
	int64_t number;

	if (value == NULL || !headers_integer(value, &number) || number < 0)
		return 0;
	return number < most ? number : most;
}

const struct message_pair *headers_pairs(const amqp_table_t *table,
					 const char *message_id, struct arena *arena,
					 unsigned *n_out)
{
	size_t room = (size_t)table->num_entries + 1;
	struct message_pair *pairs = arena_alloc(arena, room * sizeof(*pairs));
	unsigned n = 0;

	if (message_id != NULL)
		pairs[n++] = (struct message_pair){ HEADERS_MESSAGE_ID, message_id };
	for (int i = 0; i < table->num_entries; i++) {
		const amqp_table_entry_t *entry = &table->entries[i];

		if (headers_is_stripped(entry->key) || !headers_is_text(&entry->value) ||
		    headers_is(entry->key, HEADERS_MESSAGE_ID))
			continue;
		pairs[n].name = headers_bytes_text(entry->key, arena);
		pairs[n].value = headers_bytes_text(entry->value.value.bytes, arena);
		n += pairs[n].name != NULL && pairs[n].value != NULL;
	}
	*n_out = n;
	return pairs;
}

static json_t *headers_table_value(const amqp_table_t *table, unsigned depth);

static json_t *headers_text_value(amqp_bytes_t bytes)
{
	json_t *text = json_stringn(bytes.len > 0 ? bytes.bytes : "", bytes.len);

	return text != NULL ? text : json_string("(bytes that are no text)");
}

static json_t *headers_array_value(const amqp_array_t *array, unsigned depth);

/* Never NULL. */
static json_t *headers_value(const amqp_field_value_t *value, unsigned depth)
{
	int64_t number;

	if (headers_integer(value, &number))
		return json_integer(number);
	switch (value->kind) {
	case AMQP_FIELD_KIND_UTF8:
	case AMQP_FIELD_KIND_BYTES:
		return headers_text_value(value->value.bytes);
	case AMQP_FIELD_KIND_BOOLEAN:
		return json_boolean(value->value.boolean);
	case AMQP_FIELD_KIND_F64:
		return json_pack("f", value->value.f64);
	case AMQP_FIELD_KIND_TABLE:
		return headers_table_value(&value->value.table, depth);
	case AMQP_FIELD_KIND_ARRAY:
		return headers_array_value(&value->value.array, depth);
	default:
		return json_null();
	}
}

static json_t *headers_array_value(const amqp_array_t *array, unsigned depth)
{
	json_t *list = json_array();

	for (int i = 0; i < array->num_entries && depth > 0; i++)
		json_array_append_new(list, headers_value(&array->entries[i],
							  depth - 1));
	return list;
}

static void headers_set(json_t *object, const amqp_table_entry_t *entry,
			unsigned depth)
{
	struct arena arena = { 0 };
	const char *key = headers_bytes_text(entry->key, &arena);
	json_t *value = headers_value(&entry->value, depth);

	if (key == NULL || value == NULL || json_object_set_new(object, key, value) < 0)
		json_object_set_new(object, "(a name that is no text)", json_null());
	arena_fini(&arena);
}

static json_t *headers_table_value(const amqp_table_t *table, unsigned depth)
{
	json_t *object = json_object();

	for (int i = 0; i < table->num_entries && depth > 0; i++)
		headers_set(object, &table->entries[i], depth - 1);
	return object;
}

static bool headers_is_trace(amqp_bytes_t key)
{
	return headers_is(key, "traceparent") || headers_is(key, "tracestate");
}

/* Header by header, so that one too large costs itself alone. */
static void headers_put(json_t *object, amqp_table_entry_t *entry, size_t *used)
{
	const amqp_table_t one = { 1, entry };
	json_t *value = headers_table_value(&one, HEADERS_DEPTH);
	char *text = json_dumps(value, JSON_COMPACT);

	if (text != NULL && *used + strlen(text) <= HEADERS_MAX_JSON) {
		*used += strlen(text);
		json_object_update(object, value);
	}
	free(text);
	json_decref(value);
}

const char *headers_json(const amqp_table_t *table, struct arena *arena)
{
	json_t *object = json_object();
	char *text;
	const char *copy;
	size_t used = 2;

	/* first what the trace goes on by: others may be many */
	for (int i = 0; i < table->num_entries; i++)
		if (headers_is_trace(table->entries[i].key))
			headers_put(object, &table->entries[i], &used);
	for (int i = 0; i < table->num_entries; i++)
		if (!headers_is_trace(table->entries[i].key) &&
		    !headers_is_ours(table->entries[i].key))
			headers_put(object, &table->entries[i], &used);
	text = json_dumps(object, JSON_COMPACT);
	copy = arena_text(arena, text != NULL ? text : "{}");
	free(text);
	json_decref(object);
	return copy;
}

bool headers_death(const amqp_table_t *table, struct headers_death *out,
		   struct arena *arena)
{
	const amqp_field_value_t *list = headers_find(table, "x-death");
	const amqp_field_value_t *keys;
	const amqp_table_t *death;

	*out = (struct headers_death){ 0 };
	if (list == NULL || list->kind != AMQP_FIELD_KIND_ARRAY ||
	    list->value.array.num_entries < 1 ||
	    list->value.array.entries[0].kind != AMQP_FIELD_KIND_TABLE)
		return false;
	death = &list->value.array.entries[0].value.table;
	out->reason = headers_text(death, "reason", arena);
	out->queue = headers_text(death, "queue", arena);
	out->exchange = headers_text(death, "exchange", arena);
	out->at_ms = headers_number(death, "time", CLOCK_MAX_MS / 1000) * 1000;
	keys = headers_find(death, "routing-keys");
	if (keys != NULL && keys->kind == AMQP_FIELD_KIND_ARRAY &&
	    keys->value.array.num_entries > 0 &&
	    headers_is_text(&keys->value.array.entries[0]))
		out->routing_key = headers_bytes_text(
			keys->value.array.entries[0].value.bytes, arena);
	return true;
}

static void headers_add_text(amqp_table_t *table, const char *key, const char *text)
{
	if (text == NULL)
		return;
	table->entries[table->num_entries++] = (amqp_table_entry_t){
		.key = amqp_cstring_bytes(key),
		.value = { .kind = AMQP_FIELD_KIND_UTF8,
			   .value.bytes = amqp_cstring_bytes(text) },
	};
}

static void headers_add_number(amqp_table_t *table, const char *key, int64_t number)
{
	table->entries[table->num_entries++] = (amqp_table_entry_t){
		.key = amqp_cstring_bytes(key),
		.value = { .kind = AMQP_FIELD_KIND_I64, .value.i64 = number },
	};
}

amqp_table_t headers_with(const amqp_table_t *table, const struct headers_notes *notes,
			  struct arena *arena)
{
	size_t room = (size_t)table->num_entries + 10;
	amqp_table_t made = { 0, arena_zero(arena, room * sizeof(*made.entries)) };

	for (int i = 0; i < table->num_entries; i++)
		if (!headers_is_stripped(table->entries[i].key))
			made.entries[made.num_entries++] = table->entries[i];
	headers_add_number(&made, HEADERS_ATTEMPTS, notes->attempts);
	if (notes->waits > 0)
		headers_add_number(&made, HEADERS_WAITS, notes->waits);
	headers_add_text(&made, HEADERS_EXCHANGE, notes->exchange);
	headers_add_text(&made, HEADERS_ROUTING_KEY, notes->routing_key);
	headers_add_text(&made, HEADERS_QUEUE, notes->queue);
	headers_add_text(&made, HEADERS_TRACEPARENT, notes->traceparent);
	if (notes->died_at_ms == 0)
		return made;
	headers_add_text(&made, HEADERS_CAUSE, notes->cause);
	headers_add_text(&made, HEADERS_ERROR, notes->error);
	headers_add_text(&made, HEADERS_HANDLER, notes->handler);
	headers_add_number(&made, HEADERS_DIED_AT, notes->died_at_ms);
	return made;
}
