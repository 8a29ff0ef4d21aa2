/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bucket - one sender's tokens. Pure and exact: time is passed in, and nothing
 * is rounded.
 *
 * A token takes per_ms/rate milliseconds to come back. All times are counted
 * in 1/rate of a millisecond, so that this is a whole number: per_ms. Then a
 * bucket is one number, the time at which it will be full again.
 */
#ifndef RATE_LIMIT_BUCKET_H
#define RATE_LIMIT_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Bounds that keep every product below 2^63 until the year 2255. */
#define BUCKET_MAX_RATE 1000000
#define BUCKET_MAX_BURST 1000000
#define BUCKET_MAX_PER_MS INT64_C(86400000)

struct bucket_rule {
	int64_t rate;		/* tokens that come back in each per_ms */
	int64_t per_ms;
	int64_t burst;		/* tokens of a full bucket */
};

/* Zero is a full bucket. */
struct bucket {
	int64_t full_at;	/* in 1/rate ms since 1970 */
};

struct bucket_answer {
	bool granted;
	int64_t remaining;	/* whole tokens that are left */
	int64_t full_in_ms;	/* until it is full; rounded up */
	int64_t retry_in_ms;	/* not granted: until there is a token */
};

/*
 * Take a token if there is one. A clock that was set back can empty a bucket,
 * but never holds it for longer than it takes to fill.
 */
void bucket_take(const struct bucket_rule *rule, struct bucket *bucket,
		 int64_t now_ms, struct bucket_answer *answer);

/* Whether it says nothing that a new bucket would not say. */
bool bucket_is_full(const struct bucket_rule *rule, const struct bucket *bucket,
		    int64_t now_ms);

#endif
