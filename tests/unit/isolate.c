/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolate - frames between the gateway and a helper process: what goes over
 * comes out the same, and what a helper may not say is not believed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/isolate/frame.h"
#include "gateway/pipeline/ask.h"

static struct gantry_plugin plugin = { .size = sizeof(plugin), .name = "p" };
static struct gantry_instance instance = { .name = "one", .plugin = &plugin };
static struct gantry_handler handler = { .size = sizeof(handler), .name = "h" };
static struct route_step step = { &instance, &handler };
static struct route route = { .address = "POST /x", .steps = &step, .n_steps = 1 };

static void message_new(struct gantry_message *m)
{
	*m = (struct gantry_message){ 0 };
	message_init(m, GANTRY_SOURCE_HTTP, NULL);
	m->route = &route;
	m->id = "msg_1";
	m->method = "POST";
	m->path = "/x/1";
	m->body = "{\"a\":\"\\u0000\"}";
	m->body_len = strlen(m->body);
	m->received_ms = 1700000000000;
}

static struct wire_eye eye_of(const struct wire_pen *pen)
{
	return (struct wire_eye){ pen->bytes + sizeof(uint32_t), pen->bytes + pen->len,
				  false };
}

/* --- wire --- */

static void test_numbers_and_texts(void **state)
{
	static const int64_t numbers[] = { 0, 1, -1, INT64_MAX, INT64_MIN };
	struct wire_pen pen = { NULL, 0, 0 };
	struct wire_eye eye;
	size_t len;

	(void)state;
	wire_begin(&pen);
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		wire_put(&pen, numbers[i]);
	wire_put_text(&pen, NULL);
	wire_put_text(&pen, "");
	wire_put_text_n(&pen, "a\0b", 3);
	eye = eye_of(&pen);
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		assert_int_equal(wire_get(&eye), numbers[i]);
	assert_null(wire_get_text(&eye));
	assert_string_equal(wire_get_text(&eye), "");
	assert_memory_equal(wire_get_text_n(&eye, &len), "a\0b", 4);
	assert_int_equal(len, 3);
	assert_false(eye.bad);
	assert_ptr_equal(eye.next, eye.end);
	assert_int_equal(wire_get(&eye), 0);
	assert_true(eye.bad);
	wire_fini(&pen);
}

static void test_a_text_holds_no_nul(void **state)
{
	struct wire_pen pen = { NULL, 0, 0 };
	struct wire_eye eye;

	(void)state;
	wire_begin(&pen);
	wire_put_text_n(&pen, "a\0b", 3);
	eye = eye_of(&pen);
	assert_null(wire_get_text(&eye));
	assert_true(eye.bad);
	wire_fini(&pen);
}

static void test_over_a_socket(void **state)
{
	struct wire_pen pen = { NULL, 0, 0 };
	int64_t soon = clock_steady_ns() / 1000000 + 100;
	char *bytes;
	size_t len;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	wire_begin(&pen);
	wire_put_text(&pen, "over there");
	assert_int_equal(wire_send(ends[0], &pen, soon), 0);
	assert_int_equal(wire_receive(ends[1], &bytes, &len, soon), 0);
	assert_int_equal(len, 19);
	free(bytes);
	assert_int_equal(wire_receive(ends[1], &bytes, &len, soon), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(send(ends[0], "\xff\xff\xff\xff", 4, 0), 4);
	assert_int_equal(wire_receive(ends[1], &bytes, &len, soon + 1000), -1);
	assert_int_equal(errno, EBADMSG);
	close(ends[0]);
	assert_int_equal(wire_receive(ends[1], &bytes, &len, soon + 1000), -1);
	assert_int_equal(errno, EPIPE);
	close(ends[1]);
	wire_fini(&pen);
}

/* --- frames --- */

/* Asks of every kind with their answers, roles, headers, minted ids. */
static void message_fill(struct gantry_message *m)
{
	static const struct message_pair headers[] = { { "X-A", "1" }, { "X-B", "2" } };
	struct message_ask *ask;

	message_new(m);
	m->headers = headers;
	m->n_headers = 2;
	m->subject = "someone";
	m->roles[m->n_roles++] = "reader";
	assert_non_null(gantry_mint(m, "a_"));
	m->next_minted = 0;
	assert_null(gantry_record_get(m, "space", "key", NULL));
	m->asks->answered = true;
	m->asks->value = json_pack("{si}", "n", 7);
	assert_null(gantry_find(m, &GANTRY_QUERY(.name = "items", .limit = 3), NULL));
	ask = m->asks->next;
	ask->answered = true;
	ask->rows = json_pack("[{ss}]", "id", "inv_1");
	ask->page = (struct gantry_page){ sizeof(ask->page), ask->rows, "next" };
	assert_null(gantry_call(m, &GANTRY_REQUEST(.upstream = "u", .path = "/p"), NULL));
	ask = ask->next;
	ask->answered = true;
	ask->error = arena_zero(&m->arena, sizeof(*ask->error));
	error_depends(ask->error, GANTRY_DEPENDS_ON_UPSTREAM, "u is away");
	m->asking = false;
}

static void test_what_goes_over(void **state)
{
	struct gantry_error err = ERROR_INIT;
	struct gantry_message here, there;
	struct wire_pen pen = { NULL, 0, 0 };
	const struct gantry_page *page;
	enum frame_work work;
	struct wire_eye eye;
	unsigned number;

	(void)state;
	message_fill(&here);
	frame_put_request(&pen, FRAME_HANDLE, 3, &here);
	eye = eye_of(&pen);
	there = (struct gantry_message){ 0 };
	message_init(&there, GANTRY_SOURCE_HTTP, NULL);
	there.route = &route;
	assert_int_equal(frame_take_request(&eye, &work, &number, &there), 0);
	assert_int_equal(work, FRAME_HANDLE);
	assert_int_equal(number, 3);
	assert_string_equal(gantry_id(&there), "msg_1");
	assert_string_equal(gantry_header(&there, "x-b"), "2");
	assert_true(gantry_has_role(&there, "reader"));
	assert_string_equal(gantry_mint(&there, "a_"), here.minted[0]);
	assert_int_equal(json_integer_value(json_object_get(
		gantry_record_get(&there, "space", "key", &err), "n")), 7);
	page = gantry_find(&there, &GANTRY_QUERY(.name = "items", .limit = 3), &err);
	assert_string_equal(page->after, "next");
	assert_int_equal(json_array_size(page->rows), 1);
	assert_false(gantry_asking(&there));
	assert_null(gantry_call(&there, &GANTRY_REQUEST(.upstream = "u", .path = "/p"), &err));
	assert_string_equal(err.message, "u is away");
	assert_int_equal(err.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
	error_fini(&err);
	message_fini(&here);
	message_fini(&there);
	wire_fini(&pen);
}

/* A helper's answer with one of everything. */
static void reply_of(struct wire_pen *pen, bool asking)
{
	struct gantry_error err = ERROR_INIT;
	struct gantry_message m;
	struct effects before = { 0 };
	json_t *tree = json_pack("{ss}", "a", "b");

	message_new(&m);
	gantry_mint(&m, "a_");
	gantry_log(&m, GANTRY_LOG_ERROR, "a line");
	gantry_record_put(&m, "space", "key", tree, &err);
	gantry_publish(&m, &GANTRY_EVENT(.exchange = "e", .routing_key = "k",
					 .payload = tree), &err);
	gantry_command(&m, &GANTRY_COMMAND(.kind = GANTRY_CONFIRM, .allocation_id = "a"),
		       &err);
	gantry_reply(&m, 201, tree, &err);
	gantry_reply_header(&m, "X-A", "1", &err);
	if (asking)
		gantry_record_get(&m, "space", "other", &err);
	gantry_fail(&m.error, "because");
	assert_string_equal(err.message, "");
	frame_put_reply(pen, &m, GANTRY_DONE, &before);
	json_decref(tree);
	message_fini(&m);
}

static void test_what_comes_back(void **state)
{
	struct gantry_error err = ERROR_INIT;
	struct wire_pen pen = { NULL, 0, 0 };
	struct gantry_message m;
	struct wire_eye eye;

	(void)state;
	reply_of(&pen, false);
	message_new(&m);
	eye = eye_of(&pen);
	assert_int_equal(frame_take_reply(&eye, &m, &err), GANTRY_DONE);
	assert_int_equal(m.effects.n_records, 1);
	assert_int_equal(m.effects.n_events, 1);
	assert_int_equal(m.effects.n_commands, 1);
	assert_int_equal(m.effects.n_headers, 1);
	assert_int_equal(m.n_minted, 1);
	assert_string_equal(m.logs->text, "a line");
	assert_string_equal(err.message, "because");
	message_fini(&m);
	reply_of(&pen, true);
	message_new(&m);
	eye = eye_of(&pen);
	frame_take_reply(&eye, &m, &err);
	assert_true(gantry_asking(&m));
	assert_int_equal(m.effects.len, 0);
	assert_non_null(ask_open(m.asks));
	message_fini(&m);
	error_fini(&err);
	wire_fini(&pen);
}

/* What the functions of the SDK refuse is refused here. */
static void test_what_it_may_not_say(void **state)
{
	struct gantry_error err = ERROR_INIT;
	struct wire_pen pen = { NULL, 0, 0 };
	struct gantry_message m;
	struct wire_eye eye;

	(void)state;
	wire_begin(&pen);
	wire_put(&pen, GANTRY_DONE);
	for (int i = 0; i < 4; i++)
		wire_put(&pen, 0);	/* not asking, no ids, no logs */
	wire_put_text(&pen, NULL);
	wire_put_text(&pen, "");
	for (int i = 0; i < 3; i++)
		wire_put(&pen, 0);
	wire_put_text(&pen, NULL);
	wire_put(&pen, 1);
	wire_put(&pen, 0);
	wire_put(&pen, EFFECT_REPLY);
	wire_put(&pen, 200);
	wire_put_text(&pen, "<html>");
	wire_put(&pen, 0);
	message_new(&m);
	eye = eye_of(&pen);
	assert_int_equal(frame_take_reply(&eye, &m, &err), GANTRY_FAILED);
	assert_string_equal(err.message, "its process gave a reply that is no JSON");
	assert_int_equal(m.effects.len, 0);
	message_fini(&m);
	error_fini(&err);
	wire_fini(&pen);
}

static struct message_ask *ask_answered(struct gantry_message *m, const char *path)
{
	struct message_ask *ask;

	assert_null(gantry_call(m, &GANTRY_REQUEST(.upstream = "u", .path = path,
						   .verbatim = true), NULL));
	for (ask = m->asks; ask->next != NULL; ask = ask->next)
		;
	ask->answered = true;
	m->asking = false;
	return ask;
}

/* A record of another handler, which does not go over; a call in vain; one that
   has an answer. */
static void message_call(struct gantry_message *m)
{
	struct message_ask *ask;

	message_new(m);
	m->raw_path = "/x/%31";
	m->raw_query = "a=b";
	m->peer = "192.0.2.1";
	m->tls = true;
	gantry_record_get(m, "space", "key", NULL);
	m->asks->record = "two" ASK_JOINT "space" ASK_JOINT "key";
	m->asks->answered = true;
	ask = ask_answered(m, "/1");
	ask->error = arena_zero(&m->arena, sizeof(*ask->error));
	gantry_fail(ask->error, "u is away");
	ask = ask_answered(m, "/2");
	ask->call->answer = (struct gantry_answer){ sizeof(ask->call->answer), .status = 204,
						    .body = "" };
}

/* In the helper: the same calls, and the answer to the second is passed on. */
static void reply_passes(struct wire_pen *pen, const struct gantry_message *here)
{
	struct gantry_error err = ERROR_INIT;
	const struct effects before = { 0 };
	const struct gantry_answer *answer;
	struct gantry_message there = { 0 };
	enum frame_work work;
	struct wire_eye eye;
	unsigned number;
	char *bytes;

	frame_put_request(pen, FRAME_HANDLE, 0, here);
	bytes = memory_new(pen->len);
	memcpy(bytes, pen->bytes, pen->len);
	eye = (struct wire_eye){ bytes + sizeof(uint32_t), bytes + pen->len, false };
	message_init(&there, GANTRY_SOURCE_HTTP, NULL);
	there.route = &route;
	assert_int_equal(frame_take_request(&eye, &work, &number, &there), 0);
	assert_string_equal(gantry_target(&there), "/x/%31?a=b");
	assert_string_equal(gantry_peer(&there), "192.0.2.1");
	assert_true(gantry_is_tls(&there));
	answer = gantry_call(&there, &GANTRY_REQUEST(.upstream = "u", .path = "/2",
						     .verbatim = true), &err);
	assert_int_equal(answer->status, 204);
	assert_int_equal(gantry_reply_answer(&there, answer, &err), 0);
	frame_put_reply(pen, &there, GANTRY_DONE, &before);
	message_fini(&there);
	error_fini(&err);
	free(bytes);
}

/* The place of the answer is the last but one number. */
static enum gantry_verdict take_pass(struct wire_pen *pen, struct gantry_message *m,
				     int64_t place, struct gantry_error *err)
{
	struct wire_eye eye = eye_of(pen);

	if (place >= 0)
		memcpy(pen->bytes + pen->len - 16, &place, sizeof(place));
	error_reset(err);
	return frame_take_reply(&eye, m, err);
}

static void test_which_answer_is_passed_on(void **state)
{
	struct gantry_error err = ERROR_INIT;
	struct wire_pen pen = { NULL, 0, 0 };
	struct gantry_message m;
	struct effect e;
	size_t cursor = 0;

	(void)state;
	handler.verbatim = true;
	message_call(&m);
	reply_passes(&pen, &m);
	assert_int_equal(take_pass(&pen, &m, -1, &err), GANTRY_DONE);
	assert_true(effects_next(&m.effects, &cursor, &e));
	assert_int_equal(e.kind, EFFECT_PASS);
	assert_int_equal(e.as.ask, 2);
	assert_false(effects_next(&m.effects, &cursor, &e));
	for (int64_t place = 0; place < 4; place++) {
		m.effects = (struct effects){ 0 };
		if (place == 1)
			continue;	/* the right one */
		assert_int_equal(take_pass(&pen, &m, place, &err), GANTRY_FAILED);
		assert_string_equal(err.message, "its process said what makes no sense");
		assert_int_equal(m.effects.len, 0);
	}
	handler.verbatim = false;
	assert_int_equal(take_pass(&pen, &m, 1, &err), GANTRY_FAILED);
	assert_string_equal(err.message, "the handler h is not verbatim");
	message_fini(&m);
	error_fini(&err);
	wire_fini(&pen);
}

/* Any bytes at all: nothing is read that is not there, and what is staged is
   what the functions of the SDK let through. */
static void test_any_bytes(void **state)
{
	struct wire_pen pen = { NULL, 0, 0 };
	struct gantry_message m;
	unsigned refused = 0;

	(void)state;
	srandom(3);
	for (int turn = 0; turn < 20000; turn++) {
		struct gantry_error err = ERROR_INIT;
		struct wire_eye eye;
		struct effect e;
		size_t cursor = 0, len;
		char *exact;

		reply_of(&pen, turn % 3 == 0);
		len = pen.len - sizeof(uint32_t);
		if (turn % 5 == 0)
			len = (size_t)random() % len;
		exact = memory_new(len + 1);
		memcpy(exact, pen.bytes + sizeof(uint32_t), len);
		for (long n = random() % 8; n > 0 && len > 0; n--)
			exact[(size_t)random() % len] = (char)(random() % 7 == 0 ?
							       random() : random() % 3);
		message_new(&m);
		eye = (struct wire_eye){ exact, exact + len, false };
		refused += frame_take_reply(&eye, &m, &err) == GANTRY_FAILED;
		while (effects_next(&m.effects, &cursor, &e))
			assert_in_range(e.kind, EFFECT_RECORD, EFFECT_ANSWER_HEADER);
		message_fini(&m);
		error_fini(&err);
		free(exact);
	}
	assert_in_range(refused, 1000, 20000);
	wire_fini(&pen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_and_texts),
		cmocka_unit_test(test_a_text_holds_no_nul),
		cmocka_unit_test(test_over_a_socket),
		cmocka_unit_test(test_what_goes_over),
		cmocka_unit_test(test_what_comes_back),
		cmocka_unit_test(test_what_it_may_not_say),
		cmocka_unit_test(test_which_answer_is_passed_on),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
