/* SPDX-License-Identifier: Apache-2.0 */
/* stock_query - the named queries, and what verify finds in a broken store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/error.h"
#include "gateway/stock/query.h"
#include "gateway/stock/verify.h"
#include "tests/unit/stock_world.h"

#define RUN(w, ...) world_run((w), &GANTRY_COMMAND(__VA_ARGS__))

/* The rows as text, or the error's; after as it was given. */
static const char *ask(struct world *w, const char **after_out,
		       const struct gantry_query *query)
{
	struct query_store store = { &world_storage, w, &world_schema };
	struct gantry_error err = ERROR_INIT;
	const char *text, *after = "untouched";
	json_t *rows;
	char *dump;

	if (stock_query_run(&store, query, w->now_ms, &w->arena, &rows, &after,
			    &err) != GANTRY_STORED) {
		assert_string_equal(after, "untouched");
		text = arena_text(&w->arena, err.message);
		error_fini(&err);
		return text;
	}
	dump = json_dumps(rows, JSON_COMPACT);
	text = arena_text(&w->arena, dump);
	free(dump);
	json_decref(rows);
	if (after_out != NULL)
		*after_out = after;
	else
		assert_null(after);
	return text;
}

#define ASK(w, ...) ask((w), NULL, &GANTRY_QUERY(__VA_ARGS__))

static void seed(struct world *w)
{
	char line[8], item[8];

	world_init(w);
	for (int i = 0; i < 5; i++) {
		snprintf(item, sizeof(item), "inv%d", (i + 3) % 5);
		RUN(w, .kind = GANTRY_ITEM_CREATE, .item_id = item, .sku = "S",
		    .product_id = "p", .warehouse_id = "wh", .quantity = 10 + i);
	}
	for (int i = 0; i < 7; i++) {
		snprintf(line, sizeof(line), "l%d", 9 - i);
		snprintf(item, sizeof(item), "inv%d", i % 5);
		RUN(w, .kind = GANTRY_ALLOCATE, .order_id = "o1",
		    .order_item_id = line, .item_id = item, .quantity = i + 1,
		    .expires_at_ms = i == 6 ? 0 : w->now_ms + 1000 * (7 - i));
	}
	w->now_ms += 1000;
	RUN(w, .kind = GANTRY_CONFIRM, .allocation_id = "alloc_3");
}

static void test_one(void **state)
{
	struct world w;

	(void)state;
	seed(&w);
	assert_string_equal(ASK(&w, .name = "allocation", .key = "alloc_1"),
			    "[{\"id\":\"alloc_1\",\"orderId\":\"o1\","
			    "\"orderItemId\":\"l9\",\"inventoryItemId\":\"inv0\","
			    "\"warehouseId\":\"wh\",\"quantity\":1,"
			    "\"status\":\"PENDING\","
			    "\"expiresAt\":\"2023-05-23T11:30:07Z\","
			    "\"createdAt\":\"2023-05-23T11:30:00Z\","
			    "\"updatedAt\":\"2023-05-23T11:30:00Z\"}]");
	assert_non_null(strstr(ASK(&w, .name = "allocation", .key = "alloc_7"),
			       "\"expiresAt\":null,"));
	assert_string_equal(ASK(&w, .name = "allocation", .key = "nix"), "[]");
	assert_string_equal(ASK(&w, .name = "item", .key = "inv0"),
			    "[{\"id\":\"inv0\",\"sku\":\"S\",\"productId\":\"p\","
			    "\"warehouseId\":\"wh\",\"availableQuantity\":12,"
			    "\"reservedQuantity\":7,\"version\":3,"
			    "\"createdAt\":\"2023-05-23T11:30:00Z\","
			    "\"updatedAt\":\"2023-05-23T11:30:00Z\"}]");
	assert_string_equal(ASK(&w, .name = "item", .key = "nix"), "[]");
	assert_string_equal(ASK(&w, .name = "order", .key = "o1"),
			    "[{\"id\":\"o1\",\"status\":\"OPEN\","
			    "\"liveAllocations\":7,\"version\":7,"
			    "\"createdAt\":\"2023-05-23T11:30:00Z\","
			    "\"updatedAt\":\"2023-05-23T11:30:00Z\"}]");
	assert_string_equal(ASK(&w, .name = "order", .key = "nix"), "[]");
	world_fini(&w);
}

/* Only the ids of the rows, page by page. */
static void check_pages(struct world *w, const char *name, const char *key,
			int64_t limit, const char *want)
{
	char got[512] = "";
	const char *after = NULL;

	do {
		const char *text = ask(w, &after, &GANTRY_QUERY(
			.name = name, .key = key, .limit = limit, .after = after));
		json_t *rows = json_loads(text, 0, NULL), *row;
		size_t i;

		assert_non_null(rows);
		assert_true(json_array_size(rows) <= (size_t)limit);
		json_array_foreach(rows, i, row) {
			strcat(got, json_string_value(json_object_get(row, "id")));
			strcat(got, " ");
		}
		json_decref(rows);
		strcat(got, "| ");
	} while (after != NULL);
	assert_string_equal(got, want);
}

static void test_pages(void **state)
{
	struct world w;

	(void)state;
	seed(&w);
	check_pages(&w, "items", NULL, 2, "inv0 inv1 | inv2 inv3 | inv4 | ");
	check_pages(&w, "items", NULL, 5, "inv0 inv1 inv2 inv3 inv4 | ");
	check_pages(&w, "allocations-of-order", "o1", 3,
		    "alloc_1 alloc_2 alloc_3 | alloc_4 alloc_5 alloc_6 | alloc_7 | ");
	check_pages(&w, "allocations-of-order", "o1", 7,
		    "alloc_1 alloc_2 alloc_3 alloc_4 alloc_5 alloc_6 alloc_7 | ");
	check_pages(&w, "allocations-of-order", "nix", 7, "| ");
	world_fini(&w);
}

static void test_due(void **state)
{
	struct world w;

	(void)state;
	seed(&w);
	assert_string_equal(ASK(&w, .name = "allocations-due"), "[]");
	w.now_ms += 3000;	/* alloc_6 was due 2 s ago, alloc_4 just now */
	assert_string_equal(ASK(&w, .name = "allocations-due"),
			    "[{\"id\":\"alloc_6\",\"version\":1,"
			    "\"expiresAt\":\"2023-05-23T11:30:02Z\"},"
			    "{\"id\":\"alloc_5\",\"version\":1,"
			    "\"expiresAt\":\"2023-05-23T11:30:03Z\"},"
			    "{\"id\":\"alloc_4\",\"version\":1,"
			    "\"expiresAt\":\"2023-05-23T11:30:04Z\"}]");
	w.now_ms += 9000;	/* alloc_3 is confirmed, alloc_7 never due */
	check_pages(&w, "allocations-due", NULL, 9,
		    "alloc_6 alloc_5 alloc_4 alloc_2 alloc_1 | ");
	check_pages(&w, "allocations-due", NULL, 2, "alloc_6 alloc_5 | ");
	world_fini(&w);
}

static void test_returns(void **state)
{
	struct world w;

	(void)state;
	seed(&w);
	RUN(&w, .kind = GANTRY_CONFIRM, .allocation_id = "alloc_7");
	RUN(&w, .kind = GANTRY_FULFILL, .allocation_id = "alloc_7");
	RUN(&w, .kind = GANTRY_FULFILL, .allocation_id = "alloc_3");
	RUN(&w, .kind = GANTRY_RETURN_EXPECT, .order_id = "o1", .return_id = "r1");
	RUN(&w, .kind = GANTRY_RETURN_RECEIVE, .return_id = "r1",
	    .order_item_id = "l3", .quantity = 5);
	assert_string_equal(ASK(&w, .name = "returns-of-order", .key = "o1"),
			    "[{\"id\":\"r1\",\"orderId\":\"o1\","
			    "\"orderItemId\":\"l7\",\"allocationId\":\"alloc_3\","
			    "\"inventoryItemId\":\"inv2\",\"expectedQuantity\":3,"
			    "\"receivedQuantity\":0,\"status\":\"EXPECTED\","
			    "\"createdAt\":\"2023-05-23T11:30:01Z\","
			    "\"updatedAt\":\"2023-05-23T11:30:01Z\"},"
			    "{\"id\":\"r1\",\"orderId\":\"o1\","
			    "\"orderItemId\":\"l3\",\"allocationId\":\"alloc_7\","
			    "\"inventoryItemId\":\"inv1\",\"expectedQuantity\":7,"
			    "\"receivedQuantity\":5,\"status\":\"RECEIVED\","
			    "\"createdAt\":\"2023-05-23T11:30:01Z\","
			    "\"updatedAt\":\"2023-05-23T11:30:01Z\"}]");
	check_pages(&w, "returns-of-order", "o1", 1, "r1 | r1 | ");
	assert_string_equal(ASK(&w, .name = "returns-of-order", .key = "nix"), "[]");
	world_fini(&w);
}

static void test_wrong_asks(void **state)
{
	struct world w;

	(void)state;
	seed(&w);
	assert_true(stock_query_exists("items"));
	assert_false(stock_query_exists("records"));
	assert_string_equal(ASK(&w, .name = "nix"), "no query is named \"nix\"");
	assert_string_equal(ASK(&w, .name = "item"), "query \"item\" needs a key");
	assert_string_equal(ASK(&w, .name = "items", .limit = 1001),
			    "query \"items\": limit: not 1 to 1000: 1001");
	assert_string_equal(ASK(&w, .name = "allocations-of-order", .key = "o1",
				.after = "alloc_1"),
			    "query \"allocations-of-order\": after: not a place in "
			    "the list: \"alloc_1\"");
	world_fini(&w);
}

/* Verify. */

struct findings {
	char text[1024];
};

static void note(void *ctx, const char *invariant, const char *row, const char *what)
{
	struct findings *f = ctx;
	size_t len = strlen(f->text);

	snprintf(f->text + len, sizeof(f->text) - len, "%s %s: %s\n", invariant,
		 row, what);
}

static void check_found(struct world *w, const char *want)
{
	struct query_store store = { &world_storage, w, &world_schema };
	struct gantry_error err = ERROR_INIT;
	struct findings f = { "" };

	assert_int_equal(stock_verify(&store, note, &f, &err), 0);
	assert_string_equal(f.text, want);
}

static struct gantry_value *cell(struct world *w, unsigned table, const char *id,
				 unsigned column)
{
	return (struct gantry_value *)&world_row(w, table, id)[column];
}

static void test_verify_finds(void **state)
{
	struct gantry_value kept;
	struct world w;

	(void)state;
	seed(&w);
	check_found(&w, "");
	/* the third item's row of counters: inv0, 12 on hand, 7 reserved */
	w.tables[STOCK_STOCK].rows[2][STOCK_RESERVED].is.number = 8;
	check_found(&w, "I1 item with ref 1003: 8 reserved, its open allocations "
		    "sum up to 7\n");
	w.tables[STOCK_STOCK].rows[2][STOCK_RESERVED].is.number = 7;
	w.tables[STOCK_STOCK].rows[2][STOCK_AVAILABLE].is.number = 6;
	check_found(&w, "I2 item with ref 1003: reserved 7 of 6 available\n");
	w.tables[STOCK_STOCK].rows[2][STOCK_AVAILABLE].is.number = 7;
	*cell(&w, STOCK_ORDERS, "o1", ORDERS_LIVE) = value_number(6);
	check_found(&w, "I3 order o1: counts 6 live allocations, has 7\n");
	*cell(&w, STOCK_ORDERS, "o1", ORDERS_LIVE) = value_number(7);
	*cell(&w, STOCK_ALLOCATIONS, "alloc_3", ALLOCATIONS_DUE_AT) = value_number(1);
	check_found(&w, "I3 allocation alloc_3: is due and not PENDING\n");
	*cell(&w, STOCK_ALLOCATIONS, "alloc_3", ALLOCATIONS_DUE_AT) =
		(struct gantry_value){ 0 };
	*cell(&w, STOCK_ALLOCATIONS, "alloc_3", ALLOCATIONS_LIVE) =
		(struct gantry_value){ 0 };
	check_found(&w, "I3 allocation alloc_3: has no live key and is not "
		    "CANCELLED\n");
	*cell(&w, STOCK_ALLOCATIONS, "alloc_3", ALLOCATIONS_LIVE) = value_number(1);
	*cell(&w, STOCK_ALLOCATIONS, "alloc_1", ALLOCATIONS_DUE_AT) = value_number(1);
	check_found(&w, "I3 allocation alloc_1: is PENDING and not due when it "
		    "expires\n");
	*cell(&w, STOCK_ALLOCATIONS, "alloc_1", ALLOCATIONS_DUE_AT) =
		*cell(&w, STOCK_ALLOCATIONS, "alloc_1", ALLOCATIONS_EXPIRES_AT);
	/* alloc_1 and alloc_6 are of inv0 */
	kept = *cell(&w, STOCK_ALLOCATIONS, "alloc_6", ALLOCATIONS_ORDER_ITEM_ID);
	*cell(&w, STOCK_ALLOCATIONS, "alloc_6", ALLOCATIONS_ORDER_ITEM_ID) =
		value_text("l9");
	check_found(&w, "I3 allocation alloc_1: has the live key of alloc_6 too\n");
	*cell(&w, STOCK_ALLOCATIONS, "alloc_6", ALLOCATIONS_ORDER_ITEM_ID) = kept;
	check_found(&w, "");
	world_fini(&w);
}

/* A store that moves while it is looked at: no false alarm. */

struct busy {
	struct world w;
	int moves;
};

static void busy_move(struct busy *b)
{
	if (b->moves == 0)
		return;
	b->moves--;
	if (b->moves % 2)
		RUN(&b->w, .kind = GANTRY_ALLOCATE, .order_id = "o2",
		    .order_item_id = "l", .item_id = "inv3", .quantity = 1);
	else
		RUN(&b->w, .kind = GANTRY_ORDER_CANCEL, .order_id = "o1");
	if (b->moves % 2 == 0 && b->moves > 0)
		RUN(&b->w, .kind = GANTRY_ITEM_ADJUST, .item_id = "inv3",
		    .quantity = 1);
}

static enum gantry_stored busy_read(void *self, const struct gantry_key *const *keys,
				    size_t n, const struct gantry_sink *sink,
				    struct gantry_error *err)
{
	struct busy *b = self;

	busy_move(b);
	return world_storage.read(&b->w, keys, n, sink, err);
}

static enum gantry_stored busy_scan(void *self, const struct gantry_range *range,
				    const struct gantry_sink *sink,
				    struct gantry_error *err)
{
	struct busy *b = self;

	busy_move(b);
	return world_storage.scan(&b->w, range, sink, err);
}

static void test_verify_while_it_moves(void **state)
{
	static const struct gantry_storage busy_storage = {
		.size = sizeof(busy_storage), .read = busy_read, .scan = busy_scan,
	};
	struct busy b = { .moves = 0 };
	struct query_store store = { &busy_storage, &b, &world_schema };
	struct gantry_error err = ERROR_INIT;
	struct findings f = { "" };

	(void)state;
	seed(&b.w);
	for (int moves = 1; moves < 24; moves++) {
		b.moves = moves;
		assert_int_equal(stock_verify(&store, note, &f, &err), 0);
		assert_string_equal(f.text, "");
	}
	b.moves = 100000;
	assert_int_equal(stock_verify(&store, note, &f, &err), -1);
	assert_string_equal(err.message, "1 items moved in each of 8 rounds: try "
			    "again when there is less traffic");
	assert_string_equal(f.text, "");
	error_fini(&err);
	world_fini(&b.w);
}

/* Pages of any size add up to the counters. */
static void check_sums(struct world *w)
{
	for (int64_t limit = 1; limit < 12; limit++) {
		const char *after = NULL, *rows;
		int64_t sum = 0;

		do {
			rows = ask(w, &after, &GANTRY_QUERY(.name = "held-by-items",
							    .limit = limit, .after = after));
			while ((rows = strstr(rows, "\"quantity\":")) != NULL) {
				rows += strlen("\"quantity\":");
				sum += strtoll(rows, NULL, 10);
			}
		} while (after != NULL);
		assert_int_equal(sum, 28);
	}
	assert_string_equal(ASK(w, .name = "waiting-events"), "[]");
}

/* What reconciliation goes over: all of it, a page at a time. */
static void test_held(void **state)
{
	const char *after;
	struct world w;

	(void)state;
	seed(&w);
	RUN(&w, .kind = GANTRY_ORDER_OPEN, .order_id = "o2");
	RUN(&w, .kind = GANTRY_ALLOCATE, .order_id = "o3", .order_item_id = "l",
	    .item_id = "inv1", .quantity = 2, .unverified = true);
	RUN(&w, .kind = GANTRY_CANCEL, .allocation_id = "alloc_8", .reason = "why");
	assert_non_null(strstr(ask(&w, &after, &GANTRY_QUERY(.name = "held-by-orders",
		.limit = 2)), "\"version\":1,\"unverified\":false}]},{\"id\":\"o2\","));
	assert_non_null(after);
	assert_string_equal(ask(&w, &after, &GANTRY_QUERY(.name = "held-by-orders",
		.limit = 2, .after = after)), ASK(&w, .name = "held-by-order", .key = "o3"));
	assert_null(after);
	assert_non_null(strstr(ASK(&w, .name = "held-by-order", .key = "o3"),
		"\"status\":\"CANCELLED\","));
	assert_non_null(strstr(ASK(&w, .name = "held-by-order", .key = "o3"),
		"\"version\":2,\"unverified\":true,\"reason\":\"why\"}]}]"));
	assert_string_equal(ASK(&w, .name = "held-by-order", .key = "nix"), "[]");
	assert_string_equal(ASK(&w, .name = "held-by-order"),
			    "query \"held-by-order\" needs a key");
	assert_string_equal(ASK(&w, .name = "held-by-orders", .after = "x"),
		"query \"held-by-orders\": after: not a place in the list: \"x\"");
	check_sums(&w);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_returns),
		cmocka_unit_test(test_wrong_asks),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_verify_finds),
		cmocka_unit_test(test_verify_while_it_moves),
	};

	return cmocka_run_group_tests_name("stock_query", tests, NULL, NULL);
}
