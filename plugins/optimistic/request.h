/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request - a POST /allocations: checked as the inventory side checks it, so
 * that what cannot be is refused at once and not accepted; and the way there.
 */
#ifndef OPTIMISTIC_REQUEST_H
#define OPTIMISTIC_REQUEST_H

#include "optimistic.h"

struct request {
	const char *id;			/* ours */
	const char *key;		/* Idempotency-Key on the way, the same
					   however often it is sent */
	const char *correlation_id;
	const char *order_id, *order_item_id, *item_id, *warehouse_id;
	int64_t quantity, expires_ms;
	const char *body;		/* as it came */
	size_t body_len;
};

/* NEXT, or REJECTED with all that is wrong. */
enum gantry_verdict request_read(const struct optimistic *o, struct gantry_message *m,
				 struct request *request, struct gantry_error *err);

/* The Idempotency-Key for a POST of this message; NULL with a problem. */
const char *request_key(struct gantry_message *m, const char *id,
			struct gantry_error *err);

/* Sent now. NULL as of gantry_call(). err may be NULL. */
const struct gantry_answer *request_send(const struct optimistic *o,
					 struct gantry_message *m,
					 const struct request *request,
					 struct gantry_error *err);

/* Accepted at since_ms, as the interface shows allocations. */
void request_show(struct gantry_writer *w, const char *name,
		  const struct request *request, int64_t since_ms);

#endif
