/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_backlog - what publishers learn from storage, and of each other: two
 * gateways on one storage, each with its committer, order and backlog, before
 * a broker that takes all at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "gateway/commit/handover.h"
#include "gateway/source/amqp/backlog.h"
#include "tests/unit/commit_world.h"

#define ENTRIES 20000

static struct world world;

/* One gateway's publishing half. */
struct side {
	struct committer *committer;
	struct order *order;
	struct backlog *backlog;
	int64_t now_ms;
	char sent[4096];		/* types, in their order */
	bool superseded;
	bool deaf;			/* its hand-overs are lost */
};

static struct side a, b;

static void side_open(struct side *s, struct committer *c, const char *name)
{
	*s = (struct side){ .committer = c, .now_ms = 1000000 };
	s->order = order_new(&(struct order_limits){ ENTRIES, 1 << 20 });
	s->backlog = backlog_new(&(struct backlog_options){
		.order = s->order, .entries = ENTRIES, .committer = c, .replica = name,
		.storage = &world.storage, .storage_self = &world });
}

static void side_close(struct side *s)
{
	backlog_free(&s->backlog);
	order_free(&s->order);
}

static struct committer_options options_of(const char *name, unsigned replica)
{
	struct committer_options o = committer_defaults;

	o.publishes = true;
	o.owner = name;
	o.replica = replica;
	return o;
}

static int setup(void **state)
{
	static struct committer_options one, two;

	(void)state;
	one = options_of("a", 0);
	two = options_of("b", 1);
	world_open(&world, &one);
	world_item(&world, "inv_1", 1000);
	side_open(&a, world.committer, "a");
	side_open(&b, committer_new(&two, &world.storage, &world), "b");
	return 0;
}

static int teardown(void **state)
{
	struct committer *other = b.committer;

	(void)state;
	side_close(&a);
	side_close(&b);
	committer_free(&other);
	world_close(&world);
	return 0;
}

static void side_news(struct side *s)
{
	struct handover_news news;

	handover_take(committer_handover(s->committer), &news);
	order_gone(s->order, news.gone, news.n_gone);
	for (unsigned i = 0; i < news.n_leases; i++)
		s->superseded |= !backlog_lease(s->backlog, &news.leases[i]);
	while (news.first != NULL) {
		struct handover_event *e = news.first;

		news.first = e->next;
		e->next = NULL;
		if (s->deaf)
			free(e);
		else
			order_add(s->order, e, 0);
	}
	handover_news_fini(&news);
}

/* What may go is taken by the broker. */
static void side_send(struct side *s)
{
	const struct handover_event *e;

	while (backlog_is_ours(s->backlog) && (e = order_next(s->order)) != NULL) {
		int64_t ref = e->ref;
		size_t n = strlen(s->sent);

		snprintf(s->sent + n, sizeof(s->sent) - n, "%s ", e->type);
		order_confirmed(s->order, ref);
		committer_published(s->committer, &ref, 1);
	}
}

static void side_turn(struct side *s)
{
	s->now_ms += 10;
	side_news(s);
	if (!s->superseded)
		backlog_keep(s->backlog, s->now_ms);
	while (backlog_step(s->backlog, s->now_ms))
		;
	side_send(s);
}

static void turns(struct side *one, struct side *two, int n)
{
	for (int i = 0; i < n; i++) {
		side_turn(one);
		if (two != NULL)
			side_turn(two);
		usleep(5000);
	}
}

/* Until that many rows are left. */
static void until_rows(struct side *one, struct side *two, size_t rows)
{
	for (int i = 0; i < 400 && world_count(&world, COMMIT_OUTBOX) != rows; i++)
		turns(one, two, 1);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), rows);
}

static void tell(const char *type)
{
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	s.text = type;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
}

/* As another replica's committer would have written it. */
static void put_row(int64_t ref, int64_t after, const char *owner, const char *type)
{
	struct gantry_value v[OUTBOX_COLUMNS] = {
		[OUTBOX_REF] = value_number(ref), [OUTBOX_VERSION] = value_number(1),
		[OUTBOX_OWNER] = value_text(owner),
		[OUTBOX_AGGREGATE_TYPE] = value_text("T"),
		[OUTBOX_AGGREGATE_ID] = value_text("g"),
		[OUTBOX_EXCHANGE] = value_text("x"), [OUTBOX_ROUTING_KEY] = value_text("k"),
		[OUTBOX_TYPE] = value_text(type), [OUTBOX_EVENT_ID] = value_text(type),
		[OUTBOX_CORRELATION_ID] = value_text("c"), [OUTBOX_BODY] = value_text("{}"),
		[OUTBOX_CREATED_AT] = value_number(1),
	};

	if (after != 0)
		v[OUTBOX_AFTER] = value_number(after);
	world_change(&world, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = GANTRY_NEW,
		.table = COMMIT_OUTBOX, .values = v });
}

/* What was there before the start, and what the hand-over lost. */
static void test_a_pass_finds_all(void **state)
{
	(void)state;
	tell("Early");
	turns(&a, NULL, 30);
	until_rows(&a, NULL, 0);
	assert_string_equal(a.sent, "Early ");
	a.deaf = true;
	tell("Lost");
	turns(&a, NULL, 30);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
	backlog_lost(a.backlog);
	until_rows(&a, NULL, 0);
	assert_string_equal(a.sent, "Early Lost ");
	/* nobody says so: by and by */
	tell("Forgotten");
	turns(&a, NULL, 10);
	a.now_ms += 31000;
	until_rows(&a, NULL, 0);
	assert_string_equal(a.sent, "Early Lost Forgotten ");
}

static void test_pages(void **state)
{
	(void)state;
	for (int64_t ref = 1; ref <= 1234; ref++)
		put_row(ref, 0, "a", "E");
	until_rows(&a, NULL, 0);
	assert_int_equal(strlen(a.sent), 2 * 1234);
}

/* Each publishes its own; what comes after another's waits for it. */
static void test_two_gateways(void **state)
{
	(void)state;
	turns(&a, &b, 30);
	put_row(1, 0, "b", "One");
	put_row(2, 1, "a", "Two");
	put_row(3, 2, "b", "Three");
	backlog_lost(a.backlog);
	turns(&a, NULL, 60);
	assert_string_equal(a.sent, "");
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 3);
	backlog_lost(b.backlog);
	until_rows(&a, &b, 0);
	assert_string_equal(b.sent, "One Three ");
	assert_string_equal(a.sent, "Two ");
}

/* The rows of a gateway that is gone are taken over whole, not before. */
static void test_a_dead_gateway(void **state)
{
	(void)state;
	turns(&a, &b, 30);	/* both have their lease */
	put_row(1, 0, "b", "One");
	put_row(2, 1, "a", "Two");
	put_row(3, 2, "b", "Three");
	backlog_lost(a.backlog);
	turns(&a, NULL, 60);
	assert_string_equal(a.sent, "");
	world_pass(&world, COMMITTER_LEASE_MS + 1000);
	a.now_ms += 31000;
	until_rows(&a, NULL, 0);
	assert_string_equal(a.sent, "One Two Three ");
	/* it was not dead: it takes its rows back, and the other one stops */
	b.now_ms += 31000;
	turns(&b, &a, 40);
	assert_true(backlog_is_ours(b.backlog));
	a.now_ms += 11000;
	turns(&a, &b, 40);
	put_row(4, 0, "b", "Four");
	backlog_lost(a.backlog);
	turns(&a, NULL, 40);
	assert_string_equal(a.sent, "One Two Three ");
	backlog_lost(b.backlog);
	until_rows(&a, &b, 0);
	assert_string_equal(b.sent, "Four ");
}

/* A newer one of the same name: the older one is told. */
static void test_a_namesake(void **state)
{
	struct committer_options again = options_of("a", 2);
	struct committer *c = committer_new(&again, &world.storage, &world);
	struct side newer;

	(void)state;
	turns(&a, NULL, 30);
	assert_true(backlog_is_ours(a.backlog));
	side_open(&newer, c, "a");
	turns(&newer, NULL, 30);
	assert_true(backlog_is_ours(newer.backlog));
	a.now_ms += 11000;
	turns(&a, &newer, 30);
	assert_true(a.superseded);
	assert_false(backlog_is_ours(a.backlog));
	assert_false(newer.superseded);
	put_row(1, 0, "a", "One");
	backlog_lost(newer.backlog);
	until_rows(&newer, &a, 0);
	assert_string_equal(newer.sent, "One ");
	assert_string_equal(a.sent, "");
	side_close(&newer);
	committer_free(&c);
}

/*
 * Ordered events of five baskets, while storage fails by chance, hand-overs are
 * lost, publishers are started anew and forget everything: of each basket they
 * go out in their order, and all that was acknowledged does.
 */
#define BASKETS 5
#define EVENTS 600

struct random_sent {
	unsigned last[BASKETS];		/* the newest that went out */
	bool out[EVENTS], made[EVENTS];
	unsigned again, turns;
};

static void random_send(struct side *s, struct random_sent *r)
{
	const struct handover_event *e;

	while (backlog_is_ours(s->backlog) && (e = order_next(s->order)) != NULL) {
		unsigned basket, number;
		int64_t ref = e->ref;

		assert_int_equal(sscanf(e->type, "%u-%u", &basket, &number), 2);
		if (r->out[number])
			r->again++;
		else if (r->last[basket] > number)
			fail_msg("%u went before %u", r->last[basket], number);
		else
			r->last[basket] = number;
		r->out[number] = true;
		/* some are lost on the way back: they go again */
		if (number % 7 == 3 && r->turns % 3 > 0) {
			order_reset(s->order);
			return;
		}
		order_confirmed(s->order, ref);
		committer_published(s->committer, &ref, 1);
	}
}

static void random_turn(struct side *s, struct random_sent *r, unsigned n)
{
	s->now_ms += 700;
	r->turns++;
	s->deaf = n % 5 == 0;
	side_news(s);
	if (s->deaf && n % 2 == 0)
		backlog_lost(s->backlog);
	backlog_keep(s->backlog, s->now_ms);
	while (backlog_step(s->backlog, s->now_ms))
		;
	random_send(s, r);
}

static enum gantry_verdict do_basket(struct shot *s, struct gantry_message *m,
				     struct gantry_error *err)
{
	const char *basket = arena_format(&m->arena, "%u", (unsigned)s->number % BASKETS);
	json_t *value = json_integer(s->number);
	int put = gantry_record_put(m, "basket", basket, value, err);

	json_decref(value);
	return put < 0 || gantry_publish(m, &GANTRY_EVENT(
		.exchange = "x", .routing_key = "k", .ordered = true,
		.type = arena_format(&m->arena, "%s-%u", basket, (unsigned)s->number),
		.payload_text = "{}", .payload_len = 2, .aggregate_type = "basket",
		.aggregate_id = basket), err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static void random_make(struct random_sent *r, unsigned first, unsigned n)
{
	struct shot shots[16];

	for (unsigned i = 0; i < n; i++) {
		shot_init(&world, &shots[i], GANTRY_INLINE, do_basket);
		shots[i].number = first + i;
		shot_fire(&shots[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		shot_wait(&shots[i]);
		r->made[first + i] = shots[i].m.answer.status == 200;
		shot_fini(&shots[i]);
	}
}

static void random_chance(unsigned chance)
{
	pthread_mutex_lock(&world.lock);
	world.chance = chance;
	pthread_mutex_unlock(&world.lock);
}

static void test_random(void **state)
{
	struct random_sent *r = memory_new(sizeof(*r));
	unsigned lost = 0;

	(void)state;
	random_chance(30);
	for (unsigned n = 0; n < EVENTS; n += 12) {
		random_make(r, n, 12);
		for (unsigned i = 0; i < 6; i++)
			random_turn(&a, r, n + i);
		if (n % 84 == 0) {
			side_close(&a);
			side_open(&a, world.committer, "a");
		}
	}
	random_chance(0);
	backlog_lost(a.backlog);
	for (unsigned i = 0; i < 2000 && world_count(&world, COMMIT_OUTBOX) > 0; i++) {
		random_turn(&a, r, 1);
		usleep(3000);
	}
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
	for (unsigned n = 0; n < EVENTS; n++) {
		assert_true(!r->made[n] || r->out[n]);
		lost += !r->made[n];
	}
	print_message("%u refused, %u sent again\n", lost, r->again);
	assert_true(r->again > 0 && lost > 0 && lost < EVENTS / 2);
	free(r);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_pass_finds_all),
		CASE(test_pages),
		CASE(test_two_gateways),
		CASE(test_a_dead_gateway),
		CASE(test_a_namesake),
		CASE(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
