/* SPDX-License-Identifier: Apache-2.0 */
/* tally - see tally.h. */
#include "gateway/source/amqp/tally.h"

#include <assert.h>
#include <string.h>

const double tally_bounds[TALLY_BUCKETS] = {
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30,
};

const char *tally_outcome_name(enum tally_outcome outcome)
{
	static const char *const names[] = {
		[TALLY_APPLIED] = "applied",
		[TALLY_DUPLICATE] = "duplicate",
		[TALLY_REFUSED] = "refused",
		[TALLY_RETRIED] = "retried",
		[TALLY_DEAD] = "dead",
	};

	assert(outcome < TALLY_OUTCOMES);
	return names[outcome];
}

void tally_init(struct tally *t)
{
	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	strcpy(t->counts.types[TALLY_TYPES].type, "other");
}

void tally_fini(struct tally *t)
{
	pthread_mutex_destroy(&t->lock);
}

static struct tally_type *tally_type(struct tally_counts *c, const char *type)
{
	if (type == NULL || strlen(type) > TALLY_MAX_TYPE)
		return &c->types[TALLY_TYPES];
	for (unsigned i = 0; i < c->n_types; i++)
		if (strcmp(c->types[i].type, type) == 0)
			return &c->types[i];
	if (c->n_types == TALLY_TYPES)
		return &c->types[TALLY_TYPES];
	strcpy(c->types[c->n_types].type, type);
	return &c->types[c->n_types++];
}

void tally_add(struct tally *t, const char *type, enum tally_outcome outcome,
	       double seconds)
{
	unsigned bucket = 0;

	while (bucket < TALLY_BUCKETS && seconds > tally_bounds[bucket])
		bucket++;
	pthread_mutex_lock(&t->lock);
	tally_type(&t->counts, type)->outcomes[outcome]++;
	t->counts.buckets[bucket]++;
	t->counts.seconds += seconds;
	pthread_mutex_unlock(&t->lock);
}

void tally_read(struct tally *t, struct tally_counts *out)
{
	pthread_mutex_lock(&t->lock);
	*out = t->counts;
	pthread_mutex_unlock(&t->lock);
}
