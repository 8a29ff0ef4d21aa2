/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optimistic - the line of an order item: who has a turn, when, and that nobody is
 * lost, overtaken or asked twice, over random histories beside a plain model in
 * which the process may die between what it does there and what it keeps here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/optimistic/line.h"

#define NOW INT64_C(1700000000000)

static const struct line_backoff backoff = { 1000, 30000 };

static struct line_place *join(struct line *line, const char *id, const char *item,
			       int64_t now)
{
	return line_join(line, &(const struct line_place){
			.id = id, .order = "o", .item = item, .since_ms = now });
}

static void test_the_first_of_each_item_has_a_turn(void **state)
{
	struct line line = { 0 };

	(void)state;
	assert_int_equal(join(&line, "a", "x", NOW)->turn_ms, NOW);
	assert_int_equal(join(&line, "b", "x", NOW + 1)->turn_ms, 0);
	assert_int_equal(join(&line, "c", "y", NOW + 2)->turn_ms, NOW + 2);
	assert_int_equal(join(&line, "d", "x", NOW + 3)->turn_ms, 0);
	assert_true(line_has_item(&line, "o", "x"));
	assert_false(line_has_item(&line, "o", "z"));
	assert_null(line_find(&line, "e"));
	assert_string_equal(line_leave(&line, "a")->id, "b");
	assert_int_equal(line_find(&line, "b")->turn_ms, NOW + 1);
	assert_null(line_leave(&line, "c"));
	assert_false(line_has_item(&line, "o", "y"));
	assert_string_equal(line_leave(&line, "b")->id, "d");
	assert_null(line_leave(&line, "d"));
	assert_int_equal(line.n, 0);
	assert_null(line_write(&line));
}

/* By chance: two orders, which know nothing of each other. */
static void test_two_may_share_a_line(void **state)
{
	struct line line = { 0 };
	struct line_place other = { .id = "b", .order = "p", .item = "x", .since_ms = NOW };

	(void)state;
	join(&line, "a", "x", NOW);
	assert_false(line_has_item(&line, "p", "x"));
	assert_int_equal(line_join(&line, &other)->turn_ms, NOW);
	assert_int_equal(join(&line, "c", "x", NOW)->turn_ms, 0);
	assert_null(line_leave(&line, "b"));
	assert_string_equal(line_leave(&line, "a")->id, "c");
}

static void test_a_line_has_an_end(void **state)
{
	char ids[LINE_MAX_PLACES][8];
	struct line line = { 0 };

	(void)state;
	for (int i = 0; i < LINE_MAX_PLACES; i++) {
		snprintf(ids[i], sizeof(ids[i]), "%d", i);
		assert_non_null(join(&line, ids[i], "x", NOW));
	}
	assert_null(join(&line, "more", "x", NOW));
	assert_int_equal(line.n, LINE_MAX_PLACES);
	line_leave(&line, "0");
	assert_non_null(join(&line, "more", "x", NOW));
}

static void test_backoff(void **state)
{
	static const int64_t most[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
	struct line_place place = { .id = "opt_1", .order = "o", .item = "x", .since_ms = NOW,
				    .turn_ms = NOW };
	struct line_place other = place;
	int differ = 0;

	(void)state;
	other.id = "opt_2";
	for (int i = 0; i < 7; i++) {
		int64_t wait;

		line_delay(&place, NOW, &backoff);
		line_delay(&other, NOW, &backoff);
		wait = place.turn_ms - NOW;
		assert_in_range(wait, most[i] / 2, most[i]);
		assert_int_equal(place.tries, i + 1);
		differ += place.turn_ms != other.turn_ms;
	}
	assert_in_range(differ, 5, 7);
	place.tries = INT64_C(1) << 62;
	line_delay(&place, NOW, &backoff);
	assert_in_range(place.turn_ms - NOW, 15000, 30000);
}

static void test_turns_are_in_order(void **state)
{
	static const int64_t times[] = { 1, 999, 1000, NOW, NOW + 1, NOW * 5 };
	char key[LINE_TURN], before[LINE_TURN] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		struct line_place p = { .id = "opt_1", .turn_ms = times[i] };

		assert_ptr_equal(line_turn(&p, key), key);
		assert_true(strcmp(before, key) < 0);
		assert_int_equal(line_turn_ms(key), times[i]);
		memcpy(before, key, sizeof(before));
	}
	assert_null(line_turn(&(struct line_place){ .id = "opt_1" }, key));
	assert_int_equal(line_turn_ms("nonsense"), -1);
	assert_int_equal(line_turn_ms("12:opt_1"), -1);
	assert_int_equal(line_turn_ms("1700000000000"), -1);
}

static void assert_same(const struct line *a, const struct line *b)
{
	assert_int_equal(a->n, b->n);
	for (unsigned i = 0; i < a->n; i++) {
		assert_string_equal(a->places[i].id, b->places[i].id);
		assert_string_equal(a->places[i].order, b->places[i].order);
		assert_string_equal(a->places[i].item, b->places[i].item);
		assert_int_equal(a->places[i].since_ms, b->places[i].since_ms);
		assert_int_equal(a->places[i].turn_ms, b->places[i].turn_ms);
		assert_int_equal(a->places[i].tries, b->places[i].tries);
		assert_int_equal(a->places[i].share, b->places[i].share);
	}
}

static void refuse(const char *text)
{
	json_t *tree = json_loads(text, JSON_DECODE_ANY, NULL);
	struct line line;

	assert_non_null(tree);
	assert_false(line_read(&line, tree));
	json_decref(tree);
}

static void test_it_is_kept_as_it_is(void **state)
{
	struct line line = { 0 }, again;
	json_t *tree;

	(void)state;
	join(&line, "a", "x", NOW)->share = 7;
	join(&line, "b", "x", NOW + 1);
	join(&line, "c", "\xc3\xa4 y", NOW + 2);
	line_delay(&line.places[0], NOW + 5, &backoff);
	tree = line_write(&line);
	assert_true(line_read(&again, tree));
	assert_same(&line, &again);
	json_decref(tree);
	assert_true(line_read(&again, NULL));
	assert_int_equal(again.n, 0);
	refuse("[]");
	refuse("{}");
	refuse("null");
	refuse("[1]");
	refuse("[{\"id\":\"a\",\"order\":\"o\",\"item\":\"x\"}]");
	refuse("[{\"id\":\"a\",\"item\":\"x\",\"since\":5}]");
	refuse("[{\"id\":\"a\",\"order\":\"o\",\"since\":5}]");
	refuse("[{\"order\":\"o\",\"item\":\"a\",\"since\":5}]");
}

/*
 * A world: one line, three order items. Here: the line, as it was kept last,
 * and the turns beside it. There: what was made, by key, once each. A request is
 * a number; what was accepted for an item is in accepted[] in its order.
 */
#define WORLD_ITEMS 3
#define WORLD_STEPS 400

struct world {
	json_t *kept;			/* the line */
	struct line line;
	unsigned next;			/* request */
	char ids[WORLD_STEPS][8];
	int item_of[WORLD_STEPS];
	bool made[WORLD_STEPS];		/* there */
	bool ended[WORLD_STEPS];	/* here */
	unsigned made_n[WORLD_ITEMS];	/* there, in all */
	int last_made[WORLD_ITEMS];
	int64_t now;
};

static const char *const items[WORLD_ITEMS] = { "x", "y", "z" };

static void world_load(struct world *w)
{
	assert_true(line_read(&w->line, w->kept));
}

static void world_keep(struct world *w)
{
	json_t *kept = line_write(&w->line);

	/* texts of the line live in the tree before */
	world_load(&(struct world){ .kept = kept });
	json_decref(w->kept);
	w->kept = kept;
	world_load(w);
}

/* Exactly the first of each item has a turn, in the order of arrival. */
static void world_check(const struct world *w)
{
	int last[WORLD_ITEMS] = { -1, -1, -1 };
	unsigned n = 0;

	for (unsigned i = 0; i < w->line.n; i++) {
		const struct line_place *p = &w->line.places[i];
		int id = atoi(p->id), item = w->item_of[id];

		assert_string_equal(p->item, items[item]);
		assert_false(w->ended[id]);
		assert_true(id > last[item]);
		assert_int_equal(p->turn_ms != 0, last[item] < 0);
		last[item] = id;
	}
	for (unsigned i = 0; i < w->next; i++)
		n += w->item_of[i] >= 0 && !w->ended[i];
	assert_int_equal(n, w->line.n);
}

static void world_accept(struct world *w, int item)
{
	unsigned id = w->next++;

	snprintf(w->ids[id], sizeof(w->ids[id]), "%u", id);
	w->item_of[id] = item;
	if (join(&w->line, w->ids[id], items[item], w->now) == NULL)
		w->item_of[id] = -1;	/* 503: not accepted */
	world_keep(w);
}

/* There: the same key twice makes one; nobody comes before who was first. */
static void world_make(struct world *w, int id)
{
	int item = w->item_of[id];

	if (!w->made[id]) {
		assert_true(id > w->last_made[item]);
		w->last_made[item] = id;
		w->made_n[item]++;
	}
	w->made[id] = true;
}

/* how: 0 away, 1 answered, 2 made but we die, 3 made but the answer is lost. */
static void world_tick(struct world *w, int how)
{
	unsigned due[WORLD_ITEMS], n = 0;

	for (unsigned i = 0; i < w->line.n; i++)
		if (w->line.places[i].turn_ms != 0 && w->line.places[i].turn_ms <= w->now)
			due[n++] = (unsigned)atoi(w->line.places[i].id);
	for (unsigned i = 0; i < n; i++) {
		struct line_place *place = line_find(&w->line, w->ids[due[i]]);

		if (how != 0)
			world_make(w, (int)due[i]);
		if (how == 1) {
			line_leave(&w->line, w->ids[due[i]]);
			w->ended[due[i]] = true;
		} else {
			line_delay(place, w->now, &backoff);
		}
	}
	if (how == 2)
		world_load(w);		/* nothing of it was kept */
	else
		world_keep(w);
}

static void world_run(unsigned seed)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned accepted = 0, made = 0;

	assert_non_null(w);
	srand(seed);
	w->now = NOW;
	for (int i = 0; i < WORLD_ITEMS; i++)
		w->last_made[i] = -1;
	for (int i = 0; i < WORLD_STEPS; i++) {
		if (rand() % 5 < 2)
			world_accept(w, rand() % WORLD_ITEMS);
		else
			world_tick(w, rand() % 4);
		w->now += rand() % 4000;
		world_check(w);
	}
	for (int i = 0; i < 1000 && w->line.n > 0; i++) {
		world_tick(w, 1);
		w->now += 1000;
		world_check(w);
	}
	for (unsigned i = 0; i < w->next; i++) {
		accepted += w->item_of[i] >= 0;
		assert_int_equal(w->made[i], w->item_of[i] >= 0);
	}
	for (int i = 0; i < WORLD_ITEMS; i++)
		made += w->made_n[i];
	assert_int_equal(accepted, made);
	assert_int_equal(w->line.n, 0);
	assert_true(made > 20);
	json_decref(w->kept);
	free(w);
}

static void test_random_histories(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 300; seed++)
		world_run(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_of_each_item_has_a_turn),
		cmocka_unit_test(test_two_may_share_a_line),
		cmocka_unit_test(test_a_line_has_an_end),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_turns_are_in_order),
		cmocka_unit_test(test_it_is_kept_as_it_is),
		cmocka_unit_test(test_random_histories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
