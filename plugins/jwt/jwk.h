/* SPDX-License-Identifier: Apache-2.0 */
/* jwk - a key as JSON (RFC 7517, 7518, 8037). */
#ifndef JWT_JWK_H
#define JWT_JWK_H

#include "key.h"

/*
 * 1 and the key filled in; 0 if it is for another purpose, with err saying
 * which; -1 with err if it is malformed. key is zeroed before, and to be freed
 * by the caller in any case. The private values in jwk are cleared.
 */
int jwt_jwk_read(const json_t *jwk, const struct jwt_key_source *source,
		 const char *where, struct jwt_key *key,
		 struct gantry_error *err);

#endif
