/* SPDX-License-Identifier: Apache-2.0 */
/* mint - see mint.h. */
#include "mint.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "json.h"
#include "signature.h"
#include "verify.h"

_Static_assert(GANTRY_TOKEN_SIZE == JWT_TOKEN_MAX + 1,
	       "what is minted must be what is taken");

static struct jwt_keys *mint_keys(const struct gantry_token_key *key,
				  const char *operation,
				  struct gantry_error *err)
{
	struct jwt_key_source source = { .bytes = key->bytes,
					 .len = key->len,
					 .algorithm = JWT_FROM_KEY,
					 .operation = operation };

	if (key->algorithm != NULL) {
		source.algorithm = jwt_algorithm_named(key->algorithm);
		if (source.algorithm == JWT_FROM_KEY) {
			gantry_fail(err, "algorithm: none of HS256, RS256, "
					 "PS256, ES256 and EdDSA");
			return NULL;
		}
	}
	return jwt_keys_new(&source, err);
}

static char *mint_header(const struct jwt_key *key, const char *kid)
{
	json_t *header =
		json_pack("{s:s, s:s}", "alg", jwt_algorithms[key->algorithm],
			  "typ", "JWT");
	char *text;

	if (kid == NULL)
		kid = key->kid;
	if (kid != NULL)
		json_object_set_new(header, "kid", json_string(kid));
	text = json_dumps(header, JSON_COMPACT);
	json_decref(header);
	return text;
}

/* The token so far, in a buffer of GANTRY_TOKEN_SIZE. */
struct mint_text {
	size_t len;
	char at[GANTRY_TOKEN_SIZE];
};

static int mint_append(struct mint_text *text, const void *bytes, size_t n,
		       struct gantry_error *err)
{
	/* n is at most the memory there is, so this does not wrap */
	if (n > JWT_TOKEN_MAX ||
	    text->len + 1 + JWT_BASE64_CHARS(n) > JWT_TOKEN_MAX)
		return gantry_fail(err,
				   "the token would be longer than %d bytes",
				   JWT_TOKEN_MAX);
	if (text->len > 0)
		text->at[text->len++] = '.';
	text->len += jwt_base64_encode(bytes, n, text->at + text->len);
	return 0;
}

/* What was signed is verified: a private half may belong to another key. */
static int mint_sign(struct mint_text *text, const struct jwt_key *key,
		     struct gantry_error *err)
{
	struct jwt_bytes plain = { (const unsigned char *)text->at, text->len };
	unsigned char signature[JWT_SIGNATURE_MAX];
	size_t n;

	if (jwt_signature_make(key, plain, signature, &n) < 0)
		return gantry_fail(
			err, "the key cannot sign: it has no private half");
	if (!jwt_signature_is_good(key, plain,
				   (struct jwt_bytes){ signature, n }))
		return gantry_fail(err,
				   "the private half belongs to another key");
	return mint_append(text, signature, n, err);
}

static int mint_write(struct mint_text *text, const struct jwt_key *key,
		      const char *kid, const json_t *claims,
		      struct gantry_error *err)
{
	char *header = mint_header(key, kid);
	char *payload = json_dumps(claims, JSON_COMPACT);
	int rc = -1;

	if (header == NULL || payload == NULL)
		gantry_fail(err,
			    "the kid or the claims cannot be written as JSON");
	else if (mint_append(text, header, strlen(header), err) == 0 &&
		 mint_append(text, payload, strlen(payload), err) == 0)
		rc = mint_sign(text, key, err);
	free(header);
	free(payload);
	return rc;
}

int jwt_mint(const struct gantry_token_key *key, const json_t *claims,
	     char *token_out, struct gantry_error *err)
{
	struct jwt_keys *keys = mint_keys(key, "sign", err);
	struct mint_text text = { .len = 0 };
	const struct jwt_key *one;
	int rc = -1;

	if (keys == NULL)
		return -1;
	one = jwt_keys_find(keys, key->kid, err);
	if (one != NULL && !json_is_object(claims))
		gantry_fail(err, "the claims are not an object");
	else if (one != NULL)
		rc = mint_write(&text, one, key->kid, claims, err);
	if (rc == 0) {
		memcpy(token_out, text.at, text.len);
		token_out[text.len] = '\0';
	}
	OPENSSL_cleanse(&text, sizeof(text));
	jwt_keys_release(&keys);
	return rc;
}

static int check_claims(const struct jwt_payload *payload,
			const struct gantry_token_rules *given,
			struct gantry_error *err)
{
	struct jwt_rules rules = { .issuer = given->issuer,
				   .audience = given->audience,
				   .leeway_ms = given->leeway_ms,
				   .max_lifetime_ms = given->max_lifetime_ms };
	struct jwt_identity who;
	json_t *claims;
	int rc;

	claims = jwt_json_load((const char *)payload->bytes, payload->len,
			       "claims", err);
	if (claims == NULL)
		return -1;
	rc = jwt_claims_check(claims, &rules, given->now_ms, &who, err);
	json_decref(claims);
	return rc;
}

int jwt_check(const struct gantry_token_key *key,
	      const struct gantry_token_rules *rules, const char *token,
	      struct gantry_error *err)
{
	struct jwt_text text = { token, strnlen(token, GANTRY_TOKEN_SIZE) };
	struct jwt_keys *keys = mint_keys(key, "verify", err);
	struct jwt_payload payload;
	int rc;

	if (keys == NULL)
		return -1;
	rc = jwt_verify(keys, text, rules->signature_only, &payload, err);
	if (rc == 0 && !rules->signature_only)
		rc = check_claims(&payload, rules, err);
	jwt_keys_release(&keys);
	return rc;
}
