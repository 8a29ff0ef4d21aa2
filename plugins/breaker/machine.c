/* SPDX-License-Identifier: Apache-2.0 */
/* machine - see machine.h. */
#include "machine.h"

#include <assert.h>
#include <string.h>

/* A new state forgets what the one before rested on, and its permits. */
static void machine_enter(struct machine *machine, enum gantry_breaker_state state)
{
	machine->state = state;
	machine->epoch++;
	machine->in_a_row = 0;
	memset(machine->buckets, 0, sizeof(machine->buckets));
	memset(machine->leases, 0, sizeof(machine->leases));
}

static void machine_open(struct machine *machine)
{
	machine_enter(machine, GANTRY_BREAKER_OPEN);
	machine->opened_ms = machine->now_ms;
	machine->opened++;
}

void machine_init(struct machine *machine, const struct machine_rules *rules)
{
	assert(rules->half_open_calls <= MACHINE_LEASES);
	*machine = (struct machine){ .rules = *rules };
	machine_enter(machine, GANTRY_BREAKER_CLOSED);
}

/* What follows from time alone. A clock that goes back stands still. */
static void machine_advance(struct machine *machine, int64_t now_ms)
{
	if (now_ms > machine->now_ms)
		machine->now_ms = now_ms;
	if (machine->held) {
		if (machine->held_until_ms == 0 ||
		    machine->now_ms < machine->held_until_ms)
			return;
		machine->held = false;
		machine_enter(machine, GANTRY_BREAKER_CLOSED);
	}
	if (machine->state == GANTRY_BREAKER_OPEN &&
	    machine->now_ms - machine->opened_ms >= machine->rules.reset_ms)
		machine_enter(machine, GANTRY_BREAKER_HALF_OPEN);
}

static int64_t machine_until(const struct machine *machine)
{
	if (machine->held)
		return machine->held_until_ms;
	return machine->state == GANTRY_BREAKER_OPEN ?
		       machine->opened_ms + machine->rules.reset_ms : 0;
}

/* A free lease, or NULL and when the next one runs out. */
static struct machine_lease *machine_lease(struct machine *machine, int64_t *until_out)
{
	int64_t first = INT64_MAX;

	for (int64_t i = 0; i < machine->rules.half_open_calls; i++) {
		struct machine_lease *lease = &machine->leases[i];

		if (lease->id == 0 || lease->until_ms <= machine->now_ms)
			return lease;
		if (lease->until_ms < first)
			first = lease->until_ms;
	}
	*until_out = first;
	return NULL;
}

bool machine_permit(struct machine *machine, int64_t now_ms,
		    struct gantry_permit *permit_out, int64_t *wait_ms_out)
{
	struct machine_lease *lease = NULL;
	int64_t until;

	machine_advance(machine, now_ms);
	until = machine_until(machine);
	if (machine->state == GANTRY_BREAKER_HALF_OPEN)
		lease = machine_lease(machine, &until);
	if (machine->state != GANTRY_BREAKER_CLOSED && lease == NULL) {
		machine->refused++;
		*wait_ms_out = until > 0 ? until - machine->now_ms : 0;
		return false;
	}
	*permit_out = (struct gantry_permit){ .size = sizeof(*permit_out),
					      .epoch = machine->epoch };
	if (lease != NULL) {
		*lease = (struct machine_lease){
			++machine->last_lease,
			machine->now_ms + machine->rules.lease_ms
		};
		permit_out->lease = lease->id;
	}
	return true;
}

static struct machine_bucket machine_sum(const struct machine *machine)
{
	int64_t width = machine->rules.window_ms / MACHINE_BUCKETS;
	struct machine_bucket sum = { .number = machine->now_ms / width };

	for (int i = 0; i < MACHINE_BUCKETS; i++) {
		const struct machine_bucket *bucket = &machine->buckets[i];

		if (bucket->number > sum.number - MACHINE_BUCKETS) {
			sum.calls += bucket->calls;
			sum.failures += bucket->failures;
		}
	}
	return sum;
}

static void machine_count(struct machine *machine, bool failed)
{
	int64_t number = machine->now_ms /
			 (machine->rules.window_ms / MACHINE_BUCKETS);
	struct machine_bucket *bucket = &machine->buckets[number % MACHINE_BUCKETS];

	if (bucket->number != number)
		*bucket = (struct machine_bucket){ .number = number };
	bucket->calls++;
	bucket->failures += failed;
}

/* Whether what was seen in the closed state is too much. */
static bool machine_is_bad(struct machine *machine, bool failed)
{
	const struct machine_rules *rules = &machine->rules;
	struct machine_bucket sum;

	if (!rules->by_rate) {
		machine->in_a_row = failed ? machine->in_a_row + 1 : 0;
		return machine->in_a_row >= rules->failure_threshold;
	}
	machine_count(machine, failed);
	sum = machine_sum(machine);
	return sum.calls >= rules->minimum_calls &&
	       sum.failures * 100 >= sum.calls * rules->failure_rate;
}

/* False: it had run out, or was given back before. */
static bool machine_give_back(struct machine *machine, uint64_t id)
{
	for (int i = 0; id != 0 && i < MACHINE_LEASES; i++) {
		struct machine_lease *lease = &machine->leases[i];

		if (lease->id != id)
			continue;
		lease->id = 0;
		return lease->until_ms > machine->now_ms;
	}
	return false;
}

void machine_result(struct machine *machine, int64_t now_ms,
		    const struct gantry_permit *permit,
		    enum gantry_call_result result, int64_t duration_ms)
{
	bool failed = result != GANTRY_CALL_SUCCEEDED ||
		      (machine->rules.slow_ms > 0 &&
		       duration_ms >= machine->rules.slow_ms);

	machine_advance(machine, now_ms);
	if (machine->held || permit->epoch != machine->epoch)
		return;
	if (machine->state == GANTRY_BREAKER_HALF_OPEN &&
	    !machine_give_back(machine, permit->lease))
		return;
	if (result == GANTRY_CALL_DROPPED)
		return;
	if (machine->state == GANTRY_BREAKER_CLOSED) {
		if (machine_is_bad(machine, failed))
			machine_open(machine);
	} else if (failed) {
		machine_open(machine);
	} else if (++machine->in_a_row >= machine->rules.success_threshold) {
		machine_enter(machine, GANTRY_BREAKER_CLOSED);
	}
}

void machine_order(struct machine *machine, int64_t now_ms,
		   enum gantry_breaker_order order, int64_t until_ms)
{
	machine_advance(machine, now_ms);
	machine->held = order != GANTRY_BREAKER_RESET;
	machine->held_until_ms = until_ms;
	if (order == GANTRY_BREAKER_HOLD_OPEN)
		machine_open(machine);
	else
		machine_enter(machine, GANTRY_BREAKER_CLOSED);
}

void machine_status(struct machine *machine, int64_t now_ms,
		    struct gantry_breaker_status *out)
{
	struct machine_bucket sum = { .failures = 0 };

	machine_advance(machine, now_ms);
	*out = (struct gantry_breaker_status){
		.size = sizeof(*out), .state = machine->state,
		.held = machine->held, .until_ms = machine_until(machine),
		.opened = machine->opened, .refused = machine->refused,
	};
	if (machine->rules.by_rate && machine->state == GANTRY_BREAKER_CLOSED) {
		sum = machine_sum(machine);
	} else {
		sum.calls = machine->in_a_row;
		if (machine->state == GANTRY_BREAKER_CLOSED)
			sum.failures = machine->in_a_row;
	}
	out->calls = sum.calls;
	out->failures = sum.failures;
}
