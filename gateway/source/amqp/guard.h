/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard - when consuming pauses for what everything depends on, and how it
 * finds out that it is back (D23, D26).
 *
 * The first answer that failed by storage or broker closes it: nothing more is
 * handed over, what is in hand is held. After a while one message goes through
 * as a probe; if that is answered, all goes on, else the next waits twice as
 * long. Answers of what was handed over before it closed say nothing.
 *
 *	OPEN --failed--> CLOSED --time--> PROBING --answered--> OPEN
 *	                   ^------failed----'
 *
 * Pure: time and chance are passed in.
 */
#ifndef AMQP_GUARD_H
#define AMQP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/* The first probe comes after this; the wait doubles up to the second. */
#define GUARD_FIRST_MS 200
#define GUARD_MOST_MS 5000
/* Below the broker's consumer timeout of 30 minutes (15 in some releases). */
#define GUARD_GIVE_BACK_MS (10 * 60 * 1000)

enum guard_state { GUARD_OPEN, GUARD_CLOSED, GUARD_PROBING };

struct guard {
	enum guard_state state;
	int64_t since_ms;		/* it closed */
	int64_t probe_ms;		/* when the next probe is due */
	unsigned failures;		/* in a row */
	unsigned epoch;			/* counts closings */
	bool gave_back;
};

/* Everything zero: open. */

/*
 * An answer by what was handed over in that epoch: it failed by a dependency.
 * random spreads the probes. True if it closed just now.
 */
bool guard_failed(struct guard *g, unsigned epoch, int64_t now_ms, uint64_t random);
/* An answer without such a failure. True if it opened just now. */
bool guard_answered(struct guard *g, unsigned epoch);
/* There is nothing to probe with: let one in and see. True if it was closed. */
bool guard_reopen(struct guard *g);

/* May the next message be handed over? A probe is due, if not open. */
bool guard_lets_through(const struct guard *g, int64_t now_ms);
/* It was; its epoch. */
unsigned guard_hand_over(struct guard *g);
/* Held too long: true once, then the channel is to be closed. */
bool guard_gives_back(struct guard *g, int64_t now_ms);
/* When one of the two above may change by time alone; INT64_MAX: never. */
int64_t guard_due_ms(const struct guard *g);

#endif
