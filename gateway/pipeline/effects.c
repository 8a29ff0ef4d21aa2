/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effects - see effects.h.
 *
 * An effect is a head and its fields in a fixed order: numbers as 8 bytes,
 * texts as a length and their bytes with a NUL, both padded to 8.
 */
#include "gateway/pipeline/effects.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/arena.h"

struct effects_head {
	uint32_t size;		/* of head and fields */
	uint16_t kind;
	uint16_t handler;
};

#define EFFECTS_NO_TEXT UINT64_MAX

struct effects_pen {
	struct effects *effects;
	struct arena *arena;
};

static void effects_put(struct effects_pen *pen, const void *bytes, size_t n)
{
	struct effects *e = pen->effects;
	size_t padded = (n + 7) & ~(size_t)7;

	if (e->len + padded > e->room) {
		size_t room = e->room == 0 ? 512 : e->room * 2;

		while (room < e->len + padded)
			room *= 2;
		e->bytes = arena_extend(pen->arena, e->bytes, e->room, room);
		e->room = room;
	}
	memset(e->bytes + e->len + (padded > 8 ? padded - 8 : 0), 0,
	       padded < 8 ? padded : 8);
	if (n > 0)
		memcpy(e->bytes + e->len, bytes, n);
	e->len += padded;
}

static void effects_put_number(struct effects_pen *pen, int64_t n)
{
	effects_put(pen, &n, sizeof(n));
}

static void effects_put_text_n(struct effects_pen *pen, const char *text, size_t len)
{
	uint64_t n = text == NULL ? EFFECTS_NO_TEXT : len;

	effects_put(pen, &n, sizeof(n));
	if (text != NULL) {
		effects_put(pen, text, len);
		/* the padding ends it, unless there is none */
		if (len % 8 == 0)
			effects_put_number(pen, 0);
	}
}

static void effects_put_text(struct effects_pen *pen, const char *text)
{
	effects_put_text_n(pen, text, text == NULL ? 0 : strlen(text));
}

struct effects_eye {
	const char *next;
};

static int64_t effects_get_number(struct effects_eye *eye)
{
	int64_t n;

	memcpy(&n, eye->next, sizeof(n));
	eye->next += sizeof(n);
	return n;
}

static const char *effects_get_text_n(struct effects_eye *eye, size_t *len_out)
{
	uint64_t n = (uint64_t)effects_get_number(eye);
	const char *text = eye->next;

	*len_out = 0;
	if (n == EFFECTS_NO_TEXT)
		return NULL;
	*len_out = n;
	eye->next += (n / 8 + 1) * 8;
	return text;
}

static const char *effects_get_text(struct effects_eye *eye)
{
	size_t len;

	return effects_get_text_n(eye, &len);
}

static void effects_put_event(struct effects_pen *pen, const struct gantry_event *e)
{
	effects_put_text(pen, e->exchange);
	effects_put_text(pen, e->routing_key);
	effects_put_text(pen, e->type);
	effects_put_text(pen, e->version);
	effects_put_text(pen, e->aggregate_type);
	effects_put_text(pen, e->aggregate_id);
	effects_put_text_n(pen, e->payload_text, e->payload_len);
	effects_put_number(pen, e->even_if_rejected | e->ordered << 1);
}

static void effects_get_event(struct effects_eye *eye, struct gantry_event *e)
{
	int64_t flags;

	*e = (struct gantry_event){ .size = sizeof(*e) };
	e->exchange = effects_get_text(eye);
	e->routing_key = effects_get_text(eye);
	e->type = effects_get_text(eye);
	e->version = effects_get_text(eye);
	e->aggregate_type = effects_get_text(eye);
	e->aggregate_id = effects_get_text(eye);
	e->payload_text = effects_get_text_n(eye, &e->payload_len);
	flags = effects_get_number(eye);
	e->even_if_rejected = flags & 1;
	e->ordered = flags >> 1 & 1;
}

const size_t effects_command_texts[EFFECTS_COMMAND_TEXTS] = {
	offsetof(struct gantry_command, order_id),
	offsetof(struct gantry_command, order_item_id),
	offsetof(struct gantry_command, item_id),
	offsetof(struct gantry_command, allocation_id),
	offsetof(struct gantry_command, return_id),
	offsetof(struct gantry_command, warehouse_id),
	offsetof(struct gantry_command, sku),
	offsetof(struct gantry_command, product_id),
	offsetof(struct gantry_command, reason),
};
const size_t effects_command_numbers[EFFECTS_COMMAND_NUMBERS] = {
	offsetof(struct gantry_command, quantity),
	offsetof(struct gantry_command, expires_at_ms),
	offsetof(struct gantry_command, if_version),
	offsetof(struct gantry_command, position),
	offsetof(struct gantry_command, if_allocations),
};

int64_t effects_command_flags(const struct gantry_command *c)
{
	return c->by_event | c->no_shortage_event << 1 | c->unverified << 2;
}

void effects_command_set_flags(struct gantry_command *c, int64_t flags)
{
	c->by_event = flags & 1;
	c->no_shortage_event = flags >> 1 & 1;
	c->unverified = flags >> 2 & 1;
}

static void effects_put_command(struct effects_pen *pen,
				const struct gantry_command *c)
{
	const char *text;
	int64_t number;

	effects_put_number(pen, (int64_t)c->kind | (int64_t)c->if_refused << 16 |
					effects_command_flags(c) << 32);
	for (size_t i = 0; i < EFFECTS_COMMAND_NUMBERS; i++) {
		memcpy(&number, (const char *)c + effects_command_numbers[i],
		       sizeof(number));
		effects_put_number(pen, number);
	}
	for (size_t i = 0; i < EFFECTS_COMMAND_TEXTS; i++) {
		memcpy(&text, (const char *)c + effects_command_texts[i],
		       sizeof(text));
		effects_put_text(pen, text);
	}
}

static void effects_get_command(struct effects_eye *eye, struct gantry_command *c)
{
	int64_t word = effects_get_number(eye), number;
	const char *text;

	*c = (struct gantry_command){ .size = sizeof(*c) };
	c->kind = (enum gantry_command_kind)(word & 0xffff);
	c->if_refused = (enum gantry_if_refused)(word >> 16 & 0xffff);
	effects_command_set_flags(c, word >> 32);
	for (size_t i = 0; i < EFFECTS_COMMAND_NUMBERS; i++) {
		number = effects_get_number(eye);
		memcpy((char *)c + effects_command_numbers[i], &number, sizeof(number));
	}
	for (size_t i = 0; i < EFFECTS_COMMAND_TEXTS; i++) {
		text = effects_get_text(eye);
		memcpy((char *)c + effects_command_texts[i], &text, sizeof(text));
	}
}

static void effects_put_record(struct effects_pen *pen, const struct effect_record *r)
{
	effects_put_text(pen, r->instance);
	effects_put_text(pen, r->space);
	effects_put_text(pen, r->key);
	effects_put_text_n(pen, r->value, r->value_len);
}

static void effects_get_record(struct effects_eye *eye, struct effect_record *r)
{
	r->instance = effects_get_text(eye);
	r->space = effects_get_text(eye);
	r->key = effects_get_text(eye);
	r->value = effects_get_text_n(eye, &r->value_len);
}

static void effects_put_fields(struct effects_pen *pen, const struct effect *e)
{
	switch (e->kind) {
	case EFFECT_RECORD:
		effects_put_record(pen, &e->as.record);
		break;
	case EFFECT_EVENT:
		effects_put_event(pen, &e->as.event);
		break;
	case EFFECT_COMMAND:
		effects_put_command(pen, &e->as.command);
		break;
	case EFFECT_REPLY:
		effects_put_number(pen, e->as.reply.status);
		effects_put_text_n(pen, e->as.reply.text, e->as.reply.len);
		break;
	case EFFECT_HEADER:
	case EFFECT_ANSWER_HEADER:
		effects_put_text(pen, e->as.header.name);
		effects_put_text(pen, e->as.header.value);
		break;
	case EFFECT_PASS:
		effects_put_number(pen, e->as.ask);
		break;
	case EFFECT_AGAIN:
		break;
	}
}

static void effects_get_fields(struct effects_eye *eye, struct effect *e)
{
	switch (e->kind) {
	case EFFECT_RECORD:
		effects_get_record(eye, &e->as.record);
		break;
	case EFFECT_EVENT:
		effects_get_event(eye, &e->as.event);
		break;
	case EFFECT_COMMAND:
		effects_get_command(eye, &e->as.command);
		break;
	case EFFECT_REPLY:
		e->as.reply.status = (int)effects_get_number(eye);
		e->as.reply.text = effects_get_text_n(eye, &e->as.reply.len);
		break;
	case EFFECT_HEADER:
	case EFFECT_ANSWER_HEADER:
		e->as.header.name = effects_get_text(eye);
		e->as.header.value = effects_get_text(eye);
		break;
	case EFFECT_PASS:
		e->as.ask = effects_get_number(eye);
		break;
	case EFFECT_AGAIN:
		break;
	}
}

/* The counter of a kind and its bound; NULL: only the bytes are bounded. */
static unsigned *effects_counter(struct effects *e, enum effect_kind kind,
				 unsigned *max_out)
{
	switch (kind) {
	case EFFECT_RECORD:
		*max_out = EFFECTS_MAX_RECORDS;
		return &e->n_records;
	case EFFECT_EVENT:
		*max_out = EFFECTS_MAX_EVENTS;
		return &e->n_events;
	case EFFECT_COMMAND:
		*max_out = EFFECTS_MAX_COMMANDS;
		return &e->n_commands;
	case EFFECT_HEADER:
		*max_out = EFFECTS_MAX_HEADERS;
		return &e->n_headers;
	case EFFECT_ANSWER_HEADER:
		*max_out = EFFECTS_MAX_HEADERS;
		return &e->n_answer_headers;
	default:
		return NULL;
	}
}

static unsigned effects_max(const struct effect *e)
{
	return e->kind == EFFECT_REPLY ? EFFECTS_MAX_REPLY : EFFECTS_MAX_BYTES;
}

/* Of those that it shares its bound with. */
static size_t effects_used(const struct effects *effects, const struct effect *e)
{
	return e->kind == EFFECT_REPLY ? effects->reply_len :
					 effects->len - effects->reply_len;
}

/* The text of it that may have any length. */
static size_t effects_text_len(const struct effect *e)
{
	switch (e->kind) {
	case EFFECT_RECORD:
		return e->as.record.value_len;
	case EFFECT_EVENT:
		return e->as.event.payload_len;
	case EFFECT_REPLY:
		return e->as.reply.len;
	default:
		return 0;
	}
}

static int effects_too_large(struct effects *effects, const struct effect *e,
			     struct gantry_error *err)
{
	effects->overfull = true;
	return gantry_fail(err, "%s of more than %u bytes",
			   e->kind == EFFECT_REPLY ? "a reply" : "effects", effects_max(e));
}

int effects_add(struct effects *effects, struct arena *arena,
		const struct effect *effect, struct gantry_error *err)
{
	struct effects_pen pen = { effects, arena };
	struct effects_head head = { 0, (uint16_t)effect->kind,
				     (uint16_t)effect->handler };
	const struct effects mark = *effects;
	unsigned max = 0, *counter;

	counter = effects_counter(effects, effect->kind, &max);
	if (counter != NULL && *counter >= max) {
		effects->overfull = true;
		return gantry_fail(err, "too many effects of one kind (at most %u)",
				   max);
	}
	/* before there is a copy of what nothing bounds */
	if (effects_text_len(effect) > effects_max(effect) - effects_used(effects, effect))
		return effects_too_large(effects, effect, err);
	effects_put(&pen, &head, sizeof(head));
	effects_put_fields(&pen, effect);
	if (effect->kind == EFFECT_REPLY)
		effects->reply_len += effects->len - mark.len;
	if (effects_used(effects, effect) > effects_max(effect)) {
		effects_truncate(effects, &mark);
		return effects_too_large(effects, effect, err);
	}
	head.size = (uint32_t)(effects->len - mark.len);
	memcpy(effects->bytes + mark.len, &head, sizeof(head));
	if (counter != NULL)
		++*counter;
	return 0;
}

void effects_truncate(struct effects *effects, const struct effects *mark)
{
	char *bytes = effects->bytes;
	size_t room = effects->room;

	assert(mark->len <= effects->len);
	*effects = *mark;
	effects->bytes = bytes;
	effects->room = room;
}

bool effects_next(const struct effects *effects, size_t *cursor,
		  struct effect *effect_out)
{
	struct effects_head head;
	struct effects_eye eye;

	if (*cursor >= effects->len)
		return false;
	memcpy(&head, effects->bytes + *cursor, sizeof(head));
	effect_out->kind = (enum effect_kind)head.kind;
	effect_out->handler = head.handler;
	eye.next = effects->bytes + *cursor + sizeof(head);
	effects_get_fields(&eye, effect_out);
	*cursor += head.size;
	assert(eye.next == effects->bytes + *cursor);
	return true;
}
