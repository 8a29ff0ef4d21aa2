/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error - how a plugin says what went wrong.
 *
 * A struct gantry_error belongs to the core and lives as long as the call that
 * got it. It holds one code, one message and details, which are a list of
 * problems or an object. Texts are copied at the call. None of these fails or
 * allocates without bound: a message is cut after 511 bytes, details end after
 * 4 KiB or 64 problems.
 */
#ifndef GANTRY_ERROR_H
#define GANTRY_ERROR_H

#include <jansson.h>
#include <stdbool.h>

#include <gantry/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gantry_error;

/* What a handler answers; see gantry/handler.h. Zero is the careful choice. */
enum gantry_verdict {
	GANTRY_FAILED = 0,	/* transient: may be tried again */
	GANTRY_REJECTED = 1,	/* permanent: will not work by trying again */
	GANTRY_NEXT = 2,	/* the next handler of the pipeline goes on */
	GANTRY_DONE = 3,	/* finished: commit, then answer */
};

/* What an error depends on, if it is no fault of the message. */
enum gantry_dependency {
	GANTRY_DEPENDS_ON_NOTHING = 0,
	GANTRY_DEPENDS_ON_STORAGE = 1,
	GANTRY_DEPENDS_ON_BROKER = 2,
	GANTRY_DEPENDS_ON_UPSTREAM = 3,
};

/*
 * Set the message. Returns -1, so that "return gantry_fail(err, ...)" is the
 * whole error path of an action. The message names what failed, not the
 * function. Any thread. err may be NULL. Level 1.
 */
int gantry_fail(struct gantry_error *err, const char *format, ...)
	GANTRY_PRINTF(2, 3);

/*
 * Add one problem with one field to details (a list of {"field","problem"}),
 * so that a caller hears all of them at once. field is a path such as
 * "items[2].quantity". Returns -1. Level 1.
 */
int gantry_problem(struct gantry_error *err, const char *field,
		   const char *format, ...) GANTRY_PRINTF(3, 4);

/*
 * Whether a message was set since the handler was called. After an ask that gave
 * NULL, and if gantry_asking() is false, this tells an error from what is not
 * there. Level 1.
 */
bool gantry_failed(const struct gantry_error *err);

/* How many problems were added since the handler was called. Level 1. */
size_t gantry_problems(const struct gantry_error *err);

/*
 * Set the details object of the error's answer. The tree is written out at
 * the call and stays the caller's. Returns -1. Level 1.
 */
int gantry_details(struct gantry_error *err, const json_t *object);

/*
 * Reject the message for good with a code such as "VALIDATION_ERROR". The
 * message set before stays; without one the code's own text is used. Codes of
 * the core carry their HTTP status (409 for "INSUFFICIENT_STOCK"); a code of
 * your own, in capitals and underscores, is answered with 422. Returns
 * GANTRY_REJECTED. Level 1.
 */
enum gantry_verdict gantry_reject(struct gantry_error *err, const char *code);

/*
 * Fail for now, with a code that is the cause if trying again is in vain. A
 * caller hears 503 with that code. Returns GANTRY_FAILED. Level 1.
 */
enum gantry_verdict gantry_retry(struct gantry_error *err, const char *code);

#ifdef __cplusplus
}
#endif

#endif
