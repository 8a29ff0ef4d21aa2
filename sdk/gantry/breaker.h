/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker - whether calls to somebody who fails are worth a try.
 *
 * A breaker has no timer and no clock: time is passed in, steady milliseconds
 * that never go back, and what follows from time follows at the next call. The
 * core calls an instance's functions one at a time, from any thread; none of
 * them may block.
 */
#ifndef GANTRY_BREAKER_H
#define GANTRY_BREAKER_H

#include <stdbool.h>

#include <gantry/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero lets nothing through. */
enum gantry_breaker_state {
	GANTRY_BREAKER_OPEN = 0,	/* no calls */
	GANTRY_BREAKER_HALF_OPEN = 1,	/* a few, to see */
	GANTRY_BREAKER_CLOSED = 2,	/* all */
};

enum gantry_call_result {
	GANTRY_CALL_FAILED = 0,
	GANTRY_CALL_SUCCEEDED = 1,
	GANTRY_CALL_DROPPED = 2,	/* says nothing of whom it was for */
};

/* What an operator says. */
enum gantry_breaker_order {
	GANTRY_BREAKER_RESET = 0,	/* closed, and judge by results again */
	GANTRY_BREAKER_HOLD_OPEN = 1,	/* no calls, whatever the results are */
	GANTRY_BREAKER_HOLD_CLOSED = 2,	/* all calls, whatever the results are */
};

/* That a call may begin. The numbers are the breaker's; the core keeps them. */
struct gantry_permit {
	size_t size;
	uint64_t epoch;			/* of the state that it was given in */
	uint64_t lease;			/* 0: none was needed */
};

struct gantry_breaker_status {
	size_t size;
	enum gantry_breaker_state state;
	bool held;			/* by an operator */
	int64_t until_ms;		/* when the state ends by itself; 0: it
					   does not */
	int64_t calls, failures;	/* that the state rests on now */
	uint64_t opened;		/* times that it opened */
	uint64_t refused;		/* calls that it did not let through */
};

struct gantry_breaker {
	size_t size;
	/*
	 * Whether a call may begin now. If so, permit_out is filled in, and
	 * result() is to be called with it once; if that never happens, a
	 * permit of the half-open state runs out by itself. If not, *wait_ms_out
	 * is when to ask again, 0 if that is not known.
	 */
	bool (*permit)(void *self, int64_t now_ms,
		       struct gantry_permit *permit_out, int64_t *wait_ms_out);
	/*
	 * How a call ended, duration_ms after it began. That of a call which
	 * began in another state than the present one counts for nothing.
	 */
	void (*result)(void *self, int64_t now_ms,
		       const struct gantry_permit *permit,
		       enum gantry_call_result result, int64_t duration_ms);
	/*
	 * A hold ends at until_ms; 0: only by RESET. -1 with err if the order
	 * cannot be followed.
	 */
	int (*order)(void *self, int64_t now_ms, enum gantry_breaker_order order,
		     int64_t until_ms, struct gantry_error *err);
	void (*status)(void *self, int64_t now_ms,
		       struct gantry_breaker_status *out);
};

#ifdef __cplusplus
}
#endif

#endif
