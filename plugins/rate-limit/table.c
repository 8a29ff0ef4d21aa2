/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - see table.h. Shards with a lock each; in a shard, sets of a few
 * neighbours among which a sender can be.
 */
#include "table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TABLE_SHARDS 16u	/* powers of two */
#define TABLE_WAYS 8u
#define TABLE_RECENT 256u

struct table_sender {
	char *name;		/* NULL: free */
	struct bucket bucket;
};

/* What a message was told. By its hash: two of 2^64 may be taken for one. */
struct table_recent {
	uint64_t message;
	struct bucket_answer answer;
};

struct table_shard {
	pthread_mutex_t lock;	/* guards all of it; taken alone */
	struct table_sender *senders;	/* sets * TABLE_WAYS */
	struct table_recent recent[TABLE_RECENT];
};

struct table {
	struct bucket_rule rule;
	uint64_t seed;
	size_t sets;		/* of a shard, a power of two */
	struct table_shard shards[TABLE_SHARDS];
};

/* FNV-1a, stirred at the end; keyed, so that nobody can choose neighbours. */
static uint64_t table_hash(uint64_t seed, const char *text, size_t len)
{
	uint64_t h = seed ^ UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	h = (h ^ seed ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

struct table *table_new(const struct bucket_rule *rule, size_t senders)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->rule = *rule;
	t->sets = 1;
	while (t->sets * TABLE_WAYS * TABLE_SHARDS < senders)
		t->sets *= 2;
	if (getrandom(&t->seed, sizeof(t->seed), 0) < 0)
		t->seed = (uint64_t)(uintptr_t)t;
	for (unsigned i = 0; i < TABLE_SHARDS; i++)
		pthread_mutex_init(&t->shards[i].lock, NULL);
	for (unsigned i = 0; i < TABLE_SHARDS; i++) {
		t->shards[i].senders = calloc(t->sets * TABLE_WAYS,
					      sizeof(struct table_sender));
		if (t->shards[i].senders == NULL) {
			table_free(&t);
			return NULL;
		}
	}
	return t;
}

void table_free(struct table **table)
{
	struct table *t = *table;

	*table = NULL;
	if (t == NULL)
		return;
	for (unsigned i = 0; i < TABLE_SHARDS; i++) {
		struct table_shard *shard = &t->shards[i];

		for (size_t k = 0; shard->senders != NULL && k < t->sets * TABLE_WAYS; k++)
			free(shard->senders[k].name);
		free(shard->senders);
		pthread_mutex_destroy(&shard->lock);
	}
	free(t);
}

/* Whose place a new sender gets: the one that has the least to forget. */
static struct table_sender *table_least(struct table_sender *set)
{
	struct table_sender *least = &set[0];

	for (unsigned i = 1; i < TABLE_WAYS && least->name != NULL; i++)
		if (set[i].name == NULL ||
		    set[i].bucket.full_at < least->bucket.full_at)
			least = &set[i];
	return least;
}

/* NULL: no memory for the name. */
static struct table_sender *table_find(struct table_sender *set, const char *name,
				       size_t len)
{
	struct table_sender *sender;
	char *copy;

	for (unsigned i = 0; i < TABLE_WAYS; i++)
		if (set[i].name != NULL && strncmp(set[i].name, name, len) == 0 &&
		    set[i].name[len] == '\0')
			return &set[i];
	copy = strndup(name, len);
	if (copy == NULL)
		return NULL;
	sender = table_least(set);
	free(sender->name);
	*sender = (struct table_sender){ .name = copy };
	return sender;
}

void table_take(struct table *t, const char *name, const char *message,
		int64_t now_ms, struct bucket_answer *answer)
{
	size_t len = strnlen(name, TABLE_NAME_MAX);
	uint64_t hash = table_hash(t->seed, name, len);
	uint64_t id = table_hash(~t->seed, message, strlen(message));
	struct table_shard *shard = &t->shards[hash % TABLE_SHARDS];
	size_t set = (size_t)(hash / TABLE_SHARDS) & (t->sets - 1);
	struct table_recent *recent = &shard->recent[id % TABLE_RECENT];
	struct table_sender *sender;
	struct bucket none = { 0 };

	pthread_mutex_lock(&shard->lock);
	if (recent->message != id || id == 0) {
		sender = table_find(&shard->senders[set * TABLE_WAYS], name, len);
		recent->message = id;
		bucket_take(&t->rule, sender != NULL ? &sender->bucket : &none,
			    now_ms, &recent->answer);
	}
	*answer = recent->answer;
	pthread_mutex_unlock(&shard->lock);
}
