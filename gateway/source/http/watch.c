/* SPDX-License-Identifier: Apache-2.0 */
/* watch - see watch.h. */
#include "gateway/source/http/watch.h"

#include <assert.h>
#include <limits.h>
#include <stddef.h>

void watch_init(struct watch *watch)
{
	*watch = (struct watch){ 0 };
	for (int i = 0; i < WATCH_PHASES; i++) {
		struct watched *ring = &watch->lists[i];

		ring->next = ring->prev = ring;
	}
}

void watch_add(struct watch *watch, struct watched *w, enum watch_phase phase)
{
	struct watched *ring = &watch->lists[phase];

	assert(phase < WATCH_PHASES);
	w->phase = phase;
	w->since_ns = watch->now_ns;
	w->prev = ring->prev;
	w->next = ring;
	ring->prev->next = w;
	ring->prev = w;
	watch->count[phase]++;
}

void watch_remove(struct watch *watch, struct watched *w)
{
	assert(watch->count[w->phase] > 0);
	w->prev->next = w->next;
	w->next->prev = w->prev;
	w->next = w->prev = NULL;
	watch->count[w->phase]--;
}

void watch_move(struct watch *watch, struct watched *w, enum watch_phase phase)
{
	watch_remove(watch, w);
	watch_add(watch, w, phase);
}

struct watched *watch_due(const struct watch *watch)
{
	for (int i = 0; i < WATCH_PHASES; i++) {
		struct watched *w = watch->lists[i].next;

		if (watch->count[i] > 0 && watch->limit_ns[i] > 0 &&
		    watch->now_ns - w->since_ns >= watch->limit_ns[i])
			return w;
	}
	return NULL;
}

int watch_wait_ms(const struct watch *watch)
{
	int64_t wait_ns = INT64_MAX;

	for (int i = 0; i < WATCH_PHASES; i++) {
		int64_t left;

		if (watch->count[i] == 0 || watch->limit_ns[i] == 0)
			continue;
		left = watch->lists[i].next->since_ns + watch->limit_ns[i] -
		       watch->now_ns;
		if (left < wait_ns)
			wait_ns = left;
	}
	if (wait_ns == INT64_MAX)
		return -1;
	if (wait_ns <= 0)
		return 0;
	wait_ns = (wait_ns + 999999) / 1000000;
	return wait_ns > INT_MAX ? INT_MAX : (int)wait_ns;
}

unsigned watch_count(const struct watch *watch)
{
	unsigned n = 0;

	for (int i = 0; i < WATCH_PHASES; i++)
		n += watch->count[i];
	return n;
}
