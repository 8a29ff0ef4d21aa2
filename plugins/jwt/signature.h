/* SPDX-License-Identifier: Apache-2.0 */
/* signature - the arithmetic: these bytes, this key, this signature. */
#ifndef JWT_SIGNATURE_H
#define JWT_SIGNATURE_H

#include "key.h"

#define JWT_SIGNATURE_MAX (JWT_RSA_MAX_BITS / 8)

struct jwt_bytes {
	const unsigned char *at;
	size_t len;
};

/* Any thread, several at once with one key. */
bool jwt_signature_is_good(const struct jwt_key *key, struct jwt_bytes text,
			   struct jwt_bytes signature);

/* Writes at most JWT_SIGNATURE_MAX bytes; 0, or -1 if the key cannot sign. */
int jwt_signature_make(const struct jwt_key *key, struct jwt_bytes text,
		       unsigned char *out, size_t *len_out);

#endif
