/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring - the keys of a file that may change while they are in use.
 *
 * A new file is noticed within a second and is read by whichever thread
 * notices. If it cannot be used, the keys before it stay.
 */
#ifndef JWT_KEYRING_H
#define JWT_KEYRING_H

#include "key.h"

struct jwt_keyring;

/* path must outlive the keyring; NULL: jwt_keyring_set() says the keys. NULL
   with err. */
struct jwt_keyring *jwt_keyring_new(const char *path,
				    enum jwt_algorithm algorithm,
				    struct gantry_error *err);
void jwt_keyring_free(struct jwt_keyring **ring);

/*
 * Look at the file, at most once a second by now_ms. 1 if there are new keys,
 * 0 if nothing changed, -1 with err, once for each change that cannot be used.
 * Any thread.
 */
int jwt_keyring_refresh(struct jwt_keyring *ring, int64_t now_ms,
			struct gantry_error *err);

/*
 * A set of public keys that somebody else has, as JSON, in the place of those
 * before. A secret is refused: what is fetched is no secret. -1 with err, and
 * the keys before stay. Any thread.
 */
int jwt_keyring_set(struct jwt_keyring *ring, const char *bytes, size_t len,
		    struct gantry_error *err);

/* Changes whenever the keys do. Any thread. */
uint64_t jwt_keyring_generation(const struct jwt_keyring *ring);

/* The keys and their generation, for the caller to release; NULL: there are none
   yet. Any thread. */
struct jwt_keys *jwt_keyring_take(struct jwt_keyring *ring,
				  uint64_t *generation_out);

#endif
