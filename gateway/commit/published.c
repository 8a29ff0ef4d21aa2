/* SPDX-License-Identifier: Apache-2.0 */
/*
 * published - what the publisher wants of storage, done inside units of the
 * first lane: rows that the broker has confirmed go, causes are kept with the
 * rows that it did not take, leases are held.
 *
 * What waits here is cheap to lose: a row that is not deleted is published
 * again after a restart, with the same eventId.
 */
#include <pthread.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/commit/handover.h"
#include "gateway/commit/unit.h"

#define PUBLISHED_PATIENCE_NS INT64_C(100000000)
#define PUBLISHED_GONE 2048u	/* rows that a unit deletes */
#define PUBLISHED_HELD 256u	/* causes that a unit writes */
#define PUBLISHED_HELD_ROOM 4096u
#define PUBLISHED_LEASE "publisher:"

struct published_held {
	int64_t ref;
	char *cause;
};

struct published {
	pthread_mutex_t lock;	/* of all up to the line; taken last */
	int64_t *gone;
	size_t n_gone, gone_room;
	struct published_held *held;
	size_t n_held;
	struct committer_lease leases[HANDOVER_LEASES];
	unsigned n_leases;
	int64_t since_ns;	/* of the oldest wish; 0: none */
	/* the first lane's: what the unit at hand took from the fronts */
	size_t unit_gone, unit_held;
	unsigned unit_leases;
	int64_t refs[PUBLISHED_GONE];
	struct committer_lease answers[HANDOVER_LEASES];
};

struct published *published_new(void)
{
	struct published *p = memory_new(sizeof(*p));

	pthread_mutex_init(&p->lock, NULL);
	p->held = memory_new_array(PUBLISHED_HELD_ROOM, sizeof(*p->held));
	return p;
}

void published_free(struct published **published)
{
	struct published *p = *published;

	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n_held; i++)
		free(p->held[i].cause);
	free(p->held);
	free(p->gone);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*published = NULL;
}

/* True: this is the first wish, so somebody has to wake the lane. */
static bool published_note(struct published *p, int64_t ago_ns)
{
	bool first = p->since_ns == 0;

	if (first || ago_ns > 0)
		p->since_ns = clock_steady_ns() - ago_ns;
	return first || ago_ns > 0;
}

bool published_add_gone(struct published *p, const int64_t *refs, size_t n)
{
	bool first;

	if (n == 0)
		return false;
	pthread_mutex_lock(&p->lock);
	if (p->n_gone + n > p->gone_room) {
		p->gone_room = 2 * (p->n_gone + n);
		p->gone = memory_grow(p->gone, p->gone_room, sizeof(*p->gone));
	}
	memcpy(p->gone + p->n_gone, refs, n * sizeof(*refs));
	p->n_gone += n;
	first = published_note(p, 0);
	pthread_mutex_unlock(&p->lock);
	return first;
}

/* More causes than there is room for are found again at their next try. */
bool published_add_held(struct published *p, int64_t ref, const char *cause)
{
	bool first = false;

	pthread_mutex_lock(&p->lock);
	if (p->n_held < PUBLISHED_HELD_ROOM) {
		p->held[p->n_held].ref = ref;
		p->held[p->n_held++].cause = memory_text(cause);
		first = published_note(p, 0);
	}
	pthread_mutex_unlock(&p->lock);
	return first;
}

bool published_add_lease(struct published *p, const struct committer_lease *wish)
{
	bool first = false;

	pthread_mutex_lock(&p->lock);
	if (p->n_leases < HANDOVER_LEASES) {
		p->leases[p->n_leases++] = *wish;
		first = published_note(p, PUBLISHED_PATIENCE_NS);
	}
	pthread_mutex_unlock(&p->lock);
	return first;
}

int64_t published_due_ns(struct published *p)
{
	int64_t due;

	pthread_mutex_lock(&p->lock);
	due = p->since_ns == 0 ? 0 : p->since_ns + PUBLISHED_PATIENCE_NS;
	pthread_mutex_unlock(&p->lock);
	return due;
}

static const char *published_lease_name(struct unit *u, const char *owner)
{
	return arena_format(&u->arena, PUBLISHED_LEASE "%s", owner);
}

void published_needs(struct unit *u)
{
	struct published *p = u->published;

	pthread_mutex_lock(&p->lock);
	p->unit_gone = p->n_gone < PUBLISHED_GONE ? p->n_gone : PUBLISHED_GONE;
	p->unit_held = p->n_held < PUBLISHED_HELD ? p->n_held : PUBLISHED_HELD;
	p->unit_leases = p->n_leases;
	if (p->unit_gone > 0)
		memcpy(p->refs, p->gone, p->unit_gone * sizeof(p->refs[0]));
	memcpy(p->answers, p->leases, p->n_leases * sizeof(p->leases[0]));
	for (size_t i = 0; i < p->unit_held; i++) {
		struct gantry_value ref = value_number(p->held[i].ref);

		needs_lock(&u->needs, &(struct gantry_key){
			.size = sizeof(struct gantry_key), .table = COMMIT_OUTBOX,
			.index = GANTRY_BY_REF, .n = 1, .values = &ref });
	}
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->unit_leases; i++)
		lease_needs(u, published_lease_name(u, p->answers[i].owner));
}

static void published_lease(struct unit *u, struct committer_lease *wish)
{
	struct lease lease = { .name = published_lease_name(u, wish->owner),
			       .how = wish->how, .ms = COMMITTER_LEASE_MS,
			       .since = wish->epoch };

	lease_decide(u, &lease);
	wish->held = lease.held;
	wish->epoch = lease.epoch;
	wish->namesake = lease.namesake;
}

/* Before the messages, so that what they move need not wait for what is out. */
void published_apply(struct unit *u)
{
	struct published *p = u->published;

	rowset_mark(&u->rows);
	for (unsigned i = 0; i < p->unit_leases; i++)
		published_lease(u, &p->answers[i]);
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->unit_held; i++) {
		struct row *row = rowset_by_ref(&u->rows, COMMIT_OUTBOX, p->held[i].ref);

		if (row != NULL)
			row_set_text(&u->rows, row, OUTBOX_CAUSE, p->held[i].cause);
	}
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->unit_gone; i++)
		rowset_drop(&u->rows, COMMIT_OUTBOX, p->refs[i]);
}

static void published_forget_held(struct published *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(p->held[i].cause);
	memmove(p->held, p->held + n, (p->n_held - n) * sizeof(*p->held));
	p->n_held -= n;
}

/* From the fronts, what the unit took. */
static void published_forget(struct published *p)
{
	p->n_gone -= p->unit_gone;
	if (p->n_gone > 0)
		memmove(p->gone, p->gone + p->unit_gone, p->n_gone * sizeof(*p->gone));
	published_forget_held(p, p->unit_held);
	p->n_leases -= p->unit_leases;
	memmove(p->leases, p->leases + p->unit_leases,
		p->n_leases * sizeof(p->leases[0]));
}

void published_done(struct unit *u, struct handover_gift *gift)
{
	struct published *p = u->published;
	bool more = p->unit_gone == PUBLISHED_GONE || p->unit_held == PUBLISHED_HELD;

	pthread_mutex_lock(&p->lock);
	published_forget(p);
	if (p->n_gone + p->n_held + p->n_leases == 0)
		p->since_ns = 0;
	else
		p->since_ns = clock_steady_ns() -
			      (more || p->n_leases > 0 ? PUBLISHED_PATIENCE_NS : 0);
	pthread_mutex_unlock(&p->lock);
	gift->gone = p->refs;
	gift->n_gone = p->unit_gone;
	gift->leases = p->answers;
	gift->n_leases = p->unit_leases;
}

void published_failed(struct published *p)
{
	pthread_mutex_lock(&p->lock);
	if (p->since_ns != 0)
		p->since_ns = clock_steady_ns();
	pthread_mutex_unlock(&p->lock);
}
