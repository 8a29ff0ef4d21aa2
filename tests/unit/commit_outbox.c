/* SPDX-License-Identifier: Apache-2.0 */
/* commit_outbox - events as rows: envelope, order (I5), correlation (D14). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/unit/commit_world.h"

static struct world world;

static int setup(void **state)
{
	(void)state;
	world_open(&world, NULL);
	world_item(&world, "inv_1", 10);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

static json_t *outbox_row(const char *type)
{
	json_t *rows = world_rows(&world, COMMIT_OUTBOX), *row, *found = NULL;
	size_t i;

	json_array_foreach(rows, i, row)
		if (strcmp(json_string_value(json_object_get(row, "type")), type) == 0)
			found = json_incref(row);
	json_decref(rows);
	assert_non_null(found);
	return found;
}

static const char *member(json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define OTHER "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT(trace) "00-" trace "-b7ad6b7169203331-01"
#define STATE(value) { "tracestate", value }
#define FROM(trace) { "traceparent", PARENT(trace) }

/* What a message keeps for its events that came with these headers, and is of TRACE. */
static void test_tracestate(void **state)
{
	const struct {
		const char *type;
		struct message_pair headers[4];
		const char *expected;
	} cases[] = {
		{ "OneLine", { FROM(TRACE), STATE("a=1") }, "a=1" },
		{ "Lines", { FROM(TRACE), STATE("a=1"), { "TraceState", "b@c=2" } },
		  "a=1,b@c=2" },
		{ "None", { FROM(TRACE) }, NULL },
		{ "Empty", { FROM(TRACE), STATE("") }, NULL },
		/* half of it is no less malformed */
		{ "Odd", { FROM(TRACE), STATE("a=1"), STATE("b") }, NULL },
		{ "Alone", { STATE("a=1") }, NULL },
		{ "Another", { FROM(OTHER), STATE("a=1") }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shot s;
		json_t *row;

		shot_init(&world, &s, GANTRY_INLINE, shot_publish);
		s.text = cases[i].type;
		s.m.traceparent = PARENT(TRACE);
		s.m.headers = cases[i].headers;
		while (s.m.n_headers < 4 && cases[i].headers[s.m.n_headers].name != NULL)
			s.m.n_headers++;
		shot_run(&s);
		shot_fini(&s);
		row = outbox_row(cases[i].type);
		assert_string_equal(member(row, "traceparent"), PARENT(TRACE));
		if (cases[i].expected != NULL)
			assert_string_equal(member(row, "tracestate"), cases[i].expected);
		else
			assert_true(json_is_null(json_object_get(row, "tracestate")));
		json_decref(row);
	}
}

/* What does not fit into 512 bytes goes from its end. */
static void test_tracestate_is_cut(void **state)
{
	char line[112] = "";
	const struct message_pair headers[] = { FROM(TRACE), STATE(line), STATE(line),
						STATE(line), STATE(line), STATE(line) };
	AUTO_FREE char *expected = NULL;
	struct shot s;
	json_t *row;

	(void)state;
	memset(line, '7', sizeof(line) - 1);
	memcpy(line, "a=", 2);
	expected = memory_format("%s,%s,%s,%s", line, line, line, line);
	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	s.text = "Told";
	s.m.traceparent = PARENT(TRACE);
	s.m.headers = headers;
	s.m.n_headers = 6;
	shot_run(&s);
	shot_fini(&s);
	row = outbox_row("Told");
	assert_string_equal(member(row, "tracestate"), expected);
	json_decref(row);
}

static void test_outbox_envelope(void **state)
{
	struct shot s;
	json_t *row, *body;
	AUTO_FREE char *expected = NULL;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	shot_is_event(&s, "evt_7");
	s.m.correlation_id = "cor_7";
	s.text = "Told";
	shot_run(&s);
	shot_fini(&s);
	row = outbox_row("Told");
	body = json_loads(member(row, "body"), 0, NULL);
	assert_non_null(body);
	expected = memory_format("{\"eventId\":\"%s\",\"eventType\":\"Told\","
		"\"eventVersion\":\"1.0.0\",\"aggregateId\":\"evt_7\","
		"\"aggregateType\":\"Message\",\"timestamp\":\"%s\",\"metadata\":{"
		"\"correlationId\":\"cor_7\",\"source\":\"test-service\","
		"\"causationId\":\"evt_7\"},\"payload\":{}}",
		member(row, "event_id"), member(body, "timestamp"));
	assert_string_equal(member(row, "body"), expected);
	assert_int_equal(strlen(member(body, "timestamp")), 20);
	assert_string_equal(member(row, "owner"), "gantry");
	assert_string_equal(member(row, "exchange"), "x");
	assert_string_equal(member(row, "routing_key"), "k");
	assert_string_equal(member(row, "correlation_id"), "cor_7");
	assert_true(json_is_null(json_object_get(row, "after")));
	json_decref(body);
	json_decref(row);
}

static enum gantry_verdict do_order(struct shot *s, struct gantry_message *m,
				    struct gantry_error *err)
{
	gantry_command(m, &GANTRY_COMMAND(.kind = (enum gantry_command_kind)s->number,
					  .order_id = s->text), err);
	return GANTRY_DONE;
}

static void run_order(enum gantry_command_kind kind, const char *order)
{
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, do_order);
	s.text = order;
	s.number = kind;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
}

static void allocate(const char *order, int64_t quantity)
{
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, shot_allocate);
	s.text = order;
	s.number = quantity;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
}

static json_int_t number(json_t *row, const char *name)
{
	return json_integer_value(json_object_get(row, name));
}

/* I5: Created, Confirmed, Cancelled of one allocation hang on each other. */
static void test_outbox_chain(void **state)
{
	json_t *created, *confirmed, *cancelled, *rows;

	(void)state;
	allocate("ord_1", 2);
	run_order(GANTRY_ORDER_CONFIRM, "ord_1");
	created = outbox_row("AllocationCreated");
	confirmed = outbox_row("AllocationConfirmed");
	assert_true(json_is_null(json_object_get(created, "after")));
	assert_int_equal(number(confirmed, "after"), number(created, "ref"));
	assert_true(number(confirmed, "ref") > number(created, "ref"));
	/* what was published meanwhile is waited for no more */
	world_change(&world, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = GANTRY_GONE,
		.table = COMMIT_OUTBOX, .values = (struct gantry_value[]){
			value_number(number(confirmed, "ref")) } });
	run_order(GANTRY_ORDER_CANCEL, "ord_1");
	cancelled = outbox_row("AllocationCancelled");
	assert_true(json_is_null(json_object_get(cancelled, "after")));
	assert_string_equal(member(cancelled, "correlation_id"), "ord_1");
	rows = world_rows(&world, STOCK_ALLOCATIONS);
	assert_int_equal(number(json_array_get(rows, 0), "last_event"),
			 number(cancelled, "ref"));
	json_decref(rows);
	json_decref(created);
	json_decref(confirmed);
	json_decref(cancelled);
}

/* Which correlation id events and answers have (D14). */

static const char *ids[2];

static enum gantry_verdict do_cancel_both(struct shot *s, struct gantry_message *m,
					  struct gantry_error *err)
{
	(void)s;
	for (int i = 0; i < 2; i++)
		gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_CANCEL,
			.allocation_id = ids[i]), err);
	return GANTRY_DONE;
}

static void test_correlation_of_several(void **state)
{
	json_t *rows;
	struct shot s;

	(void)state;
	allocate("ord_1", 1);
	allocate("ord_2", 2);
	rows = world_rows(&world, STOCK_ALLOCATIONS);
	for (int i = 0; i < 2; i++)
		ids[i] = member(json_array_get(rows, (size_t)i), "id");
	shot_init(&world, &s, GANTRY_INLINE, do_cancel_both);
	s.m.source = GANTRY_SOURCE_SCHEDULE;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
	/* of each order Created and Cancelled */
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "correlation_id",
					  "ord_1"), 2);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "correlation_id",
					  "ord_2"), 2);
	json_decref(rows);
}

static enum gantry_verdict do_cancel_one(struct shot *s, struct gantry_message *m,
					 struct gantry_error *err)
{
	gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_CANCEL,
					  .allocation_id = s->text), err);
	return GANTRY_DONE;
}

static void test_correlation(void **state)
{
	json_t *rows;
	struct shot s;

	(void)state;
	allocate("ord_1", 1);
	rows = world_rows(&world, STOCK_ALLOCATIONS);
	shot_init(&world, &s, GANTRY_INLINE, do_cancel_one);
	s.text = member(json_array_get(rows, 0), "id");
	shot_run(&s);
	/* by its allocation a request is known to concern the order */
	assert_string_equal(s.m.correlation_id, "ord_1");
	shot_fini(&s);
	json_decref(rows);
	/* an id that no header can carry */
	shot_init(&world, &s, GANTRY_INLINE, shot_allocate);
	s.text = "ordre_\xc3\xa9";
	s.number = 1;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	assert_memory_equal(s.m.correlation_id, "cor_", 4);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "correlation_id",
					  s.m.correlation_id), 1);
	shot_fini(&s);
	/* what came with the request goes through */
	shot_init(&world, &s, GANTRY_INLINE, shot_allocate);
	s.m.correlation_id = "mine";
	s.text = "ord_2";
	s.number = 1;
	shot_run(&s);
	shot_fini(&s);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "correlation_id",
					  "mine"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_outbox_envelope),
		TEST(test_tracestate),
		TEST(test_tracestate_is_cut),
		TEST(test_outbox_chain),
		TEST(test_correlation_of_several),
		TEST(test_correlation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
