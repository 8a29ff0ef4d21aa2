/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge - the order side's edge in the test host: what it is sent, what the
 * inventory side answers it, and what it keeps.
 */
#ifndef HANDLERS_EDGE_H
#define HANDLERS_EDGE_H

#include "tests/handlers/host.h"

#define NOW INT64_C(1700000000000)
#define SERVICE "inventory-service"
#define BODY(order, line, quantity)                                         \
	"{\"orderId\":\"" order "\",\"orderItemId\":\"" line "\","           \
	"\"inventoryItemId\":\"inv_1\",\"quantity\":" #quantity "}"
#define MADE(id)                                                            \
	"{\"success\":true,\"data\":{\"id\":\"" id "\",\"status\":\"PENDING\"}}"
#define SHORT                                                               \
	"{\"success\":false,\"error\":{\"code\":\"INSUFFICIENT_STOCK\","     \
	"\"message\":\"Not enough inventory available\",\"retryable\":false}}"

static struct host h;
static int64_t now;

static inline int setup(void **state)
{
	static const char *const options[] = {
		"inventory_service=" SERVICE, "max_body=1000", "keep=60s", NULL
	};

	(void)state;
	now = NOW;
	host_open(&h, "optimistic", options);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	testhost_close(&h.t);
	return 0;
}

static inline void with(const char *const *options)
{
	testhost_close(&h.t);
	host_open(&h, "optimistic", options);
}

static inline void told(const char *method, const char *path, int status, const char *body)
{
	testhost_upstream(h.t, &TESTHOST_UPSTREAM(.name = SERVICE, .method = method,
		.path = path, .status = status, .body = body));
}

static inline void told_of(const char *contains, int status, const char *body)
{
	testhost_upstream(h.t, &TESTHOST_UPSTREAM(.name = SERVICE, .method = "POST",
		.path = "/allocations", .status = status, .body = body,
		.contains = contains));
}

static inline void post(int status, const char *body)
{
	host_send(&h, status, &TESTHOST_MESSAGE(.handler = "create", .body = body,
		.now_ms = now));
}

/* Kept; its id, the test's to free. */
static inline char *kept(const char *body)
{
	post(202, body);
	return host_data(&h, "id");
}

static inline void ask(const char *handler, const char *method, int status, const char *id)
{
	char *params = malloc(strlen(id) + 16);

	sprintf(params, "%s=%s", strcmp(handler, "by_order") == 0 ? "orderId" : "id", id);
	host_send(&h, status, &TESTHOST_MESSAGE(.handler = handler, .method = method,
		.params = params, .now_ms = now));
	free(params);
}

static inline void tick(const char *handler)
{
	host_send(&h, 200, &TESTHOST_MESSAGE(.handler = handler,
		.source = GANTRY_SOURCE_SCHEDULE, .method = "", .now_ms = now));
	assert_int_equal(h.answer.verdict, GANTRY_DONE);
}

/* What is kept in a space; 0: nothing at all. */
static inline unsigned records(const char *space)
{
	json_t *rows = testhost_rows(h.t, "records");
	unsigned n = 0;
	const json_t *row;
	char *begin;
	size_t i;

	begin = malloc(strlen(space) + 16);
	sprintf(begin, "test\x1f%s\x1f", space);
	json_array_foreach(rows, i, row)
		n += strncmp(json_string_value(json_object_get(row, "key")), begin,
			     strlen(begin)) == 0;
	free(begin);
	json_decref(rows);
	return n;
}

static inline void nothing_waits(unsigned ended)
{
	assert_int_equal(records("waiting"), 0);
	assert_int_equal(records("line"), 0);
	assert_int_equal(records("turn"), 0);
	assert_int_equal(records("share"), 0);
	assert_int_equal(records("ended"), ended);
	assert_int_equal(testhost_count(h.t, "records"), ended);
}

static inline const struct gantry_request *request(unsigned n)
{
	const struct gantry_request *r = testhost_request(h.t, n);

	assert_non_null(r);
	return r;
}

static inline const char *key_of(unsigned n)
{
	static const char name[] = "Idempotency-Key: ";
	const char *header = request(n)->headers[0];

	assert_non_null(header);
	assert_memory_equal(header, name, sizeof(name) - 1);
	return header + sizeof(name) - 1;
}

/* Without the correlation id, which is minted. */
static inline void assert_error(const char *expected)
{
	json_t *answer = json_loads(h.answer.text, 0, NULL);
	json_t *error = json_object_get(answer, "error");
	char *text;

	assert_non_null(json_string_value(json_object_get(error, "correlationId")));
	json_object_del(error, "correlationId");
	text = json_dumps(answer, JSON_COMPACT);
	assert_string_equal(text, expected);
	free(text);
	json_decref(answer);
}

#define AWAY_ERROR(message)                                                 \
	"{\"success\":false,\"error\":{\"code\":\"INVENTORY_SERVICE_UNAVAILABLE\"," \
	"\"message\":\"" message "\",\"retryable\":true}}"
#define WAITS_ERROR                                                         \
	"{\"success\":false,\"error\":{\"code\":\"ALLOCATION_OPTIMISTIC\","  \
	"\"message\":\"The allocation waits for the inventory side\",\"retryable\":true}}"

#endif
