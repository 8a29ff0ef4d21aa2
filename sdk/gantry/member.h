/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member - take the members of a JSON object and say all that is wrong with
 * them.
 *
 * Each function looks at one member. If it is not as it should be, a problem
 * is added (gantry_problem) under the field place + name, and the handler goes
 * on with the next one; in the end gantry_problems() tells whether to reject.
 * place is what stands before the name, "" or "items[2].". A member that is
 * null counts as absent. What is returned belongs to the tree.
 */
#ifndef GANTRY_MEMBER_H
#define GANTRY_MEMBER_H

#include <jansson.h>
#include <stdbool.h>

#include <gantry/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GANTRY_MAX_ID 128	/* bytes of an id from outside (D13) */

enum {
	GANTRY_OPTIONAL = 1,	/* no problem if it is absent */
};

/* 1 to max bytes of UTF-8 without control characters. Level 1. */
bool gantry_is_text(const char *text, size_t len, size_t max);

/* A text as gantry_is_text() wants it, or NULL. Level 1. */
const char *gantry_member_text(const json_t *object, const char *place,
			       const char *name, size_t max, unsigned flags,
			       struct gantry_error *err);

/* A whole number from min to max, required; min if it is wrong. Level 1. */
int64_t gantry_member_integer(const json_t *object, const char *place,
			      const char *name, int64_t min, int64_t max,
			      struct gantry_error *err);

/* true or false; absent: false. Level 1. */
bool gantry_member_bool(const json_t *object, const char *place,
			const char *name, struct gantry_error *err);

/* An optional time (gantry_parse_time), in ms; 0: absent or wrong. Level 1. */
int64_t gantry_member_time(const json_t *object, const char *place,
			   const char *name, struct gantry_error *err);

/* An array of at most max, or NULL. Level 1. */
const json_t *gantry_member_list(const json_t *object, const char *place,
				 const char *name, size_t max, unsigned flags,
				 struct gantry_error *err);

/* An object, or NULL. Level 1. */
const json_t *gantry_member_object(const json_t *object, const char *place,
				   const char *name, unsigned flags,
				   struct gantry_error *err);

#ifdef __cplusplus
}
#endif

#endif
