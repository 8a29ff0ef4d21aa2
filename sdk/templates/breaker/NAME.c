/* SPDX-License-Identifier: Apache-2.0 */
/*
 * @NAME@ - say here when it opens.
 *
 * As it stands failures in a row open it, and after a while one call tries.
 */
#include <gantry/plugin.h>

struct @IDENT@ {
	int64_t failures, rest;

	enum gantry_breaker_state state;
	bool held;
	int64_t until_ms;	/* OPEN: when a call may try; of a hold: its end */
	int64_t in_row;
	uint64_t epoch;		/* of the state; an older permit says nothing */
	uint64_t trying;	/* HALF_OPEN: the lease that is out, or 0 */
	uint64_t opened, refused;
};

/* What the configuration may say; filled in before open() is called. */
static const struct gantry_option *const options[] = {
	GANTRY_INTEGER(struct @IDENT@, failures, .fallback = "3", .min = 1,
		       .max = 1000, .summary = "So many failures in a row open it"),
	GANTRY_DURATION(struct @IDENT@, rest, .fallback = "30s", .min = 1,
			.max = 3600000,
			.summary = "How long it stays open before a call tries"),
	NULL
};

static void @IDENT@_enter(struct @IDENT@ *p, enum gantry_breaker_state state,
			 int64_t until_ms)
{
	p->opened += state == GANTRY_BREAKER_OPEN;
	p->state = state;
	p->until_ms = until_ms;
	p->in_row = 0;
	p->trying = 0;
	p->held = false;
	p->epoch++;
}

/* There is no timer: what time has changed is seen at the next call. */
static void @IDENT@_look(struct @IDENT@ *p, int64_t now_ms)
{
	if (p->until_ms == 0 || now_ms < p->until_ms)
		return;
	if (p->held)
		@IDENT@_enter(p, GANTRY_BREAKER_CLOSED, 0);
	else if (p->state == GANTRY_BREAKER_OPEN)
		@IDENT@_enter(p, GANTRY_BREAKER_HALF_OPEN, 0);
	else
		p->trying = p->until_ms = 0;	/* it never came back */
}

static int @IDENT@_open(void *self, const struct gantry_instance *instance,
		       struct gantry_error *err)
{
	(void)instance;
	(void)err;
	@IDENT@_enter(self, GANTRY_BREAKER_CLOSED, 0);
	return 0;
}

/* Called one at a time, from any thread, as are all below; none may wait. */
static bool @IDENT@_permit(void *self, int64_t now_ms,
			  struct gantry_permit *permit_out, int64_t *wait_ms_out)
{
	struct @IDENT@ *p = self;

	@IDENT@_look(p, now_ms);
	if (p->state == GANTRY_BREAKER_OPEN || p->trying != 0) {
		p->refused++;
		*wait_ms_out = p->until_ms > now_ms ? p->until_ms - now_ms : 0;
		return false;
	}
	if (p->state == GANTRY_BREAKER_HALF_OPEN) {
		p->trying = 1;
		p->until_ms = now_ms + p->rest;
	}
	*permit_out = (struct gantry_permit){ .size = sizeof(*permit_out),
					      .epoch = p->epoch, .lease = p->trying };
	return true;
}

static void @IDENT@_result(void *self, int64_t now_ms,
			  const struct gantry_permit *permit,
			  enum gantry_call_result result, int64_t duration_ms)
{
	struct @IDENT@ *p = self;

	(void)duration_ms;
	@IDENT@_look(p, now_ms);
	if (permit->epoch != p->epoch || p->held)
		return;
	if (result == GANTRY_CALL_DROPPED) {
		p->trying = 0;
		p->until_ms = 0;
	} else if (result == GANTRY_CALL_SUCCEEDED) {
		p->in_row = 0;
		if (p->state == GANTRY_BREAKER_HALF_OPEN)
			@IDENT@_enter(p, GANTRY_BREAKER_CLOSED, 0);
	} else if (p->state == GANTRY_BREAKER_HALF_OPEN ||
		   ++p->in_row >= p->failures) {
		@IDENT@_enter(p, GANTRY_BREAKER_OPEN, now_ms + p->rest);
	}
}

static int @IDENT@_order(void *self, int64_t now_ms, enum gantry_breaker_order order,
			int64_t until_ms, struct gantry_error *err)
{
	struct @IDENT@ *p = self;

	(void)now_ms;
	if (order == GANTRY_BREAKER_RESET)
		@IDENT@_enter(p, GANTRY_BREAKER_CLOSED, 0);
	else if (order == GANTRY_BREAKER_HOLD_OPEN)
		@IDENT@_enter(p, GANTRY_BREAKER_OPEN, until_ms);
	else if (order == GANTRY_BREAKER_HOLD_CLOSED)
		@IDENT@_enter(p, GANTRY_BREAKER_CLOSED, until_ms);
	else
		return gantry_fail(err, "there is no order %d", (int)order);
	p->held = order != GANTRY_BREAKER_RESET;
	return 0;
}

static void @IDENT@_status(void *self, int64_t now_ms,
			  struct gantry_breaker_status *out)
{
	struct @IDENT@ *p = self;

	@IDENT@_look(p, now_ms);
	*out = (struct gantry_breaker_status){
		.size = sizeof(*out), .state = p->state, .held = p->held,
		.until_ms = p->until_ms, .failures = p->in_row,
		.opened = p->opened, .refused = p->refused,
	};
}

static const struct gantry_breaker breaker = {
	.size = sizeof(struct gantry_breaker),
	.permit = @IDENT@_permit,
	.result = @IDENT@_result,
	.order = @IDENT@_order,
	.status = @IDENT@_status,
};

GANTRY_PLUGIN(.name = "@NAME@", .version = "1.0.0",
	      .summary = "Stops calls after failures in a row",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct @IDENT@),
	      .options = options, .open = @IDENT@_open, .breaker = &breaker);
