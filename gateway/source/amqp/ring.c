/* SPDX-License-Identifier: Apache-2.0 */
/* ring - see ring.h. */
#include "gateway/source/amqp/ring.h"

#include <assert.h>

#include "gateway/base/memory.h"

enum { RING_OPEN, RING_DONE, RING_ACKED };

void ring_init(struct ring *r, unsigned room)
{
	assert(room > 0);
	*r = (struct ring){ .room = room };
	r->places = memory_new_array(2 * (size_t)room, sizeof(*r->places));
	ring_reset(r);
}

void ring_fini(struct ring *r)
{
	free(r->places);
	r->places = NULL;
}

void ring_reset(struct ring *r)
{
	r->next = 1;
	r->first = r->end = r->scan = 0;
	r->n_open = r->n_done = 0;
}

/*
 * Behind an old head those that were acked one by one leave holes; the broker
 * counts only what is open, so that is all there must be room for.
 */
static void ring_close_up(struct ring *r)
{
	unsigned n = 0;

	for (unsigned i = r->first; i < r->end; i++)
		if (r->places[i].state != RING_ACKED)
			r->places[n++] = r->places[i];
	r->first = r->scan = 0;
	r->end = n;
	assert(n == r->n_open + r->n_done);
}

bool ring_deliver(struct ring *r, uint64_t tag, int64_t now_ms)
{
	if (tag != r->next || r->n_open + r->n_done >= r->room)
		return false;
	if (r->end == 2 * r->room)
		ring_close_up(r);
	r->places[r->end++] = (struct ring_place){ tag, now_ms, RING_OPEN };
	r->n_open++;
	r->next++;
	return true;
}

static unsigned ring_find(const struct ring *r, uint64_t tag)
{
	unsigned low = r->first, high = r->end;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (r->places[middle].tag < tag)
			low = middle + 1;
		else
			high = middle;
	}
	assert(low < r->end && r->places[low].tag == tag);
	return low;
}

void ring_done(struct ring *r, uint64_t tag)
{
	unsigned at = ring_find(r, tag);

	assert(r->places[at].state == RING_OPEN);
	r->places[at].state = RING_DONE;
	r->n_open--;
	r->n_done++;
	if (at < r->scan)
		r->scan = at;
}

/* All from the first on that is done is one ack. */
static bool ring_prefix(struct ring *r, struct ring_ack *out)
{
	uint64_t last = 0;
	unsigned n = 0, at;

	for (at = r->first; at < r->end; at++) {
		const struct ring_place *place = &r->places[at];

		if (place->state == RING_OPEN)
			break;
		if (place->state == RING_ACKED)
			continue;
		last = place->tag;
		n++;
	}
	r->first = at;
	if (r->scan < at)
		r->scan = at;
	if (n == 0)
		return false;
	r->n_done -= n;
	*out = (struct ring_ack){ last, n > 1 };
	return true;
}

static bool ring_single(struct ring *r, struct ring_ack *out)
{
	for (; r->scan < r->end; r->scan++) {
		struct ring_place *place = &r->places[r->scan];

		if (place->state != RING_DONE)
			continue;
		place->state = RING_ACKED;
		r->n_done--;
		*out = (struct ring_ack){ place->tag, false };
		r->scan++;
		return true;
	}
	return false;
}

bool ring_ack(struct ring *r, int64_t now_ms, struct ring_ack *out)
{
	if (r->n_done == 0)
		return false;
	if (ring_prefix(r, out))
		return true;
	return now_ms >= ring_due_ms(r) && ring_single(r, out);
}

int64_t ring_due_ms(const struct ring *r)
{
	if (r->n_done == 0)
		return INT64_MAX;
	return r->places[r->first].since_ms + RING_PATIENCE_MS;
}

unsigned ring_open(const struct ring *r)
{
	return r->n_open;
}
