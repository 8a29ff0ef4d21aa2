/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker - the machine by itself, and against a model that keeps the whole
 * history and judges it anew at each question.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/breaker/machine.h"

static const struct machine_rules document = {
	.failure_threshold = 3, .failure_rate = 50, .window_ms = 1000,
	.minimum_calls = 4, .reset_ms = 30000, .half_open_calls = 1,
	.success_threshold = 1, .lease_ms = 60000,
};

static struct gantry_permit take(struct machine *m, int64_t now)
{
	struct gantry_permit permit;
	int64_t wait = -1;

	assert_true(machine_permit(m, now, &permit, &wait));
	return permit;
}

static int64_t refused(struct machine *m, int64_t now)
{
	struct gantry_permit permit;
	int64_t wait = -1;

	assert_false(machine_permit(m, now, &permit, &wait));
	return wait;
}

static void call(struct machine *m, int64_t now, enum gantry_call_result result)
{
	struct gantry_permit permit = take(m, now);

	machine_result(m, now, &permit, result, 0);
}

static enum gantry_breaker_state state_at(struct machine *m, int64_t now)
{
	struct gantry_breaker_status status;

	machine_status(m, now, &status);
	return status.state;
}

/* The document's: 3 failures, 30 s. */
static void test_document(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, &document);
	call(&m, 1, GANTRY_CALL_FAILED);
	call(&m, 2, GANTRY_CALL_FAILED);
	call(&m, 3, GANTRY_CALL_SUCCEEDED);
	call(&m, 4, GANTRY_CALL_FAILED);
	call(&m, 5, GANTRY_CALL_FAILED);
	assert_int_equal(state_at(&m, 5), GANTRY_BREAKER_CLOSED);
	call(&m, 6, GANTRY_CALL_FAILED);
	assert_int_equal(state_at(&m, 6), GANTRY_BREAKER_OPEN);
	assert_int_equal(refused(&m, 6), 30000);
	assert_int_equal(refused(&m, 30005), 1);
	assert_int_equal(state_at(&m, 30006), GANTRY_BREAKER_HALF_OPEN);
	call(&m, 30006, GANTRY_CALL_FAILED);
	assert_int_equal(refused(&m, 30007), 29999);
	call(&m, 60006, GANTRY_CALL_SUCCEEDED);
	assert_int_equal(state_at(&m, 60006), GANTRY_BREAKER_CLOSED);
}

/* Who began before the state changed decides nothing. */
static void test_late_results(void **state)
{
	struct gantry_permit early, probe;
	struct machine m;

	(void)state;
	machine_init(&m, &document);
	early = take(&m, 0);
	for (int i = 0; i < 3; i++)
		call(&m, 1, GANTRY_CALL_FAILED);
	machine_result(&m, 2, &early, GANTRY_CALL_SUCCEEDED, 2);
	assert_int_equal(state_at(&m, 2), GANTRY_BREAKER_OPEN);
	probe = take(&m, 30001);
	machine_result(&m, 30002, &early, GANTRY_CALL_FAILED, 30002);
	assert_int_equal(state_at(&m, 30002), GANTRY_BREAKER_HALF_OPEN);
	machine_result(&m, 30003, &probe, GANTRY_CALL_SUCCEEDED, 2);
	assert_int_equal(state_at(&m, 30003), GANTRY_BREAKER_CLOSED);
	/* a result that comes twice counts once */
	for (int i = 0; i < 3; i++)
		call(&m, 40000, GANTRY_CALL_FAILED);
	probe = take(&m, 70000);
	machine_result(&m, 70000, &probe, GANTRY_CALL_DROPPED, 0);
	machine_result(&m, 70000, &probe, GANTRY_CALL_SUCCEEDED, 0);
	assert_int_equal(state_at(&m, 70000), GANTRY_BREAKER_HALF_OPEN);
}

static void test_leases(void **state)
{
	struct machine_rules rules = document;
	struct gantry_permit one, two, three;
	struct machine m;

	(void)state;
	rules.half_open_calls = 2;
	rules.success_threshold = 2;
	rules.lease_ms = 100;
	machine_init(&m, &rules);
	for (int i = 0; i < 3; i++)
		call(&m, 0, GANTRY_CALL_FAILED);
	one = take(&m, 30000);
	two = take(&m, 30010);
	assert_int_equal(refused(&m, 30020), 80);
	three = take(&m, 30100);	/* the first has run out */
	machine_result(&m, 30101, &one, GANTRY_CALL_FAILED, 101);
	assert_int_equal(state_at(&m, 30101), GANTRY_BREAKER_HALF_OPEN);
	machine_result(&m, 30102, &two, GANTRY_CALL_SUCCEEDED, 92);
	assert_int_equal(state_at(&m, 30102), GANTRY_BREAKER_HALF_OPEN);
	machine_result(&m, 30103, &three, GANTRY_CALL_SUCCEEDED, 3);
	assert_int_equal(state_at(&m, 30103), GANTRY_BREAKER_CLOSED);
}

static void test_rate_and_slow(void **state)
{
	struct machine_rules rules = document;
	struct gantry_permit permit;
	struct machine m;

	(void)state;
	rules.by_rate = true;
	rules.slow_ms = 50;
	machine_init(&m, &rules);
	call(&m, 0, GANTRY_CALL_FAILED);
	call(&m, 0, GANTRY_CALL_FAILED);
	call(&m, 0, GANTRY_CALL_FAILED);
	/* they are out of the window now */
	call(&m, 1000, GANTRY_CALL_SUCCEEDED);
	call(&m, 1000, GANTRY_CALL_SUCCEEDED);
	call(&m, 1100, GANTRY_CALL_FAILED);
	assert_int_equal(state_at(&m, 1100), GANTRY_BREAKER_CLOSED);
	permit = take(&m, 1150);
	machine_result(&m, 1199, &permit, GANTRY_CALL_SUCCEEDED, 49);
	assert_int_equal(state_at(&m, 1199), GANTRY_BREAKER_CLOSED);
	permit = take(&m, 1150);
	machine_result(&m, 1200, &permit, GANTRY_CALL_SUCCEEDED, 50);
	assert_int_equal(state_at(&m, 1200), GANTRY_BREAKER_CLOSED);
	call(&m, 1201, GANTRY_CALL_FAILED);
	assert_int_equal(state_at(&m, 1201), GANTRY_BREAKER_OPEN);
}

static void test_orders(void **state)
{
	struct gantry_breaker_status status;
	struct gantry_permit permit;
	struct machine m;

	(void)state;
	machine_init(&m, &document);
	machine_order(&m, 10, GANTRY_BREAKER_HOLD_OPEN, 100);
	assert_int_equal(refused(&m, 99), 1);
	machine_status(&m, 99, &status);
	assert_true(status.held);
	assert_int_equal(status.until_ms, 100);
	assert_int_equal(status.refused, 1);
	call(&m, 100, GANTRY_CALL_FAILED);
	assert_int_equal(state_at(&m, 100), GANTRY_BREAKER_CLOSED);
	machine_order(&m, 100, GANTRY_BREAKER_HOLD_OPEN, 0);
	assert_int_equal(refused(&m, 1000000), 0);
	machine_order(&m, 1000000, GANTRY_BREAKER_HOLD_CLOSED, 0);
	for (int i = 0; i < 10; i++)
		call(&m, 1000001, GANTRY_CALL_FAILED);
	assert_int_equal(state_at(&m, 1000001), GANTRY_BREAKER_CLOSED);
	permit = take(&m, 1000001);
	machine_order(&m, 1000002, GANTRY_BREAKER_RESET, 0);
	machine_result(&m, 1000002, &permit, GANTRY_CALL_FAILED, 1);
	call(&m, 1000003, GANTRY_CALL_FAILED);
	call(&m, 1000003, GANTRY_CALL_FAILED);
	assert_int_equal(state_at(&m, 1000003), GANTRY_BREAKER_CLOSED);
	call(&m, 1000003, GANTRY_CALL_FAILED);
	assert_int_equal(state_at(&m, 1000003), GANTRY_BREAKER_OPEN);
}

/*
 * The model: a life is a row of phases, each with all that was permitted in it
 * and all that ended in it. Nothing is kept but the history.
 */
#define HISTORY 4096
#define CALLS 4096

struct model_call {
	int phase;			/* that it was permitted in */
	int64_t until;			/* half open: of its lease */
	bool ended;
};

struct model_end {
	int phase;
	int64_t at;
	bool failed;
};

struct model {
	struct machine_rules rules;
	int phase;
	enum gantry_breaker_state state;
	int64_t since;			/* of the phase */
	int64_t hold;			/* -1: not held; 0: no end */
	struct model_call calls[CALLS];
	int n_calls;
	struct model_end ends[HISTORY];
	int n_ends;
};

static void model_phase(struct model *m, enum gantry_breaker_state state, int64_t now)
{
	m->phase++;
	m->state = state;
	m->since = now;
}

static void model_time(struct model *m, int64_t now)
{
	if (m->hold > 0 && now >= m->hold) {
		m->hold = -1;
		model_phase(m, GANTRY_BREAKER_CLOSED, now);
	}
	if (m->hold < 0 && m->state == GANTRY_BREAKER_OPEN &&
	    now >= m->since + m->rules.reset_ms)
		model_phase(m, GANTRY_BREAKER_HALF_OPEN, now);
}

static bool model_permit(struct model *m, int64_t now)
{
	int out = 0;

	model_time(m, now);
	for (int i = 0; i < m->n_calls; i++)
		out += m->calls[i].phase == m->phase && !m->calls[i].ended &&
		       m->calls[i].until > now;
	if (m->state == GANTRY_BREAKER_OPEN ||
	    (m->state == GANTRY_BREAKER_HALF_OPEN && out >= m->rules.half_open_calls))
		return false;
	m->calls[m->n_calls++] = (struct model_call){
		m->phase, now + m->rules.lease_ms, false };
	return true;
}

static bool model_trips(const struct model *m, int64_t now)
{
	int64_t row = 0, calls = 0, failures = 0, width = m->rules.window_ms / 10;

	for (int i = m->n_ends - 1; i >= 0 && m->ends[i].phase == m->phase &&
	     m->ends[i].failed; i--)
		row++;
	for (int i = 0; i < m->n_ends; i++) {
		if (m->ends[i].phase != m->phase ||
		    now / width - m->ends[i].at / width >= 10)
			continue;
		calls++;
		failures += m->ends[i].failed;
	}
	if (!m->rules.by_rate)
		return row >= m->rules.failure_threshold;
	return calls >= m->rules.minimum_calls &&
	       (double)failures / (double)calls * 100 >=
		       (double)m->rules.failure_rate - 1e-9;
}

static void model_end(struct model *m, int64_t now, int call,
		      enum gantry_call_result result, int64_t took)
{
	struct model_call *c = &m->calls[call];
	bool failed = result == GANTRY_CALL_FAILED ||
		      (m->rules.slow_ms != 0 && took >= m->rules.slow_ms);
	bool late = c->ended || now >= c->until;
	int good = 0;

	model_time(m, now);
	c->ended = true;
	if (m->hold >= 0 || c->phase != m->phase ||
	    (m->state == GANTRY_BREAKER_HALF_OPEN && late) ||
	    result == GANTRY_CALL_DROPPED)
		return;
	m->ends[m->n_ends++] = (struct model_end){ m->phase, now, failed };
	if (m->state == GANTRY_BREAKER_CLOSED) {
		if (model_trips(m, now))
			model_phase(m, GANTRY_BREAKER_OPEN, now);
		return;
	}
	for (int i = 0; i < m->n_ends; i++)
		good += m->ends[i].phase == m->phase && !m->ends[i].failed;
	if (failed)
		model_phase(m, GANTRY_BREAKER_OPEN, now);
	else if (good >= m->rules.success_threshold)
		model_phase(m, GANTRY_BREAKER_CLOSED, now);
}

static void model_order(struct model *m, int64_t now, enum gantry_breaker_order order,
			int64_t until)
{
	model_time(m, now);
	m->hold = order == GANTRY_BREAKER_RESET ? -1 : until;
	model_phase(m, order == GANTRY_BREAKER_HOLD_OPEN ? GANTRY_BREAKER_OPEN :
							  GANTRY_BREAKER_CLOSED, now);
}

static uint32_t seed;

static int64_t any(int64_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (int64_t)(seed >> 8) % n;
}

static struct machine_rules any_rules(void)
{
	return (struct machine_rules){
		.by_rate = any(2) == 1, .failure_threshold = 1 + any(5),
		.failure_rate = 1 + any(100), .window_ms = 100 + any(30) * 10,
		.minimum_calls = 1 + any(8), .slow_ms = any(3) == 0 ? 1 + any(20) : 0,
		.reset_ms = 1 + any(60), .half_open_calls = 1 + any(4),
		.success_threshold = 1 + any(4), .lease_ms = 1 + any(40),
	};
}

struct both {
	struct machine machine;
	struct model model;
	struct gantry_permit permits[CALLS];
	unsigned seen[3];		/* states */
};

static void both_step(struct both *b, int64_t now)
{
	struct gantry_permit permit;
	int64_t wait, took = any(25);
	int call;

	switch (any(20)) {
	case 0: {
		enum gantry_breaker_order order = (enum gantry_breaker_order)any(3);
		int64_t until = any(3) == 0 ? 0 : now + 1 + any(40);

		if (any(4) != 0)
			return;
		machine_order(&b->machine, now, order, until);
		model_order(&b->model, now, order, until);
		return;
	}
	case 1: case 2: case 3: case 4: case 5: case 6: case 7: case 8: case 9: {
		bool permitted = machine_permit(&b->machine, now, &permit, &wait);

		assert_int_equal(permitted, model_permit(&b->model, now));
		if (permitted)
			b->permits[b->model.n_calls - 1] = permit;
		return;
	}
	default:
		if (b->model.n_calls == 0)
			return;
		/* mostly the newest, sometimes one of long ago, or twice */
		call = b->model.n_calls - 1 - (int)any(any(5) == 0 ?
				b->model.n_calls : b->model.n_calls < 4 ? 1 : 4);
		enum gantry_call_result result = (enum gantry_call_result)
			(any(8) == 0 ? GANTRY_CALL_DROPPED : any(2));
		if (b->model.calls[call].ended &&
		    b->model.state == GANTRY_BREAKER_CLOSED)
			return;	/* the contract: once; only leases can tell */
		machine_result(&b->machine, now, &b->permits[call], result, took);
		model_end(&b->model, now, call, result, took);
	}
}

static void test_model(void **state)
{
	static struct both b;
	unsigned seen[3] = { 0 };

	(void)state;
	for (seed = 1; seed < 4000;) {
		uint32_t first = seed;
		int64_t now = any(1000);

		memset(&b, 0, sizeof(b));
		b.model.rules = any_rules();
		b.model.hold = -1;
		b.model.state = GANTRY_BREAKER_CLOSED;
		machine_init(&b.machine, &b.model.rules);
		for (int i = 0; i < 400; i++) {
			struct gantry_breaker_status status;

			now += any(4) == 0 ? any(40) : any(3);
			both_step(&b, now);
			machine_status(&b.machine, now, &status);
			model_time(&b.model, now);
			if (status.state != b.model.state ||
			    status.held != (b.model.hold >= 0))
				fail_msg("history %u, step %d: %d, not %d", first, i,
					 (int)status.state, (int)b.model.state);
			seen[status.state]++;
		}
		seed = first + 1;
	}
	for (int i = 0; i < 3; i++)
		assert_true(seen[i] > 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_late_results),
		cmocka_unit_test(test_leases),
		cmocka_unit_test(test_rate_and_slow),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
