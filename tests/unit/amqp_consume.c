/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_consume - the machines of the consumer without a broker: the ring of
 * acks against a plain model, the guard over random histories, the table of
 * verdicts, suspects, what is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/source/amqp/guard.h"
#include "gateway/source/amqp/headers.h"
#include "gateway/source/amqp/hop.h"
#include "gateway/source/amqp/ring.h"
#include "gateway/source/amqp/suspects.h"

/* --- ring --- */

static void test_ring_acks_the_prefix_at_once(void **state)
{
	struct ring r;
	struct ring_ack ack;

	(void)state;
	ring_init(&r, 8);
	for (uint64_t tag = 1; tag <= 5; tag++)
		assert_true(ring_deliver(&r, tag, 0));
	ring_done(&r, 2);
	ring_done(&r, 3);
	assert_false(ring_ack(&r, 50, &ack));
	assert_int_equal(ring_due_ms(&r), RING_PATIENCE_MS);
	ring_done(&r, 1);
	assert_true(ring_ack(&r, 50, &ack));
	assert_int_equal(ack.tag, 3);
	assert_true(ack.multiple);
	assert_false(ring_ack(&r, 50, &ack));
	ring_done(&r, 4);
	assert_true(ring_ack(&r, 50, &ack));
	assert_int_equal(ack.tag, 4);
	assert_false(ack.multiple);
	assert_int_equal(ring_open(&r), 1);
	assert_int_equal(ring_due_ms(&r), INT64_MAX);
	ring_fini(&r);
}

static void test_ring_goes_round_an_old_head(void **state)
{
	struct ring r;
	struct ring_ack ack;
	uint64_t tag;

	(void)state;
	ring_init(&r, 3);
	assert_true(ring_deliver(&r, 1, 0));
	/* the head stays for as long as it likes, the others have their room */
	for (tag = 2; tag < 1000; tag++) {
		assert_true(ring_deliver(&r, tag, 0));
		ring_done(&r, tag);
		assert_false(ring_ack(&r, RING_PATIENCE_MS - 1, &ack));
		assert_true(ring_ack(&r, RING_PATIENCE_MS, &ack));
		assert_int_equal(ack.tag, tag);
		assert_false(ack.multiple);
		assert_false(ring_ack(&r, RING_PATIENCE_MS, &ack));
	}
	assert_true(ring_deliver(&r, tag, 0));
	assert_true(ring_deliver(&r, tag + 1, 0));
	assert_false(ring_deliver(&r, tag + 2, 0));
	ring_done(&r, tag);
	ring_done(&r, 1);
	assert_true(ring_ack(&r, 0, &ack));
	assert_int_equal(ack.tag, tag);
	ring_fini(&r);
}

static void test_ring_refuses_what_is_not_next(void **state)
{
	struct ring r;

	(void)state;
	ring_init(&r, 4);
	assert_false(ring_deliver(&r, 2, 0));
	assert_true(ring_deliver(&r, 1, 0));
	assert_false(ring_deliver(&r, 1, 0));
	assert_false(ring_deliver(&r, 3, 0));
	ring_reset(&r);
	assert_true(ring_deliver(&r, 1, 0));
	ring_fini(&r);
}

#define MODEL_TAGS 3000

/* 0 not delivered, 1 open, 2 done, 3 acked; as a broker would see it. */
struct model {
	uint8_t state[MODEL_TAGS + 1];
	unsigned unacked;
};

static void model_ack(struct model *m, const struct ring_ack *ack)
{
	uint64_t first = ack->multiple ? 1 : ack->tag;

	assert_int_equal(m->state[ack->tag], 2);
	for (uint64_t i = first; i <= ack->tag; i++) {
		assert_in_range(m->state[i], 2, 3);
		m->unacked -= m->state[i] == 2;
		m->state[i] = 3;
	}
}

static void ring_history(unsigned seed)
{
	struct model m = { { 0 }, 0 };
	unsigned room = 1 + (unsigned)rand_r(&seed) % 40;
	uint64_t next = 1;
	int64_t now = 0;
	struct ring_ack ack;
	struct ring r;

	ring_init(&r, room);
	while (next <= MODEL_TAGS || m.unacked > 0) {
		unsigned what = (unsigned)rand_r(&seed) % 8;
		uint64_t tag = next > 1 ? 1 + (uint64_t)rand_r(&seed) % (next - 1) : 0;

		now += rand_r(&seed) % 30;
		if (what < 3 && next <= MODEL_TAGS) {
			bool fits = m.unacked < room;

			assert_int_equal(ring_deliver(&r, next, now), fits);
			m.state[next] = fits;
			m.unacked += fits;
			next += fits;
		}
		if (what >= 2 && next > MODEL_TAGS)
			for (tag = 1; tag < MODEL_TAGS && m.state[tag] != 1; tag++)
				;
		if (what >= 2 && m.state[tag] == 1) {
			m.state[tag] = 2;
			ring_done(&r, tag);
		}
		if (what == 7)
			while (ring_ack(&r, now, &ack))
				model_ack(&m, &ack);
	}
	assert_int_equal(ring_open(&r), 0);
	ring_fini(&r);
}

static void test_ring_over_random_histories(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++)
		ring_history(seed);
}

/* --- guard --- */

static void test_guard_closes_probes_and_opens(void **state)
{
	struct guard g = { 0 };
	unsigned first, old;

	(void)state;
	assert_true(guard_lets_through(&g, 0));
	first = guard_hand_over(&g);
	assert_int_equal(guard_hand_over(&g), first);
	assert_true(guard_failed(&g, first, 1000, 0));
	/* the other one of the same time says nothing new */
	assert_false(guard_failed(&g, first, 1001, 0));
	assert_false(guard_answered(&g, first));
	assert_false(guard_lets_through(&g, 1000 + GUARD_FIRST_MS / 2 - 1));
	assert_int_equal(guard_due_ms(&g), 1000 + GUARD_FIRST_MS / 2);
	assert_true(guard_lets_through(&g, 1000 + GUARD_FIRST_MS / 2));
	old = guard_hand_over(&g);
	assert_false(guard_lets_through(&g, 1000000));
	assert_false(guard_failed(&g, old, 2000, UINT64_MAX - 7));
	assert_false(guard_lets_through(&g, 2000 + GUARD_FIRST_MS - 1));
	assert_true(guard_lets_through(&g, 2000 + 2 * GUARD_FIRST_MS));
	old = guard_hand_over(&g);
	assert_true(guard_answered(&g, old));
	assert_true(guard_lets_through(&g, 0));
	assert_int_equal(guard_due_ms(&g), INT64_MAX);
	/* after it was open once, the waits begin anew */
	assert_true(guard_failed(&g, guard_hand_over(&g), 9000, 0));
	assert_int_equal(g.probe_ms, 9000 + GUARD_FIRST_MS / 2);
}

static void test_guard_gives_back_once(void **state)
{
	struct guard g = { 0 };
	int64_t now = 5000;

	(void)state;
	assert_false(guard_gives_back(&g, INT64_MAX / 2));
	guard_failed(&g, guard_hand_over(&g), now, 0);
	assert_false(guard_gives_back(&g, now + GUARD_GIVE_BACK_MS - 1));
	assert_true(guard_gives_back(&g, now + GUARD_GIVE_BACK_MS));
	assert_false(guard_gives_back(&g, now + 2 * GUARD_GIVE_BACK_MS));
	assert_true(guard_reopen(&g));
	assert_false(guard_reopen(&g));
	guard_failed(&g, guard_hand_over(&g), now, 0);
	assert_true(guard_gives_back(&g, now + GUARD_GIVE_BACK_MS));
}

/* Never two probes at once; only a probe, or nothing, opens what is closed. */
static void guard_history(unsigned seed)
{
	struct guard g = { 0 };
	unsigned out[64], n = 0, probes = 0;
	int64_t now = 0;

	for (unsigned i = 0; i < 5000; i++) {
		enum guard_state before = g.state;
		unsigned epoch, which = n > 0 ? (unsigned)rand_r(&seed) % n : 0;

		now += rand_r(&seed) % 200;
		if (rand_r(&seed) % 2 && n < 64 && guard_lets_through(&g, now)) {
			probes = before == GUARD_OPEN ? 0 : 1;
			out[n++] = guard_hand_over(&g);
			assert_true((g.state == GUARD_PROBING) == (probes == 1));
			continue;
		}
		if (n == 0)
			continue;
		epoch = out[which];
		out[which] = out[--n];
		if (rand_r(&seed) % 3) {
			bool opened = guard_answered(&g, epoch);

			assert_int_equal(opened, before == GUARD_PROBING &&
						 g.state == GUARD_OPEN);
			assert_false(before == GUARD_CLOSED && g.state != before);
		} else {
			bool closed = guard_failed(&g, epoch, now,
						   (uint64_t)rand_r(&seed));

			assert_int_equal(closed, before == GUARD_OPEN &&
						 g.state == GUARD_CLOSED);
			if (g.state == GUARD_CLOSED && before != GUARD_CLOSED)
				assert_in_range(g.probe_ms - now, GUARD_FIRST_MS / 2,
						GUARD_MOST_MS);
		}
	}
}

static void test_guard_over_random_histories(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 50; seed++)
		guard_history(seed);
}

/* --- hop --- */

static void hop_is(struct hop_case c, struct hop_decision expected)
{
	struct hop_decision d = hop_decide(&c);

	assert_int_equal(d.action, expected.action);
	assert_int_equal(d.attempts, expected.attempts);
	assert_int_equal(d.waits, expected.waits);
	if (d.action == HOP_RETRY)
		assert_int_equal(d.tier, expected.tier);
	if (d.action == HOP_DEAD)
		assert_string_equal(d.cause, expected.cause);
}

static void test_hop_by_verdict(void **state)
{
	(void)state;
	hop_is((struct hop_case){ .verdict = GANTRY_DONE, .n_tiers = 4 },
	       (struct hop_decision){ .action = HOP_ACK });
	hop_is((struct hop_case){ .verdict = GANTRY_REJECTED, .n_tiers = 4 },
	       (struct hop_decision){ .action = HOP_DEAD, .attempts = 1,
				      .cause = "VALIDATION_ERROR" });
	hop_is((struct hop_case){ .verdict = GANTRY_REJECTED, .code = "OWN",
				  .attempts = 2, .n_tiers = 4 },
	       (struct hop_decision){ .action = HOP_DEAD, .attempts = 3,
				      .cause = "OWN" });
	for (unsigned i = 0; i < 4; i++)
		hop_is((struct hop_case){ .verdict = GANTRY_FAILED, .n_tiers = 4,
					  .attempts = i, .waits = 7 },
		       (struct hop_decision){ .action = HOP_RETRY, .tier = i,
					      .attempts = i + 1 });
	hop_is((struct hop_case){ .verdict = GANTRY_FAILED, .n_tiers = 4,
				  .attempts = 4, .code = "ORDER_UNKNOWN" },
	       (struct hop_decision){ .action = HOP_DEAD, .attempts = 5,
				      .cause = "ORDER_UNKNOWN" });
	hop_is((struct hop_case){ .verdict = GANTRY_FAILED },
	       (struct hop_decision){ .action = HOP_DEAD, .attempts = 1,
				      .cause = "INTERNAL_ERROR" });
}

static void test_hop_by_dependency(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		hop_is((struct hop_case){ .verdict = GANTRY_FAILED, .n_tiers = 4,
					  .dependency = GANTRY_DEPENDS_ON_STORAGE,
					  .attempts = i },
		       (struct hop_decision){ .action = HOP_HOLD, .attempts = i });
		/* no attempt; the last tier repeats */
		hop_is((struct hop_case){ .verdict = GANTRY_FAILED, .n_tiers = 4,
					  .dependency = GANTRY_DEPENDS_ON_UPSTREAM,
					  .attempts = 1, .waits = i },
		       (struct hop_decision){ .action = HOP_RETRY, .attempts = 1,
					      .tier = i < 2 ? 1 + i : 3,
					      .waits = i + 1 });
	}
	hop_is((struct hop_case){ .verdict = GANTRY_FAILED,
				  .dependency = GANTRY_DEPENDS_ON_BROKER },
	       (struct hop_decision){ .action = HOP_HOLD });
	hop_is((struct hop_case){ .verdict = GANTRY_FAILED, .code = "OVERLOADED" },
	       (struct hop_decision){ .action = HOP_HOLD });
	hop_is((struct hop_case){ .verdict = GANTRY_FAILED,
				  .dependency = GANTRY_DEPENDS_ON_UPSTREAM },
	       (struct hop_decision){ .action = HOP_HOLD });
}

static void test_hop_text(void **state)
{
	struct gantry_error err = ERROR_INIT;
	struct arena a = { 0 };
	char name[300];

	(void)state;
	gantry_fail(&err, "It is wrong");
	assert_string_equal(hop_text(&a, &err), "It is wrong");
	gantry_problem(&err, "payload.orderId", "is required");
	gantry_problem(&err, "", "is odd");
	assert_string_equal(hop_text(&a, &err),
			    "It is wrong: payload.orderId is required; is odd");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned i = 0; i < 6; i++)
		gantry_problem(&err, name, "\xc3\xa4\xc3\xa4\xc3\xa4");
	assert_in_range(strlen(hop_text(&a, &err)), HOP_MAX_TEXT - 1, HOP_MAX_TEXT);
	error_fini(&err);
	arena_fini(&a);
}

/* --- headers --- */

static amqp_table_entry_t entry(const char *key, const char *text, int64_t number)
{
	amqp_table_entry_t e = { .key = amqp_cstring_bytes(key) };

	e.value.kind = text != NULL ? AMQP_FIELD_KIND_UTF8 : AMQP_FIELD_KIND_I64;
	if (text != NULL)
		e.value.value.bytes = amqp_cstring_bytes(text);
	else
		e.value.value.i64 = number;
	return e;
}

static void test_headers_of_a_hop(void **state)
{
	amqp_table_entry_t entries[] = {
		entry("color", "red", 0), entry("x-death", "much", 0),
		entry("x-gantry-attempts", NULL, 1), entry("CC", "elsewhere", 0),
		entry("x-delivery-count", NULL, 2), entry("n", NULL, 7),
	};
	amqp_table_t table = { 6, entries }, made;
	struct headers_notes notes = { .attempts = 2, .queue = "q", .exchange = "e",
				       .routing_key = "k" };
	struct arena a = { 0 };
	unsigned n;

	(void)state;
	made = headers_with(&table, &notes, &a);
	assert_string_equal(headers_json(&made, &a), "{\"color\":\"red\",\"n\":7}");
	assert_int_equal(headers_number(&made, HEADERS_ATTEMPTS, 9), 2);
	assert_int_equal(headers_number(&made, HEADERS_ATTEMPTS, 1), 1);
	assert_string_equal(headers_text(&made, HEADERS_EXCHANGE, &a), "e");
	assert_null(headers_text(&made, HEADERS_CAUSE, &a));
	assert_null(headers_text(&made, "CC", &a));
	notes.died_at_ms = 5;
	notes.cause = "C";
	made = headers_with(&made, &notes, &a);
	assert_string_equal(headers_text(&made, HEADERS_CAUSE, &a), "C");
	assert_int_equal(made.num_entries, 2 + 4 + 2);
	assert_string_equal(headers_pairs(&table, "id", &a, &n)[1].value, "red");
	assert_int_equal(n, 2);
	arena_fini(&a);
}

static void test_headers_are_capped(void **state)
{
	char large[5000];
	amqp_table_entry_t entries[] = { entry("a", "1", 0), entry("b", "", 0),
					 entry("c", "3", 0) };
	amqp_table_t table = { 3, entries };
	struct arena a = { 0 };

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	entries[1] = entry("b", large, 0);
	assert_string_equal(headers_json(&table, &a), "{\"a\":\"1\",\"c\":\"3\"}");
	arena_fini(&a);
}

/* However much others say: what the trace goes on by stays with a dead letter. */
static void test_the_trace_has_room(void **state)
{
	char large[4060] = "";
	amqp_table_entry_t entries[] = { entry("a", large, 0), entry("b", "2", 0),
					 entry("tracestate", "a=1", 0),
					 entry("traceparent", "00-1", 0) };
	amqp_table_t table = { 4, entries };
	struct arena a = { 0 };

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	entries[0] = entry("a", large, 0);
	assert_string_equal(headers_json(&table, &a),
			    "{\"tracestate\":\"a=1\",\"traceparent\":\"00-1\",\"b\":\"2\"}");
	arena_fini(&a);
}

/* --- suspects --- */

static void test_suspects_go_alone_three_times(void **state)
{
	int64_t alone = 0;

	(void)state;
	for (unsigned i = 0; i < SUSPECTS_ALONE; i++) {
		alone = suspects_next(alone);
		assert_int_equal(alone, i + 1);
	}
	assert_int_equal(suspects_next(alone), 0);
	assert_int_equal(suspects_next(-5), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_acks_the_prefix_at_once),
		cmocka_unit_test(test_ring_goes_round_an_old_head),
		cmocka_unit_test(test_ring_refuses_what_is_not_next),
		cmocka_unit_test(test_ring_over_random_histories),
		cmocka_unit_test(test_guard_closes_probes_and_opens),
		cmocka_unit_test(test_guard_gives_back_once),
		cmocka_unit_test(test_guard_over_random_histories),
		cmocka_unit_test(test_hop_by_verdict),
		cmocka_unit_test(test_hop_by_dependency),
		cmocka_unit_test(test_hop_text),
		cmocka_unit_test(test_headers_of_a_hop),
		cmocka_unit_test(test_headers_are_capped),
		cmocka_unit_test(test_the_trace_has_room),
		cmocka_unit_test(test_suspects_go_alone_three_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
