/* SPDX-License-Identifier: Apache-2.0 */
/* commit_verify - a store is damaged row by row, and verify names the row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/commit/verify.h"
#include "gateway/stock/verify.h"
#include "tests/unit/commit_world.h"

static struct world world;
static char found[4096];

static void note(void *ctx, const char *invariant, const char *row, const char *what)
{
	size_t n = strlen(found);

	(void)ctx;
	snprintf(found + n, sizeof(found) - n, "%s %s: %s\n", invariant, row, what);
}

static const char *verify(void)
{
	struct query_store store = world_query_store(&world);
	struct gantry_error err = ERROR_INIT;

	found[0] = '\0';
	assert_int_equal(stock_verify(&store, note, NULL, &err), 0);
	assert_int_equal(commit_verify(&store, note, NULL, &err), 0);
	assert_int_equal(verify_references(&store, note, NULL, &err), 0);
	error_fini(&err);
	return found;
}

static enum gantry_verdict do_order(struct shot *s, struct gantry_message *m,
				    struct gantry_error *err)
{
	gantry_command(m, &GANTRY_COMMAND(.kind = (enum gantry_command_kind)s->number,
					  .order_id = s->text), err);
	return GANTRY_DONE;
}

static void run(shot_handler *handle, const char *order, int64_t number)
{
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, handle);
	s.text = order;
	s.number = number;
	s.m.idempotency_key = arena_format(&s.m.arena, "%s-%d", order, (int)number);
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
}

/* An allocation in each status that is reached by commands on orders. */
static int setup(void **state)
{
	(void)state;
	world_open(&world, NULL);
	world_item(&world, "inv_1", 100);
	run(shot_allocate, "pending", 1);
	run(shot_allocate, "confirmed", 2);
	run(do_order, "confirmed", GANTRY_ORDER_CONFIRM);
	run(shot_allocate, "cancelled", 3);
	run(do_order, "cancelled", GANTRY_ORDER_CANCEL);
	run(shot_allocate, "both", 4);
	run(do_order, "both", GANTRY_ORDER_CONFIRM);
	run(do_order, "both", GANTRY_ORDER_CANCEL);
	run(shot_publish, "Custom", 5);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

static const char *member(json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

/* The row whose column is this text, the last of several; not to be freed twice. */
static json_t *row_of(unsigned table, const char *column, const char *text)
{
	json_t *rows = world_rows(&world, table), *row, *one = NULL;
	size_t i;

	json_array_foreach(rows, i, row)
		if (member(row, column) != NULL && strcmp(member(row, column), text) == 0)
			one = row;
	assert_non_null(one);
	json_incref(one);
	json_decref(rows);
	return one;
}

static json_t *allocation_of(int64_t quantity)
{
	json_t *rows = world_rows(&world, STOCK_ALLOCATIONS), *row, *one = NULL;
	size_t i;

	json_array_foreach(rows, i, row)
		if (json_integer_value(json_object_get(row, "quantity")) == quantity)
			one = json_incref(row);
	json_decref(rows);
	assert_non_null(one);
	return one;
}

static void to_values(unsigned table, json_t *row, struct gantry_value *values)
{
	const struct gantry_table *t = commit_schema.tables[table];

	for (unsigned i = 0; i < t->n_columns; i++) {
		json_t *value = json_object_get(row, t->columns[i]->name);

		values[i] = json_is_integer(value) ? value_number(json_integer_value(value)) :
			    value_text(json_string_value(value));
	}
}

static void change(enum gantry_change_kind kind, unsigned table, json_t *row)
{
	struct gantry_value values[ROWSET_MAX_COLUMNS];

	to_values(table, row, values);
	world_change(&world, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = kind, .table = table,
		.mask = ~UINT64_C(1), .values = values });
}

/* The event of this type about an allocation. */
static json_t *event_of(json_t *allocation, const char *type)
{
	json_t *rows = world_rows(&world, COMMIT_OUTBOX), *row, *one = NULL;
	size_t i;

	json_array_foreach(rows, i, row)
		if (strcmp(member(row, "type"), type) == 0 &&
		    strcmp(member(row, "aggregate_id"), member(allocation, "id")) == 0)
			one = json_incref(row);
	json_decref(rows);
	assert_non_null(one);
	return one;
}

static void check(const char *format, json_t *row, const char *name)
{
	AUTO_FREE char *expected = memory_format("%s %s: %s\n",
		strcmp(name, "event_id") == 0 ? "I4 outbox" : "I4 allocations",
		member(row, name), format);

	assert_string_equal(verify(), expected);
}

static void test_whole(void **state)
{
	(void)state;
	assert_string_equal(verify(), "");
}

static void test_event_missing(void **state)
{
	json_t *a = allocation_of(2), *event = event_of(a, "AllocationConfirmed");

	(void)state;
	change(GANTRY_GONE, COMMIT_OUTBOX, event);
	check("a change of its status has no event", a, "id");
	change(GANTRY_NEW, COMMIT_OUTBOX, event);
	assert_string_equal(verify(), "");
	json_decref(event);
	event = event_of(a, "AllocationCreated");
	change(GANTRY_GONE, COMMIT_OUTBOX, event);
	check("a change of its status has no event", a, "id");
	json_decref(event);
	json_decref(a);
}

static void test_all_events_missing(void **state)
{
	json_t *a = allocation_of(1), *event = event_of(a, "AllocationCreated");

	(void)state;
	change(GANTRY_GONE, COMMIT_OUTBOX, event);
	check("a change of its status has no event", a, "id");
	json_decref(event);
	json_decref(a);
}

static void test_event_doubled(void **state)
{
	json_t *a = allocation_of(1), *event = event_of(a, "AllocationCreated");
	AUTO_FREE char *both = NULL;

	(void)state;
	json_object_set_new(event, "ref", json_integer(INT64_MAX));
	json_object_set_new(event, "event_id", json_string("other"));
	change(GANTRY_NEW, COMMIT_OUTBOX, event);
	check("a second event of this type for its allocation", event, "event_id");
	json_decref(event);
	json_decref(a);
	/* the same eventId twice is told besides */
	event = row_of(COMMIT_OUTBOX, "type", "Custom");
	json_object_set_new(event, "ref", json_integer(INT64_MAX - 1));
	change(GANTRY_NEW, COMMIT_OUTBOX, event);
	both = memory_format("I4 outbox %s: two events have this eventId\n"
			     "I4 outbox other: a second event of this type for its "
			     "allocation\n", member(event, "event_id"));
	assert_string_equal(verify(), both);
	json_decref(event);
}

static void test_event_for_nothing(void **state)
{
	json_t *a = allocation_of(1), *event = event_of(a, "AllocationCreated");

	(void)state;
	json_object_set_new(event, "ref", json_integer(INT64_MAX));
	json_object_set_new(event, "event_id", json_string("orphan"));
	json_object_set_new(event, "aggregate_id", json_string("alloc_none"));
	change(GANTRY_NEW, COMMIT_OUTBOX, event);
	check("its allocation is not there", event, "event_id");
	json_decref(event);
	json_decref(a);
}

static void test_wrong_status(void **state)
{
	json_t *a = allocation_of(1), *event = event_of(a, "AllocationCreated");

	(void)state;
	json_object_set_new(event, "ref", json_integer(INT64_MAX));
	json_object_set_new(event, "event_id", json_string("early"));
	json_object_set_new(event, "type", json_string("AllocationFulfilled"));
	change(GANTRY_NEW, COMMIT_OUTBOX, event);
	check("an event says what its status does not", a, "id");
	json_decref(event);
	json_decref(a);
}

static void test_names_no_event(void **state)
{
	json_t *a = allocation_of(1);

	(void)state;
	json_object_set_new(a, "last_event", json_null());
	change(GANTRY_CHANGED, STOCK_ALLOCATIONS, a);
	check("it names no event", a, "id");
	json_decref(a);
}

/* Once events were published, they are gone: only what is left can be wrong. */
static void test_after_publishing(void **state)
{
	json_t *a = allocation_of(2), *event = event_of(a, "AllocationConfirmed"), *lease;
	json_t *created = event_of(a, "AllocationCreated");
	AUTO_FREE char *early = memory_format("I5 allocations %s: an event is gone while "
					      "one before it waits\n", member(a, "id"));

	(void)state;
	lease = json_pack("{s:i,s:i,s:s,s:s,s:i}", "ref", 1, "version", 1, "name",
			  "publisher:gantry", "owner", "gantry", "until", 1);
	change(GANTRY_NEW, COMMIT_LEASES, lease);
	assert_string_equal(verify(), "");
	change(GANTRY_GONE, COMMIT_OUTBOX, created);
	assert_string_equal(verify(), "");
	change(GANTRY_GONE, COMMIT_OUTBOX, event);
	assert_string_equal(verify(), "");
	change(GANTRY_NEW, COMMIT_OUTBOX, created);
	assert_string_equal(verify(), early);
	change(GANTRY_GONE, COMMIT_OUTBOX, created);
	json_object_set_new(event, "type", json_string("AllocationCancelled"));
	change(GANTRY_NEW, COMMIT_OUTBOX, event);
	check("an event says what its status does not", a, "id");
	json_decref(created);
	json_decref(event);
	json_decref(lease);
	json_decref(a);
}

/* A lease of another kind says nothing of publishing. */
static void test_other_lease(void **state)
{
	json_t *a = allocation_of(2), *event = event_of(a, "AllocationConfirmed"), *lease;

	(void)state;
	lease = json_pack("{s:i,s:i,s:s,s:s,s:i}", "ref", 1, "version", 1, "name",
			  "reconcile", "owner", "gantry", "until", 1);
	change(GANTRY_NEW, COMMIT_LEASES, lease);
	change(GANTRY_GONE, COMMIT_OUTBOX, event);
	check("a change of its status has no event", a, "id");
	json_decref(event);
	json_decref(lease);
	json_decref(a);
}

/* Stock's own invariants over the committer's schema. */
static void test_reserved(void **state)
{
	json_t *rows = world_rows(&world, STOCK_STOCK), *row = json_array_get(rows, 0);

	(void)state;
	json_object_set_new(row, "reserved", json_integer(4));
	change(GANTRY_CHANGED, STOCK_STOCK, row);
	assert_memory_equal(verify(), "I1 ", 3);
	assert_ptr_equal(strchr(found, '\n'), strrchr(found, '\n'));
	json_decref(rows);
}

static void test_names_nothing(void **state)
{
	json_t *a = allocation_of(2), *back;
	AUTO_FREE char *expected = NULL;

	(void)state;
	back = json_deep_copy(a);
	json_object_set_new(a, "item", json_integer(987654321));
	change(GANTRY_CHANGED, STOCK_ALLOCATIONS, a);
	expected = memory_format("I3 allocations ref %lld: the row in items that it "
				 "names is not there (ref 987654321)\n",
				 (long long)json_integer_value(json_object_get(a, "ref")));
	assert_non_null(strstr(verify(), expected));
	change(GANTRY_CHANGED, STOCK_ALLOCATIONS, back);
	assert_string_equal(verify(), "");
	json_decref(back);
	json_decref(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_whole),
		TEST(test_event_missing),
		TEST(test_all_events_missing),
		TEST(test_event_doubled),
		TEST(test_event_for_nothing),
		TEST(test_wrong_status),
		TEST(test_names_no_event),
		TEST(test_after_publishing),
		TEST(test_other_lease),
		TEST(test_reserved),
		TEST(test_names_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
