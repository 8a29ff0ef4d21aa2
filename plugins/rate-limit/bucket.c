/* SPDX-License-Identifier: Apache-2.0 */
/* bucket - see bucket.h. */
#include "bucket.h"

#include <assert.h>

static int64_t bucket_ms(const struct bucket_rule *rule, int64_t scaled)
{
	return (scaled + rule->rate - 1) / rule->rate;
}

void bucket_take(const struct bucket_rule *rule, struct bucket *bucket,
		 int64_t now_ms, struct bucket_answer *answer)
{
	int64_t capacity = rule->burst * rule->per_ms;
	int64_t now = now_ms * rule->rate;
	int64_t owed = bucket->full_at > now ? bucket->full_at - now : 0;

	assert(rule->rate > 0 && rule->rate <= BUCKET_MAX_RATE);
	assert(rule->per_ms > 0 && rule->per_ms <= BUCKET_MAX_PER_MS);
	assert(rule->burst > 0 && rule->burst <= BUCKET_MAX_BURST);
	if (owed > capacity)
		owed = capacity;
	*answer = (struct bucket_answer){ .granted = owed + rule->per_ms <= capacity };
	if (answer->granted)
		owed += rule->per_ms;
	else
		answer->retry_in_ms = bucket_ms(rule, owed + rule->per_ms - capacity);
	answer->remaining = (capacity - owed) / rule->per_ms;
	answer->full_in_ms = bucket_ms(rule, owed);
	bucket->full_at = now + owed;
}

bool bucket_is_full(const struct bucket_rule *rule, const struct bucket *bucket,
		    int64_t now_ms)
{
	return bucket->full_at <= now_ms * rule->rate;
}
