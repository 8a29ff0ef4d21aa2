/* SPDX-License-Identifier: Apache-2.0 */
/*
 * current - see current.h. Graphs stand in slots that are never freed, so a
 * reader may count itself into a slot before it knows whether it is still the
 * one of now: if not, it counts itself out again and looks anew. The owner
 * looks at the number only after it has named another slot; all of it is
 * sequentially consistent, so one of the two sees the other.
 */
#include "gateway/pipeline/current.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/memory.h"
#include "gateway/pipeline/route.h"

#define CURRENT_NONE CURRENT_GRAPHS
#define CURRENT_LINE 64		/* of the processor's cache */

struct current_slot {
	alignas(CURRENT_LINE) _Atomic uint64_t holders;
	struct graph *graph;		/* NULL: free; changed by the main thread
					   while nobody can hold it */
	struct current *current;
	unsigned number;
	uint64_t since;			/* the how-manieth graph it is */
};

struct current {
	struct current_slot slots[CURRENT_GRAPHS];
	alignas(CURRENT_LINE) _Atomic unsigned now;
	uint64_t n_set;
	int fd;
};

struct current *current_new(void)
{
	struct current *c = aligned_alloc(CURRENT_LINE, sizeof(*c));

	if (c == NULL)
		abort();
	*c = (struct current){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	if (c->fd < 0) {
		free(c);
		return NULL;
	}
	atomic_init(&c->now, CURRENT_NONE);
	for (unsigned i = 0; i < CURRENT_GRAPHS; i++) {
		c->slots[i].current = c;
		c->slots[i].number = i;
	}
	return c;
}

void current_free(struct current **current)
{
	struct current *c = *current;

	if (c == NULL)
		return;
	for (unsigned i = 0; i < CURRENT_GRAPHS; i++)
		assert(c->slots[i].graph == NULL);
	close(c->fd);
	free(c);
	*current = NULL;
}

static struct current_slot *current_room(const struct current *c)
{
	for (unsigned i = 0; i < CURRENT_GRAPHS; i++)
		if (c->slots[i].graph == NULL)
			return (struct current_slot *)&c->slots[i];
	return NULL;
}

bool current_has_room(const struct current *c)
{
	return current_room(c) != NULL;
}

void current_set(struct current *c, struct graph *graph)
{
	struct current_slot *slot = current_room(c);

	assert(slot != NULL && graph->slot == NULL);
	slot->graph = graph;
	slot->since = ++c->n_set;
	graph->slot = slot;
	atomic_store(&c->now, slot->number);
}

void current_end(struct current *c)
{
	atomic_store(&c->now, CURRENT_NONE);
}

struct graph *current_drained(struct current *c)
{
	uint64_t ignored;

	if (read(c->fd, &ignored, sizeof(ignored)) < 0)
		assert(errno == EAGAIN);
	for (unsigned i = 0; i < CURRENT_GRAPHS; i++) {
		struct current_slot *slot = &c->slots[i];
		struct graph *graph = slot->graph;

		if (graph == NULL || atomic_load(&c->now) == i ||
		    atomic_load(&slot->holders) > 0)
			continue;
		slot->graph = NULL;
		graph->slot = NULL;
		return graph;
	}
	return NULL;
}

int current_fd(const struct current *c)
{
	return c->fd;
}

static int current_compare(const void *a, const void *b)
{
	const struct graph *x = *(struct graph *const *)a, *y = *(struct graph *const *)b;

	return x->slot->since < y->slot->since ? 1 : -1;
}

void current_list(const struct current *c, struct graph **out, unsigned *n_out)
{
	*n_out = 0;
	for (unsigned i = 0; i < CURRENT_GRAPHS; i++)
		if (c->slots[i].graph != NULL)
			out[(*n_out)++] = c->slots[i].graph;
	qsort(out, *n_out, sizeof(*out), current_compare);
}

/* Nothing of the slot's graph may be touched after the subtraction. */
static void current_leave(struct current_slot *slot)
{
	struct current *c = slot->current;
	const uint64_t one = 1;

	if (atomic_fetch_sub(&slot->holders, 1) == 1 &&
	    atomic_load(&c->now) != slot->number &&
	    write(c->fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

const struct graph *current_take(struct current *c)
{
	for (;;) {
		unsigned now = atomic_load(&c->now);
		struct current_slot *slot = &c->slots[now];

		if (now == CURRENT_NONE)
			return NULL;
		atomic_fetch_add(&slot->holders, 1);
		if (atomic_load(&c->now) == now)
			return slot->graph;
		current_leave(slot);
	}
}

const struct graph *current_hold(const struct graph *graph)
{
	if (graph->slot != NULL)
		atomic_fetch_add(&graph->slot->holders, 1);
	return graph;
}

void current_release(const struct graph *graph)
{
	if (graph != NULL && graph->slot != NULL)
		current_leave(graph->slot);
}
