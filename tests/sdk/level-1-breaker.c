/* SPDX-License-Identifier: Apache-2.0 */
/*
 * level-1-breaker - as breakers were written for level 1 of the interface; kept,
 * so that it is seen to run on every later one. Failures in a row open it; only
 * an operator closes it.
 */
#include <gantry/plugin.h>

struct level_1 {
	int64_t failures;
	int64_t in_row;
	bool open, held;
	uint64_t opened, refused;
};

static const struct gantry_option *const options[] = {
	GANTRY_INTEGER(struct level_1, failures, .fallback = "3", .min = 1, .max = 100,
		       .summary = "So many failures in a row open it"),
	NULL
};

static bool level_1_permit(void *self, int64_t now_ms, struct gantry_permit *permit_out,
			   int64_t *wait_ms_out)
{
	struct level_1 *b = self;

	(void)now_ms;
	if (b->open) {
		b->refused++;
		*wait_ms_out = 0;
		return false;
	}
	*permit_out = (struct gantry_permit){ .size = sizeof(*permit_out),
					      .epoch = b->opened };
	return true;
}

static void level_1_result(void *self, int64_t now_ms, const struct gantry_permit *permit,
			   enum gantry_call_result result, int64_t duration_ms)
{
	struct level_1 *b = self;

	(void)now_ms;
	(void)duration_ms;
	if (permit->epoch != b->opened || b->held || result == GANTRY_CALL_DROPPED)
		return;
	b->in_row = result == GANTRY_CALL_FAILED ? b->in_row + 1 : 0;
	if (b->in_row < b->failures)
		return;
	b->open = true;
	b->opened++;
}

static int level_1_order(void *self, int64_t now_ms, enum gantry_breaker_order order,
			 int64_t until_ms, struct gantry_error *err)
{
	struct level_1 *b = self;

	(void)now_ms;
	if (until_ms != 0)
		return gantry_fail(err, "a hold does not end by itself");
	b->open = order == GANTRY_BREAKER_HOLD_OPEN;
	b->held = order != GANTRY_BREAKER_RESET;
	b->in_row = 0;
	return 0;
}

static void level_1_status(void *self, int64_t now_ms, struct gantry_breaker_status *out)
{
	const struct level_1 *b = self;

	(void)now_ms;
	*out = (struct gantry_breaker_status){
		.size = sizeof(*out),
		.state = b->open ? GANTRY_BREAKER_OPEN : GANTRY_BREAKER_CLOSED,
		.held = b->held, .failures = b->in_row,
		.opened = b->opened, .refused = b->refused,
	};
}

static const struct gantry_breaker breaker = {
	.size = sizeof(struct gantry_breaker),
	.permit = level_1_permit,
	.result = level_1_result,
	.order = level_1_order,
	.status = level_1_status,
};

GANTRY_PLUGIN(.name = "level-1-breaker", .version = "1.0.0",
	      .summary = "Opens after failures in a row",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct level_1),
	      .options = options, .breaker = &breaker);
