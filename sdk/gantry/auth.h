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

/*
 * A key for a token, as the bytes of its file: what kind of key it is, the
 * plugin tells by the content.
 */
struct gantry_token_key {
	size_t size;
	const char *bytes;
	size_t len;
	const char *algorithm;	/* "HS256"; NULL: the key itself says */
	const char *kid;	/* mint: which key of a set, and the kid that
				   the token names; NULL: the only key */
};
#define GANTRY_TOKEN_KEY(...)                                                 \
	((struct gantry_token_key){ .size = sizeof(struct gantry_token_key),  \
				    __VA_ARGS__ })

/* What a token is held against, beside its signature. */
struct gantry_token_rules {
	size_t size;
	bool signature_only;	/* nothing below counts */
	const char *issuer;	/* NULL: not looked at */
	const char *audience;	/* NULL: not looked at */
	int64_t now_ms;		/* since 1970, UTC */
	int64_t leeway_ms;
	int64_t max_lifetime_ms;	/* from iat to exp; 0: no cap */
};
#define GANTRY_TOKEN_RULES(...)                                               \
	((struct gantry_token_rules){                                         \
		.size = sizeof(struct gantry_token_rules), __VA_ARGS__ })

/* Whom a credential is made for. */
struct gantry_enrolment {
	size_t size;
	const char *name;
	const char *const *roles;	/* NULL at the end */
	int64_t until_ms;		/* when it ends, since 1970; 0: never */
};
#define GANTRY_ENROLMENT(...) \
	((struct gantry_enrolment){ .size = sizeof(struct gantry_enrolment), __VA_ARGS__ })

/* Room for the longest token, with its NUL. */
#define GANTRY_TOKEN_SIZE 8193

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
	/*
	 * Optional, for credentials that are signed tokens; both need no
	 * instance, do no I/O, keep nothing and may be called on any thread.
	 *
	 * mint: sign these claims (an object) as they stand and write the
	 * token to token_out, which has room for GANTRY_TOKEN_SIZE bytes and
	 * is the caller's to clear. check: whether authenticate() of an
	 * instance with this key and these rules would take the token. 0, or
	 * -1 with err; token_out is then not touched.
	 */
	int (*mint)(const struct gantry_token_key *key, const json_t *claims,
		    char *token_out, struct gantry_error *err);
	int (*check)(const struct gantry_token_key *key,
		     const struct gantry_token_rules *rules, const char *token,
		     struct gantry_error *err);
	/*
	 * Optional, for credentials that are lines of a file; as above, but
	 * that enroll takes random bytes.
	 *
	 * enroll: make a new credential, and the line that the file needs to
	 * take it. Both outs have room for GANTRY_TOKEN_SIZE bytes. check_file:
	 * whether the content of such a file can be used. 0, or -1 with err.
	 */
	int (*enroll)(const struct gantry_enrolment *who, char *credential_out,
		      char *line_out, struct gantry_error *err);
	int (*check_file)(const char *text, size_t len, struct gantry_error *err);
	/*
	 * Optional: sign these claims with the instance's own key and issuer,
	 * as a token that we show to others. kid: which key of a set, or NULL.
	 * token_out and the result as for mint. May read the key's file; one
	 * call at a time, on any thread.
	 */
	int (*issue)(void *self, const char *kid, const json_t *claims,
		     char *token_out, struct gantry_error *err);
	/* How a sender shows who it is, for others: gantry/describe.h. NULL:
	   not said. Level 1. */
	const char *scheme;
};

/*
 * The value of the Authorization header with its length, or NULL. Only during
 * authenticate. Level 1.
 */
const char *gantry_credential(const struct gantry_message *m, size_t *len_out);

/*
 * The same of another header, which handlers do not see from then on. If it
 * stands more than once, "" with length 0. Only during authenticate. Level 1.
 */
const char *gantry_credential_in(struct gantry_message *m, const char *header,
				 size_t *len_out);

/* The sender: issuer ("" if none) and subject (NULL if none). Level 1. */
void gantry_identify(struct gantry_message *m, const char *issuer,
		     const char *subject);

/* The sender has this role; at most 16, more are ignored. Level 1. */
void gantry_grant(struct gantry_message *m, const char *role);

#ifdef __cplusplus
}
#endif

#endif
