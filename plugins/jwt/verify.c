/* SPDX-License-Identifier: Apache-2.0 */
/* verify - see verify.h. */
#include "verify.h"

#include <string.h>
#include <strings.h>

#include "json.h"
#include "signature.h"

/* A token taken apart; nothing is believed yet. */
struct verify_parts {
	struct jwt_text header, payload, signature;
	struct jwt_bytes signed_text; /* header.payload */
};

static int verify_split(struct jwt_text token, struct verify_parts *out,
			struct gantry_error *err)
{
	const char *end = token.at + token.len;
	const char *dot, *dot2;

	if (token.len > JWT_TOKEN_MAX)
		return gantry_fail(err, "token: longer than %d bytes",
				   JWT_TOKEN_MAX);
	dot = memchr(token.at, '.', token.len);
	dot2 = dot == NULL ? NULL
			   : memchr(dot + 1, '.', (size_t)(end - dot - 1));
	if (dot2 == NULL ||
	    memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)) != NULL)
		return gantry_fail(err, "token: not three parts");
	out->header = (struct jwt_text){ token.at, (size_t)(dot - token.at) };
	out->payload = (struct jwt_text){ dot + 1, (size_t)(dot2 - dot - 1) };
	out->signature =
		(struct jwt_text){ dot2 + 1, (size_t)(end - dot2 - 1) };
	out->signed_text = (struct jwt_bytes){ (const unsigned char *)token.at,
					       (size_t)(dot2 - token.at) };
	return 0;
}

/* Names that are dangerous are said; others are the sender's and are not. */
static int verify_members(const json_t *header, struct gantry_error *err)
{
	static const char *const dangerous[] = { "crit", "b64", "zip", "jku",
						 "x5u",	 "jwk", "x5c" };
	size_t known = 0;

	for (size_t i = 0; i < sizeof(dangerous) / sizeof(*dangerous); i++)
		if (json_object_get(header, dangerous[i]) != NULL)
			return gantry_fail(err, "header: \"%s\" is not allowed",
					   dangerous[i]);
	known += json_object_get(header, "alg") != NULL;
	known += json_object_get(header, "typ") != NULL;
	known += json_object_get(header, "kid") != NULL;
	if (json_object_size(header) != known)
		return gantry_fail(err,
				   "header: only alg, typ and kid are allowed");
	return 0;
}

/* Other types of token are signed with the same keys (RFC 8725 3.11). */
static int verify_typ(const json_t *typ, bool any, struct gantry_error *err)
{
	static const char *const known[] = { "JWT", "at+jwt", "application/jwt",
					     "application/at+jwt" };

	if (typ == NULL)
		return 0;
	if (!json_is_string(typ))
		return gantry_fail(err, "header: typ is not text");
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcasecmp(json_string_value(typ), known[i]) == 0)
			return 0;
	return any ? 0
		   : gantry_fail(err, "header: typ is neither JWT nor at+jwt");
}

static const struct jwt_key *verify_key(const struct jwt_keys *keys,
					const json_t *header,
					struct gantry_error *err)
{
	const json_t *alg = json_object_get(header, "alg");
	const json_t *kid = json_object_get(header, "kid");
	const struct jwt_key *key;

	if (!json_is_string(alg)) {
		gantry_fail(err, "header: no alg");
		return NULL;
	}
	if (kid != NULL && !json_is_string(kid)) {
		gantry_fail(err, "header: kid is not text");
		return NULL;
	}
	key = jwt_keys_find(keys, json_string_value(kid), err);
	if (key != NULL && !jwt_json_is(alg, jwt_algorithms[key->algorithm])) {
		gantry_fail(err, "header: alg is not %s, which the key is for",
			    jwt_algorithms[key->algorithm]);
		return NULL;
	}
	return key;
}

static const struct jwt_key *verify_header(const struct jwt_keys *keys,
					   struct jwt_text text, bool any_typ,
					   struct gantry_error *err)
{
	unsigned char bytes[JWT_BASE64_BYTES(JWT_TOKEN_MAX)];
	const struct jwt_key *key = NULL;
	json_t *header;
	size_t len;

	if (jwt_base64_decode(text.at, text.len, bytes, &len) < 0) {
		gantry_fail(err, "header: not base64url");
		return NULL;
	}
	header = jwt_json_load((const char *)bytes, len, "header", err);
	if (header == NULL)
		return NULL;
	if (verify_members(header, err) == 0 &&
	    verify_typ(json_object_get(header, "typ"), any_typ, err) == 0)
		key = verify_key(keys, header, err);
	json_decref(header);
	return key;
}

int jwt_verify(const struct jwt_keys *keys, struct jwt_text token, bool any_typ,
	       struct jwt_payload *payload_out, struct gantry_error *err)
{
	unsigned char signature[JWT_BASE64_BYTES(
		JWT_BASE64_CHARS(JWT_SIGNATURE_MAX))];
	const struct jwt_key *key;
	struct verify_parts parts = { .signature.len = 0 };
	size_t len;

	if (verify_split(token, &parts, err) < 0)
		return -1;
	key = verify_header(keys, parts.header, any_typ, err);
	if (key == NULL)
		return -1;
	if (parts.signature.len > JWT_BASE64_CHARS(JWT_SIGNATURE_MAX))
		return gantry_fail(err, "signature: wrong");
	if (jwt_base64_decode(parts.signature.at, parts.signature.len,
			      signature, &len) < 0)
		return gantry_fail(err, "signature: not base64url");
	if (!jwt_signature_is_good(key, parts.signed_text,
				   (struct jwt_bytes){ signature, len }))
		return gantry_fail(err, "signature: wrong");
	if (jwt_base64_decode(parts.payload.at, parts.payload.len,
			      payload_out->bytes, &payload_out->len) < 0)
		return gantry_fail(err, "payload: not base64url");
	return 0;
}
