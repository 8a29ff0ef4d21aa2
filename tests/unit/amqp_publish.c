/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_publish - frames of the broker into the window: acks, nacks, returns
 * with their content, and what no honest broker says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "gateway/source/amqp/publish.h"

static struct publish p;
static char settled[512];
static struct gantry_error err;

static void note(void *ctx, int64_t ref, enum window_fate fate, const char *cause)
{
	size_t n = strlen(settled);

	(void)ctx;
	snprintf(settled + n, sizeof(settled) - n, "%lld%c%s;", (long long)ref,
		 "+-r"[fate], cause);
}

static int setup(void **state)
{
	static const char *const ids[] = { "e1", "e2", "e3" };

	(void)state;
	p = (struct publish){
		.window = window_new(8, &(struct window_ops){ note, NULL }),
		.app_id = "test",
	};
	for (int i = 0; i < 3; i++)
		window_sent(p.window, i + 1, ids[i]);
	settled[0] = '\0';
	error_reset(&err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	window_free(&p.window);
	error_fini(&err);
	return 0;
}

static int method(amqp_method_number_t id, void *decoded)
{
	amqp_frame_t f = { .frame_type = AMQP_FRAME_METHOD, .channel = BROKER_CHANNEL };
	unsigned code = 0;

	f.payload.method.id = id;
	f.payload.method.decoded = decoded;
	return publish_frame(&p, &f, &code, &err);
}

static int ack(uint64_t tag, bool multiple)
{
	return method(AMQP_BASIC_ACK_METHOD,
		      &(amqp_basic_ack_t){ .delivery_tag = tag, .multiple = multiple });
}

static int returned(const char *why)
{
	return method(AMQP_BASIC_RETURN_METHOD, &(amqp_basic_return_t){
		.reply_code = 312, .reply_text = amqp_cstring_bytes(why) });
}

static int header(const char *id, uint64_t size)
{
	amqp_basic_properties_t properties = { ._flags = 0 };
	amqp_frame_t f = { .frame_type = AMQP_FRAME_HEADER, .channel = BROKER_CHANNEL };
	unsigned code = 0;

	if (id != NULL) {
		properties._flags = AMQP_BASIC_MESSAGE_ID_FLAG;
		properties.message_id = amqp_cstring_bytes(id);
	}
	f.payload.properties.body_size = size;
	f.payload.properties.decoded = &properties;
	return publish_frame(&p, &f, &code, &err);
}

static int body(size_t len)
{
	amqp_frame_t f = { .frame_type = AMQP_FRAME_BODY, .channel = BROKER_CHANNEL };
	unsigned code = 0;

	f.payload.body_fragment.len = len;
	return publish_frame(&p, &f, &code, &err);
}

static void test_acks(void **state)
{
	(void)state;
	assert_int_equal(ack(2, false), 0);
	assert_int_equal(method(AMQP_BASIC_NACK_METHOD, &(amqp_basic_nack_t){
		.delivery_tag = 1, .requeue = true }), 0);
	assert_int_equal(ack(3, true), 0);
	assert_string_equal(settled, "2+;1-;3+;");
	/* other channels, and methods that nobody asked for, say nothing */
	assert_int_equal(method(AMQP_BASIC_CANCEL_METHOD, NULL), 0);
}

static void test_return(void **state)
{
	(void)state;
	assert_int_equal(returned("NO_ROUTE"), 0);
	assert_int_equal(header("e2", 10), 0);
	assert_int_equal(body(4), 0);
	assert_int_equal(body(6), 0);
	assert_int_equal(ack(3, true), 0);
	assert_string_equal(settled, "1+;2runroutable: NO_ROUTE;3+;");
}

static void test_return_without_a_body(void **state)
{
	(void)state;
	assert_int_equal(returned("NO_ROUTE"), 0);
	assert_int_equal(header("e1", 0), 0);
	assert_int_equal(body(1), -1);
	assert_string_equal(err.message, "the broker sends more than it said");
	assert_int_equal(ack(1, false), 0);
	assert_string_equal(settled, "1runroutable: NO_ROUTE;");
}

/* A long reason is cut, and nothing written behind it. */
static void test_return_long(void **state)
{
	char why[256];

	(void)state;
	memset(why, 'x', sizeof(why) - 1);
	why[255] = '\0';
	assert_int_equal(returned(why), 0);
	assert_int_equal(header("e1", 0), 0);
	assert_int_equal(ack(1, false), 0);
	assert_int_equal(strlen(settled), 2 + WINDOW_CAUSE - 1 + 1);
}

static void test_lies(void **state)
{
	(void)state;
	assert_int_equal(ack(4, false), -1);
	assert_string_equal(err.message, "the broker confirms what was not published");
	assert_int_equal(ack(0, false), -1);
	assert_int_equal(ack(UINT64_MAX, true), -1);
	assert_int_equal(header("e1", 0), -1);
	assert_string_equal(err.message, "the broker sends what nobody asked for");
	assert_int_equal(body(0), -1);
	assert_int_equal(returned("NO_ROUTE"), 0);
	assert_int_equal(header("e9", 5), -1);
	assert_string_equal(err.message, "the broker returns what was not published");
	assert_int_equal(body(6), -1);
	p.returning = false;
	assert_int_equal(returned("NO_ROUTE"), 0);
	assert_int_equal(header(NULL, 0), -1);
	assert_string_equal(settled, "");
}

/* What the wire cannot carry is said, and not sent. */
static void test_too_long(void **state)
{
	AUTO_FREE char *key = memory_new(257);
	struct handover_event e = { .exchange = "x", .type = "T", .event_id = "e4",
				    .correlation_id = "c", .body = "{}", .body_len = 2 };

	(void)state;
	memset(key, 'k', 256);
	e.routing_key = key;
	assert_int_equal(publish_send(&p, &e, &err), 1);
	assert_string_equal(err.message,
			    "exchange, routing key or an id is longer than 255 bytes");
	assert_int_equal(window_count(p.window), 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_acks),
		CASE(test_return),
		CASE(test_return_without_a_body),
		CASE(test_return_long),
		CASE(test_lies),
		CASE(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
