/* SPDX-License-Identifier: Apache-2.0 */
/* content - whole, too large, absurd, and other than it says. */
#include "gateway/source/amqp/content.h"

#include "tests/unit/amqp_side.h"

#define MAX_BODY 4096

static void deliver(struct peer *p, unsigned channel, uint64_t size)
{
	/* message_id "abc" */
	char head[18] = "\0\x3c\0\0........\0\x80\3abc";

	PEER_METHOD(p, channel, 0x003c003c,
		    "\1t\0\0\0\0\0\0\0\1\0\1e\1k");
	for (int i = 0; i < 8; i++)
		head[4 + i] = (char)(size >> (56 - 8 * i));
	peer_frame(p, 2, channel, head, sizeof(head));
}

static void body(struct peer *p, unsigned channel, size_t size)
{
	static const char bytes[65536] = "body";

	for (size_t n; size > 0; size -= n) {
		n = size < sizeof(bytes) ? size : sizeof(bytes);
		peer_frame(p, 3, channel, bytes, n);
	}
}

/* Open, and wait for the delivery. */
static void side_deliver(struct side *s, void (*play)(struct peer *))
{
	amqp_frame_t frame;

	side_begin(s, play, NULL);
	assert_int_equal(broker_open(s->broker, &s->err), 0);
	assert_int_equal(broker_wait(s->broker, 1000, &frame, &s->err), 1);
	assert_int_equal(frame.payload.method.id, AMQP_BASIC_DELIVER_METHOD);
}

static int side_content(struct side *s, struct arena *arena,
			struct content *out)
{
	return content_read(s->broker, 1, MAX_BODY, arena, out, &s->err);
}

static void assert_id(const struct content *c)
{
	assert_true(c->properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG);
	assert_int_equal(c->properties->message_id.len, 3);
	assert_memory_equal(c->properties->message_id.bytes, "abc", 3);
}

static void play_three(struct peer *p)
{
	peer_greet(p);
	deliver(p, 1, 0);
	deliver(p, 1, MAX_BODY);
	body(p, 1, 96);
	body(p, 1, MAX_BODY - 96);
	deliver(p, 1, (8 << 20) + 1);
	body(p, 1, (8 << 20) + 1);
	deliver(p, 1, 4);
	body(p, 1, 4);
	peer_drain(p);
}

static void test_sizes(void **state)
{
	static const uint64_t sizes[] = { 0, MAX_BODY, (8 << 20) + 1, 4 };
	struct arena arena = { 0 };
	struct side s = { 0 };
	amqp_frame_t frame;

	(void)state;
	side_deliver(&s, play_three);
	for (unsigned i = 0; i < 4; i++) {
		struct content c;

		if (i > 0)
			assert_int_equal(broker_wait(s.broker, 1000, &frame,
						     &s.err), 1);
		assert_int_equal(side_content(&s, &arena, &c), 0);
		assert_int_equal(c.size, sizes[i]);
		assert_id(&c);
		if (i == 2) {
			assert_null(c.body);
		} else {
			assert_int_equal(c.len, sizes[i]);
			assert_int_equal(c.body[c.len], 0);
			assert_string_equal(c.body, i > 0 ? "body" : "");
		}
		content_fini(&c);
		broker_release(s.broker);
	}
	/* what was too large was never held */
	assert_in_range(arena.used, 1, 3 * MAX_BODY);
	arena_fini(&arena);
	side_end(&s);
}

/* A second channel talks into the middle; it is heard afterwards. */
static void play_between(struct peer *p)
{
	peer_greet(p);
	deliver(p, 1, 4);
	deliver(p, 2, 0);
	body(p, 1, 4);
	peer_drain(p);
}

static void test_other_channel_between(void **state)
{
	struct arena arena = { 0 };
	struct content c;
	struct side s = { 0 };
	amqp_frame_t frame;

	(void)state;
	side_deliver(&s, play_between);
	assert_int_equal(side_content(&s, &arena, &c), 0);
	assert_string_equal(c.body, "body");
	content_fini(&c);
	broker_release(s.broker);
	assert_int_equal(broker_wait(s.broker, 0, &frame, &s.err), 1);
	assert_int_equal(frame.channel, 2);
	assert_int_equal(frame.payload.method.id, AMQP_BASIC_DELIVER_METHOD);
	assert_int_equal(content_read(s.broker, 2, MAX_BODY, &arena, &c,
				      &s.err), 0);
	assert_id(&c);
	content_fini(&c);
	arena_fini(&arena);
	side_end(&s);
}

static void play_absurd(struct peer *p)
{
	peer_greet(p);
	deliver(p, 1, UINT64_MAX);
	peer_drain(p);
}

static void play_more_than_said(struct peer *p)
{
	peer_greet(p);
	deliver(p, 1, 3);
	body(p, 1, 4);
	peer_drain(p);
}

static void play_empty_parts(struct peer *p)
{
	peer_greet(p);
	deliver(p, 1, 3);
	peer_frame(p, 3, 1, "", 0);
	peer_drain(p);
}

static void play_no_body(struct peer *p)
{
	peer_greet(p);
	deliver(p, 1, 3);
	deliver(p, 1, 3);
	peer_drain(p);
}

static void play_no_head(struct peer *p)
{
	peer_greet(p);
	PEER_METHOD(p, 1, 0x003c003c, "\1t\0\0\0\0\0\0\0\1\0\1e\1k");
	body(p, 1, 3);
	peer_drain(p);
}

static void play_break_off(struct peer *p)
{
	peer_greet(p);
	deliver(p, 1, 300);
	body(p, 1, 4);
}

/* Headers of arrays in arrays, as deep as a frame has room for. */
static void play_deep(struct peer *p)
{
	static unsigned char head[131060];
	/* class, weight, size, flags: headers; the table's length */
	size_t at = 18, end = sizeof(head);

	memcpy(head, "\0\x3c\0\0\0\0\0\0\0\0\0\0\x20\0", 14);
	head[15] = (unsigned char)((end - at) >> 16);
	head[16] = (unsigned char)((end - at) >> 8);
	head[17] = (unsigned char)(end - at);
	memcpy(head + at, "\1h", 2);
	for (at += 2; at + 5 <= end; at += 5) {
		head[at] = 'A';
		head[at + 2] = (unsigned char)((end - at - 5) >> 16);
		head[at + 3] = (unsigned char)((end - at - 5) >> 8);
		head[at + 4] = (unsigned char)(end - at - 5);
	}
	peer_greet(p);
	PEER_METHOD(p, 1, 0x003c003c, "\1t\0\0\0\0\0\0\0\1\0\1e\1k");
	peer_frame(p, 2, 1, head, at);
	peer_drain(p);
}

struct deep {
	struct side side;
	int result;
};

/* The library decodes them by recursion; the stack must suffice. */
static void *deep_run(void *arg)
{
	struct arena arena = { 0 };
	struct deep *d = arg;
	struct content c;

	d->result = side_content(&d->side, &arena, &c);
	if (d->result == 0)
		content_fini(&c);
	arena_fini(&arena);
	return NULL;
}

static void *deep_open(void *arg)
{
	struct deep *d = arg;
	amqp_frame_t frame;

	if (broker_open(d->side.broker, &d->side.err) == 0 &&
	    broker_wait(d->side.broker, 1000, &frame, &d->side.err) == 1)
		return deep_run(d);
	d->result = -2;
	return NULL;
}

static void test_deep_headers(void **state)
{
	struct deep d = { 0 };
	pthread_attr_t attr;
	pthread_t thread;

	(void)state;
	side_begin(&d.side, play_deep, NULL);
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, BROKER_STACK), 0);
	assert_int_equal(pthread_create(&thread, &attr, deep_open, &d), 0);
	pthread_attr_destroy(&attr);
	pthread_join(thread, NULL);
	/* librabbitmq takes them before 0.14, and breaks off since */
	if (d.result != 0) {
		assert_int_equal(d.result, -1);
		assert_string_equal(d.side.err.message, "h1: reading: what came "
				    "is not AMQP 0-9-1");
	}
	side_end(&d.side);
}

static void refuse(void (*play)(struct peer *), const char *text)
{
	struct arena arena = { 0 };
	struct content c;
	struct side s = { 0 };

	side_deliver(&s, play);
	assert_int_equal(side_content(&s, &arena, &c), -1);
	assert_string_equal(s.err.message, text);
	assert_int_equal(s.err.dependency, GANTRY_DEPENDS_ON_BROKER);
	assert_false(broker_is_open(s.broker));
	arena_fini(&arena);
	side_end(&s);
}

static void test_lies(void **state)
{
	(void)state;
	refuse(play_absurd,
	       "h1: it sent: a message of an absurd size or class");
	refuse(play_more_than_said,
	       "h1: it sent: a message of another size than it says");
	refuse(play_empty_parts,
	       "h1: it sent: a message of another size than it says");
	refuse(play_no_body,
	       "h1: it sent: a message in the wrong order of frames");
	refuse(play_no_head,
	       "h1: it sent: a message in the wrong order of frames");
	refuse(play_break_off,
	       "h1: reading: the connection broke");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_other_channel_between),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_deep_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
