/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate - what several requests have in common. All add problems, so that a
 * caller hears all of them at once (D9); validate_reject() ends it.
 */
#ifndef ALLOCATIONS_VALIDATE_H
#define ALLOCATIONS_VALIDATE_H

#include "allocations.h"

/* The body, an object; NULL with a problem of field "" if it is not. */
const json_t *validate_body(struct gantry_message *m, struct gantry_error *err);

/* The same where a body may be left out: *body_out is NULL then. -1: a problem. */
int validate_optional_body(struct gantry_message *m, const json_t **body_out,
			   struct gantry_error *err);

/* An id in the path, or NULL with a problem. */
const char *validate_param(struct gantry_message *m, const char *name,
			   struct gantry_error *err);

/* The part of a request that says what to allocate, into command. */
void validate_allocation(const struct allocations *a, struct gantry_message *m,
			 const json_t *object, const char *place,
			 struct gantry_command *command,
			 struct gantry_error *err);

/* ?limit= and ?after= into query; -1 with problems. */
int validate_page(struct gantry_message *m, struct gantry_query *query,
		  struct gantry_error *err);

/* Reject for the problems that were found. */
enum gantry_verdict validate_reject(struct gantry_error *err);

#endif
