/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally - what became of the events that were consumed, for the metrics page.
 *
 * Counted by one thread, read by any. Types come from outside: after
 * TALLY_TYPES of them the rest is "other".
 */
#ifndef AMQP_TALLY_H
#define AMQP_TALLY_H

#include <pthread.h>
#include <stdint.h>

#define TALLY_TYPES 32
#define TALLY_MAX_TYPE 64
#define TALLY_BUCKETS 12

enum tally_outcome {
	TALLY_APPLIED,
	TALLY_DUPLICATE,
	TALLY_REFUSED,		/* applied, and something was refused */
	TALLY_RETRIED,
	TALLY_DEAD,
	TALLY_OUTCOMES
};

struct tally_type {
	char type[TALLY_MAX_TYPE + 1];
	uint64_t outcomes[TALLY_OUTCOMES];
};

struct tally_counts {
	struct tally_type types[TALLY_TYPES + 1];	/* the last: "other" */
	unsigned n_types;		/* used, without "other" */
	uint64_t buckets[TALLY_BUCKETS + 1];	/* of seconds, not cumulative */
	double seconds;
	uint64_t redelivered, suspects, pauses, letters;
	uint64_t held;			/* now: in hand and not handed over */
	uint64_t passing;		/* now: on the way to their next queue */
	uint64_t paused, connected;	/* now: 0 or 1 */
};

/* Upper bounds of the buckets; the one after the last has none. */
extern const double tally_bounds[TALLY_BUCKETS];
/* What an outcome is called. */
const char *tally_outcome_name(enum tally_outcome outcome);

struct tally {
	pthread_mutex_t lock;
	struct tally_counts counts;
};

void tally_init(struct tally *t);
void tally_fini(struct tally *t);
/* One event was answered; type may be NULL. */
void tally_add(struct tally *t, const char *type, enum tally_outcome outcome,
	       double seconds);
void tally_read(struct tally *t, struct tally_counts *out);

#endif
