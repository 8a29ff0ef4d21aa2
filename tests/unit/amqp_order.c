/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_order - which event may go out: single cases, then random histories of
 * publishers with their windows, a broker that acks as it likes, lost connections
 * and an outbox, after which I5 must hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "gateway/source/amqp/order.h"
#include "gateway/source/amqp/window.h"

/* An event as the outbox has it; its own body is its id. */
static struct handover_event *event_of(int64_t ref, int64_t after, const char *key)
{
	size_t size = sizeof(struct handover_event) + 32;
	struct handover_event *e = memory_new(size);
	char *text = (char *)(e + 1);

	snprintf(text, 32, "evt-%lld", (long long)ref);
	*e = (struct handover_event){
		.ref = ref, .after = after, .size = size, .event_id = text,
		.body = text, .body_len = strlen(text), .owner = "a",
		.exchange = "x", .routing_key = key, .type = "T",
		.correlation_id = "c", .aggregate_id = "g",
	};
	return e;
}

static struct order *order_of(size_t entries, size_t bytes)
{
	return order_new(&(struct order_limits){ entries, bytes });
}

static int64_t next_of(struct order *o)
{
	const struct handover_event *e = order_next(o);

	return e != NULL ? e->ref : 0;
}

static void add(struct order *o, int64_t ref, int64_t after)
{
	assert_true(order_add(o, event_of(ref, after, "k"), 0));
}

static void test_order_waits_for_the_one_before(void **state)
{
	struct order *o = order_of(100, 1 << 20);

	(void)state;
	add(o, 1, 0);
	add(o, 2, 1);
	add(o, 3, 2);
	add(o, 4, 0);
	assert_int_equal(next_of(o), 1);
	assert_int_equal(next_of(o), 4);
	assert_int_equal(next_of(o), 0);
	order_confirmed(o, 4);
	assert_int_equal(next_of(o), 0);
	order_confirmed(o, 1);
	assert_int_equal(next_of(o), 2);
	assert_int_equal(next_of(o), 0);
	/* confirmed, and not deleted yet: one more behind it may go at once */
	add(o, 5, 1);
	assert_int_equal(next_of(o), 5);
	order_gone(o, (int64_t[]){ 1, 4, 2 }, 3);
	assert_int_equal(order_counts(o).entries, 3);	/* 2 is not confirmed */
	order_confirmed(o, 2);
	assert_int_equal(next_of(o), 3);
	order_free(&o);
}

static void test_order_stranger(void **state)
{
	struct order *o = order_of(100, 1 << 20);
	int64_t refs[4];

	(void)state;
	add(o, 2, 1);
	add(o, 3, 1);
	assert_int_equal(next_of(o), 0);
	assert_int_equal(order_strangers(o, refs, 4), 1);
	assert_int_equal(refs[0], 1);
	/* it is ours after all, and comes late */
	add(o, 1, 0);
	assert_int_equal(order_strangers(o, refs, 4), 0);
	assert_int_equal(next_of(o), 1);
	assert_int_equal(next_of(o), 0);
	order_confirmed(o, 1);
	assert_true(next_of(o) + next_of(o) == 5);
	/* this one is nobody's any more */
	add(o, 9, 8);
	assert_int_equal(order_strangers(o, refs, 4), 1);
	order_absent(o, 8);
	assert_int_equal(next_of(o), 9);
	order_free(&o);
}

static void test_order_held_goes_again(void **state)
{
	struct order *o = order_of(100, 1 << 20);
	int64_t refs[4];

	(void)state;
	add(o, 1, 0);
	add(o, 2, 1);
	assert_int_equal(next_of(o), 1);
	assert_true(order_held(o, 1, 1000));
	assert_int_equal(next_of(o), 0);
	assert_int_equal(order_due_ms(o), 1500);
	order_wake(o, 1499);
	assert_int_equal(order_missing(o, refs, 4), 0);
	order_wake(o, 1500);
	assert_int_equal(order_missing(o, refs, 4), 1);
	order_found(o, event_of(1, 0, "k"));
	assert_int_equal(next_of(o), 1);
	/* twice as long, and no news */
	assert_false(order_held(o, 1, 2000));
	assert_int_equal(order_due_ms(o), 3000);
	order_wake(o, 3000);
	/* somebody else has published it */
	order_absent(o, 1);
	assert_int_equal(next_of(o), 2);
	assert_int_equal(order_counts(o).entries, 1);
	order_free(&o);
}

/* One that goes through frees what was held for the same reason. */
static void test_order_held_alike(void **state)
{
	struct order *o = order_of(100, 1 << 20);
	int64_t refs[4];

	(void)state;
	for (int64_t ref = 1; ref <= 3; ref++)
		assert_true(order_add(o, event_of(ref, 0, ref == 3 ? "other" : "k"), 0));
	for (int64_t ref = 1; ref <= 3; ref++)
		assert_int_equal(next_of(o), ref);
	order_held(o, 1, 0);
	order_held(o, 2, 400);
	order_held(o, 3, 400);
	order_wake(o, 500);
	order_found(o, event_of(1, 0, "k"));
	assert_int_equal(next_of(o), 1);
	order_confirmed(o, 1);
	assert_int_equal(order_missing(o, refs, 4), 1);
	assert_int_equal(refs[0], 2);
	assert_int_equal(order_counts(o).held, 1);
	order_free(&o);
}

static void test_order_reset_keeps_the_order(void **state)
{
	struct order *o = order_of(100, 1 << 20);

	(void)state;
	for (int64_t ref = 1; ref <= 5; ref++)
		add(o, ref, 0);
	for (int64_t ref = 1; ref <= 4; ref++)
		assert_int_equal(next_of(o), ref);
	order_confirmed(o, 2);
	order_reset(o);
	assert_int_equal(next_of(o), 1);
	assert_int_equal(next_of(o), 3);
	assert_int_equal(next_of(o), 4);
	assert_int_equal(next_of(o), 5);
	order_free(&o);
}

static void test_order_bounds(void **state)
{
	size_t one = sizeof(struct handover_event) + 32;
	struct order *o = order_of(4, 2 * one);
	int64_t refs[4];

	(void)state;
	add(o, 1, 0);
	add(o, 2, 0);
	add(o, 3, 0);
	/* its event did not fit: it is read again */
	assert_int_equal(order_counts(o).bytes, 2 * one);
	assert_int_equal(order_missing(o, refs, 4), 1);
	assert_int_equal(refs[0], 3);
	assert_false(order_add(o, event_of(4, 0, "k"), 0));
	assert_true(order_add(o, event_of(2, 0, "k"), 0));	/* known */
	order_free(&o);
}

static void test_order_forget(void **state)
{
	struct order *o = order_of(100, 1 << 20);
	int64_t refs[4];

	(void)state;
	assert_true(order_add(o, event_of(1, 0, "k"), 1));
	assert_true(order_add(o, event_of(2, 1, "k"), 0));
	assert_true(order_add(o, event_of(3, 1, "k"), 1));
	order_forget(o, 1);
	assert_int_equal(next_of(o), 0);
	assert_int_equal(order_strangers(o, refs, 4), 1);
	assert_int_equal(refs[0], 1);
	assert_int_equal(order_counts(o).entries, 2);
	order_absent(o, 1);
	assert_int_equal(next_of(o), 2);
	order_free(&o);
}

/*
 * Random histories. Rows of AGGREGATES chains are made by two owners; each of
 * PUBLISHERS has an order and a window; the broker takes, returns, nacks, acks
 * out of order and in bulk; connections and whole publishers are lost.
 */
#define ROWS 400
#define AGGREGATES 12
#define PUBLISHERS 2

struct model_row {
	int64_t after;
	unsigned aggregate, owner;
	bool made, deleted, delivered;
};

struct model_flight {
	int64_t ref;
	bool decided;
};

struct model_publisher {
	struct model *model;
	struct order *order;
	struct window *window;
	bool owns[PUBLISHERS];
	struct model_flight flights[64];
	unsigned n_flights;		/* since the last reset: tag 1 is [0] */
	int64_t done[ROWS * 8];
	size_t n_done;
};

struct model {
	uint64_t seed;
	struct model_row rows[ROWS + 1];	/* by ref */
	int64_t last_of[AGGREGATES], last_made;
	int64_t now_ms;
	unsigned closed;		/* bits: routing key k of 4 is unroutable */
	struct model_publisher publishers[PUBLISHERS];
	unsigned deliveries, again;
};

static unsigned roll(struct model *m, unsigned n)
{
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 7;
	m->seed ^= m->seed << 17;
	return (unsigned)((m->seed >> 11) % n);
}

static const char *model_key(const struct model *m, int64_t ref)
{
	static const char *const keys[] = { "k0", "k1", "k2", "k3" };

	return keys[m->rows[ref].aggregate % 4];
}

/* The broker has it: I5 is about the first time. */
static void model_deliver(struct model *m, int64_t ref)
{
	m->deliveries++;
	m->again += m->rows[ref].delivered;
	m->rows[ref].delivered = true;
	for (int64_t r = 1; r < ref; r++)
		if (m->rows[r].made && m->rows[r].aggregate == m->rows[ref].aggregate &&
		    !m->rows[r].delivered)
			fail_msg("%lld went before %lld", (long long)ref, (long long)r);
}

static void model_settled(void *ctx, int64_t ref, enum window_fate fate,
			  const char *cause)
{
	struct model_publisher *p = ctx;

	(void)cause;
	if (fate != WINDOW_CONFIRMED) {
		order_held(p->order, ref, p->model->now_ms);
		return;
	}
	assert_true(p->model->rows[ref].delivered);
	order_confirmed(p->order, ref);
	p->done[p->n_done++] = ref;
}

static void model_start(struct model *m, unsigned number)
{
	struct model_publisher *p = &m->publishers[number];

	p->model = m;
	p->order = order_of(60 + roll(m, 200), 4000 + roll(m, 20000));
	p->window = window_new(1 + roll(m, 8), &(struct window_ops){ model_settled, p });
	p->n_flights = 0;
	p->n_done = 0;
	memset(p->owns, 0, sizeof(p->owns));
	p->owns[number] = true;
}

static void model_end(struct model *m, unsigned number)
{
	order_free(&m->publishers[number].order);
	window_free(&m->publishers[number].window);
}

static struct handover_event *model_event(const struct model *m, int64_t ref)
{
	return event_of(ref, m->rows[ref].after, model_key(m, ref));
}

static void model_make(struct model *m)
{
	int64_t ref = ++m->last_made;
	struct model_row *row = &m->rows[ref];
	struct model_publisher *p;

	*row = (struct model_row){ .made = true, .aggregate = roll(m, AGGREGATES),
				   .owner = roll(m, PUBLISHERS) };
	/* as the committer says: behind the last one if its row is there, or
	   if nobody looked */
	row->after = m->last_of[row->aggregate];
	if (row->after != 0 && m->rows[row->after].deleted && roll(m, 4) > 0)
		row->after = 0;
	m->last_of[row->aggregate] = ref;
	p = &m->publishers[row->owner];
	/* some hand-overs are lost */
	if (roll(m, 4) > 0)
		order_add(p->order, model_event(m, ref), row->owner);
}

static void model_scan(struct model *m, struct model_publisher *p)
{
	for (int64_t ref = 1; ref <= m->last_made; ref++) {
		const struct model_row *row = &m->rows[ref];

		if (!row->deleted && p->owns[row->owner] &&
		    !order_knows(p->order, ref) &&
		    !order_add(p->order, model_event(m, ref), row->owner))
			return;
	}
}

static void model_read(struct model *m, struct model_publisher *p)
{
	int64_t refs[16];
	size_t n = order_missing(p->order, refs, 16);

	for (size_t i = 0; i < n; i++)
		if (m->rows[refs[i]].deleted)
			order_absent(p->order, refs[i]);
		else
			order_found(p->order, model_event(m, refs[i]));
	n = order_strangers(p->order, refs, 16);
	for (size_t i = 0; i < n; i++)
		if (m->rows[refs[i]].deleted)
			order_absent(p->order, refs[i]);
}

static void model_send(struct model_publisher *p)
{
	const struct handover_event *e;

	while (window_has_room(p->window) && p->n_flights < 64 &&
	       (e = order_next(p->order)) != NULL) {
		window_sent(p->window, e->ref, e->event_id);
		p->flights[p->n_flights++] = (struct model_flight){ .ref = e->ref };
	}
}

static void model_reset(struct model *m, struct model_publisher *p)
{
	/* what was on its way arrived or not */
	for (unsigned i = 0; i < p->n_flights; i++)
		if (!p->flights[i].decided && roll(m, 2) &&
		    !(m->closed >> m->rows[p->flights[i].ref].aggregate % 4 & 1))
			model_deliver(m, p->flights[i].ref);
	p->n_flights = 0;
	window_reset(p->window);
	order_reset(p->order);
}

/* One decision of the broker, or several with "multiple". */
static void model_broker(struct model *m, struct model_publisher *p)
{
	unsigned i, first;
	bool acked = roll(m, 10) > 0, multiple = roll(m, 2);

	if (p->n_flights == 0)
		return;
	i = roll(m, p->n_flights);
	first = multiple ? 0 : i;
	for (unsigned j = first; j <= i; j++) {
		struct model_flight *f = &p->flights[j];
		char id[32];

		if (f->decided)
			continue;
		f->decided = true;
		snprintf(id, sizeof(id), "evt-%lld", (long long)f->ref);
		if (m->closed >> m->rows[f->ref].aggregate % 4 & 1)
			assert_true(window_returned(p->window, id, strlen(id), "no"));
		else if (acked)
			model_deliver(m, f->ref);
	}
	assert_true(window_settle(p->window, i + 1, multiple, acked));
	/* a new channel now and then, before the numbers run out */
	if (p->n_flights == 64)
		model_reset(m, p);
}

/* A unit of the committer deletes what was confirmed. */
static void model_delete(struct model *m, struct model_publisher *p)
{
	size_t n = p->n_done > 0 ? roll(m, (unsigned)p->n_done + 1) : 0;

	for (size_t i = 0; i < n; i++)
		m->rows[p->done[i]].deleted = true;
	order_gone(p->order, p->done, n);
	memmove(p->done, p->done + n, (p->n_done - n) * sizeof(p->done[0]));
	p->n_done -= n;
}

static void model_restart(struct model *m, unsigned number)
{
	model_reset(m, &m->publishers[number]);
	model_end(m, number);
	model_start(m, number);
}

static void model_take_over(struct model *m, unsigned number)
{
	struct model_publisher *p = &m->publishers[number];
	unsigned other = 1 - number;

	/* for a while two publish the same: nothing may depend on the lease */
	if (p->owns[other])
		order_forget(p->order, other);
	p->owns[other] = !p->owns[other];
}

static void model_step(struct model *m)
{
	unsigned number = roll(m, PUBLISHERS);
	struct model_publisher *p = &m->publishers[number];
	unsigned what = roll(m, 100);

	m->now_ms += roll(m, 200);
	if (what < 20 && m->last_made < ROWS)
		model_make(m);
	else if (what < 30)
		model_scan(m, p);
	else if (what < 45)
		model_read(m, p);
	else if (what < 60)
		model_send(p);
	else if (what < 80)
		model_broker(m, p);
	else if (what < 90)
		model_delete(m, p);
	else if (what < 92)
		model_reset(m, p);
	else if (what < 93)
		model_restart(m, number);
	else if (what < 94)
		model_take_over(m, number);
	else if (what < 97)
		m->closed = roll(m, 16);
	else
		order_wake(p->order, m->now_ms);
}

static bool model_is_done(const struct model *m)
{
	for (int64_t ref = 1; ref <= m->last_made; ref++)
		if (!m->rows[ref].deleted)
			return false;
	return true;
}

static void model_finish(struct model *m)
{
	m->closed = 0;
	for (unsigned turn = 0; turn < 20000 && !model_is_done(m); turn++) {
		struct model_publisher *p = &m->publishers[turn % PUBLISHERS];

		m->now_ms += 1000;
		order_wake(p->order, m->now_ms);
		model_scan(m, p);
		model_read(m, p);
		model_send(p);
		for (unsigned i = 0; i < 8; i++)
			model_broker(m, p);
		model_delete(m, p);
	}
	assert_true(model_is_done(m));
}

static void model_run(uint64_t seed, unsigned *deliveries, unsigned *again)
{
	struct model *m = memory_new(sizeof(*m));

	m->seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (unsigned i = 0; i < PUBLISHERS; i++)
		model_start(m, i);
	for (unsigned i = 0; i < 6000; i++)
		model_step(m);
	model_finish(m);
	for (int64_t ref = 1; ref <= m->last_made; ref++)
		assert_true(m->rows[ref].delivered);
	*deliveries += m->deliveries;
	*again += m->again;
	for (unsigned i = 0; i < PUBLISHERS; i++)
		model_end(m, i);
	free(m);
}

static void test_order_random(void **state)
{
	unsigned deliveries = 0, again = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++)
		model_run(seed, &deliveries, &again);
	print_message("%u deliveries, %u of them again\n", deliveries, again);
	assert_true(again > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_waits_for_the_one_before),
		cmocka_unit_test(test_order_stranger),
		cmocka_unit_test(test_order_held_goes_again),
		cmocka_unit_test(test_order_held_alike),
		cmocka_unit_test(test_order_reset_keeps_the_order),
		cmocka_unit_test(test_order_bounds),
		cmocka_unit_test(test_order_forget),
		cmocka_unit_test(test_order_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
