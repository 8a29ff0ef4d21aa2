/* SPDX-License-Identifier: Apache-2.0 */
/* window - see window.h. */
#include "gateway/source/amqp/window.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/memory.h"

/* Numbers from the oldest open one to the newest: a broker that is late with
   one does not stop the others at once. */
#define WINDOW_SPAN 4u

struct window_slot {
	int64_t ref;
	const char *event_id;
	bool open, returned;
	char cause[WINDOW_CAUSE];
};

struct window {
	struct window_ops ops;
	unsigned size, open;
	uint64_t oldest, next;		/* numbers; slots[number % span] */
	uint64_t hint;			/* where the next return is looked for */
	unsigned span;
	struct window_slot *slots;
};

struct window *window_new(unsigned size, const struct window_ops *ops)
{
	struct window *w = memory_new(sizeof(*w));

	assert(size >= 1);
	w->ops = *ops;
	w->size = size;
	w->span = size * WINDOW_SPAN;
	w->slots = memory_new_array(w->span, sizeof(*w->slots));
	window_reset(w);
	return w;
}

void window_free(struct window **window)
{
	if (*window == NULL)
		return;
	free((*window)->slots);
	free(*window);
	*window = NULL;
}

void window_reset(struct window *w)
{
	w->open = 0;
	w->oldest = w->next = w->hint = 1;
}

unsigned window_count(const struct window *w)
{
	return w->open;
}

bool window_has_room(const struct window *w)
{
	return w->open < w->size && w->next - w->oldest < w->span;
}

uint64_t window_oldest(const struct window *w)
{
	return w->open > 0 ? w->oldest : 0;
}

static struct window_slot *window_slot(const struct window *w, uint64_t number)
{
	return &w->slots[number % w->span];
}

void window_sent(struct window *w, int64_t ref, const char *event_id)
{
	assert(window_has_room(w));
	*window_slot(w, w->next++) = (struct window_slot){
		.ref = ref, .event_id = event_id, .open = true,
	};
	w->open++;
}

static bool window_is(const struct window_slot *slot, const char *event_id, size_t len)
{
	return slot->open && !slot->returned && strlen(slot->event_id) == len &&
	       memcmp(slot->event_id, event_id, len) == 0;
}

/* Returns come in the order of publishing, so the next is near the last. */
bool window_returned(struct window *w, const char *event_id, size_t len,
		     const char *cause)
{
	uint64_t n = w->next - w->oldest, from;

	from = w->hint >= w->oldest && w->hint < w->next ? w->hint - w->oldest : 0;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t number = w->oldest + (from + i) % n;
		struct window_slot *slot = window_slot(w, number);

		if (!window_is(slot, event_id, len))
			continue;
		slot->returned = true;
		snprintf(slot->cause, sizeof(slot->cause), "%s", cause);
		w->hint = number + 1;
		return true;
	}
	return false;
}

static void window_close(struct window *w, uint64_t number, bool acked)
{
	struct window_slot *slot = window_slot(w, number);

	if (!slot->open)
		return;
	slot->open = false;
	w->open--;
	w->ops.settled(w->ops.ctx, slot->ref,
		       !acked ? WINDOW_NACKED :
		       slot->returned ? WINDOW_RETURNED : WINDOW_CONFIRMED,
		       slot->cause);
}

bool window_settle(struct window *w, uint64_t tag, bool multiple, bool acked)
{
	/* "multiple" with 0: all so far */
	if (multiple && tag == 0)
		tag = w->next - 1;
	if (tag == 0 || tag >= w->next)
		return false;
	if (tag < w->oldest)
		return true;
	if (multiple)
		for (uint64_t number = w->oldest; number < tag; number++)
			window_close(w, number, acked);
	window_close(w, tag, acked);
	while (w->oldest < w->next && !window_slot(w, w->oldest)->open)
		w->oldest++;
	return true;
}
