/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope - the answers of the API (D8, D9): which code has which status,
 * and the error envelope. Sources use it for what never becomes a message.
 */
#ifndef PIPELINE_ENVELOPE_H
#define PIPELINE_ENVELOPE_H

#include "gateway/pipeline/message.h"

struct envelope_code {
	const char *code;
	int status;
	bool retryable;
	const char *text;		/* message if nobody says it better */
};

/* The row of D9's table; an unknown code gets 422. Never NULL. */
const struct envelope_code *envelope_code(const char *code);

/* HTTP status of a code. */
int envelope_status(const char *code);

/*
 * What is wrong, in one line: the message and the problems, with their fields.
 * In arena.
 */
char *envelope_summary(struct arena *arena, const struct gantry_error *err);
/* The code of what failed or was rejected, also if nobody gave it one. */
const char *envelope_cause(const struct gantry_error *err, enum gantry_verdict verdict);

/*
 * Fill m->answer from m->error (or, with err->code NULL, STORAGE_UNAVAILABLE,
 * ORDER_SERVICE_UNAVAILABLE or OVERLOADED by dependency). Adds Retry-After to
 * 429 and 503. A FAILED message keeps its code, but with 503 unless the code
 * has a 5xx of its own: it may be tried again. The text lives in the message's arena.
 */
void envelope_fail(struct gantry_message *m, enum gantry_verdict verdict);

/*
 * The answer to an event that is through (D25): 200 with its id and its
 * outcome, "applied", "duplicate" or "refused".
 */
void envelope_outcome(struct gantry_message *m, const char *outcome);

/*
 * The error envelope as text in arena, for refusals before there is a
 * message. details is JSON text or NULL.
 */
const char *envelope_text(struct arena *arena, const char *code,
			  const char *message, const char *details,
			  const char *correlation_id, size_t *len_out);

#endif
