/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile - from the bytes of a key file to keys.
 *
 * Told apart by content, and without guessing: what looks like PEM, JSON or
 * DER is never taken for an HMAC secret. Otherwise a public key, which anybody
 * may have, would sign tokens (RS/HS confusion).
 */
#include "key.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "jwk.h"

static bool keyfile_is_pem(const struct jwt_key_source *source)
{
	return memmem(source->bytes, source->len, "-----BEGIN", 10) != NULL;
}

static bool keyfile_is_json(const struct jwt_key_source *source)
{
	const char *at = source->bytes, *end = at + source->len;

	while (at < end && isspace((unsigned char)*at))
		at++;
	if (at == end || *at != '{')
		return false;
	for (; at < end; at++) /* random bytes may begin with a brace */
		if ((unsigned char)*at < ' ' && !isspace((unsigned char)*at))
			return false;
	return true;
}

static bool keyfile_is_der(const struct jwt_key_source *source)
{
	const unsigned char *at = (const unsigned char *)source->bytes;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)source->len);

	if (pkey == NULL) {
		at = (const unsigned char *)source->bytes;
		pkey = d2i_AutoPrivateKey(NULL, &at, (long)source->len);
	}
	ERR_clear_error();
	EVP_PKEY_free(pkey);
	return pkey != NULL;
}

/* Never ask for a passphrase on a terminal. */
static int keyfile_no_passphrase(char *buffer, int size, int writing,
				 void *data)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

static EVP_PKEY *keyfile_decode_pem(const struct jwt_key_source *source)
{
	const unsigned char *at = (const unsigned char *)source->bytes;
	size_t len = source->len;
	EVP_PKEY *pkey = NULL;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(
		&pkey, "PEM", NULL, NULL, 0, NULL, NULL);

	if (ctx != NULL && OSSL_DECODER_CTX_set_pem_password_cb(
				   ctx, keyfile_no_passphrase, NULL) == 1)
		OSSL_DECODER_from_data(ctx, &at, &len);
	OSSL_DECODER_CTX_free(ctx);
	ERR_clear_error();
	return pkey;
}

static int keyfile_read_pem(struct jwt_keys *keys,
			    const struct jwt_key_source *source,
			    struct gantry_error *err)
{
	EVP_PKEY *pkey;

	if (source->algorithm == JWT_FROM_KEY)
		return gantry_fail(err, "a PEM key needs an algorithm");
	if (source->algorithm == JWT_HS256)
		return gantry_fail(err, "a PEM key is no HMAC secret");
	pkey = keyfile_decode_pem(source);
	if (pkey == NULL)
		return gantry_fail(err, "no public or private key that can be "
					"read in this PEM text");
	keys->n = 1;
	keys->key[0].algorithm = source->algorithm;
	return jwt_key_set_pkey(&keys->key[0], pkey, "PEM", err);
}

static int keyfile_read_raw(struct jwt_keys *keys,
			    const struct jwt_key_source *source,
			    struct gantry_error *err)
{
	if (keyfile_is_der(source))
		return gantry_fail(err, "a DER key: PEM is needed");
	if (source->algorithm == JWT_FROM_KEY)
		return gantry_fail(err, "an HMAC secret needs an algorithm");
	keys->n = 1;
	keys->key[0].algorithm = source->algorithm;
	return jwt_key_set_secret(&keys->key[0],
				  (const unsigned char *)source->bytes,
				  source->len, "raw", err);
}

static int keyfile_check_kid(const struct jwt_keys *keys, const char *where,
			     struct gantry_error *err)
{
	const struct jwt_key *newest = &keys->key[keys->n - 1];

	for (size_t i = 0; i + 1 < keys->n; i++) {
		const char *kid = keys->key[i].kid;

		if (kid == NULL || newest->kid == NULL)
			return gantry_fail(
				err, "%s: each key of a set needs a \"kid\"",
				where);
		if (strcmp(kid, newest->kid) == 0)
			return gantry_fail(
				err, "%s: another key has this \"kid\"", where);
	}
	return 0;
}

static int keyfile_read_set(struct jwt_keys *keys, const json_t *set,
			    const struct jwt_key_source *source,
			    struct gantry_error *err)
{
	const json_t *jwk;
	char where[32];
	size_t i;

	if (!json_is_array(set) || json_array_size(set) == 0 ||
	    json_array_size(set) > JWT_KEYS_MAX)
		return gantry_fail(
			err, "JWK Set: \"keys\" is not a list of 1 to %d keys",
			JWT_KEYS_MAX);
	json_array_foreach(set, i, jwk)
	{
		struct jwt_key *key = &keys->key[keys->n++];
		int rc;

		snprintf(where, sizeof(where), "JWK %zu", i + 1);
		rc = jwt_jwk_read(jwk, source, where, key, err);
		if (rc < 0 ||
		    (rc > 0 && keyfile_check_kid(keys, where, err) < 0))
			return -1;
		if (rc == 0)
			keys->n--;
	}
	return keys->n > 0 ? 0 : -1;
}

static int keyfile_read_json(struct jwt_keys *keys,
			     const struct jwt_key_source *source,
			     struct gantry_error *err)
{
	json_t *json = jwt_json_load(source->bytes, source->len, "JWK", err);
	const json_t *set = json_object_get(json, "keys");
	int rc = -1;

	if (json != NULL && set != NULL) {
		rc = keyfile_read_set(keys, set, source, err);
	} else if (json != NULL) {
		keys->n = 1;
		rc = jwt_jwk_read(json, source, "JWK", &keys->key[0], err) > 0
			     ? 0
			     : -1;
	}
	json_decref(json);
	return rc;
}

struct jwt_keys *jwt_keys_new(const struct jwt_key_source *source,
			      struct gantry_error *err)
{
	struct jwt_keys *keys = calloc(1, sizeof(*keys));
	int rc;

	if (keys == NULL) {
		gantry_fail(err, "out of memory");
		return NULL;
	}
	atomic_init(&keys->references, 1);
	if (keyfile_is_pem(source))
		rc = keyfile_read_pem(keys, source, err);
	else if (keyfile_is_json(source))
		rc = keyfile_read_json(keys, source, err);
	else
		rc = keyfile_read_raw(keys, source, err);
	if (rc < 0)
		jwt_keys_release(&keys);
	return keys;
}
