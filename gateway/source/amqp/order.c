/* SPDX-License-Identifier: Apache-2.0 */
/* order - see order.h. */
#include "gateway/source/amqp/order.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/memory.h"

/* Held for 0.5 s first, then twice as long each time, up to 30 s. */
#define ORDER_LEVELS 7
#define ORDER_PAUSE_MS 500
#define ORDER_PAUSE_MAX_MS 30000
#define ORDER_ROOM 1024

enum order_state {
	ORDER_STRANGER, ORDER_WAITING, ORDER_MISSING, ORDER_READY, ORDER_SENT,
	ORDER_HELD, ORDER_CONFIRMED, ORDER_STATES,
};

struct order_entry {
	int64_t ref;
	struct order_entry *chain;	/* in its bucket */
	struct order_entry *next, *prev;	/* in the list of its state */
	struct order_entry *followers;	/* that wait for it */
	struct order_entry *leader, *sibling;	/* while it waits itself */
	struct handover_event *event;	/* NULL: to be read */
	uint64_t kind;			/* hash of exchange and routing key */
	int64_t due_ms;			/* HELD */
	uint8_t state, tries, owner;
};

struct order_list {
	struct order_entry *first, *last;
	size_t n;
};

struct order {
	struct order_limits limits;
	struct order_entry **buckets;
	size_t room, n, bytes;
	struct order_list lists[ORDER_STATES];	/* but for HELD: */
	struct order_list held[ORDER_LEVELS];	/* each in order of due_ms */
};

struct order *order_new(const struct order_limits *limits)
{
	struct order *o = memory_new(sizeof(*o));

	o->limits = *limits;
	o->room = ORDER_ROOM;
	o->buckets = memory_new_array(o->room, sizeof(*o->buckets));
	return o;
}

void order_free(struct order **order)
{
	struct order *o = *order;

	if (o == NULL)
		return;
	for (size_t i = 0; i < o->room; i++) {
		struct order_entry *e = o->buckets[i];

		while (e != NULL) {
			struct order_entry *next = e->chain;

			free(e->event);
			free(e);
			e = next;
		}
	}
	free(o->buckets);
	free(o);
	*order = NULL;
}

/* Entries by ref. */

static struct order_entry **order_bucket(const struct order *o, int64_t ref)
{
	return &o->buckets[hash_number((uint64_t)ref) & (o->room - 1)];
}

static struct order_entry *order_find(const struct order *o, int64_t ref)
{
	struct order_entry *e = *order_bucket(o, ref);

	while (e != NULL && e->ref != ref)
		e = e->chain;
	return e;
}

static void order_grow(struct order *o)
{
	struct order_entry **old = o->buckets;
	size_t n = o->room;

	o->room *= 2;
	o->buckets = memory_new_array(o->room, sizeof(*o->buckets));
	for (size_t i = 0; i < n; i++)
		while (old[i] != NULL) {
			struct order_entry *e = old[i], **at;

			old[i] = e->chain;
			at = order_bucket(o, e->ref);
			e->chain = *at;
			*at = e;
		}
	free(old);
}

/* Lists by state. */

static unsigned order_level(const struct order_entry *e)
{
	unsigned level = e->tries > 0 ? e->tries - 1u : 0;

	return level < ORDER_LEVELS ? level : ORDER_LEVELS - 1;
}

static struct order_list *order_list(struct order *o, const struct order_entry *e)
{
	return e->state == ORDER_HELD ? &o->held[order_level(e)] : &o->lists[e->state];
}

static void order_unlink(struct order *o, struct order_entry *e)
{
	struct order_list *list = order_list(o, e);

	if (e->prev != NULL)
		e->prev->next = e->next;
	else
		list->first = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	else
		list->last = e->prev;
	e->next = e->prev = NULL;
	list->n--;
}

static void order_link(struct order *o, struct order_entry *e, enum order_state state)
{
	struct order_list *list;

	e->state = state;
	list = order_list(o, e);
	e->prev = list->last;
	e->next = NULL;
	if (list->last != NULL)
		list->last->next = e;
	else
		list->first = e;
	list->last = e;
	list->n++;
}

static void order_move(struct order *o, struct order_entry *e, enum order_state state)
{
	order_unlink(o, e);
	order_link(o, e, state);
}

static struct order_entry *order_entry_new(struct order *o, int64_t ref,
					   enum order_state state)
{
	struct order_entry *e = memory_new(sizeof(*e)), **at;

	if (o->n >= o->room)
		order_grow(o);
	e->ref = ref;
	at = order_bucket(o, ref);
	e->chain = *at;
	*at = e;
	o->n++;
	order_link(o, e, state);
	return e;
}

static void order_drop_event(struct order *o, struct order_entry *e)
{
	if (e->event == NULL)
		return;
	o->bytes -= e->event->size;
	free(e->event);
	e->event = NULL;
}

static void order_keep_event(struct order *o, struct order_entry *e,
			     struct handover_event *event)
{
	assert(e->event == NULL);
	e->event = event;
	o->bytes += event->size;
}

/* It waits for nobody any more. */
static void order_leave(struct order_entry *e)
{
	struct order_entry **at;

	if (e->leader == NULL)
		return;
	for (at = &e->leader->followers; *at != e; at = &(*at)->sibling)
		assert(*at != NULL);
	*at = e->sibling;
	e->leader = e->sibling = NULL;
}

static void order_remove(struct order *o, struct order_entry *e)
{
	struct order_entry **at = order_bucket(o, e->ref);

	assert(e->followers == NULL);
	order_leave(e);
	order_unlink(o, e);
	order_drop_event(o, e);
	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	free(e);
	o->n--;
}

static void order_may_go(struct order *o, struct order_entry *e)
{
	order_move(o, e, e->event != NULL ? ORDER_READY : ORDER_MISSING);
}

static void order_release(struct order *o, struct order_entry *leader)
{
	while (leader->followers != NULL) {
		struct order_entry *e = leader->followers;

		leader->followers = e->sibling;
		e->leader = e->sibling = NULL;
		if (e->state == ORDER_WAITING)
			order_may_go(o, e);
	}
}

static void order_follow(struct order *o, struct order_entry *e, int64_t after)
{
	struct order_entry *leader = after != 0 ? order_find(o, after) : NULL;

	if (after != 0 && leader == NULL)
		leader = order_entry_new(o, after, ORDER_STRANGER);
	if (leader == NULL || leader->state == ORDER_CONFIRMED) {
		order_may_go(o, e);
		return;
	}
	e->leader = leader;
	e->sibling = leader->followers;
	leader->followers = e;
}

static uint64_t order_kind(const struct handover_event *event)
{
	return hash_number(hash_bytes(event->exchange, strlen(event->exchange)) * 31 +
			   hash_bytes(event->routing_key, strlen(event->routing_key)));
}

bool order_knows(const struct order *o, int64_t ref)
{
	const struct order_entry *e = order_find(o, ref);

	return e != NULL && e->state != ORDER_STRANGER;
}

bool order_add(struct order *o, struct handover_event *event, unsigned owner)
{
	struct order_entry *e = order_find(o, event->ref);
	int64_t after = event->after;

	if (e != NULL && e->state != ORDER_STRANGER) {
		free(event);
		return true;
	}
	/* with one that it names */
	if (o->n + 2 > o->limits.entries) {
		free(event);
		return false;
	}
	if (e == NULL)
		e = order_entry_new(o, event->ref, ORDER_WAITING);
	else
		order_move(o, e, ORDER_WAITING);
	e->owner = (uint8_t)owner;
	e->kind = order_kind(event);
	if (o->bytes + event->size > o->limits.bytes)
		free(event);
	else
		order_keep_event(o, e, event);
	order_follow(o, e, after);
	return true;
}

struct handover_event *order_next(struct order *o)
{
	struct order_entry *e = o->lists[ORDER_READY].first;

	if (e == NULL)
		return NULL;
	order_move(o, e, ORDER_SENT);
	return e->event;
}

const struct handover_event *order_sent(const struct order *o, int64_t ref)
{
	const struct order_entry *e = order_find(o, ref);

	return e != NULL && e->state == ORDER_SENT ? e->event : NULL;
}

const struct handover_event *order_newest_sent(const struct order *o)
{
	const struct order_entry *e = o->lists[ORDER_SENT].last;

	return e != NULL ? e->event : NULL;
}

/* What was held like this one need not wait for its time. */
static void order_release_kind(struct order *o, uint64_t kind)
{
	for (unsigned i = 0; i < ORDER_LEVELS; i++) {
		struct order_entry *next;

		for (struct order_entry *e = o->held[i].first; e != NULL; e = next) {
			next = e->next;
			if (e->kind != kind)
				continue;
			order_unlink(o, e);
			e->tries = 0;
			order_link(o, e, ORDER_MISSING);
		}
	}
}

void order_confirmed(struct order *o, int64_t ref)
{
	struct order_entry *e = order_find(o, ref);

	assert(e != NULL && e->state == ORDER_SENT);
	order_drop_event(o, e);
	order_move(o, e, ORDER_CONFIRMED);
	order_release(o, e);
	if (e->tries > 0)
		order_release_kind(o, e->kind);
}

static int64_t order_pause_ms(const struct order_entry *e)
{
	int64_t pause = (int64_t)ORDER_PAUSE_MS << order_level(e);

	return pause < ORDER_PAUSE_MAX_MS ? pause : ORDER_PAUSE_MAX_MS;
}

bool order_held(struct order *o, int64_t ref, int64_t now_ms)
{
	struct order_entry *e = order_find(o, ref);

	assert(e != NULL && e->state == ORDER_SENT);
	order_drop_event(o, e);
	order_unlink(o, e);
	if (e->tries < UINT8_MAX)
		e->tries++;
	e->due_ms = now_ms + order_pause_ms(e);
	order_link(o, e, ORDER_HELD);
	return e->tries == 1;
}

void order_reset(struct order *o)
{
	struct order_entry *e;

	/* the last that was sent first, each to the front */
	while ((e = o->lists[ORDER_SENT].last) != NULL) {
		struct order_list *ready = &o->lists[ORDER_READY];

		order_unlink(o, e);
		e->state = ORDER_READY;
		e->next = ready->first;
		if (ready->first != NULL)
			ready->first->prev = e;
		else
			ready->last = e;
		ready->first = e;
		ready->n++;
	}
}

void order_gone(struct order *o, const int64_t *refs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct order_entry *e = order_find(o, refs[i]);

		if (e != NULL && e->state == ORDER_CONFIRMED)
			order_remove(o, e);
	}
}

void order_forget(struct order *o, unsigned owner)
{
	for (size_t i = 0; i < o->room; i++) {
		struct order_entry *next;

		for (struct order_entry *e = o->buckets[i]; e != NULL; e = next) {
			next = e->chain;
			if (e->owner != owner || e->state == ORDER_STRANGER ||
			    e->state == ORDER_SENT || e->state == ORDER_CONFIRMED)
				continue;
			order_leave(e);
			order_drop_event(o, e);
			if (e->followers != NULL)
				order_move(o, e, ORDER_STRANGER);
			else
				order_remove(o, e);
		}
	}
}

void order_wake(struct order *o, int64_t now_ms)
{
	for (unsigned i = 0; i < ORDER_LEVELS; i++)
		while (o->held[i].first != NULL && o->held[i].first->due_ms <= now_ms)
			order_move(o, o->held[i].first, ORDER_MISSING);
}

int64_t order_due_ms(const struct order *o)
{
	int64_t due = INT64_MAX;

	for (unsigned i = 0; i < ORDER_LEVELS; i++)
		if (o->held[i].first != NULL && o->held[i].first->due_ms < due)
			due = o->held[i].first->due_ms;
	return due;
}

size_t order_missing(const struct order *o, int64_t *refs, size_t max)
{
	size_t n = 0;

	for (const struct order_entry *e = o->lists[ORDER_MISSING].first;
	     e != NULL && n < max; e = e->next)
		refs[n++] = e->ref;
	return n;
}

void order_found(struct order *o, struct handover_event *event)
{
	struct order_entry *e = order_find(o, event->ref);

	if (e == NULL || e->state != ORDER_MISSING) {
		free(event);
		return;
	}
	order_keep_event(o, e, event);
	order_may_go(o, e);
}

void order_absent(struct order *o, int64_t ref)
{
	struct order_entry *e = order_find(o, ref);

	if (e == NULL || (e->state != ORDER_MISSING && e->state != ORDER_STRANGER))
		return;
	order_release(o, e);
	order_remove(o, e);
}

size_t order_strangers(struct order *o, int64_t *refs, size_t max)
{
	size_t all = o->lists[ORDER_STRANGER].n, n = 0;

	/* to the end of the line, so that each has its turn */
	while (n < max && n < all) {
		struct order_entry *e = o->lists[ORDER_STRANGER].first;

		refs[n++] = e->ref;
		order_move(o, e, ORDER_STRANGER);
	}
	return n;
}

struct order_counts order_counts(const struct order *o)
{
	struct order_counts c = {
		.entries = o->n, .bytes = o->bytes,
		.strangers = o->lists[ORDER_STRANGER].n,
		.waiting = o->lists[ORDER_WAITING].n,
		.missing = o->lists[ORDER_MISSING].n,
		.ready = o->lists[ORDER_READY].n,
		.sent = o->lists[ORDER_SENT].n,
		.confirmed = o->lists[ORDER_CONFIRMED].n,
	};

	for (unsigned i = 0; i < ORDER_LEVELS; i++)
		c.held += o->held[i].n;
	return c;
}
