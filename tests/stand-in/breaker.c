/* SPDX-License-Identifier: Apache-2.0 */
/* breaker - a breaker that stands in for the shipped one and stops nothing. */
#include <gantry/plugin.h>

struct breaker {
	int64_t failure_threshold, reset_timeout;
};

static const struct gantry_option *const breaker_options[] = {
	GANTRY_INTEGER(struct breaker, failure_threshold, .summary = "When."),
	GANTRY_DURATION(struct breaker, reset_timeout, .summary = "How long."),
	NULL
};

static bool breaker_permit(void *self, int64_t now_ms,
			   struct gantry_permit *permit_out, int64_t *wait_ms_out)
{
	(void)self, (void)now_ms, (void)permit_out, (void)wait_ms_out;
	return true;
}

static void breaker_result(void *self, int64_t now_ms,
			   const struct gantry_permit *permit,
			   enum gantry_call_result result, int64_t duration_ms)
{
	(void)self, (void)now_ms, (void)permit, (void)result, (void)duration_ms;
}

static int breaker_order(void *self, int64_t now_ms, enum gantry_breaker_order order,
			 int64_t until_ms, struct gantry_error *err)
{
	(void)self, (void)now_ms, (void)order, (void)until_ms, (void)err;
	return 0;
}

static void breaker_status(void *self, int64_t now_ms,
			   struct gantry_breaker_status *out)
{
	(void)self, (void)now_ms;
	out->state = GANTRY_BREAKER_CLOSED;
}

static const struct gantry_breaker breaker = {
	.size = sizeof(struct gantry_breaker), .permit = breaker_permit,
	.result = breaker_result, .order = breaker_order, .status = breaker_status,
};

GANTRY_PLUGIN(.name = "breaker", .version = "1", .summary = "Stands in.",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct breaker),
	      .options = breaker_options, .breaker = &breaker);
