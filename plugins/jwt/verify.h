/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - from a token to a payload that its issuer signed.
 *
 * Nothing of the payload is looked at before the signature is known to be
 * good. Whether the claims are acceptable is the matter of claims.c.
 */
#ifndef JWT_VERIFY_H
#define JWT_VERIFY_H

#include "base64url.h"
#include "key.h"

#define JWT_TOKEN_MAX 8192

struct jwt_text {
	const char *at;
	size_t len;
};

struct jwt_payload {
	size_t len;
	unsigned char bytes[JWT_BASE64_BYTES(JWT_TOKEN_MAX)];
};

/*
 * 0 and the payload if token is a JWS in compact form, signed with the key of
 * keys that it names; -1 with err. any_typ: the header's typ does not matter
 * (a JWS that is no JWT). Any thread.
 */
int jwt_verify(const struct jwt_keys *keys, struct jwt_text token, bool any_typ,
	       struct jwt_payload *payload_out, struct gantry_error *err);

#endif
