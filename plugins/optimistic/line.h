/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line - the requests for an order item that wait for the inventory side, in the
 * order in which they came. The first has its turn; the others have none until
 * it has left. A line is found by a hash, so two order items may share one by
 * chance; each of them has its own first then.
 *
 * Pure: time is an argument, chance comes from the request's id. Knows no
 * message and no storage but the JSON that a line is kept as. Texts belong to
 * whoever put them in.
 */
#ifndef OPTIMISTIC_LINE_H
#define OPTIMISTIC_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define LINE_MAX_PLACES 32
#define LINE_TURN 64		/* bytes of a turn's key */

struct line_place {
	const char *id;		/* of the request */
	const char *order, *item;	/* of the order item */
	int64_t since_ms;	/* when it was accepted */
	int64_t turn_ms;	/* when it is to be sent; 0: one is before it */
	int64_t tries;		/* in vain */
	int64_t share;		/* of what may wait in all */
};

struct line {
	unsigned n;
	struct line_place places[LINE_MAX_PLACES];
};

/* What is waited between two tries. */
struct line_backoff {
	int64_t first_ms, most_ms;
};

/* NULL is an empty line. False: this is no line. */
bool line_read(struct line *line, const json_t *kept);
/* A new tree; NULL for an empty line. */
json_t *line_write(const struct line *line);

/* Whether a request of that order item waits. */
bool line_has_item(const struct line *line, const char *order, const char *item);
/* Its place, or NULL. */
struct line_place *line_find(struct line *line, const char *id);

/*
 * Behind all others. place says who; its turn and tries are the line's to fill
 * in. NULL: there is no room.
 */
struct line_place *line_join(struct line *line, const struct line_place *place);
/* It is through. Whose turn it is now, or NULL; other places have moved. */
struct line_place *line_leave(struct line *line, const char *id);
/* It was tried in vain: its turn comes later, twice as late each time, and by
   chance up to half of that sooner. */
void line_delay(struct line_place *place, int64_t now_ms,
		const struct line_backoff *backoff);

/* The key of a turn, in the order of time; NULL if it has none. */
const char *line_turn(const struct line_place *place, char key[static LINE_TURN]);
/* The time in such a key; -1: it is none. */
int64_t line_turn_ms(const char *key);

#endif
