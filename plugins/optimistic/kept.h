/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept - the records in which everything is kept, by space and key:
 *
 *	waiting	id of a request	the request
 *	ended	id of a request	what became of it
 *	order	id of an order	its line: who waits, in which order
 *	turn	time and id	whose turn it is, the next one first
 *	share	number		how many wait in that share
 *
 * An id stands in "waiting" and in its order's line, or in "ended", or nowhere;
 * who has a turn stands in "turn" as the line says; a share counts the places
 * that name it. One unit moves all of them together, and since every move
 * reads and puts the line, two moves of one order cannot both be made.
 */
#ifndef OPTIMISTIC_KEPT_H
#define OPTIMISTIC_KEPT_H

#include "line.h"
#include "request.h"

#define KEPT_WAITING "waiting"
#define KEPT_ENDED "ended"
#define KEPT_ORDER "order"
#define KEPT_TURN "turn"
#define KEPT_SHARE "share"
#define KEPT_MAX_SHARES 64

/*
 * Each asks: -1 means that the answer is not there yet, or an error in err;
 * either way the handler returns FAILED.
 */

/* A record, *value_out NULL if there is none. */
int kept_get(struct gantry_message *m, const char *space, const char *key,
	     const json_t **value_out, struct gantry_error *err);
int kept_line(struct gantry_message *m, const char *order_id, struct line *line_out,
	      struct gantry_error *err);

/* Stage it; 0 or -1. */
int kept_put_line(struct gantry_message *m, const char *order_id,
		  const struct line *line, struct gantry_error *err);
/* Its turn and what it needs to be found by. Nothing if it has none. */
int kept_put_turn(struct gantry_message *m, const char *order_id,
		  const struct line_place *place, struct gantry_error *err);
int kept_put_share(struct gantry_message *m, int64_t share, int64_t n,
		   struct gantry_error *err);

/* What may wait is dealt out to shares, so that not all who come meet in one
   record. Which one an order counts in, and how much it holds. */
int64_t kept_share(const struct optimistic *o, const char *order_id);
int64_t kept_share_size(const struct optimistic *o);
const char *kept_share_key(struct gantry_message *m, int64_t share);

#endif
