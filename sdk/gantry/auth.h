/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth - who sends a message. Whether the sender may is the route's matter.
 */
#ifndef GANTRY_AUTH_H
#define GANTRY_AUTH_H

#include <gantry/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero denies. When every auth instance defers, the answer is deny. */
enum gantry_access {
	GANTRY_ACCESS_DENIED = 0,
	GANTRY_ACCESS_GRANTED = 1,
	GANTRY_ACCESS_DEFERRED = 2,	/* no credential of my kind */
};

struct gantry_auth {
	size_t size;
	const char *challenge;	/* WWW-Authenticate of a 401, e.g. "Bearer" */
	/*
	 * Decide by gantry_credential(); on GRANTED call gantry_identify() and
	 * gantry_grant() before. err says why not, for the log only: the caller
	 * hears 401. Called on loop threads, by several at once: never blocks.
	 */
	enum gantry_access (*authenticate)(void *self,
					   struct gantry_message *m,
					   struct gantry_error *err);
};

/*
 * The value of the Authorization header with its length, or NULL. Only during
 * authenticate. Level 1.
 */
const char *gantry_credential(const struct gantry_message *m, size_t *len_out);

/* The sender: issuer ("" if none) and subject (NULL if none). Level 1. */
void gantry_identify(struct gantry_message *m, const char *issuer,
		     const char *subject);

/* The sender has this role; at most 16, more are ignored. Level 1. */
void gantry_grant(struct gantry_message *m, const char *role);

#ifdef __cplusplus
}
#endif

#endif
