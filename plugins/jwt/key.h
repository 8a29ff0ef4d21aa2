/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key - the keys that tokens are verified or signed with.
 *
 * A key has exactly one algorithm, fixed when it is loaded. Nothing that a
 * token says can make it be used with another.
 */
#ifndef JWT_KEY_H
#define JWT_KEY_H

#include <stdatomic.h>
#include <stdbool.h>

#include <gantry/error.h>
#include <openssl/evp.h>

enum jwt_algorithm {
	JWT_FROM_KEY = 0,
	JWT_HS256,
	JWT_RS256,
	JWT_PS256,
	JWT_ES256,
	JWT_EDDSA,
};
#define JWT_KEYS_MAX	 64
#define JWT_SECRET_MIN	 32
#define JWT_RSA_MIN_BITS 2048
#define JWT_RSA_MAX_BITS 8192

/* "from-key", "HS256", ... in the order of the enum, NULL at the end. */
extern const char *const jwt_algorithms[];

/* JWT_FROM_KEY if there is none of that name. */
enum jwt_algorithm jwt_algorithm_named(const char *name);

struct jwt_key {
	enum jwt_algorithm algorithm;
	char *kid;	  /* or NULL */
	EVP_PKEY *pkey;	  /* all but HS256 */
	EVP_MAC_CTX *mac; /* HS256: keyed; duplicated for each use */
};

struct jwt_keys {
	atomic_int references;
	size_t n;
	struct jwt_key key[JWT_KEYS_MAX];
};

struct jwt_key_source {
	const char *bytes;
	size_t len;
	enum jwt_algorithm algorithm;
	const char *operation; /* "verify" or "sign" */
};

/*
 * The keys in these bytes: a raw HMAC secret, PEM, a JWK or a JWK Set, told
 * apart by content. In a set, keys for another purpose are passed over. NULL
 * with err if none is left or anything is malformed. One reference.
 */
struct jwt_keys *jwt_keys_new(const struct jwt_key_source *source,
			      struct gantry_error *err);
struct jwt_keys *jwt_keys_hold(struct jwt_keys *keys);
void jwt_keys_release(struct jwt_keys **keys);

/*
 * The key of that kid (NULL: none was said). Without a kid there must be no
 * choice; a key that has no kid is meant by any, if it is the only one. NULL
 * with err.
 */
const struct jwt_key *jwt_keys_find(const struct jwt_keys *keys,
				    const char *kid, struct gantry_error *err);

/*
 * Make key an HMAC key or take over pkey (freed on failure); where is put
 * before messages. The type and size must fit key->algorithm.
 */
int jwt_key_set_secret(struct jwt_key *key, const unsigned char *secret,
		       size_t len, const char *where, struct gantry_error *err);
int jwt_key_set_pkey(struct jwt_key *key, EVP_PKEY *pkey, const char *where,
		     struct gantry_error *err);

#endif
