/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signature - see signature.h.
 *
 * The algorithm is the key's; the token's word does not get here.
 */
#include "signature.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#define SIGNATURE_HMAC	  32
#define SIGNATURE_HALF	  32 /* r or s on P-256 */
#define SIGNATURE_ED25519 64
#define SIGNATURE_DER_MAX 80

/* A copy of the keyed context: neither fetched nor keyed again. */
static bool signature_hmac(const struct jwt_key *key, struct jwt_bytes text,
			   unsigned char out[static SIGNATURE_HMAC])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(key->mac);
	size_t len = 0;
	bool done;

	done = ctx != NULL && EVP_MAC_update(ctx, text.at, text.len) == 1 &&
	       EVP_MAC_final(ctx, out, &len, SIGNATURE_HMAC) == 1 &&
	       len == SIGNATURE_HMAC;
	EVP_MAC_CTX_free(ctx);
	return done;
}

static bool signature_hmac_is_good(const struct jwt_key *key,
				   struct jwt_bytes text,
				   struct jwt_bytes signature)
{
	unsigned char mac[SIGNATURE_HMAC];
	bool good;

	good = signature.len == sizeof(mac) && signature_hmac(key, text, mac) &&
	       CRYPTO_memcmp(mac, signature.at, sizeof(mac)) == 0;
	OPENSSL_cleanse(mac, sizeof(mac));
	return good;
}

/* r || s of exactly 64 bytes (RFC 7518 3.4) to the DER that OpenSSL wants. */
static int signature_to_der(struct jwt_bytes raw,
			    unsigned char der[static SIGNATURE_DER_MAX])
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.at, SIGNATURE_HALF, NULL);
	BIGNUM *s = BN_bin2bn(raw.at + SIGNATURE_HALF, SIGNATURE_HALF, NULL);
	int len = -1;

	if (sig != NULL && r != NULL && s != NULL &&
	    ECDSA_SIG_set0(sig, r, s) == 1) {
		len = i2d_ECDSA_SIG(sig, &der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(sig);
	return len;
}

static int signature_from_der(const unsigned char *der, size_t len,
			      unsigned char *raw)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	int rc = -1;

	if (sig != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, SIGNATURE_HALF) > 0 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + SIGNATURE_HALF,
			 SIGNATURE_HALF) > 0)
		rc = 0;
	ECDSA_SIG_free(sig);
	return rc;
}

/* For PS256 the salt is as long as the hash (RFC 7518 3.5). */
static bool signature_pad(EVP_PKEY_CTX *ctx, const struct jwt_key *key)
{
	if (key->algorithm == JWT_RS256)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) ==
		       1;
	if (key->algorithm == JWT_PS256)
		return EVP_PKEY_CTX_set_rsa_padding(
			       ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(
			       ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	return true;
}

static const char *signature_digest(const struct jwt_key *key)
{
	return key->algorithm == JWT_EDDSA ? NULL : "SHA256";
}

static bool signature_verify(const struct jwt_key *key, struct jwt_bytes text,
			     struct jwt_bytes signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey = NULL;
	bool good;

	good = ctx != NULL &&
	       EVP_DigestVerifyInit_ex(ctx, &pkey, signature_digest(key), NULL,
				       NULL, key->pkey, NULL) == 1 &&
	       signature_pad(pkey, key) &&
	       EVP_DigestVerify(ctx, signature.at, signature.len, text.at,
				text.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

static bool signature_es256_is_good(const struct jwt_key *key,
				    struct jwt_bytes text,
				    struct jwt_bytes signature)
{
	unsigned char der[SIGNATURE_DER_MAX];
	int len;

	if (signature.len != 2 * SIGNATURE_HALF)
		return false;
	len = signature_to_der(signature, der);
	return len > 0 &&
	       signature_verify(key, text,
				(struct jwt_bytes){ der, (size_t)len });
}

bool jwt_signature_is_good(const struct jwt_key *key, struct jwt_bytes text,
			   struct jwt_bytes signature)
{
	switch (key->algorithm) {
	case JWT_HS256:
		return signature_hmac_is_good(key, text, signature);
	case JWT_RS256:
	case JWT_PS256:
		return signature.len == (size_t)EVP_PKEY_get_size(key->pkey) &&
		       signature_verify(key, text, signature);
	case JWT_ES256:
		return signature_es256_is_good(key, text, signature);
	case JWT_EDDSA:
		return signature.len == SIGNATURE_ED25519 &&
		       signature_verify(key, text, signature);
	case JWT_FROM_KEY:
		break;
	}
	return false;
}

static int signature_sign(const struct jwt_key *key, struct jwt_bytes text,
			  unsigned char *out, size_t *len_out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey = NULL;
	bool done;

	*len_out = JWT_SIGNATURE_MAX;
	done = ctx != NULL &&
	       EVP_DigestSignInit_ex(ctx, &pkey, signature_digest(key), NULL,
				     NULL, key->pkey, NULL) == 1 &&
	       signature_pad(pkey, key) &&
	       EVP_DigestSign(ctx, out, len_out, text.at, text.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return done ? 0 : -1;
}

int jwt_signature_make(const struct jwt_key *key, struct jwt_bytes text,
		       unsigned char *out, size_t *len_out)
{
	assert(key->algorithm != JWT_FROM_KEY);
	if (key->algorithm == JWT_HS256) {
		*len_out = SIGNATURE_HMAC;
		return signature_hmac(key, text, out) ? 0 : -1;
	}
	if (signature_sign(key, text, out, len_out) < 0)
		return -1;
	if (key->algorithm == JWT_ES256) {
		unsigned char raw[2 * SIGNATURE_HALF];

		if (signature_from_der(out, *len_out, raw) < 0)
			return -1;
		memcpy(out, raw, sizeof(raw));
		*len_out = sizeof(raw);
	}
	return 0;
}
