/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - the token that we show an upstream: signed by an auth instance,
 * renewed before it ends. One thread.
 */
#ifndef UPSTREAM_TOKEN_H
#define UPSTREAM_TOKEN_H

#include "gateway/config/config.h"
#include "gateway/pipeline/route.h"

struct token;

/* auth must have issue(). All of them live longer. */
struct token *token_new(const struct config_upstream *upstream,
			struct gantry_instance *auth, const char *service);
void token_free(struct token **token);

/*
 * "Authorization: Bearer ...", signed anew if need be; lives until the next
 * call. now_ms: wall clock. NULL with err.
 */
const char *token_header(struct token *token, int64_t now_ms,
			 struct gantry_error *err);

/* The next one is signed anew. */
void token_forget(struct token *token);

#endif
