/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer - what the inventory side says, and what becomes of it.
 */
#ifndef OPTIMISTIC_ANSWER_H
#define OPTIMISTIC_ANSWER_H

#include "optimistic.h"

/*
 * What an answer to POST /allocations means. AWAY is all that says nothing of
 * this request: it may be another one later, when somebody has mended a token, a
 * route or the service.
 */
enum answer_is { ANSWER_AWAY = 0, ANSWER_ALLOCATED, ANSWER_REFUSED };

/* NULL is AWAY. */
enum answer_is answer_judge(const struct gantry_answer *answer);

/* The id of what is allocated. */
const char *answer_id(const struct gantry_answer *answer);
/* The code of a refusal. */
const char *answer_code(const struct gantry_answer *answer);

/* Give it to our caller as it is, if it is one of the interface's own; else 503. */
enum gantry_verdict answer_pass(const struct optimistic *o, struct gantry_message *m,
				const struct gantry_answer *answer,
				struct gantry_error *err);

/* There is no answer: 503, for the reason in err. */
enum gantry_verdict answer_away(struct gantry_error *err);

/* 409 for what waits yet; it is worth trying again. */
enum gantry_verdict answer_waits(struct gantry_message *m, struct gantry_error *err);

#endif
