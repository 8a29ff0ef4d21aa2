/* SPDX-License-Identifier: Apache-2.0 */
/* backlogs - what plugins declare to wait in their records, as it is counted and
   shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/base/exposition.h"
#include "gateway/observe/backlogs.h"
#include "tests/unit/commit_world.h"

static const struct gantry_backlog *const two[] = {
	GANTRY_BACKLOG(.name = "requests", .summary = "To be sent", .counts = "share",
		       .waiting = "waiting"),
	GANTRY_BACKLOG(.name = "others", .summary = "Never", .counts = "none",
		       .waiting = "none"),
	NULL
};

static struct world world;
static struct graph graph;
static struct gantry_instance *instances[2];
static struct backlogs found;

static int setup(void **state)
{
	(void)state;
	world_open(&world, NULL);
	world.plugins[GANTRY_INLINE].backlogs = two;
	/* the second one declares nothing */
	instances[0] = &world.instances[GANTRY_INLINE];
	instances[1] = &world.instances[GANTRY_SERIAL];
	graph = (struct graph){ .instances = instances, .n_instances = 2 };
	found = (struct backlogs){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

/* text is "SPACE KEY VALUE", the value JSON; - removes. */
static enum gantry_verdict do_put(struct shot *s, struct gantry_message *m,
				  struct gantry_error *err)
{
	char space[32], key[32], value[64];
	json_t *is;
	int done;

	assert_int_equal(sscanf(s->text, "%31s %31s %63s", space, key, value), 3);
	is = strcmp(value, "-") == 0 ? NULL : json_loads(value, JSON_DECODE_ANY, NULL);
	done = gantry_record_put(m, space, key, is, err);
	json_decref(is);
	return done < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static void put_by(enum gantry_threads threads, const char *text)
{
	struct shot s;

	shot_init(&world, &s, threads, do_put);
	s.text = text;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
}

static void put(const char *text)
{
	put_by(GANTRY_INLINE, text);
}

static void look(void)
{
	struct query_store store = world_query_store(&world);
	struct gantry_error err = ERROR_INIT;

	assert_int_equal(backlogs_read(&store, &graph, &found, &err), GANTRY_STORED);
	error_fini(&err);
}

static void test_nothing_waits(void **state)
{
	(void)state;
	look();
	assert_int_equal(found.n, 2);
	assert_string_equal(found.list[0].handlers, instances[0]->name);
	assert_string_equal(found.list[0].name, "requests");
	assert_string_equal(found.list[1].name, "others");
	assert_int_equal(found.list[0].waiting, 0);
	assert_int_equal(found.list[0].oldest_ms, 0);
}

static void test_numbers_are_added_up(void **state)
{
	(void)state;
	put("share 0 7");
	put("share 1 5");
	put("share 2 \"9\"");
	put("share 3 -4");
	put("share 4 {\"n\":3}");
	/* not of the space, though beside it, and not of the instance */
	put("shar 0 100");
	put("share! 0 100");
	put("shares 0 100");
	put_by(GANTRY_SERIAL, "share 0 100");
	look();
	assert_int_equal(found.list[0].waiting, 12);
	put("share 0 -");
	look();
	assert_int_equal(found.list[0].waiting, 5);
	assert_int_equal(found.list[1].waiting, 0);
}

static void test_the_first_key_is_the_oldest(void **state)
{
	(void)state;
	world.fixed_ms = 1700000005000;
	put("waiting b {}");
	world.fixed_ms = 1700000009000;
	put("waiting a {}");
	put_by(GANTRY_SERIAL, "waiting 0 {}");
	look();
	assert_int_equal(found.list[0].oldest_ms, 1700000009000);
	put("waiting a -");
	look();
	assert_int_equal(found.list[0].oldest_ms, 1700000005000);
	put("waiting b -");
	look();
	assert_int_equal(found.list[0].oldest_ms, 0);
}

struct bounded {
	const struct gantry_storage *inner;
	void *self;
	unsigned scans;
	size_t rows;
	enum gantry_stored stored;
};

static enum gantry_stored bounded_scan(void *self, const struct gantry_range *range,
				       const struct gantry_sink *sink,
				       struct gantry_error *err)
{
	struct bounded *b = self;

	b->scans++;
	b->rows += range->limit;
	if (b->stored != GANTRY_STORED) {
		gantry_fail(err, "away");
		return b->stored;
	}
	return b->inner->scan(b->self, range, sink, err);
}

/* How much is read does not depend on how much waits. */
static void test_it_costs_the_same(void **state)
{
	struct query_store store = world_query_store(&world);
	struct bounded b = { .inner = store.storage, .self = store.self,
			     .stored = GANTRY_STORED };
	const struct gantry_storage counting = { .size = sizeof(counting),
						 .scan = bounded_scan };
	struct gantry_error err = ERROR_INIT;

	(void)state;
	store.storage = &counting;
	store.self = &b;
	assert_int_equal(backlogs_read(&store, &graph, &found, &err), GANTRY_STORED);
	assert_int_equal(b.scans, 4);
	assert_int_equal(b.rows, 2 * (GANTRY_MAX_COUNTS + 1));
}

static void test_storage_that_is_away_says_nothing(void **state)
{
	struct query_store store = world_query_store(&world);
	struct bounded b = { .stored = GANTRY_AWAY };
	const struct gantry_storage away = { .size = sizeof(away), .scan = bounded_scan };
	struct gantry_error err = ERROR_INIT;

	(void)state;
	put("share 0 7");
	look();
	store.storage = &away;
	store.self = &b;
	assert_int_equal(backlogs_read(&store, &graph, &found, &err), GANTRY_AWAY);
	assert_string_equal(err.message, "away");
	assert_int_equal(found.list[0].waiting, 7);
	error_fini(&err);
}

static void shown(int64_t now_ms, const char *expected)
{
	struct arena arena = { 0 };
	struct exposition x;
	size_t len;

	exposition_init(&x, &arena);
	backlogs_write(&found, now_ms, &x);
	assert_string_equal(exposition_done(&x, &len), expected);
	arena_fini(&arena);
}

static void test_shown(void **state)
{
	(void)state;
	shown(0, "");
	found.n = 1;
	strcpy(found.list[0].handlers, "edge");
	strcpy(found.list[0].name, "requests");
	found.list[0].waiting = 3;
	found.list[0].oldest_ms = 1700000005000;
#define HEAD                                                                    \
	"# HELP gantry_backlog_waiting What waits in the records of handlers.\n" \
	"# TYPE gantry_backlog_waiting gauge\n"                                 \
	"gantry_backlog_waiting{handlers=\"edge\",backlog=\"requests\"} 3\n"    \
	"# HELP gantry_backlog_age_seconds Age of the oldest of it.\n"          \
	"# TYPE gantry_backlog_age_seconds gauge\n"                             \
	"gantry_backlog_age_seconds{handlers=\"edge\",backlog=\"requests\"} "
	shown(1700000005250, HEAD "0.25\n");
	/* clocks differ */
	shown(1700000004000, HEAD "0\n");
	found.list[0].oldest_ms = 0;
	shown(1700000004000, HEAD "0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers_are_added_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_first_key_is_the_oldest, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_it_costs_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_storage_that_is_away_says_nothing,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_shown, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
