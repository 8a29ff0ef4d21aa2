/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwk - see jwk.h.
 *
 * The parameters go to OpenSSL as they stand; whether the key is strong enough
 * and fits its algorithm is the matter of key.c.
 */
#include "jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "json.h"

#define JWK_VALUE_MAX (JWT_RSA_MAX_BITS / 8)
#define JWK_POINT     32 /* bytes of a coordinate on P-256, or of an Ed25519 key \
			  */

/* One JWK on its way into OpenSSL. */
struct jwk {
	const json_t *json;
	const char *where;
	struct gantry_error *err;
	OSSL_PARAM_BLD *build;
	BIGNUM *number[8]; /* the builder only refers to them */
	size_t numbers;
};

struct jwk_value {
	size_t len;
	unsigned char bytes[JWT_BASE64_BYTES(JWT_BASE64_CHARS(JWK_VALUE_MAX))];
};

/* 1, 0 if it is not there, -1 if it is not base64url of a fit length. */
static int jwk_value(const struct jwk *jwk, const char *name,
		     struct jwk_value *out)
{
	const json_t *json = json_object_get(jwk->json, name);

	if (json == NULL)
		return 0;
	if (!json_is_string(json) || json_string_length(json) == 0 ||
	    json_string_length(json) > JWT_BASE64_CHARS(JWK_VALUE_MAX) ||
	    jwt_base64_decode(json_string_value(json), json_string_length(json),
			      out->bytes, &out->len) < 0)
		return gantry_fail(jwk->err, "%s: \"%s\" is not base64url",
				   jwk->where, name);
	return 1;
}

static int jwk_needed(const struct jwk *jwk, const char *name, size_t len,
		      struct jwk_value *out)
{
	int there = jwk_value(jwk, name, out);

	if (there == 0)
		return gantry_fail(jwk->err, "%s: \"%s\" is missing",
				   jwk->where, name);
	if (there > 0 && len != 0 && out->len != len)
		return gantry_fail(jwk->err,
				   "%s: \"%s\" has %zu bytes, not %zu",
				   jwk->where, name, out->len, len);
	return there < 0 ? -1 : 0;
}

/* A number that may be absent; 1, 0 or -1 as jwk_value(). */
static int jwk_push_number(struct jwk *jwk, const char *name, const char *param)
{
	struct jwk_value value;
	int there = jwk_value(jwk, name, &value);
	BIGNUM *n;

	if (there <= 0)
		return there;
	n = BN_secure_new();
	if (n != NULL)
		BN_bin2bn(value.bytes, (int)value.len, n);
	OPENSSL_cleanse(value.bytes, value.len);
	jwk->number[jwk->numbers++] = n;
	return OSSL_PARAM_BLD_push_BN(jwk->build, param, n) == 1 ? 1 : -1;
}

static EVP_PKEY *jwk_build(struct jwk *jwk, const char *type, bool pair)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(jwk->build);
	EVP_PKEY *pkey = NULL;

	if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey,
			      pair ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
			      params) != 1)
		gantry_fail(jwk->err, "%s: the parameters make no key",
			    jwk->where);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return pkey;
}

/* The private half helps to sign; the factors are optional (RFC 7518 6.3). */
static EVP_PKEY *jwk_rsa(struct jwk *jwk)
{
	static const char *const names[][2] = {
		{ "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },
		{ "q", OSSL_PKEY_PARAM_RSA_FACTOR2 },
		{ "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
		{ "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 },
		{ "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
	};
	struct jwk_value value;
	int private;

	if (jwk_needed(jwk, "n", 0, &value) < 0 ||
	    jwk_needed(jwk, "e", 0, &value) < 0 ||
	    jwk_push_number(jwk, "n", OSSL_PKEY_PARAM_RSA_N) < 0 ||
	    jwk_push_number(jwk, "e", OSSL_PKEY_PARAM_RSA_E) < 0)
		return NULL;
	private = jwk_push_number(jwk, "d", OSSL_PKEY_PARAM_RSA_D);
	if (private < 0)
		return NULL;
	for (size_t i = 0; private == 1 && i < 5; i++)
		if (jwk_push_number(jwk, names[i][0], names[i][1]) < 0)
			return NULL;
	return jwk_build(jwk, "RSA", private == 1);
}

static int jwk_curve(const struct jwk *jwk, const char *curve)
{
	const json_t *crv = json_object_get(jwk->json, "crv");

	if (!json_is_string(crv))
		return gantry_fail(jwk->err, "%s: \"crv\" is missing",
				   jwk->where);
	if (!jwt_json_is(crv, curve))
		return gantry_fail(jwk->err, "%s: \"crv\" is not %s",
				   jwk->where, curve);
	return 0;
}

static EVP_PKEY *jwk_ec(struct jwk *jwk)
{
	unsigned char point[1 + 2 * JWK_POINT] = {
		POINT_CONVERSION_UNCOMPRESSED
	};
	struct jwk_value x, y;
	int private;

	if (jwk_curve(jwk, "P-256") < 0 ||
	    jwk_needed(jwk, "x", JWK_POINT, &x) < 0 ||
	    jwk_needed(jwk, "y", JWK_POINT, &y) < 0)
		return NULL;
	memcpy(point + 1, x.bytes, JWK_POINT);
	memcpy(point + 1 + JWK_POINT, y.bytes, JWK_POINT);
	private = jwk_push_number(jwk, "d", OSSL_PKEY_PARAM_PRIV_KEY);
	if (private < 0 ||
	    OSSL_PARAM_BLD_push_utf8_string(jwk->build,
					    OSSL_PKEY_PARAM_GROUP_NAME,
					    "prime256v1", 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(jwk->build,
					     OSSL_PKEY_PARAM_PUB_KEY, point,
					     sizeof(point)) != 1)
		return NULL;
	return jwk_build(jwk, "EC", private == 1);
}

/* Made from d alone, so x has no part in it, but must agree. */
static EVP_PKEY *jwk_okp_pair(const struct jwk *jwk, const struct jwk_value *x,
			      const struct jwk_value *d)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
						      d->bytes, d->len);
	unsigned char public[JWK_POINT];
	size_t len = sizeof(public);

	if (pkey == NULL) {
		gantry_fail(jwk->err, "%s: \"d\" has %zu bytes, not %d",
			    jwk->where, d->len, JWK_POINT);
	} else if (EVP_PKEY_get_raw_public_key(pkey, public, &len) != 1 ||
		   memcmp(public, x->bytes, JWK_POINT) != 0) {
		gantry_fail(jwk->err, "%s: \"d\" belongs to another \"x\"",
			    jwk->where);
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	ERR_clear_error();
	return pkey;
}

static EVP_PKEY *jwk_okp(struct jwk *jwk)
{
	struct jwk_value x, d;
	EVP_PKEY *pkey = NULL;
	int private;

	if (jwk_curve(jwk, "Ed25519") < 0 ||
	    jwk_needed(jwk, "x", JWK_POINT, &x) < 0)
		return NULL;
	private = jwk_value(jwk, "d", &d);
	if (private == 0)
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
						   x.bytes, x.len);
	if (private > 0) {
		pkey = jwk_okp_pair(jwk, &x, &d);
		OPENSSL_cleanse(&d, sizeof(d));
	}
	return pkey;
}

static int jwk_secret(const struct jwk *jwk, struct jwt_key *key)
{
	struct jwk_value k;
	int rc;

	if (jwk_needed(jwk, "k", 0, &k) < 0)
		return -1;
	rc = jwt_key_set_secret(key, k.bytes, k.len, jwk->where, jwk->err);
	OPENSSL_cleanse(&k, sizeof(k));
	return rc;
}

static int jwk_pkey(struct jwk *jwk, EVP_PKEY *(*read)(struct jwk *),
		    struct jwt_key *key)
{
	EVP_PKEY *pkey;

	jwk->build = OSSL_PARAM_BLD_new();
	pkey = jwk->build == NULL ? NULL : read(jwk);
	OSSL_PARAM_BLD_free(jwk->build);
	for (size_t i = 0; i < jwk->numbers; i++)
		BN_clear_free(jwk->number[i]);
	return pkey == NULL ? -1
			    : jwt_key_set_pkey(key, pkey, jwk->where, jwk->err);
}

/* 1, or 0 with err if use or key_ops say that the key is not for this. */
static int jwk_purpose(const struct jwk *jwk, const char *operation)
{
	const json_t *use = json_object_get(jwk->json, "use");
	const json_t *operations = json_object_get(jwk->json, "key_ops");
	const json_t *one;
	size_t i;

	if (use != NULL && !jwt_json_is(use, "sig")) {
		gantry_fail(jwk->err, "%s: \"use\" is not sig", jwk->where);
		return 0;
	}
	if (operations == NULL)
		return 1;
	json_array_foreach(operations, i,
			   one) if (jwt_json_is(one, operation)) return 1;
	gantry_fail(jwk->err, "%s: \"key_ops\" has no %s", jwk->where,
		    operation);
	return 0;
}

/* Which algorithm: the key's own, the configured one, and never two. */
static int jwk_algorithm(const struct jwk *jwk, enum jwt_algorithm configured,
			 enum jwt_algorithm *out)
{
	const json_t *alg = json_object_get(jwk->json, "alg");
	enum jwt_algorithm own;

	if (alg == NULL) {
		*out = configured;
		return configured != JWT_FROM_KEY
			       ? 1
			       : gantry_fail(jwk->err,
					     "%s: no \"alg\", and no algorithm "
					     "is configured",
					     jwk->where);
	}
	if (!json_is_string(alg))
		return gantry_fail(jwk->err, "%s: \"alg\" is not text",
				   jwk->where);
	own = jwt_algorithm_named(json_string_value(alg));
	if (own == JWT_FROM_KEY) {
		gantry_fail(jwk->err,
			    "%s: \"alg\" is none of HS256, RS256, PS256, ES256 "
			    "and EdDSA",
			    jwk->where);
		return 0;
	}
	if (configured != JWT_FROM_KEY && own != configured) {
		gantry_fail(jwk->err, "%s: \"alg\" is %s, but %s is configured",
			    jwk->where, jwt_algorithms[own],
			    jwt_algorithms[configured]);
		return 0;
	}
	*out = own;
	return 1;
}

static int jwk_kid(const struct jwk *jwk, struct jwt_key *key)
{
	const json_t *kid = json_object_get(jwk->json, "kid");

	if (kid == NULL)
		return 0;
	if (!json_is_string(kid) || json_string_length(kid) == 0 ||
	    json_string_length(kid) > 255)
		return gantry_fail(jwk->err,
				   "%s: \"kid\" is not 1 to 255 bytes of text",
				   jwk->where);
	key->kid = strdup(json_string_value(kid));
	return key->kid == NULL ? gantry_fail(jwk->err, "out of memory") : 0;
}

static int jwk_material(struct jwk *jwk, struct jwt_key *key)
{
	const json_t *kty = json_object_get(jwk->json, "kty");

	if (jwt_json_is(kty, "oct"))
		return jwk_secret(jwk, key);
	if (jwt_json_is(kty, "RSA"))
		return jwk_pkey(jwk, jwk_rsa, key);
	if (jwt_json_is(kty, "EC"))
		return jwk_pkey(jwk, jwk_ec, key);
	if (jwt_json_is(kty, "OKP"))
		return jwk_pkey(jwk, jwk_okp, key);
	return gantry_fail(jwk->err,
			   "%s: \"kty\" is none of oct, RSA, EC and OKP",
			   jwk->where);
}

/* The tree is about to be freed; its secrets would stay in free memory. */
static void jwk_clear(const json_t *json)
{
	static const char *const names[] = { "k",  "d",	 "p", "q",
					     "dp", "dq", "qi" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const json_t *value = json_object_get(json, names[i]);

		if (json_is_string(value))
			OPENSSL_cleanse((char *)json_string_value(value),
					json_string_length(value));
	}
}

int jwt_jwk_read(const json_t *json, const struct jwt_key_source *source,
		 const char *where, struct jwt_key *key,
		 struct gantry_error *err)
{
	struct jwk jwk = { .json = json, .where = where, .err = err };
	int rc;

	if (!json_is_object(json))
		return gantry_fail(err, "%s: not an object", where);
	rc = jwk_purpose(&jwk, source->operation);
	if (rc > 0)
		rc = jwk_algorithm(&jwk, source->algorithm, &key->algorithm);
	if (rc > 0 && (jwk_kid(&jwk, key) < 0 || jwk_material(&jwk, key) < 0))
		rc = -1;
	jwk_clear(json);
	return rc;
}
