/* SPDX-License-Identifier: Apache-2.0 */
/*
 * affinity - see affinity.h. A table of fixed size with the names in flight:
 * how many messages have each, and the lane of the newest of them.
 */
#include "gateway/commit/affinity.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/memory.h"
#include "gateway/pipeline/ask.h"

#define AFFINITY_PLACES (1u << 16)	/* a power of two */
#define AFFINITY_MOST (AFFINITY_PLACES / 4 * 3)
#define AFFINITY_NAMES 4u		/* of a message; others are left out */

/* An order and a key of the same text are two names. */
#define AFFINITY_KEY UINT64_C(0x9e3779b97f4a7c15)

struct affinity_place {
	uint64_t name;			/* its hash; 0: free */
	uint32_t n;			/* messages that have it */
	uint32_t lane;
};

struct affinity {
	pthread_mutex_t lock;		/* of all below; taken last */
	unsigned lanes, n;
	struct affinity_place places[AFFINITY_PLACES];
};

/* What a message holds, in its arena. */
struct message_claim {
	unsigned n;
	uint64_t names[AFFINITY_NAMES];
};

struct affinity *affinity_new(unsigned lanes)
{
	struct affinity *a = memory_new(sizeof(*a));

	assert(lanes > 1);
	a->lanes = lanes;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

void affinity_free(struct affinity **affinity)
{
	struct affinity *a = *affinity;

	if (a == NULL)
		return;
	assert(a->n == 0);
	pthread_mutex_destroy(&a->lock);
	free(a);
	*affinity = NULL;
}

/* Where the name is, or where it would be. */
static unsigned affinity_place(const struct affinity *a, uint64_t name)
{
	unsigned at = (unsigned)name & (AFFINITY_PLACES - 1);

	while (a->places[at].name != 0 && a->places[at].name != name)
		at = (at + 1) & (AFFINITY_PLACES - 1);
	return at;
}

/* False: the table is full. */
static bool affinity_enter(struct affinity *a, uint64_t name, unsigned lane)
{
	struct affinity_place *place = &a->places[affinity_place(a, name)];

	if (place->name == 0) {
		if (a->n == AFFINITY_MOST)
			return false;
		a->n++;
		*place = (struct affinity_place){ .name = name };
	}
	place->n++;
	place->lane = lane;
	return true;
}

/* Those behind a place that falls free move up, if they want to be there. */
static void affinity_close_gap(struct affinity *a, unsigned gap)
{
	const unsigned mask = AFFINITY_PLACES - 1;
	unsigned at = gap;

	for (;;) {
		at = (at + 1) & mask;
		if (a->places[at].name == 0)
			break;
		if (((at - (unsigned)a->places[at].name) & mask) < ((at - gap) & mask))
			continue;
		a->places[gap] = a->places[at];
		gap = at;
	}
	a->places[gap] = (struct affinity_place){ 0 };
}

static void affinity_leave(struct affinity *a, uint64_t name)
{
	unsigned at = affinity_place(a, name);

	assert(a->places[at].name == name && a->places[at].n > 0);
	if (--a->places[at].n > 0)
		return;
	a->n--;
	affinity_close_gap(a, at);
}

static uint64_t affinity_hash(const char *name)
{
	return hash_bytes(name, strlen(name)) | 1;
}

/*
 * What a lane is chosen by: FNV-1a, which has no key, so that it is the same
 * lane in every replica. Units of different lanes then have no item in common,
 * whosever they are. Not 0.
 */
static uint64_t affinity_target(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return (hash ^ hash >> 32) | 1;
}

static void affinity_add(struct message_claim *claim, uint64_t name)
{
	for (unsigned i = 0; i < claim->n; i++)
		if (claim->names[i] == name)
			return;
	if (claim->n < AFFINITY_NAMES)
		claim->names[claim->n++] = name;
}

/* The key before all orders: where they are in two lanes it wins. */
static uint64_t affinity_names(const struct gantry_message *m,
			       struct message_claim *claim)
{
	const char *target = NULL;
	struct effect e;
	size_t cursor = 0;

	if (m->kept_key != NULL)
		affinity_add(claim, (affinity_hash(m->kept_key) ^ AFFINITY_KEY) | 1);
	while (m->effects.n_commands > 0 && effects_next(&m->effects, &cursor, &e)) {
		const struct gantry_command *c = &e.as.command;

		if (e.kind != EFFECT_COMMAND)
			continue;
		if (target == NULL)
			target = c->item_id != NULL ? c->item_id :
				 c->allocation_id != NULL ? c->allocation_id :
				 c->order_id != NULL ? c->order_id : c->return_id;
		if (c->order_id != NULL)
			affinity_add(claim, affinity_hash(c->order_id));
	}
	return target != NULL ? affinity_target(target) : 0;
}

static uint64_t affinity_record_put(struct gantry_message *m)
{
	struct effect e;
	size_t cursor = 0;

	while (effects_next(&m->effects, &cursor, &e))
		if (e.kind == EFFECT_RECORD)
			return affinity_target(ask_record_key(&m->arena,
				e.as.record.instance, e.as.record.space,
				e.as.record.key));
	return 0;
}

/* Without a command: by the first record that was read or is put, else alone. */
static uint64_t affinity_other(struct gantry_message *m)
{
	for (struct message_ask *ask = m->asks; ask != NULL; ask = ask->next)
		if (ask->kind == ASK_RECORD)
			return affinity_target(ask->record);
	if (m->effects.n_records > 0)
		return affinity_record_put(m);
	return affinity_target(m->kept_key != NULL ? m->kept_key :
			       m->lease != NULL ? m->lease->name : m->id);
}

unsigned affinity_claim(struct affinity *a, struct gantry_message *m)
{
	struct message_claim *claim = arena_zero(&m->arena, sizeof(*claim));
	uint64_t target = affinity_names(m, claim);
	unsigned lane, n = 0;

	if (target == 0)
		target = affinity_other(m);
	lane = (unsigned)(target / 2 % a->lanes);
	pthread_mutex_lock(&a->lock);
	for (unsigned i = claim->n; i-- > 0;) {
		const struct affinity_place *place =
			&a->places[affinity_place(a, claim->names[i])];

		if (place->name != 0)
			lane = place->lane;
	}
	for (unsigned i = 0; i < claim->n; i++)
		if (affinity_enter(a, claim->names[i], lane))
			claim->names[n++] = claim->names[i];
	pthread_mutex_unlock(&a->lock);
	claim->n = n;
	m->claim = claim;
	return lane;
}

void affinity_release(struct affinity *a, struct gantry_message *m)
{
	if (m->claim == NULL)
		return;
	if (m->claim->n > 0) {
		pthread_mutex_lock(&a->lock);
		for (unsigned i = 0; i < m->claim->n; i++)
			affinity_leave(a, m->claim->names[i]);
		pthread_mutex_unlock(&a->lock);
	}
	m->claim = NULL;
}
