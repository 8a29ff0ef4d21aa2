/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept - the records in which everything is kept, by space and key:
 *
 *	waiting	id of a request	the request
 *	of:...	id of a request	how it is shown; the space is its order's
 *	ended	id of a request	what became of it
 *	line	order item	who waits, in which order
 *	turn	time and id	whose turn it is, the next one first
 *	share	number		how many wait in that share
 *
 * An id stands in "waiting", in its order's space and in a line, or in "ended",
 * or nowhere; who has a turn stands in "turn" as the line says; a share counts
 * the places that name it. One unit moves all of them together, and since every
 * move reads and puts the line, two moves of one line cannot both be made.
 */
#ifndef OPTIMISTIC_KEPT_H
#define OPTIMISTIC_KEPT_H

#include "line.h"
#include "request.h"

#define KEPT_WAITING "waiting"
#define KEPT_ENDED "ended"
#define KEPT_LINE "line"
#define KEPT_TURN "turn"
#define KEPT_SHARE "share"
#define KEPT_MAX_SHARES 64

/* The keys are hashes, since ids may be as long as a key already: what is found
   by them may be another's, and says whose it is. */
const char *kept_line_key(struct gantry_message *m, const char *order_id,
			  const char *order_item_id);
/* The space of an order. */
const char *kept_order_space(struct gantry_message *m, const char *order_id);

/*
 * These ask: -1 means that the answer is not there yet, or an error in err;
 * either way the handler returns FAILED.
 */

/* A record, *value_out NULL if there is none. */
int kept_get(struct gantry_message *m, const char *space, const char *key,
	     const json_t **value_out, struct gantry_error *err);
int kept_line(struct gantry_message *m, const char *key, struct line *line_out,
	      struct gantry_error *err);
/*
 * What waits of an order, as it is shown: a new array, the oldest first, the
 * caller's to free. What is read here is not looked at again when the message
 * commits.
 */
int kept_of_order(struct gantry_message *m, const char *order_id, json_t **list_out,
		  struct gantry_error *err);

/* These stage; 0 or -1. */
int kept_put_line(struct gantry_message *m, const char *key, const struct line *line,
		  struct gantry_error *err);
/* Its turn in the line of that key. Nothing if it has none. */
int kept_put_turn(struct gantry_message *m, const char *key,
		  const struct line_place *place, struct gantry_error *err);
int kept_put_share(struct gantry_message *m, int64_t share, int64_t n,
		   struct gantry_error *err);

/* What may wait is dealt out to shares, so that not all who come meet in one
   record. Which one an order counts in, and how much it holds. */
int64_t kept_share(const struct optimistic *o, const char *order_id);
int64_t kept_share_size(const struct optimistic *o);
const char *kept_share_key(struct gantry_message *m, int64_t share);

#endif
