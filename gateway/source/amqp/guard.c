/* SPDX-License-Identifier: Apache-2.0 */
/* guard - see guard.h. */
#include "gateway/source/amqp/guard.h"

#include <assert.h>

/* Half of the wait is certain, half is chance. */
static int64_t guard_wait_ms(unsigned failures, uint64_t random)
{
	int64_t most = GUARD_FIRST_MS;

	for (unsigned i = 1; i < failures && most < GUARD_MOST_MS; i++)
		most *= 2;
	if (most > GUARD_MOST_MS)
		most = GUARD_MOST_MS;
	return most / 2 + (int64_t)(random % (uint64_t)(most / 2 + 1));
}

bool guard_failed(struct guard *g, unsigned epoch, int64_t now_ms, uint64_t random)
{
	bool closes = g->state == GUARD_OPEN;

	if (epoch != g->epoch || g->state == GUARD_CLOSED)
		return false;
	g->failures++;
	g->state = GUARD_CLOSED;
	g->probe_ms = now_ms + guard_wait_ms(g->failures, random);
	if (closes) {
		g->since_ms = now_ms;
		g->gave_back = false;
	}
	/* what was handed over before says nothing any more */
	g->epoch++;
	return closes;
}

bool guard_answered(struct guard *g, unsigned epoch)
{
	if (epoch != g->epoch || g->state == GUARD_CLOSED)
		return false;
	g->failures = 0;
	if (g->state == GUARD_OPEN)
		return false;
	g->state = GUARD_OPEN;
	return true;
}

bool guard_reopen(struct guard *g)
{
	bool was_open = g->state == GUARD_OPEN;

	g->state = GUARD_OPEN;
	return !was_open;
}

bool guard_lets_through(const struct guard *g, int64_t now_ms)
{
	return g->state == GUARD_OPEN ||
	       (g->state == GUARD_CLOSED && now_ms >= g->probe_ms);
}

unsigned guard_hand_over(struct guard *g)
{
	assert(g->state != GUARD_PROBING);
	if (g->state == GUARD_CLOSED)
		g->state = GUARD_PROBING;
	return g->epoch;
}

bool guard_gives_back(struct guard *g, int64_t now_ms)
{
	if (g->state == GUARD_OPEN || g->gave_back ||
	    now_ms - g->since_ms < GUARD_GIVE_BACK_MS)
		return false;
	g->gave_back = true;
	return true;
}

int64_t guard_due_ms(const struct guard *g)
{
	int64_t back = g->gave_back ? INT64_MAX : g->since_ms + GUARD_GIVE_BACK_MS;

	if (g->state == GUARD_OPEN)
		return INT64_MAX;
	if (g->state == GUARD_CLOSED && g->probe_ms < back)
		return g->probe_ms;
	return back;
}
