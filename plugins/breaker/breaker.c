/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker - stops calls to somebody who fails, and tries again after a while
 * (D26). The machine is in a file of its own; this one gives it its rules.
 */
#include <gantry/plugin.h>

#include "machine.h"

#define HOUR INT64_C(3600000)

static const char *const modes[] = { "consecutive", "rate", NULL };

struct breaker {
	int64_t mode;
	int64_t failure_threshold;
	int64_t failure_rate;
	int64_t window;
	int64_t minimum_calls;
	int64_t slow_call;
	int64_t reset_timeout;
	int64_t half_open_calls;
	int64_t success_threshold;
	int64_t permit_timeout;
	struct machine machine;
};

static int breaker_open(void *self, const struct gantry_instance *instance,
			struct gantry_error *err)
{
	struct breaker *b = self;
	const struct machine_rules rules = {
		.by_rate = b->mode == 1,
		.failure_threshold = b->failure_threshold,
		.failure_rate = b->failure_rate,
		.window_ms = b->window,
		.minimum_calls = b->minimum_calls,
		.slow_ms = b->slow_call,
		.reset_ms = b->reset_timeout,
		.half_open_calls = b->half_open_calls,
		.success_threshold = b->success_threshold,
		.lease_ms = b->permit_timeout,
	};

	(void)instance;
	(void)err;
	machine_init(&b->machine, &rules);
	return 0;
}

static bool breaker_permit(void *self, int64_t now_ms,
			   struct gantry_permit *permit_out, int64_t *wait_ms_out)
{
	struct breaker *b = self;

	return machine_permit(&b->machine, now_ms, permit_out, wait_ms_out);
}

static void breaker_result(void *self, int64_t now_ms,
			   const struct gantry_permit *permit,
			   enum gantry_call_result result, int64_t duration_ms)
{
	struct breaker *b = self;

	machine_result(&b->machine, now_ms, permit, result, duration_ms);
}

static int breaker_order(void *self, int64_t now_ms,
			 enum gantry_breaker_order order, int64_t until_ms,
			 struct gantry_error *err)
{
	struct breaker *b = self;

	if ((unsigned)order > GANTRY_BREAKER_HOLD_CLOSED)
		return gantry_fail(err, "there is no order %d", (int)order);
	machine_order(&b->machine, now_ms, order, until_ms);
	return 0;
}

static void breaker_status(void *self, int64_t now_ms,
			   struct gantry_breaker_status *out)
{
	struct breaker *b = self;

	machine_status(&b->machine, now_ms, out);
}

static const struct gantry_option *const options[] = {
	GANTRY_CHOICE(struct breaker, mode, .fallback = "consecutive",
		      .choices = modes,
		      .summary = "What opens it: failures in a row, or the share of failures in a window"),
	GANTRY_INTEGER(struct breaker, failure_threshold, .fallback = "3",
		       .min = 1, .max = 1000,
		       .summary = "consecutive: so many failures in a row open it"),
	GANTRY_INTEGER(struct breaker, failure_rate, .fallback = "50", .min = 1,
		       .max = 100,
		       .summary = "rate: so many failures of 100 calls open it"),
	GANTRY_DURATION(struct breaker, window, .fallback = "60s", .min = 100,
			.max = 24 * HOUR,
			.summary = "rate: how far back calls count, to a tenth of it"),
	GANTRY_INTEGER(struct breaker, minimum_calls, .fallback = "20",
		       .min = 1, .max = 1000000,
		       .summary = "rate: fewer calls in the window open nothing"),
	GANTRY_DURATION(struct breaker, slow_call, .fallback = "0s",
			.min = 0, .max = HOUR,
			.summary = "A call that takes this long counts as a failure; 0s: none does"),
	GANTRY_DURATION(struct breaker, reset_timeout, .fallback = "30s",
			.min = 1, .max = 24 * HOUR,
			.summary = "How long it stays open before it tries again"),
	GANTRY_INTEGER(struct breaker, half_open_calls, .fallback = "1",
		       .min = 1, .max = MACHINE_LEASES,
		       .summary = "Calls at once that try whether it works again"),
	GANTRY_INTEGER(struct breaker, success_threshold, .fallback = "1",
		       .min = 1, .max = 1000,
		       .summary = "So many of them must succeed before it closes"),
	GANTRY_DURATION(struct breaker, permit_timeout, .fallback = "60s",
			.min = 1, .max = HOUR,
			.summary = "A try that has not ended by then makes room for another"),
	NULL
};

static const struct gantry_breaker breaker = {
	.size = sizeof(struct gantry_breaker),
	.permit = breaker_permit,
	.result = breaker_result,
	.order = breaker_order,
	.status = breaker_status,
};

GANTRY_PLUGIN(.name = "breaker", .version = "1.0.0",
	      .summary = "Stops calls to a service that fails, and tries again",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct breaker),
	      .options = options, .open = breaker_open, .breaker = &breaker);
