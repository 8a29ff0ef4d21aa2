/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache - tokens that were verified, until they expire.
 *
 * Only good tokens get in, so strangers cannot fill it; it is bounded all the
 * same. A token hits only if all its bytes are the same, it has not expired
 * and the keys are still those that verified it.
 */
#ifndef JWT_CACHE_H
#define JWT_CACHE_H

#include <stdatomic.h>

#include "claims.h"
#include "verify.h"

struct jwt_cache;

/* What was found; never changes, and stays until it is released. */
struct jwt_cached {
	atomic_int references;
	struct jwt_identity who;
	uint64_t generation;
	int64_t used_ms; /* under the shard's lock */
	uint64_t hash;
	size_t len;
	char token[]; /* then the texts of who */
};

/* When and by which keys. */
struct jwt_moment {
	int64_t now_ms;
	uint64_t generation;
};

/* At most this many entries, a multiple of 4; NULL without memory. */
struct jwt_cache *jwt_cache_new(size_t entries);
void jwt_cache_free(struct jwt_cache **cache);

/* NULL if it is not there. Any thread. */
struct jwt_cached *jwt_cache_find(struct jwt_cache *cache,
				  struct jwt_text token,
				  struct jwt_moment moment);
void jwt_cached_release(struct jwt_cached **cached);

/* Copies all; without memory the token is not kept. Any thread. */
void jwt_cache_keep(struct jwt_cache *cache, struct jwt_text token,
		    struct jwt_moment moment, const struct jwt_identity *who);

/* Entries in use; for tests. */
size_t jwt_cache_count(struct jwt_cache *cache);

#endif
