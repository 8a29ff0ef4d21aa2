/* SPDX-License-Identifier: Apache-2.0 */
/* frame_outcomes - what became of the commands, for a settle in a helper. */
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/isolate/frame_private.h"

#define FRAME_MAX_LIST 100000

/* One member of a struct: a text, or a number of 8 bytes. */
struct frame_member {
	size_t offset;
	bool text;
};
#define TEXT(type, member) { offsetof(struct type, member), true }
#define NUMBER(type, member) { offsetof(struct type, member), false }

static const struct frame_member frame_allocation[] = {
	TEXT(gantry_allocation, id), TEXT(gantry_allocation, order_id),
	TEXT(gantry_allocation, order_item_id), TEXT(gantry_allocation, item_id),
	TEXT(gantry_allocation, warehouse_id), TEXT(gantry_allocation, status),
	NUMBER(gantry_allocation, quantity), NUMBER(gantry_allocation, expires_at_ms),
	NUMBER(gantry_allocation, created_at_ms),
	NUMBER(gantry_allocation, updated_at_ms), NUMBER(gantry_allocation, version),
};
static const struct frame_member frame_item[] = {
	TEXT(gantry_item, id), TEXT(gantry_item, sku), TEXT(gantry_item, product_id),
	TEXT(gantry_item, warehouse_id), NUMBER(gantry_item, available),
	NUMBER(gantry_item, reserved), NUMBER(gantry_item, version),
	NUMBER(gantry_item, created_at_ms), NUMBER(gantry_item, updated_at_ms),
};
static const struct frame_member frame_return[] = {
	TEXT(gantry_return, id), TEXT(gantry_return, order_id),
	TEXT(gantry_return, order_item_id), TEXT(gantry_return, allocation_id),
	TEXT(gantry_return, item_id), TEXT(gantry_return, status),
	NUMBER(gantry_return, expected), NUMBER(gantry_return, received),
	NUMBER(gantry_return, version), NUMBER(gantry_return, created_at_ms),
	NUMBER(gantry_return, updated_at_ms),
};

/* A struct whose first member is its size. */
struct frame_shape {
	const struct frame_member *members;
	size_t n, size;
};
#define SHAPE(list, type) { list, ARRAY_LENGTH(list), sizeof(struct type) }

static const struct frame_shape frame_shapes[] = {
	SHAPE(frame_allocation, gantry_allocation),
	SHAPE(frame_item, gantry_item),
	SHAPE(frame_return, gantry_return),
};
enum { SHAPE_ALLOCATION, SHAPE_ITEM, SHAPE_RETURN };

static void frame_put_struct(struct wire_pen *pen, unsigned kind, const void *is)
{
	const struct frame_shape *shape = &frame_shapes[kind];

	for (size_t i = 0; i < shape->n; i++) {
		const char *at = (const char *)is + shape->members[i].offset, *text;
		int64_t number;

		if (shape->members[i].text) {
			memcpy(&text, at, sizeof(text));
			wire_put_text(pen, text);
		} else {
			memcpy(&number, at, sizeof(number));
			wire_put(pen, number);
		}
	}
}

static void *frame_take_struct(struct wire_eye *eye, unsigned kind, struct arena *arena)
{
	const struct frame_shape *shape = &frame_shapes[kind];
	char *is = arena_zero(arena, shape->size);

	memcpy(is, &shape->size, sizeof(shape->size));
	for (size_t i = 0; i < shape->n; i++) {
		char *at = is + shape->members[i].offset;

		if (shape->members[i].text) {
			const char *text = wire_get_text(eye);

			memcpy(at, &text, sizeof(text));
		} else {
			int64_t number = wire_get(eye);

			memcpy(at, &number, sizeof(number));
		}
	}
	return is;
}

static void *frame_take_list(struct wire_eye *eye, unsigned kind, struct arena *arena,
			     size_t *n_out)
{
	size_t n = (size_t)wire_get_in(eye, 0, FRAME_MAX_LIST);
	void **list = arena_zero(arena, (n + 1) * sizeof(*list));

	for (size_t i = 0; i < n && !eye->bad; i++)
		list[i] = frame_take_struct(eye, kind, arena);
	*n_out = n;
	return list;
}

static void frame_put_outcome(struct wire_pen *pen, const struct gantry_outcome *o)
{
	wire_put(pen, o->result);
	wire_put_text(pen, o->code);
	wire_put_text(pen, o->error);
	wire_put(pen, (int64_t)o->n_allocations);
	for (size_t i = 0; i < o->n_allocations; i++)
		frame_put_struct(pen, SHAPE_ALLOCATION, o->allocations[i]);
	wire_put(pen, o->item != NULL);
	if (o->item != NULL)
		frame_put_struct(pen, SHAPE_ITEM, o->item);
	wire_put(pen, (int64_t)o->n_returns);
	for (size_t i = 0; i < o->n_returns; i++)
		frame_put_struct(pen, SHAPE_RETURN, o->returns[i]);
	wire_put(pen, o->requested);
	wire_put(pen, o->available);
}

void frame_put_outcomes(struct wire_pen *pen, const struct gantry_message *m)
{
	wire_put(pen, m->n_outcomes);
	for (unsigned i = 0; i < m->n_outcomes; i++)
		frame_put_outcome(pen, m->outcomes[i]);
}

static const struct gantry_outcome *frame_take_outcome(struct wire_eye *eye,
						       struct arena *arena)
{
	struct gantry_outcome *o = arena_zero(arena, sizeof(*o));

	o->size = sizeof(*o);
	o->result = (enum gantry_result)wire_get_in(eye, GANTRY_REFUSED, GANTRY_STOOD);
	o->code = wire_get_text(eye);
	o->error = wire_get_text(eye);
	o->allocations = frame_take_list(eye, SHAPE_ALLOCATION, arena, &o->n_allocations);
	if (wire_get_in(eye, 0, 1) == 1)
		o->item = frame_take_struct(eye, SHAPE_ITEM, arena);
	o->returns = frame_take_list(eye, SHAPE_RETURN, arena, &o->n_returns);
	o->requested = wire_get(eye);
	o->available = wire_get(eye);
	return o;
}

void frame_take_outcomes(struct wire_eye *eye, struct gantry_message *m)
{
	unsigned n = (unsigned)wire_get_in(eye, 0, EFFECTS_MAX_COMMANDS);
	const struct gantry_outcome **list = arena_zero(&m->arena, (n + 1) * sizeof(*list));

	for (unsigned i = 0; i < n && !eye->bad; i++)
		list[i] = frame_take_outcome(eye, &m->arena);
	m->outcomes = list;
	m->n_outcomes = n;
}
