/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache - see cache.h.
 *
 * Sets of four entries; a set is found by the hash, and within a full set the
 * longest unused entry goes. A lock guards every sixteenth set.
 */
#include "cache.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_WAYS   4
#define CACHE_SHARDS 16
#define CACHE_HASHED 64 /* characters from the end: those of the signature */

struct cache_set {
	struct jwt_cached *way[CACHE_WAYS];
};

/* One line of the processor's cache each. */
struct cache_shard {
	_Alignas(64) pthread_mutex_t lock; /* innermost; guards its sets */
};

struct jwt_cache {
	struct cache_shard shard[CACHE_SHARDS];
	uint64_t seed;
	size_t sets;
	struct cache_set set[];
};

struct jwt_cache *jwt_cache_new(size_t entries)
{
	size_t sets = entries / CACHE_WAYS;
	size_t size =
		sizeof(struct jwt_cache) + sets * sizeof(struct cache_set);
	struct jwt_cache *cache = aligned_alloc(64, (size + 63) / 64 * 64);

	if (cache == NULL)
		return NULL;
	memset(cache, 0, size);
	cache->sets = sets;
	RAND_bytes((unsigned char *)&cache->seed, sizeof(cache->seed));
	for (size_t i = 0; i < CACHE_SHARDS; i++)
		pthread_mutex_init(&cache->shard[i].lock, NULL);
	return cache;
}

/* A token is as good as a password. */
void jwt_cached_release(struct jwt_cached **cached)
{
	struct jwt_cached *c = *cached;

	*cached = NULL;
	if (c == NULL || atomic_fetch_sub(&c->references, 1) > 1)
		return;
	OPENSSL_cleanse(c->token, c->len);
	free(c);
}

void jwt_cache_free(struct jwt_cache **cache)
{
	struct jwt_cache *c = *cache;

	*cache = NULL;
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->sets * CACHE_WAYS; i++)
		jwt_cached_release(&c->set[i / CACHE_WAYS].way[i % CACHE_WAYS]);
	for (size_t i = 0; i < CACHE_SHARDS; i++)
		pthread_mutex_destroy(&c->shard[i].lock);
	free(c);
}

/*
 * The end of a good token is its signature, which no two share. Who sends bad
 * ones with one hash only meets one set, of four entries.
 */
static uint64_t cache_hash(const struct jwt_cache *cache, struct jwt_text token)
{
	size_t n = token.len < CACHE_HASHED ? token.len : CACHE_HASHED;
	const char *at = token.at + token.len - n;
	uint64_t hash = cache->seed ^ token.len;

	for (size_t i = 0; i < n; i += 8) {
		uint64_t word = 0;

		memcpy(&word, at + i, n - i < 8 ? n - i : 8);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return hash;
}

static struct cache_set *cache_lock(struct jwt_cache *cache, uint64_t hash)
{
	size_t i = hash % cache->sets;

	pthread_mutex_lock(&cache->shard[i % CACHE_SHARDS].lock);
	return &cache->set[i];
}

static void cache_unlock(struct jwt_cache *cache, const struct cache_set *set)
{
	size_t i = (size_t)(set - cache->set);

	pthread_mutex_unlock(&cache->shard[i % CACHE_SHARDS].lock);
}

static bool cache_is_stale(const struct jwt_cached *c, struct jwt_moment moment)
{
	return c->generation != moment.generation ||
	       moment.now_ms >= c->who.expires_ms;
}

/*
 * In constant time for a length, by words: CRYPTO_memcmp() goes by bytes, and
 * on a long token that alone costs more than all the rest of a hit.
 */
static bool cache_is_same(const char *a, const char *b, size_t len)
{
	uint64_t different = 0, x = 0, y = 0;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		different |= x ^ y;
	}
	for (; i < len; i++)
		different |= (unsigned char)(a[i] ^ b[i]);
	return different == 0;
}

static bool cache_is_token(const struct jwt_cached *c, struct jwt_text token,
			   uint64_t hash)
{
	return c->hash == hash && c->len == token.len &&
	       cache_is_same(c->token, token.at, token.len);
}

struct jwt_cached *jwt_cache_find(struct jwt_cache *cache,
				  struct jwt_text token,
				  struct jwt_moment moment)
{
	struct jwt_cached *found = NULL;
	struct cache_set *set;
	uint64_t hash;

	if (cache->sets == 0 || token.len > JWT_TOKEN_MAX)
		return NULL;
	hash = cache_hash(cache, token);
	set = cache_lock(cache, hash);
	for (size_t i = 0; i < CACHE_WAYS && found == NULL; i++) {
		struct jwt_cached *c = set->way[i];

		if (c != NULL && cache_is_token(c, token, hash) &&
		    !cache_is_stale(c, moment))
			found = c;
	}
	if (found != NULL) {
		found->used_ms = moment.now_ms;
		atomic_fetch_add_explicit(&found->references, 1,
					  memory_order_relaxed);
	}
	cache_unlock(cache, set);
	return found;
}

static size_t cache_text_size(const struct jwt_identity *who)
{
	size_t size = who->subject == NULL ? 0 : strlen(who->subject) + 1;

	for (size_t i = 0; i < who->roles; i++)
		size += strlen(who->role[i]) + 1;
	return size;
}

static const char *cache_text(char **at, const char *text)
{
	char *copy = *at;

	*at = stpcpy(copy, text) + 1;
	return copy;
}

static struct jwt_cached *cache_entry(struct jwt_text token,
				      const struct jwt_identity *who)
{
	struct jwt_cached *c =
		calloc(1, sizeof(*c) + token.len + cache_text_size(who));
	char *at;

	if (c == NULL)
		return NULL;
	atomic_init(&c->references, 1);
	c->len = token.len;
	memcpy(c->token, token.at, token.len);
	at = c->token + token.len;
	c->who = *who;
	if (who->subject != NULL)
		c->who.subject = cache_text(&at, who->subject);
	for (size_t i = 0; i < who->roles; i++)
		c->who.role[i] = cache_text(&at, who->role[i]);
	return c;
}

/* The same token's own place, else a free or stale one, else the oldest. */
static struct jwt_cached **cache_victim(struct cache_set *set,
					const struct jwt_cached *entry,
					struct jwt_moment moment)
{
	struct jwt_text token = { entry->token, entry->len };
	struct jwt_cached **best = &set->way[0];

	for (size_t i = 0; i < CACHE_WAYS; i++)
		if (set->way[i] != NULL &&
		    cache_is_token(set->way[i], token, entry->hash))
			return &set->way[i];
	for (size_t i = 0; i < CACHE_WAYS; i++) {
		if (set->way[i] == NULL || cache_is_stale(set->way[i], moment))
			return &set->way[i];
		if (set->way[i]->used_ms < (*best)->used_ms)
			best = &set->way[i];
	}
	return best;
}

void jwt_cache_keep(struct jwt_cache *cache, struct jwt_text token,
		    struct jwt_moment moment, const struct jwt_identity *who)
{
	struct jwt_cached *entry, *old, **place;
	struct cache_set *set;

	if (cache->sets == 0)
		return;
	entry = cache_entry(token, who);
	if (entry == NULL)
		return;
	entry->hash = cache_hash(cache, token);
	entry->generation = moment.generation;
	entry->used_ms = moment.now_ms;
	set = cache_lock(cache, entry->hash);
	place = cache_victim(set, entry, moment);
	old = *place;
	*place = entry;
	cache_unlock(cache, set);
	jwt_cached_release(&old);
}

size_t jwt_cache_count(struct jwt_cache *cache)
{
	size_t n = 0;

	for (size_t i = 0; i < cache->sets; i++) {
		struct cache_set *set = cache_lock(cache, i);

		for (size_t k = 0; k < CACHE_WAYS; k++)
			n += set->way[k] != NULL;
		cache_unlock(cache, set);
	}
	return n;
}
