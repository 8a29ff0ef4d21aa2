/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt - who sends a message, by a signed token (RFC 7519).
 *
 * The rules are ours, the arithmetic is OpenSSL's. This file knows Gantry and
 * the order of the steps; each step has a file of its own.
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <gantry/plugin.h>

#include "cache.h"
#include "claims.h"
#include "json.h"
#include "keyring.h"
#include "mint.h"
#include "verify.h"

struct jwt {
	const char *key_file;
	const char *key_upstream;
	const char *key_path;
	int64_t key_refresh;
	int64_t algorithm;
	const char *issuer;
	const char *audience;
	int64_t leeway;
	int64_t max_lifetime;
	int64_t cache;

	struct jwt_rules rules;
	struct jwt_keyring *keyring;
	struct jwt_cache *verified;
	const struct gantry_instance *instance;
};

static int jwt_take_keys(void *self, const char *bytes, size_t len,
			 struct gantry_error *err)
{
	struct jwt *j = self;

	return jwt_keyring_set(j->keyring, bytes, len, err);
}

/* Keys stand in a file or come from an upstream. */
static int jwt_check_options(const void *self, struct gantry_error *err)
{
	const struct jwt *j = self;

	if ((j->key_file != NULL) == (j->key_upstream != NULL))
		return gantry_fail(err, j->key_file == NULL ?
				   "key_file: missing, and so is key_upstream" :
				   "key_file and key_upstream: only one of them");
	if (j->key_upstream != NULL && j->algorithm == JWT_HS256)
		return gantry_fail(err, "algorithm: HS256 is for secrets, which no key_upstream has");
	return 0;
}

static void jwt_close(void *self)
{
	struct jwt *j = self;

	jwt_keyring_free(&j->keyring);
	jwt_cache_free(&j->verified);
}

static int jwt_open(void *self, const struct gantry_instance *instance,
		    struct gantry_error *err)
{
	struct jwt *j = self;

	j->instance = instance;
	json_object_seed(0);
	j->rules = (struct jwt_rules){ .issuer = j->issuer,
				       .audience = j->audience,
				       .leeway_ms = j->leeway,
				       .max_lifetime_ms = j->max_lifetime };
	j->keyring = jwt_keyring_new(j->key_file,
				     (enum jwt_algorithm)j->algorithm, err);
	if (j->keyring == NULL)
		return -1;
	j->verified = jwt_cache_new((size_t)j->cache);
	if (j->verified == NULL) {
		jwt_close(self);
		return gantry_fail(err, "out of memory");
	}
	if (j->key_upstream != NULL &&
	    gantry_document_keep(instance, &GANTRY_DOCUMENT(
			.upstream = j->key_upstream, .path = j->key_path,
			.every_ms = j->key_refresh, .take = jwt_take_keys), err) < 0) {
		jwt_close(self);
		return -1;
	}
	return 0;
}

/* "Bearer" in any case, spaces, the token (RFC 6750 2.1, RFC 9110 11.1). */
static bool jwt_bearer(const struct gantry_message *m, struct jwt_text *out)
{
	static const char scheme[] = "Bearer ";
	size_t n = sizeof(scheme) - 1, len;
	const char *text = gantry_credential(m, &len);

	if (text == NULL || len < n || strncasecmp(text, scheme, n) != 0)
		return false;
	while (n < len && text[n] == ' ')
		n++;
	*out = (struct jwt_text){ text + n, len - n };
	return true;
}

static void jwt_welcome(const struct jwt *j, struct gantry_message *m,
			const struct jwt_identity *who)
{
	gantry_identify(m, j->issuer, who->subject);
	for (size_t i = 0; i < who->roles; i++)
		gantry_grant(m, who->role[i]);
}

/* err will say what is wrong with the token, so the file goes to the log. */
static void jwt_refresh(struct jwt *j, struct gantry_message *m, int64_t now_ms,
			struct gantry_error *err)
{
	int rc = jwt_keyring_refresh(j->keyring, now_ms, err);

	if (rc > 0)
		gantry_log(m, GANTRY_LOG_INFO, "key_file changed: new keys");
	else if (rc < 0)
		gantry_log(m, GANTRY_LOG_ERROR,
			   "key_file changed and cannot be used, the old keys "
			   "stay; "
			   "\"gantry token verify --jwk\" says why");
}

/* The whole way: signature, then claims, then the cache. */
static enum gantry_access jwt_examine(struct jwt *j, struct gantry_message *m,
				      struct jwt_text token,
				      struct gantry_error *err)
{
	struct jwt_moment moment = { .now_ms = gantry_now_ms(m) };
	struct jwt_keys *keys =
		jwt_keyring_take(j->keyring, &moment.generation);
	struct jwt_identity who;
	struct jwt_payload payload;
	json_t *claims = NULL;
	bool good;

	if (keys == NULL) {
		gantry_fail(err, "no keys have come from key_upstream yet");
		return GANTRY_ACCESS_DENIED;
	}
	if (jwt_verify(keys, token, false, &payload, err) == 0)
		claims = jwt_json_load((const char *)payload.bytes, payload.len,
				       "claims", err);
	else if (j->key_upstream != NULL)
		gantry_document_want(j->instance);	/* keys may have changed */
	good = claims != NULL &&
	       jwt_claims_check(claims, &j->rules, moment.now_ms, &who, err) ==
		       0;
	if (good) {
		jwt_welcome(j, m, &who);
		jwt_cache_keep(j->verified, token, moment, &who);
	}
	json_decref(claims);
	jwt_keys_release(&keys);
	return good ? GANTRY_ACCESS_GRANTED : GANTRY_ACCESS_DENIED;
}

static enum gantry_access jwt_authenticate(void *self, struct gantry_message *m,
					   struct gantry_error *err)
{
	struct jwt *j = self;
	struct jwt_moment moment = { .now_ms = gantry_now_ms(m) };
	struct jwt_cached *cached;
	struct jwt_text token;

	if (!jwt_bearer(m, &token)) {
		gantry_fail(err, "no bearer token");
		return GANTRY_ACCESS_DEFERRED;
	}
	jwt_refresh(j, m, moment.now_ms, err);
	moment.generation = jwt_keyring_generation(j->keyring);
	cached = jwt_cache_find(j->verified, token, moment);
	if (cached == NULL)
		return jwt_examine(j, m, token, err);
	jwt_welcome(j, m, &cached->who);
	jwt_cached_release(&cached);
	return GANTRY_ACCESS_GRANTED;
}

/* The file is read anew: what the keyring keeps need not be able to sign. */
static int jwt_issue(void *self, const char *kid, const json_t *claims,
		     char *token_out, struct gantry_error *err)
{
	struct jwt *j = self;
	struct gantry_token_key key = GANTRY_TOKEN_KEY(.kid = kid);
	json_t *all;
	char *secret;
	int rc = -1;

	if (j->key_file == NULL)
		return gantry_fail(err, "the keys of key_upstream cannot sign");
	all = json_copy((json_t *)claims);
	secret = gantry_secret(j->key_file, &key.len, err);
	if (j->algorithm != JWT_FROM_KEY)
		key.algorithm = jwt_algorithms[j->algorithm];
	if (secret != NULL) {
		key.bytes = secret;
		json_object_set_new(all, "iss", json_string(j->issuer));
		rc = jwt_mint(&key, all, token_out, err);
		gantry_secret_free(&secret, key.len);
	}
	json_decref(all);
	return rc;
}

static const struct gantry_option *const jwt_options[] = {
	GANTRY_SECRET_FILE(struct jwt, key_file,
			   .summary = "HMAC secret, PEM public key, JWK or JWK "
				      "Set; read again when it changes"),
	GANTRY_TEXT(struct jwt, key_upstream, .flags = GANTRY_OPTION_UPSTREAM,
		    .summary = "the upstream that has the JWK Set, instead of "
			       "key_file"),
	GANTRY_TEXT(struct jwt, key_path, .fallback = "/.well-known/jwks.json",
		    .min = 1, .max = 1024,
		    .summary = "where it has it"),
	GANTRY_DURATION(struct jwt, key_refresh, .fallback = "10m", .min = 1000,
			.max = 86400000,
			.summary = "how often it is fetched; a token of an "
				   "unknown key makes it sooner"),
	GANTRY_CHOICE(
		struct jwt, algorithm, .choices = jwt_algorithms,
		.fallback = "from-key",
		.summary =
			"the algorithm of the key; from-key: as each JWK says"),
	GANTRY_TEXT(struct jwt, issuer, .flags = GANTRY_OPTION_REQUIRED,
		    .min = 1, .max = 255,
		    .summary = "the iss that a token must have"),
	GANTRY_TEXT(struct jwt, audience, .flags = GANTRY_OPTION_REQUIRED,
		    .min = 1, .max = 255,
		    .summary = "the aud that a token must have"),
	GANTRY_DURATION(
		struct jwt, leeway, .fallback = "30s", .max = 60000,
		.summary =
			"how far the clocks of issuer and gateway may differ"),
	GANTRY_DURATION(struct jwt, max_lifetime, .fallback = "24h",
			.max = INT64_C(31622400000),
			.summary = "tokens that live longer from iat to exp "
				   "are refused; 0s: no cap"),
	GANTRY_INTEGER(struct jwt, cache, .fallback = "4096", .max = 65536,
		       .summary = "verified tokens that are remembered until "
				  "they expire; 0: none"),
	NULL,
};

static const struct gantry_auth jwt_auth = {
	.size = sizeof(struct gantry_auth),
	.challenge = "Bearer",
	.authenticate = jwt_authenticate,
	.mint = jwt_mint,
	.check = jwt_check,
	.issue = jwt_issue,
	.scheme = GANTRY_JSON({
		"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
		"description": "A token by ${issuer} for ${audience}; its claim roles counts"}),
};

GANTRY_PLUGIN(.name = "jwt", .version = VERSION_TEXT,
	      .summary =
		      "signed bearer tokens: HS256, RS256, PS256, ES256, EdDSA",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct jwt),
	      .options = jwt_options, .check = jwt_check_options,
	      .open = jwt_open, .close = jwt_close,
	      .auth = &jwt_auth);
