/* SPDX-License-Identifier: Apache-2.0 */
/* broker - against peers that break off, lie, stall and say nothing. */
#include <sys/socket.h>
#include <time.h>

#include "tests/unit/amqp_side.h"

/* Opening fails in time, with this text (NULL: any). */
static void refuse(void (*play)(struct peer *), const char *text)
{
	struct side s = { 0 };

	side_begin(&s, play, NULL);
	assert_int_equal(broker_open(s.broker, &s.err), -1);
	assert_string_equal(s.err.message, text != NULL ? text : s.err.message);
	assert_int_equal(s.err.dependency, GANTRY_DEPENDS_ON_BROKER);
	assert_in_range(side_ms(&s), 0, 2000);
	assert_false(broker_is_open(s.broker));
	side_end(&s);
}

/* It opens, and then the first wait fails in time, with this text. */
static void lose(void (*play)(struct peer *), const char *text)
{
	struct side s = { 0 };
	amqp_frame_t frame;

	side_begin(&s, play, NULL);
	assert_int_equal(broker_open(s.broker, &s.err), 0);
	s.began_ns = clock_steady_ns();
	assert_int_equal(broker_wait(s.broker, 10000, &frame, &s.err), -1);
	assert_string_equal(s.err.message, text);
	assert_in_range(side_ms(&s), 0, 2500);
	assert_false(broker_is_open(s.broker));
	assert_int_equal(broker_wait(s.broker, 10000, &frame, &s.err), -1);
	side_end(&s);
}

static void play_close_at_once(struct peer *p)
{
	(void)p;
}

static void play_close_in_the_middle(struct peer *p)
{
	PEER_METHOD(p, 0, 0x000a000a,
		    "\0\x09\0\0\0\0\0\0\0\5PLAIN\0\0\0\5en_US");
	shutdown(p->fd, SHUT_WR);
	peer_sink(p);
}

static void play_garbage(struct peer *p)
{
	char garbage[4096];

	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (char)(i * 7919 >> 3);
	peer_send(p, garbage, sizeof(garbage));
	peer_sink(p);
}

static void play_nothing(struct peer *p)
{
	peer_sink(p);
}

/* Old brokers answer so, and what is no broker. */
static void play_other_protocol(struct peer *p)
{
	peer_send(p, "AMQP\0\1\0\0", 8);
	peer_sink(p);
}

static void play_refuse_login(struct peer *p)
{
	PEER_METHOD(p, 0, 0x000a000a,
		    "\0\x09\0\0\0\0\0\0\0\5PLAIN\0\0\0\5en_US");
	recv(p->fd, (char[8]){ 0 }, 8, MSG_WAITALL);
	peer_read(p);
	PEER_METHOD(p, 0, 0x000a0032,
		    "\x01\x93\x18" "ACCESS_REFUSED - not you" "\0\0\0\0");
	peer_drain(p);
}

/* A frame_max below the least that AMQP allows. */
static void play_tiny_frames(struct peer *p)
{
	PEER_METHOD(p, 0, 0x000a000a,
		    "\0\x09\0\0\0\0\0\0\0\5PLAIN\0\0\0\5en_US");
	recv(p->fd, (char[8]){ 0 }, 8, MSG_WAITALL);
	peer_read(p);
	PEER_METHOD(p, 0, 0x000a001e, "\0\x10\0\0\0\x08\0\x01");
	peer_drain(p);
}

static void test_refused_at_the_start(void **state)
{
	(void)state;
	refuse(play_close_at_once,
	       "h1: user \"gantry\", virtual host \"/\": login: "
	       "the connection broke");
	refuse(play_close_in_the_middle,
	       "h1: user \"gantry\", virtual host \"/\": login: "
	       "the connection broke");
	refuse(play_nothing, "h1: no answer within amqp.connect_timeout");
	refuse(play_refuse_login,
	       "h1: user \"gantry\", virtual host \"/\": login: "
	       "ACCESS_REFUSED - not you");
}

static void test_nonsense_at_the_start(void **state)
{
	static const char nonsense[] =
		"h1: user \"gantry\", virtual host \"/\": login: what came is "
		"not AMQP 0-9-1";

	(void)state;
	refuse(play_garbage, nonsense);
	refuse(play_other_protocol, nonsense);
	/* what it is called depends on the library's release */
	refuse(play_tiny_frames, NULL);
}

static void test_nobody_listens(void **state)
{
	struct side s = { 0 };

	(void)state;
	side_begin(&s, play_nothing, NULL);
	/* a port that was free a moment ago */
	s.endpoints[0].port = 1;
	assert_int_equal(broker_open(s.broker, &s.err), -1);
	assert_string_equal(s.err.message, "h1: cannot connect");
	s.endpoints[0].host = "no-such-host.invalid";
	assert_int_equal(broker_open(s.broker, &s.err), -1);
	assert_string_equal(s.err.message, "h1: its name is not known");
	side_end(&s);
}

static void play_huge_frame(struct peer *p)
{
	peer_greet(p);
	peer_send(p, "\1\0\1\x7f\xff\xff\xff", 7);
	peer_drain(p);
}

static void play_wrong_end(struct peer *p)
{
	peer_greet(p);
	peer_send(p, "\1\0\1\0\0\0\4\0\x14\0\x0bX", 12);
	peer_drain(p);
}

static void play_unknown_method(struct peer *p)
{
	peer_greet(p);
	PEER_METHOD(p, 1, 0x00630063, "\0");
	peer_drain(p);
}

/* A table that says it is longer than its frame. */
static void play_lying_table(struct peer *p)
{
	peer_greet(p);
	peer_frame(p, 2, 1,
		   "\0\x3c\0\0\0\0\0\0\0\0\0\1\x20\0\x7f\xff\xff\xff", 18);
	peer_drain(p);
}

static void play_close_with_text(struct peer *p)
{
	peer_greet(p);
	PEER_METHOD(p, 0, 0x000a0032,
		    "\x01\x40\x1c" "CONNECTION_FORCED - shutdown" "\0\0\0\0");
	peer_drain(p);
}

static void play_break(struct peer *p)
{
	peer_greet(p);
}

static void play_silence(struct peer *p)
{
	peer_greet(p);
	peer_drain(p);
}

static void test_lost_later(void **state)
{
	(void)state;
	lose(play_huge_frame, "h1: reading: what came is not AMQP 0-9-1");
	lose(play_wrong_end, "h1: reading: what came is not AMQP 0-9-1");
	lose(play_unknown_method, "h1: reading: what came is not AMQP 0-9-1");
	lose(play_lying_table, "h1: reading: what came is not AMQP 0-9-1");
	lose(play_close_with_text, "h1: the broker closed the connection: "
				   "CONNECTION_FORCED - shutdown");
	lose(play_break, "h1: reading: the connection broke");
}

static void test_silent_broker_is_given_up(void **state)
{
	(void)state;
	/* within 2.5 s, for an interval of 1 s */
	lose(play_silence, "h1: reading: no sign of life from the broker");
}

static void play_beat(struct peer *p)
{
	peer_greet(p);
	for (int i = 0; i < 8; i++) {
		peer_frame(p, 8, 0, "", 0);
		nanosleep(&(struct timespec){ 0, 400000000 }, NULL);
	}
	peer_drain(p);
}

/* Heartbeats go out, and those that come keep the connection. */
static void test_heartbeats(void **state)
{
	struct side s = { 0 };
	amqp_frame_t frame;

	(void)state;
	side_begin(&s, play_beat, NULL);
	assert_int_equal(broker_open(s.broker, &s.err), 0);
	assert_in_range(broker_pause_ms(s.broker), 100, 499);
	assert_int_equal(broker_wait(s.broker, 3000, &frame, &s.err), 0);
	broker_close(s.broker);
	peer_stop(&s.peers[0]);
	assert_in_range(s.peers[0].beats, 6, 15);
	s.n = 0;
	side_end(&s);
}

static void play_blocked(struct peer *p)
{
	peer_greet(p);
	PEER_METHOD(p, 0, 0x000a003c, "\x0alow memory");
	PEER_METHOD(p, 1, 0x003c0050, "\0\0\0\0\0\0\0\1\0");
	peer_read(p);
	PEER_METHOD(p, 0, 0x000a003d, "");
	PEER_METHOD(p, 1, 0x003c0050, "\0\0\0\0\0\0\0\2\0");
	peer_drain(p);
}

static void test_blocked(void **state)
{
	struct side s = { 0 };
	amqp_frame_t frame;

	(void)state;
	side_begin(&s, play_blocked, NULL);
	assert_int_equal(broker_open(s.broker, &s.err), 0);
	assert_false(broker_is_blocked(s.broker));
	assert_int_equal(broker_wait(s.broker, 1000, &frame, &s.err), 1);
	assert_int_equal(frame.payload.method.id, AMQP_BASIC_ACK_METHOD);
	assert_true(broker_is_blocked(s.broker));
	amqp_basic_ack(broker_connection(s.broker), 1, 1, 0);
	assert_int_equal(broker_wait(s.broker, 1000, &frame, &s.err), 1);
	assert_false(broker_is_blocked(s.broker));
	side_end(&s);
}

static void play_stop_reading(struct peer *p)
{
	peer_greet(p);
	recv(p->fd, (char[1]){ 0 }, 1, MSG_WAITALL | MSG_PEEK);
	nanosleep(&(struct timespec){ 1, 500000000 }, NULL);
}

/* librabbitmq would send for ever. */
static void test_watchdog_frees_a_publish(void **state)
{
	static char body[1 << 20];
	struct side s = { 0 };
	amqp_bytes_t bytes = { sizeof(body), body };
	int status = AMQP_STATUS_OK;

	(void)state;
	side_begin(&s, play_stop_reading, NULL);
	assert_int_equal(broker_open(s.broker, &s.err), 0);
	s.began_ns = clock_steady_ns();
	for (int i = 0; i < 64 && status == AMQP_STATUS_OK; i++) {
		broker_guard(s.broker, 300);
		status = amqp_basic_publish(broker_connection(s.broker), 1,
					    amqp_empty_bytes, amqp_empty_bytes,
					    1, 0, NULL, bytes);
		broker_unguard(s.broker);
	}
	assert_in_range(side_ms(&s), 250, 1200);
	assert_int_equal(broker_status(s.broker, "publishing", status, &s.err),
			 -1);
	assert_string_equal(s.err.message,
			    "h1: publishing: the broker took too long, and the "
			    "connection was cut");
	assert_false(broker_is_open(s.broker));
	side_end(&s);
}

static void play_ask_for_a_queue(struct peer *p)
{
	peer_greet(p);
	peer_read(p);
	PEER_METHOD(p, 1, 0x00140028,
		    "\x01\x94\x15" "NOT_FOUND - no queue " "\0\x32\0\x0a");
	peer_read(p);
	peer_read(p);
	PEER_METHOD(p, 1, 0x0014000b, "\0\0\0\0");
	peer_read(p);
	/* and never an answer */
	peer_drain(p);
}

static void test_channel_exception(void **state)
{
	struct side s = { 0 };
	unsigned code = 0;

	(void)state;
	side_begin(&s, play_ask_for_a_queue, NULL);
	assert_int_equal(broker_open(s.broker, &s.err), 0);
	amqp_queue_declare(broker_connection(s.broker), 1,
			   amqp_cstring_bytes("q"), 1, 1, 0, 0,
			   amqp_empty_table);
	assert_int_equal(broker_reply(s.broker, 1, "queue q", &code, &s.err),
			 -1);
	assert_string_equal(s.err.message, "queue q: NOT_FOUND - no queue ");
	assert_int_equal(code, 404);
	assert_true(broker_is_open(s.broker));
	assert_int_equal(broker_channel(s.broker, 1, &s.err), 0);
	broker_guard(s.broker, 200);
	amqp_queue_declare(broker_connection(s.broker), 1,
			   amqp_cstring_bytes("q"), 1, 1, 0, 0,
			   amqp_empty_table);
	broker_unguard(s.broker);
	assert_int_equal(broker_reply(s.broker, 1, "queue q", &code, &s.err),
			 -1);
	assert_string_equal(s.err.message,
			    "h1: queue q: the broker took too long, and the "
			    "connection was cut");
	assert_int_equal(code, 0);
	side_end(&s);
}

/* The next endpoint when the first does not answer, and after each loss. */
static void test_endpoints_in_turn(void **state)
{
	struct side s = { 0 };
	amqp_frame_t frame;

	(void)state;
	side_begin(&s, play_close_at_once, play_break);
	assert_int_equal(broker_open(s.broker, &s.err), 0);
	assert_string_equal(broker_endpoint(s.broker), "h2");
	assert_int_equal(broker_wait(s.broker, 1000, &frame, &s.err), -1);
	peer_stop(&s.peers[0]);
	peer_stop(&s.peers[1]);
	assert_int_equal(broker_open(s.broker, &s.err), -1);
	assert_string_equal(s.err.message,
			    "h1: cannot connect; h2: cannot connect");
	s.peers[0].play = NULL;
	peer_start(&s.peers[0], play_silence);
	peer_start(&s.peers[1], play_silence);
	s.endpoints[0].port = (int)s.peers[0].port;
	s.endpoints[1].port = (int)s.peers[1].port;
	assert_int_equal(broker_open(s.broker, &s.err), 0);
	assert_string_equal(broker_endpoint(s.broker), "h1");
	side_end(&s);
}

static void test_backoff(void **state)
{
	(void)state;
	assert_int_equal(broker_backoff(0, 0), 100);
	assert_int_equal(broker_backoff(0, UINT64_MAX), 100);
	assert_int_equal(broker_backoff(1, 0), 100);
	assert_int_equal(broker_backoff(1, 100), 200);
	assert_int_equal(broker_backoff(1, 101), 100);
	assert_int_equal(broker_backoff(6, 6300), 6400);
	assert_int_equal(broker_backoff(7, 9900), 10000);
	assert_int_equal(broker_backoff(1000000, 9900), 10000);
	assert_int_equal(broker_backoff(1000000, 9901), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_at_the_start),
		cmocka_unit_test(test_nonsense_at_the_start),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_lost_later),
		cmocka_unit_test(test_silent_broker_is_given_up),
		cmocka_unit_test(test_heartbeats),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_watchdog_frees_a_publish),
		cmocka_unit_test(test_channel_exception),
		cmocka_unit_test(test_endpoints_in_turn),
		cmocka_unit_test(test_backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
