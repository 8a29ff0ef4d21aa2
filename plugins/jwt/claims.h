/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims - what a signed payload says, held against what is configured.
 */
#ifndef JWT_CLAIMS_H
#define JWT_CLAIMS_H

#include <stdbool.h>

#include <gantry/error.h>

#define JWT_ROLES_MAX 16 /* what a message holds */

struct jwt_rules {
	const char *issuer;   /* NULL: any */
	const char *audience; /* NULL: any */
	int64_t leeway_ms;
	int64_t max_lifetime_ms; /* 0: no cap */
};

/* Texts belong to whoever filled it in. */
struct jwt_identity {
	int64_t expires_ms;  /* with the leeway */
	const char *subject; /* or NULL */
	size_t roles;
	const char *role[JWT_ROLES_MAX];
};

/* 0 and who it is, with texts that live as long as claims; -1 with err. */
int jwt_claims_check(const json_t *claims, const struct jwt_rules *rules,
		     int64_t now_ms, struct jwt_identity *out,
		     struct gantry_error *err);

#endif
