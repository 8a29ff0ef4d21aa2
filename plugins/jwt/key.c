/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key - one key, and a set of them with its references.
 *
 * Where keys come from is the matter of keyfile.c and jwk.c.
 */
#include "key.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

const char *const jwt_algorithms[] = { "from-key", "HS256", "RS256", "PS256",
				       "ES256",	   "EdDSA", NULL };

enum jwt_algorithm jwt_algorithm_named(const char *name)
{
	for (int i = JWT_HS256; i <= JWT_EDDSA; i++)
		if (strcmp(jwt_algorithms[i], name) == 0)
			return (enum jwt_algorithm)i;
	return JWT_FROM_KEY;
}

static EVP_MAC_CTX *key_mac(const unsigned char *secret, size_t len)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
						 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	EVP_MAC_free(mac);
	if (ctx != NULL && EVP_MAC_init(ctx, secret, len, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

int jwt_key_set_secret(struct jwt_key *key, const unsigned char *secret,
		       size_t len, const char *where, struct gantry_error *err)
{
	assert(key->mac == NULL && key->pkey == NULL);
	if (key->algorithm != JWT_HS256)
		return gantry_fail(err, "%s: an HMAC secret is no key for %s",
				   where, jwt_algorithms[key->algorithm]);
	if (len < JWT_SECRET_MIN)
		return gantry_fail(err,
				   "%s: an HMAC secret of %zu bytes; at least "
				   "%d are needed",
				   where, len, JWT_SECRET_MIN);
	key->mac = key_mac(secret, len);
	if (key->mac == NULL)
		return gantry_fail(err, "%s: OpenSSL offers no HMAC", where);
	return 0;
}

/* A long exponent only makes verifying slow; real ones have 17 bits. */
static int key_check_rsa(const EVP_PKEY *pkey, const char *where,
			 struct gantry_error *err)
{
	BIGNUM *e = NULL;
	bool usable;
	int bits = EVP_PKEY_get_bits(pkey);

	if (bits < JWT_RSA_MIN_BITS || bits > JWT_RSA_MAX_BITS)
		return gantry_fail(
			err, "%s: an RSA key of %d bits; %d to %d are taken",
			where, bits, JWT_RSA_MIN_BITS, JWT_RSA_MAX_BITS);
	usable = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
		 BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= 64;
	BN_free(e);
	if (!usable)
		return gantry_fail(
			err, "%s: an RSA key with an unusable exponent", where);
	return 0;
}

static int key_check_curve(const EVP_PKEY *pkey, const char *where,
			   struct gantry_error *err)
{
	char group[64];
	size_t len;

	if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) != 1 ||
	    strcmp(group, "prime256v1") != 0)
		return gantry_fail(err, "%s: not on the curve P-256", where);
	return 0;
}

static int key_check(const struct jwt_key *key, const EVP_PKEY *pkey,
		     const char *where, struct gantry_error *err)
{
	switch (key->algorithm) {
	case JWT_RS256:
	case JWT_PS256:
		if (EVP_PKEY_is_a(pkey, "RSA"))
			return key_check_rsa(pkey, where, err);
		break;
	case JWT_ES256:
		if (EVP_PKEY_is_a(pkey, "EC"))
			return key_check_curve(pkey, where, err);
		break;
	case JWT_EDDSA:
		if (EVP_PKEY_is_a(pkey, "ED25519"))
			return 0;
		break;
	case JWT_HS256:
	case JWT_FROM_KEY:
		break;
	}
	return gantry_fail(err, "%s: this type of key is no key for %s", where,
			   jwt_algorithms[key->algorithm]);
}

int jwt_key_set_pkey(struct jwt_key *key, EVP_PKEY *pkey, const char *where,
		     struct gantry_error *err)
{
	assert(key->mac == NULL && key->pkey == NULL);
	if (key_check(key, pkey, where, err) < 0) {
		EVP_PKEY_free(pkey);
		return -1;
	}
	key->pkey = pkey;
	return 0;
}

struct jwt_keys *jwt_keys_hold(struct jwt_keys *keys)
{
	atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
	return keys;
}

/* OpenSSL clears its copies of a secret when it frees them. */
void jwt_keys_release(struct jwt_keys **keys)
{
	struct jwt_keys *k = *keys;

	*keys = NULL;
	if (k == NULL || atomic_fetch_sub(&k->references, 1) > 1)
		return;
	for (size_t i = 0; i < k->n; i++) {
		free(k->key[i].kid);
		EVP_PKEY_free(k->key[i].pkey);
		EVP_MAC_CTX_free(k->key[i].mac);
	}
	free(k);
}

const struct jwt_key *jwt_keys_find(const struct jwt_keys *keys,
				    const char *kid, struct gantry_error *err)
{
	const struct jwt_key *only = keys->n == 1 ? &keys->key[0] : NULL;

	assert(keys->n > 0);
	if (only != NULL && (kid == NULL || only->kid == NULL))
		return only;
	if (kid == NULL) {
		gantry_fail(err, "kid: missing, and there are %zu keys",
			    keys->n);
		return NULL;
	}
	for (size_t i = 0; i < keys->n; i++)
		if (keys->key[i].kid != NULL &&
		    strcmp(keys->key[i].kid, kid) == 0)
			return &keys->key[i];
	gantry_fail(err, "kid: no key has this one");
	return NULL;
}
